/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in RocksDB. A read transaction is a snapshot; a write transaction is an indexed batch
 * that is written with one synced write of the log.
 */
#include "config.h"

#include "store/rocks_engine.h"

#include <stdlib.h>

/* Results that a place keeps room for between transactions. */
#define KEPT_PINS 64

static enum rc
begin_writer(struct store *st, struct txn **out)
{
	struct txn *t = &st->writer;
	enum rc rc = RC_OK;

	if (st->read_only)
		return RC_NOT_ALLOWED;
	pthread_mutex_lock(&st->writing);
	if (st->broken != RC_OK)
		rc = rocks_recover(st);
	if (rc != RC_OK) {
		pthread_mutex_unlock(&st->writing);
		return rc;
	}
	*t = (struct txn){ .st = st, .ro = st->newest, .writable = true };
	t->batch = rocksdb_writebatch_wi_create(0, 1);
	*out = t;
	return RC_OK;
}

/* Waits for the writer that broke the database to open it again, or does so. */
static enum rc
recover_reader(struct store *st)
{
	enum rc rc;

	if (!engine_lock_soon(&st->writing))
		return RC_UNAVAILABLE;
	rc = st->db == NULL ? rocks_recover(st) : RC_OK;
	pthread_mutex_unlock(&st->writing);
	return rc;
}

enum rc
rocks_begin_reader(struct store *st, struct txn **out)
{
	unsigned place;
	struct txn *t;
	enum rc rc = gate_enter(st->gate, &place);

	if (rc == RC_OK && st->db == NULL) {
		gate_leave(st->gate, place);
		rc = recover_reader(st);
		return rc == RC_OK ? rocks_begin_reader(st, out) : rc;
	}
	if (rc != RC_OK)
		return rc;
	t = &st->reader[place];
	t->st = st;
	t->place = place;
	if (t->ro == NULL)
		t->ro = rocksdb_readoptions_create();
	t->snap = rocksdb_create_snapshot(st->db);
	rocksdb_readoptions_set_snapshot(t->ro, t->snap);
	t->batch = st->is_ahead ? st->undo : NULL;
	*out = t;
	return RC_OK;
}

static enum rc
rocks_begin(struct store *st, bool writable, struct txn **out)
{
	return writable ? begin_writer(st, out) : rocks_begin_reader(st, out);
}

static void
drop_pins(struct txn *t)
{
	while (t->pin_count > 0)
		rocksdb_pinnableslice_destroy(t->pins[--t->pin_count]);
	if (t->pin_room > KEPT_PINS) {
		free(t->pins);
		t->pins = NULL;
		t->pin_room = 0;
	}
}

static void
drop_copies(struct txn *t)
{
	arena_free(t->copies);
	t->copies = NULL;
}

void
rocks_abort(struct txn *t)
{
	drop_copies(t);
	if (t->writable) {
		rocksdb_writebatch_wi_destroy(t->batch);
		pthread_mutex_unlock(&t->st->writing);
		return;
	}
	drop_pins(t);
	rocksdb_release_snapshot(t->st->db, t->snap);
	gate_leave(t->st->gate, t->place);
}

static enum rc
write_batch(struct txn *t)
{
	struct store *st = t->st;
	char *err = NULL;

	rocksdb_write_writebatch_wi(st->db, st->synced, t->batch, &err);
	if (err == NULL) {
		atomic_fetch_add(&st->commits, 1);
		return RC_OK;
	}
	return rocks_break(st, t->batch, err);
}

static enum rc
rocks_commit(struct txn *t)
{
	enum rc rc = t->failed;

	if (rc == RC_OK && t->writable && rocksdb_writebatch_wi_count(t->batch) != 0)
		rc = write_batch(t);
	rocks_abort(t);
	return rc;
}

