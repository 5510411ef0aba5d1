/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the SGA in the words of the capabilities; private to the service. */
#ifndef APP_SGA_CONF_H
#define APP_SGA_CONF_H

#include "app/main.h"
#include "cap/sga_conf.h"

struct arena;

/* All of conf; lists are in a, which is exhausted or not, strings those of o, which were checked. */
void sga_conf_fill(struct sga_conf *conf, const struct profile *profile, const struct options *o,
                   struct arena *a);

/* The identifier of the cipher of that name (docs/sga.md), 0 when there is none. */
uint16_t sga_conf_cipher(const char *name);

#endif
