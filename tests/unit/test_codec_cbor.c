/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR: trees as dumps, errors by a part of their text, limits, the one form that is written. */
#include "config.h"

#include "codec_help.h"

/* A document in hexadecimal digits; blanks are for the reader. */
static struct slice
hex(const char *digits)
{
	struct slice s = { arena_alloc(arena, strlen(digits) / 2 + 1), 0 };
	char *to = (char *)s.p;
	char two[3] = "";

	for (const char *p = digits; *p != '\0';) {
		if (*p == ' ') {
			p++;
			continue;
		}
		memcpy(two, p, 2);
		to[s.n++] = (char)strtoul(two, NULL, 16);
		p += 2;
	}
	return s;
}

static const char *
digits(struct slice s)
{
	struct buf b;
	const char *text;

	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < s.n; i++)
		buf_printf(&b, "%02x", (unsigned char)s.p[i]);
	text = arena_str(arena, buf_view(&b));
	buf_fini(&b);
	return text;
}

struct row {
	const char *bytes, *expect;
};

/* "a1 61 61" is {"a": ...}. Values of RFC 8949 appendix A where a document can have them. */
static const struct row values[] = {
	{ "a1 61 61 00", "a[ne#]\"0\"" },
	{ "a1 61 61 01", "a[ne#]\"1\"" },
	{ "a1 61 61 0a", "a[ne#]\"10\"" },
	{ "a1 61 61 17", "a[ne#]\"23\"" },
	{ "a1 61 61 1818", "a[ne#]\"24\"" },
	{ "a1 61 61 1819", "a[ne#]\"25\"" },
	{ "a1 61 61 1864", "a[ne#]\"100\"" },
	{ "a1 61 61 1903e8", "a[ne#]\"1000\"" },
	{ "a1 61 61 1a000f4240", "a[ne#]\"1000000\"" },
	{ "a1 61 61 1b000000e8d4a51000", "a[ne#]\"1000000000000\"" },
	{ "a1 61 61 1b7fffffffffffffff", "a[ne#]\"9223372036854775807\"" },
	{ "a1 61 61 20", "a[ne#]\"-1\"" },
	{ "a1 61 61 29", "a[ne#]\"-10\"" },
	{ "a1 61 61 3863", "a[ne#]\"-100\"" },
	{ "a1 61 61 3903e7", "a[ne#]\"-1000\"" },
	{ "a1 61 61 3b7fffffffffffffff", "a[ne#]\"-9223372036854775808\"" },
	{ "a1 61 61 f93e00", "a[ne#]\"1.5\"" },
	{ "a1 61 61 fb3ff199999999999a", "a[ne#]\"1.1\"" },
	{ "a1 61 61 fb7e37e43c8800759c", "a[ne#]\"1e+300\"" },
	{ "a1 61 61 f90001", "a[ne#]\"5.9604644775390625e-08\"" },
	{ "a1 61 61 f90400", "a[ne#]\"6.103515625e-05\"" },
	{ "a1 61 61 fbc010666666666666", "a[ne#]\"-4.1\"" },
	{ "a1 61 61 fa7f7fffff", "a[ne#]\"3.4028234663852886e+38\"" },
	{ "a1 61 61 f4", "a[neb]\"false\"" },
	{ "a1 61 61 f5", "a[neb]\"true\"" },
	{ "a1 61 61 40", "a[ney]" },
	{ "a1 61 61 44 01020304", "a[ney]\"AQIDBA==\"" },
	{ "a1 61 61 60", "a[nes]" },
	{ "a1 61 61 6449455446", "a[nes]\"IETF\"" },
	{ "a1 61 61 62225c", "a[nes]\"\"\\\"" },
	{ "a1 61 61 62c3bc", "a[nes]\"\xc3\xbc\"" },
	{ "a1 61 61 63e6b0b4", "a[nes]\"\xe6\xb0\xb4\"" },
	{ "a1 61 61 64f0908591", "a[nes]\"\xf0\x90\x85\x91\"" },
	{ "a1 61 61 a0", "a[ne]" },
	{ "a1 61 61 a2 6161 01 6162 82 02 03", "a[ne](a[ne#]\"1\" b[nea#]\"2\" b[nea#]\"3\")" },
	{ "a1 61 61 a1 6162 80", "a[ne](b[ne0])" },
	{ "a1 61 61 a1 6162 82 a0 a1 6163 f5", "a[ne](b[nea] b[nea](c[neb]\"true\"))" },
	{ "a1 61 61 a3 6162 01 624062 6132 65 2474797065 656d326d3a54",
	  "a[ne](@b[ns]\"2\" @i:type[s]\"m2m:T\" b[ne#]\"1\")" },
	{ "a1 61 61 a3 6162 01 624063 6132 62 2474 6178",
	  "a[nes]\"x\"(@c[ns]\"2\" @b[n#]\"1\")" },
	{ "a1 61 61 a2 62 2474 420102 6b 636f6e74656e7454797065 63612f62",
	  "a[ney]\"AQI=\"(@contentType[ns]\"a/b\")" },
	{ "a1 61 61 a1 68 7b75726e3a317d62 01", "a[ne]({urn:1}b[n#]\"1\")" },
};

