/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever sits between a device and the serving network: every message changed, cut, made longer,
 * given as another, to another device, to another run, to another serving network. Nothing of it is
 * taken, nothing changes, and what was not changed is good afterwards. OPENSCL_LONG=1 in the
 * environment: every bit of every octet instead of one.
 */
#include "config.h"

#include "gaka_bed.h"

#include <stdlib.h>

/* The messages that go over the area network, by whom they are taken. */
enum step { T4, T5, T6, T7, T8, T9, STEPS };

static struct bed bed;

static void
setup(void)
{
	bed_init(&bed);
	bed.random = true;
}

static void
teardown(void)
{
	bed_fini(&bed);
}

static struct slice
message(struct bed_device *d, enum step m)
{
	const struct slice all[STEPS] = { BED_SLICE(d->t4), BED_SLICE(d->t5), BED_SLICE(d->t6),
		                          BED_SLICE(d->t7), BED_SLICE(d->t8), BED_SLICE(d->t9) };

	return all[m];
}

/* Gives octets to whoever takes m. */
static enum rc
give(struct bed_device *d, enum step m, struct slice octets)
{
	switch (m) {
	case T4:
		return gaka_ue_challenge(&d->ue, &d->t, octets, &bed.gaks, d->t5);
	case T7:
		return gaka_ue_challenge(&d->ue, &d->t, octets, &bed.gaks, d->t8);
	case T5:
		return gaka_sn_answer(&d->a, octets, BED_NOW, d->t6, &d->at_sn);
	case T8:
		return gaka_sn_answer(&d->a, octets, BED_NOW, d->t9, &d->at_sn);
	default:
		return gaka_ue_confirm(&d->t, octets, &d->at_ue);
	}
}

/* Everything but what was said is the same afterwards. */
static void
refuses(struct bed_device *d, enum step m, struct slice octets)
{
	static struct bed_device before;
	enum rc rc;

	memcpy(&before, d, sizeof(before));
	rc = give(d, m, octets);
	ck_assert_msg(rc == RC_BAD_REQUEST || rc == RC_DENIED || rc == RC_CONFLICT ||
	                      rc == RC_PRECONDITION || rc == RC_NOT_FOUND,
	              "step %d takes it: %d", (int)m, (int)rc);
	ck_assert_mem_eq(&before, d, sizeof(before));
}

/* The device i before its run of that kind goes on with m. */
static void
until(unsigned i, enum step m)
{
	struct bed_device *d = &bed.d[i - 1];
	enum step from = m < T7 ? T4 : T7;

	bed_t1(&bed, i);
	if (from == T4)
		bed_t10_t4(&bed, i, 0, false);
	else
		bed_t7(&bed, i, 0);
	for (enum step k = from; k < m; k++)
		ck_assert_int_eq(give(d, k, message(d, k)), RC_OK);
}

static void
lead(void)
{
	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 0, false);
	bed_t4(&bed, 1, 0);
	bed_full(&bed, 1);
}

/* The rest of it is as if nothing had been tried. */
static void
goes_on(struct bed_device *d, enum step m)
{
	enum step end = m < T7 ? T6 : T9;

	for (enum step k = m; k <= end; k++)
		ck_assert_int_eq(give(d, k, message(d, k)), RC_OK);
	ck_assert(key_equal(&d->at_ue.ks, &d->at_sn.ks));
}

/* ---- changed ---- */

static bool
all_bits(void)
{
	const char *wanted = getenv("OPENSCL_LONG");

	return wanted != NULL && wanted[0] == '1';
}

static void
flip(struct bed_device *d, enum step m, uint8_t *copy, size_t n)
{
	bool all = all_bits();

	for (size_t k = 0; k < n; k++)
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!all && bit != k % 8)
				continue;
			copy[k] ^= (uint8_t)(1 << bit);
			refuses(d, m, slice_make(copy, n));
			copy[k] ^= (uint8_t)(1 << bit);
		}
}

START_TEST(changed)
{
	struct bed_device *d = &bed.d[1];
	enum step m = (enum step)_i;
	uint8_t copy[GAKA_DEVICE_MAX + 1] = { 0 };
	struct slice octets;

	lead();
	until(2, m);
	octets = message(d, m);
	memcpy(copy, octets.p, octets.n);
	flip(d, m, copy, octets.n);
	for (size_t n = 0; n <= octets.n + 1; n++) {
		uint8_t *exact = malloc(n + 1);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, copy, n);
		if (n != octets.n)
			refuses(d, m, slice_make(exact, n));
		free(exact);
	}
	refuses(d, m, SLICE_NONE);
	goes_on(d, m);
}
END_TEST

