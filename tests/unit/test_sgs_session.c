/* SPDX-License-Identifier: Apache-2.0 */
/* The book of the SGA server: negotiations, sessions, their records. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"
#include "sgs_bed.h"
#include "suite.h"

static struct sgs_bed bed;
static uint64_t i, j, k;

static struct sgs_bed *
start(int engine)
{
	sgs_bed_start(&bed, engine);
	i = sgs_bed_device(&bed, "i");
	j = sgs_bed_device(&bed, "j");
	k = sgs_bed_device(&bed, "k");
	return &bed;
}

static void
check_state(struct sgs_bed *b, unsigned sid, const char *text)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct sgs_sid id = sgs_sid(sid);
	char state[SGS_STATE_MAX];
	size_t n;

	ck_assert_int_eq(sgs_session_state(v, id.v, state, sizeof(state), &n), RC_OK);
	ck_assert(slice_is(slice_make(state, n), text));
	ck_assert_int_eq(sgs_session_state(v, id.v, state, n == 0 ? 0 : n - 1, &n),
	                 text[0] == '\0' ? RC_OK : RC_TOO_LARGE);
	sgs_view_close(v);
}

static bool
last_item(void *arg, const struct sgs_item *item)
{
	struct sgs_item *to = arg;

	*to = *item;
	return true;
}

/* The last item of a device says text. */
static void
check_item(struct sgs_bed *b, uint64_t device, const char *text, int64_t ttl)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct sgs_item item = { 0 };

	ck_assert_int_eq(sgs_item_list(v, device, 0, 0, UINT64_MAX, last_item, &item), RC_OK);
	ck_assert(slice_is(item.octets, text));
	ck_assert_int_eq(item.expires - item.received, ttl);
	sgs_view_close(v);
}

/* ---- negotiation ---- */

START_TEST(test_steps)
{
	struct sgs_bed *b = start(_i);
	const int64_t half = b->conf.limits.half_open_ttl, item = b->conf.limits.item_ttl;
	struct sgs_session s;
	struct sgs_device d;

	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, j), 1);
	check_item(b, j, "A2", half);
	check_state(b, 1, "saved after A1");
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_OK);
	ck_assert(s.i == i && s.j == j && s.state == SGS_INVITED && s.suite == SGS_SUITE);
	ck_assert(s.serial == SGS_SERIAL && s.created == SGS_START && s.opened == 0);
	ck_assert_int_eq(s.expires, SGS_START + half);
	ck_assert_int_eq(sgs_bed_show(b, i, &d), RC_OK);
	ck_assert(d.half_open == 1 && d.sessions == 1);

	atomic_fetch_add(&b->clock.now, half / 2);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_ACCEPTED), RC_OK);
	check_item(b, i, "to i", half);
	check_state(b, 1, "saved after a step");
	ck_assert_int_eq(sgs_bed_step(b, 1, i, SGS_REQUESTED), RC_OK);
	check_item(b, j, "to j", half);
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_OPEN), RC_OK);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, i), 1);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, j), 1);
	check_item(b, i, "to i", item);
	check_item(b, j, "to j", item);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_OK);
	ck_assert(s.state == SGS_OPEN && s.opened == SGS_START + half / 2);
	ck_assert_int_eq(s.expires, s.opened + b->conf.limits.session_ttl);
	ck_assert_uint_eq(sgs_bed_stats(b).half_open, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).sessions, 1);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_invite_refused)
{
	struct sgs_bed *b = start(_i);
	static char octets[SGS_MESSAGE_MAX + 1];
	struct sgs_invite n = { .sid = { 9 },
		                .i = i,
		                .j = j,
		                .suite = SGS_SUITE,
		                .serial = SGS_SERIAL,
		                .state = slice_make(octets, SGS_STATE_MAX),
		                .to_j = SLICE_LIT("A2") };
	struct sgs_view *v;

	ck_assert_int_eq(sgs_bed_invite(b, 1, i, i), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, 99), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_invite(b, 1, 99, i), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_DENIED);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, 99), RC_DENIED);
	ck_assert_int_eq(sgs_bed_invite(b, 1, j, i), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_end(b, 1, 0, 0), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_DENIED);
	v = sgs_bed_view(b);
	ck_assert(sgs_replayed(v, i, sgs_sid(1).v) && !sgs_replayed(v, j, sgs_sid(1).v));
	sgs_view_close(v);
	n.serial++;
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_PRECONDITION);
	n.serial--;
	n.state.n++;
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_TOO_LARGE);
	n.state.n = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_BAD_REQUEST);
	n.state.n = SGS_STATE_MAX;
	n.to_j = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_BAD_REQUEST);
	n.to_j = slice_make(octets, SGS_MESSAGE_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_TOO_LARGE);
	n.to_j.n = 900;
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_OK);
	ck_assert_int_eq(n.expires, SGS_START + b->conf.limits.half_open_ttl);
	n.sid[0]++;
	ck_assert_int_eq(SGS_DO(b, sgs_session_invite, &n), RC_NO_SPACE);

	/* The entry of the cache goes with its time, and the sid may come again. */
	sgs_bed_pass(b, b->conf.limits.replay_ttl);
	ck_assert_uint_eq(sgs_bed_stats(b).replays, 0);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	sgs_bed_free(b);
}
END_TEST

