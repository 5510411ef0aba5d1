/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of messages: taken once. */
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

int
main(void)
{
	Suite *s = suite_create("sec_replay");
	TCase *c = suite_case(s, "taken", NULL, NULL);

	tcase_add_test(c, replay_window);
	tcase_add_test(c, replay_at_random);
	return run_suite(s);
}
