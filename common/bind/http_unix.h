/* SPDX-License-Identifier: Apache-2.0 */
/* Listening on a UNIX socket; private to the HTTP binding. */
#ifndef BIND_HTTP_UNIX_H
#define BIND_HTTP_UNIX_H

#include "bind/http.h"

#include <sys/types.h>

#define HTTP_UNIX_PREFIX "unix:"

/* The name in the file system; path NULL = none. */
struct http_unix {
	char *path; /* heap */
	dev_t dev;
	ino_t ino;
};

/* True when address (may be NULL) names a UNIX socket. */
bool http_unix_is(const char *address);

/*
 * Listens on the path that address names, an absolute one, with these permissions. A socket there
 * that nobody listens on any more is replaced. *fd is the caller's; u is to be given to
 * http_unix_remove whatever happened.
 */
enum rc http_unix_listen(struct http_unix *u, const char *address, unsigned mode, int *fd,
                         char why[HTTP_WHY_MAX]);

/* Removes the name, unless it has become another's. */
void http_unix_remove(struct http_unix *u);

#endif
