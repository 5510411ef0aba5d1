/* SPDX-License-Identifier: Apache-2.0 */
/* What END tells of a section that was changed on its way, and a sink that stops and goes on. */
#include "config.h"

#include "pre_flow.h"

#define BATCH_MAX (1u << 20)
#define MESSAGES 5

static struct buf sent, forwarded, state;
static struct units units; /* of forwarded */
static struct pre_opening *sink;

static const struct pre_unit *
data(size_t i)
{
	return units_find(&units, PRE_DATA, i);
}

static const struct pre_unit *
end(size_t i)
{
	return units_find(&units, PRE_END, i);
}

/* Two sections of MESSAGES messages; the sink has the management message of the first. */
static void
setup(void)
{
	struct pre_stream_conf conf;
	struct pre_opening_conf by;
	struct pre_stream *s;

	pre_flow_setup();
	conf = flow_stream_conf();
	by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	buf_init(&sent, BATCH_MAX);
	buf_init(&forwarded, BATCH_MAX);
	buf_init(&state, BATCH_MAX);
	s = flow_stream(&conf);
	flow_send(s, 2, MESSAGES, &sent);
	pre_stream_free(s);
	flow_forward(&sent, &flow_sink, &forwarded);
	units = units_of(&forwarded);
	sink = flow_opening(&by);
	ck_assert_uint_eq(flow_take(sink, &units.u[0]), RC_OK);
}

static void
teardown(void)
{
	pre_opening_free(sink);
	buf_fini(&sent);
	buf_fini(&forwarded);
	buf_fini(&state);
	pre_flow_teardown();
}

static struct pre_opened
take(const struct pre_unit *u)
{
	struct pre_opened out;

	ck_assert_uint_eq(pre_opening_take(sink, u, &out), RC_OK);
	return out;
}

/* Those messages of the first section, by the digits of which. */
static void
take_data(const char *which)
{
	for (; *which != '\0'; which++)
		(void)take(data((size_t)(*which - '0')));
}

static struct pre_report
report(void)
{
	struct pre_report r;

	pre_opening_report(sink, &r);
	return r;
}

/* ---- what END finds ---- */

static const struct finding_case {
	const char *taken;
	bool judged;
	unsigned findings;
	uint32_t missing;
} cases[] = {
	{ "01234", true, 0, 0 },
	{ "0123", false, PRE_MISSING, 1 },
	{ "1234", false, PRE_MISSING, 1 },
	{ "0134", false, PRE_MISSING, 1 },
	{ "04", false, PRE_MISSING, 3 },
	{ "", false, PRE_MISSING, 5 },
	{ "01324", true, PRE_REORDERED, 0 },
	{ "43210", true, PRE_REORDERED, 0 },
	{ "310", false, PRE_REORDERED | PRE_MISSING, 2 },
};

START_TEST(removal_and_reordering)
{
	const struct finding_case *c = &cases[_i];
	struct pre_opened out;

	take_data(c->taken);
	ck_assert_uint_eq(report().findings & PRE_UNENDED, PRE_UNENDED);
	out = take(end(0));
	ck_assert(out.judged == c->judged);
	ck_assert_uint_eq(out.findings, c->findings);
	ck_assert_uint_eq(out.missing, c->missing);
	ck_assert_uint_eq(report().findings, c->findings);
	ck_assert_uint_eq(report().complete, c->judged);
}
END_TEST

/* What is missing may still come; the last to come judges. */
START_TEST(the_last_message_judges)
{
	struct pre_opened out;

	take_data("03");
	ck_assert_uint_eq(take(end(0)).missing, 3);
	out = take(data(1));
	ck_assert(!out.judged);
	ck_assert_uint_eq(out.missing, 2);
	(void)take(data(4));
	out = take(data(2));
	ck_assert(out.judged);
	ck_assert_uint_eq(out.findings, PRE_REORDERED);
	ck_assert_uint_eq(report().complete, 1);
}
END_TEST

START_TEST(gaps_show_before_the_end)
{
	ck_assert_uint_eq(take(data(0)).missing, 0);
	ck_assert_uint_eq(take(data(3)).missing, 2);
	ck_assert_uint_eq(take(data(1)).missing, 1);
	ck_assert_uint_eq(take(data(4)).missing, 1);
	ck_assert_uint_eq(take(data(2)).missing, 0);
}
END_TEST

/* ---- a sink that speaks as the source ---- */

