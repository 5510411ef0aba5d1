/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/edge/edge_table.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define BUCKETS 1024u
#define ONE CLOCK_SECOND /* request, in millionths */

struct entry {
	struct entry *chain;
	struct edge_grant grant; /* views of json */
	struct edge_rate rate;
	struct slice app_id; /* behind json */
	char json[];
};

struct edge_table {
	pthread_rwlock_t lock; /* of all but rates */
	pthread_mutex_t rates; /* of the rate of every entry */
	unsigned n, max;
	struct entry *buckets[BUCKETS];
};

struct edge_table *
edge_table_new(unsigned max)
{
	struct edge_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max = max;
	pthread_rwlock_init(&t->lock, NULL);
	pthread_mutex_init(&t->rates, NULL);
	return t;
}

void
edge_table_free(struct edge_table *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (t->buckets[i] != NULL) {
			struct entry *e = t->buckets[i];

			t->buckets[i] = e->chain;
			free(e);
		}
	pthread_mutex_destroy(&t->rates);
	pthread_rwlock_destroy(&t->lock);
	free(t);
}

static struct entry **
find(struct edge_table *t, struct slice app_id)
{
	unsigned hash = 5381;
	struct entry **at;

	for (size_t i = 0; i < app_id.n; i++)
		hash = hash * 33 + (unsigned char)app_id.p[i];
	at = &t->buckets[hash % BUCKETS];
	while (*at != NULL && !slice_eq((*at)->app_id, app_id))
		at = &(*at)->chain;
	return at;
}

static enum rc
entry_new(struct slice app_id, struct slice json, struct entry **out)
{
	struct entry *e;
	const char *why;

	if (app_id.n == 0 || app_id.n > EDGE_APP_MAX || json.n > EDGE_GRANT_MAX)
		return RC_BAD_REQUEST;
	e = calloc(1, sizeof(*e) + json.n + app_id.n);
	if (e == NULL)
		return RC_UNAVAILABLE;
	memcpy(e->json, json.p, json.n);
	memcpy(e->json + json.n, app_id.p, app_id.n);
	e->app_id = slice_make(e->json + json.n, app_id.n);
	if (edge_grant_read(slice_make(e->json, json.n), &e->grant, &why) != RC_OK) {
		free(e);
		return RC_BAD_REQUEST;
	}
	e->rate = (struct edge_rate){ e->grant.burst * ONE, clock_monotonic() };
	*out = e;
	return RC_OK;
}

enum rc
edge_table_put(struct edge_table *t, struct slice app_id, struct slice json)
{
	struct entry *e, *old, **at;
	enum rc rc = entry_new(app_id, json, &e);

	if (rc != RC_OK)
		return rc;
	pthread_rwlock_wrlock(&t->lock);
	at = find(t, app_id);
	old = *at;
	if (old == NULL && t->n >= t->max) {
		rc = RC_NO_SPACE;
		old = e;
	} else {
		e->chain = old == NULL ? NULL : old->chain;
		*at = e;
		t->n += old == NULL;
	}
	pthread_rwlock_unlock(&t->lock);
	free(old);
	return rc;
}

void
edge_table_drop(struct edge_table *t, struct slice app_id)
{
	struct entry *e, **at;

	pthread_rwlock_wrlock(&t->lock);
	at = find(t, app_id);
	e = *at;
	if (e != NULL) {
		*at = e->chain;
		t->n--;
	}
	pthread_rwlock_unlock(&t->lock);
	free(e);
}

unsigned
edge_table_count(struct edge_table *t)
{
	unsigned n;

	pthread_rwlock_rdlock(&t->lock);
	n = t->n;
	pthread_rwlock_unlock(&t->lock);
	return n;
}

bool
edge_table_look(struct edge_table *t, struct slice app_id,
                void (*look)(void *arg, const struct edge_grant *g, struct edge_rate *rate),
                void *arg)
{
	struct entry *e;

	pthread_rwlock_rdlock(&t->lock);
	e = *find(t, app_id);
	if (e != NULL)
		look(arg, &e->grant, &e->rate);
	pthread_rwlock_unlock(&t->lock);
	return e != NULL;
}

void
edge_table_each(struct edge_table *t,
                bool (*visit)(void *arg, struct slice app_id, const struct edge_grant *g),
                void *arg)
{
	bool more = true;

	pthread_rwlock_rdlock(&t->lock);
	for (unsigned i = 0; i < BUCKETS && more; i++)
		for (const struct entry *e = t->buckets[i]; e != NULL && more; e = e->chain)
			more = visit(arg, e->app_id, &e->grant);
	pthread_rwlock_unlock(&t->lock);
}

unsigned
edge_table_take(struct edge_table *t, const struct edge_grant *g, struct edge_rate *rate,
                int64_t now)
{
	int64_t most = g->burst * ONE, missing = 0, passed;

	pthread_mutex_lock(&t->rates);
	passed = now > rate->at ? now - rate->at : 0;
	/* From nothing to all of it takes no longer. */
	if (passed > most / g->rate)
		passed = most / g->rate + 1;
	rate->level += passed * g->rate;
	rate->level = rate->level > most ? most : rate->level;
	rate->at = now > rate->at ? now : rate->at;
	if (rate->level >= ONE)
		rate->level -= ONE;
	else
		missing = ONE - rate->level;
	pthread_mutex_unlock(&t->rates);
	return missing == 0 ? 0 : (unsigned)(missing / g->rate / CLOCK_SECOND) + 1;
}
