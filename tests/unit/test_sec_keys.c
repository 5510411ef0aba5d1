/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, their derivation, names of the security layer, PSK identities. */
#include "config.h"

#include "sec/derive.h"
#include "sec/hex.h"
#include "sec/keywrap.h"
#include "sec/psk_id.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* The sanitizers make mlock do nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define NODE "01bcad980102030405060708090a0b0c"
#define CONNECTION UINT64_C(0x1122334455667788)
#define SCL_ID SLICE_LIT("gscl-0102")
#define APP_ID SLICE_LIT("meterApp")

/* ---- the hierarchy: one node and its connection, keys computed by another program ---- */

static struct node_id
the_node(void)
{
	struct node_id id;

	ck_assert(node_id_parse(SLICE_LIT(NODE), &id));
	return id;
}

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

/* 00 01 .. 1f */
static struct key
the_kmr(void)
{
	struct key k;

	for (uint8_t i = 0; i < KEY_BYTES; i++)
		k.v[i] = i;
	return k;
}

#define KMC "6e1289f53d225aee4b9a8a53b69e7266a32ab99de8fca672205cf3aa734de144"
#define KMA "fd5739a39b60feab33fe16e5b7aca0ac4a0a838a5651c19ea3dd0d78186dfb07"

static void
expect(enum rc rc, const struct key *k, const char *hex)
{
	char text[2 * KEY_BYTES + 1];

	ck_assert_uint_eq(rc, RC_OK);
	hex_encode(k->v, KEY_BYTES, text);
	ck_assert_str_eq(text, hex);
}

START_TEST(bootstrap_keys)
{
	const struct key e_boot = key_filled(0xb0);
	const struct node_id node = the_node();
	uint8_t ppid[15];
	struct key k;

	ck_assert(hex_decode(SLICE_LIT("503c71bf0a1b2c00124b0001020304"), ppid, sizeof(ppid)));
	expect(kmr_derive(&e_boot, slice_make(ppid, sizeof(ppid)), &node, 1,
	                  SLICE_LIT("msbf.sp1.example"), &k),
	       &k, "89b9edc48692222d1d76ab998702cfe0ae4a8c1572bf25daff0350b6aec40667");
	expect(kek_boot(&e_boot, &node, 1, &k), &k,
	       "feb995c17cd3b9a7bceedf5c8320c056dc53b6d64dd2594d864163067aa8b749");
}
END_TEST

START_TEST(keys_of_kmr)
{
	const struct key kmr = the_kmr(), e_conn = key_filled(0xe0);
	const struct node_id node = the_node();
	const struct kmc_terms terms = { node, 1, 1, CONNECTION, SCL_ID };
	struct key k;

	expect(psk_mr(&kmr, PSK_TLS_1_2, &node, 1, &k), &k,
	       "6a98cb77cf74f54a4ae69dfda25280142a2b313ecde1187baccd372ebf77bee0");
	expect(psk_mr(&kmr, PSK_TLS_1_3, &node, 1, &k), &k,
	       "b90c7c3783f868c6c82b87ae2cd3f6cd36ab355b846bee01ee63c97b20f571c8");
	expect(hkdf_extract(slice_make(e_conn.v, KEY_BYTES), slice_make(kmr.v, KEY_BYTES), &k), &k,
	       "6c27b652972b5c6edd52651eb123475564fd7737ce2ccdbac4f7db3d84706a5e");
	expect(kmc_derive(&kmr, &e_conn, &terms, &k), &k, KMC);
	expect(kek_conn(&kmr, &node, CONNECTION, 1, &k), &k,
	       "a5de84161e2cd5ac47e7974315c510b2c86e5f54a88e8994ca83abdea05360f7");
	expect(trigger_key(&kmr, &node, &k), &k,
	       "40b86d3ae55bedc8707f6d221243c1475dbf945c2ba0a22712bbff1fd186cc9f");
	expect(ival_key(&kmr, &node, &k), &k,
	       "f0154f4b3b2b3a023a6a0a1b1edcbb6ff4c856446402cfbf2c9980e9022a3007");
	expect(indicator_key(&kmr, &node, &k), &k,
	       "18507067cfff24ab8170df64783e376205a362ebaa2c9f0d085916e15d0bb112");
}
END_TEST