/* One that was refused is not taken later; nobody fills the cache alone. */
START_TEST(test_spend)
{
	struct sgs_bed *b = start(_i);

	ck_assert_int_eq(sgs_bed_spend(b, 1, 99), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_spend(b, 1, i), RC_OK);
	ck_assert_int_eq(sgs_bed_spend(b, 1, i), RC_DENIED);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_DENIED);
	ck_assert_int_eq(sgs_bed_invite(b, 1, j, i), RC_OK);
	for (unsigned sid = 2; sid <= 10; sid++)
		ck_assert_int_eq(sgs_bed_spend(b, sid, i), RC_OK);
	ck_assert_int_eq(sgs_bed_spend(b, 11, i), RC_UNAVAILABLE);
	ck_assert_int_eq(sgs_bed_invite(b, 11, i, j), RC_UNAVAILABLE);
	ck_assert_int_eq(sgs_bed_invite(b, 11, j, i), RC_OK);
	for (unsigned sid = 1; sid <= 8; sid++)
		ck_assert_int_eq(sgs_bed_spend(b, sid, k), RC_OK);
	ck_assert_int_eq(sgs_bed_spend(b, 9, k), RC_UNAVAILABLE);
	ck_assert_uint_eq(sgs_bed_stats(b).replays, b->conf.limits.replay_max);

	/* What a device leaves behind goes with its time. */
	ck_assert_int_eq(sgs_bed_revoke(b, k), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).devices, 2);
	sgs_bed_pass(b, b->conf.limits.replay_ttl);
	ck_assert_uint_eq(sgs_bed_stats(b).replays, 0);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_invite_limits)
{
	struct sgs_bed *b = start(_i);
	unsigned sid = 1;

	/* Half-open of one device, of all. */
	for (; sid <= 3; sid++)
		ck_assert_int_eq(sgs_bed_invite(b, sid, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, sid, i, j), RC_UNAVAILABLE);
	for (; sid <= 5; sid++)
		ck_assert_int_eq(sgs_bed_invite(b, sid, j, i), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, sid, k, i), RC_UNAVAILABLE);
	for (unsigned n = 1; n <= 5; n++)
		ck_assert_int_eq(sgs_bed_end(b, n, 0, 0), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, i, 7, true), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 8, true), RC_OK);

	/* Sessions of one device, of all. */
	for (sid = 6; sid < 6 + 6; sid++) {
		sgs_bed_session(b, sid, i, j);
		ck_assert_int_eq(sgs_bed_ack(b, i, (sid - 5) * 2 + 7, true), RC_OK);
		ck_assert_int_eq(sgs_bed_ack(b, j, (sid - 5) * 3 + 8, true), RC_OK);
	}
	ck_assert_int_eq(sgs_bed_invite(b, sid, i, j), RC_NO_SPACE);
	for (; sid < 6 + 9; sid++)
		ck_assert_int_eq(sgs_bed_invite(b, sid, k, j), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, sid, j, i), RC_NO_SPACE);

	/* The cache: 5 + 6 + 3 entries until now. */
	for (unsigned n = 12; n < 15; n++)
		ck_assert_int_eq(sgs_bed_end(b, n, 0, 0), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 33, true), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_ack(b, j, 32, true), RC_OK);
	for (unsigned n = 0; n < 6; n++, sid++) {
		ck_assert_int_eq(sgs_bed_invite(b, sid, j, k), RC_OK);
		ck_assert_int_eq(sgs_bed_end(b, sid, 0, 0), RC_OK);
		ck_assert_int_eq(sgs_bed_ack(b, k, 2 * n + 5, true), RC_OK);
		ck_assert_int_eq(sgs_bed_ack(b, j, n + 33, true), RC_OK);
	}
	ck_assert_uint_eq(sgs_bed_stats(b).replays, b->conf.limits.replay_max);
	ck_assert_int_eq(sgs_bed_invite(b, sid, j, k), RC_UNAVAILABLE);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_step_refused)
{
	struct sgs_bed *b = start(_i);
	static char octets[SGS_MESSAGE_MAX + 1];
	struct sgs_step s = { .by = j, .to = SGS_ACCEPTED, .to_i = SLICE_LIT("A4") };

	memcpy(s.sid, sgs_sid(1).v, sizeof(s.sid));
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, 1, i, SGS_ACCEPTED), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_step(b, 1, k, SGS_ACCEPTED), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_step(b, 1, i, SGS_REQUESTED), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_OPEN), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_INVITED), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, (enum sgs_state)5), RC_BAD_REQUEST);
	s.to_j = SLICE_LIT("too much");
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_BAD_REQUEST);
	s.to_j = s.to_i = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_BAD_REQUEST);
	s.to_i = slice_make(octets, SGS_MESSAGE_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_TOO_LARGE);
	s.to_i.n = 1001;
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_NO_SPACE);
	s.to_i.n = 1;
	s.state = slice_make(octets, SGS_STATE_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_TOO_LARGE);
	s.state.n = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_OK);
	check_state(b, 1, "");
	ck_assert_uint_eq(sgs_bed_count(b, SGS_T_STATE), 0);
	ck_assert_int_eq(SGS_DO(b, sgs_session_step, &s), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_REQUESTED), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_step(b, 1, i, SGS_REQUESTED), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, 1, i, SGS_OPEN), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_OPEN), RC_OK);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_OPEN), RC_CONFLICT);
	sgs_bed_free(b);
}
END_TEST

