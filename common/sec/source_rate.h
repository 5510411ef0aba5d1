/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often something happens from one source address, in a fixed amount of memory: a bucket of
 * tokens for each of those that came last. Places are chosen with a random key, so nobody can aim at
 * the place of another; when a set is full the one that has been quiet longest gives way. Any
 * thread.
 */
#ifndef SEC_SOURCE_RATE_H
#define SEC_SOURCE_RATE_H

#include "base/rc.h"

struct source_rate;

/* rate: tokens in a second, 1..10000, which is also the burst. RC_UNAVAILABLE, RC_INTERNAL. */
enum rc source_rate_new(unsigned rate, struct source_rate **out);
/* NULL is fine. */
void source_rate_free(struct source_rate *r);
/* Takes a token of that address; false: there is none now. */
bool source_rate_take(struct source_rate *r, struct slice address);

#endif
