/* SPDX-License-Identifier: Apache-2.0 */
/* The MAS as a server: roles, strictness, polls. */
#include "config.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "rest_bed.h"
#include "suite.h"

START_TEST(roles_count)
{
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct asker msbf = asker_certified(SERVE_MAS, &msbf_uri, &dns);
	struct asker nobody = asker_plain(SERVE_MAS);
	struct slice app = SLICE_LIT("urn:m2m:app:x");
	struct asker other = asker_certified(SERVE_MAS, &app, &dns);

	ck_assert_int_eq(ask_status(&w.core, &nobody, "GET", "/mas/v1/stats", NULL), 401);
	ck_assert_int_eq(ask_status(&w.core, &other, "GET", "/mas/v1/stats", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/stats", NULL), 200);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/nodes", "{\"origin\":\"B6\"}"), 403);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "GET", "/mas/v1/psk-feed", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "GET", "/mas/v1/connections", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "POST", "/mas/v1/connect", "{}"), 403);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "DELETE", "/mas/v1/connect", NULL), 405);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/kmr", NULL), 404);
}
END_TEST

/* Two NSCLs with names that cannot be kept would be one owner of connections. */
START_TEST(nscl_needs_a_name)
{
	char name[MAS_NSCL_MAX + 2];
	struct slice dns_name;
	struct asker who = asker_certified(SERVE_MAS, &nscl_uri, &dns_name);

	memset(name, 'n', sizeof(name));
	dns_name = slice_make(name, MAS_NSCL_MAX);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 200);
	dns_name = slice_make(name, MAS_NSCL_MAX + 1);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &who, "POST", "/mas/v1/connect", "{}"), 403);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/stats", NULL), 200);
	name[3] = '\0';
	dns_name = slice_make(name, 5);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
	who.peer.n_dns_names = 0;
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 200);
	memset(name, 's', sizeof(name));
	who.peer.subject = slice_make(name, MAS_NSCL_MAX + 1);
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
	who.peer.subject = SLICE_NONE;
	ck_assert_int_eq(ask_status(&w.core, &who, "GET", "/mas/v1/connections", NULL), 403);
}
END_TEST

START_TEST(server_is_strict)
{
	static const char *const bad[] = {
		"", "{}", "[]", "{\"nodeId\":1}", "{\"nodeId\":\"00\",\"kmrIndex\":1}",
		"{\"nodeId\":\"01bcad980102030405060708090a0b01\",\"kmrIndex\":1,\"exporter\":\"x\","
		"\"variant\":\"C1\",\"tlsVersion\":772}",
		"{\"nodeId\":\"01bcad980102030405060708090a0b01\",\"kmrIndex\":1,\"exporter\":"
		"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"variant\":\"C2\",\"tlsVersion\":772}",
		"{\"nodeId\":\"01bcad980102030405060708090a0b01\",\"kmrIndex\":1,\"exporter\":"
		"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"variant\":\"C1\",\"tlsVersion\":1}",
	};
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);

	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(ask_status(&w.core, &nscl, "POST", "/mas/v1/connect", bad[i]) == 400, "%s",
		              bad[i]);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/psk-feed?since=x", NULL), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/psk-feed?wait=9999", NULL), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/psk-feed?after=zz.1", NULL), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/used", "{\"uses\":[1]}"), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/connections/0/end", "{}"), 400);
}
END_TEST

static bool
was_used(struct mas_bed *b, void *arg)
{
	const struct mas_connection *c = arg;

	return bed_show(b, &c->node) == RC_OK && bed_conn(b, c->id)->requests > 0;
}

