/* SPDX-License-Identifier: Apache-2.0 */
/* Units on the wire, batches of them, and their form in CoAP. */
#include "config.h"

#include "pre_flow.h"
#include "pre_vectors.h"

#define URL_AT (PRE_HDR_SIZE + 4)
#define SINK_AT (URL_AT + 2 + sizeof(FLOW_SOURCE) - 1)
#define REST_AT (SINK_AT + 2 + sizeof(FLOW_SINK) - 1)

/* A unit of the vectors as octets, and as what they say. */
static uint8_t wire[2048];
static size_t wire_n;
static struct pre_unit unit;

static void
load(const char *hex)
{
	wire_n = strlen(hex) / 2;
	ck_assert_uint_le(wire_n, sizeof(wire));
	ck_assert(hex_decode(slice_of(hex), wire, wire_n));
	ck_assert_uint_eq(pre_unit_parse(slice_make(wire, wire_n), NULL, &unit), RC_OK);
}

static enum rc
parse(void)
{
	return pre_unit_parse(slice_make(wire, wire_n), NULL, &unit);
}

START_TEST(parts)
{
	load(vectors[0].first);
	ck_assert_uint_eq(unit.hdr.type, PRE_DATA);
	ck_assert_uint_eq(unit.msg_id, 0x22222222);
	ck_assert(slice_is(unit.source, FLOW_SOURCE));
	ck_assert(slice_is(unit.sink, FLOW_SINK));
	ck_assert_uint_eq(unit.rest.n, 4 + 13 + 16);
	ck_assert_uint_eq(unit.whole.n, wire_n);
}
END_TEST

START_TEST(lengths_of_each_type)
{
	const struct vector *v = &vectors[_i];
	const char *const all[] = { v->mm2, v->end, v->mm1, v->second };

	for (size_t i = 0; i < NITEMS(all); i++) {
		load(all[i]);
		for (size_t n = 0; n < wire_n; n++)
			ck_assert_uint_eq(pre_unit_parse(slice_make(wire, n), NULL, &unit),
			                  RC_BAD_REQUEST);
		wire[wire_n++] = 0;
		/* A message without text may be longer, all others have one length. */
		ck_assert_uint_eq(parse(), i == 3 ? RC_OK : RC_BAD_REQUEST);
	}
}
END_TEST

START_TEST(the_source_is_the_headers)
{
	load(vectors[0].first);
	wire[SINK_AT - 1] ^= 1;
	ck_assert_uint_eq(parse(), RC_BAD_REQUEST);
	wire[SINK_AT - 1] ^= 1;
	wire[PRE_HDR_SIZE - 1] ^= 1;
	ck_assert_uint_eq(parse(), RC_BAD_REQUEST);
	wire[PRE_HDR_SIZE - 1] ^= 1;
	ck_assert_uint_eq(parse(), RC_OK);
	/* A header may name the digest of what is no URL. */
	wire[URL_AT + 2] = 'C';
	ck_assert_uint_eq(pre_source_name(unit.source, wire + 16), RC_OK);
	ck_assert_uint_eq(parse(), RC_BAD_REQUEST);
	wire[SINK_AT + 2] = ' ';
	wire[URL_AT + 2] = 'c';
	ck_assert_uint_eq(pre_source_name(unit.source, wire + 16), RC_OK);
	ck_assert_uint_eq(parse(), RC_BAD_REQUEST);
}
END_TEST

START_TEST(limits)
{
	struct pre_limits l = { 0 };

	load(vectors[0].mm1);
	l.unit = wire_n;
	ck_assert_uint_eq(pre_unit_parse(slice_make(wire, wire_n), &l, &unit), RC_OK);
	l.unit = wire_n - 1;
	ck_assert_uint_eq(pre_unit_parse(slice_make(wire, wire_n), &l, &unit), RC_TOO_LARGE);
	l = (struct pre_limits){ .url = sizeof(FLOW_SOURCE) - 1 };
	ck_assert_uint_eq(pre_unit_parse(slice_make(wire, wire_n), &l, &unit), RC_OK);
	l.url--;
	ck_assert_uint_eq(pre_unit_parse(slice_make(wire, wire_n), &l, &unit), RC_TOO_LARGE);
	l = (struct pre_limits){ .unit = SIZE_MAX, .url = SIZE_MAX };
	ck_assert_uint_eq(pre_unit_parse(slice_make(wire, PRE_UNIT_MAX + 1), &l, &unit),
	                  RC_TOO_LARGE);
}
END_TEST

