/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST interface of the proxy (docs/api.md): {sclBase}/proxy over HTTP and CoAP, JSON and, for
 * messages, wire units. Who asks is px_who.h's; what a store has is its owner's and of those that it
 * names, all others are answered 403, and 404 where there is nothing.
 *
 *   info, load, counters        GET
 *   stores                      POST
 *   stores/{s}                  GET PUT DELETE
 *   stores/{s}/messages         POST
 *   stores/{s}/release          POST
 *   stores/{s}/monitor          GET, also observed, or as server-sent events
 *   stores/{s}/forwards         POST
 *   forwards/{f}                GET DELETE
 *   forwards/{f}/control        PUT
 *   forwards/{f}/monitor        GET, as the other
 *
 * Over CoAP also one unit whose sink is the target (Proxy-Uri) and whose source is an option
 * (px_coap.h). Where this SCL is a sink or source alone, info and counters are all there is.
 */
#ifndef CAP_PXY_PX_REST_H
#define CAP_PXY_PX_REST_H

#include "cap/pxy/px_own.h"

/* Entered last: paths that others have below the root come first. */
extern const struct px_part px_part_rest;
/* What has been done lately; who watches monitors. */
extern const struct px_part px_part_load;
extern const struct px_part px_part_watch;

#endif
