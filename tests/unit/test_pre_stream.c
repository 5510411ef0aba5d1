/* SPDX-License-Identifier: Apache-2.0 */
/* A source: sections, their limits, epochs, and what survives it. */
#include "config.h"

#include "base/clock.h"
#include "pre/section_state.h"
#include "pre_flow.h"

#define BATCH_MAX (1u << 16)

static struct buf batch;
static struct pre_stream *stream;
static struct pre_stream_conf conf;

static void
setup(void)
{
	pre_flow_setup();
	conf = flow_stream_conf();
	buf_init(&batch, BATCH_MAX);
}

static void
teardown(void)
{
	pre_stream_free(stream);
	stream = NULL;
	buf_fini(&batch);
	pre_flow_teardown();
}

static struct pre_hdr
begin(int64_t now)
{
	struct pre_hdr h;

	ck_assert_uint_eq(pre_stream_begin(stream, now, &batch), RC_OK);
	pre_stream_section(stream, &h);
	return h;
}

static void
expect_section(struct pre_hdr h, uint32_t epoch, unsigned key_index)
{
	ck_assert_uint_eq(h.epoch, epoch);
	ck_assert_uint_eq(h.key_index, key_index);
}

static enum rc
add(int64_t now)
{
	return pre_stream_add(stream, now, SLICE_LIT("text"), &batch);
}

/* The stream in another process, from that state. */
static void
restart(const uint8_t state[PRE_STREAM_STATE_SIZE])
{
	pre_stream_free(stream);
	ck_assert_uint_eq(pre_stream_new(&conf, slice_make(state, PRE_STREAM_STATE_SIZE), &stream),
	                  RC_OK);
}

/* ---- sections ---- */

START_TEST(units_of_a_stream)
{
	struct units u;

	stream = flow_stream(&conf);
	flow_send(stream, 2, 2, &batch);
	u = units_of(&batch);
	ck_assert_uint_eq(u.n, 8);
	ck_assert_uint_eq(units_count(&u, PRE_MM2), 2);
	ck_assert_uint_eq(units_count(&u, PRE_END), 2);
	for (size_t i = 0; i < u.n; i++) {
		ck_assert(slice_is(u.u[i].source, FLOW_SOURCE));
		ck_assert(slice_is(u.u[i].sink, FLOW_SINK));
		ck_assert_uint_eq(u.u[i].hdr.stream, FLOW_STREAM);
		ck_assert_uint_eq(u.u[i].hdr.cid, PRE_CID_DEFAULT);
		ck_assert_uint_eq(u.u[i].hdr.key_index, i / 4);
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(u.u[i].msg_id, u.u[k].msg_id);
	}
}
END_TEST

START_TEST(begin_closes_what_is_open)
{
	struct units u;

	stream = flow_stream(&conf);
	expect_section(begin(1), 0, 0);
	ck_assert_uint_eq(add(1), RC_OK);
	expect_section(begin(2), 1, 1);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	u = units_of(&batch);
	ck_assert_uint_eq(u.n, 5);
	ck_assert_uint_eq(u.u[2].hdr.type, PRE_END);
	ck_assert_uint_eq(u.u[2].hdr.key_index, 0);
	ck_assert_uint_eq(u.u[4].hdr.type, PRE_END);
}
END_TEST

START_TEST(messages_of_a_section)
{
	conf.section_messages = 3;
	stream = flow_stream(&conf);
	ck_assert(pre_stream_due(stream, 1));
	ck_assert_uint_eq(add(1), RC_CONFLICT);
	(void)begin(1);
	for (int i = 0; i < 3; i++) {
		ck_assert(!pre_stream_due(stream, 1));
		ck_assert_uint_eq(add(1), RC_OK);
	}
	ck_assert(pre_stream_due(stream, 1));
	ck_assert_uint_eq(add(1), RC_CONFLICT);
	(void)begin(1);
	ck_assert_uint_eq(add(1), RC_OK);
}
END_TEST

