/* SPDX-License-Identifier: Apache-2.0 */
/* Signed lists of files. */
#include "config.h"

#include <stdio.h>

#include "base/buf.h"
#include "sec/b64url.h"
#include "sec/hex.h"
#include "sec/manifest.h"
#include "sign_bed.h"

static struct manifest_file files[3];
static struct arena *arena;

static void
make_files(void)
{
	static const char *const paths[] = { "/etc/a b.conf", "/usr/bin/nscl", "/usr/bin/nscl.so" };

	for (size_t i = 0; i < NITEMS(files); i++) {
		files[i].path = slice_of(paths[i]);
		digest_of(paths[i], files[i].digest);
	}
}

static enum rc
read_manifest(struct slice text, struct manifest *out)
{
	arena_reset(arena);
	return manifest_read(text, &cn_public, SLICE_LIT("gscl-0102"), arena, out);
}

/* Behind the lines that are in b, their right signature. */
static void
put_signature(struct buf *b)
{
	uint8_t s[SIGN_SIZE];

	ck_assert_int_eq(sign_make(cn, SIGN_MANIFEST, buf_view(b), s), RC_OK);
	buf_puts(b, "signature ");
	b64url_add(b, slice_make(s, sizeof(s)));
	buf_char(b, '\n');
}

/* A manifest of n files, signed. */
static void
put_manifest(struct buf *b, const char *target, const struct manifest_file *list, size_t n)
{
	char digest[2 * SIGN_DIGEST_SIZE + 1];

	buf_puts(b, "M2M-MANIFEST-v1\ntarget ");
	buf_puts(b, target);
	for (size_t i = 0; i < n; i++) {
		hex_encode(list[i].digest, SIGN_DIGEST_SIZE, digest);
		buf_puts(b, "\nsha256 ");
		buf_puts(b, digest);
		buf_char(b, ' ');
		buf_slice(b, list[i].path);
	}
	buf_char(b, '\n');
	put_signature(b);
}

/* That text, and a right signature. */
static enum rc
read_signed(const char *text)
{
	struct manifest m;
	struct buf b;
	enum rc rc;

	buf_init(&b, MANIFEST_MAX + 1000);
	buf_puts(&b, text);
	put_signature(&b);
	rc = read_manifest(buf_view(&b), &m);
	buf_fini(&b);
	return rc;
}

static void
setup(void)
{
	sign_setup();
	arena = arena_new(8u << 20);
}

static void
teardown(void)
{
	arena_free(arena);
	sign_teardown();
}

START_TEST(manifests)
{
	struct manifest got;
	struct slice text;
	struct buf b;

	make_files();
	buf_init(&b, 10000);
	put_manifest(&b, "gscl-0102", files, NITEMS(files));
	text = buf_view(&b);
	ck_assert_int_eq(read_manifest(text, &got), RC_OK);
	ck_assert(slice_is(got.target, "gscl-0102"));
	ck_assert_uint_eq(got.n, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct manifest_file *f = manifest_find(&got, files[i].path);

		ck_assert_ptr_eq(f, &got.files[i]);
		ck_assert_mem_eq(f->digest, files[i].digest, SIGN_DIGEST_SIZE);
	}
	ck_assert_ptr_null(manifest_find(&got, SLICE_LIT("/usr/bin/nscl.")));
	ck_assert_ptr_null(manifest_find(&got, SLICE_LIT("/")));
	ck_assert_int_eq(manifest_read(text, &cn_public, SLICE_LIT("gscl-0103"), arena, &got),
	                 RC_FORBIDDEN);
	ck_assert_int_eq(manifest_read(text, &other_public, SLICE_LIT("gscl-0102"), arena, &got),
	                 RC_FORBIDDEN);
	for (size_t i = 0; i < text.n; i++) {
		char *copy = malloc(i + 1);

		memcpy(copy, b.p, i);
		ck_assert_int_ne(read_manifest(slice_make(copy, i), &got), RC_OK);
		free(copy);
		b.p[i] ^= 1;
		ck_assert_int_ne(read_manifest(text, &got), RC_OK);
		b.p[i] ^= 1;
	}
	ck_assert_int_eq(read_manifest(text, &got), RC_OK);
	buf_clear(&b);
	put_manifest(&b, "gscl-0102", files, 0);
	ck_assert_int_eq(read_manifest(buf_view(&b), &got), RC_OK);
	ck_assert_uint_eq(got.n, 0);
	buf_fini(&b);
}
END_TEST

