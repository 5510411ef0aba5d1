/* SPDX-License-Identifier: Apache-2.0 */
/* Stores as a view shows them. */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "store/pack.h"

enum rc
px_names_read(struct tables_tx *tx, uint64_t id, struct px_store *out)
{
	struct table_key k = px_key1(PX_T_NAMES, id);
	struct slice val;
	struct unpack u;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	u = unpack_of(val);
	out->owner = unpack_text(&u, PX_NAME_MAX);
	out->n_named = (size_t)unpack_number(&u, 1, PX_NAMED_MAX);
	for (size_t i = 0; i < out->n_named; i++)
		out->named[i] = unpack_text(&u, PX_NAME_MAX);
	return unpack_done(&u) ? RC_OK : RC_INTERNAL;
}

static enum rc
fill(struct tables_tx *tx, uint64_t id, const struct px_store_row *row, struct px_store *out)
{
	struct px_count_row c;
	enum rc rc = px_count_row(tx, id, &c);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
	*out = (struct px_store){ .id = id,
		                  .reserve = row->reserve,
		                  .ttl = (int64_t)row->ttl,
		                  .created = (int64_t)row->created,
		                  .expires = (int64_t)row->expires,
		                  .mode = (enum px_mode)row->mode,
		                  .transport = (enum px_transport)row->transport,
		                  .released = row->released,
		                  .consume = row->consume != 0,
		                  .forwards = row->forwards,
		                  .first = c.first,
		                  .last = c.last,
		                  .octets = c.octets,
		                  .octets_ever = c.octets_ever,
		                  .duplicates = c.duplicates,
		                  .udp_upto = c.udp_upto,
		                  .oldest = (int64_t)c.oldest,
		                  .newest = c.oldest == 0 ? 0 : (int64_t)c.newest };
	rc = px_origin_get(tx, id, &out->source);
	out->has_source = rc == RC_OK;
	return rc == RC_OK || rc == RC_NOT_FOUND ? px_names_read(tx, id, out) : rc;
}

enum rc
px_store_get(const struct px_view *v, uint64_t id, struct px_store *out)
{
	struct px_store_row row;
	enum rc rc = px_store_row(v->tx, id, v->now, &row);

	return rc == RC_OK ? fill(v->tx, id, &row, out) : rc;
}

enum rc
px_store_udp_key(const struct px_view *v, uint64_t store, uint8_t out[PX_UDP_KEY_BYTES])
{
	struct table_key k = px_key1(PX_T_STORE_UDP, store);
	struct px_store_row row;
	enum rc rc = px_store_row(v->tx, store, v->now, &row);

	memset(out, 0, PX_UDP_KEY_BYTES);
	return rc == RC_OK ? px_udp_key_get(v->book, v->tx, &k, out) : rc;
}

bool
px_store_allows(const struct px_store *s, struct slice identity)
{
	bool found = slice_eq(s->owner, identity);

	for (size_t i = 0; i < s->n_named && !found; i++)
		found = slice_eq(s->named[i], identity);
	return found;
}