START_TEST(time_of_a_section)
{
	stream = flow_stream(&conf);
	ck_assert_int_eq(pre_stream_deadline(stream), CLOCK_NEVER);
	(void)begin(5000);
	ck_assert_int_eq(pre_stream_deadline(stream), 5000 + PRE_SECTION_TIME);
	ck_assert_uint_eq(add(5000 + PRE_SECTION_TIME - 1), RC_OK);
	ck_assert_uint_eq(add(5000 + PRE_SECTION_TIME), RC_CONFLICT);
	ck_assert(pre_stream_due(stream, 5000 + PRE_SECTION_TIME));
	/* The clock went back: nobody knows how old the section is. */
	ck_assert_uint_eq(add(4999), RC_CONFLICT);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	ck_assert_int_eq(pre_stream_deadline(stream), CLOCK_NEVER);
}
END_TEST

START_TEST(sizes)
{
	size_t n = PRE_PLAIN_MAX + 1;
	char *text = calloc(1, n);
	struct buf large;

	buf_init(&large, 2 * PRE_UNIT_MAX);
	stream = flow_stream(&conf);
	ck_assert_uint_eq(pre_stream_begin(stream, 1, &large), RC_OK);
	ck_assert_uint_eq(pre_stream_add(stream, 1, slice_make(text, n), &large), RC_TOO_LARGE);
	ck_assert_uint_eq(pre_stream_add(stream, 1, slice_make(text, n - 1), &large), RC_OK);
	ck_assert_uint_eq(units_of(&large).n, 2);
	pre_stream_free(stream);
	conf.cid = 2;
	stream = flow_stream(&conf);
	buf_clear(&large);
	ck_assert_uint_eq(pre_stream_begin(stream, 1, &large), RC_OK);
	ck_assert_uint_eq(pre_stream_add(stream, 1, slice_make(text, 65536), &large), RC_TOO_LARGE);
	ck_assert_uint_eq(pre_stream_add(stream, 1, slice_make(text, 65535), &large), RC_OK);
	ck_assert_uint_eq(pre_stream_add(stream, 1, SLICE_NONE, &large), RC_OK);
	ck_assert_uint_eq(units_of(&large).n, 3);
	buf_fini(&large);
	free(text);
}
END_TEST

/* What does not fit leaves no trace. */
START_TEST(a_full_batch)
{
	uint8_t before[PRE_STREAM_STATE_SIZE], after[PRE_STREAM_STATE_SIZE];
	struct buf small;
	struct units u;

	stream = flow_stream(&conf);
	(void)begin(1);
	ck_assert_uint_eq(add(1), RC_OK);
	pre_stream_state(stream, before);
	for (size_t max = 1; max < 400; max += 13) {
		buf_init(&small, max);
		buf_char(&small, 'x');
		ck_assert_uint_eq(pre_stream_begin(stream, 1, &small), RC_NO_SPACE);
		ck_assert(!small.failed);
		ck_assert_uint_eq(small.n, 1);
		buf_fini(&small);
	}
	for (size_t max = 1; max < 100; max += 13) {
		buf_init(&small, max);
		ck_assert_uint_eq(pre_stream_add(stream, 1, SLICE_LIT("x"), &small), RC_NO_SPACE);
		ck_assert_uint_eq(pre_stream_end(stream, &small), RC_NO_SPACE);
		ck_assert_uint_eq(small.n, 0);
		buf_fini(&small);
	}
	pre_stream_state(stream, after);
	ck_assert_mem_eq(before, after, sizeof(before));
	ck_assert_uint_eq(add(1), RC_OK);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	u = units_of(&batch);
	ck_assert_uint_eq(u.n, 4);
	ck_assert_uint_eq((uint8_t)u.u[3].rest.p[3], 2);
}
END_TEST

/* ---- epochs ---- */

START_TEST(epochs_have_sections)
{
	conf.epoch_sections = 3;
	stream = flow_stream(&conf);
	for (unsigned i = 0; i < 7; i++)
		expect_section(begin(1), i / 3, i);
}
END_TEST

START_TEST(an_epoch_ends_on_demand)
{
	conf.epoch_sections = 3;
	stream = flow_stream(&conf);
	/* Keys for epoch 0 may have been given out already. */
	pre_stream_next_epoch(stream);
	expect_section(begin(1), 1, 0);
	pre_stream_next_epoch(stream);
	ck_assert(pre_stream_due(stream, 1));
	ck_assert_uint_eq(add(1), RC_CONFLICT);
	expect_section(begin(1), 2, 1);
	expect_section(begin(1), 2, 2);
	expect_section(begin(1), 2, 3);
	expect_section(begin(1), 3, 4);
}
END_TEST