START_TEST(test_values)
{
	ck_assert_str_eq(dumped(good(&codec_cbor, hex(values[_i].bytes))), values[_i].expect);
}
END_TEST

/* Well-formed, if not in the form that is written: what an encoder of little memory sends. */
static const struct row other_forms[] = {
	{ "d9d9f7 a1 6161 01", "a1616101" },
	{ "b900 01 7801 61 1800", "a1616100" },
	{ "bf 6161 01 ff", "a1616101" },
	{ "bf 7f 6161 6162 60 ff bf 6162 9f 01 9f", NULL },
	{ "bf 7f 6161 6162 60 ff bf 6162 9f 01 02 ff ff ff", "a1626162a16162820102" },
	{ "a1 6161 9f ff", NULL },
	{ "a1 6161 a1 6162 9f ff", "a16161a1616280" },
	{ "a1 6161 7f ff", "a1616160" },
	{ "a1 6161 7f 657374726561 646d696e67 ff", "a161616973747265616d696e67" },
	{ "a1 6161 5f 4201 02 43030405 ff", "a16161450102030405" },
	{ "a1 6161 5f ff", "a1616140" },
	{ "a1 6161 1b0000000000000001", "a1616101" },
	{ "a1 6161 3a00000000", "a1616120" },
	{ "a1 6161 5a00000001 ff", "a1616141ff" },
	/* Numbers that are integers are written as such, others as the shortest float. */
	{ "a1 6161 f93c00", "a1616101" },
	{ "a1 6161 f98000", "a1616100" },
	{ "a1 6161 fb4000000000000000", "a1616102" },
	{ "a1 6161 fb3ff8000000000000", "a16161f93e00" },
	{ "a1 6161 fb3e70000000000000", "a16161f90001" },
	{ "a1 6161 fb3f0ff80000000000", "a16161f903ff" },
	{ "a1 6161 fa38800000", "a16161f90400" },
	{ "a1 6161 fb3ee8000000000000", "a16161f900c0" },
	{ "a1 6161 fb3e60000000000000", "a16161fa33000000" },
	{ "a1 6161 fb3ff19999a0000000", "a16161fa3f8ccccd" },
	{ "a1 6161 fb3ff199999999999a", "a16161fb3ff199999999999a" },
	{ "a1 6161 fb47efffffe0000000", "a16161fa7f7fffff" },
	{ "a1 6161 fb47efffffe0000001", "a16161fb47efffffe0000001" },
	{ "a1 6161 fb43f0000000000000", "a16161fa5f800000" },
	{ "a1 6161 1b0020000000000001", "a161611b0020000000000001" },
	/* Keys by their encoding: shorter ones first, then bytewise. */
	{ "a1 6161 a4 626161 01 617a 02 6162 03 624062 04", "a16161a4616203617a02624062 04626161 01" },
	{ "a1 6161 a2 6162 a2 617a 01 6161 02 6161 a2 617a 01 6161 02",
	  "a16161a26161a2616102617a016162a2616102617a01" },
};

