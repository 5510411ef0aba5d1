/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served beside the resource tree on the same listeners: parameter sets, the functions of
 * the MSBF and the MAS, administration. An endpoint takes whole requests with their bodies; media
 * types, requestingEntity and access rights are its own matter.
 *
 *   req_admit finds the endpoint by the path -> body -> serve, on the serving thread
 *     -> an outcome: the answer is there (endpoint_answer or endpoint_refuse was called)
 *     -> RC_PENDING of endpoint_pend: begin is called, then endpoint_finish, once, from any thread
 */
#ifndef CORE_ENDPOINT_H
#define CORE_ENDPOINT_H

#include "core/req.h"

struct scl;

struct endpoint {
	/*
	 * Path from the root: exact, or with everything below when it ends with a slash. sclBase's own
	 * paths come first only when no endpoint has them.
	 */
	const char *path;
	/*
	 * Unless NULL, path ends with a slash, and what is covered is path, one segment that is not empty,
	 * tail ("/kma"): something of each resource of a collection.
	 */
	const char *tail;
	unsigned serve; /* enum req_serve bits: the listeners that it is on */
	size_t body_max; /* octets; beyond: 413 */
	/*
	 * Never blocks. in is of rq, complete; a POST is REQ_CREATE also without a body. Returns what
	 * endpoint_answer, endpoint_refuse or endpoint_pend returned.
	 */
	enum rc (*serve_request)(void *arg, struct req *rq, const struct req_input *in);
	void *arg;
};

/*
 * Before scl_start; lives as long as the scl. RC_UNAVAILABLE when there are too many, RC_CONFLICT
 * when the path is taken on one of the listeners.
 */
enum rc endpoint_add(struct scl *scl, const struct endpoint *endpoint);

/* Where the request came in. */
const struct req_listener *endpoint_listener(const struct req *rq);
/*
 * What stands in the target between the endpoint's path and its tail, without the query; and the
 * query: undecoded.
 */
struct slice endpoint_rest(const struct req *rq);
struct slice endpoint_query(const struct req *rq);
/*
 * Value of a query parameter, decoded; p NULL when it is absent. RC_BAD_REQUEST: it is there twice
 * or badly encoded.
 */
enum rc endpoint_parameter(struct req *rq, const char *name, struct slice *value);

/*
 * The body of the answer and its media type (constant), copied; rc is RC_OK, RC_CREATED ... The
 * answer is never stored by caches (Cache-Control: no-store).
 */
enum rc endpoint_answer(struct req *rq, enum rc rc, const char *media_type, struct slice body);
/* An error with errorInfo; reason (constant or in the arena) becomes additionalInfo. Returns rc. */
enum rc endpoint_refuse(struct req *rq, enum rc rc, struct slice reason);
/* 405 with the methods that are taken, as the value of Allow. */
enum rc endpoint_not_allowed(struct req *rq, const char *allow);
/*
 * The syntax to answer in by Accept, for errors as well: true for JSON, false for XML, and which
 * when both or none are asked for. RC_NOT_ACCEPTABLE: neither, refused already.
 */
enum rc endpoint_accept(struct req *rq, bool prefer_json, bool *json);
/*
 * The answer takes time: begin is called once rq is the endpoint's own, on the serving thread; it
 * and whatever it starts may call endpoint_finish. RC_PENDING.
 */
enum rc endpoint_pend(struct req *rq, void (*begin)(struct req *rq), void *state);
void *endpoint_state(const struct req *rq);
/*
 * Hands a pending request back with what endpoint_answer or endpoint_refuse returned. Any thread,
 * once; rq is not the endpoint's any more.
 */
void endpoint_finish(struct req *rq, enum rc rc);
/* req_arena and req_answer are of use as well: out->location, retry_after, reject. */

#endif
