/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications (TS 102 921 10.25). A delivery is what the courier knows of a lane that has work: at
 * most one notify in flight, how far it is ahead of the stored lane, the retry state. Its memory
 * does not depend on how much is owed: the instances stay in the store until sent.
 *
 * Wake-ups: whoever gives a lane work marks it pending in the store and, after the commit, wakes
 * it; the committer does not wake a lane again that is pending. So a delivery may be dropped only
 * when its lane was not pending at the last look or acknowledgement and nobody has woken it since.
 */
#include "config.h"

#include "core/owed.h"

#include <limits.h>
#include <stdlib.h>

#define BUCKETS 1024u
#define DELIVERY_ARENA (64u << 20)
#define BUSY_RETRY (CLOCK_SECOND / 20)

enum outcome { DELIVERED, REFUSED, FAILED };

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
	bool sending;
	unsigned failures; /* to deliver, in a row */
	unsigned troubles; /* to find out what is owed, in a row */

	/* What is in flight. */
	struct arena *arena;
	struct exchange ex;
	struct scl_local local;
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
	bool again; /* woken meanwhile */
	bool gone; /* the lane does not exist any more */
};

struct deliveries {
	struct courier *courier;
	struct scl *scl;
	struct delivery *buckets[BUCKETS];
	unsigned sending;
	struct scl_task rescan; /* after wake-ups that could not be taken */
};

static void delivery_run(struct scl_task *t);
static void rescan_run(struct scl_task *t);
static void ack_start(struct delivery *d);

struct deliveries *
deliveries_new(struct courier *c)
{
	struct deliveries *all = calloc(1, sizeof(*all));

	if (all != NULL) {
		all->courier = c;
		all->scl = courier_scl(c);
		all->rescan.run = rescan_run;
	}
	return all;
}

/* What is only needed while a notify is made and in flight. */
static void
delivery_lighten(struct delivery *d)
{
	buf_fini(&d->body);
	arena_free(d->arena);
	d->arena = NULL;
}

static void
delivery_free(struct delivery *d)
{
	delivery_lighten(d);
	buf_fini(&d->ex.answer);
	buf_fini(&d->ex.answer_text);
	arena_free(d->job_arena);
	free(d);
}

