/* SPDX-License-Identifier: Apache-2.0 */
/* A requestNotify document becomes a call (cap/request_doc.h). */
#include "config.h"

#include "cap/request_doc.h"

#include <stdio.h>

#include "model/res.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define FROM "<requestingEntity>http://gw/m2m/applications/a</requestingEntity>"
#define TARGET "<targetID>http://nscl/m2m/x</targetID>"
#define ENDS                                                                                       \
	"<xEtsiContactUriHeader>http://gw/m2m/answers</xEtsiContactUriHeader>"                     \
	"<xEtsiCorrelationIDHeader>0123</xEtsiCorrelationIDHeader>"

static struct arena *arena;

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
read_text(const char *text, struct val **doc)
{
	return request_doc_read(arena, request_doc_codec(SLICE_NONE), slice_of(text), doc);
}

/* The call of a document with these elements, each in its place. */
static struct scl_call
call_of(const char *inner)
{
	struct scl_call call = { .via = SLICE_LIT("1.1 kept") };
	struct val *doc;
	char text[4096];

	snprintf(text, sizeof(text),
	         "<m2m:requestNotify xmlns:m2m=\"http://uri.etsi.org/m2m\" "
	         "xmlns:xmime=\"http://www.w3.org/2005/05/xmlmime\">%s</m2m:requestNotify>",
	         inner);
	ck_assert_int_eq(read_text(text, &doc), RC_OK);
	ck_assert(slice_is(request_doc_id(doc), "0123"));
	ck_assert(slice_is(request_doc_contact(doc), "http://gw/m2m/answers"));
	call.rc = request_doc_fill(arena, doc, &call);
	return call;
}

#define IS(s, text) ck_assert_msg(slice_is((s), (text)), "%.*s", (int)(s).n, (s).p)

START_TEST(test_whole)
{
	struct scl_call c =
		call_of(FROM TARGET
	                "<method>CREATE</method>"
	                "<groupRequestIdentifier>0A1B</groupRequestIdentifier>"
	                "<TRPDT><tolerableDelay>PT1M</tolerableDelay></TRPDT><RCAT>RCAT_2</RCAT>"
	                "<acceptHeader>application/xml</acceptHeader>" ENDS
	                "<representation xmime:contentType=\"text/x\">aGVsbG8=</representation>");

	ck_assert_int_eq(c.rc, RC_OK);
	IS(c.method, "POST");
	IS(c.target, "http://nscl/m2m/x");
	IS(c.from, "http://gw/m2m/applications/a");
	IS(c.group_request_id, "0A1B");
	IS(c.rcat, "RCAT_2");
	IS(c.trpdt, "PT1M");
	IS(c.accept, "application/xml");
	IS(c.content_type, "text/x");
	IS(c.body, "hello");
	/* What is not of the document is the caller's. */
	IS(c.via, "1.1 kept");
}
END_TEST

START_TEST(test_headers)
{
	struct scl_call c = call_of(
		FROM TARGET "<method>UPDATE</method><contentTypeHeader>a/b</contentTypeHeader>"
			    "<ifMatchHeader>\"e1\"</ifMatchHeader>"
			    "<ifNoneMatchHeader>\"e2\"</ifNoneMatchHeader>" ENDS
			    "<representation xmime:contentType=\"c/d\">eA==</representation>");

	ck_assert_int_eq(c.rc, RC_OK);
	IS(c.method, "PUT");
	IS(c.if_match, "\"e1\"");
	IS(c.if_none_match, "\"e2\"");
	/* The header goes before the attribute. */
	IS(c.content_type, "a/b");
	IS(c.body, "x");
	ck_assert_uint_eq(c.rcat.n + c.trpdt.n, 0);
}
END_TEST

static const struct {
	const char *method, *is;
	bool creates;
} methods[] = { { "CREATE", "POST", true },   { "RETRIEVE", "GET", false },
	        { "UPDATE", "PUT", false },   { "DELETE", "DELETE", false },
	        { "EXECUTE", "POST", false }, { "NOTIFY", "POST", false } };

START_TEST(test_methods)
{
	char text[512];

	for (size_t i = 0; i < NITEMS(methods); i++) {
		struct scl_call call = { .body = SLICE_LIT("of somebody else") };
		struct val *doc;

		snprintf(text, sizeof(text),
		         "<requestNotify xmlns=\"http://uri.etsi.org/m2m\">" FROM TARGET
		         "<method>%s</method>" ENDS "</requestNotify>",
		         methods[i].method);
		ck_assert_int_eq(read_text(text, &doc), RC_OK);
		ck_assert(request_doc_creates(doc) == methods[i].creates);
		ck_assert_int_eq(request_doc_fill(arena, doc, &call), RC_OK);
		IS(call.method, methods[i].is);
		ck_assert_uint_eq(call.body.n, 0);
	}
}
END_TEST

