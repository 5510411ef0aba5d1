/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An alarm begins or ends: it is logged, counted, stored, and told by a contentInstance below the
 * scl of its node, or of the gateway that the node comes by.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/geo/geo_impl.h"
#include "codec/json_fields.h"

#define CONTAINER "securityEvents"
#define INSTANCES_KEPT "100"
#define MEDIA_JSON "application/json"
#define TRIES_MAX 200u
#define WAIT_FIRST CLOCK_SECOND
#define WAIT_MAX (30 * CLOCK_SECOND)
#define CUT (3 * CLOCK_SECOND)
#define RECORD_MAX 4096u
#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum step { STEP_EVENT, STEP_CONTAINER };

static const struct {
	unsigned bit;
	enum geo_count count;
	const char *name;
} alarms[] = {
	{ GEO_ALARM_ATTACHMENT, GEO_COUNT_ATTACHMENT, "attachment" },
	{ GEO_ALARM_AREA, GEO_COUNT_AREA, "area" },
	{ GEO_ALARM_DISAGREE, GEO_COUNT_DISAGREE, "disagreement" },
};
#define N_ALARMS (sizeof(alarms) / sizeof(alarms[0]))

struct geo_now
geo_now(const struct geo *g)
{
	return (struct geo_now){ clock_now(g->parts.clock), clock_monotonic(),
		                 g->parts.conf->hold };
}

void
geo_alarm_names(struct buf *b, unsigned which)
{
	for (unsigned i = 0; i < N_ALARMS; i++)
		if ((which & alarms[i].bit) != 0)
			json_put_text(b, NULL, slice_of(alarms[i].name));
}

/* ---- an alarm ---- */

static void
put_some(struct buf *b, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_put_text(b, name, slice_of(text));
}

static void
write_event(const struct geo *g, const struct geo_node *n, unsigned what, bool begun,
            const char *by, struct buf *b)
{
	char id[NODE_ID_TEXT];

	node_id_text(&n->id, id);
	json_put_open(b, NULL, '{');
	json_put_text(b, "event", SLICE_LIT("GEO_ALARM"));
	json_put_text(b, "state", begun ? SLICE_LIT("raised") : SLICE_LIT("cleared"));
	json_put_text(b, "nodeId", slice_of(id));
	json_put_open(b, "reasons", '[');
	geo_alarm_names(b, what);
	buf_char(b, ']');
	json_put_text(b, "policy", slice_of(geo_action_name(n->policy.action)));
	put_some(b, "sclId", n->scl_id);
	put_some(b, "gateway", n->state.seen[GEO_BY_GATEWAY]);
	put_some(b, "source", n->state.seen[GEO_BY_ADDRESS]);
	put_some(b, "cell", n->state.seen[GEO_BY_CELL]);
	put_some(b, "by", by);
	json_put_time(b, "time", clock_now(g->parts.clock));
	buf_char(b, '}');
}

static void
lose(struct geo *g, const struct node_id *node, const char *why)
{
	char id[NODE_ID_TEXT];

	node_id_text(node, id);
	mas_count(g->counters, GEO_COUNT_EVENTS_LOST, 1);
	LOG_WARN(g->parts.log, "geo-event-lost", LOG_Z("node", id), LOG_Z("why", why));
}

static void
queue(struct geo *g, struct geo_event *e)
{
	e->next = NULL;
	*g->events_end = e;
	g->events_end = &e->next;
	g->n_events++;
}

void
geo_tell(struct geo *g, struct geo_node *n, unsigned what, bool begun, const char *by)
{
	struct geo_event *e = calloc(1, sizeof(*e));
	struct buf b;

	n->untold = true;
	if (e == NULL) {
		lose(g, &n->id, "no memory");
		return;
	}
	e->id = n->id;
	memcpy(e->scl_id, n->scl_id, sizeof(e->scl_id));
	(void)slice_copy(slice_of(n->state.seen[GEO_BY_GATEWAY]), e->gateway, sizeof(e->gateway));
	buf_init(&b, GEO_EVENT_TEXT - 1);
	write_event(g, n, what, begun, by, &b);
	if (b.failed || g->n_events >= GEO_EVENTS_MAX) {
		lose(g, &e->id, "too many wait");
		free(e);
	} else {
		(void)slice_copy(buf_view(&b), e->text, sizeof(e->text));
		queue(g, e);
	}
	buf_fini(&b);
}

