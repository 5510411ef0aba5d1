/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what a TLS client proves itself and what it takes as proof: certificates, or a pre-shared key
 * in the two forms for TLS 1.3 and 1.2. Immutable and counted, so connections can be told apart by
 * it: a new key is a new credential. Any thread.
 */
#ifndef SEC_CREDENTIAL_H
#define SEC_CREDENTIAL_H

#include "base/rc.h"
#include "sec/secret.h"

#define CREDENTIAL_IDENTITY_MAX 64u

enum credential_kind { CREDENTIAL_CERTIFICATE, CREDENTIAL_PSK };

/* Files are PEM, named, not kept open; NULL = absent. */
struct credential_files {
	const char *ca; /* trust anchors; NULL = the system's */
	const char *crl; /* revocation lists; with them every certificate of the chain is checked */
	const char *certificate, *key; /* the own ones */
};

struct credential_psk {
	char identity[CREDENTIAL_IDENTITY_MAX + 1]; /* zero-terminated */
	struct key key;
};

struct credential;

/* NULL without memory. Copies. */
struct credential *credential_certificate(const struct credential_files *files);
/*
 * tls12 may be NULL: then TLS 1.3 alone is spoken (securitymIdFlags 1000). NULL without memory that
 * can be locked (see secret_alloc), or when an identity is empty or has no end. Copies; the caller
 * wipes its own.
 */
struct credential *credential_psk(const struct credential_psk *tls13,
                                  const struct credential_psk *tls12);
struct credential *credential_ref(const struct credential *c);
/* Wipes and frees with the last reference; NULL is fine. */
void credential_unref(const struct credential *c);
/*
 * True when the caller's reference is the only one: nobody else will ever use c again. Of use to
 * whoever keeps a credential only because others may.
 */
bool credential_sole(const struct credential *c);

enum credential_kind credential_kind(const struct credential *c);
const struct credential_files *credential_files(const struct credential *c);
/* version is 13 or 12; NULL: not for that version. Lives as long as c. */
const struct credential_psk *credential_for_version(const struct credential *c, int version);

#endif
