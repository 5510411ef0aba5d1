/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts on a node, and the nonces that they answer. */
#include "config.h"

#include "sec/b64url.h"
#include "sec/hex.h"
#include "sec/reject.h"
#include "sign_bed.h"

static struct reject
verdict(void)
{
	struct reject r = { .cause = REJECT_REVOKED,
		            .permanent = true,
		            .node = node,
		            .time = (uint64_t)NOW,
		            .sp_id = SLICE_LIT("sp1.example") };

	for (unsigned i = 0; i < REJECT_NONCE_SIZE; i++)
		r.nonce[i] = (uint8_t)(i * 0x11);
	return r;
}

START_TEST(the_vector_of_a_verdict)
{
	static const char start[] = "96a17f437fb70e9f";
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX], space[REJECT_MAX];
	char text[REJECT_TEXT_MAX], hex[17];
	size_t n;

	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	ck_assert_uint_eq(n, 128);
	hex_encode(octets + 64, 8, hex);
	ck_assert_str_eq(hex, start);
	ck_assert_int_eq(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
	ck_assert(got.cause == REJECT_REVOKED && got.permanent && got.retry_after == 0 &&
	          got.time == (uint64_t)NOW && node_id_eq(&got.node, &node) &&
	          slice_is(got.sp_id, "sp1.example"));
	ck_assert_mem_eq(got.nonce, r.nonce, REJECT_NONCE_SIZE);
	b64url_encode(text, octets, n);
	ck_assert_int_eq(reject_verify_text(slice_make(text, B64URL_LEN(n)), &check, space, &got),
	                 RC_OK);
	ck_assert_int_eq(
		reject_verify_text(slice_make(text, B64URL_LEN(n) - 1), &check, space, &got),
		RC_BAD_REQUEST);
	ck_assert_int_eq(reject_verify_text(SLICE_NONE, &check, space, &got), RC_BAD_REQUEST);
}
END_TEST

START_TEST(every_change_of_a_verdict)
{
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX];
	size_t n;

	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	for (size_t i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			octets[i] ^= (uint8_t)(1u << bit);
			ck_assert_int_ne(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
			octets[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(i + 1);

		memcpy(copy, octets, i);
		ck_assert_int_eq(reject_verify(slice_make(copy, i), &check, &got), RC_BAD_REQUEST);
		free(copy);
	}
	octets[n] = 0;
	ck_assert_int_eq(reject_verify(slice_make(octets, n + 1), &check, &got), RC_BAD_REQUEST);
	ck_assert_int_eq(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
}
END_TEST

START_TEST(a_verdict_for_somebody_else)
{
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX], nonce[REJECT_NONCE_SIZE] = { 0 };
	struct node_id stranger = node;
	struct slice s;
	size_t n;

	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	s = slice_make(octets, n);
	check.pinned = &other_public;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.pinned = &cn_public;
	stranger.v[0] ^= 1;
	check.node = &stranger;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.node = &node;
	/* An old one again. */
	check.nonce = nonce;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.nonce = r.nonce;
	for (int64_t d = -REJECT_TOLERANCE - 1; d <= REJECT_TOLERANCE + 1; d++) {
		check.now = NOW + d;
		ck_assert_int_eq(reject_verify(s, &check, &got),
		                 d < -REJECT_TOLERANCE || d > REJECT_TOLERANCE ? RC_FORBIDDEN
		                                                               : RC_OK);
	}
	check.now = -1;
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
	check.now = NOW;
	/* The same octets under the domain of another purpose. */
	ck_assert_int_eq(
		sign_make(cn, SIGN_OWN, slice_head(s, n - SIGN_SIZE), octets + n - SIGN_SIZE),
		RC_OK);
	ck_assert_int_eq(reject_verify(s, &check, &got), RC_FORBIDDEN);
}
END_TEST

/* Signed by the right key, and still no verdict. */
START_TEST(verdicts_of_another_form)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} rows[] = { { 0, 'X' }, { 4, REJECT_CAUSES }, { 5, 2 },  { 5, 0x81 }, { 7, 127 },
		     { 52, 10 }, { 52, 12 },           { 53, 0 }, { 60, ' ' } };
	struct reject r = verdict(), got;
	struct reject_check check = { &cn_public, &node, r.nonce, NOW };
	uint8_t octets[REJECT_MAX];
	static char name[256];
	size_t n;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct slice s;

		ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
		s = slice_make(octets, n);
		octets[rows[i].at] = rows[i].value;
		ck_assert_int_eq(sign_make(cn, SIGN_REJECT, slice_head(s, n - SIGN_SIZE),
		                           octets + n - SIGN_SIZE),
		                 RC_OK);
		ck_assert_int_eq(reject_verify(s, &check, &got), RC_BAD_REQUEST);
	}
	memset(name, 'a', sizeof(name));
	r.sp_id = slice_make(name, REJECT_SP_ID_MAX);
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_OK);
	ck_assert_int_eq(reject_verify(slice_make(octets, n), &check, &got), RC_OK);
	r.sp_id.n++;
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_BAD_REQUEST);
	r.sp_id.n = 0;
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_BAD_REQUEST);
	r = verdict();
	r.cause = REJECT_CAUSES;
	ck_assert_int_eq(reject_make(&r, cn, octets, &n), RC_BAD_REQUEST);
}
END_TEST

START_TEST(nonces)
{
	uint8_t nonce[REJECT_NONCE_SIZE];

	ck_assert(reject_nonce_parse(SLICE_LIT("00112233445566778899aabbccddeeff"), nonce));
	ck_assert(nonce[1] == 0x11 && nonce[15] == 0xff);
	ck_assert(!reject_nonce_parse(SLICE_LIT("00112233445566778899aabbccddeef"), nonce));
	ck_assert(!reject_nonce_parse(SLICE_LIT("00112233445566778899aabbccddeeff0"), nonce));
	ck_assert(!reject_nonce_parse(SLICE_LIT("0011223344556677 899aabbccddeeff"), nonce));
	ck_assert(!reject_nonce_parse(SLICE_NONE, nonce));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_reject");
	TCase *c = suite_case(s, "verdicts", sign_setup, sign_teardown);

	tcase_add_test(c, the_vector_of_a_verdict);
	tcase_add_test(c, every_change_of_a_verdict);
	tcase_add_test(c, a_verdict_for_somebody_else);
	tcase_add_test(c, verdicts_of_another_form);
	tcase_add_test(c, nonces);
	return run_suite(s);
}
