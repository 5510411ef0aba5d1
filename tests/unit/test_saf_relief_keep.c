/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of requests that are taken and parked when the store fails, over restarts and SIGKILL. */
#include "config.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/saf_record.h"
#include "relief_bed.h"

/* ---- restart ---- */

struct name {
	uint64_t key, order;
};

static struct name
name_of(const struct parcel *p)
{
	return (struct name){ saf_relief_key(p), saf_relief_order(p) };
}

START_TEST(taken_ones_wait_again_after_a_restart)
{
	struct parcel *p[8];
	struct name names[8];

	relief_accept_some("a", 6);
	relief_await_waiting(6);
	ck_assert_uint_eq(relief_take(4, SIZE_MAX, p), 4);
	for (unsigned i = 0; i < 4; i++)
		names[i] = name_of(p[i]);
	ck_assert_int_eq(relief_park(p, 2), RC_OK);
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 6);
	core_start(&bed);
	/* Before anything else the very ones that were sealed are looked for. */
	ck_assert_ptr_null(relief_claim(names[0].key, names[0].order));
	ck_assert_ptr_null(relief_claim(names[2].key, names[2].order + 100));
	p[0] = relief_claim(names[2].key, names[2].order);
	p[1] = relief_claim(names[3].key, names[3].order);
	ck_assert_ptr_nonnull(p[0]);
	ck_assert_ptr_nonnull(p[1]);
	ck_assert_ptr_null(relief_claim(names[3].key, names[3].order));
	ck_assert_int_eq(relief_park(p, 2), RC_OK);
	relief_open(true);
	saf_await(&peer.notified, 2);
	ck_assert_str_eq(peer.order, "a04 a05 ");
	saf_await_none();
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 4);
}
END_TEST

/* Stopped while they are parked: memory is given back, and each is in one of both places. */
START_TEST(stopped_while_parking)
{
	struct parcel *p[8];
	struct saf_relief_load l;

	relief_accept_some("a", 6);
	relief_take_all(6, p);
	/* One at a time: some of them are behind the stop. */
	for (unsigned i = 0; i < 6; i++)
		relief_park_begin(p + i, 1);
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 6);
	core_start(&bed);
	saf_relief_load(bed.scl, &l);
	ck_assert_uint_eq(l.count + l.parked, 6);
}
END_TEST

/* ---- a store that fails ---- */

START_TEST(a_failing_store_loses_nothing)
{
	const unsigned n = 40;
	struct parcel *p[SAF_RELIEF_MAX];
	unsigned failed = 0, parked = 0;
	struct saf_relief_load l;

	relief_accept_some("a", n);
	relief_take_all(n, p);
	core_fail_commits(500);
	while (parked < n) {
		enum rc rc = relief_park(p + parked, 2);

		parked += rc == RC_OK ? 2 : 0;
		failed += rc != RC_OK;
	}
	core_fail_commits(0);
	ck_assert_uint_gt(failed, 0);
	saf_relief_load(bed.scl, &l);
	ck_assert_uint_eq(l.parked, n);
	ck_assert_uint_eq(l.count, 0);
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), n);
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
}
END_TEST

/* Nothing is asked of the relief about a category that there is not. */
START_TEST(a_damaged_category)
{
	struct saf_parcel_record r = { .target = SLICE_LIT(OTHER "/c") }, read;
	struct buf b;

	for (unsigned rcat = 0; rcat < 256; rcat++) {
		r.rcat = (uint8_t)rcat;
		buf_init(&b, 4096);
		saf_parcel_write(&b, &r);
		ck_assert(saf_parcel_read(buf_view(&b), &read) == (rcat < 8));
		buf_fini(&b);
	}
}
END_TEST

/* ---- SIGKILL ---- */

