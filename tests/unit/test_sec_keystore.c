/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped records, key-encryption keys, the key store of a node. */
#include "config.h"

#include "sec/hex.h"
#include "sec/keystore.h"
#include "sec/keystore_set.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const struct key kek = { "key-encryption key of the tests" };
static const struct key secret = { "a secret of thirty-two octets.." };

static struct slice
key_slice(const struct key *k)
{
	return slice_make(k->v, KEY_BYTES);
}

/* ---- records ---- */

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

/* ---- a directory of its own for each test ---- */

static char home[64], dir[80], path[100], temporary[100], kek_path[80];

static void
write_file(const char *name, const void *p, size_t n, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
make_home(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(home, sizeof(home), "%s/keystore.XXXXXX", tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(home));
	snprintf(dir, sizeof(dir), "%s/keys", home);
	snprintf(path, sizeof(path), "%s/keystore", dir);
	snprintf(temporary, sizeof(temporary), "%s/keystore.tmp", dir);
	snprintf(kek_path, sizeof(kek_path), "%s/kek", home);
	write_file(kek_path, kek.v, KEY_BYTES, 0600);
}

static int
remove_one(const char *name, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(name);
}

static void
remove_home(void)
{
	ck_assert_int_eq(nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- key-encryption keys ---- */

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
	char why[KEK_WHY] = "";
	struct key k = secret;

	write_file(kek_path, kek_files[_i].content, kek_files[_i].n, kek_files[_i].mode);
	ck_assert_uint_eq(kek_read_file(kek_path, &k, why), kek_files[_i].rc);
	if (kek_files[_i].rc == RC_OK) {
		ck_assert(key_equal(&k, &kek));
	} else {
		ck_assert(key_is_zero(&k));
		ck_assert_ptr_nonnull(strstr(why, kek_path));
		ck_assert_ptr_null(strstr(why, "encryption"));
	}
}
END_TEST

START_TEST(key_files_are_files_of_the_user)
{
	char why[KEK_WHY], other[100];
	struct key k;

	ck_assert_uint_eq(kek_read_file(home, &k, why), RC_FORBIDDEN);
	snprintf(other, sizeof(other), "%s/absent", home);
	ck_assert_uint_eq(kek_read_file(other, &k, why), RC_NOT_FOUND);
	ck_assert_int_eq(mkfifo(other, 0600), 0);
	ck_assert_uint_eq(kek_read_file(other, &k, why), RC_FORBIDDEN);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(kek_path, 65534, 65534), 0);
	ck_assert_uint_eq(kek_read_file(kek_path, &k, why), RC_FORBIDDEN);
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

#define MACHINE SLICE_LIT("0123456789abcdef0123456789abcdef")
#define PPID SLICE_LIT("\x80\0\x1a\x7d\xda\x71\x13")

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
	char why[KEK_WHY], pass[100];
	struct kek_source from = { .kek_file = NULL };
	struct key k;

	snprintf(pass, sizeof(pass), "%s/pass", home);
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_BAD_REQUEST);
	from = (struct kek_source){ .kek_file = kek_path, .passphrase_file = pass };
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_BAD_REQUEST);
	from = (struct kek_source){ .kek_file = kek_path, .bind = true };
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_BAD_REQUEST);
	ck_assert(key_is_zero(&k));
	from = (struct kek_source){ .passphrase_file = pass };
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_NOT_FOUND);
	write_file(pass, "two\nlines of it\n", 16, 0600);
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_BAD_REQUEST);
	write_file(pass, "short\n", 6, 0600);
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_BAD_REQUEST);
	write_file(pass, "long enough\n", 12, 0644);
	ck_assert_uint_eq(kek_make(&from, salt, &k, why), RC_FORBIDDEN);
	ck_assert(key_is_zero(&k));
}
END_TEST

/* ---- the store ---- */

static char why[KEYSTORE_WHY];

static struct keystore_conf
conf(bool create)
{
	return (struct keystore_conf){ .dir = dir, .kek = { .kek_file = kek_path }, .create = create };
}

static enum rc
try_open(void)
{
	const struct keystore_conf c = conf(false);
	struct keystore *ks;
	enum rc rc;

	why[0] = '\0';
	rc = keystore_open(&c, &ks, why);
	ck_assert_int_eq(rc == RC_OK, ks != NULL);
	ck_assert_int_eq(rc == RC_OK, why[0] == '\0');
	keystore_close(ks);
	return rc;
}

