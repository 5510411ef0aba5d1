/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder at work: a book, a pool, lanes, and sinks that are good, bad, slow, or not there. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "px_lanes_bed.h"

#define PER 5u /* units of a section with 3 messages */

static uint64_t
store_of(unsigned sections)
{
	uint64_t store = px_flow_store(&lanes.book, true);

	lanes_put(store, sections, 3);
	return store;
}

static void
answers(size_t sink, const int *v, size_t n)
{
	memcpy(lanes.sinks[sink].answers, v, n * sizeof(*v));
	lanes.sinks[sink].n_answers = n;
}

static struct px_sink
row(uint64_t forward, uint32_t sink)
{
	struct px_sink s;

	ck_assert_int_eq(px_bed_sink(&lanes.book, forward, sink, &s), RC_OK);
	return s;
}

static bool
error_is(uint64_t forward, uint32_t sink, const char *text)
{
	struct px_view *v = px_bed_view(&lanes.book);
	struct px_sink s;
	bool is = px_sink_get(v, forward, sink, &s) == RC_OK && slice_is(s.error, text);

	px_view_close(v);
	return is;
}

struct expected_error {
	uint64_t forward;
	const char *text;
};

static bool
has_error(void *arg)
{
	const struct expected_error *e = arg;

	return error_is(e->forward, 1, e->text);
}

static void
await_error(uint64_t forward, const char *text)
{
	struct expected_error e = { forward, text };

	ck_assert_msg(core_await(has_error, &e), "not the error: %s", text);
}

/* ---- good sinks ---- */

START_TEST(all_to_all_in_order)
{
	uint64_t store, f;

	lanes_start();
	store = store_of(3);
	f = lanes_forward(store, 3, 0xff, 4);
	for (uint32_t i = 0; i < 3; i++) {
		lanes_expect(i, 1, 3 * PER);
		lanes_await_cursor(f, i + 1, 3 * PER);
		ck_assert_uint_eq(row(f, i + 1).acknowledged, 3 * PER);
		ck_assert_uint_eq(row(f, i + 1).sent, 3 * PER);
		ck_assert_uint_eq(row(f, i + 1).retried, 0);
		ck_assert_uint_eq(lanes_requests(i), 4);
		lanes_await_state(store, f, i + 1, PX_LANE_IDLE);
	}
	/* What comes later goes, too. */
	lanes_put(store, 1, 3);
	for (uint32_t i = 0; i < 3; i++)
		lanes_expect(i, 1, 4 * PER);
	lanes_await_cursor(f, 3, 4 * PER);
}
END_TEST

START_TEST(counted)
{
	uint64_t store, f;

	lanes_start();
	store = store_of(2);
	f = lanes_forward(store, 1, 0xff, 4);
	lanes_await_cursor(f, 1, 2 * PER);
	lanes_await_state(store, f, 1, PX_LANE_IDLE);
	lanes_stop();
}
END_TEST

START_TEST(one_unit_over_coap)
{
	uint64_t store;

	snprintf(lanes.sinks[0].url, sizeof(lanes.sinks[0].url), "coap://127.0.0.1:5000/inbox");
	lanes_start();
	store = store_of(1);
	lanes_forward(store, 1, 0xff, 4);
	lanes_expect(0, 1, PER);
	ck_assert_uint_eq(lanes_requests(0), PER);
	ck_assert(lanes.sinks[0].coap_token);
	ck_assert(lanes.sinks[0].pre_source);
}
END_TEST

/* ---- bad sinks ---- */

START_TEST(failures_are_retried)
{
	static const int bad[] = { 500, 503, 404, ANSWER_REFUSED, ANSWER_NEVER, 301 };
	uint64_t store, f;

	answers(0, bad, NITEMS(bad));
	lanes_start();
	store = store_of(2);
	f = lanes_forward(store, 1, 0xff, 4);
	lanes_expect(0, 1, 2 * PER);
	lanes_await_cursor(f, 1, 2 * PER);
	ck_assert_uint_eq(row(f, 1).retried, 4 * NITEMS(bad));
	ck_assert_uint_eq(row(f, 1).acknowledged, 2 * PER);
	ck_assert_uint_eq(lanes_look(store, f, 1).failures, 0);
}
END_TEST

