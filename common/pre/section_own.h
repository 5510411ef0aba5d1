/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream consists of; for section*.c alone. */
#ifndef PRE_SECTION_OWN_H
#define PRE_SECTION_OWN_H

#include "pre/section_state.h"

#define MSG_IDS 64u

struct pre_stream {
	struct pre_stream_conf conf; /* source and sink lie in names */
	char *names;
	struct stream_place place;
	struct afgh_epoch *epoch; /* of the section that was begun last; NULL: not made yet */
	struct pre_data *data; /* NULL: no section is open; the rest is about the open one */
	struct pre_chain chain;
	uint32_t count;
	int64_t opened;
	uint32_t msg_ids[MSG_IDS]; /* random, the first msg_ids_n still to be used */
	size_t msg_ids_n;
};

#endif
