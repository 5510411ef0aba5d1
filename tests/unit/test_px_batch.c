/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the forwarder: which messages are for a sink, and how they go out. */
#include "config.h"

#include <semaphore.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#include "cap/pxy/px_batch.h"
#include "cap/pxy/px_grants.h"
#include "cap/pxy/px_own.h"
#include "px_flow_bed.h"

#define PER 5 /* units of a section with 3 messages */

static struct px_bed bed;
static struct proxy_conf conf;
static struct px *px;
static struct px_grants *grants;
static struct px_batch batch;
static struct pre_stream *stream;
static sem_t over;
static uint64_t the_store; /* of forward_of */

static void
setup(void)
{
	pre_flow_setup();
	px_bed_start(&bed, 0);
	conf = (struct proxy_conf){ .store = { .batch_bytes = 65536, .message_max = 65536 } };
	px = calloc(1, sizeof(*px));
	ck_assert_ptr_nonnull(px);
	px->conf = &conf;
	px->book = bed.book;
	ck_assert_int_eq(pool_start(2, &px->pool), RC_OK);
	ck_assert_int_eq(px_grants_new(2, &grants), RC_OK);
	stream = px_flow_stream();
	sem_init(&over, 0, 0);
	px_batch_init(&batch);
}

static void
teardown(void)
{
	px_batch_clear(&batch);
	pool_stop(px->pool);
	px_grants_free(grants);
	free(px);
	pre_stream_free(stream);
	px_bed_free(&bed);
	pre_flow_teardown();
	sem_destroy(&over);
}

static void
done(struct px_batch *b)
{
	(void)b;
	sem_post(&over);
}

static const struct px_result *
make_by(uint64_t forward, uint32_t sink, struct px_lane_order order)
{
	batch.px = px;
	batch.grants = grants;
	batch.forward = forward;
	batch.sink = sink;
	batch.order = order;
	batch.done = done;
	px_batch_make(&batch);
	while (sem_wait(&over) != 0)
		;
	return &batch.result;
}

static const struct px_result *
make(uint64_t forward, uint64_t after)
{
	return make_by(forward, 1, (struct px_lane_order){ .after = after });
}

/* A store with so many sections of 3 messages, and a forward of it to that sink. */
static uint64_t
forward_of(unsigned sections, const struct px_flow_sink *sink)
{
	the_store = px_flow_store(&bed, true);
	px_flow_add(&bed, the_store, stream, sections, 3);
	return px_flow_forward(&bed, the_store, sink, 1);
}

static void
expect_body(const struct px_result *r, uint64_t first, uint64_t upto, uint32_t n)
{
	ck_assert_int_eq(r->kind, PX_RESULT_BODY);
	ck_assert_uint_eq(r->first, first);
	ck_assert_uint_eq(r->upto, upto);
	ck_assert_uint_eq(r->n, n);
}

static void
expect_none(const struct px_result *r, enum px_result_kind kind, uint64_t upto)
{
	ck_assert_int_eq(r->kind, kind);
	ck_assert_uint_eq(r->upto, upto);
	ck_assert_uint_eq(r->n, 0);
}

/* What goes out opens at the sink. */
static void
expect_opens(struct pre_opening *o, unsigned n)
{
	struct buf b;
	struct units u;

	buf_init(&b, 1u << 20);
	buf_slice(&b, batch.wire);
	u = units_of(&b);
	ck_assert_uint_eq(u.n, n);
	flow_take_all(o, &u);
	buf_fini(&b);
}

static struct pre_opening *
sink_opening(void)
{
	struct pre_opening_conf c = flow_opening_conf(&flow_sink, PRE_AS_SINK);

	return flow_opening(&c);
}

/* ---- what is for the sink ---- */

