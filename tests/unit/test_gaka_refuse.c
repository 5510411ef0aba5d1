/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of group AKA that must not be: an answer twice, an old C, another's keys, a serving network
 * without vectors or with another's, an old epoch, a removed member.
 */
#include "config.h"

#include "gaka_case.h"

/* ---- an answer twice ---- */

START_TEST(replayed)
{
	struct bed_device *d = &bed.d[1];
	uint8_t t7[GAKA_T7_SIZE], t8[GAKA_SHORT_SIZE];

	lead(1, 0);
	bed.random = false; /* the same T1 again */
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	memcpy(t7, d->t7, sizeof(t7));
	bed_member(&bed, 2);
	memcpy(t8, d->t8, sizeof(t8));
	/* The attempt is over on both sides. */
	sn_refuses(2, BED_SLICE(t8), BED_NOW, RC_NOT_FOUND);
	ue_refuses(2, BED_SLICE(t7), &bed.gaks, RC_NOT_FOUND);
	bed_t1(&bed, 2);
	ue_refuses(2, BED_SLICE(t7), &bed.gaks, RC_PRECONDITION);
	bed_restart(&bed, 2);
	bed_t1(&bed, 2);
	ue_refuses(2, BED_SLICE(t7), &bed.gaks, RC_PRECONDITION);
	bed_t7(&bed, 2, 0);
	sn_refuses(2, BED_SLICE(t8), BED_NOW, RC_DENIED);
	bed_member(&bed, 2);
}
END_TEST

START_TEST(replayed_full)
{
	struct bed_device *d = &bed.d[0];
	uint8_t t4[GAKA_T4_SIZE], t5[GAKA_SHORT_SIZE];

	lead(1, 0);
	memcpy(t4, d->t4, sizeof(t4));
	memcpy(t5, d->t5, sizeof(t5));
	sn_refuses(1, BED_SLICE(t5), BED_NOW, RC_NOT_FOUND);
	bed_t1(&bed, 1);
	ue_refuses(1, BED_SLICE(t4), NULL, RC_CONFLICT);
	bed_restart(&bed, 1);
	bed_t1(&bed, 1);
	ue_refuses(1, BED_SLICE(t4), NULL, RC_CONFLICT);
	bed_t10_t4(&bed, 1, 0, false);
	sn_refuses(1, BED_SLICE(t5), BED_NOW, RC_DENIED);
	bed_full(&bed, 1);
}
END_TEST

/* A later C kills the ones below it: in the set, and of an older set. */
START_TEST(older)
{
	struct bed_device *d = &bed.d[1];
	uint8_t old[GAKA_T7_SIZE];
	struct gaka_set *before;

	lead(1, 0);
	bed.random = false;
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	memcpy(old, d->t7, sizeof(old));
	attach(2, 0);
	bed_t1(&bed, 2);
	ue_refuses(2, BED_SLICE(old), &bed.gaks, RC_PRECONDITION);
	before = bed.set[0];
	bed.set[0] = NULL;
	bed.random = true;
	lead(3, 0);
	attach(2, 0);
	ck_assert_uint_eq(d->at_ue.c, 116);
	gaka_set_free(bed.set[0]);
	bed.set[0] = before;
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_PRECONDITION);
}
END_TEST

/* ---- who is not meant ---- */

/* Device i has its own KA and the GAK, and answers for j. */
START_TEST(member_as_another)
{
	struct bed_device *i = &bed.d[1], *j = &bed.d[2];
	struct gaka_ue thief = i->ue;

	lead(1, 0);
	thief.id = j->id;
	ck_assert_int_eq(gaka_ue_begin(&thief, &i->t, &bed.gid, NULL, NULL, j->t1), RC_OK);
	bed_t7(&bed, 3, 0);
	ck_assert_int_eq(gaka_ue_challenge(&thief, &i->t, BED_SLICE(j->t7), &bed.gaks, i->t8),
	                 RC_DENIED);
	/* It makes up the T8: with the keys that it has. */
	struct gaka_run run = { BED_SLICE(j->t1), BED_SLICE(j->t7), SLICE_NONE };
	struct gaka_rand rand;
	const struct gaka_part part = { &bed.gid, &rand, &bed.sn[0], 100, 16 };
	uint8_t tag[GAKA_TAG_SIZE];
	struct key gtk, xk, kauth;

	memcpy(rand.v, j->t7 + 8, GAKA_RAND_SIZE);
	ck_assert_int_eq(gaka_gtk(&bed.gak, &part, &gtk), RC_OK);
	ck_assert_int_eq(gaka_xk(&i->ka, &part, &xk), RC_OK);
	ck_assert_int_eq(gaka_kauth(&gtk, &xk, &kauth), RC_OK);
	ck_assert_int_eq(gaka_tag_ue(&kauth, &run, tag), RC_OK);
	gaka_tag_write(GAKA_T8, tag, i->t8);
	sn_refuses(3, BED_SLICE(i->t8), BED_NOW, RC_DENIED);
	/* With the right KA all of it would have been right. */
	ck_assert_int_eq(gaka_xk(&j->ka, &part, &xk), RC_OK);
	ck_assert_int_eq(gaka_kauth(&gtk, &xk, &kauth), RC_OK);
	ck_assert_int_eq(gaka_tag_ue(&kauth, &run, tag), RC_OK);
	gaka_tag_write(GAKA_T8, tag, i->t8);
	ck_assert_int_eq(gaka_sn_answer(&j->a, BED_SLICE(i->t8), BED_NOW, i->t9, &j->at_sn), RC_OK);
}
END_TEST

