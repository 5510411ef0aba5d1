/* SPDX-License-Identifier: Apache-2.0 */
/* One set of promises (store.h), tried on every engine that is compiled in. */
#include "config.h"

#include "store/store.h"

#include <check.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const struct store_ops *const engines[] = {
	&store_memory,
	&store_lmdb,
#ifdef HAVE_ROCKSDB
	&store_rocksdb,
#endif
};

/* What a test works on; made by setup, freed by teardown. */
struct bed {
	const struct store_ops *ops;
	struct store *st;
	struct store_conf conf;
	char base[256]; /* the test's own directory */
	char dir[300]; /* the store's */
};

static bool
on_disk(const struct bed *b)
{
	return b->ops != &store_memory;
}

static void
bed_open(struct bed *b)
{
	char why[256] = "";
	enum rc rc = b->ops->open(&b->conf, &b->st, why);

	ck_assert_msg(rc == RC_OK, "%s: open: rc %d: %s", b->ops->name, (int)rc, why);
}

static void
bed_init(struct bed *b, int engine)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct bed){ .ops = engines[engine] };
	snprintf(b->base, sizeof(b->base), "%s/test-store-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->base));
	snprintf(b->dir, sizeof(b->dir), "%s/a/store", b->base);
	b->conf.path = on_disk(b) ? b->dir : NULL;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
bed_fini(struct bed *b)
{
	b->ops->close(b->st);
	ck_assert_int_eq(nftw(b->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static struct txn *
begin(struct bed *b, bool writable)
{
	struct txn *t = NULL;

	ck_assert_int_eq(b->ops->begin(b->st, writable, &t), RC_OK);
	return t;
}

static void
put(struct bed *b, struct txn *t, const char *key, const char *val)
{
	ck_assert_int_eq(b->ops->put(t, slice_of(key), slice_of(val)), RC_OK);
}

static void
expect(struct bed *b, struct txn *t, const char *key, const char *val)
{
	struct slice got;
	enum rc rc = b->ops->get(t, slice_of(key), &got);

	if (val == NULL) {
		ck_assert_int_eq(rc, RC_NOT_FOUND);
		return;
	}
	ck_assert_int_eq(rc, RC_OK);
	ck_assert(slice_is(got, val));
}

/* Collects the keys of a scan as "a,b,c". */
struct keys {
	char text[512];
	size_t stop_after;
	size_t n;
};

static bool
collect(void *arg, struct slice key, struct slice val)
{
	struct keys *k = arg;
	size_t used = strlen(k->text);

	(void)val;
	ck_assert_uint_lt(used + key.n + 2, sizeof(k->text));
	snprintf(k->text + used, sizeof(k->text) - used, "%s%.*s", used == 0 ? "" : ",", (int)key.n, key.p);
	return ++k->n != k->stop_after;
}

static void
expect_scan(struct bed *b, struct txn *t, const char *from, const char *to, bool reverse, size_t limit,
            const char *want)
{
	struct keys k = { .text = "" };

	ck_assert_int_eq(b->ops->scan(t, slice_of(from), slice_of(to), reverse, limit, collect, &k), RC_OK);
	ck_assert_str_eq(k.text, want);
}

static void
fill(struct bed *b, const char *keys)
{
	struct txn *t = begin(b, true);

	for (const char *p = keys; *p != '\0'; p++) {
		char key[2] = { *p, '\0' };

		put(b, t, key, key);
	}
	ck_assert_int_eq(b->ops->commit(t), RC_OK);
}

START_TEST(test_get_put_del)
{
	struct bed b;
	struct txn *t;

	bed_init(&b, _i);
	bed_open(&b);
	t = begin(&b, true);
	expect(&b, t, "k", NULL);
	put(&b, t, "k", "one");
	expect(&b, t, "k", "one");
	put(&b, t, "k", "two, longer than one");
	expect(&b, t, "k", "two, longer than one");
	put(&b, t, "empty", "");
	expect(&b, t, "empty", "");
	ck_assert_int_eq(b.ops->del(t, slice_of("none")), RC_NOT_FOUND);
	put(&b, t, "gone", "x");
	ck_assert_int_eq(b.ops->del(t, slice_of("gone")), RC_OK);
	expect(&b, t, "gone", NULL);
	ck_assert_int_eq(b.ops->del(t, slice_of("gone")), RC_NOT_FOUND);
	ck_assert_int_eq(b.ops->commit(t), RC_OK);

	t = begin(&b, false);
	expect(&b, t, "k", "two, longer than one");
	expect(&b, t, "empty", "");
	expect(&b, t, "gone", NULL);
	ck_assert_int_eq(b.ops->put(t, slice_of("k"), slice_of("v")), RC_NOT_ALLOWED);
	ck_assert_int_eq(b.ops->del(t, slice_of("k")), RC_NOT_ALLOWED);
	b.ops->abort(t);
	bed_fini(&b);
}
END_TEST

START_TEST(test_abort)
{
	struct bed b;
	struct store_stat before, after;
	struct txn *t;

	bed_init(&b, _i);
	bed_open(&b);
	fill(&b, "abc");
	b.ops->stat(b.st, &before);
	t = begin(&b, true);
	put(&b, t, "a", "changed");
	put(&b, t, "d", "new");
	ck_assert_int_eq(b.ops->del(t, slice_of("b")), RC_OK);
	expect_scan(&b, t, "a", "z", false, 0, "a,c,d");
	b.ops->abort(t);
	t = begin(&b, false);
	expect(&b, t, "a", "a");
	expect_scan(&b, t, "a", "z", false, 0, "a,b,c");
	b.ops->abort(t);
	t = begin(&b, true);
	expect_scan(&b, t, "a", "z", false, 0, "a,b,c");
	ck_assert_int_eq(b.ops->commit(t), RC_OK);
	b.ops->stat(b.st, &after);
	ck_assert_uint_eq(before.commits, 1);
	ck_assert_uint_eq(after.commits, 1);
	bed_fini(&b);
}
END_TEST

/* The same questions to a reader and to a writer with changes of its own. */
static void
try_scans(struct bed *b, struct txn *t)
{
	struct keys k = { .text = "", .stop_after = 2 };

	expect_scan(b, t, "a", "z", false, 0, "b,d,f,h");
	expect_scan(b, t, "a", "z", true, 0, "h,f,d,b");
	expect_scan(b, t, "d", "h", false, 0, "d,f");
	expect_scan(b, t, "d", "h", true, 0, "f,d");
	expect_scan(b, t, "c", "g", false, 0, "d,f");
	expect_scan(b, t, "c", "g", true, 0, "f,d");
	expect_scan(b, t, "c", "g", true, 1, "f");
	expect_scan(b, t, "c", "z", false, 1, "d");
	expect_scan(b, t, "a", "z", false, 3, "b,d,f");
	expect_scan(b, t, "a", "z", true, 3, "h,f,d");
	expect_scan(b, t, "", "z", false, 1, "b");
	expect_scan(b, t, "", "z", true, 1, "h");
	expect_scan(b, t, "i", "z", false, 0, "");
	expect_scan(b, t, "i", "z", true, 0, "");
	expect_scan(b, t, "", "b", false, 0, "");
	expect_scan(b, t, "", "b", true, 0, "");
	expect_scan(b, t, "h", "b", false, 0, "");
	expect_scan(b, t, "h", "b", true, 0, "");
	expect_scan(b, t, "d", "d", false, 0, "");
	expect_scan(b, t, "", "", true, 0, "");
	expect_scan(b, t, "d", "d!", true, 0, "d");
	ck_assert_int_eq(b->ops->scan(t, slice_of("a"), slice_of("z"), false, 0, collect, &k), RC_OK);
	ck_assert_str_eq(k.text, "b,d");
}

START_TEST(test_scan)
{
	struct bed b;
	struct txn *t;

	bed_init(&b, _i);
	bed_open(&b);
	t = begin(&b, false);
	expect_scan(&b, t, "", "z", false, 0, "");
	expect_scan(&b, t, "", "z", true, 0, "");
	b.ops->abort(t);
	fill(&b, "bdfh");
	t = begin(&b, false);
	try_scans(&b, t);
	b.ops->abort(t);
	t = begin(&b, true);
	for (const char *p = "aceg"; *p != '\0'; p++)
		ck_assert_int_eq(b.ops->put(t, slice_make(p, 1), SLICE_NONE), RC_OK);
	put(&b, t, "d", "new");
	expect_scan(&b, t, "", "z", false, 0, "a,b,c,d,e,f,g,h");
	for (const char *p = "aceg"; *p != '\0'; p++)
		ck_assert_int_eq(b.ops->del(t, slice_make(p, 1)), RC_OK);
	try_scans(&b, t);
	expect(&b, t, "d", "new");
	b.ops->abort(t);
	bed_fini(&b);
}
END_TEST

/* Keeps two records of a scan. */
struct kept {
	struct slice key[2], val[2];
	size_t n;
};

static bool
keep(void *arg, struct slice key, struct slice val)
{
	struct kept *k = arg;

	k->key[k->n] = key;
	k->val[k->n] = val;
	return ++k->n < NITEMS(k->key);
}

/* Results of get and scan live beyond the call, as long as nothing is written. */
START_TEST(test_lifetime)
{
	struct bed b;
	struct txn *t;

	bed_init(&b, _i);
	bed_open(&b);
	fill(&b, "abc");
	for (int writable = 0; writable <= 1; writable++) {
		struct kept k = { .n = 0 };
		struct slice a, c;

		t = begin(&b, writable);
		ck_assert_int_eq(b.ops->get(t, slice_of("a"), &a), RC_OK);
		ck_assert_int_eq(b.ops->scan(t, slice_of("a"), slice_of("z"), true, 0, keep, &k), RC_OK);
		ck_assert_int_eq(b.ops->get(t, slice_of("c"), &c), RC_OK);
		expect_scan(&b, t, "a", "z", false, 0, "a,b,c");
		ck_assert(slice_is(a, "a") && slice_is(c, "c"));
		ck_assert(slice_is(k.key[0], "c") && slice_is(k.val[0], "c"));
		ck_assert(slice_is(k.key[1], "b") && slice_is(k.val[1], "b"));
		b.ops->abort(t);
	}
	bed_fini(&b);
}
END_TEST

/* A scan inside the visitor of another. */
struct nest {
	struct bed *bed;
	struct txn *t;
	size_t n;
};

static bool
scan_again(void *arg, struct slice key, struct slice val)
{
	static const char *const rest[] = { "a,b,c", "b,c", "c" };
	struct nest *n = arg;
	char from[2] = { key.p[0], '\0' };

	ck_assert(slice_eq(key, val));
	expect_scan(n->bed, n->t, from, "z", false, 0, rest[n->n]);
	expect_scan(n->bed, n->t, from, "z", true, 1, "c");
	ck_assert(slice_eq(key, val));
	return ++n->n < NITEMS(rest);
}

START_TEST(test_nested_scan)
{
	struct bed b;

	bed_init(&b, _i);
	bed_open(&b);
	fill(&b, "abc");
	for (int writable = 0; writable <= 1; writable++) {
		struct nest n = { .bed = &b, .t = begin(&b, writable) };

		ck_assert_int_eq(b.ops->scan(n.t, slice_of("a"), slice_of("z"), false, 0, scan_again, &n), RC_OK);
		ck_assert_uint_eq(n.n, 3);
		expect_scan(&b, n.t, "a", "z", true, 0, "c,b,a");
		b.ops->abort(n.t);
	}
	bed_fini(&b);
}
END_TEST

START_TEST(test_sizes)
{
	static const size_t sizes[] = { 0, 1, 2000, 4096, 100000, 1 << 20 };
	struct bed b;
	char key[STORE_KEY_MAX + 1];
	char *big = malloc(1 << 20);
	struct slice got;
	struct txn *t;

	ck_assert_ptr_nonnull(big);
	for (size_t i = 0; i < 1 << 20; i++)
		big[i] = (char)(i * 7 + i / 251);
	memset(key, 0xff, sizeof(key));
	key[0] = 1;
	bed_init(&b, _i);
	bed_open(&b);
	for (size_t i = 0; i < NITEMS(sizes); i++) {
		t = begin(&b, true);
		ck_assert_int_eq(b.ops->put(t, slice_make(key, STORE_KEY_MAX - i), slice_make(big, sizes[i])), RC_OK);
		ck_assert_int_eq(b.ops->commit(t), RC_OK);
	}
	t = begin(&b, false);
	for (size_t i = 0; i < NITEMS(sizes); i++) {
		ck_assert_int_eq(b.ops->get(t, slice_make(key, STORE_KEY_MAX - i), &got), RC_OK);
		ck_assert(slice_eq(got, slice_make(big, sizes[i])));
	}
	ck_assert_int_eq(b.ops->get(t, slice_make(key, sizeof(key)), &got), RC_NOT_FOUND);
	b.ops->abort(t);
	t = begin(&b, true);
	ck_assert_int_eq(b.ops->put(t, slice_make(key, sizeof(key)), SLICE_NONE), RC_INTERNAL);
	ck_assert_int_eq(b.ops->commit(t), RC_INTERNAL);
	t = begin(&b, true);
	ck_assert_int_eq(b.ops->put(t, SLICE_NONE, SLICE_NONE), RC_INTERNAL);
	b.ops->abort(t);
	free(big);
	bed_fini(&b);
}
END_TEST

START_TEST(test_snapshot)
{
	struct bed b;
	struct txn *old, *mid, *now, *w;

	bed_init(&b, _i);
	bed_open(&b);
	fill(&b, "abc");
	old = begin(&b, false);
	w = begin(&b, true);
	put(&b, w, "a", "2");
	put(&b, w, "d", "d");
	expect(&b, old, "a", "a");
	mid = begin(&b, false);
	expect(&b, mid, "a", "a");
	ck_assert_int_eq(b.ops->commit(w), RC_OK);
	expect_scan(&b, mid, "a", "z", false, 0, "a,b,c");
	b.ops->abort(mid);
	for (int i = 0; i < 200; i++) {
		w = begin(&b, true);
		put(&b, w, "a", i % 2 != 0 ? "odd" : "even");
		ck_assert_int_eq(b.ops->put(w, slice_make(&i, sizeof(i)), slice_of("more")), RC_OK);
		ck_assert_int_eq(b.ops->commit(w), RC_OK);
	}
	expect(&b, old, "a", "a");
	expect(&b, old, "d", NULL);
	expect_scan(&b, old, "a", "z", false, 0, "a,b,c");
	now = begin(&b, false);
	expect(&b, now, "a", "odd");
	expect(&b, now, "d", "d");
	ck_assert_int_eq(b.ops->commit(now), RC_OK);
	b.ops->abort(old);
	bed_fini(&b);
}
END_TEST

START_TEST(test_reader_limit)
{
	struct bed b;
	struct txn *t[4], *more;

	bed_init(&b, _i);
	b.conf.max_readers = NITEMS(t);
	bed_open(&b);
	for (size_t i = 0; i < NITEMS(t); i++)
		t[i] = begin(&b, false);
	ck_assert_int_eq(b.ops->begin(b.st, false, &more), RC_UNAVAILABLE);
	fill(&b, "w");
	b.ops->abort(t[1]);
	t[1] = begin(&b, false);
	expect(&b, t[1], "w", "w");
	expect(&b, t[0], "w", NULL);
	for (size_t i = 0; i < NITEMS(t); i++)
		b.ops->abort(t[i]);
	bed_fini(&b);
}
END_TEST

/* The model: a sorted array, and its copy at the last commit. */
#define MODEL_KEYS 600
#define MODEL_OPS 40000

struct model {
	unsigned val[MODEL_KEYS]; /* 0 = no record */
};

struct gen {
	uint64_t s;
};

static unsigned
draw(struct gen *g, unsigned below)
{
	g->s ^= g->s << 13;
	g->s ^= g->s >> 7;
	g->s ^= g->s << 17;
	return (unsigned)((g->s >> 11) % below);
}

/* Keys of different lengths, in the order of their numbers. */
static struct slice
model_key(unsigned i, char buf[32])
{
	return slice_make(buf, (size_t)snprintf(buf, 32, "k%04u%.*s", i, (int)(i % 13), "abcdefghijklm"));
}

/* Values of 8 to about 2000 bytes, each made from its number. */
static struct slice
model_val(unsigned v, char buf[2100])
{
	size_t n = 8 + v % 17 * (v % 11) * (v % 13);

	memset(buf, (int)(v % 251), n);
	snprintf(buf, 9, "%08u", v % 100000000);
	return slice_make(buf, n);
}

struct compare {
	const struct model *m;
	unsigned next, end; /* the first may be end - 1 when reverse */
	bool reverse;
	size_t seen;
};

static bool
compare_record(void *arg, struct slice key, struct slice val)
{
	struct compare *c = arg;
	char kbuf[32], vbuf[2100];

	while (c->next != c->end && c->m->val[c->next] == 0)
		c->next += c->reverse ? -1u : 1u;
	ck_assert_uint_ne(c->next, c->end);
	ck_assert(slice_eq(key, model_key(c->next, kbuf)));
	ck_assert(slice_eq(val, model_val(c->m->val[c->next], vbuf)));
	c->next += c->reverse ? -1u : 1u;
	c->seen++;
	return true;
}

static void
compare_range(struct bed *b, struct txn *t, const struct model *m, unsigned lo, unsigned hi, bool reverse,
              size_t limit)
{
	char from[32], to[32];
	struct compare c = { .m = m, .next = lo, .end = hi, .reverse = reverse };
	size_t want = 0;

	if (reverse) {
		c.next = hi - 1;
		c.end = lo - 1;
	}
	for (unsigned i = lo; i < hi; i++)
		want += m->val[i] != 0;
	if (limit != 0 && want > limit)
		want = limit;
	ck_assert_int_eq(b->ops->scan(t, model_key(lo, from), model_key(hi, to), reverse, limit,
	                              compare_record, &c),
	                 RC_OK);
	ck_assert_uint_eq(c.seen, want);
}

static void
model_read(struct bed *b, struct txn *t, const struct model *m, struct gen *g)
{
	unsigned lo = draw(g, MODEL_KEYS), hi = lo + draw(g, MODEL_KEYS - lo) / (1 + draw(g, 20));
	char kbuf[32], vbuf[2100];
	struct slice got;
	enum rc rc = b->ops->get(t, model_key(lo, kbuf), &got);

	ck_assert_int_eq(rc, m->val[lo] == 0 ? RC_NOT_FOUND : RC_OK);
	if (rc == RC_OK)
		ck_assert(slice_eq(got, model_val(m->val[lo], vbuf)));
	compare_range(b, t, m, lo, hi, draw(g, 2), draw(g, 3) == 0 ? 0 : 1 + draw(g, 5));
}

static void
model_write(struct bed *b, struct txn *t, struct model *m, struct gen *g)
{
	unsigned i = draw(g, MODEL_KEYS);
	char kbuf[32], vbuf[2100];
	struct slice key = model_key(i, kbuf);

	if (draw(g, 5) < 3) {
		m->val[i] = 1 + draw(g, 1000000);
		ck_assert_int_eq(b->ops->put(t, key, model_val(m->val[i], vbuf)), RC_OK);
		return;
	}
	ck_assert_int_eq(b->ops->del(t, key), m->val[i] == 0 ? RC_NOT_FOUND : RC_OK);
	m->val[i] = 0;
}

static void
expect_sound(struct bed *b);

START_TEST(test_model)
{
	static struct model committed, own;
	struct gen g = { .s = UINT64_C(0x5eed0c1f00d) };
	struct bed b;
	unsigned ops = 0;

	printf("test_model: seed %#llx\n", (unsigned long long)g.s);
	memset(&committed, 0, sizeof(committed));
	bed_init(&b, _i);
	bed_open(&b);
	while (ops < MODEL_OPS) {
		struct txn *r = begin(&b, false), *w = begin(&b, true);
		struct model old = committed;
		unsigned n = 1 + draw(&g, 300);

		own = committed;
		for (unsigned i = 0; i < n; i++, ops++) {
			model_write(&b, w, &own, &g);
			if (draw(&g, 8) == 0)
				model_read(&b, w, &own, &g);
			if (draw(&g, 16) == 0)
				model_read(&b, r, &old, &g);
		}
		if (draw(&g, 4) == 0) {
			b.ops->abort(w);
		} else {
			ck_assert_int_eq(b.ops->commit(w), RC_OK);
			committed = own;
		}
		compare_range(&b, r, &old, 0, MODEL_KEYS, false, 0);
		b.ops->abort(r);
		if (on_disk(&b) && draw(&g, 40) == 0) {
			b.ops->close(b.st);
			bed_open(&b);
		}
	}
	expect_sound(&b);
	bed_fini(&b);
}
END_TEST

/*
 * The writer keeps the sum of all values at zero in each commit; a reader that sees another sum,
 * or a version number that goes back, saw no snapshot.
 */
#define ACCOUNTS 64
#define READERS 6
#define VERSIONS 400

struct bank {
	struct bed *bed;
	atomic_bool done;
	atomic_uint reads;
};

static bool
add_account(void *arg, struct slice key, struct slice val)
{
	int64_t *sum = arg, v;

	(void)key;
	ck_assert_uint_eq(val.n, sizeof(v));
	memcpy(&v, val.p, sizeof(v));
	*sum += v;
	return true;
}

static void *
read_bank(void *arg)
{
	struct bank *bank = arg;
	struct bed *b = bank->bed;
	uint64_t last = 0;

	while (!atomic_load(&bank->done)) {
		struct txn *t = begin(b, false);
		struct slice v;
		uint64_t version;
		int64_t sum = 0;

		ck_assert_int_eq(b->ops->get(t, slice_of("version"), &v), RC_OK);
		memcpy(&version, v.p, sizeof(version));
		ck_assert_uint_ge(version, last);
		last = version;
		ck_assert_int_eq(b->ops->scan(t, slice_of("a"), slice_of("b"), last % 2, 0, add_account, &sum), RC_OK);
		ck_assert_int_eq(sum, 0);
		b->ops->abort(t);
		atomic_fetch_add(&bank->reads, 1);
	}
	return NULL;
}

static void
put_number(struct bed *b, struct txn *t, const char *key, int64_t v)
{
	ck_assert_int_eq(b->ops->put(t, slice_of(key), slice_make(&v, sizeof(v))), RC_OK);
}

static void
write_bank(struct bed *b, int64_t version)
{
	struct txn *t = begin(b, true);

	for (int i = 0; i < ACCOUNTS; i++) {
		char key[16];

		snprintf(key, sizeof(key), "a%03d", i);
		put_number(b, t, key, i % 2 == 0 ? version : -version);
	}
	put_number(b, t, "version", version);
	ck_assert_int_eq(b->ops->commit(t), RC_OK);
}

START_TEST(test_threads)
{
	struct bed b;
	struct bank bank = { .bed = &b };
	pthread_t threads[READERS];

	bed_init(&b, _i);
	bed_open(&b);
	write_bank(&b, 0);
	for (size_t i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_bank, &bank), 0);
	for (int64_t version = 1; version <= VERSIONS || atomic_load(&bank.reads) < VERSIONS; version++)
		write_bank(&b, version);
	atomic_store(&bank.done, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	bed_fini(&b);
}
END_TEST

/* Two threads that both write take turns. */
static void *
count_up(void *arg)
{
	struct bed *b = arg;

	for (int i = 0; i < 100; i++) {
		struct txn *t = begin(b, true);
		struct slice v;
		int64_t n = 0;

		if (b->ops->get(t, slice_of("n"), &v) == RC_OK)
			memcpy(&n, v.p, sizeof(n));
		put_number(b, t, "n", n + 1);
		ck_assert_int_eq(b->ops->commit(t), RC_OK);
	}
	return NULL;
}

START_TEST(test_writers)
{
	struct bed b;
	pthread_t threads[2];
	struct slice v;
	struct txn *t;
	int64_t n;

	bed_init(&b, _i);
	bed_open(&b);
	for (size_t i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, &b), 0);
	for (size_t i = 0; i < NITEMS(threads); i++)
		pthread_join(threads[i], NULL);
	t = begin(&b, false);
	ck_assert_int_eq(b.ops->get(t, slice_of("n"), &v), RC_OK);
	memcpy(&n, v.p, sizeof(n));
	ck_assert_int_eq(n, 200);
	b.ops->abort(t);
	bed_fini(&b);
}
END_TEST

START_TEST(test_reopen)
{
	struct bed b;
	struct store_stat stat;
	struct txn *t;

	bed_init(&b, _i);
	if (on_disk(&b)) {
		bed_open(&b);
		fill(&b, "abc");
		t = begin(&b, true);
		ck_assert_int_eq(b.ops->del(t, slice_of("b")), RC_OK);
		ck_assert_int_eq(b.ops->commit(t), RC_OK);
		b.ops->close(b.st);
		bed_open(&b);
		t = begin(&b, false);
		expect_scan(&b, t, "", "z", false, 0, "a,c");
		b.ops->abort(t);
		b.ops->stat(b.st, &stat);
		ck_assert_uint_eq(stat.commits, 0);
		ck_assert_uint_gt(stat.bytes_used, 0);
	}
	bed_fini(&b);
}
END_TEST

START_TEST(test_read_only)
{
	struct bed b;
	char why[256] = "";
	struct txn *t;

	bed_init(&b, _i);
	b.conf.read_only = true;
	if (on_disk(&b)) {
		ck_assert_int_ne(b.ops->open(&b.conf, &b.st, why), RC_OK);
		ck_assert_str_ne(why, "");
		ck_assert_int_ne(access(b.dir, F_OK), 0);
		b.conf.read_only = false;
		bed_open(&b);
		fill(&b, "abc");
		b.ops->close(b.st);
		b.conf.read_only = true;
	}
	bed_open(&b);
	ck_assert_int_eq(b.ops->begin(b.st, true, &t), RC_NOT_ALLOWED);
	t = begin(&b, false);
	expect_scan(&b, t, "", "z", true, 0, on_disk(&b) ? "c,b,a" : "");
	b.ops->abort(t);
	expect_sound(&b);
	bed_fini(&b);
}
END_TEST

static void
print_finding(void *arg, const char *text)
{
	unsigned *n = arg;

	printf("finding: %s\n", text);
	++*n;
}

static void
expect_sound(struct bed *b)
{
	unsigned n = 0;

	ck_assert_int_eq(b->ops->check(b->st, print_finding, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
}

/* A writer that adds pairs "p..." and "q..." in one commit each until it is told to stop. */
struct pairs {
	struct bed *bed;
	atomic_bool stop;
	atomic_uint commits;
};

static void *
write_pairs(void *arg)
{
	struct pairs *p = arg;

	for (unsigned i = 0; !atomic_load(&p->stop); i++) {
		struct txn *t = begin(p->bed, true);
		char key[16];

		snprintf(key, sizeof(key), "p%08u", i);
		put(p->bed, t, key, "left");
		key[0] = 'q';
		put(p->bed, t, key, "right");
		ck_assert_int_eq(p->bed->ops->commit(t), RC_OK);
		atomic_fetch_add(&p->commits, 1);
	}
	return NULL;
}

static bool
count_record(void *arg, struct slice key, struct slice val)
{
	(void)key;
	(void)val;
	++*(unsigned *)arg;
	return true;
}

/* Opens what backup wrote: both of each pair, at least those committed before, and sound. */
static void
expect_pairs(struct bed *b, const char *dir, unsigned at_least)
{
	struct bed copy = { .ops = b->ops, .conf = { .path = dir } };
	unsigned left = 0, right = 0;
	struct txn *t;

	bed_open(&copy);
	t = begin(&copy, false);
	ck_assert_int_eq(b->ops->scan(t, slice_of("p"), slice_of("q"), false, 0, count_record, &left), RC_OK);
	ck_assert_int_eq(b->ops->scan(t, slice_of("q"), slice_of("r"), false, 0, count_record, &right), RC_OK);
	b->ops->abort(t);
	ck_assert_uint_eq(left, right);
	ck_assert_uint_ge(left, at_least);
	expect_sound(&copy);
	fill(&copy, "x");
	b->ops->close(copy.st);
}

static void
wait_for(atomic_uint *counter, unsigned value)
{
	while (atomic_load(counter) < value)
		usleep(1000);
}

START_TEST(test_backup)
{
	struct bed b;
	struct pairs p = { .bed = &b };
	char to[300], why[256] = "";
	pthread_t thread;

	bed_init(&b, _i);
	bed_open(&b);
	snprintf(to, sizeof(to), "%s/copy", b.base);
	if (!on_disk(&b)) {
		ck_assert_int_eq(b.ops->backup(b.st, to, why), RC_NOT_IMPLEMENTED);
		ck_assert_str_ne(why, "");
	} else {
		unsigned before;

		ck_assert_int_eq(pthread_create(&thread, NULL, write_pairs, &p), 0);
		wait_for(&p.commits, 20);
		before = atomic_load(&p.commits);
		ck_assert_msg(b.ops->backup(b.st, to, why) == RC_OK, "%s", why);
		wait_for(&p.commits, before + 20);
		atomic_store(&p.stop, true);
		pthread_join(thread, NULL);
		expect_pairs(&b, to, before);
		ck_assert_int_eq(b.ops->backup(b.st, to, why), RC_CONFLICT);
		ck_assert_str_ne(why, "");
		b.ops->close(b.st);
		b.conf.read_only = true;
		bed_open(&b);
		snprintf(to, sizeof(to), "%s/copy2", b.base);
		ck_assert_msg(b.ops->backup(b.st, to, why) == RC_OK, "%s", why);
		expect_pairs(&b, to, before);
	}
	expect_sound(&b);
	bed_fini(&b);
}
END_TEST

/* Adds 1000-byte records until the store refuses; returns how many commits it took. */
static unsigned
fill_up(struct bed *b)
{
	char val[1000];

	memset(val, 'v', sizeof(val));
	for (unsigned i = 0; i < 100000; i++) {
		struct txn *t = begin(b, true);
		char key[16];
		enum rc rc;

		snprintf(key, sizeof(key), "k%06u", i);
		rc = b->ops->put(t, slice_of(key), slice_make(val, sizeof(val)));
		ck_assert_int_eq(b->ops->commit(t), rc);
		if (rc == RC_OK)
			continue;
		ck_assert_int_eq(rc, RC_NO_SPACE);
		return i;
	}
	return 100000;
}

START_TEST(test_quota)
{
	struct bed b;
	struct store_stat stat;
	unsigned n, count = 0;
	struct txn *t;

	bed_init(&b, _i);
	b.conf.max_bytes = 1 << 20;
	bed_open(&b);
	b.ops->stat(b.st, &stat);
	if (stat.bytes_max != 0) {
		ck_assert_uint_eq(stat.bytes_max, 1 << 20);
		n = fill_up(&b);
		ck_assert_uint_gt(n, 500);
		ck_assert_uint_lt(n, 1100);
		t = begin(&b, true);
		ck_assert_int_eq(b.ops->scan(t, slice_of("k"), slice_of("l"), false, 0, count_record, &count), RC_OK);
		ck_assert_uint_eq(count, n);
		for (unsigned i = 0; i < n; i++) {
			char key[16];

			snprintf(key, sizeof(key), "k%06u", i);
			ck_assert_int_eq(b.ops->del(t, slice_of(key)), RC_OK);
		}
		put(&b, t, "small", "note about the removal");
		ck_assert_int_eq(b.ops->commit(t), RC_OK);
		ck_assert_uint_gt(fill_up(&b), 500);
		expect_sound(&b);
	}
	bed_fini(&b);
}
END_TEST

START_TEST(test_bad_path)
{
	struct bed b;
	char file[300], why[256] = "";
	FILE *f;

	bed_init(&b, _i);
	if (on_disk(&b)) {
		snprintf(file, sizeof(file), "%s/a", b.base);
		f = fopen(file, "w");
		ck_assert_ptr_nonnull(f);
		fclose(f);
		ck_assert_int_ne(b.ops->open(&b.conf, &b.st, why), RC_OK);
		ck_assert_str_ne(why, "");
		ck_assert_ptr_null(b.st);
		remove(file);
	}
	bed_open(&b);
	bed_fini(&b);
}
END_TEST

/* A file that lost its end is reported, and does not end the process. */
START_TEST(test_truncated)
{
	struct bed b;
	char file[320];
	unsigned n = 0;

	bed_init(&b, _i);
	if (b.ops == &store_lmdb) {
		b.conf.max_bytes = 1 << 20;
		bed_open(&b);
		fill_up(&b);
		b.ops->close(b.st);
		snprintf(file, sizeof(file), "%s/data.mdb", b.dir);
		ck_assert_int_eq(truncate(file, 256 << 10), 0);
		b.conf.read_only = true;
		bed_open(&b);
		ck_assert_int_eq(b.ops->check(b.st, print_finding, &n), RC_INTERNAL);
		ck_assert_uint_gt(n, 0);
	}
	bed_fini(&b);
}
END_TEST

static Suite *
store_suite(void)
{
	const TTest *const tests[] = {
		test_get_put_del, test_abort,     test_scan,         test_lifetime, test_sizes,
		test_snapshot,    test_model,     test_reader_limit, test_threads,  test_writers,
		test_reopen,      test_read_only, test_backup,       test_quota,    test_bad_path,
		test_truncated,   test_nested_scan,
	};
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("engines");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(tc, tests[i], 0, (int)NITEMS(engines));
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(store_suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
