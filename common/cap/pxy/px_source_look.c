/* SPDX-License-Identifier: Apache-2.0 */
/* What a destination of the source does next. */
#include "config.h"

#include "cap/pxy/px_source_own.h"

/* Without other cause a destination that is not DIRECT looks so often. */
#define LOOK_EVERY CLOCK_SECOND

static void look(struct source_dest *t);

/* ---- what is under way ---- */

static void
task_run(struct scl_task *task)
{
	look((struct source_dest *)(void *)task);
}

static void
post_look(struct source_dest *t, int64_t delay)
{
	t->task.run = task_run;
	if (atomic_load(&t->all->running))
		scl_post(t->all->px->scl, &t->task, delay);
}

void
dest_done(struct source_dest *t, enum source_rest which)
{
	t->rests[which].failures = 0;
	t->busy = false;
	look(t);
}

void
dest_later(struct source_dest *t, enum source_rest which, const char *what, enum rc rc)
{
	int64_t delay = source_backoff(t->all, ++t->rests[which].failures);

	LOG_WARN(t->all->px->log, "proxy-source-failing", LOG_N("destination", t->d.destination),
	         LOG_Z("at", what), LOG_Z("status", status_of(rc)->text),
	         LOG_N("times", t->rests[which].failures));
	t->rests[which].until = clock_monotonic() + delay;
	t->busy = false;
	look(t);
}

static void
back_run(struct scl_task *task)
{
	struct source_dest *t =
		(struct source_dest *)(void *)((char *)task - offsetof(struct source_dest, back));

	t->then(t);
}

void
dest_back(struct source_dest *t)
{
	t->back.run = back_run;
	(void)px_post(t->all->px, &t->back, 0);
}

/* ---- what is kept ---- */

struct px_spool_dest *
dest_change(struct source_dest *t)
{
	t->busy = true;
	t->before = t->d;
	t->op = (struct px_spool_op){ .destination = t->d.destination };
	return &t->d;
}

static void
op_done(struct px_spool_op *op)
{
	dest_back(op->owner);
}

void
dest_store(struct source_dest *t, void (*then)(struct source_dest *t))
{
	t->op.dest = &t->d;
	t->op.done = op_done;
	t->op.owner = t;
	t->then = then;
	px_spool_write(t->all->spool, &t->op);
}

bool
dest_unchanged(struct source_dest *t, enum source_rest which)
{
	if (t->op.rc == RC_OK) {
		t->is_stored = true;
		return false;
	}
	t->d = t->before;
	t->direct = t->d.state == PX_WAY_DIRECT;
	dest_later(t, which, "spool", t->op.rc);
	return true;
}

const char *
source_state_name(enum px_way state)
{
	static const char *const names[] = { [PX_WAY_DIRECT] = "DIRECT",
		                             [PX_WAY_FIND] = "FIND",
		                             [PX_WAY_PARK] = "PARK",
		                             [PX_WAY_DRAIN] = "DRAIN" };

	return names[state];
}

static void
state_stored(struct source_dest *t)
{
	if (dest_unchanged(t, REST_STORE))
		return;
	LOG_INFO(t->all->px->log, "proxy-source-state", LOG_N("destination", t->d.destination),
	         LOG_Z("state", source_state_name(t->d.state)));
	t->direct = t->d.state == PX_WAY_DIRECT;
	if (t->direct)
		saf_relief_look(t->all->px->scl);
	dest_done(t, REST_STORE);
}

void
dest_set_state(struct source_dest *t, enum px_way state)
{
	struct px_spool_dest *d = dest_change(t);

	t->direct = false;
	d->state = state;
	if (state == PX_WAY_DIRECT)
		d->by_hand = false;
	dest_store(t, state_stored);
}

/* ---- the queue ---- */

struct waiting {
	uint64_t destination;
	size_t count;
	bool under_way;
};

static bool
see_line(void *arg, const struct saf_relief_line *line)
{
	struct waiting *w = arg;

	if (line->destination == w->destination) {
		w->count += line->count;
		w->under_way |= line->under_way;
	}
	return true;
}

static void
see_queue(struct source_dest *t)
{
	struct waiting w = { .destination = t->d.destination };
	unsigned low = t->all->conf->park_level / 2;
	struct saf_relief_load l;

	saf_relief_each(t->all->px->scl, see_line, &w);
	t->waiting = w.count;
	t->under_way = w.under_way;
	saf_relief_load(t->all->px->scl, &l);
	if (l.pressed)
		t->relieving = true;
	else if ((uint64_t)l.count * 100 <= (uint64_t)l.count_max * low &&
	         (uint64_t)l.octets * 100 <= (uint64_t)l.octets_max * low)
		t->relieving = false;
}

/* What waits is to go to a proxy from now on. */
static bool
should_park(struct source_dest *t)
{
	const struct proxy_conf_source *c = t->all->conf;
	const struct source_uplink *u = dest_uplink(t);

	if (t->waiting == 0)
		return false;
	if (t->d.by_hand || c->park == PROXY_PARK_ALWAYS)
		return true;
	if (u->up)
		return false;
	if (dest_has_standin(t))
		return true;
	if (c->park == PROXY_PARK_DOWN)
		return clock_monotonic() - u->down_since >= c->park_after;
	return t->relieving;
}

