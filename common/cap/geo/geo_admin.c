/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and alarms as administrators see them. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cap/geo/geo_impl.h"
#include "codec/json_fields.h"

#define ANSWER_MAX (4u << 20)
#define MICRO 1000000

static void
end(struct admin_ask *ask, enum rc rc, const char *reason)
{
	if (status_is_success(rc))
		admin_ask_end(ask, rc, SLICE_NONE);
	else
		admin_ask_refuse(ask, rc, reason, 0);
}

/* False: it is answered. */
static bool
read_id(struct admin_ask *ask, struct node_id *id)
{
	if (node_id_parse(ask->id, id))
		return true;
	end(ask, RC_BAD_REQUEST, "BAD_PARAM");
	return false;
}

/* ---- PUT, DELETE ---- */

/* In memory of its own: the answer frees what is in the arena. */
struct changing {
	struct geo_change change; /* first */
	struct geo *g;
	struct admin_ask *ask;
	char *json; /* PUT */
	size_t n;
	enum rc then;
};

/* An alarm ends with the watch. */
static void
forget(struct geo *g, const struct node_id *id, const char *by)
{
	struct geo_node *n = geo_find(g, id);
	unsigned ended = n == NULL ? 0 : geo_state_clear(&n->state);

	if (ended != 0)
		geo_changed(g, n, 0, ended, by);
	(void)geo_drop(g, id);
}

static enum rc
apply(struct changing *c)
{
	struct geo *g = c->g;
	enum rc rc = c->change.rc;

	pthread_mutex_lock(&g->lock);
	g->coming -= c->change.fresh;
	if (rc == RC_OK && c->change.drop) {
		forget(g, &c->change.id, c->ask->actor);
	} else if (rc == RC_OK) {
		rc = geo_put(g, &c->change.id, c->json, c->n, c->ask->actor);
		c->json = NULL;
		geo_wake(g, 0);
	}
	pthread_mutex_unlock(&g->lock);
	return rc;
}

/* On the thread of the book: what is answered counts already. */
static void
changed(struct geo_change *change)
{
	struct changing *c = (struct changing *)(void *)change;
	struct admin_ask *ask = c->ask;
	enum rc rc = apply(c);
	enum rc then = rc == RC_OK ? c->then : rc;

	free(c->json);
	free(c);
	end(ask, then, rc == RC_NO_SPACE ? "FULL" : "OVERLOAD");
}

static void
submit(const struct changing *how)
{
	struct changing *c = malloc(sizeof(*c));
	struct geo *g = how->g;
	bool open;

	pthread_mutex_lock(&g->lock);
	open = c != NULL && g->book != NULL;
	if (open) {
		*c = *how;
		c->change.done = changed;
		geo_book_change(g->book, &c->change);
	} else {
		g->coming -= how->change.fresh;
	}
	pthread_mutex_unlock(&g->lock);
	if (open)
		return;
	free(how->json);
	free(c);
	end(how->ask, RC_UNAVAILABLE, "OVERLOAD");
}

/* What is stored is sure of its place: none that has no room comes from the disk at the next start. */
static bool
reserve(struct geo *g, struct geo_change *change)
{
	bool room;

	pthread_mutex_lock(&g->lock);
	change->fresh = geo_find(g, &change->id) == NULL;
	room = !change->fresh || g->n + g->coming < g->parts.conf->nodes_max;
	g->coming += room && change->fresh;
	pthread_mutex_unlock(&g->lock);
	return room;
}

static void
put(void *arg, struct admin_ask *ask)
{
	struct changing c = { .g = arg, .ask = ask, .then = RC_NO_CONTENT };
	struct geo_policy policy;
	const char *why = "location";

	if (!read_id(ask, &c.change.id))
		return;
	if (geo_policy_read(ask->body, &policy, &why) != RC_OK) {
		end(ask, RC_BAD_REQUEST, why);
		return;
	}
	c.n = ask->body.n;
	c.json = malloc(c.n);
	if (c.json == NULL) {
		end(ask, RC_UNAVAILABLE, "OVERLOAD");
		return;
	}
	memcpy(c.json, ask->body.p, c.n);
	c.change.policy = slice_make(c.json, c.n);
	if (!reserve(c.g, &c.change)) {
		free(c.json);
		end(ask, RC_NO_SPACE, "FULL");
		return;
	}
	c.then = c.change.fresh ? RC_CREATED : RC_NO_CONTENT;
	submit(&c);
}

