/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_inbook.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cap/pxy/px_inbook_impl.h"

#define FORMAT 1
#define QUEUE_MAX 1024u
#define BATCH_MAX 64u
#define BATCH_OCTETS ((size_t)4 << 20)
/* The map of the engine: records take up to so many times their length; states and counters. */
#define MAP_FACTOR 4u
#define MAP_BASE (UINT64_C(64) << 20)
#define FAILURE_SIZE 18u

/* ---- keys and counters ---- */

struct table_key
px_in_key(enum px_in_table t, const struct px_in_name *source)
{
	return table_key_of((char)t, source->v, sizeof(source->v));
}

struct table_key
px_in_key_number(enum px_in_table t, const struct px_in_name *source, uint64_t number,
                 unsigned size)
{
	struct table_key k = px_in_key(t, source);

	table_key_number(&k, number, size);
	return k;
}

_Static_assert(sizeof(struct px_in_count) == 12 * sizeof(uint64_t), "a row has numbers alone");

enum rc
px_in_count_get(struct tables_tx *tx, const struct px_in_name *source, struct px_in_count *out)
{
	struct table_key k = px_in_key(PX_IN_T_COUNT, source);
	enum rc rc = table_row_get(tx, &k, out, sizeof(*out));

	if (rc != RC_NOT_FOUND)
		return rc;
	*out = (struct px_in_count){ 0 };
	return RC_OK;
}

static enum rc
count_put(struct tables_tx *tx, const struct px_in_name *source, const struct px_in_count *c)
{
	struct table_key k = px_in_key(PX_IN_T_COUNT, source);

	return table_row_put(tx, &k, c, sizeof(*c));
}

/* ---- what was taken ---- */

static void
tally_add(struct px_in_tally *to, const struct px_in_tally *t)
{
	to->received += t->received;
	to->messages += t->messages;
	to->duplicates += t->duplicates;
	to->gone += t->gone;
	to->alarms += t->alarms;
	to->findings |= t->findings;
}

static enum rc
queue_add(struct tables_tx *tx, const struct px_in_take *t, struct px_in_count *c)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->n && rc == RC_OK; i++) {
		struct table_key k = px_in_key_number(PX_IN_T_QUEUE, &t->source, ++c->queued, 8);

		c->octets += t->plains[i].n;
		rc = tables_put(tx, table_key_view(&k), t->plains[i]);
	}
	return rc;
}

static enum rc
places_put(struct tables_tx *tx, const struct px_in_take *t, struct px_in_count *c)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->n_places && rc == RC_OK; i++) {
		const struct px_in_place *p = &t->places[i];
		const struct px_in_place_row row = { .epoch = p->epoch,
			                             .key_index = p->key_index,
			                             .seqs = p->any ? (uint64_t)p->seq + 1 : 0,
			                             .ended = p->ended };
		struct table_key k = px_in_key_number(PX_IN_T_PLACE, &t->source, p->stream, 2);

		rc = table_row_put(tx, &k, &row, sizeof(row));
		c->newest = (uint64_t)p->stream + 1;
	}
	return rc;
}

static uint64_t
octets_of(const struct px_in_take *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->plains[i].n;
	return n;
}

static enum rc
run_take(struct tables_job *j, struct tables_tx *tx)
{
	const struct px_in_take *t = j->memory;
	struct table_key k = px_in_key(PX_IN_T_STATE, &t->source);
	struct px_in_count c;
	enum rc rc = t->n > PX_IN_TAKE_MAX ? RC_BAD_REQUEST : px_in_count_get(tx, &t->source, &c);

	if (rc != RC_OK)
		return rc;
	if (t->n > 0 && c.octets > 0 && c.octets + octets_of(t) > t->octets_max)
		return RC_UNAVAILABLE;
	rc = queue_add(tx, t, &c);
	if (rc == RC_OK)
		rc = places_put(tx, t, &c);
	if (rc == RC_OK)
		rc = tables_put(tx, table_key_view(&k), t->state);
	tally_add(&c.tally, &t->added);
	return rc == RC_OK ? count_put(tx, &t->source, &c) : rc;
}

/* ---- what is done with ---- */

static enum rc
queue_remove(struct tables_tx *tx, const struct px_in_end *e, struct px_in_count *c)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && c->removed < c->queued && c->removed < e->up_to) {
		struct table_key k = px_in_key_number(PX_IN_T_QUEUE, &e->source, c->removed + 1, 8);
		struct slice plain;

		rc = tables_get(tx, table_key_view(&k), &plain);
		if (rc != RC_OK || plain.n > c->octets)
			return RC_INTERNAL;
		c->octets -= plain.n;
		c->removed++;
		rc = tables_del(tx, table_key_view(&k));
	}
	if (c->removed < e->up_to)
		c->queued = c->removed = e->up_to;
	return rc;
}

