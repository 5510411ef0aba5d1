/* SPDX-License-Identifier: Apache-2.0 */
/* Known messages, every bit of them, and messages that are signed again. */
#include "config.h"

#include "pre_flow.h"
#include "pre_vectors.h"

/* ---- known messages ---- */

/* The section of the vectors: epoch 3 and key index 9 of stream 7, with what is random fixed. */
static struct pre_hdr
known_section(const struct vector *v)
{
	struct pre_hdr h = {
		.flags = v->flags, .stream = FLOW_STREAM, .key_index = 9, .cid = v->cid, .epoch = 3
	};

	ck_assert_uint_eq(pre_source_name(SLICE_LIT(FLOW_SOURCE), h.source), RC_OK);
	return h;
}

static struct pre_session
known_session(void)
{
	struct pre_session s;

	for (uint8_t i = 0; i < sizeof(s.v); i++)
		s.v[i] = (uint8_t)(0x40 + i);
	return s;
}

static struct pre_kem
known_kem(const struct pre_hdr *h)
{
	struct afgh_epoch_id id = { .stream = h->stream, .epoch = h->epoch };
	struct octets r = octets_of(KAT_R);
	struct afgh_epoch *e;
	struct pre_kem kem;

	memcpy(id.source, h->source, sizeof(id.source));
	ck_assert_uint_eq(afgh_epoch_new(flow_source.keys, &id, &e), RC_OK);
	ck_assert_uint_eq(afgh_encrypt_fixed(flow_afgh, e, octets_slice(&r), kem.c1, &kem.k),
	                  RC_OK);
	afgh_epoch_free(e);
	return kem;
}

static struct pre_unit
unit_in(const struct pre_hdr *h, enum pre_type type, uint32_t msg_id, struct slice rest)
{
	struct pre_unit u = {
		.hdr = *h,
		.msg_id = msg_id,
		.source = SLICE_LIT(FLOW_SOURCE),
		.sink = SLICE_LIT(FLOW_SINK),
		.rest = rest,
	};

	u.hdr.type = (uint8_t)type;
	return u;
}

static void
expect_unit(const struct pre_hdr *h, enum pre_type type, uint32_t msg_id, const struct buf *rest,
            const char *hex)
{
	struct pre_unit u = unit_in(h, type, msg_id, buf_view(rest));
	char *text;
	struct buf whole;

	buf_init(&whole, 4096);
	ck_assert_uint_eq(pre_unit_write(&u, &whole), RC_OK);
	text = malloc(2 * whole.n + 1);
	hex_encode(whole.p, whole.n, text);
	ck_assert_str_eq(text, hex);
	free(text);
	buf_fini(&whole);
}

/* MM2, two messages, END, MM1: each is the same each time. */
static void
make_known(const struct vector *v, struct buf rest[5])
{
	struct pre_hdr h = known_section(v);
	struct pre_session s = known_session();
	struct pre_kem kem = known_kem(&h);
	struct pre_rekey k = flow_rekey(&flow_sink, FLOW_STREAM, 3);
	struct pre_end e = { .count = 2 };
	uint8_t d[AFGH_GT];
	struct pre_data *data;
	struct pre_grant *g;
	struct pre_unit u;
	struct pre_mm m;

	for (int i = 0; i < 5; i++)
		buf_init(&rest[i], 4096);
	ck_assert_uint_eq(pre_mm2_make(&h, &kem, &s, flow_source.sign, &rest[0]), RC_OK);
	h.type = PRE_MM2;
	ck_assert_uint_eq(pre_mm_parse(&h, buf_view(&rest[0]), &m), RC_OK);
	ck_assert_uint_eq(pre_mm_digest(&m, e.chain.v), RC_OK);
	ck_assert_uint_eq(pre_data_new(&h, &s, true, &data), RC_OK);
	for (uint32_t i = 0; i < 2; i++) {
		struct pre_datum datum = { .msg_id = 0x11111111 * (i + 2), .seq = i };

		ck_assert_uint_eq(pre_data_seal(data, flow_source.sign,
		                                i == 0 ? SLICE_LIT("first message") : SLICE_NONE,
		                                &datum, &rest[1 + i]),
		                  RC_OK);
		ck_assert_uint_eq(pre_chain_add(data, &e.chain, datum.digest), RC_OK);
	}
	pre_data_free(data);
	ck_assert_uint_eq(pre_end_make(&h, &e, flow_source.sign, &rest[3]), RC_OK);
	u = unit_in(&h, PRE_MM2, 0x11111111, buf_view(&rest[0]));
	ck_assert_uint_eq(pre_grant_new(&k, &g), RC_OK);
	ck_assert_uint_eq(pre_grant_power(g, &u, &flow_source.public, d), RC_OK);
	ck_assert_uint_eq(pre_mm1_make(&m, k.pk_id, d, &rest[4]), RC_OK);
	pre_grant_free(g);
}

