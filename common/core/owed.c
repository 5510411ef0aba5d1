/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subscription's lane owes at a moment (TS 102 921 10.25), read from a snapshot: nothing
 * here is kept between two looks.
 */
#include "config.h"

#include "core/owed.h"

/* No pacing is longer, microseconds: sums with times cannot overflow. */
#define INTERVAL_MAX (INT64_MAX / 4)

/* Microseconds until something past due is looked at again, unless the sweep wakes the lane. */
#define SWEEP_WAIT (CLOCK_SECOND / 4)

/* One look at one lane. */
struct look {
	struct scl *scl;
	struct rtx *tx;
	const struct progress *done;
	struct owed *o;
	struct lane lane;
	struct res *sub;
};

/* Syntax and release in which the subscription was created. */
static void
set_syntax(struct owed *o, struct slice syntax)
{
	o->codec = media_syntax(syntax);
	o->release = syntax.n > sizeof(SYNTAX_RELEASE1) - 1 &&
	                     slice_is(slice_from(syntax, syntax.n - (sizeof(SYNTAX_RELEASE1) - 1)),
	                              SYNTAX_RELEASE1)
	                 ? 1
	                 : 2;
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
	encode_values(o->codec, o->release, p->t->type, vals, &b);
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
	encode_values(o->codec, o->release, p->single->type, vals, &b);
	o->document = keep(p->a, &b);
	o->media_type = slice_of(o->codec->media_type);
	return o->document.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* maxAccuCreates: the notify is owed when so many have come; what was there at first is, too. */
static bool
enough(const struct look *l, uint64_t high)
{
	bool first = l->lane.dirty && l->done->sent == 0;
	uint64_t new = high > l->o->reaching ? high - l->o->reaching : 0;

	return new > 0 && (first || new >= (uint64_t)val_num(l->sub->vals, A_MAX_ACCU_CREATES, 1));
}

static enum rc
owed_instances(struct look *l, struct target *t, const struct filter *f)
{
	const struct scl_conf *conf = scl_conf(l->scl);
	struct owed *o = l->o;
	struct picked p = { .scl = l->scl, .a = repo_arena(l->tx), .f = f, .t = t,
		            .one = f->accessor.n > 0, .left = conf->notify_instances,
		            .bytes_left = conf->notify_bytes };
	uint64_t high;

	p.tail = &p.first;
	TRY(repo_seq_high(l->tx, l->lane.container, &high));
	if (!enough(l, high))
		return RC_OK;
	TRY(repo_owed(l->tx, l->lane.container, o->reaching + 1, UINT64_MAX, 0, pick, &p));
	TRY(p.rc);
	if (p.first == NULL && p.single == NULL) {
		/* Nothing matched up to the end: that is delivered, too. */
		o->reaching = high;
		o->moved = true;
		return RC_OK;
	}
	o->kind = OWED_NOTIFY;
	o->reaching = p.reached;
	return p.one ? single_document(l->scl, &p, f->accessor, o)
	             : sequence_document(l->scl, l->tx, &p, o);
}

/* The current state: the whole, or what the accessor names. */
static enum rc
owed_state(struct look *l, const struct originator *who, struct target *t, const struct filter *f)
{
	struct val *vals, *v = NULL;
	struct owed *o = l->o;
	int64_t modified;
	struct writer w;
	struct buf b;

	/* Delivered, but not stored as such yet; or only the pacing was changed. */
	if (!l->lane.dirty || (l->done->sent > 0 && l->lane.version == l->done->version))
		return RC_OK;
	TRY(target_modified(l->tx, t, &modified));
	if (!filter_times(f, t->node->created, modified))
		return RC_OK;
	TRY(answer_values(l->scl, l->tx, who, t, f, &vals));
	if (t->attr != NULL)
		TRY(partial_value(NULL, t, vals, &v));
	buf_init(&b, scl_conf(l->scl)->answer_max);
	if (t->attr != NULL) {
		o->codec->writer(&w, &b);
		render_attribute(&w, v, o->release);
	} else {
		encode_values(o->codec, o->release, t->type, vals, &b);
	}
	o->document = keep(repo_arena(l->tx), &b);
	o->media_type = slice_of(o->codec->media_type);
	o->kind = OWED_NOTIFY;
	return o->document.p == NULL ? RC_UNAVAILABLE : RC_OK;
}

/* minimalTimeBetweenNotifications in microseconds, 0 = none. */
static int64_t
interval(const struct res *sub)
{
	int64_t ms = val_num(sub->vals, A_MINIMAL_TIME_BETWEEN_NOTIFICATIONS, 0);

	return ms <= 0 ? 0 : ms > INTERVAL_MAX / 1000 ? INTERVAL_MAX : ms * 1000;
}

/* Time of the last notify, 0 before the first. */
static int64_t
last_sent(const struct look *l)
{
	return l->done->sent > l->lane.sent ? l->done->sent : l->lane.sent;
}

/* Pacing: microseconds until the next notify may be sent (TS 102 921 10.25). */
static int64_t
pacing(const struct look *l, int64_t now)
{
	int64_t due = last_sent(l) + interval(l->sub);

	return last_sent(l) > 0 && due > now ? due - now : 0;
}

bool
subscription_timed(const struct res *sub)
{
	return val_get(sub->vals, A_TIMEOUT_REASON) != NULL && interval(sub) > 0;
}

/* The subscriber wants to hear that nothing happened (timeoutReason, Release 2). */
static void
owe_timeout(struct look *l, int64_t now)
{
	int64_t last = last_sent(l);
	int64_t due = (last > l->sub->created ? last : l->sub->created) + interval(l->sub);

	if (now < due) {
		l->o->wait = due - now;
		return;
	}
	l->o->kind = OWED_NOTIFY;
	l->o->timeout_reason = val_text(l->sub->vals, A_TIMEOUT_REASON);
}

/* The standing RETRIEVE, with the rights of the creator. */
static enum rc
owed_retrieve(struct look *l)
{
	struct arena *a = repo_arena(l->tx);
	const struct val *criteria = val_get(l->sub->vals, A_FILTER_CRITERIA);
	struct originator who;
	struct target t;
	struct filter f = { 0 };

	if (criteria != NULL && !filter_from_vals(l->scl, a, criteria->first, &f))
		return RC_INTERNAL;
	if (!originator_set(l->scl, a, val_text(l->sub->vals, A_SUBSCRIBER_ID), &who))
		return RC_INTERNAL;
	TRY(watched_target(l->scl, l->tx, l->sub, &t));
	TRY(access_check(l->scl, l->tx, &who, &t, FLAG_READ));
	if (l->lane.container != ID_NONE)
		return owed_instances(l, &t, &f);
	if (f.accessor.n > 0)
		TRY(target_find(l->scl, l->tx, arena_printf(a, "%.*s/%.*s", (int)t.path.n, t.path.p,
		                                            (int)f.accessor.n, f.accessor.p), &t));
	return owed_state(l, &who, &t, &f);
}

/* Past due but not removed yet: what is owed is that it is deleted, and the sweep says so. */
static bool
awaits_sweep(const struct look *l)
{
	struct res *node;

	for (uint64_t id = l->sub->parent; id != ID_SCL_BASE; id = node->parent) {
		if (repo_get(l->tx, id, &node) != RC_OK)
			return false;
		if (node->expires <= repo_now(l->tx))
			return true;
	}
	return false;
}

/* What is aggregated goes to the SCL of the group, which sends it on (TS 102 921 10.25). */
static struct slice
sent_to(struct slice aggregate, struct slice contact)
{
	return aggregate.n > 0 ? aggregate : contact;
}

static enum rc
owed_by_subscription(struct look *l)
{
	struct owed *o = l->o;
	struct slice path;
	enum rc rc;

	TRY(repo_path(l->tx, l->sub->id, SLOT_SELF, &path));
	o->contact = val_text(l->sub->vals, A_CONTACT);
	o->to = sent_to(val_text(l->sub->vals, A_AGGREGATE_URI), o->contact);
	o->reference = absolute_uri(l->scl, repo_arena(l->tx), path);
	o->creator = val_text(l->sub->vals, A_SUBSCRIBER_ID);
	set_syntax(o, val_text(l->sub->vals, A_SYNTAX));
	o->wait = pacing(l, repo_now(l->tx));
	if (o->wait > 0)
		return RC_OK;
	rc = owed_retrieve(l);
	if (rc == RC_NOT_FOUND && awaits_sweep(l)) {
		o->wait = SWEEP_WAIT;
		return RC_OK;
	}
	/* The standing RETRIEVE fails for good: the subscription ends (TS 102 921 10.25). */
	if (rc == RC_DENIED || rc == RC_NOT_FOUND) {
		o->kind = OWED_END;
		o->final = rc;
		return RC_OK;
	}
	if (rc == RC_OK && o->kind == OWED_NOTHING && subscription_timed(l->sub))
		owe_timeout(l, repo_now(l->tx));
	if (val_num(l->sub->vals, A_NO_REPRESENTATION, 0) != 0)
		o->document = SLICE_NONE;
	return rc;
}

static bool
see_pending(void *arg, uint64_t id)
{
	*(uint64_t *)arg = id;
	return false;
}

static enum rc
lane_is_pending(struct rtx *tx, uint64_t subscription, bool *yes)
{
	uint64_t id = ID_NONE;

	TRY(repo_pending(tx, subscription, 1, see_pending, &id));
	*yes = id == subscription;
	return RC_OK;
}

enum rc
owed_find(struct scl *scl, struct rtx *tx, uint64_t subscription, const struct progress *done,
          struct owed *o)
{
	struct look l = { .scl = scl, .tx = tx, .done = done, .o = o };

	*o = (struct owed){ .kind = OWED_NOTHING, .codec = &codec_xml };
	TRY(repo_lane_get(tx, subscription, &l.lane));
	TRY(lane_is_pending(tx, subscription, &o->pending));
	o->version = l.lane.version;
	o->reaching = done->cursor > l.lane.cursor ? done->cursor : l.lane.cursor;
	if (l.lane.final != RC_OK) {
		o->contact = l.lane.contact;
		o->to = sent_to(l.lane.aggregate, o->contact);
		o->reference = l.lane.reference;
		o->creator = l.lane.creator;
		set_syntax(o, l.lane.syntax);
		owe_final(scl, repo_arena(tx), l.lane.final, o);
		return RC_OK;
	}
	TRY(repo_get(tx, subscription, &l.sub));
	return owed_by_subscription(&l);
}

bool
owed_encode(const struct scl *scl, struct arena *a, const struct owed *o, struct buf *out)
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
	render_shape(&w, "notify", &shape_notify, list, o->release);
	return !out->failed;
}

