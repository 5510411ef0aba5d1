/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to a proxy, or to the inbox of a sink, by the ports of the SCL: HTTP or CoAP as the URL
 * says, one exchange each. What is said and answered is px_talk.h's. Courier thread.
 */
#ifndef CAP_PXY_PX_CLIENT_H
#define CAP_PXY_PX_CLIENT_H

#include "core/scl.h"

#define PX_CALL_URL 2047u

/* What all calls of a source have in common; the pointers outlive them. */
struct px_client {
	struct scl *scl;
	unsigned timeout_ms;
	/* For other providers' proxies, NULL: none. Registered SCLs have their service connection. */
	const struct credential *credential;
	bool allow_clear; /* http and coap beyond this host */
};

enum px_media { PX_MEDIA_NONE, PX_MEDIA_JSON, PX_MEDIA_UNITS };

/* In memory of whoever calls; all zero before the first, may be used again after done. */
struct px_call {
	/* Once, on the courier thread, not from within px_call_send. */
	void (*done)(struct px_call *c);
	void *owner;
	enum rc rc; /* RC_OK for 2xx; of the status; what the exchange failed with */
	int status; /* of HTTP; 0: nothing was answered */
	struct slice answer; /* until the next call or px_call_end */
	struct buf body; /* the caller's to fill between px_call_begin and px_call_send */
	const char *accept; /* the same; a media type, by px_call_begin JSON */

	struct exchange ex; /* px_client's, as the following */
	struct scl_task refused;
	char url[PX_CALL_URL + 1];
};

/* Empties the body; secret: it has keys, and is wiped as soon as it was sent. */
void px_call_begin(struct px_call *c, size_t body_max, bool secret);
/*
 * method: GET, POST, PUT, DELETE; of the URL that base and tail make. Without an exchange, from done:
 * RC_FORBIDDEN when keys would go in clear, or anything and allow_clear is false; RC_TOO_LARGE: the
 * URL; RC_UNAVAILABLE: the body has failed, or it is not known whose the host is.
 */
void px_call_send(const struct px_client *cl, struct px_call *c, const char *method,
                  struct slice base, const char *tail, enum px_media media);
/* What it has in memory; not before done was called, unless the scl has stopped. */
void px_call_end(struct px_call *c);

/* RC_OK: a registered SCL is reached there; RC_NOT_FOUND: none; else: it is not known. */
enum rc px_client_knows(const struct px_client *cl, struct slice url);
/* Whether the URL leads to this host, or what it says is protected by TLS or DTLS. */
bool px_url_is_safe(struct slice url);

#endif
