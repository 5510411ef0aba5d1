/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the MAS ask of the one that they have: each test has its own process, which begins
 * with start and ends with bed_free.
 */
#ifndef UNIT_MAS_CASE_H
#define UNIT_MAS_CASE_H

#include "mas_bed.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

extern struct mas_bed bed;
/* Made and opened; engine as in bed_make. */
struct mas_bed *start(int engine);

/* The connect is refused, and leaves no key. */
void refused(struct mas_bed *b, struct mas_connect *c, enum rc rc, const char *reason,
             unsigned reject);
/* One that is in order but for its Kmr: RC_FORBIDDEN. */
void refuses(struct mas_bed *b, uint8_t node, uint32_t kmr, const char *reason, unsigned reject);

/* 0: there is none. */
enum mas_kmr_state kmr_state(struct mas_bed *b, uint8_t node, uint32_t index);
bool has_psk(struct mas_bed *b, uint8_t node, uint32_t index);
/* For bed_until: arg is the struct mas_connection. */
bool conn_ended(struct mas_bed *b, void *arg);
bool conn_lives(struct mas_bed *b, const struct mas_connection *c);

#endif
