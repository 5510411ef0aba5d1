/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The home network's answers. Who may ask is the caller's to decide before: the asker has proved
 * who it is and has a role that may serve; the group has it in its list; the leader is an active
 * member (GAKA_NOT_MEMBER otherwise); neither asks too often. Nothing here keeps anything.
 *
 * Sequence numbers and IVs are counters of the caller, in its store. An answer may leave the house
 * only when the counters that were moved for it are durable:
 *
 *   gaka_sqn_next        the leader's
 *   gaka_hn_begin
 *   gaka_hn_add          for each other active member, in ascending order of ids; moves its IV
 *   ... commit ...
 *   gaka_hn_end          makes it a message; or gaka_hn_drop
 *
 * A vector whose commit failed is lost, and so is nothing else: counters may have gaps.
 */
#ifndef GAKA_HN_H
#define GAKA_HN_H

#include "gaka/message.h"

/*
 * Moves a device's sequence number (the last one used; 0: none yet) on to the one for the next
 * vector: by 1, by GAKA_RESYNC with resync. RC_NO_SPACE, and untouched: there is none left; the
 * device needs a new root key.
 */
enum rc gaka_sqn_next(uint64_t *sqn, bool resync);

/* What the home network knows about who asks, and about the device that is authenticated. */
struct gaka_hn_terms {
	const struct node_id *sn; /* who asks, as the session that T2 or T10 came by has proved */
	const struct key *ka; /* of the leader, of the device */
	uint64_t sqn; /* of gaka_sqn_next, not 0 */
	uint64_t expiry; /* of what is answered: seconds since 1970 */
	const struct gaka_rand *rand; /* NULL: drawn at random. Tests alone give one */
};

/*
 * T11 for a T10, whole. The caller wipes out. RC_FORBIDDEN: t10 names another serving network than
 * terms; RC_BAD_REQUEST: sqn is 0.
 */
enum rc gaka_hn_single(const struct gaka_t10 *t10, const struct gaka_hn_terms *terms,
                       uint8_t out[GAKA_T11_SIZE]);

/* A T3 in the making; its members are gaka_hn_*'s own. Secret. */
struct gaka_hn {
	uint8_t *to;
	size_t size, n;
	struct gaka_gid gid;
	struct gaka_rand rand;
	struct node_id sn, leader, last;
	uint16_t w, count;
};

/* The group. */
struct gaka_hn_group {
	const struct key *gak; /* of the current epoch */
	uint16_t w; /* the most that one answer gives, at least 1; default GAKA_WINDOW */
};

/*
 * Begins the T3 for a T2 at to, which has place for size octets: GAKA_T3_SIZE(members besides the
 * leader); it is the caller's, lives until _end or _drop, and is better secret_alloc's. W becomes
 * the smaller one of what is wanted and group->w. Errors as gaka_hn_single, and RC_NO_SPACE: size is
 * below GAKA_T3_MIN; to is wiped then.
 */
enum rc gaka_hn_begin(struct gaka_hn *h, const struct gaka_t2 *t2,
                      const struct gaka_hn_terms *terms, const struct gaka_hn_group *group,
                      void *to, size_t size);
/*
 * Adds an active member with its KA, and moves *iv, the member's IV (GAKA_IV_FIRST at first), on by
 * W. RC_BAD_REQUEST: it is the leader, or not above the member before, or *iv is 0. RC_NO_SPACE: the
 * message is full (size, GAKA_MEMBERS_MAX). RC_EXPIRED: so few values are left below 2^64 that this
 * member is out until it has a new root key. *iv and the message are as before then, and the
 * caller may go on with the next.
 */
enum rc gaka_hn_add(struct gaka_hn *h, const struct node_id *id, const struct key *ka,
                    uint64_t *iv);
/*
 * Only now is it a message: after the commit of all counters. The octets at to, a view; the caller
 * wipes them when they are sent. h is empty afterwards.
 */
struct slice gaka_hn_end(struct gaka_hn *h);
/* Wipes what has been made, whatever became of it. Nothing after gaka_hn_end. */
void gaka_hn_drop(struct gaka_hn *h);

#endif
