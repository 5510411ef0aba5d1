/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in memory: a balanced (AVL) tree whose nodes are shared between its versions. A
 * transaction holds the root of one version. A writer copies the nodes on its way before it
 * changes them, but only those that another version can see: a count of one means nobody else
 * does. So a reader needs the lock for the moment of taking the root, and never again.
 */
#include "config.h"

#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "store/engine.h"
#include "store/gate.h"

#define DEFAULT_BYTES (UINT64_C(1) << 30)

/* An AVL tree of 2^64 records is not higher. */
#define MAX_HEIGHT 92

/* One record, never changed; counted by the nodes that show it. */
struct item {
	atomic_uint refs;
	struct slice key, val;
	char bytes[];
};

/* Counted by its parents and by the versions whose root it is. */
struct node {
	atomic_uint refs;
	int height;
	struct item *item;
	struct node *kid[2]; /* smaller, greater */
};

struct txn {
	struct store *st;
	struct node *root;
	struct node *spare; /* writer: nodes for the next change, linked by kid[0] */
	unsigned spares;
	uint64_t keys, bytes; /* of this version */
	uint64_t bytes_before; /* writer: at its begin */
	unsigned place; /* reader: in the gate */
	enum rc failed; /* writer: what a change failed with; it cannot be committed any more */
	bool writable, changed;
};

struct store {
	pthread_mutex_t writing; /* held from begin to end of the write transaction */
	pthread_mutex_t lock; /* guards the next four */
	struct node *root;
	uint64_t keys, bytes, commits;
	uint64_t max_bytes;
	bool read_only;
	struct gate *gate;
	struct txn writer;
	struct txn reader[]; /* one per place of the gate */
};

static struct item *
item_new(struct slice key, struct slice val)
{
	struct item *it;

	if (val.n > SIZE_MAX - sizeof(*it) - STORE_KEY_MAX)
		return NULL;
	it = malloc(sizeof(*it) + key.n + val.n);
	if (it == NULL)
		return NULL;
	atomic_init(&it->refs, 1);
	memcpy(it->bytes, key.p, key.n);
	if (val.n != 0)
		memcpy(it->bytes + key.n, val.p, val.n);
	it->key = slice_make(it->bytes, key.n);
	it->val = slice_make(it->bytes + key.n, val.n);
	return it;
}

static void
item_unref(struct item *it)
{
	if (atomic_fetch_sub(&it->refs, 1) == 1)
		free(it);
}

/* What a record costs of the quota. */
static uint64_t
item_cost(const struct item *it)
{
	return sizeof(struct node) + sizeof(*it) + it->key.n + it->val.n;
}

static struct node *
node_ref(struct node *n)
{
	if (n != NULL)
		atomic_fetch_add(&n->refs, 1);
	return n;
}

