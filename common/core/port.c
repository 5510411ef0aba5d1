/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/port.h"

struct slice
exchange_answer_header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->n_answer_headers; i++)
		if (slice_is(ex->answer_headers[i].name, name))
			return ex->answer_headers[i].value;
	return SLICE_NONE;
}

bool
exchange_add_header(struct exchange *ex, struct slice name, struct slice value)
{
	if (ex->nheaders == EXCHANGE_HEADERS)
		return false;
	ex->headers[ex->nheaders++] = (struct exchange_header){ name, value };
	return true;
}
