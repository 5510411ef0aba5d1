/* SPDX-License-Identifier: Apache-2.0 */
/* Wake-ups of the deliveries that come at the worst moment: none may be lost. */
#include "config.h"

#include "notify_bed.h"

#include <stdio.h>

#define ROOM BASE "/applications/a1/containers/c/maxNrOfInstances"

/* Its exchange lands behind the notifies that were sent after it, and holds the courier there. */
struct stall {
	struct scl_task task; /* first: the task is the stall */
	struct notify_bed *b;
	struct exchange ex;
	_Atomic bool passed; /* the task has run */
	_Atomic bool landed, go;
};

static void
stall_done(struct exchange *ex)
{
	struct stall *s = ex->owner;

	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	atomic_store(&s->landed, true);
	while (!atomic_load(&s->go))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void
run_send(struct scl_task *t)
{
	struct stall *s = (struct stall *)(void *)t;

	scl_send(s->b->core.scl, &s->ex);
	atomic_store(&s->passed, true);
}

/* On the courier thread: its port finds all answers together. */
static void
run_answer(struct scl_task *t)
{
	struct stall *s = (struct stall *)(void *)t;

	atomic_store(&s->b->held, false);
	atomic_store(&s->passed, true);
}

static void
run_nothing(struct scl_task *t)
{
	atomic_store(&((struct stall *)(void *)t)->passed, true);
}

static bool
is_set(void *arg)
{
	return atomic_load((_Atomic bool *)arg);
}

static void
stall_run(struct stall *s, void (*run)(struct scl_task *t))
{
	s->task.run = run;
	atomic_store(&s->passed, false);
	scl_post(s->b->core.scl, &s->task, 0);
	ck_assert(core_await(is_set, &s->passed));
}

/* What the courier has taken up with the first task is done before the second one. */
static void
courier_passed(struct stall *s)
{
	stall_run(s, run_nothing);
	stall_run(s, run_nothing);
}

/* From now on no answer comes. */
static void
stall_begin(struct stall *s, struct notify_bed *b)
{
	*s = (struct stall){ .b = b,
		             .ex = { .method = SLICE_LIT("POST"),
		                     .url = SLICE_LIT("http://s31.example.org/"),
		                     .body = SLICE_LIT("-"),
		                     .timeout_ms = 1000,
		                     .answer_max = 64,
		                     .done = stall_done,
		                     .owner = s } };
	atomic_store(&b->held, true);
	stall_run(s, run_send);
}

/* The notifies since then are answered. */
static void
stall_answer(struct stall *s)
{
	stall_run(s, run_answer);
	ck_assert(core_await(is_set, &s->landed));
}

static void
prepare(struct notify_bed *b, const char *what, const char *pacing, char path[128], char sub[160])
{
	notify_init(b, what);
	core_start(&b->core);
	notify_container(b, "c", 5, path);
	notify_subscribe(b, 0, path, pacing, "");
	snprintf(sub, 160, "%s/subscriptions/s0", path);
}

/* The next instance is told, and nothing is left. */
static void
told_still(struct notify_bed *b, const char *path)
{
	notify_post(b, path, 2);
	notify_await(b, 0, 2);
	notify_settled(b, 1);
	notify_fini(b);
}

/*
 * Delivered, acknowledged, and made pending by an update, all before the courier has its next look:
 * what that finds pending is not what the acknowledgement is about.
 */
START_TEST(test_beside_acknowledgement)
{
	struct notify_bed b;
	struct stall s;
	char path[128], sub[160];

	prepare(&b, "beside acknowledgement", "", path, sub);
	stall_begin(&s, &b);
	notify_post(&b, path, 1);
	notify_await(&b, 0, 1);
	stall_answer(&s);
	notify_await_rest(&b);
	ck_assert_int_eq(core_do(&b.core, "PUT", sub, "<m2m:subscription " NS "/>"), 204);
	atomic_store(&s.go, true);
	courier_passed(&s);
	told_still(&b, path);
}
END_TEST

/* An update that ends the pacing while the acknowledgement is under way. */
START_TEST(test_pacing_ended)
{
	struct notify_bed b;
	struct stall s;
	struct core_plug plug;
	struct core_call call;
	struct reply r;
	char path[128], sub[160];

	prepare(&b, "pacing ended",
	        "<m2m:minimalTimeBetweenNotifications>3600000</m2m:minimalTimeBetweenNotifications>",
	        path, sub);
	stall_begin(&s, &b);
	atomic_store(&s.go, true);
	notify_post(&b, path, 1);
	notify_await(&b, 0, 1);
	core_plug(&b.core, &plug);
	stall_answer(&s);
	/* The delivery has looked, and waits for the end of the hour. */
	courier_passed(&s);
	ck_assert(core_begin(&b.core, &call, "PUT", sub, ADMIN, "application/xml",
	                     "<m2m:subscription " NS "/>"));
	core_unplug(&plug);
	r = core_end(&call);
	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	told_still(&b, path);
}
END_TEST

/* Who waits for a place and needs it no more does not keep it from who waits behind. */
START_TEST(test_line_goes_on)
{
	static const char *const names[] = { "sent", "waiting", "last" };
	struct notify_bed b;
	struct stall s = { .b = &b };
	char path[3][128], sub[160];

	notify_init(&b, "line");
	core_start(&b.core);
	for (unsigned i = 0; i < 3; i++)
		notify_container(&b, names[i], 5, path[i]);
	/* As many as there are places, of 64 exchanges. */
	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		notify_subscribe(&b, i, path[0], "", "");
		notify_subscribe(&b, i, path[1], "", "");
	}
	notify_subscribe(&b, 0, path[2], "", "");
	atomic_store(&b.held, true);
	notify_post(&b, path[0], 1);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		notify_await(&b, i, 1);
	notify_post(&b, path[1], 2);
	courier_passed(&s);
	notify_post(&b, path[2], 3);
	courier_passed(&s);
	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		snprintf(sub, sizeof(sub), "%s/subscriptions/s%u", path[1], i);
		ck_assert_int_eq(core_do(&b.core, "DELETE", sub, "%s", ""), 204);
	}
	ck_assert_uint_eq(port_fake_most(), SUBSCRIBERS);
	atomic_store(&b.held, false);
	notify_await(&b, 0, 3);
	ck_assert_uint_eq(port_fake_most(), SUBSCRIBERS);
	notify_settled(&b, SUBSCRIBERS + 1);
	notify_fini(&b);
}
END_TEST

