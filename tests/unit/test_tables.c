/* SPDX-License-Identifier: Apache-2.0 */
/* Tables in a store: snapshots, and what one transaction of the worker takes. */
#include "config.h"

#include "store/tables.h"

#include <pthread.h>

#include "base/clock.h"
#include "store/tables_work.h"
#include "store_bed.h"

/* The bed's store as one of tables; closed by bed_fini. */
static struct tables
tables_of(struct bed *b, int engine)
{
	bed_init(b, engine);
	bed_open(b);
	return (struct tables){ .ops = b->ops, .store = b->st };
}

static void
store_one(struct tables *s, const char *key, const char *val)
{
	struct tables_tx *tx;

	ck_assert_int_eq(tables_begin(s, &tx), RC_OK);
	ck_assert_int_eq(tables_put(tx, slice_of(key), slice_of(val)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

START_TEST(test_snapshot)
{
	struct bed b;
	struct tables s = tables_of(&b, _i);
	struct tables_tx *old, *now;
	struct slice val;

	store_one(&s, "Aa", "first");
	ck_assert_int_eq(tables_read(&s, &old), RC_OK);
	store_one(&s, "Aa", "second");
	ck_assert_int_eq(tables_read(&s, &now), RC_OK);
	ck_assert_int_eq(tables_get(old, SLICE_LIT("Aa"), &val), RC_OK);
	ck_assert(slice_is(val, "first"));
	ck_assert_int_eq(tables_get(now, SLICE_LIT("Aa"), &val), RC_OK);
	ck_assert(slice_is(val, "second"));
	ck_assert_int_eq(tables_get(now, SLICE_LIT("Ab"), &val), RC_NOT_FOUND);
	tables_abort(old);
	tables_abort(now);
	bed_fini(&b);
}
END_TEST

START_TEST(test_snapshot_stays)
{
	struct bed b;
	struct tables s = tables_of(&b, _i);
	struct tables_tx *tx;

	store_one(&s, "Aa", "first");
	ck_assert_int_eq(tables_read(&s, &tx), RC_OK);
	ck_assert_int_eq(tables_put(tx, SLICE_LIT("Ab"), SLICE_LIT("x")), RC_INTERNAL);
	ck_assert_int_eq(tables_del(tx, SLICE_LIT("Aa")), RC_INTERNAL);
	ck_assert_int_eq(tables_failure(tx), RC_INTERNAL);
	ck_assert(!tables_changed(tx));
	tables_abort(tx);
	ck_assert_int_eq(tables_read(&s, &tx), RC_OK);
	ck_assert(tables_has(tx, SLICE_LIT("Aa")) && !tables_has(tx, SLICE_LIT("Ab")));
	tables_abort(tx);
	bed_fini(&b);
}
END_TEST

/* ---- memory ---- */

#define RECORDS 2048u
#define RECORD_OCTETS 4000u

/* Of what is mapped from files. */
static size_t
mapped_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	size_t kb = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "RssFile:", 8) == 0 || strncmp(line, "RssShmem:", 9) == 0)
			kb += (size_t)atol(strchr(line, ':') + 1);
	fclose(f);
	return kb;
}

static struct table_key
numbered(unsigned i)
{
	struct table_key k = table_key('A');

	table_key_number(&k, i, 4);
	return k;
}

static void
store_many(struct tables *s)
{
	char val[RECORD_OCTETS];
	struct tables_tx *tx;

	ck_assert_int_eq(tables_begin(s, &tx), RC_OK);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct table_key k = numbered(i);

		memset(val, 'a' + (int)(i % 26), sizeof(val));
		ck_assert_int_eq(tables_put(tx, table_key_view(&k), slice_make(val, sizeof(val))),
		                 RC_OK);
	}
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

static void
read_many(struct tables_tx *tx)
{
	for (unsigned i = 0; i < RECORDS; i++) {
		struct table_key k = numbered(i);
		struct slice val;

		ck_assert_int_eq(tables_get(tx, table_key_view(&k), &val), RC_OK);
		ck_assert_uint_eq(val.n, RECORD_OCTETS);
		for (size_t at = 0; at < val.n; at++)
			if (val.p[at] != (char)('a' + i % 26))
				ck_abort_msg("record %u at %zu", i, at);
	}
}

