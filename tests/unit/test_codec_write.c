/* SPDX-License-Identifier: Apache-2.0 */
/* Writing of both syntaxes: events and neutral subtrees, by the bytes and by decoding them. */
#include "config.h"

#include "codec_help.h"

/* A document with everything that writers distinguish. */
static void
write_sample(const struct codec *c)
{
	const struct codec_name reference = { "reference", CODEC_NS_NONE };
	struct writer w;

	buf_clear(&out);
	c->writer(&w, &out);
	w.ops->begin(&w, (struct codec_name){ "sample", CODEC_NS_M2M },
	             CODEC_ROOT | CODEC_USES_XMIME | CODEC_USES_XSI);
	w.ops->attr(&w, (struct codec_name){ "type", CODEC_NS_XSI }, slice_of("m2m:T"), CODEC_TEXT);
	w.ops->attr(&w, (struct codec_name){ "id", CODEC_NS_M2M }, slice_of("<\"&>\t\n\r'"), CODEC_TEXT);
	w.ops->begin(&w, (struct codec_name){ "size", CODEC_NS_M2M }, CODEC_SIMPLE);
	w.ops->text(&w, slice_of("12"), CODEC_NUMBER);
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "on", CODEC_NS_M2M }, CODEC_SIMPLE);
	w.ops->text(&w, slice_of("1"), CODEC_BOOLEAN);
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "label", CODEC_NS_M2M }, CODEC_SIMPLE);
	w.ops->text(&w, slice_of("<\"&>\t\n\r'\xc3\xa9"), CODEC_TEXT);
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "empty", CODEC_NS_M2M }, CODEC_SIMPLE);
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "all", CODEC_NS_M2M }, 0);
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "content", CODEC_NS_M2M }, 0);
	w.ops->attr(&w, (struct codec_name){ "contentType", CODEC_NS_XMIME }, slice_of("a/b"),
	            CODEC_TEXT);
	w.ops->base64(&w, slice_make("\1\2\3\4", 4));
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "members", CODEC_NS_M2M }, 0);
	w.ops->list(&w, reference);
	for (int i = 0; i < 2; i++) {
		w.ops->begin(&w, reference, CODEC_SIMPLE | CODEC_ENTRY);
		w.ops->text(&w, slice_of(i == 0 ? "/a" : "/b"), CODEC_TEXT);
		w.ops->end(&w);
	}
	w.ops->list_end(&w);
	w.ops->list(&w, (struct codec_name){ "none", CODEC_NS_M2M });
	w.ops->list_end(&w);
	w.ops->list(&w, (struct codec_name){ "entry", CODEC_NS_M2M });
	w.ops->begin(&w, (struct codec_name){ "entry", CODEC_NS_M2M }, CODEC_ENTRY);
	w.ops->attr(&w, (struct codec_name){ "n", CODEC_NS_NONE }, slice_of("5"), CODEC_NUMBER);
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "entry", CODEC_NS_M2M }, CODEC_ENTRY);
	w.ops->end(&w);
	w.ops->list_end(&w);
	w.ops->end(&w);
	w.ops->end(&w);
	ck_assert(!out.failed);
	ck_assert_uint_eq(w.depth, 0);
	buf_char(&out, '\0');
}

START_TEST(test_write)
{
	write_sample(&codec_xml);
	ck_assert_str_eq(out.p,
	                 XML_DECL "<m2m:sample " M2M " " XMIME " " XSI " xsi:type=\"m2m:T\" "
	                 "m2m:id=\"&lt;&quot;&amp;&gt;&#9;&#10;&#13;'\"><m2m:size>12</m2m:size>"
	                 "<m2m:on>1</m2m:on><m2m:label>&lt;\"&amp;&gt;\t\n&#13;'\xc3\xa9</m2m:label>"
	                 "<m2m:empty/><m2m:all/><m2m:content xmime:contentType=\"a/b\">AQIDBA=="
	                 "</m2m:content><m2m:members><reference>/a</reference>"
	                 "<reference>/b</reference><m2m:entry n=\"5\"/><m2m:entry/></m2m:members>"
	                 "</m2m:sample>");
	write_sample(&codec_json);
	ck_assert_str_eq(out.p,
	                 "{\"sample\":{\"$type\":\"T\",\"id\":\"<\\\"&>\\t\\n\\r'\",\"size\":12,"
	                 "\"on\":true,\"label\":\"<\\\"&>\\t\\n\\r'\xc3\xa9\",\"empty\":\"\",\"all\":{},"
	                 "\"content\":{\"contentType\":\"a/b\",\"$t\":\"AQIDBA==\"},"
	                 "\"members\":{\"reference\":[\"/a\",\"/b\"],\"none\":[],"
	                 "\"entry\":[{\"n\":5},{}]}}}");
}
END_TEST

