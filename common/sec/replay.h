/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of messages: the receiver takes each one once. The caller locks: one thread at a time per
 * object.
 */
#ifndef SEC_REPLAY_H
#define SEC_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW 64

/*
 * What a receiver has seen. Both members are all there is to keep: after a restart with the values
 * of an earlier moment, the messages since then could be replayed.
 */
struct replay {
	uint64_t high; /* highest number taken */
	uint64_t seen; /* bit i: high - 1 - i is taken */
};

/* Numbers up to floor count as taken; 0 for a new key. */
void replay_init(struct replay *r, uint64_t floor);
/*
 * True when seq, at least 1, is above all seen or one of the REPLAY_WINDOW below the highest that
 * has not come yet; it is taken then.
 */
bool replay_take(struct replay *r, uint64_t seq);

#endif
