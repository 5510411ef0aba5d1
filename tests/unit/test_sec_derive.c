/* SPDX-License-Identifier: Apache-2.0 */
/* The hierarchy of keys, and what of it travels wrapped. */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "key_bed.h"
#include "sec/derive.h"
#include "sec/keywrap.h"

#define SCL_ID SLICE_LIT("gscl-0102")
#define APP_ID SLICE_LIT("meterApp")

#define KMC "6e1289f53d225aee4b9a8a53b69e7266a32ab99de8fca672205cf3aa734de144"
#define KMA "fd5739a39b60feab33fe16e5b7aca0ac4a0a838a5651c19ea3dd0d78186dfb07"

static struct key
key_of(const char *hex)
{
	struct key k;

	ck_assert(hex_decode(slice_of(hex), k.v, KEY_BYTES));
	return k;
}

static struct key
key_filled(uint8_t octet)
{
	struct key k;

	memset(k.v, octet, KEY_BYTES);
	return k;
}

START_TEST(bootstrap_keys)
{
	const struct key e_boot = key_filled(0xb0);
	const struct node_id node = the_node();
	uint8_t ppid[15];
	struct key k;

	ck_assert(hex_decode(SLICE_LIT("503c71bf0a1b2c00124b0001020304"), ppid, sizeof(ppid)));
	expect_key(kmr_derive(&e_boot, slice_make(ppid, sizeof(ppid)), &node, 1,
	                      SLICE_LIT("msbf.sp1.example"), &k),
	           &k, "89b9edc48692222d1d76ab998702cfe0ae4a8c1572bf25daff0350b6aec40667");
	expect_key(kek_boot(&e_boot, &node, 1, &k), &k,
	           "feb995c17cd3b9a7bceedf5c8320c056dc53b6d64dd2594d864163067aa8b749");
}
END_TEST

START_TEST(keys_of_kmr)
{
	const struct key kmr = the_kmr(), e_conn = key_filled(0xe0);
	const struct node_id node = the_node();
	const struct kmc_terms terms = { node, 1, 1, CONNECTION, SCL_ID };
	struct key k;

	expect_key(psk_mr(&kmr, PSK_TLS_1_2, &node, 1, &k), &k,
	           "6a98cb77cf74f54a4ae69dfda25280142a2b313ecde1187baccd372ebf77bee0");
	expect_key(psk_mr(&kmr, PSK_TLS_1_3, &node, 1, &k), &k,
	           "b90c7c3783f868c6c82b87ae2cd3f6cd36ab355b846bee01ee63c97b20f571c8");
	expect_key(hkdf_extract(slice_make(e_conn.v, KEY_BYTES), slice_make(kmr.v, KEY_BYTES), &k), &k,
	           "6c27b652972b5c6edd52651eb123475564fd7737ce2ccdbac4f7db3d84706a5e");
	expect_key(kmc_derive(&kmr, &e_conn, &terms, &k), &k, KMC);
	expect_key(kek_conn(&kmr, &node, CONNECTION, 1, &k), &k,
	           "a5de84161e2cd5ac47e7974315c510b2c86e5f54a88e8994ca83abdea05360f7");
	expect_key(trigger_key(&kmr, &node, &k), &k,
	           "40b86d3ae55bedc8707f6d221243c1475dbf945c2ba0a22712bbff1fd186cc9f");
	expect_key(ival_key(&kmr, &node, &k), &k,
	           "f0154f4b3b2b3a023a6a0a1b1edcbb6ff4c856446402cfbf2c9980e9022a3007");
	expect_key(indicator_key(&kmr, &node, &k), &k,
	           "18507067cfff24ab8170df64783e376205a362ebaa2c9f0d085916e15d0bb112");
}
END_TEST

/* The first member of the group of the vectors: its Kmr is SHA-256 of "kmr1". */
START_TEST(root_of_group_authentication)
{
	const struct key kmr = key_of("b5cc94e5bfcce9e5a6963f1d7a921ec5715cf989a1e8529969d307f6f2af1124");
	const struct node_id node = { { 0x01, 0xbc, 0xad, 0x98, [NODE_ID_BYTES - 1] = 1 } };
	struct key k;

	expect_key(aka_root(&kmr, &node, &k), &k,
	           "605a0392bcef021c658a8b209b8ed76620b03bccf58f73cf4a9d7bc14223c492");
}
END_TEST

