/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The home network's answers and the serving network's sets: counters, bounds, order, who may ask;
 * what is refused has moved no counter and left no key behind.
 */
#include "config.h"

#include "base/be.h"
#include "gaka_bed.h"

static struct bed bed;
static uint8_t t3[GAKA_T3_SIZE(3)];

static void
setup(void)
{
	bed_init(&bed);
	bed.random = true;
	memset(t3, 0x55, sizeof(t3));
}

static void
teardown(void)
{
	bed_fini(&bed);
}

static struct gaka_t2
asked(uint16_t w)
{
	return (struct gaka_t2){ .gid = bed.gid, .leader = bed.d[0].id, .sn = bed.sn[0], .w = w };
}

static struct gaka_hn_terms
terms(void)
{
	return (struct gaka_hn_terms){ &bed.sn[0], &bed.d[0].ka, 5, BED_EXPIRY, NULL };
}

static enum rc
begin(struct gaka_hn *h, uint16_t wanted, uint16_t most, size_t size)
{
	const struct gaka_hn_terms t = terms();
	const struct gaka_hn_group group = { &bed.gak, most };
	struct gaka_t2 t2 = asked(wanted);

	return gaka_hn_begin(h, &t2, &t, &group, t3, size);
}

static enum rc
add(struct gaka_hn *h, unsigned i, uint64_t *iv)
{
	return gaka_hn_add(h, &bed.d[i - 1].id, &bed.d[i - 1].ka, iv);
}

/* ---- sequence numbers ---- */

START_TEST(sequence)
{
	uint64_t sqn = 0;

	ck_assert_int_eq(gaka_sqn_next(&sqn, false), RC_OK);
	ck_assert_uint_eq(sqn, 1);
	ck_assert_int_eq(gaka_sqn_next(&sqn, true), RC_OK);
	ck_assert_uint_eq(sqn, 33);
	sqn = UINT64_MAX - 1;
	ck_assert_int_eq(gaka_sqn_next(&sqn, true), RC_NO_SPACE);
	ck_assert_int_eq(gaka_sqn_next(&sqn, false), RC_OK);
	ck_assert_uint_eq(sqn, UINT64_MAX);
	ck_assert_int_eq(gaka_sqn_next(&sqn, false), RC_NO_SPACE);
	ck_assert_uint_eq(sqn, UINT64_MAX);
	sqn = UINT64_MAX - 31;
	ck_assert_int_eq(gaka_sqn_next(&sqn, true), RC_NO_SPACE);
	ck_assert_uint_eq(sqn, UINT64_MAX - 31);
	sqn = UINT64_MAX - 32;
	ck_assert_int_eq(gaka_sqn_next(&sqn, true), RC_OK);
	ck_assert_uint_eq(sqn, UINT64_MAX);
}
END_TEST

/* ---- T10 ---- */

START_TEST(single)
{
	struct gaka_hn_terms t = terms();
	struct gaka_t10 t10 = { .id = bed.d[0].id, .sn = bed.sn[0] };
	uint8_t one[GAKA_T11_SIZE], two[GAKA_T11_SIZE];
	struct gaka_t11 t11;

	ck_assert_int_eq(gaka_hn_single(&t10, &t, one), RC_OK);
	ck_assert_int_eq(gaka_hn_single(&t10, &t, two), RC_OK);
	ck_assert_mem_ne(one + 8, two + 8, GAKA_RAND_SIZE); /* drawn */
	ck_assert_int_eq(gaka_t11_read(BED_SLICE(one), &t11), RC_OK);
	ck_assert_uint_eq(t11.expiry, BED_EXPIRY);
	t10.sn = bed.sn[1];
	ck_assert_int_eq(gaka_hn_single(&t10, &t, one), RC_FORBIDDEN);
	expect_zeros(one, sizeof(one));
	t10.sn = bed.sn[0];
	t.sqn = 0;
	ck_assert_int_eq(gaka_hn_single(&t10, &t, two), RC_BAD_REQUEST);
	expect_zeros(two, sizeof(two));
}
END_TEST

/* ---- T2 ---- */

START_TEST(smaller_w)
{
	static const struct {
		uint16_t wanted, most, w;
	} rows[] = { { 16, 16, 16 }, { 100, 16, 16 }, { 4, 16, 4 }, { 65535, 65535, 65535 } };
	uint64_t iv = 100;
	struct gaka_hn h;

	for (unsigned i = 0; i < NITEMS(rows); i++, iv = 100) {
		ck_assert_int_eq(begin(&h, rows[i].wanted, rows[i].most, sizeof(t3)), RC_OK);
		ck_assert_int_eq(add(&h, 2, &iv), RC_OK);
		ck_assert_uint_eq(iv, 100u + rows[i].w);
		ck_assert_uint_eq(gaka_hn_end(&h).n, GAKA_T3_SIZE(1));
		ck_assert_uint_eq(be_get(t3 + 138, 2), rows[i].w);
		ck_assert_uint_eq(be_get(t3 + 140, 2), 1);
	}
}
END_TEST

