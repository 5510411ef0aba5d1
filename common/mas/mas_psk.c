/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_psk.h"

#include <pthread.h>
#include <stdlib.h>

#include "sec/key_slab.h"

#define CHANGES 4096u /* that the feed remembers; a power of 2 */

/* A Kmr; free ones are linked by next as well. */
struct entry {
	struct entry *next; /* of its bucket */
	struct node_id node;
	uint32_t index;
	int64_t not_after;
	struct mas_psk_class class;
	/* Also of a free one: what there is room for can be put. */
	struct key_slot *psk2, *psk3, *indicator;
};

struct change {
	struct node_id node;
	uint32_t index;
};

struct mas_psk {
	const struct clock *clock;
	pthread_rwlock_t lock; /* guards the rest */
	struct entry **buckets;
	size_t n_buckets; /* a power of 2 */
	size_t used, unused; /* entries in buckets, and free */
	struct entry *free;
	struct key_slabs keys;
	uint64_t seed; /* of the buckets */
	uint64_t first, next; /* numbers of the changes that are remembered: [first, next) */
	struct change changes[CHANGES];
};

/* All that a node has is in one: it has few. */
static size_t
bucket_of(const struct mas_psk *t, const struct node_id *node)
{
	uint64_t a, b, h = t->seed;

	memcpy(&a, node->v, 8);
	memcpy(&b, node->v + 8, 8);
	h = (h ^ a) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29 ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
	return (size_t)(h ^ h >> 32) & (t->n_buckets - 1);
}

static struct entry **
place_of(const struct mas_psk *t, const struct node_id *node, uint32_t index)
{
	struct entry **at = &t->buckets[bucket_of(t, node)];

	while (*at != NULL && !((*at)->index == index && node_id_eq(&(*at)->node, node)))
		at = &(*at)->next;
	return at;
}

struct mas_psk *
mas_psk_new(const struct clock *clock)
{
	struct mas_psk *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->clock = clock;
	t->n_buckets = 64;
	t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
	/* Numbers of an earlier start are below those of this one: who has them gets all again. */
	t->first = t->next = (uint64_t)clock_now(clock) + 1;
	if (t->buckets == NULL || secret_random(&t->seed, sizeof(t->seed)) != RC_OK) {
		free(t->buckets);
		free(t);
		return NULL;
	}
	pthread_rwlock_init(&t->lock, NULL);
	return t;
}

static void
free_entries(struct entry *e)
{
	while (e != NULL) {
		struct entry *next = e->next;

		free(e);
		e = next;
	}
}

void
mas_psk_free(struct mas_psk *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_buckets; i++)
		free_entries(t->buckets[i]);
	free_entries(t->free);
	key_slabs_fini(&t->keys);
	pthread_rwlock_destroy(&t->lock);
	free(t->buckets);
	free(t);
}

/* ---- room ---- */

static bool
add_entry(struct mas_psk *t)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return false;
	e->psk2 = key_slabs_take(&t->keys);
	e->psk3 = key_slabs_take(&t->keys);
	e->indicator = key_slabs_take(&t->keys);
	if (e->psk2 == NULL || e->psk3 == NULL || e->indicator == NULL) {
		key_slabs_give(&t->keys, e->psk2);
		key_slabs_give(&t->keys, e->psk3);
		key_slabs_give(&t->keys, e->indicator);
		free(e);
		return false;
	}
	e->next = t->free;
	t->free = e;
	t->unused++;
	return true;
}

static bool
add_buckets(struct mas_psk *t)
{
	struct entry **old = t->buckets;
	size_t n_old = t->n_buckets;
	struct entry **all = calloc(2 * n_old, sizeof(struct entry *));

	if (all == NULL)
		return false;
	t->buckets = all;
	t->n_buckets = 2 * n_old;
	for (size_t i = 0; i < n_old; i++)
		while (old[i] != NULL) {
			struct entry *e = old[i], **at;

			old[i] = e->next;
			at = &t->buckets[bucket_of(t, &e->node)];
			e->next = *at;
			*at = e;
		}
	free(old);
	return true;
}

enum rc
mas_psk_room(struct mas_psk *t, unsigned n)
{
	bool ok = true;

	/* Only the worker writes, so it may read without the lock. */
	if (t->unused >= n && t->used + n <= 2 * t->n_buckets)
		return RC_OK;
	pthread_rwlock_wrlock(&t->lock);
	while (ok && t->unused < n)
		ok = add_entry(t);
	while (ok && t->used + n > 2 * t->n_buckets)
		ok = add_buckets(t);
	pthread_rwlock_unlock(&t->lock);
	return ok ? RC_OK : RC_UNAVAILABLE;
}

/* ---- changes ---- */

static void
note_change(struct mas_psk *t, const struct node_id *node, uint32_t index)
{
	t->changes[t->next++ % CHANGES] = (struct change){ .node = *node, .index = index };
	if (t->next - t->first > CHANGES)
		t->first = t->next - CHANGES;
}

static struct entry *
take_free(struct mas_psk *t)
{
	struct entry *e = t->free;

	if (e == NULL)
		return NULL;
	t->free = e->next;
	t->unused--;
	t->used++;
	e->next = NULL;
	return e;
}

static enum rc
put_locked(struct mas_psk *t, const struct node_id *node, uint32_t index,
           const struct mas_psk_keys *keys, int64_t not_after)
{
	struct entry **at = place_of(t, node, index);

	if (*at == NULL && (*at = take_free(t)) == NULL)
		return RC_INTERNAL;
	(*at)->node = *node;
	(*at)->index = index;
	(*at)->not_after = not_after;
	*(*at)->psk2->key = keys->psk2;
	*(*at)->psk3->key = keys->psk3;
	*(*at)->indicator->key = keys->indicator;
	(*at)->class = keys->class;
	note_change(t, node, index);
	return RC_OK;
}

