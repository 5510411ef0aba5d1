/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/guard.h"

#include <stdlib.h>

#include "cap/sec/guard_place.h"
#include "cap/sec/reports.h"
#include "core/identity.h"

#define SCRATCH_MAX (64u << 10)

struct sec_guard {
	struct guard guard;
	struct sec_guard_conf conf;
	const struct scl *scl; /* NULL until sec_guard_attach */
	struct config_gate *config; /* NULL: no key is pinned */
};

/* Who has proved nothing on mId. */
static const struct mid_peer nobody = { .proof = MID_NOBODY };

static enum rc
refuse(enum rc rc, const char *token, struct slice *reason)
{
	*reason = slice_of(token);
	return rc;
}

/* ---- applications outside ---- */

static const struct edge_gate *
gate_of(const struct sec_guard *g)
{
	return g->conf.edge == NULL ? NULL : g->conf.edge->gate;
}

static enum rc
admit_edge(const struct sec_guard *g, const struct req_listener *listener, struct req_input *in,
           struct arena *arena, struct req_answer *out, struct slice *reason)
{
	const struct edge_gate *gate = gate_of(g);
	const struct mid_load load = { .kind = OVERLOAD_OTHER };
	enum rc rc;

	if (gate == NULL)
		return refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
	in->priority = in->indicator = SLICE_NONE;
	rc = mid_put_off(g->conf.mid, in, &load, arena, out, reason);
	if (rc != RC_OK)
		return rc;
	return gate->admit(gate->arg, listener, in, arena, out, reason);
}

/* Elsewhere a certificate of one is none of an application. */
static bool
is_outside(const struct sec_guard *g, const struct issuer *issuer, const struct req_input *in)
{
	const struct edge_gate *gate = gate_of(g);

	return gate != NULL && issuer->by == ISSUER_CERTIFICATE &&
	       !gate->inner(gate->arg, issuer->app_id, in);
}

/* The application in whose name a request is made, if it is one outside; else empty. */
static struct slice
outside_of(const struct sec_guard *g, const struct req_input *in, struct arena *arena)
{
	struct slice app_id = in->app_id, claim;

	if (app_id.n == 0 && identity_claimed(in, arena, &claim) == RC_OK)
		app_id = identity_app_id(g->scl, arena, claim);
	return edge_concerns(g->conf.edge, app_id) ? app_id : SLICE_NONE;
}

/* ---- applications ---- */

static bool
is_urn_of(struct slice uri, struct slice app_id)
{
	struct slice urn = SLICE_LIT("urn:m2m:app:");

	return slice_starts(uri, urn) && slice_eq(slice_from(uri, urn.n), app_id);
}

/*
 * requestingEntity is the application's: the request says so, or nothing. The rest of the house knows
 * it by its resource.
 */
static enum rc
bind_issuer(const struct sec_guard *g, struct req_input *in, struct slice app_id,
            struct arena *arena, struct slice *reason)
{
	struct slice claim;
	enum rc rc = identity_claimed(in, arena, &claim);

	/* Refused as such afterwards. */
	if (rc == RC_BAD_REQUEST)
		return RC_OK;
	if (rc == RC_NO_ORIGINATOR || (rc == RC_OK && is_urn_of(claim, app_id))) {
		in->from = identity_of_application(g->scl, arena, app_id);
		return in->from.p == NULL ? RC_UNAVAILABLE : RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	return identity_is_application(g->scl, arena, claim, app_id)
	               ? RC_OK
	               : refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
}

/* The subscription, where the MAS knows the node: it may be one of another home network. */
static bool
is_low(const struct sec_guard *g, const struct node_id *node)
{
	const struct mas *mas = g->conf.mas;

	return mas != NULL && mas->ops->low(mas->self, node);
}

static enum rc
admit_application(const struct sec_guard *g, const struct req_listener *listener,
                  struct req_input *in, const struct issuer *issuer, struct arena *arena,
                  struct req_answer *out, struct slice *reason)
{
	unsigned serve = issuer->by == ISSUER_NODE ? SERVE_DIA : SERVE_MIA | SERVE_DIA;
	struct mid_load load = { .kind = OVERLOAD_OTHER };
	struct node_id node;
	bool is_node = issuer->by == ISSUER_NODE && node_id_parse(issuer->app_id, &node);
	enum rc rc;

