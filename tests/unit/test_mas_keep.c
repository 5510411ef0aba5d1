/* SPDX-License-Identifier: Apache-2.0 */
/* What a MAS keeps, and how: restarts, the master key, damage. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mas/mas_impl.h"
#include "mas_case.h"

#define LMDB 1

/* ---- restarts ---- */

struct lives {
	struct bed_call call;
	struct mas_connection all[8];
	unsigned n;
};

static void
lives_each(struct mas_live *l, const struct mas_connection *c)
{
	struct lives *to = l->owner;

	ck_assert_uint_lt(to->n, NITEMS(to->all));
	to->all[to->n++] = *c;
}

static void
lives_done(struct mas_live *l)
{
	bed_over(&((struct lives *)l->owner)->call);
}

static unsigned
lives(struct mas_bed *b, struct slice nscl, struct lives *to)
{
	struct mas_live l = { .nscl = nscl, .each = lives_each, .done = lives_done, .owner = to };

	*to = (struct lives){ .call.b = b };
	b->mas.ops->live(b->mas.self, &l);
	bed_wait(&to->call);
	ck_assert_int_eq(l.outcome.rc, RC_OK);
	return to->n;
}

/* A connection that goes and comes while its use is being stored: the new use is its own. */
START_TEST(test_use_of_a_newcomer)
{
	struct mas_live_table *t = mas_live_new(8);
	struct mas_use uses[2];

	ck_assert_ptr_nonnull(t);
	mas_live_put(t, 5, MAS_LIVE_SAME, CLOCK_NEVER);
	(void)mas_live_used(t, 5, 10, 1000);
	ck_assert_uint_eq(mas_live_take(t, 0, uses, 2), 1);
	mas_live_del(t, 5);
	mas_live_put(t, 5, MAS_LIVE_SAME, CLOCK_NEVER);
	(void)mas_live_used(t, 5, 3, 30);
	mas_live_stored(t, uses, 1);
	(void)mas_live_used(t, 5, 1, 1);
	ck_assert_uint_eq(mas_live_take(t, 0, uses, 2), 1);
	ck_assert_uint_le(uses[0].requests, 4);
	ck_assert_uint_le(uses[0].octets, 31);
	mas_live_free(t);
}
END_TEST

/* Page after page: no connection is unwrapped that the page does not have. */
START_TEST(test_live_pages)
{
	struct mas_bed *b = &bed;
	struct lives some, all;
	struct mas_live l = { .limit = 2, .each = lives_each, .done = lives_done, .owner = &some };
	unsigned seen = 0;

	bed_make(b, 0);
	bed_open(b);
	for (uint8_t i = 1; i <= 5; i++) {
		(void)bed_issue(b, i, i);
		(void)bed_connected(b, i, 1);
	}
	ck_assert_uint_eq(lives(b, SLICE_NONE, &all), 5);
	do {
		some = (struct lives){ .call.b = b };
		b->mas.ops->live(b->mas.self, &l);
		bed_wait(&some.call);
		ck_assert_int_eq(l.outcome.rc, RC_OK);
		ck_assert_uint_eq(some.n, seen < 4 ? 2 : 1);
		for (unsigned i = 0; i < some.n; i++)
			ck_assert_uint_eq(some.all[i].id, all.all[seen + i].id);
		seen += some.n;
		l.after = some.all[some.n - 1].id;
	} while (l.more);
	ck_assert_uint_eq(seen, 5);
	/* A full page that is the last one. */
	l.limit = 5;
	l.after = 0;
	some = (struct lives){ .call.b = b };
	b->mas.ops->live(b->mas.self, &l);
	bed_wait(&some.call);
	ck_assert(!l.more);
	ck_assert_uint_eq(some.n, 5);
	bed_free(b);
}
END_TEST

/* Makes everything that there is, then dies without a word. */
static void
child(struct mas_bed *b, int to)
{
	struct mas_change revoke = { .kind = MAS_REVOKE_NODE, .node = bed_node(2) };
	struct mas_connection made[2];

	bed_open(b);
	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	made[0] = bed_connected(b, 1, 1);
	made[1] = bed_connected(b, 2, 1);
	(void)bed_change(b, &revoke);
	(void)bed_issue(b, 1, 30);
	if (write(to, made, sizeof(made)) != (ssize_t)sizeof(made))
		_exit(1);
	raise(SIGKILL);
}

