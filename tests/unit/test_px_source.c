/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of the proxy: what is parked, that all of it arrives once and in the order of acceptance,
 * whoever fails meanwhile, and who gets keys of what.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cap/pool.h"
#include "pre_bed.h"
#include "source_bed.h"

#define LEVEL 20u /* of 100 requests: what has to wait before anything is parked */

/* What the ENDs tell and may tell. */
static unsigned expected_findings;

static void
setup(void)
{
	source_make();
	expected_findings = 0;
}

static void
teardown(void)
{
	source_free();
}

/* A request finds the uplink dead, LEVEL and more wait, and some are parked. */
static void
park_some(unsigned n)
{
	source_begin(true);
	source_accept(0, n);
	ck_assert(n > LEVEL);

	source_await_count(&source.posts, 1);
}

static void
expect_drained(unsigned n)
{
	source_await(NULL, n);
	source_await_direct();
	source_expect_order(n);
	for (size_t i = 0; i < BED_SINKS; i++)
		ck_assert_uint_eq(source.sinks[i].findings & ~expected_findings, 0);
}

/* ---- whole ways ---- */

START_TEST(parked_and_drained_in_order)
{
	park_some(60);
	ck_assert_uint_eq(source_read(&source.sinks[0].got), 0);
	source_up(true);
	expect_drained(60);
	ck_assert_uint_eq(source.stores, 1);
	ck_assert_uint_eq(source.forwards, 1);
	ck_assert_uint_eq(source.deleted, 1);
	ck_assert_uint_ge(source.sinks[0].got, 40);

	/* Once more, in another store, and what comes later goes by the uplink again. */
	source_up(false);
	source_accept(60, 60);
	source_await_count(&source.stores, 2);
	source_up(true);
	expect_drained(120);
	source_accept(120, 5);
	source_await(NULL, 125);
	source_expect_order(125);
	ck_assert_uint_eq(source.sinks[0].refused, 0);
}
END_TEST

START_TEST(not_before_it_is_pressing)
{
	source_begin(true);
	source_accept(0, LEVEL / 2);
	source_up(true);
	source_await(NULL, LEVEL / 2);
	source_expect_order(LEVEL / 2);
	ck_assert_uint_eq(source.stores, 0);
}
END_TEST

START_TEST(restarts_in_between)
{
	park_some(60);
	source_end();
	source_begin(false);
	source_accept(60, 30);
	source_end();
	source_up(true);
	source_begin(false);
	expect_drained(90);
	ck_assert_uint_eq(source.sinks[0].refused, 0);
}
END_TEST

/* Nothing was parked: what waits goes by the uplink, whether there is a proxy or not. */
START_TEST(a_restart_needs_no_proxy)
{
	source.refuses_first = true;
	source_begin(true);
	source_accept(0, 40);
	source_await_count(&source.infos, 3);
	source_end();
	source_up(true);
	source_begin(false);
	source_await(NULL, 40);
	source_expect_order(40);
	ck_assert_uint_eq(source.stores, 0);
}
END_TEST

START_TEST(lost_answers_are_repetitions)
{
	source.lose_answers = 3;
	park_some(60);
	source_up(true);
	expect_drained(60);
	ck_assert_uint_gt(source.duplicates, 0);
	ck_assert_uint_eq(source.sinks[0].refused, 0);
}
END_TEST

START_TEST(a_killed_batch_is_sent_again)
{
	source.message_status = 503;
	park_some(60);
	/* Its octets are in the spool; nothing of it is at the proxy. */
	source_end();
	ck_assert_uint_eq(source.store.n, 0);
	source_set(&source.message_status, 200);
	source_begin(false);
	source_up(true);
	expect_drained(60);
	ck_assert_uint_eq(source.sinks[0].refused, 0);
}
END_TEST

/* ---- proxies that fail ---- */

START_TEST(the_second_proxy_is_taken)
{
	source.refuses_first = true;
	source_begin(true);
	source_accept(0, 40);
	source_await_count(&source.infos, 10);
	ck_assert_uint_eq(source_read(&source.stores), 0);
	pthread_mutex_lock(&source.lock);
	source.answers_second = true;
	pthread_mutex_unlock(&source.lock);
	source_await_count(&source.posts, 1);
	source_up(true);
	expect_drained(40);
}
END_TEST

