/* SPDX-License-Identifier: Apache-2.0 */
/* What work with signatures strangers may ask for. */
#include "config.h"

#include "cap/sd/sd_budget.h"
#include "suite.h"

#define SECOND INT64_C(1000000)
#define MS UINT64_C(1000000) /* of a core, ns */

START_TEST(strangers_spend_little)
{
	struct sd_budget *b;
	const struct slice a = SLICE_LIT("192.0.2.1"), other = SLICE_LIT("192.0.2.2");
	int64_t now = 5 * SECOND;
	unsigned wait;

	ck_assert_int_eq(sd_budget_new(&b), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, 2 * MS + 1, 2, now, &wait), RC_TOO_LARGE);
	ck_assert_int_eq(sd_budget_take(b, a, MS, 10, now, &wait), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, MS, 10, now, &wait), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, MS, 10, now, &wait), RC_UNAVAILABLE);
	ck_assert_uint_eq(wait, 1);
	ck_assert_int_eq(sd_budget_take(b, other, 2 * MS, 1, now, &wait), RC_OK);
	now += SECOND / 2 - 1;
	ck_assert_int_eq(sd_budget_take(b, a, MS, 1, now, &wait), RC_UNAVAILABLE);
	now++;
	ck_assert_int_eq(sd_budget_take(b, a, MS, 1, now, &wait), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, 1, 1, now, &wait), RC_UNAVAILABLE);
	/* It never holds more than that of a second. */
	now += 100 * SECOND;
	ck_assert_int_eq(sd_budget_take(b, a, 2 * MS, 4, now, &wait), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, 1, 1, now, &wait), RC_UNAVAILABLE);
	sd_budget_free(b);
}
END_TEST

/* On a slow machine a single reading costs more than that: it is paid back. */
START_TEST(one_reading_is_owed)
{
	struct sd_budget *b;
	const struct slice a = SLICE_LIT("192.0.2.1");
	int64_t now = 5 * SECOND;
	unsigned wait;

	ck_assert_int_eq(sd_budget_new(&b), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, 10 * MS, 1, now, &wait), RC_OK);
	ck_assert_int_eq(sd_budget_take(b, a, 10 * MS, 1, now, &wait), RC_UNAVAILABLE);
	ck_assert_uint_eq(wait, 6);
	now += 5 * SECOND - 1;
	ck_assert_int_eq(sd_budget_take(b, a, 10 * MS, 1, now, &wait), RC_UNAVAILABLE);
	now++;
	ck_assert_int_eq(sd_budget_take(b, a, 10 * MS, 1, now, &wait), RC_OK);
	sd_budget_free(b);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sd_budget");
	TCase *t = suite_case(s, "budget", NULL, NULL);

	tcase_add_test(t, strangers_spend_little);
	tcase_add_test(t, one_reading_is_owed);
	return s;
}

int
main(void)
{
	return run_suite(make_suite());
}
