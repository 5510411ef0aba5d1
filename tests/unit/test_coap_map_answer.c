/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as CoAP responses. */
#include "config.h"

#include "suite.h"

#include "base/arena.h"
#include "base/times.h"
#include "bind/coap_map.h"
#include "bind/coap_names.h"
#include "coap_message.h"
#include "core_bed.h"

#include <stdio.h>

#define PDU_MAX 1152

static struct arena *arena;
static coap_pdu_t *pdu;

static void
setup(void)
{
	arena = arena_new(1u << 20);
	ck_assert_ptr_nonnull(arena);
	pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, PDU_MAX);
	ck_assert_ptr_nonnull(pdu);
	coap_set_log_level(LOG_EMERG);
}

static void
teardown(void)
{
	coap_delete_pdu(pdu);
	arena_free(arena);
}

/* ---- entity tags ---- */

START_TEST(every_time_comes_back)
{
	static const int64_t times[] = { 0,
		                         1,
		                         999999,
		                         1000000,
		                         INT64_C(1763814849123456),
		                         INT64_C(4102444800000000),
		                         INT64_C(253402300799999999) };
	unsigned char octets[CMAP_ETAG_MAX], again[CMAP_ETAG_MAX];
	char text[CMAP_ETAG_TEXT_MAX], back[CMAP_ETAG_TEXT_MAX];

	for (int64_t i = 0; i < 20000; i++) {
		int64_t us =
			i < (int64_t)NITEMS(times) ? times[i] : i * INT64_C(12670115039123) + i;
		size_t n = times_format(us, TIMES_MICRO, text + 1);

		text[0] = text[n + 1] = '"';
		ck_assert_uint_eq(cmap_etag_octets(slice_make(text, n + 2), octets), 8);
		ck_assert_uint_eq(cmap_etag_text(octets, 8, back), n + 2);
		ck_assert_mem_eq(text, back, n + 2);
		/* Others send it without quotes. */
		ck_assert_uint_eq(cmap_etag_octets(slice_make(text + 1, n), again), 8);
		ck_assert_mem_eq(octets, again, 8);
	}
}
END_TEST

START_TEST(all_octets_come_back)
{
	unsigned char octets[CMAP_ETAG_MAX], back[CMAP_ETAG_MAX];
	char text[CMAP_ETAG_TEXT_MAX];
	uint32_t seed = 1;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = i % 8 + 1;

		for (unsigned k = 0; k < n; k++) {
			seed = seed * 1664525u + 1013904223u;
			octets[k] = (unsigned char)(i % 3 == 0 && k < 2 ? 0 : seed >> 24);
		}
		ck_assert_uint_eq(
			cmap_etag_octets(slice_make(text, cmap_etag_text(octets, n, text)), back),
			n);
		ck_assert_mem_eq(octets, back, n);
	}
}
END_TEST

/* Their octets stand for another text, so nothing ever matches that should not. */
static const char *const foreign[] = {
	"\"abc\"",
	"abc",
	"\"\"",
	"",
	"W/\"2026-11-22T12:34:09.123456Z\"",
	"\"2026-11-22T12:34:09.123Z\"",
	"\"2026-11-22T12:34:09.123456\"",
	"\"2026-11-22T13:34:09.123456+01:00\"",
	"\"1969-12-31T23:59:59.999999Z\"",
	"\"coap-\"",
	"\"coap-0\"",
	"\"coap-0A\"",
	"\"coap-000000000000000001\"",
	"\"coap-0000000000000001\"",
};

START_TEST(other_tags_match_nothing)
{
	struct slice text = slice_of(foreign[_i]);
	unsigned char octets[CMAP_ETAG_MAX];
	char back[CMAP_ETAG_TEXT_MAX];

	ck_assert_uint_eq(cmap_etag_octets(text, octets), 8);
	ck_assert(!slice_eq(text, slice_make(back, cmap_etag_text(octets, 8, back))));
	ck_assert(octets[0] & 0x80);
}
END_TEST

/* ---- the eTag of the core ---- */

static struct slice
etag_of(struct core_bed *b, const char *target, const char *none_match, int *status)
{
	const struct req_answer *a;
	struct core_call c;
	struct reply r;
	struct slice etag;

	core_prepare_call(b, &c, "GET", target, ADMIN, NULL, NULL);
	if (none_match != NULL)
		req_input(c.rq)->if_none_match = slice_of(none_match);
	core_go(&c);
	a = req_encode(c.rq);
	*status = a->http_status;
	etag = arena_copy(arena, a->etag);
	free(a->body);
	req_answer(c.rq)->body = NULL;
	r = core_end(&c);
	reply_fini(&r);
	return etag;
}