START_TEST(a_gap_is_sealed_again)
{
	/* The section that is given up has no END; it may have been the first one. */
	expected_findings = PRE_UNLINKED | PRE_JOINED;
	park_some(60);
	/* The proxy has lost the end of what it had, as after a restore. */
	pthread_mutex_lock(&source.lock);
	source.mark[1] = 1;
	pthread_mutex_unlock(&source.lock);
	source_accept(60, 30);
	source_up(true);
	expect_drained(90);
}
END_TEST

START_TEST(a_lost_store_is_told_and_another_one_made)
{
	park_some(60);
	pthread_mutex_lock(&source.lock);
	source.has_store = false;
	buf_clear(&source.store);
	memset(source.mark, 0, sizeof(source.mark));
	source.answers_second = true;
	pthread_mutex_unlock(&source.lock);
	source_accept(60, 30);
	source_await_count(&source.stores, 2);
	source_up(true);
	source_await_direct();
	/* What was acknowledged is gone; the rest is in order, and is the end. */
	ck_assert(strstr(source.order, "088 089 ") != NULL);
	for (unsigned i = 1; i < strlen(source.order) / 4; i++)
		ck_assert_int_gt(atoi(source.order + 4 * (size_t)i),
		                 atoi(source.order + 4 * (size_t)i - 4));
}
END_TEST

START_TEST(applied_is_waited_for)
{
	source.waiting = 1;
	park_some(60);
	source_up(true);
	source_await(NULL, 1);
	source_await_count(&source.sinks[0].got, 20);
	/* It has them, but they are not carried out yet: nothing may overtake them. */
	ck_assert_uint_eq(source_read(&source.deleted), 0);
	pthread_mutex_lock(&source.lock);
	source.waiting = 0;
	pthread_mutex_unlock(&source.lock);
	expect_drained(60);
}
END_TEST

/* ---- sinks ---- */

START_TEST(a_named_sink_gets_all_of_it)
{
	park_some(60);
	ck_assert_int_eq(source_name("b", 1, true, false), RC_CREATED);
	ck_assert_int_eq(source_name("b", 1, true, false), RC_OK);
	ck_assert_int_eq(source_name("c", 1, true, false), RC_CONFLICT);
	ck_assert_int_eq(source_name("uplink", 2, true, false), RC_CONFLICT);
	source_await(source.sinks[1].order, 60);
	source_expect_order(60);
	/* The uplink is dead still: the rest goes the same way, also after a restart. */
	source_end();
	source_begin(false);
	source_accept(60, 10);
	source_await(source.sinks[1].order, 70);
	ck_assert_uint_eq(source_read(&source.sinks[0].got), 0);
	source_up(true);
	source_await_direct();
	source_accept(70, 5);
	source_await(NULL, 75);
	source_expect_order(75);
	ck_assert_uint_eq(source.sinks[0].got, 0);
}
END_TEST

START_TEST(a_later_sink_gets_what_is_later)
{
	source.conf->park = PROXY_PARK_ALWAYS;
	source.conf->park_after = 3600 * CLOCK_SECOND;
	source_up(true);
	source_begin(true);
	source_accept(0, 10);
	source_await(source.sinks[0].order, 10);
	ck_assert_int_eq(source_name("extra", 2, false, true), RC_CREATED);
	source_accept(10, 10);
	source_await(source.sinks[0].order, 20);
	source_await(source.sinks[2].order, 10);
	ck_assert_ptr_eq(strstr(source.sinks[2].order, "010 "), source.sinks[2].order);

	ck_assert_int_eq(source_unname("extra"), RC_OK);
	ck_assert_int_eq(source_unname("extra"), RC_NOT_FOUND);
	source_accept(20, 10);
	source_await(source.sinks[0].order, 30);
	ck_assert_uint_eq(source_read(&source.sinks[2].got), 10);
	/* It came to the stream later. */
	ck_assert_uint_eq(source_read(&source.sinks[2].findings) & ~(unsigned)PRE_JOINED, 0);
	ck_assert_uint_eq(source.deleted, 0);
}
END_TEST

