/* SPDX-License-Identifier: Apache-2.0 */
/* Wire units of the right form, of any octets: nothing of them opens. */
#ifndef UNIT_PX_UNIT_BED_H
#define UNIT_PX_UNIT_BED_H

#include <check.h>

#include "pre/chain.h"
#include "pre/data.h"
#include "pre/unit.h"

#define UNIT_SOURCE "http://gw.example/m2m"
#define UNIT_SINK "http://sink.example/inbox"

/* Which unit. */
struct unit_of {
	enum pre_type type;
	uint16_t stream, key_index;
	uint32_t epoch, seq;
	const char *source; /* NULL: UNIT_SOURCE */
	size_t more; /* octets of a data message beyond the least */
};

/* Octets behind the header of a message of that type, with AES-128-GCM. */
static inline size_t
unit_rest(const struct unit_of *u)
{
	switch (u->type) {
	case PRE_MM2:
		return AFGH_G1 + PRE_COMMIT_SIZE + 32u + SIGN_SIZE;
	case PRE_MM1:
		return AFGH_G1 + PRE_COMMIT_SIZE + 32u + SIGN_SIZE + PRE_PK_ID_SIZE + AFGH_GT;
	case PRE_END:
		return PRE_END_SIZE;
	default:
		return PRE_SEQ_SIZE + 16u + u->more;
	}
}

static inline void
unit_put(const struct unit_of *u, struct buf *to)
{
	struct slice source = slice_of(u->source == NULL ? UNIT_SOURCE : u->source);
	struct pre_unit unit = { .hdr = { .type = (uint8_t)u->type,
		                          .stream = u->stream,
		                          .key_index = u->key_index,
		                          .cid = PRE_CID_DEFAULT,
		                          .epoch = u->epoch },
		                 .msg_id = 7,
		                 .source = source,
		                 .sink = SLICE_LIT(UNIT_SINK) };
	struct buf rest;

	ck_assert_int_eq(pre_source_name(source, unit.hdr.source), RC_OK);
	buf_init(&rest, 1u << 20);
	buf_be(&rest, u->seq, 4);
	while (rest.n < unit_rest(u))
		buf_char(&rest, (char)(rest.n + u->seq));
	unit.rest = buf_view(&rest);
	ck_assert_int_eq(pre_unit_write(&unit, to), RC_OK);
	buf_fini(&rest);
}

/* Behind its length. */
static inline void
unit_put_batch(const struct unit_of *u, struct buf *to)
{
	size_t at = pre_batch_begin(to);

	unit_put(u, to);
	ck_assert_int_eq(pre_batch_end(to, at), RC_OK);
}

#endif