START_TEST(failures_are_told)
{
	static const int bad[] = { 500 };
	uint64_t store, f;

	lanes.conf.proxy.retry_first = lanes.conf.proxy.retry_max = PX_HOUR;
	answers(0, bad, NITEMS(bad));
	lanes_start();
	store = store_of(1);
	f = lanes_forward(store, 1, 0xff, 4);
	lanes_await_state(store, f, 1, PX_LANE_BACKOFF);
	ck_assert_uint_eq(lanes_look(store, f, 1).failures, 1);
	await_error(f, "500 the sink has answered so");
	ck_assert_uint_eq(row(f, 1).cursor, 0);
}
END_TEST

/* The sink does not know the section any more: it gets its begin again. */
START_TEST(back_to_the_section)
{
	static const int bad[] = { 200, 200, 409 };
	uint64_t store, f;

	answers(0, bad, NITEMS(bad));
	lanes_start();
	store = store_of(2);
	f = lanes_forward(store, 1, 0xff, 3);
	lanes_await_cursor(f, 1, 2 * PER);
	/* 1..3, 4..6, 7..9 refused, 6.. */
	ck_assert_uint_eq(lanes.sinks[0].first[2], lanes.ids[6]);
	ck_assert_uint_eq(lanes.sinks[0].first[3], lanes.ids[5]);
	ck_assert_uint_eq(lanes.sinks[0].types[3], PRE_MM1);
	ck_assert_uint_eq(lanes.sinks[0].n_taken, 2 * PER + 1);
}
END_TEST

START_TEST(a_refused_message)
{
	static const int bad[] = { 400, 200, 400 };
	struct px_skip skip = { .sink = 1, .number = 2 };
	struct px_control c = { .skip = &skip, .n_skip = 1 };
	uint64_t store, f;

	answers(0, bad, NITEMS(bad));
	lanes_start();
	store = store_of(1);
	f = lanes_forward(store, 1, 0xff, 4);
	lanes_await_state(store, f, 1, PX_LANE_REFUSED);
	ck_assert_uint_eq(lanes_look(store, f, 1).refused, 2);
	ck_assert_uint_eq(px_counted(lanes.px, PX_N_LANES_REFUSED), 1);
	ck_assert_uint_eq(lanes_requests(0), 3);
	await_error(f, "400 the sink has answered so");
	lanes_await_cursor(f, 1, 1);
	c.forward = f;
	ck_assert_int_eq(px_bed_control(&lanes.book, &c), RC_OK);
	lanes_await_cursor(f, 1, PER);
	ck_assert_uint_eq(lanes.sinks[0].n_taken, PER - 1);
	ck_assert_uint_eq(lanes.sinks[0].taken[1], lanes.ids[2]);
	lanes_await_state(store, f, 1, PX_LANE_IDLE);
	ck_assert_uint_eq(px_counted(lanes.px, PX_N_LANES_REFUSED), 0);
}
END_TEST

START_TEST(a_refused_message_behind_others)
{
	static const int bad[] = { 400 };
	struct px_skip skip = { .sink = 1, .number = PER + 1 };
	struct px_control c = { .skip = &skip, .n_skip = 1 };
	uint64_t store, f;

	answers(0, bad, NITEMS(bad));
	lanes_start();
	store = store_of(2);
	f = lanes_forward(store, 1, 2, 1);
	lanes_await_state(store, f, 1, PX_LANE_REFUSED);
	ck_assert_uint_eq(lanes_look(store, f, 1).refused, PER + 1);
	lanes_await_cursor(f, 1, PER);
	c.forward = f;
	ck_assert_int_eq(px_bed_control(&lanes.book, &c), RC_OK);
	lanes_await_cursor(f, 1, 2 * PER);
	lanes_expect(0, PER + 2, 2 * PER);
}
END_TEST

START_TEST(a_refused_message_once_more)
{
	static const int bad[] = { 413 };
	uint64_t store, f;

	answers(0, bad, NITEMS(bad));
	lanes_start();
	store = store_of(1);
	f = lanes_forward(store, 1, 0xff, 1);
	lanes_await_state(store, f, 1, PX_LANE_REFUSED);
	px_flow_state(&lanes.book, f, PX_RUNNING);
	lanes_expect(0, 1, PER);
}
END_TEST

