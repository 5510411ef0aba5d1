/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLS signatures that become one: draft-irtf-cfrg-bls-signature, signatures in G1 (48 octets), keys
 * in G2 (96 octets), proof-of-possession scheme.
 *
 *   suite BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_ (also the tag of messages)
 *   tag of proofs BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_
 *
 * An aggregate says that all have signed, or that something is wrong, not what: whoever aggregates
 * keeps the signatures until the aggregate is verified. It is sound only for keys whose owner has
 * proved to have them (sd_bls_public_prove): else somebody chooses a key that cancels another's.
 *
 * Signing takes time that depends on no secret; nothing secret is left on the stack. All functions:
 * RC_NOT_IMPLEMENTED in a build without pairing. Any thread.
 */
#ifndef SD_BLS_H
#define SD_BLS_H

#include "pairing/pairing.h"
#include "sd/bundle.h"

#define SD_BLS_SECRET_SIZE 32u
#define SD_BLS_PUBLIC_SIZE 96u
#define SD_BLS_PROOF_SIZE 48u
#define SD_BLS_IKM_MIN 32u

/* A private key; whoever has filled one wipes it with sd_bls_wipe. */
struct sd_bls_secret {
	struct pairing_scalar x;
};

/* A public key that one of the functions below has accepted: in its group, not neutral. */
struct sd_bls_public {
	struct pairing_g2 p;
};

/* ---- keys ---- */

/* A new key. RC_INTERNAL: the generator does not work. */
enum rc sd_bls_generate(struct sd_bls_secret *out);
/* KeyGen of the draft, key_info "M2BLS1"; RC_BAD_REQUEST: ikm is shorter than SD_BLS_IKM_MIN. */
enum rc sd_bls_derive(struct slice ikm, struct sd_bls_secret *out);
/* The key as SD_BLS_SECRET_SIZE octets, big-endian, 1 .. r-1; else RC_BAD_REQUEST. */
enum rc sd_bls_secret_read(struct slice octets, struct sd_bls_secret *out);
enum rc sd_bls_secret_write(const struct sd_bls_secret *s, uint8_t out[SD_BLS_SECRET_SIZE]);
/* NULL is fine. */
void sd_bls_wipe(struct sd_bls_secret *s);

/* The public key of s and the proof that its owner has s. */
enum rc sd_bls_prove(const struct sd_bls_secret *s, uint8_t pk[SD_BLS_PUBLIC_SIZE],
                     uint8_t pop[SD_BLS_PROOF_SIZE]);
/*
 * The key of a device that registers it. RC_BAD_REQUEST: length, encoding, subgroup, or neutral
 * element; RC_FORBIDDEN: the proof is not one for this key.
 */
enum rc sd_bls_public_prove(struct slice pk, struct slice pop, struct sd_bls_public *out);
/* A key whose proof this process has seen before: out of its own store. RC_BAD_REQUEST as above. */
enum rc sd_bls_public_read(struct slice pk, struct sd_bls_public *out);

/* ---- signatures ---- */

/* RC_BAD_REQUEST: the payload is too long. */
enum rc sd_bls_sign(const struct sd_bls_secret *s, const struct sd_reading *r,
                    uint8_t out[SD_BLS_SIZE]);
/* RC_FORBIDDEN: not the signature of p; RC_BAD_REQUEST: no signature at all, or the payload. */
enum rc sd_bls_verify(const struct sd_bls_public *p, const struct sd_reading *r,
                      const uint8_t signature[SD_BLS_SIZE]);

/*
 * One signature of n (1..SD_READINGS_MAX), which follow each other in signatures and are in any
 * order. They are checked to be in the group, not to be right. RC_BAD_REQUEST: one is not, or they
 * cancel each other.
 */
enum rc sd_bls_aggregate(struct slice signatures, uint8_t out[SD_BLS_SIZE]);
/*
 * Whether the n (1..SD_READINGS_MAX) devices have signed their readings: keys[i] that of
 * readings[i], never NULL. A pairing for each different key, one for the signature, a hash for each
 * reading. RC_FORBIDDEN: somebody has not; RC_CONFLICT: two messages are equal; RC_BAD_REQUEST: n,
 * a payload, or no signature at all; RC_UNAVAILABLE without memory.
 */
enum rc sd_bls_verify_aggregate(const struct sd_reading *readings,
                                const struct sd_bls_public *const *keys, size_t n,
                                const uint8_t signature[SD_BLS_SIZE]);
/*
 * Whether each of the n signatures is right by itself: the same of random powers of them, so that
 * errors do not cancel. Finds no culprit: sd_verify does. Outcomes as above; RC_INTERNAL without
 * random octets.
 */
enum rc sd_bls_verify_all(const struct sd_reading *readings,
                          const struct sd_bls_public *const *keys, size_t n,
                          struct slice signatures);

#endif
