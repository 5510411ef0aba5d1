/* SPDX-License-Identifier: Apache-2.0 */
/* Applications of this SCL and their URIs. */
#include "config.h"

#include "core/identity.h"
#include "core/scl_impl.h"

#define COLLECTION SLICE_LIT("/applications/")

enum rc
identity_application(struct scl *scl, struct arena *a, struct slice app_id)
{
	struct child c;
	struct rtx *tx;
	enum rc rc;

	TRY(repo_begin_read(scl->repo, a, &tx));
	rc = repo_child(tx, ID_SCL_BASE, T_APPLICATIONS, app_id, &c);
	repo_end_read(tx);
	return rc == RC_OK && c.type != T_APPLICATION ? RC_NOT_FOUND : rc;
}

struct app_visit {
	bool (*visit)(void *arg, struct slice app_id);
	void *arg;
};

static bool
look_at(void *arg, const struct child *c)
{
	const struct app_visit *v = arg;

	return c->type != T_APPLICATION || v->visit(v->arg, c->name);
}

enum rc
identity_applications(struct scl *scl, struct arena *a,
                      bool (*visit)(void *arg, struct slice app_id), void *arg)
{
	struct app_visit v = { visit, arg };
	struct rtx *tx;
	enum rc rc;

	TRY(repo_begin_read(scl->repo, a, &tx));
	rc = repo_children(tx, ID_SCL_BASE, T_APPLICATIONS, 0, look_at, &v);
	repo_end_read(tx);
	return rc;
}

struct slice
identity_of_application(const struct scl *scl, struct arena *a, struct slice app_id)
{
	return ARENA_JOIN(a, scl->own.base_uri, COLLECTION, uri_encode_segment(a, app_id));
}

/* True when rest, which follows sclBase, is what identity_of_application would have there. */
static bool
names(struct arena *a, struct slice rest, struct slice app_id)
{
	struct slice id;

	if (!slice_starts(rest, COLLECTION))
		return false;
	rest = slice_from(rest, COLLECTION.n);
	return rest.n > 0 && memchr(rest.p, '/', rest.n) == NULL && uri_decode(a, rest, &id) &&
	       slice_eq(id, app_id);
}

struct slice
identity_app_id(const struct scl *scl, struct arena *a, struct slice uri)
{
	struct slice path = own_path(scl, a, uri), rest, id;

	if (!slice_starts(path, scl->base_path))
		return SLICE_NONE;
	rest = slice_from(path, scl->base_path.n);
	if (!slice_starts(rest, COLLECTION))
		return SLICE_NONE;
	rest = slice_from(rest, COLLECTION.n);
	if (rest.n == 0 || memchr(rest.p, '/', rest.n) != NULL || !uri_decode(a, rest, &id))
		return SLICE_NONE;
	return id;
}

bool
identity_is_application(const struct scl *scl, struct arena *a, struct slice uri,
                        struct slice app_id)
{
	struct slice base = scl->base_path;

	if (app_id.n == 0)
		return false;
	/* As most give it. */
	if (slice_starts(uri, base) && names(a, slice_from(uri, base.n), app_id))
		return true;
	uri = own_path(scl, a, uri);
	return slice_starts(uri, base) && names(a, slice_from(uri, base.n), app_id);
}
