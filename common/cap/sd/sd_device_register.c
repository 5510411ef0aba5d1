/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a device become known to the NSCL, on the service connection of that device. */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include "codec/json_fields.h"
#include "sec/b64url.h"

/* More than readings of a device can be on their way: sd.queue_max here, and those at its gateway. */
#define LOST_NUMBERS (UINT64_C(1) << 24)

struct told {
	int64_t seq;
};

static void
put_octets(struct buf *b, const char *name, const uint8_t *octets, size_t n)
{
	char text[B64URL_LEN(SD_BLS_PUBLIC_SIZE)];

	b64url_encode(text, octets, n);
	json_put_text(b, name, slice_make(text, B64URL_LEN(n)));
}

/* Nothing without a key. */
static enum rc
put_bls(struct dv *dv)
{
	uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
	struct sd_bls_secret bls = { 0 };
	enum rc rc = sd_bls_secret_read(slice_make(dv->secrets->bls.v, KEY_BYTES), &bls);

	if (rc == RC_OK)
		rc = sd_bls_prove(&bls, pk, pop);
	if (rc == RC_OK) {
		json_put_open(&dv->body, "bls", '{');
		put_octets(&dv->body, "pk", pk, sizeof(pk));
		put_octets(&dv->body, "pop", pop, sizeof(pop));
		buf_char(&dv->body, '}');
	}
	sd_bls_wipe(&bls);
	dv->without_bls = rc != RC_OK;
	return rc == RC_NOT_IMPLEMENTED || rc == RC_BAD_REQUEST ? RC_OK : rc;
}

static enum rc
describe(struct dv *dv)
{
	struct sign_public ed25519;
	enum rc rc = RC_OK;

	sign_key_public(dv->sign, &ed25519);
	buf_clear(&dv->body);
	buf_char(&dv->body, '{');
	json_put_text(&dv->body, "container", slice_of(dv->conf.container));
	put_octets(&dv->body, "ed25519", ed25519.v, sizeof(ed25519.v));
	if (!dv->without_bls)
		rc = put_bls(dv);
	buf_char(&dv->body, '}');
	return rc == RC_OK && dv->body.failed ? RC_UNAVAILABLE : rc;
}

/*
 * Numbers go on behind what the network has; when the book was lost, far behind: readings of before
 * may be on their way still, and what has the number of one of them would count as there already.
 */
static bool
take_number(struct dv *dv, struct slice answer)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told, seq, "seq", JSON_NUMBER, true),
	};
	struct told t = { 0 };

	if (!json_pick(answer, fields, 1, &t) || t.seq < 0)
		return false;
	pthread_mutex_lock(&dv->lock);
	if (!dv->ready && t.seq > 0)
		dv->next_seq = (uint64_t)t.seq + LOST_NUMBERS;
	if (dv->next_seq <= (uint64_t)t.seq)
		dv->next_seq = (uint64_t)t.seq + 1;
	dv->ready = true;
	pthread_mutex_unlock(&dv->lock);
	return true;
}

static void
registered(struct exchange *ex)
{
	struct dv *dv = ex->owner;
	const int status = ex->rc == RC_OK ? ex->http_status : 0;
	bool good = (status == 200 || status == 201) && take_number(dv, buf_view(&ex->answer));
	const char *why = status == 0 ? ex->failure : "it refuses them";

	dv_sent(dv);
	if (good) {
		LOG_INFO(dv->log, "smalldata-registered",
		         LOG_Z("bls", dv->without_bls ? "no" : "yes"));
		dv->failures = 0;
		atomic_store(&dv->registered, true);
		dv_next(dv);
		return;
	}
	/* A network without a pairing takes the other key. */
	dv->without_bls = dv->without_bls || status == 501;
	dv_later(dv, "the network to take keys", why);
}

void
dv_register(struct dv *dv)
{
	char path[16 + NODE_ID_TEXT] = "/sdKeys/";
	enum rc rc = describe(dv);

	node_id_text(&dv->node, path + strlen(path));
	if (rc != RC_OK)
		dv_later(dv, "keys", status_of(rc)->text);
	else if (!nscl_url(dv->cap, path, dv->url))
		dv_later(dv, "the network", "no NSCL is known");
	else
		dv_send(dv, "PUT", DV_JSON, DV_JSON, registered);
}
