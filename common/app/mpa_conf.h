/* SPDX-License-Identifier: Apache-2.0 */
/* The options of multiparty authentication in the words of the capabilities; private to the service. */
#ifndef APP_MPA_CONF_H
#define APP_MPA_CONF_H

#include "app/main.h"
#include "cap/mpa_conf.h"

/* All of conf; strings are those of o, which were checked. */
void mpa_conf_fill(struct mpa_conf *conf, const struct profile *profile, const struct options *o);

#endif
