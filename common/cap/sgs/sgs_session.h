/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiations and sessions of the SGA server: one from A1 on, named by its sid. i: who has begun
 * it; j: the peer. Each step is one operation: it takes the negotiation from one state to the next,
 * replaces what the server has saved, and puts the messages that the step has made into the
 * mailboxes of the devices; all of that or nothing.
 *
 * A session that has ended (refused, failed, deleted, over, or of a revoked device) is gone:
 * RC_NOT_FOUND. What it has in mailboxes stays there.
 */
#ifndef CAP_SGS_SGS_SESSION_H
#define CAP_SGS_SGS_SESSION_H

#include "cap/sgs/sgs_book.h"

#define SGS_RECORDS_MAX (UINT32_C(1) << 20) /* of one direction of a session */

enum sgs_state {
	SGS_INVITED = 1, /* A1 taken, A2 in the mailbox of j */
	SGS_ACCEPTED, /* A3 taken, A4 in that of i */
	SGS_REQUESTED, /* B1 taken, B2 in that of j */
	SGS_OPEN, /* B3 taken, B6 in both; no longer half-open */
};

/*
 * A1. Its entry in the replay cache (i, sid) is made with it. RC_DENIED: it is there already;
 * RC_CONFLICT: a session has that sid; RC_PRECONDITION: the key set is not there (sgs_keys.h);
 * RC_NOT_FOUND: i or j.
 */
struct sgs_invite {
	struct sgs_op op;
	uint8_t sid[SGS_SID_BYTES];
	uint64_t i, j; /* numbers, not equal */
	uint8_t suite; /* the key set that A1 was made for */
	uint32_t serial;
	struct slice state; /* secret, 1..SGS_STATE_MAX octets; stored wrapped */
	struct slice to_j; /* A2, at least 1 octet */
	int64_t expires; /* the answer */
};

void sgs_session_invite(struct sgs_book *b, struct sgs_invite *n);

/*
 * An A1 that is of the device and refused for good: its entry in the replay cache alone, so that it
 * is not taken later, when its sender has given it up. RC_DENIED: it is there already.
 */
struct sgs_spend {
	struct sgs_op op;
	uint8_t sid[SGS_SID_BYTES];
	uint64_t device; /* i */
};

void sgs_session_spend(struct sgs_book *b, struct sgs_spend *s);

/*
 * The step to a state: SGS_ACCEPTED by j with a message to i (A4); SGS_REQUESTED by i with one to j
 * (B2); SGS_OPEN by j with one to each (B6). RC_CONFLICT: the session is not in the state before.
 */
struct sgs_step {
	struct sgs_op op;
	uint8_t sid[SGS_SID_BYTES];
	uint64_t by; /* the device that has sent the message of the step; another: RC_FORBIDDEN */
	enum sgs_state to;
	struct slice
		state; /* secret, at most SGS_STATE_MAX octets; empty: nothing is kept any more */
	struct slice to_i, to_j; /* messages; empty where the step has none */
	int64_t expires; /* the answer */
};

void sgs_session_step(struct sgs_book *b, struct sgs_step *s);

/*
 * Ends a session: refused by j (A3), failed (B4), deleted by a party or the administrator. Messages
 * for which a mailbox has no room are left out: who does not get one meets RC_NOT_FOUND.
 * RC_CONFLICT: it is not in the state in.
 */
struct sgs_end {
	struct sgs_op op;
	uint8_t sid[SGS_SID_BYTES];
	uint64_t by; /* i or j, another: RC_FORBIDDEN; 0: the administrator */
	enum sgs_state in; /* 0: any */
	struct slice to_i, to_j; /* messages; empty: none */
	bool told_i, told_j; /* the answer: that is in the mailbox */
};

void sgs_session_end(struct sgs_book *b, struct sgs_end *e);

/*
 * A record of an open session into the mailbox of the other party. Those of a direction come in the
 * order of ctr, from 0 on; the one with ctr 0 carries the confirmation, and others are taken only
 * after that of both directions was. What was taken before is not stored once more (again).
 * RC_CONFLICT: a gap; RC_PRECONDITION: not open yet, no confirmation of both yet, or
 * SGS_RECORDS_MAX are taken; RC_BAD_REQUEST: confirm and ctr do not fit.
 */
struct sgs_message {
	struct sgs_op op;
	uint8_t sid[SGS_SID_BYTES];
	uint64_t by; /* i or j, another: RC_FORBIDDEN */
	uint32_t ctr;
	bool confirm; /* flag 01 of the record */
	struct slice octets; /* all of the record, 1..limits.message_max */
	bool again; /* the answer */
};

void sgs_message_put(struct sgs_book *b, struct sgs_message *m);

/* ---- reading ---- */

struct sgs_session {
	const uint8_t *sid; /* SGS_SID_BYTES */
	uint64_t i, j;
	enum sgs_state state;
	uint8_t suite;
	uint32_t serial; /* of the key set with which it began */
	int64_t created, expires;
	int64_t opened; /* 0: not yet */
	/* The record that is to come next: from i, from j. 0: not confirmed by it yet. */
	uint32_t next_i, next_j;
};

/* RC_NOT_FOUND; RC_INTERNAL. */
enum rc sgs_session_get(const struct sgs_view *v, const uint8_t sid[SGS_SID_BYTES],
                        struct sgs_session *out);
/*
 * What the server has saved, into out; *n octets of it, 0: nothing is kept. RC_NOT_FOUND: no such
 * session; RC_TOO_LARGE: max is too small; RC_INTERNAL: it does not open. out is a secret; zero
 * unless RC_OK.
 */
enum rc sgs_session_state(const struct sgs_view *v, const uint8_t sid[SGS_SID_BYTES], void *out,
                          size_t max, size_t *n);
/* True when (device, sid) is in the replay cache: its A1 need not be looked at. */
bool sgs_replayed(const struct sgs_view *v, uint64_t device, const uint8_t sid[SGS_SID_BYTES]);

/* False ends it. */
typedef bool sgs_session_visit(void *arg, const struct sgs_session *s);
/*
 * Those with a sid above after (NULL: from the first), in the order of sids, at most max (0: any
 * number); of: only those with that device as i or j (0: all). RC_INTERNAL.
 */
enum rc sgs_session_list(const struct sgs_view *v, uint64_t of, const uint8_t *after, size_t max,
                         sgs_session_visit *visit, void *arg);

#endif
