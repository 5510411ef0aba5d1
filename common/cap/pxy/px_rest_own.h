/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the REST interface on its way; private to px_rest*.c. */
#ifndef CAP_PXY_PX_REST_OWN_H
#define CAP_PXY_PX_REST_OWN_H

#include "cap/pxy/px_forward.h"
#include "cap/pxy/px_json.h"
#include "cap/pool.h"
#include "cap/pxy/px_rest.h"
#include "cap/pxy/px_store.h"
#include "cap/pxy/px_units.h"
#include "cap/pxy/px_watch.h"
#include "cap/pxy/px_who.h"
#include "codec/json_fields.h"
#include "core/endpoint.h"

/* 16 sinks with 4096 keys each; px_client.c reads no more. */
#define PX_REST_ANSWER_MAX (2u << 20)
#define PX_REST_VERIFIED 8u /* signatures, or keys, in one job of the pool */

struct px_call;

enum px_rest_of { PX_OF_NOTHING, PX_OF_STORE, PX_OF_FORWARD };

struct px_rest_op {
	enum req_op method;
	const char *path; /* below the root, with one '*' */
	enum px_rest_of of; /* what the '*' names: the rights of c->who are those in its store */
	unsigned roles; /* enum px_role */
	/*
	 * Serving thread, inside the gate, c->view open. Returns what px_call_... or endpoint_... have
	 * returned.
	 */
	enum rc (*serve)(struct px_call *c);
};

/* In the arena of its request. */
struct px_call {
	struct px *px;
	struct req *rq;
	const struct req_input *in;
	struct arena *arena;
	const struct px_rest_op *op;
	struct px_who who;
	uint64_t id; /* of the '*' */
	bool pending; /* handed over: it ends by endpoint_finish */
	struct buf out; /* the answer; secret */

	/* Until serve has returned: a snapshot, and what the '*' names in it. */
	struct px_view *view;
	struct px_store store;
	struct px_forward forward;

	/* Of one operation. */
	struct px_json_keys keys; /* secret */
	struct px_request request;
	uint8_t digest[PX_DIGEST_BYTES];
	struct px_source source;
	uint8_t sign[PX_SIGN_BYTES];
	bool verify;
	struct px_units units;
	struct px_grant *grants; /* secret, of u.control */
	size_t n_grants;
	union {
		struct px_store_new make;
		struct px_store_change change;
		struct px_append append;
		struct px_forward_new forward;
		struct px_control control;
		struct px_forward_end end;
	} u; /* make is secret */

	/* A run on the pool: the next of units or keys; what comes after the last of them. */
	struct pool_job job;
	size_t at;
	void (*then)(struct px_call *c);

	/* Parked, for an event. */
	struct px_waiter waiter;
};

/* ---- ends of a call; c is gone afterwards if it was pending ---- */

/* With what is in out, as JSON. */
enum rc px_call_answer(struct px_call *c, enum rc rc);
/* The same without a body. */
enum rc px_call_done(struct px_call *c, enum rc rc);
/* reason: constant or in the arena; may be empty. */
enum rc px_call_refuse(struct px_call *c, enum rc rc, struct slice reason);
/* An answer of the book that is no success. many: what too much of is RC_TOO_LARGE (a count: 403). */
enum rc px_call_fail(struct px_call *c, enum rc rc, const char *many);
/* For op->done of a change of the call that owns op: 204, or what the book says. */
void px_call_ended(struct px_op *op);

/* ---- on the way ---- */

/* Hands the call over: begin goes on with it on the serving thread. RC_PENDING. */
enum rc px_call_pend(struct px_call *c, void (*begin)(struct req *rq));
static inline struct px_call *
px_call_of(const struct req *rq)
{
	return endpoint_state(rq);
}
/* Has run done by the pool; with c->job.ending, or when there is none, the call ends with 503. */
void px_call_to_pool(struct px_call *c, void (*run)(struct pool_job *job));
/* Location: below the root. */
void px_call_location(struct px_call *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Of a body that may come again: id and digest of it, for what. RC_OK, or the refusal. */
enum rc px_call_request(struct px_call *c, const struct px_json_again *again, const char *what);
/* Keys over a connection that anybody may read: the refusal; else RC_OK. */
enum rc px_call_needs_safety(struct px_call *c);
/* The same of c->keys, which are read; and those of datagrams are of use here. */
enum rc px_call_takes_keys(struct px_call *c);

/* ---- operations, by file ---- */

enum rc px_rest_info(struct px_call *c);
enum rc px_rest_load(struct px_call *c);
enum rc px_rest_counters(struct px_call *c);

enum rc px_rest_store_create(struct px_call *c);
enum rc px_rest_store_get(struct px_call *c);
enum rc px_rest_store_renew(struct px_call *c);
enum rc px_rest_store_delete(struct px_call *c);
enum rc px_rest_store_release(struct px_call *c);
enum rc px_rest_messages(struct px_call *c);

enum rc px_rest_forward_create(struct px_call *c);
enum rc px_rest_forward_get(struct px_call *c);
enum rc px_rest_forward_delete(struct px_call *c);
enum rc px_rest_control(struct px_call *c);
/* Has the pool check all keys of the call, then goes on with then. Begin of a pending call. */
void px_rest_check_keys(struct px_call *c, void (*then)(struct px_call *c));
/*
 * What the book wants to know of a sink; from, to: the points of the forward, NULL: none. False
 * without memory.
 */
bool px_rest_terms(struct px_call *c, const struct px_json_sink *s,
                   const struct px_json_point *from, const struct px_json_point *to,
                   struct px_sink_terms *out);

/* Of a forward, as answers say it. */
const char *px_rest_state_name(enum px_state s);
enum rc px_rest_monitor(struct px_call *c);
/* Appends the monitor of c->id as it is in view. RC_NOT_FOUND, RC_INTERNAL. */
enum rc px_rest_put_monitor(struct px_call *c, struct px_view *view);
/* True when the client asks for an event stream. */
bool px_rest_wants_events(const struct req_input *in);
enum rc px_rest_event(struct px_call *c);

/* The request was sent as one message of CoAP (px_coap.h): finds its store, then as messages. */
enum rc px_rest_coap(struct px_call *c);

#endif
