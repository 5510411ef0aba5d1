/* SPDX-License-Identifier: Apache-2.0 */
/* Store-and-forward policies: values, schedules, decisions, and what is refused. */
#include "config.h"

#include "core/saf_policy.h"

#include "base/crontab.h"
#include "base/times.h"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define MINUTE (60 * CLOCK_SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static int64_t
at(const char *text)
{
	int64_t us = 0;

	ck_assert_msg(times_parse(slice_of(text), &us), "%s", text);
	return us;
}

/* ---- values ---- */

START_TEST(rcat_has_two_spellings)
{
	static const char *const wrong[] = {
		"",       "8",       "-1",      "RCAT_8", "RCAT_",
		"rcat_1", "RCAT_01", "RCAT_1 ", "00",     "RCAT_RCAT_1"
	};
	unsigned rcat = 99;
	char text[8];

	for (unsigned i = 0; i < SAF_RCATS; i++) {
		(void)snprintf(text, sizeof(text), "RCAT_%u", i);
		ck_assert(saf_parse_rcat(slice_of(text), &rcat));
		ck_assert_uint_eq(rcat, i);
		ck_assert(saf_parse_rcat(slice_of(text + 5), &rcat));
		ck_assert_uint_eq(rcat, i);
	}
	for (size_t i = 0; i < NITEMS(wrong); i++)
		ck_assert_msg(!saf_parse_rcat(slice_of(wrong[i]), &rcat), "%s", wrong[i]);
}
END_TEST

static const struct {
	const char *text, *deadline;
} tolerances[] = {
	{ "PT10M", "2014-03-01T08:10:00Z" },
	{ "P1DT1S", "2014-03-02T08:00:01Z" },
	{ "PT0S", "2014-03-01T08:00:00Z" },
	{ "90", "2014-03-01T08:01:30Z" },
	{ "0", "2014-03-01T08:00:00Z" },
	{ "08:00:01Z", "2014-03-01T08:00:01Z" },
	{ "08:00:00Z", "2014-03-02T08:00:00Z" },
	{ "07:59:59.5Z", "2014-03-02T07:59:59.5Z" },
	{ "04:30:00", "2014-03-02T04:30:00Z" },
	{ "09:30:00+01:00", "2014-03-01T08:30:00Z" },
	{ "00:30:00+01:00", "2014-03-01T23:30:00Z" },
	{ "24:00:00Z", "2014-03-02T00:00:00Z" },
};

START_TEST(tolerance_gives_a_deadline)
{
	struct saf_tolerance t;
	int64_t received = at("2014-03-01T08:00:00Z");

	ck_assert_msg(saf_parse_tolerance(slice_of(tolerances[_i].text), &t), "%s",
	              tolerances[_i].text);
	ck_assert_int_eq(saf_deadline(&t, received), at(tolerances[_i].deadline));
}
END_TEST

START_TEST(tolerance_refuses)
{
	static const char *const wrong[] = { "",
		                             "-5",
		                             "1.5",
		                             "PT",
		                             "-PT5S",
		                             "10m",
		                             "25:00:00Z",
		                             "24:00:01Z",
		                             "08:00Z",
		                             "08:60:00",
		                             "08:00:60",
		                             "08:00:00+15:00",
		                             "99999999999999999999",
		                             "315360000001",
		                             "PT10M x" };
	struct saf_tolerance t;

	for (size_t i = 0; i < NITEMS(wrong); i++)
		ck_assert_msg(!saf_parse_tolerance(slice_of(wrong[i]), &t), "%s", wrong[i]);
	t = (struct saf_tolerance){ .kind = SAF_UNLIMITED };
	ck_assert_int_eq(saf_deadline(&t, 5), CLOCK_NEVER);
	ck_assert(saf_parse_tolerance(SLICE_LIT("315360000000"), &t));
	ck_assert_int_eq(saf_deadline(&t, CLOCK_NEVER - 5), CLOCK_NEVER);
}
END_TEST