/* A NSCL names connections of another one: they are unknown to it. */
START_TEST(another_nscl)
{
	static const char ival[] = "{\"ival\":{\"results\":1,\"mac\":1,"
				   "\"time\":\"2023-11-14T22:13:20Z\"}}";
	struct slice name = SLICE_LIT("nscl2.example.net");
	struct asker mine = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct asker other = asker_certified(SERVE_MAS, &nscl_uri, &name);
	char end[80], report[80], used[160];
	struct mas_connect c;

	bed_issue(&w.mas, 1, 10);
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_OK);
	snprintf(end, sizeof(end), "/mas/v1/connections/%016" PRIx64 "/end", c.connection.id);
	snprintf(report, sizeof(report), "/mas/v1/connections/%016" PRIx64 "/report", c.connection.id);
	snprintf(used, sizeof(used),
	         "{\"uses\":[{\"connection\":\"%016" PRIx64 "\",\"requests\":7,\"octets\":7}]}",
	         c.connection.id);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", end, "{}"), 404);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", "/mas/v1/connections/00000000000000ff/end",
	                            "{}"), 404);
	/* A wrong report of its own would end it. */
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", report, ival), 404);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", "/mas/v1/used", used), 204);
	w.far.ops->used(w.far.self, c.connection.id, 3, 400);
	bed_until(&w.mas, was_used, &c.connection);
	ck_assert_uint_eq(bed_conn(&w.mas, c.connection.id)->requests, 3);
	ck_assert_int_eq(bed_conn(&w.mas, c.connection.id)->state, MAS_CONN_ACTIVE);
	ck_assert_int_eq(ask_status(&w.core, &mine, "POST", report, ival), 403);
	ck_assert_uint_eq(audited("integrity-report", "nscl1.example.net"), 1);
	ck_assert_int_eq(ask_status(&w.core, &mine, "POST", end, "{}"), 204);
	ck_assert_int_eq(ask_status(&w.core, &other, "POST", end, "{}"), 404);
}
END_TEST

/* A poll waits, and is answered by what happens. */
struct poller {
	pthread_t thread;
	char target[160];
	struct told told;
	int64_t from, took; /* from: before it is asked */
};

static void *
poll_main(void *arg)
{
	struct poller *p = arg;
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);

	p->told = ask(&w.core, &nscl, "GET", p->target, NULL, NULL);
	p->took = clock_monotonic() - p->from;
	return NULL;
}

START_TEST(poll_waits)
{
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct told t = ask(&w.core, &nscl, "GET", "/mas/v1/psk-feed", NULL, NULL);
	struct poller p;

	snprintf(p.target, sizeof(p.target), "/mas/v1/psk-feed?since=%s&events=%s&wait=30",
	         told_text(&t, "upTo"), told_text(&t, "events"));
	told_fini(&t);
	p.from = clock_monotonic();
	ck_assert_int_eq(pthread_create(&p.thread, NULL, poll_main, &p), 0);
	usleep(100000);
	bed_issue(&w.mas, 1, 10);
	pthread_join(p.thread, NULL);
	ck_assert_int_eq(p.told.status, 200);
	ck_assert_int_ge(p.took, 90000);
	ck_assert_int_lt(p.took, 20 * CLOCK_SECOND);
	ck_assert_ptr_nonnull(strstr(p.told.body, "\"psk3\""));
	ck_assert_ptr_nonnull(strstr(p.told.body, "\"reset\":false"));
	told_fini(&p.told);
}
END_TEST

/* ---- gateways ---- */

START_TEST(gateway_may_not)
{
	static const char *const posts[] = { "connect", "used", "nodes", "verdict",
		                             "connections/00000000000000ff/end" };
	struct asker gw = asker_certified(SERVE_MAS, &gw_uri, &dns);
	struct slice none = SLICE_NONE;
	struct asker unnamed = asker_certified(SERVE_MAS, &gw_uri, &none);
	char target[80];

	for (size_t i = 0; i < NITEMS(posts); i++) {
		snprintf(target, sizeof(target), "/mas/v1/%s", posts[i]);
		ck_assert_msg(ask_status(&w.core, &gw, "POST", target, "{}") == 403, "%s", target);
	}
	ck_assert_int_eq(ask_status(&w.core, &gw, "GET", "/mas/v1/connections", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &gw, "GET", "/mas/v1/stats", NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &gw, "GET", "/mas/v1/psk-feed", NULL), 200);
	ck_assert_int_eq(ask_status(&w.core, &gw, "GET",
	                            "/mas/v1/psk-feed?after=01bcad980102030405060708090a0b01.1",
	                            NULL), 400);
	unnamed.peer.subject = SLICE_NONE;
	ck_assert_int_eq(ask_status(&w.core, &unnamed, "GET", "/mas/v1/psk-feed", NULL), 403);
}
END_TEST

