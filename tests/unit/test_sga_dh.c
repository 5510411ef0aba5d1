/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of libsga: what is taken for an element, and powers. */
#include "config.h"

#include <openssl/bn.h>

#include "octets.h"
#include "sga/suite.h"

static const uint16_t ids[] = { SGA_GROUP_X25519, SGA_GROUP_FFDHE2048, SGA_GROUP_FFDHE3072,
	                        SGA_GROUP_FFDHE4096 };

/* Three parties, as G, i and j do: the order of powers makes no difference. */
START_TEST(powers_commute)
{
	const struct sga_group *g = sga_group_find(ids[_i]);
	uint8_t one[SGA_ELEMENT_MAX], two[SGA_ELEMENT_MAX], a[SGA_ELEMENT_MAX], b[SGA_ELEMENT_MAX];
	struct sga_exponent x, y;

	ck_assert_int_eq(sga_group_exponent(g, NULL, &x), RC_OK);
	ck_assert_int_eq(sga_group_exponent(g, NULL, &y), RC_OK);
	ck_assert_int_eq(sga_group_base_power(g, &x, one), RC_OK);
	ck_assert_int_eq(sga_group_base_power(g, &y, two), RC_OK);
	ck_assert(sga_group_check(g, slice_make(one, g->element)));
	ck_assert_int_eq(sga_group_power(g, slice_make(one, g->element), &y, a), RC_OK);
	ck_assert_int_eq(sga_group_power(g, slice_make(two, g->element), &x, b), RC_OK);
	ck_assert_mem_eq(a, b, g->element);
	ck_assert_mem_ne(a, one, g->element);
	ck_assert_mem_ne(one, two, g->element);
}
END_TEST

