/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An alarm begins or ends: it is logged, counted, stored, and an event for who subscribes.
 */
#include "config.h"

#include <stdlib.h>

#include "cap/geo/geo_impl.h"
#include "codec/json_fields.h"

#define WAIT_FIRST CLOCK_SECOND
#define CUT (3 * CLOCK_SECOND)
#define RECORD_MAX 4096u

static const struct {
	unsigned bit;
	enum geo_count count;
	const char *name;
	const char *way; /* "": the node says so */
} alarms[] = {
	{ GEO_ALARM_GATEWAY, GEO_COUNT_ATTACHMENT, "attachment", "gateway" },
	{ GEO_ALARM_ADDRESS, GEO_COUNT_ATTACHMENT, "attachment", "source" },
	{ GEO_ALARM_CELL, GEO_COUNT_ATTACHMENT, "attachment", "cell" },
	{ GEO_ALARM_AREA, GEO_COUNT_AREA, "area", "" },
	{ GEO_ALARM_DISAGREE, GEO_COUNT_DISAGREE, "disagreement", "" },
	{ GEO_ALARM_TARGET, GEO_COUNT_TARGET, "target", "" },
};
#define N_ALARMS (sizeof(alarms) / sizeof(alarms[0]))

struct geo_now
geo_now(const struct geo *g)
{
	return (struct geo_now){ clock_now(g->parts.clock), clock_monotonic(),
		                 g->parts.conf->hold };
}

void
geo_alarm_put(struct buf *b, const char *reasons, unsigned which)
{
	const char *last = "";

	json_put_open(b, reasons, '[');
	for (unsigned i = 0; i < N_ALARMS; i++)
		if ((which & alarms[i].bit) != 0 && strcmp(alarms[i].name, last) != 0) {
			last = alarms[i].name;
			json_put_text(b, NULL, slice_of(last));
		}
	buf_char(b, ']');
	if ((which & GEO_ALARM_ATTACHMENT) == 0)
		return;
	json_put_open(b, "ways", '[');
	for (unsigned i = 0; i < N_ALARMS; i++)
		if ((which & alarms[i].bit & GEO_ALARM_ATTACHMENT) != 0)
			json_put_text(b, NULL, slice_of(alarms[i].way));
	buf_char(b, ']');
}

/* ---- an alarm ---- */

static void
put_some(struct buf *b, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_put_text(b, name, slice_of(text));
}

void
geo_event_write(const struct geo *g, const struct geo_node *n, unsigned what, bool begun,
                const char *by, struct buf *b)
{
	char id[NODE_ID_TEXT];

	node_id_text(&n->id, id);
	json_put_open(b, NULL, '{');
	json_put_text(b, "event", SLICE_LIT("GEO_ALARM"));
	json_put_text(b, "state", begun ? SLICE_LIT("raised") : SLICE_LIT("cleared"));
	json_put_text(b, "nodeId", slice_of(id));
	geo_alarm_put(b, "reasons", what);
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
note(struct geo *g, const struct geo_node *n, const char *event, unsigned which, const char *by)
{
	char id[NODE_ID_TEXT];

	node_id_text(&n->id, id);
	for (unsigned i = 0; i < N_ALARMS; i++)
		if ((which & alarms[i].bit) != 0)
			LOG_WARN(g->parts.log, event, LOG_Z("node", id), LOG_Z("scl", n->scl_id),
			         LOG_Z("reason", alarms[i].name), LOG_Z("way", alarms[i].way),
			         LOG_Z("gateway", n->state.seen[GEO_BY_GATEWAY]),
			         LOG_Z("source", n->state.seen[GEO_BY_ADDRESS]), LOG_Z("by", by));
}

void
geo_cut(struct geo_node *n)
{
	n->cut_until = clock_monotonic() + CUT;
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
			geo_cut(n);
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
