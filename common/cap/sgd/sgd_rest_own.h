/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the REST interface on its way; private to sgd_rest*.c. */
#ifndef CAP_SGD_SGD_REST_OWN_H
#define CAP_SGD_SGD_REST_OWN_H

#include "cap/sgd/sgd_own.h"
#include "cap/sgd/sgd_rest.h"
#include "codec/json_fields.h"
#include "core/endpoint.h"

#define SGD_ANSWER_MAX ((size_t)4 << 20)
#define SGD_INBOX_OCTETS ((size_t)1 << 20) /* of one answer, about */

struct sgd_call;

struct sgd_rest_op {
	enum req_op method;
	const char *path; /* below the root, with one '*' at most */
	/*
	 * On the serving thread, or, errand, on the courier's. Returns what sgd_call_... has returned,
	 * or RC_PENDING.
	 */
	enum rc (*serve)(struct sgd_call *c);
	bool errand;
};

/* In the arena of its request. */
struct sgd_call {
	struct sgd *d;
	struct req *rq;
	const struct req_input *in;
	struct arena *arena;
	const struct sgd_rest_op *op;
	struct slice id; /* of the '*' */
	bool pending; /* handed over: it ends by endpoint_finish */
	struct buf out; /* secret */
	struct sgd_change change;
	struct sgd_dest dest; /* that change queues for */

	/* Of the inbox. */
	uint64_t after, max;
	int64_t wait; /* microseconds */
	int64_t until; /* monotonic; 0: it is not parked */

	struct sgd_call *next, **place; /* in a list of sgd_rest.c */
	struct sgd_call *errand_next;
};

/* ---- ends of a call: c is gone afterwards if it was pending ---- */

/* With what is in out, as JSON. */
enum rc sgd_call_answer(struct sgd_call *c, enum rc rc);
/* Without a body. */
enum rc sgd_call_done(struct sgd_call *c, enum rc rc);
/* reason: constant, NULL: none. */
enum rc sgd_call_refuse(struct sgd_call *c, enum rc rc, const char *reason);

/* ---- on the way ---- */

/* Hands the call over: begin goes on with it on the serving thread. RC_PENDING. */
enum rc sgd_call_pend(struct sgd_call *c, void (*begin)(struct req *rq));
/* True: this one ends the call that is pending; false: it was ended. */
bool sgd_call_claim(struct sgd_call *c);
/* An errand goes on elsewhere, and is to be claimed again. False: all end. */
bool sgd_call_relist(struct sgd_call *c);
/* Location: below the root. */
void sgd_call_location(struct sgd_call *c, const char *kind, const char *id);
/* Submits what has been put into c->change; it ends with 202 and the number of the message. */
void sgd_call_queue(struct sgd_call *c);

/* ---- operations: sgd_rest_messages.c ---- */

enum rc sgd_rest_send(struct sgd_call *c);
enum rc sgd_rest_message(struct sgd_call *c);
enum rc sgd_rest_inbox(struct sgd_call *c);
enum rc sgd_rest_inbox_del(struct sgd_call *c);
/* Appends what is in the inbox; false: nothing is. */
bool sgd_rest_put_inbox(struct sgd_call *c, bool *failed);

/* ---- sgd_rest_show.c, sgd_rest_groups.c: errands ---- */

enum rc sgd_rest_status(struct sgd_call *c);
enum rc sgd_rest_counters(struct sgd_call *c);
enum rc sgd_rest_peers(struct sgd_call *c);
enum rc sgd_rest_sessions(struct sgd_call *c);
enum rc sgd_rest_session_end(struct sgd_call *c);
enum rc sgd_rest_groups(struct sgd_call *c);
enum rc sgd_rest_group(struct sgd_call *c);
enum rc sgd_rest_group_make(struct sgd_call *c);
enum rc sgd_rest_group_change(struct sgd_call *c);
enum rc sgd_rest_group_end(struct sgd_call *c);
enum rc sgd_rest_group_leave(struct sgd_call *c);
enum rc sgd_rest_group_send(struct sgd_call *c);

struct sgd_entry {
	struct endpoint endpoint;
	struct sgd *d;
	char *path;
};

enum { SGD_ENTRY_ROOT, SGD_ENTRY_BELOW, SGD_ENTRIES };

/* The tasks are here: what is in a request may be gone when the courier comes to it. */
struct sgd_rest {
	struct sgd *d;
	struct sgd_entry entries[SGD_ENTRIES];
	pthread_mutex_t lock; /* guards the following */
	struct sgd_call *calls; /* that are pending */
	struct sgd_call *errands, **errands_end;
	unsigned n_parked;
	bool stopped;
	struct scl_task errand_task, hold_task;
};

/* ---- sgd_rest_call.c ---- */

#define SGD_HOLD (CLOCK_SECOND / 2) /* how often it is looked whose time is over */

/* Of the tasks. */
void sgd_errands_run(struct scl_task *t);
void sgd_hold_run(struct scl_task *t);
/* Begin of an errand. */
void sgd_errand_begin(struct req *rq);
/* Takes it out of the list; inside the lock. */
void sgd_call_unlink(struct sgd_rest *r, struct sgd_call *c);

/* Parks c until something comes, or its time is over; false: too many wait. */
bool sgd_rest_park(struct sgd_call *c);

#endif
