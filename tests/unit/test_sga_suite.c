/* SPDX-License-Identifier: Apache-2.0 */
/* Public-key encryption and trapdoor of both suites. */
#include "config.h"

#include <openssl/evp.h>

#include "sec/cipher.h"
#include "sga/hpke.h"
#include "sga_keys_bed.h"

static const uint8_t suites[] = { SGA_SUITE_C, SGA_SUITE_X };

/* One key each of C and X, and another; RSA takes its time, so once for all tests. */
static struct sga_private *keys[NITEMS(suites)], *others[NITEMS(suites)];

static void
make_keys(void)
{
	for (size_t i = 0; i < NITEMS(suites); i++) {
		const struct sga_suite *s = sga_suite_find(suites[i]);

		ck_assert_int_eq(sga_private_make(s, NULL, &keys[i]), RC_OK);
		ck_assert_int_eq(sga_private_make(s, NULL, &others[i]), RC_OK);
	}
}

static void
free_keys(void)
{
	for (size_t i = 0; i < NITEMS(suites); i++) {
		sga_private_free(keys[i]);
		sga_private_free(others[i]);
	}
}

/* ---- HPKE: RFC 9180, A.1.1 ---- */

static enum rc
ephemeral_of_the_rfc(void *arg, void *out, size_t n)
{
	struct octets sk =
		octets_of("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736");

	(void)arg;
	ck_assert_uint_eq(n, sk.n);
	memcpy(out, sk.v, n);
	return RC_OK;
}

#define RFC_ENC "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
#define RFC_SHARED "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"

