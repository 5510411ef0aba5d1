/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, and that what is remembered of it never outlives a change. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core_bed.h"
#include "core/scl_impl.h"
#include "repo_bed.h"

#define APPS BASE "/applications"
#define RIGHTS BASE "/accessRights"
#define DEFAULT "<m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"
#define G1 "http://g1.example.net/m2m"

static int
put_right(struct core_bed *b, const char *method, const char *id, const char *permissions)
{
	char target[128];
	bool create = strcmp(method, "POST") == 0;

	snprintf(target, sizeof(target), RIGHTS "%s%s", create ? "" : "/", create ? "" : id);
	return core_do(
		b, method, target,
		"<m2m:accessRight " NS "%s%s%s><m2m:permissions>%s</m2m:permissions>"
		"<m2m:selfPermissions><m2m:permission m2m:id=\"s\"><m2m:permissionFlags>"
		"<m2m:flag>READ</m2m:flag><m2m:flag>WRITE</m2m:flag><m2m:flag>DELETE</m2m:flag>"
		"</m2m:permissionFlags><m2m:permissionHolders><m2m:all/></m2m:permissionHolders>"
		"</m2m:permission></m2m:selfPermissions></m2m:accessRight>",
		create ? " m2m:id=\"" : "", create ? id : "", create ? "\"" : "", permissions);
}

static int
register_scl(struct core_bed *b, const char *more)
{
	struct reply r;
	char body[1024];

	snprintf(body, sizeof(body),
	         "<m2m:scl " NS " sclId=\"g1\">%s<m2m:link>" G1 "</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</"
	         "m2m:sclType></m2m:scl>",
	         more);
	r = core_ask(b, "POST", BASE "/scls", G1, body);
	reply_fini(&r);
	return r.status;
}

/* ---- the matrix ---- */

enum { R = 1, W = 2, D = 4, C = 8 };

static void
permission(char *to, size_t size, const char *id, unsigned flags, const char *holders)
{
	snprintf(to, size,
	         "<m2m:permission m2m:id=\"%s\"><m2m:permissionFlags>%s%s%s%s</m2m:permissionFlags>"
	         "<m2m:permissionHolders>%s</m2m:permissionHolders></m2m:permission>",
	         id, flags & R ? "<m2m:flag>READ</m2m:flag>" : "",
	         flags & W ? "<m2m:flag>WRITE</m2m:flag>" : "",
	         flags & D ? "<m2m:flag>DELETE</m2m:flag>" : "",
	         flags & C ? "<m2m:flag>CREATE</m2m:flag>" : "", holders);
}

#define APP(a)                                                                                     \
	"<m2m:applicationIDs><m2m:applicationID>" a "</m2m:applicationID></m2m:applicationIDs>"
#define SCL(a) "<m2m:sclIDs><m2m:sclID>" a "</m2m:sclID></m2m:sclIDs>"
#define DOMAIN(a) "<m2m:domains><m2m:domain>" a "</m2m:domain></m2m:domains>"
#define REF(a) "<m2m:holderRefs><m2m:holderRef>" a "</m2m:holderRef></m2m:holderRefs>"
#define ALL "<m2m:all/>"

