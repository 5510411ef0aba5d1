/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregation (TS 102 690, groups; TS 102 921 10.25, aggregateURI): the notifications of a
 * subscription that was made through a group come here and go on to the subscriber together. A
 * member is answered when the subscriber has answered, so nothing is lost with this process: the
 * members send again what was not acknowledged.
 */
#include "config.h"

#include "base/ident.h"
#include "core/group.h"
#include "core/hooks.h"
#include "core/route.h"

#include <stdlib.h>

#define SEGMENT "aggregation"
/* Notifications in one notifyCollection. */
#define TOGETHER_MAX 256u
#define SCRATCH_MAX (64u << 20)
#define ANSWER_MAX (1u << 20)
/* A token: the group's number in hexadecimal digits, a hyphen, a name that nobody can guess. */
#define TOKEN_MAX (16u + 1 + IDENT_LEN + 1)

/* A notification that waits for its subscriber; with its texts in one piece of memory. */
struct held {
	struct scl_task task; /* first */
	struct aggregator *ag;
	struct req *rq;
	struct held *next;
	int64_t due; /* monotonic microseconds: no longer than that */
	size_t expected; /* members that can send one, 0 = unknown */
	const struct codec *codec;
	char token[TOKEN_MAX];
	struct slice contact, reference;
	struct slice notify; /* encoded values */
	char texts[];
};

/* The notifications to one subscriber of one subscription through one group. */
struct collector {
	struct scl_task task; /* first */
	struct aggregator *ag;
	struct collector *next;
	char token[TOKEN_MAX];
	struct held *first, **last;
	size_t n;

	/* What is under way to the subscriber. */
	bool sending;
	struct held *sent;
	struct arena *arena;
	struct buf body;
	struct exchange ex;
	struct scl_call call;
};

struct aggregator {
	struct scl *scl;
	struct segment segment;
	_Atomic unsigned held; /* in all */
	_Atomic size_t bytes; /* of them */
	struct collector *collectors; /* courier thread */
};

/* ---- entries: what the group keeps of an aggregation ---- */

static const struct val *
entries_of(const struct res *group)
{
	const struct val *list = val_get(group->vals, A_AGGREGATIONS);

	return list == NULL ? NULL : list->first;
}

static int64_t
entry_expires(const struct val *entry)
{
	return val_num(entry->first, A_EXPIRATION_TIME, CLOCK_NEVER);
}

static const struct val *
entry_by_token(const struct res *group, struct slice token)
{
	for (const struct val *e = entries_of(group); e != NULL; e = e->next)
		if (slice_eq(val_text(e->first, A_AGGREGATION_TOKEN), token))
			return e;
	return NULL;
}

/* The one that would deliver in the same way. */
static const struct val *
entry_like(const struct res *group, const struct val *wanted)
{
	for (const struct val *e = entries_of(group); e != NULL; e = e->next)
		if (slice_eq(val_text(e->first, A_CONTACT), val_text(wanted, A_CONTACT)) &&
		    slice_eq(val_text(e->first, A_SYNTAX), val_text(wanted, A_SYNTAX)) &&
		    val_num(e->first, A_DELAY_TOLERANCE, 0) == val_num(wanted, A_DELAY_TOLERANCE, 0))
			return e;
	return NULL;
}

static unsigned
entries_max(const struct scl *scl)
{
	return scl_conf(scl)->subscriptions_per_resource;
}

/* Drops the entry that is replaced, and what has expired when there are too many. */
static size_t
make_room(struct val *list, struct slice token, unsigned max, int64_t now)
{
	struct val **at;
	size_t n = 0;

	for (const struct val *e = list->first; e != NULL; e = e->next)
		n++;
	for (at = &list->first; *at != NULL;) {
		bool replaced = slice_eq(val_text((*at)->first, A_AGGREGATION_TOKEN), token);
		bool outlived = max > 0 && n >= max && entry_expires(*at) <= now;

		if (replaced || outlived) {
			*at = (*at)->next;
			n--;
		} else {
			at = &(*at)->next;
		}
	}
	return n;
}

