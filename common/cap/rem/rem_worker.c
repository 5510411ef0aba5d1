/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/rem/rem_worker.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct rem_worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rem_work *first, **end; /* that wait */
	const struct rem_work *current;
	unsigned n, max;
	bool stopping;
	int cancel, stop;
};

/* Readable from now on, until it is read. */
static void
raise_event(int fd)
{
	const uint64_t one = 1;

	/* Full means readable, too. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void
clear_event(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

/* The next work, NULL when the worker stops and nothing waits. Holds the lock. */
static struct rem_work *
take(struct rem_worker *w)
{
	struct rem_work *work;

	while (w->first == NULL && !w->stopping)
		pthread_cond_wait(&w->changed, &w->lock);
	work = w->first;
	if (work == NULL)
		return NULL;
	w->first = work->next;
	if (w->first == NULL)
		w->end = &w->first;
	w->n--;
	return work;
}

static void *
run(void *arg)
{
	struct rem_worker *w = arg;
	struct rem_work *work;

	pthread_mutex_lock(&w->lock);
	while ((work = take(w)) != NULL) {
		bool stopping = w->stopping;

		w->current = work;
		clear_event(w->cancel);
		pthread_mutex_unlock(&w->lock);
		work->run(work, stopping);
		pthread_mutex_lock(&w->lock);
		w->current = NULL;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void
release(struct rem_worker *w)
{
	if (w->cancel >= 0)
		close(w->cancel);
	if (w->stop >= 0)
		close(w->stop);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}

struct rem_worker *
rem_worker_new(unsigned queue_max)
{
	struct rem_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->end = &w->first;
	w->max = queue_max;
	w->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->cancel >= 0 && w->stop >= 0 && pthread_create(&w->thread, NULL, run, w) == 0)
		return w;
	release(w);
	return NULL;
}

int
rem_worker_cancel_fd(const struct rem_worker *w)
{
	return w->cancel;
}

int
rem_worker_stop_fd(const struct rem_worker *w)
{
	return w->stop;
}

bool
rem_worker_submit(struct rem_worker *w, struct rem_work *work)
{
	bool taken;

	pthread_mutex_lock(&w->lock);
	taken = !w->stopping && w->n < w->max;
	if (taken) {
		work->next = NULL;
		*w->end = work;
		w->end = &work->next;
		w->n++;
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

bool
rem_worker_cancel(struct rem_worker *w, struct rem_work *work)
{
	struct rem_work **at;
	bool taken;

	pthread_mutex_lock(&w->lock);
	for (at = &w->first; *at != NULL && *at != work; at = &(*at)->next)
		;
	taken = *at != NULL;
	if (taken) {
		*at = work->next;
		if (*at == NULL)
			w->end = at;
		w->n--;
	} else if (w->current == work)
		raise_event(w->cancel);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

void
rem_worker_free(struct rem_worker *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	raise_event(w->stop);
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	release(w);
}
