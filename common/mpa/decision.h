/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What S has decided about a run; D takes it of anybody, since it is signed:
 *
 *   "MP" 01 05 u32 octets | th 32 | decision | Ed25519 64 of S over SIGN_OWN || th || decision
 *   decision = u8 verdict | u64 time
 *
 * Any thread.
 */
#ifndef MPA_DECISION_H
#define MPA_DECISION_H

#include "mpa/session.h"

#define MPA_DECISION_SIZE 113u

enum mpa_verdict { MPA_REFUSED = 0, MPA_ACCEPTED = 1 };

/* time: seconds since 1970. RC_BAD_REQUEST: verdict. */
enum rc mpa_decision_make(const struct sign_key *s, const struct mpa_th *th,
                          enum mpa_verdict verdict, uint64_t time, uint8_t out[MPA_DECISION_SIZE]);

struct mpa_decision {
	struct mpa_th th;
	enum mpa_verdict verdict;
	uint64_t time;
};

/* Nothing of it is to be believed: for who passes decisions on. RC_BAD_REQUEST. */
enum rc mpa_decision_parse(struct slice octets, struct mpa_decision *out);
/*
 * A decision of the pinned key s about the run th. RC_BAD_REQUEST; RC_FORBIDDEN: another run, or not
 * signed by s.
 */
enum rc mpa_decision_check(struct slice octets, const struct sign_public *s,
                           const struct mpa_th *th, struct mpa_decision *out, enum mpa_cause *why);

#endif
