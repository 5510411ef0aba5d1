/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, the child index and the state of collections. */
#include "config.h"

#include "base/uri.h"
#include "store/repo_impl.h"

#define NODE_VERSION 1u
#define COLL_VERSION 1u
/* A path has one level per node; deeper is a damaged store. */
#define PATH_LEVELS 256

/* Node record: version, type, parent, slot, three times, subscriptions, name, values. */
static void
node_encode(struct buf *b, const struct res *r)
{
	buf_be(b, NODE_VERSION, 1);
	buf_be(b, r->type->number, 2);
	buf_be(b, r->parent, 8);
	buf_be(b, r->slot, 4);
	buf_be(b, (uint64_t)r->created, 8);
	buf_be(b, (uint64_t)r->modified, 8);
	buf_be(b, (uint64_t)r->expires, 8);
	buf_be(b, r->subscriptions, 4);
	buf_be(b, r->name.n, 2);
	buf_slice(b, r->name);
	vals_encode(b, r->vals);
}

static enum rc
node_decode(struct arena *a, struct slice bytes, struct res *out)
{
	struct slice copy = arena_copy(a, bytes);
	struct reader r = { copy, copy.p != NULL };

	if (copy.p == NULL)
		return RC_UNAVAILABLE;
	if (read_be(&r, 1) != NODE_VERSION)
		return RC_INTERNAL;
	out->type = rtype_get((unsigned)read_be(&r, 2));
	out->parent = read_be(&r, 8);
	out->slot = (slot_t)read_be(&r, 4);
	out->created = (int64_t)read_be(&r, 8);
	out->modified = (int64_t)read_be(&r, 8);
	out->expires = (int64_t)read_be(&r, 8);
	out->subscriptions = (uint32_t)read_be(&r, 4);
	out->name = read_bytes(&r, (size_t)read_be(&r, 2));
	if (!r.ok || out->type == NULL)
		return RC_INTERNAL;
	return vals_decode(a, r.rest, &out->vals);
}

enum rc
repo_get(struct rtx *tx, uint64_t id, struct res **out)
{
	struct repo_key k;
	struct slice val;
	struct res *r;
	enum rc rc;

	key_id(&k, SPACE_NODE, id);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	r = ARENA_NEW(tx->arena, struct res);
	if (r == NULL)
		return RC_UNAVAILABLE;
	rc = node_decode(tx->arena, val, r);
	r->id = id;
	*out = r;
	return rc;
}

static void
child_key(struct repo_key *k, uint64_t parent, slot_t slot, struct slice name)
{
	key_id(k, SPACE_CHILD, parent);
	key_be(k, slot, 4);
	key_text(k, name);
}

static bool
child_decode(struct slice val, struct child *c)
{
	struct reader r = { val, true };

	c->id = read_be(&r, 8);
	c->type = (unsigned)read_be(&r, 2);
	c->expires = (int64_t)read_be(&r, 8);
	return r.ok;
}

enum rc
child_get(struct rtx *tx, uint64_t parent, slot_t slot, struct slice name, struct child *out)
{
	struct repo_key k;
	struct slice val;
	enum rc rc;

	if (name.n == 0 || name.n > REPO_NAME_MAX)
		return RC_NOT_FOUND;
	child_key(&k, parent, slot, name);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	out->name = name;
	return child_decode(val, out) ? RC_OK : RC_INTERNAL;
}

enum rc
repo_child(struct rtx *tx, uint64_t parent, slot_t slot, struct slice name, struct child *out)
{
	enum rc rc = child_get(tx, parent, slot, name, out);

	return rc == RC_OK && out->expires <= tx->now ? RC_NOT_FOUND : rc;
}

struct child_scan {
	repo_visit_child *visit;
	repo_visit_any *visit_any;
	void *arg;
	int64_t now;
	size_t left; /* results still wanted */
	bool limited;
	bool damaged;
};

