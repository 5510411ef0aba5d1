/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and rates over time, by a clock of the test's. */
#include "config.h"

#include "cap/pxy/px_load.h"
#include "suite.h"

static int64_t now, cpu;
static struct px_load *load;
static struct px_rates *rates;

static int64_t
test_now(void)
{
	return now;
}

static int64_t
test_cpu(void)
{
	return cpu;
}

static void
setup(void)
{
	now = 1000 * CLOCK_SECOND + 1;
	cpu = 5 * CLOCK_SECOND;
	load = px_load_new(test_now, test_cpu);
	rates = px_rates_new(test_now);
	ck_assert(load != NULL && rates != NULL);
}

static void
teardown(void)
{
	px_load_free(load);
	px_rates_free(rates);
}

static uint64_t
sum(unsigned window, enum px_load_of what)
{
	struct px_load_sums s;

	px_load_read(load, window, &s);
	return s.v[what];
}

START_TEST(sums_are_of_their_window)
{
	px_load_add(load, PX_LOAD_STORED, 3);
	now += CLOCK_SECOND;
	px_load_add(load, PX_LOAD_STORED, 4);
	px_load_add(load, PX_LOAD_SENT, 100);
	ck_assert_uint_eq(sum(1, PX_LOAD_STORED), 4);
	ck_assert_uint_eq(sum(2, PX_LOAD_STORED), 7);
	ck_assert_uint_eq(sum(2, PX_LOAD_SENT), 100);
	ck_assert_uint_eq(sum(3600, PX_LOAD_REQUESTS), 0);
	now += 3598 * CLOCK_SECOND;
	ck_assert_uint_eq(sum(3600, PX_LOAD_STORED), 7);
	now += CLOCK_SECOND;
	ck_assert_uint_eq(sum(3600, PX_LOAD_STORED), 4);
	now += CLOCK_SECOND;
	ck_assert_uint_eq(sum(3600, PX_LOAD_STORED), 0);
}
END_TEST

START_TEST(a_long_pause_leaves_nothing)
{
	for (unsigned i = 0; i < 3600; i++, now += CLOCK_SECOND)
		px_load_add(load, PX_LOAD_REQUESTS, 1);
	now -= CLOCK_SECOND;
	ck_assert_uint_eq(sum(3600, PX_LOAD_REQUESTS), 3600);
	now += INT64_C(100000) * CLOCK_SECOND;
	ck_assert_uint_eq(sum(3600, PX_LOAD_REQUESTS), 0);
}
END_TEST

START_TEST(time_of_the_processor)
{
	struct px_load_sums s;

	cpu += CLOCK_SECOND / 2;
	px_load_read(load, 1, &s);
	ck_assert_uint_eq(s.cpu, 500);
	px_load_read(load, 10, &s);
	ck_assert_uint_eq(s.cpu, 50);
	now += CLOCK_SECOND;
	px_load_read(load, 1, &s);
	ck_assert_uint_eq(s.cpu, 0);
	px_load_read(load, 2, &s);
	ck_assert_uint_eq(s.cpu, 250);
	ck_assert_int_gt(px_load_cpu(), 0);
}
END_TEST

START_TEST(rates_of_a_minute)
{
	px_rates_add(rates, 7, 60 * 100);
	ck_assert_uint_eq(px_rates_get(rates, 7), 100);
	ck_assert_uint_eq(px_rates_get(rates, 8), 0);
	now += 30 * CLOCK_SECOND;
	px_rates_add(rates, 7, 60 * 11);
	/* 111 of 16 steps from 64 to 128. */
	ck_assert_uint_eq(px_rates_get(rates, 7), 108);
	now += 30 * CLOCK_SECOND;
	ck_assert_uint_eq(px_rates_get(rates, 7), 11);
	now += 60 * CLOCK_SECOND;
	ck_assert_uint_eq(px_rates_get(rates, 7), 0);
}
END_TEST

/* Identifiers as stores have them: they do not take each other's place while there are others. */
START_TEST(rates_of_many)
{
	uint64_t id[256], random = 1;

	for (size_t i = 0; i < 256; i++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		id[i] = random ^ random >> 29;
		px_rates_add(rates, id[i], 60 * 5);
	}
	for (size_t i = 0; i < 256; i++)
		ck_assert_uint_eq(px_rates_get(rates, id[i]), 5);
}
END_TEST

/* Others in the same place take it over; nothing is added up of two. */
START_TEST(more_identifiers_than_places)
{
	for (uint64_t id = 1; id <= 5000; id++) {
		px_rates_add(rates, id, 60 * 5);
		ck_assert_uint_eq(px_rates_get(rates, id), 5);
	}
}
END_TEST

static Suite *
load_suite(void)
{
	Suite *s = suite_create("px_load");
	TCase *c = suite_case(s, "load", setup, teardown);

	tcase_add_test(c, sums_are_of_their_window);
	tcase_add_test(c, a_long_pause_leaves_nothing);
	tcase_add_test(c, time_of_the_processor);
	tcase_add_test(c, rates_of_a_minute);
	tcase_add_test(c, rates_of_many);
	tcase_add_test(c, more_identifiers_than_places);
	return s;
}

int
main(void)
{
	return run_suite(load_suite());
}
