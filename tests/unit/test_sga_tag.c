/* SPDX-License-Identifier: Apache-2.0 */
/* The proof of a request, and what is derived of kd. */
#include "config.h"

#include "sga/kd.h"
#include "sga_flow.h"

#include <openssl/hmac.h>

/* ---- text ---- */

#define TAG "00112233445566778899aabbccddeeff"

START_TEST(text)
{
	struct sga_tag t = { .id = flow_id("alpha.example"), .counter = UINT64_MAX }, again;
	char out[SGA_TAG_TEXT + 1];
	size_t n;

	ck_assert(hex_decode(SLICE_LIT(TAG), t.tag, SGA_TAG_SIZE));
	n = sga_tag_format(&t, out);
	ck_assert_str_eq(out, "YWxwaGEuZXhhbXBsZQ;18446744073709551615;" TAG);
	ck_assert_uint_eq(n, strlen(out));
	ck_assert(sga_tag_parse(slice_of(out), &again));
	ck_assert(sga_id_equal(&t.id, &again.id));
	ck_assert_uint_eq(again.counter, UINT64_MAX);
	ck_assert_mem_eq(again.tag, t.tag, SGA_TAG_SIZE);
	memset(t.id.v, 'x', SGA_ID_MAX);
	t.id.n = SGA_ID_MAX;
	n = sga_tag_format(&t, out);
	ck_assert_uint_eq(n, SGA_TAG_TEXT);
	ck_assert(sga_tag_parse(slice_of(out), &again));
}
END_TEST

static const char *const texts[] = {
	"",
	";;",
	"YQ;1",
	"YQ;1;" TAG ";",
	"YQ;1;" TAG "0",
	"YQ;0;" TAG,
	"YQ;01;" TAG,
	"YQ;-1;" TAG,
	"YQ;;" TAG,
	"YQ;18446744073709551616;" TAG,
	"YQ;1;00112233445566778899AABBCCDDEEFF",
	"YQ;1;0011",
	";1;" TAG,
	"YQ=;1;" TAG,
	"YR;1;" TAG, /* bits that stand for nothing */
	"IA;1;" TAG, /* a blank is no identity */
	" YQ;1;" TAG,
};

START_TEST(text_refused)
{
	struct sga_tag t;

	ck_assert(sga_tag_parse(SLICE_LIT("YQ;1;" TAG), &t));
	ck_assert(!sga_tag_parse(slice_of(texts[_i]), &t));
}
END_TEST

/* ---- tag ---- */

/* As written down: lv16(method) || lv16(target) || counter || SHA-256(body). */
START_TEST(as_written)
{
	const struct key key = { { 1, 2, 3 } };
	const struct sga_id id = flow_id("a");
	const struct sga_request rq = { SLICE_LIT("GET"), SLICE_LIT("/mailbox?a"), SLICE_LIT("b") };
	uint8_t all[25 + 32], mac[32];
	struct sga_tag t;

	memcpy(all, "\0\3GET\0\12/mailbox?a\0\0\0\0\0\0\1\2", 25);
	ck_assert_int_eq(EVP_Digest("b", 1, all + 25, NULL, EVP_sha256(), NULL), 1);
	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key.v, 32, all, 25 + 32, mac, NULL));
	ck_assert_int_eq(sga_tag_make(&key, &id, 258, &rq, &t), RC_OK);
	ck_assert_mem_eq(t.tag, mac, SGA_TAG_SIZE);
	ck_assert_uint_eq(t.counter, 258);
}
END_TEST

START_TEST(covers)
{
	const struct key key = { { 1 } }, other = { { 2 } };
	const struct sga_id id = flow_id("a");
	const struct sga_request rq = { SLICE_LIT("GET"), SLICE_LIT("/x?y=1"), SLICE_LIT("body") };
	struct sga_request changed;
	struct sga_tag t, bad;

	ck_assert_int_eq(sga_tag_make(&key, &id, 7, &rq, &t), RC_OK);
	ck_assert_int_eq(sga_tag_check(&key, &rq, &t), RC_OK);
	ck_assert_int_eq(sga_tag_check(&other, &rq, &t), RC_DENIED);
	ck_assert_int_eq(sga_tag_check(NULL, &rq, &t), RC_DENIED);
	changed = rq;
	changed.method = SLICE_LIT("PUT");
	ck_assert_int_eq(sga_tag_check(&key, &changed, &t), RC_DENIED);
	changed = rq;
	changed.target = SLICE_LIT("/x?y=2");
	ck_assert_int_eq(sga_tag_check(&key, &changed, &t), RC_DENIED);
	changed = rq;
	changed.body = SLICE_LIT("Body");
	ck_assert_int_eq(sga_tag_check(&key, &changed, &t), RC_DENIED);
	bad = t;
	bad.counter++;
	ck_assert_int_eq(sga_tag_check(&key, &rq, &bad), RC_DENIED);
	for (unsigned k = 0; k < 8 * SGA_TAG_SIZE; k++) {
		bad = t;
		bad.tag[k / 8] ^= (uint8_t)(1 << k % 8);
		ck_assert_int_eq(sga_tag_check(&key, &rq, &bad), RC_DENIED);
	}
	/* A tag for nobody is not for the key of zeros. */
	ck_assert_int_eq(sga_tag_make(&(const struct key){ { 0 } }, &id, 7, &rq, &t), RC_OK);
	ck_assert_int_eq(sga_tag_check(NULL, &rq, &t), RC_DENIED);
}
END_TEST

