/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of BLS signatures share; not for others. */
#ifndef SD_BLS_OWN_H
#define SD_BLS_OWN_H

#include "sd/bls.h"

static const struct slice bls_suite = SLICE_INIT("BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_");

/* Whether this build has a pairing. */
static inline enum rc
bls_there(void)
{
#ifdef HAVE_PAIRING
	return RC_OK;
#else
	return RC_NOT_IMPLEMENTED;
#endif
}

/* A check that needs, to be right, the product of all pairs that follow to be e(signature, h). */
static inline void
bls_check_begin(struct pairing_check *c, const struct pairing_g1 *signature)
{
	struct pairing_g1 inverse;
	struct pairing_g2 h;

	pairing_g1_inverse(signature, &inverse);
	pairing_g2_generator(&h);
	pairing_check_begin(c);
	pairing_check_pair(c, &inverse, &h);
}

#endif
