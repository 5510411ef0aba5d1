/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in LMDB: one unnamed database in one file, read through a memory map. A read
 * transaction keeps its LMDB transaction and cursor for the next one of the same place, so that
 * beginning is a renewal without any call of the system.
 */
#include "config.h"

#include "store/lmdb_engine.h"

#include <errno.h>

/* Of beginning a read while the environment is lost again and again. */
#define MAX_TRIES 8

/* As lmdb_rc for a failed write: LMDB calls a write that the full disk cut short EIO. */
static enum rc
rc_of_write(const struct store *st, int err)
{
	return err == EIO && engine_disk_full(st->path) ? RC_NO_SPACE : lmdb_rc(err);
}

static MDB_val
val_of(struct slice s)
{
	/* LMDB does not write through it; its interface has no const. */
	return (MDB_val){ .mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p };
}

static struct slice
slice_of_val(const MDB_val *v)
{
	return slice_make(v->mv_data, v->mv_size);
}

/* Opens again unless another thread has done so already. The caller is not inside the gate. */
static enum rc
recover(struct store *st)
{
	MDB_txn *probe;
	enum rc rc;
	int err;

	if (!engine_lock_soon(&st->writing))
		return RC_UNAVAILABLE;
	err = st->env == NULL ? MDB_PANIC : mdb_txn_begin(st->env, NULL, MDB_RDONLY, &probe);
	if (err == 0)
		mdb_txn_abort(probe);
	rc = lmdb_is_lost(err) ? lmdb_reopen(st) : lmdb_rc(err);
	pthread_mutex_unlock(&st->writing);
	return rc;
}

static int
take_snapshot(struct store *st, struct txn *t)
{
	if (t->mdb != NULL)
		return mdb_txn_renew(t->mdb);
	return mdb_txn_begin(st->env, NULL, MDB_RDONLY, &t->mdb);
}

/*
 * LMDB looks up the number of the newest commit, then copies the root of that commit's tree from
 * one of two pages, which commits write in turn. A thread that is held up in between finds there
 * the root of the commit after the next, which may not be on the disk yet: the next snapshot can
 * be an older one, and a commit that fails can have been seen. So a snapshot is good when no commit
 * began while it was taken: one that was under way before writes the other page.
 */
static int
start_reader(struct store *st, struct txn *t)
{
	t->st = st;
	t->cursor_here = t->cursor_busy = false;
	if (st->env == NULL)
		return MDB_PANIC;
	for (;;) {
		uint64_t begun = atomic_load(&st->begun);
		int err = take_snapshot(st, t);

		if (err != 0 || atomic_load(&st->begun) == begun)
			return err;
		mdb_txn_reset(t->mdb);
	}
}

enum rc
lmdb_begin_reader(struct store *st, struct txn **out)
{
	for (int tries = 1;; tries++) {
		unsigned place;
		enum rc rc = gate_enter(st->gate, &place);
		int err;

		if (rc != RC_OK)
			return rc;
		*out = &st->reader[place];
		(*out)->place = place;
		err = start_reader(st, *out);
		if (err == 0)
			return RC_OK;
		gate_leave(st->gate, place);
		if (tries == MAX_TRIES || !lmdb_is_lost(err))
			return lmdb_rc(err);
		rc = recover(st);
		if (rc != RC_OK)
			return rc;
	}
}

uint64_t
lmdb_pages_in_use(struct txn *t)
{
	MDB_stat s;

	if (mdb_stat(t->mdb, t->st->dbi, &s) != 0)
		return 0;
	return s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages;
}

static enum rc
begin_writer(struct store *st, struct txn **out)
{
	struct txn *t = &st->writer;
	enum rc rc = RC_OK;
	int err;

	if (st->read_only)
		return RC_NOT_ALLOWED;
	pthread_mutex_lock(&st->writing);
	*t = (struct txn){ .st = st, .writable = true };
	err = st->env == NULL ? MDB_PANIC : mdb_txn_begin(st->env, NULL, 0, &t->mdb);
	if (lmdb_is_lost(err)) {
		rc = lmdb_reopen(st);
		if (rc == RC_OK)
			err = mdb_txn_begin(st->env, NULL, 0, &t->mdb);
	}
	if (rc == RC_OK)
		rc = lmdb_rc(err);
	if (rc != RC_OK) {
		pthread_mutex_unlock(&st->writing);
		return rc;
	}
	t->pages_before = lmdb_pages_in_use(t);
	*out = t;
	return RC_OK;
}

static enum rc
lmdb_begin(struct store *st, bool writable, struct txn **out)
{
	return writable ? begin_writer(st, out) : lmdb_begin_reader(st, out);
}

void
lmdb_abort(struct txn *t)
{
	if (t->writable) {
		mdb_txn_abort(t->mdb);
		pthread_mutex_unlock(&t->st->writing);
	} else {
		mdb_txn_reset(t->mdb);
		gate_leave(t->st->gate, t->place);
	}
}

