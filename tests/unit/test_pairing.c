/* SPDX-License-Identifier: Apache-2.0 */
/* The pairing: known answers, and the laws of its groups. */
#include "config.h"

#include "pairing_bed.h"

/* ---- by other means ---- */

/* Square and multiply. */
static struct pairing_gt
naive_power(const struct pairing_gt *x, const struct pairing_scalar *s)
{
	struct pairing_gt y = one_of(x);

	for (size_t bit = 256; bit-- > 0;) {
		pairing_gt_multiply(&y, &y, &y);
		if (s->v[bit / 8] >> bit % 8 & 1)
			pairing_gt_multiply(&y, x, &y);
	}
	return y;
}

static void
expect_same(const struct pairing_gt *x, const struct pairing_gt *y)
{
	uint8_t a[PAIRING_GT_RAW_SIZE], b[PAIRING_GT_RAW_SIZE];

	pairing_gt_write_raw(x, a);
	pairing_gt_write_raw(y, b);
	ck_assert_mem_eq(a, b, sizeof(a));
}

/* ---- known answers ---- */

START_TEST(points)
{
	static const struct {
		const char *scalar, *point;
	} rows[] = { { KAT_A2, KAT_PK2_A }, { KAT_B2, KAT_PK2_B } };
	const struct pairing_scalar r = scalar_of(KAT_R), a1 = scalar_of(KAT_A1),
				    b2 = scalar_of(KAT_B2);
	uint8_t g1[PAIRING_G1_SIZE], g2[PAIRING_G2_SIZE];
	struct pairing_g1 c1 = g1_times(&r);
	struct pairing_g2 q;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct pairing_scalar s = scalar_of(rows[i].scalar);

		q = g2_times(&s);
		pairing_g2_write(&q, g2);
		expect_octets(g2, sizeof(g2), rows[i].point);
	}
	q = g2_times(&b2);
	pairing_g2_power(&q, &a1, &q);
	pairing_g2_write(&q, g2);
	expect_octets(g2, sizeof(g2), KAT_RK);
	pairing_g1_write(&c1, g1);
	expect_octets(g1, sizeof(g1), KAT_C1);
}
END_TEST

static void
expect_gt(const struct pairing_gt *x, const char *raw, const char *torus)
{
	uint8_t long_form[PAIRING_GT_RAW_SIZE], short_form[PAIRING_GT_SIZE];

	pairing_gt_write_raw(x, long_form);
	expect_hash(long_form, sizeof(long_form), raw);
	ck_assert_uint_eq(pairing_gt_write(x, short_form), RC_OK);
	expect_hash(short_form, sizeof(short_form), torus);
}

START_TEST(elements_of_gt)
{
	const struct pairing_scalar a1 = scalar_of(KAT_A1), b2 = scalar_of(KAT_B2),
				    r = scalar_of(KAT_R), m = scalar_of(KAT_M),
				    a1r = scalar_times(&a1, &r), a1b2 = scalar_times(&a1, &b2);
	const struct pairing_g1 c1 = g1_times(&r);
	const struct pairing_g2 rk = g2_times(&a1b2);
	const struct pairing_gt z = the_z(), k = power(&z, &a1r), d = pair(&c1, &rk);
	struct pairing_gt x = power(&z, &a1), message = power(&z, &m);
	uint8_t raw[PAIRING_GT_RAW_SIZE];

	pairing_gt_write_raw(&z, raw);
	expect_octets(raw, 48,
	              "1250ebd871fc0a92a7b2d83168d0d727272d441befa15c503dd8e90ce98db3e7"
	              "b6d194f60839c508a84305aaca1789b6");
	expect_gt(&z, KAT_Z_RAW, KAT_Z);
	expect_gt(&x, KAT_ZA1_RAW, KAT_ZA1);
	expect_gt(&k, KAT_K_RAW, KAT_K);
	expect_gt(&d, KAT_D_RAW, KAT_D);
	/* A message that is itself an element, as the paper has it. */
	pairing_gt_multiply(&message, &k, &x);
	expect_gt(&x, KAT_B_RAW, KAT_B);
	pairing_gt_inverse(&k, &message);
	pairing_gt_multiply(&x, &message, &x);
	message = power(&z, &m);
	expect_same(&x, &message);
}
END_TEST

