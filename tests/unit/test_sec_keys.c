/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in memory: compared, wiped, locked; a process that hides them; their digits. */
#include "config.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "key_bed.h"
#include "sec/key_slab.h"

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

/* What libcrypto keeps in the heap fits in, however much others want. */
START_TEST(the_heap_is_not_filled)
{
	void *taken[64], *key;

	ck_assert_uint_eq(secret_heap(16384), RC_OK);
	for (unsigned i = 0; i < 64; i++) {
		taken[i] = secret_alloc(1000);
		ck_assert_ptr_nonnull(taken[i]);
	}
	ck_assert(CRYPTO_secure_allocated(taken[0]) && !CRYPTO_secure_allocated(taken[63]));
	key = OPENSSL_secure_malloc(4096);
	ck_assert_ptr_nonnull(key);
	OPENSSL_secure_free(key);
	for (unsigned i = 0; i < 64; i++)
		secret_free(taken[i], 1000);
	key = secret_alloc(1000);
	ck_assert(CRYPTO_secure_allocated(key));
	secret_free(key, 1000);
}
END_TEST

/* Keys beside each other, which leave nothing behind, and the heap to others. */
START_TEST(slabs)
{
	struct key_slabs room = { .free = NULL };
	struct key_slot *slots[300];

	ck_assert_uint_eq(secret_heap(16384), RC_OK);
	for (unsigned i = 0; i < 300; i++) {
		slots[i] = key_slabs_take(&room);
		ck_assert_ptr_nonnull(slots[i]);
		ck_assert(key_is_zero(slots[i]->key));
		ck_assert(!CRYPTO_secure_allocated(slots[i]->key));
		memset(slots[i]->key, (int)i + 1, KEY_BYTES);
	}
	ck_assert(has_flag(slots[0]->key, " dd"));
	ck_assert(SANITIZED || has_flag(slots[0]->key, " lo"));
	for (unsigned i = 0; i < 300; i++)
		ck_assert_uint_eq(slots[i]->key->v[KEY_BYTES - 1], (uint8_t)(i + 1));
	key_slabs_give(&room, slots[7]);
	key_slabs_give(&room, NULL);
	ck_assert(key_is_zero(slots[7]->key));
	ck_assert_ptr_eq(key_slabs_take(&room), slots[7]);
	key_slabs_fini(&room);
	key_slabs_fini(&room);
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

int
main(void)
{
	Suite *s = suite_create("sec_keys");
	TCase *c = suite_case(s, "secret", NULL, NULL);

	tcase_add_test(c, keys_are_compared_and_wiped);
	tcase_add_test(c, secret_memory_without_a_heap);
	tcase_add_test(c, secret_memory_with_a_heap);
	tcase_add_test(c, the_heap_is_not_filled);
	tcase_add_test(c, slabs);
	tcase_add_test(c, memory_that_cannot_be_locked_is_refused);
	tcase_add_test(c, processes_hide);
	tcase_add_test(c, hexadecimal_digits);
	return run_suite(s);
}
