/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications (TS 102 921 10.25). A delivery is what the courier knows of a lane that has work: at
 * most one notify in flight, how far it is ahead of the stored lane, the retry state. Its memory
 * does not depend on how much is owed: the instances stay in the store until sent.
 *
 * Wake-ups: whoever gives a lane work marks it pending in the store and, after the commit, wakes
 * it; the committer does not wake a lane again that is pending. So a delivery may be dropped only
 * when its lane was not pending at the last look or acknowledgement and nobody has woken it since.
 * A look beside an acknowledgement answers no wake-up: it may show what came after that was stored.
 */
#include "config.h"

#include "core/group.h"
#include "core/notify_impl.h"
#include "core/route.h"

#include <limits.h>
#include <stdlib.h>

#define DELIVERY_ARENA (64u << 20)
/* A subscriber that took longer for its answer is a laggard. */
#define LATE_AFTER CLOCK_SECOND
/* How long it counts as one after its last delivery is forgotten. */
#define LATE_KNOWN (300 * CLOCK_SECOND)

enum outcome { DELIVERED, REFUSED, FAILED };

static void delivery_run(struct scl_task *t);
static void delivery_polled(struct scl_task *t);
static void rescan_run(struct scl_task *t);

struct deliveries *
deliveries_new(struct courier *c)
{
	struct deliveries *all = calloc(1, sizeof(*all));

	if (all != NULL) {
		all->courier = c;
		all->scl = courier_scl(c);
		all->rescan.run = rescan_run;
		for (size_t i = 0; i < PACES; i++)
			all->lines[i].last = &all->lines[i].first;
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
	channels_forget(d->all->scl->channels, &d->waiter);
	courier_cancel(d->all->courier, &d->polled);
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
	for (unsigned i = 0; i < DELIVERY_BUCKETS; i++)
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
	struct delivery **at = &all->buckets[subscription % DELIVERY_BUCKETS];

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
delivery_awake(struct delivery *d)
{
	/* Neither in flight, nor waiting for a retry, nor for its acknowledgement. */
	if (!d->sending && !d->acking && d->failures == 0 && d->troubles == 0)
		delivery_later(d, 0);
}

void
deliveries_wake(struct deliveries *all, uint64_t subscription)
{
	struct delivery **at = bucket_of(all, subscription), *d = *at;

	if (d != NULL) {
		d->again = true;
		delivery_awake(d);
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
	d->polled.run = delivery_polled;
	d->waiter.task = &d->polled;
	d->subscription = subscription;
	d->laggard = all->late_until[subscription % DELIVERY_LATE_SLOTS] > clock_monotonic();
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

bool
delivery_posted(const struct delivery *d)
{
	return courier_posted(&d->task);
}

void
delivery_later(struct delivery *d, int64_t delay)
{
	courier_post(d->all->courier, &d->task, delay);
}

void
delivery_idle(struct delivery *d)
{
	if (d->sending || d->acking || d->in_line || delivery_posted(d))
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

/*
 * Forwarded requests have about half of the exchanges. What is collected waits mostly for this SCL
 * itself, which needs none for that.
 */
static unsigned
places_max(const struct deliveries *all, enum pace pace)
{
	static const unsigned shares[PACES] = { [PROMPT] = 2, [LAGGARD] = 8, [COLLECTED] = 4 };
	unsigned max = courier_exchanges_max(all->courier);

	return max == 0 ? UINT_MAX : (max + shares[pace] - 1) / shares[pace];
}

static enum pace
pace_of(const struct delivery *d)
{
	if (d->collected)
		return COLLECTED;
	return d->laggard ? LAGGARD : PROMPT;
}

static bool
place_take(struct delivery *d)
{
	enum pace pace = pace_of(d);
	struct line *l = &d->all->lines[pace];

	if (l->busy >= places_max(d->all, pace)) {
		d->in_line = true;
		d->behind = NULL;
		*l->last = d;
		l->last = &d->behind;
		return false;
	}
	l->busy++;
	d->sending = true;
	d->held = pace;
	d->started = clock_monotonic();
	return true;
}

/* A place is kept for who waits longest, until its next look shows whether it needs it still. */
static void
place_offer(struct deliveries *all, enum pace pace)
{
	struct line *l = &all->lines[pace];
	struct delivery *next = l->first;

	if (next == NULL || l->busy >= places_max(all, pace))
		return;
	l->first = next->behind;
	if (l->first == NULL)
		l->last = &l->first;
	l->busy++;
	next->in_line = false;
	next->offered = true;
	next->held = pace;
	delivery_later(next, 0);
}

static void
place_leave(struct delivery *d, bool failed)
{
	int64_t now = clock_monotonic();

	d->sending = false;
	d->laggard = failed || (now - d->started > LATE_AFTER && d->held != COLLECTED);
	d->all->late_until[d->subscription % DELIVERY_LATE_SLOTS] = d->laggard ? now + LATE_KNOWN : 0;
	d->all->lines[d->held].busy--;
	place_offer(d->all, d->held);
}

static void
delivery_finished(struct delivery *d, enum outcome how)
{
	const struct scl_conf *conf = scl_conf(d->all->scl);

	place_leave(d, how == FAILED);
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
call_done(struct scl_call *call)
{
	struct delivery *d = call->owner;
	int status = call->answer->http_status;
	/* That the NSCL does not know it, either, says nothing about the contact. */
	enum outcome how = d->upward && status == 404 ? FAILED : outcome_of(RC_OK, status);

	scl_call_end(call);
	if (how == FAILED)
		channels_await(d->all->scl->channels, call->target, &d->waiter);
	delivery_finished(d, how);
}

/* What waits for its next try does not wait any more. */
static void
delivery_polled(struct scl_task *t)
{
	struct delivery *d = (struct delivery *)(void *)((char *)t - offsetof(struct delivery, polled));

	if (d->failures > 0 && delivery_posted(d))
		delivery_later(d, 0);
}

/* The SCL of a group answers when it has waited for the others and for the subscriber. */
static unsigned
timeout_ms(const struct delivery *d)
{
	const struct scl_conf *conf = scl_conf(d->all->scl);

	return conf->notify_timeout_ms * (d->collected ? 2 : 1) +
	       (d->collected ? (unsigned)(conf->aggregation_wait / 1000) : 0);
}

/*
 * In the tree of this SCL a notify changes what the subscription's creator may change: the SCL lends
 * nobody its own rights. Elsewhere it is the SCL that notifies (TS 102 921 10.25).
 */
static struct slice
in_the_name_of(const struct delivery *d, const struct owed *o)
{
	const struct scl *scl = d->all->scl;
	struct slice path = own_path(scl, d->arena, o->to);
	struct originator creator;

	if (path.n == 0 || is_collecting_address(scl, path) || o->creator.n == 0 ||
	    !originator_set(d->all->scl, d->arena, o->creator, &creator) || creator.self)
		return SLICE_NONE;
	return o->creator;
}

/*
 * A contact on this SCL, where the notify may become content, or on one that is registered, which
 * may have to be reached through a channel.
 */
static void
send_to_scl(struct delivery *d, const struct owed *o)
{
	d->call = (struct scl_call){ .method = SLICE_LIT("POST"), .target = o->to,
		                     .from = in_the_name_of(d, o),
		                     .content_type = slice_of(o->codec->media_type),
		                     .body = buf_view(&d->body), .notification = true,
		                     .timeout_ms = timeout_ms(d), .done = call_done, .owner = d };
	scl_call(d->all->scl, &d->call);
}

static void
send_out(struct delivery *d, const struct owed *o)
{
	struct scl *scl = d->all->scl;

	d->ex = (struct exchange){ .method = SLICE_LIT("POST"), .body = buf_view(&d->body),
		                   .timeout_ms = timeout_ms(d), .answer_max = 65536,
		                   .done = exchange_done, .owner = d };
	d->ex.url = arena_copy(d->arena, o->to);
	d->ex.named_by = arena_copy(d->arena, o->creator);
	exchange_add_header(&d->ex, SLICE_LIT("Content-Type"), slice_of(o->codec->media_type));
	exchange_add_issuer(&d->ex, scl, o->release);
	courier_send(d->all->courier, &d->ex);
}

static void
delivery_send(struct delivery *d, const struct owed *o, bool to_scl)
{
	buf_clear(&d->body);
	d->body.max = scl_conf(d->all->scl)->answer_max * 2;
	if (!owed_encode(d->all->scl, d->arena, o, &d->body)) {
		LOG_ERROR(d->all->scl->log, "notify-too-large", LOG_N("subscription", d->subscription));
		delivery_finished(d, REFUSED);
	} else if (to_scl && in_the_name_of(d, o).n == 0 &&
	           !courier_contact_ok(d->all->courier, o->creator, o->to)) {
		/* This SCL would speak for it there. */
		delivery_finished(d, FAILED);
	} else if (to_scl) {
		send_to_scl(d, o);
	} else {
		send_out(d, o);
	}
}

static enum rc
look(struct delivery *d, struct owed *o, bool *to_scl)
{
	struct rtx *tx;
	enum rc rc;

	arena_free(d->arena);
	d->arena = arena_new(DELIVERY_ARENA);
	if (d->arena == NULL)
		return RC_UNAVAILABLE;
	TRY(repo_begin_read(d->all->scl->repo, d->arena, &tx));
	rc = owed_find(d->all->scl, tx, d->subscription, &d->done, o);
	*to_scl = false;
	if (rc == RC_OK && (o->kind == OWED_NOTIFY || o->kind == OWED_FINAL)) {
		enum rc known = own_path(d->all->scl, d->arena, o->to).n > 0
		                    ? RC_OK
		                    : route_known(d->all->scl, tx, o->to);

		/*
		 * Only the NSCL may know the way: it is asked each time that the direct one has failed
		 * (TS 102 690, retargeting).
		 */
		d->upward = known == RC_NOT_FOUND && d->all->scl->conf.role != SCL_NSCL && d->failures % 2 == 1;
		*to_scl = known == RC_OK || d->upward;
		if (known == RC_UNAVAILABLE)
			o->wait = scl_conf(d->all->scl)->retry_first;
	}
	repo_end_read(tx);
	return rc;
}

static void
delivery_act(struct delivery *d, const struct owed *o, bool to_scl)
{
	if (o->wait > 0) {
		delivery_lighten(d);
		delivery_later(d, o->wait);
		return;
	}
	d->is_final = o->kind == OWED_FINAL;
	d->collected = !slice_eq(o->to, o->contact);
	d->reaching = (struct progress){ .cursor = o->reaching, .version = o->version };
	if (o->kind == OWED_NOTIFY || o->kind == OWED_FINAL) {
		if (place_take(d))
			delivery_send(d, o, to_scl);
		else
			delivery_lighten(d);
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

static void
delivery_go_on(struct delivery *d)
{
	struct owed o;
	bool to_scl = false;
	enum rc rc;

	if (is_ending(d)) {
		delivery_idle(d);
		return;
	}
	d->again = d->again && d->acking;
	d->end = RC_OK;
	if (d->ack_due && !d->acking)
		ack_start(d);
	rc = look(d, &o, &to_scl);
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
		delivery_act(d, &o, to_scl);
}

static void
delivery_run(struct scl_task *t)
{
	struct delivery *d = (struct delivery *)(void *)t;
	struct deliveries *all = d->all;
	bool offered = d->offered;
	enum pace pace = d->held;

	if (d->sending || d->in_line || courier_stopping(all->courier))
		return;
	if (!offered) {
		delivery_go_on(d);
		return;
	}
	d->offered = false;
	all->lines[pace].busy--;
	delivery_go_on(d);
	/* When it has not taken the place, the next one behind it may. */
	place_offer(all, pace);
}
