/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SGA server counts, and who has failed too often: guessing of keys and tokens on line
 * must be seen (a counter, a line in the log) and end (a lock-out that an administrator can lift).
 * Peers are told the class of a refusal, never its cause.
 *
 * Two rates: failures by claimed ID and by source address (sec/failures.h), which lock out, and
 * requests that need a private key, by source address: more than a burst and then a rate of them
 * have to wait, before the key is touched. In a fixed amount of memory. Any thread.
 */
#ifndef CAP_SGS_SGS_GUARD_H
#define CAP_SGS_SGS_GUARD_H

#include "base/clock.h"
#include "base/log.h"
#include "base/rc.h"

#define SGS_LOCKOUTS_MAX 256u /* that are listed; older ones stay locked */
#define SGS_LOCKOUT_NAME 64u /* octets of an ID or address, without a zero */

enum sgs_tally {
#define SGS_COUNTER(id, name) SGS_N_##id,
#include "cap/sgs/sgs_counters.def"
#undef SGS_COUNTER
	SGS_COUNTERS
};

enum sgs_cause {
#define SGS_CAUSE(id, class, guess, name) SGS_BY_##id,
#include "cap/sgs/sgs_causes.def"
#undef SGS_CAUSE
	SGS_CAUSES
};

struct sgs_guard_conf {
	const struct clock *clock; /* outlives the guard, as log */
	struct log *log; /* may be NULL */
	unsigned per_subject, per_source; /* failures in window, 1..255 */
	int64_t window; /* microseconds, at least 12 s */
	unsigned burst; /* private-key requests of one source at once, at least 1 */
	unsigned rate; /* of them per second after that; 0: not limited */
};

struct sgs_guard;

struct sgs_lockout {
	char name[SGS_LOCKOUT_NAME + 1];
	int64_t since; /* microseconds since 1970 */
	unsigned left; /* seconds */
};

/* RC_BAD_REQUEST outside the ranges, RC_UNAVAILABLE, RC_INTERNAL. */
enum rc sgs_guard_new(const struct sgs_guard_conf *conf, struct sgs_guard **out);
/* NULL is fine. */
void sgs_guard_free(struct sgs_guard *g);

/*
 * False: what subject (a claimed ID) or source (an address) asks is not evaluated, for *retry
 * seconds at least. Either may be empty. Counted as SGS_BY_LOCKED.
 */
bool sgs_guard_allow(struct sgs_guard *g, struct slice subject, struct slice source,
                     unsigned *retry);
/*
 * Takes one private-key request of source; false: too many, for *retry seconds. Counted likewise.
 */
bool sgs_guard_spend(struct sgs_guard *g, struct slice source, unsigned *retry);
/*
 * Counts a refusal by its cause; a guess towards the lock-out of both, which may be empty. Returns
 * the class of the answer (1..4).
 */
unsigned sgs_guard_refused(struct sgs_guard *g, enum sgs_cause cause, struct slice subject,
                           struct slice source);

/* True for an ID or address that is locked out. */
bool sgs_guard_is_locked(struct sgs_guard *g, struct slice name);
/* Those that are locked out, oldest first; how many were written, at most SGS_LOCKOUTS_MAX. */
size_t sgs_guard_list(struct sgs_guard *g, struct sgs_lockout out[SGS_LOCKOUTS_MAX]);
/* Forgets what was counted for that ID and address. */
void sgs_guard_lift(struct sgs_guard *g, struct slice name);

void sgs_guard_count(struct sgs_guard *g, enum sgs_tally which, uint64_t by);
/* put is called for each counter and each cause. */
void sgs_guard_counts(const struct sgs_guard *g,
                      void (*put)(void *arg, const char *name, uint64_t value), void *arg);

#endif
