/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of a store: a fixed number of places for read transactions, taken and given back
 * without a lock, and a way to keep everybody out while the thing behind the door is replaced.
 * Entering and leaving costs two atomic operations, because every request of a daemon does it.
 */
#ifndef STORE_GATE_H
#define STORE_GATE_H

#include "base/rc.h"

/* How long entering waits for a shut gate and shutting for those inside, in milliseconds. */
#define GATE_PATIENCE_MS 2000

struct gate;

/* A gate with that many places (> 0), open. RC_UNAVAILABLE without memory. Freed by gate_free. */
enum rc gate_new(unsigned places, struct gate **out);

/* Nobody may be inside; NULL is allowed. */
void gate_free(struct gate *g);

/*
 * Takes a place and gives its number, below places. What the holder of a place wrote is seen by
 * the next one. RC_UNAVAILABLE when all places are taken or the gate stays shut. Any thread.
 */
enum rc gate_enter(struct gate *g, unsigned *place);

/* Gives the place back; on any thread. */
void gate_leave(struct gate *g, unsigned place);

/*
 * Keeps newcomers waiting until gate_open and waits for those inside to leave. False when they did
 * not in time; then the gate is open again. One caller at a time.
 */
bool gate_shut(struct gate *g);

/* Lets in those who wait. Only after gate_shut returned true. */
void gate_open(struct gate *g);

#endif
