/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the administration of a running daemon, at the listener that its configuration names:
 * a UNIX socket, or an address of this host, whose certificate must have the key of the one in the
 * configuration.
 */
#ifndef APP_ADMIN_HTTP_H
#define APP_ADMIN_HTTP_H

#include "app/options.h"
#include "base/rc.h"

#include <stdbool.h>

#define ADMIN_HTTP_WHY 256

struct admin_http;

struct admin_http_request {
	const char *method;
	const char *path; /* below /admin/, with its query */
	const char *media_type;
	struct slice body;
	long status; /* out */
	struct buf answer; /* out; the caller wipes and frees it: it may have a key */
};

/*
 * RC_NOT_FOUND: no listener for it, or no file with the token; RC_FORBIDDEN: the file is readable
 * by others; RC_BAD_REQUEST: its port is not fixed, the certificate or the token is none;
 * RC_UNAVAILABLE. A line in why.
 */
enum rc admin_http_open(const struct options *o, struct admin_http **out, char why[ADMIN_HTTP_WHY]);
/* RC_OK: there is an answer; RC_BAD_GATEWAY with a line in why. Blocks for at most 30 s. */
enum rc admin_http_do(struct admin_http *h, struct admin_http_request *rq,
                      char why[ADMIN_HTTP_WHY]);
/* A value as it stands in a query; curl_free by admin_http_free_text. NULL without memory. */
char *admin_http_escape(struct admin_http *h, const char *text);
void admin_http_free_text(char *text);
/* NULL is fine. */
void admin_http_close(struct admin_http *h);

#endif
