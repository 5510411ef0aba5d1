/* SPDX-License-Identifier: Apache-2.0 */
/* What happens around the transactions: reopen, backup, check, limits, damage. */
#include "config.h"

#include "store/copy.h"
#include "store_bed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
count_record(void *arg, struct slice key, struct slice val)
{
	(void)key;
	(void)val;
	++*(unsigned *)arg;
	return true;
}

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

/* Opens what backup wrote: both of each pair, at least those committed before, and sound. */
static void
expect_pairs(struct bed *b, const char *dir, unsigned at_least)
{
	struct bed copy = { .ops = b->ops, .conf = { .path = dir } };
	unsigned left = 0, right = 0;
	struct txn *t;

	bed_open(&copy);
	t = begin(&copy, false);
	ck_assert_int_eq(
		b->ops->scan(t, slice_of("p"), slice_of("q"), false, 0, count_record, &left),
		RC_OK);
	ck_assert_int_eq(
		b->ops->scan(t, slice_of("q"), slice_of("r"), false, 0, count_record, &right),
		RC_OK);
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

static void
count_finding(void *arg, const char *text)
{
	ck_assert_str_ne(text, "");
	++*(unsigned *)arg;
}

/* Of a store in a directory below, that somebody else has open; none is fine. */
START_TEST(test_copy_below)
{
	char from[300], to[300], file[400], why[256] = "";
	unsigned findings = 0;
	struct bed b;

	bed_init(&b, _i);
	bed_open(&b);
	if (on_disk(&b)) {
		fill(&b, "abc");
		snprintf(from, sizeof(from), "%s/a", b.base);
		snprintf(to, sizeof(to), "%s/copies", b.base);
		ck_assert_int_eq(mkdir(to, 0700), 0);
		ck_assert_int_eq(store_copy(b.ops, from, to, "absent", why), RC_OK);
		ck_assert_msg(store_copy(b.ops, from, to, "store", why) == RC_OK, "%s", why);
		ck_assert_int_ne(store_copy(b.ops, from, to, "store", why), RC_OK);
		ck_assert_int_eq(store_verify(b.ops, to, "store", count_finding, &findings), RC_OK);
		ck_assert_int_eq(store_verify(b.ops, to, "absent", count_finding, &findings),
		                 RC_OK);
		ck_assert_uint_eq(findings, 0);
		snprintf(file, sizeof(file), "%s/broken", to);
		ck_assert_int_eq(mkdir(file, 0700), 0);
		ck_assert_int_ne(store_verify(b.ops, to, "broken", count_finding, &findings),
		                 RC_OK);
		ck_assert_uint_gt(findings, 0);
	}
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
		ck_assert_int_eq(b.ops->scan(t, slice_of("k"), slice_of("l"), false, 0,
		                             count_record, &count),
		                 RC_OK);
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

int
main(void)
{
	const TTest *const tests[] = {
		test_reopen, test_read_only, test_backup,    test_copy_below,
		test_quota,  test_bad_path,  test_truncated,
	};

	return bed_run("store care", tests, NITEMS(tests));
}