enum rc
aggregation_store(struct scl *scl, struct rtx *tx, uint64_t group, const struct val *entry)
{
	unsigned max = entries_max(scl);
	struct res *old, *self;
	struct val *list, *e;

	TRY(repo_get(tx, group, &old));
	TRY(repo_get(tx, group, &self));
	list = val_find(self->vals, A_AGGREGATIONS);
	if (list == NULL)
		list = val_add(repo_arena(tx), &self->vals, A_AGGREGATIONS);
	if (list == NULL)
		return RC_UNAVAILABLE;
	if (make_room(list, val_text(entry, A_AGGREGATION_TOKEN), max, repo_now(tx)) >= max && max > 0)
		return RC_FORBIDDEN;
	e = val_add(repo_arena(tx), &list->first, A_AGGREGATION);
	if (e == NULL)
		return RC_UNAVAILABLE;
	/* The values are only read. */
	e->first = (struct val *)(uintptr_t)entry;
	return repo_update(tx, old, self);
}

/* ---- a subscription through the group ---- */

static bool
bind_subscription(struct req *rq, struct val **vals)
{
	struct binder b = { .arena = rq->arena, .ordered = !rq->conf->tolerate_unordered };
	struct node *root;
	const char *why;

	if (rq->in_codec == NULL ||
	    rq->in_codec->decode(rq->arena, rq->in.body, &rq->conf->document, &root, &why) != RC_OK ||
	    !slice_is(root->name, "subscription"))
		return false;
	return bind_resource(&b, rtype_get(T_SUBSCRIPTION), BIND_CREATE, root, vals) == RC_OK;
}

/* Members on other SCLs read a path as one of theirs. */
static struct slice
absolute_contact(struct req *rq, struct slice contact)
{
	if (contact.n > 0 && contact.p[0] == '/')
		return absolute_uri(rq->scl, rq->arena, contact);
	return uri_is_absolute(contact) ? contact : SLICE_NONE;
}

static bool
new_token(struct req *rq, struct val **entry)
{
	char random[IDENT_LEN + 1];
	struct slice token;

	ident_random(random);
	token = arena_printf(rq->arena, "%llx-%s", (unsigned long long)rq->target.id, random);
	return token.p != NULL && val_set_text(rq->arena, entry, A_AGGREGATION_TOKEN, token);
}

/* The entry that the subscription wants, with the token of one that is stored, if there is one. */
static bool
make_entry(struct req *rq, const struct val *sub, struct slice contact, struct val **entry, bool *stored)
{
	int64_t expires = val_num(sub, A_EXPIRATION_TIME, CLOCK_NEVER);
	int64_t delay = val_num(sub, A_DELAY_TOLERANCE, 0);
	const struct val *like;

	*entry = NULL;
	if (!val_set_text(rq->arena, entry, A_CONTACT, contact) ||
	    !val_set_text(rq->arena, entry, A_SYNTAX, slice_of(rq->in_codec->media_type)) ||
	    (delay != 0 && !val_set_num(rq->arena, entry, A_DELAY_TOLERANCE, delay)) ||
	    (expires != CLOCK_NEVER && !val_set_num(rq->arena, entry, A_EXPIRATION_TIME, expires)))
		return false;
	like = entry_like(rq->target.node, *entry);
	*stored = like != NULL && entry_expires(like) >= expires;
	if (like == NULL)
		return new_token(rq, entry);
	return val_set_text(rq->arena, entry, A_AGGREGATION_TOKEN,
	                    val_text(like->first, A_AGGREGATION_TOKEN));
}

static bool
render_subscription(struct req *rq, struct val *vals, struct slice contact, struct slice token,
                    struct slice *body)
{
	struct slice uri = ARENA_JOIN(rq->arena, rq->scl->own.base_uri, SLICE_LIT("/" SEGMENT "/"), token);
	struct buf b;

	if (uri.p == NULL || !val_set_text(rq->arena, &vals, A_CONTACT, contact) ||
	    !val_set_text(rq->arena, &vals, A_AGGREGATE_URI, uri))
		return false;
	buf_init(&b, rq->conf->body_max * 2);
	*body = encode_values(rq->in_codec, 2, rtype_get(T_SUBSCRIPTION), vals, &b)
	            ? arena_copy(rq->arena, buf_view(&b))
	            : SLICE_NONE;
	buf_fini(&b);
	return body->p != NULL;
}

bool
aggregation_prepare(struct req *rq, struct aggregation *out)
{
	struct val *vals, *entry;
	struct slice contact;
	bool stored;

	/* One that names its aggregateURI already comes through another group, or wants another way. */
	if (rq->conf->aggregation_wait == 0 || !bind_subscription(rq, &vals) ||
	    val_get(vals, A_AGGREGATE_URI) != NULL)
		return false;
	contact = absolute_contact(rq, val_text(vals, A_CONTACT));
	if (contact.n == 0 || !make_entry(rq, vals, contact, &entry, &stored))
		return false;
	out->entry = stored ? NULL : entry;
	return render_subscription(rq, vals, contact, val_text(entry, A_AGGREGATION_TOKEN), &out->body);
}

