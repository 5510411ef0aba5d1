/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of NSCLs and MSBFs in other processes, from JSON and back to it. */
#include "config.h"

#include "mas/mas_rest_impl.h"

#include <stdio.h>

#include "sec/hex.h"
#include "sec/proof.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define FIELD(name, member, kind, required)                                                        \
	JSON_FIELD(struct rest_args, member, name, kind, required)
#define SOURCE_MAX 64u

/* ---- what several calls have ---- */

/* A copy into a string of max + 1 octets; false when it is too long. */
static bool
copy(char *to, size_t max, struct slice s)
{
	if (s.n > max)
		return false;
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

static bool
index_of(int64_t v, uint32_t *index)
{
	*index = (uint32_t)v;
	return v >= 0 && v <= UINT32_MAX;
}

/* A report as the node has made it; absent when ival.p is NULL. */
static bool
read_ival(struct slice text, struct ival_report *out)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct ival_report, results, "results", JSON_NUMBER, true),
		JSON_FIELD(struct ival_report, mac, "mac", JSON_NUMBER, true),
		JSON_FIELD(struct ival_report, time, "time", JSON_TEXT, true),
	};

	return json_read(text, fields, NITEMS(fields), out);
}

static void
put_connection(struct buf *b, const struct mas_connection *c)
{
	char id[CONN_ID_HEX];

	conn_id_hex(c->id, id);
	json_put_text(b, "connectionId", slice_of(id));
	json_put_number(b, "kmcIndex", c->kmc_index);
	json_put_key(b, "kmc", &c->kmc);
	json_put_hex(b, "nodeId", c->node.v, NODE_ID_BYTES);
	json_put_number(b, "kmrIndex", c->kmr_index);
	json_put_text(b, "sclId", slice_of(c->scl_id));
	json_put_number(b, "flags", c->flags);
	json_put_number(b, "created", c->created);
	json_put_number(b, "expires", c->expires);
	json_put_number(b, "ivalRequired", (int64_t)c->ival_required);
	json_put_text(b, "allowedSources", slice_of(c->allowed_sources));
}

/* ---- connect ---- */

static const struct json_field connect_fields[] = {
	FIELD("nodeId", node, JSON_TEXT, true),
	FIELD("kmrIndex", kmr_index, JSON_NUMBER, true),
	FIELD("sclId", scl_id, JSON_TEXT, false),
	FIELD("exporter", key, JSON_KEY, true),
	FIELD("variant", variant, JSON_TEXT, true),
	FIELD("tlsVersion", tls_version, JSON_NUMBER, true),
	FIELD("ival", ival, JSON_OBJECT, false),
	FIELD("deviceProof", device_proof, JSON_TEXT, false),
	FIELD("source", source, JSON_TEXT, false),
};

static bool
connect_check(struct rest_call *c)
{
	struct mas_connect *m = &c->u.connect;
	const struct rest_args *a = &c->args;

	*m = (struct mas_connect){ .scl_id = a->scl_id, .exporter = a->key,
		                   .variant = MAS_C1_TLS_PSK, .device_proof = a->device_proof,
		                   .source = a->source, .nscl = slice_of(c->nscl), .owner = c };
	if (!node_id_parse(a->node, &m->node) || !index_of(a->kmr_index, &m->kmr_index) ||
	    !slice_is(a->variant, "C1") || (a->tls_version != 0x0303 && a->tls_version != 0x0304))
		return false;
	if (a->scl_id.n > MAS_SCL_ID_MAX || a->device_proof.n > PROOF_TEXT_MAX ||
	    a->source.n > SOURCE_MAX)
		return false;
	m->tls_version = (unsigned)a->tls_version;
	if (a->ival.p == NULL)
		return true;
	m->ival = &c->ival;
	return read_ival(a->ival, &c->ival);
}

