/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions of a lane: every state with every event, and what hangs on numbers and times. */
#include "config.h"

#include "cap/pxy/px_lane.h"
#include "suite.h"

#include <string.h>

#define NOW (INT64_C(1024) * 1000) /* no jitter: a multiple of 1024 */
#define FIRST CLOCK_SECOND
#define MOST (60 * CLOCK_SECOND)

static const struct px_lane_conf conf = { .retry_first = FIRST, .retry_max = MOST };
static struct px_lane lane;

static unsigned
event_at(enum px_lane_event e, int64_t now)
{
	return px_lane_event(&lane, &conf, e, now);
}

static unsigned
event(enum px_lane_event e)
{
	return event_at(e, NOW);
}

/* In PREPARE. */
static void
prepare(void)
{
	ck_assert_uint_eq(event(PX_LANE_NEWS), PX_LANE_ASK);
	ck_assert_uint_eq(event(PX_LANE_PLACED), PX_LANE_MAKE);
}

static unsigned
made(struct px_result m)
{
	lane.made = m;
	return event(PX_LANE_MADE);
}

/* A body of the messages first..upto, 100 octets each. */
static struct px_result
body(uint64_t first, uint64_t upto)
{
	return (struct px_result){ .kind = PX_RESULT_BODY,
		                   .first = first,
		                   .upto = upto,
		                   .n = (uint32_t)(upto - first + 1),
		                   .octets = 100 * (upto - first + 1),
		                   .section = { 1, 2, 3 } };
}

static unsigned
answered_at(enum px_answer_kind k, int64_t after, int64_t now)
{
	lane.answer = (struct px_answer){ .kind = k, .after = after };
	return event_at(PX_LANE_ANSWERED, now);
}

static unsigned
answered(enum px_answer_kind k)
{
	return answered_at(k, 0, NOW);
}

/* In SEND, with such a body. */
static void
send_body(uint64_t first, uint64_t upto)
{
	prepare();
	ck_assert_uint_eq(made(body(first, upto)), PX_LANE_GIVE);
	ck_assert_uint_eq(lane.state, PX_LANE_SEND);
}

static struct px_lane_order
order(void)
{
	struct px_lane_order o;

	px_lane_order(&lane, &o);
	return o;
}

static void
fresh(void)
{
	px_lane_init(&lane, 10, 0);
}

/* ---- the table ---- */

#define NO 99 /* stays, and nothing is done */
#define QUIET (PX_LANE_UNASK | PX_LANE_UNWAIT)

struct row {
	enum px_lane_state from;
	struct {
		int to;
		unsigned what;
	} on[PX_LANE_EVENTS]; /* NEWS, CHANGED, PAUSE, END, TIMER, PLACED, MADE, ANSWERED */
};

#define STAY                                                                                       \
	{                                                                                          \
		NO, 0                                                                              \
	}
#define PAUSED                                                                                     \
	{                                                                                          \
		PX_LANE_PAUSED, QUIET                                                              \
	}
#define ENDED                                                                                      \
	{                                                                                          \
		PX_LANE_ENDED, QUIET                                                               \
	}
#define GO                                                                                         \
	{                                                                                          \
		PX_LANE_LINE, PX_LANE_ASK                                                          \
	}

