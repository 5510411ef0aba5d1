/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program for each message, which is its standard input; one at a time. */
#ifndef CLI_SINK_RUN_H
#define CLI_SINK_RUN_H

#include "base/log.h"
#include "base/rc.h"

#include <stdint.h>

struct sink_run;

/* program and log outlive it. RC_UNAVAILABLE. */
enum rc sink_run_new(const char *program, struct log *log, struct sink_run **out);
/*
 * Waits for its end. True: it has ended with status 0; whether it has read all is its own matter.
 * source and number are in its environment.
 */
bool sink_run_one(struct sink_run *r, const char *source, uint64_t number, struct slice message);
/* Ends the program that runs, and runs none any more. Another thread. */
void sink_run_stop(struct sink_run *r);
/* When no sink_run_one is under way. NULL is fine. */
void sink_run_free(struct sink_run *r);

#endif
