/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of security tables (store/store.h) of the MAS's or the MSBF's own, and its write
 * transaction, in which several jobs take part: each of them applies as a whole or not at all.
 * Keys begin with the letter of their table. Nothing unwrapped is ever put into it.
 */
#ifndef MAS_STORE_H
#define MAS_STORE_H

#include "base/buf.h"
#include "store/store.h"

struct mas_store {
	const struct store_ops *ops;
	struct store *store;
};

struct mas_tx; /* of the thread that began it */

/* RC_OK; else *why says why in one line. */
enum rc mas_store_open(const struct store_ops *ops, const struct store_conf *conf,
                       struct mas_store *out, char why[256]);
/* Of one that was never opened, and all zero: fine. */
void mas_store_close(struct mas_store *s);

enum rc mas_tx_begin(struct mas_store *s, struct mas_tx **tx);
/* Both end it. */
enum rc mas_tx_commit(struct mas_tx *tx);
void mas_tx_abort(struct mas_tx *tx);

/* What was changed from here on can be taken back. One mark at a time. */
void mas_tx_mark(struct mas_tx *tx);
/* Takes back all since the mark. An error: the transaction can only be aborted. */
enum rc mas_tx_rollback(struct mas_tx *tx);
/* What a read or change failed with (not RC_NOT_FOUND); RC_OK. Sticky until the end. */
enum rc mas_tx_failure(const struct mas_tx *tx);
/* True when something was changed since the begin. */
bool mas_tx_changed(const struct mas_tx *tx);

/* val lives until the next change. RC_NOT_FOUND. */
enum rc mas_get(struct mas_tx *tx, struct slice key, struct slice *val);
bool mas_has(struct mas_tx *tx, struct slice key);
enum rc mas_put(struct mas_tx *tx, struct slice key, struct slice val);
/* RC_OK also when there is none. */
enum rc mas_del(struct mas_tx *tx, struct slice key);
/*
 * The records whose keys start with prefix and are above after (empty: all), in their order, at
 * most limit (0 = all). The visitor must not change anything. Keys are those of the store.
 */
enum rc mas_scan(struct mas_tx *tx, struct slice prefix, struct slice after, size_t limit,
                 store_visit *visit, void *arg);

/* A key under construction: a letter and what follows it. */
struct mas_key {
	char p[STORE_KEY_MAX];
	size_t n;
};

struct mas_key mas_key(char table);
/* The same with n octets behind it. */
struct mas_key mas_key_of(char table, const void *p, size_t n);
/* What does not fit makes a key that no record has: n is then 0. */
void mas_key_add(struct mas_key *k, const void *p, size_t n);
void mas_key_number(struct mas_key *k, uint64_t v, unsigned size);
static inline struct slice
mas_key_view(const struct mas_key *k)
{
	return (struct slice){ k->p, k->n };
}

#endif
