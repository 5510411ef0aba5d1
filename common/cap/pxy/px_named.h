/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What managers (proxy.managers) ask of the source, below {sclBase}/proxy/source, in JSON:
 *
 *   source                GET     how it goes with each destination, which sinks there are
 *   source/sinks/{name}   PUT     names a sink: {"url","pk2","destination"?,"from"?}: 201, or 200
 *                         DELETE  it gets nothing more: 204. Of the uplink: its key is asked for again
 *   source/park           POST    parks what waits: 204
 *
 * pk2: 192 hexadecimal digits of a key that is certain to be the sink's. destination: URL of the SCL
 * that the sink stands for; absent: it gets what others get. from: {"stream","epoch","keyIndex"}, the
 * first section that it gets; absent: all, or without destination what is sealed from now on.
 * Everybody else is answered 403.
 */
#ifndef CAP_PXY_PX_NAMED_H
#define CAP_PXY_PX_NAMED_H

#include "cap/pxy/px_own.h"

extern const struct px_part px_part_named;

#endif