START_TEST(known_messages)
{
	const struct vector *v = &vectors[_i];
	struct pre_hdr h = known_section(v);
	struct buf rest[5];

	make_known(v, rest);
	expect_unit(&h, PRE_MM2, 0x11111111, &rest[0], v->mm2);
	expect_unit(&h, PRE_DATA, 0x22222222, &rest[1], v->first);
	expect_unit(&h, PRE_DATA, 0x33333333, &rest[2], v->second);
	expect_unit(&h, PRE_END, 0x44444444, &rest[3], v->end);
	expect_unit(&h, PRE_MM1, 0x11111111, &rest[4], v->mm1);
	for (int i = 0; i < 5; i++)
		buf_fini(&rest[i]);
}
END_TEST

/* The vectors say the same to a sink. */
START_TEST(known_messages_open)
{
	const struct vector *v = &vectors[_i];
	const char *const order[] = { v->mm1, v->first, v->second, v->end };
	struct pre_opening_conf conf = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_opening *sink = flow_opening(&conf);
	struct pre_opened out;

	for (size_t i = 0; i < NITEMS(order); i++) {
		size_t n = strlen(order[i]) / 2;
		uint8_t *octets = malloc(n);
		struct pre_unit u;

		ck_assert(hex_decode(slice_of(order[i]), octets, n));
		ck_assert_uint_eq(pre_unit_parse(slice_make(octets, n), NULL, &u), RC_OK);
		ck_assert_uint_eq(pre_opening_take(sink, &u, &out), RC_OK);
		ck_assert_uint_eq(out.findings, 0);
		if (i == 1)
			ck_assert(slice_is(out.plain, "first message"));
		free(octets);
	}
	ck_assert(out.judged);
	pre_opening_free(sink);
}
END_TEST

/* ---- every bit ---- */

/* HDR | rest, without the lengths of a unit, which are not authenticated. */
static size_t
message_of(const char *hex, uint8_t *out)
{
	size_t skip = PRE_HDR_SIZE + 4 + 2 + strlen(FLOW_SOURCE) + 2 + strlen(FLOW_SINK);
	size_t n = strlen(hex) / 2;
	uint8_t all[1024];

	ck_assert_uint_le(n, sizeof(all));
	ck_assert(hex_decode(slice_of(hex), all, n));
	memcpy(out, all, PRE_HDR_SIZE);
	memcpy(out + PRE_HDR_SIZE, all + skip, n - skip);
	return PRE_HDR_SIZE + n - skip;
}

static enum rc
take_message(struct pre_opening *o, const uint8_t *p, size_t n)
{
	struct pre_unit u = { .source = SLICE_LIT(FLOW_SOURCE) };
	struct pre_opened out;

	if (pre_hdr_parse(slice_make(p, n), &u.hdr) != RC_OK)
		return RC_BAD_REQUEST;
	u.rest = slice_make(p + PRE_HDR_SIZE, n - PRE_HDR_SIZE);
	return pre_opening_take(o, &u, &out);
}

