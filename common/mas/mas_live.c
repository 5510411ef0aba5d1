/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_live.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>

/* An open-addressed place; id 0 is free. */
struct place {
	uint64_t id, owner;
	uint64_t requests, octets; /* not stored yet */
	int64_t end;
	bool used; /* ever */
	bool first; /* the first use is to be stored */
};

struct mas_live_table {
	pthread_mutex_t lock; /* guards the rest */
	struct place *places;
	size_t size; /* a power of 2 */
	size_t n;
	size_t max;
	size_t at; /* where the next take begins */
};

/* Ids are random; an unlucky or chosen one costs a walk, at most half of the table is taken. */
static size_t
home(const struct mas_live_table *t, uint64_t id)
{
	return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (t->size - 1);
}

static struct place *
find(const struct mas_live_table *t, uint64_t id)
{
	size_t i = home(t, id);

	while (t->places[i].id != 0 && t->places[i].id != id)
		i = (i + 1) & (t->size - 1);
	return &t->places[i];
}

struct mas_live_table *
mas_live_new(unsigned max)
{
	struct mas_live_table *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->places = calloc(64, sizeof(*t->places))) == NULL) {
		free(t);
		return NULL;
	}
	t->size = 64;
	t->max = max;
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
mas_live_free(struct mas_live_table *t)
{
	if (t == NULL)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t->places);
	free(t);
}

static bool
grow(struct mas_live_table *t)
{
	struct mas_live_table bigger = { .size = 2 * t->size };

	bigger.places = calloc(bigger.size, sizeof(*bigger.places));
	if (bigger.places == NULL)
		return false;
	for (size_t i = 0; i < t->size; i++)
		if (t->places[i].id != 0)
			*find(&bigger, t->places[i].id) = t->places[i];
	free(t->places);
	t->places = bigger.places;
	t->size = bigger.size;
	t->at = 0;
	return true;
}

enum rc
mas_live_room(struct mas_live_table *t, unsigned n)
{
	bool ok;

	pthread_mutex_lock(&t->lock);
	ok = t->n + n <= t->max;
	while (ok && 2 * (t->n + n) > t->size)
		ok = grow(t);
	pthread_mutex_unlock(&t->lock);
	return ok ? RC_OK : RC_UNAVAILABLE;
}

uint64_t
mas_live_owner(struct slice nscl)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	uint64_t v = 0;

	SHA256((const unsigned char *)(nscl.n == 0 ? "" : nscl.p), nscl.n, digest);
	for (size_t i = 0; i < sizeof(v); i++)
		v = v << 8 | digest[i];
	return v == MAS_LIVE_SAME ? 1 : v;
}

void
mas_live_put(struct mas_live_table *t, uint64_t id, uint64_t owner, int64_t end)
{
	struct place *p;

	pthread_mutex_lock(&t->lock);
	p = find(t, id);
	if (p->id == 0) {
		*p = (struct place){ .id = id, .owner = owner, .end = end };
		t->n++;
	} else if (end < p->end) {
		p->end = end;
	}
	pthread_mutex_unlock(&t->lock);
}

static bool
is_dirty(const struct place *p)
{
	return p->first || p->requests > 0 || p->octets > 0;
}

/* Moves back what stood behind the gap because of it. */
static void
close_gap(struct mas_live_table *t, size_t gap)
{
	size_t i = gap;

	for (;;) {
		size_t at_home;

		i = (i + 1) & (t->size - 1);
		if (t->places[i].id == 0)
			break;
		at_home = home(t, t->places[i].id);
		if (((i - at_home) & (t->size - 1)) >= ((i - gap) & (t->size - 1))) {
			t->places[gap] = t->places[i];
			gap = i;
		}
	}
	t->places[gap] = (struct place){ .id = 0 };
}

void
mas_live_del(struct mas_live_table *t, uint64_t id)
{
	struct place *p;

	pthread_mutex_lock(&t->lock);
	p = find(t, id);
	if (p->id != 0) {
		t->n--;
		close_gap(t, (size_t)(p - t->places));
	}
	pthread_mutex_unlock(&t->lock);
}

unsigned
mas_live_count(struct mas_live_table *t)
{
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = t->n;
	pthread_mutex_unlock(&t->lock);
	return (unsigned)n;
}

bool
mas_live_is_of(struct mas_live_table *t, uint64_t id, uint64_t owner)
{
	const struct place *p;
	bool is;

	pthread_mutex_lock(&t->lock);
	p = id == 0 ? NULL : find(t, id);
	is = p == NULL || p->id == 0 || p->owner == owner;
	pthread_mutex_unlock(&t->lock);
	return is;
}

bool
mas_live_used(struct mas_live_table *t, uint64_t id, uint64_t requests, uint64_t octets)
{
	bool first = false;
	struct place *p;

	pthread_mutex_lock(&t->lock);
	p = id == 0 ? NULL : find(t, id);
	if (p != NULL && p->id != 0 && (requests > 0 || octets > 0)) {
		p->requests = requests > UINT64_MAX - p->requests ? UINT64_MAX : p->requests + requests;
		p->octets = octets > UINT64_MAX - p->octets ? UINT64_MAX : p->octets + octets;
		first = !p->used;
		p->first = p->first || first;
		p->used = true;
	}
	pthread_mutex_unlock(&t->lock);
	return first;
}

size_t
mas_live_take(struct mas_live_table *t, int64_t now, struct mas_use *out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->size && n < max; i++) {
		const struct place *p = &t->places[(t->at + i) & (t->size - 1)];

		if (p->id != 0 && (is_dirty(p) || p->end <= now))
			out[n++] = (struct mas_use){ .id = p->id, .requests = p->requests,
				                     .octets = p->octets, .first = p->first,
				                     .over = p->end <= now };
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

void
mas_live_stored(struct mas_live_table *t, const struct mas_use *uses, size_t n)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < n; i++) {
		struct place *p = find(t, uses[i].id);

		if (p->id == 0)
			continue;
		/* It may have come anew meanwhile, and have counted less. */
		p->requests -= uses[i].requests < p->requests ? uses[i].requests : p->requests;
		p->octets -= uses[i].octets < p->octets ? uses[i].octets : p->octets;
		p->first = p->first && !uses[i].first;
		t->at = (size_t)(p - t->places) + 1;
	}
	pthread_mutex_unlock(&t->lock);
}
