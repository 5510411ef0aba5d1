/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told to read again after which change (core/observe.h). */
#include "config.h"

#include <stdio.h>

#include "core/observe.h"
#include "core/scl_impl.h"
#include "core_bed.h"
#include "suite.h"

#define APPS BASE "/applications"
#define A1 APPS "/a1"
#define C1 A1 "/containers/c1"
#define CI C1 "/contentInstances"
#define RIGHTS BASE "/accessRights"
#define PERMISSION(flags)                                                                          \
	"<m2m:permission m2m:id=\"p\"><m2m:permissionFlags>" flags                                 \
	"</m2m:permissionFlags><m2m:permissionHolders><m2m:all/></m2m:permissionHolders>"          \
	"</m2m:permission>"
#define READ "<m2m:flag>READ</m2m:flag>"
#define OWN READ "<m2m:flag>WRITE</m2m:flag><m2m:flag>DELETE</m2m:flag>"
#define INSTANCE_X                                                                                 \
	"<m2m:contentInstance " NS " m2m:id=\"x\"><m2m:content><m2m:textContent>1"                 \
	"</m2m:textContent></m2m:content></m2m:contentInstance>"
#define MINUTE (60 * CLOCK_SECOND)

struct watch {
	struct observer *o;
	_Atomic unsigned told;
};

static struct core_bed b;

static void
changed(void *arg)
{
	struct watch *w = arg;

	atomic_fetch_add(&w->told, 1);
}

/* Reads for w, the first time or again; the status. */
static int
look_as(struct watch *w, const char *target, const char *from)
{
	struct core_call c;
	struct reply r;

	core_prepare_call(&b, &c, "GET", target, from, NULL, NULL);
	if (w->o == NULL)
		ck_assert(req_observe(c.rq, changed, w));
	else
		req_observe_again(c.rq, w->o);
	core_go(&c);
	if (w->o == NULL)
		w->o = req_observer(c.rq);
	r = core_end(&c);
	reply_fini(&r);
	return r.status;
}

static void
observe(struct watch *w, const char *target)
{
	*w = (struct watch){ 0 };
	ck_assert_int_eq(look_as(w, target, ADMIN), 200);
	ck_assert_ptr_nonnull(w->o);
}

static bool
was_told(void *arg)
{
	struct watch *w = arg;

	return atomic_load(&w->told) > 0;
}

static void
ready(void)
{
	core_init_alone(&b);
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default",
	                                "<m2m:maxNrOfInstances>2</m2m:maxNrOfInstances>"),
	                 201);
	ck_assert_int_eq(core_post_text(&b, CI, "first"), 201);
}

static void
over(void)
{
	core_fini(&b);
}

/* Told in the commit of what was done, without waiting for the next round of all. */
static void
now_or_not(struct watch *w, bool want)
{
	ck_assert_uint_eq(atomic_load(&w->told), want ? 1 : 0);
	atomic_store(&w->told, 0);
}

/* After a round of all, for a second, only who is concerned is told. */
static void
spend_round(void)
{
	struct watch w;

	observe(&w, BASE);
	ck_assert_int_eq(core_do(&b, "POST", APPS, "<m2m:application " NS "/>"), 201);
	ck_assert(core_await(was_told, &w));
	observer_end(w.o);
}

START_TEST(test_instances)
{
	static const struct {
		const char *target;
		bool told;
	} rows[] = {
		{ CI, true },
		{ CI "/latest", true },
		{ CI "/oldest", true },
		{ CI "/latest/content", true },
		{ CI "/ci_1", true },
		{ CI "/currentNrOfInstances", true },
		{ CI "?attributeAccessor=currentByteSize", true },
		{ C1, false },
		{ C1 "/subscriptions", false },
		{ A1, false },
	};
	struct watch w[NITEMS(rows)], other;

	ck_assert_int_eq(core_container(&b, "a1", "c2", "default", ""), 201);
	observe(&other, A1 "/containers/c2/contentInstances");
	for (size_t i = 0; i < NITEMS(rows); i++)
		observe(&w[i], rows[i].target);
	ck_assert_int_eq(core_post_text(&b, CI, "second"), 201);
	for (size_t i = 0; i < NITEMS(rows); i++)
		now_or_not(&w[i], rows[i].told);
	/* Once until it is read again. */
	ck_assert_int_eq(core_status(&b, "DELETE", CI "/latest", ADMIN, NULL), 204);
	for (size_t i = 0; i < NITEMS(rows); i++)
		now_or_not(&w[i], false);
	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_int_eq(look_as(&w[i], rows[i].target, ADMIN), 200);
	ck_assert_int_eq(core_status(&b, "DELETE", CI "/ci_1", ADMIN, NULL), 204);
	for (size_t i = 0; i < NITEMS(rows); i++)
		now_or_not(&w[i], rows[i].told);
	now_or_not(&other, false);
	for (size_t i = 0; i < NITEMS(rows); i++)
		observer_end(w[i].o);
	observer_end(other.o);
}
END_TEST

