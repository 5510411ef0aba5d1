/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: when they may be sent, and how a subscription ends. */
#include "config.h"

#include "notify_bed.h"

#include <stdio.h>
#include <stdlib.h>

#define CRITERIA(accessor)                                                                         \
	"<m2m:filterCriteria><attributeAccessor>" accessor "</attributeAccessor></m2m:filterCriteria>"

static const char *const kinds[] = {
	"",
	CRITERIA("latest"),
	CRITERIA("latest/content"),
};

/* ---- pacing ---- */

START_TEST(test_minimal_time)
{
	struct notify_bed b;
	struct subscriber s;
	char path[128];

	notify_init(&b, "minimal time");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(
		&b, 0, path,
		"<m2m:minimalTimeBetweenNotifications>120</m2m:minimalTimeBetweenNotifications>",
		"");
	for (unsigned n = 1; n <= 30; n++) {
		notify_post(&b, path, n);
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
		"<m2m:minimalTimeBetweenNotifications>9223372036854775807</"
		"m2m:minimalTimeBetweenNotifications>",
		"<m2m:minimalTimeBetweenNotifications>9223372036854775</"
		"m2m:minimalTimeBetweenNotifications>",
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
		notify_post(&b, path, n);
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
	                         BASE
	                         "/applications/a1/containers/c/contentInstances/subscriptions/s0"
	                         "/timeoutReason",
	                         "%s", ""),
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
	char path[128];

	notify_init(&b, "accumulation");
	core_start(&b.core);
	notify_container(&b, "c", 50, path);
	ck_assert_int_eq(core_post_text(&b.core, path, "n=1;"), 201);
	notify_subscribe(&b, 0, path, "", "<m2m:maxAccuCreates>4</m2m:maxAccuCreates>");
	notify_await(&b, 0, 1);
	for (unsigned n = 2; n <= 31; n++) {
		notify_post(&b, path, n);
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
	                   BASE "/applications/a1/containers/c/contentInstances/subscriptions/s0",
	                   ADMIN, NULL) == 404;
}

struct quiet {
	uint64_t writes;
	int64_t since;
};

/* Nothing was written for 300 ms. */
static bool
is_quiet(void *arg)
{
	struct quiet *q = arg;
	uint64_t writes = core_writes();

	if (q->since == 0 || writes != q->writes)
		*q = (struct quiet){ writes, clock_monotonic() };
	return clock_monotonic() - q->since >= 300000;
}

struct mark {
	struct scl_task task;
	atomic_bool passed;
};

static void
mark_run(struct scl_task *t)
{
	atomic_store(&((struct mark *)(void *)t)->passed, true);
}

static bool
has_passed(void *arg)
{
	return atomic_load(&((struct mark *)arg)->passed);
}

/* What the courier was at is done. */
static void
courier_passed(struct notify_bed *b)
{
	struct mark m = { .task.run = mark_run };

	scl_post(b->core.scl, &m.task, 0);
	ck_assert(core_await(has_passed, &m));
}

/* After the final notify nothing is written any more: the lane goes once. */
START_TEST(test_final_rests)
{
	struct notify_bed b;
	char path[128];
	struct quiet quiet = { 0 };
	uint64_t before;

	notify_init(&b, "rest");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, path, "", "");
	ck_assert_int_eq(core_do(&b.core, "DELETE", BASE "/applications/a1/containers/c", "%s", ""),
	                 204);
	notify_await_finals(&b, 0, 1);
	ck_assert(core_await(is_quiet, &quiet));
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
	notify_subscribe(&b, 0, path,
	                 "<m2m:expirationTime>2199-01-01T00:00:00Z</m2m:expirationTime>", "");
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
	ck_assert_int_eq(core_do(&b.core, "PUT",
	                         BASE "/accessRights/default/permissions/permission/all",
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
	                         BASE
	                         "/applications/a1/containers/c/contentInstances/subscriptions/s0",
	                         "%s", ""),
	                 204);
	courier_passed(&b);
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

int
main(void)
{
	const TTest *const tests[] = {
		test_minimal_time,     test_minimal_time_huge,   test_timeout_reason,
		test_max_accu_creates, test_final_on_delete,     test_final_rests,
		test_final_on_expiry,  test_final_on_lost_right, test_delete_is_silent,
		test_refused,
	};

	return core_run_tests("notify ends", tests, NITEMS(tests), 300);
}