/* What the cipher of the section cannot have sealed. */
START_TEST(longest_data)
{
	static char text[4 + 65535 + 8 + 1];
	struct pre_unit u;
	struct buf to;

	load(vectors[0].first);
	for (size_t more = 0; more < 2; more++) {
		u = unit;
		u.hdr.cid = 1;
		u.rest = slice_make(text, sizeof(text) - 1 + more);
		buf_init(&to, PRE_UNIT_MAX);
		ck_assert_uint_eq(pre_unit_write(&u, &to), RC_OK);
		ck_assert_uint_eq(pre_unit_parse(buf_view(&to), NULL, &u),
		                  more == 0 ? RC_OK : RC_BAD_REQUEST);
		buf_fini(&to);
	}
}
END_TEST

/* No limit of the caller is above those of all. */
START_TEST(longest_urls)
{
	struct pre_limits l = { .url = SIZE_MAX };
	static char url[PRE_URL_MAX + 1] = "http://h/";
	struct buf payload;
	struct pre_unit from;

	memset(url + 9, 'a', sizeof(url) - 9);
	load(vectors[0].mm1);
	for (size_t more = 0; more < 2; more++) {
		struct slice long_url = slice_make(url, PRE_URL_MAX + more);

		ck_assert_uint_eq(pre_source_name(long_url, unit.hdr.source), RC_OK);
		buf_init(&payload, 4096);
		ck_assert_uint_eq(pre_unit_payload(&unit, &payload), RC_OK);
		ck_assert_uint_eq(
			pre_unit_from_coap(1, long_url, SLICE_NONE, buf_view(&payload), &l, &from),
			more == 0 ? RC_OK : RC_TOO_LARGE);
		buf_fini(&payload);
	}
}
END_TEST

