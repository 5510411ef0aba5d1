/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a service connection that the NSCL serves beside its tree (TS 102 690 clause 8):
 *
 *   POST {sclBase}/connectionParamSet?sclId=..[&nonce=..]   on session A: makes one
 *   DELETE {sclBase}/connectionParamSet                     on session B: ends it
 *   GET {sclBase}/connections/self                          on session B: what there is about it
 */
#ifndef CAP_SEC_CONN_ENDPOINT_H
#define CAP_SEC_CONN_ENDPOINT_H

#include "cap/sec/mid.h"

struct conn_endpoints;

struct conn_conf {
	struct mid *mid;
	struct live *live;
	struct mas *mas;
	const struct sec_conf *sec;
};

/* conf and what it points to outlive the scl. RC_OK; RC_UNAVAILABLE; RC_CONFLICT. */
enum rc conn_endpoints_add(const struct conn_conf *conf, struct scl *scl,
                           struct conn_endpoints **out);
/* How long an older connection is served, from then on; 0 = the default. Any thread. */
void conn_endpoints_set_overlap(struct conn_endpoints *e, int64_t overlap);
/* After scl_free. NULL is fine. */
void conn_endpoints_free(struct conn_endpoints *e);

#endif
