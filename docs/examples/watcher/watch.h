/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WATCHER_WATCH_H
#define WATCHER_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The containers being watched. The main thread adds and removes subscriptions, the thread of the
 * notification server prints what comes in; every function may be called from both.
 * Each container keeps the number it was given: it is the last part of the contact URI.
 */
struct watch;

/* One line per value goes to stdout; after values_max of them (0: no limit) done_fd is written. */
struct watch *watch_new(uint64_t values_max, int done_fd);
void watch_free(struct watch *w);

/*
 * Begins to watch a container whose subscription will have this URI; label is "scl app/container".
 * Notifications are accepted from now on, since the first may come before the answer to the
 * CREATE. False when the container is watched already or there is no room; the strings are copied.
 */
bool watch_add(struct watch *w, const char *container, const char *subscription, const char *label,
    unsigned int *number);

bool watch_has(struct watch *w, const char *container);

/* The subscription lives until the wall time expires_ms; see watch_due. */
void watch_set_expiry(struct watch *w, unsigned int number, int64_t expires_ms);

/* Ends the watch; the container may be added again. */
void watch_drop(struct watch *w, unsigned int number);

/*
 * The next subscription from number *from on, which is advanced behind it; its URI is to be freed.
 * NULL when there are no more. watch_due leaves out those that need no refresh yet.
 */
char *watch_next(struct watch *w, unsigned int *from);
char *watch_due(struct watch *w, unsigned int *from);

uint64_t watch_values(struct watch *w);

/* A POST to /notify/<number>; arg is the watch. Of the type that server_start wants. */
unsigned int watch_post(void *arg, const char *path, const char *body, size_t len);

#endif
