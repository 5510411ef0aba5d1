/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs: of the key of the device, and in each request of that of the connection. */
#include "config.h"

#include "sec/access_tag.h"
#include "sec/derive.h"
#include "sec/proof.h"
#include "sign_bed.h"

/* ---- proofs of the device ---- */

START_TEST(proofs)
{
	struct device_fingerprint known[2] = { { { 0 } }, { { 0 } } };
	struct key e_conn, e_other = { { 1 } };
	struct node_id stranger = node;
	char text[PROOF_TEXT_MAX + 1];
	struct device_key *k;
	struct slice t;

	make_pems();
	memset(e_conn.v, 0xe0, KEY_BYTES);
	ck_assert_int_eq(device_key_from_pem(slice_of(_i == 0 ? ed_pem : ec_pem), &k), RC_OK);
	ck_assert_int_eq(proof_make(k, &node, &e_conn, text), RC_OK);
	t = slice_of(text);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 2), RC_FORBIDDEN);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, NULL, 0), RC_FORBIDDEN);
	ck_assert_int_eq(device_fingerprint(device_key_spki(k), known[1].v), RC_OK);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 1), RC_FORBIDDEN);
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 2), RC_OK);
	/* Relayed to another session, or for another node. */
	ck_assert_int_eq(proof_verify(t, &node, &e_other, known, 2), RC_FORBIDDEN);
	stranger.v[15] ^= 1;
	ck_assert_int_eq(proof_verify(t, &stranger, &e_conn, known, 2), RC_FORBIDDEN);
	for (size_t i = 0; i < t.n; i++) {
		char *copy = malloc(i + 1);
		char c = text[i];

		memcpy(copy, text, i);
		ck_assert_int_ne(proof_verify(slice_make(copy, i), &node, &e_conn, known, 2),
		                 RC_OK);
		free(copy);
		text[i] = c == 'A' ? 'B' : 'A';
		ck_assert_int_ne(proof_verify(t, &node, &e_conn, known, 2), RC_OK);
		text[i] = c;
	}
	ck_assert_int_eq(proof_verify(t, &node, &e_conn, known, 2), RC_OK);
	device_key_free(k);
}
END_TEST

START_TEST(not_proofs)
{
	static const char *const rows[] = { "",         ".",  "..",   "AA.",      ".AA",
		                            "AA.AA.AA", "AA", "A.AA", "AA.AAAAA", "AA=.AA" };
	struct key e_conn = { { 0 } };
	char big[PROOF_TEXT_MAX + 2];
	struct proof p;

	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_int_eq(proof_verify(slice_of(rows[i]), &node, &e_conn, NULL, 0),
		                 RC_BAD_REQUEST);
	memset(big, 'A', sizeof(big));
	big[122] = '.';
	ck_assert(proof_parse(slice_make(big, PROOF_TEXT_MAX), &p));
	ck_assert(!proof_parse(slice_make(big, PROOF_TEXT_MAX + 1), &p));
	big[122] = 'A';
	big[123] = '.';
	ck_assert(!proof_parse(slice_make(big, PROOF_TEXT_MAX), &p));
}
END_TEST

/* ---- tags of requests ---- */

