/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_SERVER_H
#define WATCHER_SERVER_H

#include <stddef.h>

/*
 * The HTTP server of an application that takes notifications: POST with a body, one after the
 * other in a thread of its own.
 */
struct server;

/*
 * Called in the thread of the server with a complete body of a POST. Returns the HTTP status of
 * the answer, which has no body.
 */
typedef unsigned int server_post_fn(void *arg, const char *path, const char *body, size_t len);

/*
 * Listens on "host:port" or "[host]:port", port 0 for any free one. Ends the program on failure.
 * arg must outlive the server.
 */
struct server *server_start(const char *listen, server_post_fn *post, void *arg);

/* Waits for the request in progress; then post is not called any more. */
void server_stop(struct server *s);

/* "http://host:port" with the real port; lives as long as the server. */
const char *server_uri(const struct server *s);

#endif
