/* SPDX-License-Identifier: Apache-2.0 */
/* Between which sections a sink gets messages; kept by the book, looked at by the forwarder. */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "store/pack.h"

#define FORMAT 1
#define SECTION_BYTES 8u
#define VALUE_MAX (1u + 1u + 1u + (1u + PX_LAST_MAX) * SECTION_BYTES)

bool
px_bounds_ok(const struct px_section *last, size_t n)
{
	if (n > PX_LAST_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (last[i].stream == last[j].stream)
				return false;
	return true;
}

static void
section_write(struct buf *to, const struct px_section *s)
{
	buf_be(to, s->stream, 2);
	buf_be(to, s->epoch, 4);
	buf_be(to, s->key_index, 2);
}

static struct px_section
section_read(struct unpack *u)
{
	struct px_section s;

	s.stream = (uint16_t)unpack_number(u, 2, UINT16_MAX);
	s.epoch = (uint32_t)unpack_number(u, 4, UINT32_MAX);
	s.key_index = (uint16_t)unpack_number(u, 2, UINT16_MAX);
	return s;
}

enum rc
px_bounds_put(struct tables_tx *tx, uint64_t forward, uint32_t sink, const struct px_section *first,
              const struct px_section *last, size_t n)
{
	struct table_key k = px_sink_key(PX_T_BOUNDS, forward, sink);
	struct buf v;
	enum rc rc;

	if (first == NULL && n == 0)
		return tables_del(tx, table_key_view(&k));
	buf_init(&v, VALUE_MAX);
	buf_be(&v, FORMAT, 1);
	buf_be(&v, first != NULL, 1);
	if (first != NULL)
		section_write(&v, first);
	buf_be(&v, n, 1);
	for (size_t i = 0; i < n; i++)
		section_write(&v, &last[i]);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

enum rc
px_bounds_get(struct tables_tx *tx, uint64_t forward, uint32_t sink, struct px_sink *out)
{
	struct table_key k = px_sink_key(PX_T_BOUNDS, forward, sink);
	struct slice val;
	struct unpack u;
	bool version;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	out->has_first = false;
	out->n_last = 0;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	u = unpack_of(val);
	version = unpack_number(&u, 1, FORMAT) == FORMAT;
	out->has_first = unpack_flag(&u);
	if (out->has_first)
		out->first = section_read(&u);
	out->n_last = (size_t)unpack_number(&u, 1, PX_LAST_MAX);
	for (size_t i = 0; i < out->n_last; i++)
		out->last[i] = section_read(&u);
	return version && unpack_done(&u) ? RC_OK : RC_INTERNAL;
}

/* The first section stays as it is. */
enum rc
px_bounds_change(struct tables_tx *tx, uint64_t forward, uint32_t sink,
                 const struct px_section *last, size_t n)
{
	struct px_sink s;
	enum rc rc = px_bounds_get(tx, forward, sink, &s);

	return rc == RC_OK
	               ? px_bounds_put(tx, forward, sink, s.has_first ? &s.first : NULL, last, n)
	               : rc;
}
