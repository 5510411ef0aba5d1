/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store work on: every engine that is compiled in, in its own directory. */
#ifndef STORE_BED_H
#define STORE_BED_H

#include "store/store.h"
#include "suite.h"

#include <check.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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

static inline bool
on_disk(const struct bed *b)
{
	return b->ops != &store_memory;
}

static inline void
bed_open(struct bed *b)
{
	char why[256] = "";
	enum rc rc = b->ops->open(&b->conf, &b->st, why);

	ck_assert_msg(rc == RC_OK, "%s: open: rc %d: %s", b->ops->name, (int)rc, why);
}

static inline void
bed_init(struct bed *b, int engine)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct bed){ .ops = engines[engine] };
	snprintf(b->base, sizeof(b->base), "%s/test-store-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->base));
	snprintf(b->dir, sizeof(b->dir), "%s/a/store", b->base);
	b->conf.path = on_disk(b) ? b->dir : NULL;
}

static inline int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
bed_fini(struct bed *b)
{
	b->ops->close(b->st);
	ck_assert_int_eq(nftw(b->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline struct txn *
begin(struct bed *b, bool writable)
{
	struct txn *t = NULL;

	ck_assert_int_eq(b->ops->begin(b->st, writable, &t), RC_OK);
	return t;
}

static inline void
put(struct bed *b, struct txn *t, const char *key, const char *val)
{
	ck_assert_int_eq(b->ops->put(t, slice_of(key), slice_of(val)), RC_OK);
}

static inline void
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

static inline bool
collect(void *arg, struct slice key, struct slice val)
{
	struct keys *k = arg;
	size_t used = strlen(k->text);

	(void)val;
	ck_assert_uint_lt(used + key.n + 2, sizeof(k->text));
	snprintf(k->text + used, sizeof(k->text) - used, "%s%.*s", used == 0 ? "" : ",", (int)key.n,
	         key.p);
	return ++k->n != k->stop_after;
}

static inline void
expect_scan(struct bed *b, struct txn *t, const char *from, const char *to, bool reverse,
            size_t limit, const char *want)
{
	struct keys k = { .text = "" };

	ck_assert_int_eq(b->ops->scan(t, slice_of(from), slice_of(to), reverse, limit, collect, &k),
	                 RC_OK);
	ck_assert_str_eq(k.text, want);
}

static inline void
fill(struct bed *b, const char *keys)
{
	struct txn *t = begin(b, true);

	for (const char *p = keys; *p != '\0'; p++) {
		char key[2] = { *p, '\0' };

		put(b, t, key, key);
	}
	ck_assert_int_eq(b->ops->commit(t), RC_OK);
}

static inline void
print_finding(void *arg, const char *text)
{
	unsigned *n = arg;

	printf("finding: %s\n", text);
	++*n;
}

static inline void
expect_sound(struct bed *b)
{
	unsigned n = 0;

	ck_assert_int_eq(b->ops->check(b->st, print_finding, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
}

/* Runs each test on each engine; the exit code of the program. */
static inline int
bed_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create("engines");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(tc, tests[i], 0, (int)NITEMS(engines));
	suite_add_tcase(s, tc);
	return run_suite(s);
}

#endif