/* ---- answers to the members ---- */

static void
held_answer(struct held *h, enum rc rc)
{
	struct req *rq = h->rq;

	atomic_fetch_sub(&h->ag->held, 1);
	atomic_fetch_sub(&h->ag->bytes, h->notify.n);
	free(h);
	if (status_is_success(rc))
		rq->rc = RC_NO_CONTENT;
	else
		req_fail(rq, rc, "the subscriber did not take the notification");
	req_finish(rq);
}

static void
answer_all(struct held *h, enum rc rc)
{
	while (h != NULL) {
		struct held *next = h->next;

		held_answer(h, rc);
		h = next;
	}
}

static enum rc
rc_of_name(struct slice name)
{
	if (slice_is(name, "STATUS_CREATED"))
		return RC_CREATED;
	for (unsigned rc = 0; rc < RC_COUNT; rc++)
		if (slice_is(name, status_of((enum rc)rc)->etsi))
			return (enum rc)rc;
	return RC_BAD_GATEWAY;
}

/* The statuses of a notifyCollectionResponse, NULL when the body is none. */
static const struct val *
read_statuses(struct collector *c, struct slice type, struct slice body)
{
	const struct scl_conf *conf = scl_conf(c->ag->scl);
	const struct codec *codec = type.n >= 16 && memcmp(type.p, "application/json", 16) == 0 ? &codec_json
	                                                                                  : &codec_xml;
	struct binder b = { .arena = c->arena };
	struct val *vals = NULL;
	struct node *root;
	const char *why;

	if (body.n == 0 || codec->decode(c->arena, body, &conf->document, &root, &why) != RC_OK ||
	    !slice_is(root->name, "notifyCollectionResponse") ||
	    bind_shape(&b, &shape_notify_collection_response, root, &vals) != RC_OK)
		return NULL;
	return vals;
}

static enum rc
status_for(struct collector *c, const struct val *statuses, struct slice reference)
{
	struct slice own = comparable_uri(c->ag->scl, c->arena, reference);

	for (const struct val *s = statuses; s != NULL; s = s->next) {
		struct slice target = val_text(s->first, A_STATUS_TARGET);

		if (slice_eq(comparable_uri(c->ag->scl, c->arena, target), own))
			return rc_of_name(val_text(s->first, A_STATUS_TEXT));
	}
	return RC_OK;
}

/* ---- to the subscriber ---- */

static void collector_run(struct scl_task *t);

static void
collector_free(struct collector *c)
{
	struct collector **at = &c->ag->collectors;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	scl_cancel(c->ag->scl, &c->task);
	buf_fini(&c->body);
	arena_free(c->arena);
	free(c);
}

/* Every member gets what the subscriber said of it. */
static void
report(struct collector *c, enum rc rc, struct slice type, struct slice body)
{
	const struct val *statuses = status_is_success(rc) ? read_statuses(c, type, body) : NULL;
	struct held *h = c->sent;

	if (!status_is_success(rc))
		LOG_INFO(c->ag->scl->log, "aggregate-refused", LOG_Z("status", status_of(rc)->text));
	c->sent = NULL;
	while (h != NULL) {
		struct held *next = h->next;

		held_answer(h, statuses == NULL ? rc : status_for(c, statuses, h->reference));
		h = next;
	}
}

static void
collector_next(struct collector *c)
{
	c->sending = false;
	buf_fini(&c->body);
	arena_free(c->arena);
	c->arena = NULL;
	if (c->first == NULL)
		collector_free(c);
	else
		scl_post(c->ag->scl, &c->task, 0);
}

static void
exchange_done(struct exchange *ex)
{
	struct collector *c = ex->owner;

	report(c, ex->rc == RC_OK ? status_from_http(ex->http_status) : ex->rc,
	       exchange_answer_header(ex, "content-type"), buf_view(&ex->answer));
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	collector_next(c);
}

static void
call_done(struct scl_call *call)
{
	struct collector *c = call->owner;

	report(c, call->rc, call->answer->content_type,
	       slice_make(call->answer->body, call->answer->body_len));
	scl_call_end(call);
	collector_next(c);
}

