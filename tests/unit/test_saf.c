/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for another SCL that are answered later, and those that wait for a connection. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "saf_bed.h"

/* ---- answered later ---- */

START_TEST(answer_is_notified)
{
	peer_says(201, 204);
	ck_assert_int_eq(saf_send("c-1", SINK, "one"), 202);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.last_correlation, "c-1 ");
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "responseNotify"));
	ck_assert_ptr_nonnull(
		strstr(peer.last_notify, "<m2m:statusCode>STATUS_OK</m2m:statusCode>"));
	ck_assert_ptr_nonnull(
		strstr(peer.last_notify, "<locationHeader>" OTHER "/x</locationHeader>"));
	ck_assert_str_eq(peer.order, "one ");
}
END_TEST

struct fetching {
	struct reply r;
	const char *method, *correlation, *body;
};

static bool
fetched(void *arg)
{
	struct fetching *f = arg;

	f->r = saf_ask(f->method, OTHER "/c", (struct headers){ .correlation = f->correlation },
	           f->body);
	if (f->r.status != 202)
		return true;
	reply_fini(&f->r);
	return false;
}

START_TEST(answer_is_fetched_once)
{
	struct fetching f = { .method = "GET", .correlation = "c-1", .body = "" };

	peer_says(ANSWER_REFUSED, 204);
	ck_assert(!fetched(&f));
	ck_assert(!fetched(&f));
	/* The correlationID is the issuer's: of another request, of another issuer. */
	ck_assert_int_eq(saf_send("c-1", NULL, "other"), 409);
	f.r = saf_ask("GET", OTHER "/c", (struct headers){ .correlation = "c-1", .from = ISSUER "2" },
	          "");
	ck_assert_int_eq(f.r.status, 202);
	reply_fini(&f.r);
	peer_says(200, 204);
	ck_assert(core_await(fetched, &f));
	ck_assert_int_eq(f.r.status, 200);
	ck_assert_str_eq(f.r.body, "<hello/>");
	reply_fini(&f.r);
	ck_assert(!fetched(&f));
}
END_TEST

START_TEST(only_the_first_scl_answers_later)
{
	struct reply r = saf_ask("POST", OTHER "/c",
	                     (struct headers){ LATER("c", SINK), .via = "1.1 gw2" }, "x");

	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	r = saf_ask("POST", OTHER "/c", (struct headers){ LATER(NULL, SINK) }, "x");
	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	r = saf_ask("GET", "/m2m", (struct headers){ LATER("c", SINK) }, "");
	ck_assert_int_eq(r.status, 200);
	reply_fini(&r);
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	saf_await(&peer.notified, 1);
	/* Somebody else's SCL that answers later itself has taken over. */
	peer_says(202, 204);
	ck_assert_int_eq(saf_send("d", SINK, "x"), 202);
	saf_await(&peer.sent, 4);
	peer_says(204, 204);
	ck_assert_int_eq(saf_send("e", SINK, "x"), 202);
	saf_await(&peer.notified, 2);
	ck_assert_str_eq(peer.last_correlation, "e ");
}
END_TEST

static const struct {
	struct headers h;
	const char *why;
} refused[] = {
	{ { LATER("c", "ftp://x/y") }, "contactURI" },
	{ { LATER("c", "http:///y") }, "contactURI" },
	{ { LATER("c", "relative") }, "contactURI" },
	{ { LATER("c", "/") }, "contactURI" },
	{ { LATER("c", "") }, "contactURI" },
	{ { LATER("c", OTHER "/c") }, "the target itself" },
	{ { LATER("", SINK) }, "correlationID" },
	{ { LATER("a b", SINK) }, "correlationID" },
	{ { LATER("c", SINK), .trpdt = "soon" }, "trpdt" },
	{ { LATER("c", SINK), .trpdt = "-5" }, "trpdt" },
	{ { LATER("c", SINK), .rcat = "RCAT_8" }, "rcat" },
	{ { LATER("c", SINK), .rcat = "" }, "rcat" },
};

START_TEST(headers_are_checked)
{
	struct reply r = saf_ask("POST", OTHER "/c", refused[_i].h, "x");

	ck_assert_int_eq(r.status, 400);
	ck_assert_msg(strstr(r.body, refused[_i].why) != NULL, "%s", r.body);
	reply_fini(&r);
}
END_TEST

START_TEST(rcat_and_trpdt_have_their_forms)
{
	static const char *const trpdt[] = { "PT10M", "04:30:00Z", "600" };

	for (size_t i = 0; i < NITEMS(trpdt); i++) {
		struct reply r =
			saf_ask("POST", OTHER "/c",
		            (struct headers){ .trpdt = trpdt[i], .rcat = i == 1 ? "7" : "RCAT_0" },
		            "x");

		ck_assert_int_eq(r.status, 204);
		reply_fini(&r);
	}
}
END_TEST

