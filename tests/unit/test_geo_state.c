/* SPDX-License-Identifier: Apache-2.0 */
/* What begins an alarm and what ends it; who lies about its place. */
#include "config.h"

#include "base/clock.h"
#include "cap/geo/geo_state.h"
#include "suite.h"

#define HOLD (60 * CLOCK_SECOND)
#define POLICY                                                                                     \
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":0,\"lon\":0,\"radius\":200000}],"              \
	"\"attachments\":[{\"gateway\":\"g1\",\"lat\":0,\"lon\":0,\"radius\":50000},"              \
	"{\"gateway\":\"g2\",\"lat\":1,\"lon\":0,\"radius\":50000},"                               \
	"{\"source\":\"192.0.2.0/24\"},{\"cell\":\"c1\"},{\"cell\":\"c2\"}]}"

static struct geo_policy policy;
static struct geo_state state;
static struct geo_now now;

static void
read_policy(const char *json)
{
	const char *why;

	ck_assert_int_eq(geo_policy_read(slice_of(json), &policy, &why), RC_OK);
}

static void
setup(void)
{
	state = (struct geo_state){ .alarm = 0 };
	now = (struct geo_now){ 1000 * CLOCK_SECOND, CLOCK_SECOND, HOLD };
	read_policy(POLICY);
}

static void
pass(int64_t us)
{
	now.wall += us;
	now.monotonic += us;
}

static unsigned
seen(enum geo_way way, const char *name)
{
	return geo_state_seen(&state, &policy, way, slice_of(name), false, &now);
}

static unsigned
reported(const char *json)
{
	struct geo_report r;

	ck_assert(geo_report_read(slice_of(json), &r));
	return geo_state_reported(&state, &policy, &r, &now);
}

START_TEST(once_for_each_change)
{
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), 0);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_ATTACHMENT);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), 0);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g4"), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_ATTACHMENT);
	ck_assert_int_eq(state.since, now.wall);
}
END_TEST

START_TEST(who_is_back_is_trusted_after_a_while)
{
	(void)seen(GEO_BY_ADDRESS, "198.51.100.1");
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), 0);
	pass(HOLD - 1);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), 0);
	pass(1);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), GEO_ALARM_ATTACHMENT);
	ck_assert_uint_eq(state.alarm, 0);
	ck_assert_int_eq(state.since, 0);
}
END_TEST

START_TEST(who_comes_and_goes_is_told_of_once)
{
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_ATTACHMENT);
	for (int i = 0; i < 10; i++) {
		pass(HOLD / 2);
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), 0);
		pass(HOLD / 2 - 1);
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), 0);
	}
	ck_assert_uint_eq(state.alarm, GEO_ALARM_ATTACHMENT);
}
END_TEST

/* The time that was good before an alarm does not count for it. */
START_TEST(the_while_begins_anew)
{
	(void)seen(GEO_BY_GATEWAY, "g3");
	(void)seen(GEO_BY_GATEWAY, "g1");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), GEO_ALARM_ATTACHMENT);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_ATTACHMENT);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), 0);
}
END_TEST

START_TEST(what_a_policy_does_not_say_proves_nothing)
{
	read_policy("{\"policy\":\"warn\",\"attachments\":[{\"gateway\":\"g1\"}]}");
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "198.51.100.1"), 0);
	(void)seen(GEO_BY_GATEWAY, "g2");
	(void)seen(GEO_BY_ADDRESS, "198.51.100.1");
	pass(2 * HOLD);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "198.51.100.1"), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_ATTACHMENT);
}
END_TEST

START_TEST(by_gateways_alone)
{
	read_policy("{\"policy\":\"warn\",\"direct\":false,\"attachments\":"
	            "[{\"source\":\"0.0.0.0/0\"}]}");
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), GEO_ALARM_ATTACHMENT);
}
END_TEST

/* ---- reports ---- */

