/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live service connections: how they end, what is said then, what they may. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/sec/live.h"
#include "sec/jose.h"

#define START (INT64_C(1700000000) * CLOCK_SECOND)
#define HOUR (3600 * CLOCK_SECOND)
#define MAX 8u
#define RATE 1000u
#define BURST 5000u

struct test_clock {
	struct clock clock;
	atomic_int_fast64_t now;
};

static struct test_clock clock_now_of;
static struct live *table;

static int64_t
now(const struct clock *c)
{
	return atomic_load(&((const struct test_clock *)(const void *)c)->now);
}

static void
setup(void)
{
	struct live_conf conf = { .clock = &clock_now_of.clock, .max = MAX, .remember = HOUR,
		                  .rate = RATE, .burst = BURST };

	clock_now_of.clock.now = now;
	atomic_store(&clock_now_of.now, START);
	table = live_new(&conf);
	ck_assert_ptr_nonnull(table);
}

static void
teardown(void)
{
	live_free(table);
}

static struct mas_connection
conn(uint64_t id, uint8_t node, uint32_t kmc_index)
{
	struct mas_connection c = { .id = id, .kmc_index = kmc_index, .flags = MAS_CHANNEL,
		                    .created = START, .expires = START + HOUR };

	memset(c.node.v, node, sizeof(c.node.v));
	memset(c.kmc.v, (int)id, sizeof(c.kmc.v));
	snprintf(c.scl_id, sizeof(c.scl_id), "scl-%u", node);
	return c;
}

static void
put(uint64_t id, uint8_t node, uint32_t kmc_index)
{
	struct mas_connection c = conn(id, node, kmc_index);

	ck_assert_int_eq(live_put(table, &c), RC_OK);
}

static enum live_state
state(uint64_t id)
{
	return live_find(table, id, 0, NULL);
}

START_TEST(key_and_facts)
{
	struct mas_connection c;
	struct key k;

	put(1, 1, 7);
	ck_assert_int_eq(live_find(table, 1, 7, &c), LIVE_OK);
	ck_assert_str_eq(c.scl_id, "scl-1");
	ck_assert(key_is_zero(&c.kmc));
	ck_assert_int_eq(live_find(table, 1, 8, NULL), LIVE_UNKNOWN);
	ck_assert_int_eq(live_find(table, 2, 0, NULL), LIVE_UNKNOWN);
	ck_assert(live_kmc(table, 1, 7, &k));
	ck_assert_uint_eq(k.v[31], 1);
	ck_assert(!live_kmc(table, 1, 8, &k));
	c = conn(1, 2, 1);
	ck_assert_int_eq(live_put(table, &c), RC_CONFLICT);
}
END_TEST

/* Each end gives its own answer, and no key any more; what was revoked stays revoked. */
START_TEST(ends)
{
	struct key k;

	put(1, 1, 1);
	put(2, 2, 1);
	put(3, 3, 1);
	put(4, 4, 1);
	live_end(table, 1, LIVE_ENDED);
	live_end(table, 2, LIVE_REVOKED);
	live_end(table, 2, LIVE_ENDED);
	live_end(table, 3, LIVE_EXPIRED);
	ck_assert_int_eq(state(1), LIVE_ENDED);
	ck_assert_int_eq(state(2), LIVE_REVOKED);
	ck_assert_int_eq(state(3), LIVE_EXPIRED);
	ck_assert_int_eq(state(4), LIVE_OK);
	for (uint64_t id = 1; id <= 3; id++) {
		ck_assert(!live_kmc(table, id, 0, &k));
		ck_assert(!live_take_object(table, id, 1));
	}
	atomic_fetch_add(&clock_now_of.now, HOUR);
	ck_assert_int_eq(state(4), LIVE_EXPIRED);
	ck_assert(!live_kmc(table, 4, 0, &k));
}
END_TEST

/* The clock of the host is set back: the time that was left still ends. */
START_TEST(end_without_the_clock)
{
	struct mas_connection c = conn(1, 1, 1);

	c.expires = START + 20000;
	ck_assert_int_eq(live_put(table, &c), RC_OK);
	put(2, 2, 1);
	live_end_at(table, 2, START + 20000);
	atomic_store(&clock_now_of.now, START - HOUR);
	for (int64_t from = clock_monotonic(); clock_monotonic() - from < 40000;)
		continue;
	ck_assert_int_eq(state(1), LIVE_EXPIRED);
	ck_assert_int_eq(state(2), LIVE_EXPIRED);
}
END_TEST

START_TEST(node_and_scl)
{
	struct mas_connection c;

	put(1, 1, 1);
	put(2, 1, 2);
	put(3, 2, 1);
	ck_assert(live_of_scl(table, SLICE_LIT("scl-1"), &c));
	ck_assert_uint_eq(c.id, 2);
	live_end(table, 2, LIVE_ENDED);
	ck_assert(live_of_scl(table, SLICE_LIT("scl-1"), &c));
	ck_assert_uint_eq(c.id, 1);
	live_end_node(table, &c.node, 0, LIVE_REVOKED);
	ck_assert(!live_of_scl(table, SLICE_LIT("scl-1"), NULL));
	ck_assert(live_of_scl(table, SLICE_LIT("scl-2"), NULL));
	ck_assert(!live_of_scl(table, SLICE_LIT("scl-3"), NULL));
}
END_TEST

