/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarder: drives the lanes (px_lane.h) on the courier thread. It begins with what is stored
 * and is told of what changes; what it has done it stores as progress of the sinks, so that after a
 * crash the messages since are sent again.
 */
#ifndef CAP_PXY_PX_LANES_H
#define CAP_PXY_PX_LANES_H

#include "cap/pxy/px.h"
#include "cap/pxy/px_lane.h"

struct px_lanes;

/* How a lane is, for monitors. */
struct px_lane_look {
	enum px_lane_state state;
	struct px_key_of waits_for; /* PX_LANE_NOKEY */
	uint64_t refused; /* PX_LANE_REFUSED: number of the message; else 0 */
	unsigned failures; /* in sequence */
	uint64_t speed; /* octets per second that the sink has taken of late */
};

/* Any thread, for a moment. False: there is no such lane, or none as yet. */
bool px_lanes_look(struct px_lanes *all, uint64_t store, uint64_t forward, uint32_t sink,
                   struct px_lane_look *out);

extern const struct px_part px_part_lanes;

#endif
