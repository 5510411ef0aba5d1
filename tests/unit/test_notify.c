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
	char path[128], sub[160], text[16];

	notify_init(&b, "updates");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	snprintf(sub, sizeof(sub), "%s/subscriptions/s0", path);
	notify_fail(&b, 0, 0, 100);
	for (unsigned n = 1; n <= core_scale(1500); n++) {
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
		/* Whether this one is told must not depend on the next one. */
		for (int64_t until = clock_monotonic() + 10 * CLOCK_SECOND; notify_look(&b, 0).last < n;) {
			ck_assert_int_lt(clock_monotonic(), until);
			sched_yield();
		}
		ck_assert_int_eq(core_do(&b.core, "PUT", sub,
		                         "<m2m:subscription " NS "><m2m:noRepresentation>false"
		                         "</m2m:noRepresentation></m2m:subscription>") / 100, 2);
	}
	notify_settled(&b, 1);
	notify_fini(&b);
}
END_TEST

/* Subscriptions come and go while notifies are under way: no lane is left. */
START_TEST(test_churn)
{
	struct notify_bed b;
	char path[128], sub[160], text[16];

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
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
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
	char path[128], text[32];

	notify_init(&b, "one in flight");
	core_start(&b.core);
	notify_container(&b, "c", 3, path);
	notify_subscribe(&b, 0, path, "", "");
	notify_subscribe(&b, 1, path, kinds[2], "");
	notify_fail(&b, 0, ANSWER_NEVER, 0);
	for (unsigned n = 1; n <= 1000; n++) {
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
	}
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
	char path[128], text[32];

	notify_init(&b, "outbox");
	b.core.conf.outbox_max = 50;
	core_start(&b.core);
	notify_container(&b, "c", 10, path);
	notify_subscribe(&b, 0, path, "", "");
	notify_fail(&b, 0, 503, 0);
	for (unsigned n = 1; n <= 500; n++) {
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
	}
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

/* ---- pacing ---- */

START_TEST(test_minimal_time)
{
	struct notify_bed b;
	struct subscriber s;
	char path[128], text[32];

	notify_init(&b, "minimal time");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path,
	                 "<m2m:minimalTimeBetweenNotifications>120</m2m:minimalTimeBetweenNotifications>",
	                 "");
	for (unsigned n = 1; n <= 30; n++) {
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	notify_await(&b, 0, 30);
	s = notify_look(&b, 0);
	ck_assert_uint_eq(s.gaps, 0);
	ck_assert_uint_ge(s.notifies, 2);
	for (unsigned i = 1; i < s.notifies; i++)
		ck_assert_int_ge(s.times[i] - s.times[i - 1], 115000);
	/* A restart does not shorten it. */
	notify_settled(&b, 1);
	core_start(&b.core);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=31;"), 201);
	notify_await(&b, 0, 31);
	s = notify_look(&b, 0);
	ck_assert_int_ge(s.times[s.notifies - 1] - s.times[s.notifies - 2], 115000);
	notify_settled(&b, 1);
	notify_fini(&b);
}
END_TEST

/* Values at the end of the range are as good as never. */
START_TEST(test_minimal_time_huge)
{
	static const char *const forms[] = {
		"<m2m:minimalTimeBetweenNotifications>9223372036854775807</m2m:minimalTimeBetweenNotifications>",
		"<m2m:minimalTimeBetweenNotifications>9223372036854775</m2m:minimalTimeBetweenNotifications>",
	};
	struct notify_bed b;
	char path[128];

	notify_init(&b, "huge");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	for (unsigned i = 0; i < 4; i++)
		notify_subscribe(&b, i, path, forms[i % 2],
		                 i < 2 ? "" : "<m2m:timeoutReason>t</m2m:timeoutReason>");
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=2;"), 201);
	for (unsigned i = 0; i < 4; i++) {
		notify_await(&b, i, 1);
		ck_assert_uint_eq(notify_look(&b, i).timeouts, 0);
	}
	core_stop(&b.core);
	notify_fini(&b);
}
END_TEST

/* timeoutReason: heard when nothing happens, also of a container that is empty from the start. */
START_TEST(test_timeout_reason)
{
	const char *timing =
	    "<m2m:minimalTimeBetweenNotifications>60</m2m:minimalTimeBetweenNotifications>";
	struct notify_bed b;
	struct subscriber s;
	char path[128], node[128];
	unsigned early = 0;

	notify_init(&b, "timeout");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	snprintf(node, sizeof(node), BASE "/applications/a1/containers/c");
	notify_subscribe(&b, 0, path, timing, "<m2m:timeoutReason>quiet</m2m:timeoutReason>");
	notify_subscribe(&b, 1, node, timing, "<m2m:timeoutReason>quiet</m2m:timeoutReason>");
	for (unsigned i = 0; i < 2; i++) {
		notify_await_notifies(&b, i, 4);
		ck_assert_uint_ge(notify_look(&b, i).timeouts, 3);
	}
	/* What happens is told all the same, after a restart, too. */
	for (unsigned n = 1; n <= 4; n++) {
		char text[16];

		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
		notify_await(&b, 0, n);
		if (n == 2) {
			core_stop(&b.core);
			core_start(&b.core);
		}
	}
	ck_assert_uint_eq(notify_look(&b, 0).gaps, 0);
	s = notify_look(&b, 1);
	for (unsigned i = 1; i < s.notifies && i < GOT_MAX; i++)
		early += s.times[i] - s.times[i - 1] < 55000;
	/* One that was not acknowledged before the stop may have come again. */
	ck_assert_uint_le(early, 1);
	/* Without the reason it falls silent, and is woken by the next instance. */
	ck_assert_int_eq(core_do(&b.core, "DELETE",
	                         BASE "/applications/a1/containers/c/contentInstances/subscriptions/s0"
	                              "/timeoutReason", "%s", ""),
	                 204);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=5;"), 201);
	notify_await(&b, 0, 5);
	nanosleep(&(struct timespec){ .tv_nsec = 150000000 }, NULL);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=6;"), 201);
	notify_await(&b, 0, 6);
	ck_assert_int_eq(core_do(&b.core, "DELETE",
	                         BASE "/applications/a1/containers/c/subscriptions/s1", "%s", ""),
	                 204);
	notify_settled(&b, 1);
	notify_fini(&b);
}
END_TEST

/* maxAccuCreates: in portions of at least so many, what was there at first apart. */
START_TEST(test_max_accu_creates)
{
	struct notify_bed b;
	struct subscriber s;
	char path[128], text[32];

	notify_init(&b, "accumulation");
	core_start(&b.core);
	notify_container(&b, "c", 50, path);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	notify_subscribe(&b, 0, path, "", "<m2m:maxAccuCreates>4</m2m:maxAccuCreates>");
	notify_await(&b, 0, 1);
	for (unsigned n = 2; n <= 31; n++) {
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
		if (n % 5 == 0)
			notify_await(&b, 0, n - 3);
	}
	notify_await(&b, 0, 28);
	core_stop(&b.core);
	core_start(&b.core);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=32;"), 201);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=33;"), 201);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=34;"), 201);
	notify_await(&b, 0, 31);
	s = notify_look(&b, 0);
	ck_assert_uint_eq(s.gaps, 0);
	for (unsigned i = 1; i < s.notifies; i++)
		ck_assert_uint_ge(s.sizes[i], 4);
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
	ck_assert_msg(core_await(shows_state, &s), "%s not in %s", s.text, notify_look(b, sub).document);
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
	notify_subscribe(&b, 1, BASE "/applications/a1/containers/c", ACCESSOR("maxNrOfInstances"), "");
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
	char path[128], text[16];

	notify_init(&b, "state of instances");
	core_start(&b.core);
	notify_container(&b, "c", 30, path);
	notify_subscribe(&b, 0, path, ACCESSOR("currentNrOfInstances"), "");
	notify_subscribe(&b, 1, path, "", "");
	for (unsigned n = 1; n <= 60; n++) {
		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
		if (n % 6 == 0 && n <= 30)
			await_state(&b, 0, ">", n);
	}
	notify_await(&b, 1, 60);
	ck_assert_uint_eq(notify_look(&b, 1).gaps, 0);
	notify_settled(&b, 2);
	notify_fini(&b);
}
END_TEST

