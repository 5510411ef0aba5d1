/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoAP messages to requests of the core and back, by the rows of coap.def (TS 102 921 annex D, RFC
 * 7252); private to the CoAP binding. Pure functions without a network; any thread.
 */
#ifndef BIND_COAP_MAP_H
#define BIND_COAP_MAP_H

#include "base/log.h" /* before libcoap, which defines some of its macros otherwise */
#include "core/port.h"
#include "core/req.h"

#include <coap3/coap.h>

#define CMAP_ETAG_MAX 8u

/*
 * Options of messages of proxy re-encryption, from the experimental range of RFC 7252 section 12.2
 * (docs/pre.md, a message in CoAP): elective and safe to forward by their numbers. In an exchange the
 * first is the header PRE-Source.
 */
#define CMAP_OPTION_PRE_SOURCE 65000
#define CMAP_OPTION_PRE_STORE 65004
#define CMAP_PRE_SOURCE_MAX 1034u /* octets, as Proxy-Uri */
#define CMAP_PRE_STORE_SIZE 8u
#define CMAP_MSG_ID_SIZE 4u /* of a token that is a number */

/* A Block option (RFC 7959 section 2.2). */
struct cmap_block {
	bool given;
	unsigned num;
	bool more;
	unsigned szx; /* 0..6: 16..1024 octets; 7 is refused when it is read */
};

/* What a request says. */
struct cmap_head {
	struct req_input input; /* without peer and body; slices in the arena */
	struct cmap_block block1;
	struct cmap_block block2;
	bool has_size1;
	uint32_t size1;
	bool asks_size; /* Size2: the size of the answer is wanted */
	bool has_observe; /* of GET, and of the two values alone */
	unsigned observe; /* 0 register, 1 deregister (RFC 7641) */
	bool has_echo;
	struct slice echo; /* RFC 9175 */
	struct slice request_tag; /* RFC 9175; p NULL: none */
	unsigned no_response; /* RFC 7967 mask, 0 = all are wanted */
	/* With an outcome other than RC_OK: the code that says it best (402 Bad Option, 505 Proxying
	 * Not Supported), as class * 100 + detail; 0: that of status.def. */
	unsigned code;
};

/*
 * Fills head from a request; authority is the listener's, for what comes without Uri-Host. RC_OK,
 * or the outcome and *why, a constant; head is usable either way.
 */
enum rc cmap_request(const coap_pdu_t *pdu, struct slice authority, struct arena *a,
                     struct cmap_head *head, const char **why);

/* What an answer says. */
struct cmap_answer {
	unsigned code; /* class * 100 + detail */
	unsigned etag_n; /* 0 = none */
	unsigned char etag[CMAP_ETAG_MAX];
	struct slice location; /* path, then '?' and query, percent-encoded as in HTTP */
	bool has_format;
	unsigned format; /* Content-Format */
	bool has_max_age;
	uint32_t max_age; /* seconds */
	struct slice body; /* what is sent when it fits, else its blocks */
	/* Set by who sends it. */
	bool has_observe;
	uint32_t observe;
	struct cmap_block block1;
	struct cmap_block block2;
	bool has_size1; /* with 4.13: the largest body */
	uint32_t size1;
	bool has_size2;
	uint32_t size2;
	struct slice echo; /* empty = none */
};

/*
 * The CoAP form of an encoded answer to an op; its body stays the answer's. An answer whose media
 * type has no Content-Format becomes 4.06 without a body (etsi-m2m annex D).
 */
void cmap_answer(const struct req_answer *answer, enum req_op op, struct cmap_answer *out);
/*
 * Writes code, options and payload (of out->body the n octets at from; 0: none) into a message that
 * has type, message ID and token already. False when they do not fit.
 */
bool cmap_write(const struct cmap_answer *out, size_t from, size_t n, coap_pdu_t *pdu);

/* What is sent for an exchange, without blocks and payload. */
struct cmap_call {
	unsigned code; /* COAP_REQUEST_CODE_* */
	coap_optlist_t *options; /* sorted when written; coap_delete_optlist by the owner */
	struct slice host; /* of the next hop, without brackets */
	unsigned port; /* 5683, 5684 when the URL has none */
	bool secure;
};

/*
 * The next hop of a coap or coaps URL: host (a view of it), port and secure of call. False: it is
 * none.
 */
bool cmap_next_hop(struct slice url, struct cmap_call *call);
/*
 * All of call. RC_OK, or RC_BAD_GATEWAY for what CoAP cannot express, and *why, a constant; options
 * is NULL then. a outlives the call. HEAD is sent as GET: its body is the caller's to drop.
 */
enum rc cmap_exchange(const struct exchange *ex, struct arena *a, struct cmap_call *call,
                      const char **why);
/*
 * Takes http_status and headers of ex (not its body) from a response, the first one when it comes
 * in blocks; the exchange's answer_text (initialised) holds them. False for what is no answer, or
 * more than answer_text may hold (RC_BAD_GATEWAY).
 */
bool cmap_exchange_answer(const coap_pdu_t *pdu, struct exchange *ex);

/*
 * Whether a request has nothing for a proxy (Hop-Limit of RFC 8768 included), and no critical option
 * that is not known: what it asks for is served here, and needs no other answer by the RFC.
 */
bool cmap_is_plain(const coap_pdu_t *pdu);

/*
 * Reads Block1 or Block2 (option) of a message. False when it is malformed; block->given says
 * whether there is one.
 */
bool cmap_block(const coap_pdu_t *pdu, coap_option_num_t option, struct cmap_block *block);

#endif
