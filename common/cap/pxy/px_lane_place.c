/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places: how many bodies there are, and deliveries under way, and who waits for whom.
 *
 *   prompt  for lanes whose sinks have answered soon, and those of which nothing is known
 *   slow    a quarter of proxy.in_flight: for sinks that have failed last, or took long
 *   spare   as many as prompt ones: a delivery in a prompt place that takes long goes on in a spare
 *           one, and the next lane gets its prompt one
 *
 * A spare place is given away when the delivery begins. Without one the delivery may not take long:
 * it is given up then, and tried again in a slow place, for the whole time. So a lane whose sink is
 * prompt never waits for one that hangs longer than PX_SLOW_AFTER, however many these are.
 */
#include "config.h"

#include "cap/pxy/px_lanes_own.h"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

void
px_places_init(struct px_lanes *all, unsigned in_flight)
{
	unsigned slow = in_flight < 4 ? 1 : in_flight / 4;

	all->lines[PX_SLOW].max = slow;
	all->lines[PX_PROMPT].max = in_flight > slow ? in_flight - slow : 1;
	all->spare = all->lines[PX_PROMPT].max;
	for (size_t i = 0; i < PX_PACES; i++)
		all->lines[i].last = &all->lines[i].first;
}

/* ---- lines ---- */

static struct px_line *
line_of(struct px_driven *d)
{
	return &d->all->lines[d->pace];
}

static void
stand_in_line(struct px_driven *d)
{
	struct px_line *l = line_of(d);

	d->in_line = true;
	d->behind = NULL;
	*l->last = d;
	l->last = &d->behind;
}

void
px_place_unask(struct px_driven *d)
{
	struct px_line *l = line_of(d);
	struct px_driven **at = &l->first;

	if (!d->in_line)
		return;
	while (*at != d)
		at = &(*at)->behind;
	*at = d->behind;
	if (*at == NULL)
		l->last = at;
	d->in_line = false;
}

static void
take_place(struct px_driven *d)
{
	line_of(d)->busy++;
	px_driven_event(d, PX_LANE_PLACED);
}

void
px_place_ask(struct px_driven *d)
{
	struct px_line *l;

	d->pace = d->slow ? PX_SLOW : PX_PROMPT;
	l = line_of(d);
	if (l->busy < l->max && l->first == NULL)
		take_place(d);
	else
		stand_in_line(d);
}

/* To who is the first in the line. */
static void
leave_place(struct px_line *l)
{
	struct px_driven *next = l->first;

	l->busy--;
	if (next == NULL || l->busy >= l->max)
		return;
	px_place_unask(next);
	take_place(next);
}

void
px_place_leave(struct px_driven *d)
{
	bool moved = d->moved;

	if (d->has_spare)
		d->all->spare++;
	d->has_spare = d->moved = false;
	if (!moved)
		leave_place(line_of(d));
}

/* ---- deliveries that take long ---- */

/* It has taken long, and there is no answer as yet. */
static void
late(struct px_work *w)
{
	struct px_driven *d = w->lane;

	px_slow_add(&d->all->slow, d->url_id, clock_monotonic());
	if (d->pace == PX_SLOW)
		return;
	if (!d->has_spare) {
		px_send_give_up(&w->send);
		return;
	}
	d->moved = true;
	leave_place(line_of(d));
}

static void
late_run(struct scl_task *t)
{
	struct px_work *w = OF(t, struct px_work, late);
	struct px *px = w->lane->all->px;

	if (!px_enter(px))
		return;
	late(w);
	px_leave(px);
}

void
px_place_begun(struct px_driven *d)
{
	struct px_lanes *all = d->all;
	struct px_work *w = d->work;

	w->begun = clock_monotonic();
	w->late.run = late_run;
	if (d->pace == PX_PROMPT) {
		d->has_spare = all->spare > 0;
		if (d->has_spare)
			all->spare--;
		else
			w->send.limit_ms = PX_SLOW_AFTER / (CLOCK_SECOND / 1000);
	}
	scl_post(all->px->scl, &w->late, PX_SLOW_AFTER);
}

void
px_place_answered(struct px_driven *d)
{
	struct px_lanes *all = d->all;
	int64_t now = clock_monotonic();
	bool took_long = now - d->work->begun >= PX_SLOW_AFTER;

	scl_cancel(all->px->scl, &d->work->late);
	d->slow = took_long || d->lane.answer.kind == PX_ANSWER_LATER;
	if (took_long)
		px_slow_add(&all->slow, d->url_id, now);
	else if (!d->slow)
		px_slow_remove(&all->slow, d->url_id);
}
