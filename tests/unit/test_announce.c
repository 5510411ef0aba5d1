/* SPDX-License-Identifier: Apache-2.0 */
/* Announcing to SCLs that the test plays: what they get, and what the list says. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "annc_peer.h"
#include "base/clock.h"
#include "base/times.h"

#define SELF "http://scl.example.org:8080" BASE
#define APP BASE "/applications/a"

START_TEST(test_active)
{
	struct peers ps;
	struct peer_res r;
	struct peer p;
	char list[256];

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, APP, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc", &r));
	ck_assert_str_eq(r.link, SELF "/applications/a");
	ck_assert_str_eq(r.from, SELF "/applications/a");
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:accessRightID>" SELF "/accessRights/default<"));
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:searchStrings"));
	ck_assert_ptr_null(strstr(r.body, "expirationTime"));
	/* The children of the application find their place below its announcement. */
	ck_assert_int_eq(core_container(&ps.b, "a", "c", "default", announce_to("01", "", "")),
	                 201);
	ck_assert(peer_await(&ps, 0, 2));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc/containers/cAnnc", &r));
	ck_assert_str_eq(r.link, SELF "/applications/a/containers/c");
	/* The issuer is no application here. */
	ck_assert_str_eq(r.from, SELF);
	ck_assert(list_await(&ps, APP "/containers/c", "0"));
	value_of(&ps, APP "/containers/c", "sclList", list);
	ck_assert_str_eq(list, "<reference>http://peer0.example.org/m2m</reference>");
	ck_assert_uint_eq(peer_look(&ps, 1).asked, 0);
	/* They go together. */
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(works_await(&ps));
	p = peer_look(&ps, 0);
	ck_assert_uint_eq(p.creates, 2);
	ck_assert_uint_eq(p.deletes, 1);
	peers_fini(&ps);
}
END_TEST

static const char labels[] =
	"<m2m:searchStrings><m2m:searchString>x</m2m:searchString></m2m:searchStrings>";

static bool
shows_label(void *arg)
{
	struct peer_res r;

	return peer_has(arg, 0, "applications/aAnnc", &r) && strstr(r.body, ">x<") != NULL;
}

START_TEST(test_changes)
{
	struct peers ps;
	struct peer p;
	char more[2048];

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	snprintf(more, sizeof(more), "%s%s", labels, announce_to("01", "", ""));
	ck_assert_int_eq(announce_update(&ps, "a", more), 204);
	ck_assert(peer_await(&ps, 1, 1));
	ck_assert(core_await(shows_label, &ps));
	/* The same again: nothing to do. */
	ck_assert_int_eq(announce_update(&ps, "a", more), 204);
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/searchStrings", "<m2m:searchStrings " NS "/>"),
	                 204);
	ck_assert(works_await(&ps));
	/* To one of them no more, and then to none. */
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("1", "", "")), 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/announceTo",
	                         "<m2m:announceTo " NS "><m2m:sclList/></m2m:announceTo>"),
	                 204);
	ck_assert(peer_await(&ps, 1, 0));
	ck_assert(works_await(&ps));
	p = peer_look(&ps, 1);
	ck_assert_uint_eq(p.creates, 1);
	ck_assert_uint_eq(p.updates, 1);
	ck_assert_uint_eq(p.deletes, 1);
	peers_fini(&ps);
}
END_TEST

START_TEST(test_inactive)
{
	static const char off[] = "<m2m:activated>false</m2m:activated>";
	struct peers ps;
	char value[256];

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("09", off, "")), 201);
	value_of(&ps, APP, "sclList", value);
	ck_assert_ptr_nonnull(strstr(value, "peer9"));
	/* As it is shown it may be sent again; otherwise not. */
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("09", off, "")), 204);
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("0", off, "")), 403);
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/announceTo",
	                         "<m2m:announceTo " NS "><m2m:activated>false</m2m:activated>"
	                         "<m2m:sclList/></m2m:announceTo>"),
	                 403);
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("0", "", "")), 204);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("0", off, "")), 403);
	/* Left out: nobody has asked for it any more. */
	ck_assert_int_eq(announce_update(&ps, "a", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	value_of(&ps, APP, "activated", value);
	ck_assert_str_eq(value, "false");
	/* What a resource that is not announced shows may be sent as well. */
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("", off, "")), 204);
	peers_fini(&ps);
}
END_TEST