enum rc
mas_psk_put(struct mas_psk *t, const struct node_id *node, uint32_t index, const struct key *kmr,
            int64_t not_after, struct mas_psk_class class)
{
	struct mas_psk_keys keys = { .class = class };
	enum rc rc = psk_mr(kmr, PSK_TLS_1_2, node, index, &keys.psk2);

	if (rc == RC_OK)
		rc = psk_mr(kmr, PSK_TLS_1_3, node, index, &keys.psk3);
	if (rc == RC_OK)
		rc = indicator_key(kmr, node, &keys.indicator);
	if (rc == RC_OK) {
		pthread_rwlock_wrlock(&t->lock);
		rc = put_locked(t, node, index, &keys, not_after);
		pthread_rwlock_unlock(&t->lock);
	}
	secret_wipe(&keys, sizeof(keys));
	return rc;
}

enum rc
mas_psk_put_keys(struct mas_psk *t, const struct node_id *node, uint32_t index,
                 const struct mas_psk_keys *keys, int64_t not_after)
{
	enum rc rc;

	pthread_rwlock_wrlock(&t->lock);
	rc = put_locked(t, node, index, keys, not_after);
	pthread_rwlock_unlock(&t->lock);
	return rc;
}

bool
mas_psk_set_class(struct mas_psk *t, const struct node_id *node, uint32_t index,
                  struct mas_psk_class class)
{
	struct entry *e;
	bool changed;

	pthread_rwlock_wrlock(&t->lock);
	e = *place_of(t, node, index);
	changed = e != NULL && (e->class.low != class.low || e->class.active != class.active);
	if (changed) {
		e->class = class;
		note_change(t, node, index);
	}
	pthread_rwlock_unlock(&t->lock);
	return changed;
}

void
mas_psk_del(struct mas_psk *t, const struct node_id *node, uint32_t index)
{
	struct entry **at, *e;

	pthread_rwlock_wrlock(&t->lock);
	at = place_of(t, node, index);
	e = *at;
	if (e != NULL) {
		*at = e->next;
		key_wipe(e->psk2->key);
		key_wipe(e->psk3->key);
		key_wipe(e->indicator->key);
		e->next = t->free;
		t->free = e;
		t->used--;
		t->unused++;
		note_change(t, node, index);
	}
	pthread_rwlock_unlock(&t->lock);
}

/* ---- reading ---- */

bool
mas_psk_find(struct mas_psk *t, const struct psk_id *id, struct key *psk)
{
	int64_t now = clock_now(t->clock);
	const struct entry *e;
	bool found;

	pthread_rwlock_rdlock(&t->lock);
	e = *place_of(t, &id->node, id->index);
	found = e != NULL && now < e->not_after;
	if (found)
		*psk = *(id->tls == PSK_TLS_1_2 ? e->psk2 : e->psk3)->key;
	pthread_rwlock_unlock(&t->lock);
	return found;
}

bool
mas_psk_standing(struct mas_psk *t, const struct node_id *node, uint32_t index,
                 struct mas_standing *out)
{
	int64_t now = clock_now(t->clock);
	const struct entry *e;
	bool found;

	pthread_rwlock_rdlock(&t->lock);
	e = *place_of(t, node, index);
	found = e != NULL && now < e->not_after && !key_is_zero(e->indicator->key);
	if (found)
		*out = (struct mas_standing){ .indicator = *e->indicator->key,
			                      .low = e->class.low,
			                      .active = e->class.active };
	pthread_rwlock_unlock(&t->lock);
	return found;
}

bool
mas_psk_low(struct mas_psk *t, const struct node_id *node)
{
	int64_t now = clock_now(t->clock);
	bool low = false;

	pthread_rwlock_rdlock(&t->lock);
	for (const struct entry *e = t->buckets[bucket_of(t, node)]; e != NULL && !low; e = e->next)
		low = e->class.low && now < e->not_after && node_id_eq(&e->node, node);
	pthread_rwlock_unlock(&t->lock);
	return low;
}

static void
visit(struct mas_psk_feed *f, const struct node_id *node, uint32_t index, const struct entry *e)
{
	struct mas_psk_change c = { .node = *node, .index = index, .gone = e == NULL };

	if (e != NULL) {
		c.not_after = e->not_after;
		c.keys = (struct mas_psk_keys){ .psk2 = *e->psk2->key,
			                        .psk3 = *e->psk3->key,
			                        .indicator = *e->indicator->key,
			                        .class = e->class };
	}
	f->visit(f, &c);
	secret_wipe(&c, sizeof(c));
}

static void
feed_all(struct mas_psk *t, struct mas_psk_feed *f)
{
	for (size_t i = 0; i < t->n_buckets; i++)
		for (const struct entry *e = t->buckets[i]; e != NULL; e = e->next)
			visit(f, &e->node, e->index, e);
}

void
mas_psk_feed(struct mas_psk *t, struct mas_psk_feed *f)
{
	pthread_rwlock_rdlock(&t->lock);
	f->reset = f->since < t->first || f->since > t->next;
	f->up_to = t->next;
	if (f->reset)
		feed_all(t, f);
	for (uint64_t i = f->since; !f->reset && i < t->next; i++) {
		const struct change *c = &t->changes[i % CHANGES];

		visit(f, &c->node, c->index, *place_of(t, &c->node, c->index));
	}
	pthread_rwlock_unlock(&t->lock);
}

bool
mas_psk_news(struct mas_psk *t, uint64_t since)
{
	bool news;

	pthread_rwlock_rdlock(&t->lock);
	news = since != t->next;
	pthread_rwlock_unlock(&t->lock);
	return news;
}
