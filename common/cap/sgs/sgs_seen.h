/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of requests by device (X-M2M-SGA): each is taken once, and only above all that were
 * taken before. The book keeps a ceiling; below it they are counted here, in one small entry for
 * each device that has asked since the start. Any thread.
 */
#ifndef CAP_SGS_SGS_SEEN_H
#define CAP_SGS_SGS_SEEN_H

#include "cap/sgs/sgs_device.h"

struct sgs_seen;

enum sgs_seen_answer {
	SGS_SEEN_TAKEN,
	SGS_SEEN_OLD, /* it, or a higher one, was taken; or the registration is not the last one */
	SGS_SEEN_RAISE, /* above the ceiling: sgs_counter_raise, sgs_seen_raised, then once more */
	SGS_SEEN_FULL /* no memory */
};

/* NULL without memory. */
struct sgs_seen *sgs_seen_new(void);
/* NULL is fine. */
void sgs_seen_free(struct sgs_seen *s);

/* d as the book shows it. */
enum sgs_seen_answer sgs_seen_take(struct sgs_seen *s, const struct sgs_device *d, uint64_t ctr);
/* The book has that ceiling for the registration. */
void sgs_seen_raised(struct sgs_seen *s, uint64_t device, uint64_t regctr, uint64_t ceiling);
/* The device is gone. */
void sgs_seen_forget(struct sgs_seen *s, uint64_t device);

#endif
