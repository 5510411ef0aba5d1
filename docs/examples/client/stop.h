/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_STOP_H
#define CLIENT_STOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes SIGINT and SIGTERM readable from the descriptor returned instead of ending the process,
 * also when the parent had them ignored, and ignores SIGPIPE. Call it before any thread is
 * started. Ends the program on failure.
 */
int stop_open(void);

/* True when fd has something to read; never waits. */
bool stop_asked(int fd);

/*
 * Waits until the monotonic time deadline_ms (see when.h) or until a descriptor of fds can be
 * read. True when it is time, false when a descriptor ended the wait.
 */
bool stop_wait(const int *fds, unsigned int count, int64_t deadline_ms);

#endif
