/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_lane.h"

#define SAID_EVERY (3600 * CLOCK_SECOND)
/* A sink that forgets what it has just been given is not to have it for ever. */
#define BACKS_MAX 16u

typedef unsigned handler(struct px_lane *l, const struct px_lane_conf *conf, int64_t now);

/* ---- ways on ---- */

static unsigned
pause_now(struct px_lane *l)
{
	l->pausing = false;
	l->state = PX_LANE_PAUSED;
	return 0;
}

static unsigned
end_now(struct px_lane *l)
{
	l->ending = false;
	l->state = PX_LANE_ENDED;
	return 0;
}

/* Nothing is under way: to the next body, as soon as it is allowed. */
static unsigned
go(struct px_lane *l, int64_t now)
{
	if (l->ending)
		return end_now(l);
	if (l->pausing)
		return pause_now(l);
	l->refused = 0;
	if (l->rate > 0 && l->free_at > now) {
		l->state = PX_LANE_PACE;
		l->delay = l->free_at - now;
		return PX_LANE_WAIT;
	}
	l->state = PX_LANE_LINE;
	return PX_LANE_ASK;
}

static unsigned
move_on(struct px_lane *l, uint64_t number)
{
	if (number <= l->next)
		return 0;
	l->next = number;
	return PX_LANE_KEEP;
}

/*
 * The message with that number is refused. It is the next one for the book as well, which skips no
 * other: what was passed over before it is done, and what the lane has gone back to was done before.
 * After a control, which may mean that the sink was mended, the lane may go back again.
 */
static unsigned
stop_at(struct px_lane *l, uint64_t number, int64_t now)
{
	if (l->ending || l->pausing)
		return go(l, now);
	if (number <= l->kept)
		number = l->kept + 1;
	(void)move_on(l, number - 1);
	l->state = PX_LANE_REFUSED;
	l->refused = number;
	l->backs = 0;
	return PX_LANE_STUCK | PX_LANE_KEEP;
}

/* Up to a quarter of jitter: many lanes to one dead host do not march in step. */
static int64_t
back_off(const struct px_lane *l, const struct px_lane_conf *conf, int64_t after, int64_t now)
{
	int64_t delay = conf->retry_first;

	for (unsigned i = 1; i < l->failures && delay < conf->retry_max; i++)
		delay *= 2;
	if (delay > conf->retry_max)
		delay = conf->retry_max;
	delay += delay / 4 * (now % 1024) / 1024;
	if (after > conf->retry_max)
		after = conf->retry_max;
	return delay < after ? after : delay;
}

static unsigned
fail(struct px_lane *l, const struct px_lane_conf *conf, int64_t after, int64_t now)
{
	unsigned what = PX_LANE_KEEP | PX_LANE_WAIT;

	l->failures++;
	if (l->said_at == 0 || now - l->said_at >= SAID_EVERY) {
		l->said_at = now;
		what |= PX_LANE_FAILING;
	}
	if (l->ending || l->pausing)
		return (what & ~(unsigned)PX_LANE_WAIT) | go(l, now);
	l->state = PX_LANE_BACKOFF;
	l->delay = back_off(l, conf, after, now);
	return what;
}

/* ---- events without a body ---- */

static unsigned
on_go(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	return go(l, now);
}

static unsigned
on_pause(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	return PX_LANE_UNASK | PX_LANE_UNWAIT | pause_now(l);
}

static unsigned
on_end(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	return PX_LANE_UNASK | PX_LANE_UNWAIT | end_now(l);
}

static unsigned
repace(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	return PX_LANE_UNWAIT | go(l, now);
}

static unsigned
make(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	l->state = PX_LANE_PREPARE;
	l->news = l->changed = false;
	return PX_LANE_MAKE;
}

/* ---- events while something is under way: they wait for its end ---- */

static unsigned
note_news(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	l->news = true;
	return 0;
}

static unsigned
note_changed(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	l->changed = true;
	l->pausing = false;
	return 0;
}

static unsigned
note_pause(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	l->pausing = true;
	return 0;
}

static unsigned
note_end(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	(void)now;
	l->ending = true;
	return 0;
}

/* ---- a body ---- */

static unsigned
give(struct px_lane *l, int64_t now)
{
	const struct px_result *m = &l->made;

	if (l->back)
		l->next = m->first - 1;
	l->back = false;
	if (m->first <= l->tried_upto)
		l->fresh.retried += m->n;
	if (m->upto > l->tried_upto)
		l->tried_upto = m->upto;
	l->fresh.sent += m->n;
	if (l->rate > 0)
		l->free_at = now + (int64_t)(m->octets * CLOCK_SECOND / l->rate);
	l->state = PX_LANE_SEND;
	return PX_LANE_GIVE;
}

static unsigned
made_body(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	/* Its first message was skipped meanwhile. */
	if (!l->back && l->made.first <= l->next)
		return PX_LANE_LEAVE | go(l, now);
	return give(l, now);
}

static unsigned
made_nothing(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	unsigned what = PX_LANE_LEAVE | move_on(l, l->made.upto);

	(void)conf;
	if (l->made.more || l->news || l->changed)
		return what | go(l, now);
	l->state = PX_LANE_IDLE;
	return what;
}

static unsigned
made_nokey(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	unsigned what = PX_LANE_LEAVE | move_on(l, l->made.upto);

	(void)conf;
	if (l->changed)
		return what | go(l, now);
	l->state = PX_LANE_NOKEY;
	l->waits_for = l->made.waits_for;
	return what;
}

