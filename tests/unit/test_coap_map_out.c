/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges as CoAP requests, and what comes back of them. */
#include "config.h"

#include "suite.h"

#include "base/arena.h"
#include "bind/coap_map.h"
#include "coap_message.h"

#include <stdio.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define PDU_MAX 1152

static struct arena *arena;
static struct exchange ex;
static coap_pdu_t *pdu;

static void
setup(void)
{
	arena = arena_new(1u << 20);
	ck_assert_ptr_nonnull(arena);
	ex = (struct exchange){ .method = SLICE_LIT("GET") };
	buf_init(&ex.answer_text, 4096);
	pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, PDU_MAX);
	ck_assert_ptr_nonnull(pdu);
	coap_set_log_level(LOG_EMERG);
}

static void
teardown(void)
{
	coap_delete_pdu(pdu);
	buf_fini(&ex.answer_text);
	arena_free(arena);
}

/* ---- exchanges ---- */

static struct cmap_call call;
static const char *why;

/* The request of ex, in pdu. */
static enum rc
make(void)
{
	enum rc rc = cmap_exchange(&ex, arena, &call, &why);

	ck_assert(rc == RC_OK ? why == NULL : rc == RC_BAD_GATEWAY && why != NULL);
	ck_assert(rc == RC_OK || call.options == NULL);
	coap_delete_pdu(pdu);
	pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, PDU_MAX);
	ck_assert_ptr_nonnull(pdu);
	coap_pdu_set_code(pdu, (coap_pdu_code_t)call.code);
	if (call.options != NULL)
		ck_assert_int_eq(coap_add_optlist_pdu(pdu, &call.options), 1);
	coap_delete_optlist(call.options);
	call.options = NULL;
	return rc;
}

static const struct {
	const char *url;
	const char *host; /* NULL: no hop of ours */
	unsigned port;
	bool secure;
} hops[] = {
	{ "coap://gw1.example.org/m2m", "gw1.example.org", 5683, false },
	{ "COAPS://gw1.example.org", "gw1.example.org", 5684, true },
	{ "coap://127.0.0.1:7000/", "127.0.0.1", 7000, false },
	{ "coaps://[2001:db8::1]:7000/", "2001:db8::1", 7000, true },
	{ "coap://[]/", NULL, 0, false },
	{ "coap://a:0/", NULL, 0, false },
	{ "coap://a:65536/", NULL, 0, false },
	{ "http://a/", NULL, 0, false },
	{ "coap+tcp://a/", NULL, 0, false },
	{ "/m2m", NULL, 0, false },
	{ "", NULL, 0, false },
};

START_TEST(the_next_hop)
{
	struct cmap_call c = { .code = 0 };

	ck_assert(cmap_next_hop(slice_of(hops[_i].url), &c) == (hops[_i].host != NULL));
	ex.url = slice_of(hops[_i].url);
	ck_assert_int_eq(make(), hops[_i].host != NULL ? RC_OK : RC_BAD_GATEWAY);
	if (hops[_i].host == NULL)
		return;
	ck_assert_slice_is(c.host, hops[_i].host);
	ck_assert_uint_eq(c.port, hops[_i].port);
	ck_assert(c.secure == hops[_i].secure);
	ck_assert_slice_is(call.host, hops[_i].host);
	ck_assert_uint_eq(call.port, hops[_i].port);
	ck_assert(call.secure == hops[_i].secure);
}
END_TEST