/* Two sinks that have keys for the epoch that comes next are removed: also with a restart between. */
START_TEST(epochs_are_left_out)
{
	uint8_t state[PRE_STREAM_STATE_SIZE];

	stream = flow_stream(&conf);
	pre_stream_next_epoch(stream);
	pre_stream_state(stream, state);
	restart(state);
	pre_stream_next_epoch(stream);
	expect_section(begin(1), 2, 0);
	pre_stream_next_epoch(stream);
	pre_stream_next_epoch(stream);
	pre_stream_state(stream, state);
	restart(state);
	pre_stream_next_epoch(stream);
	expect_section(begin(1), 5, 1);
	expect_section(begin(1), 6, 2);
}
END_TEST

START_TEST(individual_messages)
{
	struct units u;

	conf.epoch_sections = 2;
	stream = flow_stream(&conf);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(pre_stream_single(stream, 1, SLICE_LIT("text"), &batch), RC_OK);
	u = units_of(&batch);
	ck_assert_uint_eq(u.n, 6);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_eq(u.u[i].hdr.type, i % 2 == 0 ? PRE_MM2 : PRE_DATA);
		expect_section(u.u[i].hdr, i / 4, i / 2);
	}
	ck_assert_uint_eq(add(1), RC_CONFLICT);
	(void)begin(1);
	ck_assert_uint_eq(pre_stream_single(stream, 1, SLICE_LIT("text"), &batch), RC_CONFLICT);
}
END_TEST

START_TEST(a_single_that_fails_leaves_no_trace)
{
	struct pre_hdr h;

	stream = flow_stream(&conf);
	batch.max = 500;
	ck_assert_uint_eq(pre_stream_single(stream, 1, slice_make(FLOW_SOURCE, 29), &batch), RC_OK);
	buf_clear(&batch);
	buf_fini(&batch);
	buf_init(&batch, 350);
	ck_assert_uint_eq(pre_stream_single(stream, 1, slice_make(FLOW_SOURCE, 29), &batch),
	                  RC_NO_SPACE);
	ck_assert_uint_eq(batch.n, 0);
	pre_stream_section(stream, &h);
	expect_section(h, 0, 0);
}
END_TEST

/* ---- what survives ---- */

START_TEST(a_restart_goes_on_behind)
{
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct units u;

	conf.epoch_sections = 2;
	stream = flow_stream(&conf);
	pre_stream_state(stream, state);
	restart(state);
	expect_section(begin(1), 0, 0);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	expect_section(begin(1), 0, 1);
	pre_stream_state(stream, state);
	restart(state);
	/* The section that was open is not continued. */
	ck_assert(pre_stream_due(stream, 1));
	expect_section(begin(1), 1, 2);
	pre_stream_next_epoch(stream);
	pre_stream_state(stream, state);
	restart(state);
	expect_section(begin(1), 2, 3);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	/* Its END names the last one that was sent: that of the first section. */
	u = units_of(&batch);
	ck_assert_mem_eq(units_find(&u, PRE_END, 1)->rest.p + 36,
	                 units_find(&u, PRE_END, 0)->rest.p + 4, 32);
}
END_TEST

/* magic 6, used, 0, source 16, stream 2, key index 2, epoch 4, in the epoch 4, skip 4, prev */
START_TEST(states_that_are_none)
{
	static const struct {
		size_t at;
		uint8_t flip;
	} changes[] = { { 0, 1 }, { 5, 1 }, { 6, 2 },  { 6, 1 },
		        { 7, 1 }, { 8, 1 }, { 25, 1 }, { 35, 1 } };
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct pre_stream *s;

	stream = flow_stream(&conf);
	(void)begin(1);
	pre_stream_state(stream, state);
	for (size_t i = 0; i < NITEMS(changes); i++) {
		state[changes[i].at] ^= changes[i].flip;
		ck_assert_uint_eq(pre_stream_new(&conf, slice_make(state, sizeof(state)), &s),
		                  RC_BAD_REQUEST);
		state[changes[i].at] ^= changes[i].flip;
	}
	for (size_t n = 1; n < sizeof(state); n++)
		ck_assert_uint_eq(pre_stream_new(&conf, slice_make(state, n), &s), RC_BAD_REQUEST);
	ck_assert_ptr_null(s);
}
END_TEST