START_TEST(everything_in_order)
{
	struct pre_opening *o = sink_opening();
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(2, &sink);
	expect_body(make(f, 0), 1, 10, 10);
	ck_assert_uint_eq(batch.result.octets + 10 * PRE_LENGTH_SIZE, batch.wire.n);
	ck_assert_uint_eq(batch.result.section.stream, FLOW_STREAM);
	ck_assert_uint_eq(batch.result.section.epoch, 0);
	ck_assert_int_eq(batch.form, PX_FORM_UNITS);
	ck_assert(!batch.gzip);
	ck_assert(slice_is(buf_view(&batch.url), FLOW_SINK));
	expect_opens(o, 10);
	expect_none(make(f, 10), PX_RESULT_NOTHING, 10);
	ck_assert(!batch.result.more);
	expect_body(make(f, 6), 7, 10, 4);
	ck_assert_uint_eq(batch.result.section.epoch, 1);
	ck_assert_uint_eq(px_counted(px, PX_N_REENCRYPTED), 2);
	pre_opening_free(o);
}
END_TEST

START_TEST(no_more_than_a_batch)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	sink.terms.batch = 4;
	f = forward_of(2, &sink);
	expect_body(make(f, 0), 1, 4, 4);
	expect_body(make(f, 4), 5, 8, 4);
	expect_body(make(f, 8), 9, 10, 2);
	expect_body(make_by(f, 1, (struct px_lane_order){ .after = 8, .single = true }), 9, 9, 1);
}
END_TEST

START_TEST(no_more_octets_than_allowed)
{
	struct px_flow_sink sink;
	uint64_t f, all;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(2, &sink);
	make(f, 0);
	all = batch.wire.n;
	conf.store.batch_bytes = (uint32_t)all;
	expect_body(make(f, 0), 1, 10, 10);
	conf.store.batch_bytes = (uint32_t)all - 1;
	expect_body(make(f, 0), 1, 9, 9);
	/* A management message that just has no room; it gets longer on its way. */
	expect_body(make_by(f, 1, (struct px_lane_order){ .after = PER, .single = true }), PER + 1,
	            PER + 1, 1);
	all = batch.wire.n + PRE_LENGTH_SIZE;
	sink.terms.batch = PER;
	expect_body(make(px_flow_forward(&bed, the_store, &sink, 1), 0), 1, PER, PER);
	all += batch.wire.n;
	conf.store.batch_bytes = (uint32_t)all;
	expect_body(make(f, 0), 1, PER + 1, PER + 1);
	conf.store.batch_bytes = (uint32_t)all - 1;
	expect_body(make(f, 0), 1, PER, PER);
	/* One is always taken. */
	conf.store.batch_bytes = 1;
	expect_body(make(f, 0), 1, 1, 1);
}
END_TEST

/* More than one job re-encrypts, and one that has grown out of its grants. */
START_TEST(many_management_messages)
{
	struct pre_opening *o = sink_opening();
	struct pool_load load;
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 0xffff);
	f = forward_of(11, &sink);
	expect_body(make(f, 0), 1, 55, 55);
	expect_opens(o, 55);
	ck_assert_uint_eq(px_counted(px, PX_N_REENCRYPTED), 11);
	do /* it may be seen before the pool has counted it */
		pool_load(px->pool, &load);
	while (load.running > 0);
	ck_assert_uint_eq(load.done, 2);
	pre_opening_free(o);
}
END_TEST

START_TEST(before_the_first_key)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 2);
	f = forward_of(2, &sink);
	expect_body(make(f, 0), PER + 1, 2 * PER, PER);
}
END_TEST

START_TEST(a_key_that_is_missing)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 1u | 4u);
	f = forward_of(3, &sink);
	expect_body(make(f, 0), 1, PER, PER);
	expect_none(make(f, PER), PX_RESULT_NOKEY, PER);
	ck_assert_uint_eq(batch.result.waits_for.stream, FLOW_STREAM);
	ck_assert_uint_eq(batch.result.waits_for.epoch, 1);
	px_flow_grant(&bed, f, 1, 1);
	expect_body(make(f, PER), PER + 1, 3 * PER, 2 * PER);
}
END_TEST

