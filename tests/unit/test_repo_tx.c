/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery states and transactions of the repository. */
#include "config.h"

#include "repo_bed.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

/* Ids met by a visit. */
struct ids {
	uint64_t id[64];
	unsigned n;
};

static bool
add_id(void *arg, uint64_t id)
{
	struct ids *l = arg;

	l->id[l->n++] = id;
	return l->n < 64;
}

/* ---- delivery states ---- */

START_TEST(lane_comes_back_as_it_was)
{
	struct lane in = { .subscription = 4, .container = 3, .cursor = 17, .version = 9, .dirty = true,
		           .sent = 123, .accumulated = 5, .final = RC_EXPIRED };
	struct lane out;
	struct ids l = { .n = 0 };
	char *text = malloc(70000);
	struct bed b;

	memset(text, 'u', 70000);
	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	in.contact = slice_make(text, 70000);
	in.reference = SLICE_LIT("http://h/s");
	in.syntax = SLICE_LIT("application/xml");
	ck_assert_int_eq(repo_lane_get(b.tx, 4, &out), RC_NOT_FOUND);
	ck_assert_int_eq(repo_lane_put(b.tx, &in, true), RC_OK);
	ck_assert_int_eq(repo_lane_get(b.tx, 4, &out), RC_OK);
	ck_assert(out.subscription == 4 && out.container == 3 && out.cursor == 17 && out.version == 9);
	ck_assert(out.dirty && out.sent == 123 && out.accumulated == 5 && out.final == RC_EXPIRED);
	ck_assert(slice_eq(in.contact, out.contact) && slice_eq(in.reference, out.reference));
	ck_assert(slice_eq(in.syntax, out.syntax));
	in.subscription = 8;
	ck_assert_int_eq(repo_lane_put(b.tx, &in, true), RC_OK);
	in.subscription = 6;
	ck_assert_int_eq(repo_lane_put(b.tx, &in, false), RC_OK);
	ck_assert_int_eq(repo_pending(b.tx, 0, 0, add_id, &l), RC_OK);
	ck_assert(l.n == 2 && l.id[0] == 4 && l.id[1] == 8);
	l.n = 0;
	ck_assert_int_eq(repo_pending(b.tx, 5, 0, add_id, &l), RC_OK);
	ck_assert(l.n == 1 && l.id[0] == 8);
	l.n = 0;
	ck_assert_int_eq(repo_pending(b.tx, 0, 1, add_id, &l), RC_OK);
	ck_assert(l.n == 1 && l.id[0] == 4);
	in.subscription = 4;
	ck_assert_int_eq(repo_lane_put(b.tx, &in, false), RC_OK);
	ck_assert_int_eq(repo_lane_remove(b.tx, 8), RC_OK);
	ck_assert_int_eq(repo_lane_remove(b.tx, 8), RC_OK);
	l.n = 0;
	ck_assert_int_eq(repo_pending(b.tx, 0, 0, add_id, &l), RC_OK);
	ck_assert_uint_eq(l.n, 0);
	bed_commit(&b);
	bed_clean(&b);
	free(text);
	bed_fini(&b);
}
END_TEST

static uint64_t
subscribe(struct bed *b, uint64_t container, const char *name, int64_t accumulate)
{
	slot_t slot = slot_below(T_CONTENT_INSTANCES, T_SUBSCRIPTIONS);
	struct res *r = bed_res(b, T_SUBSCRIPTION, container, slot, name);
	struct lane lane = { .container = container };

	if (accumulate != 0)
		ck_assert(val_set_num(b->arena, &r->vals, A_MAX_ACCU_CREATES, accumulate));
	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	lane.subscription = r->id;
	ck_assert_int_eq(repo_seq_high(b->tx, container, &lane.cursor), RC_OK);
	ck_assert_int_eq(repo_lane_put(b->tx, &lane, false), RC_OK);
	return r->id;
}

