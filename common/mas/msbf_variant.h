/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a bootstrap is authenticated (variants) and how the node gets Kmr (modes). What is in neither
 * table is answered 501 VARIANT_OFF. Private to common/mas.
 */
#ifndef MAS_MSBF_VARIANT_H
#define MAS_MSBF_VARIANT_H

#include "mas/msbf_impl.h"

struct msbf_variant {
	const char *name; /* of info */
	const char *origin; /* of the Kmr at the MAS */
	bool (*is_for)(const struct peer *peer); /* its kind of session */
	/* Whether peer is the device with that PPID. Serving thread. */
	void (*authenticate)(const struct peer *peer, const struct ppid *ppid, bool local_mac,
	                     struct msbf_refusal *refusal);
	/* The secret that only the two ends have: E_boot. Serving thread. */
	enum rc (*secret)(const struct peer *peer, struct key *out);
};

/* NULL: none for such a session. */
const struct msbf_variant *msbf_variant_of(const struct peer *peer);

/* What Kmr is made of. */
struct msbf_terms {
	const struct key *secret;
	struct slice ppid, msbf_id;
	const struct node_id *node;
	uint32_t kmr_index;
};

struct msbf_mode {
	const char *name; /* value of the parameter kmr */
	enum rc (*make)(const struct msbf_terms *t, struct key *kmr);
	bool sent; /* Kmr goes into the answer */
};

/* The first one for an empty name; NULL: there is none. */
const struct msbf_mode *msbf_mode_of(struct slice name);

/* Appends ,"variants":[...],"modes":[...]. */
void msbf_variants_list(struct buf *b);

#endif