START_TEST(a_stream_without_any_key)
{
	struct px_flow_sink sink;
	struct px_section first = { FLOW_STREAM, 1, 0 };
	uint64_t f;

	px_flow_sink(&sink, NULL, 0);
	f = forward_of(2, &sink);
	expect_none(make(f, 0), PX_RESULT_NOTHING, 2 * PER);
	/* A first one was named: then its key is waited for. */
	sink.terms.first = &first;
	f = px_flow_forward(&bed, the_store, &sink, 1);
	expect_none(make(f, 0), PX_RESULT_NOKEY, PER);
	ck_assert_uint_eq(batch.result.waits_for.epoch, 1);
}
END_TEST

START_TEST(keys_of_other_streams)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	sink.keys[0].of.stream = FLOW_STREAM - 1;
	sink.keys[1].of.stream = FLOW_STREAM + 1;
	f = forward_of(2, &sink);
	expect_none(make(f, 0), PX_RESULT_NOTHING, 2 * PER);
}
END_TEST

START_TEST(behind_the_last_section)
{
	struct px_section last = { FLOW_STREAM, 0, 0 };
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 7);
	sink.terms.last = &last;
	sink.terms.n_last = 1;
	f = forward_of(2, &sink);
	expect_body(make(f, 0), 1, PER, PER);
	expect_none(make(f, PER), PX_RESULT_END, PER);
	/* That of another stream says nothing. */
	last.stream++;
	f = px_flow_forward(&bed, the_store, &sink, 1);
	expect_body(make(f, 0), 1, 2 * PER, 2 * PER);
}
END_TEST

START_TEST(behind_the_last_number)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	sink.terms.until = 3;
	f = forward_of(2, &sink);
	expect_body(make(f, 0), 1, 3, 3);
	expect_none(make(f, 3), PX_RESULT_END, 3);
	/* Nothing is behind it. */
	sink.terms.until = 2 * PER;
	f = px_flow_forward(&bed, the_store, &sink, 1);
	expect_body(make(f, 0), 1, 2 * PER, 2 * PER);
	expect_none(make(f, 2 * PER), PX_RESULT_END, 2 * PER);
}
END_TEST

START_TEST(what_does_not_run)
{
	struct px_progress p = { .ended = true };
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(2, &sink);
	px_flow_state(&bed, f, PX_PAUSED);
	expect_none(make(f, 2), PX_RESULT_NOTHING, 2);
	ck_assert(!batch.result.more);
	px_flow_state(&bed, f, PX_RUNNING);
	expect_none(make_by(f, 2, (struct px_lane_order){ .after = 2 }), PX_RESULT_NOTHING, 2);
	expect_none(make(f + 1, 2), PX_RESULT_NOTHING, 2);
	p.forward = f;
	p.sink = 1;
	ck_assert_int_eq(px_bed_tell(&bed, &p), RC_OK);
	expect_none(make(f, 2), PX_RESULT_NOTHING, 2);
}
END_TEST

START_TEST(what_is_not_there_any_more)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(2, &sink);
	ck_assert_int_eq(px_bed_progress(&bed, f, 1, 7), RC_OK);
	ck_assert_int_eq(px_bed_change(&bed, the_store, PX_STORE_RELEASE, 2 * PER), RC_OK);
	px_bed_settle(&bed);
	expect_body(make(f, 0), 8, 2 * PER, 3);
	ck_assert_int_eq(px_bed_progress(&bed, f, 1, 2 * PER), RC_OK);
	px_bed_settle(&bed);
	expect_none(make(f, 0), PX_RESULT_NOTHING, 2 * PER);
	ck_assert(!batch.result.more);
}
END_TEST

