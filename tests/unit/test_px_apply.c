/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway has parked is applied to the tree: in order, once, over refusals, full disks and
 * SIGKILL between the transaction of the tree and that of the book (cap/pxy/px_apply.h).
 */
#include "config.h"

#include "cap/pxy/px_apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "cap/pxy/px_request.h"
#include "core_bed.h"
#include "px_in_bed.h"
#include "suite.h"

#define FROM PX_IN_URL "/applications/a"
#define CONTAINER BASE "/applications/app/containers/c"
#define INSTANCES CONTAINER "/contentInstances"
#define FAR "http://far.example.org/m2m"
#define MANY "<m2m:maxNrOfInstances>100000</m2m:maxNrOfInstances>"

static struct {
	struct core_bed core;
	struct px_in_bed in;
	struct px_apply *apply;
	_Atomic uint64_t applied, failed, unused;
	bool durable; /* the tree is in a directory */
	int64_t limit;
} t;

/* ---- life ---- */

static void
tree_start(void)
{
	static const struct port_ops *const ports[] = { &port_fake, NULL };
	static const char *const own[] = { "scl.example.org:8080", NULL };
	struct core_bed *b = &t.core;
	struct repo_conf rc = { .ops = &store_lmdb,
		                .cached_sequences = 8,
		                .arena_max = b->conf.arena_max,
		                .clock = &clock_system };
	struct scl_parts parts = { .log = b->log, .clock = &clock_system, .ports = ports };
	char why[256] = "", path[300];

	if (!t.durable) {
		core_start(b);
		return;
	}
	snprintf(path, sizeof(path), "%s/tree", t.in.base);
	rc.store.path = path;
	ck_assert_msg(repo_open(&rc, &b->repo, why) == RC_OK, "%s", why);
	parts.repo = b->repo;
	parts.port.max_exchanges = 8;
	ck_assert_msg(scl_new(&b->conf, &parts, &b->scl, why) == RC_OK, "%s", why);
	ck_assert_int_eq(scl_start(b->scl, "http://scl.example.org:8080" BASE, own), RC_OK);
	scl_admit(b->scl);
}

static void
apply_start(unsigned window)
{
	const struct px_apply_source source = { PX_IN_URL, "gw.example.org" };
	const struct px_apply_conf conf = {
		.scl = t.core.scl,
		.book = t.in.book,
		.sources = &source,
		.n_sources = 1,
		.window = window,
		.limit = t.limit,
		.retry_first = 1000,
		.retry_max = 8000,
		.stats = { &t.unused, &t.unused, &t.unused, &t.unused, &t.applied, &t.failed },
		.log = t.core.log,
	};

	ck_assert_int_eq(px_apply_new(&conf, &t.apply), RC_OK);
	ck_assert_int_eq(px_apply_start(t.apply), RC_OK);
}

/* In the order in which a service does it. */
static void
apply_stop(void)
{
	px_apply_stop(t.apply);
	core_stop(&t.core);
	px_in_close(&t.in);
	px_apply_free(t.apply);
	t.apply = NULL;
}

static void
setup(void)
{
	core_init(&t.core);
	t.core.conf.instances_max = 100000;
	t.core.conf.collection_max = 100000;
	t.limit = 3600 * CLOCK_SECOND;
	t.durable = false;
	atomic_store(&t.applied, 0);
	atomic_store(&t.failed, 0);
	px_in_start(&t.in);
}

static void
make_container(void)
{
	core_app(&t.core, "app", "");
	ck_assert_int_eq(core_container(&t.core, "app", "c", "default", MANY), 201);
}

/* ---- documents ---- */

static const char *
document(const char *from, const char *target, const char *method, const char *type,
         const char *content)
{
	static char text[8192];
	struct buf b;

	buf_init(&b, 4096);
	base64_encode(&b, slice_of(content));
	snprintf(text, sizeof(text),
	         "<m2m:requestNotify " NS " xmlns:xmime=\"http://www.w3.org/2005/05/xmlmime\">"
	         "<requestingEntity>%s</requestingEntity><targetID>%s</targetID>"
	         "<method>%s</method>"
	         "<xEtsiContactUriHeader>http://x/</xEtsiContactUriHeader>"
	         "<xEtsiCorrelationIDHeader>1</xEtsiCorrelationIDHeader>"
	         "<representation xmime:contentType=\"%s\">%.*s</representation>"
	         "</m2m:requestNotify>",
	         from, target, method, type, (int)b.n, b.p);
	buf_fini(&b);
	return text;
}

