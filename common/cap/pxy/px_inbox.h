/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox of a sink: what proxies (or sources themselves) deliver comes in here, over HTTP, CoAP or
 * as datagrams. Who delivers is not trusted: what counts is by whom a message was sealed.
 *
 *   POST {path}                   a wire unit, or a batch of them (pre/unit.h), all of one source
 *        200 {"taken":k,"duplicates":d}, once they are durable: k were new
 *        400 malformed, or refused (nothing tells which)   403 nobody knows the source
 *        409 a section whose management message has not come: it is to come first
 *        413   415 (over HTTP the body may be gzip)   503 later (Retry-After)   507 no space, or a
 *        stream more than PRE_STREAMS_DEFAULT: none of the units was taken, as with all but 200
 *        Over CoAP also one unit whose URL of the source is an option and whose number is the token: 2.04
 *   GET {path}/{source}?stream=n  source: 32 hex digits, as headers name it
 *        200 {"source":url, "messages":n, "received":n (units), "duplicates":n, "gone":n, "applied":n,
 *             "waiting":n, "failed":n, "alarms":n, "findings":[text],
 *             "section":{"stream":n,"epoch":n,"keyIndex":n,"seq":n,"ended":bool},
 *             "failures":[{"number":n,"time":dateTime,"status":n}]}
 *        section: the newest of that stream (without the parameter: of the stream that was taken from
 *        last); absent when nothing was taken. seq, the highest that was taken, is absent before the
 *        first message; ended: its END has come. failures: the last 32.
 */
#ifndef CAP_PXY_PX_INBOX_H
#define CAP_PXY_PX_INBOX_H

#include "cap/pxy/px_opener.h"
#include "cap/pxy/px_outlet.h"
#include "core/endpoint.h"

#define PX_INBOX_UNITS_MAX 1024u /* of one request */

struct px_inbox;

struct px_inbox_source {
	const char *url; /* pre_url_ok */
	struct sign_public key;
};

struct px_inbox_conf {
	/* All that is pointed to outlives the inbox; strings are copied. */
	const char *path; /* of the endpoint, such as "/m2m/proxy/inbox" */
	unsigned serve; /* enum req_serve bits */
	size_t body_max; /* octets of a request */
	const struct px_inbox_source *sources;
	size_t n_sources;
	const struct afgh *afgh;
	const struct afgh_keys *keys; /* of this sink */
	bool archive; /* also sections that are older than the newest ones */
	unsigned waiting_max; /* requests of one source */
	uint64_t octets_max; /* of one source, that wait to be applied */
	struct px_inbook *book;
	struct px_outlet outlet;
	struct px_in_stats stats;
	struct log *log; /* may be NULL */
	/*
	 * Who asks may deliver (source SIZE_MAX), or look at the source with that place: RC_OK, or what
	 * endpoint_refuse has returned. Serving thread.
	 */
	enum rc (*may)(void *arg, struct req *rq, size_t source);
	void *arg;
};

/* RC_BAD_REQUEST: a URL is none, or there twice; RC_UNAVAILABLE, RC_INTERNAL. */
enum rc px_inbox_new(const struct px_inbox_conf *conf, struct px_inbox **out);
/* Enters the endpoints: before scl_start, once. Until px_inbox_start they answer 503. */
enum rc px_inbox_attach(struct px_inbox *in, struct scl *scl);
/* Reads what the book has of the sources; outcomes of px_opener_new. pool outlives the inbox's stop. */
enum rc px_inbox_start(struct px_inbox *in, struct pool *pool);
/* 503 from now on, also for what waits; what is under way ends by itself. */
void px_inbox_stop(struct px_inbox *in);
/* When the endpoints are not called any more; as px_opener_free. NULL is fine. */
void px_inbox_free(struct px_inbox *in);

/* Place of the source with that name in headers. RC_NOT_FOUND: it is not known. Any thread. */
enum rc px_inbox_find(const struct px_inbox *in, const uint8_t name[PRE_SOURCE_SIZE],
                      size_t *source);
/*
 * Hands in units that did not come by an endpoint, as px_opener_submit. RC_FORBIDDEN: they are not
 * all of one source, or it is not known; RC_UNAVAILABLE: later; RC_BAD_REQUEST: there are none.
 * Then done is not called. From px_inbox_start until px_inbox_free, any thread.
 */
enum rc px_inbox_give(struct px_inbox *in, struct px_delivery *d);

#endif
