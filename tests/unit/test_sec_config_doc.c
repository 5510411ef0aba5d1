/* SPDX-License-Identifier: Apache-2.0 */
/* Signed configuration: its octets, its JSON, and that nothing of it can be changed. */
#include "config.h"

#include <stdio.h>

#include "base/buf.h"
#include "sec/b64url.h"
#include "sec/config_doc.h"
#include "sec/digest.h"
#include "sign_bed.h"

#define TARGET "0102030405060708090a0b0c0d0e0f10/mgmtObjs/firmware"
#define TYPE "application/xml"
#define BODY "<a/>"

static struct arena *arena;
static struct config_doc doc;
static struct buf text;

static void
setup(void)
{
	sign_setup();
	arena = arena_new(4u << 20);
	buf_init(&text, 4u << 20);
	doc = (struct config_doc){ .target = SLICE_LIT(TARGET),
		                   .version = 7,
		                   .type = SLICE_LIT(TYPE),
		                   .body = SLICE_LIT(BODY) };
	ck_assert_int_eq(config_doc_sign(&doc, cn), RC_OK);
}

static void
teardown(void)
{
	buf_fini(&text);
	arena_free(arena);
	sign_teardown();
}

static enum rc
read_text(const char *s, struct config_doc *out)
{
	return config_doc_read(slice_of(s), arena, out);
}

/* Written out by hand: domain, LV16 target, version, LV16 type, hash. */
START_TEST(octets)
{
	static const uint8_t version[] = { 0, 0, 0, 0, 0, 0, 0, 7 };
	struct slice body = SLICE_LIT(BODY);
	uint8_t digest[DIGEST_SIZE];
	struct buf b;

	buf_init(&b, 4096);
	buf_add(&b, "\x00\x32", 2);
	ck_assert_uint_eq(sizeof(TARGET) - 1, 0x32);
	buf_puts(&b, TARGET);
	buf_add(&b, version, sizeof(version));
	buf_add(&b, "\x00\x0f", 2);
	buf_puts(&b, TYPE);
	ck_assert_int_eq(digest_sha256(&body, 1, digest), RC_OK);
	buf_add(&b, digest, sizeof(digest));
	ck_assert_int_eq(sign_verify(&cn_public, SIGN_CONFIG, buf_view(&b), doc.signature), RC_OK);
	ck_assert_int_eq(sign_verify(&cn_public, SIGN_OWN, buf_view(&b), doc.signature),
	                 RC_FORBIDDEN);
	buf_fini(&b);
}
END_TEST

START_TEST(there_and_back)
{
	struct config_doc got;
	struct buf want;

	ck_assert_int_eq(config_doc_write(&doc, &text), RC_OK);
	buf_init(&want, 4096);
	buf_puts(&want, "{\"target\":\"" TARGET "\",\"version\":7,\"type\":\"" TYPE
	                "\",\"body\":\"PGEvPg\",\"signature\":\"");
	b64url_add(&want, slice_make(doc.signature, SIGN_SIZE));
	buf_puts(&want, "\"}");
	ck_assert(slice_eq(buf_view(&want), buf_view(&text)));
	buf_fini(&want);
	ck_assert_int_eq(config_doc_read(buf_view(&text), arena, &got), RC_OK);
	ck_assert(slice_is(got.target, TARGET) && slice_is(got.type, TYPE));
	ck_assert(slice_is(got.body, BODY));
	ck_assert_uint_eq(got.version, 7);
	ck_assert(slice_is(config_doc_node(&got), "0102030405060708090a0b0c0d0e0f10"));
	ck_assert(slice_is(config_doc_object(&got), "mgmtObjs/firmware"));
	ck_assert_int_eq(config_doc_verify(&got, &cn_public), RC_OK);
	ck_assert_int_eq(config_doc_verify(&got, &other_public), RC_FORBIDDEN);
}
END_TEST

/* Every octet of the document, every bit of it. */
START_TEST(tampered)
{
	struct config_doc got;

	ck_assert_int_eq(config_doc_write(&doc, &text), RC_OK);
	for (size_t i = 0; i < text.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			text.p[i] = (char)((unsigned char)text.p[i] ^ (1u << bit));
			arena_reset(arena);
			if (config_doc_read(buf_view(&text), arena, &got) == RC_OK)
				ck_assert_int_eq(config_doc_verify(&got, &cn_public), RC_FORBIDDEN);
			text.p[i] = (char)((unsigned char)text.p[i] ^ (1u << bit));
		}
	for (size_t n = 0; n < text.n; n++)
		ck_assert_int_eq(config_doc_read(slice_make(text.p, n), arena, &got),
		                 RC_BAD_REQUEST);
	buf_char(&text, ' ');
	ck_assert_int_eq(config_doc_read(buf_view(&text), arena, &got), RC_BAD_REQUEST);
}
END_TEST

