/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of administrators; private to edge_admin.c and edge_admin_list.c. */
#ifndef CAP_EDGE_ADMIN_H
#define CAP_EDGE_ADMIN_H

#include "cap/edge/edge_impl.h"

#define EDGE_ACTOR_MAX 255u

/* One call; a change under way lies in the arena of its request. */
struct edge_call {
	struct edge_change change; /* first */
	struct edge *e;
	struct req *rq;
	const char *name; /* of the operation, in the log */
	char actor[EDGE_ACTOR_MAX + 1];
};

/* Whether an administrator calls, who is then c->actor: RC_OK, or the refusal. */
enum rc edge_call_authenticate(struct edge_call *c, const struct req_input *in);
/* Ends the call so, with a line in the log; reason is a constant. Returns rc. */
enum rc edge_call_refuse(const struct edge_call *c, enum rc rc, const char *reason);
/* Adds what lists. As endpoint_add. */
enum rc edge_admin_list_attach(struct edge *e);

#endif
