/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications (reference 6.5). A delivery is what the courier knows of a lane that has work:
 * at most one notify in flight, the cursor that may run ahead of the stored one, the retry state.
 * Its memory does not depend on how much is owed: the instances stay in the store until sent.
 */
#include "config.h"

#include "core/hooks.h"

#include <stdio.h>
#include <stdlib.h>

#define BUCKETS 1024u
#define DELIVERY_ARENA (64u << 20)
#define BUSY_RETRY (CLOCK_SECOND / 20)

enum outcome { DELIVERED, REFUSED, FAILED };

struct delivery {
	struct scl_task task; /* first: the task is the delivery */
	struct deliveries *all;
	uint64_t subscription;
	struct delivery *chain;
	bool sending;
	unsigned failures; /* in a row */

	/* What is in flight. */
	struct arena *arena;
	struct exchange ex;
	struct scl_local local;
	struct buf body;
	bool is_final;
	uint64_t reaching; /* cursor when it is delivered */
	uint64_t version; /* of the lane that was read */

	/* What is delivered but not stored yet. */
	bool ack_due, acking, ack_final;
	uint64_t cursor; /* sequence lanes */
	uint64_t acked_version; /* state lanes */
	int64_t sent;
	struct job job;
	struct arena *job_arena;
	enum rc end; /* the subscription is to end with this */
	bool still_pending; /* as the last acknowledgement found */
	bool again; /* woken meanwhile */
	bool stored; /* an acknowledgement of the present cursor was started */
	bool gone; /* the lane does not exist any more */
	struct scl_task back; /* the job's way back to the courier thread */
};

struct deliveries {
	struct courier *courier;
	struct scl *scl;
	struct delivery *buckets[BUCKETS];
	unsigned sending;
};

static void delivery_run(struct scl_task *t);
static void ack_start(struct delivery *d);

struct deliveries *
deliveries_new(struct courier *c)
{
	struct deliveries *all = calloc(1, sizeof(*all));

	if (all != NULL) {
		all->courier = c;
		all->scl = courier_scl(c);
	}
	return all;
}

