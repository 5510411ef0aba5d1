/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The external interface of an NSCL as a capability (cap/edge/edge.h): who is outside, and what it may
 * do, stands before the first request is admitted.
 */
#ifndef CAP_EDGE_H
#define CAP_EDGE_H

#include "cap/capability.h"

extern const struct capability cap_edge;

#endif
