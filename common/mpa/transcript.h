/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CN and S look at: the octets A1 || A2 || A3 of a run, as they were sent. When A3 names chains by
 * their hashes, the chains follow in a message of their own:
 *
 *   C (type 06)   LV16 chain of D from CN | LV16 chain of D from S
 *
 * It is no part of what was signed, nor of th. Any thread.
 */
#ifndef MPA_TRANSCRIPT_H
#define MPA_TRANSCRIPT_H

#include "mpa/device.h"

#define MPA_CHAINS_MAX (MPA_HEADER_SIZE + 2u * (2u + MPA_CHAIN_MAX)) /* C */
#define MPA_TRANSCRIPT_MAX (MPA_A1_MAX + MPA_A2_MAX + MPA_A3_MAX + MPA_CHAINS_MAX)

/* What CN, or S, knows. */
struct mpa_verifier {
	/* CN: itself and its servers; S: its operator, and itself as the only server. */
	struct mpa_anchors anchors;
	/* Ids of groups in hex digits that a device's scope may have in place of the access point's name. */
	const struct slice *groups;
	size_t n_groups;
	const struct mpa_revocations *revocations; /* NULL: none */
	struct mpa_cache *cache; /* NULL: none */
	int64_t now; /* seconds since 1970 */
};

/* What is proved: that device and access point have authenticated each other in the run th. */
struct mpa_proved {
	struct mpa_th th;
	struct sign_public device_key, ap_key;
	char device[MPA_ID_MAX + 1], ap[MPA_ID_MAX + 1]; /* their names, with a zero */
	size_t server; /* index of the server that the device belongs to */
	uint64_t not_after; /* the earliest end of all warrants */
};

/*
 * All that AP and D have checked of each other but A4: the chain of AP from CN and its signature, both
 * chains of D and its signature, shares that are not reflected. The place of the device's warrants is
 * the name in those of AP. A transcript proves the same however often it is shown:
 * who acts on one remembers its th.
 */
enum rc mpa_transcript_check(struct slice octets, const struct mpa_verifier *v,
                             struct mpa_proved *out, enum mpa_cause *why);

#endif
