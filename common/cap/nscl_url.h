/* SPDX-License-Identifier: Apache-2.0 */
/* Where the capabilities of gateways and devices find the NSCL that they ask. */
#ifndef CAP_NSCL_URL_H
#define CAP_NSCL_URL_H

#include "cap/capability.h"

#define NSCL_URL_MAX 1200

/*
 * sclBase of the NSCL with rest behind it: one with which a service connection stands, before others;
 * of those one that the provider has named, before those that are configured. False: there is none, or
 * it is too long. Courier thread.
 */
bool nscl_url(const struct capability_conf *conf, const char *rest, char url[NSCL_URL_MAX]);

#endif
