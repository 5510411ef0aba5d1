/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/identity.h"

#include <strings.h>

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

static enum rc
describe(const struct scl *self, struct rtx *tx, const struct res *scl, struct registered *out)
{
	struct arena *a = repo_arena(tx);

	*out = (struct registered){
		.scl_id = arena_copy(a, scl->name),
		.link = uri_normalise(a, val_text(scl->vals, A_LINK)),
		.nscl = val_num(scl->vals, A_SCL_TYPE, SCL_GSCL) == SCL_NSCL,
	};
	out->peer = out->nscl && route_peer(self, a, out->link) != NULL;
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
	struct slice authority; /* normalised */
	struct res *scl;
	bool found;
	enum rc rc; /* what a look failed with: whether it is there is not known */
};

static bool
same_authority(struct rtx *tx, struct slice uri, struct slice authority)
{
	struct slice normal = uri_normalise(repo_arena(tx), uri);
	struct uri u;

	return normal.p != NULL && uri_parse(normal, &u) && u.authority.n == authority.n &&
	       strncasecmp(u.authority.p, authority.p, authority.n) == 0;
}

static bool
look_at_poc(void *arg, const struct child *c)
{
	struct reached *r = arg;
	const struct val *info;
	struct res *poc;

	r->rc = repo_get(r->tx, c->id, &poc);
	if (r->rc != RC_OK)
		return false;
	info = val_get(poc->vals, A_CONTACT_INFO);
	r->found = info != NULL &&
	           same_authority(r->tx, val_text(info->first, A_CONTACT_URI), r->authority);
	return !r->found;
}

static bool
is_there(struct reached *r, const struct res *scl)
{
	const struct val *pocs = val_get(scl->vals, A_POCS);
	enum rc rc = RC_OK;

	r->found = same_authority(r->tx, val_text(scl->vals, A_LINK), r->authority);
	/* Release 1 has points of contact in pocs. */
	for (const struct val *v = pocs == NULL ? NULL : pocs->first; v != NULL && !r->found; v = v->next)
		r->found = same_authority(r->tx, v->text, r->authority);
	if (!r->found)
		rc = repo_children(r->tx, scl->id, T_M2M_POCS, 0, look_at_poc, r);
	if (r->rc == RC_OK)
		r->rc = arena_failed(repo_arena(r->tx)) ? RC_UNAVAILABLE : rc;
	return r->found;
}

static bool
look_at_scl(void *arg, const struct child *c)
{
	struct reached *r = arg;
	struct arena_mark mark = arena_mark(repo_arena(r->tx));

	r->rc = repo_get(r->tx, c->id, &r->scl);
	if (r->rc != RC_OK || is_there(r, r->scl) || r->rc != RC_OK)
		return false;
	/* There may be any number of them. */
	arena_rewind(repo_arena(r->tx), mark);
	return true;
}

static struct slice
authority_of(struct arena *a, struct slice uri)
{
	struct slice normal = uri_normalise(a, uri);
	struct uri u;

	return normal.p != NULL && uri_parse(normal, &u) ? u.authority : SLICE_NONE;
}

enum rc
identity_at(struct scl *scl, struct arena *a, struct slice uri, struct registered *out)
{
	struct reached r = { .authority = authority_of(a, uri) };
	enum rc rc;

	if (r.authority.n == 0)
		return arena_failed(a) ? RC_UNAVAILABLE : RC_NOT_FOUND;
	TRY(repo_begin_read(scl->repo, a, &r.tx));
	rc = repo_children(r.tx, ID_SCL_BASE, T_SCLS, 0, look_at_scl, &r);
	if (rc == RC_OK)
		rc = r.rc;
	/* A child of the index is there, or the store is damaged. */
	if (rc == RC_NOT_FOUND)
		rc = RC_INTERNAL;
	if (rc == RC_OK)
		rc = r.found ? describe(scl, r.tx, r.scl, out) : RC_NOT_FOUND;
	repo_end_read(r.tx);
	return rc;
}

bool
identity_is_at(struct scl *scl, struct arena *a, struct slice scl_id, struct slice uri)
{
	struct reached r = { .authority = authority_of(a, uri) };

	if (r.authority.n == 0 || repo_begin_read(scl->repo, a, &r.tx) != RC_OK)
		return false;
	if (named(r.tx, scl_id, &r.scl) == RC_OK)
		(void)is_there(&r, r.scl);
	repo_end_read(r.tx);
	return r.found;
}

uint64_t
identity_generation(const struct scl *scl)
{
	return repo_generation(scl->repo);
}
