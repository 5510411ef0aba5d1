/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of both syntaxes: trees as dumps, errors by a part of their text, limits, hostility. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "codec_help.h"

static const struct pair xml_good[] = {
	PAIR("<a/>", "a"),
	PAIR("<?xml version='1.0' encoding='utf-8'?>\n<!-- c --><?pi x?><a></a>\n<!-- e -->", "a"),
	PAIR("\xef\xbb\xbf<a>\xc3\xa9</a>", "a\"\xc3\xa9\""),
	PAIR("<m2m:contentInstance " M2M " " XMIME " m2m:id='r1'>\n <m2m:content "
	     "xmime:contentType='text/plain'><m2m:textContent> 21.5\t</m2m:textContent></m2m:content>\n"
	     "</m2m:contentInstance>",
	     "m:contentInstance(@m:id\"r1\" m:content(@x:contentType\"text/plain\" "
	     "m:textContent\" 21.5\t\"))"),
	PAIR("<contentInstance xmlns='" NS_M2M "' id='1'><b xmlns=''/></contentInstance>",
	     "m:contentInstance(@id\"1\" b)"),
	PAIR("<p:a xmlns:p='urn:one' xmlns:q='urn:two' p:x='1' q:x='2' x='3'><q:b/><p:c/></p:a>",
	     "{urn:one}a(@{urn:one}x\"1\" @{urn:two}x\"2\" @x\"3\" {urn:two}b {urn:one}c)"),
	PAIR("<a " XSI " xsi:type='m2m:T'/>", "a(@i:type\"m2m:T\")"),
	PAIR("<a xml:space='preserve'> \n </a>",
	     "a\" \n \"(@{http://www.w3.org/XML/1998/namespace}space\"preserve\")"),
	PAIR("<a> \n <b/> \n </a>", "a(b)"),
	PAIR("<a> \n <!-- c --> \n <b> </b> <c>  </c>\n</a>", "a(b\" \" c\"  \")"),
	PAIR("<a>1<![CDATA[<b>&amp;]]>2<!-- c -->3<?p?>4</a>", "a\"1<b>&amp;234\""),
	PAIR("<a><![CDATA[]]></a>", "a"),
	PAIR("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x20AC;&#13;</a>", "a\"<>&\"'A\xe2\x82\xac\r\""),
	PAIR("<a b='&lt;&amp;&#10;&#9;x y'/>", "a(@b\"<&\n\tx y\")"),
	PAIR("<a b='1\n2\t3'/>", "a(@b\"1 2 3\")"),
	PAIR("<a>1\r\n2\r3</a>", "a\"1\n2\n3\""),
	PAIR("<a>\xf0\x9f\x98\x80&amp;\xef\xbf\xbd</a>", "a\"\xf0\x9f\x98\x80&\xef\xbf\xbd\""),
	PAIR("<a>>'\"]]</a>", "a\">'\"]]\""),
	PAIR("<\xc3\xa9l\xc3\xa9ment/>", "\xc3\xa9l\xc3\xa9ment"),
};

START_TEST(test_xml_good)
{
	ck_assert_str_eq(dumped(good(&codec_xml, xml_good[_i].bytes)), xml_good[_i].expect);
}
END_TEST

START_TEST(test_xml_utf16)
{
	static const char text[] = "<?xml version='1.0' encoding='UTF-16'?><a>\xe9</a>";
	char wide[2 + 2 * sizeof(text)] = { 0 };
	size_t n = 2 + 2 * (sizeof(text) - 1);

	for (int big = 0; big < 2; big++) {
		memcpy(wide, big ? "\xfe\xff" : "\xff\xfe", 2);
		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			wide[2 + 2 * i + (size_t)!big] = 0;
			wide[2 + 2 * i + (size_t)big] = text[i];
		}
		ck_assert_str_eq(dumped(good(&codec_xml, slice_make(wide, n))), "a\"\xc3\xa9\"");
		bad_with(&codec_xml, slice_make(wide, n - 1), &usual, "line 1");
	}
}
END_TEST

