/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book of the SGA server: its own keys (sgs_keys.h), registration tokens and devices
 * (sgs_device.h), negotiations and sessions (sgs_session.h), what waits for each device
 * (sgs_mailbox.h) and groups (sgs_group.h), in a store of its own. It knows neither REST nor
 * network nor what a message says: messages come to it authenticated, and as octets.
 *
 * What changes something is an operation: a structure of the caller, handed in by any thread,
 * carried out on the thread of the book, many in one durable transaction, answered when that is
 * stored. What is refused leaves no trace. What reads does so in a snapshot (struct sgs_view).
 *
 * Secrets (keys of devices, states of negotiations, private keys) are stored as wrapped records
 * (sec/record.h), each bound to its place; whoever gets one from here wipes it.
 *
 * Answers of all operations: RC_NOT_FOUND: what is named is not there, or not any more;
 * RC_BAD_REQUEST: outside what is said at its fields; RC_TOO_LARGE: octets over their limit;
 * RC_FORBIDDEN: not of who asks; RC_NO_SPACE: a limit of what is kept is reached, or the disk full;
 * RC_UNAVAILABLE: a limit of what passes soon is reached (half-open, replays, operations that
 * wait), or there is no memory; RC_INTERNAL: the book is damaged there. What else there is
 * (RC_CONFLICT, RC_PRECONDITION, RC_DENIED) stands where the operation is.
 *
 * Times are microseconds since 1970 (base/clock.h), durations microseconds.
 */
#ifndef CAP_SGS_SGS_BOOK_H
#define CAP_SGS_SGS_BOOK_H

#include "base/clock.h"
#include "base/log.h"
#include "sec/secret.h"
#include "store/store.h"
#include "store/tables_job.h"

#define SGS_SID_BYTES 16u /* of a session (of its negotiation the same), of a group */
#define SGS_HASH_BYTES 32u
#define SGS_SECRET_BYTES 32u /* kd */
#define SGS_STATE_MAX 4096u /* octets of the saved state of a negotiation */
#define SGS_MESSAGE_MAX (66u << 10) /* what message_max may be at most */
#define SGS_MEMBERS_MAX 256u /* what members_max may be at most */
#define SGS_OCTETS_MAX (UINT64_C(1) << 48) /* what octets_max and items_max may be at most */

/* All are at least 1 (durations: a second); the book refuses to open otherwise. */
struct sgs_limits {
	unsigned devices_max; /* more: RC_NO_SPACE */
	unsigned tokens_max; /* that wait for a registration; more: RC_NO_SPACE */
	unsigned half_open_device_max; /* that one device has begun; more: RC_UNAVAILABLE */
	unsigned half_open_max; /* all; more: RC_UNAVAILABLE */
	unsigned sessions_device_max; /* half-open or open, that one has begun; more: RC_NO_SPACE */
	unsigned sessions_max; /* half-open or open, all; more: RC_NO_SPACE */
	unsigned replay_max; /* entries of the replay cache; more: RC_UNAVAILABLE */
	unsigned replay_device_max; /* that one device has made; more: RC_UNAVAILABLE */
	unsigned items_device_max; /* items in one mailbox; more: RC_NO_SPACE */
	uint64_t octets_device_max; /* octets of the items in one mailbox; more: RC_NO_SPACE */
	uint64_t items_max; /* items in all mailboxes; more: RC_NO_SPACE */
	uint64_t octets_max; /* of all: what is stored once counts once; more: RC_NO_SPACE */
	unsigned groups_owner_max; /* of one owner; more: RC_NO_SPACE */
	unsigned groups_max; /* more: RC_NO_SPACE */
	unsigned
		members_max; /* of a group with its owner, 2..SGS_MEMBERS_MAX; more: RC_TOO_LARGE */
	uint32_t message_max; /* octets of a message, at most SGS_MESSAGE_MAX; more: RC_TOO_LARGE */
	int64_t half_open_ttl; /* a negotiation may wait so long for its next step */
	int64_t session_ttl; /* from when it is open */
	int64_t item_ttl; /* of records, key distribution, rejections, group messages, notices */
	int64_t replay_ttl;
};

