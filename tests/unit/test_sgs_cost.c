/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation of the book of the SGA server costs does not grow with what is stored. */
#include "config.h"

#include <stdio.h>

#include "cap/sgs/sgs_book_impl.h"
#include "sgs_bed.h"
#include "suite.h"

#define FEW 200u
#define MANY 100000u
#define AT_ONCE 256u
#define TRIES 5 /* the least of so many: the clock of the book works, too */

#define SMALL 40u /* octets of the smallest message that is sent */
#define SMALL_N 20000u

#define BOXES 100u
#define ROUNDS 150u

static struct sgs_bed bed;

/* ---- an engine that counts what is read and written ---- */

static atomic_uint_fast64_t touched;

static enum rc
count_get(struct txn *txn, struct slice key, struct slice *val)
{
	atomic_fetch_add(&touched, 1);
	return store_memory.get(txn, key, val);
}

static enum rc
count_put(struct txn *txn, struct slice key, struct slice val)
{
	atomic_fetch_add(&touched, 1);
	return store_memory.put(txn, key, val);
}

static enum rc
count_del(struct txn *txn, struct slice key)
{
	atomic_fetch_add(&touched, 1);
	return store_memory.del(txn, key);
}

struct counted {
	store_visit *visit;
	void *arg;
};

static bool
count_visit(void *arg, struct slice key, struct slice val)
{
	const struct counted *c = arg;

	atomic_fetch_add(&touched, 1);
	return c->visit(c->arg, key, val);
}

static enum rc
count_scan(struct txn *txn, struct slice from, struct slice to, bool reverse, size_t limit,
           store_visit *visit, void *arg)
{
	struct counted c = { visit, arg };

	return store_memory.scan(txn, from, to, reverse, limit, count_visit, &c);
}

/* ---- many at once ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t turn;
	unsigned left;
};

static void
one_done(struct sgs_op *op)
{
	struct waiting *w = op->owner;

	ck_assert_int_eq(op->rc, RC_OK);
	pthread_mutex_lock(&w->lock);
	w->left--;
	pthread_cond_broadcast(&w->turn);
	pthread_mutex_unlock(&w->lock);
}

/* Records of SMALL octets with ctr from on, below to. */
static void
put_all(struct sgs_bed *b, uint64_t by, uint32_t from, uint32_t to)
{
	static const char octets[SMALL];
	static struct sgs_message all[AT_ONCE];
	struct waiting w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

	while (from < to) {
		unsigned n = to - from < AT_ONCE ? to - from : AT_ONCE;

		w.left = n;
		for (unsigned i = 0; i < n; i++, from++) {
			all[i] = (struct sgs_message){ .op = { .done = one_done, .owner = &w },
				                       .by = by,
				                       .ctr = from,
				                       .octets = slice_make(octets, SMALL) };
			memcpy(all[i].sid, sgs_sid(1).v, SGS_SID_BYTES);
			sgs_message_put(b->book, &all[i]);
		}
		pthread_mutex_lock(&w.lock);
		while (w.left > 0)
			pthread_cond_wait(&w.turn, &w.lock);
		pthread_mutex_unlock(&w.lock);
	}
}

/* ---- what one costs ---- */

struct cost {
	uint64_t put, ack, list, tick;
};

static bool
see(void *arg, const struct sgs_item *i)
{
	(void)i;
	++*(size_t *)arg;
	return true;
}

static void
least(uint64_t *to, uint64_t before)
{
	uint64_t n = atomic_load(&touched) - before;

	*to = n < *to ? n : *to;
}

/* The next record, an item in the middle of those from first on, a page behind it, a tick. */
static struct cost
measure(struct sgs_bed *b, uint64_t i, uint64_t j, uint32_t next, uint64_t middle)
{
	struct cost c = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

	for (unsigned n = 0; n < TRIES; n++) {
		uint64_t before = atomic_load(&touched);
		struct sgs_view *v;
		size_t seen = 0;
		struct tables_tx *tx;

		ck_assert_int_eq(sgs_bed_message(b, 1, i, next + n, 8, NULL), RC_OK);
		least(&c.put, before);
		before = atomic_load(&touched);
		ck_assert_int_eq(sgs_bed_ack(b, j, middle + n, false), RC_OK);
		least(&c.ack, before);
		before = atomic_load(&touched);
		v = sgs_bed_view(b);
		ck_assert_int_eq(sgs_item_list(v, j, middle + n, 50, UINT64_MAX, see, &seen),
		                 RC_OK);
		sgs_view_close(v);
		ck_assert_uint_eq(seen, 50);
		least(&c.list, before);
		before = atomic_load(&touched);
		ck_assert_int_eq(tables_begin(&b->book->store, &tx), RC_OK);
		ck_assert_int_eq(sgs_expire(&(struct sgs_turn){ .b = b->book, .tx = tx, .now = 1 },
		                            &(bool){ false }),
		                 RC_OK);
		tables_abort(tx);
		least(&c.tick, before);
	}
	printf("put %llu, ack %llu, list %llu, tick %llu\n", (unsigned long long)c.put,
	       (unsigned long long)c.ack, (unsigned long long)c.list, (unsigned long long)c.tick);
	return c;
}

