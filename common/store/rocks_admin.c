/* SPDX-License-Identifier: Apache-2.0 */
/* Care for a RocksDB store: backup, check and counters. */
#include "config.h"

#include "store/rocks_engine.h"

#include <errno.h>
#include <unistd.h>

/* Records of one batch of a backup of a store that is open for reading only. */
#define COPY_BATCH 1024

/* RocksDB makes the directory of a checkpoint itself, in one step when it is complete. */
static enum rc
checkpoint(struct store *st, const char *to, char why[256])
{
	char *err = NULL;
	rocksdb_checkpoint_t *cp = rocksdb_checkpoint_object_create(st->db, &err);

	if (cp != NULL) {
		if (rmdir(to) != 0) {
			rocksdb_checkpoint_object_destroy(cp);
			return engine_why(why, RC_UNAVAILABLE, "%s: %s", to, strerror(errno));
		}
		rocksdb_checkpoint_create(cp, to, 0, &err);
		rocksdb_checkpoint_object_destroy(cp);
	}
	return rocks_explain(why, to, err);
}

/* Copies what t sees into the new database. */
static char *
copy_records(struct txn *t, rocksdb_t *db)
{
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	rocksdb_iterator_t *it = rocks_iterate(t);
	char *err = NULL;

	for (rocksdb_iter_seek_to_first(it); err == NULL && rocksdb_iter_valid(it);
	     rocksdb_iter_next(it)) {
		struct slice key = rocks_key(it), val = rocks_value(it);

		rocksdb_writebatch_put(batch, key.p, key.n, val.p, val.n);
		if (rocksdb_writebatch_count(batch) < COPY_BATCH)
			continue;
		rocksdb_write(db, t->st->synced, batch, &err);
		rocksdb_writebatch_clear(batch);
	}
	if (err == NULL)
		rocksdb_iter_get_error(it, &err);
	if (err == NULL)
		rocksdb_write(db, t->st->synced, batch, &err);
	rocksdb_iter_destroy(it);
	rocksdb_writebatch_destroy(batch);
	return err;
}

/* For a store that is open for reading only, or is_ahead, there is no checkpoint. */
static enum rc
copy_store(struct txn *t, const char *to, char why[256])
{
	rocksdb_options_t *o = rocksdb_options_create_copy(t->st->options);
	char *err = NULL;
	rocksdb_t *db;

	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_max_open_files(o, ROCKS_OPEN_FILES);
	db = rocksdb_open(o, to, &err);
	if (db != NULL) {
		err = copy_records(t, db);
		rocksdb_close(db);
	}
	rocksdb_options_destroy(o);
	return rocks_explain(why, to, err);
}

enum rc
rocks_backup(struct store *st, const char *to, char why[256])
{
	enum rc rc = engine_make_empty_dir(to, why);
	struct txn *t;

	if (rc != RC_OK)
		return rc;
	/* The read transaction also keeps the database open. */
	rc = rocks_begin_reader(st, &t);
	if (rc != RC_OK)
		return engine_why(why, rc, "%s: %s", st->path, status_of(rc)->text);
	rc = st->read_only || t->batch != NULL ? copy_store(t, to, why) : checkpoint(st, to, why);
	rocks_abort(t);
	return rc;
}

static enum rc
check_records(rocksdb_iterator_t *it, store_finding *found, void *arg)
{
	char last[STORE_KEY_MAX];
	size_t last_len = 0;
	enum rc rc = RC_OK;

	for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
		struct slice key = rocks_key(it);

		if (!engine_key_ok(key)) {
			found(arg, "the key of a record has a wrong length");
			rc = RC_INTERNAL;
			continue;
		}
		if (slice_cmp(slice_make(last, last_len), key) >= 0) {
			found(arg, "two records are out of order");
			rc = RC_INTERNAL;
		}
		memcpy(last, key.p, key.n);
		last_len = key.n;
	}
	return rc;
}

/* Reads every record with its checksum, past the cache. */
enum rc
rocks_check(struct store *st, store_finding *found, void *arg)
{
	rocksdb_readoptions_t *ro;
	rocksdb_iterator_t *it;
	struct txn *t;
	char *err = NULL;
	enum rc rc = rocks_begin_reader(st, &t);

	if (rc != RC_OK)
		return rc;
	ro = rocksdb_readoptions_create();
	rocksdb_readoptions_set_snapshot(ro, t->snap);
	rocksdb_readoptions_set_verify_checksums(ro, 1);
	rocksdb_readoptions_set_fill_cache(ro, 0);
	it = rocksdb_create_iterator(st->db, ro);
	rc = check_records(it, found, arg);
	rocksdb_iter_get_error(it, &err);
	if (err != NULL) {
		found(arg, err);
		rc = rocks_error(err);
	}
	rocksdb_iter_destroy(it);
	rocksdb_readoptions_destroy(ro);
	rocks_abort(t);
	return rc;
}

static uint64_t
property(struct store *st, const char *name)
{
	uint64_t value = 0;

	return rocksdb_property_int(st->db, name, &value) == 0 ? value : 0;
}

void
rocks_stat(struct store *st, struct store_stat *out)
{
	struct txn *t;

	*out = (struct store_stat){ .commits = atomic_load(&st->commits) };
	if (rocks_begin_reader(st, &t) != RC_OK)
		return;
	out->keys = property(st, "rocksdb.estimate-num-keys");
	out->bytes_used = property(st, "rocksdb.live-sst-files-size") +
	                  property(st, "rocksdb.cur-size-all-mem-tables");
	rocks_abort(t);
}
