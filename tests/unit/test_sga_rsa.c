/* SPDX-License-Identifier: Apache-2.0 */
/* Suite C: the octets that it makes, and RSASVE beside that of libcrypto. */
#include "config.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "sec/cipher.h"
#include "sga/suite_own.h"
#include "sga_keys_bed.h"

/* RSA takes its time to make one, so once for all tests. */
static struct sga_private *key;

static void
make_key(void)
{
	ck_assert_int_eq(sga_private_make(sga_suite_find(SGA_SUITE_C), NULL, &key), RC_OK);
}

static void
free_key(void)
{
	sga_private_free(key);
}

static const struct sga_hash dp = { { 1, 2, 3 } };
static const uint8_t header[SGA_HEADER_SIZE] = { 1, 2, 3, 0, 5 };
static const struct sga_seal_context context = { .dp = &dp, .label = "A1", .header = header };

#define TEXT SLICE_LIT("a text to be sealed")

/* The octets of C, made of their description. */
START_TEST(octets_of_c)
{
	struct known_random r;
	uint8_t out[512], z[384], info[6 + 1 + 32 + 2 + 32], once[28], aad[24 + 384], want[64];
	const struct sga_public *e = sga_private_public(key);
	unsigned char hash[32];

	known_random_init(&r, "z");
	ck_assert_int_eq(sga_seal(e, &context, TEXT, &r.random, out), RC_OK);
	/* The last number that was drawn is the one. */
	ck_assert_int_eq(hkdf_sha256(SLICE_LIT("known"), SLICE_LIT("z"), slice_make(&r.calls, 1), z,
	                             sizeof(z)),
	                 RC_OK);
	EVP_Digest(out, 384, hash, NULL, EVP_sha256(), NULL);
	memcpy(info, "SGA/1 \x01", 7);
	memcpy(info + 7, dp.v, 32);
	memcpy(info + 39, "A1", 2);
	memcpy(info + 41, hash, 32);
	ck_assert_int_eq(hkdf_sha256(SLICE_LIT("SGA/1 kem"), slice_make(z, sizeof(z)),
	                             slice_make(info, sizeof(info)), once, sizeof(once)),
	                 RC_OK);
	memcpy(aad, header, 24);
	memcpy(aad + 24, out, 384);
	ck_assert_int_eq(aead_seal_once(cipher_find(CIPHER_AES_128_GCM), once, once + 16,
	                                slice_make(aad, sizeof(aad)), TEXT, want),
	                 RC_OK);
	ck_assert_mem_eq(out + 384, want, TEXT.n + 16);
}
END_TEST

/* Around the modulus. */
START_TEST(numbers_around_n)
{
	BIGNUM *n = NULL;
	uint8_t enc[384];
	struct sga_exponent e;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(sga_private_public(key)->pkey, "n", &n), 1);
	BN_sub_word(n, 2);
	for (int i = -2; i <= 1; i++) {
		BN_bn2binpad(n, enc, 384);
		ck_assert_int_eq(sga_trapdoor_open(key, slice_make(enc, 384), &e),
		                 i == -2 ? RC_OK : RC_DENIED);
		BN_add_word(n, 1);
	}
	BN_free(n);
}
END_TEST

static void
exponent_of(const uint8_t *z, uint8_t out[36])
{
	ck_assert_int_eq(hkdf_sha256(SLICE_NONE, slice_make(z, 384), SLICE_LIT("SGA/1 r"), out, 36),
	                 RC_OK);
}

