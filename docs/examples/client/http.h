/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_HTTP_H
#define CLIENT_HTTP_H

#include <stddef.h>
#include <stdint.h>

/*
 * An HTTP client of one SCL in the binding of TS 102 921 annex C: every request is sent to that
 * SCL over a connection that is kept open and carries the requesting entity in the From header.
 * A resource of another SCL is asked for in absolute form: the SCL retargets the request.
 * One thread at a time.
 */
struct http;

enum outcome {
	OUT_DONE,	/* 2xx */
	OUT_EXISTS,	/* 409: the id is in use */
	OUT_GONE,	/* 404 or 410: absent, or hidden from this requesting entity */
	OUT_REFUSED,	/* any other answer that will be the same next time */
	OUT_AWAY,	/* no answer, 408 or 5xx: try again later */
	OUT_STOPPED	/* a stop descriptor became readable */
};

struct http_reply {
	long status;		/* 0: there was no answer */
	const char *body;	/* ends with a NUL that is not counted; lives until the next call */
	size_t len;
};

/* How the SCL and the application prove to each other who they are; NULL: not at all. */
struct http_proof {
	const char *ca;		/* PEM file with the trust anchors for the SCL; NULL: the system's */
	const char *token;	/* file with the application's bearer token */
};

/*
 * scl is any URI of the SCL (see uri.h) and from the URI of the application; both are copied, as
 * is what proof names. Never returns NULL; ends the program when the token cannot be read.
 * curl_global_init must have been called.
 */
struct http *http_new(const char *scl, const char *from, const struct http_proof *proof);
void http_free(struct http *h);

/* Lets calls end with OUT_STOPPED once fd is readable; at most two descriptors. */
void http_stop_on(struct http *h, int fd);

/* Forgets the stop descriptors: what follows is sent although the program is stopping. */
void http_stop_never(struct http *h);

/* No call lasts beyond this monotonic time (when.h); 0 removes the limit. */
void http_set_deadline(struct http *h, int64_t monotonic_ms);

/*
 * While a call waits, run(arg) is called at least as often as it asks for: it returns the
 * milliseconds until it wants to be called again. It must not use h.
 */
void http_set_idle(struct http *h, int (*run)(void *arg), void *arg);

/*
 * Sends one request and waits for its answer. uri is absolute; body is an XML document or NULL.
 * reply may be NULL.
 */
enum outcome http_call(struct http *h, const char *method, const char *uri, const char *body,
    struct http_reply *reply);

/* One line about the last call that was not OUT_DONE; lives until the next call. */
const char *http_reason(const struct http *h);

#endif