/* Five of twenty answer only after all others are through; places are for eight, and six spare. */
START_TEST(slow_sinks_delay_nobody)
{
	uint64_t store, f;

	for (size_t i = 0; i < 5; i++)
		atomic_store(&lanes.sinks[i].held, true);
	lanes.conf.proxy.send_timeout_ms = 60000;
	lanes_start();
	store = store_of(4);
	f = lanes_forward(store, LANES_SINKS, 0xff, 2);
	lanes_put(store, 2, 3);
	for (uint32_t i = 5; i < LANES_SINKS; i++)
		lanes_expect(i, 1, 6 * PER);
	for (uint32_t i = 0; i < 5; i++)
		ck_assert_uint_le(lanes_requests(i), 1);
	for (uint32_t i = 0; i < 5; i++)
		atomic_store(&lanes.sinks[i].held, false);
	for (uint32_t i = 0; i < 5; i++) {
		lanes_await_cursor(f, i + 1, 6 * PER);
		lanes_expect(i, 1, 6 * PER);
	}
	ck_assert_uint_le(port_fake_most(), 8 + 6);
}
END_TEST

/* ---- keys, ends ---- */

START_TEST(a_key_comes_later)
{
	uint64_t store, f;

	lanes_start();
	store = store_of(3);
	f = lanes_forward(store, 1, 1u, 100);
	lanes_await_state(store, f, 1, PX_LANE_NOKEY);
	ck_assert_uint_eq(lanes_look(store, f, 1).waits_for.epoch, 1);
	ck_assert_uint_eq(lanes_look(store, f, 1).waits_for.stream, FLOW_STREAM);
	ck_assert_uint_eq(px_counted(lanes.px, PX_N_LANES_WAITING_KEY), 1);
	lanes_expect(0, 1, PER);
	px_flow_grant(&lanes.book, f, 1, 1);
	lanes_expect(0, 1, 2 * PER);
	lanes_await_state(store, f, 1, PX_LANE_NOKEY);
	px_flow_grant(&lanes.book, f, 1, 2);
	lanes_expect(0, 1, 3 * PER);
	lanes_await_state(store, f, 1, PX_LANE_IDLE);
	ck_assert_uint_eq(px_counted(lanes.px, PX_N_LANES_WAITING_KEY), 0);
}
END_TEST

static void
end_behind(uint64_t forward, uint32_t sink, struct px_section last)
{
	struct px_sink_change change = { .sink = sink, .batch = 100, .last = &last, .n_last = 1 };
	struct px_control c = { .forward = forward, .change = &change, .n_change = 1 };

	ck_assert_int_eq(px_bed_control(&lanes.book, &c), RC_OK);
}

static bool
is_erased(void *arg)
{
	const uint64_t *forward = arg;
	struct px_sink s = row(*forward, 1);

	return s.ended && s.n_keys == 0;
}

/* It is removed in the middle of the first section: it gets the rest and the END, and no more. */
START_TEST(removed_at_the_border)
{
	struct buf open;
	struct px_section last;
	struct units u;
	uint64_t store, f;

	lanes_start();
	store = px_flow_store(&lanes.book, true);
	buf_init(&open, 1u << 20);
	ck_assert_int_eq(pre_stream_begin(lanes.stream, flow_now, &open), RC_OK);
	ck_assert_int_eq(pre_stream_add(lanes.stream, flow_now, SLICE_LIT("a"), &open), RC_OK);
	u = units_of(&open);
	last = (struct px_section){ u.u[0].hdr.stream, u.u[0].hdr.epoch, u.u[0].hdr.key_index };
	px_flow_put(&lanes.book, store, &open);
	f = lanes_forward(store, 2, 0xff, 100);
	lanes_await_taken(0, 2);
	end_behind(f, 1, last);
	buf_clear(&open);
	ck_assert_int_eq(pre_stream_add(lanes.stream, flow_now, SLICE_LIT("b"), &open), RC_OK);
	ck_assert_int_eq(pre_stream_begin(lanes.stream, flow_now, &open), RC_OK);
	px_flow_put(&lanes.book, store, &open);
	buf_fini(&open);
	lanes_await_state(store, f, 1, PX_LANE_ENDED);
	lanes_await_taken(1, 5);
	ck_assert_uint_eq(lanes.sinks[0].n_taken, 4);
	ck_assert(core_await(is_erased, &f));
	lanes_await_state(store, f, 2, PX_LANE_IDLE);
}
END_TEST

