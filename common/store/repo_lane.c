/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox. A subscription's delivery state is one lane. For a watched sequence the instances
 * themselves are the queue: the lane keeps the number up to which they are delivered, so a
 * creation writes nothing here while its lane is already pending. For other resources the lane
 * keeps that the current state is owed.
 */
#include "config.h"

#include "store/repo_impl.h"

#include <stdlib.h>

#define LANE_VERSION 2u
/* Without aggregate and creator. */
#define LANE_VERSION_1 1u

static void
put_text(struct buf *b, struct slice s)
{
	buf_be(b, s.n, 4);
	buf_slice(b, s);
}

static struct slice
read_text(struct reader *r)
{
	return read_bytes(r, (size_t)read_be(r, 4));
}

enum rc
repo_lane_get(struct rtx *tx, uint64_t subscription, struct lane *out)
{
	struct slice val, copy;
	struct reader r;
	struct repo_key k;
	uint64_t final, version;
	enum rc rc;

	key_id(&k, SPACE_LANE, subscription);
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	copy = arena_copy(tx->arena, val);
	if (copy.p == NULL)
		return RC_UNAVAILABLE;
	r = (struct reader){ copy, true };
	version = read_be(&r, 1);
	*out = (struct lane){ .subscription = subscription };
	out->container = read_be(&r, 8);
	out->cursor = read_be(&r, 8);
	out->version = read_be(&r, 8);
	out->dirty = read_be(&r, 1) != 0;
	out->sent = (int64_t)read_be(&r, 8);
	out->accumulated = (int64_t)read_be(&r, 8);
	final = read_be(&r, 2);
	out->final = final < RC_COUNT ? (enum rc)final : RC_INTERNAL;
	out->contact = read_text(&r);
	out->reference = read_text(&r);
	out->syntax = read_text(&r);
	if (version == LANE_VERSION) {
		out->aggregate = read_text(&r);
		out->creator = read_text(&r);
	} else if (version != LANE_VERSION_1) {
		return RC_INTERNAL;
	}
	return r.ok && r.rest.n == 0 && final < RC_COUNT ? RC_OK : RC_INTERNAL;
}

static enum rc
pending_set(struct rtx *tx, uint64_t subscription, bool pending)
{
	struct repo_key k;
	enum rc rc;

	key_id(&k, SPACE_PENDING, subscription);
	rec_begin(tx);
	rc = pending ? rec_put(tx, &k) : rec_del(tx, &k);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
repo_lane_put(struct rtx *tx, const struct lane *lane, bool pending)
{
	struct repo_key k;
	struct buf *b = rec_begin(tx);
	enum rc rc;

	key_id(&k, SPACE_LANE, lane->subscription);
	buf_be(b, LANE_VERSION, 1);
	buf_be(b, lane->container, 8);
	buf_be(b, lane->cursor, 8);
	buf_be(b, lane->version, 8);
	buf_be(b, lane->dirty, 1);
	buf_be(b, (uint64_t)lane->sent, 8);
	buf_be(b, (uint64_t)lane->accumulated, 8);
	buf_be(b, lane->final, 2);
	put_text(b, lane->contact);
	put_text(b, lane->reference);
	put_text(b, lane->syntax);
	put_text(b, lane->aggregate);
	put_text(b, lane->creator);
	rc = rec_put(tx, &k);
	if (rc == RC_OK)
		rc = pending_set(tx, lane->subscription, pending);
	if (lane->container != ID_NONE)
		repo_seq_lanes_changed(tx, lane->container);
	return rc;
}

enum rc
repo_lane_remove(struct rtx *tx, uint64_t subscription)
{
	struct repo_key k;
	enum rc rc;

	key_id(&k, SPACE_LANE, subscription);
	rc = rec_del(tx, &k);
	return rc == RC_OK || rc == RC_NOT_FOUND ? pending_set(tx, subscription, false) : rc;
}

/* Collects the subscriptions on a container's contentInstances. */
struct lane_list {
	uint64_t *ids;
	size_t n, cap;
	bool failed;
};

static bool
collect_lane(void *arg, const struct child *c)
{
	struct lane_list *l = arg;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 8 : l->cap * 2;
		uint64_t *ids = realloc(l->ids, cap * sizeof(*ids));

		if (ids == NULL) {
			l->failed = true;
			return false;
		}
		l->ids = ids;
		l->cap = cap;
	}
	l->ids[l->n++] = c->id;
	return true;
}

static enum rc
seq_lane_load(struct rtx *tx, uint64_t id, struct seq_lane *out)
{
	struct lane lane;
	struct res *sub;
	struct repo_key k;
	struct slice val;
	enum rc rc = repo_lane_get(tx, id, &lane);

	if (rc == RC_OK)
		rc = repo_get(tx, id, &sub);
	if (rc != RC_OK)
		return rc;
	key_id(&k, SPACE_PENDING, id);
	rc = rec_get(tx, &k, &val);
	*out = (struct seq_lane){ .subscription = id, .cursor = lane.cursor, .pending = rc == RC_OK,
		                  .accumulate = val_num(sub->vals, A_MAX_ACCU_CREATES, 1),
		                  .timed = val_get(sub->vals, A_TIMEOUT_REASON) != NULL,
		                  .state = lane.container == ID_NONE };
	if (out->state)
		out->cursor = UINT64_MAX;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
seq_lanes_load(struct rtx *tx, struct cached_seq *c)
{
	struct lane_list l = { 0 };
	enum rc rc = repo_children(tx, c->container,
	                           slot_below(T_CONTENT_INSTANCES, T_SUBSCRIPTIONS), 0, collect_lane, &l);

	free(c->lanes);
	c->lanes = l.n == 0 ? NULL : calloc(l.n, sizeof(*c->lanes));
	c->nlanes = 0;
	if (l.failed || (l.n > 0 && c->lanes == NULL))
		rc = RC_UNAVAILABLE;
	for (size_t i = 0; i < l.n && rc == RC_OK; i++) {
		rc = seq_lane_load(tx, l.ids[i], &c->lanes[c->nlanes]);
		c->nlanes += rc == RC_OK;
		rc = rc == RC_NOT_FOUND ? RC_OK : rc;
	}
	free(l.ids);
	c->lanes_known = rc == RC_OK;
	return rc;
}

enum rc
repo_seq_lanes(struct rtx *tx, uint64_t container, struct seq_lane **lanes, size_t *n)
{
	struct cached_seq *c;
	enum rc rc = seq_cached(tx, container, &c);

	if (rc == RC_OK && !c->lanes_known)
		rc = seq_lanes_load(tx, c);
	if (rc != RC_OK)
		return rc;
	/* A roll-back forgets touched entries, and with them what was changed in this array. */
	seq_touch(tx->repo, c);
	*lanes = c->lanes;
	*n = c->nlanes;
	return RC_OK;
}

void
repo_seq_lanes_changed(struct rtx *tx, uint64_t container)
{
	struct cached_seq *c;

	if (seq_cached(tx, container, &c) == RC_OK)
		c->lanes_known = false;
}

enum rc
repo_seq_lane_wake(struct rtx *tx, struct seq_lane *lane)
{
	enum rc rc = RC_OK;

	if (!lane->pending)
		rc = pending_set(tx, lane->subscription, true);
	lane->pending = rc == RC_OK;
	return rc;
}