static enum rc
lmdb_commit(struct txn *t)
{
	struct store *st = t->st;
	enum rc rc = t->failed;

	if (!t->changed || rc != RC_OK) {
		lmdb_abort(t);
		return rc;
	}
	atomic_fetch_add(&st->begun, 1);
	rc = rc_of_write(st, mdb_txn_commit(t->mdb));
	if (rc == RC_OK)
		atomic_fetch_add(&st->commits, 1);
	pthread_mutex_unlock(&st->writing);
	return rc;
}

static enum rc
lmdb_get(struct txn *t, struct slice key, struct slice *val)
{
	MDB_val k = val_of(key), v;
	int err;

	if (!engine_key_ok(key))
		return RC_NOT_FOUND;
	err = mdb_get(t->mdb, t->st->dbi, &k, &v);
	if (err == 0)
		*val = slice_of_val(&v);
	return lmdb_rc(err);
}

/* What forbids any change of t, or RC_OK. */
static enum rc
may_change(const struct txn *t)
{
	return t->writable ? t->failed : RC_NOT_ALLOWED;
}

static enum rc
lmdb_put(struct txn *t, struct slice key, struct slice val)
{
	MDB_val k = val_of(key), v = val_of(val);
	enum rc rc = may_change(t);
	uint64_t pages;

	if (rc != RC_OK)
		return rc;
	if (!engine_key_ok(key))
		return t->failed = RC_INTERNAL;
	t->failed = rc_of_write(t->st, mdb_put(t->mdb, t->st->dbi, &k, &v, 0));
	if (t->failed != RC_OK)
		return t->failed;
	t->changed = true;
	pages = lmdb_pages_in_use(t);
	if (pages > t->st->max_pages && pages > t->pages_before)
		t->failed = RC_NO_SPACE;
	return t->failed;
}

static enum rc
lmdb_del(struct txn *t, struct slice key)
{
	MDB_val k = val_of(key);
	enum rc rc = may_change(t);

	if (rc != RC_OK)
		return rc;
	if (!engine_key_ok(key))
		return RC_NOT_FOUND;
	rc = rc_of_write(t->st, mdb_del(t->mdb, t->st->dbi, &k, NULL));
	if (rc == RC_OK)
		t->changed = true;
	else if (rc != RC_NOT_FOUND)
		t->failed = rc;
	return rc;
}

/* A cursor in the state of t; given back by end_cursor. */
static int
begin_cursor(struct txn *t, MDB_cursor **c)
{
	int err = 0;

	/* A scan inside a visitor needs a cursor of its own. */
	if (t->writable || t->cursor_busy)
		return mdb_cursor_open(t->mdb, t->st->dbi, c);
	if (t->cursor == NULL)
		err = mdb_cursor_open(t->mdb, t->st->dbi, &t->cursor);
	else if (!t->cursor_here)
		err = mdb_cursor_renew(t->mdb, t->cursor);
	t->cursor_here = t->cursor_busy = err == 0;
	*c = t->cursor;
	return err;
}

static void
end_cursor(struct txn *t, MDB_cursor *c)
{
	if (c != t->cursor)
		mdb_cursor_close(c);
	else
		t->cursor_busy = false;
}

/* Moves c to the first record of from <= key. */
static int
seek_first(MDB_cursor *c, struct slice from, MDB_val *k, MDB_val *v)
{
	*k = val_of(from);
	return mdb_cursor_get(c, k, v, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

/* Moves c to the last record of key < to. */
static int
seek_last(MDB_cursor *c, struct slice to, MDB_val *k, MDB_val *v)
{
	int err;

	if (to.n == 0)
		return MDB_NOTFOUND;
	*k = val_of(to);
	err = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	if (err == MDB_NOTFOUND)
		return mdb_cursor_get(c, k, v, MDB_LAST);
	return err != 0 ? err : mdb_cursor_get(c, k, v, MDB_PREV);
}

static enum rc
lmdb_scan(struct txn *t, struct slice from, struct slice to, bool reverse, size_t limit,
          store_visit *visit, void *arg)
{
	MDB_cursor_op step = reverse ? MDB_PREV : MDB_NEXT;
	MDB_cursor *c;
	MDB_val k, v;
	int err = begin_cursor(t, &c);

	if (err != 0)
		return lmdb_rc(err);
	err = reverse ? seek_last(c, to, &k, &v) : seek_first(c, from, &k, &v);
	for (size_t n = 1; err == 0; n++) {
		struct slice key = slice_of_val(&k);

		if (reverse ? slice_cmp(key, from) < 0 : slice_cmp(key, to) >= 0)
			break;
		if (!visit(arg, key, slice_of_val(&v)) || n == limit)
			break;
		err = mdb_cursor_get(c, &k, &v, step);
	}
	end_cursor(t, c);
	return err == MDB_NOTFOUND ? RC_OK : lmdb_rc(err);
}

const struct store_ops store_lmdb = {
	.name = "lmdb",
	.open = lmdb_open,
	.close = lmdb_close,
	.begin = lmdb_begin,
	.commit = lmdb_commit,
	.abort = lmdb_abort,
	.get = lmdb_get,
	.put = lmdb_put,
	.del = lmdb_del,
	.scan = lmdb_scan,
	.backup = lmdb_backup,
	.check = lmdb_check,
	.stat = lmdb_stat,
	.trim = lmdb_trim,
};
