/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgd/sgd_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sgd/sgd_rows.h"
#include "sec/hkdf.h"
#include "store/pack.h"

#define FORMAT 1
#define OPS_MAX ((size_t)32 << 20)
#define QUEUE_MAX 4096u
#define BATCH_MAX 64u
#define BATCH_OCTETS ((size_t)8 << 20)
/* The map of the engine: records take up to so many times their length; states and counters. */
#define MAP_FACTOR 4u
#define MAP_BASE (UINT64_C(256) << 20)

/* ---- changes ---- */

void
sgd_change_begin(struct sgd_change *c)
{
	buf_init(&c->ops, OPS_MAX);
	c->ops.secret = true;
	c->rc = RC_OK;
	c->number = 0;
}

void
sgd_change_end(struct sgd_change *c)
{
	if (c->ops.p != NULL)
		secret_wipe(c->ops.p, c->ops.n);
	buf_fini(&c->ops);
}

bool
sgd_change_is_empty(const struct sgd_change *c)
{
	return c->ops.n == 0 && !c->ops.failed;
}

static void
add(struct sgd_change *c, enum sgd_op op, struct slice key, struct slice val)
{
	buf_be(&c->ops, (uint64_t)op, 1);
	pack_text(&c->ops, key);
	buf_be(&c->ops, val.n, 4);
	buf_slice(&c->ops, val);
}

void
sgd_change_put(struct sgd_change *c, const struct table_key *k, struct slice val)
{
	add(c, SGD_OP_PUT, table_key_view(k), val);
}

void
sgd_change_put_secret(struct sgd_change *c, const struct table_key *k, struct slice val)
{
	add(c, SGD_OP_SECRET, table_key_view(k), val);
}

void
sgd_change_del(struct sgd_change *c, const struct table_key *k)
{
	add(c, SGD_OP_DEL, table_key_view(k), SLICE_NONE);
}

void
sgd_change_del_all(struct sgd_change *c, const struct table_key *prefix)
{
	add(c, SGD_OP_DEL_ALL, table_key_view(prefix), SLICE_NONE);
}

static struct slice
dest_view(const struct sgd_dest *dest)
{
	return slice_make(dest->v, sizeof(dest->v));
}

void
sgd_change_queue(struct sgd_change *c, const struct sgd_dest_row *row, enum sgd_kind kind,
                 struct slice data, bool limits)
{
	struct sgd_dest dest;
	struct buf head;

	buf_init(&head, SGD_ROW_MAX);
	sgd_dest_write(row, &head);
	if (sgd_dest_of(row, &dest) != RC_OK || head.failed) {
		c->ops.failed = true;
	} else {
		buf_be(&c->ops, SGD_OP_QUEUE, 1);
		pack_text(&c->ops, dest_view(&dest));
		buf_be(&c->ops, 1 + 2 + head.n + 1 + data.n, 4);
		buf_be(&c->ops, limits, 1);
		pack_text(&c->ops, buf_view(&head));
		buf_be(&c->ops, (uint64_t)kind, 1);
		buf_slice(&c->ops, data);
	}
	buf_fini(&head);
}

void
sgd_change_unqueue(struct sgd_change *c, const struct sgd_dest *dest, uint64_t number,
                   enum sgd_message_state state)
{
	buf_be(&c->ops, SGD_OP_UNQUEUE, 1);
	pack_text(&c->ops, dest_view(dest));
	buf_be(&c->ops, 9, 4);
	buf_be(&c->ops, number, 8);
	buf_be(&c->ops, (uint64_t)state, 1);
}

void
sgd_change_drop_dest(struct sgd_change *c, const struct sgd_dest *dest)
{
	add(c, SGD_OP_DROP_DEST, dest_view(dest), SLICE_NONE);
}

void
sgd_change_inbox(struct sgd_change *c, const struct sgd_item *item)
{
	struct buf b;

	buf_init(&b, SGD_ROW_MAX);
	b.secret = true;
	sgd_item_write(item, &b);
	if (b.failed)
		c->ops.failed = true;
	else
		add(c, SGD_OP_INBOX, SLICE_NONE, buf_view(&b));
	if (b.p != NULL)
		secret_wipe(b.p, b.n);
	buf_fini(&b);
}

void
sgd_change_inbox_del(struct sgd_change *c, uint64_t number, bool before)
{
	buf_be(&c->ops, SGD_OP_INBOX_DEL, 1);
	pack_text(&c->ops, SLICE_NONE);
	buf_be(&c->ops, 9, 4);
	buf_be(&c->ops, number, 8);
	buf_be(&c->ops, before, 1);
}

static void
change_done(struct tables_job *j, enum rc rc)
{
	struct sgd_change *c = j->self;
	struct sgd_book *b = c->book;

	c->rc = rc;
	if (rc == RC_OK) {
		atomic_store(&b->inbox_items, c->totals.inbox_items);
		atomic_store(&b->inbox_octets, c->totals.inbox_octets);
	}
	sgd_change_end(c);
	c->done(c);
}

