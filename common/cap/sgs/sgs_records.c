/* SPDX-License-Identifier: Apache-2.0 */
/* What the records of the book have in common: secrets, time, steps. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"
#include "sec/record.h"
#include "sga/keys.h"
#include "sga/package.h"
#include "sga/server.h"

/* All that libsga makes has its place here. */
_Static_assert(SGS_SID_BYTES == SGA_SID_SIZE && SGS_HASH_BYTES == SGA_HASH_SIZE, "identifiers");
_Static_assert(SGS_STATE_MAX >= SGA_SERVER_SAVED_MAX, "states");
_Static_assert(SGS_KEYS_SECRET_MAX >= SGA_KEYS_MAX && SGS_PACKAGE_MAX >= SGA_PACKAGE_MAX, "keys");
_Static_assert(SGS_MESSAGE_MAX >= SGA_MESSAGE_MAX && SGS_ID_MAX >= SGA_ID_MAX, "messages");
_Static_assert(SGS_STATE_MAX <= RECORD_SECRET_MAX && SGS_KEYS_SECRET_MAX <= RECORD_SECRET_MAX,
               "wrapped records");

#define VALUE_MAX ((size_t)RECORD_FIXED + STORE_KEY_MAX + RECORD_SECRET_MAX)

/* ---- secrets: a wrapped record opens in its place alone, which is authenticated with it ---- */

enum rc
sgs_secret_put(const struct sgs_book *b, struct tables_tx *tx, const struct table_key *k,
               enum sgs_secret what, struct slice secret)
{
	const struct record r = { .type = (uint8_t)what,
		                  .not_after = RECORD_NEVER,
		                  .name = table_key_view(k) };
	struct buf v;
	enum rc rc;

	buf_init(&v, VALUE_MAX);
	rc = record_seal(b->wrap, &r, secret, &v);
	if (rc == RC_NO_SPACE || v.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

static enum rc
secret_open(const struct sgs_book *b, const struct table_key *k, enum sgs_secret what,
            struct slice val, void *out, size_t max, size_t *n)
{
	struct record r;
	enum rc rc;

	if (record_parse(&val, &r) != RC_OK || val.n != 0 || r.type != what ||
	    !slice_eq(r.name, table_key_view(k)))
		return RC_INTERNAL;
	rc = record_open(b->wrap, &r, out, max, n);
	return rc == RC_OK || rc == RC_TOO_LARGE ? rc : RC_INTERNAL;
}

enum rc
sgs_secret_get(const struct sgs_book *b, struct tables_tx *tx, const struct table_key *k,
               enum sgs_secret what, void *out, size_t max, size_t *n)
{
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(k), &val);

	*n = 0;
	if (rc == RC_OK)
		rc = secret_open(b, k, what, val, out, max, n);
	if (rc != RC_OK) {
		secret_wipe(out, max);
		*n = 0;
	}
	return rc;
}

/* ---- time ---- */

enum rc
sgs_del(struct tables_tx *tx, const struct table_key *k)
{
	return tables_del(tx, table_key_view(k));
}

enum rc
sgs_due_put(struct tables_tx *tx, uint64_t when, enum sgs_due what, const struct table_key *thing)
{
	struct table_key k = sgs_key_due(when, what, thing);

	return tables_put(tx, table_key_view(&k), SLICE_NONE);
}

enum rc
sgs_due_del(struct tables_tx *tx, uint64_t when, enum sgs_due what, const struct table_key *thing)
{
	struct table_key k = sgs_key_due(when, what, thing);

	return sgs_del(tx, &k);
}

/* ---- steps ---- */

static bool
find_one(void *arg, struct slice key, struct slice val)
{
	struct sgs_found *f = arg;

	(void)val;
	f->keys[f->n].n = 0;
	table_key_add(&f->keys[f->n++], key.p, key.n);
	return f->n < SGS_STEP;
}

enum rc
sgs_find(struct tables_tx *tx, const struct table_key *of, struct sgs_found *out)
{
	out->n = 0;
	return tables_scan(tx, table_key_view(of), SLICE_NONE, SGS_STEP, find_one, out);
}
