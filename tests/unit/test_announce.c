/* SPDX-License-Identifier: Apache-2.0 */
/* Announcing to SCLs that the test plays: what they get, failures, restarts, what the list says. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "annc_peer.h"
#include "base/times.h"
#include "repo_bed.h"

#define SELF "http://scl.example.org:8080" BASE
#define APP BASE "/applications/a"

static void
begin(struct peers *ps)
{
	peers_init(ps, SCL_NSCL);
	core_start(&ps->b);
	peer_register(ps, 0, "GSCL");
	peer_register(ps, 1, "GSCL");
}

static int
create_app(struct peers *ps, const char *from, const char *id, const char *more)
{
	char body[2048];

	snprintf(body, sizeof(body),
	         "<m2m:application " NS " appId=\"%s\"><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID>%s</m2m:application>",
	         id, more);
	return core_status(&ps->b, "POST", BASE "/applications", from, body);
}

static int
update_app(struct peers *ps, const char *id, const char *more)
{
	char target[96], body[2048];

	snprintf(target, sizeof(target), BASE "/applications/%s", id);
	snprintf(body, sizeof(body),
	         "<m2m:application " NS "><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID>%s</m2m:application>",
	         more);
	return core_status(&ps->b, "PUT", target, ADMIN, body);
}

START_TEST(test_active)
{
	struct peers ps;
	struct peer_res r;
	struct peer p;
	char list[256];

	begin(&ps);
	ck_assert_int_eq(create_app(&ps, APP, "a", announce_to("0", "", "")), 201);
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

	begin(&ps);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	snprintf(more, sizeof(more), "%s%s", labels, announce_to("01", "", ""));
	ck_assert_int_eq(update_app(&ps, "a", more), 204);
	ck_assert(peer_await(&ps, 1, 1));
	ck_assert(core_await(shows_label, &ps));
	/* The same again: nothing to do. */
	ck_assert_int_eq(update_app(&ps, "a", more), 204);
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/searchStrings", "<m2m:searchStrings " NS "/>"),
	                 204);
	ck_assert(works_await(&ps));
	/* To one of them no more, and then to none. */
	ck_assert_int_eq(update_app(&ps, "a", announce_to("1", "", "")), 204);
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

	begin(&ps);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("09", off, "")), 201);
	value_of(&ps, APP, "sclList", value);
	ck_assert_ptr_nonnull(strstr(value, "peer9"));
	/* As it is shown it may be sent again; otherwise not. */
	ck_assert_int_eq(update_app(&ps, "a", announce_to("09", off, "")), 204);
	ck_assert_int_eq(update_app(&ps, "a", announce_to("0", off, "")), 403);
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/announceTo",
	                         "<m2m:announceTo " NS "><m2m:activated>false</m2m:activated>"
	                         "<m2m:sclList/></m2m:announceTo>"),
	                 403);
	ck_assert_int_eq(update_app(&ps, "a", announce_to("0", "", "")), 204);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert_int_eq(update_app(&ps, "a", announce_to("0", off, "")), 403);
	/* Left out: nobody has asked for it any more. */
	ck_assert_int_eq(update_app(&ps, "a", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	value_of(&ps, APP, "activated", value);
	ck_assert_str_eq(value, "false");
	/* What a resource that is not announced shows may be sent as well. */
	ck_assert_int_eq(update_app(&ps, "a", announce_to("", off, "")), 204);
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

	begin(&ps);
	ps.b.conf.announce_scls = 0;
	for (unsigned i = 0; i < NITEMS(refused); i++) {
		snprintf(more, sizeof(more),
		         "<m2m:announceTo><m2m:sclList><reference>%s</reference></m2m:sclList>"
		         "</m2m:announceTo>",
		         refused[i]);
		ck_assert_int_eq(create_app(&ps, ADMIN, "a", more), 201);
		value_of(&ps, APP, "sclList", list);
		ck_assert_str_eq(list, "");
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	}
	ck_assert_int_eq(create_app(&ps, ADMIN, "a",
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
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("123", "", "")), 403);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("12", "", "")), 201);
	ck_assert_int_eq(update_app(&ps, "a", announce_to("123", "", "")), 403);
	peers_fini(&ps);
}
END_TEST