START_TEST(a_report_raises)
{
	ck_assert_uint_eq(reported("{\"lat\":1,\"lon\":0}"), 0);
	ck_assert_uint_eq(reported("{\"lat\":3,\"lon\":0}"), GEO_ALARM_AREA);
	ck_assert_uint_eq(reported("{\"lat\":3,\"lon\":0}"), 0);
	setup();
	ck_assert_uint_eq(reported("{\"cell\":\"c3\"}"), GEO_ALARM_AREA);
}
END_TEST

START_TEST(a_report_that_is_not_where_the_network_sees_it)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	ck_assert_uint_eq(reported("{\"lat\":0.3,\"lon\":0}"), 0);
	ck_assert_uint_eq(reported("{\"lat\":1,\"lon\":0}"), GEO_ALARM_DISAGREE);
	setup();
	(void)seen(GEO_BY_CELL, "c1");
	ck_assert_uint_eq(reported("{\"cell\":\"c1\"}"), 0);
	ck_assert_uint_eq(reported("{\"cell\":\"c2\"}"), GEO_ALARM_DISAGREE);
}
END_TEST

/* What it says, how often and how long, and what it does where it is: all of no use to it. */
START_TEST(a_liar_clears_nothing)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	ck_assert_uint_eq(state.alarm, GEO_ALARM_AREA | GEO_ALARM_DISAGREE);
	for (int i = 0; i < 5; i++) {
		pass(HOLD);
		ck_assert_uint_eq(reported("{\"lat\":0,\"lon\":0}"), 0);
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), 0);
	}
	(void)seen(GEO_BY_GATEWAY, "g3");
	pass(HOLD);
	ck_assert_uint_eq(reported("{\"lat\":0,\"lon\":0}"), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARMS);
}
END_TEST

START_TEST(news_of_the_network_clears)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), GEO_ALARM_AREA | GEO_ALARM_DISAGREE);
}
END_TEST

/* It still says so where it has come to. */
START_TEST(a_wrong_report_after_the_news_counts_more)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	(void)seen(GEO_BY_GATEWAY, "g2");
	(void)reported("{\"lat\":3,\"lon\":0}");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_AREA | GEO_ALARM_DISAGREE);
}
END_TEST

START_TEST(the_access_network_and_administrators_clear_at_once)
{
	(void)seen(GEO_BY_CELL, "c9");
	(void)reported("{\"lat\":3,\"lon\":0}");
	ck_assert_uint_eq(geo_state_seen(&state, &policy, GEO_BY_CELL, SLICE_LIT("c1"), true, &now),
	                  GEO_ALARM_ATTACHMENT | GEO_ALARM_AREA);
	(void)reported("{\"lat\":3,\"lon\":0}");
	ck_assert_uint_eq(geo_state_clear(&state), GEO_ALARM_AREA);
	ck_assert_uint_eq(geo_state_clear(&state), 0);
}
END_TEST

START_TEST(names_that_are_too_long_are_nowhere)
{
	char name[GEO_NAME_MAX + 2];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, name), GEO_ALARM_ATTACHMENT);
	ck_assert_str_eq(state.seen[GEO_BY_GATEWAY], "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("geo_state");
	TCase *c = suite_case(s, "network", setup, NULL);

	tcase_add_test(c, once_for_each_change);
	tcase_add_test(c, who_is_back_is_trusted_after_a_while);
	tcase_add_test(c, who_comes_and_goes_is_told_of_once);
	tcase_add_test(c, the_while_begins_anew);
	tcase_add_test(c, what_a_policy_does_not_say_proves_nothing);
	tcase_add_test(c, by_gateways_alone);
	tcase_add_test(c, names_that_are_too_long_are_nowhere);
	c = suite_case(s, "reports", setup, NULL);
	tcase_add_test(c, a_report_raises);
	tcase_add_test(c, a_report_that_is_not_where_the_network_sees_it);
	tcase_add_test(c, a_liar_clears_nothing);
	tcase_add_test(c, news_of_the_network_clears);
	tcase_add_test(c, a_wrong_report_after_the_news_counts_more);
	tcase_add_test(c, the_access_network_and_administrators_clear_at_once);
	return run_suite(s);
}