static unsigned
made_bad(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	unsigned what = PX_LANE_LEAVE | move_on(l, l->made.upto);

	(void)conf;
	return what | (l->changed ? go(l, now) : stop_at(l, l->made.first, now));
}

static unsigned
made_end(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	unsigned what = PX_LANE_LEAVE | move_on(l, l->made.upto);

	(void)conf;
	if (l->changed)
		return what | go(l, now);
	return what | PX_LANE_KEEP | PX_LANE_ERASE | end_now(l);
}

static unsigned
made_failed(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	return PX_LANE_LEAVE | fail(l, conf, 0, now);
}

static unsigned
on_made(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	static handler *const kinds[] = {
		[PX_RESULT_BODY] = made_body,   [PX_RESULT_NOTHING] = made_nothing,
		[PX_RESULT_NOKEY] = made_nokey, [PX_RESULT_BAD] = made_bad,
		[PX_RESULT_END] = made_end,     [PX_RESULT_FAILED] = made_failed,
	};

	if (l->ending || l->pausing)
		return PX_LANE_LEAVE | go(l, now);
	if (l->back && !l->made.back && l->made.kind != PX_RESULT_FAILED) {
		l->back = false;
		return PX_LANE_LEAVE | stop_at(l, l->next + 1, now);
	}
	return kinds[l->made.kind](l, conf, now);
}

/* ---- answers ---- */

static unsigned
taken(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	l->failures = 0;
	l->said_at = 0;
	px_lane_count(l, now);
	(void)move_on(l, l->made.upto);
	if (l->next >= l->trouble)
		l->backs = 0;
	return PX_LANE_KEEP | go(l, now);
}

/* One message after the other, until the one that is refused is alone. */
static unsigned
never(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	(void)conf;
	if (l->made.n == 1)
		return stop_at(l, l->made.first, now);
	l->single_upto = l->made.upto;
	return go(l, now);
}

static bool
same_section(const struct px_section *a, const struct px_section *b)
{
	return a->stream == b->stream && a->epoch == b->epoch && a->key_index == b->key_index;
}

/* Back to the begin of the section, once for each. */
static unsigned
unknown(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	bool was_there = l->backs > 0 && same_section(&l->section, &l->made.section);

	if (was_there || l->backs >= BACKS_MAX)
		return never(l, conf, now);
	if (l->backs == 0 || l->made.upto > l->trouble)
		l->trouble = l->made.upto;
	l->backs++;
	l->back = true;
	l->section = l->made.section;
	return go(l, now);
}

static unsigned
later(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	return fail(l, conf, l->answer.after, now);
}

static unsigned
on_answered(struct px_lane *l, const struct px_lane_conf *conf, int64_t now)
{
	static handler *const kinds[] = {
		[PX_ANSWER_TAKEN] = taken,
		[PX_ANSWER_UNKNOWN] = unknown,
		[PX_ANSWER_NEVER] = never,
		[PX_ANSWER_LATER] = later,
	};

	return PX_LANE_LEAVE | kinds[l->answer.kind](l, conf, now);
}

/* ---- what is done with which event; nothing where there is nothing ---- */

static handler *const handlers[PX_LANE_STATES][PX_LANE_EVENTS] = {
	[PX_LANE_IDLE] = { [PX_LANE_NEWS] = on_go,
	                   [PX_LANE_CHANGED] = on_go,
	                   [PX_LANE_PAUSE] = on_pause,
	                   [PX_LANE_END] = on_end },
	[PX_LANE_PACE] = { [PX_LANE_CHANGED] = repace,
	                   [PX_LANE_PAUSE] = on_pause,
	                   [PX_LANE_END] = on_end,
	                   [PX_LANE_TIMER] = on_go },
	[PX_LANE_LINE] = { [PX_LANE_PAUSE] = on_pause,
	                   [PX_LANE_END] = on_end,
	                   [PX_LANE_PLACED] = make },
	[PX_LANE_PREPARE] = { [PX_LANE_NEWS] = note_news,
	                      [PX_LANE_CHANGED] = note_changed,
	                      [PX_LANE_PAUSE] = note_pause,
	                      [PX_LANE_END] = note_end,
	                      [PX_LANE_MADE] = on_made },
	[PX_LANE_SEND] = { [PX_LANE_CHANGED] = note_changed,
	                   [PX_LANE_PAUSE] = note_pause,
	                   [PX_LANE_END] = note_end,
	                   [PX_LANE_ANSWERED] = on_answered },
	[PX_LANE_BACKOFF] = { [PX_LANE_PAUSE] = on_pause,
	                      [PX_LANE_END] = on_end,
	                      [PX_LANE_TIMER] = on_go },
	[PX_LANE_NOKEY] = { [PX_LANE_CHANGED] = on_go,
	                    [PX_LANE_PAUSE] = on_pause,
	                    [PX_LANE_END] = on_end },
	[PX_LANE_REFUSED] = { [PX_LANE_CHANGED] = on_go,
	                      [PX_LANE_PAUSE] = on_pause,
	                      [PX_LANE_END] = on_end },
	[PX_LANE_PAUSED] = { [PX_LANE_CHANGED] = on_go, [PX_LANE_END] = on_end },
};

unsigned
px_lane_event(struct px_lane *l, const struct px_lane_conf *conf, enum px_lane_event e, int64_t now)
{
	handler *h = handlers[l->state][e];

	return h == NULL ? 0 : h(l, conf, now);
}