/* Two streams in one store, and two sections of one epoch. */
START_TEST(streams_and_sections_apart)
{
	struct pre_stream_conf c = flow_stream_conf();
	struct px_section first;
	struct px_flow_sink sink;
	struct pre_stream *two;
	uint64_t f, store = px_flow_store(&bed, true);

	c.epoch_sections = 2;
	two = flow_stream(&c);
	px_flow_add(&bed, store, two, 2, 3);
	pre_stream_free(two);
	c.stream++;
	two = flow_stream(&c);
	px_flow_add(&bed, store, two, 1, 3);
	pre_stream_free(two);
	px_flow_sink(&sink, NULL, 1);
	f = px_flow_forward(&bed, store, &sink, 1);
	expect_body(make(f, 0), 1, 3 * PER, 2 * PER);
	make(f, PER);
	first = batch.result.section;
	ck_assert_uint_eq(first.epoch, 0);
	sink.terms.first = &first;
	expect_body(make(px_flow_forward(&bed, store, &sink, 1), 0), PER + 1, 3 * PER, PER);
	/* The first one of another stream is of no interest. */
	first = (struct px_section){ FLOW_STREAM + 9, 9, 9 };
	expect_body(make(px_flow_forward(&bed, store, &sink, 1), 0), 1, 3 * PER, 2 * PER);
}
END_TEST

/* 1100 messages of another stream: it does not look at them all at once. */
START_TEST(a_long_way_without_anything)
{
	struct px_flow_sink sink;
	uint64_t f, store = px_flow_store(&bed, false);
	struct buf b;
	struct pre_stream_conf c = flow_stream_conf();
	struct pre_stream *other;

	c.stream = 9;
	other = flow_stream(&c);
	buf_init(&b, 1u << 20);
	for (unsigned i = 0; i < 11; i++) {
		buf_clear(&b);
		flow_send(other, 1, 98, &b);
		px_flow_put(&bed, store, &b);
	}
	buf_fini(&b);
	pre_stream_free(other);
	px_flow_sink(&sink, NULL, 1);
	f = px_flow_forward(&bed, store, &sink, 1);
	expect_none(make(f, 0), PX_RESULT_NOTHING, 1024);
	ck_assert(batch.result.more);
	expect_none(make(f, 1024), PX_RESULT_NOTHING, 1100);
	ck_assert(!batch.result.more);
	expect_none(make(f, 0), PX_RESULT_NOTHING, 1024);
}
END_TEST

/* ---- what cannot be sent ---- */

START_TEST(a_forged_management_message)
{
	struct pre_opening *o = sink_opening();
	struct buf b;
	struct units u;
	struct px_flow_sink sink;
	uint64_t f, store;

	buf_init(&b, 1u << 20);
	flow_send(stream, 2, 3, &b);
	u = units_of(&b);
	/* The last octet is of the signature. */
	((char *)(uintptr_t)u.u[PER].whole.p)[u.u[PER].whole.n - 1] ^= 1;
	px_flow_sink(&sink, NULL, 3);
	store = px_flow_store(&bed, true);
	px_flow_put(&bed, store, &b);
	f = px_flow_forward(&bed, store, &sink, 1);
	expect_body(make(f, 0), 1, PER, PER);
	expect_opens(o, PER);
	expect_none(make(f, PER), PX_RESULT_BAD, PER);
	ck_assert_uint_eq(batch.result.first, PER + 1);
	ck_assert_ptr_nonnull(batch.why);
	expect_body(make(f, PER + 1), PER + 2, 2 * PER, PER - 1);
	pre_opening_free(o);
	buf_fini(&b);
}
END_TEST

START_TEST(a_pool_that_ends)
{
	struct px_flow_sink sink;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(2, &sink);
	batch.px = px;
	batch.grants = grants;
	batch.forward = f;
	batch.sink = 1;
	batch.order = (struct px_lane_order){ .after = 1 };
	batch.done = done;
	batch.job.ending = true;
	px_batch_clear(&batch);
	batch.at = 1;
	batch.result.n = 3;
	batch.job.run(&batch.job);
	ck_assert_int_eq(sem_trywait(&over), 0);
	expect_none(&batch.result, PX_RESULT_FAILED, 1);
}
END_TEST

/* ---- back ---- */