static struct keystore *
must_open(void)
{
	const struct keystore_conf c = conf(true);
	struct keystore *ks;
	enum rc rc = keystore_open(&c, &ks, why);

	ck_assert_msg(rc == RC_OK, "%s", why);
	return ks;
}

#define NODE SLICE_INIT("01bcad980102030405060708090a0b0c")

static const struct keystore_id kmr1 = { KS_KMR, 1, NODE }, kmr2 = { KS_KMR, 2, NODE };
static const struct keystore_id kmc1 = { KS_KMC, 1, SLICE_INIT("nscl.example") };
static const struct keystore_id seq = { KS_COUNTER, 1, SLICE_INIT("jwe seq") };

static void
put(struct keystore *ks, const struct keystore_id *id, const char *text, const struct key *k)
{
	const struct keystore_item item = { *id, 1700000000, slice_of(text) };

	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(k)), RC_OK);
}

static void
expect_key(struct keystore *ks, const struct keystore_id *id, const char *text, const struct key *k)
{
	struct buf b;
	struct key out;
	uint64_t not_after;

	buf_init(&b, 100);
	ck_assert_uint_eq(keystore_key(ks, id, &out), RC_OK);
	ck_assert(key_equal(&out, k));
	ck_assert_uint_eq(keystore_text(ks, id, &b, &not_after), RC_OK);
	ck_assert(slice_is(buf_view(&b), text));
	ck_assert_uint_eq(not_after, 1700000000);
	buf_fini(&b);
}

static void
fill(void)
{
	struct keystore *ks = must_open();

	put(ks, &kmr2, "mas=b", &kek);
	put(ks, &kmc1, "", &secret);
	put(ks, &kmr1, "mas=a", &secret);
	keystore_close(ks);
}

START_TEST(what_is_put_is_there_afterwards)
{
	struct keystore *ks;
	struct stat st;
	struct key k;

	fill();
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_ne(access(temporary, F_OK), 0);
	ks = must_open();
	ck_assert_uint_eq(keystore_count(ks), 3);
	expect_key(ks, &kmr1, "mas=a", &secret);
	expect_key(ks, &kmr2, "mas=b", &kek);
	expect_key(ks, &kmc1, "", &secret);
	put(ks, &kmr1, "mas=c", &kek);
	ck_assert_uint_eq(keystore_remove(ks, &kmr2), RC_OK);
	ck_assert_uint_eq(keystore_remove(ks, &kmr2), RC_NOT_FOUND);
	keystore_close(ks);
	ks = must_open();
	ck_assert_uint_eq(keystore_count(ks), 2);
	expect_key(ks, &kmr1, "mas=c", &kek);
	k = secret;
	ck_assert_uint_eq(keystore_key(ks, &kmr2, &k), RC_NOT_FOUND);
	ck_assert(key_is_zero(&k));
	ck_assert_uint_eq(keystore_text(ks, &kmr2, NULL, NULL), RC_NOT_FOUND);
	keystore_close(ks);
}
END_TEST

static bool
note(void *arg, const struct keystore_item *item)
{
	struct buf *b = arg;

	buf_printf(b, "%u.%u ", item->id.type, item->id.index);
	return b->n < 12;
}

START_TEST(records_are_visited_in_order)
{
	struct keystore *ks;
	struct buf b;

	fill();
	ks = must_open();
	buf_init(&b, 100);
	keystore_each(ks, 0, note, &b);
	ck_assert(slice_is(buf_view(&b), "1.1 1.2 2.1 "));
	buf_clear(&b);
	keystore_each(ks, KS_KMC, note, &b);
	ck_assert(slice_is(buf_view(&b), "2.1 "));
	buf_clear(&b);
	keystore_each(ks, KS_COUNTER, note, &b);
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
	keystore_close(ks);
}
END_TEST

