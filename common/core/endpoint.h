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
	 * Path from the root: exact, or with everything below when it ends with a slash. Of several that
	 * cover a request the longest takes it. sclBase's own paths come first only when no endpoint has
	 * them.
	 */
	const char *path;
	/*
	 * Unless NULL, path ends with a slash, and what is covered is path, one segment that is not empty,
	 * tail ("/kma"): something of each resource of a collection.
	 */
	const char *tail;
	unsigned serve; /* enum req_serve bits: the listeners that it is on */
	size_t body_max; /* octets; beyond: 413 */
	/* Nothing that anybody looks for: neither discovery nor /.well-known/core tells of it. */
	bool internal;
	/*
	 * Takes beside its path each request whose target is a URI of somebody else and that names the
	 * source of a message (in->pre_source); without such an endpoint it is passed on as any other.
	 * The first one on the listener takes them all. endpoint_rest is empty then.
	 */
	bool foreign;
	/*
	 * Takes also what comes through a channel, or what this SCL does in the name of somebody by that
	 * listener (scl_call): no connection has proved anything then, who->peer is NULL.
	 */
	bool channels;
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

/* Who asks, as far as it is known. Slices live as long as the request; empty: there is none. */
struct endpoint_who {
	struct slice scl_id; /* SCL-ID that the connection has proved */
	struct slice app_id; /* App-ID, by the connection or a token */
	/*
	 * requestingEntity, absolute and normalised, or as a path when it is of this SCL. With neither
	 * scl_id nor app_id a claim, that only a listener without proofs lets pass.
	 */
	struct slice claimed;
	const struct peer *peer; /* of the connection; may be NULL */
};

/*
 * On a listener with a part of the tree: who the issuer is, to whom the guard lets speak here as to
 * whoever asks for a resource; a body that came as an object is opened (in->body). On others
 * who->peer alone: what that proves is the endpoint's to judge. From serve_request, once, before
 * anything else. RC_OK, also for somebody without a name; otherwise the refusal, to be returned.
 */
enum rc endpoint_identify(struct req *rq, struct endpoint_who *who);
/* True when the request came for a URI of somebody else (struct endpoint.foreign): in->target. */
bool endpoint_is_foreign(const struct req *rq);

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
 * The body of the answer and its media type (constant), copied; rc is RC_OK, RC_CREATED ... or an
 * error that has this body in the place of errorInfo. The answer is never stored by caches
 * (Cache-Control: no-store) unless endpoint_cache was called.
 */
enum rc endpoint_answer(struct req *rq, enum rc rc, const char *media_type, struct slice body);
/* An error with errorInfo; reason (constant or in the arena) becomes additionalInfo. Returns rc. */
enum rc endpoint_refuse(struct req *rq, enum rc rc, struct slice reason);
/* 405 with the methods that are taken, as the value of Allow. */
enum rc endpoint_not_allowed(struct req *rq, const char *allow);
/* The body is application/octet-stream, with whatever parameters. */
bool endpoint_has_octets(const struct req_input *in);
/*
 * The syntax to answer in by Accept, for errors as well: true for JSON, false for XML, and which
 * when both or none are asked for. RC_NOT_ACCEPTABLE: neither, refused already.
 */
enum rc endpoint_accept(struct req *rq, bool prefer_json, bool *json);
/*
 * Before the answer to a reading: it may be kept by caches, with the entity tag of these octets
 * (printable, without quotes), copied, which the client compares by If-None-Match. True: it has the
 * very same already, and RC_NOT_MODIFIED with an empty body is the answer.
 */
bool endpoint_cache(struct req *rq, struct slice tag);
/*
 * True when rq is no new request of its issuer but one that this SCL reads again for an observation
 * (RFC 7641): its headers are those of the first one.
 */
bool endpoint_is_again(const struct req *rq);
/*
 * What rq reads can be observed (RFC 7641; core/observe.h): each observe_tell with that key has it
 * read again. key is any number below 2^63, of all endpoints in common. From serve_request, before
 * anything of what is answered is read; of use when the answer is RC_OK, given at once.
 */
void endpoint_watch(struct req *rq, uint64_t key);
/* What is watched by that key reads differently now, for whoever does. Never blocks; any thread. */
void observe_tell(struct scl *scl, uint64_t key);

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