START_TEST(back_to_a_section)
{
	struct px_lane_order order = { .after = PER + 2, .back = true };
	struct px_flow_sink sink;
	uint16_t index;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(2, &sink);
	order.section = make(f, PER)->section;
	ck_assert_uint_eq(order.section.epoch, 1);
	expect_body(make_by(f, 1, order), PER + 1, 2 * PER, PER);
	ck_assert(batch.result.back);
	/* Never forward. */
	order.after = 2;
	expect_body(make_by(f, 1, order), 3, 2 * PER, 2 * PER - 2);
	/* None of these is there: behind all; another key index; another epoch. */
	index = order.section.key_index;
	for (unsigned i = 0; i < 3; i++) {
		order.section.key_index = (uint16_t)(i == 0   ? index + 9
		                                     : i == 1 ? index - 1
		                                              : index);
		order.section.epoch = i < 2;
		expect_none(make_by(f, 1, order), PX_RESULT_NOTHING, 2);
		ck_assert(!batch.result.back);
	}
	/* Not looked for: it may be there. */
	px_flow_state(&bed, f, PX_PAUSED);
	expect_none(make_by(f, 1, order), PX_RESULT_NOTHING, 2);
	ck_assert(batch.result.back);
}
END_TEST

/* ---- forms ---- */

START_TEST(one_unit_over_http)
{
	struct px_flow_sink sink;
	struct pre_unit u;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	sink.terms.batch = 1;
	f = forward_of(1, &sink);
	expect_body(make(f, 0), 1, 1, 1);
	ck_assert_int_eq(pre_unit_parse(batch.wire, NULL, &u), RC_OK);
	ck_assert_uint_eq(u.hdr.type, PRE_MM1);
	ck_assert(slice_is(u.sink, FLOW_SINK));
}
END_TEST

START_TEST(one_unit_over_coap)
{
	static const char *const urls[] = { "coap://sink.example/inbox",
		                            "coaps://sink.example/inbox" };
	struct px_flow_sink sink;
	struct pre_unit u;
	uint64_t f;

	px_flow_sink(&sink, urls[_i], 3);
	f = forward_of(1, &sink);
	expect_body(make(f, 1), 2, 2, 1);
	ck_assert_int_eq(batch.form, PX_FORM_COAP);
	ck_assert(slice_is(batch.unit.source, FLOW_SOURCE));
	ck_assert_int_eq(pre_unit_from_coap(batch.unit.msg_id, batch.unit.source,
	                                    slice_of(urls[_i]), batch.wire, NULL, &u),
	                 RC_OK);
	ck_assert_uint_eq(u.hdr.type, PRE_DATA);
	ck_assert_uint_eq(batch.wire.n, PRE_HDR_SIZE + u.rest.n);
}
END_TEST

START_TEST(a_url_too_long_for_coap)
{
	char url[1100] = "coap://sink.example/";
	struct px_flow_sink sink;
	struct pre_unit u;
	uint64_t f;

	memset(url + strlen(url), 'x', 1034 - strlen(url) + (size_t)_i);
	px_flow_sink(&sink, url, 3);
	f = forward_of(1, &sink);
	expect_body(make(f, 1), 2, 2, 1);
	ck_assert_int_eq(batch.form, _i == 0 ? PX_FORM_COAP : PX_FORM_PLAIN);
	if (_i == 1)
		ck_assert_int_eq(pre_unit_parse(batch.wire, NULL, &u), RC_OK);
}
END_TEST

START_TEST(one_unit_in_a_datagram)
{
	struct px_flow_sink sink;
	struct pre_unit u;
	uint64_t f;

	px_flow_sink(&sink, "udp://192.0.2.9:7000", 3);
	f = forward_of(1, &sink);
	expect_body(make(f, 1), 2, 2, 1);
	ck_assert_int_eq(batch.form, PX_FORM_DATAGRAM);
	ck_assert_int_eq(pre_unit_parse(batch.wire, NULL, &u), RC_OK);
}
END_TEST

