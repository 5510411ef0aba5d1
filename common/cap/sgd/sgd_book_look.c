/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgd/sgd_rows.h"

static enum rc
append(const struct sgd_book *b, struct slice key, struct slice val, bool secret, struct buf *to)
{
	enum rc rc = RC_OK;

	if (secret)
		rc = sgd_unwrap(&b->key, key, val, to);
	else
		buf_slice(to, val);
	if (rc == RC_OK && to->failed)
		rc = RC_UNAVAILABLE;
	return rc == RC_DENIED ? RC_INTERNAL : rc;
}

enum rc
sgd_book_get(struct sgd_book *b, const struct table_key *k, bool secret, struct buf *to)
{
	struct tables_tx *tx;
	struct slice val;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(k), &val);
	if (rc == RC_OK)
		rc = append(b, table_key_view(k), val, secret, to);
	tables_abort(tx);
	return rc;
}

enum rc
sgd_book_totals(struct sgd_book *b, struct sgd_totals *out)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = sgd_totals_get(tx, out);
	tables_abort(tx);
	return rc;
}

enum rc
sgd_book_dest(struct sgd_book *b, const struct sgd_dest *dest, struct sgd_dest_row *out)
{
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = sgd_dest_get(tx, dest, out);
	tables_abort(tx);
	return rc;
}

enum rc
sgd_book_message(struct sgd_book *b, uint64_t number, struct sgd_message_row *out)
{
	struct table_key k = sgd_key_number(SGD_T_STATE, NULL, 0, number, 8);
	struct buf v;
	enum rc rc;

	buf_init(&v, SGD_ROW_MAX);
	rc = sgd_book_get(b, &k, false, &v);
	if (rc == RC_OK && !sgd_message_read(buf_view(&v), out))
		rc = RC_INTERNAL;
	buf_fini(&v);
	return rc;
}

struct looking {
	const struct sgd_book *b;
	size_t prefix;
	bool secret;
	sgd_visit *visit;
	void *arg;
	struct buf plain; /* secret */
	enum rc rc;
};

static bool
show(void *arg, struct slice key, struct slice val)
{
	struct looking *l = arg;
	bool more;

	if (!l->secret)
		return l->visit(l->arg, slice_from(key, l->prefix), val);
	buf_clear(&l->plain);
	l->rc = append(l->b, key, val, true, &l->plain);
	if (l->rc != RC_OK)
		return false;
	more = l->visit(l->arg, slice_from(key, l->prefix), buf_view(&l->plain));
	secret_wipe(l->plain.p, l->plain.n);
	return more;
}

enum rc
sgd_book_scan(struct sgd_book *b, const struct table_key *prefix, struct slice after, size_t limit,
              bool secret, sgd_visit *visit, void *arg)
{
	struct looking l = { .b = b,
		             .prefix = prefix->n,
		             .secret = secret,
		             .visit = visit,
		             .arg = arg,
		             .rc = RC_OK };
	struct table_key from = *prefix;
	struct tables_tx *tx;
	enum rc rc = tables_read(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	table_key_add(&from, after.p, after.n);
	buf_init(&l.plain, SGD_ROW_MAX);
	l.plain.secret = true;
	rc = tables_scan(tx, table_key_view(prefix),
	                 after.n == 0 ? SLICE_NONE : table_key_view(&from), limit, show, &l);
	tables_abort(tx);
	buf_fini(&l.plain);
	return rc == RC_OK ? l.rc : rc;
}