START_TEST(coap)
{
	struct pre_unit from;
	struct buf payload, again;

	load(vectors[0].mm1);
	buf_init(&payload, 4096);
	buf_init(&again, 4096);
	ck_assert_uint_eq(pre_unit_payload(&unit, &payload), RC_OK);
	ck_assert_uint_eq(payload.n, wire_n - REST_AT + PRE_HDR_SIZE);
	ck_assert_uint_eq(pre_unit_from_coap(unit.msg_id, unit.source, unit.sink,
	                                     buf_view(&payload), NULL, &from),
	                  RC_OK);
	ck_assert_uint_eq(pre_unit_write(&from, &again), RC_OK);
	ck_assert(slice_eq(buf_view(&again), slice_make(wire, wire_n)));
	ck_assert_uint_eq(pre_unit_from_coap(1, SLICE_LIT("coap://other/"), unit.sink,
	                                     buf_view(&payload), NULL, &from),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(pre_unit_from_coap(1, unit.source, SLICE_LIT("\t"), buf_view(&payload),
	                                     NULL, &from),
	                  RC_BAD_REQUEST);
	for (size_t n = 0; n < payload.n; n++)
		ck_assert_uint_eq(pre_unit_from_coap(1, unit.source, unit.sink,
		                                     slice_head(buf_view(&payload), n), NULL,
		                                     &from),
		                  RC_BAD_REQUEST);
	buf_fini(&payload);
	buf_fini(&again);
}
END_TEST

START_TEST(writing_has_limits)
{
	static char text[PRE_UNIT_MAX];
	struct buf to;
	struct pre_unit u;

	load(vectors[0].first);
	u = unit;
	buf_init(&to, 2 * PRE_UNIT_MAX);
	u.rest = slice_make(text, PRE_UNIT_MAX - REST_AT);
	ck_assert_uint_eq(pre_unit_write(&u, &to), RC_OK);
	ck_assert_uint_eq(to.n, PRE_UNIT_MAX);
	u.rest.n++;
	ck_assert_uint_eq(pre_unit_write(&u, &to), RC_TOO_LARGE);
	u.rest = SLICE_NONE;
	u.sink = slice_make(text, PRE_URL_MAX + 1);
	ck_assert_uint_eq(pre_unit_write(&u, &to), RC_TOO_LARGE);
	u.sink = SLICE_NONE;
	u.source = slice_make(text, PRE_URL_MAX + 1);
	ck_assert_uint_eq(pre_unit_write(&u, &to), RC_TOO_LARGE);
	buf_fini(&to);
	buf_init(&to, wire_n - 1);
	ck_assert_uint_eq(pre_unit_write(&unit, &to), RC_NO_SPACE);
	buf_fini(&to);
}
END_TEST

/* ---- batches ---- */

START_TEST(batches)
{
	const char *const all[] = { vectors[0].mm2, vectors[0].end, vectors[0].first };
	struct slice rest, before;
	struct buf batch;

	buf_init(&batch, 4096);
	for (size_t i = 0; i < NITEMS(all); i++) {
		size_t at = pre_batch_begin(&batch);

		load(all[i]);
		ck_assert_uint_eq(pre_unit_write(&unit, &batch), RC_OK);
		ck_assert_uint_eq(pre_batch_end(&batch, at), RC_OK);
		expect_octets(batch.p + at, 2, "0000");
	}
	rest = buf_view(&batch);
	for (size_t i = 0; i < NITEMS(all); i++) {
		load(all[i]);
		ck_assert_uint_eq(pre_batch_next(&rest, NULL, &unit), RC_OK);
		ck_assert(slice_eq(unit.whole, slice_make(wire, wire_n)));
	}
	ck_assert_uint_eq(pre_batch_next(&rest, NULL, &unit), RC_NOT_FOUND);
	/* Cut off anywhere: the last one is not there. */
	for (size_t n = 1; n < wire_n + PRE_LENGTH_SIZE; n++) {
		rest = slice_from(slice_head(buf_view(&batch), batch.n - n), batch.n - wire_n - 4);
		before = rest;
		ck_assert_uint_eq(pre_batch_next(&rest, NULL, &unit), RC_BAD_REQUEST);
		ck_assert(slice_eq(rest, before));
	}
	buf_fini(&batch);
}
END_TEST

START_TEST(a_batch_that_is_full)
{
	struct buf batch;
	size_t at;

	load(vectors[0].first);
	buf_init(&batch, wire_n + 3);
	at = pre_batch_begin(&batch);
	ck_assert_uint_eq(pre_unit_write(&unit, &batch), RC_NO_SPACE);
	ck_assert_uint_eq(pre_batch_end(&batch, at), RC_NO_SPACE);
	ck_assert_uint_eq(batch.n, 0);
	ck_assert(!batch.failed);
	buf_fini(&batch);
}
END_TEST

static const struct {
	const char *octets;
	enum rc rc;
	size_t n;
} sizes[] = {
	{ "", RC_OK, 4 },
	{ "000000", RC_OK, 4 },
	{ "00000000", RC_BAD_REQUEST, 4 },
	{ "00000027", RC_BAD_REQUEST, 4 },
	{ "00000028", RC_OK, 44 },
	{ "00100000ff", RC_OK, (1u << 20) + 4 },
	{ "00100001", RC_TOO_LARGE, 4 },
	{ "ffffffff", RC_TOO_LARGE, 4 },
};

START_TEST(sizes_in_streams)
{
	struct octets o = octets_of(sizes[_i].octets);
	size_t n;

	ck_assert_uint_eq(pre_batch_size(octets_slice(&o), NULL, &n), sizes[_i].rc);
	ck_assert_uint_eq(n, sizes[_i].n);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pre_unit");
	TCase *c = suite_case(s, "unit", NULL, NULL);

	tcase_add_test(c, parts);
	tcase_add_loop_test(c, lengths_of_each_type, 0, (int)NITEMS(vectors));
	tcase_add_test(c, the_source_is_the_headers);
	tcase_add_test(c, limits);
	tcase_add_test(c, longest_data);
	tcase_add_test(c, longest_urls);
	tcase_add_test(c, coap);
	tcase_add_test(c, writing_has_limits);
	c = suite_case(s, "batch", NULL, NULL);
	tcase_add_test(c, batches);
	tcase_add_test(c, a_batch_that_is_full);
	tcase_add_loop_test(c, sizes_in_streams, 0, (int)NITEMS(sizes));
	return run_suite(s);
}
