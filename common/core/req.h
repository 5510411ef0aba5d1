/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way through the house. A binding makes it, fills the input, and drives it:
 *
 *   req_new -> (input from the header) -> req_admit -> (body) -> req_prepare
 *     -> RC_PENDING: suspend the connection, then req_submit; done is called when the answer is there
 *     -> otherwise the answer is there
 *   -> req_encode -> send rq->answer -> req_sent, if it was sent -> req_free
 *
 * Ownership: the request belongs to the binding, between req_submit and done to the core. It is
 * used by one thread at a time. All slices of the input live in the request's arena.
 */
#ifndef CORE_REQ_H
#define CORE_REQ_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"

#include <stdint.h>

struct scl;
struct codec;
struct peer; /* core/peer.h */
struct listener_policy; /* the guard's */

enum req_op { REQ_CREATE, REQ_RETRIEVE, REQ_UPDATE, REQ_DELETE, REQ_EXECUTE, REQ_OTHER };

/* What is served on a listener. */
enum req_serve {
	SERVE_MIA = 1,
	SERVE_DIA = 2,
	SERVE_MID = 4,
	SERVE_MSBF = 8, /* bootstrap (TS 102 690 clause 8) */
	SERVE_MAS = 16, /* the MAS, for NSCLs and MSBFs */
	SERVE_ADMIN = 32, /* administration of both */
	SERVE_PROXY = 64, /* the store-and-forward proxy, for gateways of other providers */
	SERVE_EDGE = 128 /* mIa for applications of others, by grants (cap/edge_gate.h); alone */
};
/* Those with a resource tree, as whoever is served there sees it whole. */
#define SERVE_TREE (SERVE_MIA | SERVE_DIA | SERVE_MID)
/* And as applications outside may see parts of it: what is told to everybody is not told there. */
#define SERVE_RESOURCES (SERVE_TREE | SERVE_EDGE)

/* Where a request came in; lives longer than every request from it. */
struct req_listener {
	unsigned serve; /* enum req_serve bits */
	bool secure; /* TLS */
	struct slice base_uri; /* scheme://host:port by which the listener is reached */
	const struct listener_policy *policy; /* what the guard (core/guard.h) asks of it; may be NULL */
	/*
	 * False when the peer has left: for a request that was submitted with arg, until done is
	 * called. Any thread; NULL = not known.
	 */
	bool (*alive)(void *arg);
};

/* The request as the binding received it; an absent header is a slice with p NULL. */
struct req_input {
	enum req_op op;
	bool head; /* HEAD: no body in the answer */
	bool known_method; /* false: 501 */
	struct slice target; /* origin-form or absolute-form, undecoded, with query */
	struct slice host;
	struct slice from; /* R2 requestingEntity */
	struct slice authorization; /* R1: Basic credentials carry requestingEntity */
	struct slice accept;
	struct slice content_type;
	struct slice content_encoding; /* of use to endpoints alone */
	bool has_length; /* content_length is known from the header */
	uint64_t content_length;
	struct slice if_match;
	struct slice if_none_match;
	struct slice if_modified_since;
	struct slice if_unmodified_since;
	struct slice correlation_id; /* X-etsi-correlationID */
	struct slice contact_uri; /* X-etsi-contactURI */
	struct slice rcat; /* X-etsi-rcat */
	struct slice trpdt; /* X-etsi-trpdt */
	struct slice group_request_id; /* X-etsi-group-request-id */
	struct slice via;
	const struct peer *peer; /* of the connection; NULL for what no connection brought */
	/* Set by the guard: the SCL-ID that the connection has proved, else absent; the ConnectionId of
	 * the service connection, else 0; that the body came as an object, and with which number. */
	struct slice scl_id;
	struct slice app_id; /* the same of the App-ID */
	uint64_t connection_id;
	bool was_sealed;
	uint64_t seal_seq;
	size_t body_max; /* set by the guard: octets of the body at most; 0: as is configured */
	/* Of the security procedures (TS 102 690 clause 8). */
	struct slice nonce; /* X-M2M-Nonce */
	struct slice connection; /* X-M2M-Connection */
	struct slice device_proof; /* X-M2M-Device-Proof */
	struct slice ival_signature; /* X-M2M-IVal-Sig */
	struct slice priority; /* X-M2M-Priority: a claim within a session */
	struct slice indicator; /* X-M2M-Ind: a claim without one */
	/*
	 * X-M2M-SGA, the proof of a device for a security gateway application: the header, or the query
	 * parameter x-m2m-sga, which req_admit takes out of target. Goes with what is passed on.
	 */
	struct slice sga;
	/* Of messages of proxy re-encryption over CoAP (docs/pre.md, a message in CoAP). */
	struct slice pre_source; /* option 65000: URL of the source */
	struct slice pre_store; /* option 65004: 8 octets, the store that it is for */
	bool has_msg_id; /* the token has 4 octets */
	uint32_t msg_id; /* the token as a number, most significant octet first */
	struct slice last_event_id; /* Last-Event-ID, of server-sent events */
	struct slice body; /* complete before req_prepare */
};

/* What the binding sends; valid after req_encode, freed with the request. */
struct req_answer {
	int http_status;
	struct slice content_type; /* empty: no body */
	struct slice location;
	struct slice content_location;
	struct slice etag; /* with its quotes */
	struct slice last_modified; /* HTTP-date */
	struct slice allow;
	struct slice via;
	struct slice reject; /* X-M2M-Reject */
	unsigned retry_after; /* seconds, 0 = no header */
	bool no_store; /* Cache-Control: no-store */
	bool close; /* the connection ends after this answer */
	char *body; /* heap; the binding may take it by setting it to NULL */
	size_t body_len;
};

struct req;
typedef void req_done(struct req *rq, void *arg);

/* NULL when memory or the limit of requests under way is exhausted (answer 503). Any thread. */
struct req *req_new(struct scl *scl, const struct req_listener *listener);
void req_free(struct req *rq);
/*
 * True for an answer that must not be lost on the way: req_sent is then to be called when the peer
 * has it, as far as a transport can tell, and req_free when that is known.
 */
bool req_asks_sent(const struct req *rq);
/* The answer was sent as a whole; before req_free. */
void req_sent(struct req *rq);

struct arena *req_arena(struct req *rq);
struct req_input *req_input(struct req *rq);
/* Size limits of a body, for the binding to stop reading early (answered 413). */
size_t req_body_max(const struct req *rq);

/*
 * Checks what the header alone says (media types, length, requestingEntity, target syntax).
 * RC_OK: read the body; otherwise the answer is there.
 */
enum rc req_admit(struct req *rq);
/*
 * The part of the pipeline that runs on the serving thread; never blocks on disk or peers. Reads
 * are answered here. RC_PENDING: call req_submit.
 */
enum rc req_prepare(struct req *rq);
/* Hands the request over; done is called once, from any thread, possibly before this returns. */
void req_submit(struct req *rq, req_done *done, void *arg);
/* Makes the answer an error that the binding found (408, 413, 431 ...). text is a constant. */
void req_refuse(struct req *rq, enum rc rc, const char *text);
/* Encodes the answer in the negotiated syntax; call on the serving thread. */
const struct req_answer *req_encode(struct req *rq);
struct req_answer *req_answer(struct req *rq);

#endif
