/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mgmtCmd and execInstance (TS 102 921 10.31, 10.33): EXECUTE on execEnable makes an execInstance,
 * EXECUTE on execDisable cancels it.
 */
#include "config.h"

#include "base/ident.h"
#include "core/rt_mgmt.h"

#include <stdio.h>

/* ---- arguments ---- */

static enum rc
check_arguments(struct req *rq, const struct val *args)
{
	unsigned n = 0;
	struct buf b;
	bool fits;

	if (args == NULL)
		return RC_OK;
	for (const struct val *v = args->first; v != NULL; v = v->next) {
		struct slice name = val_text(v->first, A_NAME);

		if (++n > MGMT_ARGS_MAX)
			return req_fail(rq, RC_FORBIDDEN, "more than %d execReqArgs",
			                MGMT_ARGS_MAX);
		if (name.n == 0 || name.n > MGMT_ARG_NAME_MAX)
			return req_fail(rq, RC_BAD_REQUEST, "an execReqArg has no usable name");
	}
	buf_init(&b, MGMT_ARGS_BYTES_MAX);
	vals_encode(&b, args->first);
	fits = !b.failed;
	buf_fini(&b);
	return fits ? RC_OK : req_fail(rq, RC_FORBIDDEN, "the execReqArgs are too long");
}

static const struct node *
child_named(const struct node *n, const char *name)
{
	for (n = n->first; n != NULL; n = n->next)
		if (slice_is(n->name, name) && (n->flags & NODE_ATTRIBUTE) == 0)
			return n;
	return NULL;
}

/* The arguments of the body, alone or in a mgmtCmd, take the place of those of the resource. */
static enum rc
read_arguments(struct req *rq, const struct val **args)
{
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered };
	const struct node *n = rq->doc;
	struct val *v;
	enum rc rc;

	*args = val_get(rq->target.node->vals, A_EXEC_REQ_ARGS);
	if (n != NULL && slice_is(n->name, "mgmtCmd"))
		n = child_named(n, attr_info(A_EXEC_REQ_ARGS)->name);
	if (n == NULL)
		return rq->doc == NULL
		               ? RC_OK
		               : req_fail(rq, RC_BAD_REQUEST, "the body holds no execReqArgs");
	rc = bind_attribute(&b, A_EXEC_REQ_ARGS, n, &v);
	if (rc != RC_OK)
		return rc == RC_BAD_REQUEST ? req_fail(rq, rc, "%.*s", (int)b.why.n, b.why.p) : rc;
	TRY(check_arguments(rq, v));
	*args = v;
	return RC_OK;
}

/* ---- mgmtCmd ---- */

static enum rc
cmd_check(struct req *rq, const struct target *parent, const struct res *old, struct res *self)
{
	struct slice path = parent->path, uri;

	if (old == NULL) {
		path = ARENA_JOIN(rq->arena, parent->path, SLICE_LIT("/"),
		                  uri_encode_segment(rq->arena, self->name));
		TRY(mgmt_inherit_right(rq, parent, self));
	}
	TRY(check_arguments(rq, val_get(self->vals, A_EXEC_REQ_ARGS)));
	uri = child_reference(rq->scl, rq->arena, path, attr_info(A_EXEC_ENABLE)->name);
	val_remove(&self->vals, A_EXEC_ENABLE);
	return uri.p != NULL && val_set_text(rq->arena, &self->vals, A_EXEC_ENABLE, uri)
	               ? RC_OK
	               : RC_UNAVAILABLE;
}

/* The execInstances have the right of their mgmtCmd. */
struct heirs {
	struct req *rq;
	const struct res *cmd;
	enum rc rc;
};

static bool
pass_right(void *arg, const struct child *c)
{
	struct heirs *h = arg;
	struct slice right = val_text(h->cmd->vals, A_ACCESS_RIGHT_ID);
	struct res *old, *self;

	h->rc = repo_get(h->rq->tx, c->id, &old);
	if (h->rc == RC_OK)
		h->rc = repo_get(h->rq->tx, c->id, &self);
	if (h->rc != RC_OK)
		return false;
	val_remove(&self->vals, A_ACCESS_RIGHT_ID);
	if (right.n > 0 && !val_set_text(h->rq->arena, &self->vals, A_ACCESS_RIGHT_ID, right))
		h->rc = RC_UNAVAILABLE;
	if (h->rc == RC_OK)
		h->rc = repo_update(h->rq->tx, old, self);
	return h->rc == RC_OK;
}

static enum rc
cmd_updated(struct req *rq, const struct res *old, struct res *self)
{
	struct heirs h = { rq, self, RC_OK };

	if (slice_eq(val_text(old->vals, A_ACCESS_RIGHT_ID),
	             val_text(self->vals, A_ACCESS_RIGHT_ID)))
		return RC_OK;
	TRY(repo_children(rq->tx, self->id, T_EXEC_INSTANCES, 0, pass_right, &h));
	return h.rc;
}

struct tally {
	struct rtx *tx;
	unsigned n;
};

static bool
count_instance(void *arg, const struct child *c)
{
	(void)c;
	((struct tally *)arg)->n++;
	return true;
}

static enum rc
check_room(struct req *rq, const struct res *cmd)
{
	struct tally t = { rq->tx, 0 };

	TRY(repo_children(rq->tx, cmd->id, T_EXEC_INSTANCES, 0, count_instance, &t));
	if (rq->conf->mgmt_instances_max > 0 && t.n >= rq->conf->mgmt_instances_max)
		return req_fail(rq, RC_FORBIDDEN, "the mgmtCmd has too many execInstances");
	if (!mgmt_has_room(rq->scl))
		return req_fail(rq, RC_UNAVAILABLE, "too many commands and actions are under way");
	return RC_OK;
}

