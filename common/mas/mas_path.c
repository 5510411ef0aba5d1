/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_path.h"

#include "base/uri.h"

bool
mas_path_is(const char *pattern, struct slice path, struct slice *id)
{
	struct slice p = slice_of(pattern), a, b;

	*id = SLICE_NONE;
	while (slice_split(&p, '/', &a)) {
		if (!slice_split(&path, '/', &b))
			return false;
		if (slice_is(a, "*") && b.n > 0)
			*id = b;
		else if (!slice_eq(a, b))
			return false;
	}
	return path.p == NULL;
}

static bool
take_parameter(const struct json_field *fields, size_t n_fields, void *to, struct slice name,
               struct slice value, uint32_t *seen)
{
	for (size_t i = 0; i < n_fields; i++) {
		if (!slice_is(name, fields[i].name) || (*seen & UINT32_C(1) << i) != 0)
			continue;
		*seen |= UINT32_C(1) << i;
		*(struct slice *)(void *)((char *)to + fields[i].at) = value;
		return true;
	}
	return false;
}

bool
mas_query_read(struct arena *a, struct slice query, const struct json_field *fields, size_t n_fields,
               void *to)
{
	struct slice name, value;
	uint32_t seen = 0;
	int more;

	while ((more = uri_next_param(a, &query, &name, &value)) == 1)
		if (!take_parameter(fields, n_fields, to, name, value, &seen))
			return false;
	return more == 0;
}
