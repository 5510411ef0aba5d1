/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from one source is opened, each message once (cap/pxy/px_opener.h). */
#include "config.h"

#include "cap/pxy/px_opener.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_judge.h"
#include "pre_flow.h"
#include "px_in_bed.h"

static struct {
	struct px_in_bed in;
	struct pool *pool;
	struct px_opener *o;
	_Atomic uint64_t taken, duplicates, refused, alarms, unused;
	_Atomic unsigned told;
	uint64_t octets_max;
	unsigned waiting_max;
} t;

static void
queued(void *arg)
{
	(void)arg;
	atomic_fetch_add(&t.told, 1);
}

static enum rc
make(struct px_opener **out)
{
	struct px_opener_conf conf = {
		.opening = flow_opening_conf(&flow_sink, PRE_AS_SINK),
		.pool = t.pool,
		.book = t.in.book,
		.stats = { &t.taken, &t.duplicates, &t.refused, &t.alarms, &t.unused, &t.unused },
		.waiting_max = t.waiting_max,
		.octets_max = t.octets_max,
		.queued = queued,
	};

	conf.opening.streams = 2;
	conf.opening.sections = 2;
	return px_opener_new(&conf, out);
}

static void
open_all(void)
{
	ck_assert_int_eq(pool_start(2, &t.pool), RC_OK);
	ck_assert_int_eq(make(&t.o), RC_OK);
	ck_assert_int_eq(pre_source_name(SLICE_LIT(FLOW_SOURCE), t.in.source.v), RC_OK);
}

static void
setup(void)
{
	pre_flow_setup();
	px_in_start(&t.in);
	t.octets_max = PX_IN_OCTETS;
	t.waiting_max = 4;
	atomic_store(&t.told, 0);
	atomic_store(&t.taken, 0);
	atomic_store(&t.duplicates, 0);
	atomic_store(&t.refused, 0);
	atomic_store(&t.alarms, 0);
	open_all();
}

static void
close_all(void)
{
	px_opener_stop(t.o);
	pool_stop(t.pool);
	px_opener_free(t.o);
	t.o = NULL;
}

static void
teardown(void)
{
	close_all();
	px_in_free(&t.in);
	pre_flow_teardown();
}

static void
restart(void)
{
	close_all();
	px_in_close(&t.in);
	px_in_open(&t.in);
	open_all();
}

/* ---- deliveries ---- */

struct delivery {
	struct px_delivery d;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool done;
};

static void
delivered(struct px_delivery *d)
{
	struct delivery *w = d->owner;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->turn);
	pthread_mutex_unlock(&w->lock);
}

static bool
hand_in(struct delivery *w, const struct pre_unit *units, size_t n)
{
	*w = (struct delivery){ .lock = PTHREAD_MUTEX_INITIALIZER,
		                .turn = PTHREAD_COND_INITIALIZER,
		                .d = { .units = units, .n = n, .done = delivered, .owner = w } };
	return px_opener_submit(t.o, &w->d);
}

static enum rc
await(struct delivery *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->turn, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->d.rc;
}

static struct px_delivery
deliver(const struct pre_unit *units, size_t n)
{
	struct delivery w;

	ck_assert(hand_in(&w, units, n));
	(void)await(&w);
	return w.d;
}

/* Sections of messages each, for the sink. */
static struct buf
sealed(unsigned sections, unsigned messages)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct pre_stream *s = flow_stream(&conf);
	struct buf batch, out;

	buf_init(&batch, 1u << 20);
	buf_init(&out, 1u << 20);
	flow_send(s, sections, messages, &batch);
	flow_forward(&batch, &flow_sink, &out);
	pre_stream_free(s);
	buf_fini(&batch);
	return out;
}

#define EXPECT(d, want, new, old)                                                                  \
	do {                                                                                       \
		struct px_delivery got = (d);                                                      \
		ck_assert_int_eq(got.rc, (want));                                                  \
		ck_assert_uint_eq(got.taken, (new));                                               \
		ck_assert_uint_eq(got.duplicates, (old));                                          \
	} while (0)

