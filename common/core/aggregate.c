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

/* Notifications in one notifyCollection. */
#define TOGETHER_MAX 256u
#define SCRATCH_MAX (64u << 20)
#define ANSWER_MAX (1u << 20)

/* A notification that waits for its subscriber; with its texts in one piece of memory. */
struct held {
	struct scl_task task; /* first */
	struct aggregator *ag;
	struct req *rq;
	struct held *next;
	int64_t due; /* monotonic microseconds: no longer than that */
	uint64_t group;
	const struct codec *codec;
	char token[IDENT_SECRET_LEN + 1];
	struct slice contact, creator, reference;
	struct slice notify; /* encoded values */
	char texts[];
};

/* The notifications to one subscriber of one subscription through one group. */
struct collector {
	struct scl_task task; /* first */
	struct aggregator *ag;
	struct collector *next;
	char token[IDENT_SECRET_LEN + 1];
	size_t senders; /* members that can notify, 0 = unknown */
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
	struct binder b = { .arena = c->arena };
	struct val *vals = NULL;
	struct node *root;
	const char *why;

	if (body.n == 0 ||
	    media_syntax(type)->decode(c->arena, body, &conf->document, &root, &why) != RC_OK ||
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
		LOG_INFO(c->ag->scl->log, "aggregate-refused",
		         LOG_Z("status", status_of(rc)->text));
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
	/* Also what nothing here can be the address of: more segments than anybody's. */
	return rc == RC_NOT_FOUND || rc == RC_BAD_REQUEST ? RC_OK : rc;
}

/*
 * In the tree of this SCL it changes what the subscription's creator may change; the SCL lends
 * nobody its own rights.
 */
static struct slice
in_the_name_of(struct collector *c, const struct held *h)
{
	struct originator creator;

	if (own_path(c->ag->scl, c->arena, h->contact).n == 0 ||
	    !originator_set(c->ag->scl, c->arena, h->creator, &creator) || creator.self)
		return SLICE_NONE;
	return h->creator;
}

static void
send_to_scl(struct collector *c, const struct held *h)
{
	c->call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                     .target = h->contact,
		                     .from = in_the_name_of(c, h),
		                     .content_type = slice_of(h->codec->media_type),
		                     .body = buf_view(&c->body),
		                     .timeout_ms = scl_conf(c->ag->scl)->notify_timeout_ms,
		                     .done = call_done,
		                     .owner = c };
	scl_call(c->ag->scl, &c->call);
}

static void
send_out(struct collector *c, const struct held *h)
{
	struct scl *scl = c->ag->scl;

	c->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = h->contact,
		                   .named_by = h->creator,
		                   .body = buf_view(&c->body),
		                   .timeout_ms = scl_conf(scl)->notify_timeout_ms,
		                   .answer_max = ANSWER_MAX,
		                   .done = exchange_done,
		                   .owner = c };
	exchange_add_header(&c->ex, SLICE_LIT("Content-Type"), slice_of(h->codec->media_type));
	exchange_add_issuer(&c->ex, scl, 2);
	scl_send(scl, &c->ex);
}

