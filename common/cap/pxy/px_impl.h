/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the book share. Private to cap/pxy. All on the thread of the book, but views. */
#ifndef CAP_PXY_PX_IMPL_H
#define CAP_PXY_PX_IMPL_H

#include <stdatomic.h>

#include "cap/pxy/px_forward.h"
#include "cap/pxy/px_rows.h"
#include "cap/pxy/px_store.h"
#include "store/tables_work.h"

#define PX_EXPIRE_STEP 16u /* stores that one transaction of the clock ends */
#define PX_OWNER_BYTES 16u
#define PX_SWEEP_OCTETS (UINT64_C(1) << 20) /* that one step of removal removes, but for the last */

struct px_book {
	struct px_conf conf;
	struct key *wrap, *digests; /* secret memory */
	struct tables store;
	struct tables_work *work;
	atomic_uint_fast64_t touched; /* octets of the file, about, since they were given back */
	uint64_t over[PX_EXPIRE_STEP]; /* the worker's: what the last tick has ended */
	size_t n_over;
};

struct px_view {
	struct px_book *book;
	struct tables_tx *tx;
	int64_t now;
};

/* Hands op in; octets: about as many does it store. */
void px_op_submit(struct px_book *b, struct px_op *op, size_t octets,
                  enum rc (*run)(struct px_book *, struct px_op *, struct tables_tx *));
/* So many octets of the file were looked at or changed. Any thread. */
void px_touch(struct px_book *b, uint64_t octets);
/* What op tells when it is stored. */
void px_op_tells(struct px_op *op, enum px_told what, uint64_t id);
/* A new identifier that the table does not have. RC_INTERNAL. */
enum rc px_new_id(struct tables_tx *tx, enum px_table t, uint64_t *out);

enum rc px_totals_read(struct tables_tx *tx, struct px_total_row *out);
enum rc px_totals_write(struct tables_tx *tx, const struct px_total_row *t);

/* ---- px_store.c ---- */

/* Nobody finds it any more. */
bool px_store_over(const struct px_store_row *row, int64_t now);
/* RC_NOT_FOUND also when it is being removed, or over. */
enum rc px_store_row(struct tables_tx *tx, uint64_t id, int64_t now, struct px_store_row *out);
enum rc px_store_row_put(struct tables_tx *tx, uint64_t id, const struct px_store_row *row);
enum rc px_count_row(struct tables_tx *tx, uint64_t id, struct px_count_row *out);
enum rc px_count_row_put(struct tables_tx *tx, uint64_t id, const struct px_count_row *row);
/* out->owner and what is named. */
enum rc px_names_read(struct tables_tx *tx, uint64_t id, struct px_store *out);
/* Nobody finds the store and its forwards any more; they are removed in steps. */
enum rc px_store_gone(struct tables_tx *tx, uint64_t id);

/* ---- px_message.c ---- */

/* Removes the message; *octets is its length. RC_NOT_FOUND. */
enum rc px_message_remove(struct tables_tx *tx, uint64_t store, uint64_t number, uint64_t *octets);
/* When it was received. RC_NOT_FOUND. */
enum rc px_message_received(struct tables_tx *tx, uint64_t store, uint64_t number, uint64_t *out);

/* ---- px_marks.c ---- */

/* What the messages of one operation are held against. */
struct px_marks {
	struct tables_tx *tx; /* the first five are the caller's */
	uint64_t store;
	enum px_mode mode;
	uint64_t streams, streams_max; /* that have a mark: counted on; that may have one */
	bool loaded, changed;
	struct px_mark mark; /* mode stream: of the stream of the last message */
	uint8_t digests[PX_DIGESTS][PX_UNIT_DIGEST_BYTES]; /* mode individual */
	size_t n_digests;
};

/* *again: u is a repetition. RC_CONFLICT: a gap; RC_FORBIDDEN: too many streams. */
enum rc px_marks_take(struct px_marks *m, const struct px_unit *u, bool *again);
/* After the last of them. */
enum rc px_marks_store(struct px_marks *m);

/* ---- px_origin.c ---- */

bool px_origin_ok(const struct px_source *s);
enum rc px_origin_put(struct tables_tx *tx, uint64_t store, const struct px_source *s);
/* RC_NOT_FOUND: the store has none as yet. */
enum rc px_origin_get(struct tables_tx *tx, uint64_t store, struct px_source *out);
/* Becomes that of the store when it has none. RC_FORBIDDEN: it has another one. */
enum rc px_origin_check(struct tables_tx *tx, uint64_t store, const struct px_source *s);
enum rc px_origin_forget(struct tables_tx *tx, uint64_t store);

/* ---- px_again.c ---- */

/* The key of the record of an identity. */
enum rc px_owner_key(enum px_table t, struct slice identity, struct table_key *out);
/* One store more or less of that owner. RC_TOO_LARGE: it has max. */
enum rc px_owner_count(struct tables_tx *tx, struct slice owner, uint64_t max, bool more);