static const struct {
	const char *url;
	const char *target;
	const char *from;
	const char *uri_host;
	const char *path[3];
	const char *query[3];
	const char *proxy_uri;
} targets[] = {
	{ "coap://GW1/m2m/a%2fb?x=1&y=%26",
	  NULL,
	  NULL,
	  "gw1",
	  { "m2m", "a/b" },
	  { "x=1", "y=&" },
	  NULL },
	{ "coap://10.0.0.1:99",
	  NULL,
	  "http://a/b",
	  NULL,
	  { NULL },
	  { "RequestingEntity=http://a/b" },
	  NULL },
	{ "coap://[::1]/a//b", NULL, NULL, NULL, { "a", "", "b" }, { NULL }, NULL },
	{ "coap://gw1/ignored",
	  "/m2m?q",
	  "urn:x",
	  "gw1",
	  { "m2m" },
	  { "q", "RequestingEntity=urn:x" },
	  NULL },
	{ "coap://gw1/ignored", "coap://GW1:5683/m2m", NULL, "gw1", { "m2m" }, { NULL }, NULL },
	{ "coap://gw1/ignored",
	  "coaps://gw1/m2m",
	  NULL,
	  NULL,
	  { NULL },
	  { NULL },
	  "coaps://gw1/m2m" },
	{ "coap://gw1:7/ignored",
	  "coaps://gw1:7/m2m",
	  NULL,
	  NULL,
	  { NULL },
	  { NULL },
	  "coaps://gw1:7/m2m" },
	{ "coap://gw1/ignored",
	  "http://gw2:8181/m2m",
	  "http://a/b?c&d",
	  NULL,
	  { NULL },
	  { NULL },
	  "http://gw2:8181/m2m?RequestingEntity=http://a/b?c%26d" },
	{ "coap://gw1/ignored",
	  "coap://gw2/m2m?a=1",
	  "urn:x",
	  NULL,
	  { NULL },
	  { NULL },
	  "coap://gw2/m2m?a=1&RequestingEntity=urn:x" },
};

START_TEST(target_is_in_options)
{
	unsigned n = 0;

	ex.url = slice_of(targets[_i].url);
	ex.target = slice_of(targets[_i].target);
	if (targets[_i].from != NULL)
		exchange_add_header(&ex, SLICE_LIT("from"), slice_of(targets[_i].from));
	ck_assert_int_eq(make(), RC_OK);
	ck_assert_uint_eq(call.code, 1);
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_URI_HOST, 0),
	                   targets[_i].uri_host == NULL ? "" : targets[_i].uri_host);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_URI_PORT, 0).p);
	for (; n < 3 && targets[_i].path[n] != NULL; n++)
		ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_URI_PATH, n), targets[_i].path[n]);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_URI_PATH, n).p);
	for (n = 0; n < 3 && targets[_i].query[n] != NULL; n++)
		ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_URI_QUERY, n), targets[_i].query[n]);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_URI_QUERY, n).p);
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_PROXY_URI, 0),
	                   targets[_i].proxy_uri == NULL ? "" : targets[_i].proxy_uri);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_PROXY_SCHEME, 0).p);
}
END_TEST

/* What is over the length of Proxy-Uri goes in parts, and is read as the same. */
START_TEST(a_long_target_goes_in_parts)
{
	char target[1200];
	struct cmap_head head;
	size_t n = (size_t)snprintf(target, sizeof(target), "http://gw2:8181");

	while (n < 1000) {
		memset(target + n, 'a', 250);
		target[n] = '/';
		n += 250;
	}
	target[n] = '\0';
	ex.url = SLICE_LIT("coap://gw1/");
	ex.target = slice_make(target, n);
	exchange_add_header(&ex, SLICE_LIT("From"), SLICE_LIT("http://app.example.org/"));
	ck_assert_int_eq(make(), RC_OK);
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_PROXY_URI, 0).p);
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_PROXY_SCHEME, 0), "http");
	ck_assert_int_eq(cmap_request(pdu, SLICE_LIT("h:5683"), arena, &head, &why), RC_OK);
	ck_assert(slice_eq(head.input.target, ex.target));
	ck_assert_slice_is(head.input.from, "http://app.example.org/");
}
END_TEST

static const struct {
	const char *method;
	unsigned code;
} methods[] = { { "GET", 1 },    { "HEAD", 1 },    { "POST", 2 }, { "PUT", 3 },
	        { "DELETE", 4 }, { "OPTIONS", 0 }, { "get", 0 },  { "", 0 } };

START_TEST(methods_have_codes)
{
	ex.url = SLICE_LIT("coap://gw1/");
	ex.method = slice_of(methods[_i].method);
	ck_assert_int_eq(make(), methods[_i].code > 0 ? RC_OK : RC_BAD_GATEWAY);
	ck_assert_uint_eq(call.code, methods[_i].code);
}
END_TEST

