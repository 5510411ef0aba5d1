/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_wait.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/endpoint.h"
#include "core/scl.h"

#define LISTS 1024u
#define TURN CLOCK_SECOND /* how often it is looked for those whose time is over */
/* Keys of observers are in common with all endpoints: these are of the SGA alone. */
#define KEY_BASE (UINT64_C(0x736761) << 32)
#define KEY_MASK UINT64_C(0xffffffff)

struct sgs_wait {
	struct scl *scl;
	unsigned max;

	pthread_mutex_t lock; /* guards the following */
	struct sgs_waiter *lists[LISTS]; /* by device */
	struct sgs_waiter *due; /* to be told; in their order */
	struct sgs_waiter **due_end;
	unsigned n;
	bool stopped;
	struct scl_task tell; /* posted while somebody is due */
	struct scl_task turn; /* posted while somebody waits */
};

#define OF(ptr, member)                                                                            \
	((struct sgs_wait *)(void *)((char *)(ptr)-offsetof(struct sgs_wait, member)))

uint64_t
sgs_wait_key(uint64_t device)
{
	return KEY_BASE + (device & KEY_MASK);
}

/* ---- telling ---- */

/* Takes it out of its list. Locked. */
static void
make_due(struct sgs_wait *w, struct sgs_waiter **at)
{
	struct sgs_waiter *one = *at;

	*at = one->next;
	one->next = NULL;
	*w->due_end = one;
	w->due_end = &one->next;
	w->n--;
}

/* Locked. */
static struct sgs_waiter *
take_due(struct sgs_wait *w)
{
	struct sgs_waiter *due = w->due;

	w->due = NULL;
	w->due_end = &w->due;
	return due;
}

static void
tell_all(struct sgs_waiter *due)
{
	while (due != NULL) {
		struct sgs_waiter *one = due;

		due = one->next;
		one->told(one);
	}
}

static void
tell_run(struct scl_task *task)
{
	struct sgs_wait *w = OF(task, tell);
	struct sgs_waiter *due;

	pthread_mutex_lock(&w->lock);
	due = take_due(w);
	pthread_mutex_unlock(&w->lock);
	tell_all(due);
}

/* Locked. */
static void
find_over(struct sgs_wait *w, int64_t now)
{
	for (size_t i = 0; i < LISTS; i++)
		for (struct sgs_waiter **at = &w->lists[i]; *at != NULL;)
			if (w->stopped || (*at)->until <= now)
				make_due(w, at);
			else
				at = &(*at)->next;
}

static void
turn_run(struct scl_task *task)
{
	struct sgs_wait *w = OF(task, turn);
	struct sgs_waiter *due;

	pthread_mutex_lock(&w->lock);
	find_over(w, clock_monotonic());
	due = take_due(w);
	if (w->n > 0)
		scl_post(w->scl, task, TURN);
	pthread_mutex_unlock(&w->lock);
	tell_all(due);
}

void
sgs_wait_touch(struct sgs_wait *w, uint64_t device)
{
	struct sgs_waiter **at = &w->lists[device % LISTS];

	pthread_mutex_lock(&w->lock);
	while (*at != NULL)
		if ((*at)->device == device)
			make_due(w, at);
		else
			at = &(*at)->next;
	if (w->due != NULL && !w->stopped)
		scl_post(w->scl, &w->tell, 0);
	pthread_mutex_unlock(&w->lock);
	observe_tell(w->scl, sgs_wait_key(device));
}

/* ---- waiting ---- */

/* The end of the list, or NULL: that device has enough there. Locked. */
static struct sgs_waiter **
place_of(struct sgs_wait *w, uint64_t device)
{
	struct sgs_waiter **at = &w->lists[device % LISTS];
	unsigned same = 0;

	for (; *at != NULL; at = &(*at)->next)
		same += (*at)->device == device ? 1 : 0;
	return same < SGS_WAITERS_DEVICE ? at : NULL;
}

bool
sgs_wait_park(struct sgs_wait *w, struct sgs_waiter *waiter, int64_t hold)
{
	struct sgs_waiter **at = NULL;

	waiter->until = clock_monotonic() + hold;
	waiter->next = NULL;
	pthread_mutex_lock(&w->lock);
	if (!w->stopped && w->n < w->max)
		at = place_of(w, waiter->device);
	if (at != NULL) {
		*at = waiter;
		if (w->n++ == 0)
			scl_post(w->scl, &w->turn, TURN);
	}
	pthread_mutex_unlock(&w->lock);
	return at != NULL;
}

unsigned
sgs_wait_waiting(struct sgs_wait *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->n;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* ---- life ---- */

struct sgs_wait *
sgs_wait_new(struct scl *scl, unsigned max)
{
	struct sgs_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->scl = scl;
	w->max = max;
	w->due_end = &w->due;
	w->tell.run = tell_run;
	w->turn.run = turn_run;
	pthread_mutex_init(&w->lock, NULL);
	return w;
}

void
sgs_wait_stop(struct sgs_wait *w)
{
	struct sgs_waiter *due;

	pthread_mutex_lock(&w->lock);
	w->stopped = true;
	find_over(w, 0);
	due = take_due(w);
	pthread_mutex_unlock(&w->lock);
	tell_all(due);
}

void
sgs_wait_free(struct sgs_wait *w)
{
	if (w == NULL)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}
