/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices and G compute alike for the messages of session.h, which says what they are. For the
 * steps of both. What is computed of secrets is secret: the caller wipes it. Any thread.
 */
#ifndef SGA_PHASE_H
#define SGA_PHASE_H

#include "base/buf.h"
#include "sec/cipher.h"
#include "sga/kd.h"
#include "sga/suite.h"

/* What the header of a message must be. */
struct sga_expected {
	uint8_t type, suite;
	const struct sga_sid *sid;
};

/*
 * The header of message. RC_BAD_REQUEST: no message of that type; RC_DENIED: of another session or
 * suite, or with a ctr although messages of that type are not counted.
 */
enum rc sga_expect(struct slice message, const struct sga_expected *e, struct sga_header *out);
/* RC_OK: times are at most SGA_TIME_WINDOW apart; RC_DENIED. */
enum rc sga_time_check(uint64_t time, uint64_t now);

/* ---- messages under the public key of G ---- */

/* How a message is sealed: with the key of a package, whose dp is hashed. */
struct sga_envelope {
	const struct sga_hash *dp;
	const char *label;
	const struct sga_header *header;
};

/* Appends header || E_PK(plain). *hash: of the message. */
enum rc sga_envelope_make(const struct sga_public *to_whom, const struct sga_envelope *e,
                          struct slice plain, const struct sga_random *random, struct buf *to,
                          struct sga_hash *hash);

/* ---- phase A ---- */

/* What t of A1 and A3 covers; n and a2 are for A3, else NULL. */
struct sga_proof {
	const struct sga_header *header;
	const struct key *kt;
	const struct sga_ids *ids;
	uint16_t cid;
	const uint8_t *n;
	uint64_t time;
	const struct sga_hash *a2;
};

enum rc sga_proof_make(const struct key *k_auth, const struct sga_proof *p,
                       uint8_t out[SGA_HASH_SIZE]);

/* ---- phase B ---- */

/* The messages that are hashed, in the order of TH. */
enum sga_heard { SGA_H_A1, SGA_H_A2, SGA_H_A3, SGA_H_A4, SGA_H_B1, SGA_H_B2, SGA_H_B3, SGA_HS };

/* A device's half, as in B1 and B3: N of group->element octets, F of suite->enc. */
struct sga_half {
	uint8_t n[SGA_ELEMENT_MAX], f[SGA_ENC_MAX];
	uint8_t m1[SGA_HASH_SIZE], m2[SGA_HASH_SIZE];
};

/* To what a half belongs. */
struct sga_exchange {
	const struct sga_suite *suite;
	const struct sga_group *group;
	const struct sga_sid *sid;
	const struct sga_ids *ids;
};

enum sga_side { SGA_SIDE_I, SGA_SIDE_J };

struct slice sga_half_n(const struct sga_exchange *x, const struct sga_half *h);
struct slice sga_half_f(const struct sga_exchange *x, const struct sga_half *h);
/* K_is or K_js; power: N to the r of F, group->element octets. */
enum rc sga_half_key(const struct sga_exchange *x, const struct sga_half *h, const uint8_t *power,
                     struct key *out);
/* m1 and m2 of the side. */
enum rc sga_half_macs(const struct sga_exchange *x, enum sga_side side, const struct sga_half *h,
                      const struct key *k_auth, const struct key *k_is, uint8_t m1[SGA_HASH_SIZE],
                      uint8_t m2[SGA_HASH_SIZE]);
/* TH; heard: SGA_HS hashes. */
enum rc sga_transcript(uint8_t suite, const struct sga_hash *dp, const struct sga_hash *heard,
                       struct sga_hash *th);
/* HMAC(K, "B6" IDs S TH); s: group->element octets. */
enum rc sga_b6_mac(const struct sga_exchange *x, const struct key *k, const uint8_t *s,
                   const struct sga_hash *th, uint8_t out[SGA_HASH_SIZE]);

/* ---- others ---- */

/* cid is known, and one of the CidSet set. */
bool sga_cipher_in(uint16_t cid, uint16_t set);

/* Octets of a notice (group.h) besides the identity in it. */
#define SGA_NOTICE_FIXED (SGA_HEADER_SIZE + 4u + 1u + SGA_HASH_SIZE)
/* HMAC(k_auth, "left" || text). */
enum rc sga_notice_mac(const struct key *k_auth, struct slice text, uint8_t out[SGA_HASH_SIZE]);

#endif