/* The set of one serving network, used by another: it has its own name, or it is caught as liar. */
START_TEST(another_network)
{
	struct bed_device *d = &bed.d[1];

	lead(1, 0);
	bed.set[0]->sn = bed.sn[1];
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
	memcpy(d->t7 + 24, bed.sn[0].v, NODE_ID_BYTES);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
	/* The same of T4. */
	bed_t10_t4(&bed, 2, 0, false);
	memcpy(d->t4 + 50, bed.sn[1].v, NODE_ID_BYTES);
	ue_refuses(2, BED_SLICE(d->t4), NULL, RC_DENIED);
	/* A device that knows whom it has to do with takes nobody else. */
	bed_t1(&bed, 2);
	ck_assert_int_eq(gaka_ue_begin(&d->ue, &d->t, &bed.gid, &bed.sn[1], NULL, d->t1), RC_OK);
	bed.set[0]->sn = bed.sn[0];
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_FORBIDDEN);
	bed_t10_t4(&bed, 2, 0, false);
	ue_refuses(2, BED_SLICE(d->t4), NULL, RC_FORBIDDEN);
	bed_t10_t4(&bed, 2, 1, false);
	bed_full(&bed, 2);
}
END_TEST

/* A serving network that nobody has authorised guesses: it has even the GAK, and a member's KA. */
START_TEST(without_t3)
{
	struct bed_device *d = &bed.d[1];
	const struct gaka_rand rand = { { 7 } };
	const struct gaka_part part = { &bed.gid, &rand, &bed.sn[0], 100, 16 };
	const struct gaka_run run = { BED_SLICE(d->t1), BED_SLICE(d->t7), SLICE_NONE };
	struct gaka_t7 t7 = { .rand = rand, .sn = bed.sn[0], .iv = 100, .w = 16, .c = 100 };
	struct key gtk, xk, kauth;

	bed_t1(&bed, 2);
	ck_assert_int_eq(gaka_gtk(&bed.gak, &part, &gtk), RC_OK);
	ck_assert_int_eq(gaka_xk(&bed.d[2].ka, &part, &xk), RC_OK);
	ck_assert_int_eq(gaka_kauth(&gtk, &xk, &kauth), RC_OK);
	gaka_t7_write(&t7, d->t7);
	ck_assert_int_eq(gaka_tag_sn(&kauth, &run, t7.tag), RC_OK);
	gaka_t7_write(&t7, d->t7);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
	/* Nor may it move the window of what HN has given. */
	lead(1, 0);
	bed.set[0]->w = 17;
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
	bed.set[0]->w = 16;
	bed.set[0]->members[0].iv++;
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
}
END_TEST

