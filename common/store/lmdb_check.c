/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies an LMDB store. LMDB trusts its pages: a damaged one may end the process that reads it.
 * So a child process reads, of the snapshot that the parent holds, and writes what it finds into a
 * pipe; its death is a finding too. The child takes no lock and touches nothing that is shared.
 */
#include "config.h"

#include "store/lmdb_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FINDINGS 100

/* What the child has seen so far. */
struct audit {
	int pipe;
	unsigned findings;
	uint64_t keys;
	size_t last_len;
	char last[STORE_KEY_MAX];
};

static void
finding(struct audit *a, const char *text)
{
	if (++a->findings > MAX_FINDINGS)
		_exit(EXIT_SUCCESS);
	dprintf(a->pipe, "%s\n", text);
}

static void
audit_record(struct audit *a, struct slice key)
{
	if (!engine_key_ok(key)) {
		finding(a, "the key of a record has a wrong length");
		return;
	}
	if (a->keys != 0 && slice_cmp(slice_make(a->last, a->last_len), key) >= 0)
		finding(a, "two records are out of order");
	memcpy(a->last, key.p, key.n);
	a->last_len = key.n;
	a->keys++;
}

static int
audit_records(struct audit *a, MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *c;
	MDB_val k, v;
	int err = mdb_cursor_open(txn, dbi, &c);

	if (err != 0)
		return err;
	while ((err = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0)
		audit_record(a, slice_make(k.mv_data, k.mv_size));
	mdb_cursor_close(c);
	return err == MDB_NOTFOUND ? 0 : err;
}

/* Sums the lists of free pages: the values of database 0 are a count and so many page numbers. */
static int
count_free_pages(MDB_txn *txn, uint64_t *pages)
{
	MDB_cursor *c;
	MDB_val k, v;
	int err = mdb_cursor_open(txn, 0, &c);

	*pages = 0;
	if (err != 0)
		return err;
	while ((err = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		size_t n;

		if (v.mv_size < sizeof(n)) {
			err = MDB_CORRUPTED;
			break;
		}
		memcpy(&n, v.mv_data, sizeof(n));
		*pages += n;
	}
	mdb_cursor_close(c);
	return err == MDB_NOTFOUND ? 0 : err;
}

/* Every page of the file is in use, free or one of the two first. */
static int
audit_pages(struct audit *a, MDB_env *env, MDB_txn *txn, MDB_dbi dbi)
{
	MDB_envinfo info;
	MDB_stat free_db, main_db;
	uint64_t pages;
	int err = count_free_pages(txn, &pages);

	if (err == 0)
		err = mdb_stat(txn, 0, &free_db);
	if (err == 0)
		err = mdb_stat(txn, dbi, &main_db);
	if (err == 0)
		err = mdb_env_info(env, &info);
	if (err != 0)
		return err;
	pages += 2 + free_db.ms_branch_pages + free_db.ms_leaf_pages + free_db.ms_overflow_pages;
	pages += main_db.ms_branch_pages + main_db.ms_leaf_pages + main_db.ms_overflow_pages;
	/* The size is that of the newest state, which need not be the one of txn. */
	if (info.me_last_txnid == mdb_txn_id(txn) && pages != info.me_last_pgno + 1)
		finding(a, "pages of the file are lost or used twice");
	if (a->keys != main_db.ms_entries)
		finding(a, "the number of records does not match the counter");
	return 0;
}

/* The life of the child. */
static void
audit_store(struct store *st, struct txn *t, int to)
{
	static const struct rlimit no_core = { 0, 0 };
	struct audit a = { .pipe = to };
	int err;

	setrlimit(RLIMIT_CORE, &no_core);
	err = audit_records(&a, t->mdb, st->dbi);
	if (err == 0)
		err = audit_pages(&a, st->env, t->mdb, st->dbi);
	if (err != 0)
		finding(&a, mdb_strerror(err));
	_exit(EXIT_SUCCESS);
}

/* Passes on what the child writes; returns the number of findings. */
static unsigned
read_findings(int from, store_finding *found, void *arg)
{
	FILE *f = fdopen(from, "r");
	char line[200];
	unsigned n = 0;

	if (f == NULL) {
		close(from);
		return 0;
	}
	for (; fgets(line, sizeof(line), f) != NULL; n++) {
		line[strcspn(line, "\n")] = '\0';
		found(arg, line);
	}
	fclose(f);
	return n;
}

/* True when the child came to its end by itself. */
static bool
end_child(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static enum rc
check_snapshot(struct store *st, struct txn *t, store_finding *found, void *arg)
{
	unsigned findings;
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return RC_UNAVAILABLE;
	child = fork();
	if (child == 0)
		audit_store(st, t, fds[1]);
	close(fds[1]);
	findings = read_findings(fds[0], found, arg);
	if (child < 0)
		return RC_UNAVAILABLE;
	if (!end_child(child)) {
		found(arg, "a page is damaged so badly that reading it ended the process");
		findings++;
	}
	return findings == 0 ? RC_OK : RC_INTERNAL;
}

enum rc
lmdb_check(struct store *st, store_finding *found, void *arg)
{
	struct txn *t;
	enum rc rc = lmdb_begin_reader(st, &t);

	if (rc != RC_OK)
		return rc;
	rc = check_snapshot(st, t, found, arg);
	lmdb_abort(t);
	return rc;
}
