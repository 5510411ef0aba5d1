/* SPDX-License-Identifier: Apache-2.0 */
/* Incremental parser of one HTTP/1.1 response; the body is counted and dropped. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_HEAD_MAX = 8192 };

enum reply_state {
	REPLY_HEAD,	/* the header is not complete */
	REPLY_BODY,
	REPLY_DONE,
	REPLY_BAD	/* not HTTP/1.1 with Content-Length; the connection is of no use any more */
};

/* Caller's memory, prepared with reply_reset(). */
struct reply {
	enum reply_state state;
	int status;
	bool close;		/* the server closes after this response */
	bool has_body;		/* false for the answer to HEAD */
	uint64_t body;		/* Content-Length */
	uint64_t missing;	/* octets of the body still to come */
	size_t head_len;
	char head[REPLY_HEAD_MAX + 1];
};

/* Prepares for the next response; has_body is false when the request was a HEAD. */
void reply_reset(struct reply *r, bool has_body);

/* Takes len octets as received; returns the new state. Octets behind the answer are REPLY_BAD. */
enum reply_state reply_feed(struct reply *r, const char *data, size_t len);

#endif
