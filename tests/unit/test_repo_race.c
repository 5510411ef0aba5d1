/* SPDX-License-Identifier: Apache-2.0 */
/* Readers beside the committer: what a client was told of is seen by everybody who asks later. */
#include "config.h"

#include "repo_bed.h"
#include "suite.h"

#include <pthread.h>
#include <stdlib.h>

#define READERS 3

struct race {
	struct bed bed;
	uint64_t container[2];
	_Atomic uint64_t acked[2]; /* numbers that a client was told of */
	atomic_bool done;
};

struct observer {
	struct race *race;
	pthread_t thread;
	uint64_t reads;
};

/* Reads one end of one container; returns its number. */
static uint64_t
observe(struct race *race, struct arena *a, unsigned which, bool last)
{
	uint64_t container = race->container[which];
	struct res *r = NULL;
	struct rtx *tx;
	enum rc rc;

	arena_reset(a);
	ck_assert_int_eq(repo_begin_read(race->bed.repo, a, &tx), RC_OK);
	rc = last ? repo_latest(tx, container, &r) : repo_oldest(tx, container, &r);
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_int_eq((int64_t)r->inst.content.n, (int64_t)(r->inst.seq % 7));
	repo_end_read(tx);
	return r->inst.seq;
}

static void *
observer_main(void *arg)
{
	struct observer *o = arg;
	struct arena *a = arena_new(1 << 20);
	uint64_t seen[2][2] = { { 0 } };

	ck_assert_ptr_nonnull(a);
	while (!atomic_load(&o->race->done) || o->reads < 100) {
		unsigned which = o->reads % 2;
		bool last = o->reads / 2 % 2 == 0;
		uint64_t acked = atomic_load(&o->race->acked[which]);
		uint64_t seq = observe(o->race, a, which, last);

		ck_assert_msg(seq >= seen[which][last], "end %d went back from %llu to %llu", last,
		              (unsigned long long)seen[which][last], (unsigned long long)seq);
		ck_assert_msg(!last || seq >= acked, "latest is %llu after %llu was acknowledged",
		              (unsigned long long)seq, (unsigned long long)acked);
		seen[which][last] = seq;
		o->reads++;
	}
	arena_free(a);
	return NULL;
}

/* One commit: an append and an eviction, at times beside a request that is refused. */
static void
race_commit(struct race *race, struct dice *d)
{
	struct bed *b = &race->bed;
	unsigned which = dice(d, 2);
	uint64_t container = race->container[which], given;
	struct seq seq;

	bed_write(b);
	ck_assert_int_eq(repo_seq_high(b->tx, container, &given), RC_OK);
	given = bed_append(b, container, NULL, &"1234567"[7 - (given + 1) % 7])->inst.seq;
	ck_assert_int_eq(repo_seq(b->tx, container, &seq), RC_OK);
	if (seq.count > 3)
		ck_assert_int_eq(repo_inst_remove(b->tx, container, seq.first, false), RC_OK);
	if (dice(d, 4) == 0) {
		bed_request(b);
		bed_append(b, race->container[dice(d, 2)], NULL, "refused");
		ck_assert_int_eq(repo_rollback(b->tx), RC_OK);
	}
	if (dice(d, 9) == 0) {
		repo_abort(b->tx);
		return;
	}
	bed_commit(b);
	atomic_store(&race->acked[which], given);
}

START_TEST(latest_never_goes_back)
{
	struct race *race = calloc(1, sizeof(*race));
	struct observer o[READERS];
	struct dice d;

	dice_init(&d, "race");
	bed_init(&race->bed, _i, 16);
	bed_root(&race->bed);
	bed_write(&race->bed);
	for (int i = 0; i < 2; i++) {
		race->container[i] =
		    bed_insert(&race->bed, T_CONTAINER, 1, T_CONTAINERS, i == 0 ? "a" : "b")->id;
		bed_append(&race->bed, race->container[i], NULL, "1");
	}
	bed_commit(&race->bed);
	for (int i = 0; i < READERS; i++) {
		o[i] = (struct observer){ .race = race };
		ck_assert_int_eq(pthread_create(&o[i].thread, NULL, observer_main, &o[i]), 0);
	}
	for (int i = 0; i < (_i == BED_MEMORY ? 3000 : 500); i++)
		race_commit(race, &d);
	atomic_store(&race->done, true);
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_join(o[i].thread, NULL), 0);
	bed_clean(&race->bed);
	bed_fini(&race->bed);
	free(race);
}
END_TEST