/* Neither the keys nor anything like them is in the file in clear. */
START_TEST(the_file_has_no_secret_in_clear)
{
	static char file[10000];
	FILE *f;
	size_t n;

	fill();
	f = fopen(path, "rb");
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	ck_assert_uint_gt(n, 3 * RECORD_FIXED);
	ck_assert_ptr_null(memmem(file, n, secret.v, 8));
	ck_assert_ptr_null(memmem(file, n, kek.v, 8));
	ck_assert_ptr_nonnull(memmem(file, n, "mas=a", 5));
}
END_TEST

START_TEST(several_changes_are_one)
{
	static char large[RECORD_SECRET_MAX + 1];
	struct keystore_change changes[] = {
		{ { kmr1, 1700000000, SLICE_INIT("x") }, { NULL, 0 } },
		{ { kmr1, 1700000000, SLICE_INIT("y") }, { NULL, 0 } },
		{ { .id = kmr2 }, { NULL, 0 } },
		{ { kmc1, 1700000000, SLICE_INIT("") }, { NULL, 0 } },
	};
	struct keystore *ks;
	struct key k;

	fill();
	ks = must_open();
	changes[0].secret = changes[1].secret = key_slice(&kek);
	changes[3].secret = slice_make(large, sizeof(large));
	ck_assert_uint_eq(keystore_apply(ks, changes, NITEMS(changes)), RC_BAD_REQUEST);
	ck_assert_uint_eq(keystore_count(ks), 3);
	expect_key(ks, &kmr1, "mas=a", &secret);
	changes[3].secret = key_slice(&kek);
	ck_assert_uint_eq(keystore_apply(ks, changes, NITEMS(changes)), RC_OK);
	ck_assert_uint_eq(keystore_count(ks), 2);
	keystore_close(ks);
	ks = must_open();
	expect_key(ks, &kmr1, "y", &kek);
	expect_key(ks, &kmc1, "", &kek);
	ck_assert_uint_eq(keystore_key(ks, &kmr2, &k), RC_NOT_FOUND);
	keystore_close(ks);
}
END_TEST

START_TEST(changes_have_limits)
{
	static char text[KEYSTORE_TEXT_MAX + 1];
	struct keystore *ks = must_open();
	struct keystore_item item = { .id = { 0, 1, SLICE_INIT("n") } };
	uint8_t out[10];
	struct key k;
	size_t n = 1;

	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.id.type = 200;
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_NONE), RC_BAD_REQUEST);
	item.id.name = SLICE_NONE;
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.id.name = slice_make(text, KEYSTORE_NAME_MAX + 1);
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.id.name = slice_make(text, KEYSTORE_NAME_MAX);
	item.text = slice_make(text, KEYSTORE_TEXT_MAX + 1);
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("s")), RC_BAD_REQUEST);
	item.text = slice_make(text, KEYSTORE_TEXT_MAX);
	ck_assert_uint_eq(keystore_put(ks, &item, SLICE_LIT("0123456789")), RC_OK);
	ck_assert_uint_eq(keystore_secret(ks, &item.id, out, 9, &n), RC_TOO_LARGE);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(keystore_secret(ks, &item.id, out, 10, &n), RC_OK);
	ck_assert_uint_eq(n, 10);
	ck_assert_uint_eq(keystore_key(ks, &item.id, &k), RC_PRECONDITION);
	keystore_close(ks);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

START_TEST(a_store_is_full_at_its_limit)
{
	static struct keystore_change changes[KEYSTORE_ITEMS_MAX + 1];
	struct keystore *ks = must_open();

	for (uint32_t i = 0; i <= KEYSTORE_ITEMS_MAX; i++)
		changes[i] = (struct keystore_change){ { { 9, i, SLICE_INIT("n") }, 0, SLICE_NONE },
			                                   SLICE_INIT("s") };
	ck_assert_uint_eq(keystore_apply(ks, changes, KEYSTORE_ITEMS_MAX + 1), RC_NO_SPACE);
	ck_assert_uint_eq(keystore_count(ks), 0);
	ck_assert_uint_eq(keystore_apply(ks, changes, KEYSTORE_ITEMS_MAX), RC_OK);
	ck_assert_uint_eq(keystore_apply(ks, changes + KEYSTORE_ITEMS_MAX, 1), RC_NO_SPACE);
	ck_assert_uint_eq(keystore_apply(ks, changes + 5, 1), RC_OK);
	keystore_close(ks);
	ks = must_open();
	ck_assert_uint_eq(keystore_count(ks), KEYSTORE_ITEMS_MAX);
	keystore_close(ks);
}
END_TEST