static const struct row rows[] = {
	{ PX_LANE_IDLE, { GO, GO, PAUSED, ENDED, STAY, STAY, STAY, STAY } },
	{ PX_LANE_PACE,
	  { STAY,
	    { PX_LANE_LINE, PX_LANE_UNWAIT | PX_LANE_ASK },
	    PAUSED,
	    ENDED,
	    GO,
	    STAY,
	    STAY,
	    STAY } },
	{ PX_LANE_LINE,
	  { STAY, STAY, PAUSED, ENDED, STAY, { PX_LANE_PREPARE, PX_LANE_MAKE }, STAY, STAY } },
	{ PX_LANE_PREPARE,
	  { STAY, STAY, STAY, STAY, STAY, STAY, { PX_LANE_IDLE, PX_LANE_LEAVE }, STAY } },
	{ PX_LANE_SEND,
	  { STAY,
	    STAY,
	    STAY,
	    STAY,
	    STAY,
	    STAY,
	    STAY,
	    { PX_LANE_LINE, PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ASK } } },
	{ PX_LANE_BACKOFF, { STAY, STAY, PAUSED, ENDED, GO, STAY, STAY, STAY } },
	{ PX_LANE_NOKEY, { STAY, GO, PAUSED, ENDED, STAY, STAY, STAY, STAY } },
	{ PX_LANE_REFUSED, { STAY, GO, PAUSED, ENDED, STAY, STAY, STAY, STAY } },
	{ PX_LANE_PAUSED, { STAY, GO, STAY, ENDED, STAY, STAY, STAY, STAY } },
	{ PX_LANE_ENDED, { STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY } },
};

START_TEST(each_state_with_each_event)
{
	const struct row *r = &rows[_i / PX_LANE_EVENTS];
	enum px_lane_event e = (enum px_lane_event)(_i % PX_LANE_EVENTS);
	int to = r->on[e].to == NO ? (int)r->from : r->on[e].to;

	fresh();
	lane.state = r->from;
	lane.made = (struct px_result){ .kind = PX_RESULT_NOTHING, .upto = 10 };
	ck_assert_uint_eq(event(e), r->on[e].what);
	ck_assert_int_eq(lane.state, to);
}
END_TEST

START_TEST(states_have_names)
{
	for (int s = 0; s < PX_LANE_STATES; s++) {
		ck_assert_ptr_nonnull(px_lane_state_name((enum px_lane_state)s));
		ck_assert_int_eq((int)rows[s].from, s);
	}
	ck_assert_str_eq(px_lane_state_name(PX_LANE_NOKEY), "nokey");
}
END_TEST

/* ---- bodies ---- */

START_TEST(what_is_taken_moves_on)
{
	struct px_lane_progress p;

	fresh();
	ck_assert(!px_lane_progress(&lane, &p));
	prepare();
	ck_assert_uint_eq(order().after, 10);
	ck_assert(!order().single);
	ck_assert_uint_eq(made(body(12, 14)), PX_LANE_GIVE);
	ck_assert_uint_eq(answered(PX_ANSWER_TAKEN), PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ASK);
	ck_assert_uint_eq(lane.next, 14);
	ck_assert(px_lane_progress(&lane, &p));
	ck_assert_uint_eq(p.cursor, 14);
	ck_assert_uint_eq(p.sent, 3);
	ck_assert_uint_eq(p.acknowledged, 3);
	ck_assert_uint_eq(p.retried, 0);
	ck_assert_uint_eq(p.octets, 300);
	ck_assert(!px_lane_progress(&lane, &p));
	px_lane_unstored(&lane, &p);
	ck_assert(px_lane_progress(&lane, &p));
	ck_assert_uint_eq(p.cursor, 14);
}
END_TEST

START_TEST(what_could_not_be_stored_is_told_again)
{
	struct px_lane_progress p;

	fresh();
	send_body(11, 12);
	answered(PX_ANSWER_TAKEN);
	ck_assert(px_lane_progress(&lane, &p));
	ck_assert_uint_eq(event(PX_LANE_PLACED), PX_LANE_MAKE);
	made(body(13, 13));
	answered(PX_ANSWER_TAKEN);
	px_lane_unstored(&lane, &p);
	ck_assert(px_lane_progress(&lane, &p));
	ck_assert_uint_eq(p.cursor, 13);
	ck_assert_uint_eq(p.sent, 3);
	ck_assert_uint_eq(p.acknowledged, 3);
	ck_assert_uint_eq(p.octets, 300);
}
END_TEST

