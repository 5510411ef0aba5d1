/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP requests as the pipeline gets them. */
#include "config.h"

#include "suite.h"

#include "base/arena.h"
#include "bind/coap_map.h"
#include "coap_message.h"

#include <stdio.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define AUTHORITY "10.0.0.1:5683"

static struct arena *arena;
static struct cmap_head head;
static const char *why;

static void
setup(void)
{
	arena = arena_new(1u << 20);
	ck_assert_ptr_nonnull(arena);
}

static void
teardown(void)
{
	arena_free(arena);
}

static enum rc
map_at(const struct message *m, const char *authority)
{
	coap_pdu_t *pdu = message_pdu(m);
	enum rc rc = cmap_request(pdu, slice_of(authority), arena, &head, &why);

	ck_assert_int_eq(rc == RC_OK, why == NULL);
	coap_delete_pdu(pdu);
	return rc;
}

static enum rc
map(const struct message *m)
{
	return map_at(m, AUTHORITY);
}

/* What a request with that one option comes to. */
static enum rc
map_option(unsigned code, unsigned number, const char *value, size_t n)
{
	struct message m;

	message_begin(&m, code);
	message_option(&m, number, value, n);
	return map(&m);
}

/* ---- method and target ---- */

static const struct {
	unsigned code;
	enum req_op op;
} methods[] = { { 1, REQ_RETRIEVE }, { 2, REQ_CREATE }, { 3, REQ_UPDATE }, { 4, REQ_DELETE },
	        { 5, REQ_OTHER },    { 6, REQ_OTHER },  { 7, REQ_OTHER },  { 31, REQ_OTHER } };

START_TEST(methods_are_operations)
{
	struct message m;

	message_begin(&m, methods[_i].code);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_int_eq(head.input.op, methods[_i].op);
	ck_assert(head.input.known_method);
	ck_assert(!head.input.head);
	ck_assert_slice_is(head.input.target, "/");
	ck_assert_slice_is(head.input.host, AUTHORITY);
	ck_assert_ptr_null(head.input.accept.p);
	ck_assert_ptr_null(head.input.content_type.p);
	ck_assert_ptr_null(head.input.from.p);
	ck_assert(head.input.has_length);
	ck_assert_uint_eq(head.input.content_length, 0);
}
END_TEST

static const struct {
	const char *path[4];
	const char *query[4];
	const char *target;
} targets[] = {
	{ { "m2m", "applications" }, { NULL }, "/m2m/applications" },
	{ { "" }, { NULL }, "/" },
	{ { "m2m", "" }, { NULL }, "/m2m/" },
	{ { "", "m2m" }, { NULL }, "//m2m" },
	{ { "a/b", "c%d" }, { NULL }, "/a%2Fb/c%25d" },
	{ { "a b", "?x", "#y" }, { NULL }, "/a%20b/%3Fx/%23y" },
	{ { "\xc3\xa9", "a:b@c" }, { NULL }, "/%C3%A9/a:b@c" },
	{ { "...", ".a" }, { NULL }, "/.../.a" },
	{ { "m2m" }, { "maxSize=3", "a=b&c" }, "/m2m?maxSize=3&a=b%26c" },
	{ { "m2m" }, { "t=2020-01-01T00:00:00+01:00" }, "/m2m?t=2020-01-01T00:00:00+01:00" },
	{ { "m2m" }, { "a=1=2", "b", "c/d?e" }, "/m2m?a=1=2&b&c/d?e" },
	{ { NULL }, { "a=%20", "\"" }, "/?a=%2520&%22" },
	{ { "m2m" },
	  { "x-etsi=1", "RequestingEntityX=2", "RequestingEntity" },
	  "/m2m?x-etsi=1&RequestingEntityX=2&RequestingEntity" },
};

