/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline without a transport: procedures, batches, limits, the end, expiry. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core_bed.h"
#include "core/scl_impl.h"
#include "repo_bed.h"

#define APPS BASE "/applications"
#define C1 APPS "/a1/containers/c1"
#define CI C1 "/contentInstances"
#define RIGHT "<m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"
#define DAY (INT64_C(86400) * CLOCK_SECOND)

/* The number that stands in an element of an answer. */
static long
number(struct core_bed *b, const char *target, const char *element)
{
	struct reply r = core_ask(b, "GET", target, ADMIN, NULL);
	const char *at = strstr(r.body, element);
	long n = at == NULL ? -1 : strtol(at + strlen(element), NULL, 10);

	ck_assert_int_eq(r.status, 200);
	reply_fini(&r);
	return n;
}

static unsigned
occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

/* ---- procedures ---- */

START_TEST(test_procedures)
{
	static const struct {
		const char *method, *target, *from, *body;
		int status;
	} rows[] = {
		{ "GET", BASE, ADMIN, NULL, 200 },
		{ "GET", BASE, NULL, NULL, 402 },
		{ "GET", BASE, "http://scl.example.org:8080/m2m", NULL, 403 },
		{ "GET", BASE "/nothing", ADMIN, NULL, 404 },
		{ "GET", "no uri at all %", ADMIN, NULL, 400 },
		{ "DELETE", BASE, ADMIN, NULL, 405 },
		{ "POST", APPS, ADMIN,
		  "<m2m:application " NS " appId=\"a1\">" RIGHT "</m2m:application>", 201 },
		{ "POST", APPS, ADMIN, "<m2m:application " NS " appId=\"a1\"/>", 409 },
		{ "POST", APPS, ADMIN, "<m2m:container " NS "/>", 400 },
		{ "POST", APPS, ADMIN, "<m2m:application", 400 },
		{ "POST", APPS "/a1/containers", ADMIN,
		  "<m2m:container " NS " m2m:id=\"c1\">" RIGHT "</m2m:container>", 201 },
		{ "PUT", C1 "/maxNrOfInstances", ADMIN,
		  "<m2m:maxNrOfInstances " NS ">2</m2m:maxNrOfInstances>", 204 },
		{ "PUT", C1 "/creationTime", ADMIN,
		  "<m2m:creationTime " NS ">2020-01-01T00:00:00Z"
		  "</m2m:creationTime>",
		  400 },
		{ "GET", C1 "/maxNrOfInstances", ADMIN, NULL, 200 },
		{ "GET", CI "/latest", ADMIN, NULL, 404 },
		{ "POST", CI, ADMIN,
		  "<m2m:contentInstance " NS " m2m:id=\"i1\"><m2m:content><m2m:textContent>x"
		  "</m2m:textContent></m2m:content></m2m:contentInstance>",
		  201 },
		{ "GET", CI "/latest/content", ADMIN, NULL, 200 },
		{ "GET", CI "/i1", ADMIN, NULL, 200 },
		{ "DELETE", CI "/i1", ADMIN, NULL, 204 },
		{ "GET", CI "/i1", ADMIN, NULL, 404 },
		{ "DELETE", APPS "/a1", ADMIN, NULL, 204 },
		{ "GET", C1, ADMIN, NULL, 404 },
		{ "GET", CI, ADMIN, NULL, 404 },
	};
	struct core_bed b;

	core_start_alone(&b);
	/* The second time every decision is known already. */
	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < NITEMS(rows); i++) {
			int status = core_status(&b, rows[i].method, rows[i].target, rows[i].from,
			                         rows[i].body);

			ck_assert_msg(status == rows[i].status, "%zu: %s %s: %d", i, rows[i].method,
			              rows[i].target, status);
		}
	core_fini(&b);
}
END_TEST

/* ---- batches ---- */