/* The depth of the recursion is the height of the tree. */
static void
node_unref(struct node *n)
{
	if (n == NULL || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	node_unref(n->kid[0]);
	node_unref(n->kid[1]);
	item_unref(n->item);
	free(n);
}

static int
height_of(const struct node *n)
{
	return n == NULL ? 0 : n->height;
}

static void
set_height(struct node *n)
{
	int a = height_of(n->kid[0]), b = height_of(n->kid[1]);

	n->height = (a > b ? a : b) + 1;
}

/*
 * Takes from the heap all nodes that one change can need (the way down twice, because a rotation
 * touches a neighbour, and the new one), so that no change stops half way.
 */
static bool
reserve_nodes(struct txn *t)
{
	unsigned need = 3 * (unsigned)height_of(t->root) + 4;

	while (t->spares < need) {
		struct node *n = malloc(sizeof(*n));

		if (n == NULL)
			return false;
		n->kid[0] = t->spare;
		t->spare = n;
		t->spares++;
	}
	return true;
}

static struct node *
node_new(struct txn *t, struct item *it)
{
	struct node *n = t->spare;

	t->spare = n->kid[0];
	t->spares--;
	atomic_init(&n->refs, 1);
	n->height = 1;
	n->item = it;
	n->kid[0] = n->kid[1] = NULL;
	return n;
}

/* A node with the content of n that only t sees. Takes over the caller's count of n. */
static struct node *
node_own(struct txn *t, struct node *n)
{
	struct node *copy;

	if (atomic_load(&n->refs) == 1)
		return n;
	copy = node_new(t, n->item);
	atomic_fetch_add(&n->item->refs, 1);
	copy->height = n->height;
	copy->kid[0] = node_ref(n->kid[0]);
	copy->kid[1] = node_ref(n->kid[1]);
	node_unref(n);
	return copy;
}

/* Moves n, which t owns, down to side; its kid of the other side comes up and is returned. */
static struct node *
rotate(struct txn *t, struct node *n, int side)
{
	struct node *up = node_own(t, n->kid[!side]);

	n->kid[!side] = up->kid[side];
	up->kid[side] = n;
	set_height(n);
	set_height(up);
	return up;
}

/* Balances n, which t owns, after one of its kids grew or shrank by one. */
static struct node *
balance(struct txn *t, struct node *n)
{
	int tilt = height_of(n->kid[1]) - height_of(n->kid[0]);
	int heavy = tilt > 0;
	struct node *kid;

	if (tilt >= -1 && tilt <= 1) {
		set_height(n);
		return n;
	}
	kid = n->kid[heavy];
	if (height_of(kid->kid[!heavy]) > height_of(kid->kid[heavy]))
		n->kid[heavy] = rotate(t, node_own(t, kid), heavy);
	return rotate(t, n, !heavy);
}

static struct item *
find(const struct node *n, struct slice key)
{
	while (n != NULL) {
		int c = slice_cmp(key, n->item->key);

		if (c == 0)
			return n->item;
		n = n->kid[c > 0];
	}
	return NULL;
}

/* The tree n with the item in it. Takes over the caller's counts of n and of the item. */
static struct node *
insert(struct txn *t, struct node *n, struct item *it)
{
	int c;

	if (n == NULL)
		return node_new(t, it);
	c = slice_cmp(it->key, n->item->key);
	n = node_own(t, n);
	if (c == 0) {
		item_unref(n->item);
		n->item = it;
		return n;
	}
	n->kid[c > 0] = insert(t, n->kid[c > 0], it);
	return balance(t, n);
}

/* The tree n without the record of key, which is in it. Takes over the caller's count of n. */
static struct node *
remove_key(struct txn *t, struct node *n, struct slice key)
{
	int c = slice_cmp(key, n->item->key);
	struct node *next;

	n = node_own(t, n);
	if (c != 0) {
		n->kid[c > 0] = remove_key(t, n->kid[c > 0], key);
		return balance(t, n);
	}
	if (n->kid[0] == NULL || n->kid[1] == NULL) {
		next = node_ref(n->kid[n->kid[0] == NULL]);
		node_unref(n);
		return next;
	}
	for (next = n->kid[1]; next->kid[0] != NULL; next = next->kid[0])
		;
	item_unref(n->item);
	n->item = next->item;
	atomic_fetch_add(&n->item->refs, 1);
	n->kid[1] = remove_key(t, n->kid[1], n->item->key);
	return balance(t, n);
}

static enum rc
mem_open(const struct store_conf *conf, struct store **out, char why[256])
{
	unsigned readers = conf->max_readers == 0 ? ENGINE_READERS : conf->max_readers;
	struct store *st = calloc(1, sizeof(*st) + readers * sizeof(st->reader[0]));

	if (st == NULL || gate_new(readers, &st->gate) != RC_OK) {
		free(st);
		return engine_why(why, RC_UNAVAILABLE, "out of memory");
	}
	st->max_bytes = conf->max_bytes == 0 ? DEFAULT_BYTES : conf->max_bytes;
	st->read_only = conf->read_only;
	pthread_mutex_init(&st->writing, NULL);
	pthread_mutex_init(&st->lock, NULL);
	*out = st;
	return RC_OK;
}

static void
mem_close(struct store *st)
{
	if (st == NULL)
		return;
	node_unref(st->root);
	pthread_mutex_destroy(&st->lock);
	pthread_mutex_destroy(&st->writing);
	gate_free(st->gate);
	free(st);
}

static enum rc
mem_begin(struct store *st, bool writable, struct txn **out)
{
	unsigned place = 0;
	struct txn *t;
	enum rc rc;

	if (writable) {
		if (st->read_only)
			return RC_NOT_ALLOWED;
		pthread_mutex_lock(&st->writing);
		t = &st->writer;
	} else {
		rc = gate_enter(st->gate, &place);
		if (rc != RC_OK)
			return rc;
		t = &st->reader[place];
	}
	*t = (struct txn){ .st = st, .place = place, .writable = writable };
	pthread_mutex_lock(&st->lock);
	t->root = node_ref(st->root);
	t->keys = st->keys;
	t->bytes = t->bytes_before = st->bytes;
	pthread_mutex_unlock(&st->lock);
	*out = t;
	return RC_OK;
}

static void
mem_abort(struct txn *t)
{
	struct store *st = t->st;

	node_unref(t->root);
	for (struct node *n; (n = t->spare) != NULL;) {
		t->spare = n->kid[0];
		free(n);
	}
	if (t->writable)
		pthread_mutex_unlock(&st->writing);
	else
		gate_leave(st->gate, t->place);
}

static enum rc
mem_commit(struct txn *t)
{
	struct store *st = t->st;
	enum rc rc = t->failed;

	if (rc == RC_OK && t->changed) {
		struct node *old;

		pthread_mutex_lock(&st->lock);
		old = st->root;
		st->root = t->root;
		st->keys = t->keys;
		st->bytes = t->bytes;
		st->commits++;
		pthread_mutex_unlock(&st->lock);
		t->root = old;
	}
	mem_abort(t);
	return rc;
}

static enum rc
mem_get(struct txn *t, struct slice key, struct slice *val)
{
	const struct item *it = find(t->root, key);

	if (it == NULL)
		return RC_NOT_FOUND;
	*val = it->val;
	return RC_OK;
}

/* What forbids any change of t, or RC_OK. */
static enum rc
may_change(const struct txn *t)
{
	return t->writable ? t->failed : RC_NOT_ALLOWED;
}

static enum rc
mem_put(struct txn *t, struct slice key, struct slice val)
{
	enum rc rc = may_change(t);
	struct item *old, *it;

	if (rc != RC_OK)
		return rc;
	if (!engine_key_ok(key))
		return t->failed = RC_INTERNAL;
	it = item_new(key, val);
	if (it == NULL || !reserve_nodes(t)) {
		free(it);
		return t->failed = RC_UNAVAILABLE;
	}
	old = find(t->root, key);
	t->bytes += item_cost(it) - (old == NULL ? 0 : item_cost(old));
	t->keys += old == NULL;
	t->root = insert(t, t->root, it);
	t->changed = true;
	if (t->bytes > t->st->max_bytes && t->bytes > t->bytes_before)
		t->failed = RC_NO_SPACE;
	return t->failed;
}

static enum rc
mem_del(struct txn *t, struct slice key)
{
	enum rc rc = may_change(t);
	const struct item *old;

	if (rc != RC_OK)
		return rc;
	old = find(t->root, key);
	if (old == NULL)
		return RC_NOT_FOUND;
	if (!reserve_nodes(t))
		return t->failed = RC_UNAVAILABLE;
	t->bytes -= item_cost(old);
	t->keys--;
	t->root = remove_key(t, t->root, key);
	t->changed = true;
	return RC_OK;
}

/* One scan on its way through the tree. */
struct walk {
	struct slice from, to;
	int first; /* the kid that comes first in the direction of the scan */
	size_t left; /* records until the limit */
	store_visit *visit;
	void *arg;
};

/* False when the scan is over. */
static bool
walk(struct walk *w, const struct node *n)
{
	bool in[2]; /* whether the records of that side can be in the range */

	if (n == NULL)
		return true;
	in[0] = slice_cmp(n->item->key, w->from) >= 0;
	in[1] = slice_cmp(n->item->key, w->to) < 0;
	if (in[w->first] && !walk(w, n->kid[w->first]))
		return false;
	if (in[0] && in[1]) {
		if (!w->visit(w->arg, n->item->key, n->item->val) || --w->left == 0)
			return false;
	}
	return !in[!w->first] || walk(w, n->kid[!w->first]);
}

static enum rc
mem_scan(struct txn *t, struct slice from, struct slice to, bool reverse, size_t limit,
         store_visit *visit, void *arg)
{
	struct walk w = {
		.from = from,
		.to = to,
		.first = reverse,
		.left = limit == 0 ? SIZE_MAX : limit,
		.visit = visit,
		.arg = arg,
	};

	walk(&w, t->root);
	return RC_OK;
}

static enum rc
mem_backup(struct store *st, const char *to, char why[256])
{
	(void)st;
	(void)to;
	return engine_why(why, RC_NOT_IMPLEMENTED, "the memory engine keeps nothing on disk");
}

/* What check has seen so far, in ascending order. */
struct audit {
	struct slice last;
	uint64_t keys, bytes;
	store_finding *found;
	void *arg;
	bool bad;
};

static void
finding(struct audit *a, const char *text)
{
	a->bad = true;
	a->found(a->arg, text);
}

static void
audit_tree(struct audit *a, const struct node *n)
{
	int tilt;

	if (n == NULL)
		return;
	audit_tree(a, n->kid[0]);
	tilt = height_of(n->kid[1]) - height_of(n->kid[0]);
	if (tilt < -1 || tilt > 1 || n->height > MAX_HEIGHT)
		finding(a, "the tree is out of balance");
	if (a->keys != 0 && slice_cmp(a->last, n->item->key) >= 0)
		finding(a, "two records are out of order");
	a->last = n->item->key;
	a->keys++;
	a->bytes += item_cost(n->item);
	audit_tree(a, n->kid[1]);
}

static enum rc
mem_check(struct store *st, store_finding *found, void *arg)
{
	struct audit a = { .found = found, .arg = arg };
	struct txn *t;
	enum rc rc = mem_begin(st, false, &t);

	if (rc != RC_OK)
		return rc;
	audit_tree(&a, t->root);
	if (a.keys != t->keys || a.bytes != t->bytes)
		finding(&a, "the counters do not match the records");
	mem_abort(t);
	return a.bad ? RC_INTERNAL : RC_OK;
}

static void
mem_stat(struct store *st, struct store_stat *out)
{
	pthread_mutex_lock(&st->lock);
	*out = (struct store_stat){
		.commits = st->commits,
		.keys = st->keys,
		.bytes_used = st->bytes,
		.bytes_max = st->max_bytes,
	};
	pthread_mutex_unlock(&st->lock);
}

const struct store_ops store_memory = {
	.name = "memory",
	.open = mem_open,
	.close = mem_close,
	.begin = mem_begin,
	.commit = mem_commit,
	.abort = mem_abort,
	.get = mem_get,
	.put = mem_put,
	.del = mem_del,
	.scan = mem_scan,
	.backup = mem_backup,
	.check = mem_check,
	.stat = mem_stat,
};