START_TEST(counters_never_go_back)
{
	struct keystore *ks = must_open();
	uint64_t v = 9, first;

	ck_assert_uint_eq(keystore_counter(ks, &seq, &v), RC_OK);
	ck_assert_uint_eq(v, 0);
	ck_assert_uint_eq(keystore_counter_take(ks, &seq, 0, &first), RC_BAD_REQUEST);
	ck_assert_uint_eq(keystore_counter_take(ks, &seq, 1000, &first), RC_OK);
	ck_assert_uint_eq(first, 1);
	keystore_close(ks);
	ks = must_open();
	ck_assert_uint_eq(keystore_counter_take(ks, &seq, 1000, &first), RC_OK);
	ck_assert_uint_eq(first, 1001);
	ck_assert_uint_eq(keystore_counter(ks, &seq, &v), RC_OK);
	ck_assert_uint_eq(v, 2000);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, 2000), RC_CONFLICT);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, 1), RC_CONFLICT);
	ck_assert_uint_eq(keystore_counter_raise(ks, &seq, UINT64_MAX - 1), RC_OK);
	ck_assert_uint_eq(keystore_counter_take(ks, &seq, 2, &first), RC_NO_SPACE);
	ck_assert_uint_eq(keystore_counter_take(ks, &seq, 1, &first), RC_OK);
	ck_assert_uint_eq(first, UINT64_MAX);
	ck_assert_uint_eq(keystore_counter_take(ks, &seq, 1, &first), RC_NO_SPACE);
	keystore_close(ks);
}
END_TEST

/* ---- what is not ours, or not as it was ---- */

static size_t
read_store(char *file, size_t max)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(file, 1, max, f);
	fclose(f);
	return n;
}

/* The file is still there, octet for octet. */
static void
expect_store(const char *file, size_t n)
{
	static char now[10000];

	ck_assert_uint_eq(read_store(now, sizeof(now)), n);
	ck_assert_mem_eq(now, file, n);
}

START_TEST(flipped_bits_are_refused)
{
	static char file[10000];
	struct set set;
	size_t n;

	fill();
	n = read_store(file, sizeof(file));
	ck_assert_uint_eq(set_load(&kek, slice_make(file, n), &set), RC_OK);
	set_free(&set);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		enum rc rc;

		file[bit / 8] ^= (char)(1u << bit % 8);
		rc = set_load(&kek, slice_make(file, n), &set);
		ck_assert(rc == RC_PRECONDITION || rc == RC_DENIED);
		ck_assert_ptr_null(set.v);
		file[bit / 8] ^= (char)(1u << bit % 8);
	}
	/* Once more, by the file. */
	file[n - 1] ^= 1;
	write_file(path, file, n, 0600);
	ck_assert_uint_eq(try_open(), RC_PRECONDITION);
	expect_store(file, n);
}
END_TEST

START_TEST(other_lengths_are_refused)
{
	static char file[10000];
	struct set set;
	size_t n;

	fill();
	n = read_store(file, sizeof(file) - 1);
	for (size_t i = 0; i <= n + 1; i++) {
		char *exact = malloc(i + 1);

		if (i == n) {
			free(exact);
			continue;
		}
		memcpy(exact, file, i);
		ck_assert_uint_eq(set_load(&kek, slice_make(exact, i), &set), RC_PRECONDITION);
		free(exact);
	}
	write_file(path, file, 0, 0600);
	ck_assert_uint_eq(try_open(), RC_PRECONDITION);
	expect_store(file, 0);
}
END_TEST

/* Takes the record number i out of the file, or puts it there twice. */
START_TEST(records_cannot_be_taken_away_or_exchanged)
{
	static char file[10000], other[10000];
	struct slice parts[5], rest;
	struct record r;
	struct set set;
	size_t n, parts_n = 0;

	fill();
	n = read_store(file, sizeof(file));
	for (rest = slice_make(file, n); rest.n > 0; parts_n++) {
		ck_assert_uint_lt(parts_n, NITEMS(parts));
		ck_assert_uint_eq(record_parse(&rest, &r), RC_OK);
		parts[parts_n] = r.whole;
	}
	ck_assert_uint_eq(parts_n, 4);
	for (size_t i = 0; i < parts_n; i++)
		for (unsigned times = 0; times <= 2; times += 2) {
			size_t at = 0;

			for (size_t j = 0; j < parts_n; j++)
				for (unsigned k = 0; k < (j == i ? times : 1); k++) {
					memcpy(other + at, parts[j].p, parts[j].n);
					at += parts[j].n;
				}
			ck_assert_uint_eq(set_load(&kek, slice_make(other, at), &set), RC_PRECONDITION);
		}
}
END_TEST