START_TEST(test_nodes)
{
	struct watch app, apps, containers, container, other;

	core_app(&b, "a2", "");
	spend_round();
	observe(&app, A1);
	observe(&apps, APPS);
	observe(&containers, A1 "/containers");
	observe(&container, C1);
	observe(&other, APPS "/a2");
	ck_assert_int_eq(core_do(&b, "PUT", A1 "/searchStrings",
	                         "<m2m:searchStrings " NS "><m2m:searchString>x</m2m:searchString>"
	                         "</m2m:searchStrings>"),
	                 204);
	now_or_not(&app, true);
	now_or_not(&apps, false);
	now_or_not(&containers, true);
	now_or_not(&container, false);
	ck_assert_int_eq(look_as(&app, A1, ADMIN), 200);
	ck_assert_int_eq(look_as(&containers, A1 "/containers", ADMIN), 200);
	ck_assert_int_eq(core_container(&b, "a1", "c3", "default", ""), 201);
	now_or_not(&app, false);
	now_or_not(&containers, true);
	ck_assert_int_eq(look_as(&containers, A1 "/containers", ADMIN), 200);
	/* Removal of what it lies in. */
	ck_assert_int_eq(core_status(&b, "DELETE", A1, ADMIN, NULL), 204);
	now_or_not(&app, true);
	now_or_not(&apps, true);
	now_or_not(&containers, true);
	now_or_not(&container, true);
	now_or_not(&other, false);
	ck_assert_int_eq(look_as(&container, C1, ADMIN), 404);
	observer_end(app.o);
	observer_end(apps.o);
	observer_end(containers.o);
	observer_end(container.o);
	observer_end(other.o);
}
END_TEST

/* Rights lie elsewhere: all are told, at once or in the next round. */
START_TEST(test_rights)
{
	struct watch w;

	ck_assert_int_eq(
		core_do(&b, "POST", RIGHTS,
	                "<m2m:accessRight " NS
	                " m2m:id=\"r1\"><m2m:permissions>" PERMISSION(READ) "</"
	                                                                    "m2m:permissions><m2m:"
	                                                                    "selfPermissions"
	                                                                    ">" PERMISSION(
										    OWN) "</"
	                                                                                 "m2m:"
	                                                                                 "selfPermi"
	                                                                                 "ssions></"
	                                                                                 "m2m:"
	                                                                                 "accessRig"
	                                                                                 "ht>"),
		201);
	ck_assert_int_eq(core_container(&b, "a1", "c4", "r1", ""), 201);
	w = (struct watch){ 0 };
	ck_assert_int_eq(look_as(&w, A1 "/containers/c4", "http://x.example.org/"), 200);
	/* Nobody was told before: this is told at once. */
	ck_assert_int_eq(core_do(&b, "POST", APPS, "<m2m:application " NS "/>"), 201);
	now_or_not(&w, true);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(look_as(&w, A1 "/containers/c4", "http://x.example.org/"), 200);
		ck_assert_int_eq(core_do(&b, "POST", APPS, "<m2m:application " NS "/>"), 201);
		ck_assert(core_await(was_told, &w));
		atomic_store(&w.told, 0);
	}
	ck_assert_int_eq(look_as(&w, A1 "/containers/c4", "http://x.example.org/"), 200);
	ck_assert_int_eq(core_status(&b, "DELETE", RIGHTS "/r1", ADMIN, NULL), 204);
	ck_assert(core_await(was_told, &w));
	ck_assert_int_ne(look_as(&w, A1 "/containers/c4", "http://x.example.org/"), 200);
	observer_end(w.o);
}
END_TEST

