/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 (RFC 8032) with domain strings: every signature of this project is over a domain, its
 * zero octet, and the message, so that a signature for one purpose means nothing for another.
 * Keys are immutable; any thread may use one.
 */
#ifndef SEC_SIGN_H
#define SEC_SIGN_H

#include "base/rc.h"

#include <stdint.h>

#define SIGN_PUBLIC_SIZE 32
#define SIGN_SEED_SIZE 32
#define SIGN_SIZE 64
#define SIGN_MESSAGE_MAX (1u << 20) /* octets of a message */
#define SIGN_DIGEST_SIZE 32 /* SHA-256 */

enum sign_domain {
	SIGN_OWN, /* "M2M-SIGN-v1": the own signature of whoever holds the key */
	SIGN_PACKAGE, /* "M2M-PACKAGE-v1": packages of device management */
	SIGN_REJECT, /* "M2M-REJECT-v1": reject.h */
	SIGN_MANIFEST, /* "M2M-MANIFEST-v1": manifest.h */
	SIGN_PRE_KEY, /* "M2PRE1 mm2": management messages, pre/mm.h */
	SIGN_PRE_DATA, /* "M2PRE1 data": pre/data.h */
	SIGN_PRE_END, /* "M2PRE1 end": pre/chain.h */
	SIGN_SGA_PACKAGE, /* "SGA/1 package": sga/package.h */
	SIGN_SGA_E2E, /* "SGA/1 e2e": sga/record.h */
	SIGN_SGA_GROUP, /* "SGA/1 group": sga/group.h */
	SIGN_SMALL_DATA, /* "M2M-SD-v1": sd/ed25519.h */
	SIGN_DELEGATE, /* "M2M-PROXY-DELEGATE-v1": mpa/warrant.h */
	SIGN_PROXY, /* "M2M-PROXY-SIGN-v1": mpa/device.h */
	SIGN_CONFIG, /* "M2M-CONFIG-v1": sec/config_doc.h */
	SIGN_DOMAINS
};

/* A public key as its 32 octets; comes from the functions below or is checked by sign_public_ok. */
struct sign_public {
	uint8_t v[SIGN_PUBLIC_SIZE];
};

/* A private key. */
struct sign_key;

/*
 * The private key of a PEM file (PKCS #8, not encrypted), see key_file_private for what is asked
 * of the file. RC_NOT_FOUND, RC_FORBIDDEN (owner, mode or kind of the file), RC_BAD_REQUEST (no
 * Ed25519 private key), RC_UNAVAILABLE, RC_INTERNAL. The caller frees *out with sign_key_free.
 * Blocks on the disk.
 */
enum rc sign_key_read(const char *path, struct sign_key **out);
/* The same from memory; the caller wipes pem. */
enum rc sign_key_from_pem(struct slice pem, struct sign_key **out);
/* Of such a file the 32 octets that RFC 8032 calls the private key; the caller wipes them. */
enum rc sign_seed_read(const char *path, uint8_t seed[SIGN_SEED_SIZE]);
/*
 * The same from the 32 octets that RFC 8032 calls the private key; the caller wipes them.
 * RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc sign_key_from_seed(const uint8_t seed[SIGN_SEED_SIZE], struct sign_key **out);
/* Wipes and frees; NULL is fine. */
void sign_key_free(struct sign_key *k);
void sign_key_public(const struct sign_key *k, struct sign_public *out);

/*
 * The public key of a PEM file (SubjectPublicKeyInfo). RC_NOT_FOUND, RC_FORBIDDEN (no regular
 * file, or not readable), RC_BAD_REQUEST (no usable Ed25519 public key), RC_UNAVAILABLE,
 * RC_INTERNAL. Blocks on the disk.
 */
enum rc sign_public_read(const char *path, struct sign_public *out);
enum rc sign_public_from_pem(struct slice pem, struct sign_public *out);
/*
 * False for a key that is not the canonical encoding of y, or of small order: for such a key one
 * signature fits many messages.
 */
bool sign_public_ok(const struct sign_public *p);

/*
 * Signs domain || 0 || message. RC_TOO_LARGE above SIGN_MESSAGE_MAX, RC_UNAVAILABLE without
 * memory, RC_INTERNAL.
 */
enum rc sign_make(const struct sign_key *k, enum sign_domain domain, struct slice message,
                  uint8_t out[SIGN_SIZE]);
/*
 * RC_OK when signature is p's over domain || 0 || message; RC_FORBIDDEN when not, or when
 * sign_public_ok(p) is false; RC_TOO_LARGE; RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc sign_verify(const struct sign_public *p, enum sign_domain domain, struct slice message,
                    const uint8_t signature[SIGN_SIZE]);

/* The same of a message that lies in two pieces. */
enum rc sign_make_pair(const struct sign_key *k, enum sign_domain domain, struct slice first,
                       struct slice second, uint8_t out[SIGN_SIZE]);
enum rc sign_verify_pair(const struct sign_public *p, enum sign_domain domain, struct slice first,
                         struct slice second, const uint8_t signature[SIGN_SIZE]);

#endif