START_TEST(test_killed)
{
	struct mas_bed *b = &bed;
	struct mas_connection made[2];
	struct node_id one = bed_node(1), two = bed_node(2);
	struct lives live;
	struct audit_check check;
	struct key psk;
	int ends[2], status;
	pid_t pid;

	bed_make(b, LMDB);
	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		child(b, ends[1]);
	ck_assert_int_eq(read(ends[0], made, sizeof(made)), sizeof(made));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));

	bed_open(b);
	ck_assert(bed_psk(b, &one, 1, PSK_TLS_1_3, &psk) && bed_psk(b, &one, 2, PSK_TLS_1_2, &psk));
	ck_assert(!bed_psk(b, &two, 1, PSK_TLS_1_3, &psk));
	ck_assert_uint_eq(lives(b, SLICE_NONE, &live), 1);
	ck_assert_uint_eq(live.all[0].id, made[0].id);
	ck_assert(key_equal(&live.all[0].kmc, &made[0].kmc));
	ck_assert_int_eq(live.all[0].expires, made[0].expires);
	ck_assert_str_eq(live.all[0].scl_id, "scl-1");
	ck_assert_uint_eq(lives(b, SLICE_LIT("other"), &live), 0);
	ck_assert_int_eq(bed_verify(b, &check), RC_OK);
	ck_assert(check.bad == 0 && !check.bad_head);
	ck_assert_int_eq(bed_connected(b, 1, 2).kmc_index, 2);
	close(ends[0]);
	close(ends[1]);
	bed_free(b);
}
END_TEST

/* Counters and use survive an orderly end; time goes on while nobody looks. */
START_TEST(test_restart)
{
	struct mas_bed *b = start(LMDB);
	enum mas_priority low = MAS_PRIORITY_LOW;
	struct mas_change set = { .kind = MAS_SET, .node = bed_node(1), .flags = MAS_KEEP_FLAGS,
		                  .priority = &low };
	struct mas_connection c;
	struct mas_standing s;
	struct lives live;

	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	c = bed_connected(b, 1, 1);
	b->mas.ops->used(b->mas.self, c.id, 7, 1000);
	ck_assert_int_eq(bed_change(b, &set), RC_OK);
	bed_close(b);
	bed_open(b);
	ck_assert(b->mas.ops->indicator(b->mas.self, &set.node, 1, &s) && s.low && s.active);
	set.node = bed_node(2);
	ck_assert(b->mas.ops->indicator(b->mas.self, &set.node, 1, &s) && !s.low && !s.active);
	ck_assert_uint_eq(mas_counted(mas_counters_of(b->m), MAS_COUNT_CONNECT_OK), 1);
	ck_assert_int_eq(bed_show(b, &c.node), RC_OK);
	ck_assert_uint_eq(bed_conn(b, c.id)->requests, 7);
	ck_assert_uint_eq(bed_conn(b, c.id)->octets, 1000);
	bed_close(b);
	bed_pass(b, MAS_KMC_LIFETIME);
	bed_open(b);
	ck_assert_uint_eq(lives(b, SLICE_NONE, &live), 0);
	bed_free(b);
}
END_TEST

/* ---- the master key ---- */

static bool
file_has(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "rb");
	bool found;
	char *all;
	long size;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	ck_assert_int_gt(size, 0);
	rewind(f);
	all = malloc((size_t)size);
	ck_assert_uint_eq(fread(all, 1, (size_t)size, f), (size_t)size);
	found = memmem(all, (size_t)size, p, n) != NULL;
	free(all);
	ck_assert_int_eq(fclose(f), 0);
	return found;
}

START_TEST(test_nothing_in_clear)
{
	struct mas_bed *b = start(LMDB);
	struct key kmr = bed_key(10), psk2, psk3;
	struct node_id node = bed_node(1);
	struct mas_connection c;
	char path[300];

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	ck_assert(bed_psk(b, &node, 1, PSK_TLS_1_2, &psk2) && bed_psk(b, &node, 1, PSK_TLS_1_3, &psk3));
	bed_close(b);
	ck_assert_int_lt(snprintf(path, sizeof(path), "%s/data.mdb", b->store), (int)sizeof(path));
	ck_assert(file_has(path, "scl-1", 5));
	ck_assert(!file_has(path, kmr.v, 8));
	ck_assert(!file_has(path, c.kmc.v, 8));
	ck_assert(!file_has(path, psk2.v, 8));
	ck_assert(!file_has(path, psk3.v, 8));
	ck_assert(!file_has(path, b->kek_octets[0], 8));
	bed_free(b);
}
END_TEST

/* What is over has no key in its record any more. */
START_TEST(test_erased)
{
	struct mas_bed *b = start(0);
	struct mas_change revoke = { .kind = MAS_REVOKE_KMR, .node = bed_node(1) };
	struct mas_connection c;
	struct mas_conn conn;
	struct mas_kmr kmr;
	struct tables_tx *tx;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(tables_begin(&b->m->store, &tx), RC_OK);
		ck_assert_int_eq(mas_kmr_get(tx, &c.node, 1, &kmr), RC_OK);
		ck_assert_int_eq(mas_conn_get(tx, c.id, &conn), RC_OK);
		tables_abort(tx);
		ck_assert_int_eq(kmr.wrapped.n == 0, i == 1);
		ck_assert_int_eq(conn.wrapped.n == 0, i == 1);
		ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	}
	bed_free(b);
}
END_TEST