static const char *const kinds[] = {
	BASE,
	BASE "/applications",
	BASE "/applications/a",
	BASE "/applications/a/containers/c",
	BASE "/applications/a/containers/c/contentInstances",
	BASE "/applications/a/containers/c/contentInstances/latest",
	BASE "/applications/a/containers/c/contentInstances/latest/content",
	BASE "/applications/a/containers/c/maxNrOfInstances",
};

/* What the core gives out comes back from its octets as it was, and matches. */
START_TEST(tags_of_the_core_come_back)
{
	struct core_bed b;
	unsigned tagged = 0;
	int status;

	core_init_alone(&b);
	core_start_alone(&b);
	core_app(&b, "a", "");
	ck_assert_int_eq(core_container(&b, "a", "c", "default", ""), 201);
	ck_assert_int_eq(
		core_post_text(&b, BASE "/applications/a/containers/c/contentInstances", "hello"),
		201);
	for (size_t i = 0; i < NITEMS(kinds); i++) {
		struct slice etag = etag_of(&b, kinds[i], NULL, &status);
		struct req_answer answer = { .http_status = 200, .etag = etag };
		struct cmap_answer a;
		struct cmap_head head;
		struct message m;
		coap_pdu_t *check;
		const char *why;

		ck_assert_int_eq(status, 200);
		cmap_answer(&answer, REQ_RETRIEVE, &a);
		ck_assert_uint_eq(a.etag_n, etag.n == 0 ? 0 : 8);
		if (etag.n == 0)
			continue;
		tagged++;
		message_begin(&m, 1);
		message_option(&m, COAP_OPTION_ETAG, a.etag, a.etag_n);
		check = message_pdu(&m);
		ck_assert_int_eq(cmap_request(check, SLICE_LIT("h:1"), arena, &head, &why), RC_OK);
		coap_delete_pdu(check);
		ck_assert(slice_eq(head.input.if_none_match, etag));
		etag_of(&b, kinds[i], arena_str(arena, head.input.if_none_match), &status);
		ck_assert_int_eq(status, 304);
	}
	ck_assert_uint_ge(tagged, 4);
	core_stop(&b);
	core_fini(&b);
}
END_TEST

/* ---- answers ---- */

static const struct {
	int http;
	enum req_op op;
	unsigned code;
} codes[] = {
	{ 200, REQ_RETRIEVE, 205 }, { 200, REQ_CREATE, 204 },   { 200, REQ_UPDATE, 204 },
	{ 200, REQ_DELETE, 202 },   { 204, REQ_RETRIEVE, 205 }, { 204, REQ_CREATE, 204 },
	{ 204, REQ_UPDATE, 204 },   { 204, REQ_DELETE, 202 },   { 206, REQ_RETRIEVE, 205 },
	{ 201, REQ_CREATE, 201 },   { 202, REQ_RETRIEVE, 204 }, { 202, REQ_CREATE, 204 },
	{ 202, REQ_DELETE, 204 },   { 304, REQ_RETRIEVE, 203 }, { 302, REQ_RETRIEVE, 502 },
	{ 400, REQ_CREATE, 400 },   { 401, REQ_CREATE, 401 },   { 402, REQ_CREATE, 401 },
	{ 403, REQ_CREATE, 403 },   { 404, REQ_CREATE, 404 },   { 405, REQ_OTHER, 405 },
	{ 406, REQ_RETRIEVE, 406 }, { 408, REQ_CREATE, 400 },   { 409, REQ_CREATE, 409 },
	{ 410, REQ_RETRIEVE, 404 }, { 412, REQ_UPDATE, 412 },   { 413, REQ_CREATE, 413 },
	{ 414, REQ_CREATE, 400 },   { 415, REQ_CREATE, 415 },   { 418, REQ_CREATE, 400 },
	{ 431, REQ_CREATE, 400 },   { 500, REQ_CREATE, 500 },   { 501, REQ_OTHER, 501 },
	{ 502, REQ_CREATE, 502 },   { 503, REQ_CREATE, 503 },   { 504, REQ_CREATE, 504 },
	{ 507, REQ_CREATE, 503 },
};

START_TEST(status_is_a_code)
{
	struct req_answer answer = { .http_status = codes[_i].http };
	struct cmap_answer a;

	cmap_answer(&answer, codes[_i].op, &a);
	ck_assert_uint_eq(a.code, codes[_i].code);
	ck_assert(cmap_write(&a, 0, 0, pdu));
	ck_assert_uint_eq(pdu_code(pdu), codes[_i].code);
	ck_assert_ptr_null(pdu_body(pdu).p);
}
END_TEST

