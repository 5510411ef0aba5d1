/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the book share. Private to it. All on the thread of the book, but views. */
#ifndef CAP_SGS_SGS_BOOK_IMPL_H
#define CAP_SGS_SGS_BOOK_IMPL_H

#include <stdatomic.h>

#include "cap/sgs/sgs_device.h"
#include "cap/sgs/sgs_group.h"
#include "cap/sgs/sgs_keys.h"
#include "cap/sgs/sgs_mailbox.h"
#include "cap/sgs/sgs_rows.h"
#include "cap/sgs/sgs_session.h"
#include "store/tables_work.h"

#define SGS_STEP 64u /* things that one step of expiry or removal ends */

struct sgs_book {
	struct sgs_conf conf;
	struct key *wrap; /* secret memory */
	struct tables store;
	struct tables_work *work;
	atomic_uint_fast64_t touched; /* octets of the file, about, since they were given back */
};

struct sgs_view {
	struct sgs_book *book;
	struct tables_tx *tx;
	int64_t now;
};

/* One run of an operation, or one step of expiry or removal. */
struct sgs_turn {
	struct sgs_book *b;
	struct tables_tx *tx;
	int64_t now;
	struct sgs_total_row totals; /* written back when all else is done */
};

#define SGS_OP_OCTETS (UINT64_C(16) << 10) /* what an operation or a view is taken for */

/* So many octets of the file were looked at or changed; so many that they should be given back. */
void sgs_touch(struct sgs_book *b, uint64_t octets);
bool sgs_is_touched(const struct sgs_book *b);

/* Hands op in; octets: about as many does it store. */
void sgs_op_submit(struct sgs_book *b, struct sgs_op *op, size_t octets,
                   enum rc (*run)(struct sgs_turn *, struct sgs_op *));
/* What op tells when it is stored, of up to two devices; the last what counts. */
void sgs_op_tells(struct sgs_op *op, enum sgs_told what, uint64_t device);

/* What must be there and is not is damage. */
static inline enum rc
sgs_must(enum rc rc)
{
	return rc == RC_NOT_FOUND ? RC_INTERNAL : rc;
}

/* Counts down; RC_INTERNAL: there is less. */
static inline enum rc
sgs_less(uint64_t *n, uint64_t by)
{
	if (*n < by)
		return RC_INTERNAL;
	*n -= by;
	return RC_OK;
}

/* ---- sgs_records.c ---- */

/* What is wrapped, in its record. */
enum sgs_secret { SGS_SECRET_KD = 1, SGS_SECRET_STATE, SGS_SECRET_PRIVATE };

/* At most RECORD_SECRET_MAX octets (sec/record.h) of that kind to the place k. */
enum rc sgs_secret_put(const struct sgs_book *b, struct tables_tx *tx, const struct table_key *k,
                       enum sgs_secret what, struct slice secret);
/*
 * Into out, which has room for max octets. RC_NOT_FOUND; RC_TOO_LARGE; RC_INTERNAL. Zero unless
 * RC_OK.
 */
enum rc sgs_secret_get(const struct sgs_book *b, struct tables_tx *tx, const struct table_key *k,
                       enum sgs_secret what, void *out, size_t max, size_t *n);

enum rc sgs_del(struct tables_tx *tx, const struct table_key *k);
/* What is over at a time: marks it, forgets it. thing: its key. */
enum rc sgs_due_put(struct tables_tx *tx, uint64_t when, enum sgs_due what,
                    const struct table_key *thing);
enum rc sgs_due_del(struct tables_tx *tx, uint64_t when, enum sgs_due what,
                    const struct table_key *thing);

/* Keys of one prefix, at most SGS_STEP. */
struct sgs_found {
	struct table_key keys[SGS_STEP];
	size_t n;
};

enum rc sgs_find(struct tables_tx *tx, const struct table_key *of, struct sgs_found *out);

/* ---- sgs_device.c, sgs_token.c ---- */