/* What others than the caller of an operation want to hear of. id: number of a device. */
enum sgs_told {
	SGS_TOLD_ITEM = 1, /* its mailbox has new items */
	SGS_TOLD_DEVICE, /* registered or registered again (another kd), or another contact */
	SGS_TOLD_DEVICE_GONE, /* revoked */
};

struct sgs_conf {
	const char *dir; /* of the engine; NULL: that of memory, nothing outlives the process */
	const struct store_ops
		*engine; /* NULL: of memory; copied like all else but log and clock */
	/* What wraps the secrets is made of it; the caller wipes his. */
	const struct key *kek;
	struct sgs_limits limits;
	const struct clock *clock;
	struct log *log;
	/* Once it is stored, on the thread of the book; must not block. NULL: nobody wants to. */
	void (*told)(void *arg, enum sgs_told what, uint64_t id);
	void *arg;
};

struct sgs_book;
struct sgs_turn; /* the book's: one run of an operation */

/*
 * Blocks on the disk, not longer the more is stored. RC_BAD_REQUEST: limits out of range;
 * RC_PRECONDITION: made with another key, or by another version; else as the engine. One line in
 * why. Limits below what is stored already: nothing is lost, and no more is taken.
 */
enum rc sgs_book_open(const struct sgs_conf *conf, struct sgs_book **out, char why[256]);
/* Answers what waits. NULL is fine. Nobody hands in anything, or has a view, any more. */
void sgs_book_close(struct sgs_book *b);

/* ---- operations ---- */

/*
 * The first member of each operation. It, and what it points to, stays where it is and as it is
 * until done was called: once, never from within the call that hands it in, on the thread of the
 * book; must not block; it may free the operation. What is marked as an answer is valid when rc is
 * RC_OK.
 */
struct sgs_op {
	void (*done)(struct sgs_op *op); /* the caller's, as the next */
	void *owner;
	enum rc rc; /* the answer, for done */

	/* ---- the book's ---- */
	enum rc (*run)(struct sgs_turn *t, struct sgs_op *op);
	enum sgs_told told; /* 0: nothing */
	uint64_t told_to[2]; /* 0: none */
	const uint64_t *told_list; /* besides; in the operation */
	size_t told_n;
	bool sweep; /* there is something to be removed */
	struct tables_job job;
};

/* ---- reading ---- */

struct sgs_view;

/*
 * What is stored now, in a snapshot; what comes out of it lives until sgs_view_close.
 * RC_UNAVAILABLE: too many at a time (256). On one thread at a time; not while something is sent or
 * waited for: what is removed meanwhile takes up room until it is closed.
 *
 * What is over by time is not shown, whether it is removed already or not; nor is what belongs to a
 * device that is revoked.
 */
enum rc sgs_view_open(struct sgs_book *b, struct sgs_view **out);
/* NULL is fine. */
void sgs_view_close(struct sgs_view *v);

/* What there is now (what is over counts until it is removed), and what there has ever been. */
struct sgs_stats {
	uint64_t devices, tokens, half_open, sessions, replays; /* sessions: with the half-open */
	uint64_t items, octets, blobs, groups;

	uint64_t revoked;
	uint64_t ended, sessions_expired;
	uint64_t repeated; /* messages that were taken before, not stored again */
	uint64_t group_missed; /* of group messages, mailboxes that were full */
	uint64_t items_acknowledged, items_expired;
};

/* RC_INTERNAL. */
enum rc sgs_stats_get(const struct sgs_view *v, struct sgs_stats *out);
/* How many operations wait. Any thread. */
unsigned sgs_book_waiting(const struct sgs_book *b);
/* The limits of the book. Any thread. */
const struct sgs_limits *sgs_book_limits(const struct sgs_book *b);

#endif
