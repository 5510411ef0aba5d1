/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithms: two suites, each with a public-key encryption E_PK, a trapdoor function F and
 * groups for the exchange of keys.
 *
 *   X (compact)  E_PK: HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256),
 *                HKDF-SHA256, AES-128-GCM; F: the DHKEM under a second key; group: X25519
 *   C (classic)  E_PK: RSASVE (NIST SP 800-56B) of RSA with 3072 bits, HKDF-SHA256, AES-128-GCM;
 *                F: RSASVE under a second key; groups: ffdhe2048, 3072, 4096 (RFC 7919)
 *
 *   E_PK(label; plain) = enc || ciphertext || tag 16, behind the header of its message; with
 *   info = "SGA/1 " || suite 1 || dp 32 || label:
 *     X: HPKE seal(info, aad = header, plain)
 *     C: k 16 || nonce 12 = HKDF(salt "SGA/1 kem", ikm z, info || SHA-256(enc)),
 *        AES-128-GCM(k, nonce, aad = header || enc, plain); enc = z^e mod n, z random:
 *        384 octets are drawn until they are a number from 2 to n - 2
 *
 *   F = enc, and the exponent r that belongs to it:
 *     X: 32 octets, a scalar of X25519 = HKDF(no salt, ikm shared secret of the DHKEM, "SGA/1 r")
 *     C: 36 octets, an integer = HKDF(no salt, ikm z, "SGA/1 r")
 *
 * dp is the SHA-256 of the download package (package.h) that the public key comes from. Keys are
 * immutable once made: any thread may use one at any time. What depends on a secret takes as long for
 * every secret: X25519, the powers and RSA (blinded) of libcrypto.
 *
 * All of this takes milliseconds with suite C and tens of microseconds with X: not for a thread that
 * serves many.
 */
#ifndef SGA_SUITE_H
#define SGA_SUITE_H

#include "base/buf.h"
#include "sga/sga.h"

#define SGA_SUITE_C 1
#define SGA_SUITE_X 2

#define SGA_GROUP_X25519 0x001d
#define SGA_GROUP_FFDHE2048 0x0100
#define SGA_GROUP_FFDHE3072 0x0101
#define SGA_GROUP_FFDHE4096 0x0102

#define SGA_ENC_MAX 384u /* octets of enc and of F */
#define SGA_PUBLIC_MAX 448u /* octets of a public key in a package */
#define SGA_ELEMENT_MAX 512u /* octets of an element of a group */
#define SGA_EXPONENT_MAX 36u

struct sga_suite {
	uint8_t id; /* SGA_SUITE_C or SGA_SUITE_X */
	const char *name; /* "C", "X" */
	size_t enc; /* octets of enc and of F */
	size_t overhead; /* octets of E_PK besides the plaintext: enc and tag */
	uint16_t group; /* the usual one */
};

/* NULL: there is no such suite. Lives forever. */
const struct sga_suite *sga_suite_find(uint8_t id);

/* ---- keys ---- */

/* A public and a private key of a suite: for E_PK or for F, never for both. */
struct sga_public;
struct sga_private;

/*
 * As in a package: X: 32 octets (RFC 7748), not of low order; C: the one DER encoding of a
 * SubjectPublicKeyInfo of an RSA key with 3072 bits and exponent 65537. RC_BAD_REQUEST: something
 * else. The caller frees *out.
 */
enum rc sga_public_read(const struct sga_suite *s, struct slice octets, struct sga_public **out);
/* The octets; a view that lives as long as k. */
struct slice sga_public_octets(const struct sga_public *k);
/* NULL is fine. */
void sga_public_free(struct sga_public *k);

/*
 * A new key. r: 32 octets for X; C takes libcrypto's generator whatever r is (about a second).
 * The caller frees *out.
 */
enum rc sga_private_make(const struct sga_suite *s, const struct sga_random *r,
                         struct sga_private **out);
/*
 * Appends what sga_private_read takes: X: the 32 octets; C: the DER of an RSAPrivateKey (RFC 8017).
 * to must be marked secret; the caller wipes it. RC_NO_SPACE when it is full.
 */
enum rc sga_private_write(const struct sga_private *k, struct buf *to);
/* RC_BAD_REQUEST: no such key. */
enum rc sga_private_read(const struct sga_suite *s, struct slice octets, struct sga_private **out);
/* Its public key; lives as long as k. */
const struct sga_public *sga_private_public(const struct sga_private *k);
/* Wipes; NULL is fine. */
void sga_private_free(struct sga_private *k);

/* ---- E_PK ---- */

/* The context of an encryption, the same on both sides. */
struct sga_seal_context {
	const struct sga_hash *dp;
	const char *label; /* "R1", "A1", "A3" */
	const uint8_t *header; /* SGA_HEADER_SIZE octets of the message */
};

/*
 * Writes plain.n + overhead octets to out, which must not overlap plain. RC_TOO_LARGE: plain is over
 * SGA_MESSAGE_MAX.
 */
enum rc sga_seal(const struct sga_public *e, const struct sga_seal_context *c, struct slice plain,
                 const struct sga_random *r, uint8_t *out);
/*
 * Writes sealed.n - overhead octets to out; the caller wipes it. RC_BAD_REQUEST: shorter than
 * overhead or over SGA_MESSAGE_MAX; RC_DENIED, and zeros: not what was sealed for this key and
 * context.
 */
enum rc sga_open(const struct sga_private *e, const struct sga_seal_context *c, struct slice sealed,
                 uint8_t *out);

/* ---- F ---- */

/* A secret exponent; the caller wipes it. */
struct sga_exponent {
	uint8_t n;
	uint8_t v[SGA_EXPONENT_MAX];
};

/* A new pair: writes enc octets to out (F), and r. */
enum rc sga_trapdoor_make(const struct sga_public *f, const struct sga_random *r, uint8_t *out,
                          struct sga_exponent *e);
/* r of F. RC_DENIED, and zeros: enc is of another length, or nothing that can be inverted. */
enum rc sga_trapdoor_open(const struct sga_private *f, struct slice enc, struct sga_exponent *e);

/* ---- groups ---- */

struct sga_group {
	uint16_t id; /* SGA_GROUP_... */
	uint8_t suite;
	uint8_t exponent; /* octets of one: 32 or 36 */
	uint16_t
		element; /* octets of one: 32, 256, 384, 512; numbers are padded with zeros in front */
	const char *name; /* what libcrypto calls it */
};

/* NULL: there is no such group. Lives forever. */
const struct sga_group *sga_group_find(uint16_t id);

/*
 * True for what a peer may send as an element: of the right length and
 * X25519: not of low order; ffdhe: 2 <= N <= p-2, and a square modulo p, so that it is in the group
 * of the prime order (p-1)/2. About 0.3 ms in ffdhe3072. False, too, without memory.
 */
bool sga_group_check(const struct sga_group *g, struct slice element);
/* A random exponent; never 0 or 1 in ffdhe. */
enum rc sga_group_exponent(const struct sga_group *g, const struct sga_random *r,
                           struct sga_exponent *out);
/* Writes the generator to the power e: g->element octets. RC_BAD_REQUEST: see below. */
enum rc sga_group_base_power(const struct sga_group *g, const struct sga_exponent *e, uint8_t *out);
/*
 * Checks base as sga_group_check does and writes base to the power e: g->element octets, a secret
 * that the caller wipes. RC_BAD_REQUEST, and zeros: base is none, e is of another group, or 0 or
 * 1 in ffdhe, or the power is 1.
 */
enum rc sga_group_power(const struct sga_group *g, struct slice base, const struct sga_exponent *e,
                        uint8_t *out);

#endif