START_TEST(what_is_passed_over_moves_on)
{
	fresh();
	prepare();
	ck_assert_uint_eq(
		made((struct px_result){ .kind = PX_RESULT_NOTHING, .upto = 20, .more = true }),
		PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ASK);
	ck_assert_uint_eq(lane.next, 20);
	ck_assert_uint_eq(event(PX_LANE_PLACED), PX_LANE_MAKE);
	ck_assert_uint_eq(made((struct px_result){ .kind = PX_RESULT_NOTHING, .upto = 21 }),
	                  PX_LANE_LEAVE | PX_LANE_KEEP);
	ck_assert_uint_eq(lane.state, PX_LANE_IDLE);
}
END_TEST

/* What comes while it looks is not overlooked. */
START_TEST(news_while_it_prepares)
{
	static const enum px_lane_event events[] = { PX_LANE_NEWS, PX_LANE_CHANGED };

	fresh();
	prepare();
	event(events[_i]);
	ck_assert_uint_eq(made((struct px_result){ .kind = PX_RESULT_NOTHING, .upto = 10 }),
	                  PX_LANE_LEAVE | PX_LANE_ASK);
	ck_assert_uint_eq(event(PX_LANE_PLACED), PX_LANE_MAKE);
	/* It is forgotten then. */
	ck_assert_uint_eq(made((struct px_result){ .kind = PX_RESULT_NOTHING, .upto = 10 }),
	                  PX_LANE_LEAVE);
}
END_TEST

START_TEST(a_key_is_missing)
{
	const struct px_result m = { .kind = PX_RESULT_NOKEY, .upto = 12, .waits_for = { 7, 8 } };

	fresh();
	prepare();
	event(PX_LANE_NEWS);
	ck_assert_uint_eq(made(m), PX_LANE_LEAVE | PX_LANE_KEEP);
	ck_assert_uint_eq(lane.state, PX_LANE_NOKEY);
	ck_assert_uint_eq(lane.waits_for.stream, 7);
	ck_assert_uint_eq(lane.waits_for.epoch, 8);
	ck_assert_uint_eq(lane.next, 12);
	ck_assert_uint_eq(event(PX_LANE_CHANGED), PX_LANE_ASK);
	ck_assert_uint_eq(event(PX_LANE_PLACED), PX_LANE_MAKE);
	/* It comes while it looks. */
	event(PX_LANE_CHANGED);
	ck_assert_uint_eq(made(m), PX_LANE_LEAVE | PX_LANE_ASK);
}
END_TEST

START_TEST(the_end_is_stored)
{
	const struct px_result m = { .kind = PX_RESULT_END, .upto = 12 };

	fresh();
	prepare();
	event(PX_LANE_CHANGED);
	ck_assert_uint_eq(made(m), PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ASK);
	event(PX_LANE_PLACED);
	event(PX_LANE_NEWS);
	ck_assert_uint_eq(made(m), PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ERASE);
	ck_assert_uint_eq(lane.state, PX_LANE_ENDED);
	ck_assert_uint_eq(lane.next, 12);
}
END_TEST

START_TEST(a_message_for_nobody)
{
	const struct px_result m = { .kind = PX_RESULT_BAD, .upto = 12, .first = 13 };

	fresh();
	prepare();
	ck_assert_uint_eq(made(m), PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_STUCK);
	ck_assert_uint_eq(lane.state, PX_LANE_REFUSED);
	ck_assert_uint_eq(lane.refused, 13);
	ck_assert_uint_eq(lane.next, 12);
	px_lane_skip(&lane, 13);
	ck_assert_uint_eq(event(PX_LANE_CHANGED), PX_LANE_ASK);
	ck_assert_uint_eq(lane.refused, 0);
	ck_assert_uint_eq(order().after, 13);
}
END_TEST

START_TEST(a_body_that_cannot_be_made)
{
	fresh();
	prepare();
	ck_assert_uint_eq(made((struct px_result){ .kind = PX_RESULT_FAILED }),
	                  PX_LANE_LEAVE | PX_LANE_FAILING | PX_LANE_KEEP | PX_LANE_WAIT);
	ck_assert_uint_eq(lane.state, PX_LANE_BACKOFF);
	ck_assert_int_eq(lane.delay, FIRST);
}
END_TEST