static bool
scan_child(void *arg, struct slice key, struct slice val)
{
	struct child_scan *s = arg;
	struct reader r = { slice_from(key, 9), true };
	slot_t slot = (slot_t)read_be(&r, 4);
	struct child c;

	if (!rec_check(&val) || !child_decode(val, &c) || !r.ok) {
		s->damaged = true;
		return false;
	}
	c.name = r.rest;
	if (s->visit_any != NULL)
		return s->visit_any(s->arg, slot, &c);
	if (c.expires <= s->now)
		return true;
	if (s->limited && s->left-- == 0)
		return false;
	return s->visit(s->arg, &c);
}

enum rc
repo_children(struct rtx *tx, uint64_t parent, slot_t slot, size_t limit, repo_visit_child *visit,
              void *arg)
{
	struct child_scan s = { .visit = visit, .arg = arg, .now = tx->now, .left = limit,
		                .limited = limit != 0 };
	struct repo_key k;
	enum rc rc;

	child_key(&k, parent, slot, SLICE_NONE);
	rc = rec_scan(tx, &k, false, 0, scan_child, &s);
	return rc == RC_OK && s.damaged ? RC_INTERNAL : rc;
}

enum rc
repo_children_all(struct rtx *tx, uint64_t parent, repo_visit_any *visit, void *arg)
{
	struct child_scan s = { .visit_any = visit, .arg = arg };
	struct repo_key k;
	enum rc rc;

	key_id(&k, SPACE_CHILD, parent);
	rc = rec_scan(tx, &k, false, 0, scan_child, &s);
	return rc == RC_OK && s.damaged ? RC_INTERNAL : rc;
}

static enum rc
node_put(struct rtx *tx, const struct res *self, bool is_new)
{
	struct repo_key k;

	tx->nodes_changed = true;
	touch(tx, self->id, SLOT_SELF);
	key_id(&k, SPACE_NODE, self->id);
	node_encode(rec_begin(tx), self);
	return is_new ? rec_put_new(tx, &k) : rec_put(tx, &k);
}

static enum rc
child_put(struct rtx *tx, const struct res *self)
{
	struct repo_key k;
	struct buf *b = rec_begin(tx);

	child_key(&k, self->parent, self->slot, self->name);
	buf_be(b, self->id, 8);
	buf_be(b, self->type->number, 2);
	buf_be(b, (uint64_t)self->expires, 8);
	return rec_put(tx, &k);
}

void
type_key(struct repo_key *k, unsigned type, uint64_t id)
{
	key_init(k, SPACE_TYPE);
	key_be(k, type, 2);
	key_be(k, id, 8);
}

static enum rc
due_set(struct rtx *tx, const struct res *self, bool add)
{
	if (self->expires == CLOCK_NEVER)
		return RC_OK;
	return add ? repo_due_add(tx, self->expires, DUE_NODE, self->id)
	           : repo_due_remove(tx, self->expires, DUE_NODE, self->id);
}

static enum rc
take_name(struct rtx *tx, const struct res *self)
{
	struct child taken;
	enum rc rc;

	if (self->name.n == 0 || self->name.n > REPO_NAME_MAX)
		return RC_BAD_REQUEST;
	/* An expired sibling that is not swept yet still holds its name. */
	rc = child_get(tx, self->parent, self->slot, self->name, &taken);
	return rc == RC_OK ? RC_CONFLICT : rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
repo_insert(struct rtx *tx, struct res *self)
{
	struct repo_key k;
	enum rc rc = RC_OK;

	if (self->id != ID_SCL_BASE) {
		rc = take_name(tx, self);
		if (rc == RC_OK)
			rc = id_take(tx, &self->id);
	}
	if (rc == RC_OK)
		rc = node_put(tx, self, true);
	if (rc == RC_OK && self->id != ID_SCL_BASE)
		rc = child_put(tx, self);
	if (rc == RC_OK) {
		type_key(&k, self->type->number, self->id);
		rec_begin(tx);
		rc = rec_put_new(tx, &k);
	}
	if (rc == RC_OK)
		rc = labels_add(tx, self->vals, self->id, 0);
	if (rc == RC_OK)
		rc = authorities_add(tx, self);
	return rc == RC_OK ? due_set(tx, self, true) : rc;
}

static bool
same_values(const struct val *a, const struct val *b, unsigned attr)
{
	a = val_get(a, attr);
	b = val_get(b, attr);
	return val_equal(a == NULL ? NULL : a->first, b == NULL ? NULL : b->first);
}

/* What is announced where, as far as it is found by that. */
static bool
same_announced(const struct val *a, const struct val *b)
{
	a = val_get(a, A_ANNOUNCED);
	b = val_get(b, A_ANNOUNCED);
	a = a == NULL ? NULL : a->first;
	b = b == NULL ? NULL : b->first;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!slice_eq(val_text(a->first, A_ANNC_SCL), val_text(b->first, A_ANNC_SCL)))
			return false;
	return a == NULL && b == NULL;
}

