/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of packages. <package>.sig has REM_SIGNATURE_FILE octets: the version (8, big-endian)
 * and an Ed25519 signature (64) over "M2M-PACKAGE-v1", a zero octet, the version (8, big-endian) and
 * the SHA-256 of the package (32). Keys are PEM: PKCS #8 to sign, SubjectPublicKeyInfo to verify.
 */
#ifndef CAP_REM_REM_SIGN_H
#define CAP_REM_REM_SIGN_H

#include "base/rc.h"

#include <stdint.h>

#define REM_VERSION_SIZE 8
#define REM_SIGNATURE_SIZE 64
#define REM_SIGNATURE_FILE (REM_VERSION_SIZE + REM_SIGNATURE_SIZE)
#define REM_DIGEST_SIZE 32
#define REM_KEY_MAX 16384 /* octets of a PEM file */
#define REM_SIGN_SUFFIX ".sig"

struct rem_signature {
	uint64_t version;
	unsigned char octets[REM_SIGNATURE_SIZE];
};

/* False when file is not of that form, or the version 0, which no package has. */
bool rem_sign_parse(struct slice file, struct rem_signature *out);

/*
 * RC_OK; RC_FORBIDDEN: not signed by that key; RC_INTERNAL: pem is no usable Ed25519 public key
 * (sign_public_ok); RC_UNAVAILABLE: no memory.
 */
enum rc rem_sign_verify(struct slice pem, const struct rem_signature *s,
                        const unsigned char digest[REM_DIGEST_SIZE]);
/* Makes the file; RC_INTERNAL: pem is no Ed25519 private key; RC_UNAVAILABLE: no memory. */
enum rc rem_sign_make(struct slice pem, uint64_t version,
                      const unsigned char digest[REM_DIGEST_SIZE],
                      unsigned char file[REM_SIGNATURE_FILE]);

/* SHA-256 of what is added piece by piece. */
struct rem_digest;

/* NULL without memory. */
struct rem_digest *rem_digest_new(void);
void rem_digest_add(struct rem_digest *d, struct slice data);
/* Frees d. */
void rem_digest_end(struct rem_digest *d, unsigned char out[REM_DIGEST_SIZE]);

#endif
