/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and alarms of nodes on disk. */
#include "config.h"

#include "cap/geo/geo_book.h"
#include "store/tables.h"
#include "store_bed.h"
#include "suite.h"

#include <pthread.h>
#include <stdio.h>

#define POLICY SLICE_LIT("policy")
#define STATE SLICE_LIT("state")

static char dir[64];
/* What the book had: "P1=policy " for each record, and what the visitor answers. */
static char read_back[256];
static enum rc verdict;

static struct node_id
node(unsigned char number)
{
	return (struct node_id){ { 1, number } };
}

static enum rc
loaded(void *arg, enum geo_record what, const struct node_id *id, struct slice record)
{
	size_t n = strlen(read_back);

	(void)arg;
	(void)snprintf(read_back + n, sizeof(read_back) - n, "%c%u=%.*s ",
	               what == GEO_RECORD_POLICY ? 'P' : 'S', id->v[1], (int)record.n, record.p);
	return verdict;
}

static enum rc
try_open(struct geo_book **out, char why[256])
{
	const struct geo_book_conf conf = { .dir = dir, .engine = &store_lmdb, .loaded = loaded };

	read_back[0] = '\0';
	return geo_book_open(&conf, out, why);
}

static struct geo_book *
open_book(void)
{
	struct geo_book *b;
	char why[256];

	ck_assert_msg(try_open(&b, why) == RC_OK, "%s", why);
	return b;
}

static void
setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/openscl-geo-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	verdict = RC_OK;
}

static void
teardown(void)
{
	ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

struct waiting {
	struct geo_change change; /* first */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over;
};

static void
changed(struct geo_change *c)
{
	struct waiting *w = (struct waiting *)(void *)c;

	pthread_mutex_lock(&w->lock);
	w->over = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void
change(struct geo_book *b, const struct geo_change *how)
{
	struct waiting w = { .change = *how };

	w.change.done = changed;
	w.change.rc = RC_BAD_REQUEST;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	geo_book_change(b, &w.change);
	pthread_mutex_lock(&w.lock);
	while (!w.over)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_mutex_destroy(&w.lock);
	pthread_cond_destroy(&w.changed);
	ck_assert_int_eq(w.change.rc, RC_OK);
}

START_TEST(records_outlive_the_process)
{
	struct geo_book *b = open_book();

	ck_assert_str_eq(read_back, "");
	change(b, &(struct geo_change){ .id = node(1), .policy = POLICY, .fresh = true });
	change(b, &(struct geo_change){ .id = node(1), .state = STATE });
	change(b, &(struct geo_change){ .id = node(2), .policy = POLICY, .fresh = true });
	change(b, &(struct geo_change){ .id = node(2), .state = STATE });
	geo_book_close(b);
	b = open_book();
	ck_assert_str_eq(read_back, "P1=policy P2=policy S1=state S2=state ");
	change(b, &(struct geo_change){ .id = node(1), .policy = SLICE_LIT("another") });
	change(b, &(struct geo_change){ .id = node(2), .drop = true });
	geo_book_close(b);
	b = open_book();
	ck_assert_str_eq(read_back, "P1=another S1=state ");
	geo_book_close(b);
}
END_TEST

/* A state that came after the end of a watch is not one of the next. */
START_TEST(a_new_watch_begins_without_a_state)
{
	struct geo_book *b = open_book();

	change(b, &(struct geo_change){ .id = node(1), .state = STATE });
	change(b, &(struct geo_change){ .id = node(1), .policy = POLICY, .fresh = true });
	geo_book_close(b);
	b = open_book();
	ck_assert_str_eq(read_back, "P1=policy ");
	geo_book_close(b);
}
END_TEST

START_TEST(what_cannot_be_taken_is_said)
{
	static const struct {
		enum rc answer, rc;
		const char *why;
	} rows[] = {
		{ RC_BAD_REQUEST, RC_PRECONDITION, "damaged" },
		{ RC_NO_SPACE, RC_NO_SPACE, "geo.nodes_max" },
	};
	struct geo_book *b = open_book();
	char why[256];

	change(b, &(struct geo_change){ .id = node(1), .policy = POLICY, .fresh = true });
	geo_book_close(b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		verdict = rows[i].answer;
		ck_assert_int_eq(try_open(&b, why), rows[i].rc);
		ck_assert_ptr_null(b);
		ck_assert_msg(strstr(why, rows[i].why) != NULL, "%s", why);
	}
}
END_TEST

/* One that another version wrote, one without an id, one that is empty. */
START_TEST(damaged_records_are_refused)
{
	static const struct {
		size_t id, n;
		const char *record;
	} rows[] = { { 16, 2, "\002x" }, { 15, 2, "\001x" }, { 16, 0, "" } };
	const struct store_conf conf = { .path = dir };
	struct table_key k;
	struct tables store;
	struct tables_tx *tx;
	struct geo_book *b;
	char why[256];

	for (size_t i = 0; i < NITEMS(rows); i++) {
		char id[17] = "0123456789abcdef";

		ck_assert_int_eq(tables_open(&store_lmdb, &conf, &store, why), RC_OK);
		ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
		k = table_key_of('P', id, rows[i].id);
		ck_assert_int_eq(
			tables_put(tx, table_key_view(&k), slice_make(rows[i].record, rows[i].n)),
			RC_OK);
		ck_assert_int_eq(tables_commit(tx), RC_OK);
		tables_close(&store);
		ck_assert_int_eq(try_open(&b, why), RC_PRECONDITION);
		ck_assert_msg(strstr(why, "damaged") != NULL, "%s", why);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(a_book_in_memory)
{
	const struct geo_book_conf conf = { .loaded = loaded };
	struct geo_book *b;
	char why[256];

	ck_assert_int_eq(geo_book_open(&conf, &b, why), RC_OK);
	change(b, &(struct geo_change){ .id = node(1), .policy = POLICY, .fresh = true });
	geo_book_close(b);
	geo_book_close(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("geo_book");
	TCase *c = suite_case(s, "book", setup, teardown);

	tcase_add_test(c, records_outlive_the_process);
	tcase_add_test(c, a_new_watch_begins_without_a_state);
	tcase_add_test(c, what_cannot_be_taken_is_said);
	tcase_add_test(c, damaged_records_are_refused);
	tcase_add_test(c, a_book_in_memory);
	return run_suite(s);
}