static const struct pair xml_bad[] = {
	PAIR("", ""),
	PAIR(" \n ", ""),
	PAIR("text", ""),
	PAIR("{\"a\":1}", ""),
	PAIR("<a>", "line 1"),
	PAIR("<a>\n\n<b></a>", "line 3: Opening and ending tag mismatch"),
	PAIR("<a/><b/>", "Extra content"),
	PAIR("<a/>text", "Extra content"),
	PAIR("<a b='1' b='2'/>", "Attribute b redefined"),
	PAIR("<p:a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "redefined"),
	PAIR("<a b=1/>", "AttValue"),
	PAIR("<a b='<'/>", "tag without end"),
	PAIR("<p:a/>", "prefix p"),
	PAIR("<a p:b='1'/>", "prefix p"),
	PAIR("<a><p:b/></a>", "prefix p"),
	PAIR("<a:b:c xmlns:a='u'/>", ""),
	PAIR("<a>&nbsp;</a>", "nbsp"),
	PAIR("<a b='&x;'/>", "Entity"),
	PAIR("<a>&#0;</a>", "Char"),
	PAIR("<a>&#xFFFE;</a>", "Char"),
	PAIR("<a>]]></a>", "]]>"),
	PAIR("<a>text<b/></a>", "text beside elements"),
	PAIR("<a><b/>\ntext</a>", "line 2: text beside elements"),
	PAIR("<a><b/><![CDATA[x]]></a>", "text beside elements"),
	PAIR("<a>\x01</a>", "not UTF-8"),
	PAIR("<a>\0</a>", "not UTF-8"),
	PAIR("<a>\xff</a>", "not UTF-8"),
	PAIR("<a>\xc0\x80</a>", "not UTF-8"),
	PAIR("<a>\xed\xa0\x80</a>", "not UTF-8"),
	PAIR("<a>\xef\xbf\xbf</a>", "not UTF-8"),
	PAIR("<a>\xf4\x90\x80\x80</a>", "not UTF-8"),
	PAIR("<a>\xe2\x82", "not UTF-8"),
	PAIR("\xff\xfe<\0a\0/\0>\0\0", "line 1"),
	PAIR("\xff\xfe\0\xd8<\0", "line 1"),
	PAIR("<\0a\0/\0>\0", "not UTF-8"),
	PAIR("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "encoding is not UTF-8"),
	PAIR("<?xml version='1.0' encoding=\"utf-7\"?><a>+ADw-</a>", "encoding is not UTF-8"),
	PAIR(" <?xml version='1.0'?><a/>", "XML declaration"),
	PAIR("<!DOCTYPE a><a/>", "document type declarations"),
	PAIR("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type declarations"),
	PAIR("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>",
	     "document type declarations"),
	PAIR("<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/a.dtd'><a/>", "document type declarations"),
	PAIR("<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/hostname'>%p;]><a/>",
	     "document type declarations"),
	PAIR("<!DOCTYPE a [<!ENTITY x '1'><!ENTITY y '&x;&x;&x;&x;'><!ENTITY z '&y;&y;&y;&y;'>]>"
	     "<a>&z;&z;&z;&z;</a>", "document type declarations"),
	PAIR("<!-- c -->\n<!DOCTYPE a><a/>", "line 2: document type declarations"),
	PAIR("<!doctype a><a/>", "document type declarations"),
	PAIR("<a><!ELEMENT a ANY></a>", "document type declarations"),
	PAIR("<a><!-- b", "without end"),
	PAIR("<a><![CDATA[ b ]]", "without end"),
	PAIR("<a><?pi <b/> ?></a>", "processing instruction"),
	PAIR("<a><? <b/> ?></a>", "processing instruction"),
	PAIR("<a><?pi", "processing instruction"),
	PAIR("<a>\n<b\x7f\xc3\xa9 ='1'></a>", "line 2"),
};

START_TEST(test_xml_bad)
{
	bad_with(&codec_xml, xml_bad[_i].bytes, &usual, xml_bad[_i].expect);
}
END_TEST

START_TEST(test_xml_include_is_nothing_special)
{
	static const char doc[] = "<a xmlns:xi='http://www.w3.org/2001/XInclude'>"
	                          "<xi:include href='/etc/hostname' parse='text'/></a>";

	ck_assert_str_eq(dumped(good(&codec_xml, slice_of(doc))),
	                 "a({http://www.w3.org/2001/XInclude}include("
	                 "@href\"/etc/hostname\" @parse\"text\"))");
}
END_TEST

static const struct pair json_good[] = {
	PAIR("{\"a\":{}}", "a[ne]"),
	PAIR(" {\n\t\"a\" : { } }\r\n", "a[ne]"),
	PAIR("{\"a\":\"\"}", "a[nes]"),
	PAIR("{\"a\":{\"b\":1,\"c\":-9223372036854775808,\"d\":9223372036854775807,\"e\":-0}}",
	     "a[ne](b[ne#]\"1\" c[ne#]\"-9223372036854775808\" d[ne#]\"9223372036854775807\" "
	     "e[ne#]\"0\")"),
	PAIR("{\"a\":{\"b\":1.0,\"c\":1e3,\"d\":0.50,\"e\":1e400,\"f\":-2.5E-3,\"g\":1e17}}",
	     "a[ne](b[ne#]\"1\" c[ne#]\"1000\" d[ne#]\"0.50\" e[ne#]\"1e400\" f[ne#]\"-2.5E-3\" "
	     "g[ne#]\"1e17\")"),
	PAIR("{\"a\":{\"b\":true,\"c\":false}}", "a[ne](b[neb]\"true\" c[neb]\"false\")"),
	PAIR("{\"a\":{\"b\":[],\"c\":[1],\"d\":[\"x\",{},{\"e\":\"y\"}]}}",
	     "a[ne](b[ne0] c[nea#]\"1\" d[neas]\"x\" d[nea] d[nea](e[nes]\"y\"))"),
	PAIR("{\"a\":{\"b\":1,\"@b\":\"2\",\"$type\":\"m2m:T\"}}",
	     "a[ne](@b[ns]\"2\" @i:type[s]\"m2m:T\" b[ne#]\"1\")"),
	PAIR("{\"a\":{\"b\":1,\"@c\":\"2\",\"$type\":\"m2m:T\",\"$t\":\"text\"}}",
	     "a[nes]\"text\"(@c[ns]\"2\" @i:type[s]\"m2m:T\" @b[n#]\"1\")"),
	PAIR("{\"a\":{\"{urn:1}b\":1,\"{urn:1}c\":[{}],\"{u}b\":[]}}",
	     "a[ne]({urn:1}b[n#]\"1\" {urn:1}c[na] {u}b[n0])"),
	PAIR("{\"{urn:1}a\":{}}", "{urn:1}a[n]"),
	PAIR("{\"a\":{\"$t\":7}}", "a[ne#]\"7\""),
	PAIR("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"}",
	     "a[nes]\"\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
	PAIR("{\"\\u0061\":\"\xf0\x9f\x98\x80\"}", "a[nes]\"\xf0\x9f\x98\x80\""),
};

START_TEST(test_json_good)
{
	ck_assert_str_eq(dumped(good(&codec_json, json_good[_i].bytes)), json_good[_i].expect);
}
END_TEST

static const struct pair json_bad[] = {
	PAIR("", "object expected"),
	PAIR("  ", "object expected"),
	PAIR("1", "object expected"),
	PAIR("[]", "object expected"),
	PAIR("null", "object expected"),
	PAIR("\xef\xbb\xbf{\"a\":1}", "object expected"),
	PAIR("{}", "one member"),
	PAIR("{\"a\":1,\"b\":2}", "one member"),
	PAIR("{\"a\":[1]}", "array or null"),
	PAIR("{\"a\":[]}", "array or null"),
	PAIR("{\"@a\":1}", "member name"),
	PAIR("{\"$t\":1}", "member name"),
	PAIR("{\"\":1}", "member name"),
	PAIR("{\"a b\":1}", "member name"),
	PAIR("{\"m2m:a\":1}", "member name"),
	PAIR("{\"1a\":1}", "member name"),
	PAIR("{\"a><b\":1}", "member name"),
	PAIR("{\"a\":{\"@\":1}}", "member name"),
	PAIR("{\"a\":{\"{urn:1}\":1}}", "member name"),
	PAIR("{\"a\":{\"{urn:1\":1}}", "member name"),
	PAIR("{\"a\":{\"@{urn:1}b\":1}}", "member name"),
	PAIR("{\"a\":{\"{}b\":1}}", "no usable namespace"),
	PAIR("{\"a\":{\"{a b}b\":1}}", "no usable namespace"),
	PAIR("{\"a\":{\"{\\u0001}b\":1}}", "no usable namespace"),
	PAIR("{\"a\":{\"{" NS_M2M "}b\":1}}", "no usable namespace"),
	PAIR("{\"a\":{\"{http://www.w3.org/XML/1998/namespace}b\":1}}", "no usable namespace"),
	PAIR("{\"a\":{\"{http://www.w3.org/2000/xmlns/}b\":1}}", "no usable namespace"),
	PAIR("{\"a\":{\"$x\":1}}", "begins with '$'"),
	PAIR("{\"a\":{\"@b\":{}}}", "must be a scalar"),
	PAIR("{\"a\":{\"@b\":[\"x\"]}}", "must be a scalar"),
	PAIR("{\"a\":{\"$t\":{}}}", "must be a scalar"),
	PAIR("{\"a\":{\"$type\":[]}}", "must be a scalar"),
	PAIR("{\"a\":{\"$t\":\"x\",\"b\":{}}}", "text beside elements"),
	PAIR("{\"a\":{\"$t\":\"x\",\"b\":[1]}}", "text beside elements"),
	PAIR("{\"a\":{\"$t\":\"x\",\"{urn:n}b\":1}}", "text beside elements"),
	PAIR("{\"a\":{\"$t\":\"x\",\"b\":1,\"@b\":1}}", "an attribute occurs twice"),
	PAIR("{\"a\":null}", "offset 5: null is not accepted"),
	PAIR("{\"a\":{\"b\":[null]}}", "null is not accepted"),
	PAIR("{\"a\":{\"b\":[[1]]}}", "array in an array"),
	PAIR("{\"a\":{\"b\":1,\"b\":2}}", "occurs twice"),
	PAIR("{\"a\":{\"b\":1,\"\\u0062\":1}}", "occurs twice"),
	PAIR("{\"a\":1,\"a\":1}", "occurs twice"),
	PAIR("{\"a\":{\"b\":[{\"c\":1,\"d\":{},\"c\":1}]}}", "occurs twice"),
	PAIR("{\"a\":{\"@b\":1,\"@b\":1}}", "occurs twice"),
	PAIR("{\"a\":1}x", "behind the document"),
	PAIR("{\"a\":1}{\"b\":1}", "behind the document"),
	PAIR("{\"a\":1}\0", "behind the document"),
	PAIR("{\"a\":1,}", "member name expected"),
	PAIR("{a:1}", "member name expected"),
	PAIR("{'a':1}", "member name expected"),
	PAIR("{\"a\" 1}", "':' expected"),
	PAIR("{\"a\":{\"b\":[1,]}}", "value expected"),
	PAIR("{\"a\":{\"b\":[1 2]}}", "',' or ']'"),
	PAIR("{\"a\":1 \"b\":2}", "',' or '}'"),
	PAIR("{/* c */\"a\":1}", "member name expected"),
	PAIR("{\"a\":'x'}", "value expected"),
	PAIR("{\"a\":NaN}", "value expected"),
	PAIR("{\"a\":Infinity}", "value expected"),
	PAIR("{\"a\":True}", "value expected"),
	PAIR("{\"a\":truex}", "',' or '}'"),
	PAIR("{\"a\":01}", "malformed number"),
	PAIR("{\"a\":-}", "malformed number"),
	PAIR("{\"a\":+1}", "value expected"),
	PAIR("{\"a\":.5}", "value expected"),
	PAIR("{\"a\":1.}", "malformed number"),
	PAIR("{\"a\":1e}", "malformed number"),
	PAIR("{\"a\":0x10}", "',' or '}'"),
	PAIR("{\"a\":9223372036854775808}", "out of range"),
	PAIR("{\"a\":-9223372036854775809}", "out of range"),
	PAIR("{\"a\":123456789012345678901234567890}", "out of range"),
	PAIR("{\"a\":\"x}", "string without end"),
	PAIR("{\"a\":\"\t\"}", "control character"),
	PAIR("{\"a\":\"\0\"}", "control character"),
	PAIR("{\"a\":\"\\u0000\"}", "NUL"),
	PAIR("{\"a\\u0000b\":1}", "NUL"),
	PAIR("{\"a\":\"\\x\"}", "malformed escape"),
	PAIR("{\"a\":\"\\u12G4\"}", "malformed escape"),
	PAIR("{\"a\":\"\\uD83D\"}", "unpaired surrogate"),
	PAIR("{\"a\":\"\\uD83Dx\"}", "unpaired surrogate"),
	PAIR("{\"a\":\"\\uD83D\\u0041\"}", "unpaired surrogate"),
	PAIR("{\"a\":\"\\uDE00\"}", "unpaired surrogate"),
	PAIR("{\"a\":\"\xff\"}", "not UTF-8"),
	PAIR("{\"a\":\"\xc0\x80\"}", "not UTF-8"),
	PAIR("{\"a\":\"\xed\xa0\x80\"}", "not UTF-8"),
	PAIR("{\"\xff\":1}", "not UTF-8"),
};

START_TEST(test_json_bad)
{
	bad_with(&codec_json, json_bad[_i].bytes, &usual, json_bad[_i].expect);
}
END_TEST

/* Every beginning of a valid document is an error, never a crash or a document. */
static const struct pair whole[] = {
	PAIR(XML_DECL "<m2m:c " M2M " p:x='&#233;\xc3\xa9' xmlns:p='u'><!-- c --><?p i?><m2m:t> a&amp;b"
	              "<![CDATA[<x>]]></m2m:t><e/></m2m:c>", "xml"),
	PAIR("{\"a\":{\"@b\":-1.5e3,\"c\":[true,{\"d\":\"\\uD83D\\uDE00\xc3\xa9\"}],\"e\":[]}}", "json"),
};

START_TEST(test_prefixes)
{
	struct slice bytes = whole[_i].bytes;
	const struct codec *c = strcmp(whole[_i].expect, "xml") == 0 ? &codec_xml : &codec_json;

	for (size_t n = 0; n < bytes.n; n++)
		bad_with(c, slice_head(bytes, n), &usual, "");
	good(c, bytes);
}
END_TEST

/* Any byte changed: an answer of one kind or the other, within the memory of the document. */
START_TEST(test_mutations)
{
	struct slice bytes = whole[_i].bytes;
	const struct codec *c = strcmp(whole[_i].expect, "xml") == 0 ? &codec_xml : &codec_json;
	char *copy = arena_str(arena, bytes);
	struct node *root;
	const char *why;

	for (size_t i = 0; i < bytes.n; i++) {
		for (int v = 0; v < 256; v += 3) {
			copy[i] = (char)v;
			ck_assert_int_ne(decode(c, slice_make(copy, bytes.n), &usual, &root, &why),
			                 RC_UNAVAILABLE);
		}
		copy[i] = bytes.p[i];
	}
}
END_TEST

/* Exactly the limit passes, one more does not. */
static void
edge(const struct codec *c, const char *head, const char *pattern, unsigned count,
     const char *tail, const char *reason)
{
	good(c, repeated(head, pattern, count, tail));
	bad_with(c, repeated(head, pattern, count + 1, tail), &usual, reason);
}

START_TEST(test_xml_limits)
{
	char deep[9 * 8];

	edge(&codec_xml, "<a>", "<b n='%u'/>", 31, "<c/></a>", "too many elements");
	edge(&codec_xml, "<a", " b%u='1'", 8, "/>", "too many attributes");
	edge(&codec_xml, "<a>", "x", 256, "</a>", "text too long");
	edge(&codec_xml, "<a>", "&lt;", 256, "</a>", "text too long");
	edge(&codec_xml, "<a>", "x<!-- c -->", 256, "</a>", "text too long");
	edge(&codec_xml, "<a><![CDATA[", "x", 256, "]]></a>", "text too long");
	edge(&codec_xml, "<a b='", "x", 256, "'/>", "attribute too long");
	edge(&codec_xml, "<a b='", "&amp;", 256, "'/>", "attribute too long");
	edge(&codec_xml, "<a", " xmlns:p%u='urn:%1$u'", 32, "/>", "too many namespaces");
	edge(&codec_xml, "<a>", "<b xmlns='urn:%u'/>", 32, "</a>", "too many namespaces");
	memset(deep, 0, sizeof(deep));
	for (int i = 0; i < 8; i++)
		memcpy(deep + 4 * i, "</a>", 4);
	good(&codec_xml, repeated("", "<a>", 8, deep));
	bad_with(&codec_xml, repeated("", "<a>", 9, deep), &usual, "nested too deep");
}
END_TEST

/* Documents that are cheap to send and were dear to refuse: the time limit of the test counts. */
START_TEST(test_xml_hostile)
{
	bad_with(&codec_xml, repeated("<a", " b%u=''", 900000, "/>"), &usual, "too many attributes");
	bad_with(&codec_xml, repeated("<a", " xmlns:b%u='u'", 500000, "/>"), &usual,
	         "too many attributes");
	bad_with(&codec_xml, repeated("<r><a b=' <z", " b%u=\"\"", 900000, " '/></r>"), &usual,
	         "tag without end");
	bad_with(&codec_xml, repeated("<r><? <z", " b%u=''", 900000, " ?></r>"), &usual,
	         "processing instruction");
	bad_with(&codec_xml, repeated("", "<a>", 1000000, ""), &usual, "nested too deep");
	bad_with(&codec_xml, repeated("<a>", "<b/>", 1000000, "</a>"), &usual, "too many elements");
	bad_with(&codec_xml, repeated("<a>", "x", 10000000, "</a>"), &usual, "document too long");
	bad_with(&codec_json, repeated("{\"a\":", "{\"a\":", 1000000, ""), &usual, "nested too deep");
	bad_with(&codec_json, repeated("{\"a\":", "[", 1000000, ""), &usual, "array in an array");
	bad_with(&codec_json, repeated("{\"a\":\"", "x", 10000000, "\"}"), &usual, "document too long");
	bad_with(&codec_json, repeated("{\"a\":{", "\"a%u\":1,", 500000, "\"b\":1}}"), &usual,
	         "too many members");
}
END_TEST

START_TEST(test_json_limits)
{
	/* The root and 63 more. */
	edge(&codec_json, "{\"a\":{\"b\":1", ",\"b%u\":1", 62, "}}", "too many members");
	edge(&codec_json, "{\"a\":{\"b\":[1", ",%u", 62, "]}}", "too many members");
	edge(&codec_json, "{\"a\":{\"b\":1", ",\"b%u\":[]", 62, "}}", "too many members");
	edge(&codec_json, "{\"a\":{\"b\":1", ",\"@b%u\":1", 8, "}}", "too many attributes");
	edge(&codec_json, "{\"a\":{\"b\":1", ",\"{urn:%u}b\":1", 32, "}}", "too many namespaces");
	edge(&codec_json, "{\"a\":\"", "x", 256, "\"}", "text too long");
	edge(&codec_json, "{\"a\":\"", "\\n", 256, "\"}", "text too long");
	edge(&codec_json, "{\"a\":\"", "\\u00e9", 128, "\"}", "text too long");
	edge(&codec_json, "{\"", "x", 256, "\":1}", "text too long");
	good(&codec_json, repeated("", "{\"a\":", 8, "{}}}}}}}}}"));
	bad_with(&codec_json, repeated("", "{\"a\":", 9, "{}}}}}}}}}}"), &usual, "nested too deep");
	good(&codec_json, slice_of("{\"a\":{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{"
	                           "\"x\":1}]}]}]}]}]}]}]}}"));
}
END_TEST

/* However early memory ends, the answer is RC_UNAVAILABLE with a reason. */
START_TEST(test_arena_exhausted)
{
	struct slice bytes = whole[_i].bytes;
	const struct codec *c = strcmp(whole[_i].expect, "xml") == 0 ? &codec_xml : &codec_json;
	enum rc rc = RC_UNAVAILABLE;
	size_t limit;

	for (limit = 0; limit < 100000 && rc != RC_OK; limit += 8) {
		struct arena *small = arena_new(limit);
		struct node *root = NULL;
		const char *why = NULL;

		rc = c->decode(small, bytes, &usual, &root, &why);
		ck_assert(rc == RC_OK ? root != NULL : rc == RC_UNAVAILABLE && why != NULL);
		arena_free(small);
	}
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_uint_gt(limit, 500);
}
END_TEST

/* Whatever goes wrong inside the libraries, nothing is printed. */
START_TEST(test_silent)
{
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct node *root;
	const char *why;

	ck_assert(f != NULL && saved >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
	for (size_t i = 0; i < NITEMS(xml_bad); i++)
		decode(&codec_xml, xml_bad[i].bytes, &usual, &root, &why);
	for (size_t i = 0; i < NITEMS(json_bad); i++)
		decode(&codec_json, json_bad[i].bytes, &usual, &root, &why);
	fflush(stderr);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	ck_assert_int_eq(lseek(fileno(f), 0, SEEK_END), 0);
	close(saved);
	fclose(f);
}
END_TEST

static void *
decode_many(void *arg)
{
	struct arena *own = arena_new(1u << 20);
	struct node *root;
	const char *why;
	size_t failures = 0;

	(void)arg;
	for (int i = 0; i < 300; i++) {
		arena_reset(own);
		failures += codec_xml.decode(own, whole[0].bytes, &usual, &root, &why) != RC_OK;
		failures += codec_xml.decode(own, slice_of("<a><b></a>"), &usual, &root, &why) == RC_OK;
		failures += codec_json.decode(own, whole[1].bytes, &usual, &root, &why) != RC_OK;
	}
	arena_free(own);
	return failures == 0 ? NULL : arg;
}

START_TEST(test_threads)
{
	pthread_t threads[4];
	int mark;

	for (size_t i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, decode_many, &mark), 0);
	for (size_t i = 0; i < NITEMS(threads); i++) {
		void *result;

		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_null(result);
	}
}
END_TEST

/* Names of one document are not kept for the next ones without end, and results are the same. */
START_TEST(test_many_names)
{
	for (unsigned i = 0; i < 3000; i++) {
		char doc[128];
		int n = snprintf(doc, sizeof(doc), "<name%u><inner%u attribute%u='v'/></name%u>", i, i, i, i);
		const struct node *root = good(&codec_xml, slice_make(doc, (size_t)n));

		ck_assert_uint_eq(root->name.n, root->first->name.n - 1);
	}
}
END_TEST

START_TEST(test_tables)
{
	ck_assert_str_eq(codec_xml.name, "xml");
	ck_assert_str_eq(codec_json.name, "json");
	ck_assert_str_eq(codec_xml.media_type, "application/xml; charset=utf-8");
	ck_assert_str_eq(codec_xml.accepted[0], "application/xml");
	ck_assert_str_eq(codec_json.accepted[0], "application/json");
	ck_assert_ptr_null(codec_json.accepted[1]);
}
END_TEST

static Suite *
codec_suite(void)
{
	const struct {
		const TTest *test;
		size_t rows; /* of the table that it loops over, or 1 */
	} tests[] = {
		{ test_xml_good, NITEMS(xml_good) },
		{ test_xml_utf16, 1 },
		{ test_xml_bad, NITEMS(xml_bad) },
		{ test_xml_include_is_nothing_special, 1 },
		{ test_json_good, NITEMS(json_good) },
		{ test_json_bad, NITEMS(json_bad) },
		{ test_prefixes, NITEMS(whole) },
		{ test_mutations, NITEMS(whole) },
		{ test_xml_limits, 1 },
		{ test_xml_hostile, 1 },
		{ test_json_limits, 1 },
		{ test_arena_exhausted, NITEMS(whole) },
		{ test_silent, 1 },
		{ test_threads, 1 },
		{ test_many_names, 1 },
		{ test_tables, 1 },
	};
	Suite *s = suite_create("codec");
	TCase *tc = tcase_create("codec");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(tc, tests[i].test, 0, (int)tests[i].rows);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(codec_suite());
}
