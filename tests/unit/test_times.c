/* SPDX-License-Identifier: Apache-2.0 */
/* Times, durations and schedules. */
#include "config.h"

#include "base/clock.h"
#include "base/crontab.h"
#include "base/times.h"
#include "suite.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- times ---- */

static const struct {
	const char *text;
	int64_t us;
	const char *back; /* with microseconds */
} good_times[] = {
	{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000Z" },
	{ " 1970-01-01T00:00:00 ", 0, "1970-01-01T00:00:00.000000Z" },
	{ "2012-02-29T23:59:59.123456789Z", INT64_C(1330559999123456), "2012-02-29T23:59:59.123456Z" },
	{ "2000-01-01T01:00:00+01:00", INT64_C(946684800000000), "2000-01-01T00:00:00.000000Z" },
	{ "1999-12-31T24:00:00Z", INT64_C(946684800000000), "2000-01-01T00:00:00.000000Z" },
	{ "1999-12-31T10:00:00-14:00", INT64_C(946684800000000), "2000-01-01T00:00:00.000000Z" },
	{ "1969-12-31T23:59:59.5Z", -500000, "1969-12-31T23:59:59.500000Z" },
	{ "0001-01-01T00:00:00Z", INT64_C(-62135596800000000), "0001-01-01T00:00:00.000000Z" },
	{ "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z" },
};

START_TEST(times_are_read_and_written)
{
	char out[TIMES_TEXT_MAX];
	int64_t us = 1;

	ck_assert(times_parse(slice_of(good_times[_i].text), &us));
	ck_assert_int_eq(us, good_times[_i].us);
	ck_assert_uint_eq(times_format(us, TIMES_MICRO, out), strlen(good_times[_i].back));
	ck_assert_str_eq(out, good_times[_i].back);
	ck_assert_uint_eq(times_format(us, TIMES_MILLI, out), 24);
	ck_assert_uint_eq(times_format(us, TIMES_SECOND, out), 20);
	ck_assert_int_eq(strncmp(out, good_times[_i].back, 19), 0);
}
END_TEST

static const char *const wrong_times[] = {
	"", "2012", "2012-01-01", "2012-01-01T00:00Z", "2012-13-01T00:00:00Z", "2012-00-01T00:00:00Z",
	"2011-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2012-01-00T00:00:00Z", "2012-01-01T25:00:00Z",
	"2012-01-01T24:00:01Z", "2012-01-01T24:01:00Z", "2012-01-01T23:60:00Z", "2012-01-01T23:00:60Z",
	"2012-01-01T00:00:00.Z", "2012-01-01T00:00:00z", "2012-01-01T00:00:00+14:01",
	"2012-01-01T00:00:00+1:00", "2012-01-01T00:00:00+01:60", "0000-01-01T00:00:00Z",
	"-0001-01-01T00:00:00Z", "2012-01-01T00:00:00Zx", "2012-01-01 00:00:00Z", "12012-01-01T00:00:00Z",
	"0001-01-01T00:00:00+01:00", "9999-12-31T24:00:00Z", "9999-12-31T23:59:59-00:01",
};

START_TEST(times_refuses)
{
	int64_t us;

	ck_assert_msg(!times_parse(slice_of(wrong_times[_i]), &us), "%s", wrong_times[_i]);
}
END_TEST

START_TEST(every_day_is_itself)
{
	char out[TIMES_TEXT_MAX];
	int64_t back;

	for (int64_t day = -719162; day < 2932896; day += 13) {
		int64_t us = day * 86400 * CLOCK_SECOND + 43200 * CLOCK_SECOND;

		times_format(us, TIMES_SECOND, out);
		ck_assert_msg(times_parse(slice_of(out), &back) && back == us, "%s", out);
	}
}
END_TEST

static const struct {
	const char *text;
	int64_t us;
	const char *back;
} good_durations[] = {
	{ "PT0S", 0, "PT0S" },
	{ "P0D", 0, "PT0S" },
	{ "PT1S", 1000000, "PT1S" },
	{ "PT1.5S", 1500000, "PT1.500000S" },
	{ "PT0.0000019S", 1, "PT0.000001S" },
	{ "PT90M", INT64_C(5400000000), "PT1H30M" },
	{ "P1DT12H", INT64_C(129600000000), "P1DT12H" },
	{ "P1Y", INT64_C(31536000000000), "P365D" },
	{ "P1M", INT64_C(2592000000000), "P30D" },
	{ "P1Y2M3DT4H5M6.7S", INT64_C(36993906700000), "P428DT4H5M6.700000S" },
	{ " P1D ", INT64_C(86400000000), "P1D" },
	{ "P10000Y", INT64_C(315360000000000000), "P3650000D" },
};

START_TEST(durations_are_read_and_written)
{
	char out[TIMES_TEXT_MAX];
	int64_t us = -1;

	ck_assert(times_parse_duration(slice_of(good_durations[_i].text), &us));
	ck_assert_int_eq(us, good_durations[_i].us);
	ck_assert_uint_eq(times_format_duration(us, out), strlen(good_durations[_i].back));
	ck_assert_str_eq(out, good_durations[_i].back);
	ck_assert(times_parse_duration(slice_of(out), &us) && us == good_durations[_i].us);
}
END_TEST

static const char *const wrong_durations[] = {
	"", "P", "PT", "1D", "-P1D", "P-1D", "P1", "P1DT", "PT1", "P1H", "PT1D", "P1D1Y", "P1.5D",
	"PT1.S", "PT.5S", "P1D1D", "PTT1S", "P10001Y", "P99999999999999999999Y", "P1S", "PT1S ago", "pt1s",
};

START_TEST(durations_refuses)
{
	int64_t us;

	ck_assert_msg(!times_parse_duration(slice_of(wrong_durations[_i]), &us), "%s", wrong_durations[_i]);
}
END_TEST

START_TEST(http_dates)
{
	static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
		                             "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" };
	char out[TIMES_TEXT_MAX];
	int64_t us;

	for (size_t i = 0; i < NITEMS(forms); i++) {
		ck_assert(times_parse_http(slice_of(forms[i]), &us));
		ck_assert_int_eq(us, INT64_C(784111777000000));
	}
	ck_assert_uint_eq(times_format_http(us + 999999, out), 29);
	ck_assert_str_eq(out, forms[0]);
	times_format_http(-1, out);
	ck_assert_str_eq(out, "Wed, 31 Dec 1969 23:59:59 GMT");
	ck_assert(!times_parse_http(SLICE_LIT(""), &us));
	ck_assert(!times_parse_http(SLICE_LIT("yesterday"), &us));
	ck_assert(!times_parse_http(SLICE_LIT("Sun, 06 Nov 1994 08:49:37 GMT+1"), &us));
}
END_TEST