START_TEST(memory_sizes)
{
	static const char *const wrong[] = {
		"", "1", "K", "1k", "1 K", "-1K", "1234567890123456B", "1KB"
	};
	int64_t v;

	ck_assert(saf_parse_memory(SLICE_LIT("64K"), &v) && v == 65536);
	ck_assert(saf_parse_memory(SLICE_LIT("0B"), &v) && v == 0);
	ck_assert(saf_parse_memory(SLICE_LIT("2M"), &v) && v == 2 << 20);
	ck_assert(saf_parse_memory(SLICE_LIT("3G"), &v) && v == INT64_C(3) << 30);
	ck_assert(saf_parse_memory(SLICE_LIT("1T"), &v) && v == INT64_C(1) << 40);
	ck_assert(saf_parse_memory(SLICE_LIT("999999999999999T"), &v) && v == INT64_MAX);
	for (size_t i = 0; i < NITEMS(wrong); i++)
		ck_assert_msg(!saf_parse_memory(slice_of(wrong[i]), &v), "%s", wrong[i]);
}
END_TEST

START_TEST(last_call_is_before_the_deadline)
{
	ck_assert_int_eq(saf_last_call(0, CLOCK_NEVER), CLOCK_NEVER);
	ck_assert_int_eq(saf_last_call(0, HOUR), HOUR - 5 * CLOCK_SECOND);
	ck_assert_int_eq(saf_last_call(0, 4 * CLOCK_SECOND), 3 * CLOCK_SECOND);
	ck_assert_int_eq(saf_last_call(7, 7), 7);
}
END_TEST

/* ---- schedules ---- */

static const struct {
	const char *crontab, *now, *change;
} changes[] = {
	{ "* * * * *", "2014-03-01T08:00:00Z", NULL },
	{ "rubbish", "2014-03-01T08:00:00Z", NULL },
	{ "* 22-23,0-4 * * *", "2014-03-01T08:00:00Z", "2014-03-01T22:00:00Z" },
	{ "* 22-23,0-4 * * *", "2014-03-01T22:15:30Z", "2014-03-02T05:00:00Z" },
	{ "30 * * * *", "2014-03-01T08:30:59Z", "2014-03-01T08:31:00Z" },
	{ "30 * * * *", "2014-03-01T08:31:00Z", "2014-03-01T09:30:00Z" },
	{ "59 23 * * *", "2014-03-01T23:59:01Z", "2014-03-02T00:00:00Z" },
	{ "0 0 29 2 *", "2014-03-01T08:00:00Z", "2016-02-29T00:00:00Z" },
	{ "0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z" },
	{ "0 0 31 2 *", "2014-03-01T08:00:00Z", NULL },
	{ "* * 1 * *", "2014-03-01T08:00:00Z", "2014-03-02T00:00:00Z" },
	{ "* * * * 1", "2014-03-01T08:00:00Z", "2014-03-03T00:00:00Z" },
	{ "* * 10 * 1", "2014-03-04T08:00:00Z", "2014-03-10T00:00:00Z" },
	{ "* * * 4-12 *", "2014-03-01T08:00:00Z", "2014-04-01T00:00:00Z" },
	{ "* * * 4-12 *", "2014-04-01T08:00:00Z", "2015-01-01T00:00:00Z" },
};

START_TEST(crontab_changes)
{
	struct slice crontab = slice_of(changes[_i].crontab);
	int64_t now = at(changes[_i].now), change = crontab_change(crontab, now);

	ck_assert_int_eq(change, changes[_i].change == NULL ? CLOCK_NEVER : at(changes[_i].change));
	if (change == CLOCK_NEVER)
		return;
	ck_assert_int_ne(crontab_matches(crontab, change), crontab_matches(crontab, now));
	ck_assert_int_eq(crontab_matches(crontab, change - 1), crontab_matches(crontab, now));
}
END_TEST

static const struct slice always[] = { SLICE_INIT("* * * * *") };
static const struct slice night[] = { SLICE_INIT("* 22-23,0-4 * * *") };
static const struct slice edges[] = { SLICE_INIT("* 6 * * *"), SLICE_INIT("* 20 * * *") };

