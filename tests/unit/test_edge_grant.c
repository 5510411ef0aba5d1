/* SPDX-License-Identifier: Apache-2.0 */
/* What a grant for an application outside says, and what that covers. */
#include "config.h"

#include "cap/edge/edge_grant.h"
#include "suite.h"

#include <stdio.h>

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "{\"fingerprints\":[\"" KEY "\"],\"operations\":[\"retrieve\"],\"prefixes\":"

static struct slice
lit(const char *s)
{
	return slice_of(s);
}

static struct edge_grant
good(const char *json)
{
	struct edge_grant g;
	const char *why;

	ck_assert_int_eq(edge_grant_read(lit(json), &g, &why), RC_OK);
	return g;
}

static void
is_written(const struct edge_grant *g, const char *json)
{
	struct buf b;

	buf_init(&b, EDGE_GRANT_MAX);
	edge_grant_write(g, &b);
	ck_assert(!b.failed);
	ck_assert_msg(slice_is(buf_view(&b), json), "%.*s", (int)b.n, b.p);
	buf_fini(&b);
}

START_TEST(the_least_that_a_grant_says)
{
	struct edge_grant g = good(HEAD "[]}");

	ck_assert_uint_eq(g.operations, EDGE_RETRIEVE);
	ck_assert_uint_eq(g.n_keys, 1);
	ck_assert_uint_eq(g.keys[0][31], 0xff);
	ck_assert_int_eq(g.rate, EDGE_RATE);
	ck_assert_int_eq(g.burst, 2 * EDGE_RATE);
	ck_assert_int_eq(g.expires, 0);
	ck_assert(!g.inner);
	ck_assert_int_eq(g.state, EDGE_ENABLED);
	ck_assert(!edge_grant_covers(&g, lit("/m2m")));
	ck_assert(!edge_grant_contact(&g, lit("https://a.example/")));
}
END_TEST

START_TEST(all_of_it_comes_back)
{
	static const char json[] =
		"{\"fingerprints\":[\"" KEY "\"],\"operations\":[\"retrieve\",\"announce\"],"
		"\"prefixes\":[\"/m2m/applications/a\",\"https://gw.example:8443/m2m\"],"
		"\"contacts\":[\"mtc.example\",\"[2001:db8::1]:8443\"],\"trigger\":[\"gw\"],"
		"\"kma\":[\"gw\",\"gx\"],\"rate\":3,\"burst\":7,"
		"\"expires\":\"2030-01-02T03:04:05.000Z\",\"inner\":true,\"state\":\"disabled\"}";
	struct edge_grant g = good(json);
	struct edge_grant again;

	is_written(&g, json);
	again = good(json);
	ck_assert(edge_texts_have(&again.kma, lit("gx")));
	ck_assert(!edge_texts_have(&again.trigger, lit("gx")));
	ck_assert(again.inner && again.state == EDGE_DISABLED && again.burst == 7);
}
END_TEST

static const struct {
	const char *json, *why;
} wrong[] = {
	{ "", "grant" },
	{ "{}", "grant" },
	{ HEAD "[]}x", "grant" },
	{ HEAD "[],\"more\":1}", "grant" },
	{ "{\"fingerprints\":[],\"operations\":[],\"prefixes\":[]}", "fingerprints" },
	{ "{\"fingerprints\":[\"00\"],\"operations\":[],\"prefixes\":[]}", "fingerprints" },
	{ "{\"fingerprints\":[\"" KEY "\"],\"operations\":[\"all\"],\"prefixes\":[]}",
	  "operations" },
	{ HEAD "[\"/\"]}", "prefixes" },
	{ HEAD "[\"/m2m/\"]}", "prefixes" },
	{ HEAD "[\"/m2m/../x\"]}", "prefixes" },
	{ HEAD "[\"m2m\"]}", "prefixes" },
	{ HEAD "[\"/m2m?x\"]}", "prefixes" },
	{ HEAD "[\"ftp://a.example/m2m\"]}", "prefixes" },
	{ HEAD "[\"https://a.example\"]}", "prefixes" },
	{ HEAD "[\"\"]}", "prefixes" },
	{ HEAD "[],\"contacts\":[\"https://a.example\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"A.example\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"a.example:0\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"a.example:65536\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"a.example:\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"0x7f000001\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"2130706433\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"127.1\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"a..example\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"a@b.example\"]}", "contacts" },
	{ HEAD "[],\"contacts\":[\"*\"]}", "contacts" },
	{ HEAD "[],\"trigger\":[\"a/b\"]}", "trigger" },
	{ HEAD "[],\"kma\":[\"\"]}", "kma" },
	{ HEAD "[],\"rate\":0}", "rate" },
	{ HEAD "[],\"rate\":100001}", "rate" },
	{ HEAD "[],\"burst\":-1}", "rate" },
	{ HEAD "[],\"state\":\"on\"}", "state" },
	{ HEAD "[],\"expires\":\"soon\"}", "expires" },
};

START_TEST(what_is_no_grant)
{
	struct edge_grant g;
	const char *why;

	ck_assert_int_eq(edge_grant_read(lit(wrong[_i].json), &g, &why), RC_BAD_REQUEST);
	ck_assert_str_eq(why, wrong[_i].why);
}
END_TEST

