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
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_GATEWAY);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), 0);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g4"), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_GATEWAY);
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
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), GEO_ALARM_ADDRESS);
	ck_assert_uint_eq(state.alarm, 0);
	ck_assert_int_eq(state.since, 0);
}
END_TEST

START_TEST(who_comes_and_goes_is_told_of_once)
{
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_GATEWAY);
	for (int i = 0; i < 10; i++) {
		pass(HOLD / 2);
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), 0);
		pass(HOLD / 2 - 1);
		ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), 0);
	}
	ck_assert_uint_eq(state.alarm, GEO_ALARM_GATEWAY);
}
END_TEST

/* The time that was good before an alarm does not count for it. */
START_TEST(the_while_begins_anew)
{
	(void)seen(GEO_BY_GATEWAY, "g3");
	(void)seen(GEO_BY_GATEWAY, "g1");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), GEO_ALARM_GATEWAY);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_GATEWAY);
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
	ck_assert_uint_eq(state.alarm, GEO_ALARM_GATEWAY);
}
END_TEST

START_TEST(by_gateways_alone)
{
	read_policy("{\"policy\":\"warn\",\"direct\":false,\"attachments\":"
	            "[{\"source\":\"0.0.0.0/0\"}]}");
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), GEO_ALARM_ADDRESS);
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
	ck_assert_uint_eq(state.alarm, GEO_ALARM_GATEWAY | GEO_ALARM_REPORTED);
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

/* Twice away for a moment is not there for as long as lies in between. */
START_TEST(who_goes_back_has_not_stayed)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	(void)seen(GEO_BY_GATEWAY, "g2");
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), 0);
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	pass(HOLD - 1);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	pass(1);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), GEO_ALARM_AREA | GEO_ALARM_DISAGREE);
}
END_TEST

/* A node has as many addresses of its network as it likes. */
START_TEST(another_address_of_the_same_network_is_no_other_place)
{
	read_policy("{\"policy\":\"warn\",\"circles\":[{\"lat\":0,\"lon\":0,\"radius\":200000}],"
	            "\"attachments\":[{\"source\":\"192.0.2.0/24\"},"
	            "{\"source\":\"2001:db8::/64\"}]}");
	(void)seen(GEO_BY_ADDRESS, "192.0.2.1");
	ck_assert_uint_eq(reported("{\"lat\":3,\"lon\":0}"), GEO_ALARM_AREA);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.2"), 0);
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.2"), 0);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "2001:db8::1"), 0);
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "2001:db8::2"), GEO_ALARM_AREA);
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
	                  GEO_ALARM_CELL | GEO_ALARM_AREA);
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
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, name), GEO_ALARM_GATEWAY);
	ck_assert_str_eq(state.seen[GEO_BY_GATEWAY], "");
}
END_TEST

/* Whom the network is to locate for it: neither where it is nor another word of it ends that. */
START_TEST(another_device_is_to_be_located)
{
	char name[GEO_NAME_MAX + 2];

	ck_assert_uint_eq(geo_state_located_as(&state, &policy, SLICE_LIT("tel:+2"), &now), 0);
	read_policy(
		"{\"policy\":\"warn\",\"attachments\":[{\"gateway\":\"g1\"},{\"gateway\":\"g2\"}],"
		"\"locTargetDevice\":\"tel:+1\"}");
	ck_assert_uint_eq(geo_state_located_as(&state, &policy, SLICE_LIT("tel:+1"), &now), 0);
	ck_assert_uint_eq(geo_state_located_as(&state, &policy, SLICE_LIT("tel:+2"), &now),
	                  GEO_ALARM_TARGET);
	ck_assert_uint_eq(geo_state_located_as(&state, &policy, SLICE_LIT("tel:+1"), &now), 0);
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)seen(GEO_BY_GATEWAY, "g2");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	ck_assert_uint_eq(geo_state_clear(&state), GEO_ALARM_TARGET);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_uint_eq(geo_state_located_as(&state, &policy, slice_of(name), &now),
	                  GEO_ALARM_TARGET);
}
END_TEST

