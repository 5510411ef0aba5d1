/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiparty authentication (mpa/mpa.h): the operator of the network, at an NSCL, and the access
 * point, at a gateway. Both do nothing unless mpa.enabled.
 */
#ifndef CAP_MPA_H
#define CAP_MPA_H

#include "cap/capability.h"

extern const struct capability cap_mpa_cn;
extern const struct capability cap_mpa_ap;

#endif