START_TEST(test_wrong_key)
{
	struct mas_bed *b = start(LMDB);
	char why[256];

	(void)bed_issue(b, 1, 10);
	bed_close(b);
	bed_write(b->kek, b->kek_octets[1], KEY_BYTES);
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(why, "master key"));
	ck_assert_int_eq(unlink(b->kek), 0);
	ck_assert_int_eq(bed_try_open(b, why), RC_NOT_FOUND);
	bed_free(b);
}
END_TEST

START_TEST(test_options)
{
	struct mas_bed *b = &bed;
	struct mas_conf good;
	char why[256];

	bed_make(b, 0);
	good = b->conf;
	b->conf.sp_id = NULL;
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	b->conf = good;
	b->conf.kmc_lifetime = MAS_KMC_LIFETIME_MAX + 1;
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	b->conf = good;
	b->conf.kmr_lifetime = MAS_KMR_LIFETIME_MAX + 1;
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	b->conf = good;
	b->conf.kek_file = NULL;
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	b->conf = good;
	b->conf.reject_key_file = "/nonexistent";
	ck_assert_int_eq(bed_try_open(b, why), RC_NOT_FOUND);
	b->conf = good;
	ck_assert_int_eq(chmod(b->kek, S_IRUSR | S_IWUSR | S_IRGRP), 0);
	ck_assert_int_eq(bed_try_open(b, why), RC_FORBIDDEN);
	bed_free(b);
}
END_TEST

static void *
keep_connecting(void *arg)
{
	struct mas_bed *b = arg;

	for (unsigned i = 0; i < 60; i++)
		(void)bed_connected(b, (uint8_t)(1 + i % 3), 1);
	return NULL;
}

static void
use_next_key(struct mas_bed *b)
{
	bed_close(b);
	ck_assert_int_eq(unlink(b->next), 0);
	bed_write(b->kek, b->kek_octets[1], KEY_BYTES);
	bed_open(b);
}

/* A new master key while nodes connect; after it the old one opens nothing. */
START_TEST(test_rewrap)
{
	struct mas_bed *b = &bed;
	struct mas_rewrap r = { .actor = "admin" };
	struct audit_check check;
	char why[256];
	pthread_t thread;

	bed_make(b, LMDB);
	bed_write(b->next, b->kek_octets[1], KEY_BYTES);
	bed_open(b);
	for (uint8_t i = 1; i <= 70; i++)
		(void)bed_issue(b, i, i);
	ck_assert_int_eq(pthread_create(&thread, NULL, keep_connecting, b), 0);
	ck_assert_int_eq(bed_rewrap(b, &r), RC_OK);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(r.records, 70);
	ck_assert_int_eq(bed_rewrap(b, &r), RC_BAD_REQUEST);
	ck_assert_str_eq(r.outcome.reason, "NO_NEXT_KEY");
	/* The file that is left over does no harm. */
	bed_close(b);
	bed_open(b);
	use_next_key(b);
	for (uint8_t i = 1; i <= 70; i++)
		(void)bed_connected(b, i, 1);
	ck_assert_int_eq(bed_verify(b, &check), RC_OK);
	ck_assert(check.bad == 0 && !check.bad_head);
	bed_close(b);
	bed_write(b->kek, b->kek_octets[0], KEY_BYTES);
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	bed_free(b);
}
END_TEST

/* As a kill in the middle leaves it: the next key is named, half of the records are under it. */
static void
half_way(struct mas_bed *b)
{
	struct key kek[2], candidate = { { 0 } };
	struct mas_keys *keys = NULL;
	struct tables store;
	struct mas_kmr kmr;
	struct node_id node = bed_node(1);
	struct tables_tx *tx;
	struct key k;
	char why[256];

	memcpy(kek[0].v, b->kek_octets[0], KEY_BYTES);
	memcpy(kek[1].v, b->kek_octets[1], KEY_BYTES);
	ck_assert_int_eq(tables_open(b->conf.engine, &b->conf.store, &store, why), RC_OK);
	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
	ck_assert_int_eq(mas_master_open(tx, kek, 2, &keys, &candidate, why), RC_OK);
	ck_assert_int_eq(mas_keys_prepare(keys, &kek[1]), RC_OK);
	mas_keys_switch(keys);
	ck_assert_int_eq(mas_kmr_get(tx, &node, 1, &kmr), RC_OK);
	ck_assert_int_eq(mas_kmr_unwrap(keys, &kmr, &k), RC_OK);
	ck_assert(mas_wrapped_old(keys, &kmr.wrapped));
	ck_assert_int_eq(mas_kmr_wrap(keys, &k, &kmr), RC_OK);
	ck_assert(!mas_wrapped_old(keys, &kmr.wrapped));
	ck_assert_int_eq(mas_kmr_put(tx, &kmr), RC_OK);
	/* The record of the master key: version, check values of both. */
	{
		uint8_t record[1 + 2 * MAS_CHECK_BYTES] = { 1 };

		mas_keys_check(keys, record + 1, record + 1 + MAS_CHECK_BYTES);
		ck_assert_int_eq(
			tables_put(tx, SLICE_LIT("Mkek"), slice_make(record, sizeof(record))),
			RC_OK);
	}
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	mas_keys_free(keys);
	tables_close(&store);
}

