/* SPDX-License-Identifier: Apache-2.0 */
/* The capability of a gateway to be the serving network of group authentication. */
#ifndef CAP_GAKA_SN_H
#define CAP_GAKA_SN_H

#include "cap/capability.h"

extern const struct capability cap_gaka_sn;

#endif
