/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP of one device: a connection that is kept, one request at a time, blocking. */
#ifndef BENCH_SGA_HTTP_H
#define BENCH_SGA_HTTP_H

#include "base/buf.h"

struct http {
	int fd;
	unsigned long requests;
	struct buf out, in; /* in: what came, from the head of the answer on */
};

struct http_request {
	const char *method, *target, *header; /* header: lines that end with CRLF, or "" */
	struct slice body;
};

/* To 127.0.0.1. Ends the program when that fails, as all functions here. */
void http_open(struct http *h, unsigned port);
void http_close(struct http *h);
/* The status; *body lies in h->in until the next request. */
int http_ask(struct http *h, const struct http_request *r, struct slice *body);

#endif
