/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitoring of places (Lai et al., "Security Issues on Machine to Machine Communications"): a
 * node that is moved, or that says something else of its place than the network sees, is an alarm: a
 * contentInstance GEO_ALARM in the container securityEvents of its scl, by which subscribers are
 * told, and, by the policy of the node, refusals. Policies are administered by HTTP below
 * /admin/nodes/{nodeId}/location; they and the alarms are durable.
 *
 *   geo_open -> admin, gate in the seat -> scl_start, geo_start ... geo_stop -> scl_free -> geo_close
 */
#ifndef CAP_GEO_GEO_H
#define CAP_GEO_GEO_H

#include "base/clock.h"
#include "base/log.h"
#include "cap/geo_conf.h"
#include "cap/geo_gate.h"

struct admin;
struct geo;
struct scl;

struct geo_parts {
	const struct geo_conf *conf;
	const struct clock *clock;
	struct log *log;
	struct scl *scl;
	struct admin *admin;
	struct geo_seat *seat;
};

/* What parts points to outlives it. One line in why. Waits for the disk. */
enum rc geo_open(const struct geo_parts *parts, struct geo **out, char why[256]);
/* The tree is served: events can be stored. NULL is fine, as below. */
void geo_start(struct geo *g);
/* Stores what waits; later changes are refused. Before scl_stop. */
void geo_stop(struct geo *g);
void geo_close(struct geo *g);

#endif