START_TEST(lists_have_an_end)
{
	struct edge_grant g;
	const char *why;
	struct buf b;

	for (unsigned n = EDGE_CONTACTS_MAX; n <= EDGE_CONTACTS_MAX + 1; n++) {
		buf_init(&b, EDGE_GRANT_MAX);
		buf_puts(&b, HEAD "[],\"contacts\":[");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%s\"a%u.example\"", i == 0 ? "" : ",", i);
		buf_puts(&b, "]}");
		ck_assert_int_eq(edge_grant_read(buf_view(&b), &g, &why),
		                 n == EDGE_CONTACTS_MAX ? RC_OK : RC_BAD_REQUEST);
		buf_fini(&b);
	}
}
END_TEST

static const struct {
	const char *path;
	bool plain;
} paths[] = {
	{ "/", true },           { "/m2m", true },
	{ "/m2m/", true },       { "/m2m/a.b/..c/d..", true },
	{ "/m2m/a%20b", true },  { "/m2m/%C3%A9", true },
	{ "", false },           { "m2m", false },
	{ "//m2m", false },      { "/m2m//", false },
	{ "/m2m//a", false },    { "/m2m/.", false },
	{ "/m2m/..", false },    { "/m2m/../a", false },
	{ "/m2m/./a", false },   { "/m2m/%2e%2E/a", false },
	{ "/m2m/%2F", false },   { "/m2m/a%5cb", false },
	{ "/m2m/%252e", false }, { "/m2m/%41", false },
	{ "/m2m/%7Ea", false },  { "/m2m/%00", false },
	{ "/m2m/%0a", false },   { "/m2m/%7f", false },
	{ "/m2m/%", false },     { "/m2m/%2", false },
	{ "/m2m/%g0", false },   { "/m2m/a\\b", false },
	{ "/m2m/a b", false },   { "/m2m/a?b", false },
	{ "/m2m/a#b", false },   { "/m2m/\303\251", false },
};

START_TEST(paths_that_mean_what_they_say)
{
	ck_assert_msg(edge_path_is_plain(lit(paths[_i].path)) == paths[_i].plain, "%s",
	              paths[_i].path);
}
END_TEST

START_TEST(prefixes_end_at_segments)
{
	struct edge_grant g = good(HEAD "[\"/m2m/applications/a\",\"https://gw.example/m2m\"]}");

	ck_assert(edge_grant_covers(&g, lit("/m2m/applications/a")));
	ck_assert(edge_grant_covers(&g, lit("/m2m/applications/a/containers")));
	ck_assert(!edge_grant_covers(&g, lit("/m2m/applications/ab")));
	ck_assert(!edge_grant_covers(&g, lit("/m2m/applications")));
	ck_assert(!edge_grant_covers(&g, lit("/m2m")));
	ck_assert(edge_grant_covers(&g, lit("https://gw.example/m2m/x")));
	ck_assert(!edge_grant_covers(&g, lit("https://gw.example.evil/m2m/x")));
	ck_assert(!edge_grant_covers(&g, lit("http://gw.example/m2m")));
	ck_assert(!edge_grant_covers(&g, lit("")));
}
END_TEST

static const struct {
	const char *url;
	bool ok;
} contacts[] = {
	{ "https://mtc.example/x", true },
	{ "https://mtc.example", true },
	{ "https://mtc.example:443/x", true },
	{ "HTTPS://MTC.Example/x", true },
	{ "https://b.example:8443/x?y", true },
	{ "https://[2001:db8::1]:8443/x", true },
	{ "http://mtc.example/x", false },
	{ "coaps://mtc.example/x", false },
	{ "https://mtc.example:8443/x", false },
	{ "https://b.example/x", false },
	{ "https://mtc.example.evil/x", false },
	{ "https://evil/mtc.example", false },
	{ "https://mtc.example@evil/x", false },
	{ "https://evil@mtc.example/x", false },
	{ "https://evil:443@mtc.example/x", false },
	{ "https://evil\\@mtc.example/x", false },
	{ "https://mtc.example\\.evil/x", false },
	{ "https://mtc.example./x", false },
	{ "https:mtc.example/x", false },
	{ "https:///mtc.example/x", false },
	{ "//mtc.example/x", false },
	{ "/x", false },
	{ "mtc.example", false },
	{ "https://[2001:db8::1]/x", false },
	{ "", false },
};

START_TEST(contacts_are_hosts_and_ports)
{
	struct edge_grant g = good(HEAD "[],\"contacts\":[\"mtc.example\",\"b.example:8443\","
	                                "\"[2001:db8::1]:8443\"]}");

	ck_assert_msg(edge_grant_contact(&g, lit(contacts[_i].url)) == contacts[_i].ok, "%s",
	              contacts[_i].url);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("edge_grant");
	TCase *c = suite_case(s, "grant", NULL, NULL);

	tcase_add_test(c, the_least_that_a_grant_says);
	tcase_add_test(c, all_of_it_comes_back);
	tcase_add_loop_test(c, what_is_no_grant, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(c, lists_have_an_end);
	c = suite_case(s, "covers", NULL, NULL);
	tcase_add_loop_test(c, paths_that_mean_what_they_say, 0, sizeof(paths) / sizeof(paths[0]));
	tcase_add_test(c, prefixes_end_at_segments);
	tcase_add_loop_test(c, contacts_are_hosts_and_ports, 0,
	                    sizeof(contacts) / sizeof(contacts[0]));
	return run_suite(s);
}
