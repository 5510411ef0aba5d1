/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the header of a claim of priority: what is read is written back as it was, and none
 * is ever accepted, by a key that nobody has.
 */
#include "config.h"

#include "sec/indicator.h"
#include "sec/secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct key key = { { 7 } };
static const struct node_id node = { { 1 } };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_make(data, size);
	struct indicator_request rq = { &node, SLICE_LIT("POST"), s };
	char again[INDICATOR_TEXT + 1];
	struct indicator i;
	bool low;

	if (priority_parse(s, &low) != (slice_is(s, "low") || slice_is(s, "normal")))
		abort();
	if (!indicator_parse(s, &i))
		return 0;
	if (!slice_eq(s, slice_make(again, indicator_format(&i, again))))
		abort();
	if (indicator_check(&key, &rq, &i, (int64_t)(i.time & INT64_MAX)) == RC_OK)
		abort();
	return 0;
}
