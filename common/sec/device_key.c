/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/device_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "sec/key_file.h"
#include "sec/pkey.h"
#include "sec/sign.h"

struct device_key {
	EVP_PKEY *pkey;
	uint8_t spki[DEVICE_SPKI_MAX];
	size_t n;
};

/* The two encodings: all octets before the point. */
static const struct kind {
	struct slice head;
	size_t size, signature_min, signature_max;
	bool ed25519;
} kinds[] = {
	{ SLICE_INIT("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), 44, SIGN_SIZE, SIGN_SIZE,
	  true },
	/* Behind the algorithm and the curve: the mark of an uncompressed point. */
	{ SLICE_INIT("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce"
	             "\x3d\x03\x01\x07\x03\x42\x00\x04"),
	  91, 8, DEVICE_SIGNATURE_MAX, false },
};

static const struct kind *
kind_of(struct slice spki)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (spki.n == kinds[i].size && slice_starts(spki, kinds[i].head))
			return &kinds[i];
	return NULL;
}

/* ---- private keys ---- */

enum rc
device_key_from_pem(struct slice pem, struct device_key **out)
{
	struct device_key *k = calloc(1, sizeof(*k));
	uint8_t *at;
	int n;

	if (k == NULL)
		return RC_UNAVAILABLE;
	k->pkey = pkey_private(pem);
	at = k->spki;
	n = k->pkey == NULL ? 0 : i2d_PUBKEY(k->pkey, NULL);
	if (n > 0 && n <= DEVICE_SPKI_MAX && i2d_PUBKEY(k->pkey, &at) == n)
		k->n = (size_t)n;
	if (kind_of(device_key_spki(k)) == NULL) {
		ERR_clear_error();
		device_key_free(k);
		return RC_BAD_REQUEST;
	}
	*out = k;
	return RC_OK;
}

enum rc
device_key_read(const char *path, struct device_key **out)
{
	struct key_file f;
	enum rc rc = key_file_private(path, &f);

	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_BAD_REQUEST : rc;
	rc = device_key_from_pem(slice_make(f.p, f.n), out);
	key_file_free(&f);
	return rc;
}

void
device_key_free(struct device_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

struct slice
device_key_spki(const struct device_key *k)
{
	return slice_make(k->spki, k->n);
}

enum rc
device_key_sign(const struct device_key *k, struct slice message, uint8_t out[DEVICE_SIGNATURE_MAX],
                size_t *n)
{
	if (message.n > DEVICE_MESSAGE_MAX)
		return RC_TOO_LARGE;
	*n = DEVICE_SIGNATURE_MAX;
	return pkey_sign(k->pkey, message, out, n);
}

/* ---- public keys ---- */

/* NULL: the point is not on the curve, or of small order. */
static EVP_PKEY *
load(const struct kind *kind, struct slice spki)
{
	const unsigned char *p = (const unsigned char *)spki.p;
	struct sign_public raw;

	if (!kind->ed25519)
		return d2i_PUBKEY(NULL, &p, (long)spki.n);
	memcpy(raw.v, spki.p + kind->head.n, SIGN_PUBLIC_SIZE);
	return sign_public_ok(&raw) ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.v,
	                                                          SIGN_PUBLIC_SIZE)
	                            : NULL;
}

enum rc
device_key_verify(struct slice spki, struct slice message, struct slice signature)
{
	const struct kind *kind = kind_of(spki);
	EVP_PKEY *key;
	enum rc rc;

	if (kind == NULL)
		return RC_BAD_REQUEST;
	if (message.n > DEVICE_MESSAGE_MAX)
		return RC_TOO_LARGE;
	if (signature.n < kind->signature_min || signature.n > kind->signature_max)
		return RC_FORBIDDEN;
	key = load(kind, spki);
	if (key == NULL) {
		ERR_clear_error();
		return RC_FORBIDDEN;
	}
	rc = pkey_verify(key, message, signature);
	EVP_PKEY_free(key);
	return rc;
}

enum rc
device_fingerprint(struct slice spki, uint8_t out[DEVICE_FINGERPRINT_SIZE])
{
	return EVP_Digest(spki.p, spki.n, out, NULL, EVP_sha256(), NULL) == 1 ? RC_OK : RC_INTERNAL;
}