/* What both writers make of the same document reads back as its own form says. */
START_TEST(test_write_read)
{
	struct slice bytes;

	write_sample(&codec_xml);
	bytes = arena_copy(arena, slice_make(out.p, out.n - 1));
	ck_assert_str_eq(dumped(good(&codec_xml, bytes)),
	                 "m:sample(@i:type\"m2m:T\" @m:id\"<\"&>\t\n\r'\" m:size\"12\" m:on\"1\" "
	                 "m:label\"<\"&>\t\n\r'\xc3\xa9\" m:empty m:all "
	                 "m:content\"AQIDBA==\"(@x:contentType\"a/b\") "
	                 "m:members(reference\"/a\" reference\"/b\" m:entry(@n\"5\") m:entry))");
	write_sample(&codec_json);
	bytes = arena_copy(arena, slice_make(out.p, out.n - 1));
	ck_assert_str_eq(dumped(good(&codec_json, bytes)),
	                 "sample[ne](@i:type[s]\"T\" id[nes]\"<\"&>\t\n\r'\" size[ne#]\"12\" "
	                 "on[neb]\"true\" label[nes]\"<\"&>\t\n\r'\xc3\xa9\" empty[nes] all[ne] "
	                 "content[nes]\"AQIDBA==\"(@contentType[ns]\"a/b\") "
	                 "members[ne](reference[neas]\"/a\" reference[neas]\"/b\" none[ne0] "
	                 "entry[nea](n[ne#]\"5\") entry[nea]))");
}
END_TEST

/* One simple element with the text, as bytes; empty after a failure. */
static const char *
simple(const struct codec *c, struct slice text, enum codec_scalar kind)
{
	struct writer w;

	buf_clear(&out);
	c->writer(&w, &out);
	w.ops->begin(&w, (struct codec_name){ "a", CODEC_NS_NONE }, CODEC_SIMPLE);
	w.ops->text(&w, text, kind);
	w.ops->end(&w);
	return out.failed ? "" : arena_str(arena, buf_view(&out));
}