/* ---- the end ---- */

START_TEST(test_end)
{
	struct sgs_bed *b = start(_i);
	struct sgs_end e = { .by = j };
	struct sgs_session s;

	memcpy(e.sid, sgs_sid(1).v, sizeof(e.sid));
	ck_assert_int_eq(sgs_bed_end(b, 1, 0, 0), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_end(b, 1, k, 0), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_end(b, 1, j, SGS_REQUESTED), RC_CONFLICT);
	e.to_i = slice_make(&bed, SGS_MESSAGE_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_session_end, &e), RC_TOO_LARGE);
	e.to_i = SLICE_LIT("A4 that says no");
	sgs_bed_told_clear(b);
	ck_assert_int_eq(SGS_DO(b, sgs_session_end, &e), RC_OK);
	ck_assert(e.told_i && !e.told_j);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, i), 1);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, j), 0);
	check_item(b, i, "A4 that says no", b->conf.limits.item_ttl);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_ACCEPTED), RC_NOT_FOUND);
	ck_assert_uint_eq(sgs_bed_items(b, j, NULL, 0), 1);

	/* Both are told; and it ends when a mailbox is full. */
	sgs_bed_session(b, 2, i, j);
	while (sgs_bed_stats(b).items < 30 && sgs_bed_items(b, j, NULL, 0) < 10) {
		static unsigned sid = 30;

		ck_assert_int_eq(sgs_bed_invite(b, ++sid, k, j), RC_OK);
		ck_assert_int_eq(sgs_bed_end(b, sid, 0, SGS_INVITED), RC_OK);
	}
	memcpy(e.sid, sgs_sid(2).v, sizeof(e.sid));
	e.to_j = SLICE_LIT("over");
	e.by = i;
	ck_assert_int_eq(SGS_DO(b, sgs_session_end, &e), RC_OK);
	ck_assert(e.told_i && !e.told_j);
	ck_assert_uint_eq(sgs_bed_stats(b).sessions, 0);
	ck_assert_uint_eq(sgs_bed_count(b, SGS_T_STATE), 0);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_time)
{
	struct sgs_bed *b = start(_i);
	const struct sgs_limits *l = &b->conf.limits;
	struct sgs_session s;

	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	sgs_bed_session(b, 2, i, j);
	sgs_bed_pass(b, l->half_open_ttl - 1);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_OK);

	/* Nobody finds it from that moment on, whether it is removed or not. */
	b->quick = true;
	atomic_fetch_add(&b->clock.now, 1);
	ck_assert_int_eq(sgs_bed_session_show(b, 1, &s), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_step(b, 1, j, SGS_ACCEPTED), RC_NOT_FOUND);
	b->quick = false;
	sgs_bed_pass(b, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).sessions, 1);
	ck_assert_uint_eq(sgs_bed_stats(b).sessions_expired, 1);
	ck_assert_uint_eq(sgs_bed_stats(b).half_open, 0);
	ck_assert_int_eq(sgs_bed_session_show(b, 2, &s), RC_OK);
	sgs_bed_pass(b, l->session_ttl - l->half_open_ttl - 1);
	ck_assert_int_eq(sgs_bed_session_show(b, 2, &s), RC_OK);
	sgs_bed_pass(b, 1);
	ck_assert_int_eq(sgs_bed_session_show(b, 2, &s), RC_NOT_FOUND);
	ck_assert_uint_eq(sgs_bed_stats(b).sessions, 0);
	ck_assert_uint_eq(sgs_bed_count(b, SGS_T_DUE), 0);
	sgs_bed_free(b);
}
END_TEST