/* ---- ways beside each other ---- */

START_TEST(what_one_way_has_raised_no_other_ends)
{
	(void)seen(GEO_BY_GATEWAY, "g3");
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), 0);
		pass(HOLD);
	}
	ck_assert_uint_eq(geo_state_seen(&state, &policy, GEO_BY_CELL, SLICE_LIT("c1"), true, &now),
	                  0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_GATEWAY);
	(void)seen(GEO_BY_GATEWAY, "g1");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), GEO_ALARM_GATEWAY);
}
END_TEST

START_TEST(each_way_raises)
{
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "198.51.100.1"), GEO_ALARM_ADDRESS);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g3"), GEO_ALARM_GATEWAY);
	ck_assert_uint_eq(seen(GEO_BY_CELL, "c3"), GEO_ALARM_CELL);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_ATTACHMENT);
}
END_TEST

/* The while of one way is not the while of another. */
START_TEST(each_way_has_its_own_while)
{
	(void)seen(GEO_BY_GATEWAY, "g3");
	(void)seen(GEO_BY_ADDRESS, "198.51.100.1");
	(void)seen(GEO_BY_GATEWAY, "g1");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.1"), 0);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g1"), GEO_ALARM_GATEWAY);
	setup();
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)seen(GEO_BY_ADDRESS, "192.0.2.1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	(void)seen(GEO_BY_GATEWAY, "g2");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_ADDRESS, "192.0.2.2"), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_REPORTED);
}
END_TEST

START_TEST(no_way_clears_reports_while_another_is_wrong)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	(void)seen(GEO_BY_CELL, "c3");
	(void)seen(GEO_BY_GATEWAY, "g2");
	pass(HOLD);
	ck_assert_uint_eq(seen(GEO_BY_GATEWAY, "g2"), 0);
	ck_assert_uint_eq(
		geo_state_seen(&state, &policy, GEO_BY_GATEWAY, SLICE_LIT("g1"), true, &now), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_CELL | GEO_ALARM_REPORTED);
}
END_TEST

/* A report is held against all of them, not against the last. */
START_TEST(a_report_disagrees_with_any_way)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)seen(GEO_BY_ADDRESS, "192.0.2.1");
	ck_assert_uint_eq(reported("{\"lat\":1,\"lon\":0}"), GEO_ALARM_DISAGREE);
}
END_TEST

/* ---- another policy ---- */

static unsigned
judged(const char *json)
{
	unsigned wrong = geo_state_wrong(&state, &policy);

	read_policy(json);
	return geo_state_judged(&state, &policy, wrong, &now);
}

START_TEST(another_policy_counts_at_once)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)seen(GEO_BY_ADDRESS, "192.0.2.1");
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"attachments\":[{\"gateway\":\"g2\"}]}"),
	                  GEO_ALARM_GATEWAY);
	ck_assert_int_eq(state.since, now.wall);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"direct\":false}"),
	                  GEO_ALARM_GATEWAY | GEO_ALARM_ADDRESS);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_ADDRESS);
	ck_assert_uint_eq(judged(POLICY), GEO_ALARM_ADDRESS);
	ck_assert_uint_eq(state.alarm, 0);
}
END_TEST

/* Who writes the same again does not make the while shorter, nor an alarm of what was never seen. */
START_TEST(the_same_policy_changes_nothing)
{
	ck_assert_uint_eq(judged(POLICY), 0);
	(void)seen(GEO_BY_GATEWAY, "g3");
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":3,\"lon\":0}");
	(void)reported("{\"lat\":0,\"lon\":0}");
	ck_assert_uint_eq(judged(POLICY), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_GATEWAY | GEO_ALARM_REPORTED);
}
END_TEST

