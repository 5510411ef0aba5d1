/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/derive.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define HASH_BYTES 32u
#define LABEL_PREFIX "m2m1 "

/* ---- HKDF on HMAC ---- */

static EVP_MAC_CTX *
hmac_new(struct slice k)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	if (c != NULL && EVP_MAC_init(c, (const unsigned char *)k.p, k.n, params) != 1) {
		EVP_MAC_CTX_free(c);
		c = NULL;
	}
	return c;
}

static bool
hmac_add(EVP_MAC_CTX *c, const void *p, size_t n)
{
	return n == 0 || EVP_MAC_update(c, p, n) == 1;
}

/* Ends with the number of the block: T(i) of RFC 5869, 2.3. */
static bool
hmac_block(EVP_MAC_CTX *c, uint8_t number, uint8_t out[HASH_BYTES])
{
	size_t n;

	return hmac_add(c, &number, 1) && EVP_MAC_final(c, out, &n, HASH_BYTES) == 1 &&
	       n == HASH_BYTES;
}

/* The parts of info, and how much is wanted. */
struct expansion {
	const struct key *k;
	const char *label;
	size_t label_n;
	struct slice ctx;
	size_t n;
};

static bool
add_info(EVP_MAC_CTX *c, const struct expansion *e)
{
	size_t whole = sizeof(LABEL_PREFIX) - 1 + e->label_n;
	const uint8_t head[] = { (uint8_t)(e->n >> 8), (uint8_t)e->n, (uint8_t)whole };
	const uint8_t ctx_n[] = { (uint8_t)(e->ctx.n >> 8), (uint8_t)e->ctx.n };

	return hmac_add(c, head, sizeof(head)) &&
	       hmac_add(c, LABEL_PREFIX, sizeof(LABEL_PREFIX) - 1) &&
	       hmac_add(c, e->label, e->label_n) && hmac_add(c, ctx_n, sizeof(ctx_n)) &&
	       hmac_add(c, e->ctx.p, e->ctx.n);
}

/* One block; previous_n is 0 for the first. */
static bool
expand_block(const struct expansion *e, uint8_t number, uint8_t block[HASH_BYTES],
             size_t previous_n)
{
	EVP_MAC_CTX *c = hmac_new(slice_make(e->k->v, KEY_BYTES));
	bool ok = c != NULL && hmac_add(c, block, previous_n) && add_info(c, e) &&
	          hmac_block(c, number, block);

	EVP_MAC_CTX_free(c);
	return ok;
}

static bool
expand(const struct expansion *e, uint8_t *out)
{
	uint8_t block[HASH_BYTES];
	bool ok = true;

	for (size_t at = 0, number = 1; ok && at < e->n; at += HASH_BYTES, number++) {
		size_t left = e->n - at;

		ok = expand_block(e, (uint8_t)number, block, at == 0 ? 0 : HASH_BYTES);
		if (ok)
			memcpy(out + at, block, left < HASH_BYTES ? left : HASH_BYTES);
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

enum rc
m2m_expand(const struct key *k, const char *label, struct slice ctx, void *out, size_t n)
{
	struct key copy = *k; /* out may be k */
	const struct expansion e = { &copy, label, strlen(label), ctx, n };
	bool valid = e.label_n >= 1 && e.label_n <= M2M_LABEL_MAX && ctx.n <= M2M_CONTEXT_MAX &&
	             n >= 1 && n <= M2M_EXPAND_MAX;
	bool ok = valid && expand(&e, out);

	key_wipe(&copy);
	if (ok)
		return RC_OK;
	secret_wipe(out, n);
	return valid ? RC_INTERNAL : RC_BAD_REQUEST;
}

enum rc
hkdf_extract(struct slice salt, struct slice ikm, struct key *out)
{
	/* An empty key is as good as none to HMAC, but not to the library (RFC 5869, 2.2). */
	static const struct key zeros;
	EVP_MAC_CTX *c = hmac_new(salt.n == 0 ? slice_make(zeros.v, KEY_BYTES) : salt);
	size_t n = 0;
	struct key made;
	bool ok = c != NULL && hmac_add(c, ikm.p, ikm.n) &&
	          EVP_MAC_final(c, made.v, &n, KEY_BYTES) == 1 && n == KEY_BYTES;

	EVP_MAC_CTX_free(c);
	if (ok)
		*out = made;
	else
		key_wipe(out);
	key_wipe(&made);
	return ok ? RC_OK : RC_INTERNAL;
}
