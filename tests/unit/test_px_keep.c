/* SPDX-License-Identifier: Apache-2.0 */
/* What a book of the proxy keeps: over a restart, over SIGKILL, and how much memory that takes. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cap/pxy/px_impl.h"
#include "px_bed.h"
#include "suite.h"

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

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct px_bed bed;

static struct px_bed *
start(void)
{
	px_bed_start(&bed, PX_LMDB);
	return &bed;
}

/* ---- restart ---- */

START_TEST(test_restart)
{
	struct px_bed *b = start();
	const struct slice url = SLICE_LIT("http://sink/");
	const struct px_sink_terms sink = { .url = url, .batch = 1 };
	uint64_t store = px_bed_store(b, 10000), going = px_bed_store(b, 200000);
	struct px_forward_new n = { .store = store, .sinks = &sink, .n_sinks = 1 };
	struct px_view *v;
	struct px_store s;
	struct px_sink at;

	ck_assert_int_eq(px_bed_put(b, store, 10, 100), RC_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(px_bed_put(b, going, 1000, 50), RC_OK);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, n.id, 1, 4), RC_OK);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 2), RC_OK);
	ck_assert_int_eq(px_bed_change(b, going, PX_STORE_DELETE, 0), RC_OK);
	px_bed_close(b);

	/* What was being removed is removed now. */
	px_bed_open(b);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).stores, 1);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 10000);
	v = px_bed_view(b);
	ck_assert_int_eq(px_store_get(v, store, &s), RC_OK);
	ck_assert(slice_is(s.owner, "owner") && s.first == 3 && s.last == 10 && s.octets == 800);
	ck_assert_int_eq(px_sink_get(v, n.id, 1, &at), RC_OK);
	ck_assert(at.cursor == 4 && at.acknowledged == 1 && slice_eq(at.url, url));
	px_view_close(v);

	/* Numbers go on. */
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);
	ck_assert_uint_eq(px_bed_show(b, store).last, 11);

	/* What was over meanwhile is gone. */
	px_bed_close(b);
	atomic_fetch_add(&b->clock.now, PX_HOUR);
	px_bed_open(b);
	px_bed_told(b, PX_TOLD_STORE_GONE, store);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).stores, 0);
	px_bed_free(b);
}
END_TEST

START_TEST(test_bad_limits)
{
	struct px_bed *b = &bed;
	struct px_limits good;
	struct px_limits bad[6];
	char why[256];

	px_bed_make(b, PX_LMDB);
	good = b->conf.limits;
	for (size_t i = 0; i < NITEMS(bad); i++)
		bad[i] = good;
	bad[0].capacity = 0;
	bad[1].capacity = PX_CAPACITY_MAX + 1;
	bad[2].message_max = PX_UNIT_MIN - 1;
	bad[3].message_max = PX_MESSAGE_MAX + 1;
	bad[4].ttl_max = PX_TTL_MIN - 1;
	bad[5].stores_max = 0;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		b->conf.limits = bad[i];
		ck_assert_int_eq(px_book_open(&b->conf, &b->book, why), RC_BAD_REQUEST);
	}

	/* Less capacity than is reserved: nothing is lost, and nothing more is reserved. */
	b->conf.limits = good;
	px_bed_open(b);
	(void)px_bed_store(b, 500000);
	px_bed_close(b);
	b->conf.limits.capacity = 499999;
	px_bed_open(b);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 500000);
	ck_assert_int_eq(px_bed_make_store(b, &(struct px_store_new){ .owner = SLICE_LIT("o"),
	                                                              .reserve = PX_UNIT_MIN,
	                                                              .ttl = PX_HOUR,
	                                                              .mode = PX_STREAM,
	                                                              .class = PX_ADAPTIVE,
	                                                              .transport = PX_REST }),
	                 RC_NO_SPACE);
	b->conf.limits = good;
	px_bed_free(b);
}
END_TEST

/* ---- SIGKILL ---- */

#define KILL_STORES 4
#define KILL_WRITERS 4

/* What a writer tells the parent once it is answered. */
struct told {
	uint64_t store; /* 0: the child begins */
	uint64_t last; /* number of the message */
};

struct killed_writer {
	struct px_bed *b;
	uint64_t store;
	int to;
};