/* Computed with another HMAC, by the text of the draft: "M2PRE1 a1", a source, a stream, an epoch. */
START_TEST(derived_scalars)
{
	static const struct {
		const char *info, *scalar;
	} rows[] = {
		{ "4d3250524531206131e2ed309374ff3c18af0b384f8b68f614123401020304",
		  "1f9441738669847cdff1ba77c6d8e8b91bcfa15df73e19d98ef08965e5f8e49c" },
		{ "4d3250524531206131e2ed309374ff3c18af0b384f8b68f614123401020305",
		  "671f26843c696007c55178051eb5b6055b7e3fcdaf8406ed7b76ac8106d19761" },
		{ "4d3250524531206131e2ed309374ff3c18af0b384f8b68f614123501020304",
		  "0c57d356e5ed4b8bca1eef6a152f40495c3fa14f449e5d2759a318f1e620e3c7" },
	};
	const struct octets seed = octets_of(KAT_SEED);
	uint8_t out[PAIRING_SCALAR_SIZE];
	struct pairing_scalar s;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct octets info = octets_of(rows[i].info);

		ck_assert_uint_eq(
			pairing_scalar_derive(octets_slice(&seed), octets_slice(&info), &s), RC_OK);
		pairing_scalar_write(&s, out);
		expect_octets(out, sizeof(out), rows[i].scalar);
	}
}
END_TEST

START_TEST(derivation_has_limits)
{
	const struct octets octets = { .n = LONGEST };
	const struct slice all = octets_slice(&octets);
	struct pairing_scalar s;

	ck_assert_uint_eq(pairing_scalar_derive(slice_head(all, 32), slice_head(all, 64), &s),
	                  RC_OK);
	ck_assert_uint_eq(pairing_scalar_derive(slice_head(all, 31), slice_head(all, 64), &s),
	                  RC_BAD_REQUEST);
	expect_zeros(&s, sizeof(s));
	ck_assert_uint_eq(pairing_scalar_derive(slice_head(all, 32), slice_head(all, 65), &s),
	                  RC_BAD_REQUEST);
	expect_zeros(&s, sizeof(s));
}
END_TEST

/* ---- laws ---- */

START_TEST(scalars)
{
	struct dice d;
	const struct pairing_scalar one = scalar_small(1);
	static const uint8_t zeros[16];

	dice_init(&d, "scalars");
	for (unsigned i = 0; i < pre_rounds(); i++) {
		struct pairing_scalar s = scalar_dice(&d), t, again;
		uint8_t out[PAIRING_SCALAR_SIZE];

		pairing_scalar_write(&s, out);
		ck_assert_uint_eq(pairing_scalar_read(slice_make(out, sizeof(out)), &again), RC_OK);
		ck_assert_mem_eq(s.v, again.v, sizeof(s.v));
		pairing_scalar_inverse(&s, &t);
		pairing_scalar_multiply(&s, &t, &t);
		ck_assert_mem_eq(t.v, one.v, sizeof(t.v));
		ck_assert_uint_eq(pairing_scalar_random(&s), RC_OK);
		ck_assert_uint_eq(pairing_scalar_random(&t), RC_OK);
		ck_assert_mem_ne(s.v, t.v, sizeof(s.v));
		/* Made of more than half as many octets. */
		ck_assert_mem_ne(s.v + 16, zeros, 16);
		pairing_scalar_write(&s, out);
		ck_assert_uint_eq(pairing_scalar_read(slice_make(out, sizeof(out)), &again), RC_OK);
	}
}
END_TEST

/* e(g^x, h^y) = Z^(x y), and encodings are read as what was written. */
START_TEST(bilinear)
{
	const struct pairing_gt z = the_z();
	struct dice d;

	dice_init(&d, "bilinear");
	for (unsigned i = 0; i < pre_rounds(); i++) {
		const struct pairing_scalar x = scalar_dice(&d), y = scalar_dice(&d),
					    xy = scalar_times(&x, &y);
		struct pairing_g1 p = g1_times(&x);
		struct pairing_g2 q = g2_times(&y);
		struct pairing_gt left = pair(&p, &q), right = power(&z, &xy);
		uint8_t g1[PAIRING_G1_SIZE], g2[PAIRING_G2_SIZE], gt[PAIRING_GT_SIZE],
			raw[PAIRING_GT_RAW_SIZE];

		expect_same(&left, &right);
		pairing_g1_write(&p, g1);
		pairing_g2_write(&q, g2);
		ck_assert_uint_eq(pairing_g1_read(slice_make(g1, sizeof(g1)), &p), RC_OK);
		ck_assert_uint_eq(pairing_g2_read(slice_make(g2, sizeof(g2)), &q), RC_OK);
		left = pair(&p, &q);
		ck_assert_uint_eq(pairing_gt_write(&left, gt), RC_OK);
		ck_assert_uint_eq(pairing_gt_read(slice_make(gt, sizeof(gt)), &left), RC_OK);
		expect_same(&left, &right);
		pairing_gt_write_raw(&right, raw);
		ck_assert_uint_eq(pairing_gt_read_raw(slice_make(raw, sizeof(raw)), &right), RC_OK);
		expect_same(&left, &right);
	}
}
END_TEST