/* In no group there is no T7, whatever it is made with. */
START_TEST(no_group)
{
	struct bed_device *d = &bed.d[1];
	const struct gaka_rand rand = { { 7 } };
	const struct gaka_part part = { &bed.gid, &rand, &bed.sn[0], 100, 16 };
	const struct gaka_run run = { BED_SLICE(d->t1), BED_SLICE(d->t7), SLICE_NONE };
	struct gaka_t7 t7 = { .rand = rand, .sn = bed.sn[0], .iv = 100, .w = 16, .c = 100 };
	struct key gtk, xk, kauth;

	for (unsigned in = 0; in < 2; in++) {
		memset(bed.gid.v, in == 0 ? 0 : 9, GAKA_GID_SIZE);
		bed_t1(&bed, 2);
		ck_assert_int_eq(gaka_gtk(&bed.gak, &part, &gtk), RC_OK);
		ck_assert_int_eq(gaka_xk(&d->ka, &part, &xk), RC_OK);
		ck_assert_int_eq(gaka_kauth(&gtk, &xk, &kauth), RC_OK);
		gaka_t7_write(&t7, d->t7);
		ck_assert_int_eq(gaka_tag_sn(&kauth, &run, t7.tag), RC_OK);
		gaka_t7_write(&t7, d->t7);
		if (in == 0)
			ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
	}
	ck_assert_int_eq(gaka_ue_challenge(&d->ue, &d->t, BED_SLICE(d->t7), &bed.gaks, d->t8),
	                 RC_OK);
}
END_TEST

/* Done before there was a challenge. */
START_TEST(too_early)
{
	static const uint8_t zeros[GAKA_TAG_SIZE];
	struct bed_device *d = &bed.d[1];
	struct gaka_done done = { .c = 7 };
	uint8_t m[GAKA_SHORT_SIZE];

	bed_t1(&bed, 2);
	for (unsigned k = 0; k < 2; k++) {
		gaka_tag_write(k == 0 ? GAKA_T6 : GAKA_T9, zeros, m);
		ck_assert_int_eq(gaka_ue_confirm(&d->t, BED_SLICE(m), &done), RC_NOT_FOUND);
		ck_assert_int_eq(d->t.at, GAKA_AT_T1);
		ck_assert_uint_eq(done.c, 7);
	}
}
END_TEST

/* ---- epochs and members ---- */

START_TEST(epochs)
{
	struct bed_device *d = &bed.d[1];
	const struct gaka_gaks next = { &bed.old_gak, NULL }, both = { &bed.old_gak, &bed.gak };
	const struct gaka_gaks none = { NULL, NULL };

	lead(1, 0);
	bed_t1(&bed, 2);
	bed_t7(&bed, 2, 0);
	/* A device that knows the next epoch alone, no epoch at all, no group. */
	ue_refuses(2, BED_SLICE(d->t7), &next, RC_DENIED);
	ue_refuses(2, BED_SLICE(d->t7), &none, RC_DENIED);
	ue_refuses(2, BED_SLICE(d->t7), NULL, RC_DENIED);
	/* The epoch before still counts. */
	bed.gaks = both;
	bed_member(&bed, 2);
	/* A device that does not know the new one yet; told, it is in. */
	bed.gaks = (struct gaka_gaks){ &bed.gak, NULL };
	bed_t1(&bed, 2);
	bed.gak = (struct key){ { 1 } };
	bed.gaks.current = &bed.old_gak;
	lead(1, 0);
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &bed.gaks, RC_DENIED);
	bed.gaks.current = &bed.gak;
	bed_member(&bed, 2);
}
END_TEST

/* Out of the group: no vectors in the next set, and the key that it has opens nothing of it. */
START_TEST(removed)
{
	struct bed_device *d = &bed.d[1];
	const struct key old = bed.gak;
	const struct gaka_gaks gaks = { &old, NULL };

	lead(1, 0);
	attach(2, 0);
	d->member = false;
	bed.gak = (struct key){ { 0xcc } };
	lead(1, 0);
	bed_t1(&bed, 2);
	no_t7(2, 0, BED_NOW, RC_NOT_FOUND);
	ck_assert_int_eq(gaka_set_serves(bed.set[0], &d->id, BED_NOW), RC_NOT_FOUND);
	attach(3, 0);
	/* Let it in by mistake, and it has no key to answer with. */
	d->member = true;
	lead(1, 0);
	bed_t7(&bed, 2, 0);
	ue_refuses(2, BED_SLICE(d->t7), &gaks, RC_DENIED);
}
END_TEST

static Suite *
refuse_cases(void)
{
	Suite *s = suite_create("gaka_refuse");
	TCase *c = suite_case(s, "refuse", setup, teardown);

	tcase_add_test(c, replayed);
	tcase_add_test(c, replayed_full);
	tcase_add_test(c, older);
	tcase_add_test(c, member_as_another);
	tcase_add_test(c, another_network);
	tcase_add_test(c, without_t3);
	tcase_add_test(c, no_group);
	tcase_add_test(c, too_early);
	tcase_add_test(c, epochs);
	tcase_add_test(c, removed);
	return s;
}

int
main(void)
{
	return run_suite(refuse_cases());
}
