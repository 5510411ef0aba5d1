/* SPDX-License-Identifier: Apache-2.0 */
/* Registration of a GSCL or DSCL at its NSCL (TS 102 921, TS 102 921 10.6). */
#ifndef CAP_REGISTRAR_H
#define CAP_REGISTRAR_H

#include "cap/capability.h"

extern const struct capability cap_registrar;

#endif