/* Opens its own MM1 as any sink can, and makes a message of its own of it. */
static void
forge(uint32_t seq, struct buf *body)
{
	struct pre_session s;
	struct pre_data *d;
	struct pre_datum m = { .msg_id = 1, .seq = seq };
	struct pre_mm mm;

	ck_assert_uint_eq(pre_mm_parse(&units.u[0].hdr, units.u[0].rest, &mm), RC_OK);
	ck_assert_uint_eq(pre_mm1_open(&mm, flow_sink.keys, &s), RC_OK);
	ck_assert_uint_eq(pre_data_new(&mm.hdr, &s, true, &d), RC_OK);
	ck_assert_uint_eq(pre_data_seal(d, flow_other.sign, SLICE_LIT("forged"), &m, body), RC_OK);
	pre_data_free(d);
}

static struct pre_unit
forged(uint32_t seq, struct buf *body)
{
	struct pre_unit u = *data(0);

	forge(seq, body);
	u.msg_id = 1;
	u.rest = buf_view(body);
	return u;
}

START_TEST(substitution)
{
	struct buf body;
	struct pre_unit u;
	struct pre_opened out;

	buf_init(&body, 1000);
	u = forged(2, &body);
	take_data("01");
	ck_assert(slice_is(take(&u).plain, "forged"));
	ck_assert_uint_eq(flow_take(sink, data(2)), RC_CONFLICT);
	take_data("34");
	out = take(end(0));
	ck_assert(out.judged);
	ck_assert_uint_eq(out.findings, PRE_ALTERED);
	ck_assert_uint_eq(report().complete, 0);
	ck_assert_uint_eq(report().findings, PRE_ALTERED);
	buf_fini(&body);
}
END_TEST

START_TEST(addition)
{
	struct pre_opened out;
	struct buf body;
	struct pre_unit u;

	/* As the next one, and far behind. */
	buf_init(&body, 1000);
	u = forged(MESSAGES + 10 * (uint32_t)_i, &body);
	take_data("01234");
	(void)take(&u);
	out = take(end(0));
	ck_assert(out.judged);
	ck_assert_uint_eq(out.findings & PRE_ALTERED, PRE_ALTERED);
	ck_assert_uint_eq(report().complete, 0);
	buf_fini(&body);
}
END_TEST

START_TEST(addition_behind_the_end)
{
	struct buf body;
	struct pre_unit u;

	buf_init(&body, 1000);
	u = forged(MESSAGES, &body);
	take_data("01234");
	ck_assert_uint_eq(take(end(0)).findings, 0);
	ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	ck_assert_uint_eq(report().findings, PRE_ALTERED);
	ck_assert_uint_eq(report().complete, 0);
	buf_fini(&body);
}
END_TEST

/* With signatures it is not even taken. */
START_TEST(signed_messages)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct pre_stream *s;
	struct buf body;
	struct pre_unit u, stripped;

	conf.sign_data = true;
	conf.stream = 1;
	buf_clear(&sent);
	buf_clear(&forwarded);
	s = flow_stream(&conf);
	flow_send(s, 1, 3, &sent);
	pre_stream_free(s);
	flow_forward(&sent, &flow_sink, &forwarded);
	units = units_of(&forwarded);
	(void)take(&units.u[0]);
	buf_init(&body, 1000);
	u = forged(1, &body);
	ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	/* Nor without them: flags are part of what names the section. */
	stripped = *data(1);
	stripped.hdr.flags = 0;
	stripped.rest = slice_head(stripped.rest, stripped.rest.n - SIGN_SIZE);
	ck_assert_uint_eq(flow_take(sink, &stripped), RC_BAD_REQUEST);
	take_data("012");
	ck_assert_uint_eq(take(end(0)).findings, 0);
	buf_fini(&body);
}
END_TEST

/* ---- one END after the other ---- */

static void
second_section(unsigned findings, const char *messages)
{
	ck_assert_uint_eq(take(units_find(&units, PRE_MM1, 1)).findings, findings);
	for (; *messages != '\0'; messages++)
		(void)take(data(MESSAGES + (size_t)(*messages - '0')));
}

START_TEST(an_end_that_is_missing)
{
	take_data("01234");
	second_section(PRE_UNENDED, "01234");
	/* The sink has seen no END before: it may have come later. */
	ck_assert_uint_eq(take(end(1)).findings, PRE_JOINED);
	ck_assert_uint_eq(report().findings, PRE_JOINED | PRE_UNENDED);
	/* It was only late. */
	ck_assert_uint_eq(take(end(0)).findings, 0);
	ck_assert_uint_eq(report().complete, 2);
	ck_assert_uint_eq(report().findings, PRE_JOINED);
}
END_TEST

