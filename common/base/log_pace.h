/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that others can cause as often as they like, and that must not fill the log: a line for the
 * first one, and then at most one a minute, which stands for all since the last.
 */
#ifndef BASE_LOG_PACE_H
#define BASE_LOG_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One for each event; zeros at first. */
struct log_pace {
	atomic_int_fast64_t written; /* monotonic, 0: never */
	atomic_uint_fast64_t since;
};

/*
 * Counts one that has happened. True: it is to be written, *since_last is how many the line stands
 * for. Any thread.
 */
bool log_pace_due(struct log_pace *p, int64_t *since_last);

#endif
