/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/source_rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sec/derive.h"

#define SETS 1024u
#define WAYS 4u

struct bucket {
	uint64_t source; /* keyed digest of the address; 0 = free */
	int64_t tokens; /* in 1/CLOCK_SECOND */
	int64_t filled;
};

struct source_rate {
	unsigned rate;
	struct key key;
	pthread_mutex_t lock; /* of the buckets */
	struct bucket buckets[SETS][WAYS];
};

enum rc
source_rate_new(unsigned rate, struct source_rate **out)
{
	struct source_rate *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (r == NULL)
		return RC_UNAVAILABLE;
	r->rate = rate;
	if (key_random(&r->key) != RC_OK) {
		free(r);
		return RC_INTERNAL;
	}
	pthread_mutex_init(&r->lock, NULL);
	*out = r;
	return RC_OK;
}

void
source_rate_free(struct source_rate *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static uint64_t
digest(const struct source_rate *r, struct slice address)
{
	uint64_t d = 0;

	if (m2m_expand(&r->key, "source", slice_head(address, 64), &d, sizeof(d)) != RC_OK || d == 0)
		d = 1;
	return d;
}

/* The bucket of the source; else a full one in the place of the quietest. */
static struct bucket *
bucket_of(struct source_rate *r, uint64_t source, int64_t now)
{
	struct bucket *set = r->buckets[source % SETS], *quiet = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].source == source)
			return &set[i];
		if (set[i].filled < quiet->filled)
			quiet = &set[i];
	}
	*quiet = (struct bucket){ .source = source, .tokens = r->rate * CLOCK_SECOND, .filled = now };
	return quiet;
}

bool
source_rate_take(struct source_rate *r, struct slice address)
{
	int64_t now = clock_monotonic(), full = r->rate * CLOCK_SECOND;
	uint64_t source = digest(r, address);
	struct bucket *b;
	bool taken;

	pthread_mutex_lock(&r->lock);
	b = bucket_of(r, source, now);
	b->tokens = now - b->filled >= CLOCK_SECOND ? full : b->tokens + (now - b->filled) * r->rate;
	b->tokens = b->tokens > full ? full : b->tokens;
	b->filled = now;
	taken = b->tokens >= CLOCK_SECOND;
	if (taken)
		b->tokens -= CLOCK_SECOND;
	pthread_mutex_unlock(&r->lock);
	return taken;
}
