/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/kma_book.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_audit.h"
#include "sec/derive.h"
#include "sec/hex.h"
#include "store/pack.h"
#include "store/tables_work.h"

/* Records: K, the App-ID, 8 octets ConnectionId, 4 octets KmcIndex. */
#define TABLE 'K'
#define OF_KMC 12u
#define RECORD_VERSION 2u
#define RECORD_MAX 16u
#define APP_MAX 255u
#define QUEUE_MAX 256u
#define BATCH_MAX 16u
#define PERIOD (600 * CLOCK_SECOND)
#define STEP 256u /* records of one transaction */
/* How long a Kmc is over before its records go: clocks are set right now and then. */
#define SLACK (3600 * CLOCK_SECOND)

struct kma_book {
	struct kma_book_conf conf;
	struct key *seal; /* secret memory */
	struct tables store;
	struct tables_work *work;
	size_t n, forgotten; /* the worker's: records; of the last tick */
	struct tables_job checking;
	struct audit_check check, step;
};

/* ---- records ---- */

static struct table_key
key_of(const struct kma_entry *e)
{
	struct table_key k = table_key_of(TABLE, e->app_id.p, e->app_id.n);

	table_key_number(&k, e->connection, 8);
	table_key_number(&k, e->kmc_index, 4);
	return k;
}

static bool
record_read(struct slice val, int64_t *expires)
{
	struct unpack u = unpack_of(val);

	if (unpack_number(&u, 1, 255) != RECORD_VERSION)
		return false;
	*expires = unpack_time(&u);
	return unpack_done(&u);
}

