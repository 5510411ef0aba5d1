/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of m2m-sga to a server of the SGA; they block. */
#ifndef CLI_SGA_HTTP_H
#define CLI_SGA_HTTP_H

#include "base/buf.h"
#include "cli/sga_args.h"

#define SGA_HTTP_WHY 256u
#define SGA_HTTP_ANSWER_MAX (8u << 20)

struct sga_http;

struct sga_http_request {
	const char *method;
	const char *path; /* below the root, with its first slash and its query */
	const char *type; /* of the body; NULL: there is none */
	const char *accept; /* NULL: anything */
	const char *proof; /* X-M2M-SGA; NULL: none */
	struct slice body;
	unsigned wait; /* seconds that the server is asked to wait */
	long status; /* out */
	struct buf answer; /* out; the caller frees it */
};

/*
 * root: the server's, without a slash at its end; via: NULL, or whom to send it to. The texts live as
 * long as *out. False: the reason is on stderr.
 */
bool sga_http_open(const struct sga_args *a, const char *root, const char *via,
                   struct sga_http **out);
/* NULL is fine. */
void sga_http_close(struct sga_http *h);
/* False: nothing was answered, with a line in why. Frees what rq->answer has before. */
bool sga_http_do(struct sga_http *h, struct sga_http_request *rq, char why[SGA_HTTP_WHY]);

#endif
