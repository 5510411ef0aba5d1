/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability of the security gateway application, as its server: devices agree on keys by it and
 * leave messages with it that it cannot read.
 */
#ifndef CAP_SGA_H
#define CAP_SGA_H

#include "cap/capability.h"

extern const struct capability cap_sga;

#endif
