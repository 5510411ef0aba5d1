/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event bus: "resource changed" and "collection changed" become work of the subscriptions'
 * lanes, in the same transaction (reference 6.5.1).
 */
#include "config.h"

#include "core/scl_impl.h"

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
	owed = accumulate(&lane, sub, created);
	lane.dirty = lane.dirty || owed;
	/* Only what is owed overtakes a notify that is on its way. */
	lane.version += owed;
	if (lane.dirty)
		courier_note(scl->courier, id);
	return repo_lane_put(tx, &lane, lane.dirty);
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

/* The queue is the sequence itself; when it grows too long the lane collapses (reference 6.5.1). */
static enum rc
collapse(struct scl *scl, struct rtx *tx, uint64_t container, struct seq_lane *lane)
{
	struct lane full;
	struct seq s;

	TRY(repo_seq(tx, container, &s));
	TRY(repo_lane_get(tx, lane->subscription, &full));
	LOG_WARN(scl->log, "outbox-collapsed", LOG_N("subscription", lane->subscription),
	         LOG_N("lost", s.first > full.cursor + 1 ? s.first - 1 - full.cursor : 0));
	if (s.first > full.cursor)
		full.cursor = s.first - 1;
	full.version++;
	TRY(repo_lane_put(tx, &full, true));
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

enum rc
event_instance(struct scl *scl, struct rtx *tx, uint64_t container)
{
	uint64_t high, low = UINT64_MAX, max = scl_conf(scl)->outbox_max;
	struct seq_lane *lanes;
	bool collapsed = false;
	size_t n;

	TRY(repo_seq_lanes(tx, container, &lanes, &n));
	if (n == 0)
		return RC_OK;
	TRY(repo_seq_high(tx, container, &high));
	for (size_t i = 0; i < n; i++) {
		if (high - lanes[i].cursor < (uint64_t)lanes[i].accumulate)
			continue;
		if (!lanes[i].pending)
			courier_note(scl->courier, lanes[i].subscription);
		TRY(repo_seq_lane_wake(tx, &lanes[i]));
		collapsed = collapsed || (max > 0 && high - lanes[i].cursor > max);
	}
	if (!collapsed)
		return RC_OK;
	for (size_t i = 0; i < n; i++) {
		struct seq_lane lane;

		TRY(repo_seq_lanes(tx, container, &lanes, &n));
		lane = lanes[i];
		if (high - lane.cursor > max)
			TRY(collapse(scl, tx, container, &lane));
		low = lane.cursor < low ? lane.cursor : low;
	}
	TRY(instances_owed_from(tx, container, &low));
	return repo_release(tx, container, low);
}

enum rc
subscription_end(struct scl *scl, struct rtx *tx, const struct res *sub, enum rc rc)
{
	struct slice path;
	struct lane lane;

	if (rc == RC_OK)
		return repo_lane_remove(tx, sub->id);
	TRY(repo_lane_get(tx, sub->id, &lane));
	TRY(repo_path(tx, sub->id, SLOT_SELF, &path));
	lane.final = rc;
	lane.version++;
	lane.contact = val_text(sub->vals, A_CONTACT);
	lane.reference = absolute_uri(scl, repo_arena(tx), path);
	lane.syntax = val_text(sub->vals, A_SYNTAX);
	courier_note(scl->courier, sub->id);
	return repo_lane_put(tx, &lane, true);
}
