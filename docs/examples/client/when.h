/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_WHEN_H
#define CLIENT_WHEN_H

#include <stdint.h>

#define WHEN_SIZE 32	/* bytes of a formatted time with its end mark */

/* Milliseconds of a clock that never jumps; for deadlines only. */
int64_t when_monotonic(void);

/* Milliseconds since 1970 of the wall clock. */
int64_t when_now(void);

/* Writes ms as xs:dateTime in UTC with milliseconds: 2014-03-01T08:12:00.250Z. */
void when_format(int64_t ms, char text[WHEN_SIZE]);

/* Reads an xs:dateTime (no zone means UTC) into milliseconds since 1970; -1 when it is none. */
int64_t when_parse(const char *text);

/*
 * Monotonic time at which a resource that expires at the wall time expires_ms is to be refreshed:
 * after half of what is left, at least 5 seconds from now (the clock of an SCL may differ from
 * ours) and at most one day.
 */
int64_t when_refresh(int64_t expires_ms);

#endif
