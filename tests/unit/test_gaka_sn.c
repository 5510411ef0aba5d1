/* SPDX-License-Identifier: Apache-2.0 */
/* The serving network: runs of leader, members and single devices, what is void, what is refused. */
#include "config.h"

#include "gaka_sn_bed.h"
#include "suite.h"

static struct snb b;
static const struct gaka_gid nobody;

static void
setup(void)
{
	snb_init(&b, 5);
	snb_start(&b);
}

static void
teardown(void)
{
	snb_fini(&b);
}

/* ---- what it is for ---- */

START_TEST(a_group)
{
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	for (unsigned i = 1; i < 5; i++)
		ck_assert_uint_eq(snb_attach(&b, i, NULL), GAKA_T7);
	ck_assert_uint_eq(b.n_t2, 1);
	ck_assert_uint_eq(b.n_t10, 0);
	/* Its leader again: a vector for it alone. */
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t10, 1);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_LEADERS), 1);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_MEMBERS), 4);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_SINGLES), 1);
	ck_assert_uint_eq(b.sn->attempts.n, 0);
}
END_TEST

START_TEST(alone)
{
	ck_assert_uint_eq(snb_attach(&b, 0, &nobody), GAKA_T4);
	ck_assert_uint_eq(b.n_t2, 0);
	ck_assert_uint_eq(b.n_t10, 1);
	b.conf.gaka.conventional = true;
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 2, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t2, 0);
	ck_assert_uint_eq(b.n_t10, 3);
}
END_TEST

/* Whoever the home network has left out of the vectors is asked for alone. */
START_TEST(not_in_the_set)
{
	b.d[3].away = true;
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 3, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t10, 1);
}
END_TEST

START_TEST(used_up)
{
	b.w = 2;
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	/* Within the pause of the group: alone. */
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t2, 1);
	ck_assert_uint_eq(b.n_t10, 1);
	snb_pass(&b, 5);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t2, 2);
	ck_assert_uint_eq(snb_attach(&b, 2, NULL), GAKA_T7);
}
END_TEST

START_TEST(out_of_step)
{
	uint8_t t12[GAKA_SHORT_SIZE];
	struct snb_said first, second, last;

	gaka_t12_write(GAKA_SYNC, t12);
	first = snb_begin(&b, 0, NULL);
	second = snb_short(&b, 0, t12);
	ck_assert_int_eq(second.status, 200);
	ck_assert_mem_ne(first.octets, second.octets, GAKA_T4_SIZE);
	ck_assert_uint_eq(b.d[0].sqn, 1 + GAKA_RESYNC);
	last = snb_answer(&b, 0, &second);
	ck_assert_int_eq(last.status, 200);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_RESYNCED), 1);
	/* The members have their vectors all the same. */
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	ck_assert_uint_eq(b.n_t2, 1);
	/* Once in an attempt, and for a member never. */
	(void)snb_begin(&b, 0, NULL);
	ck_assert_int_eq(snb_short(&b, 0, t12).status, 200);
	last = snb_short(&b, 0, t12);
	snb_expect(&last, 403, GAKA_MAC);
	(void)snb_begin(&b, 1, NULL);
	last = snb_short(&b, 1, t12);
	snb_expect(&last, 403, GAKA_MAC);
	ck_assert_uint_eq(b.sn->attempts.n, 0);
}
END_TEST

/* ---- at the same time ---- */

struct one {
	pthread_t thread;
	unsigned d, how;
};

static void *
run_one(void *arg)
{
	struct one *o = arg;

	o->how = snb_attach(&b, o->d, NULL);
	return NULL;
}

static bool
all_wait(void *arg)
{
	unsigned *n = arg, now;

	pthread_mutex_lock(&b.sn->lock);
	now = b.sn->n_requests;
	pthread_mutex_unlock(&b.sn->lock);
	return now == *n;
}

static void
run_all(struct one *all, unsigned n)
{
	b.held = true;
	for (unsigned i = 0; i < n; i++) {
		all[i] = (struct one){ .d = i };
		ck_assert_int_eq(pthread_create(&all[i].thread, NULL, run_one, &all[i]), 0);
	}
	ck_assert(core_await(all_wait, &n));
}

static unsigned
joined(struct one *all, unsigned n, unsigned how)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		pthread_join(all[i].thread, NULL);
		found += all[i].how == how;
	}
	return found;
}

START_TEST(members_wait)
{
	struct one all[5];

	run_all(all, 5);
	ck_assert_uint_eq(b.n_t2, 1);
	snb_release(&b);
	ck_assert_uint_eq(joined(all, 5, GAKA_T7), 4);
	ck_assert_uint_eq(b.n_t2, 1);
	ck_assert_uint_eq(b.n_t10, 0);
	ck_assert_uint_eq(b.sn->n_requests, 0);
}
END_TEST

START_TEST(not_for_ever)
{
	struct one all[5];
	unsigned leader = 1;

	run_all(all, 5);
	snb_pass(&b, 1);
	sn_end_waiting(b.sn, false);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_TIMEOUT), 0);
	snb_pass(&b, 1);
	ck_assert(core_await(all_wait, &leader)); /* the timer sees it */
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_TIMEOUT), 4);
	snb_release(&b);
	ck_assert_uint_eq(joined(all, 5, 0), 4);
}
END_TEST

