/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "sec/record.h"
#include "store/pack.h"

#define FORMAT 1
#define TYPE_RK 1
#define TYPE_UDP 2
#define NAME_BYTES (18u + PX_PK_ID_BYTES)
#define RECORD_BYTES (RECORD_FIXED + NAME_BYTES + PX_RK_BYTES)
#define VALUE_MAX (1u + PX_PK_ID_BYTES + RECORD_BYTES)
#define UDP_VALUE_MAX (1u + RECORD_FIXED + STORE_KEY_MAX + PX_UDP_KEY_BYTES)

static struct table_key
key_of(uint64_t forward, uint32_t sink, const struct px_key_of *of)
{
	struct table_key k = px_sink_key(PX_T_KEY, forward, sink);

	table_key_number(&k, of->stream, 2);
	table_key_number(&k, of->epoch, 4);
	return k;
}

/* A wrapped key opens in its place alone: where it is and whose it is are authenticated with it. */
static struct table_key
name_of(const struct table_key *k, const uint8_t pk_id[PX_PK_ID_BYTES])
{
	struct table_key name = { .n = 0 };

	table_key_add(&name, k->p + 1, k->n - 1);
	table_key_add(&name, pk_id, PX_PK_ID_BYTES);
	return name;
}

static enum rc
value_put(const struct px_book *b, struct tables_tx *tx, const struct table_key *k,
          const struct px_key *key)
{
	struct table_key name = name_of(k, key->pk_id);
	const struct record r = { .type = TYPE_RK,
		                  .index = key->of.epoch,
		                  .not_after = RECORD_NEVER,
		                  .name = table_key_view(&name) };
	struct buf v;
	enum rc rc;

	buf_init(&v, VALUE_MAX);
	buf_be(&v, FORMAT, 1);
	buf_add(&v, key->pk_id, PX_PK_ID_BYTES);
	rc = record_seal(b->wrap, &r, slice_make(key->rk, PX_RK_BYTES), &v);
	if (rc == RC_NO_SPACE || v.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

enum rc
px_key_put(struct px_book *b, struct tables_tx *tx, uint64_t forward, uint32_t sink,
           struct px_sink_row *row, const struct px_key *key)
{
	struct table_key k = key_of(forward, sink, &key->of);

	if (!tables_has(tx, table_key_view(&k))) {
		if (row->n_keys >= b->conf.limits.keys_max)
			return RC_TOO_LARGE;
		row->n_keys++;
	}
	return value_put(b, tx, &k, key);
}

enum rc
px_key_withdraw(struct tables_tx *tx, uint64_t forward, uint32_t sink, struct px_sink_row *row,
                const struct px_key_of *of)
{
	struct table_key k = key_of(forward, sink, of);

	if (!tables_has(tx, table_key_view(&k)))
		return RC_NOT_FOUND;
	row->n_keys--;
	return tables_del(tx, table_key_view(&k));
}

/* ---- reading ---- */

static enum rc
value_open(const struct px_book *b, const struct table_key *k, struct slice val, struct px_key *out)
{
	struct unpack u = unpack_of(val);
	bool version = unpack_number(&u, 1, FORMAT) == FORMAT;
	struct table_key name;
	struct record r;
	size_t n = 0;

	unpack_into(&u, out->pk_id, PX_PK_ID_BYTES);
	name = name_of(k, out->pk_id);
	if (!version || u.bad || record_parse(&u.rest, &r) != RC_OK || u.rest.n != 0 ||
	    r.type != TYPE_RK || r.index != out->of.epoch ||
	    !slice_eq(r.name, table_key_view(&name)))
		return RC_INTERNAL;
	if (record_open(b->wrap, &r, out->rk, PX_RK_BYTES, &n) != RC_OK || n != PX_RK_BYTES)
		return RC_INTERNAL;
	return RC_OK;
}

enum rc
px_key_get(const struct px_view *v, uint64_t forward, uint32_t sink, const struct px_key_of *of,
           struct px_key *out)
{
	struct table_key k = key_of(forward, sink, of);
	struct px_forward_row f;
	struct px_sink_row s;
	struct slice val;
	enum rc rc = px_forward_row_live(v->tx, forward, v->now, &f);

	*out = (struct px_key){ .of = *of };
	if (rc == RC_OK && f.state == PX_STOPPED)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = px_sink_row(v->tx, forward, sink, &s);
	if (rc == RC_OK && s.ended != 0)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = tables_get(v->tx, table_key_view(&k), &val);
	if (rc == RC_OK)
		rc = value_open(v->book, &k, val, out);
	if (rc != RC_OK)
		secret_wipe(out, sizeof(*out));
	return rc;
}

/* ---- keys of datagrams ---- */

enum rc
px_udp_key_put(const struct px_book *b, struct tables_tx *tx, const struct table_key *k,
               const uint8_t key[PX_UDP_KEY_BYTES])
{
	const struct record r = { .type = TYPE_UDP,
		                  .not_after = RECORD_NEVER,
		                  .name = table_key_view(k) };
	struct buf v;
	enum rc rc;

	buf_init(&v, UDP_VALUE_MAX);
	buf_be(&v, FORMAT, 1);
	rc = record_seal(b->wrap, &r, slice_make((const char *)key, PX_UDP_KEY_BYTES), &v);
	if (rc == RC_NO_SPACE || v.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

static enum rc
udp_open(const struct px_book *b, const struct table_key *k, struct slice val,
         uint8_t out[PX_UDP_KEY_BYTES])
{
	struct unpack u = unpack_of(val);
	bool version = unpack_number(&u, 1, FORMAT) == FORMAT;
	struct record r;
	size_t n = 0;

	if (!version || u.bad || record_parse(&u.rest, &r) != RC_OK || u.rest.n != 0 ||
	    r.type != TYPE_UDP || !slice_eq(r.name, table_key_view(k)))
		return RC_INTERNAL;
	if (record_open(b->wrap, &r, out, PX_UDP_KEY_BYTES, &n) != RC_OK || n != PX_UDP_KEY_BYTES)
		return RC_INTERNAL;
	return RC_OK;
}

enum rc
px_udp_key_get(const struct px_book *b, struct tables_tx *tx, const struct table_key *k,
               uint8_t out[PX_UDP_KEY_BYTES])
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	memset(out, 0, PX_UDP_KEY_BYTES);
	if (rc == RC_OK)
		rc = udp_open(b, k, val, out);
	if (rc != RC_OK)
		secret_wipe(out, PX_UDP_KEY_BYTES);
	return rc;
}

enum rc
px_sink_udp_key(const struct px_view *v, uint64_t forward, uint32_t sink,
                uint8_t out[PX_UDP_KEY_BYTES])
{
	struct table_key k = px_sink_key(PX_T_SINK_UDP, forward, sink);
	struct px_forward_row f;
	enum rc rc = px_forward_row_live(v->tx, forward, v->now, &f);

	memset(out, 0, PX_UDP_KEY_BYTES);
	if (rc == RC_OK && f.state == PX_STOPPED)
		rc = RC_NOT_FOUND;
	return rc == RC_OK ? px_udp_key_get(v->book, v->tx, &k, out) : rc;
}