/* Two creations of one id in one transaction: the first is kept, the second leaves no trace. */
START_TEST(test_conflict_in_batch)
{
	struct core_bed b;
	struct core_call calls[4];
	struct core_plug plug;
	struct reply r;
	int sum = 0;

	core_start_alone(&b);
	core_app(&b, "a1", "");
	for (unsigned round = 0; round < 20; round++) {
		char body[256], target[256];

		core_plug(&b, &plug);
		snprintf(body, sizeof(body),
		         "<m2m:container " NS " m2m:id=\"c%u\">" RIGHT "</m2m:container>", round);
		for (unsigned i = 0; i < 4; i++)
			ck_assert(core_begin(&b, &calls[i], "POST", APPS "/a1/containers", ADMIN,
			                     "application/xml", body));
		core_unplug(&plug);
		for (unsigned i = 0; i < 4; i++) {
			r = core_end(&calls[i]);
			ck_assert_int_eq(r.status, i == 0 ? 201 : 409);
			sum += r.status == 201;
			reply_fini(&r);
		}
		/* The sequence of the one that is there works. */
		snprintf(target, sizeof(target), APPS "/a1/containers/c%u/contentInstances", round);
		ck_assert_int_eq(core_post_text(&b, target, "x"), 201);
		ck_assert_int_eq(number(&b, target, "currentNrOfInstances>"), 1);
	}
	ck_assert_int_eq(sum, 20);
	r = core_ask(&b, "GET", APPS "/a1/containers", ADMIN, NULL);
	ck_assert_uint_eq(occurrences(r.body, "namedReference "), 20);
	reply_fini(&r);
	core_fini(&b);
}
END_TEST

/* The same for instances, among others that succeed. */
START_TEST(test_instance_conflict_in_batch)
{
	struct core_bed b;
	struct core_call calls[60];
	struct core_plug plug;
	unsigned kept = 0;

	core_start_alone(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default",
	                                "<m2m:maxNrOfInstances>100</m2m:maxNrOfInstances>"),
	                 201);
	core_plug(&b, &plug);
	for (unsigned i = 0; i < NITEMS(calls); i++) {
		char body[256];

		snprintf(body, sizeof(body),
		         "<m2m:contentInstance " NS " m2m:id=\"i%u\"><m2m:content>"
		         "<m2m:textContent>x</m2m:textContent></m2m:content></m2m:contentInstance>",
		         i / 2);
		ck_assert(core_begin(&b, &calls[i], "POST", CI, ADMIN, "application/xml", body));
	}
	core_unplug(&plug);
	for (unsigned i = 0; i < NITEMS(calls); i++) {
		struct reply r = core_end(&calls[i]);

		ck_assert_int_eq(r.status, i % 2 == 0 ? 201 : 409);
		kept += r.status == 201;
		reply_fini(&r);
	}
	ck_assert_int_eq(number(&b, CI, "currentNrOfInstances>"), kept);
	ck_assert_int_eq(number(&b, CI, "currentByteSize>"), kept);
	core_fini(&b);
}
END_TEST

/* A batch that does not fit is applied one by one: what fits is stored, the rest refused. */
START_TEST(test_batch_without_space)
{
	struct core_bed b;
	struct core_call calls[40];
	struct core_plug plug;
	char *big = malloc(40001);
	unsigned kept = 0;

	ck_assert_ptr_nonnull(big);
	memset(big, 'x', 40000);
	big[40000] = '\0';
	core_init_alone(&b);
	b.quota = 500000;
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default",
	                                "<m2m:maxNrOfInstances>100</m2m:maxNrOfInstances>"),
	                 201);
	core_plug(&b, &plug);
	for (unsigned i = 0; i < NITEMS(calls); i++)
		ck_assert(core_begin(&b, &calls[i], "POST", CI, ADMIN, "text/plain",
		                     i % 4 == 3 ? "small" : big));
	core_unplug(&plug);
	for (unsigned i = 0; i < NITEMS(calls); i++) {
		struct reply r = core_end(&calls[i]);

		ck_assert_msg(r.status == 201 || (r.status == 507 && i % 4 != 3), "%u: %d", i,
		              r.status);
		kept += r.status == 201;
		reply_fini(&r);
	}
	ck_assert_uint_ge(kept, 15);
	ck_assert_uint_lt(kept, NITEMS(calls));
	ck_assert_int_eq(number(&b, CI, "currentNrOfInstances>"), kept);
	ck_assert_int_eq(core_do(&b, "DELETE", C1, "%s", ""), 204);
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	ck_assert_int_eq(core_post_text(&b, CI, "x"), 201);
	free(big);
	core_fini(&b);
}
END_TEST