static const char *
any(const struct codec *c, const struct node *n)
{
	struct writer w;

	buf_clear(&out);
	c->writer(&w, &out);
	w.ops->any(&w, n);
	ck_assert(!out.failed);
	return digits(buf_view(&out));
}

START_TEST(test_other_forms)
{
	const struct row *row = &other_forms[_i];

	if (row->expect == NULL)
		bad_with(&codec_cbor, hex(row->bytes), &usual, "");
	else
		ck_assert_str_eq(any(&codec_cbor, good(&codec_cbor, hex(row->bytes))),
		                 digits(hex(row->expect)));
}
END_TEST

static const struct row bad[] = {
	{ "", "offset 0: the document ends early" },
	{ "01", "object expected" },
	{ "80", "object expected" },
	{ "f6", "null" },
	{ "d9d9f7", "ends early" },
	{ "d9d9f7 d9d9f7 a1616101", "object expected" },
	{ "c1 a1616101", "object expected" },
	{ "a0", "one member" },
	{ "bf ff", "one member" },
	{ "a2 6161 01 6162 02", "one member" },
	{ "bf 6161 01 6162 02 ff", "one member" },
	{ "a1 01 01", "one member" },
	{ "a1 4161 01", "one member" },
	{ "a1 6161 81 01", "an array where a value is expected" },
	{ "a1 6161 f6", "offset 3: null is not accepted" },
	{ "a1 6161 f7", "undefined" },
	{ "a1 6161 e0", "not well-formed" },
	{ "a1 6161 f0", "not well-formed" },
	{ "a1 6161 f818", "not well-formed" },
	{ "a1 6161 f8ff", "not well-formed" },
	{ "a1 6161 1c", "not well-formed" },
	{ "a1 6161 1f", "not well-formed" },
	{ "a1 6161 3d", "not well-formed" },
	{ "a1 6161 5e", "not well-formed" },
	{ "a1 6161 fc", "not well-formed" },
	{ "a1 6161 ff", "a break where a value is expected" },
	{ "a1 ff", "one member" },
	{ "a1 6161 a1 ff", "a member name is no text" },
	{ "a1 6161 bf 6162 ff", "a break where a value is expected" },
	{ "a1 6161 a1 6162 81 ff", "a break where a value is expected" },
	{ "a1 6161 c1 1a514b67b0", "a tag that is not accepted" },
	{ "a1 6161 c2 4101", "a tag that is not accepted" },
	{ "a1 6161 d9d9f7 01", "a tag that is not accepted" },
	{ "a1 6161 d818 4101", "a tag that is not accepted" },
	{ "a1 6161 f97c00", "infinite or none" },
	{ "a1 6161 f97e00", "infinite or none" },
	{ "a1 6161 faff800000", "infinite or none" },
	{ "a1 6161 fb7ff8000000000000", "infinite or none" },
	{ "a1 6161 1b8000000000000000", "out of range" },
	{ "a1 6161 3b8000000000000000", "out of range" },
	{ "a1 6161 3bffffffffffffffff", "out of range" },
	{ "a1 6161 61ff", "not UTF-8" },
	{ "a1 6161 62c080", "not UTF-8" },
	{ "a1 6161 63eda080", "not UTF-8" },
	{ "a1 6161 6100", "NUL" },
	{ "a1 61ff 01", "not UTF-8" },
	{ "a1 62 6100 01", "NUL" },
	{ "a1 6161 7f 61c3 61bc ff", "not UTF-8" },
	{ "a1 6161 7f 4161 ff", "a chunk of another kind" },
	{ "a1 6161 5f 6161 ff", "a chunk of another kind" },
	{ "a1 6161 7f 7f 6161 ff ff", "a chunk of another kind" },
	{ "a1 6161 5f 00 ff", "a chunk of another kind" },
	{ "a1 6161 01 00", "offset 3: bytes behind the document" },
	{ "a1 6161 a1 6162 81 81 01", "an array where a value is expected" },
	{ "a1 6161 a1 01 01", "a member name is no text" },
	{ "a1 6161 a1 4162 01", "a member name is no text" },
	{ "a1 6161 a2 6162 01 6162 01", "occurs twice" },
	{ "a1 6161 a3 6162 01 6163 01 780162 01", "occurs twice" },
	{ "a1 6161 a2 6162 01 7f 6162 ff 01", "occurs twice" },
	{ "a1 6161 a1 6162 81 a2 624063 01 624063 01", "occurs twice" },
	{ "a1 6161 a3 622474 6178 6162 01 624062 01", "an attribute occurs twice" },
	{ "a1 6161 a2 622474 6178 6162 a0", "text beside elements" },
	{ "a1 6161 a1 624062 80", "must be a scalar" },
	{ "a1 6161 a1 622474 a0", "must be a scalar" },
	{ "a1 6161 a1 622478 01", "begins with '$'" },
	{ "a1 60 01", "member name" },
	{ "a1 63 612062 01", "member name" },
	{ "a1 6161 a1 63 7b7d62 01", "no usable namespace" },
	/* Lengths that the document does not have: nothing is taken for them. */
	{ "bb ffffffffffffffff 6161 01", "one member" },
	{ "a1 6161 5b ffffffffffffffff 00", "ends early" },
	{ "a1 6161 7b 7fffffffffffffff 00", "ends early" },
	{ "a1 6161 bb ffffffffffffffff 6162 01", "ends early" },
	{ "a1 6161 a1 6162 9b ffffffffffffffff 01", "ends early" },
};

