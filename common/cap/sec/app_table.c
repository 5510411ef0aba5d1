/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/app_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A Kma that was given. */
struct given {
	struct given *next;
	uint64_t connection;
	uint32_t kmc_index;
};

struct entry {
	struct entry *next; /* in its bucket */
	uint8_t hash[APP_HASH_BYTES];
	struct given *given;
	size_t n;
	char app_id[];
};

struct app_table {
	pthread_rwlock_t lock;
	struct entry **buckets;
	size_t mask;
	unsigned n, max;
	unsigned n_given, max_given;
};

struct app_table *
app_table_new(unsigned max)
{
	struct app_table *t = calloc(1, sizeof(*t));
	size_t n = 16;

	while (n < max && n < APP_TABLE_MAX)
		n *= 2;
	if (t == NULL || (t->buckets = calloc(n, sizeof(struct entry *))) == NULL ||
	    pthread_rwlock_init(&t->lock, NULL) != 0) {
		free(t == NULL ? NULL : t->buckets);
		free(t);
		return NULL;
	}
	t->mask = n - 1;
	t->max = max;
	t->max_given = max * APP_TABLE_KMA;
	return t;
}

static void
take_back(struct app_table *t, struct given **at)
{
	struct given *g = *at;

	*at = g->next;
	free(g);
	t->n_given--;
}

static void
drop(struct app_table *t, struct entry **at)
{
	struct entry *e = *at;

	while (e->given != NULL)
		take_back(t, &e->given);
	*at = e->next;
	free(e);
	t->n--;
}

void
app_table_free(struct app_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i <= t->mask; i++)
		while (t->buckets[i] != NULL)
			drop(t, &t->buckets[i]);
	pthread_rwlock_destroy(&t->lock);
	free(t->buckets);
	free(t);
}

static struct entry **
bucket(const struct app_table *t, const uint8_t hash[APP_HASH_BYTES])
{
	size_t h;

	memcpy(&h, hash, sizeof(h) < APP_HASH_BYTES ? sizeof(h) : APP_HASH_BYTES);
	return &t->buckets[h & t->mask];
}

static struct entry *
find(const struct app_table *t, const uint8_t hash[APP_HASH_BYTES])
{
	struct entry *e = *bucket(t, hash);

	while (e != NULL && memcmp(e->hash, hash, APP_HASH_BYTES) != 0)
		e = e->next;
	return e;
}

static enum rc
insert(struct app_table *t, struct slice app_id, const uint8_t hash[APP_HASH_BYTES],
       struct entry **out)
{
	struct entry *e = t->n >= t->max ? NULL : calloc(1, sizeof(*e) + app_id.n);

	if (e == NULL)
		return RC_UNAVAILABLE;
	memcpy(e->hash, hash, APP_HASH_BYTES);
	memcpy(e->app_id, app_id.p, app_id.n);
	e->n = app_id.n;
	e->next = *bucket(t, hash);
	*bucket(t, hash) = e;
	t->n++;
	*out = e;
	return RC_OK;
}

static enum rc
hash_of(struct slice app_id, uint8_t hash[APP_HASH_BYTES])
{
	if (app_id.n == 0 || app_id.n > APP_ID_MAX)
		return RC_BAD_REQUEST;
	return app_hash(app_id, hash);
}

/* The entry of app_id, made unless it is there. */
static enum rc
take_up(struct app_table *t, struct slice app_id, const uint8_t hash[APP_HASH_BYTES],
        struct entry **out)
{
	*out = find(t, hash);
	if (*out == NULL)
		return insert(t, app_id, hash, out);
	return slice_eq(slice_make((*out)->app_id, (*out)->n), app_id) ? RC_OK : RC_CONFLICT;
}

/* The same with the lock, which stays taken (for writing) when it is RC_OK. */
static enum rc
take_up_locked(struct app_table *t, struct slice app_id, struct entry **out)
{
	uint8_t hash[APP_HASH_BYTES];
	enum rc rc = hash_of(app_id, hash);

	if (rc != RC_OK)
		return rc;
	pthread_rwlock_wrlock(&t->lock);
	rc = take_up(t, app_id, hash, out);
	if (rc != RC_OK)
		pthread_rwlock_unlock(&t->lock);
	return rc;
}

enum rc
app_table_add(struct app_table *t, struct slice app_id)
{
	struct entry *e;
	enum rc rc = take_up_locked(t, app_id, &e);

	if (rc != RC_OK)
		return rc;
	if (t->n_given >= t->max_given)
		rc = RC_UNAVAILABLE;
	pthread_rwlock_unlock(&t->lock);
	return rc;
}

size_t
app_table_find(struct app_table *t, const uint8_t hash[APP_HASH_BYTES], char out[APP_ID_MAX + 1])
{
	const struct entry *e;
	size_t n = 0;

	pthread_rwlock_rdlock(&t->lock);
	e = find(t, hash);
	if (e != NULL) {
		n = e->n;
		memcpy(out, e->app_id, n);
	}
	pthread_rwlock_unlock(&t->lock);
	out[n] = '\0';
	return n;
}

static bool
has(const struct entry *e, uint64_t connection, uint32_t kmc_index)
{
	const struct given *g = e->given;

	while (g != NULL && (g->connection != connection || g->kmc_index != kmc_index))
		g = g->next;
	return g != NULL;
}

static enum rc
give(struct app_table *t, struct entry *e, uint64_t connection, uint32_t kmc_index)
{
	struct given *g;

	if (has(e, connection, kmc_index))
		return RC_CONFLICT;
	g = t->n_given >= t->max_given ? NULL : malloc(sizeof(*g));
	if (g == NULL)
		return RC_UNAVAILABLE;
	*g = (struct given){ e->given, connection, kmc_index };
	e->given = g;
	t->n_given++;
	return RC_OK;
}

enum rc
app_table_give(struct app_table *t, struct slice app_id, uint64_t connection, uint32_t kmc_index)
{
	struct entry *e;
	enum rc rc = take_up_locked(t, app_id, &e);

	if (rc != RC_OK)
		return rc;
	rc = give(t, e, connection, kmc_index);
	pthread_rwlock_unlock(&t->lock);
	return rc;
}

bool
app_table_has(struct app_table *t, struct slice app_id, uint64_t connection, uint32_t kmc_index)
{
	uint8_t hash[APP_HASH_BYTES];
	const struct entry *e;
	bool found;

	if (hash_of(app_id, hash) != RC_OK)
		return false;
	pthread_rwlock_rdlock(&t->lock);
	e = find(t, hash);
	found = e != NULL && slice_eq(slice_make(e->app_id, e->n), app_id) &&
	        has(e, connection, kmc_index);
	pthread_rwlock_unlock(&t->lock);
	return found;
}

void
app_table_sweep(struct app_table *t,
                bool (*gone)(void *arg, uint64_t connection, uint32_t kmc_index), void *arg)
{
	pthread_rwlock_wrlock(&t->lock);
	for (size_t i = 0; i <= t->mask; i++)
		for (struct entry **at = &t->buckets[i]; *at != NULL;) {
			for (struct given **g = &(*at)->given; *g != NULL;)
				if (gone(arg, (*g)->connection, (*g)->kmc_index))
					take_back(t, g);
				else
					g = &(*g)->next;
			if ((*at)->given != NULL)
				at = &(*at)->next;
			else
				drop(t, at);
		}
	pthread_rwlock_unlock(&t->lock);
}
