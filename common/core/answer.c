/* SPDX-License-Identifier: Apache-2.0 */
/* Representations: from a target to the values of an answer, and to bytes (TS 102 921 clause 10). */
#include "config.h"

#include "base/times.h"
#include "core/hooks.h"

struct slice
child_reference(struct scl *scl, struct arena *a, struct slice path, const char *child)
{
	return ARENA_JOIN(a, path, SLICE_LIT("/"), slice_of(child),
	                  scl->conf.trailing_slash ? SLICE_LIT("/") : SLICE_NONE);
}

enum rc
target_modified(struct rtx *tx, const struct target *t, int64_t *modified)
{
	struct coll c;
	struct seq s;

	*modified = t->node->modified;
	if (t->kind == TARGET_INSTANCE)
		*modified = t->inst->modified;
	if (t->kind != TARGET_COLLECTION)
		return RC_OK;
	if (t->type->flags & RT_INSTANCES) {
		TRY(repo_seq(tx, t->id, &s));
		*modified = s.modified != 0 ? s.modified : t->node->created;
		return RC_OK;
	}
	TRY(repo_coll_get(tx, t->id, t->slot, &c));
	*modified = c.modified != 0 ? c.modified : t->node->created;
	return RC_OK;
}

/* Builds the values of an answer in schema order. */
struct builder {
	struct scl *scl;
	struct rtx *tx;
	struct arena *a;
	const struct originator *who;
	const struct target *t;
	const struct filter *f;
	struct val *first, **tail;
	int64_t modified;
};

static struct val *
append(struct builder *b, unsigned attr)
{
	struct val *v = ARENA_NEW(b->a, struct val);

	if (v == NULL)
		return NULL;
	v->attr = (uint16_t)attr;
	*b->tail = v;
	b->tail = &v->next;
	return v;
}

static enum rc
add_num(struct builder *b, unsigned attr, int64_t num)
{
	struct val *v = append(b, attr);

	if (v == NULL)
		return RC_UNAVAILABLE;
	v->num = num;
	return RC_OK;
}

static enum rc
add_text(struct builder *b, unsigned attr, struct slice text)
{
	struct val *v = append(b, attr);

	if (v == NULL || text.p == NULL)
		return RC_UNAVAILABLE;
	v->text = text;
	return RC_OK;
}

static enum rc
add_header(struct builder *b, const struct rule *r)
{
	const struct res *node = b->t->node;

	switch (r->attr) {
	case A_CREATION_TIME:
		return add_num(b, r->attr, node->created);
	case A_LAST_MODIFIED_TIME:
		return add_num(b, r->attr, b->modified);
	case A_EXPIRATION_TIME:
		return node->expires == CLOCK_NEVER ? RC_OK : add_num(b, r->attr, node->expires);
	default:
		return add_text(b, r->attr, node->name);
	}
}

/* What an attribute that is always shown has when nothing is stored: empty, or not announced. */
static enum rc
add_default(struct builder *b, const struct rule *r)
{
	struct val *v;

	if (attr_info(r->attr)->kind != K_STRUCT)
		return RC_OK;
	v = append(b, r->attr);
	if (v == NULL)
		return RC_UNAVAILABLE;
	if (r->attr != A_ANNOUNCE_TO)
		return RC_OK;
	return val_set_num(b->a, &v->first, A_ACTIVATED, 0) &&
	               val_add(b->a, &v->first, A_SCL_LIST) != NULL &&
	               val_set_num(b->a, &v->first, A_GLOBAL, 0)
	           ? RC_OK
	           : RC_UNAVAILABLE;
}

static enum rc
add_stored(struct builder *b, const struct rule *r, const struct val *vals)
{
	const struct hooks *h = b->t->type->hooks;
	const struct val *stored = val_get(vals, r->attr);
	struct slice right;
	struct val *v;

	if (b->t->kind == TARGET_COLLECTION && r->attr == A_ACCESS_RIGHT_ID) {
		TRY(collection_right(b->tx, b->t->node, b->t->slot, &right));
		return right.n == 0 ? RC_OK : add_text(b, r->attr, right);
	}
	if (stored != NULL && h != NULL && h->hidden != NULL && h->hidden(b->who, b->t, r->attr))
		return RC_OK;
	if (stored == NULL)
		return r->answer == P_M ? add_default(b, r) : RC_OK;
	/* What a wildcard took is several values. */
	for (; stored != NULL && stored->attr == r->attr; stored = stored->next) {
		v = append(b, r->attr);
		if (v == NULL)
			return RC_UNAVAILABLE;
		v->num = stored->num;
		v->text = stored->text;
		v->first = stored->first;
		v->any = stored->any;
	}
	return RC_OK;
}

struct members {
	struct builder *b;
	struct val **tail;
	unsigned type;
	bool failed;
};

static bool
add_member(void *arg, const struct child *c)
{
	struct members *m = arg;
	struct arena *a = m->b->a;
	struct slice name = arena_copy(a, c->name);
	struct slice segment = uri_encode_segment(a, name);
	struct slice slash = m->b->scl->conf.trailing_slash ? SLICE_LIT("/") : SLICE_NONE;
	struct slice uri = ARENA_JOIN(a, m->b->t->path, SLICE_LIT("/"), segment, slash);
	const struct rtype *type = rtype_get(c->type);
	struct val *v;

	if (type == NULL || rtype_base(type) != m->type)
		return true;
	v = ARENA_NEW(a, struct val);
	m->failed = v == NULL || uri.p == NULL || !val_set_text(a, &v->first, A_REF_ID, name) ||
	            !val_set_text(a, &v->first, A_TEXT, uri);
	if (m->failed)
		return false;
	v->attr = A_NAMED_REFERENCE;
	*m->tail = v;
	m->tail = &v->next;
	return true;
}

