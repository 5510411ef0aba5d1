/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: requests to membersContent. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "core/group.h"
#include "group_case.h"

/* ---- membersContent ---- */

START_TEST(each_member_answers)
{
	struct reply r;

	group_container(&gb, "x", "21.5");
	group_container(&gb, "y", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", C("x") " " C("y") "/"), 201);
	r = group_ask(&gb, "GET", BASE "/groups/g/membersContent/contentInstances/latest/content",
	              ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:membersContentResponses"));
	ck_assert_ptr_nonnull(strstr(r.body,
	                             "<status id=\"" C("x") "\"><statusCode>STATUS_OK</statusCode>"
	                                                    "<eTag>"));
	ck_assert_ptr_nonnull(
		strstr(r.body, "<resourceURI>http://scl.example.org:8080" C(
				       "x") "/contentInstances/latest/content</resourceURI>"));
	ck_assert_ptr_nonnull(
		strstr(r.body, "xmime:contentType=\"text/plain\">MjEuNQ==</resultBody>"));
	ck_assert_ptr_nonnull(strstr(
		r.body, "<status id=\"" C("y") "/\"><statusCode>STATUS_NOT_FOUND</statusCode>"));
	reply_fini(&r);
	r = group_ask(&gb, "GET", BASE "/groups/g/MC?attributeAccessor=maxNrOfInstances", ADMIN,
	              NULL, "application/json", NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_nonnull(strstr(r.body, "\"status\":[{\"id\":\"" C("x") "\""));
	ck_assert_uint_eq(occurrences(r.body, "STATUS_OK"), 2);
	reply_fini(&r);
	ck_assert_int_eq(group_status(&gb, "GET", BASE "/groups/g/membersContent/contentInstances",
	                              ADMIN, NULL, "text/plain", NULL),
	                 406);
}
END_TEST

START_TEST(every_method_is_carried_out)
{
	struct reply r;

	group_container(&gb, "x", NULL);
	group_container(&gb, "y", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", C("x") " " C("y")), 201);
	r = group_ask(&gb, "POST", BASE "/groups/g/membersContent/contentInstances", ADMIN, NULL,
	              NULL,
	              "<m2m:contentInstance " NS " m2m:id=\"i\"><m2m:content>"
	              "<m2m:textContent>on</m2m:textContent></m2m:content></m2m:contentInstance>");
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "<statusCode>STATUS_CREATED</statusCode>"), 2);
	ck_assert_ptr_nonnull(strstr(r.body, "<resourceURI>http://scl.example.org:8080" C(
						     "y") "/contentInstances/i</resourceURI>"));
	reply_fini(&r);
	r = group_ask(&gb, "PUT", BASE "/groups/g/membersContent/maxNrOfInstances", ADMIN, NULL,
	              NULL, "<m2m:maxNrOfInstances " NS ">3</m2m:maxNrOfInstances>");
	ck_assert_uint_eq(occurrences(r.body, "<statusCode>STATUS_OK</statusCode>"), 2);
	reply_fini(&r);
	/* EXECUTE of what cannot be executed is the members' to refuse. */
	r = group_ask(&gb, "POST", BASE "/groups/g/membersContent", ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "STATUS_METHOD_NOT_ALLOWED</statusCode>"), 2);
	reply_fini(&r);
	r = group_ask(&gb, "DELETE", BASE "/groups/g/membersContent", ADMIN, NULL, NULL, NULL);
	ck_assert_uint_eq(occurrences(r.body, "<statusCode>STATUS_OK</statusCode>"), 2);
	reply_fini(&r);
	ck_assert_int_eq(core_do(&gb.b, "GET", C("x"), "%s", ""), 404);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "2");
	ck_assert_uint_eq(group_statuses("g", "", "STATUS_NOT_FOUND"), 2);
}
END_TEST

START_TEST(an_empty_group_answers)
{
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", ""), 201);
	ck_assert_uint_eq(group_statuses("g", "", ""), 0);
	ck_assert_uint_eq(group_statuses("g", "/contentInstances", ""), 0);
}
END_TEST

