/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed attempts to authenticate, by whom and from where, in a fixed amount of memory. Who has
 * reached the limit within the window is not evaluated any more until the window is over or an
 * administrator clears it.
 *
 * The window is counted in 12 parts, and a failure is forgotten with the part that it was in: never
 * more than the limit within any window, and locked for at most a twelfth longer than one.
 *
 * When the table is full a new entry takes the place of the one of its set with the fewest
 * failures, but never of one that is locked; when all are, the new one counts as locked.
 * Places are chosen with a random key: nobody can aim at a set.
 *
 * Any thread. Concurrent attempts of one subject are all allowed that ask before the first of them
 * is counted: whoever serves allows only one at a time.
 */
#ifndef SEC_FAILURES_H
#define SEC_FAILURES_H

#include "base/clock.h"
#include "base/rc.h"

struct failures;

/* Limits of TS 102 690 bootstrap and connection requests: per PPID or identity, and per address. */
#define FAILURES_PER_SUBJECT 10u
#define FAILURES_PER_SOURCE 100u
#define FAILURES_WINDOW (3600 * CLOCK_SECOND)

struct failures_conf {
	const struct clock *clock; /* outlives the table */
	unsigned per_subject; /* 1..65535 */
	unsigned per_source; /* 1..65535 */
	int64_t window; /* microseconds, at least 12 s */
	size_t slots; /* entries of each of the two kinds: a power of 2, 8..2^20 */
};

/* RC_BAD_REQUEST when conf is outside its ranges, RC_NO_SPACE, RC_INTERNAL. */
enum rc failures_new(const struct failures_conf *conf, struct failures **out);
/* NULL is fine. */
void failures_free(struct failures *f);

/*
 * True when an attempt may be evaluated. Else *retry_after (NULL: not wanted) is the number of
 * seconds until it may be, at least 1. subject: what is claimed (PPID, node id); source: the
 * address of the peer. Either may be empty: not limited then.
 */
bool failures_allow(struct failures *f, struct slice subject, struct slice source,
                    unsigned *retry_after);
/*
 * Counts a failure of both. True when it was the one that reached a limit: time for an alarm.
 */
bool failures_add(struct failures *f, struct slice subject, struct slice source);
/* Forgets what was counted for the subject, for the source; either may be empty. */
void failures_clear(struct failures *f, struct slice subject, struct slice source);

#endif