static void delete (void *arg, struct admin_ask *ask)
{
	struct changing c = { .g = arg, .ask = ask, .then = RC_NO_CONTENT };
	bool known;

	if (!read_id(ask, &c.change.id))
		return;
	pthread_mutex_lock(&c.g->lock);
	known = geo_find(c.g, &c.change.id) != NULL;
	pthread_mutex_unlock(&c.g->lock);
	c.change.drop = true;
	if (known)
		submit(&c);
	else
		end(ask, RC_NOT_FOUND, "NOT_FOUND");
}

/* ---- GET ---- */

static void
put_degrees(struct buf *b, const char *name, int32_t v)
{
	int32_t size = v < 0 ? -v : v;

	buf_printf(b, "\"%s\":%s%" PRId32 ".%06" PRId32 ",", name, v < 0 ? "-" : "", size / MICRO,
	           size % MICRO);
}

static void
put_report(struct buf *b, const struct geo_state *s)
{
	if (!s->reported)
		return;
	json_put_open(b, "report", '{');
	if (s->report.located) {
		put_degrees(b, "lat", s->report.at.lat);
		put_degrees(b, "lon", s->report.at.lon);
		buf_printf(b, "\"accuracy\":%" PRIu32, s->report.accuracy);
	}
	if (s->said[0] != '\0')
		json_put_text(b, "cell", slice_of(s->said));
	json_put_time(b, "time", s->reported_at);
	buf_char(b, '}');
}

static void
put_seen(struct buf *b, const struct geo_state *s)
{
	static const char *const names[GEO_WAYS] = { "gateway", "source", "cell" };

	json_put_open(b, "seen", '{');
	for (unsigned i = 0; i < GEO_WAYS; i++)
		if (s->seen[i][0] != '\0')
			json_put_text(b, names[i], slice_of(s->seen[i]));
	buf_char(b, '}');
	if (s->seen[s->way][0] != '\0')
		json_put_text(b, "last", slice_of(names[s->way]));
}

static void
put_node(struct buf *b, const struct geo_node *n, const char *name)
{
	char id[NODE_ID_TEXT];

	node_id_text(&n->id, id);
	json_put_open(b, name, '{');
	json_put_text(b, "nodeId", slice_of(id));
	json_put_text(b, "sclId", slice_of(n->scl_id));
	json_put_text(b, "policy", slice_of(geo_action_name(n->policy.action)));
	geo_alarm_put(b, "alarm", n->state.alarm);
	json_put_time(b, "since", n->state.since);
}

static void
answer(struct admin_ask *ask, struct buf *b)
{
	if (b->failed)
		end(ask, RC_UNAVAILABLE, "OVERLOAD");
	else
		admin_ask_end(ask, RC_OK, buf_view(b));
	buf_fini(b);
}

static void
show(void *arg, struct admin_ask *ask)
{
	struct geo *g = arg;
	const struct geo_node *n;
	struct node_id id;
	struct buf b;

	if (!read_id(ask, &id))
		return;
	buf_init(&b, ANSWER_MAX);
	pthread_mutex_lock(&g->lock);
	n = geo_find(g, &id);
	if (n != NULL) {
		put_node(&b, n, NULL);
		put_seen(&b, &n->state);
		put_report(&b, &n->state);
		if (n->state.target[0] != '\0')
			json_put_text(&b, "locTargetDevice", slice_of(n->state.target));
		buf_puts(&b, ",\"location\":");
		buf_slice(&b, slice_make(n->json, n->n_json));
		buf_char(&b, '}');
	}
	pthread_mutex_unlock(&g->lock);
	if (n != NULL) {
		answer(ask, &b);
		return;
	}
	buf_fini(&b);
	end(ask, RC_NOT_FOUND, "NOT_FOUND");
}

static void
list(void *arg, struct admin_ask *ask)
{
	struct geo *g = arg;
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	json_put_open(&b, NULL, '{');
	json_put_open(&b, "nodes", '[');
	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < GEO_BUCKETS; i++)
		for (const struct geo_node *n = g->by_id[i]; n != NULL; n = n->by_id) {
			put_node(&b, n, NULL);
			buf_char(&b, '}');
		}
	pthread_mutex_unlock(&g->lock);
	buf_puts(&b, "]}");
	answer(ask, &b);
}