/* A body was made of what is skipped meanwhile: not a message of it goes out. */
START_TEST(skipped_while_it_prepares)
{
	struct px_lane_progress p;

	fresh();
	prepare();
	px_lane_skip(&lane, 11);
	ck_assert(!px_lane_progress(&lane, &p)); /* the book knows */
	ck_assert_uint_eq(made(body(11, 12)), PX_LANE_LEAVE | PX_LANE_ASK);
	ck_assert_uint_eq(order().after, 11);
	/* What is known better is not set back. */
	px_lane_skip(&lane, 5);
	ck_assert_uint_eq(order().after, 11);
}
END_TEST

/* ---- pause and end ---- */

START_TEST(paused_under_way)
{
	fresh();
	prepare();
	event(PX_LANE_PAUSE);
	ck_assert_uint_eq(made(body(11, 12)), PX_LANE_LEAVE);
	ck_assert_uint_eq(lane.state, PX_LANE_PAUSED);
	ck_assert_uint_eq(event(PX_LANE_CHANGED), PX_LANE_ASK);
	event(PX_LANE_PLACED);
	ck_assert_uint_eq(made(body(11, 12)), PX_LANE_GIVE);
	event(PX_LANE_PAUSE);
	ck_assert_uint_eq(answered(PX_ANSWER_TAKEN), PX_LANE_LEAVE | PX_LANE_KEEP);
	ck_assert_uint_eq(lane.state, PX_LANE_PAUSED);
	ck_assert_uint_eq(lane.next, 12);
}
END_TEST

START_TEST(paused_and_resumed_under_way)
{
	fresh();
	send_body(11, 12);
	event(PX_LANE_PAUSE);
	event(PX_LANE_CHANGED);
	ck_assert_uint_eq(answered(PX_ANSWER_TAKEN), PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ASK);
}
END_TEST

/* Whatever the sink says. */
START_TEST(ended_under_way)
{
	fresh();
	send_body(11, 11);
	event(PX_LANE_PAUSE);
	event(PX_LANE_END);
	ck_assert_uint_eq(answered((enum px_answer_kind)_i) &
	                          (PX_LANE_ASK | PX_LANE_WAIT | PX_LANE_STUCK),
	                  0);
	ck_assert_uint_eq(lane.state, PX_LANE_ENDED);
}
END_TEST

/* ---- failures ---- */

START_TEST(failures_back_off)
{
	int64_t now = NOW, expected = FIRST;

	fresh();
	send_body(11, 12);
	for (unsigned i = 0; i < 10; i++) {
		unsigned what = answered_at(PX_ANSWER_LATER, 0, now);

		ck_assert_uint_eq(what & ~(unsigned)PX_LANE_FAILING,
		                  PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_WAIT);
		ck_assert_uint_eq((what & PX_LANE_FAILING) != 0, i == 0);
		ck_assert_int_eq(lane.delay, expected);
		expected = expected * 2 > MOST ? MOST : expected * 2;
		now += 1024 * CLOCK_SECOND / 4;
		ck_assert_uint_eq(event(PX_LANE_TIMER), PX_LANE_ASK);
		event(PX_LANE_PLACED);
		made(body(11, 12));
	}
	/* It says so every hour, and anew once it has worked. */
	ck_assert(answered_at(PX_ANSWER_LATER, 0, NOW + 3600 * CLOCK_SECOND) & PX_LANE_FAILING);
	event(PX_LANE_TIMER);
	event(PX_LANE_PLACED);
	made(body(11, 12));
	answered(PX_ANSWER_TAKEN);
	ck_assert_uint_eq(lane.fresh.sent, 24);
	ck_assert_uint_eq(lane.fresh.retried, 22);
	ck_assert_uint_eq(lane.fresh.acknowledged, 2);
	event(PX_LANE_PLACED);
	made(body(13, 13));
	ck_assert(answered(PX_ANSWER_LATER) & PX_LANE_FAILING);
	ck_assert_int_eq(lane.delay, FIRST);
}
END_TEST

