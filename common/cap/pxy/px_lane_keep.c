/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lane has done becomes progress of its sink in the book: one operation at a time, with all
 * that came since the last.
 */
#include "config.h"

#include "cap/pxy/px_grants.h"
#include "cap/pxy/px_lanes_own.h"
#include "cap/pxy/px_watch.h"

#define KEEP_AGAIN CLOCK_SECOND /* when the book could not store */

static void
op_done(struct px_op *op)
{
	struct px_driven *d = op->owner;
	struct px_lanes *all = d->all;

	(void)px_post(all->px, &d->kept, 0);
	/* From here on d may be gone, all only when this has ended. */
	pthread_mutex_lock(&all->lock);
	if (--all->ops == 0)
		pthread_cond_signal(&all->idle);
	pthread_mutex_unlock(&all->lock);
}

void
px_driven_keep(struct px_driven *d)
{
	struct px_lanes *all = d->all;
	bool fresh;

	if (d->keeping || d->gone)
		return;
	fresh = px_lane_progress(&d->lane, &d->told);
	if (!fresh && !d->has_error && !d->erase)
		return;
	d->op = (struct px_progress){ .op = { .done = op_done, .owner = d },
		                      .forward = d->forward,
		                      .sink = d->sink,
		                      .cursor = d->told.cursor,
		                      .sent = d->told.sent,
		                      .acknowledged = d->told.acknowledged,
		                      .retried = d->told.retried,
		                      .octets = d->told.octets,
		                      .ended = d->erase };
	if (d->has_error) {
		memcpy(d->op_error, d->error, sizeof(d->op_error));
		d->op.error = slice_of(d->op_error);
	}
	d->has_error = false;
	d->keeping = true;
	pthread_mutex_lock(&all->lock);
	all->ops++;
	pthread_mutex_unlock(&all->lock);
	px_sink_progress(all->px->book, &d->op);
}

/* What the book does not know is told soon; what it does not take is of no use any more. */
static void
kept(struct px_driven *d)
{
	struct px *px = d->all->px;
	enum rc rc = d->op.op.rc;

	if (rc == RC_OK) {
		px_count(px, PX_N_FORWARDED, d->told.acknowledged);
		px_count(px, PX_N_FORWARDED_OCTETS, d->told.octets);
		px_count(px, PX_N_RETRIED, d->told.retried);
		px_watch_touch(px->watch, d->forward);
		if (d->op.ended) {
			d->erase = false;
			px_grants_forget(d->all->grants, d->forward, d->sink);
		}
		px_driven_keep(d);
	} else if (rc != RC_NOT_FOUND && rc != RC_BAD_REQUEST) {
		px_lane_unstored(&d->lane, &d->told);
		d->has_error = d->has_error || d->op.error.n > 0;
		scl_post(px->scl, &d->kept, KEEP_AGAIN);
	}
}

/* Twice: when the operation is done, and when one that failed is to be tried again. */
void
px_driven_kept(struct scl_task *t)
{
	struct px_driven *d =
		(struct px_driven *)(void *)((char *)t - offsetof(struct px_driven, kept));
	struct px *px = d->all->px;

	if (!px_enter(px))
		return;
	if (d->keeping) {
		d->keeping = false;
		kept(d);
	} else {
		px_driven_keep(d);
	}
	px_driven_settle(d);
	px_leave(px);
}