/* Whoever asks in another's name, and numbers that cannot be: nothing stays. */
START_TEST(not_begun)
{
	const struct gaka_hn_group group = { &bed.gak, 16 };
	struct gaka_hn_terms t = terms();
	struct gaka_t2 t2 = asked(16);
	uint64_t iv = 1;
	struct gaka_hn h;

	t2.sn = bed.sn[1];
	ck_assert_int_eq(gaka_hn_begin(&h, &t2, &t, &group, t3, sizeof(t3)), RC_FORBIDDEN);
	expect_zeros(t3, sizeof(t3));
	ck_assert_int_eq(add(&h, 2, &iv), RC_BAD_REQUEST);
	ck_assert_uint_eq(iv, 1);
	ck_assert_ptr_null(gaka_hn_end(&h).p);
	t2 = asked(16);
	t.sqn = 0;
	ck_assert_int_eq(gaka_hn_begin(&h, &t2, &t, &group, t3, sizeof(t3)), RC_BAD_REQUEST);
	ck_assert_int_eq(begin(&h, 16, 0, sizeof(t3)), RC_BAD_REQUEST);
	memset(t3, 0x55, sizeof(t3));
	ck_assert_int_eq(begin(&h, 16, 16, GAKA_T3_MIN - 1), RC_NO_SPACE);
	expect_zeros(t3, GAKA_T3_MIN - 1);
	ck_assert_uint_eq(t3[GAKA_T3_MIN - 1], 0x55);
}
END_TEST

START_TEST(not_added)
{
	uint64_t iv = 100;
	struct gaka_hn h;

	ck_assert_int_eq(begin(&h, 16, 16, sizeof(t3) - 1), RC_OK);
	ck_assert_int_eq(add(&h, 1, &iv), RC_BAD_REQUEST); /* the leader */
	ck_assert_int_eq(add(&h, 3, &iv), RC_OK);
	ck_assert_int_eq(add(&h, 3, &iv), RC_BAD_REQUEST); /* again */
	ck_assert_int_eq(add(&h, 2, &iv), RC_BAD_REQUEST); /* out of order */
	ck_assert_uint_eq(iv, 116);
	iv = 0;
	ck_assert_int_eq(add(&h, 4, &iv), RC_BAD_REQUEST);
	iv = UINT64_MAX - 15;
	ck_assert_int_eq(add(&h, 4, &iv), RC_EXPIRED);
	ck_assert_uint_eq(iv, UINT64_MAX - 15);
	iv = UINT64_MAX;
	ck_assert_int_eq(add(&h, 4, &iv), RC_EXPIRED);
	iv = UINT64_MAX - 16; /* the last that there are */
	ck_assert_int_eq(add(&h, 4, &iv), RC_OK);
	ck_assert_uint_eq(iv, UINT64_MAX);
	/* One octet too few for a third. */
	bed.d[1].id.v[15] = 9;
	iv = 1;
	ck_assert_int_eq(add(&h, 2, &iv), RC_NO_SPACE);
	ck_assert_uint_eq(iv, 1);
	ck_assert_uint_eq(gaka_hn_end(&h).n, GAKA_T3_SIZE(2));
	ck_assert_int_eq(gaka_t3_read(slice_make(t3, GAKA_T3_SIZE(2)), &(struct gaka_t3){ 0 }),
	                 RC_OK);
}
END_TEST

/* Before the end it is no message; dropped, it is nothing. */
START_TEST(not_ended)
{
	uint64_t iv = 100;
	struct gaka_hn h;

	ck_assert_int_eq(begin(&h, 16, 16, sizeof(t3)), RC_OK);
	ck_assert_int_eq(add(&h, 2, &iv), RC_OK);
	ck_assert_uint_eq(gaka_type_of(slice_make(t3, GAKA_T3_SIZE(1))), 0);
	gaka_hn_drop(&h);
	expect_zeros(t3, sizeof(t3));
	gaka_hn_drop(&h);
	ck_assert_ptr_null(gaka_hn_end(&h).p);
	ck_assert_int_eq(begin(&h, 16, 16, sizeof(t3)), RC_OK);
	ck_assert_uint_eq(gaka_hn_end(&h).n, GAKA_T3_MIN);
	gaka_hn_drop(&h);
	ck_assert_uint_eq(gaka_type_of(slice_make(t3, GAKA_T3_MIN)), GAKA_T3);
}
END_TEST

