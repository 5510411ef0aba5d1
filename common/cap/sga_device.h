/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability of the security gateway application, as one of its devices: local applications send
 * to other devices by it, and receive.
 */
#ifndef CAP_SGA_DEVICE_H
#define CAP_SGA_DEVICE_H

#include "cap/capability.h"

extern const struct capability cap_sga_device;

#endif
