/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/geo/geo.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/geo/geo_impl.h"

static char *
copy(struct slice json)
{
	char *p = malloc(json.n + 1);

	if (p != NULL)
		memcpy(p, json.p, json.n);
	return p;
}

/* The state of a node whose policy was withdrawn meanwhile is of no use. */
static enum rc
loaded(void *arg, enum geo_record what, const struct node_id *id, struct slice record)
{
	struct geo *g = arg;
	struct geo_node *n = geo_find(g, id);
	char *json;

	if (what == GEO_RECORD_STATE)
		return n == NULL || geo_state_unpack(g, n, record) ? RC_OK : RC_BAD_REQUEST;
	json = copy(record);
	return json == NULL ? RC_UNAVAILABLE : geo_put(g, id, json, record.n, "");
}

static enum rc
open_book(struct geo *g, char why[256])
{
	const struct geo_conf *conf = g->parts.conf;
	char path[4096];
	struct geo_book_conf book = {
		.engine = conf->engine, .log = g->parts.log, .loaded = loaded, .arg = g
	};

	if (conf->state != NULL) {
		if (snprintf(path, sizeof(path), "%s/%s", conf->state, GEO_BOOK_STORE) >=
		    (int)sizeof(path))
			return RC_BAD_REQUEST;
		book.dir = path;
	}
	return geo_book_open(&book, &g->book, why);
}

enum rc
geo_open(const struct geo_parts *parts, struct geo **out, char why[256])
{
	static const char *const names[] = {
#define GEO_COUNTER(name, text) text,
#include "cap/geo/geo_counters.def"
#undef GEO_COUNTER
	};
	struct geo *g = calloc(1, sizeof(*g));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (g == NULL)
		return RC_UNAVAILABLE;
	g->parts = *parts;
	g->events_end = &g->events;
	g->task.run = geo_run;
	pthread_mutex_init(&g->lock, NULL);
	geo_gate_fill(g);
	g->counters = mas_counters_new(names, GEO_COUNTS);
	rc = g->counters == NULL ? RC_UNAVAILABLE : open_book(g, why);
	if (rc == RC_OK)
		rc = geo_admin_add(g);
	if (rc == RC_OK) {
		parts->seat->gate = &g->gate;
		*out = g;
		return RC_OK;
	}
	geo_close(g);
	if (why[0] == '\0')
		snprintf(why, 256, "geo: %s", status_of(rc)->text);
	return rc;
}

/* What was not told before the process ended is told in sum. */
static void
tell_again(struct geo *g)
{
	for (unsigned i = 0; i < GEO_BUCKETS; i++)
		for (struct geo_node *n = g->by_id[i]; n != NULL; n = n->by_id)
			if (n->untold)
				geo_miss(g, n);
}

void
geo_start(struct geo *g)
{
	if (g == NULL)
		return;
	pthread_mutex_lock(&g->lock);
	g->running = true;
	tell_again(g);
	geo_wake(g, 0);
	pthread_mutex_unlock(&g->lock);
}

void
geo_stop(struct geo *g)
{
	struct geo_book *book;

	if (g == NULL)
		return;
	pthread_mutex_lock(&g->lock);
	geo_save_all(g);
	g->running = false;
	book = g->book;
	g->book = NULL;
	pthread_mutex_unlock(&g->lock);
	geo_book_close(book);
}

void
geo_close(struct geo *g)
{
	if (g == NULL)
		return;
	if (g->parts.seat->gate == &g->gate)
		g->parts.seat->gate = NULL;
	geo_stop(g);
	geo_events_free(g);
	geo_table_free(g);
	mas_counters_free(g->counters);
	pthread_mutex_destroy(&g->lock);
	free(g);
}
