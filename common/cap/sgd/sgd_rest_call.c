/* SPDX-License-Identifier: Apache-2.0 */
/* How a call ends, and where it waits until then. */
#include "config.h"

#include "cap/sgd/sgd_rest_own.h"

#define MEDIA_JSON "application/json"
#define PARKED_MAX 256u

/* ---- the end of a call ---- */

static enum rc
end_call(struct sgd_call *c, enum rc rc)
{
	struct req *rq = c->rq;
	bool pending = c->pending;

	json_wipe(&c->out);
	if (pending)
		endpoint_finish(rq, rc);
	return rc;
}

enum rc
sgd_call_refuse(struct sgd_call *c, enum rc rc, const char *reason)
{
	if (rc == RC_UNAVAILABLE)
		req_answer(c->rq)->retry_after = 1;
	return end_call(c,
	                endpoint_refuse(c->rq, rc, reason == NULL ? SLICE_NONE : slice_of(reason)));
}

enum rc
sgd_call_answer(struct sgd_call *c, enum rc rc)
{
	if (c->out.failed)
		return sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	return end_call(c, endpoint_answer(c->rq, rc, MEDIA_JSON, buf_view(&c->out)));
}

enum rc
sgd_call_done(struct sgd_call *c, enum rc rc)
{
	return end_call(c, endpoint_answer(c->rq, rc, MEDIA_JSON, SLICE_NONE));
}

/* ---- pending calls ---- */

bool
sgd_call_relist(struct sgd_call *c)
{
	struct sgd_rest *r = c->d->rest;
	bool ok;

	pthread_mutex_lock(&r->lock);
	ok = !r->stopped;
	if (ok) {
		c->next = r->calls;
		c->place = &r->calls;
		if (c->next != NULL)
			c->next->place = &c->next;
		r->calls = c;
	}
	pthread_mutex_unlock(&r->lock);
	return ok;
}

/* From inside the gate: it is not stopped yet. */
enum rc
sgd_call_pend(struct sgd_call *c, void (*begin)(struct req *rq))
{
	c->pending = sgd_call_relist(c);
	if (!c->pending)
		return sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	return endpoint_pend(c->rq, begin, c);
}

void
sgd_call_unlink(struct sgd_rest *r, struct sgd_call *c)
{
	*c->place = c->next;
	if (c->next != NULL)
		c->next->place = c->place;
	c->place = NULL;
	if (c->until != 0)
		r->n_parked--;
}

bool
sgd_call_claim(struct sgd_call *c)
{
	struct sgd_rest *r = c->d->rest;
	bool mine;

	pthread_mutex_lock(&r->lock);
	mine = c->place != NULL;
	if (mine)
		sgd_call_unlink(r, c);
	pthread_mutex_unlock(&r->lock);
	return mine;
}

void
sgd_call_location(struct sgd_call *c, const char *kind, const char *id)
{
	req_answer(c->rq)->location =
		arena_printf(c->arena, "/%s/sga/%s/%s", c->d->all->base, kind, id);
}

/* ---- errands ---- */

/* Inside the gate: what it hands to the book is there before sgd_stop waits for the book. */
static void
serve_errand(struct sgd *d, struct sgd_call *c)
{
	if (!sgd_enter(d)) {
		sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
		return;
	}
	c->op->serve(c);
	sgd_leave(d);
}

void
sgd_errands_run(struct scl_task *t)
{
	struct sgd_rest *r =
		(struct sgd_rest *)(void *)((char *)t - offsetof(struct sgd_rest, errand_task));
	struct sgd_call *c = NULL;

	do {
		pthread_mutex_lock(&r->lock);
		c = r->stopped ? NULL : r->errands;
		if (c != NULL) {
			r->errands = c->errand_next;
			if (r->errands == NULL)
				r->errands_end = &r->errands;
			sgd_call_unlink(r, c);
		}
		pthread_mutex_unlock(&r->lock);
		if (c != NULL)
			serve_errand(r->d, c);
	} while (c != NULL);
}

void
sgd_errand_begin(struct req *rq)
{
	struct sgd_call *c = endpoint_state(rq);
	struct sgd *d = c->d;
	struct sgd_rest *r = d->rest;

	pthread_mutex_lock(&r->lock);
	c->errand_next = NULL;
	if (!r->stopped) {
		*r->errands_end = c;
		r->errands_end = &c->errand_next;
	}
	pthread_mutex_unlock(&r->lock);
	/* Behind the gate sgd_rest_stop ends it. */
	sgd_post(d, &r->errand_task);
}

/* ---- who waits for the inbox ---- */

bool
sgd_rest_park(struct sgd_call *c)
{
	struct sgd_rest *r = c->d->rest;
	bool room;

	pthread_mutex_lock(&r->lock);
	room = r->n_parked < PARKED_MAX && c->place != NULL;
	if (room) {
		r->n_parked++;
		c->until = clock_monotonic() + c->wait;
	}
	pthread_mutex_unlock(&r->lock);
	return room;
}

/* The next of those that wait; NULL: none. due: only whose time is over. */
static struct sgd_call *
take_parked(struct sgd_rest *r, bool due)
{
	int64_t now = clock_monotonic();
	struct sgd_call *c;

	pthread_mutex_lock(&r->lock);
	for (c = r->calls; c != NULL; c = c->next)
		if (c->until != 0 && (!due || c->until <= now))
			break;
	if (c != NULL)
		sgd_call_unlink(r, c);
	pthread_mutex_unlock(&r->lock);
	return c;
}

static void
answer_parked(struct sgd_call *c)
{
	bool failed = false;

	c->until = 0;
	sgd_rest_put_inbox(c, &failed);
	if (failed)
		sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	else
		sgd_call_answer(c, RC_OK);
}

void
sgd_rest_told(struct sgd *d)
{
	struct sgd_call *c;

	while ((c = take_parked(d->rest, false)) != NULL)
		answer_parked(c);
}

void
sgd_hold_run(struct scl_task *t)
{
	struct sgd_rest *r =
		(struct sgd_rest *)(void *)((char *)t - offsetof(struct sgd_rest, hold_task));
	struct sgd_call *c;

	if (!atomic_load(&r->d->running))
		return;
	while ((c = take_parked(r, true)) != NULL)
		answer_parked(c);
	scl_post(r->d->scl, &r->hold_task, SGD_HOLD);
}
