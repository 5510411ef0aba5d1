/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of mas.h as the JSON of mas_rest.h. */
#include "config.h"

#include "mas/mas_remote_calls.h"

#include <stdio.h>

#include "sec/hex.h"

static void
put_given(struct buf *b, const char *name, struct slice s)
{
	if (s.n > 0)
		json_put_text(b, name, s);
}

static void
put_ival(struct buf *b, const struct ival_report *r)
{
	json_put_open(b, "ival", '{');
	json_put_number(b, "results", r->results);
	json_put_number(b, "mac", r->mac);
	json_put_text(b, "time", r->time);
	buf_char(b, '}');
}

static bool
no_answer(struct remote_flight *f, void *call, struct slice answer)
{
	(void)f;
	(void)call;
	return answer.n == 0;
}

/* ---- connect ---- */

/* A connection as it is read. */
struct wire_connection {
	struct slice id, node, scl_id, sources, wrapped;
	struct key kmc;
	int64_t kmc_index, kmr_index, flags, created, expires, ival_required;
};

static bool
take_connection(const struct wire_connection *w, struct mas_connection *out)
{
	*out = (struct mas_connection){ .kmc = w->kmc, .kmc_index = (uint32_t)w->kmc_index,
		                        .kmr_index = (uint32_t)w->kmr_index,
		                        .flags = (unsigned)w->flags, .created = w->created,
		                        .expires = w->expires,
		                        .ival_required = (uint64_t)w->ival_required };
	return conn_id_parse_hex(w->id, &out->id) && node_id_parse(w->node, &out->node) &&
	       w->kmc_index > 0 && w->kmc_index <= UINT32_MAX && w->kmr_index > 0 &&
	       w->kmr_index <= UINT32_MAX && w->flags >= 0 && w->flags <= UINT16_MAX &&
	       w->ival_required >= 0 && scl_id_ok(w->scl_id) &&
	       string_set(out->scl_id, MAS_SCL_ID_MAX, w->scl_id) &&
	       string_set(out->allowed_sources, MAS_SOURCES_MAX, w->sources);
}

#define CONNECTION(member, name, kind, required)                                                   \
	JSON_FIELD(struct wire_connection, member, name, kind, required)

bool
remote_read_connection(struct slice text, struct mas_connection *out, struct slice *wrapped)
{
	static const struct json_field fields[] = {
		CONNECTION(id, "connectionId", JSON_TEXT, true),
		CONNECTION(kmc_index, "kmcIndex", JSON_NUMBER, true),
		CONNECTION(kmc, "kmc", JSON_KEY, true),
		CONNECTION(node, "nodeId", JSON_TEXT, true),
		CONNECTION(kmr_index, "kmrIndex", JSON_NUMBER, true),
		CONNECTION(scl_id, "sclId", JSON_TEXT, true),
		CONNECTION(flags, "flags", JSON_NUMBER, true),
		CONNECTION(created, "created", JSON_NUMBER, true),
		CONNECTION(expires, "expires", JSON_NUMBER, true),
		CONNECTION(ival_required, "ivalRequired", JSON_NUMBER, true),
		CONNECTION(sources, "allowedSources", JSON_TEXT, true),
		CONNECTION(wrapped, "wrapped", JSON_TEXT, false),
	};
	struct wire_connection w = { .kmc_index = 0 };
	bool ok = json_read(text, fields, NITEMS(fields), &w) && take_connection(&w, out);

	*wrapped = w.wrapped;
	secret_wipe(&w, sizeof(w));
	if (!ok)
		secret_wipe(out, sizeof(*out));
	return ok;
}

static void
connect_path(const void *call, char *out, size_t size)
{
	(void)call;
	snprintf(out, size, "connect");
}

static void
connect_write(const void *call, struct buf *b)
{
	const struct mas_connect *c = call;

	buf_char(b, '{');
	json_put_hex(b, "nodeId", c->node.v, NODE_ID_BYTES);
	json_put_number(b, "kmrIndex", c->kmr_index);
	put_given(b, "sclId", c->scl_id);
	json_put_key(b, "exporter", &c->exporter);
	json_put_text(b, "variant", SLICE_LIT("C1"));
	json_put_number(b, "tlsVersion", c->tls_version);
	if (c->ival != NULL)
		put_ival(b, c->ival);
	put_given(b, "deviceProof", c->device_proof);
	put_given(b, "source", c->source);
	buf_char(b, '}');
}

