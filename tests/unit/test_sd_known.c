/* SPDX-License-Identifier: Apache-2.0 */
/* What an NSCL knows of devices of small data, in memory and on disk. */
#include "config.h"

#include <stdio.h>

#include "cap/sd/sd_book.h"
#include "sd_bed.h"
#include "store/tables.h"

#include <pthread.h>

static struct sd_known_table *table;
static struct log *log_;

static void
setup(void)
{
	table = sd_known_new(3);
	ck_assert_ptr_nonnull(table);
	log_ = log_new(-1, "test", LOG_LEVEL_INFO);
}

static void
teardown(void)
{
	sd_known_free(table);
	log_free(log_);
}

static void
store_dir(char dir[64])
{
	strcpy(dir, "/tmp/test_sd_known.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
store_remove(const char *dir)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a name of mkdtemp */
}

static struct sd_known *
enter(uint8_t i)
{
	struct node_id id = sd_node(i);
	struct sd_known *k;

	ck_assert_int_eq(sd_known_enter(table, &id, &k), RC_OK);
	return k;
}

static struct sd_keys
some_keys(uint64_t revision)
{
	struct sd_keys keys = { .known = true,
		                .has_ed25519 = true,
		                .revision = revision,
		                .scl_id = "dev-1",
		                .container = "/m2m/applications/a/containers/c" };

	keys.ed25519.v[0] = (uint8_t)revision;
	return keys;
}

/* ---- memory ---- */

START_TEST(a_table_has_an_end)
{
	struct node_id id = sd_node(4);
	struct sd_known *first = enter(1), *k;

	(void)enter(2);
	(void)enter(3);
	ck_assert_uint_eq(sd_known_count(table), 3);
	ck_assert_int_eq(sd_known_enter(table, &id, &k), RC_NO_SPACE);
	ck_assert_ptr_null(sd_known_find(table, &id));
	ck_assert_ptr_eq(enter(1), first);
	id = sd_node(1);
	ck_assert_ptr_eq(sd_known_find(table, &id), first);
	ck_assert_uint_eq(sd_known_count(table), 3);
}
END_TEST

START_TEST(keys_come_and_go)
{
	struct sd_known *k = enter(1);
	struct sd_keys keys = some_keys(7), out;
	union sd_known_key key;

	ck_assert(!sd_known_has(table, k, SD_IDENTITY));
	ck_assert_int_eq(sd_known_key(table, k, SD_ED25519, NOW, &key), RC_NOT_FOUND);
	ck_assert_int_eq(sd_known_set_keys(table, k, &keys, 0), RC_OK);
	ck_assert(sd_known_has(table, k, SD_IDENTITY) && sd_known_has(table, k, SD_ED25519));
	ck_assert(!sd_known_has(table, k, SD_BLS) && !sd_known_has(table, k, SD_BLS_SINGLE));
	ck_assert_int_eq(sd_known_key(table, k, SD_ED25519, NOW, &key), RC_OK);
	ck_assert_uint_eq(key.ed25519.v[0], 7);
	sd_known_keys(table, k, &out);
	ck_assert_str_eq(out.container, keys.container);
	ck_assert_int_eq(sd_known_set_keys(table, k, NULL, 0), RC_OK);
	sd_known_keys(table, k, &out);
	ck_assert(!out.known && !sd_known_has(table, k, SD_IDENTITY));
}
END_TEST

/* A registration that was under way when the device was revoked brings no keys back. */
START_TEST(revoked_stays_revoked)
{
	struct sd_known *k = enter(1);
	struct sd_keys keys = some_keys(1);
	struct sd_trace trace = { .seq = 9 };
	unsigned before = sd_known_revocations(table, k);

	sd_known_set_trace(table, k, &trace);
	ck_assert_int_eq(sd_known_set_keys(table, k, &keys, before), RC_OK);
	ck_assert(sd_known_revoke(table, k));
	ck_assert(!sd_known_revoke(table, k));
	ck_assert(!sd_known_has(table, k, SD_IDENTITY));
	ck_assert_int_eq(sd_known_set_keys(table, k, &keys, before), RC_FORBIDDEN);
	ck_assert(!sd_known_has(table, k, SD_IDENTITY));
	ck_assert_uint_eq(sd_known_trace(table, k).seq, 9);
	ck_assert_int_eq(sd_known_set_keys(table, k, &keys, sd_known_revocations(table, k)), RC_OK);
	ck_assert(sd_known_has(table, k, SD_ED25519));
}
END_TEST

static void
set_bls(struct sd_known *k, const struct sd_bls_secret *s, uint64_t revision)
{
	struct sd_keys keys = some_keys(revision);
	uint8_t pop[SD_BLS_PROOF_SIZE];

	keys.has_bls = true;
	ck_assert_int_eq(sd_bls_prove(s, keys.bls, pop), RC_OK);
	ck_assert_int_eq(sd_known_set_keys(table, k, &keys, 0), RC_OK);
}

/* What is kept of a key or a month is not that of the next one. */
START_TEST(what_is_kept_is_of_now)
{
	struct sd_known *k = enter(1);
	struct sd_bls_secret s[2];
	struct sd_bls_public p;
	struct ibas_identity want;
	union sd_known_key key;
	struct node_id id = sd_node(1);
	uint64_t month = UINT64_C(31) * 86400000;

	if (!WITH_PAIRING)
		return;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(sd_bls_generate(&s[i]), RC_OK);
		set_bls(k, &s[i], (uint64_t)i + 1);
		p = sd_public_of(&s[i]);
		for (int again = 0; again < 2; again++) {
			ck_assert_int_eq(sd_known_key(table, k, SD_BLS, NOW, &key), RC_OK);
			ck_assert_mem_eq(&key.bls, &p, sizeof(p));
		}
	}
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t when = NOW + i / 2 * month;

		ck_assert_int_eq(sd_known_key(table, k, SD_IDENTITY, when, &key), RC_OK);
		ck_assert_int_eq(ibas_identity_make(&id, when, &want), RC_OK);
		ck_assert_str_eq(key.identity.id, want.id);
		ck_assert_mem_eq(key.identity.p, want.p, sizeof(want.p));
	}
}
END_TEST