START_TEST(keys_of_kmc)
{
	const struct key kmc = key_of(KMC);
	struct key k;

	expect(psk_mc(&kmc, PSK_TLS_1_2, CONNECTION, 1, &k), &k,
	       "a187d4118cf1a666017910c38d424aa01e3ee45a80a57cd2dfa637e63ea595f4");
	expect(psk_mc(&kmc, PSK_TLS_1_3, CONNECTION, 1, &k), &k,
	       "f942e7dc9d8119631306c934393ab2f7c846671b6ca86331f757e18b7b6cfbc5");
	expect(psk_mn(&kmc, PSK_TLS_1_2, CONNECTION, 1, &k), &k,
	       "5be3180c0b1b7f224e77f9869d3ecf0f075234f54aa893ea4fa598148cea9aff");
	expect(psk_mn(&kmc, PSK_TLS_1_3, CONNECTION, 1, &k), &k,
	       "2a7b1e98301dcb7fa1bfa96d8dc3b8917936f258ac07036d3d5bbc096c7a2a72");
	expect(obj_key(&kmc, OBJ_D2N, CONNECTION, 1, &k), &k,
	       "9e896f6561768e2212d60e8bd45dd48ccc6d5ac7957f7ca22880b8bae37d270c");
	expect(obj_key(&kmc, OBJ_N2D, CONNECTION, 1, &k), &k,
	       "ca4339d67208664cd7cb93c62c35b813bc1d88c65a72a290e18703bd5997a0a2");
	expect(kma_derive(&kmc, APP_ID, SCL_ID, 1, &k), &k, KMA);
}
END_TEST

START_TEST(keys_of_kma)
{
	const struct key kma = key_of(KMA);
	struct key k2, k3;
	uint8_t hash[APP_HASH_BYTES];
	char text[2 * APP_HASH_BYTES + 1];

	expect(psk_ma(&kma, PSK_TLS_1_3, CONNECTION, 1, APP_ID, &k3), &k3,
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

/* ---- secrets ---- */

START_TEST(keys_are_compared_and_wiped)
{
	struct key a = the_kmr(), b = the_kmr();

	ck_assert(key_equal(&a, &b));
	for (size_t bit = 0; bit < 8 * KEY_BYTES; bit++) {
		b.v[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!key_equal(&a, &b));
		b = a;
	}
	ck_assert(!key_is_zero(&a));
	key_wipe(&a);
	ck_assert(key_is_zero(&a));
	key_wipe(NULL);
	ck_assert_uint_eq(key_random(&a), RC_OK);
	ck_assert_uint_eq(key_random(&b), RC_OK);
	ck_assert(!key_equal(&a, &b) && !key_is_zero(&a));
	ck_assert(secret_equal(SLICE_LIT("abc"), SLICE_LIT("abc")));
	ck_assert(!secret_equal(SLICE_LIT("abc"), SLICE_LIT("abd")));
	ck_assert(!secret_equal(SLICE_LIT("abc"), SLICE_LIT("ab")));
	ck_assert(secret_equal(SLICE_NONE, SLICE_LIT("")));
}
END_TEST

/* Whether the memory at p has that flag in smaps. */
static bool
has_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool here = false, has = false;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (unsigned long)p >= from && (unsigned long)p < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			has = strstr(line, flag) != NULL;
	}
	fclose(f);
	return has;
}

static void
use_memory(size_t n)
{
	char *p = secret_alloc(n);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(p[i], 0);
	memset(p, 0x55, n);
	ck_assert(has_flag(p, " dd"));
	ck_assert(SANITIZED || has_flag(p, " lo"));
	secret_free(p, n);
}

START_TEST(secret_memory_without_a_heap)
{
	ck_assert_ptr_null(secret_alloc(0));
	ck_assert_ptr_null(secret_alloc(SIZE_MAX));
	ck_assert_ptr_null(secret_alloc(SIZE_MAX - 4096));
	secret_free(NULL, 0);
	use_memory(1);
	use_memory(4096);
	use_memory(4097);
}
END_TEST

START_TEST(secret_memory_with_a_heap)
{
	char *small;

	ck_assert_uint_eq(secret_heap(1000), RC_BAD_REQUEST);
	ck_assert_uint_eq(secret_heap(5000), RC_BAD_REQUEST);
	ck_assert_uint_eq(secret_heap(16384), RC_OK);
	ck_assert_uint_eq(secret_heap(16384), RC_OK);
	small = secret_alloc(KEY_BYTES);
	ck_assert(CRYPTO_secure_allocated(small));
	secret_free(small, KEY_BYTES);
	use_memory(100);
	/* More than the heap has: pages. */
	use_memory(20000);
}
END_TEST

