/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability of an NSCL to reach the home network of group authentication for its nodes, and to
 * be the serving network of devices itself.
 */
#ifndef CAP_GAKA_HN_H
#define CAP_GAKA_HN_H

#include "cap/capability.h"

extern const struct capability cap_gaka_hn;

#endif
