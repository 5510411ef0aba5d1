/* SPDX-License-Identifier: Apache-2.0 */
/* One daemon per data directory. */
#ifndef APP_DATALOCK_H
#define APP_DATALOCK_H

#include <stddef.h>

/*
 * Creates the directory when absent (not its parents) and locks it for this process. Returns a
 * descriptor that holds the lock until it is closed or the process ends, or -1 with one line in
 * why.
 */
int datalock_take(const char *dir, char *why, size_t why_max);

#endif