START_TEST(item_needs_a_span_and_a_schedule)
{
	struct saf_span spans[] = { { at("2014-03-01T00:00:00Z"), at("2014-03-02T00:00:00Z") },
		                    { at("2014-03-05T00:00:00Z"), at("2014-03-05T23:00:00Z") } };
	struct saf_item item = { .spans = spans, .nspans = 2, .crontabs = night, .ncrontabs = 1 };
	struct saf_schedule s = { .items = &item, .nitems = 1 };

	ck_assert(!saf_open(&s, at("2014-02-28T23:00:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-02-28T23:00:00Z")), at("2014-03-01T00:00:00Z"));
	ck_assert(saf_open(&s, at("2014-03-01T00:00:00Z")));
	ck_assert(!saf_open(&s, at("2014-03-01T05:00:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-03-01T05:00:00Z")), at("2014-03-01T22:00:00Z"));
	ck_assert(saf_open(&s, at("2014-03-01T23:59:59.999Z")));
	ck_assert(!saf_open(&s, at("2014-03-02T00:00:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-03-02T00:00:00Z")), at("2014-03-05T00:00:00Z"));
	ck_assert(saf_open(&s, at("2014-03-05T22:59:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-03-05T22:59:00Z")), at("2014-03-05T23:00:00Z"));
	ck_assert_int_eq(saf_change(&s, at("2014-03-06T00:00:00Z")), CLOCK_NEVER);
	item.ncrontabs = 0;
	ck_assert(saf_open(&s, at("2014-03-01T12:00:00Z")));
	item.nspans = 0;
	ck_assert(saf_open(&s, at("2014-03-03T12:00:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-03-03T12:00:00Z")), CLOCK_NEVER);
}
END_TEST

START_TEST(one_item_of_several_is_enough)
{
	struct saf_item items[] = { { .crontabs = night, .ncrontabs = 1 },
		                    { .crontabs = edges, .ncrontabs = 2 } };
	struct saf_schedule s = { .items = items, .nitems = 2 };

	ck_assert(saf_open(&s, at("2014-03-01T02:00:00Z")));
	ck_assert(saf_open(&s, at("2014-03-01T06:10:00Z")));
	ck_assert(saf_open(&s, at("2014-03-01T20:10:00Z")));
	ck_assert(!saf_open(&s, at("2014-03-01T12:00:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-03-01T12:00:00Z")), at("2014-03-01T20:00:00Z"));
	s.nitems = 0;
	ck_assert(!saf_open(&s, at("2014-03-01T02:00:00Z")));
}
END_TEST

START_TEST(crontabs_are_in_the_zone_of_the_spans)
{
	struct saf_span span = { at("2014-03-01T00:00:00+02:00"), at("2015-03-01T00:00:00+02:00") };
	struct saf_item item = {
		.spans = &span, .nspans = 1, .crontabs = edges, .ncrontabs = 2, .zone = 2 * HOUR
	};
	struct saf_schedule s = { .items = &item, .nitems = 1 };

	ck_assert(saf_open(&s, at("2014-03-05T06:30:00+02:00")));
	ck_assert(!saf_open(&s, at("2014-03-05T06:30:00Z")));
	ck_assert_int_eq(saf_change(&s, at("2014-03-05T06:30:00Z")),
	                 at("2014-03-05T20:00:00+02:00"));
}
END_TEST

/* ---- a policy as an operator may write it ---- */

static const struct saf_item always_items[] = { { .crontabs = always, .ncrontabs = 1 } };
static const struct saf_item night_items[] = { { .crontabs = night, .ncrontabs = 1 } };
static const struct saf_schedule ethernet_schedules[] = { { 3, always_items, 1 },
	                                                  { 1, always_items, 1 } };
static const struct saf_schedule gprs_schedules[] = { { 3, night_items, 1 },
	                                              { 5, always_items, 1 } };