/* libcrypto's RSASVE opens what is made here, and the other way round. */
START_TEST(rsasve_of_libcrypto)
{
	const struct sga_public *f = sga_private_public(key);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(f->pkey, NULL);
	uint8_t enc[384], z[384], want[36];
	size_t enc_n = sizeof(enc), z_n = sizeof(z);
	struct sga_exponent e;

	ck_assert_int_eq(sga_trapdoor_make(f, NULL, enc, &e), RC_OK);
	ck_assert_int_eq(EVP_PKEY_decapsulate_init(ctx, NULL), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_kem_op(ctx, "RSASVE"), 1);
	ck_assert_int_eq(EVP_PKEY_decapsulate(ctx, z, &z_n, enc, sizeof(enc)), 1);
	exponent_of(z, want);
	ck_assert_mem_eq(e.v, want, 36);
	ck_assert_int_eq(EVP_PKEY_encapsulate_init(ctx, NULL), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_kem_op(ctx, "RSASVE"), 1);
	ck_assert_int_eq(EVP_PKEY_encapsulate(ctx, enc, &enc_n, z, &z_n), 1);
	ck_assert_int_eq(sga_trapdoor_open(key, slice_make(enc, 384), &e), RC_OK);
	exponent_of(z, want);
	ck_assert_mem_eq(e.v, want, 36);
	EVP_PKEY_CTX_free(ctx);
}
END_TEST

/* Numbers outside of 2 .. n - 2 are not taken, and there is an end to drawing. */
static enum rc
ones(void *arg, void *out, size_t n)
{
	int *calls = arg;

	memset(out, (*calls)++ < 3 ? 0xff : 0, n);
	if (*calls == 5)
		((uint8_t *)out)[n - 1] = 1;
	if (*calls == 6)
		((uint8_t *)out)[n - 1] = 2;
	return *calls == 7 ? RC_INTERNAL : RC_OK;
}

static enum rc
always_ones(void *arg, void *out, size_t n)
{
	(void)arg;
	memset(out, 0xff, n);
	return RC_OK;
}

START_TEST(drawing)
{
	int calls = 0;
	const struct sga_random r = { .secret = ones, .arg = &calls };
	const struct sga_random never = { .secret = always_ones };
	const struct sga_public *f = sga_private_public(key);
	uint8_t enc[384];
	struct sga_exponent e;

	ck_assert_int_eq(sga_trapdoor_make(f, &r, enc, &e), RC_OK);
	ck_assert_int_eq(calls, 6);
	ck_assert_int_eq(sga_trapdoor_make(f, &r, enc, &e), RC_INTERNAL);
	ck_assert_int_eq(sga_trapdoor_make(f, &never, enc, &e), RC_INTERNAL);
}
END_TEST

/* What is a key for RSA, and none of the suite. */
START_TEST(other_keys_of_rsa)
{
	const struct sga_suite *c = sga_suite_find(SGA_SUITE_C);
	EVP_PKEY *small = EVP_RSA_gen(2048), *curve = EVP_EC_gen("P-256");
	EVP_PKEY *const pkeys[] = { small, curve };
	struct slice good = sga_public_octets(sga_private_public(key));
	uint8_t longer[SGA_PUBLIC_MAX + 1] = { 0 };
	struct sga_public *p;

	for (size_t i = 0; i < NITEMS(pkeys); i++) {
		unsigned char *der = NULL;
		int n = i2d_PUBKEY(pkeys[i], &der);

		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(sga_public_read(c, slice_make(der, (size_t)n), &p),
		                 RC_BAD_REQUEST);
		OPENSSL_free(der);
		EVP_PKEY_free(pkeys[i]);
	}
	/* The exponent is the last number of the encoding: 3 octets, odd. */
	memcpy(longer, good.p, good.n);
	ck_assert_int_eq(sga_public_read(c, slice_make(longer, good.n + 1), &p), RC_BAD_REQUEST);
	longer[good.n - 1] = 3;
	ck_assert_int_eq(sga_public_read(c, slice_make(longer, good.n), &p), RC_BAD_REQUEST);
	ck_assert_int_eq(sga_public_read(c, slice_make(longer, sizeof(longer)), &p),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(sga_public_read(c, SLICE_NONE, &p), RC_BAD_REQUEST);
}
END_TEST

static Suite *
rsa_suite(void)
{
	Suite *s = suite_create("sga_rsa");
	TCase *c = suite_case(s, "RSA", NULL, NULL);

	tcase_add_unchecked_fixture(c, make_key, free_key);
	tcase_add_test(c, octets_of_c);
	tcase_add_test(c, numbers_around_n);
	tcase_add_test(c, rsasve_of_libcrypto);
	tcase_add_test(c, drawing);
	tcase_add_test(c, other_keys_of_rsa);
	return s;
}

int
main(void)
{
	return run_suite(rsa_suite());
}
