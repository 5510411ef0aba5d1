/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bed for the cases of a program, and what they expect of a step: it refuses, and everything is
 * as it was.
 */
#ifndef UNIT_GAKA_CASE_H
#define UNIT_GAKA_CASE_H

#include "gaka_bed.h"

static struct bed bed;

static inline void
setup(void)
{
	bed_init(&bed);
	bed.random = true;
}

static inline void
teardown(void)
{
	bed_fini(&bed);
}

/* The leader i brings the serving network s a set; its own run is done. */
static inline void
lead(unsigned i, unsigned s)
{
	bed_t1(&bed, i);
	bed_t2_t3(&bed, i, s, false);
	bed_t4(&bed, i, s);
	bed_full(&bed, i);
}

static inline void
attach(unsigned i, unsigned s)
{
	bed_t1(&bed, i);
	bed_t7(&bed, i, s);
	bed_member(&bed, i);
}

/* The device i refuses the message with rc, and is as it was. */
static inline void
ue_refuses(unsigned i, struct slice message, const struct gaka_gaks *gaks, enum rc rc)
{
	struct bed_device *d = &bed.d[i - 1];
	static struct bed_device before;
	uint8_t out[GAKA_SHORT_SIZE] = { 0 };
	unsigned keeps = d->keeps;

	memcpy(&before, d, sizeof(before));
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, message, gaks, out), rc);
	if (d->keep_rc == RC_OK)
		ck_assert_uint_eq(d->keeps, keeps);
	d->keeps = keeps;
	ck_assert_mem_eq(&before, d, sizeof(before));
	expect_zeros(out, sizeof(out));
}

static inline void
sn_refuses(unsigned i, struct slice message, uint64_t now, enum rc rc)
{
	struct bed_device *d = &bed.d[i - 1];
	struct gaka_attempt before;
	uint8_t out[GAKA_SHORT_SIZE] = { 0 };
	struct gaka_done done = { .c = 7 };

	memcpy(&before, &d->a, sizeof(before));
	ck_assert_int_eq(gaka_sn_answer(&d->a, message, now, out, &done), rc);
	ck_assert_mem_eq(&before, &d->a, sizeof(before));
	expect_zeros(out, sizeof(out));
	ck_assert_uint_eq(done.c, 7);
	ck_assert(key_is_zero(&done.ks));
}

/* The serving network has no T7 for the device. */
static inline void
no_t7(unsigned i, unsigned s, uint64_t now, enum rc rc)
{
	struct bed_device *d = &bed.d[i - 1];
	struct gaka_attempt a = { .open = true };
	uint8_t out[GAKA_T7_SIZE] = { 0 };
	struct gaka_t1 t1;

	ck_assert_int_eq(gaka_t1_read(BED_SLICE(d->t1), &t1), RC_OK);
	ck_assert_int_eq(gaka_sn_member(&a, bed.set[s], &t1, NULL, now, out), rc);
	ck_assert(a.open && !a.member);
	expect_zeros(out, sizeof(out));
}

#endif
