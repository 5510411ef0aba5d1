/* SPDX-License-Identifier: Apache-2.0 */
/* What is answered to bundles, counted and logged of them. */
#include "config.h"

#include "cap/sd/sd_network_impl.h"

#include "codec/json_fields.h"
#include "sec/b64url.h"

#define READING_OCTETS 48u /* of one that is rejected, at most */
#define KEYS_DOC_MAX 1024u
#define DEVICE_OCTETS 96u /* of one that is excluded */

/* In the order of enum net_reason. */
static const struct {
	const char *name;
	enum net_count count;
} reasons[NET_REASONS] = {
	[NET_TAKEN] = { "", NET_COUNT_ACCEPTED },
	[NET_REPLAY] = { "SD_REPLAY", NET_COUNT_REPLAY },
	[NET_NO_KEY] = { "SD_NO_KEY", NET_COUNT_NO_KEY },
	[NET_SIGNATURE] = { "SD_SIGNATURE", NET_COUNT_SIGNATURE },
	[NET_CONTAINER] = { "SD_CONTAINER", NET_COUNT_CONTAINER },
	[NET_EXPIRED] = { "SD_EXPIRED", NET_COUNT_EXPIRED },
	[NET_EXCLUDED] = { "SD_EXCLUDED", NET_COUNT_EXCLUDED },
};

const char *
net_reason_name(enum net_reason r)
{
	return reasons[r].name;
}

