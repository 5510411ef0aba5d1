/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec_answer.h"

#include "sec/jose.h"

enum rc
sec_answer_sealed(const struct sec_access *sec, struct req *rq, uint64_t connection,
                  struct slice target, const struct buf *doc)
{
	const struct sec_object object = { .method = SLICE_LIT("GET"),
		                           .target = target,
		                           .media_type = SLICE_LIT("application/json") };
	struct buf out;
	enum rc rc;

	buf_init(&out, JOSE_HEADER_MAX + 2 * doc->n + 256);
	rc = sec->seal(sec->arg, connection, &object, buf_view(doc), &out);
	if (rc == RC_OK) {
		rc = endpoint_answer(rq, RC_OK, JOSE_MEDIA_TYPE, buf_view(&out));
	} else if (rc == RC_UNAVAILABLE || rc == RC_NOT_FOUND) {
		req_answer(rq)->close = true;
		rc = endpoint_refuse(rq, RC_DENIED, SLICE_LIT("SEC_KMC_EXPIRED"));
	} else {
		rc = endpoint_refuse(rq, RC_INTERNAL, SLICE_NONE);
	}
	buf_fini(&out);
	return rc;
}
