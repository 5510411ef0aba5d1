/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "mas/mas_record.h"

#define RECORD_VERSION 1u

void
mas_record_begin(struct buf *b, size_t max)
{
	buf_init(b, max);
	buf_be(b, RECORD_VERSION, 1);
}

enum rc
mas_record_put(struct tables_tx *tx, struct table_key key, struct buf *b)
{
	enum rc rc = b->failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&key), buf_view(b));

	buf_fini(b);
	return rc;
}

struct unpack
mas_record_open(struct slice val)
{
	struct unpack u = unpack_of(val);

	if (unpack_number(&u, 1, 255) != RECORD_VERSION)
		u.bad = true;
	return u;
}

void
mas_record_pack_wrapped(struct buf *b, const struct mas_wrapped *w)
{
	pack_text(b, slice_make(w->v, w->n));
}

void
mas_record_unpack_wrapped(struct unpack *u, struct mas_wrapped *w)
{
	struct slice s = unpack_text(u, MAS_WRAPPED_MAX);

	w->n = s.n;
	if (s.n > 0)
		memcpy(w->v, s.p, s.n);
}
