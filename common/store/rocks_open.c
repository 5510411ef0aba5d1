/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing of the RocksDB engine. */
#include "config.h"

#include "store/rocks_engine.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CACHE (UINT64_C(32) << 20)
#define DEFAULT_WRITE_BUFFER (UINT64_C(16) << 20)
#define MIN_WRITE_BUFFER (UINT64_C(1) << 20)
#define BLOOM_BITS 10.0
#define CACHE_SHARD_BITS 3

/*
 * Above all levels of the info log, which cannot be turned off otherwise. When a write of that log
 * fails, the next one ends the process by an assertion of the distribution's build.
 */
#define LOG_NOTHING 6

static const struct {
	const char *text;
	enum rc rc;
} outcomes[] = {
	{ "No space left", RC_NO_SPACE },  { "Disk quota exceeded", RC_NO_SPACE },
	{ "File too large", RC_NO_SPACE }, { "Permission denied", RC_DENIED },
	{ "Corruption", RC_INTERNAL },     { "Invalid argument", RC_INTERNAL },
};

/* The outcome for an error text of RocksDB (NULL: none). */
static enum rc
rc_of(const char *err)
{
	if (err == NULL)
		return RC_OK;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strstr(err, outcomes[i].text) != NULL)
			return outcomes[i].rc;
	return RC_UNAVAILABLE;
}

/* As rc_of; frees the text. */
enum rc
rocks_error(char *err)
{
	enum rc rc = rc_of(err);

	rocksdb_free(err);
	return rc;
}

/* As rocks_error; says in one line what happened where. */
enum rc
rocks_explain(char why[256], const char *path, char *err)
{
	enum rc rc = rc_of(err);

	if (err != NULL) {
		err[strcspn(err, "\n")] = '\0';
		engine_why(why, rc, "%s: %s", path, err);
	}
	rocksdb_free(err);
	return rc;
}

/*
 * Indexes and filters are cut into blocks too: whole ones of a large file would be larger than a
 * shard of the cache and be read from disk for every get.
 */