/* ---- the parameter ---- */

static const struct {
	const char *with, *without;
} targets[] = {
	{ "/a?x-m2m-sga=v", "/a" },
	{ "/a?x-m2m-sga=v&b=1", "/a?b=1" },
	{ "/a?b=1&x-m2m-sga=v", "/a?b=1" },
	{ "/a?b=1&x-m2m-sga=v;2;3&c", "/a?b=1&c" },
	{ "/a?x-m2m-sga=", "/a" },
	{ "/a?x-m2m-sga=v&x-m2m-sga=w", "/a" },
	{ "/a?x-m2m-sga", "/a?x-m2m-sga" },
	{ "/a?y-x-m2m-sga=v", "/a?y-x-m2m-sga=v" },
	{ "/a?X-M2M-SGA=v", "/a?X-M2M-SGA=v" },
	{ "/a?", "/a?" },
	{ "/a?&", "/a?&" },
	{ "/a", "/a" },
	{ "", "" },
};

START_TEST(parameter)
{
	const struct key key = { { 1 } };
	const struct sga_id id = flow_id("a");
	const struct sga_request with = { SLICE_LIT("GET"), slice_of(targets[_i].with),
		                          SLICE_NONE };
	const struct sga_request without = { SLICE_LIT("GET"), slice_of(targets[_i].without),
		                             SLICE_NONE };
	const struct sga_request other = { SLICE_LIT("GET"), SLICE_LIT("/b"), SLICE_NONE };
	struct sga_tag t;

	ck_assert_int_eq(sga_tag_make(&key, &id, 1, &with, &t), RC_OK);
	ck_assert_int_eq(sga_tag_check(&key, &without, &t), RC_OK);
	ck_assert_int_eq(sga_tag_check(&key, &other, &t), RC_DENIED);
}
END_TEST

START_TEST(too_long)
{
	static char target[65537];
	const struct key key = { { 1 } };
	const struct sga_id id = flow_id("a");
	struct sga_request rq = { SLICE_LIT("GET"), slice_make(target, 65536), SLICE_NONE };
	struct sga_tag t;

	memset(target, 'x', sizeof(target));
	ck_assert_int_eq(sga_tag_make(&key, &id, 1, &rq, &t), RC_TOO_LARGE);
	ck_assert_int_eq(sga_tag_check(&key, &rq, &t), RC_DENIED);
	rq.target.n--;
	ck_assert_int_eq(sga_tag_make(&key, &id, 1, &rq, &t), RC_OK);
	ck_assert_int_eq(sga_tag_check(&key, &rq, &t), RC_OK);
}
END_TEST

/* ---- what kd gives ---- */

START_TEST(kd_for_each_use)
{
	const struct key kd = { { 1 } };
	const struct sga_id d = flow_id("d"), e = flow_id("e"), g = flow_id("g");
	const struct sga_pair who[] = { { &d, &g }, { &e, &g }, { &d, &e } };
	const struct sga_sid sid = { { 1 } }, other = { { 2 } };
	struct key out[12];
	size_t n = 0;

	for (size_t i = 0; i < NITEMS(who); i++)
		ck_assert_int_eq(sga_kd_auth(&kd, &who[i], &out[n++]), RC_OK);
	ck_assert_int_eq(sga_kd_g2d(&kd, &who[0], &out[n++]), RC_OK);
	ck_assert_int_eq(sga_kd_hop(&kd, &who[0], &out[n++]), RC_OK);
	ck_assert_int_eq(sga_tag_key(&kd, &d, &g, &out[n++]), RC_OK);
	ck_assert_int_eq(sga_kd_mask(&kd, &who[0], &sid, SGA_A1, &out[n++]), RC_OK);
	ck_assert_int_eq(sga_kd_mask(&kd, &who[0], &sid, SGA_A2, &out[n++]), RC_OK);
	ck_assert_int_eq(sga_kd_mask(&kd, &who[0], &other, SGA_A1, &out[n++]), RC_OK);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert(!key_equal(&out[i], &out[k]));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga tag");
	TCase *c = suite_case(s, "tag", NULL, NULL);

	tcase_add_test(c, text);
	tcase_add_loop_test(c, text_refused, 0, (int)NITEMS(texts));
	tcase_add_test(c, as_written);
	tcase_add_test(c, covers);
	tcase_add_loop_test(c, parameter, 0, (int)NITEMS(targets));
	tcase_add_test(c, too_long);
	tcase_add_test(c, kd_for_each_use);
	return run_suite(s);
}