static const struct saf_schedule sat_schedules[] = { { 3, always_items, 1 } };
static const struct saf_block gprs_blocks[] = { { 5, 2 * HOUR }, { 3, 15 * MINUTE } };
static const struct saf_anp anps[] = {
	{ SLICE_INIT("ethernet0"), ethernet_schedules, 2, NULL, 0 },
	{ SLICE_INIT("gprs0"), gprs_schedules, 2, gprs_blocks, 2 },
	{ SLICE_INIT("sat0"), sat_schedules, 1, NULL, 0 },
};
static const struct slice ranking[] = { SLICE_INIT("ethernet0"), SLICE_INIT("gprs0") };
static const struct saf_params params[] = {
	{ 3, { SAF_DELAY, 10 * MINUTE }, 3, 1000, ranking, 2 },
	{ 1, { SAF_DELAY, HOUR }, 0, -1, ranking, 2 },
	{ 5, { SAF_UNLIMITED, 0 }, -1, -1, ranking, 2 },
};
static const struct slice default_scope[] = { SLICE_INIT("default") };
static const struct slice lamp_scope[] = { SLICE_INIT("/m2m/applications/lamp"),
	                                   SLICE_INIT("/m2m/applications/door") };
static const struct saf_set sets[] = {
	{ .scope = default_scope,
	  .nscope = 1,
	  .default_rcat = 3,
	  .params = params,
	  .nparams = 3,
	  .anps = anps,
	  .nanps = 3 },
	{ .scope = lamp_scope, .nscope = 2, .default_rcat = 6 },
	{ .default_rcat = -1 },
};
static const struct saf_policy policy = { sets, 3 };

START_TEST(application_has_its_set)
{
	struct saf_policy none = { NULL, 0 }, no_default = { sets + 1, 2 };

	ck_assert_ptr_eq(saf_set_of(&policy, lamp_scope[1]), &sets[1]);
	ck_assert_ptr_eq(saf_set_of(&policy, SLICE_LIT("/m2m/applications/other")), &sets[0]);
	ck_assert_ptr_eq(saf_set_of(&policy, SLICE_NONE), &sets[0]);
	ck_assert_ptr_eq(saf_set_of(&none, lamp_scope[0]), &saf_always);
	ck_assert_ptr_eq(saf_set_of(&no_default, SLICE_LIT("/m2m/applications/other")),
	                 &saf_always);
}
END_TEST

START_TEST(rcat_comes_from_the_set_or_the_default_one)
{
	struct saf_policy no_default = { sets + 1, 2 };

	ck_assert_uint_eq(saf_default_rcat(&policy, &sets[0]), 3);
	ck_assert_uint_eq(saf_default_rcat(&policy, &sets[1]), 6);
	ck_assert_uint_eq(saf_default_rcat(&policy, &sets[2]), 3);
	ck_assert_uint_eq(saf_default_rcat(&no_default, &sets[2]), 0);
	ck_assert_uint_eq(saf_default_rcat(&no_default, &saf_always), 0);
	ck_assert_int_eq(saf_params_of(&sets[0], 1)->tolerance.us, HOUR);
	ck_assert_ptr_null(saf_params_of(&sets[0], 2));
}
END_TEST

enum { ETHERNET, GPRS, SAT };

static struct saf_network networks[3];
static int64_t look;

static void
all_usable(void)
{
	networks[ETHERNET] = (struct saf_network){ .name = SLICE_LIT("ethernet0"), .usable = true };
	networks[GPRS] = (struct saf_network){ .name = SLICE_LIT("gprs0"), .usable = true };
	networks[SAT] = (struct saf_network){ .name = SLICE_LIT("sat0"), .usable = true };
}

static int
decide(unsigned rcat, size_t requests, int64_t octets, int64_t last_call, const char *now)
{
	struct saf_backlog b = { rcat, requests, octets, last_call };

	return saf_decide(&sets[0], &b, networks, NITEMS(networks), at(now), &look);
}

