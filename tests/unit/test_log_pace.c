/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of events that others cause. */
#include "config.h"

#include "base/clock.h"
#include "base/log_pace.h"
#include "suite.h"

START_TEST(one_a_minute)
{
	struct log_pace p = { 0 };
	int64_t since = 0;

	ck_assert(log_pace_due(&p, &since));
	ck_assert_int_eq(since, 1);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert(!log_pace_due(&p, &since));
	atomic_store(&p.written, clock_monotonic() - 58 * CLOCK_SECOND);
	ck_assert(!log_pace_due(&p, &since));
	atomic_store(&p.written, clock_monotonic() - 60 * CLOCK_SECOND);
	ck_assert(log_pace_due(&p, &since));
	ck_assert_int_eq(since, 1002);
	ck_assert(!log_pace_due(&p, &since));
}
END_TEST

START_TEST(each_has_its_own)
{
	struct log_pace one = { 0 }, other = { 0 };
	int64_t since = 0;

	ck_assert(log_pace_due(&one, &since));
	ck_assert(log_pace_due(&other, &since));
	ck_assert_int_eq(since, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log_pace");
	TCase *c = suite_case(s, "pace", NULL, NULL);

	tcase_add_test(c, one_a_minute);
	tcase_add_test(c, each_has_its_own);
	return run_suite(s);
}
