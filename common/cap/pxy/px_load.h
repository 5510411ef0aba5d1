/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy has done lately: sums over whole seconds of the last hour (struct px_load), and how
 * fast each store grows (struct px_rates). Any thread; locks are held for moments.
 */
#ifndef CAP_PXY_PX_LOAD_H
#define CAP_PXY_PX_LOAD_H

#include "base/clock.h"
#include "base/rc.h"

#define PX_LOAD_WINDOW_MAX 3600u /* seconds */
#define PX_RATE_WINDOW 60u /* seconds */

enum px_load_of {
	PX_LOAD_REQUESTS,
	PX_LOAD_RECEIVED, /* octets of bodies and datagrams */
	PX_LOAD_SENT, /* octets to sinks */
	PX_LOAD_MANAGEMENT, /* management messages that were re-encrypted */
	PX_LOAD_STORED, /* messages */
	PX_LOAD_FORWARDED, /* messages that a sink has acknowledged */
	PX_LOADS
};

struct px_load;

/*
 * now: a clock that never goes back, in microseconds; cpu: the time of the processor that was used so
 * far, in microseconds. NULL without memory.
 */
struct px_load *px_load_new(int64_t (*now)(void), int64_t (*cpu)(void));
/* NULL is fine. */
void px_load_free(struct px_load *l);
void px_load_add(struct px_load *l, enum px_load_of what, uint64_t n);

struct px_load_sums {
	uint64_t v[PX_LOADS];
	unsigned cpu; /* thousandths of one core, average */
};

/* Over the last seconds (1..PX_LOAD_WINDOW_MAX), the current one among them. */
void px_load_read(struct px_load *l, unsigned seconds, struct px_load_sums *out);
/* The time of the processor that this process has used. */
int64_t px_load_cpu(void);

/* ---- rates by identifier: of those that were added to last; others are 0 ---- */

struct px_rates;

struct px_rates *px_rates_new(int64_t (*now)(void));
void px_rates_free(struct px_rates *r);
void px_rates_add(struct px_rates *r, uint64_t id, uint64_t n);
/*
 * What came in the last PX_RATE_WINDOW seconds, per second, rounded down to a sixteenth of an octave:
 * a monitor that shows it does not change with every message.
 */
uint64_t px_rates_get(struct px_rates *r, uint64_t id);

#endif
