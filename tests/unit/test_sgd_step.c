/* SPDX-License-Identifier: Apache-2.0 */
/* What a device of the SGA does next: every phase, answer and item. */
#include "config.h"

#include "cap/sgd/sgd_step.h"
#include "sga/record.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static enum sgd_do
step(enum sgd_phase p, int status, bool maybe, const char *body)
{
	const struct sgd_answer a = { .status = status,
		                      .maybe_taken = maybe,
		                      .body = slice_of(body) };

	return sgd_after_step(p, &a);
}

START_TEST(phases_follow)
{
	static const struct {
		enum sgd_phase from, to;
		bool sends;
	} rows[] = {
		{ SGD_A1, SGD_A4, true },         { SGD_B1, SGD_B6I, true },
		{ SGD_A3, SGD_B2, true },         { SGD_B3, SGD_B6J, true },
		{ SGD_REFUSE, SGD_PHASES, true }, { SGD_A4, SGD_A4, false },
		{ SGD_B2, SGD_B2, false },        { SGD_CONF, SGD_CONF, false },
		{ SGD_OPEN, SGD_OPEN, false },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		ck_assert_int_eq(sgd_phase_after(rows[i].from), rows[i].to);
		ck_assert_int_eq(sgd_phase_sends(rows[i].from), rows[i].sends);
		ck_assert_int_eq(sgd_phase_is_half_open(rows[i].from), rows[i].from < SGD_CONF);
		ck_assert_ptr_nonnull(sgd_phase_name(rows[i].from));
	}
}
END_TEST

START_TEST(answers_to_messages)
{
	static const enum sgd_phase all[] = { SGD_A1, SGD_B1, SGD_A3, SGD_B3, SGD_REFUSE };

	for (size_t i = 0; i < NITEMS(all); i++) {
		ck_assert_int_eq(step(all[i], 200, false, ""), SGD_DO_GO_ON);
		ck_assert_int_eq(step(all[i], 202, true, ""), SGD_DO_GO_ON);
		ck_assert_int_eq(step(all[i], 0, false, ""), SGD_DO_AGAIN);
		ck_assert_int_eq(step(all[i], 503, true, ""), SGD_DO_AGAIN);
		ck_assert_int_eq(step(all[i], 400, false, ""), SGD_DO_END);
		ck_assert_int_eq(step(all[i], 404, true, ""), SGD_DO_END);
	}
	/* Of the same octets it may be the second time. */
	ck_assert_int_eq(step(SGD_A1, 403, true, ""), SGD_DO_GO_ON);
	ck_assert_int_eq(step(SGD_B3, 409, true, ""), SGD_DO_GO_ON);
	ck_assert_int_eq(step(SGD_REFUSE, 403, true, ""), SGD_DO_END);
	ck_assert_int_eq(step(SGD_B3, 409, false, ""), SGD_DO_END);
	ck_assert_int_eq(step(SGD_B1, 403, false, ""), SGD_DO_END);
}
END_TEST

START_TEST(answers_to_invitations)
{
	struct sgd_answer a = { .status = 403 };

	ck_assert_int_eq(sgd_after_step(SGD_A1, &a), SGD_DO_PACKAGE);
	a.tries = 1;
	ck_assert_int_eq(sgd_after_step(SGD_A1, &a), SGD_DO_END);
	a.body = SLICE_LIT("{\"additionalInfo\":\"cipher\"}");
	ck_assert_int_eq(sgd_after_step(SGD_A1, &a), SGD_DO_CIPHER);
	a.maybe_taken = true;
	ck_assert_int_eq(sgd_after_step(SGD_A1, &a), SGD_DO_CIPHER);
	a.maybe_taken = false;
	ck_assert_int_eq(sgd_after_step(SGD_A3, &a), SGD_DO_END);
}
END_TEST

START_TEST(answers_to_registrations)
{
	struct sgd_answer a = { .status = 201 };

	ck_assert_int_eq(sgd_after_registration(&a), SGD_DO_GO_ON);
	a.status = 0;
	ck_assert_int_eq(sgd_after_registration(&a), SGD_DO_AGAIN);
	a.status = 403;
	ck_assert_int_eq(sgd_after_registration(&a), SGD_DO_PACKAGE);
	a.maybe_taken = true;
	ck_assert_int_eq(sgd_after_registration(&a), SGD_DO_ASK);
	a.maybe_taken = false;
	a.tries = 1;
	ck_assert_int_eq(sgd_after_registration(&a), SGD_DO_REFUSED);
	a.status = 409;
	ck_assert_int_eq(sgd_after_registration(&a), SGD_DO_REFUSED);
}
END_TEST

START_TEST(answers_to_tagged_requests)
{
	struct sgd_answer a = { .status = 403 };
	unsigned jumps = 0;

	ck_assert_int_eq(sgd_after_tagged(&a), SGD_DO_AT_ONCE);
	for (; sgd_after_tagged(&a) != SGD_DO_REFUSED; a.tries++) {
		jumps += sgd_after_tagged(&a) == SGD_DO_JUMP;
		ck_assert_uint_lt(a.tries, 16);
	}
	ck_assert_uint_ge(jumps, 2);
	a.status = 404;
	ck_assert_int_eq(sgd_after_tagged(&a), SGD_DO_GO_ON);
	a.status = 400;
	ck_assert_int_eq(sgd_after_tagged(&a), SGD_DO_FAIL);
	a.status = 429;
	ck_assert_int_eq(sgd_after_tagged(&a), SGD_DO_AGAIN);
}
END_TEST

