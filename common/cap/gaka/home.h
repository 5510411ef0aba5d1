/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an NSCL does of the home network of group authentication (gaka/gaka.h; Lai et al. 2012) for
 * the nodes of its service connections, on mId:
 *
 *   POST {sclBase}/gaka       T2 or T10 of a gateway without a link to the MAS, which they are passed on
 *                             to: application/octet-stream, also the answer
 *   GET  {sclBase}/gaka/feed  ?since=n&wait=s: groups of which the gateway's vectors are void, as of
 *                             mas/mas_group_news.h; a long poll
 *   GET  {sclBase}/groupKeys  the keys of the groups that the node is in (mas/mas_group_doc.h), always
 *                             as an object under the key of its service connection (sec/jose.h), of a
 *                             request "GET {sclBase}/groupKeys"; 401 SEC_KMC_EXPIRED: it has to connect
 *                             anew first
 *
 * Nothing is there unless gaka.enabled and the NSCL has a MAS.
 */
#ifndef CAP_GAKA_HOME_H
#define CAP_GAKA_HOME_H

#include "cap/capability.h"

#define GAKA_HOME_POLLS 1024u /* that wait; more are answered 503 */
#define GAKA_HOME_WAIT_MAX 60u /* seconds */

struct endpoint; /* core/endpoint.h */
struct gaka_home;

/* *out NULL: off. As endpoint_add; RC_UNAVAILABLE. Before scl_start. */
enum rc gaka_home_attach(struct scl *scl, const struct capability_conf *conf,
                         struct gaka_home **out, char why[CAPABILITY_WHY_MAX]);
/*
 * Where a listener has nodes and devices, what is a device's is taken by that endpoint of the same
 * path. It lives as long as h. Before scl_start.
 */
void gaka_home_devices(struct gaka_home *h, const struct endpoint *devices);
/* From then on polls wait. */
void gaka_home_start(struct gaka_home *h);
/* Answers the polls that wait, and every later one at once. */
void gaka_home_stop(struct gaka_home *h);
/* After scl_free. */
void gaka_home_detach(struct gaka_home *h);

#endif
