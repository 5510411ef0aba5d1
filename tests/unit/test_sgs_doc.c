/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the SGA server in all syntaxes, and its limits. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "cap/sgs/sgs_doc.h"
#include "cap/sgs/sgs_guard.h"
#include "cap/sgs/sgs_seen.h"
#include "suite.h"

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

/* ---- documents ---- */

struct sample {
	struct slice text, octets;
	uint64_t number;
	bool flag;
	uint8_t hex[SGS_NUMBER_BYTES];
	struct sgs_texts texts;
};

static const struct sgs_field fields[] = {
	SGS_FIELD(struct sample, text, "text", SGS_TEXT, true),
	SGS_FIELD(struct sample, octets, "octets", SGS_BYTES, false),
	SGS_FIELD(struct sample, number, "number", SGS_NUMBER, false),
	SGS_FIELD(struct sample, flag, "flag", SGS_FLAG, false),
	SGS_FIELD(struct sample, hex, "hex", SGS_HEX, false),
	SGS_FIELD(struct sample, texts, "texts", SGS_TEXTS, false),
};
static const struct sgs_doc doc = { "sample", fields, sizeof(fields) / sizeof(fields[0]) };
static const enum sgs_syntax syntaxes[] = { SGS_JSON, SGS_XML, SGS_CBOR };
#define SYNTAXES (sizeof(syntaxes) / sizeof(syntaxes[0]))

static struct slice
written(enum sgs_syntax syntax, const struct sample *s)
{
	struct slice copy;
	struct buf b;

	buf_init(&b, 1u << 17);
	sgs_doc_write(&b, syntax, &doc, s);
	ck_assert(!b.failed);
	copy = arena_copy(arena, buf_view(&b));
	buf_fini(&b);
	return copy;
}

START_TEST(test_round)
{
	static const struct slice names[] = { SLICE_INIT("a"), SLICE_INIT("<b>&\"") };
	static const uint8_t octets[] = { 0, 255, 16, 0 };
	const struct sample in = { .text = SLICE_LIT("A <text> & \"more\""),
		                   .octets = slice_make(octets, sizeof(octets)),
		                   .number = SGS_NUMBER_MAX,
		                   .flag = true,
		                   .hex = { 1, 2, 0xab },
		                   .texts = { names, 2 } };

	for (size_t i = 0; i < SYNTAXES; i++) {
		struct slice s = written(syntaxes[i], &in);
		struct sample out = { .number = 0 };

		ck_assert_int_eq(sgs_doc_read(arena, syntaxes[i], s, &doc, &out), RC_OK);
		ck_assert(slice_eq(in.text, out.text) && slice_eq(in.octets, out.octets));
		ck_assert_uint_eq(out.number, SGS_NUMBER_MAX);
		ck_assert(out.flag && memcmp(in.hex, out.hex, sizeof(in.hex)) == 0);
		ck_assert_uint_eq(out.texts.n, 2);
		ck_assert(slice_eq(out.texts.v[1], names[1]));
		/* Cut short anywhere, it is none. */
		for (size_t n = 0; n < s.n; n++)
			ck_assert_int_eq(
				sgs_doc_read(arena, syntaxes[i], slice_head(s, n), &doc, &out),
				RC_BAD_REQUEST);
		arena_reset(arena);
	}
}
END_TEST

START_TEST(test_forms)
{
	const struct sample in = { .text = SLICE_LIT("t"), .octets = SLICE_LIT("\xff\xfe") };

	ck_assert(slice_is(written(SGS_JSON, &in),
	                   "{\"text\":\"t\",\"octets\":\"__4\",\"number\":0,\"flag\":false,"
	                   "\"hex\":\"00000000000000000000000000000000\",\"texts\":[]}"));
	ck_assert(slice_is(written(SGS_XML, &in),
	                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?><sample "
	                   "xmlns=\"urn:openscl:sga:1\"><text>t</text><octets>__4</octets>"
	                   "<number>0</number><flag>false</flag>"
	                   "<hex>00000000000000000000000000000000</hex></sample>"));
}
END_TEST

