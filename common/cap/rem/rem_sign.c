/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_sign.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>

#define LABEL "M2M-PACKAGE-v1" /* with its zero octet */
#define MESSAGE_SIZE (sizeof(LABEL) + REM_VERSION_SIZE + REM_DIGEST_SIZE)

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
	memcpy(to, LABEL, sizeof(LABEL));
	put_version(to + sizeof(LABEL), version);
	memcpy(to + sizeof(LABEL) + REM_VERSION_SIZE, digest, REM_DIGEST_SIZE);
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

/* A datum does not say const; nothing is written to what it points to. */
static gnutls_datum_t
datum(const void *p, size_t n)
{
	union {
		const void *from;
		unsigned char *to;
	} u = { .from = p };

	return (gnutls_datum_t){ .data = u.to, .size = (unsigned)n };
}

static enum rc
verify(gnutls_pubkey_t key, struct slice pem, const gnutls_datum_t *message,
       const gnutls_datum_t *signature)
{
	gnutls_datum_t text = datum(pem.p, pem.n);

	if (gnutls_pubkey_import(key, &text, GNUTLS_X509_FMT_PEM) < 0 ||
	    gnutls_pubkey_get_pk_algorithm(key, NULL) != GNUTLS_PK_EDDSA_ED25519)
		return RC_INTERNAL;
	return gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, message, signature) < 0
	               ? RC_FORBIDDEN
	               : RC_OK;
}

enum rc
rem_sign_verify(struct slice pem, const struct rem_signature *s,
                const unsigned char digest[REM_DIGEST_SIZE])
{
	unsigned char message[MESSAGE_SIZE];
	gnutls_datum_t data = datum(message, sizeof(message));
	gnutls_datum_t signature = datum(s->octets, sizeof(s->octets));
	gnutls_pubkey_t key;
	enum rc rc;

	if (gnutls_pubkey_init(&key) < 0)
		return RC_UNAVAILABLE;
	put_message(message, s->version, digest);
	rc = verify(key, pem, &data, &signature);
	gnutls_pubkey_deinit(key);
	return rc;
}

static enum rc
sign(gnutls_privkey_t key, struct slice pem, const gnutls_datum_t *message,
     unsigned char out[REM_SIGNATURE_SIZE])
{
	gnutls_datum_t text = datum(pem.p, pem.n), signature = { 0 };
	enum rc rc = RC_INTERNAL;

	if (gnutls_privkey_import_x509_raw(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0) < 0 ||
	    gnutls_privkey_get_pk_algorithm(key, NULL) != GNUTLS_PK_EDDSA_ED25519 ||
	    gnutls_privkey_sign_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, message, &signature) < 0)
		return rc;
	if (signature.size == REM_SIGNATURE_SIZE) {
		memcpy(out, signature.data, REM_SIGNATURE_SIZE);
		rc = RC_OK;
	}
	gnutls_free(signature.data);
	return rc;
}

enum rc
rem_sign_make(struct slice pem, uint64_t version, const unsigned char digest[REM_DIGEST_SIZE],
              unsigned char file[REM_SIGNATURE_FILE])
{
	unsigned char message[MESSAGE_SIZE];
	gnutls_datum_t data = datum(message, sizeof(message));
	gnutls_privkey_t key;
	enum rc rc;

	if (gnutls_privkey_init(&key) < 0)
		return RC_UNAVAILABLE;
	put_message(message, version, digest);
	put_version(file, version);
	rc = sign(key, pem, &data, file + REM_VERSION_SIZE);
	gnutls_privkey_deinit(key);
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