START_TEST(test_expiry)
{
	int64_t now = clock_now(&clock_system);
	struct watch app, container, age;

	atomic_store(&b.clock.now, now);
	ck_assert_int_eq(core_container(&b, "a1", "c5", "default",
	                                "<m2m:maxInstanceAge>30</m2m:maxInstanceAge>"),
	                 201);
	ck_assert_int_eq(core_post_text(&b, A1 "/containers/c5/contentInstances", "old"), 201);
	observe(&age, A1 "/containers/c5/contentInstances");
	core_app(&b, "a3", "<m2m:expirationTime>2199-01-01T00:00:00Z</m2m:expirationTime>");
	ck_assert_int_eq(core_container(&b, "a3", "c1", "default", ""), 201);
	observe(&app, APPS "/a3");
	observe(&container, APPS "/a3/containers/c1");
	atomic_store(&b.clock.now, now + MINUTE);
	ck_assert(core_await(was_told, &age));
	ck_assert_int_eq(look_as(&age, A1 "/containers/c5/contentInstances", ADMIN), 200);
	atomic_store(&app.told, 0);
	atomic_store(&container.told, 0);
	ck_assert_int_eq(look_as(&app, APPS "/a3", ADMIN), 200);
	ck_assert_int_eq(look_as(&container, APPS "/a3/containers/c1", ADMIN), 200);
	atomic_store(&b.clock.now, INT64_C(7300000000) * CLOCK_SECOND);
	ck_assert(core_await(was_told, &app));
	ck_assert(core_await(was_told, &container));
	ck_assert_int_eq(look_as(&app, APPS "/a3", ADMIN), 404);
	observer_end(app.o);
	observer_end(container.o);
	observer_end(age.o);
}
END_TEST

/* Discovery finds what is anywhere, also instances. */
START_TEST(test_discovery)
{
	struct watch w;

	observe(&w, BASE "/discovery");
	ck_assert_int_eq(core_post_text(&b, CI, "second"), 201);
	ck_assert(core_await(was_told, &w));
	observer_end(w.o);
}
END_TEST

/* What is refused, or cannot be stored, is not told. */
START_TEST(test_undone)
{
	struct watch w;

	observe(&w, CI);
	ck_assert_int_eq(core_do(&b, "POST", CI, INSTANCE_X), 201);
	now_or_not(&w, true);
	ck_assert_int_eq(look_as(&w, CI, ADMIN), 200);
	ck_assert_int_eq(core_do(&b, "POST", CI, INSTANCE_X), 409);
	now_or_not(&w, false);
	core_fail_commits(1000);
	ck_assert_int_eq(core_post_text(&b, CI, "lost") / 100, 5);
	core_fail_commits(0);
	now_or_not(&w, false);
	observer_end(w.o);
}
END_TEST

/* A name that leads to another resource by now. */
START_TEST(test_replaced)
{
	struct watch w;

	observe(&w, C1);
	ck_assert_int_eq(core_status(&b, "DELETE", C1, ADMIN, NULL), 204);
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	ck_assert_int_eq(look_as(&w, C1, ADMIN), 200);
	spend_round();
	ck_assert_int_eq(look_as(&w, C1, ADMIN), 200);
	atomic_store(&w.told, 0);
	ck_assert_int_eq(core_status(&b, "DELETE", C1, ADMIN, NULL), 204);
	now_or_not(&w, true);
	observer_end(w.o);
}
END_TEST

START_TEST(test_not_observable)
{
	static const char *const targets[] = { C1 "/nothing", "/.well-known/core",
		                               "http://other.example.org/m2m" };
	struct watch w;
	struct core_call c;

	for (size_t i = 0; i < NITEMS(targets); i++) {
		w = (struct watch){ 0 };
		look_as(&w, targets[i], ADMIN);
		ck_assert_ptr_null(w.o);
	}
	w = (struct watch){ 0 };
	ck_assert_int_ne(look_as(&w, C1, NULL), 200);
	ck_assert_ptr_null(w.o);
	core_prepare_call(&b, &c, "DELETE", C1, ADMIN, NULL, NULL);
	ck_assert(!req_observe(c.rq, changed, &w));
	req_free(c.rq);
	observer_end(NULL);
	/* Without anybody nothing is held: a commit has nobody to tell. */
	ck_assert_int_eq(core_post_text(&b, CI, "second"), 201);
	ck_assert_uint_eq(atomic_load(&w.told), 0);
}
END_TEST

/* More is touched at once than is noted one by one. */
START_TEST(test_many)
{
	enum { N = 300 };
	struct watch first, last;
	char target[128];

	for (unsigned i = 0; i < N; i++) {
		snprintf(target, sizeof(target), "n%u", i);
		ck_assert_int_eq(core_container(&b, "a1", target, "default", ""), 201);
	}
	spend_round();
	observe(&first, A1 "/containers/n0");
	observe(&last, A1 "/containers/n299");
	ck_assert_int_eq(core_status(&b, "DELETE", A1, ADMIN, NULL), 204);
	now_or_not(&first, true);
	now_or_not(&last, true);
	observer_end(first.o);
	observer_end(last.o);
}
END_TEST

