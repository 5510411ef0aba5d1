/* SPDX-License-Identifier: Apache-2.0 */
/* AFGH: known answers; who gets K, and who does not. */
#include "config.h"

#include "afgh_bed.h"
#include "pre/afgh_own.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* ---- known answers ---- */

START_TEST(known_keys)
{
	uint8_t pk2[AFGH_G2], pk1[AFGH_GT], rk[AFGH_G2];

	afgh_keys_public(owner, pk2);
	expect_octets(pk2, sizeof(pk2), KAT_PK2_A);
	afgh_keys_public(sink, pk2);
	expect_octets(pk2, sizeof(pk2), KAT_PK2_B);
	ck_assert_uint_eq(afgh_epoch_public(afgh, afgh_keys_first(owner), pk1), RC_OK);
	expect_hash(pk1, sizeof(pk1), KAT_ZA1);
	ck_assert_uint_eq(afgh_rekey(afgh_keys_first(owner), slice_make(pk2, sizeof(pk2)), rk),
	                  RC_OK);
	expect_octets(rk, sizeof(rk), KAT_RK);
}
END_TEST

/* 60 octets, with the salt "M2PRE1" and the info "M2PRE1 kem KAT". */
static void
expect_okm(const struct afgh_gt *k, const char *hex)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	unsigned char okm[60];
	char digest[] = "SHA256", salt[] = "M2PRE1", info[] = "M2PRE1 kem KAT";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, strlen(salt)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)k->raw, AFGH_GT_RAW),
		OSSL_PARAM_construct_end(),
	};

	ck_assert_int_eq(EVP_KDF_derive(c, okm, sizeof(okm), params), 1);
	expect_octets(okm, sizeof(okm), hex);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

START_TEST(known_round)
{
	const struct octets r = octets_of(KAT_R);
	struct afgh_rk *rk = delegate(afgh_keys_first(owner), sink);
	struct sealed s;
	uint8_t d[AFGH_GT];

	ck_assert_uint_eq(
		afgh_encrypt_fixed(afgh, afgh_keys_first(owner), octets_slice(&r), s.c1, &s.k),
		RC_OK);
	expect_octets(s.c1, sizeof(s.c1), KAT_C1);
	expect_hash(s.k.raw, sizeof(s.k.raw), KAT_K_RAW);
	expect_okm(&s.k, "fbb4250d898fed657b6985d22ad03babe38ded9175b68b609e6625f54f609001"
	                 "549febc131e0d289a85e1132d4801feac3eee0a3f5895cbbf9918bec");
	ck_assert_uint_eq(afgh_reencrypt(rk, slice_make(s.c1, AFGH_G1), d), RC_OK);
	expect_hash(d, sizeof(d), KAT_D);
	ck_assert(opens(rk, sink, &s));
	ck_assert(owner_opens(afgh_keys_first(owner), &s));
	afgh_rk_free(rk);
}
END_TEST

START_TEST(known_epochs)
{
	static const struct {
		uint16_t stream;
		uint32_t epoch;
		const char *a1;
	} rows[] = {
		{ 0x1234, 0x01020304,
		  "1f9441738669847cdff1ba77c6d8e8b91bcfa15df73e19d98ef08965e5f8e49c" },
		{ 0x1234, 0x01020305,
		  "671f26843c696007c55178051eb5b6055b7e3fcdaf8406ed7b76ac8106d19761" },
		{ 0x1235, 0x01020304,
		  "0c57d356e5ed4b8bca1eef6a152f40495c3fa14f449e5d2759a318f1e620e3c7" },
	};
	const struct octets source = octets_of("e2ed309374ff3c18af0b384f8b68f614");

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct afgh_epoch_id id = { .stream = rows[i].stream, .epoch = rows[i].epoch };
		struct afgh_keys *same = keys_of(rows[i].a1, KAT_A2);
		uint8_t got[AFGH_GT], want[AFGH_GT];
		struct afgh_epoch *e;

		memcpy(id.source, source.v, sizeof(id.source));
		ck_assert_uint_eq(afgh_epoch_new(owner, &id, &e), RC_OK);
		ck_assert_uint_eq(afgh_epoch_public(afgh, e, got), RC_OK);
		ck_assert_uint_eq(afgh_epoch_public(afgh, afgh_keys_first(same), want), RC_OK);
		ck_assert_mem_eq(got, want, sizeof(got));
		afgh_epoch_free(e);
		afgh_keys_free(same);
	}
}
END_TEST