static const struct {
	const char *location;
	const char *is; /* of cmap_answer */
	const char *path[3];
	const char *query[2];
} locations[] = {
	{ "http://h:1/m2m/a%2Fb", "/m2m/a%2Fb", { "m2m", "a/b" }, { NULL } },
	{ "/m2m/%C3%A9?a=%26&b", "/m2m/%C3%A9?a=%26&b", { "m2m", "\xc3\xa9" }, { "a=&", "b" } },
	{ "coap://h/m2m/", "/m2m/", { "m2m", "" }, { NULL } },
	{ "coap://h/", "/", { NULL }, { NULL } },
	{ "coap://h", "", { NULL }, { NULL } },
	{ "coap://h?x=1", "?x=1", { NULL }, { "x=1" } },
	{ "m2m/a", "", { NULL }, { NULL } },
	{ "", "", { NULL }, { NULL } },
	{ "/m2m/%zz", "", { NULL }, { NULL } },
};

START_TEST(location_has_an_option_for_each_segment)
{
	struct req_answer answer = { .http_status = 201,
		                     .location = slice_of(locations[_i].location) };
	struct cmap_answer a;
	unsigned n = 0;

	cmap_answer(&answer, REQ_CREATE, &a);
	ck_assert_slice_is(a.location, locations[_i].is);
	ck_assert(cmap_write(&a, 0, 0, pdu));
	for (; n < 3 && locations[_i].path[n] != NULL; n++)
		ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_LOCATION_PATH, n),
		                   locations[_i].path[n]);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_LOCATION_PATH, n).p);
	for (n = 0; n < 2 && locations[_i].query[n] != NULL; n++)
		ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_LOCATION_QUERY, n),
		                   locations[_i].query[n]);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_LOCATION_QUERY, n).p);
}
END_TEST

START_TEST(a_long_segment_is_no_location)
{
	char location[600];
	struct req_answer answer = { .http_status = 201 };
	struct cmap_answer a;

	for (unsigned n = 254; n <= 256; n++) {
		snprintf(location, sizeof(location), "/%0*d", (int)n, 0);
		answer.location = slice_of(location);
		cmap_answer(&answer, REQ_CREATE, &a);
		ck_assert_uint_eq(a.location.n, n < 256 ? n + 1 : 0);
		ck_assert_uint_eq(a.code, 201);
	}
}
END_TEST

static const struct {
	int http;
	enum req_op op;
	const char *type;
	unsigned code;
	int format; /* -1: no body */
} bodies[] = {
	{ 200, REQ_RETRIEVE, "application/xml", 205, 41 },
	{ 200, REQ_RETRIEVE, "Application/XML; charset=UTF-8", 205, 41 },
	{ 200, REQ_RETRIEVE, "text/xml;charset=\"utf-8\"", 205, 41 },
	{ 200, REQ_RETRIEVE, "text/plain", 205, 0 },
	{ 200, REQ_RETRIEVE, "text/plain;charset=utf-8", 205, 0 },
	{ 200, REQ_RETRIEVE, "text/plain;charset=iso-8859-1", 406, -1 },
	{ 200, REQ_RETRIEVE, "application/json", 205, 50 },
	{ 200, REQ_RETRIEVE, "application/cbor", 205, 60 },
	{ 200, REQ_RETRIEVE, "application/link-format", 205, 40 },
	{ 200, REQ_RETRIEVE, "application/octet-stream", 205, 42 },
	{ 200, REQ_RETRIEVE, "application/exi", 205, 47 },
	{ 200, REQ_RETRIEVE, "image/png", 406, -1 },
	{ 200, REQ_RETRIEVE, "", 406, -1 },
	{ 200, REQ_RETRIEVE, "application/xml;v=2", 406, -1 },
	{ 200, REQ_CREATE, "image/png", 204, -1 },
	{ 200, REQ_DELETE, "image/png", 202, -1 },
	{ 404, REQ_RETRIEVE, "text/html", 404, -1 },
	{ 404, REQ_RETRIEVE, "application/xml", 404, 41 },
};

START_TEST(bodies_have_a_format_or_are_not_sent)
{
	char body[] = "body";
	struct req_answer answer = { .http_status = bodies[_i].http,
		                     .content_type = slice_of(bodies[_i].type),
		                     .body = body,
		                     .body_len = 4 };
	bool sent = bodies[_i].format >= 0;
	struct cmap_answer a;

	cmap_answer(&answer, bodies[_i].op, &a);
	ck_assert_uint_eq(a.code, bodies[_i].code);
	ck_assert(a.has_format == sent);
	ck_assert_slice_is(a.body, sent ? "body" : "");
	ck_assert(cmap_write(&a, 1, 2, pdu));
	ck_assert_slice_is(pdu_body(pdu), sent ? "od" : "");
	if (sent)
		ck_assert_uint_eq(cmap_uint(pdu_option(pdu, COAP_OPTION_CONTENT_FORMAT, 0)),
		                  (unsigned)bodies[_i].format);
}
END_TEST

