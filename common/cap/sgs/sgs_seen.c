/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_seen.h"

#include <pthread.h>
#include <stdlib.h>

#define LISTS 4096u

struct entry {
	uint64_t device, regctr;
	uint64_t last, ceiling;
	struct entry *next;
};

struct sgs_seen {
	pthread_mutex_t lock; /* guards the following */
	struct entry *lists[LISTS];
};

struct sgs_seen *
sgs_seen_new(void)
{
	struct sgs_seen *s = calloc(1, sizeof(*s));

	if (s != NULL)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
sgs_seen_free(struct sgs_seen *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < LISTS; i++)
		while (s->lists[i] != NULL) {
			struct entry *e = s->lists[i];

			s->lists[i] = e->next;
			free(e);
		}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Where the entry of that device is, or would be. Locked. */
static struct entry **
find(struct sgs_seen *s, uint64_t device)
{
	struct entry **at = &s->lists[device % LISTS];

	while (*at != NULL && (*at)->device != device)
		at = &(*at)->next;
	return at;
}

/* Locked. */
static struct entry *
find_or_make(struct sgs_seen *s, uint64_t device)
{
	struct entry **at = find(s, device);

	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at != NULL)
			(*at)->device = device;
	}
	return *at;
}

/* Locked. */
static enum sgs_seen_answer
take(struct entry *e, const struct sgs_device *d, uint64_t ctr)
{
	if (e->regctr < d->regctr) {
		e->regctr = d->regctr;
		e->last = d->ceiling;
		e->ceiling = d->ceiling;
	}
	if (e->regctr != d->regctr || ctr <= e->last)
		return SGS_SEEN_OLD;
	if (ctr > e->ceiling)
		return SGS_SEEN_RAISE;
	e->last = ctr;
	return SGS_SEEN_TAKEN;
}

enum sgs_seen_answer
sgs_seen_take(struct sgs_seen *s, const struct sgs_device *d, uint64_t ctr)
{
	enum sgs_seen_answer answer = SGS_SEEN_FULL;
	struct entry *e;

	if (ctr > UINT64_MAX - SGS_COUNTER_STEP)
		return SGS_SEEN_OLD;
	pthread_mutex_lock(&s->lock);
	e = find_or_make(s, d->number);
	if (e != NULL)
		answer = take(e, d, ctr);
	pthread_mutex_unlock(&s->lock);
	return answer;
}

void
sgs_seen_raised(struct sgs_seen *s, uint64_t device, uint64_t regctr, uint64_t ceiling)
{
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	e = *find(s, device);
	if (e != NULL && e->regctr == regctr && e->ceiling < ceiling)
		e->ceiling = ceiling;
	pthread_mutex_unlock(&s->lock);
}

void
sgs_seen_forget(struct sgs_seen *s, uint64_t device)
{
	struct entry **at, *gone;

	pthread_mutex_lock(&s->lock);
	at = find(s, device);
	gone = *at;
	if (gone != NULL)
		*at = gone->next;
	pthread_mutex_unlock(&s->lock);
	free(gone);
}
