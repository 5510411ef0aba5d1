/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much work with signatures anybody may ask for who has proved nothing: for each source address
 * 2 ms of a core in a second, in a fixed amount of memory. Places are chosen with a random key, so
 * that nobody can aim at another's; who meets by chance shares. Any thread.
 */
#ifndef CAP_SD_SD_BUDGET_H
#define CAP_SD_SD_BUDGET_H

#include "base/rc.h"

#include <stdbool.h>
#include <stdint.h>

#define SD_BUDGET_NS UINT64_C(2000000) /* in a second, and at once at most */

struct sd_budget;

/* RC_UNAVAILABLE, RC_INTERNAL. */
enum rc sd_budget_new(struct sd_budget **out);
/* NULL is fine. */
void sd_budget_free(struct sd_budget *b);
/*
 * Takes cost (ns) for a bundle of n readings from address, at now (us of a clock that never jumps).
 * RC_OK; RC_UNAVAILABLE: later, *retry_after seconds; RC_TOO_LARGE: never. A single reading is never
 * too large: on a slow machine what it costs above is owed.
 */
enum rc sd_budget_take(struct sd_budget *b, struct slice address, uint64_t cost, size_t n,
                       int64_t now, unsigned *retry_after);
/* Gives back what was taken for work that has proved who asked for it. */
void sd_budget_give(struct sd_budget *b, struct slice address, uint64_t cost);

#endif
