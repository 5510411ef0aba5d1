/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stream stands among its sections: what a source keeps when it stops. Any thread. */
#ifndef PRE_SECTION_STATE_H
#define PRE_SECTION_STATE_H

#include "pre/section.h"

struct stream_place {
	struct pre_hdr hdr; /* of the section that was begun last */
	bool used; /* there was one */
	uint32_t in_epoch; /* sections begun in the epoch */
	uint32_t skip; /* how many epochs the next section is to be above this one; 0: none */
	struct pre_chain prev; /* of the last END; zero: there was none */
};

/* Becomes that of the next section. False: the stream has no more. */
bool stream_place_next(struct stream_place *p, uint32_t epoch_sections);
void stream_place_write(const struct stream_place *p, uint8_t out[PRE_STREAM_STATE_SIZE]);
/*
 * Of what was written, or, when state is empty, the beginning. base: what all sections of the
 * stream have. False: state is not of that source and stream, or malformed.
 */
bool stream_place_read(struct slice state, const struct pre_hdr *base, struct stream_place *out);

#endif