START_TEST(target_is_origin_form)
{
	struct message m;

	message_begin(&m, 1);
	for (unsigned i = 0; i < 4 && targets[_i].path[i] != NULL; i++)
		message_text(&m, COAP_OPTION_URI_PATH, targets[_i].path[i]);
	for (unsigned i = 0; i < 4 && targets[_i].query[i] != NULL; i++)
		message_text(&m, COAP_OPTION_URI_QUERY, targets[_i].query[i]);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(head.input.target, targets[_i].target);
}
END_TEST

START_TEST(dot_segments_are_refused)
{
	ck_assert_int_eq(map_option(1, COAP_OPTION_URI_PATH, ".", 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(head.code, 0);
	ck_assert_int_eq(map_option(1, COAP_OPTION_URI_PATH, "..", 2), RC_BAD_REQUEST);
}
END_TEST

START_TEST(a_zero_octet_stays_one)
{
	ck_assert_int_eq(map_option(1, COAP_OPTION_URI_PATH, "a\0b", 3), RC_OK);
	ck_assert_slice_is(head.input.target, "/a%00b");
}
END_TEST

static const struct {
	const char *authority;
	const char *uri_host;
	int port; /* -1: none */
	const char *host;
} hosts[] = {
	{ "10.0.0.1:5683", NULL, -1, "10.0.0.1:5683" },
	{ "10.0.0.1:5683", "gw1.example.org", -1, "gw1.example.org:5683" },
	{ "10.0.0.1:7000", "gw1.example.org", -1, "gw1.example.org:7000" },
	{ "10.0.0.1:7000", "gw1.example.org", 5683, "gw1.example.org:5683" },
	{ "10.0.0.1:7000", NULL, 7001, "10.0.0.1:7001" },
	{ "[2001:db8::1]:7000", NULL, 5684, "[2001:db8::1]:5684" },
	{ "[2001:db8::1]", NULL, -1, "[2001:db8::1]" },
	{ "[2001:db8::1]", NULL, 5684, "[2001:db8::1]" },
	{ "[2001:db8::1]", NULL, 5, "[2001:db8::1]:5" },
	{ "h", "g", 5683, "g" },
	{ "h", "g", 80, "g:80" },
	{ "h:1", "2001:db8::2", -1, "[2001:db8::2]:1" },
	{ "h:1", "[2001:db8::2]", -1, "[2001:db8::2]:1" },
};

START_TEST(host_is_what_the_message_says)
{
	struct message m;

	message_begin(&m, 1);
	if (hosts[_i].uri_host != NULL)
		message_text(&m, COAP_OPTION_URI_HOST, hosts[_i].uri_host);
	if (hosts[_i].port >= 0)
		message_uint(&m, COAP_OPTION_URI_PORT, (unsigned)hosts[_i].port);
	ck_assert_int_eq(map_at(&m, hosts[_i].authority), RC_OK);
	ck_assert_slice_is(head.input.host, hosts[_i].host);
	ck_assert_slice_is(head.input.target, "/");
}
END_TEST

static const char *const bad_hosts[] = {
	"a b", "a/b", "a@b", "a\nb", "[::1", "a?b", "[x]", "\xc3"
};

START_TEST(host_is_a_host)
{
	const char *host = bad_hosts[_i];

	ck_assert_int_eq(map_option(1, COAP_OPTION_URI_HOST, host, strlen(host)), RC_BAD_REQUEST);
}
END_TEST

/* ---- proxies ---- */

static const struct {
	const char *uri;
	const char *scheme;
	const char *uri_host;
	int port;
	const char *path;
	const char *query;
	const char *target; /* NULL: refused */
	const char *from;
} proxied[] = {
	{ "http://gw1:8181/m2m/a?x=1", NULL, NULL, -1, NULL, NULL, "http://gw1:8181/m2m/a?x=1",
	  NULL },
	{ "coap://gw1/m2m", NULL, NULL, -1, "other", "y=2", "coap://gw1/m2m", NULL },
	{ "coap://gw1/m2m", NULL, NULL, -1, NULL, "requestingentity=http://a/b", "coap://gw1/m2m",
	  "http://a/b" },
	{ "coap://gw1/m2m?RequestingEntity=http%3A%2F%2Fa%2Fb", NULL, NULL, -1, NULL, NULL,
	  "coap://gw1/m2m", "http://a/b" },
	{ "coap://gw1/m2m?a=1&requestingEntity=http://a/b&&c=%20", NULL, NULL, -1, NULL, NULL,
	  "coap://gw1/m2m?a=1&&c=%20", "http://a/b" },
	{ "coap://gw1/m2m?RequestingEntity=a", NULL, NULL, -1, NULL, "RequestingEntity=a", NULL,
	  NULL },
	{ "coap://gw1/m2m?RequestingEntity=%zz", NULL, NULL, -1, NULL, NULL, NULL, NULL },
	{ "/m2m", NULL, NULL, -1, NULL, NULL, NULL, NULL },
	{ "gw1", NULL, NULL, -1, NULL, NULL, NULL, NULL },
	{ "coap://gw1/a b", NULL, NULL, -1, NULL, NULL, NULL, NULL },
	{ NULL, "http", "gw1", 8181, "m2m", "x=1", "http://gw1:8181/m2m?x=1", NULL },
	{ NULL, "http", "gw1", -1, "m2m", NULL, "http://gw1/m2m", NULL },
	{ NULL, "coap", NULL, -1, "m2m", "RequestingEntity=urn:x", "coap://10.0.0.1:5683/m2m",
	  "urn:x" },
	{ NULL, "ht tp", "gw1", -1, "m2m", NULL, NULL, NULL },
	{ "coap://gw1/m2m", "http", "gw2", -1, NULL, NULL, "coap://gw1/m2m", NULL },
};

START_TEST(proxy_targets_are_absolute)
{
	struct message m;
	enum rc rc;

	message_begin(&m, 3);
	if (proxied[_i].uri_host != NULL)
		message_text(&m, COAP_OPTION_URI_HOST, proxied[_i].uri_host);
	if (proxied[_i].port >= 0)
		message_uint(&m, COAP_OPTION_URI_PORT, (unsigned)proxied[_i].port);
	if (proxied[_i].path != NULL)
		message_text(&m, COAP_OPTION_URI_PATH, proxied[_i].path);
	if (proxied[_i].query != NULL)
		message_text(&m, COAP_OPTION_URI_QUERY, proxied[_i].query);
	if (proxied[_i].uri != NULL)
		message_text(&m, COAP_OPTION_PROXY_URI, proxied[_i].uri);
	if (proxied[_i].scheme != NULL)
		message_text(&m, COAP_OPTION_PROXY_SCHEME, proxied[_i].scheme);
	rc = map(&m);
	if (proxied[_i].target == NULL) {
		ck_assert_int_eq(rc, RC_BAD_REQUEST);
		return;
	}
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_slice_is(head.input.target, proxied[_i].target);
	ck_assert_slice_is(head.input.host, AUTHORITY);
	ck_assert_slice_is(head.input.from, proxied[_i].from == NULL ? "" : proxied[_i].from);
	ck_assert_int_eq(head.input.from.p == NULL, proxied[_i].from == NULL);
}
END_TEST

static const struct {
	unsigned option;
	const char *value;
} unserved[] = {
	{ COAP_OPTION_PROXY_SCHEME, "gopher" },
	{ COAP_OPTION_PROXY_SCHEME, "coap+tcp" },
	{ COAP_OPTION_PROXY_URI, "coap+ws://10.0.0.1/" },
	{ COAP_OPTION_PROXY_URI, "ftp://h/a" },
};

START_TEST(other_schemes_are_not_passed_on)
{
	const char *value = unserved[_i].value;

	ck_assert_int_eq(map_option(1, unserved[_i].option, value, strlen(value)),
	                 RC_NOT_IMPLEMENTED);
	ck_assert_uint_eq(head.code, 505);
}
END_TEST

/* ---- primitive attributes ---- */

static const struct {
	const char *query;
	size_t offset;
} attributes[] = {
	{ "RequestingEntity=v", offsetof(struct req_input, from) },
	{ "REQUESTINGENTITY=v", offsetof(struct req_input, from) },
	{ "x-etsi-correlationid=v", offsetof(struct req_input, correlation_id) },
	{ "X-etsi-contactURI=v", offsetof(struct req_input, contact_uri) },
	{ "x-etsi-rcat=v", offsetof(struct req_input, rcat) },
	{ "x-etsi-trpdt=v", offsetof(struct req_input, trpdt) },
	{ "x-etsi-group-request-id=v", offsetof(struct req_input, group_request_id) },
	{ "X-M2M-Via=v", offsetof(struct req_input, via) },
	{ "X-M2M-Nonce=v", offsetof(struct req_input, nonce) },
	{ "x-m2m-connection=v", offsetof(struct req_input, connection) },
	{ "x-m2m-device-proof=v", offsetof(struct req_input, device_proof) },
	{ "x-m2m-ival-sig=v", offsetof(struct req_input, ival_signature) },
	{ "x-m2m-priority=v", offsetof(struct req_input, priority) },
	{ "x-m2m-ind=v", offsetof(struct req_input, indicator) },
	{ "x-m2m-sga=v", offsetof(struct req_input, sga) },
};

static struct slice
attribute(size_t i)
{
	const char *in = (const char *)&head.input;

	return *(const struct slice *)(const void *)(in + attributes[i].offset);
}

START_TEST(attributes_are_no_part_of_the_target)
{
	struct message m;

	message_begin(&m, 1);
	message_text(&m, COAP_OPTION_URI_PATH, "m2m");
	message_text(&m, COAP_OPTION_URI_QUERY, "a=1");
	message_text(&m, COAP_OPTION_URI_QUERY, attributes[_i].query);
	message_text(&m, COAP_OPTION_URI_QUERY, "b=2");
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(head.input.target, "/m2m?a=1&b=2");
	ck_assert_slice_is(attribute((size_t)_i), "v");
}
END_TEST

START_TEST(attributes_are_given_once)
{
	struct message m;

	message_begin(&m, 1);
	message_text(&m, COAP_OPTION_URI_QUERY, attributes[_i].query);
	message_text(&m, COAP_OPTION_URI_QUERY, attributes[_i].query);
	ck_assert_int_eq(map(&m), RC_BAD_REQUEST);
	ck_assert_uint_eq(head.code, 0);
}
END_TEST

START_TEST(attributes_are_taken_as_they_are)
{
	ck_assert_int_eq(
		map_option(1, COAP_OPTION_URI_QUERY, "RequestingEntity=http://a/%20&=+", 32),
		RC_OK);
	ck_assert_slice_is(head.input.from, "http://a/%20&=+");
	ck_assert_int_eq(map_option(1, COAP_OPTION_URI_QUERY, "RequestingEntity=", 17), RC_OK);
	ck_assert_ptr_nonnull(head.input.from.p);
	ck_assert_uint_eq(head.input.from.n, 0);
}
END_TEST

static const char *const controls[] = { "\r\n", "\n", "\0", "\x7f", "\t", "\x1f" };

START_TEST(attributes_make_no_header_lines)
{
	char text[64] = "x-etsi-rcat=a";
	size_t n = strlen(text);

	text[n] = controls[_i][0];
	text[n + 1] = 'b';
	ck_assert_int_eq(map_option(1, COAP_OPTION_URI_QUERY, text, n + 2), RC_BAD_REQUEST);
}
END_TEST

/* ---- media types ---- */

static const struct {
	unsigned format;
	const char *type;
	const char *accept;
} formats[] = {
	{ 0, "text/plain;charset=utf-8", "text/plain" },
	{ 40, "application/link-format", "application/link-format" },
	{ 41, "application/xml", "application/xml, text/xml" },
	{ 42, "application/octet-stream", "application/octet-stream" },
	{ 47, "application/exi", "application/exi" },
	{ 50, "application/json", "application/json" },
	{ 60, "application/cbor", "application/cbor" },
	{ 61, NULL, NULL },
	{ 65535, NULL, NULL },
};

START_TEST(formats_are_media_types)
{
	struct message m;

	message_begin(&m, 2);
	message_uint(&m, COAP_OPTION_CONTENT_FORMAT, formats[_i].format);
	message_body(&m, "<a/>", 4);
	ck_assert_int_eq(map(&m), formats[_i].type == NULL ? RC_MEDIA_TYPE : RC_OK);
	ck_assert_uint_eq(head.input.content_length, 4);
	if (formats[_i].type != NULL)
		ck_assert_slice_is(head.input.content_type, formats[_i].type);
	message_begin(&m, 1);
	message_uint(&m, COAP_OPTION_ACCEPT, formats[_i].format);
	ck_assert_int_eq(map(&m), formats[_i].type == NULL ? RC_NOT_ACCEPTABLE : RC_OK);
	if (formats[_i].type != NULL)
		ck_assert_slice_is(head.input.accept, formats[_i].accept);
}
END_TEST

START_TEST(format_without_body_says_nothing)
{
	ck_assert_int_eq(map_option(1, COAP_OPTION_CONTENT_FORMAT, "\xff\xff", 2), RC_OK);
	ck_assert_ptr_null(head.input.content_type.p);
}
END_TEST

START_TEST(format_of_an_empty_last_block)
{
	struct message m;

	message_begin(&m, 2);
	message_uint(&m, COAP_OPTION_CONTENT_FORMAT, 50);
	message_uint(&m, COAP_OPTION_BLOCK1, 1u << 4 | 6);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(head.input.content_type, "application/json");
}
END_TEST

/* ---- conditions ---- */

START_TEST(tags_of_get_are_asked_for)
{
	struct message m;

	message_begin(&m, 1);
	message_option(&m, COAP_OPTION_ETAG, "\x01\xab", 2);
	message_option(&m, COAP_OPTION_ETAG, "\x00\x00\x00\x00\x00\x00\x00\x01", 8);
	message_option(&m, COAP_OPTION_ETAG, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(
		head.input.if_none_match,
		"\"coap-01ab\", \"1970-01-01T00:00:00.000001Z\", \"coap-ffffffffffffffff\"");
	ck_assert_ptr_null(head.input.if_match.p);
	m.v[1] = 3;
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_ptr_null(head.input.if_none_match.p);
}
END_TEST

START_TEST(match_is_the_list_or_a_star)
{
	struct message m;

	message_begin(&m, 3);
	message_option(&m, COAP_OPTION_IF_MATCH, "\x00\x00\x00\x00\x00\x00\x00\x01", 8);
	message_option(&m, COAP_OPTION_IF_MATCH, "x", 1);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(head.input.if_match, "\"1970-01-01T00:00:00.000001Z\", \"coap-78\"");
	message_option(&m, COAP_OPTION_IF_MATCH, "", 0);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(head.input.if_match, "*");
}
END_TEST

START_TEST(too_many_tags)
{
	struct message m;

	message_begin(&m, 1);
	for (unsigned i = 0; i < 100; i++)
		message_option(&m, COAP_OPTION_ETAG, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	ck_assert_int_eq(map(&m), RC_OK);
	message_begin(&m, 3);
	for (unsigned i = 0; i < 8; i++)
		message_option(&m, COAP_OPTION_IF_MATCH, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	ck_assert_int_eq(map(&m), RC_OK);
	message_option(&m, COAP_OPTION_IF_MATCH, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	ck_assert_int_eq(map(&m), RC_BAD_REQUEST);
}
END_TEST

START_TEST(what_must_not_exist)
{
	ck_assert_int_eq(map_option(3, COAP_OPTION_IF_NONE_MATCH, "", 0), RC_OK);
	ck_assert_slice_is(head.input.if_none_match, "*");
	ck_assert_int_eq(map_option(1, COAP_OPTION_IF_NONE_MATCH, "", 0), RC_PRECONDITION);
}
END_TEST

/* ---- the other options ---- */

START_TEST(observe_is_of_get)
{
	ck_assert_int_eq(map_option(1, COAP_OPTION_OBSERVE, "", 0), RC_OK);
	ck_assert(head.has_observe);
	ck_assert_uint_eq(head.observe, 0);
	ck_assert_int_eq(map_option(1, COAP_OPTION_OBSERVE, "\1", 1), RC_OK);
	ck_assert(head.has_observe);
	ck_assert_uint_eq(head.observe, 1);
	ck_assert_int_eq(map_option(1, COAP_OPTION_OBSERVE, "\2", 1), RC_OK);
	ck_assert(!head.has_observe);
	ck_assert_int_eq(map_option(3, COAP_OPTION_OBSERVE, "", 0), RC_OK);
	ck_assert(!head.has_observe);
}
END_TEST

START_TEST(blocks_and_sizes)
{
	struct message m;

	message_begin(&m, 2);
	message_uint(&m, COAP_OPTION_BLOCK2, 5u << 4 | 2);
	message_uint(&m, COAP_OPTION_BLOCK1, 0xfffffu << 4 | 8 | 6);
	message_uint(&m, COAP_OPTION_SIZE2, 0);
	message_uint(&m, COAP_OPTION_SIZE1, 70000);
	message_body(&m, "abc", 3);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert(head.block1.given && head.block1.more);
	ck_assert_uint_eq(head.block1.num, 0xfffff);
	ck_assert_uint_eq(head.block1.szx, 6);
	ck_assert(head.block2.given && !head.block2.more);
	ck_assert_uint_eq(head.block2.num, 5);
	ck_assert_uint_eq(head.block2.szx, 2);
	ck_assert(head.asks_size && head.has_size1);
	ck_assert_uint_eq(head.size1, 70000);
	ck_assert(head.input.has_length);
	ck_assert_uint_eq(head.input.content_length, 70000);
}
END_TEST

START_TEST(a_block_without_its_size)
{
	ck_assert_int_eq(map_option(2, COAP_OPTION_BLOCK1, "\x0e", 1), RC_OK);
	ck_assert(!head.input.has_length);
	ck_assert_int_eq(map_option(2, COAP_OPTION_BLOCK1, "\x0f", 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(head.code, 0);
	ck_assert_int_eq(map_option(2, COAP_OPTION_BLOCK2, "\x07", 1), RC_BAD_REQUEST);
}
END_TEST

START_TEST(echo_tag_and_silence)
{
	struct message m;

	message_begin(&m, 2);
	message_text(&m, COAP_OPTION_ECHO, "echo");
	message_uint(&m, COAP_OPTION_NORESPONSE, 26);
	message_text(&m, COAP_OPTION_RTAG, "ab");
	message_text(&m, COAP_OPTION_RTAG, "");
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert(head.has_echo);
	ck_assert_slice_is(head.echo, "echo");
	ck_assert_uint_eq(head.no_response, 26);
	ck_assert(slice_eq(head.request_tag, slice_make("\2ab\0", 4)));
	ck_assert_int_eq(map_option(2, COAP_OPTION_RTAG, "", 0), RC_OK);
	ck_assert(slice_eq(head.request_tag, slice_make("\0", 1)));
	ck_assert_int_eq(map_option(2, COAP_OPTION_URI_PATH, "a", 1), RC_OK);
	ck_assert_ptr_null(head.request_tag.p);
	ck_assert(!head.has_echo);
}
END_TEST

/* What has another length, or is there again, counts as not there. */
START_TEST(source_and_store_of_a_message)
{
	static char longest[CMAP_PRE_SOURCE_MAX + 2];
	struct message m;

	memset(longest, 'x', CMAP_PRE_SOURCE_MAX + 1);
	ck_assert_int_eq(map_option(2, 65000, longest, CMAP_PRE_SOURCE_MAX), RC_OK);
	ck_assert_uint_eq(head.input.pre_source.n, CMAP_PRE_SOURCE_MAX);
	ck_assert_ptr_null(head.input.pre_store.p);
	ck_assert_int_eq(map_option(2, 65000, longest, CMAP_PRE_SOURCE_MAX + 1), RC_OK);
	ck_assert_ptr_null(head.input.pre_source.p);
	ck_assert_int_eq(map_option(2, 65000, "", 0), RC_OK);
	ck_assert_ptr_null(head.input.pre_source.p);
	for (size_t n = 7; n <= 9; n++) {
		ck_assert_int_eq(map_option(2, 65004, "12345678\t", n), RC_OK);
		ck_assert_int_eq(head.input.pre_store.p != NULL, n == 8);
	}
	message_begin(&m, 2);
	message_text(&m, 65000, "a");
	message_text(&m, 65000, "b");
	message_option(&m, 65004, "\0\1\2\3\4\5\6\7", 8);
	ck_assert_int_eq(map(&m), RC_OK);
	ck_assert_slice_is(head.input.pre_source, "a");
	ck_assert_mem_eq(head.input.pre_store.p, "\0\1\2\3\4\5\6\7", 8);
}
END_TEST

START_TEST(a_token_of_four_octets_is_a_number)
{
	for (size_t n = 0; n <= 8; n++) {
		coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, 1, 64);

		ck_assert_int_eq(coap_add_token(pdu, n, (const uint8_t *)"\xc0\xff\xee\x01wxyz"),
		                 1);
		ck_assert_int_eq(cmap_request(pdu, slice_of(AUTHORITY), arena, &head, &why), RC_OK);
		ck_assert_int_eq(head.input.has_msg_id, n == 4);
		ck_assert_uint_eq(head.input.msg_id, n == 4 ? 0xc0ffee01 : 0);
		coap_delete_pdu(pdu);
	}
}
END_TEST

/* RFC 7252 sections 5.4.1, 5.4.3 and 5.4.5. */
static const struct {
	unsigned number;
	const char *value;
	unsigned times;
	enum rc rc;
} wrong[] = {
	{ 9, "", 1, RC_BAD_REQUEST },
	{ 65001, "x", 1, RC_BAD_REQUEST },
	{ 65002, "x", 1, RC_OK },
	{ COAP_OPTION_IF_MATCH, "123456789", 1, RC_BAD_REQUEST },
	{ COAP_OPTION_URI_HOST, "", 1, RC_BAD_REQUEST },
	{ COAP_OPTION_URI_HOST, "a", 2, RC_BAD_REQUEST },
	{ COAP_OPTION_URI_PORT, "\1", 2, RC_BAD_REQUEST },
	{ COAP_OPTION_URI_PORT, "abc", 1, RC_BAD_REQUEST },
	{ COAP_OPTION_ETAG, "123456789", 1, RC_OK },
	{ COAP_OPTION_OBSERVE, "1234", 1, RC_OK },
	{ COAP_OPTION_OBSERVE, "\1", 2, RC_OK },
	{ COAP_OPTION_ACCEPT, "\x32", 2, RC_BAD_REQUEST },
	{ COAP_OPTION_ACCEPT, "\1\1\x32", 1, RC_BAD_REQUEST },
	{ COAP_OPTION_CONTENT_FORMAT, "\x32", 2, RC_OK },
	{ COAP_OPTION_BLOCK1, "\x06", 2, RC_BAD_REQUEST },
	{ COAP_OPTION_BLOCK2, "1234", 1, RC_BAD_REQUEST },
	{ COAP_OPTION_SIZE1, "12345", 1, RC_OK },
	{ COAP_OPTION_PROXY_URI, "coap://a/", 2, RC_BAD_REQUEST },
	{ COAP_OPTION_ECHO, "", 1, RC_OK },
};

START_TEST(wrong_options)
{
	struct message m;

	message_begin(&m, 1);
	for (unsigned i = 0; i < wrong[_i].times; i++)
		message_text(&m, wrong[_i].number, wrong[_i].value);
	ck_assert_int_eq(map(&m), wrong[_i].rc);
	ck_assert_uint_eq(head.code, wrong[_i].rc == RC_OK ? 0 : 402);
	ck_assert(!head.has_echo && head.size1 == 0 && head.input.if_none_match.p == NULL);
}
END_TEST

/* Uri-Path, Accept, Block2, an elective one; critical ones, Hop-Limit and those of a proxy. */
static const struct {
	unsigned number;
	bool plain;
} plainness[] = { { 11, true },  { 17, true },     { 23, true },  { 65002, true }, { 9, false },
	          { 21, false }, { 65001, false }, { 16, false }, { 35, false },   { 39, false } };

START_TEST(what_needs_another_answer_is_told)
{
	struct message m;
	coap_pdu_t *pdu;

	message_begin(&m, 1);
	message_option(&m, plainness[_i].number, "a", 1);
	pdu = message_pdu(&m);
	ck_assert_int_eq(cmap_is_plain(pdu), plainness[_i].plain);
	coap_delete_pdu(pdu);
}
END_TEST

START_TEST(a_full_arena_is_an_error)
{
	struct message m;

	message_begin(&m, 1);
	for (unsigned i = 0; i < 10; i++)
		message_text(&m, COAP_OPTION_URI_PATH, "0123456789");
	message_text(&m, COAP_OPTION_URI_QUERY, "RequestingEntity=0123456789");
	for (size_t limit = 16; limit < 480; limit += 16) {
		arena_free(arena);
		arena = arena_new(limit);
		ck_assert_ptr_nonnull(arena);
		if (map(&m) == RC_OK) {
			ck_assert_slice_is(head.input.from, "0123456789");
			ck_assert_uint_eq(head.input.target.n, 110);
		}
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("coap_map");
	TCase *c = suite_case(s, "requests", setup, teardown);

	tcase_add_loop_test(c, methods_are_operations, 0, (int)NITEMS(methods));
	tcase_add_loop_test(c, target_is_origin_form, 0, (int)NITEMS(targets));
	tcase_add_test(c, dot_segments_are_refused);
	tcase_add_test(c, a_zero_octet_stays_one);
	tcase_add_loop_test(c, host_is_what_the_message_says, 0, (int)NITEMS(hosts));
	tcase_add_loop_test(c, host_is_a_host, 0, (int)NITEMS(bad_hosts));
	tcase_add_loop_test(c, proxy_targets_are_absolute, 0, (int)NITEMS(proxied));
	tcase_add_loop_test(c, other_schemes_are_not_passed_on, 0, (int)NITEMS(unserved));
	tcase_add_loop_test(c, attributes_are_no_part_of_the_target, 0, (int)NITEMS(attributes));
	tcase_add_loop_test(c, attributes_are_given_once, 0, (int)NITEMS(attributes));
	tcase_add_test(c, attributes_are_taken_as_they_are);
	tcase_add_loop_test(c, attributes_make_no_header_lines, 0, (int)NITEMS(controls));
	tcase_add_loop_test(c, formats_are_media_types, 0, (int)NITEMS(formats));
	tcase_add_test(c, format_without_body_says_nothing);
	tcase_add_test(c, format_of_an_empty_last_block);
	tcase_add_test(c, tags_of_get_are_asked_for);
	tcase_add_test(c, match_is_the_list_or_a_star);
	tcase_add_test(c, too_many_tags);
	tcase_add_test(c, what_must_not_exist);
	tcase_add_test(c, observe_is_of_get);
	tcase_add_test(c, blocks_and_sizes);
	tcase_add_test(c, a_block_without_its_size);
	tcase_add_test(c, echo_tag_and_silence);
	tcase_add_test(c, source_and_store_of_a_message);
	tcase_add_test(c, a_token_of_four_octets_is_a_number);
	tcase_add_loop_test(c, wrong_options, 0, (int)NITEMS(wrong));
	tcase_add_loop_test(c, what_needs_another_answer_is_told, 0, (int)NITEMS(plainness));
	tcase_add_test(c, a_full_arena_is_an_error);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
