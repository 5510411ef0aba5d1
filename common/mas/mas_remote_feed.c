/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of what another MAS knows: keys of session A by the long poll psk-feed, connections. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_remote_calls.h"

#define POLL_WAIT 30 /* seconds */
#define POLL_TIMEOUT_MS ((POLL_WAIT + 10) * 1000u)
#define PAUSE_FIRST CLOCK_SECOND
#define PAUSE_MAX (30 * CLOCK_SECOND)
#define QUICK_PERIOD CLOCK_SECOND

/* ---- connections ---- */

static size_t
place_of(const struct remote_feed *f, uint64_t id)
{
	size_t low = 0, high = f->n_known;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->known[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
make_room(struct remote_feed *f)
{
	size_t size = f->size_known == 0 ? 64 : 2 * f->size_known;
	struct remote_known *more;

	if (f->n_known < f->size_known)
		return true;
	more = realloc(f->known, size * sizeof(*more));
	if (more == NULL)
		return false;
	f->known = more;
	f->size_known = size;
	return true;
}

enum rc
remote_know(struct mas_remote *r, const struct mas_connection *c)
{
	struct remote_feed *f = &r->feed;
	int64_t left = c->expires - clock_now(r->conf.clock);
	size_t i = place_of(f, c->id);

	if (mas_live_room(r->live, 1) != RC_OK)
		return RC_UNAVAILABLE;
	if (i == f->n_known || f->known[i].id != c->id) {
		if (!make_room(f))
			return RC_UNAVAILABLE;
		memmove(&f->known[i + 1], &f->known[i], (f->n_known - i) * sizeof(f->known[0]));
		f->n_known++;
		f->known[i] = (struct remote_known){ .id = c->id, .node = c->node };
	}
	f->known[i].seen = true;
	mas_live_put(r->live, c->id, MAS_LIVE_SAME, clock_monotonic() + (left > 0 ? left : 0));
	return RC_OK;
}

void
remote_forget(struct mas_remote *r, uint64_t id)
{
	struct remote_feed *f = &r->feed;
	size_t i = place_of(f, id);

	mas_live_del(r->live, id);
	if (i == f->n_known || f->known[i].id != id)
		return;
	f->n_known--;
	memmove(&f->known[i], &f->known[i + 1], (f->n_known - i) * sizeof(f->known[0]));
}

static bool
is_known(const struct remote_feed *f, uint64_t id)
{
	size_t i = place_of(f, id);

	return i < f->n_known && f->known[i].id == id;
}

static void
note_ended(struct remote_feed *f, const struct node_id *node, uint64_t id)
{
	f->ended[f->n_ended++ % REMOTE_ENDED] = (struct remote_ended){ .node = *node, .id = id };
}

/* Whatever is under way may be of what has ended. */
static void
note_lost(struct remote_feed *f)
{
	f->n_ended += REMOTE_ENDED + 1;
}

enum remote_news
remote_news_of(const struct remote_flight *flight, const struct mas_connection *c)
{
	const struct remote_feed *f = &flight->r->feed;

	if (f->n_ended - flight->ended > REMOTE_ENDED)
		return REMOTE_UNSURE;
	for (uint64_t i = flight->ended; i < f->n_ended; i++) {
		const struct remote_ended *e = &f->ended[i % REMOTE_ENDED];

		if (e->id == c->id || (e->id == 0 && node_id_eq(&e->node, &c->node)))
			return REMOTE_OVER;
	}
	return REMOTE_LASTS;
}

static void
tell_ended(struct mas_remote *r, const struct node_id *node, uint64_t id, enum mas_why why)
{
	pthread_mutex_lock(&r->watching);
	for (struct mas_watcher *w = r->watchers; w != NULL; w = w->next)
		w->revoked(w, node, id, why);
	pthread_mutex_unlock(&r->watching);
}

static void
tell_keys(struct mas_remote *r)
{
	pthread_mutex_lock(&r->watching);
	for (struct mas_watcher *w = r->watchers; w != NULL; w = w->next)
		if (w->keys != NULL)
			w->keys(w);
	pthread_mutex_unlock(&r->watching);
}

static void
tell_lost(struct mas_remote *r)
{
	pthread_mutex_lock(&r->watching);
	for (struct mas_watcher *w = r->watchers; w != NULL; w = w->next)
		if (w->lost != NULL)
			w->lost(w);
	pthread_mutex_unlock(&r->watching);
}

/* ---- the list of all connections ---- */

static void list_next(struct mas_remote *r);
static void list_start(struct mas_remote *r);

static void
list_end(struct mas_remote *r, enum rc rc)
{
	struct mas_live *l = r->feed.waiting;

	if (rc != RC_OK && r->feed.relisting)
		r->feed.relist = true;
	r->feed.waiting = r->feed.late;
	r->feed.late = NULL;
	r->feed.list_after[0] = '\0';
	while (l != NULL) {
		struct mas_live *next = l->job.self;

		if (rc == RC_OK)
			mas_outcome(&l->outcome, RC_OK, NULL);
		else
			mas_outcome_failed(&l->outcome, rc);
		l->done(l);
		l = next;
	}
	if (r->feed.waiting != NULL && r->feed.list == NULL)
		list_start(r);
}

/* Connections that the MAS does not have any more, and nobody has said so. */
static void
drop_unseen(struct mas_remote *r)
{
	struct remote_feed *f = &r->feed;

	for (size_t i = f->n_known; i-- > 0;) {
		struct remote_known k = f->known[i];

		if (k.seen)
			continue;
		remote_forget(r, k.id);
		tell_ended(r, &k.node, k.id, MAS_ENDED);
	}
}

struct wire_list {
	struct slice connections, after;
};

/* False: without memory. */
static bool
take_connection(struct remote_flight *flight, const struct mas_connection *c)
{
	struct mas_remote *r = flight->r;
	enum remote_news news = remote_news_of(flight, c);

	/* One that is known was ended by what the feed has said, unless it is younger. */
	if (news == REMOTE_OVER && !is_known(&r->feed, c->id))
		return true;
	if (news == REMOTE_UNSURE)
		r->feed.relist = true;
	if (remote_know(r, c) != RC_OK)
		return false;
	for (struct mas_live *l = r->feed.waiting; news != REMOTE_OVER && l != NULL; l = l->job.self)
		l->each(l, c);
	return true;
}

static bool
take_one(struct remote_flight *flight, struct slice item)
{
	struct mas_connection c;
	struct slice wrapped;
	bool ok = remote_read_connection(item, &c, &wrapped) && take_connection(flight, &c);

	secret_wipe(&c, sizeof(c));
	return ok;
}

static bool
take_list(struct remote_flight *flight, struct slice text)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_list, connections, "connections", JSON_LIST, true),
		JSON_FIELD(struct wire_list, after, "after", JSON_TEXT, false),
	};
	struct wire_list w = { .after = SLICE_NONE };
	struct slice item;
	uint64_t id;
	int more;

	if (!json_read(text, fields, NITEMS(fields), &w) ||
	    (w.after.n > 0 && !conn_id_parse_hex(w.after, &id)))
		return false;
	while ((more = json_item(&w.connections, &item)) == 1)
		if (!take_one(flight, item))
			return false;
	return more == 0 && string_set(flight->r->feed.list_after, CONN_ID_HEX - 1, w.after);
}

