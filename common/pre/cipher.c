/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/cipher.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <strings.h>

#include "sec/secret.h"

#define CCM_MAX 65535u /* two octets are left for the length beside a nonce of 13 */
#define MESSAGE_MAX (1u << 20)
#define SHORT_TAG_FORGERIES (1u << 20)

static const struct pre_cipher ciphers[] = {
	{ 0x0001, true, 16, 13, 8, "AES-128-CCM-8", "AES-128-CCM", CCM_MAX, SHORT_TAG_FORGERIES },
	{ 0x0002, true, 16, 13, 16, "AES-128-CCM", "AES-128-CCM", CCM_MAX, 0 },
	{ 0x0003, false, 16, 12, 16, "AES-128-GCM", "AES-128-GCM", MESSAGE_MAX, 0 },
	{ 0x0004, false, 32, 12, 16, "AES-256-GCM", "AES-256-GCM", MESSAGE_MAX, 0 },
	{ 0x0005, false, 32, 12, 16, "ChaCha20-Poly1305", "ChaCha20-Poly1305", MESSAGE_MAX, 0 },
	{ 0x0006, true, 16, 13, 16, "ARIA-128-CCM", "ARIA-128-CCM", CCM_MAX, 0 },
	{ 0x0007, false, 16, 12, 16, "ARIA-128-GCM", "ARIA-128-GCM", MESSAGE_MAX, 0 },
};

const struct pre_cipher *
pre_cipher_at(size_t i)
{
	return i < sizeof(ciphers) / sizeof(ciphers[0]) ? &ciphers[i] : NULL;
}

const struct pre_cipher *
pre_cipher_find(uint16_t cid)
{
	return cid == 0 ? NULL : pre_cipher_at(cid - 1u);
}

const struct pre_cipher *
pre_cipher_named(struct slice name)
{
	const struct pre_cipher *c;

	for (size_t i = 0; (c = pre_cipher_at(i)) != NULL; i++)
		if (name.n == strlen(c->name) && strncasecmp(name.p, c->name, name.n) == 0)
			return c;
	return NULL;
}

/* ---- authenticated encryption ---- */

struct pre_aead {
	const struct pre_cipher *cipher;
	EVP_CIPHER_CTX *ctx;
};

/* CCM: the lengths of nonce and tag come before the key. */
static bool
set_key(struct pre_aead *a, bool seal, const uint8_t *key)
{
	const struct pre_cipher *c = a->cipher;
	EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, c->evp, NULL);
	bool ok = evp != NULL && EVP_CipherInit_ex(a->ctx, evp, NULL, NULL, NULL, seal) == 1 &&
	          EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_IVLEN, c->iv, NULL) == 1 &&
	          (!c->ccm ||
	           EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, c->tag, NULL) == 1) &&
	          EVP_CipherInit_ex(a->ctx, NULL, NULL, key, NULL, seal) == 1;

	EVP_CIPHER_free(evp);
	return ok;
}

enum rc
pre_aead_new(const struct pre_cipher *c, bool seal, const uint8_t *key, struct pre_aead **out)
{
	struct pre_aead *a = calloc(1, sizeof(*a));

	*out = NULL;
	if (a == NULL)
		return RC_UNAVAILABLE;
	a->cipher = c;
	a->ctx = EVP_CIPHER_CTX_new();
	if (a->ctx == NULL || !set_key(a, seal, key)) {
		enum rc rc = a->ctx == NULL ? RC_UNAVAILABLE : RC_INTERNAL;

		pre_aead_free(a);
		return rc;
	}
	*out = a;
	return RC_OK;
}

void
pre_aead_free(struct pre_aead *a)
{
	if (a == NULL)
		return;
	/* The library erases the key schedule. */
	EVP_CIPHER_CTX_free(a->ctx);
	free(a);
}

/* All of one message but the tag. The functions of the library are told where to be exact. */
static bool
crypt(struct pre_aead *a, struct slice aad, struct slice in, uint8_t *out)
{
	const unsigned char *aad_p = (const unsigned char *)aad.p;
	unsigned char none[PRE_CIPHER_TAG_MAX];
	/* CCM takes an empty message only with a place to write to. */
	const unsigned char *in_p = in.n == 0 ? none : (const unsigned char *)in.p;
	int n = 0, rest = 0;

	if (a->cipher->ccm && EVP_CipherUpdate(a->ctx, NULL, &n, NULL, (int)in.n) != 1)
		return false;
	if (aad.n > 0 && EVP_CipherUpdate(a->ctx, NULL, &n, aad_p, (int)aad.n) != 1)
		return false;
	n = 0;
	if ((in.n > 0 || a->cipher->ccm) &&
	    EVP_CipherUpdate(a->ctx, in.n == 0 ? none : out, &n, in_p, (int)in.n) != 1)
		return false;
	/* CCM is through with its only update. */
	return (size_t)n == in.n &&
	       (a->cipher->ccm || EVP_CipherFinal_ex(a->ctx, none, &rest) == 1);
}

enum rc
pre_aead_seal(struct pre_aead *a, const uint8_t *nonce, struct slice aad, struct slice plain,
              uint8_t *out)
{
	const struct pre_cipher *c = a->cipher;

	if (plain.n > c->max)
		return RC_TOO_LARGE;
	if (EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, 1) == 1 &&
	    crypt(a, aad, plain, out) &&
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, c->tag, out + plain.n) == 1)
		return RC_OK;
	secret_wipe(out, plain.n + c->tag);
	return RC_INTERNAL;
}

enum rc
pre_aead_open(struct pre_aead *a, const uint8_t *nonce, struct slice aad, struct slice sealed,
              uint8_t *out)
{
	const struct pre_cipher *c = a->cipher;
	uint8_t tag[PRE_CIPHER_TAG_MAX];
	struct slice in;

	if (sealed.n < c->tag || sealed.n - c->tag > c->max)
		return RC_BAD_REQUEST;
	in = slice_head(sealed, sealed.n - c->tag);
	memcpy(tag, sealed.p + in.n, c->tag);
	if (EVP_CipherInit_ex(a->ctx, NULL, NULL, NULL, nonce, 0) != 1 ||
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, c->tag, tag) != 1)
		return RC_INTERNAL;
	if (crypt(a, aad, in, out))
		return RC_OK;
	secret_wipe(out, in.n);
	return RC_BAD_REQUEST;
}

/* ---- key derivation ---- */

/* The library only reads what it is given. */
static OSSL_PARAM
octets(const char *key, struct slice s)
{
	union {
		const void *given;
		void *taken;
	} p = { s.p };

	return OSSL_PARAM_construct_octet_string(key, p.taken, s.n);
}

enum rc
pre_hkdf(struct slice salt, struct slice ikm, struct slice info, void *out, size_t n)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		octets(OSSL_KDF_PARAM_SALT, salt),
		octets(OSSL_KDF_PARAM_KEY, ikm),
		octets(OSSL_KDF_PARAM_INFO, info),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	if (ok)
		return RC_OK;
	secret_wipe(out, n);
	return RC_INTERNAL;
}
