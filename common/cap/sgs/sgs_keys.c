/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_keys.h"

#include "cap/sgs/sgs_book_impl.h"
#include "store/pack.h"

#define FORMAT 1

/* ---- the record of a package ---- */

static bool
package_read(struct slice key, struct slice val, struct sgs_keys *out)
{
	struct unpack u = unpack_of(val);
	bool version = unpack_number(&u, 1, FORMAT) == FORMAT;

	out->suite = (uint8_t)table_key_read(key, 1, 1);
	out->serial = (uint32_t)table_key_read(key, 2, 4);
	out->created = unpack_time(&u);
	out->package = unpack_text(&u, SGS_PACKAGE_MAX);
	return version && unpack_done(&u) && out->package.n > 0;
}

static enum rc
package_put(struct tables_tx *tx, const struct sgs_keys_put *p)
{
	struct table_key k = sgs_key_set(SGS_T_PACKAGE, p->suite, p->serial);
	struct buf v;
	enum rc rc;

	buf_init(&v, 64 + SGS_PACKAGE_MAX);
	buf_be(&v, FORMAT, 1);
	buf_be(&v, (uint64_t)p->created, 8);
	pack_text(&v, p->package);
	rc = v.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

/* ---- a new one ---- */

struct tally {
	const struct sgs_keys_put *p;
	size_t n;
	bool taken; /* its serial does not rise */
};

static bool
tally_one(void *arg, struct slice key, struct slice val)
{
	struct tally *t = arg;

	(void)val;
	t->n++;
	if (table_key_read(key, 1, 1) == t->p->suite && table_key_read(key, 2, 4) >= t->p->serial)
		t->taken = true;
	return true;
}

static enum rc
keys_check(struct tables_tx *tx, const struct sgs_keys_put *p)
{
	struct table_key of = table_key(SGS_T_PACKAGE);
	struct tally t = { .p = p };
	enum rc rc;

	if (p->suite == 0 || p->serial == 0 || p->created < 0 || p->package.n == 0 ||
	    p->secret.n == 0)
		return RC_BAD_REQUEST;
	if (p->package.n > SGS_PACKAGE_MAX || p->secret.n > SGS_KEYS_SECRET_MAX)
		return RC_TOO_LARGE;
	rc = tables_scan(tx, table_key_view(&of), SLICE_NONE, 0, tally_one, &t);
	if (rc == RC_OK && t.taken)
		rc = RC_CONFLICT;
	return rc == RC_OK && t.n >= SGS_KEYS_MAX ? RC_NO_SPACE : rc;
}

static enum rc
run_put(struct sgs_turn *t, struct sgs_op *op)
{
	const struct sgs_keys_put *p = (const struct sgs_keys_put *)(const void *)op;
	struct table_key k = sgs_key_set(SGS_T_PRIVATE, p->suite, p->serial);
	struct table_key used = sgs_key_set(SGS_T_IN_USE, p->suite, p->serial);
	const struct sgs_keys_row none = { 0 };
	enum rc rc = keys_check(t->tx, p);

	if (rc == RC_OK)
		rc = package_put(t->tx, p);
	if (rc == RC_OK)
		rc = sgs_secret_put(t->b, t->tx, &k, SGS_SECRET_PRIVATE, p->secret);
	return rc == RC_OK ? table_row_put(t->tx, &used, &none, sizeof(none)) : rc;
}

void
sgs_keys_put(struct sgs_book *b, struct sgs_keys_put *p)
{
	sgs_op_submit(b, &p->op, 0, run_put);
}

/* ---- in use, removal ---- */

enum rc
sgs_keys_count(struct tables_tx *tx, uint64_t suite, uint64_t serial, bool more)
{
	struct table_key used = sgs_key_set(SGS_T_IN_USE, (uint8_t)suite, (uint32_t)serial);
	struct sgs_keys_row row;
	enum rc rc = table_row_get(tx, &used, &row, sizeof(row));

	if (rc != RC_OK)
		return rc;
	if (more)
		row.in_use++;
	else
		rc = sgs_less(&row.in_use, 1);
	return rc == RC_OK ? table_row_put(tx, &used, &row, sizeof(row)) : rc;
}

static enum rc
run_remove(struct sgs_turn *t, struct sgs_op *op)
{
	static const enum sgs_table records[] = { SGS_T_PACKAGE, SGS_T_PRIVATE, SGS_T_IN_USE };
	const struct sgs_keys_remove *r = (const struct sgs_keys_remove *)(const void *)op;
	struct table_key used = sgs_key_set(SGS_T_IN_USE, r->suite, r->serial);
	struct sgs_keys_row row;
	enum rc rc = table_row_get(t->tx, &used, &row, sizeof(row));

	if (rc == RC_OK && row.in_use > 0)
		rc = RC_CONFLICT;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]) && rc == RC_OK; i++) {
		struct table_key k = sgs_key_set(records[i], r->suite, r->serial);

		rc = sgs_del(t->tx, &k);
	}
	return rc;
}

void
sgs_keys_remove(struct sgs_book *b, struct sgs_keys_remove *r)
{
	sgs_op_submit(b, &r->op, 0, run_remove);
}

/* ---- reading ---- */

struct listing {
	const struct sgs_view *v;
	sgs_keys_visit *visit;
	void *arg;
	enum rc rc;
};

static bool
list_one(void *arg, struct slice key, struct slice val)
{
	struct listing *l = arg;
	struct sgs_keys keys;
	struct sgs_keys_row row = { 0 };
	struct table_key used;

	l->rc = package_read(key, val, &keys) ? RC_OK : RC_INTERNAL;
	if (l->rc != RC_OK)
		return false;
	used = sgs_key_set(SGS_T_IN_USE, keys.suite, keys.serial);
	l->rc = sgs_must(table_row_get(l->v->tx, &used, &row, sizeof(row)));
	keys.in_use = row.in_use;
	return l->rc == RC_OK && l->visit(l->arg, &keys);
}

enum rc
sgs_keys_list(const struct sgs_view *v, sgs_keys_visit *visit, void *arg)
{
	struct table_key of = table_key(SGS_T_PACKAGE);
	struct listing l = { .v = v, .visit = visit, .arg = arg, .rc = RC_OK };
	enum rc rc = tables_scan(v->tx, table_key_view(&of), SLICE_NONE, 0, list_one, &l);

	return rc == RC_OK ? l.rc : rc;
}

enum rc
sgs_keys_secret(const struct sgs_view *v, uint8_t suite, uint32_t serial, void *out, size_t max,
                size_t *n)
{
	struct table_key k = sgs_key_set(SGS_T_PRIVATE, suite, serial);

	return sgs_secret_get(v->book, v->tx, &k, SGS_SECRET_PRIVATE, out, max, n);
}