static void *
gateway_main(void *arg)
{
	struct poller *p = arg;
	struct asker gw = asker_certified(SERVE_MAS, &gw_uri, &dns);

	p->told = ask(&w.core, &gw, "GET", p->target, NULL, NULL);
	p->took = clock_monotonic() - p->from;
	return NULL;
}

/* No key, and of what ends only nodes that are revoked: its poll waits for those. */
START_TEST(gateway_is_told_of_nodes)
{
	struct asker gw = asker_certified(SERVE_MAS, &gw_uri, &dns);
	struct mas_change revoke = { .kind = MAS_REVOKE_NODE, .node = bed_node(2), .actor = "t" };
	struct mas_end end = { .why = "test" };
	struct mas_connect c;
	struct poller p;
	struct told t;
	char id[CONN_ID_HEX], node[NODE_ID_TEXT];

	bed_issue(&w.mas, 1, 10);
	bed_issue(&w.mas, 2, 20);
	c = bed_connecting(1, 1);
	ck_assert_int_eq(far_connect(&c), RC_OK);
	t = ask(&w.core, &gw, "GET", "/mas/v1/psk-feed", NULL, NULL);
	ck_assert_ptr_nonnull(strstr(t.body, "\"keys\":[],\"upTo\":1,\"reset\":false"));
	ck_assert_ptr_nonnull(strstr(t.body, "\"eventsReset\":true"));
	snprintf(p.target, sizeof(p.target), "/mas/v1/psk-feed?since=%s&events=%s&wait=30",
	         told_text(&t, "upTo"), told_text(&t, "events"));
	told_fini(&t);
	p.from = clock_monotonic();
	ck_assert_int_eq(pthread_create(&p.thread, NULL, gateway_main, &p), 0);
	/* Before the one that it waits for: a connection that has ended. */
	end.connection_id = c.connection.id;
	ck_assert_int_eq(far_end(&end), RC_OK);
	ck_assert_int_eq(bed_change(&w.mas, &revoke), RC_OK);
	pthread_join(p.thread, NULL);
	ck_assert_int_eq(p.told.status, 200);
	ck_assert_int_lt(p.took, 20 * CLOCK_SECOND);
	node_id_text(&revoke.node, node);
	conn_id_hex(c.connection.id, id);
	ck_assert_ptr_nonnull(strstr(p.told.body, node));
	ck_assert_ptr_null(strstr(p.told.body, id));
	ck_assert_ptr_null(strstr(p.told.body, "psk"));
	ck_assert_ptr_nonnull(strstr(p.told.body, "\"eventsReset\":false"));
	told_fini(&p.told);
}
END_TEST

START_TEST(stop_answers_polls)
{
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct told t = ask(&w.core, &nscl, "GET", "/mas/v1/psk-feed", NULL, NULL);
	struct poller p;

	snprintf(p.target, sizeof(p.target), "/mas/v1/psk-feed?since=%s&events=%s&wait=60",
	         told_text(&t, "upTo"), told_text(&t, "events"));
	told_fini(&t);
	p.from = clock_monotonic();
	ck_assert_int_eq(pthread_create(&p.thread, NULL, poll_main, &p), 0);
	usleep(50000);
	mas_rest_stop(w.rest);
	pthread_join(p.thread, NULL);
	ck_assert_int_lt(p.took, 20 * CLOCK_SECOND);
	ck_assert(p.told.status == 200 || p.told.status == 503);
	told_fini(&p.told);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mas_rest");
	TCase *c = suite_case(s, "mas_rest", rest_setup, rest_teardown);

	tcase_set_timeout(c, 120);
	tcase_add_test(c, roles_count);
	tcase_add_test(c, nscl_needs_a_name);
	tcase_add_test(c, server_is_strict);
	tcase_add_test(c, another_nscl);
	tcase_add_test(c, poll_waits);
	tcase_add_test(c, gateway_may_not);
	tcase_add_test(c, gateway_is_told_of_nodes);
	tcase_add_test(c, stop_answers_polls);
	return core_run(s);
}