static bool
connect_read(struct remote_flight *f, void *call, struct slice answer)
{
	struct mas_connect *c = call;
	struct slice wrapped;

	if (!remote_read_connection(answer, &c->connection, &wrapped) ||
	    !hex_decode(wrapped, c->wrapped, KEYWRAP_BYTES))
		return false;
	/* Of one that may be over, the next try says what there is to say. */
	if (remote_news_of(f, &c->connection) != REMOTE_LASTS ||
	    remote_know(f->r, &c->connection) != RC_OK) {
		key_wipe(&c->connection.kmc);
		mas_outcome_failed(&c->outcome, RC_UNAVAILABLE);
	}
	return true;
}

KIND_COMMON(connect, struct mas_connect)
const struct remote_kind remote_connect_kind = { KIND(connect, struct mas_connect, "POST") };

/* ---- end ---- */

static void
end_path(const void *call, char *out, size_t size)
{
	const struct mas_end *c = call;
	char id[CONN_ID_HEX];

	conn_id_hex(c->connection_id, id);
	snprintf(out, size, "connections/%s/end", id);
}

static void
end_write(const void *call, struct buf *b)
{
	const struct mas_end *c = call;

	buf_char(b, '{');
	put_given(b, "why", slice_of(c->why));
	buf_char(b, '}');
}

static bool
end_read(struct remote_flight *f, void *call, struct slice answer)
{
	const struct mas_end *c = call;

	remote_forget(f->r, c->connection_id);
	return answer.n == 0;
}

KIND_COMMON(end, struct mas_end)
const struct remote_kind remote_end_kind = { KIND(end, struct mas_end, "POST") };

/* ---- report ---- */

static void
report_path(const void *call, char *out, size_t size)
{
	const struct mas_report *c = call;
	char id[CONN_ID_HEX];

	conn_id_hex(c->connection_id, id);
	snprintf(out, size, "connections/%s/report", id);
}

static void
report_write(const void *call, struct buf *b)
{
	const struct mas_report *c = call;

	buf_char(b, '{');
	put_ival(b, &c->ival);
	buf_char(b, '}');
}

#define report_read no_answer
KIND_COMMON(report, struct mas_report)
const struct remote_kind remote_report_kind = { KIND(report, struct mas_report, "POST") };

/* ---- provision ---- */

static void
provision_path(const void *call, char *out, size_t size)
{
	(void)call;
	snprintf(out, size, "nodes");
}

static void
provision_write(const void *call, struct buf *b)
{
	const struct mas_provision *p = call;

	buf_char(b, '{');
	if (p->ppid.n > 0)
		json_put_hex(b, "ppid", p->ppid.p, p->ppid.n);
	if (p->has_node)
		json_put_hex(b, "nodeId", p->node.v, NODE_ID_BYTES);
	if (p->kmr_index != 0)
		json_put_number(b, "kmrIndex", p->kmr_index);
	put_given(b, "sclId", slice_of(p->scl_id));
	if (p->has_kmr)
		json_put_key(b, "kmr", &p->kmr);
	put_given(b, "subId", p->sub_id);
	json_put_text(b, "origin", slice_of(p->origin));
	json_put_number(b, "lifetime", p->lifetime);
	put_given(b, "source", p->source);
	buf_char(b, '}');
}

struct wire_provision {
	struct slice node, scl_id;
	struct key kmr;
	int64_t kmr_index, expires;
};

static bool
provision_read(struct remote_flight *f, void *call, struct slice answer)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_provision, node, "nodeId", JSON_TEXT, true),
		JSON_FIELD(struct wire_provision, kmr_index, "kmrIndex", JSON_NUMBER, true),
		JSON_FIELD(struct wire_provision, scl_id, "sclId", JSON_TEXT, true),
		JSON_FIELD(struct wire_provision, expires, "expires", JSON_NUMBER, true),
		JSON_FIELD(struct wire_provision, kmr, "kmr", JSON_KEY, false),
	};
	struct mas_provision *p = call;
	struct wire_provision w = { .kmr_index = 0 };
	bool ok = json_read(answer, fields, NITEMS(fields), &w) && w.kmr_index > 0 &&
	          w.kmr_index <= UINT32_MAX && node_id_parse(w.node, &p->node) &&
	          string_set(p->scl_id, MAS_SCL_ID_MAX, w.scl_id) &&
	          key_is_zero(&w.kmr) == p->has_kmr;

	(void)f;
	if (ok) {
		p->kmr_index = (uint32_t)w.kmr_index;
		p->expires = w.expires;
		if (!p->has_kmr)
			p->kmr = w.kmr;
	}
	secret_wipe(&w, sizeof(w));
	return ok;
}