/* What is counted follows what is stored, also when the store refuses. */
START_TEST(test_subscription_count)
{
	const char *body =
		"<m2m:subscription " NS " m2m:id=\"s%u\"><m2m:contact>http://x.example.org/"
		"</m2m:contact></m2m:subscription>";
	struct core_bed b;
	char target[128];

	core_init_alone(&b);
	b.conf.subscriptions_total = 8;
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	for (unsigned round = 0; round < 4; round++) {
		core_fail_commits(1000);
		for (unsigned i = 0; i < 20; i++)
			ck_assert_int_eq(core_do(&b, "POST", C1 "/subscriptions", body, i), 503);
		core_fail_commits(0);
		for (unsigned i = 0; i < 8; i++)
			ck_assert_int_eq(core_do(&b, "POST", C1 "/subscriptions", body, i), 201);
		ck_assert_int_eq(core_do(&b, "POST", C1 "/subscriptions", body, 8), 403);
		core_fail_commits(1000);
		for (unsigned i = 0; i < 20; i++)
			ck_assert_int_eq(core_do(&b, "DELETE", C1, "%s", ""), 503);
		core_fail_commits(0);
		ck_assert_int_eq(core_do(&b, "POST", C1 "/subscriptions", body, 8), 403);
		for (unsigned i = 0; i < 8; i++) {
			snprintf(target, sizeof(target), C1 "/subscriptions/s%u", i);
			ck_assert_int_eq(core_do(&b, "DELETE", target, "%s", ""), 204);
		}
	}
	core_fini(&b);
}
END_TEST

/* A large subtree goes within the memory of a small request. */
START_TEST(test_delete_large)
{
	struct core_bed b;
	char id[16];

	core_init_alone(&b);
	b.conf.arena_max = 512u << 10;
	b.conf.body_max = b.conf.answer_max = 256u << 10;
	core_start(&b);
	core_app(&b, "a1", "");
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(id, sizeof(id), "c%u", i);
		ck_assert_int_eq(core_container(&b, "a1", id, "default", ""), 201);
	}
	ck_assert_int_eq(core_do(&b, "DELETE", APPS "/a1", "%s", ""), 204);
	core_stop(&b);
	ck_assert_uint_eq(core_records(&b, 'C'), 1); /* the accessRight */
	core_fini(&b);
}
END_TEST

/* ---- limits ---- */

/* With a container; nothing is written until it is unplugged. */
static void
start_plugged(struct core_bed *b, struct core_plug *plug)
{
	core_start(b);
	core_app(b, "a1", "");
	ck_assert_int_eq(core_container(b, "a1", "c1", "default", ""), 201);
	core_plug(b, plug);
}

START_TEST(test_queue_full)
{
	struct core_bed b;
	struct core_call calls[8];
	struct core_plug plug;
	struct reply r;

	core_init_alone(&b);
	b.conf.queue_max = 5;
	start_plugged(&b, &plug);
	for (unsigned i = 0; i < 8; i++) {
		ck_assert(core_begin(&b, &calls[i], "POST", CI, ADMIN, "text/plain", "x"));
		ck_assert(core_is_done(&calls[i]) == (i >= 5));
	}
	core_unplug(&plug);
	for (unsigned i = 0; i < 8; i++) {
		r = core_end(&calls[i]);
		ck_assert_int_eq(r.status, i < 5 ? 201 : 503);
		reply_fini(&r);
	}
	ck_assert_int_eq(core_post_text(&b, CI, "x"), 201);
	core_fini(&b);
}
END_TEST

START_TEST(test_requests_max)
{
	struct core_bed b;
	struct core_call calls[3], one;
	struct core_plug plug;
	struct reply r;

	core_init_alone(&b);
	b.conf.pending_max = 3;
	start_plugged(&b, &plug);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(core_begin(&b, &calls[i], "POST", CI, ADMIN, "text/plain", "x"));
	for (unsigned i = 0; i < 5; i++)
		ck_assert(!core_begin(&b, &one, "GET", BASE, ADMIN, NULL, NULL));
	core_unplug(&plug);
	for (unsigned i = 0; i < 3; i++) {
		r = core_end(&calls[i]);
		ck_assert_int_eq(r.status, 201);
		reply_fini(&r);
		ck_assert_int_eq(core_status(&b, "GET", BASE, ADMIN, NULL), 200);
	}
	core_fini(&b);
}
END_TEST

/* ---- the end ---- */

struct stopper {
	pthread_t thread;
	struct core_bed *b;
};

static void *
stop_scl(void *arg)
{
	struct stopper *s = arg;

	core_halt(s->b);
	return NULL;
}

static bool
is_stopping(void *arg)
{
	return !atomic_load(&((struct core_bed *)arg)->scl->admitting);
}

static struct port_answer
never(void *arg, const struct exchange *ex)
{
	(void)arg;
	(void)ex;
	return (struct port_answer){ .status = ANSWER_NEVER };
}

static void
register_scl(struct core_bed *b)
{
	struct reply r = core_ask(
		b, "POST", BASE "/scls", "http://g1.example.org/m2m",
		"<m2m:scl " NS " sclId=\"g1\"><m2m:pocs><reference>http://g1.example.org/m2m"
		"</reference></m2m:pocs><m2m:link>http://g1.example.org/m2m</m2m:link>"
		"<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
		"<m2m:sclType>GSCL</m2m:sclType></m2m:scl>");

	ck_assert_msg(r.status == 201, "%s", r.body);
	reply_fini(&r);
}

