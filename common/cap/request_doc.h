/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as a document: requestNotify (TS 102 921 10.42, annex C), as it comes out of a channel
 * or out of a stream that a gateway has parked at a proxy, and the call that carries it out.
 *
 * Everything is in the arena of the caller, one thread at a time. Documents are octets from outside:
 * their depth, width and length are bounded, and what is no request is refused as a whole.
 */
#ifndef CAP_REQUEST_DOC_H
#define CAP_REQUEST_DOC_H

#include "base/arena.h"
#include "codec/codec.h"
#include "core/scl.h"

#define REQUEST_DOC_MAX (64u << 20) /* octets of a document */

struct val;

/* JSON if the media type says so, else XML. A constant. */
const struct codec *request_doc_codec(struct slice content_type);
/*
 * Takes document apart, whose values are then in a, and which must outlive them. RC_BAD_REQUEST: it
 * is none, or no requestNotify; RC_TOO_LARGE: over a limit; RC_UNAVAILABLE without memory.
 */
enum rc request_doc_read(struct arena *a, const struct codec *codec, struct slice document,
                         struct val **out);
/* How its answer is to be named, and where it is to go (an absolute URI); empty when absent. */
struct slice request_doc_id(const struct val *doc);
struct slice request_doc_contact(const struct val *doc);
/* True for a request to create. */
bool request_doc_creates(const struct val *doc);

/*
 * Fills in what doc tells of the request: method, target with its query, from, body and headers.
 * What it does not tell (listener, via, whose it is, done) stays. The slices lie in a and in doc.
 * RC_BAD_REQUEST: it names no issuer (the SCL itself would be that) or no target; RC_UNAVAILABLE
 * without memory.
 */
enum rc request_doc_fill(struct arena *a, const struct val *doc, struct scl_call *call);

#endif
