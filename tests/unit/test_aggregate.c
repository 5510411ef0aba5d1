/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions made through a group: their notifications are collected. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "group_bed.h"
#include "suite.h"

#define C(name) BASE "/applications/a/containers/" name
#define SUBSCRIPTIONS BASE "/groups/g/membersContent/contentInstances/subscriptions"
#define SUBSCRIBE(contact, more)                                                                   \
	"<m2m:subscription " NS " m2m:id=\"s\">" more "<m2m:contact>" contact                      \
	"</m2m:contact></m2m:subscription>"

static struct group_bed gb;

static void
setup(void)
{
	group_init(&gb);
	group_container(&gb, "x", NULL);
	group_container(&gb, "y", NULL);
	group_container(&gb, "z", NULL);
	ck_assert_int_eq(group_make(&gb, "g", "CONTAINER", "", C("x") " " C("y") " " C("z")), 201);
}

static void
teardown(void)
{
	group_fini(&gb);
}

/* Members that answered the code. */
static unsigned
subscribe(const char *body, const char *code)
{
	struct reply r = group_ask(&gb, "POST", SUBSCRIPTIONS, ADMIN, NULL, NULL, body);
	char tag[80];
	unsigned n;

	ck_assert_msg(r.status == 200, "%d %s", r.status, r.body);
	snprintf(tag, sizeof(tag), "<statusCode>%s</statusCode>", code);
	n = occurrences(r.body, tag);
	reply_fini(&r);
	return n;
}

static void
contents(const char *text)
{
	ck_assert_int_eq(core_post_text(&gb.b, C("x") "/contentInstances", text), 201);
	ck_assert_int_eq(core_post_text(&gb.b, C("y") "/contentInstances", text), 201);
	ck_assert_int_eq(core_post_text(&gb.b, C("z") "/contentInstances", text), 201);
}

/* The text of an element of x's subscription. */
static void
stored(const char *element, char value[256])
{
	struct reply r =
		core_ask(&gb.b, "GET", C("x") "/contentInstances/subscriptions/s", ADMIN, NULL);
	char tag[64];
	const char *at;

	ck_assert_int_eq(r.status, 200);
	snprintf(tag, sizeof(tag), "<m2m:%s>", element);
	at = strstr(r.body, tag);
	value[0] = '\0';
	if (at != NULL)
		snprintf(value, 256, "%.*s", (int)strcspn(at + strlen(tag), "<"), at + strlen(tag));
	reply_fini(&r);
}

static unsigned
notifies_so_far(void)
{
	unsigned n = 0;

	pthread_mutex_lock(&gb.lock);
	for (unsigned i = 0; i < gb.nposts; i++)
		n += occurrences(gb.posts[i], "<subscriptionReference>");
	pthread_mutex_unlock(&gb.lock);
	return n;
}

static bool
has_notifies(void *arg)
{
	return notifies_so_far() >= *(unsigned *)arg;
}

static void
await_notifies(unsigned n)
{
	ck_assert_msg(core_await(has_notifies, &n), "%u notifications, not %u", notifies_so_far(),
	              n);
}

START_TEST(notifications_come_together)
{
	char value[256];

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	stored("contact", value);
	ck_assert_str_eq(value, SUBSCRIBER);
	stored("aggregateURI", value);
	ck_assert_int_eq(strncmp(value, "http://scl.example.org:8080/m2m/aggregation/", 44), 0);
	contents("1");
	await_notifies(3);
	ck_assert_uint_eq(group_posts(&gb, 1), 1);
	ck_assert_ptr_nonnull(strstr(gb.posts[0], "<m2m:notifyCollection"));
	ck_assert_uint_eq(occurrences(gb.posts[0], "<m2m:notify>"), 3);
	ck_assert_uint_eq(occurrences(gb.posts[0], "<contact>" SUBSCRIBER "</contact>"), 3);
	ck_assert_ptr_nonnull(strstr(gb.posts[0], C("y") "/contentInstances/subscriptions/s<"));
	/* Acknowledged: the next ones are about what is new. */
	contents("2");
	await_notifies(6);
	ck_assert_uint_eq(group_posts(&gb, 2), 2);
}
END_TEST

/* A contact of more segments than any resource has is a contact, though nobody's here. */
START_TEST(a_deep_contact_gets_them)
{
#define DEEP4 "/d/d/d/d"
#define DEEP16 DEEP4 DEEP4 DEEP4 DEEP4
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER DEEP16 DEEP16 DEEP16 DEEP16 DEEP16, ""),
	                            "STATUS_CREATED"),
	                  3);
	contents("1");
	await_notifies(3);
	ck_assert_uint_eq(group_posts(&gb, 1), 1);
}
END_TEST

