/* SPDX-License-Identifier: Apache-2.0 */
/* Care for an LMDB store: backup and counters. */
#include "config.h"

#include "store/lmdb_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes a compact copy to the new file and makes it durable; 0 or an error of LMDB. */
static int
copy_to_file(MDB_env *env, const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return errno;
	err = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);
	if (err == 0 && fsync(fd) != 0)
		err = errno;
	if (close(fd) != 0 && err == 0)
		err = errno;
	if (err != 0)
		unlink(file);
	return err;
}

/* The copy gets its name when it is complete, so that a broken backup is none. */
static enum rc
copy_to_dir(struct store *st, const char *to, char why[256])
{
	char *part = engine_path(to, "data.mdb.part");
	char *data = engine_path(to, "data.mdb");
	int err = part == NULL || data == NULL ? ENOMEM : copy_to_file(st->env, part);
	enum rc rc;

	if (err == 0 && rename(part, data) != 0)
		err = errno;
	rc = lmdb_rc(err);
	if (rc == RC_OK)
		rc = engine_sync_dir(to);
	free(part);
	free(data);
	return rc == RC_OK ? rc : engine_why(why, rc, "%s: %s", to, mdb_strerror(err));
}

enum rc
lmdb_backup(struct store *st, const char *to, char why[256])
{
	enum rc rc = engine_make_empty_dir(to, why);
	struct txn *t;

	if (rc != RC_OK)
		return rc;
	/* The read transaction is not the one of the copy: it keeps the environment open. */
	rc = lmdb_begin_reader(st, &t);
	if (rc != RC_OK)
		return engine_why(why, rc, "%s: %s", st->path, status_of(rc)->text);
	rc = copy_to_dir(st, to, why);
	lmdb_abort(t);
	return rc;
}

void
lmdb_stat(struct store *st, struct store_stat *out)
{
	struct txn *t;
	MDB_stat s;

	*out = (struct store_stat){ .commits = atomic_load(&st->commits),
		                    .bytes_max = st->max_bytes };
	if (lmdb_begin_reader(st, &t) != RC_OK)
		return;
	if (mdb_stat(t->mdb, st->dbi, &s) == 0) {
		out->keys = s.ms_entries;
		out->bytes_used = lmdb_pages_in_use(t) * s.ms_psize;
	}
	lmdb_abort(t);
}