static void
put(const char *text)
{
	ck_assert_int_eq(px_in_put(&t.in, text), RC_OK);
	if (t.apply != NULL)
		px_apply_queued(t.apply, 0);
}

/* Content "n000042" for the container. */
static void
put_value(unsigned n)
{
	char value[16];

	snprintf(value, sizeof(value), "n%08u", n);
	put(document(FROM, INSTANCES, "CREATE", "text/plain", value));
}

static bool
is_empty(void *arg)
{
	struct px_in_count c = px_in_counts(&t.in);

	(void)arg;
	return c.removed == c.queued;
}

static void
await_empty(void)
{
	ck_assert(core_await(is_empty, NULL));
}

/* The container has the values from first to last, each once, in their order, and nothing else. */
static void
expect_values(unsigned first, unsigned last)
{
	struct reply r = core_ask(&t.core, "GET", INSTANCES, ADMIN, NULL);
	const char *at = r.body;
	unsigned n = 0;

	ck_assert_int_eq(r.status, 200);
	for (unsigned v = first; v <= last; v++) {
		char value[16];

		snprintf(value, sizeof(value), ">n%08u<", v);
		at = strstr(at, value);
		ck_assert_msg(at != NULL, "%s is not there, or not in its place", value);
		at++;
	}
	/* Each of them begins like this. */
	for (const char *p = r.body; (p = strstr(p, ">n0")) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, last - first + 1);
	reply_fini(&r);
}

/* ---- order ---- */

START_TEST(test_order)
{
	core_start(&t.core);
	make_container();
	for (unsigned n = 1; n <= 50; n++)
		put_value(n);
	apply_start(32);
	for (unsigned n = 51; n <= 150; n++)
		put_value(n);
	await_empty();
	expect_values(1, 150);
	ck_assert_uint_eq(px_in_counts(&t.in).applied, 150);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 0);
	ck_assert_uint_eq(atomic_load(&t.applied), 150);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* What others depend on is alone: a container, its contents, its end. */
START_TEST(test_barriers)
{
	char target[256];

	core_start(&t.core);
	core_app(&t.core, "app", "");
	for (unsigned round = 0; round < 5; round++) {
		put(document(FROM, BASE "/applications/app/containers", "CREATE", "application/xml",
		             "<m2m:container " NS " m2m:id=\"c\"><m2m:accessRightID>" BASE
		             "/accessRights/default</m2m:accessRightID>" MANY "</m2m:container>"));
		for (unsigned n = 1; n <= 7; n++)
			put_value(10 * round + n);
		if (round < 4) {
			snprintf(target, sizeof(target), "http://scl.example.org:8080%s",
			         CONTAINER);
			put(document(FROM, target, "DELETE", "text/plain", ""));
		}
	}
	apply_start(64);
	await_empty();
	expect_values(41, 47);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 0);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

static struct {
	_Atomic unsigned sent;
	_Atomic uint64_t applied; /* when it was sent */
	_Atomic bool held;
} far;

static struct port_answer
far_away(void *arg, const struct exchange *ex)
{
	(void)arg;
	(void)ex;
	atomic_store(&far.applied, atomic_load(&t.applied));
	atomic_fetch_add(&far.sent, 1);
	return (struct port_answer){ .status = 204, .held = &far.held };
}

static bool
is_sent(void *arg)
{
	(void)arg;
	return atomic_load(&far.sent) > 0;
}