static void
expect_powers(const struct pairing_gt *x, const struct pairing_comb *comb,
              const struct pairing_scalar *s)
{
	const struct pairing_gt naive = naive_power(x, s);
	struct pairing_gt y;

	pairing_comb_power(comb, s, &y);
	expect_same(&y, &naive);
	y = *x;
	pairing_gt_power(&y, s, &y); /* in place */
	expect_same(&y, &naive);
}

START_TEST(powers_agree)
{
	struct dice d;
	struct pairing_comb comb;
	const struct pairing_gt z = the_z();

	dice_init(&d, "powers_agree");
	for (unsigned i = 0; i < pre_rounds(); i++) {
		const struct pairing_scalar first = scalar_dice(&d), s = scalar_dice(&d);
		const struct pairing_gt x = power(&z, &first);

		pairing_comb_make(&x, &comb);
		expect_powers(&x, &comb, &s);
	}
}
END_TEST

/* v and, below it, n bits that are all set. */
static struct pairing_scalar
scalar_over_ones(uint64_t v, unsigned n)
{
	struct pairing_scalar s = scalar_small(0);

	for (unsigned i = 0; i < n; i++)
		s.v[i / 8] |= (uint8_t)(1u << i % 8);
	for (unsigned i = n; i < n + 64; i++)
		s.v[i / 8] |= (uint8_t)((v >> (i - n) & 1) << i % 8);
	return s;
}

/* Where digits are empty, full, or borrow. */
START_TEST(powers_at_edges)
{
	static const uint64_t small[] = {
		0, 1, 2, 3, 0xd20100000000ffff, 0xd201000000010000, 0xd201000000010001, UINT64_MAX,
	};
	const struct pairing_gt z = the_z();
	const struct pairing_scalar base = scalar_small(small[5]);
	struct pairing_scalar
		s = scalar_small(1),
		minus = scalar_of(
			"73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
	struct pairing_comb comb;
	struct pairing_gt x, y;

	pairing_comb_make(&z, &comb);
	for (size_t i = 0; i < NITEMS(small); i++) {
		s = scalar_small(small[i]);
		expect_powers(&z, &comb, &s);
	}
	for (size_t i = 0; i < 256; i++) {
		s = scalar_small(0);
		s.v[i / 8] = (uint8_t)(1u << i % 8);
		expect_powers(&z, &comb, &s);
	}
	for (unsigned n = 0; n <= 190; n += 10) {
		s = scalar_over_ones(small[5], n);
		expect_powers(&z, &comb, &s);
	}
	s = base;
	for (size_t i = 0; i < 3; i++) {
		expect_powers(&z, &comb, &s);
		s.v[0]++; /* an even number becomes the next one */
		expect_powers(&z, &comb, &s);
		s.v[0]--;
		s = scalar_times(&s, &base);
	}
	pairing_comb_power(&comb, &minus, &x);
	pairing_gt_inverse(&z, &y);
	expect_same(&x, &y);
}
END_TEST

static Suite *
pairing_suite(void)
{
	Suite *s = suite_create("pairing");
	TCase *c = suite_case(s, "known", NULL, NULL);

	tcase_add_test(c, points);
	tcase_add_test(c, elements_of_gt);
	tcase_add_test(c, derived_scalars);
	tcase_add_test(c, derivation_has_limits);
	c = suite_case(s, "laws", NULL, NULL);
	tcase_add_test(c, scalars);
	tcase_add_test(c, bilinear);
	tcase_add_test(c, powers_agree);
	tcase_add_test(c, powers_at_edges);
	return s;
}

int
main(void)
{
	return run_pre_suite(pairing_suite);
}