START_TEST(the_suffix_makes_sense)
{
	static const struct {
		const char *type, *suffix;
		bool ok;
	} rows[] = {
		{ "CONTAINER", "contentInstances/latest/content", true },
		{ "CONTAINER", "CI/x/searchStrings", true },
		{ "CONTAINER", "subcontainers/s/contentInstances", true },
		{ "CONTAINER", "containers", false },
		{ "CONTAINER", "contentInstances/x/y", false },
		{ "CONTAINER", "maxNrOfInstances", true },
		{ "CONTAINER", "subscriptions/s1/contact", true },
		{ "CONTAINER", "anything", false },
		{ "APPLICATION", "containers/c/contentInstances/oldest", true },
		{ "APPLICATION", "contentInstances", false },
		{ "APPLICATION", "switch/on", true },
		{ "APPLICATION", "aPoCPaths", true },
		{ "ACCESS_RIGHT", "permissions/permission/p1", true },
		{ "ACCESS_RIGHT", "containers", false },
		{ "SCL_BASE", "applications/a/containers/c/contentInstances", true },
		{ "SCL_BASE", "discovery", true },
		{ "SCL_BASE", "m2mPocs", false },
		{ "SCL", "m2mPocs/p/contactInfo", true },
		{ "SCL", "groups/g/membersContent/what/ever", true },
		{ "SCL", "discovery", false },
	};
	char id[16], path[192];
	struct reply r;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		snprintf(id, sizeof(id), "g%zu", i);
		snprintf(path, sizeof(path), BASE "/groups/%s/membersContent/%s", id,
		         rows[i].suffix);
		ck_assert_int_eq(group_make(&gb, id, rows[i].type, "", ""), 201);
		r = group_ask(&gb, "GET", path, ADMIN, NULL, NULL, NULL);
		ck_assert_msg(r.status == (rows[i].ok ? 200 : 400), "%s %s: %d", rows[i].type,
		              rows[i].suffix, r.status);
		reply_fini(&r);
	}
	ck_assert_int_eq(group_make(&gb, "m", "MIXED", "", ""), 201);
	ck_assert_uint_eq(group_statuses("m", "/anything/goes", ""), 0);
}
END_TEST

static void
right(const char *id, const char *flags, const char *holder)
{
	struct slice rest = slice_of(flags), flag;
	char body[2048], list[512] = "";

	while (rest.n > 0 && slice_split(&rest, ' ', &flag))
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
		         "<m2m:flag>%.*s</m2m:flag>", (int)flag.n, flag.p);
	snprintf(body, sizeof(body),
	         "<m2m:accessRight " NS
	         " m2m:id=\"%s\"><m2m:permissions><m2m:permission m2m:id=\"p\">"
	         "<m2m:permissionFlags>%s</"
	         "m2m:permissionFlags><m2m:permissionHolders><m2m:holderRefs>"
	         "<m2m:holderRef>%s</m2m:holderRef></m2m:holderRefs></m2m:permissionHolders>"
	         "</m2m:permission></m2m:permissions><m2m:selfPermissions/></m2m:accessRight>",
	         id, list, holder);
	ck_assert_int_eq(core_status(&gb.b, "POST", BASE "/accessRights", ADMIN, body), 201);
}

#define JOE BASE "/applications/joe"

START_TEST(members_judge_the_issuer)
{
	struct reply r;

	right("reader", "READ", JOE);
	right("joes", "READ CREATE WRITE", JOE);
	group_container(&gb, "x", NULL);
	ck_assert_int_eq(core_container(&gb.b, "a", "y", "reader", ""), 201);
	ck_assert_int_eq(core_container(&gb.b, "a", "z", NULL, ""), 201);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER",
	                            "<m2m:membersContentAccessRightID>" BASE
	                            "/accessRights/joes</m2m:membersContentAccessRightID>",
	                            C("x") " " C("y") " " C("z")),
	                 201);
	r = group_ask(&gb, "PUT", BASE "/groups/g/membersContent/maxNrOfInstances", JOE, NULL, NULL,
	              "<m2m:maxNrOfInstances " NS ">3</m2m:maxNrOfInstances>");
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_nonnull(strstr(r.body, C("x") "\"><statusCode>STATUS_OK<"));
	ck_assert_ptr_nonnull(strstr(r.body, C("y") "\"><statusCode>STATUS_PERMISSION_DENIED<"));
	ck_assert_ptr_nonnull(strstr(r.body, C("z") "\"><statusCode>STATUS_NOT_FOUND<"));
	reply_fini(&r);
	/* The right to the members is one of its own. */
	ck_assert_int_eq(core_status(&gb.b, "DELETE", BASE "/groups/g/membersContent", JOE, NULL),
	                 401);
	ck_assert_int_eq(core_status(&gb.b, "GET", BASE "/groups/g/membersContent", ADMIN, NULL),
	                 404);
	ck_assert_int_eq(core_status(&gb.b, "GET", BASE "/groups/g", ADMIN, NULL), 200);
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g/membersContentAccessRightID",
	                         "<m2m:membersContentAccessRightID " NS ">/m2m/containers/x"
	                         "</m2m:membersContentAccessRightID>"),
	                 400);
}
END_TEST