START_TEST(test_once)
{
	struct buf b = sealed(2, 3);
	struct units u = units_of(&b);
	struct px_in_place p;

	ck_assert_uint_eq(u.n, 10);
	EXPECT(deliver(u.u, 3), RC_OK, 3, 0);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 ");
	ck_assert_int_eq(px_inbook_place(t.in.book, &t.in.source, FLOW_STREAM, &p), RC_OK);
	ck_assert(p.any && p.seq == 1 && !p.ended && p.key_index == 0);
	EXPECT(deliver(u.u + 1, 4), RC_OK, 2, 2);
	ck_assert_int_eq(px_inbook_place(t.in.book, &t.in.source, FLOW_STREAM, &p), RC_OK);
	ck_assert(p.any && p.seq == 2 && p.ended);
	EXPECT(deliver(u.u, 10), RC_OK, 5, 5);
	EXPECT(deliver(u.u, 10), RC_OK, 0, 10);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 3 4 5 ");
	ck_assert_int_eq(px_inbook_place(t.in.book, &t.in.source, FLOW_STREAM, &p), RC_OK);
	ck_assert(p.key_index == 1 && p.ended);

	ck_assert_uint_eq(atomic_load(&t.taken), 10);
	ck_assert_uint_eq(atomic_load(&t.duplicates), 17);
	ck_assert_uint_eq(atomic_load(&t.refused), 0);
	ck_assert_uint_eq(atomic_load(&t.alarms), 0);
	/* Only of what brought something. */
	ck_assert_uint_eq(atomic_load(&t.told), 3);
	buf_fini(&b);
}
END_TEST

/* What comes late is of an older section: the stream has come further. */
START_TEST(test_place)
{
	struct buf b = sealed(2, 3);
	struct units u = units_of(&b);
	const struct pre_unit some[] = { u.u[0], u.u[1], u.u[5], u.u[6], u.u[2] };
	struct px_in_place p;

	EXPECT(deliver(some, 4), RC_OK, 4, 0);
	EXPECT(deliver(&some[4], 1), RC_OK, 1, 0);
	ck_assert_int_eq(px_inbook_place(t.in.book, &t.in.source, FLOW_STREAM, &p), RC_OK);
	ck_assert(p.key_index == 1 && p.any && p.seq == 0 && !p.ended);
	buf_fini(&b);
}
END_TEST

START_TEST(test_restart)
{
	struct buf b = sealed(2, 3);
	struct units u = units_of(&b);

	EXPECT(deliver(u.u, 3), RC_OK, 3, 0);
	restart();
	EXPECT(deliver(u.u, 7), RC_OK, 4, 3);
	restart();
	EXPECT(deliver(u.u + 4, 6), RC_OK, 3, 3);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 3 4 5 ");
	ck_assert_uint_eq(px_in_counts(&t.in).tally.findings, 0);
	buf_fini(&b);
}
END_TEST

/* A section whose management message has not come. */
START_TEST(test_no_key)
{
	struct buf b = sealed(2, 3);
	struct units u = units_of(&b);

	EXPECT(deliver(u.u + 1, 1), RC_CONFLICT, 0, 0);
	/* What stood before it is not taken either. */
	EXPECT(deliver((struct pre_unit[]){ u.u[0], u.u[1], u.u[6] }, 3), RC_CONFLICT, 2, 0);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "");
	EXPECT(deliver(u.u, 10), RC_OK, 10, 0);
	ck_assert_uint_eq(atomic_load(&t.refused), 2);
	buf_fini(&b);
}
END_TEST

START_TEST(test_changed)
{
	struct buf b = sealed(1, 3), copy;
	struct units u = units_of(&b), bad;

	buf_init(&copy, 1u << 20);
	buf_slice(&copy, buf_view(&b));
	bad = units_of(&copy);
	for (size_t i = 0; i < bad.n; i++) {
		((char *)(uintptr_t)bad.u[i].rest.p)[bad.u[i].rest.n - 1] ^= 1;
		ck_assert_int_eq(deliver(bad.u, i + 1).rc, RC_BAD_REQUEST);
		((char *)(uintptr_t)bad.u[i].rest.p)[bad.u[i].rest.n - 1] ^= 1;
	}
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "");
	EXPECT(deliver(u.u, u.n), RC_OK, 5, 0);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 ");
	ck_assert_uint_eq(px_in_counts(&t.in).tally.findings, 0);
	buf_fini(&copy);
	buf_fini(&b);
}
END_TEST

