/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitoring of places as a capability of an NSCL (cap/geo/geo.h): what is known of alarms
 * stands before the first request is admitted.
 */
#ifndef CAP_GEO_H
#define CAP_GEO_H

#include "cap/capability.h"

extern const struct capability cap_geo;

#endif