START_TEST(test_refused)
{
	struct peers ps;
	char before[256], after[256];

	begin(&ps);
	peer_set(&ps, 0, PEER_DENIES);
	ps.delay = CLOCK_SECOND / 10;
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert_int_eq(core_container(&ps.b, "a", "c", "default", announce_to("01", "", "")),
	                 201);
	value_of(&ps, APP, "lastModifiedTime", before);
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

	begin(&ps);
	peer_plant(&ps, 0, "applications/aAnnc", SELF "/applications/a");
	peer_plant(&ps, 1, "applications/aAnnc", "http://other.example.org/m2m/applications/a");
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
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

	begin(&ps);
	for (unsigned i = 0; i < NITEMS(locations); i++) {
		pthread_mutex_lock(&ps.lock);
		ps.v[0].location = locations[i];
		pthread_mutex_unlock(&ps.lock);
		ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
		ck_assert(peer_await(&ps, 0, 1));
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
		ck_assert(peer_await(&ps, 0, 0));
	}
	pthread_mutex_lock(&ps.lock);
	ps.v[0].location = NULL;
	ps.v[0].relative = true;
	pthread_mutex_unlock(&ps.lock);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_not_deleted)
{
	struct peers ps;

	begin(&ps);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_await(&ps, 1, 1));
	pthread_mutex_lock(&ps.lock);
	ps.v[0].denies_deletes = true;
	pthread_mutex_unlock(&ps.lock);
	/* Depends on what was known of the creations when the list changed. */
	ck_assert_int_eq(update_app(&ps, "a", announce_to("", "", "")), 204);
	ck_assert(list_await(&ps, APP, "0"));
	pthread_mutex_lock(&ps.lock);
	ps.v[0].denies_deletes = false;
	pthread_mutex_unlock(&ps.lock);
	ck_assert_int_eq(update_app(&ps, "a", announce_to("", "", "")), 204);
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

	begin(&ps);
	ck_assert_int_eq(
		create_app(&ps, APP, "a", announce_to("0", "", "<m2m:global>true</m2m:global>")),
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
	ck_assert_int_eq(create_app(&ps, BASE "/applications/b", "b",
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
	ck_assert_int_eq(create_app(&ps, APP, "a", ""), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_await(&ps, 1, 1));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc", &r));
	ck_assert_str_eq(r.from, SELF);
	value_of(&ps, APP, "sclList", value);
	ck_assert_str_eq(value, "<reference>peer0</reference>"
	                        "<reference>http://peer1.example.org/m2m</reference>");
	/* Asked for nothing: that is an answer. */
	ck_assert_int_eq(create_app(&ps, ADMIN, "b", announce_to("", "", "")), 201);
	value_of(&ps, BASE "/applications/b", "sclList", value);
	ck_assert_str_eq(value, "");
	peers_fini(&ps);
}
END_TEST

START_TEST(test_outage)
{
	struct peers ps;

	begin(&ps);
	peer_set(&ps, 0, _i == 0 ? PEER_DOWN : _i == 1 ? PEER_SILENT : PEER_BUSY);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert_int_eq(core_container(&ps.b, "a", "c", "default", announce_to("0", "", "")), 201);
	ck_assert_int_eq(core_container(&ps.b, "a", "gone", "default", announce_to("0", "", "")),
	                 201);
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP "/containers/gone", "%s", ""), 204);
	core_stop(&ps.b);
	core_start(&ps.b);
	ck_assert_uint_eq(peer_count(&ps, 0), 0);
	peer_set(&ps, 0, PEER_WELL);
	ck_assert(peer_await(&ps, 0, 2));
	peer_set(&ps, 0, PEER_DOWN);
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	core_stop(&ps.b);
	core_start(&ps.b);
	peer_set(&ps, 0, PEER_WELL);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(works_await(&ps));
	peers_fini(&ps);
}
END_TEST

struct asked {
	struct peers *ps;
	unsigned creates;
};

static bool
has_created(void *arg)
{
	struct asked *before = arg;

	return peer_look(before->ps, 0).creates > before->creates;
}

START_TEST(test_deleted_while_created)
{
	struct peers ps;

	begin(&ps);
	ps.delay = CLOCK_SECOND / 50;
	ps.b.conf.notify_timeout_ms = 1000;
	for (unsigned i = 0; i < core_scale(10); i++) {
		struct asked before = { &ps, peer_look(&ps, 0).creates };

		ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
		if (i % 2 == 0)
			ck_assert(core_await(has_created, &before));
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
		ck_assert(peer_await(&ps, 0, 0));
	}
	peers_fini(&ps);
}
END_TEST

