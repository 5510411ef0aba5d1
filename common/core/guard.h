/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decides, before access rights are asked, whether a request may be made at all on the
 * connection that it came by: the SEC capability behind it, the core in front. A scl without a
 * guard takes every requestingEntity as it is given. Also what is sent to where a request has said.
 *
 * All functions are called on serving threads and, for what the scl makes in the name of others, on
 * the courier thread, by many at a time, and never block. Requests that the scl makes in its own
 * name do not pass it; of those that it makes in another's it sees behalf and defer alone.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include "base/arena.h"
#include "core/req.h"

struct config_doc; /* sec/config_doc.h */
struct exchange; /* core/port.h */
struct node; /* codec/node.h */

/* A write that waits for what the guard asks of others. The core's memory, alive until then. */
struct guard_wait {
	/*
	 * To be called once, from any thread but never from within defer: RC_OK, the write goes on; else
	 * it is refused with reason (constant) as additionalInfo.
	 */
	void (*then)(struct guard_wait *w, enum rc rc, struct slice reason);
};

/* Somebody else writes what this SCL has of device management for itself. Paths: below {sclBase}/scls. */
struct guard_config {
	struct slice object; /* what is written: "mgmtObjs", "mgmtObjs/x", "mgmtObjs/x/attribute" */
	struct slice resource; /* the same without an attribute */
	const struct config_doc *doc; /* that it came in; NULL: it came as it is */
};

struct guard {
	void *arg;
	/*
	 * The header of a request is known, its body not. in may be completed: from, when the connection
	 * or a token names the issuer and the header does not; scl_id. out: retry_after, reject, close. RC_OK;
	 * otherwise *reason (in the arena or constant) is sent as additionalInfo.
	 */
	enum rc (*admit)(void *arg, const struct req_listener *listener, struct req_input *in,
	                 struct arena *arena, struct req_answer *out, struct slice *reason);
	/*
	 * The body is there too: an object that protects it is opened, in gets what was in it. NULL:
	 * never needed. As admit otherwise.
	 */
	enum rc (*open)(void *arg, const struct req_listener *listener, struct req_input *in,
	                struct arena *arena, struct req_answer *out, struct slice *reason);
	/*
	 * A request that the scl makes in the name of in->from: to a member of a group, to a contact, for
	 * the NSCL through a channel. What that issuer could not ask by itself is refused; in->scl_id and
	 * in->connection_id are those of the request that is the cause, as far as there is one. NULL:
	 * never asked. As admit otherwise.
	 */
	enum rc (*behalf)(void *arg, const struct req_input *in, struct arena *arena,
	                  struct slice *reason);
	/*
	 * A write with a document is about to be carried out: its issuer may do it, as far as is known.
	 * RC_OK: it goes on; RC_PENDING: it waits until w->then is called, in, doc and out are there
	 * until then; otherwise as admit. NULL: never needed.
	 */
	enum rc (*defer)(void *arg, const struct req_input *in, const struct node *doc,
	                 struct req_answer *out, struct guard_wait *w, struct slice *reason);
	/*
	 * Before defer: a change of the SCL's own management objects, parameters or commands is about to
	 * be carried out. As defer otherwise; config is there until then. NULL: never asked.
	 */
	enum rc (*configure)(void *arg, const struct req_input *in,
	                     const struct guard_config *config, struct guard_wait *w,
	                     struct slice *reason);
	/*
	 * The answer is complete: it is protected as its request was. NULL: never needed. False when that
	 * fails: the answer becomes 500 without a body.
	 */
	bool (*seal)(void *arg, const struct req_listener *listener, const struct req_input *in,
	             struct arena *arena, struct req_answer *out);
	/*
	 * Something is about to go to url, which the application app_id of this SCL has named: a
	 * notification to its contact, an answer, a request to its aPoC. RC_OK; ex, unless NULL, may get
	 * credential and address_ok. Otherwise nothing is sent now. NULL: never asked. Courier thread.
	 */
	enum rc (*contact)(void *arg, struct slice app_id, struct slice url, struct exchange *ex);
};

#endif
