/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/identity.h"

#include <stdio.h>

#include "core/route.h"

enum rc
identity_claimed(const struct req_input *in, struct arena *a, struct slice *uri)
{
	enum rc rc = RC_OK;

	*uri = in->from;
	if (uri->p == NULL)
		rc = in->authorization.p == NULL ? RC_NO_ORIGINATOR
		                                 : originator_basic(a, in->authorization, uri);
	while (rc == RC_OK && uri->n > 0 && (uri->p[0] == ' ' || uri->p[0] == '\t'))
		*uri = slice_from(*uri, 1);
	return rc == RC_OK && uri->n == 0 ? RC_NO_ORIGINATOR : rc;
}

struct slice
identity_comparable(const struct scl *scl, struct arena *a, struct slice uri)
{
	return comparable_uri(scl, a, uri);
}

bool
identity_begins_own(const struct scl *scl, struct slice uri)
{
	const char *mark = memmem(uri.p, uri.n, "://", 3);
	struct slice rest, authority;

	if (mark == NULL)
		return false;
	rest = slice_from(uri, (size_t)(mark - uri.p) + 3);
	slice_split(&rest, '/', &authority);
	return own_authority(scl, authority);
}

static bool
is_loopback(struct slice address)
{
	return slice_starts(address, SLICE_LIT("127.")) || slice_is(address, "::1");
}

/* An authority host:port or [host]:port; of a default port it is there with it as well. */
static bool
is_at(struct slice authority, struct slice address, struct slice port)
{
	struct slice host;

	if (authority.n <= port.n || !slice_eq(slice_from(authority, authority.n - port.n), port) ||
	    authority.p[authority.n - port.n - 1] != ':')
		return false;
	host = slice_head(authority, authority.n - port.n - 1);
	if (host.n > 2 && host.p[0] == '[')
		host = slice_make(host.p + 1, host.n - 2);
	return slice_eq(host, address) || (is_loopback(address) && is_loopback(host));
}

bool
identity_own_address(const struct scl *scl, struct slice address, unsigned port)
{
	const char *const *v = (const char *const *)scl->own.authorities;
	char text[12];
	int n = snprintf(text, sizeof(text), "%u", port);

	for (; v != NULL && *v != NULL; v++)
		if (is_at(slice_of(*v), address, slice_make(text, (size_t)n)))
			return true;
	return false;
}

bool
identity_foreign(const struct scl *scl, const struct req_input *in)
{
	struct slice authority = in->host;
	struct uri u;

	if (uri_parse(in->target, &u) && u.scheme.n > 0)
		authority = u.authority;
	return authority.n > 0 && !own_authority(scl, authority);
}

bool
identity_in_path(const struct scl *scl, const struct req_input *in, struct arena *a,
                 struct slice *scl_id)
{
	const struct rtype *scls = rtype_get(T_SCLS);
	struct slice seg, path;
	struct uri u;
	size_t n = 0;

	*scl_id = SLICE_NONE;
	if (!uri_parse(in->target, &u) || identity_foreign(scl, in))
		return false;
	path = u.path;
	/* As a path is walked: empty segments vanish, each is decoded. */
	while (n < 3 && slice_split(&path, '/', &seg)) {
		if (seg.n == 0)
			continue;
		if (!uri_decode(a, seg, scl_id)) {
			*scl_id = seg;
			return true;
		}
		seg = *scl_id;
		*scl_id = SLICE_NONE;
		if (n == 0 && !slice_eq(seg, slice_from(scl->base_path, 1)))
			return false;
		if (n == 1 && !slice_is(seg, scls->name) && !slice_is(seg, scls->short_name))
			return false;
		if (n == 2)
			*scl_id = seg;
		n++;
	}
	return n >= 2;
}

bool
identity_is_of_scls(struct slice segment)
{
	return rtype_name_reserved(rtype_get(T_SCLS), segment);
}

bool
identity_is_base(const struct scl *scl, const struct req_input *in, struct arena *a)
{
	struct slice seg, path;
	struct uri u;
	size_t n = 0;

	if (!uri_parse(in->target, &u) || u.query.n > 0 || identity_foreign(scl, in))
		return false;
	path = u.path;
	while (slice_split(&path, '/', &seg)) {
		if (seg.n == 0)
			continue;
		if (n++ > 0 || !uri_decode(a, seg, &seg) ||
		    !slice_eq(seg, slice_from(scl->base_path, 1)))
			return false;
	}
	return n == 1;
}

static bool
is_nscl(const struct res *scl)
{
	return val_num(scl->vals, A_SCL_TYPE, SCL_GSCL) == SCL_NSCL;
}

