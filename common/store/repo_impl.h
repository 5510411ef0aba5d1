/* SPDX-License-Identifier: Apache-2.0 */
/* What the repo_*.c files share; nobody else includes this. */
#ifndef STORE_REPO_IMPL_H
#define STORE_REPO_IMPL_H

#include "store/repo.h"

#include <pthread.h>
#include <stdatomic.h>

enum space {
	SPACE_META = 'M',
	SPACE_NODE = 'N',
	SPACE_CHILD = 'C',
	SPACE_COLL = 'K',
	SPACE_INSTANCE = 'I',
	SPACE_INSTANCE_NAME = 'J',
	SPACE_TAIL = 'T',
	SPACE_RETAINED = 'R',
	SPACE_AUTHORITY = 'A',
	SPACE_DUE = 'E',
	SPACE_LABEL = 'L',
	SPACE_TYPE = 'Y',
	SPACE_REMOVED = 'G',
	SPACE_LANE = 'S',
	SPACE_PENDING = 'P',
	SPACE_WORK = 'W'
};

struct repo_key {
	size_t n;
	char b[STORE_KEY_MAX];
};

static inline struct slice
key_view(const struct repo_key *k)
{
	return slice_make(k->b, k->n);
}

void key_init(struct repo_key *k, enum space space);
void key_be(struct repo_key *k, uint64_t v, unsigned size);
void key_text(struct repo_key *k, struct slice s);
/* space + id */
void key_id(struct repo_key *k, enum space space, uint64_t id);
void key_id_seq(struct repo_key *k, enum space space, uint64_t id, uint64_t seq);

/* Reads integers and texts from a record or key; a short record turns ok off and yields zeros. */
struct reader {
	struct slice rest;
	bool ok;
};

uint64_t read_be(struct reader *r, unsigned size);
struct slice read_bytes(struct reader *r, size_t n);

/* One cached sequence of a container; the committer's alone. */
struct cached_seq {
	uint64_t container;
	uint64_t first, last, next; /* live ends; the next number to give */
	int64_t total_nr, total_bytes; /* ever appended, up to next */
	int64_t before_nr, before_bytes; /* totals before first */
	int64_t hole_nr, hole_bytes; /* removed ones between first and next */
	int64_t modified;
	int64_t last_created;
	bool lookalikes; /* client-chosen names in the form of generated ones exist */
	bool lanes_known;
	bool touched; /* changed in this transaction; see seq_touch */
	struct seq_lane *lanes; /* heap */
	size_t nlanes;
	struct cached_seq *chain; /* bucket */
	struct cached_seq *newer, *older; /* by use */
};

/* What readers are told about a container: a hint that they verify in their snapshot. */
struct seq_hint {
	_Atomic uint64_t version; /* odd while it is written */
	_Atomic uint64_t container, first, last;
};

struct repo {
	const struct store_ops *ops;
	struct store *store;
	const struct clock *clock;
	bool fresh;
	unsigned found; /* format when it was opened */
	unsigned format; /* REPO_FORMAT, or older when opened to read */
	_Atomic uint64_t generation; /* odd while a commit that changes nodes is under way */
	uint64_t next_id;
	unsigned cache_max, cache_count, nbuckets;
	unsigned touched_count; /* cached ones that are touched; they were used last */
	struct cached_seq **buckets;
	struct cached_seq *newest, *oldest;
	unsigned nhints;
	struct seq_hint *hints;
	struct rtx *writer; /* reused from transaction to transaction */
	repo_touched *touched; /* of whoever watches, or NULL */
	void *touched_arg;
	pthread_mutex_t readers_lock;
	struct rtx *free_readers;
};

struct undo {
	struct undo *next;
	struct slice key;
	struct slice val;
	bool existed;
};

struct rtx {
	struct repo *repo;
	struct txn *txn;
	struct arena *arena; /* of the request */
	struct arena *undo_arena; /* write transactions */
	struct undo *undo;
	bool kept; /* a request before this one changed something */
	uint64_t first_free_id; /* next_id at repo_request */
	struct buf scratch; /* the record being written */
	int64_t now;
	bool writable;
	bool nodes_changed;
	enum rc failure;
	struct rtx *next_free;
};

/* Tells who watches. */
static inline void
touch(const struct rtx *tx, uint64_t id, slot_t slot)
{
	if (tx->repo->touched != NULL)
		tx->repo->touched(tx->repo->touched_arg, id, slot);
}

/* Reads a record, verifies its CRC and returns it without; RC_INTERNAL when damaged. */
enum rc rec_get(struct rtx *tx, const struct repo_key *k, struct slice *val);
/* Writes tx->scratch as the record of k, with its CRC. */
enum rc rec_put(struct rtx *tx, const struct repo_key *k);
/* The same for a key that cannot exist yet: saves the look-up of the old value. */
enum rc rec_put_new(struct rtx *tx, const struct repo_key *k);
enum rc rec_del(struct rtx *tx, const struct repo_key *k);
/* Removes a record and gives what it was; val lives until the end of the request. */
enum rc rec_take(struct rtx *tx, const struct repo_key *k, struct slice *val);
/* Starts a record in tx->scratch. */
struct buf *rec_begin(struct rtx *tx);
/* Strips and verifies the CRC of a value met in a scan. */
bool rec_check(struct slice *val);
/* The range of all keys that start with the bytes of k: [k, end). False when there is no end. */
void key_range_end(const struct repo_key *k, struct repo_key *end);
enum rc rec_scan(struct rtx *tx, const struct repo_key *prefix, bool reverse, size_t limit,
                 store_visit *visit, void *arg);