/* ---- the test before use ---- */

/* A copy of what is computed once, for a test to spoil. */
static struct afgh *
copy_of_afgh(void)
{
	struct afgh *a = malloc(sizeof(*a));

	ck_assert_ptr_nonnull(a);
	*a = *afgh;
	ck_assert_uint_eq(afgh_check(a), RC_OK);
	return a;
}

START_TEST(wrong_powers_are_found)
{
	struct afgh *a = copy_of_afgh();

	/* Z itself is right. */
	for (size_t i = 2; i < PAIRING_COMB_SIZE; i++)
		pairing_gt_inverse(&a->z.v[i], &a->z.v[i]);
	ck_assert_uint_eq(afgh_check(a), RC_INTERNAL);
	free(a);
}
END_TEST

/* K of the encryption is right, and so is that of the sink. */
START_TEST(wrong_lines_are_found)
{
	struct afgh *a = copy_of_afgh();
	const struct octets pk2 = octets_of(KAT_PK2_A);
	struct pairing_g2 q;

	ck_assert_uint_eq(pairing_g2_read(octets_slice(&pk2), &q), RC_OK);
	ck_assert_uint_eq(pairing_lines_make(&q, &a->h), RC_OK);
	ck_assert_uint_eq(afgh_check(a), RC_INTERNAL);
	free(a);
}
END_TEST

/* ---- who gets K ---- */

START_TEST(all_ways_agree)
{
	for (unsigned i = 0; i < pre_rounds(); i++) {
		struct afgh_keys *a, *b;
		struct afgh_epoch *e;
		struct afgh_rk *rk;
		struct sealed s;
		uint8_t pk1[AFGH_GT];

		ck_assert_uint_eq(afgh_keys_new(&a), RC_OK);
		ck_assert_uint_eq(afgh_keys_new(&b), RC_OK);
		e = epoch(a, 1, 2, i);
		rk = delegate(e, b);
		s = seal(e);
		ck_assert(opens(rk, b, &s));
		ck_assert(owner_opens(e, &s));
		/* And of a stranger who has PK1. */
		ck_assert_uint_eq(afgh_epoch_public(afgh, e, pk1), RC_OK);
		ck_assert_uint_eq(afgh_encrypt_to(slice_make(pk1, sizeof(pk1)), s.c1, &s.k), RC_OK);
		ck_assert(opens(rk, b, &s));
		ck_assert(owner_opens(e, &s));
		afgh_rk_free(rk);
		afgh_epoch_free(e);
		afgh_keys_free(a);
		afgh_keys_free(b);
	}
}
END_TEST

START_TEST(every_message_has_its_k)
{
	struct sealed s[4] = { seal(afgh_keys_first(owner)), seal(afgh_keys_first(owner)) };
	uint8_t pk1[AFGH_GT];

	ck_assert_uint_eq(afgh_epoch_public(afgh, afgh_keys_first(owner), pk1), RC_OK);
	for (size_t i = 2; i < 4; i++)
		ck_assert_uint_eq(afgh_encrypt_to(slice_make(pk1, sizeof(pk1)), s[i].c1, &s[i].k),
		                  RC_OK);
	for (size_t i = 1; i < 4; i++)
		for (size_t j = 0; j < i; j++) {
			ck_assert_mem_ne(s[i].c1, s[j].c1, sizeof(s[i].c1));
			ck_assert_mem_ne(s[i].k.raw, s[j].k.raw, sizeof(s[i].k.raw));
		}
}
END_TEST

START_TEST(others_get_nothing)
{
	struct afgh_keys *other;
	struct afgh_epoch *e = epoch(owner, 1, 2, 3);
	struct afgh_rk *rk = delegate(e, sink), *back = delegate(afgh_keys_first(sink), owner);
	const struct sealed s = seal(e);
	struct sealed swapped = s;

	ck_assert_uint_eq(afgh_keys_new(&other), RC_OK);
	ck_assert(opens(rk, sink, &s));
	ck_assert(!opens(rk, other, &s)); /* another sink */
	ck_assert(!opens(rk, owner, &s)); /* not even the owner has b2 */
	ck_assert(!opens(back, owner, &s)); /* a delegation in the other direction */
	memcpy(swapped.c1, seal(e).c1, AFGH_G1);
	ck_assert(!opens(rk, sink, &swapped)); /* C1 of another message */
	ck_assert(!owner_opens(afgh_keys_first(owner), &s)); /* the a1 of no epoch */
	afgh_rk_free(rk);
	afgh_rk_free(back);
	afgh_epoch_free(e);
	afgh_keys_free(other);
}
END_TEST

