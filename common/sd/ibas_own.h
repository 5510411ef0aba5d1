/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the identity-based scheme share; not for others. */
#ifndef SD_IBAS_OWN_H
#define SD_IBAS_OWN_H

#include "sd/ibas.h"

/* P_w */
static inline enum rc
ibas_hash_round(const uint8_t w[SD_ROUND_SIZE], struct pairing_g1 *out)
{
	return pairing_g1_hash(slice_make(w, SD_ROUND_SIZE), SLICE_LIT("M2M-IBAS-H2"), out);
}

/* c of a reading; RC_BAD_REQUEST: its payload is too long; RC_INTERNAL. */
enum rc ibas_challenge(const uint8_t w[SD_ROUND_SIZE], const char id[IBAS_ID_SIZE + 1],
                       const struct sd_reading *r, uint8_t c[PAIRING_SHORT_SIZE]);

#endif
