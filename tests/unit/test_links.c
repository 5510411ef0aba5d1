/* SPDX-License-Identifier: Apache-2.0 */
/* /.well-known/core: what it lists for whom, by which query, and within which limits. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/guard.h"
#include "core_bed.h"

#define CORE "/.well-known/core"
#define APP BASE "/applications/a1"
#define C1 APP "/containers/c1"
#define HIDDEN APP "/containers/hidden"
#define OTHER "http://other.example.org/"

static struct core_bed b;

/* The right of one holder alone; nobody else may see what it governs. */
static void
right_of(const char *id, const char *holders)
{
	ck_assert_int_eq(core_do(&b, "POST", BASE "/accessRights",
	                         "<m2m:accessRight " NS " m2m:id=\"%s\"><m2m:permissions>"
	                         "<m2m:permission m2m:id=\"p\"><m2m:permissionFlags><m2m:flag>READ"
	                         "</m2m:flag></m2m:permissionFlags><m2m:permissionHolders>%s"
	                         "</m2m:permissionHolders></m2m:permission></m2m:permissions>"
	                         "<m2m:selfPermissions/></m2m:accessRight>",
	                         id, holders),
	                 201);
}

static void
grow(void)
{
	right_of("other", "<m2m:holderRefs><m2m:holderRef>" OTHER "</m2m:holderRef></m2m:holderRefs>");
	right_of("own", "<m2m:domains><m2m:domain>scl.example.org</m2m:domain></m2m:domains>");
	core_app(&b, "a1", "");
	core_app(&b, "a2", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	ck_assert_int_eq(core_container(&b, "a1", "c10", "default", ""), 201);
	ck_assert_int_eq(core_container(&b, "a2", "c2", "default", ""), 201);
	ck_assert_int_eq(core_container(&b, "a1", "hidden", "other", ""), 201);
	ck_assert_int_eq(core_container(&b, "a1", "domain", "own", ""), 201);
	ck_assert_int_eq(core_post_text(&b, C1 "/contentInstances", "1"), 201);
}

static void
setup(void)
{
	core_start_alone(&b);
	grow();
}

static void
teardown(void)
{
	core_fini(&b);
}

static struct reply
ask(const char *query, const char *from)
{
	char target[512];

	snprintf(target, sizeof(target), CORE "%s%s", query[0] == '\0' ? "" : "?", query);
	return core_ask(&b, "GET", target, from, NULL);
}

/* The whole answer. */
static void
lists(const char *query, const char *from, const char *expect)
{
	struct reply r = ask(query, from);

	ck_assert_msg(r.status == 200, "%s: %d", query, r.status);
	ck_assert_msg(strcmp(r.body, expect) == 0, "%s: %s instead of %s", query, r.body, expect);
	reply_fini(&r);
}

static bool
has(const struct reply *r, const char *target)
{
	char link[256];

	snprintf(link, sizeof(link), "<%s>", target);
	return strstr(r->body, link) != NULL;
}

#define LINK(path, rt) "<" path ">;rt=\"m2m." rt "\";ct=\"41 50 60\";obs"
#define CONTAINER(path) LINK(path, "container")

/* Without a query: what is there in every SCL, for anybody, and nothing else. */
START_TEST(test_fixed)
{
	static const char expect[] =
		LINK(BASE, "sclbase") "," LINK(BASE "/scls", "scls") ","
		LINK(BASE "/applications", "applications") "," LINK(BASE "/containers", "containers") ","
		LINK(BASE "/groups", "groups") "," LINK(BASE "/accessRights", "accessrights") ","
		LINK(BASE "/subscriptions", "subscriptions") "," LINK(BASE "/discovery", "discovery");
	struct reply r = ask("", NULL);

	ck_assert_int_eq(r.status, 200);
	ck_assert_msg(strncmp(r.body, expect, strlen(expect)) == 0, "%s", r.body);
	ck_assert_ptr_null(strstr(r.body, "a1"));
	reply_fini(&r);
	r = ask("", ADMIN);
	ck_assert_ptr_null(strstr(r.body, "a1"));
	reply_fini(&r);
}
END_TEST

START_TEST(test_by_type)
{
	lists("rt=m2m.container&href=" APP "*", ADMIN,
	      CONTAINER(C1) "," CONTAINER(APP "/containers/c10"));
	lists("rt=m2m.application", ADMIN,
	      LINK(APP, "application") "," LINK(BASE "/applications/a2", "application"));
	lists("rt=m2m.scl*", ADMIN, LINK(BASE, "sclbase") "," LINK(BASE "/scls", "scls"));
	lists("rt=m2m.groups", NULL, LINK(BASE "/groups", "groups"));
	lists("rt=m2m.Container", ADMIN, "");
	lists("rt=m2m", ADMIN, "");
	lists("rt=", ADMIN, "");
	lists("rt=m2m.none", ADMIN, "");
	/* Single instances by their type alone, as in discovery. */
	lists("rt=m2m.contentinstance", ADMIN, LINK(C1 "/contentInstances/ci_1", "contentinstance"));
}
END_TEST

START_TEST(test_by_target)
{
	lists("href=" C1, ADMIN, CONTAINER(C1));
	lists("href=" C1 "*", ADMIN, CONTAINER(C1) "," CONTAINER(APP "/containers/c10"));
	lists("href=" APP "/containers/c1*&rt=m2m.application", ADMIN, "");
	lists("href=" BASE, ADMIN, LINK(BASE, "sclbase"));
	lists("href=" BASE "/scl*", NULL, LINK(BASE "/scls", "scls"));
	lists("href=/none*", ADMIN, "");
	lists("href=" BASE "/none*", ADMIN, "");
	lists("href=http://else.example.org/*", ADMIN, "");
	lists("href=%2Fm2m%2Fapplications%2Fa1", ADMIN, LINK(APP, "application"));
}
END_TEST

/* The other attributes; one that no link has selects none. */
START_TEST(test_by_attribute)
{
	static const char *const all[] = { "ct=50", "ct=60", "ct=41*", "obs", "rt", "href=*",
		                           "ct=41%2050%2060" };
	static const char *const none[] = { "ct=40", "ct=5", "obs=1", "if=sensor", "sz=1", "anchor=/",
		                            "rel=self", "title=none", "searchString=x", "=", "RT=m2m" };

	for (size_t i = 0; i < NITEMS(all); i++) {
		struct reply r = ask(all[i], ADMIN);

		ck_assert_msg(has(&r, C1) && has(&r, APP) && has(&r, BASE), "%s: %s", all[i], r.body);
		ck_assert_msg(strstr(r.body, "capability") == NULL || strcmp(all[i], "rt") == 0 ||
		                      strcmp(all[i], "href=*") == 0,
		              "%s: %s", all[i], r.body);
		reply_fini(&r);
	}
	for (size_t i = 0; i < NITEMS(none); i++)
		lists(none[i], ADMIN, "");
	lists("title=Capability/lp", NULL,
	      "<" BASE "/lp>;rt=\"m2m.capability\";title=\"Capability/lp\"");
	lists("title=Cap*&rt=m2m.capability&href=" BASE "/lp", ADMIN,
	      "<" BASE "/lp>;rt=\"m2m.capability\";title=\"Capability/lp\"");
}
END_TEST

/* Everybody sees what it may discover; who has no name what everybody may. */
START_TEST(test_for_whom)
{
	static const struct {
		const char *from;
		bool hidden, domain;
	} rows[] = {
		{ ADMIN, false, false }, { OTHER, true, false }, { NULL, false, false },
		{ "http://scl.example.org/x", false, true },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct reply r = ask("rt=m2m.container", rows[i].from);

		ck_assert_int_eq(r.status, 200);
		ck_assert(has(&r, C1));
		ck_assert_int_eq(has(&r, HIDDEN), rows[i].hidden);
		ck_assert_int_eq(has(&r, APP "/containers/domain"), rows[i].domain);
		reply_fini(&r);
	}
}
END_TEST

START_TEST(test_malformed)
{
	static const char *const rows[] = { "rt=%zz", "%=1", "rt=m2m.x%00",
		                            "a&b&c&d&e&f&g&h&i" };

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct reply r = ask(rows[i], ADMIN);

		ck_assert_msg(r.status == 400, "%s: %d", rows[i], r.status);
		reply_fini(&r);
	}
	lists("a&b&c&d&e&f&g&h", ADMIN, "");
	ck_assert_int_eq(core_status(&b, "GET", CORE "?rt=m2m.container", "no uri", NULL), 400);
	ck_assert_int_eq(core_status(&b, "POST", CORE "?rt=m2m.container", ADMIN, NULL), 405);
}
END_TEST

