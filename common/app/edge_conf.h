/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the group edge in the words of the capability; private to the service. */
#ifndef APP_EDGE_CONF_H
#define APP_EDGE_CONF_H

#include "app/main.h"
#include "cap/edge_conf.h"

struct arena;

/* All of conf; lists are in a, which is exhausted or not, strings those of o, which were checked. */
void edge_conf_fill(struct edge_conf *conf, const struct profile *profile, const struct options *o,
                    struct arena *a);

#endif
