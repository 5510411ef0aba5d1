/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait for something in the mailbox of a device: parked until there is, or until
 * their time is over; and what observers of CoAP are told. Bounded: who does not find a place is
 * answered at once.
 */
#ifndef CAP_SGS_SGS_WAIT_H
#define CAP_SGS_SGS_WAIT_H

#include "base/rc.h"

#include <stdint.h>

#define SGS_WAITERS_DEVICE 4u /* of one device */

struct scl;
struct sgs_wait;

/* In the caller's memory until told is called. */
struct sgs_waiter {
	/* Once, on the courier thread or in sgs_wait_stop: there may be something, or time is over. */
	void (*told)(struct sgs_waiter *w);
	uint64_t device;

	/* ---- sgs_wait's ---- */
	int64_t until; /* monotonic */
	struct sgs_waiter *next;
};

/* NULL without memory. max: waiters of all devices. */
struct sgs_wait *sgs_wait_new(struct scl *scl, unsigned max);
/* The scl is gone. NULL is fine. */
void sgs_wait_free(struct sgs_wait *w);
/*
 * Parks for that long (microseconds). False: too many wait. The mailbox is to be looked at after
 * this, not before. From inside the gate.
 */
bool sgs_wait_park(struct sgs_wait *w, struct sgs_waiter *waiter, int64_t hold);
/* The mailbox has new items. From inside the gate; never blocks, tells nobody from within. */
void sgs_wait_touch(struct sgs_wait *w, uint64_t device);
/* For endpoint_watch. */
uint64_t sgs_wait_key(uint64_t device);
/* How many wait. Any thread. */
unsigned sgs_wait_waiting(struct sgs_wait *w);
/* Tells all that wait; nobody is inside the gate any more. */
void sgs_wait_stop(struct sgs_wait *w);

#endif
