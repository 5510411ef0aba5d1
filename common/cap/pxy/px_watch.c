/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_watch.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/endpoint.h"
#include "core/scl.h"
#include "sec/secret.h"

#define WORDS (PX_WATCH_SLOTS / 64u)
#define HOLD (30 * CLOCK_SECOND) /* a parked request */
#define REST (60 * CLOCK_SECOND)
/* Keys of observers are in common with all endpoints: these are of the proxy alone. */
#define KEY_BASE (UINT64_C(0x7078) << 32)

struct px_watch {
	struct px_watch_conf conf;
	uint64_t run; /* ids of events of another process are none of this one */
	_Atomic uint64_t changes[PX_WATCH_SLOTS];
	_Atomic uint64_t dirty[WORDS]; /* slots that were touched and not told */
	_Atomic bool posted; /* tell */
	_Atomic int64_t told_at; /* monotonic */
	struct scl_task tell;

	/* Courier thread. Slots that were touched in this and in the last REST. */
	uint64_t recent[WORDS], before[WORDS];
	bool resting; /* rest is posted */
	struct scl_task rest;

	pthread_mutex_t lock; /* guards the following */
	struct px_waiter *waiters;
	unsigned n_waiters;
	bool stopped;
	struct scl_task hold; /* posted while somebody waits */
};

static unsigned
slot_of(uint64_t id)
{
	return (unsigned)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 52) % PX_WATCH_SLOTS;
}

uint64_t
px_watch_key(uint64_t id)
{
	return KEY_BASE + slot_of(id);
}

static uint64_t
changes_of(const struct px_watch *w, uint64_t id)
{
	return atomic_load(&w->changes[slot_of(id)]);
}

/* ---- ids of events ---- */

static void
event_text(const struct px_watch *w, uint64_t changes, char out[PX_EVENT_ID_MAX])
{
	snprintf(out, PX_EVENT_ID_MAX, "%016" PRIx64 "-%" PRIu64, w->run, changes);
}

void
px_watch_event(const struct px_watch *w, uint64_t id, char out[PX_EVENT_ID_MAX])
{
	event_text(w, changes_of(w, id), out);
}

bool
px_watch_is_current(const struct px_watch *w, uint64_t id, struct slice last)
{
	char text[PX_EVENT_ID_MAX];

	px_watch_event(w, id, text);
	return slice_is(last, text);
}

/* ---- who waits ---- */

/* Takes those out that are to be told; all of them when the watch ends. In their order. */
static struct px_waiter *
take_due(struct px_watch *w, int64_t now)
{
	struct px_waiter *due = NULL, **end = &due;

	pthread_mutex_lock(&w->lock);
	for (struct px_waiter **at = &w->waiters; *at != NULL;) {
		struct px_waiter *one = *at;

		if (!w->stopped && one->until > now && changes_of(w, one->id) == one->seen) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		one->next = NULL;
		*end = one;
		end = &one->next;
		w->n_waiters--;
	}
	pthread_mutex_unlock(&w->lock);
	return due;
}

static void
tell_waiters(struct px_watch *w)
{
	struct px_waiter *one = take_due(w, clock_monotonic()), *next;

	for (; one != NULL; one = next) {
		next = one->next;
		one->told(one, changes_of(w, one->id) != one->seen);
	}
}

/* How often it is looked for those whose time is over. */
static int64_t
turn_of(const struct px_watch *w)
{
	return w->conf.hold < CLOCK_SECOND ? w->conf.hold : CLOCK_SECOND;
}

static void
hold_run(struct scl_task *task)
{
	struct px_watch *w = (struct px_watch *)((char *)task - offsetof(struct px_watch, hold));
	bool more;

	tell_waiters(w);
	pthread_mutex_lock(&w->lock);
	more = w->waiters != NULL;
	if (more)
		scl_post(w->conf.scl, task, turn_of(w));
	pthread_mutex_unlock(&w->lock);
}