/* Re-encrypted for somebody else. */
START_TEST(test_other_sink)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct pre_stream *s = flow_stream(&conf);
	struct buf batch, out;
	struct units u;

	buf_init(&batch, 1u << 20);
	buf_init(&out, 1u << 20);
	flow_send(s, 1, 1, &batch);
	flow_forward(&batch, &flow_other, &out);
	u = units_of(&out);
	EXPECT(deliver(u.u, 1), RC_BAD_REQUEST, 0, 0);
	u = units_of(&batch);
	EXPECT(deliver(u.u, 1), RC_BAD_REQUEST, 0, 0);
	pre_stream_free(s);
	buf_fini(&batch);
	buf_fini(&out);
}
END_TEST

/* The disk of the book is full for a while: nothing was taken, then all is, once. */
START_TEST(test_disk)
{
	struct buf b = sealed(2, 3);
	struct units u = units_of(&b);

	EXPECT(deliver(u.u, 2), RC_OK, 2, 0);
	px_in_fail(2, RC_NO_SPACE);
	ck_assert_int_eq(deliver(u.u + 2, 8).rc, RC_NO_SPACE);
	px_in_fail(2, RC_UNAVAILABLE);
	ck_assert_int_eq(deliver(u.u + 2, 8).rc, RC_UNAVAILABLE);
	px_in_fail(0, RC_OK);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 ");
	EXPECT(deliver(u.u, 10), RC_OK, 8, 2);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 3 4 5 ");
	restart();
	EXPECT(deliver(u.u, 10), RC_OK, 0, 10);
	buf_fini(&b);
}
END_TEST

START_TEST(test_full)
{
	struct buf b = sealed(1, 6);
	struct units u = units_of(&b);

	t.octets_max = 4;
	restart();
	EXPECT(deliver(u.u, 4), RC_OK, 4, 0);
	ck_assert_int_eq(deliver(u.u + 4, 2).rc, RC_UNAVAILABLE);
	ck_assert_int_eq(px_in_end_to(&t.in, 3), RC_OK);
	EXPECT(deliver(u.u + 4, 2), RC_OK, 2, 0);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "3 4 ");
	buf_fini(&b);
}
END_TEST

START_TEST(test_line)
{
	struct buf b = sealed(1, 3);
	struct units u = units_of(&b);
	struct delivery w[4], more, one;
	enum rc last = RC_OK;

	/* Nothing is done while the only book does not answer: the first is in its commit. */
	for (size_t i = 0; i < 4; i++)
		ck_assert(hand_in(&w[i], u.u, u.n));
	for (unsigned n = 0; hand_in(&more, u.u, u.n); n++) {
		/* A place was free already. */
		ck_assert_int_eq(await(&more), RC_OK);
		ck_assert_uint_lt(n, 4);
		for (size_t i = 0; i < 4; i++)
			(void)await(&w[i]);
		for (size_t i = 0; i < 4; i++)
			ck_assert(hand_in(&w[i], u.u, u.n));
	}
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(await(&w[i]), RC_OK);
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 1 2 ");

	/* Stopped: each is answered, those behind one that waited as that was; nothing more is taken. */
	for (size_t i = 0; i < 4; i++)
		ck_assert(hand_in(&w[i], u.u, u.n));
	px_opener_stop(t.o);
	ck_assert(!hand_in(&one, u.u, u.n));
	for (size_t i = 0; i < 4; i++) {
		enum rc rc = await(&w[i]);

		ck_assert(rc == RC_UNAVAILABLE || (rc == RC_OK && last == RC_OK));
		last = rc;
	}
	buf_fini(&b);
}
END_TEST

/* ---- verdicts ---- */

#define ALARM(units, n, count, bits)                                                               \
	do {                                                                                       \
		ck_assert_int_eq(deliver((units), (n)).rc, RC_OK);                                 \
		ck_assert_uint_eq(px_in_counts(&t.in).tally.alarms, (count));                      \
		ck_assert_uint_eq(px_in_counts(&t.in).tally.findings, (bits));                     \
	} while (0)

START_TEST(test_missing)
{
	struct buf b = sealed(3, 3);
	struct units u = units_of(&b);
	const struct pre_unit some[] = { u.u[0], u.u[1], u.u[3], u.u[4] };

	/* The END is not the last word: the message may come yet. */
	ALARM(some, 4, 0, 0);
	restart();
	/* With the next section it will not. */
	ALARM(&u.u[5], 1, 1, PRE_MISSING);
	ALARM(&u.u[6], 9, 1, PRE_MISSING);
	buf_fini(&b);
}
END_TEST