START_TEST(a_single_one_goes_alone)
{
	int64_t began = clock_monotonic();

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	ck_assert_int_eq(core_post_text(&gb.b, C("x") "/contentInstances", "1"), 201);
	group_posts(&gb, 1);
	ck_assert_int_ge(clock_monotonic() - began, gb.b.conf.aggregation_wait);
	ck_assert_ptr_nonnull(strstr(gb.posts[0], "<m2m:notify "));
	ck_assert_ptr_null(strstr(gb.posts[0], "notifyCollection"));
	ck_assert_ptr_nonnull(strstr(gb.posts[0], "<contact>" SUBSCRIBER "</contact>"));
}
END_TEST

START_TEST(final_notifications_are_collected_too)
{
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	ck_assert_int_eq(group_status(&gb, "DELETE", BASE "/groups/g/membersContent", ADMIN, NULL,
	                              NULL, NULL),
	                 200);
	await_notifies(3);
	ck_assert_uint_eq(occurrences(gb.posts[0], "STATUS_DELETED"), 3);
}
END_TEST

START_TEST(each_member_gets_its_own_answer)
{
	static const char answer[] =
		"<m2m:notifyCollectionResponse " NS
		"><status><targetId>http://scl.example.org:8080" C(
			"y") "/contentInstances/subscriptions/s</targetId><primitiveType>notify</"
			     "primitiveType>"
			     "<statusCode>STATUS_SERVICE_UNAVAILABLE</statusCode></status></"
			     "m2m:notifyCollectionResponse>";

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	group_subscriber(&gb, 200, answer, 0);
	contents("1");
	/* y sends again, the others do not. */
	await_notifies(5);
	for (unsigned i = 1; i < group_posts(&gb, 2); i++) {
		ck_assert_ptr_nonnull(strstr(gb.posts[i], "<m2m:notify "));
		ck_assert_ptr_nonnull(strstr(gb.posts[i], C("y")));
	}
	group_subscriber(&gb, 204, NULL, 0);
}
END_TEST

START_TEST(nothing_is_lost_when_the_subscriber_fails)
{
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	group_subscriber(&gb, 503, NULL, 0);
	contents("1");
	await_notifies(6);
	group_subscriber(&gb, ANSWER_NEVER, NULL, 0);
	group_posts(&gb, group_posts(&gb, 1) + 1);
	/* Neither is it with a restart, before the subscriber has answered. */
	core_stop(&gb.b);
	pthread_mutex_lock(&gb.lock);
	while (gb.nposts > 0)
		free(gb.posts[--gb.nposts]);
	gb.subscriber = (struct port_answer){ .status = 200 };
	pthread_mutex_unlock(&gb.lock);
	core_start(&gb.b);
	await_notifies(3);
}
END_TEST

START_TEST(one_address_for_one_subscriber)
{
	char first[256], second[256];

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	stored("aggregateURI", first);
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CONFLICT"), 3);
	ck_assert_int_eq(
		core_do(&gb.b, "DELETE", C("x") "/contentInstances/subscriptions/s", "%s", ""),
		204);
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 1);
	stored("aggregateURI", second);
	ck_assert_str_eq(first, second);
	ck_assert_int_eq(
		core_do(&gb.b, "DELETE", C("x") "/contentInstances/subscriptions/s", "%s", ""),
		204);
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER "/other", ""), "STATUS_CREATED"), 1);
	stored("aggregateURI", second);
	ck_assert_str_ne(first, second);
}
END_TEST

START_TEST(a_group_aggregates_for_so_many)
{
	struct scl_conf conf = gb.b.conf;

	conf.subscriptions_per_resource = 2;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
	ck_assert_uint_eq(subscribe(SUBSCRIBE("http://sub.example.org/1", ""), "STATUS_CREATED"),
	                  3);
	ck_assert_uint_eq(subscribe(SUBSCRIBE("http://sub.example.org/2", ""), "STATUS_CONFLICT"),
	                  3);
	ck_assert_int_eq(group_status(&gb, "POST", SUBSCRIPTIONS, ADMIN, NULL, NULL,
	                              SUBSCRIBE("http://sub.example.org/3", "")),
	                 403);
	ck_assert_uint_eq(subscribe(SUBSCRIBE("http://sub.example.org/1", ""), "STATUS_CONFLICT"),
	                  3);
	ck_assert_str_eq(group_value(&gb, "g", "currentNrOfMembers"), "3");
}
END_TEST