START_TEST(test_query)
{
	struct scl_call c =
		call_of(FROM TARGET "<method>RETRIEVE</method><filterCriteria>"
	                            "<ifModifiedSince>2024-01-01T00:00:00Z</ifModifiedSince>"
	                            "<attributeAccessor></attributeAccessor>"
	                            "<searchString>a&amp;b c</searchString></filterCriteria>"
	                            "<maxSize>7</maxSize><searchPrefix>/m2m/y</searchPrefix>" ENDS);

	ck_assert_int_eq(c.rc, RC_OK);
	IS(c.target, "http://nscl/m2m/x?ifModifiedSince=2024-01-01T00%3A00%3A00.000Z"
	             "&searchString=a%26b%20c&maxSize=7&searchPrefix=%2Fm2m%2Fy");
}
END_TEST

static const struct {
	const char *text;
	enum rc rc;
} refused[] = {
	{ "", RC_BAD_REQUEST },
	{ "no document", RC_BAD_REQUEST },
	{ "<m2m:notify xmlns:m2m=\"http://uri.etsi.org/m2m\"/>", RC_BAD_REQUEST },
	/* A method that there is not, none, no target. */
	{ "<requestNotify xmlns=\"http://uri.etsi.org/m2m\">" FROM TARGET
	  "<method>FETCH</method>" ENDS "</requestNotify>",
	  RC_BAD_REQUEST },
	{ "<requestNotify xmlns=\"http://uri.etsi.org/m2m\">" FROM TARGET ENDS "</requestNotify>",
	  RC_BAD_REQUEST },
	{ "<requestNotify xmlns=\"http://uri.etsi.org/m2m\">" FROM "<method>CREATE</method>" ENDS
	  "</requestNotify>",
	  RC_BAD_REQUEST },
};

START_TEST(test_refused)
{
	struct val *doc;

	for (size_t i = 0; i < NITEMS(refused); i++) {
		ck_assert_msg(read_text(refused[i].text, &doc) == refused[i].rc, "%s",
		              refused[i].text);
		ck_assert_ptr_null(doc);
	}
}
END_TEST

/* In the name of nobody it would be the SCL itself that asks. */
START_TEST(test_nobody)
{
	struct scl_call c = call_of("<requestingEntity></requestingEntity>" TARGET
	                            "<method>CREATE</method>" ENDS);

	ck_assert_int_eq(c.rc, RC_BAD_REQUEST);
	c = call_of(FROM "<targetID></targetID><method>CREATE</method>" ENDS);
	ck_assert_int_eq(c.rc, RC_BAD_REQUEST);
}
END_TEST

START_TEST(test_memory)
{
	static const char text[] = "<requestNotify xmlns=\"http://uri.etsi.org/m2m\">" FROM TARGET
				   "<method>CREATE</method>" ENDS "</requestNotify>";
	struct scl_call call = { .via = SLICE_NONE };
	struct val *doc = NULL;
	enum rc rc = RC_UNAVAILABLE;

	/* The arena has whatever it has: an error, or the right answer. */
	for (size_t limit = 1; rc != RC_OK; limit += 16) {
		struct arena *small = arena_new(limit);

		ck_assert_uint_lt(limit, 1u << 20);
		if (small == NULL)
			continue;
		rc = request_doc_read(small, &codec_xml, SLICE_LIT(text), &doc);
		if (rc == RC_OK)
			rc = request_doc_fill(small, doc, &call);
		ck_assert(rc == RC_OK || rc == RC_UNAVAILABLE);
		if (rc == RC_OK)
			IS(call.target, "http://nscl/m2m/x");
		arena_free(small);
	}
}
END_TEST

START_TEST(test_codec)
{
	ck_assert_ptr_eq(request_doc_codec(SLICE_NONE), &codec_xml);
	ck_assert_ptr_eq(request_doc_codec(SLICE_LIT("application/xml")), &codec_xml);
	ck_assert_ptr_eq(request_doc_codec(SLICE_LIT("Application/JSON; charset=utf-8")),
	                 &codec_json);
	ck_assert_ptr_eq(request_doc_codec(SLICE_LIT("application/js")), &codec_xml);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("request_doc");
	TCase *c = suite_case(s, "request_doc", setup, teardown);

	tcase_add_test(c, test_whole);
	tcase_add_test(c, test_headers);
	tcase_add_test(c, test_methods);
	tcase_add_test(c, test_query);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_nobody);
	tcase_add_test(c, test_memory);
	tcase_add_test(c, test_codec);
	return run_suite(s);
}
