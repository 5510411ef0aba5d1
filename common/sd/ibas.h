/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity-based aggregate signatures (Gentry, Ramzan: "Identity-Based Aggregate Signatures", PKC
 * 2006), on BLS12-381 with h the generator of G2:
 *
 *   generator  s, Q = h^s                       key of ID: K_j = P_j^s, j = 0, 1
 *   P_j = HashG1(LV8(ID) | u8 j, "M2M-IBAS-H1") P_w = HashG1(w, "M2M-IBAS-H2")
 *   c = first 16 octets of SHA-256("M2M-IBAS-H3" | w | LV8(ID) | M)
 *   signature  S = P_w^r K_0 K_1^c, T = h^r     aggregate: products of S and of T
 *   check      e(S, h) = e(P_w, T) e(product of P_i0 P_i1^c_i, Q)
 *
 * No keys of devices are registered, stored or sent, and every check is three pairings. In return
 * the generator can sign for everybody, all devices have to agree on a round w, and a device is
 * revoked by its identity's end alone: ID names a month.
 *
 * A second signature of one device in one round gives its key away. Rounds therefore are ordered
 * (sd_round_make), and a struct ibas_signer goes forward only.
 *
 * RC_NOT_IMPLEMENTED in a build without pairing. Any thread.
 */
#ifndef SD_IBAS_H
#define SD_IBAS_H

#include "pairing/pairing.h"
#include "sd/bundle.h"

#define IBAS_SECRET_SIZE 32u
#define IBAS_PUBLIC_SIZE 96u
#define IBAS_KEY_SIZE 96u /* K_0 | K_1 */
#define IBAS_SIZE 144u /* S | T: of a bundle all behind w */
#define IBAS_ID_SIZE 38u /* 32 digits of the node id, and the month as YYYYMM */
#define IBAS_ROUND_TOLERANCE 300000 /* ms that the round may be ahead of the signer's clock */

/* ---- the generator ---- */

/* Wiped by whoever has filled it. */
struct ibas_secret {
	struct pairing_scalar s;
};

/* Q, checked. */
struct ibas_public {
	struct pairing_g2 q;
};

/* RC_INTERNAL: the generator of random numbers does not work. */
enum rc ibas_generate(struct ibas_secret *out);
/* 32 octets, big-endian, 1 .. r-1; else RC_BAD_REQUEST. */
enum rc ibas_secret_read(struct slice octets, struct ibas_secret *out);
enum rc ibas_secret_write(const struct ibas_secret *s, uint8_t out[IBAS_SECRET_SIZE]);
/* NULL is fine. */
void ibas_secret_wipe(struct ibas_secret *s);
enum rc ibas_public_of(const struct ibas_secret *s, struct ibas_public *out);
enum rc ibas_public_read(struct slice octets, struct ibas_public *out);
enum rc ibas_public_write(const struct ibas_public *p, uint8_t out[IBAS_PUBLIC_SIZE]);

/* ---- identities ---- */

/*
 * The name of a device in the month (UTC) of that time: keys are made, readings signed and verified
 * for that of the reading's own time, which is in M. Whoever verifies refuses readings of old.
 * RC_BAD_REQUEST: behind the year 9999.
 */
enum rc ibas_id(const struct node_id *device, uint64_t millis, char out[IBAS_ID_SIZE + 1]);

/* P_0 and P_1: worth to be kept by whoever verifies often. */
struct ibas_identity {
	char id[IBAS_ID_SIZE + 1];
	struct pairing_g1 p[2];
};

/* RC_BAD_REQUEST as ibas_id. */
enum rc ibas_identity_make(const struct node_id *device, uint64_t millis,
                           struct ibas_identity *out);
/* The key of that identity; the caller wipes out. */
enum rc ibas_key_make(const struct ibas_secret *s, const struct ibas_identity *id,
                      uint8_t out[IBAS_KEY_SIZE]);

/* ---- the signer: a device in one month ---- */

struct ibas_signer;

/* Makes *w* last: durable before it answers RC_OK, anything else is the answer of the signature. */
typedef enum rc ibas_keep(void *arg, const uint8_t w[SD_ROUND_SIZE]);

struct ibas_signer_conf {
	struct node_id device;
	uint64_t millis; /* a time of its month */
	struct slice key; /* IBAS_KEY_SIZE octets, copied; the caller wipes them */
	const struct ibas_public *q; /* the key is checked against it */
	uint8_t last[SD_ROUND_SIZE]; /* what keep was last given; zero: nothing yet */
	ibas_keep *keep; /* never NULL */
	void *arg;
};

/*
 * RC_BAD_REQUEST: no key; RC_FORBIDDEN: not of this identity and generator; RC_UNAVAILABLE without
 * memory that is locked. The caller frees it with ibas_signer_free.
 */
enum rc ibas_signer_new(const struct ibas_signer_conf *conf, struct ibas_signer **out);
/* Wipes and frees; NULL is fine. */
void ibas_signer_free(struct ibas_signer *s);
/*
 * The signature of the signer's device on r in round w. now: milliseconds since the epoch by the
 * signer's clock. keep is called first, and the round is spent whatever comes after.
 * RC_CONFLICT: w is not behind the last one; RC_PRECONDITION: w is more than IBAS_ROUND_TOLERANCE
 * ahead of now; RC_BAD_REQUEST: the payload, or r is of another device or another month;
 * RC_INTERNAL; what keep says. Any thread; one signature at a time, so the caller must be one that
 * may wait for keep.
 */
enum rc ibas_sign(struct ibas_signer *s, const uint8_t w[SD_ROUND_SIZE], uint64_t now,
                  const struct sd_reading *r, uint8_t out[IBAS_SIZE]);

/* ---- rounds and aggregates ---- */

/* A new round: now as u64, behind it 8 random octets. RC_INTERNAL: none are to be had. */
enum rc sd_round_make(uint64_t now, uint8_t w[SD_ROUND_SIZE]);
/*
 * One signature of n (1..SD_READINGS_MAX) of one round, IBAS_SIZE octets each. RC_BAD_REQUEST: one
 * is none, or they cancel each other.
 */
enum rc ibas_aggregate(struct slice signatures, uint8_t out[IBAS_SIZE]);
/*
 * Whether the n (1..SD_READINGS_MAX) devices have signed their readings in round w; ids[i]: of
 * readings[i], never NULL, of the month of its time. RC_FORBIDDEN: somebody has not, or an identity
 * is another's; RC_CONFLICT: a device has two readings; RC_BAD_REQUEST: n, a payload, or no
 * signature at all; RC_UNAVAILABLE without memory.
 */
enum rc ibas_verify(const struct ibas_public *q, const uint8_t w[SD_ROUND_SIZE],
                    const struct sd_reading *readings, const struct ibas_identity *const *ids,
                    size_t n, const uint8_t signature[IBAS_SIZE]);

#endif
