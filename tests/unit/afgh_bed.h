/* SPDX-License-Identifier: Apache-2.0 */
/* An owner and a sink, and what they do. */
#ifndef UNIT_AFGH_BED_H
#define UNIT_AFGH_BED_H

#include "pre_bed.h"

extern struct afgh *afgh;
extern struct afgh_keys *owner, *sink; /* a1, a2; b1, b2 with b1 = KAT_M */

/* Before and after each test. */
void afgh_setup(void);
void afgh_teardown(void);

/* A message without its text. */
struct sealed {
	uint8_t c1[AFGH_G1];
	struct afgh_gt k;
};

struct sealed seal(const struct afgh_epoch *e);
/* The caller frees what is returned. */
struct afgh_keys *keys_of(const char *first, const char *second);
struct afgh_rk *delegate(const struct afgh_epoch *e, const struct afgh_keys *to);
struct afgh_epoch *epoch(const struct afgh_keys *k, uint8_t source, uint16_t stream,
                         uint32_t number);
/* True: who has k gets the K of s by way of a proxy that has rk. */
bool opens(const struct afgh_rk *rk, const struct afgh_keys *k, const struct sealed *s);
bool owner_opens(const struct afgh_epoch *e, const struct sealed *s);

#endif
