/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SGA device keeps: itself at each server, its sessions and groups, messages that wait to be
 * sent, sealed records under way, messages that have come. One store of tables with one thread that
 * changes it (store/tables_work.h); everybody reads snapshots.
 *
 * All integers are big-endian. (w): wrapped with AES-256-GCM under a key that is derived from the
 * key-encryption key; the key of the record is authenticated with it.
 *
 *   V                    version 1, check (w)
 *   T                    totals: struct sgd_totals
 *   C server8            request counter: all below are used up 8
 *   K server8 (w)        the device at a server (sgd_server.c)
 *   S sid16 (w)          a session (sgd_session.c)
 *   G gid16 (w)          a group (sgd_group.c)
 *   D dest8              who messages wait for: struct sgd_dest_row
 *   Q dest8 number8 (w)  a message that waits: kind 1, octets
 *   M number8            what became of it: state 1, dest8, group 1, name
 *   R id16 ctr4          a sealed record on its way: number 8, octets; id: of its session or group
 *   H gid16 number8      a group record whose epoch's key has not come
 *   I number8 (w)        a message that has come: struct sgd_item
 *
 * server8 and dest8: the first octets of SHA-256 of the name.
 */
#ifndef CAP_SGD_SGD_BOOK_H
#define CAP_SGD_SGD_BOOK_H

#include "base/clock.h"
#include "base/log.h"
#include "sga/sga.h"
#include "store/tables_job.h"
#include "store/tables.h"

#define SGD_KEY_BYTES 8u /* server8, dest8 */
#define SGD_MESSAGES_KNOWN 16384u /* whose state is still told */

enum sgd_table {
	SGD_T_VERSION = 'V',
	SGD_T_TOTALS = 'T',
	SGD_T_COUNTER = 'C',
	SGD_T_SERVER = 'K',
	SGD_T_SESSION = 'S',
	SGD_T_GROUP = 'G',
	SGD_T_DEST = 'D',
	SGD_T_QUEUE = 'Q',
	SGD_T_STATE = 'M',
	SGD_T_RECORD = 'R',
	SGD_T_HELD = 'H',
	SGD_T_INBOX = 'I',
};

struct sgd_book;

struct sgd_limits {
	unsigned queue_items; /* messages that wait for one peer or group */
	uint64_t queue_octets;
	unsigned dests; /* peers and groups that messages wait for */
	unsigned inbox_items;
	uint64_t inbox_octets;
};

struct sgd_book_conf {
	const char *dir; /* NULL: in memory */
	const struct store_ops *engine; /* of dir */
	const struct key *kek; /* copied as what is derived from it */
	struct sgd_limits limits;
	const struct clock *clock;
	struct log *log;
};

/* RC_OK; else *why says why in one line. RC_DENIED: another key wrapped what is there. */
enum rc sgd_book_open(const struct sgd_book_conf *conf, struct sgd_book **out, char why[256]);
/* Ends what waits. NULL is fine. */
void sgd_book_close(struct sgd_book *b);

/* ---- rows ---- */

struct sgd_totals {
	uint64_t messages; /* number of the last one taken */
	uint64_t items; /* of the last one that came */
	uint64_t inbox_items, inbox_octets; /* that are there */
	uint64_t dests;
};

struct sgd_dest {
	uint8_t v[SGD_KEY_BYTES];
};

struct sgd_dest_row {
	bool group; /* name: of a group, its gid as 32 digits; else of a peer */
	struct sga_id server, name;
	uint32_t items;
	uint64_t octets;
};

enum sgd_message_state { SGD_QUEUED = 1, SGD_SENT, SGD_FAILED };

struct sgd_message_row {
	enum sgd_message_state state;
	struct sgd_dest dest;
	bool group;
	struct sga_id name;
};

/* What a message in the queue is. */
enum sgd_kind {
	SGD_KIND_DATA = 1, /* of an application */
	SGD_KIND_GROUP_KEY, /* of an epoch of a group, for a member */
};

/* A message that has come. */
struct sgd_item {
	struct sga_id from;
	bool has_group;
	struct sga_sid group;
	int64_t time; /* microseconds since 1970 */
	struct slice data;
};

/* Name of a peer at a server, of a group; RC_INTERNAL. */
enum rc sgd_dest_of(const struct sgd_dest_row *row, struct sgd_dest *out);
/* server8. */
enum rc sgd_server_key(const struct sga_id *server, struct sgd_dest *out);