static const struct {
	const char *method;
	const char *name;
	const char *value;
	int option; /* -1: refused, 0: nothing of it is sent */
	const char *is;
} headers[] = {
	{ "GET", "X-etsi-rcat", "RCAT_3", COAP_OPTION_URI_QUERY, "x-etsi-rcat=RCAT_3" },
	{ "GET", "via", "1.1 gw1", COAP_OPTION_URI_QUERY, "x-m2m-via=1.1 gw1" },
	{ "GET", "X-M2M-Device-Proof", "a.b", COAP_OPTION_URI_QUERY, "x-m2m-device-proof=a.b" },
	{ "GET", "X-M2M-Priority", "low", COAP_OPTION_URI_QUERY, "x-m2m-priority=low" },
	{ "GET", "X-M2M-Ind", "low;1;00;00", COAP_OPTION_URI_QUERY, "x-m2m-ind=low;1;00;00" },
	{ "GET", "X-M2M-SGA", "aWQ;1;00", COAP_OPTION_URI_QUERY, "x-m2m-sga=aWQ;1;00" },
	{ "GET", "Authorization", "Basic aHR0cCUzQSUyRiUyRmElMkZiOg==", COAP_OPTION_URI_QUERY,
	  "RequestingEntity=http://a/b" },
	{ "GET", "Authorization", "Basic !", -1, NULL },
	{ "GET", "Authorization", "Bearer x", 0, NULL },
	{ "GET", "User-Agent", "x", 0, NULL },
	{ "GET", "Accept", "application/xml", COAP_OPTION_ACCEPT, ")" },
	{ "GET", "Accept", "application/xml, text/xml", COAP_OPTION_ACCEPT, ")" },
	{ "GET", "Accept", "application/xml;q=0.5, application/json", COAP_OPTION_ACCEPT, "2" },
	{ "GET", "Accept", "application/xml;q=0, application/cbor;q=0.1", COAP_OPTION_ACCEPT, "<" },
	{ "GET", "Accept", "image/png, application/json", COAP_OPTION_ACCEPT, "2" },
	{ "GET", "Accept", "application/json, application/xml", COAP_OPTION_ACCEPT, "2" },
	{ "GET", "Accept", "image/png", -1, NULL },
	{ "GET", "Accept", "image/png, */*;q=0.1", 0, NULL },
	{ "GET", "Accept", "*/*", 0, NULL },
	{ "GET", "Accept", "*/*;q=0", -1, NULL },
	{ "GET", "Accept", "", 0, NULL },
	{ "POST", "Content-Type", "application/json", COAP_OPTION_CONTENT_FORMAT, "2" },
	{ "POST", "Content-Type", "application/jose+json", -1, NULL },
	{ "PUT", "If-Match", "*", COAP_OPTION_IF_MATCH, "" },
	{ "PUT", "If-Match", "\"coap-4142\"", COAP_OPTION_IF_MATCH, "AB" },
	{ "PUT", "If-Match", "", -1, NULL },
	{ "PUT", "If-Match", " ,", -1, NULL },
	{ "PUT", "If-None-Match", "*", COAP_OPTION_IF_NONE_MATCH, "" },
	{ "PUT", "If-None-Match", "\"x\"", -1, NULL },
	{ "GET", "If-None-Match", "\"coap-4142\"", COAP_OPTION_ETAG, "AB" },
	{ "GET", "If-None-Match", "*", 0, NULL },
	{ "GET", "If-Modified-Since", "Sun, 22 Nov 2026 12:00:00 GMT", 0, NULL },
	{ "PUT", "If-Unmodified-Since", "Sun, 22 Nov 2026 12:00:00 GMT", -1, NULL },
	{ "POST", "PRE-Source", "http://gw/m2m", CMAP_OPTION_PRE_SOURCE, "http://gw/m2m" },
	{ "POST", "PRE-Source", "", -1, NULL },
};

START_TEST(headers_are_options)
{
	ex.url = SLICE_LIT("coap://10.0.0.1/");
	ex.method = slice_of(headers[_i].method);
	ex.body = SLICE_LIT("body");
	exchange_add_header(&ex, slice_of(headers[_i].name), slice_of(headers[_i].value));
	ck_assert_int_eq(make(), headers[_i].option < 0 ? RC_BAD_GATEWAY : RC_OK);
	if (headers[_i].option > 0) {
		ck_assert_ptr_nonnull(pdu_option(pdu, (unsigned)headers[_i].option, 0).p);
		ck_assert_slice_is(pdu_option(pdu, (unsigned)headers[_i].option, 0),
		                   headers[_i].is);
	} else {
		coap_opt_iterator_t it;

		coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
		ck_assert_ptr_null(coap_option_next(&it));
	}
}
END_TEST