/* ---- schedules ---- */

static const struct {
	const char *text, *time;
	bool matches;
} schedules[] = {
	{ "* * * * *", "2014-03-01T09:00:00Z", true },
	{ " 0  9 1 3  6 ", "2014-03-01T09:00:59.999Z", true }, /* a Saturday */
	{ "1 9 1 3 *", "2014-03-01T09:00:00Z", false },
	{ "0 8 * * *", "2014-03-01T09:00:00Z", false },
	{ "0 9 * 4 *", "2014-03-01T09:00:00Z", false },
	{ "0-29 2 * * *", "2014-03-01T02:29:00Z", true },
	{ "0-29 2 * * *", "2014-03-01T02:30:00Z", false },
	{ "5,10-12,59 * * * *", "2014-03-01T02:11:00Z", true },
	{ "5,10-12,59 * * * *", "2014-03-01T02:59:00Z", true },
	{ "5,10-12,59 * * * *", "2014-03-01T02:13:00Z", false },
	{ "* * 2 * 6", "2014-03-01T09:00:00Z", true }, /* either of the days */
	{ "* * 1 * 0", "2014-03-01T09:00:00Z", true },
	{ "* * 2 * 0", "2014-03-01T09:00:00Z", false },
	{ "* * 2 * *", "2014-03-01T09:00:00Z", false },
	{ "* * * * 0", "2014-03-01T09:00:00Z", false },
	{ "* * 31 12 *", "2013-12-31T23:59:59Z", true },
};

START_TEST(schedules_are_matched)
{
	int64_t us;

	ck_assert(times_parse(slice_of(schedules[_i].time), &us));
	ck_assert(crontab_valid(slice_of(schedules[_i].text)));
	ck_assert_msg(crontab_matches(slice_of(schedules[_i].text), us) == schedules[_i].matches, "%s",
	              schedules[_i].text);
}
END_TEST

static const char *const wrong_schedules[] = {
	"", "*", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
	"* * * 0 *", "* * * 13 *", "* * * * 7", "1- * * * *", "-1 * * * *", "5-4 * * * *", "1, * * * *",
	",1 * * * *", "*/5 * * * *", "x * * * *", "1000 * * * *", "*,1x * * * *", "1-2-3 * * * *",
	"4294967296 * * * *", "* * * jan *",
};

START_TEST(schedules_refuses)
{
	ck_assert_msg(!crontab_valid(slice_of(wrong_schedules[_i])), "%s", wrong_schedules[_i]);
	ck_assert(!crontab_matches(slice_of(wrong_schedules[_i]), 0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("times");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, times_are_read_and_written, 0, NITEMS(good_times));
	tcase_add_loop_test(c, times_refuses, 0, NITEMS(wrong_times));
	tcase_add_test(c, every_day_is_itself);
	tcase_add_loop_test(c, durations_are_read_and_written, 0, NITEMS(good_durations));
	tcase_add_loop_test(c, durations_refuses, 0, NITEMS(wrong_durations));
	tcase_add_test(c, http_dates);
	tcase_add_loop_test(c, schedules_are_matched, 0, NITEMS(schedules));
	tcase_add_loop_test(c, schedules_refuses, 0, NITEMS(wrong_schedules));
	suite_add_tcase(s, c);
	return run_suite(s);
}
