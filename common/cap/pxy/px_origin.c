/* SPDX-License-Identifier: Apache-2.0 */
/* The one source of a store, and the stores of a source. */
#include "config.h"

#include "cap/pxy/px_impl.h"
#include "store/pack.h"

#define FORMAT 1
#define VALUE_MAX (1u + PX_SOURCE_BYTES + 1u + PX_SIGN_BYTES + 2u + PX_SOURCE_URL_MAX)

static struct table_key
origin_key(uint64_t store)
{
	return px_key1(PX_T_SOURCE, store);
}

static struct table_key
index_key(const uint8_t name[PX_SOURCE_BYTES], uint64_t store)
{
	struct table_key k = table_key_of(PX_T_SOURCE_OF, name, PX_SOURCE_BYTES);

	table_key_number(&k, store, 8);
	return k;
}

bool
px_origin_ok(const struct px_source *s)
{
	return s->url.n > 0 && s->url.n <= PX_SOURCE_URL_MAX;
}

enum rc
px_origin_put(struct tables_tx *tx, uint64_t store, const struct px_source *s)
{
	struct table_key k = origin_key(store), index = index_key(s->name, store);
	struct buf v;
	enum rc rc;

	buf_init(&v, VALUE_MAX);
	buf_be(&v, FORMAT, 1);
	buf_add(&v, s->name, PX_SOURCE_BYTES);
	buf_be(&v, s->sign != NULL, 1);
	if (s->sign != NULL)
		buf_add(&v, s->sign, PX_SIGN_BYTES);
	pack_text(&v, s->url);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&v));
	buf_fini(&v);
	return rc == RC_OK ? tables_put(tx, table_key_view(&index), SLICE_NONE) : rc;
}

enum rc
px_origin_get(struct tables_tx *tx, uint64_t store, struct px_source *out)
{
	struct table_key k = origin_key(store);
	struct slice val;
	struct unpack u;
	bool version, sign;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	u = unpack_of(val);
	version = unpack_number(&u, 1, FORMAT) == FORMAT;
	unpack_into(&u, out->name, PX_SOURCE_BYTES);
	sign = unpack_flag(&u);
	out->sign = NULL;
	if (sign && u.rest.n >= PX_SIGN_BYTES) {
		out->sign = (const uint8_t *)u.rest.p;
		u.rest = slice_make(u.rest.p + PX_SIGN_BYTES, u.rest.n - PX_SIGN_BYTES);
	}
	out->url = unpack_text(&u, PX_SOURCE_URL_MAX);
	return version && unpack_done(&u) && sign == (out->sign != NULL) ? RC_OK : RC_INTERNAL;
}

enum rc
px_origin_check(struct tables_tx *tx, uint64_t store, const struct px_source *s)
{
	struct px_source is, first = { .url = s->url };
	enum rc rc = px_origin_get(tx, store, &is);

	if (rc == RC_OK)
		return memcmp(is.name, s->name, PX_SOURCE_BYTES) == 0 ? RC_OK : RC_FORBIDDEN;
	if (rc != RC_NOT_FOUND)
		return rc;
	if (!px_origin_ok(s))
		return RC_BAD_REQUEST;
	memcpy(first.name, s->name, PX_SOURCE_BYTES);
	return px_origin_put(tx, store, &first);
}

enum rc
px_origin_forget(struct tables_tx *tx, uint64_t store)
{
	struct table_key k = origin_key(store), index;
	struct px_source s;
	enum rc rc = px_origin_get(tx, store, &s);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	index = index_key(s.name, store);
	rc = tables_del(tx, table_key_view(&index));
	return rc == RC_OK ? tables_del(tx, table_key_view(&k)) : rc;
}

/* ---- reading ---- */

struct listing {
	const struct px_view *v;
	px_store_visit *visit;
	void *arg;
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct px_store s;

	(void)val;
	l->rc = px_store_get(l->v, table_key_read(key, 1 + PX_SOURCE_BYTES, 8), &s);
	if (l->rc == RC_NOT_FOUND) {
		l->rc = RC_OK;
		return true;
	}
	return l->rc == RC_OK && l->visit(l->arg, &s);
}

enum rc
px_store_of_source(const struct px_view *v, const uint8_t name[PX_SOURCE_BYTES],
                   px_store_visit *visit, void *arg)
{
	struct listing l = { .v = v, .visit = visit, .arg = arg };
	struct table_key of = table_key_of(PX_T_SOURCE_OF, name, PX_SOURCE_BYTES);
	enum rc rc = tables_scan(v->tx, table_key_view(&of), SLICE_NONE, 0, list_one, &l);

	return rc == RC_OK ? l.rc : rc;
}
