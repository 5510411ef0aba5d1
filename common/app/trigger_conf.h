/* SPDX-License-Identifier: Apache-2.0 */
/* The options of triggers in the words of the capabilities; private to the service. */
#ifndef APP_TRIGGER_CONF_H
#define APP_TRIGGER_CONF_H

#include "app/main.h"
#include "cap/trigger_conf.h"

struct arena;

/*
 * All of conf but send.admin; texts that are made and lists are in a, which is exhausted or not,
 * others are those of o, which were checked.
 */
void trigger_conf_fill(struct trigger_conf *conf, const struct options *o, struct arena *a);

#endif
