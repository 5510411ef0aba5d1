/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device keeps so that no challenge of group AKA is answered twice: sequence numbers, marks,
 * their octets; and that it is kept before the answer is given out.
 */
#include "config.h"

#include "base/be.h"
#include "gaka_case.h"

/* ---- sequence numbers ---- */

START_TEST(sequence)
{
	struct gaka_sqn s = { 0, 0 };

	ck_assert(!gaka_sqn_take(&s, 0));
	ck_assert(gaka_sqn_take(&s, 1));
	ck_assert(!gaka_sqn_take(&s, 0));
	ck_assert(!gaka_sqn_take(&s, 1));
	ck_assert(gaka_sqn_take(&s, 3));
	ck_assert(gaka_sqn_take(&s, 2));
	ck_assert(!gaka_sqn_take(&s, 2));
	ck_assert(!gaka_sqn_take(&s, 1));
	ck_assert(gaka_sqn_take(&s, 40)); /* 8..39 may come */
	ck_assert(!gaka_sqn_take(&s, 7));
	for (uint64_t n = 8; n <= 40; n++) {
		ck_assert(gaka_sqn_take(&s, n) == (n < 40));
		ck_assert(!gaka_sqn_take(&s, n));
	}
	ck_assert(gaka_sqn_take(&s, 72)); /* 40 is just in the window, and was taken */
	ck_assert(!gaka_sqn_take(&s, 40));
	ck_assert(gaka_sqn_take(&s, 41));
	ck_assert(gaka_sqn_take(&s, 1000));
	ck_assert_uint_eq(s.seen, 0);
	ck_assert(gaka_sqn_take(&s, UINT64_MAX));
	ck_assert(!gaka_sqn_take(&s, UINT64_MAX));
	ck_assert(gaka_sqn_take(&s, UINT64_MAX - 32));
	ck_assert(!gaka_sqn_take(&s, UINT64_MAX - 33));
	ck_assert(!gaka_sqn_take(&s, UINT64_MAX - 32));
}
END_TEST

/* Against a list of all that were taken. */
START_TEST(sequence_listed)
{
	struct gaka_sqn s = { 0, 0 };
	bool taken[400] = { false };
	unsigned high = 0, x = 12345;

	for (unsigned k = 0; k < 4000; k++) {
		unsigned n;
		bool fresh;

		x = x * 1103515245u + 12345u;
		n = high / 2 + (x >> 16) % (high / 2 + 40);
		if (n >= NITEMS(taken))
			n = high;
		fresh = n > high || (n > 0 && !taken[n] && high - n <= 32);
		ck_assert(gaka_sqn_take(&s, n) == fresh);
		taken[n] |= fresh;
		if (fresh && n > high)
			high = n;
		ck_assert_uint_eq(s.high, high);
	}
	ck_assert_uint_gt(high, 100);
}
END_TEST

/* ---- what is kept ---- */

/* What cannot be kept is not answered; what was kept is not answered again. */
START_TEST(kept_before)
{
	struct bed_device *d = &bed.d[1];
	uint8_t t7[GAKA_T7_SIZE];

	lead(1, 0);
	bed.random = false;
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	memcpy(t7, d->t7, sizeof(t7));
	d->keep_rc = RC_UNAVAILABLE;
	ue_refuses(2, BED_SLICE(t7), &bed.gaks, RC_UNAVAILABLE);
	d->keep_rc = RC_OK;
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(t7), &bed.gaks, d->t8), RC_OK);
	ck_assert_uint_eq(be_get(d->state + 18 + 24, 8), 100); /* it is there before T8 is */
	bed_restart(&bed, 2);
	bed_t1(&bed, 2);
	ue_refuses(2, BED_SLICE(t7), &bed.gaks, RC_PRECONDITION);
	/* And so for the sequence numbers. */
	bed_t10_t4(&bed, 2, 0, false);
	d->keep_rc = RC_NO_SPACE;
	ue_refuses(2, BED_SLICE(d->t4), NULL, RC_NO_SPACE);
	d->keep_rc = RC_OK;
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t4), NULL, d->t5), RC_OK);
	ck_assert_uint_eq(be_get(d->state + 4, 8), 5);
}
END_TEST