enum rc rec_scan_between(struct rtx *tx, const struct repo_key *from, const struct repo_key *end, bool reverse,
                         size_t limit, store_visit *visit, void *arg);

static inline enum rc
rec_scan_from(struct rtx *tx, const struct repo_key *from, const struct repo_key *end, size_t limit,
              store_visit *visit, void *arg)
{
	return rec_scan_between(tx, from, end, false, limit, visit, arg);
}

/* The next node id. */
enum rc id_take(struct rtx *tx, uint64_t *id);

/* A number of the store itself; RC_NOT_FOUND when it is not there. */
enum rc meta_get(struct rtx *tx, const char *name, uint64_t *v);
enum rc meta_put(struct rtx *tx, const char *name, uint64_t v);
/* Sets next_id to what is stored. */
enum rc next_id_load(struct repo *repo, struct rtx *tx);

/* Judges the format of the store that was opened; makes a new one or brings an old one up to date. */
enum rc format_check(struct repo *repo, bool read_only, char why[256]);

void type_key(struct repo_key *k, unsigned type, uint64_t id);
void due_key(struct repo_key *k, int64_t due, enum due_kind kind, uint64_t id);
/* The entry of the search string for a node (seq 0) or an instance. */
void label_key(struct repo_key *k, struct slice label, uint64_t id, uint64_t seq);

/* The child's entry as it stands, expired or not. */
enum rc child_get(struct rtx *tx, uint64_t parent, slot_t slot, struct slice name,
                  struct child *out);

/* Visits the search strings of a node or an instance until one visit fails; its outcome. */
typedef enum rc label_visit(struct rtx *tx, struct slice label, uint64_t id, uint64_t seq);
enum rc labels_each(struct rtx *tx, const struct val *v, uint64_t id, uint64_t seq,
                    label_visit *visit);
/* Index entries of a node's or an instance's search strings. */
enum rc labels_add(struct rtx *tx, const struct val *vals, uint64_t id, uint64_t seq);
enum rc labels_remove(struct rtx *tx, const struct val *vals, uint64_t id, uint64_t seq);

/* The entry of a node at an authority; id ID_NONE: what all entries of the authority begin with. */
void authority_key(struct repo_key *k, struct slice authority, uint64_t id);
/*
 * Visits where a node is reached until one visit fails; its outcome, or RC_UNAVAILABLE when the arena
 * is exhausted. Nothing for types that are not reached.
 */
typedef enum rc authority_visit(void *arg, struct slice authority);
enum rc authorities_each(struct arena *a, const struct res *r, authority_visit *visit, void *arg);
enum rc authorities_add(struct rtx *tx, const struct res *r);
enum rc authorities_remove(struct rtx *tx, const struct res *r);
enum rc authorities_update(struct rtx *tx, const struct res *old, const struct res *self);

enum inst_flags { INST_TEXT = 1, INST_LABELS = 2 };

/* The fixed part of an instance record. */
struct inst_head {
	unsigned flags;
	int64_t created;
	int64_t total_nr, total_bytes; /* ever appended, with this instance */
	uint64_t size; /* of the content */
	size_t name; /* length of the client-chosen name, 0 = generated */
};

enum rc inst_head_get(struct rtx *tx, uint64_t container, uint64_t seq, struct inst_head *h);
/* An instance from SPACE_INSTANCE or SPACE_RETAINED. */
enum rc inst_load(struct rtx *tx, enum space space, uint64_t container, uint64_t seq,
                  struct res **out);
/* The instance that has this client-chosen name. */
enum rc inst_named(struct rtx *tx, uint64_t container, struct slice name, uint64_t *seq);
/* Removes an instance record with its name and labels; the sequence's state is the caller's. */
enum rc inst_erase(struct rtx *tx, uint64_t container, uint64_t seq);

/* What the tail record says; RC_OK and *c as it was when there is none. */
/* One end of a sequence, or an instance near a number; seq is 0 when there is none. */
struct seq_end {
	uint64_t seq;
	struct inst_head head;
	bool damaged;
};

enum rc seq_end(struct rtx *tx, uint64_t container, bool last, struct seq_end *s);
/* The nearest live instance above (or below) seq. */
enum rc seq_near(struct rtx *tx, uint64_t container, uint64_t seq, bool below, struct seq_end *s);
/* Finds the state in O(log n): both ends and the tail record. */
enum rc seq_load(struct rtx *tx, uint64_t container, struct cached_seq *c);
/* An instance record in the arena of the transaction. */
enum rc inst_decode(struct rtx *tx, uint64_t container, uint64_t seq, struct slice bytes,
                    struct res **out);
enum rc seq_tail_get(struct rtx *tx, uint64_t container, struct cached_seq *c);
/* The cache of sequences; a cached one is valid until the next call. NULL without memory. */
enum rc seq_cached(struct rtx *tx, uint64_t container, struct cached_seq **out);
void seq_forget(struct repo *repo, uint64_t container);
void seq_forget_all(struct repo *repo);
/* c, which this request has just used, is changed in this transaction. */
void seq_touch(struct repo *repo, struct cached_seq *c);
/* Forgets what the current request touched / publishes what the transaction touched. */
void seq_rollback(struct repo *repo);
void seq_publish(struct repo *repo);
/* Before a commit: changes the hints to what holds before and after it. */
void seq_announce(struct repo *repo);
bool seq_hint(struct repo *repo, uint64_t container, uint64_t *first, uint64_t *last);

#endif
