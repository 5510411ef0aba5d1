/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets and their queries: no crash, a normal form that stays what it is, names that survive
 * being a path segment.
 */
#include "config.h"

#include "core/scl_impl.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_normal_form(struct arena *a, struct slice text)
{
	struct slice once = uri_normalise(a, text), twice;

	if (once.n == 0)
		return;
	twice = uri_normalise(a, once);
	assert(slice_eq(once, twice));
}

static void
check_segments(struct arena *a, struct slice path)
{
	struct slice seg, name, again;

	while (slice_split(&path, '/', &seg)) {
		if (!uri_decode(a, seg, &name))
			continue;
		assert(uri_decode(a, uri_encode_segment(a, name), &again));
		assert(slice_eq(name, again));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1u << 24);
	struct req rq = { .arena = a };
	struct slice text;

	if (a == NULL)
		return 0;
	text = arena_copy(a, slice_make(data, size < 8192 ? size : 8192));
	if (uri_parse(text, &rq.uri)) {
		check_normal_form(a, text);
		check_segments(a, rq.uri.path);
		(void)filter_from_query(&rq);
	}
	arena_free(a);
	return 0;
}
