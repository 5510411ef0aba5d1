/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of capabilities directly below sclBase. */
#include "config.h"

#include "core/scl_impl.h"

enum rc
segment_add(struct scl *scl, const struct segment *segment)
{
	const struct rtype *base = rtype_get(T_SCL_BASE);
	struct slice name = slice_of(segment->name);

	if (segment_find(scl, name) != NULL || rtype_name_reserved(base, name))
		return RC_CONFLICT;
	if (scl->nsegments == SEGMENTS_ADDED)
		return RC_UNAVAILABLE;
	scl->segments[scl->nsegments++] = segment;
	return RC_OK;
}

const struct segment *
segment_find(const struct scl *scl, struct slice name)
{
	for (unsigned i = 0; i < scl->nsegments; i++)
		if (slice_is(name, scl->segments[i]->name))
			return scl->segments[i];
	return NULL;
}
