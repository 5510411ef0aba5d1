/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait at a gateway: which policies let them go, and when. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "saf_bed.h"

struct own_call {
	struct scl_call call;
	pthread_mutex_t lock;
	bool done;
	int status;
};

static void
own_done(struct scl_call *call)
{
	struct own_call *c = call->owner;

	pthread_mutex_lock(&c->lock);
	c->status = call->answer->http_status;
	scl_call_end(call);
	/* After this c is gone. */
	c->done = true;
	pthread_mutex_unlock(&c->lock);
}

static bool
own_is_done(void *arg)
{
	struct own_call *c = arg;
	bool done;

	pthread_mutex_lock(&c->lock);
	done = c->done;
	pthread_mutex_unlock(&c->lock);
	return done;
}

/* A creation by the SCL itself: only it may make its mirror of the NSCL. */
static void
own_create(const char *target, const char *body)
{
	struct own_call c = { .lock = PTHREAD_MUTEX_INITIALIZER };

	c.call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                    .target = slice_of(target),
		                    .body = slice_of(body),
		                    .done = own_done,
		                    .owner = &c };
	scl_call(bed.scl, &c.call);
	ck_assert(core_await(own_is_done, &c));
	ck_assert_int_eq(c.status, 201);
}

static void
setup_gateway(void)
{
	saf_init();
	atomic_store(&bed.clock.now, START);
	bed.conf.role = SCL_GSCL;
	bed.conf.forward_timeout_ms = 60000;
	bed.conf.saf.lifetime = 36000 * CLOCK_SECOND;
	bed.conf.saf.linger = 5 * CLOCK_SECOND;
	bed.conf.saf.retry_first = CLOCK_SECOND;
	bed.conf.saf.retry_max = CLOCK_SECOND;
	core_start(&bed);
	own_create("/m2m/scls", "<m2m:scl " NS " sclId=\"nscl\"><m2m:link>" OTHER "</m2m:link>"
	                        "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                        "<m2m:pocs><reference>" OTHER "</reference></m2m:pocs>"
	                        "<m2m:sclType>NSCL</m2m:sclType></m2m:scl>");
}

#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type"
#define RIGHT "<m2m:accessRightID>/m2m/accessRights/default</m2m:accessRightID>"
#define MO "/m2m/scls/mgmtObjs"

static void
put_parameters(const char *at, const char *type, const char *name, const char *inner)
{
	ck_assert_int_eq(core_do(&bed, "POST", at,
	                         "<m2m:parameters " NS " " XSI "=\"m2m:%s\" m2m:id=\"%s\">" RIGHT
	                         "%s</m2m:parameters>",
	                         type, name, inner),
	                 201);
}

/* The default set with RCAT_3 for the network "default"; item is what its schedItem holds. */
static void
put_policy(const char *item, const char *blocks, const char *reqs)
{
	char inner[2048];

	ck_assert_int_eq(
		core_do(&bed, "POST", MO,
	                "<m2m:mgmtObj " NS " " XSI "=\"m2m:EtsiSclMo\" m2m:id=\"mo\">" RIGHT
	                "<m2m:moID>x</m2m:moID><m2m:originalMO>x</m2m:originalMO></m2m:mgmtObj>"),
		201);
	put_parameters(MO "/mo", "SafPolicySet", "s",
	               "<m2m:policyScope><m2m:reference>default</m2m:reference></m2m:policyScope>");
	snprintf(inner, sizeof(inner),
	         "<m2m:anName>default</m2m:anName><m2m:rcatSchedList m2m:id=\"l\">"
	         "<m2m:rcatSchedule m2m:id=\"s\"><m2m:rcatValue>RCAT_3</m2m:rcatValue>"
	         "<m2m:schedItem "
	         "m2m:id=\"i\">%s</m2m:schedItem></m2m:rcatSchedule></m2m:rcatSchedList>%s",
	         item, blocks);
	put_parameters(MO "/mo/s", "AnpPolicy", "an", inner);
	put_parameters(MO "/mo/s", "M2mSpPolicy", "sp",
	               "<m2m:defaultRcatValue>RCAT_3</m2m:defaultRcatValue>");
	snprintf(inner, sizeof(inner),
	         "<m2m:rcatValue>RCAT_3</m2m:rcatValue><m2m:defaultTrpdtValue>"
	         "<tolerableDelay>PT10M</tolerableDelay></m2m:defaultTrpdtValue>%s"
	         "<m2m:rankedAnList m2m:id=\"r\"><m2m:accessNetwork>default</m2m:accessNetwork>"
	         "</m2m:rankedAnList>",
	         reqs);
	put_parameters(MO "/mo/s/sp", "RcatParamList", "r", inner);
}