static enum rc
add_members(struct builder *b, const struct rule *r)
{
	struct val *list = append(b, r->attr);
	struct members m = { .b = b, .type = r->arg };

	if (list == NULL)
		return RC_UNAVAILABLE;
	m.tail = &list->first;
	if (r->arg == T_NONE)
		return RC_OK;
	TRY(repo_children(b->tx, b->t->id, b->t->slot, scl_conf(b->scl)->collection_max, add_member, &m));
	return m.failed ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
add_hooked(struct builder *b, const struct rule *r)
{
	const struct hooks *h = b->t->type->hooks;
	struct val *list = NULL;

	if (h == NULL || h->value == NULL)
		return RC_OK;
	TRY(h->value(b->scl, b->tx, b->t, b->f, r->attr, &list));
	*b->tail = list;
	while (*b->tail != NULL)
		b->tail = &(*b->tail)->next;
	return RC_OK;
}

static enum rc
add_end(struct builder *b, const struct rule *r)
{
	struct slice segment;
	struct res *inst;
	struct val *v;
	enum rc rc = instance_end(b->tx, b->t->node, r->attr == A_LATEST, &inst);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	v = append(b, r->attr);
	segment = uri_encode_segment(b->a, inst->name);
	if (v == NULL || segment.p == NULL || !val_set_text(b->a, &v->first, A_REF_ID, inst->name))
		return RC_UNAVAILABLE;
	segment = ARENA_JOIN(b->a, b->t->path, SLICE_LIT("/"), segment);
	return val_set_text(b->a, &v->first, A_TEXT, segment) ? RC_OK : RC_UNAVAILABLE;
}

static enum rc
add_rule(struct builder *b, const struct rule *r, const struct val *vals)
{
	switch ((enum source)r->source) {
	case S_STORED:
		return add_stored(b, r, vals);
	case S_HEADER:
		return add_header(b, r);
	case S_CHILD:
		return add_text(b, r->attr,
		                child_reference(b->scl, b->a, b->t->path, rtype_get(r->arg)->name));
	case S_MEMBERS:
		return add_members(b, r);
	case S_INSTANCE:
		return add_end(b, r);
	case S_HOOK:
		return add_hooked(b, r);
	}
	return RC_INTERNAL;
}

static struct slice
parent_path(struct slice path)
{
	while (path.n > 0 && path.p[path.n - 1] != '/')
		path.n--;
	if (path.n > 0)
		path.n--;
	return path;
}

enum rc
answer_values(struct scl *scl, struct rtx *tx, const struct originator *who, const struct target *t,
              const struct filter *f, struct val **out)
{
	struct builder b = { .scl = scl, .tx = tx, .a = repo_arena(tx), .who = who, .t = t, .f = f };
	const struct val *vals = t->node == NULL ? NULL : t->node->vals;

	if (t->kind == TARGET_INSTANCE)
		return instance_values(scl, b.a, t->inst, parent_path(t->path), f->meta_data_only, out);
	if (t->type->hooks != NULL && t->type->hooks->serve != NULL)
		return t->type->hooks->serve(scl, tx, who, f, out);
	b.tail = &b.first;
	TRY(target_modified(tx, t, &b.modified));
	/* A partial address asks for one value: the others may be dear. */
	for (const struct rule *r = t->type->rules; r->attr != A_END; r++)
		if (t->attr == NULL || t->attr->attr == r->attr)
			TRY(add_rule(&b, r, vals));
	*out = b.first;
	return RC_OK;
}

void
answer_stamp(struct req *rq, int64_t modified)
{
	rq->modified = modified;
}

enum rc
answer_target(struct req *rq, const struct target *t)
{
	int64_t modified;

	TRY(target_modified(rq->tx, t, &modified));
	TRY(answer_values(rq->scl, rq->tx, &rq->who, t, &rq->filter, &rq->answer_vals));
	rq->answer = ANSWER_RESOURCE;
	rq->answer_type = t->type;
	answer_stamp(rq, modified);
	return arena_failed(rq->arena) ? RC_UNAVAILABLE : RC_OK;
}

bool
encode_values(const struct codec *codec, int release, const struct rtype *t, const struct val *vals,
              struct buf *out)
{
	struct writer w;

	codec->writer(&w, out);
	render_resource(&w, t, vals, release);
	return !out->failed;
}

void
encode_error(const struct codec *codec, enum rc rc, struct slice message, struct buf *out)
{
	const struct status *s = status_of(rc);
	struct val code = { .attr = A_STATUS_CODE }, info = { .attr = A_ADDITIONAL_INFO };
	struct writer w;

	code.num = enum_index(attr_info(A_STATUS_CODE)->values, slice_of(s->etsi));
	info.text = message.n > 0 ? message : slice_of(s->text);
	code.next = &info;
	codec->writer(&w, out);
	render_shape(&w, "errorInfo", &shape_error_info, &code, 2);
}
