/* SPDX-License-Identifier: Apache-2.0 */
/* By what names the listeners of this SCL are reached; private to the service. */
#ifndef APP_LISTEN_NAMES_H
#define APP_LISTEN_NAMES_H

#include "app/options.h"

#include <stdbool.h>

struct arena;

/* host:port as a URI has it: an IPv6 address in brackets. NULL when a is exhausted. */
const char *listen_authority(struct arena *a, const char *host, unsigned port);
/*
 * Every authority by which the listeners of o are reached, the i-th on ports[i]: their addresses,
 * with a loopback address all names of the loopback interface, with the address of all interfaces
 * those of each, and scl.own_names; without the port, too, where it is the scheme's. In a,
 * NULL-terminated; NULL when a is exhausted.
 */
const char *const *listen_names(struct arena *a, const struct options *o, const unsigned *ports);
/*
 * The absolute URI of sclBase, at the first listener that serves mid, else at the first. A listener
 * on all interfaces goes by the first of scl.own_names. NULL when a is exhausted.
 */
const char *listen_base_uri(struct arena *a, const struct options *o, const unsigned *ports);

#endif