static bool
is_pending(struct bed *b, uint64_t id)
{
	struct ids l = { .n = 0 };

	ck_assert_int_eq(repo_pending(b->tx, id, 1, add_id, &l), RC_OK);
	return l.n == 1 && l.id[0] == id;
}

START_TEST(cached_lanes_follow_the_store)
{
	struct seq_lane *lanes;
	uint64_t container, s1, s2;
	struct lane lane;
	size_t n;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	container = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "c")->id;
	ck_assert_int_eq(repo_seq_lanes(b.tx, container, &lanes, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
	bed_append(&b, container, NULL, "x");
	s1 = subscribe(&b, container, "s1", 0);
	s2 = subscribe(&b, container, "s2", 5);
	/* A subscription to something else in the same place has no lane. */
	bed_insert(&b, T_SUBSCRIPTION, container, slot_below(T_CONTENT_INSTANCES, T_SUBSCRIPTIONS), "s0");
	ck_assert_int_eq(repo_seq_lanes(b.tx, container, &lanes, &n), RC_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert(lanes[0].subscription == s1 && lanes[0].accumulate == 1 && lanes[0].cursor == 1);
	ck_assert(lanes[1].subscription == s2 && lanes[1].accumulate == 5 && !lanes[1].pending);
	bed_commit(&b);

	bed_write(&b);
	ck_assert_int_eq(repo_seq_lanes(b.tx, container, &lanes, &n), RC_OK);
	ck_assert_int_eq(repo_seq_lane_wake(b.tx, &lanes[1]), RC_OK);
	ck_assert(is_pending(&b, s2) && lanes[1].pending);
	ck_assert_int_eq(repo_rollback(b.tx), RC_OK);
	bed_request(&b);
	ck_assert(!is_pending(&b, s2));
	ck_assert_int_eq(repo_seq_lanes(b.tx, container, &lanes, &n), RC_OK);
	ck_assert(n == 2 && !lanes[1].pending);
	ck_assert_int_eq(repo_seq_lane_wake(b.tx, &lanes[1]), RC_OK);
	bed_commit(&b);

	bed_write(&b);
	ck_assert_int_eq(repo_seq_lanes(b.tx, container, &lanes, &n), RC_OK);
	ck_assert(lanes[1].pending && !lanes[0].pending);
	ck_assert_int_eq(repo_lane_get(b.tx, s1, &lane), RC_OK);
	lane.cursor = 44;
	ck_assert_int_eq(repo_lane_put(b.tx, &lane, true), RC_OK);
	ck_assert_int_eq(repo_seq_lanes(b.tx, container, &lanes, &n), RC_OK);
	ck_assert(n == 2 && lanes[0].cursor == 44 && lanes[0].pending);
	bed_commit(&b);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

/* ---- transactions ---- */

/* Changes something in every space; RC_OK, or the first failure. */
static enum rc
change_everything(struct bed *b, uint64_t container)
{
	struct res *r = bed_res(b, T_APPLICATION, 1, T_APPLICATIONS, "temporary"), *c, *old;
	struct coll coll = { .modified = 1 };
	struct seq_lane *lanes;
	enum rc rc;
	size_t n;

	r->expires = repo_now(b->tx) + 1000;
	bed_label(b, r, "red");
	if ((rc = repo_insert(b->tx, r)) != RC_OK ||
	    (rc = repo_coll_put(b->tx, r->id, T_CONTAINERS, &coll)) != RC_OK ||
	    (rc = repo_coll_touch(b->tx, 1, T_APPLICATIONS, 1)) != RC_OK ||
	    (rc = repo_get(b->tx, container, &old)) != RC_OK ||
	    (rc = repo_get(b->tx, container, &c)) != RC_OK)
		return rc;
	bed_label(b, c, "blue");
	c->expires = repo_now(b->tx) + 5;
	if ((rc = repo_update(b->tx, old, c)) != RC_OK)
		return rc;
	for (int i = 0; i < 5; i++) {
		struct res *inst = bed_inst(b, i == 2 ? "ci_900" : i == 3 ? "mine" : NULL, "content");

		bed_label(b, inst, "green");
		if ((rc = repo_inst_append(b->tx, container, inst)) != RC_OK)
			return rc;
	}
	if ((rc = repo_seq_lanes(b->tx, container, &lanes, &n)) != RC_OK ||
	    (rc = repo_seq_lane_wake(b->tx, &lanes[0])) != RC_OK ||
	    (rc = repo_inst_remove(b->tx, container, 1, true)) != RC_OK ||
	    (rc = repo_inst_remove(b->tx, container, 4, false)) != RC_OK ||
	    (rc = repo_due_add(b->tx, 5, DUE_AGE, container)) != RC_OK)
		return rc;
	return repo_remove(b->tx, c);
}

/* A container with a few instances, a retained one and a subscription. */
static uint64_t
furnish(struct bed *b)
{
	uint64_t container;

	bed_root(b);
	bed_write(b);
	container = bed_insert(b, T_CONTAINER, 1, T_CONTAINERS, "c")->id;
	for (int i = 0; i < 6; i++)
		bed_append(b, container, i == 1 ? "two" : NULL, "12345");
	ck_assert_int_eq(repo_inst_remove(b->tx, container, 3, true), RC_OK);
	subscribe(b, container, "s", 0);
	bed_commit(b);
	return container;
}

START_TEST(rollback_leaves_no_trace)
{
	struct buf before, after;
	struct seq s1, s2;
	uint64_t container, next;
	struct bed b;

	bed_init(&b, _i, 16);
	container = furnish(&b);
	bed_write(&b);
	/* A neighbour in the batch, on the same container. */
	bed_append(&b, container, NULL, "neighbour");
	ck_assert_int_eq(repo_seq(b.tx, container, &s1), RC_OK);
	before = bed_dump(&b);
	next = b.repo->next_id;
	bed_request(&b);
	ck_assert_int_eq(change_everything(&b, container), RC_OK);
	after = bed_dump(&b);
	ck_assert(!slice_eq(buf_view(&before), buf_view(&after)));
	buf_fini(&after);
	ck_assert_int_eq(repo_rollback(b.tx), RC_OK);
	after = bed_dump(&b);
	bed_same(&before, &after);
	buf_fini(&after);
	ck_assert_uint_eq(b.repo->next_id, next);
	bed_request(&b);
	ck_assert_int_eq(repo_seq(b.tx, container, &s2), RC_OK);
	ck_assert_mem_eq(&s1, &s2, sizeof(s1));
	ck_assert_uint_eq(bed_append(&b, container, NULL, "next")->inst.seq, s1.last + 1);
	bed_commit(&b);
	bed_clean(&b);
	buf_fini(&before);
	bed_fini(&b);
}
END_TEST

START_TEST(lost_transaction_leaves_no_trace)
{
	struct buf before, after;
	uint64_t container;
	struct seq seq;
	struct bed b;
	bool failed = true;

	bed_init(&b, _i, 16);
	container = furnish(&b);
	bed_read(&b);
	before = bed_dump(&b);
	bed_end(&b);
	for (long puts = 0; failed; puts++) {
		enum rc rc;

		ck_assert_int_lt(puts, 1000);
		bed_write(&b);
		bed_append(&b, container, NULL, "neighbour");
		bed_request(&b);
		bed_fail_after(puts);
		rc = change_everything(&b, container);
		failed = rc != RC_OK;
		ck_assert_int_eq(repo_failure(b.tx), failed ? RC_UNAVAILABLE : RC_OK);
		bed_fail_after(-1);
		if (failed) {
			ck_assert_int_eq(repo_rollback(b.tx), RC_UNAVAILABLE);
			ck_assert_int_eq(repo_commit(b.tx), RC_UNAVAILABLE);
		} else {
			repo_abort(b.tx);
		}
		bed_read(&b);
		after = bed_dump(&b);
		bed_same(&before, &after);
		buf_fini(&after);
		bed_end(&b);
		bed_write(&b);
		ck_assert_int_eq(repo_seq(b.tx, container, &seq), RC_OK);
		ck_assert_int_eq(seq.count, 5);
		repo_abort(b.tx);
	}
	bed_clean(&b);
	buf_fini(&before);
	bed_fini(&b);
}
END_TEST

/* One request that changes a node, a collection or instances alone; committed or aborted. */
static uint64_t
generation_after(struct bed *b, uint64_t container, int what, bool commit)
{
	bed_write(b);
	ck_assert(repo_nodes_unchanged(b->tx));
	if (what == 'n')
		bed_insert(b, T_CONTAINER, container, T_SUBCONTAINERS, commit ? "new" : "lost");
	else if (what == 'k')
		ck_assert_int_eq(repo_coll_touch(b->tx, 1, T_CONTAINERS, 1), RC_OK);
	else
		bed_append(b, container, NULL, "x");
	ck_assert_int_eq(repo_nodes_unchanged(b->tx), what == 'i');
	if (commit)
		bed_commit(b);
	else
		repo_abort(b->tx);
	return repo_generation(b->repo);
}

START_TEST(generation_tells_of_nodes)
{
	uint64_t container, before, after;
	struct bed b;

	bed_init(&b, _i, 16);
	container = furnish(&b);
	before = repo_generation(b.repo);
	ck_assert_uint_eq(generation_after(&b, container, 'i', true), before);
	ck_assert_uint_eq(generation_after(&b, container, 'n', false), before);
	after = generation_after(&b, container, 'n', true);
	ck_assert_uint_gt(after, before);
	ck_assert_uint_gt(generation_after(&b, container, 'k', true), after);
	bed_clean(&b);
	bed_fini(&b);
}
END_TEST

START_TEST(readers_see_their_snapshot)
{
	struct arena *a = arena_new(1 << 20);
	struct rtx *reader;
	struct child c;
	struct bed b;

	bed_init(&b, _i, 16);
	bed_root(&b);
	ck_assert_int_eq(repo_begin_read(b.repo, a, &reader), RC_OK);
	bed_write(&b);
	bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "new");
	bed_commit(&b);
	ck_assert_int_eq(repo_child(reader, 1, T_CONTAINERS, SLICE_LIT("new"), &c), RC_NOT_FOUND);
	repo_end_read(reader);
	ck_assert_int_eq(repo_begin_read(b.repo, a, &reader), RC_OK);
	ck_assert_int_eq(repo_child(reader, 1, T_CONTAINERS, SLICE_LIT("new"), &c), RC_OK);
	repo_end_read(reader);
	arena_free(a);
	bed_fini(&b);
}
END_TEST

START_TEST(backup_is_a_store)
{
	char why[256] = "", to[300];
	struct store_stat stat;
	struct bed b;

	bed_init(&b, _i, 16);
	furnish(&b);
	repo_stat(b.repo, &stat);
	ck_assert_uint_gt(stat.keys, 10);
	snprintf(to, sizeof(to), "%s/backup", b.dir);
	if (_i == BED_MEMORY) {
		ck_assert_int_eq(repo_backup(b.repo, to, why), RC_NOT_IMPLEMENTED);
	} else {
		ck_assert_int_eq(repo_backup(b.repo, to, why), RC_OK);
		repo_close(b.repo);
		b.conf.store.path = to;
		bed_open(&b);
		ck_assert(!repo_is_fresh(b.repo));
		bed_clean(&b);
	}
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		lane_comes_back_as_it_was,
		cached_lanes_follow_the_store,
		rollback_leaves_no_trace,
		lost_transaction_leaves_no_trace,
		generation_tells_of_nodes,
		readers_see_their_snapshot,
		backup_is_a_store,
	};
	Suite *s = suite_create("repo_tx");
	TCase *c = tcase_create("engines");

	tcase_set_timeout(c, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(c, tests[i], BED_MEMORY, BED_ENGINES);
	suite_add_tcase(s, c);
	return run_suite(s);
}
