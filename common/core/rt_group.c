/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group: its members are held against memberType (TS 102 921 10.21). Those of this SCL are looked
 * up in the transaction of the request, those of others afterwards (group_validate.c).
 */
#include "config.h"

#include "core/group.h"
#include "core/hooks.h"

#include <stdlib.h>

struct member {
	struct slice text; /* as it is stored */
	struct slice key; /* what it is compared by: local path or absolute URI, normalised */
	size_t at; /* place in the list */
	bool dropped;
};

struct members {
	struct member *list;
	size_t n;
};

const char *
member_element(int64_t member_type)
{
	static const char *const names[] = {
		[MEMBER_APPLICATION] = "application",
		[MEMBER_CONTAINER] = "container",
		[MEMBER_ACCESS_RIGHT] = "accessRight",
		[MEMBER_SCL_BASE] = "sclBase",
		[MEMBER_SCL] = "scl",
		[MEMBER_LOCATION_CONTAINER] = "locationContainer",
		[MEMBER_MGMT_OBJ] = "mgmtObj",
		[MEMBER_MGMT_CMD] = "mgmtCmd",
		[MEMBER_ATTACHED_DEVICE] = "attachedDevice",
		[MEMBER_MIXED] = NULL,
	};

	return names[member_type];
}

const struct val *
group_members(const struct res *group)
{
	const struct val *members = val_get(group->vals, A_MEMBERS);

	return members == NULL ? NULL : members->first;
}

struct slice
members_content_owner(struct slice path)
{
	static const struct slice ends[] = { SLICE_INIT("/membersContent"), SLICE_INIT("/MC") };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (path.n > ends[i].n && slice_eq(slice_from(path, path.n - ends[i].n), ends[i]))
			return slice_head(path, path.n - ends[i].n);
	return SLICE_NONE;
}

/* ---- the list ---- */

static enum rc
refuse_uri(struct req *rq, struct slice text)
{
	return req_fail(rq, RC_BAD_REQUEST, "a member is no URI of a resource: %.*s",
	                text.n > 128 ? 128 : (int)text.n, text.p);
}

/* A relative reference is one of this SCL (TS 102 921 clause 10, references). */
static enum rc
read_member(struct req *rq, struct slice text, struct member *m)
{
	struct slice decoded;
	struct uri u;

	m->text = text;
	if (text.n > 0 && text.p[0] != '/' && memchr(text.p, ':', text.n) == NULL)
		m->text = ARENA_JOIN(rq->arena, SLICE_LIT("/"), text);
	if (!uri_parse(m->text, &u) || u.query.p != NULL ||
	    !uri_decode(rq->arena, u.path, &decoded))
		return refuse_uri(rq, text);
	m->key = comparable_uri(rq->scl, rq->arena, m->text);
	return m->key.n == 0 ? refuse_uri(rq, text) : RC_OK;
}

static enum rc
read_members(struct req *rq, const struct res *self, struct members *ms)
{
	size_t n = 0;

	for (const struct val *v = group_members(self); v != NULL; v = v->next)
		n++;
	ms->list = ARENA_ARRAY(rq->arena, struct member, n + 1);
	if (ms->list == NULL)
		return RC_UNAVAILABLE;
	for (const struct val *v = group_members(self); v != NULL; v = v->next) {
		TRY(read_member(rq, v->text, &ms->list[ms->n]));
		ms->list[ms->n].at = ms->n;
		ms->n++;
	}
	return RC_OK;
}

static int
by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int c = slice_cmp(x->key, y->key);

	return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static int