START_TEST(test_bad)
{
	bad_with(&codec_cbor, hex(bad[_i].bytes), &usual, bad[_i].expect);
}
END_TEST

/* Between head and tail, count times a pattern whose one '%' stands for a byte that counts. */
static struct slice
many(const char *head, const char *pattern, unsigned count, const char *tail)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 1u << 24);
	buf_slice(&b, hex(head));
	for (unsigned i = 0; i < count; i++)
		for (const char *p = pattern; *p != '\0'; p++)
			buf_char(&b, *p == '%' ? (char)(i < 26 ? 'A' + i : i < 52 ? 'a' + i - 26
			                                                        : 0x80 + i % 64)
			                       : *p);
	buf_slice(&b, hex(tail));
	ck_assert(!b.failed);
	s = arena_copy(arena, buf_view(&b));
	buf_fini(&b);
	return s;
}

static void
edge(const char *head, const char *pattern, unsigned count, const char *tail, const char *reason)
{
	good(&codec_cbor, many(head, pattern, count, tail));
	bad_with(&codec_cbor, many(head, pattern, count + 1, tail), &usual, reason);
}

START_TEST(test_limits)
{
	char longest[4 * 257 + 1] = "";

	/* The root, b and 62 more; indefinite maps and arrays, so that the tail need not count. */
	edge("bf 6161 bf 6162 9f 00", "\x01", 62, "ff ff ff", "too many members");
	edge("bf 6161 bf 6162 01 6163 9f", "\x01", 62, "ff ff ff", "too many members");
	edge("bf 6161 bf", "\x62@%\x01", 8, "ff ff", "too many attributes");
	edge("bf 6161 bf", "\x68{urn:%}b\x01", 32, "ff ff", "too many namespaces");
	edge("a1 6161 7f", "\x61x", 256, "ff", "text too long");
	/* 256 characters of base64 are 192 octets. */
	edge("a1 6161 5f", "\x41x", 192, "ff", "text too long");
	edge("", "\xa1\x61" "a", 8, "a0", "nested too deep");
	for (int i = 0; i < 256; i++)
		memcpy(longest + 2 * i, "78", 2);
	good(&codec_cbor, hex(arena_printf(arena, "a16161790100%s", longest).p));
	bad_with(&codec_cbor, hex(arena_printf(arena, "a1616179010178%s", longest).p), &usual,
	         "text too long");
	bad_with(&codec_cbor, hex(arena_printf(arena, "a179010178%s", longest).p), &usual,
	         "text too long");
}
END_TEST

