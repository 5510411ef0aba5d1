/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that a device got from its manufacturer: ECDSA on P-256 with SHA-256 (signatures in DER)
 * or Ed25519. It is known by its SubjectPublicKeyInfo (SPKI) in DER, of which only the one usual
 * encoding is accepted: named curve and uncompressed point, or RFC 8410.
 * Keys are immutable; any thread may use one.
 */
#ifndef SEC_DEVICE_KEY_H
#define SEC_DEVICE_KEY_H

#include "base/rc.h"

#include <stdint.h>

#define DEVICE_SPKI_MAX 91      /* P-256; Ed25519 has 44 */
#define DEVICE_SIGNATURE_MAX 72 /* ECDSA of P-256 in DER; Ed25519 has 64 */
#define DEVICE_FINGERPRINT_SIZE 32
#define DEVICE_MESSAGE_MAX 1024 /* octets of a message */

struct device_key;

/*
 * The private key of a PEM file, see key_file_private for what is asked of the file.
 * RC_NOT_FOUND, RC_FORBIDDEN (owner, mode or kind), RC_BAD_REQUEST (no key of these two kinds),
 * RC_UNAVAILABLE, RC_INTERNAL. The caller frees *out with device_key_free. Blocks on the disk.
 */
enum rc device_key_read(const char *path, struct device_key **out);
/* The same from memory; the caller wipes pem. */
enum rc device_key_from_pem(struct slice pem, struct device_key **out);
/* NULL is fine. */
void device_key_free(struct device_key *k);
/* Its SPKI; lives as long as k. */
struct slice device_key_spki(const struct device_key *k);

/* Signs the message as it is; *n octets. RC_TOO_LARGE, RC_INTERNAL. */
enum rc device_key_sign(const struct device_key *k, struct slice message,
                        uint8_t out[DEVICE_SIGNATURE_MAX], size_t *n);

/*
 * RC_OK when signature is over message by the key of spki; RC_BAD_REQUEST: spki is no key of these
 * two kinds; RC_FORBIDDEN: wrong signature, a point that is not on the curve, or an Ed25519 key
 * that sign_public_ok refuses; RC_TOO_LARGE; RC_INTERNAL. Lengths and the head of spki are looked
 * at before anything is allocated.
 */
enum rc device_key_verify(struct slice spki, struct slice message, struct slice signature);

/* SHA-256 of spki: the device-binding fingerprint. RC_INTERNAL when the library fails. */
enum rc device_fingerprint(struct slice spki, uint8_t out[DEVICE_FINGERPRINT_SIZE]);

#endif
