/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/rc.h"

#include <assert.h>

static const struct status rows[RC_COUNT] = {
#define STATUS(name, etsi, http, coap, text) { etsi, http, coap, text },
#include "base/status.def"
#undef STATUS
};

const struct status *
status_of(enum rc rc)
{
	assert(rc < RC_COUNT);
	return &rows[rc];
}

enum rc
status_from_http(int code)
{
	if (code == 203 || (code > 204 && code < 300))
		return RC_OK;
	if (code == 202)
		return RC_ACCEPTED;
	for (int i = 0; i < RC_COUNT; i++)
		if (rows[i].http == code && i != RC_PENDING && i != RC_EXPIRED)
			return (enum rc)i;
	if (code == 407)
		return RC_NOT_IMPLEMENTED;
	if (code >= 400 && code < 500)
		return RC_BAD_REQUEST;
	return code >= 300 && code < 600 ? RC_BAD_GATEWAY : RC_INTERNAL;
}

bool
status_is_success(enum rc rc)
{
	return rc == RC_OK || rc == RC_CREATED || rc == RC_ACCEPTED || rc == RC_NO_CONTENT;
}
