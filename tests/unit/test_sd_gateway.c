/* SPDX-License-Identifier: Apache-2.0 */
/* Which readings a gateway puts into one bundle, and in which order they leave. */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdlib.h>

#include "base/clock.h"
#include "suite.h"

#define WAIT (5 * CLOCK_SECOND)
#define T0 (100 * CLOCK_SECOND)

static struct gw gw;
static struct gw_device devices[3];
static struct gw_reading *picked[SD_READINGS_MAX];

static void
setup(void)
{
	memset(&gw, 0, sizeof(gw));
	memset(devices, 0, sizeof(devices));
	gw.last = &gw.first;
	gw.conf.bundle_max = 4;
	gw.conf.bundle_wait = WAIT;
	gw.flight.readings = picked;
	gw.flight.limit = SD_READINGS_MAX;
}

static void
teardown(void)
{
	gw_queue_free(&gw);
}

/* Number seq of device i, at T0. */
static struct gw_reading *
add(unsigned i, uint64_t seq, enum sd_alg alg)
{
	struct gw_reading *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	r->device = &devices[i];
	r->device->uses++;
	r->seq = seq;
	r->no = gw.next_no++;
	r->alg = alg;
	r->since = T0;
	gw.pending++;
	gw_queue_add(&gw, r);
	return r;
}

static size_t
pick(int64_t now, int64_t *delay)
{
	return gw_queue_pick(&gw, &gw.flight, now, delay);
}

/* What is picked leaves. */
static void
leave(size_t n)
{
	for (size_t i = 0; i < n; i++)
		picked[i]->answered = true;
	gw_queue_sweep(&gw);
}

START_TEST(nothing_waits_for_nothing)
{
	int64_t delay;

	ck_assert_uint_eq(pick(T0, &delay), 0);
	ck_assert_int_eq(delay, CLOCK_NEVER);
}
END_TEST

START_TEST(readings_wait_for_others)
{
	int64_t delay;

	add(0, 1, SD_ED25519);
	add(1, 1, SD_ED25519);
	ck_assert_uint_eq(pick(T0 + 1, &delay), 0);
	ck_assert_int_eq(delay, WAIT - 1);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 2);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_ED25519);
	ck_assert_uint_eq(gw.flight.bundle.n, 2);
}
END_TEST

START_TEST(a_full_bundle_goes_at_once)
{
	int64_t delay;

	for (unsigned i = 1; i <= 5; i++)
		add(0, i, SD_ED25519);
	ck_assert_uint_eq(pick(T0, &delay), 4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(picked[i]->seq, i + 1);
	leave(4);
	ck_assert_uint_eq(gw.pending, 1);
	ck_assert_uint_eq(gw.queued, 1);
	ck_assert_uint_eq(devices[0].uses, 1);
	ck_assert_uint_eq(pick(T0, &delay), 0);
	/* Behind what has left the queue goes on. */
	add(1, 1, SD_ED25519);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 2);
	ck_assert_uint_eq(picked[0]->seq, 5);
}
END_TEST

START_TEST(a_limit_of_the_network_is_kept)
{
	int64_t delay;

	for (unsigned i = 1; i <= 4; i++)
		add(0, i, SD_ED25519);
	gw.flight.limit = 2;
	ck_assert_uint_eq(pick(T0, &delay), 2);
}
END_TEST

START_TEST(a_bundle_is_of_one_kind)
{
	int64_t delay;

	add(0, 1, SD_BLS_SINGLE);
	add(1, 1, SD_ED25519);
	add(2, 1, SD_BLS_SINGLE)->flags = SD_ENCRYPTED;
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_BLS);
	leave(1);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_ED25519);
	leave(1);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_uint_eq(gw.flight.bundle.flags, SD_ENCRYPTED);
}
END_TEST

START_TEST(no_reading_overtakes_one_of_its_device)
{
	int64_t delay;

	add(0, 1, SD_BLS_SINGLE);
	add(1, 1, SD_ED25519);
	add(1, 2, SD_BLS_SINGLE);
	add(0, 2, SD_BLS_SINGLE);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 2);
	ck_assert_ptr_eq(picked[0]->device, &devices[0]);
	ck_assert_ptr_eq(picked[1]->device, &devices[0]);
	leave(2);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_uint_eq(picked[0]->seq, 1);
	leave(1);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_uint_eq(picked[0]->seq, 2);
}
END_TEST

START_TEST(one_number_is_not_in_a_bundle_twice)
{
	int64_t delay;

	add(0, 2, SD_ED25519);
	add(0, 2, SD_ED25519);
	add(0, 1, SD_ED25519);
	add(1, 2, SD_ED25519);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 2);
	ck_assert_ptr_eq(picked[1]->device, &devices[1]);
	leave(2);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_uint_eq(picked[0]->seq, 2);
	leave(1);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_uint_eq(picked[0]->seq, 1);
}
END_TEST

START_TEST(culprits_go_with_single_signatures)
{
	int64_t delay;

	add(0, 1, SD_BLS_SINGLE)->alone = true;
	add(1, 1, SD_BLS_SINGLE);
	/* It does not wait: the network has asked for it. */
	ck_assert_uint_eq(pick(T0, &delay), 1);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_BLS_SINGLE);
	leave(1);
	devices[1].excluded = T0 + 2 * WAIT;
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_BLS_SINGLE);
	ck_assert_uint_eq(pick(T0 + 2 * WAIT, &delay), 1);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_BLS);
}
END_TEST

/* What the network cannot verify now holds up its own devices alone, and is tried again. */
START_TEST(what_is_held_stops_no_other)
{
	int64_t delay;

	add(0, 1, SD_IDENTITY);
	add(0, 2, SD_ED25519);
	add(1, 1, SD_ED25519);
	gw.held[SD_IDENTITY] = T0 + 2 * WAIT;
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
	ck_assert_ptr_eq(picked[0]->device, &devices[1]);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_ED25519);
	leave(1);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 0);
	ck_assert_int_eq(delay, WAIT);
	ck_assert_uint_eq(pick(T0 + 2 * WAIT, &delay), 1);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_IDENTITY);
}
END_TEST

START_TEST(an_identity_based_bundle_is_of_one_round)
{
	int64_t delay;

	for (unsigned i = 0; i < 3; i++)
		add(i, 1, SD_IDENTITY)->round[0] = (uint8_t)(i == 2);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 2);
	ck_assert_int_eq(gw.flight.bundle.alg, SD_IDENTITY);
	picked[0]->alone = picked[1]->alone = true;
	ck_assert_uint_eq(pick(T0, &delay), 1);
	leave(1);
	ck_assert_uint_eq(pick(T0, &delay), 1);
	leave(1);
	ck_assert_uint_eq(pick(T0, &delay), 0);
	ck_assert_uint_eq(pick(T0 + WAIT, &delay), 1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sd_gateway");
	TCase *t = suite_case(s, "queue", setup, teardown);

	tcase_add_test(t, nothing_waits_for_nothing);
	tcase_add_test(t, readings_wait_for_others);
	tcase_add_test(t, a_full_bundle_goes_at_once);
	tcase_add_test(t, a_limit_of_the_network_is_kept);
	tcase_add_test(t, a_bundle_is_of_one_kind);
	tcase_add_test(t, no_reading_overtakes_one_of_its_device);
	tcase_add_test(t, one_number_is_not_in_a_bundle_twice);
	tcase_add_test(t, culprits_go_with_single_signatures);
	tcase_add_test(t, what_is_held_stops_no_other);
	tcase_add_test(t, an_identity_based_bundle_is_of_one_round);
	return s;
}

int
main(void)
{
	return run_suite(make_suite());
}
