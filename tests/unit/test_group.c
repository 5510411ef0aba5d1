/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: their members, and what a group has seen. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/group.h"
#include "group_case.h"

/* ---- members ---- */

START_TEST(members_are_kept_once_and_in_order)
{
	struct reply r;
	const char *x, *y, *z;

	group_container(&gb, "x", NULL);
	group_container(&gb, "y", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "",
	                            C("y") " http://SCL.example.org:8080" C("y") " " C("x") "/ " C(
					    "x") " m2m/applications/a/containers/x /m2m/AP/a/CO/y "
	                                         "/m2m/applications/%61/containers/x "
	                                         "http://far.example.org:80/z "
	                                         "http://far.example.org/z/"),
	                 201);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "3");
	r = core_ask(&gb.b, "GET", BASE "/groups/g/members", ADMIN, NULL);
	ck_assert_int_eq(r.status, 200);
	y = strstr(r.body, C("y"));
	x = strstr(r.body, C("x"));
	z = strstr(r.body, "far.example.org:80/z");
	ck_assert(y != NULL && x != NULL && z != NULL && y < x && x < z);
	ck_assert_uint_eq(occurrences(r.body, "<reference>"), 3);
	reply_fini(&r);
}
END_TEST

START_TEST(a_member_is_a_uri)
{
	static const char *const bad[] = { "//",
		                           "http://",
		                           "a%zz",
		                           "/m2m/%00",
		                           "http://x.example.org/?q=1",
		                           "mailto:me",
		                           "/",
		                           "http://x.example.org/&#9;a",
		                           "/m2m#top",
		                           "http://%20/x?" };

	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(group_make(&gb, "g", "CONTAINER", "", bad[i]) == 400, "%s", bad[i]);
	ck_assert_int_eq(group_make(&gb, "g", "MIXED", "", "/m2m/groups/g/membersContent"), 400);
	ck_assert_int_eq(
		group_make(&gb, "g", "MIXED", "", "http://scl.example.org:8080/m2m/groups/g/MC/"),
		400);
	ck_assert_int_eq(group_make(&gb, "g", "MIXED", "", "/m2m/groups/g"), 201);
}
END_TEST

START_TEST(their_number_is_limited)
{
	group_container(&gb, "x", NULL);
	group_container(&gb, "y", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER",
	                            "<m2m:maxNrOfMembers>1</m2m:maxNrOfMembers>",
	                            C("x") " " C("y")),
	                 403);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER",
	                            "<m2m:maxNrOfMembers>-2</m2m:maxNrOfMembers>", C("x")),
	                 400);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER",
	                            "<m2m:maxNrOfMembers>1</m2m:maxNrOfMembers>",
	                            C("x") " " C("x")),
	                 201);
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g/members",
	                         "<m2m:members " NS
	                         "><reference>" C("x") "</reference><reference>" C(
					 "y") "</reference></m2m:members>"),
	                 403);
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g/maxNrOfMembers",
	                         "<m2m:maxNrOfMembers " NS ">0</m2m:maxNrOfMembers>"),
	                 403);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", BASE "/groups/g/maxNrOfMembers", "%s", ""), 204);
	ck_assert_str_eq(group_value(&gb, "g", "maxNrOfMembers"), "-1");
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g/members",
	                         "<m2m:members " NS
	                         "><reference>" C("x") "</reference><reference>" C(
					 "y") "</reference></m2m:members>"),
	                 204);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "2");
}
END_TEST

START_TEST(what_does_not_fit_goes_by_the_strategy)
{
	const char *members = BASE "/applications/a " C("x") " " C("gone") " /other";

	group_container(&gb, "x", NULL);
	ck_assert_int_eq(group_make(&gb, "g1", "CONTAINER", "", members), 201);
	ck_assert_str_eq(group_value(&gb, "g1", "currentNrOfMembers"), "1");
	ck_assert_str_eq(group_value(&gb, "g1", "consistencyStrategy"), "ABANDON_MEMBER");
	ck_assert_str_eq(group_value(&gb, "g1", "memberTypeValidated"), "true");
	ck_assert_int_eq(group_make(&gb, "g2", "CONTAINER", ABANDON_GROUP_, members), 400);
	ck_assert_int_eq(group_make(&gb, "g2", "CONTAINER", ABANDON_GROUP_, C("gone")), 400);
	ck_assert_int_eq(group_make(&gb, "g2", "CONTAINER", ABANDON_GROUP_, C("x")), 201);
	ck_assert_int_eq(group_make(&gb, "g3", "CONTAINER", MODIFY_TYPE_, members), 201);
	ck_assert_str_eq(group_value(&gb, "g3", "memberType"), "MIXED");
	ck_assert_str_eq(group_value(&gb, "g3", "currentNrOfMembers"), "2");
	ck_assert_int_eq(group_make(&gb, "g4", "MIXED", "", members), 201);
	ck_assert_str_eq(group_value(&gb, "g4", "currentNrOfMembers"), "4");
}
END_TEST