static void
list_landed(struct remote_flight *flight)
{
	struct mas_remote *r = flight->r;
	struct mas_outcome o;

	r->feed.list = NULL;
	remote_outcome(flight, &o);
	if (o.rc == RC_OK && !take_list(flight, buf_view(&flight->ex.answer)))
		o.rc = RC_UNAVAILABLE;
	remote_free(flight);
	if (o.rc != RC_OK) {
		list_end(r, RC_UNAVAILABLE);
	} else if (r->feed.list_after[0] != '\0') {
		list_next(r);
	} else {
		drop_unseen(r);
		list_end(r, RC_OK);
		if (r->feed.relist && r->feed.list == NULL)
			list_start(r);
	}
}

static void
list_next(struct mas_remote *r)
{
	char path[64];

	snprintf(path, sizeof(path), "connections%s%s",
	         r->feed.list_after[0] == '\0' ? "" : "?after=", r->feed.list_after);
	r->feed.list = remote_stopping(r) ? NULL : remote_flight(r, "GET", path);
	if (r->feed.list == NULL) {
		list_end(r, RC_UNAVAILABLE);
		return;
	}
	r->feed.list->landed = list_landed;
	remote_send(r->feed.list, REMOTE_TIMEOUT_MS);
}

static void
list_start(struct mas_remote *r)
{
	r->feed.relisting = r->feed.relist;
	r->feed.relist = false;
	for (size_t i = 0; i < r->feed.n_known; i++)
		r->feed.known[i].seen = false;
	list_next(r);
}