static void
connect_done(struct mas_connect *m)
{
	struct rest_call *c = m->owner;
	struct mas_counters *counters = mas_counters_of(c->rest->conf.mas);

	if (m->outcome.rc == RC_OK) {
		(void)buf_reserve(&c->out, 2048);
		buf_char(&c->out, '{');
		put_connection(&c->out, &m->connection);
		json_put_hex(&c->out, "wrapped", m->wrapped, KEYWRAP_BYTES);
		buf_char(&c->out, '}');
	}
	mas_count(counters, MAS_COUNT_HN_BYTES_IN, c->in->body.n);
	mas_count(counters, MAS_COUNT_HN_BYTES_OUT, c->out.n);
	rest_outcome(c, &m->outcome, RC_CREATED);
}

static void
connect_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.connect.done = connect_done;
	mas.ops->connect(mas.self, &c->u.connect);
}

/* ---- connections ---- */

static const struct json_field end_fields[] = { FIELD("why", reason, JSON_TEXT, false) };

static bool
end_check(struct rest_call *c)
{
	struct mas_end *m = &c->u.end;

	*m = (struct mas_end){ .why = arena_str(c->arena, c->args.reason),
		               .nscl = slice_of(c->nscl), .owner = c };
	return c->args.reason.n <= AUDIT_RESULT_MAX && conn_id_parse_hex(c->id, &m->connection_id);
}

static void
end_done(struct mas_end *m)
{
	rest_outcome(m->owner, &m->outcome, RC_NO_CONTENT);
}

static void
end_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.end.done = end_done;
	mas.ops->end(mas.self, &c->u.end);
}

static const struct json_field report_fields[] = { FIELD("ival", ival, JSON_OBJECT, true) };

static bool
report_check(struct rest_call *c)
{
	struct mas_report *m = &c->u.report;

	*m = (struct mas_report){ .nscl = slice_of(c->nscl), .owner = c };
	return conn_id_parse_hex(c->id, &m->connection_id) && read_ival(c->args.ival, &m->ival);
}

static void
report_done(struct mas_report *m)
{
	rest_outcome(m->owner, &m->outcome, RC_NO_CONTENT);
}

static void
report_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.report.done = report_done;
	mas.ops->report(mas.self, &c->u.report);
}

/* Requests and octets of one connection. */
struct use {
	struct slice id;
	int64_t requests, octets;
};

/* Goes through them all; take: hands them over as well. */
static bool
walk_uses(struct rest_call *c, bool take)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct use, id, "connection", JSON_TEXT, true),
		JSON_FIELD(struct use, requests, "requests", JSON_NUMBER, true),
		JSON_FIELD(struct use, octets, "octets", JSON_NUMBER, true),
	};
	struct slice list = c->args.uses, item;
	int more;

	while ((more = json_item(&list, &item)) == 1) {
		struct use use = { .requests = 0 };
		uint64_t id;

		if (!json_read(item, fields, NITEMS(fields), &use) || use.requests < 0 ||
		    use.octets < 0 || !conn_id_parse_hex(use.id, &id))
			return false;
		if (take)
			mas_used_by(c->rest->conf.mas, slice_of(c->nscl), id, (uint64_t)use.requests,
			            (uint64_t)use.octets);
	}
	return more == 0;
}

static const struct json_field used_fields[] = { FIELD("uses", uses, JSON_LIST, true) };

static bool
used_check(struct rest_call *c)
{
	return walk_uses(c, false);
}

static void
used_begin(struct rest_call *c)
{
	(void)walk_uses(c, true);
	rest_answer(c, RC_NO_CONTENT);
}

/* ---- all that are to be served ---- */

static const struct json_field live_fields[] = { FIELD("after", after, JSON_TEXT, false) };

static bool
live_check(struct rest_call *c)
{
	return c->args.after.n == 0 || conn_id_parse_hex(c->args.after, &c->last);
}

