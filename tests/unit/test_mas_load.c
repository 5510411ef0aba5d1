/* SPDX-License-Identifier: Apache-2.0 */
/* A MAS with much to do: full stores and queues, many threads at once, the feed of its keys. */
#include "config.h"

#include <unistd.h>

#include "mas/mas_impl.h"
#include "mas_case.h"

#define LMDB 1

/* ---- fullness ---- */

/* A full store refuses, and has nothing of what it refused. */
START_TEST(test_store_full)
{
	struct mas_bed *b = &bed;
	struct mas_provision p;
	struct audit_check check;
	struct node_id node;
	struct key psk;
	uint8_t i = 0;
	enum rc rc;

	bed_make(b, 0);
	b->conf.store.max_bytes = 100000;
	bed_open(b);
	do {
		ck_assert_uint_lt(++i, 250);
		p = (struct mas_provision){ .has_node = true, .node = bed_node(i), .origin = "B6" };
		rc = bed_provision(b, &p);
	} while (rc == RC_OK);
	ck_assert_int_eq(rc, RC_NO_SPACE);
	ck_assert_uint_gt(i, 10);
	ck_assert(key_is_zero(&p.kmr));
	node = bed_node(i);
	ck_assert(!bed_psk(b, &node, 1, PSK_TLS_1_3, &psk));
	ck_assert_int_eq(bed_show(b, &node), RC_NOT_FOUND);
	node = bed_node((uint8_t)(i - 1));
	ck_assert(bed_psk(b, &node, 1, PSK_TLS_1_3, &psk));
	ck_assert_int_eq(bed_verify(b, &check), RC_OK);
	ck_assert(check.bad == 0 && !check.bad_head);
	bed_free(b);
}
END_TEST

START_TEST(test_nodes_max)
{
	struct mas_bed *b = &bed;
	struct mas_provision p = { .actor = "admin", .origin = "B0" };

	bed_make(b, 0);
	b->conf.nodes_max = 2;
	bed_open(b);
	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	ck_assert_int_eq(bed_provision(b, &p), RC_NO_SPACE);
	ck_assert_str_eq(p.outcome.reason, "OVERLOAD");
	(void)bed_issue(b, 1, 30);
	bed_free(b);
}
END_TEST

/* A job that holds the worker until it is let go. */
struct plug {
	struct tables_job job;
	struct bed_call call;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool held, let_go;
};

