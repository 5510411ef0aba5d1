/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cap/sec/mid_impl.h"

#define NAMES 64u /* a power of 2 */
#define NAME_MAX_OCTETS 232u /* a longer one is looked up each time */

/* A name and the generation that the answer is of; 0: none. */
struct name {
	pthread_mutex_t lock; /* of what follows */
	uint64_t generation;
	size_t n;
	char text[NAME_MAX_OCTETS];
};

struct mid_names {
	struct name names[NAMES];
};

struct mid_names *
mid_names_new(void)
{
	struct mid_names *s = calloc(1, sizeof(*s));

	for (unsigned i = 0; s != NULL && i < NAMES; i++)
		pthread_mutex_init(&s->names[i].lock, NULL);
	return s;
}

void
mid_names_free(struct mid_names *s)
{
	for (unsigned i = 0; s != NULL && i < NAMES; i++)
		pthread_mutex_destroy(&s->names[i].lock);
	free(s);
}

static struct name *
place_of(struct mid_names *s, struct slice text)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 16777619u;
	return &s->names[(h ^ h >> 16) & (NAMES - 1)];
}

bool
mid_names_has(struct mid_names *s, uint64_t generation, struct slice text)
{
	struct name *n;
	bool has;

	if (generation == 0 || text.n > NAME_MAX_OCTETS)
		return false;
	n = place_of(s, text);
	pthread_mutex_lock(&n->lock);
	has = n->generation == generation && slice_eq(slice_make(n->text, n->n), text);
	pthread_mutex_unlock(&n->lock);
	return has;
}

void
mid_names_add(struct mid_names *s, uint64_t generation, struct slice text)
{
	struct name *n;

	if (generation == 0 || text.n > NAME_MAX_OCTETS)
		return;
	n = place_of(s, text);
	pthread_mutex_lock(&n->lock);
	n->generation = generation;
	n->n = text.n;
	memcpy(n->text, text.p, text.n);
	pthread_mutex_unlock(&n->lock);
}
