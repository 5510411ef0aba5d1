/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of what has a 64-bit key; it grows. Not safe for threads. */
#ifndef CORE_KEYED_H
#define CORE_KEYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of whatever is in the table. Keys are random numbers, and may collide. */
struct keyed {
	struct keyed *next; /* private */
	uint64_t key;
};

/* All zero at first. */
struct keyed_table {
	struct keyed **buckets;
	size_t size, n;
};

/* False without memory. */
bool keyed_add(struct keyed_table *t, struct keyed *k, uint64_t key);
/* k is in the table. */
void keyed_remove(struct keyed_table *t, struct keyed *k);
/* The first with that key after from, or the first of all when from is NULL; NULL at the end. */
struct keyed *keyed_find(const struct keyed_table *t, uint64_t key, const struct keyed *from);
/* Any one of those in bucket *at or after it, whose number is then in *at; NULL at the end. */
struct keyed *keyed_any(const struct keyed_table *t, size_t *at);
void keyed_fini(struct keyed_table *t);

#endif
