/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the RocksDB engine share. Private to common/store. */
#ifndef STORE_ROCKS_ENGINE_H
#define STORE_ROCKS_ENGINE_H

#include "base/arena.h"
#include "store/engine.h"
#include "store/gate.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

#define ROCKS_OPEN_FILES 256

struct txn {
	struct store *st;
	rocksdb_readoptions_t *ro; /* reader: its own, kept between uses */
	const rocksdb_snapshot_t *snap; /* reader */
	/* What replaces stored values: a writer's own changes, a reader's old values (is_ahead). */
	rocksdb_writebatch_wi_t *batch;
	rocksdb_pinnableslice_t **pins; /* reader: results of get, until the end */
	size_t pin_count, pin_room;
	struct arena *copies; /* results of scan and of get with a batch, until the next write */
	unsigned place; /* reader: in the gate */
	enum rc failed; /* writer: what a change failed with; it cannot be committed any more */
	bool writable;
};

struct store {
	char *path;
	bool read_only;
	unsigned readers;
	rocksdb_options_t *options;
	rocksdb_block_based_table_options_t *table;
	rocksdb_cache_t *cache;
	rocksdb_writeoptions_t *synced;
	rocksdb_readoptions_t *newest; /* reads of the writer */
	/* NULL after a failed attempt to open again. Changed with writing held and the gate shut. */
	rocksdb_t *db;
	enum rc broken; /* with writing: what the last write failed with */
	rocksdb_writebatch_wi_t *undo; /* with writing: the values before that write */
	/* The database shows the failed write: undo has the truth. Changed with the gate shut. */
	bool is_ahead;
	int64_t retry; /* with writing: no attempt to open again before, clock_monotonic */
	struct gate *gate;
	pthread_mutex_t writing; /* held from begin to end of the write transaction */
	atomic_uint_least64_t commits;
	struct txn writer;
	struct txn reader[]; /* one per place of the gate */
};

/* rocks_open.c */

/* The outcome for an error text of RocksDB (NULL: none); frees the text. */
enum rc rocks_error(char *err);
/* As rocks_error; says in one line what happened where. */
enum rc rocks_explain(char why[256], const char *path, char *err);

/* Opens the database into st->db; the error text of RocksDB, NULL when it is open. */
char *rocks_open_db(struct store *st);

enum rc rocks_open(const struct store_conf *conf, struct store **out, char why[256]);
void rocks_close(struct store *st);

/* rocks_fault.c */

/* Notes that the batch could not be written, because of err. The caller holds writing. */
enum rc rocks_break(struct store *st, rocksdb_writebatch_wi_t *batch, char *err);

/* Makes a store whose last write failed usable again. The caller holds writing. */
enum rc rocks_recover(struct store *st);

/* Takes back what a former process could not, if anything; read only: shows it as taken back. */
enum rc rocks_take_back_left(struct store *st);

/* rocks.c */

enum rc rocks_begin_reader(struct store *st, struct txn **out);
void rocks_abort(struct txn *t);

static inline struct slice
rocks_key(const rocksdb_iterator_t *it)
{
	struct slice key;

	key.p = rocksdb_iter_key(it, &key.n);
	return key;
}

static inline struct slice
rocks_value(const rocksdb_iterator_t *it)
{
	struct slice val;

	val.p = rocksdb_iter_value(it, &val.n);
	return val;
}

/* An iterator over what t sees; destroyed by the caller. */
rocksdb_iterator_t *rocks_iterate(struct txn *t);

/* rocks_admin.c */

enum rc rocks_backup(struct store *st, const char *to, char why[256]);
enum rc rocks_check(struct store *st, store_finding *found, void *arg);
void rocks_stat(struct store *st, struct store_stat *out);

#endif
