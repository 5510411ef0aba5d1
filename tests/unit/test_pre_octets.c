/* SPDX-License-Identifier: Apache-2.0 */
/* What messages are made of: header, names, ciphers, numbers. Needs no pairing. */
#include "config.h"

#include "pre/data.h"
#include "pre_bed.h"
#include "sec/hkdf.h"

/* ---- header and names ---- */

#define HDR_HEX                                                                                    \
	"01010201"                                                                                 \
	"0000000300070009"                                                                         \
	"0003"                                                                                     \
	"0000"                                                                                     \
	"00112233445566778899aabbccddeeff"

START_TEST(header)
{
	struct octets o = octets_of(HDR_HEX);
	uint8_t again[PRE_HDR_SIZE];
	struct pre_hdr h, other;

	ck_assert_uint_eq(pre_hdr_parse(octets_slice(&o), &h), RC_OK);
	ck_assert_uint_eq(h.type, PRE_MM2);
	ck_assert_uint_eq(h.flags, PRE_FLAG_SIGNED);
	ck_assert_uint_eq(h.epoch, 3);
	ck_assert_uint_eq(h.stream, 7);
	ck_assert_uint_eq(h.key_index, 9);
	ck_assert_uint_eq(h.cid, 3);
	ck_assert_uint_eq(h.source[15], 0xff);
	pre_hdr_write(&h, PRE_MM2, again);
	ck_assert_mem_eq(again, o.v, sizeof(again));
	pre_hdr_write(&h, PRE_END, again);
	ck_assert_uint_eq(again[2], 4);
	for (size_t n = 0; n < PRE_HDR_SIZE; n++)
		ck_assert_uint_eq(pre_hdr_parse(slice_make(o.v, n), &other), RC_BAD_REQUEST);
}
END_TEST

static const struct {
	size_t at;
	uint8_t value;
	bool ok;
} header_octets[] = {
	{ 0, 0, false },     { 0, 2, false },    { 1, 0, false },    { 1, 2, false },
	{ 2, 0, false },     { 2, 5, false },    { 2, 1, true },     { 2, 3, true },
	{ 2, 4, true },      { 3, 2, false },    { 3, 0x80, false }, { 3, 0, true },
	{ 4, 0xff, true },   { 12, 1, false },   { 13, 0, false },   { 13, 8, false },
	{ 13, 0x0a, false }, { 13, 1, true },    { 13, 7, true },    { 14, 1, false },
	{ 15, 1, false },    { 16, 0xff, true },
};

START_TEST(header_refused)
{
	struct octets o = octets_of(HDR_HEX);
	struct pre_hdr h;

	o.v[header_octets[_i].at] = header_octets[_i].value;
	ck_assert_uint_eq(pre_hdr_parse(octets_slice(&o), &h),
	                  header_octets[_i].ok ? RC_OK : RC_BAD_REQUEST);
}
END_TEST

START_TEST(order_of_sections)
{
	struct pre_hdr a = { .epoch = 1, .key_index = 5 }, b = a;

	ck_assert_int_eq(pre_hdr_order(&a, &b), 0);
	b.key_index = 6;
	ck_assert_int_lt(pre_hdr_order(&a, &b), 0);
	a.epoch = 2;
	ck_assert_int_gt(pre_hdr_order(&a, &b), 0);
}
END_TEST

/* All but the type names a section. */
START_TEST(header_of_one_section)
{
	static const struct pre_hdr h = {
		.type = PRE_MM2, .stream = 2, .key_index = 3, .cid = 4, .epoch = 5, .source = { 6 }
	};
	struct pre_hdr other[] = { h, h, h, h, h, h, h };

	other[0].type = PRE_END;
	other[1].flags = 1;
	other[2].stream++;
	other[3].key_index++;
	other[4].cid++;
	other[5].epoch++;
	other[6].source[15] = 1;
	for (size_t i = 0; i < NITEMS(other); i++)
		ck_assert(pre_hdr_same(&h, &other[i]) == (i == 0));
}
END_TEST

