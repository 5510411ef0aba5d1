/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/etm.h"

#include <openssl/evp.h>

#include "base/be.h"
#include "sec/digest.h"

#define BLOCK 16u

/* Counter mode: the same in both directions. */
static bool
run(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct slice in, uint8_t *out)
{
	uint8_t first[BLOCK] = { 0 };
	int n = 0;

	memcpy(first, nonce, ETM_NONCE);
	return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, first, 1) == 1 &&
	       (in.n == 0 ||
	        EVP_CipherUpdate(ctx, out, &n, (const unsigned char *)in.p, (int)in.n) == 1) &&
	       (size_t)n == in.n;
}

static enum rc
make_tag(const struct key *mac, const uint8_t *nonce, struct slice aad, struct slice sealed,
         uint8_t tag[DIGEST_SIZE])
{
	uint8_t aad_n[8];
	const struct slice parts[] = { slice_make(aad_n, sizeof(aad_n)), aad,
		                       slice_make(nonce, ETM_NONCE), sealed };

	be_put(aad_n, aad.n, sizeof(aad_n));
	return digest_hmac(slice_make(mac->v, KEY_BYTES), parts, 4, tag);
}

bool
etm_seal(EVP_CIPHER_CTX *ctx, const struct key *mac, const uint8_t *nonce, struct slice aad,
         struct slice plain, uint8_t *out)
{
	uint8_t tag[DIGEST_SIZE];

	if (!run(ctx, nonce, plain, out) ||
	    make_tag(mac, nonce, aad, slice_make(out, plain.n), tag) != RC_OK)
		return false;
	memcpy(out + plain.n, tag, ETM_TAG);
	secret_wipe(tag, sizeof(tag));
	return true;
}

enum rc
etm_open(EVP_CIPHER_CTX *ctx, const struct key *mac, const uint8_t *nonce, struct slice aad,
         struct slice sealed, uint8_t *out)
{
	struct slice in = slice_head(sealed, sealed.n - ETM_TAG);
	uint8_t tag[DIGEST_SIZE];
	enum rc rc = make_tag(mac, nonce, aad, in, tag);

	if (rc == RC_OK && !secret_equal(slice_make(tag, ETM_TAG), slice_from(sealed, in.n)))
		rc = RC_BAD_REQUEST;
	secret_wipe(tag, sizeof(tag));
	if (rc != RC_OK)
		return rc;
	return run(ctx, nonce, in, out) ? RC_OK : RC_INTERNAL;
}