enum rc
repo_update(struct rtx *tx, const struct res *old, struct res *self)
{
	bool same = same_values(old->vals, self->vals, A_SEARCH_STRINGS) &&
	            same_values(old->vals, self->vals, A_APOC_PATHS) &&
	            same_announced(old->vals, self->vals);
	enum rc rc = node_put(tx, self, false);

	if (rc == RC_OK && !same)
		rc = labels_remove(tx, old->vals, self->id, 0);
	if (rc == RC_OK && !same)
		rc = labels_add(tx, self->vals, self->id, 0);
	if (rc == RC_OK)
		rc = authorities_update(tx, old, self);
	if (rc != RC_OK || old->expires == self->expires)
		return rc;
	rc = due_set(tx, old, false);
	if (rc == RC_OK)
		rc = due_set(tx, self, true);
	return rc == RC_OK && self->id != ID_SCL_BASE ? child_put(tx, self) : rc;
}

/* Keys collected during a scan, since a visitor may not write. */
struct key_list {
	struct repo_key keys[32];
	size_t n;
};

static bool
collect_key(void *arg, struct slice key, struct slice val)
{
	struct key_list *l = arg;

	(void)val;
	l->keys[l->n].n = 0;
	key_text(&l->keys[l->n++], key);
	return l->n < sizeof(l->keys) / sizeof(l->keys[0]);
}

static enum rc
remove_collections(struct rtx *tx, uint64_t id)
{
	struct key_list l;
	struct repo_key k;
	enum rc rc;

	key_id(&k, SPACE_COLL, id);
	do {
		l.n = 0;
		rc = rec_scan(tx, &k, false, 0, collect_key, &l);
		for (size_t i = 0; i < l.n && rc == RC_OK; i++)
			rc = rec_del(tx, &l.keys[i]);
	} while (rc == RC_OK && l.n > 0);
	return rc;
}

static enum rc
forget_sequence(struct rtx *tx, uint64_t id)
{
	struct repo_key k;
	enum rc rc;

	seq_forget(tx->repo, id);
	key_id(&k, SPACE_TAIL, id);
	rc = rec_del(tx, &k);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	/* The instances themselves go in portions, by repo_sweep_removed. */
	key_id(&k, SPACE_REMOVED, id);
	rec_begin(tx);
	return rec_put(tx, &k);
}

enum rc
repo_remove(struct rtx *tx, const struct res *self)
{
	struct repo_key k;
	enum rc rc;

	tx->nodes_changed = true;
	touch(tx, self->id, SLOT_SELF);
	key_id(&k, SPACE_NODE, self->id);
	rc = rec_del(tx, &k);
	child_key(&k, self->parent, self->slot, self->name);
	if (rc == RC_OK)
		rc = rec_del(tx, &k);
	type_key(&k, self->type->number, self->id);
	if (rc == RC_OK)
		rc = rec_del(tx, &k);
	if (rc == RC_OK)
		rc = labels_remove(tx, self->vals, self->id, 0);
	if (rc == RC_OK)
		rc = authorities_remove(tx, self);
	if (rc == RC_OK)
		rc = due_set(tx, self, false);
	if (rc == RC_OK)
		rc = remove_collections(tx, self->id);
	if (rc == RC_OK && rtype_fixed_child(self->type, slice_of("contentInstances")) != NULL)
		rc = forget_sequence(tx, self->id);
	return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
}