START_TEST(test_json_scalars)
{
	static const struct {
		const char *text;
		enum codec_scalar kind;
		const char *json;
	} rows[] = {
		{ "9007199254740992", CODEC_NUMBER, "\"a\":9007199254740992" },
		{ "9007199254740993", CODEC_NUMBER, "\"a\":\"9007199254740993\"" },
		{ "-9007199254740992", CODEC_NUMBER, "\"a\":-9007199254740992" },
		{ "-9007199254740993", CODEC_NUMBER, "\"a\":\"-9007199254740993\"" },
		{ "9223372036854775808", CODEC_NUMBER, "\"a\":\"9223372036854775808\"" },
		{ "-1", CODEC_NUMBER, "\"a\":-1" },
		{ "+007", CODEC_NUMBER, "\"a\":7" },
		{ "0.5", CODEC_NUMBER, "\"a\":0.5" },
		{ "", CODEC_NUMBER, "\"a\":\"\"" },
		{ "-", CODEC_NUMBER, "\"a\":\"-\"" },
		{ "12,\"b\":1", CODEC_NUMBER, "\"a\":\"12,\\\"b\\\":1\"" },
		{ "true", CODEC_BOOLEAN, "\"a\":true" },
		{ "0", CODEC_BOOLEAN, "\"a\":false" },
		{ "yes", CODEC_BOOLEAN, "\"a\":\"yes\"" },
		{ "\x01\x1f\x7f", CODEC_TEXT, "\"a\":\"\\u0001\\u001f\x7f\"" },
		{ "\xf0\x9f\x98\x80\xef\xbf\xbf", CODEC_TEXT, "\"a\":\"\xf0\x9f\x98\x80\xef\xbf\xbf\"" },
		{ "a\xff", CODEC_TEXT, "" },
		{ "\xed\xa0\x80", CODEC_TEXT, "" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_str_eq(simple(&codec_json, slice_of(rows[i].text), rows[i].kind), rows[i].json);
}
END_TEST

START_TEST(test_xml_scalars)
{
	static const char *const refused[] = { "\x01", "a\x1f", "\x0b", "\xff", "ab\xc3", "\xed\xa0\x80",
	                                       "\xef\xbf\xbe", "long enough for words\x02" };
	struct writer w;

	for (size_t i = 0; i < NITEMS(refused); i++) {
		ck_assert_str_eq(simple(&codec_xml, slice_of(refused[i]), CODEC_TEXT), "");
		ck_assert(!codec_xml_text_ok(slice_of(refused[i])));
		buf_clear(&out);
		codec_xml.writer(&w, &out);
		w.ops->begin(&w, (struct codec_name){ "a", CODEC_NS_NONE }, 0);
		w.ops->attr(&w, (struct codec_name){ "b", CODEC_NS_NONE }, slice_of(refused[i]), CODEC_TEXT);
		ck_assert(out.failed);
	}
	ck_assert(!codec_xml_text_ok(slice_make("a\0b", 3)));
	ck_assert(codec_xml_text_ok(SLICE_NONE));
	ck_assert(codec_xml_text_ok(slice_of("plain words \t\r\n and \x7f \xc2\x80 \xef\xbf\xbd")));
	ck_assert_str_eq(simple(&codec_xml, slice_of("]]>\x7f\xf0\x9f\x98\x80"), CODEC_TEXT),
	                 "<a>]]&gt;\x7f\xf0\x9f\x98\x80</a>");
	ck_assert_str_eq(simple(&codec_xml, SLICE_NONE, CODEC_TEXT), "<a/>");
}
END_TEST

/* Nesting beyond WRITER_DEPTH and a full buffer are failures that stay. */
START_TEST(test_writer_limits)
{
	const struct codec *const codecs[] = { &codec_xml, &codec_json, &codec_cbor };

	for (size_t i = 0; i < NITEMS(codecs); i++) {
		struct buf small;
		struct writer w;

		for (unsigned depth = WRITER_DEPTH; depth <= WRITER_DEPTH + 1; depth++) {
			buf_clear(&out);
			codecs[i]->writer(&w, &out);
			for (unsigned n = 0; n < depth; n++)
				w.ops->begin(&w, (struct codec_name){ "a", CODEC_NS_NONE }, 0);
			for (unsigned n = 0; n < depth; n++)
				w.ops->end(&w);
			ck_assert_int_eq(out.failed, depth > WRITER_DEPTH);
		}
		buf_init(&small, 8);
		codecs[i]->writer(&w, &small);
		w.ops->begin(&w, (struct codec_name){ "abcdefgh", CODEC_NS_NONE }, CODEC_SIMPLE);
		w.ops->end(&w);
		ck_assert(small.failed && small.n <= 8);
		buf_fini(&small);
	}
}
END_TEST

static const char *
any(const struct codec *c, const struct node *n)
{
	struct writer w;

	buf_clear(&out);
	c->writer(&w, &out);
	w.ops->any(&w, n);
	ck_assert(!out.failed);
	return arena_str(arena, buf_view(&out));
}

START_TEST(test_any_same)
{
	/* A document and, unless NULL, how the other codec writes its tree. */
	static const struct {
		const struct codec *codec;
		const char *same, *other;
	} rows[] = {
		{ &codec_xml, XML_DECL "<a/>", "{\"a\":{}}" },
		{ &codec_xml, XML_DECL "<m2m:a " M2M " m2m:id=\"1\">x</m2m:a>",
		  "{\"a\":{\"$t\":\"x\",\"id\":\"1\"}}" },
		{ &codec_xml,
		  XML_DECL "<ns1:a " M2M " " XSI " xmlns:ns1=\"urn:1\" xmlns:ns2=\"urn:&amp;2\" "
		           "ns2:b=\"\" xsi:type=\"T\" xml:lang=\"de\"><m2m:c/><ns2:d><e/></ns2:d></ns1:a>",
		  "{\"{urn:1}a\":{\"b\":\"\",\"$type\":\"T\",\"lang\":\"de\",\"c\":{},"
		  "\"{urn:&2}d\":{\"e\":{}}}}" },
		{ &codec_xml, XML_DECL "<a><xml:b/></a>", "{\"a\":{\"b\":{}}}" },
		{ &codec_json, "{\"a\":{\"{urn:1}b\":[1,{\"{urn:2}b\":\"x\"}],\"{urn:2}b\":\"y\",\"b\":\"z\"}}",
		  XML_DECL "<a xmlns:ns1=\"urn:1\" xmlns:ns2=\"urn:2\"><ns1:b>1</ns1:b><ns1:b><ns2:b>x"
		           "</ns2:b></ns1:b><ns2:b>y</ns2:b><b>z</b></a>" },
		{ &codec_xml, XML_DECL "<a b=\"1\"><b>2</b><c>3</c><b>4</b></a>",
		  "{\"a\":{\"@b\":\"1\",\"b\":[\"2\",\"4\"],\"c\":\"3\"}}" },
		{ &codec_xml, XML_DECL "<m2m:a " M2M " m2m:b=\"1\" b=\"2\"><b>3</b></m2m:a>",
		  "{\"a\":{\"b\":[\"1\",\"2\",\"3\"]}}" },
		{ &codec_xml, XML_DECL "<m2m:a " M2M " m2m:b=\"1\" b=\"2\">x</m2m:a>",
		  "{\"a\":{\"$t\":\"x\",\"b\":\"1\"}}" },
		{ &codec_json, "{\"a\":{\"$t\":\"x\",\"@b\":\"1\"}}", XML_DECL "<a b=\"1\">x</a>" },
		{ &codec_json, "{\"a\":{}}", XML_DECL "<a/>" },
		{ &codec_json, "{\"a\":\"\"}", XML_DECL "<a/>" },
		{ &codec_json, "{\"a\":{\"@x\":\"1\",\"$type\":\"T\",\"b\":[],\"c\":[1],\"d\":[{},\"\"],"
		               "\"x\":{\"y\":-1.5,\"z\":false}}}",
		  XML_DECL "<a " XSI " x=\"1\" xsi:type=\"T\"><c>1</c><d/><d/><x><y>-1.5</y>"
		           "<z>false</z></x></a>" },
		{ &codec_json, "{\"a\":9007199254740993}", XML_DECL "<a>9007199254740993</a>" },
		{ &codec_json, "{\"a\":{\"$t\":\"\",\"@b\":true}}", XML_DECL "<a b=\"true\"/>" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct node *root = good(rows[i].codec, slice_of(rows[i].same));
		const struct codec *other = rows[i].codec == &codec_xml ? &codec_json : &codec_xml;

		ck_assert_str_eq(any(rows[i].codec, root), rows[i].same);
		ck_assert_str_eq(any(other, root), rows[i].other);
	}
}
END_TEST

/* Subtrees inside of a document: as child, as entry of a list, and the children of a node alone. */
static const char *
embedded(const struct codec *c, const struct node *n, const struct node *nameless)
{
	const struct codec_name list = { "l", CODEC_NS_NONE };
	struct writer w;

	buf_clear(&out);
	c->writer(&w, &out);
	w.ops->begin(&w, (struct codec_name){ "r", CODEC_NS_M2M }, CODEC_ROOT | CODEC_USES_XSI);
	w.ops->any(&w, n);
	w.ops->list(&w, list);
	w.ops->any(&w, n);
	w.ops->any(&w, n);
	w.ops->list_end(&w);
	w.ops->begin(&w, (struct codec_name){ "s", CODEC_NS_M2M }, 0);
	w.ops->any(&w, nameless);
	w.ops->end(&w);
	w.ops->end(&w);
	ck_assert(!out.failed);
	return arena_str(arena, buf_view(&out));
}

START_TEST(test_any_embedded)
{
	static const char doc[] = "<m2m:a " M2M " " XMIME " " XSI " xmlns:p='u' p:q='1' xsi:type='T' "
	                          "xmime:contentType='c'><m2m:b>1</m2m:b><b>2</b></m2m:a>";
	struct node *n = good(&codec_xml, slice_of(doc));
	struct node nameless = *n;
	struct slice bytes;

	nameless.name = SLICE_NONE;
	nameless.ns = SLICE_NONE;
	ck_assert_str_eq(embedded(&codec_json, n, &nameless),
	                 "{\"r\":{\"a\":{\"q\":\"1\",\"$type\":\"T\",\"contentType\":\"c\","
	                 "\"b\":[\"1\",\"2\"]},\"l\":[{\"q\":\"1\",\"$type\":\"T\","
	                 "\"contentType\":\"c\",\"b\":[\"1\",\"2\"]},{\"q\":\"1\",\"$type\":\"T\","
	                 "\"contentType\":\"c\",\"b\":[\"1\",\"2\"]}],\"s\":{\"q\":\"1\","
	                 "\"$type\":\"T\",\"contentType\":\"c\",\"b\":[\"1\",\"2\"]}}}");
	bytes = slice_of(embedded(&codec_xml, n, &nameless));
	ck_assert_str_eq(dumped(good(&codec_xml, bytes)),
	                 "m:r(m:a(@{u}q\"1\" @i:type\"T\" @x:contentType\"c\" m:b\"1\" b\"2\") "
	                 "m:a(@{u}q\"1\" @i:type\"T\" @x:contentType\"c\" m:b\"1\" b\"2\") "
	                 "m:a(@{u}q\"1\" @i:type\"T\" @x:contentType\"c\" m:b\"1\" b\"2\") "
	                 "m:s(@{u}q\"1\" @i:type\"T\" @x:contentType\"c\" m:b\"1\" b\"2\"))");
}
END_TEST

/* Many children of mixed names: grouped, complete, in the order of the first of each name. */
START_TEST(test_any_many)
{
	static const struct codec_limits wide = { 8, 20000, 8, 256 };
	struct slice bytes = repeated("<a>", "<b%u/><x>%1$u</x>", 5000, "</a>");
	const struct node *first, *n;
	struct node *root;
	const char *why;
	unsigned x = 0;

	ck_assert_int_eq(decode(&codec_xml, bytes, &wide, &root, &why), RC_OK);
	bytes = slice_of(any(&codec_json, root));
	ck_assert_int_eq(decode(&codec_json, bytes, &wide, &root, &why), RC_OK);
	first = root->first;
	ck_assert(slice_is(first->name, "b0") && slice_is(first->next->name, "x"));
	for (n = first->next; n != NULL && slice_is(n->name, "x"); n = n->next, x++)
		ck_assert_int_eq(atoi(n->text.p), (int)x);
	ck_assert_uint_eq(x, 5000);
	ck_assert(n != NULL && slice_is(n->name, "b1"));
}
END_TEST

/* A tree that no decoder made: names and depth are checked again. */
START_TEST(test_any_hostile)
{
	struct node evil = { .name = SLICE_LIT("a><b") };
	struct node chain[WRITER_DEPTH + 2];
	struct writer w;

	buf_clear(&out);
	codec_xml.writer(&w, &out);
	w.ops->any(&w, &evil);
	ck_assert(out.failed);
	for (size_t i = 0; i < NITEMS(chain); i++) {
		chain[i] = (struct node){ .name = SLICE_LIT("a") };
		if (i > 0)
			chain[i - 1].first = chain[i - 1].last = &chain[i];
	}
	buf_clear(&out);
	codec_xml.writer(&w, &out);
	w.ops->any(&w, chain);
	ck_assert(out.failed);
	buf_clear(&out);
	codec_json.writer(&w, &out);
	w.ops->any(&w, chain);
	ck_assert(out.failed);
}
END_TEST

static Suite *
codec_suite(void)
{
	const struct {
		const TTest *test;
		size_t rows; /* of the table that it loops over, or 1 */
	} tests[] = {
		{ test_write, 1 },
		{ test_write_read, 1 },
		{ test_json_scalars, 1 },
		{ test_xml_scalars, 1 },
		{ test_writer_limits, 1 },
		{ test_any_same, 1 },
		{ test_any_embedded, 1 },
		{ test_any_many, 1 },
		{ test_any_hostile, 1 },
	};
	Suite *s = suite_create("codec_write");
	TCase *tc = tcase_create("codec_write");

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
