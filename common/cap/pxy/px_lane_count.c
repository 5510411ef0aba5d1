/* SPDX-License-Identifier: Apache-2.0 */
/* What a lane knows in numbers: how far it is, what is to be stored, how fast it goes. */
#include "config.h"

#include "cap/pxy/px_lane.h"

void
px_lane_init(struct px_lane *l, uint64_t cursor, uint64_t rate)
{
	*l = (struct px_lane){ .next = cursor, .kept = cursor, .rate = rate };
}

void
px_lane_rate(struct px_lane *l, uint64_t rate, int64_t now)
{
	if (l->rate > 0 && l->free_at > now) {
		uint64_t owed = (uint64_t)(l->free_at - now) * l->rate / CLOCK_SECOND;

		l->free_at = rate == 0 ? now : now + (int64_t)(owed * CLOCK_SECOND / rate);
	}
	l->rate = rate;
}

void
px_lane_skip(struct px_lane *l, uint64_t cursor)
{
	if (cursor > l->next && cursor > l->kept)
		l->next = l->kept = cursor;
}

void
px_lane_order(const struct px_lane *l, struct px_lane_order *out)
{
	*out = (struct px_lane_order){ .after = l->next,
		                       .single = l->single_upto > l->next,
		                       .back = l->back,
		                       .section = l->section };
}

bool
px_lane_progress(struct px_lane *l, struct px_lane_progress *out)
{
	bool new = l->next > l->kept || l->fresh.sent > 0 || l->fresh.acknowledged > 0 ||
	           l->fresh.retried > 0;

	if (l->next > l->kept)
		l->kept = l->next;
	*out = l->fresh;
	out->cursor = l->kept;
	l->fresh = (struct px_lane_progress){ 0 };
	return new;
}

void
px_lane_unstored(struct px_lane *l, const struct px_lane_progress *p)
{
	l->kept = 0;
	l->fresh.sent += p->sent;
	l->fresh.acknowledged += p->acknowledged;
	l->fresh.retried += p->retried;
	l->fresh.octets += p->octets;
}

uint64_t
px_lane_speed(const struct px_lane *l, int64_t now)
{
	int64_t past = now - l->window_at;
	uint64_t octets = past < PX_LANE_WINDOW ? l->window_before : l->window;

	return past < 2 * PX_LANE_WINDOW ? octets / (PX_LANE_WINDOW / CLOCK_SECOND) : 0;
}

const char *
px_lane_state_name(enum px_lane_state s)
{
	static const char *const names[] = {
		[PX_LANE_IDLE] = "idle",     [PX_LANE_PACE] = "pace",
		[PX_LANE_LINE] = "line",     [PX_LANE_PREPARE] = "prepare",
		[PX_LANE_SEND] = "send",     [PX_LANE_BACKOFF] = "backoff",
		[PX_LANE_NOKEY] = "nokey",   [PX_LANE_REFUSED] = "refused",
		[PX_LANE_PAUSED] = "paused", [PX_LANE_ENDED] = "ended",
	};

	return names[s];
}

void
px_lane_count(struct px_lane *l, int64_t now)
{
	int64_t past = now - l->window_at;

	if (past >= 2 * PX_LANE_WINDOW) {
		l->window_before = l->window = 0;
		l->window_at = now;
	} else if (past >= PX_LANE_WINDOW) {
		l->window_before = l->window;
		l->window = 0;
		l->window_at += PX_LANE_WINDOW;
	}
	l->window += l->made.octets;
	l->fresh.acknowledged += l->made.n;
	l->fresh.octets += l->made.octets;
}
