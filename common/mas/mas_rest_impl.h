/* SPDX-License-Identifier: Apache-2.0 */
/* One call of another process on its way. Private to common/mas/mas_rest*.c. */
#ifndef MAS_REST_IMPL_H
#define MAS_REST_IMPL_H

#include "codec/json_fields.h"
#include "core/endpoint.h"
#include "core/peer.h"
#include "mas/mas_admin.h"
#include "mas/mas_group_doc.h"
#include "mas/mas_group_news.h"
#include "mas/mas_rest.h"

#include <pthread.h>

#define REST_BODY_MAX 65536u
#define REST_ANSWER_MAX (2u << 20)
#define REST_PAGE 1000u /* keys, or connections, in one answer */
#define REST_EVENTS 4096u /* a power of 2 */

enum rest_role { ROLE_NSCL_URI = 1, ROLE_MSBF_URI = 2, ROLE_ADMIN_URI = 4, ROLE_GW_URI = 8 };

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
	struct mas_group_news *news; /* has its own lock */
	struct rest_call *polls;
	unsigned n_polls;
	uint64_t first, next; /* numbers of the events that are remembered: [first, next) */
	struct rest_event events[REST_EVENTS];
	uint64_t begun; /* first, at the start */
	/* Of the events that gateways are told, one more than the number: the newest, the newest forgotten. */
	uint64_t gateway_last, gateway_forgotten;
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
	struct slice host; /* of trigger, as the next */
	int64_t trigger_reason, not_after, scheme, port;
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
	bool gateway; /* and no NSCL: it gets no key of a node */
	char nscl[MAS_NSCL_MAX + 1]; /* or SCL-ID of the gateway */
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
		struct mas_gaka gaka;
		struct mas_group_keys group_keys;
		struct mas_trigger trigger;
		struct mas_identity identity;
		struct mas_inquire inquire;
	} u;
	struct ival_report ival;
	struct device_fingerprint fingerprints[MAS_FINGERPRINTS];
	uint64_t last; /* connection id that a page has come to */

	/* A long poll; news: of groups. */
	bool news;
	struct node_id serving; /* mas_serving_id of who asks for them */
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
/* The same with another body, which the caller wipes. */
void rest_answer_octets(struct rest_call *c, const char *media_type, struct slice body);
/* The same by an outcome; RC_OK is rest_answer with rc. */
void rest_outcome(struct rest_call *c, const struct mas_outcome *o, enum rc rc);

extern const struct rest_op rest_ops[]; /* ends with path NULL */

/* trigger. */
extern const struct json_field rest_trigger_fields[];
#define REST_TRIGGER_FIELDS 9u
bool rest_trigger_check(struct rest_call *c);
void rest_trigger_begin(struct rest_call *c);

/* nodes/{id}/identity, generator. */
bool rest_identity_check(struct rest_call *c);
bool rest_generator_check(struct rest_call *c);
void rest_identity_begin(struct rest_call *c);

/* nodes/{id}/standing. */
bool rest_inquire_check(struct rest_call *c);
void rest_inquire_begin(struct rest_call *c);

enum rc rest_feed_start(struct mas_rest *r);
/* Answers what waits and ends the thread. */
void rest_feed_stop(struct mas_rest *r);
/* psk-feed. */
bool rest_feed_check(struct rest_call *c);
void rest_feed_begin(struct rest_call *c);

/* ---- mas_rest_group.c ---- */

bool rest_gaka_check(struct rest_call *c);
void rest_gaka_begin(struct rest_call *c);
bool rest_group_keys_check(struct rest_call *c);
void rest_group_keys_begin(struct rest_call *c);
/* group-feed: begins with rest_feed_begin. */
bool rest_news_check(struct rest_call *c);
void rest_news_answer(struct rest_call *c);
/* Whom it is to be told; NULL: all of it. */
const struct node_id *rest_news_serving(const struct rest_call *c);

#endif
