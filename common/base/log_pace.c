/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/log_pace.h"

#include "base/clock.h"

#define EVERY (60 * CLOCK_SECOND)

bool
log_pace_due(struct log_pace *p, int64_t *since_last)
{
	int_fast64_t written = atomic_load(&p->written);
	int64_t now = clock_monotonic();

	atomic_fetch_add(&p->since, 1);
	if ((written != 0 && now - written < EVERY) ||
	    !atomic_compare_exchange_strong(&p->written, &written, now))
		return false;
	*since_last = (int64_t)atomic_exchange(&p->since, 0);
	return true;
}
