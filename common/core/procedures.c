/* SPDX-License-Identifier: Apache-2.0 */
/* The generic procedures: RETRIEVE, CREATE, UPDATE and DELETE run from the type tables. */
#include "config.h"

#include "base/ident.h"
#include "core/announce.h"
#include "core/hooks.h"
#include "model/kinds.h"

#define SUBTREE_DEPTH 64

/* ---- retrieve ---- */

static enum rc
retrieve_content(struct req *rq)
{
	const struct res *inst = rq->target.inst;

	/* The only type offered is the stored one (TS 102 921 annex C, headers). */
	if (!accept_covers(rq->in.accept, inst->inst.media_type))
		return req_fail(rq, RC_NOT_ACCEPTABLE, "the content has another media type");
	rq->answer = ANSWER_RAW;
	rq->raw = inst->inst.content;
	rq->raw_type = inst->inst.media_type;
	return RC_OK;
}

static enum rc
retrieve_attribute(struct req *rq)
{
	struct val *vals, *v;

	if (rq->target.content && rq->target.kind == TARGET_INSTANCE)
		return retrieve_content(rq);
	TRY(answer_values(rq->scl, rq->tx, &rq->who, &rq->target, &rq->filter, &vals));
	if (partial_value(rq, &rq->target, vals, &v) != RC_OK)
		return req_fail(rq, RC_NOT_FOUND, "the attribute is not set");
	rq->answer = ANSWER_ATTRIBUTE;
	rq->answer_vals = v;
	return RC_OK;
}

/*
 * On a single resource a criterion that fails is a condition that fails (TS 102 921 annex C,
 * filterCriteria).
 */
static enum rc
criteria_check(struct req *rq, int64_t modified)
{
	const struct filter *f = &rq->filter;

	if (rq->target.type->flags & (RT_INSTANCES | RT_VIRTUAL))
		return RC_OK;
	if (filter_times(&(struct filter){ .has_modified_since = f->has_modified_since,
	                                   .modified_since = f->modified_since,
	                                   .has_unmodified_since = f->has_unmodified_since,
	                                   .unmodified_since = f->unmodified_since },
	                 0, modified))
		return RC_OK;
	return req_fail(rq, RC_NOT_MODIFIED, "the criteria do not hold");
}

enum rc
retrieve(struct req *rq)
{
	const struct target *t = &rq->target;
	int64_t modified;

	TRY(target_modified(rq->tx, t, &modified));
	answer_stamp(rq, t->kind == TARGET_DISCOVERY ? 0 : modified);
	if (t->kind != TARGET_DISCOVERY) {
		TRY(conditions_check(rq, modified, true));
		TRY(criteria_check(rq, modified));
	}
	if (t->attr != NULL)
		return retrieve_attribute(rq);
	TRY(answer_values(rq->scl, rq->tx, &rq->who, t, &rq->filter, &rq->answer_vals));
	rq->answer = ANSWER_RESOURCE;
	rq->answer_type = t->type;
	return arena_failed(rq->arena) ? req_fail(rq, RC_UNAVAILABLE, "the answer is over the limit")
	                               : RC_OK;
}

/* ---- create ---- */

enum rc
body_bind(struct req *rq, const struct rtype *t, enum bind_column column, struct val **out,
          bool *release1)
{
	const struct res *node = rq->target.node;
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered,
		            .name = node == NULL ? SLICE_NONE : node->name };
	enum rc rc = bind_resource(&b, t, column, rq->doc, out);

	if (release1 != NULL)
		*release1 = b.release1;
	if (rc == RC_BAD_REQUEST)
		return req_fail(rq, rc, "%.*s", (int)b.why.n, b.why.p);
	return rc;
}

/* Lifts the expiration out of the values: the header of the resource keeps it. */
static enum rc
take_lifetime(struct req *rq, struct val **vals, struct res *self)
{
	const struct val *wish = val_get(*vals, A_EXPIRATION_TIME);
	int64_t now = repo_now(rq->tx);

	if (wish != NULL && wish->num <= now)
		return req_fail(rq, RC_BAD_REQUEST, "expirationTime is in the past");
	self->expires = rtype_rule(self->type, A_EXPIRATION_TIME) == NULL
	                    ? CLOCK_NEVER
	                    : lifetime_grant(rq->conf, self->type->number, wish == NULL ? 0 : wish->num, now);
	val_remove(vals, A_EXPIRATION_TIME);
	return RC_OK;
}

