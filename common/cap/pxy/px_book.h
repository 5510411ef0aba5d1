/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book of the proxy: stores with their messages (px_store.h), forwards with their sinks and
 * re-encryption keys (px_forward.h), in a store of its own. It knows neither REST nor network, nor
 * what a message says.
 *
 * What changes something is an operation: a structure of the caller, handed in by any thread,
 * carried out on the thread of the book, many in one durable transaction, answered when that is
 * stored. What is refused leaves no trace. What reads does so in a snapshot (struct px_view).
 *
 * Answers of all operations: RC_NOT_FOUND: no such store (it is over, too), forward or sink;
 * RC_BAD_REQUEST: outside what is said at its fields; RC_NO_SPACE: the proxy, the reservation or
 * the disk is full; RC_TOO_LARGE: more than one of its kind may have; RC_UNAVAILABLE: too much
 * waits, or there is no memory; RC_INTERNAL: the book is damaged. What else there is stands where
 * the operation is.
 */
#ifndef CAP_PXY_PX_BOOK_H
#define CAP_PXY_PX_BOOK_H

#include "base/clock.h"
#include "base/log.h"
#include "sec/secret.h"
#include "store/store.h"
#include "store/tables_job.h"

#define PX_CAPACITY_MAX (UINT64_C(1) << 48)
#define PX_MESSAGE_MAX (4u << 20) /* what message_max may be at most */

struct px_limits {
	uint64_t capacity; /* octets of all reservations together, 1..PX_CAPACITY_MAX */
	uint32_t message_max; /* octets of a wire unit, PX_UNIT_MIN..PX_MESSAGE_MAX */
	int64_t ttl_max; /* microseconds */
	unsigned stores_max; /* more: RC_NO_SPACE */
	unsigned stores_owner_max; /* of one owner; more: RC_TOO_LARGE */
	unsigned streams_max; /* of one store in mode stream; more: RC_FORBIDDEN */
	unsigned forwards_max; /* of all stores; more: RC_NO_SPACE */
	unsigned store_forwards_max; /* of one store; more: RC_TOO_LARGE */
	unsigned sinks_max; /* of one forward; more: RC_TOO_LARGE */
	unsigned keys_max; /* of one sink; more: RC_TOO_LARGE */
};

/* What others than the caller of an operation want to hear of. */
enum px_told {
	PX_TOLD_MESSAGES = 1, /* the store has new ones */
	PX_TOLD_STORE_GONE, /* deleted or over; its forwards are, too */
	PX_TOLD_FORWARD, /* it is new, or changed by a control */
	PX_TOLD_FORWARD_GONE,
};

struct px_conf {
	const char *dir; /* NULL: in memory, nothing outlives the process */
	const struct store_ops *engine; /* of dir; copied like all else but log and clock */
	/* What wraps the re-encryption keys is made of it; the caller wipes his. */
	const struct key *kek;
	struct px_limits limits;
	const struct clock *clock;
	struct log *log;
	/* Once it is stored, on the thread of the book; must not block. NULL: nobody wants to. */
	void (*told)(void *arg, enum px_told what, uint64_t id);
	void *arg;
};

struct px_book;

/*
 * Blocks on the disk, not longer the more is stored. RC_BAD_REQUEST: limits out of range;
 * RC_PRECONDITION: made with another key, or by another version; else as the engine. One line in
 * why.
 */
enum rc px_book_open(const struct px_conf *conf, struct px_book **out, char why[256]);
/* Answers what waits. NULL is fine. Nobody hands in anything, or has a view, any more. */
void px_book_close(struct px_book *b);

/* ---- operations ---- */

/*
 * The first member of each operation. It, and what it points to, stays where it is and as it is
 * until done was called: once, never from within the call that hands it in, on the thread of the
 * book; must not block; it may free the operation.
 */
struct px_op {
	void (*done)(struct px_op *op); /* the caller's, as the next */
	void *owner;
	enum rc rc; /* the answer, for done */

	/* ---- the book's ---- */
	enum rc (*run)(struct px_book *b, struct px_op *op, struct tables_tx *tx);
	enum px_told told; /* 0: nothing */
	uint64_t told_id;
	bool sweep; /* there is something to be removed */
	struct tables_job job;
};

/* ---- requests that may come again ---- */

#define PX_REQUEST_BYTES 16u
#define PX_DIGEST_BYTES 32u

/*
 * Names a request that makes something, so that the same one again makes nothing: the book has it
 * as long as what was made. Of whoever asks: two of them may have the same id.
 */
struct px_request {
	uint8_t id[PX_REQUEST_BYTES];
	uint8_t digest[PX_DIGEST_BYTES]; /* px_digest of what it asks for */
};

/*
 * A digest that says nothing about body to who has not got the key of the book, but is always the
 * same: HMAC-SHA-256. what: which operation, at most 1024 octets. RC_TOO_LARGE; RC_INTERNAL: the
 * library fails. Any thread.
 */
enum rc px_digest(const struct px_book *b, struct slice what, struct slice body,
                  uint8_t out[PX_DIGEST_BYTES]);

/* ---- reading ---- */

struct px_view;

/*
 * What is stored now, in a snapshot; what comes out of it lives until px_view_close. RC_UNAVAILABLE:
 * too many at a time (256). On one thread at a time; not while something is sent: what is removed
 * meanwhile takes up room until it is closed. A job of a pool copies what it needs, at most a batch,
 * and closes it before anything else.
 */
enum rc px_view_open(struct px_book *b, struct px_view **out);
/* NULL is fine. */
void px_view_close(struct px_view *v);

/* All stores together; those that are being removed count until they are. */
struct px_totals {
	uint64_t reserved, octets; /* reservations; messages in them */
	uint64_t stores, forwards;
};

enum rc px_totals_get(const struct px_view *v, struct px_totals *out);
/* How many operations wait. Any thread. */
unsigned px_book_waiting(const struct px_book *b);
/* The limits of the book. Any thread. */
const struct px_limits *px_book_limits(const struct px_book *b);

/* ---- identifiers: 64 bits, random, not 0 ---- */

#define PX_ID_TEXT 17

/* 16 lower-case hexadecimal digits. */
void px_id_text(uint64_t id, char out[PX_ID_TEXT]);
/* Exactly what px_id_text writes. */
bool px_id_parse(struct slice text, uint64_t *out);

#endif