START_TEST(foreign_files_are_left_alone)
{
	static const char text[] = "this is the diary of somebody else";
	const struct keystore_conf create = conf(true);
	struct keystore *ks;

	ck_assert_int_eq(mkdir(dir, 0700), 0);
	write_file(path, text, sizeof(text), 0600);
	ck_assert_uint_eq(try_open(), RC_PRECONDITION);
	ck_assert_uint_eq(keystore_open(&create, &ks, why), RC_PRECONDITION);
	ck_assert_ptr_nonnull(strstr(why, "not a key store"));
	expect_store(text, sizeof(text));
	ck_assert_int_eq(truncate(path, (off_t)KEYSTORE_FILE_MAX + 1), 0);
	ck_assert_uint_eq(keystore_open(&create, &ks, why), RC_PRECONDITION);
}
END_TEST

START_TEST(other_keys_do_not_open_it)
{
	static char file[10000], pass[100];
	struct keystore_conf c = conf(true);
	struct keystore *ks;
	size_t n;

	fill();
	n = read_store(file, sizeof(file));
	write_file(kek_path, secret.v, KEY_BYTES, 0600);
	ck_assert_uint_eq(try_open(), RC_DENIED);
	write_file(kek_path, kek.v, KEY_BYTES, 0600);
	c.kek.bind = true;
	c.kek.machine_id = MACHINE;
	c.kek.ppid = PPID;
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "not bound"));
	snprintf(pass, sizeof(pass), "%s/pass", home);
	write_file(pass, "correct horse", 13, 0600);
	c.kek = (struct kek_source){ .passphrase_file = pass };
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "key file"));
	expect_store(file, n);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

/* A copy of the file on another machine, or with another device, is of no use. */
START_TEST(a_bound_store_opens_on_its_machine_only)
{
	char pass[100];
	struct keystore_conf c = conf(true);
	struct keystore *ks;

	snprintf(pass, sizeof(pass), "%s/pass", home);
	write_file(pass, "correct horse\n", 14, 0600);
	c.kek = (struct kek_source){ .passphrase_file = pass, .bind = true, .machine_id = MACHINE,
		                         .ppid = PPID };
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_OK);
	put(ks, &kmr1, "", &secret);
	keystore_close(ks);
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_OK);
	expect_key(ks, &kmr1, "", &secret);
	keystore_close(ks);
	c.kek.machine_id = SLICE_LIT("0123456789abcdef0123456789abcdee");
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	c.kek.machine_id = MACHINE;
	c.kek.ppid = slice_head(PPID, 6);
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	c.kek.ppid = PPID;
	c.kek.bind = false;
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
	c.kek.bind = true;
	write_file(pass, "correct house\n", 14, 0600);
	ck_assert_uint_eq(keystore_open(&c, &ks, why), RC_DENIED);
}
END_TEST

START_TEST(modes_and_owners_are_checked)
{
	static const mode_t dir_modes[] = { 0701, 0710, 0704, 0740, 0755, 0777, 0702 };
	static const mode_t file_modes[] = { 0601, 0610, 0604, 0640, 0644, 0666, 0602, 0700, 04600 };
	char moved[120];

	fill();
	for (size_t i = 0; i < NITEMS(dir_modes); i++) {
		ck_assert_int_eq(chmod(dir, dir_modes[i]), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	}
	ck_assert_int_eq(chmod(dir, 0700), 0);
	for (size_t i = 0; i < NITEMS(file_modes); i++) {
		ck_assert_int_eq(chmod(path, file_modes[i]), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	}
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert_uint_eq(try_open(), RC_OK);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
		ck_assert_int_eq(chown(path, 0, 0), 0);
		ck_assert_int_eq(chown(dir, 65534, 65534), 0);
		ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
		ck_assert_int_eq(chown(dir, 0, 0), 0);
	}
	/* Links, to the file and to the directory. */
	snprintf(moved, sizeof(moved), "%s/elsewhere", home);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(symlink(moved, path), 0);
	ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0600), 0);
	ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rename(moved, path), 0);
	ck_assert_int_eq(rename(dir, moved), 0);
	ck_assert_int_eq(symlink(moved, dir), 0);
	ck_assert_uint_eq(try_open(), RC_FORBIDDEN);
}
END_TEST