START_TEST(test_registered_again)
{
	struct peers ps;
	char name[16];

	begin(&ps);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		ck_assert_int_eq(
			core_container(&ps.b, "a", name, "default", announce_to("0", "", "")), 201);
	}
	ck_assert(peer_await(&ps, 0, 101));
	ck_assert_int_eq(core_status(&ps.b, "DELETE", BASE "/scls/peer0",
	                             "http://peer0.example.org/m2m", NULL),
	                 204);
	peer_forget_all(&ps, 0);
	/* What is announced meanwhile cannot be. */
	ck_assert_int_eq(core_container(&ps.b, "a", "late", "default", announce_to("0", "", "")),
	                 201);
	ck_assert(list_await(&ps, APP "/containers/late", ""));
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP "/containers/c7", "%s", ""), 204);
	if (_i == 1) {
		core_stop(&ps.b);
		core_start(&ps.b);
	}
	peer_register(&ps, 0, "GSCL");
	ck_assert(peer_await(&ps, 0, 100));
	ck_assert(list_await(&ps, APP, "0"));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_lost_at_peer)
{
	struct peers ps;

	begin(&ps);
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert_int_eq(core_container(&ps.b, "a", "c", "default", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 2));
	peer_forget_all(&ps, 0);
	/* The next change finds out, for the children as well. */
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/searchStrings",
	                         "<m2m:searchStrings " NS "><m2m:searchString>x</m2m:searchString>"
	                         "</m2m:searchStrings>"),
	                 204);
	ck_assert(peer_await(&ps, 0, 2));
	/* Without its application's announcement the container has no place. */
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/announceTo",
	                         "<m2m:announceTo " NS "><m2m:sclList/></m2m:announceTo>"),
	                 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(list_await(&ps, APP "/containers/c", ""));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_other_name)
{
	struct peers ps;

	peers_init(&ps, SCL_NSCL);
	ps.v[0].knows_as = "/m2m/scls/scl.example.org.8080";
	core_start(&ps.b);
	peer_register(&ps, 0, "GSCL");
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert_int_eq(core_container(&ps.b, "a", "c", "default", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 2));
	ck_assert_uint_eq(peer_look(&ps, 0).creates, 3);
	peers_fini(&ps);
}
END_TEST

static bool
is_absent(void *arg)
{
	return core_status(arg, "GET", APP, ADMIN, NULL) == 404;
}

START_TEST(test_expiry)
{
	struct peers ps;
	char more[1024], until[TIMES_TEXT_MAX];
	struct peer_res r;

	begin(&ps);
	times_format(clock_now(&clock_system) + 3 * CLOCK_SECOND, TIMES_MILLI, until);
	snprintf(more, sizeof(more), "<m2m:expirationTime>%s</m2m:expirationTime>%s", until,
	         announce_to("0", "", ""));
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", more), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc", &r));
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:expirationTime>"));
	ck_assert(core_await(is_absent, &ps.b));
	ck_assert(peer_await(&ps, 0, 0));
	peers_fini(&ps);
}
END_TEST

struct updates {
	struct peers *ps;
	unsigned n;
};

static bool
has_updates(void *arg)
{
	struct updates *u = arg;

	return peer_look(u->ps, 0).updates >= u->n;
}

