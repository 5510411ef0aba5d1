/* SPDX-License-Identifier: Apache-2.0 */
/* What a source reads of proxies, sinks and discoveries, and what it says to them. */
#include "config.h"

#include <stdio.h>

#include "cap/pxy/px_find.h"
#include "cap/pxy/px_talk.h"
#include "pre_bed.h"

/* ---- answers ---- */

START_TEST(infos)
{
	struct px_told_info i;
	char text[1024];

	ck_assert(px_read_info(
		SLICE_LIT("{\"available\":5,\"largest\":6,\"batch\":7,\"suites\":[2,1],"
	                  "\"compress\":[\"gzip\"],\"more\":{\"x\":[true]}}"),
		&i));
	ck_assert(i.available == 5 && i.largest == 6 && i.batch == 7 && i.suite && !i.has_identity);
	ck_assert(px_read_info(SLICE_LIT("{\"suites\":[2]}"), &i));
	ck_assert(!i.suite && i.available == 0);
	ck_assert(!px_read_info(SLICE_LIT("{\"available\":-5,\"suites\":[1]}"), &i));
	ck_assert(!px_read_info(SLICE_LIT("{\"available\":5}"), &i));
	ck_assert(!px_read_info(SLICE_LIT("{\"suites\":[1],\"suites\":[1]}"), &i));
	ck_assert(!px_read_info(SLICE_LIT("[]"), &i));

	/* A key is a key, and the name is its. */
	snprintf(text, sizeof(text),
	         "{\"suites\":[1],\"identity\":{\"pk2\":\"%s\",\"pkId\":\"0000000000000000\"}}",
	         KAT_PK2_A);
	ck_assert(!px_read_info(slice_of(text), &i));
	{
		struct octets pk2 = octets_of(KAT_PK2_A);
		uint8_t id[PRE_PK_ID_SIZE];
		char hex[2 * PRE_PK_ID_SIZE + 1];

		ck_assert_int_eq(pre_pk_id(octets_slice(&pk2), id), RC_OK);
		hex_encode(id, sizeof(id), hex);
		snprintf(text, sizeof(text),
		         "{\"suites\":[1],\"identity\":{\"pk2\":\"%s\",\"pkId\":\"%s\"}}",
		         KAT_PK2_A, hex);
		ck_assert(px_read_info(slice_of(text), &i));
		ck_assert(i.has_identity);
		ck_assert_mem_eq(i.pk2, pk2.v, AFGH_G2);
	}
}
END_TEST

#define ONE_EPOCH(epoch)                                                                           \
	SLICE_LIT("{\"sinks\":[{\"url\":\"http://a/\",\"rk\":[{\"stream\":2,\"epoch\":" epoch      \
	          "}]}]}")

START_TEST(forwards)
{
	const struct slice body =
		SLICE_LIT("{\"id\":\"00000000000000bb\",\"revision\":4,\"sinks\":["
	                  "{\"url\":\"http://a/"
	                  "\",\"state\":\"idle\",\"lag\":3,\"rk\":[{\"stream\":1,\"epoch\":9},"
	                  "{\"stream\":2,\"epoch\":7},{\"stream\":2,\"epoch\":5}]},{\"url\":\"http:"
	                  "//x/\"}]}");
	struct px_told_sink told[2] = { { .url = SLICE_LIT("http://a/") },
		                        { .url = SLICE_LIT("http://b/") } };
	struct slice id, others[4];
	uint64_t revision;

	ck_assert(px_read_sinks(body, 2, told, 2));
	ck_assert(told[0].there && told[0].lag == 3 && told[0].epoch == 7 && !told[1].there);
	ck_assert_uint_eq(px_read_others(body, told, 2, others, 4), 1);
	ck_assert(slice_is(others[0], "http://x/"));
	ck_assert_uint_eq(px_read_others(body, told, 2, others, 0), 0);
	ck_assert(!told[0].going);
	told[0].there = false;
	ck_assert(px_read_sinks(SLICE_LIT("{\"sinks\":[{\"url\":\"http://a/\",\"state\":\"ended\"},"
	                                  "{\"url\":\"http://b/\",\"to\":[{\"stream\":1}]}]}"),
	                        2, told, 2));
	ck_assert(!told[0].there && told[1].there && told[1].going);
	told[1] = (struct px_told_sink){ .url = SLICE_LIT("http://b/") };
	ck_assert(px_read_sinks(SLICE_LIT("{\"sinks\":[{\"url\":\"http://b/\",\"to\":[],"
	                                  "\"state\":\"ended\"}]}"),
	                        2, told, 2));
	ck_assert(!told[1].there);
	told[0] = (struct px_told_sink){ .url = SLICE_LIT("http://a/"), .epoch = -1 };
	ck_assert(px_read_forward(body, &id, &revision) && revision == 4);
	ck_assert(slice_is(id, "00000000000000bb"));
	ck_assert(px_read_revision(SLICE_LIT("{\"revision\":5}"), &revision) && revision == 5);
	ck_assert(!px_read_revision(SLICE_LIT("{\"revision\":-5}"), &revision));
	ck_assert(!px_read_id(SLICE_LIT("{\"id\":\"../stores/00\"}"), &id));
	ck_assert(
		!px_read_sinks(SLICE_LIT("{\"sinks\":[{\"url\":\"u\",\"lag\":-1}]}"), 2, told, 2));
	ck_assert(!px_read_sinks(SLICE_LIT("{\"sinks\":[1]}"), 2, told, 2));
	ck_assert(px_read_sinks(ONE_EPOCH("4294967295"), 2, told, 2) &&
	          told[0].epoch == UINT32_MAX);
	ck_assert(!px_read_sinks(ONE_EPOCH("4294967296"), 2, told, 2));
	ck_assert(!px_read_sinks(ONE_EPOCH("-1"), 2, told, 2));
	ck_assert(px_read_waiting(SLICE_LIT("{\"x\":1,\"waiting\":8}"), &revision) &&
	          revision == 8);
	ck_assert(!px_read_waiting(SLICE_LIT("{\"x\":1}"), &revision));
}
END_TEST

