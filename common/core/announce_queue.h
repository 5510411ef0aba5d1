/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The announcer's queues (announce_queue.c) and its works under way (announcer.c); nobody else
 * includes this. All of it on the courier thread.
 */
#ifndef CORE_ANNOUNCE_QUEUE_H
#define CORE_ANNOUNCE_QUEUE_H

#include "core/announce_state.h"

#define ANNOUNCE_BUCKETS 256u

struct worker; /* announcer.c */

/* An SCL that announcements go to. */
struct dest {
	struct scl_task
		retry; /* first: the task is the dest; nothing is begun while it is posted */
	struct scl_task wake; /* when the next refresh is due */
	int64_t wake_at;
	struct announcer *an;
	struct dest *chain;
	struct dest *next_ready;
	bool ready; /* stands in the list of those that have something to begin */
	bool parked; /* not registered */
	bool more; /* the store has works behind the queue */
	unsigned working, failures;
	unsigned waits; /* in a row */
	unsigned name; /* by which it knows this SCL */
	uint64_t scanned; /* last key that was queued */
	uint64_t *queue; /* a ring; NULL when empty */
	unsigned first, n;
	size_t scl_n;
	char scl[]; /* SCL-ID */
};

struct announcer {
	struct scl *scl;
	struct scl_task scan; /* new works */
	struct scl_task unpark; /* an SCL has come */
	uint64_t seen; /* last key that the scan has met */
	struct dest *buckets[ANNOUNCE_BUCKETS];
	struct dest *ready, **last_ready;
	unsigned working;
	bool pumping;
	struct worker *workers;
};

/* Frees what nothing is to be done for; d may be gone. */
void dest_drop_idle(struct dest *d);
void dests_free(struct announcer *an);
/* d has something to begin, or may have. */
void dest_ready(struct dest *d);
/* The next of those in turn, NULL when there is none. */
struct dest *ready_take(struct announcer *an);
/* Nothing is begun there until it registers; its works are found again then. */
void dest_park(struct dest *d);
/* Reads on where the queue was full. */
void dest_refill(struct dest *d);

/* The next key; there is one. */
uint64_t queue_take(struct dest *d);
/* Puts a key back, before or behind all others. */
void queue_return(struct dest *d, uint64_t key, bool first);

/* Finds new works, and goes on with those of SCLs that have come; they call announcer_pump. */
void announce_scan_run(struct scl_task *task);
void announce_unpark_run(struct scl_task *task);
/* Begins what can be begun. */
void announcer_pump(struct announcer *an);
/* Goes on after dest.retry was due. */
void announce_retry_run(struct scl_task *task);

#endif
