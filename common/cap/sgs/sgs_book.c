/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sgs/sgs_book_impl.h"
#include "sec/derive.h"

#define FORMAT 1
#define QUEUE_MAX 4096u
#define BATCH_MAX 256u
#define BATCH_OCTETS ((size_t)1 << 20)
#define PERIOD CLOCK_SECOND
#define TTL_MAX (INT64_C(100) * 365 * 86400 * CLOCK_SECOND)
/*
 * The file is mapped by the engine, with some pages around each one that is needed. So many octets of
 * messages are looked at or stored until that memory is given back.
 */
#define TOUCHED_MAX (UINT64_C(2) << 20)
/*
 * The map of the engine: what each thing takes with its entries in half full pages. Messages of 40
 * octets, about the smallest that there are, take up to 8 times that; MAP_ITEM is for an item whose
 * message several mailboxes have. Both together are enough for pages that are a quarter full, the
 * least that the engine leaves: limits of the book are reached before the map is full.
 */
#define MAP_OCTETS 8u
#define MAP_ITEM 256u
#define MAP_SESSION 20480u
#define MAP_DEVICE 8192u
#define MAP_GROUP 131072u
#define MAP_SMALL 1024u
#define MAP_BASE (UINT64_C(64) << 20)

/* ---- memory of the engine ---- */

void
sgs_touch(struct sgs_book *b, uint64_t octets)
{
	atomic_fetch_add_explicit(&b->touched, octets, memory_order_relaxed);
}

bool
sgs_is_touched(const struct sgs_book *b)
{
	return atomic_load_explicit(&b->touched, memory_order_relaxed) > TOUCHED_MAX;
}

/* On the thread of the book, outside of transactions. */
static void
trim(struct sgs_book *b)
{
	if (!sgs_is_touched(b))
		return;
	atomic_store_explicit(&b->touched, 0, memory_order_relaxed);
	tables_trim(&b->store);
}

/* ---- one run ---- */

static enum rc
turn_begin(struct sgs_turn *t, struct sgs_book *b, struct tables_tx *tx)
{
	struct table_key k = table_key(SGS_T_TOTALS);

	*t = (struct sgs_turn){ .b = b, .tx = tx, .now = clock_now(b->conf.clock) };
	return sgs_must(table_row_get(tx, &k, &t->totals, sizeof(t->totals)));
}

static enum rc
turn_end(struct sgs_turn *t)
{
	struct table_key k = table_key(SGS_T_TOTALS);

	return table_row_put(t->tx, &k, &t->totals, sizeof(t->totals));
}

/* ---- operations ---- */

static enum rc
op_run(struct tables_job *j, struct tables_tx *tx)
{
	struct sgs_op *op = j->memory;
	struct sgs_total_row before;
	struct sgs_turn t;
	enum rc rc = turn_begin(&t, j->self, tx);

	if (rc != RC_OK)
		return rc;
	op->told = 0;
	op->told_to[0] = op->told_to[1] = 0;
	op->told_n = 0;
	op->sweep = false;
	before = t.totals;
	rc = op->run(&t, op);
	if ((rc != RC_OK && rc != RC_PENDING) || memcmp(&before, &t.totals, sizeof(before)) == 0)
		return rc;
	return turn_end(&t) == RC_OK ? rc : RC_INTERNAL;
}

static void
tell(const struct sgs_book *b, const struct sgs_op *op)
{
	if (b->conf.told == NULL || op->told == 0)
		return;
	for (size_t i = 0; i < 2; i++)
		if (op->told_to[i] != 0)
			b->conf.told(b->conf.arg, op->told, op->told_to[i]);
	for (size_t i = 0; i < op->told_n; i++)
		b->conf.told(b->conf.arg, op->told, op->told_list[i]);
}

static void
op_done(struct tables_job *j, enum rc rc)
{
	struct sgs_op *op = j->memory;
	struct sgs_book *b = j->self;

	op->rc = rc;
	sgs_touch(b, SGS_OP_OCTETS + j->octets);
	trim(b);
	if (rc == RC_OK) {
		tell(b, op);
		if (op->sweep)
			tables_work_wake(b->work);
	}
	op->done(op);
}

/* Between the steps of a long one. */
static void
op_stored(struct tables_job *j)
{
	sgs_touch(j->self, SGS_OP_OCTETS);
	trim(j->self);
}

void
sgs_op_submit(struct sgs_book *b, struct sgs_op *op, size_t octets,
              enum rc (*run)(struct sgs_turn *, struct sgs_op *))
{
	op->run = run;
	op->job = (struct tables_job){ .run = op_run,
		                       .stored = op_stored,
		                       .done = op_done,
		                       .self = b,
		                       .memory = op,
		                       .octets = octets };
	tables_work_submit(b->work, &op->job);
}

void
sgs_op_tells(struct sgs_op *op, enum sgs_told what, uint64_t device)
{
	op->told = what;
	op->told_to[op->told_to[0] == 0 ? 0 : 1] = device;
}

unsigned
sgs_book_waiting(const struct sgs_book *b)
{
	return tables_work_waiting(b->work);
}