START_TEST(test_malformed)
{
	static const struct {
		enum sgs_syntax syntax;
		const char *text;
		bool good;
	} cases[] = {
		{ SGS_JSON, "{\"text\":\"t\"}", true },
		{ SGS_JSON, " {\"text\" : \"t\", \"number\":7} ", true },
		{ SGS_JSON, "{\"text\":\"t\",\"number\":\"7\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"number\":9007199254740991}", true },
		{ SGS_JSON, "{\"text\":\"t\",\"number\":9007199254740992}", false },
		{ SGS_JSON, "{}", false },
		{ SGS_JSON, "{\"text\":\"\"}", false },
		{ SGS_JSON, "{\"text\":7}", false },
		{ SGS_JSON, "{\"text\":null}", false },
		{ SGS_JSON, "{\"text\":[\"t\"]}", false },
		{ SGS_JSON, "{\"text\":{\"a\":\"t\"}}", false },
		{ SGS_JSON, "{\"text\":\"t\\u0001\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"text\":\"t\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"more\":1}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"number\":-1}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"number\":1.5}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"number\":true}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"flag\":1}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"flag\":\"true\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"octets\":\"_\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"octets\":\"__8=\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"octets\":\"++8\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"hex\":\"00\"}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"texts\":[\"a\",1]}", false },
		{ SGS_JSON, "{\"text\":\"t\",\"texts\":[]}", true },
		{ SGS_JSON, "{\"text\":\"t\"}}", false },
		{ SGS_JSON, "{\"text\":\"t\"},\"b\":{}", false },
		{ SGS_JSON, "{\"text\":\"t\"} x", false },
		{ SGS_JSON, "[{\"text\":\"t\"}]", false },
		{ SGS_JSON, "\"text\"", false },
		{ SGS_JSON, "{\"@text\":\"t\"}", false },
		{ SGS_XML, "<sample xmlns='urn:openscl:sga:1'><text>t</text></sample>", true },
		{ SGS_XML, "<s:sample xmlns:s='urn:openscl:sga:1'><s:text>t</s:text></s:sample>",
		  true },
		{ SGS_XML, "<sample xmlns='urn:openscl:sga:1'>\n <text>t</text>\n</sample>", true },
		{ SGS_XML, "<sample><text>t</text></sample>", false },
		{ SGS_XML, "<other xmlns='urn:openscl:sga:1'><text>t</text></other>", false },
		{ SGS_XML, "<sample xmlns='urn:openscl:sga:1' a='1'><text>t</text></sample>",
		  false },
		{ SGS_XML, "<sample xmlns='urn:openscl:sga:1'>x<text>t</text></sample>", false },
		{ SGS_XML, "<sample xmlns='urn:openscl:sga:1'><text a='1'>t</text></sample>",
		  false },
		{ SGS_XML,
		  "<sample xmlns='urn:openscl:sga:1'><text>t</text><text>t</text></sample>",
		  false },
		{ SGS_CBOR, "\xa1\x64text\x61t", true },
		{ SGS_CBOR, "\xa1\x64text\x41t", false },
		{ SGS_CBOR, "\xa2\x64text\x61t\x66octets\x42zz", true },
		{ SGS_CBOR, "\xa2\x64text\x61t\x66octets\x07", false },
		{ SGS_CBOR, "\x64text", false },
		{ SGS_CBOR, "\xa1\x64text\x61t\x61", false },
		{ SGS_OCTETS, "t", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample out = { .number = 0 };
		enum rc rc =
			sgs_doc_read(arena, cases[i].syntax, slice_of(cases[i].text), &doc, &out);

		ck_assert_msg(rc == (cases[i].good ? RC_OK : RC_BAD_REQUEST), "%zu: %d: %s", i,
		              (int)rc, cases[i].text);
	}
}
END_TEST

START_TEST(test_messages)
{
	for (size_t i = 0; i < SYNTAXES; i++) {
		struct slice message;
		struct buf b;

		buf_init(&b, 1000);
		sgs_message_write(&b, syntaxes[i], "m", SLICE_LIT("\0\1octets"));
		ck_assert_int_eq(sgs_message_read(arena, syntaxes[i], buf_view(&b), "m", &message),
		                 RC_OK);
		ck_assert(slice_eq(message, SLICE_LIT("\0\1octets")));
		buf_fini(&b);
		ck_assert_int_eq(
			sgs_message_read(arena, syntaxes[i], SLICE_LIT("{}"), "m", &message),
			RC_BAD_REQUEST);
	}
}
END_TEST

START_TEST(test_accept)
{
	static const struct {
		const char *accept;
		bool octets;
		enum sgs_syntax preferred, want;
	} cases[] = {
		{ NULL, true, SGS_CBOR, SGS_CBOR },
		{ "*/*", true, SGS_JSON, SGS_JSON },
		{ "application/*", true, SGS_XML, SGS_XML },
		{ "application/octet-stream, application/json", true, SGS_XML, SGS_OCTETS },
		{ "application/octet-stream, application/json", false, SGS_XML, SGS_JSON },
		{ "application/json;q=0.5, application/cbor", true, SGS_XML, SGS_CBOR },
		{ "application/json; q=0, */*;q=0.1", true, SGS_XML, SGS_XML },
		{ "Application/XML;charset=utf-8", true, SGS_JSON, SGS_XML },
		{ "text/html", true, SGS_JSON, SGS_NO_SYNTAX },
		{ "application/json;q=0", true, SGS_JSON, SGS_NO_SYNTAX },
		{ "", true, SGS_JSON, SGS_NO_SYNTAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(sgs_syntax_accepted(slice_of(cases[i].accept), cases[i].octets,
		                                  cases[i].preferred) == cases[i].want,
		              "%zu", i);
	ck_assert_int_eq(sgs_syntax_of(SLICE_LIT("application/cbor; x=y")), SGS_CBOR);
	ck_assert_int_eq(sgs_syntax_of(SLICE_LIT("text/plain")), SGS_NO_SYNTAX);
	ck_assert_int_eq(sgs_syntax_of(SLICE_NONE), SGS_NO_SYNTAX);
}
END_TEST

/* ---- limits ---- */

static struct sgs_guard *
guard_with(unsigned burst, unsigned rate)
{
	const struct sgs_guard_conf conf = { .clock = &clock_system,
		                             .per_subject = 3,
		                             .per_source = 5,
		                             .window = 3600 * CLOCK_SECOND,
		                             .burst = burst,
		                             .rate = rate };
	struct sgs_guard *g;

	ck_assert_int_eq(sgs_guard_new(&conf, &g), RC_OK);
	return g;
}

START_TEST(test_lockout)
{
	struct slice a = SLICE_LIT("alice"), b = SLICE_LIT("bob"), from = SLICE_LIT("192.0.2.9");
	static struct sgs_lockout list[SGS_LOCKOUTS_MAX];
	struct sgs_guard *g = guard_with(1, 0);
	unsigned retry = 0;

	/* Not each refusal is a guess. */
	for (int i = 0; i < 20; i++) {
		ck_assert_uint_eq(sgs_guard_refused(g, SGS_BY_COUNTER, a, from), 2);
		ck_assert_uint_eq(sgs_guard_refused(g, SGS_BY_OPENING, SLICE_NONE, from), 2);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert(sgs_guard_allow(g, a, from, &retry));
		ck_assert_uint_eq(sgs_guard_refused(g, SGS_BY_MAC, a, from), 2);
	}
	ck_assert(!sgs_guard_allow(g, a, SLICE_NONE, &retry));
	ck_assert_uint_gt(retry, 0);
	ck_assert(sgs_guard_allow(g, b, from, &retry));
	ck_assert_uint_eq(sgs_guard_list(g, list), 1);
	ck_assert_str_eq(list[0].name, "alice");
	/* From one place, by whatever names. */
	sgs_guard_refused(g, SGS_BY_TOKEN, b, from);
	sgs_guard_refused(g, SGS_BY_UNKNOWN, b, from);
	ck_assert(!sgs_guard_allow(g, b, from, &retry));
	ck_assert(sgs_guard_allow(g, b, SLICE_NONE, &retry));
	ck_assert_uint_eq(sgs_guard_list(g, list), 2);
	ck_assert(sgs_guard_is_locked(g, from) && !sgs_guard_is_locked(g, b));
	sgs_guard_lift(g, a);
	ck_assert(sgs_guard_allow(g, a, SLICE_NONE, &retry));
	ck_assert_uint_eq(sgs_guard_list(g, list), 1);
	ck_assert_str_eq(list[0].name, "192.0.2.9");
	sgs_guard_free(g);
}
END_TEST

START_TEST(test_rate)
{
	struct sgs_guard *g = guard_with(3, 1);
	struct slice from = SLICE_LIT("192.0.2.9");
	unsigned retry = 0, taken = 0;

	for (int i = 0; i < 100; i++)
		taken += sgs_guard_spend(g, from, &retry) ? 1 : 0;
	/* A slow machine gets some more by the clock. */
	ck_assert_uint_ge(taken, 3);
	ck_assert_uint_lt(taken, 60);
	ck_assert_uint_eq(retry, 1);
	ck_assert(sgs_guard_spend(g, SLICE_NONE, &retry));
	sgs_guard_free(g);
	g = guard_with(1, 0);
	for (int i = 0; i < 100; i++)
		ck_assert(sgs_guard_spend(g, from, &retry));
	sgs_guard_free(g);
}
END_TEST

/* ---- counters of requests ---- */

START_TEST(test_seen)
{
	struct sgs_seen *s = sgs_seen_new();
	struct sgs_device d = { .number = 7, .regctr = 1, .ceiling = 1000 };
	struct sgs_device before = d;

	/* After a restart all up to the ceiling may have been taken. */
	ck_assert_int_eq(sgs_seen_take(s, &d, 1000), SGS_SEEN_OLD);
	ck_assert_int_eq(sgs_seen_take(s, &d, 1001), SGS_SEEN_RAISE);
	sgs_seen_raised(s, 7, 1, 2001);
	ck_assert_int_eq(sgs_seen_take(s, &d, 1001), SGS_SEEN_TAKEN);
	ck_assert_int_eq(sgs_seen_take(s, &d, 1001), SGS_SEEN_OLD);
	ck_assert_int_eq(sgs_seen_take(s, &d, 2001), SGS_SEEN_TAKEN);
	ck_assert_int_eq(sgs_seen_take(s, &d, 1500), SGS_SEEN_OLD);
	ck_assert_int_eq(sgs_seen_take(s, &d, 2002), SGS_SEEN_RAISE);
	ck_assert_int_eq(sgs_seen_take(s, &d, UINT64_MAX), SGS_SEEN_OLD);
	/* Registered again: from the beginning; who has looked before that is too late. */
	d.regctr = 2;
	d.ceiling = 0;
	ck_assert_int_eq(sgs_seen_take(s, &d, 1), SGS_SEEN_RAISE);
	sgs_seen_raised(s, 7, 1, 5000);
	ck_assert_int_eq(sgs_seen_take(s, &d, 1), SGS_SEEN_RAISE);
	sgs_seen_raised(s, 7, 2, 1001);
	ck_assert_int_eq(sgs_seen_take(s, &d, 1), SGS_SEEN_TAKEN);
	ck_assert_int_eq(sgs_seen_take(s, &before, 3000), SGS_SEEN_OLD);
	sgs_seen_forget(s, 7);
	sgs_seen_forget(s, 7);
	sgs_seen_free(s);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_round,  test_forms,   test_malformed, test_messages,
		                       test_accept, test_lockout, test_rate,      test_seen };
	Suite *s = suite_create("sgs doc");
	TCase *c = suite_case(s, "pure", setup, teardown);

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	return run_suite(s);
}
