/* SPDX-License-Identifier: Apache-2.0 */
/* Partial addressing: one attribute, or one permission of a list (TS 102 921 10.39). */
#include "config.h"

#include "base/ident.h"
#include "core/hooks.h"

static bool
is_permission_list(const struct rule *r)
{
	return attr_info(r->attr)->kind == K_STRUCT &&
	       attr_info(r->attr)->shape->elems[0].attr == A_PERMISSION;
}

/* "permission/<id>" or "<id>". */
static struct slice
permission_id(struct slice accessor)
{
	if (slice_starts(accessor, SLICE_LIT("permission/")))
		return slice_from(accessor, strlen("permission/"));
	return accessor;
}

static struct val **
find_permission(struct val *list, struct slice id)
{
	struct val **at = &list->first;

	while (*at != NULL && !slice_eq(val_text((*at)->first, A_ID), id))
		at = &(*at)->next;
	return at;
}

enum rc
partial_value(struct req *rq, const struct target *t, struct val *vals, struct val **out)
{
	struct val *v = val_find(vals, t->attr->attr);

	(void)rq;
	if (v == NULL)
		return RC_NOT_FOUND;
	if (t->accessor.n > 0) {
		if (!is_permission_list(t->attr))
			return RC_NOT_FOUND;
		v = *find_permission(v, permission_id(t->accessor));
		if (v == NULL)
			return RC_NOT_FOUND;
	}
	*out = v;
	return RC_OK;
}

static enum rc
bind_one(struct req *rq, unsigned attr, struct val **v)
{
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered };
	enum rc rc = bind_attribute(&b, attr, rq->doc, v);

	return rc == RC_BAD_REQUEST ? req_fail(rq, rc, "%.*s", (int)b.why.n, b.why.p) : rc;
}

/* A copy of the stored node whose values may be changed. */
static enum rc
editable(struct req *rq, struct res **self)
{
	struct res *again;

	*self = ARENA_NEW(rq->arena, struct res);
	if (*self == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_get(rq->tx, rq->target.id, &again));
	**self = *again;
	return RC_OK;
}

static enum rc
run_check(struct req *rq, const struct res *old, struct res *self)
{
	const struct hooks *h = self->type->hooks;

	return h == NULL || h->check == NULL ? RC_OK : h->check(rq, &rq->target, old, self);
}

static enum rc
finish(struct req *rq, struct res *self, enum rc success)
{
	struct res *old = rq->target.node;

	TRY(run_check(rq, old, self));
	TRY(store_update(rq, old, self));
	rq->target.node = self;
	answer_stamp(rq, self->modified);
	return success;
}

static enum rc
put_permission(struct req *rq, struct res *self)
{
	struct slice id = permission_id(rq->target.accessor);
	struct val *list = val_find(self->vals, rq->target.attr->attr), *v, **at;

	at = list == NULL ? NULL : find_permission(list, id);
	if (at == NULL || *at == NULL)
		return req_fail(rq, RC_NOT_FOUND, "there is no such permission");
	TRY(bind_one(rq, A_PERMISSION, &v));
	if (val_get(v->first, A_ID) != NULL && !slice_eq(val_text(v->first, A_ID), id))
		return req_fail(rq, RC_BAD_REQUEST, "the permission's id may not change");
	if (val_get(v->first, A_ID) == NULL) {
		struct val *named = NULL;

		if (!val_set_text(rq->arena, &named, A_ID, id))
			return RC_UNAVAILABLE;
		named->next = v->first;
		v->first = named;
	}
	v->next = (*at)->next;
	*at = v;
	return finish(rq, self, RC_NO_CONTENT);
}

static enum rc
put_expiration(struct req *rq, struct res *self, int64_t wish)
{
	if (wish <= repo_now(rq->tx))
		return req_fail(rq, RC_BAD_REQUEST, "expirationTime is in the past");
	self->expires = lifetime_grant(rq->conf, self->type->number, wish, repo_now(rq->tx));
	TRY(finish(rq, self, RC_OK));
	if (self->expires == wish)
		return RC_NO_CONTENT;
	rq->answer = ANSWER_ATTRIBUTE;
	rq->answer_vals = NULL;
	if (!val_set_num(rq->arena, &rq->answer_vals, A_EXPIRATION_TIME, self->expires))
		return RC_UNAVAILABLE;
	return RC_OK;
}

static enum rc
put_collection_right(struct req *rq, struct val *v)
{
	const struct target *t = &rq->target;
	struct coll c;

	TRY(right_check(rq, t->type, v));
	TRY(repo_coll_touch(rq->tx, t->id, t->slot, t->node->created));
	TRY(repo_coll_get(rq->tx, t->id, t->slot, &c));
	c.has_right = true;
	c.right = v == NULL ? SLICE_NONE : v->text;
	TRY(repo_coll_put(rq->tx, t->id, t->slot, &c));
	TRY(event_changed(rq->scl, rq->tx, t->id, t->slot, false));
	answer_stamp(rq, c.modified);
	return RC_NO_CONTENT;
}

