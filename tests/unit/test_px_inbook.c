/* SPDX-License-Identifier: Apache-2.0 */
/* The book of a sink: what was opened, until it is applied; over restarts, full disks, SIGKILL. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "px_in_bed.h"
#include "store/tables.h"
#include "suite.h"

static struct px_in_bed bed;

static void
setup(void)
{
	px_in_start(&bed);
}

static void
teardown(void)
{
	px_in_free(&bed);
}

static void
expect_state(const char *text)
{
	struct px_in_count c;
	struct buf b;

	buf_init(&b, 65536);
	ck_assert_int_eq(px_inbook_source(bed.book, &bed.source, &c, &b), RC_OK);
	ck_assert_msg(slice_is(buf_view(&b), text), "%.*s", (int)b.n, b.p);
	buf_fini(&b);
}

START_TEST(test_empty)
{
	struct px_in_count c = px_in_counts(&bed), none = { 0 };
	struct px_in_place p;

	ck_assert_mem_eq(&c, &none, sizeof(c));
	expect_state("");
	ck_assert_str_eq(px_in_queue(&bed, 0, 10), "");
	ck_assert_int_eq(px_inbook_place(bed.book, &bed.source, 0, &p), RC_NOT_FOUND);
}
END_TEST

START_TEST(test_queue)
{
	const struct slice plains[] = { SLICE_INIT("a"), SLICE_INIT("b"), SLICE_INIT("") };
	const struct px_in_place places[] = {
		{ .stream = 7, .key_index = 65535, .epoch = UINT32_MAX, .ended = true },
		{ .stream = 0, .key_index = 1, .epoch = 2, .any = true, .seq = UINT32_MAX },
	};
	struct px_in_take t = { .state = SLICE_LIT("s1"),
		                .plains = plains,
		                .n = 3,
		                .places = places,
		                .n_places = 2,
		                .added = { 5, 3, 2, 1, 1, 6 },
		                .octets_max = PX_IN_OCTETS };
	struct px_in_count c;
	struct px_in_place p;

	ck_assert_int_eq(px_in_do_take(&bed, &t), RC_OK);
	ck_assert_int_eq(px_in_put(&bed, "d"), RC_OK);
	px_in_close(&bed);
	px_in_open(&bed);

	expect_state("d");
	ck_assert_str_eq(px_in_queue(&bed, 0, 10), "a b  d ");
	ck_assert_str_eq(px_in_queue(&bed, 1, 2), "b  ");
	c = px_in_counts(&bed);
	ck_assert(c.queued == 4 && c.removed == 0 && c.octets == 3 && c.newest == 1);
	ck_assert(c.tally.received == 6 && c.tally.messages == 4 && c.tally.duplicates == 2 &&
	          c.tally.gone == 1 && c.tally.alarms == 1 && c.tally.findings == 6);
	ck_assert_int_eq(px_inbook_place(bed.book, &bed.source, 7, &p), RC_OK);
	ck_assert(p.stream == 7 && p.key_index == 65535 && p.epoch == UINT32_MAX && !p.any &&
	          p.ended);
	ck_assert_int_eq(px_inbook_place(bed.book, &bed.source, 0, &p), RC_OK);
	ck_assert(p.key_index == 1 && p.epoch == 2 && p.any && p.seq == UINT32_MAX && !p.ended);

	ck_assert_int_eq(px_in_end_to(&bed, 2), RC_OK);
	ck_assert_str_eq(px_in_queue(&bed, 0, 10), " d ");
	/* Again: nothing. */
	ck_assert_int_eq(px_in_end_to(&bed, 1), RC_OK);
	c = px_in_counts(&bed);
	ck_assert(c.queued == 4 && c.removed == 2 && c.octets == 1 && c.applied == 2);
}
END_TEST