#define DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEAD "M2M-MANIFEST-v1\ntarget gscl-0102\n"

START_TEST(manifests_of_another_form)
{
	static const char *const rows[] = {
		"",
		"M2M-MANIFEST-v1\n",
		"M2M-MANIFEST-v2\ntarget gscl-0102\n",
		"M2M-MANIFEST-v1\r\ntarget gscl-0102\r\n",
		"M2M-MANIFEST-v1\ntarget gscl-0102",
		"M2M-MANIFEST-v1\ntarget  gscl-0102\n",
		"M2M-MANIFEST-v1\ntarget \n",
		"M2M-MANIFEST-v1\ntarget a b\n",
		HEAD "\n",
		HEAD "sha256 " DIGEST " /a",
		HEAD "sha256 " DIGEST " a\n",
		HEAD "sha256 " DIGEST " /\n",
		HEAD "sha256 " DIGEST "  /a\n",
		HEAD "sha256 " DIGEST "/a\n",
		HEAD "sha256 " DIGEST " /a\x7f\n",
		HEAD "sha256 " DIGEST " /a\t\n",
		HEAD "sha256 " DIGEST "\n",
		HEAD "sha256  " DIGEST " /a\n",
		HEAD "sha512 " DIGEST " /a\n",
		HEAD "sha256 BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad /a\n",
		HEAD "sha256 ba7816bf /a\n",
		HEAD "sha256 " DIGEST " /b\nsha256 " DIGEST " /a\n",
		HEAD "sha256 " DIGEST " /a\nsha256 " DIGEST " /a\n",
		HEAD "sha256 " DIGEST " /a\n\n",
		HEAD "sha256 " DIGEST " /a\n# comment\n",
	};

	ck_assert_int_eq(read_signed(HEAD), RC_OK);
	ck_assert_int_eq(read_signed(HEAD "sha256 " DIGEST " /a\nsha256 " DIGEST " /b c\n"), RC_OK);
	ck_assert_int_eq(read_signed("M2M-MANIFEST-v1\ntarget other\n"), RC_FORBIDDEN);
	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_msg(read_signed(rows[i]) == RC_BAD_REQUEST, "%s", rows[i]);
}
END_TEST

START_TEST(limits_of_manifests)
{
	static struct manifest_file many[MANIFEST_FILES_MAX + 1];
	static char names[NITEMS(many)][320];
	char target[MANIFEST_TARGET_MAX + 2] = { 0 };
	struct manifest got;
	struct buf b;

	for (size_t i = 0; i < NITEMS(many); i++) {
		snprintf(names[i], sizeof(names[i]), "/%05zu", i);
		many[i].path = slice_of(names[i]);
	}
	buf_init(&b, 2 * MANIFEST_MAX);
	put_manifest(&b, "gscl-0102", many, MANIFEST_FILES_MAX);
	ck_assert_int_eq(read_manifest(buf_view(&b), &got), RC_OK);
	ck_assert_uint_eq(got.n, MANIFEST_FILES_MAX);
	buf_clear(&b);
	put_manifest(&b, "gscl-0102", many, MANIFEST_FILES_MAX + 1);
	ck_assert_uint_lt(b.n, MANIFEST_MAX);
	ck_assert_int_eq(read_manifest(buf_view(&b), &got), RC_TOO_LARGE);
	for (size_t i = 0; i < NITEMS(many); i++) {
		memset(names[i] + 6, 'x', 300);
		many[i].path = slice_make(names[i], 306);
	}
	buf_clear(&b);
	put_manifest(&b, "gscl-0102", many, MANIFEST_FILES_MAX);
	ck_assert_uint_gt(b.n, MANIFEST_MAX);
	ck_assert_int_eq(read_manifest(buf_view(&b), &got), RC_TOO_LARGE);
	for (size_t i = MANIFEST_TARGET_MAX; i <= MANIFEST_TARGET_MAX + 1; i++) {
		memset(target, 'a', i);
		buf_clear(&b);
		put_manifest(&b, target, many, 1);
		arena_reset(arena);
		ck_assert_int_eq(manifest_read(buf_view(&b), &cn_public, slice_of(target), arena, &got),
		                 i == MANIFEST_TARGET_MAX ? RC_OK : RC_BAD_REQUEST);
	}
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_manifest");
	TCase *c = suite_case(s, "manifests", setup, teardown);

	tcase_add_test(c, manifests);
	tcase_add_test(c, manifests_of_another_form);
	tcase_add_test(c, limits_of_manifests);
	return run_suite(s);
}