START_TEST(memory_that_cannot_be_locked_is_refused)
{
	const struct rlimit none = { 0, 0 };

	/* Root may lock whatever the limit is. */
	if (SANITIZED || (geteuid() == 0 && setuid(65534) != 0))
		return;
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	ck_assert_ptr_null(secret_alloc(1));
	ck_assert_uint_eq(secret_heap(4096), RC_UNAVAILABLE);
}
END_TEST

START_TEST(processes_hide)
{
	struct rlimit core;

	ck_assert_uint_eq(process_hide(), RC_OK);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert_uint_eq(core.rlim_cur, 0);
	ck_assert_uint_eq(core.rlim_max, 0);
}
END_TEST

START_TEST(hexadecimal_digits)
{
	uint8_t all[256], back[256];
	char text[513], one[3] = "00";

	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(all, 256, text);
	ck_assert_uint_eq(strlen(text), 512);
	ck_assert_int_eq(strncmp(text + 2 * 0x9a, "9a9b9c", 6), 0);
	ck_assert(hex_decode(slice_of(text), back, 256));
	ck_assert_mem_eq(all, back, 256);
	ck_assert(hex_decode(SLICE_LIT("aBCdEF"), back, 3));
	ck_assert_mem_eq(back, "\xab\xcd\xef", 3);
	for (int c = 0; c < 256; c++) {
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		one[0] = (char)c;
		ck_assert_int_eq(hex_decode(slice_make(one, 2), back, 1), digit);
		one[0] = '0';
		one[1] = (char)c;
		ck_assert_int_eq(hex_decode(slice_make(one, 2), back, 1), digit);
		one[1] = '0';
	}
	ck_assert(!hex_decode(SLICE_LIT("123"), back, 1));
	ck_assert(!hex_decode(SLICE_LIT("1234"), back, 1));
	ck_assert(!hex_decode(SLICE_LIT("12"), back, 2));
	ck_assert(hex_decode(SLICE_NONE, back, 0));
}
END_TEST

/* ---- names ---- */

START_TEST(node_ids_are_made)
{
	struct node_id a, b;
	char text[NODE_ID_TEXT];

	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp1.example"), &a), RC_OK);
	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp1.example"), &b), RC_OK);
	ck_assert(node_id_ok(&a) && node_id_ok(&b) && !node_id_eq(&a, &b));
	ck_assert(node_id_of_provider(&a, SLICE_LIT("sp1.example")));
	ck_assert(!node_id_of_provider(&a, SLICE_LIT("sp2.example")));
	ck_assert(!node_id_of_provider(&a, SLICE_NONE));
	node_id_text(&a, text);
	ck_assert_int_eq(strncmp(text, "01bcad98", 8), 0);
	ck_assert(node_id_parse(slice_of(text), &b) && node_id_eq(&a, &b));
	ck_assert_uint_eq(node_id_make(SLICE_NONE, &a), RC_BAD_REQUEST);
	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp 1"), &a), RC_BAD_REQUEST);
	ck_assert_uint_eq(node_id_make(SLICE_LIT("sp\xc3\xa4"), &a), RC_BAD_REQUEST);
}
END_TEST

static const struct {
	const char *text;
	bool parses, ok;
} node_ids[] = {
	{ NODE, true, true },
	{ "01BCAD980102030405060708090A0B0C", true, true },
	{ "02bcad980102030405060708090a0b0c", true, false },
	{ "00bcad980102030405060708090a0b0c", true, false },
	{ "01bcad98000000000000000000000000", true, false },
	{ "01bcad98ffffffffffffffffffffffff", true, false },
	{ "01bcad98000000000000000000000001", true, true },
	{ "01bcad98fffffffffffffffffffffffe", true, true },
	{ "01bcad980102030405060708090a0b0", false, false },
	{ "01bcad980102030405060708090a0b0c0d", false, false },
	{ "01bcad980102030405060708090a0b0g", false, false },
	{ "", false, false },
};