START_TEST(nothing_is_made_unless_wanted)
{
	ck_assert_uint_eq(try_open(), RC_NOT_FOUND);
	ck_assert_int_ne(access(dir, F_OK), 0);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_uint_eq(try_open(), RC_NOT_FOUND);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(one_process_at_a_time)
{
	struct keystore *ks = must_open();
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try_open() == RC_CONFLICT ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(try_open(), RC_CONFLICT);
	keystore_close(ks);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

/* ---- crashes and disturbances ---- */

START_TEST(a_temporary_file_of_a_crash_is_no_harm)
{
	static char file[10000];
	struct keystore *ks;
	size_t n;

	fill();
	n = read_store(file, sizeof(file));
	/* Half of a new file, not renamed. */
	write_file(temporary, file, n / 2, 0600);
	ks = must_open();
	ck_assert_uint_eq(keystore_count(ks), 3);
	expect_key(ks, &kmr1, "mas=a", &secret);
	put(ks, &kmr1, "mas=d", &kek);
	ck_assert_int_ne(access(temporary, F_OK), 0);
	keystore_close(ks);
	ks = must_open();
	expect_key(ks, &kmr1, "mas=d", &kek);
	/* A link of somebody who hopes that it is followed. */
	ck_assert_int_eq(symlink(kek_path, temporary), 0);
	put(ks, &kmr1, "mas=e", &kek);
	keystore_close(ks);
	ck_assert_uint_eq(try_open(), RC_OK);
}
END_TEST

START_TEST(what_cannot_be_written_changes_nothing)
{
	struct keystore *ks;
	const struct keystore_item item = { kmr1, 1700000000, SLICE_INIT("new") };

	fill();
	ks = must_open();
	/* No temporary file can be made here. */
	ck_assert_int_eq(mkdir(temporary, 0700), 0);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_INTERNAL);
	ck_assert_uint_eq(keystore_remove(ks, &kmr2), RC_INTERNAL);
	expect_key(ks, &kmr1, "mas=a", &secret);
	expect_key(ks, &kmr2, "mas=b", &kek);
	ck_assert_int_eq(rmdir(temporary), 0);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_OK);
	expect_key(ks, &kmr1, "new", &kek);
	keystore_close(ks);
}
END_TEST

START_TEST(a_file_that_somebody_else_has_replaced_is_not_overwritten)
{
	static const char text[] = "a back-up that was put here";
	const struct keystore_item item = { kmr1, 1700000000, SLICE_INIT("new") };
	struct keystore *ks;

	fill();
	ks = must_open();
	write_file(path, text, sizeof(text), 0600);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_CONFLICT);
	expect_store(text, sizeof(text));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(&kek)), RC_CONFLICT);
	expect_key(ks, &kmr1, "mas=a", &secret);
	keystore_close(ks);
}
END_TEST

/* Killed at any moment, the store has the old or the new: a counter that never falls behind. */
START_TEST(killed_while_it_writes)
{
	for (int round = 0; round < 20; round++) {
		int told[2], status;
		uint64_t first, seen = 0, value;
		struct keystore *ks;
		pid_t pid;

		ck_assert_int_eq(pipe(told), 0);
		pid = fork();
		if (pid == 0) {
			close(told[0]);
			ks = must_open();
			while (keystore_counter_take(ks, &seq, 1, &first) == RC_OK)
				if (write(told[1], &first, sizeof(first)) != (ssize_t)sizeof(first))
					break;
			_exit(1);
		}
		close(told[1]);
		for (int i = 0; i <= round; i++)
			ck_assert_int_eq(read(told[0], &seen, sizeof(seen)), (ssize_t)sizeof(seen));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		while (read(told[0], &first, sizeof(first)) == (ssize_t)sizeof(first))
			seen = first;
		close(told[0]);
		ks = must_open();
		ck_assert_uint_eq(keystore_counter(ks, &seq, &value), RC_OK);
		ck_assert_uint_ge(value, seen);
		ck_assert_uint_le(value, seen + 1);
		keystore_close(ks);
	}
}
END_TEST

