/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on the wire: the body of a request, a datagram, a file.
 *
 *   unit  = HDR | msgId 4 | LV16 source URL | LV16 sink (URL, name, or empty) | rest
 *   batch = units, each behind its length in 4 octets
 *
 * rest is what follows HDR in the message; of a data message its body with its signature. In CoAP
 * msgId is the token, both URLs are options, and the payload is HDR | rest. Any thread.
 */
#ifndef PRE_UNIT_H
#define PRE_UNIT_H

#include "base/buf.h"
#include "pre/hdr.h"

#define PRE_UNIT_MAX (1u << 20) /* octets of a unit: no limit may be higher */
#define PRE_URL_MAX 2048u
#define PRE_LENGTH_SIZE 4u /* before each unit of a batch */

/* What a receiver takes; 0 stands for the limits above. */
struct pre_limits {
	size_t unit; /* octets of a unit */
	size_t url; /* octets of each URL */
};

/* A message; the slices lie in what was parsed, or are the caller's. */
struct pre_unit {
	struct pre_hdr hdr;
	uint32_t msg_id;
	struct slice source, sink, rest;
	struct slice whole; /* as it came; empty from CoAP, and not looked at when it is written */
};

/*
 * Takes all of s as one unit. RC_BAD_REQUEST: it is none: the header, lengths, a URL that is not
 * one (pre_url_ok, pre_sink_ok) or not the one that the header names, a rest that no message of
 * that type and cipher has; RC_TOO_LARGE: over a limit; RC_INTERNAL.
 */
enum rc pre_unit_parse(struct slice s, const struct pre_limits *l, struct pre_unit *out);
/* The same of a CoAP message with the URLs of its options. */
enum rc pre_unit_from_coap(uint32_t token, struct slice source, struct slice sink,
                           struct slice payload, const struct pre_limits *l, struct pre_unit *out);

/* Appends u. RC_TOO_LARGE: over PRE_UNIT_MAX or PRE_URL_MAX; RC_NO_SPACE when to is full. */
enum rc pre_unit_write(const struct pre_unit *u, struct buf *to);
/* Appends the payload of a CoAP message. */
enum rc pre_unit_payload(const struct pre_unit *u, struct buf *to);

/*
 * Appends all of a unit but its rest, which the caller appends: for messages that are made in
 * place. u->rest is not looked at. RC_TOO_LARGE, RC_NO_SPACE.
 */
enum rc pre_unit_begin(const struct pre_unit *u, struct buf *to);

/* Appends the length of a unit that follows; the place for pre_batch_end. */
size_t pre_batch_begin(struct buf *to);
/*
 * Fills in the length of what was appended since pre_batch_begin. RC_NO_SPACE when to is full;
 * to then ends where it did before pre_batch_begin, and is no longer marked as failed.
 */
enum rc pre_batch_end(struct buf *to, size_t at);
/*
 * The unit at the start of *rest, which moves behind it. RC_NOT_FOUND: *rest is empty; otherwise
 * as pre_unit_parse, and *rest is unchanged.
 */
enum rc pre_batch_next(struct slice *rest, const struct pre_limits *l, struct pre_unit *out);
/*
 * For streams of octets: *n is how many the first unit of the batch in s takes, with its length,
 * or PRE_LENGTH_SIZE while s does not have the length. RC_BAD_REQUEST: no unit can be so short;
 * RC_TOO_LARGE: over the limit.
 */
enum rc pre_batch_size(struct slice s, const struct pre_limits *l, size_t *n);

#endif
