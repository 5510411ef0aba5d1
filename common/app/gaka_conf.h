/* SPDX-License-Identifier: Apache-2.0 */
/* The options of group authentication in the words of the capabilities; private to the service. */
#ifndef APP_GAKA_CONF_H
#define APP_GAKA_CONF_H

#include "app/main.h"
#include "cap/gaka_conf.h"

struct arena;

/* All of conf; lists are in a, which is exhausted or not, strings those of o, which were checked. */
void gaka_conf_fill(struct gaka_conf *conf, const struct profile *profile, const struct options *o,
                    struct arena *a);

#endif
