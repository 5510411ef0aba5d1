/* SPDX-License-Identifier: Apache-2.0 */
/* Key-encryption keys: their files, passphrases, what they are bound to. */
#include "config.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore_bed.h"
#include "sec/hex.h"
#include "sec/kek.h"

static const struct {
	const char *content;
	size_t n;
	mode_t mode;
	enum rc rc;
} kek_files[] = {
	{ "key-encryption key of the tests", 32, 0600, RC_OK },
	{ "key-encryption key of the tests", 32, 0400, RC_OK },
	{ "6b65792d656e6372797074696f6e206b6579206f662074686520746573747300", 64, 0600, RC_OK },
	{ "6B65792d656e6372797074696f6e206b6579206f662074686520746573747300\n", 65, 0600, RC_OK },
	{ "6b65792d656e6372797074696f6e206b6579206f66207468652074657374730g", 64, 0600,
	  RC_BAD_REQUEST },
	{ "6b65792d656e6372797074696f6e206b6579206f662074686520746573747300\n\n", 66, 0600,
	  RC_BAD_REQUEST },
	{ "key-encryption key of the tests", 31, 0600, RC_BAD_REQUEST },
	{ "key-encryption key of the tests\0\n", 33, 0600, RC_BAD_REQUEST },
	{ "", 0, 0600, RC_BAD_REQUEST },
	{ "key-encryption key of the tests", 32, 0640, RC_FORBIDDEN },
	{ "key-encryption key of the tests", 32, 0604, RC_FORBIDDEN },
	{ "key-encryption key of the tests", 32, 0610, RC_FORBIDDEN },
	{ "key-encryption key of the tests", 32, 0620, RC_FORBIDDEN },
	{ "key-encryption key of the tests", 32, 0602, RC_FORBIDDEN },
};

START_TEST(key_files_are_read)
{
	char reason[KEK_WHY] = "";
	struct key k = secret;

	write_file(kek_path, kek_files[_i].content, kek_files[_i].n, kek_files[_i].mode);
	ck_assert_uint_eq(kek_read_file(kek_path, &k, reason), kek_files[_i].rc);
	if (kek_files[_i].rc == RC_OK) {
		ck_assert(key_equal(&k, &kek));
	} else {
		ck_assert(key_is_zero(&k));
		ck_assert_ptr_nonnull(strstr(reason, kek_path));
		ck_assert_ptr_null(strstr(reason, "encryption"));
	}
}
END_TEST

START_TEST(key_files_are_files_of_the_user)
{
	char reason[KEK_WHY], other[100];
	struct key k;

	ck_assert_uint_eq(kek_read_file(home, &k, reason), RC_FORBIDDEN);
	snprintf(other, sizeof(other), "%s/absent", home);
	ck_assert_uint_eq(kek_read_file(other, &k, reason), RC_NOT_FOUND);
	ck_assert_int_eq(mkfifo(other, 0600), 0);
	ck_assert_uint_eq(kek_read_file(other, &k, reason), RC_FORBIDDEN);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(kek_path, 65534, 65534), 0);
	ck_assert_uint_eq(kek_read_file(kek_path, &k, reason), RC_FORBIDDEN);
}
END_TEST

