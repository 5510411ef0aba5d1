/* SPDX-License-Identifier: Apache-2.0 */
/* Places of the forwarder, when sinks hang: others go on, and what is under way is bounded. */
#include "config.h"

#include "cap/pxy/px_slow.h"
#include "px_lanes_bed.h"

#define PER 5u /* units of a section with 3 messages */
/* What hangs is given up long after that, and nothing else takes a part of it. */
#define SOON (30 * CLOCK_SECOND)
#define HANGS_MS 300000u

static void
hang(size_t sink)
{
	struct lanes_sink *s = &lanes.sinks[sink];

	for (size_t i = 0; i < LANES_ANSWERS; i++)
		s->answers[i] = ANSWER_NEVER;
	s->n_answers = LANES_ANSWERS;
}

static void
begin(unsigned in_flight)
{
	lanes.conf.proxy.store.in_flight = in_flight;
	lanes.conf.proxy.send_timeout_ms = HANGS_MS;
	lanes_start();
}

static uint64_t
store_of(unsigned sections)
{
	uint64_t store = px_flow_store(&lanes.book, true);

	lanes_put(store, sections, 3);
	return store;
}

/* To one sink alone. */
static uint64_t
forward_to(uint64_t store, size_t sink)
{
	struct px_flow_sink s;

	px_flow_sink(&s, lanes.sinks[sink].url, 0xff);
	s.terms.batch = 100;
	return px_flow_forward(&lanes.book, store, &s, 1);
}

/* 14 of 16 hang from the first contact on, at 8 places: 6, of which each has a spare one, and 2. */
START_TEST(hung_at_first_contact)
{
	int64_t begun = clock_monotonic();
	uint64_t store, f;

	for (size_t i = 0; i < 14; i++)
		hang(i);
	begin(8);
	store = store_of(4);
	f = lanes_forward(store, 16, 0xff, 2);
	for (uint32_t i = 14; i < 16; i++) {
		lanes_expect(i, 1, 4 * PER);
		lanes_await_cursor(f, i + 1, 4 * PER);
	}
	ck_assert_int_lt(clock_monotonic() - begun, SOON);
	/* What comes later is not even held up for a second. */
	lanes_put(store, 2, 3);
	for (uint32_t i = 14; i < 16; i++)
		lanes_expect(i, 1, 6 * PER);
	for (size_t i = 0; i < 14; i++)
		ck_assert_uint_ge(lanes_requests(i), 1);
	ck_assert_uint_le(port_fake_most(), 8 + 6);
}
END_TEST

struct failing {
	uint64_t store, forward;
	uint32_t sinks, n;
};

static bool
so_many_fail(void *arg)
{
	const struct failing *f = arg;
	uint32_t n = 0;

	for (uint32_t i = 1; i <= f->sinks; i++)
		n += lanes_look(f->store, f->forward, i).failures > 0 ? 1 : 0;
	return n >= f->n;
}

/* Three go on in a spare place, all others are given up early, and tried again in a slow one. */
START_TEST(no_spare_place)
{
	struct failing f = { .sinks = 9, .n = 6 };
	int64_t begun = clock_monotonic();
	uint32_t three = 0;

	for (size_t i = 0; i < 9; i++)
		hang(i);
	begin(4);
	f.store = store_of(1);
	f.forward = lanes_forward(f.store, 9, 0xff, 100);
	ck_assert(core_await(so_many_fail, &f));
	ck_assert_int_lt(clock_monotonic() - begun, SOON);
	for (uint32_t i = 1; i <= 9; i++) {
		struct px_lane_look look = lanes_look(f.store, f.forward, i);

		three += look.failures == 0 && look.state == PX_LANE_SEND ? 1 : 0;
	}
	ck_assert_uint_eq(three, 3);
	ck_assert_uint_le(port_fake_most(), 4 + 3);
}
END_TEST

/*
 * One prompt place, one slow, one spare. Sink 0 moves to the spare one; from then on whoever is new
 * and is for it takes the slow one, or waits for that, and sinks 1 and 2 do not.
 */