START_TEST(types_are_told_apart)
{
	static const struct {
		const char *type, *member;
		bool fits;
	} rows[] = {
		{ "APPLICATION", BASE "/applications/a", true },
		{ "APPLICATION", BASE "/applications", false },
		{ "APPLICATION", BASE "/applications/a/appId", false },
		{ "CONTAINER", C("x"), true },
		{ "CONTAINER", C("x") "/contentInstances", false },
		{ "CONTAINER", C("x") "/expirationTime", false },
		{ "LOCATION_CONTAINER", C("x"), false },
		{ "ACCESS_RIGHT", BASE "/accessRights/default", true },
		{ "SCL_BASE", BASE, true },
		{ "SCL_BASE", BASE "/applications/a", false },
		{ "SERVER_CAPABILITY_LAYER", "http://scl.example.org:8080/m2m/", true },
		{ "SCL", BASE "/scls/g1", true },
		{ "SCL", BASE, false },
		{ "MGMT_OBJ", BASE "/scls/g1", false },
		{ "MGMT_CMD", C("x"), false },
		{ "ATTACHED_DEVICE", C("x"), false },
		{ "CONTAINER", BASE "/groups/inner/membersContent", true },
		{ "CONTAINER", BASE "/groups/inner/membersContent/contentInstances", false },
		{ "APPLICATION", BASE "/groups/inner/membersContent", false },
		{ "CONTAINER", BASE "/groups/inner", false },
	};
	char id[16];

	group_register(&gb);
	group_container(&gb, "x", NULL);
	ck_assert_int_eq(group_make(&gb, "inner", "CONTAINER", "", C("x")), 201);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		snprintf(id, sizeof(id), "g%zu", i);
		ck_assert_msg(group_make(&gb, id, rows[i].type, ABANDON_GROUP_, rows[i].member) ==
		                      (rows[i].fits ? 201 : 400),
		              "%s %s", rows[i].type, rows[i].member);
	}
	ck_assert_int_eq(group_make(&gb, "bad", "THING", "", C("x")), 400);
}
END_TEST

START_TEST(an_update_looks_again)
{
	group_container(&gb, "x", NULL);
	group_container(&gb, "y", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", C("x") " " C("y")), 201);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", C("y"), "%s", ""), 204);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "2");
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g/searchStrings",
	                         "<m2m:searchStrings " NS "/>"),
	                 204);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "2");
	/* A member that went away is told: the list is not what was asked for. */
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g",
	                         GROUP
	                         "<m2m:members><reference>" C("x") "</reference><reference>" C(
					 "y") "</reference></m2m:members></m2m:group>"),
	                 200);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "1");
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g", GROUP "</m2m:group>"), 204);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "0");
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g",
	                         GROUP "<m2m:memberType>MIXED</m2m:memberType></m2m:group>"),
	                 400);
}
END_TEST

/* ---- members of another SCL ---- */

START_TEST(remote_members_are_asked_for)
{
	group_register(&gb);
	group_row(&gb, "/c", 200, "<m2m:container " NS "/>");
	group_row(&gb, "/app", 200, "<m2m:application " NS "/>");
	group_row(&gb, "/none", 404, NULL);
	group_row(&gb, "/secret", 401, NULL);
	group_row(&gb, "/groups/i", 200,
	          GROUP "<m2m:memberType>CONTAINER</m2m:memberType></m2m:group>");
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "",
	                            G1 "/c " G1 "/app " G1 "/none " G1 "/groups/i/membersContent"),
	                 201);
	group_await(&gb, "g", "memberTypeValidated", "true");
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "2");
	ck_assert_str_eq(group_asked(&gb, "/c").from, "http://scl.example.org:8080/m2m");
	/* Who may not look does not know. */
	ck_assert_int_eq(group_make(&gb, "h", "CONTAINER", "", G1 "/secret"), 201);
	while (group_asked(&gb, "/secret").asked < 3)
		ck_assert_str_eq(group_value(&gb, "h", "memberTypeValidated"), "false");
	group_row(&gb, "/secret", 200, "<m2m:container " NS "/>");
	group_await(&gb, "h", "memberTypeValidated", "true");
	ck_assert_str_eq(group_value(&gb, "h", "currentNrOfMembers"), "1");
}
END_TEST

START_TEST(the_strategy_holds_for_them_too)
{
	group_register(&gb);
	group_row(&gb, "/app", 200, "<m2m:application " NS "/>");
	group_row(&gb, "/c", 200, "<m2m:container " NS "/>");
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", ABANDON_GROUP_, G1 "/c " G1 "/app"),
	                 201);
	group_await(&gb, "g", "memberType", "404");
	ck_assert_int_eq(group_make(&gb, "m", "CONTAINER", MODIFY_TYPE_, G1 "/c " G1 "/app"), 201);
	group_await(&gb, "m", "memberType", "MIXED");
	ck_assert_str_eq(group_value(&gb, "m", "memberTypeValidated"), "true");
	ck_assert_str_eq(group_value(&gb, "m", "currentNrOfMembers"), "2");
}
END_TEST

