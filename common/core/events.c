/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event bus: "resource changed" and "collection changed" become work of the subscriptions'
 * lanes, in the same transaction (TS 102 921 10.25).
 */
#include "config.h"

#include "core/owed.h"

struct watchers {
	uint64_t *ids;
	size_t n, max;
	struct arena *a;
	bool failed;
};

static bool
collect(void *arg, const struct child *c)
{
	struct watchers *w = arg;

	if (w->n == w->max) {
		size_t max = w->max == 0 ? 16 : w->max * 2;
		uint64_t *ids = ARENA_ARRAY(w->a, uint64_t, max);

		w->failed = ids == NULL;
		if (w->failed)
			return false;
		if (w->n > 0)
			memcpy(ids, w->ids, w->n * sizeof(*ids));
		w->ids = ids;
		w->max = max;
	}
	w->ids[w->n++] = c->id;
	return true;
}

/* Counting subscriptions spares the common case, a place that nobody watches, the look-up. */
static enum rc
watched(struct rtx *tx, uint64_t id, slot_t slot, bool *yes)
{
	struct res *node;
	struct coll c;

	if (slot == SLOT_SELF) {
		TRY(repo_get(tx, id, &node));
		*yes = node->subscriptions > 0;
		return RC_OK;
	}
	TRY(repo_coll_get(tx, id, slot, &c));
	*yes = c.subscriptions > 0;
	return RC_OK;
}

/* maxAccuCreates: creations are counted, and the notify is owed when the count is reached. */
static bool
accumulate(struct lane *lane, const struct res *sub, bool created)
{
	int64_t want = val_num(sub->vals, A_MAX_ACCU_CREATES, 0);

	if (!created || want <= 1)
		return true;
	if (++lane->accumulated < want)
		return false;
	lane->accumulated = 0;
	return true;
}

static enum rc
wake(struct scl *scl, struct rtx *tx, uint64_t id, bool created)
{
	struct res *sub;
	struct lane lane;
	bool owed;

	TRY(repo_get(tx, id, &sub));
	TRY(repo_lane_get(tx, id, &lane));
	/* Who watches the instances is told of them alone. */
	if (lane.container != ID_NONE)
		return RC_OK;
	owed = accumulate(&lane, sub, created);
	lane.dirty = lane.dirty || owed;
	/* Only what is owed overtakes a notify that is on its way. */
	lane.version += owed;
	if (lane.dirty)
		courier_note(scl->courier, id);
	return repo_lane_put(tx, &lane, lane.dirty || subscription_timed(sub));
}

enum rc
event_changed(struct scl *scl, struct rtx *tx, uint64_t id, slot_t slot, bool created)
{
	struct watchers w = { .a = repo_arena(tx) };
	bool yes;

	TRY(watched(tx, id, slot, &yes));
	if (!yes)
		return RC_OK;
	TRY(repo_children(tx, id, slot_below(slot, T_SUBSCRIPTIONS), 0, collect, &w));
	if (w.failed)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < w.n; i++)
		TRY(wake(scl, tx, w.ids[i], created));
	return RC_OK;
}

enum rc
instances_owed_from(struct rtx *tx, uint64_t container, uint64_t *cursor)
{
	struct seq_lane *lanes;
	size_t n;

	*cursor = UINT64_MAX;
	TRY(repo_seq_lanes(tx, container, &lanes, &n));
	for (size_t i = 0; i < n; i++)
		if (lanes[i].cursor < *cursor)
			*cursor = lanes[i].cursor;
	return RC_OK;
}

/* The queue is the sequence itself; what is kept for a lane alone is bounded (TS 102 921 10.25). */
static enum rc
collapse(struct scl *scl, struct rtx *tx, const struct seq_lane *known, uint64_t upto)
{
	struct lane lane;

	TRY(repo_lane_get(tx, known->subscription, &lane));
	LOG_WARN(scl->log, "outbox-collapsed", LOG_N("subscription", lane.subscription),
	         LOG_N("lost", upto - lane.cursor));
	lane.cursor = upto;
	/* One that is not pending has not been woken: maxAccuCreates may be beyond the limit. */
	return repo_lane_put(tx, &lane, known->pending);
}

/* Lanes that are owed more than the limit forget the instances that the container has no more. */
static enum rc
collapse_long(struct scl *scl, struct rtx *tx, uint64_t container, uint64_t high)
{
	uint64_t low, max = scl_conf(scl)->outbox_max;
	struct seq_lane *lanes;
	struct seq s;
	size_t n;

	TRY(repo_seq(tx, container, &s));
	TRY(repo_seq_lanes(tx, container, &lanes, &n));
	for (size_t i = 0; i < n; i++) {
		if (lanes[i].state || high - lanes[i].cursor <= max || lanes[i].cursor + 1 >= s.first)
			continue;
		TRY(collapse(scl, tx, &lanes[i], s.first - 1));
		TRY(repo_seq_lanes(tx, container, &lanes, &n));
	}
	TRY(instances_owed_from(tx, container, &low));
	return repo_release(tx, container, low);
}

/* One lane of a container that has a new instance. */
static enum rc
wake_lane(struct scl *scl, struct rtx *tx, struct seq_lane *lane, uint64_t high)
{
	if (lane->state)
		return wake(scl, tx, lane->subscription, true);
	if (high - lane->cursor < (uint64_t)lane->accumulate)
		return RC_OK;
	/* A pending one has been woken already, unless it may be waiting for nothing to happen. */
	if (!lane->pending || lane->timed)
		courier_note(scl->courier, lane->subscription);
	return repo_seq_lane_wake(tx, lane);
}

enum rc
event_instance(struct scl *scl, struct rtx *tx, uint64_t container)
{
	uint64_t high, longest = 0, max = scl_conf(scl)->outbox_max;
	struct seq_lane *lanes;
	size_t n;

	TRY(repo_seq_lanes(tx, container, &lanes, &n));
	if (n == 0)
		return RC_OK;
	TRY(repo_seq_high(tx, container, &high));
	for (size_t i = 0; i < n; i++) {
		TRY(wake_lane(scl, tx, &lanes[i], high));
		if (!lanes[i].state && high - lanes[i].cursor > longest)
			longest = high - lanes[i].cursor;
	}
	return max > 0 && longest > max ? collapse_long(scl, tx, container, high) : RC_OK;
}

enum rc
subscription_end(struct scl *scl, struct rtx *tx, const struct res *sub, enum rc rc)
{
	struct slice path;
	struct lane lane;

	/* Also the courier may forget it, which may be waiting for a retry or the pacing. */
	courier_note(scl->courier, sub->id);
	if (rc == RC_OK)
		return repo_lane_remove(tx, sub->id);
	TRY(repo_lane_get(tx, sub->id, &lane));
	TRY(repo_path(tx, sub->id, SLOT_SELF, &path));
	lane.final = rc;
	lane.version++;
	lane.contact = val_text(sub->vals, A_CONTACT);
	lane.aggregate = val_text(sub->vals, A_AGGREGATE_URI);
	lane.creator = val_text(sub->vals, A_SUBSCRIBER_ID);
	lane.reference = absolute_uri(scl, repo_arena(tx), path);
	lane.syntax = val_text(sub->vals, A_SYNTAX);
	return repo_lane_put(tx, &lane, true);
}
