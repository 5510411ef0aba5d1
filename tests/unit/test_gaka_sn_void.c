/* SPDX-License-Identifier: Apache-2.0 */
/* The serving network: vectors, attempts and sessions that are void, because of whatever was told. */
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

START_TEST(another_epoch)
{
	struct snb_said open;

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	open = snb_begin(&b, 2, NULL);
	snb_tell(&b, 2, NULL);
	ck_assert_ptr_null(sn_group_find(b.sn, &b.gid)->set);
	ck_assert_uint_eq(b.sn->groups.members, 0);
	open = snb_answer(&b, 2, &open);
	snb_expect(&open, 403, GAKA_MAC);
	ck_assert(snb_has_session(&b, 0) && snb_has_session(&b, 1));
	snb_pass(&b, 5);
	ck_assert_uint_eq(snb_attach(&b, 2, NULL), GAKA_T4);
	ck_assert_uint_eq(b.n_t2, 2);
}
END_TEST

START_TEST(others_are_none_of_ours)
{
	struct mas_group_event e = { .gid = UINT64_C(0xa1a1a1a1a1a1a1a1),
		                     .epoch = 2,
		                     .n_serving = 1 };

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	b.mas_watcher->group(b.mas_watcher, &e);
	ck_assert_ptr_nonnull(sn_group_find(b.sn, &b.gid)->set);
	e.serving[0] = b.self;
	b.mas_watcher->group(b.mas_watcher, &e);
	ck_assert_ptr_null(sn_group_find(b.sn, &b.gid)->set);
}
END_TEST

START_TEST(who_has_left)
{
	struct snb_said open;

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	ck_assert_uint_eq(snb_attach(&b, 2, &nobody), GAKA_T4);
	open = snb_begin(&b, 2, &nobody);
	snb_tell(&b, 2, &b.d[2].id);
	ck_assert(!snb_has_session(&b, 2));
	open = snb_answer(&b, 2, &open);
	snb_expect(&open, 403, GAKA_MAC);
	ck_assert(snb_has_session(&b, 0) && snb_has_session(&b, 1));
	snb_tell(&b, 2, &b.d[1].id);
	ck_assert(!snb_has_session(&b, 1));
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_CUT), 2);
	open = snb_begin(&b, 3, &nobody);
	snb_tell(&b, 3, NULL);
	ck_assert_uint_eq(b.sn->attempts.n, 1);
	snb_tell(&b, 0, NULL); /* the group is gone */
	ck_assert(!snb_has_session(&b, 0));
	open = snb_answer(&b, 3, &open); /* it may have been vouched for as a member of that */
	snb_expect(&open, 403, GAKA_MAC);
	ck_assert(!snb_has_session(&b, 3));
}
END_TEST

START_TEST(who_is_revoked)
{
	struct sec_watcher *w = b.sec_watcher;

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	ck_assert_uint_eq(snb_attach(&b, 1, NULL), GAKA_T7);
	w->revoked(w, &b.d[1].id, 7); /* one of its connections: not it */
	ck_assert(snb_has_session(&b, 1));
	w->revoked(w, &b.d[1].id, 0);
	ck_assert(!snb_has_session(&b, 1) && snb_has_session(&b, 0));
	ck_assert_ptr_null(sn_group_find(b.sn, &b.gid)->set);
	snb_pass(&b, 5);
	ck_assert_uint_eq(snb_attach(&b, 2, NULL), GAKA_T4);
	w->lost(w);
	ck_assert(!snb_has_session(&b, 0) && !snb_has_session(&b, 2));
	ck_assert_ptr_null(sn_group_find(b.sn, &b.gid)->set);
}
END_TEST

static void *
run_leader(void *how)
{
	*(unsigned *)how = snb_attach(&b, 0, NULL);
	return NULL;
}

/* An answer that was made before, and comes after. */
START_TEST(void_on_the_way)
{
	unsigned how = GAKA_T4;
	pthread_t thread;

	b.held = true;
	ck_assert_int_eq(pthread_create(&thread, NULL, run_leader, &how), 0);
	snb_await_held(&b, 1);
	snb_tell(&b, 2, &b.d[0].id);
	snb_release(&b);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(how, 0);
	ck_assert_uint_eq(snb_counted(&b, SN_COUNT_CHANGED), 1);
	ck_assert_ptr_null(sn_group_find(b.sn, &b.gid)->set);
	ck_assert_uint_eq(b.sn->attempts.n, 0);
}
END_TEST

START_TEST(over)
{
	struct snb_said open;

	ck_assert_uint_eq(snb_attach(&b, 0, NULL), GAKA_T4);
	snb_pass(&b, 3595);
	open = snb_begin(&b, 1, NULL);
	ck_assert_int_eq(open.status, 200);
	snb_pass(&b, 5);
	open = snb_answer(&b, 1, &open);
	snb_expect(&open, 410, GAKA_EXPIRED);
	ck_assert(!snb_has_session(&b, 0));
	ck_assert_uint_eq(b.sn->attempts.n, 0);
}
END_TEST

static Suite *
void_suite(void)
{
	Suite *s = suite_create("gaka_sn_void");
	TCase *c = suite_case(s, "void", setup, teardown);

	tcase_add_test(c, another_epoch);
	tcase_add_test(c, others_are_none_of_ours);
	tcase_add_test(c, who_has_left);
	tcase_add_test(c, who_is_revoked);
	tcase_add_test(c, void_on_the_way);
	tcase_add_test(c, over);
	return s;
}

int
main(void)
{
	return run_suite(void_suite());
}
