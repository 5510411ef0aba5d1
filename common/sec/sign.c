/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/sign.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "sec/key_file.h"
#include "sec/pkey.h"

struct sign_key {
	EVP_PKEY *pkey;
	struct sign_public pub;
};

static const struct slice domains[SIGN_DOMAINS] = {
	[SIGN_OWN] = SLICE_INIT("M2M-SIGN-v1\0"),
	[SIGN_PACKAGE] = SLICE_INIT("M2M-PACKAGE-v1\0"),
	[SIGN_REJECT] = SLICE_INIT("M2M-REJECT-v1\0"),
	[SIGN_MANIFEST] = SLICE_INIT("M2M-MANIFEST-v1\0"),
	[SIGN_PRE_KEY] = SLICE_INIT("M2PRE1 mm2\0"),
	[SIGN_PRE_DATA] = SLICE_INIT("M2PRE1 data\0"),
	[SIGN_PRE_END] = SLICE_INIT("M2PRE1 end\0"),
	[SIGN_SGA_PACKAGE] = SLICE_INIT("SGA/1 package\0"),
	[SIGN_SGA_E2E] = SLICE_INIT("SGA/1 e2e\0"),
	[SIGN_SGA_GROUP] = SLICE_INIT("SGA/1 group\0"),
	[SIGN_SMALL_DATA] = SLICE_INIT("M2M-SD-v1\0"),
	[SIGN_DELEGATE] = SLICE_INIT("M2M-PROXY-DELEGATE-v1\0"),
	[SIGN_PROXY] = SLICE_INIT("M2M-PROXY-SIGN-v1\0"),
	[SIGN_CONFIG] = SLICE_INIT("M2M-CONFIG-v1\0"),
};

/* ---- keys ---- */

/* Takes pkey, also on failure. */
static enum rc
make_key(EVP_PKEY *pkey, struct sign_key **out)
{
	struct sign_key *k = calloc(1, sizeof(*k));
	size_t n = SIGN_PUBLIC_SIZE;

	if (k == NULL || EVP_PKEY_get_raw_public_key(pkey, k->pub.v, &n) != 1) {
		EVP_PKEY_free(pkey);
		free(k);
		return RC_UNAVAILABLE;
	}
	k->pkey = pkey;
	*out = k;
	return RC_OK;
}

enum rc
sign_key_from_pem(struct slice pem, struct sign_key **out)
{
	EVP_PKEY *pkey = pkey_private(pem);

	if (pkey == NULL)
		return RC_BAD_REQUEST;
	if (!EVP_PKEY_is_a(pkey, "ED25519")) {
		EVP_PKEY_free(pkey);
		return RC_BAD_REQUEST;
	}
	return make_key(pkey, out);
}

enum rc
sign_key_read(const char *path, struct sign_key **out)
{
	struct key_file f;
	enum rc rc = key_file_private(path, &f);

	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_BAD_REQUEST : rc;
	rc = sign_key_from_pem(slice_make(f.p, f.n), out);
	key_file_free(&f);
	return rc;
}

static enum rc
seed_from_pem(struct slice pem, uint8_t seed[SIGN_SEED_SIZE])
{
	EVP_PKEY *pkey = pkey_private(pem);
	size_t n = SIGN_SEED_SIZE;
	bool ok = pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") &&
	          EVP_PKEY_get_raw_private_key(pkey, seed, &n) == 1 && n == SIGN_SEED_SIZE;

	EVP_PKEY_free(pkey);
	return ok ? RC_OK : RC_BAD_REQUEST;
}

enum rc
sign_seed_read(const char *path, uint8_t seed[SIGN_SEED_SIZE])
{
	struct key_file f;
	enum rc rc = key_file_private(path, &f);

	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_BAD_REQUEST : rc;
	rc = seed_from_pem(slice_make(f.p, f.n), seed);
	key_file_free(&f);
	return rc;
}

enum rc
sign_key_from_seed(const uint8_t seed[SIGN_SEED_SIZE], struct sign_key **out)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED_SIZE);

	return pkey == NULL ? RC_INTERNAL : make_key(pkey, out);
}