START_TEST(test_reordered)
{
	struct buf b = sealed(2, 3);
	struct units u = units_of(&b);
	const struct pre_unit some[] = { u.u[0], u.u[2], u.u[1], u.u[3], u.u[4] };

	ALARM(some, 5, 1, PRE_REORDERED);
	ALARM(&u.u[5], 5, 1, PRE_REORDERED);
	buf_fini(&b);
}
END_TEST

/* A whole section is not there: the next END tells. */
START_TEST(test_unlinked)
{
	struct buf b = sealed(3, 1);
	struct units u = units_of(&b);

	ALARM(u.u, 3, 0, 0);
	ALARM(&u.u[6], 3, 1, PRE_UNLINKED);
	buf_fini(&b);
}
END_TEST

/* A sink that is added later, a source that begins again: no alarm. */
START_TEST(test_joined)
{
	struct buf b = sealed(4, 1);
	struct units u = units_of(&b);

	ALARM(&u.u[3], 3, 0, PRE_JOINED);
	/* Without its END, then the next section. */
	ALARM(&u.u[6], 2, 0, PRE_JOINED);
	ALARM(&u.u[9], 1, 0, PRE_JOINED | PRE_UNENDED);
	buf_fini(&b);
}
END_TEST

START_TEST(test_gone)
{
	struct buf b = sealed(4, 1);
	struct units u = units_of(&b);

	EXPECT(deliver(u.u, 12), RC_OK, 12, 0);
	EXPECT(deliver(u.u, 3), RC_OK, 0, 3);
	ck_assert_uint_ge(px_in_counts(&t.in).tally.gone, 2);
	ck_assert_uint_eq(px_in_counts(&t.in).tally.alarms, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(test_streams)
{
	for (uint16_t stream = 1; stream <= 3; stream++) {
		struct pre_stream_conf conf = flow_stream_conf();
		struct pre_stream *s;
		struct buf batch, out;
		struct units u;

		conf.stream = stream;
		s = flow_stream(&conf);
		buf_init(&batch, 1u << 20);
		buf_init(&out, 1u << 20);
		flow_send(s, 1, 1, &batch);
		flow_forward(&batch, &flow_sink, &out);
		u = units_of(&out);
		ck_assert_int_eq(deliver(u.u, u.n).rc, stream == 3 ? RC_NO_SPACE : RC_OK);
		pre_stream_free(s);
		buf_fini(&batch);
		buf_fini(&out);
	}
	ck_assert_str_eq(px_in_queue(&t.in, 0, 99), "0 0 ");
}
END_TEST

/* What is stored of a source is of it. */
START_TEST(test_foreign_state)
{
	struct px_opener *other;
	struct px_in_take take = { .state = SLICE_LIT("no state"), .octets_max = 1 };

	ck_assert_int_eq(px_in_do_take(&t.in, &take), RC_OK);
	ck_assert_int_eq(make(&other), RC_BAD_REQUEST);
	ck_assert_ptr_null(other);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(px_finding_name(PRE_MISSING), "missing");
	ck_assert_str_eq(px_finding_name(PRE_UNENDED), "unended");
	ck_assert_ptr_null(px_finding_name(0));
	ck_assert_ptr_null(px_finding_name(64));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_opener");
	TCase *c = suite_case(s, "taking", setup, teardown);

	tcase_add_test(c, test_once);
	tcase_add_test(c, test_place);
	tcase_add_test(c, test_restart);
	tcase_add_test(c, test_no_key);
	tcase_add_test(c, test_changed);
	tcase_add_test(c, test_other_sink);
	tcase_add_test(c, test_disk);
	tcase_add_test(c, test_full);
	tcase_add_test(c, test_line);
	tcase_add_test(c, test_streams);
	tcase_add_test(c, test_foreign_state);
	c = suite_case(s, "verdicts", setup, teardown);
	tcase_add_test(c, test_missing);
	tcase_add_test(c, test_reordered);
	tcase_add_test(c, test_unlinked);
	tcase_add_test(c, test_joined);
	tcase_add_test(c, test_gone);
	tcase_add_test(c, test_names);
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
