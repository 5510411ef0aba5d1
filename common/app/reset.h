/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A factory reset: noted in the directory of the store, done when the daemon starts, so that it is
 * whole whenever the process ends.
 */
#ifndef APP_RESET_H
#define APP_RESET_H

#include "base/rc.h"

struct log;

/* Notes on disk that the store at path is to be emptied. RC_INTERNAL. */
enum rc reset_note(const char *path);
/*
 * Does what was noted: removes what is in the directory but the lock, which the caller holds, and what
 * device management keeps of the device. False when something cannot be removed.
 */
bool reset_do(const char *path, struct log *log);
/* Removes the directory with all that is in it; false when something stays. */
bool reset_remove(const char *path);

#endif
