/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serving network's steps. Per group it has at most one set of vectors (struct gaka_set), of the
 * last T3; per attempt of a device a struct gaka_attempt. Both live in memory alone: after a restart
 * the home network is asked again.
 *
 *   T1     no set, or gaka_sn_member says RC_NOT_FOUND, RC_EXPIRED or RC_NO_SPACE: ask HN with T2,
 *          or with T10 for this device alone
 *   T3     gaka_set_make, and gaka_sn_full with its leader's vector: T4
 *   T11    gaka_sn_full: T4
 *   T1     gaka_sn_member: T7
 *   T5, T8 gaka_sn_answer: T6 or T9, and the key
 *   T12    GAKA_SYNC to a T4: T2 or T10 again with resync, once; else the attempt is over
 *
 * Refusals leave set and attempt as they are: the right answer is still good. How often one device
 * may fail, how long an attempt lives (GAKA_ATTEMPT_SECONDS) and how often HN is asked, the caller
 * limits. A set dies when the group's epoch changes, a session key when its device is removed: also
 * the caller's.
 */
#ifndef GAKA_SN_H
#define GAKA_SN_H

#include "gaka/message.h"

/* ---- sets of vectors ---- */

/* Secret, in memory that is neither swapped nor dumped. One thread at a time. */
struct gaka_set;

/*
 * The set of a T3, which is the answer to t2; the caller frees it with gaka_set_free. It
 * takes about 100 octets and 64 for each member. RC_EXPIRED: t3 is over already (expiry at or before now);
 * RC_BAD_REQUEST: W is more than was wanted, or the leader is among the members; RC_UNAVAILABLE: no
 * lockable memory. *out is NULL then.
 */
enum rc gaka_set_make(const struct gaka_t2 *t2, const struct gaka_t3 *t3, uint64_t now,
                      struct gaka_set **out);
/* Wipes. NULL is fine. */
void gaka_set_free(struct gaka_set *set);
/* Views and values of a set; the view lives as long as the set does. */
const struct gaka_gid *gaka_set_gid(const struct gaka_set *set);
uint64_t gaka_set_expiry(const struct gaka_set *set);
/*
 * Whether gaka_sn_member would serve the device: RC_OK, or what it would say. RC_EXPIRED: the set is
 * over; RC_NOT_FOUND: no vectors of that device; RC_NO_SPACE: all its values of C are used.
 */
enum rc gaka_set_serves(const struct gaka_set *set, const struct node_id *id, uint64_t now);

/* ---- attempts ---- */

/* One attempt of a device; its members are gaka_sn_*'s own. All zeros: over, or none. Secret. */
struct gaka_attempt {
	struct gaka_done done; /* of the run; not yet agreed */
	bool open, member;
	uint8_t t1[GAKA_T1_SIZE];
	uint8_t challenge[GAKA_T7_SIZE]; /* T4 or T7 */
	uint8_t expected[GAKA_TAG_SIZE]; /* HXRES, TAG_UE */
	struct key kauth;
};

/* Wipes: it is over. NULL is fine. */
void gaka_attempt_wipe(struct gaka_attempt *a);

/*
 * Full AKA for the device of t1, with the vector that HN has answered for it (leader of T3, T11) to
 * sn, the serving network itself. *a is filled, T4 is at out. RC_EXPIRED: expiry is at or before
 * now; a and out are untouched.
 */
enum rc gaka_sn_full(struct gaka_attempt *a, const struct gaka_t1 *t1, const struct node_id *sn,
                     const struct gaka_vector *vector, uint64_t expiry, uint64_t now,
                     uint8_t out[GAKA_T4_SIZE]);

/*
 * Authenticates the device of t1 as a member, with its next C of set, which is used up. ns: 16
 * octets for NS; NULL: drawn at random, tests alone give them. *a is filled, T7 is at out. Errors
 * as gaka_set_serves, and RC_NOT_FOUND: t1 is of another group; set, a and out are untouched then.
 */
enum rc gaka_sn_member(struct gaka_attempt *a, struct gaka_set *set, const struct gaka_t1 *t1,
                       const uint8_t *ns, uint64_t now, uint8_t out[GAKA_T7_SIZE]);

/*
 * The answer of the device: T5 to T4, T8 to T7. RC_OK: it is who it says; T6 or T9 is at out, *done
 * has the key (the caller wipes it) and the attempt is over. RC_DENIED: message is anything else,
 * in constant time as far as the tag goes; RC_EXPIRED: the vector has expired meanwhile;
 * RC_NOT_FOUND: the attempt is over. out and done are untouched, and a is as before.
 */
enum rc gaka_sn_answer(struct gaka_attempt *a, struct slice message, uint64_t now,
                       uint8_t out[GAKA_SHORT_SIZE], struct gaka_done *done);

#endif