/* Instances are lost to who waits for many of them; then so many can come. */
START_TEST(test_collapsed_unwoken)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "collapsed");
	b.core.conf.outbox_max = 5;
	core_start(&b.core);
	notify_container(&b, "c", 10, path);
	notify_subscribe(&b, 0, path, "", "<m2m:maxAccuCreates>12</m2m:maxAccuCreates>");
	for (unsigned n = 1; n <= 30; n++) {
		notify_post(&b, path, n);
		if (n == 15)
			ck_assert_int_eq(core_do(&b.core, "PUT", ROOM, "%s",
			                         "<m2m:maxNrOfInstances " NS
			                         ">40</m2m:maxNrOfInstances>"),
			                 204);
	}
	/* The first five are lost, and are not told when the next twelve are. */
	notify_await(&b, 0, 17);
	ck_assert_uint_eq(notify_look(&b, 0).gaps, 5);
	notify_settled(&b, 1);
	notify_fini(&b);
}
END_TEST

static bool
heard_nothing_happened(void *arg)
{
	return notify_look(arg, 0).timeouts > 1;
}

/* What happens below maxAccuCreates does not silence the timeouts of the next scl. */
START_TEST(test_timed_counts)
{
	struct notify_bed b;
	char path[128];

	notify_init(&b, "timed counts");
	core_start(&b.core);
	notify_container(&b, "c", 5, path);
	notify_subscribe(&b, 0, BASE "/applications/a1/containers",
	                 "<m2m:minimalTimeBetweenNotifications>200"
	                 "</m2m:minimalTimeBetweenNotifications>",
	                 "<m2m:timeoutReason>quiet</m2m:timeoutReason>"
	                 "<m2m:maxAccuCreates>9</m2m:maxAccuCreates>");
	notify_await_notifies(&b, 0, 1);
	core_stop(&b.core);
	core_start(&b.core);
	ck_assert_int_eq(core_container(&b.core, "a1", "more", "default", ""), 201);
	core_stop(&b.core);
	ck_assert_uint_eq(core_records(&b.core, 'P'), 1);
	pthread_mutex_lock(&b.lock);
	b.subs[0].timeouts = 0;
	pthread_mutex_unlock(&b.lock);
	core_start(&b.core);
	ck_assert(core_await(heard_nothing_happened, &b));
	core_stop(&b.core);
	notify_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_beside_acknowledgement, test_pacing_ended, test_line_goes_on,
		test_collapsed_unwoken,      test_timed_counts,
	};

	return core_run_tests("notify_wake", tests, NITEMS(tests), 120);
}
