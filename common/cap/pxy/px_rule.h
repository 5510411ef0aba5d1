/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of a store are for a sink, by what it has keys for (see px_batch.h). In a view. */
#ifndef CAP_PXY_PX_RULE_H
#define CAP_PXY_PX_RULE_H

#include "cap/pxy/px_forward.h"
#include "pre/hdr.h"

enum px_judgement {
	PX_RULE_SEND,
	PX_RULE_PASS, /* it is not for this sink */
	PX_RULE_WAIT, /* it is, but the key is missing */
	PX_RULE_END, /* neither this nor anything behind it is for this sink */
	PX_RULE_FAIL, /* the book cannot be read */
};

struct px_rule {
	struct px_sink sink;
	/* Private. */
	const struct px_view *view;
	bool known; /* the last answer, and of what */
	struct px_key_of of;
	enum px_judgement answer;
};

/* Valid until the view is closed. As px_sink_get. */
enum rc px_rule_init(struct px_rule *r, const struct px_view *v, uint64_t forward, uint32_t sink);
/* Of a message with that header. */
enum px_judgement px_rule_judge(struct px_rule *r, const struct pre_hdr *h);
/* Its re-encryption key: as px_key_get. */
enum rc px_rule_key(const struct px_rule *r, const struct pre_hdr *h, struct px_key *out);

#endif