/* ---- records ---- */

START_TEST(test_records)
{
	struct sgs_bed *b = start(_i);
	struct sgs_session s;
	bool again;

	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 5, NULL), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 5, NULL), RC_PRECONDITION);
	sgs_bed_session(b, 2, i, j);
	ck_assert_int_eq(sgs_bed_message(b, 2, k, 0, 5, NULL), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_message(b, 2, i, 1, 5, NULL), RC_CONFLICT);
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_message(b, 2, i, 0, 5, &again), RC_OK);
	ck_assert(!again);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, j), 1);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, i), 0);

	/* Not before both have confirmed. */
	ck_assert_int_eq(sgs_bed_message(b, 2, i, 1, 5, NULL), RC_PRECONDITION);
	ck_assert_int_eq(sgs_bed_message(b, 2, j, 1, 5, NULL), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_message(b, 2, j, 0, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 2, i, 1, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 2, i, 3, 5, NULL), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_message(b, 2, i, 2, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 2, j, 1, 5, NULL), RC_OK);
	check_item(b, j, "\2\2\2\2\2", b->conf.limits.item_ttl);
	check_item(b, i, "\1\1\1\1\1", b->conf.limits.item_ttl);

	/* Once more: not stored. */
	sgs_bed_told_clear(b);
	for (uint32_t ctr = 0; ctr < 3; ctr++) {
		ck_assert_int_eq(sgs_bed_message(b, 2, i, ctr, 5, &again), RC_OK);
		ck_assert(again);
	}
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, j), 0);
	ck_assert_uint_eq(sgs_bed_stats(b).repeated, 3);
	ck_assert_int_eq(sgs_bed_session_show(b, 2, &s), RC_OK);
	ck_assert(s.next_i == 3 && s.next_j == 2);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_record_bounds)
{
	struct sgs_bed *b = start(_i);
	struct sgs_message m = { .by = i, .ctr = 0, .octets = SLICE_LIT("x") };
	struct sgs_session_row row;
	struct tables_tx *tx;

	sgs_bed_session(b, 1, i, j);
	memcpy(m.sid, sgs_sid(1).v, sizeof(m.sid));
	ck_assert_int_eq(SGS_DO(b, sgs_message_put, &m), RC_BAD_REQUEST);
	m.confirm = true;
	m.ctr = 1;
	ck_assert_int_eq(SGS_DO(b, sgs_message_put, &m), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 0, NULL), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 501, NULL), RC_TOO_LARGE);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 500, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 500, NULL), RC_OK);
	/* What the negotiation has in the mailbox takes some of it. */
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 1, 500, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 1, 490, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 5, true), RC_OK);

	/* All records of a direction are taken. */
	ck_assert_int_eq(tables_begin(&b->book->store, &tx), RC_OK);
	ck_assert_int_eq(sgs_session_row(tx, m.sid, SGS_START, &row), RC_OK);
	row.next_i = SGS_RECORDS_MAX - 1;
	ck_assert_int_eq(sgs_session_put(tx, m.sid, &row), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, SGS_RECORDS_MAX - 1, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, SGS_RECORDS_MAX, 1, NULL), RC_PRECONDITION);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 1, 1, NULL), RC_OK);
	sgs_bed_free(b);
}
END_TEST

