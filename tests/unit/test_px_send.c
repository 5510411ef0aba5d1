/* SPDX-License-Identifier: Apache-2.0 */
/* What the forwarder reads from answers and URLs; deliveries themselves: test_px_lanes. */
#include "config.h"

#include "cap/pxy/px_send.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(answers)
{
	static const struct {
		int status;
		enum px_answer_kind kind;
	} rows[] = {
		{ 0, PX_ANSWER_LATER },   { 199, PX_ANSWER_LATER },   { 200, PX_ANSWER_TAKEN },
		{ 204, PX_ANSWER_TAKEN }, { 299, PX_ANSWER_TAKEN },   { 301, PX_ANSWER_LATER },
		{ 400, PX_ANSWER_NEVER }, { 401, PX_ANSWER_LATER },   { 403, PX_ANSWER_LATER },
		{ 404, PX_ANSWER_LATER }, { 409, PX_ANSWER_UNKNOWN }, { 413, PX_ANSWER_NEVER },
		{ 415, PX_ANSWER_NEVER }, { 422, PX_ANSWER_NEVER },   { 429, PX_ANSWER_LATER },
		{ 500, PX_ANSWER_LATER }, { 503, PX_ANSWER_LATER },   { 507, PX_ANSWER_LATER },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_int_eq(px_send_kind(rows[i].status), rows[i].kind);
}
END_TEST

START_TEST(times_of_retry_after)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ "", 0 },
		{ "0", 0 },
		{ "1", 1 },
		{ "120", 120 },
		{ "999999999", 86400 },
		{ "9999999999", 0 },
		{ "-1", 0 },
		{ "1.5", 0 },
		{ " 1", 0 },
		{ "Wed, 21 Oct 2026 07:28:00 GMT", 0 },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_int_eq(px_send_after(slice_of(rows[i].text)),
		                 rows[i].seconds * CLOCK_SECOND);
}
END_TEST

START_TEST(loopback)
{
	static const struct {
		const char *url;
		bool is;
	} rows[] = {
		{ "http://127.0.0.1/x", true },
		{ "http://127.255.1.2:80/x", true },
		{ "http://localhost:8080/", true },
		{ "coap://[::1]:5683/x", true },
		{ "http://[::1]/", true },
		{ "http://128.0.0.1/", false },
		{ "http://[::2]/", false },
		{ "http://127.0.0.1.example/", false },
		{ "http://localhost.example/", false },
		{ "http://example/127.0.0.1", false },
		{ "http://0.0.0.0/", false },
		{ "localhost", false },
		{ "http://[::ffff:10.0.0.1]/", false },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_msg(px_send_is_loopback(slice_of(rows[i].url)) == rows[i].is, "%s",
		              rows[i].url);
}
END_TEST

static Suite *
send_suite(void)
{
	Suite *s = suite_create("px_send");
	TCase *c = suite_case(s, "send", NULL, NULL);

	tcase_add_test(c, answers);
	tcase_add_test(c, times_of_retry_after);
	tcase_add_test(c, loopback);
	return s;
}

int
main(void)
{
	return run_suite(send_suite());
}
