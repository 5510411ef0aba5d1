/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node may be (Lai et al., "Security Issues on Machine to Machine Communications", location
 * monitoring). As JSON it is what administrators write and read, and what the book keeps:
 *
 *   {"policy":"warn","circles":[{"lat":48.137,"lon":11.575,"radius":500},...],
 *    "attachments":[{"gateway":"SCL-ID","lat":48.1,"lon":11.5,"radius":2000},
 *                   {"source":"192.0.2.0/24"},{"cell":"262-01-17"},...],
 *    "direct":true,"container":"location","locTargetDevice":"tel:+49..."}
 *
 * Only policy has to be there. Pure functions; any thread.
 */
#ifndef CAP_GEO_POLICY_H
#define CAP_GEO_POLICY_H

#include "base/network.h"
#include "base/rc.h"
#include "cap/geo/geo_place.h"

#define GEO_POLICY_MAX 16384u /* octets as JSON */
#define GEO_CIRCLES_MAX 16u
#define GEO_ATTACHMENTS_MAX 64u
#define GEO_NAME_MAX 64u /* octets of a gateway, a cell, a locTargetDevice */
#define GEO_CONTAINER_MAX 255u
#define GEO_REPORT_MAX 1024u /* octets of a report */

enum geo_action { GEO_WARN, GEO_RESTRICT, GEO_END };

enum geo_kind { GEO_GATEWAY, GEO_SOURCE, GEO_CELL };

/* Where a node is attached to the network. */
struct geo_attachment {
	enum geo_kind kind;
	struct slice name; /* SCL-ID or cell id */
	struct network network; /* GEO_SOURCE */
	bool covers; /* who is there is within area */
	struct geo_circle area;
};

/* Slices are views of the JSON that it was read from. */
struct geo_policy {
	enum geo_action action;
	struct geo_circle circles[GEO_CIRCLES_MAX];
	unsigned n_circles;
	struct geo_attachment attachments[GEO_ATTACHMENTS_MAX];
	unsigned n_attachments;
	bool no_direct; /* it comes by gateways alone */
	/* Path of the container of its reports, or its name below the scl of the node; empty: as configured. */
	struct slice container;
	struct slice target; /* locTargetDevice that its scl may have; empty: any */
};

/* What a node says of its place; cell is a view of the JSON. */
struct geo_report {
	bool located;
	struct geo_point at;
	uint32_t accuracy; /* metres */
	struct slice cell; /* empty: it does not say */
};

enum geo_judgement { GEO_NEUTRAL, GEO_ALLOWED, GEO_ELSEWHERE };

/*
 * RC_OK, or RC_BAD_REQUEST with the name of the member that is wrong in *why (constant; "location": it
 * is no such object). json lives as long as p is used.
 */
enum rc geo_policy_read(struct slice json, struct geo_policy *p, const char **why);
const char *geo_action_name(enum geo_action action);
/*
 * {"lat":48.1,"lon":11.5,"accuracy":20,"cell":"262-01-17"}: a point, a cell or both. False: it is no
 * report.
 */
bool geo_report_read(struct slice json, struct geo_report *r);

/*
 * Whether a node may be attached to that SCL, cell, or by that numeric address: GEO_NEUTRAL when p
 * says nothing of that kind. *which (may be NULL): by which attachment; NULL: none.
 */
enum geo_judgement geo_policy_judge(const struct geo_policy *p, enum geo_kind kind,
                                    struct slice name, const struct geo_attachment **which);
/* True when there is an area, and no part of what r says is in it. */
bool geo_policy_outside(const struct geo_policy *p, const struct geo_report *r);
/* True when what r says cannot be where that attachment is. */
bool geo_attachment_disagrees(const struct geo_attachment *a, const struct geo_report *r);

#endif