/* What was signed is not the same octets cut elsewhere. */
START_TEST(moved)
{
	struct config_doc d = doc;

	d.target = SLICE_LIT(TARGET "x");
	ck_assert_int_eq(config_doc_verify(&d, &cn_public), RC_FORBIDDEN);
	d = doc;
	d.version = 8;
	ck_assert_int_eq(config_doc_verify(&d, &cn_public), RC_FORBIDDEN);
	d = doc;
	d.type = SLICE_LIT("application/json");
	ck_assert_int_eq(config_doc_verify(&d, &cn_public), RC_FORBIDDEN);
	d = doc;
	d.body = SLICE_LIT("<b/>");
	ck_assert_int_eq(config_doc_verify(&d, &cn_public), RC_FORBIDDEN);
}
END_TEST

#define SIG "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MADE(target, version, type, body)                                                          \
	"{\"target\":\"" target "\",\"version\":" version ",\"type\":\"" type                      \
	"\",\"body\":\"" body "\",\"signature\":\"" SIG "\"}"

static const char *const malformed[] = {
	"",
	"{}",
	MADE("", "1", "t", "AA"),
	MADE("a b", "1", "t", "AA"),
	MADE("a\\u0041", "1", "t", "AA"),
	MADE("a\x7f", "1", "t", "AA"),
	MADE("n", "0", "t", "AA"),
	MADE("n", "01", "t", "AA"),
	MADE("n", "", "t", "AA"),
	MADE("n", "-1", "t", "AA"),
	MADE("n", "1.0", "t", "AA"),
	MADE("n", "18446744073709551616", "t", "AA"),
	MADE("n", "1", "", "AA"),
	MADE("n", "1", "t", ""),
	MADE("n", "1", "t", "A"),
	MADE("n", "1", "t", "AB"),
	MADE("n", "1", "t", "AA=="),
	" " MADE("n", "1", "t", "AA"),
	"{\"target\":\"n\",\"version\":1,\"type\":\"t\",\"body\":\"AA\",\"signature\":\"AA\"}",
};

START_TEST(forms)
{
	struct config_doc got;

	ck_assert_int_eq(read_text(malformed[_i], &got), RC_BAD_REQUEST);
}
END_TEST

START_TEST(bounds)
{
	char *long_target = malloc(CONFIG_TARGET_MAX + 2);
	char *body = calloc(1, CONFIG_BODY_MAX + 1);
	struct config_doc got, d = doc;

	memset(long_target, 'a', CONFIG_TARGET_MAX + 1);
	d.target = slice_make(long_target, CONFIG_TARGET_MAX);
	d.version = UINT64_MAX;
	d.body = slice_make(body, CONFIG_BODY_MAX);
	ck_assert_int_eq(config_doc_sign(&d, cn), RC_OK);
	ck_assert_int_eq(config_doc_write(&d, &text), RC_OK);
	ck_assert_int_eq(config_doc_read(buf_view(&text), arena, &got), RC_OK);
	ck_assert_int_eq(config_doc_verify(&got, &cn_public), RC_OK);
	ck_assert_uint_eq(got.version, UINT64_MAX);
	ck_assert(slice_is(config_doc_object(&got), ""));
	d.body.n++;
	ck_assert_int_eq(config_doc_sign(&d, cn), RC_BAD_REQUEST);
	ck_assert_int_eq(config_doc_write(&d, &text), RC_BAD_REQUEST);
	d.body.n--;
	d.target.n++;
	ck_assert_int_eq(config_doc_sign(&d, cn), RC_BAD_REQUEST);
	ck_assert_int_eq(config_doc_verify(&d, &cn_public), RC_BAD_REQUEST);
	d.target.n--;
	d.version = 0;
	ck_assert_int_eq(config_doc_sign(&d, cn), RC_BAD_REQUEST);
	free(long_target);
	free(body);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_config_doc");
	TCase *c = suite_case(s, "documents", setup, teardown);

	tcase_add_test(c, octets);
	tcase_add_test(c, there_and_back);
	tcase_add_test(c, tampered);
	tcase_add_test(c, moved);
	tcase_add_loop_test(c, forms, 0, NITEMS(malformed));
	tcase_add_test(c, bounds);
	return run_suite(s);
}
