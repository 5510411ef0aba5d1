/* SPDX-License-Identifier: Apache-2.0 */
/* Address to resource (TS 102 921 10.39, annex C). */
#include "config.h"

#include "core/scl_impl.h"

#define SEGMENTS_MAX 64

struct walk {
	struct scl *scl;
	struct rtx *tx;
	struct arena *arena;
	struct target *t;
	struct slice *segs; /* decoded; SEGMENTS_MAX of them */
	size_t n, at;
	char *path; /* canonical path so far */
	size_t path_n;
};

/* Empty segments vanish: a trailing slash names the same resource (TS 102 921, resource names). */
static bool
split_path(struct walk *w, struct slice path)
{
	struct slice seg;

	while (slice_split(&path, '/', &seg)) {
		if (seg.n == 0)
			continue;
		if (w->n == SEGMENTS_MAX || !uri_decode(w->arena, seg, &w->segs[w->n]))
			return false;
		w->n++;
	}
	return true;
}

static void
path_add(struct walk *w, struct slice segment)
{
	w->path[w->path_n++] = '/';
	memcpy(w->path + w->path_n, segment.p, segment.n);
	w->path_n += segment.n;
}

static void
path_add_name(struct walk *w, struct slice name)
{
	path_add(w, uri_encode_segment(w->arena, name));
}

static enum rc
node_load(struct walk *w)
{
	struct target *t = w->t;

	if (t->node != NULL && t->node->id == t->id)
		return RC_OK;
	return repo_get(w->tx, t->id, &t->node);
}

static void
enclose(struct walk *w, const struct child *c)
{
	struct target *t = w->t;

	if (c->type == T_APPLICATION && t->scl == ID_NONE) {
		t->app = c->id;
		t->app_path = slice_make(w->path, w->path_n);
	} else if (c->type == T_SCL) {
		t->scl = c->id;
		t->scl_name = c->name;
	} else if (rtype_has_instances(rtype_get(c->type))) {
		t->container = c->id;
	}
}

static enum rc
enter_child(struct walk *w, struct slice name)
{
	struct target *t = w->t;
	struct child c;

	TRY(repo_child(w->tx, t->id, t->slot, name, &c));
	if (rtype_get(c.type) == NULL)
		return RC_INTERNAL;
	if (c.expires < t->until)
		t->until = c.expires;
	path_add_name(w, name);
	enclose(w, &c);
	t->id = c.id;
	t->slot = SLOT_SELF;
	t->type = rtype_get(c.type);
	t->kind = TARGET_NODE;
	return RC_OK;
}

/* The rest of the segments as a relative path. */
static struct slice
rest_of(struct walk *w)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 65536);
	for (size_t i = w->at; i < w->n; i++) {
		if (i > w->at)
			buf_char(&b, '/');
		buf_slice(&b, uri_encode_segment(w->arena, w->segs[i]));
	}
	s = arena_copy(w->arena, buf_view(&b));
	buf_fini(&b);
	return s;
}

static enum rc
enter_fixed(struct walk *w, const struct rtype *child)
{
	struct target *t = w->t;

	path_add(w, slice_of(child->name));
	t->type = child;
	if (child->flags & RT_FANOUT) {
		t->kind = TARGET_FANOUT;
		t->rest = rest_of(w);
		w->at = w->n;
		return RC_OK;
	}
	if (child->flags & RT_VIRTUAL) {
		t->kind = TARGET_DISCOVERY;
		return RC_OK;
	}
	t->slot = slot_below(t->slot, child->number);
	t->kind = TARGET_COLLECTION;
	return RC_OK;
}

static enum rc
enter_instance(struct walk *w, struct slice name)
{
	struct target *t = w->t;
	bool latest = slice_is(name, "latest");
	uint64_t seq;

	TRY(node_load(w));
	if (latest || slice_is(name, "oldest")) {
		TRY(instance_end(w->tx, t->node, latest, &t->inst));
	} else {
		TRY(repo_inst_find(w->tx, t->id, name, &seq));
		TRY(repo_inst_get(w->tx, t->id, seq, &t->inst));
		if (instance_aged(t->node, t->inst, repo_now(w->tx)))
			return RC_NOT_FOUND;
	}
	path_add_name(w, t->inst->name);
	t->type = t->inst->type;
	t->kind = TARGET_INSTANCE;
	return RC_OK;
}