/* ---- lists ---- */

struct seen {
	unsigned sids[16];
	size_t n, stop;
};

static bool
see(void *arg, const struct sgs_session *s)
{
	struct seen *to = arg;

	to->sids[to->n++] = s->sid[3];
	return to->n != to->stop;
}

START_TEST(test_lists)
{
	struct sgs_bed *b = start(_i);
	struct sgs_sid after = sgs_sid(2);
	struct sgs_view *v;
	struct seen s = { 0 };

	ck_assert_int_eq(sgs_bed_invite(b, 1, i, j), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 2, j, k), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 3, k, i), RC_OK);
	ck_assert_int_eq(sgs_bed_invite(b, 4, i, k), RC_OK);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_session_list(v, 0, NULL, 0, see, &s), RC_OK);
	ck_assert(s.n == 4 && s.sids[0] == 1 && s.sids[3] == 4);
	s = (struct seen){ 0 };
	ck_assert_int_eq(sgs_session_list(v, 0, after.v, 1, see, &s), RC_OK);
	ck_assert(s.n == 1 && s.sids[0] == 3);
	s = (struct seen){ 0 };
	ck_assert_int_eq(sgs_session_list(v, i, NULL, 0, see, &s), RC_OK);
	ck_assert(s.n == 3 && s.sids[0] == 1 && s.sids[1] == 3 && s.sids[2] == 4);
	s = (struct seen){ .stop = 1 };
	ck_assert_int_eq(sgs_session_list(v, i, after.v, 0, see, &s), RC_OK);
	ck_assert(s.n == 1 && s.sids[0] == 3);
	sgs_view_close(v);
	sgs_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs_session");
	TCase *c = suite_case(s, "session", NULL, NULL);

	tcase_add_loop_test(c, test_steps, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_invite_refused, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_spend, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_invite_limits, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_step_refused, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_end, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_time, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_records, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_record_bounds, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_lists, 0, SGS_ENGINES);
	return run_suite(s);
}
