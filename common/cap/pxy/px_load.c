/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- sums over seconds ---- */

struct second {
	uint64_t v[PX_LOADS];
	int64_t cpu; /* microseconds */
};

struct px_load {
	int64_t (*now)(void);
	int64_t (*cpu)(void);
	pthread_mutex_t lock; /* guards the following */
	int64_t at; /* second of the newest bucket */
	int64_t used; /* cpu when it was looked at last */
	struct second ring[PX_LOAD_WINDOW_MAX];
};

int64_t
px_load_cpu(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		return 0;
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * CLOCK_SECOND + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

struct px_load *
px_load_new(int64_t (*now)(void), int64_t (*cpu)(void))
{
	struct px_load *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->now = now;
	l->cpu = cpu;
	l->at = now() / CLOCK_SECOND;
	l->used = cpu();
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void
px_load_free(struct px_load *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct second *
bucket(struct px_load *l, int64_t second)
{
	return &l->ring[(uint64_t)second % PX_LOAD_WINDOW_MAX];
}

/* What the processor did since it was looked at last belongs to the second that is over. */
static void
note_cpu(struct px_load *l)
{
	int64_t used = l->cpu();

	bucket(l, l->at)->cpu += used - l->used;
	l->used = used;
}

/* Empty buckets for the seconds that have begun. */
static void
advance(struct px_load *l)
{
	int64_t second = l->now() / CLOCK_SECOND;

	if (second <= l->at)
		return;
	note_cpu(l);
	if (second - l->at > PX_LOAD_WINDOW_MAX)
		l->at = second - PX_LOAD_WINDOW_MAX;
	while (l->at < second)
		memset(bucket(l, ++l->at), 0, sizeof(struct second));
}

void
px_load_add(struct px_load *l, enum px_load_of what, uint64_t n)
{
	pthread_mutex_lock(&l->lock);
	advance(l);
	bucket(l, l->at)->v[what] += n;
	pthread_mutex_unlock(&l->lock);
}

void
px_load_read(struct px_load *l, unsigned seconds, struct px_load_sums *out)
{
	int64_t cpu = 0;

	*out = (struct px_load_sums){ .cpu = 0 };
	pthread_mutex_lock(&l->lock);
	advance(l);
	note_cpu(l);
	for (unsigned i = 0; i < seconds; i++) {
		const struct second *s = bucket(l, l->at - i);

		for (unsigned k = 0; k < PX_LOADS; k++)
			out->v[k] += s->v[k];
		cpu += s->cpu;
	}
	pthread_mutex_unlock(&l->lock);
	out->cpu = seconds == 0 ? 0 : (unsigned)(cpu / (CLOCK_SECOND / 1000) / seconds);
}

/* ---- rates ---- */

#define RATES 1024u
#define NEAR 16u /* places that one store may have */
#define STEP 5u /* seconds of a bucket */
#define STEPS (PX_RATE_WINDOW / STEP)

struct rate {
	uint64_t id;
	int64_t at; /* step of the newest bucket */
	uint64_t v[STEPS];
};

struct px_rates {
	int64_t (*now)(void);
	pthread_mutex_t lock; /* guards rates */
	struct rate rates[RATES];
};

struct px_rates *
px_rates_new(int64_t (*now)(void))
{
	struct px_rates *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->now = now;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
px_rates_free(struct px_rates *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* That of the store, else the one that was idle longest of those it may have. Locked. */
static struct rate *
place_of(struct px_rates *r, uint64_t id)
{
	size_t from = (id * UINT64_C(0x9e3779b97f4a7c15)) >> 54;
	struct rate *idlest = &r->rates[from];

	for (size_t i = 0; i < NEAR; i++) {
		struct rate *one = &r->rates[(from + i) % RATES];

		if (one->id == id)
			return one;
		if (one->at < idlest->at)
			idlest = one;
	}
	return idlest;
}

static void
forget_old(struct rate *one, int64_t step)
{
	if (step - one->at >= (int64_t)STEPS)
		memset(one->v, 0, sizeof(one->v));
	else
		for (int64_t i = one->at + 1; i <= step; i++)
			one->v[(uint64_t)i % STEPS] = 0;
	one->at = step > one->at ? step : one->at;
}

void
px_rates_add(struct px_rates *r, uint64_t id, uint64_t n)
{
	int64_t step = r->now() / (STEP * CLOCK_SECOND);
	struct rate *one;

	pthread_mutex_lock(&r->lock);
	one = place_of(r, id);
	if (one->id != id)
		*one = (struct rate){ .id = id, .at = step };
	forget_old(one, step);
	one->v[(uint64_t)one->at % STEPS] += n;
	pthread_mutex_unlock(&r->lock);
}

static uint64_t
rounded(uint64_t v)
{
	unsigned top = 63u - (unsigned)__builtin_clzll(v | 1);

	return top <= 4 ? v : v >> (top - 4) << (top - 4);
}

uint64_t
px_rates_get(struct px_rates *r, uint64_t id)
{
	int64_t step = r->now() / (STEP * CLOCK_SECOND);
	struct rate *one;
	uint64_t sum = 0;

	pthread_mutex_lock(&r->lock);
	one = place_of(r, id);
	if (one->id == id) {
		forget_old(one, step);
		for (unsigned i = 0; i < STEPS; i++)
			sum += one->v[i];
	}
	pthread_mutex_unlock(&r->lock);
	return rounded(sum / PX_RATE_WINDOW);
}
