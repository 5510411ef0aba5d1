/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_sign.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

#include "sec/sign.h"

#define MESSAGE_SIZE (REM_VERSION_SIZE + REM_DIGEST_SIZE) /* the domain is SIGN_PACKAGE */

struct rem_digest {
	gnutls_hash_hd_t hash;
};

static void
put_version(unsigned char to[REM_VERSION_SIZE], uint64_t version)
{
	for (unsigned i = 0; i < REM_VERSION_SIZE; i++)
		to[i] = (unsigned char)(version >> (56 - 8 * i));
}

static void
put_message(unsigned char to[MESSAGE_SIZE], uint64_t version,
            const unsigned char digest[REM_DIGEST_SIZE])
{
	put_version(to, version);
	memcpy(to + REM_VERSION_SIZE, digest, REM_DIGEST_SIZE);
}

bool
rem_sign_parse(struct slice file, struct rem_signature *out)
{
	if (file.n != REM_SIGNATURE_FILE)
		return false;
	out->version = 0;
	for (unsigned i = 0; i < REM_VERSION_SIZE; i++)
		out->version = out->version << 8 | (unsigned char)file.p[i];
	memcpy(out->octets, file.p + REM_VERSION_SIZE, REM_SIGNATURE_SIZE);
	return out->version != 0;
}

enum rc
rem_sign_verify(struct slice pem, const struct rem_signature *s,
                const unsigned char digest[REM_DIGEST_SIZE])
{
	unsigned char message[MESSAGE_SIZE];
	struct sign_public key;

	if (sign_public_from_pem(pem, &key) != RC_OK)
		return RC_INTERNAL;
	put_message(message, s->version, digest);
	return sign_verify(&key, SIGN_PACKAGE, slice_make(message, sizeof(message)), s->octets);
}

enum rc
rem_sign_make(struct slice pem, uint64_t version, const unsigned char digest[REM_DIGEST_SIZE],
              unsigned char file[REM_SIGNATURE_FILE])
{
	unsigned char message[MESSAGE_SIZE];
	struct sign_key *key;
	enum rc rc = sign_key_from_pem(pem, &key);

	if (rc != RC_OK)
		return rc == RC_BAD_REQUEST ? RC_INTERNAL : rc;
	put_message(message, version, digest);
	put_version(file, version);
	rc = sign_make(key, SIGN_PACKAGE, slice_make(message, sizeof(message)),
	               file + REM_VERSION_SIZE);
	sign_key_free(key);
	return rc;
}

struct rem_digest *
rem_digest_new(void)
{
	struct rem_digest *d = malloc(sizeof(*d));

	if (d != NULL && gnutls_hash_init(&d->hash, GNUTLS_DIG_SHA256) < 0) {
		free(d);
		return NULL;
	}
	return d;
}

void
rem_digest_add(struct rem_digest *d, struct slice data)
{
	gnutls_hash(d->hash, data.p, data.n);
}

void
rem_digest_end(struct rem_digest *d, unsigned char out[REM_DIGEST_SIZE])
{
	gnutls_hash_deinit(d->hash, out);
	free(d);
}
