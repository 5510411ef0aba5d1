/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for a monitor (of a store or a forward) to read differently: observers of CoAP, and
 * requests for an event stream (server-sent events, WHATWG HTML) that are parked until then.
 *
 * Identifiers share PX_WATCH_SLOTS slots, so nothing is kept of any of them; who shares a slot is
 * told too often, and reads what has not changed. All is told at most once in an interval, and once
 * more when a slot was at rest for once to twice that time: rates have gone back to 0 then.
 *
 * An event is one finite answer, and the client's reconnection the stream: it says by Last-Event-ID
 * what it has seen.
 */
#ifndef CAP_PXY_PX_WATCH_H
#define CAP_PXY_PX_WATCH_H

#include "base/buf.h"
#include "base/rc.h"

#define PX_WATCH_SLOTS 4096u
#define PX_EVENT_ID_MAX 48u /* octets of an event's id, with its zero */

struct px_watch;
struct scl;

struct px_watch_conf {
	struct scl *scl;
	int64_t interval; /* microseconds */
	unsigned waiters_max;
	int64_t hold; /* microseconds that a request is parked; 0: 30 s */
	int64_t rest; /* microseconds without a change that are a rest; 0: 60 s */
};

/* Someone parked, in the caller's memory until told was called. */
struct px_waiter {
	/*
	 * Once, on the courier thread or in px_watch_stop: changed, or not within hold. Inside no gate.
	 */
	void (*told)(struct px_waiter *w, bool changed);
	uint64_t id;

	/* ---- px_watch's ---- */
	uint64_t seen;
	int64_t until; /* monotonic */
	struct px_waiter *next;
};

/* RC_UNAVAILABLE without memory; RC_INTERNAL: no random numbers. */
enum rc px_watch_new(const struct px_watch_conf *conf, struct px_watch **out);
/* The scl is gone. NULL is fine. */
void px_watch_free(struct px_watch *w);
/*
 * Who reads that monitor is to read again. From inside the gate (px_enter), or on the courier thread
 * before stop; never blocks.
 */
void px_watch_touch(struct px_watch *w, uint64_t id);
/* For endpoint_watch. */
uint64_t px_watch_key(uint64_t id);
/* The id of an event that shows what is read from now on; take it before. Any thread. */
void px_watch_event(const struct px_watch *w, uint64_t id, char out[PX_EVENT_ID_MAX]);
/* Whether last (what a client says it has seen) is the event that there is now. Any thread. */
bool px_watch_is_current(const struct px_watch *w, uint64_t id, struct slice last);
/*
 * Parks until something changes since last. False: it has, or too many wait. From inside the gate.
 */
bool px_watch_park(struct px_watch *w, struct px_waiter *waiter, struct slice last);
/* How many wait. Any thread. */
unsigned px_watch_waiting(struct px_watch *w);
/* Tells all that wait; nobody is inside the gate any more. */
void px_watch_stop(struct px_watch *w);

#endif
