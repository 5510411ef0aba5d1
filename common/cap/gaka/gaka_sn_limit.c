/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the home network may be asked. T1 is not authenticated: what forged ones cost the home
 * network is bounded here, and it repeats the bounds.
 */
#include "config.h"

#include "cap/gaka/gaka_sn_impl.h"

#include <stdlib.h>

#define SLOTS 4096u /* devices that have failed */

/* ---- so many in a time ---- */

/* One, when more are under way that may have to be noted. */
static bool
ring_may(const struct sn_ring *r, int64_t now, unsigned more)
{
	int64_t at;

	if (more >= r->max)
		return false;
	/* They are in the order of time: when this one is over, all before it are. */
	at = r->at[(r->next + more) % r->max];
	return at == 0 || now - at >= r->time;
}

static void
ring_note(struct sn_ring *r, int64_t now)
{
	r->at[r->next] = now;
	r->next = (r->next + 1) % r->max;
}

/* ---- what may be asked ---- */

bool
sn_may_t2(const struct gaka_sn *s, const struct sn_group *g)
{
	return !g->asking && (g->asked == 0 || sn_mono(s) - g->asked >= SN_PAUSE);
}

bool
sn_may_single(const struct gaka_sn *s)
{
	return ring_may(&s->limits.singles, sn_mono(s), 0);
}

bool
sn_may_strange(const struct gaka_sn *s)
{
	return ring_may(&s->limits.strangers, sn_mono(s), s->limits.strange);
}

void
sn_limit_ask(struct gaka_sn *s, struct sn_request *r)
{
	if (!r->group)
		ring_note(&s->limits.singles, sn_mono(s));
	if (r->stranger)
		s->limits.strange++;
}

void
sn_limit_done(struct gaka_sn *s, struct sn_request *r, bool refused)
{
	if (r->stranger) {
		s->limits.strange--;
		if (refused)
			ring_note(&s->limits.strangers, sn_mono(s));
	}
	r->stranger = false;
}

/* ---- life ---- */

static bool
ring_open(struct sn_ring *r, unsigned max, int64_t time)
{
	r->max = max;
	r->time = time;
	r->at = calloc(max, sizeof(*r->at));
	return r->at != NULL;
}

enum rc
sn_limits_open(struct sn_limits *l, unsigned singles, const struct clock *mono)
{
	const struct failures_conf conf = { .clock = mono,
		                            .per_subject = SN_FAILURES,
		                            .per_source = UINT8_MAX,
		                            .window = SN_MINUTE,
		                            .slots = SLOTS };

	if (!ring_open(&l->singles, singles, SN_SINGLES_TIME) ||
	    !ring_open(&l->strangers, SN_STRANGERS, SN_MINUTE))
		return RC_NO_SPACE;
	return failures_new(&conf, &l->failures);
}

void
sn_limits_close(struct sn_limits *l)
{
	failures_free(l->failures);
	free(l->singles.at);
	free(l->strangers.at);
	*l = (struct sn_limits){ .failures = NULL };
}