START_TEST(node_ids_are_checked)
{
	struct node_id id;

	ck_assert_int_eq(node_id_parse(slice_of(node_ids[_i].text), &id), node_ids[_i].parses);
	if (node_ids[_i].parses)
		ck_assert_int_eq(node_id_ok(&id), node_ids[_i].ok);
}
END_TEST

START_TEST(scl_ids_are_checked)
{
	static const char *const good[] = {
		"g", "gscl-0102", NODE, "A.b_c~d-", "-", "SCLS", "scl", "mas1",
	};
	static const char *const bad[] = {
		"", ".", ".a", "a/b", "a b", "a%20", "\xc3\xa4", "scls", "applications", "containers",
		"groups", "accessRights", "subscriptions", "discovery", "msbf", "mas", "sga", "proxy", "a:b",
	};
	char long_id[SCL_ID_MAX + 2];

	for (size_t i = 0; i < NITEMS(good); i++)
		ck_assert_msg(scl_id_ok(slice_of(good[i])), "%s", good[i]);
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(!scl_id_ok(slice_of(bad[i])), "%s", bad[i]);
	memset(long_id, 'a', sizeof(long_id));
	ck_assert(scl_id_ok(slice_make(long_id, SCL_ID_MAX)));
	ck_assert(!scl_id_ok(slice_make(long_id, SCL_ID_MAX + 1)));
	ck_assert(!scl_id_ok(slice_make("a\0b", 3)));
}
END_TEST

START_TEST(connection_ids)
{
	static const char *const bad_hex[] = { "", "0", "0000000000000000", "112233445566778",
		                                   "11223344556677889", "112233445566778G",
		                                   "AA22334455667788", " 122334455667788" };
	static const char *const bad_decimal[] = { "", "0", "01", "-1", "+1", " 1", "1 ", "1x",
		                                       "18446744073709551616", "99999999999999999999",
		                                       "100000000000000000000" };
	char hex[CONN_ID_HEX], decimal[CONN_ID_DECIMAL];
	uint64_t id, other;

	ck_assert_uint_eq(conn_id_make(&id), RC_OK);
	ck_assert_uint_eq(conn_id_make(&other), RC_OK);
	ck_assert(id != 0 && id != other);
	conn_id_hex(CONNECTION, hex);
	ck_assert_str_eq(hex, "1122334455667788");
	ck_assert(conn_id_parse_hex(slice_of(hex), &id) && id == CONNECTION);
	conn_id_decimal(CONNECTION, decimal);
	ck_assert_str_eq(decimal, "1234605616436508552");
	ck_assert(conn_id_parse_decimal(slice_of(decimal), &id) && id == CONNECTION);
	conn_id_decimal(UINT64_MAX, decimal);
	ck_assert(conn_id_parse_decimal(slice_of(decimal), &id) && id == UINT64_MAX);
	for (size_t i = 0; i < NITEMS(bad_hex); i++)
		ck_assert_msg(!conn_id_parse_hex(slice_of(bad_hex[i]), &id), "%s", bad_hex[i]);
	for (size_t i = 0; i < NITEMS(bad_decimal); i++)
		ck_assert_msg(!conn_id_parse_decimal(slice_of(bad_decimal[i]), &id), "%s", bad_decimal[i]);
}
END_TEST

/* ---- PSK identities ---- */

static const struct {
	const char *text;
	enum psk_kind kind;
	enum psk_tls tls;
	uint32_t index;
} identities[] = {
	{ "mr3." NODE ".1", PSK_MR, PSK_TLS_1_3, 1 },
	{ "mr2." NODE ".4294967295", PSK_MR, PSK_TLS_1_2, UINT32_MAX },
	{ "mc3.1122334455667788.1", PSK_MC, PSK_TLS_1_3, 1 },
	{ "mc2.1122334455667788.10", PSK_MC, PSK_TLS_1_2, 10 },
	{ "mn3.1122334455667788.1", PSK_MN, PSK_TLS_1_3, 1 },
	{ "mn2.1122334455667788.7", PSK_MN, PSK_TLS_1_2, 7 },
	{ "ma3.1122334455667788.7f617789285a8bb3.1", PSK_MA, PSK_TLS_1_3, 1 },
	{ "ma2.1122334455667788.7f617789285a8bb3.4294967295", PSK_MA, PSK_TLS_1_2, UINT32_MAX },
};