static void
delivery_free(struct delivery *d)
{
	buf_fini(&d->body);
	buf_fini(&d->ex.answer);
	buf_fini(&d->ex.answer_text);
	arena_free(d->arena);
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
		if (!d->sending && !d->acking && d->failures == 0)
			courier_post(all->courier, &d->task, 0);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL) {
		LOG_ERROR(all->scl->log, "delivery-without-memory", LOG_N("subscription", subscription));
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

void
deliveries_scan(struct deliveries *all)
{
	struct pending_list l = { .n = 0 };
	uint64_t from = 0;

	do {
		struct arena *a = arena_new(1u << 20);
		struct rtx *tx;

		l.n = 0;
		if (a == NULL || repo_begin_read(all->scl->repo, a, &tx) != RC_OK) {
			arena_free(a);
			return;
		}
		(void)repo_pending(tx, from, 0, collect_pending, &l);
		repo_end_read(tx);
		arena_free(a);
		for (size_t i = 0; i < l.n; i++)
			deliveries_wake(all, l.ids[i]);
		if (l.n > 0)
			from = l.ids[l.n - 1] + 1;
	} while (l.n > 0);
}

/* ---- what is owed ---- */

struct owed {
	enum owed_kind kind;
	enum rc final; /* OWED_FINAL, OWED_END: why */
	int64_t wait; /* > 0: not before that many microseconds */
	struct slice contact, reference;
	const struct codec *codec;
	struct slice document, media_type; /* representation; none when document.p is NULL */
	struct slice timeout_reason;
	uint64_t reaching;
	bool moved; /* nothing to send, but the cursor passes what does not match */
};

static const struct codec *
codec_of(struct slice media_type)
{
	return slice_is(media_type, codec_json.media_type) ? &codec_json : &codec_xml;
}

static struct slice
keep(struct arena *a, struct buf *b)
{
	struct slice s = b->failed ? SLICE_NONE : arena_copy(a, buf_view(b));

	buf_fini(b);
	return s;
}

static struct slice
error_document(struct scl *scl, struct arena *a, const struct codec *codec, enum rc rc)
{
	struct buf b;

	buf_init(&b, scl_conf(scl)->answer_max);
	encode_error(codec, rc, SLICE_NONE, &b);
	return keep(a, &b);
}

static void
owe_final(struct scl *scl, struct arena *a, enum rc rc, struct owed *o)
{
	o->kind = OWED_FINAL;
	o->final = rc;
	o->document = error_document(scl, a, o->codec, rc);
	o->media_type = slice_of(o->codec->media_type);
}

/* The subscribed place as a target, resolved as its creator's request would be. */
static enum rc
watched_target(struct scl *scl, struct rtx *tx, const struct res *sub, struct target *t)
{
	struct slice path;

	TRY(repo_path(tx, sub->parent, sub->slot >> 8, &path));
	return target_find(scl, tx, path, t);
}

struct picked {
	struct scl *scl;
	struct arena *a;
	const struct filter *f;
	struct target *t;
	struct val *first, **tail;
	struct res *single;
	bool one; /* attributeAccessor: each instance is its own notify */
	size_t left, bytes_left;
	uint64_t reached;
	enum rc rc;
};

static enum visit
pick(void *arg, struct res *inst)
{
	struct picked *p = arg;
	struct val *v;

	if (!filter_instance(p->f, inst)) {
		p->reached = inst->inst.seq;
		return VISIT_DROP;
	}
	if (p->one) {
		p->reached = inst->inst.seq;
		p->single = inst;
		return VISIT_STOP;
	}
	if (p->first != NULL && (p->left == 0 || p->bytes_left < inst->inst.content.n))
		return VISIT_STOP;
	p->left -= p->left > 0;
	p->bytes_left -= p->bytes_left < inst->inst.content.n ? p->bytes_left : inst->inst.content.n;
	v = ARENA_NEW(p->a, struct val);
	if (v == NULL) {
		p->rc = RC_UNAVAILABLE;
		return VISIT_STOP;
	}
	v->attr = A_CONTENT_INSTANCE;
	p->rc = instance_values(p->scl, p->a, inst, p->t->path, p->f->meta_data_only, &v->first);
	if (p->rc != RC_OK)
		return VISIT_STOP;
	*p->tail = v;
	p->tail = &v->next;
	p->reached = inst->inst.seq;
	return VISIT_KEEP;
}

/* The collection's own values with only the new instances in it. */
static enum rc
sequence_document(struct scl *scl, struct rtx *tx, struct picked *p, struct owed *o)
{
	struct filter none = { .has_max_size = true, .max_size = 0 };
	struct originator self = { .self = true };
	struct val *vals;
	struct buf b;

	TRY(answer_values(scl, tx, &self, p->t, &none, &vals));
	for (struct val *v = vals; v != NULL; v = v->next)
		if (v->attr == A_CONTENT_INSTANCE_COLLECTION)
			v->first = p->first;
	buf_init(&b, scl_conf(scl)->answer_max);
	encode_values(o->codec, p->t->type, vals, &b);
	o->document = keep(p->a, &b);
	o->media_type = slice_of(o->codec->media_type);
	return o->document.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
single_document(struct scl *scl, struct picked *p, struct slice accessor, struct owed *o)
{
	struct val *vals;
	struct buf b;

	if (!slice_is(accessor, "latest")) {
		o->document = p->single->inst.content;
		o->media_type = p->single->inst.media_type;
		return RC_OK;
	}
	TRY(instance_values(scl, p->a, p->single, p->t->path, p->f->meta_data_only, &vals));
	buf_init(&b, scl_conf(scl)->answer_max);
	encode_values(o->codec, p->single->type, vals, &b);
	o->document = keep(p->a, &b);
	o->media_type = slice_of(o->codec->media_type);
	return o->document.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
owed_instances(struct scl *scl, struct rtx *tx, const struct lane *lane, uint64_t cursor,
               struct target *t, const struct filter *f, struct owed *o)
{
	const struct scl_conf *conf = scl_conf(scl);
	struct picked p = { .scl = scl, .a = repo_arena(tx), .f = f, .t = t, .one = f->accessor.n > 0,
		            .left = conf->notify_instances, .bytes_left = conf->notify_bytes,
		            .reached = cursor };
	uint64_t high;

	p.tail = &p.first;
	TRY(repo_seq_high(tx, lane->container, &high));
	TRY(repo_owed(tx, lane->container, cursor + 1, UINT64_MAX, 0, pick, &p));
	TRY(p.rc);
	if (p.first == NULL && p.single == NULL) {
		/* Nothing matched up to the end: that is delivered, too. */
		o->kind = OWED_NOTHING;
		o->reaching = high;
		o->moved = high > cursor;
		return RC_OK;
	}
	o->kind = OWED_NOTIFY;
	o->reaching = p.reached;
	return p.one ? single_document(scl, &p, f->accessor, o) : sequence_document(scl, tx, &p, o);
}

/* The current state: the whole, or what the accessor names. */
static enum rc
owed_state(struct scl *scl, struct rtx *tx, const struct originator *who, struct target *t,
           const struct filter *f, struct owed *o)
{
	struct val *vals, *v = NULL;
	int64_t modified;
	struct writer w;
	struct buf b;

	o->kind = OWED_NOTHING;
	TRY(target_modified(tx, t, &modified));
	if (!filter_times(f, t->node->created, modified))
		return RC_OK;
	TRY(answer_values(scl, tx, who, t, f, &vals));
	buf_init(&b, scl_conf(scl)->answer_max);
	if (t->attr != NULL) {
		enum rc rc = partial_value(NULL, t, vals, &v);

		if (rc != RC_OK)
			return rc;
		o->codec->writer(&w, &b);
		render_attribute(&w, v);
	} else {
		encode_values(o->codec, t->type, vals, &b);
	}
	o->document = keep(repo_arena(tx), &b);
	o->media_type = slice_of(o->codec->media_type);
	o->kind = OWED_NOTIFY;
	return o->document.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* Pacing: microseconds until the next notify may be sent (reference 6.5.2). */
static int64_t
pacing(const struct res *sub, const struct lane *lane, int64_t sent, int64_t now)
{
	int64_t min = val_num(sub->vals, A_MINIMAL_TIME_BETWEEN_NOTIFICATIONS, 0);
	int64_t last = sent > lane->sent ? sent : lane->sent;

	if (min <= 0 || last == 0 || min > INT64_MAX / 1000 - now)
		return 0;
	return last + min * 1000 > now ? last + min * 1000 - now : 0;
}

/* True when the subscriber wants to hear that nothing happened (timeoutReason, Release 2). */
static bool
is_timed(const struct res *sub)
{
	return val_get(sub->vals, A_TIMEOUT_REASON) != NULL &&
	       val_num(sub->vals, A_MINIMAL_TIME_BETWEEN_NOTIFICATIONS, 0) > 0;
}

static void
owe_timeout(const struct delivery *d, const struct lane *lane, const struct res *sub, int64_t now,
            struct owed *o)
{
	int64_t last = d->sent > lane->sent ? d->sent : lane->sent;
	int64_t due = (last > sub->created ? last : sub->created) +
	              val_num(sub->vals, A_MINIMAL_TIME_BETWEEN_NOTIFICATIONS, 0) * 1000;

	if (!is_timed(sub))
		return;
	if (now < due) {
		o->wait = due - now;
		return;
	}
	o->kind = OWED_NOTIFY;
	o->timeout_reason = val_text(sub->vals, A_TIMEOUT_REASON);
}

static enum rc
owed_by_subscription(struct delivery *d, struct rtx *tx, const struct lane *lane, struct res *sub,
                     struct owed *o)
{
	struct scl *scl = d->all->scl;
	struct arena *a = repo_arena(tx);
	const struct val *criteria = val_get(sub->vals, A_FILTER_CRITERIA);
	struct originator who;
	struct target t;
	struct filter f = { 0 };
	struct slice path;
	enum rc rc;

	TRY(repo_path(tx, sub->id, SLOT_SELF, &path));
	o->contact = val_text(sub->vals, A_CONTACT);
	o->reference = absolute_uri(scl, a, path);
	o->codec = codec_of(val_text(sub->vals, A_SYNTAX));
	o->wait = pacing(sub, lane, d->sent, repo_now(tx));
	if (o->wait > 0)
		return RC_OK;
	if (criteria != NULL && !filter_from_vals(scl, a, criteria->first, &f))
		return RC_INTERNAL;
	rc = watched_target(scl, tx, sub, &t);
	if (rc == RC_OK && originator_set(scl, a, val_text(sub->vals, A_SUBSCRIBER_ID), &who))
		rc = access_check(scl, tx, &who, &t, FLAG_READ);
	if (rc == RC_OK && lane->container == ID_NONE && f.accessor.n > 0)
		rc = target_find(scl, tx, arena_printf(a, "%.*s/%.*s", (int)t.path.n, t.path.p,
		                                       (int)f.accessor.n, f.accessor.p), &t);
	/* Delivered, but the acknowledgement is not stored yet; or only the pacing was changed. */
	if (rc == RC_OK && lane->container == ID_NONE &&
	    (!lane->dirty || (d->sent > 0 && lane->version == d->acked_version)))
		o->kind = OWED_NOTHING;
	else if (rc == RC_OK)
		rc = lane->container != ID_NONE
		         ? owed_instances(scl, tx, lane,
		                          d->cursor > lane->cursor ? d->cursor : lane->cursor, &t, &f, o)
		         : owed_state(scl, tx, &who, &t, &f, o);
	if (rc == RC_OK && o->kind == OWED_NOTHING)
		owe_timeout(d, lane, sub, repo_now(tx), o);
	if (val_num(sub->vals, A_NO_REPRESENTATION, 0) != 0)
		o->document = SLICE_NONE;
	if (rc != RC_DENIED && rc != RC_NOT_FOUND)
		return rc;
	/* The standing RETRIEVE fails for good: the subscription ends (reference 6.5.1). */
	o->kind = OWED_END;
	o->final = rc;
	return RC_OK;
}

static enum rc
find_owed(struct delivery *d, struct rtx *tx, struct owed *o)
{
	struct res *sub;
	struct lane lane;

	o->codec = &codec_xml;
	TRY(repo_lane_get(tx, d->subscription, &lane));
	d->version = lane.version;
	o->reaching = lane.cursor;
	if (lane.final != RC_OK) {
		o->contact = lane.contact;
		o->reference = lane.reference;
		o->codec = codec_of(lane.syntax);
		owe_final(d->all->scl, repo_arena(tx), lane.final, o);
		return RC_OK;
	}
	TRY(repo_get(tx, d->subscription, &sub));
	return owed_by_subscription(d, tx, &lane, sub, o);
}

/* ---- sending ---- */

static bool
notify_encode(struct scl *scl, struct arena *a, const struct owed *o, struct buf *out)
{
	enum rc rc = o->kind == OWED_FINAL ? o->final : RC_OK;
	struct val *list = NULL, *rep;
	struct writer w;
	bool ok;

	ok = val_set_num(a, &list, A_STATUS_CODE,
	                 enum_index(attr_info(A_STATUS_CODE)->values, slice_of(status_of(rc)->etsi)));
	if (ok && o->document.p != NULL) {
		rep = val_add(a, &list, A_REPRESENTATION);
		ok = rep != NULL && val_set_text(a, &rep->first, A_CONTENT_TYPE_ATTR, o->media_type) &&
		     val_set_text(a, &rep->first, A_TEXT, o->document);
	}
	if (ok && o->timeout_reason.n > 0)
		ok = val_set_text(a, &list, A_TIMEOUT_REASON, o->timeout_reason);
	ok = ok && val_set_text(a, &list, A_SUBSCRIPTION_REFERENCE, o->reference) &&
	     val_set_text(a, &list, A_REQUESTING_ENTITY, scl->own.base_uri) &&
	     val_set_text(a, &list, A_CONTACT, o->contact);
	if (!ok)
		return false;
	o->codec->writer(&w, out);
	render_shape(&w, "notify", &shape_notify, list);
	return !out->failed;
}

static int64_t
backoff(const struct scl_conf *conf, unsigned failures)
{
	int64_t delay = conf->retry_first;
	unsigned jitter;

	for (unsigned i = 1; i < failures && delay < conf->retry_max; i++)
		delay *= 2;
	if (delay > conf->retry_max)
		delay = conf->retry_max;
	/* Up to a quarter of jitter, so that many subscribers of one dead host do not march in step. */
	jitter = (unsigned)(clock_monotonic() % 1024);
	return delay + delay / 4 * jitter / 1024;
}

static void
delivery_idle(struct delivery *d)
{
	if (d->sending || d->acking || d->task.place != 0)
		return;
	if (d->ack_due || d->ack_final || d->end != RC_OK)
		ack_start(d);
	else if (d->gone)
		delivery_drop(d);
	else if (d->still_pending || d->again)
		courier_post(d->all->courier, &d->task, 0);
	else
		delivery_drop(d);
}

static void
delivery_finished(struct delivery *d, enum outcome how)
{
	const struct scl_conf *conf = scl_conf(d->all->scl);

	d->sending = false;
	d->all->sending--;
	if (how == FAILED && (conf->tries == 0 || d->failures + 1 < conf->tries)) {
		d->failures++;
		courier_post(d->all->courier, &d->task, backoff(conf, d->failures));
		return;
	}
	if (how != DELIVERED) {
		atomic_fetch_add(&d->all->scl->refused_notifies, 1);
		LOG_WARN(d->all->scl->log, "notify-refused", LOG_N("subscription", d->subscription));
	}
	d->failures = 0;
	d->sent = clock_now(d->all->scl->clock);
	d->cursor = d->reaching;
	d->acked_version = d->version;
	d->ack_due = !d->is_final;
	d->ack_final = d->is_final;
	/* The next one does not wait for the acknowledgement of this one to be stored. */
	if (!d->acking)
		ack_start(d);
	if (!d->ack_final && !d->is_final && d->task.place == 0 && !d->sending)
		courier_post(d->all->courier, &d->task, 0);
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

	buf_clear(&d->body);
	d->body.max = scl_conf(d->all->scl)->answer_max * 2;
	if (!notify_encode(d->all->scl, d->arena, o, &d->body)) {
		LOG_ERROR(d->all->scl->log, "notify-too-large", LOG_N("subscription", d->subscription));
		d->sending = true;
		d->all->sending++;
		delivery_finished(d, REFUSED);
		return;
	}
	d->sending = true;
	d->all->sending++;
	if (path.n > 0)
		send_local(d, path, o);
	else
		send_remote(d, o, hop);
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
	rc = find_owed(d, tx, o);
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
		courier_post(d->all->courier, &d->task, o->wait);
		return;
	}
	d->is_final = o->kind == OWED_FINAL;
	d->reaching = o->reaching;
	switch (o->kind) {
	case OWED_NOTIFY:
	case OWED_FINAL:
		delivery_send(d, o, hop);
		return;
	case OWED_END:
		d->end = o->final;
		break;
	case OWED_NOTHING:
		if (o->reaching > d->cursor)
			d->cursor = o->reaching;
		d->acked_version = d->version;
		/* What the last acknowledgement said already needs no second one. */
		d->ack_due = d->ack_due || !d->stored || o->moved;
		break;
	}
	d->still_pending = false;
	delivery_idle(d);
}

static void
delivery_run(struct scl_task *t)
{
	struct delivery *d = (struct delivery *)(void *)t;
	struct owed o = { 0 };
	struct slice hop;
	enum rc rc;

	if (d->sending || d->ack_final)
		return;
	if (courier_stopping(d->all->courier))
		return;
	if (d->all->sending >= courier_exchanges_max(d->all->courier) / 2) {
		courier_post(d->all->courier, &d->task, BUSY_RETRY);
		return;
	}
	d->again = false;
	rc = look(d, &o, &hop);
	if (rc == RC_NOT_FOUND) {
		d->gone = true;
		d->ack_due = d->ack_final = false;
		delivery_idle(d);
	} else if (rc != RC_OK) {
		LOG_ERROR(d->all->scl->log, "notify-impossible", LOG_N("subscription", d->subscription),
		          LOG_Z("status", status_of(rc)->text));
		d->failures++;
		courier_post(d->all->courier, &d->task, backoff(scl_conf(d->all->scl), d->failures));
	} else {
		delivery_act(d, &o, hop);
	}
}

/* ---- acknowledgement: what was delivered becomes durable ---- */

/* What the job stores, and finds out: the delivery goes on on its own thread meanwhile. */
struct ack {
	uint64_t cursor, version;
	int64_t sent;
	bool final; /* the final notify was delivered: the lane goes */
	enum rc end; /* the subscription ends with this */
	bool pending; /* result: the lane has more to deliver */
};

static enum rc
ack_sequence(struct rtx *tx, struct lane *lane, struct ack *ack)
{
	uint64_t high, low;
	struct res *sub;

	TRY(repo_get(tx, lane->subscription, &sub));
	TRY(repo_seq_high(tx, lane->container, &high));
	if (ack->cursor > lane->cursor)
		lane->cursor = ack->cursor;
	lane->sent = ack->sent;
	ack->pending = is_timed(sub) ||
	               high - lane->cursor >= (uint64_t)val_num(sub->vals, A_MAX_ACCU_CREATES, 1);
	TRY(repo_lane_put(tx, lane, ack->pending));
	TRY(instances_owed_from(tx, lane->container, &low));
	return repo_release(tx, lane->container, low);
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
	if (lane.container != ID_NONE)
		return ack_sequence(tx, &lane, ack);
	lane.sent = ack->sent;
	TRY(repo_get(tx, lane.subscription, &sub));
	lane.dirty = lane.dirty && lane.version != ack->version;
	ack->pending = lane.dirty || is_timed(sub);
	return repo_lane_put(tx, &lane, ack->pending);
}

static enum rc
end_subscription(struct delivery *d, struct rtx *tx, struct ack *ack)
{
	struct res *sub;

	TRY(repo_get(tx, d->subscription, &sub));
	ack->pending = true;
	return remove_subtree(d->all->scl, tx, sub, ack->end);
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
	struct ack *ack = job->arg;

	ack->pending = false;
	if (ack->final)
		return remove_lane(d, tx);
	return ack->end != RC_OK ? end_subscription(d, tx, ack) : ack_lane(d, tx, ack);
}

static void
ack_back(struct scl_task *t)
{
	struct delivery *d = (struct delivery *)(void *)((char *)t - offsetof(struct delivery, back));
	const struct ack *ack = d->job.arg;
	bool failed = !status_is_success(d->job.rc) && d->job.rc != RC_NOT_FOUND;

	d->acking = false;
	if (failed) {
		/* Delivered but not recorded: it is recorded, or delivered again, later. */
		d->ack_due = d->ack_due || !ack->final;
		d->ack_final = ack->final;
		if (!d->sending && d->task.place == 0)
			courier_post(d->all->courier, &d->task, CLOCK_SECOND);
		return;
	}
	d->gone = d->gone || ack->final || d->job.rc == RC_NOT_FOUND;
	d->still_pending = ack->pending;
	if (ack->end != RC_OK)
		d->end = RC_OK;
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
	struct ack *w;

	arena_free(d->job_arena);
	d->job_arena = arena_new(scl_conf(d->all->scl)->arena_max);
	w = d->job_arena == NULL ? NULL : ARENA_NEW(d->job_arena, struct ack);
	if (w == NULL) {
		courier_post(d->all->courier, &d->task, CLOCK_SECOND);
		return;
	}
	*w = (struct ack){ .cursor = d->cursor, .version = d->acked_version, .sent = d->sent,
		           .final = d->ack_final, .end = d->end };
	d->job = (struct job){ .run = ack_run, .done = ack_done, .arena = d->job_arena, .arg = w };
	d->ack_due = false;
	d->stored = true;
	d->acking = committer_submit_own(d->all->scl->committer, &d->job);
}