START_TEST(what_was_too_long_is_judged_too)
{
	char name[GEO_NAME_MAX + 2];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)seen(GEO_BY_CELL, name);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"attachments\":[{\"cell\":\"c2\"}]}"), 0);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\"}"), GEO_ALARM_CELL);
	ck_assert_uint_eq(state.alarm, 0);
}
END_TEST

/* What was said raises, also by its cell, and clears nothing, unless nothing is asked of it any more. */
START_TEST(reports_and_another_policy)
{
	(void)reported("{\"lat\":0,\"lon\":0,\"cell\":\"c1\"}");
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"attachments\":[{\"cell\":\"c2\"}]}"),
	                  GEO_ALARM_AREA);
	ck_assert_uint_eq(judged(POLICY), 0);
	ck_assert_uint_eq(state.alarm, GEO_ALARM_AREA);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\"}"), GEO_ALARM_AREA);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"circles\":[{\"lat\":5,\"lon\":0,"
	                         "\"radius\":10}]}"),
	                  GEO_ALARM_AREA);
	(void)geo_state_clear(&state);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"circles\":[{\"lat\":6,\"lon\":0,"
	                         "\"radius\":10}]}"),
	                  0);
}
END_TEST

/* It was of another place. */
START_TEST(a_report_before_the_news_is_no_more_judged)
{
	(void)seen(GEO_BY_GATEWAY, "g1");
	(void)reported("{\"lat\":0,\"lon\":0}");
	(void)seen(GEO_BY_GATEWAY, "g2");
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"circles\":[{\"lat\":1,\"lon\":0,"
	                         "\"radius\":50000}]}"),
	                  0);
}
END_TEST

START_TEST(locTargetDevice_and_another_policy)
{
	(void)geo_state_located_as(&state, &policy, SLICE_LIT("tel:+2"), &now);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"locTargetDevice\":\"tel:+1\"}"),
	                  GEO_ALARM_TARGET);
	(void)geo_state_located_as(&state, &policy, SLICE_LIT("tel:+1"), &now);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"locTargetDevice\":\"tel:+1\"}"), 0);
	(void)geo_state_located_as(&state, &policy, SLICE_LIT("tel:+2"), &now);
	ck_assert_uint_eq(judged("{\"policy\":\"warn\",\"locTargetDevice\":\"tel:+2\"}"),
	                  GEO_ALARM_TARGET);
	(void)judged("{\"policy\":\"warn\",\"locTargetDevice\":\"tel:+3\"}");
	ck_assert_uint_eq(judged("{\"policy\":\"warn\"}"), GEO_ALARM_TARGET);
	ck_assert_uint_eq(state.alarm, 0);
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
	tcase_add_test(c, who_goes_back_has_not_stayed);
	tcase_add_test(c, another_address_of_the_same_network_is_no_other_place);
	tcase_add_test(c, a_wrong_report_after_the_news_counts_more);
	tcase_add_test(c, the_access_network_and_administrators_clear_at_once);
	tcase_add_test(c, another_device_is_to_be_located);
	c = suite_case(s, "ways", setup, NULL);
	tcase_add_test(c, what_one_way_has_raised_no_other_ends);
	tcase_add_test(c, each_way_raises);
	tcase_add_test(c, each_way_has_its_own_while);
	tcase_add_test(c, no_way_clears_reports_while_another_is_wrong);
	tcase_add_test(c, a_report_disagrees_with_any_way);
	c = suite_case(s, "another policy", setup, NULL);
	tcase_add_test(c, another_policy_counts_at_once);
	tcase_add_test(c, the_same_policy_changes_nothing);
	tcase_add_test(c, what_was_too_long_is_judged_too);
	tcase_add_test(c, reports_and_another_policy);
	tcase_add_test(c, a_report_before_the_news_is_no_more_judged);
	tcase_add_test(c, locTargetDevice_and_another_policy);
	return run_suite(s);
}
