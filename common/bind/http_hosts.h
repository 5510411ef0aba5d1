/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places at the hosts that port_http talks to. Whoever finds none waits in the line of that host
 * alone: libcurl has one line for all hosts and tries only its head when a connection becomes
 * free, so that a host that never answers would hold up the others. Private to the HTTP binding;
 * one thread.
 */
#ifndef BIND_HTTP_HOSTS_H
#define BIND_HTTP_HOSTS_H

#include "bind/http_transfer.h"

#include <stdint.h>

struct hosts;

enum place { PLACE_TAKEN, PLACE_AWAITED, PLACE_NONE };

/* per_host: exchanges under way with one host and port by one pool. NULL without memory. */
struct hosts *hosts_new(unsigned per_host);
/* Nobody has or awaits a place. NULL is allowed. */
void hosts_free(struct hosts *hs);

/*
 * A place for t at the host of its exchange's URL, among those of its pool, until hosts_leave; or
 * t waits for one, at most until t->due, and is in no other list (next, prev). PLACE_NONE: no
 * memory.
 */
enum place hosts_enter(struct hosts *hs, struct transfer *t);
/* Gives up t's place. Who gets it, having waited for it; NULL: nobody. */
struct transfer *hosts_leave(struct hosts *hs, struct transfer *t);
/* One that waits and whose time is over at now, or any that waits (INT64_MAX); it waits no more. */
struct transfer *hosts_give_up(struct hosts *hs, int64_t now);
/* When hosts_give_up is to be called, monotonic; INT64_MAX: nobody waits. */
int64_t hosts_due(const struct hosts *hs);

#endif
