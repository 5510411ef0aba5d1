/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange of port_http as a handle of libcurl; private to the HTTP binding. */
#ifndef BIND_HTTP_TRANSFER_H
#define BIND_HTTP_TRANSFER_H

#include "core/port.h"

#include <curl/curl.h>
#include <stdint.h>

#define TRANSFER_HEADER_MAX 16384u /* octets of an answer's header fields */

struct host;
struct pool;

struct transfer {
	struct transfer *next; /* in the port's list, or of those who wait */
	struct transfer *prev;
	struct host *host; /* where it has or awaits a place (http_hosts.h) */
	struct transfer *behind; /* in the line for it */
	int64_t due; /* when its time is over, monotonic, INT64_MAX: never */
	CURL *easy;
	struct pool *pool; /* the port's: where it is active */
	struct exchange *ex; /* the sender's */
	const struct credential *credential; /* of the exchange; alive until transfer_clear, or NULL */
	struct curl_slist *headers; /* of the request */
	const char *failure; /* why a callback gave up; a constant */
	bool refused; /* by a callback, before anything was sent */
	bool refused_tls; /* for what the TLS session is */
	bool begun; /* libcurl was let to send */
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* NULL without memory. */
struct transfer *transfer_new(void);
void transfer_free(struct transfer *t);

/*
 * Sets the handle up for ex, whose answer buffers are empty, with credential c or, when it is NULL,
 * with the files of conf. False when the request cannot be written (control characters, too long, no
 * memory). conf and c stay until transfer_clear.
 */
bool transfer_prepare(struct transfer *t, const struct port_conf *conf, struct exchange *ex,
                      const struct credential *c);
/* The time that is left for the exchange, in microseconds. */
void transfer_set_timeout(struct transfer *t, int64_t us);
/* Lets go of the exchange; the handle can be prepared again. */
void transfer_clear(struct transfer *t);

/* Fills in the outcome of the exchange. */
void transfer_judge(const struct transfer *t, CURLcode result);

#endif
