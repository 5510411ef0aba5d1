/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ciphers that messages may name: authenticated encryption (RFC 5116). Most of them libcrypto
 * has; Ascon-AEAD128 (NIST SP 800-232) is in ascon.h; two are made here of a block cipher in
 * counter mode and HMAC-SHA-256, encrypt-then-MAC (RFC 7366 says why in that order):
 *
 *   key        = k 16 || m 32
 *   cipher     = E-CTR(k, first block nonce 12 || 00000000, plain)
 *   tag        = HMAC-SHA-256(m, u64 octets of aad || aad || nonce 12 || cipher)[0..16)
 *   sealed     = cipher || tag
 *
 * The counter of blocks is 32 bits (RFC 3686 has the like), and no message has as many: blocks of
 * two messages with different nonces never meet, even if the nonces follow each other. All that
 * precedes the ciphertext has a length that the MAC covers or that is fixed.
 *
 * libcrypto computes Camellia, SM4 and ARIA with tables (and AES where the processor has no
 * instructions for it): who can watch the caches of the machine learns of their keys. The others
 * take as long for every key.
 *
 * What is no row here is refused, number 0 ("none") above all. Users of these ciphers may have
 * fewer: the M2PRE1 messages (pre/hdr.h) have the first seven.
 */
#ifndef SEC_CIPHER_H
#define SEC_CIPHER_H

#include "base/rc.h"

#define CIPHER_CID_MAX 0x000a /* numbers are 1 to this, without gaps */
#define CIPHER_AES_128_GCM 0x0003
#define CIPHER_CHACHA20_POLY1305 0x0005
#define CIPHER_KEY_MAX 48u
#define CIPHER_IV_MAX 16u
#define CIPHER_TAG_MAX 16u

/* How a cipher is made; for cipher.c. */
enum cipher_kind { CIPHER_STREAM, CIPHER_CCM, CIPHER_ETM, CIPHER_ASCON };

struct cipher {
	uint16_t cid;
	uint8_t kind; /* enum cipher_kind */
	uint8_t key, iv, tag; /* octets; iv: of the nonce */
	const char *name;
	const char *evp; /* what libcrypto calls it, or the block cipher in it; NULL: not there */
	size_t max; /* octets of one plaintext; at least 65535 */
	uint32_t forgeries; /* messages that may fail before a key is given up; 0: any number */
};

/* NULL: there is no such cipher. Lives forever. Any thread, as all functions here. */
const struct cipher *cipher_find(uint16_t cid);
/* By its name, in any case ("AES-128-GCM"). */
const struct cipher *cipher_named(struct slice name);
/* The i-th, in the order of their numbers; NULL behind the last. */
const struct cipher *cipher_at(size_t i);

/* A cipher with its key, for one direction. One thread at a time. */
struct aead;

/*
 * key: c->key octets; the caller wipes them. The caller frees *out with aead_free. RC_UNAVAILABLE
 * without memory, RC_INTERNAL when the library fails.
 */
enum rc aead_new(const struct cipher *c, bool seal, const uint8_t *key, struct aead **out);
/* Wipes and frees; NULL is fine. */
void aead_free(struct aead *a);
/*
 * Writes plain.n + tag octets: cipher text and tag. nonce: iv octets, never twice with one key.
 * out must not overlap plain. RC_TOO_LARGE, and nothing is written: over max of the cipher;
 * RC_INTERNAL, and zeros.
 */
enum rc aead_seal(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice plain,
                  uint8_t *out);
/*
 * Writes sealed.n - tag octets; out must not overlap sealed. RC_BAD_REQUEST: not what was sealed, and
 * zeros; too short or too long, and nothing is written. RC_INTERNAL, and zeros. The caller counts
 * failures against c->forgeries.
 */
enum rc aead_open(struct aead *a, const uint8_t *nonce, struct slice aad, struct slice sealed,
                  uint8_t *out);

/* The same with a key that has one message: aead_new, one call, aead_free. */
enum rc aead_seal_once(const struct cipher *c, const uint8_t *key, const uint8_t *nonce,
                       struct slice aad, struct slice plain, uint8_t *out);
enum rc aead_open_once(const struct cipher *c, const uint8_t *key, const uint8_t *nonce,
                       struct slice aad, struct slice sealed, uint8_t *out);

#endif
