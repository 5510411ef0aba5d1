/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registration of an NSCL with the NSCLs of other providers (mIm; TS 102 690, TS 102 921 10.6). Each
 * side registers with the other: what one has of the other is what that one has told.
 */
#ifndef CAP_PEERING_H
#define CAP_PEERING_H

#include "cap/capability.h"

extern const struct capability cap_peering;

#endif
