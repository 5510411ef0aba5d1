/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/guard_place.h"

#include "codec/node.h"
#include "core/identity.h"

#define TARGET "locTargetDevice"

const struct geo_gate *
guard_places(const struct sec_guard_conf *conf)
{
	return conf->geo == NULL ? NULL : conf->geo->gate;
}

static enum rc
refuse_place(enum geo_verdict v, bool own, struct req_answer *out, struct slice *reason)
{
	out->close = out->close || (v == GEO_ENDED && own);
	*reason = slice_of(v == GEO_ENDED ? "GEO_ENDED" : "GEO_RESTRICTED");
	return RC_FORBIDDEN;
}

enum rc
guard_place_admit(const struct sec_guard_conf *conf, const struct req_input *in,
                  const struct node_id *node, struct slice scl_id, struct arena *arena,
                  struct req_answer *out, struct slice *reason)
{
	const struct geo_gate *gate = guard_places(conf);
	struct geo_ask ask = { .node = node, .scl_id = scl_id, .in = in };
	enum geo_verdict v;
	bool own;

	if (gate == NULL)
		return RC_OK;
	if (identity_claimed(in, arena, &ask.issuer) != RC_OK)
		ask.issuer = SLICE_NONE;
	v = gate->seen(gate->arg, &ask, &own);
	if (v == GEO_PASS)
		return RC_OK;
	if (own && node != NULL)
		mid_reject(conf->mid, in, node, REJECT_NOT_HERE, false, arena, out);
	return refuse_place(v, own, out, reason);
}

enum rc
guard_place_opened(const struct sec_guard_conf *conf, const struct req_input *in,
                   struct arena *arena, struct req_answer *out, struct slice *reason)
{
	struct mas_connection conn;

	if (guard_places(conf) == NULL || in->connection_id == 0 ||
	    live_find(conf->live, in->connection_id, 0, &conn) != LIVE_OK)
		return RC_OK;
	return guard_place_admit(conf, in, &conn.node, in->scl_id, arena, out, reason);
}

static enum geo_verdict
ask_announced(const struct geo_gate *gate, const struct req_input *in, const struct node *doc)
{
	enum geo_verdict v = GEO_PASS;

	for (const struct node *n = doc->first; n != NULL && v == GEO_PASS; n = n->next)
		if (slice_is(n->name, "link"))
			v = gate->announced(gate->arg, in->scl_id, n->text);
	return v;
}

/* The attribute of an scl, or itself as the document of its partial address. */
static struct slice
target_in(const struct node *doc)
{
	const struct node *n = doc;

	if (slice_is(doc->name, "scl"))
		for (n = doc->first; n != NULL && !slice_is(n->name, TARGET); n = n->next)
			;
	if (n == NULL || !slice_is(n->name, TARGET))
		return SLICE_NONE;
	/* In release 1 it may be in an element of its own. */
	while (n->first != NULL)
		n = n->first;
	return n->text;
}

static enum geo_verdict
ask_target(const struct sec_guard_conf *conf, const struct geo_gate *gate,
           const struct req_input *in, const struct node *doc)
{
	struct slice target = target_in(doc);
	struct mas_connection conn;

	if (target.n == 0 || in->connection_id == 0 ||
	    live_find(conf->live, in->connection_id, 0, &conn) != LIVE_OK)
		return GEO_PASS;
	return gate->located_as(gate->arg, &conn.node, target);
}

enum rc
guard_place_says(const struct sec_guard_conf *conf, const struct req_input *in,
                 const struct node *doc, struct req_answer *out, struct slice *reason)
{
	const struct geo_gate *gate = guard_places(conf);
	bool announces = in->op == REQ_CREATE && slice_is(doc->name, "applicationAnnc");
	enum geo_verdict v;

	if (gate == NULL || in->scl_id.n == 0)
		return RC_OK;
	v = announces ? ask_announced(gate, in, doc) : ask_target(conf, gate, in, doc);
	return v == GEO_PASS ? RC_OK : refuse_place(v, !announces, out, reason);
}
