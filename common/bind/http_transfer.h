/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange of port_http as a handle of libcurl; private to the HTTP binding. */
#ifndef BIND_HTTP_TRANSFER_H
#define BIND_HTTP_TRANSFER_H

#include "core/port.h"

#include <curl/curl.h>

#define TRANSFER_HEADER_MAX 16384u /* octets of an answer's header fields */

struct transfer {
	struct transfer *next; /* in the port's list */
	struct transfer *prev;
	CURL *easy;
	struct exchange *ex; /* the sender's */
	struct curl_slist *headers; /* of the request */
	const char *failure; /* why a callback gave up; a constant */
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* NULL without memory. */
struct transfer *transfer_new(void);
void transfer_free(struct transfer *t);

/*
 * Sets the handle up for ex, whose answer buffers are empty. False when the request cannot be
 * written (control characters, too long, no memory). conf stays until transfer_clear.
 */
bool transfer_prepare(struct transfer *t, const struct port_conf *conf, struct exchange *ex);
/* Lets go of the exchange; the handle can be prepared again. */
void transfer_clear(struct transfer *t);

/* Fills in the outcome of the exchange. */
void transfer_judge(const struct transfer *t, CURLcode result);
/* An exchange without an answer; text is cut to fit. */
void exchange_fail(struct exchange *ex, enum rc rc, const char *text);

#endif