/* ---- limits ---- */

START_TEST(stored_requests_are_limited)
{
	char name[16];

	bed.conf.saf.requests_max = 3;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_REFUSED, 204);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(saf_send(name, SINK, "x"), 202);
	}
	ck_assert_int_eq(saf_send("n3", SINK, "x"), 503);
	ck_assert_int_eq(saf_send("n0", SINK, "x"), 202);
	peer_says(204, 204);
	saf_await(&peer.notified, 3);
	while (saf_send("n3", SINK, "x") == 503)
		;
	saf_await(&peer.notified, 4);
	saf_await_none();
	bed.conf.saf.requests_max = 100;
	bed.conf.saf.octets_max = 3000;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_REFUSED, 204);
	ck_assert_int_eq(saf_send("o1", SINK, "x"), 202);
	ck_assert_int_eq(saf_send("o2", SINK, "x"), 202);
	ck_assert_int_eq(saf_send("o3", SINK, "x"), 503);
}
END_TEST

START_TEST(waiting_requests_are_limited)
{
	const struct headers h = { .trpdt = "PT60S" };
	struct core_call calls[9];
	unsigned busy = 0;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_REFUSED, 204);
	for (size_t i = 0; i < 9; i++)
		saf_begin(&calls[i], "POST", OTHER "/c", &h, "x");
	ck_assert(calls[8].done);
	saf_await(&peer.refused, 16);
	for (size_t i = 0; i < 8; i++)
		ck_assert(!core_is_done(&calls[i]));
	peer_says(204, 204);
	for (size_t i = 0; i < 9; i++) {
		struct reply r = core_end(&calls[i]);

		busy += r.status == 503;
		ck_assert(r.status == 204 || r.status == 503);
		reply_fini(&r);
	}
	ck_assert_uint_eq(busy, 1);
}
END_TEST

/* ---- nothing is lost ---- */

START_TEST(order_is_kept_over_restarts)
{
	char name[16], want[1024] = "";

	peer_says(ANSWER_REFUSED, 204);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		saf_append(want, sizeof(want), slice_of(name));
		ck_assert_int_eq(saf_send(name, SINK, name), 202);
		if (i % 10 == 9) {
			core_stop(&bed);
			core_start(&bed);
		}
	}
	peer_says(204, 204);
	saf_await(&peer.notified, 30);
	ck_assert_str_eq(peer.order, want);
	saf_drain();
}
END_TEST

START_TEST(answers_outlive_a_restart)
{
	peer_says(200, 503);
	ck_assert_int_eq(saf_send("two", NULL, "y"), 202);
	saf_await(&peer.sent, 1);
	ck_assert_int_eq(saf_send("one", SINK, "x"), 202);
	/* An answer is delivered when it is stored, and they are stored in their order. */
	saf_await(&peer.tried, 1);
	core_stop(&bed);
	core_start(&bed);
	peer_says(500, 204);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.last_correlation, "one ");
	struct fetching f = { .method = "POST", .correlation = "two", .body = "y" };

	ck_assert(core_await(fetched, &f));
	ck_assert_int_eq(f.r.status, 200);
	reply_fini(&f.r);
}
END_TEST

START_TEST(a_failing_store_loses_nothing)
{
	unsigned n = core_scale(100), accepted = 0;
	char name[16];

	bed.conf.saf.requests_max = n;
	scl_reconfigure(bed.scl, &bed.conf);
	core_fail_commits(300);
	for (unsigned i = 0; i < n; i++) {
		int status;

		snprintf(name, sizeof(name), "n%u", i);
		status = saf_send(name, SINK, "x");
		ck_assert(status == 202 || status == 503);
		accepted += status == 202;
	}
	ck_assert_uint_gt(accepted, n / 4);
	saf_await(&peer.notified, accepted);
	core_fail_commits(0);
	saf_drain();
}
END_TEST

/* ---- time ---- */

static bool
calls_done(void *arg)
{
	return core_is_done(arg);
}

START_TEST(what_is_late_is_answered_504)
{
	struct core_call c;
	struct headers h = { .trpdt = "PT30S" };
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	atomic_store(&bed.clock.now, START);
	peer_says(ANSWER_REFUSED, 204);
	r = saf_ask("POST", OTHER "/c", (struct headers){ LATER("c", SINK), .trpdt = "PT30S" }, "x");
	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	saf_begin(&c, "POST", OTHER "/c", &h, "x");
	atomic_store(&bed.clock.now, START + 29 * CLOCK_SECOND);
	ck_assert(!core_is_done(&c));
	atomic_store(&bed.clock.now, START + 31 * CLOCK_SECOND);
	ck_assert(core_await(calls_done, &c));
	r = core_end(&c);
	ck_assert_int_eq(r.status, 504);
	reply_fini(&r);
	saf_await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_GATEWAY_TIMEOUT"));
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
}
END_TEST

