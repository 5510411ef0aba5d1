/* SPDX-License-Identifier: Apache-2.0 */
/* Octets that are no scalar, no point, no element of GT. */
#include "config.h"

#include "pairing_bed.h"

typedef enum rc read_fn(struct slice in);

static enum rc
read_scalar(struct slice in)
{
	struct pairing_scalar s = scalar_small(1);
	enum rc rc = pairing_scalar_read(in, &s);

	if (rc != RC_OK)
		expect_zeros(&s, sizeof(s));
	return rc;
}

static enum rc
read_g1(struct slice in)
{
	struct pairing_g1 p;
	enum rc rc = pairing_g1_read(in, &p);

	if (rc != RC_OK)
		expect_zeros(&p, sizeof(p));
	return rc;
}

static enum rc
read_g2(struct slice in)
{
	struct pairing_g2 p;
	enum rc rc = pairing_g2_read(in, &p);

	if (rc != RC_OK)
		expect_zeros(&p, sizeof(p));
	return rc;
}

static enum rc
read_gt(struct slice in)
{
	struct pairing_gt x;
	enum rc rc = pairing_gt_read(in, &x);

	if (rc != RC_OK)
		expect_zeros(&x, sizeof(x));
	return rc;
}

static enum rc
read_gt_raw(struct slice in)
{
	struct pairing_gt x;
	enum rc rc = pairing_gt_read_raw(in, &x);

	if (rc != RC_OK)
		expect_zeros(&x, sizeof(x));
	return rc;
}

/* Only the length that it has is accepted; the octets behind it are not read. */
static void
expect_length(read_fn *f, const struct octets *good)
{
	ck_assert_uint_eq(f(octets_slice(good)), RC_OK);
	for (size_t n = 0; n <= LONGEST; n++)
		if (n != good->n)
			ck_assert_uint_eq(f(slice_make(good->v, n)), RC_BAD_REQUEST);
}

