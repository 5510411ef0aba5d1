/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_impl.h"
#include "sec/derive.h"
#include "store/pack.h"

#define FORMAT 1
#define QUEUE_MAX 4096u
#define BATCH_MAX 256u
#define BATCH_OCTETS ((size_t)1 << 20)
#define PERIOD CLOCK_SECOND
/*
 * The file is mapped by the engine, with some pages around each one that is needed. So many octets of
 * messages are looked at or stored until that memory is given back, and so many an operation is
 * taken for besides.
 */
#define TOUCHED_MAX (UINT64_C(2) << 20)
#define OP_OCTETS (UINT64_C(16) << 10)
/* The map of the engine: the smallest wire unit takes up to 5 times its length in half full pages. */
#define MAP_FACTOR 5u
#define MAP_BASE (UINT64_C(64) << 20)

/* ---- memory of the engine ---- */

void
px_touch(struct px_book *b, uint64_t octets)
{
	atomic_fetch_add_explicit(&b->touched, octets, memory_order_relaxed);
}

static bool
is_touched(const struct px_book *b)
{
	return atomic_load_explicit(&b->touched, memory_order_relaxed) > TOUCHED_MAX;
}

/* On the thread of the book, outside of transactions. */
static void
trim(struct px_book *b)
{
	if (!is_touched(b))
		return;
	atomic_store_explicit(&b->touched, 0, memory_order_relaxed);
	tables_trim(&b->store);
}

/* ---- operations ---- */

static enum rc
op_run(struct tables_job *j, struct tables_tx *tx)
{
	struct px_op *op = j->memory;

	op->told = 0;
	op->sweep = false;
	return op->run(j->self, op, tx);
}

static void
tell(const struct px_book *b, enum px_told what, uint64_t id)
{
	if (b->conf.told != NULL)
		b->conf.told(b->conf.arg, what, id);
}

static void
op_done(struct tables_job *j, enum rc rc)
{
	struct px_op *op = j->memory;
	struct px_book *b = j->self;

	op->rc = rc;
	px_touch(b, OP_OCTETS + j->octets);
	trim(b);
	if (rc == RC_OK && op->told != 0)
		tell(b, op->told, op->told_id);
	if (rc == RC_OK && op->sweep)
		tables_work_wake(b->work);
	op->done(op);
}

void
px_op_submit(struct px_book *b, struct px_op *op, size_t octets,
             enum rc (*run)(struct px_book *, struct px_op *, struct tables_tx *))
{
	op->run = run;
	op->job = (struct tables_job){
		.run = op_run, .done = op_done, .self = b, .memory = op, .octets = octets
	};
	tables_work_submit(b->work, &op->job);
}

void
px_op_tells(struct px_op *op, enum px_told what, uint64_t id)
{
	op->told = what;
	op->told_id = id;
}

/* ---- totals ---- */

enum rc
px_totals_read(struct tables_tx *tx, struct px_total_row *out)
{
	struct table_key k = table_key(PX_T_TOTALS);

	return table_row_get(tx, &k, out, sizeof(*out));
}

enum rc
px_totals_write(struct tables_tx *tx, const struct px_total_row *t)
{
	struct table_key k = table_key(PX_T_TOTALS);

	return table_row_put(tx, &k, t, sizeof(*t));
}

enum rc
px_totals_get(const struct px_view *v, struct px_totals *out)
{
	struct px_total_row row;
	enum rc rc = px_totals_read(v->tx, &row);

	if (rc == RC_OK)
		*out = (struct px_totals){ .reserved = row.reserved,
			                   .octets = row.octets,
			                   .stores = row.stores,
			                   .forwards = row.forwards };
	return rc;
}

unsigned
px_book_waiting(const struct px_book *b)
{
	return tables_work_waiting(b->work);
}

const struct px_limits *
px_book_limits(const struct px_book *b)
{
	return &b->conf.limits;
}

/* ---- views ---- */

enum rc
px_view_open(struct px_book *b, struct px_view **out)
{
	struct px_view *v = calloc(1, sizeof(*v));
	enum rc rc;

	if (v == NULL)
		return RC_UNAVAILABLE;
	v->book = b;
	v->now = clock_now(b->conf.clock);
	rc = tables_read(&b->store, &v->tx);
	if (rc == RC_OK)
		*out = v;
	else
		free(v);
	return rc;
}

void
px_view_close(struct px_view *v)
{
	if (v == NULL)
		return;
	tables_abort(v->tx);
	px_touch(v->book, OP_OCTETS);
	if (is_touched(v->book))
		tables_work_wake(v->book->work);
	free(v);
}

/* ---- time ---- */

struct due {
	int64_t now;
	uint64_t stores[PX_EXPIRE_STEP];
	size_t n;
};

static bool
due_one(void *arg, struct slice key, struct slice val)
{
	struct due *d = arg;

	(void)val;
	if (table_key_read(key, 1, 8) > (uint64_t)d->now)
		return false;
	d->stores[d->n++] = table_key_read(key, 9, 8);
	return d->n < PX_EXPIRE_STEP;
}

