/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the forwarder share. On the courier thread, inside the gate, but as said. */
#ifndef CAP_PXY_PX_LANES_OWN_H
#define CAP_PXY_PX_LANES_OWN_H

#include "cap/pxy/px_lanes.h"
#include "cap/pxy/px_own.h"
#include "cap/pxy/px_send.h"
#include "cap/pxy/px_slow.h"

#define PX_LANE_BUCKETS 256u
#define PX_TOLD_MAX 256u /* hints that wait; more: everything is looked at */

#define PX_SLOW_AFTER CLOCK_SECOND /* a sink that has not answered for so long takes long */

/* Sinks that have failed, or took long, share a part of the places (px_lane_place.c). */
enum px_pace { PX_PROMPT, PX_SLOW, PX_PACES };

struct px_line {
	struct px_driven *first, **last;
	unsigned busy, max;
};

/* What a lane needs while it has a place. */
struct px_work {
	struct px_driven *lane;
	struct px_batch batch;
	struct px_send send;
	struct scl_task made; /* the body is */
	int64_t begun; /* when it was given to the sink, monotonic */
	struct scl_task late; /* it takes long */
};

/* A lane and what it has under way. */
struct px_driven {
	struct px_lanes *all;
	struct px_driven *chain; /* of the bucket of its store */
	struct px_driven *older, **younger; /* all that there are, also those that are gone */
	uint64_t store, forward, version;
	uint32_t sink;
	struct px_lane lane;
	struct px_lane shown; /* guarded by all->lock: what others see */
	bool seen; /* in the round of reading */
	bool gone; /* not in a bucket any more; freed when nothing is under way */

	struct px_work *work; /* has a place */
	bool under_way; /* a job, a delivery, or a timer instead of a job, has the place */
	enum px_pace pace; /* of the place, or the line that it stands in */
	bool in_line, slow;
	bool has_spare; /* the delivery may go on in a spare place */
	bool moved; /* it does */
	uint8_t url_id[PX_SLOW_ID]; /* of the sink */
	struct px_driven *behind;
	struct scl_task timer;

	struct px_progress op;
	struct px_lane_progress told; /* in op */
	struct scl_task kept; /* op is done */
	bool keeping, erase; /* op is under way; the sink has ended */
	char error[PX_ERROR_MAX], op_error[PX_ERROR_MAX];
	bool has_error;
};

/* What the book has told and nobody has looked at. */
struct px_hints {
	struct {
		enum px_told what;
		uint64_t id;
	} v[PX_TOLD_MAX];
	size_t n;
	bool all; /* more than that */
};

struct px_lanes {
	struct px *px;
	struct px_lane_conf conf;
	struct px_grants *grants;
	struct credential *credential; /* NULL: that of the port */
	_Atomic bool stopping;
	struct px_line lines[PX_PACES];
	unsigned spare; /* places that are free */
	struct px_slow slow; /* sinks that took long */
	struct scl_task task; /* reads what was told */
	struct px_driven *every;

	pthread_mutex_t lock; /* guards the following; of buckets: only the courier changes them */
	pthread_cond_t idle; /* ops is 0 */
	unsigned ops; /* operations under way in the book */
	struct px_driven *buckets[PX_LANE_BUCKETS];
	struct px_hints hints;
};

/* Any thread, locked; the courier needs no lock. NULL. */
struct px_driven *px_lanes_find(struct px_lanes *all, uint64_t store, uint64_t forward,
                                uint32_t sink);
/* run of all->task. */
void px_lanes_work(struct scl_task *t);
/* told of the part. */
void px_lanes_told(struct px *px, enum px_told what, uint64_t id);

/* ---- px_lane_place.c ---- */

/* One slow place at least, one prompt and one spare; with more, less than twice in_flight. */
void px_places_init(struct px_lanes *all, unsigned in_flight);
/* PX_LANE_PLACED now, or when there is one. */
void px_place_ask(struct px_driven *d);
/* It stands in a line, and does not want to any more; else nothing. */
void px_place_unask(struct px_driven *d);
/* What it had to do in its place is over; d->work is freed. */
void px_place_leave(struct px_driven *d);
/* The delivery of d->work begins: sets what time it has. Before px_send_begin. */
void px_place_begun(struct px_driven *d);
/* It is over, d->lane.answer is set, d->work still there. */
void px_place_answered(struct px_driven *d);

/* ---- px_lane_run.c ---- */

/* Of a lane in no bucket as yet. NULL without memory. */
struct px_driven *px_driven_new(struct px_lanes *all, const struct px_forward *f,
                                const struct px_sink *s);
void px_driven_event(struct px_driven *d, enum px_lane_event e);
/* It is in no bucket any more: freed now, or when what is under way is over. */
void px_driven_leave(struct px_driven *d);
/* Frees what is gone when nothing is under way: the last thing that is done with it. */
void px_driven_settle(struct px_driven *d);
/* Nothing is under way, or will ever be. Outside of the gate. */
void px_driven_free(struct px_driven *d);

/* ---- px_lane_keep.c ---- */

/* Stores what is new; when something is being stored, after that. */
void px_driven_keep(struct px_driven *d);
/* run of d->kept. */
void px_driven_kept(struct scl_task *t);

#endif
