/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of any algorithm: are the signatures right, and if not, whose are wrong. Any thread. */
#ifndef SD_VERIFY_H
#define SD_VERIFY_H

#include "sd/bls.h"
#include "sd/ed25519.h"
#include "sd/ibas.h"

/* What is known of the device of one reading; NULL: it has none. */
struct sd_signer {
	const struct sign_public *ed25519;
	const struct sd_bls_public *bls;
	const struct ibas_identity *identity;
};

enum sd_verdict {
	SD_RIGHT,
	SD_WRONG, /* no signature of this device on this reading */
	SD_NO_KEY, /* the device has no key for the algorithm */
	SD_EQUAL, /* the same message is there before; or, identity-based, the same device */
	SD_UNCERTAIN /* of an aggregate that is wrong: nobody knows whose fault it is */
};

/*
 * The readings of a parsed bundle (sd_bundle_readings), signers[i] that of readings[i], q the
 * generator's for SD_IDENTITY (may be NULL otherwise). verdicts has room for b->n.
 *
 * RC_OK: all are right. RC_FORBIDDEN, RC_NOT_FOUND (SD_NO_KEY), RC_CONFLICT (SD_EQUAL): verdicts
 * says whose fault it is; with SD_ED25519 and SD_BLS_SINGLE the others have been verified and are
 * SD_RIGHT, with the aggregates they are SD_UNCERTAIN. RC_BAD_REQUEST: an aggregate that is no
 * point, SD_UNCERTAIN; RC_NOT_IMPLEMENTED (no pairing), RC_UNAVAILABLE, RC_INTERNAL: verdicts mean
 * nothing.
 *
 * Time: at most that of n single verifications and three aggregates of n; see costs.h.
 */
enum rc sd_verify(const struct sd_bundle *b, const struct sd_reading *readings,
                  const struct sd_signer *signers, const struct ibas_public *q,
                  enum sd_verdict *verdicts);

#endif
