/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kma for applications of the network that are outside: below the Kmc of a node, by a grant for that
 * node's SCL. Whoever has the same App-ID there derives the same.
 */
#include "config.h"

#include "base/uri.h"
#include "cap/edge_gate.h"
#include "cap/sec/kma_impl.h"
#include "core/identity.h"

static enum rc
refuse(const struct kma *k, struct req *rq, struct slice app_id)
{
	LOG_WARN(k->conf.sec->log, "kma-refused", LOG_S("application", app_id),
	         LOG_Z("reason", "no grant for this SCL"));
	return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("EDGE_REFUSED"));
}

/* The gateway has judged who asks, and that it may ask for some. */
enum rc
kma_serve_edge(struct kma *k, struct req *rq)
{
	const struct edge_gate *gate = k->conf.edge == NULL ? NULL : k->conf.edge->gate;
	struct mas_connection conn;
	struct endpoint_who who;
	struct slice app_id, scl_id;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (gate == NULL || k->live == NULL || who.app_id.n == 0 ||
	    !uri_decode(req_arena(rq), endpoint_rest(rq), &app_id) || !slice_eq(app_id, who.app_id))
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_LIT("SEC_IDENTITY"));
	rc = endpoint_parameter(rq, "scl", &scl_id);
	if (rc != RC_OK || scl_id.n == 0)
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	if (!gate->kma(gate->arg, app_id, scl_id))
		return refuse(k, rq, app_id);
	rc = identity_application(k->scl, req_arena(rq), app_id);
	if (rc != RC_OK)
		return endpoint_refuse(rq, rc, SLICE_NONE);
	if (!live_of_scl(k->live, scl_id, &conn))
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("SEC_NO_CONNECTION"));
	return kma_hand_out(k, rq, req_input(rq), app_id, &conn);
}

enum rc
kma_open_edge(struct kma *k, const char *dir, const struct key *seal, char why[SEC_WHY_MAX])
{
	enum rc rc;

	k->own_apps = app_table_new(APP_TABLE_MAX);
	if (k->own_apps == NULL)
		return RC_UNAVAILABLE;
	k->apps = k->own_apps;
	rc = kma_open_book(k, dir, seal, why);
	if (rc == RC_OK)
		k->live = k->conf.network;
	return rc;
}
