/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/node_work.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

struct node_work {
	struct scl *scl;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct node_job *first, **end; /* that wait */
	bool stopping, joined;
};

static void
hand_back(struct scl_task *task)
{
	struct node_job *job =
		(struct node_job *)(void *)((char *)task - offsetof(struct node_job, task));

	job->busy = false;
	job->done(job);
}

/* The next job, NULL when there is none and the worker stops. Holds the lock. */
static struct node_job *
take(struct node_work *w)
{
	struct node_job *job;

	while (w->first == NULL && !w->stopping)
		pthread_cond_wait(&w->changed, &w->lock);
	job = w->first;
	if (job != NULL && (w->first = job->next) == NULL)
		w->end = &w->first;
	return job;
}

static void *
work(void *arg)
{
	struct node_work *w = arg;
	struct node_job *job;

	pthread_mutex_lock(&w->lock);
	while ((job = take(w)) != NULL) {
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			scl_post(w->scl, &job->task, 0);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct node_work *
node_work_new(struct scl *scl)
{
	struct node_work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->scl = scl;
	w->end = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	if (pthread_create(&w->thread, NULL, work, w) == 0)
		return w;
	w->joined = true;
	node_work_free(w);
	return NULL;
}

bool
node_work_submit(struct node_work *w, struct node_job *job)
{
	bool taken;

	pthread_mutex_lock(&w->lock);
	taken = !w->stopping;
	if (taken) {
		job->busy = true;
		job->task.run = hand_back;
		job->work = w;
		job->next = NULL;
		*w->end = job;
		w->end = &job->next;
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

void
node_work_stop(struct node_work *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (!w->joined)
		pthread_join(w->thread, NULL);
	w->joined = true;
}

void
node_work_free(struct node_work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}