/* Every request under way is answered: the writes are stored, the forwarded ones given up. */
START_TEST(test_stop_with_requests)
{
	struct core_bed b;
	struct core_call writes[10], forwards[5], late, late_forward;
	struct core_plug plug;
	struct stopper s = { .b = &b };
	struct reply r;

	core_init(&b);
	port_fake_set(never, NULL);
	b.conf.forward_timeout_ms = 600000;
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	register_scl(&b);
	for (unsigned i = 0; i < NITEMS(forwards); i++)
		ck_assert(core_begin(&b, &forwards[i], "GET", "http://g1.example.org/m2m/x", ADMIN,
		                     NULL, NULL));
	core_plug(&b, &plug);
	for (unsigned i = 0; i < NITEMS(writes); i++)
		ck_assert(core_begin(&b, &writes[i], "POST", CI, ADMIN, "text/plain", "x"));
	core_ready(&b, &late, "POST", CI, ADMIN, "text/plain", "x");
	core_ready(&b, &late_forward, "GET", "http://g1.example.org/m2m/x", ADMIN, NULL, NULL);
	pthread_create(&s.thread, NULL, stop_scl, &s);
	ck_assert(core_await(is_stopping, &b));
	core_unplug(&plug);
	pthread_join(s.thread, NULL);
	/* A binding may still hand over what it had begun to read. */
	core_submit(&late);
	core_submit(&late_forward);
	for (unsigned i = 0; i < NITEMS(writes); i++) {
		r = core_end(&writes[i]);
		ck_assert_int_eq(r.status, 201);
		reply_fini(&r);
	}
	for (unsigned i = 0; i < NITEMS(forwards) + 2; i++) {
		r = core_end(i < NITEMS(forwards)    ? &forwards[i]
		             : i == NITEMS(forwards) ? &late
		                                     : &late_forward);
		ck_assert_int_eq(r.status, 503);
		reply_fini(&r);
	}
	ck_assert(!core_begin(&b, &late, "GET", BASE, ADMIN, NULL, NULL));
	core_fini(&b);
}
END_TEST

struct client {
	pthread_t thread;
	struct core_bed *b;
	unsigned n;
};

static void *
ask_on(void *arg)
{
	struct client *c = arg;

	for (unsigned i = 0; i < 300; i++) {
		struct core_call call;
		struct reply r;
		bool far = (i + c->n) % 3 == 0;

		if (!core_begin(c->b, &call, far ? "GET" : "POST",
		                far ? "http://g1.example.org/m2m/x" : CI, ADMIN,
		                far ? NULL : "text/plain", far ? NULL : "x"))
			break;
		r = core_end(&call);
		ck_assert_msg(r.status == 201 || r.status / 100 == 5, "%d", r.status);
		reply_fini(&r);
	}
	return NULL;
}

/* Stopped under load, again and again: nobody waits for ever. */
START_TEST(test_stop_under_load)
{
	struct core_bed b;

	core_init_alone(&b);
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	register_scl(&b);
	for (unsigned round = 0; round < core_scale(8); round++) {
		struct client clients[4];

		for (unsigned i = 0; i < NITEMS(clients); i++) {
			clients[i] = (struct client){ .b = &b, .n = i };
			pthread_create(&clients[i].thread, NULL, ask_on, &clients[i]);
		}
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 * (long)(round % 5) }, NULL);
		core_halt(&b);
		for (unsigned i = 0; i < NITEMS(clients); i++)
			pthread_join(clients[i].thread, NULL);
		core_stop(&b);
		core_start(&b);
	}
	core_fini(&b);
}
END_TEST

/* ---- time ---- */

static bool
swept(void *arg)
{
	struct core_bed *b = arg;

	return atomic_load(&b->scl->next_due) > clock_now(&b->clock.clock) &&
	       !atomic_load(&b->scl->removed);
}

