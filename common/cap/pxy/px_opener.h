/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens what comes from one source: units in, plaintexts in the queue of the book of the sink, each
 * once, also when a unit comes again or the process dies.
 *
 *   px_opener_submit -> (line) -> a job of the pool: pre_opening_take of each unit
 *     -> one change of the book: state of the opening and plaintexts together -> done
 *
 * One request of the source is under way at a time, so the state in memory is at most one change
 * ahead of what is stored. When a request is not taken as a whole, nothing of it is: the opening is
 * made again from what is stored.
 */
#ifndef CAP_PXY_PX_OPENER_H
#define CAP_PXY_PX_OPENER_H

#include <stdatomic.h>

#include "cap/pxy/px_inbook.h"
#include "cap/pool.h"
#include "pre/opening.h"

struct px_opener;

/* Where all sources of a sink count, for whoever looks: each is the caller's, and outlives it. */
struct px_in_stats {
	_Atomic uint64_t *taken; /* units */
	_Atomic uint64_t *duplicates;
	_Atomic uint64_t *refused; /* requests that were not taken */
	_Atomic uint64_t *alarms; /* sections that are not what was sent */
	_Atomic uint64_t *applied; /* plaintexts that have arrived where they are to */
	_Atomic uint64_t *failed; /* and those that never will */
};

struct px_opener_conf {
	struct pre_opening_conf
		opening; /* what it points to outlives the opener; source is copied */
	struct pool *pool; /* these three outlive it */
	struct px_inbook *book;
	struct log *log; /* may be NULL */
	struct px_in_stats stats;
	unsigned waiting_max; /* requests that wait or are under way */
	uint64_t octets_max; /* of plaintexts in the queue; beyond, nothing is taken */
	void (*queued)(void *arg); /* the queue has more; the book's thread, must not block */
	void *arg;
};

/* One request of whoever delivers; in that one's memory until done. */
struct px_delivery {
	const struct pre_unit *units; /* in their order, all of the source */
	size_t n;
	void (*done)(struct px_delivery *d); /* once, another thread, must not block; may free d */
	void *owner;
	/*
	 * RC_OK: all is durable; taken and duplicates say how many units were new. Otherwise nothing was
	 * taken: RC_CONFLICT, the management message of a section has to come first; RC_BAD_REQUEST, a
	 * unit that is not the source's, not for this sink or changed (nothing tells which);
	 * RC_NO_SPACE; RC_UNAVAILABLE, later.
	 */
	enum rc rc;
	uint64_t taken, duplicates;
	struct px_delivery *next; /* private */
};

/*
 * Goes on behind what the book has of the source. RC_BAD_REQUEST: conf, or the state in the book, is
 * of another source or other limits; RC_UNAVAILABLE, RC_INTERNAL, RC_NOT_IMPLEMENTED.
 */
enum rc px_opener_new(const struct px_opener_conf *conf, struct px_opener **out);
/* False, and done is not called: waiting_max, or it is stopped. Any thread, never blocks. */
bool px_opener_submit(struct px_opener *o, struct px_delivery *d);
/*
 * Takes nothing more; what waits is answered RC_UNAVAILABLE, what is under way ends by itself. Before
 * the pool is stopped. Any thread; again: nothing happens.
 */
void px_opener_stop(struct px_opener *o);
/*
 * After px_opener_stop. Waits for what is under way: the book still runs, and the pool, too, unless
 * it was stopped since. Wipes; NULL is fine.
 */
void px_opener_free(struct px_opener *o);

#endif
