/* SPDX-License-Identifier: Apache-2.0 */
/* Request header to struct req_input; private to the HTTP binding. */
#ifndef BIND_HTTP_MAP_H
#define BIND_HTTP_MAP_H

#include "core/req.h"

struct MHD_Connection;

/* What the header says; slices live in the arena that http_map was given. */
struct http_head {
	struct req_input input;
	struct slice content_length;
	struct slice transfer_encoding;
	struct slice expect;
	bool has_body; /* a body follows, of input.content_length octets when input.has_length */
	bool waits; /* the client sends the body only when told so (100-continue) */
};

/*
 * Fills head from the header of m; method is zero-terminated. RC_OK, or the outcome and *why, a
 * constant; head is usable either way.
 */
enum rc http_map(struct MHD_Connection *m, const char *method, struct arena *a,
                 struct http_head *head, const char **why);

#endif