/* Documents that are cheap to send: the time limit of the test counts. */
START_TEST(test_hostile)
{
	static const struct codec_limits wide = { 8, 200000, 8, 256 };
	struct slice bytes;
	struct node *root;
	const char *why;

	bad_with(&codec_cbor, many("", "\xa1\x61" "a", 1000000, ""), &usual, "nested too deep");
	bad_with(&codec_cbor, many("a1 6161 a1 6162", "\x81", 1000000, ""), &usual, "an array");
	bad_with(&codec_cbor, many("a1 6161 7f", "\x60", 5000000, ""), &usual, "ends early");
	bad_with(&codec_cbor, many("a1 6161 bf", "\x61" "b\x01", 500000, "ff"), &usual,
	         "too many members");
	bad_with(&codec_cbor, many("a1 6161", "\xc1", 1000000, "01"), &usual, "a tag");
	bad_with(&codec_cbor, many("a1 6161 9f", "x", 10000000, ""), &usual, "document too long");
	/* Names in the worst order, each of them once: compared without comparing each with each. */
	buf_clear(&out);
	buf_slice(&out, hex("a1 6161 bf"));
	for (unsigned i = 100000; i > 0; i--)
		buf_printf(&out, "\x67" "b%06u%c", i, 1);
	buf_slice(&out, hex("ff"));
	bytes = arena_copy(arena, buf_view(&out));
	ck_assert_int_eq(decode(&codec_cbor, bytes, &wide, &root, &why), RC_OK);
	any(&codec_cbor, root);
	ck_assert_uint_eq(out.n, bytes.n + 3);
	ck_assert_str_eq(arena_printf(arena, "%.*s", 7, out.p + 9).p, "b000001");
}
END_TEST

/* {"abc": {"@b": -1.5, "c": [true, {"d": ...}, h'01'], "e": [], "{urn:1}f": 65536}}, all forms. */
static const char whole[] = "bf 63616263 a4 624062 f9be00 6163 9f f5 a1 6164 7f 62c3a9 60 ff 4101 ff"
                            " 6165 80 68 7b75726e3a317d66 1a00010000 ff";

START_TEST(test_prefixes)
{
	struct slice bytes = hex(whole);

	for (size_t n = 0; n < bytes.n; n++)
		bad_with(&codec_cbor, slice_head(bytes, n), &usual, "");
	ck_assert_str_eq(dumped(good(&codec_cbor, bytes)),
	                 "abc[ne](@b[n#]\"-1.5\" c[neab]\"true\" c[nea](d[nes]\"\xc3\xa9\") "
	                 "c[neay]\"AQ==\" e[ne0] {urn:1}f[n#]\"65536\")");
}
END_TEST

START_TEST(test_mutations)
{
	struct slice bytes = hex(whole);
	char *copy = arena_str(arena, bytes);
	struct node *root;
	const char *why;

	for (size_t i = 0; i < bytes.n; i++) {
		for (int v = 0; v < 256; v++) {
			copy[i] = (char)v;
			ck_assert_int_ne(decode(&codec_cbor, slice_make(copy, bytes.n), &usual, &root,
			                        &why),
			                 RC_UNAVAILABLE);
		}
		copy[i] = bytes.p[i];
	}
}
END_TEST

/* However early memory ends, the answer is RC_UNAVAILABLE with a reason. */
START_TEST(test_arena_exhausted)
{
	struct slice bytes = hex(whole);
	enum rc rc = RC_UNAVAILABLE;
	size_t limit;

	for (limit = 0; limit < 100000 && rc != RC_OK; limit += 8) {
		struct arena *small = arena_new(limit);
		struct node *root = NULL;
		const char *why = NULL;

		rc = codec_cbor.decode(small, bytes, &usual, &root, &why);
		ck_assert(rc == RC_OK ? root != NULL : rc == RC_UNAVAILABLE && why != NULL);
		arena_free(small);
	}
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_uint_gt(limit, 500);
}
END_TEST