START_TEST(first_ranked_that_is_usable)
{
	ck_assert_int_eq(decide(1, 1, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), ETHERNET);
	ck_assert_int_eq(decide(5, 1, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), GPRS);
	networks[ETHERNET].usable = false;
	/* gprs0 does not admit RCAT_1 at all, RCAT_3 at night. */
	ck_assert_int_eq(decide(1, 1, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), -1);
	ck_assert_int_eq(look, CLOCK_NEVER);
	ck_assert_int_eq(decide(3, 3, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), -1);
	ck_assert_int_eq(look, at("2014-03-01T22:00:00Z"));
	ck_assert_int_eq(decide(3, 3, 10, CLOCK_NEVER, "2014-03-01T22:00:00Z"), GPRS);
	/* No parameters for the RCAT: any network that admits it; none does. */
	ck_assert_int_eq(decide(7, 1, 10, CLOCK_NEVER, "2014-03-01T22:00:00Z"), -1);
}
END_TEST

START_TEST(thresholds_start_a_connection)
{
	ck_assert_int_eq(decide(3, 1, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), -1);
	ck_assert_int_eq(decide(3, 2, 999, CLOCK_NEVER, "2014-03-01T08:00:00Z"), -1);
	ck_assert_int_eq(decide(3, 3, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), ETHERNET);
	ck_assert_int_eq(decide(3, 1, 1000, CLOCK_NEVER, "2014-03-01T08:00:00Z"), ETHERNET);
	/* 0: immediately; unset: as soon as a network admits it. */
	ck_assert_int_eq(decide(1, 1, 1, CLOCK_NEVER, "2014-03-01T08:00:00Z"), ETHERNET);
	ck_assert_int_eq(decide(5, 1, 1, CLOCK_NEVER, "2014-03-01T08:00:00Z"), GPRS);
}
END_TEST

START_TEST(connection_is_used_at_once)
{
	networks[GPRS].connected = true;
	ck_assert_int_eq(decide(3, 1, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), -1);
	ck_assert_int_eq(decide(3, 1, 10, CLOCK_NEVER, "2014-03-01T23:00:00Z"), GPRS);
	networks[ETHERNET].connected = true;
	ck_assert_int_eq(decide(3, 1, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), ETHERNET);
}
END_TEST

START_TEST(last_call_takes_any_permitted_network)
{
	int64_t last = at("2014-03-01T08:05:00Z");

	ck_assert_int_eq(decide(3, 1, 10, last, "2014-03-01T08:04:59Z"), -1);
	ck_assert_int_eq(look, last);
	ck_assert_int_eq(decide(3, 1, 10, last, "2014-03-01T08:05:00Z"), ETHERNET);
	networks[ETHERNET].usable = false;
	/* Not ranked, but it admits the RCAT. */
	ck_assert_int_eq(decide(3, 1, 10, last, "2014-03-01T08:05:00Z"), SAT);
	networks[SAT].usable = false;
	ck_assert_int_eq(decide(3, 1, 10, last, "2014-03-01T08:05:00Z"), -1);
	ck_assert_int_eq(look, at("2014-03-01T22:00:00Z"));
}
END_TEST

START_TEST(failures_block)
{
	struct saf_network *n = &networks[GPRS];

	n->failed = at("2014-03-01T08:00:00Z");
	for (n->failures = 0; n->failures < 7; n->failures++)
		ck_assert_int_eq(saf_blocked_until(&anps[1], n),
		                 n->failures < 3
		                         ? 0
		                         : n->failed + (n->failures < 5 ? 15 * MINUTE : 2 * HOUR));
	n->failures = 3;
	ck_assert_int_eq(decide(5, 9, 10, CLOCK_NEVER, "2014-03-01T08:14:59Z"), -1);
	ck_assert_int_eq(look, at("2014-03-01T08:15:00Z"));
	ck_assert_int_eq(decide(5, 9, 10, CLOCK_NEVER, "2014-03-01T08:15:00Z"), GPRS);
	/* Also when time runs out. */
	ck_assert_int_eq(decide(5, 9, 10, 0, "2014-03-01T08:14:59Z"), -1);
	n->failures = 1;
	n->rest = at("2014-03-01T08:00:05Z");
	ck_assert_int_eq(decide(5, 9, 10, CLOCK_NEVER, "2014-03-01T08:00:04Z"), -1);
	ck_assert_int_eq(look, n->rest);
	ck_assert_int_eq(decide(5, 9, 10, CLOCK_NEVER, "2014-03-01T08:00:05Z"), GPRS);
	ck_assert_int_eq(saf_blocked_until(NULL, n), n->rest);
	n->failures = 0;
	ck_assert_int_eq(saf_blocked_until(NULL, n), 0);
}
END_TEST