/* Random, for this user alone, and never over one that is there. */
START_TEST(key_files_are_made)
{
	char reason[KEK_WHY] = "", first[100], second[100];
	struct key a, b;
	struct stat st;

	snprintf(first, sizeof(first), "%s/first", home);
	snprintf(second, sizeof(second), "%s/second", home);
	ck_assert_uint_eq(kek_create_file(first, reason), RC_OK);
	ck_assert_uint_eq(kek_create_file(second, reason), RC_OK);
	ck_assert_int_eq(stat(first, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(kek_read_file(first, &a, reason), RC_OK);
	ck_assert_uint_eq(kek_read_file(second, &b, reason), RC_OK);
	ck_assert(!key_equal(&a, &b) && !key_is_zero(&a));
	ck_assert_uint_eq(kek_create_file(first, reason), RC_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(reason, first));
	ck_assert_uint_eq(kek_read_file(first, &b, reason), RC_OK);
	ck_assert(key_equal(&a, &b));
}
END_TEST

START_TEST(passphrases_make_keys)
{
	static const uint8_t salt[KEK_SALT_BYTES] = "0123456789abcdef", other[KEK_SALT_BYTES];
	static char long_one[KEK_PASSPHRASE_MAX + 1];
	char text[2 * KEY_BYTES + 1];
	struct key k, k2;

	/* openssl kdf scrypt of that passphrase and salt, n 32768, r 8, p 1 */
	ck_assert_uint_eq(kek_from_passphrase(SLICE_LIT("correct horse"), salt, &k), RC_OK);
	hex_encode(k.v, KEY_BYTES, text);
	ck_assert_str_eq(text, "a6e1c5f30b25e0fe6d47724036c0a579988e41eb3ed39298d8fa076d41293064");
	ck_assert_uint_eq(kek_from_passphrase(SLICE_LIT("correct horse"), other, &k2), RC_OK);
	ck_assert(!key_equal(&k, &k2));
	ck_assert_uint_eq(kek_from_passphrase(SLICE_LIT("1234567"), salt, &k), RC_BAD_REQUEST);
	ck_assert(key_is_zero(&k));
	ck_assert_uint_eq(kek_from_passphrase(slice_make(long_one, sizeof(long_one)), salt, &k),
	                  RC_BAD_REQUEST);
}
END_TEST

START_TEST(keys_are_bound)
{
	char text[2 * KEY_BYTES + 1];
	struct key k = kek;

	/* openssl mac HMAC of "bind" || machine || ppid */
	ck_assert_uint_eq(kek_bind(&k, MACHINE, PPID), RC_OK);
	hex_encode(k.v, KEY_BYTES, text);
	ck_assert_str_eq(text, "a5bc9f9e620c7f171dbe649c42bc9ec13c27783a80d04e47ed301490fb9e0e06");
	ck_assert_uint_eq(kek_bind(&k, slice_head(MACHINE, 31), PPID), RC_BAD_REQUEST);
	ck_assert_uint_eq(kek_bind(&k, SLICE_LIT("0123456789abcdef0123456789abcdex"), PPID),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(kek_bind(&k, MACHINE, slice_head(PPID, 1)), RC_BAD_REQUEST);
}
END_TEST

START_TEST(sources_of_keys)
{
	static const uint8_t salt[KEK_SALT_BYTES];
	char reason[KEK_WHY], pass[100];
	struct kek_source from = { .kek_file = NULL };
	struct key k;

	snprintf(pass, sizeof(pass), "%s/pass", home);
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_BAD_REQUEST);
	from = (struct kek_source){ .kek_file = kek_path, .passphrase_file = pass };
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_BAD_REQUEST);
	from = (struct kek_source){ .kek_file = kek_path, .bind = true };
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_BAD_REQUEST);
	ck_assert(key_is_zero(&k));
	from = (struct kek_source){ .passphrase_file = pass };
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_NOT_FOUND);
	write_file(pass, "two\nlines of it\n", 16, 0600);
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_BAD_REQUEST);
	write_file(pass, "short\n", 6, 0600);
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_BAD_REQUEST);
	write_file(pass, "long enough\n", 12, 0644);
	ck_assert_uint_eq(kek_make(&from, salt, &k, reason), RC_FORBIDDEN);
	ck_assert(key_is_zero(&k));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_kek");
	TCase *c = suite_case(s, "kek", make_home, remove_home);

	tcase_add_loop_test(c, key_files_are_read, 0, NITEMS(kek_files));
	tcase_add_test(c, key_files_are_files_of_the_user);
	tcase_add_test(c, key_files_are_made);
	tcase_add_test(c, passphrases_make_keys);
	tcase_add_test(c, keys_are_bound);
	tcase_add_test(c, sources_of_keys);
	return run_suite(s);
}
