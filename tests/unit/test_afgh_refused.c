/* SPDX-License-Identifier: Apache-2.0 */
/* AFGH: keys that come back, octets that are refused, a build without pairing. */
#include "config.h"

#include "afgh_bed.h"
#include "sec/secret.h"

#include <sys/resource.h>
#include <unistd.h>

START_TEST(keys_come_back)
{
	struct afgh_keys *a, *b;
	uint8_t out[AFGH_SECRET], again[AFGH_SECRET], pk_a[AFGH_G2], pk_b[AFGH_G2];
	struct afgh_epoch *e, *f;
	struct sealed s;

	ck_assert_uint_eq(afgh_keys_new(&a), RC_OK);
	afgh_keys_write(a, out);
	ck_assert_uint_eq(afgh_keys_read(slice_make(out, sizeof(out)), &b), RC_OK);
	afgh_keys_write(b, again);
	ck_assert_mem_eq(out, again, sizeof(out));
	afgh_keys_public(a, pk_a);
	afgh_keys_public(b, pk_b);
	ck_assert_mem_eq(pk_a, pk_b, sizeof(pk_a));
	e = epoch(a, 1, 1, 1);
	f = epoch(b, 1, 1, 1);
	s = seal(e);
	ck_assert(owner_opens(f, &s));
	afgh_epoch_free(e);
	afgh_epoch_free(f);
	afgh_keys_free(a);
	afgh_keys_free(b);
}
END_TEST

