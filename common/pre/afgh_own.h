/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of AFGH share; not for others. */
#ifndef PRE_AFGH_OWN_H
#define PRE_AFGH_OWN_H

#include "pre/afgh.h"

struct afgh {
	struct pairing_comb z; /* powers of Z */
	struct pairing_lines h; /* of the generator of G2 */
};

struct afgh_epoch {
	struct pairing_scalar a1;
};

struct afgh_keys {
	struct afgh_epoch first;
	struct pairing_scalar a2;
	struct pairing_scalar inverse; /* 1 / a2 */
	uint8_t seed[AFGH_SEED];
};

struct afgh_rk {
	struct pairing_lines lines;
};

/* The known answers, with a that is not checked yet: RC_OK, RC_INTERNAL, or no memory. */
enum rc afgh_check(const struct afgh *a);

#endif
