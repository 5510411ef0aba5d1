/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_opener.h"

#include <pthread.h>
#include <stdlib.h>

#include "cap/pxy/px_judge.h"
#include "sec/secret.h"

/* What one job of the pool does before others have their turn. */
#define STEP_KEYS 8u
#define STEP_OCTETS (64u << 10)
#define STATE_MAX (64u << 20)

struct px_opener {
	struct px_opener_conf conf;
	char *url; /* that conf.opening.source is */
	struct px_in_name name;

	pthread_mutex_t lock; /* guards the line */
	struct px_delivery *first, **last; /* wait */
	unsigned waiting; /* with the one under way */
	bool busy, stopped;
	pthread_cond_t idle; /* !busy */

	/* From here on of the one under way: pool and book have them in turn. */
	struct pool_job job;
	struct px_delivery *now;
	size_t at; /* units of it that were taken */
	struct pre_opening *opening; /* NULL: to be made again */
	struct px_judge judge;
	struct buf stored; /* state, as the book has it */
	struct buf state; /* the next one */
	struct buf plain; /* secret; as long as all units together, so it never moves */
	struct slice *plains;
	struct px_in_take take;
};

static void start_next(struct px_opener *o);

/* ---- the end of a request ---- */

/* Nothing is left of the plaintexts, in memory that is large enough for any more. */
static void
forget(struct px_opener *o)
{
	if (o->plain.p != NULL)
		secret_wipe(o->plain.p, o->plain.cap);
	buf_fini(&o->plain);
	free(o->plains);
	o->plains = NULL;
}

static void
finish(struct px_opener *o, enum rc rc)
{
	struct px_delivery *d = o->now;

	forget(o);
	if (rc != RC_OK)
		atomic_fetch_add(o->conf.stats.refused, 1);
	d->rc = rc;
	d->taken = o->take.added.received - o->take.added.duplicates;
	d->duplicates = o->take.added.duplicates;
	o->now = NULL;
	/* Its place is free before anybody hears of it. */
	pthread_mutex_lock(&o->lock);
	o->waiting--;
	pthread_mutex_unlock(&o->lock);
	d->done(d);
	pthread_mutex_lock(&o->lock);
	o->busy = false;
	start_next(o);
	pthread_cond_broadcast(&o->idle);
	pthread_mutex_unlock(&o->lock);
}

/* Nothing of the request stays. */
static void
drop(struct px_opener *o, enum rc rc)
{
	pre_opening_free(o->opening);
	o->opening = NULL;
	px_judge_reset(&o->judge);
	finish(o, rc);
}

static void
stored(struct px_in_op *op)
{
	struct px_opener *o = op->owner;
	const struct px_in_tally *t = &o->take.added;
	struct buf was = o->stored;

	if (op->rc != RC_OK) {
		drop(o, op->rc);
		return;
	}
	o->stored = o->state;
	o->state = was;
	atomic_fetch_add(o->conf.stats.taken, t->received - t->duplicates);
	atomic_fetch_add(o->conf.stats.duplicates, t->duplicates);
	atomic_fetch_add(o->conf.stats.alarms, t->alarms);
	px_judge_tell(&o->judge, o->conf.log);
	if (o->take.n > 0)
		o->conf.queued(o->conf.arg);
	finish(o, RC_OK);
}

/* ---- a job of the pool ---- */

static enum rc
open_again(struct px_opener *o)
{
	return pre_opening_new(&o->conf.opening, buf_view(&o->stored), &o->opening);
}

static enum rc
keep_plain(struct px_opener *o, struct slice plain)
{
	size_t at = o->plain.n;

	buf_slice(&o->plain, plain);
	if (o->plain.failed)
		return RC_INTERNAL;
	o->plains[o->take.n++] = slice_make(o->plain.p + at, plain.n);
	return RC_OK;
}

/* Outcomes of pre_opening_take, as they are for who delivers. */
static enum rc
outcome(enum rc rc)
{
	switch (rc) {
	case RC_NOT_FOUND:
		return RC_CONFLICT;
	case RC_BAD_REQUEST:
	case RC_NO_SPACE:
		return rc;
	default:
		return RC_UNAVAILABLE;
	}
}

static enum rc
take_unit(struct px_opener *o, const struct pre_unit *u)
{
	struct px_in_tally *t = &o->take.added;
	struct pre_opened out;
	enum rc rc = pre_opening_take(o->opening, u, &out);

	if (rc != RC_OK && rc != RC_CONFLICT && rc != RC_GONE)
		return outcome(rc);
	t->received++;
	if (rc != RC_OK) {
		t->duplicates++;
		t->gone += rc == RC_GONE;
		return RC_OK;
	}
	rc = px_judge_unit(&o->judge, &u->hdr, &out, t);
	if (rc != RC_OK || u->hdr.type != PRE_DATA)
		return rc;
	t->messages++;
	return keep_plain(o, out.plain);
}

/* A step of the request; *more: not the last. */
static enum rc
take_some(struct px_opener *o, bool *more)
{
	size_t keys = 0, octets = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && o->at < o->now->n && keys < STEP_KEYS && octets < STEP_OCTETS) {
		const struct pre_unit *u = &o->now->units[o->at++];

		keys += u->hdr.type == PRE_MM1 || u->hdr.type == PRE_MM2;
		octets += u->rest.n;
		rc = take_unit(o, u);
	}
	*more = rc == RC_OK && o->at < o->now->n;
	return rc;
}

