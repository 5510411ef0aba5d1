/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/committer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TICK_NS 1000000000L
#define TICK_ARENA (16u << 20)

struct committer {
	struct committer_conf conf;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first; /* the queue, in order of submission */
	struct job **last;
	_Atomic unsigned waiting; /* changed under lock */
	bool stopping;
	struct arena *arena; /* of ticks */
};

static bool
submit(struct committer *c, struct job *job, bool bounded)
{
	bool ok, was_empty;

	job->next = NULL;
	pthread_mutex_lock(&c->lock);
	ok = !c->stopping && (!bounded || c->waiting < c->conf.queue_max);
	was_empty = c->first == NULL;
	if (ok) {
		*c->last = job;
		c->last = &job->next;
		c->waiting++;
	}
	pthread_mutex_unlock(&c->lock);
	if (ok && was_empty)
		pthread_cond_signal(&c->wake);
	return ok;
}

bool
committer_submit(struct committer *c, struct job *job)
{
	return submit(c, job, true);
}

bool
committer_submit_own(struct committer *c, struct job *job)
{
	return submit(c, job, false);
}

unsigned
committer_waiting(struct committer *c)
{
	return atomic_load_explicit(&c->waiting, memory_order_relaxed);
}

/* Waits for work or the next tick, if it may; takes at most batch_max jobs off the queue. */
static struct job *
take_batch(struct committer *c, bool wait, unsigned *n, bool *stop)
{
	struct timespec until;
	struct job *batch, *end;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS / 4;
	until.tv_sec += until.tv_nsec / TICK_NS;
	until.tv_nsec %= TICK_NS;
	pthread_mutex_lock(&c->lock);
	if (wait && c->first == NULL && !c->stopping)
		pthread_cond_timedwait(&c->wake, &c->lock, &until);
	batch = end = c->first;
	*n = batch == NULL ? 0 : 1;
	while (end != NULL && end->next != NULL && *n < c->conf.batch_max) {
		end = end->next;
		++*n;
	}
	if (end != NULL) {
		c->first = end->next;
		if (c->first == NULL)
			c->last = &c->first;
		end->next = NULL;
	}
	c->waiting -= *n;
	*stop = c->stopping && batch == NULL;
	pthread_mutex_unlock(&c->lock);
	return batch;
}

static void
finish(struct job *batch, enum rc failure)
{
	while (batch != NULL) {
		struct job *next = batch->next;
		enum rc rc = batch->rc;

		/* A refusal stands although its neighbours could not be stored. */
		if (failure != RC_OK && status_is_success(rc))
			rc = failure;
		batch->done(batch, rc);
		batch = next;
	}
}

static void
tell(const struct committer *c, enum commit_event what)
{
	c->conf.event(c->conf.arg, what);
}

/* Runs the jobs in one transaction; RC_OK when the transaction may be committed. */
static enum rc
apply(struct committer *c, struct rtx *tx, struct job *batch, unsigned *changed)
{
	*changed = 0;
	for (; batch != NULL; batch = batch->next) {
		repo_request(tx, batch->arena);
		batch->rc = batch->run(batch, tx);
		if (status_is_success(batch->rc) && repo_failure(tx) == RC_OK) {
			++*changed;
			tell(c, COMMIT_KEPT);
			continue;
		}
		tell(c, COMMIT_UNDONE);
		if (repo_failure(tx) != RC_OK || repo_rollback(tx) != RC_OK)
			return repo_failure(tx);
	}
	return RC_OK;
}

static enum rc
commit_batch(struct committer *c, struct job *batch)
{
	unsigned changed;
	struct rtx *tx;
	enum rc rc = repo_begin_write(c->conf.repo, &tx);

	if (rc != RC_OK)
		return rc;
	rc = apply(c, tx, batch, &changed);
	if (rc == RC_OK && changed > 0)
		return repo_commit(tx);
	repo_abort(tx);
	return rc;
}

static void
run_batch(struct committer *c, struct job *batch, unsigned n)
{
	enum rc rc = commit_batch(c, batch);

	tell(c, rc == RC_OK ? COMMIT_STORED : COMMIT_LOST);
	if (rc == RC_OK || n == 1) {
		if (rc != RC_OK)
			LOG_ERROR(c->conf.log, "commit-failed",
			          LOG_Z("status", status_of(rc)->text));
		finish(batch, rc);
		return;
	}
	LOG_WARN(c->conf.log, "batch-failed", LOG_Z("status", status_of(rc)->text),
	         LOG_N("jobs", n));
	/* One by one: what asks for too much must not take its neighbours along. */
	while (batch != NULL) {
		struct job *next = batch->next;

		batch->next = NULL;
		/* What it found beside its neighbours is void. */
		batch->rc = RC_OK;
		run_batch(c, batch, 1);
		batch = next;
	}
}

/* True when there is more to do at once. */
static bool
run_tick(struct committer *c)
{
	bool more = false;
	struct rtx *tx;
	enum rc rc;

	if (!c->conf.due(c->conf.arg) || repo_begin_write(c->conf.repo, &tx) != RC_OK)
		return false;
	arena_reset(c->arena);
	repo_request(tx, c->arena);
	rc = c->conf.tick(c->conf.arg, tx, &more);
	tell(c, rc == RC_OK ? COMMIT_KEPT : COMMIT_UNDONE);
	if (rc == RC_OK)
		rc = repo_commit(tx);
	else
		repo_abort(tx);
	tell(c, rc == RC_OK ? COMMIT_STORED : COMMIT_LOST);
	if (rc != RC_OK)
		LOG_ERROR(c->conf.log, "housekeeping-failed", LOG_Z("status", status_of(rc)->text));
	return rc == RC_OK && more;
}

static void *
committer_main(void *arg)
{
	struct committer *c = arg;
	int64_t next_tick = 0; /* 0: at once, there is more to do */
	bool stop = false;

	while (!stop) {
		unsigned n;
		struct job *batch = take_batch(c, next_tick != 0, &n, &stop);

		if (batch != NULL)
			run_batch(c, batch, n);
		if (clock_monotonic() >= next_tick && !stop)
			next_tick = run_tick(c) ? 0 : clock_monotonic() + CLOCK_SECOND / 2;
	}
	return NULL;
}

enum rc
committer_start(const struct committer_conf *conf, struct committer **out)
{
	struct committer *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->arena = arena_new(TICK_ARENA)) == NULL) {
		free(c);
		return RC_UNAVAILABLE;
	}
	c->conf = *conf;
	c->last = &c->first;
	pthread_mutex_init(&c->lock, NULL);
	(void)clock_cond_init(&c->wake);
	if (pthread_create(&c->thread, NULL, committer_main, c) != 0) {
		committer_free(c);
		return RC_UNAVAILABLE;
	}
	*out = c;
	return RC_OK;
}

void
committer_stop(struct committer *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_mutex_unlock(&c->lock);
	pthread_cond_signal(&c->wake);
	pthread_join(c->thread, NULL);
}

void
committer_free(struct committer *c)
{
	if (c == NULL)
		return;
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->wake);
	arena_free(c->arena);
	free(c);
}