static bool
settled(struct mas_bed *b, void *arg)
{
	struct mas_rewrap r = { .actor = "test" };

	(void)arg;
	return bed_rewrap(b, &r) == RC_BAD_REQUEST;
}

START_TEST(test_rewrap_interrupted)
{
	struct mas_bed *b = start(LMDB);
	char why[256];

	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	bed_close(b);
	half_way(b);
	ck_assert_int_eq(bed_try_open(b, why), RC_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(why, "both keys"));
	bed_write(b->next, b->kek_octets[1], KEY_BYTES);
	bed_open(b);
	(void)bed_connected(b, 1, 1);
	bed_until(b, settled, NULL);
	use_next_key(b);
	(void)bed_connected(b, 1, 1);
	(void)bed_connected(b, 2, 1);
	bed_free(b);
}
END_TEST

/* ---- damage ---- */

/* A wrapped key opens only where it was put; records are read strictly. */
START_TEST(test_moved_record)
{
	struct mas_bed *b = start(LMDB);
	struct node_id one = bed_node(1), two = bed_node(2);
	struct mas_kmr a, other;
	struct tables store;
	struct tables_tx *tx;
	char why[256];

	(void)bed_issue(b, 1, 10);
	(void)bed_issue(b, 2, 20);
	bed_close(b);
	ck_assert_int_eq(tables_open(b->conf.engine, &b->conf.store, &store, why), RC_OK);
	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
	ck_assert_int_eq(mas_kmr_get(tx, &one, 1, &a), RC_OK);
	ck_assert_int_eq(mas_kmr_get(tx, &two, 1, &other), RC_OK);
	other.wrapped = a.wrapped;
	ck_assert_int_eq(mas_kmr_put(tx, &other), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	tables_close(&store);
	ck_assert_int_eq(bed_try_open(b, why), RC_INTERNAL);
	bed_free(b);
}
END_TEST

/* Every octet of every record, cut and changed: no crash, and never half a record. */
START_TEST(test_rubbish)
{
	struct mas_bed *b = start(LMDB);
	struct table_key key = table_key('N');
	struct node_id node = bed_node(1);
	struct tables store;
	struct mas_node n;
	struct tables_tx *tx;
	struct slice val;
	char octets[512], why[256];
	size_t size;

	(void)bed_issue(b, 1, 10);
	bed_close(b);
	ck_assert_int_eq(tables_open(b->conf.engine, &b->conf.store, &store, why), RC_OK);
	ck_assert_int_eq(tables_begin(&store, &tx), RC_OK);
	table_key_add(&key, node.v, NODE_ID_BYTES);
	ck_assert_int_eq(tables_get(tx, table_key_view(&key), &val), RC_OK);
	size = val.n;
	ck_assert_uint_lt(size, sizeof(octets));
	memcpy(octets, val.p, size);
	for (size_t i = 0; i < size; i++) {
		ck_assert_int_eq(tables_put(tx, table_key_view(&key), slice_make(octets, i)),
		                 RC_OK);
		ck_assert_int_eq(mas_node_get(tx, &node, &n), RC_INTERNAL);
		octets[i] = (char)(octets[i] ^ 0xff);
		ck_assert_int_eq(tables_put(tx, table_key_view(&key), slice_make(octets, size)),
		                 RC_OK);
		(void)mas_node_get(tx, &node, &n);
		octets[i] = (char)(octets[i] ^ 0xff);
	}
	octets[size] = 0;
	ck_assert_int_eq(tables_put(tx, table_key_view(&key), slice_make(octets, size + 1)), RC_OK);
	ck_assert_int_eq(mas_node_get(tx, &node, &n), RC_INTERNAL);
	tables_abort(tx);
	tables_close(&store);
	bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_killed, test_use_of_a_newcomer, test_live_pages, test_restart,
		test_nothing_in_clear,
		test_erased, test_wrong_key,
		test_options, test_rewrap, test_rewrap_interrupted, test_moved_record,
		test_rubbish,
	};
	Suite *s = suite_create("mas keep");
	TCase *c = suite_case(s, "all", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return run_suite(s);
}
