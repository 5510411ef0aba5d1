/* SPDX-License-Identifier: Apache-2.0 */
/* Grants in memory and on disk, and what is logged of refusals. */
#include "config.h"

#include "base/clock.h"
#include "cap/edge/edge_book.h"
#include "cap/edge/edge_log.h"
#include "cap/edge/edge_table.h"
#include "store_bed.h"
#include "suite.h"

#include <stdio.h>

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define GRANT(more)                                                                                \
	"{\"fingerprints\":[\"" KEY "\"],\"operations\":[],\"prefixes\":[],\"rate\":10," more "}"
#define A SLICE_LIT("a")
#define B SLICE_LIT("b")
#define SMALL SLICE_LIT(GRANT("\"burst\":2"))
#define OFF SLICE_LIT(GRANT("\"burst\":2,\"state\":\"disabled\""))

static struct edge_table *table;

static void
setup(void)
{
	table = edge_table_new(2);
	ck_assert_ptr_nonnull(table);
}

static void
teardown(void)
{
	edge_table_free(table);
}

struct seen {
	struct edge_table *table;
	enum edge_state state;
	int64_t now;
	unsigned wait;
};

static void
look(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	struct seen *s = arg;

	s->state = g->state;
	if (s->now != 0)
		s->wait = edge_table_take(s->table, g, rate, s->now);
}

static bool
there(struct slice app_id, enum edge_state state)
{
	struct seen s = { .table = table, .state = EDGE_WITHDRAWN };

	return edge_table_look(table, app_id, look, &s) && s.state == state;
}

START_TEST(a_grant_replaces_another)
{
	ck_assert(!there(A, EDGE_ENABLED));
	ck_assert_int_eq(edge_table_put(table, A, SMALL), RC_OK);
	ck_assert(there(A, EDGE_ENABLED));
	ck_assert(!there(B, EDGE_ENABLED));
	ck_assert_int_eq(edge_table_put(table, A, OFF), RC_OK);
	ck_assert(there(A, EDGE_DISABLED));
	ck_assert_uint_eq(edge_table_count(table), 1);
	edge_table_drop(table, A);
	edge_table_drop(table, A);
	ck_assert_uint_eq(edge_table_count(table), 0);
	ck_assert(!there(A, EDGE_DISABLED));
}
END_TEST

START_TEST(the_table_has_an_end)
{
	ck_assert_int_eq(edge_table_put(table, A, SMALL), RC_OK);
	ck_assert_int_eq(edge_table_put(table, B, SMALL), RC_OK);
	ck_assert_int_eq(edge_table_put(table, SLICE_LIT("c"), SMALL), RC_NO_SPACE);
	ck_assert_int_eq(edge_table_put(table, B, OFF), RC_OK);
	ck_assert_int_eq(edge_table_put(table, A, SLICE_LIT("{}")), RC_BAD_REQUEST);
	ck_assert(there(A, EDGE_ENABLED));
	ck_assert_int_eq(edge_table_put(table, SLICE_LIT(""), SMALL), RC_BAD_REQUEST);
}
END_TEST

static unsigned
take_at(int64_t now)
{
	struct seen s = { .table = table, .now = now };

	ck_assert(edge_table_look(table, A, look, &s));
	return s.wait;
}

START_TEST(a_rate_is_kept)
{
	int64_t now = clock_monotonic() + 10 * CLOCK_SECOND;

	ck_assert_int_eq(edge_table_put(table, A, SMALL), RC_OK);
	ck_assert_uint_eq(take_at(now), 0);
	ck_assert_uint_eq(take_at(now), 0);
	ck_assert_uint_eq(take_at(now), 1);
	/* Ten a second. */
	ck_assert_uint_eq(take_at(now + CLOCK_SECOND / 20), 1);
	ck_assert_uint_eq(take_at(now + CLOCK_SECOND / 10), 0);
	ck_assert_uint_eq(take_at(now + CLOCK_SECOND / 10), 1);
	/* No more than the burst, however long it was. */
	now += INT64_C(1000000) * CLOCK_SECOND;
	ck_assert_uint_eq(take_at(now), 0);
	ck_assert_uint_eq(take_at(now), 0);
	ck_assert_uint_eq(take_at(now), 1);
	/* A clock that steps back gives nothing. */
	ck_assert_uint_eq(take_at(now - CLOCK_SECOND), 1);
}
END_TEST

