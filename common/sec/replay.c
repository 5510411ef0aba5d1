/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/replay.h"

void
replay_init(struct replay *r, uint64_t floor)
{
	*r = (struct replay){ .high = floor, .seen = UINT64_MAX };
}

static void
advance(struct replay *r, uint64_t seq)
{
	uint64_t by = seq - r->high;

	/* The old highest becomes one of those below; by is at least 1. */
	if (by > REPLAY_WINDOW)
		r->seen = 0;
	else
		r->seen = (by == REPLAY_WINDOW ? 0 : r->seen << by) | UINT64_C(1) << (by - 1);
	r->high = seq;
}

bool
replay_take(struct replay *r, uint64_t seq)
{
	uint64_t below, bit;

	if (seq > r->high) {
		advance(r, seq);
		return true;
	}
	below = r->high - seq;
	if (seq == 0 || below == 0 || below > REPLAY_WINDOW)
		return false;
	bit = UINT64_C(1) << (below - 1);
	if ((r->seen & bit) != 0)
		return false;
	r->seen |= bit;
	return true;
}

void
seq_init(struct seq_source *s, uint64_t stored, uint64_t max,
         enum rc (*persist)(void *arg, uint64_t reserved), void *arg)
{
	*s = (struct seq_source){
		/* Behind max there is nothing; the largest number has no successor. */
		.next = stored == UINT64_MAX ? stored : stored + 1,
		.reserved = stored,
		.max = max,
		.persist = persist,
		.arg = arg,
	};
}

enum rc
seq_reserve(struct seq_source *s)
{
	uint64_t to;
	enum rc rc;

	if (s->reserved >= s->max)
		return RC_OK;
	to = s->max - s->reserved > SEQ_STEP ? s->reserved + SEQ_STEP : s->max;
	rc = s->persist(s->arg, to);
	if (rc == RC_OK)
		s->reserved = to;
	return rc;
}

uint64_t
seq_left(const struct seq_source *s)
{
	return s->next > s->reserved || s->next > s->max ? 0 : s->reserved - s->next + 1;
}

enum rc
seq_take(struct seq_source *s, uint64_t *seq)
{
	enum rc rc = seq_left(s) == 0 ? seq_reserve(s) : RC_OK;

	if (rc != RC_OK)
		return rc;
	if (seq_left(s) == 0)
		return RC_FORBIDDEN;
	*seq = s->next++;
	return RC_OK;
}
