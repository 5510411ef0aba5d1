/* SPDX-License-Identifier: Apache-2.0 */
/* What pairing_gt.c needs of the library behind pairing.h; not for others. */
#ifndef PAIRING_PAIRING_FIELD_H
#define PAIRING_PAIRING_FIELD_H

#include "pairing/pairing.h"

void pairing_gt_one(struct pairing_gt *out);
/* x^2 */
void pairing_gt_square(const struct pairing_gt *x, struct pairing_gt *out);
/* x to the power of p^n, p the characteristic of the field; n: 1..3. */
void pairing_gt_frobenius(const struct pairing_gt *x, size_t n, struct pairing_gt *out);

#endif
