/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that are to be served, in memory: what they have used since it was last stored,
 * and their end on a clock that does not jump. Bounded by the number of connections.
 */
#ifndef MAS_LIVE_H
#define MAS_LIVE_H

#include "base/rc.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mas_live_table;

/* At most max connections. NULL without memory. */
struct mas_live_table *mas_live_new(unsigned max);
void mas_live_free(struct mas_live_table *t);

/* Room for n more. RC_UNAVAILABLE: that many are served already, or no memory. Worker. */
enum rc mas_live_room(struct mas_live_table *t, unsigned n);
/* What stands for a NSCL in the table; never MAS_LIVE_SAME. */
#define MAS_LIVE_SAME UINT64_C(0)
uint64_t mas_live_owner(struct slice nscl);
/*
 * end: on clock_monotonic. owner: of mas_live_owner, or MAS_LIVE_SAME: the one it has, or nobody's.
 * Again: the earlier end counts. There must be room. Worker.
 */
void mas_live_put(struct mas_live_table *t, uint64_t id, uint64_t owner, int64_t end);
void mas_live_del(struct mas_live_table *t, uint64_t id);
unsigned mas_live_count(struct mas_live_table *t);

/* False for a connection of another owner; true also when it is not in the table. Any thread. */
bool mas_live_is_of(struct mas_live_table *t, uint64_t id, uint64_t owner);
/* Any thread. True when these are the first ones of the connection. */
bool mas_live_used(struct mas_live_table *t, uint64_t id, uint64_t requests, uint64_t octets);

struct mas_use {
	uint64_t id;
	uint64_t requests, octets;
	bool first; /* the first since the connection is in the table */
	bool over; /* its end has come */
};

/*
 * Those with something to store, or whose end has come by now (clock_monotonic), at most max;
 * returns how many. They count as stored after mas_live_stored, with the same array. Worker.
 */
size_t mas_live_take(struct mas_live_table *t, int64_t now, struct mas_use *out, size_t max);
void mas_live_stored(struct mas_live_table *t, const struct mas_use *uses, size_t n);

#endif
