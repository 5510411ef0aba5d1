/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sinks have been slow of late, by their URL: for forwards that are made again, and know
 * nothing of it. Bounded: when it is full the one that was slow longest ago is forgotten. Pure, in
 * memory of the caller, one thread at a time.
 */
#ifndef CAP_PXY_PX_SLOW_H
#define CAP_PXY_PX_SLOW_H

#include "base/clock.h"
#include "base/slice.h"

#include <stdint.h>

#define PX_SLOW_MAX 256u
#define PX_SLOW_ID 16u /* octets: no URL can be made that has the one of another */
#define PX_SLOW_TIME (600 * CLOCK_SECOND) /* for so long; microseconds */

/* Of zeros: empty. Private but for n, how many there are. */
struct px_slow {
	size_t n;
	struct {
		uint8_t id[PX_SLOW_ID];
		int64_t since; /* monotonic */
	} v[PX_SLOW_MAX];
};

/* What stands for a URL. False: the library fails. */
bool px_slow_name(struct slice url, uint8_t id[PX_SLOW_ID]);
/* It was slow now (monotonic microseconds). */
void px_slow_add(struct px_slow *all, const uint8_t id[PX_SLOW_ID], int64_t now);
/* It is not any more. */
void px_slow_remove(struct px_slow *all, const uint8_t id[PX_SLOW_ID]);
/* It was, less than PX_SLOW_TIME ago. */
bool px_slow_has(const struct px_slow *all, const uint8_t id[PX_SLOW_ID], int64_t now);

#endif