START_TEST(identities_are_read_and_written)
{
	static const uint8_t app[] = { 0x7f, 0x61, 0x77, 0x89, 0x28, 0x5a, 0x8b, 0xb3 };
	struct psk_id id;
	const struct node_id node = the_node();
	char text[PSK_ID_TEXT];

	ck_assert(psk_id_parse(slice_of(identities[_i].text), &id));
	ck_assert_uint_eq(id.kind, identities[_i].kind);
	ck_assert_uint_eq(id.tls, identities[_i].tls);
	ck_assert_uint_eq(id.index, identities[_i].index);
	if (id.kind == PSK_MR)
		ck_assert(node_id_eq(&id.node, &node));
	else
		ck_assert_uint_eq(id.connection, CONNECTION);
	if (id.kind == PSK_MA)
		ck_assert_mem_eq(id.app, app, sizeof(app));
	ck_assert_uint_eq(psk_id_format(&id, text), strlen(identities[_i].text));
	ck_assert_str_eq(text, identities[_i].text);
}
END_TEST

/* Nothing shorter and nothing longer than an identity is one, and no other octet in it. */
START_TEST(identities_have_one_spelling)
{
	char text[PSK_ID_TEXT + 1];
	struct psk_id id;
	size_t n = strlen(identities[_i].text), index = n;

	memcpy(text, identities[_i].text, n + 1);
	while (text[index - 1] != '.')
		index--;
	for (size_t i = 0; i <= index; i++)
		ck_assert(!psk_id_parse(slice_make(text, i), &id));
	for (size_t at = 0; at < n; at++)
		for (int c = 0; c < 256; c++) {
			char was = text[at];
			char again[PSK_ID_TEXT];

			text[at] = (char)c;
			/* Another identity, maybe; never the same one spelled in another way. */
			if (psk_id_parse(slice_make(text, n), &id)) {
				ck_assert_uint_eq(psk_id_format(&id, again), n);
				ck_assert_mem_eq(again, text, n);
			}
			text[at] = was;
		}
	for (int c = 0; c < 256; c++) {
		if (c >= '0' && c <= '9')
			continue;
		text[n] = (char)c;
		ck_assert(!psk_id_parse(slice_make(text, n + 1), &id));
	}
}
END_TEST

START_TEST(identities_refuse)
{
	static const char *const bad[] = {
		"", ".", "mr3", "mr3.", "mr3." NODE, "mr3." NODE ".", "mr3." NODE ".0", "mr3." NODE ".01",
		"mr3." NODE ".4294967296", "mr3." NODE ".99999999999", "mr3." NODE ".1.", "mr3." NODE ".1.1",
		"mr3." NODE "..1", "mr3." NODE ".+1", "mr3." NODE ".1a", "mr1." NODE ".1", "mr4." NODE ".1",
		"mr." NODE ".1", "mr3" NODE ".1", "MR3." NODE ".1", "mr3.01BCAD980102030405060708090a0b0c.1",
		"mr3.01bcad980102030405060708090a0b0.1", "mr3.01bcad980102030405060708090a0b0c0d.1",
		"mr3.01bcad980102030405060708090a0b0g.1", " mr3." NODE ".1", "mr3." NODE ".1 ",
		"mr33." NODE ".1", "mc3.0000000000000000.1", "mc3.112233445566778.1",
		"mc3.11223344556677889.1", "mc3.1122334455667788.7f617789285a8bb3.1", "mc3." NODE ".1",
		"ma3.1122334455667788.1", "ma3.1122334455667788.7f617789285a8bb.1",
		"ma3.1122334455667788.7f617789285a8bb3.1.1", "ma3.1122334455667788.7f617789285a8bb3.0",
		"ga3.1122334455667788." NODE, "mp3." NODE, "pb3.11223344.1",
		"3GPP-bootstrapping;x@bsf.example", "mx3.1122334455667788.1", "mr3,1122334455667788,1",
	};
	const struct psk_id none = { .index = 0 };
	struct psk_id id;
	char long_text[PSK_ID_MAX + 2];

	for (size_t i = 0; i < NITEMS(bad); i++) {
		memset(&id, 0xff, sizeof(id));
		ck_assert_msg(!psk_id_parse(slice_of(bad[i]), &id), "%s", bad[i]);
		ck_assert(id.index == none.index && id.connection == 0 && id.node.v[0] == 0);
	}
	ck_assert(!psk_id_parse(slice_make("mr3." NODE ".1\0x", 4 + 32 + 4), &id));
	memset(long_text, '1', sizeof(long_text));
	memcpy(long_text, "mr3." NODE ".", 37);
	ck_assert(!psk_id_parse(slice_make(long_text, sizeof(long_text)), &id));
	ck_assert(!psk_id_parse(SLICE_NONE, &id));
}
END_TEST

