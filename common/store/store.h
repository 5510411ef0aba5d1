/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A back end: one ordered map of byte strings with transactions. It knows no resource, no
 * instance and no outbox; all meaning is in its callers, repo.c and tables.c. Keys are compared
 * like memcmp, shorter first (slice_cmp), are 1..STORE_KEY_MAX bytes and start with a space byte.
 *
 * Promises: a read transaction sees one committed state (MVCC snapshot) and never waits for a
 * writer; commit returns RC_OK only when the change is on disk (memory engine: in memory); a
 * transaction that fails to commit leaves no trace. There is one write transaction at a time in
 * one process, begun, used and ended on one thread; a store may have other writing processes.
 * Read transactions may be used on any one thread at a time.
 *
 * Failures: RC_NO_SPACE when the disk, the map or the quota is full; RC_UNAVAILABLE when the
 * device fails; RC_INTERNAL when stored data is damaged.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/rc.h"
#include "base/slice.h"

#include <stdint.h>

#define STORE_KEY_MAX 500

struct store;
struct txn;

/* What a back end is opened with; strings live until open returns. */
struct store_conf {
	const char *path; /* directory, created when absent; NULL for the memory engine */
	uint64_t max_bytes; /* LMDB map size and quota of the memory engine; 0 = engine's default */
	uint64_t cache_bytes; /* RocksDB block cache; LMDB: unused */
	uint64_t write_buffer_bytes; /* RocksDB memtable budget; LMDB: unused */
	unsigned max_readers; /* simultaneous read transactions; 0 = 256 */
	bool read_only; /* for check and backup of a store that another process may use */
};

/* Counters since open. */
struct store_stat {
	uint64_t commits; /* durable commits of write transactions that changed something */
	uint64_t keys; /* records in the map, may be an estimate */
	uint64_t bytes_used; /* on disk, without free pages where known */
	uint64_t bytes_max; /* 0 = only the disk limits */
};

/*
 * Called by scan for one record. The slices live until the next write of the transaction or its
 * end. Return true to go on, false to stop.
 */
typedef bool store_visit(void *arg, struct slice key, struct slice val);

/* Called by check for one finding; text is zero-terminated and lives for the call. */
typedef void store_finding(void *arg, const char *text);

struct store_ops {
	const char *name; /* as in the configuration */

	/* Opens or creates. On failure *why (a buffer of 256 bytes) says in one line why. */
	enum rc (*open)(const struct store_conf *conf, struct store **st, char why[256]);
	void (*close)(struct store *st);

	/*
	 * Begins a transaction. A writer waits for no reader and a reader for no writer. RC_UNAVAILABLE
	 * when max_readers are in use.
	 */
	enum rc (*begin)(struct store *st, bool writable, struct txn **txn);
	/* Ends txn in every case, also when it fails. On a read transaction the same as abort. */
	enum rc (*commit)(struct txn *txn);
	void (*abort)(struct txn *txn);

	/*
	 * Value of key; RC_NOT_FOUND when there is none. A writer sees its own changes. val lives until
	 * the next write of txn or its end.
	 */
	enum rc (*get)(struct txn *txn, struct slice key, struct slice *val);
	enum rc (*put)(struct txn *txn, struct slice key, struct slice val);
	/* RC_NOT_FOUND when there is none. */
	enum rc (*del)(struct txn *txn, struct slice key);

	/*
	 * Visits the records with from <= key < to in ascending order (reverse: descending), at most
	 * limit of them (0 = all). The visitor must not write to txn; it may read and scan. RC_OK also when nothing was found.
	 */
	enum rc (*scan)(struct txn *txn, struct slice from, struct slice to, bool reverse, size_t limit,
	                store_visit *visit, void *arg);

	/* Copies a consistent state into a new store at the directory to, while writers go on. */
	enum rc (*backup)(struct store *st, const char *to, char why[256]);
	/* Verifies the engine's own structures; every finding is reported. RC_OK when there is none. */
	enum rc (*check)(struct store *st, store_finding *found, void *arg);
	void (*stat)(struct store *st, struct store_stat *out);
	/*
	 * Gives back memory that only mirrors what is on disk: it comes back as it is needed. Waits for
	 * the write transaction under way. NULL: there is no such memory.
	 */
	void (*trim)(struct store *st);
};

extern const struct store_ops store_memory;
extern const struct store_ops store_lmdb;
extern const struct store_ops store_rocksdb; /* only where configured, linked by nscl alone */

#endif