START_TEST(lengths)
{
	const struct sga_group *g = sga_group_find(ids[_i]), *other;
	uint8_t element[SGA_ELEMENT_MAX + 1] = { 0 }, out[SGA_ELEMENT_MAX];
	struct sga_exponent x, wrong;

	ck_assert_int_eq(sga_group_exponent(g, NULL, &x), RC_OK);
	ck_assert_int_eq(sga_group_base_power(g, &x, element), RC_OK);
	ck_assert(!sga_group_check(g, slice_make(element, g->element - 1u)));
	ck_assert(!sga_group_check(g, slice_make(element, g->element + 1u)));
	ck_assert(!sga_group_check(g, SLICE_NONE));
	memset(out, 1, sizeof(out));
	ck_assert_int_eq(sga_group_power(g, slice_make(element, g->element - 1u), &x, out),
	                 RC_BAD_REQUEST);
	expect_zeros(out, g->element);
	other = sga_group_find(g->suite == SGA_SUITE_X ? SGA_GROUP_FFDHE2048 : SGA_GROUP_X25519);
	ck_assert_int_eq(sga_group_exponent(other, NULL, &wrong), RC_OK);
	ck_assert_int_eq(sga_group_power(g, slice_make(element, g->element), &wrong, out),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(sga_group_base_power(g, &wrong, out), RC_BAD_REQUEST);
}
END_TEST

START_TEST(groups_that_are_none)
{
	ck_assert_ptr_null(sga_group_find(0));
	ck_assert_ptr_null(sga_group_find(0x001e));
	ck_assert_ptr_null(sga_group_find(0x0103));
	ck_assert_ptr_null(sga_suite_find(0));
	ck_assert_ptr_null(sga_suite_find(3));
	for (uint8_t s = SGA_SUITE_C; s <= SGA_SUITE_X; s++)
		ck_assert_uint_eq(sga_group_find(sga_suite_find(s)->group)->suite, s);
}
END_TEST

/* ---- X25519 ---- */

/* RFC 7748, 6.1. */
START_TEST(x25519_vector)
{
	const struct sga_group *g = sga_group_find(SGA_GROUP_X25519);
	struct octets a =
		octets_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	struct octets bob =
		octets_of("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	struct sga_exponent e = { .n = 32 };
	uint8_t out[32];

	memcpy(e.v, a.v, 32);
	ck_assert_int_eq(sga_group_base_power(g, &e, out), RC_OK);
	expect_octets(out, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	ck_assert_int_eq(sga_group_power(g, octets_slice(&bob), &e, out), RC_OK);
	expect_octets(out, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}
END_TEST

/* All points of low order, and what stands for the same number with the unused bit or above p. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
};

START_TEST(x25519_low_order)
{
	const struct sga_group *g = sga_group_find(SGA_GROUP_X25519);
	struct octets n = octets_of(low_order[_i]);
	struct sga_exponent e;
	uint8_t out[32];

	ck_assert(!sga_group_check(g, octets_slice(&n)));
	ck_assert_int_eq(sga_group_exponent(g, NULL, &e), RC_OK);
	memset(out, 1, sizeof(out));
	ck_assert_int_eq(sga_group_power(g, octets_slice(&n), &e, out), RC_BAD_REQUEST);
	expect_zeros(out, sizeof(out));
}
END_TEST

/* The check says what the power does: for all numbers about 0 and p, and for some others. */
START_TEST(x25519_check_and_power)
{
	const struct sga_group *g = sga_group_find(SGA_GROUP_X25519);
	uint8_t n[32], out[32];
	struct sga_exponent e;
	unsigned low = 0;

	ck_assert_int_eq(sga_group_exponent(g, NULL, &e), RC_OK);
	for (unsigned i = 0; i < 3 * 256; i++) {
		bool good;

		memset(n, i < 256 ? 0 : 0xff, sizeof(n));
		n[0] = (uint8_t)i;
		if (i >= 512)
			n[31] = 0x7f;
		good = sga_group_check(g, slice_make(n, sizeof(n)));
		low += !good;
		ck_assert_int_eq(sga_group_power(g, slice_make(n, sizeof(n)), &e, out),
		                 good ? RC_OK : RC_BAD_REQUEST);
	}
	ck_assert_uint_eq(low, 2 + 3 + 3);
	for (size_t k = 0; k < sizeof(n); k++) {
		struct octets near = octets_of(low_order[2 + k % 2]);

		near.v[k] ^= 1;
		ck_assert(sga_group_check(g, octets_slice(&near)));
	}
}
END_TEST

/* ---- primes ---- */

/* p of RFC 7919: 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1; X as the RFC has it. */
static const struct {
	uint16_t id;
	int bits;
	unsigned long x;
} primes[] = {
	{ SGA_GROUP_FFDHE2048, 2048, 560316 },
	{ SGA_GROUP_FFDHE3072, 3072, 2625351 },
	{ SGA_GROUP_FFDHE4096, 4096, 5736041 },
};

/* floor(2^n e): the sum of 2^n / k! with 128 bits more. */
static BIGNUM *
power_of_two_times_e(int n)
{
	BIGNUM *term = BN_new(), *sum = BN_new();

	BN_set_bit(term, n + 128);
	BN_zero(sum);
	for (BN_ULONG k = 1; !BN_is_zero(term); k++) {
		BN_add(sum, sum, term);
		BN_div_word(term, k);
	}
	BN_rshift(sum, sum, 128);
	BN_free(term);
	return sum;
}

static BIGNUM *
prime_of(size_t row)
{
	BIGNUM *p = BN_new(), *q = BN_new();
	BIGNUM *middle = power_of_two_times_e(primes[row].bits - 130);

	BN_add_word(middle, primes[row].x);
	BN_lshift(middle, middle, 64);
	BN_set_bit(p, primes[row].bits);
	BN_set_bit(q, primes[row].bits - 64);
	BN_sub(p, p, q);
	BN_add(p, p, middle);
	BN_sub_word(p, 1);
	BN_free(q);
	BN_free(middle);
	return p;
}

/* p + difference, or the number itself. */
static struct slice
number(size_t row, bool from_p, long difference, uint8_t *out)
{
	size_t n = (size_t)primes[row].bits / 8;
	BIGNUM *v = from_p ? prime_of(row) : BN_new();

	if (difference < 0)
		BN_sub_word(v, (BN_ULONG)-difference);
	else
		BN_add_word(v, (BN_ULONG)difference);
	ck_assert_int_eq(BN_bn2binpad(v, out, (int)n), (int)n);
	BN_free(v);
	return slice_make(out, n);
}

/* 2 and 4 are squares: p is 7 modulo 8. -1 is none, and so are their opposites. */
static const struct {
	bool from_p;
	long difference;
	bool ok;
} numbers[] = {
	{ false, 0, false }, { false, 1, false }, { false, 2, true }, { false, 4, true },
	{ true, -1, false }, { true, -2, false }, { true, 0, false }, { true, 1, false },
	{ true, 2, false },  { true, -4, false },
};

START_TEST(numbers_that_are_elements)
{
	const struct sga_group *g = sga_group_find(primes[_i].id);
	uint8_t octets[SGA_ELEMENT_MAX], out[SGA_ELEMENT_MAX];
	struct sga_exponent e;

	ck_assert_int_eq(sga_group_exponent(g, NULL, &e), RC_OK);
	for (size_t i = 0; i < NITEMS(numbers); i++) {
		struct slice n =
			number((size_t)_i, numbers[i].from_p, numbers[i].difference, octets);

		ck_assert_msg(sga_group_check(g, n) == numbers[i].ok, "%zu", i);
		ck_assert_int_eq(sga_group_power(g, n, &e, out),
		                 numbers[i].ok ? RC_OK : RC_BAD_REQUEST);
		if (!numbers[i].ok)
			expect_zeros(out, g->element);
	}
	memset(octets, 0xff, g->element);
	ck_assert(!sga_group_check(g, slice_make(octets, g->element)));
}
END_TEST

/* Every number or its opposite, and not both. */
START_TEST(half_of_all_numbers)
{
	const struct sga_group *g = sga_group_find(primes[_i].id);
	uint8_t a[SGA_ELEMENT_MAX], b[SGA_ELEMENT_MAX];

	for (long i = 2; i < 20; i++)
		ck_assert(sga_group_check(g, number((size_t)_i, false, i, a)) !=
		          sga_group_check(g, number((size_t)_i, true, -i, b)));
}
END_TEST

/* Against the plain power; zeros in front stay. */
START_TEST(ffdhe_powers)
{
	const struct sga_group *g = sga_group_find(primes[_i].id);
	struct sga_exponent e = { .n = g->exponent };
	BIGNUM *p = prime_of((size_t)_i), *base = BN_new(), *x = BN_new(), *want = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	uint8_t out[SGA_ELEMENT_MAX], octets[SGA_ELEMENT_MAX];

	ck_assert_int_eq(BN_check_prime(p, ctx, NULL), 1);
	e.v[e.n - 1] = 10;
	ck_assert_int_eq(sga_group_base_power(g, &e, out), RC_OK);
	expect_zeros(out, g->element - 2u);
	ck_assert_uint_eq(out[g->element - 2u], 4);
	ck_assert_uint_eq(out[g->element - 1u], 0);
	ck_assert_int_eq(sga_group_exponent(g, NULL, &e), RC_OK);
	BN_bin2bn(e.v, e.n, x);
	BN_set_word(base, 4);
	BN_mod_exp(want, base, x, p, ctx);
	ck_assert_int_eq(sga_group_power(g, number((size_t)_i, false, 4, octets), &e, out), RC_OK);
	BN_bn2binpad(want, octets, g->element);
	ck_assert_mem_eq(out, octets, g->element);
	BN_free(p);
	BN_free(base);
	BN_free(x);
	BN_free(want);
	BN_CTX_free(ctx);
}
END_TEST

/* Exponents that hide nothing. */
START_TEST(trivial_exponents)
{
	const struct sga_group *g = sga_group_find(primes[_i].id);
	struct sga_exponent e = { .n = g->exponent };
	uint8_t out[SGA_ELEMENT_MAX], octets[SGA_ELEMENT_MAX];
	struct slice four = number((size_t)_i, false, 4, octets);

	for (uint8_t i = 0; i <= 2; i++) {
		enum rc want = i < 2 ? RC_BAD_REQUEST : RC_OK;

		e.v[e.n - 1] = i;
		ck_assert_int_eq(sga_group_base_power(g, &e, out), want);
		ck_assert_int_eq(sga_group_power(g, four, &e, out), want);
	}
}
END_TEST

static enum rc
zeros(void *arg, void *out, size_t n)
{
	(void)arg;
	memset(out, 0, n);
	return RC_OK;
}

START_TEST(a_broken_generator)
{
	const struct sga_random r = { .secret = zeros };
	struct sga_exponent e;

	ck_assert_int_eq(sga_group_exponent(sga_group_find(SGA_GROUP_FFDHE2048), &r, &e),
	                 RC_INTERNAL);
}
END_TEST

static Suite *
dh_suite(void)
{
	Suite *s = suite_create("sga_dh");
	TCase *c = suite_case(s, "groups", NULL, NULL);

	tcase_add_loop_test(c, powers_commute, 0, (int)NITEMS(ids));
	tcase_add_loop_test(c, lengths, 0, (int)NITEMS(ids));
	tcase_add_test(c, groups_that_are_none);
	tcase_add_test(c, x25519_vector);
	tcase_add_loop_test(c, x25519_low_order, 0, (int)NITEMS(low_order));
	tcase_add_test(c, x25519_check_and_power);
	tcase_add_loop_test(c, numbers_that_are_elements, 0, (int)NITEMS(primes));
	tcase_add_loop_test(c, half_of_all_numbers, 0, (int)NITEMS(primes));
	tcase_add_loop_test(c, ffdhe_powers, 0, (int)NITEMS(primes));
	tcase_add_loop_test(c, trivial_exponents, 0, (int)NITEMS(primes));
	tcase_add_test(c, a_broken_generator);
	return s;
}

int
main(void)
{
	return run_suite(dh_suite());
}