/* Devices of the bundle that are excluded now for its gateway, each once: they follow each other in known seldom. */
static void
put_excluded(struct net_post *p, struct buf *b)
{
	int64_t now = clock_now(p->net->clock);

	json_put_open(b, "excluded", '[');
	for (size_t i = 0; i < p->bundle.n; i++) {
		bool again = false;
		struct sd_trace t;
		int64_t until = 0;

		if (p->known[i] != NULL) {
			t = sd_known_trace(p->net->table, p->known[i]);
			until = net_post_excluded(p, &t);
		}
		if (until <= now)
			continue;
		for (size_t k = 0; k < i && !again; k++)
			again = p->known[k] == p->known[i];
		if (again)
			continue;
		json_put_open(b, NULL, '{');
		json_put_hex(b, "deviceId", p->readings[i].device.v, NODE_ID_BYTES);
		json_put_number(b, "until", until / CLOCK_SECOND);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

/* Of a refusal of the whole nothing is taken, and what has no reason of its own is not named. */
static void
put_readings(struct net_post *p, bool none, struct buf *b)
{
	size_t taken = 0;

	for (size_t i = 0; i < p->bundle.n && !none; i++)
		taken += p->reasons[i] == NET_TAKEN;
	json_put_number(b, "accepted", (int64_t)taken);
	json_put_open(b, "rejected", '[');
	for (size_t i = 0; i < p->bundle.n; i++) {
		if (p->reasons[i] == NET_TAKEN)
			continue;
		json_put_open(b, NULL, '{');
		json_put_number(b, "index", (int64_t)i);
		json_put_text(b, "reason", slice_of(net_reason_name(p->reasons[i])));
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void
note(struct net_post *p, const char *reason)
{
	struct sd_network *net = p->net;
	size_t rejected = 0;

	for (size_t i = 0; i < p->bundle.n; i++) {
		if (p->reasons[i] == NET_TAKEN)
			continue;
		net_count(net, reasons[p->reasons[i]].count);
		rejected++;
	}
	if (reason != NULL)
		LOG_WARN(net->log, "smalldata-refused", LOG_Z("reason", reason),
		         LOG_N("alg", p->bundle.alg), LOG_N("readings", p->bundle.n));
	else if (rejected > 0)
		LOG_INFO(net->log, "smalldata-rejected", LOG_N("alg", p->bundle.alg),
		         LOG_N("readings", p->bundle.n), LOG_N("rejected", rejected));
}

enum rc
net_answer(struct net_post *p, enum rc rc, const char *reason)
{
	struct buf b;

	buf_init(&b, 128 + p->bundle.n * (READING_OCTETS + DEVICE_OCTETS));
	buf_char(&b, '{');
	if (reason != NULL)
		json_put_text(&b, "reason", slice_of(reason));
	put_readings(p, reason != NULL, &b);
	put_excluded(p, &b);
	buf_char(&b, '}');
	/* What was taken stays: the same bundle again brings that to light. */
	if (b.failed) {
		rc = net_overload(p->net, p->rq, 1);
	} else {
		note(p, reason);
		rc = endpoint_answer(p->rq, rc, NET_JSON, buf_view(&b));
	}
	buf_fini(&b);
	return rc;
}

/* ---- keys of a device ---- */

static void
put_octets(struct buf *b, const char *name, const void *p, size_t n)
{
	char text[B64URL_LEN(SD_BLS_PUBLIC_SIZE)];

	b64url_encode(text, p, n);
	json_put_text(b, name, slice_make(text, B64URL_LEN(n)));
}

enum rc
net_answer_keys(struct sd_network *net, struct req *rq, const struct node_id *id)
{
	struct sd_known *k = sd_known_find(net->table, id);
	struct sd_keys keys = { .known = false };
	char tag[CONN_ID_HEX];
	struct buf b;
	enum rc rc;

	if (k != NULL)
		sd_known_keys(net->table, k, &keys);
	if (!keys.known)
		return endpoint_refuse(rq, RC_NOT_FOUND, SLICE_NONE);
	conn_id_hex(keys.revision, tag);
	if (endpoint_cache(rq, slice_of(tag)))
		return endpoint_answer(rq, RC_NOT_MODIFIED, NET_JSON, SLICE_NONE);
	buf_init(&b, KEYS_DOC_MAX);
	buf_char(&b, '{');
	json_put_hex(&b, "deviceId", id->v, NODE_ID_BYTES);
	json_put_text(&b, "container", slice_of(keys.container));
	if (keys.has_ed25519)
		put_octets(&b, "ed25519", keys.ed25519.v, SIGN_PUBLIC_SIZE);
	if (keys.has_bls)
		put_octets(&b, "bls", keys.bls, sizeof(keys.bls));
	buf_char(&b, '}');
	rc = b.failed ? net_overload(net, rq, 1)
	              : endpoint_answer(rq, RC_OK, NET_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- what is taken at all ---- */

static void
put_costs(const struct sd_costs *c, struct buf *b)
{
	const struct {
		const char *name;
		uint64_t ns;
	} rows[] = { { "ed25519", c->ed25519 },        { "bls", c->bls },
		     { "blsReading", c->bls_reading }, { "blsSigner", c->bls_signer },
		     { "identity", c->identity },      { "identityReading", c->identity_reading } };

	json_put_open(b, "costs", '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_put_number(b, rows[i].name, (int64_t)rows[i].ns);
	buf_char(b, '}');
}

static void
put_limits(struct buf *b)
{
	json_put_open(b, "limits", '{');
	json_put_number(b, "readings", SD_READINGS_MAX);
	json_put_number(b, "payload", SD_PAYLOAD_MAX);
	json_put_number(b, "octets", SD_BUNDLE_MAX);
	buf_char(b, '}');
}

static void
put_generator(const struct ibas_public *q, struct buf *b)
{
	uint8_t octets[IBAS_PUBLIC_SIZE];

	if (ibas_public_write(q, octets) == RC_OK)
		put_octets(b, "generator", octets, sizeof(octets));
}

enum rc
net_answer_terms(struct sd_network *net, struct req *rq)
{
	struct ibas_public q;
	bool identity = net_generator(net, &q);
	struct buf b;
	enum rc rc;

	if (!net_enter(net, &net->n_changes, 0))
		return net_overload(net, rq, 1);
	net_leave(net, &net->n_changes);
	buf_init(&b, 1024);
	buf_char(&b, '{');
	json_put_open(&b, "algs", '[');
	json_put_number(&b, NULL, SD_ED25519);
	if (net->costs.bls != 0) {
		json_put_number(&b, NULL, SD_BLS);
		json_put_number(&b, NULL, SD_BLS_SINGLE);
	}
	if (identity)
		json_put_number(&b, NULL, SD_IDENTITY);
	buf_char(&b, ']');
	put_costs(&net->costs, &b);
	put_limits(&b);
	if (identity)
		put_generator(&q, &b);
	buf_char(&b, '}');
	rc = b.failed ? net_overload(net, rq, 1)
	              : endpoint_answer(rq, RC_OK, NET_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}