START_TEST(what_is_no_subscription_is_the_members_to_refuse)
{
	char value[256];

	ck_assert_uint_eq(subscribe("<m2m:container " NS "/>", "STATUS_BAD_REQUEST"), 3);
	ck_assert_uint_eq(subscribe("<m2m:subscription", "STATUS_BAD_REQUEST"), 3);
	ck_assert_uint_eq(subscribe(SUBSCRIBE("nowhere", ""), "STATUS_BAD_REQUEST"), 3);
	/* An aggregateURI of the client's own stays. */
	ck_assert_uint_eq(subscribe("<m2m:subscription " NS " m2m:id=\"s\"><m2m:contact>" SUBSCRIBER
	                            "</m2m:contact><m2m:aggregateURI>" SUBSCRIBER
	                            "/agg</m2m:aggregateURI></m2m:subscription>",
	                            "STATUS_CREATED"),
	                  3);
	stored("aggregateURI", value);
	ck_assert_str_eq(value, SUBSCRIBER "/agg");
	contents("1");
	ck_assert_uint_eq(group_posts(&gb, 3), 3);
}
END_TEST

#define NOTIFY(reference)                                                                          \
	"<m2m:notify " NS "><m2m:statusCode>STATUS_OK</m2m:statusCode><representation>eA=="        \
	"</representation><subscriptionReference>" reference                                       \
	"</subscriptionReference></m2m:notify>"

START_TEST(strangers_find_nothing)
{
	static const char good[] = NOTIFY("http://scl.example.org:8080" C("x") "/subscriptions/q");
	char uri[256], broken[300];
	struct reply r;

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	stored("aggregateURI", uri);
	ck_assert_int_eq(
		core_status(&gb.b, "POST", uri, ADMIN, NOTIFY("http://x.example.org/m2m/c/s")),
		404);
	ck_assert_int_eq(
		core_status(&gb.b, "POST", uri, ADMIN, NOTIFY(BASE "/applications/a/containers")),
		404);
	ck_assert_int_eq(core_status(&gb.b, "POST", uri, ADMIN, "<m2m:notify " NS "/>"), 400);
	ck_assert_int_eq(core_status(&gb.b, "POST", uri, ADMIN, "<m2m:container " NS "/>"), 400);
	ck_assert_int_eq(core_status(&gb.b, "POST", uri, ADMIN, "rubbish"), 400);
	ck_assert_int_eq(core_status(&gb.b, "POST", uri, ADMIN, NULL), 400);
	r = core_ask(&gb.b, "GET", uri, ADMIN, NULL);
	ck_assert_int_eq(r.status, 405);
	ck_assert_str_eq(r.allow, "POST");
	reply_fini(&r);
	ck_assert_int_eq(core_status(&gb.b, "POST", uri, ADMIN, good), 204);
	for (size_t n = strlen(uri); n > 42; n--) {
		snprintf(broken, sizeof(broken), "%.*s", (int)n - 1, uri);
		ck_assert_int_eq(core_status(&gb.b, "POST", broken, ADMIN, good), 404);
	}
	snprintf(broken, sizeof(broken), "%s1", uri);
	ck_assert_int_eq(core_status(&gb.b, "POST", broken, ADMIN, good), 404);
	snprintf(broken, sizeof(broken), "%s/x", uri);
	ck_assert_int_eq(core_status(&gb.b, "POST", broken, ADMIN, good), 404);
	ck_assert_int_eq(core_status(&gb.b, "POST", BASE "/aggregation/-1-x", ADMIN, good), 404);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", BASE "/groups/g", "%s", ""), 204);
	ck_assert_int_eq(core_status(&gb.b, "POST", uri, ADMIN, good), 404);
}
END_TEST

START_TEST(so_many_may_wait)
{
	struct scl_conf conf = gb.b.conf;
	struct core_call calls[5];
	unsigned full = 0, taken = 0;
	char uri[256];

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	stored("aggregateURI", uri);
	conf.aggregation_max = 2;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
	for (unsigned i = 0; i < NITEMS(calls); i++)
		ck_assert(core_begin(
			&gb.b, &calls[i], "POST", uri, ADMIN, "application/xml",
			NOTIFY("http://scl.example.org:8080" C("x") "/subscriptions/q")));
	for (unsigned i = 0; i < NITEMS(calls); i++) {
		struct reply r = core_end(&calls[i]);

		full += r.status == 503;
		taken += r.status == 204;
		reply_fini(&r);
	}
	ck_assert_uint_eq(taken, 2);
	ck_assert_uint_eq(full, 3);
}
END_TEST