/* What is shown of the source has that. */
static bool
shows(void *arg)
{
	struct buf b;
	bool is;

	buf_init(&b, 65536);
	source_show(&b);
	buf_char(&b, '\0');
	is = strstr(b.p, arg) != NULL;
	buf_fini(&b);
	return is;
}

/*
 * With a sink beside, sections are signed: the one that is open ends, and nothing is sealed behind it.
 * What is in the store is there all the same, and who gets it is told to the proxy.
 */
START_TEST(a_change_of_signing_forgets_nothing)
{
	static char all[] = "\"waiting\":0,\"parked\":10";
	unsigned posts, controls;

	source.conf->park = PROXY_PARK_ALWAYS;
	source.conf->park_after = 3600 * CLOCK_SECOND;
	source_up(true);
	source_begin(true);
	source_accept(0, 10);
	source_await(source.sinks[0].order, 10);
	ck_assert(core_await(shows, all));
	posts = source_read(&source.posts);
	ck_assert_int_eq(source_name("extra", 2, false, false), RC_CREATED);
	source_await(source.sinks[2].order, 10);
	source_await_count(&source.posts, posts + 1);
	controls = source_read(&source.controls);
	ck_assert_int_eq(source_unname("extra"), RC_OK);
	source_await_count(&source.controls, controls + 1);
	ck_assert_uint_eq(source_read(&source.deleted), 0);
}
END_TEST

/* The proxy has not let go of it yet when it is there again. */
START_TEST(who_is_named_again_gets_it_again)
{
	source.conf->park = PROXY_PARK_ALWAYS;
	source.conf->park_after = 3600 * CLOCK_SECOND;
	source_up(true);
	source_begin(true);
	ck_assert_int_eq(source_name("extra", 2, false, false), RC_CREATED);
	source_accept(0, 10);
	source_await(source.sinks[0].order, 10);
	source_await(source.sinks[2].order, 10);
	source_await_count(&source.controls, 1);
	ck_assert_int_eq(source_unname("extra"), RC_OK);
	source_await_count(&source.controls, 2);
	ck_assert_int_eq(source_name("extra", 2, false, false), RC_CREATED);
	source_accept(10, 10);
	source_await(source.sinks[2].order, 20);
	source_accept(20, 10);
	source_await(source.sinks[2].order, 30);
	source_await(source.sinks[0].order, 30);
}
END_TEST

/* An uplink whose key is asked for again is not taken from the forward meanwhile. */
START_TEST(a_forgotten_key_loses_nothing)
{
	source.conf->park = PROXY_PARK_ALWAYS;
	source.conf->park_after = 3600 * CLOCK_SECOND;
	source_up(true);
	source_begin(true);
	ck_assert_int_eq(source_name("extra", 2, false, false), RC_CREATED);
	source_accept(0, 10);
	source_await(source.sinks[0].order, 10);
	source_await(source.sinks[2].order, 10);
	ck_assert_int_eq(source_unname("uplink"), RC_OK);
	source_accept(10, 10);
	source_await(source.sinks[0].order, 20);
	ck_assert(source.sinks[0].there && !source.sinks[0].removed);
}
END_TEST

/* ---- while the pool is held ---- */

#define POOL 2 /* its threads */

static struct plug {
	struct pool_job job; /* first */
} plugs[POOL];

static bool plugged;
static pthread_cond_t unplugged = PTHREAD_COND_INITIALIZER;

static void
plug_run(struct pool_job *job)
{
	(void)job;
	pthread_mutex_lock(&source.lock);
	while (plugged)
		pthread_cond_wait(&unplugged, &source.lock);
	pthread_mutex_unlock(&source.lock);
}

static void
plug_pool(void)
{
	plugged = true;
	for (size_t i = 0; i < POOL; i++) {
		plugs[i].job.run = plug_run;
		pool_submit(source.px->pool, POOL_OWN, &plugs[i].job);
	}
}