/* An SCL that gives less than is asked for is asked again in time. */
START_TEST(test_lifetime)
{
	struct peers ps;
	struct updates u = { &ps, 2 };

	begin(&ps);
	ps.v[0].grants = 3 * CLOCK_SECOND;
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(core_await(has_updates, &u));
	/* Also after a restart, and not any more when it is withdrawn. */
	core_stop(&ps.b);
	core_start(&ps.b);
	u.n += 2;
	ck_assert(core_await(has_updates, &u));
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/announceTo",
	                         "<m2m:announceTo " NS "><m2m:sclList/></m2m:announceTo>"),
	                 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(works_await(&ps));
	ck_assert_uint_eq(peer_look(&ps, 1).updates, 0);
	/* What goes meanwhile leaves nothing behind. */
	ck_assert_int_eq(create_app(&ps, ADMIN, "b", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert_int_eq(core_do(&ps.b, "DELETE", BASE "/applications/b", "%s", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(works_await(&ps));
	peers_fini(&ps);
}
END_TEST

/* One dead SCL takes a few exchanges of the many, however much waits for it. */
START_TEST(test_dead)
{
	unsigned n = core_scale(1500);
	struct peers ps;
	char name[16];

	peers_init(&ps, SCL_NSCL);
	ps.b.conf.notify_timeout_ms = 2000;
	core_start(&ps.b);
	peer_register(&ps, 0, "GSCL");
	peer_register(&ps, 1, "GSCL");
	ck_assert_int_eq(create_app(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
	ck_assert(works_await(&ps));
	peer_set(&ps, 0, PEER_SILENT);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		ck_assert_int_eq(core_container(&ps.b, "a", name, "default",
		                                announce_to(i % 10 == 0 ? "01" : "0", "", "")),
		                 201);
	}
	ck_assert(peer_await(&ps, 1, 1 + (n + 9) / 10));
	ck_assert_uint_lt(peer_look(&ps, 0).asked, n / 4);
	ck_assert_uint_le(port_fake_most(), 8);
	core_stop(&ps.b);
	peer_set(&ps, 0, PEER_WELL);
	core_start(&ps.b);
	ck_assert(peer_await(&ps, 0, n + 1));
	ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
	ck_assert(peer_await(&ps, 0, 0));
	ck_assert(peer_await(&ps, 1, 0));
	ck_assert(works_await(&ps));
	peers_fini(&ps);
}
END_TEST

START_TEST(test_scl_announced)
{
	struct peers ps;
	struct peer_res r;
	char body[1024], value[256];

	peers_init(&ps, SCL_NSCL);
	core_start(&ps.b);
	peer_register(&ps, 0, "NSCL");
	peer_register(&ps, 1, "GSCL");
	snprintf(body, sizeof(body),
	         "<m2m:scl " NS "><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>%s</m2m:scl>",
	         announce_to("01", "", ""));
	ck_assert_int_eq(
		core_status(&ps.b, "PUT", BASE "/scls/peer1", "http://peer1.example.org/m2m", body),
		200);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_has(&ps, 0, "sclAnncs/peer1Annc", &r));
	ck_assert_str_eq(r.link, SELF "/scls/peer1");
	value_of(&ps, BASE "/scls/peer1", "sclList", value);
	ck_assert_str_eq(value, "<reference>http://peer0.example.org/m2m</reference>");
	/* What lies below it may be announced further; to where it came from not. */
	snprintf(body, sizeof(body),
	         "<m2m:applicationAnnc " NS " id=\"xAnnc\"><m2m:link>http://peer1.example.org/m2m/"
	         "applications/x</m2m:link><m2m:searchStrings/>%s</m2m:applicationAnnc>",
	         announce_to("01", "", ""));
	ck_assert_int_eq(core_status(&ps.b, "POST", BASE "/scls/peer1/applications",
	                             "http://peer1.example.org/m2m", body),
	                 201);
	ck_assert(peer_await(&ps, 0, 2));
	ck_assert(peer_has(&ps, 0, "sclAnncs/peer1Annc/applications/xAnncAnnc", &r));
	ck_assert_str_eq(r.link, SELF "/scls/peer1/applications/xAnnc");
	ck_assert_uint_eq(peer_count(&ps, 1), 0);
	/* An SCL is not announced to a gateway, nor to itself. */
	ck_assert_int_eq(core_status(&ps.b, "DELETE", BASE "/scls/peer1",
	                             "http://peer1.example.org/m2m", NULL),
	                 204);
	ck_assert(peer_await(&ps, 0, 0));
	peers_fini(&ps);
}
END_TEST

/* ---- in any order, with failures of all kinds ---- */

#define APPS 6u
#define KIDS 4u
#define LISTS 4u

struct world {
	struct peers ps;
	struct dice dice;
	bool app[APPS], kid[APPS][KIDS];
};

static const char *const lists[LISTS] = { "", "0", "1", "01" };

static void
change_app(struct world *w, unsigned i)
{
	const char *list = lists[dice(&w->dice, LISTS)];
	char name[16], target[64];

	snprintf(name, sizeof(name), "a%u", i);
	snprintf(target, sizeof(target), BASE "/applications/%s", name);
	if (!w->app[i]) {
		ck_assert_int_eq(create_app(&w->ps, ADMIN, name, announce_to(list, "", "")), 201);
		w->app[i] = true;
	} else if (dice(&w->dice, 3) == 0) {
		ck_assert_int_eq(core_do(&w->ps.b, "DELETE", target, "%s", ""), 204);
		w->app[i] = false;
		memset(w->kid[i], 0, sizeof(w->kid[i]));
	} else {
		int status = update_app(&w->ps, name, announce_to(list, "", ""));

		ck_assert(status == 204 || status == 200);
	}
}

static void
change_kid(struct world *w, unsigned i, unsigned k)
{
	const char *list = announce_to(lists[dice(&w->dice, LISTS)], "", "");
	char app[16], name[16], target[96];

	if (!w->app[i])
		return;
	snprintf(app, sizeof(app), "a%u", i);
	snprintf(name, sizeof(name), "c%u", k);
	snprintf(target, sizeof(target), BASE "/applications/%s/containers/%s", app, name);
	if (!w->kid[i][k])
		ck_assert_int_eq(core_container(&w->ps.b, app, name, "default", list), 201);
	else
		ck_assert_int_eq(core_do(&w->ps.b, "DELETE", target, "%s", ""), 204);
	w->kid[i][k] = !w->kid[i][k];
}

static bool
some_looks(void *arg)
{
	return ++*(unsigned *)arg > 10;
}

static void
step(struct world *w)
{
	unsigned what = dice(&w->dice, 20), peer = dice(&w->dice, 2);

	if (what < 8) {
		change_app(w, dice(&w->dice, APPS));
	} else if (what < 16) {
		change_kid(w, dice(&w->dice, APPS), dice(&w->dice, KIDS));
	} else if (what < 18) {
		static const enum peer_mode modes[] = { PEER_WELL, PEER_WELL, PEER_DOWN,
			                                PEER_SILENT, PEER_BUSY };

		peer_set(&w->ps, peer, modes[dice(&w->dice, NITEMS(modes))]);
	} else if (what < 19) {
		core_stop(&w->ps.b);
		core_start(&w->ps.b);
	} else {
		unsigned looks = 0;

		/* Requests are not the subject: meanwhile there are none. */
		core_fail_commits(300);
		ck_assert(core_await(some_looks, &looks));
		core_fail_commits(0);
	}
}

/* What is announced at a peer is what the lists say. */
static bool
agrees(void *arg)
{
	struct world *w = arg;
	size_t counts[2] = { 0 };
	char target[96], list[256];

	for (unsigned i = 0; i < APPS; i++)
		for (unsigned k = 0; k <= KIDS; k++) {
			if (!w->app[i] || (k < KIDS && !w->kid[i][k]))
				continue;
			snprintf(target, sizeof(target), BASE "/applications/a%u", i);
			if (k < KIDS)
				snprintf(target, sizeof(target),
				         BASE "/applications/a%u/containers/c%u", i, k);
			value_of(&w->ps, target, "sclList", list);
			for (unsigned p = 0; p < 2; p++)
				counts[p] += strstr(list, p == 0 ? "peer0" : "peer1") != NULL;
		}
	return peer_count(&w->ps, 0) == counts[0] && peer_count(&w->ps, 1) == counts[1];
}

START_TEST(test_any_order)
{
	struct world w = { 0 };

	begin(&w.ps);
	w.ps.v[1].grants = 3 * CLOCK_SECOND;
	dice_init(&w.dice, "announcing");
	for (unsigned i = 0; i < core_scale(300); i++)
		step(&w);
	peer_set(&w.ps, 0, PEER_WELL);
	peer_set(&w.ps, 1, PEER_WELL);
	/* What is prolonged has work all the time. */
	ck_assert(core_await(agrees, &w));
	for (unsigned i = 0; i < APPS; i++) {
		char target[64];

		snprintf(target, sizeof(target), BASE "/applications/a%u", i);
		if (w.app[i])
			ck_assert_int_eq(core_do(&w.ps.b, "DELETE", target, "%s", ""), 204);
	}
	ck_assert(works_await(&w.ps));
	ck_assert_uint_eq(peer_count(&w.ps, 0) + peer_count(&w.ps, 1), 0);
	peers_fini(&w.ps);
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
	tcase_add_loop_test(tc, test_outage, 0, 3);
	tcase_add_test(tc, test_deleted_while_created);
	tcase_add_loop_test(tc, test_registered_again, 0, 2);
	tcase_add_test(tc, test_lost_at_peer);
	tcase_add_test(tc, test_other_name);
	tcase_add_test(tc, test_expiry);
	tcase_add_test(tc, test_lifetime);
	tcase_add_test(tc, test_dead);
	tcase_add_test(tc, test_scl_announced);
	tcase_add_test(tc, test_any_order);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