/* ---- disk ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void
changed(struct sd_change *c)
{
	struct waiting *w = c->owner;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static enum rc
put(struct sd_book *b, struct sd_change *c, void (*how)(struct sd_book *, struct sd_change *))
{
	struct waiting w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

	c->done = changed;
	c->owner = &w;
	how(b, c);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return c->rc;
}

static enum rc
open_book(const char *dir, struct sd_book **out)
{
	const struct sd_book_conf conf = {
		.dir = dir, .engine = &store_lmdb, .log = log_, .table = table
	};
	char why[256];
	enum rc rc = sd_book_open(&conf, out, why);

	ck_assert((rc == RC_OK) == (why[0] == '\0'));
	return rc;
}

static bool
never(const struct sd_change *c)
{
	(void)c;
	return false;
}

START_TEST(a_book_outlives_the_process)
{
	char dir[64];
	struct sd_book *b;
	struct sd_keys keys = some_keys(0x1122334455667788), out;
	const struct sd_entry traces[] = {
		{ .id = sd_node(1),
		  .trace = { .seq = UINT64_MAX,
		             .n = 2,
		             .blames = { { sd_node(8), 2, 0 }, { sd_node(9), 0, 77 } } } },
		{ .id = sd_node(2), .trace = { .seq = 5 } },
	};
	struct sd_change c = { .id = sd_node(1), .keys = &keys };
	struct sd_change t = { .traces = traces, .n = 2 };
	struct sd_trace trace;
	struct sd_known *k;

	keys.has_bls = true;
	memset(keys.bls, 0x5a, sizeof(keys.bls));
	store_dir(dir);
	ck_assert_int_eq(open_book(dir, &b), RC_OK);
	ck_assert_int_eq(put(b, &c, sd_book_put_keys), RC_OK);
	ck_assert_int_eq(put(b, &t, sd_book_put_traces), RC_OK);
	c.may = never;
	c.keys = NULL;
	ck_assert_int_eq(put(b, &c, sd_book_put_keys), RC_FORBIDDEN);
	sd_book_close(b);
	ck_assert_int_eq(open_book(dir, &b), RC_OK);
	k = enter(1);
	sd_known_keys(table, k, &out);
	ck_assert(out.known && out.has_ed25519 && out.has_bls);
	ck_assert_uint_eq(out.revision, keys.revision);
	ck_assert_mem_eq(out.ed25519.v, keys.ed25519.v, SIGN_PUBLIC_SIZE);
	ck_assert_mem_eq(out.bls, keys.bls, sizeof(out.bls));
	ck_assert_str_eq(out.scl_id, keys.scl_id);
	ck_assert_str_eq(out.container, keys.container);
	ck_assert_uint_eq(sd_known_trace(table, k).seq, UINT64_MAX);
	trace = sd_known_trace(table, k);
	ck_assert_uint_eq(trace.n, 2);
	ck_assert(node_id_eq(&trace.blames[0].gateway, &traces[0].trace.blames[0].gateway));
	ck_assert_uint_eq(trace.blames[0].culprit, 2);
	ck_assert_int_eq(sd_trace_excluded(&trace, &trace.blames[0].gateway), 0);
	ck_assert(node_id_eq(&trace.blames[1].gateway, &traces[0].trace.blames[1].gateway));
	ck_assert_int_eq(sd_trace_excluded(&trace, &trace.blames[1].gateway), 77);
	ck_assert_uint_eq(sd_known_trace(table, enter(2)).seq, 5);
	/* Keys go, the number stays. */
	c.may = NULL;
	ck_assert_int_eq(put(b, &c, sd_book_put_keys), RC_OK);
	sd_book_close(b);
	teardown();
	setup();
	ck_assert_int_eq(open_book(dir, &b), RC_OK);
	ck_assert(!sd_known_has(table, enter(1), SD_IDENTITY));
	ck_assert_uint_eq(sd_known_trace(table, enter(1)).seq, UINT64_MAX);
	sd_book_close(b);
	sd_known_free(table);
	table = sd_known_new(1);
	ck_assert_int_eq(open_book(dir, &b), RC_NO_SPACE);
	ck_assert_ptr_null(b);
	store_remove(dir);
}
END_TEST

