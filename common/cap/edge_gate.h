/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway for applications outside of the operator's domain (Lai et al., "Security Issues on
 * Machine to Machine Communications", the external interface): what the guard, and other
 * capabilities, ask of it. Who has a grant is such an application wherever it is met, by its App-ID.
 *
 * A seat belongs to the process; the capability edge sits down in it in attach and stays until
 * detach, when nothing asks any more. All functions of a gate: any thread, never block.
 */
#ifndef CAP_EDGE_GATE_H
#define CAP_EDGE_GATE_H

#include "core/req.h"

struct exchange; /* core/port.h */
struct node; /* codec/node.h */

struct edge_gate {
	void *arg;
	/* A request on a listener that serves edge: as guard.admit (core/guard.h). */
	enum rc (*admit)(void *arg, const struct req_listener *listener, struct req_input *in,
	                 struct arena *arena, struct req_answer *out, struct slice *reason);
	/* True when app_id may speak on the other listeners by its certificate. */
	bool (*inner)(void *arg, struct slice app_id, const struct req_input *in);
	/*
	 * A request that the SCL makes in the name of app_id: to a member of a group, with a
	 * notification. RC_OK; RC_FORBIDDEN with reason (constant).
	 */
	enum rc (*behalf)(void *arg, struct slice app_id, const struct req_input *in,
	                  struct arena *arena, struct slice *reason);
	/* app_id is about to write doc there; as behalf. */
	enum rc (*write)(void *arg, struct slice app_id, const struct req_input *in,
	                 const struct node *doc, struct slice *reason);
	/* As guard.contact; ex may be NULL. RC_OK also for who has no grant. */
	enum rc (*contact)(void *arg, struct slice app_id, struct slice url, struct exchange *ex);
	/* False unless app_id has a grant that is good now, with the right for scl_id. */
	bool (*trigger)(void *arg, struct slice app_id, struct slice scl_id);
	bool (*kma)(void *arg, struct slice app_id, struct slice scl_id);
	/*
	 * True when app_id has a grant, good or not: it is from outside. Unless it is, none of the above
	 * concerns it.
	 */
	bool (*concerns)(void *arg, struct slice app_id);
};

struct edge_seat {
	const struct edge_gate *gate; /* NULL: edge.enabled is not set */
};

/*
 * For other capabilities, with capability_conf.edge; seat may be NULL. Whether the application app_id
 * may have the SCL scl_id triggered: false for who has no grant, as for one that has no such right
 * now.
 */
static inline bool
edge_may_trigger(const struct edge_seat *seat, struct slice app_id, struct slice scl_id)
{
	const struct edge_gate *g = seat == NULL ? NULL : seat->gate;

	return g != NULL && g->trigger(g->arg, app_id, scl_id);
}

/*
 * Whether something may be sent to url (absolute URI) because app_id has named it: true for who has
 * no grant. What sends sets exchange.named_by, so that addresses are looked at, too.
 */
static inline bool
edge_contact_ok(const struct edge_seat *seat, struct slice app_id, struct slice url)
{
	const struct edge_gate *g = seat == NULL ? NULL : seat->gate;

	return g == NULL || g->contact(g->arg, app_id, url, NULL) == RC_OK;
}

/* Whether app_id has a grant, good or not. */
static inline bool
edge_concerns(const struct edge_seat *seat, struct slice app_id)
{
	const struct edge_gate *g = seat == NULL ? NULL : seat->gate;

	return g != NULL && app_id.n > 0 && g->concerns(g->arg, app_id);
}

#endif
