/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a period: of the daemon itself (appLog) by its own lines, of the system (systLog) by
 * what a file of the system has grown meanwhile. Bounded: the latest is kept. Start and stop are
 * called by one thread at a time, which may wait for the file.
 */
#ifndef CAP_REM_REM_LOG_H
#define CAP_REM_REM_LOG_H

#include "base/buf.h"
#include "base/rc.h"

#define REM_LOG_MIN 4096

struct log;
struct rem_log;

/*
 * Keeps at most size octets (at least REM_LOG_MIN) of what log writes between start and stop.
 * system_file may be NULL: no log of the system. NULL without memory. While it lives nobody else
 * taps log.
 */
struct rem_log *rem_log_new(struct log *log, const char *system_file, size_t size);
void rem_log_free(struct rem_log *l);

enum rem_log_type { REM_LOG_SYSTEM, REM_LOG_APPLICATION };

/* Begins a period, ending and forgetting the one before. RC_FORBIDDEN: there is no such log. */
enum rc rem_log_start(struct rem_log *l, enum rem_log_type type);
/*
 * Ends the period; its lines into out, the latest as far as there is room, whole ones. RC_CONFLICT:
 * none has begun. RC_INTERNAL: the file of the system cannot be read.
 */
enum rc rem_log_stop(struct rem_log *l, struct buf *out);

#endif