static bool
attribute_here(struct walk *w, struct slice seg)
{
	struct target *t = w->t;
	const struct rule *r;

	/* Prose of the standard writes aPoCHandling (TS 102 921 10.39). */
	if (slice_is(seg, "aPoCHandling"))
		seg = SLICE_LIT("aPocHandling");
	r = rtype_rule_named(t->type, seg);
	if (r == NULL || (r->elem & E_ANY_ATTRIBUTE) != 0 || r->source == S_INSTANCE)
		return false;
	w->at++;
	t->attr = r;
	t->content = r->attr == A_CONTENT;
	t->accessor = rest_of(w);
	w->at = w->n;
	return true;
}

static bool
has_final_slash(struct slice path)
{
	return path.n > 0 && path.p[path.n - 1] == '/';
}

/* SHALLOW: exactly the path, or one more segment below a path with a trailing slash (6.9.2). */
static bool
apoc_matches(struct slice path, struct slice rest, bool deep)
{
	bool open = has_final_slash(path);

	while (path.n > 0 && path.p[0] == '/')
		path = slice_from(path, 1);
	if (open)
		path.n--;
	if (!uri_path_below(rest, path))
		return false;
	rest = slice_from(rest, path.n);
	if (!open)
		return deep || rest.n == 0;
	return rest.n > 1 && (deep || memchr(rest.p + 1, '/', rest.n - 1) == NULL);
}

static enum rc
enter_apoc(struct walk *w)
{
	struct target *t = w->t;
	const struct val *paths, *best = NULL;
	struct res *base;
	bool deep;

	TRY(node_load(w));
	TRY(repo_get(w->tx, ID_SCL_BASE, &base));
	deep = val_num(base->vals, A_APOC_HANDLING, APOC_SHALLOW) == APOC_DEEP;
	t->rest = rest_of(w);
	paths = val_get(t->node->vals, A_APOC_PATHS);
	for (const struct val *p = paths == NULL ? NULL : paths->first; p != NULL; p = p->next)
		if (apoc_matches(val_text(p->first, A_PATH), t->rest, deep) &&
		    (best == NULL || val_text(p->first, A_PATH).n > val_text(best->first, A_PATH).n))
			best = p;
	if (best == NULL || val_text(t->node->vals, A_APOC).n == 0)
		return RC_NOT_FOUND;
	t->apoc_path = best;
	t->kind = TARGET_APOC;
	w->at = w->n;
	return RC_OK;
}

static enum rc
enter_segment(struct walk *w, struct slice name)
{
	struct target *t = w->t;

	t->segment = segment_find(w->scl, name);
	if (t->segment == NULL)
		return RC_NOT_FOUND;
	w->at++;
	t->kind = TARGET_SEGMENT;
	t->rest = rest_of(w);
	w->at = w->n;
	return RC_OK;
}

static enum rc
step(struct walk *w)
{
	struct target *t = w->t;
	struct slice seg = w->segs[w->at];
	const struct rtype *child;

	if (t->kind == TARGET_INSTANCE || t->kind == TARGET_DISCOVERY)
		return attribute_here(w, seg) ? RC_OK : RC_NOT_FOUND;
	child = rtype_fixed_child(t->type, seg);
	if (child != NULL) {
		w->at++;
		return enter_fixed(w, child);
	}
	if (attribute_here(w, seg))
		return RC_OK;
	if (t->kind == TARGET_COLLECTION || t->type->creates != NULL) {
		w->at++;
		return t->type->flags & RT_INSTANCES ? enter_instance(w, seg) : enter_child(w, seg);
	}
	if (t->id == ID_SCL_BASE)
		return enter_segment(w, seg);
	return t->type->number == T_APPLICATION ? enter_apoc(w) : RC_NOT_FOUND;
}