static void
live_each(struct mas_live *l, const struct mas_connection *conn)
{
	struct rest_call *c = l->owner;

	if (conn->id <= c->last)
		return;
	c->last = conn->id;
	json_put_open(&c->out, NULL, '{');
	put_connection(&c->out, conn);
	buf_char(&c->out, '}');
}

static void
live_done(struct mas_live *l)
{
	struct rest_call *c = l->owner;
	char after[CONN_ID_HEX];

	buf_char(&c->out, ']');
	if (l->more) {
		conn_id_hex(c->last, after);
		json_put_text(&c->out, "after", slice_of(after));
	}
	buf_char(&c->out, '}');
	rest_outcome(c, &l->outcome, RC_OK);
}

static void
live_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	buf_puts(&c->out, "{\"connections\":[");
	c->u.live = (struct mas_live){ .nscl = slice_of(c->nscl), .after = c->last,
		                       .limit = REST_PAGE, .each = live_each,
		                       .done = live_done, .owner = c };
	mas.ops->live(mas.self, &c->u.live);
}

/* ---- the MSBF's ---- */

static const struct json_field provision_fields[] = {
	FIELD("ppid", ppid, JSON_TEXT, false), /* hex */
	FIELD("nodeId", node, JSON_TEXT, false),
	FIELD("kmrIndex", kmr_index, JSON_NUMBER, false),
	FIELD("sclId", scl_id, JSON_TEXT, false),
	FIELD("kmr", key, JSON_KEY, false),
	FIELD("subId", sub_id, JSON_TEXT, false),
	FIELD("origin", origin, JSON_TEXT, true),
	FIELD("lifetime", lifetime, JSON_NUMBER, false), /* us */
	FIELD("source", source, JSON_TEXT, false),
};

static bool
provision_ppid(struct rest_call *c)
{
	struct slice text = c->args.ppid;
	uint8_t *octets = arena_alloc(c->arena, PPID_MAX);

	if (octets == NULL || text.n % 2 != 0 || text.n / 2 > PPID_MAX ||
	    !hex_decode(text, octets, text.n / 2))
		return false;
	c->u.provision.ppid = slice_make(octets, text.n / 2);
	return true;
}

static bool
provision_check(struct rest_call *c)
{
	const struct rest_args *a = &c->args;
	struct mas_provision *m = &c->u.provision;

	*m = (struct mas_provision){ .kmr = a->key, .sub_id = a->sub_id, .source = a->source,
		                     .lifetime = a->lifetime, .owner = c };
	m->has_kmr = !key_is_zero(&m->kmr);
	m->has_node = a->node.p != NULL;
	m->origin = arena_str(c->arena, a->origin);
	if (m->has_node && !node_id_parse(a->node, &m->node))
		return false;
	return provision_ppid(c) && m->origin != NULL && a->origin.n <= MAS_ORIGIN_MAX &&
	       a->source.n <= SOURCE_MAX && index_of(a->kmr_index, &m->kmr_index) &&
	       copy(m->scl_id, MAS_SCL_ID_MAX, a->scl_id);
}

static void
provision_done(struct mas_provision *m)
{
	struct rest_call *c = m->owner;
	struct buf *b = &c->out;

	if (m->outcome.rc == RC_OK) {
		(void)buf_reserve(b, 1024);
		buf_char(b, '{');
		json_put_hex(b, "nodeId", m->node.v, NODE_ID_BYTES);
		json_put_number(b, "kmrIndex", m->kmr_index);
		json_put_text(b, "sclId", slice_of(m->scl_id));
		json_put_number(b, "expires", m->expires);
		if (!m->has_kmr)
			json_put_key(b, "kmr", &m->kmr);
		buf_char(b, '}');
	}
	rest_outcome(c, &m->outcome, RC_CREATED);
}

static void
provision_begin(struct rest_call *c)
{
	struct mas mas = mas_of(c->rest->conf.mas);

	c->u.provision.done = provision_done;
	mas.ops->provision(mas.self, &c->u.provision);
}

