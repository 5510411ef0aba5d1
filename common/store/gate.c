/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* One cache line each: two threads that read at the same time must not share one. */
#define PLACE_ALIGN 64

struct place {
	_Alignas(PLACE_ALIGN) atomic_bool taken;
};

/*
 * A newcomer sets taken and then looks at shut; the one who shuts sets shut and then looks at
 * taken. Both are sequentially consistent, so at least one of the two sees the other.
 */
struct gate {
	atomic_bool shut;
	pthread_mutex_t lock; /* only while the gate is shut */
	pthread_cond_t changed;
	unsigned places;
	struct place place[];
};

enum rc
gate_new(unsigned places, struct gate **out)
{
	size_t size = sizeof(struct gate) + places * sizeof(struct place);
	struct gate *g =
		aligned_alloc(PLACE_ALIGN, (size + PLACE_ALIGN - 1) / PLACE_ALIGN * PLACE_ALIGN);
	pthread_condattr_t attr;

	if (g == NULL)
		return RC_UNAVAILABLE;
	atomic_init(&g->shut, false);
	g->places = places;
	for (unsigned i = 0; i < places; i++)
		atomic_init(&g->place[i].taken, false);
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->changed, &attr);
	pthread_condattr_destroy(&attr);
	*out = g;
	return RC_OK;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static struct timespec
patience_end(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += GATE_PATIENCE_MS / 1000;
	t.tv_nsec += GATE_PATIENCE_MS % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	return t;
}

/* Where a thread begins to look: it finds its last place again, which is warm in its cache. */
static unsigned
first_try(const struct gate *g)
{
	uint64_t self = (uint64_t)(uintptr_t)pthread_self();

	return (unsigned)((self * UINT64_C(0x9e3779b97f4a7c15)) >> 33) % g->places;
}

static bool
take_place(struct gate *g, unsigned *place)
{
	unsigned at = first_try(g);

	for (unsigned n = 0; n < g->places; n++) {
		atomic_bool *taken = &g->place[at].taken;

		if (!atomic_load_explicit(taken, memory_order_relaxed) &&
		    !atomic_exchange(taken, true)) {
			*place = at;
			return true;
		}
		if (++at == g->places)
			at = 0;
	}
	return false;
}

static bool
wait_until_open(struct gate *g)
{
	struct timespec end = patience_end();
	bool open;

	pthread_mutex_lock(&g->lock);
	while (atomic_load(&g->shut))
		if (pthread_cond_timedwait(&g->changed, &g->lock, &end) != 0)
			break;
	open = !atomic_load(&g->shut);
	pthread_mutex_unlock(&g->lock);
	return open;
}

enum rc
gate_enter(struct gate *g, unsigned *place)
{
	while (take_place(g, place)) {
		if (!atomic_load(&g->shut))
			return RC_OK;
		gate_leave(g, *place);
		if (!wait_until_open(g))
			return RC_UNAVAILABLE;
	}
	return RC_UNAVAILABLE;
}

void
gate_leave(struct gate *g, unsigned place)
{
	atomic_store(&g->place[place].taken, false);
	if (!atomic_load(&g->shut))
		return;
	pthread_mutex_lock(&g->lock);
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static bool
is_empty(const struct gate *g)
{
	for (unsigned i = 0; i < g->places; i++)
		if (atomic_load(&g->place[i].taken))
			return false;
	return true;
}

bool
gate_shut(struct gate *g)
{
	struct timespec end = patience_end();
	bool empty;

	pthread_mutex_lock(&g->lock);
	atomic_store(&g->shut, true);
	while (!(empty = is_empty(g)))
		if (pthread_cond_timedwait(&g->changed, &g->lock, &end) != 0)
			break;
	if (!empty) {
		atomic_store(&g->shut, false);
		pthread_cond_broadcast(&g->changed);
	}
	pthread_mutex_unlock(&g->lock);
	return empty;
}

void
gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	atomic_store(&g->shut, false);
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}
