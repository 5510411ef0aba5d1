/* SPDX-License-Identifier: Apache-2.0 */
/* One set of promises (store.h), tried on every engine. */
#include "config.h"

#include "store_bed.h"

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
	ck_assert_int_eq(b->ops->scan(t, slice_of("a"), slice_of("z"), false, 0, collect, &k),
	                 RC_OK);
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
		ck_assert_int_eq(b.ops->scan(t, slice_of("a"), slice_of("z"), true, 0, keep, &k),
		                 RC_OK);
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

		ck_assert_int_eq(
			b.ops->scan(n.t, slice_of("a"), slice_of("z"), false, 0, scan_again, &n),
			RC_OK);
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
		ck_assert_int_eq(b.ops->put(t, slice_make(key, STORE_KEY_MAX - i),
		                            slice_make(big, sizes[i])),
		                 RC_OK);
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

int
main(void)
{
	const TTest *const tests[] = {
		test_get_put_del, test_abort, test_scan,     test_lifetime,
		test_nested_scan, test_sizes, test_snapshot, test_reader_limit,
	};

	return bed_run("store", tests, NITEMS(tests));
}