static void
change_done(struct mas_change *m)
{
	rest_outcome(m->owner, &m->outcome, RC_NO_CONTENT);
}

static void
change_begin(struct rest_call *c)
{
	c->u.change.done = change_done;
	mas_change(c->rest->conf.mas, &c->u.change);
}

/* Whom an MSBF names stands behind what its certificate names. */
static const char *
actor_of(struct rest_call *c, struct slice named)
{
	const struct peer *peer = c->in->peer;
	struct slice msbf = peer->n_dns_names > 0 ? peer->dns_names[0] : peer->subject;
	struct slice text = arena_printf(c->arena, "%.*s/%.*s", (int)msbf.n,
	                                 msbf.n == 0 ? "" : msbf.p, (int)named.n,
	                                 named.n == 0 ? "" : named.p);

	return text.p == NULL ? NULL : arena_str(c->arena, text);
}

static bool
change_of(struct rest_call *c, enum mas_change_kind kind)
{
	const struct rest_args *a = &c->args;

	c->u.change = (struct mas_change){ .kind = kind, .flags = MAS_KEEP_FLAGS,
		                           .source = a->source,
		                           .fingerprints = c->fingerprints, .owner = c };
	if (a->reason.p != NULL)
		c->u.change.reason = arena_str(c->arena, a->reason);
	c->u.change.actor = actor_of(c, a->actor.p == NULL ? SLICE_LIT("msbf") : a->actor);
	return a->actor.n <= AUDIT_ACTOR_MAX && a->reason.n <= AUDIT_RESULT_MAX &&
	       a->source.n <= SOURCE_MAX && c->u.change.actor != NULL &&
	       index_of(a->kmr_index, &c->u.change.index) && node_id_parse(c->id, &c->u.change.node);
}

static const struct json_field revoke_fields[] = {
	FIELD("index", kmr_index, JSON_NUMBER, true),
	FIELD("actor", actor, JSON_TEXT, false),
	FIELD("reason", reason, JSON_TEXT, false),
	FIELD("source", source, JSON_TEXT, false),
};

static bool
revoke_check(struct rest_call *c)
{
	return change_of(c, MAS_REVOKE_KMR);
}

static const struct json_field bind_fields[] = {
	FIELD("fingerprints", fingerprints, JSON_LIST, true),
	FIELD("actor", actor, JSON_TEXT, false),
	FIELD("source", source, JSON_TEXT, false),
};

static bool
bind_check(struct rest_call *c)
{
	struct slice list = c->args.fingerprints, item, text;
	bool ok = change_of(c, MAS_BIND);
	unsigned n = 0;
	int more;

	for (; (more = json_item(&list, &item)) == 1 && ok; n++)
		ok = n < MAS_FINGERPRINTS && json_item_text(item, &text) &&
		     hex_decode(text, c->fingerprints[n].v, DEVICE_FINGERPRINT_SIZE);
	c->u.change.n_fingerprints = n;
	return ok && more == 0;
}

static const struct json_field verdict_fields[] = { FIELD("identity", identity, JSON_TEXT, true) };

static bool
verdict_check(struct rest_call *c)
{
	c->u.verdict = (struct mas_verdict){ .owner = c };
	return psk_id_parse(c->args.identity, &c->u.verdict.id);
}

static void
verdict_done(struct mas_verdict *m)
{
	struct rest_call *c = m->owner;

	buf_char(&c->out, '{');
	json_put_number(&c->out, "cause", m->cause);
	json_put_flag(&c->out, "permanent", m->permanent);
	buf_char(&c->out, '}');
	rest_outcome(c, &m->outcome, RC_OK);
}

static void
verdict_begin(struct rest_call *c)
{
	c->u.verdict.done = verdict_done;
	mas_verdict(c->rest->conf.mas, &c->u.verdict);
}

/* ---- stats ---- */

static bool
stats_check(struct rest_call *c)
{
	(void)c;
	return true;
}