START_TEST(without_policy_the_link_is_always_on)
{
	struct saf_backlog b = { 4, 1, 1, CLOCK_NEVER };

	ck_assert_int_eq(saf_decide(&saf_always, &b, networks, 3, 7, &look), ETHERNET);
	networks[ETHERNET].usable = false;
	ck_assert_int_eq(saf_decide(&saf_always, &b, networks, 3, 7, &look), GPRS);
	ck_assert_int_eq(saf_decide(&saf_always, &b, networks, 1, 7, &look), -1);
	ck_assert_int_eq(look, CLOCK_NEVER);
	ck_assert_int_eq(saf_decide(&saf_always, &b, networks, 0, 7, &look), -1);
}
END_TEST

/* A network of the policy that this host does not have is passed over. */
START_TEST(unknown_networks_are_passed_over)
{
	struct saf_backlog b = { 3, 3, 10, CLOCK_NEVER };

	ck_assert_int_eq(
		saf_decide(&sets[0], &b, networks + GPRS, 2, at("2014-03-01T23:00:00Z"), &look), 0);
	ck_assert_int_eq(
		saf_decide(&sets[0], &b, networks + SAT, 1, at("2014-03-01T23:00:00Z"), &look), -1);
	/* One without AnpPolicy admits nothing. */
	networks[ETHERNET].name = SLICE_LIT("wlan0");
	ck_assert_int_eq(decide(3, 3, 10, CLOCK_NEVER, "2014-03-01T08:00:00Z"), -1);
}
END_TEST

/* ---- what is refused ---- */

static char why[SAF_FAULT_MAX];

START_TEST(scopes_are_checked)
{
	struct slice twice[] = { lamp_scope[0], lamp_scope[0] };
	struct slice mixed[] = { lamp_scope[0], default_scope[0] };
	struct saf_set door = { .scope = lamp_scope + 1, .nscope = 1 };
	struct saf_set other = { .scope = ranking, .nscope = 1 };

	ck_assert(saf_check_scope(lamp_scope, 2, why));
	ck_assert(saf_check_scope(default_scope, 1, why));
	ck_assert(saf_check_scope(NULL, 0, why));
	ck_assert(!saf_check_scope(twice, 2, why));
	ck_assert_str_eq(why, "policyScope holds '/m2m/applications/lamp' twice");
	ck_assert(!saf_check_scope(mixed, 2, why));
	ck_assert_str_eq(why, "policyScope holds other references beside 'default'");
	ck_assert(!saf_check_among(&door, &policy, why));
	ck_assert_str_eq(why, "'/m2m/applications/door' is in another policy set already");
	ck_assert(!saf_check_among(&sets[0], &policy, why));
	ck_assert_str_eq(why, "there is a default policy set already");
	ck_assert(saf_check_among(&other, &policy, why));
	ck_assert(saf_check_among(&sets[2], &policy, why));
}
END_TEST

START_TEST(parameters_are_checked)
{
	struct saf_params p = params[0];
	struct slice twice[] = { ranking[0], ranking[1], ranking[0] };

	ck_assert(saf_check_params(&p, why));
	p.max_requests = -2;
	ck_assert(!saf_check_params(&p, why));
	p = params[0];
	p.nranked = 0;
	ck_assert(!saf_check_params(&p, why));
	ck_assert_str_eq(why, "rankedAnList names no access network");
	p.ranked = twice;
	p.nranked = 3;
	ck_assert(!saf_check_params(&p, why));
	ck_assert_str_eq(why, "rankedAnList holds 'ethernet0' twice");
}
END_TEST