START_TEST(overtaken)
{
	struct mas_connection by = conn(3, 1, 3);

	put(1, 1, 1);
	put(2, 2, 1);
	put(3, 1, 3);
	put(4, 1, 4);
	live_overtake(table, &by, START + 60 * CLOCK_SECOND);
	ck_assert_int_eq(state(1), LIVE_OK);
	atomic_fetch_add(&clock_now_of.now, 60 * CLOCK_SECOND);
	ck_assert_int_eq(state(1), LIVE_EXPIRED);
	for (uint64_t id = 2; id <= 4; id++)
		ck_assert_int_eq(state(id), LIVE_OK);
}
END_TEST

/* Ended ones give way to new ones; live ones never do. */
START_TEST(full)
{
	struct mas_connection c = conn(100, 100, 1);

	for (uint8_t i = 1; i <= MAX; i++)
		put(i, i, 1);
	ck_assert_int_eq(live_put(table, &c), RC_UNAVAILABLE);
	live_end(table, 3, LIVE_REVOKED);
	ck_assert_int_eq(state(3), LIVE_REVOKED);
	ck_assert_int_eq(live_put(table, &c), RC_OK);
	ck_assert_int_eq(state(3), LIVE_UNKNOWN);
	ck_assert(!live_of_scl(table, SLICE_LIT("scl-3"), NULL));
	ck_assert(live_of_scl(table, SLICE_LIT("scl-100"), NULL));
}
END_TEST

/* Kilobytes that this process has locked. */
static unsigned long
locked(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long n = 0;
	char line[256];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmLck: %lu", &n) == 1)
			break;
	fclose(f);
	return n;
}

/* Secret memory is scarce: a connection has its key there and nothing else. */
START_TEST(many)
{
	struct live_conf conf = { .clock = &clock_now_of.clock, .max = 2000, .remember = HOUR };
	unsigned long before = locked(), page = (unsigned long)sysconf(_SC_PAGESIZE);
	struct key k;

	live_free(table);
	table = live_new(&conf);
	ck_assert_ptr_nonnull(table);
	for (unsigned round = 0; round < 2; round++) {
		for (uint64_t id = 1; id <= conf.max; id++)
			put(id, (uint8_t)id, 1);
		ck_assert_uint_le(locked() - before,
		                  (2000 * KEY_BYTES + page - 1) / page * page / 1024);
		for (uint64_t id = 1; id <= conf.max; id++) {
			ck_assert(live_kmc(table, id, 1, &k));
			ck_assert_uint_eq(k.v[0], (uint8_t)id);
			live_end(table, id, LIVE_ENDED);
		}
		atomic_fetch_add(&clock_now_of.now, HOUR);
		live_forget(table);
		atomic_store(&clock_now_of.now, START);
	}
	live_free(table);
	table = NULL;
	ck_assert_uint_eq(locked(), before);
}
END_TEST

START_TEST(forgotten)
{
	put(1, 1, 1);
	put(2, 2, 1);
	live_end(table, 1, LIVE_ENDED);
	live_forget(table);
	ck_assert_int_eq(state(1), LIVE_ENDED);
	atomic_fetch_add(&clock_now_of.now, HOUR);
	live_forget(table);
	ck_assert_int_eq(state(1), LIVE_UNKNOWN);
	ck_assert_int_eq(state(2), LIVE_EXPIRED);
}
END_TEST

/* Every number counts once, also when many ask. */
static void *
take_all(void *arg)
{
	atomic_uint *taken = arg;

	for (uint64_t seq = 1; seq <= 60; seq++)
		atomic_fetch_add(taken, live_take_object(table, 1, seq));
	return NULL;
}

START_TEST(objects)
{
	pthread_t threads[4];
	atomic_uint taken = 0;
	uint64_t seq;

	put(1, 1, 1);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_all, &taken), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(taken, 60);

	ck_assert_int_eq(live_next_object(table, 1, &seq), RC_UNAVAILABLE);
	live_allow_objects(table, 1, 1, 2);
	ck_assert_int_eq(live_next_object(table, 1, &seq), RC_OK);
	ck_assert_uint_eq(seq, 1);
	ck_assert_int_eq(live_next_object(table, 1, &seq), RC_OK);
	ck_assert_uint_eq(seq, 2);
	ck_assert_int_eq(live_next_object(table, 1, &seq), RC_UNAVAILABLE);
	ck_assert_int_eq(live_next_object(table, 2, &seq), RC_NOT_FOUND);
}
END_TEST

struct told {
	unsigned calls;
	uint64_t requests, octets;
};