/* An SCL that answers like that is registered. */
static void start_far(struct port_answer (*answer)(void *arg, const struct exchange *ex))
{
	port_fake_set(answer, NULL);
	atomic_store(&far.sent, 0);
	core_start(&t.core);
	make_container();
	ck_assert_int_eq(
		core_status(&t.core, "POST", BASE "/scls", FAR,
	                    "<m2m:scl " NS " sclId=\"far\"><m2m:pocs><reference>" FAR
	                    "</reference></m2m:pocs><m2m:link>" FAR
	                    "</m2m:link><m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                    "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>"),
		201);
}

/* What goes on to others waits for all before it, and all behind it waits for that. */
START_TEST(test_foreign)
{
	atomic_store(&far.held, true);
	start_far(far_away);
	for (unsigned n = 1; n <= 5; n++)
		put_value(n);
	put(document(FROM, FAR "/containers/x/contentInstances", "CREATE", "text/plain", "far"));
	for (unsigned n = 6; n <= 10; n++)
		put_value(n);
	apply_start(32);
	ck_assert(core_await(is_sent, NULL));
	ck_assert_uint_eq(atomic_load(&far.applied), 5);
	ck_assert_uint_eq(px_in_counts(&t.in).queued, 11);
	expect_values(1, 5);
	atomic_store(&far.held, false);
	await_empty();
	expect_values(1, 10);
	ck_assert_uint_eq(atomic_load(&far.sent), 1);
	ck_assert_uint_eq(px_in_counts(&t.in).applied, 11);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* Too slow the first time: 408. */
static struct port_answer
slow_away(void *arg, const struct exchange *ex)
{
	(void)arg;
	(void)ex;
	return (struct port_answer){ .status = atomic_fetch_add(&far.sent, 1) == 0 ? 408 : 204 };
}

START_TEST(test_slow)
{
	start_far(slow_away);
	put(document(FROM, FAR "/containers/x/contentInstances", "CREATE", "text/plain", "far"));
	put_value(1);
	apply_start(32);
	await_empty();
	expect_values(1, 1);
	ck_assert_uint_eq(atomic_load(&far.sent), 2);
	ck_assert_uint_eq(px_in_counts(&t.in).applied, 2);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 0);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* ---- refusals ---- */

static bool
next_failure(void *arg, const struct px_in_failure *f)
{
	struct px_in_failure **to = arg;

	*(*to)++ = *f;
	return true;
}

START_TEST(test_refused)
{
	struct px_in_failure f[16] = { 0 }, *end = f;
	const unsigned want[][2] = { { 2, 400 }, { 3, 400 }, { 4, 403 }, { 5, 403 },
		                     { 6, 404 }, { 7, 400 }, { 9, 405 } };

	core_start(&t.core);
	make_container();
	put_value(1);
	put("no document");
	put("");
	/* Somebody else's name, also one that begins alike. */
	put(document("http://other.example.org/m2m", INSTANCES, "CREATE", "text/plain", "n"));
	put(document(PX_IN_URL "x", INSTANCES, "CREATE", "text/plain", "n"));
	put(document(FROM, BASE "/applications/app/containers/d/contentInstances", "CREATE",
	             "text/plain", "n"));
	put(document(FROM, INSTANCES, "CREATE", "application/xml", "<m2m:contentInstance"));
	put_value(2);
	put(document(FROM, INSTANCES, "UPDATE", "text/plain", "n"));
	/* In the name of the gateway itself. */
	put(document(PX_IN_URL, INSTANCES, "CREATE", "text/plain", "n00000003"));
	apply_start(32);
	await_empty();
	expect_values(1, 3);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 7);
	ck_assert_uint_eq(px_in_counts(&t.in).applied, 3);
	ck_assert_uint_eq(atomic_load(&t.failed), 7);
	ck_assert_int_eq(px_inbook_failures(t.in.book, &t.in.source, 16, next_failure, &end),
	                 RC_OK);
	for (size_t i = 0; i < NITEMS(want); i++) {
		ck_assert_uint_eq(f[i].number, want[i][0]);
		ck_assert_uint_eq(f[i].status, want[i][1]);
	}
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* What fails, and may not the next time, is tried again, and nothing overtakes it. */
START_TEST(test_later)
{
	core_start(&t.core);
	make_container();
	apply_start(8);
	core_fail_commits(700);
	for (unsigned n = 1; n <= 60; n++)
		put_value(n);
	core_fail_commits(400);
	await_empty();
	core_fail_commits(0);
	expect_values(1, 60);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 0);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* But not for ever. */
START_TEST(test_limit)
{
	t.limit = 20000;
	core_start(&t.core);
	make_container();
	apply_start(8);
	core_fail_commits(1000);
	for (unsigned n = 1; n <= 3; n++)
		put_value(n);
	await_empty();
	core_fail_commits(0);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 3);
	put_value(4);
	await_empty();
	expect_values(4, 4);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* The disk of the book is full, that of the tree is not. */
START_TEST(test_book_full)
{
	core_start(&t.core);
	make_container();
	for (unsigned n = 1; n <= 40; n++)
		put_value(n);
	px_in_fail(7, RC_NO_SPACE);
	apply_start(4);
	await_empty();
	expect_values(1, 40);
	ck_assert_uint_eq(px_in_counts(&t.in).applied, 40);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* ---- restart ---- */

START_TEST(test_restart)
{
	core_start(&t.core);
	make_container();
	for (unsigned n = 1; n <= 20; n++)
		put_value(n);
	apply_start(8);
	await_empty();
	apply_stop();

	px_in_open(&t.in);
	core_start(&t.core);
	for (unsigned n = 21; n <= 40; n++)
		put_value(n);
	apply_start(8);
	await_empty();
	expect_values(1, 40);
	apply_stop();

	/* Another book, such as one of a backup: what comes then is not taken for what was applied. */
	px_in_free(&t.in);
	px_in_start(&t.in);
	core_start(&t.core);
	apply_start(8);
	put_value(41);
	await_empty();
	expect_values(1, 41);
	ck_assert_uint_eq(px_in_counts(&t.in).queued, 41);
	apply_stop();
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

/* ---- SIGKILL ---- */

#define KILL_VALUES 60u

/* In a process of its own; the kill_at-th commit of the book from now on does not happen. */
static void
life(unsigned kill_at, bool first)
{
	px_in_open(&t.in);
	tree_start();
	if (first) {
		make_container();
		for (unsigned n = 1; n <= KILL_VALUES; n++)
			put_value(n);
	}
	px_in_kill_at(kill_at);
	apply_start(4);
	await_empty();
	px_in_kill_at(0);
	expect_values(1, KILL_VALUES);
	ck_assert_uint_eq(px_in_counts(&t.in).failed, 0);
	ck_assert_uint_eq(px_in_counts(&t.in).applied, KILL_VALUES);
	apply_stop();
	_exit(0);
}

/* True when it was killed; otherwise all was well in it. */
static bool
live(unsigned kill_at, bool first)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		life(kill_at, first);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
	return false;
}

START_TEST(test_killed)
{
	unsigned lives = 0;

	t.durable = true;
	px_in_close(&t.in);
	/* The tree has what the book does not know to be done, again and again. */
	for (bool first = true; live(1 + lives % 3, first); first = false)
		ck_assert_uint_lt(++lives, 100);
	ck_assert_uint_ge(lives, 5);
	px_in_open(&t.in);
	px_in_free(&t.in);
}
END_TEST

/* ---- which may be under way together ---- */

static const struct {
	const char *target;
	bool own;
} targets[] = {
	{ INSTANCES, true },
	{ "http://scl.example.org:8080" INSTANCES, true },
	{ BASE "/containers/c/contentInstances", true },
	{ BASE "/scls/s/containers/c/contentInstances", true },
	{ BASE "/scls/s/applications/a/containers/c/contentInstances", true },
	{ "http://other.example.org" INSTANCES, false },
	{ INSTANCES "/", false },
	{ INSTANCES "?x=1", false },
	{ INSTANCES "/latest", false },
	{ "/other/applications/app/containers/c/contentInstances", false },
	{ BASE "x/containers/c/contentInstances", false },
	{ BASE "/applications/app/x/containers/c/contentInstances", false },
	{ BASE "/applications/app/contentInstances", false },
	{ BASE "/containers//contentInstances", false },
	{ BASE "/lp/containers/c/contentInstances", false },
	{ BASE "/containers/c", false },
	{ BASE, false },
	{ "", false },
};

START_TEST(test_targets)
{
	core_start(&t.core);
	for (size_t i = 0; i < NITEMS(targets); i++)
		ck_assert_msg(px_request_own_instances(t.core.scl, slice_of(targets[i].target)) ==
		                      targets[i].own,
		              "%s", targets[i].target);
	core_fini(&t.core);
	px_in_free(&t.in);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("px_apply");
	TCase *c = suite_case(s, "px_apply", setup, NULL);

	tcase_add_test(c, test_order);
	tcase_add_test(c, test_barriers);
	tcase_add_test(c, test_foreign);
	tcase_add_test(c, test_slow);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_later);
	tcase_add_test(c, test_limit);
	tcase_add_test(c, test_book_full);
	tcase_add_test(c, test_restart);
	tcase_add_test(c, test_killed);
	tcase_add_test(c, test_targets);
	return run_suite(s);
}
