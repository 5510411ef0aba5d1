/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls (struct scl_call) that are applied once, also when the process dies and they are made again:
 * numbered writes of one origin, in their order. The number of the last that was applied is stored
 * in the transaction that applies it (WORK_APPLIED of store/repo.h), so both are there or neither is.
 *
 * A call with number n is
 *   - answered RC_OK without being carried out when n is not above the stored number: it was applied;
 *   - answered RC_UNAVAILABLE without being carried out when one before it was neither applied nor
 *     refused for good: it would overtake that one;
 *   - carried out otherwise. A refusal (4xx) is remembered here, not in the store: after a restart
 *     it is judged again.
 *
 * That holds for writes that this SCL carries out on its own tree. What is forwarded to others or
 * taken by a capability is not judged by its number: at least once is all that can be had there.
 */
#ifndef CORE_ONCE_H
#define CORE_ONCE_H

#include "base/rc.h"

#include <stdatomic.h>
#include <stdint.h>

#define SCL_ONCE_WINDOW 64u

struct scl;

/*
 * One origin. Caller's memory, alive until the last call that names it is done. Its calls are made on
 * one thread at a time, in ascending order, with numbers in [base, base + SCL_ONCE_WINDOW).
 */
struct scl_once {
	uint64_t key; /* of the origin: a hash that no other origin has */
	_Atomic uint64_t base; /* all below it are applied or refused for good */
	_Atomic uint64_t refused; /* bit n % SCL_ONCE_WINDOW: n was refused for good */
};

/* base is 1 for an origin of which nothing is known yet: numbers begin with 1. */
void scl_once_init(struct scl_once *once, uint64_t key, uint64_t base);
/*
 * All numbers below base are final: the window begins there. base never goes back. On the thread that
 * makes the calls, also while some from base on are under way.
 */
void scl_once_advance(struct scl_once *once, uint64_t base);
/*
 * n, in the window, is refused for good without a call: the caller has judged so. On the thread that
 * makes the calls, before the next one.
 */
void scl_once_refuse(struct scl_once *once, uint64_t n);
/*
 * The number of the last call of that origin that was applied, 0 when there is none. Any thread; not
 * between scl_stop and scl_free. RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc scl_once_applied(struct scl *scl, uint64_t key, uint64_t *n);

#endif
