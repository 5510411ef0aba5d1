/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink takes, once and from the source alone, and what it finds out about a section. */
#include "config.h"

#include "pre_flow.h"

#define BATCH_MAX (1u << 20)

static struct buf sent, forwarded;
static struct units units; /* of forwarded */
static struct pre_opening *sink;

static void
setup(void)
{
	pre_flow_setup();
	buf_init(&sent, BATCH_MAX);
	buf_init(&forwarded, BATCH_MAX);
}

static void
teardown(void)
{
	pre_opening_free(sink);
	sink = NULL;
	buf_fini(&sent);
	buf_fini(&forwarded);
	pre_flow_teardown();
}

/* Sections of messages each, re-encrypted for the sink, which has taken nothing yet. */
static void
prepare(const struct pre_stream_conf *conf, unsigned sections, unsigned messages)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_stream *s = flow_stream(conf);

	flow_send(s, sections, messages, &sent);
	pre_stream_free(s);
	flow_forward(&sent, &flow_sink, &forwarded);
	units = units_of(&forwarded);
	sink = flow_opening(&by);
}

static void
prepare_plain(unsigned sections, unsigned messages)
{
	struct pre_stream_conf conf = flow_stream_conf();

	prepare(&conf, sections, messages);
}

/* Another opening of the sink instead. */
static void
reopen(struct pre_opening_conf conf)
{
	pre_opening_free(sink);
	sink = flow_opening(&conf);
}

static const struct pre_unit *
data(size_t i)
{
	return units_find(&units, PRE_DATA, i);
}

static struct pre_opened
take(const struct pre_unit *u)
{
	struct pre_opened out;

	ck_assert_uint_eq(pre_opening_take(sink, u, &out), RC_OK);
	return out;
}

static struct pre_report
report(void)
{
	struct pre_report r;

	pre_opening_report(sink, &r);
	return r;
}

/* ---- the whole ---- */

static void
expect_stream(unsigned sections, unsigned messages)
{
	struct pre_report r;
	char text[16];
	unsigned n = 0;

	for (size_t i = 0; i < units.n; i++) {
		struct pre_opened out = take(&units.u[i]);

		ck_assert_uint_eq(out.findings, 0);
		ck_assert_uint_eq(out.missing, 0);
		ck_assert(out.judged == (out.type == PRE_END));
		if (out.type != PRE_DATA)
			continue;
		snprintf(text, sizeof(text), "%u", n);
		ck_assert(slice_is(out.plain, text));
		ck_assert_uint_eq(out.seq, n++ % messages);
	}
	r = report();
	ck_assert_uint_eq(r.sections, sections);
	ck_assert_uint_eq(r.complete, sections);
	ck_assert_uint_eq(r.messages, (uint64_t)sections * messages);
	ck_assert_uint_eq(r.findings, 0);
}

START_TEST(a_stream_arrives)
{
	prepare_plain(6, 3);
	expect_stream(6, 3);
}
END_TEST

START_TEST(with_every_cipher)
{
	struct pre_stream_conf conf = flow_stream_conf();

	conf.cid = cipher_at((size_t)_i)->cid;
	conf.sign_data = _i % 2 == 0;
	prepare(&conf, 2, 3);
	expect_stream(2, 3);
}
END_TEST

START_TEST(the_owner_opens_both_forms)
{
	prepare_plain(2, 2);
	reopen(flow_opening_conf(&flow_source, PRE_AS_OWNER));
	expect_stream(2, 2);
	units = units_of(&sent);
	reopen(flow_opening_conf(&flow_source, PRE_AS_OWNER));
	expect_stream(2, 2);
	/* Both forms are one message. */
	units = units_of(&forwarded);
	ck_assert_uint_eq(flow_take(sink, units_find(&units, PRE_MM1, 1)), RC_CONFLICT);
}
END_TEST

