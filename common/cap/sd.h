/* SPDX-License-Identifier: Apache-2.0 */
/* The capability of an NSCL to take small data of many devices (cap/sd/sd_network.h). */
#ifndef CAP_SD_H
#define CAP_SD_H

#include "cap/capability.h"

extern const struct capability cap_sd;

#endif