	/* A node by group or multiparty authentication claims in a session of its own. */
	load.active = load.of.session = is_node;
	load.of.low = is_node && is_low(g, &node);
	rc = mid_put_off(g->conf.mid, in, &load, arena, out, reason);
	if (rc != RC_OK)
		return rc;
	/* On mId it has no business, whoever it is; nor has a node by such a session on mIa. */
	if ((listener->serve & serve) == 0)
		return refuse(RC_FORBIDDEN, "SEC_NO_CONNECTION", reason);
	in->app_id = issuer->app_id;
	rc = bind_issuer(g, in, issuer->app_id, arena, reason);
	if (rc != RC_OK || !is_node)
		return rc;
	return guard_place_admit(&g->conf, in, &node, SLICE_NONE, arena, out, reason);
}

/* ---- anybody ---- */

static bool
must_be_proved(const struct req_listener *listener)
{
	return listener->policy == NULL || listener->policy->proved;
}

/* What is refused on mId says so; anything else needs a name that is proved, or none. */
static enum rc
admit_stranger(const struct sec_guard *g, const struct req_listener *listener, struct req_input *in,
               struct arena *arena, struct req_answer *out, struct slice *reason)
{
	enum rc rc = mid_put_off_peer(g->conf.mid, listener, in, &nobody, arena, out, reason);

	if (rc == RC_OK)
		rc = mid_admit(g->conf.mid, listener, in, &nobody, arena, out, reason);
	if (rc == RC_OK && must_be_proved(listener))
		return refuse(RC_DENIED, "AUTH_FAILED", reason);
	return rc;
}

static enum rc
admit_scl(const struct sec_guard *g, const struct req_listener *listener, struct req_input *in,
          const struct mid_peer *peer, struct arena *arena, struct req_answer *out,
          struct slice *reason)
{
	enum rc rc;

	if ((listener->serve & SERVE_MID) == 0)
		return refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
	rc = mid_put_off_peer(g->conf.mid, listener, in, peer, arena, out, reason);
	if (rc == RC_OK)
		rc = mid_admit(g->conf.mid, listener, in, peer, arena, out, reason);
	if (rc != RC_OK || peer->proof != MID_SCL || !listener->secure)
		return rc;
	return guard_place_admit(&g->conf, in, peer->conn.id != 0 ? &peer->conn.node : NULL,
	                         in->scl_id, arena, out, reason);
}

/* False for most requests on loopback: there is nothing to look at. */
static bool
may_prove(const struct req_input *in)
{
	return in->connection.p != NULL || issuers_concern(in);
}

static enum rc
admit_any(const struct sec_guard *g, const struct req_listener *listener, struct req_input *in,
          struct arena *arena, struct req_answer *out, struct slice *reason)
{
	struct issuer issuer = { .by = ISSUER_NOBODY };
	struct mid_peer peer;
	enum rc rc;

	if (listener->serve & SERVE_EDGE)
		return admit_edge(g, listener, in, arena, out, reason);
	if (!may_prove(in))
		return admit_stranger(g, listener, in, arena, out, reason);
	rc = mid_identify(g->conf.mid, listener, in, arena, &peer, out, reason);
	if (rc != RC_OK)
		return rc;
	if (peer.proof != MID_NOBODY)
		return admit_scl(g, listener, in, &peer, arena, out, reason);
	if (g->conf.issuers != NULL)
		rc = issuers_identify(g->conf.issuers, in, arena, &issuer, out, reason);
	if (rc != RC_OK)
		return rc;
	if (is_outside(g, &issuer, in))
		return refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
	if (issuer.by != ISSUER_NOBODY)
		return admit_application(g, listener, in, &issuer, arena, out, reason);
	return admit_stranger(g, listener, in, arena, out, reason);
}

static enum rc
admit(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
      struct req_answer *out, struct slice *reason)
{
	const struct sec_guard *g = arg;
	const struct geo_gate *places = guard_places(&g->conf);
	enum rc rc = admit_any(g, listener, in, arena, out, reason);