START_TEST(from_goes_before_credentials)
{
	ex.url = SLICE_LIT("coap://10.0.0.1/");
	exchange_add_header(&ex, SLICE_LIT("Authorization"), SLICE_LIT("Basic dXJuJTNBYjo="));
	exchange_add_header(&ex, SLICE_LIT("From"), SLICE_LIT("urn:a"));
	ck_assert_int_eq(make(), RC_OK);
	ck_assert_slice_is(pdu_option(pdu, COAP_OPTION_URI_QUERY, 0), "RequestingEntity=urn:a");
	ck_assert_ptr_null(pdu_option(pdu, COAP_OPTION_URI_QUERY, 1).p);
}
END_TEST

START_TEST(a_source_is_as_long_as_a_url_for_a_proxy)
{
	static char longest[CMAP_PRE_SOURCE_MAX + 1];

	memset(longest, 'x', sizeof(longest));
	ex.url = SLICE_LIT("coap://10.0.0.1/");
	ex.method = SLICE_LIT("POST");
	exchange_add_header(&ex, SLICE_LIT("PRE-Source"), slice_make(longest, sizeof(longest)));
	ck_assert_int_eq(make(), RC_BAD_GATEWAY);
	ex.headers[0].value.n--;
	ck_assert_int_eq(make(), RC_OK);
}
END_TEST

START_TEST(what_is_too_long_is_refused)
{
	char text[400];

	memset(text, 'a', sizeof(text));
	ex.url = SLICE_LIT("coap://10.0.0.1/");
	exchange_add_header(&ex, SLICE_LIT("From"), slice_make(text, 255 - 17));
	ck_assert_int_eq(make(), RC_OK);
	ex.headers[0].value.n++;
	ck_assert_int_eq(make(), RC_BAD_GATEWAY);
	ex.nheaders = 0;
	memcpy(text, "coap://10.0.0.1/", 16);
	ex.url = slice_make(text, 16 + 255);
	ck_assert_int_eq(make(), RC_OK);
	ex.url.n++;
	ck_assert_int_eq(make(), RC_BAD_GATEWAY);
	memcpy(text + 16, "%zz", 3);
	ex.url.n = 20;
	ck_assert_int_eq(make(), RC_BAD_GATEWAY);
}
END_TEST

static const struct {
	const char *query;
	bool sent;
} foreign_attributes[] = {
	{ "RequestingEntity=urn:b", false },
	{ "a=b&requestingentity=", false },
	{ "x%2Detsi-rcat=RCAT_3", false },
	{ "x-etsi-contactURI%3Dhttp://b/", false },
	{ "x-m2m-via=a%3Db", false },
	{ "RequestingEntity", true },
	{ "a=RequestingEntity=urn:b", true },
	{ "xRequestingEntity=urn:b", true },
	{ "nonce=1&sclId=RequestingEntity", true },
};

/* Attributes are what the sender says, not whoever has named the target. */
START_TEST(target_says_no_attributes)
{
	const char *query = foreign_attributes[_i].query;
	char url[200];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(url, sizeof(url), "%s/a?%s",
		         i == 0 ? "coap://10.0.0.1" : "http://b.example", query);
		ex.url = i == 0 ? slice_of(url) : SLICE_LIT("coap://10.0.0.1/");
		ex.target = i == 0 ? SLICE_NONE : slice_of(url);
		ck_assert_int_eq(make(), foreign_attributes[_i].sent ? RC_OK : RC_BAD_GATEWAY);
	}
}
END_TEST

/* ---- what comes back ---- */

static const struct {
	const char *method;
	unsigned code;
	bool body;
	int http; /* 0: no answer */
} statuses[] = {
	{ "POST", 201, false, 201 },  { "POST", 201, true, 201 },  { "DELETE", 202, false, 204 },
	{ "DELETE", 202, true, 200 }, { "GET", 203, false, 304 },  { "PUT", 204, false, 204 },
	{ "PUT", 204, true, 200 },    { "POST", 204, false, 204 }, { "POST", 204, true, 200 },
	{ "GET", 204, true, 200 },    { "GET", 204, false, 202 },  { "DELETE", 204, false, 202 },
	{ "GET", 205, true, 200 },    { "GET", 205, false, 200 },  { "HEAD", 205, true, 200 },
	{ "GET", 231, false, 0 },     { "GET", 400, true, 400 },   { "GET", 401, true, 401 },
	{ "GET", 402, true, 400 },    { "GET", 403, true, 403 },   { "GET", 404, true, 404 },
	{ "GET", 405, true, 405 },    { "GET", 406, true, 406 },   { "GET", 408, true, 400 },
	{ "GET", 409, true, 409 },    { "GET", 412, true, 412 },   { "GET", 413, true, 413 },
	{ "GET", 415, true, 415 },    { "GET", 422, true, 400 },   { "GET", 500, true, 500 },
	{ "GET", 501, true, 501 },    { "GET", 502, true, 502 },   { "GET", 503, true, 503 },
	{ "GET", 504, true, 504 },    { "GET", 505, true, 502 },   { "GET", 508, true, 502 },
	{ "GET", 531, true, 500 },    { "GET", 0, false, 0 },      { "GET", 1, false, 0 },
	{ "GET", 300, false, 0 },     { "GET", 206, false, 0 },    { "GET", 701, false, 0 },
};