/* Counters and place of one moment. */
START_TEST(test_look)
{
	const struct px_in_place places[] = { { .stream = 7, .epoch = 3 },
		                              { .stream = 0, .epoch = 4 } };
	const uint16_t streams[] = { 7, 1 };
	struct px_in_take t = { .state = SLICE_LIT("s"),
		                .places = places,
		                .n_places = 2,
		                .added = { .received = 2 },
		                .octets_max = 1 };
	struct px_in_place p;
	struct px_in_count c;
	bool any = true;

	ck_assert_int_eq(px_inbook_look(bed.book, &bed.source, NULL, &c, &p, &any), RC_OK);
	ck_assert(!any && c.newest == 0);
	ck_assert_int_eq(px_in_do_take(&bed, &t), RC_OK);
	ck_assert_int_eq(px_inbook_look(bed.book, &bed.source, NULL, &c, &p, &any), RC_OK);
	ck_assert(any && p.stream == 0 && p.epoch == 4 && c.tally.received == 2);
	ck_assert_int_eq(px_inbook_look(bed.book, &bed.source, &streams[0], &c, &p, &any), RC_OK);
	ck_assert(any && p.stream == 7 && p.epoch == 3);
	ck_assert_int_eq(px_inbook_look(bed.book, &bed.source, &streams[1], &c, &p, &any), RC_OK);
	ck_assert(!any && c.tally.received == 2);
}
END_TEST

/* Numbers that the tree has, and the book does not know. */
START_TEST(test_beyond)
{
	struct px_in_count c;

	ck_assert_int_eq(px_in_put(&bed, "a"), RC_OK);
	ck_assert_int_eq(px_in_end_to(&bed, 9), RC_OK);
	ck_assert_int_eq(px_in_put(&bed, "b"), RC_OK);
	c = px_in_counts(&bed);
	ck_assert(c.queued == 10 && c.removed == 9 && c.octets == 1);
	ck_assert_str_eq(px_in_queue(&bed, 0, 10), "b ");
}
END_TEST

static bool
next_failure(void *arg, const struct px_in_failure *f)
{
	uint64_t *next = arg;

	ck_assert_uint_eq(f->number, *next);
	ck_assert_int_eq(f->time, (int64_t)*next + 1);
	ck_assert_uint_eq(f->status, 404);
	++*next;
	return true;
}

START_TEST(test_failures)
{
	struct px_in_failure f[PX_IN_FAILURES];
	struct px_in_end e = { .failures = f, .n_failures = PX_IN_FAILURES };
	uint64_t next;

	for (unsigned k = 0; k < PX_IN_FAILURES; k++)
		f[k] = (struct px_in_failure){ k, k + 1, 404 };
	ck_assert_int_eq(px_in_do_end(&bed, &e), RC_OK);
	e.n_failures = 5;
	for (unsigned k = 0; k < 5; k++)
		f[k] = (struct px_in_failure){ PX_IN_FAILURES + k, PX_IN_FAILURES + k + 1, 404 };
	ck_assert_int_eq(px_in_do_end(&bed, &e), RC_OK);
	ck_assert_uint_eq(px_in_counts(&bed).failed, PX_IN_FAILURES + 5);
	/* The oldest five are gone. */
	next = 5;
	ck_assert_int_eq(
		px_inbook_failures(bed.book, &bed.source, SIZE_MAX / 2, next_failure, &next),
		RC_OK);
	ck_assert_uint_eq(next, PX_IN_FAILURES + 5);
	next = PX_IN_FAILURES + 2;
	ck_assert_int_eq(px_inbook_failures(bed.book, &bed.source, 3, next_failure, &next), RC_OK);
	ck_assert_uint_eq(next, PX_IN_FAILURES + 5);
	e.n_failures = PX_IN_FAILURES + 1;
	ck_assert_int_eq(px_in_do_end(&bed, &e), RC_BAD_REQUEST);
}
END_TEST

START_TEST(test_full)
{
	const struct slice plain = SLICE_LIT("four");
	struct px_in_take t = {
		.state = SLICE_LIT("s"), .plains = &plain, .n = 1, .octets_max = 3
	};

	/* One alone may be longer. */
	ck_assert_int_eq(px_in_do_take(&bed, &t), RC_OK);
	ck_assert_int_eq(px_in_do_take(&bed, &t), RC_UNAVAILABLE);
	ck_assert_uint_eq(px_in_counts(&bed).queued, 1);
	/* What brings no plaintext is taken. */
	t.n = 0;
	ck_assert_int_eq(px_in_do_take(&bed, &t), RC_OK);
	t.n = 1;
	t.octets_max = 8;
	ck_assert_int_eq(px_in_do_take(&bed, &t), RC_OK);
	ck_assert_int_eq(px_in_end_to(&bed, 2), RC_OK);
	ck_assert_uint_eq(px_in_counts(&bed).octets, 0);
}
END_TEST

