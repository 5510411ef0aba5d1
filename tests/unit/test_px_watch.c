/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a change of a monitor is told of it: in time, not too often, and at the end. */
#include "config.h"

#include "cap/pxy/px_watch.h"
#include "core_bed.h"
#include "suite.h"

#include <semaphore.h>

#define NEVER (INT64_C(1000000) * CLOCK_SECOND)

static struct core_bed core;
static struct px_watch *watch;

struct waiting {
	struct px_waiter waiter;
	sem_t told;
	bool changed;
};

static void
on_told(struct px_waiter *waiter, bool changed)
{
	struct waiting *w = (struct waiting *)waiter;

	w->changed = changed;
	sem_post(&w->told);
}

static void
make_watch(int64_t interval, unsigned waiters, int64_t hold, int64_t rest)
{
	const struct px_watch_conf conf = { .scl = core.scl,
		                            .interval = interval,
		                            .waiters_max = waiters,
		                            .hold = hold,
		                            .rest = rest };

	ck_assert_int_eq(px_watch_new(&conf, &watch), RC_OK);
}

static void
setup(void)
{
	core_start_alone(&core);
}

static void
teardown(void)
{
	px_watch_stop(watch);
	core_stop(&core);
	px_watch_free(watch);
	core_fini(&core);
}

static const char *
event(uint64_t id)
{
	static char text[PX_EVENT_ID_MAX];

	px_watch_event(watch, id, text);
	return text;
}

static bool
park(struct waiting *w, uint64_t id)
{
	*w = (struct waiting){ .waiter = { .told = on_told, .id = id } };
	sem_init(&w->told, 0, 0);
	return px_watch_park(watch, &w->waiter, slice_of(event(id)));
}

static void
await_told(struct waiting *w)
{
	while (sem_wait(&w->told) != 0)
		;
}

struct turn {
	struct scl_task task;
	sem_t done;
};

static void
turn_run(struct scl_task *task)
{
	sem_post(&((struct turn *)task)->done);
}

/* What was posted without a delay has run. */
static void
await_courier(void)
{
	struct turn t = { .task.run = turn_run };

	sem_init(&t.done, 0, 0);
	scl_post(core.scl, &t.task, 0);
	while (sem_wait(&t.done) != 0)
		;
	sem_destroy(&t.done);
}

START_TEST(events_have_names)
{
	char first[PX_EVENT_ID_MAX];

	make_watch(0, 8, 0, 0);
	px_watch_event(watch, 5, first);
	ck_assert(px_watch_is_current(watch, 5, slice_of(first)));
	ck_assert(!px_watch_is_current(watch, 5, SLICE_NONE));
	ck_assert(!px_watch_is_current(watch, 5, SLICE_LIT("0-0")));
	px_watch_touch(watch, 6);
	ck_assert(px_watch_is_current(watch, 5, slice_of(first)));
	px_watch_touch(watch, 5);
	ck_assert(!px_watch_is_current(watch, 5, slice_of(first)));
	ck_assert_uint_lt(px_watch_key(UINT64_MAX), UINT64_C(1) << 63);
	ck_assert_uint_ne(px_watch_key(5), px_watch_key(6));
}
END_TEST

START_TEST(a_change_wakes)
{
	struct waiting one, other;

	make_watch(0, 8, 0, 0);
	ck_assert(park(&one, 5));
	ck_assert(park(&other, 6));
	ck_assert_uint_eq(px_watch_waiting(watch), 2);
	px_watch_touch(watch, 5);
	await_told(&one);
	ck_assert(one.changed);
	await_courier();
	ck_assert_uint_eq(px_watch_waiting(watch), 1);
	px_watch_stop(watch);
	await_told(&other);
	ck_assert(!other.changed);
	ck_assert(!park(&one, 5));
}
END_TEST

/* Who has not seen what there is does not wait. */
START_TEST(old_news_do_not_park)
{
	struct waiting w = { .waiter = { .told = on_told, .id = 5 } };
	char old[PX_EVENT_ID_MAX];

	make_watch(0, 8, 0, 0);
	px_watch_event(watch, 5, old);
	px_watch_touch(watch, 5);
	ck_assert(!px_watch_park(watch, &w.waiter, slice_of(old)));
	ck_assert(!px_watch_park(watch, &w.waiter, SLICE_NONE));
	ck_assert_uint_eq(px_watch_waiting(watch), 0);
}
END_TEST

START_TEST(only_so_many_wait)
{
	static struct waiting v[3]; /* the last one waits until the watch ends */

	make_watch(0, 2, 0, 0);
	ck_assert(park(&v[0], 1));
	ck_assert(park(&v[1], 1));
	ck_assert(!park(&v[2], 1));
	px_watch_touch(watch, 1);
	await_told(&v[0]);
	await_told(&v[1]);
	ck_assert(park(&v[2], 1));
}
END_TEST

START_TEST(at_most_once_in_an_interval)
{
	struct waiting w;

	make_watch(NEVER, 8, NEVER, NEVER);
	ck_assert(park(&w, 1));
	px_watch_touch(watch, 1);
	await_told(&w);
	ck_assert(park(&w, 1));
	px_watch_touch(watch, 1);
	await_courier();
	ck_assert_uint_eq(px_watch_waiting(watch), 1);
	px_watch_stop(watch);
	await_told(&w);
	ck_assert(w.changed);
}
END_TEST

START_TEST(nobody_waits_for_ever)
{
	struct waiting w;

	make_watch(0, 8, 1000, NEVER);
	ck_assert(park(&w, 1));
	await_told(&w);
	ck_assert(!w.changed);
}
END_TEST

/* What has changed lately changes once more when it rests. */
START_TEST(rest_is_told)
{
	struct waiting w;

	make_watch(0, 8, NEVER, 1000);
	ck_assert(park(&w, 1));
	px_watch_touch(watch, 1);
	await_told(&w);
	while (strcmp(strrchr(event(1), '-'), "-2") != 0)
		if (park(&w, 1))
			await_told(&w);
}
END_TEST

static Suite *
watch_suite(void)
{
	Suite *s = suite_create("px_watch");
	TCase *c = suite_case(s, "watch", setup, teardown);

	tcase_add_test(c, events_have_names);
	tcase_add_test(c, a_change_wakes);
	tcase_add_test(c, old_news_do_not_park);
	tcase_add_test(c, only_so_many_wait);
	tcase_add_test(c, at_most_once_in_an_interval);
	tcase_add_test(c, nobody_waits_for_ever);
	tcase_add_test(c, rest_is_told);
	return s;
}

int
main(void)
{
	return run_suite(watch_suite());
}