START_TEST(paused_and_resumed)
{
	uint64_t store, f;

	lanes_start();
	store = store_of(1);
	f = lanes_forward(store, 1, 0xff, 100);
	lanes_expect(0, 1, PER);
	px_flow_state(&lanes.book, f, PX_PAUSED);
	lanes_await_state(store, f, 1, PX_LANE_PAUSED);
	lanes_put(store, 1, 3);
	ck_assert_int_eq(lanes_look(store, f, 1).state, PX_LANE_PAUSED);
	ck_assert_uint_eq(lanes_requests(0), 1);
	px_flow_state(&lanes.book, f, PX_RUNNING);
	lanes_expect(0, 1, 2 * PER);
}
END_TEST

static bool
is_gone(void *arg)
{
	const uint64_t *at = arg;

	return lanes_look(at[0], at[1], 1).state == PX_LANE_STATES;
}

/* While the sink has not answered: what it says then is of no interest. */
START_TEST(removed_under_way)
{
	uint64_t at[2];
	uint32_t one = 1;
	struct px_control c = { .remove = &one, .n_remove = 1 };

	atomic_store(&lanes.sinks[0].held, true);
	lanes.conf.proxy.send_timeout_ms = 60000;
	lanes_start();
	at[0] = store_of(1);
	at[1] = lanes_forward(at[0], 2, 0xff, 100);
	lanes_await_requests(0, 1);
	c.forward = at[1];
	switch (_i) {
	case 0:
		ck_assert_int_eq(px_bed_control(&lanes.book, &c), RC_OK);
		break;
	case 1:
		ck_assert_int_eq(px_bed_remove(&lanes.book, at[1]), RC_OK);
		break;
	default:
		ck_assert_int_eq(px_bed_change(&lanes.book, at[0], PX_STORE_DELETE, 0), RC_OK);
	}
	ck_assert(core_await(is_gone, at));
	atomic_store(&lanes.sinks[0].held, false);
	lanes_put(px_flow_store(&lanes.book, true), 1, 3);
}
END_TEST

/* ---- pace, credentials ---- */

/* Five units of at least 100 octets, one at a time, four of which have to be waited for. */
START_TEST(the_rate_is_kept)
{
	struct px_flow_sink sink;
	uint64_t store;
	int64_t begun;

	lanes_start();
	store = store_of(1);
	px_flow_sink(&sink, lanes.sinks[0].url, 1);
	sink.terms.rate = 2000;
	sink.terms.batch = 1;
	begun = clock_monotonic();
	px_flow_forward(&lanes.book, store, &sink, 1);
	lanes_expect(0, 1, PER);
	ck_assert_int_ge(clock_monotonic() - begun, 4 * 100 * CLOCK_SECOND / 2000);
}
END_TEST

START_TEST(not_in_clear)
{
	uint64_t store, f;

	snprintf(lanes.sinks[0].url, sizeof(lanes.sinks[0].url), "http://sink.example/inbox");
	lanes_start();
	store = store_of(1);
	f = lanes_forward(store, 1, 0xff, 100);
	await_error(f, "0 the sink is without TLS (proxy.allow_clear)");
	ck_assert_uint_eq(lanes_requests(0), 0);
	lanes_stop();
	lanes.conf.proxy.allow_clear = true;
	lanes.n_ids = 0;
	pre_stream_free(lanes.stream);
	lanes.stream = px_flow_stream();
	lanes_start();
	store = store_of(1);
	lanes_forward(store, 1, 0xff, 100);
	lanes_expect(0, 1, PER);
}
END_TEST

/* The own certificate is for who is not registered here; in clear there is none. */
START_TEST(by_the_own_certificate)
{
	uint64_t store;

	snprintf(lanes.sinks[0].url, sizeof(lanes.sinks[0].url), "https://sink.example/inbox");
	lanes.conf.proxy.certificate = "certificate.pem";
	lanes.conf.proxy.key = "key.pem";
	lanes_start();
	store = store_of(1);
	lanes_forward(store, 2, 0xff, 100);
	lanes_expect(0, 1, PER);
	lanes_expect(1, 1, PER);
	ck_assert(lanes.sinks[0].credential);
	ck_assert(!lanes.sinks[1].credential);
}
END_TEST