START_TEST(state)
{
	struct bed_device *d = &bed.d[1];
	const struct gaka_keeper keeper = d->ue.keeper;
	uint8_t octets[GAKA_STATE_MAX + 1];
	struct gaka_ue ue;

	lead(2, 0);
	lead(1, 0);
	lead(3, 1);
	attach(2, 0);
	attach(2, 1);
	ck_assert_uint_eq(d->state_n, 18 + 2 * GAKA_MARK_SIZE);
	ck_assert_int_eq(
		gaka_ue_init(&ue, &d->id, &d->ka, slice_make(d->state, d->state_n), &keeper),
		RC_OK);
	ck_assert_mem_eq(&ue.kept, &d->ue.kept, sizeof(ue.kept));
	for (size_t n = 0; n < d->state_n; n++) {
		ck_assert_int_eq(
			gaka_ue_init(&ue, &d->id, &d->ka, slice_make(d->state, n), &keeper),
			RC_BAD_REQUEST);
		expect_zeros(&ue, sizeof(ue));
	}
	memcpy(octets, d->state, d->state_n);
	octets[d->state_n] = 0;
	ck_assert_int_eq(
		gaka_ue_init(&ue, &d->id, &d->ka, slice_make(octets, d->state_n + 1), &keeper),
		RC_BAD_REQUEST);
	octets[0] ^= 1;
	ck_assert_int_eq(gaka_ue_init(&ue, &d->id, &d->ka, slice_make(octets, d->state_n), &keeper),
	                 RC_BAD_REQUEST);
	memcpy(octets, d->state, d->state_n);
	memset(octets + 18 + 24, 0, 8); /* no C has that number */
	ck_assert_int_eq(gaka_ue_init(&ue, &d->id, &d->ka, slice_make(octets, d->state_n), &keeper),
	                 RC_BAD_REQUEST);
	memcpy(octets + 18, d->state + 18 + 32, 32); /* one pair twice */
	ck_assert_int_eq(gaka_ue_init(&ue, &d->id, &d->ka, slice_make(octets, d->state_n), &keeper),
	                 RC_BAD_REQUEST);
}
END_TEST

/* As many as there may be, and one more; each of another serving network. */
START_TEST(many_marks)
{
	const struct gaka_keeper keeper = bed.d[1].ue.keeper;
	uint8_t octets[GAKA_STATE_MAX + GAKA_MARK_SIZE] = "GUE1";
	struct gaka_ue ue;

	for (unsigned i = 0; i <= GAKA_MARKS_MAX; i++) {
		octets[18 + GAKA_MARK_SIZE * i + 8] = (uint8_t)i;
		octets[18 + GAKA_MARK_SIZE * i + 31] = 1;
	}
	be_put(octets + 16, GAKA_MARKS_MAX, 2);
	ck_assert_int_eq(gaka_ue_init(&ue, &bed.d[1].id, &bed.d[1].ka,
	                              slice_make(octets, GAKA_STATE_MAX), &keeper),
	                 RC_OK);
	be_put(octets + 16, GAKA_MARKS_MAX + 1, 2);
	ck_assert_int_eq(gaka_ue_init(&ue, &bed.d[1].id, &bed.d[1].ka, BED_SLICE(octets), &keeper),
	                 RC_BAD_REQUEST);
	expect_zeros(&ue, sizeof(ue));
}
END_TEST

/* Marks have their number, and are forgotten by group alone. */
START_TEST(marks)
{
	struct bed_device *d = &bed.d[1];
	const struct gaka_gid other = { { 9 } }, all[] = { bed.gid, other };

	lead(1, 0);
	for (unsigned i = 0; i < GAKA_MARKS_MAX; i++) {
		struct gaka_mark *m = &d->ue.kept.marks[d->ue.kept.count++];

		*m = (struct gaka_mark){ .gid = i % 2 == 0 ? bed.gid : other, .last = 1000 };
		be_put(m->sn.v, i + 1, 8);
	}
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_NO_SPACE);
	d->keep_rc = RC_INTERNAL; /* with nothing to forget nothing is kept */
	ck_assert_int_eq(gaka_ue_forget_others(&d->ue, all, 2), RC_OK);
	ck_assert_uint_eq(d->ue.kept.count, GAKA_MARKS_MAX);
	ck_assert_int_eq(gaka_ue_forget_others(&d->ue, &bed.gid, 1), RC_INTERNAL);
	ck_assert_uint_eq(d->ue.kept.count, GAKA_MARKS_MAX);
	d->keep_rc = RC_OK;
	ck_assert_int_eq(gaka_ue_forget_others(&d->ue, &bed.gid, 1), RC_OK);
	ck_assert_uint_eq(d->ue.kept.count, GAKA_MARKS_MAX / 2);
	for (unsigned i = 0; i < GAKA_MARKS_MAX / 2; i++)
		ck_assert(gaka_gid_eq(&d->ue.kept.marks[i].gid, &bed.gid));
	bed_member(&bed, 2);
	ck_assert_uint_eq(d->ue.kept.count, GAKA_MARKS_MAX / 2 + 1);
	ck_assert_int_eq(gaka_ue_forget_others(&d->ue, NULL, 0), RC_OK);
	ck_assert_uint_eq(d->ue.kept.count, 0);
}
END_TEST

static Suite *
state_cases(void)
{
	Suite *s = suite_create("gaka_state");
	TCase *c = suite_case(s, "state", setup, teardown);

	tcase_add_test(c, sequence);
	tcase_add_test(c, sequence_listed);
	tcase_add_test(c, kept_before);
	tcase_add_test(c, state);
	tcase_add_test(c, many_marks);
	tcase_add_test(c, marks);
	return s;
}

int
main(void)
{
	return run_suite(state_cases());
}
