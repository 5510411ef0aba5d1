/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription is owed: between the courier's deliveries (notify.c) and the store. */
#ifndef CORE_OWED_H
#define CORE_OWED_H

#include "core/scl_impl.h"

/* What was delivered lately; the lane in the store comes after it. */
struct progress {
	uint64_t cursor; /* watched sequences: instances up to this one */
	uint64_t version; /* other resources: of the lane whose state it was */
	int64_t sent; /* time of the last notify, 0 = none by this delivery */
};

/* Stands behind the media type in the stored syntax of a subscription of a Release 1 issuer. */
#define SYNTAX_RELEASE1 ";release=1"

enum owed_kind { OWED_NOTHING, OWED_NOTIFY, OWED_FINAL, OWED_END };

/* Slices are in the arena of the transaction. */
struct owed {
	enum owed_kind kind;
	enum rc final; /* OWED_FINAL, OWED_END: why */
	int64_t wait; /* > 0: not before that many microseconds, whatever kind says */
	struct slice contact, reference;
	struct slice to; /* where it is sent: aggregateURI, or contact */
	struct slice creator; /* of the subscription; empty: not known */
	const struct codec *codec;
	int release; /* that the subscriber speaks */
	struct slice document, media_type; /* representation; none when document.p is NULL */
	struct slice timeout_reason;
	uint64_t reaching; /* cursor when it is delivered */
	uint64_t version; /* of the lane */
	bool moved; /* OWED_NOTHING: but the cursor passes what does not match */
	bool pending; /* the store has the lane among those with something to do */
};

/* RC_NOT_FOUND: the lane is gone. Other failures: try again later. */
enum rc owed_find(struct scl *scl, struct rtx *tx, uint64_t subscription,
                  const struct progress *done, struct owed *o);
/* The notify document of OWED_NOTIFY and OWED_FINAL. False when it is over the limit of out. */
bool owed_encode(const struct scl *scl, struct arena *a, const struct owed *o, struct buf *out);
/* True when the subscriber wants to hear that nothing happened (timeoutReason, Release 2). */
bool subscription_timed(const struct res *sub);

#endif
