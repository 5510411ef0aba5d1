/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration that somebody else writes: it comes as it is, or in a document that its provider has
 * signed. Whether it may be written here the guard says (guard.h, configure).
 */
#include "config.h"

#include "core/rt_mgmt.h"
#include "sec/config_doc.h"

bool
config_is_doc(const struct req *rq)
{
	return media_is(media_essence(rq->in.content_type), CONFIG_MEDIA_TYPE);
}

/* mgmtObjs, what lies in it, its parameters, and commands. */
static bool
is_configuration(const struct target *t)
{
	unsigned base;

	if (t->kind == TARGET_COLLECTION)
		return t->type->number == T_MGMT_OBJS;
	if (t->kind != TARGET_NODE)
		return false;
	base = rtype_base(t->node->type);
	return base == T_MGMT_OBJ || base == T_PARAMETERS || base == T_MGMT_CMD;
}

static enum rc
open_doc(struct req *rq)
{
	struct config_doc *d = ARENA_NEW(rq->arena, struct config_doc);
	enum rc rc = d == NULL ? RC_UNAVAILABLE : config_doc_read(rq->in.body, rq->arena, d);

	if (rc != RC_OK)
		return req_fail(rq, rc, "the body is no signed configuration");
	rq->in_codec = media_codec(media_essence(d->type));
	if (rq->in_codec == NULL)
		return req_fail(rq, RC_MEDIA_TYPE,
		                "the media type of what was signed is not supported");
	rq->config.doc = d;
	rq->config_text = rq->in.body;
	rq->in.body = d->body;
	rq->in.content_type = d->type;
	return RC_OK;
}

static bool
is_own(struct req *rq, enum rc *rc)
{
	const struct target *t = &rq->target;
	struct mgmt_place place = { 0 };

	*rc = RC_OK;
	if (t->kind == TARGET_COLLECTION)
		return t->id == ID_SCL_BASE && t->slot == MGMT_OWN_SLOT;
	*rc = mgmt_place_of(rq->scl, rq->tx, t, &place);
	return *rc == RC_OK && place.own;
}

/* Without its document nothing is written by what only begins an action, or ends a command. */
static bool
writes(const struct req *rq)
{
	if (rq->in.op == REQ_EXECUTE)
		return rq->in.body.n > 0;
	return rq->in.op != REQ_DELETE || rq->target.attr != NULL ||
	       rq->target.type->number != T_MGMT_CMD;
}

/* Below {sclBase}/scls. */
static enum rc
note(struct req *rq)
{
	struct slice path = rq->target.path;
	size_t before = rq->scl->base_path.n + sizeof("/scls/") - 1;

	if (path.n <= before)
		return RC_INTERNAL;
	path = arena_copy(rq->arena, slice_from(path, before));
	rq->config.resource = rq->config.object = path;
	if (rq->target.attr != NULL)
		rq->config.object = ARENA_JOIN(rq->arena, path, SLICE_LIT("/"),
		                               slice_of(attr_info(rq->target.attr->attr)->name));
	return path.p == NULL || rq->config.object.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
config_prepare(struct req *rq)
{
	enum rc rc;

	if (rq->in.op == REQ_RETRIEVE || !is_configuration(&rq->target))
		return RC_OK;
	if (config_is_doc(rq))
		TRY(open_doc(rq));
	if (rq->own || !writes(rq))
		return RC_OK;
	if (!is_own(rq, &rc))
		return rc;
	return note(rq);
}