static enum rc
record_put(struct tables_tx *tx, const struct table_key *k, int64_t expires)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, RECORD_MAX);
	buf_be(&b, RECORD_VERSION, 1);
	buf_be(&b, (uint64_t)expires, 8);
	rc = b.failed ? RC_UNAVAILABLE : tables_put(tx, table_key_view(k), buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- a hand-out ---- */

static enum rc
audit(struct kma_book *b, struct tables_tx *tx, const struct kma_entry *e, int64_t now)
{
	uint8_t hash[APP_HASH_BYTES];
	char hex[2 * APP_HASH_BYTES + 1], object[AUDIT_OBJECT_MAX];
	struct audit_entry entry = { .actor = e->app_id, .action = SLICE_LIT("kma"),
		                     .result = SLICE_LIT("ok"), .source = e->source };
	enum rc rc = app_hash(e->app_id, hash);

	if (rc != RC_OK)
		return rc;
	hex_encode(hash, sizeof(hash), hex);
	snprintf(object, sizeof(object), "%016" PRIx64 ".%" PRIu32 ".%s", e->connection, e->kmc_index,
	         hex);
	entry.object = slice_of(object);
	return audit_add(tx, b->seal, now, &entry);
}

#define ENTRY_OF(j) ((struct kma_entry *)(void *)((char *)(j) - offsetof(struct kma_entry, job)))

/* Also when it is refused the job itself has gone well. */
static enum rc
enter(struct tables_job *j, struct tables_tx *tx)
{
	struct kma_entry *e = ENTRY_OF(j);
	struct kma_book *b = j->self;
	struct table_key k = key_of(e);
	struct slice val;
	enum rc rc = tables_get(tx, table_key_view(&k), &val);

	e->rc = rc == RC_OK ? RC_CONFLICT : b->n >= KMA_BOOK_MAX ? RC_UNAVAILABLE : RC_OK;
	if (rc != RC_NOT_FOUND || e->rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = record_put(tx, &k, e->expires);
	return rc == RC_OK ? audit(b, tx, e, clock_now(b->conf.clock)) : rc;
}

static void
entered(struct tables_job *j, enum rc rc)
{
	struct kma_entry *e = ENTRY_OF(j);
	struct kma_book *b = j->self;

	if (rc != RC_OK)
		e->rc = rc;
	if (e->rc == RC_OK)
		b->n++;
	e->done(e);
}

void
kma_book_enter(struct kma_book *b, struct kma_entry *e)
{
	e->job = (struct tables_job){ .run = enter, .done = entered, .self = b };
	tables_work_submit(b->work, &e->job);
}

/* ---- what is old goes ---- */

struct old {
	int64_t before;
	struct table_key keys[STEP];
	size_t n;
};

static bool
note_old(void *arg, struct slice key, struct slice val)
{
	struct old *o = arg;
	int64_t expires;

	if (record_read(val, &expires) && expires >= o->before)
		return true;
	o->keys[o->n] = (struct table_key){ .n = 0 };
	table_key_add(&o->keys[o->n++], key.p, key.n);
	return o->n < STEP;
}

static enum rc
forget_old(struct kma_book *b, struct tables_tx *tx, struct old *o)
{
	static const char table[] = { TABLE };
	enum rc rc = tables_scan(tx, slice_make(table, 1), SLICE_NONE, 0, note_old, o);

	for (size_t i = 0; i < o->n && rc == RC_OK; i++)
		rc = tables_del(tx, table_key_view(&o->keys[i]));
	b->forgotten = o->n;
	return rc;
}

static enum rc
tick(void *arg, struct tables_tx *tx, bool *more)
{
	struct kma_book *b = arg;
	int64_t now = clock_now(b->conf.clock);
	struct old *o = calloc(1, sizeof(*o));
	size_t removed = 0;
	enum rc rc;

	if (o == NULL)
		return RC_UNAVAILABLE;
	o->before = now - SLACK;
	rc = forget_old(b, tx, o);
	if (rc == RC_OK)
		rc = audit_trim(tx, b->seal, now - KMA_BOOK_KEEP, STEP, &removed);
	*more = o->n == STEP || removed == STEP;
	free(o);
	return rc;
}

static void
ticked(void *arg, enum rc rc)
{
	struct kma_book *b = arg;

	if (rc == RC_OK)
		b->n -= b->forgotten < b->n ? b->forgotten : b->n;
	else
		LOG_WARN(b->conf.log, "kma-book", LOG_Z("reason", status_of(rc)->text));
}

/* ---- the chain ---- */

static enum rc
check_run(struct tables_job *j, struct tables_tx *tx)
{
	struct kma_book *b = j->self;
	enum rc rc;

	b->step = b->check;
	rc = audit_verify(tx, b->seal, STEP, &b->step);
	return rc == RC_OK && !b->step.ended ? RC_PENDING : rc;
}

static void
check_stored(struct tables_job *j)
{
	struct kma_book *b = j->self;

	b->check = b->step;
}

static void
check_done(struct tables_job *j, enum rc rc)
{
	const struct kma_book *b = j->self;

	if (rc == RC_OK && (b->step.bad != 0 || b->step.bad_head))
		LOG_ERROR(b->conf.log, "audit-damaged", LOG_Z("of", "kma"), LOG_N("row", b->step.bad));
}

/* ---- life ---- */

struct loading {
	struct kma_book *b;
	enum rc rc;
};

static bool
load_one(void *arg, struct slice key, struct slice val)
{
	struct loading *l = arg;
	const struct kma_book_conf *conf = &l->b->conf;
	bool fits = key.n > 1 + OF_KMC && key.n <= 1 + APP_MAX + OF_KMC;
	struct slice app_id = slice_make(key.p + 1, fits ? key.n - 1 - OF_KMC : 0);
	struct unpack kmc = unpack_of(slice_from(key, 1 + app_id.n));
	int64_t expires;

	if (!fits || !record_read(val, &expires)) {
		l->rc = RC_PRECONDITION;
		return false;
	}
	l->b->n++;
	if (conf->given != NULL) {
		uint64_t connection = unpack_number(&kmc, 8, UINT64_MAX);

		conf->given(conf->arg, app_id, connection,
		            (uint32_t)unpack_number(&kmc, 4, UINT32_MAX));
	}
	return true;
}

static enum rc
load(struct kma_book *b, struct tables_tx *tx)
{
	static const char table[] = { TABLE };
	const struct audit_entry start = { .actor = SLICE_INIT("node"), .action = SLICE_INIT("start"),
		                           .result = SLICE_INIT("ok") };
	struct loading l = { .b = b };
	enum rc rc = audit_add(tx, b->seal, clock_now(b->conf.clock), &start);

	if (rc == RC_INTERNAL)
		return RC_PRECONDITION;
	if (rc == RC_OK)
		rc = tables_scan(tx, slice_make(table, 1), SLICE_NONE, 0, load_one, &l);
	return rc == RC_OK ? l.rc : rc;
}

static enum rc
read_store(struct kma_book *b)
{
	struct tables_tx *tx;
	enum rc rc = tables_begin(&b->store, &tx);

	if (rc == RC_OK)
		rc = load(b, tx);
	else
		return rc;
	if (rc == RC_OK)
		return tables_commit(tx);
	tables_abort(tx);
	return rc;
}

static enum rc
start_work(struct kma_book *b)
{
	struct tables_work_conf work = { .store = &b->store,
		                         .log = b->conf.log,
		                         .store_failed = "security-store-failed",
		                         .tick_failed = "security-timers-failed",
		                         .queue_max = QUEUE_MAX,
		                         .batch_max = BATCH_MAX,
		                         .period = PERIOD,
		                         .tick = tick,
		                         .ticked = ticked,
		                         .arg = b };
	enum rc rc = tables_work_start(&work, &b->work);

	if (rc != RC_OK)
		return rc;
	b->checking = (struct tables_job){
		.run = check_run, .stored = check_stored, .done = check_done, .self = b
	};
	tables_work_submit(b->work, &b->checking);
	return RC_OK;
}

static enum rc
open_all(struct kma_book *b, char why[256])
{
	const struct store_conf store = { .path = b->conf.dir };
	const struct store_ops *ops = b->conf.dir == NULL ? &store_memory : b->conf.engine;
	enum rc rc;

	b->seal = secret_alloc(sizeof(*b->seal));
	if (b->seal == NULL)
		return RC_UNAVAILABLE;
	*b->seal = *b->conf.seal;
	b->conf.seal = b->seal;
	rc = tables_open(ops, &store, &b->store, why);
	if (rc == RC_OK)
		rc = read_store(b);
	return rc == RC_OK ? start_work(b) : rc;
}

enum rc
kma_book_open(const struct kma_book_conf *conf, struct kma_book **out, char why[256])
{
	struct kma_book *b = calloc(1, sizeof(*b));
	enum rc rc;

	*out = NULL;
	why[0] = '\0';
	if (b == NULL)
		return RC_UNAVAILABLE;
	b->conf = *conf;
	rc = open_all(b, why);
	b->conf.dir = NULL;
	if (rc == RC_OK)
		*out = b;
	else
		kma_book_close(b);
	if (rc != RC_OK && why[0] == '\0')
		snprintf(why, 256, "%.160s: %s", conf->dir == NULL ? "the record of Kma" : conf->dir,
		         rc == RC_PRECONDITION ? "damaged, or not restored with its keystore; "
		                                 "moved away, it begins anew"
		                               : status_of(rc)->text);
	return rc;
}

void
kma_book_close(struct kma_book *b)
{
	if (b == NULL)
		return;
	tables_work_stop(b->work);
	tables_close(&b->store);
	secret_free(b->seal, sizeof(*b->seal));
	free(b);
}
