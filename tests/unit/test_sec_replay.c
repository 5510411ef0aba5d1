/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of messages: taken once, and given out once, whatever happens between. */
#include "config.h"

#include "sec/replay.h"
#include "suite.h"

START_TEST(replay_window)
{
	struct replay r;

	replay_init(&r, 0);
	ck_assert(!replay_take(&r, 0));
	ck_assert(replay_take(&r, 100));
	ck_assert(!replay_take(&r, 100));
	ck_assert(!replay_take(&r, 35));
	for (uint64_t seq = 36; seq < 100; seq++)
		ck_assert(replay_take(&r, seq));
	for (uint64_t seq = 0; seq <= 100; seq++)
		ck_assert(!replay_take(&r, seq));
	/* A step of 64 keeps exactly the old highest. */
	ck_assert(replay_take(&r, 164));
	ck_assert(!replay_take(&r, 100));
	ck_assert(replay_take(&r, 101));
	ck_assert(replay_take(&r, 163));
	/* Of 65 nothing. */
	ck_assert(replay_take(&r, 229));
	ck_assert(!replay_take(&r, 164));
	ck_assert(replay_take(&r, 165));
	ck_assert(replay_take(&r, UINT64_MAX));
	ck_assert(!replay_take(&r, UINT64_MAX));
	ck_assert(!replay_take(&r, 1));
	replay_init(&r, 500);
	ck_assert(!replay_take(&r, 500) && !replay_take(&r, 450));
	ck_assert(replay_take(&r, 502) && !replay_take(&r, 500) && replay_take(&r, 501));
}
END_TEST

/* The window against a list of all that was taken. */
START_TEST(replay_at_random)
{
	static bool taken[5000];
	unsigned state = 1;
	uint64_t high = 0;
	struct replay r;

	replay_init(&r, 0);
	for (unsigned i = 0; i < 40000; i++) {
		uint64_t seq;
		bool want;

		state = state * 1103515245u + 12345u;
		seq = high + (state >> 16) % 140;
		seq = seq < 130 ? (state >> 16) % 70 : seq - 130;
		if (seq >= 5000)
			break;
		want = seq > 0 && !taken[seq] && (seq > high || high - seq <= REPLAY_WINDOW);
		ck_assert(replay_take(&r, seq) == want);
		taken[seq] = taken[seq] || want;
		high = want && seq > high ? seq : high;
	}
	ck_assert_uint_gt(high, 1000);
}
END_TEST

struct disk {
	uint64_t stored;
	unsigned calls;
	enum rc rc;
};

static enum rc
persist(void *arg, uint64_t reserved)
{
	struct disk *d = arg;

	d->calls++;
	if (d->rc == RC_OK)
		d->stored = reserved;
	return d->rc;
}

START_TEST(a_crash_uses_no_number_twice)
{
	struct disk d = { .rc = RC_OK };
	uint64_t last = 0, seq;
	struct seq_source s;

	for (unsigned life = 0; life < 50; life++) {
		seq_init(&s, d.stored, UINT64_C(1) << 32, persist, &d);
		for (unsigned i = 0; i <= life * 61; i++) {
			ck_assert_int_eq(seq_take(&s, &seq), RC_OK);
			ck_assert_uint_gt(seq, last);
			ck_assert_uint_ge(d.stored, seq);
			last = seq;
		}
	}
	/* A life that ends with the last of the reserved numbers. */
	while (seq_left(&s) > 0)
		ck_assert_int_eq(seq_take(&s, &last), RC_OK);
	seq_init(&s, d.stored, UINT64_C(1) << 32, persist, &d);
	ck_assert_int_eq(seq_take(&s, &seq), RC_OK);
	ck_assert_uint_eq(seq, last + 1);
	/* One call for SEQ_STEP numbers, and one for each life. */
	ck_assert_uint_le(d.calls, 50 + 50 * 49 / 2 * 61 / SEQ_STEP + 51);
}
END_TEST

START_TEST(no_number_without_a_reservation)
{
	struct disk d = { .rc = RC_NO_SPACE };
	struct seq_source s;
	uint64_t seq = 77;

	seq_init(&s, 0, 2500, persist, &d);
	ck_assert_int_eq(seq_take(&s, &seq), RC_NO_SPACE);
	ck_assert_uint_eq(seq, 77);
	d.rc = RC_OK;
	ck_assert_int_eq(seq_take(&s, &seq), RC_OK);
	ck_assert_uint_eq(seq, 1);
	ck_assert_uint_eq(seq_left(&s), SEQ_STEP - 1);
	ck_assert_int_eq(seq_reserve(&s), RC_OK);
	ck_assert_uint_eq(seq_left(&s), 2 * SEQ_STEP - 1);
	d.rc = RC_NO_SPACE;
	for (uint64_t i = 2; i <= 2000; i++)
		ck_assert_int_eq(seq_take(&s, &seq), RC_OK);
	ck_assert_int_eq(seq_take(&s, &seq), RC_NO_SPACE);
	d.rc = RC_OK;
	for (uint64_t i = 2001; i <= 2500; i++)
		ck_assert_int_eq(seq_take(&s, &seq), RC_OK);
	ck_assert_uint_eq(seq, 2500);
	ck_assert_int_eq(seq_take(&s, &seq), RC_FORBIDDEN);
	ck_assert_int_eq(seq_reserve(&s), RC_OK);
	ck_assert_uint_eq(d.stored, 2500);
	/* What a store should not hold. */
	seq_init(&s, UINT64_MAX, 2500, persist, &d);
	ck_assert_int_eq(seq_take(&s, &seq), RC_FORBIDDEN);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_replay");
	TCase *c = suite_case(s, "taken", NULL, NULL);

	tcase_add_test(c, replay_window);
	tcase_add_test(c, replay_at_random);
	c = suite_case(s, "given out", NULL, NULL);
	tcase_add_test(c, a_crash_uses_no_number_twice);
	tcase_add_test(c, no_number_without_a_reservation);
	return run_suite(s);
}