START_TEST(network_policies_are_checked)
{
	struct saf_span span = { 5, 5 };
	struct slice bad[] = { SLICE_LIT("* * * *") };
	struct saf_item item = { .crontabs = always, .ncrontabs = 1 };
	struct saf_schedule s[] = { { 1, &item, 1 }, { 2, &item, 1 } };
	struct saf_block blocks[] = { { 1, 0 }, { 2, 5 } };
	struct saf_anp anp = { SLICE_LIT("x"), s, 2, blocks, 2 };

	ck_assert_msg(saf_check_anp(&anp, why), "%s", why);
	item.spans = &span;
	item.nspans = 1;
	ck_assert(!saf_check_anp(&anp, why));
	ck_assert_str_eq(why, "absTimeSpan ends before it starts");
	item = (struct saf_item){ .crontabs = bad, .ncrontabs = 1 };
	ck_assert(!saf_check_anp(&anp, why));
	ck_assert_str_eq(why, "scheduleString '* * * *' is no crontab time");
	item.crontabs = always;
	s[1].rcat = 1;
	ck_assert(!saf_check_anp(&anp, why));
	ck_assert_str_eq(why, "rcatSchedList holds RCAT_1 twice");
	s[1].rcat = 2;
	s[1].nitems = 0;
	ck_assert(!saf_check_anp(&anp, why));
	s[1].nitems = 1;
	blocks[1].failures = 1;
	ck_assert(!saf_check_anp(&anp, why));
	blocks[1].failures = 0;
	ck_assert(!saf_check_anp(&anp, why));
	ck_assert_str_eq(why, "failedAttempts is less than 1");
	blocks[1] = (struct saf_block){ 2, -1 };
	ck_assert(!saf_check_anp(&anp, why));
	anp.nblocks = 1;
	ck_assert(saf_check_anp(&anp, why));
	anp.nschedules = 0;
	ck_assert(!saf_check_anp(&anp, why));
	anp = (struct saf_anp){ .schedules = s, .nschedules = 2 };
	ck_assert(!saf_check_anp(&anp, why));
	ck_assert_str_eq(why, "anName is empty");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("saf policy");
	TCase *values = suite_case(s, "values", NULL, NULL);
	TCase *schedules = suite_case(s, "schedules", NULL, NULL);
	TCase *decisions = suite_case(s, "decisions", all_usable, NULL);
	TCase *checks = suite_case(s, "checks", NULL, NULL);

	tcase_add_test(values, rcat_has_two_spellings);
	tcase_add_loop_test(values, tolerance_gives_a_deadline, 0, NITEMS(tolerances));
	tcase_add_test(values, tolerance_refuses);
	tcase_add_test(values, memory_sizes);
	tcase_add_test(values, last_call_is_before_the_deadline);
	tcase_add_loop_test(schedules, crontab_changes, 0, NITEMS(changes));
	tcase_add_test(schedules, item_needs_a_span_and_a_schedule);
	tcase_add_test(schedules, one_item_of_several_is_enough);
	tcase_add_test(schedules, crontabs_are_in_the_zone_of_the_spans);
	tcase_add_test(decisions, application_has_its_set);
	tcase_add_test(decisions, rcat_comes_from_the_set_or_the_default_one);
	tcase_add_test(decisions, first_ranked_that_is_usable);
	tcase_add_test(decisions, thresholds_start_a_connection);
	tcase_add_test(decisions, connection_is_used_at_once);
	tcase_add_test(decisions, last_call_takes_any_permitted_network);
	tcase_add_test(decisions, failures_block);
	tcase_add_test(decisions, without_policy_the_link_is_always_on);
	tcase_add_test(decisions, unknown_networks_are_passed_over);
	tcase_add_test(checks, scopes_are_checked);
	tcase_add_test(checks, parameters_are_checked);
	tcase_add_test(checks, network_policies_are_checked);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