/* ---- threads ---- */

#define TAKERS 4
#define TAKES 25

struct taker {
	struct keystore *ks;
	uint64_t got[TAKES];
};

static void *
take_numbers(void *arg)
{
	struct taker *t = arg;
	struct key k;

	for (size_t i = 0; i < TAKES; i++) {
		if (keystore_counter_take(t->ks, &seq, 1, &t->got[i]) != RC_OK ||
		    keystore_key(t->ks, &kmr1, &k) != RC_OK || !key_equal(&k, &secret))
			t->got[i] = 0;
	}
	return NULL;
}

START_TEST(threads_get_different_numbers)
{
	static struct taker takers[TAKERS];
	bool seen[TAKERS * TAKES + 1] = { false };
	pthread_t threads[TAKERS];
	struct keystore *ks;

	fill();
	ks = must_open();
	for (size_t i = 0; i < TAKERS; i++) {
		takers[i].ks = ks;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_numbers, &takers[i]), 0);
	}
	for (size_t i = 0; i < TAKERS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < TAKERS; i++)
		for (size_t j = 0; j < TAKES; j++) {
			uint64_t v = takers[i].got[j];

			ck_assert(v >= 1 && v <= TAKERS * TAKES && !seen[v]);
			seen[v] = true;
		}
	keystore_close(ks);
}
END_TEST

static void
add_records(Suite *s)
{
	TCase *tc = tcase_create("record");

	tcase_add_test(tc, records_have_their_octets);
	tcase_add_test(tc, records_refuse_each_flipped_bit);
	tcase_add_test(tc, records_refuse_each_length);
	tcase_add_test(tc, records_have_limits);
	suite_add_tcase(s, tc);
}

static void
add_keks(Suite *s)
{
	TCase *tc = tcase_create("kek");

	tcase_add_checked_fixture(tc, make_home, remove_home);
	tcase_add_loop_test(tc, key_files_are_read, 0, NITEMS(kek_files));
	tcase_add_test(tc, key_files_are_files_of_the_user);
	tcase_add_test(tc, passphrases_make_keys);
	tcase_add_test(tc, keys_are_bound);
	tcase_add_test(tc, sources_of_keys);
	suite_add_tcase(s, tc);
}

static void
add_store(Suite *s)
{
	TCase *tc = tcase_create("store");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, make_home, remove_home);
	tcase_add_test(tc, what_is_put_is_there_afterwards);
	tcase_add_test(tc, records_are_visited_in_order);
	tcase_add_test(tc, the_file_has_no_secret_in_clear);
	tcase_add_test(tc, several_changes_are_one);
	tcase_add_test(tc, changes_have_limits);
	tcase_add_test(tc, a_store_is_full_at_its_limit);
	tcase_add_test(tc, counters_never_go_back);
	tcase_add_test(tc, flipped_bits_are_refused);
	tcase_add_test(tc, other_lengths_are_refused);
	tcase_add_test(tc, records_cannot_be_taken_away_or_exchanged);
	tcase_add_test(tc, foreign_files_are_left_alone);
	tcase_add_test(tc, other_keys_do_not_open_it);
	tcase_add_test(tc, a_bound_store_opens_on_its_machine_only);
	tcase_add_test(tc, modes_and_owners_are_checked);
	tcase_add_test(tc, nothing_is_made_unless_wanted);
	tcase_add_test(tc, one_process_at_a_time);
	tcase_add_test(tc, a_temporary_file_of_a_crash_is_no_harm);
	tcase_add_test(tc, what_cannot_be_written_changes_nothing);
	tcase_add_test(tc, a_file_that_somebody_else_has_replaced_is_not_overwritten);
	tcase_add_test(tc, killed_while_it_writes);
	tcase_add_test(tc, threads_get_different_numbers);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("sec_keystore");
	SRunner *sr;
	int failed;

	add_records(s);
	add_keks(s);
	add_store(s);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
