/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a source address may ask before it has proved anything: a token bucket each, in a fixed
 * amount of memory. When a set is full, the bucket that would be full soonest gives way: forgetting
 * it gives its source the least. Any thread.
 */
#ifndef MAS_MSBF_RATE_H
#define MAS_MSBF_RATE_H

#include "base/slice.h"

struct msbf_rate;

/* per_second (1..1000) is the burst as well. NULL without memory. */
struct msbf_rate *msbf_rate_new(unsigned per_second);
void msbf_rate_free(struct msbf_rate *r);
/* Takes one; false when there is none. An empty source (a UNIX socket) is not limited. */
bool msbf_rate_take(struct msbf_rate *r, struct slice source);

#endif
