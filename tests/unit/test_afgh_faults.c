/* SPDX-License-Identifier: Apache-2.0 */
/* AFGH with a library that computes something wrong, or has no random octets. */
#include "config.h"

#include "afgh_bed.h"

#include <dlfcn.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

/* ---- the library ---- */

static enum fault { NONE, DIGEST, KDF, CIPHER } fault;
static unsigned random_calls = UINT32_MAX; /* that still work */

static void *
real(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	ck_assert_ptr_nonnull(symbol);
	return symbol;
}

int
EVP_Digest(const void *data, size_t n, unsigned char *md, unsigned int *size, const EVP_MD *type,
           ENGINE *engine)
{
	int (*digest)(const void *, size_t, unsigned char *, unsigned int *, const EVP_MD *,
	              ENGINE *);
	int done;

	*(void **)&digest = real("EVP_Digest");
	done = digest(data, n, md, size, type, engine);
	md[0] ^= fault == DIGEST;
	return done;
}

int
EVP_KDF_derive(EVP_KDF_CTX *c, unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	int (*derive)(EVP_KDF_CTX *, unsigned char *, size_t, const OSSL_PARAM[]);
	int done;

	*(void **)&derive = real("EVP_KDF_derive");
	done = derive(c, key, n, params);
	key[n - 1] ^= fault == KDF;
	return done;
}

/* What changes the tag last. */
int
EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *c, int type, int n, void *p)
{
	int (*ctrl)(EVP_CIPHER_CTX *, int, int, void *);
	int done;

	*(void **)&ctrl = real("EVP_CIPHER_CTX_ctrl");
	done = ctrl(c, type, n, p);
	if (type == EVP_CTRL_AEAD_GET_TAG)
		((unsigned char *)p)[n - 1] ^= fault == CIPHER;
	return done;
}

int
RAND_priv_bytes(unsigned char *p, int n)
{
	return random_calls > 0 && random_calls-- > 0 ? RAND_bytes(p, n) : 0;
}

/* ---- what is wrong is found ---- */

START_TEST(wrong_functions_are_found)
{
	for (fault = DIGEST; fault <= CIPHER; fault++) {
		struct afgh *a = afgh;

		ck_assert_uint_eq(afgh_new(&a), RC_INTERNAL);
		ck_assert_ptr_null(a);
	}
	fault = NONE;
}
END_TEST

/* a1, a2, seed. */
START_TEST(no_octets_for_keys)
{
	for (unsigned calls = 0; calls < 3; calls++) {
		struct afgh_keys *k = owner;

		random_calls = calls;
		ck_assert_uint_eq(afgh_keys_new(&k), RC_INTERNAL);
		ck_assert_ptr_null(k);
	}
	random_calls = UINT32_MAX;
}
END_TEST

START_TEST(no_octets_for_messages)
{
	struct pairing_scalar s;
	struct sealed m;
	uint8_t pk1[AFGH_GT];

	ck_assert_uint_eq(afgh_epoch_public(afgh, afgh_keys_first(owner), pk1), RC_OK);
	random_calls = 0;
	memset(&m, 1, sizeof(m));
	ck_assert_uint_eq(afgh_encrypt(afgh, afgh_keys_first(owner), m.c1, &m.k), RC_INTERNAL);
	expect_zeros(&m, sizeof(m));
	memset(&m, 1, sizeof(m));
	ck_assert_uint_eq(afgh_encrypt_to(slice_make(pk1, sizeof(pk1)), m.c1, &m.k), RC_INTERNAL);
	expect_zeros(&m, sizeof(m));
	memset(&s, 1, sizeof(s));
	ck_assert_uint_eq(pairing_scalar_random(&s), RC_INTERNAL);
	expect_zeros(&s, sizeof(s));
	random_calls = UINT32_MAX;
}
END_TEST

static Suite *
faults_suite(void)
{
	Suite *s = suite_create("afgh with faults");
	TCase *c = suite_case(s, "faults", afgh_setup, afgh_teardown);

	tcase_add_test(c, wrong_functions_are_found);
	tcase_add_test(c, no_octets_for_keys);
	tcase_add_test(c, no_octets_for_messages);
	return s;
}

int
main(void)
{
	return run_pre_suite(faults_suite);
}