/* On this SCL, or one that is registered and may have to be reached through a channel. */
static enum rc
is_on_scl(struct collector *c, struct slice contact, bool *yes)
{
	struct scl *scl = c->ag->scl;
	struct rtx *tx;
	enum rc rc;

	*yes = own_path(scl, c->arena, contact).n > 0;
	if (*yes)
		return RC_OK;
	TRY(repo_begin_read(scl->repo, c->arena, &tx));
	rc = route_known(scl, tx, contact);
	repo_end_read(tx);
	*yes = rc == RC_OK;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void
send_to_scl(struct collector *c, struct slice contact, const struct codec *codec)
{
	c->call = (struct scl_call){ .method = SLICE_LIT("POST"), .target = contact,
		                     .content_type = slice_of(codec->media_type),
		                     .body = buf_view(&c->body),
		                     .timeout_ms = scl_conf(c->ag->scl)->notify_timeout_ms,
		                     .done = call_done, .owner = c };
	scl_call(c->ag->scl, &c->call);
}

static void
send_out(struct collector *c, struct slice contact, const struct codec *codec)
{
	struct scl *scl = c->ag->scl;

	c->ex = (struct exchange){ .method = SLICE_LIT("POST"), .url = contact,
		                   .body = buf_view(&c->body),
		                   .timeout_ms = scl_conf(scl)->notify_timeout_ms,
		                   .answer_max = ANSWER_MAX, .done = exchange_done, .owner = c };
	exchange_add_header(&c->ex, SLICE_LIT("Content-Type"), slice_of(codec->media_type));
	exchange_add_header(&c->ex, SLICE_LIT("From"), scl->own.base_uri);
	scl_send(scl, &c->ex);
}

/* One notify as it is, several as a notifyCollection. */
static bool
write_document(struct collector *c)
{
	struct val list = { 0 }, **tail = &list.first;
	struct writer w;

	buf_init(&c->body, SCRATCH_MAX);
	for (const struct held *h = c->sent; h != NULL; h = h->next) {
		struct val *v = ARENA_NEW(c->arena, struct val);

		if (v == NULL || vals_decode(c->arena, h->notify, &v->first) != RC_OK)
			return false;
		v->attr = A_NOTIFY;
		*tail = v;
		tail = &v->next;
	}
	c->sent->codec->writer(&w, &c->body);
	if (list.first->next == NULL)
		render_shape(&w, "notify", &shape_notify, list.first->first, 2);
	else
		render_shape(&w, "notifyCollection", &shape_notify_collection, list.first, 2);
	return !c->body.failed;
}

static void
collector_send(struct collector *c)
{
	struct held *h = c->sent;
	bool on_scl = false;
	enum rc rc = RC_UNAVAILABLE;

	c->sending = true;
	c->arena = arena_new(SCRATCH_MAX);
	if (c->arena != NULL && write_document(c))
		rc = is_on_scl(c, h->contact, &on_scl);
	if (rc != RC_OK) {
		report(c, RC_UNAVAILABLE, SLICE_NONE, SLICE_NONE);
		collector_next(c);
	} else if (on_scl) {
		send_to_scl(c, h->contact, h->codec);
	} else {
		send_out(c, h->contact, h->codec);
	}
}

/* The oldest, as many as may be sent together. */
static void
take_batch(struct collector *c)
{
	size_t bytes = 0, most = scl_conf(c->ag->scl)->answer_max;
	struct held **at = &c->first;
	unsigned n = 0;

	while (*at != NULL && n < TOGETHER_MAX && (n == 0 || bytes + (*at)->notify.n <= most)) {
		bytes += (*at)->notify.n;
		at = &(*at)->next;
		n++;
	}
	c->sent = c->first;
	c->first = *at;
	*at = NULL;
	if (c->first == NULL)
		c->last = &c->first;
	c->n -= n;
}

static bool
is_due(const struct collector *c, int64_t now)
{
	return c->first->due <= now || c->n >= TOGETHER_MAX ||
	       (c->first->expected > 0 && c->n >= c->first->expected);
}

static void
collector_run(struct scl_task *t)
{
	struct collector *c = (struct collector *)(void *)t;
	int64_t now = clock_monotonic();

	if (c->sending)
		return;
	if (courier_stopping(c->ag->scl->courier)) {
		answer_all(c->first, RC_UNAVAILABLE);
		collector_free(c);
	} else if (is_due(c, now)) {
		take_batch(c);
		collector_send(c);
	} else {
		scl_post(c->ag->scl, &c->task, c->first->due - now);
	}
}

/* ---- arrival ---- */

static struct collector *
collector_for(struct aggregator *ag, const char *token)
{
	struct collector *c = ag->collectors;

	while (c != NULL && strcmp(c->token, token) != 0)
		c = c->next;
	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->task.run = collector_run;
	c->ag = ag;
	c->last = &c->first;
	memcpy(c->token, token, sizeof(c->token));
	c->next = ag->collectors;
	ag->collectors = c;
	return c;
}

static void
held_arrive(struct scl_task *t)
{
	struct held *h = (struct held *)(void *)t;
	struct scl *scl = h->ag->scl;
	struct collector *c = courier_stopping(scl->courier) ? NULL : collector_for(h->ag, h->token);

	if (c == NULL) {
		held_answer(h, RC_UNAVAILABLE);
		return;
	}
	*c->last = h;
	c->last = &h->next;
	c->n++;
	/* A posted one has the time of the first that waits. */
	if (!c->sending && (c->n == 1 || is_due(c, clock_monotonic())))
		scl_post(scl, &c->task, 0);
}

static void
held_take(struct req *rq)
{
	struct held *h = rq->taken;

	h->task.run = held_arrive;
	if (!courier_post(rq->scl->courier, &h->task, 0))
		held_answer(h, RC_UNAVAILABLE);
}

/* ---- on the serving thread ---- */

/* The group and the entry that the token belongs to. */
static enum rc
find_entry(struct req *rq, struct res **group, const struct val **entry)
{
	struct slice token = rq->target.rest;
	char text[TOKEN_MAX], *end;
	uint64_t id;
	enum rc rc;

	if (token.n == 0 || token.n >= sizeof(text))
		return RC_NOT_FOUND;
	memcpy(text, token.p, token.n);
	text[token.n] = '\0';
	id = strtoull(text, &end, 16);
	if (*end != '-')
		return RC_NOT_FOUND;
	rc = repo_get(rq->tx, id, group);
	if (rc != RC_OK)
		return rc;
	if ((*group)->type->number != T_GROUP || (*group)->expires <= repo_now(rq->tx))
		return RC_NOT_FOUND;
	*entry = entry_by_token(*group, token);
	return *entry == NULL ? RC_NOT_FOUND : RC_OK;
}

static enum rc
read_notify(struct req *rq, struct val **vals)
{
	struct binder b = { .arena = rq->arena };
	struct node *root;
	const char *why = "";
	enum rc rc;

	if (rq->in_codec == NULL)
		return req_fail(rq, RC_MEDIA_TYPE, "the media type of the body is not supported");
	rc = rq->in_codec->decode(rq->arena, rq->in.body, &rq->conf->document, &root, &why);
	if (rc == RC_BAD_REQUEST)
		return req_fail(rq, rc, "%s", why);
	if (rc != RC_OK)
		return rc;
	if (!slice_is(root->name, "notify"))
		return req_fail(rq, RC_BAD_REQUEST, "the body is no notify");
	rc = bind_shape(&b, &shape_notify, root, vals);
	return rc == RC_BAD_REQUEST ? req_fail(rq, rc, "%.*s", (int)b.why.n, b.why.p) : rc;
}

/*
 * What a member's subscription sends is below the member. What comes through another group is
 * below one of that group's, which is not ours to know. *expected: how many can send, 0 = unknown.
 */
static bool
comes_from_member(struct req *rq, const struct res *group, struct slice reference, size_t *expected)
{
	struct slice normal = comparable_uri(rq->scl, rq->arena, reference);
	bool nested = false, found = false;

	*expected = 0;
	for (const struct val *m = group_members(group); m != NULL; m = m->next) {
		struct arena_mark mark = arena_mark(rq->arena);
		struct slice member = comparable_uri(rq->scl, rq->arena, m->text);

		++*expected;
		nested = nested || members_content_owner(member).n > 0;
		found = found || (member.n > 0 && uri_path_below(normal, member));
		arena_rewind(rq->arena, mark);
	}
	if (nested)
		*expected = 0;
	return normal.n > 0 && (found || nested);
}

/* Not beyond the subscription's delayTolerance (TS 102 921 10.25). */
static int64_t
longest_wait(struct req *rq, const struct val *entry)
{
	int64_t wait = rq->conf->aggregation_wait;
	int64_t until = val_num(entry->first, A_DELAY_TOLERANCE, 0), now = repo_now(rq->tx);

	if (until == 0)
		return wait;
	if (until <= now)
		return 0;
	return until - now < wait ? until - now : wait;
}

static struct slice
put_text(char **at, struct slice s)
{
	struct slice copy = slice_make(*at, s.n);

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return copy;
}

static struct held *
held_new(struct aggregator *ag, struct req *rq, const struct val *entry, const struct val *notify)
{
	struct slice contact = val_text(entry->first, A_CONTACT);
	struct slice reference = val_text(notify, A_SUBSCRIPTION_REFERENCE);
	struct slice token = rq->target.rest;
	struct held *h = NULL;
	struct buf b;
	char *at;

	buf_init(&b, rq->conf->body_max * 2);
	vals_encode(&b, notify);
	if (!b.failed)
		h = calloc(1, sizeof(*h) + contact.n + reference.n + b.n);
	if (h != NULL) {
		h->ag = ag;
		h->rq = rq;
		at = h->texts;
		h->contact = put_text(&at, contact);
		h->reference = put_text(&at, reference);
		h->notify = put_text(&at, buf_view(&b));
		memcpy(h->token, token.p, token.n);
		h->codec = slice_is(val_text(entry->first, A_SYNTAX), codec_json.media_type) ? &codec_json
		                                                                             : &codec_xml;
		h->due = clock_monotonic() + longest_wait(rq, entry);
	}
	buf_fini(&b);
	return h;
}

/* Room for one more among those that wait; given back by held_answer. */
static enum rc
hold(struct aggregator *ag, struct req *rq, struct held *h)
{
	unsigned n = atomic_fetch_add(&ag->held, 1);
	size_t bytes = atomic_fetch_add(&ag->bytes, h->notify.n);

	if ((rq->conf->aggregation_max == 0 || n < rq->conf->aggregation_max) &&
	    bytes <= rq->conf->answer_max && req_park(rq) == RC_OK)
		return RC_OK;
	atomic_fetch_sub(&ag->held, 1);
	atomic_fetch_sub(&ag->bytes, h->notify.n);
	return req_fail(rq, RC_UNAVAILABLE, "too many notifications wait for their subscribers");
}

static enum rc
not_found(struct req *rq, enum rc rc)
{
	return rc == RC_NOT_FOUND ? req_fail(rq, rc, "there is no such resource") : rc;
}

static enum rc
aggregation_serve(const struct segment *segment, struct req *rq)
{
	struct aggregator *ag = segment->owner;
	const struct val *entry;
	struct res *group;
	struct val *notify;
	struct held *h;
	size_t expected;
	enum rc rc;

	TRY(not_found(rq, find_entry(rq, &group, &entry)));
	if (rq->in.op != REQ_CREATE) {
		rq->out.allow = SLICE_LIT("POST");
		return req_fail(rq, rq->in.op == REQ_EXECUTE ? RC_BAD_REQUEST : RC_NOT_ALLOWED,
		                "only a notify is taken here");
	}
	TRY(read_notify(rq, &notify));
	if (!comes_from_member(rq, group, val_text(notify, A_SUBSCRIPTION_REFERENCE), &expected))
		return not_found(rq, RC_NOT_FOUND);
	if (!val_set_text(rq->arena, &notify, A_CONTACT, val_text(entry->first, A_CONTACT)))
		return RC_UNAVAILABLE;
	h = held_new(ag, rq, entry, notify);
	if (h == NULL)
		return RC_UNAVAILABLE;
	h->expected = expected;
	rc = hold(ag, rq, h);
	if (rc != RC_OK) {
		free(h);
		return rc;
	}
	rq->taken = h;
	rq->take = held_take;
	return RC_PENDING;
}

/* ---- life ---- */

enum rc
aggregator_new(struct scl *scl, struct aggregator **out)
{
	struct aggregator *ag = calloc(1, sizeof(*ag));
	enum rc rc;

	if (ag == NULL)
		return RC_UNAVAILABLE;
	ag->scl = scl;
	ag->segment = (struct segment){ .name = SEGMENT, .serve = aggregation_serve, .owner = ag };
	rc = segment_add(scl, &ag->segment);
	if (rc == RC_OK)
		*out = ag;
	else
		free(ag);
	return rc;
}

void
aggregator_free(struct aggregator *ag)
{
	if (ag == NULL)
		return;
	while (ag->collectors != NULL) {
		answer_all(ag->collectors->first, RC_UNAVAILABLE);
		collector_free(ag->collectors);
	}
	free(ag);
}