/* ---- ends ---- */

/* What is subscribed goes: one final notify, also when commits and the subscriber fail. */
START_TEST(test_final_on_delete)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "final");
	core_start(&b.core);
	for (unsigned round = 0; round < 10; round++) {
		char target[128];
		int status;

		notify_container(&b, "c", 5, path);
		snprintf(target, sizeof(target), BASE "/applications/a1/containers/c");
		for (unsigned i = 0; i < 3; i++)
			notify_subscribe(&b, i, path, kinds[i], "");
		notify_subscribe(&b, 3, target, "", "");
		ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
		notify_fail(&b, round % 2 == 0 ? 0 : 50, 0, 100);
		core_fail_commits(round < 4 ? 0 : 500);
		do
			status = core_do(&b.core, "DELETE", target, "%s", "");
		while (status / 100 == 5);
		ck_assert_int_eq(status, 204);
		for (unsigned i = 0; i < 4; i++) {
			notify_await_finals(&b, i, round + 1);
			ck_assert_str_eq(notify_look(&b, i).status, "STATUS_DELETED");
		}
		/* Each subscriber may have heard it twice when its acknowledgement was lost. */
		notify_settled(&b, 0);
		notify_fail(&b, 0, 0, 0);
		pthread_mutex_lock(&b.lock);
		for (unsigned i = 0; i < 4; i++)
			b.subs[i].finals = round + 1;
		pthread_mutex_unlock(&b.lock);
		core_start(&b.core);
	}
	core_stop(&b.core);
	notify_fini(&b);
}
END_TEST

static bool
lane_is_gone(void *arg)
{
	struct notify_bed *b = arg;

	return core_status(&b->core, "GET",
	                   BASE "/applications/a1/containers/c/contentInstances/subscriptions/s0", ADMIN,
	                   NULL) == 404;
}

