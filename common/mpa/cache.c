/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of WAYS places; the first octets of a hash say which set. Only chains with right signatures come
 * here, so nobody chooses hashes that meet in one set without as many warrants.
 */
#include "config.h"

#include "mpa/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/be.h"

#define WAYS MPA_CACHE_MIN

struct place {
	uint8_t hash[DIGEST_SIZE];
	char *octets; /* NULL: free */
	size_t n;
	uint64_t used; /* the turn of its last use */
};

struct mpa_cache {
	pthread_mutex_t lock;
	uint64_t turn;
	size_t sets;
	struct place places[]; /* WAYS of each set */
};

enum rc
mpa_cache_new(size_t chains, struct mpa_cache **out)
{
	size_t sets = ((chains > MPA_CACHE_MAX ? MPA_CACHE_MAX : chains) + WAYS - 1) / WAYS;
	struct mpa_cache *c;

	if (sets == 0)
		sets = 1;
	c = calloc(1, sizeof(*c) + sets * WAYS * sizeof(c->places[0]));
	if (c == NULL)
		return RC_UNAVAILABLE;
	if (pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return RC_UNAVAILABLE;
	}
	c->sets = sets;
	*out = c;
	return RC_OK;
}

void
mpa_cache_free(struct mpa_cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sets * WAYS; i++)
		free(c->places[i].octets);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Under the lock: the place of the hash, or the one to take for it. */
static struct place *
find(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE], bool *found)
{
	struct place *set = c->places + be_get(hash, 8) % c->sets * WAYS, *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		*found = set[i].octets != NULL && memcmp(set[i].hash, hash, DIGEST_SIZE) == 0;
		if (*found)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	return oldest;
}

bool
mpa_cache_has(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE])
{
	struct place *p;
	bool found;

	if (c == NULL)
		return false;
	pthread_mutex_lock(&c->lock);
	p = find(c, hash, &found);
	if (found)
		p->used = ++c->turn;
	pthread_mutex_unlock(&c->lock);
	return found;
}

enum rc
mpa_cache_get(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE], struct buf *out)
{
	struct place *p;
	bool found;

	if (c == NULL)
		return RC_NOT_FOUND;
	pthread_mutex_lock(&c->lock);
	p = find(c, hash, &found);
	if (found) {
		p->used = ++c->turn;
		buf_add(out, p->octets, p->n);
	}
	pthread_mutex_unlock(&c->lock);
	if (!found)
		return RC_NOT_FOUND;
	return out->failed ? RC_NO_SPACE : RC_OK;
}

void
mpa_cache_put(struct mpa_cache *c, const uint8_t hash[DIGEST_SIZE], struct slice octets)
{
	char *copy = c == NULL || octets.n == 0 ? NULL : malloc(octets.n);
	struct place *p;
	bool found;

	if (copy == NULL)
		return;
	memcpy(copy, octets.p, octets.n);
	pthread_mutex_lock(&c->lock);
	p = find(c, hash, &found);
	if (!found) {
		char *old = p->octets;

		memcpy(p->hash, hash, DIGEST_SIZE);
		p->octets = copy;
		p->n = octets.n;
		copy = old;
	}
	p->used = ++c->turn;
	pthread_mutex_unlock(&c->lock);
	free(copy);
}