static char directory[64];

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static void
setup_on_disk(void)
{
	relief_init();
	snprintf(directory, sizeof(directory), "/tmp/test-saf-relief-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	bed.path = directory;
	bed.conf.saf.requests_max = 10000;
	relief.parked_max = 1000000;
}

static void
teardown_on_disk(void)
{
	saf_teardown();
	ck_assert_int_eq(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* What the child tells, each before it goes on. */
enum step { ACCEPTED, SEALED, PARKED };

struct told {
	enum step step;
	unsigned number; /* the body */
	struct name name; /* SEALED */
};

static void
tell(int to, struct told t)
{
	if (write(to, &t, sizeof(t)) != (ssize_t)sizeof(t))
		_exit(1);
}

/*
 * Plays a source: takes what waits, writes down what it has sealed, parks it. The pipe is its store:
 * what was written to it is there after SIGKILL.
 */
static void
child(unsigned from, int to)
{
	struct parcel *p[SAF_RELIEF_MAX];
	char name[16];

	core_start(&bed);
	for (unsigned i = from;; i++) {
		unsigned n;

		snprintf(name, sizeof(name), "%u", i);
		relief_accept(name, 3, NULL);
		tell(to, (struct told){ .step = ACCEPTED, .number = i });
		if (i % 3 != 0)
			continue;
		n = relief_take(1 + i % 5, SIZE_MAX, p);
		if (n > 0 && i % 2 == 0) {
			relief_return(p, n);
			n = relief_take(1 + i % 5, SIZE_MAX, p);
		}
		for (unsigned k = 0; k < n; k++) {
			char *body = relief_body(p[k]);

			tell(to, (struct told){ SEALED, (unsigned)atoi(body), name_of(p[k]) });
			free(body);
		}
		if (n > 0 && relief_park(p, n) == RC_OK)
			tell(to, (struct told){ .step = PARKED, .number = n });
	}
}

#define NUMBERS 4096

/* Over all runs. */
struct account {
	unsigned next, sent; /* numbers below are accepted or were not; were sent by the uplink */
	bool accepted[NUMBERS], sealed[NUMBERS];
	unsigned nsealed, last_sealed;
	struct name open[NUMBERS]; /* sealed, in the order of sealing */
};

static void
note(struct account *a, const struct told *t)
{
	switch (t->step) {
	case ACCEPTED:
		a->accepted[t->number] = true;
		a->next = t->number + 1;
		break;
	case SEALED:
		ck_assert_msg(!a->sealed[t->number], "%u is sealed twice", t->number);
		/* The order of acceptance. */
		ck_assert(a->nsealed == 0 || t->number > a->last_sealed);
		a->sealed[t->number] = true;
		a->last_sealed = t->number;
		a->open[a->nsealed++] = t->name;
		break;
	case PARKED:
		break;
	}
}

static void
run_and_kill(struct account *a, unsigned steps)
{
	struct told t;
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(ends[0]);
		child(a->next, ends[1]);
	}
	close(ends[1]);
	for (unsigned n = 0; read(ends[0], &t, sizeof(t)) == (ssize_t)sizeof(t); n++) {
		note(a, &t);
		if (n == steps)
			ck_assert_int_eq(kill(pid, SIGKILL), 0);
	}
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* As the source does at its start: what was sealed and still waits is parked, not sealed again. */
static unsigned
claim_sealed(struct account *a)
{
	unsigned claimed = 0;

	for (unsigned i = 0; i < a->nsealed; i++) {
		struct parcel *p = relief_claim(a->open[i].key, a->open[i].order);

		if (p == NULL)
			continue;
		claimed++;
		ck_assert_int_eq(relief_park(&p, 1), RC_OK);
	}
	return claimed;
}

static void
expect_known(const struct account *a)
{
	char name[16];

	for (unsigned i = 0; i < a->next; i++)
		if (a->sealed[i]) {
			snprintf(name, sizeof(name), "%u", i);
			ck_assert_int_eq(relief_repeat(name, 3), 202);
		}
}

/* All that is left goes by the uplink: what was accepted and not sealed, in order, once. */
static void
drain(struct account *a)
{
	unsigned last = 0, n = 0;
	char *rest = peer.order;

	peer.order[0] = '\0';
	relief_open(true);
	saf_await_none();
	relief_open(false);
	for (char *word; (word = strsep(&rest, " ")) != NULL && *word != '\0'; n++) {
		unsigned number = (unsigned)atoi(word);

		ck_assert_msg(n == 0 || number > last, "%u after %u", number, last);
		ck_assert_msg(!a->sealed[number], "%u was sealed and is sent", number);
		/* Sent, and so not accepted again: this run's are above. */
		a->accepted[number] = false;
		a->next = number + 1 > a->next ? number + 1 : a->next;
		last = number;
	}
	for (unsigned i = 0; i < a->next; i++)
		ck_assert_msg(!a->accepted[i] || a->sealed[i], "%u is lost", i);
	a->sent += n;
}

START_TEST(killed)
{
	static struct account a;
	unsigned turns = core_scale(12), claimed = 0;

	core_start(&bed);
	saf_register("gw", OTHER);
	core_stop(&bed);
	for (unsigned turn = 0; turn < turns && a.next < NUMBERS - 200; turn++) {
		run_and_kill(&a, 1 + 5 * turn % 61);
		core_start(&bed);
		claimed += claim_sealed(&a);
		expect_known(&a);
		drain(&a);
		core_stop(&bed);
	}
	ck_assert_uint_gt(a.nsealed, turns);
	ck_assert_uint_gt(a.sent, 0);
	/* Among so many turns one dies between what was sealed and parked. */
	ck_assert_uint_gt(claimed, 0);
}
END_TEST

/* ---- memory ---- */

/* Sanitizers have memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static size_t
anonymous_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	size_t kb = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kb = (size_t)atol(line + 8);
	fclose(f);
	ck_assert_uint_gt(kb, 0);
	return kb;
}

static void
park_many(unsigned from, unsigned to)
{
	struct parcel *p[SAF_RELIEF_MAX];
	char name[16];

	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "%u", i);
		relief_accept(name, 3, NULL);
		if (i % 50 != 49)
			continue;
		relief_take_all(50, p);
		ck_assert_int_eq(relief_park(p, 50), RC_OK);
	}
}

START_TEST(parked_ones_take_no_memory)
{
	const unsigned n = core_scale(1500);
	struct saf_relief_load l;
	size_t before;

	core_start(&bed);
	saf_register("gw", OTHER);
	park_many(0, 500);
	before = anonymous_kb();
	park_many(500, 500 + n);
	ck_assert_msg(SANITIZED || anonymous_kb() < before + 1024, "%zu KiB, then %zu", before,
	              anonymous_kb());
	saf_relief_load(bed.scl, &l);
	ck_assert_uint_eq(l.parked, 500 + n);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("what is kept of relieved requests");
	TCase *memory = tcase_create("memory engine"), *disk = tcase_create("on disk");

	suite_add_tcase(s, memory);
	tcase_add_checked_fixture(memory, relief_setup, saf_teardown);
	tcase_set_timeout(memory, 120);
	tcase_add_test(memory, taken_ones_wait_again_after_a_restart);
	tcase_add_test(memory, stopped_while_parking);
	tcase_add_test(memory, a_failing_store_loses_nothing);
	tcase_add_test(memory, a_damaged_category);
	suite_add_tcase(s, disk);
	tcase_add_checked_fixture(disk, setup_on_disk, teardown_on_disk);
	tcase_set_timeout(disk, 300);
	tcase_add_test(disk, killed);
	tcase_add_test(disk, parked_ones_take_no_memory);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