/* The place of a stream that had that many sections of epochs of the last length. */
static struct stream_place
place_of(uint32_t epoch, uint16_t key_index)
{
	struct pre_hdr h;
	struct stream_place p;

	stream = flow_stream(&conf);
	h = begin(1);
	p = (struct stream_place){ .hdr = h, .used = true, .in_epoch = 1 };
	p.hdr.epoch = epoch;
	p.hdr.key_index = key_index;
	return p;
}

START_TEST(the_last_key_index)
{
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct stream_place p;

	conf.epoch_sections = 100;
	p = place_of(4, UINT16_MAX - 1);
	stream_place_write(&p, state);
	restart(state);
	expect_section(begin(1), 4, UINT16_MAX);
	expect_section(begin(1), 5, 0);
	expect_section(begin(1), 5, 1);
}
END_TEST

START_TEST(the_last_epoch)
{
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct stream_place p;

	conf.epoch_sections = 2;
	p = place_of(UINT32_MAX - 1, 9);
	p.skip = 2;
	stream_place_write(&p, state);
	restart(state);
	ck_assert_uint_eq(pre_stream_begin(stream, 1, &batch), RC_GONE);
	pre_stream_free(stream);
	p = place_of(UINT32_MAX, 9);
	stream_place_write(&p, state);
	restart(state);
	expect_section(begin(1), UINT32_MAX, 10);
	ck_assert_uint_eq(add(1), RC_OK);
	ck_assert_uint_eq(pre_stream_begin(stream, 1, &batch), RC_GONE);
	/* The open section is still there. */
	ck_assert_uint_eq(add(1), RC_OK);
	ck_assert_uint_eq(pre_stream_end(stream, &batch), RC_OK);
	ck_assert_uint_eq(pre_stream_single(stream, 1, SLICE_NONE, &batch), RC_GONE);
}
END_TEST

START_TEST(conf_is_checked)
{
	struct pre_stream_conf bad[9];
	struct pre_stream *s;

	for (size_t i = 0; i < NITEMS(bad); i++)
		bad[i] = conf;
	bad[0].source = SLICE_LIT("alpha_1");
	bad[1].sink = SLICE_LIT("a b");
	bad[2].cid = 8;
	bad[3].section_messages = PRE_SECTION_MESSAGES + 1;
	bad[4].section_time = PRE_SECTION_TIME + 1;
	bad[5].section_time = -1;
	bad[6].keys = NULL;
	bad[7].pk1 = SLICE_LIT("pk1");
	bad[8].sign = NULL;
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_uint_eq(pre_stream_new(&bad[i], SLICE_NONE, &s), RC_BAD_REQUEST);
	pre_stream_free(NULL);
}
END_TEST

static Suite *
stream_suite(void)
{
	Suite *s = suite_create("pre_stream");
	TCase *c = suite_case(s, "sections", setup, teardown);

	tcase_add_test(c, units_of_a_stream);
	tcase_add_test(c, begin_closes_what_is_open);
	tcase_add_test(c, messages_of_a_section);
	tcase_add_test(c, time_of_a_section);
	tcase_add_test(c, sizes);
	tcase_add_test(c, a_full_batch);
	c = suite_case(s, "epochs", setup, teardown);
	tcase_add_test(c, epochs_have_sections);
	tcase_add_test(c, an_epoch_ends_on_demand);
	tcase_add_test(c, epochs_are_left_out);
	tcase_add_test(c, individual_messages);
	tcase_add_test(c, a_single_that_fails_leaves_no_trace);
	c = suite_case(s, "state", setup, teardown);
	tcase_add_test(c, a_restart_goes_on_behind);
	tcase_add_test(c, states_that_are_none);
	tcase_add_test(c, the_last_key_index);
	tcase_add_test(c, the_last_epoch);
	tcase_add_test(c, conf_is_checked);
	return s;
}

int
main(void)
{
#ifndef HAVE_PAIRING
	return 77;
#endif
	return run_suite(stream_suite());
}