/* Three sections of one message in another stream. */
static void
prepare_three(void)
{
	struct pre_stream_conf conf = flow_stream_conf();
	struct pre_stream *s;

	buf_clear(&sent);
	buf_clear(&forwarded);
	conf.stream = 9;
	s = flow_stream(&conf);
	flow_send(s, 3, 1, &sent);
	pre_stream_free(s);
	flow_forward(&sent, &flow_sink, &forwarded);
	units = units_of(&forwarded);
	for (size_t i = 0; i < 3; i++)
		(void)take(&units.u[i]);
}

START_TEST(a_section_that_is_missing)
{
	prepare_three();
	(void)take(&units.u[6]);
	(void)take(&units.u[7]);
	ck_assert_uint_eq(take(&units.u[8]).findings, PRE_UNLINKED);
}
END_TEST

/* The END of a section that is for others still links. */
START_TEST(a_section_for_others)
{
	prepare_three();
	ck_assert_uint_eq(flow_take(sink, &units.u[4]), RC_NOT_FOUND);
	ck_assert_uint_eq(flow_take(sink, &units.u[5]), RC_NOT_FOUND);
	(void)take(&units.u[6]);
	(void)take(&units.u[7]);
	ck_assert_uint_eq(take(&units.u[8]).findings, 0);
}
END_TEST

START_TEST(an_end_is_the_sources)
{
	struct pre_unit u = *end(0);
	char rest[PRE_END_SIZE];

	take_data("01234");
	for (unsigned bit = 0; bit < 8 * PRE_END_SIZE; bit++) {
		memcpy(rest, u.rest.p, sizeof(rest));
		rest[bit / 8] ^= (char)(1u << bit % 8);
		u.rest.p = rest;
		ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
		u = *end(0);
	}
	/* Units with other lengths do not come so far. */
	for (size_t n = 0; n < PRE_END_SIZE; n++) {
		u.rest = slice_head(end(0)->rest, n);
		ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	}
	u.rest = slice_make(end(0)->rest.p, PRE_END_SIZE + 1);
	ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	/* Of another section. */
	u.rest = end(1)->rest;
	ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	ck_assert_uint_eq(take(end(0)).findings, 0);
}
END_TEST

/* A source that contradicts itself: what it has said first stands. */
START_TEST(another_end)
{
	struct pre_end e = { .count = MESSAGES - 1 };
	struct pre_unit u = *end(0);
	struct buf rest;

	take_data("01234");
	(void)take(end(0));
	buf_init(&rest, 1000);
	ck_assert_uint_eq(pre_end_make(&u.hdr, &e, flow_source.sign, &rest), RC_OK);
	u.rest = buf_view(&rest);
	ck_assert_uint_eq(flow_take(sink, &u), RC_BAD_REQUEST);
	u.hdr.type = PRE_DATA;
	ck_assert_uint_eq(pre_end_read(&u.hdr, u.rest, &flow_source.public, &e), RC_BAD_REQUEST);
	ck_assert_uint_eq(flow_take(sink, end(0)), RC_CONFLICT);
	ck_assert_uint_eq(report().complete, 1);
	buf_fini(&rest);
}
END_TEST

/* ---- a sink that stops ---- */

/* The sink from what it saves, which is the same again afterwards. */
static void
restart(void)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_report before = report(), after;
	struct buf again;

	buf_clear(&state);
	ck_assert_uint_eq(pre_opening_save(sink, &state), RC_OK);
	pre_opening_free(sink);
	ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &sink), RC_OK);
	buf_init(&again, BATCH_MAX);
	ck_assert_uint_eq(pre_opening_save(sink, &again), RC_OK);
	ck_assert(slice_eq(buf_view(&again), buf_view(&state)));
	buf_fini(&again);
	after = report();
	ck_assert_mem_eq(&before, &after, sizeof(before));
}

START_TEST(a_restart_at_any_point)
{
	static const size_t order[] = { 3, 1, 6, 5, 2, 4 };
	size_t at = (size_t)_i;

	for (size_t i = 0; i < NITEMS(order); i++) {
		if (i == at)
			restart();
		(void)take(&units.u[order[i]]);
	}
	if (at == NITEMS(order))
		restart();
	for (size_t i = 0; i < NITEMS(order); i++)
		ck_assert_uint_eq(flow_take(sink, &units.u[order[i]]), RC_CONFLICT);
	for (size_t i = 7; i < units.n; i++) {
		restart();
		/* A management message tells of the section before. */
		ck_assert_uint_eq(take(&units.u[i]).findings, i == 7 ? PRE_REORDERED : 0);
	}
	ck_assert_uint_eq(report().complete, 2);
	ck_assert_uint_eq(report().findings, PRE_REORDERED);
}
END_TEST

