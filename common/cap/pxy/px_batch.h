/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job of the pool: the next body of a lane, from the messages of its store.
 *
 * Which of them are for the sink needs no memory of sections, since each message names its own: it
 * has a re-encryption key for that stream and epoch, and lies between its first and its last. A
 * stream of which it has no key, and what is before its first key, is passed over; behind that a
 * missing key is waited for, before the management message, so that a sink gets sections from their
 * begin on. Management messages are re-encrypted, all others go as they came.
 */
#ifndef CAP_PXY_PX_BATCH_H
#define CAP_PXY_PX_BATCH_H

#include "cap/pxy/px_lane.h"
#include "cap/pool.h"
#include "pre/unit.h"

struct px;
struct px_grants;
struct px_gzip;

/* How a body goes out. */
enum px_form {
	PX_FORM_UNITS, /* one unit, or a batch of them (pre/unit.h): over HTTP */
	PX_FORM_PLAIN, /* one unit, over CoAP: its URLs are too long for options */
	PX_FORM_COAP, /* the payload of one unit; source and number go beside it */
	PX_FORM_DATAGRAM, /* one unit */
};

struct px_batch {
	struct pool_job job; /* private */

	/* The caller's. */
	struct px *px;
	struct px_grants *grants;
	uint64_t forward;
	uint32_t sink;
	struct px_lane_order order;
	/* Once, on a thread of the pool, when the answer is there; the job is over. */
	void (*done)(struct px_batch *b);

	/* The answer. What follows result is of PX_RESULT_BODY, and lives until px_batch_clear. */
	struct px_result result;
	const char *why; /* of PX_RESULT_BAD and PX_RESULT_FAILED: a constant text */
	struct buf url; /* of the sink */
	enum px_form form;
	bool gzip; /* wire is compressed (RFC 1952) */
	struct slice wire; /* the octets that go out */
	struct pre_unit unit; /* of PX_FORM_COAP */

	/* Private. */
	struct buf body, packed;
	struct px_gzip *z;
	size_t zipped; /* octets of body that are */
	bool begun;
	bool compress; /* the sink has asked for it */
	size_t max; /* units of the body */
	uint64_t at; /* looked at up to that number */
	unsigned looked;
};

/* Of zeros; then px, grants, forward, sink, done are set once. */
void px_batch_init(struct px_batch *b);
/* Makes a body by order. b is the pool's until done. Any thread, never blocks. */
void px_batch_make(struct px_batch *b);
/* Frees the body; b may be used again. */
void px_batch_clear(struct px_batch *b);

#endif
