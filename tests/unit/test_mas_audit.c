/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of the audit: what is in it, and what it gives away. */
#include "config.h"

#include "mas_bed.h"

#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "mas/mas_impl.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define ROWS 12u

static struct mas_bed bed; /* its files and clock; the store is the test's own */
static struct tables store;
static struct key seal;

static struct tables_tx *
begin(void)
{
	struct tables_tx *tx = NULL;

	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
	return tx;
}

static void
add(const char *action, int64_t now)
{
	struct audit_entry e = { .actor = SLICE_LIT("admin"), .action = slice_of(action),
		                 .object = SLICE_LIT("node 1"), .result = SLICE_LIT("ok"),
		                 .source = SLICE_LIT("192.0.2.1") };
	struct tables_tx *tx = begin();

	ck_assert_int_eq(audit_add(tx, &seal, now, &e), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

static void
start(int engine)
{
	struct key kek = bed_key(1);
	char why[256];

	bed_make(&bed, engine);
	ck_assert_int_eq(tables_open(bed.conf.engine, &bed.conf.store, &store, why), RC_OK);
	ck_assert_int_eq(audit_seal_key(&kek, &seal), RC_OK);
	for (unsigned i = 0; i < ROWS; i++)
		add("revoke", i);
}

static void
end(void)
{
	tables_close(&store);
	bed_free(&bed);
}

static struct audit_check
verify(const struct key *key)
{
	struct audit_check c = { .next = 0 };
	struct tables_tx *tx = begin();

	while (!c.ended)
		ck_assert_int_eq(audit_verify(tx, key, 5, &c), RC_OK);
	tables_abort(tx);
	return c;
}

static void
expect(uint64_t bad, bool bad_head)
{
	struct audit_check c = verify(&seal);

	ck_assert_uint_eq(c.bad, bad);
	ck_assert_int_eq(c.bad_head, bad_head);
}

static struct table_key
row(uint64_t number)
{
	struct table_key k = table_key('A');

	table_key_number(&k, number, 8);
	return k;
}

/* Flips a bit of an octet of the row, counted from its end when at is negative. */
static void
edit(uint64_t number, int at)
{
	struct table_key k = row(number);
	struct tables_tx *tx = begin();
	char octets[1024];
	struct slice val;

	ck_assert_int_eq(tables_get(tx, table_key_view(&k), &val), RC_OK);
	ck_assert_uint_lt(val.n, sizeof(octets));
	memcpy(octets, val.p, val.n);
	octets[at >= 0 ? (size_t)at : val.n - (size_t)-at] ^= 1;
	ck_assert_int_eq(tables_put(tx, table_key_view(&k), slice_make(octets, val.n)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

static void
cut(uint64_t number)
{
	struct table_key k = row(number);
	struct tables_tx *tx = begin();

	ck_assert_int_eq(tables_del(tx, table_key_view(&k)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
}

START_TEST(test_sound)
{
	struct audit_check c;

	start(_i);
	c = verify(&seal);
	ck_assert(c.bad == 0 && !c.bad_head);
	ck_assert_uint_eq(c.rows, ROWS);
	end();
}
END_TEST

START_TEST(test_edited)
{
	start(_i);
	edit(5, 8); /* the time */
	expect(6, false);
	edit(5, 8);
	expect(0, false);
	edit(5, -1); /* the hash of the one before */
	expect(5, false);
	edit(5, -1);
	edit(5, 0); /* the version */
	expect(5, false);
	edit(5, 0);
	edit(ROWS, 8); /* the last one: only the head knows it */
	expect(0, true);
	end();
}
END_TEST

START_TEST(test_removed)
{
	start(_i);
	cut(7);
	expect(7, false);
	end();
	start(_i);
	cut(ROWS);
	expect(ROWS, false);
	end();
	start(_i);
	cut(1);
	expect(1, false);
	end();
}
END_TEST

/* Who rewrites the whole rest of the chain has no key for its head. */
START_TEST(test_rewritten)
{
	struct key other = bed_key(2), forged;
	struct audit_entry e = { .action = SLICE_LIT("nothing") };
	struct tables_tx *tx;

	start(_i);
	ck_assert_int_eq(audit_seal_key(&other, &forged), RC_OK);
	cut(ROWS);
	tx = begin();
	ck_assert_int_eq(tables_del(tx, SLICE_LIT("Maudit")), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	expect(0, true);
	tx = begin();
	ck_assert_int_eq(audit_add(tx, &forged, 1, &e), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	expect(0, true);
	/* Nor is anything added to it. */
	tx = begin();
	ck_assert_int_eq(audit_add(tx, &seal, 1, &e), RC_INTERNAL);
	tables_abort(tx);
	end();
}
END_TEST

START_TEST(test_reseal)
{
	struct key other = bed_key(2), next;
	struct tables_tx *tx;

	start(_i);
	ck_assert_int_eq(audit_seal_key(&other, &next), RC_OK);
	tx = begin();
	ck_assert(audit_sealed_by(tx, &seal) && !audit_sealed_by(tx, &next));
	ck_assert_int_eq(audit_reseal(tx, &seal, &next), RC_OK);
	ck_assert(!audit_sealed_by(tx, &seal) && audit_sealed_by(tx, &next));
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	ck_assert(verify(&seal).bad_head);
	ck_assert(!verify(&next).bad_head);
	end();
}
END_TEST

START_TEST(test_trim)
{
	struct audit_check c;
	struct tables_tx *tx;
	size_t removed;

	start(_i);
	tx = begin();
	ck_assert_int_eq(audit_trim(tx, &seal, 5, 3, &removed), RC_OK);
	ck_assert_uint_eq(removed, 3);
	ck_assert_int_eq(audit_trim(tx, &seal, 5, 100, &removed), RC_OK);
	ck_assert_uint_eq(removed, 2);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	c = verify(&seal);
	ck_assert(c.bad == 0 && !c.bad_head && c.rows == ROWS - 5);
	edit(6, 8);
	expect(7, false);
	edit(6, 8);
	tx = begin();
	ck_assert_int_eq(audit_trim(tx, &seal, INT64_MAX, 100, &removed), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	expect(0, false);
	add("again", 99);
	expect(0, false);
	ck_assert_uint_eq(verify(&seal).rows, 1);
	end();
}
END_TEST

/* ---- through the MAS ---- */

#define SEEN_MAX 128

struct seen {
	struct bed_call call;
	unsigned n;
	char actions[SEEN_MAX][AUDIT_ACTION_MAX + 1];
	char results[SEEN_MAX][AUDIT_RESULT_MAX + 1];
};

static void
page_begin(struct mas_audit_page *p)
{
	((struct seen *)p->owner)->n = 0;
}

static void
page_row(struct mas_audit_page *p, const struct audit_row *r)
{
	struct seen *s = p->owner;

	ck_assert_uint_lt(s->n, SEEN_MAX);
	ck_assert_uint_eq(r->number, p->after + s->n + 1);
	snprintf(s->actions[s->n], sizeof(s->actions[0]), "%.*s", (int)r->entry.action.n,
	         r->entry.action.p);
	snprintf(s->results[s->n], sizeof(s->results[0]), "%.*s", (int)r->entry.result.n,
	         r->entry.result.p);
	s->n++;
}

static void
page_done(struct mas_audit_page *p)
{
	bed_over(&((struct seen *)p->owner)->call);
}

static void
read_page(struct mas_bed *b, uint64_t after, unsigned limit, struct seen *s)
{
	struct mas_audit_page p = { .after = after, .limit = limit, .begin = page_begin,
		                    .row = page_row, .done = page_done, .owner = s };

	s->call = (struct bed_call){ .b = b };
	mas_audit_page(b->m, &p);
	bed_wait(&s->call);
	ck_assert_int_eq(p.outcome.rc, RC_OK);
}

/* Every change leaves its record, refusals too, with what the answer does not say. */
START_TEST(test_all_recorded)
{
	static const char *const actions[] = { "start", "provision", "kmr-replaced", "provision",
		                               "kmr-activated", "connect", "connect", "end",
		                               "rotate", "set", "revoke-node", "show", "list" };
	static const char *const results[] = { "ok", "ok", "ok", "ok", "ok", "ok", "UNKNOWN_KMR",
		                               "test", "ok", "bad request", "STOLEN", "not found",
		                               "bad request" };
	static struct seen s;
	struct mas_bed *b = &bed;
	struct mas_change rotate = { .kind = MAS_ROTATE, .node = bed_node(1), .actor = "admin" };
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(1), .flags = 0x20000 };
	struct mas_change revoke = { .kind = MAS_REVOKE_NODE, .node = bed_node(1),
		                     .reason = "STOLEN" };
	struct mas_connect wrong = bed_connecting(1, 3);
	struct mas_query show = { .list = MAS_SHOW_NODE, .has_node = true, .node = bed_node(9),
		                  .actor = "admin" };
	struct mas_query list = { .list = MAS_LIST_NODES, .after = SLICE_LIT("00"),
		                  .actor = "admin" };
	struct audit_check check;

	bed_make(b, _i);
	bed_open(b);
	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 1, 20);
	(void)bed_end(b, bed_connected(b, 1, 2).id);
	(void)bed_connect(b, &wrong);
	ck_assert_int_eq(bed_change(b, &rotate), RC_OK);
	ck_assert_int_eq(bed_change(b, &set), RC_BAD_REQUEST);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert_int_eq(bed_query(b, &show), RC_NOT_FOUND);
	ck_assert_int_eq(bed_query(b, &list), RC_BAD_REQUEST);
	read_page(b, 0, 0, &s);
	for (unsigned i = 0, at = 0; i < NITEMS(actions); i++, at++) {
		/* The end and the refused connect in the order in which they came. */
		unsigned want = i == 6 ? 7 : i == 7 ? 6 : i;

		if (strcmp(s.actions[at], "kmr-retired") == 0)
			at++;
		ck_assert_str_eq(s.actions[at], actions[want]);
		ck_assert_str_eq(s.results[at], results[want]);
	}
	ck_assert_int_eq(bed_verify(b, &check), RC_OK);
	ck_assert(check.ended && check.bad == 0 && !check.bad_head);
	read_page(b, 3, 2, &s);
	ck_assert_uint_eq(s.n, 2);
	bed_free(b);
}
END_TEST

static unsigned
times_seen(const struct seen *s, const char *action)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++)
		n += strcmp(s->actions[i], action) == 0;
	return n;
}

/* A Kmr becomes active, is retired by the next one, and goes when there are too many. */
START_TEST(test_kmr_recorded)
{
	static struct seen s;
	struct mas_bed *b = &bed;
	unsigned n = MAS_KMRS_PER_NODE + 2;

	bed_make(b, 0);
	bed_open(b);
	for (unsigned i = 1; i <= n; i++) {
		ck_assert_uint_eq(bed_issue(b, 1, (uint8_t)i), i);
		(void)bed_connected(b, 1, i);
	}
	read_page(b, 0, 0, &s);
	ck_assert_uint_eq(times_seen(&s, "kmr-activated"), n);
	ck_assert_uint_eq(times_seen(&s, "kmr-retired"), n - 1);
	ck_assert_uint_eq(times_seen(&s, "kmr-erased"), n - MAS_KMRS_PER_NODE);
	bed_free(b);
}
END_TEST

/* Somebody with the store, but not the master key, edits a row while the MAS is down. */
START_TEST(test_edited_on_disk)
{
	struct mas_bed *b = &bed;
	struct audit_check check;
	char why[256];

	bed_make(b, 1);
	bed_open(b);
	(void)bed_issue(b, 1, 10);
	(void)bed_connected(b, 1, 1);
	bed_close(b);
	ck_assert_int_eq(tables_open(b->conf.engine, &b->conf.store, &store, why), RC_OK);
	edit(2, 8);
	tables_close(&store);
	bed_open(b);
	ck_assert_int_eq(bed_verify(b, &check), RC_OK);
	ck_assert_uint_eq(check.bad, 3);
	bed_free(b);
}
END_TEST

/* What comes from outside cannot break a line of a list, nor the record. */
START_TEST(test_texts)
{
	char longer[AUDIT_OBJECT_MAX + 50];
	struct audit_entry e = { .actor = SLICE_LIT("a\nb\x7f"),
		                 .object = slice_make(longer, sizeof(longer)) };
	struct tables_tx *tx;

	memset(longer, 'x', sizeof(longer));
	start(_i);
	tx = begin();
	ck_assert_int_eq(audit_add(tx, &seal, 1, &e), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	expect(0, false);
	end();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_sound,  test_edited, test_removed,      test_rewritten, test_reseal,
		test_trim,   test_texts,  test_all_recorded,
	};
	Suite *s = suite_create("mas audit");
	TCase *tc = tcase_create("engines");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(tc, tests[i], 0, BED_ENGINES);
	tcase_add_test(tc, test_kmr_recorded);
	tcase_add_test(tc, test_edited_on_disk);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