START_TEST(stopped)
{
	struct one all[5];
	unsigned leader = 1;

	run_all(all, 5);
	gaka_sn_stop(b.sn);
	ck_assert(core_await(all_wait, &leader));
	snb_release(&b);
	ck_assert_uint_eq(joined(all, 5, 0), 5);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), 0);
}
END_TEST

/* What the leader's fault brings about is not that of those who wait. */
START_TEST(leader_refused)
{
	struct one all[5];

	b.refusal = GAKA_NOT_MEMBER;
	run_all(all, 5);
	snb_await_held(&b, 1);
	b.outcome = RC_OK;
	snb_release(&b);
	ck_assert_uint_eq(joined(all, 5, 0), 5);
	ck_assert_uint_eq(b.n_t2, 1);
	ck_assert_uint_eq(b.n_t10,
	                  4); /* each alone: the group may not be asked for again so soon */
}
END_TEST

/* In the last quarter of their time vectors are asked for anew; the old ones do while there are none. */
START_TEST(renewed)
{
	struct sn_group *g;

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	snb_pass(&b, 2699);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	ck_assert_uint_eq(b.n_t2, 1);
	snb_pass(&b, 1);
	b.outcome = RC_UNAVAILABLE;
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), 0);
	ck_assert_uint_eq(b.n_t2, 2);
	snb_pass(&b, 5);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	ck_assert_uint_eq(b.n_t2, 2);
	g = sn_group_find(b.sn, &b.gid);
	ck_assert_ptr_nonnull(g);
	g->away = false;
	b.outcome = RC_OK;
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T7); /* it led the ones before */
	ck_assert_uint_eq(b.n_t2, 3);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(late)
{
	struct snb_said open;

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	open = snb_begin(&b, 1, NULL);
	snb_pass(&b, 10);
	open = snb_answer(&b, 1, &open);
	snb_expect(&open, 403, GAKA_MAC);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_NO_ATTEMPT), 1);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
}
END_TEST

START_TEST(the_same_again)
{
	struct snb_said one, two, last;
	uint8_t t8[GAKA_SHORT_SIZE];

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	one = snb_begin(&b, 1, NULL);
	two = snb_say(&b, BASE "/gaka", slice_make(b.d[1].t1, GAKA_T1_SIZE));
	ck_assert_uint_eq(two.n, GAKA_T7_SIZE);
	ck_assert_mem_eq(one.octets, two.octets, GAKA_T7_SIZE);
	snb_tag(&b, 1, &one, t8);
	ck_assert_int_eq(snb_short(&b, 1, t8).status, 200);
	last = snb_short(&b, 1, t8);
	snb_expect(&last, 403, GAKA_MAC);
	/* Another T1 ends the attempt before. */
	one = snb_begin(&b, 1, NULL);
	snb_tag(&b, 1, &one, t8);
	two = snb_begin(&b, 1, NULL);
	ck_assert_mem_ne(one.octets, two.octets, GAKA_T7_SIZE);
	last = snb_short(&b, 1, t8);
	snb_expect(&last, 403, GAKA_MAC);
	ck_assert_int_eq(snb_answer(&b, 1, &two).status, 200);
}
END_TEST

/* No octet of an answer may be another one, and what was refused has changed nothing. */
START_TEST(tampered)
{
	struct snb_said open;
	uint8_t t8[GAKA_SHORT_SIZE];
	char target[] = BASE "/gaka?id=01000000000000000000000000000002";

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	for (size_t i = 0; i < GAKA_SHORT_SIZE; i++) {
		struct snb_said no;

		open = snb_begin(&b, 1, NULL);
		ck_assert_int_eq(open.status, 200);
		snb_tag(&b, 1, &open, t8);
		t8[i] ^= 0x10;
		no = snb_short(&b, 1, t8);
		ck_assert_int_eq(no.status, i < GAKA_HEADER_SIZE ? 400 : 403);
		ck_assert_uint_eq(b.sn->attempts.n, 1);
		t8[i] ^= 0x10;
		t8[3] ^= GAKA_T8 ^ GAKA_T12; /* no reason that there is */
		ck_assert_int_eq(snb_short(&b, 1, t8).status, 400);
		ck_assert_uint_eq(b.sn->attempts.n, 1);
		t8[3] ^= GAKA_T8 ^ GAKA_T12;
		ck_assert_int_eq(snb_short(&b, 1, t8).status, 200);
		snb_pass(&b, 70); /* nobody is locked out */
		if (i % 8 == 7) {
			snb_tell(&b, 2, NULL);
			ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
		}
	}
	for (size_t n = 0; n < GAKA_SHORT_SIZE; n++)
		ck_assert_int_eq(snb_say(&b, target, slice_make(t8, n)).status, 400);
	ck_assert_int_eq(snb_say(&b, BASE "/gaka", slice_make(t8, sizeof(t8))).status, 400);
}
END_TEST

static Suite *
sn_suite(void)
{
	const TTest *const tests[] = {
		a_group,        alone,        not_in_the_set, used_up,        out_of_step,
		members_wait,   not_for_ever, stopped,        leader_refused, late,
		the_same_again, tampered,     renewed,
	};
	Suite *s = suite_create("gaka_sn");
	TCase *c = suite_case(s, "serving", setup, teardown);

	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return s;
}

int
main(void)
{
	return run_suite(sn_suite());
}
