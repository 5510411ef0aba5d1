/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of group AKA that must work: many devices, lost messages, resynchronisation, the highest
 * numbers, expiry; and that nothing stays of them.
 */
#include "config.h"

#include "gaka_case.h"

/* ---- what must work ---- */

START_TEST(group)
{
	lead(1, 0);
	for (unsigned i = 2; i <= BED_DEVICES; i++) {
		attach(i, 0);
		for (unsigned j = 1; j < i; j++)
			ck_assert(!key_equal(&bed.d[i - 1].at_ue.ks, &bed.d[j - 1].at_ue.ks));
	}
}
END_TEST

START_TEST(conventional)
{
	const struct gaka_gid none = { { 0 } };
	struct bed_device *d = &bed.d[1];

	bed_t1(&bed, 2);
	bed_t10_t4(&bed, 2, 1, false);
	bed_full(&bed, 2);
	/* Of no group, too; then nothing but this is possible. */
	lead(1, 0);
	ck_assert_int_eq(gaka_ue_begin(&d->ue, &d->t, &none, NULL, NULL, d->t1), RC_OK);
	no_t7(2, 0, BED_NOW, RC_NOT_FOUND);
	bed_t10_t4(&bed, 2, 0, false);
	bed.gid = none;
	bed_full(&bed, 2);
}
END_TEST

/* Each attempt has its C; when they are used up, a new set goes on above. */
START_TEST(window)
{
	uint64_t c = 100;

	lead(1, 0);
	for (unsigned k = 0; k < GAKA_WINDOW; k++, c++) {
		attach(2, 0);
		ck_assert_uint_eq(bed.d[1].at_sn.c, c);
	}
	bed_t1(&bed, 2);
	no_t7(2, 0, BED_NOW, RC_NO_SPACE);
	attach(3, 0); /* the others have theirs */
	lead(4, 0);
	for (unsigned k = 0; k < GAKA_WINDOW; k++, c++) {
		attach(2, 0);
		ck_assert_uint_eq(bed.d[1].at_sn.c, c);
	}
}
END_TEST

/* A W of 1: each device once. */
START_TEST(window_of_one)
{
	bed.w = 1;
	lead(1, 0);
	attach(2, 0);
	bed_t1(&bed, 2);
	no_t7(2, 0, BED_NOW, RC_NO_SPACE);
	ck_assert_uint_eq(bed.d[1].iv, 101);
}
END_TEST

/* T7, T8, T9 that never come: the next attempt is as good. */
START_TEST(lost)
{
	struct bed_device *d = &bed.d[1];
	uint8_t t7[GAKA_T7_SIZE];

	lead(1, 0);
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0); /* lost */
	memcpy(t7, d->t7, sizeof(t7));
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	ck_assert_mem_ne(t7 + 58, d->t7 + 58, GAKA_NONCE_SIZE); /* NS is drawn */
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t7), &bed.gaks, d->t8),
	                 RC_OK); /* T8 lost */
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t7), &bed.gaks, d->t8),
	                 RC_OK);
	ck_assert_int_eq(gaka_sn_answer(&d->a, BED_SLICE(d->t8), BED_NOW, d->t9, &d->at_sn),
	                 RC_OK); /* T9 lost */
	attach(2, 0);
	ck_assert_uint_eq(d->at_sn.c, 103);
	/* T4, T5, T6 likewise. */
	d = &bed.d[0];
	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 0, false);
	bed_t4(&bed, 1, 0);
	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 0, false);
	bed_t4(&bed, 1, 0);
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t4), NULL, d->t5), RC_OK);
	lead(1, 0);
}
END_TEST

/* Two serving networks with sets of one group, in turns: neither kills the other's. */
START_TEST(two_networks)
{
	lead(1, 0);
	lead(3, 1);
	for (unsigned k = 0; k < 4; k++) {
		attach(2, k % 2);
		ck_assert(node_id_eq(&bed.d[1].at_ue.sn, &bed.sn[k % 2]));
		ck_assert_uint_eq(bed.d[1].at_ue.c, 100 + k / 2 + 16 * (k % 2));
	}
	ck_assert_uint_eq(bed.d[1].ue.kept.count, 2);
}
END_TEST