/* Long enough for a look at what waits. */
static void
look_around(void)
{
	usleep(1300000);
}

/* So many seconds after START nothing has come, which v counts; then the answer is notified. */
static void
notified_between(const unsigned *v, int64_t quiet, int64_t told)
{
	atomic_store(&bed.clock.now, START + quiet * CLOCK_SECOND);
	look_around();
	ck_assert_uint_eq(peer_read(v), 0);
	atomic_store(&bed.clock.now, START + told * CLOCK_SECOND);
	saf_await(&peer.notified, 1);
}

#define ALWAYS                                                                                     \
	"<m2m:schedule><m2m:scheduleString id=\"c\">* * * * *</m2m:scheduleString></m2m:schedule>"

START_TEST(schedule_opens)
{
	/* START is 16:53:20 UTC, 18:53:20 in the zone of the span. */
	put_policy("<m2m:absTimeSpan "
	           "m2m:id=\"a\"><m2m:startTime>2014-05-13T00:00:00+02:00</m2m:startTime>"
	           "<m2m:endTime>2014-05-14T00:00:00+02:00</m2m:endTime></m2m:absTimeSpan>"
	           "<m2m:schedule><m2m:scheduleString id=\"c\">0-59 19 * * "
	           "*</m2m:scheduleString></m2m:schedule>",
	           "", "<m2m:maxPendReqs>0</m2m:maxPendReqs>");
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	notified_between(&peer.sent, 0, 400);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_OK"));
}
END_TEST

START_TEST(default_trpdt_ends)
{
	put_policy(
		"<m2m:absTimeSpan m2m:id=\"a\"><m2m:startTime>2010-05-13T00:00:00Z</m2m:startTime>"
		"<m2m:endTime>2010-05-14T00:00:00Z</m2m:endTime></m2m:absTimeSpan>",
		"", "");
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	notified_between(&peer.notified, 599, 601);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_GATEWAY_TIMEOUT"));
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
}
END_TEST

START_TEST(last_call_and_threshold)
{
	put_policy(ALWAYS, "",
	           "<m2m:maxPendReqs>3</m2m:maxPendReqs><m2m:maxPendData>100B</m2m:maxPendData>");
	ck_assert_int_eq(saf_send("a", SINK, "a"), 202);
	ck_assert_int_eq(saf_send("b", SINK, "b"), 202);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	ck_assert_int_eq(saf_send("c", SINK, "c"), 202);
	saf_await(&peer.notified, 3);
	ck_assert_str_eq(peer.order, "a b c ");
	/* The connection is there still. */
	ck_assert_int_eq(saf_send("d", SINK, "d"), 202);
	saf_await(&peer.notified, 4);
	atomic_store(&bed.clock.now, START + 10 * CLOCK_SECOND);
	ck_assert_int_eq(saf_send("e", SINK, "e"), 202);
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 4);
	/* 600 s after it was received its time is over; the attempt is made 5 s before. */
	atomic_store(&bed.clock.now, START + 606 * CLOCK_SECOND);
	saf_await(&peer.notified, 5);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_OK"));
}
END_TEST

START_TEST(blocked_after_failures)
{
	put_policy(
		ALWAYS,
		"<m2m:blockPeriods m2m:id=\"b\"><m2m:blockItem m2m:id=\"x\"><m2m:failedAttempts>1"
		"</m2m:failedAttempts><m2m:blockDuration>PT1M</m2m:blockDuration></m2m:blockItem>"
		"</m2m:blockPeriods>",
		"<m2m:maxPendReqs>0</m2m:maxPendReqs>");
	peer_says(ANSWER_REFUSED, 204);
	ck_assert_int_eq(saf_send("c", SINK, "x"), 202);
	look_around();
	peer_says(204, 204);
	notified_between(&peer.sent, 59, 61);
}
END_TEST