/* RC_NOT_FOUND also when it is being removed. */
enum rc sgs_device_row(struct tables_tx *tx, uint64_t device, struct sgs_device_row *out);
enum rc sgs_count_get(struct tables_tx *tx, uint64_t device, struct sgs_count_row *out);
enum rc sgs_count_put(struct tables_tx *tx, uint64_t device, const struct sgs_count_row *c);
/* Of that identity. RC_NOT_FOUND. */
enum rc sgs_number_of(struct tables_tx *tx, struct slice id, uint64_t *out);
/* Takes the token of that identity away. RC_DENIED: it is another's, over, or there is none. */
enum rc sgs_token_use(struct sgs_turn *t, const uint8_t hash[SGS_HASH_BYTES], struct slice id);
/* One whose time is over. */
enum rc sgs_token_expire(struct sgs_turn *t, const struct table_key *token);

/* ---- sgs_keys.c ---- */

/* One negotiation more or less that needs the key set. RC_NOT_FOUND. */
enum rc sgs_keys_count(struct tables_tx *tx, uint64_t suite, uint64_t serial, bool more);

/* ---- sgs_mailbox.c ---- */

/* What is to be put into a mailbox. */
struct sgs_load {
	struct slice octets; /* 1..SGS_MESSAGE_MAX */
	uint64_t blob; /* 0: stored with the item; else octets is what that one has */
	int64_t ttl;
};

/* RC_NOT_FOUND: no such device; RC_NO_SPACE: and then nothing is changed. */
enum rc sgs_item_put(struct sgs_turn *t, uint64_t device, const struct sgs_load *l);
/* What the mailbox itself has room for; not whether there is any in all. RC_NOT_FOUND. */
enum rc sgs_item_fits(struct sgs_turn *t, uint64_t device, size_t octets, bool *fits);
/* As sgs_item_put, as far as there is room and the device is there; empty octets: nothing. */
enum rc sgs_item_offer(struct sgs_turn *t, uint64_t device, const struct sgs_load *l, bool *put);
/* c: of the device, which the caller writes back. RC_NOT_FOUND. */
enum rc sgs_item_remove(struct sgs_turn *t, uint64_t device, uint64_t item,
                        struct sgs_count_row *c);
/* Stores what several mailboxes are to have; it is removed with the last of them. */
enum rc sgs_blob_make(struct sgs_turn *t, struct slice octets, uint64_t in, uint64_t *blob);

/* ---- sgs_session.c ---- */

/* RC_NOT_FOUND also when it is over, or one of its devices is being removed. */
enum rc sgs_session_row(struct tables_tx *tx, const uint8_t sid[SGS_SID_BYTES], int64_t now,
                        struct sgs_session_row *out);
enum rc sgs_session_put(struct tables_tx *tx, const uint8_t sid[SGS_SID_BYTES],
                        const struct sgs_session_row *row);
/* Removes it with all that it has, but for what is in mailboxes. */
enum rc sgs_session_remove(struct sgs_turn *t, const uint8_t sid[SGS_SID_BYTES]);

/* ---- sgs_group.c ---- */

/* RC_NOT_FOUND also when its owner is being removed. */
enum rc sgs_group_row(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES],
                      struct sgs_group_row *out);
/* The group of a device that is being removed: stale without it, or gone when it is the owner. */
enum rc sgs_group_lose(struct sgs_turn *t, const uint8_t gid[SGS_SID_BYTES], uint64_t device);

/* Numbers of members in their order. */
struct sgs_members {
	uint64_t v[SGS_MEMBERS_MAX];
	size_t n;
};

enum rc sgs_members_read(struct tables_tx *tx, const uint8_t gid[SGS_SID_BYTES],
                         struct sgs_members *out);

/* ---- sgs_sweep.c ---- */

/* Ends what is over by time; *more: there is more of it. */
enum rc sgs_expire(struct sgs_turn *t, bool *more);
/* Removes a step of what belongs to a device that is gone. */
enum rc sgs_sweep(struct sgs_turn *t, bool *more);

#endif