START_TEST(many)
{
	uint8_t *to = malloc(GAKA_T3_SIZE(GAKA_MEMBERS_MAX + 1));
	const struct gaka_hn_terms t = terms();
	const struct gaka_hn_group group = { &bed.gak, 16 };
	struct gaka_t2 t2 = asked(16);
	struct node_id id = { { 0x02 } };
	struct gaka_set *set;
	struct gaka_t3 read;
	struct gaka_hn h;
	struct slice m;

	ck_assert_ptr_nonnull(to);
	ck_assert_int_eq(gaka_hn_begin(&h, &t2, &t, &group, to, GAKA_T3_SIZE(GAKA_MEMBERS_MAX + 1)),
	                 RC_OK);
	for (unsigned i = 0; i <= GAKA_MEMBERS_MAX; i++) {
		uint64_t iv = GAKA_IV_FIRST;

		be_put(id.v + 8, i, 8);
		ck_assert_int_eq(gaka_hn_add(&h, &id, &bed.d[1].ka, &iv),
		                 i < GAKA_MEMBERS_MAX ? RC_OK : RC_NO_SPACE);
	}
	m = gaka_hn_end(&h);
	ck_assert_uint_eq(m.n, GAKA_T3_MAX);
	ck_assert_int_eq(gaka_t3_read(m, &read), RC_OK);
	ck_assert_int_eq(gaka_set_make(&t2, &read, BED_NOW, &set), RC_OK);
	/* Each is found, and nobody else. */
	for (unsigned i = 0; i <= GAKA_MEMBERS_MAX; i++) {
		be_put(id.v + 8, i, 8);
		ck_assert_int_eq(gaka_set_serves(set, &id, BED_NOW),
		                 i < GAKA_MEMBERS_MAX ? RC_OK : RC_NOT_FOUND);
	}
	gaka_set_free(set);
	free(to);
}
END_TEST

/* ---- sets ---- */

START_TEST(sets)
{
	uint64_t iv = 100;
	struct gaka_t2 t2 = asked(16);
	struct gaka_set *set;
	struct gaka_hn h;
	struct gaka_t3 read;
	struct slice m;

	ck_assert_int_eq(begin(&h, 16, 16, sizeof(t3)), RC_OK);
	ck_assert_int_eq(add(&h, 2, &iv), RC_OK);
	ck_assert_int_eq(add(&h, 3, &iv), RC_OK);
	m = gaka_hn_end(&h);
	ck_assert_int_eq(gaka_t3_read(m, &read), RC_OK);
	ck_assert_int_eq(gaka_set_make(&t2, &read, BED_EXPIRY, &set), RC_EXPIRED);
	ck_assert_ptr_null(set);
	t2.w = 15; /* more than was wanted */
	ck_assert_int_eq(gaka_set_make(&t2, &read, BED_NOW, &set), RC_BAD_REQUEST);
	ck_assert_ptr_null(set);
	t2.w = 16;
	t2.leader = bed.d[2].id; /* the answer to another question */
	ck_assert_int_eq(gaka_set_make(&t2, &read, BED_NOW, &set), RC_BAD_REQUEST);
	ck_assert_ptr_null(set);
	t2.leader = bed.d[0].id;
	ck_assert_int_eq(gaka_set_make(&t2, &read, BED_EXPIRY - 1, &set), RC_OK);
	ck_assert(gaka_gid_eq(gaka_set_gid(set), &bed.gid));
	ck_assert_uint_eq(gaka_set_expiry(set), BED_EXPIRY);
	ck_assert_int_eq(gaka_set_serves(set, &bed.d[1].id, BED_NOW), RC_OK);
	ck_assert_int_eq(gaka_set_serves(set, &bed.d[1].id, BED_EXPIRY - 1), RC_OK);
	ck_assert_int_eq(gaka_set_serves(set, &bed.d[1].id, BED_EXPIRY), RC_EXPIRED);
	ck_assert_int_eq(gaka_set_serves(set, &bed.d[0].id, BED_NOW), RC_NOT_FOUND);
	ck_assert_int_eq(gaka_set_serves(set, &bed.d[3].id, BED_NOW), RC_NOT_FOUND);
	gaka_set_free(set);
	gaka_set_free(NULL);
}
END_TEST

static Suite *
home_suite(void)
{
	Suite *s = suite_create("gaka_home");
	TCase *c = suite_case(s, "home", setup, teardown);

	tcase_add_test(c, sequence);
	tcase_add_test(c, single);
	tcase_add_test(c, smaller_w);
	tcase_add_test(c, not_begun);
	tcase_add_test(c, not_added);
	tcase_add_test(c, not_ended);
	tcase_add_test(c, many);
	tcase_add_test(c, sets);
	return s;
}

int
main(void)
{
	return run_suite(home_suite());
}
