/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a serving process: start, signals, reload, orderly stop. */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/main.h"

/* The daemon is to begin again, from its arguments on. */
#define RUN_AGAIN (-1)

/*
 * Serves until SIGTERM or SIGINT; SIGHUP reads src again. Takes o, which src gave. Returns the exit
 * status, or RUN_AGAIN when the service has asked for that.
 */
int run_service(const struct profile *profile, const struct options_source *src,
                struct options *o);

#endif
