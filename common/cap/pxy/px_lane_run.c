/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One lane at work: does what is decided in px_lane.c. Whatever comes back (a job, an answer, an
 * operation, a timer) enters the gate; once that is closed nothing goes on, and what is under way
 * is freed with the lanes.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_grants.h"
#include "cap/pxy/px_lanes_own.h"
#include "cap/pxy/px_watch.h"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static void
free_work(struct px_driven *d)
{
	if (d->work == NULL)
		return;
	px_batch_clear(&d->work->batch);
	px_send_end(&d->work->send);
	free(d->work);
	d->work = NULL;
}

/* ---- a body ---- */

static void made_run(struct scl_task *t);
static void sent(struct px_send *s);

static void
batch_done(struct px_batch *b)
{
	struct px_work *w = OF(b, struct px_work, batch);

	(void)px_post(b->px, &w->made, 0);
}

static void
note_error(struct px_driven *d, int status, const char *reason)
{
	snprintf(d->error, sizeof(d->error), "%d %s", status, reason);
	d->has_error = true;
}

static void
made_run(struct scl_task *t)
{
	struct px_work *w = OF(t, struct px_work, made);
	struct px_driven *d = w->lane;
	struct px *px = d->all->px;

	if (!px_enter(px))
		return;
	d->under_way = false;
	d->lane.made = w->batch.result;
	if (w->batch.why != NULL && w->batch.result.kind != PX_RESULT_BODY)
		note_error(d, 0, w->batch.why);
	px_driven_event(d, PX_LANE_MADE);
	px_driven_settle(d);
	px_leave(px);
}

static void
sent(struct px_send *s)
{
	struct px_driven *d = s->owner;
	struct px *px = d->all->px;

	if (!px_enter(px))
		return;
	d->under_way = false;
	d->lane.answer = s->answer;
	px_place_answered(d);
	if (s->answer.kind != PX_ANSWER_TAKEN)
		note_error(d, s->status, s->reason);
	px_driven_event(d, PX_LANE_ANSWERED);
	px_driven_settle(d);
	px_leave(px);
}

/* ---- actions ---- */

/* The body first: whoever gets the place makes another one. */
static void
do_leave(struct px_driven *d)
{
	free_work(d);
	px_place_leave(d);
}

static void
do_unwait(struct px_driven *d)
{
	scl_cancel(d->all->px->scl, &d->timer);
}

static void
say(struct px_driven *d, const char *event)
{
	char id[PX_ID_TEXT];

	px_id_text(d->forward, id);
	LOG_WARN(d->all->px->log, event, LOG_Z("forward", id), LOG_N("lane", d->sink),
	         LOG_N("message", d->lane.refused != 0 ? d->lane.refused : d->lane.next + 1),
	         LOG_Z("why", d->error));
}

static void
do_failing(struct px_driven *d)
{
	say(d, "proxy-lane-failing");
}

static void
do_stuck(struct px_driven *d)
{
	say(d, "proxy-lane-refused");
}

static void
do_erase(struct px_driven *d)
{
	d->erase = true;
	px_driven_keep(d);
}

static void
do_wait(struct px_driven *d)
{
	scl_post(d->all->px->scl, &d->timer, d->lane.delay);
}

/* Without memory it is as if the pool had failed; not at once, for that leads to other lanes. */
static void
do_make(struct px_driven *d)
{
	struct px_work *w = calloc(1, sizeof(*w));

	d->under_way = true;
	if (w == NULL) {
		scl_post(d->all->px->scl, &d->timer, 0);
		return;
	}
	d->work = w;
	w->lane = d;
	w->made.run = made_run;
	px_batch_init(&w->batch);
	w->batch.px = d->all->px;
	w->batch.grants = d->all->grants;
	w->batch.forward = d->forward;
	w->batch.sink = d->sink;
	w->batch.done = batch_done;
	px_lane_order(&d->lane, &w->batch.order);
	px_batch_make(&w->batch);
}

static void
do_give(struct px_driven *d)
{
	struct px_work *w = d->work;

	w->send.done = sent;
	w->send.owner = d;
	px_place_begun(d);
	d->under_way = true;
	px_send_begin(&w->send, d->all->px, &w->batch, d->all->credential);
}

