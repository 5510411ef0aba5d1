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

static bool
ring_may(const struct sn_ring *r, int64_t now)
{
	int64_t at;

	if (r->open >= r->max)
		return false;
	/* They are in the order of time: when this one is over, all before it are. */
	at = r->at[(r->next + r->open) % r->max];
	return at == 0 || now - at >= SN_HOME_TIME;
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
	return ring_may(&s->limits.singles, sn_mono(s));
}

bool
sn_may_fail(const struct gaka_sn *s, const struct sn_ring *refusals)
{
	return refusals == NULL || ring_may(refusals, sn_mono(s));
}

void
sn_limit_ask(struct gaka_sn *s, struct sn_request *r)
{
	if (!r->group)
		ring_note(&s->limits.singles, sn_mono(s));
	if (r->refusals != NULL)
		r->refusals->open++;
}

void
sn_limit_done(struct gaka_sn *s, struct sn_request *r, bool refused)
{
	if (r->refusals == NULL)
		return;
	r->refusals->open--;
	if (refused || r->resync)
		ring_note(r->refusals, sn_mono(s));
	r->refusals = NULL;
}

/* ---- life ---- */

static bool
ring_open(struct sn_ring *r, unsigned max)
{
	r->max = max;
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

	if (!ring_open(&l->singles, singles) || !ring_open(&l->strangers, SN_STRANGERS) ||
	    !ring_open(&l->named, SN_NAMED))
		return RC_NO_SPACE;
	return failures_new(&conf, &l->failures);
}

void
sn_limits_close(struct sn_limits *l)
{
	failures_free(l->failures);
	free(l->singles.at);
	free(l->strangers.at);
	free(l->named.at);
	*l = (struct sn_limits){ .failures = NULL };
}
