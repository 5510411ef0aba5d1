/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed writes of the RocksDB engine. After one RocksDB refuses all others until it is opened
 * again, and the log may hold the batch that failed, which opening brings back. So the values
 * before that batch are kept and written again after opening; the gate keeps the readers out
 * meanwhile. Until the device takes data again (a probe file tells) the readers go on with what
 * is open. Where a database had to be opened but could not be written, they see the kept values
 * in place of the stored ones.
 */
#include "config.h"

#include "store/rocks_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define UNDO_FILE "undo"

/* What the probe writes: as much as opening may need at once. */
#define PROBE_BLOCK 65536
#define PROBE_BLOCKS 16

/* Between two attempts to open again, which keep the readers out, in microseconds. */
#define RETRY_DELAY (CLOCK_SECOND / 4)

/* Adds the committed value of one key of the failed batch to the undo batch. */
static void
undo_key(void *arg, const char *k, size_t klen)
{
	struct store *st = arg;
	char *err = NULL;
	rocksdb_pinnableslice_t *old = rocksdb_get_pinned(st->db, st->newest, k, klen, &err);
	size_t n;
	const char *v = old == NULL ? NULL : rocksdb_pinnableslice_value(old, &n);

	if (v != NULL)
		rocksdb_writebatch_wi_put(st->undo, k, klen, v, n);
	else if (err == NULL)
		rocksdb_writebatch_wi_delete(st->undo, k, klen);
	if (old != NULL)
		rocksdb_pinnableslice_destroy(old);
	rocksdb_free(err);
}

static void
undo_put(void *arg, const char *k, size_t klen, const char *v, size_t vlen)
{
	(void)v;
	(void)vlen;
	undo_key(arg, k, klen);
}

static bool
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/*
 * Keeps the undo batch for a next process, which has to take the write back when this one ends
 * before it can. Where even this cannot be written, the log could hardly take the failed batch.
 */
static void
save_undo(const struct store *st)
{
	char *part = engine_path(st->path, UNDO_FILE ".part"),
	     *file = engine_path(st->path, UNDO_FILE);
	size_t n;
	const char *rep = rocksdb_writebatch_wi_data(st->undo, &n);
	int fd = -1;

	if (part != NULL && file != NULL)
		fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		bool good = write_all(fd, rep, n);

		(void)fsync(fd);
		close(fd);
		if (!good || rename(part, file) != 0)
			unlink(part);
	}
	free(part);
	free(file);
}

static void
load_put(void *arg, const char *k, size_t klen, const char *v, size_t vlen)
{
	rocksdb_writebatch_wi_put(arg, k, klen, v, vlen);
}

static void
load_delete(void *arg, const char *k, size_t klen)
{
	rocksdb_writebatch_wi_delete(arg, k, klen);
}

static void
load_batch(struct store *st, const char *rep, size_t n)
{
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create_from(rep, n);

	st->undo = rocksdb_writebatch_wi_create(0, 1);
	rocksdb_writebatch_iterate(batch, st->undo, load_put, load_delete);
	rocksdb_writebatch_destroy(batch);
}

/* The batch that save_undo wrote, in st->undo; NULL when there is no file. */
static enum rc
load_undo(struct store *st)
{
	char *file = engine_path(st->path, UNDO_FILE);
	FILE *f = file == NULL ? NULL : fopen(file, "rbe");
	enum rc rc = file == NULL ? RC_UNAVAILABLE : RC_OK;
	struct stat sb;
	char *rep = NULL;

	free(file);
	if (f == NULL)
		return rc == RC_OK && errno != ENOENT ? RC_UNAVAILABLE : rc;
	if (fstat(fileno(f), &sb) == 0)
		rep = malloc((size_t)sb.st_size + 1);
	if (rep != NULL && fread(rep, 1, (size_t)sb.st_size, f) == (size_t)sb.st_size)
		load_batch(st, rep, (size_t)sb.st_size);
	else
		rc = RC_UNAVAILABLE;
	free(rep);
	fclose(f);
	return rc;
}

static enum rc
remove_undo_file(const struct store *st)
{
	char *file = engine_path(st->path, UNDO_FILE);
	enum rc rc = RC_OK;

	if (file == NULL)
		return RC_UNAVAILABLE;
	if (unlink(file) != 0 && errno != ENOENT)
		rc = engine_errno(errno);
	free(file);
	return rc == RC_OK ? engine_sync_dir(st->path) : rc;
}

/* Writes the old values again and forgets them, durably: they must not return a second time. */
static enum rc
take_back(struct store *st)
{
	char *err = NULL;
	enum rc rc;

	rocksdb_write_writebatch_wi(st->db, st->synced, st->undo, &err);
	rc = rocks_error(err);
	if (rc == RC_OK)
		rc = remove_undo_file(st);
	if (rc != RC_OK)
		return rc;
	rocksdb_writebatch_wi_destroy(st->undo);
	st->undo = NULL;
	return RC_OK;
}

enum rc
rocks_take_back_left(struct store *st)
{
	enum rc rc = load_undo(st);

	if (rc == RC_OK && st->undo != NULL && !st->read_only)
		rc = take_back(st);
	st->is_ahead = st->undo != NULL;
	return rc;
}

enum rc
rocks_break(struct store *st, rocksdb_writebatch_wi_t *batch, char *err)
{
	st->broken = rocks_error(err);
	if (st->broken == RC_UNAVAILABLE && engine_disk_full(st->path))
		st->broken = RC_NO_SPACE;
	st->undo = rocksdb_writebatch_wi_create(0, 1);
	rocksdb_writebatch_wi_iterate(batch, st, undo_put, undo_key);
	save_undo(st);
	return st->broken;
}

/* Finds out whether the device takes data again without touching the database. */
static int
probe_fd(int fd)
{
	static const char block[PROBE_BLOCK];

	for (int i = 0; i < PROBE_BLOCKS; i++) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n != (ssize_t)sizeof(block))
			return n < 0 ? errno : ENOSPC;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

static enum rc
probe_device(const struct store *st)
{
	char *file = engine_path(st->path, "probe.tmp");
	int fd = file == NULL ? -1 : open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err = fd < 0 ? errno : probe_fd(fd);

	if (fd >= 0) {
		close(fd);
		unlink(file);
	}
	free(file);
	return err == 0 ? RC_OK : engine_errno(err);
}

/* Closes and opens the database, for reading only if it must be, and takes back the failed write. */
static enum rc
replace_db(struct store *st)
{
	char *err;
	enum rc rc;

	if (st->db != NULL)
		rocksdb_close(st->db);
	st->db = NULL;
	rc = rocks_error(rocks_open_db(st));
	if (rc != RC_OK) {
		err = NULL;
		st->db = rocksdb_open_for_read_only(st->options, st->path, 0, &err);
		rocksdb_free(err);
		return rc;
	}
	return st->undo == NULL ? RC_OK : take_back(st);
}

enum rc
rocks_recover(struct store *st)
{
	enum rc rc = clock_monotonic() < st->retry ? st->broken : probe_device(st);

	if (rc != RC_OK)
		return rc;
	if (!gate_shut(st->gate))
		return RC_UNAVAILABLE;
	rc = replace_db(st);
	st->is_ahead = st->undo != NULL;
	gate_open(st->gate);
	st->broken = rc;
	if (rc != RC_OK) {
		st->retry = clock_monotonic() + RETRY_DELAY;
		return rc;
	}
	return RC_OK;
}
