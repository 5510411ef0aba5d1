/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way into the tree: those of one node leave in the order in which they happened, a
 * bounded number waits, and of what had no room a sum is told later.
 */
#include "config.h"

#include <stdlib.h>

#include "cap/geo/geo_impl.h"

void
geo_lose(struct geo *g, const struct node_id *node, const char *why)
{
	char id[NODE_ID_TEXT];

	node_id_text(node, id);
	mas_count(g->counters, GEO_COUNT_EVENTS_LOST, 1);
	LOG_WARN(g->parts.log, "geo-event-lost", LOG_Z("node", id), LOG_Z("why", why));
}

static void
append(struct geo *g, struct geo_event *e)
{
	e->next = NULL;
	*g->events_end = e;
	g->events_end = &e->next;
	g->n_events++;
}

void
geo_put_back(struct geo *g, struct geo_event *e)
{
	e->next = g->events;
	g->events = e;
	if (e->next == NULL)
		g->events_end = &e->next;
	g->n_events++;
}

unsigned
geo_waiting(const struct geo *g, const struct node_id *id)
{
	unsigned n = g->sending != NULL && node_id_eq(&g->sending->id, id);

	for (const struct geo_event *e = g->events; e != NULL; e = e->next)
		n += node_id_eq(&e->id, id);
	return n;
}

static struct geo_event *
event_new(const struct geo *g, const struct geo_node *n, unsigned what, bool begun, const char *by)
{
	struct geo_event *e = calloc(1, sizeof(*e));
	struct buf b;
	bool written;

	if (e == NULL)
		return NULL;
	e->id = n->id;
	memcpy(e->scl_id, n->scl_id, sizeof(e->scl_id));
	(void)slice_copy(slice_of(n->state.seen[GEO_BY_GATEWAY]), e->gateway, sizeof(e->gateway));
	buf_init(&b, GEO_EVENT_TEXT - 1);
	geo_event_write(g, n, what, begun, by, &b);
	written = !b.failed && slice_copy(buf_view(&b), e->text, sizeof(e->text));
	buf_fini(&b);
	if (written)
		return e;
	free(e);
	return NULL;
}

void
geo_miss(struct geo *g, struct geo_node *n)
{
	n->missed = n->untold = g->missed = true;
}

void
geo_tell(struct geo *g, struct geo_node *n, unsigned what, bool begun, const char *by)
{
	bool room = g->n_events < GEO_EVENTS_MAX && geo_waiting(g, &n->id) < GEO_EVENTS_OF_NODE;
	struct geo_event *e = room ? event_new(g, n, what, begun, by) : NULL;

	n->untold = true;
	if (e != NULL) {
		append(g, e);
		return;
	}
	geo_lose(g, &n->id, room ? "no memory" : "too many wait");
	geo_miss(g, n);
}

/* False: there is no room yet, or others of its events are still to come. */
static bool
catch_up(struct geo *g, struct geo_node *n)
{
	if (g->n_events >= GEO_EVENTS_MAX || geo_waiting(g, &n->id) > 0)
		return false;
	n->missed = false;
	geo_tell(g, n, n->state.alarm, n->state.alarm != 0, "nscl");
	return !n->missed;
}

void
geo_tell_missed(struct geo *g)
{
	bool left = false;

	for (unsigned i = 0; i < GEO_BUCKETS && g->missed; i++)
		for (struct geo_node *n = g->by_id[i]; n != NULL; n = n->by_id)
			left = (n->missed && !catch_up(g, n)) || left;
	g->missed = left;
}

static bool
is_first_of_node(const struct geo *g, const struct geo_event *e)
{
	const struct geo_event *first = g->events;

	while (!node_id_eq(&first->id, &e->id))
		first = first->next;
	return first == e;
}

struct geo_event *
geo_take_due(struct geo *g, int64_t now, int64_t *next)
{
	for (struct geo_event **at = &g->events; *at != NULL; at = &(*at)->next) {
		struct geo_event *e = *at;

		if (!is_first_of_node(g, e))
			continue;
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