START_TEST(tags_of_requests)
{
	const uint64_t id = UINT64_C(0x1122334455667788);
	struct access_request rq = { SLICE_LIT("POST"), SLICE_LIT("/m2m/scls"), SLICE_LIT("<x/>") };
	struct key kmc = { { 1, 2, 3 } }, key, foreign;
	char text[ACCESS_TAG_TEXT + 1];
	struct access_tag t, again;
	uint64_t last = 6;

	ck_assert_int_eq(access_tag_key(&kmc, id, 1, &key), RC_OK);
	ck_assert_int_eq(access_tag_key(&kmc, id, 2, &foreign), RC_OK);
	ck_assert_int_eq(access_tag_make(&key, id, 7, &rq, &t), RC_OK);
	ck_assert_uint_eq(access_tag_format(&t, text), 16 + 1 + 1 + 1 + 32);
	ck_assert(access_tag_parse(slice_of(text), &again));
	ck_assert(again.connection == id && again.counter == 7);
	ck_assert_int_eq(access_tag_check(&foreign, &rq, &again, &last), RC_FORBIDDEN);
	ck_assert_uint_eq(last, 6);
	/* One octet of anything. */
	rq.body = SLICE_LIT("<y/>");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.body = SLICE_LIT("<x/>");
	rq.method = SLICE_LIT("PUT");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.method = SLICE_LIT("POST");
	rq.target = SLICE_LIT("/m2m/scls?");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	/* The border between two parts. */
	rq.method = SLICE_LIT("POST/");
	rq.target = SLICE_LIT("m2m/scls");
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.method = SLICE_LIT("POST");
	rq.target = SLICE_LIT("/m2m/scls");
	again.counter = 8;
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	again.counter = 7;
	for (size_t i = 0; i < ACCESS_TAG_SIZE; i++) {
		again.tag[i] ^= 0x80;
		ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
		again.tag[i] ^= 0x80;
	}
	ck_assert_uint_eq(last, 6);
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_OK);
	ck_assert_uint_eq(last, 7);
	ck_assert_int_eq(access_tag_check(&key, &rq, &again, &last), RC_FORBIDDEN);
	rq.target = slice_make(dir, 65536);
	ck_assert_int_eq(access_tag_make(&key, id, 9, &rq, &t), RC_TOO_LARGE);
	ck_assert_int_eq(access_tag_check(&key, &rq, &t, &last), RC_FORBIDDEN);
}
END_TEST

/* The tag by the formula, with the derivation done by hand. */
START_TEST(the_octets_of_a_tag)
{
	static const uint8_t ctx[12] = {
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0, 1
	};
	struct access_request rq = { SLICE_LIT("GET"), SLICE_LIT("/a"), SLICE_NONE };
	uint8_t message[2 + 3 + 2 + 2 + 8 + 32] = "\0\3GET\0\2/a\0\0\0\0\0\0\1\2";
	struct key kmc = { { 9 } }, key, want, mac;
	struct access_tag t;

	ck_assert_int_eq(m2m_expand(&kmc, "hdr", slice_make(ctx, 12), want.v, KEY_BYTES), RC_OK);
	ck_assert_int_eq(access_tag_key(&kmc, UINT64_C(0x1122334455667788), 1, &key), RC_OK);
	ck_assert_mem_eq(key.v, want.v, KEY_BYTES);
	digest_of("", message + 17);
	ck_assert_int_eq(hkdf_extract(slice_make(key.v, KEY_BYTES),
	                              slice_make(message, sizeof(message)), &mac),
	                 RC_OK);
	ck_assert_int_eq(access_tag_make(&key, 1, 0x102, &rq, &t), RC_OK);
	ck_assert_mem_eq(t.tag, mac.v, ACCESS_TAG_SIZE);
}
END_TEST

START_TEST(not_tags)
{
#define TAG "00112233445566778899aabbccddeeff"
	static const char *const rows[] = {
		"",
		";;",
		"1122334455667788;1;" TAG ";",
		"1122334455667788;1;" TAG "0",
		"1122334455667788;1;" TAG " ",
		"1122334455667788;01;" TAG,
		"1122334455667788;0;" TAG,
		"1122334455667788;;" TAG,
		"1122334455667788;+1;" TAG,
		"1122334455667788; 1;" TAG,
		"1122334455667788;18446744073709551616;" TAG,
		"0000000000000000;1;" TAG,
		"112233445566778;1;" TAG,
		"112233445566778G;1;" TAG,
		"112233445566778A;1;" TAG,
		"1122334455667788;1;00112233445566778899aabbccddeef",
		"1122334455667788;1;00112233445566778899AABBCCDDEEFF",
		"1122334455667788,1," TAG,
	};
	struct access_tag t;

	ck_assert(access_tag_parse(SLICE_LIT("1122334455667788;18446744073709551615;" TAG), &t));
	ck_assert(t.counter == UINT64_MAX);
	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_msg(!access_tag_parse(slice_of(rows[i]), &t), "%s", rows[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_proofs");
	TCase *c = suite_case(s, "devices", sign_setup, sign_teardown);

	tcase_add_loop_test(c, proofs, 0, 2);
	tcase_add_test(c, not_proofs);
	c = suite_case(s, "requests", sign_setup, sign_teardown);
	tcase_add_test(c, tags_of_requests);
	tcase_add_test(c, the_octets_of_a_tag);
	tcase_add_test(c, not_tags);
	return run_suite(s);
}
