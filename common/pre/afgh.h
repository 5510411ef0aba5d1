/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxy re-encryption by Ateniese, Fu, Green and Hohenberger (AFGH: "Improved proxy re-encryption
 * schemes with applications to secure distributed storage", ACM TISSEC 9(1), 2006, the third
 * scheme), on a pairing e: G1 x G2 -> GT of type 3. It transports a random element K of GT; what is
 * encrypted with keys made of K is not the business of this file.
 *
 *   secret key       a1, a2, two scalars that are never equal; a seed for epochs
 *   PK1 = Z^a1       for those who encrypt to this party; Z = e(g, h)
 *   PK2 = h^a2       for those who let a proxy re-encrypt to this party
 *   (1) encrypt      C1 = g^r, K = Z^(a1 r)
 *   (2) rekey        rk = PK2(B)^a1 = h^(b2 a1)
 *   (3) re-encrypt   D = e(C1, rk)
 *   (4) sink         K = D^(1/b2)
 *       owner        K = e(C1^a1, h)
 *
 * What a proxy and its sink know together, h^a1, opens everything under that a1: so a1 is derived
 * anew for each epoch of a stream (struct afgh_epoch), and a delegation ends with its epoch. Whom a
 * PK2 belongs to must be certain before afgh_rekey: for the epoch there is no way back.
 *
 * Errors: RC_BAD_REQUEST for every octet string that is not what it should be, whatever is wrong
 * with it; RC_UNAVAILABLE without memory, or secret memory (secret_alloc); RC_INTERNAL when a
 * library fails; RC_NOT_IMPLEMENTED in a build without pairing, where no object is ever made. Nothing
 * is to be used in a process where afgh_new has not returned RC_OK. Out parameters are zero, or NULL,
 * unless RC_OK. Slices are read during the call only.
 *
 * Objects are immutable: any number of threads may use one. The functions that handle secrets clear
 * the stack that they have used; a thread that calls them needs twice STACK_WIPED octets.
 */
#ifndef PRE_AFGH_H
#define PRE_AFGH_H

#include "pairing/pairing.h"
#include "sec/stack_wipe.h"

#define AFGH_SCALAR 32
#define AFGH_SEED 32
#define AFGH_SECRET (2 * AFGH_SCALAR + AFGH_SEED) /* a1, a2, seed */
#define AFGH_G1 PAIRING_G1_SIZE
#define AFGH_G2 PAIRING_G2_SIZE
#define AFGH_GT PAIRING_GT_SIZE
#define AFGH_GT_RAW PAIRING_GT_RAW_SIZE
#define AFGH_SOURCE 16 /* octets that name a source */

/* What is computed once: powers of Z, the pairing with h. About 56 KiB, no secret. */
struct afgh;

/* K, for a key derivation: a secret, wiped by whoever has it. */
struct afgh_gt {
	uint8_t raw[AFGH_GT_RAW];
};

/*
 * Makes it and tests the whole scheme by known values (about 3 ms). RC_INTERNAL: the test has
 * failed, and this computer or build must not be used. The caller frees *out with afgh_free, after
 * all that uses it.
 */
enum rc afgh_new(struct afgh **out);
/* NULL is fine. */
void afgh_free(struct afgh *a);

/* ---- keys ---- */

/* The secret key of one party, in secret memory. */
struct afgh_keys;

/* A new key. The caller frees *out with afgh_keys_free, as with afgh_keys_read. */
enum rc afgh_keys_new(struct afgh_keys **out);
/*
 * The key of AFGH_SECRET octets: a1, a2, seed. RC_BAD_REQUEST also when a1 is a2, which would make
 * every K public.
 */
enum rc afgh_keys_read(struct slice in, struct afgh_keys **out);
/* The caller wipes out. */
void afgh_keys_write(const struct afgh_keys *k, uint8_t out[AFGH_SECRET]);
/* Wipes and frees; NULL is fine. */
void afgh_keys_free(struct afgh_keys *k);
/* PK2, for those who delegate to k. */
void afgh_keys_public(const struct afgh_keys *k, uint8_t out[AFGH_G2]);

/* A first secret, a1: the one of a key itself, or that of one epoch of a stream. */
struct afgh_epoch;

/* Which a1; all of it is public. */
struct afgh_epoch_id {
	uint8_t source[AFGH_SOURCE]; /* names the source, for all its streams alike */
	uint16_t stream;
	uint32_t epoch;
};

/* The a1 of k itself, for messages outside of streams. Lives as long as k. */
const struct afgh_epoch *afgh_keys_first(const struct afgh_keys *k);
/*
 * The a1 of an epoch: KeyGen of the BLS signature draft (pairing_scalar_derive) of the seed and
 * "M2PRE1 a1" || source || u16 stream || u32 epoch. The caller frees *out with afgh_epoch_free; it
 * does not need k.
 */
enum rc afgh_epoch_new(const struct afgh_keys *k, const struct afgh_epoch_id *id,
                       struct afgh_epoch **out);
/* Wipes and frees; NULL is fine, what afgh_keys_first has returned is not. */
void afgh_epoch_free(struct afgh_epoch *e);
/* PK1, for those who encrypt to e. */
enum rc afgh_epoch_public(const struct afgh *a, const struct afgh_epoch *e, uint8_t out[AFGH_GT]);

/* RC_OK: in is some party's PK1, PK2. It does not say whose. */
enum rc afgh_public_first_check(struct slice in);
enum rc afgh_public_second_check(struct slice in);

/* ---- source ---- */

/* (1) A new K under e, and C1, from which the owner, or a sink by way of a proxy, gets K. */
enum rc afgh_encrypt(const struct afgh *a, const struct afgh_epoch *e, uint8_t c1[AFGH_G1],
                     struct afgh_gt *k);
/* The same under the secret of another party, by its PK1. */
enum rc afgh_encrypt_to(struct slice pk1, uint8_t c1[AFGH_G1], struct afgh_gt *k);
/*
 * (2) What a proxy needs to re-encrypt what is under e for the party of pk2. To be kept and sent
 * as a secret: with the sink's key it opens all of e.
 */
enum rc afgh_rekey(const struct afgh_epoch *e, struct slice pk2, uint8_t rk[AFGH_G2]);
/* The owner's way from C1 to K. */
enum rc afgh_decrypt_second(const struct afgh *a, const struct afgh_epoch *e, struct slice c1,
                            struct afgh_gt *k);

/* ---- proxy ---- */

/* A re-encryption key with its lines: about 20 KiB of secret memory. */
struct afgh_rk;

/* Of AFGH_G2 octets. The caller frees *out with afgh_rk_free. */
enum rc afgh_rk_load(struct slice in, struct afgh_rk **out);
/* Wipes and frees; NULL is fine. */
void afgh_rk_free(struct afgh_rk *rk);
/* (3) D of C1; depends on nothing else. As little for other eyes as rk. */
enum rc afgh_reencrypt(const struct afgh_rk *rk, struct slice c1, uint8_t d[AFGH_GT]);

/* ---- sink ---- */

/* (4) K of D, with the second secret of keys. */
enum rc afgh_decrypt_first(const struct afgh_keys *keys, struct slice d, struct afgh_gt *k);

#endif