static enum rc
prepare(struct px_opener *o)
{
	size_t octets = 0;

	for (size_t i = 0; i < o->now->n; i++)
		octets += o->now->units[i].rest.n;
	o->take = (struct px_in_take){ .op = { .done = stored, .owner = o },
		                       .source = o->name,
		                       .octets_max = o->conf.octets_max };
	buf_init(&o->plain, octets);
	o->plains = calloc(o->now->n + 1, sizeof(*o->plains));
	if (o->plains == NULL || (octets > 0 && buf_reserve(&o->plain, octets) == NULL))
		return RC_UNAVAILABLE;
	px_judge_begin(&o->judge);
	return o->opening != NULL || open_again(o) == RC_OK ? RC_OK : RC_UNAVAILABLE;
}

static enum rc
hand_over(struct px_opener *o)
{
	enum rc rc;

	buf_clear(&o->state);
	rc = pre_opening_save(o->opening, &o->state);
	if (rc != RC_OK)
		return RC_UNAVAILABLE;
	o->take.state = buf_view(&o->state);
	o->take.plains = o->plains;
	o->take.places = o->judge.changed;
	o->take.n_places = o->judge.n_changed;
	px_inbook_take(o->conf.book, &o->take);
	return RC_OK;
}

/*
 * All or nothing. A refused unit leaves the opening as it was, unless others were taken before it, or
 * it is an END, which may have told of the one before.
 */
static void
refuse(struct px_opener *o, enum rc rc)
{
	const struct px_in_tally *t = &o->take.added;
	bool end = o->at > 0 && o->now->units[o->at - 1].hdr.type == PRE_END;

	if (t->received > t->duplicates || end || rc == RC_UNAVAILABLE)
		drop(o, rc);
	else
		finish(o, rc);
}

static void
run(struct pool_job *job)
{
	struct px_opener *o =
		(struct px_opener *)(void *)((char *)job - offsetof(struct px_opener, job));
	bool more = false;
	enum rc rc = job->ending ? RC_UNAVAILABLE : RC_OK;

	if (rc == RC_OK && o->at == 0)
		rc = prepare(o);
	if (rc == RC_OK)
		rc = take_some(o, &more);
	if (rc == RC_OK && more) {
		pool_submit(o->conf.pool, POOL_OWN, &o->job);
		return;
	}
	if (rc == RC_OK)
		rc = hand_over(o);
	if (rc != RC_OK)
		refuse(o, rc);
}

/* ---- the line ---- */

/* The next of the line goes on its way, if none is. Locked. */
static void
start_next(struct px_opener *o)
{
	if (o->busy || o->stopped || o->first == NULL)
		return;
	o->busy = true;
	o->now = o->first;
	o->first = o->now->next;
	if (o->first == NULL)
		o->last = &o->first;
	o->at = 0;
	o->take = (struct px_in_take){ .n = 0 };
	pool_submit(o->conf.pool, POOL_OWN, &o->job);
}

bool
px_opener_submit(struct px_opener *o, struct px_delivery *d)
{
	bool ok;

	d->next = NULL;
	pthread_mutex_lock(&o->lock);
	ok = !o->stopped && o->waiting < o->conf.waiting_max;
	if (ok) {
		*o->last = d;
		o->last = &d->next;
		o->waiting++;
		start_next(o);
	}
	pthread_mutex_unlock(&o->lock);
	return ok;
}

void
px_opener_stop(struct px_opener *o)
{
	struct px_delivery *d;

	pthread_mutex_lock(&o->lock);
	o->stopped = true;
	d = o->first;
	o->first = NULL;
	o->last = &o->first;
	pthread_mutex_unlock(&o->lock);
	while (d != NULL) {
		struct px_delivery *next = d->next;

		d->rc = RC_UNAVAILABLE;
		d->done(d);
		d = next;
	}
}

/* ---- life ---- */

static enum rc
fill(struct px_opener *o, const struct px_opener_conf *conf)
{
	struct slice url = conf->opening.source;
	struct px_in_count count;
	enum rc rc;

	o->conf = *conf;
	o->url = malloc(url.n + 1);
	if (o->url == NULL)
		return RC_UNAVAILABLE;
	memcpy(o->url, url.p, url.n);
	o->conf.opening.source = slice_make(o->url, url.n);
	rc = pre_source_name(o->conf.opening.source, o->name.v);
	if (rc == RC_OK)
		rc = px_inbook_source(conf->book, &o->name, &count, &o->stored);
	if (rc == RC_OK)
		rc = px_judge_init(&o->judge, conf->book, &o->name, o->conf.opening.source,
		                   conf->opening.streams == 0 ? PRE_STREAMS_DEFAULT
		                                              : conf->opening.streams);
	return rc == RC_OK ? open_again(o) : rc;
}

enum rc
px_opener_new(const struct px_opener_conf *conf, struct px_opener **out)
{
	struct px_opener *o = calloc(1, sizeof(*o));
	enum rc rc;

	*out = NULL;
	if (o == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->idle, NULL);
	o->last = &o->first;
	o->job.run = run;
	buf_init(&o->stored, STATE_MAX);
	buf_init(&o->state, STATE_MAX);
	rc = fill(o, conf);
	if (rc == RC_OK)
		*out = o;
	else
		px_opener_free(o);
	return rc;
}

void
px_opener_free(struct px_opener *o)
{
	if (o == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	while (o->busy)
		pthread_cond_wait(&o->idle, &o->lock);
	pthread_mutex_unlock(&o->lock);
	pre_opening_free(o->opening);
	px_judge_fini(&o->judge);
	forget(o);
	buf_fini(&o->stored);
	buf_fini(&o->state);
	pthread_cond_destroy(&o->idle);
	pthread_mutex_destroy(&o->lock);
	free(o->url);
	free(o);
}