/* ---- over a restart ---- */

static void
on_disk(void)
{
	snprintf(lanes.dir, sizeof(lanes.dir), "/tmp/test-lanes-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(lanes.dir));
}

/* What was under way is sent again, what was acknowledged is not. */
START_TEST(on_from_where_it_was)
{
	uint64_t store, f;

	on_disk();
	lanes_start();
	store = store_of(1);
	f = lanes_forward(store, 1, 0xff, 2);
	lanes_await_cursor(f, 1, PER);
	atomic_store(&lanes.sinks[0].held, true);
	lanes.conf.proxy.send_timeout_ms = 60000;
	lanes_put(store, 1, 3);
	lanes_await_requests(0, 4);
	lanes_stop();
	lanes_start();
	lanes_await_cursor(f, 1, 2 * PER);
	/* 6 and 7 came twice. */
	ck_assert_uint_eq(lanes.sinks[0].n_taken, 2 * PER + 2);
	ck_assert_uint_eq(lanes.sinks[0].taken[PER], lanes.ids[PER]);
	ck_assert_uint_eq(lanes.sinks[0].taken[PER + 2], lanes.ids[PER]);
	ck_assert_uint_eq(lanes.sinks[0].taken[2 * PER + 1], lanes.ids[2 * PER - 1]);
}
END_TEST

/* Paused, waiting for a key, refused, ended: it is so again. */
START_TEST(as_it_was)
{
	struct px_section last = { FLOW_STREAM, 0, 0 };
	uint64_t store, paused, nokey, ended;

	on_disk();
	lanes_start();
	store = store_of(2);
	paused = lanes_forward(store, 1, 0xff, 100);
	nokey = lanes_forward(store, 2, 1u, 100);
	ended = lanes_forward(store, 3, 0xff, 100);
	end_behind(ended, 1, last);
	px_flow_state(&lanes.book, paused, PX_PAUSED);
	lanes_await_state(store, paused, 1, PX_LANE_PAUSED);
	lanes_await_state(store, nokey, 2, PX_LANE_NOKEY);
	lanes_stop();
	lanes_start();
	lanes_await_state(store, paused, 1, PX_LANE_PAUSED);
	lanes_await_state(store, nokey, 2, PX_LANE_NOKEY);
	lanes_await_state(store, ended, 2, PX_LANE_IDLE);
}
END_TEST

/* Everything is under way when it ends. */
START_TEST(stopped_at_any_time)
{
	lanes.conf.proxy.retry_first = lanes.conf.proxy.retry_max = 100;
	for (size_t i = 0; i < LANES_SINKS; i += 3)
		answers(i, (const int[]){ 500, 500, 500, 409, 400 }, 5);
	lanes_start();
	for (unsigned i = 0; i < 4; i++)
		lanes_forward(store_of(1), 1 + (size_t)_i * 3, 0xff, (uint32_t)_i + 1);
	lanes_await_requests(0, (size_t)_i * 2);
}
END_TEST

static Suite *
lanes_suite(void)
{
	Suite *s = suite_create("px_lanes");
	TCase *c = suite_case(s, "lanes", lanes_setup, lanes_teardown);

	tcase_add_test(c, all_to_all_in_order);
	tcase_add_test(c, counted);
	tcase_add_test(c, one_unit_over_coap);
	tcase_add_test(c, failures_are_retried);
	tcase_add_test(c, failures_are_told);
	tcase_add_test(c, back_to_the_section);
	tcase_add_test(c, a_refused_message);
	tcase_add_test(c, a_refused_message_behind_others);
	tcase_add_test(c, a_refused_message_once_more);
	tcase_add_test(c, slow_sinks_delay_nobody);
	tcase_add_test(c, a_key_comes_later);
	tcase_add_test(c, removed_at_the_border);
	tcase_add_test(c, paused_and_resumed);
	tcase_add_loop_test(c, removed_under_way, 0, 3);
	tcase_add_test(c, the_rate_is_kept);
	tcase_add_test(c, not_in_clear);
	tcase_add_test(c, by_the_own_certificate);
	tcase_add_test(c, on_from_where_it_was);
	tcase_add_test(c, as_it_was);
	tcase_add_loop_test(c, stopped_at_any_time, 0, 6);
	return s;
}

int
main(void)
{
	return run_pre_suite(lanes_suite);
}