static void
expect_inflates(const char *plain, size_t n)
{
	unsigned char out[1u << 16];
	z_stream z = { .next_in = (const unsigned char *)batch.wire.p,
		       .avail_in = (uInt)batch.wire.n,
		       .next_out = out,
		       .avail_out = sizeof(out) };

	ck_assert_int_eq(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.total_out, n);
	ck_assert_mem_eq(out, plain, n);
	inflateEnd(&z);
}

/* The sink has asked for it; three units are too few. */
START_TEST(compressed)
{
	struct px_flow_sink sink;
	struct buf plain;
	uint64_t f;

	px_flow_sink(&sink, NULL, 3);
	f = forward_of(1, &sink);
	make(f, 0);
	buf_init(&plain, 1u << 20);
	buf_slice(&plain, batch.wire);
	ck_assert(!batch.gzip);
	sink.terms.compress = true;
	f = px_flow_forward(&bed, the_store, &sink, 1);
	expect_body(make(f, 2), 3, PER, 3);
	ck_assert(!batch.gzip);
	expect_body(make(f, 0), 1, PER, PER);
	ck_assert(batch.gzip);
	ck_assert_uint_lt(batch.wire.n, plain.n);
	buf_fini(&plain);
}
END_TEST

/* In several jobs; data and END are the same each time. */
START_TEST(compressed_in_pieces)
{
	struct px_flow_sink sink;
	struct buf plain, big;
	uint64_t f, store = px_flow_store(&bed, true);

	conf.store.batch_bytes = 1u << 20;
	buf_init(&big, 1u << 20);
	ck_assert_int_eq(pre_stream_begin(stream, flow_now, &big), RC_OK);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(pre_stream_add(stream, flow_now, SLICE_LIT("a message"), &big),
		                 RC_OK);
	px_flow_put(&bed, store, &big);
	buf_fini(&big);
	px_flow_sink(&sink, NULL, 1);
	sink.terms.batch = 99;
	f = px_flow_forward(&bed, store, &sink, 1);
	expect_body(make(f, 1), 2, 100, 99);
	buf_init(&plain, 1u << 20);
	buf_slice(&plain, batch.wire);
	sink.terms.compress = true;
	f = px_flow_forward(&bed, store, &sink, 1);
	expect_body(make(f, 1), 2, 100, 99);
	ck_assert(batch.gzip);
	expect_inflates(plain.p, plain.n);
	buf_fini(&plain);
}
END_TEST

static Suite *
batch_suite(void)
{
	Suite *s = suite_create("px_batch");
	TCase *c = suite_case(s, "body", setup, teardown);

	tcase_add_test(c, everything_in_order);
	tcase_add_test(c, no_more_than_a_batch);
	tcase_add_test(c, no_more_octets_than_allowed);
	tcase_add_test(c, many_management_messages);
	tcase_add_test(c, before_the_first_key);
	tcase_add_test(c, a_key_that_is_missing);
	tcase_add_test(c, a_stream_without_any_key);
	tcase_add_test(c, keys_of_other_streams);
	tcase_add_test(c, behind_the_last_section);
	tcase_add_test(c, behind_the_last_number);
	tcase_add_test(c, what_does_not_run);
	tcase_add_test(c, what_is_not_there_any_more);
	tcase_add_test(c, streams_and_sections_apart);
	tcase_add_test(c, a_long_way_without_anything);
	tcase_add_test(c, a_forged_management_message);
	tcase_add_test(c, a_pool_that_ends);
	tcase_add_test(c, back_to_a_section);
	tcase_add_test(c, one_unit_over_http);
	tcase_add_loop_test(c, one_unit_over_coap, 0, 2);
	tcase_add_loop_test(c, a_url_too_long_for_coap, 0, 2);
	tcase_add_test(c, one_unit_in_a_datagram);
	tcase_add_test(c, compressed);
	tcase_add_test(c, compressed_in_pieces);
	return s;
}

int
main(void)
{
	return run_pre_suite(batch_suite);
}
