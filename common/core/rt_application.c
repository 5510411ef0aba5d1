/* SPDX-License-Identifier: Apache-2.0 */
/* application: aPoC privacy, aPoCPaths, referencePoint (TS 102 921 10.8). */
#include "config.h"

#include "core/hooks.h"

static struct slice
first_segment(struct slice path)
{
	struct slice seg = SLICE_NONE;

	while (path.n > 0 && path.p[0] == '/')
		path = slice_from(path, 1);
	slice_split(&path, '/', &seg);
	return seg;
}

static enum rc
check_paths(struct req *rq, const struct res *self)
{
	const struct val *paths = val_get(self->vals, A_APOC_PATHS);

	for (const struct val *p = paths == NULL ? NULL : paths->first; p != NULL; p = p->next) {
		struct slice path = val_text(p->first, A_PATH), seg = first_segment(path);

		if (seg.n == 0)
			return req_fail(rq, RC_BAD_REQUEST, "aPoCPath has an empty path");
		if (rtype_name_reserved(self->type, seg) || slice_is(seg, "kma"))
			return req_fail(rq, RC_BAD_REQUEST, "aPoCPath begins with a reserved name");
		for (const struct val *q = paths->first; q != p; q = q->next)
			if (slice_eq(val_text(q->first, A_PATH), path))
				return req_fail(rq, RC_BAD_REQUEST, "aPoCPath stands twice");
	}
	return RC_OK;
}

static enum rc
application_check(struct req *rq, const struct target *parent, const struct res *old,
                  struct res *self)
{
	int64_t point = rq->scl->conf.role == SCL_NSCL ? REFERENCE_MIA : REFERENCE_DIA;

	if (old == NULL && !rq->own &&
	    (rq->listener->serve & (SERVE_MIA | SERVE_DIA | SERVE_EDGE)) == 0)
		return req_fail(rq, RC_FORBIDDEN, "applications are not served on this listener");
	if (old == NULL && rq->in.app_id.p != NULL && !slice_eq(self->name, rq->in.app_id))
		return req_fail(rq, RC_FORBIDDEN, "SEC_IDENTITY");
	/* Below a scl only what that SCL announces has a place (TS 102 690, reference points). */
	if (old == NULL && parent->scl != ID_NONE)
		return req_fail(rq, RC_FORBIDDEN, "applications register at the applications of sclBase");
	if (old == NULL && !val_set_num(rq->arena, &self->vals, A_REFERENCE_POINT, point))
		return RC_UNAVAILABLE;
	return check_paths(rq, self);
}

/* Only the application itself and the hosting SCL see aPoC and poc (Release 2). */
static bool
application_hidden(const struct originator *who, const struct target *t, unsigned attr)
{
	return (attr == A_APOC || attr == A_POC) && !who->self && !slice_eq(who->local_path, t->path);
}

const struct hooks hooks_application = { .check = application_check, .hidden = application_hidden };
