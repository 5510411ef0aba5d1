/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_spool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cap/pxy/px_spool_rows.h"
#include "sec/secret.h"

#define QUEUE_MAX 1024u
#define BATCH_MAX 64u
#define BATCH_OCTETS ((size_t)1 << 20)
#define MAP_OCTETS (UINT64_C(1) << 30) /* of addresses, not of the disk */
#define STREAMS 65536u

/* ---- one change ---- */

static enum rc
put(struct tables_tx *tx, const struct table_key *k, struct buf *record)
{
	enum rc rc = record->failed ? RC_UNAVAILABLE
	                            : tables_put(tx, table_key_view(k), buf_view(record));

	buf_fini(record);
	return rc;
}

static enum rc
read_marks(struct tables_tx *tx, struct spool_marks *out)
{
	struct table_key k = table_key(SPOOL_MARKS);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	if (rc != RC_OK)
		return rc;
	return spool_marks_read(val, out) ? RC_OK : RC_INTERNAL;
}

static enum rc
write_marks(struct tables_tx *tx, const struct spool_marks *m)
{
	struct table_key k = table_key(SPOOL_MARKS);
	struct buf b;

	spool_marks_write(m, &b);
	return put(tx, &k, &b);
}

static bool
collect_key(void *arg, struct slice key, struct slice val)
{
	struct table_key *k = arg;

	(void)val;
	k->n = 0;
	table_key_add(k, key.p, key.n);
	return false;
}

/* Removes the records that begin with prefix: at most some thousands, of few octets. */
static enum rc
del_all(struct tables_tx *tx, const struct table_key *prefix)
{
	for (;;) {
		struct table_key k = { .n = 0 };
		enum rc rc =
			tables_scan(tx, table_key_view(prefix), SLICE_NONE, 1, collect_key, &k);

		if (rc != RC_OK || k.n == 0)
			return rc;
		rc = tables_del(tx, table_key_view(&k));
		if (rc != RC_OK)
			return rc;
	}
}

static enum rc
forget(struct tables_tx *tx, uint64_t destination)
{
	static const char tables[] = { SPOOL_DEST, SPOOL_STATE, SPOOL_BATCH, SPOOL_EPOCH };
	enum rc rc = RC_OK;

	for (size_t i = 0; i < sizeof(tables) && rc == RC_OK; i++) {
		struct table_key k = spool_key(tables[i], destination);

		rc = del_all(tx, &k);
	}
	return rc;
}

static enum rc
put_dest(const struct px_spool_op *op, struct tables_tx *tx)
{
	struct table_key k = spool_key(SPOOL_DEST, op->destination), s = spool_state_key(op->dest);
	struct buf b;
	enum rc rc;

	spool_dest_write(op->dest, &b);
	rc = put(tx, &k, &b);
	if (rc == RC_OK && op->stream_state != NULL)
		rc = tables_put(tx, table_key_view(&s),
		                slice_make(op->stream_state, PRE_STREAM_STATE_SIZE));
	return rc;
}

static enum rc
put_batch(const struct px_spool_op *op, struct tables_tx *tx)
{
	struct table_key k = spool_key(SPOOL_BATCH, op->destination);
	struct buf b;

	if (op->unspool)
		return tables_del(tx, table_key_view(&k));
	spool_batch_write(op->batch, &b);
	return put(tx, &k, &b);
}

static enum rc
put_epochs(const struct px_spool_op *op, struct tables_tx *tx, struct spool_marks *m)
{
	enum rc rc = RC_OK;

	if (op->forget_epochs) {
		struct table_key all = spool_key(SPOOL_EPOCH, op->destination);

		rc = del_all(tx, &all);
	}
	for (size_t i = 0; i < op->n_epochs && rc == RC_OK; i++) {
		struct px_epoch e = op->epochs[i];
		struct table_key k = spool_key(SPOOL_EPOCH, op->destination);
		struct buf b;

		e.serial = ++m->serial;
		table_key_number(&k, e.epoch, 4);
		spool_epoch_write(&e, &b);
		rc = put(tx, &k, &b);
	}
	return rc;
}

static enum rc
put_sink(struct px_spool_op *op, struct tables_tx *tx, const struct spool_marks *m)
{
	struct px_spool_sink sink = *op->sink;
	struct table_key k = spool_sink_key(sink.name);
	struct buf b;

	if (op->from_now)
		sink.from = m->serial + 1;
	op->from = sink.from;
	spool_sink_write(&sink, &b);
	return put(tx, &k, &b);
}

