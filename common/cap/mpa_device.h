/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability of a device in multiparty authentication: it has its warrants of the NSCL, proves
 * itself with them to the gateway that it speaks to, and is spoken to under the key that both have
 * then (Lai et al., "Security Issues on Machine to Machine Communications", authentication among
 * device, core network and MTC server).
 */
#ifndef CAP_MPA_DEVICE_H
#define CAP_MPA_DEVICE_H

#include "cap/capability.h"

extern const struct capability cap_mpa_device; /* dscl */

#endif