START_TEST(who_is_unreachable_is_asked_later)
{
	group_register(&gb);
	group_row(&gb, "/c", 200, "<m2m:container " NS "/>");
	group_row(&gb, "/app", 200, "<m2m:application " NS "/>");
	group_down(&gb, true);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "",
	                            G1 "/c " G1 "/app http://unknown.example.org/m2m/c"),
	                 201);
	ck_assert_str_eq(group_value(&gb, "g", "memberTypeValidated"), "false");
	/* What is still to be done survives a restart. */
	core_stop(&gb.b);
	ck_assert_uint_eq(core_records(&gb.b, 'W'), 1);
	core_start(&gb.b);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "3");
	group_down(&gb, false);
	group_await(&gb, "g", "currentNrOfMembers", "2");
	ck_assert_str_eq(group_value(&gb, "g", "memberTypeValidated"), "false");
	ck_assert_int_eq(core_do(&gb.b, "PUT", BASE "/groups/g",
	                         GROUP "<m2m:members><reference>" G1
	                               "/c</reference></m2m:members></m2m:group>"),
	                 204);
	group_await(&gb, "g", "memberTypeValidated", "true");
	ck_assert_int_eq(group_make(&gb, "h", "CONTAINER", "", "http://unknown.example.org/m2m/c"),
	                 201);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", BASE "/groups/h", "%s", ""), 204);
	core_stop(&gb.b);
	ck_assert_uint_eq(core_records(&gb.b, 'W'), 0);
}
END_TEST

START_TEST(many_groups_wait_for_a_dead_scl)
{
	char id[16];

	group_register(&gb);
	group_row(&gb, "/c", 200, "<m2m:container " NS "/>");
	group_down(&gb, true);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "g%u", i);
		ck_assert_int_eq(group_make(&gb, id, "CONTAINER", "", G1 "/c"), 201);
	}
	group_down(&gb, false);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "g%u", i);
		group_await(&gb, id, "memberTypeValidated", "true");
	}
}
END_TEST

/* ---- what a group has seen ---- */

START_TEST(identifiers_are_known_for_a_while)
{
	struct seen *s = seen_new(4);
	char id[8];

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(seen_enter(s, 1, SLICE_LIT("aa")), RC_OK);
	ck_assert_int_eq(seen_enter(s, 1, SLICE_LIT("aa")), RC_BAD_REQUEST);
	ck_assert_int_eq(seen_enter(s, 2, SLICE_LIT("aa")), RC_OK);
	ck_assert_int_eq(seen_enter(s, 1, SLICE_LIT("ab")), RC_OK);
	seen_leave(s, 1, SLICE_LIT("aa"), CLOCK_SECOND * 60);
	ck_assert_int_eq(seen_enter(s, 1, SLICE_LIT("aa")), RC_BAD_REQUEST);
	seen_leave(s, 1, SLICE_LIT("ab"), 0);
	ck_assert_int_eq(seen_enter(s, 1, SLICE_LIT("ab")), RC_OK);
	/* Those that are over make room, those under way do not. */
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "%06x", i);
		ck_assert_int_eq(seen_enter(s, 3, slice_of(id)), RC_OK);
		seen_leave(s, 3, slice_of(id), CLOCK_SECOND * 60);
	}
	ck_assert_int_eq(seen_enter(s, 2, SLICE_LIT("aa")), RC_BAD_REQUEST);
	for (unsigned i = 0; i < 1030; i++) {
		snprintf(id, sizeof(id), "%06x", i);
		ck_assert_int_eq(seen_enter(s, 4, slice_of(id)), RC_OK);
	}
	ck_assert_int_eq(seen_enter(s, 5, SLICE_LIT("aa")), RC_UNAVAILABLE);
	seen_free(s);
}
END_TEST

int
main(void)
{
	const TTest *const members[] = {
		members_are_kept_once_and_in_order,
		a_member_is_a_uri,
		their_number_is_limited,
		what_does_not_fit_goes_by_the_strategy,
		types_are_told_apart,
		an_update_looks_again,
		remote_members_are_asked_for,
		the_strategy_holds_for_them_too,
		who_is_unreachable_is_asked_later,
		many_groups_wait_for_a_dead_scl,
	};
	const TTest *const seen[] = { identifiers_are_known_for_a_while };
	Suite *s = suite_create("group");

	group_case(s, "members", members, NITEMS(members), true);
	group_case(s, "seen", seen, NITEMS(seen), false);
	return core_run(s);
}