/* What is past its time is not there, whether it was swept or not; then its id is free. */
START_TEST(test_expiry)
{
	struct core_bed b;
	int64_t now;
	size_t nodes;

	core_init_alone(&b);
	now = INT64_C(1700000000) * CLOCK_SECOND;
	atomic_store(&b.clock.now, now);
	core_start(&b);
	for (unsigned round = 0; round < 3; round++) {
		core_app(&b, "a1", "<m2m:expirationTime>2199-01-01T00:00:00Z</m2m:expirationTime>");
		/* Many, so that each must not wait for a turn of its own. */
		for (unsigned i = 0; i < 300; i++) {
			char id[8];

			snprintf(id, sizeof(id), "c%u", i);
			ck_assert_int_eq(core_container(&b, "a1", id, "default", ""), 201);
		}
		ck_assert_int_eq(core_post_text(&b, CI, "x"), 201);
		ck_assert_int_eq(core_status(&b, "GET", CI "/latest", ADMIN, NULL), 200);
		core_fail_commits(round == 1 ? 1000 : 0);
		now += INT64_C(200) * 366 * DAY;
		atomic_store(&b.clock.now, now);
		ck_assert_int_eq(core_status(&b, "GET", CI "/latest", ADMIN, NULL), 404);
		ck_assert_int_eq(core_status(&b, "GET", APPS "/a1", ADMIN, NULL), 404);
		ck_assert_int_eq(core_post_text(&b, CI, "x"), 404);
		if (round == 1)
			nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 500000000 }, NULL);
		core_fail_commits(0);
		ck_assert(core_await(swept, &b));
		now = INT64_C(1700000000) * CLOCK_SECOND + (round + 1) * DAY;
		atomic_store(&b.clock.now, now);
	}
	core_stop(&b);
	nodes = core_records(&b, 'N');
	ck_assert_uint_eq(nodes, 2); /* sclBase, the accessRight */
	ck_assert_uint_eq(core_records(&b, 'I'), 0);
	ck_assert_uint_eq(core_records(&b, 'E'), 0);
	core_fini(&b);
}
END_TEST

/* maxInstanceAge: the aged ones are neither seen nor counted, and are swept in portions at once. */
START_TEST(test_age)
{
	struct core_bed b;
	int64_t now = INT64_C(1700000000) * CLOCK_SECOND;

	core_init_alone(&b);
	atomic_store(&b.clock.now, now);
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default",
	                                "<m2m:maxNrOfInstances>5000</m2m:maxNrOfInstances>"
	                                "<m2m:maxInstanceAge>P0Y0M0DT0H1M0S</m2m:maxInstanceAge>"),
	                 201);
	for (unsigned i = 0; i < 1500; i++) {
		ck_assert_int_eq(core_post_text(&b, CI, "x"), 201);
		if (i == 999)
			atomic_store(&b.clock.now, now += 30 * CLOCK_SECOND);
	}
	atomic_store(&b.clock.now, now += 31 * CLOCK_SECOND);
	ck_assert_int_eq(number(&b, CI, "currentNrOfInstances>"), 500);
	ck_assert_int_eq(core_status(&b, "GET", CI "/latest", ADMIN, NULL), 200);
	ck_assert(core_await(swept, &b));
	core_stop(&b);
	ck_assert_uint_eq(core_records(&b, 'I'), 500);
	core_start(&b);
	atomic_store(&b.clock.now, now += 60 * CLOCK_SECOND);
	ck_assert_int_eq(core_status(&b, "GET", CI "/latest", ADMIN, NULL), 404);
	ck_assert_int_eq(number(&b, CI, "currentNrOfInstances>"), 0);
	ck_assert(core_await(swept, &b));
	core_stop(&b);
	ck_assert_uint_eq(core_records(&b, 'I'), 0);
	core_fini(&b);
}
END_TEST

/* ---- from the core itself ---- */

/* An instance whose path runs through an aPoCPath that looks like one of contentInstances. */
START_TEST(test_apoc_like_instances)
{
	struct core_bed b;

	core_start_alone(&b);
	core_app(&b, "a1",
	         "<m2m:aPoC>http://app.example.org/</m2m:aPoC><m2m:aPoCPaths><m2m:aPoCPath>"
	         "<m2m:path>lamp/contentInstances/3</m2m:path></m2m:aPoCPath></m2m:aPoCPaths>");
	ck_assert_int_eq(core_status(&b, "GET", APPS "/a1/lamp/contentInstances/3", ADMIN, NULL),
	                 503);
	ck_assert_int_eq(core_status(&b, "GET", APPS "/a1/lamp/contentInstances/4", ADMIN, NULL),
	                 404);
	core_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_procedures,
		test_conflict_in_batch,
		test_instance_conflict_in_batch,
		test_batch_without_space,
		test_subscription_count,
		test_delete_large,
		test_queue_full,
		test_requests_max,
		test_stop_with_requests,
		test_stop_under_load,
		test_expiry,
		test_age,
		test_apoc_like_instances,
	};

	return core_run_tests("core", tests, NITEMS(tests), 300);
}