START_TEST(a_group_can_hold_a_right)
{
	right("members", "READ", BASE "/groups/outer");
	ck_assert_int_eq(core_container(&gb.b, "a", "x", "members", ""), 201);
	core_app(&gb.b, "joe", "");
	core_app(&gb.b, "jim", "");
	ck_assert_int_eq(core_status(&gb.b, "GET", C("x"), JOE, NULL), 404);
	ck_assert_int_eq(group_make(&gb, "inner", "APPLICATION", "", JOE), 201);
	ck_assert_int_eq(group_make(&gb, "outer", "MIXED", "",
	                            "http://scl.example.org:8080" BASE "/applications/jim " BASE
	                            "/groups/inner/membersContent " BASE "/groups/round/MC"),
	                 201);
	ck_assert_int_eq(group_make(&gb, "round", "MIXED", "", BASE "/groups/outer/membersContent"),
	                 201);
	ck_assert_int_eq(core_status(&gb.b, "GET", C("x"), BASE "/applications/jim", NULL), 200);
	ck_assert_int_eq(core_status(&gb.b, "GET", C("x"), JOE, NULL), 200);
	ck_assert_int_eq(core_status(&gb.b, "GET", C("x"), BASE "/applications/jane", NULL), 404);
	ck_assert_int_eq(
		core_do(&gb.b, "PUT", BASE "/groups/inner/members", "<m2m:members " NS "/>"), 204);
	ck_assert_int_eq(core_status(&gb.b, "GET", C("x"), JOE, NULL), 404);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", BASE "/groups/outer", "%s", ""), 204);
	ck_assert_int_eq(core_status(&gb.b, "GET", C("x"), BASE "/applications/jim", NULL), 404);
}
END_TEST

/* ---- nested groups ---- */

START_TEST(groups_in_groups_end)
{
	struct reply r;

	group_container(&gb, "x", NULL);
	ck_assert_int_eq(group_make(&gb, "a", "MIXED", "", ""), 201);
	ck_assert_int_eq(group_make(&gb, "b", "MIXED", "", BASE "/groups/a/membersContent " C("x")),
	                 201);
	ck_assert_int_eq(group_make(&gb, "c", "MIXED", "",
	                            BASE "/groups/a/membersContent " BASE
	                                 "/groups/b/membersContent"),
	                 201);
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/a",
	                         GROUP "<m2m:members><reference>" BASE
	                               "/groups/b/membersContent</reference><reference>" BASE
	                               "/groups/c/membersContent</reference><reference>" C(
					       "x") "</reference></m2m:members></m2m:group>"),
	                 204);
	r = group_ask(&gb, "GET", BASE "/groups/a/membersContent", ADMIN, "00ff", NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "<status "), 3);
	ck_assert_ptr_nonnull(strstr(r.body, "<statusCode>STATUS_OK</statusCode>"));
	reply_fini(&r);
	/* The same identifier again, and one that is none. */
	ck_assert_int_eq(group_status(&gb, "GET", BASE "/groups/a/membersContent", ADMIN, "00ff",
	                              NULL, NULL),
	                 400);
	ck_assert_int_eq(
		group_status(&gb, "GET", BASE "/groups/a/membersContent", ADMIN, "00f", NULL, NULL),
		400);
	ck_assert_int_eq(
		group_status(&gb, "GET", BASE "/groups/a/membersContent", ADMIN, "zz", NULL, NULL),
		400);
	/* Without one, each request has its own. */
	ck_assert_uint_eq(group_statuses("a", "", ""), 3);
	ck_assert_uint_eq(group_statuses("a", "", ""), 3);
}
END_TEST

START_TEST(every_group_is_asked_once)
{
	char id[16], members[2048] = "";
	struct reply r;

	/* All contain all: without an end there would be 12! of them. */
	for (unsigned i = 0; i < 12; i++)
		snprintf(members + strlen(members), sizeof(members) - strlen(members),
		         "%s" BASE "/groups/g%u/membersContent", i == 0 ? "" : " ", i);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "h%u", i);
		ck_assert_int_eq(group_make(&gb, id, "MIXED", "", members), 201);
	}
	for (unsigned i = 0; i < 12; i++) {
		char list[2048], *at;

		snprintf(id, sizeof(id), "g%u", i);
		snprintf(list, sizeof(list), "%s", members);
		while ((at = strstr(list, "/g")) != NULL && (at = strstr(at, "groups/g")) != NULL)
			at[strlen("groups/")] = 'h';
		ck_assert_int_eq(group_make(&gb, id, "MIXED", "", list), 201);
	}
	r = group_ask(&gb, "GET", BASE "/groups/g0/membersContent", ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "<status "), 12);
	reply_fini(&r);
}
END_TEST