START_TEST(test_list)
{
	static const char *const refused[] = { "http://nowhere.example.org/m2m",
		                               SELF,
		                               "scl.example.org",
		                               "",
		                               "peer9",
		                               BASE "/scls/peer9",
		                               "http://peer0.example.org/m2m/applications",
		                               "%zz",
		                               "http://",
		                               BASE "/scls/%00",
		                               "../peer0" };
	struct peers ps;
	char more[1024], list[256];

	peers_begin(&ps);
	ps.b.conf.announce_scls = 0;
	for (unsigned i = 0; i < NITEMS(refused); i++) {
		snprintf(more, sizeof(more),
		         "<m2m:announceTo><m2m:sclList><reference>%s</reference></m2m:sclList>"
		         "</m2m:announceTo>",
		         refused[i]);
		ck_assert_int_eq(announce_create(&ps, ADMIN, "a", more), 201);
		value_of(&ps, APP, "sclList", list);
		ck_assert_str_eq(list, "");
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	}
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a",
	                            "<m2m:announceTo><m2m:sclList><reference>peer0</reference>"
	                            "<reference>" BASE "/scls/peer1</reference>"
	                            "<reference>HTTP://Peer0.example.org:80/m2m/</reference>"
	                            "</m2m:sclList></m2m:announceTo>"),
	                 201);
	value_of(&ps, APP, "sclList", list);
	ck_assert_str_eq(list,
	                 "<reference>peer0</reference><reference>" BASE "/scls/peer1</reference>");
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_await(&ps, 1, 1));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_limit)
{
	struct peers ps;

	peers_init(&ps, SCL_NSCL);
	ps.b.conf.announce_scls = 2;
	core_start(&ps.b);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("123", "", "")), 403);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("12", "", "")), 201);
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("123", "", "")), 403);
	peers_fini(&ps);
}
END_TEST

/* A change is told from the one before by its time only in a later millisecond: what is shown. */
static bool
time_has_passed(void *shown)
{
	char now[TIMES_TEXT_MAX];

	times_format(clock_now(&clock_system), TIMES_MILLI, now);
	return strcmp(now, shown) > 0;
}

