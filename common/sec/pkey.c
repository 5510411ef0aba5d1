/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/pkey.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "sec/key_file.h"

/* Without it the library would ask for a password on the terminal. */
static int
no_password(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

typedef EVP_PKEY *pem_reader(BIO *in, EVP_PKEY **reuse, pem_password_cb *cb, void *arg);

static EVP_PKEY *
read_pem(struct slice pem, pem_reader *reader)
{
	EVP_PKEY *key = NULL;
	BIO *in;

	if (pem.n == 0 || pem.n > KEY_FILE_MAX)
		return NULL;
	in = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (in != NULL)
		key = reader(in, NULL, no_password, NULL);
	BIO_free(in);
	/* What is left in the queue of errors would be taken for the next user's. */
	ERR_clear_error();
	return key;
}

EVP_PKEY *
pkey_private(struct slice pem)
{
	return read_pem(pem, PEM_read_bio_PrivateKey);
}

EVP_PKEY *
pkey_public(struct slice pem)
{
	return read_pem(pem, PEM_read_bio_PUBKEY);
}

/* Ed25519 has its digest built in. */
static const EVP_MD *
digest_of(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

enum rc
pkey_sign(EVP_PKEY *key, struct slice message, uint8_t *out, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, digest_of(key), NULL, key) == 1 &&
	          EVP_DigestSign(ctx, out, n, (const uint8_t *)message.p, message.n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		ERR_clear_error();
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
pkey_verify(EVP_PKEY *key, struct slice message, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum rc rc = RC_INTERNAL;

	if (ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, digest_of(key), NULL, key) == 1)
		rc = EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n,
		                      (const uint8_t *)message.p, message.n) == 1
		             ? RC_OK
		             : RC_FORBIDDEN;
	EVP_MD_CTX_free(ctx);
	if (rc != RC_OK)
		ERR_clear_error();
	return rc;
}