START_TEST(hpke_vector)
{
	const struct sga_random r = { .secret = ephemeral_of_the_rfc };
	struct octets public =
		octets_of("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
	struct octets info = octets_of("4f6465206f6e2061204772656369616e2055726e");
	struct octets plain =
		octets_of("4265617574792069732074727574682c20747275746820626561757479");
	struct octets aad = octets_of("436f756e742d30");
	uint8_t enc[X25519_SIZE], once[SGA_ONCE_SIZE], sealed[64];
	struct sga_shared z;

	ck_assert_int_eq(sga_dhkem_make(public.v, &r, enc, &z), RC_OK);
	expect_octets(enc, sizeof(enc), RFC_ENC);
	expect_octets(z.v, z.n, RFC_SHARED);
	ck_assert_int_eq(sga_hpke_keys(&z, octets_slice(&info), once), RC_OK);
	expect_octets(once, sizeof(once),
	              "4531685d41d65f03dc48f6b8302c05b0"
	              "56d890e5accaaf011cff4b7d");
	ck_assert_int_eq(aead_seal_once(cipher_find(CIPHER_AES_128_GCM), once, once + SGA_ONCE_KEY,
	                                octets_slice(&aad), octets_slice(&plain), sealed),
	                 RC_OK);
	expect_octets(sealed, plain.n + 16,
	              "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
	              "6d8770ac83d07bea87e13c512a");
}
END_TEST

START_TEST(hpke_vector_opened)
{
	struct octets sk =
		octets_of("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
	struct octets enc = octets_of(RFC_ENC);
	EVP_PKEY *key = sga_x25519_key(sk.v);
	const uint8_t zero[X25519_SIZE] = { 0 };
	struct sga_shared z;

	ck_assert_int_eq(sga_dhkem_open(key, enc.v, &z), RC_OK);
	expect_octets(z.v, z.n, RFC_SHARED);
	ck_assert_int_eq(sga_dhkem_open(key, zero, &z), RC_BAD_REQUEST);
	ck_assert_int_eq(sga_dhkem_make(zero, NULL, enc.v, &z), RC_BAD_REQUEST);
	EVP_PKEY_free(key);
}
END_TEST

/* ---- E_PK ---- */

static const struct sga_hash dp = { { 1, 2, 3 } };
static const uint8_t header[SGA_HEADER_SIZE] = { 1, 2, 3, 0, 5 };
static const struct sga_seal_context context = { .dp = &dp, .label = "A1", .header = header };

#define TEXT SLICE_LIT("a text to be sealed")

static struct slice
seal(int i, uint8_t *out)
{
	const struct sga_public *e = sga_private_public(keys[i]);

	ck_assert_int_eq(sga_seal(e, &context, TEXT, NULL, out), RC_OK);
	return slice_make(out, TEXT.n + sga_suite_find(suites[i])->overhead);
}

START_TEST(sealed_and_opened)
{
	uint8_t one[512], two[512], plain[512];
	struct slice a = seal(_i, one), b = seal(_i, two);

	ck_assert_int_eq(sga_open(keys[_i], &context, a, plain), RC_OK);
	ck_assert_mem_eq(plain, TEXT.p, TEXT.n);
	/* Nothing of it is the same again. */
	for (size_t at = 0; at + 16 <= a.n; at += 16)
		ck_assert_mem_ne(a.p + at, b.p + at, 16);
	ck_assert_int_eq(sga_open(others[_i], &context, a, plain), RC_DENIED);
	expect_zeros(plain, TEXT.n);
}
END_TEST

START_TEST(nothing_sealed)
{
	const struct sga_suite *s = sga_suite_find(suites[_i]);
	uint8_t sealed[512], plain[1];

	ck_assert_int_eq(sga_seal(sga_private_public(keys[_i]), &context, SLICE_NONE, NULL, sealed),
	                 RC_OK);
	ck_assert_int_eq(sga_open(keys[_i], &context, slice_make(sealed, s->overhead), plain),
	                 RC_OK);
}
END_TEST

START_TEST(too_long_or_too_short)
{
	const struct sga_suite *s = sga_suite_find(suites[_i]);
	uint8_t *text = calloc(1, SGA_MESSAGE_MAX + 1 + s->overhead), plain[512];
	uint8_t *out = calloc(1, SGA_MESSAGE_MAX + 1 + s->overhead);
	struct slice sealed = seal(_i, out);

	for (size_t n = 0; n < s->overhead; n++)
		ck_assert_int_eq(sga_open(keys[_i], &context, slice_head(sealed, n), plain),
		                 RC_BAD_REQUEST);
	ck_assert_int_eq(sga_open(keys[_i], &context, slice_head(sealed, sealed.n - 1), plain),
	                 RC_DENIED);
	ck_assert_int_eq(sga_seal(sga_private_public(keys[_i]), &context,
	                          slice_make(text, SGA_MESSAGE_MAX + 1), NULL, out),
	                 RC_TOO_LARGE);
	ck_assert_int_eq(sga_open(keys[_i], &context, slice_make(text, SGA_MESSAGE_MAX + 1), out),
	                 RC_BAD_REQUEST);
	free(text);
	free(out);
}
END_TEST

/* Each bit of what is sent; RSA is slow, so not each bit of its 3072 there. */
START_TEST(changed_bits)
{
	uint8_t out[512], plain[512];
	struct slice sealed = seal(_i, out);
	size_t step = suites[_i] == SGA_SUITE_C ? 61 : 1;

	for (size_t bit = 0; bit < 8 * sealed.n; bit += step) {
		/* X25519 does not look at the last bit of a number; the KEM does. */
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
		memset(plain, 1, sizeof(plain));
		ck_assert_int_eq(sga_open(keys[_i], &context, sealed, plain), RC_DENIED);
		expect_zeros(plain, TEXT.n);
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(sga_open(keys[_i], &context, sealed, plain), RC_OK);
}
END_TEST

START_TEST(other_contexts)
{
	static const struct sga_hash other_dp = { { 1, 2, 4 } };
	static const uint8_t other_header[SGA_HEADER_SIZE] = { 1, 2, 3, 0, 6 };
	struct sga_seal_context c = context;
	uint8_t out[512], plain[512];
	struct slice sealed = seal(_i, out);

	c.label = "A3";
	ck_assert_int_eq(sga_open(keys[_i], &c, sealed, plain), RC_DENIED);
	c = context;
	c.dp = &other_dp;
	ck_assert_int_eq(sga_open(keys[_i], &c, sealed, plain), RC_DENIED);
	c = context;
	c.header = other_header;
	ck_assert_int_eq(sga_open(keys[_i], &c, sealed, plain), RC_DENIED);
	c = context;
	ck_assert_int_eq(sga_open(keys[_i], &c, sealed, plain), RC_OK);
}
END_TEST

/* ---- F ---- */

START_TEST(trapdoor)
{
	const struct sga_suite *s = sga_suite_find(suites[_i]);
	const struct sga_public *f = sga_private_public(keys[_i]);
	uint8_t enc[SGA_ENC_MAX + 1] = { 0 };
	struct sga_exponent a, b;

	ck_assert_int_eq(sga_trapdoor_make(f, NULL, enc, &a), RC_OK);
	ck_assert_uint_eq(a.n, suites[_i] == SGA_SUITE_X ? 32 : 36);
	ck_assert_uint_eq(a.n, sga_group_find(s->group)->exponent);
	ck_assert_int_eq(sga_trapdoor_open(keys[_i], slice_make(enc, s->enc), &b), RC_OK);
	ck_assert_uint_eq(b.n, a.n);
	ck_assert_mem_eq(a.v, b.v, a.n);
	ck_assert_int_eq(sga_trapdoor_open(keys[_i], slice_make(enc, s->enc - 1), &b), RC_DENIED);
	expect_zeros(&b, sizeof(b));
	ck_assert_int_eq(sga_trapdoor_open(keys[_i], slice_make(enc, s->enc + 1), &b), RC_DENIED);
	/* Another key gives another exponent. */
	enc[s->enc - 1] ^= 1;
	if (sga_trapdoor_open(keys[_i], slice_make(enc, s->enc), &b) == RC_OK)
		ck_assert_mem_ne(a.v, b.v, a.n);
	enc[s->enc - 1] ^= 1;
	if (sga_trapdoor_open(others[_i], slice_make(enc, s->enc), &b) == RC_OK)
		ck_assert_mem_ne(a.v, b.v, a.n);
}
END_TEST

/* 0, 1 and n - 1 are their own roots; n and above are no numbers. X: points of low order. */
START_TEST(what_cannot_be_inverted)
{
	uint8_t enc[384] = { 0 };
	struct sga_exponent e;

	for (uint8_t i = 0; i < 2; i++) {
		enc[383] = i;
		ck_assert_int_eq(sga_trapdoor_open(keys[0], slice_make(enc, 384), &e), RC_DENIED);
		expect_zeros(&e, sizeof(e));
	}
	enc[383] = 2;
	ck_assert_int_eq(sga_trapdoor_open(keys[0], slice_make(enc, 384), &e), RC_OK);
	memset(enc, 0xff, sizeof(enc));
	ck_assert_int_eq(sga_trapdoor_open(keys[0], slice_make(enc, 384), &e), RC_DENIED);
	memset(enc, 0, sizeof(enc));
	ck_assert_int_eq(sga_trapdoor_open(keys[1], slice_make(enc, 32), &e), RC_DENIED);
}
END_TEST

/* ---- keys ---- */

START_TEST(keys_are_kept)
{
	const struct sga_suite *s = sga_suite_find(suites[_i]);
	struct slice public = sga_public_octets(sga_private_public(keys[_i]));
	struct sga_private *again;
	struct sga_public *p;
	struct buf b;

	buf_init(&b, 2048);
	b.secret = true;
	ck_assert_int_eq(sga_private_write(keys[_i], &b), RC_OK);
	ck_assert_uint_le(b.n, (SGA_KEYS_MAX - 5) / 2);
	ck_assert_int_eq(sga_private_read(s, buf_view(&b), &again), RC_OK);
	ck_assert(slice_eq(public, sga_public_octets(sga_private_public(again))));
	sga_private_free(again);
	for (size_t n = 0; n < b.n; n++)
		ck_assert_int_eq(sga_private_read(s, slice_head(buf_view(&b), n), &again),
		                 RC_BAD_REQUEST);
	buf_char(&b, 0);
	ck_assert_int_eq(sga_private_read(s, buf_view(&b), &again), RC_BAD_REQUEST);
	buf_fini(&b);
	buf_init(&b, 16);
	ck_assert_int_eq(sga_private_write(keys[_i], &b), RC_NO_SPACE);
	buf_fini(&b);
	ck_assert_int_eq(sga_public_read(s, public, &p), RC_OK);
	ck_assert(slice_eq(public, sga_public_octets(p)));
	sga_public_free(p);
	for (size_t n = 0; n < public.n; n++)
		ck_assert_int_eq(sga_public_read(s, slice_head(public, n), &p), RC_BAD_REQUEST);
}
END_TEST

static Suite *
suite_suite(void)
{
	Suite *s = suite_create("sga_suite");
	TCase *c = suite_case(s, "suites", NULL, NULL);
	const int both = (int)NITEMS(suites);

	tcase_add_unchecked_fixture(c, make_keys, free_keys);
	tcase_add_test(c, hpke_vector);
	tcase_add_test(c, hpke_vector_opened);
	tcase_add_loop_test(c, sealed_and_opened, 0, both);
	tcase_add_loop_test(c, nothing_sealed, 0, both);
	tcase_add_loop_test(c, too_long_or_too_short, 0, both);
	tcase_add_loop_test(c, changed_bits, 0, both);
	tcase_add_loop_test(c, other_contexts, 0, both);
	tcase_add_loop_test(c, trapdoor, 0, both);
	tcase_add_test(c, what_cannot_be_inverted);
	tcase_add_loop_test(c, keys_are_kept, 0, both);
	return s;
}

int
main(void)
{
	return run_suite(suite_suite());
}