static void
note(struct geo *g, const struct geo_node *n, const char *event, unsigned which, const char *by)
{
	char id[NODE_ID_TEXT];

	node_id_text(&n->id, id);
	for (unsigned i = 0; i < N_ALARMS; i++)
		if ((which & alarms[i].bit) != 0)
			LOG_WARN(g->parts.log, event, LOG_Z("node", id), LOG_Z("scl", n->scl_id),
			         LOG_Z("reason", alarms[i].name),
			         LOG_Z("gateway", n->state.seen[GEO_BY_GATEWAY]),
			         LOG_Z("source", n->state.seen[GEO_BY_ADDRESS]), LOG_Z("by", by));
}

void
geo_changed(struct geo *g, struct geo_node *n, unsigned begun, unsigned ended, const char *by)
{
	if (begun != 0) {
		for (unsigned i = 0; i < N_ALARMS; i++)
			if ((begun & alarms[i].bit) != 0)
				mas_count(g->counters, alarms[i].count, 1);
		note(g, n, "geo-alarm", begun, by);
		geo_tell(g, n, begun, true, by);
		if (n->policy.action == GEO_END)
			n->cut_until = clock_monotonic() + CUT;
		n->refused = false;
	}
	if (ended != 0) {
		mas_count(g->counters, GEO_COUNT_CLEARED, 1);
		note(g, n, "geo-cleared", ended, by);
		geo_tell(g, n, ended, false, by);
	}
	n->dirty = true;
	geo_wake(g, 0);
}

/* ---- storing ---- */

struct saving {
	struct geo_change change; /* first */
	struct buf record;
};

static void
saved(struct geo_change *c)
{
	struct saving *s = (struct saving *)(void *)c;
	struct geo *g = c->owner;
	struct geo_node *n;

	if (c->rc != RC_OK) {
		pthread_mutex_lock(&g->lock);
		n = geo_find(g, &c->id);
		if (n != NULL)
			n->dirty = true;
		geo_wake(g, WAIT_FIRST);
		pthread_mutex_unlock(&g->lock);
	}
	buf_fini(&s->record);
	free(s);
}

static void
save(struct geo *g, struct geo_node *n)
{
	struct saving *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return;
	buf_init(&s->record, RECORD_MAX);
	if (!geo_state_pack(n, &s->record)) {
		buf_fini(&s->record);
		free(s);
		return;
	}
	s->change = (struct geo_change){
		.id = n->id, .state = buf_view(&s->record), .done = saved, .owner = g
	};
	n->dirty = false;
	geo_book_change(g->book, &s->change);
}

void
geo_save_all(struct geo *g)
{
	for (unsigned i = 0; i < GEO_BUCKETS && g->book != NULL; i++)
		for (struct geo_node *n = g->by_id[i]; n != NULL; n = n->by_id)
			if (n->dirty)
				save(g, n);
}

/* ---- the courier ---- */

void
geo_wake(struct geo *g, int64_t delay)
{
	if (g->running)
		scl_post(g->parts.scl, &g->task, delay);
}

/* Takes out what is due; *next: when something is. */
static struct geo_event *
take_due(struct geo *g, int64_t now, int64_t *next)
{
	for (struct geo_event **at = &g->events; *at != NULL; at = &(*at)->next) {
		struct geo_event *e = *at;

		if (e->due > now) {
			*next = e->due < *next ? e->due : *next;
			continue;
		}
		*at = e->next;
		if (*at == NULL)
			g->events_end = at;
		g->n_events--;
		return e;
	}
	return NULL;
}

static void answered(struct scl_call *call);

/* The scl that it is told below: by turns that of the node and that of its gateway. */
static const char *
holder(const struct geo_event *e)
{
	bool gateway = e->gateway[0] != '\0' && (e->scl_id[0] == '\0' || e->tries % 2 == 1);

	return gateway ? e->gateway : e->scl_id;
}