/* Ends the stores whose time is over. */
static enum rc
expire(struct px_book *b, struct tables_tx *tx, bool *more)
{
	struct due d = { .now = clock_now(b->conf.clock) };
	struct table_key table = table_key(PX_T_DUE);
	enum rc rc =
		tables_scan(tx, table_key_view(&table), SLICE_NONE, PX_EXPIRE_STEP, due_one, &d);

	for (size_t i = 0; i < d.n && rc == RC_OK; i++) {
		rc = px_store_gone(tx, d.stores[i]);
		b->over[i] = d.stores[i];
	}
	b->n_over = d.n;
	*more = d.n == PX_EXPIRE_STEP;
	return rc;
}

static enum rc
tick(void *arg, struct tables_tx *tx, bool *more)
{
	struct px_book *b = arg;
	bool expired_more, sweep_more = false;
	enum rc rc = expire(b, tx, &expired_more);

	if (rc == RC_OK)
		rc = px_sweep(tx, &sweep_more);
	*more = expired_more || sweep_more;
	if (sweep_more)
		px_touch(b, PX_SWEEP_OCTETS);
	return rc;
}

static void
ticked(void *arg, enum rc rc)
{
	struct px_book *b = arg;

	for (size_t i = 0; i < b->n_over && rc == RC_OK; i++)
		tell(b, PX_TOLD_STORE_GONE, b->over[i]);
	b->n_over = 0;
	trim(b);
}

/* ---- life ---- */

static bool
limits_ok(const struct px_limits *l)
{
	return l->capacity > 0 && l->capacity <= PX_CAPACITY_MAX && l->message_max >= PX_UNIT_MIN &&
	       l->message_max <= PX_MESSAGE_MAX && l->ttl_max >= PX_TTL_MIN && l->stores_max > 0 &&
	       l->stores_owner_max > 0 && l->streams_max > 0;
}

/* A new book gets its version and the mark of its key; an old one must have them. */
static enum rc
check_version(struct px_book *b, struct tables_tx *tx)
{
	const struct px_total_row none = { 0 };
	struct table_key k = table_key(PX_T_VERSION);
	uint8_t mark[1 + KEY_CHECK_BYTES] = { FORMAT };
	struct slice val;
	enum rc rc = key_check_value(b->wrap, mark + 1);

	if (rc != RC_OK)
		return rc;
	rc = tables_get(tx, table_key_view(&k), &val);
	if (rc == RC_OK)
		return slice_eq(val, slice_make(mark, sizeof(mark))) ? RC_OK : RC_PRECONDITION;
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = tables_put(tx, table_key_view(&k), slice_make(mark, sizeof(mark)));
	return rc == RC_OK ? px_totals_write(tx, &none) : rc;
}

static enum rc
read_store(struct px_book *b)
{
	struct tables_tx *tx;
	enum rc rc = tables_begin(&b->store, &tx);

	if (rc != RC_OK)
		return rc;
	rc = check_version(b, tx);
	if (rc == RC_OK && tables_changed(tx))
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
make_key(const struct px_book *b, const char *label, struct key **out)
{
	*out = secret_alloc(sizeof(**out));
	if (*out == NULL)
		return RC_UNAVAILABLE;
	return m2m_expand(b->conf.kek, label, SLICE_NONE, (*out)->v, KEY_BYTES);
}

static enum rc
make_keys(struct px_book *b)
{
	enum rc rc = make_key(b, "proxy re-encryption keys", &b->wrap);

	return rc == RC_OK ? make_key(b, "proxy requests", &b->digests) : rc;
}

static enum rc
start_work(struct px_book *b)
{
	struct tables_work_conf work = { .store = &b->store,
		                         .log = b->conf.log,
		                         .store_failed = "proxy-store-failed",
		                         .tick_failed = "proxy-timers-failed",
		                         .queue_max = QUEUE_MAX,
		                         .batch_max = BATCH_MAX,
		                         .batch_octets = BATCH_OCTETS,
		                         .period = PERIOD,
		                         .tick = tick,
		                         .ticked = ticked,
		                         .arg = b };

	return tables_work_start(&work, &b->work);
}

static enum rc
open_all(struct px_book *b, char why[256])
{
	const struct store_conf store = { .path = b->conf.dir,
		                          .max_bytes =
		                                  b->conf.limits.capacity * MAP_FACTOR + MAP_BASE };
	const struct store_ops *ops = b->conf.dir == NULL ? &store_memory : b->conf.engine;
	enum rc rc;

	if (!limits_ok(&b->conf.limits))
		return RC_BAD_REQUEST;
	rc = make_keys(b);
	if (rc == RC_OK)
		rc = tables_open(ops, &store, &b->store, why);
	if (rc == RC_OK)
		rc = read_store(b);
	return rc == RC_OK ? start_work(b) : rc;
}

enum rc
px_book_open(const struct px_conf *conf, struct px_book **out, char why[256])
{
	struct px_book *b = calloc(1, sizeof(*b));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (b == NULL)
		return RC_UNAVAILABLE;
	b->conf = *conf;
	rc = open_all(b, why);
	b->conf.dir = NULL;
	b->conf.kek = NULL;
	if (rc == RC_OK)
		*out = b;
	else
		px_book_close(b);
	if (rc != RC_OK && why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "the proxy" : conf->dir,
		         rc == RC_PRECONDITION ? "made with another key, or by another version"
		                               : status_of(rc)->text);
	return rc;
}

void
px_book_close(struct px_book *b)
{
	if (b == NULL)
		return;
	tables_work_stop(b->work);
	tables_close(&b->store);
	secret_free(b->wrap, sizeof(*b->wrap));
	secret_free(b->digests, sizeof(*b->digests));
	free(b);
}
