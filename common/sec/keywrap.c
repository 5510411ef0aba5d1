/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/keywrap.h"

#include <openssl/evp.h>

/* in and out do not overlap; out has room for 8 octets more than it gets, as the library asks. */
static bool
run(bool wrap, const struct key *kek, struct slice in, unsigned char *out, int want)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;
	bool ok = false;

	if (c != NULL) {
		EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		ok = EVP_CipherInit_ex(c, EVP_aes_256_wrap(), NULL, kek->v, NULL, wrap) == 1 &&
		     EVP_CipherUpdate(c, out, &n, (const unsigned char *)in.p, (int)in.n) == 1 &&
		     EVP_CipherFinal_ex(c, out + n, &rest) == 1 && n + rest == want;
	}
	EVP_CIPHER_CTX_free(c);
	return ok;
}

enum rc
key_wrap(const struct key *kek, const struct key *k, uint8_t out[KEYWRAP_BYTES])
{
	unsigned char wrapped[KEYWRAP_BYTES + 8];
	bool ok = run(true, kek, slice_make(k->v, KEY_BYTES), wrapped, KEYWRAP_BYTES);

	if (ok)
		memcpy(out, wrapped, KEYWRAP_BYTES);
	else
		memset(out, 0, KEYWRAP_BYTES);
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
key_unwrap(const struct key *kek, struct slice wrapped, struct key *out)
{
	unsigned char plain[KEYWRAP_BYTES + 8];
	bool ok;

	if (wrapped.n != KEYWRAP_BYTES) {
		key_wipe(out);
		return RC_BAD_REQUEST;
	}
	ok = run(false, kek, wrapped, plain, KEY_BYTES);
	if (ok)
		memcpy(out->v, plain, KEY_BYTES);
	else
		key_wipe(out);
	secret_wipe(plain, sizeof(plain));
	return ok ? RC_OK : RC_DENIED;
}
