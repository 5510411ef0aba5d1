/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pool.h"

#include <pthread.h>
#include <stdlib.h>

#define STACK_SIZE (512u << 10)

struct line {
	struct pool_job *first, **last;
};

struct pool {
	pthread_mutex_t lock; /* guards all that follows but the threads */
	pthread_cond_t wake;
	struct line lines[POOL_LINES];
	unsigned turn; /* line that is asked first the next time */
	struct pool_load load;
	bool stopping;
	unsigned n; /* threads */
	pthread_t threads[POOL_THREADS_MAX];
};

static struct pool_job *
line_take(struct line *l)
{
	struct pool_job *job = l->first;

	if (job == NULL)
		return NULL;
	l->first = job->next;
	if (l->first == NULL)
		l->last = &l->first;
	return job;
}

/* The next job of the line whose turn it is, else of another. Locked. */
static struct pool_job *
take(struct pool *p)
{
	for (unsigned i = 0; i < POOL_LINES; i++) {
		struct pool_job *job = line_take(&p->lines[p->turn]);

		p->turn = (p->turn + 1) % POOL_LINES;
		if (job != NULL)
			return job;
	}
	return NULL;
}

/* NULL: the pool is stopped, and nothing waits any more. Locked. */
static struct pool_job *
await(struct pool *p)
{
	struct pool_job *job;

	while ((job = take(p)) == NULL && !p->stopping)
		pthread_cond_wait(&p->wake, &p->lock);
	return job;
}

static void *
pool_main(void *arg)
{
	struct pool *p = arg;
	struct pool_job *job;

	pthread_mutex_lock(&p->lock);
	while ((job = await(p)) != NULL) {
		p->load.waiting--;
		p->load.running++;
		job->ending = p->stopping;
		pthread_mutex_unlock(&p->lock);
		job->run(job);
		pthread_mutex_lock(&p->lock);
		p->load.running--;
		p->load.done++;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static enum rc
start_threads(struct pool *p, unsigned threads)
{
	pthread_attr_t attr;
	bool ok;

	if (pthread_attr_init(&attr) != 0)
		return RC_UNAVAILABLE;
	ok = pthread_attr_setstacksize(&attr, STACK_SIZE) == 0;
	while (ok && p->n < threads) {
		ok = pthread_create(&p->threads[p->n], &attr, pool_main, p) == 0;
		p->n += ok ? 1 : 0;
	}
	(void)pthread_attr_destroy(&attr);
	return ok ? RC_OK : RC_UNAVAILABLE;
}

enum rc
pool_start(unsigned threads, struct pool **out)
{
	struct pool *p;
	enum rc rc;

	if (threads == 0 || threads > POOL_THREADS_MAX)
		return RC_BAD_REQUEST;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	for (unsigned i = 0; i < POOL_LINES; i++)
		p->lines[i].last = &p->lines[i].first;
	rc = start_threads(p, threads);
	if (rc == RC_OK)
		*out = p;
	else
		pool_stop(p);
	return rc;
}

void
pool_submit(struct pool *p, enum pool_line line, struct pool_job *job)
{
	struct line *l = &p->lines[line];

	job->next = NULL;
	pthread_mutex_lock(&p->lock);
	*l->last = job;
	l->last = &job->next;
	p->load.waiting++;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

void
pool_load(struct pool *p, struct pool_load *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->load;
	pthread_mutex_unlock(&p->lock);
}

void
pool_stop(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