/* True when an adaptor takes the command back before it is done. */
static enum rc
is_cancellable(struct req *rq, bool *yes)
{
	const struct mgmt_adaptor *a;
	struct mgmt_adaptor copy;
	struct mgmt_place place;

	TRY(mgmt_place_of(rq->scl, rq->tx, &rq->target, &place));
	a = mgmt_adaptor_of(rq->scl->mgmt, &place, &copy);
	*yes = a != NULL && a->cancel != NULL;
	return RC_OK;
}

static enum rc
fill_instance(struct req *rq, struct res *self, struct slice path, const struct val *args)
{
	const struct res *cmd = rq->target.node;
	struct slice right = val_text(cmd->vals, A_ACCESS_RIGHT_ID);
	struct slice disable =
		child_reference(rq->scl, rq->arena, path, attr_info(A_EXEC_DISABLE)->name);
	struct val *kept;
	bool cancellable;

	TRY(is_cancellable(rq, &cancellable));
	if (!val_set_num(rq->arena, &self->vals, A_EXEC_STATUS, EXEC_INITIATED) ||
	    (right.n > 0 && !val_set_text(rq->arena, &self->vals, A_ACCESS_RIGHT_ID, right)) ||
	    (cancellable && !val_set_text(rq->arena, &self->vals, A_EXEC_DISABLE, disable)))
		return RC_UNAVAILABLE;
	if (args == NULL)
		return RC_OK;
	kept = val_add(rq->arena, &self->vals, A_EXEC_REQ_ARGS);
	if (kept == NULL)
		return RC_UNAVAILABLE;
	kept->first = args->first;
	return RC_OK;
}

static enum rc
insert_instance(struct req *rq, struct res *self)
{
	struct target *t = &rq->target;
	int64_t life = rq->conf->mgmt_instance_lifetime;

	self->created = self->modified = repo_now(rq->tx);
	self->expires = life == 0 ? CLOCK_NEVER : repo_now(rq->tx) + life;
	TRY(repo_insert(rq->tx, self));
	if (self->expires != CLOCK_NEVER)
		expire_note(rq->scl, self->expires);
	TRY(repo_coll_touch(rq->tx, t->id, T_EXEC_INSTANCES, t->node->created));
	return event_changed(rq->scl, rq->tx, t->id, T_EXEC_INSTANCES, true);
}

/* The answer is the new execInstance. */
static void
enter_instance(struct target *t, struct res *self, struct slice path)
{
	t->path = path;
	t->kind = TARGET_NODE;
	t->type = self->type;
	t->node = self;
	t->id = self->id;
	t->slot = SLOT_SELF;
	t->attr = NULL;
	t->accessor = SLICE_NONE;
}

static enum rc
cmd_execute(struct req *rq)
{
	struct target *t = &rq->target;
	struct res *self = ARENA_NEW(rq->arena, struct res);
	const struct val *args;
	char name[IDENT_LEN + 1];
	struct slice path;

	if (t->attr == NULL)
		return req_fail(rq, RC_NOT_ALLOWED, "a mgmtCmd is executed by its execEnable");
	TRY(read_arguments(rq, &args));
	TRY(check_room(rq, t->node));
	ident_random(name);
	path = ARENA_JOIN(rq->arena, t->path, SLICE_LIT("/execInstances/"), slice_of(name));
	if (self == NULL || path.p == NULL)
		return RC_UNAVAILABLE;
	self->type = rtype_get(T_EXEC_INSTANCE);
	self->parent = t->id;
	self->slot = T_EXEC_INSTANCES;
	self->name = slice_from(path, path.n - IDENT_LEN);
	TRY(fill_instance(rq, self, path, args));
	TRY(insert_instance(rq, self));
	TRY(mgmt_note_command(rq->scl, self->id));
	enter_instance(t, self, path);
	return RC_CREATED;
}

/* ---- execInstance ---- */

static enum rc
instance_execute(struct req *rq)
{
	const struct target *t = &rq->target;
	int64_t status = val_num(t->node->vals, A_EXEC_STATUS, EXEC_FINISHED);
	struct res *self;

	if (t->attr == NULL)
		return req_fail(rq, RC_NOT_ALLOWED,
		                "an execInstance is cancelled by its execDisable");
	if (status == EXEC_FINISHED || status == EXEC_CANCELLING)
		return req_fail(rq, RC_FORBIDDEN, "the command is %s",
		                status == EXEC_FINISHED ? "finished" : "being cancelled already");
	if (val_get(t->node->vals, A_EXEC_DISABLE) == NULL)
		return req_fail(rq, RC_FORBIDDEN, "the command cannot be cancelled");
	TRY(repo_get(rq->tx, t->id, &self));
	val_remove(&self->vals, A_EXEC_DISABLE);
	if (!val_set_num(rq->arena, &self->vals, A_EXEC_STATUS, EXEC_CANCELLING))
		return RC_UNAVAILABLE;
	TRY(mgmt_store(rq->scl, rq->tx, t->node, self));
	mgmt_note_cancel(rq->scl, t->id);
	return RC_NO_CONTENT;
}

static enum rc
instance_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	(void)tx;
	(void) final;
	if (val_num(self->vals, A_EXEC_STATUS, EXEC_FINISHED) != EXEC_FINISHED)
		mgmt_note_cancel(scl, self->id);
	return RC_OK;
}

const struct hooks hooks_mgmt_cmd = {
	.execute = cmd_execute,
	.check = cmd_check,
	.updated = cmd_updated,
};

const struct hooks hooks_exec_instance = {
	.execute = instance_execute,
	.removed = instance_removed,
};
