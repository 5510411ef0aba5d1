/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the SGA server, and the one-time tokens that let them register. A device has a number,
 * rising from 1 and never given again, which all else names it by: who registers with the identity
 * of a revoked device is another device.
 */
#ifndef CAP_SGS_SGS_DEVICE_H
#define CAP_SGS_SGS_DEVICE_H

#include "cap/sgs/sgs_book.h"

#define SGS_ID_MAX 64u /* octets of an identity, at least 1; which ones, the caller has checked */
#define SGS_SIGN_BYTES 32u /* public key of signatures, Ed25519 */
#define SGS_ANSWER_MAX 256u /* octets of the answer to a registration (R2) */
#define SGS_CONTACT_MAX 1024u /* octets of a contact URI */
#define SGS_COUNTER_STEP 1000u

/* ---- tokens ---- */

/*
 * A token that lets that identity register once, instead of one that it has had. RC_CONFLICT: the
 * identity is registered.
 */
struct sgs_token {
	struct sgs_op op;
	struct slice id; /* 1..SGS_ID_MAX octets */
	uint8_t hash[SGS_HASH_BYTES]; /* SHA-256 of the token, which the book never has */
	int64_t ttl; /* at least a second */
	int64_t expires; /* the answer */
};

void sgs_token_make(struct sgs_book *b, struct sgs_token *t);

/* ---- registration ---- */

/*
 * A registration (R1) that is decrypted and whose proof (of a token, or under the kd that the
 * device has had) holds. The same R1 again (r1_hash) changes nothing and has the same answer.
 *
 * RC_DENIED: no such token, over, or of another identity; RC_CONFLICT: with a token, but the
 * identity is registered already; RC_NOT_FOUND: without one, but it is not; RC_PRECONDITION: regctr
 * is not the next one (sgs_regctr_next) any more: read it, make R2 and ask again.
 *
 * Registered again, a device keeps its number, contact, sessions, groups and mailbox; its request
 * counter begins at 0, as the key that counted requests is another one.
 */
struct sgs_register {
	struct sgs_op op;
	struct slice id; /* 1..SGS_ID_MAX octets */
	const uint8_t *token_hash; /* SGS_HASH_BYTES; NULL: by proof of the old kd */
	uint8_t r1_hash[SGS_HASH_BYTES]; /* of all octets of R1 */
	const uint8_t *kd; /* SGS_SECRET_BYTES, secret; stored wrapped */
	uint8_t suite;
	uint16_t cid0, cidset;
	const uint8_t *sign; /* SGS_SIGN_BYTES; NULL: it has none */
	uint64_t regctr; /* of R2 */
	struct slice answer; /* R2, 1..SGS_ANSWER_MAX octets; public */
	uint64_t device; /* the answer: its number */
	bool again; /* the answer: this R1 was taken before; sgs_device.answer says with what */
};

void sgs_device_register(struct sgs_book *b, struct sgs_register *r);

/*
 * Nobody finds the device any more; its mailbox is emptied, its sessions are closed and its groups
 * become stale (its own end) in steps. Who is to be told by message is told by operations before
 * this one (sgs_session_end, sgs_group_leave).
 */
struct sgs_revoke {
	struct sgs_op op;
	uint64_t device;
};

void sgs_device_revoke(struct sgs_book *b, struct sgs_revoke *r);

/* Where its items are pushed to. */
struct sgs_contact {
	struct sgs_op op;
	uint64_t device;
	struct slice uri; /* at most SGS_CONTACT_MAX octets; empty: nowhere */
};

void sgs_contact_put(struct sgs_book *b, struct sgs_contact *c);

/*
 * Requests of the device with counters up to the ceiling may be taken without the disk; after a
 * restart only those above it are. So: before a request with a counter above the ceiling is
 * answered, this is, which makes it ctr + SGS_COUNTER_STEP (never lower than it is).
 * RC_PRECONDITION: regctr is not that of the device: it has registered again.
 */
struct sgs_counter {
	struct sgs_op op;
	uint64_t device;
	uint64_t regctr; /* as in struct sgs_device */
	uint64_t ctr; /* at most UINT64_MAX - SGS_COUNTER_STEP */
	uint64_t ceiling; /* the answer */
};

void sgs_counter_raise(struct sgs_book *b, struct sgs_counter *c);

/* ---- reading ---- */

struct sgs_device {
	uint64_t number;
	struct slice id;
	uint8_t suite;
	uint16_t cid0, cidset;
	const uint8_t *sign; /* SGS_SIGN_BYTES; NULL: none */
	uint64_t regctr;
	int64_t registered;
	uint64_t ceiling; /* of request counters */
	const uint8_t *r1_hash; /* SGS_HASH_BYTES, as the next of its last registration */
	struct slice answer; /* R2 */
	struct slice contact; /* empty: none */
	uint64_t items, octets; /* in its mailbox */
	uint64_t last_item; /* the highest that there has been, 0: none */
	uint64_t half_open, sessions; /* that it has begun; sessions: with the half-open */
	uint64_t groups; /* that it owns */
};

/* RC_NOT_FOUND; RC_INTERNAL. */
enum rc sgs_device_get(const struct sgs_view *v, uint64_t device, struct sgs_device *out);
/* By identity. */
enum rc sgs_device_find(const struct sgs_view *v, struct slice id, struct sgs_device *out);
/*
 * Its kd. RC_NOT_FOUND: no such device; RC_INTERNAL: it does not open. out is a secret; zero unless
 * RC_OK.
 */
enum rc sgs_device_kd(const struct sgs_view *v, uint64_t device, uint8_t out[SGS_SECRET_BYTES]);
/* The regctr that the next registration of that identity has, whether it is registered or not. */
enum rc sgs_regctr_next(const struct sgs_view *v, struct slice id, uint64_t *out);

/* False ends it. */
typedef bool sgs_device_visit(void *arg, const struct sgs_device *d);
/* Those with numbers above after, in their order, at most max (0: any number). */
enum rc sgs_device_list(const struct sgs_view *v, uint64_t after, size_t max,
                        sgs_device_visit *visit, void *arg);

/* False ends it. uri: as in struct sgs_contact. */
typedef bool sgs_contact_visit(void *arg, uint64_t device, struct slice uri);
/* Those that have one, with numbers above after, in their order, at most max (0: any number). */
enum rc sgs_contact_list(const struct sgs_view *v, uint64_t after, size_t max,
                         sgs_contact_visit *visit, void *arg);

/*
 * The identity that may register with that token. RC_NOT_FOUND: no such token, or it is over.
 */
enum rc sgs_token_get(const struct sgs_view *v, const uint8_t hash[SGS_HASH_BYTES],
                      struct slice *id);

#endif