/* Copies s into memory that lives until the next write or the end. */
static enum rc
keep_copy(struct txn *t, struct slice s, struct slice *copy)
{
	if (t->copies == NULL)
		t->copies = arena_new(SIZE_MAX);
	if (t->copies == NULL)
		return RC_UNAVAILABLE;
	*copy = arena_copy(t->copies, s);
	return arena_failed(t->copies) ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
get_through(struct txn *t, struct slice key, struct slice *val)
{
	char *err = NULL;
	size_t n = 0;
	char *v = rocksdb_writebatch_wi_get_from_batch_and_db(t->batch, t->st->db, t->ro, key.p,
	                                                      key.n, &n, &err);
	enum rc rc;

	if (err != NULL)
		return rocks_error(err);
	if (v == NULL)
		return RC_NOT_FOUND;
	rc = keep_copy(t, slice_make(v, n), val);
	rocksdb_free(v);
	return rc;
}

static bool
room_for_pin(struct txn *t)
{
	size_t room = t->pin_room == 0 ? 8 : 2 * t->pin_room;
	rocksdb_pinnableslice_t **pins;

	if (t->pin_count < t->pin_room)
		return true;
	pins = realloc(t->pins, room * sizeof(*pins));
	if (pins == NULL)
		return false;
	t->pins = pins;
	t->pin_room = room;
	return true;
}

static enum rc
rocks_get(struct txn *t, struct slice key, struct slice *val)
{
	rocksdb_pinnableslice_t *pin;
	char *err = NULL;

	if (!engine_key_ok(key))
		return RC_NOT_FOUND;
	if (t->batch != NULL)
		return get_through(t, key, val);
	if (!room_for_pin(t))
		return RC_UNAVAILABLE;
	pin = rocksdb_get_pinned(t->st->db, t->ro, key.p, key.n, &err);
	if (err != NULL)
		return rocks_error(err);
	if (pin == NULL)
		return RC_NOT_FOUND;
	t->pins[t->pin_count++] = pin;
	val->p = rocksdb_pinnableslice_value(pin, &val->n);
	return RC_OK;
}

/* What forbids any change of t, or RC_OK. */
static enum rc
may_change(const struct txn *t)
{
	return t->writable ? t->failed : RC_NOT_ALLOWED;
}

static enum rc
rocks_put(struct txn *t, struct slice key, struct slice val)
{
	enum rc rc = may_change(t);

	if (rc != RC_OK)
		return rc;
	if (!engine_key_ok(key))
		return t->failed = RC_INTERNAL;
	rocksdb_writebatch_wi_put(t->batch, key.p, key.n, val.n == 0 ? "" : val.p, val.n);
	drop_copies(t);
	return RC_OK;
}

static enum rc
rocks_del(struct txn *t, struct slice key)
{
	enum rc rc = may_change(t);
	struct slice old;

	if (rc == RC_OK)
		rc = rocks_get(t, key, &old);
	if (rc != RC_OK)
		return rc;
	rocksdb_writebatch_wi_delete(t->batch, key.p, key.n);
	drop_copies(t);
	return RC_OK;
}

rocksdb_iterator_t *
rocks_iterate(struct txn *t)
{
	rocksdb_iterator_t *base = rocksdb_create_iterator(t->st->db, t->ro);

	return t->batch == NULL ? base
	                        : rocksdb_writebatch_wi_create_iterator_with_base(t->batch, base);
}

/* Moves to the last record of key < to. */
static void
seek_last(rocksdb_iterator_t *it, struct slice to)
{
	rocksdb_iter_seek_for_prev(it, to.n == 0 ? "" : to.p, to.n);
	if (rocksdb_iter_valid(it) && slice_eq(rocks_key(it), to))
		rocksdb_iter_prev(it);
}

/* Visits copies, because the record of an iterator ends with its next step. */
static enum rc
visit_copy(struct txn *t, const rocksdb_iterator_t *it, store_visit *visit, void *arg, bool *go_on)
{
	struct slice key, val;
	enum rc rc = keep_copy(t, rocks_key(it), &key);

	if (rc == RC_OK)
		rc = keep_copy(t, rocks_value(it), &val);
	if (rc == RC_OK)
		*go_on = visit(arg, key, val);
	return rc;
}

static enum rc
end_iterator(rocksdb_iterator_t *it)
{
	char *err = NULL;

	rocksdb_iter_get_error(it, &err);
	rocksdb_iter_destroy(it);
	return rocks_error(err);
}

static enum rc
rocks_scan(struct txn *t, struct slice from, struct slice to, bool reverse, size_t limit,
           store_visit *visit, void *arg)
{
	rocksdb_iterator_t *it = rocks_iterate(t);
	bool go_on = true;
	enum rc rc = RC_OK, end;

	if (reverse)
		seek_last(it, to);
	else
		rocksdb_iter_seek(it, from.n == 0 ? "" : from.p, from.n);
	for (size_t n = 1; rocksdb_iter_valid(it); n++) {
		struct slice key = rocks_key(it);

		if (reverse ? slice_cmp(key, from) < 0 : slice_cmp(key, to) >= 0)
			break;
		rc = visit_copy(t, it, visit, arg, &go_on);
		if (rc != RC_OK || !go_on || n == limit)
			break;
		if (reverse)
			rocksdb_iter_prev(it);
		else
			rocksdb_iter_next(it);
	}
	end = end_iterator(it);
	return rc == RC_OK ? end : rc;
}

const struct store_ops store_rocksdb = {
	.name = "rocksdb",
	.open = rocks_open,
	.close = rocks_close,
	.begin = rocks_begin,
	.commit = rocks_commit,
	.abort = rocks_abort,
	.get = rocks_get,
	.put = rocks_put,
	.del = rocks_del,
	.scan = rocks_scan,
	.backup = rocks_backup,
	.check = rocks_check,
	.stat = rocks_stat,
};