/* ---- beside commits ---- */

struct poster {
	_Atomic unsigned posted;
	_Atomic bool stop;
};

static void *
write_on(void *arg)
{
	struct poster *w = arg;
	char text[16];

	while (!atomic_load(&w->stop)) {
		snprintf(text, sizeof(text), "v%u", atomic_load(&w->posted) + 1);
		ck_assert_int_eq(core_post_text(&b, CI, text), 201);
		atomic_fetch_add(&w->posted, 1);
	}
	return NULL;
}

static void
read_latest(struct watch *w, char *text, size_t size)
{
	struct core_call c;
	struct reply r;

	core_prepare_call(&b, &c, "GET", CI "/latest/content", ADMIN, NULL, NULL);
	if (w->o == NULL)
		ck_assert(req_observe(c.rq, changed, w));
	else
		req_observe_again(c.rq, w->o);
	core_go(&c);
	if (w->o == NULL)
		w->o = req_observer(c.rq);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 200);
	snprintf(text, size, "%s", r.body);
	reply_fini(&r);
}

/* The first observer comes when the transaction has touched what it reads, and is not committed. */
START_TEST(test_within_transaction)
{
	struct core_plug before, within;
	struct core_call post;
	struct watch w;
	struct reply r;

	core_plug(&b, &before);
	core_ready(&b, &post, "POST", CI, ADMIN, "text/plain", "second");
	core_submit(&post);
	within = (struct core_plug){
		.job = { .run = before.job.run, .done = before.job.done, .arena = arena_new(4096) }
	};
	pthread_mutex_init(&within.lock, NULL);
	pthread_cond_init(&within.changed, NULL);
	ck_assert(committer_submit(b.scl->committer, &within.job));
	core_unplug(&before);
	pthread_mutex_lock(&within.lock);
	while (!within.entered)
		pthread_cond_wait(&within.changed, &within.lock);
	pthread_mutex_unlock(&within.lock);
	observe(&w, CI "/latest");
	now_or_not(&w, false);
	core_unplug(&within);
	r = core_end(&post);
	ck_assert_int_eq(r.status, 201);
	reply_fini(&r);
	now_or_not(&w, true);
	observer_end(w.o);
}
END_TEST

static pthread_t reader;
static _Atomic bool armed;

/* Something is committed between the begin of a reading and its end. */
static int64_t
commit_first(const struct clock *c)
{
	bool was = true;

	(void)c;
	if (pthread_equal(pthread_self(), reader) &&
	    atomic_compare_exchange_strong(&armed, &was, false))
		ck_assert_int_eq(core_post_text(&b, CI, "second"), 201);
	return clock_now(&clock_system);
}

START_TEST(test_within_reading)
{
	struct watch w = { 0 };
	struct core_call c;
	struct reply r;

	reader = pthread_self();
	b.clock.clock.now = commit_first;
	core_prepare_call(&b, &c, "GET", CI "/latest", ADMIN, NULL, NULL);
	ck_assert(req_observe(c.rq, changed, &w));
	ck_assert_int_eq(req_admit(c.rq), RC_OK);
	atomic_store(&armed, true);
	ck_assert_int_eq(req_prepare(c.rq), RC_OK);
	ck_assert(!atomic_load(&armed));
	w.o = req_observer(c.rq);
	c.done = true;
	r = core_end(&c);
	ck_assert_int_eq(r.status, 200);
	reply_fini(&r);
	now_or_not(&w, true);
	observer_end(w.o);
}
END_TEST

/* Begins while commits go on: what was read is old only if changed was called. */
START_TEST(test_told_or_latest)
{
	unsigned rounds = core_scale(200);
	char seen[16], is[16];

	for (unsigned i = 0; i < rounds; i++) {
		struct poster writer = { 0 };
		struct watch w = { 0 }, none = { 0 };
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, write_on, &writer), 0);
		read_latest(&w, seen, sizeof(seen));
		atomic_store(&writer.stop, true);
		pthread_join(thread, NULL);
		read_latest(&none, is, sizeof(is));
		ck_assert(was_told(&w) || strcmp(seen, is) == 0);
		observer_end(w.o);
		observer_end(none.o);
	}
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_instances,      test_nodes,
		test_rights,         test_expiry,
		test_discovery,      test_undone,
		test_replaced,       test_not_observable,
		test_many,           test_within_transaction,
		test_within_reading, test_told_or_latest,
	};
	Suite *s = suite_create("observe");
	TCase *c = suite_case(s, "observe", ready, over);

	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return core_run(s);
}
