/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the LMDB engine share. Private to common/store. */
#ifndef STORE_LMDB_ENGINE_H
#define STORE_LMDB_ENGINE_H

#include "store/engine.h"
#include "store/gate.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

struct txn {
	struct store *st;
	MDB_txn *mdb; /* reader: kept between uses */
	MDB_cursor *cursor; /* reader: kept between uses */
	unsigned place; /* reader: in the gate */
	bool cursor_here; /* reader: the cursor belongs to this snapshot */
	bool cursor_busy; /* reader: a scan is using it */
	bool writable, changed;
	enum rc failed; /* writer: what a change failed with; it cannot be committed any more */
	uint64_t pages_before; /* writer: in use at its begin */
};

struct store {
	char *path;
	bool read_only;
	uint64_t max_bytes, max_pages;
	unsigned readers;
	/* NULL after a failed attempt to open again. Changed with writing held and the gate shut. */
	MDB_env *env;
	MDB_dbi dbi;
	struct gate *gate;
	pthread_mutex_t writing; /* held from begin to end of the write transaction */
	atomic_uint_least64_t begun; /* commits, also those that fail later */
	atomic_uint_least64_t commits;
	/* Where the file is mapped, guarded by writing; 0 octets: that is not known. */
	bool map_known;
	void *map;
	size_t map_octets;
	struct txn writer;
	struct txn reader[]; /* one per place of the gate */
};

/* lmdb_env.c */

/* The outcome for an error of LMDB. */
enum rc lmdb_rc(int err);

enum rc lmdb_open(const struct store_conf *conf, struct store **out, char why[256]);
void lmdb_close(struct store *st);

/* True for a failure after which only a new environment helps. */
static inline bool
lmdb_is_lost(int err)
{
	return err == MDB_PANIC || err == MDB_MAP_RESIZED;
}

/* Closes the environment and opens it again. The caller holds writing and no place of the gate. */
enum rc lmdb_reopen(struct store *st);

/* lmdb.c */

enum rc lmdb_begin_reader(struct store *st, struct txn **out);
void lmdb_abort(struct txn *t);

/* Pages of the records as t sees them, without free ones. */
uint64_t lmdb_pages_in_use(struct txn *t);

/* lmdb_admin.c */

enum rc lmdb_backup(struct store *st, const char *to, char why[256]);
void lmdb_stat(struct store *st, struct store_stat *out);

/* lmdb_trim.c */

void lmdb_trim(struct store *st);

/* lmdb_check.c */

enum rc lmdb_check(struct store *st, store_finding *found, void *arg);

#endif
