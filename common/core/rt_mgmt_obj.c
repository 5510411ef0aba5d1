/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mgmtObj and parameters (TS 102 921 10.29, 10.30): URIs of actions, what an issuer may not change,
 * and the execution of actions.
 */
#include "config.h"

#include "core/rt_mgmt.h"
#include "model/kinds.h"

/* ---- values ---- */

/* An action attribute holds its own address, whatever was asked for. */
static enum rc
set_actions(struct req *rq, struct slice path, struct res *self)
{
	for (const struct rule *r = self->type->rules; r->attr != A_END; r++) {
		struct slice uri;

		if ((r->elem & E_ACTION) == 0 ||
		    (r->answer != P_M && val_get(self->vals, r->attr) == NULL))
			continue;
		uri = child_reference(rq->scl, rq->arena, path, attr_info(r->attr)->name);
		val_remove(&self->vals, r->attr);
		if (uri.p == NULL || !val_set_text(rq->arena, &self->vals, r->attr, uri))
			return RC_UNAVAILABLE;
	}
	return RC_OK;
}

/* The value stays as it was in old. */
static enum rc
restore(struct req *rq, const struct res *old, struct res *self, unsigned attr)
{
	const struct val *was = val_get(old->vals, attr);
	struct val *v;

	val_remove(&self->vals, attr);
	if (was == NULL)
		return RC_OK;
	v = val_add(rq->arena, &self->vals, attr);
	if (v == NULL)
		return RC_UNAVAILABLE;
	v->num = was->num;
	v->text = was->text;
	v->first = was->first;
	v->any = was->any;
	return RC_OK;
}

/* Without its right an own resource would shut out whoever manages the device. */
static enum rc
restore_own(struct req *rq, const struct mgmt_place *place, const struct res *old, struct res *self)
{
	struct mgmt *m = rq->scl->mgmt;

	if (!mgmt_own_is_kept(m, place->name))
		return RC_OK;
	self->expires = CLOCK_NEVER;
	if (val_get(self->vals, A_ACCESS_RIGHT_ID) == NULL)
		TRY(restore(rq, old, self, A_ACCESS_RIGHT_ID));
	for (const struct rule *r = old->type->rules; r->attr != A_END; r++)
		if (r->source == S_STORED && mgmt_own_is_fact(m, place->name, r->attr))
			TRY(restore(rq, old, self, r->attr));
	return RC_OK;
}

static enum rc
check_update(struct req *rq, const struct target *t, const struct res *old, struct res *self)
{
	unsigned status = mgmt_status_in(old->type->number);
	unsigned attr = t->attr == NULL ? A_END : t->attr->attr;
	struct mgmt_place place;

	TRY(mgmt_place_of(rq->scl, rq->tx, t, &place));
	if (rq->who.self || mgmt_is_device(rq, t))
		return RC_OK;
	/* In a whole document it is put right; written alone there is nothing left to do. */
	if (attr != A_END &&
	    (attr == status || (place.own && mgmt_own_is_fact(rq->scl->mgmt, place.name, attr))))
		return req_fail(rq, RC_FORBIDDEN, "that is told by the device itself");
	if (status != A_END)
		TRY(restore(rq, old, self, status));
	return place.own ? restore_own(rq, &place, old, self) : RC_OK;
}

static enum rc
check_depth(struct req *rq, const struct res *node)
{
	struct res *up;

	for (unsigned depth = 1; node->slot == SLOT_SELF && node->parent != ID_NONE; depth++) {
		if (depth == MGMT_DEPTH_MAX)
			return req_fail(rq, RC_FORBIDDEN, "parameters are nested too deeply");
		TRY(repo_get(rq->tx, node->parent, &up));
		node = up;
	}
	return RC_OK;
}

/* The right of the own collection, when it has one of its own: who manages this device. */
static enum rc
own_right(struct req *rq, const struct target *parent, struct slice *right)
{
	struct coll c;

	if (parent->id != ID_SCL_BASE || parent->slot != MGMT_OWN_SLOT)
		return RC_OK;
	TRY(repo_coll_get(rq->tx, parent->id, parent->slot, &c));
	if (c.has_right)
		*right = c.right;
	return RC_OK;
}

/* A part of what an adaptor keeps is governed like the whole. */
static enum rc
part_right(struct req *rq, const struct target *parent, struct slice *right)
{
	struct mgmt_adaptor copy;
	struct mgmt_place place;

	TRY(mgmt_place_of(rq->scl, rq->tx, parent, &place));
	if (mgmt_adaptor_of(rq->scl->mgmt, &place, &copy) != NULL)
		*right = val_text(parent->node->vals, A_ACCESS_RIGHT_ID);
	return RC_OK;
}

