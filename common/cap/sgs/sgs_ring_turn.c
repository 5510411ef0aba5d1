/* SPDX-License-Identifier: Apache-2.0 */
/* The key ring in the course of time: new sets in the place of old ones, one change at a time. */
#include "config.h"

#include "cap/sgs/sgs_ring_own.h"

#define OF(ptr, member)                                                                            \
	((struct sgs_ring *)(void *)((char *)(ptr)-offsetof(struct sgs_ring, member)))

static const uint8_t suites[] = { SGA_SUITE_C, SGA_SUITE_X };

/* The ring may be gone once it is not waiting any more. */
static void
again(struct sgs_ring *r)
{
	(void)sgs_post(r->s, &r->look, SGS_RING_LOOK);
	pthread_mutex_lock(&r->lock);
	r->waiting = false;
	pthread_cond_signal(&r->stored);
	pthread_mutex_unlock(&r->lock);
}

static void
set_waiting(struct sgs_ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->waiting = true;
	pthread_mutex_unlock(&r->lock);
}

static void
rotated(struct sgs_op *op)
{
	struct sgs_ring *r = op->owner;
	struct sgs_keyset *k = r->fresh;
	enum rc rc = op->rc;

	sgs_ring_end_secret(r);
	r->fresh = NULL;
	if (rc == RC_OK && !sgs_ring_add(r, k))
		rc = RC_NO_SPACE;
	if (rc == RC_OK) {
		sgs_guard_count(r->s->guard, SGS_N_ROTATED, 1);
		sgs_ring_say_made(r, k);
	} else {
		LOG_ERROR(r->s->log, "sga-rotation-failed", LOG_N("suite", k->suite),
		          LOG_Z("why", status_of(rc)->text));
		sgs_keyset_end(k);
	}
	again(r);
}

void
sgs_ring_make_run(struct pool_job *job)
{
	struct sgs_ring *r = OF(job, job);
	enum rc rc = job->ending ? RC_UNAVAILABLE : sgs_ring_make(r, r->suite, &r->fresh);

	if (rc != RC_OK) {
		again(r);
		return;
	}
	rc = sgs_ring_fill(r, r->fresh, rotated);
	if (rc == RC_OK) {
		set_waiting(r);
		sgs_keys_put(r->s->book, &r->u.put);
		return;
	}
	r->u.put.op.rc = rc;
	rotated(&r->u.put.op);
}

static void
removed(struct sgs_op *op)
{
	struct sgs_ring *r = op->owner;
	struct sgs_keyset *gone = NULL;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; op->rc == RC_OK && i < r->n && gone == NULL; i++)
		if (r->sets[i]->suite == r->u.remove.suite &&
		    r->sets[i]->serial == r->u.remove.serial) {
			gone = r->sets[i];
			r->sets[i] = r->sets[--r->n];
		}
	pthread_mutex_unlock(&r->lock);
	sgs_keyset_end(gone);
	again(r);
}

/*
 * One that nothing needs any more: its successor is old enough. RC_CONFLICT of the book: not yet.
 */
static bool
find_over(struct sgs_ring *r)
{
	int64_t now = clock_now(r->s->clock);
	const struct sgs_keyset *over = NULL;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n && over == NULL; i++) {
		const struct sgs_keyset *current = sgs_ring_newest(r, r->sets[i]->suite, 0);

		if (current != r->sets[i] && now - current->created > SGS_RING_OVERLAP)
			over = r->sets[i];
	}
	if (over != NULL)
		r->u.remove = (struct sgs_keys_remove){ .op = { .done = removed, .owner = r },
			                                .suite = over->suite,
			                                .serial = over->serial };
	pthread_mutex_unlock(&r->lock);
	return over != NULL;
}

static bool
find_due(struct sgs_ring *r)
{
	for (size_t i = 0; i < sizeof(suites); i++)
		if (sgs_ring_is_due(r, suites[i])) {
			r->suite = suites[i];
			return true;
		}
	return false;
}

void
sgs_ring_look_run(struct scl_task *task)
{
	struct sgs_ring *r = OF(task, look);

	if (find_due(r)) {
		(void)sgs_submit(r->s, &r->job);
	} else if (find_over(r)) {
		set_waiting(r);
		sgs_keys_remove(r->s->book, &r->u.remove);
	} else {
		again(r);
	}
}