/* Not with what the attempt failed with that was under way when its time was over. */
START_TEST(what_gets_late_under_way_is_answered_504)
{
	struct core_call c;
	struct headers h = { .trpdt = "PT30S" };
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	atomic_store(&bed.clock.now, START);
	peer_says(ANSWER_REFUSED, 204);
	peer.delay = 200000;
	saf_begin(&c, "POST", OTHER "/c", &h, "x");
	saf_await(&peer.refused, 1);
	atomic_store(&bed.clock.now, START + 31 * CLOCK_SECOND);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 504);
	reply_fini(&r);
}
END_TEST

START_TEST(busy_peer_is_asked_again)
{
	peer_says(503, 204);
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	saf_await(&peer.sent, 3);
	peer_says(204, 204);
	saf_await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_OK"));
	/* One that waits for the answer gets it as it is. */
	peer_says(503, 204);
	ck_assert_int_eq(saf_send(NULL, NULL, "x"), 503);
}
END_TEST

START_TEST(contact_that_refuses_is_given_up)
{
	peer_says(204, 404);
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	saf_await(&peer.sent, 1);
	peer_says(204, 204);
	ck_assert_int_eq(saf_send("d", SINK, "x"), 202);
	saf_await(&peer.notified, 1);
	saf_drain();
}
END_TEST

START_TEST(one_at_a_time_for_a_destination)
{
	char name[16];

	peer.delay = 2000;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		ck_assert_int_eq(saf_send(name, SINK, name), 202);
	}
	saf_await(&peer.notified, 20);
	/* One request and one answer at most. */
	ck_assert_uint_le(port_fake_most(), 2);
}
END_TEST

START_TEST(dead_destination_costs_others_nothing)
{
	char name[16];
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	saf_register("dead", DEAD);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%02d", i);
		r = saf_ask("POST", DEAD "/c", (struct headers){ LATER(name, SINK) }, "x");
		ck_assert_int_eq(r.status, 202);
		reply_fini(&r);
	}
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		ck_assert_int_eq(saf_send(name, SINK, name), 202);
	}
	saf_await(&peer.notified, 20);
	/* One that nobody answers, one that somebody does, one notification. */
	ck_assert_uint_le(port_fake_most(), 3);
}
END_TEST

START_TEST(stops_with_everything_under_way)
{
	const struct headers h = { .trpdt = "PT60S" };
	struct core_call c;
	struct reply r;

	bed.conf.forward_timeout_ms = 60000;
	scl_reconfigure(bed.scl, &bed.conf);
	peer_says(ANSWER_NEVER, 503);
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	ck_assert_int_eq(saf_send("d", SINK, "x"), 202);
	saf_begin(&c, "POST", OTHER "/c", &h, "x");
	core_halt(&bed);
	r = core_end(&c);
	ck_assert(r.status == 503 || r.status == 502);
	reply_fini(&r);
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 2);
	peer_says(204, 204);
	core_start(&bed);
	saf_await(&peer.notified, 2);
}
END_TEST


static Suite *
suite(void)
{
	Suite *s = suite_create("store and forward");
	TCase *later = tcase_create("later"), *limits = tcase_create("limits"),
	      *lost = tcase_create("lost"), *time_case = tcase_create("time");
	TCase *all[] = { later, limits, lost, time_case };

	for (size_t i = 0; i < NITEMS(all); i++) {
		suite_add_tcase(s, all[i]);
		tcase_add_checked_fixture(all[i], saf_setup, saf_teardown);
		tcase_set_timeout(all[i], 120);
	}
	tcase_add_test(later, answer_is_notified);
	tcase_add_test(later, answer_is_fetched_once);
	tcase_add_test(later, only_the_first_scl_answers_later);
	tcase_add_loop_test(later, headers_are_checked, 0, NITEMS(refused));
	tcase_add_test(later, rcat_and_trpdt_have_their_forms);
	tcase_add_test(limits, stored_requests_are_limited);
	tcase_add_test(limits, waiting_requests_are_limited);
	tcase_add_test(lost, order_is_kept_over_restarts);
	tcase_add_test(lost, answers_outlive_a_restart);
	tcase_add_test(lost, a_failing_store_loses_nothing);
	tcase_add_test(time_case, what_is_late_is_answered_504);
	tcase_add_test(time_case, what_gets_late_under_way_is_answered_504);
	tcase_add_test(time_case, busy_peer_is_asked_again);
	tcase_add_test(time_case, contact_that_refuses_is_given_up);
	tcase_add_test(time_case, one_at_a_time_for_a_destination);
	tcase_add_test(time_case, dead_destination_costs_others_nothing);
	tcase_add_test(time_case, stops_with_everything_under_way);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