static unsigned
links_in(const char *body)
{
	unsigned n = 0;

	for (; (body = strchr(body, '<')) != NULL; body++)
		n++;
	return n;
}

/* However much there is: whole links, as many as discovery lists and as the document holds. */
START_TEST(test_limits)
{
	struct reply r;
	char id[80];

	core_stop(&b);
	b.conf.discovery_max = 3;
	core_start(&b);
	r = ask("rt=m2m.container", ADMIN);
	ck_assert_uint_eq(links_in(r.body), 3);
	reply_fini(&r);
	core_stop(&b);
	b.conf.discovery_max = 100000;
	core_start(&b);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(id, sizeof(id), "a-name-of-some-length-so-that-few-fill-an-answer-%u", i);
		ck_assert_int_eq(core_container(&b, "a2", id, "default", ""), 201);
	}
	/* The first one without room is the end, also when a shorter one follows. */
	ck_assert_int_eq(core_container(&b, "a2", "z", "default", ""), 201);
	r = ask("rt=m2m.container", ADMIN);
	ck_assert_int_eq(r.status, 200);
	ck_assert(!has(&r, BASE "/applications/a2/containers/z"));
	ck_assert_uint_gt(strlen(r.body), 65536 - 300);
	ck_assert_uint_le(strlen(r.body), 65536);
	ck_assert_uint_lt(links_in(r.body), 600);
	ck_assert_str_eq(r.body + strlen(r.body) - 4, ";obs");
	reply_fini(&r);
}
END_TEST

