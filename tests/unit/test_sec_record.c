/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped records. */
#include "config.h"

#include "keystore_bed.h"
#include "sec/record.h"

static struct record
sample(struct buf *to)
{
	const struct record r = { .type = KS_KMR, .index = 7, .not_after = UINT64_C(0x1122334455667788),
		                      .name = SLICE_INIT("name") };
	struct record back;
	struct slice rest;

	buf_init(to, RECORD_MAX);
	ck_assert_uint_eq(record_seal(&kek, &r, key_slice(&secret), to), RC_OK);
	rest = buf_view(to);
	ck_assert_uint_eq(record_parse(&rest, &back), RC_OK);
	ck_assert_uint_eq(rest.n, 0);
	return back;
}

START_TEST(records_have_their_octets)
{
	static const char head[] = "M2MKS1\0\1\0\0\0\7\x11\x22\x33\x44\x55\x66\x77\x88\0\4name";
	struct buf b;
	struct record r = sample(&b), again;
	struct buf other;
	struct key out;
	size_t n;

	ck_assert_uint_eq(b.n, RECORD_FIXED + 4 + KEY_BYTES);
	ck_assert_mem_eq(b.p, head, sizeof(head) - 1);
	ck_assert_mem_eq(b.p + sizeof(head) - 1 + 12, "\0\40", 2);
	ck_assert_uint_eq(r.type, KS_KMR);
	ck_assert_uint_eq(r.index, 7);
	ck_assert_uint_eq(r.not_after, UINT64_C(0x1122334455667788));
	ck_assert(slice_is(r.name, "name"));
	ck_assert_uint_eq(record_open(&kek, &r, out.v, KEY_BYTES, &n), RC_OK);
	ck_assert_uint_eq(n, KEY_BYTES);
	ck_assert(key_equal(&out, &secret));
	/* The same twice: another nonce, other octets. */
	again = sample(&other);
	ck_assert(!slice_eq(r.nonce, again.nonce) && !slice_eq(r.cipher, again.cipher));
	buf_fini(&other);
	buf_fini(&b);
}
END_TEST

START_TEST(records_refuse_each_flipped_bit)
{
	struct buf b;
	struct key out;
	size_t n;

	(void)sample(&b);
	for (size_t bit = 0; bit < 8 * b.n; bit++) {
		struct slice rest = buf_view(&b);
		struct record r;

		b.p[bit / 8] ^= (char)(1u << bit % 8);
		out = secret;
		if (record_parse(&rest, &r) == RC_OK) {
			ck_assert_uint_ge(bit / 8, sizeof("M2MKS1"));
			ck_assert_uint_eq(record_open(&kek, &r, out.v, KEY_BYTES, &n), RC_DENIED);
			ck_assert(key_is_zero(&out));
			ck_assert_uint_eq(n, 0);
		}
		b.p[bit / 8] ^= (char)(1u << bit % 8);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(records_refuse_each_length)
{
	struct buf b;
	struct record r;

	(void)sample(&b);
	for (size_t n = 0; n < b.n; n++) {
		char *exact = malloc(n + 1);
		struct slice rest = { exact, n };

		memcpy(exact, b.p, n);
		ck_assert_uint_eq(record_parse(&rest, &r), RC_BAD_REQUEST);
		ck_assert_uint_eq(rest.n, n);
		ck_assert_ptr_null(r.whole.p);
		free(exact);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(records_have_limits)
{
	static char large[RECORD_NAME_MAX + 1];
	struct record r = { .name = { large, RECORD_NAME_MAX } };
	struct buf b, small;
	struct slice rest;
	struct key out;
	size_t n;

	buf_init(&b, RECORD_MAX);
	ck_assert_uint_eq(record_seal(&kek, &r, slice_make(large, RECORD_SECRET_MAX), &b), RC_OK);
	ck_assert_uint_eq(b.n, RECORD_MAX);
	rest = buf_view(&b);
	ck_assert_uint_eq(record_parse(&rest, &r), RC_OK);
	ck_assert_uint_eq(record_open(&kek, &r, out.v, KEY_BYTES, &n), RC_TOO_LARGE);
	buf_clear(&b);
	r = (struct record){ .name = { large, RECORD_NAME_MAX + 1 } };
	ck_assert_uint_eq(record_seal(&kek, &r, SLICE_NONE, &b), RC_BAD_REQUEST);
	r.name.n = 0;
	ck_assert_uint_eq(record_seal(&kek, &r, slice_make(large, RECORD_SECRET_MAX + 1), &b),
	                  RC_BAD_REQUEST);
	/* Nothing in clear, no name: a record all the same. */
	ck_assert_uint_eq(record_seal(&kek, &r, SLICE_NONE, &b), RC_OK);
	rest = buf_view(&b);
	ck_assert_uint_eq(record_parse(&rest, &r), RC_OK);
	ck_assert_uint_eq(record_open(&kek, &r, out.v, KEY_BYTES, &n), RC_OK);
	ck_assert_uint_eq(n, 0);
	buf_init(&small, RECORD_FIXED - 1);
	ck_assert_uint_eq(record_seal(&kek, &r, SLICE_NONE, &small), RC_NO_SPACE);
	buf_fini(&small);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_record");
	TCase *c = suite_case(s, "record", NULL, NULL);

	tcase_add_test(c, records_have_their_octets);
	tcase_add_test(c, records_refuse_each_flipped_bit);
	tcase_add_test(c, records_refuse_each_length);
	tcase_add_test(c, records_have_limits);
	return run_suite(s);
}