START_TEST(remembered)
{
	uint64_t store, first, third;

	hang(0);
	begin(1);
	store = store_of(1);
	first = forward_to(store, 0);
	lanes_await_requests(0, 1);
	(void)forward_to(store, 1);
	lanes_expect(1, 1, PER);
	ck_assert_int_eq(px_bed_remove(&lanes.book, first), RC_OK);
	(void)forward_to(store, 0);
	lanes_await_requests(0, 2);
	third = forward_to(store, 0);
	(void)forward_to(store, 2);
	lanes_expect(2, 1, PER);
	lanes_await_state(store, third, 1, PX_LANE_LINE);
	ck_assert_uint_eq(lanes_requests(0), 2);
	ck_assert_uint_le(port_fake_most(), 3);
}
END_TEST

/* What is answered in a spare place leaves it to others, as often as that is. */
START_TEST(spare_places_come_back)
{
	uint64_t store;

	begin(1);
	store = store_of(1);
	for (size_t i = 0; i < 4; i++) {
		atomic_store(&lanes.sinks[i].held, true);
		(void)forward_to(store, i);
		lanes_await_requests(i, 1);
		/* Through the prompt place, when the other has moved. */
		(void)forward_to(store, 10 + i);
		lanes_expect(10 + i, 1, PER);
		atomic_store(&lanes.sinks[i].held, false);
		lanes_expect(i, 1, PER);
	}
}
END_TEST

/* ---- which sinks are slow ---- */

static struct px_slow slow;

static void
name(unsigned n, uint8_t id[PX_SLOW_ID])
{
	char url[64];

	snprintf(url, sizeof(url), "http://sink.example/%u", n);
	ck_assert(px_slow_name(slice_of(url), id));
}

static void
add(unsigned n, int64_t now)
{
	uint8_t id[PX_SLOW_ID];

	name(n, id);
	px_slow_add(&slow, id, now);
}

static bool
has(unsigned n, int64_t now)
{
	uint8_t id[PX_SLOW_ID];

	name(n, id);
	return px_slow_has(&slow, id, now);
}

START_TEST(slow_for_a_time)
{
	uint8_t id[PX_SLOW_ID];

	slow = (struct px_slow){ 0 };
	ck_assert(!has(1, 5));
	add(1, 5);
	add(2, 6);
	ck_assert(has(1, 5));
	ck_assert(has(1, 4 + PX_SLOW_TIME));
	ck_assert(!has(1, 5 + PX_SLOW_TIME));
	ck_assert(has(2, 5 + PX_SLOW_TIME));
	add(1, 7);
	ck_assert(has(1, 6 + PX_SLOW_TIME));
	ck_assert_uint_eq(slow.n, 2);
	name(1, id);
	px_slow_remove(&slow, id);
	px_slow_remove(&slow, id);
	ck_assert(!has(1, 7));
	ck_assert(has(2, 7));
	ck_assert_uint_eq(slow.n, 1);
}
END_TEST

START_TEST(the_oldest_is_forgotten)
{
	slow = (struct px_slow){ 0 };
	for (unsigned i = 0; i < PX_SLOW_MAX; i++)
		add(i, i);
	add(0, PX_SLOW_MAX);
	add(PX_SLOW_MAX, PX_SLOW_MAX + 1);
	ck_assert_uint_eq(slow.n, PX_SLOW_MAX);
	ck_assert(!has(1, PX_SLOW_MAX + 1));
	for (unsigned i = 0; i <= PX_SLOW_MAX; i++)
		ck_assert(i == 1 || has(i, PX_SLOW_MAX + 1));
}
END_TEST

static Suite *
places_suite(void)
{
	Suite *s = suite_create("px_lane_places");
	TCase *c = suite_case(s, "places", lanes_setup, lanes_teardown);

	tcase_add_test(c, hung_at_first_contact);
	tcase_add_test(c, no_spare_place);
	tcase_add_test(c, remembered);
	tcase_add_test(c, spare_places_come_back);
	c = suite_case(s, "slow", NULL, NULL);
	tcase_add_test(c, slow_for_a_time);
	tcase_add_test(c, the_oldest_is_forgotten);
	return s;
}

int
main(void)
{
	return run_pre_suite(places_suite);
}