static enum rc
name_check(struct req *rq, const struct target *t, struct slice name)
{
	if (!kind_name_valid(name, rq->conf->id_max))
		return req_fail(rq, RC_BAD_REQUEST, "the id is no legal name of one path segment");
	if (rtype_name_reserved(t->type, name))
		return req_fail(rq, RC_BAD_REQUEST, "the id is reserved");
	return RC_OK;
}

static enum rc
take_name(struct req *rq, const struct target *t, struct val **vals, struct res *self)
{
	unsigned attr = self->type->id_attr;
	char generated[IDENT_LEN + 1];

	self->name = val_text(*vals, attr);
	if (val_get(*vals, attr) == NULL) {
		/* Who has proved an App-ID has it. */
		self->name = self->type->number == T_APPLICATION ? rq->in.app_id : SLICE_NONE;
		if (self->name.n > 0)
			return name_check(rq, t, self->name);
		ident_random(generated);
		self->name = arena_copy(rq->arena, slice_of(generated));
		return self->name.p == NULL ? RC_UNAVAILABLE : RC_OK;
	}
	val_remove(vals, attr);
	return name_check(rq, t, self->name);
}

enum rc
right_check(struct req *rq, const struct rtype *type, struct val *vals)
{
	struct val *right = val_find(vals, A_ACCESS_RIGHT_ID);
	struct slice path, seg, last = SLICE_NONE, before = SLICE_NONE;

	if (right == NULL)
		return RC_OK;
	path = own_path(rq->scl, rq->arena, right->text);
	if (path.n == 0 && rtype_is_annc(type) && uri_is_absolute(right->text))
		return RC_OK;
	if (path.n == 0 || !uri_path_below(path, rq->scl->base_path))
		return req_fail(rq, RC_BAD_REQUEST, "accessRightID is not on this SCL");
	right->text = path;
	while (slice_split(&path, '/', &seg)) {
		before = last;
		last = seg;
	}
	if (last.n == 0 || (!slice_is(before, "accessRights") && !slice_is(before, "AR")))
		return req_fail(rq, RC_BAD_REQUEST, "accessRightID does not name an accessRight");
	return RC_OK;
}

static enum rc
created_type(struct req *rq, const struct target *t, const struct rtype **type)
{
	*type = rtype_created_as(t->type, rq->doc->name, node_xsi_type(rq->doc));
	if (*type == NULL)
		return req_fail(rq, RC_BAD_REQUEST, "%s does not take a %.*s", t->type->name,
		                rq->doc->name.n > 64 ? 64 : (int)rq->doc->name.n, rq->doc->name.p);
	return RC_OK;
}

/* A child was created or deleted in a collection, or in the resource itself. */
static enum rc
touch_parent(struct rtx *tx, const struct res *parent, slot_t slot)
{
	int64_t now = repo_now(tx);
	struct res *again;

	if (slot != SLOT_SELF)
		return repo_coll_touch(tx, parent->id, slot, parent->created);
	TRY(repo_get(tx, parent->id, &again));
	again->modified = now > parent->modified ? now : parent->modified + 1;
	return repo_update(tx, parent, again);
}

static enum rc
store_created(struct req *rq, const struct target *parent, struct res *self)
{
	const struct hooks *h = self->type->hooks;
	enum rc rc;

	TRY(announce_decide(rq, NULL, self));
	rc = repo_insert(rq->tx, self);
	if (rc == RC_CONFLICT)
		return req_fail(rq, rc, "id already in use: %.*s", (int)self->name.n, self->name.p);
	if (rc != RC_OK)
		return rc;
	if (self->expires != CLOCK_NEVER)
		expire_note(rq->scl, self->expires);
	if (h != NULL && h->created != NULL)
		TRY(h->created(rq, parent, self));
	TRY(announce_stored(rq, NULL, self));
	TRY(touch_parent(rq->tx, parent->node, parent->slot));
	return event_changed(rq->scl, rq->tx, parent->id, parent->slot, true);
}

