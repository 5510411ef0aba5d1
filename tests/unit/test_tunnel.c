/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that travel through a channel (requestNotify, responseNotify), without a transport. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "channel_bed.h"
#include "core/scl_impl.h"

static void
register_scl(struct core_bed *b, struct uris *u)
{
	ck_assert_int_eq(core_status(b, "POST", BASE "/scls", G,
	                             "<m2m:scl " NS " sclId=\"g\"><m2m:link>" G "</m2m:link>" RIGHT
	                             "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                             "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>"),
	                 201);
	*u = make_channel(b, BASE "/scls/g", "communicationChannel", G);
	ck_assert_int_eq(core_do(b, "POST", BASE "/scls/g/m2mPocs", "%s", ""), 404);
}

static void
add_poc(struct core_bed *b, const struct uris *u)
{
	char body[512];

	snprintf(body, sizeof(body),
	         "<m2m:m2mPoc " NS " m2m:id=\"p\"><m2m:contactInfo><m2m:contactURI>" ROOT "%s"
	         "</m2m:contactURI></m2m:contactInfo></m2m:m2mPoc>",
	         u->contact);
	ck_assert_int_eq(core_status(b, "POST", BASE "/scls/g/m2mPocs", G, body), 201);
}

static void
text_of(const char *body, const char *element, char out[256])
{
	const char *at = strstr(body, element);

	ck_assert_msg(at != NULL, "no %s in %s", element, body);
	at += strlen(element);
	snprintf(out, 256, "%.*s", (int)strcspn(at, "<"), at);
}

/* Takes the next request of the channel; its correlation id. */
static struct reply
take_request(struct core_bed *b, const struct uris *u, char id[256])
{
	struct core_call poll;
	struct reply r;
	char uri[256];

	ck_assert(core_begin(b, &poll, "POST", u->poll, G, NULL, NULL));
	r = core_end(&poll);
	ck_assert_msg(r.status == 200, "%d %s", r.status, r.body);
	text_of(r.body, "<xEtsiCorrelationIDHeader>", id);
	text_of(r.body, "<xEtsiContactUriHeader>", uri);
	ck_assert_str_eq(uri + strlen(ROOT), u->poll);
	return r;
}

static int
answer_request(struct core_bed *b, const struct uris *u, const char *id, const char *body)
{
	struct core_call c;
	struct reply r;

	c = (struct core_call){ 0 };
	core_prepare_call(b, &c, "POST", u->poll, G, "application/xml", body);
	req_input(c.rq)->correlation_id = arena_copy(req_arena(c.rq), slice_of(id));
	core_go(&c);
	r = core_end(&c);
	reply_fini(&r);
	return r.status;
}

#define ANSWER(code, more)                                                                         \
	"<m2m:responseNotify " NS " xmlns:xmime=\"http://www.w3.org/2005/05/xmlmime\">"            \
	"<m2m:statusCode>" code "</m2m:statusCode>" more "</m2m:responseNotify>"
#define REP "<representation xmime:contentType=\"text/x\">aGVsbG8=</representation>"

START_TEST(test_tunnel)
{
	static const struct {
		const char *method, *body, *answer;
		const char *request; /* what the request says */
		int status;
		const char *text, *location;
	} rows[] = {
		{ "GET", NULL, ANSWER("STATUS_OK", REP), "<method>RETRIEVE</method>", 200, "hello",
		  "" },
		{ "GET", NULL, ANSWER("STATUS_NOT_FOUND", REP), "<method>RETRIEVE</method>", 404,
		  "hello", "" },
		{ "POST", "<m2m:container " NS "/>",
		  ANSWER("STATUS_OK", REP "<locationHeader>" G "/c</locationHeader>"),
		  "<method>CREATE</method>", 201, "hello", G "/c" },
		{ "POST", "<m2m:container " NS "/>", ANSWER("STATUS_CREATED", ""),
		  "<method>CREATE</method>", 201, "", "" },
		{ "POST", "<m2m:notify " NS "/>", ANSWER("STATUS_OK", ""),
		  "<method>NOTIFY</method>", 204, "", "" },
		{ "POST", NULL, ANSWER("STATUS_ACCEPTED", ""), "<method>EXECUTE</method>", 202, "",
		  "" },
		{ "PUT", "<m2m:container " NS "/>", ANSWER("STATUS_OK", ""),
		  "<method>UPDATE</method>", 204, "", "" },
		{ "DELETE", NULL, ANSWER("STATUS_PERMISSION_DENIED", REP),
		  "<method>DELETE</method>", 401, "hello", "" },
		{ "GET", NULL, ANSWER("STATUS_EXPIRED", ""), "<method>RETRIEVE</method>", 410, "",
		  "" },
	};
	struct core_bed b;
	struct uris u;

	channel_begin(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct core_call c;
		struct reply r, q;
		char id[256];

		ck_assert(core_begin(&b, &c, rows[i].method, G "/applications/x", ADMIN,
		                     rows[i].body == NULL ? NULL : "application/xml",
		                     rows[i].body));
		q = take_request(&b, &u, id);
		ck_assert_msg(strstr(q.body, rows[i].request) != NULL, "%zu: %s", i, q.body);
		ck_assert_ptr_nonnull(strstr(q.body, "<targetID>" G "/applications/x</targetID>"));
		ck_assert_ptr_nonnull(
			strstr(q.body, "<requestingEntity>" ADMIN "</requestingEntity>"));
		reply_fini(&q);
		ck_assert(!core_is_done(&c));
		ck_assert_int_eq(
			answer_request(&b, &u, "0123456789abcdef0123456789abcdef", rows[i].answer),
			403);
		ck_assert_int_eq(answer_request(&b, &u, id, "<m2m:responseNotify " NS "/>"), 400);
		ck_assert_int_eq(answer_request(&b, &u, id, rows[i].answer), 202);
		r = core_end(&c);
		ck_assert_msg(r.status == rows[i].status && strcmp(r.body, rows[i].text) == 0 &&
		                      strcmp(r.location, rows[i].location) == 0,
		              "%zu: %d %s %s", i, r.status, r.body, r.location);
		reply_fini(&r);
		ck_assert_int_eq(answer_request(&b, &u, id, rows[i].answer), 403);
	}
	core_fini(&b);
}
END_TEST

START_TEST(test_tunnel_query)
{
	static const struct {
		const char *target;
		const char *says[4];
		const char *not_says;
	} rows[] = {
		{ G "/applications?ifModifiedSince=2026-01-01T00:00:00Z&nonsense=1",
		  { "<targetID>" G "/applications</targetID>",
		    "<ifModifiedSince>2026-01-01T00:00:00.000Z</ifModifiedSince><attributeAccessor/"
		    ">" },
		  "nonsense" },
		{ G "/c/contentInstances?sizeFrom=3&searchString=a%26b&metaDataOnly=true",
		  { "ContentInstancesFilterCriteriaType", "<searchString>a&amp;b</searchString>",
		    "<sizeFrom>3</sizeFrom><metaDataOnly>true</metaDataOnly>" },
		  "?" },
		{ G "/discovery?maxSize=3&searchPrefix=/m2m/applications&searchString=x",
		  { "<searchString>x</searchString></filterCriteria><maxSize>3</maxSize>",
		    "<searchPrefix>/m2m/applications</searchPrefix>" },
		  "?max" },
		{ G "/lp/poll/1?maxSize=x",
		  { "<targetID>" G "/lp/poll/1?maxSize=x</targetID>" },
		  "filterCriteria" },
		{ G "/applications",
		  { "<targetID>" G "/applications</targetID>" },
		  "filterCriteria" },
	};
	struct core_bed b;
	struct core_call c;
	struct uris u;

	channel_begin(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct reply q;
		char id[256];

		ck_assert(core_begin(&b, &c, "GET", rows[i].target, ADMIN, NULL, NULL));
		q = take_request(&b, &u, id);
		for (size_t k = 0; k < NITEMS(rows[i].says) && rows[i].says[k] != NULL; k++)
			ck_assert_msg(strstr(q.body, rows[i].says[k]) != NULL, "%s in %s",
			              rows[i].says[k], q.body);
		ck_assert_msg(strstr(strstr(q.body, "<requestingEntity>"), rows[i].not_says) ==
		                      NULL,
		              "%s", q.body);
		reply_fini(&q);
		ck_assert_int_eq(answer_request(&b, &u, id, ANSWER("STATUS_OK", REP)), 202);
		end_with(&c, 200, "hello");
	}
	ck_assert_int_eq(core_status(&b, "GET", G "/applications?sizeFrom=x", ADMIN, NULL), 400);
	core_fini(&b);
}
END_TEST

/* The proof of a device for an SGA, whichever way it came, and the octets that it is of. */
START_TEST(test_tunnel_proof)
{
	static const struct {
		const char *target, *header, *says;
	} rows[] = {
		{ G "/sga/devices/d/mailbox", "aWQ;1;00",
		  "<targetID>" G "/sga/devices/d/mailbox?x-m2m-sga=aWQ;1;00</targetID>" },
		{ G "/sga/devices/d/mailbox?wait=3", "aWQ;1;00",
		  "<targetID>" G
		  "/sga/devices/d/mailbox?wait=3&amp;x-m2m-sga=aWQ;1;00</targetID>" },
		{ G "/sga/devices/d?x-m2m-sga=aWQ;1;00&max=2", NULL,
		  "<targetID>" G "/sga/devices/d?max=2&amp;x-m2m-sga=aWQ;1;00</targetID>" },
		{ G "/sga/devices/d", NULL, "<targetID>" G "/sga/devices/d</targetID>" },
		{ G "/applications", "aWQ;1;00", "<targetID>" G "/applications</targetID>" },
	};
	struct core_bed b;
	struct core_call c;
	struct uris u;

	channel_begin(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct reply q;
		char id[256];

		core_ready(&b, &c, "POST", rows[i].target, ADMIN, "application/octet-stream",
		           "a<b");
		if (rows[i].header != NULL)
			req_input(c.rq)->sga = slice_of(rows[i].header);
		core_submit(&c);
		q = take_request(&b, &u, id);
		ck_assert_msg(strstr(q.body, rows[i].says) != NULL, "%s", q.body);
		ck_assert_ptr_nonnull(strstr(q.body, "application/octet-stream"));
		ck_assert_ptr_nonnull(strstr(q.body, ">YTxi<"));
		reply_fini(&q);
		ck_assert_int_eq(answer_request(&b, &u, id, ANSWER("STATUS_FORBIDDEN", REP)), 202);
		end_with(&c, 403, "hello");
	}
	core_fini(&b);
}
END_TEST

/* Nobody answers: the issuer is told, and so is who looks at the m2mPoc; a poll makes it good. */
static bool
poc_says(struct core_bed *b, const char *status)
{
	struct reply r = core_ask(b, "GET", BASE "/scls/g/m2mPocs/p/onlineStatus", G, NULL);
	bool is = strstr(r.body, status) != NULL;

	reply_fini(&r);
	return is;
}

static bool
is_online(void *arg)
{
	return poc_says(arg, ">ONLINE<");
}

static bool
is_not_reachable(void *arg)
{
	return poc_says(arg, ">NOT_REACHABLE<");
}

START_TEST(test_online_status)
{
	struct core_bed b;
	struct core_call poll;
	struct uris u;

	channel_init(&b);
	b.conf.forward_timeout_ms = 100;
	b.conf.poll_hold = 2 * CLOCK_SECOND;
	core_start(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	ck_assert_int_eq(core_status(&b, "GET", G, ADMIN, NULL), 504);
	ck_assert(is_not_reachable(&b));
	ck_assert_int_eq(core_status(&b, "GET", G, ADMIN, NULL), 503);
	ck_assert(core_begin(&b, &poll, "POST", u.poll, G, NULL, NULL));
	ck_assert(core_await(is_online, &b));
	end_with(&poll, 202, "");
	/* Now nobody polls for long. */
	ck_assert(core_await(is_not_reachable, &b));
	ck_assert(core_begin(&b, &poll, "POST", u.poll, G, NULL, NULL));
	ck_assert(core_await(is_online, &b));
	/* Somebody polls, but does not answer. */
	ck_assert_int_eq(core_status(&b, "GET", G, ADMIN, NULL), 504);
	end_with(&poll, 200, "requestNotify");
	ck_assert(is_not_reachable(&b));
	ck_assert(core_begin(&b, &poll, "POST", u.poll, G, NULL, NULL));
	ck_assert(core_await(is_online, &b));
	end_with(&poll, 202, "");
	core_fini(&b);
}
END_TEST

START_TEST(test_server_capability)
{
	struct core_bed b;
	struct uris u;
	struct reply r;

	channel_begin(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	r = core_ask(&b, "GET", BASE "/scls/g", G, NULL);
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:serverCapability>false"));
	ck_assert_ptr_nonnull(strstr(r.body, "<m2m:onlineStatus>ONLINE"));
	reply_fini(&r);
	core_fini(&b);
}
END_TEST

/* An answer belongs to the channel that its request came through. */
START_TEST(test_other_channel)
{
	struct core_bed b;
	struct core_call c;
	struct uris u, other;
	struct reply q;
	char id[256];

	channel_begin(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	other = make_channel(&b, BASE "/scls/g", "communicationChannel", G);
	ck_assert(core_begin(&b, &c, "GET", G "/x", ADMIN, NULL, NULL));
	q = take_request(&b, &u, id);
	reply_fini(&q);
	ck_assert_int_eq(answer_request(&b, &other, id, ANSWER("STATUS_OK", REP)), 403);
	ck_assert_int_eq(answer_request(&b, &u, id, ANSWER("STATUS_OK", REP)), 202);
	end_with(&c, 200, "hello");
	core_fini(&b);
}
END_TEST

/* The request is in flight when the channel goes, or the SCL stops. */
START_TEST(test_tunnel_ends)
{
	struct core_bed b;
	struct core_call calls[3];
	struct reply q;
	struct uris u;
	char id[256];

	channel_begin(&b);
	register_scl(&b, &u);
	add_poc(&b, &u);
	for (int i = 0; i < 2; i++)
		ck_assert(core_begin(&b, &calls[i], "POST", G "/x", ADMIN, "application/xml",
		                     "<a/>"));
	q = take_request(&b, &u, id);
	reply_fini(&q);
	ck_assert_int_eq(core_status(&b, "DELETE", BASE "/scls/g", G, NULL), 204);
	end_with(&calls[0], 502, "");
	end_with(&calls[1], 502, "");
	ck_assert_int_eq(answer_request(&b, &u, id, ANSWER("STATUS_OK", "")), 404);
	register_scl(&b, &u);
	add_poc(&b, &u);
	for (int i = 0; i < 3; i++)
		ck_assert(core_begin(&b, &calls[i], "POST", G "/x", ADMIN, "application/xml",
		                     "<a/>"));
	q = take_request(&b, &u, id);
	reply_fini(&q);
	core_halt(&b);
	for (int i = 0; i < 3; i++)
		end_with(&calls[i], 503, "");
	core_fini(&b);
}
END_TEST

/* An application that polls is reached at its aPoC. */
START_TEST(test_apoc)
{
	struct core_bed b;
	struct core_call c;
	struct reply q;
	struct uris u;
	char id[256], body[512];

	channel_begin(&b);
	u = app_channel(&b);
	snprintf(body, sizeof(body),
	         "<m2m:application " NS ">" RIGHT "<m2m:aPoC>" ROOT "%s</m2m:aPoC><m2m:aPoCPaths>"
	         "<m2m:aPoCPath><m2m:path>lamp</m2m:path></m2m:aPoCPath></m2m:aPoCPaths></"
	         "m2m:application>",
	         u.contact);
	ck_assert_int_eq(core_status(&b, "PUT", APPS "/a", ME, body), 204);
	ck_assert(core_begin(&b, &c, "GET", APPS "/a/lamp", ADMIN, NULL, NULL));
	{
		struct core_call poll;

		poll_begin(&b, &poll, &u);
		q = core_end(&poll);
	}
	ck_assert_msg(strstr(q.body, "<targetID>" ROOT APPS "/a/lamp</targetID>") != NULL, "%s",
	              q.body);
	text_of(q.body, "<xEtsiCorrelationIDHeader>", id);
	reply_fini(&q);
	ck_assert_int_eq(core_status(&b, "POST", u.poll, G, ANSWER("STATUS_OK", REP)), 401);
	{
		struct core_call a = { 0 };

		core_prepare_call(&b, &a, "POST", u.poll, ME, "application/xml",
		                  ANSWER("STATUS_OK", REP));
		req_input(a.rq)->correlation_id = arena_copy(req_arena(a.rq), slice_of(id));
		core_go(&a);
		end_with(&a, 202, "");
	}
	end_with(&c, 200, "hello");
	core_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_tunnel,
		test_tunnel_query,
		test_tunnel_proof,
		test_online_status,
		test_server_capability,
		test_other_channel,
		test_tunnel_ends,
		test_apoc,
	};

	return core_run_tests("tunnel", tests, NITEMS(tests), 120);
}