KIND_COMMON(provision, struct mas_provision)
const struct remote_kind remote_provision_kind = { KIND(provision, struct mas_provision, "POST") };

/* ---- the MSBF's changes ---- */

static void
put_actor(struct buf *b, const struct mas_change *c)
{
	put_given(b, "actor", slice_of(c->actor));
	put_given(b, "source", c->source);
}

static void
bind_path(const void *call, char *out, size_t size)
{
	const struct mas_change *c = call;
	char node[NODE_ID_TEXT];

	node_id_text(&c->node, node);
	snprintf(out, size, "nodes/%s/fingerprints", node);
}

static void
bind_write(const void *call, struct buf *b)
{
	const struct mas_change *c = call;

	buf_char(b, '{');
	json_put_open(b, "fingerprints", '[');
	for (unsigned i = 0; i < c->n_fingerprints; i++)
		json_put_hex(b, NULL, c->fingerprints[i].v, DEVICE_FINGERPRINT_SIZE);
	buf_char(b, ']');
	put_actor(b, c);
	buf_char(b, '}');
}

#define bind_read no_answer
KIND_COMMON(bind, struct mas_change)
const struct remote_kind remote_bind_kind = { KIND(bind, struct mas_change, "PUT") };

static void
revoke_path(const void *call, char *out, size_t size)
{
	const struct mas_change *c = call;
	char node[NODE_ID_TEXT];

	node_id_text(&c->node, node);
	snprintf(out, size, "nodes/%s/revoke", node);
}

static void
revoke_write(const void *call, struct buf *b)
{
	const struct mas_change *c = call;

	buf_char(b, '{');
	json_put_number(b, "index", c->index);
	put_given(b, "reason", slice_of(c->reason));
	put_actor(b, c);
	buf_char(b, '}');
}

#define revoke_read no_answer
KIND_COMMON(revoke, struct mas_change)
const struct remote_kind remote_revoke_kind = { KIND(revoke, struct mas_change, "POST") };

/* Others are not the MSBF's. */
static void
other_start(struct mas_remote *r, void *call)
{
	struct mas_change *c = call;

	(void)r;
	mas_outcome(&c->outcome, RC_NOT_IMPLEMENTED, NULL);
	c->done(c);
}

const struct remote_kind remote_other_kind = {
	.name = "change", .job = offsetof(struct mas_change, job), .outcome = revoke_outcome,
	.done = revoke_done, .start = other_start,
};

/* ---- verdict ---- */

static void
verdict_path(const void *call, char *out, size_t size)
{
	(void)call;
	snprintf(out, size, "verdict");
}

static void
verdict_write(const void *call, struct buf *b)
{
	const struct mas_verdict *v = call;
	char identity[PSK_ID_TEXT] = "";

	(void)psk_id_format(&v->id, identity);
	buf_char(b, '{');
	json_put_text(b, "identity", slice_of(identity));
	buf_char(b, '}');
}

struct wire_verdict {
	int64_t cause;
	bool permanent;
};

static bool
verdict_read(struct remote_flight *f, void *call, struct slice answer)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_verdict, cause, "cause", JSON_NUMBER, true),
		JSON_FIELD(struct wire_verdict, permanent, "permanent", JSON_FLAG, true),
	};
	struct mas_verdict *v = call;
	struct wire_verdict w = { .cause = -1 };

	(void)f;
	if (!json_read(answer, fields, NITEMS(fields), &w) || w.cause < 0 || w.cause >= REJECT_CAUSES)
		return false;
	v->cause = (unsigned)w.cause;
	v->permanent = w.permanent;
	return true;
}

KIND_COMMON(verdict, struct mas_verdict)
const struct remote_kind remote_verdict_kind = { KIND(verdict, struct mas_verdict, "POST") };

/* ---- live ---- */

static void
live_start(struct mas_remote *r, void *call)
{
	remote_list(r, call);
}

KIND_COMMON(live, struct mas_live)
const struct remote_kind remote_live_kind = {
	.name = "live", .job = offsetof(struct mas_live, job), .outcome = live_outcome,
	.done = live_done, .start = live_start,
};
