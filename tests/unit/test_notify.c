/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications under failures, restarts and pressure: what is owed arrives, in order. */
#include "config.h"

#include "notify_bed.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCESSOR(a)                                                                                \
	"<m2m:filterCriteria><attributeAccessor>" a "</attributeAccessor></m2m:filterCriteria>"

static const char *const kinds[] = { "", ACCESSOR("latest"), ACCESSOR("latest/content") };

/* ---- load ---- */

struct producer {
	struct notify_bed *b;
	pthread_t thread;
	char path[128];
	unsigned from, to;
	unsigned refused;
};

/* Every number is stored once: what is refused is tried again. */
static void *
produce(void *arg)
{
	struct producer *p = arg;

	for (unsigned n = p->from; n <= p->to; n++) {
		char text[32];

		snprintf(text, sizeof(text), "n=%u;", n);
		for (int status = 0; status != 201; p->refused += status != 201) {
			status = core_post_text(&p->b->core, p->path, text);
			ck_assert_msg(status == 201 || status / 100 == 5, "%d", status);
		}
	}
	return NULL;
}

static void
produce_all(struct producer *ps, size_t n, unsigned from, unsigned to)
{
	for (size_t i = 0; i < n; i++) {
		ps[i].from = from;
		ps[i].to = to;
		ck_assert_int_eq(pthread_create(&ps[i].thread, NULL, produce, &ps[i]), 0);
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(ps[i].thread, NULL);
}

/* Three containers that keep few instances, each with a subscription of every kind. */
static void
lay_out(struct notify_bed *b, struct producer ps[3])
{
	for (unsigned i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "c%u", i);
		ps[i] = (struct producer){ .b = b };
		notify_container(b, name, 5, ps[i].path);
		for (unsigned k = 0; k < NITEMS(kinds); k++)
			notify_subscribe(b, i * 3 + k, ps[i].path, kinds[k], "");
	}
}

static void
check_all(struct notify_bed *b, unsigned n)
{
	for (unsigned i = 0; i < 9; i++) {
		notify_await(b, i, n);
		ck_assert_uint_eq(notify_look(b, i).gaps, 0);
		ck_assert_uint_eq(notify_look(b, i).finals, 0);
	}
}

/* Instances are evicted before they are delivered, peers and commits fail at random. */
START_TEST(test_load)
{
	static const struct {
		unsigned fail, commits, n;
	} rows[] = { { 0, 0, 3000 }, { 20, 0, 1200 }, { 10, 50, 1200 } };
	unsigned n = core_scale(rows[_i].n);
	struct notify_bed b;
	struct producer ps[3];

	notify_init(&b, "load");
	core_start(&b.core);
	lay_out(&b, ps);
	notify_fail(&b, rows[_i].fail, 0, 300);
	core_fail_commits(rows[_i].commits);
	produce_all(ps, 3, 1, n);
	check_all(&b, n);
	notify_settled(&b, 9);
	notify_fini(&b);
}
END_TEST

/* Stopped at any moment: the next scl goes on where the last one was. */
START_TEST(test_restarts)
{
	unsigned portion = core_scale(60), rounds = 12;
	struct notify_bed b;
	struct producer ps[3];

	notify_init(&b, "restarts");
	core_start(&b.core);
	lay_out(&b, ps);
	notify_fail(&b, 15, 0, 500);
	for (unsigned i = 0; i < rounds; i++) {
		produce_all(ps, 3, i * portion + 1, (i + 1) * portion);
		core_stop(&b.core);
		core_start(&b.core);
	}
	check_all(&b, rounds * portion);
	notify_settled(&b, 9);
	notify_fini(&b);
}
END_TEST