/* After the final notify nothing is written any more: the lane goes once. */
START_TEST(test_final_rests)
{
	struct notify_bed b;
	char path[128];
	uint64_t before;

	notify_init(&b, "rest");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	ck_assert_int_eq(core_do(&b.core, "DELETE", BASE "/applications/a1/containers/c", "%s", ""), 204);
	notify_await_finals(&b, 0, 1);
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	before = core_writes();
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	ck_assert_uint_le(core_writes() - before, 3);
	notify_settled(&b, 0);
	notify_fini(&b);
}
END_TEST

START_TEST(test_final_on_expiry)
{
	struct notify_bed b;
	char path[128];
	int64_t now;

	notify_init(&b, "expiry");
	now = clock_now(&clock_system);
	atomic_store(&b.core.clock.now, now);
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "<m2m:expirationTime>2199-01-01T00:00:00Z</m2m:expirationTime>", "");
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	notify_await(&b, 0, 1);
	atomic_store(&b.core.clock.now, now + INT64_C(300) * 366 * 86400 * CLOCK_SECOND);
	notify_await_finals(&b, 0, 1);
	ck_assert_str_eq(notify_look(&b, 0).status, "STATUS_EXPIRED");
	ck_assert(core_await(lane_is_gone, &b));
	notify_settled(&b, 0);
	notify_fini(&b);
}
END_TEST

/* The right is lost: the subscription ends at its next notify. */
START_TEST(test_final_on_lost_right)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "right");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	notify_await(&b, 0, 1);
	ck_assert_int_eq(core_do(&b.core, "PUT", BASE "/accessRights/default/permissions/permission/all",
	                         "<m2m:permission " NS " m2m:id=\"all\"><m2m:permissionFlags>"
	                         "<m2m:flag>CREATE</m2m:flag></m2m:permissionFlags>"
	                         "<m2m:permissionHolders><m2m:all/></m2m:permissionHolders>"
	                         "</m2m:permission>"),
	                 204);
	core_fail_commits(300);
	while (core_post_text(&b.core, path, "n=2;") != 201)
		;
	notify_await_finals(&b, 0, 1);
	ck_assert_str_eq(notify_look(&b, 0).status, "STATUS_PERMISSION_DENIED");
	ck_assert_uint_eq(notify_look(&b, 0).last, 1);
	notify_settled(&b, 0);
	notify_fini(&b);
}
END_TEST

/* A client's DELETE is the end without a word, also for a notify that waits for its retry. */
START_TEST(test_delete_is_silent)
{
	struct notify_bed b;
	char path[128];
	unsigned tries;

	notify_init(&b, "silent");
	b.core.conf.retry_first = b.core.conf.retry_max = 50000;
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	notify_fail(&b, 0, 503, 0);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	ck_assert_int_eq(core_do(&b.core, "DELETE",
	                         BASE "/applications/a1/containers/c/contentInstances/subscriptions/s0",
	                         "%s", ""),
	                 204);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	tries = notify_look(&b, 0).tries;
	nanosleep(&(struct timespec){ .tv_nsec = 150000000 }, NULL);
	ck_assert_uint_eq(notify_look(&b, 0).tries, tries);
	ck_assert_uint_eq(notify_look(&b, 0).finals, 0);
	notify_settled(&b, 0);
	notify_fini(&b);
}
END_TEST

/* Another refusal than a passing one is counted and passed over. */
START_TEST(test_refused)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "refused");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	notify_fail(&b, 0, 404, 0);
	for (unsigned n = 1; n <= 20; n++)
		ck_assert_int_eq(core_post_text(&b.core, path, "lost"), 201);
	notify_settled(&b, 1);
	core_start(&b.core);
	notify_fail(&b, 0, 0, 0);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	notify_await(&b, 0, 1);
	notify_settled(&b, 1);
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
		ck_assert_int_eq(core_do(&b.core, "POST",
		                         BASE "/applications/a1/containers/c/contentInstances/subscriptions",
		                         "<m2m:subscription " NS "><m2m:contact>http://s%u.example.org/"
		                         "</m2m:contact></m2m:subscription>",
		                         i % SUBSCRIBERS),
		                 201);
	notify_fail(&b, 0, 0, 2000);
	for (unsigned n = 1; n <= 10; n++) {
		char text[16];

		snprintf(text, sizeof(text), "n=%u;", n);
		ck_assert_int_eq(core_post_text(&b.core, path, text), 201);
	}
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		notify_await(&b, i, 10);
	ck_assert_uint_le(port_fake_most(), 32);
	notify_settled(&b, 300);
	notify_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	const TTest *const tests[] = {
		test_restarts, test_updates_wake, test_churn, test_one_in_flight, test_outbox_max,
		test_minimal_time, test_minimal_time_huge, test_timeout_reason, test_max_accu_creates,
		test_states, test_state_of_instances, test_final_on_delete, test_final_rests,
		test_final_on_expiry, test_final_on_lost_right, test_delete_is_silent, test_refused,
		test_many_subscriptions,
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
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
