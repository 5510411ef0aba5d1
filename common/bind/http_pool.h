/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of port_http, kept apart by the credential they were made with: libcurl, which keeps
 * and chooses them, does not look at how a session was made. Each credential has a pool, a multi
 * handle of its own; so have the exchanges without one. Private to the HTTP binding; one thread.
 *
 * The sockets of all pools are watched in one place, and libcurl is told what happened on which
 * (multi_socket): what a poll costs does not grow with the exchanges whose peers are silent.
 */
#ifndef BIND_HTTP_POOL_H
#define BIND_HTTP_POOL_H

#include "core/port.h"
#include "sec/credential.h"

#include <curl/curl.h>
#include <stdint.h>

#define POOLS_MAX 65u /* of credentials, and the one without */

struct pool {
	struct pools *all;
	unsigned slot;
	CURLM *multi;
	const struct credential *credential; /* referenced; NULL: the pool without */
	int64_t timer; /* when libcurl wants to run without an event, monotonic; INT64_MAX: never */
	int64_t used; /* when the last exchange ended, or the pool was made */
	unsigned n_active; /* exchanges, and what holds it */
};

struct pools {
	int epoll; /* of the sockets that libcurl waits for */
	unsigned n; /* slots in use lie below it */
	int64_t sweep; /* when idle pools are looked for next */
	struct pool *slots[POOLS_MAX]; /* the first is the one without credential */
};

/* False without memory or descriptors; pools_close is called in any case. */
bool pools_open(struct pools *ps);
/* No exchange is active. */
void pools_close(struct pools *ps);
/*
 * The pool of c (NULL: the one without), made now when there is none. With all places taken the
 * pool idle for longest makes room. NULL: every pool is busy, or no memory.
 */
struct pool *pools_get(struct pools *ps, const struct credential *c);
/*
 * Lets libcurl work on what has happened and what is due, without waiting. Ends pools that are idle
 * and whose credential is retired (nobody else refers to it) or long unused.
 */
void pools_work(struct pools *ps);
/* Milliseconds until something is due without an event of epoll, at most max. */
int pools_wait_ms(const struct pools *ps, int max);

/* The pool stays, for an exchange that comes to it later. */
void pool_hold(struct pool *pool);
void pool_release(struct pool *pool);
/* ex, which easy is for, is there until pool_remove. False without memory. */
bool pool_add(struct pool *pool, CURL *easy, const struct exchange *ex);
void pool_remove(struct pool *pool, CURL *easy);
/* A handle whose exchange has ended, still in the pool, and its result; NULL: none. */
CURL *pool_ended(const struct pool *pool, CURLcode *result);

#endif