enum rc
mgmt_inherit_right(struct req *rq, const struct target *parent, struct res *self)
{
	struct slice right = SLICE_NONE;

	if (val_get(self->vals, A_ACCESS_RIGHT_ID) != NULL)
		return RC_OK;
	TRY(parent->slot == SLOT_SELF ? part_right(rq, parent, &right)
	                              : own_right(rq, parent, &right));
	if (right.n == 0)
		return RC_OK;
	return val_set_text(rq->arena, &self->vals, A_ACCESS_RIGHT_ID, right) ? RC_OK
	                                                                      : RC_UNAVAILABLE;
}

/* What the device has made is called there as it is called here. */
static enum rc
take_location(struct req *rq, struct res *self)
{
	struct slice location = mgmt_relay_location(rq), name = location;
	const char *slash;

	if (location.n == 0)
		return RC_OK;
	if (name.p[name.n - 1] == '/')
		name.n--;
	slash = memrchr(name.p, '/', name.n);
	name = slash == NULL ? name : slice_from(name, (size_t)(slash + 1 - name.p));
	val_remove(&self->vals, A_ORIGINAL_MO);
	if (!uri_decode(rq->arena, name, &name) || !kind_name_valid(name, rq->conf->id_max) ||
	    !val_set_text(rq->arena, &self->vals, A_ORIGINAL_MO, location))
		return req_fail(rq, RC_BAD_GATEWAY,
		                "the device has made a resource of another kind");
	self->name = name;
	return RC_OK;
}

static enum rc
check_create(struct req *rq, const struct target *parent, struct res *self, struct slice path)
{
	if (parent->slot == SLOT_SELF)
		TRY(check_depth(rq, parent->node));
	TRY(mgmt_inherit_right(rq, parent, self));
	if (rtype_base(self->type) != T_MGMT_OBJ || val_get(self->vals, A_ORIGINAL_MO) != NULL)
		return RC_OK;
	return val_set_text(rq->arena, &self->vals, A_ORIGINAL_MO, path) ? RC_OK : RC_UNAVAILABLE;
}

static enum rc
mgmt_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	struct slice path = parent->path;

	if (old == NULL) {
		TRY(take_location(rq, self));
		path = ARENA_JOIN(rq->arena, parent->path, SLICE_LIT("/"),
		                  uri_encode_segment(rq->arena, self->name));
		TRY(check_create(rq, parent, self, path));
	} else {
		TRY(check_update(rq, parent, old, self));
	}
	return set_actions(rq, path, self);
}

/* ---- actions ---- */

struct only_child {
	struct rtx *tx;
	unsigned type;
	unsigned n;
	uint64_t id;
};

static bool
count_child(void *arg, const struct child *c)
{
	struct only_child *o = arg;

	if (c->type == o->type) {
		o->n++;
		o->id = c->id;
	}
	return o->n < 2;
}

/*
 * The resource with the status: one that the action lies in, or the only one beside it. Where there
 * are several the action has to be executed in the one that is meant.
 */
static enum rc
find_holder(struct req *rq, const struct res *action, unsigned type, struct res **out)
{
	struct only_child o = { rq->tx, type, 0, ID_NONE };
	uint64_t parent = action->parent;
	const struct res *at = action;

	while (at->slot == SLOT_SELF && at->parent != ID_NONE) {
		TRY(repo_get(rq->tx, at->parent, out));
		if ((*out)->type->number == type)
			return RC_OK;
		at = *out;
	}
	TRY(repo_children(rq->tx, parent, SLOT_SELF, 0, count_child, &o));
	if (o.n == 1)
		return repo_get(rq->tx, o.id, out);
	req_fail(rq, RC_FORBIDDEN,
	         o.n == 0 ? "there is nothing to do that to"
	                  : "it is not said to which one that is to be done");
	return RC_FORBIDDEN;
}

static enum rc
begin_action(struct req *rq, struct res *holder, unsigned status)
{
	const struct target *t = &rq->target;
	struct slice uri = val_text(t->node->vals, t->attr->attr);
	struct res *self;
	uint64_t number;

	if (val_get(holder->vals, A_ACTION_ORDER) != NULL)
		return req_fail(rq, RC_FORBIDDEN, "an action is under way");
	if (!mgmt_has_room(rq->scl))
		return req_fail(rq, RC_UNAVAILABLE, "too many commands and actions are under way");
	TRY(repo_new_number(rq->tx, &number));
	TRY(repo_get(rq->tx, holder->id, &self));
	if (!mgmt_status_set(rq->arena, &self->vals, status, uri, 0, FINAL_FAILURE) ||
	    !val_set_num(rq->arena, &self->vals, A_ACTION_ORDER, (int64_t)number))
		return RC_UNAVAILABLE;
	TRY(mgmt_store(rq->scl, rq->tx, holder, self));
	TRY(mgmt_note_action(rq->scl, holder->id, t->node->id, t->attr->attr, number));
	return RC_NO_CONTENT;
}