START_TEST(made_for_one_party)
{
	struct pre_stream_conf conf = flow_stream_conf();
	const uint8_t nothing[AFGH_GT] = { 0 };
	struct pre_stream *s;
	struct pre_unit u;
	struct pre_mm m;

	conf.pk1 = slice_make(flow_sink.pk1, AFGH_GT);
	s = flow_stream(&conf);
	flow_send(s, 2, 2, &sent);
	pre_stream_free(s);
	units = units_of(&sent);
	reopen(flow_opening_conf(&flow_sink, PRE_AS_ADDRESSEE));
	expect_stream(2, 2);
	/* It is for no proxy: another form of it is none. */
	reopen(flow_opening_conf(&flow_sink, PRE_AS_ADDRESSEE));
	u = units.u[0];
	ck_assert_uint_eq(pre_mm_parse(&u.hdr, u.rest, &m), RC_OK);
	ck_assert_uint_eq(pre_mm1_make(&m, nothing, nothing, &forwarded), RC_OK);
	u.hdr.type = PRE_MM1;
	u.rest = buf_view(&forwarded);
	ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	reopen(flow_opening_conf(&flow_other, PRE_AS_ADDRESSEE));
	ck_assert_uint_eq(flow_take(sink, &units.u[0]), RC_BAD_REQUEST);
	reopen(flow_opening_conf(&flow_source, PRE_AS_OWNER));
	ck_assert_uint_eq(flow_take(sink, &units.u[0]), RC_BAD_REQUEST);
}
END_TEST

START_TEST(individual_messages)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_stream *s = flow_stream(&conf);

	ck_assert_uint_eq(pre_stream_single(s, 1, SLICE_LIT("one"), &sent), RC_OK);
	ck_assert_uint_eq(pre_stream_single(s, 2, SLICE_LIT("two"), &sent), RC_OK);
	pre_stream_free(s);
	flow_forward(&sent, &flow_sink, &forwarded);
	units = units_of(&forwarded);
	ck_assert_uint_eq(units.n, 4);
	by.individual = true;
	reopen(by);
	(void)take(&units.u[0]);
	ck_assert(slice_is(take(&units.u[1]).plain, "one"));
	ck_assert_uint_eq(report().findings, 0);
	ck_assert_uint_eq(take(&units.u[2]).findings, 0);
	ck_assert_uint_eq(report().findings, PRE_MISSING);
	ck_assert(slice_is(take(&units.u[3]).plain, "two"));
	ck_assert_uint_eq(report().complete, 2);
	ck_assert_uint_eq(report().findings, 0);
}
END_TEST

START_TEST(more_than_one_message_is_not_individual)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);

	prepare_plain(1, 2);
	by.individual = true;
	reopen(by);
	(void)take(&units.u[0]);
	ck_assert_uint_eq(flow_take(sink, data(1)), RC_BAD_REQUEST);
	(void)take(data(0));
	ck_assert_uint_eq(flow_take(sink, units_find(&units, PRE_END, 0)), RC_BAD_REQUEST);
	ck_assert_uint_eq(report().complete, 1);
}
END_TEST

/* ---- who cannot ---- */

START_TEST(not_for_this_sink)
{
	prepare_plain(1, 1);
	reopen(flow_opening_conf(&flow_other, PRE_AS_SINK));
	ck_assert_uint_eq(flow_take(sink, &units.u[0]), RC_BAD_REQUEST);
	ck_assert_uint_eq(flow_take(sink, &units.u[1]), RC_NOT_FOUND);
	/* As the source made it, it is for no sink. */
	reopen(flow_opening_conf(&flow_sink, PRE_AS_SINK));
	units = units_of(&sent);
	ck_assert_uint_eq(flow_take(sink, &units.u[0]), RC_BAD_REQUEST);
}
END_TEST

START_TEST(not_the_pinned_source)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);

	prepare_plain(1, 1);
	by.key = flow_other.public;
	reopen(by);
	for (size_t i = 0; i < units.n; i++)
		ck_assert_uint_ne(flow_take(sink, &units.u[i]), RC_OK);
	by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	by.source = SLICE_LIT("coap://gateway.example/alpha_2");
	reopen(by);
	for (size_t i = 0; i < units.n; i++)
		ck_assert_uint_eq(flow_take(sink, &units.u[i]), RC_BAD_REQUEST);
}
END_TEST