static enum rc
op_run(struct tables_job *j, struct tables_tx *tx)
{
	struct px_spool_op *op = j->memory;
	struct px_spool *s = j->self;
	struct spool_marks m;
	enum rc rc = read_marks(tx, &m);

	if (rc == RC_OK && op->forget)
		rc = forget(tx, op->destination);
	if (rc == RC_OK && op->dest != NULL)
		rc = put_dest(op, tx);
	if (rc == RC_OK && (op->batch != NULL || op->unspool))
		rc = put_batch(op, tx);
	if (rc == RC_OK)
		rc = put_epochs(op, tx, &m);
	if (rc == RC_OK && op->sink != NULL)
		rc = put_sink(op, tx, &m);
	if (rc == RC_OK && op->remove_sink != NULL) {
		struct table_key k = spool_sink_key(op->remove_sink);

		rc = tables_del(tx, table_key_view(&k));
	}
	m.streams = atomic_load(&s->streams);
	return rc == RC_OK ? write_marks(tx, &m) : rc;
}

static void
op_done(struct tables_job *j, enum rc rc)
{
	struct px_spool_op *op = j->memory;

	op->rc = rc;
	op->done(op);
}

void
px_spool_write(struct px_spool *s, struct px_spool_op *op)
{
	op->job = (struct tables_job){ .run = op_run,
		                       .done = op_done,
		                       .self = s,
		                       .memory = op,
		                       .octets = op->batch == NULL ? 0 : op->batch->octets.n };
	tables_work_submit(s->work, &op->job);
}

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
px_spool_settle(struct px_spool *s)
{
	struct settling w = { .job = { .run = settle_run, .done = settle_done },
		              .lock = PTHREAD_MUTEX_INITIALIZER,
		              .changed = PTHREAD_COND_INITIALIZER };

	tables_work_submit(s->work, &w.job);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
}

enum rc
px_spool_stream(struct px_spool *s, uint16_t *out)
{
	uint32_t n = atomic_load(&s->streams);

	if (n >= STREAMS)
		return RC_NO_SPACE;
	atomic_store(&s->streams, n + 1);
	*out = (uint16_t)(s->first_stream + n);
	return RC_OK;
}

/* ---- life ---- */

/* A new spool gets its version and its first stream number. */
static enum rc
first_marks(struct tables_tx *tx, struct spool_marks *m)
{
	enum rc rc = secret_random(&m->first_stream, sizeof(m->first_stream));

	return rc == RC_OK ? write_marks(tx, m) : rc;
}

static enum rc
read_store(struct px_spool *s)
{
	struct spool_marks m = { 0 };
	struct tables_tx *tx;
	enum rc rc = tables_begin(&s->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = read_marks(tx, &m);
	if (rc == RC_NOT_FOUND)
		rc = first_marks(tx, &m);
	else if (rc == RC_INTERNAL)
		rc = RC_PRECONDITION;
	s->first_stream = m.first_stream;
	atomic_store(&s->streams, m.streams);
	if (rc == RC_OK && tables_changed(tx))
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
open_all(struct px_spool *s, const struct px_spool_conf *conf, char why[256])
{
	const struct store_conf store = { .path = conf->dir, .max_bytes = MAP_OCTETS };
	struct tables_work_conf work = { .store = &s->store,
		                         .log = conf->log,
		                         .store_failed = "proxy-source-store-failed",
		                         .queue_max = QUEUE_MAX,
		                         .batch_max = BATCH_MAX,
		                         .batch_octets = BATCH_OCTETS,
		                         .arg = s };
	enum rc rc = tables_open(conf->dir == NULL ? &store_memory : conf->engine, &store,
	                         &s->store, why);

	if (rc == RC_OK)
		rc = read_store(s);
	return rc == RC_OK ? tables_work_start(&work, &s->work) : rc;
}

enum rc
px_spool_open(const struct px_spool_conf *conf, struct px_spool **out, char why[256])
{
	struct px_spool *s = calloc(1, sizeof(*s));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (s == NULL)
		return RC_UNAVAILABLE;
	rc = open_all(s, conf, why);
	if (rc == RC_OK) {
		*out = s;
		return RC_OK;
	}
	px_spool_close(s);
	if (why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "the source" : conf->dir,
		         rc == RC_PRECONDITION ? "made by another version" : status_of(rc)->text);
	return rc;
}

void
px_spool_close(struct px_spool *s)
{
	if (s == NULL)
		return;
	tables_work_stop(s->work);
	tables_close(&s->store);
	free(s);
}