START_TEST(keys_of_kmc)
{
	const struct key kmc = key_of(KMC);
	struct key k;

	expect_key(psk_mc(&kmc, PSK_TLS_1_2, CONNECTION, 1, &k), &k,
	           "a187d4118cf1a666017910c38d424aa01e3ee45a80a57cd2dfa637e63ea595f4");
	expect_key(psk_mc(&kmc, PSK_TLS_1_3, CONNECTION, 1, &k), &k,
	           "f942e7dc9d8119631306c934393ab2f7c846671b6ca86331f757e18b7b6cfbc5");
	expect_key(psk_mn(&kmc, PSK_TLS_1_2, CONNECTION, 1, &k), &k,
	           "5be3180c0b1b7f224e77f9869d3ecf0f075234f54aa893ea4fa598148cea9aff");
	expect_key(psk_mn(&kmc, PSK_TLS_1_3, CONNECTION, 1, &k), &k,
	           "2a7b1e98301dcb7fa1bfa96d8dc3b8917936f258ac07036d3d5bbc096c7a2a72");
	expect_key(obj_key(&kmc, OBJ_D2N, CONNECTION, 1, &k), &k,
	           "9e896f6561768e2212d60e8bd45dd48ccc6d5ac7957f7ca22880b8bae37d270c");
	expect_key(obj_key(&kmc, OBJ_N2D, CONNECTION, 1, &k), &k,
	           "ca4339d67208664cd7cb93c62c35b813bc1d88c65a72a290e18703bd5997a0a2");
	expect_key(kma_derive(&kmc, APP_ID, SCL_ID, 1, &k), &k, KMA);
}
END_TEST

START_TEST(keys_of_kma)
{
	const struct key kma = key_of(KMA);
	struct key k2, k3;
	uint8_t hash[APP_HASH_BYTES];
	char text[2 * APP_HASH_BYTES + 1];

	expect_key(psk_ma(&kma, PSK_TLS_1_3, CONNECTION, 1, APP_ID, &k3), &k3,
	           "170e691492155ecc0b800703cf17451c9169f2f3e5fccc956b1b3ac2ee2f8e0d");
	ck_assert_uint_eq(psk_ma(&kma, PSK_TLS_1_2, CONNECTION, 1, APP_ID, &k2), RC_OK);
	ck_assert(!key_equal(&k2, &k3));
	ck_assert_uint_eq(app_hash(APP_ID, hash), RC_OK);
	hex_encode(hash, sizeof(hash), text);
	ck_assert_str_eq(text, "7f617789285a8bb3");
}
END_TEST

START_TEST(kmr_is_wrapped_for_transport)
{
	const struct key kek = key_of("a5de84161e2cd5ac47e7974315c510b2c86e5f54a88e8994ca83abdea05360f7");
	const struct key kmc = key_of(KMC);
	uint8_t wrapped[KEYWRAP_BYTES];
	char text[2 * KEYWRAP_BYTES + 1];
	struct key k;

	ck_assert_uint_eq(key_wrap(&kek, &kmc, wrapped), RC_OK);
	hex_encode(wrapped, sizeof(wrapped), text);
	ck_assert_str_eq(text, "1d6f17a76a6c572e52af3d1650dd44f0fb95c6e9f0a61203"
	                       "e207c295464546da550e72efd8a0be67");
	ck_assert_uint_eq(key_unwrap(&kek, slice_make(wrapped, sizeof(wrapped)), &k), RC_OK);
	ck_assert(key_equal(&k, &kmc));
	for (size_t n = 0; n < sizeof(wrapped); n++) {
		ck_assert_uint_eq(key_unwrap(&kek, slice_make(wrapped, n), &k), RC_BAD_REQUEST);
		ck_assert(key_is_zero(&k));
	}
	for (size_t bit = 0; bit < 8 * sizeof(wrapped); bit++) {
		k = kmc;
		wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_uint_eq(key_unwrap(&kek, slice_make(wrapped, sizeof(wrapped)), &k), RC_DENIED);
		ck_assert(key_is_zero(&k));
		wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_uint_eq(key_unwrap(&kmc, slice_make(wrapped, sizeof(wrapped)), &k), RC_DENIED);
}
END_TEST

/* What the library's own HKDF makes of the same. */
static void
other_hkdf(const struct key *k, struct slice info, uint8_t *out, size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA256";
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)k->v, KEY_BYTES),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.p, info.n),
		OSSL_PARAM_construct_end(),
	};

	ck_assert_int_eq(EVP_KDF_derive(c, out, n, params), 1);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