/* ---- members elsewhere, limits ---- */

START_TEST(remote_members_get_what_came)
{
	struct reply r;
	struct row row;

	group_register(&gb);
	group_row(&gb, "/c", 200, "<m2m:container " NS "/>");
	group_row(&gb, "/c/contentInstances?sizeFrom=1", 200, "<m2m:contentInstances " NS "/>");
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", G1 "/c"), 201);
	group_await(&gb, "g", "memberTypeValidated", "true");
	r = group_ask(&gb, "GET", BASE "/groups/g/membersContent/contentInstances?sizeFrom=1",
	              ADMIN, "0a0B", NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_nonnull(strstr(r.body, "<status id=\"" G1 "/c\"><statusCode>STATUS_OK<"));
	ck_assert_ptr_nonnull(
		strstr(r.body, "<resourceURI>" G1 "/c/contentInstances</resourceURI>"));
	reply_fini(&r);
	row = group_asked(&gb, "/c/contentInstances?sizeFrom=1");
	ck_assert_str_eq(row.from, ADMIN);
	ck_assert_str_eq(row.id, "0a0B");
	ck_assert_str_eq(row.via, "1.1 scl.example.org");
	group_down(&gb, true);
	ck_assert_uint_eq(group_statuses("g", "", "STATUS_OK"), 0);
	ck_assert_uint_eq(group_statuses("g", "", ""), 1);
}
END_TEST

/* So long a member is waited for; where a test is not about that, no stall is as long. */
static void
wait_for_members(unsigned ms)
{
	struct scl_conf conf = gb.b.conf;

	conf.group_member_timeout_ms = ms;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
}

START_TEST(who_is_silent_times_out)
{
	group_register(&gb);
	group_row(&gb, "/c", 200, "<m2m:container " NS "/>");
	group_container(&gb, "x", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", C("x") " " G1 "/c"), 201);
	group_await(&gb, "g", "memberTypeValidated", "true");
	group_row(&gb, "/c", ANSWER_NEVER, NULL);
	wait_for_members(300);
	ck_assert_uint_eq(group_statuses("g", "", "STATUS_GATEWAY_TIMEOUT"), 1);
	wait_for_members(2000);
	ck_assert_uint_eq(group_statuses("g", "", "STATUS_OK"), 1);
}
END_TEST

START_TEST(a_slow_store_times_out)
{
	struct core_plug plug;
	struct reply r;

	group_container(&gb, "x", NULL);
	group_container(&gb, "y", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", C("x") " " C("y")), 201);
	wait_for_members(300);
	core_plug(&gb.b, &plug);
	r = group_ask(&gb, "DELETE", BASE "/groups/g/membersContent", ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "<statusCode>STATUS_REQUEST_TIMEOUT</statusCode>"),
	                  2);
	reply_fini(&r);
	core_unplug(&plug);
	/* Late is not never. */
	while (core_status(&gb.b, "GET", C("y"), ADMIN, NULL) != 404)
		;
}
END_TEST

START_TEST(all_together_have_a_limit_of_time)
{
	struct scl_conf conf = gb.b.conf;
	char members[8192] = "";
	int64_t began;

	conf.group_timeout_ms = 400;
	conf.group_member_timeout_ms = 60000;
	conf.group_parallel = 2;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
	group_register(&gb);
	group_row(&gb, "/c", ANSWER_NEVER, NULL);
	for (unsigned i = 0; i < 40; i++)
		snprintf(members + strlen(members), sizeof(members) - strlen(members),
		         "%s" G1 "/c?%u", i == 0 ? "" : " ", i);
	for (char *at = members; (at = strchr(at, '?')) != NULL;)
		*at = '/';
	for (unsigned i = 0; i < 2; i++)
		group_row(&gb, i == 0 ? "/c/0" : "/c/1", ANSWER_NEVER, NULL);
	ck_assert_int_eq(group_make(&gb, "g", "MIXED", "", members), 201);
	began = clock_monotonic();
	ck_assert_uint_ge(group_statuses("g", "", "STATUS_REQUEST_TIMEOUT") +
	                          group_statuses("g", "", "STATUS_GATEWAY_TIMEOUT") +
	                          group_statuses("g", "", "STATUS_NOT_FOUND"),
	                  40);
	/* Less than a member alone may take. */
	ck_assert_int_lt(clock_monotonic() - began, 30 * CLOCK_SECOND);
}
END_TEST

START_TEST(too_much_is_told_without_bodies)
{
	struct scl_conf conf = gb.b.conf;
	char big[3000], path[128];
	struct reply r;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "c%u", i);
		group_container(&gb, path, big);
	}
	ck_assert_int_eq(
		group_make(&gb, "g", "CONTAINER", "", C("c0") " " C("c1") " " C("c2") " " C("c3")),
		201);
	conf.answer_max = 10000;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
	for (unsigned i = 0; i < 2; i++) {
		r = group_ask(&gb, "GET",
		              BASE "/groups/g/membersContent/contentInstances/latest/content",
		              ADMIN, NULL, i == 0 ? "application/xml" : "application/json", NULL);
		ck_assert_int_eq(r.status, 200);
		ck_assert_uint_eq(occurrences(r.body, "STATUS_OK"), 4);
		ck_assert_uint_eq(occurrences(r.body, i == 0 ? "<resultBody" : "\"resultBody\""),
		                  2);
		ck_assert_uint_le(strlen(r.body), 10000);
		reply_fini(&r);
	}
	conf.answer_max = 1200;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
	r = group_ask(&gb, "GET", BASE "/groups/g/membersContent", ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 503);
	reply_fini(&r);
}
END_TEST

