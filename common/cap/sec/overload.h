/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not served when there is too much of it (Security Issues on Machine to Machine
 * Communications, section 2.6). The level is found four times a second from what waits (writes for
 * the committer, requests under way, how late the courier is) and from the CPU time that the process
 * takes; admission reads it as one number:
 *
 *   0 everything is served
 *   1 bootstraps and registrations of low priority are put off
 *   2 all of low priority is
 *   3 all is but that of nodes whose key is in use (ACTIVE) and whose priority is normal
 *
 * It rises at once, and falls by one when everything has been clearly below for a while. Put off is:
 * 503, Retry-After at random, so that they do not all come back at once, and a signed reject for
 * whoever sent a nonce (mid.h). Administration, and the MAS for other processes, are always served.
 */
#ifndef CAP_SEC_OVERLOAD_H
#define CAP_SEC_OVERLOAD_H

#include "base/buf.h"
#include "base/log.h"
#include "mas/mas_counter.h"

#include <stdbool.h>

#define OVERLOAD_LEVELS 4u
#define OVERLOAD_MEASURED (-1) /* no level is forced */
#define OVERLOAD_RETRY_MIN 30u /* seconds */
#define OVERLOAD_RETRY_MAX 300u

struct overload;
struct scl;

/* What is counted here and for claims (priority.h). */
enum load_counter {
#define LOAD_COUNTER(name, text) LOAD_COUNT_##name,
#include "cap/sec/load_counters.def"
#undef LOAD_COUNTER
	LOAD_COUNTERS
};

struct overload_conf {
	bool enabled;
	/* Percent at which the level becomes 1, 2, 3; 0: never by this. */
	unsigned queue[OVERLOAD_LEVELS - 1];
	unsigned cpu[OVERLOAD_LEVELS - 1]; /* of all cores */
	int64_t hold; /* us that everything has to be below before the level falls */
};

enum overload_kind { OVERLOAD_BOOTSTRAP, OVERLOAD_REGISTRATION, OVERLOAD_OTHER };

struct overload_ask {
	enum overload_kind kind;
	bool low; /* the class (priority.h) */
	bool active; /* of a node whose key is in use */
};

/* Copies conf; log and counters (LOAD_COUNTERS of them) outlive it. NULL without memory. */
struct overload *overload_new(const struct overload_conf *conf, struct log *log,
                              struct mas_counters *counters);
/* After overload_stop and scl_stop. NULL is fine. */
void overload_free(struct overload *o);
/* From then on the level is found on the courier thread of scl, until stop. Nothing when it is off. */
void overload_start(struct overload *o, struct scl *scl);
void overload_stop(struct overload *o);

/*
 * The level that counts: the last one that was measured, or what the queues say at this moment when that
 * is more. Any thread, never waits, until scl_stop.
 */
unsigned overload_level(const struct overload *o);
/*
 * True: it is to be put off, for *retry_after seconds (OVERLOAD_RETRY_MIN..MAX, at random), and was
 * counted (overload_shed). Any thread, never waits.
 */
bool overload_sheds(struct overload *o, const struct overload_ask *ask, unsigned *retry_after);

/*
 * For drills: this level from now on, whatever is measured; OVERLOAD_MEASURED: as measured again.
 * False when overload control is off, or there is no such level. Any thread.
 */
bool overload_force(struct overload *o, int level);
/* What there is to say of it, as the members of a JSON object, without its braces. Any thread. */
void overload_show(const struct overload *o, struct buf *to);

/* ---- for the tests ---- */

/* One measurement, each in percent; now: clock_monotonic. */
struct overload_measure {
	unsigned queue, cpu;
	int64_t now;
};
/* The level that follows from a measurement after those before it. Not while it is started. */
void overload_take(struct overload *o, const struct overload_measure *m);

#endif