bool
px_watch_park(struct px_watch *w, struct px_waiter *waiter, struct slice last)
{
	char text[PX_EVENT_ID_MAX];
	bool parked;

	waiter->seen = changes_of(w, waiter->id);
	waiter->until = clock_monotonic() + w->conf.hold;
	waiter->next = NULL;
	event_text(w, waiter->seen, text);
	pthread_mutex_lock(&w->lock);
	parked = slice_is(last, text) && !w->stopped && w->n_waiters < w->conf.waiters_max;
	if (parked) {
		struct px_waiter **at = &w->waiters;

		if (*at == NULL)
			scl_post(w->conf.scl, &w->hold, turn_of(w));
		while (*at != NULL)
			at = &(*at)->next;
		*at = waiter;
		w->n_waiters++;
	}
	pthread_mutex_unlock(&w->lock);
	return parked;
}

unsigned
px_watch_waiting(struct px_watch *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->n_waiters;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* ---- changes ---- */

static void
observe_word(struct px_watch *w, size_t word, uint64_t bits)
{
	for (unsigned i = 0; bits != 0; i++, bits >>= 1)
		if ((bits & 1) != 0)
			observe_tell(w->conf.scl, KEY_BASE + word * 64 + i);
}

static void
tell_run(struct scl_task *task)
{
	struct px_watch *w = (struct px_watch *)((char *)task - offsetof(struct px_watch, tell));

	atomic_store(&w->told_at, clock_monotonic());
	/* What is touched from here on has it posted again. */
	atomic_store(&w->posted, false);
	for (size_t i = 0; i < WORDS; i++) {
		uint64_t bits = atomic_exchange(&w->dirty[i], 0);

		w->recent[i] |= bits;
		observe_word(w, i, bits);
	}
	if (!w->resting) {
		w->resting = true;
		scl_post(w->conf.scl, &w->rest, w->conf.rest);
	}
	tell_waiters(w);
}

static void
touch_slot(struct px_watch *w, unsigned slot)
{
	atomic_fetch_add(&w->changes[slot], 1);
	atomic_fetch_or(&w->dirty[slot / 64], UINT64_C(1) << slot % 64);
}

static void
post_tell(struct px_watch *w)
{
	int64_t since;

	if (atomic_exchange(&w->posted, true))
		return;
	since = clock_monotonic() - atomic_load(&w->told_at);
	scl_post(w->conf.scl, &w->tell, since >= w->conf.interval ? 0 : w->conf.interval - since);
}

void
px_watch_touch(struct px_watch *w, uint64_t id)
{
	touch_slot(w, slot_of(id));
	post_tell(w);
}

/* What was touched before this REST, and not in it, is told for the last time. */
static void
rest_run(struct scl_task *task)
{
	struct px_watch *w = (struct px_watch *)((char *)task - offsetof(struct px_watch, rest));
	bool more = false;

	for (size_t i = 0; i < WORDS; i++) {
		uint64_t quiet = w->before[i] & ~w->recent[i];

		for (unsigned k = 0; k < 64 && quiet >> k != 0; k++)
			if ((quiet >> k & 1) != 0)
				atomic_fetch_add(&w->changes[i * 64 + k], 1);
		observe_word(w, i, quiet);
		w->before[i] = w->recent[i];
		w->recent[i] = 0;
		more = more || w->before[i] != 0;
	}
	tell_waiters(w);
	w->resting = more;
	if (more)
		scl_post(w->conf.scl, task, w->conf.rest);
}

/* ---- life ---- */

enum rc
px_watch_new(const struct px_watch_conf *conf, struct px_watch **out)
{
	struct px_watch *w = calloc(1, sizeof(*w));
	struct key random;

	*out = NULL;
	if (w == NULL)
		return RC_UNAVAILABLE;
	if (key_random(&random) != RC_OK) {
		free(w);
		return RC_INTERNAL;
	}
	memcpy(&w->run, random.v, sizeof(w->run));
	w->conf = *conf;
	w->conf.hold = conf->hold != 0 ? conf->hold : HOLD;
	w->conf.rest = conf->rest != 0 ? conf->rest : REST;
	w->tell.run = tell_run;
	w->rest.run = rest_run;
	w->hold.run = hold_run;
	atomic_store(&w->told_at, clock_monotonic() - conf->interval);
	pthread_mutex_init(&w->lock, NULL);
	*out = w;
	return RC_OK;
}

void
px_watch_stop(struct px_watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopped = true;
	pthread_mutex_unlock(&w->lock);
	tell_waiters(w);
}

void
px_watch_free(struct px_watch *w)
{
	if (w == NULL)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}