static enum rc
plug_run(struct tables_job *j, struct tables_tx *tx)
{
	struct plug *p = MAS_CALL(j, struct plug);

	(void)tx;
	pthread_mutex_lock(&p->lock);
	p->held = true;
	pthread_cond_broadcast(&p->wake);
	while (!p->let_go)
		pthread_cond_wait(&p->wake, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return RC_OK;
}

static void
plug_done(struct tables_job *j, enum rc rc)
{
	(void)rc;
	bed_over(&MAS_CALL(j, struct plug)->call);
}

/* The worker is held, when this returns. */
static void
plug_in(struct mas_bed *b, struct plug *p)
{
	*p = (struct plug){ .job = { .run = plug_run, .done = plug_done },
		            .call.b = b,
		            .lock = PTHREAD_MUTEX_INITIALIZER,
		            .wake = PTHREAD_COND_INITIALIZER };
	tables_work_submit(b->m->work, &p->job);
	pthread_mutex_lock(&p->lock);
	while (!p->held)
		pthread_cond_wait(&p->wake, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

/* It goes on; the plug's own call is still to be waited for. */
static void
plug_out(struct plug *p)
{
	pthread_mutex_lock(&p->lock);
	p->let_go = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

static void
queued_done(struct mas_connect *c)
{
	bed_over(c->owner);
}

#define QUEUED 12u

/* What does not fit into the queue is answered at once when the worker comes, as OVERLOAD. */
START_TEST(test_queue_full)
{
	struct mas_bed *b = &bed;
	struct plug plug;
	struct mas_connect c[QUEUED];
	struct bed_call calls[QUEUED];
	unsigned made = 0, refused = 0;

	bed_make(b, 0);
	b->conf.queue_max = 4;
	bed_open(b);
	(void)bed_issue(b, 1, 10);
	plug_in(b, &plug);
	for (unsigned i = 0; i < QUEUED; i++) {
		calls[i] = (struct bed_call){ .b = b };
		c[i] = bed_connecting(1, 1);
		c[i].owner = &calls[i];
		c[i].done = queued_done;
		b->mas.ops->connect(b->mas.self, &c[i]);
	}
	plug_out(&plug);
	for (unsigned i = 0; i < QUEUED; i++) {
		bed_wait(&calls[i]);
		made += c[i].outcome.rc == RC_OK;
		refused += c[i].outcome.rc == RC_UNAVAILABLE;
	}
	bed_wait(&plug.call);
	ck_assert_uint_eq(made, 4);
	ck_assert_uint_eq(refused, QUEUED - 4);
	ck_assert_str_eq(c[QUEUED - 1].outcome.reason, "OVERLOAD");
	bed_free(b);
}
END_TEST

/* Of one transaction: who writes and fails leaves nothing, the neighbour's change stays. */
struct writer {
	struct tables_job job;
	struct bed_call call;
	struct slice key;
	enum rc answer;
	enum rc got;
};

static enum rc
writer_run(struct tables_job *j, struct tables_tx *tx)
{
	struct writer *w = MAS_CALL(j, struct writer);

	ck_assert_int_eq(tables_put(tx, w->key, SLICE_LIT("new")), RC_OK);
	ck_assert_int_eq(tables_put(tx, SLICE_LIT("Xboth"), w->key), RC_OK);
	return w->answer;
}

static void
writer_done(struct tables_job *j, enum rc rc)
{
	struct writer *w = MAS_CALL(j, struct writer);

	w->got = rc;
	bed_over(&w->call);
}

START_TEST(test_batch)
{
	struct mas_bed *b = start(0);
	struct plug plug;
	struct writer good = { .key = SLICE_LIT("Xgood"), .answer = RC_OK };
	struct writer bad = { .key = SLICE_LIT("Xbad"), .answer = RC_INTERNAL };
	struct slice val;
	struct tables_tx *tx;

	good.job = bad.job = (struct tables_job){ .run = writer_run, .done = writer_done };
	good.call.b = bad.call.b = b;
	plug_in(b, &plug);
	tables_work_submit(b->m->work, &good.job);
	tables_work_submit(b->m->work, &bad.job);
	plug_out(&plug);
	bed_wait(&good.call);
	bed_wait(&bad.call);
	bed_wait(&plug.call);
	ck_assert_int_eq(good.got, RC_OK);
	ck_assert_int_eq(bad.got, RC_INTERNAL);
	ck_assert_int_eq(tables_begin(&b->m->store, &tx), RC_OK);
	ck_assert(tables_has(tx, good.key));
	ck_assert(!tables_has(tx, bad.key));
	ck_assert_int_eq(tables_get(tx, SLICE_LIT("Xboth"), &val), RC_OK);
	ck_assert(slice_eq(val, good.key));
	tables_abort(tx);
	bed_free(b);
}
END_TEST

/* ---- many at once ---- */

struct race {
	struct mas_bed *b;
	atomic_bool stop;
	atomic_uint looked;
};

/* Node 1 never loses its key, and nobody ever gets a wrong one. */
static void *
keep_looking(void *arg)
{
	struct race *r = arg;
	struct node_id one = bed_node(1);
	struct key kmr = bed_key(1), want, got;

	ck_assert_int_eq(psk_mr(&kmr, PSK_TLS_1_3, &one, 1, &want), RC_OK);
	while (!atomic_load(&r->stop)) {
		struct node_id other = bed_node((uint8_t)(2 + atomic_fetch_add(&r->looked, 1) % 200));

		ck_assert(bed_psk(r->b, &one, 1, PSK_TLS_1_3, &got));
		ck_assert(key_equal(&want, &got));
		(void)bed_psk(r->b, &other, 1, PSK_TLS_1_2, &got);
		r->b->mas.ops->used(r->b->mas.self, atomic_load(&r->looked), 1, 1);
	}
	return NULL;
}

START_TEST(test_lookups)
{
	struct mas_bed *b = start(0);
	struct race r = { .b = b };
	struct mas_change revoke = { .kind = MAS_REVOKE_KMR };
	pthread_t threads[3];

	(void)bed_issue(b, 1, 1);
	for (unsigned i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, keep_looking, &r), 0);
	for (uint8_t i = 2; i < 200; i++) {
		(void)bed_issue(b, i, i);
		revoke.node = bed_node(i);
		if (i % 2 == 0)
			ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	}
	while (atomic_load(&r.looked) < 1000)
		usleep(1000);
	atomic_store(&r.stop, true);
	for (unsigned i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (uint8_t i = 2; i < 200; i++) {
		struct node_id id = bed_node(i);
		struct key psk;

		ck_assert_int_eq(bed_psk(b, &id, 1, PSK_TLS_1_3, &psk), i % 2 == 1);
	}
	bed_free(b);
}
END_TEST

static void *
connect_many(void *arg)
{
	struct mas_bed *b = arg;

	for (uint8_t i = 1; i <= 40; i++)
		(void)bed_connected(b, i, 1);
	return NULL;
}

/* Group commit: all of them are there, each KmcIndex once. */
START_TEST(test_connects)
{
	struct mas_bed *b = start(LMDB);
	pthread_t threads[4];
	struct store_stat before, after;

	for (uint8_t i = 1; i <= 40; i++)
		(void)bed_issue(b, i, i);
	b->m->store.ops->stat(b->m->store.store, &before);
	for (unsigned i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, connect_many, b), 0);
	for (unsigned i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	b->m->store.ops->stat(b->m->store.store, &after);
	/* Ticks may add a few. */
	ck_assert_uint_lt(after.commits - before.commits, 4 * 40);
	for (uint8_t i = 1; i <= 40; i++) {
		struct node_id id = bed_node(i);

		ck_assert_int_eq(bed_show(b, &id), RC_OK);
		ck_assert_uint_eq(b->n_conns, NITEMS(threads));
		ck_assert_uint_eq(b->nodes[0].last_kmc, NITEMS(threads));
	}
	bed_free(b);
}
END_TEST

/* ---- the feed ---- */

struct fed {
	unsigned n, gone;
	struct mas_psk_change last;
};

static void
fed_visit(struct mas_psk_feed *f, const struct mas_psk_change *c)
{
	struct fed *to = f->arg;

	to->n++;
	to->gone += c->gone;
	to->last = *c;
}

START_TEST(test_feed)
{
	struct mas_bed *b = start(0);
	struct fed fed = { 0 };
	struct mas_psk_feed f = { .visit = fed_visit, .arg = &fed };
	struct mas_change revoke = { .kind = MAS_REVOKE_KMR, .node = bed_node(1) };
	struct key psk;

	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	ck_assert_uint_ge(atomic_load(&b->key_news), 2);
	mas_psk_feed(mas_psk_of(b->m), &f);
	ck_assert(f.reset);
	ck_assert_uint_eq(fed.n, 2);
	f.since = f.up_to;
	ck_assert(!mas_psk_news(mas_psk_of(b->m), f.since));
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(mas_psk_news(mas_psk_of(b->m), f.since));
	(void)bed_issue(b, 3, 30);
	fed = (struct fed){ 0 };
	mas_psk_feed(mas_psk_of(b->m), &f);
	ck_assert(!f.reset);
	ck_assert(fed.n == 2 && fed.gone == 1);
	ck_assert_uint_eq(fed.last.node.v[15], 3);
	ck_assert(bed_psk(b, &fed.last.node, 1, PSK_TLS_1_3, &psk));
	ck_assert(key_equal(&psk, &fed.last.keys.psk3));
	/* What is known from another start is void. */
	f.since = 5;
	mas_psk_feed(mas_psk_of(b->m), &f);
	ck_assert(f.reset);
	bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_store_full, test_nodes_max, test_queue_full, test_batch, test_lookups,
		test_connects, test_feed,
	};
	Suite *s = suite_create("mas load");
	TCase *c = suite_case(s, "all", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return run_suite(s);
}