/* A key for epoch 0 of the stream opens nothing of another epoch or another stream. */
START_TEST(a_grant_ends_with_its_epoch)
{
	struct pre_rekey k = flow_rekey(&flow_sink, FLOW_STREAM, 0);
	const struct pre_unit *second;
	struct buf out;
	uint8_t d[AFGH_GT];
	struct pre_grant *g;
	struct pre_unit u;

	prepare_plain(2, 1);
	units = units_of(&sent);
	second = units_find(&units, PRE_MM2, 1);
	ck_assert_uint_eq(pre_grant_new(&k, &g), RC_OK);
	ck_assert(pre_grant_fits(g, units_find(&units, PRE_MM2, 0)));
	ck_assert(!pre_grant_fits(g, second));
	u = *units_find(&units, PRE_MM2, 0);
	u.hdr.stream++;
	ck_assert(!pre_grant_fits(g, &u));
	u.hdr.stream--;
	u.hdr.source[15] ^= 1;
	ck_assert(!pre_grant_fits(g, &u));
	ck_assert(!pre_grant_fits(g, data(0)));
	ck_assert_uint_eq(pre_grant_power(g, second, NULL, d), RC_BAD_REQUEST);
	pre_grant_free(g);
	/* A proxy that does it all the same. */
	for (int i = 0; i < 2; i++) {
		k.id.epoch = i == 0 ? 1 : 0;
		k.id.stream = FLOW_STREAM;
		k = i == 0 ? k : flow_rekey(&flow_sink, FLOW_STREAM + 1, 1);
		k.id.stream = FLOW_STREAM;
		ck_assert_uint_eq(pre_grant_new(&k, &g), RC_OK);
		buf_init(&out, BATCH_MAX);
		ck_assert_uint_eq(pre_reencrypt(g, second, NULL, SLICE_NONE, &out), RC_OK);
		ck_assert_uint_eq(pre_unit_parse(buf_view(&out), NULL, &u), RC_OK);
		ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
		buf_fini(&out);
		pre_grant_free(g);
	}
}
END_TEST

START_TEST(a_proxy_that_cannot)
{
	struct pre_rekey k = flow_rekey(&flow_sink, FLOW_STREAM, 0);
	struct pre_grant *g;
	struct buf out;

	prepare_plain(1, 1);
	units = units_of(&sent);
	ck_assert_uint_eq(pre_grant_new(&k, &g), RC_OK);
	buf_init(&out, 300);
	buf_char(&out, 'x');
	ck_assert_uint_eq(pre_reencrypt(g, &units.u[0], NULL, SLICE_LIT("a b"), &out),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(pre_reencrypt(g, &units.u[0], NULL, SLICE_NONE, &out), RC_NO_SPACE);
	ck_assert_uint_eq(out.n, 1);
	buf_fini(&out);
	pre_grant_free(g);
	pre_grant_free(NULL);
}
END_TEST

/* ---- once ---- */

START_TEST(repeats_are_told)
{
	prepare_plain(3, 2);
	for (size_t i = 0; i < units.n; i++) {
		(void)take(&units.u[i]);
		ck_assert_uint_eq(flow_take(sink, &units.u[i]), RC_CONFLICT);
	}
	for (size_t i = 0; i < units.n; i++)
		ck_assert_uint_eq(flow_take(sink, &units.u[i]), RC_CONFLICT);
	ck_assert_uint_eq(report().messages, 6);
	ck_assert_uint_eq(report().findings, 0);
}
END_TEST

/* The window: 64 behind the highest. */
START_TEST(window_of_a_section)
{
	prepare_plain(1, 70);
	(void)take(&units.u[0]);
	(void)take(data(66));
	ck_assert_uint_eq(flow_take(sink, data(0)), RC_CONFLICT);
	ck_assert_uint_eq(flow_take(sink, data(1)), RC_CONFLICT);
	for (size_t i = 2; i < 66; i++)
		(void)take(data(i));
	for (size_t i = 0; i < 67; i++)
		ck_assert_uint_eq(flow_take(sink, data(i)), RC_CONFLICT);
	ck_assert_uint_eq(take(data(67)).missing, 2);
}
END_TEST

START_TEST(older_sections_are_refused)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	const struct pre_unit *first, *second;

	prepare_plain(2, 1);
	first = units_find(&units, PRE_MM1, 0);
	second = units_find(&units, PRE_MM1, 1);
	(void)take(second);
	ck_assert_uint_eq(flow_take(sink, first), RC_GONE);
	ck_assert_uint_eq(flow_take(sink, data(0)), RC_GONE);
	ck_assert_uint_eq(flow_take(sink, units_find(&units, PRE_END, 0)), RC_GONE);
	(void)take(data(1));
	by.archive = true;
	reopen(by);
	(void)take(second);
	ck_assert_uint_eq(flow_take(sink, data(0)), RC_NOT_FOUND);
	(void)take(first);
	(void)take(data(0));
	ck_assert_uint_eq(flow_take(sink, first), RC_CONFLICT);
}
END_TEST