by_place(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Leaves the first of those that are the same, in their order, and none that was dropped. */
static void
reduce(struct members *ms)
{
	size_t kept = 0;

	qsort(ms->list, ms->n, sizeof(ms->list[0]), by_key);
	for (size_t i = 1; i < ms->n; i++)
		if (slice_eq(ms->list[i].key, ms->list[i - 1].key))
			ms->list[i].dropped = true;
	for (size_t i = 0; i < ms->n; i++)
		if (!ms->list[i].dropped)
			ms->list[kept++] = ms->list[i];
	ms->n = kept;
	qsort(ms->list, ms->n, sizeof(ms->list[0]), by_place);
}

/* A list of its own: the values that the client sent stay as they are. */
static enum rc
store_members(struct req *rq, struct res *self, const struct members *ms)
{
	struct val *v, *list, **tail;

	val_remove(&self->vals, A_MEMBERS);
	list = val_add(rq->arena, &self->vals, A_MEMBERS);
	if (list == NULL)
		return RC_UNAVAILABLE;
	tail = &list->first;
	for (size_t i = 0; i < ms->n; i++) {
		v = ARENA_NEW(rq->arena, struct val);
		if (v == NULL || ms->list[i].text.p == NULL)
			return RC_UNAVAILABLE;
		v->attr = A_REFERENCE;
		v->text = ms->list[i].text;
		*tail = v;
		tail = &v->next;
	}
	return RC_OK;
}

/* ---- limits ---- */

static enum rc
check_count(struct req *rq, struct res *self, size_t n)
{
	int64_t max = val_num(self->vals, A_MAX_NR_OF_MEMBERS, -1);

	if (max < -1)
		return req_fail(rq, RC_BAD_REQUEST,
		                "maxNrOfMembers is neither a number of members nor -1");
	if (!val_set_num(rq->arena, &self->vals, A_MAX_NR_OF_MEMBERS, max))
		return RC_UNAVAILABLE;
	if (max >= 0 && n > (uint64_t)max)
		return req_fail(rq, RC_FORBIDDEN, "more members than maxNrOfMembers");
	if (rq->conf->group_members_max > 0 && n > rq->conf->group_members_max)
		return req_fail(rq, RC_FORBIDDEN, "more members than a group may have on this SCL");
	return RC_OK;
}

/* ---- memberType ---- */

static bool
type_fits(const struct target *t, int64_t wanted)
{
	if (t->kind == TARGET_NODE && t->attr == NULL)
		return strcmp(t->type->name, member_element(wanted)) == 0;
	/* The members of another group are what that group says. */
	return t->kind == TARGET_FANOUT && t->rest.n == 0 &&
	       val_num(t->node->vals, A_MEMBER_TYPE, MEMBER_MIXED) == wanted;
}

enum verdict { MEMBER_FITS, MEMBER_MISSING, MEMBER_OTHER_TYPE };

/* A member of this SCL: what it is and, when it was written in another way, by which path. */
static enum rc
look_up(struct req *rq, const struct res *self, struct member *m, int64_t wanted, enum verdict *v)
{
	struct arena_mark mark = arena_mark(rq->arena);
	struct target t;
	enum rc rc = target_find(rq->scl, rq->tx, m->key, &t);

	*v = MEMBER_MISSING;
	if (rc == RC_NOT_FOUND) {
		arena_rewind(rq->arena, mark);
		return RC_OK;
	}
	if (rc == RC_BAD_REQUEST)
		return refuse_uri(rq, m->text);
	if (rc != RC_OK)
		return rc;
	if (t.kind == TARGET_FANOUT && t.id == self->id)
		return req_fail(rq, RC_BAD_REQUEST,
		                "a group cannot contain its own membersContent");
	*v = type_fits(&t, wanted) ? MEMBER_FITS : MEMBER_OTHER_TYPE;
	if (t.kind == TARGET_NODE && t.attr == NULL && !slice_eq(t.path, m->key))
		m->key = t.path;
	else
		arena_rewind(rq->arena, mark);
	return RC_OK;
}

/* What becomes of a member that does not fit (TS 102 921 10.21, consistencyStrategy). */
static enum rc
apply_strategy(struct req *rq, struct res *self, struct member *m, enum verdict v)
{
	int64_t strategy = val_num(self->vals, A_CONSISTENCY_STRATEGY, ABANDON_MEMBER);

	if (strategy == ABANDON_GROUP)
		return req_fail(rq, RC_BAD_REQUEST, "a member %s: %.*s",
		                v == MEMBER_MISSING ? "does not exist" : "is not of the memberType",
		                m->text.n > 128 ? 128 : (int)m->text.n, m->text.p);
	/* There is no type to which a missing one could be mixed. */
	if (strategy == ABANDON_MEMBER || v == MEMBER_MISSING) {
		m->dropped = true;
		return RC_OK;
	}
	return val_set_num(rq->arena, &self->vals, A_MEMBER_TYPE, MEMBER_MIXED) ? RC_OK
	                                                                        : RC_UNAVAILABLE;
}

static bool
is_local(const struct member *m)
{
	return m->key.p[0] == '/';
}

static enum rc
check_types(struct req *rq, struct res *self, struct members *ms)
{
	int64_t wanted = val_num(self->vals, A_MEMBER_TYPE, MEMBER_MIXED);
	enum verdict v;

	if (wanted == MEMBER_MIXED)
		return RC_OK;
	for (size_t i = 0; i < ms->n; i++) {
		if (!is_local(&ms->list[i]))
			continue;
		TRY(look_up(rq, self, &ms->list[i], wanted, &v));
		if (v != MEMBER_FITS)
			TRY(apply_strategy(rq, self, &ms->list[i], v));
	}
	reduce(ms);
	return RC_OK;
}

/* Also before the group exists, or when nothing is looked up. */
static enum rc
check_not_itself(struct req *rq, const struct target *place, const struct res *old,
                 const struct res *self, const struct members *ms)
{
	struct slice own = old != NULL ? place->path
	                               : ARENA_JOIN(rq->arena, place->path, SLICE_LIT("/"),
	                                            uri_encode_segment(rq->arena, self->name));

	for (size_t i = 0; i < ms->n; i++)
		if (slice_eq(members_content_owner(ms->list[i].key), own))
			return req_fail(rq, RC_BAD_REQUEST,
			                "a group cannot contain its own membersContent");
	return own.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* ---- hooks ---- */

static enum rc
check_content_right(struct req *rq, struct res *self)
{
	struct val *right = val_find(self->vals, A_MEMBERS_CONTENT_ACCESS_RIGHT_ID);
	struct val as = { .attr = A_ACCESS_RIGHT_ID };

	if (right == NULL)
		return RC_OK;
	as.text = right->text;
	TRY(right_check(rq, self->type, &as));
	right->text = as.text;
	return RC_OK;
}

/* Nothing of a list that the request does not touch is looked at again. */
static bool
members_change(const struct req *rq, const struct res *old)
{
	return old == NULL || rq->target.attr == NULL || rq->target.attr->attr == A_MEMBERS;
}

static bool
any_remote(const struct members *ms)
{
	for (size_t i = 0; i < ms->n; i++)
		if (!is_local(&ms->list[i]))
			return true;
	return false;
}

static enum rc
check_members(struct req *rq, const struct target *place, const struct res *old, struct res *self)
{
	struct members ms = { 0 };
	bool validated;

	TRY(read_members(rq, self, &ms));
	TRY(check_not_itself(rq, place, old, self, &ms));
	reduce(&ms);
	TRY(check_count(rq, self, ms.n));
	TRY(check_types(rq, self, &ms));
	TRY(store_members(rq, self, &ms));
	validated = val_num(self->vals, A_MEMBER_TYPE, 0) == MEMBER_MIXED || !any_remote(&ms);
	return val_set_num(rq->arena, &self->vals, A_CURRENT_NR_OF_MEMBERS, (int64_t)ms.n) &&
	                       val_set_num(rq->arena, &self->vals, A_MEMBER_TYPE_VALIDATED,
	                                   validated)
	               ? RC_OK
	               : RC_UNAVAILABLE;
}

static enum rc
group_check(struct req *rq, const struct target *place, const struct res *old, struct res *self)
{
	TRY(check_content_right(rq, self));
	if (val_get(self->vals, A_CONSISTENCY_STRATEGY) == NULL &&
	    !val_set_num(rq->arena, &self->vals, A_CONSISTENCY_STRATEGY, ABANDON_MEMBER))
		return RC_UNAVAILABLE;
	if (members_change(rq, old))
		return check_members(rq, place, old, self);
	return check_count(rq, self, (size_t)val_num(self->vals, A_CURRENT_NR_OF_MEMBERS, 0));
}

static enum rc
plan_validation(struct req *rq, const struct res *self)
{
	if (val_num(self->vals, A_MEMBER_TYPE_VALIDATED, 1) != 0)
		return validate_end(rq->tx, self->id);
	return validate_begin(rq->scl, rq->tx, self);
}

static enum rc
group_created(struct req *rq, const struct target *parent, struct res *self)
{
	(void)parent;
	return plan_validation(rq, self);
}

static enum rc
group_updated(struct req *rq, const struct res *old, struct res *self)
{
	return members_change(rq, old) ? plan_validation(rq, self) : RC_OK;
}

static enum rc
group_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	(void)scl;
	(void) final;
	TRY(aggregations_end(tx, self));
	return validate_end(tx, self->id);
}

const struct hooks hooks_group = {
	.check = group_check,
	.created = group_created,
	.updated = group_updated,
	.removed = group_removed,
};

/* ---- life ---- */

enum rc
groups_new(struct scl *scl, struct groups **out)
{
	struct groups *g = calloc(1, sizeof(*g));
	enum rc rc;

	if (g == NULL)
		return RC_UNAVAILABLE;
	rc = validator_new(scl, &g->validator);
	if (rc == RC_OK)
		rc = fanouts_new(scl, &g->fanouts);
	if (rc == RC_OK)
		rc = aggregator_new(scl, &g->aggregator);
	if (rc == RC_OK)
		*out = g;
	else
		groups_free(g);
	return rc;
}

void
groups_free(struct groups *g)
{
	if (g == NULL)
		return;
	aggregator_free(g->aggregator);
	fanouts_free(g->fanouts);
	validator_free(g->validator);
	free(g);
}