void
sign_key_free(struct sign_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

void
sign_key_public(const struct sign_key *k, struct sign_public *out)
{
	*out = k->pub;
}

enum rc
sign_public_from_pem(struct slice pem, struct sign_public *out)
{
	EVP_PKEY *pkey = pkey_public(pem);
	size_t n = SIGN_PUBLIC_SIZE;
	bool ok = pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") &&
	          EVP_PKEY_get_raw_public_key(pkey, out->v, &n) == 1 && sign_public_ok(out);

	EVP_PKEY_free(pkey);
	return ok ? RC_OK : RC_BAD_REQUEST;
}

enum rc
sign_public_read(const char *path, struct sign_public *out)
{
	struct key_file f;
	enum rc rc = key_file_public(path, &f);

	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_BAD_REQUEST : rc;
	rc = sign_public_from_pem(slice_make(f.p, f.n), out);
	key_file_free(&f);
	return rc;
}

/*
 * The y coordinates of the eight points of small order, little-endian: 0 (order 4), 1 (order 1),
 * -1 (order 2) and two of order 8; the sign of x makes the other points.
 */
static const uint8_t small_order[][SIGN_PUBLIC_SIZE] = {
	{ 0 },
	{ 1 },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

/* Whether y is below p = 2^255 - 19, which is ed ff .. ff 7f. */
static bool
is_canonical(const uint8_t y[SIGN_PUBLIC_SIZE])
{
	if (y[SIGN_PUBLIC_SIZE - 1] != 0x7f)
		return true;
	for (size_t i = 1; i < SIGN_PUBLIC_SIZE - 1; i++)
		if (y[i] != 0xff)
			return true;
	return y[0] < 0xed;
}

bool
sign_public_ok(const struct sign_public *p)
{
	uint8_t y[SIGN_PUBLIC_SIZE];

	memcpy(y, p->v, sizeof(y));
	y[SIGN_PUBLIC_SIZE - 1] &= 0x7f;
	for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++)
		if (memcmp(y, small_order[i], sizeof(y)) == 0)
			return false;
	return is_canonical(y);
}

/* ---- signatures ---- */

/* domain || first || second, on the heap: Ed25519 wants all of it at once. */
static enum rc
join(enum sign_domain domain, struct slice first, struct slice second, char **out, size_t *n)
{
	struct slice d = domains[domain];

	if (first.n > SIGN_MESSAGE_MAX || second.n > SIGN_MESSAGE_MAX - first.n)
		return RC_TOO_LARGE;
	*n = d.n + first.n + second.n;
	*out = malloc(*n);
	if (*out == NULL)
		return RC_UNAVAILABLE;
	memcpy(*out, d.p, d.n);
	if (first.n > 0)
		memcpy(*out + d.n, first.p, first.n);
	if (second.n > 0)
		memcpy(*out + d.n + first.n, second.p, second.n);
	return RC_OK;
}

enum rc
sign_make_pair(const struct sign_key *k, enum sign_domain domain, struct slice first,
               struct slice second, uint8_t out[SIGN_SIZE])
{
	size_t n, size = SIGN_SIZE;
	char *all;
	enum rc rc = join(domain, first, second, &all, &n);

	if (rc != RC_OK)
		return rc;
	rc = pkey_sign(k->pkey, slice_make(all, n), out, &size);
	free(all);
	return rc;
}

enum rc
sign_make(const struct sign_key *k, enum sign_domain domain, struct slice message,
          uint8_t out[SIGN_SIZE])
{
	return sign_make_pair(k, domain, message, SLICE_NONE, out);
}

enum rc
sign_verify_pair(const struct sign_public *p, enum sign_domain domain, struct slice first,
                 struct slice second, const uint8_t signature[SIGN_SIZE])
{
	EVP_PKEY *key;
	size_t n;
	char *all;
	enum rc rc;

	if (!sign_public_ok(p))
		return RC_FORBIDDEN;
	rc = join(domain, first, second, &all, &n);
	if (rc != RC_OK)
		return rc;
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p->v, SIGN_PUBLIC_SIZE);
	rc = key == NULL ? RC_INTERNAL
	                 : pkey_verify(key, slice_make(all, n), slice_make(signature, SIGN_SIZE));
	EVP_PKEY_free(key);
	free(all);
	return rc;
}

enum rc
sign_verify(const struct sign_public *p, enum sign_domain domain, struct slice message,
            const uint8_t signature[SIGN_SIZE])
{
	return sign_verify_pair(p, domain, message, SLICE_NONE, signature);
}
