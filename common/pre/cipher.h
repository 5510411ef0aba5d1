/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ciphers that messages may name: authenticated encryption (RFC 5116) that libcrypto has. What
 * is no row here is refused, number 0 ("none") above all.
 */
#ifndef PRE_CIPHER_H
#define PRE_CIPHER_H

#include "base/rc.h"

#define PRE_CID_DEFAULT 0x0003 /* AES-128-GCM */
#define PRE_CIPHER_KEY_MAX 32u
#define PRE_CIPHER_IV_MAX 13u
#define PRE_CIPHER_TAG_MAX 16u

struct pre_cipher {
	uint16_t cid;
	bool ccm; /* CCM wants lengths in advance */
	uint8_t key, iv, tag; /* octets */
	const char *name;
	const char *evp; /* what libcrypto calls it */
	size_t max; /* octets of one plaintext */
	uint32_t forgeries; /* messages that may fail before a key is given up; 0: any number */
};

/* NULL: there is no such cipher. Lives forever. Any thread, as all functions here. */
const struct pre_cipher *pre_cipher_find(uint16_t cid);
/* By its name, in any case ("AES-128-GCM"). */
const struct pre_cipher *pre_cipher_named(struct slice name);
/* The i-th, NULL behind the last. */
const struct pre_cipher *pre_cipher_at(size_t i);

/* A cipher with its key, for one direction. One thread at a time. */
struct pre_aead;

/*
 * key: c->key octets. The caller frees *out with pre_aead_free. RC_UNAVAILABLE without memory,
 * RC_INTERNAL when the library fails.
 */
enum rc pre_aead_new(const struct pre_cipher *c, bool seal, const uint8_t *key,
                     struct pre_aead **out);
/* Wipes and frees; NULL is fine. */
void pre_aead_free(struct pre_aead *a);
/*
 * Writes plain.n + tag octets: cipher text and tag. nonce: iv octets, never twice with one key.
 * RC_TOO_LARGE: over max of the cipher; RC_INTERNAL, and zeros.
 */
enum rc pre_aead_seal(struct pre_aead *a, const uint8_t *nonce, struct slice aad,
                      struct slice plain, uint8_t *out);
/*
 * Writes sealed.n - tag octets. RC_BAD_REQUEST, and zeros: too short, too long, or not what was
 * sealed; RC_INTERNAL.
 */
enum rc pre_aead_open(struct pre_aead *a, const uint8_t *nonce, struct slice aad,
                      struct slice sealed, uint8_t *out);

/*
 * HKDF with SHA-256 (RFC 5869): n (at most 8160) octets of ikm for the use that info names. The
 * caller wipes out. RC_INTERNAL, and zeros, when the library fails.
 */
enum rc pre_hkdf(struct slice salt, struct slice ikm, struct slice info, void *out, size_t n);

#endif
