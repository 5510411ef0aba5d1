/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of an endpoint that the service connection it is for alone opens. */
#ifndef CAP_SEC_ANSWER_H
#define CAP_SEC_ANSWER_H

#include "base/buf.h"
#include "cap/sec_access.h"
#include "core/endpoint.h"

/*
 * Answers a GET of target with the JSON in doc as an object (RFC 7516) under the Kmc of that
 * connection; when that is over, refuses it with SEC_KMC_EXPIRED and closes. The outcome for
 * endpoint_finish. Any thread.
 */
enum rc sec_answer_sealed(const struct sec_access *sec, struct req *rq, uint64_t connection,
                          struct slice target, const struct buf *doc);

#endif