START_TEST(what_is_not_to_be_kept_and_when_to_come_again)
{
	struct req_answer answer = { .http_status = 200, .no_store = true };
	struct cmap_answer a;

	cmap_answer(&answer, REQ_RETRIEVE, &a);
	ck_assert(a.has_max_age && a.max_age == 0);
	answer = (struct req_answer){ .http_status = 503, .retry_after = 5, .no_store = true };
	cmap_answer(&answer, REQ_RETRIEVE, &a);
	ck_assert(a.has_max_age && a.max_age == 5);
	answer = (struct req_answer){ .http_status = 507, .retry_after = 5 };
	cmap_answer(&answer, REQ_RETRIEVE, &a);
	ck_assert(!a.has_max_age);
}
END_TEST

START_TEST(a_reject_is_the_body)
{
	char body[] = "<m2m:errorInfo/>";
	struct req_answer answer = { .http_status = 403,
		                     .content_type = SLICE_LIT("application/xml"),
		                     .reject = SLICE_LIT("TVJKMQ"),
		                     .body = body,
		                     .body_len = strlen(body) };
	struct cmap_answer a;

	cmap_answer(&answer, REQ_CREATE, &a);
	ck_assert_uint_eq(a.code, 403);
	ck_assert_uint_eq(a.format, 42);
	ck_assert_slice_is(a.body, "TVJKMQ");
	answer.http_status = 200;
	cmap_answer(&answer, REQ_CREATE, &a);
	ck_assert_slice_is(a.body, body);
}
END_TEST

START_TEST(all_options_are_written)
{
	struct cmap_answer a = { .code = 205,
		                 .etag_n = 2,
		                 .etag = { 1, 2 },
		                 .location = SLICE_LIT("/a?b"),
		                 .has_format = true,
		                 .format = 41,
		                 .has_max_age = true,
		                 .max_age = 300,
		                 .body = SLICE_LIT("0123456789"),
		                 .has_observe = true,
		                 .observe = 0x1000001,
		                 .block1 = { true, 0xfffff, true, 6 },
		                 .block2 = { true, 3, false, 0 },
		                 .has_size1 = true,
		                 .size1 = 0,
		                 .has_size2 = true,
		                 .size2 = 10,
		                 .echo = SLICE_LIT("echo") };
	struct cmap_block block;

	ck_assert(cmap_write(&a, 0, 100, pdu));
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_ETAG, 0), "\1\2");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_OBSERVE, 0), "\1");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_LOCATION_PATH, 0), "a");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_LOCATION_QUERY, 0), "b");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_CONTENT_FORMAT, 0), ")");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_MAXAGE, 0), "\1\x2c");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_ECHO, 0), "echo");
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_SIZE2, 0), "\n");
	ck_assert_ptr_nonnull(pdu_option(pdu, COAP_OPTION_SIZE1, 0).p);
	ck_assert_slice_is(pdu_body(pdu), "0123456789");
	ck_assert(cmap_block(pdu, COAP_OPTION_BLOCK1, &block));
	ck_assert(block.given && block.num == 0xfffff && block.more && block.szx == 6);
	ck_assert(cmap_block(pdu, COAP_OPTION_BLOCK2, &block));
	ck_assert(block.given && block.num == 3 && !block.more && block.szx == 0);
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
	char big[PDU_MAX + 1] = { 0 };
	struct cmap_answer a = { .code = 205, .body = slice_make(big, sizeof(big)) };
	coap_pdu_t *small = coap_pdu_init(COAP_MESSAGE_ACK, 0, 0, 16);

	ck_assert(!cmap_write(&a, 0, sizeof(big), pdu));
	a = (struct cmap_answer){ .code = 201, .location = SLICE_LIT("/0123456789/0123456789") };
	ck_assert(!cmap_write(&a, 0, 0, small));
	coap_delete_pdu(small);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_map_answer");
	TCase *c = suite_case(s, "answers", setup, teardown);

	tcase_add_test(c, every_time_comes_back);
	tcase_add_test(c, all_octets_come_back);
	tcase_add_loop_test(c, other_tags_match_nothing, 0, (int)NITEMS(foreign));
	tcase_add_test(c, tags_of_the_core_come_back);
	tcase_add_loop_test(c, status_is_a_code, 0, (int)NITEMS(codes));
	tcase_add_loop_test(c, location_has_an_option_for_each_segment, 0, (int)NITEMS(locations));
	tcase_add_test(c, a_long_segment_is_no_location);
	tcase_add_loop_test(c, bodies_have_a_format_or_are_not_sent, 0, (int)NITEMS(bodies));
	tcase_add_test(c, what_is_not_to_be_kept_and_when_to_come_again);
	tcase_add_test(c, a_reject_is_the_body);
	tcase_add_test(c, all_options_are_written);
	tcase_add_test(c, what_does_not_fit_is_not_written);
	return run_suite(s);
}
