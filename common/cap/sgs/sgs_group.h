/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of the SGA server: an owner, who makes the group key and gives it to the members in
 * pairwise sessions, and members, the owner among them. A group whose member is gone is stale: it
 * takes no messages until the owner has made a new epoch, with a new key, for those who remain. A
 * group message is stored once, however many are to get it.
 */
#ifndef CAP_SGS_SGS_GROUP_H
#define CAP_SGS_SGS_GROUP_H

#include "cap/sgs/sgs_book.h"

#define SGS_PURPOSE_MAX 255u /* octets that say what a group is for */

/*
 * A new group in epoch 1. The same again (owner, members, purpose; still in epoch 1 and not stale)
 * makes nothing. RC_CONFLICT: another group has that gid; RC_NOT_FOUND: the owner or a member;
 * RC_BAD_REQUEST: a member is named twice; RC_TOO_LARGE: more than limits.members_max.
 */
struct sgs_group_new {
	struct sgs_op op;
	uint8_t gid[SGS_SID_BYTES];
	uint64_t owner;
	const uint64_t *members; /* numbers; the owner need not be among them */
	size_t n_members; /* at least one besides the owner */
	struct slice purpose; /* at most SGS_PURPOSE_MAX octets */
	bool again; /* the answer: it was there */
};

void sgs_group_make(struct sgs_book *b, struct sgs_group_new *n);

/*
 * A new epoch with those members; not stale any more; all count their messages from 0. The same
 * again (that epoch is the current one, with these members, not stale) changes nothing.
 * RC_CONFLICT: epoch is neither the next one nor that; RC_FORBIDDEN: by is not the owner; else as a
 * new group.
 */
struct sgs_group_change {
	struct sgs_op op;
	uint8_t gid[SGS_SID_BYTES];
	uint64_t by;
	uint32_t epoch;
	const uint64_t *members;
	size_t n_members;
	bool again; /* the answer */
};

void sgs_group_change(struct sgs_book *b, struct sgs_group_change *c);

/*
 * A member leaves, or the owner puts it out: the group is stale. RC_NOT_FOUND: no such group, or
 * not a member; RC_FORBIDDEN: by is neither the member nor the owner; RC_CONFLICT: the owner itself
 * (sgs_group_end). A notice for which the mailbox of the owner has no room is left out.
 */
struct sgs_group_leave {
	struct sgs_op op;
	uint8_t gid[SGS_SID_BYTES];
	uint64_t by; /* 0: the administrator */
	uint64_t member;
	struct slice to_owner; /* the notice; empty: none */
};

void sgs_group_leave(struct sgs_book *b, struct sgs_group_leave *l);

/* The group ends; what it has in mailboxes stays there. RC_FORBIDDEN: by is not the owner. */
struct sgs_group_end {
	struct sgs_op op;
	uint8_t gid[SGS_SID_BYTES];
	uint64_t by; /* 0: the administrator */
};

void sgs_group_end(struct sgs_book *b, struct sgs_group_end *e);

/*
 * A message to all other members but those whose mailbox is full: they see the gap in ctr when the
 * next one comes (sga/group.h, missed). Those of a sender come in the order of ctr, from 0 on in
 * each epoch; what was taken before is not stored once more (again). RC_FORBIDDEN: by is not a
 * member; RC_PRECONDITION: stale, or another epoch than the current one; RC_CONFLICT: a gap;
 * RC_NO_SPACE: also when the mailboxes of all others are full.
 */
struct sgs_group_message {
	struct sgs_op op;
	uint8_t gid[SGS_SID_BYTES];
	uint64_t by;
	uint32_t epoch, ctr;
	struct slice octets; /* all of the group record, 1..limits.message_max */
	bool again; /* the answer */
	size_t n_missed; /* the answer: how many members do not get it */
	size_t n_reached; /* the answer: how many do, and which (the book's to write) */
	uint64_t reached[SGS_MEMBERS_MAX];
};

void sgs_group_message_put(struct sgs_book *b, struct sgs_group_message *m);

/* ---- reading ---- */

struct sgs_group {
	const uint8_t *gid; /* SGS_SID_BYTES */
	uint64_t owner;
	uint32_t epoch;
	bool stale;
	int64_t created;
	uint64_t n_members; /* the owner among them */
	struct slice purpose;
};

/* RC_NOT_FOUND; RC_INTERNAL. */
enum rc sgs_group_get(const struct sgs_view *v, const uint8_t gid[SGS_SID_BYTES],
                      struct sgs_group *out);
/* True when the group has that member. */
bool sgs_group_has(const struct sgs_view *v, const uint8_t gid[SGS_SID_BYTES], uint64_t device);

/* False ends it. next: ctr of the message of that member that is to come next in this epoch. */
typedef bool sgs_member_visit(void *arg, uint64_t device, uint32_t next);
/* Its members in the order of their numbers. RC_NOT_FOUND; RC_INTERNAL. */
enum rc sgs_member_list(const struct sgs_view *v, const uint8_t gid[SGS_SID_BYTES],
                        sgs_member_visit *visit, void *arg);

/* False ends it. */
typedef bool sgs_group_visit(void *arg, const struct sgs_group *g);
/*
 * Those with a gid above after (NULL: from the first), in the order of gids, at most max (0: any
 * number); of: only those with that member (0: all). RC_INTERNAL.
 */
enum rc sgs_group_list(const struct sgs_view *v, uint64_t of, const uint8_t *after, size_t max,
                       sgs_group_visit *visit, void *arg);

#endif