const struct sgs_limits *
sgs_book_limits(const struct sgs_book *b)
{
	return &b->conf.limits;
}

/* ---- time ---- */

static enum rc
step(struct sgs_book *b, struct tables_tx *tx, enum rc (*run)(struct sgs_turn *, bool *),
     bool *more)
{
	struct sgs_turn t;
	enum rc rc = turn_begin(&t, b, tx);
	bool any = false;

	if (rc == RC_OK)
		rc = run(&t, &any);
	if (rc == RC_OK && any)
		rc = turn_end(&t);
	*more = any;
	return rc;
}

static enum rc
tick(void *arg, struct tables_tx *tx, bool *more)
{
	bool expired = false, swept = false;
	enum rc rc = step(arg, tx, sgs_expire, &expired);

	if (rc == RC_OK)
		rc = step(arg, tx, sgs_sweep, &swept);
	*more = expired || swept;
	if (*more)
		sgs_touch(arg, SGS_OP_OCTETS * SGS_STEP);
	return rc;
}

static void
ticked(void *arg, enum rc rc)
{
	(void)rc;
	trim(arg);
}

/* ---- life ---- */

static bool
ttl_ok(int64_t ttl)
{
	return ttl >= CLOCK_SECOND && ttl <= TTL_MAX;
}

static bool
limits_ok(const struct sgs_limits *l)
{
	const uint64_t least_one[] = {
		l->devices_max,       l->tokens_max,          l->half_open_device_max,
		l->half_open_max,     l->sessions_device_max, l->sessions_max,
		l->replay_max,        l->replay_device_max,   l->items_device_max,
		l->octets_device_max, l->items_max,           l->octets_max,
		l->groups_owner_max,  l->groups_max,          l->message_max
	};

	for (size_t i = 0; i < sizeof(least_one) / sizeof(least_one[0]); i++)
		if (least_one[i] == 0)
			return false;
	return l->members_max >= 2 && l->members_max <= SGS_MEMBERS_MAX &&
	       l->message_max <= SGS_MESSAGE_MAX && l->octets_max <= SGS_OCTETS_MAX &&
	       l->items_max <= SGS_OCTETS_MAX && ttl_ok(l->half_open_ttl) &&
	       ttl_ok(l->session_ttl) && ttl_ok(l->item_ttl) && ttl_ok(l->replay_ttl);
}

static uint64_t
map_octets(const struct sgs_limits *l)
{
	uint64_t octets = l->octets_max * MAP_OCTETS, items = l->items_max * MAP_ITEM;

	return MAP_BASE + octets + (items < octets ? items : octets) +
	       (uint64_t)l->sessions_max * MAP_SESSION + (uint64_t)l->devices_max * MAP_DEVICE +
	       (uint64_t)l->groups_max * MAP_GROUP +
	       ((uint64_t)l->tokens_max + l->replay_max) * MAP_SMALL;
}

/* A new book gets its version and the mark of its key; an old one must have them. */
static enum rc
check_version(struct sgs_book *b, struct tables_tx *tx)
{
	const struct sgs_total_row none = { 0 };
	struct table_key k = table_key(SGS_T_VERSION), totals = table_key(SGS_T_TOTALS);
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
	return rc == RC_OK ? table_row_put(tx, &totals, &none, sizeof(none)) : rc;
}

static enum rc
read_store(struct sgs_book *b)
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
start_work(struct sgs_book *b)
{
	struct tables_work_conf work = { .store = &b->store,
		                         .log = b->conf.log,
		                         .store_failed = "sga-store-failed",
		                         .tick_failed = "sga-timers-failed",
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
open_all(struct sgs_book *b, char why[256])
{
	const struct store_conf store = { .path = b->conf.dir,
		                          .max_bytes = map_octets(&b->conf.limits) };
	enum rc rc;

	if (!limits_ok(&b->conf.limits))
		return RC_BAD_REQUEST;
	b->wrap = secret_alloc(sizeof(*b->wrap));
	if (b->wrap == NULL)
		return RC_UNAVAILABLE;
	rc = m2m_expand(b->conf.kek, "sga server secrets", SLICE_NONE, b->wrap->v, KEY_BYTES);
	if (rc == RC_OK)
		rc = tables_open(b->conf.engine == NULL ? &store_memory : b->conf.engine, &store,
		                 &b->store, why);
	if (rc == RC_OK)
		rc = read_store(b);
	return rc == RC_OK ? start_work(b) : rc;
}

enum rc
sgs_book_open(const struct sgs_conf *conf, struct sgs_book **out, char why[256])
{
	struct sgs_book *b = calloc(1, sizeof(*b));
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
		sgs_book_close(b);
	if (rc != RC_OK && why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "the sga server" : conf->dir,
		         rc == RC_PRECONDITION ? "made with another key, or by another version"
		                               : status_of(rc)->text);
	return rc;
}

void
sgs_book_close(struct sgs_book *b)
{
	if (b == NULL)
		return;
	tables_work_stop(b->work);
	tables_close(&b->store);
	secret_free(b->wrap, sizeof(*b->wrap));
	free(b);
}