START_TEST(urls)
{
	static const struct {
		const char *url;
		bool ok;
	} cases[] = {
		{ "coap://gateway.example/alpha_1", true },
		{ "https://[2001:db8::1]:8443/a%C3%A9?b=C", true },
		{ "http://h", true },
		{ "http://h/\xc3\xa9", true },
		{ "", false },
		{ "/path", false },
		{ "alpha_1", false },
		{ "urn:x:y", false },
		{ "http://", false },
		{ "HTTP://h/", false },
		{ "http://H/", false },
		{ "http://u@h/", false },
		{ "http://@h/", false },
		{ "http://h/#f", false },
		{ "http://h/a b", false },
		{ "http://h/\n", false },
		{ "http://h/\x7f", false },
		{ "http://h/\xc3", false },
		{ "http://h/\xc0\xaf", false },
		{ "http://h/\xc2\x85", false },
		{ "http://h/\xed\xa0\x80", false },
	};

	for (size_t i = 0; i < NITEMS(cases); i++)
		ck_assert_msg(pre_url_ok(slice_of(cases[i].url)) == cases[i].ok, "%s",
		              cases[i].url);
	ck_assert(pre_sink_ok(SLICE_NONE) && pre_sink_ok(SLICE_LIT("billing")) &&
	          pre_sink_ok(SLICE_LIT("Z\xc3\xa4hler")));
	ck_assert(!pre_sink_ok(SLICE_LIT("a b")) && !pre_sink_ok(SLICE_LIT("a\t")) &&
	          !pre_sink_ok(SLICE_LIT("\xff")));
}
END_TEST

/* The length has two octets on the wire. */
START_TEST(long_names)
{
	static char text[65537];

	memset(text, 'a', sizeof(text));
	ck_assert(pre_sink_ok(slice_make(text, 65535)));
	ck_assert(!pre_sink_ok(slice_make(text, 65536)));
	memcpy(text, "http://h/", 9);
	ck_assert(pre_url_ok(slice_make(text, 65535)));
	ck_assert(!pre_url_ok(slice_make(text, 65536)));
}
END_TEST

/* Of all ciphers that there are, messages have the first ones. */
START_TEST(ciphers_of_messages)
{
	for (uint16_t cid = 1; cid <= 7; cid++)
		ck_assert_ptr_eq(pre_cipher_find(cid), cipher_find(cid));
	ck_assert_ptr_null(pre_cipher_find(0));
	ck_assert_ptr_nonnull(cipher_find(8));
	ck_assert_ptr_null(pre_cipher_find(8));
	ck_assert_ptr_null(pre_cipher_find(0x000a));
	ck_assert_ptr_null(pre_cipher_find(0xffff));
	for (uint16_t cid = 1; cid <= 7; cid++) {
		ck_assert_uint_le(cipher_find(cid)->key, PRE_CIPHER_KEY_MAX);
		ck_assert_uint_le(cipher_find(cid)->iv, PRE_CIPHER_IV_MAX);
		ck_assert_uint_le(cipher_find(cid)->tag, PRE_CIPHER_TAG_MAX);
	}
}
END_TEST

/* ---- numbers of messages ---- */

static const struct pre_hdr some_section = { .stream = 1, .key_index = 2, .cid = 3, .epoch = 4 };
static const struct pre_session some_session = { .v = { 5 } };

static enum rc
seal(struct pre_data *d, uint32_t seq)
{
	struct pre_datum m = { .msg_id = 6, .seq = seq };
	struct buf body;
	enum rc rc;

	buf_init(&body, 100);
	rc = pre_data_seal(d, NULL, SLICE_LIT("text"), &m, &body);
	ck_assert_uint_eq(body.n, rc == RC_OK ? 24 : 0);
	buf_fini(&body);
	return rc;
}

/* No nonce is used twice, whoever calls. */
START_TEST(a_number_is_sealed_once)
{
	struct pre_data *d;

	ck_assert_uint_eq(pre_data_new(&some_section, &some_session, true, &d), RC_OK);
	ck_assert_uint_eq(seal(d, 5), RC_OK);
	ck_assert_uint_eq(seal(d, 5), RC_CONFLICT);
	ck_assert_uint_eq(seal(d, 0), RC_CONFLICT);
	ck_assert_uint_eq(seal(d, 6), RC_OK);
	ck_assert_uint_eq(seal(d, UINT32_MAX), RC_CONFLICT);
	ck_assert_uint_eq(seal(d, UINT32_MAX - 1), RC_OK);
	ck_assert_uint_eq(seal(d, UINT32_MAX - 1), RC_CONFLICT);
	ck_assert_uint_eq(seal(d, 0), RC_CONFLICT);
	pre_data_free(d);
}
END_TEST