/* EXECUTE of an action attribute (TS 102 690 annex E). */
static enum rc
mgmt_execute(struct req *rq)
{
	const struct target *t = &rq->target;
	unsigned holder_type, status;
	struct res *holder;

	if (t->attr == NULL)
		return req_fail(rq, RC_BAD_REQUEST, "the body is empty");
	if (val_get(t->node->vals, t->attr->attr) == NULL)
		return req_fail(rq, RC_NOT_FOUND, "there is no such action here");
	if (!mgmt_status_of(t->node->type->number, &holder_type, &status))
		return req_fail(rq, RC_NOT_ALLOWED, "the attribute cannot be executed");
	TRY(find_holder(rq, t->node, holder_type, &holder));
	return begin_action(rq, holder, status);
}

/* ---- what others are told ---- */

static bool
is_below_own(struct rtx *tx, const struct res *self)
{
	struct res *up;

	while (self->slot == SLOT_SELF && self->parent != ID_NONE) {
		if (repo_get(tx, self->parent, &up) != RC_OK)
			return false;
		self = up;
	}
	return self->parent == ID_SCL_BASE && self->slot == MGMT_OWN_SLOT;
}

static enum rc
mgmt_created(struct req *rq, const struct target *parent, struct res *self)
{
	(void)parent;
	if (is_below_own(rq->tx, self))
		mgmt_note_changed(rq->scl);
	return RC_OK;
}

static enum rc
mgmt_updated(struct req *rq, const struct res *old, struct res *self)
{
	(void)old;
	if (is_below_own(rq->tx, self))
		mgmt_note_changed(rq->scl);
	return RC_OK;
}

static enum rc
mgmt_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	(void) final;
	if (is_below_own(tx, self))
		mgmt_note_changed(scl);
	return RC_OK;
}

/* What a capability keeps is the device's, not a client's to remove. */
static enum rc
keep_own(struct req *rq)
{
	struct mgmt_place place;

	if (rq->in.op != REQ_DELETE || rq->who.self || rq->target.kind != TARGET_NODE)
		return RC_OK;
	TRY(mgmt_place_of(rq->scl, rq->tx, &rq->target, &place));
	if (place.own && rq->target.attr == NULL && mgmt_own_is_kept(rq->scl->mgmt, place.name))
		return req_fail(rq, RC_FORBIDDEN, "the device itself is told of here");
	return RC_OK;
}

static enum rc
mgmt_prepare(struct req *rq)
{
	if (rq->in.op == REQ_RETRIEVE)
		return RC_OK;
	TRY(keep_own(rq));
	return mgmt_relay_prepare(rq);
}

const struct hooks hooks_mgmt_obj = {
	.prepare = mgmt_prepare,
	.execute = mgmt_execute,
	.check = mgmt_check,
	.adopt = mgmt_relay_adopt,
	.created = mgmt_created,
	.updated = mgmt_updated,
	.removed = mgmt_removed,
};

/* ---- parameters: the store-and-forward policies among them have rules of their own ---- */

extern const struct hooks hooks_saf_policy;

static enum rc
parameters_check(struct req *rq, const struct target *parent, const struct res *old,
                 struct res *self)
{
	TRY(hooks_saf_policy.check(rq, parent, old, self));
	return mgmt_check(rq, parent, old, self);
}

static enum rc
parameters_created(struct req *rq, const struct target *parent, struct res *self)
{
	TRY(hooks_saf_policy.created(rq, parent, self));
	return mgmt_created(rq, parent, self);
}

static enum rc
parameters_updated(struct req *rq, const struct res *old, struct res *self)
{
	TRY(hooks_saf_policy.updated(rq, old, self));
	return mgmt_updated(rq, old, self);
}

static enum rc
parameters_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	TRY(hooks_saf_policy.removed(scl, tx, self, final));
	return mgmt_removed(scl, tx, self, final);
}

const struct hooks hooks_parameters = {
	.prepare = mgmt_prepare,
	.execute = mgmt_execute,
	.check = parameters_check,
	.adopt = mgmt_relay_adopt,
	.created = parameters_created,
	.updated = parameters_updated,
	.removed = parameters_removed,
};
