/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's steps, as leader, as conventional device and as member: which of them it is, the
 * serving network decides by answering T1 with T4 or T7.
 *
 *   gaka_ue_begin      T1
 *   gaka_ue_challenge  T4 -> T5, T7 -> T8
 *   gaka_ue_confirm    T6, T9: the key
 *
 * A challenge is answered once. What makes that true outlives the process: the sequence numbers
 * taken, and per group and serving network the last C. gaka_ue_challenge gives the new state to
 * gaka_keeper.keep, which makes it durable, and puts T5 or T8 out only after that has said RC_OK;
 * there is no other way to one.
 */
#ifndef GAKA_UE_H
#define GAKA_UE_H

#include "gaka/message.h"

#define GAKA_MARKS_MAX 64u /* pairs of group and serving network that a device knows */
#define GAKA_MARK_SIZE 32u
#define GAKA_STATE_MAX (18u + GAKA_MARK_SIZE * GAKA_MARKS_MAX) /* octets of a kept state */

/* ---- sequence numbers ---- */

/* Taken so far. */
struct gaka_sqn {
	uint64_t high; /* the highest; 0: none */
	uint32_t seen; /* bit i: high - 1 - i is taken */
};

/*
 * True when sqn, at least 1, is above all taken or one of the GAKA_SQN_WINDOW below the highest that
 * was not; it is taken then.
 */
bool gaka_sqn_take(struct gaka_sqn *s, uint64_t sqn);

/* ---- the device ---- */

/*
 * Makes state, at most GAKA_STATE_MAX octets, what gaka_ue_init gets after a restart, before it
 * returns RC_OK. Anything else: not kept, and the step that asked fails with it (gaka_reason_of
 * has the reasons). The octets are no secret, but nobody else may change or bring back old ones:
 * seal them with a number, or keep them where nobody gets. May wait for the disk.
 */
struct gaka_keeper {
	void *arg;
	enum rc (*keep)(void *arg, struct slice state);
};

/* The last C answered. */
struct gaka_mark {
	struct gaka_gid gid;
	struct node_id sn;
	uint64_t last; /* not 0 */
};

/* All that a device keeps. */
struct gaka_kept {
	struct gaka_sqn sqn;
	unsigned count;
	struct gaka_mark marks[GAKA_MARKS_MAX];
};

/* Its members are gaka_ue_*'s own. Has the key KA: for memory that is not swapped. */
struct gaka_ue {
	struct node_id id;
	struct key ka;
	struct gaka_keeper keeper;
	struct gaka_kept kept;
};

/*
 * A device with what it has kept: SLICE_NONE for a new root key alone, never because the state is
 * lost - then the device needs a new root key. RC_BAD_REQUEST, and *u is zero: state is not what
 * was kept. The caller wipes with gaka_ue_wipe.
 */
enum rc gaka_ue_init(struct gaka_ue *u, const struct node_id *id, const struct key *ka,
                     struct slice state, const struct gaka_keeper *keeper);
/* NULL is fine. */
void gaka_ue_wipe(struct gaka_ue *u);
/*
 * Forgets the marks of all groups but those n, to make place. Only when no GAK of the others that
 * the device had when the marks were made will ever be given to gaka_ue_challenge again: it has left
 * them. Nothing is kept when there are no such marks; else what keep says, and nothing has changed.
 */
enum rc gaka_ue_forget_others(struct gaka_ue *u, const struct gaka_gid *gids, unsigned n);

/* ---- attempts ---- */

/* The group's keys, as the device was last told. */
struct gaka_gaks {
	const struct key *current;
	const struct key *previous; /* of the epoch before; NULL: none, or its time is over */
};

/* Where an attempt is. */
enum gaka_at {
	GAKA_AT_NONE, /* over, or never begun */
	GAKA_AT_T1, /* waits for T4 or T7 */
	GAKA_AT_FULL, /* has sent T5, waits for T6 */
	GAKA_AT_MEMBER, /* has sent T8, waits for T9 */
};

/* One attempt; its members are gaka_ue_*'s own. Secret. */
struct gaka_try {
	enum gaka_at at;
	bool pinned; /* done.sn is the only serving network it takes */
	struct gaka_done done; /* of the run; not yet agreed */
	uint8_t t1[GAKA_T1_SIZE];
	uint8_t expected[GAKA_TAG_SIZE]; /* the payload of T6, of T9 */
};

/*
 * Begins an attempt of u in the group gid (none: conventional AKA alone), with T1 at out. sn: the
 * only serving network that is taken; NULL: any that HN has authorised. n: 16 octets for N; NULL:
 * drawn at random, tests alone give them. RC_INTERNAL alone; *t is wiped then.
 */
enum rc gaka_ue_begin(const struct gaka_ue *u, struct gaka_try *t, const struct gaka_gid *gid,
                      const struct node_id *sn, const uint8_t *n, uint8_t out[GAKA_T1_SIZE]);

/*
 * What the serving network has answered T1 with. RC_OK: the new state of u is kept, and T5 or T8 is
 * at out. Else t and u are as before, out is untouched, and the peer is told gaka_reason_of:
 *   RC_BAD_REQUEST  neither a T4 nor a T7
 *   RC_FORBIDDEN    of another serving network than the pinned one
 *   RC_DENIED       MAC or TAG_SN is wrong; for a T7 possibly because the GAKs are old (NULL gaks:
 *                   none): fetch the group's keys, then begin again
 *   RC_CONFLICT     T4: the sequence number was taken before, or is too old (resynchronisation)
 *   RC_PRECONDITION T7: C was answered before, or a later one was
 *   RC_NO_SPACE     T7: GAKA_MARKS_MAX pairs are known, and this is another
 *   RC_NOT_FOUND    t does not wait for a challenge
 * and what keep says.
 */
enum rc gaka_ue_challenge(struct gaka_ue *u, struct gaka_try *t, struct slice message,
                          const struct gaka_gaks *gaks, uint8_t out[GAKA_SHORT_SIZE]);

/*
 * T6 after T5, T9 after T8. RC_OK: the serving network has the same key, which *done has (the caller
 * wipes it), and the attempt is over. RC_DENIED: it is anything else; RC_NOT_FOUND: t does not wait
 * for it. t is as before then, done untouched.
 */
enum rc gaka_ue_confirm(struct gaka_try *t, struct slice message, struct gaka_done *done);

/* Wipes: it is over. NULL is fine. */
void gaka_try_wipe(struct gaka_try *t);

#endif