void
deliveries_free(struct deliveries *all)
{
	if (all == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (all->buckets[i] != NULL) {
			struct delivery *d = all->buckets[i];

			all->buckets[i] = d->chain;
			delivery_free(d);
		}
	free(all);
}

static struct delivery **
bucket_of(struct deliveries *all, uint64_t subscription)
{
	struct delivery **at = &all->buckets[subscription % BUCKETS];

	while (*at != NULL && (*at)->subscription != subscription)
		at = &(*at)->chain;
	return at;
}

static void
delivery_drop(struct delivery *d)
{
	struct delivery **at = bucket_of(d->all, d->subscription);

	*at = d->chain;
	delivery_free(d);
}

void
deliveries_wake(struct deliveries *all, uint64_t subscription)
{
	struct delivery **at = bucket_of(all, subscription), *d = *at;

	if (d != NULL) {
		d->again = true;
		/* Neither in flight, nor waiting for a retry, nor for its acknowledgement. */
		if (!d->sending && !d->acking && d->failures == 0 && d->troubles == 0)
			courier_post(all->courier, &d->task, 0);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL) {
		LOG_ERROR(all->scl->log, "delivery-without-memory", LOG_N("subscription", subscription));
		courier_post(all->courier, &all->rescan, CLOCK_SECOND);
		return;
	}
	d->task.run = delivery_run;
	d->all = all;
	d->subscription = subscription;
	*at = d;
	courier_post(all->courier, &d->task, 0);
}

struct pending_list {
	uint64_t ids[256];
	size_t n;
};

static bool
collect_pending(void *arg, uint64_t id)
{
	struct pending_list *l = arg;

	l->ids[l->n++] = id;
	return l->n < sizeof(l->ids) / sizeof(l->ids[0]);
}

/* The next pending lanes from a subscription on. */
static enum rc
read_pending(struct deliveries *all, uint64_t from, struct pending_list *l)
{
	struct arena *a = arena_new(1u << 20);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(all->scl->repo, a, &tx);

	if (rc == RC_OK) {
		rc = repo_pending(tx, from, 0, collect_pending, l);
		repo_end_read(tx);
	}
	arena_free(a);
	return rc;
}

void
deliveries_scan(struct deliveries *all)
{
	struct pending_list l;
	uint64_t from = 0;
	enum rc rc;

	do {
		l.n = 0;
		rc = read_pending(all, from, &l);
		for (size_t i = 0; i < l.n; i++)
			deliveries_wake(all, l.ids[i]);
		if (l.n > 0)
			from = l.ids[l.n - 1] + 1;
	} while (rc == RC_OK && l.n > 0);
	if (rc == RC_OK)
		return;
	LOG_ERROR(all->scl->log, "outbox-unreadable", LOG_Z("status", status_of(rc)->text));
	courier_post(all->courier, &all->rescan, CLOCK_SECOND);
}

static void
rescan_run(struct scl_task *t)
{
	struct deliveries *all =
	    (struct deliveries *)(void *)((char *)t - offsetof(struct deliveries, rescan));

	if (!courier_stopping(all->courier))
		deliveries_scan(all);
}

/* ---- sending ---- */

static int64_t
backoff(const struct scl_conf *conf, unsigned failures)
{
	int64_t delay = conf->retry_first;
	unsigned jitter;

	for (unsigned i = 1; i < failures && delay < conf->retry_max; i++)
		delay *= 2;
	if (delay > conf->retry_max)
		delay = conf->retry_max;
	/*
	 * Up to a quarter of jitter, so that many subscribers of one dead host do not march in
	 * step.
	 */
	jitter = (unsigned)(clock_monotonic() % 1024);
	return delay + delay / 4 * jitter / 1024;
}

static bool
delivery_posted(const struct delivery *d)
{
	return courier_posted(&d->task);
}

static void
delivery_later(struct delivery *d, int64_t delay)
{
	courier_post(d->all->courier, &d->task, delay);
}

/* Goes on where nothing is under way; d may be gone afterwards. */
static void
delivery_idle(struct delivery *d)
{
	if (d->sending || d->acking || delivery_posted(d))
		return;
	if (d->gone)
		delivery_drop(d);
	else if (d->ack_due || d->ack_final || d->end != RC_OK)
		ack_start(d);
	else if (d->still_pending || d->again)
		delivery_later(d, 0);
	else
		delivery_drop(d);
}

/* Delivered, or given up as if it were. */
static void
delivery_advance(struct delivery *d)
{
	d->failures = 0;
	d->done = d->reaching;
	d->done.sent = clock_now(d->all->scl->clock);
	d->ack_due = !d->is_final;
	d->ack_final = d->is_final;
	if (!d->acking)
		ack_start(d);
	/* The next one does not wait until the acknowledgement of this one is stored. */
	if (!d->is_final && !delivery_posted(d))
		delivery_later(d, 0);
}

static void
delivery_finished(struct delivery *d, enum outcome how)
{
	const struct scl_conf *conf = scl_conf(d->all->scl);

	d->sending = false;
	d->all->sending--;
	delivery_lighten(d);
	if (d->gone) {
		delivery_idle(d);
		return;
	}
	if (how == FAILED && (conf->tries == 0 || d->failures + 1 < conf->tries)) {
		d->failures++;
		delivery_later(d, backoff(conf, d->failures));
		return;
	}
	if (how != DELIVERED) {
		atomic_fetch_add(&d->all->scl->refused_notifies, 1);
		LOG_WARN(d->all->scl->log, "notify-refused", LOG_N("subscription", d->subscription));
	}
	delivery_advance(d);
}

static enum outcome
outcome_of(enum rc rc, int http_status)
{
	if (rc == RC_OK && http_status >= 200 && http_status < 300)
		return DELIVERED;
	if (rc != RC_OK || http_status >= 500 || http_status == 408)
		return FAILED;
	return REFUSED;
}

static void
exchange_done(struct exchange *ex)
{
	struct delivery *d = ex->owner;
	enum outcome how = outcome_of(ex->rc, ex->http_status);

	if (how == FAILED)
		LOG_INFO(d->all->scl->log, "notify-failed", LOG_N("subscription", d->subscription),
		         LOG_N("failures", d->failures + 1), LOG_N("http", ex->http_status),
		         LOG_Z("why", ex->failure));
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	delivery_finished(d, how);
}

static void
local_done(struct scl_local *l, enum rc rc)
{
	struct delivery *d = l->owner;

	buf_fini(&l->answer);
	delivery_finished(d, outcome_of(RC_OK, status_of(rc)->http));
}

/* A contact on this SCL is a request to our own tree; the notify becomes content there. */
static void
send_local(struct delivery *d, struct slice path, const struct owed *o)
{
	d->local = (struct scl_local){ .method = SLICE_LIT("POST"), .target = path,
		                       .content_type = slice_of(o->codec->media_type),
		                       .body = buf_view(&d->body), .done = local_done, .owner = d };
	scl_local(d->all->scl, &d->local);
}

static void
send_remote(struct delivery *d, const struct owed *o, struct slice hop)
{
	struct scl *scl = d->all->scl;
	struct slice none = { 0 };

	d->ex = (struct exchange){ .method = SLICE_LIT("POST"), .body = buf_view(&d->body),
		                   .timeout_ms = scl_conf(scl)->notify_timeout_ms, .answer_max = 65536,
		                   .done = exchange_done, .owner = d };
	/* Through another SCL the contact is the target, the hop only the way. */
	d->ex.url = hop.n > 0 ? hop : arena_copy(d->arena, o->contact);
	d->ex.target = hop.n > 0 ? arena_copy(d->arena, o->contact) : none;
	exchange_add_header(&d->ex, SLICE_LIT("Content-Type"), slice_of(o->codec->media_type));
	exchange_add_header(&d->ex, SLICE_LIT("From"), scl->own.base_uri);
	courier_send(d->all->courier, &d->ex);
}

static void
delivery_send(struct delivery *d, const struct owed *o, struct slice hop)
{
	struct slice path = own_path(d->all->scl, d->arena, o->contact);

	d->sending = true;
	d->all->sending++;
	buf_clear(&d->body);
	d->body.max = scl_conf(d->all->scl)->answer_max * 2;
	if (!owed_encode(d->all->scl, d->arena, o, &d->body)) {
		LOG_ERROR(d->all->scl->log, "notify-too-large", LOG_N("subscription", d->subscription));
		delivery_finished(d, REFUSED);
	} else if (path.n > 0) {
		send_local(d, path, o);
	} else {
		send_remote(d, o, hop);
	}
}

static enum rc
look(struct delivery *d, struct owed *o, struct slice *hop)
{
	struct rtx *tx;
	enum rc rc;

	arena_free(d->arena);
	d->arena = arena_new(DELIVERY_ARENA);
	if (d->arena == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_begin_read(d->all->scl->repo, d->arena, &tx));
	rc = owed_find(d->all->scl, tx, d->subscription, &d->done, o);
	*hop = SLICE_NONE;
	if (rc == RC_OK && (o->kind == OWED_NOTIFY || o->kind == OWED_FINAL) &&
	    route_scl(d->all->scl, tx, o->contact, hop, NULL) == RC_UNAVAILABLE)
		o->wait = scl_conf(d->all->scl)->retry_first;
	repo_end_read(tx);
	return rc;
}

static void
delivery_act(struct delivery *d, const struct owed *o, struct slice hop)
{
	if (o->wait > 0) {
		delivery_lighten(d);
		delivery_later(d, o->wait);
		return;
	}
	d->is_final = o->kind == OWED_FINAL;
	d->reaching = (struct progress){ .cursor = o->reaching, .version = o->version };
	if (o->kind == OWED_NOTIFY || o->kind == OWED_FINAL) {
		delivery_send(d, o, hop);
		return;
	}
	if (o->kind == OWED_END)
		d->end = o->final;
	d->done.cursor = o->reaching;
	d->done.version = o->version;
	/* An acknowledgement under way will say whether the lane is pending still. */
	d->ack_due = d->ack_due || o->moved || (o->pending && !d->acking);
	d->still_pending = false;
	delivery_lighten(d);
	delivery_idle(d);
}

/* The subscription has come to its end; what remains is to store that. */
static bool
is_ending(const struct delivery *d)
{
	return d->ack_final || (d->acking && (d->ack.final || d->ack.end != RC_OK));
}

/* Forwarded requests have the other half of the exchanges. */
static unsigned
sending_max(const struct deliveries *all)
{
	unsigned max = courier_exchanges_max(all->courier);

	return max == 0 ? UINT_MAX : (max + 1) / 2;
}

static void
delivery_run(struct scl_task *t)
{
	struct delivery *d = (struct delivery *)(void *)t;
	struct owed o;
	struct slice hop;
	enum rc rc;

	if (d->sending || courier_stopping(d->all->courier))
		return;
	if (is_ending(d)) {
		delivery_idle(d);
		return;
	}
	if (d->all->sending >= sending_max(d->all)) {
		delivery_later(d, BUSY_RETRY);
		return;
	}
	d->again = false;
	d->end = RC_OK;
	if (d->ack_due && !d->acking)
		ack_start(d);
	rc = look(d, &o, &hop);
	if (rc != RC_OK && rc != RC_NOT_FOUND) {
		LOG_ERROR(d->all->scl->log, "notify-impossible", LOG_N("subscription", d->subscription),
		          LOG_Z("status", status_of(rc)->text));
		delivery_lighten(d);
		delivery_later(d, backoff(scl_conf(d->all->scl), ++d->troubles));
		return;
	}
	d->troubles = 0;
	d->gone = rc == RC_NOT_FOUND;
	if (d->gone)
		delivery_idle(d);
	else
		delivery_act(d, &o, hop);
}

/* ---- acknowledgement: what was delivered becomes durable ---- */

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
	if (!d->sending && !delivery_posted(d))
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
	if (!d->gone && (d->ack_due || d->ack_final))
		ack_start(d);
	else
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

static void
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