static enum rc
failure_put(struct tables_tx *tx, const struct px_in_name *source, uint64_t nth,
            const struct px_in_failure *f)
{
	struct table_key k = px_in_key_number(PX_IN_T_FAILURE, source, nth, 8);
	struct buf b;
	enum rc rc;

	buf_init(&b, FAILURE_SIZE);
	buf_be(&b, f->number, 8);
	buf_be(&b, (uint64_t)f->time, 8);
	buf_be(&b, f->status, 2);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(&k), buf_view(&b));
	buf_fini(&b);
	if (rc != RC_OK || nth <= PX_IN_FAILURES)
		return rc;
	k = px_in_key_number(PX_IN_T_FAILURE, source, nth - PX_IN_FAILURES, 8);
	return tables_del(tx, table_key_view(&k));
}

static enum rc
run_end(struct tables_job *j, struct tables_tx *tx)
{
	const struct px_in_end *e = j->memory;
	struct px_in_count c;
	enum rc rc = e->n_failures > PX_IN_FAILURES ? RC_BAD_REQUEST
	                                            : px_in_count_get(tx, &e->source, &c);

	if (rc == RC_OK)
		rc = queue_remove(tx, e, &c);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < e->n_failures && rc == RC_OK; i++)
		rc = failure_put(tx, &e->source, ++c.failed, &e->failures[i]);
	c.applied += e->applied;
	return rc == RC_OK ? count_put(tx, &e->source, &c) : rc;
}

/* ---- handing in ---- */

static void
op_done(struct tables_job *j, enum rc rc)
{
	struct px_in_op *op = j->self;

	op->rc = rc;
	op->done(op);
}

static void
submit(struct px_inbook *b, struct px_in_op *op, void *change, size_t octets,
       enum rc (*run)(struct tables_job *j, struct tables_tx *tx))
{
	op->job = (struct tables_job){
		.run = run, .done = op_done, .self = op, .memory = change, .octets = octets
	};
	tables_work_submit(b->work, &op->job);
}

void
px_inbook_take(struct px_inbook *b, struct px_in_take *t)
{
	submit(b, &t->op, t, (size_t)octets_of(t) + t->state.n, run_take);
}

void
px_inbook_end(struct px_inbook *b, struct px_in_end *e)
{
	submit(b, &e->op, e, 0, run_end);
}

/* ---- life ---- */

static enum rc
check_version(struct px_inbook *b)
{
	struct table_key k = table_key(PX_IN_T_VERSION);
	const char mark = FORMAT;
	struct tables_tx *tx;
	struct slice val;
	enum rc rc = tables_begin(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	if (rc == RC_OK)
		rc = slice_eq(val, slice_make(&mark, 1)) ? RC_OK : RC_PRECONDITION;
	else if (rc == RC_NOT_FOUND)
		rc = tables_put(tx, table_key_view(&k), slice_make(&mark, 1));
	if (rc == RC_OK && tables_changed(tx))
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
open_all(struct px_inbook *b, const struct px_inbook_conf *conf, char why[256])
{
	const struct store_conf store = { .path = conf->dir,
		                          .max_bytes = conf->octets * MAP_FACTOR + MAP_BASE };
	const struct tables_work_conf work = { .store = &b->store,
		                               .log = conf->log,
		                               .store_failed = "proxy-inbox-store-failed",
		                               .queue_max = QUEUE_MAX,
		                               .batch_max = BATCH_MAX,
		                               .batch_octets = BATCH_OCTETS };
	enum rc rc = tables_open(conf->dir == NULL ? &store_memory : conf->engine, &store,
	                         &b->store, why);

	if (rc == RC_OK)
		rc = check_version(b);
	return rc == RC_OK ? tables_work_start(&work, &b->work) : rc;
}

enum rc
px_inbook_open(const struct px_inbook_conf *conf, struct px_inbook **out, char why[256])
{
	struct px_inbook *b = calloc(1, sizeof(*b));
	enum rc rc = RC_UNAVAILABLE;

	*out = NULL;
	why[0] = '\0';
	if (b != NULL)
		rc = open_all(b, conf, why);
	if (rc == RC_OK) {
		*out = b;
		return RC_OK;
	}
	px_inbook_close(b);
	if (why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "the sink" : conf->dir,
		         rc == RC_PRECONDITION ? "made by another version" : status_of(rc)->text);
	return rc;
}

void
px_inbook_close(struct px_inbook *b)
{
	if (b == NULL)
		return;
	tables_work_stop(b->work);
	tables_close(&b->store);
	free(b);
}
