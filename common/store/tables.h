/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables in a store (store/store.h) of their owner's own, and its write transaction, in which
 * several jobs take part: each of them applies as a whole or not at all. Keys begin with the
 * letter of their table. Secrets are wrapped before they are put into it.
 */
#ifndef STORE_TABLES_H
#define STORE_TABLES_H

#include "base/buf.h"
#include "store/store.h"

struct tables {
	const struct store_ops *ops;
	struct store *store;
};

struct tables_tx; /* of one thread at a time; one that changes something, of that which began it */

/* RC_OK; else *why says why in one line. */
enum rc tables_open(const struct store_ops *ops, const struct store_conf *conf, struct tables *out,
                    char why[256]);
/* Of one that was never opened, and all zero: fine. */
void tables_close(struct tables *s);
/*
 * Gives back memory that only mirrors what is on disk (store_ops.trim). Not by a thread that is in a
 * transaction that changes something.
 */
void tables_trim(struct tables *s);

enum rc tables_begin(struct tables *s, struct tables_tx **tx);
/*
 * A snapshot of what is stored, only to be read; tables_abort ends it. Any thread. What is removed
 * meanwhile takes up room until then: soon.
 */
enum rc tables_read(struct tables *s, struct tables_tx **tx);
/* Both end it. */
enum rc tables_commit(struct tables_tx *tx);
void tables_abort(struct tables_tx *tx);

/* What was changed from here on can be taken back. One mark at a time. */
void tables_mark(struct tables_tx *tx);
/* Takes back all since the mark. An error: the transaction can only be aborted. */
enum rc tables_rollback(struct tables_tx *tx);
/* What a read or change failed with (not RC_NOT_FOUND); RC_OK. Sticky until the end. */
enum rc tables_failure(const struct tables_tx *tx);
/* True when something was changed since the begin. */
bool tables_changed(const struct tables_tx *tx);

/* val lives until the next change or the end. RC_NOT_FOUND. */
enum rc tables_get(struct tables_tx *tx, struct slice key, struct slice *val);
bool tables_has(struct tables_tx *tx, struct slice key);
/* RC_INTERNAL in a snapshot, as tables_del. */
enum rc tables_put(struct tables_tx *tx, struct slice key, struct slice val);
/* RC_OK also when there is none. */
enum rc tables_del(struct tables_tx *tx, struct slice key);
/*
 * The records whose keys start with prefix and are above after (empty: all), in their order, at
 * most limit (0 = all). The visitor must not change anything. Keys are those of the store.
 */
enum rc tables_scan(struct tables_tx *tx, struct slice prefix, struct slice after, size_t limit,
                    store_visit *visit, void *arg);

/* A key under construction: a letter and what follows it. */
struct table_key {
	char p[STORE_KEY_MAX];
	size_t n;
};

struct table_key table_key(char table);
/* The same with n octets behind it. */
struct table_key table_key_of(char table, const void *p, size_t n);
/* What does not fit makes a key that no record has: n is then 0. */
void table_key_add(struct table_key *k, const void *p, size_t n);
void table_key_number(struct table_key *k, uint64_t v, unsigned size);
static inline struct slice
table_key_view(const struct table_key *k)
{
	return (struct slice){ k->p, k->n };
}

#endif
