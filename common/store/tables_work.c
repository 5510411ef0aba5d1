/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/tables_work.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

/* Jobs in the order of submission. */
struct queue {
	struct tables_job *first;
	struct tables_job **last;
	unsigned n;
};

struct tables_work {
	struct tables_work_conf conf;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t wake;
	struct queue waiting, refused;
	bool stopping, tick_now;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->n = 0;
}

static void
queue_add(struct queue *q, struct tables_job *j)
{
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
	q->n++;
}

/* The first n jobs, or all that there are; behind the first none with which they store more. */
static struct tables_job *
queue_take(struct queue *q, unsigned n, size_t octets, unsigned *taken)
{
	struct tables_job *first = q->first, *end = first;

	*taken = 0;
	if (first == NULL || n == 0)
		return NULL;
	octets -= first->octets < octets ? first->octets : octets;
	for (*taken = 1; end->next != NULL && *taken < n && end->next->octets <= octets; ++*taken) {
		end = end->next;
		octets -= end->octets;
	}
	q->first = end->next;
	if (q->first == NULL)
		q->last = &q->first;
	end->next = NULL;
	q->n -= *taken;
	return first;
}

void
tables_work_submit(struct tables_work *w, struct tables_job *j)
{
	pthread_mutex_lock(&w->lock);
	queue_add(w->waiting.n < w->conf.queue_max ? &w->waiting : &w->refused, j);
	/* Inside: once j is done, w may be gone. */
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

unsigned
tables_work_waiting(struct tables_work *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->waiting.n;
	pthread_mutex_unlock(&w->lock);
	return n;
}

void
tables_work_wake(struct tables_work *w)
{
	pthread_mutex_lock(&w->lock);
	w->tick_now = true;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->wake);
}

/* ---- a batch ---- */

/* RC_OK when the transaction may be committed. */
static enum rc
apply(struct tables_tx *tx, struct tables_job *batch)
{
	for (struct tables_job *j = batch; j != NULL; j = j->next) {
		tables_mark(tx);
		j->rc = j->run(j, tx);
		if (tables_failure(tx) == RC_OK && j->rc != RC_OK && j->rc != RC_PENDING)
			tables_rollback(tx);
		if (tables_failure(tx) != RC_OK)
			return tables_failure(tx);
	}
	return RC_OK;
}

static enum rc
commit_batch(struct tables_work *w, struct tables_job *batch)
{
	struct tables_tx *tx;
	enum rc rc = tables_begin(w->conf.store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = apply(tx, batch);
	if (rc == RC_OK && tables_changed(tx))
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static void
again(struct tables_work *w, struct tables_job *j)
{
	j->stored(j);
	pthread_mutex_lock(&w->lock);
	queue_add(&w->waiting, j);
	pthread_mutex_unlock(&w->lock);
}

static void
finish(struct tables_work *w, struct tables_job *batch, enum rc failure)
{
	while (batch != NULL) {
		struct tables_job *j = batch;

		batch = j->next;
		if (failure != RC_OK && (j->rc == RC_OK || j->rc == RC_PENDING))
			j->rc = failure;
		if (j->rc == RC_PENDING)
			again(w, j);
		else
			j->done(j, j->rc);
	}
}

static void
run_batch(struct tables_work *w, struct tables_job *batch, unsigned n)
{
	enum rc rc;

	if (batch == NULL)
		return;
	rc = commit_batch(w, batch);
	if (rc == RC_OK || n == 1) {
		if (rc != RC_OK)
			LOG_ERROR(w->conf.log, w->conf.store_failed,
			          LOG_Z("status", status_of(rc)->text));
		finish(w, batch, rc);
		return;
	}
	/* One by one: what asks for too much must not take its neighbours along. */
	while (batch != NULL) {
		struct tables_job *next = batch->next;

		batch->next = NULL;
		batch->rc = RC_OK;
		run_batch(w, batch, 1);
		batch = next;
	}
}

/* Those for whom there was no room. */
static void
refuse(struct tables_job *jobs)
{
	while (jobs != NULL) {
		struct tables_job *j = jobs;

		jobs = j->next;
		j->done(j, RC_UNAVAILABLE);
	}
}

/* ---- ticks ---- */

/* True when there is more to do at once. */
static bool
run_tick(struct tables_work *w)
{
	bool more = false;
	struct tables_tx *tx;
	enum rc rc = tables_begin(w->conf.store, &tx);

	if (rc == RC_OK) {
		rc = w->conf.tick(w->conf.arg, tx, &more);
		if (rc == RC_OK && tables_changed(tx))
			rc = tables_commit(tx);
		else
			tables_abort(tx);
	}
	if (rc != RC_OK)
		LOG_ERROR(w->conf.log, w->conf.tick_failed, LOG_Z("status", status_of(rc)->text));
	if (w->conf.ticked != NULL)
		w->conf.ticked(w->conf.arg, rc);
	return rc == RC_OK && more;
}

/* What the worker does next. */
struct turn {
	struct tables_job *batch, *refused;
	unsigned n;
	bool tick, stop;
};

static void
wait_until(struct tables_work *w, int64_t when)
{
	struct timespec until = { .tv_sec = when / CLOCK_SECOND,
		                  .tv_nsec = when % CLOCK_SECOND * 1000 };

	while (w->waiting.first == NULL && w->refused.first == NULL && !w->stopping && !w->tick_now)
		if (pthread_cond_timedwait(&w->wake, &w->lock, &until) != 0)
			return;
}

static void
next_turn(struct tables_work *w, int64_t next_tick, struct turn *t)
{
	unsigned refused;

	pthread_mutex_lock(&w->lock);
	wait_until(w, next_tick);
	t->refused = queue_take(&w->refused, UINT32_MAX, SIZE_MAX, &refused);
	t->batch = queue_take(&w->waiting, w->conf.batch_max, w->conf.batch_octets, &t->n);
	t->stop = w->stopping && t->batch == NULL;
	t->tick =
		w->conf.tick != NULL && (w->tick_now || t->stop || clock_monotonic() >= next_tick);
	w->tick_now = false;
	pthread_mutex_unlock(&w->lock);
}

static void *
work_main(void *arg)
{
	struct tables_work *w = arg;
	int64_t next_tick = w->conf.tick == NULL ? CLOCK_NEVER : 0;
	struct turn t;

	do {
		next_turn(w, next_tick, &t);
		refuse(t.refused);
		run_batch(w, t.batch, t.n);
		if (t.tick)
			next_tick = run_tick(w) ? 0 : clock_monotonic() + w->conf.period;
	} while (!t.stop);
	return NULL;
}

static void
work_free(struct tables_work *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	free(w);
}

enum rc
tables_work_start(const struct tables_work_conf *conf, struct tables_work **out)
{
	struct tables_work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return RC_UNAVAILABLE;
	w->conf = *conf;
	if (conf->batch_octets == 0)
		w->conf.batch_octets = SIZE_MAX;
	queue_init(&w->waiting);
	queue_init(&w->refused);
	pthread_mutex_init(&w->lock, NULL);
	(void)clock_cond_init(&w->wake);
	if (pthread_create(&w->thread, NULL, work_main, w) != 0) {
		work_free(w);
		return RC_UNAVAILABLE;
	}
	*out = w;
	return RC_OK;
}

void
tables_work_stop(struct tables_work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->wake);
	pthread_join(w->thread, NULL);
	work_free(w);
}