/* ---- the book ---- */

static enum rc
loaded(void *arg, struct slice app_id, struct slice json)
{
	return edge_table_put(arg, app_id, json);
}

static enum rc
open_book(const char *dir, struct edge_book **out)
{
	const struct edge_book_conf conf = {
		.dir = dir, .engine = &store_lmdb, .max = 2, .loaded = loaded, .arg = table
	};
	char why[256];

	return edge_book_open(&conf, out, why);
}

struct waiting {
	struct edge_change change; /* first */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over;
};

static void
changed(struct edge_change *c)
{
	struct waiting *w = (struct waiting *)(void *)c;

	pthread_mutex_lock(&w->lock);
	/* The test looks at what is left of the change. */
	if (c->rc == RC_OK && c->now.n > 0)
		(void)edge_table_put(table, c->app_id, buf_view(&c->now));
	w->over = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* One change; what there is then is in the table. */
static enum rc
try(struct edge_book *b, struct edge_change change)
{
	struct waiting w = { .change = change };

	w.change.done = changed;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	edge_book_change(b, &w.change);
	pthread_mutex_lock(&w.lock);
	while (!w.over)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_mutex_destroy(&w.lock);
	pthread_cond_destroy(&w.changed);
	return w.change.rc;
}

static enum rc
grant(struct edge_book *b, struct slice app_id, struct slice json)
{
	return try(b, (struct edge_change){ .kind = EDGE_PUT, .app_id = app_id, .json = json });
}

static enum rc
set_state(struct edge_book *b, struct slice app_id, enum edge_state state)
{
	return try(b, (struct edge_change){
			      .kind = EDGE_SET_STATE, .app_id = app_id, .state = state });
}

static enum rc
withdraw(struct edge_book *b, struct slice app_id)
{
	return try(b, (struct edge_change){ .kind = EDGE_WITHDRAW, .app_id = app_id });
}

static struct edge_book *
reopened(const char *dir, struct edge_book *b)
{
	edge_book_close(b);
	edge_table_free(table);
	setup();
	ck_assert_int_eq(open_book(dir, &b), RC_OK);
	return b;
}

START_TEST(grants_outlive_the_process)
{
	char dir[] = "/tmp/openscl-edge-XXXXXX";
	struct edge_book *b;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(open_book(dir, &b), RC_OK);
	ck_assert_uint_eq(edge_table_count(table), 0);
	ck_assert_int_eq(grant(b, A, SMALL), RC_OK);
	ck_assert_int_eq(grant(b, B, OFF), RC_OK);
	b = reopened(dir, b);
	ck_assert(there(A, EDGE_ENABLED) && there(B, EDGE_DISABLED));
	ck_assert_int_eq(withdraw(b, A), RC_OK);
	ck_assert_int_eq(withdraw(b, A), RC_OK);
	ck_assert_int_eq(withdraw(b, A), RC_NOT_FOUND);
	ck_assert_int_eq(grant(b, B, SMALL), RC_OK);
	b = reopened(dir, b);
	ck_assert_uint_eq(edge_table_count(table), 1);
	ck_assert(there(B, EDGE_ENABLED));
	/* What is no grant does not become one by being stored. */
	ck_assert_int_eq(grant(b, A, SLICE_LIT("{\"operations\":[]}")), RC_OK);
	ck_assert_int_eq(set_state(b, A, EDGE_ENABLED), RC_PRECONDITION);
	edge_book_close(b);
	ck_assert_int_eq(open_book(dir, &b), RC_PRECONDITION);
	ck_assert_ptr_null(b);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
END_TEST

/* Whatever is in memory: what was stored is there again after a start. */
START_TEST(the_book_has_an_end)
{
	char dir[] = "/tmp/openscl-edge-XXXXXX";
	struct edge_book *b;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(open_book(dir, &b), RC_OK);
	ck_assert_int_eq(grant(b, A, SMALL), RC_OK);
	ck_assert_int_eq(grant(b, A, OFF), RC_OK);
	ck_assert_int_eq(grant(b, B, SMALL), RC_OK);
	ck_assert_int_eq(grant(b, SLICE_LIT("c"), SMALL), RC_NO_SPACE);
	ck_assert_int_eq(grant(b, B, OFF), RC_OK);
	b = reopened(dir, b);
	ck_assert_uint_eq(edge_table_count(table), 2);
	ck_assert_int_eq(grant(b, SLICE_LIT("c"), SMALL), RC_NO_SPACE);
	ck_assert_int_eq(withdraw(b, SLICE_LIT("never")), RC_NOT_FOUND);
	ck_assert_int_eq(withdraw(b, A), RC_OK);
	ck_assert_int_eq(grant(b, SLICE_LIT("c"), SMALL), RC_NO_SPACE);
	ck_assert_int_eq(withdraw(b, A), RC_OK);
	ck_assert_int_eq(grant(b, SLICE_LIT("c"), SMALL), RC_OK);
	ck_assert_int_eq(grant(b, A, SMALL), RC_NO_SPACE);
	b = reopened(dir, b);
	ck_assert_uint_eq(edge_table_count(table), 2);
	edge_book_close(b);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
END_TEST

/* A change is of the grant as it is stored by then, whatever its maker has seen. */
START_TEST(a_change_of_what_is_stored)
{
	struct edge_book *b;

	ck_assert_int_eq(open_book(NULL, &b), RC_OK);
	ck_assert_int_eq(set_state(b, A, EDGE_DISABLED), RC_NOT_FOUND);
	ck_assert_int_eq(grant(b, A, SMALL), RC_OK);
	ck_assert_int_eq(set_state(b, A, EDGE_DISABLED), RC_OK);
	ck_assert(there(A, EDGE_DISABLED));
	ck_assert_int_eq(set_state(b, A, EDGE_ENABLED), RC_OK);
	ck_assert(there(A, EDGE_ENABLED));
	ck_assert_int_eq(withdraw(b, A), RC_OK);
	ck_assert(there(A, EDGE_WITHDRAWN));
	ck_assert_int_eq(set_state(b, A, EDGE_ENABLED), RC_CONFLICT);
	ck_assert(there(A, EDGE_WITHDRAWN));
	ck_assert_int_eq(grant(b, A, SMALL), RC_OK);
	ck_assert(there(A, EDGE_ENABLED));
	edge_book_close(b);
}
END_TEST

/* ---- the log ---- */

static unsigned lines;
static char last[512];

static void
tap(void *arg, struct slice line)
{
	(void)arg;
	lines++;
	slice_copy(slice_head(line, sizeof(last) - 1), last, sizeof(last));
}

START_TEST(refusals_are_counted_and_some_are_written)
{
	struct log *log = log_new(-1, "test", LOG_LEVEL_INFO);
	struct edge_refusal r = { .why = EDGE_WHY_KEY, .app_id = A, .what = SLICE_LIT("/m2m") };
	struct edge_log l;
	struct buf b;

	log_set_tap(log, tap, NULL);
	edge_log_init(&l, log);
	edge_log_request(&l);
	for (unsigned i = 0; i < 1000; i++)
		edge_log_refused(&l, &r);
	/* At most two seconds have gone by, or the machine is very slow. */
	ck_assert_uint_ge(lines, 1);
	ck_assert_uint_lt(lines, 500);
	r.why = EDGE_WHY_STATE;
	edge_log_refused(&l, &r);
	ck_assert_ptr_nonnull(strstr(last, "event=edge-refused reason=state application=a"));
	buf_init(&b, 4096);
	edge_log_counters(&l, &b);
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, "\"edge_requests\":1,"));
	ck_assert_ptr_nonnull(strstr(b.p, "\"key\":1000,\"state\":1,"));
	buf_fini(&b);
	edge_log_fini(&l);
	log_set_tap(log, NULL, NULL);
	log_free(log);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("edge_keep");
	TCase *c = suite_case(s, "table", setup, teardown);

	tcase_add_test(c, a_grant_replaces_another);
	tcase_add_test(c, the_table_has_an_end);
	tcase_add_test(c, a_rate_is_kept);
	c = suite_case(s, "book", setup, teardown);
	tcase_add_test(c, grants_outlive_the_process);
	tcase_add_test(c, the_book_has_an_end);
	tcase_add_test(c, a_change_of_what_is_stored);
	c = suite_case(s, "log", NULL, NULL);
	tcase_add_test(c, refusals_are_counted_and_some_are_written);
	return run_suite(s);
}