void
sgd_book_submit(struct sgd_book *b, struct sgd_change *c)
{
	c->book = b;
	c->job = (struct tables_job){
		.run = sgd_change_run, .done = change_done, .self = c, .octets = c->ops.n
	};
	tables_work_submit(b->work, &c->job);
}

bool
sgd_book_has_room(struct sgd_book *b)
{
	return atomic_load(&b->inbox_items) < b->limits.inbox_items &&
	       atomic_load(&b->inbox_octets) < b->limits.inbox_octets;
}

/* ---- waiting ---- */

struct settling {
	struct tables_job job; /* first */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static enum rc
settle_run(struct tables_job *j, struct tables_tx *tx)
{
	(void)j;
	(void)tx;
	return RC_OK;
}

static void
settle_done(struct tables_job *j, enum rc rc)
{
	struct settling *w = (struct settling *)(void *)j;

	(void)rc;
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void
sgd_book_settle(struct sgd_book *b)
{
	struct settling w = { .job = { .run = settle_run, .done = settle_done },
		              .lock = PTHREAD_MUTEX_INITIALIZER,
		              .changed = PTHREAD_COND_INITIALIZER };

	tables_work_submit(b->work, &w.job);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
}

/* ---- life ---- */

static const char check_text[] = "SGA device";

/* A record that only the key opens that has wrapped the others. */
static enum rc
first_version(struct sgd_book *b, struct tables_tx *tx, const struct table_key *k)
{
	struct buf v;
	enum rc rc;

	buf_init(&v, SGD_ROW_MAX);
	buf_be(&v, FORMAT, 1);
	rc = sgd_wrap(&b->key, table_key_view(k), SLICE_LIT(check_text), &v);
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(k), buf_view(&v));
	buf_fini(&v);
	return rc;
}

static enum rc
check_version(struct sgd_book *b, const struct table_key *k, struct slice val)
{
	struct buf plain;
	enum rc rc;

	if (val.n == 0 || val.p[0] != FORMAT)
		return RC_PRECONDITION;
	buf_init(&plain, SGD_ROW_MAX);
	rc = sgd_unwrap(&b->key, table_key_view(k), slice_from(val, 1), &plain);
	buf_fini(&plain);
	return rc;
}

static enum rc
read_store(struct sgd_book *b)
{
	struct table_key k = table_key(SGD_T_VERSION);
	struct sgd_totals t = { 0 };
	struct tables_tx *tx;
	struct slice val;
	enum rc rc = tables_begin(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	rc = rc == RC_OK          ? check_version(b, &k, val)
	     : rc == RC_NOT_FOUND ? first_version(b, tx, &k)
	                          : rc;
	if (rc == RC_OK)
		rc = sgd_totals_get(tx, &t);
	atomic_store(&b->inbox_items, t.inbox_items);
	atomic_store(&b->inbox_octets, t.inbox_octets);
	if (rc == RC_OK && tables_changed(tx))
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
open_all(struct sgd_book *b, const struct sgd_book_conf *conf, char why[256])
{
	const struct store_conf store = {
		.path = conf->dir,
		.max_bytes = MAP_BASE +
		             MAP_FACTOR * (conf->limits.inbox_octets + conf->limits.queue_octets),
	};
	const struct tables_work_conf work = { .store = &b->store,
		                               .log = conf->log,
		                               .store_failed = "sga-device-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = BATCH_MAX,
		                               .batch_octets = BATCH_OCTETS };
	enum rc rc = hkdf_sha256(SLICE_LIT("SGA device book"),
	                         slice_make(conf->kek->v, sizeof(conf->kek->v)), SLICE_LIT("rows"),
	                         b->key.v, sizeof(b->key.v));

	if (rc == RC_OK)
		rc = tables_open(conf->dir == NULL ? &store_memory : conf->engine, &store,
		                 &b->store, why);
	if (rc == RC_OK)
		rc = read_store(b);
	return rc == RC_OK ? tables_work_start(&work, &b->work) : rc;
}

enum rc
sgd_book_open(const struct sgd_book_conf *conf, struct sgd_book **out, char why[256])
{
	struct sgd_book *b = calloc(1, sizeof(*b));
	enum rc rc = RC_UNAVAILABLE;

	*out = NULL;
	why[0] = '\0';
	if (b != NULL) {
		b->limits = conf->limits;
		rc = open_all(b, conf, why);
	}
	if (rc == RC_OK) {
		*out = b;
		return RC_OK;
	}
	sgd_book_close(b);
	if (why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "the store" : conf->dir,
		         rc == RC_PRECONDITION ? "made by another version"
		         : rc == RC_DENIED     ? "another key was used for it"
		                               : status_of(rc)->text);
	return rc;
}

void
sgd_book_close(struct sgd_book *b)
{
	if (b == NULL)
		return;
	tables_work_stop(b->work);
	tables_close(&b->store);
	key_wipe(&b->key);
	free(b);
}
