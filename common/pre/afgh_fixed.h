/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption with a given r, for tests by known answers. Nothing else may use it: two encryptions
 * with one r have one K, and who knows r knows K.
 */
#ifndef PRE_AFGH_FIXED_H
#define PRE_AFGH_FIXED_H

#include "pre/afgh.h"

/* afgh_encrypt, with r of AFGH_SCALAR octets. RC_BAD_REQUEST: r is none. */
enum rc afgh_encrypt_fixed(const struct afgh *a, const struct afgh_epoch *e, struct slice r,
                           uint8_t c1[AFGH_G1], struct afgh_gt *k);

#endif
