/* SPDX-License-Identifier: Apache-2.0 */
/* subscription: its checks, limits and the lane that delivers for it (TS 102 921 10.25). */
#include "config.h"

#include "core/channel.h"
#include "core/hooks.h"
#include "core/owed.h"

/* Number of subscriptions at the place they hang from, read and changed by delta. */
static enum rc
count_change(struct rtx *tx, uint64_t parent, slot_t slot, int delta, uint32_t *count)
{
	slot_t place = slot >> 8;
	struct res *node, *again;
	struct coll c;

	if (place == SLOT_SELF) {
		TRY(repo_get(tx, parent, &node));
		*count = node->subscriptions;
		if (delta == 0)
			return RC_OK;
		TRY(repo_get(tx, parent, &again));
		again->subscriptions = (uint32_t)((int64_t)*count + delta);
		return repo_update(tx, node, again);
	}
	TRY(repo_coll_get(tx, parent, place, &c));
	*count = c.subscriptions;
	c.subscriptions = (uint32_t)((int64_t)*count + delta);
	return delta == 0 ? RC_OK : repo_coll_put(tx, parent, place, &c);
}

static enum rc
check_limits(struct req *rq, const struct res *self)
{
	const struct scl *scl = rq->scl;
	int64_t all = (int64_t)scl->subscriptions + scl->subscriptions_kept + scl->subscriptions_changed;
	uint32_t here;

	TRY(count_change(rq->tx, self->parent, self->slot, 0, &here));
	if (rq->conf->subscriptions_per_resource > 0 && here >= rq->conf->subscriptions_per_resource)
		return req_fail(rq, RC_FORBIDDEN, "too many subscriptions on the resource");
	if (rq->conf->subscriptions_total > 0 && all >= (int64_t)rq->conf->subscriptions_total)
		return req_fail(rq, RC_FORBIDDEN, "too many subscriptions on this SCL");
	return RC_OK;
}

static enum rc
check_values(struct req *rq, struct res *self)
{
	struct val *criteria = val_find(self->vals, A_FILTER_CRITERIA);
	struct slice contact = val_text(self->vals, A_CONTACT);
	struct slice aggregate = val_text(self->vals, A_AGGREGATE_URI);
	struct filter f;

	if (val_get(self->vals, A_DELAY_TOLERANCE) != NULL &&
	    val_get(self->vals, A_MINIMAL_TIME_BETWEEN_NOTIFICATIONS) != NULL)
		return req_fail(rq, RC_BAD_REQUEST,
		                "minimalTimeBetweenNotifications and delayTolerance exclude each other");
	if (val_num(self->vals, A_MINIMAL_TIME_BETWEEN_NOTIFICATIONS, 0) < 0)
		return req_fail(rq, RC_BAD_REQUEST, "minimalTimeBetweenNotifications is negative");
	if (val_num(self->vals, A_MAX_ACCU_CREATES, 1) < 1)
		return req_fail(rq, RC_BAD_REQUEST, "maxAccuCreates is not positive");
	if (contact.n == 0 || (contact.p[0] != '/' && !uri_is_absolute(contact)))
		return req_fail(rq, RC_BAD_REQUEST, "contact is no URI to send to");
	if (aggregate.n > 0 && aggregate.p[0] != '/' && !uri_is_absolute(aggregate))
		return req_fail(rq, RC_BAD_REQUEST, "aggregateURI is no URI to send to");
	if (criteria != NULL && !filter_from_vals(rq->scl, rq->arena, criteria->first, &f))
		return req_fail(rq, RC_BAD_REQUEST, "filterCriteria has an unusable value");
	/* The schema wants attributeAccessor in every filterCriteria (TS 102 921, data types). */
	if (criteria != NULL && val_get(criteria->first, A_ATTRIBUTE_ACCESSOR) == NULL &&
	    !val_set_text(rq->arena, &criteria->first, A_ATTRIBUTE_ACCESSOR, SLICE_LIT("")))
		return RC_UNAVAILABLE;
	return RC_OK;
}