START_TEST(identities_that_cannot_be_written)
{
	const struct psk_id bad[] = {
		{ .kind = PSK_KINDS, .tls = PSK_TLS_1_3, .index = 1, .connection = 1 },
		{ .kind = PSK_MC, .tls = PSK_TLS_1_3, .index = 0, .connection = 1 },
		{ .kind = PSK_MC, .tls = PSK_TLS_1_3, .index = 1, .connection = 0 },
		{ .kind = PSK_MC, .tls = (enum psk_tls)1, .index = 1, .connection = 1 },
	};
	char text[PSK_ID_TEXT];

	for (size_t i = 0; i < NITEMS(bad); i++) {
		ck_assert_uint_eq(psk_id_format(&bad[i], text), 0);
		ck_assert_str_eq(text, "");
	}
}
END_TEST

START_TEST(dummy_keys)
{
	static char huge[30000];
	const struct key server = the_kmr();
	struct key a, b;

	/* openssl mac -digest SHA256 -macopt hexkey:0001..1f HMAC of "m2m1 dummyx" */
	expect(psk_dummy(&server, SLICE_LIT("x"), &a), &a,
	       "71e797d707615abc17a29104710f1bfb7b1f84227eafaa0025d96df5db602d97");
	ck_assert_uint_eq(psk_dummy(&server, SLICE_LIT("y"), &b), RC_OK);
	ck_assert(!key_equal(&a, &b));
	ck_assert_uint_eq(psk_dummy(&server, SLICE_NONE, &b), RC_OK);
	ck_assert(!key_is_zero(&b));
	ck_assert_uint_eq(psk_dummy(&server, slice_make(huge, sizeof(huge)), &b), RC_OK);
	ck_assert(!key_is_zero(&b));
}
END_TEST

static void
add_derivation(Suite *s)
{
	TCase *tc = tcase_create("derive");

	tcase_add_test(tc, bootstrap_keys);
	tcase_add_test(tc, keys_of_kmr);
	tcase_add_test(tc, keys_of_kmc);
	tcase_add_test(tc, keys_of_kma);
	tcase_add_test(tc, kmr_is_wrapped_for_transport);
	tcase_add_test(tc, expand_is_hkdf);
	tcase_add_test(tc, expand_in_place_and_at_its_limits);
	tcase_add_test(tc, derivations_refuse);
	tcase_add_test(tc, kmc_depends_on_all);
	tcase_add_test(tc, check_value_is_the_start_of_an_expansion);
	suite_add_tcase(s, tc);
}

static void
add_secrets(Suite *s)
{
	TCase *tc = tcase_create("secret");

	tcase_add_test(tc, keys_are_compared_and_wiped);
	tcase_add_test(tc, secret_memory_without_a_heap);
	tcase_add_test(tc, secret_memory_with_a_heap);
	tcase_add_test(tc, memory_that_cannot_be_locked_is_refused);
	tcase_add_test(tc, processes_hide);
	tcase_add_test(tc, hexadecimal_digits);
	suite_add_tcase(s, tc);
}

static void
add_names(Suite *s)
{
	TCase *tc = tcase_create("names");

	tcase_add_test(tc, node_ids_are_made);
	tcase_add_loop_test(tc, node_ids_are_checked, 0, NITEMS(node_ids));
	tcase_add_test(tc, scl_ids_are_checked);
	tcase_add_test(tc, connection_ids);
	tcase_add_loop_test(tc, identities_are_read_and_written, 0, NITEMS(identities));
	tcase_add_loop_test(tc, identities_have_one_spelling, 0, NITEMS(identities));
	tcase_add_test(tc, identities_refuse);
	tcase_add_test(tc, identities_that_cannot_be_written);
	tcase_add_test(tc, dummy_keys);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("sec_keys");
	SRunner *sr;
	int failed;

	add_derivation(s);
	add_secrets(s);
	add_names(s);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
