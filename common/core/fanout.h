/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of a request to membersContent share; nobody else includes this. */
#ifndef CORE_FANOUT_H
#define CORE_FANOUT_H

#include "core/group.h"

/* What the serving thread found out; in the arena of the request. */
struct fanout_plan {
	struct slice id; /* groupRequestIdentifier */
	struct slice suffix; /* with its leading slash, or empty */
	struct slice accept;
	struct aggregation aggregation;
	const bool *release1; /* by member: it knows nothing of aggregation; NULL: there is none */
	size_t members;
	size_t reserve; /* octets of all statuses without what the members answered */
};

/* ---- fanout_plan.c ---- */

/* Bound of the octets that the status of a member takes, without what the member answered. */
size_t fanout_status_length(const struct scl *scl, struct slice member, struct slice suffix);

/* ---- fanout.c ---- */

/* Carries out rq, whose taken is the plan. From any thread. */
void fanout_take(struct req *rq);

#endif