/* ---- writing ---- */

static const char *
simple(struct slice text, enum codec_scalar kind)
{
	struct writer w;

	buf_clear(&out);
	codec_cbor.writer(&w, &out);
	w.ops->begin(&w, (struct codec_name){ "a", CODEC_NS_NONE }, CODEC_SIMPLE);
	w.ops->text(&w, text, kind);
	w.ops->end(&w);
	return out.failed ? "" : digits(buf_view(&out));
}

START_TEST(test_scalars)
{
	static const struct {
		const char *text;
		enum codec_scalar kind;
		const char *bytes;
	} rows[] = {
		{ "0", CODEC_NUMBER, "616100" },
		{ "23", CODEC_NUMBER, "616117" },
		{ "24", CODEC_NUMBER, "61611818" },
		{ "255", CODEC_NUMBER, "616118ff" },
		{ "256", CODEC_NUMBER, "6161190100" },
		{ "65536", CODEC_NUMBER, "61611a00010000" },
		{ "4294967296", CODEC_NUMBER, "61611b0000000100000000" },
		{ "9007199254740993", CODEC_NUMBER, "61611b0020000000000001" },
		{ "-1", CODEC_NUMBER, "616120" },
		{ "-25", CODEC_NUMBER, "61613818" },
		{ "-9223372036854775808", CODEC_NUMBER, "61613b7fffffffffffffff" },
		{ "9223372036854775808", CODEC_NUMBER, "61617339323233333732303336383534373735383038" },
		{ "+007", CODEC_NUMBER, "616107" },
		{ "0.5", CODEC_NUMBER, "6161f93800" },
		{ "1e400", CODEC_NUMBER, "6161653165343030" },
		{ "-", CODEC_NUMBER, "6161612d" },
		{ "true", CODEC_BOOLEAN, "6161f5" },
		{ "0", CODEC_BOOLEAN, "6161f4" },
		{ "yes", CODEC_BOOLEAN, "616163796573" },
		{ "\x01\x7f\xc3\xa9", CODEC_TEXT, "616164017fc3a9" },
		{ "", CODEC_TEXT, "616160" },
		{ "a\xff", CODEC_TEXT, "" },
		{ "\xed\xa0\x80", CODEC_TEXT, "" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_str_eq(simple(slice_of(rows[i].text), rows[i].kind), rows[i].bytes);
	ck_assert_str_eq(simple(slice_make("a\0b", 3), CODEC_TEXT), "");
}
END_TEST

/* Lists that get their heads last, members that are written out of order, octets as they are. */
START_TEST(test_events)
{
	const struct codec_name entry = { "e", CODEC_NS_NONE };
	struct writer w;

	buf_clear(&out);
	codec_cbor.writer(&w, &out);
	w.ops->begin(&w, (struct codec_name){ "doc", CODEC_NS_M2M }, CODEC_ROOT | CODEC_USES_XSI);
	w.ops->attr(&w, (struct codec_name){ "type", CODEC_NS_XSI }, slice_of("m2m:T"), CODEC_TEXT);
	w.ops->begin(&w, (struct codec_name){ "z", CODEC_NS_M2M }, 0);
	w.ops->attr(&w, (struct codec_name){ "b", CODEC_NS_XMIME }, slice_of("a/b"), CODEC_TEXT);
	w.ops->base64(&w, slice_make("\0\xff", 2));
	w.ops->end(&w);
	w.ops->begin(&w, (struct codec_name){ "c", CODEC_NS_M2M }, CODEC_SIMPLE);
	w.ops->end(&w);
	w.ops->list(&w, entry);
	for (int i = 0; i < 25; i++) {
		w.ops->begin(&w, entry, CODEC_SIMPLE | CODEC_ENTRY);
		w.ops->text(&w, slice_of("7"), CODEC_NUMBER);
		w.ops->end(&w);
	}
	w.ops->list_end(&w);
	w.ops->list(&w, (struct codec_name){ "d", CODEC_NS_M2M });
	w.ops->list_end(&w);
	w.ops->end(&w);
	ck_assert(!out.failed);
	ck_assert_uint_eq(w.depth, 0);
	ck_assert_str_eq(digits(buf_view(&out)),
	                 digits(hex("a1 63646f63 a5 6163 60 6164 80 6165 9819"
	                            "07070707070707070707070707070707070707070707070707"
	                            "617a a2 6162 63612f62 622474 4200ff 652474797065 6154")));
}
END_TEST

/* What is taken back leaves no trace: an answer that grows by whole entries. */
START_TEST(test_taken_back)
{
	const struct codec_name entry = { "e", CODEC_NS_NONE };
	struct writer w, before;
	size_t n;

	buf_clear(&out);
	codec_cbor.writer(&w, &out);
	w.ops->begin(&w, (struct codec_name){ "d", CODEC_NS_M2M }, CODEC_ROOT);
	w.ops->list(&w, entry);
	w.ops->begin(&w, entry, CODEC_SIMPLE | CODEC_ENTRY);
	w.ops->end(&w);
	before = w;
	n = out.n;
	w.ops->begin(&w, entry, CODEC_ENTRY);
	w.ops->attr(&w, entry, slice_of("x"), CODEC_TEXT);
	w.ops->end(&w);
	w = before;
	out.n = n;
	w.ops->list_end(&w);
	w.ops->end(&w);
	ck_assert_str_eq(digits(buf_view(&out)), "a16164a161658160");
}
END_TEST

/* A tree of each syntax in the two others, and back. */
START_TEST(test_across)
{
	static const char json[] = "{\"a\":{\"@x\":\"1\",\"$type\":\"T\",\"b\":[],\"c\":[1],\"d\":[{},\"\"],"
	                           "\"{urn:1}e\":9007199254740993,\"x\":{\"y\":-1.5,\"z\":false}}}";
	const struct node *root = good(&codec_json, slice_of(json));
	struct slice bytes;

	any(&codec_cbor, root);
	bytes = arena_copy(arena, buf_view(&out));
	ck_assert_str_eq(dumped(good(&codec_cbor, bytes)),
	                 "a[ne](@x[ns]\"1\" @i:type[s]\"T\" b[ne0] c[nea#]\"1\" d[nea] d[neas] "
	                 "x[ne](y[ne#]\"-1.5\" z[neb]\"false\") {urn:1}e[n#]\"9007199254740993\")");
	/* Octets are base64 where there is no other form. */
	root = good(&codec_cbor, hex("a1 6161 a2 622474 4301ff02 6162 6178"));
	any(&codec_json, root);
	ck_assert_str_eq(arena_str(arena, buf_view(&out)), "{\"a\":{\"$t\":\"Af8C\",\"@b\":\"x\"}}");
	any(&codec_xml, root);
	ck_assert_str_eq(arena_str(arena, buf_view(&out)), XML_DECL "<a b=\"x\">Af8C</a>");
}
END_TEST

static Suite *
codec_suite(void)
{
	const struct {
		const TTest *test;
		size_t rows; /* of the table that it loops over, or 1 */
	} tests[] = {
		{ test_values, NITEMS(values) },
		{ test_other_forms, NITEMS(other_forms) },
		{ test_bad, NITEMS(bad) },
		{ test_limits, 1 },
		{ test_hostile, 1 },
		{ test_prefixes, 1 },
		{ test_mutations, 1 },
		{ test_arena_exhausted, 1 },
		{ test_scalars, 1 },
		{ test_events, 1 },
		{ test_taken_back, 1 },
		{ test_across, 1 },
	};
	Suite *s = suite_create("codec_cbor");
	TCase *tc = tcase_create("codec_cbor");

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