START_TEST(failures_with_a_time)
{
	fresh();
	send_body(11, 12);
	answered_at(PX_ANSWER_LATER, 7 * CLOCK_SECOND, NOW);
	ck_assert_int_eq(lane.delay, 7 * CLOCK_SECOND);
	event(PX_LANE_TIMER);
	event(PX_LANE_PLACED);
	made(body(11, 12));
	answered_at(PX_ANSWER_LATER, INT64_MAX, NOW);
	ck_assert_int_eq(lane.delay, MOST);
}
END_TEST

START_TEST(failures_have_jitter)
{
	fresh();
	send_body(11, 12);
	answered_at(PX_ANSWER_LATER, 0, NOW + 1023);
	ck_assert_int_gt(lane.delay, FIRST * 6 / 5);
	ck_assert_int_le(lane.delay, FIRST * 5 / 4);
}
END_TEST

/* ---- refusals ---- */

START_TEST(the_refused_one_is_found)
{
	fresh();
	send_body(11, 14);
	ck_assert_uint_eq(answered(PX_ANSWER_NEVER), PX_LANE_LEAVE | PX_LANE_ASK);
	event(PX_LANE_PLACED);
	ck_assert(order().single);
	made(body(11, 11));
	answered(PX_ANSWER_TAKEN);
	event(PX_LANE_PLACED);
	ck_assert(order().single);
	made(body(12, 12));
	ck_assert_uint_eq(answered(PX_ANSWER_NEVER), PX_LANE_LEAVE | PX_LANE_STUCK | PX_LANE_KEEP);
	ck_assert_uint_eq(lane.state, PX_LANE_REFUSED);
	ck_assert_uint_eq(lane.refused, 12);
	px_lane_skip(&lane, 12);
	event(PX_LANE_CHANGED);
	event(PX_LANE_PLACED);
	made(body(13, 13));
	answered(PX_ANSWER_TAKEN);
	event(PX_LANE_PLACED);
	made(body(14, 14));
	answered(PX_ANSWER_TAKEN);
	ck_assert(!order().single);
}
END_TEST

/* What was passed over before it is done: it can be skipped. */
START_TEST(refused_behind_others)
{
	struct px_lane_progress p;

	fresh();
	prepare();
	made(body(15, 15));
	ck_assert_uint_eq(answered(PX_ANSWER_NEVER), PX_LANE_LEAVE | PX_LANE_STUCK | PX_LANE_KEEP);
	ck_assert_uint_eq(lane.refused, 15);
	ck_assert(px_lane_progress(&lane, &p));
	ck_assert_uint_eq(p.cursor, 14);
}
END_TEST

static unsigned
made_back(uint64_t first, uint64_t upto)
{
	struct px_result m = body(first, upto);

	m.back = true;
	return made(m);
}

START_TEST(back_to_the_section)
{
	struct px_lane_progress p;

	fresh();
	send_body(11, 12);
	ck_assert_uint_eq(answered(PX_ANSWER_UNKNOWN), PX_LANE_LEAVE | PX_LANE_ASK);
	ck_assert(order().back);
	ck_assert_uint_eq(order().section.epoch, 2);
	event(PX_LANE_PLACED);
	ck_assert_uint_eq(made_back(5, 8), PX_LANE_GIVE);
	ck_assert_uint_eq(lane.next, 4);
	ck_assert_uint_eq(answered(PX_ANSWER_TAKEN), PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_ASK);
	ck_assert_uint_eq(lane.next, 8);
	/* The book is not set back. */
	ck_assert(px_lane_progress(&lane, &p));
	ck_assert_uint_eq(p.cursor, 10);
	ck_assert(!order().back);
	/* Once: the second time it is refused. */
	event(PX_LANE_PLACED);
	made(body(9, 11));
	ck_assert_uint_eq(answered(PX_ANSWER_UNKNOWN), PX_LANE_LEAVE | PX_LANE_ASK);
	ck_assert(!order().back);
	ck_assert(order().single);
	event(PX_LANE_PLACED);
	made(body(9, 9));
	ck_assert_uint_eq(answered(PX_ANSWER_UNKNOWN),
	                  PX_LANE_LEAVE | PX_LANE_STUCK | PX_LANE_KEEP);
	/* 9 and 10 it had taken: it is the next one that can be skipped. */
	ck_assert_uint_eq(lane.refused, 11);
	ck_assert_uint_eq(order().after, 10);
}
END_TEST