static enum rc
put_value(struct req *rq, struct res *self, struct val *v)
{
	unsigned attr = rq->target.attr->attr;
	struct val *at, *asked = v;

	TRY(right_check(rq, rq->target.type, v));
	val_remove(&self->vals, attr);
	at = val_add(rq->arena, &self->vals, attr);
	if (at == NULL)
		return RC_UNAVAILABLE;
	at->num = v->num;
	at->text = v->text;
	at->first = v->first;
	at->any = v->any;
	TRY(finish(rq, self, RC_OK));
	at = val_find(self->vals, attr);
	/* A hook may have taken it out: then there is nothing to show. */
	if (at == NULL || (at->num == asked->num && val_equal(at->first, asked->first)))
		return RC_NO_CONTENT;
	rq->answer = ANSWER_ATTRIBUTE;
	rq->answer_vals = at;
	return RC_OK;
}

enum rc
partial_update(struct req *rq)
{
	const struct target *t = &rq->target;
	struct res *self;
	struct val *v;

	if (t->content || t->kind == TARGET_INSTANCE)
		return req_fail(rq, RC_NOT_ALLOWED, "contents do not change");
	if (t->attr->update == P_NP)
		return req_fail(rq, RC_BAD_REQUEST, "the attribute cannot be written");
	if (t->kind == TARGET_COLLECTION) {
		TRY(bind_one(rq, t->attr->attr, &v));
		return put_collection_right(rq, v);
	}
	TRY(editable(rq, &self));
	if (t->accessor.n > 0 && !is_permission_list(t->attr))
		return req_fail(rq, RC_NOT_FOUND, "the attribute has no such part");
	if (t->accessor.n > 0)
		return put_permission(rq, self);
	TRY(bind_one(rq, t->attr->attr, &v));
	return t->attr->attr == A_EXPIRATION_TIME ? put_expiration(rq, self, v->num)
	                                          : put_value(rq, self, v);
}

/* POST on a permission list adds one. */
enum rc
partial_create(struct req *rq)
{
	const struct target *t = &rq->target;
	struct val *list, *v, **at;
	struct res *self;

	if (!is_permission_list(t->attr) || t->accessor.n > 0)
		return req_fail(rq, RC_NOT_ALLOWED, "the attribute does not take POST");
	TRY(editable(rq, &self));
	TRY(bind_one(rq, A_PERMISSION, &v));
	list = val_find(self->vals, t->attr->attr);
	if (list == NULL)
		list = val_add(rq->arena, &self->vals, t->attr->attr);
	if (list == NULL)
		return RC_UNAVAILABLE;
	if (val_get(v->first, A_ID) != NULL &&
	    *find_permission(list, val_text(v->first, A_ID)) != NULL)
		return req_fail(rq, RC_CONFLICT, "id already in use");
	for (at = &list->first; *at != NULL; at = &(*at)->next)
		;
	*at = v;
	TRY(finish(rq, self, RC_OK));
	rq->target.path = arena_printf(rq->arena, "%.*s/%s/%.*s", (int)t->path.n, t->path.p,
	                               attr_info(t->attr->attr)->name,
	                               (int)val_text(v->first, A_ID).n, val_text(v->first, A_ID).p);
	rq->answer = ANSWER_ATTRIBUTE;
	rq->answer_vals = v;
	return RC_CREATED;
}

enum rc
partial_delete(struct req *rq)
{
	const struct target *t = &rq->target;
	struct res *self;
	struct val *v;

	if (t->content || t->kind == TARGET_INSTANCE)
		return req_fail(rq, RC_NOT_ALLOWED, "contents do not change");
	if (t->kind == TARGET_COLLECTION)
		return t->attr->update == P_O
		           ? put_collection_right(rq, NULL)
		           : req_fail(rq, RC_BAD_REQUEST, "the attribute cannot be removed");
	TRY(editable(rq, &self));
	if (t->accessor.n > 0) {
		v = val_find(self->vals, t->attr->attr);
		if (v == NULL || !is_permission_list(t->attr) ||
		    *find_permission(v, permission_id(t->accessor)) == NULL)
			return req_fail(rq, RC_NOT_FOUND, "there is no such permission");
		*find_permission(v, permission_id(t->accessor)) =
		    (*find_permission(v, permission_id(t->accessor)))->next;
		return finish(rq, self, RC_NO_CONTENT);
	}
	if (t->attr->update != P_O)
		return req_fail(rq, RC_BAD_REQUEST, "the attribute cannot be removed");
	if (t->attr->attr == A_EXPIRATION_TIME) {
		self->expires = lifetime_grant(rq->conf, self->type->number, 0, repo_now(rq->tx));
		return finish(rq, self, RC_NO_CONTENT);
	}
	if (val_get(self->vals, t->attr->attr) == NULL)
		return req_fail(rq, RC_NOT_FOUND, "the attribute is not set");
	val_remove(&self->vals, t->attr->attr);
	return finish(rq, self, RC_NO_CONTENT);
}