START_TEST(a_state_is_checked)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_opening *o;
	struct slice all;

	take_data("024");
	(void)take(end(0));
	ck_assert_uint_eq(pre_opening_save(sink, &state), RC_OK);
	all = buf_view(&state);
	for (size_t n = 1; n < all.n; n++)
		ck_assert_uint_eq(pre_opening_new(&by, slice_head(all, n), &o), RC_BAD_REQUEST);
	buf_char(&state, 0);
	ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &o), RC_BAD_REQUEST);
	all = slice_head(buf_view(&state), state.n - 1);
	/* Behind 64 octets follows a header, whose end names the source. */
	state.p[64 + PRE_HDR_SIZE - 1] ^= 1;
	ck_assert_uint_eq(pre_opening_new(&by, all, &o), RC_BAD_REQUEST);
	state.p[64 + PRE_HDR_SIZE - 1] ^= 1;
	by.as = PRE_AS_OWNER;
	ck_assert_uint_eq(pre_opening_new(&by, all, &o), RC_BAD_REQUEST);
	by = flow_opening_conf(&flow_other, PRE_AS_SINK);
	ck_assert_uint_eq(pre_opening_new(&by, all, &o), RC_BAD_REQUEST);
	by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	by.key = flow_other.public;
	ck_assert_uint_eq(pre_opening_new(&by, all, &o), RC_BAD_REQUEST);
}
END_TEST

/* The octets of the first stream, and of its first section, in a state. */
#define STREAM_AT 64
#define SECTION_AT (STREAM_AT + PRE_HDR_SIZE + 1 + 1)

START_TEST(a_state_of_other_things)
{
	static const size_t changes[] = {
		8, /* source */
		STREAM_AT + 9, /* stream */
		STREAM_AT + 31, /* source of the stream */
		SECTION_AT + 9, /* stream of the section */
		SECTION_AT + 31, /* source of the section */
		SECTION_AT + 11, /* key index of the section */
	};
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_opening *o;

	(void)take(units_find(&units, PRE_MM1, 1));
	ck_assert_uint_eq(pre_opening_save(sink, &state), RC_OK);
	for (size_t i = 0; i < NITEMS(changes); i++) {
		state.p[changes[i]] ^= 1;
		ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &o), RC_BAD_REQUEST);
		state.p[changes[i]] ^= 1;
	}
	by.sections = 2;
	ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &o), RC_OK);
	pre_opening_free(o);
	by.sections = 1;
	ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &o), RC_BAD_REQUEST);
}
END_TEST

/* What was read as an archive is not taken again afterwards. */
START_TEST(no_longer_an_archive)
{
	struct pre_opening_conf by = flow_opening_conf(&flow_sink, PRE_AS_SINK);

	by.sections = 1;
	by.archive = true;
	pre_opening_free(sink);
	sink = flow_opening(&by);
	(void)take(units_find(&units, PRE_MM1, 1));
	(void)take(data(MESSAGES));
	(void)take(units_find(&units, PRE_MM1, 0));
	ck_assert_uint_eq(pre_opening_save(sink, &state), RC_OK);
	pre_opening_free(sink);
	by.archive = false;
	ck_assert_uint_eq(pre_opening_new(&by, buf_view(&state), &sink), RC_OK);
	ck_assert_uint_eq(flow_take(sink, units_find(&units, PRE_MM1, 1)), RC_GONE);
	ck_assert_uint_eq(flow_take(sink, data(MESSAGES)), RC_GONE);
}
END_TEST

static Suite *
chain_suite(void)
{
	Suite *s = suite_create("pre_chain");
	TCase *c = suite_case(s, "end", setup, teardown);

	tcase_add_loop_test(c, removal_and_reordering, 0, (int)NITEMS(cases));
	tcase_add_test(c, the_last_message_judges);
	tcase_add_test(c, gaps_show_before_the_end);
	tcase_add_test(c, an_end_is_the_sources);
	c = suite_case(s, "forged", setup, teardown);
	tcase_add_test(c, substitution);
	tcase_add_loop_test(c, addition, 0, 2);
	tcase_add_test(c, addition_behind_the_end);
	tcase_add_test(c, signed_messages);
	c = suite_case(s, "linked", setup, teardown);
	tcase_add_test(c, an_end_that_is_missing);
	tcase_add_test(c, a_section_that_is_missing);
	tcase_add_test(c, a_section_for_others);
	tcase_add_test(c, another_end);
	c = suite_case(s, "state", setup, teardown);
	tcase_add_loop_test(c, a_restart_at_any_point, 0, 7);
	tcase_add_test(c, a_state_is_checked);
	tcase_add_test(c, a_state_of_other_things);
	tcase_add_test(c, no_longer_an_archive);
	return s;
}

int
main(void)
{
#ifndef HAVE_PAIRING
	return 77;
#endif
	return run_suite(chain_suite());
}
