/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message in the form that the paper gives it over CoAP (Fig. 5): the 32-bit number is the token,
 * the sink stands in Uri-* (to a sink) or in Proxy-Uri (to a proxy), the source in an option of its
 * own, and what is left of the unit (pre/unit.h) is the payload:
 *
 *   POST, Content-Format 42, token = msgId
 *   to a sink:   Uri-Host, Uri-Port, Uri-Path, Uri-Query   the sink's URL, coap or coaps
 *   to a proxy:  35 Proxy-Uri                              the unit's sink: its URL, or
 *                                                          coap://<namespace>/<name> for a name of the
 *                                                          provider's, coap://<namespace>/ for none
 *                65004, 8 octets                           the store at the proxy; may be absent
 *   65000                                                  the source's URL
 *   payload                                                HDR | rest
 *
 * Uri-* and Proxy-Uri exclude each other (RFC 7252 section 5.10.2). The sink is not covered by what a
 * source signs: at a sink it is the URL by which the message came. What has no such form, as a URL
 * over 1034 octets, takes the plain one (POST with a unit).
 *
 * A pure function; any thread.
 */
#ifndef CAP_PXY_PX_COAP_H
#define CAP_PXY_PX_COAP_H

#include "core/req.h"
#include "pre/unit.h"

/*
 * Appends the wire unit that the request carries, which has a source (in->pre_source); body is the
 * payload, secure whether it came over DTLS, name_space the authority that stands for names (empty:
 * there are none). RC_MEDIA_TYPE: the body is no octet-stream; RC_BAD_REQUEST: no POST, no token of
 * four octets, or no unit; RC_TOO_LARGE: over a limit; RC_NO_SPACE: unit is full; RC_UNAVAILABLE
 * without memory; RC_INTERNAL.
 */
enum rc px_coap_read(const struct req_input *in, bool secure, struct slice name_space,
                     const struct pre_limits *limits, struct arena *a, struct buf *unit);

#endif
