/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suite C: RSASVE (NIST SP 800-56B rev. 2, 7.2.1) with RSA of 3072 bits. It is the bare function of
 * RSA on a random number, so that the number can be a test's: libcrypto's own RSASVE, which takes
 * none, makes and opens the same octets.
 */
#include "config.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "sec/digest.h"
#include "sec/hkdf.h"
#include "sga/suite_own.h"

#define BITS 3072
#define MODULUS (BITS / 8u)
#define EXPONENT 65537u
#define F_EXPONENT 36u
#define INFO_MAX 160u
#define DRAWS 128u /* of numbers below n, each of which is one with a chance of a half at least */

/* ---- keys ---- */

static bool
is_of_this_suite(EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool ok = EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == BITS &&
	          EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	          BN_is_word(e, EXPONENT);

	BN_free(e);
	return ok;
}

static size_t
public_write(EVP_PKEY *key, uint8_t *out)
{
	unsigned char *at = out;
	int n = i2d_PUBKEY(key, NULL);

	if (n <= 0 || (size_t)n > SGA_PUBLIC_MAX)
		return 0;
	return i2d_PUBKEY(key, &at) == n ? (size_t)n : 0;
}

static enum rc
public_read(struct slice octets, EVP_PKEY **out)
{
	const unsigned char *at = (const unsigned char *)octets.p;
	uint8_t again[SGA_PUBLIC_MAX];
	EVP_PKEY *key;

	if (octets.n == 0 || octets.n > SGA_PUBLIC_MAX)
		return RC_BAD_REQUEST;
	key = d2i_PUBKEY(NULL, &at, (long)octets.n);
	if (key == NULL)
		return RC_BAD_REQUEST;
	/* One key has one encoding. */
	if (!is_of_this_suite(key) ||
	    !slice_eq(octets, slice_make(again, public_write(key, again)))) {
		EVP_PKEY_free(key);
		return RC_BAD_REQUEST;
	}
	*out = key;
	return RC_OK;
}

static enum rc
private_make(const struct sga_random *r, EVP_PKEY **out)
{
	(void)r; /* libcrypto takes primes from its own generator only */
	*out = EVP_RSA_gen(BITS);
	return *out == NULL ? RC_INTERNAL : RC_OK;
}

static enum rc
private_read(struct slice octets, EVP_PKEY **out)
{
	const unsigned char *at = (const unsigned char *)octets.p;
	EVP_PKEY *key;

	if (octets.n == 0 || octets.n > SGA_MESSAGE_MAX)
		return RC_BAD_REQUEST;
	key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)octets.n);
	if (key == NULL)
		return RC_BAD_REQUEST;
	if (!is_of_this_suite(key) || at != (const unsigned char *)octets.p + octets.n) {
		EVP_PKEY_free(key);
		return RC_BAD_REQUEST;
	}
	*out = key;
	return RC_OK;
}

static enum rc
private_write(EVP_PKEY *key, struct buf *to)
{
	int n = i2d_PrivateKey(key, NULL);
	char *room = n <= 0 ? NULL : buf_reserve(to, (size_t)n);
	unsigned char *at = (unsigned char *)room;

	if (n <= 0)
		return RC_INTERNAL;
	if (room == NULL)
		return RC_NO_SPACE;
	if (i2d_PrivateKey(key, &at) != n)
		return RC_INTERNAL;
	to->n += (size_t)n;
	return RC_OK;
}

/* ---- RSASVE ---- */

/* Whether the number of MODULUS octets is from 2 to n - 2. */
static bool
in_range(EVP_PKEY *key, const uint8_t *octets)
{
	BIGNUM *n = NULL, *v = BN_secure_new();
	bool ok = v != NULL && BN_bin2bn(octets, MODULUS, v) != NULL &&
	          EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	          BN_sub_word(n, 1) == 1 && BN_cmp(v, BN_value_one()) > 0 && BN_cmp(v, n) < 0;

	BN_free(n);
	BN_clear_free(v);
	return ok;
}

static enum rc
draw(EVP_PKEY *key, const struct sga_random *r, struct sga_shared *z)
{
	for (unsigned i = 0; i < DRAWS; i++) {
		if (sga_random_secret(r, z->v, MODULUS) != RC_OK)
			return RC_INTERNAL;
		if (in_range(key, z->v)) {
			z->n = MODULUS;
			return RC_OK;
		}
	}
	secret_wipe(z, sizeof(*z));
	return RC_INTERNAL;
}

typedef int rsa_fn(EVP_PKEY_CTX *ctx, unsigned char *out, size_t *n, const unsigned char *in,
                   size_t in_n);

/* RSA without padding, the public or the private way. */
static enum rc
run(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *ctx), rsa_fn *power, const uint8_t *in, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t n = MODULUS;
	bool ok = ctx != NULL && init(ctx) == 1 &&
	          EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
	          power(ctx, out, &n, in, MODULUS) == 1 && n == MODULUS;

	EVP_PKEY_CTX_free(ctx);
	if (ok)
		return RC_OK;
	secret_wipe(out, MODULUS);
	return RC_INTERNAL;
}

static enum rc
encapsulate(const struct sga_public *k, const struct sga_random *r, uint8_t *enc,
            struct sga_shared *out)
{
	enum rc rc = draw(k->pkey, r, out);

	if (rc == RC_OK)
		rc = run(k->pkey, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, out->v, enc);
	if (rc != RC_OK)
		secret_wipe(out, sizeof(*out));
	return rc;
}

static enum rc
decapsulate(const struct sga_private *k, const uint8_t *enc, struct sga_shared *out)
{
	/* No secret: who sent it knows whether it is one. */
	if (!in_range(k->pkey, enc))
		return RC_BAD_REQUEST;
	out->n = MODULUS;
	return run(k->pkey, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, enc, out->v);
}

static enum rc
derive(const struct sga_shared *z, struct slice info, struct slice enc, uint8_t out[SGA_ONCE_SIZE])
{
	uint8_t octets[INFO_MAX];

	if (info.n > sizeof(octets) - DIGEST_SIZE)
		return RC_INTERNAL;
	memcpy(octets, info.p, info.n);
	if (digest_sha256(&enc, 1, octets + info.n) != RC_OK)
		return RC_INTERNAL;
	return hkdf_sha256(SLICE_LIT("SGA/1 kem"), slice_make(z->v, z->n),
	                   slice_make(octets, info.n + DIGEST_SIZE), out, SGA_ONCE_SIZE);
}

const struct sga_suite_ops sga_suite_c_ops = {
	.public_read = public_read,
	.public_write = public_write,
	.private_make = private_make,
	.private_read = private_read,
	.private_write = private_write,
	.encapsulate = encapsulate,
	.decapsulate = decapsulate,
	.derive = derive,
	.enc_in_aad = true,
	.exponent = F_EXPONENT,
};