START_TEST(answers_to_records)
{
	struct sgd_answer a = { .status = 201 };

	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_GO_ON);
	a.status = 404;
	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_END);
	a.status = 409;
	a.body = SLICE_LIT("order");
	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_END);
	a.body = SLICE_LIT("[confirm]");
	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_AGAIN);
	a.status = 507;
	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_AGAIN);
	a.status = 413;
	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_FAIL);
	a.status = 403;
	ck_assert_int_eq(sgd_after_record(&a), SGD_DO_AT_ONCE);
}
END_TEST

/* Each type in each phase: taken when it is due, or when it may come before the answer. */
START_TEST(items)
{
	static const uint8_t types[] = { SGA_A2, SGA_A4, SGA_B2, SGA_B6, SGA_RECORD };
	static const uint8_t due[SGD_PHASES] = {
		[0] = SGA_A2,
		[SGD_A1] = SGA_A4,
		[SGD_A4] = SGA_A4,
		[SGD_B1] = SGA_B6,
		[SGD_B6I] = SGA_B6,
		[SGD_A3] = SGA_B2,
		[SGD_B2] = SGA_B2,
		[SGD_B3] = SGA_B6,
		[SGD_B6J] = SGA_B6,
		[SGD_CONF] = SGA_RECORD,
		[SGD_OPEN] = SGA_RECORD,
		[SGD_RETIRED] = SGA_RECORD,
	};

	for (unsigned p = 0; p < SGD_PHASES; p++)
		for (size_t i = 0; i < NITEMS(types); i++) {
			struct sga_header h = { .type = types[i] };

			ck_assert_int_eq(sgd_item((enum sgd_phase)p, &h),
			                 types[i] == due[p] ? SGD_TAKE : SGD_TAKE_DROP);
		}
}
END_TEST

START_TEST(ends_come_at_any_time)
{
	const struct sga_header h = { .type = SGA_B6, .flags = SGA_FLAG_REFUSED };

	ck_assert_int_eq(sgd_item((enum sgd_phase)0, &h), SGD_TAKE_DROP);
	for (unsigned p = 1; p < SGD_PHASES; p++)
		ck_assert_int_eq(sgd_item((enum sgd_phase)p, &h), SGD_TAKE);
}
END_TEST

START_TEST(one_of_two_invitations)
{
	struct sga_id a, b;

	ck_assert_int_eq(sga_id_make(SLICE_LIT("a"), &a), RC_OK);
	ck_assert_int_eq(sga_id_make(SLICE_LIT("b"), &b), RC_OK);
	ck_assert_int_eq(sgd_invited(&a, &b, true, false), SGD_ACCEPT);
	ck_assert_int_eq(sgd_invited(&a, &b, true, true), SGD_DECLINE);
	ck_assert_int_eq(sgd_invited(&b, &a, true, true), SGD_ACCEPT_FOR_OWN);
	ck_assert_int_eq(sgd_invited(&b, &a, false, false), SGD_DECLINE_STRANGER);
}
END_TEST

START_TEST(times)
{
	struct sgd_age a = { .created = 1000,
		             .now = 1000,
		             .records = SGA_RECORDS_MAX,
		             .seconds = SGA_SESSION_SECONDS };

	ck_assert(!sgd_is_worn(&a) && !sgd_is_over(&a));
	a.now = 1000 + SGA_SESSION_SECONDS - 1801;
	ck_assert(!sgd_is_worn(&a));
	a.now++;
	ck_assert(sgd_is_worn(&a));
	a.now = 1000 + SGA_SESSION_SECONDS;
	ck_assert(sgd_is_worn(&a) && !sgd_is_over(&a));
	a.now = 1000 + 2 * SGA_SESSION_SECONDS;
	ck_assert(sgd_is_over(&a));
	a = (struct sgd_age){ .sealed = SGA_RECORDS_MAX - 4097,
		              .records = SGA_RECORDS_MAX,
		              .seconds = SGA_SESSION_SECONDS };
	ck_assert(!sgd_is_worn(&a));
	a.sealed++;
	ck_assert(sgd_is_worn(&a));
	a.opened = a.sealed;
	a.sealed = 0;
	ck_assert(sgd_is_worn(&a));
	a.opened--;
	ck_assert(!sgd_is_worn(&a));
	/* Few as well. */
	a.records = 16;
	a.opened = 15;
	ck_assert(!sgd_is_worn(&a));
	a.opened = 16;
	ck_assert(sgd_is_worn(&a));
	ck_assert_int_eq(sgd_backoff(1, 100, 1000), 100);
	ck_assert_int_eq(sgd_backoff(3, 100, 1000), 400);
	ck_assert_int_eq(sgd_backoff(5, 100, 1000), 1000);
	ck_assert_int_eq(sgd_backoff(UINT32_MAX, 100, INT64_MAX / 4), INT64_MAX / 4);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sgd_step");
	TCase *c = suite_case(s, "step", NULL, NULL);

	tcase_add_test(c, phases_follow);
	tcase_add_test(c, answers_to_messages);
	tcase_add_test(c, answers_to_invitations);
	tcase_add_test(c, answers_to_registrations);
	tcase_add_test(c, answers_to_tagged_requests);
	tcase_add_test(c, answers_to_records);
	tcase_add_test(c, items);
	tcase_add_test(c, ends_come_at_any_time);
	tcase_add_test(c, one_of_two_invitations);
	tcase_add_test(c, times);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
