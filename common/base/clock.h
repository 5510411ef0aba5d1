/* SPDX-License-Identifier: Apache-2.0 */
/* Time that tests can replace. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_NEVER INT64_MAX

/* A source of time; now returns microseconds since 1970-01-01T00:00:00Z. Any thread. */
struct clock {
	int64_t (*now)(const struct clock *c);
};

/* The system's real-time clock. */
extern const struct clock clock_system;

static inline int64_t
clock_now(const struct clock *c)
{
	return c->now(c);
}

/* Microseconds of a clock that never jumps; for timeouts only. */
int64_t clock_monotonic(void);
/* Makes a condition whose waits end by that clock. False: the system has no room for one. */
bool clock_cond_init(pthread_cond_t *cond);

#endif