START_TEST(policies_that_change_are_followed)
{
	struct core_call c;
	const struct headers h = { .trpdt = "PT1H" };
	struct reply r;

	put_policy(ALWAYS, "", "<m2m:maxPendReqs>50</m2m:maxPendReqs>");
	ck_assert_int_eq(saf_send("a", SINK, "a"), 202);
	ck_assert_int_eq(saf_send("b", SINK, "b"), 202);
	saf_begin(&c, "POST", OTHER "/c", &h, "c");
	look_around();
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	ck_assert(!core_is_done(&c));
	ck_assert_int_eq(core_status(&bed, "DELETE", MO "/mo/s", ADMIN, NULL), 204);
	r = core_end(&c);
	ck_assert_int_eq(r.status, 204);
	reply_fini(&r);
	saf_await(&peer.notified, 2);
}
END_TEST

#define OWN "http://scl.example.org:8080/m2m/applications/na"
#define OTHERS "http://other.example.org/m2m/applications/na"
/* http://alias.example.org:8080/m2m/applications/na, OWN and OTHERS as Release 1 has them. */
#define BASIC_ALIAS \
	"Basic aHR0cCUzQSUyRiUyRmFsaWFzLmV4YW1wbGUub3JnJTNBODA4MCUyRm0ybSUyRmFwcGxpY2F0aW9ucyUyRm5hOg=="
#define BASIC_OWN \
	"Basic aHR0cCUzQSUyRiUyRnNjbC5leGFtcGxlLm9yZyUzQTgwODAlMkZtMm0lMkZhcHBsaWNhdGlvbnMlMkZuYTo="
#define BASIC_OTHERS \
	"Basic aHR0cCUzQSUyRiUyRm90aGVyLmV4YW1wbGUub3JnJTJGbTJtJTJGYXBwbGljYXRpb25zJTJGbmE6"

/* requestingEntity of an application under each of the names of its SCL, and what the NSCL gets. */
static const struct {
	const char *from, *passed;
} names[] = {
	{ OWN, OWN },
	{ "/m2m/applications/na", OWN },
	{ "http://alias.example.org:8080/m2m/applications/na", OWN },
	{ "HTTP://Alias.Example.Org:8080/m2m/applications/n%61", OWN },
	{ "https://scl.example.org:8080/m2m/applications/na", OWN },
	{ OTHERS, OTHERS },
	{ "http://alias.example.org/m2m/applications/na",
	  "http://alias.example.org/m2m/applications/na" },
};

static void
expect_passed(struct headers h, const char *from, const char *authorization)
{
	struct reply r = saf_ask("GET", OTHER "/c", h, "");

	ck_assert_msg(r.status == 204, "%s: %d %s", h.from, r.status, r.body);
	reply_fini(&r);
	ck_assert_str_eq(peer.last_from, from);
	ck_assert_str_eq(peer.last_authorization, authorization);
}

START_TEST(own_names_are_passed_on_as_registered)
{
	char want[256];

	for (size_t i = 0; i < NITEMS(names); i++) {
		snprintf(want, sizeof(want), "%s ", names[i].passed);
		expect_passed((struct headers){ .from = names[i].from }, want, " ");
	}
	/* As Release 1 has it. */
	expect_passed((struct headers){ .authorization = BASIC_ALIAS }, " ", BASIC_OWN " ");
	expect_passed((struct headers){ .authorization = BASIC_OTHERS }, " ", BASIC_OTHERS " ");
}
END_TEST

/* Those that wait as well. */
START_TEST(own_names_of_parcels)
{
	const struct headers h = { LATER("c", SINK), .from = names[2].from };
	struct reply r = saf_ask("POST", OTHER "/c", h, "x");

	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.last_from, OWN " ");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store and forward at a gateway");
	TCase *policies = tcase_create("policies");

	suite_add_tcase(s, policies);
	tcase_add_checked_fixture(policies, setup_gateway, saf_teardown);
	tcase_set_timeout(policies, 120);
	tcase_add_test(policies, schedule_opens);
	tcase_add_test(policies, default_trpdt_ends);
	tcase_add_test(policies, last_call_and_threshold);
	tcase_add_test(policies, blocked_after_failures);
	tcase_add_test(policies, policies_that_change_are_followed);
	tcase_add_test(policies, own_names_are_passed_on_as_registered);
	tcase_add_test(policies, own_names_of_parcels);
	return s;
}

int
main(void)
{
	return core_run(suite());
}