void
remote_list(struct mas_remote *r, struct mas_live *l)
{
	/* In the middle of another list only a part would come. */
	struct mas_live **to = r->feed.list != NULL ? &r->feed.late : &r->feed.waiting;

	l->job.self = *to;
	*to = l;
	if (r->feed.list == NULL)
		list_start(r);
}

/* ---- the feed ---- */

struct wire_feed {
	struct slice keys, after, ended;
	int64_t up_to, events;
	bool reset, events_reset;
};

struct wire_key {
	struct slice node;
	int64_t index, not_after;
	bool gone;
	struct mas_psk_keys keys;
};

static bool
take_key(struct mas_psk *to, struct slice item)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_key, node, "node", JSON_TEXT, true),
		JSON_FIELD(struct wire_key, index, "index", JSON_NUMBER, true),
		JSON_FIELD(struct wire_key, not_after, "notAfter", JSON_NUMBER, false),
		JSON_FIELD(struct wire_key, gone, "gone", JSON_FLAG, false),
		JSON_FIELD(struct wire_key, keys.psk2, "psk2", JSON_KEY, false),
		JSON_FIELD(struct wire_key, keys.psk3, "psk3", JSON_KEY, false),
		JSON_FIELD(struct wire_key, keys.indicator, "ind", JSON_KEY, false),
		JSON_FIELD(struct wire_key, keys.class.low, "low", JSON_FLAG, false),
		JSON_FIELD(struct wire_key, keys.class.active, "active", JSON_FLAG, false),
	};
	struct wire_key w = { .gone = false };
	struct node_id node;
	bool ok = json_read(item, fields, NITEMS(fields), &w) && node_id_parse(w.node, &node) &&
	          w.index > 0 && w.index <= UINT32_MAX;

	if (ok && w.gone)
		mas_psk_del(to, &node, (uint32_t)w.index);
	else if (ok)
		ok = !key_is_zero(&w.keys.psk2) && !key_is_zero(&w.keys.psk3) &&
		     mas_psk_room(to, 1) == RC_OK &&
		     mas_psk_put_keys(to, &node, (uint32_t)w.index, &w.keys, w.not_after) == RC_OK;
	secret_wipe(&w, sizeof(w));
	return ok;
}

static bool
take_keys(struct mas_psk *to, struct slice list)
{
	struct slice item;
	int more;

	while ((more = json_item(&list, &item)) == 1)
		if (!take_key(to, item))
			return false;
	return more == 0;
}

/* What is under way towards a whole copy is of no use any more. */
static void
stop_building(struct remote_feed *f)
{
	mas_psk_free(f->building);
	f->building = NULL;
	f->after[0] = '\0';
}

static void
take_over(struct mas_remote *r)
{
	struct mas_psk *old;

	pthread_rwlock_wrlock(&r->keys_lock);
	old = r->keys;
	r->keys = r->feed.building;
	pthread_rwlock_unlock(&r->keys_lock);
	r->feed.building = NULL;
	r->feed.since = r->feed.base;
	mas_psk_free(old);
}

