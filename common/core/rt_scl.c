/* SPDX-License-Identifier: Apache-2.0 */
/* scl and m2mPoc: registration checks, onlineStatus and serverCapability (TS 102 921 10.6). */
#include "config.h"

#include "base/crontab.h"
#include "core/announce.h"
#include "core/channel.h"
#include "core/hooks.h"
#include "core/route.h"


/* The issuer is the SCL that registers: its sclBase URI, or its SCL-ID as a URI. */
static bool
is_registrant(struct req *rq, const struct res *self)
{
	struct slice link = comparable_uri(rq->scl, rq->arena, val_text(self->vals, A_LINK));

	return rq->who.self || (link.n > 0 && slice_eq(link, rq->who.normal));
}

/* Outside its schedule an SCL counts as OFFLINE (TS 102 690, retargeting). */
bool
scl_scheduled(const struct res *scl, int64_t now)
{
	const struct val *list = val_get(scl->vals, A_SCHEDULE);

	if (list == NULL || list->first == NULL)
		return true;
	for (const struct val *v = list->first; v != NULL; v = v->next)
		if (crontab_matches(val_text(v->first, A_TEXT), now))
			return true;
	return false;
}

/* Release 2 wants an id on every scheduleString; Release 1 has none (TS 102 921, data types). */
static enum rc
check_schedule(struct req *rq, struct res *self)
{
	struct val *list = val_find(self->vals, A_SCHEDULE);
	unsigned n = 0;

	for (struct val *v = list == NULL ? NULL : list->first; v != NULL; v = v->next) {
		struct val *id = NULL;

		n++;
		if (!crontab_valid(val_text(v->first, A_TEXT)))
			return req_fail(rq, RC_BAD_REQUEST, "a scheduleString is no crontab expression");
		if (val_get(v->first, A_REF_ID) != NULL)
			continue;
		if (!val_set_text(rq->arena, &id, A_REF_ID, arena_printf(rq->arena, "s%u", n)))
			return RC_UNAVAILABLE;
		id->next = v->first;
		v->first = id;
	}
	return RC_OK;
}

/* The domain that is configured for the peer of this link, else the link's host. */
static struct slice
peer_domain(struct req *rq, struct slice link)
{
	const struct scl_peer *peer = route_peer(rq->scl, rq->arena, link);
	struct uri u;

	if (peer != NULL && peer->public_domain != NULL)
		return slice_of(peer->public_domain);
	return uri_parse(link, &u) && domain_is_public(u.host) ? u.host : SLICE_NONE;
}

/* The peer whose sclBase is at link, or next above it; NULL: none. */
static const struct scl_peer *
peer_above(struct req *rq, struct slice link)
{
	const struct scl_conf *conf = &rq->scl->conf;
	const struct scl_peer *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < conf->n_peers; i++) {
		struct slice uri = uri_normalise(rq->arena, slice_of(conf->peers[i].uri));

		if (uri.n <= longest || !slice_starts(link, uri) ||
		    (link.n > uri.n && link.p[uri.n] != '/'))
			continue;
		best = &conf->peers[i];
		longest = uri.n;
	}
	return best;
}

/*
 * link is not proved: one that the configuration says is a peer's, or is below it, is for the SCL-ID
 * of that peer alone. An NSCL that has proved its SCL-ID speaks for a domain: only such a peer may.
 */
static enum rc
check_peer(struct req *rq, const struct res *self)
{
	struct slice link = uri_normalise(rq->arena, val_text(self->vals, A_LINK));
	const struct scl_peer *peer = peer_above(rq, link);
	bool ok;

	ok = rq->in.scl_id.p == NULL;
	if (peer != NULL && peer->scl_id != NULL)
		ok = slice_is(self->name, peer->scl_id);
	else if (peer == NULL && val_num(self->vals, A_SCL_TYPE, SCL_GSCL) != SCL_NSCL)
		ok = true;
	if (arena_failed(rq->arena))
		return RC_UNAVAILABLE;
	return ok || rq->own ? RC_OK : req_fail(rq, RC_FORBIDDEN, "SEC_IDENTITY");
}

/* publicDomain of an NSCL of another provider: requests for SCLs in it go there (mIm). */
static enum rc
set_peer_domain(struct req *rq, struct res *self)
{
	struct slice link = uri_normalise(rq->arena, val_text(self->vals, A_LINK));
	struct slice domain = peer_domain(rq, link);

	if (domain.n == 0)
		return RC_OK;
	return val_set_text(rq->arena, &self->vals, A_PUBLIC_DOMAIN, domain) &&
	               val_set_text(rq->arena, &self->vals, A_PEER_DOMAIN,
	                            domain_key(rq->arena, domain))
	           ? RC_OK
	           : RC_UNAVAILABLE;
}

/*
 * Which release a registered SCL speaks: sclType is of Release 2; else what its requests are. That
 * of the own NSCL is configured.
 */
static enum rc
set_release(struct req *rq, const struct res *old, struct res *self)
{
	int64_t was = old == NULL ? 2 : val_num(old->vals, A_PEER_RELEASE, 2), is = was;

	if (rq->who.self)
		is = rq->scl->conf.nscl_release == 1 ? 1 : 2;
	else if (old == NULL && val_get(self->vals, A_SCL_TYPE) == NULL)
		is = req_release(rq);
	else if (is_registrant(rq, self) && req_release(rq) == 2)
		is = 2;
	if (is == was)
		return RC_OK;
	if (is == 2)
		val_remove(&self->vals, A_PEER_RELEASE);
	return is == 2 || val_set_num(rq->arena, &self->vals, A_PEER_RELEASE, is) ? RC_OK
	                                                                       : RC_UNAVAILABLE;
}