static void
write_container(struct geo *g)
{
	const char *right = g->parts.conf->access_right;

	snprintf(g->body, sizeof(g->body),
	         "<m2m:container xmlns:m2m=\"http://uri.etsi.org/m2m\" m2m:id=\"" CONTAINER "\">"
	         "%s%s%s<m2m:maxNrOfInstances>" INSTANCES_KEPT
	         "</m2m:maxNrOfInstances></m2m:container>",
	         right[0] == '\0' ? "" : "<m2m:accessRightID>", right,
	         right[0] == '\0' ? "" : "</m2m:accessRightID>");
}

static void
send(struct geo *g, enum step step)
{
	const struct geo_event *e = g->sending;
	struct slice base = scl_base_path(g->parts.scl);

	write_container(g);
	g->step = step;
	g->busy = true;
	snprintf(g->path, sizeof(g->path), "%.*s/scls/%s/containers%s", (int)base.n, base.p,
	         holder(e), step == STEP_EVENT ? "/" CONTAINER "/contentInstances" : "");
	g->call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                     .target = slice_of(g->path),
		                     .body = step == STEP_EVENT ? slice_of(e->text)
		                                                : slice_of(g->body),
		                     .done = answered,
		                     .owner = g };
	if (step == STEP_EVENT)
		g->call.content_type = SLICE_LIT(MEDIA_JSON);
	scl_call(g->parts.scl, &g->call);
}

static void
told(struct geo *g, const struct geo_event *e)
{
	struct geo_node *n = geo_find(g, &e->id);

	mas_count(g->counters, GEO_COUNT_EVENTS, 1);
	if (n == NULL || g->n_events > 0)
		return;
	n->untold = false;
	n->dirty = true;
}

/* There is no such scl yet, or the tree is busy. */
static bool
again(struct geo *g, struct geo_event *e, enum rc rc)
{
	int64_t wait = WAIT_FIRST << (e->tries / 8 < 5 ? e->tries / 8 : 5);
	struct geo_node *n = geo_find(g, &e->id);

	if (n == NULL || ++e->tries >= TRIES_MAX) {
		lose(g, &e->id, status_of(rc)->text);
		return false;
	}
	memcpy(e->scl_id, n->scl_id, sizeof(e->scl_id));
	e->due = clock_monotonic() + (wait < WAIT_MAX ? wait : WAIT_MAX);
	queue(g, e);
	return true;
}

static void
answered(struct scl_call *call)
{
	struct geo *g = call->owner;
	struct geo_event *e = g->sending;
	enum rc rc = call->rc;
	bool container = g->step == STEP_CONTAINER;

	scl_call_end(call);
	g->busy = false;
	if (!container && rc == RC_NOT_FOUND && !g->made) {
		send(g, STEP_CONTAINER);
		return;
	}
	/* Once for each try: what else has that name conflicts for ever. */
	g->made = container && (rc == RC_CREATED || rc == RC_CONFLICT);
	if (g->made) {
		send(g, STEP_EVENT);
		return;
	}
	pthread_mutex_lock(&g->lock);
	g->sending = NULL;
	if (status_is_success(rc) && !container)
		told(g, e);
	else if (again(g, e, rc))
		e = NULL;
	geo_wake(g, 0);
	pthread_mutex_unlock(&g->lock);
	free(e);
}

void
geo_run(struct scl_task *task)
{
	struct geo *g = OF(task, struct geo, task);
	int64_t now = clock_monotonic(), next = INT64_MAX;
	bool look = false;

	pthread_mutex_lock(&g->lock);
	geo_save_all(g);
	if (!g->busy && g->running) {
		g->sending = take_due(g, now, &next);
		look = g->sending == NULL && geo_look(g, now, &next);
		if (g->sending == NULL && !look && next != INT64_MAX)
			geo_wake(g, next - now);
	}
	pthread_mutex_unlock(&g->lock);
	if (g->sending != NULL && !g->busy)
		send(g, STEP_EVENT);
	else if (look)
		scl_call(g->parts.scl, &g->call);
}

void
geo_events_free(struct geo *g)
{
	while (g->events != NULL) {
		struct geo_event *e = g->events;

		g->events = e->next;
		free(e);
	}
	free(g->sending);
}
