/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SCL as a source: adaptive requests that were accepted for an SCL that is not reached are
 * parked, sealed, at a proxy, and drained to the SCL or to sinks that are named meanwhile ("Secure
 * store and forward proxy for dynamic IoT applications over M2M networks", II.D, III, V).
 *
 *   DIRECT  requests go by the uplink
 *   FIND    they wait: a proxy is looked for
 *   PARK    the older ones go to a store at the proxy, the younger ones wait
 *   DRAIN   the same, and the proxy forwards what it has
 *
 * Each destination SCL has its state, its stream and its store. The own queue and the store are one
 * line: nothing goes by the uplink while something older is at the proxy. The states are durable.
 */
#ifndef CAP_PXY_PX_SOURCE_H
#define CAP_PXY_PX_SOURCE_H

#include "cap/pxy/px_spool.h"
#include "core/scl.h"

struct px;
struct px_part;
struct px_parking;

extern const struct px_part px_part_source;

/* ---- for managers (px_named.h): all on the courier thread ---- */

/* What has been answered, once, on the courier thread (while it stops on another), not from within. */
struct px_naming {
	void (*done)(struct px_naming *n);
	void *owner;
	enum rc rc; /* RC_OK, RC_CREATED; RC_NOT_FOUND; RC_CONFLICT; RC_NO_SPACE; RC_UNAVAILABLE */

	struct px_spool_sink sink; /* what is named; of one that is removed its name */
	bool from_now; /* nothing that has been sealed, */
	bool from_point; /* or from that section of the stream on, in other streams what is sealed later */
	uint16_t stream, key_index;
	uint32_t epoch;

	struct px_spool_op op; /* private, as the following */
	struct px_parking *source;
	struct scl_task task;
	bool known;
};

/*
 * A sink, new or, by its name, with other terms: RC_CREATED or RC_OK. RC_CONFLICT: the name is the
 * uplink's or one of the configuration, or another sink has that URL; RC_NO_SPACE: there are too many;
 * RC_NOT_FOUND: no stream has that number; RC_UNAVAILABLE: another one is being named.
 */
void px_source_name(struct px_parking *s, struct px_naming *n);
/*
 * RC_NOT_FOUND; RC_CONFLICT: it is of the configuration. Of the uplink the key is forgotten, and asked
 * for again.
 */
void px_source_unname(struct px_parking *s, struct px_naming *n);
/* Everything that waits is parked from now on, until it is drained. */
void px_source_park(struct px_parking *s);
/* Appends an object in JSON: how it goes with each destination, which sinks there are. */
void px_source_show(struct px_parking *s, struct buf *to);

#endif