/* The n octets of v, as a number, plus those of hex: false when the sum has one more. */
static bool
add(uint8_t *v, size_t n, const char *hex)
{
	const struct octets o = octets_of(hex);
	unsigned carry = 0;

	ck_assert_uint_eq(o.n, n);
	for (size_t i = n; i-- > 0;) {
		carry += v[i] + (unsigned)o.v[i];
		v[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return carry == 0;
}

START_TEST(scalars_refused)
{
	static const char *const bad[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		ORDER,
		"73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000002",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	static const char *const good[] = {
		"0000000000000000000000000000000000000000000000000000000000000001",
		"73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000",
	};
	struct octets o;

	for (size_t i = 0; i < NITEMS(bad); i++) {
		o = octets_of(bad[i]);
		ck_assert_uint_eq(read_scalar(octets_slice(&o)), RC_BAD_REQUEST);
	}
	for (size_t i = 0; i < NITEMS(good); i++) {
		struct pairing_scalar s = scalar_of(good[i]);
		uint8_t out[PAIRING_SCALAR_SIZE];

		pairing_scalar_write(&s, out);
		expect_octets(out, sizeof(out), good[i]);
	}
	o = octets_of(KAT_A1);
	expect_length(read_scalar, &o);
}
END_TEST

/* first: the first octet with its flags; then zeros, and last. */
static void
expect_no_point(read_fn *f, size_t n, unsigned first, unsigned last)
{
	struct octets o = { .n = n };

	o.v[0] = (uint8_t)first;
	o.v[n - 1] = (uint8_t)last;
	ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
}

/*
 * The neutral element, other things with its flag, an absent flag; small coordinates: half of them
 * are on the curve, and none in the group.
 */
static void
expect_no_points(read_fn *f, size_t n)
{
	static const unsigned flags[] = { 0xc0, 0xe0, 0x40, 0x60, 0x00, 0x20 };

	for (size_t i = 0; i < NITEMS(flags); i++) {
		expect_no_point(f, n, flags[i], 0);
		expect_no_point(f, n, flags[i], 1);
	}
	for (unsigned x = 0; x < 40; x++) {
		expect_no_point(f, n, 0x80, x);
		expect_no_point(f, n, 0xa0, x);
	}
}

/* A point without its flag, and with coordinates over the modulus, of as many as there are. */
static void
expect_canonical(read_fn *f, const struct octets *good, size_t coordinates)
{
	struct octets o = *good;

	o.v[0] ^= 0x20; /* the other of two points */
	ck_assert_uint_eq(f(octets_slice(&o)), RC_OK);
	o.v[0] ^= 0x80;
	ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
	o.v[0] ^= 0x80 | 0x40;
	ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
	for (size_t i = 0; i < coordinates; i++) {
		o = octets_of(MODULUS);
		o.n = good->n;
		memmove(o.v + i * 48, o.v, 48);
		memset(o.v, 0, i * 48);
		o.v[0] |= 0x80;
		ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
		o.v[i * 48 + 47]++;
		ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
	}
}

/* x is over the modulus, and names a point of the group once it is reduced. */
static void
expect_not_reduced(read_fn *f, void (*write)(struct dice *d, uint8_t *out), size_t n, size_t at)
{
	struct dice d = { .state = 1 };
	struct octets o;
	unsigned flags;

	/* There is room for x + p in 381 bits when x is small: one in some points. */
	do {
		o = (struct octets){ .n = n };
		write(&d, o.v);
		ck_assert_uint_eq(f(octets_slice(&o)), RC_OK);
		flags = o.v[0] & 0xe0u;
		o.v[0] &= 0x1f;
		(void)add(o.v + at, 48, MODULUS);
	} while (o.v[at] >= 0x20);
	o.v[0] |= (uint8_t)flags;
	ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
}

static void
write_some_g1(struct dice *d, uint8_t *out)
{
	const struct pairing_scalar s = scalar_dice(d);
	const struct pairing_g1 p = g1_times(&s);

	pairing_g1_write(&p, out);
}

static void
write_some_g2(struct dice *d, uint8_t *out)
{
	const struct pairing_scalar s = scalar_dice(d);
	const struct pairing_g2 p = g2_times(&s);

	pairing_g2_write(&p, out);
}

START_TEST(g1_refused)
{
	const struct octets good = octets_of(KAT_C1);

	expect_length(read_g1, &good);
	expect_no_points(read_g1, PAIRING_G1_SIZE);
	expect_canonical(read_g1, &good, 1);
	expect_not_reduced(read_g1, write_some_g1, PAIRING_G1_SIZE, 0);
}
END_TEST

START_TEST(g2_refused)
{
	const struct octets good = octets_of(KAT_PK2_A);

	expect_length(read_g2, &good);
	expect_no_points(read_g2, PAIRING_G2_SIZE);
	expect_canonical(read_g2, &good, 2);
	expect_not_reduced(read_g2, write_some_g2, PAIRING_G2_SIZE, 0);
	expect_not_reduced(read_g2, write_some_g2, PAIRING_G2_SIZE, 48);
}
END_TEST

/* Every coefficient with the modulus added, alone. */
static void
expect_coefficients(read_fn *f, const struct octets *good)
{
	for (size_t at = 0; at < good->n; at += 48) {
		struct octets o = *good;

		ck_assert(add(o.v + at, 48, MODULUS));
		ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
		memset(o.v + at, 0xff, 48);
		ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
	}
}

static void
expect_no_flip(read_fn *f, const struct octets *good)
{
	for (size_t bit = 0; bit < 8 * good->n; bit += 37) {
		struct octets o = *good;

		o.v[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_uint_eq(f(octets_slice(&o)), RC_BAD_REQUEST);
	}
}

START_TEST(gt_refused)
{
	const struct pairing_gt z = the_z();
	struct octets o = { .n = PAIRING_GT_SIZE };

	ck_assert_uint_eq(pairing_gt_write(&z, o.v), RC_OK);
	expect_length(read_gt, &o);
	expect_coefficients(read_gt, &o);
	expect_no_flip(read_gt, &o);
	/* 0 says -1; other constants say elements of norm one that are in no group of order r. */
	for (size_t at = 47; at < PAIRING_GT_SIZE; at += 48)
		for (unsigned c = 0; c < 50; c++) {
			o = (struct octets){ .n = PAIRING_GT_SIZE };
			o.v[at] = (uint8_t)c;
			ck_assert_uint_eq(read_gt(octets_slice(&o)), RC_BAD_REQUEST);
		}
}
END_TEST

START_TEST(gt_raw_refused)
{
	const struct pairing_gt z = the_z();
	struct octets o = { .n = PAIRING_GT_RAW_SIZE };

	pairing_gt_write_raw(&z, o.v);
	expect_length(read_gt_raw, &o);
	expect_coefficients(read_gt_raw, &o);
	expect_no_flip(read_gt_raw, &o);
	for (unsigned c = 0; c < 50; c++) {
		o = (struct octets){ .n = PAIRING_GT_RAW_SIZE };
		o.v[47] = (uint8_t)c;
		ck_assert_uint_eq(read_gt_raw(octets_slice(&o)), RC_BAD_REQUEST);
	}
	o = octets_of(MODULUS);
	o.n = PAIRING_GT_RAW_SIZE;
	o.v[47]--;
	ck_assert_uint_eq(read_gt_raw(octets_slice(&o)), RC_BAD_REQUEST);
}
END_TEST

START_TEST(one_has_no_short_form)
{
	const struct pairing_gt z = the_z(), one = one_of(&z);
	struct octets o = { .n = PAIRING_GT_RAW_SIZE };
	uint8_t out[PAIRING_GT_SIZE];

	memset(out, 1, sizeof(out));
	ck_assert_uint_eq(pairing_gt_write(&one, out), RC_BAD_REQUEST);
	expect_zeros(out, sizeof(out));
	pairing_gt_write_raw(&one, o.v);
	expect_zeros(o.v, 47);
	ck_assert_uint_eq(o.v[47], 1);
	ck_assert_uint_eq(read_gt_raw(octets_slice(&o)), RC_BAD_REQUEST);
}
END_TEST

static Suite *
refused_suite(void)
{
	Suite *s = suite_create("pairing refuses");
	TCase *c = suite_case(s, "refused", NULL, NULL);

	tcase_add_test(c, scalars_refused);
	tcase_add_test(c, g1_refused);
	tcase_add_test(c, g2_refused);
	tcase_add_test(c, gt_refused);
	tcase_add_test(c, gt_raw_refused);
	tcase_add_test(c, one_has_no_short_form);
	return s;
}

int
main(void)
{
	return run_pre_suite(refused_suite);
}