/* A forward that has all until now, with a key; every other one is removed again. */
static void
forward_some(struct px_bed *b, uint64_t store, uint64_t last, bool remove)
{
	const struct px_key key = { .of = { 1, 1 } };
	const struct px_sink_terms sink = {
		.url = SLICE_LIT("http://sink/"), .batch = 1, .keys = &key, .n_keys = 1
	};
	struct px_forward_new n = { .store = store, .to = last, .sinks = &sink, .n_sinks = 1 };

	if (last == 0 || px_bed_make_forward(b, &n) != RC_OK)
		return;
	(void)px_bed_progress(b, n.id, 1, last);
	if (remove)
		(void)px_bed_remove(b, n.id);
}

static bool
note_forward(void *arg, const struct px_forward *f)
{
	uint64_t *id = arg;

	*id = f->id;
	return false;
}

static void
remove_forwards(struct px_bed *b)
{
	for (uint64_t id = 1; id != 0;) {
		struct px_view *v = px_bed_view(b);

		id = 0;
		ck_assert_int_eq(px_forward_list(v, 0, 0, 1, note_forward, &id), RC_OK);
		px_view_close(v);
		if (id != 0)
			ck_assert_int_eq(px_bed_remove(b, id), RC_OK);
	}
}

static void *
write_until_killed(void *arg)
{
	struct killed_writer *w = arg;

	for (uint64_t n = 1;; n++) {
		struct told t = { .store = w->store };

		if (px_bed_put(w->b, w->store, 1 + n % 3, 40 + n % 500) == RC_NO_SPACE) {
			t.last = px_bed_show(w->b, w->store).last;
			(void)px_bed_change(w->b, w->store, PX_STORE_RELEASE, t.last);
			continue;
		}
		t.last = px_bed_show(w->b, w->store).last;
		if (n % 5 == 0)
			forward_some(w->b, w->store, t.last, n % 10 == 0);
		if (write(w->to, &t, sizeof(t)) != (ssize_t)sizeof(t))
			_exit(1);
	}
	return NULL;
}

static void
child(struct px_bed *b, const uint64_t *stores, int to)
{
	struct killed_writer w[KILL_WRITERS];
	pthread_t threads[KILL_WRITERS];

	px_bed_open(b);
	for (size_t i = 0; i < KILL_WRITERS; i++) {
		w[i] = (struct killed_writer){ .b = b, .store = stores[i], .to = to };
		if (pthread_create(&threads[i], NULL, write_until_killed, &w[i]) != 0)
			_exit(1);
	}
	pause();
}