START_TEST(expand_is_hkdf)
{
	static const size_t sizes[] = { 1, 4, 31, 32, 33, 64, 65, 255, 1000, M2M_EXPAND_MAX };
	const struct key kmr = the_kmr();
	uint8_t mine[M2M_EXPAND_MAX], other[M2M_EXPAND_MAX], info[600];

	for (size_t i = 0; i < NITEMS(sizes); i++) {
		size_t n = sizes[i], ctx = 7 * i;

		memset(info, (int)i, sizeof(info));
		info[0] = (uint8_t)(n >> 8);
		info[1] = (uint8_t)n;
		info[2] = 10;
		memcpy(info + 3, "m2m1 label", 10);
		info[13] = 0;
		info[14] = (uint8_t)ctx;
		other_hkdf(&kmr, slice_make(info, 15 + ctx), other, n);
		ck_assert_uint_eq(m2m_expand(&kmr, "label", slice_make(info + 15, ctx), mine, n), RC_OK);
		ck_assert_mem_eq(mine, other, n);
	}
}
END_TEST

START_TEST(expand_in_place_and_at_its_limits)
{
	static char long_label[M2M_LABEL_MAX + 2], ctx[M2M_CONTEXT_MAX + 1];
	static uint8_t out[M2M_EXPAND_MAX + 1];
	struct key a = the_kmr(), b;

	ck_assert_uint_eq(m2m_expand(&a, "x", SLICE_NONE, b.v, KEY_BYTES), RC_OK);
	ck_assert_uint_eq(m2m_expand(&a, "x", SLICE_NONE, a.v, KEY_BYTES), RC_OK);
	ck_assert(key_equal(&a, &b));
	memset(long_label, 'l', sizeof(long_label) - 1);
	ck_assert_uint_eq(m2m_expand(&a, "", SLICE_NONE, out, 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(m2m_expand(&a, long_label, SLICE_NONE, out, 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(m2m_expand(&a, long_label + 1, SLICE_NONE, out, 1), RC_OK);
	ck_assert_uint_eq(m2m_expand(&a, "x", slice_make(ctx, sizeof(ctx)), out, 1), RC_BAD_REQUEST);
	ck_assert_uint_eq(m2m_expand(&a, "x", slice_make(ctx, M2M_CONTEXT_MAX), out, 1), RC_OK);
	ck_assert_uint_eq(m2m_expand(&a, "x", SLICE_NONE, out, 0), RC_BAD_REQUEST);
	ck_assert_uint_eq(m2m_expand(&a, "x", SLICE_NONE, out, sizeof(out)), RC_BAD_REQUEST);
	for (size_t i = 0; i < sizeof(out); i++)
		ck_assert_uint_eq(out[i], 0);
}
END_TEST

/* A fresh key that is not zero, for results that must be. */
#define REFUSED(call)                                                                              \
	do {                                                                                           \
		k = kmr;                                                                                   \
		ck_assert_uint_eq((call), RC_BAD_REQUEST);                                                 \
		ck_assert(key_is_zero(&k));                                                                \
	} while (0)

START_TEST(derivations_refuse)
{
	static char name[16385];
	const struct slice too_long = { name, sizeof(name) };
	const struct slice ppid = SLICE_INIT("\x80xxxxxx"), fqdn = SLICE_INIT("m.example");
	const struct key kmr = the_kmr();
	const struct node_id node = the_node();
	struct kmc_terms terms = { node, 0, 1, CONNECTION, SCL_ID };
	struct key k;

	REFUSED(kmr_derive(&kmr, slice_head(ppid, 1), &node, 1, fqdn, &k));
	REFUSED(kmr_derive(&kmr, slice_make(name, 256), &node, 1, fqdn, &k));
	REFUSED(kmr_derive(&kmr, ppid, &node, 0, fqdn, &k));
	REFUSED(kmr_derive(&kmr, ppid, &node, 1, SLICE_NONE, &k));
	REFUSED(kmr_derive(&kmr, ppid, &node, 1, too_long, &k));
	REFUSED(kek_boot(&kmr, &node, 0, &k));
	REFUSED(psk_mr(&kmr, PSK_TLS_1_3, &node, 0, &k));
	REFUSED(psk_mr(&kmr, (enum psk_tls)4, &node, 1, &k));
	REFUSED(kmc_derive(&kmr, &kmr, &terms, &k));
	terms = (struct kmc_terms){ node, 1, 0, CONNECTION, SCL_ID };
	REFUSED(kmc_derive(&kmr, &kmr, &terms, &k));
	terms = (struct kmc_terms){ node, 1, 1, 0, SCL_ID };
	REFUSED(kmc_derive(&kmr, &kmr, &terms, &k));
	terms = (struct kmc_terms){ node, 1, 1, CONNECTION, SLICE_NONE };
	REFUSED(kmc_derive(&kmr, &kmr, &terms, &k));
	REFUSED(kek_conn(&kmr, &node, 0, 1, &k));
	REFUSED(kek_conn(&kmr, &node, CONNECTION, 0, &k));
	REFUSED(psk_mc(&kmr, PSK_TLS_1_3, 0, 1, &k));
	REFUSED(psk_mc(&kmr, PSK_TLS_1_3, CONNECTION, 0, &k));
	REFUSED(psk_mc(&kmr, (enum psk_tls)0, CONNECTION, 1, &k));
	REFUSED(psk_mn(&kmr, (enum psk_tls)1, CONNECTION, 1, &k));
	REFUSED(obj_key(&kmr, (enum obj_dir)0, CONNECTION, 1, &k));
	REFUSED(kma_derive(&kmr, SLICE_NONE, SCL_ID, 1, &k));
	REFUSED(kma_derive(&kmr, APP_ID, too_long, 1, &k));
	REFUSED(kma_derive(&kmr, APP_ID, SCL_ID, 0, &k));
	REFUSED(psk_ma(&kmr, PSK_TLS_1_3, CONNECTION, 1, SLICE_NONE, &k));
	REFUSED(psk_ma(&kmr, PSK_TLS_1_3, 0, 1, APP_ID, &k));
}
END_TEST

/* Each input of Kmc changes it: a key of one session, node or connection is none of another. */
START_TEST(kmc_depends_on_all)
{
	const struct key kmr = the_kmr(), e_conn = key_filled(0xe0), zero = key_filled(0);
	const struct node_id node = the_node(), other_node = { { 1 } };
	const struct kmc_terms same = { node, 1, 1, CONNECTION, SCL_ID };
	const struct kmc_terms others[] = {
		{ other_node, 1, 1, CONNECTION, SCL_ID }, { node, 2, 1, CONNECTION, SCL_ID },
		{ node, 1, 2, CONNECTION, SCL_ID },       { node, 1, 1, CONNECTION + 1, SCL_ID },
		{ node, 1, 1, CONNECTION, APP_ID },
	};
	const struct key kmc = key_of(KMC);
	struct key k;

	ck_assert_uint_eq(kmc_derive(&zero, &e_conn, &same, &k), RC_OK);
	ck_assert(!key_equal(&k, &kmc));
	ck_assert_uint_eq(kmc_derive(&kmr, &zero, &same, &k), RC_OK);
	ck_assert(!key_equal(&k, &kmc));
	for (size_t i = 0; i < NITEMS(others); i++) {
		ck_assert_uint_eq(kmc_derive(&kmr, &e_conn, &others[i], &k), RC_OK);
		ck_assert(!key_equal(&k, &kmc));
	}
}
END_TEST

START_TEST(check_value_is_the_start_of_an_expansion)
{
	const struct key kmr = the_kmr();
	uint8_t check[KEY_CHECK_BYTES], info[] = "\0\4\12m2m1 check\0";
	uint8_t other[KEY_CHECK_BYTES];

	other_hkdf(&kmr, slice_make(info, sizeof(info)), other, sizeof(other));
	ck_assert_uint_eq(key_check_value(&kmr, check), RC_OK);
	ck_assert_mem_eq(check, other, sizeof(check));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_derive");
	TCase *c = suite_case(s, "derive", NULL, NULL);

	tcase_add_test(c, bootstrap_keys);
	tcase_add_test(c, keys_of_kmr);
	tcase_add_test(c, root_of_group_authentication);
	tcase_add_test(c, keys_of_kmc);
	tcase_add_test(c, keys_of_kma);
	tcase_add_test(c, kmr_is_wrapped_for_transport);
	tcase_add_test(c, expand_is_hkdf);
	tcase_add_test(c, expand_in_place_and_at_its_limits);
	tcase_add_test(c, derivations_refuse);
	tcase_add_test(c, kmc_depends_on_all);
	tcase_add_test(c, check_value_is_the_start_of_an_expansion);
	return run_suite(s);
}