/* Whoever resumes it may have mended the sink. */
START_TEST(back_again_by_control)
{
	fresh();
	send_body(11, 11);
	answered(PX_ANSWER_UNKNOWN);
	event(PX_LANE_PLACED);
	made_back(5, 5);
	ck_assert_uint_eq(answered(PX_ANSWER_UNKNOWN),
	                  PX_LANE_LEAVE | PX_LANE_STUCK | PX_LANE_KEEP);
	ck_assert_uint_eq(event(PX_LANE_CHANGED), PX_LANE_ASK);
	event(PX_LANE_PLACED);
	made(body(11, 11));
	ck_assert_uint_eq(answered(PX_ANSWER_UNKNOWN), PX_LANE_LEAVE | PX_LANE_ASK);
	ck_assert(order().back);
}
END_TEST

/* The forward was paused, which the lane is told only then. */
START_TEST(back_after_a_pause)
{
	fresh();
	send_body(11, 11);
	answered(PX_ANSWER_UNKNOWN);
	event(PX_LANE_PLACED);
	ck_assert_uint_eq(
		made((struct px_result){ .kind = PX_RESULT_NOTHING, .upto = 10, .back = true }),
		PX_LANE_LEAVE);
	event(PX_LANE_PAUSE);
	ck_assert_uint_eq(event(PX_LANE_CHANGED), PX_LANE_ASK);
	ck_assert(order().back);
}
END_TEST

/* Behind where it was refused, it may go back again. */
START_TEST(back_once_more_later)
{
	fresh();
	send_body(11, 12);
	answered(PX_ANSWER_UNKNOWN);
	event(PX_LANE_PLACED);
	made_back(5, 12);
	answered(PX_ANSWER_TAKEN);
	event(PX_LANE_PLACED);
	made(body(13, 13));
	ck_assert_uint_eq(answered(PX_ANSWER_UNKNOWN), PX_LANE_LEAVE | PX_LANE_ASK);
	ck_assert(order().back);
}
END_TEST

START_TEST(the_section_is_not_there)
{
	fresh();
	send_body(11, 12);
	answered(PX_ANSWER_UNKNOWN);
	event(PX_LANE_PLACED);
	ck_assert_uint_eq(made(body(11, 12)), PX_LANE_LEAVE | PX_LANE_STUCK | PX_LANE_KEEP);
	ck_assert_uint_eq(lane.refused, 11);
	ck_assert_uint_eq(event(PX_LANE_CHANGED), PX_LANE_ASK);
	ck_assert(!order().back);
}
END_TEST

/* Two sections in turn, each forgotten for the other: there is an end to it. */
START_TEST(back_and_forth)
{
	unsigned turns = 0;

	fresh();
	send_body(11, 11);
	while (lane.state != PX_LANE_REFUSED && turns++ < 100) {
		lane.made.section.key_index = (uint16_t)(turns % 2);
		answered(PX_ANSWER_UNKNOWN);
		event(PX_LANE_PLACED);
		if (lane.state == PX_LANE_PREPARE)
			made_back(11, 11);
	}
	ck_assert_uint_le(turns, 20);
	ck_assert_uint_ge(turns, 10);
}
END_TEST

/* ---- pace ---- */

