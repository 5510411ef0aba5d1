/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/tables.h"

#include <stdlib.h>

#define UNDO_MAX (64u << 20) /* octets that one job may change */

/* How one change is taken back; old stands behind the key. */
struct undo {
	struct undo *before;
	size_t n_key, n_old;
	bool was_there;
	char octets[];
};

struct tables_tx {
	struct tables *store;
	struct txn *txn;
	struct undo *undo; /* the latest first, down to the mark */
	size_t undo_bytes;
	enum rc failure;
	bool writable, changed;
};

enum rc
tables_open(const struct store_ops *ops, const struct store_conf *conf, struct tables *out,
            char why[256])
{
	*out = (struct tables){ .ops = ops };
	return ops->open(conf, &out->store, why);
}

void
tables_close(struct tables *s)
{
	if (s->store != NULL)
		s->ops->close(s->store);
	s->store = NULL;
}

void
tables_trim(struct tables *s)
{
	if (s->ops->trim != NULL)
		s->ops->trim(s->store);
}

/* ---- the transaction ---- */

static void
forget_undo(struct tables_tx *tx)
{
	while (tx->undo != NULL) {
		struct undo *u = tx->undo;

		tx->undo = u->before;
		free(u);
	}
	tx->undo_bytes = 0;
}

static enum rc
begin(struct tables *s, bool writable, struct tables_tx **out)
{
	struct tables_tx *tx = calloc(1, sizeof(*tx));
	enum rc rc;

	if (tx == NULL)
		return RC_UNAVAILABLE;
	tx->store = s;
	tx->writable = writable;
	rc = s->ops->begin(s->store, writable, &tx->txn);
	if (rc != RC_OK) {
		free(tx);
		return rc;
	}
	*out = tx;
	return RC_OK;
}

enum rc
tables_begin(struct tables *s, struct tables_tx **out)
{
	return begin(s, true, out);
}

enum rc
tables_read(struct tables *s, struct tables_tx **out)
{
	return begin(s, false, out);
}

static void
end(struct tables_tx *tx)
{
	forget_undo(tx);
	free(tx);
}

enum rc
tables_commit(struct tables_tx *tx)
{
	enum rc rc = tx->failure;

	if (rc == RC_OK)
		rc = tx->store->ops->commit(tx->txn);
	else
		tx->store->ops->abort(tx->txn);
	end(tx);
	return rc;
}

void
tables_abort(struct tables_tx *tx)
{
	tx->store->ops->abort(tx->txn);
	end(tx);
}

void
tables_mark(struct tables_tx *tx)
{
	forget_undo(tx);
}

enum rc
tables_rollback(struct tables_tx *tx)
{
	const struct store_ops *ops = tx->store->ops;
	enum rc rc = tx->failure;

	for (const struct undo *u = tx->undo; u != NULL && rc == RC_OK; u = u->before) {
		struct slice key = slice_make(u->octets, u->n_key);

		if (u->was_there)
			rc = ops->put(tx->txn, key, slice_make(u->octets + u->n_key, u->n_old));
		else
			rc = ops->del(tx->txn, key);
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	forget_undo(tx);
	tx->failure = rc;
	return rc;
}

enum rc
tables_failure(const struct tables_tx *tx)
{
	return tx->failure;
}

bool
tables_changed(const struct tables_tx *tx)
{
	return tx->changed;
}

/* ---- records ---- */

static enum rc
note(struct tables_tx *tx, enum rc rc)
{
	if (rc != RC_OK && rc != RC_NOT_FOUND && tx->failure == RC_OK)
		tx->failure = rc;
	return rc;
}

enum rc
tables_get(struct tables_tx *tx, struct slice key, struct slice *val)
{
	if (tx->failure != RC_OK)
		return tx->failure;
	return note(tx, tx->store->ops->get(tx->txn, key, val));
}

bool
tables_has(struct tables_tx *tx, struct slice key)
{
	struct slice val;

	return tables_get(tx, key, &val) == RC_OK;
}

/* Remembers what the record was before it is changed. */
static enum rc
remember(struct tables_tx *tx, struct slice key)
{
	struct slice old = SLICE_NONE;
	enum rc rc = tx->writable ? tables_get(tx, key, &old) : note(tx, RC_INTERNAL);
	struct undo *u;

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (old.n > UNDO_MAX || tx->undo_bytes > UNDO_MAX - old.n)
		return note(tx, RC_NO_SPACE);
	u = malloc(sizeof(*u) + key.n + old.n);
	if (u == NULL)
		return note(tx, RC_UNAVAILABLE);
	*u = (struct undo){
		.before = tx->undo, .n_key = key.n, .n_old = old.n, .was_there = rc == RC_OK
	};
	memcpy(u->octets, key.p, key.n);
	if (old.n > 0)
		memcpy(u->octets + key.n, old.p, old.n);
	tx->undo = u;
	tx->undo_bytes += old.n + key.n + sizeof(*u);
	return RC_OK;
}

enum rc
tables_put(struct tables_tx *tx, struct slice key, struct slice val)
{
	enum rc rc = remember(tx, key);

	if (rc != RC_OK)
		return rc;
	tx->changed = true;
	return note(tx, tx->store->ops->put(tx->txn, key, val));
}

enum rc
tables_del(struct tables_tx *tx, struct slice key)
{
	enum rc rc = remember(tx, key);

	if (rc == RC_OK && tx->undo->was_there) {
		tx->changed = true;
		rc = note(tx, tx->store->ops->del(tx->txn, key));
	}
	return rc;
}

/* The first key above all that start with prefix. */
static struct table_key
beyond(struct slice prefix)
{
	struct table_key k = { .n = 0 };

	table_key_add(&k, prefix.p, prefix.n);
	while (k.n > 0 && (unsigned char)k.p[k.n - 1] == 0xff)
		k.n--;
	if (k.n > 0)
		k.p[k.n - 1] = (char)((unsigned char)k.p[k.n - 1] + 1);
	return k;
}

enum rc
tables_scan(struct tables_tx *tx, struct slice prefix, struct slice after, size_t limit,
            store_visit *visit, void *arg)
{
	struct table_key from = { .n = 0 }, to = beyond(prefix);

	if (tx->failure != RC_OK)
		return tx->failure;
	if (after.n > 0) {
		table_key_add(&from, after.p, after.n);
		table_key_add(&from, "", 1);
	}
	return note(tx, tx->store->ops->scan(tx->txn, after.n > 0 ? table_key_view(&from) : prefix,
	                                     table_key_view(&to), false, limit, visit, arg));
}

/* ---- keys ---- */

struct table_key
table_key(char table)
{
	return (struct table_key){ .p = { table }, .n = 1 };
}

struct table_key
table_key_of(char table, const void *p, size_t n)
{
	struct table_key k = table_key(table);

	table_key_add(&k, p, n);
	return k;
}

void
table_key_add(struct table_key *k, const void *p, size_t n)
{
	if (n > sizeof(k->p) - k->n) {
		k->n = 0;
		return;
	}
	if (n > 0)
		memcpy(k->p + k->n, p, n);
	k->n += n;
}

void
table_key_number(struct table_key *k, uint64_t v, unsigned size)
{
	char octets[8];

	for (unsigned i = 0; i < size; i++)
		octets[i] = (char)(unsigned char)(v >> 8 * (size - 1 - i));
	table_key_add(k, octets, size);
}