/* One who asks against one holder: the flags are those of the permission, or none. */
static const struct {
	const char *holders, *who;
	bool matches;
} holders[] = {
	{ ALL, "http://anybody.example.org/", true },
	{ ALL, "http://any.example.org:81/y", true },
	{ APP("x"), "http://other.example.org/m2m/applications/x", true },
	{ APP("x"), BASE "/applications/x", true },
	{ APP("x"), BASE "/applications/xy", false },
	{ APP("x"), BASE "/applications/x/containers", false },
	{ APP("x"), BASE "/scls/x", false },
	{ SCL("g1"), G1, true },
	{ SCL("g1"), "HTTP://G1.example.net:80/m2m", true },
	{ SCL("g1"), G1 "/applications/x", false },
	{ SCL("g2"), G1, false },
	{ SCL("scl.example.org"), G1, false },
	{ DOMAIN("example.net"), G1, true },
	{ DOMAIN("example.net"), "http://example.net/", true },
	{ DOMAIN("example.net"), "http://badexample.net/", false },
	{ DOMAIN("example.net"), "http://example.net.org/", false },
	{ DOMAIN("example.net/a"), "http://example.net/a/b", true },
	{ DOMAIN("example.net/a"), "http://example.net/ab", false },
	{ DOMAIN("example.net/a"), "http://sub.example.net/a", false },
	{ REF("http://who.example.org/me"), "http://who.example.org/me", true },
	{ REF("http://who.example.org/me"), "http://WHO.example.org:80/me", true },
	{ REF("http://who.example.org/me"), "http://who.example.org/me/too", false },
	{ REF("/m2m/applications/x"), "http://scl.example.org:8080/m2m/applications/x", true },
	{ REF("http://scl.example.org:8080/m2m/applications/x"), "/m2m/applications/x", true },
	{ REF("/m2m/scls/g1"), G1, true },
	{ REF("/m2m/scls/g1"), "http://g2.example.net/m2m", false },
	{ "", "http://anybody.example.org/", false },
};

static int
expected(unsigned flags, unsigned needed, int ok)
{
	return flags & needed ? ok : flags != 0 ? 401 : 404;
}

static void
check_rights(struct core_bed *b, const char *who, unsigned flags, const char *what)
{
	const char *wrong = "<m2m:container " NS "><m2m:nothing/></m2m:container>";
	const char *c = APPS "/a1/containers/c", *ci = APPS "/a1/containers/c/contentInstances";
	const struct {
		const char *method, *target, *body;
		unsigned needed;
		int ok;
	} rows[] = {
		{ "GET", c, NULL, R, 200 },
		{ "GET", ci, NULL, R, 200 },
		{ "GET", APPS "/a1/containers/c/contentInstances/i", NULL, R, 200 },
		{ "GET", APPS "/a1/containers/c/contentInstances/latest/content", NULL, R, 200 },
		{ "GET", APPS "/a1/containers/c/maxNrOfInstances", NULL, R, 200 },
		{ "PUT", c, wrong, W, 400 },
		{ "PUT", APPS "/a1/containers/c/maxNrOfInstances", wrong, W, 400 },
		{ "DELETE", APPS "/a1/containers/c/searchStrings", NULL, W, 404 },
		{ "POST", ci, "<m2m:contentInstance " NS "/>", C, 400 },
		{ "POST", APPS "/a1/containers/c/subscriptions", "<m2m:subscription " NS "/>", R,
		  400 },
		{ "DELETE", APPS "/a1/containers/c/contentInstances/none", NULL, 0, 404 },
	};

	/* Asked twice: the second answer is by what was remembered. */
	for (unsigned i = 0; i < 2 * NITEMS(rows); i++) {
		size_t k = i / 2;
		int status = core_status(b, rows[k].method, rows[k].target, who, rows[k].body);
		int want = rows[k].needed == 0 ? rows[k].ok
		                               : expected(flags, rows[k].needed, rows[k].ok);

		ck_assert_msg(status == want, "%s, %s, flags %x: %s %s: %d, not %d", what, who,
		              flags, rows[k].method, rows[k].target, status, want);
	}
}

static void
prepare_matrix(struct core_bed *b)
{
	core_start_alone(b);
	core_app(b, "a1", "");
	ck_assert_int_eq(register_scl(b, ""), 201);
	ck_assert_int_eq(core_container(b, "a1", "c", "default", ""), 201);
	ck_assert_int_eq(core_do(b, "POST", APPS "/a1/containers/c/contentInstances",
	                         "<m2m:contentInstance " NS
	                         " m2m:id=\"i\"><m2m:content><m2m:textContent>x"
	                         "</m2m:textContent></m2m:content></m2m:contentInstance>"),
	                 201);
	ck_assert_int_eq(put_right(b, "POST", "r", ""), 201);
	ck_assert_int_eq(core_do(b, "DELETE", APPS "/a1/containers/c", "%s", ""), 204);
	ck_assert_int_eq(core_container(b, "a1", "c", "r", ""), 201);
}

