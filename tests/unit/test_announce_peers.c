/* SPDX-License-Identifier: Apache-2.0 */
/* Announcing to SCLs that fail, forget, come back and refuse, and in any order of all that. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "annc_peer.h"
#include "base/times.h"
#include "repo_bed.h"

#define SELF "http://scl.example.org:8080" BASE
#define APP BASE "/applications/a"

START_TEST(test_outage)
{
	struct peers ps;

	peers_begin(&ps);
	peer_set(&ps, 0, _i == 0 ? PEER_DOWN : _i == 1 ? PEER_SILENT : PEER_BUSY);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
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

	peers_begin(&ps);
	ps.delay = CLOCK_SECOND / 50;
	ps.b.conf.notify_timeout_ms = 1000;
	for (unsigned i = 0; i < core_scale(10); i++) {
		struct asked before = { &ps, peer_look(&ps, 0).creates };

		ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
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

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
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

/* What was not announced yet when the SCL went is announced at it when it is back, below what is anew. */
START_TEST(test_unfinished_at_loss)
{
	struct peers ps;
	char name[16];

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(list_await(&ps, APP, "0"));
	ck_assert(works_await(&ps));
	peer_set(&ps, 0, PEER_BUSY);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		ck_assert_int_eq(
			core_container(&ps.b, "a", name, "default", announce_to("0", "", "")), 201);
	}
	ck_assert_int_eq(core_status(&ps.b, "DELETE", BASE "/scls/peer0",
	                             "http://peer0.example.org/m2m", NULL),
	                 204);
	peer_forget_all(&ps, 0);
	peer_set(&ps, 0, PEER_WELL);
	peer_register(&ps, 0, "GSCL");
	ck_assert(peer_await(&ps, 0, 21));
	ck_assert(works_await(&ps));
	peers_fini(&ps);
}
END_TEST

/* The announcement of one that is gone is not taken for that of the next one with its name. */
START_TEST(test_same_name)
{
	struct peers ps;

	peers_begin(&ps);
	ps.delay = CLOCK_SECOND / 20;
	ps.b.conf.notify_timeout_ms = 1000;
	for (unsigned i = 0; i < core_scale(5); i++) {
		ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
		ck_assert(list_await(&ps, APP, "0"));
		ck_assert(works_await(&ps));
		pthread_mutex_lock(&ps.lock);
		ps.v[0].busy_deletes = 1;
		pthread_mutex_unlock(&ps.lock);
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
		ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
		ck_assert(list_await(&ps, APP, "0"));
		ck_assert(works_await(&ps));
		ck_assert_uint_eq(peer_count(&ps, 0), 1);
		ck_assert_int_eq(core_do(&ps.b, "DELETE", APP, "%s", ""), 204);
		ck_assert(works_await(&ps));
		ck_assert_uint_eq(peer_count(&ps, 0), 0);
	}
	peers_fini(&ps);
}
END_TEST

/* What was made there without our knowing it, and is not wanted any more, is removed. */
START_TEST(test_unwanted_unknown)
{
	struct asked before;
	struct peers ps;

	peers_begin(&ps);
	before = (struct asked){ &ps, peer_look(&ps, 0).creates };
	pthread_mutex_lock(&ps.lock);
	ps.v[0].drops_answer = true;
	pthread_mutex_unlock(&ps.lock);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
	ck_assert(core_await(has_created, &before));
	ck_assert_int_eq(core_do(&ps.b, "PUT", APP "/announceTo", "<m2m:announceTo " NS "><m2m:sclList/></m2m:announceTo>"), 204);
	ck_assert(works_await(&ps));
	ck_assert_uint_eq(peer_count(&ps, 0), 0);
	peers_fini(&ps);
}
END_TEST

START_TEST(test_lost_at_peer)
{
	struct peers ps;

	peers_begin(&ps);
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
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
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("0", "", "")), 201);
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
	int64_t now;

	peers_begin(&ps);
	/* The clock stands until the peer has what is to expire. */
	now = clock_now(&clock_system);
	atomic_store(&ps.b.clock.now, now);
	times_format(now + 3 * CLOCK_SECOND, TIMES_MILLI, until);
	snprintf(more, sizeof(more), "<m2m:expirationTime>%s</m2m:expirationTime>%s", until,
	         announce_to("0", "", ""));
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", more), 201);
	ck_assert(peer_await(&ps, 0, 1));
	ck_assert(peer_has(&ps, 0, "applications/aAnnc", &r));
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:expirationTime>"));
	atomic_store(&ps.b.clock.now, now + 4 * CLOCK_SECOND);
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

	peers_begin(&ps);
	ps.v[0].grants = 3 * CLOCK_SECOND;
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
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
	ck_assert_int_eq(announce_create(&ps, ADMIN, "b", announce_to("0", "", "")), 201);
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
	ck_assert_int_eq(announce_create(&ps, ADMIN, "a", announce_to("01", "", "")), 201);
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
	ck_assert(list_await(&ps, BASE "/scls/peer1", "0"));
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
		ck_assert_int_eq(announce_create(&w->ps, ADMIN, name, announce_to(list, "", "")), 201);
		w->app[i] = true;
	} else if (dice(&w->dice, 3) == 0) {
		ck_assert_int_eq(core_do(&w->ps.b, "DELETE", target, "%s", ""), 204);
		w->app[i] = false;
		memset(w->kid[i], 0, sizeof(w->kid[i]));
	} else {
		int status = announce_update(&w->ps, name, announce_to(list, "", ""));

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

	peers_begin(&w.ps);
	w.ps.v[1].grants = 3 * CLOCK_SECOND;
	dice_init(&w.dice, "announcing");
	for (unsigned i = 0; i < core_scale(300); i++)
		step(&w);
	peer_set(&w.ps, 0, PEER_WELL);
	peer_set(&w.ps, 1, PEER_WELL);
	/* What is not prolonged in time is gone at the peer, and made again, for ever on a slow machine. */
	peer_grants(&w.ps, 1, 60 * CLOCK_SECOND);
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
	Suite *s = suite_create("announce_peers");
	TCase *tc = tcase_create("announce_peers");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_outage, 0, 3);
	tcase_add_test(tc, test_deleted_while_created);
	tcase_add_loop_test(tc, test_registered_again, 0, 2);
	tcase_add_test(tc, test_unfinished_at_loss);
	tcase_add_test(tc, test_same_name);
	tcase_add_test(tc, test_unwanted_unknown);
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
	return core_run(suite());
}