static bool
take(const struct message *m)
{
	coap_pdu_t *p = message_pdu(m);
	bool ok = cmap_exchange_answer(p, &ex);

	coap_delete_pdu(p);
	return ok;
}

START_TEST(codes_are_statuses)
{
	struct message m;

	ex.method = slice_of(statuses[_i].method);
	message_begin(&m, statuses[_i].code);
	if (statuses[_i].body)
		message_body(&m, "<a/>", 4);
	ck_assert(take(&m) == (statuses[_i].http > 0));
	ck_assert_int_eq(ex.http_status, statuses[_i].http);
}
END_TEST

START_TEST(options_are_headers)
{
	struct message m;

	message_begin(&m, 503);
	message_option(&m, COAP_OPTION_ETAG, "\0\0\0\0\0\0\0\1", 8);
	message_uint(&m, COAP_OPTION_CONTENT_FORMAT, 50);
	message_uint(&m, COAP_OPTION_MAXAGE, 0x10000);
	message_body(&m, "{}", 2);
	ck_assert(take(&m));
	ck_assert_slice_is(exchange_answer_header(&ex, "etag"), "\"1970-01-01T00:00:00.000001Z\"");
	ck_assert_slice_is(exchange_answer_header(&ex, "content-type"), "application/json");
	ck_assert_slice_is(exchange_answer_header(&ex, "retry-after"), "65536");
	ck_assert_ptr_null(exchange_answer_header(&ex, "location").p);
	m.v[1] = 0x45;
	ck_assert(take(&m));
	ck_assert_ptr_null(exchange_answer_header(&ex, "retry-after").p);
	ck_assert_uint_eq(ex.n_answer_headers, 2);
	m.v[1] = 0x84;
	ck_assert(take(&m));
	ck_assert_ptr_null(exchange_answer_header(&ex, "retry-after").p);
}
END_TEST

static const struct {
	const char *path[3];
	const char *query[2];
	const char *location; /* NULL: none */
} replies[] = {
	{ { "m2m", "a/b", "\xc3\xa9" }, { NULL }, "/m2m/a%2Fb/%C3%A9" },
	{ { "m2m" }, { "a=&", "b" }, "/m2m?a=%26&b" },
	{ { NULL }, { "a" }, "/?a" },
	{ { "m2m", "" }, { NULL }, "/m2m/" },
	{ { "http://h/m2m/a" }, { NULL }, "http://h/m2m/a" },
	{ { "m2m", "http://h" }, { NULL }, "/m2m/http:%2F%2Fh" },
	{ { NULL }, { NULL }, NULL },
};

START_TEST(location_is_put_together)
{
	struct message m;

	message_begin(&m, 201);
	for (unsigned i = 0; i < 3 && replies[_i].path[i] != NULL; i++)
		message_text(&m, COAP_OPTION_LOCATION_PATH, replies[_i].path[i]);
	message_uint(&m, COAP_OPTION_CONTENT_FORMAT, 41);
	for (unsigned i = 0; i < 2 && replies[_i].query[i] != NULL; i++)
		message_text(&m, COAP_OPTION_LOCATION_QUERY, replies[_i].query[i]);
	ck_assert(take(&m));
	ck_assert_slice_is(exchange_answer_header(&ex, "location"),
	                   replies[_i].location == NULL ? "" : replies[_i].location);
	ck_assert(ex.n_answer_headers == (replies[_i].location == NULL ? 0u : 1u));
}
END_TEST

