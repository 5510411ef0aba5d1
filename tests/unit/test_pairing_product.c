/* SPDX-License-Identifier: Apache-2.0 */
/* Hash to G1, products in the groups and of pairings. */
#include "config.h"

#include "pairing_bed.h"

#define TAG "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"

/* n octets c behind start, as RFC 9380 has its messages. */
static struct slice
long_message(const char *start, char c, size_t n, char *space)
{
	size_t length = strlen(start);

	memcpy(space, start, length);
	memset(space + length, c, n);
	return slice_make(space, length + n);
}

/* RFC 9380, J.9.1, compressed. */
START_TEST(the_vectors_of_the_hash)
{
	char q[5 + 128], a[5 + 512];
	const struct {
		struct slice message;
		const char *point;
	} rows[] = {
		{ SLICE_NONE,
		  "852926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fa"
		  "c349612b759e79a1" },
		{ SLICE_LIT("abc"),
		  "83567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655"
		  "d3c68900be2f6903" },
		{ SLICE_LIT("abcdef0123456789"),
		  "91e0b079dea29a68f0383ee94fed1b940995272407e3bb916bbf268c263ddd57a6a27200a784cbc2"
		  "48e84f357ce82d98" },
		{ long_message("q128_", 'q', 128, q),
		  "b5f68eaa693b95ccb85215dc65fa81038d69629f70aeee0d0f677cf22285e7bf58d7cb86eefe8f2e"
		  "9bc3f8cb84fac488" },
		{ long_message("a512_", 'a', 512, a),
		  "882aabae8b7dedb0e78aeb619ad3bfd9277a2f77ba7fad20ef6aabdc6c31d19ba5a6d12283553294"
		  "c1825c4b3ca2dcfe" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct pairing_g1_product x;
		struct pairing_g1 p;
		uint8_t out[PAIRING_G1_SIZE];

		ck_assert_uint_eq(pairing_g1_hash(rows[i].message, SLICE_LIT(TAG), &p), RC_OK);
		pairing_g1_write(&p, out);
		expect_octets(out, sizeof(out), rows[i].point);
		pairing_g1_product_begin(&x);
		ck_assert_uint_eq(pairing_g1_product_hash(&x, rows[i].message, SLICE_LIT(TAG)),
		                  RC_OK);
		ck_assert_uint_eq(pairing_g1_product_end(&x, &p), RC_OK);
		pairing_g1_write(&p, out);
		expect_octets(out, sizeof(out), rows[i].point);
	}
}
END_TEST

START_TEST(lengths_of_the_tag)
{
	static const char tag[PAIRING_DST_MAX + 1] = "tag";
	struct pairing_g1_product x;
	struct pairing_g1 p;

	pairing_g1_product_begin(&x);
	ck_assert_uint_eq(pairing_g1_hash(SLICE_LIT("m"), SLICE_NONE, &p), RC_BAD_REQUEST);
	expect_zeros(&p, sizeof(p));
	ck_assert_uint_eq(pairing_g1_hash(SLICE_LIT("m"), slice_make(tag, sizeof(tag)), &p),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(pairing_g1_product_hash(&x, SLICE_LIT("m"), SLICE_NONE), RC_BAD_REQUEST);
	ck_assert_uint_eq(pairing_g1_product_hash(&x, SLICE_LIT("m"), slice_make(tag, sizeof(tag))),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(pairing_g1_product_end(&x, &p), RC_BAD_REQUEST);
	ck_assert_uint_eq(pairing_g1_hash(SLICE_LIT("m"), slice_make(tag, PAIRING_DST_MAX), &p),
	                  RC_OK);
}
END_TEST

static void
expect_g1(const struct pairing_g1 *a, const struct pairing_g1 *b)
{
	uint8_t x[PAIRING_G1_SIZE], y[PAIRING_G1_SIZE];

	pairing_g1_write(a, x);
	pairing_g1_write(b, y);
	ck_assert_mem_eq(x, y, sizeof(x));
}

static void
expect_g2(const struct pairing_g2 *a, const struct pairing_g2 *b)
{
	uint8_t x[PAIRING_G2_SIZE], y[PAIRING_G2_SIZE];

	pairing_g2_write(a, x);
	pairing_g2_write(b, y);
	ck_assert_mem_eq(x, y, sizeof(x));
}

/* 1 + 2 + .. + 9 = 45, with the same factor twice, and doubling on the way (1 + 2, then 3). */
START_TEST(products_are_powers)
{
	const struct pairing_scalar sum = scalar_small(45);
	const struct pairing_g1 want1 = g1_times(&sum);
	const struct pairing_g2 want2 = g2_times(&sum);
	struct pairing_g1_product x;
	struct pairing_g2_product y;
	struct pairing_g1 p;
	struct pairing_g2 q;

	pairing_g1_product_begin(&x);
	pairing_g2_product_begin(&y);
	for (uint64_t i = 1; i <= 9; i++) {
		struct pairing_scalar s = scalar_small(i);
		struct pairing_g1 g = g1_times(&s);
		struct pairing_g2 h = g2_times(&s);

		pairing_g1_product_times(&x, &g);
		pairing_g2_product_times(&y, &h);
	}
	ck_assert_uint_eq(pairing_g1_product_end(&x, &p), RC_OK);
	ck_assert_uint_eq(pairing_g2_product_end(&y, &q), RC_OK);
	expect_g1(&p, &want1);
	expect_g2(&q, &want2);
}
END_TEST

START_TEST(the_neutral_product)
{
	const struct pairing_scalar minus =
		scalar_of("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
	const struct pairing_scalar one = scalar_small(1);
	struct pairing_g1 p = g1_times(&one), n = g1_times(&minus), i;
	struct pairing_g2 q = g2_times(&one), m = g2_times(&minus);
	struct pairing_g1_product x;
	struct pairing_g2_product y;

	pairing_g1_inverse(&p, &i);
	expect_g1(&i, &n);
	pairing_g1_product_begin(&x);
	ck_assert_uint_eq(pairing_g1_product_end(&x, &i), RC_BAD_REQUEST);
	expect_zeros(&i, sizeof(i));
	pairing_g1_product_times(&x, &p);
	pairing_g1_product_times(&x, &n);
	ck_assert_uint_eq(pairing_g1_product_end(&x, &i), RC_BAD_REQUEST);
	pairing_g1_product_times(&x, &p);
	ck_assert_uint_eq(pairing_g1_product_end(&x, &i), RC_OK);
	expect_g1(&i, &p);
	pairing_g2_product_begin(&y);
	pairing_g2_product_times(&y, &q);
	pairing_g2_product_times(&y, &m);
	ck_assert_uint_eq(pairing_g2_product_end(&y, &m), RC_BAD_REQUEST);
	expect_zeros(&m, sizeof(m));
}
END_TEST

/* Exponents as scalars, 0, and the largest. */
START_TEST(short_powers)
{
	struct dice d;

	dice_init(&d, "short powers");
	for (unsigned i = 0; i < pre_rounds() + 2; i++) {
		const struct pairing_scalar base = scalar_dice(&d);
		struct pairing_scalar s = { { 0 } };
		uint8_t e[PAIRING_SHORT_SIZE] = { 0 };
		struct pairing_g1 p = g1_times(&base), got, want;
		struct pairing_g1_product x;

		for (size_t k = 0; k < sizeof(e) && i > 0; k++) {
			e[k] = i == 1 ? 0xff : (uint8_t)dice(&d, 256);
			s.v[sizeof(e) - 1 - k] = e[k];
		}
		pairing_g1_product_begin(&x);
		pairing_g1_product_power(&x, &p, e);
		if (i == 0) {
			ck_assert_uint_eq(pairing_g1_product_end(&x, &got), RC_BAD_REQUEST);
			continue;
		}
		ck_assert_uint_eq(pairing_g1_product_end(&x, &got), RC_OK);
		pairing_g1_power(&p, &s, &want);
		expect_g1(&got, &want);
	}
}
END_TEST

/*
 * e(g^a, h^b) of n pairs, and e(g^-sum of a b, h): any number around those that one Miller loop
 * takes. With one exponent more it is not 1.
 */
START_TEST(products_of_pairings)
{
	const struct pairing_scalar one = scalar_small(1);
	const struct pairing_g2 h = g2_times(&one);

	for (uint64_t n = 0; n <= 2 * PAIRING_CHECK_PAIRS + 1; n++) {
		for (uint64_t wrong = 0; wrong < 2; wrong++) {
			struct pairing_check c;
			uint64_t sum = wrong;

			pairing_check_begin(&c);
			for (uint64_t i = 1; i <= n; i++) {
				struct pairing_scalar a = scalar_small(i), b = scalar_small(3 * i);
				struct pairing_g1 p = g1_times(&a);
				struct pairing_g2 q = g2_times(&b);

				pairing_check_pair(&c, &p, &q);
				sum += 3 * i * i;
			}
			if (sum > 0) {
				struct pairing_scalar s = scalar_small(sum);
				struct pairing_g1 p = g1_times(&s);

				pairing_g1_inverse(&p, &p);
				pairing_check_pair(&c, &p, &h);
			}
			ck_assert_uint_eq(pairing_check_end(&c), wrong ? RC_FORBIDDEN : RC_OK);
		}
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("pairing_product");
	TCase *c = suite_case(s, "product", NULL, NULL);

	tcase_add_test(c, the_vectors_of_the_hash);
	tcase_add_test(c, lengths_of_the_tag);
	tcase_add_test(c, products_are_powers);
	tcase_add_test(c, the_neutral_product);
	tcase_add_test(c, short_powers);
	tcase_add_test(c, products_of_pairings);
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