/* seq | cipher text | tag, as somebody makes them who has the session key. */
static void
seal_by_hand(uint8_t seq, uint8_t body[24])
{
	struct octets aad = octets_of("00000006"
	                              "00010002"
	                              "00000004"
	                              "00000000000000000000000000000000"
	                              "ffffff00");
	uint8_t hdr[PRE_HDR_SIZE], okm[28];
	struct aead *a;

	aad.v[31] = seq;
	pre_hdr_write(&some_section, PRE_DATA, hdr);
	ck_assert_uint_eq(hkdf_sha256(SLICE_LIT("M2PRE1 data"), slice_make(some_session.v, 16),
	                              slice_make(hdr, sizeof(hdr)), okm, sizeof(okm)),
	                  RC_OK);
	for (int i = 0; i < 4; i++) {
		body[i] = aad.v[28 + i];
		okm[24 + i] ^= body[i];
	}
	ck_assert_uint_eq(aead_new(pre_cipher_find(3), true, okm, &a), RC_OK);
	ck_assert_uint_eq(aead_seal(a, okm + 16, octets_slice(&aad), SLICE_LIT("text"), body + 4),
	                  RC_OK);
	aead_free(a);
}

START_TEST(the_last_number_is_none)
{
	struct pre_datum m = { .msg_id = 6 };
	struct pre_data *d;
	struct buf plain;
	uint8_t body[24];

	ck_assert_uint_eq(pre_data_new(&some_section, &some_session, false, &d), RC_OK);
	buf_init(&plain, 100);
	seal_by_hand(0xff, body);
	ck_assert_uint_eq(pre_data_open(d, NULL, slice_make(body, 24), &m, &plain), RC_BAD_REQUEST);
	ck_assert_uint_eq(plain.n, 0);
	seal_by_hand(0xfe, body);
	ck_assert_uint_eq(pre_data_open(d, NULL, slice_make(body, 24), &m, &plain), RC_OK);
	ck_assert_uint_eq(m.seq, UINT32_MAX - 1);
	ck_assert(slice_is(buf_view(&plain), "text"));
	/* Not even a number. */
	for (size_t n = 0; n < 24; n++)
		ck_assert_uint_eq(pre_data_open(d, NULL, slice_make(body, n), &m, &plain),
		                  RC_BAD_REQUEST);
	buf_fini(&plain);
	pre_data_free(d);
}
END_TEST

/* A body that is shorter than its signature; each in memory of its own length. */
START_TEST(shorter_than_a_signature)
{
	struct pre_hdr h = some_section;
	struct pre_datum m = { .msg_id = 6 };
	const uint8_t seed[SIGN_SEED_SIZE] = { 7 };
	struct sign_public public;
	struct sign_key *key;
	struct pre_data *d;
	struct buf plain;

	h.flags = PRE_FLAG_SIGNED;
	ck_assert_uint_eq(sign_key_from_seed(seed, &key), RC_OK);
	sign_key_public(key, &public);
	ck_assert_uint_eq(pre_data_new(&h, &some_session, false, &d), RC_OK);
	buf_init(&plain, 100);
	for (size_t n = 1; n < SIGN_SIZE + PRE_SEQ_SIZE; n++) {
		uint8_t *body = calloc(1, n);

		ck_assert_uint_eq(pre_data_open(d, &public, slice_make(body, n), &m, &plain),
		                  RC_BAD_REQUEST);
		free(body);
	}
	buf_fini(&plain);
	pre_data_free(d);
	sign_key_free(key);
}
END_TEST

static Suite *
octets_suite(void)
{
	Suite *s = suite_create("pre_octets");
	TCase *c = suite_case(s, "octets", NULL, NULL);

	tcase_add_test(c, header);
	tcase_add_loop_test(c, header_refused, 0, (int)NITEMS(header_octets));
	tcase_add_test(c, order_of_sections);
	tcase_add_test(c, header_of_one_section);
	tcase_add_test(c, urls);
	tcase_add_test(c, long_names);
	tcase_add_test(c, ciphers_of_messages);
	tcase_add_test(c, a_number_is_sealed_once);
	tcase_add_test(c, the_last_number_is_none);
	tcase_add_test(c, shorter_than_a_signature);
	return s;
}

int
main(void)
{
	return run_suite(octets_suite());
}