static enum rc
subscription_check(struct req *rq, const struct target *parent, const struct res *old,
                   struct res *self)
{
	(void)parent;
	TRY(check_values(rq, self));
	if (old != NULL)
		return RC_OK;
	TRY(check_limits(rq, self));
	if (!val_set_num(rq->arena, &self->vals, A_SUBSCRIPTION_TYPE,
	                 channel_serves(rq->scl, rq->tx, val_text(self->vals, A_CONTACT))
	                     ? SUBSCRIPTION_SYNCHRONOUS
	                     : SUBSCRIPTION_ASYNCHRONOUS) ||
	    !val_set_text(rq->arena, &self->vals, A_SUBSCRIBER_ID, rq->who.uri) ||
	    !val_set_text(rq->arena, &self->vals, A_SYNTAX,
	                  ARENA_JOIN(rq->arena, slice_of(rq->in_codec->media_type),
	                             slice_of(req_release(rq) == 1 ? SYNTAX_RELEASE1 : ""))))
		return RC_UNAVAILABLE;
	return RC_OK;
}

/*
 * Instances are queued for whole instances; any other accessor watches a value of the collection.
 */
static bool
watches_sequence(const struct res *self)
{
	const struct val *criteria = val_get(self->vals, A_FILTER_CRITERIA);
	struct slice accessor =
	    criteria == NULL ? SLICE_NONE : val_text(criteria->first, A_ATTRIBUTE_ACCESSOR);

	return slot_type(self->slot >> 8) == T_CONTENT_INSTANCES &&
	       (accessor.n == 0 || slice_is(accessor, "latest") || slice_is(accessor, "latest/content"));
}

/*
 * The initial notify is the standing RETRIEVE at once (TS 102 921 10.25): what is there already
 * counts as not yet notified.
 */
static enum rc
subscription_created(struct req *rq, const struct target *parent, struct res *self)
{
	struct lane lane = { .subscription = self->id };
	struct seq s = { 0 };
	uint32_t count;
	bool pending = true;

	(void)parent;
	if (watches_sequence(self)) {
		struct slice accessor;
		const struct val *criteria = val_get(self->vals, A_FILTER_CRITERIA);

		accessor = criteria == NULL ? SLICE_NONE : val_text(criteria->first, A_ATTRIBUTE_ACCESSOR);
		lane.container = self->parent;
		TRY(repo_seq(rq->tx, self->parent, &s));
		TRY(repo_seq_high(rq->tx, self->parent, &lane.cursor));
		if (s.first != 0)
			lane.cursor = accessor.n > 0 ? s.last - 1 : s.first - 1;
		lane.dirty = s.first != 0;
		pending = lane.dirty || subscription_timed(self);
	} else {
		lane.dirty = true;
	}
	TRY(repo_lane_put(rq->tx, &lane, pending));
	if (pending)
		courier_note(rq->scl->courier, self->id);
	rq->scl->subscriptions_changed++;
	return count_change(rq->tx, self->parent, self->slot, 1, &count);
}

static enum rc
subscription_updated(struct req *rq, const struct res *old, struct res *self)
{
	struct lane lane;

	(void)old;
	/* Pacing may have changed: the courier looks again. */
	TRY(repo_lane_get(rq->tx, self->id, &lane));
	lane.version++;
	courier_note(rq->scl->courier, self->id);
	return repo_lane_put(rq->tx, &lane, true);
}

static enum rc
subscription_removed(struct scl *scl, struct rtx *tx, struct res *self, enum rc final)
{
	struct lane lane;
	uint32_t count;
	uint64_t low;

	TRY(repo_lane_get(tx, self->id, &lane));
	TRY(subscription_end(scl, tx, self, final));
	TRY(count_change(tx, self->parent, self->slot, -1, &count));
	scl->subscriptions_changed--;
	if (lane.container == ID_NONE)
		return RC_OK;
	repo_seq_lanes_changed(tx, lane.container);
	if (final != RC_OK)
		return RC_OK;
	TRY(instances_owed_from(tx, lane.container, &low));
	return repo_release(tx, lane.container, low);
}

static enum rc
subscription_value(struct scl *scl, struct rtx *tx, const struct target *t, const struct filter *f,
                   unsigned attr, struct val **list)
{
	struct lane lane;
	uint64_t high;
	enum rc rc;

	(void)scl;
	(void)f;
	if (val_get(t->node->vals, A_MAX_ACCU_CREATES) == NULL)
		return RC_OK;
	rc = repo_lane_get(tx, t->id, &lane);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (lane.container != ID_NONE) {
		TRY(repo_seq_high(tx, lane.container, &high));
		lane.accumulated = (int64_t)(high - lane.cursor);
	}
	return val_set_num(repo_arena(tx), list, attr, lane.accumulated) ? RC_OK : RC_UNAVAILABLE;
}

const struct hooks hooks_subscription = {
	.check = subscription_check,
	.created = subscription_created,
	.updated = subscription_updated,
	.removed = subscription_removed,
	.value = subscription_value,
};