/* A page of all keys. */
static bool
take_page(struct mas_remote *r, const struct wire_feed *w)
{
	struct remote_feed *f = &r->feed;

	if (f->building == NULL) {
		f->building = mas_psk_new(r->conf.clock);
		f->base = (uint64_t)w->up_to;
	}
	if (f->building == NULL || !take_keys(f->building, w->keys) ||
	    !string_set(f->after, sizeof(f->after) - 1, w->after)) {
		stop_building(f);
		return false;
	}
	if (f->after[0] == '\0')
		take_over(r);
	return true;
}

struct wire_ended {
	struct slice node, connection;
	int64_t why;
};

static bool
take_ended(struct mas_remote *r, struct slice item)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_ended, node, "node", JSON_TEXT, true),
		JSON_FIELD(struct wire_ended, connection, "connection", JSON_TEXT, false),
		JSON_FIELD(struct wire_ended, why, "why", JSON_NUMBER, true),
	};
	struct wire_ended w = { .why = -1 };
	struct node_id node;
	uint64_t id = 0;

	if (!json_read(item, fields, NITEMS(fields), &w) || !node_id_parse(w.node, &node) ||
	    w.why < MAS_REVOKED || w.why > MAS_EXPIRED ||
	    (w.connection.p != NULL && !conn_id_parse_hex(w.connection, &id)))
		return false;
	if (id != 0)
		remote_forget(r, id);
	note_ended(&r->feed, &node, id);
	tell_ended(r, &node, id, (enum mas_why)w.why);
	return true;
}

static bool
take_events(struct mas_remote *r, const struct wire_feed *w)
{
	struct slice list = w->ended, item;
	int more;

	while ((more = json_item(&list, &item)) == 1)
		if (!take_ended(r, item))
			return false;
	if (w->events_reset) {
		note_lost(&r->feed);
		tell_lost(r);
		r->feed.relist = r->feed.n_known > 0 || r->feed.list != NULL;
	}
	if (w->events_reset || (uint64_t)w->events > r->feed.events)
		r->feed.events = (uint64_t)w->events;
	return more == 0;
}

static bool
take_changes(struct mas_remote *r, const struct wire_feed *w)
{
	/* A slower answer that another one has overtaken says nothing new. */
	if ((uint64_t)w->up_to < r->feed.since)
		return true;
	if (!take_keys(r->keys, w->keys))
		return false;
	r->feed.since = (uint64_t)w->up_to;
	return true;
}

static bool
take_answer(struct mas_remote *r, struct slice text, bool quick)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_feed, keys, "keys", JSON_LIST, true),
		JSON_FIELD(struct wire_feed, after, "after", JSON_TEXT, false),
		JSON_FIELD(struct wire_feed, up_to, "upTo", JSON_NUMBER, true),
		JSON_FIELD(struct wire_feed, reset, "reset", JSON_FLAG, true),
		JSON_FIELD(struct wire_feed, ended, "ended", JSON_LIST, true),
		JSON_FIELD(struct wire_feed, events, "events", JSON_NUMBER, true),
		JSON_FIELD(struct wire_feed, events_reset, "eventsReset", JSON_FLAG, true),
	};
	struct wire_feed w = { .up_to = -1, .events = -1 };
	bool ok;

	if (!json_read(text, fields, NITEMS(fields), &w) || w.up_to < 0 || w.events < 0)
		return false;
	/* All of it, or what all of it overtakes, is the matter of the long poll. */
	if (quick && (w.reset || w.events_reset || r->feed.building != NULL))
		return true;
	ok = take_events(r, &w) && (w.reset ? take_page(r, &w) : take_changes(r, &w));
	tell_keys(r);
	return ok;
}

/* ---- polls ---- */

static struct remote_flight *
poll_flight(struct mas_remote *r, int wait)
{
	const struct remote_feed *f = &r->feed;
	char path[256];

	snprintf(path, sizeof(path), "psk-feed?since=%" PRIu64 "&events=%" PRIu64 "&wait=%d%s%s",
	         f->since, f->events, wait, f->after[0] == '\0' ? "" : "&after=", f->after);
	return remote_flight(r, "GET", path);
}