	if (rc == RC_OK && places != NULL && in->op == REQ_CREATE)
		places->writes(places->arg, in);
	return rc;
}

static enum rc
open_body(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
          struct req_answer *out, struct slice *reason)
{
	const struct sec_guard *g = arg;
	enum rc rc = mid_open(g->conf.mid, listener, in, arena, out, reason);

	if (rc != RC_OK || listener->secure)
		return rc;
	return guard_place_opened(&g->conf, in, arena, out, reason);
}

static enum rc
behalf(void *arg, const struct req_input *in, struct arena *arena, struct slice *reason)
{
	const struct sec_guard *g = arg;
	const struct edge_gate *gate = gate_of(g);
	enum rc rc = mid_behalf(g->conf.mid, in, arena, reason);
	struct slice app_id = SLICE_NONE;

	if (rc == RC_OK && gate != NULL)
		app_id = outside_of(g, in, arena);
	return app_id.n == 0 ? rc : gate->behalf(gate->arg, app_id, in, arena, reason);
}

/* What somebody outside writes, by whatever way. */
static enum rc
check_document(const struct sec_guard *g, const struct req_input *in, const struct node *doc,
               struct slice *reason)
{
	const struct edge_gate *gate = gate_of(g);
	struct arena *arena;
	struct slice app_id;
	enum rc rc;

	if (gate == NULL)
		return RC_OK;
	arena = arena_new(SCRATCH_MAX);
	if (arena == NULL)
		return RC_UNAVAILABLE;
	app_id = outside_of(g, in, arena);
	rc = app_id.n == 0 ? RC_OK : gate->write(gate->arg, app_id, in, doc, reason);
	arena_free(arena);
	return rc;
}

static enum rc
defer(void *arg, const struct req_input *in, const struct node *doc, struct req_answer *out,
      struct guard_wait *w, struct slice *reason)
{
	const struct sec_guard *g = arg;
	enum rc rc = check_document(g, in, doc, reason);

	if (rc == RC_OK)
		rc = guard_place_says(&g->conf, in, doc, out, reason);
	if (rc != RC_OK)
		return rc;
	return reports_defer(g->conf.mas, g->conf.live, in, doc, out, w, reason);
}

/* A node that pins no key takes what others may write, but what it cannot verify. */
static enum rc
configure(void *arg, const struct req_input *in, const struct guard_config *config,
          struct guard_wait *w, struct slice *reason)
{
	const struct sec_guard *g = arg;

	if (g->config != NULL)
		return config_gate_judge(g->config, in, config, w, reason);
	return config->doc == NULL ? RC_OK : refuse(RC_FORBIDDEN, "CONFIG_REJECTED", reason);
}

static bool
seal(void *arg, const struct req_listener *listener, const struct req_input *in,
     struct arena *arena, struct req_answer *out)
{
	const struct sec_guard *g = arg;

	(void)listener;
	return mid_seal(g->conf.mid, in, arena, out);
}

static enum rc
contact(void *arg, struct slice app_id, struct slice url, struct exchange *ex)
{
	const struct edge_gate *gate = gate_of(arg);

	return gate == NULL ? RC_OK : gate->contact(gate->arg, app_id, url, ex);
}

struct sec_guard *
sec_guard_new(const struct sec_guard_conf *conf)
{
	struct sec_guard *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->conf = *conf;
	g->guard = (struct guard){ .arg = g,
		                   .admit = admit,
		                   .open = open_body,
		                   .behalf = behalf,
		                   .defer = defer,
		                   .configure = configure,
		                   .seal = seal,
		                   .contact = contact };
	return g;
}

void
sec_guard_free(struct sec_guard *g)
{
	free(g);
}

void
sec_guard_attach(struct sec_guard *g, const struct scl *scl)
{
	g->scl = scl;
}

void
sec_guard_config(struct sec_guard *g, struct config_gate *config)
{
	g->config = config;
}

const struct guard *
sec_guard_of(const struct sec_guard *g)
{
	return &g->guard;
}