START_TEST(the_rate_is_kept)
{
	px_lane_init(&lane, 10, 100);
	send_body(11, 13); /* 300 octets: 3 seconds */
	ck_assert_uint_eq(answered_at(PX_ANSWER_TAKEN, 0, NOW + CLOCK_SECOND),
	                  PX_LANE_LEAVE | PX_LANE_KEEP | PX_LANE_WAIT);
	ck_assert_uint_eq(lane.state, PX_LANE_PACE);
	ck_assert_int_eq(lane.delay, 2 * CLOCK_SECOND);
	/* Twice as fast: half of the rest. */
	px_lane_rate(&lane, 200, NOW + CLOCK_SECOND);
	ck_assert_uint_eq(event_at(PX_LANE_CHANGED, NOW + CLOCK_SECOND),
	                  PX_LANE_UNWAIT | PX_LANE_WAIT);
	ck_assert_int_eq(lane.delay, CLOCK_SECOND);
	px_lane_rate(&lane, 0, NOW + CLOCK_SECOND);
	ck_assert_uint_eq(event_at(PX_LANE_CHANGED, NOW + CLOCK_SECOND),
	                  PX_LANE_UNWAIT | PX_LANE_ASK);
}
END_TEST

START_TEST(the_speed_is_measured)
{
	fresh();
	ck_assert_uint_eq(px_lane_speed(&lane, NOW), 0);
	send_body(11, 20); /* 1000 octets */
	answered_at(PX_ANSWER_TAKEN, 0, 100 * PX_LANE_WINDOW);
	ck_assert_uint_eq(px_lane_speed(&lane, 100 * PX_LANE_WINDOW), 0);
	ck_assert_uint_eq(px_lane_speed(&lane, 101 * PX_LANE_WINDOW), 100);
	event(PX_LANE_PLACED);
	made(body(21, 21));
	answered_at(PX_ANSWER_TAKEN, 0, 101 * PX_LANE_WINDOW + CLOCK_SECOND);
	ck_assert_uint_eq(px_lane_speed(&lane, 102 * PX_LANE_WINDOW - 1), 100);
	ck_assert_uint_eq(px_lane_speed(&lane, 102 * PX_LANE_WINDOW), 10);
	ck_assert_uint_eq(px_lane_speed(&lane, 103 * PX_LANE_WINDOW), 0);
}
END_TEST

static Suite *
lane_suite(void)
{
	Suite *s = suite_create("px_lane");
	TCase *c = suite_case(s, "table", NULL, NULL);

	tcase_add_loop_test(c, each_state_with_each_event, 0,
	                    (int)(sizeof(rows) / sizeof(rows[0])) * PX_LANE_EVENTS);
	tcase_add_test(c, states_have_names);
	tcase_add_test(c, what_is_taken_moves_on);
	tcase_add_test(c, what_could_not_be_stored_is_told_again);
	tcase_add_test(c, what_is_passed_over_moves_on);
	tcase_add_loop_test(c, news_while_it_prepares, 0, 2);
	tcase_add_test(c, a_key_is_missing);
	tcase_add_test(c, the_end_is_stored);
	tcase_add_test(c, a_message_for_nobody);
	tcase_add_test(c, a_body_that_cannot_be_made);
	tcase_add_test(c, skipped_while_it_prepares);
	tcase_add_test(c, paused_under_way);
	tcase_add_test(c, paused_and_resumed_under_way);
	tcase_add_loop_test(c, ended_under_way, 0, 4);
	tcase_add_test(c, failures_back_off);
	tcase_add_test(c, failures_with_a_time);
	tcase_add_test(c, failures_have_jitter);
	tcase_add_test(c, the_refused_one_is_found);
	tcase_add_test(c, refused_behind_others);
	tcase_add_test(c, back_to_the_section);
	tcase_add_test(c, back_again_by_control);
	tcase_add_test(c, back_after_a_pause);
	tcase_add_test(c, back_once_more_later);
	tcase_add_test(c, the_section_is_not_there);
	tcase_add_test(c, back_and_forth);
	tcase_add_test(c, the_rate_is_kept);
	tcase_add_test(c, the_speed_is_measured);
	return s;
}

int
main(void)
{
	return run_suite(lane_suite());
}