struct table_key sgd_key(enum sgd_table t, const void *id, size_t n);
struct table_key sgd_key_number(enum sgd_table t, const void *id, size_t n, uint64_t number,
                                unsigned size);

/* ---- changes: all or nothing, in the order of their submission ---- */

/* In memory of whoever submits it, alive until done. Begin, add, submit; the book ends the rest. */
struct sgd_change {
	/* On the book's thread. RC_OK: it is durable. RC_NO_SPACE: a limit, or the store is full. */
	void (*done)(struct sgd_change *c);
	void *owner;
	enum rc rc;
	uint64_t number; /* of the last message that was queued by it */

	struct buf ops; /* the book's, as the following */
	struct tables_job job;
	struct sgd_book *book;
	struct sgd_totals totals;
};

/* The memory of one that was used before is used again; of a new one all is zero. */
void sgd_change_begin(struct sgd_change *c);
/* For one that will not be submitted any more. */
void sgd_change_end(struct sgd_change *c);
bool sgd_change_is_empty(const struct sgd_change *c);
void sgd_change_put(struct sgd_change *c, const struct table_key *k, struct slice val);
/* The same, wrapped. */
void sgd_change_put_secret(struct sgd_change *c, const struct table_key *k, struct slice val);
void sgd_change_del(struct sgd_change *c, const struct table_key *k);
/* All records whose keys start with prefix. */
void sgd_change_del_all(struct sgd_change *c, const struct table_key *prefix);
/*
 * A message for row (its items and octets are not looked at) gets the next number and waits. limits:
 * RC_NO_SPACE when too much waits; else it is taken all the same.
 */
void sgd_change_queue(struct sgd_change *c, const struct sgd_dest_row *row, enum sgd_kind kind,
                      struct slice data, bool limits);
/* A message leaves the queue with that state: SGD_SENT or SGD_FAILED. */
void sgd_change_unqueue(struct sgd_change *c, const struct sgd_dest *dest, uint64_t number,
                        enum sgd_message_state state);
/* All that waits for it fails. */
void sgd_change_drop_dest(struct sgd_change *c, const struct sgd_dest *dest);
/* A message has come; it gets the next number. */
void sgd_change_inbox(struct sgd_change *c, const struct sgd_item *item);
/* A message that has come is not needed any more; before: nor are those with lower numbers. */
void sgd_change_inbox_del(struct sgd_change *c, uint64_t number, bool before);
/* Any thread. done is called in every case, never from within. */
void sgd_book_submit(struct sgd_book *b, struct sgd_change *c);

/* ---- what is there: any thread ---- */

/* RC_NOT_FOUND; RC_INTERNAL: damaged. Appends the value; secret: unwraps, to->secret is set. */
enum rc sgd_book_get(struct sgd_book *b, const struct table_key *k, bool secret, struct buf *to);
enum rc sgd_book_totals(struct sgd_book *b, struct sgd_totals *out);
enum rc sgd_book_dest(struct sgd_book *b, const struct sgd_dest *dest, struct sgd_dest_row *out);
enum rc sgd_book_message(struct sgd_book *b, uint64_t number, struct sgd_message_row *out);
/* There is room in the inbox; a moment later there may be none. */
bool sgd_book_has_room(struct sgd_book *b);

/*
 * Records of a table whose keys start with prefix, above after (empty: all), at most limit (0: all),
 * with the key behind the prefix; secret: unwrapped. Return false to stop. What cannot be unwrapped
 * ends it with RC_INTERNAL.
 */
typedef bool sgd_visit(void *arg, struct slice rest, struct slice val);
enum rc sgd_book_scan(struct sgd_book *b, const struct table_key *prefix, struct slice after,
                      size_t limit, bool secret, sgd_visit *visit, void *arg);

/* val: of a scan of SGD_T_DEST, _STATE, _INBOX. False: damaged. Slices lie in val. */
bool sgd_dest_read(struct slice val, struct sgd_dest_row *out);
bool sgd_message_read(struct slice val, struct sgd_message_row *out);
bool sgd_item_read(struct slice val, struct sgd_item *out);

/* Waits until all that was submitted is done. For tests and the end. */
void sgd_book_settle(struct sgd_book *b);

#endif
