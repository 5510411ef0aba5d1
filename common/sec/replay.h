/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of messages: the receiver takes each one once, the sender uses each one once, crashes
 * included. The caller locks: one thread at a time per object.
 */
#ifndef SEC_REPLAY_H
#define SEC_REPLAY_H

#include "base/rc.h"

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

#define SEQ_STEP 1000

/* The numbers of a sender. */
struct seq_source {
	uint64_t next;     /* to be given out next */
	uint64_t reserved; /* durably marked as possibly used: all up to it */
	uint64_t max;      /* the last number of this key */
	/* Makes reserved durable before it returns RC_OK. */
	enum rc (*persist)(void *arg, uint64_t reserved);
	void *arg;
};

/*
 * stored is what persist was last called with for this key, 0 for a new key; counting goes on
 * behind it, whatever was really used. max is the last number, 1 .. 2^64 - 2.
 */
void seq_init(struct seq_source *s, uint64_t stored, uint64_t max,
              enum rc (*persist)(void *arg, uint64_t reserved), void *arg);
/*
 * The next number. Blocks for persist when the reserved ones are used up. RC_FORBIDDEN: the key is
 * used up; else what persist says: then no number is given out.
 */
enum rc seq_take(struct seq_source *s, uint64_t *seq);
/* Numbers that seq_take gives without a call of persist. */
uint64_t seq_left(const struct seq_source *s);
/*
 * Reserves SEQ_STEP more ahead of time, so that a thread that must not block finds them. RC_OK also
 * when there is nothing more to reserve.
 */
enum rc seq_reserve(struct seq_source *s);

#endif