START_TEST(a_passed_tolerance_does_not_wait)
{
	struct scl_conf conf = gb.b.conf;
	int64_t began = clock_monotonic();

	conf.aggregation_wait = 60 * CLOCK_SECOND;
	ck_assert_int_eq(scl_reconfigure(gb.b.scl, &conf), RC_OK);
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, "<m2m:delayTolerance>2014-01-01T00:00:00Z"
	                                                  "</m2m:delayTolerance>"),
	                            "STATUS_CREATED"),
	                  3);
	ck_assert_int_eq(core_post_text(&gb.b, C("x") "/contentInstances", "1"), 201);
	group_posts(&gb, 1);
	/* When all members have told, there is nothing to wait for either. */
	ck_assert_uint_eq(subscribe("<m2m:subscription " NS " m2m:id=\"t\"><m2m:contact>" SUBSCRIBER
	                            "</m2m:contact></m2m:subscription>",
	                            "STATUS_CREATED"),
	                  3);
	contents("2");
	await_notifies(7);
	ck_assert_int_lt(clock_monotonic() - began, 30 * CLOCK_SECOND);
}
END_TEST

START_TEST(stopping_answers)
{
	struct core_call call;
	struct reply r;
	char uri[256];

	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	stored("aggregateURI", uri);
	group_subscriber(&gb, ANSWER_NEVER, NULL, 0);
	ck_assert(core_begin(&gb.b, &call, "POST", uri, ADMIN, "application/xml",
	                     NOTIFY("http://scl.example.org:8080" C("x") "/subscriptions/q")));
	contents("1");
	group_posts(&gb, 1);
	core_halt(&gb.b);
	r = core_end(&call);
	ck_assert_int_eq(r.status, 503);
	reply_fini(&r);
}
END_TEST

START_TEST(groups_in_groups_collect_once)
{
	char value[256];
	struct reply r;

	ck_assert_int_eq(group_make(&gb, "outer", "CONTAINER", "", BASE "/groups/g/membersContent"),
	                 201);
	r = group_ask(&gb, "POST",
	              BASE "/groups/outer/membersContent/contentInstances/subscriptions", ADMIN,
	              NULL, NULL, SUBSCRIBE(SUBSCRIBER, ""));
	ck_assert_int_eq(r.status, 200);
	reply_fini(&r);
	contents("1");
	await_notifies(3);
	ck_assert_uint_eq(group_posts(&gb, 1), 1);
	/* The address is that of the outer group, which knows the members of the inner one not. */
	stored("aggregateURI", value);
	ck_assert_int_eq(
		core_status(&gb.b, "POST", value, ADMIN, NOTIFY("http://far.example.org/m2m/c/s")),
		204);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", BASE "/groups/g", "%s", ""), 204);
	ck_assert_int_eq(
		core_status(&gb.b, "POST", value, ADMIN, NOTIFY("http://far.example.org/m2m/c/s")),
		204);
	ck_assert_int_eq(core_do(&gb.b, "DELETE", BASE "/groups/outer", "%s", ""), 204);
	core_stop(&gb.b);
	ck_assert_uint_eq(core_records(&gb.b, 'W'), 0);
}
END_TEST

START_TEST(members_may_be_written_in_other_ways)
{
	ck_assert_int_eq(
		core_do(&gb.b, "PUT", BASE "/groups/g/members",
	                "<m2m:members " NS "><reference>/m2m/AP/a/CO/x/</reference><reference>"
	                "http://SCL.example.org:8080" C(
				"%%79") "</reference><reference>"
	                                "m2m/applications/a/CO/z</reference></m2m:members>"),
		200);
	ck_assert_uint_eq(subscribe(SUBSCRIBE(SUBSCRIBER, ""), "STATUS_CREATED"), 3);
	contents("1");
	await_notifies(3);
	ck_assert_uint_eq(group_posts(&gb, 1), 1);
}
END_TEST

START_TEST(a_contact_here_gets_them_as_content)
{
	struct reply r;

	group_container(&gb, "sink", NULL);
	ck_assert_uint_eq(subscribe(SUBSCRIBE(C("sink") "/contentInstances", ""), "STATUS_CREATED"),
	                  3);
	contents("1");
	do {
		r = core_ask(&gb.b, "GET", C("sink") "/contentInstances/latest/content", ADMIN,
		             NULL);
		if (r.status != 200)
			reply_fini(&r);
	} while (r.status == 404);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(occurrences(r.body, "<subscriptionReference>"), 3);
	reply_fini(&r);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		notifications_come_together,
		a_deep_contact_gets_them,
		a_single_one_goes_alone,
		final_notifications_are_collected_too,
		each_member_gets_its_own_answer,
		nothing_is_lost_when_the_subscriber_fails,
		one_address_for_one_subscriber,
		a_group_aggregates_for_so_many,
		what_is_no_subscription_is_the_members_to_refuse,
		strangers_find_nothing,
		so_many_may_wait,
		a_passed_tolerance_does_not_wait,
		stopping_answers,
		a_contact_here_gets_them_as_content,
		groups_in_groups_collect_once,
		members_may_be_written_in_other_ways,
	};
	Suite *s = suite_create("aggregate");
	TCase *tc = tcase_create("aggregate");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 300);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
