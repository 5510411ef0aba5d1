/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/msbf_rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sec/derive.h"

#define SETS 256u
#define WAYS 4u

/* Without a counter of tokens: when it would be full again. */
struct bucket {
	uint64_t source; /* keyed digest of the address */
	int64_t full_at; /* clock_monotonic */
};

struct msbf_rate {
	pthread_mutex_t lock; /* guards the buckets */
	struct key seed; /* nobody can aim at a set */
	int64_t cost; /* microseconds until one token is back */
	struct bucket buckets[SETS][WAYS];
};

struct msbf_rate *
msbf_rate_new(unsigned per_second)
{
	struct msbf_rate *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	if (key_random(&r->seed) != RC_OK) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->cost = CLOCK_SECOND / per_second;
	return r;
}

void
msbf_rate_free(struct msbf_rate *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool
digest_of(const struct msbf_rate *r, struct slice source, uint64_t *out)
{
	struct key mac;

	if (hkdf_extract(slice_make(r->seed.v, KEY_BYTES), source, &mac) != RC_OK)
		return false;
	memcpy(out, mac.v, sizeof(*out));
	return true;
}

static struct bucket *
bucket_of(struct bucket set[WAYS], uint64_t source)
{
	struct bucket *oldest = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].source == source)
			return &set[i];
		if (set[i].full_at < oldest->full_at)
			oldest = &set[i];
	}
	*oldest = (struct bucket){ .source = source };
	return oldest;
}

bool
msbf_rate_take(struct msbf_rate *r, struct slice source)
{
	int64_t now = clock_monotonic();
	struct bucket *b;
	uint64_t digest;
	bool taken;

	if (source.n == 0)
		return true;
	if (!digest_of(r, source, &digest))
		return false;
	pthread_mutex_lock(&r->lock);
	b = bucket_of(r->buckets[digest % SETS], digest);
	if (b->full_at < now)
		b->full_at = now;
	taken = b->full_at + r->cost <= now + CLOCK_SECOND;
	if (taken)
		b->full_at += r->cost;
	pthread_mutex_unlock(&r->lock);
	return taken;
}