/* An update of the subscription while its delivery is acknowledged must not put it to sleep. */
START_TEST(test_updates_wake)
{
	struct notify_bed b;
	char path[128], sub[160];

	notify_init(&b, "updates");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	snprintf(sub, sizeof(sub), "%s/subscriptions/s0", path);
	notify_fail(&b, 0, 0, 100);
	for (unsigned n = 1; n <= core_scale(1500); n++) {
		notify_post(&b, path, n);
		/* Whether this one is told must not depend on the next one. */
		for (int64_t until = clock_monotonic() + 60 * CLOCK_SECOND;
		     notify_look(&b, 0).last < n;) {
			ck_assert_int_lt(clock_monotonic(), until);
			sched_yield();
		}
		ck_assert_int_eq(core_do(&b.core, "PUT", sub,
		                         "<m2m:subscription " NS "><m2m:noRepresentation>false"
		                         "</m2m:noRepresentation></m2m:subscription>") /
		                         100,
		                 2);
	}
	notify_settled(&b, 1);
	notify_fini(&b);
}
END_TEST

/* Subscriptions come and go while notifies are under way: no lane is left. */
START_TEST(test_churn)
{
	struct notify_bed b;
	char path[128], sub[160];

	notify_init(&b, "churn");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_fail(&b, 30, 0, 400);
	for (unsigned n = 1; n <= core_scale(600); n++) {
		unsigned i = n % 8;

		snprintf(sub, sizeof(sub), "%s/subscriptions/s%u", path, i);
		if (n > 8)
			ck_assert_int_eq(core_do(&b.core, "DELETE", sub, "%s", ""), 204);
		notify_subscribe(&b, i, path, kinds[n % 3], "");
		notify_post(&b, path, n);
	}
	for (unsigned i = 0; i < 8; i++) {
		snprintf(sub, sizeof(sub), "%s/subscriptions/s%u", path, i);
		ck_assert_int_eq(core_do(&b.core, "DELETE", sub, "%s", ""), 204);
	}
	notify_settled(&b, 0);
	notify_fini(&b);
}
END_TEST

/* ---- bounds ---- */

/* A subscriber that never answers costs the store, not the memory of the courier. */
START_TEST(test_one_in_flight)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "one in flight");
	core_start(&b.core);
	notify_container(&b, "c", 3, path);
	notify_subscribe(&b, 0, path, "", "");
	notify_subscribe(&b, 1, path, kinds[2], "");
	notify_fail(&b, 0, ANSWER_NEVER, 0);
	for (unsigned n = 1; n <= 1000; n++)
		notify_post(&b, path, n);
	ck_assert_uint_le(port_fake_most(), 2);
	pthread_mutex_lock(&b.lock);
	for (unsigned i = 0; i < 2; i++)
		b.subs[i].last = b.subs[i].gaps = 0;
	pthread_mutex_unlock(&b.lock);
	notify_fail(&b, 0, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		notify_await(&b, i, 1000);
		ck_assert_uint_eq(notify_look(&b, i).gaps, 0);
	}
	ck_assert_uint_le(port_fake_most(), 2);
	notify_settled(&b, 2);
	notify_fini(&b);
}
END_TEST

/* Beyond outbox_max what the container has lost is lost to the subscriber, nothing else. */
START_TEST(test_outbox_max)
{
	struct notify_bed b;
	struct subscriber s;
	char path[128];

	notify_init(&b, "outbox");
	b.core.conf.outbox_max = 50;
	core_start(&b.core);
	notify_container(&b, "c", 10, path);
	notify_subscribe(&b, 0, path, "", "");
	notify_fail(&b, 0, 503, 0);
	for (unsigned n = 1; n <= 500; n++)
		notify_post(&b, path, n);
	core_stop(&b.core);
	ck_assert_uint_le(core_records(&b.core, 'R'), 50);
	core_start(&b.core);
	notify_fail(&b, 0, 0, 0);
	notify_await(&b, 0, 500);
	s = notify_look(&b, 0);
	/* One gap at the beginning: what came then is complete. */
	ck_assert_uint_ge(s.gaps, 400);
	ck_assert_uint_le(s.gaps, 490);
	notify_settled(&b, 1);
	notify_fini(&b);
}
END_TEST

