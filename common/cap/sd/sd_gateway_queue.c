/* SPDX-License-Identifier: Apache-2.0 */
/* Readings that wait for the network, in the order in which they came, and what a bundle takes of them. */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdlib.h>

#define LOOK_MAX 8192u /* readings that one pick looks at */

void
gw_queue_add(struct gw *gw, struct gw_reading *r)
{
	r->next = NULL;
	*gw->last = r;
	gw->last = &r->next;
	gw->queued++;
}

/* The algorithm of the bundle that it goes in. */
static enum sd_alg
way_of(const struct gw_reading *r, int64_t now)
{
	if (r->alg != SD_BLS_SINGLE)
		return r->alg;
	return r->alone || r->device->excluded > now ? SD_BLS_SINGLE : SD_BLS;
}

/* Whether r can go where the first one goes. An identity-based aggregate is of one round. */
static bool
goes_with(const struct gw_reading *first, const struct gw_reading *r, int64_t now)
{
	if (way_of(r, now) != way_of(first, now) || r->flags != first->flags)
		return false;
	if (r->alg != SD_IDENTITY)
		return true;
	return !first->alone && !r->alone && memcmp(r->round, first->round, SD_ROUND_SIZE) == 0;
}

/* The same number twice is a message twice to the network, as nobody has looked at it here. */
static bool
is_again(const struct gw *gw, const struct gw_reading *r)
{
	return r->device->picked == gw->picks && r->seq <= r->device->picked_seq;
}

static void
describe(struct gw_flight *f, int64_t now)
{
	const struct gw_reading *first = f->readings[0];

	f->bundle = (struct sd_bundle){
		.alg = way_of(first, now), .flags = first->flags, .n = f->n, .seq = first->no
	};
}

/* When readings of the first way that is held are to be looked at again. */
static int64_t
held_for(const struct gw *gw, int64_t now)
{
	int64_t delay = CLOCK_NEVER;

	for (unsigned alg = SD_ALG_MIN; alg <= SD_ALG_MAX; alg++)
		if (gw->held[alg] > now && gw->held[alg] - now < delay)
			delay = gw->held[alg] - now;
	return delay;
}

/* Whether r is left to a later bundle, when *first is what the bundle begins with (NULL: nothing yet). */
static bool
is_left(const struct gw *gw, const struct gw_reading *first, const struct gw_reading *r,
        int64_t now)
{
	return gw->held[way_of(r, now)] > now || (first != NULL && !goes_with(first, r, now)) ||
	       is_again(gw, r);
}

static const struct gw_reading *
collect(struct gw *gw, struct gw_flight *f, size_t max, int64_t now)
{
	const struct gw_reading *first = NULL;
	unsigned looked = 0;

	for (struct gw_reading *r = gw->first; r != NULL && f->n < max && looked < LOOK_MAX;
	     r = r->next, looked++) {
		struct gw_device *d = r->device;

		/* What comes behind a reading that is left must not overtake it. */
		if (d->skipped == gw->picks)
			continue;
		if (is_left(gw, first, r, now)) {
			d->skipped = gw->picks;
			continue;
		}
		if (first == NULL)
			first = r;
		d->picked = gw->picks;
		d->picked_seq = r->seq;
		f->readings[f->n++] = r;
	}
	return first;
}

size_t
gw_queue_pick(struct gw *gw, struct gw_flight *f, int64_t now, int64_t *delay)
{
	size_t max = f->limit < gw->conf.bundle_max ? f->limit : gw->conf.bundle_max;
	const struct gw_reading *first;

	*delay = CLOCK_NEVER;
	f->n = 0;
	if (gw->first == NULL)
		return 0;
	gw->picks++;
	first = collect(gw, f, max, now);
	if (first == NULL) {
		*delay = held_for(gw, now);
		return 0;
	}
	if (f->n < max && !first->alone && now - first->since < gw->conf.bundle_wait) {
		*delay = first->since + gw->conf.bundle_wait - now;
		f->n = 0;
		return 0;
	}
	describe(f, now);
	return f->n;
}

static void
drop(struct gw *gw, struct gw_reading *r)
{
	gw_device_leave(r->device);
	gw->queued--;
	gw->pending--;
	free(r);
}

void
gw_queue_sweep(struct gw *gw)
{
	struct gw_reading **at = &gw->first;

	while (*at != NULL) {
		struct gw_reading *r = *at;

		if (r->answered) {
			*at = r->next;
			drop(gw, r);
		} else {
			at = &r->next;
		}
	}
	gw->last = at;
}

void
gw_queue_free(struct gw *gw)
{
	while (gw->first != NULL) {
		struct gw_reading *r = gw->first;

		gw->first = r->next;
		drop(gw, r);
	}
	gw->last = &gw->first;
}
