/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/cipher.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

#include "sec/ascon.h"
#include "sec/etm.h"
#include "sec/secret.h"

#define CCM_MAX 65535u /* two octets are left for the length beside a nonce of 13 */
#define MESSAGE_MAX (1u << 20)
#define SHORT_TAG_FORGERIES (1u << 20)
#define ETM_K 16u /* octets of the block cipher's key, before those of the MAC's */

static const struct cipher ciphers[] = {
	{ 0x0001, CIPHER_CCM, 16, 13, 8, "AES-128-CCM-8", "AES-128-CCM", CCM_MAX,
	  SHORT_TAG_FORGERIES },
	{ 0x0002, CIPHER_CCM, 16, 13, 16, "AES-128-CCM", "AES-128-CCM", CCM_MAX, 0 },
	{ 0x0003, CIPHER_STREAM, 16, 12, 16, "AES-128-GCM", "AES-128-GCM", MESSAGE_MAX, 0 },
	{ 0x0004, CIPHER_STREAM, 32, 12, 16, "AES-256-GCM", "AES-256-GCM", MESSAGE_MAX, 0 },
	{ 0x0005, CIPHER_STREAM, 32, 12, 16, "ChaCha20-Poly1305", "ChaCha20-Poly1305", MESSAGE_MAX,
	  0 },
	{ 0x0006, CIPHER_CCM, 16, 13, 16, "ARIA-128-CCM", "ARIA-128-CCM", CCM_MAX, 0 },
	{ 0x0007, CIPHER_STREAM, 16, 12, 16, "ARIA-128-GCM", "ARIA-128-GCM", MESSAGE_MAX, 0 },
	{ 0x0008, CIPHER_ETM, ETM_K + KEY_BYTES, ETM_NONCE, ETM_TAG,
	  "CAMELLIA-128-CTR+HMAC-SHA256-128", "CAMELLIA-128-CTR", MESSAGE_MAX, 0 },
	{ 0x0009, CIPHER_ETM, ETM_K + KEY_BYTES, ETM_NONCE, ETM_TAG, "SM4-CTR+HMAC-SHA256-128",
	  "SM4-CTR", MESSAGE_MAX, 0 },
	{ 0x000a, CIPHER_ASCON, ASCON_KEY, ASCON_NONCE, ASCON_TAG, "Ascon-AEAD128", NULL,
	  MESSAGE_MAX, 0 },
};

const struct cipher *
cipher_at(size_t i)
{
	return i < sizeof(ciphers) / sizeof(ciphers[0]) ? &ciphers[i] : NULL;
}

const struct cipher *
cipher_find(uint16_t cid)
{
	return cid == 0 ? NULL : cipher_at(cid - 1u);
}

const struct cipher *
cipher_named(struct slice name)
{
	const struct cipher *c;

	for (size_t i = 0; (c = cipher_at(i)) != NULL; i++)
		if (name.n == strlen(c->name) && strncasecmp(name.p, c->name, name.n) == 0)
			return c;
	return NULL;
}

/* ---- keys ---- */

struct aead {
	const struct cipher *cipher;
	EVP_CIPHER_CTX *ctx; /* NULL: libcrypto has nothing to do with it */
	struct key own; /* ETM: the MAC's; Ascon: in its first octets */
};

/* What libcrypto computes whole. CCM: the lengths of nonce and tag come before the key. */
static bool
set_whole(struct aead *a, EVP_CIPHER *evp, bool seal, const uint8_t *key)
{
	const struct cipher *c = a->cipher;

	return EVP_CipherInit_ex(a->ctx, evp, NULL, NULL, NULL, seal) == 1 &&
	       EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_IVLEN, c->iv, NULL) == 1 &&
	       (c->kind != CIPHER_CCM ||
	        EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, c->tag, NULL) == 1) &&
	       EVP_CipherInit_ex(a->ctx, NULL, NULL, key, NULL, seal) == 1;
}

static bool
set_key(struct aead *a, bool seal, const uint8_t *key)
{
	const struct cipher *c = a->cipher;
	EVP_CIPHER *evp;
	bool ok;

	if (c->kind == CIPHER_ASCON) {
		memcpy(a->own.v, key, ASCON_KEY);
		return true;
	}
	evp = EVP_CIPHER_fetch(NULL, c->evp, NULL);
	if (c->kind == CIPHER_ETM) {
		memcpy(a->own.v, key + ETM_K, KEY_BYTES);
		ok = evp != NULL && EVP_CipherInit_ex(a->ctx, evp, NULL, key, NULL, 1) == 1;
	} else {
		ok = evp != NULL && set_whole(a, evp, seal, key);
	}
	EVP_CIPHER_free(evp);
	return ok;
}

enum rc
aead_new(const struct cipher *c, bool seal, const uint8_t *key, struct aead **out)
{
	struct aead *a = calloc(1, sizeof(*a));
	bool foreign = c->kind != CIPHER_ASCON;

	*out = NULL;
	if (a == NULL)
		return RC_UNAVAILABLE;
	a->cipher = c;
	a->ctx = foreign ? EVP_CIPHER_CTX_new() : NULL;
	if ((foreign && a->ctx == NULL) || !set_key(a, seal, key)) {
		enum rc rc = foreign && a->ctx == NULL ? RC_UNAVAILABLE : RC_INTERNAL;

		aead_free(a);
		return rc;
	}
	*out = a;
	return RC_OK;
}

