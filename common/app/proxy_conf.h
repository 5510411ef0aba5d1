/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the proxy in the words of the capability; private to the service. */
#ifndef APP_PROXY_CONF_H
#define APP_PROXY_CONF_H

#include "app/main.h"
#include "cap/proxy_conf.h"

struct arena;

/* All of conf; lists are in a, which is exhausted or not, strings those of o. */
void proxy_conf_fill(struct proxy_conf *conf, const struct profile *profile,
                     const struct options *o, struct arena *a);

#endif