START_TEST(test_cost)
{
	struct sgs_bed *b = &bed;
	static struct store_ops counting;
	struct cost few, many;
	uint64_t i, j;

	counting = store_memory;
	counting.get = count_get;
	counting.put = count_put;
	counting.del = count_del;
	counting.scan = count_scan;
	sgs_bed_make(b, 0);
	b->conf.engine = &counting;
	b->conf.limits.items_device_max = 2 * MANY;
	b->conf.limits.items_max = 2 * MANY;
	b->conf.limits.octets_device_max = b->conf.limits.octets_max = 64 * (uint64_t)MANY;
	b->quick = true;
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
	i = sgs_bed_device(b, "i");
	j = sgs_bed_device(b, "j");
	sgs_bed_session(b, 1, i, j);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 9, NULL), RC_OK);
	put_all(b, i, 1, FEW);
	few = measure(b, i, j, FEW, 50);
	put_all(b, i, FEW + TRIES, MANY);
	many = measure(b, i, j, MANY, MANY / 2);
	ck_assert_uint_le(many.put, few.put);
	ck_assert_uint_le(many.ack, few.ack);
	ck_assert_uint_le(many.list, few.list);
	ck_assert_uint_le(many.tick, few.tick);
	/* And few for one. */
	ck_assert_uint_le(many.put, 20);
	ck_assert_uint_le(many.ack, 20);
	ck_assert_uint_le(many.list, 60);
	ck_assert_uint_le(many.tick, SGS_STEP);

	/* All at once goes in steps, and others get their turn between them. */
	ck_assert_int_eq(sgs_bed_ack(b, j, MANY, true), RC_OK);
	ck_assert_uint_lt(sgs_bed_stats(b).items, 20);
	sgs_bed_free(b);
}
END_TEST

/* What the smallest messages take up is less than the map of the engine has for them. */
START_TEST(test_smallest)
{
	struct sgs_bed *b = &bed;
	struct store_stat stat;
	uint64_t i, j;

	sgs_bed_make(b, SGS_LMDB);
	b->conf.limits.items_max = b->conf.limits.items_device_max = 2 * SMALL_N;
	b->conf.limits.octets_device_max = b->conf.limits.octets_max = 2 * SMALL * SMALL_N;
	b->quick = true;
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
	i = sgs_bed_device(b, "i");
	j = sgs_bed_device(b, "j");
	sgs_bed_session(b, 1, i, j);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 9, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 9, NULL), RC_OK);
	put_all(b, i, 1, SMALL_N);
	b->book->store.ops->stat(b->book->store.store, &stat);
	printf("%u octets of messages: %llu on disk\n", SMALL * SMALL_N,
	       (unsigned long long)stat.bytes_used);
	ck_assert_uint_lt(stat.bytes_used, (uint64_t)8 * SMALL * SMALL_N);
	sgs_bed_free(b);
}
END_TEST

/* A record of SMALL octets to each of BOXES mailboxes. */
static void
put_round(struct sgs_bed *b, const uint64_t *senders, uint32_t ctr)
{
	static const char octets[SMALL];
	static struct sgs_message all[BOXES];
	struct waiting w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, BOXES };

	for (unsigned i = 0; i < BOXES; i++) {
		all[i] = (struct sgs_message){ .op = { .done = one_done, .owner = &w },
			                       .by = senders[i],
			                       .ctr = ctr,
			                       .octets = slice_make(octets, SMALL) };
		memcpy(all[i].sid, sgs_sid(i + 1).v, SGS_SID_BYTES);
		sgs_message_put(b->book, &all[i]);
	}
	pthread_mutex_lock(&w.lock);
	while (w.left > 0)
		pthread_cond_wait(&w.turn, &w.lock);
	pthread_mutex_unlock(&w.lock);
}

/* The same when they come to many mailboxes in turn, and pages fill from everywhere. */
START_TEST(test_smallest_in_turn)
{
	struct sgs_bed *b = &bed;
	struct sgs_limits *l = &b->conf.limits;
	uint64_t devices[BOXES + 1], octets = (uint64_t)SMALL * BOXES * ROUNDS;
	struct store_stat stat;

	sgs_bed_make(b, SGS_LMDB);
	l->devices_max = l->sessions_max = l->sessions_device_max = BOXES + 1;
	l->replay_max = l->replay_device_max = BOXES;
	l->items_device_max = 2 * ROUNDS;
	l->octets_device_max = l->octets_max = 2 * octets;
	l->items_max = l->octets_max / 32;
	b->quick = true;
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
	for (unsigned i = 0; i <= BOXES; i++)
		devices[i] = sgs_bed_device(
			b, (const char[]){ (char)('0' + i / 10), (char)('0' + i % 10), 0 });
	for (unsigned i = 0; i < BOXES; i++) {
		sgs_bed_session(b, i + 1, devices[i], devices[i + 1]);
		ck_assert_int_eq(sgs_bed_message(b, i + 1, devices[i], 0, 9, NULL), RC_OK);
		ck_assert_int_eq(sgs_bed_message(b, i + 1, devices[i + 1], 0, 9, NULL), RC_OK);
	}
	for (uint32_t ctr = 1; ctr <= ROUNDS; ctr++)
		put_round(b, devices, ctr);
	b->book->store.ops->stat(b->book->store.store, &stat);
	printf("%llu octets in %u mailboxes: %llu on disk\n", (unsigned long long)octets, BOXES,
	       (unsigned long long)stat.bytes_used);
	ck_assert_uint_lt(stat.bytes_used, 8 * octets);
	sgs_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs_cost");
	TCase *c = suite_case(s, "cost", NULL, NULL);

	tcase_add_test(c, test_cost);
	tcase_add_test(c, test_smallest);
	tcase_add_test(c, test_smallest_in_turn);
	tcase_set_timeout(c, 600);
	return run_suite(s);
}