/* Every kind of holder with every flag. */
START_TEST(test_holders)
{
	struct core_bed b;
	char p[1024];

	prepare_matrix(&b);
	for (size_t i = 0; i < NITEMS(holders); i++)
		for (unsigned flags = 0; flags < 16; flags = flags == 0 ? 1 : flags * 2) {
			/* The administrator may write the content that the others look for. */
			permission(p, sizeof(p), "p", R | C, REF(ADMIN));
			ck_assert_int_eq(put_right(&b, "PUT", "r", p), 204);
			if (i == 0 && flags == 0)
				ck_assert_int_eq(
					core_do(&b, "POST",
				                APPS "/a1/containers/c/contentInstances",
				                "<m2m:contentInstance " NS
				                " m2m:id=\"i\"><m2m:content>"
				                "<m2m:textContent>x</m2m:textContent></m2m:content>"
				                "</m2m:contentInstance>"),
					201);
			permission(p, sizeof(p), "p", flags, holders[i].holders);
			ck_assert_int_eq(put_right(&b, "PUT", "r", p), 204);
			check_rights(&b, holders[i].who, holders[i].matches ? flags : 0,
			             holders[i].holders);
		}
	core_fini(&b);
}
END_TEST

/* What several permissions give adds up. */
START_TEST(test_union)
{
	static const struct {
		const char *first, *second;
		unsigned flags; /* of the first: R, of the second: W */
	} rows[] = {
		{ ALL, ALL, R | W },
		{ ALL, APP("x"), R | W },
		{ APP("y"), APP("x"), W },
		{ APP("x"), APP("y"), R },
		{ DOMAIN("example.org"), REF("http://z.example.org/applications/x"), R | W },
		{ APP("y"), SCL("g1"), 0 },
		{ APP("y") DOMAIN("example.org"), SCL("g1"), R },
	};
	struct core_bed b;
	char p[2048], q[1024];

	prepare_matrix(&b);
	permission(p, sizeof(p), "p", R | C, ALL);
	ck_assert_int_eq(put_right(&b, "PUT", "r", p), 204);
	ck_assert_int_eq(core_do(&b, "POST", APPS "/a1/containers/c/contentInstances",
	                         "<m2m:contentInstance " NS
	                         " m2m:id=\"i\"><m2m:content><m2m:textContent>x"
	                         "</m2m:textContent></m2m:content></m2m:contentInstance>"),
	                 201);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		permission(p, sizeof(p), "p", R, rows[i].first);
		permission(q, sizeof(q), "q", W, rows[i].second);
		strcat(p, q);
		ck_assert_int_eq(put_right(&b, "PUT", "r", p), 204);
		check_rights(&b, "http://z.example.org/applications/x", rows[i].flags,
		             rows[i].first);
	}
	core_fini(&b);
}
END_TEST

/* ---- what is remembered ---- */

static const char *const askers[] = {
	ADMIN,
	G1,
	"http://z.example.org/applications/x",
	BASE "/applications/a0",
	"http://any.example.org:81/y",
};

static const char *const right_holders[] = {
	ALL,
	APP("x"),
	SCL("g1"),
	DOMAIN("example.org"),
	REF("/m2m/scls/g1"),
	REF("/m2m/applications/a0"),
	"",
};

#define LATER "<m2m:expirationTime>2030-01-01T00:00:%02uZ</m2m:expirationTime>"

static int64_t
second_of_2030(unsigned s)
{
	return (INT64_C(1893456000) + s) * CLOCK_SECOND;
}

struct world {
	struct core_bed b;
	struct dice dice;
	unsigned second;
};