/* One notify as it is, several as a notifyCollection. */
static bool
write_document(struct collector *c)
{
	struct val list = { 0 }, **tail = &list.first;
	const struct held *h = c->sent;
	struct writer w;

	buf_init(&c->body, SCRATCH_MAX);
	do {
		struct val *v = ARENA_NEW(c->arena, struct val);

		if (v == NULL || vals_decode(c->arena, h->notify, &v->first) != RC_OK)
			return false;
		v->attr = A_NOTIFY;
		*tail = v;
		tail = &v->next;
	} while ((h = h->next) != NULL);
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
	} else if (on_scl && in_the_name_of(c, h).n == 0 &&
	           !courier_contact_ok(c->ag->scl->courier, h->creator, h->contact)) {
		report(c, RC_FORBIDDEN, SLICE_NONE, SLICE_NONE);
		collector_next(c);
	} else if (on_scl) {
		send_to_scl(c, h);
	} else {
		send_out(c, h);
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
	       (c->senders > 0 && c->n >= c->senders);
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

/* When all have notified there is nothing to wait for. 0: some members are groups themselves. */
static size_t
count_senders(struct scl *scl, uint64_t id)
{
	struct arena *a = arena_new(scl->conf.arena_max);
	struct res *group;
	struct rtx *tx;
	size_t n = 0;

	if (a == NULL || repo_begin_read(scl->repo, a, &tx) != RC_OK) {
		arena_free(a);
		return 0;
	}
	if (repo_get(tx, id, &group) == RC_OK)
		for (const struct val *m = group_members(group); m != NULL; m = m->next) {
			n++;
			if (members_content_owner(m->text).n > 0) {
				n = 0;
				break;
			}
		}
	repo_end_read(tx);
	arena_free(a);
	return n;
}

static struct collector *
collector_for(struct aggregator *ag, const struct held *h)
{
	struct collector *c = ag->collectors;

	while (c != NULL && strcmp(c->token, h->token) != 0)
		c = c->next;
	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->task.run = collector_run;
	c->ag = ag;
	c->last = &c->first;
	memcpy(c->token, h->token, sizeof(c->token));
	c->senders = count_senders(ag->scl, h->group);
	c->next = ag->collectors;
	ag->collectors = c;
	return c;
}

static void
held_arrive(struct scl_task *t)
{
	struct held *h = (struct held *)(void *)t;
	struct scl *scl = h->ag->scl;
	struct collector *c = courier_stopping(scl->courier) ? NULL : collector_for(h->ag, h);

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

/* Not beyond the subscription's delayTolerance (TS 102 921 10.25). */
static int64_t
longest_wait(struct req *rq, const struct aggregation_entry *entry)
{
	int64_t wait = rq->conf->aggregation_wait, now = repo_now(rq->tx);

	if (entry->delay == 0)
		return wait;
	if (entry->delay <= now)
		return 0;
	return entry->delay - now < wait ? entry->delay - now : wait;
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
held_new(struct aggregator *ag, struct req *rq, const struct aggregation_entry *entry,
         const struct val *notify)
{
	struct slice reference = val_text(notify, A_SUBSCRIPTION_REFERENCE);
	struct held *h = NULL;
	struct buf b;
	char *at;

	buf_init(&b, rq->conf->body_max * 2);
	vals_encode(&b, notify);
	if (!b.failed)
		h = calloc(1, sizeof(*h) + entry->contact.n + entry->creator.n + reference.n + b.n);
	if (h != NULL) {
		h->ag = ag;
		h->rq = rq;
		at = h->texts;
		h->contact = put_text(&at, entry->contact);
		h->creator = put_text(&at, entry->creator);
		h->reference = put_text(&at, reference);
		h->notify = put_text(&at, buf_view(&b));
		memcpy(h->token, rq->target.rest.p, IDENT_SECRET_LEN);
		h->group = entry->group;
		h->codec = media_syntax(entry->syntax);
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
take_notify(struct aggregator *ag, struct req *rq, const struct aggregation_entry *entry)
{
	struct val *notify = NULL;
	struct held *h;
	enum rc rc;

	TRY(read_notify(rq, &notify));
	TRY(not_found(rq, aggregation_check(rq, entry->group,
	                                    val_text(notify, A_SUBSCRIPTION_REFERENCE))));
	if (!val_set_text(rq->arena, &notify, A_CONTACT, entry->contact))
		return RC_UNAVAILABLE;
	h = held_new(ag, rq, entry, notify);
	if (h == NULL)
		return RC_UNAVAILABLE;
	rc = hold(ag, rq, h);
	if (rc != RC_OK) {
		free(h);
		return rc;
	}
	rq->taken = h;
	rq->take = held_take;
	return RC_PENDING;
}

static enum rc
aggregation_serve(const struct segment *segment, struct req *rq)
{
	struct aggregation_entry entry;

	TRY(not_found(rq, aggregation_find(rq->tx, rq->target.rest, &entry)));
	if (rq->in.op == REQ_CREATE)
		return take_notify(segment->owner, rq, &entry);
	rq->out.allow = SLICE_LIT("POST");
	return req_fail(rq, rq->in.op == REQ_EXECUTE ? RC_BAD_REQUEST : RC_NOT_ALLOWED,
	                "only a notify is taken here");
}

/* ---- life ---- */

bool
is_collecting_address(const struct scl *scl, struct slice path)
{
	static const struct slice below = SLICE_INIT("/" AGGREGATION_SEGMENT "/");

	return slice_starts(path, scl->base_path) &&
	       slice_starts(slice_from(path, scl->base_path.n), below);
}

enum rc
aggregator_new(struct scl *scl, struct aggregator **out)
{
	struct aggregator *ag = calloc(1, sizeof(*ag));
	enum rc rc;

	if (ag == NULL)
		return RC_UNAVAILABLE;
	ag->scl = scl;
	ag->segment = (struct segment){ .name = AGGREGATION_SEGMENT, .internal = true,
		                        .serve = aggregation_serve,
		                        .owner = ag };
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
	for (struct collector *c = ag->collectors, *next; c != NULL; c = next) {
		next = c->next;
		answer_all(c->first, RC_UNAVAILABLE);
		collector_free(c);
	}
	free(ag);
}
