/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of notifications share; nobody else includes this. Courier thread. */
#ifndef CORE_NOTIFY_IMPL_H
#define CORE_NOTIFY_IMPL_H

#include "core/channel.h"
#include "core/owed.h"

/* Who shares places with whom: where notifies are collected they are answered late on purpose. */
enum pace { PROMPT, LAGGARD, COLLECTED, PACES };

/* What an acknowledgement stores, and finds out. */
struct ack {
	struct progress done;
	bool final; /* the final notify was delivered: the lane goes */
	enum rc end; /* the subscription ends with this */
	bool pending; /* result: the lane has more to deliver */
};

struct delivery {
	struct scl_task task; /* first: the task is the delivery */
	struct deliveries *all;
	uint64_t subscription;
	struct delivery *chain;
	struct delivery *behind; /* in the line */
	bool sending;
	bool in_line; /* waits for a place among those that send */
	bool laggard; /* failed or was slow the last time */
	bool upward; /* it goes to the NSCL, which may know the contact */
	bool collected; /* what is owed goes to the SCL of a group (aggregateURI) */
	bool offered; /* a place was kept for it */
	enum pace held; /* whose place it has, or was kept for it */
	int64_t started; /* of what is in flight, monotonic */
	unsigned failures; /* to deliver, in a row */
	unsigned troubles; /* to find out what is owed, in a row */

	/* What is in flight. */
	struct arena *arena;
	struct exchange ex;
	struct scl_call call;
	struct channel_waiter waiter; /* for a poll of the contact's channel, after a failure */
	struct scl_task polled; /* there is one */
	struct buf body;
	bool is_final;
	struct progress reaching; /* when it is delivered */

	struct progress done; /* what is delivered, stored or not */
	bool ack_due; /* done is to be stored */
	bool ack_final; /* the final notify was delivered, the lane is to go */
	enum rc end; /* the subscription is to end with this */

	/* The acknowledgement that the committer has. */
	bool acking;
	struct ack ack;
	struct job job;
	struct arena *job_arena;
	struct scl_task back; /* the job's way back to the courier thread */

	bool still_pending; /* as the last acknowledgement found */
	bool again; /* woken since the last look that was not beside an acknowledgement */
	bool gone; /* the lane does not exist any more */
};

#define DELIVERY_BUCKETS 1024u
#define DELIVERY_LATE_SLOTS 4096u

struct deliveries {
	struct courier *courier;
	struct scl *scl;
	struct delivery *buckets[DELIVERY_BUCKETS];
	/*
	 * Places for what is in flight. Those of laggards are few, so that however many targets are
	 * dead or slow, the others find places.
	 */
	struct line {
		unsigned busy; /* places, with those that are kept for who was first in the line */
		struct delivery *first, **last;
	} lines[PACES];
	/* By subscription; a collision costs a place, nothing else. */
	int64_t late_until[DELIVERY_LATE_SLOTS];
	struct scl_task rescan; /* after wake-ups that could not be taken */
};

/* ---- notify.c ---- */

bool delivery_posted(const struct delivery *d);
/* The next look, at the earliest after delay. */
void delivery_later(struct delivery *d, int64_t delay);
/* Has a look at once, unless one will follow from what is under way. */
void delivery_awake(struct delivery *d);
/* Goes on where nothing is under way; d may be gone afterwards. */
void delivery_idle(struct delivery *d);

/* ---- notify_ack.c: what was delivered becomes durable ---- */

/* Has the committer store what is due. None is under way. */
void ack_start(struct delivery *d);

#endif
