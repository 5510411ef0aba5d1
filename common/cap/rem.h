/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote entity management (TS 102 690 xREM): the management objects of the device that the daemon
 * runs on, what is done by them, and their copies at the NSCL.
 */
#ifndef CAP_REM_H
#define CAP_REM_H

#include "cap/capability.h"

extern const struct capability cap_rem;

#endif
