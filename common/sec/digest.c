/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "sec/secret.h"

/* The result of a computation, which may go where its input lies. */
static enum rc
finish(bool ok, uint8_t made[DIGEST_SIZE], uint8_t out[DIGEST_SIZE])
{
	if (ok)
		memcpy(out, made, DIGEST_SIZE);
	else
		secret_wipe(out, DIGEST_SIZE);
	secret_wipe(made, DIGEST_SIZE);
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
digest_sha256(const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t made[DIGEST_SIZE];
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = parts[i].n == 0 || EVP_DigestUpdate(c, parts[i].p, parts[i].n) == 1;
	ok = ok && EVP_DigestFinal_ex(c, made, NULL) == 1;
	EVP_MD_CTX_free(c);
	return finish(ok, made, out);
}

static EVP_MAC_CTX *
hmac_new(struct slice key)
{
	/* An empty key is as good as a zero to HMAC (RFC 2104), but not to the library. */
	static const unsigned char zero[1];
	const unsigned char *p = key.n == 0 ? zero : (const unsigned char *)key.p;
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	if (c != NULL && EVP_MAC_init(c, p, key.n == 0 ? 1 : key.n, params) != 1) {
		EVP_MAC_CTX_free(c);
		c = NULL;
	}
	return c;
}

enum rc
digest_hmac(struct slice key, const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE])
{
	EVP_MAC_CTX *c = hmac_new(key);
	uint8_t made[DIGEST_SIZE];
	size_t size = 0;
	bool ok = c != NULL;

	for (size_t i = 0; ok && i < n; i++)
		ok = parts[i].n == 0 ||
		     EVP_MAC_update(c, (const unsigned char *)parts[i].p, parts[i].n) == 1;
	ok = ok && EVP_MAC_final(c, made, &size, sizeof(made)) == 1 && size == sizeof(made);
	EVP_MAC_CTX_free(c);
	return finish(ok, made, out);
}