/* ---- bodies ---- */

START_TEST(controls)
{
	static const uint8_t pk_id[PRE_PK_ID_SIZE] = { 0xab };
	const struct pre_rekey key = { .id = { .stream = 3, .epoch = 4 }, .rk = { 0xcd } };
	const struct px_ask_sink sink = {
		.url = SLICE_LIT("http://a/"), .pk_id = pk_id, .keys = &key, .n_keys = 1, .batch = 2
	};
	struct buf b;

	buf_init(&b, 65536);
	px_put_control(&b, 7, PX_ASK_REMOVE, &sink);
	ck_assert(
		slice_is(buf_view(&b),
	                 "{\"revision\":7,\"action\":\"change\",\"remove\":[{\"url\":\"http://a/\","
	                 "\"at\":\"section\"}]}"));
	buf_clear(&b);
	px_put_control(&b, 7, PX_ASK_ADD, &sink);
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(
		strstr(b.p, "\"add\":[{\"url\":\"http://a/\",\"pkId\":\"ab00000000000000\","
	                    "\"rk\":[{\"stream\":3,\"epoch\":4,\"rk\":\"cd00"));
	ck_assert_ptr_nonnull(strstr(b.p, "\"}],\"batch\":2}]}"));
	buf_clear(&b);
	px_put_control(&b, 7, PX_ASK_KEYS, &sink);
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, "\"keys\":[{\"url\":\"http://a/\",\"rk\":[{"));
	buf_clear(&b);
	px_put_control(&b, 7, PX_ASK_REPLACE, &sink);
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, "\"remove\":[{\"url\":\"http://a/\",\"at\":\"now\"}],"
	                                  "\"add\":[{\"url\":\"http://a/\",\"pkId\""));
	buf_fini(&b);
}
END_TEST

/* ---- discovery ---- */

static bool
note(void *arg, struct slice s)
{
	char *to = arg;

	ck_assert_uint_lt(strlen(to) + s.n + 2, 256);
	strncat(to, s.p, s.n);
	strcat(to, " ");
	return strstr(to, "stop") == NULL;
}

START_TEST(references)
{
	char got[256] = "";

	ck_assert(px_find_references(
		SLICE_LIT("{\"discovery\":{\"matchSize\":2,\"truncated\":false,\"discoveryURI\":{"
	                  "\"reference\":[\"http://a/p\",\"http://b/p\"]}}}"),
		note, got));
	ck_assert_str_eq(got, "http://a/p http://b/p ");
	ck_assert(!px_find_references(SLICE_LIT("{\"errorInfo\":{}}"), note, got));
	ck_assert(!px_find_references(SLICE_LIT("{"), note, got));
}
END_TEST

static const struct {
	const char *document, *targets;
	bool ok;
} links[] = {
	{ "", "", true },
	{ "</m2m/proxy>", "/m2m/proxy ", true },
	{ "</a>;title=\"x,<y>\\\"\",<http://b/p>;obs", "/a http://b/p ", true },
	{ "</stop>,</b>", "/stop ", true },
	{ "</a>,", "/a ", false },
	{ "</a", "", false },
	{ "a", "", false },
	{ "</a>;title=\"x", "", false },
};

START_TEST(link_documents)
{
	char got[256] = "";

	ck_assert_int_eq(px_find_links(slice_of(links[_i].document), note, got), links[_i].ok);
	ck_assert_str_eq(got, links[_i].targets);
}
END_TEST

static const struct {
	const char *url;
	bool safe;
} urls[] = {
	{ "https://a.example/p", true },      { "coaps://a.example/p", true },
	{ "http://127.0.0.1:80/p", true },    { "http://127.1.2.3/p", true },
	{ "http://[::1]:80/p", true },        { "coap://localhost/p", true },
	{ "http://a.example/p", false },      { "http://127.evil.example/p", false },
	{ "http://128.0.0.1/p", false },      { "http://[::2]/p", false },
	{ "http://localhost.evil/p", false }, { "/p", false },
};

START_TEST(safe_urls)
{
	ck_assert_int_eq(px_url_is_safe(slice_of(urls[_i].url)), urls[_i].safe);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_talk");
	TCase *c = suite_case(s, "talk", NULL, NULL);

	tcase_add_test(c, infos);
	tcase_add_test(c, forwards);
	tcase_add_test(c, controls);
	tcase_add_test(c, references);
	tcase_add_loop_test(c, link_documents, 0, (int)NITEMS(links));
	tcase_add_loop_test(c, safe_urls, 0, (int)NITEMS(urls));
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
