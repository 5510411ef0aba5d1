/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga/hpke.h"

#include <openssl/evp.h>

#include "base/be.h"
#include "sec/digest.h"
#include "sec/hkdf.h"
#include "sec/stack_wipe.h"
#include "sga/octets.h"

#define PROTOCOL SLICE_LIT("HPKE-v1")
#define CONTEXT_SIZE (1u + 2u * DIGEST_SIZE)
#define LABELED_MAX 160u /* octets of what is expanded with */

/* suite_id of the KEM, and of the whole (RFC 9180, 4.1 and 5.1). */
#define KEM_ID SLICE_LIT("KEM\x00\x20")
#define HPKE_ID SLICE_LIT("HPKE\x00\x20\x00\x01\x00\x01")

/* ---- X25519 ---- */

EVP_PKEY *
sga_x25519_key(const uint8_t scalar[X25519_SIZE])
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, X25519_SIZE);
}

enum rc
sga_x25519(EVP_PKEY *key, const uint8_t peer[X25519_SIZE], uint8_t out[X25519_SIZE])
{
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_SIZE);
	EVP_PKEY_CTX *ctx = other == NULL ? NULL : EVP_PKEY_CTX_new(key, NULL);
	size_t n = X25519_SIZE;
	bool able = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	            EVP_PKEY_derive_set_peer(ctx, other) == 1;
	/* With all set up it fails for one reason: the value is zero. */
	bool ok = able && EVP_PKEY_derive(ctx, out, &n) == 1 && n == X25519_SIZE;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	/* The library leaves the value on the stack, as the numbers that it came out of. */
	stack_wipe();
	if (ok)
		return RC_OK;
	secret_wipe(out, X25519_SIZE);
	return able ? RC_BAD_REQUEST : RC_INTERNAL;
}

/* ---- labels (RFC 9180, 4) ---- */

static enum rc
labeled_extract(struct slice salt, struct slice id, const char *label, struct slice ikm,
                struct key *out)
{
	const struct slice parts[] = { PROTOCOL, id, slice_of(label), ikm };

	return digest_hmac(salt, parts, 4, out->v);
}

static enum rc
labeled_expand(const struct key *prk, struct slice id, const char *label, struct slice info,
               uint8_t *out, size_t n)
{
	uint8_t octets[LABELED_MAX];
	struct sga_writer w = sga_writer_of(octets, sizeof(octets));

	sga_write_be(&w, n, 2);
	sga_write_slice(&w, PROTOCOL);
	sga_write_slice(&w, id);
	sga_write_slice(&w, slice_of(label));
	sga_write_slice(&w, info);
	if (w.full)
		return RC_INTERNAL;
	return hkdf_expand(prk, sga_written(&w), out, n);
}

/* ---- the KEM ---- */

/* ExtractAndExpand; dh is wiped. */
static enum rc
shared_of(uint8_t dh[X25519_SIZE], const uint8_t *enc, const uint8_t *public,
          struct sga_shared *out)
{
	uint8_t context[2 * X25519_SIZE];
	struct key prk;
	enum rc rc =
		labeled_extract(SLICE_NONE, KEM_ID, "eae_prk", slice_make(dh, X25519_SIZE), &prk);

	memcpy(context, enc, X25519_SIZE);
	memcpy(context + X25519_SIZE, public, X25519_SIZE);
	if (rc == RC_OK)
		rc = labeled_expand(&prk, KEM_ID, "shared_secret",
		                    slice_make(context, sizeof(context)), out->v, X25519_SIZE);
	out->n = rc == RC_OK ? X25519_SIZE : 0;
	key_wipe(&prk);
	secret_wipe(dh, X25519_SIZE);
	return rc;
}

enum rc
sga_dhkem_make(const uint8_t public[X25519_SIZE], const struct sga_random *r,
               uint8_t enc[X25519_SIZE], struct sga_shared *out)
{
	uint8_t scalar[X25519_SIZE], dh[X25519_SIZE];
	size_t n = X25519_SIZE;
	EVP_PKEY *key;
	enum rc rc = sga_random_secret(r, scalar, sizeof(scalar));

	if (rc != RC_OK)
		return rc;
	key = sga_x25519_key(scalar);
	secret_wipe(scalar, sizeof(scalar));
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, enc, &n) != 1)
		rc = RC_INTERNAL;
	if (rc == RC_OK)
		rc = sga_x25519(key, public, dh);
	if (rc == RC_OK)
		rc = shared_of(dh, enc, public, out);
	EVP_PKEY_free(key);
	return rc;
}

enum rc
sga_dhkem_open(EVP_PKEY *key, const uint8_t enc[X25519_SIZE], struct sga_shared *out)
{
	uint8_t public[X25519_SIZE], dh[X25519_SIZE];
	size_t n = X25519_SIZE;
	enum rc rc = sga_x25519(key, enc, dh);

	if (rc == RC_OK && EVP_PKEY_get_raw_public_key(key, public, &n) != 1) {
		secret_wipe(dh, sizeof(dh));
		rc = RC_INTERNAL;
	}
	return rc == RC_OK ? shared_of(dh, enc, public, out) : rc;
}

/* ---- the key schedule (RFC 9180, 5.1) ---- */

static enum rc
schedule_context(struct slice info, uint8_t out[CONTEXT_SIZE])
{
	struct key psk_id_hash, info_hash;
	enum rc rc = labeled_extract(SLICE_NONE, HPKE_ID, "psk_id_hash", SLICE_NONE, &psk_id_hash);

	if (rc == RC_OK)
		rc = labeled_extract(SLICE_NONE, HPKE_ID, "info_hash", info, &info_hash);
	if (rc != RC_OK)
		return rc;
	out[0] = 0; /* base mode */
	memcpy(out + 1, psk_id_hash.v, DIGEST_SIZE);
	memcpy(out + 1 + DIGEST_SIZE, info_hash.v, DIGEST_SIZE);
	return RC_OK;
}

enum rc
sga_hpke_keys(const struct sga_shared *shared, struct slice info, uint8_t out[SGA_ONCE_SIZE])
{
	uint8_t octets[CONTEXT_SIZE];
	struct slice context = slice_make(octets, sizeof(octets));
	struct key secret;
	enum rc rc = schedule_context(info, octets);

	if (rc == RC_OK)
		rc = labeled_extract(slice_make(shared->v, shared->n), HPKE_ID, "secret",
		                     SLICE_NONE, &secret);
	if (rc != RC_OK)
		return rc;
	rc = labeled_expand(&secret, HPKE_ID, "key", context, out, SGA_ONCE_KEY);
	if (rc == RC_OK)
		rc = labeled_expand(&secret, HPKE_ID, "base_nonce", context, out + SGA_ONCE_KEY,
		                    SGA_ONCE_SIZE - SGA_ONCE_KEY);
	key_wipe(&secret);
	if (rc != RC_OK)
		secret_wipe(out, SGA_ONCE_SIZE);
	return rc;
}
