/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements of notifications: what was delivered becomes durable. */
#include "config.h"

#include "core/notify_impl.h"

static enum rc
ack_sequence(struct rtx *tx, struct lane *lane, struct ack *ack)
{
	uint64_t high, low;
	struct res *sub;

	TRY(repo_get(tx, lane->subscription, &sub));
	TRY(repo_seq_high(tx, lane->container, &high));
	if (ack->done.cursor > lane->cursor)
		lane->cursor = ack->done.cursor;
	/* What was there when the subscription was made is told. */
	lane->dirty = false;
	ack->pending = subscription_timed(sub) ||
	               high - lane->cursor >= (uint64_t)val_num(sub->vals, A_MAX_ACCU_CREATES, 1);
	TRY(repo_lane_put(tx, lane, ack->pending));
	TRY(instances_owed_from(tx, lane->container, &low));
	return repo_release(tx, lane->container, low);
}

static enum rc
ack_state(struct rtx *tx, struct lane *lane, struct ack *ack)
{
	struct res *sub;

	TRY(repo_get(tx, lane->subscription, &sub));
	/* An event since then is owed still. */
	lane->dirty = lane->dirty && lane->version != ack->done.version;
	ack->pending = lane->dirty || subscription_timed(sub);
	return repo_lane_put(tx, lane, ack->pending);
}

static enum rc
ack_lane(struct delivery *d, struct rtx *tx, struct ack *ack)
{
	struct lane lane;
	struct res *sub;

	TRY(repo_lane_get(tx, d->subscription, &lane));
	/* The subscription ended meanwhile: its final notify is owed. */
	if (lane.final != RC_OK) {
		ack->pending = true;
		return RC_OK;
	}
	if (ack->end != RC_OK) {
		ack->pending = true;
		TRY(repo_get(tx, d->subscription, &sub));
		return remove_subtree(d->all->scl, tx, sub, ack->end);
	}
	if (ack->done.sent > lane.sent)
		lane.sent = ack->done.sent;
	return lane.container != ID_NONE ? ack_sequence(tx, &lane, ack) : ack_state(tx, &lane, ack);
}

static enum rc
remove_lane(struct delivery *d, struct rtx *tx)
{
	struct lane lane;
	uint64_t low;

	TRY(repo_lane_get(tx, d->subscription, &lane));
	TRY(repo_lane_remove(tx, d->subscription));
	if (lane.container == ID_NONE)
		return RC_OK;
	repo_seq_lanes_changed(tx, lane.container);
	TRY(instances_owed_from(tx, lane.container, &low));
	return repo_release(tx, lane.container, low);
}

static struct delivery *
delivery_of_job(struct job *job)
{
	return (struct delivery *)(void *)((char *)job - offsetof(struct delivery, job));
}

static enum rc
ack_run(struct job *job, struct rtx *tx)
{
	struct delivery *d = delivery_of_job(job);

	d->ack.pending = false;
	return d->ack.final ? remove_lane(d, tx) : ack_lane(d, tx, &d->ack);
}

/* Delivered but not recorded: it is recorded, or delivered again, later. */
static void
ack_failed(struct delivery *d)
{
	d->ack_due = d->ack_due || (!d->ack.final && d->ack.end == RC_OK);
	d->ack_final = d->ack_final || d->ack.final;
	d->again = true;
	/* A retry comes soon, the end of the pacing may not. */
	if (!d->sending && (!delivery_posted(d) || (d->failures == 0 && d->troubles == 0)))
		delivery_later(d, CLOCK_SECOND);
}

static void
ack_back(struct scl_task *t)
{
	struct delivery *d = (struct delivery *)(void *)((char *)t - offsetof(struct delivery, back));
	enum rc rc = d->job.rc;

	d->acking = false;
	if (!status_is_success(rc) && rc != RC_NOT_FOUND) {
		ack_failed(d);
		return;
	}
	d->gone = d->gone || d->ack.final || rc == RC_NOT_FOUND;
	d->still_pending = d->ack.pending;
	/*
	 * A retry or the pacing may take long: what was delivered meanwhile does not wait for them.
	 */
	if (!d->gone && (d->ack_due || d->ack_final)) {
		ack_start(d);
		return;
	}
	/* What woke it may have ended the pacing that it waits for. */
	if (d->again)
		delivery_awake(d);
	delivery_idle(d);
}

static void
ack_done(struct job *job, enum rc rc)
{
	struct delivery *d = delivery_of_job(job);

	job->rc = rc;
	d->back.run = ack_back;
	courier_post(d->all->courier, &d->back, 0);
}

void
ack_start(struct delivery *d)
{
	arena_free(d->job_arena);
	d->job_arena = arena_new(scl_conf(d->all->scl)->arena_max);
	if (d->job_arena == NULL) {
		delivery_later(d, CLOCK_SECOND);
		return;
	}
	d->ack = (struct ack){ .done = d->done, .final = d->ack_final, .end = d->end };
	d->job = (struct job){ .run = ack_run, .done = ack_done, .arena = d->job_arena };
	d->ack_due = d->ack_final = false;
	d->end = RC_OK;
	d->acking = committer_submit_own(d->all->scl->committer, &d->job);
}