static const struct {
	enum px_lane_do bit;
	void (*act)(struct px_driven *d);
} actions[] = {
	{ PX_LANE_LEAVE, do_leave },   { PX_LANE_UNASK, px_place_unask },
	{ PX_LANE_UNWAIT, do_unwait }, { PX_LANE_FAILING, do_failing },
	{ PX_LANE_STUCK, do_stuck },   { PX_LANE_KEEP, px_driven_keep },
	{ PX_LANE_ERASE, do_erase },   { PX_LANE_WAIT, do_wait },
	{ PX_LANE_ASK, px_place_ask }, { PX_LANE_MAKE, do_make },
	{ PX_LANE_GIVE, do_give },
};

/* How many lanes are so now. */
static void
count_state(struct px *px, enum px_lane_state s, uint64_t by)
{
	if (s == PX_LANE_NOKEY)
		px_count(px, PX_N_LANES_WAITING_KEY, by);
	if (s == PX_LANE_REFUSED)
		px_count(px, PX_N_LANES_REFUSED, by);
}

static void
show(struct px_driven *d)
{
	struct px *px = d->all->px;

	if (d->shown.state != d->lane.state) {
		count_state(px, d->shown.state, UINT64_MAX);
		count_state(px, d->lane.state, 1);
		px_watch_touch(px->watch, d->forward);
	}
	pthread_mutex_lock(&d->all->lock);
	d->shown = d->lane;
	pthread_mutex_unlock(&d->all->lock);
}

/* Actions may lead to events of other lanes, and in the end of this one. */
void
px_driven_event(struct px_driven *d, enum px_lane_event e)
{
	unsigned what = px_lane_event(&d->lane, &d->all->conf, e, clock_monotonic());

	show(d);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if ((what & (unsigned)actions[i].bit) != 0)
			actions[i].act(d);
}

/* ---- coming and going ---- */

static void
timer_run(struct scl_task *t)
{
	struct px_driven *d = OF(t, struct px_driven, timer);
	struct px *px = d->all->px;

	if (!px_enter(px))
		return;
	if (d->lane.state == PX_LANE_PREPARE) {
		d->under_way = false;
		d->lane.made = (struct px_result){ .kind = PX_RESULT_FAILED };
		note_error(d, 0, "there is no memory");
		px_driven_event(d, PX_LANE_MADE);
	} else {
		px_driven_event(d, PX_LANE_TIMER);
	}
	px_driven_settle(d);
	px_leave(px);
}

struct px_driven *
px_driven_new(struct px_lanes *all, const struct px_forward *f, const struct px_sink *s)
{
	struct px_driven *d = calloc(1, sizeof(*d));

	if (d == NULL || !px_slow_name(s->url, d->url_id)) {
		free(d);
		return NULL;
	}
	d->all = all;
	d->store = f->store;
	d->forward = f->id;
	d->sink = s->number;
	d->slow = px_slow_has(&all->slow, d->url_id, clock_monotonic());
	d->timer.run = timer_run;
	d->kept.run = px_driven_kept;
	px_lane_init(&d->lane, s->cursor, 0);
	d->shown = d->lane;
	d->older = all->every;
	d->younger = &all->every;
	if (all->every != NULL)
		all->every->younger = &d->older;
	all->every = d;
	return d;
}

void
px_driven_free(struct px_driven *d)
{
	*d->younger = d->older;
	if (d->older != NULL)
		d->older->younger = d->younger;
	free_work(d);
	free(d);
}

void
px_driven_settle(struct px_driven *d)
{
	if (!d->gone)
		return;
	/* What was under way may have loaded a key. */
	px_grants_forget(d->all->grants, d->forward, d->sink);
	if (d->under_way || d->keeping)
		return;
	scl_cancel(d->all->px->scl, &d->kept);
	scl_cancel(d->all->px->scl, &d->timer);
	px_driven_free(d);
}

void
px_driven_leave(struct px_driven *d)
{
	px_driven_event(d, PX_LANE_END);
	d->gone = true;
	px_driven_settle(d);
}