START_TEST(test_refused)
{
	struct peers ps;
	char before[256], after[256];

	peers_begin(&ps);
	/* Nothing of its answer before the time is looked at. */
	peer_set(&ps, 0, PEER_SILENT);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert_int_eq(core_container(&ps.b, "a", "c", "default", announce_to("01", "", "")),
	                 201);
	value_of(&ps, APP, "lastModifiedTime", before);
	ck_assert(core_await(time_has_passed, before));
	peer_set(&ps, 0, PEER_DENIES);
	ck_assert(list_await(&ps, APP, "1"));
	ck_assert(list_await(&ps, APP "/containers/c", "1"));
	value_of(&ps, APP, "lastModifiedTime", after);
	ck_assert_str_ne(before, after);
	ck_assert(peer_await(&ps, 1, 2));
	ck_assert(works_await(&ps));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_taken)
{
	struct peers ps;
	struct peer_res r;

	peers_begin(&ps);
	peer_plant(&ps, 0, "applications/aAnnc", SELF "/applications/a");
	peer_plant(&ps, 1, "applications/aAnnc", "http://other.example.org/m2m/applications/a");
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert(list_await(&ps, APP, "0"));
	ck_assert(works_await(&ps));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc", &r));
	ck_assert_ptr_nonnull(strstr(r.body, "default<"));
	ck_assert_uint_eq(peer_look(&ps, 0).updates, 1);
	ck_assert_uint_eq(peer_look(&ps, 1).updates, 0);
	/* What is another's stays. */
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(peer_await(&ps, 1, 1));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_location)
{
	static const char *const locations[] = {
		"http://victim.example.org/m2m/applications/x",
		"/",
		"/m2m",
		"/m2m/scls/scl.example.org/applications/../../peer1",
		"http://peer0.example.org/",
		"m2m/x",
		"/m2m/scls/scl.example.org/applications/",
		"\xff"
	};
	struct peers ps;

	peers_begin(&ps);
	for (unsigned i = 0; i < NITEMS(locations); i++) {
		pthread_mutex_lock(&ps.lock);
		ps.v[0].location = locations[i];
		pthread_mutex_unlock(&ps.lock);
		ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
		ck_assert(peer_await(&ps, 0, 1));
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
		ck_assert(peer_await(&ps, 0, 0));
	}
	pthread_mutex_lock(&ps.lock);
	ps.v[0].location = NULL;
	ps.v[0].relative = true;
	pthread_mutex_unlock(&ps.lock);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_not_deleted)
{
	struct peers ps;

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_await(&ps, 1, 1));
	pthread_mutex_lock(&ps.lock);
	ps.v[0].denies_deletes = true;
	pthread_mutex_unlock(&ps.lock);
	/* Depends on what was known of the creations when the list changed. */
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("", "", "")), 204);
	ck_assert(list_await(&ps, APP, "0"));
	pthread_mutex_lock(&ps.lock);
	ps.v[0].denies_deletes = false;
	pthread_mutex_unlock(&ps.lock);
	ck_assert_int_eq(announce_update(&ps, "a", announce_to("", "", "")), 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(list_await(&ps, APP, ""));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_global)
{
	struct peers ps;
	struct peer_res r;
	char body[512], value[256];

	peers_begin(&ps);
	ck_assert_int_eq(
		announce_create(&ps, APP, "a", announce_to("0", "", "<m2m:global>true</m2m:global>")),
		201);
	snprintf(body, sizeof(body), "<m2m:container " NS " m2m:id=\"c\"/>");
	ck_assert_int_eq(core_status(&ps.b, "POST", APP "/containers", APP, body), 201);
	ck_assert(peer_await(&ps, 0, 2));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc/containers/cAnnc", &r));
	/* Passive: nobody has asked for this one. */
	ck_assert_str_eq(r.from, SELF);
	/* Somebody else's creation is not the application's. */
	ck_assert_int_eq(core_container(&ps.b, "a", "d", "default", ""), 201);
	value_of(&ps, APP "/containers/d", "activated", value);
	ck_assert_str_eq(value, "false");
	/* An application that announces nothing itself. */
	ck_assert_int_eq(announce_create(&ps, BASE "/applications/b", "b",
	                            announce_to("0", "<m2m:activated>false</m2m:activated>",
	                                        "<m2m:global>true</m2m:global>")),
	                 201);
	ck_assert_int_eq(core_status(&ps.b, "POST", BASE "/applications/b/containers",
	                             BASE "/applications/b",
	                             "<m2m:container " NS " m2m:id=\"c\"><m2m:accessRightID>" BASE
	                             "/accessRights/default</m2m:accessRightID></m2m:container>"),
	                 201);
	value_of(&ps, BASE "/applications/b/containers/c", "activated", value);
	ck_assert_str_eq(value, "false");
	value_of(&ps, BASE "/applications/b/containers/c", "sclList", value);
	ck_assert_ptr_nonnull(strstr(value, "peer0"));
	ck_assert_uint_eq(peer_count(&ps, 0), 2);
	peers_fini(&ps);
}
END_TEST

START_TEST(test_policy)
{
	static const char *const to[] = { "peer0", "http://peer1.example.org/m2m", "peer2", NULL };
	struct peers ps;
	struct peer_res r;
	char value[256];

	peers_init(&ps, SCL_NSCL);
	ps.b.conf.announce_to = to;
	core_start(&ps.b);
	peer_register(&ps, 0, "GSCL");
	peer_register(&ps, 1, "DSCL");
	ck_assert_int_eq(announce_create(&ps, APP, "a", ""), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_await(&ps, 1, 1));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc", &r));
	ck_assert_str_eq(r.from, SELF);
	value_of(&ps, APP, "sclList", value);
	ck_assert_str_eq(value, "<reference>peer0</reference>"
	                        "<reference>http://peer1.example.org/m2m</reference>");
	/* Asked for nothing: that is an answer. */
	ck_assert_int_eq(announce_create(&ps, ADMIN, "b", announce_to("", "", "")), 201);
	value_of(&ps, BASE "/applications/b", "sclList", value);
	ck_assert_str_eq(value, "");
	peers_fini(&ps);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("announce");
	TCase *tc = tcase_create("announce");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_active);
	tcase_add_test(tc, test_changes);
	tcase_add_test(tc, test_inactive);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_taken);
	tcase_add_test(tc, test_location);
	tcase_add_test(tc, test_not_deleted);
	tcase_add_test(tc, test_global);
	tcase_add_test(tc, test_policy);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
