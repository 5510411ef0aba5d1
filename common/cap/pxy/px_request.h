/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as the request that it is: what px_apply.c has to know of it before it carries it out.
 * Any thread that owns the arena.
 */
#ifndef CAP_PXY_PX_REQUEST_H
#define CAP_PXY_PX_REQUEST_H

#include "core/scl.h"

/*
 * Fills call from the document plain, whose octets it refers to; what it lives in is in a. *alone: it
 * is not to be under way beside others. RC_BAD_REQUEST: no request; RC_FORBIDDEN: it is not in the name
 * of source (a URL) or of something below it; RC_UNAVAILABLE without memory. call's owner, done
 * and once stay.
 */
enum rc px_request_read(struct scl *scl, struct arena *a, struct slice source, struct slice plain,
                        struct scl_call *call, bool *alone);
/*
 * True for the path of a collection of contentInstances that is this SCL's own by its form: no
 * capability, no application and no other SCL serves it.
 */
bool px_request_own_instances(const struct scl *scl, struct slice target);

#endif
