/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integrity reports in the registration of an SCL and in its updates (integrityValResults): the MAS
 * checks them before the write is carried out; one that fails ends the service connection.
 */
#ifndef CAP_SEC_REPORTS_H
#define CAP_SEC_REPORTS_H

#include "cap/sec/live.h"
#include "core/guard.h"

/* As guard.defer. */
enum rc reports_defer(struct mas *mas, struct live *live, const struct req_input *in,
                      const struct node *doc, struct req_answer *out, struct guard_wait *w,
                      struct slice *reason);

#endif