static void
unplug_pool(void)
{
	pthread_mutex_lock(&source.lock);
	plugged = false;
	pthread_cond_broadcast(&unplugged);
	pthread_mutex_unlock(&source.lock);
}

static bool
is_ordered(void *arg)
{
	struct pool_load l;

	(void)arg;
	pool_load(source.px->pool, &l);
	return l.running == POOL && l.waiting > 0;
}

START_TEST(who_is_removed_while_it_is_sealed_gets_nothing_later)
{
	source.conf->park = PROXY_PARK_ALWAYS;
	source.conf->park_after = 3600 * CLOCK_SECOND;
	source.conf->sign_data = true;
	source_up(true);
	source_begin(true);
	ck_assert_int_eq(source_name("extra", 2, false, false), RC_CREATED);
	source_accept(0, 10);
	source_await(source.sinks[0].order, 10);
	source_await(source.sinks[2].order, 10);
	plug_pool();
	source_accept(10, 5);
	ck_assert(core_await(is_ordered, NULL));
	ck_assert_int_eq(source_unname("extra"), RC_OK);
	unplug_pool();
	source_await(source.sinks[0].order, 15);
	source_accept(15, 5);
	source_await(source.sinks[0].order, 20);
	ck_assert_uint_le(source_read(&source.sinks[2].got), 15);
}
END_TEST

/* ---- while the courier is held, as it looks whether a section is due ---- */

static pthread_t courier;
static bool holds, held;
static pthread_cond_t let_go = PTHREAD_COND_INITIALIZER;

/* What it has waited for is due then. */
static int64_t
holding_now(const struct clock *c)
{
	int64_t now = clock_now(&clock_system);

	(void)c;
	pthread_mutex_lock(&source.lock);
	if (holds && pthread_equal(pthread_self(), courier) != 0) {
		held = true;
		while (holds)
			pthread_cond_wait(&let_go, &source.lock);
		now += 3600 * CLOCK_SECOND;
	}
	pthread_mutex_unlock(&source.lock);
	return now;
}

static void
hold_run(struct scl_task *task)
{
	(void)task;
	pthread_mutex_lock(&source.lock);
	courier = pthread_self();
	holds = true;
	pthread_mutex_unlock(&source.lock);
}

static bool
is_held(void *arg)
{
	bool is;

	(void)arg;
	pthread_mutex_lock(&source.lock);
	is = held;
	pthread_mutex_unlock(&source.lock);
	return is;
}

static void
release(void)
{
	pthread_mutex_lock(&source.lock);
	holds = false;
	pthread_cond_broadcast(&let_go);
	pthread_mutex_unlock(&source.lock);
}

/* As px_stop begins. */
static void
close_gate(void)
{
	pthread_rwlock_wrlock(&source.px->gate);
	source.px->open = false;
	pthread_rwlock_unlock(&source.px->gate);
}

/* Jobs that the pool was ever given. */
static uint64_t
jobs(void)
{
	struct pool_load l;

	pool_load(source.px->pool, &l);
	return l.done + l.running + l.waiting;
}

/* Behind the gate there may be no pool any more. */
START_TEST(a_pool_that_is_about_to_end_gets_nothing)
{
	static const struct clock holding = { .now = holding_now };
	static struct scl_task task = { .run = hold_run };
	struct buf shown;
	uint64_t before;

	source.clock = &holding;
	park_some(60);
	scl_post(bed.scl, &task, 0);
	ck_assert(core_await(is_held, NULL));
	close_gate();
	before = jobs();
	release();
	/* The courier has gone on when it does this. */
	buf_init(&shown, 65536);
	source_show(&shown);
	buf_fini(&shown);
	ck_assert_uint_eq(jobs(), before);
}
END_TEST

/* A sink beside is behind, and its store is kept as long. */
START_TEST(what_lingers_is_renewed)
{
	unsigned n;

	source.conf->store_ttl = CLOCK_SECOND;
	source.slow = true;
	park_some(60);
	ck_assert_int_eq(source_name("extra", 2, false, false), RC_CREATED);
	source_up(true);
	source_await(NULL, 60);
	source_await_lingering();
	n = source_read(&source.renewals);
	source_await_count(&source.renewals, n + 2);
	ck_assert_uint_eq(source_read(&source.deleted), 0);
	pthread_mutex_lock(&source.lock);
	source.slow = false;
	pthread_mutex_unlock(&source.lock);
	source_await_direct();
}
END_TEST