/* a1, a2 and the seed, each of its own. */
START_TEST(new_keys_differ)
{
	uint8_t parts[6][AFGH_SCALAR];
	struct afgh_keys *k;

	for (size_t i = 0; i < NITEMS(parts); i += 3) {
		ck_assert_uint_eq(afgh_keys_new(&k), RC_OK);
		afgh_keys_write(k, parts[i]);
		afgh_keys_free(k);
	}
	for (size_t i = 1; i < NITEMS(parts); i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_mem_ne(parts[i], parts[j], AFGH_SCALAR);
}
END_TEST

static void
expect_no_keys(const char *hex)
{
	const struct octets o = octets_of(hex);
	struct afgh_keys *k = owner;

	ck_assert_uint_eq(afgh_keys_read(octets_slice(&o), &k), RC_BAD_REQUEST);
	ck_assert_ptr_null(k);
}

START_TEST(keys_refused)
{
	static const char zero[] =
		"0000000000000000000000000000000000000000000000000000000000000000";

	expect_no_keys(KAT_A1 KAT_A1 KAT_SEED);
	expect_no_keys(
		"0000000000000000000000000000000000000000000000000000000000000000" KAT_A2 KAT_SEED);
	expect_no_keys(KAT_A1
	               "0000000000000000000000000000000000000000000000000000000000000000" KAT_SEED);
	expect_no_keys(ORDER KAT_A2 KAT_SEED);
	expect_no_keys(KAT_A1 ORDER KAT_SEED);
	expect_no_keys(KAT_A1 KAT_A2);
	expect_no_keys(KAT_A1 KAT_A2 KAT_SEED "00");
	expect_no_keys(zero);
	expect_no_keys("");
}
END_TEST

/* A point that is on the curve and not in the group, the neutral element, nothing, too much. */
static struct octets
bad_point(size_t n, unsigned i)
{
	struct octets o = { .n = n };

	o.v[0] = i == 0 ? 0x80 : 0xc0;
	o.v[n - 1] = i == 0 ? 4 : 0;
	o.n = i == 2 ? 0 : i == 3 ? n + 1 : n;
	return o;
}

START_TEST(points_refused)
{
	struct afgh_rk *good = delegate(afgh_keys_first(owner), sink);

	for (unsigned i = 0; i < 4; i++) {
		const struct octets g1 = bad_point(AFGH_G1, i), g2 = bad_point(AFGH_G2, i);
		uint8_t out[AFGH_GT];
		struct afgh_rk *rk = good;
		struct afgh_gt k;

		memset(out, 1, sizeof(out));
		ck_assert_uint_eq(afgh_rekey(afgh_keys_first(owner), octets_slice(&g2), out),
		                  RC_BAD_REQUEST);
		expect_zeros(out, AFGH_G2);
		ck_assert_uint_eq(afgh_rk_load(octets_slice(&g2), &rk), RC_BAD_REQUEST);
		ck_assert_ptr_null(rk);
		ck_assert_uint_eq(afgh_public_second_check(octets_slice(&g2)), RC_BAD_REQUEST);
		memset(out, 1, sizeof(out));
		ck_assert_uint_eq(afgh_reencrypt(good, octets_slice(&g1), out), RC_BAD_REQUEST);
		expect_zeros(out, AFGH_GT);
		memset(&k, 1, sizeof(k));
		ck_assert_uint_eq(
			afgh_decrypt_second(afgh, afgh_keys_first(owner), octets_slice(&g1), &k),
			RC_BAD_REQUEST);
		expect_zeros(&k, sizeof(k));
	}
	afgh_rk_free(good);
}
END_TEST

START_TEST(elements_refused)
{
	for (size_t n = 0; n <= LONGEST; n += AFGH_GT / 2) {
		const struct octets o = { .n = n, .v = { 0 } }; /* of the right length: -1 */
		struct afgh_gt k;
		uint8_t c1[AFGH_G1];

		memset(&k, 1, sizeof(k));
		ck_assert_uint_eq(afgh_decrypt_first(sink, octets_slice(&o), &k), RC_BAD_REQUEST);
		expect_zeros(&k, sizeof(k));
		memset(&k, 1, sizeof(k));
		memset(c1, 1, sizeof(c1));
		ck_assert_uint_eq(afgh_encrypt_to(octets_slice(&o), c1, &k), RC_BAD_REQUEST);
		expect_zeros(&k, sizeof(k));
		expect_zeros(c1, sizeof(c1));
		ck_assert_uint_eq(afgh_public_first_check(octets_slice(&o)), RC_BAD_REQUEST);
	}
}
END_TEST

START_TEST(public_keys_checked)
{
	const struct octets pk2 = octets_of(KAT_PK2_B);
	uint8_t pk1[AFGH_GT];

	ck_assert_uint_eq(afgh_epoch_public(afgh, afgh_keys_first(owner), pk1), RC_OK);
	ck_assert_uint_eq(afgh_public_first_check(slice_make(pk1, sizeof(pk1))), RC_OK);
	ck_assert_uint_eq(afgh_public_second_check(octets_slice(&pk2)), RC_OK);
}
END_TEST

START_TEST(no_fixed_zero)
{
	const struct octets zero = { .n = AFGH_SCALAR };
	struct sealed s;

	memset(&s, 1, sizeof(s));
	ck_assert_uint_eq(
		afgh_encrypt_fixed(afgh, afgh_keys_first(owner), octets_slice(&zero), s.c1, &s.k),
		RC_BAD_REQUEST);
	expect_zeros(&s, sizeof(s));
}
END_TEST

/* Secrets do not go into memory that may be swapped. */
START_TEST(no_secret_memory)
{
	const struct rlimit none = { 0, 0 };
	const struct octets o = octets_of(KAT_A1 KAT_A2 KAT_SEED), pk2 = octets_of(KAT_PK2_A);
	const struct afgh_epoch_id id = { .stream = 1 };
	struct afgh *a = afgh;
	struct afgh_keys *k = owner;
	struct afgh_epoch *e = (struct afgh_epoch *)(uintptr_t)1;
	struct afgh_rk *rk = (struct afgh_rk *)(uintptr_t)1;
	void *probe;

	/* Root may lock whatever the limit is; a sanitizer does not lock at all. */
	if (geteuid() == 0 && setuid(65534) != 0)
		return;
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	probe = secret_alloc(1);
	if (probe != NULL) {
		secret_free(probe, 1);
		return;
	}
	ck_assert_uint_eq(afgh_new(&a), RC_UNAVAILABLE);
	ck_assert_ptr_null(a);
	ck_assert_uint_eq(afgh_keys_new(&k), RC_UNAVAILABLE);
	ck_assert_ptr_null(k);
	k = owner;
	ck_assert_uint_eq(afgh_keys_read(octets_slice(&o), &k), RC_UNAVAILABLE);
	ck_assert_ptr_null(k);
	ck_assert_uint_eq(afgh_epoch_new(owner, &id, &e), RC_UNAVAILABLE);
	ck_assert_ptr_null(e);
	ck_assert_uint_eq(afgh_rk_load(octets_slice(&pk2), &rk), RC_UNAVAILABLE);
	ck_assert_ptr_null(rk);
}
END_TEST

/* ---- without pairing ---- */

START_TEST(nothing_is_made)
{
	const struct octets o = octets_of(KAT_A1 KAT_A2 KAT_SEED), pk2 = octets_of(KAT_PK2_A);
	struct afgh *a = (struct afgh *)(uintptr_t)1;
	struct afgh_keys *k = (struct afgh_keys *)(uintptr_t)1;
	struct afgh_rk *rk = (struct afgh_rk *)(uintptr_t)1;
	struct sealed s;

	ck_assert_uint_eq(afgh_new(&a), RC_NOT_IMPLEMENTED);
	ck_assert_ptr_null(a);
	ck_assert_uint_eq(afgh_keys_new(&k), RC_NOT_IMPLEMENTED);
	ck_assert_ptr_null(k);
	ck_assert_uint_eq(afgh_keys_read(octets_slice(&o), &k), RC_NOT_IMPLEMENTED);
	ck_assert_uint_eq(afgh_rk_load(octets_slice(&pk2), &rk), RC_NOT_IMPLEMENTED);
	ck_assert_ptr_null(rk);
	memset(&s, 1, sizeof(s));
	ck_assert_uint_eq(afgh_encrypt_to(octets_slice(&o), s.c1, &s.k), RC_NOT_IMPLEMENTED);
	expect_zeros(&s, sizeof(s));
	ck_assert_uint_eq(afgh_public_first_check(octets_slice(&o)), RC_NOT_IMPLEMENTED);
	ck_assert_uint_eq(afgh_public_second_check(octets_slice(&pk2)), RC_NOT_IMPLEMENTED);
}
END_TEST

static Suite *
refused_suite(void)
{
	Suite *s = suite_create("afgh refuses");
	TCase *c = suite_case(s, "refused", afgh_setup, afgh_teardown);

	tcase_add_test(c, keys_come_back);
	tcase_add_test(c, new_keys_differ);
	tcase_add_test(c, keys_refused);
	tcase_add_test(c, points_refused);
	tcase_add_test(c, elements_refused);
	tcase_add_test(c, public_keys_checked);
	tcase_add_test(c, no_fixed_zero);
	tcase_add_test(c, no_secret_memory);
	return s;
}

static Suite *
none_suite(void)
{
	Suite *s = suite_create("afgh without pairing");

	tcase_add_test(suite_case(s, "none", NULL, NULL), nothing_is_made);
	return s;
}

int
main(void)
{
	return run_suite(WITH_PAIRING ? refused_suite() : none_suite());
}
