/* SPDX-License-Identifier: Apache-2.0 */
/* The options of small data in the words of the capabilities; private to the service. */
#ifndef APP_SD_CONF_H
#define APP_SD_CONF_H

#include "app/main.h"
#include "cap/sd_conf.h"

/* All of conf; strings are those of o, which were checked. */
void sd_conf_fill(struct sd_conf *conf, const struct profile *profile, const struct options *o);

#endif