/* ---- what the guard says ---- */

static struct {
	enum rc rc;
	const char *from; /* whom the connection names */
	bool sealed;
} says;

static enum rc
admit(void *arg, const struct req_listener *listener, struct req_input *in, struct arena *arena,
      struct req_answer *out, struct slice *reason)
{
	(void)arg;
	(void)listener;
	(void)arena;
	if (says.rc != RC_OK) {
		*reason = SLICE_LIT("AUTH_FAILED");
		out->close = true;
	} else if (says.from != NULL) {
		in->from = slice_of(says.from);
	}
	return says.rc;
}

static bool
seal(void *arg, const struct req_listener *listener, const struct req_input *in,
     struct arena *arena, struct req_answer *out)
{
	(void)arg;
	(void)listener;
	(void)in;
	(void)arena;
	(void)out;
	says.sealed = true;
	return true;
}

static const struct guard guard = { .admit = admit, .seal = seal };

START_TEST(test_guarded)
{
	struct reply r;

	core_init_alone(&b);
	b.guard = &guard;
	says.rc = RC_OK;
	core_start(&b);
	grow();
	/* Whom the connection names needs no requestingEntity; the answer is protected as its others. */
	says.from = OTHER;
	says.sealed = false;
	r = ask("rt=m2m.container", NULL);
	ck_assert(has(&r, HIDDEN));
	ck_assert(says.sealed);
	reply_fini(&r);
	/* Who claims a name that it has not. */
	says.from = NULL;
	says.rc = RC_DENIED;
	r = ask("rt=m2m.container", OTHER);
	ck_assert_int_eq(r.status, 401);
	ck_assert_ptr_nonnull(strstr(r.body, "AUTH_FAILED"));
	reply_fini(&r);
	/* Who claims none gets what is for all. */
	lists("rt=m2m.container", NULL, "");
	lists("rt=m2m.container*", NULL, LINK(BASE "/containers", "containers"));
	/* Without a query nobody is asked for. */
	says.sealed = false;
	r = ask("", OTHER);
	ck_assert_int_eq(r.status, 200);
	ck_assert(!says.sealed);
	reply_fini(&r);
	core_fini(&b);
	b.guard = NULL;
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("links");
	TCase *tc = tcase_create("links");
	TCase *guarded = tcase_create("guarded");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_fixed);
	tcase_add_test(tc, test_by_type);
	tcase_add_test(tc, test_by_target);
	tcase_add_test(tc, test_by_attribute);
	tcase_add_test(tc, test_for_whom);
	tcase_add_test(tc, test_malformed);
	tcase_add_test(tc, test_limits);
	tcase_add_test(guarded, test_guarded);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, guarded);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