/* Kills the child after that many answers; last: numbers that it was told. */
static void
kill_one(struct px_bed *b, const uint64_t *stores, unsigned answers, uint64_t *last)
{
	struct told t;
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child(b, stores, ends[1]);
	close(ends[1]);
	for (unsigned n = 0; read(ends[0], &t, sizeof(t)) == (ssize_t)sizeof(t); n++) {
		if (n == answers)
			ck_assert_int_eq(kill(pid, SIGKILL), 0);
		for (size_t i = 0; i < KILL_STORES; i++)
			if (stores[i] == t.store)
				last[i] = t.last;
	}
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(test_killed)
{
	struct px_bed *b = start();
	uint64_t stores[KILL_STORES], last[KILL_STORES] = { 0 };
	unsigned turns = getenv("OPENSCL_LONG") != NULL ? 50 : 8;

	for (size_t i = 0; i < KILL_STORES; i++)
		stores[i] = px_bed_store(b, 30000);
	for (unsigned turn = 0; turn < turns; turn++) {
		px_bed_close(b);
		kill_one(b, stores, 7 * turn + turn % 5, last);
		px_bed_open(b);
		/* All that was answered is there or was released; all counters are right. */
		for (size_t i = 0; i < KILL_STORES; i++)
			ck_assert_uint_ge(px_bed_show(b, stores[i]).last, last[i]);
		px_bed_check(b);
		px_bed_settle(b);
		px_bed_check(b);
		remove_forwards(b);
	}
	px_bed_free(b);
}
END_TEST

/* ---- memory ---- */

#define LOAD_OCTETS 200u
#define LOAD_BATCH 500u
#define LOAD_FEW 10000u
#define LOAD_GROWTH 8192 /* KiB */

/* KiB of that line of the process's status. */
static long
memory(const char *name)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	ck_assert_ptr_nonnull(f);
	while (kib < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	ck_assert_int_ge(kib, 0);
	return kib;
}

static long
larger(long a, long b)
{
	return a > b ? a : b;
}

struct load {
	uint64_t last;
	size_t n;
};

static bool
load_one(void *arg, const struct px_message *m)
{
	struct load *l = arg;

	ck_assert_uint_eq(m->number, l->last + 1);
	ck_assert_uint_eq(m->octets.n, LOAD_OCTETS);
	l->last = m->number;
	l->n++;
	return true;
}

/* Reads all of it as a forwarder does: short views, from a cursor. */
static void
read_all(struct px_bed *b, uint64_t store, uint64_t n, long *most)
{
	struct load l = { .n = 1 };

	while (l.n > 0) {
		struct px_view *v = px_bed_view(b);

		l.n = 0;
		ck_assert_int_eq(px_message_list(v, store, l.last, 100, 65536, load_one, &l),
		                 RC_OK);
		px_view_close(v);
		if (l.last % 5000 == 0)
			*most = larger(*most, memory("VmRSS:"));
	}
	ck_assert_uint_eq(l.last, n);
}

/* Until nothing is being removed any more. */
static void
settle(struct px_bed *b, long *most)
{
	while (px_bed_totals(b).stores > 0) {
		*most = larger(*most, memory("VmRSS:"));
		usleep(1000);
	}
}

START_TEST(test_backlog)
{
	struct px_bed *b = &bed;
	uint64_t n = getenv("OPENSCL_LONG") != NULL ? 1000000 : 100000, store;
	long before = 0, most = 0;

	px_bed_make(b, PX_LMDB);
	b->conf.limits.capacity = n * LOAD_OCTETS + 20000;
	px_bed_open(b);
	store = px_bed_store(b, n * LOAD_OCTETS + 20000);
	for (uint64_t i = 0; i < n / LOAD_BATCH; i++) {
		ck_assert_int_eq(px_bed_put(b, store, LOAD_BATCH, LOAD_OCTETS), RC_OK);
		/* The most until there are few, against the most from then on. */
		if (i < LOAD_FEW / LOAD_BATCH)
			before = larger(before, memory("VmRSS:"));
		else
			most = larger(most, memory("VmRSS:"));
	}
	printf("%llu messages: VmRSS %ld KiB, %ld KiB at the first %u; RssAnon %ld KiB, RssFile "
	       "%ld "
	       "KiB\n",
	       (unsigned long long)n, most, before, LOAD_FEW, memory("RssAnon:"),
	       memory("RssFile:"));
	read_all(b, store, n, &most);
	printf("read: VmRSS %ld KiB at most\n", most);
	ck_assert(SANITIZED || most - before <= LOAD_GROWTH);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_DELETE, 0), RC_OK);
	settle(b, &most);
	printf("deleted: VmRSS %ld KiB at most\n", most);
	ck_assert(SANITIZED || most - before <= LOAD_GROWTH);
	ck_assert_uint_eq(px_bed_totals(b).octets, 0);
	px_bed_free(b);
}
END_TEST

/*
 * A reservation is a guarantee: what the smallest messages take up, some of each store in turn, is
 * less than the map of the engine has for them.
 */
START_TEST(test_smallest)
{
	struct px_bed *b = &bed;
	const uint64_t each = 3000, stores = 8;
	uint64_t ids[8];
	struct store_stat stat;

	px_bed_make(b, PX_LMDB);
	b->conf.limits.capacity = stores * each * PX_UNIT_MIN;
	px_bed_open(b);
	for (size_t i = 0; i < stores; i++)
		ids[i] = px_bed_store(b, each * PX_UNIT_MIN);
	for (uint64_t n = 0; n < stores * each; n += 20)
		ck_assert_int_eq(px_bed_put(b, ids[n / 20 % stores], 20, PX_UNIT_MIN), RC_OK);
	ck_assert_uint_eq(px_bed_totals(b).octets, b->conf.limits.capacity);
	b->book->store.ops->stat(b->book->store.store, &stat);
	printf("%llu octets of messages: %llu on disk\n",
	       (unsigned long long)b->conf.limits.capacity, (unsigned long long)stat.bytes_used);
	ck_assert_uint_lt(stat.bytes_used, 5 * b->conf.limits.capacity);
	px_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("px_keep");
	TCase *c = suite_case(s, "keep", NULL, NULL), *load = suite_case(s, "load", NULL, NULL);

	tcase_add_test(c, test_restart);
	tcase_add_test(c, test_bad_limits);
	tcase_add_test(c, test_killed);
	tcase_add_test(load, test_backlog);
	tcase_add_test(load, test_smallest);
	tcase_set_timeout(load, 600);
	return run_suite(s);
}