static void
stats_begin(struct rest_call *c)
{
	buf_char(&c->out, '{');
	mas_counters_visit(mas_counters_of(c->rest->conf.mas), json_put_counter, &c->out);
	buf_char(&c->out, '}');
	rest_answer(c, RC_OK);
}

/* ---- all calls ---- */

static const struct json_field gaka_fields[] = { FIELD("node", node, JSON_TEXT, false) };

static const struct json_field feed_fields[] = {
	FIELD("since", since, JSON_TEXT, false),
	FIELD("events", events, JSON_TEXT, false),
	FIELD("wait", wait, JSON_TEXT, false), /* seconds */
	FIELD("after", after, JSON_TEXT, false),
};

static const struct json_field news_fields[] = {
	FIELD("since", since, JSON_TEXT, false),
	FIELD("wait", wait, JSON_TEXT, false), /* seconds */
};

#define FIELDS(f) f, NITEMS(f)

const struct rest_op rest_ops[] = {
	{ REQ_CREATE, "nodes", ROLE_MSBF_URI, FIELDS(provision_fields), provision_check,
	  provision_begin },
	{ REQ_CREATE, "nodes/*/revoke", ROLE_MSBF_URI, FIELDS(revoke_fields), revoke_check,
	  change_begin },
	{ REQ_UPDATE, "nodes/*/fingerprints", ROLE_MSBF_URI, FIELDS(bind_fields), bind_check,
	  change_begin },
	{ REQ_CREATE, "verdict", ROLE_MSBF_URI, FIELDS(verdict_fields), verdict_check,
	  verdict_begin },
	{ REQ_RETRIEVE, "psk-feed", ROLE_NSCL_URI | ROLE_GW_URI, FIELDS(feed_fields),
	  rest_feed_check, rest_feed_begin },
	{ REQ_CREATE, "connect", ROLE_NSCL_URI, FIELDS(connect_fields), connect_check,
	  connect_begin },
	{ REQ_RETRIEVE, "connections", ROLE_NSCL_URI, FIELDS(live_fields), live_check, live_begin },
	{ REQ_CREATE, "connections/*/end", ROLE_NSCL_URI, FIELDS(end_fields), end_check,
	  end_begin },
	{ REQ_CREATE, "connections/*/report", ROLE_NSCL_URI, FIELDS(report_fields), report_check,
	  report_begin },
	{ REQ_CREATE, "used", ROLE_NSCL_URI, FIELDS(used_fields), used_check, used_begin },
	{ REQ_CREATE, "gaka", ROLE_NSCL_URI | ROLE_GW_URI, FIELDS(gaka_fields), rest_gaka_check,
	  rest_gaka_begin },
	{ REQ_RETRIEVE, "nodes/*/groupKeys", ROLE_NSCL_URI, NULL, 0, rest_group_keys_check,
	  rest_group_keys_begin },
	{ REQ_RETRIEVE, "group-feed", ROLE_NSCL_URI | ROLE_GW_URI, FIELDS(news_fields),
	  rest_news_check, rest_feed_begin },
	{ REQ_CREATE, "trigger", ROLE_NSCL_URI, rest_trigger_fields, REST_TRIGGER_FIELDS,
	  rest_trigger_check, rest_trigger_begin },
	{ REQ_RETRIEVE, "nodes/*/identity", ROLE_NSCL_URI, NULL, 0, rest_identity_check,
	  rest_identity_begin },
	{ REQ_RETRIEVE, "generator", ROLE_NSCL_URI, NULL, 0, rest_generator_check,
	  rest_identity_begin },
	{ REQ_RETRIEVE, "nodes/*/standing", ROLE_NSCL_URI, NULL, 0, rest_inquire_check,
	  rest_inquire_begin },
	{ REQ_RETRIEVE, "stats", ROLE_NSCL_URI | ROLE_MSBF_URI | ROLE_ADMIN_URI, NULL, 0,
	  stats_check, stats_begin },
	{ .path = NULL },
};