static enum rc
walk_path(struct walk *w, struct slice path)
{
	struct target *t = w->t;

	if (!split_path(w, path))
		return RC_BAD_REQUEST;
	/*
	 * Long names of short forms, and every octet of a name escaped, bound the canonical path.
	 */
	w->path = arena_alloc(w->arena, path.n * 3 + w->n * 40 + 1);
	if (w->path == NULL)
		return RC_UNAVAILABLE;
	if (w->n == 0 || !slice_is(w->segs[0], w->scl->conf.base))
		return RC_NOT_FOUND;
	*t = (struct target){ .type = rtype_get(T_SCL_BASE), .id = ID_SCL_BASE, .until = CLOCK_NEVER };
	path_add_name(w, w->segs[w->at++]);
	while (w->at < w->n)
		TRY(step(w));
	t->path = slice_make(w->path, w->path_n);
	return node_load(w);
}

enum rc
target_find(struct scl *scl, struct rtx *tx, struct slice path, struct target *out)
{
	struct slice segs[SEGMENTS_MAX];
	struct walk w = { .scl = scl, .tx = tx, .arena = repo_arena(tx), .t = out, .segs = segs };

	return walk_path(&w, path);
}

enum rc
target_continue(struct req *rq, struct slice rest)
{
	struct target *t = &rq->target;
	struct slice segs[SEGMENTS_MAX];
	struct walk w = { .scl = rq->scl, .tx = rq->tx, .arena = rq->arena, .t = t, .segs = segs };

	if (!split_path(&w, rest))
		return req_fail(rq, RC_BAD_REQUEST, "the path of the target is malformed");
	w.path = arena_alloc(rq->arena, t->path.n + rest.n * 3 + w.n * 40 + 1);
	if (w.path == NULL)
		return RC_UNAVAILABLE;
	memcpy(w.path, t->path.p, t->path.n);
	w.path_n = t->path.n;
	while (w.at < w.n)
		TRY(step(&w));
	t->path = slice_make(w.path, w.path_n);
	return node_load(&w);
}

enum rc
target_resolve(struct req *rq)
{
	struct slice segs[SEGMENTS_MAX];
	struct walk w = { .scl = rq->scl, .tx = rq->tx, .arena = rq->arena, .t = &rq->target,
		          .segs = segs };
	enum rc rc = walk_path(&w, rq->uri.path);

	if (rc == RC_BAD_REQUEST)
		return req_fail(rq, rc, "the path of the target is malformed");
	if (rc != RC_OK || rq->filter.accessor.n == 0 || rq->target.attr != NULL ||
	    rq->target.kind == TARGET_FANOUT || rq->target.kind == TARGET_SEGMENT)
		return rc;
	/* attributeAccessor continues the path (TS 102 921 annex C, filterCriteria). */
	return target_continue(rq, rq->filter.accessor);
}

bool
path_enters_segment(const struct req *rq)
{
	struct slice path = rq->uri.path, seg;
	unsigned n = 0;

	while (n < 2 && slice_split(&path, '/', &seg))
		n += seg.n > 0;
	return n == 2 && segment_find(rq->scl, seg) != NULL;
}

/*
 * Only the header is known: a raw POST is content when the last segment is a contentInstances
 * collection, and the body for an application (aPoC) or another SCL is not ours to judge.
 */
bool
path_takes_any_content(const struct req *rq)
{
	struct slice path = rq->uri.path, seg, last = SLICE_NONE, second = SLICE_NONE;
	size_t n = 0;

	while (slice_split(&path, '/', &seg)) {
		if (seg.n == 0)
			continue;
		last = seg;
		if (++n == 2)
			second = seg;
		if (n == 2 && segment_find(rq->scl, seg) != NULL)
			return true;
		/* The members judge what they get. */
		if (slice_is(seg, "membersContent") || slice_is(seg, "MC"))
			return true;
		if (n == 4 && (slice_is(second, "applications") || slice_is(second, "AP")) &&
		    rtype_fixed_child(rtype_get(T_APPLICATION), seg) == NULL)
			return true;
	}
	return slice_is(last, "contentInstances") || slice_is(last, "CI");
}