static void
flip_all(const struct pre_opening_conf *conf, uint8_t *p, size_t n)
{
	struct pre_opening *o = flow_opening(conf);

	for (size_t bit = 0; bit < 8 * n; bit++) {
		enum rc rc;

		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = take_message(o, p, n);
		/* With the type of a data message it is one of a section that is not known. */
		ck_assert_msg(rc == RC_BAD_REQUEST || (bit / 8 == 2 && rc == RC_NOT_FOUND),
		              "bit %zu: %d", bit, (int)rc);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t k = 0; k < n; k++)
		ck_assert_uint_eq(take_message(o, p, k), RC_BAD_REQUEST);
	p[n] = 0;
	ck_assert_uint_eq(take_message(o, p, n + 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(take_message(o, p, n), RC_OK);
	pre_opening_free(o);
}

START_TEST(every_bit_of_mm1)
{
	struct pre_opening_conf conf = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	uint8_t p[1024];
	size_t n = message_of(vectors[_i].mm1, p);

	flip_all(&conf, p, n);
}
END_TEST

START_TEST(every_bit_of_mm2)
{
	struct pre_opening_conf conf = flow_opening_conf(&flow_source, PRE_AS_OWNER);
	uint8_t p[1024];
	size_t n = message_of(vectors[_i].mm2, p);

	flip_all(&conf, p, n);
}
END_TEST

/* The proxy, which has no key of the message, by the signature. */
START_TEST(every_bit_at_the_proxy)
{
	struct pre_rekey k = flow_rekey(&flow_sink, FLOW_STREAM, 3);
	uint8_t p[1024], d[AFGH_GT];
	size_t n = message_of(vectors[0].mm2, p);
	struct pre_grant *g;
	struct pre_unit u;

	ck_assert_uint_eq(pre_grant_new(&k, &g), RC_OK);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		/* The two types of management messages are one to the signature. */
		if (bit / 8 == 2)
			continue;
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		u.rest = slice_make(p + PRE_HDR_SIZE, n - PRE_HDR_SIZE);
		if (pre_hdr_parse(slice_make(p, n), &u.hdr) == RC_OK)
			ck_assert_uint_eq(pre_grant_power(g, &u, &flow_source.public, d),
			                  RC_BAD_REQUEST);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	pre_grant_free(g);
}
END_TEST

START_TEST(every_bit_of_data)
{
	struct pre_opening_conf conf = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	uint8_t mm1[1024], p[1024];
	size_t mm1_n = message_of(vectors[_i].mm1, mm1);
	size_t n = message_of(vectors[_i].first, p);
	struct pre_opening *o = flow_opening(&conf);
	struct pre_unit u = { .msg_id = 0x22222222 };
	struct pre_opened out;

	ck_assert_uint_eq(take_message(o, mm1, mm1_n), RC_OK);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		u.rest = slice_make(p + PRE_HDR_SIZE, n - PRE_HDR_SIZE);
		if (pre_hdr_parse(slice_make(p, n), &u.hdr) == RC_OK)
			ck_assert_uint_ne(pre_opening_take(o, &u, &out), RC_OK);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_uint_eq(pre_hdr_parse(slice_make(p, n), &u.hdr), RC_OK);
	/* Under another number, and then as it was. */
	u.msg_id ^= 1;
	ck_assert_uint_eq(pre_opening_take(o, &u, &out), RC_BAD_REQUEST);
	u.msg_id ^= 1;
	ck_assert_uint_eq(pre_opening_take(o, &u, &out), RC_OK);
	pre_opening_free(o);
}
END_TEST

/* ---- by somebody who can sign ---- */

/* What rest is, signed again by the source for the section of h. */
static void
sign_again(const struct pre_hdr *h, uint8_t *rest, size_t n)
{
	uint8_t hdr[PRE_HDR_SIZE];

	pre_hdr_write(h, PRE_MM2, hdr);
	ck_assert_uint_eq(sign_make_pair(flow_source.sign, SIGN_PRE_KEY,
	                                 slice_make(hdr, sizeof(hdr)), slice_make(rest, n),
	                                 rest + n),
	                  RC_OK);
}

#define KEPT (AFGH_G1 + PRE_COMMIT_SIZE + 32) /* C1, commit, W of a key of 16 octets */

static const struct {
	const char *what;
	size_t at; /* an octet of HDR | C1 | commit | W to change */
} signed_changes[] = {
	{ "flags", 3 },   { "epoch", 7 },    { "stream", 9 },       { "key index", 11 },
	{ "source", 31 }, { "C1", 32 + 47 }, { "commit", 32 + 48 }, { "W", 32 + 80 },
};

/* A signature does not help: header, C1, commitment and session key belong together. */
START_TEST(signed_again)
{
	struct pre_opening_conf conf = flow_opening_conf(&flow_source, PRE_AS_OWNER);
	struct pre_opening *o;
	struct pre_session s;
	uint8_t p[1024];
	size_t n = message_of(vectors[0].mm2, p);
	struct pre_hdr h;
	struct pre_mm m;

	p[signed_changes[_i].at] ^= 1;
	ck_assert_uint_eq(pre_hdr_parse(slice_make(p, n), &h), RC_OK);
	sign_again(&h, p + PRE_HDR_SIZE, KEPT);
	ck_assert_uint_eq(pre_mm_parse(&h, slice_make(p + PRE_HDR_SIZE, n - PRE_HDR_SIZE), &m),
	                  RC_OK);
	ck_assert_uint_eq(pre_mm_verify(&m, &flow_source.public), RC_OK);
	o = flow_opening(&conf);
	ck_assert_uint_eq(take_message(o, p, n), RC_BAD_REQUEST);
	pre_opening_free(o);
	ck_assert_uint_eq(pre_mm_open_owner(&m, flow_afgh, afgh_keys_first(flow_source.keys), &s),
	                  RC_BAD_REQUEST);
	expect_zeros(s.v, sizeof(s.v));
}
END_TEST

/* C1, or D, of another message of the same section number. */
START_TEST(swapped_parts)
{
	struct pre_opening_conf conf = flow_opening_conf(&flow_sink, PRE_AS_SINK);
	struct pre_stream_conf stream_conf = flow_stream_conf();
	struct pre_stream *stream = flow_stream(&stream_conf);
	struct pre_opening *o = flow_opening(&conf);
	struct buf sent, forwarded;
	struct units u;
	char rest[PRE_MM1_MAX];
	struct pre_unit swapped;

	buf_init(&sent, 1u << 16);
	buf_init(&forwarded, 1u << 16);
	flow_send(stream, 2, 1, &sent);
	flow_forward(&sent, &flow_sink, &forwarded);
	u = units_of(&forwarded);
	swapped = *units_find(&u, PRE_MM1, 0);
	memcpy(rest, swapped.rest.p, swapped.rest.n);
	memcpy(rest, units_find(&u, PRE_MM1, 1)->rest.p, AFGH_G1);
	swapped.rest.p = rest;
	ck_assert_uint_eq(flow_take(o, &swapped), RC_BAD_REQUEST);
	memcpy(rest, units_find(&u, PRE_MM1, 0)->rest.p, swapped.rest.n);
	memcpy(rest + swapped.rest.n - AFGH_GT,
	       units_find(&u, PRE_MM1, 1)->rest.p + swapped.rest.n - AFGH_GT, AFGH_GT);
	ck_assert_uint_eq(flow_take(o, &swapped), RC_BAD_REQUEST);
	pre_opening_free(o);
	pre_stream_free(stream);
	buf_fini(&sent);
	buf_fini(&forwarded);
}
END_TEST

static Suite *
messages_suite(void)
{
	Suite *s = suite_create("pre_messages");
	int all = (int)NITEMS(vectors), some = getenv("OPENSCL_LONG") != NULL ? all : 1;
	TCase *c = suite_case(s, "known", pre_flow_setup, pre_flow_teardown);

	tcase_add_loop_test(c, known_messages, 0, all);
	tcase_add_loop_test(c, known_messages_open, 0, all);
	c = suite_case(s, "bits", pre_flow_setup, pre_flow_teardown);
	tcase_add_loop_test(c, every_bit_of_mm1, 0, some);
	tcase_add_loop_test(c, every_bit_of_mm2, 0, some);
	tcase_add_loop_test(c, every_bit_of_data, 0, all);
	tcase_add_test(c, every_bit_at_the_proxy);
	tcase_add_loop_test(c, signed_again, 0, (int)NITEMS(signed_changes));
	tcase_add_test(c, swapped_parts);
	return s;
}

int
main(void)
{
#ifndef HAVE_PAIRING
	return 77;
#endif
	return run_suite(messages_suite());
}
