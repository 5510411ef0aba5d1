/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/keyed.h"

#include <stdlib.h>

static struct keyed **
bucket(const struct keyed_table *t, uint64_t key)
{
	return &t->buckets[key & (t->size - 1)];
}

static bool
grow(struct keyed_table *t)
{
	struct keyed_table more = { .size = t->size == 0 ? 16 : t->size * 2, .n = t->n };

	more.buckets = calloc(more.size, sizeof(struct keyed *));
	if (more.buckets == NULL)
		return false;
	for (size_t i = 0; i < t->size; i++)
		while (t->buckets[i] != NULL) {
			struct keyed *k = t->buckets[i];
			struct keyed **to = bucket(&more, k->key);

			t->buckets[i] = k->next;
			k->next = *to;
			*to = k;
		}
	free(t->buckets);
	*t = more;
	return true;
}

bool
keyed_add(struct keyed_table *t, struct keyed *k, uint64_t key)
{
	struct keyed **to;

	/* A full table still works, slower. */
	if (t->n >= t->size && !grow(t) && t->size == 0)
		return false;
	to = bucket(t, key);
	k->key = key;
	k->next = *to;
	*to = k;
	t->n++;
	return true;
}

void
keyed_remove(struct keyed_table *t, struct keyed *k)
{
	struct keyed **at = bucket(t, k->key);

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	t->n--;
}

struct keyed *
keyed_find(const struct keyed_table *t, uint64_t key, const struct keyed *from)
{
	struct keyed *k;

	if (t->size == 0)
		return NULL;
	k = from == NULL ? *bucket(t, key) : from->next;
	while (k != NULL && k->key != key)
		k = k->next;
	return k;
}

struct keyed *
keyed_any(const struct keyed_table *t, size_t *at)
{
	for (; *at < t->size; ++*at)
		if (t->buckets[*at] != NULL)
			return t->buckets[*at];
	return NULL;
}

void
keyed_fini(struct keyed_table *t)
{
	free(t->buckets);
	*t = (struct keyed_table){ 0 };
}