/* Something that may change what somebody may see. */
static void
change(struct world *w)
{
	struct core_bed *b = &w->b;
	unsigned app = dice(&w->dice, 2), c = dice(&w->dice, 3), r = dice(&w->dice, 3);
	char target[192], id[8], cid[8], rid[8], p[1024], more[128] = "";

	snprintf(id, sizeof(id), "a%u", app);
	snprintf(cid, sizeof(cid), "c%u", c);
	snprintf(rid, sizeof(rid), "r%u", r);
	permission(p, sizeof(p), "p", dice(&w->dice, 16),
	           right_holders[dice(&w->dice, NITEMS(right_holders))]);
	if (dice(&w->dice, 3) == 0)
		snprintf(more, sizeof(more), LATER, w->second + 1 + dice(&w->dice, 4));
	switch (dice(&w->dice, 10)) {
	case 0:
		put_right(b, "POST", rid, p);
		break;
	case 1:
	case 2:
		put_right(b, "PUT", rid, p);
		break;
	case 3:
		snprintf(target, sizeof(target), RIGHTS "/%s", rid);
		if (dice(&w->dice, 3) == 0)
			core_status(b, "DELETE", target, ADMIN, NULL);
		break;
	case 4:
		core_container(b, id, cid, dice(&w->dice, 4) == 0 ? NULL : rid, more);
		break;
	case 5:
		snprintf(target, sizeof(target), APPS "/%s/containers/%s", id, cid);
		snprintf(p, sizeof(p),
		         "<m2m:container " NS ">%s<m2m:accessRightID>" RIGHTS "/%s"
		         "</m2m:accessRightID></m2m:container>",
		         more, rid);
		core_status(b, "PUT", target, askers[dice(&w->dice, NITEMS(askers))], p);
		break;
	case 6:
		snprintf(target, sizeof(target), APPS "/%s/containers/%s", id, cid);
		core_status(b, "DELETE", target, askers[dice(&w->dice, NITEMS(askers))], NULL);
		break;
	case 7:
		if (core_status(b, "DELETE", BASE "/scls/g1", G1, NULL) != 204 ||
		    dice(&w->dice, 2) == 0)
			register_scl(b, more);
		break;
	case 8:
		snprintf(target, sizeof(target), APPS "/%s/containers/accessRightID", id);
		snprintf(p, sizeof(p),
		         "<m2m:accessRightID " NS ">" RIGHTS "/%s</m2m:accessRightID>", rid);
		core_status(b, dice(&w->dice, 2) == 0 ? "PUT" : "DELETE", target, ADMIN, p);
		break;
	default:
		if (dice(&w->dice, 4) == 0)
			atomic_store(&b->clock.now, second_of_2030(++w->second));
		snprintf(target, sizeof(target), APPS "/%s", id);
		if (dice(&w->dice, 6) == 0)
			core_status(b, "DELETE", target, ADMIN, NULL);
		snprintf(p, sizeof(p),
		         "<m2m:application " NS " appId=\"%s\">" DEFAULT "%s</m2m:application>", id,
		         more);
		core_status(b, "POST", APPS, ADMIN, p);
	}
}

static void
forget(struct core_bed *b)
{
	/* Nobody else asks now. */
	decisions_free(b->scl->decisions);
	b->scl->decisions = decisions_new(64);
	ck_assert_ptr_nonnull(b->scl->decisions);
}

