/* SPDX-License-Identifier: Apache-2.0 */
/* X25519 (RFC 7748). */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mpa/own.h"
#include "sec/stack_wipe.h"

enum rc
mpa_share_make(const struct mpa_random *r, uint8_t secret[MPA_SHARE_SIZE],
               uint8_t share[MPA_SHARE_SIZE])
{
	enum rc rc = mpa_random_fill(r, secret, MPA_SHARE_SIZE);
	size_t n = MPA_SHARE_SIZE;
	EVP_PKEY *key = NULL;

	if (rc == RC_OK)
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, MPA_SHARE_SIZE);
	if (rc == RC_OK && (key == NULL || EVP_PKEY_get_raw_public_key(key, share, &n) != 1))
		rc = RC_INTERNAL;
	EVP_PKEY_free(key);
	stack_wipe();
	if (rc != RC_OK)
		secret_wipe(secret, MPA_SHARE_SIZE);
	return rc;
}

/* The library refuses a result of zeros, too (RFC 7748, 6.1); it does not say that it was this. */
static enum mpa_cause
agree(EVP_PKEY *own, EVP_PKEY *peer, struct key *z)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	enum mpa_cause cause = MPA_BROKEN;
	size_t n = KEY_BYTES;

	if (ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, peer) == 1)
		cause = EVP_PKEY_derive(ctx, z->v, &n) == 1 && n == KEY_BYTES && !key_is_zero(z)
		                ? MPA_FINE
		                : MPA_SHARE;
	EVP_PKEY_CTX_free(ctx);
	return cause;
}

enum mpa_cause
mpa_share_agree(const uint8_t secret[MPA_SHARE_SIZE], struct slice share, struct key *z)
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, MPA_SHARE_SIZE);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL,
	                                             (const uint8_t *)share.p, share.n);
	enum mpa_cause cause = own != NULL && peer != NULL ? agree(own, peer, z) : MPA_BROKEN;

	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
	stack_wipe();
	if (cause != MPA_FINE) {
		key_wipe(z);
		ERR_clear_error();
	}
	return cause;
}