/* Two sections of the same number: a source that has lost its state. */
START_TEST(a_number_stands_for_one_section)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct buf again, out;
	struct units u;
	struct pre_stream *s;

	prepare_plain(1, 1);
	buf_init(&again, BATCH_MAX);
	buf_init(&out, BATCH_MAX);
	s = flow_stream(&conf);
	flow_send(s, 1, 1, &again);
	pre_stream_free(s);
	flow_forward(&again, &flow_sink, &out);
	u = units_of(&out);
	(void)take(&units.u[0]);
	ck_assert_uint_eq(flow_take(sink, &u.u[0]), RC_BAD_REQUEST);
	ck_assert_uint_eq(flow_take(sink, &u.u[1]), RC_BAD_REQUEST);
	(void)take(&units.u[1]);
	ck_assert_uint_eq(take(units_find(&units, PRE_END, 0)).findings, 0);
	buf_fini(&again);
	buf_fini(&out);
}
END_TEST

/* ---- limits ---- */

START_TEST(streams_are_bounded)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_stream_conf conf = flow_stream_conf();

	for (uint16_t i = 0; i < 3; i++) {
		struct pre_stream *s;

		conf.stream = i;
		s = flow_stream(&conf);
		flow_send(s, 1, 1, &sent);
		pre_stream_free(s);
	}
	flow_forward(&sent, &flow_sink, &forwarded);
	units = units_of(&forwarded);
	by.streams = 2;
	reopen(by);
	(void)take(units_find(&units, PRE_MM1, 0));
	(void)take(units_find(&units, PRE_MM1, 1));
	ck_assert_uint_eq(flow_take(sink, units_find(&units, PRE_MM1, 2)), RC_NO_SPACE);
	(void)take(data(0));
	(void)take(data(1));
	ck_assert_uint_eq(flow_take(sink, data(2)), RC_NOT_FOUND);
}
END_TEST

/* The first section gives way; what it lacked stays known. */
START_TEST(sections_are_bounded)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);

	prepare_plain(3, 2);
	by.sections = 2;
	reopen(by);
	(void)take(units_find(&units, PRE_MM1, 0));
	(void)take(data(0));
	ck_assert_uint_eq(take(units_find(&units, PRE_MM1, 1)).findings, PRE_UNENDED);
	(void)take(data(1));
	(void)take(data(2));
	(void)take(data(3));
	ck_assert_uint_eq(take(units_find(&units, PRE_END, 1)).findings, PRE_JOINED);
	(void)take(units_find(&units, PRE_MM1, 2));
	ck_assert_uint_eq(flow_take(sink, units_find(&units, PRE_END, 0)), RC_GONE);
	ck_assert_uint_eq(flow_take(sink, data(0)), RC_GONE);
	(void)take(data(4));
	(void)take(data(5));
	ck_assert_uint_eq(take(units_find(&units, PRE_END, 2)).findings, 0);
	ck_assert_uint_eq(report().sections, 3);
	ck_assert_uint_eq(report().complete, 2);
	ck_assert_uint_eq(report().findings, PRE_UNENDED | PRE_JOINED);
}
END_TEST