START_TEST(requests_to_groups_are_limited)
{
	struct core_call calls[20];
	unsigned refused = 0, served = 0;

	group_register(&gb);
	group_row(&gb, "/c", ANSWER_NEVER, NULL);
	wait_for_members(3000);
	ck_assert_int_eq(group_make(&gb, "g", "MIXED", "", G1 "/c"), 201);
	for (unsigned i = 0; i < NITEMS(calls); i++)
		ck_assert(core_begin(&gb.b, &calls[i], "GET", BASE "/groups/g/membersContent",
		                     ADMIN, NULL, NULL));
	for (unsigned i = 0; i < NITEMS(calls); i++) {
		struct reply r = core_end(&calls[i]);

		refused += r.status == 503;
		served += r.status == 200;
		reply_fini(&r);
	}
	ck_assert_uint_eq(served, 16);
	ck_assert_uint_eq(refused, 4);
	ck_assert_uint_eq(group_statuses("g", "", ""), 1);
}
END_TEST

START_TEST(a_large_group_answers)
{
	const unsigned n = core_scale(2000);
	struct buf members;
	struct reply r;
	char name[32];

	buf_init(&members, 4u << 20);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		ck_assert_int_eq(core_container(&gb.b, "a", name, "default", ""), 201);
		buf_printf(&members, "%s" C("%s"), i == 0 ? "" : " ", name);
	}
	buf_char(&members, '\0');
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", members.p), 201);
	r = group_ask(&gb, "GET", BASE "/groups/g/membersContent", ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "<statusCode>STATUS_OK</statusCode>"), n);
	reply_fini(&r);
	buf_fini(&members);
}
END_TEST

START_TEST(stopping_answers)
{
	struct core_call calls[4];

	group_register(&gb);
	group_row(&gb, "/c", ANSWER_NEVER, NULL);
	ck_assert_int_eq(group_make(&gb, "g", "MIXED", "", G1 "/c"), 201);
	for (unsigned i = 0; i < NITEMS(calls); i++)
		ck_assert(core_begin(&gb.b, &calls[i], "GET", BASE "/groups/g/membersContent",
		                     ADMIN, NULL, NULL));
	core_halt(&gb.b);
	for (unsigned i = 0; i < NITEMS(calls); i++) {
		struct reply r = core_end(&calls[i]);

		ck_assert(r.status == 503 || r.status == 200);
		reply_fini(&r);
	}
}
END_TEST

int
main(void)
{
	const TTest *const contents[] = {
		each_member_answers,
		every_method_is_carried_out,
		an_empty_group_answers,
		the_suffix_makes_sense,
		members_judge_the_issuer,
		a_group_can_hold_a_right,
		groups_in_groups_end,
		every_group_is_asked_once,
		remote_members_get_what_came,
		who_is_silent_times_out,
		a_slow_store_times_out,
		all_together_have_a_limit_of_time,
		a_large_group_answers,
		requests_to_groups_are_limited,
		too_much_is_told_without_bodies,
		stopping_answers,
	};
	Suite *s = suite_create("group_content");

	group_case(s, "contents", contents, NITEMS(contents), true);
	return core_run(s);
}