/* What an engine maps is given back, and is there again for whoever reads, in a snapshot too. */
START_TEST(test_trim)
{
	struct bed b;
	struct tables s = tables_of(&b, _i);
	struct tables_tx *tx;
	size_t before;

	store_many(&s);
	tables_trim(&s);
	ck_assert_int_eq(tables_read(&s, &tx), RC_OK);
	read_many(tx);
	before = mapped_kb();
	tables_trim(&s);
	if (b.ops == &store_lmdb)
		ck_assert_uint_lt(mapped_kb() + RECORDS * RECORD_OCTETS / 2048, before);
	read_many(tx);
	tables_abort(tx);
	store_one(&s, "B", "x");
	tables_trim(&s);
	ck_assert_int_eq(tables_read(&s, &tx), RC_OK);
	read_many(tx);
	ck_assert(tables_has(tx, SLICE_LIT("B")));
	tables_abort(tx);
	bed_fini(&b);
}
END_TEST

/* ---- the worker ---- */

/* A door behind which the first job waits until the others are queued. */
struct door {
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool entered, open;
	unsigned done;
};

struct put {
	struct tables_job job;
	char key[2];
};

static void
door_wait(struct door *d, const bool *flag)
{
	pthread_mutex_lock(&d->lock);
	while (!*flag)
		pthread_cond_wait(&d->turn, &d->lock);
	pthread_mutex_unlock(&d->lock);
}

static void
door_set(struct door *d, bool *flag)
{
	pthread_mutex_lock(&d->lock);
	*flag = true;
	pthread_cond_broadcast(&d->turn);
	pthread_mutex_unlock(&d->lock);
}

static enum rc
run_wait(struct tables_job *j, struct tables_tx *tx)
{
	struct door *d = j->self;

	(void)tx;
	door_set(d, &d->entered);
	door_wait(d, &d->open);
	return RC_OK;
}

static enum rc
run_put(struct tables_job *j, struct tables_tx *tx)
{
	struct put *p = (struct put *)(void *)j;

	return tables_put(tx, slice_make(p->key, sizeof(p->key)), SLICE_LIT("x"));
}

static void
count_done(struct tables_job *j, enum rc rc)
{
	struct door *d = j->self;

	ck_assert_int_eq(rc, RC_OK);
	pthread_mutex_lock(&d->lock);
	d->done++;
	pthread_mutex_unlock(&d->lock);
}

static enum rc
no_tick(void *arg, struct tables_tx *tx, bool *more)
{
	(void)arg;
	(void)tx;
	*more = false;
	return RC_OK;
}

/* How many transactions it takes to store that many octets each, all of them waiting. */
static uint64_t
transactions_of(int engine, size_t limit, const size_t *octets, size_t n)
{
	struct door d = { .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };
	struct tables_job wait = { .run = run_wait, .done = count_done, .self = &d };
	struct put puts[8] = { { .key = "" } };
	struct store_stat before, after;
	struct tables_work_conf conf = { .queue_max = 16,
		                         .batch_max = 16,
		                         .batch_octets = limit,
		                         .period = 3600 * CLOCK_SECOND,
		                         .tick = no_tick };
	struct tables_work *w;
	struct bed b;
	struct tables s = tables_of(&b, engine);

	conf.store = &s;
	b.ops->stat(b.st, &before);
	ck_assert_int_eq(tables_work_start(&conf, &w), RC_OK);
	tables_work_submit(w, &wait);
	door_wait(&d, &d.entered);
	for (size_t i = 0; i < n; i++) {
		puts[i] = (struct put){ .job = { .run = run_put, .done = count_done, .self = &d },
			                .key = { 'A', (char)('a' + i) } };
		puts[i].job.octets = octets[i];
		tables_work_submit(w, &puts[i].job);
	}
	ck_assert_uint_eq(tables_work_waiting(w), n);
	door_set(&d, &d.open);
	tables_work_stop(w);
	ck_assert_uint_eq(d.done, n + 1);
	b.ops->stat(b.st, &after);
	bed_fini(&b);
	return after.commits - before.commits;
}

START_TEST(test_batch_octets)
{
	static const size_t equal[] = { 40, 40, 40, 40, 40 };
	static const size_t large[] = { 1000, 40, 1000, 0, 0, 60 };
	static const size_t exact[] = { 60, 40, 100 };

	ck_assert_uint_eq(transactions_of(_i, 100, equal, NITEMS(equal)), 3);
	ck_assert_uint_eq(transactions_of(_i, 0, equal, NITEMS(equal)), 1);
	/* 1000 | 40 | 1000 0 0 | 60: what is too large alone is stored alone. */
	ck_assert_uint_eq(transactions_of(_i, 100, large, NITEMS(large)), 4);
	ck_assert_uint_eq(transactions_of(_i, 100, exact, NITEMS(exact)), 2);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_snapshot, test_snapshot_stays, test_trim,
		                       test_batch_octets };

	return bed_run("tables", tests, NITEMS(tests));
}