/* ---- POST ---- */

static void
clear(void *arg, struct admin_ask *ask)
{
	struct geo *g = arg;
	struct geo_node *n;
	struct node_id id;
	unsigned ended = 0;

	if (!read_id(ask, &id))
		return;
	pthread_mutex_lock(&g->lock);
	n = geo_find(g, &id);
	if (n != NULL)
		ended = geo_state_clear(&n->state);
	if (ended != 0)
		geo_changed(g, n, 0, ended, ask->actor);
	pthread_mutex_unlock(&g->lock);
	end(ask, n == NULL ? RC_NOT_FOUND : RC_NO_CONTENT, "NOT_FOUND");
}

struct wire_seen {
	struct slice by[GEO_WAYS];
};

static bool
read_seen(struct slice body, struct wire_seen *w)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_seen, by[GEO_BY_GATEWAY], "gateway", JSON_TEXT, false),
		JSON_FIELD(struct wire_seen, by[GEO_BY_ADDRESS], "source", JSON_TEXT, false),
		JSON_FIELD(struct wire_seen, by[GEO_BY_CELL], "cell", JSON_TEXT, false),
	};
	size_t given = 0;

	if (!json_read(body, fields, GEO_WAYS, w))
		return false;
	for (unsigned i = 0; i < GEO_WAYS; i++) {
		if (w->by[i].p != NULL && (w->by[i].n == 0 || w->by[i].n > GEO_NAME_MAX))
			return false;
		given += w->by[i].n;
	}
	return given > 0;
}

static void
look(struct geo_node *n, const struct wire_seen *w, bool sure, const struct geo_now *now)
{
	for (unsigned i = 0; i < GEO_WAYS; i++)
		if (w->by[i].n > 0)
			(void)geo_state_seen(&n->state, &n->policy, (enum geo_way)i, w->by[i], sure,
			                     now);
}

/* The access network has found it there: what is right ends reports only if all of it is. */
static void
found(void *arg, struct admin_ask *ask)
{
	struct wire_seen w = { .by = { { NULL, 0 } } };
	struct geo *g = arg;
	struct geo_now now = geo_now(g);
	unsigned changed_now = 0, before = 0;
	struct geo_node *n;
	struct node_id id;

	if (!read_id(ask, &id))
		return;
	if (!read_seen(ask->body, &w)) {
		end(ask, RC_BAD_REQUEST, "BAD_PARAM");
		return;
	}
	pthread_mutex_lock(&g->lock);
	n = geo_find(g, &id);
	if (n != NULL) {
		before = n->state.alarm;
		look(n, &w, false, &now);
		look(n, &w, true, &now);
		changed_now = before ^ n->state.alarm;
		n->dirty = true;
	}
	if (changed_now != 0)
		geo_changed(g, n, changed_now & n->state.alarm, changed_now & before, ask->actor);
	pthread_mutex_unlock(&g->lock);
	end(ask, n == NULL ? RC_NOT_FOUND : RC_NO_CONTENT, "NOT_FOUND");
}

enum rc
geo_admin_add(struct geo *g)
{
	static const struct admin_more ops[GEO_ADMIN_OPS] = {
		{ REQ_UPDATE, "nodes/*/location", "location-put", put, NULL },
		{ REQ_RETRIEVE, "nodes/*/location", "location-get", show, NULL },
		{ REQ_DELETE, "nodes/*/location", "location-delete", delete, NULL },
		{ REQ_CREATE, "nodes/*/location/clear", "location-clear", clear, NULL },
		{ REQ_CREATE, "nodes/*/location/seen", "location-seen", found, NULL },
		{ REQ_RETRIEVE, "locations", "location-list", list, NULL },
	};
	enum rc rc = RC_OK;

	for (unsigned i = 0; i < GEO_ADMIN_OPS && rc == RC_OK; i++) {
		g->ops[i] = ops[i];
		g->ops[i].arg = g;
		rc = admin_add(g->parts.admin, &g->ops[i]);
	}
	return rc == RC_OK ? admin_add_counters(g->parts.admin, g->counters) : rc;
}
