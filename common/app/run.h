/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a serving process: start, signals, reload, orderly stop. */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/main.h"

/*
 * Serves until SIGTERM or SIGINT; SIGHUP reads src again. Takes o, which src gave. Returns the exit
 * status.
 */
int run_service(const struct profile *profile, const struct options_source *src,
                struct options *o);

#endif
