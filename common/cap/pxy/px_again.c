/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come again, and what tells whose they are. */
#include "config.h"

#include <openssl/evp.h>

#include "cap/pxy/px_impl.h"
#include "sec/derive.h"
#include "store/pack.h"

#define FORMAT 1
#define WHAT_MAX 1024u
#define VALUE_MAX (1u + 1u + 8u + PX_DIGEST_BYTES)

enum rc
px_digest(const struct px_book *b, struct slice what, struct slice body,
          uint8_t out[PX_DIGEST_BYTES])
{
	struct key of_what, digest = { { 0 } };
	enum rc rc;

	_Static_assert(PX_DIGEST_BYTES == KEY_BYTES, "an HMAC-SHA-256");
	if (what.n > WHAT_MAX)
		return RC_TOO_LARGE;
	rc = m2m_expand(b->digests, "proxy request", what, of_what.v, KEY_BYTES);
	if (rc == RC_OK)
		rc = hkdf_extract(slice_make((const char *)of_what.v, KEY_BYTES), body, &digest);
	memcpy(out, digest.v, PX_DIGEST_BYTES);
	key_wipe(&of_what);
	return rc;
}

enum rc
px_owner_key(enum px_table t, struct slice identity, struct table_key *out)
{
	uint8_t hash[EVP_MAX_MD_SIZE];

	if (EVP_Digest(identity.p, identity.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return RC_INTERNAL;
	*out = table_key_of((char)t, hash, PX_OWNER_BYTES);
	return RC_OK;
}

/* ---- how many stores an owner has ---- */

enum rc
px_owner_count(struct tables_tx *tx, struct slice owner, uint64_t max, bool more)
{
	struct px_owner_row row = { 0 };
	struct table_key k;
	enum rc rc = px_owner_key(PX_T_OWNER, owner, &k);

	if (rc == RC_OK)
		rc = table_row_get(tx, &k, &row, sizeof(row));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (more && row.stores >= max)
		return RC_TOO_LARGE;
	if (!more && row.stores == 0)
		return RC_INTERNAL;
	row.stores += more ? 1 : UINT64_MAX;
	return row.stores == 0 ? tables_del(tx, table_key_view(&k))
	                       : table_row_put(tx, &k, &row, sizeof(row));
}

/* ---- what a request has made ---- */

static enum rc
request_key(struct slice who, const struct px_request *r, struct table_key *out)
{
	enum rc rc = px_owner_key(PX_T_REQUEST, who, out);

	table_key_add(out, r->id, PX_REQUEST_BYTES);
	return rc;
}

static struct table_key
made_key(enum px_made what, uint64_t id)
{
	struct table_key k = table_key(PX_T_REQUEST_OF);

	table_key_number(&k, what, 1);
	table_key_number(&k, id, 8);
	return k;
}

struct made {
	enum px_made what;
	uint64_t id;
	struct slice digest;
};

static enum rc
made_read(struct tables_tx *tx, struct slice key, struct made *out)
{
	struct slice val;
	struct unpack u;
	bool version;
	enum rc rc = tables_get(tx, key, &val);

	if (rc != RC_OK)
		return rc;
	u = unpack_of(val);
	version = unpack_number(&u, 1, FORMAT) == FORMAT;
	out->what = (enum px_made)unpack_enum(&u, PX_MADE_FORWARD);
	out->id = unpack_number(&u, 8, UINT64_MAX);
	out->digest = u.rest;
	return version && !u.bad && u.rest.n == PX_DIGEST_BYTES ? RC_OK : RC_INTERNAL;
}

/* Whether what was made is still there. RC_NOT_FOUND. */
static enum rc
still_there(struct tables_tx *tx, const struct made *m, int64_t now)
{
	struct px_store_row store;
	struct px_forward_row forward;

	return m->what == PX_MADE_STORE ? px_store_row(tx, m->id, now, &store)
	                                : px_forward_row_live(tx, m->id, now, &forward);
}

enum rc
px_request_find(struct tables_tx *tx, int64_t now, struct slice who, const struct px_request *r,
                enum px_made what, uint64_t *id)
{
	struct table_key k;
	struct made m;
	bool same;
	enum rc rc = request_key(who, r, &k);

	if (rc == RC_OK)
		rc = made_read(tx, table_key_view(&k), &m);
	if (rc != RC_OK)
		return rc;
	*id = m.id;
	same = m.what == what &&
	       secret_equal(m.digest, slice_make((const char *)r->digest, PX_DIGEST_BYTES));
	rc = still_there(tx, &m, now);
	return rc == RC_OK && !same ? RC_CONFLICT : rc;
}

enum rc
px_request_put(struct tables_tx *tx, struct slice who, const struct px_request *r,
               enum px_made what, uint64_t id)
{
	struct table_key k, of = made_key(what, id);
	struct buf v;
	enum rc rc = request_key(who, r, &k);

	if (rc != RC_OK)
		return rc;
	buf_init(&v, VALUE_MAX);
	buf_be(&v, FORMAT, 1);
	buf_be(&v, what, 1);
	buf_be(&v, id, 8);
	buf_add(&v, r->digest, PX_DIGEST_BYTES);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&v));
	buf_fini(&v);
	return rc == RC_OK ? tables_put(tx, table_key_view(&of), table_key_view(&k)) : rc;
}

/* The id may be in use for something younger: that stays. */
enum rc
px_request_forget(struct tables_tx *tx, enum px_made what, uint64_t id)
{
	struct table_key of = made_key(what, id), k = { .n = 0 };
	struct slice key;
	struct made m;
	enum rc rc = tables_get(tx, table_key_view(&of), &key);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	table_key_add(&k, key.p, key.n);
	rc = made_read(tx, table_key_view(&k), &m);
	if (rc == RC_OK && m.what == what && m.id == id)
		rc = tables_del(tx, table_key_view(&k));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	return tables_del(tx, table_key_view(&of));
}