struct ends {
	struct bed *bed;
	struct arena *arena;
	uint64_t container;
	unsigned looks;
};

/* What the two ends are in a snapshot and what a reader is given as the ends are the same. */
static void
ends_agree(void *arg)
{
	struct ends *e = arg;
	struct seq seq;
	struct res *r;
	struct rtx *tx;

	arena_reset(e->arena);
	ck_assert_int_eq(repo_begin_read(e->bed->repo, e->arena, &tx), RC_OK);
	ck_assert_int_eq(repo_seq(tx, e->container, &seq), RC_OK);
	if (seq.first == 0) {
		ck_assert_int_eq(repo_latest(tx, e->container, &r), RC_NOT_FOUND);
		ck_assert_int_eq(repo_oldest(tx, e->container, &r), RC_NOT_FOUND);
	} else {
		ck_assert_int_eq(repo_latest(tx, e->container, &r), RC_OK);
		ck_assert_uint_eq(r->inst.seq, seq.last);
		ck_assert_int_eq(repo_oldest(tx, e->container, &r), RC_OK);
		ck_assert_uint_eq(r->inst.seq, seq.first);
	}
	repo_end_read(tx);
	e->looks++;
}

/* An append, a removal of any of them, or both in any order. */
static void
change_ends(struct ends *e, struct dice *d)
{
	for (unsigned n = 1 + dice(d, 3); n > 0; n--) {
		struct seq seq;
		enum rc rc;

		ck_assert_int_eq(repo_seq(e->bed->tx, e->container, &seq), RC_OK);
		if (seq.first == 0 || dice(d, 2) == 0) {
			bed_append(e->bed, e->container, NULL, "x");
			continue;
		}
		rc = repo_inst_remove(e->bed->tx, e->container,
		                      dice(d, 2) == 0 ? seq.first : seq.last - dice(d, 2), false);
		ck_assert(rc == RC_OK || rc == RC_NOT_FOUND);
	}
}

/* Also while the engine shows a commit already and the repository does not know of it yet. */
START_TEST(ends_agree_beside_commit)
{
	struct ends e = { .arena = arena_new(1 << 20) };
	struct dice d;
	struct bed b;

	ck_assert_ptr_nonnull(e.arena);
	dice_init(&d, "ends");
	bed_init(&b, _i, 16);
	bed_root(&b);
	bed_write(&b);
	e.container = bed_insert(&b, T_CONTAINER, 1, T_CONTAINERS, "a")->id;
	bed_commit(&b);
	e.bed = &b;
	bed_on_commit(ends_agree, &e);
	for (int i = 0; i < (_i == BED_MEMORY ? 3000 : 300); i++) {
		bed_write(&b);
		change_ends(&e, &d);
		if (dice(&d, 6) == 0) {
			bed_request(&b);
			change_ends(&e, &d);
			ck_assert_int_eq(repo_rollback(b.tx), RC_OK);
		}
		if (dice(&d, 9) == 0) {
			bed_fail_commit();
			ck_assert_int_eq(repo_commit(b.tx), RC_UNAVAILABLE);
		} else
			bed_commit(&b);
		ends_agree(&e);
	}
	ck_assert_uint_ge(e.looks, 900);
	bed_clean(&b);
	bed_fini(&b);
	arena_free(e.arena);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("repo_race");
	TCase *c = tcase_create("engines");

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, latest_never_goes_back, BED_MEMORY, BED_ENGINES);
	tcase_add_loop_test(c, ends_agree_beside_commit, BED_MEMORY, BED_ENGINES);
	suite_add_tcase(s, c);
	return run_suite(s);
}
