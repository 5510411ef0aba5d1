/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known answers: the whole scheme, and the two functions of libcrypto that use its K, on this
 * computer and in this build. The scalars are SHA-512 of "M2PRE1-KAT a1", "... a2" and so on,
 * modulo r; another implementation of the curve has computed the same values.
 */
#include "config.h"

#include "pre/afgh_fixed.h"
#include "pre/afgh_own.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define HASH_SIZE 32
#define OKM_SIZE 60
#define BLOCK 16

/*
 * a1 and a2 of the owner, b2 of the sink. From the first on, and from the second on, they read as
 * a key, with a seed that does not matter; the sink's first secret does not either.
 */
static const uint8_t scalars[3 * AFGH_SCALAR + AFGH_SEED] = {
	0x62, 0xbc, 0x9e, 0xa7, 0xe5, 0xa3, 0xcf, 0xa0, 0x18, 0x55, 0xa6, 0x62, 0x81, 0xad,
	0x0e, 0xd9, 0xfa, 0xc2, 0x60, 0xbf, 0x62, 0xa0, 0x77, 0x78, 0x26, 0x93, 0x90, 0xd1,
	0xf3, 0xef, 0xf9, 0xc5, 0x6a, 0x49, 0x20, 0x2b, 0x86, 0x50, 0x56, 0x11, 0x0d, 0x0e,
	0x22, 0x1b, 0xb1, 0x1e, 0xed, 0x68, 0xe9, 0xd0, 0xb6, 0xf2, 0x4e, 0xdf, 0x9a, 0x8a,
	0x5b, 0xdd, 0xc5, 0xa4, 0x62, 0xe0, 0xb8, 0xb6, 0x17, 0x27, 0x23, 0xb0, 0xdc, 0x1d,
	0xe9, 0xc1, 0xd6, 0x2b, 0xae, 0x9b, 0x68, 0x11, 0x8e, 0xb8, 0x95, 0x08, 0xba, 0xab,
	0x57, 0x0a, 0x37, 0x7a, 0x03, 0x48, 0xe2, 0x82, 0xe9, 0xab, 0x6c, 0x4e,
};
static const uint8_t fixed_r[AFGH_SCALAR] = {
	0x41, 0xb7, 0x8b, 0xe2, 0x68, 0x7b, 0xd8, 0x80, 0x05, 0xa5, 0x42,
	0xc2, 0xb1, 0x67, 0xfe, 0x6f, 0x25, 0x82, 0xc9, 0x9b, 0x1b, 0x87,
	0x1a, 0xad, 0x14, 0xe5, 0xf7, 0xb8, 0x6c, 0xa9, 0x86, 0x0e,
};

/* What one round makes of them. */
struct answers {
	uint8_t z[AFGH_GT_RAW];
	uint8_t rk[AFGH_G2];
	uint8_t c1[AFGH_G1];
	uint8_t d[AFGH_GT];
	struct afgh_gt k;
};

/* SHA-256 of the answers, one after the other. */
static const uint8_t answers_hash[HASH_SIZE] = {
	0x9b, 0x65, 0x27, 0xe9, 0x42, 0x7e, 0x50, 0x5e, 0xd0, 0x7a, 0xf8,
	0x0a, 0xf9, 0xa5, 0x67, 0x95, 0x01, 0xed, 0x00, 0x41, 0xcd, 0x36,
	0xf3, 0x4b, 0xa0, 0x32, 0x5e, 0xc1, 0x23, 0xeb, 0x5f, 0x22,
};

/* HKDF with SHA-256 of K, with the salt "M2PRE1" and the info "M2PRE1 kem KAT". */
static const uint8_t known_okm[OKM_SIZE] = {
	0xfb, 0xb4, 0x25, 0x0d, 0x89, 0x8f, 0xed, 0x65, 0x7b, 0x69, 0x85, 0xd2, 0x2a, 0xd0, 0x3b,
	0xab, 0xe3, 0x8d, 0xed, 0x91, 0x75, 0xb6, 0x8b, 0x60, 0x9e, 0x66, 0x25, 0xf5, 0x4f, 0x60,
	0x90, 0x01, 0x54, 0x9f, 0xeb, 0xc1, 0x31, 0xe0, 0xd2, 0x89, 0xa8, 0x5e, 0x11, 0x32, 0xd4,
	0x80, 0x1f, 0xea, 0xc3, 0xee, 0xe0, 0xa3, 0xf5, 0x89, 0x5c, 0xbb, 0xf9, 0x91, 0x8b, 0xec,
};

/* AES-128-GCM of a block of zeros, key and nonce zero, and its tag. */
static const uint8_t known_gcm[2 * BLOCK] = {
	0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2,
	0xb9, 0x71, 0xb2, 0xfe, 0x78, 0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec,
	0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf,
};

