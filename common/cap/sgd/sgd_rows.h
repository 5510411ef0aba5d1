/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the book of an SGA device share; private to sgd_book*.c and sgd_rows.c. */
#ifndef CAP_SGD_SGD_ROWS_H
#define CAP_SGD_SGD_ROWS_H

#include <stdatomic.h>

#include "cap/sgd/sgd_book.h"
#include "sec/secret.h"
#include "store/tables_work.h"

#define SGD_ROW_MAX ((size_t)1 << 20)

struct sgd_book {
	struct tables store;
	struct tables_work *work;
	struct sgd_limits limits;
	struct key key; /* of all that is wrapped */
	_Atomic uint64_t inbox_items, inbox_octets; /* as it was after the last change */
};

/* Appends val, wrapped for that key of the store, to to. */
enum rc sgd_wrap(const struct key *key, struct slice at, struct slice val, struct buf *to);
/* RC_DENIED: it is not what was wrapped there; to is as it was. */
enum rc sgd_unwrap(const struct key *key, struct slice at, struct slice val, struct buf *to);

/* Octets that wrapped ones stand for. */
size_t sgd_unwrapped(size_t n);

/* Writing appends; reading is strict. */
void sgd_totals_write(const struct sgd_totals *t, struct buf *to);
bool sgd_totals_read(struct slice val, struct sgd_totals *out);
void sgd_dest_write(const struct sgd_dest_row *d, struct buf *to);
void sgd_message_write(const struct sgd_message_row *m, struct buf *to);
void sgd_item_write(const struct sgd_item *i, struct buf *to);

/* RC_NOT_FOUND: all zero. */
enum rc sgd_totals_get(struct tables_tx *tx, struct sgd_totals *out);
enum rc sgd_dest_get(struct tables_tx *tx, const struct sgd_dest *dest, struct sgd_dest_row *out);

/* ---- sgd_change_run.c ---- */

/* All of c, in the transaction. */
enum rc sgd_change_run(struct tables_job *j, struct tables_tx *tx);

/* An operation of a change, as it lies in ops. */
enum sgd_op {
	SGD_OP_PUT = 1,
	SGD_OP_SECRET,
	SGD_OP_DEL,
	SGD_OP_DEL_ALL,
	SGD_OP_QUEUE, /* key: dest8; limits 1, lv16 row, kind 1, octets */
	SGD_OP_UNQUEUE, /* key: dest8; number 8, state 1 */
	SGD_OP_DROP_DEST, /* key: dest8 */
	SGD_OP_INBOX, /* an item */
	SGD_OP_INBOX_DEL, /* number 8, before 1 */
	SGD_OPS
};

#endif