/* What could not be stored has left nothing. */
START_TEST(test_disk)
{
	struct px_in_count before, after;

	ck_assert_int_eq(px_in_put(&bed, "a"), RC_OK);
	before = px_in_counts(&bed);
	px_in_fail(2, RC_NO_SPACE);
	ck_assert_int_eq(px_in_put(&bed, "b"), RC_NO_SPACE);
	px_in_fail(2, RC_UNAVAILABLE);
	ck_assert_int_eq(px_in_end_to(&bed, 1), RC_UNAVAILABLE);
	px_in_fail(0, RC_OK);
	after = px_in_counts(&bed);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	expect_state("a");
	ck_assert_str_eq(px_in_queue(&bed, 0, 10), "a ");
}
END_TEST

START_TEST(test_others)
{
	struct px_in_bed other = bed;

	other.source.v[15] ^= 1;
	ck_assert_int_eq(px_in_put(&bed, "a"), RC_OK);
	ck_assert_int_eq(px_in_put(&other, "x"), RC_OK);
	ck_assert_int_eq(px_in_put(&bed, "b"), RC_OK);
	ck_assert_str_eq(px_in_queue(&bed, 0, 10), "a b ");
	ck_assert_str_eq(px_in_queue(&other, 0, 10), "x ");
	ck_assert_int_eq(px_in_end_to(&bed, 2), RC_OK);
	ck_assert_str_eq(px_in_queue(&other, 0, 10), "x ");
}
END_TEST

/* ---- SIGKILL ---- */

static void
child(int to)
{
	char text[24];

	px_in_open(&bed);
	for (uint64_t n = px_in_counts(&bed).queued + 1;; n++) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
		if (px_in_put(&bed, text) != RC_OK || write(to, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		if (n % 3 == 0 && px_in_end_to(&bed, n - 1) != RC_OK)
			_exit(1);
	}
}

START_TEST(test_killed)
{
	unsigned turns = getenv("OPENSCL_LONG") != NULL ? 50 : 6;
	uint64_t told = 0, n;
	char text[24];

	for (unsigned turn = 0; turn < turns; turn++) {
		struct px_in_count c;
		int ends[2], status;
		pid_t pid;

		px_in_close(&bed);
		ck_assert_int_eq(pipe(ends), 0);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			child(ends[1]);
		close(ends[1]);
		for (unsigned k = 0; read(ends[0], &n, sizeof(n)) == sizeof(n); k++) {
			told = n;
			if (k == 5 * turn)
				ck_assert_int_eq(kill(pid, SIGKILL), 0);
		}
		close(ends[0]);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		px_in_open(&bed);
		c = px_in_counts(&bed);
		ck_assert_uint_ge(c.queued, told);
		ck_assert_uint_eq(c.tally.messages, c.queued);
		/* State and plaintext are of the same change. */
		snprintf(text, sizeof(text), "%llu", (unsigned long long)c.queued);
		expect_state(text);
		(void)px_in_queue(&bed, 0, 100);
	}
}
END_TEST

START_TEST(test_version)
{
	struct px_inbook_conf conf = { .dir = bed.dir, .engine = &store_lmdb, .octets = 1 };
	struct store_conf store = { .path = bed.dir, .max_bytes = 1u << 26 };
	struct tables t;
	struct tables_tx *tx;
	char why[256];

	px_in_close(&bed);
	ck_assert_int_eq(tables_open(&store_lmdb, &store, &t, why), RC_OK);
	ck_assert_int_eq(tables_begin(&t, &tx), RC_OK);
	ck_assert_int_eq(tables_put(tx, SLICE_LIT("V"), SLICE_LIT("\x02")), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	tables_close(&t);
	ck_assert_int_eq(px_inbook_open(&conf, &bed.book, why), RC_PRECONDITION);
	ck_assert_ptr_null(bed.book);
	ck_assert_ptr_nonnull(strstr(why, "version"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("px_inbook");
	TCase *c = suite_case(s, "px_inbook", setup, teardown);

	tcase_add_test(c, test_empty);
	tcase_add_test(c, test_queue);
	tcase_add_test(c, test_look);
	tcase_add_test(c, test_beyond);
	tcase_add_test(c, test_failures);
	tcase_add_test(c, test_full);
	tcase_add_test(c, test_disk);
	tcase_add_test(c, test_others);
	tcase_add_test(c, test_killed);
	tcase_add_test(c, test_version);
	return run_suite(s);
}