/* It goes there already: more of it is to. */
static bool
wants_batch(struct source_dest *t)
{
	const struct proxy_conf_source *c = t->all->conf;

	if (t->waiting == 0)
		return false;
	if (t->d.by_hand || c->park == PROXY_PARK_ALWAYS)
		return true;
	if (dest_uplink(t)->up)
		return t->relieving;
	return t->relieving || c->park == PROXY_PARK_DOWN || dest_has_standin(t);
}

/* ---- the end ---- */

static void
lingered(struct source_dest *t, bool main, bool all)
{
	(void)main;
	if (all)
		store_close(t);
	else
		dest_done(t, REST_KEYS);
}

static void
drained(struct source_dest *t, bool main, bool all)
{
	(void)all;
	/* The queue may have filled up, or the uplink gone, while that was asked for. */
	see_queue(t);
	if (main && !wants_batch(t) && dest_uplink(t)->up && !t->spooled)
		dest_set_state(t, PX_WAY_DIRECT);
	else
		dest_done(t, REST_KEYS);
}

/* At most so often, so that a sink that is slow is not asked for ever. */
static bool
may_look(struct source_dest *t)
{
	int64_t now = clock_monotonic();

	if (t->looked != 0 && now - t->looked < LOOK_EVERY)
		return false;
	t->looked = now;
	return true;
}

/* ---- what is next ---- */

static bool
rests(const struct source_dest *t, enum source_rest which)
{
	return clock_monotonic() < t->rests[which].until;
}

static void
look_direct(struct source_dest *t)
{
	if (t->waiting > 0)
		uplink_doubt(dest_uplink(t));
	if (should_park(t) && !rests(t, REST_STORE)) {
		dest_set_state(t, t->d.store[0] == '\0' ? PX_WAY_FIND : PX_WAY_PARK);
		return;
	}
	if (t->d.store[0] == '\0' || (!rests(t, REST_STORE) && store_renew(t)))
		return;
	if (!rests(t, REST_KEYS) && !keys_go_on(t) && may_look(t))
		drain_look(t, lingered);
}

static void
look_find(struct source_dest *t)
{
	bool parks = t->d.by_hand || t->all->conf->park == PROXY_PARK_ALWAYS;

	if (rests(t, REST_STORE))
		return;
	if (dest_uplink(t)->up && !parks)
		dest_set_state(t, PX_WAY_DIRECT);
	else
		store_find(t);
}

/* The open section has an end that is due: by time, by a change of sinks, by the drain. */
static bool
end_is_due(const struct source_dest *t, bool draining)
{
	if (t->seal == NULL || !px_seal_is_open(t->seal))
		return false;
	return t->next_epoch || draining ||
	       clock_now(t->all->px->clock) >= px_seal_deadline(t->seal);
}

/* Nothing more is to go that way; what always does has come to an end when nothing came for a while. */
static bool
is_over(struct source_dest *t)
{
	int64_t now = clock_monotonic();

	if (t->waiting > 0 || t->under_way || t->spooled || t->loaded || t->idle_since == 0)
		t->idle_since = now;
	return t->all->conf->park != PROXY_PARK_ALWAYS ||
	       now - t->idle_since >= t->all->conf->park_after;
}

static void
look_parked(struct source_dest *t)
{
	bool wants = wants_batch(t), draining = !wants && dest_uplink(t)->up && is_over(t);

	/* Keys go behind the batch with the message that they are for, and before the next one. */
	if (!rests(t, REST_STORE) && (store_renew(t) || batch_go_on(t)))
		return;
	if (!rests(t, REST_KEYS) && keys_go_on(t))
		return;
	if (!rests(t, REST_STORE) && !t->spooled && !t->loaded &&
	    ((wants && batch_take(t)) || (end_is_due(t, draining) && batch_end(t))))
		return;
	if (rests(t, REST_KEYS))
		return;
	if (draining && !t->spooled && !t->loaded && !end_is_due(t, true) && may_look(t))
		drain_look(t, drained);
}

/* When it looks again without other cause. */
static int64_t
look_delay(const struct source_dest *t)
{
	int64_t now = clock_monotonic(), delay = LOOK_EVERY;

	for (size_t i = 0; i < SOURCE_RESTS; i++)
		if (t->rests[i].until > now && t->rests[i].until - now < delay)
			delay = t->rests[i].until - now;
	return delay;
}

static void
look(struct source_dest *t)
{
	static void (*const by_state[])(struct source_dest * t) = { [PX_WAY_DIRECT] = look_direct,
		                                                    [PX_WAY_FIND] = look_find,
		                                                    [PX_WAY_PARK] = look_parked,
		                                                    [PX_WAY_DRAIN] = look_parked };

	if (t->busy || !atomic_load(&t->all->running))
		return;
	see_queue(t);
	/* The spool may read d while something is under way. */
	if (t->hand)
		t->d.by_hand = true;
	t->hand = false;
	if (t->d.by_hand && t->waiting == 0 && !t->under_way)
		t->d.by_hand = false;
	by_state[t->d.state](t);
	if (!t->busy && (!t->direct || t->d.store[0] != '\0'))
		post_look(t, look_delay(t));
}

void
source_wake(struct px_parking *s)
{
	for (size_t i = 0; i < s->n_dests; i++)
		post_look(s->dests[i], 0);
}
