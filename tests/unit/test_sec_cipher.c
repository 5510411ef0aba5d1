/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphers, HKDF and the digests under them. */
#include "config.h"

#include "octets.h"
#include "sec/ascon.h"
#include "sec/cipher.h"
#include "sec/digest.h"
#include "sec/hkdf.h"

/* ---- HKDF ---- */

/* RFC 5869, A.1 to A.3. */
static const struct {
	const char *ikm, *salt, *info, *okm;
} derivations[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	  "404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	  "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	  "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	  "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

START_TEST(hkdf)
{
	struct octets ikm = octets_of(derivations[_i].ikm), salt = octets_of(derivations[_i].salt);
	struct octets info = octets_of(derivations[_i].info);
	size_t n = strlen(derivations[_i].okm) / 2;
	uint8_t out[82];
	struct key prk;

	ck_assert_uint_eq(
		hkdf_sha256(octets_slice(&salt), octets_slice(&ikm), octets_slice(&info), out, n),
		RC_OK);
	expect_octets(out, n, derivations[_i].okm);
	ck_assert_uint_eq(hkdf_extract(octets_slice(&salt), octets_slice(&ikm), &prk), RC_OK);
	ck_assert_uint_eq(hkdf_expand(&prk, octets_slice(&info), out, n), RC_OK);
	expect_octets(out, n, derivations[_i].okm);
}
END_TEST

START_TEST(hkdf_lengths)
{
	static uint8_t out[HKDF_MAX + 1], first[HKDF_MAX];
	struct key prk = { { 1 } };

	ck_assert_uint_eq(hkdf_expand(&prk, SLICE_NONE, out, 0), RC_BAD_REQUEST);
	ck_assert_uint_eq(hkdf_expand(&prk, SLICE_NONE, out, HKDF_MAX + 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(hkdf_sha256(SLICE_NONE, SLICE_NONE, SLICE_NONE, out, 0), RC_BAD_REQUEST);
	ck_assert_uint_eq(hkdf_sha256(SLICE_NONE, SLICE_NONE, SLICE_NONE, out, HKDF_MAX + 1),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(hkdf_expand(&prk, SLICE_NONE, first, HKDF_MAX), RC_OK);
	for (size_t n = 1; n < 100; n++) {
		memset(out, 0, sizeof(out));
		ck_assert_uint_eq(hkdf_expand(&prk, SLICE_NONE, out, n), RC_OK);
		ck_assert_mem_eq(out, first, n);
		ck_assert_uint_eq(out[n], 0);
	}
}
END_TEST

/* RFC 4231, case 2; how it is cut makes no difference. */
START_TEST(digests_of_pieces)
{
	const struct slice parts[] = { SLICE_LIT("what do "), SLICE_NONE, SLICE_LIT("ya want for"),
		                       SLICE_LIT(" nothing?") };
	uint8_t out[DIGEST_SIZE];

	ck_assert_uint_eq(digest_hmac(SLICE_LIT("Jefe"), parts, NITEMS(parts), out), RC_OK);
	expect_octets(out, sizeof(out),
	              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	ck_assert_uint_eq(digest_sha256(parts, NITEMS(parts), out), RC_OK);
	expect_hash("what do ya want for nothing?", 28,
	            "b381e7fec653fc3ab9b178272366b8ac87fed8d31cb25ed1d0e1f3318644c89c");
	expect_octets(out, sizeof(out),
	              "b381e7fec653fc3ab9b178272366b8ac87fed8d31cb25ed1d0e1f3318644c89c");
	ck_assert_uint_eq(digest_sha256(NULL, 0, out), RC_OK);
	expect_octets(out, sizeof(out),
	              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

/* ---- ciphers ---- */

START_TEST(ciphers)
{
	const struct cipher *c = cipher_at((size_t)_i);
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, nonce[CIPHER_IV_MAX] = { 2 };
	uint8_t sealed[64], plain[64];
	struct aead *seal, *open;
	size_t n;

	ck_assert_ptr_eq(cipher_find(c->cid), c);
	ck_assert_ptr_eq(cipher_named(slice_of(c->name)), c);
	ck_assert_uint_eq(aead_new(c, true, key, &seal), RC_OK);
	ck_assert_uint_eq(aead_new(c, false, key, &open), RC_OK);
	/* Empty, short, over one block; each twice with one context. */
	for (int i = 0; i < 6; i++) {
		struct slice text = slice_head(SLICE_LIT("a text of thirty-three octets ..."),
		                               (size_t[]){ 0, 5, 33 }[i / 2]);

		nonce[0] = (uint8_t)i;
		n = text.n + c->tag;
		ck_assert_uint_eq(aead_seal(seal, nonce, SLICE_LIT("aad"), text, sealed), RC_OK);
		ck_assert_uint_eq(
			aead_open(open, nonce, SLICE_LIT("aad"), slice_make(sealed, n), plain),
			RC_OK);
		ck_assert(slice_eq(slice_make(plain, text.n), text));
		for (size_t bit = 0; bit < 8 * n; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			ck_assert_uint_eq(aead_open(open, nonce, SLICE_LIT("aad"),
			                            slice_make(sealed, n), plain),
			                  RC_BAD_REQUEST);
			expect_zeros(plain, text.n);
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		ck_assert_uint_eq(
			aead_open(open, nonce, SLICE_LIT("aaD"), slice_make(sealed, n), plain),
			RC_BAD_REQUEST);
		ck_assert_uint_eq(aead_open(open, nonce, SLICE_LIT("aad"),
		                            slice_make(sealed, c->tag - 1u), plain),
		                  RC_BAD_REQUEST);
	}
	aead_free(seal);
	aead_free(open);
}
END_TEST

START_TEST(longest_plaintexts)
{
	const struct cipher *c = cipher_at((size_t)_i);
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, nonce[CIPHER_IV_MAX] = { 2 };
	uint8_t *text = calloc(1, c->max + 1), *sealed = malloc(c->max + 1 + c->tag);
	struct aead *a;

	ck_assert_uint_eq(aead_new(c, true, key, &a), RC_OK);
	ck_assert_uint_eq(aead_seal(a, nonce, SLICE_NONE, slice_make(text, c->max + 1), sealed),
	                  RC_TOO_LARGE);
	ck_assert_uint_eq(aead_seal(a, nonce, SLICE_NONE, slice_make(text, c->max), sealed), RC_OK);
	aead_free(a);
	ck_assert_uint_eq(aead_new(c, false, key, &a), RC_OK);
	ck_assert_uint_eq(
		aead_open(a, nonce, SLICE_NONE, slice_make(sealed, c->max + c->tag), text), RC_OK);
	ck_assert_uint_eq(
		aead_open(a, nonce, SLICE_NONE, slice_make(sealed, c->max + 1 + c->tag), text),
		RC_BAD_REQUEST);
	aead_free(a);
	free(text);
	free(sealed);
}
END_TEST

START_TEST(ciphers_that_are_none)
{
	ck_assert_ptr_null(cipher_find(0));
	ck_assert_ptr_null(cipher_find(CIPHER_CID_MAX + 1));
	ck_assert_ptr_null(cipher_find(0xffff));
	ck_assert_ptr_null(cipher_at(CIPHER_CID_MAX));
	ck_assert_ptr_null(cipher_named(SLICE_LIT("AES-128")));
	ck_assert_ptr_null(cipher_named(SLICE_NONE));
	ck_assert_ptr_eq(cipher_named(SLICE_LIT("aes-128-gcm")), cipher_find(CIPHER_AES_128_GCM));
	ck_assert_ptr_eq(cipher_named(SLICE_LIT("chacha20-poly1305")),
	                 cipher_find(CIPHER_CHACHA20_POLY1305));
	/* Only a tag that can be guessed has a bound. */
	for (size_t i = 0; i < CIPHER_CID_MAX; i++)
		ck_assert_uint_eq(cipher_at(i)->forgeries,
		                  cipher_at(i)->tag < CIPHER_TAG_MAX ? 1u << 20 : 0);
}
END_TEST

/* As openssl enc and openssl dgst -mac HMAC make them of the octets that cipher.h says. */
static const struct {
	uint16_t cid;
	const char *sealed;
} made_elsewhere[] = {
	{ 0x0008, "4cd8f6474eba76a5a0687fab6f213732b62b655f00b8bc1de055135dfa5d1d9bf6"
	          "f4a6e5cfc8738dce211bf9d7407392b2" },
	{ 0x0009, "bfe253033530e9e4b986200138e1e7b88adc1d7767c7e9f7907a4af89c103316a3"
	          "ae1ae5a61869abe780ad35194488dde6" },
};

START_TEST(encrypt_then_mac)
{
	const struct cipher *c = cipher_find(made_elsewhere[_i].cid);
	struct octets key = octets_of("0102030405060708090a0b0c0d0e0f10"
	                              "202122232425262728292a2b2c2d2e2f"
	                              "303132333435363738393a3b3c3d3e3f");
	struct octets nonce = octets_of("0a0b0c0d0e0f101112131415");
	struct octets want = octets_of(made_elsewhere[_i].sealed);
	uint8_t out[64];

	ck_assert_uint_eq(c->key, key.n);
	ck_assert_uint_eq(c->iv, nonce.n);
	ck_assert_uint_eq(aead_seal_once(c, key.v, nonce.v, SLICE_LIT("aad"),
	                                 SLICE_LIT("a text of thirty-three octets ..."), out),
	                  RC_OK);
	expect_octets(out, want.n, made_elsewhere[_i].sealed);
	ck_assert_uint_eq(
		aead_open_once(c, key.v, nonce.v, SLICE_LIT("aad"), octets_slice(&want), out),
		RC_OK);
	ck_assert_mem_eq(out, "a text of thirty-three octets ...", 33);
}
END_TEST

/* Nonces that follow each other: no block of one key stream is one of the other. */
START_TEST(key_streams_do_not_meet)
{
	const struct cipher *c = cipher_at((size_t)_i);
	static const uint8_t zeros[64];
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, nonce[CIPHER_IV_MAX] = { 0 };
	uint8_t a[64 + CIPHER_TAG_MAX], b[64 + CIPHER_TAG_MAX];
	struct slice text = slice_make(zeros, sizeof(zeros));

	ck_assert_uint_eq(aead_seal_once(c, key, nonce, SLICE_NONE, text, a), RC_OK);
	nonce[c->iv - 1] = 1;
	ck_assert_uint_eq(aead_seal_once(c, key, nonce, SLICE_NONE, text, b), RC_OK);
	for (size_t i = 0; i < sizeof(zeros); i += 16)
		for (size_t k = 0; k < sizeof(zeros); k += 16)
			ck_assert_mem_ne(a + i, b + k, 16);
}
END_TEST

/* What is authenticated cannot be cut in another way: an octet of one is none of the other. */
START_TEST(borders_are_authenticated)
{
	const struct cipher *c = cipher_at((size_t)_i);
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, nonce[CIPHER_IV_MAX] = { 0 };
	uint8_t sealed[32 + CIPHER_TAG_MAX], out[32 + CIPHER_TAG_MAX];
	size_t n = 20 + c->tag;

	ck_assert_uint_eq(aead_seal_once(c, key, nonce, SLICE_LIT("ad"),
	                                 SLICE_LIT("twenty octets of it."), sealed),
	                  RC_OK);
	ck_assert_uint_eq(aead_open_once(c, key, nonce, SLICE_LIT("a"), slice_make(sealed, n), out),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(aead_open_once(c, key, nonce, SLICE_NONE, slice_make(sealed, n), out),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(
		aead_open_once(c, key, nonce, SLICE_LIT("ad"), slice_make(sealed + 1, n - 1), out),
		RC_BAD_REQUEST);
	key[c->key - 1] ^= 1;
	ck_assert_uint_eq(
		aead_open_once(c, key, nonce, SLICE_LIT("ad"), slice_make(sealed, n), out),
		RC_BAD_REQUEST);
	key[c->key - 1] ^= 1;
	nonce[c->iv - 1] ^= 1;
	ck_assert_uint_eq(
		aead_open_once(c, key, nonce, SLICE_LIT("ad"), slice_make(sealed, n), out),
		RC_BAD_REQUEST);
}
END_TEST

/* ---- Ascon ---- */

/* Known answers of the standard's authors: key 00 .. 0f, nonce 10 .. 1f. */
static const struct {
	const char *aad, *plain, *sealed;
} ascons[] = {
	{ "", "", "4f9c278211bec9316bf68f46ee8b2ec6" },
	{ "30", "", "cccb674fe18a09a285d6ab11b35675c0" },
	{ "303132333435363738393a3b3c3d3e3f", "", "e4230cdb8330ee9dc0cfd7c7b346e6dc" },
	{ "", "20", "e8dd576aba1cd3e6fc704de02aedb79588" },
	{ "", "2021222324", "e8c3deee2421812a398a8ff074c8b7da46c82a94a7" },
};

START_TEST(ascon_known_answers)
{
	struct octets key = octets_of("000102030405060708090a0b0c0d0e0f");
	struct octets nonce = octets_of("101112131415161718191a1b1c1d1e1f");
	struct octets aad = octets_of(ascons[_i].aad), plain = octets_of(ascons[_i].plain);
	struct octets sealed = octets_of(ascons[_i].sealed);
	uint8_t out[64];

	ascon_seal(key.v, nonce.v, octets_slice(&aad), octets_slice(&plain), out);
	expect_octets(out, plain.n + ASCON_TAG, ascons[_i].sealed);
	ck_assert(ascon_open(key.v, nonce.v, octets_slice(&aad), octets_slice(&sealed), out));
	ck_assert_mem_eq(out, plain.v, plain.n);
	ck_assert_uint_eq(aead_seal_once(cipher_find(0x000a), key.v, nonce.v, octets_slice(&aad),
	                                 octets_slice(&plain), out),
	                  RC_OK);
	expect_octets(out, plain.n + ASCON_TAG, ascons[_i].sealed);
}
END_TEST

/* Each length around the ends of words and blocks; each octet of the text matters. */
START_TEST(ascon_lengths)
{
	const uint8_t key[ASCON_KEY] = { 1 }, nonce[ASCON_NONCE] = { 2 };
	struct slice text = SLICE_LIT("forty octets of text, more than 2 blocks");
	uint8_t sealed[64], out[64];

	for (size_t n = 0; n <= text.n; n++)
		for (size_t m = 0; m <= 33; m++) {
			struct slice aad = slice_head(text, m);
			struct slice all = slice_make(sealed, n + ASCON_TAG);

			ascon_seal(key, nonce, aad, slice_head(text, n), sealed);
			ck_assert(ascon_open(key, nonce, aad, all, out));
			ck_assert_mem_eq(out, text.p, n);
			sealed[n / 2] ^= 0x80;
			ck_assert(!ascon_open(key, nonce, aad, all, out));
			expect_zeros(out, n);
			sealed[n / 2] ^= 0x80;
			ck_assert(!ascon_open(key, nonce, slice_head(text, m + 1), all, out));
		}
	for (size_t n = 0; n < ASCON_TAG; n++)
		ck_assert(!ascon_open(key, nonce, SLICE_NONE, slice_make(sealed, n), out));
}
END_TEST

static Suite *
cipher_suite(void)
{
	Suite *s = suite_create("sec_cipher");
	TCase *c = suite_case(s, "ciphers", NULL, NULL);

	tcase_add_loop_test(c, hkdf, 0, (int)NITEMS(derivations));
	tcase_add_test(c, hkdf_lengths);
	tcase_add_test(c, digests_of_pieces);
	tcase_add_loop_test(c, ciphers, 0, CIPHER_CID_MAX);
	tcase_add_loop_test(c, longest_plaintexts, 0, CIPHER_CID_MAX);
	tcase_add_test(c, ciphers_that_are_none);
	tcase_add_loop_test(c, encrypt_then_mac, 0, (int)NITEMS(made_elsewhere));
	tcase_add_loop_test(c, key_streams_do_not_meet, 0, CIPHER_CID_MAX);
	tcase_add_loop_test(c, borders_are_authenticated, 0, CIPHER_CID_MAX);
	tcase_add_loop_test(c, ascon_known_answers, 0, (int)NITEMS(ascons));
	tcase_add_test(c, ascon_lengths);
	return s;
}

int
main(void)
{
	return run_suite(cipher_suite());
}