void
aead_free(struct aead *a)
{
	if (a == NULL)
		return;
	/* The library erases the key schedule. */
	EVP_CIPHER_CTX_free(a->ctx);
	key_wipe(&a->own);
	free(a);
}

/* ---- authenticated encryption ---- */

/* All of one message but the tag. The functions of the library are told where to be exact. */
static bool
crypt(struct aead *a, struct slice aad, struct slice in, uint8_t *out)
{
	const unsigned char *aad_p = (const unsigned char *)aad.p;
	unsigned char none[CIPHER_TAG_MAX];
	/* CCM takes an empty message only with a place to write to. */
	const unsigned char *in_p = in.n == 0 ? none : (const unsigned char *)in.p;
	bool ccm = a->cipher->kind == CIPHER_CCM;
	int n = 0, rest = 0;

	if (ccm && EVP_CipherUpdate(a->ctx, NULL, &n, NULL, (int)in.n) != 1)
		return false;
	if (aad.n > 0 && EVP_CipherUpdate(a->ctx, NULL, &n, aad_p, (int)aad.n) != 1)
		return false;
	n = 0;
	if ((in.n > 0 || ccm) &&
	    EVP_CipherUpdate(a->ctx, in.n == 0 ? none : out, &n, in_p, (int)in.n) != 1)
		return false;
	/* CCM is through with its only update. */
	return (size_t)n == in.n && (ccm || EVP_CipherFinal_ex(a->ctx, none, &rest) == 1);
}

static bool
seal_whole(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice plain, uint8_t *out)
{
	return EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, 1) == 1 &&
	       crypt(a, aad, plain, out) &&
	       EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, a->cipher->tag, out + plain.n) ==
	               1;
}

static enum rc
open_whole(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice sealed,
           uint8_t *out)
{
	const struct cipher *c = a->cipher;
	struct slice in = slice_head(sealed, sealed.n - c->tag);
	uint8_t tag[CIPHER_TAG_MAX];

	memcpy(tag, sealed.p + in.n, c->tag);
	if (EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, 0) != 1 ||
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, c->tag, tag) != 1)
		return RC_INTERNAL;
	return crypt(a, aad, in, out) ? RC_OK : RC_BAD_REQUEST;
}

static bool
seal_kind(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice plain, uint8_t *out)
{
	switch ((enum cipher_kind)a->cipher->kind) {
	case CIPHER_ETM:
		return etm_seal(a->ctx, &a->own, nonce, aad, plain, out);
	case CIPHER_ASCON:
		ascon_seal(a->own.v, nonce, aad, plain, out);
		return true;
	case CIPHER_STREAM:
	case CIPHER_CCM:
		break;
	}
	return seal_whole(a, nonce, aad, plain, out);
}

static enum rc
open_kind(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice sealed, uint8_t *out)
{
	switch ((enum cipher_kind)a->cipher->kind) {
	case CIPHER_ETM:
		return etm_open(a->ctx, &a->own, nonce, aad, sealed, out);
	case CIPHER_ASCON:
		return ascon_open(a->own.v, nonce, aad, sealed, out) ? RC_OK : RC_BAD_REQUEST;
	case CIPHER_STREAM:
	case CIPHER_CCM:
		break;
	}
	return open_whole(a, nonce, aad, sealed, out);
}

enum rc
aead_seal(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice plain, uint8_t *out)
{
	if (plain.n > a->cipher->max)
		return RC_TOO_LARGE;
	if (seal_kind(a, nonce, aad, plain, out))
		return RC_OK;
	secret_wipe(out, plain.n + a->cipher->tag);
	return RC_INTERNAL;
}

enum rc
aead_open(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice sealed, uint8_t *out)
{
	const struct cipher *c = a->cipher;
	enum rc rc;

	if (sealed.n < c->tag || sealed.n - c->tag > c->max)
		return RC_BAD_REQUEST;
	rc = open_kind(a, nonce, aad, sealed, out);
	if (rc != RC_OK)
		secret_wipe(out, sealed.n - c->tag);
	return rc;
}

enum rc
aead_seal_once(const struct cipher *c, const uint8_t *key, const uint8_t *nonce, struct slice aad,
               struct slice plain, uint8_t *out)
{
	struct aead *a;
	enum rc rc = aead_new(c, true, key, &a);

	if (rc == RC_OK)
		rc = aead_seal(a, nonce, aad, plain, out);
	aead_free(a);
	return rc;
}

enum rc
aead_open_once(const struct cipher *c, const uint8_t *key, const uint8_t *nonce, struct slice aad,
               struct slice sealed, uint8_t *out)
{
	struct aead *a;
	enum rc rc = aead_new(c, false, key, &a);

	if (rc == RC_OK)
		rc = aead_open(a, nonce, aad, sealed, out);
	aead_free(a);
	return rc;
}