static bool
hash_is(const void *p, size_t n, const uint8_t want[HASH_SIZE])
{
	unsigned char hash[HASH_SIZE];

	return EVP_Digest(p, n, hash, NULL, EVP_sha256(), NULL) == 1 &&
	       memcmp(hash, want, HASH_SIZE) == 0;
}

/* Owner and sink get the K that was encrypted. */
static enum rc
ways_back(const struct afgh *a, const struct afgh_keys *owner, const struct afgh_keys *sink,
          const struct answers *got)
{
	struct afgh_gt first, second;
	enum rc rc = afgh_decrypt_first(sink, slice_make(got->d, AFGH_GT), &first);

	if (rc == RC_OK)
		rc = afgh_decrypt_second(a, afgh_keys_first(owner), slice_make(got->c1, AFGH_G1),
		                         &second);
	if (rc != RC_OK)
		return rc;
	return memcmp(first.raw, got->k.raw, AFGH_GT_RAW) == 0 &&
	                       memcmp(second.raw, got->k.raw, AFGH_GT_RAW) == 0
	               ? RC_OK
	               : RC_INTERNAL;
}

static enum rc
reencrypted(struct answers *got)
{
	struct afgh_rk *rk;
	enum rc rc = afgh_rk_load(slice_make(got->rk, AFGH_G2), &rk);

	if (rc == RC_OK)
		rc = afgh_reencrypt(rk, slice_make(got->c1, AFGH_G1), got->d);
	afgh_rk_free(rk);
	return rc;
}

static enum rc
round_trip(const struct afgh *a, const struct afgh_keys *owner, const struct afgh_keys *sink,
           struct answers *got)
{
	const struct afgh_epoch *e = afgh_keys_first(owner);
	uint8_t pk2[AFGH_G2];
	enum rc rc;

	pairing_gt_write_raw(&a->z.v[1], got->z);
	afgh_keys_public(sink, pk2);
	rc = afgh_rekey(e, slice_make(pk2, sizeof(pk2)), got->rk);
	if (rc == RC_OK)
		rc = afgh_encrypt_fixed(a, e, slice_make(fixed_r, AFGH_SCALAR), got->c1, &got->k);
	if (rc == RC_OK)
		rc = reencrypted(got);
	if (rc == RC_OK)
		rc = ways_back(a, owner, sink, got);
	if (rc == RC_OK && !hash_is(got, sizeof(*got), answers_hash))
		rc = RC_INTERNAL;
	return rc;
}

static enum rc
scheme(const struct afgh *a, struct answers *got)
{
	struct slice all = slice_make(scalars, sizeof(scalars));
	struct afgh_keys *owner = NULL, *sink = NULL;
	enum rc rc;

	rc = afgh_keys_read(slice_head(all, AFGH_SECRET), &owner);
	if (rc == RC_OK)
		rc = afgh_keys_read(slice_from(all, AFGH_SCALAR), &sink);
	if (rc == RC_OK)
		rc = round_trip(a, owner, sink, got);
	afgh_keys_free(owner);
	afgh_keys_free(sink);
	return rc;
}

static bool
hkdf_works(const struct afgh_gt *k)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	unsigned char okm[OKM_SIZE];
	char digest[] = "SHA256", salt[] = "M2PRE1", info[] = "M2PRE1 kem KAT";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt) - 1),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info) - 1),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)k->raw, AFGH_GT_RAW),
		OSSL_PARAM_construct_end(),
	};
	bool ok = c != NULL && EVP_KDF_derive(c, okm, sizeof(okm), params) == 1 &&
	          memcmp(okm, known_okm, sizeof(okm)) == 0;

	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	return ok;
}

static bool
gcm_works(void)
{
	static const unsigned char zeros[BLOCK];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char out[2 * BLOCK];
	int n = 0, rest = 0;
	bool ok = c != NULL && EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, zeros, zeros) == 1 &&
	          EVP_EncryptUpdate(c, out, &n, zeros, BLOCK) == 1 && n == BLOCK &&
	          EVP_EncryptFinal_ex(c, out + BLOCK, &rest) == 1 && rest == 0 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, BLOCK, out + BLOCK) == 1 &&
	          memcmp(out, known_gcm, sizeof(out)) == 0;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

enum rc
afgh_check(const struct afgh *a)
{
	struct answers got;
	enum rc rc = scheme(a, &got);

	/* Octets that the code itself holds cannot be wrong but by a defect. */
	if (rc == RC_BAD_REQUEST || (rc == RC_OK && !(hkdf_works(&got.k) && gcm_works())))
		return RC_INTERNAL;
	return rc;
}