static void
compare(struct world *w)
{
	static const char *const tails[] = {
		"",
		"/containers",
		"/containers/c0",
		"/containers/c1",
		"/containers/c2",
		"/containers/c0/contentInstances",
		"/containers/c1/subscriptions",
		"/containers/c2/nothing",
		"/containers/c1/contentInstances/latest",
	};
	char target[192];

	for (unsigned i = 0; i < 6; i++) {
		const char *who = askers[dice(&w->dice, NITEMS(askers))];
		bool put = dice(&w->dice, 3) == 0;
		struct reply known, fresh;

		snprintf(target, sizeof(target), APPS "/a%u%s", dice(&w->dice, 2),
		         tails[dice(&w->dice, NITEMS(tails))]);
		known = core_ask(&w->b, put ? "PUT" : "GET", target, who,
		                 put ? "<nothing/>" : NULL);
		forget(&w->b);
		fresh = core_ask(&w->b, put ? "PUT" : "GET", target, who,
		                 put ? "<nothing/>" : NULL);
		ck_assert_msg(known.status == fresh.status && strcmp(known.body, fresh.body) == 0,
		              "%s %s from %s: %d, afresh %d\n%s\n%s", put ? "PUT" : "GET", target,
		              who, known.status, fresh.status, known.body, fresh.body);
		reply_fini(&known);
		reply_fini(&fresh);
	}
}

static void
warm_up(struct world *w)
{
	static const char *const tails[] = { "",
		                             "/containers",
		                             "/containers/c0",
		                             "/containers/c1",
		                             "/containers/c2",
		                             "/containers/c1/contentInstances" };
	char target[192];

	for (unsigned a = 0; a < 2; a++)
		for (size_t i = 0; i < NITEMS(tails); i++)
			for (size_t k = 0; k < NITEMS(askers); k++) {
				snprintf(target, sizeof(target), APPS "/a%u%s", a, tails[i]);
				core_status(&w->b, "GET", target, askers[k], NULL);
			}
}

/* At any moment the answers are those of an scl that remembers nothing. */
START_TEST(test_remembered)
{
	struct world w = { .second = 0 };

	core_init_alone(&w.b);
	atomic_store(&w.b.clock.now, second_of_2030(0));
	core_start(&w.b);
	dice_init(&w.dice, "remembered");
	for (unsigned i = 0; i < 30; i++)
		change(&w);
	for (unsigned i = 0; i < core_scale(1500); i++) {
		warm_up(&w);
		change(&w);
		compare(&w);
	}
	core_fini(&w.b);
}
END_TEST

struct toggler {
	pthread_t thread;
	struct core_bed *b;
	unsigned n;
};

static void *
toggle(void *arg)
{
	struct toggler *t = arg;
	char rid[16], cid[16], target[128], p[512];

	snprintf(rid, sizeof(rid), "t%u", t->n);
	snprintf(cid, sizeof(cid), "t%u", t->n);
	snprintf(target, sizeof(target), APPS "/a1/containers/%s", cid);
	ck_assert_int_eq(put_right(t->b, "POST", rid, ""), 201);
	ck_assert_int_eq(core_container(t->b, "a1", cid, rid, ""), 201);
	for (unsigned i = 0; i < core_scale(250); i++) {
		unsigned flags = i % 3 == 0 ? R : i % 3 == 1 ? W : 0;

		permission(p, sizeof(p), "p", flags, ALL);
		ck_assert_int_eq(put_right(t->b, "PUT", rid, p), 204);
		for (unsigned k = 0; k < 3; k++)
			ck_assert_int_eq(core_status(t->b, "GET", target, G1, NULL),
			                 expected(flags, R, 200));
	}
	return NULL;
}

/* Who has been told of a change sees it, whoever else is at work. */
START_TEST(test_read_own_change)
{
	struct core_bed b;
	struct toggler ts[4];

	core_start_alone(&b);
	core_app(&b, "a1", "");
	for (unsigned i = 0; i < NITEMS(ts); i++) {
		ts[i] = (struct toggler){ .b = &b, .n = i };
		pthread_create(&ts[i].thread, NULL, toggle, &ts[i]);
	}
	for (unsigned i = 0; i < NITEMS(ts); i++)
		pthread_join(ts[i].thread, NULL);
	core_fini(&b);
}
END_TEST