/* A home network that was set back: the device says so, and the numbers meet again. */
START_TEST(resynchronised)
{
	struct bed_device *d = &bed.d[0];

	for (unsigned k = 0; k < 20; k++)
		lead(1, 0);
	ck_assert_uint_eq(d->ue.kept.sqn.high, 24);
	d->sqn = 4;
	bed_t1(&bed, 1);
	bed_t10_t4(&bed, 1, 0, false);
	ue_refuses(1, BED_SLICE(d->t4), NULL, RC_CONFLICT);
	ck_assert_int_eq(gaka_reason_of(RC_CONFLICT), GAKA_SYNC);
	bed_t10_t4(&bed, 1, 0, true);
	bed_full(&bed, 1);
	ck_assert_uint_eq(d->ue.kept.sqn.high, 37);
	/* The same with a leader. */
	d->sqn = 20;
	bed_t1(&bed, 1);
	bed_t2_t3(&bed, 1, 0, false);
	bed_t4(&bed, 1, 0);
	ue_refuses(1, BED_SLICE(d->t4), NULL, RC_CONFLICT);
	bed_t2_t3(&bed, 1, 0, true);
	bed_t4(&bed, 1, 0);
	bed_full(&bed, 1);
	ck_assert_uint_eq(d->ue.kept.sqn.high, 53);
}
END_TEST

/* IV and C as high as there are. */
START_TEST(bounds)
{
	bed.w = 2;
	bed.d[1].iv = UINT64_MAX - 2;
	lead(1, 0);
	attach(2, 0);
	ck_assert_uint_eq(bed.d[1].at_ue.c, UINT64_MAX - 2);
	attach(2, 0);
	ck_assert_uint_eq(bed.d[1].at_ue.c, UINT64_MAX - 1);
	bed_t1(&bed, 2);
	no_t7(2, 0, BED_NOW, RC_NO_SPACE);
	ck_assert_uint_eq(bed.d[1].iv, UINT64_MAX);
	/* The first of all. */
	bed.d[2].iv = GAKA_IV_FIRST;
	bed.d[1].member = false;
	lead(1, 0);
	attach(3, 0);
	ck_assert_uint_eq(bed.d[2].at_ue.c, 1);
}
END_TEST

/* ---- time ---- */

START_TEST(expired)
{
	struct bed_device *d = &bed.d[1];
	struct gaka_attempt a = { .member = true };
	struct gaka_vector v = { .rand = { { 1 } } };
	uint8_t out[GAKA_T4_SIZE] = { 0 };
	struct gaka_t1 t1;

	lead(1, 0);
	bed_t1(&bed, 2);
	no_t7(2, 0, BED_EXPIRY, RC_EXPIRED);
	bed_t7(&bed, 2, 0);
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t7), &bed.gaks, d->t8),
	                 RC_OK);
	sn_refuses(2, BED_SLICE(d->t8), BED_EXPIRY, RC_EXPIRED);
	ck_assert_int_eq(gaka_sn_answer(&d->a, BED_SLICE(d->t8), BED_EXPIRY - 1, d->t9, &d->at_sn),
	                 RC_OK);
	ck_assert_int_eq(gaka_t1_read(BED_SLICE(d->t1), &t1), RC_OK);
	ck_assert_int_eq(gaka_sn_full(&a, &t1, &bed.sn[0], &v, BED_NOW, BED_NOW, out), RC_EXPIRED);
	ck_assert(!a.open && a.member);
	expect_zeros(out, sizeof(out));
}
END_TEST

/* Nothing of an attempt stays when it is over. */
START_TEST(wiped)
{
	struct bed_device *d = &bed.d[1];

	lead(1, 0);
	attach(2, 0);
	expect_zeros(&d->a, sizeof(d->a));
	expect_zeros(&d->t, sizeof(d->t));
	expect_zeros(&bed.d[0].a, sizeof(d->a));
	expect_zeros(&bed.d[0].t, sizeof(d->t));
	gaka_done_wipe(&d->at_ue);
	expect_zeros(&d->at_ue, sizeof(d->at_ue));
	gaka_ue_wipe(&d->ue);
	expect_zeros(&d->ue, sizeof(d->ue));
	gaka_done_wipe(NULL);
	gaka_ue_wipe(NULL);
	gaka_try_wipe(NULL);
	gaka_attempt_wipe(NULL);
	gaka_t3_wipe(NULL);
	gaka_t11_wipe(NULL);
}
END_TEST

static Suite *
run_cases(void)
{
	Suite *s = suite_create("gaka_run");
	TCase *c = suite_case(s, "run", setup, teardown);

	tcase_add_test(c, group);
	tcase_add_test(c, conventional);
	tcase_add_test(c, window);
	tcase_add_test(c, window_of_one);
	tcase_add_test(c, lost);
	tcase_add_test(c, two_networks);
	tcase_add_test(c, resynchronised);
	tcase_add_test(c, bounds);
	tcase_add_test(c, expired);
	tcase_add_test(c, wiped);
	return s;
}

int
main(void)
{
	return run_suite(run_cases());
}