START_TEST(parked_by_hand)
{
	source_begin(true);
	source_accept(0, 5);
	source_await_known();
	source_park();
	source_await_count(&source.posts, 1);
	source_up(true);
	expect_drained(5);
	ck_assert_uint_gt(source.sinks[0].got, 0);
}
END_TEST

/* ---- SIGKILL ---- */

#define KILLED 40u /* requests that were accepted */

/* Where: what is taken is not in the spool; sent, but not stored; stored; parked. */
enum kill_at { AT_TAKEN, AT_SENT, AT_STORED, AT_PARKED, KILLS };

static bool
is_parked(void *arg)
{
	struct saf_relief_load l;

	(void)arg;
	saf_relief_load(bed.scl, &l);
	return l.parked > 0;
}

/* All are accepted before it is killed. */
static void
be_killed(enum kill_at at, int disk)
{
	source.disk = disk;
	source.dies = at == AT_SENT;
	source.dies_behind = at == AT_STORED;
	source.message_status = 503;
	source_begin(true);
	if (at == AT_TAKEN)
		plug_pool();
	source_accept(0, KILLED);
	source_set(&source.message_status, 200);
	if (at == AT_TAKEN && core_await(is_ordered, NULL))
		raise(SIGKILL);
	if (at == AT_PARKED && core_await(is_parked, NULL))
		raise(SIGKILL);
	for (;;)
		pause();
}

START_TEST(killed)
{
	enum kill_at at = (enum kill_at)_i;
	char tree[300];
	int ends[2], status;
	pid_t child;

	snprintf(tree, sizeof(tree), "%s/tree", source.dir);
	ck_assert_int_eq(mkdir(tree, 0700), 0);
	bed.path = tree;
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		be_killed(at, ends[1]);
	close(ends[1]);
	source_disk(ends[0]);
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(source.store.n > 0, at >= AT_STORED);

	/* What was on its way comes again as it was. */
	source_up(true);
	source_begin(false);
	expect_drained(KILLED);
	saf_await_none();
	ck_assert(at == AT_STORED ? source.duplicates > 0
	                          : at == AT_PARKED || source.duplicates == 0);
	ck_assert_uint_eq(source.sinks[0].refused, 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_source");
	TCase *c = suite_case(s, "ways", setup, teardown);

	tcase_add_test(c, parked_and_drained_in_order);
	tcase_add_test(c, not_before_it_is_pressing);
	tcase_add_test(c, restarts_in_between);
	tcase_add_test(c, a_restart_needs_no_proxy);
	tcase_add_test(c, lost_answers_are_repetitions);
	tcase_add_test(c, a_killed_batch_is_sent_again);
	c = suite_case(s, "failures", setup, teardown);
	tcase_add_test(c, the_second_proxy_is_taken);
	tcase_add_test(c, a_gap_is_sealed_again);
	tcase_add_test(c, a_lost_store_is_told_and_another_one_made);
	tcase_add_test(c, applied_is_waited_for);
	c = suite_case(s, "sinks", setup, teardown);
	tcase_add_test(c, a_named_sink_gets_all_of_it);
	tcase_add_test(c, a_later_sink_gets_what_is_later);
	tcase_add_test(c, a_change_of_signing_forgets_nothing);
	tcase_add_test(c, who_is_named_again_gets_it_again);
	tcase_add_test(c, a_forgotten_key_loses_nothing);
	tcase_add_test(c, who_is_removed_while_it_is_sealed_gets_nothing_later);
	tcase_add_test(c, a_pool_that_is_about_to_end_gets_nothing);
	tcase_add_test(c, what_lingers_is_renewed);
	tcase_add_test(c, parked_by_hand);
	c = suite_case(s, "kills", setup, teardown);
	tcase_add_loop_test(c, killed, 0, KILLS);
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
