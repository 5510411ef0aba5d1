/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections whose messages come in any order, twice, not at all, or from somebody else: what is taken
 * and what is found out is what a model says that remembers every message. Needs no pairing.
 */
#include "config.h"

#include "pre/opening_own.h"
#include "suite.h"

#define COUNT_MAX 300u
#define STEPS_MAX 600u
#define FORGED 0xffu /* in the digest of a message that the source did not send */

/* A section as its END will have it. */
static const struct pre_hdr header = { .type = PRE_MM2, .stream = 1, .cid = 3 };
static uint8_t management[PRE_MM2_MAX];
static struct opening_section *section;
static struct pre_end end;

/* What the model remembers. */
static struct {
	bool taken[COUNT_MAX + 1];
	uint32_t n, top;
	bool reordered, refused, forged;
} model;

/* A generator that is the same each time (xorshift). */
static uint32_t state;

static uint32_t
below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % n;
}

static struct pre_datum
message(uint32_t seq, uint8_t mark)
{
	struct pre_datum m = { .seq = seq };

	m.digest[0] = mark;
	m.digest[1] = (uint8_t)(seq >> 8);
	m.digest[2] = (uint8_t)seq;
	return m;
}

static void
setup_section(uint32_t count)
{
	static const struct pre_session session;
	struct slice rest = slice_make(management, sizeof(management));
	struct pre_mm m = { .hdr = header, .kept = rest };
	struct pre_data *data;

	ck_assert_uint_eq(pre_data_new(&header, &session, false, &data), RC_OK);
	section = opening_section_new(&m, rest, data);
	ck_assert_ptr_nonnull(section);
	memset(&model, 0, sizeof(model));
	end = (struct pre_end){ .count = count, .chain = section->chain };
	for (uint32_t i = 0; i < count; i++) {
		struct pre_datum d = message(i, 0);

		ck_assert_uint_eq(pre_chain_add(data, &end.chain, d.digest), RC_OK);
	}
}

static enum rc
model_take(uint32_t seq, uint8_t mark)
{
	if (section->ended && seq >= end.count) {
		model.refused = true;
		return RC_BAD_REQUEST;
	}
	if (model.taken[seq] || model.top > seq + 1 + REPLAY_WINDOW)
		return RC_CONFLICT;
	model.taken[seq] = true;
	model.n++;
	model.forged = model.forged || mark != 0;
	if (seq < model.top)
		model.reordered = true;
	else
		model.top = seq + 1;
	return RC_OK;
}

static void
take(uint32_t seq, uint8_t mark)
{
	struct pre_datum m = message(seq, mark);
	enum rc want = model_take(seq, mark);

	ck_assert_uint_eq(opening_section_take(section, &m), want);
}

static void
take_end(void)
{
	section->ended = true;
	section->end = end;
}

static void
expect_verdict(void)
{
	uint32_t all = section->ended && end.count > model.top ? end.count : model.top;
	unsigned want = model.reordered ? PRE_REORDERED : 0;

	ck_assert_uint_eq(opening_section_missing(section), all - model.n);
	if (!section->ended) {
		ck_assert_uint_eq(opening_section_findings(section), want | PRE_UNENDED);
		ck_assert(!opening_section_complete(section, false));
		return;
	}
	want |= all > model.n ? PRE_MISSING : 0;
	if (model.refused || model.top > end.count || (all == model.n && model.forged))
		want |= PRE_ALTERED;
	ck_assert_uint_eq(opening_section_findings(section), want);
	ck_assert(opening_section_complete(section, false) ==
	          ((want & (PRE_MISSING | PRE_ALTERED)) == 0));
}

/* How far messages are from their place, and how often one is lost or not the source's. */
static const struct habit {
	uint32_t count, distance, lost, forged; /* one in so many; 0: none */
} habits[] = {
	{ 0, 1, 0, 0 },    { 1, 1, 0, 0 },    { 64, 1, 0, 0 },   { 65, 1, 0, 0 },
	{ 66, 1, 0, 0 },   { 200, 2, 0, 0 },  { 200, 30, 0, 0 }, { 200, 63, 0, 0 },
	{ 200, 66, 0, 0 }, { 200, 90, 0, 0 }, { 200, 5, 50, 0 }, { 200, 40, 100, 0 },
	{ 200, 5, 0, 90 }, { 60, 60, 0, 60 }, { 60, 60, 60, 0 }, { 299, 70, 300, 300 },
};

static uint32_t
order_of(const struct habit *h, uint32_t out[STEPS_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->count; i++) {
		if (h->lost != 0 && below(h->lost) == 0)
			continue;
		out[n++] = i;
		/* Some come twice. */
		if (below(10) == 0)
			out[n++] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i + below(h->distance), swap = out[i];

		if (k >= n)
			continue;
		out[i] = out[k];
		out[k] = swap;
	}
	return n;
}

static void
one_section(const struct habit *h)
{
	uint32_t order[STEPS_MAX], n, ends;

	setup_section(h->count);
	n = order_of(h, order);
	/* END in the middle, at the end, or after one message too many. */
	ends = below(3) == 0 ? below(n + 1) : n;
	for (uint32_t i = 0; i < n; i++) {
		bool forged = h->forged != 0 && below(h->forged) == 0;

		if (i == ends)
			take_end();
		take(order[i], forged ? FORGED : 0);
		expect_verdict();
	}
	if (h->forged != 0 && below(4) == 0)
		take(h->count, FORGED);
	if (!section->ended)
		take_end();
	expect_verdict();
	if (below(4) == 0)
		take(h->count, FORGED);
	expect_verdict();
	opening_section_free(section);
}

START_TEST(any_order)
{
	state = 2463534242u + (uint32_t)_i;
	for (int i = 0; i < 200; i++)
		one_section(&habits[_i]);
}
END_TEST

/* One message waits for as many others as the window has, or for one more. */
static void
late(uint32_t which, uint32_t others)
{
	setup_section(COUNT_MAX);
	for (uint32_t i = 0; i < COUNT_MAX; i++) {
		if (i != which)
			take(i, 0);
		if (i == which + others)
			take(which, 0);
	}
	take_end();
	expect_verdict();
	ck_assert(opening_section_complete(section, false) == (others <= REPLAY_WINDOW));
	opening_section_free(section);
}

START_TEST(edge_of_the_window)
{
	for (uint32_t which = 0; which < 130; which++) {
		late(which, REPLAY_WINDOW - 1);
		late(which, REPLAY_WINDOW);
		late(which, REPLAY_WINDOW + 1);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pre_orders");
	TCase *c = suite_case(s, "orders", NULL, NULL);

	tcase_add_loop_test(c, any_order, 0, (int)(sizeof(habits) / sizeof(habits[0])));
	tcase_add_test(c, edge_of_the_window);
	return run_suite(s);
}