static void
poll_again(struct mas_remote *r, bool ok)
{
	struct remote_feed *f = &r->feed;

	if (ok)
		f->pause = 0;
	else
		f->pause = f->pause == 0              ? PAUSE_FIRST
		           : f->pause > PAUSE_MAX / 2 ? PAUSE_MAX
		                                      : 2 * f->pause;
	if (!ok)
		stop_building(f);
	if (!remote_stopping(r))
		scl_post(r->scl, &f->task, f->pause);
}

static void
poll_landed(struct remote_flight *flight)
{
	struct mas_remote *r = flight->r;
	struct mas_outcome o;
	bool ok;

	r->feed.poll = NULL;
	remote_outcome(flight, &o);
	ok = o.rc == RC_OK;
	if (ok && !take_answer(r, buf_view(&flight->ex.answer), false)) {
		LOG_ERROR(r->conf.log, "mas-nonsense", LOG_Z("call", "psk-feed"));
		/* From the start again: a part of it may be missing. */
		r->feed.since = 0;
		ok = false;
	}
	remote_free(flight);
	if (ok && r->feed.relist && r->feed.list == NULL)
		list_start(r);
	poll_again(r, ok);
}

static void
poll_run(struct scl_task *task)
{
	struct mas_remote *r =
		(struct mas_remote *)(void *)((char *)task - offsetof(struct mas_remote, feed.task));
	struct remote_feed *f = &r->feed;

	if (f->poll != NULL || remote_stopping(r))
		return;
	f->poll = poll_flight(r, f->after[0] == '\0' && f->since != 0 ? POLL_WAIT : 0);
	if (f->poll == NULL) {
		poll_again(r, false);
		return;
	}
	f->poll->landed = poll_landed;
	remote_send(f->poll, POLL_TIMEOUT_MS);
}

static void
quick_landed(struct remote_flight *flight)
{
	struct mas_remote *r = flight->r;
	struct mas_outcome o;

	r->feed.quick = NULL;
	remote_outcome(flight, &o);
	if (o.rc == RC_OK && !take_answer(r, buf_view(&flight->ex.answer), true))
		r->feed.since = 0;
	remote_free(flight);
}

/* A node knocks whose key is not there: it may be new, and the poll slow or pausing. */
static void
quick_run(struct scl_task *task)
{
	struct mas_remote *r =
		(struct mas_remote *)(void *)((char *)task - offsetof(struct mas_remote, feed.soon));
	struct remote_feed *f = &r->feed;
	int64_t now = clock_monotonic();

	if (remote_stopping(r))
		return;
	if (now - f->quick_at < QUICK_PERIOD) {
		scl_post(r->scl, task, QUICK_PERIOD - (now - f->quick_at));
		return;
	}
	atomic_store(&f->missed, false);
	f->quick_at = now;
	if (f->poll == NULL) {
		scl_post(r->scl, &f->task, 0);
		return;
	}
	if (f->quick != NULL || f->building != NULL || f->since == 0)
		return;
	f->quick = poll_flight(r, 0);
	if (f->quick != NULL) {
		f->quick->landed = quick_landed;
		remote_send(f->quick, REMOTE_TIMEOUT_MS);
	}
}

void
remote_feed_missed(struct mas_remote *r)
{
	bool post;

	if (!r->conf.feeds || atomic_exchange(&r->feed.missed, true))
		return;
	pthread_mutex_lock(&r->lock);
	post = r->started && !r->stopping;
	pthread_mutex_unlock(&r->lock);
	if (post)
		scl_post(r->scl, &r->feed.soon, 0);
	else
		atomic_store(&r->feed.missed, false);
}

void
remote_feed_start(struct mas_remote *r)
{
	r->feed.task.run = poll_run;
	r->feed.soon.run = quick_run;
	scl_post(r->scl, &r->feed.task, 0);
}

void
remote_feed_close(struct mas_remote *r)
{
	mas_psk_free(r->feed.building);
	free(r->feed.known);
}
