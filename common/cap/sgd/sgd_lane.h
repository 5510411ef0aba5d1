/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to servers, changes of the book, steps on the pool: what the engine of an SGA device has
 * under way, and that comes back to the courier thread. Private to cap/sgd; courier thread.
 */
#ifndef CAP_SGD_SGD_LANE_H
#define CAP_SGD_SGD_LANE_H

#include "cap/pool.h"
#include "cap/sgd/sgd_book.h"
#include "core/scl.h"
#include "sga/session.h"
#include "sga/tag.h"

#define SGD_PATH_MAX 256u /* octets of a path and query below a root */
#define SGD_URL_MAX 2047u

struct sgd;
struct sgd_server;
struct sgd_session;

/* ---- requests (sgd_talk.c) ---- */

enum sgd_media { SGD_NO_BODY, SGD_OCTETS, SGD_JSON };

/* One request and its answer; of a lane, which has one at a time. */
struct sgd_ask {
	/* Once, not from within sgd_ask_send. */
	void (*done)(struct sgd_ask *a);
	void *owner;
	const char *method;
	char path[SGD_PATH_MAX]; /* with its first slash, and the query */
	enum sgd_media media;
	struct slice body; /* the sender's, until done */
	struct slice if_none_match;
	bool tagged, pending; /* by which key: sga_device_request_key */
	unsigned wait; /* seconds that the server may take beside send_timeout */

	int status; /* of HTTP; 0: there was no answer */
	struct slice answer, etag; /* until the next one is sent, or sgd_ask_end */

	struct exchange ex; /* sgd_talk.c's, as the following */
	char url[SGD_URL_MAX + 1], target[SGD_URL_MAX + 1];
	char tag[SGA_TAG_TEXT + 1];
};

/*
 * RC_OK: done will be called. RC_PENDING: the server's counter is to be raised first; the server is
 * looked at again when it is. Else it cannot be sent.
 */
enum rc sgd_ask_send(struct sgd_server *s, struct sgd_ask *a);
/* What it has in memory; done was called, or the scl is gone. */
void sgd_ask_end(struct sgd_ask *a);

/* The next request has a counter above what a restart of the server skips; far: above any. */
void sgd_counter_jump(struct sgd_server *s, bool far);

/* A lane: what it waits for, and until when it rests. */
struct sgd_lane {
	struct sgd_ask ask;
	bool busy;
	unsigned failures; /* in a row */
	unsigned tries; /* of one request */
	int64_t until; /* monotonic */
};

/* ---- changes and steps ---- */

/* A change of the book; then is called when it is stored, or could not be. */
struct sgd_op {
	struct sgd_change change;
	void (*then)(struct sgd_op *op, enum rc rc);
	void *a, *b;
	uint64_t n;
	uint8_t id[SGA_SID_SIZE]; /* of a session or group, which may be gone when it is stored */

	struct sgd *all; /* sgd_op.c's, as the following */
	struct scl_task task;
	struct sgd_op *next, **place;
};

/* NULL: no memory. It is freed when then has returned. */
struct sgd_op *sgd_op_new(struct sgd *d, void (*then)(struct sgd_op *op, enum rc rc), void *a,
                          void *b);
void sgd_op_submit(struct sgd_op *op);
/* One that is not submitted. */
void sgd_op_drop(struct sgd_op *op);
void sgd_ops_free(struct sgd *d);

/* A step of the protocol, on the pool. */
struct sgd_step {
	enum rc (*run)(struct sgd_step *st); /* on the pool */
	void (*then)(struct sgd_step *st); /* afterwards */
	struct sgd_server *server;
	struct sgd_session *session;
	struct sga_session *made; /* by run */
	struct sga_session *invited; /* what run answers */
	struct slice item;
	struct sga_id peer;
	uint16_t cid;
	bool accept;
	uint64_t now;
	struct buf message; /* by run */
	enum rc rc;

	struct pool_job job; /* sgd_op.c's, as the following */
	struct scl_task task;
};

/* False: the pool ends. */
bool sgd_step_submit(struct sgd_step *st);

#endif