static enum rc
scl_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	(void)parent;
	TRY(check_schedule(rq, self));
	TRY(set_release(rq, old, self));
	if (old != NULL)
		return RC_OK;
	if (!uri_is_absolute(val_text(self->vals, A_LINK)))
		return req_fail(rq, RC_BAD_REQUEST, "link is no absolute URI");
	if (!is_registrant(rq, self))
		return req_fail(rq, RC_FORBIDDEN, "the issuer is not the SCL that link names");
	/* Not by an application, and not by way of a group: mId is between SCLs. */
	if (rq->scl->guard != NULL && !rq->own && (rq->local || rq->in.app_id.p != NULL))
		return req_fail(rq, RC_FORBIDDEN, "SEC_NO_CONNECTION");
	if (rq->in.scl_id.p != NULL && !slice_eq(self->name, rq->in.scl_id))
		return req_fail(rq, RC_FORBIDDEN, "SEC_IDENTITY");
	if (rq->scl->conf.role != SCL_NSCL && !rq->own)
		return req_fail(rq, RC_FORBIDDEN, "SCLs register at an NSCL");
	if ((rq->listener->serve & SERVE_MID) == 0 && !rq->own)
		return req_fail(rq, RC_FORBIDDEN, "mId is not served on this listener");
	if (slice_eq(self->name, rq->scl->id) && !rq->own)
		return req_fail(rq, RC_CONFLICT, "sclId is that of this SCL");
	/* Release 1 requesters, who do not use From, omit sclType (TS 102 921 10.6). */
	if (val_get(self->vals, A_SCL_TYPE) == NULL && rq->in.from.p != NULL)
		return req_fail(rq, RC_BAD_REQUEST, "sclType is mandatory");
	if (val_get(self->vals, A_SCL_TYPE) == NULL &&
	    !val_set_num(rq->arena, &self->vals, A_SCL_TYPE, SCL_GSCL))
		return RC_UNAVAILABLE;
	TRY(check_peer(rq, self));
	if (val_num(self->vals, A_SCL_TYPE, SCL_GSCL) == SCL_NSCL)
		return set_peer_domain(rq, self);
	if (rq->scl->conf.public_domain != NULL &&
	    !val_set_text(rq->arena, &self->vals, A_PUBLIC_DOMAIN, slice_of(rq->scl->conf.public_domain)))
		return RC_UNAVAILABLE;
	return RC_OK;
}

static enum rc
scl_created(struct req *rq, const struct target *parent, struct res *self)
{
	(void)parent;
	return announce_registered(rq->scl, rq->tx, self);
}

struct reach {
	const struct scl *scl;
	struct rtx *tx;
	unsigned total, online, unreachable;
	bool server;
	enum rc rc;
};

static bool
count_poc(void *arg, const struct child *c)
{
	struct reach *r = arg;
	const struct val *info;
	struct slice uri, token;
	struct res *poc;

	r->rc = repo_get(r->tx, c->id, &poc);
	if (r->rc != RC_OK)
		return false;
	info = val_get(poc->vals, A_CONTACT_INFO);
	r->total++;
	r->online += val_num(poc->vals, A_ONLINE_STATUS, ONLINE) == ONLINE;
	r->unreachable += val_num(poc->vals, A_ONLINE_STATUS, ONLINE) == NOT_REACHABLE;
	uri = info == NULL ? SLICE_NONE : val_text(info->first, A_CONTACT_URI);
	/* Who polls accepts no requests, but can be reached (TS 102 921 10.6, serverCapability). */
	r->server = r->server || (uri_is_transport(uri) && !channel_contact(r->scl, uri, &token));
	return true;
}

static enum rc
scl_value(struct scl *scl, struct rtx *tx, const struct target *t, const struct filter *f,
          unsigned attr, struct val **list)
{
	struct reach r = { .scl = scl, .tx = tx };
	const struct val *pocs = val_get(t->node->vals, A_POCS);
	int64_t status = OFFLINE;

	(void)scl;
	(void)f;
	TRY(repo_children(tx, t->id, T_M2M_POCS, 0, count_poc, &r));
	TRY(r.rc);
	if (!scl_scheduled(t->node, repo_now(tx)))
		status = OFFLINE;
	else if (r.online > 0)
		status = ONLINE;
	else if (r.total > 0 && r.unreachable == r.total)
		status = NOT_REACHABLE;
	if (pocs != NULL && pocs->first != NULL)
		r.server = true;
	return val_set_num(repo_arena(tx), list, attr, attr == A_ONLINE_STATUS ? status : r.server)
	           ? RC_OK
	           : RC_UNAVAILABLE;
}

static enum rc
m2m_poc_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	(void)parent;
	(void)old;
	if (val_get(self->vals, A_ONLINE_STATUS) == NULL &&
	    !val_set_num(rq->arena, &self->vals, A_ONLINE_STATUS, ONLINE))
		return RC_UNAVAILABLE;
	return RC_OK;
}

const struct hooks hooks_scl = { .check = scl_check, .created = scl_created, .value = scl_value };
const struct hooks hooks_m2m_poc = { .check = m2m_poc_check };
