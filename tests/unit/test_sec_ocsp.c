/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP: what is asked, and what an answer must be to be good. */
#include "config.h"

#include "core_bed.h"
#include "ocsp_bed.h"

#include <stdlib.h>

#include "sec/ocsp.h"

static const struct {
	struct wish wish;
	const char *truth; /* NULL: good */
} judged[] = {
	{ { .signer = NULL }, NULL },
	{ { .signer = &ca }, NULL },
	{ { .age = 299 }, NULL },
	{ { .age = -299 }, NULL },
	{ { .age = 301 }, "OCSP_STALE" },
	{ { .age = -301 }, "OCSP_STALE" },
	{ { .age = -301, .left = 1000 }, "OCSP_STALE" },
	{ { .age = 5 * OCSP_DAY, .left = OCSP_DAY }, NULL },
	{ { .age = 5 * OCSP_DAY, .left = -299 }, NULL },
	{ { .age = 5 * OCSP_DAY, .left = -300 }, "OCSP_STALE" },
	{ { .age = -200, .left = 100 }, "OCSP_STALE" },
	{ { .status = V_OCSP_CERTSTATUS_REVOKED, .left = OCSP_DAY }, "OCSP_REVOKED" },
	{ { .status = V_OCSP_CERTSTATUS_UNKNOWN, .left = OCSP_DAY }, "OCSP_UNKNOWN" },
	{ { .no_nonce = true }, "OCSP_NONCE" },
	{ { .other_nonce = true }, "OCSP_NONCE" },
	{ { .other_device = true }, "OCSP_OTHER" },
	{ { .twice = true }, "OCSP_OTHER" },
	{ { .other_device = true, .twice = true }, NULL },
	{ { .critical = true }, "OCSP_MALFORMED" },
	{ { .critical_single = true }, "OCSP_MALFORMED" },
	{ { .more = true }, "OCSP_MALFORMED" },
	{ { .response = OCSP_RESPONSE_STATUS_TRYLATER }, "OCSP_NO_ANSWER" },
	{ { .response = OCSP_RESPONSE_STATUS_UNAUTHORIZED }, "OCSP_NO_ANSWER" },
	{ { .sha1 = true }, "OCSP_SIGNATURE" },
	{ { .signer = &expired }, "OCSP_SIGNATURE" },
	{ { .signer = &weak }, "OCSP_SIGNATURE" },
	{ { .signer = &purposeless }, "OCSP_SIGNATURE" },
	{ { .signer = &devices[0] }, "OCSP_SIGNATURE" },
	{ { .signer = &other_ca }, "OCSP_SIGNATURE" },
	{ { .signer = &twin_ca }, "OCSP_SIGNATURE" },
	{ { .signer = &other_delegate }, "OCSP_SIGNATURE" },
};

START_TEST(test_judge)
{
	const struct wish *w = &judged[_i].wish;
	struct ocsp_question *q;
	const char *truth;
	int64_t until;
	char *text;
	size_t n;

	issue_all();
	ck_assert_int_eq(ocsp_question_new(der_of(&devices[0]), der_of(&ca), &q), RC_OK);
	text = answer_to(ocsp_question_request(q), w, &n);
	truth = ocsp_judge(q, slice_make(text, n), BED_START, &until);
	ck_assert_msg((truth == NULL) == (judged[_i].truth == NULL) &&
	                      (truth == NULL || strcmp(truth, judged[_i].truth) == 0),
	              "%d: %s", _i, truth == NULL ? "good" : truth);
	if (truth == NULL)
		ck_assert_int_eq(until, w->left == 0 ? 0 : (OCSP_NOW + w->left) * CLOCK_SECOND);
	free(text);
	ocsp_question_free(q);
}
END_TEST

/* An answer is good as a whole or not at all. */
START_TEST(test_damage)
{
	struct wish w = { .left = OCSP_DAY };
	struct ocsp_question *q;
	int64_t until;
	char *text;
	size_t n;

	issue_all();
	ck_assert_int_eq(ocsp_question_new(der_of(&devices[0]), der_of(&ca), &q), RC_OK);
	text = answer_to(ocsp_question_request(q), &w, &n);
	for (size_t i = 0; i < n; i++) {
		char *part = malloc(i + 1);

		ck_assert_ptr_nonnull(part);
		memcpy(part, text, i);
		ck_assert_str_eq(ocsp_judge(q, slice_make(part, i), BED_START, &until),
		                 "OCSP_MALFORMED");
		free(part);
	}
	for (size_t i = 0; i < n; i++) {
		text[i] = (char)~text[i];
		ck_assert_msg(ocsp_judge(q, slice_make(text, n), BED_START, &until) != NULL, "%zu",
		              i);
		text[i] = (char)~text[i];
	}
	ck_assert_ptr_null(ocsp_judge(q, slice_make(text, n), BED_START, &until));
	free(text);
	ocsp_question_free(q);
}
END_TEST

START_TEST(test_question)
{
	struct ocsp_question *q = NULL, *second;
	char junk[64];

	issue_all();
	memset(junk, 0x30, sizeof(junk));
	ck_assert_int_eq(ocsp_question_new(der_of(&devices[0]), der_of(&ca), &q), RC_OK);
	ck_assert(slice_is(ocsp_question_uri(q), OCSP_URI));
	ck_assert_int_eq(ocsp_question_new(der_of(&devices[0]), der_of(&ca), &second), RC_OK);
	ck_assert(!slice_eq(ocsp_question_request(q), ocsp_question_request(second)));
	ck_assert_mem_eq(ocsp_question_name(q), ocsp_question_name(second), OCSP_NAME);
	ocsp_question_free(q);
	ocsp_question_free(second);
	ck_assert_int_eq(ocsp_question_new(der_of(&bare), der_of(&ca), &q), RC_OK);
	ck_assert_uint_eq(ocsp_question_uri(q).n, 0);
	ocsp_question_free(q);
	/* The name alone does not make an issuer. */
	ck_assert_int_eq(ocsp_question_new(der_of(&bare), der_of(&twin_ca), &q), RC_BAD_REQUEST);
	ck_assert_int_eq(ocsp_question_new(der_of(&bare), der_of(&other_ca), &q), RC_BAD_REQUEST);
	ck_assert_int_eq(ocsp_question_new(slice_make(junk, 64), der_of(&ca), &q), RC_BAD_REQUEST);
	ck_assert_int_eq(ocsp_question_new(der_of(&bare), SLICE_NONE, &q), RC_BAD_REQUEST);
	ck_assert(ocsp_uri_ok(SLICE_LIT("HTTP://ocsp.example:8080/a?b=c")));
	ck_assert(!ocsp_uri_ok(SLICE_LIT("https://ocsp.example/")));
	ck_assert(!ocsp_uri_ok(SLICE_LIT("file:///etc/passwd")));
	ck_assert(!ocsp_uri_ok(SLICE_LIT("http:///path")));
	ck_assert(!ocsp_uri_ok(SLICE_LIT("http://ocsp.example/a b")));
	ck_assert(!ocsp_uri_ok(SLICE_LIT("/path")));
	ck_assert(!ocsp_uri_ok(SLICE_NONE));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_ocsp");
	TCase *tc = tcase_create("ocsp");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_judge, 0, NITEMS(judged));
	tcase_add_test(tc, test_damage);
	tcase_add_test(tc, test_question);
	suite_add_tcase(s, tc);
	return core_run(s);
}