static void
set_table(struct store *st, uint64_t cache_bytes)
{
	rocksdb_lru_cache_options_t *co = rocksdb_lru_cache_options_create();

	rocksdb_lru_cache_options_set_capacity(co, cache_bytes);
	rocksdb_lru_cache_options_set_num_shard_bits(co, CACHE_SHARD_BITS);
	st->cache = rocksdb_cache_create_lru_opts(co);
	rocksdb_lru_cache_options_destroy(co);
	st->table = rocksdb_block_based_options_create();
	rocksdb_block_based_options_set_index_type(
		st->table, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(st->table, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(st->table, 1);
	rocksdb_block_based_options_set_block_cache(st->table, st->cache);
	rocksdb_block_based_options_set_filter_policy(
		st->table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(st->table, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(st->table, 1);
	rocksdb_options_set_block_based_table_factory(st->options, st->table);
}

static void
set_options(struct store *st, const struct store_conf *conf)
{
	uint64_t buffer =
		conf->write_buffer_bytes == 0 ? DEFAULT_WRITE_BUFFER : conf->write_buffer_bytes;
	rocksdb_options_t *o = st->options = rocksdb_options_create();

	if (buffer < MIN_WRITE_BUFFER)
		buffer = MIN_WRITE_BUFFER;
	rocksdb_options_set_create_if_missing(o, !conf->read_only);
	rocksdb_options_set_write_buffer_size(o, buffer / 2);
	rocksdb_options_set_max_write_buffer_number(o, 2);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	rocksdb_options_set_compression(o, rocksdb_lz4_compression);
	rocksdb_options_set_max_background_jobs(o, 2);
	/* Only one thread writes; there is nobody to share the work with. */
	rocksdb_options_set_allow_concurrent_memtable_write(o, 0);
	rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
	/* Read only: all files are opened at once, before a writing process removes one. */
	rocksdb_options_set_max_open_files(o, conf->read_only ? -1 : ROCKS_OPEN_FILES);
	rocksdb_options_set_info_log_level(o, LOG_NOTHING);
	rocksdb_options_set_keep_log_file_num(o, 1);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
	set_table(st, conf->cache_bytes == 0 ? DEFAULT_CACHE : conf->cache_bytes);
	st->synced = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(st->synced, 1);
	st->newest = rocksdb_readoptions_create();
}

static void
free_places(struct store *st)
{
	for (unsigned i = 0; i < st->readers; i++) {
		struct txn *t = &st->reader[i];

		if (t->ro != NULL)
			rocksdb_readoptions_destroy(t->ro);
		free(t->pins);
	}
}

static void
free_store(struct store *st)
{
	free_places(st);
	if (st->undo != NULL)
		rocksdb_writebatch_wi_destroy(st->undo);
	if (st->options != NULL) {
		rocksdb_options_destroy(st->options);
		rocksdb_block_based_options_destroy(st->table);
		rocksdb_cache_destroy(st->cache);
		rocksdb_writeoptions_destroy(st->synced);
		rocksdb_readoptions_destroy(st->newest);
	}
	gate_free(st->gate);
	free(st->path);
	free(st);
}

/*
 * RocksDB notes its options in a file, which nobody needs. It cannot write LOG_NOTHING there and
 * leaves a part of the file behind.
 */
static void
remove_leftovers(const struct store *st)
{
	DIR *dir = opendir(st->path);

	if (dir == NULL)
		return;
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		if (fnmatch("OPTIONS-*.dbtmp", e->d_name, 0) == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}

char *
rocks_open_db(struct store *st)
{
	char *err = NULL;

	if (st->read_only)
		st->db = rocksdb_open_for_read_only(st->options, st->path, 0, &err);
	else
		st->db = rocksdb_open(st->options, st->path, &err);
	if (err == NULL && !st->read_only)
		remove_leftovers(st);
	return err;
}

enum rc
rocks_open(const struct store_conf *conf, struct store **out, char why[256])
{
	unsigned readers = conf->max_readers == 0 ? ENGINE_READERS : conf->max_readers;
	enum rc rc = conf->read_only ? RC_OK : engine_make_dir(conf->path, why);
	struct store *st;

	if (rc != RC_OK)
		return rc;
	st = calloc(1, sizeof(*st) + readers * sizeof(st->reader[0]));
	if (st == NULL)
		return engine_why(why, RC_UNAVAILABLE, "out of memory");
	st->readers = readers;
	st->read_only = conf->read_only;
	st->path = strdup(conf->path);
	rc = st->path == NULL ? RC_UNAVAILABLE : gate_new(readers, &st->gate);
	if (rc != RC_OK) {
		free_store(st);
		return engine_why(why, rc, "out of memory");
	}
	set_options(st, conf);
	rc = rocks_explain(why, st->path, rocks_open_db(st));
	if (rc == RC_OK) {
		rc = rocks_take_back_left(st);
		if (rc != RC_OK) {
			rocksdb_close(st->db);
			engine_why(why, rc, "%s: cannot take back a failed write", st->path);
		}
	}
	if (rc != RC_OK) {
		free_store(st);
		return rc;
	}
	pthread_mutex_init(&st->writing, NULL);
	*out = st;
	return RC_OK;
}

/* Writes the memtables out, so that the next start has no log to read. */
static void
flush(struct store *st)
{
	rocksdb_flushoptions_t *fo = rocksdb_flushoptions_create();
	char *err = NULL;

	rocksdb_flushoptions_set_wait(fo, 1);
	rocksdb_flush(st->db, fo, &err);
	rocksdb_free(err);
	rocksdb_flushoptions_destroy(fo);
}

void
rocks_close(struct store *st)
{
	if (st == NULL)
		return;
	if (st->broken != RC_OK)
		(void)rocks_recover(st);
	if (st->db != NULL) {
		if (!st->read_only && st->broken == RC_OK)
			flush(st);
		rocksdb_close(st->db);
	}
	pthread_mutex_destroy(&st->writing);
	free_store(st);
}