/* ---- states ---- */

static void
set_state(struct notify_bed *b, unsigned v)
{
	char path[] = BASE "/applications/a1/containers/c/maxNrOfInstances";
	int status;

	do
		status = core_do(&b->core, "PUT", path,
		                 "<m2m:maxNrOfInstances " NS ">%u</m2m:maxNrOfInstances>", v);
	while (status / 100 == 5);
	ck_assert_int_eq(status, 204);
}

struct state {
	struct notify_bed *b;
	unsigned sub;
	char text[64];
};

static bool
shows_state(void *arg)
{
	struct state *s = arg;

	return strstr(notify_look(s->b, s->sub).document, s->text) != NULL;
}

static void
await_state(struct notify_bed *b, unsigned sub, const char *fmt, unsigned v)
{
	struct state s = { .b = b, .sub = sub };

	snprintf(s.text, sizeof(s.text), "%s%u<", fmt, v);
	ck_assert_msg(core_await(shows_state, &s), "%s not in %s", s.text,
	              notify_look(b, sub).document);
}

/* Not each state is told, but always the last one. */
START_TEST(test_states)
{
	struct notify_bed b;
	char path[128];
	unsigned v = 1;

	notify_init(&b, "states");
	core_start(&b.core);
	notify_container(&b, "c", 1, path);
	notify_subscribe(&b, 0, BASE "/applications/a1/containers/c", "", "");
	notify_subscribe(&b, 1, BASE "/applications/a1/containers/c", ACCESSOR("maxNrOfInstances"),
	                 "");
	notify_fail(&b, 25, 0, 300);
	core_fail_commits(30);
	for (unsigned round = 0; round < core_scale(40); round++) {
		for (unsigned i = 0; i <= round % 20; i++)
			set_state(&b, ++v);
		await_state(&b, 0, "<m2m:maxNrOfInstances>", v);
		await_state(&b, 1, ">", v);
	}
	notify_settled(&b, 2);
	notify_fini(&b);
}
END_TEST

/* A value of contentInstances is a state, and keeps no instance for itself. */
START_TEST(test_state_of_instances)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "state of instances");
	core_start(&b.core);
	notify_container(&b, "c", 30, path);
	notify_subscribe(&b, 0, path, ACCESSOR("currentNrOfInstances"), "");
	notify_subscribe(&b, 1, path, "", "");
	for (unsigned n = 1; n <= 60; n++) {
		notify_post(&b, path, n);
		if (n % 6 == 0 && n <= 30)
			await_state(&b, 0, ">", n);
	}
	notify_await(&b, 1, 60);
	ck_assert_uint_eq(notify_look(&b, 1).gaps, 0);
	notify_settled(&b, 2);
	notify_fini(&b);
}
END_TEST

/* More subscriptions than exchanges: all get their turn. */
START_TEST(test_many_subscriptions)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "many");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	for (unsigned i = 0; i < 300; i++)
		ck_assert_int_eq(
			core_do(&b.core, "POST",
		                BASE "/applications/a1/containers/c/contentInstances/subscriptions",
		                "<m2m:subscription " NS "><m2m:contact>http://s%u.example.org/"
		                "</m2m:contact></m2m:subscription>",
		                i % SUBSCRIBERS),
			201);
	notify_fail(&b, 0, 0, 2000);
	for (unsigned n = 1; n <= 10; n++)
		notify_post(&b, path, n);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		notify_await(&b, i, 10);
	/* Of 64 exchanges half are for the prompt, an eighth for those that were late, if any was. */
	ck_assert_uint_le(port_fake_most(), 32 + 8);
	notify_settled(&b, 300);
	notify_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	const TTest *const tests[] = {
		test_restarts,           test_updates_wake,       test_churn,
		test_one_in_flight,      test_outbox_max,         test_states,
		test_state_of_instances, test_many_subscriptions,
	};
	Suite *s = suite_create("notify");
	TCase *tc = tcase_create("notify");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_load, 0, 3);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