/* A delegation ends with its epoch; so it does with its stream and its source. */
START_TEST(epochs_are_apart)
{
	static const struct {
		uint8_t source;
		uint16_t stream;
		uint32_t epoch;
	} others[] = {
		{ 1, 2, 4 }, { 1, 2, 0x03000000 }, { 1, 0x0200, 3 }, { 1, 3, 3 }, { 2, 2, 3 }
	};
	struct afgh_epoch *e = epoch(owner, 1, 2, 3);
	struct afgh_rk *rk = delegate(e, sink);
	struct sealed s = seal(e);

	ck_assert(opens(rk, sink, &s));
	for (size_t i = 0; i < NITEMS(others); i++) {
		struct afgh_epoch *o =
			epoch(owner, others[i].source, others[i].stream, others[i].epoch);

		s = seal(o);
		ck_assert(!opens(rk, sink, &s));
		ck_assert(!owner_opens(e, &s));
		ck_assert(owner_opens(o, &s));
		afgh_epoch_free(o);
	}
	s = seal(afgh_keys_first(owner));
	ck_assert(!opens(rk, sink, &s));
	afgh_rk_free(rk);
	afgh_epoch_free(e);
}
END_TEST

/* What proxy and sink get out of rk and b2: h^a1, and with it every K of the epoch, and no other. */
START_TEST(collusion)
{
	const struct pairing_scalar b2 = scalar_of(KAT_B2);
	struct afgh_epoch *e = epoch(owner, 1, 2, 3), *next = epoch(owner, 1, 2, 4);
	const struct sealed here = seal(e), there = seal(next);
	const struct octets pk2 = octets_of(KAT_PK2_B);
	uint8_t raw[AFGH_G2], k[AFGH_GT_RAW];
	struct pairing_lines lines;
	struct pairing_scalar inverse;
	struct pairing_g1 c1;
	struct pairing_g2 weak;
	struct pairing_gt x;

	ck_assert_uint_eq(afgh_rekey(e, octets_slice(&pk2), raw), RC_OK);
	ck_assert_uint_eq(pairing_g2_read(slice_make(raw, sizeof(raw)), &weak), RC_OK);
	pairing_scalar_inverse(&b2, &inverse);
	pairing_g2_power(&weak, &inverse, &weak);
	ck_assert_uint_eq(pairing_lines_make(&weak, &lines), RC_OK);

	ck_assert_uint_eq(pairing_g1_read(slice_make(here.c1, AFGH_G1), &c1), RC_OK);
	pairing_pair(&c1, &lines, &x);
	pairing_gt_write_raw(&x, k);
	ck_assert_mem_eq(k, here.k.raw, sizeof(k));
	ck_assert_uint_eq(pairing_g1_read(slice_make(there.c1, AFGH_G1), &c1), RC_OK);
	pairing_pair(&c1, &lines, &x);
	pairing_gt_write_raw(&x, k);
	ck_assert_mem_ne(k, there.k.raw, sizeof(k));
	afgh_epoch_free(e);
	afgh_epoch_free(next);
}
END_TEST

static Suite *
afgh_suite(void)
{
	Suite *s = suite_create("afgh");
	TCase *c = suite_case(s, "known", afgh_setup, afgh_teardown);

	tcase_add_test(c, known_keys);
	tcase_add_test(c, known_round);
	tcase_add_test(c, known_epochs);
	tcase_add_test(c, wrong_powers_are_found);
	tcase_add_test(c, wrong_lines_are_found);
	c = suite_case(s, "parties", afgh_setup, afgh_teardown);
	tcase_add_test(c, all_ways_agree);
	tcase_add_test(c, every_message_has_its_k);
	tcase_add_test(c, others_get_nothing);
	tcase_add_test(c, epochs_are_apart);
	tcase_add_test(c, collusion);
	return s;
}

int
main(void)
{
	return run_pre_suite(afgh_suite);
}