static const struct {
	unsigned code;
	int format; /* -1: none */
	const char *body;
	const char *type;
	const char *reject;
} types[] = {
	{ 205, 41, "x", "application/xml", "" },
	{ 205, 0, "x", "text/plain;charset=utf-8", "" },
	{ 205, 10000, "x", "application/octet-stream", "" },
	{ 205, -1, "x", "", "" },
	{ 404, -1, "x", "text/plain;charset=utf-8", "" },
	{ 404, 41, "", "", "" },
	{ 404, 41, "TVJK", "application/xml", "" },
	{ 403, 42, "TVJK", "application/octet-stream", "TVJK" },
	{ 403, 42, "a\r\nb: c", "application/octet-stream", "" },
	{ 205, 42, "TVJK", "application/octet-stream", "" },
};

static const struct {
	const char *url;
	const char *target;
	const char *path;
	const char *location;
} bases[] = {
	{ "coap://10.0.0.1:99/x?y", NULL, "m2m", "coap://10.0.0.1:99/m2m" },
	{ "coaps://[::1]/", "/x", "m2m", "coaps://[::1]/m2m" },
	{ "coap://10.0.0.1/", "http://gw2:8181/x", "m2m", "http://gw2:8181/m2m" },
	{ "coap://10.0.0.1/", "http://gw2:8181/x", "coap://h/m2m", "coap://h/m2m" },
};

START_TEST(location_is_that_of_the_target)
{
	struct message m;

	ex.url = slice_of(bases[_i].url);
	ex.target = slice_of(bases[_i].target);
	message_begin(&m, 201);
	message_text(&m, COAP_OPTION_LOCATION_PATH, bases[_i].path);
	ck_assert(take(&m));
	ck_assert_slice_is(exchange_answer_header(&ex, "location"), bases[_i].location);
}
END_TEST

START_TEST(bodies_have_a_type)
{
	struct message m;

	message_begin(&m, types[_i].code);
	if (types[_i].format >= 0)
		message_uint(&m, COAP_OPTION_CONTENT_FORMAT, (unsigned)types[_i].format);
	message_body(&m, types[_i].body, strlen(types[_i].body));
	ck_assert(take(&m));
	ck_assert_slice_is(exchange_answer_header(&ex, "content-type"), types[_i].type);
	ck_assert_slice_is(exchange_answer_header(&ex, "x-m2m-reject"), types[_i].reject);
}
END_TEST

START_TEST(too_much_header_is_no_answer)
{
	struct message m;

	buf_fini(&ex.answer_text);
	buf_init(&ex.answer_text, 40);
	message_begin(&m, 201);
	message_text(&m, COAP_OPTION_LOCATION_PATH, "0123456789");
	ck_assert(take(&m));
	for (unsigned i = 0; i < 3; i++)
		message_text(&m, COAP_OPTION_LOCATION_PATH, "0123456789");
	ck_assert(!take(&m));
	ck_assert_uint_eq(ex.n_answer_headers, 0);
}
END_TEST

static void
add_exchanges(Suite *s)
{
	TCase *c = suite_case(s, "exchanges", setup, teardown);

	tcase_add_loop_test(c, the_next_hop, 0, (int)NITEMS(hops));
	tcase_add_loop_test(c, target_is_in_options, 0, (int)NITEMS(targets));
	tcase_add_test(c, a_long_target_goes_in_parts);
	tcase_add_loop_test(c, methods_have_codes, 0, (int)NITEMS(methods));
	tcase_add_loop_test(c, headers_are_options, 0, (int)NITEMS(headers));
	tcase_add_test(c, from_goes_before_credentials);
	tcase_add_test(c, a_source_is_as_long_as_a_url_for_a_proxy);
	tcase_add_test(c, what_is_too_long_is_refused);
	tcase_add_loop_test(c, target_says_no_attributes, 0, (int)NITEMS(foreign_attributes));
	tcase_add_loop_test(c, codes_are_statuses, 0, (int)NITEMS(statuses));
	tcase_add_test(c, options_are_headers);
	tcase_add_loop_test(c, location_is_put_together, 0, (int)NITEMS(replies));
	tcase_add_loop_test(c, location_is_that_of_the_target, 0, (int)NITEMS(bases));
	tcase_add_loop_test(c, bodies_have_a_type, 0, (int)NITEMS(types));
	tcase_add_test(c, too_much_header_is_no_answer);
}

int
main(void)
{
	Suite *s = suite_create("coap_map_out");

	add_exchanges(s);
	return run_suite(s);
}
