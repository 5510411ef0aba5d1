/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: five crontab fields in POSIX syntax, in UTC (TS 102 921, Schedule). */
#ifndef BASE_CRONTAB_H
#define BASE_CRONTAB_H

#include "base/slice.h"

#include <stdint.h>

/* True when text is five fields: minute hour day-of-month month day-of-week. */
bool crontab_valid(struct slice text);
/* True when the minute in which us (microseconds since the epoch) lies is scheduled. */
bool crontab_matches(struct slice text, int64_t us);
/*
 * The start of the first minute after that of us in which crontab_matches says something else
 * than in that of us; CLOCK_NEVER when there is none within nine years (a 29 February may be
 * eight years away) or text is no schedule.
 */
int64_t crontab_change(struct slice text, int64_t us);

#endif
