/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_group_news.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/json_fields.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

struct mas_group_news {
	pthread_mutex_t lock; /* guards the rest */
	uint64_t first, next; /* numbers of the events that are remembered: [first, next) */
	struct mas_group_event events[MAS_NEWS_MAX];
};

struct mas_group_news *
mas_group_news_new(void)
{
	struct mas_group_news *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	/* Numbers of an earlier start are below those of this one: who has them is told of a reset. */
	t->first = t->next = (uint64_t)clock_now(&clock_system) + 1;
	return t;
}

void
mas_group_news_free(struct mas_group_news *t)
{
	if (t == NULL)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void
mas_group_news_add(struct mas_group_news *t, const struct mas_group_event *e)
{
	pthread_mutex_lock(&t->lock);
	t->events[t->next++ % MAS_NEWS_MAX] = *e;
	if (t->next - t->first > MAS_NEWS_MAX)
		t->first = t->next - MAS_NEWS_MAX;
	pthread_mutex_unlock(&t->lock);
}

/* An event without a group is for everybody. */
static bool
is_for(const struct mas_group_event *e, const struct node_id *serving)
{
	if (serving == NULL || e->gid == 0)
		return true;
	for (unsigned i = 0; i < e->n_serving; i++)
		if (node_id_eq(&e->serving[i], serving))
			return true;
	return false;
}

/* Locked. */
static bool
is_lost(const struct mas_group_news *t, uint64_t since)
{
	return since < t->first || since > t->next;
}

bool
mas_group_news_are(struct mas_group_news *t, uint64_t since, const struct node_id *serving)
{
	bool found;

	pthread_mutex_lock(&t->lock);
	found = is_lost(t, since);
	for (uint64_t i = since; !found && i < t->next; i++)
		found = is_for(&t->events[i % MAS_NEWS_MAX], serving);
	pthread_mutex_unlock(&t->lock);
	return found;
}

void
mas_group_news_read(struct mas_group_news *t, struct mas_group_news_read *r)
{
	pthread_mutex_lock(&t->lock);
	r->reset = is_lost(t, r->since);
	r->up_to = t->next;
	for (uint64_t i = r->since; !r->reset && i < t->next; i++) {
		const struct mas_group_event *e = &t->events[i % MAS_NEWS_MAX];

		if (is_for(e, r->serving))
			r->visit(r, e);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- as JSON ---- */

static void
put_event(struct mas_group_news_read *r, const struct mas_group_event *e)
{
	struct buf *b = r->arg;
	char gid[CONN_ID_HEX];

	conn_id_hex(e->gid, gid);
	json_put_open(b, NULL, '{');
	json_put_text(b, "gid", slice_of(gid));
	json_put_number(b, "epoch", e->epoch);
	if (e->removed)
		json_put_hex(b, "removed", e->node.v, NODE_ID_BYTES);
	if (r->serving == NULL) {
		json_put_open(b, "serving", '[');
		for (unsigned i = 0; i < e->n_serving; i++)
			json_put_hex(b, NULL, e->serving[i].v, NODE_ID_BYTES);
		buf_char(b, ']');
	}
	buf_char(b, '}');
}

void
mas_group_news_put(struct mas_group_news *t, uint64_t since, const struct node_id *serving,
                   struct buf *b)
{
	struct mas_group_news_read r = {
		.since = since, .serving = serving, .visit = put_event, .arg = b
	};

	buf_char(b, '{');
	json_put_open(b, "groups", '[');
	mas_group_news_read(t, &r);
	buf_char(b, ']');
	json_put_number(b, "upTo", (int64_t)r.up_to);
	json_put_flag(b, "reset", r.reset);
	buf_char(b, '}');
}

struct wire_news {
	struct slice groups;
	int64_t up_to;
	bool reset;
};

struct wire_event {
	struct slice gid, removed, serving;
	int64_t epoch;
};

static bool
take_serving(struct slice list, struct mas_group_event *e)
{
	struct slice item, text;
	int more;

	while ((more = json_item(&list, &item)) == 1)
		if (e->n_serving == MAS_SERVING_MAX || !json_item_text(item, &text) ||
		    !node_id_parse(text, &e->serving[e->n_serving++]))
			return false;
	return more == 0;
}

/* Of no group: zeros. */
static bool
take_gid(struct slice text, uint64_t *gid)
{
	uint8_t v[8];

	*gid = 0;
	if (!hex_decode(text, v, sizeof(v)))
		return false;
	for (size_t i = 0; i < sizeof(v); i++)
		*gid = *gid << 8 | v[i];
	return true;
}

static bool
take_event(struct slice item, struct mas_group_event *e)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_event, gid, "gid", JSON_TEXT, true),
		JSON_FIELD(struct wire_event, epoch, "epoch", JSON_NUMBER, true),
		JSON_FIELD(struct wire_event, removed, "removed", JSON_TEXT, false),
		JSON_FIELD(struct wire_event, serving, "serving", JSON_LIST, false),
	};
	struct wire_event w = { .epoch = -1 };

	*e = (struct mas_group_event){ .gid = 0 };
	if (!json_read(item, fields, NITEMS(fields), &w) || !take_gid(w.gid, &e->gid) ||
	    w.epoch < 0 || w.epoch > UINT32_MAX)
		return false;
	e->epoch = (uint32_t)w.epoch;
	e->removed = w.removed.p != NULL;
	return (!e->removed || node_id_parse(w.removed, &e->node)) &&
	       (w.serving.p == NULL || take_serving(w.serving, e));
}

bool
mas_group_news_take(struct slice text, uint64_t *up_to,
                    void (*each)(void *arg, const struct mas_group_event *e), void *arg)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct wire_news, groups, "groups", JSON_LIST, true),
		JSON_FIELD(struct wire_news, up_to, "upTo", JSON_NUMBER, true),
		JSON_FIELD(struct wire_news, reset, "reset", JSON_FLAG, true),
	};
	struct wire_news w = { .up_to = -1 };
	struct mas_group_event e = { .gid = 0 };
	struct slice item;
	int more;

	if (!json_read(text, fields, NITEMS(fields), &w) || w.up_to <= 0)
		return false;
	if (w.reset)
		each(arg, &e);
	while ((more = json_item(&w.groups, &item)) == 1) {
		if (!take_event(item, &e))
			return false;
		each(arg, &e);
	}
	*up_to = (uint64_t)w.up_to;
	return more == 0;
}
