/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard asks of the monitoring of places (cap/geo): whether a node may go on from where it
 * is. A seat belongs to the process; the capability sits down in it in attach and stays until detach,
 * when nothing asks any more. All functions of a gate: any thread, a look-up in memory.
 */
#ifndef CAP_GEO_GATE_H
#define CAP_GEO_GATE_H

#include "core/req.h"
#include "sec/node_id.h"

enum geo_verdict {
	GEO_PASS,
	GEO_RESTRICTED, /* all but reports of its place is refused */
	GEO_ENDED /* all is refused, and its session ends */
};

/* One request, of which the connection is proved. */
struct geo_ask {
	const struct node_id *node; /* whose connection it is; NULL: no node's */
	struct slice scl_id; /* the SCL-ID that it proves; empty: none */
	struct slice issuer; /* requestingEntity; empty: none */
	const struct req_input *in;
};

struct geo_gate {
	void *arg;
	/*
	 * Where the request comes from is what the network knows of the place of its node: by the address
	 * of its connection, and of an application .../applications/<node id in 32 hex digits> of an SCL by
	 * that SCL. *own: the verdict is about the node of the connection.
	 */
	enum geo_verdict (*seen)(void *arg, const struct geo_ask *ask, bool *own);
	/* An SCL is about to announce an application with that link (absolute URI): as seen. */
	enum geo_verdict (*announced)(void *arg, struct slice scl_id, struct slice link);
	/* The scl of that node is about to have that locTargetDevice: a report, as all that it says. */
	enum geo_verdict (*located_as)(void *arg, const struct node_id *node, struct slice target);
	/* Something is about to be created there; it may be a report. */
	void (*writes)(void *arg, const struct req_input *in);
	/* True while the sessions that node has are to be cut. */
	bool (*cuts)(void *arg, const struct node_id *node);
};

struct geo_seat {
	const struct geo_gate *gate; /* NULL: geo.enabled is not set */
};

#endif
