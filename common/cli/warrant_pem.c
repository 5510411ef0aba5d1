/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as PEM files. */
#include "config.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "cli/warrant_state.h"

/* What was written to out; lives as long as it. */
static struct slice
view(BIO *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(out, &p);

	return slice_make(p, n > 0 ? (size_t)n : 0);
}

bool
warrant_public_pem(const struct sign_public *key, struct buf *out)
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->v, SIGN_PUBLIC_SIZE);
	BIO *text = BIO_new(BIO_s_mem());
	bool ok = pkey != NULL && text != NULL && PEM_write_bio_PUBKEY(text, pkey) == 1;

	if (ok)
		buf_slice(out, view(text));
	BIO_free(text);
	EVP_PKEY_free(pkey);
	return (ok && !out->failed) || warrant_fail("key", "cannot be written");
}

bool
warrant_key_make(const struct warrant_server_id *s)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *text = BIO_new(BIO_s_secmem());
	bool ok = pkey != NULL && text != NULL &&
	          PEM_write_bio_PKCS8PrivateKey(text, pkey, NULL, NULL, 0, NULL, NULL) == 1;

	if (!ok)
		warrant_fail("key", "cannot be made");
	ok = ok && warrant_state_write(s, "key.pem", view(text));
	BIO_free(text);
	EVP_PKEY_free(pkey);
	return ok;
}
