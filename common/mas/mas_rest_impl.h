/* SPDX-License-Identifier: Apache-2.0 */
/* One call of another process on its way. Private to common/mas/mas_rest*.c. */
#ifndef MAS_REST_IMPL_H
#define MAS_REST_IMPL_H

#include "codec/json_fields.h"
#include "core/endpoint.h"
#include "core/peer.h"
#include "mas/mas_admin.h"
#include "mas/mas_rest.h"

#include <pthread.h>

#define REST_BODY_MAX 65536u
#define REST_ANSWER_MAX (2u << 20)
#define REST_PAGE 1000u /* keys, or connections, in one answer */
#define REST_EVENTS 4096u /* a power of 2 */

enum rest_role { ROLE_NSCL_URI = 1, ROLE_MSBF_URI = 2, ROLE_ADMIN_URI = 4 };

/* A connection, or a node, that is not to be served any more. */
struct rest_event {
	struct node_id node;
	uint64_t connection; /* 0: the node */
	enum mas_why why;
};

struct rest_call;

/* The long polls and what they wait for. */
struct rest_feed {
	struct mas_rest *rest;
	struct mas_watcher watcher;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t wake;
	bool stopping;
	struct rest_call *polls;
	unsigned n_polls;
	uint64_t first, next; /* numbers of the events that are remembered: [first, next) */
	struct rest_event events[REST_EVENTS];
};

struct mas_rest {
	struct mas_rest_conf conf;
	struct endpoint endpoint;
	struct rest_feed feed;
};

/* Arguments of all calls; texts lie in the request. */
struct rest_args {
	struct slice node, scl_id, ppid, sub_id, origin, actor, source, reason, identity;
	struct slice variant, ival, device_proof, fingerprints, uses;
	struct key key; /* exporter, or Kmr */
	int64_t kmr_index, lifetime, tls_version;
	struct slice since, events, wait, after; /* of the query */
};

struct rest_op;

/* In the arena of its request. */
struct rest_call {
	struct mas_rest *rest;
	struct req *rq;
	const struct req_input *in;
	struct arena *arena;
	const struct rest_op *op;
	struct slice id; /* the segment of '*' */
	char nscl[MAS_NSCL_MAX + 1];
	struct rest_args args;
	struct buf out;

	union {
		struct mas_connect connect;
		struct mas_end end;
		struct mas_report report;
		struct mas_provision provision;
		struct mas_live live;
		struct mas_change change;
		struct mas_verdict verdict;
	} u;
	struct ival_report ival;
	struct device_fingerprint fingerprints[MAS_FINGERPRINTS];
	uint64_t last; /* connection id that a page has come to */

	/* A long poll. */
	uint64_t since, events;
	int64_t deadline; /* monotonic */
	struct rest_call *next;
};

/* One operation: as struct admin_op. */
struct rest_op {
	enum req_op method;
	const char *path;
	unsigned roles;
	const struct json_field *fields;
	size_t n_fields;
	bool (*check)(struct rest_call *c);
	void (*begin)(struct rest_call *c);
};

/* Ends the call with what is in out; c is gone afterwards. Any thread. */
void rest_answer(struct rest_call *c, enum rc rc);
/* The same by an outcome; RC_OK is rest_answer with rc. */
void rest_outcome(struct rest_call *c, const struct mas_outcome *o, enum rc rc);

extern const struct rest_op rest_ops[]; /* ends with path NULL */

enum rc rest_feed_start(struct mas_rest *r);
/* Answers what waits and ends the thread. */
void rest_feed_stop(struct mas_rest *r);
/* psk-feed. */
bool rest_feed_check(struct rest_call *c);
void rest_feed_begin(struct rest_call *c);

#endif