/* A change that is applied before a request in the same transaction holds for it, too. */
START_TEST(test_change_in_batch)
{
	const char *wrong =
		"<m2m:accessRight " NS "><m2m:permissions></m2m:permissions>"
		"<m2m:selfPermissions><m2m:permission m2m:id=\"s\"><m2m:permissionFlags>"
		"<m2m:flag>WRITE</m2m:flag><m2m:flag>DELETE</m2m:flag></m2m:permissionFlags>"
		"<m2m:permissionHolders><m2m:all/></m2m:permissionHolders></m2m:permission>"
		"</m2m:selfPermissions></m2m:accessRight>";
	const struct {
		const char *method, *target, *body;
	} changes[] = {
		{ "PUT", RIGHTS "/r", wrong },
		{ "DELETE", RIGHTS "/r", NULL },
		{ "DELETE", APPS "/a1/containers/c", NULL },
		{ "DELETE", APPS "/a1", NULL },
	};
	struct core_bed b;
	char p[512];

	core_start_alone(&b);
	permission(p, sizeof(p), "p", R | W | D | C, ALL);
	for (size_t i = 0; i < NITEMS(changes); i++) {
		struct core_call change, write;
		struct core_plug plug;
		struct reply r;

		(void)core_status(&b, "DELETE", APPS "/a1", ADMIN, NULL);
		(void)core_status(&b, "DELETE", RIGHTS "/r", ADMIN, NULL);
		core_app(&b, "a1", "");
		ck_assert_int_eq(put_right(&b, "POST", "r", p), 201);
		ck_assert_int_eq(core_container(&b, "a1", "c", "r", ""), 201);
		ck_assert_int_eq(
			core_status(&b, "GET", APPS "/a1/containers/c/contentInstances", G1, NULL),
			200);
		core_plug(&b, &plug);
		ck_assert(core_begin(&b, &change, changes[i].method, changes[i].target, ADMIN,
		                     "application/xml", changes[i].body));
		ck_assert(core_begin(&b, &write, "POST", APPS "/a1/containers/c/contentInstances",
		                     G1, "text/plain", "x"));
		core_unplug(&plug);
		r = core_end(&change);
		ck_assert_int_eq(r.status, 204);
		reply_fini(&r);
		r = core_end(&write);
		ck_assert_msg(r.status == 404, "%zu: %d", i, r.status);
		reply_fini(&r);
	}
	core_fini(&b);
}
END_TEST

/* A registration that is past its time holds no right, although nothing has removed it yet. */
START_TEST(test_expired_holder)
{
	struct core_bed b;
	char more[128], p[512];

	core_init_alone(&b);
	b.conf.scl_lifetime = 0;
	atomic_store(&b.clock.now, second_of_2030(0));
	core_start(&b);
	core_app(&b, "a1", "");
	permission(p, sizeof(p), "p", R, SCL("g1"));
	ck_assert_int_eq(put_right(&b, "POST", "r", p), 201);
	ck_assert_int_eq(core_container(&b, "a1", "c", "r", ""), 201);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(more, sizeof(more), LATER, i + 2);
		ck_assert_int_eq(register_scl(&b, more), 201);
		ck_assert_int_eq(core_status(&b, "GET", APPS "/a1/containers/c", G1, NULL), 200);
		atomic_store(&b.clock.now, second_of_2030(i + 2));
		ck_assert_int_eq(core_status(&b, "GET", APPS "/a1/containers/c", G1, NULL), 404);
		ck_assert_int_eq(core_status(&b, "GET", BASE "/scls/g1", G1, NULL), 404);
		/* Its place is taken again only when it is gone. */
		while (core_status(&b, "DELETE", BASE "/scls/g1", G1, NULL) != 404)
			;
		while (register_scl(&b, "") == 409)
			;
		ck_assert_int_eq(core_status(&b, "DELETE", BASE "/scls/g1", G1, NULL), 204);
	}
	core_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	const TTest *const tests[] = { test_holders,         test_union,
		                       test_remembered,      test_read_own_change,
		                       test_change_in_batch, test_expired_holder };
	Suite *s = suite_create("access");
	TCase *tc = tcase_create("access");

	tcase_set_timeout(tc, 300);
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