/* From the parent on to what lies below it. */
static enum rc
become_target(struct req *rq, struct res *self)
{
	struct target *t = &rq->target;

	t->path = ARENA_JOIN(rq->arena, t->path, SLICE_LIT("/"),
	                     uri_encode_segment(rq->arena, self->name));
	t->kind = TARGET_NODE;
	t->type = self->type;
	t->node = self;
	t->id = self->id;
	t->slot = SLOT_SELF;
	return t->path.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
create(struct req *rq)
{
	struct target parent = rq->target;
	struct res *self = ARENA_NEW(rq->arena, struct res), *there = NULL;
	struct val *vals;

	if (parent.type->flags & RT_INSTANCES)
		return instance_create(rq);
	if (self == NULL)
		return RC_UNAVAILABLE;
	TRY(created_type(rq, &parent, &self->type));
	TRY(annc_place_check(rq, &parent, self->type));
	TRY(body_bind(rq, self->type, BIND_CREATE, &vals, NULL));
	self->parent = parent.id;
	self->slot = parent.slot;
	self->created = self->modified = repo_now(rq->tx);
	TRY(take_name(rq, &parent, &vals, self));
	TRY(take_lifetime(rq, &vals, self));
	TRY(right_check(rq, self->type, vals));
	self->vals = vals;
	if (self->type->hooks != NULL && self->type->hooks->check != NULL)
		TRY(self->type->hooks->check(rq, &parent, NULL, self));
	if (self->type->hooks != NULL && self->type->hooks->adopt != NULL)
		TRY(self->type->hooks->adopt(rq, &parent, self, &there));
	if (there == NULL)
		TRY(store_created(rq, &parent, self));
	return become_target(rq, there == NULL ? self : there);
}

/* ---- update ---- */

enum rc
store_update(struct req *rq, const struct res *old, struct res *self)
{
	const struct val *was = val_get(old->vals, A_ACCESS_RIGHT_ID);
	const struct val *is = val_get(self->vals, A_ACCESS_RIGHT_ID);
	int64_t now = repo_now(rq->tx);

	/*
	 * The fixed children keep what they inherited at creation (TS 102 921 clause 10,
	 * collections).
	 */
	if (!val_equal(was == NULL ? NULL : &(struct val){ .attr = was->attr, .text = was->text },
	               is == NULL ? NULL : &(struct val){ .attr = is->attr, .text = is->text }) &&
	    val_get(self->vals, A_INHERITED_RIGHT) == NULL &&
	    !val_set_text(rq->arena, &self->vals, A_INHERITED_RIGHT,
	                  was == NULL ? SLICE_NONE : was->text))
		return RC_UNAVAILABLE;
	self->modified = now > old->modified ? now : old->modified + 1;
	TRY(announce_decide(rq, old, self));
	TRY(repo_update(rq->tx, old, self));
	TRY(announce_stored(rq, old, self));
	if (self->expires != CLOCK_NEVER)
		expire_note(rq->scl, self->expires);
	if (self->type->hooks != NULL && self->type->hooks->updated != NULL)
		TRY(self->type->hooks->updated(rq, old, self));
	return event_changed(rq->scl, rq->tx, self->id, SLOT_SELF, false);
}

/* Replacement: what the client may not write stays, what it may write and left out goes. */
static bool
keep_unwritable(struct req *rq, const struct res *old, struct val **vals)
{
	for (const struct val *v = old->vals; v != NULL; v = v->next) {
		const struct rule *r = rtype_rule(old->type, v->attr);
		struct val *copy;

		if (r != NULL && r->update != P_NP)
			continue;
		copy = val_add(rq->arena, vals, v->attr);
		if (copy == NULL)
			return false;
		copy->num = v->num;
		copy->text = v->text;
		copy->first = v->first;
		copy->any = v->any;
	}
	return true;
}

/* True when every requested value was taken as it is. */
static bool
taken_as_asked(const struct val *asked, const struct res *self, int64_t wish)
{
	for (; asked != NULL; asked = asked->next) {
		const struct val *v = val_get(self->vals, asked->attr);
		struct val a = *asked, b;

		if (v == NULL)
			return false;
		b = *v;
		a.next = b.next = NULL;
		if (!val_equal(&a, &b))
			return false;
	}
	return wish == 0 || wish == self->expires;
}

/* Values as the client asked for them, before hooks may change them in place. */
static struct val *
asked_copy(struct req *rq, const struct val *vals)
{
	struct val *first = NULL;

	for (; vals != NULL; vals = vals->next) {
		struct val *v = val_add(rq->arena, &first, vals->attr);

		if (v == NULL)
			return NULL;
		v->num = vals->num;
		v->text = vals->text;
		v->first = vals->first;
		v->any = vals->any;
	}
	return first;
}

static enum rc
update_node(struct req *rq)
{
	struct target *t = &rq->target;
	const struct res *old = t->node;
	struct res *self = ARENA_NEW(rq->arena, struct res);
	struct val *vals, *asked;
	int64_t wish;

	if (self == NULL)
		return RC_UNAVAILABLE;
	*self = *old;
	TRY(body_bind(rq, t->type, BIND_UPDATE, &vals, NULL));
	wish = val_num(vals, A_EXPIRATION_TIME, 0);
	TRY(take_lifetime(rq, &vals, self));
	TRY(right_check(rq, t->type, vals));
	asked = asked_copy(rq, vals);
	if (!keep_unwritable(rq, old, &vals))
		return RC_UNAVAILABLE;
	self->vals = vals;
	if (t->type->hooks != NULL && t->type->hooks->check != NULL)
		TRY(t->type->hooks->check(rq, t, old, self));
	TRY(store_update(rq, old, self));
	t->node = self;
	answer_stamp(rq, self->modified);
	if (taken_as_asked(asked, self, wish))
		return RC_NO_CONTENT;
	return answer_target(rq, t);
}

static enum rc
update_collection(struct req *rq)
{
	struct target *t = &rq->target;
	const struct val *right;
	struct val *vals;
	struct coll c;
	int64_t before;

	TRY(body_bind(rq, t->type, BIND_UPDATE, &vals, NULL));
	TRY(right_check(rq, t->type, vals));
	TRY(repo_coll_get(rq->tx, t->id, t->slot, &c));
	right = val_get(vals, A_ACCESS_RIGHT_ID);
	before = c.modified != 0 ? c.modified : t->node->created;
	c.modified = repo_now(rq->tx) > before ? repo_now(rq->tx) : before + 1;
	c.has_right = true;
	c.right = right == NULL ? SLICE_NONE : right->text;
	TRY(repo_coll_put(rq->tx, t->id, t->slot, &c));
	TRY(event_changed(rq->scl, rq->tx, t->id, t->slot, false));
	answer_stamp(rq, c.modified);
	return RC_NO_CONTENT;
}

enum rc
update(struct req *rq)
{
	return rq->target.kind == TARGET_COLLECTION ? update_collection(rq) : update_node(rq);
}

/* ---- delete ---- */

struct subtree {
	uint64_t *ids;
	size_t n, max;
	bool failed;
	struct arena *a;
};

static bool
collect_child(void *arg, slot_t slot, const struct child *c)
{
	struct subtree *s = arg;

	(void)slot;
	if (s->n == s->max) {
		size_t max = s->max == 0 ? 16 : s->max * 2;
		uint64_t *ids = ARENA_ARRAY(s->a, uint64_t, max);

		if (ids == NULL) {
			s->failed = true;
			return false;
		}
		if (s->n > 0)
			memcpy(ids, s->ids, s->n * sizeof(*ids));
		s->ids = ids;
		s->max = max;
	}
	s->ids[s->n++] = c->id;
	return true;
}

static enum rc
remove_level(struct scl *scl, struct rtx *tx, struct res *node, enum rc final, unsigned depth)
{
	struct subtree s = { .a = repo_arena(tx) };

	if (depth == SUBTREE_DEPTH)
		return RC_INTERNAL;
	/* Subscriptions below say why they end before what they watch is gone. */
	if (node->type->hooks != NULL && node->type->hooks->removed != NULL)
		TRY(node->type->hooks->removed(scl, tx, node, final));
	TRY(announce_removed(scl, tx, node, depth > 0));
	TRY(repo_children_all(tx, node->id, collect_child, &s));
	if (s.failed)
		return RC_UNAVAILABLE;
	/* However many they are, they take the memory of one. */
	for (size_t i = 0; i < s.n; i++) {
		struct arena_mark mark = arena_mark(s.a);
		struct res *child;

		TRY(repo_get(tx, s.ids[i], &child));
		TRY(remove_level(scl, tx, child, RC_GONE, depth + 1));
		arena_rewind(s.a, mark);
	}
	if (rtype_has_instances(node->type))
		atomic_store(&scl->removed, true);
	return repo_remove(tx, node);
}

enum rc
remove_subtree(struct scl *scl, struct rtx *tx, struct res *node, enum rc final)
{
	struct res *parent;

	TRY(remove_level(scl, tx, node, final, 0));
	TRY(repo_get(tx, node->parent, &parent));
	TRY(touch_parent(tx, parent, node->slot));
	return event_changed(scl, tx, node->parent, node->slot, false);
}

enum rc
delete_resource(struct req *rq)
{
	struct target *t = &rq->target;
	uint64_t owed;

	if (t->kind == TARGET_INSTANCE) {
		TRY(instances_owed_from(rq->tx, t->id, &owed));
		TRY(repo_inst_remove(rq->tx, t->id, t->inst->inst.seq, t->inst->inst.seq > owed));
		return RC_NO_CONTENT;
	}
	/* A client's DELETE of a subscription is not notified (TS 102 921 10.25). */
	TRY(remove_subtree(rq->scl, rq->tx, t->node,
	                   t->type->number == T_SUBSCRIPTION ? RC_OK : RC_GONE));
	return RC_NO_CONTENT;
}
