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
