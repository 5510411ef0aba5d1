/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store-and-forward policies that the tree holds: the children of every EtsiSclMo below sclBase
 * (TS 102 690 annex E), as the structures that saf_policy.h decides by.
 */
#ifndef CORE_SAF_BOOK_H
#define CORE_SAF_BOOK_H

#include "core/saf_policy.h"
#include "core/scl_impl.h"

struct saf_book {
	struct saf_policy policy;
	/* Grows with every change of a policy, and tells two states of the tree apart. */
	uint64_t digest;
};

/*
 * Reads them on tx; everything is in tx's arena. What contradicts itself, although it was checked
 * when it was written (another set was changed meanwhile), is taken as it stands: the first set
 * that names an application counts.
 */
enum rc saf_book_read(struct scl *scl, struct rtx *tx, struct saf_book *book);
/*
 * The sets of one SCL alone: below the EtsiSclMo that lie in the same collection as mo, without the
 * set whose node is except.
 */
enum rc saf_book_read_at(struct scl *scl, struct rtx *tx, const struct res *mo, uint64_t except,
                         struct saf_book *book);

/* The values of one policy resource; the lists are in a. False when a is exhausted. */
bool saf_scope_of(struct scl *scl, struct arena *a, const struct val *vals, struct saf_set *out);
bool saf_anp_of(struct arena *a, const struct val *vals, struct saf_anp *out);
bool saf_params_from(struct arena *a, const struct val *vals, struct saf_params *out);

#endif
