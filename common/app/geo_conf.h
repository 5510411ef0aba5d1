/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the group geo in the words of the capability; private to the service. */
#ifndef APP_GEO_CONF_H
#define APP_GEO_CONF_H

#include "app/main.h"
#include "cap/geo_conf.h"

/* All of conf; strings are those of o, which were checked. */
void geo_conf_fill(struct geo_conf *conf, const struct profile *profile, const struct options *o);

#endif