/* With a tag of 8 octets a key is given up after 2^20 messages that did not open. */
START_TEST(a_short_tag_has_few_tries)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_stream_conf conf = flow_stream_conf();
	struct buf state;
	char *forged;
	struct pre_unit u;

	conf.cid = 1;
	prepare(&conf, 1, 2);
	(void)take(&units.u[0]);
	(void)take(data(0));
	u = *data(1);
	forged = malloc(u.rest.n);
	memcpy(forged, u.rest.p, u.rest.n);
	forged[u.rest.n - 1] ^= 1;
	u.rest.p = forged;
	for (unsigned i = 0; i < 1u << 20; i++)
		ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	ck_assert_uint_eq(flow_take(sink, data(1)), RC_BAD_REQUEST);
	/* Nor after a restart. */
	buf_init(&state, BATCH_MAX);
	ck_assert_uint_eq(pre_opening_save(sink, &state), RC_OK);
	pre_opening_free(sink);
	ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &sink), RC_OK);
	ck_assert_uint_eq(flow_take(sink, data(1)), RC_BAD_REQUEST);
	buf_fini(&state);
	free(forged);
}
END_TEST

START_TEST(conf_is_checked)
{
	struct pre_opening_conf good = flow_opening_conf(&flow_sink, PRE_AS_SINK), bad;
	struct pre_opening *o;

	ck_assert_uint_eq(pre_opening_new(&good, SLICE_LIT("M2PO1"), &o), RC_BAD_REQUEST);
	bad = good;
	bad.source = SLICE_LIT("alpha_1");
	ck_assert_uint_eq(pre_opening_new(&bad, SLICE_NONE, &o), RC_BAD_REQUEST);
	bad = good;
	memset(&bad.key, 0, sizeof(bad.key));
	ck_assert_uint_eq(pre_opening_new(&bad, SLICE_NONE, &o), RC_BAD_REQUEST);
	bad = good;
	bad.streams = 65537;
	ck_assert_uint_eq(pre_opening_new(&bad, SLICE_NONE, &o), RC_BAD_REQUEST);
	bad = good;
	bad.sections = 1000;
	ck_assert_uint_eq(pre_opening_new(&bad, SLICE_NONE, &o), RC_BAD_REQUEST);
	ck_assert_ptr_null(o);
	pre_opening_free(NULL);
}
END_TEST

static Suite *
opening_suite(void)
{
	Suite *s = suite_create("pre_opening");
	TCase *c = suite_case(s, "streams", setup, teardown);

	tcase_add_test(c, a_stream_arrives);
	tcase_add_loop_test(c, with_every_cipher, 0, 7);
	tcase_add_test(c, the_owner_opens_both_forms);
	tcase_add_test(c, made_for_one_party);
	tcase_add_test(c, individual_messages);
	tcase_add_test(c, more_than_one_message_is_not_individual);
	c = suite_case(s, "others", setup, teardown);
	tcase_add_test(c, not_for_this_sink);
	tcase_add_test(c, not_the_pinned_source);
	tcase_add_test(c, a_grant_ends_with_its_epoch);
	tcase_add_test(c, a_proxy_that_cannot);
	c = suite_case(s, "once", setup, teardown);
	tcase_add_test(c, repeats_are_told);
	tcase_add_test(c, window_of_a_section);
	tcase_add_test(c, older_sections_are_refused);
	tcase_add_test(c, a_number_stands_for_one_section);
	c = suite_case(s, "limits", setup, teardown);
	tcase_add_test(c, streams_are_bounded);
	tcase_add_test(c, sections_are_bounded);
	tcase_add_test(c, a_short_tag_has_few_tries);
	tcase_add_test(c, conf_is_checked);
	return s;
}

int
main(void)
{
#ifndef HAVE_PAIRING
	return 77;
#endif
	return run_suite(opening_suite());
}
