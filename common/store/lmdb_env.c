/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of the LMDB engine: opening, closing and what a lost one asks for.
 *
 * When the device fails while a commit writes its last page, LMDB gives up the environment for
 * good. It must be closed and opened again, and only one at a time may be open in one process
 * (its file locks belong to the process); the gate keeps the readers out meanwhile.
 */
#include "config.h"

#include "store/lmdb_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_BYTES (sizeof(void *) >= 8 ? UINT64_C(16) << 30 : UINT64_C(512) << 20)

/* Readers of the file besides our own places: check and backup of other processes. */
#define GUEST_READERS 32

static const struct {
	int err;
	enum rc rc;
} outcomes[] = {
	{ MDB_SUCCESS, RC_OK },
	{ MDB_NOTFOUND, RC_NOT_FOUND },
	{ MDB_MAP_FULL, RC_NO_SPACE },
	{ MDB_TXN_FULL, RC_NO_SPACE },
	{ MDB_READERS_FULL, RC_UNAVAILABLE },
	{ MDB_PANIC, RC_UNAVAILABLE },
	{ MDB_MAP_RESIZED, RC_UNAVAILABLE },
	{ EACCES, RC_DENIED },
	{ EPERM, RC_DENIED },
};

enum rc
lmdb_rc(int err)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].err == err)
			return outcomes[i].rc;
	return err > 0 ? engine_errno(err) : RC_INTERNAL;
}

/*
 * Pages that the file should have but has not (cut by a full disk or a careless copy) read as
 * zeros from here on, which LMDB reports, instead of killing the process. Never shrinks the file,
 * also not one that another process makes longer.
 */
static void
complete_file(const struct store *st, MDB_env *env, size_t page_size)
{
	char *data = engine_path(st->path, "data.mdb");
	int fd = data == NULL ? -1 : open(data, O_WRONLY | O_CLOEXEC);
	MDB_envinfo info;
	struct stat file;

	if (fd >= 0 && fstat(fd, &file) == 0 && mdb_env_info(env, &info) == 0) {
		off_t want = (off_t)((info.me_last_pgno + 1) * page_size);

		if (file.st_size < want)
			(void)fallocate(fd, 0, want - 1, 1);
	}
	if (fd >= 0)
		close(fd);
	free(data);
}

static int
open_database(MDB_env *env, MDB_dbi *dbi)
{
	MDB_txn *txn;
	int err = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

	if (err != 0)
		return err;
	err = mdb_dbi_open(txn, NULL, 0, dbi);
	if (err != 0)
		mdb_txn_abort(txn);
	else
		err = mdb_txn_commit(txn);
	return err;
}

/* Space in the map beyond the quota, so that a full store can still copy the pages of a delete. */
static size_t
map_size(uint64_t max_bytes)
{
	uint64_t size = max_bytes + max_bytes / 8 + (UINT64_C(4) << 20);

	return size > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)size;
}

static int
open_env(struct store *st)
{
	unsigned flags = MDB_NOTLS | (st->read_only ? MDB_RDONLY : 0u);
	MDB_stat stat;
	MDB_env *env;
	int err, dead;

	err = mdb_env_create(&env);
	if (err != 0)
		return err;
	err = mdb_env_set_mapsize(env, map_size(st->max_bytes));
	if (err == 0)
		err = mdb_env_set_maxreaders(env, st->readers + GUEST_READERS);
	if (err == 0)
		err = mdb_env_open(env, st->path, flags, 0600);
	if (err == 0)
		err = mdb_reader_check(env, &dead);
	if (err == 0)
		err = open_database(env, &st->dbi);
	if (err == 0)
		err = mdb_env_stat(env, &stat);
	if (err != 0) {
		mdb_env_close(env);
		return err;
	}
	complete_file(st, env, stat.ms_psize);
	st->max_pages = st->max_bytes / stat.ms_psize;
	st->env = env;
	return 0;
}

/* Nobody is inside the gate. */
static void
close_env(struct store *st)
{
	for (unsigned i = 0; i < st->readers; i++) {
		struct txn *t = &st->reader[i];

		if (t->cursor != NULL)
			mdb_cursor_close(t->cursor);
		if (t->mdb != NULL)
			mdb_txn_abort(t->mdb);
		t->cursor = NULL;
		t->mdb = NULL;
	}
	if (st->env != NULL)
		mdb_env_close(st->env);
	st->env = NULL;
	st->map_known = false;
	st->map_octets = 0;
}

enum rc
lmdb_reopen(struct store *st)
{
	int err;

	if (!gate_shut(st->gate))
		return RC_UNAVAILABLE;
	close_env(st);
	err = open_env(st);
	gate_open(st->gate);
	return lmdb_rc(err);
}

static enum rc
fail_open(struct store *st, char why[256], int err)
{
	const char *text = err == MDB_INVALID ? "the file is not an LMDB store" : mdb_strerror(err);
	enum rc rc = engine_why(why, lmdb_rc(err), "%s: %s", st->path, text);

	gate_free(st->gate);
	free(st->path);
	free(st);
	return rc;
}

enum rc
lmdb_open(const struct store_conf *conf, struct store **out, char why[256])
{
	unsigned readers = conf->max_readers == 0 ? ENGINE_READERS : conf->max_readers;
	enum rc rc = conf->read_only ? RC_OK : engine_make_dir(conf->path, why);
	struct store *st;
	int err;

	if (rc != RC_OK)
		return rc;
	st = calloc(1, sizeof(*st) + readers * sizeof(st->reader[0]));
	if (st == NULL)
		return engine_why(why, RC_UNAVAILABLE, "out of memory");
	st->path = strdup(conf->path);
	st->readers = readers;
	st->read_only = conf->read_only;
	st->max_bytes = conf->max_bytes == 0 ? DEFAULT_BYTES : conf->max_bytes;
	if (st->path == NULL || gate_new(readers, &st->gate) != RC_OK)
		return fail_open(st, why, ENOMEM);
	err = open_env(st);
	if (err == 0 && !st->read_only && engine_sync_dir(st->path) != RC_OK) {
		close_env(st);
		err = EIO;
	}
	if (err != 0)
		return fail_open(st, why, err);
	pthread_mutex_init(&st->writing, NULL);
	*out = st;
	return RC_OK;
}

void
lmdb_close(struct store *st)
{
	if (st == NULL)
		return;
	close_env(st);
	pthread_mutex_destroy(&st->writing);
	gate_free(st->gate);
	free(st->path);
	free(st);
}
