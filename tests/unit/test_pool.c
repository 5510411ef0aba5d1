/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of threads of the proxy: every job once, two lines in turn, and its end. */
#include "config.h"

#include "cap/pool.h"
#include "suite.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#define JOBS 200
#define HANDS 4
#define AGAIN 50

struct count {
	struct pool_job job;
	struct pool *pool;
	atomic_uint runs;
	unsigned again; /* how often it submits itself */
	sem_t *over;
};

static void
count_run(struct pool_job *job)
{
	struct count *c = (struct count *)(void *)job;

	atomic_fetch_add(&c->runs, 1);
	if (c->again > 0 && !job->ending) {
		c->again--;
		pool_submit(c->pool, POOL_OWN, job);
	} else {
		sem_post(c->over);
	}
}

static void
await(sem_t *s, unsigned n)
{
	while (n-- > 0)
		ck_assert_int_eq(sem_wait(s), 0);
}

static struct pool *
pool_of(unsigned threads)
{
	struct pool *p = NULL;

	ck_assert_uint_eq(pool_start(threads, &p), RC_OK);
	return p;
}

START_TEST(numbers_of_threads)
{
	struct pool *p = NULL;

	ck_assert_uint_eq(pool_start(0, &p), RC_BAD_REQUEST);
	ck_assert_uint_eq(pool_start(POOL_THREADS_MAX + 1, &p), RC_BAD_REQUEST);
	ck_assert_ptr_null(p);
	pool_stop(pool_of(POOL_THREADS_MAX));
	pool_stop(NULL);
}
END_TEST

struct hand {
	struct pool *pool;
	struct count *counts;
};

static void *
hand_in(void *arg)
{
	struct hand *h = arg;

	for (unsigned i = 0; i < JOBS; i++)
		pool_submit(h->pool, i % 2 == 0 ? POOL_FOREIGN : POOL_OWN, &h->counts[i].job);
	return NULL;
}

/* From several threads to several threads. */
START_TEST(each_job_runs_once)
{
	static struct count counts[HANDS][JOBS];
	struct pool *p = pool_of(3);
	struct hand hands[HANDS];
	pthread_t threads[HANDS];
	sem_t over;

	sem_init(&over, 0, 0);
	for (unsigned h = 0; h < HANDS; h++) {
		for (unsigned i = 0; i < JOBS; i++)
			counts[h][i] =
				(struct count){ .job.run = count_run, .pool = p, .over = &over };
		hands[h] = (struct hand){ p, counts[h] };
		ck_assert_int_eq(pthread_create(&threads[h], NULL, hand_in, &hands[h]), 0);
	}
	await(&over, HANDS * JOBS);
	for (unsigned h = 0; h < HANDS; h++) {
		pthread_join(threads[h], NULL);
		for (unsigned i = 0; i < JOBS; i++)
			ck_assert_uint_eq(atomic_load(&counts[h][i].runs), 1);
	}
	pool_stop(p);
	sem_destroy(&over);
}
END_TEST

START_TEST(a_job_submits_itself_again)
{
	struct pool *p = pool_of(2);
	struct pool_load load;
	struct count c;
	sem_t over;

	sem_init(&over, 0, 0);
	c = (struct count){ .job.run = count_run, .pool = p, .again = AGAIN, .over = &over };
	pool_submit(p, POOL_OWN, &c.job);
	await(&over, 1);
	ck_assert_uint_eq(atomic_load(&c.runs), AGAIN + 1);
	/* It may be seen before the pool has counted it. */
	do
		pool_load(p, &load);
	while (load.running > 0);
	ck_assert_uint_eq(load.done, AGAIN + 1);
	ck_assert_uint_eq(load.waiting, 0);
	pool_stop(p);
	sem_destroy(&over);
}
END_TEST

/* What writes down in which order it ran; the first one waits for the others to be there. */
struct turn {
	struct pool_job job;
	char name;
	sem_t *entered, *gate, *over;
	bool was_ending;
};

