/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announcements of resources of other SCLs: where they may lie, who makes them, what they link to
 * (TS 102 921 10.6a, 10.9, 10.12, 10.15, 10.17, 10.22).
 */
#include "config.h"

#include "core/hooks.h"

/* Really below, so that the SCL itself is nobody's announcement. */
static bool
lies_below(struct slice uri, struct slice above)
{
	return above.n > 0 && uri.n > above.n && uri_path_below(uri, above);
}

static struct slice
link_of(struct req *rq, const struct res *node)
{
	return comparable_uri(rq->scl, rq->arena, val_text(node->vals, A_LINK));
}

/* The registered SCL, or an application of its: announcing is done in the application's name. */
static bool
issued_by(const struct req *rq, struct slice link)
{
	return rq->who.self || slice_eq(rq->who.normal, link) ||
	       (rq->who.app_id.n > 0 && lies_below(rq->who.normal, link));
}

static enum rc
check_place(struct req *rq, const struct target *parent, const struct res *scl,
            const struct res *self, struct slice link)
{
	struct slice there = link_of(rq, scl);

	if (!issued_by(rq, there))
		return req_fail(rq, RC_FORBIDDEN, "the issuer is not the SCL that announces");
	if (!lies_below(link, there))
		return req_fail(rq, RC_FORBIDDEN, "link is not below the SCL that announces");
	if (rtype_is_annc(parent->node->type) && !lies_below(link, link_of(rq, parent->node)))
		return req_fail(rq, RC_FORBIDDEN,
		                "link is not below that of the announcement above");
	/* SCLs are announced between NSCLs alone (mIm), not by applications. */
	if (self->type->number == T_SCL_ANNC &&
	    ((!rq->who.self && !slice_eq(rq->who.normal, there)) ||
	     rq->scl->conf.role != SCL_NSCL ||
	     val_num(scl->vals, A_SCL_TYPE, SCL_GSCL) != SCL_NSCL))
		return req_fail(rq, RC_FORBIDDEN, "SCLs are announced from NSCL to NSCL");
	return RC_OK;
}

/* The schema demands link in an UPDATE, too; it may not change. */
static enum rc
keep_link(struct req *rq, const struct res *old, struct res *self)
{
	struct slice was = val_text(old->vals, A_LINK);
	const struct val *is = val_get(self->vals, A_LINK);

	if (is == NULL && rq->target.attr != NULL && rq->target.attr->attr == A_LINK)
		return req_fail(rq, RC_BAD_REQUEST, "link cannot be removed");
	if (is != NULL && !slice_eq(link_of(rq, self), link_of(rq, old)))
		return req_fail(rq, RC_BAD_REQUEST, "link cannot be changed");
	return val_set_text(rq->arena, &self->vals, A_LINK, was) ? RC_OK : RC_UNAVAILABLE;
}

static enum rc
annc_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	struct slice link = val_text(self->vals, A_LINK);
	struct res *scl;

	if (old != NULL)
		return keep_link(rq, old, self);
	if (!uri_is_absolute(link) || link_of(rq, self).n == 0)
		return req_fail(rq, RC_BAD_REQUEST, "link is no absolute URI");
	if (parent->scl == ID_NONE)
		return req_fail(rq, RC_FORBIDDEN, "announcements lie below the scl that announces");
	TRY(repo_get(rq->tx, parent->scl, &scl));
	return check_place(rq, parent, scl, self, link_of(rq, self));
}

enum rc
annc_place_check(struct req *rq, const struct target *parent, const struct rtype *type)
{
	bool only_announces;

	if (parent->scl == ID_NONE || rtype_is_annc(type))
		return RC_OK;
	if (rtype_is_annc(parent->node->type))
		return req_fail(rq, RC_FORBIDDEN, "an announcement holds announcements alone");
	TRY(access_announces_only(rq->scl, rq->tx, &rq->who, parent, &only_announces));
	if (only_announces)
		return req_fail(rq, RC_FORBIDDEN, "the issuer may only announce here");
	return RC_OK;
}

const struct hooks hooks_annc = { .check = annc_check };
