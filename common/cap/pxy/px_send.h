/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One delivery of the forwarder: a body (px_batch.h) on its way to a sink, over HTTP, CoAP or as a
 * datagram. On the courier thread.
 *
 *   over HTTP  POST of the units, application/octet-stream, gzip when the sink has asked for it
 *   over CoAP  POST of the payload; number of the message as token, source as option PRE-Source
 *   over UDP   one datagram (px_datagram.h), sent again until it is acknowledged: its id is that of the
 *              forward, into whose last 4 octets the number of the sink is XORed; its number is that
 *              of the message
 *
 * Who sends: to an SCL that is registered here by its service connection; to all others by
 * proxy.certificate, and in clear only to loopback or with proxy.allow_clear.
 */
#ifndef CAP_PXY_PX_SEND_H
#define CAP_PXY_PX_SEND_H

#include "cap/pxy/px_batch.h"
#include "cap/pxy/px_udp.h"
#include "core/scl.h"

struct credential;
struct px;

struct px_send {
	struct exchange ex; /* private */
	struct arena *arena; /* private, as the next */
	struct scl_task refusal;
	struct px_udp_out out; /* private, as the next; of a datagram */
	bool given_up; /* that one */
	struct px *px;
	/* Once, on the courier thread, never from within px_send_begin. */
	void (*done)(struct px_send *s);
	void *owner; /* the caller's */
	unsigned
		limit_ms; /* the caller's: at most so long, but for a datagram; 0: proxy.send_timeout */

	/* For done. */
	struct px_answer answer;
	int status; /* of HTTP, also of what CoAP answers; 0: there was no answer */
	char reason[128]; /* of a failure, zero-terminated */
};

/*
 * s: of zeros but for done, owner and limit_ms. b is a body, which stays as it is until done; own: for those
 * who are not registered here, may be NULL.
 */
void px_send_begin(struct px_send *s, struct px *px, const struct px_batch *b,
                   const struct credential *own);
/*
 * Between px_send_begin and done, courier thread: a datagram ends soon, as one that is not answered.
 * An exchange goes on until its limit: there is no way to take it back.
 */
void px_send_give_up(struct px_send *s);
/* The same as px_send_begin as a datagram; false: that is not possible, and done is not called. Private. */
bool px_send_datagram(struct px_send *s, struct px *px, const struct px_batch *b);
/* After done, before s is used again or freed. */
void px_send_end(struct px_send *s);

/* What an answer with that status says of the body; pure. */
enum px_answer_kind px_send_kind(int http_status);
/* Retry-After in seconds (RFC 9110 10.2.3) as microseconds; 0: a date, or malformed. Pure. */
int64_t px_send_after(struct slice value);
/* True for an authority of this machine: localhost, 127.0.0.0/8, [::1]. Pure. */
bool px_send_is_loopback(struct slice url);

#endif