static char order[16];
static atomic_uint n_order;

static void
turn_run(struct pool_job *job)
{
	struct turn *t = (struct turn *)(void *)job;

	if (t->gate != NULL) {
		sem_post(t->entered);
		await(t->gate, 1);
	}
	order[atomic_fetch_add(&n_order, 1)] = t->name;
	t->was_ending = job->ending;
	sem_post(t->over);
}

/* Three lots of work of others do not hold up two of the own. */
START_TEST(lines_are_served_in_turn)
{
	static const char names[] = "abcAB";
	struct turn turns[6];
	struct pool *p = pool_of(1);
	struct pool_load load;
	sem_t entered, gate, over;

	sem_init(&entered, 0, 0);
	sem_init(&gate, 0, 0);
	sem_init(&over, 0, 0);
	turns[5] = (struct turn){ { .run = turn_run }, '0', &entered, &gate, &over, false };
	pool_submit(p, POOL_OWN, &turns[5].job);
	await(&entered, 1);
	for (unsigned i = 0; i < 5; i++) {
		turns[i] = (struct turn){ { .run = turn_run }, names[i], NULL, NULL, &over, false };
		pool_submit(p, i < 3 ? POOL_FOREIGN : POOL_OWN, &turns[i].job);
	}
	pool_load(p, &load);
	ck_assert_uint_eq(load.waiting, 5);
	ck_assert_uint_eq(load.running, 1);
	sem_post(&gate);
	await(&over, 6);
	ck_assert_mem_eq(order, "0aAbBc", 6);
	pool_stop(p);
}
END_TEST

static void *
stop(void *p)
{
	pool_stop(p);
	return NULL;
}

/* It is told, and what comes once more from a job that is running does not get lost, either. */
START_TEST(what_waits_runs_at_the_end)
{
	struct turn first, second;
	struct pool *p = pool_of(1);
	pthread_t stopper;
	sem_t entered, gate, over;

	sem_init(&entered, 0, 0);
	sem_init(&gate, 0, 0);
	sem_init(&over, 0, 0);
	first = (struct turn){ { .run = turn_run }, '1', &entered, &gate, &over, false };
	second = (struct turn){ { .run = turn_run }, '2', &entered, &gate, &over, false };
	pool_submit(p, POOL_OWN, &first.job);
	await(&entered, 1);
	pool_submit(p, POOL_FOREIGN, &second.job);
	sem_post(&gate);
	await(&entered, 1);
	ck_assert_int_eq(pthread_create(&stopper, NULL, stop, p), 0);
	pool_submit(p, POOL_OWN, &first.job);
	first.gate = NULL;
	sem_post(&gate);
	pthread_join(stopper, NULL);
	await(&over, 3);
	ck_assert_mem_eq(order, "121", 3);
	ck_assert(!second.was_ending);
}
END_TEST

/* Else it would go on for ever. */
START_TEST(a_job_is_told_of_the_end)
{
	struct pool *p = pool_of(2);
	struct count c;
	sem_t over;

	sem_init(&over, 0, 0);
	c = (struct count){ .job.run = count_run, .pool = p, .again = UINT_MAX, .over = &over };
	pool_submit(p, POOL_FOREIGN, &c.job);
	while (atomic_load(&c.runs) == 0)
		sched_yield();
	pool_stop(p);
	await(&over, 1);
	sem_destroy(&over);
}
END_TEST

static Suite *
pool_suite(void)
{
	Suite *s = suite_create("pool");
	TCase *c = suite_case(s, "pool", NULL, NULL);

	tcase_add_test(c, numbers_of_threads);
	tcase_add_test(c, each_job_runs_once);
	tcase_add_test(c, a_job_submits_itself_again);
	tcase_add_test(c, lines_are_served_in_turn);
	tcase_add_test(c, what_waits_runs_at_the_end);
	tcase_add_test(c, a_job_is_told_of_the_end);
	return s;
}

int
main(void)
{
	return run_suite(pool_suite());
}