static void
tell(void *arg, uint64_t id, uint64_t requests, uint64_t octets)
{
	struct told *t = arg;

	ck_assert_uint_eq(id, 1);
	t->calls++;
	t->requests += requests;
	t->octets += octets;
}

START_TEST(use)
{
	struct live_use used;
	struct told t = { 0 };

	put(1, 1, 1);
	put(2, 2, 1);
	ck_assert(!live_use(table, 1, 0, 10));
	ck_assert(live_use(table, 1, 1, 0));
	ck_assert(!live_use(table, 1, 1, 5));
	live_flush(table, 0, tell, &t);
	ck_assert_uint_eq(t.calls, 1);
	ck_assert_uint_eq(t.requests, 2);
	ck_assert_uint_eq(t.octets, 15);
	live_flush(table, 1, tell, &t);
	ck_assert_uint_eq(t.calls, 1);
	live_use(table, 1, 1, 0);
	live_flush(table, 1, tell, &t);
	ck_assert_uint_eq(t.requests, 3);
	ck_assert(live_used(table, 1, &used));
	ck_assert_uint_eq(used.requests, 3);
	ck_assert_int_eq(used.last, START);
}
END_TEST

static unsigned
allowed(uint64_t id, unsigned tries)
{
	unsigned n = 0, retry_after = 0;

	for (unsigned i = 0; i < tries; i++)
		n += live_allow(table, id, &retry_after);
	ck_assert(n == tries || retry_after == 1);
	return n;
}

START_TEST(rate)
{
	struct mas_connection low = conn(2, 2, 1);
	int64_t from = clock_monotonic();
	unsigned n;

	put(1, 1, 1);
	low.flags |= MAS_LOW_PRIORITY;
	ck_assert_int_eq(live_put(table, &low), RC_OK);
	n = allowed(1, 3 * BURST);
	ck_assert_uint_ge(n, BURST);
	ck_assert_uint_le(n, BURST + RATE * (unsigned)((clock_monotonic() - from) / CLOCK_SECOND + 1));
	n = allowed(2, 100);
	ck_assert_uint_ge(n, LIVE_BURST_LOW);
	ck_assert_uint_le(n, LIVE_BURST_LOW + 1 +
	                         (unsigned)((clock_monotonic() - from) / CLOCK_SECOND));
	while (allowed(2, 1) == 0)
		ck_assert_int_lt(clock_monotonic() - from, 20 * CLOCK_SECOND);
}
END_TEST

START_TEST(rate_set)
{
	struct mas_connection low = conn(2, 2, 1);
	int64_t from = clock_monotonic();
	unsigned n;

	put(1, 1, 1);
	low.flags |= MAS_LOW_PRIORITY;
	ck_assert_int_eq(live_put(table, &low), RC_OK);
	ck_assert_uint_eq(allowed(1, 1), 1);
	/* What was saved up is cut to the new burst. */
	live_set_rate(table, 1, 2);
	n = allowed(1, BURST);
	ck_assert_uint_ge(n, 2);
	ck_assert_uint_le(n, 3 + (unsigned)((clock_monotonic() - from) / CLOCK_SECOND));
	live_set_rate(table, 0, 1);
	ck_assert_uint_eq(allowed(1, 2 * BURST), 2 * BURST);
	ck_assert_uint_lt(allowed(2, 100), 100);
}
END_TEST

START_TEST(notes)
{
	char text[LIVE_NOTE_MAX + 1];

	memset(text, 'x', sizeof(text));
	put(1, 1, 1);
	live_note(table, 1, 5, SLICE_LIT("http://a/m2m"));
	ck_assert(live_noted(table, 1, 5, SLICE_LIT("http://a/m2m")));
	ck_assert(!live_noted(table, 1, 6, SLICE_LIT("http://a/m2m")));
	ck_assert(!live_noted(table, 1, 5, SLICE_LIT("http://b/m2m")));
	ck_assert(!live_noted(table, 2, 5, SLICE_LIT("http://a/m2m")));
	live_note(table, 1, 0, SLICE_LIT("http://c/m2m"));
	ck_assert(!live_noted(table, 1, 0, SLICE_LIT("http://c/m2m")));
	live_note(table, 1, 5, slice_make(text, sizeof(text)));
	ck_assert(!live_noted(table, 1, 5, slice_make(text, sizeof(text))));
	live_note(table, 1, 5, slice_make(text, LIVE_NOTE_MAX));
	ck_assert(live_noted(table, 1, 5, slice_make(text, LIVE_NOTE_MAX)));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_live");
	TCase *c = tcase_create("live");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, key_and_facts);
	tcase_add_test(c, ends);
	tcase_add_test(c, end_without_the_clock);
	tcase_add_test(c, node_and_scl);
	tcase_add_test(c, overtaken);
	tcase_add_test(c, full);
	tcase_add_test(c, many);
	tcase_add_test(c, forgotten);
	tcase_add_test(c, objects);
	tcase_add_test(c, use);
	tcase_add_test(c, rate);
	tcase_add_test(c, rate_set);
	tcase_add_test(c, notes);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
