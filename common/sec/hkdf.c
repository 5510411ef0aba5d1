/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/hkdf.h"

#include "sec/digest.h"

enum rc
hkdf_extract(struct slice salt, struct slice ikm, struct key *out)
{
	return digest_hmac(salt, &ikm, 1, out->v);
}

enum rc
hkdf_expand(const struct key *prk, struct slice info, void *out, size_t n)
{
	uint8_t block[DIGEST_SIZE], number = 1, *to = out;
	struct slice parts[] = { SLICE_NONE, info, slice_make(&number, 1) };
	enum rc rc = RC_OK;

	if (n < 1 || n > HKDF_MAX)
		return RC_BAD_REQUEST;
	for (size_t at = 0; rc == RC_OK && at < n; at += DIGEST_SIZE, number++) {
		size_t left = n - at;

		rc = digest_hmac(slice_make(prk->v, KEY_BYTES), parts, 3, block);
		memcpy(to + at, block, left < DIGEST_SIZE ? left : DIGEST_SIZE);
		parts[0] = slice_make(block, DIGEST_SIZE);
	}
	secret_wipe(block, sizeof(block));
	if (rc != RC_OK)
		secret_wipe(out, n);
	return rc;
}

enum rc
hkdf_sha256(struct slice salt, struct slice ikm, struct slice info, void *out, size_t n)
{
	struct key prk;
	enum rc rc;

	if (n < 1 || n > HKDF_MAX)
		return RC_BAD_REQUEST;
	rc = hkdf_extract(salt, ikm, &prk);
	if (rc == RC_OK)
		rc = hkdf_expand(&prk, info, out, n);
	else
		secret_wipe(out, n);
	key_wipe(&prk);
	return rc;
}