static bool
put_segment(struct buf *b, struct arena *a, struct slice name)
{
	struct slice s = uri_encode_segment(a, name);

	buf_char(b, '/');
	buf_slice(b, s);
	return s.p != NULL;
}

static bool
put_slot(struct buf *b, slot_t slot)
{
	for (int i = SLOT_DEPTH - 1; i >= 0; i--) {
		unsigned number = slot >> (8 * (unsigned)i) & 0xff;
		const struct rtype *t = number == T_NONE ? NULL : rtype_get(number);

		if (number != T_NONE && t == NULL)
			return false;
		if (t != NULL) {
			buf_char(b, '/');
			buf_puts(b, t->name);
		}
	}
	return true;
}

enum rc
repo_path(struct rtx *tx, uint64_t id, slot_t slot, struct slice *path)
{
	struct res *chain[PATH_LEVELS];
	size_t n = 0;
	struct buf b;
	enum rc rc = RC_OK;
	bool ok;

	for (uint64_t at = id; at != ID_NONE && rc == RC_OK; at = chain[n - 1]->parent) {
		if (n == PATH_LEVELS)
			return RC_INTERNAL;
		rc = repo_get(tx, at, &chain[n++]);
		if (rc != RC_OK)
			return rc;
	}
	buf_init(&b, STORE_KEY_MAX * PATH_LEVELS);
	for (ok = true; n > 0 && ok; n--)
		ok = put_slot(&b, chain[n - 1]->slot) && put_segment(&b, tx->arena, chain[n - 1]->name);
	ok = ok && put_slot(&b, slot) && !b.failed;
	*path = ok ? arena_copy(tx->arena, buf_view(&b)) : SLICE_NONE;
	buf_fini(&b);
	return !ok ? RC_INTERNAL : path->p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* ---- collections ---- */

static void
coll_key(struct repo_key *k, uint64_t id, slot_t slot)
{
	key_id(k, SPACE_COLL, id);
	key_be(k, slot, 4);
}

enum rc
repo_coll_get(struct rtx *tx, uint64_t id, slot_t slot, struct coll *out)
{
	struct repo_key k;
	struct slice val;
	struct reader r;
	enum rc rc;

	*out = (struct coll){ 0 };
	coll_key(&k, id, slot);
	rc = rec_get(tx, &k, &val);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	r = (struct reader){ val, true };
	if (read_be(&r, 1) != COLL_VERSION)
		return RC_INTERNAL;
	out->modified = (int64_t)read_be(&r, 8);
	out->subscriptions = (uint32_t)read_be(&r, 4);
	out->has_right = read_be(&r, 1) != 0;
	/* A time has one after it. */
	if (!r.ok || out->modified < 0 || out->modified == INT64_MAX)
		return RC_INTERNAL;
	out->right = arena_copy(tx->arena, r.rest);
	return out->right.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

enum rc
repo_coll_put(struct rtx *tx, uint64_t id, slot_t slot, const struct coll *c)
{
	struct repo_key k;
	struct buf *b = rec_begin(tx);

	tx->nodes_changed = true;
	touch(tx, id, slot);
	coll_key(&k, id, slot);
	buf_be(b, COLL_VERSION, 1);
	buf_be(b, (uint64_t)c->modified, 8);
	buf_be(b, c->subscriptions, 4);
	buf_be(b, c->has_right, 1);
	buf_slice(b, c->right);
	return rec_put(tx, &k);
}

enum rc
repo_coll_touch(struct rtx *tx, uint64_t id, slot_t slot, int64_t created)
{
	struct coll c;
	enum rc rc = repo_coll_get(tx, id, slot, &c);
	int64_t before = c.modified != 0 ? c.modified : created;

	if (rc != RC_OK)
		return rc;
	c.modified = tx->now > before ? tx->now : before + 1;
	return repo_coll_put(tx, id, slot, &c);
}
