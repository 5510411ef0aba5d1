/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/guard.h"

#include <stdlib.h>

#include "cap/sec/reports.h"
#include "core/identity.h"

struct sec_guard {
	struct guard guard;
	struct sec_guard_conf conf;
	const struct scl *scl; /* NULL until sec_guard_attach */
};

static enum rc
refuse(enum rc rc, const char *token, struct slice *reason)
{
	*reason = slice_of(token);
	return rc;
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

static enum rc
admit_application(const struct sec_guard *g, const struct req_listener *listener,
                  struct req_input *in, struct slice app_id, struct arena *arena,
                  struct slice *reason)
{
	/* On mId it has no business, whoever it is. */
	if ((listener->serve & (SERVE_MIA | SERVE_DIA)) == 0)
		return refuse(RC_FORBIDDEN, "SEC_NO_CONNECTION", reason);
	in->app_id = app_id;
	return bind_issuer(g, in, app_id, arena, reason);
}

/* ---- anybody ---- */

static bool
must_be_proved(const struct req_listener *listener)
{
	return listener->policy == NULL || listener->policy->proved;
}

/* What is refused on mId says so; anything else needs a name that is proved, or none. */
static enum rc
admit_stranger(const struct sec_guard *g, const struct req_listener *listener,
               struct req_input *in, struct arena *arena, struct req_answer *out,
               struct slice *reason)
{
	static const struct mid_peer nobody = { .proof = MID_NOBODY };
	enum rc rc = mid_admit(g->conf.mid, listener, in, &nobody, arena, out, reason);

	if (rc == RC_OK && must_be_proved(listener))
		return refuse(RC_DENIED, "AUTH_FAILED", reason);
	return rc;
}

static enum rc
admit_scl(const struct sec_guard *g, const struct req_listener *listener, struct req_input *in,
          const struct mid_peer *peer, struct arena *arena, struct req_answer *out,
          struct slice *reason)
{
	if ((listener->serve & SERVE_MID) == 0)
		return refuse(RC_FORBIDDEN, "SEC_IDENTITY", reason);
	return mid_admit(g->conf.mid, listener, in, peer, arena, out, reason);
}

/* False for most requests on loopback: there is nothing to look at. */
static bool
may_prove(const struct req_input *in)
{
	return in->connection.p != NULL || issuers_concern(in);
}

static enum rc
admit(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
      struct req_answer *out, struct slice *reason)
{
	const struct sec_guard *g = arg;
	struct issuer issuer = { .by = ISSUER_NOBODY };
	struct mid_peer peer;
	enum rc rc;

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
	if (issuer.by != ISSUER_NOBODY)
		return admit_application(g, listener, in, issuer.app_id, arena, reason);
	return admit_stranger(g, listener, in, arena, out, reason);
}

static enum rc
open_body(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
          struct req_answer *out, struct slice *reason)
{
	const struct sec_guard *g = arg;

	return mid_open(g->conf.mid, listener, in, arena, out, reason);
}

static enum rc
behalf(void *arg, const struct req_input *in, struct arena *arena, struct slice *reason)
{
	const struct sec_guard *g = arg;

	return mid_behalf(g->conf.mid, in, arena, reason);
}

static enum rc
defer(void *arg, const struct req_input *in, const struct node *doc, struct req_answer *out,
      struct guard_wait *w, struct slice *reason)
{
	const struct sec_guard *g = arg;

	return reports_defer(g->conf.mas, g->conf.live, in, doc, out, w, reason);
}

static bool
seal(void *arg, const struct req_listener *listener, const struct req_input *in,
     struct arena *arena, struct req_answer *out)
{
	const struct sec_guard *g = arg;

	(void)listener;
	return mid_seal(g->conf.mid, in, arena, out);
}

struct sec_guard *
sec_guard_new(const struct sec_guard_conf *conf)
{
	struct sec_guard *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->conf = *conf;
	g->guard = (struct guard){ .arg = g, .admit = admit, .open = open_body,
		                   .behalf = behalf, .defer = defer, .seal = seal };
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

const struct guard *
sec_guard_of(const struct sec_guard *g)
{
	return &g->guard;
}
