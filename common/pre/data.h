/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data messages of one section.
 *
 *   key | iv  = HKDF(salt "M2PRE1 data", S, HDR with type 03), lengths of the cipher
 *   nonce     = iv XOR seq, right-aligned
 *   AAD       = msgId 4 | streamId 2 | keyIndex 2 | epoch 4 | source 16 | seq 4
 *   body      = seq 4 | cipher text | tag
 *   signature = Ed25519 of "M2PRE1 data" 00 | AAD | body, behind the body, if flags say so
 *
 * seq counts from 0; it is the nonce, not the random msgId. The session key is known to the source
 * and to all sinks: without signatures a sink could speak as the source towards another.
 */
#ifndef PRE_DATA_H
#define PRE_DATA_H

#include "pre/mm.h"

#define PRE_AAD_SIZE 32u
#define PRE_SEQ_SIZE 4u
#define PRE_SEQ_NONE UINT32_MAX /* no message has it */
#define PRE_DIGEST_SIZE 32u
/* Octets of the plaintext of one message; less with a CCM cipher. */
#define PRE_PLAIN_MAX (SIGN_MESSAGE_MAX - 256u)
/* Octets that a body has besides the plaintext, at most. */
#define PRE_DATA_EXTRA (PRE_SEQ_SIZE + PRE_CIPHER_TAG_MAX + SIGN_SIZE)

/* The keys of one section for one direction. One thread at a time. */
struct pre_data;

/*
 * seal or open; s may be wiped afterwards. The caller frees *out with pre_data_free.
 * RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc pre_data_new(const struct pre_hdr *h, const struct pre_session *s, bool seal,
                     struct pre_data **out);
/* Wipes and frees; NULL is fine. */
void pre_data_free(struct pre_data *d);

/* What one message is. */
struct pre_datum {
	uint32_t msg_id, seq;
	uint8_t digest[PRE_DIGEST_SIZE]; /* SHA-256 of AAD | body: its part of the chain */
};

/* Octets of the body, with its signature, of a plaintext of n octets in the section of h. */
size_t pre_data_size(const struct pre_hdr *h, size_t n);

/*
 * Appends the body of plain, with m->msg_id and m->seq, and fills m->digest. key: signs if the
 * section's flags say so, else it may be NULL. RC_CONFLICT: seq is not above all that d has sealed,
 * or is PRE_SEQ_NONE; RC_TOO_LARGE: over PRE_PLAIN_MAX or what the cipher takes; RC_NO_SPACE when
 * to is full; RC_UNAVAILABLE, RC_INTERNAL. Nothing that was sealed is then left in to.
 */
enum rc pre_data_seal(struct pre_data *d, const struct sign_key *key, struct slice plain,
                      struct pre_datum *m, struct buf *to);
/*
 * Opens body (with its signature), which came with m->msg_id: fills m, and appends the plaintext.
 * RC_BAD_REQUEST: it is not what was sealed; RC_NO_SPACE when to is full; RC_UNAVAILABLE,
 * RC_INTERNAL. to is then as it was.
 */
enum rc pre_data_open(struct pre_data *d, const struct sign_public *source, struct slice body,
                      struct pre_datum *m, struct buf *to);
/* SHA-256 of a | b, with what d has ready for it. RC_INTERNAL when the library fails. */
enum rc pre_data_hash(struct pre_data *d, struct slice a, struct slice b,
                      uint8_t out[PRE_DIGEST_SIZE]);
/* seq of a body, without looking at the rest. RC_BAD_REQUEST: there is none. Any thread. */
enum rc pre_data_seq(struct slice body, uint32_t *seq);

#endif