enum px_made { PX_MADE_STORE = 1, PX_MADE_FORWARD };

/* What the request has made. RC_NOT_FOUND; RC_CONFLICT: it was another request. */
enum rc px_request_find(struct tables_tx *tx, int64_t now, struct slice who,
                        const struct px_request *r, enum px_made what, uint64_t *id);
enum rc px_request_put(struct tables_tx *tx, struct slice who, const struct px_request *r,
                       enum px_made what, uint64_t id);
/* That is being removed. */
enum rc px_request_forget(struct tables_tx *tx, enum px_made what, uint64_t id);

/* ---- px_forward.c ---- */

/* RC_NOT_FOUND also when it is being removed. */
enum rc px_forward_row(struct tables_tx *tx, uint64_t id, struct px_forward_row *out);
/* RC_NOT_FOUND also when its store is over. */
enum rc px_forward_row_live(struct tables_tx *tx, uint64_t id, int64_t now,
                            struct px_forward_row *out);
enum rc px_forward_row_put(struct tables_tx *tx, uint64_t id, const struct px_forward_row *row);
/* Nobody finds it any more; it is removed in steps. Of one that is already: RC_OK. */
enum rc px_forward_gone(struct tables_tx *tx, uint64_t id);
/* The first number that a sink of the store still is to get; UINT64_MAX: it has none. */
enum rc px_needed_from(struct tables_tx *tx, uint64_t store, uint64_t *out);

/* ---- px_sink.c ---- */

struct table_key px_sink_key(enum px_table t, uint64_t forward, uint32_t sink);
enum rc px_sink_row(struct tables_tx *tx, uint64_t forward, uint32_t sink, struct px_sink_row *out);
enum rc px_sink_row_put(struct tables_tx *tx, uint64_t forward, uint32_t sink,
                        const struct px_sink_row *row);
/* The terms were checked; from: of the forward. */
enum rc px_sink_add(struct px_book *b, struct tables_tx *tx, uint64_t forward, uint32_t sink,
                    const struct px_sink_terms *terms, uint64_t from);
enum rc px_sink_terms_check(const struct px_book *b, const struct px_sink_terms *terms, size_t n);
enum rc px_sink_remove(struct tables_tx *tx, uint64_t forward, uint32_t sink);
/* Moves the cursor of the row, and releases what the store consumes. */
enum rc px_sink_move(struct tables_tx *tx, uint64_t store, struct px_sink_row *row,
                     uint64_t cursor);
/* The last message for a sink of that row and forward. */
uint64_t px_sink_until(const struct px_forward_row *f, const struct px_sink_row *s);

/* ---- px_bounds.c ---- */

bool px_bounds_ok(const struct px_section *last, size_t n);
/* first may be NULL. */
enum rc px_bounds_put(struct tables_tx *tx, uint64_t forward, uint32_t sink,
                      const struct px_section *first, const struct px_section *last, size_t n);
/* Those of a sink, or none. */
enum rc px_bounds_get(struct tables_tx *tx, uint64_t forward, uint32_t sink, struct px_sink *out);
/* All but the first. */
enum rc px_bounds_change(struct tables_tx *tx, uint64_t forward, uint32_t sink,
                         const struct px_section *last, size_t n);

/* ---- px_keys.c ---- */

/* Keys of datagrams, wrapped; k names the place. */
enum rc px_udp_key_put(const struct px_book *b, struct tables_tx *tx, const struct table_key *k,
                       const uint8_t key[PX_UDP_KEY_BYTES]);
/* RC_NOT_FOUND. out is a secret; zero unless RC_OK. */
enum rc px_udp_key_get(const struct px_book *b, struct tables_tx *tx, const struct table_key *k,
                       uint8_t out[PX_UDP_KEY_BYTES]);

enum rc px_key_put(struct px_book *b, struct tables_tx *tx, uint64_t forward, uint32_t sink,
                   struct px_sink_row *row, const struct px_key *key);
enum rc px_key_withdraw(struct tables_tx *tx, uint64_t forward, uint32_t sink,
                        struct px_sink_row *row, const struct px_key_of *of);

/* ---- px_sweep.c ---- */

/* What is being removed, in the order in which it is. */
enum px_gone {
	PX_GONE_SINK_KEYS = 1, /* the keys of a sink */
	PX_GONE_KEYS, /* those of a forward */
	PX_GONE_FORWARD,
	PX_GONE_STORE,
};

/* Has it removed. sink is 0 but for PX_GONE_SINK_KEYS. */
enum rc px_gone_put(struct tables_tx *tx, enum px_gone what, uint64_t id, uint32_t sink);
/* Has removed what the owner of the store has released and no sink needs, on behalf of op. */
enum rc px_released_put(struct px_op *op, struct tables_tx *tx, uint64_t store);
/* A step of everything; *more: at once again. */
enum rc px_sweep(struct tables_tx *tx, bool *more);

#endif
