/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "rem_bed.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void
rem_bed_init(struct rem_bed *b)
{
	strcpy(b->dir, "/tmp/test_rem.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	b->text[0] = '\0';
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

void
rem_bed_fini(struct rem_bed *b)
{
	ck_assert_int_eq(nftw(b->dir, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *
rem_bed_path(const struct rem_bed *b, const char *name)
{
	static char paths[8][BED_PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, BED_PATH_MAX, "%s/%s", b->dir, name);
	return path;
}

static void
make_folders(char *path)
{
	for (char *s = path + 1; (s = strchr(s, '/')) != NULL; s++) {
		*s = '\0';
		ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
		*s = '/';
	}
}

void
rem_bed_octets(const struct rem_bed *b, const char *name, const void *p, size_t n)
{
	char path[BED_PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	make_folders(path);
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

void
rem_bed_write(const struct rem_bed *b, const char *name, const char *text)
{
	rem_bed_octets(b, name, text, strlen(text));
}

const char *
rem_bed_read(struct rem_bed *b, const char *name)
{
	FILE *f = fopen(rem_bed_path(b, name), "rb");
	size_t n = 0;

	if (f != NULL) {
		n = fread(b->text, 1, sizeof(b->text) - 1, f);
		fclose(f);
	}
	b->text[n] = '\0';
	return b->text;
}

bool
rem_bed_exists(const struct rem_bed *b, const char *name)
{
	return access(rem_bed_path(b, name), F_OK) == 0;
}

void
rem_bed_remove(const struct rem_bed *b, const char *name)
{
	ck_assert_int_eq(unlink(rem_bed_path(b, name)), 0);
}

void
rem_bed_await(const struct rem_bed *b, const char *name)
{
	const struct timespec tick = { 0, 5000000 };
	int64_t until = clock_monotonic() + 60 * CLOCK_SECOND;

	while (!rem_bed_exists(b, name) && clock_monotonic() < until)
		nanosleep(&tick, NULL);
	ck_assert_msg(rem_bed_exists(b, name), "no %s", name);
}