/* Its link alone proves nothing: it may be registered from before the configuration named it. */
static bool
is_peer(const struct scl *self, struct arena *a, const struct registered *r)
{
	const struct scl_peer *peer = r->nscl ? route_peer(self, a, r->link) : NULL;

	return peer != NULL && peer->scl_id != NULL && slice_is(r->scl_id, peer->scl_id);
}

static enum rc
describe(const struct scl *self, struct rtx *tx, const struct res *scl, struct registered *out)
{
	struct arena *a = repo_arena(tx);

	*out = (struct registered){
		.scl_id = arena_copy(a, scl->name),
		.link = uri_normalise(a, val_text(scl->vals, A_LINK)),
		.nscl = is_nscl(scl),
	};
	out->peer = is_peer(self, a, out);
	return out->scl_id.p == NULL || out->link.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
named(struct rtx *tx, struct slice scl_id, struct res **out)
{
	struct child c;

	TRY(repo_child(tx, ID_SCL_BASE, T_SCLS, scl_id, &c));
	return repo_get(tx, c.id, out);
}

/* The scl that look finds for text. */
static enum rc
registered(struct scl *scl, struct arena *a, struct slice text,
           enum rc (*look)(struct rtx *tx, struct slice text, struct res **node),
           struct registered *out)
{
	struct res *node;
	struct rtx *tx;
	enum rc rc;

	TRY(repo_begin_read(scl->repo, a, &tx));
	rc = look(tx, text, &node);
	if (rc == RC_OK)
		rc = describe(scl, tx, node, out);
	repo_end_read(tx);
	return rc;
}

enum rc
identity_registered(struct scl *scl, struct arena *a, struct slice scl_id, struct registered *out)
{
	return registered(scl, a, scl_id, named, out);
}

enum rc
identity_owner(struct scl *scl, struct arena *a, struct slice uri, struct registered *out)
{
	return registered(scl, a, uri, route_owner, out);
}

enum rc
identity_domain(struct scl *scl, struct arena *a, struct slice uri, struct registered *out)
{
	struct res *node;
	struct rtx *tx;
	enum rc rc;

	TRY(repo_begin_read(scl->repo, a, &tx));
	rc = route_domain(scl, tx, uri, &node);
	if (rc == RC_OK)
		rc = describe(scl, tx, node, out);
	if (rc == RC_OK && !out->peer)
		rc = RC_NOT_FOUND;
	repo_end_read(tx);
	return rc;
}

/* ---- by authority ---- */

struct reached {
	struct rtx *tx;
	struct res *scl; /* NULL: none so far */
	enum rc rc; /* what a look failed with: whether it is there is not known */
};

/* The scl that an entry of the index is of; *scl NULL: it, or its point of contact, has expired. */
static enum rc
scl_of_entry(struct rtx *tx, uint64_t id, struct res **scl)
{
	struct res *r;

	*scl = NULL;
	TRY(repo_get(tx, id, &r));
	if (r->type->number == T_M2M_POC && r->expires > repo_now(tx))
		TRY(repo_get(tx, r->parent, &r));
	if (r->type->number == T_SCL && r->expires > repo_now(tx))
		*scl = r;
	return RC_OK;
}

static bool
look_at_entry(void *arg, uint64_t id)
{
	struct reached *r = arg;
	struct arena_mark mark = arena_mark(repo_arena(r->tx));
	struct res *scl;

	r->rc = scl_of_entry(r->tx, id, &scl);
	if (r->rc != RC_OK)
		return false;
	if (scl != NULL && (r->scl == NULL || !is_nscl(scl)))
		r->scl = scl;
	else
		arena_rewind(repo_arena(r->tx), mark);
	return r->scl == NULL || is_nscl(r->scl);
}

enum rc
identity_at(struct scl *scl, struct arena *a, struct slice uri, struct registered *out)
{
	struct slice authority = uri_authority(a, uri);
	struct reached r = { 0 };
	enum rc rc;

	if (authority.n == 0)
		return arena_failed(a) ? RC_UNAVAILABLE : RC_BAD_REQUEST;
	TRY(repo_begin_read(scl->repo, a, &r.tx));
	rc = repo_reached(r.tx, authority, look_at_entry, &r);
	if (rc == RC_OK)
		rc = r.rc;
	/* What the index names is there, or the store is damaged. */
	if (rc == RC_NOT_FOUND)
		rc = RC_INTERNAL;
	if (rc == RC_OK)
		rc = r.scl != NULL ? describe(scl, r.tx, r.scl, out) : RC_NOT_FOUND;
	repo_end_read(r.tx);
	return rc;
}

uint64_t
identity_generation(const struct scl *scl)
{
	return repo_generation(scl->repo);
}