/* Three for one gateway exclude for that one; others are not concerned. */
START_TEST(blame_is_of_one_gateway)
{
	const struct node_id one = sd_node(1), two = sd_node(2);
	struct sd_trace t = { 0 };

	ck_assert_int_eq(sd_trace_excluded(&t, &one), 0);
	for (unsigned i = 1; i < SD_CULPRIT_MAX; i++)
		ck_assert(!sd_trace_blame(&t, &one, 100) && !sd_trace_blame(&t, &two, 100));
	ck_assert(sd_trace_blame(&t, &one, 100));
	ck_assert_int_eq(sd_trace_excluded(&t, &one), 100 + SD_EXCLUDED_TIME);
	ck_assert_int_eq(sd_trace_excluded(&t, &two), 0);
	/* While it is excluded nothing is counted; then from 0 on. */
	ck_assert(!sd_trace_blame(&t, &one, 99 + SD_EXCLUDED_TIME));
	ck_assert_int_eq(sd_trace_excluded(&t, &one), 100 + SD_EXCLUDED_TIME);
	for (unsigned i = 1; i < SD_CULPRIT_MAX; i++)
		ck_assert(!sd_trace_blame(&t, &one, 100 + SD_EXCLUDED_TIME));
	ck_assert(sd_trace_blame(&t, &one, 100 + SD_EXCLUDED_TIME));
}
END_TEST

START_TEST(blame_of_longest_ago_is_forgotten)
{
	struct node_id id = sd_node(1);
	struct sd_trace t = { 0 };

	for (unsigned i = 0; i < SD_CULPRIT_MAX; i++)
		(void)sd_trace_blame(&t, &id, 100);
	for (uint8_t i = 2; i <= SD_BLAMES_MAX; i++) {
		id = sd_node(i);
		ck_assert(!sd_trace_blame(&t, &id, 100));
	}
	id = sd_node(1);
	ck_assert_int_ne(sd_trace_excluded(&t, &id), 0);
	id = sd_node(99);
	ck_assert(!sd_trace_blame(&t, &id, 100));
	ck_assert(t.n == SD_BLAMES_MAX && node_id_eq(&t.blames[0].gateway, &id));
	id = sd_node(1);
	ck_assert_int_eq(sd_trace_excluded(&t, &id), 0);
	id = sd_node(2);
	ck_assert(node_id_eq(&t.blames[SD_BLAMES_MAX - 1].gateway, &id));
}
END_TEST

/* Each octet of a record that is wrong or missing is seen, or is one of a key. */
START_TEST(damaged_records)
{
	static const struct {
		const char *key, *val;
	} rows[] = { { "K", "\1" },
		     { "K", "" },
		     { "T", "\1" },
		     { "T", "\1\1\1\1\1\1\1\1\1\5" },
		     { "T", "\1\1\1\1\1\1\1\1\1\1" },
		     { "T", "" },
		     { "K", "\2" },
		     { "T", "\2" } };
	char dir[64];

	store_dir(dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tables store = { 0 };
		const struct store_conf conf = { .path = dir };
		const struct node_id id = sd_node(1);
		struct tables_tx *tx;
		struct table_key k;
		struct sd_book *b;
		char why[256];

		ck_assert_int_eq(tables_open(&store_lmdb, &conf, &store, why), RC_OK);
		ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
		k = table_key_of(rows[i].key[0], id.v, NODE_ID_BYTES);
		ck_assert_int_eq(tables_put(tx, table_key_view(&k), slice_of(rows[i].val)), RC_OK);
		ck_assert_int_eq(tables_commit(tx), RC_OK);
		tables_close(&store);
		ck_assert_int_eq(open_book(dir, &b), RC_PRECONDITION);
		ck_assert_ptr_null(b);
		ck_assert_int_eq(tables_open(&store_lmdb, &conf, &store, why), RC_OK);
		ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
		ck_assert_int_eq(tables_del(tx, table_key_view(&k)), RC_OK);
		ck_assert_int_eq(tables_commit(tx), RC_OK);
		tables_close(&store);
	}
	store_remove(dir);
}
END_TEST

static Suite *
make_suite(void)
{
	const TTest *const tests[] = {
		a_table_has_an_end,          keys_come_and_go,
		revoked_stays_revoked,       what_is_kept_is_of_now,
		a_book_outlives_the_process, damaged_records,
		blame_is_of_one_gateway,     blame_of_longest_ago_is_forgotten,
	};
	Suite *s = suite_create("sd_known");
	TCase *c = suite_case(s, "known", setup, teardown);

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	return s;
}

int
main(void)
{
	return run_suite(make_suite());
}
