/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "keystore_bed.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char home[64], dir[80], path[100], temporary[100], kek_path[80];
char why[KEYSTORE_WHY];

void
write_file(const char *name, const void *p, size_t n, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

void
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

void
remove_home(void)
{
	ck_assert_int_eq(nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

struct keystore_conf
conf(bool create)
{
	return (struct keystore_conf){ .dir = dir, .kek = { .kek_file = kek_path }, .create = create };
}

enum rc
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

struct keystore *
must_open(void)
{
	const struct keystore_conf c = conf(true);
	struct keystore *ks;
	enum rc rc = keystore_open(&c, &ks, why);

	ck_assert_msg(rc == RC_OK, "%s", why);
	return ks;
}

void
put(struct keystore *ks, const struct keystore_id *id, const char *text, const struct key *k)
{
	const struct keystore_item item = { *id, 1700000000, slice_of(text) };

	ck_assert_uint_eq(keystore_put(ks, &item, key_slice(k)), RC_OK);
}

enum rc
take_away(struct keystore *ks, const struct keystore_id *id)
{
	const struct keystore_change change = { .item = { .id = *id } };

	return keystore_apply(ks, &change, 1);
}

static bool
count_one(void *arg, const struct keystore_item *item)
{
	(void)item;
	++*(size_t *)arg;
	return true;
}

size_t
count(struct keystore *ks)
{
	size_t n = 0;

	keystore_each(ks, 0, count_one, &n);
	return n;
}

void
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

void
fill(void)
{
	struct keystore *ks = must_open();

	put(ks, &kmr2, "mas=b", &kek);
	put(ks, &kmc1, "", &secret);
	put(ks, &kmr1, "mas=a", &secret);
	keystore_close(ks);
}

size_t
read_store(char *file, size_t max)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(file, 1, max, f);
	fclose(f);
	return n;
}

void
expect_store(const char *file, size_t n)
{
	static char now[10000];

	ck_assert_uint_eq(read_store(now, sizeof(now)), n);
	ck_assert_mem_eq(now, file, n);
}