/* T1 has no tag of its own: what comes of a changed one is refused by the device. */
START_TEST(changed_t1)
{
	struct bed_device *d = &bed.d[1];
	bool all = all_bits();
	unsigned taken = 0;

	lead();
	bed_t1(&bed, 3);
	for (unsigned bit = 0; bit < 8 * GAKA_T1_SIZE; bit++) {
		uint8_t octets[GAKA_T1_SIZE];
		struct gaka_attempt a;
		struct gaka_t1 t1;
		enum rc rc;

		if (!all && bit % 8 != bit / 8 % 8)
			continue;
		bed.set[0]->members[0].next = 100;
		bed_t1(&bed, 2);
		memcpy(octets, d->t1, sizeof(octets));
		octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (gaka_t1_read(BED_SLICE(octets), &t1) != RC_OK)
			continue;
		rc = gaka_sn_member(&a, bed.set[0], &t1, NULL, BED_NOW, d->t7);
		ck_assert(rc == RC_OK || rc == RC_NOT_FOUND);
		if (rc == RC_OK)
			refuses(d, T7, BED_SLICE(d->t7));
		taken += rc == RC_OK;
		/* The full run with another's vector. */
		bed_t10_t4(&bed, 3, 0, false);
		refuses(d, T4, BED_SLICE(bed.d[2].t4));
	}
	ck_assert_uint_ge(taken, GAKA_NONCE_SIZE);
}
END_TEST

/* ---- out of place ---- */

/* Each message where another is waited for: of this run, and of one of the other kind. */
START_TEST(out_of_place)
{
	struct bed_device *d = &bed.d[1];
	static struct bed_device full, member;

	lead();
	until(2, T6);
	goes_on(d, T6);
	full = *d;
	until(2, T9);
	goes_on(d, T9);
	member = *d;
	for (enum step m = T4; m < STEPS; m++) {
		until(2, m);
		for (enum step k = T4; k < STEPS; k++) {
			refuses(d, m, message(&full, k));
			refuses(d, m, message(&member, k));
			if (k != m)
				refuses(d, m, message(d, k));
		}
		goes_on(d, m);
	}
}
END_TEST

/* The messages of another member, and of another run, where the right ones are waited for. */
START_TEST(crossed)
{
	struct bed_device *d = &bed.d[1], *other = &bed.d[2];
	enum step m = (enum step)_i;

	lead();
	until(2, m);
	until(3, m);
	refuses(d, m, message(other, m));
	refuses(other, m, message(d, m));
	goes_on(d, m);
	goes_on(other, m);
}
END_TEST

/* Two runs of one device that overlap: the answer to one is none to the other. */
START_TEST(two_runs)
{
	struct bed_device *d = &bed.d[1];
	struct gaka_attempt first;
	struct gaka_try t;
	uint8_t t7[GAKA_T7_SIZE], t8[GAKA_SHORT_SIZE], t9[GAKA_SHORT_SIZE];

	lead();
	until(2, T7);
	first = d->a;
	t = d->t;
	memcpy(t7, d->t7, sizeof(t7));
	until(2, T7);
	refuses(d, T7, BED_SLICE(t7)); /* of the other T1 */
	ck_assert_int_eq(give(d, T7, BED_SLICE(d->t7)), RC_OK);
	ck_assert_int_eq(gaka_sn_answer(&first, BED_SLICE(d->t8), BED_NOW, t9, &d->at_sn),
	                 RC_DENIED);
	/* The first one is older now. */
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &t, BED_SLICE(t7), &bed.gaks, t8),
	                 RC_PRECONDITION);
	goes_on(d, T8);
}
END_TEST

/* Sets that two serving networks have for one member: what one says is none of the other's. */
START_TEST(two_networks)
{
	struct bed_device *d = &bed.d[1];
	uint8_t t7[GAKA_T7_SIZE];

	lead();
	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 1, false);
	bed_t4(&bed, 1, 1);
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	memcpy(t7, d->t7, sizeof(t7));
	bed_t7(&bed, 2, 1);
	/* The fields of each in the other. */
	for (size_t at = GAKA_HEADER_SIZE; at < GAKA_T7_SIZE; at += 2) {
		uint8_t mixed[GAKA_T7_SIZE];

		memcpy(mixed, t7, at);
		memcpy(mixed + at, d->t7 + at, GAKA_T7_SIZE - at);
		if (memcmp(mixed, t7, GAKA_T7_SIZE) != 0 && memcmp(mixed, d->t7, GAKA_T7_SIZE) != 0)
			refuses(d, T7, BED_SLICE(mixed));
	}
	/* It answers the first; the second waits for another answer. */
	ck_assert_int_eq(give(d, T7, BED_SLICE(t7)), RC_OK);
	refuses(d, T8, BED_SLICE(d->t8));
}
END_TEST

static Suite *
tamper_suite(void)
{
	Suite *s = suite_create("gaka_tamper");
	TCase *c = suite_case(s, "tamper", setup, teardown);

	tcase_add_loop_test(c, changed, T4, STEPS);
	tcase_add_test(c, changed_t1);
	tcase_add_test(c, out_of_place);
	tcase_add_loop_test(c, crossed, T4, STEPS);
	tcase_add_test(c, two_runs);
	tcase_add_test(c, two_networks);
	return s;
}

int
main(void)
{
	return run_suite(tamper_suite());
}
