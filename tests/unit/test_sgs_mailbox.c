/* SPDX-License-Identifier: Apache-2.0 */
/* The book of the SGA server: mailboxes, groups. */
#include "config.h"

#include "cap/sgs/sgs_book_impl.h"
#include "sgs_bed.h"
#include "suite.h"

static struct sgs_bed bed;
static uint64_t i, j, k;

static void
devices(struct sgs_bed *b)
{
	i = sgs_bed_device(b, "i");
	j = sgs_bed_device(b, "j");
	k = sgs_bed_device(b, "k");
}

static struct sgs_bed *
start(int engine)
{
	sgs_bed_start(&bed, engine);
	devices(&bed);
	return &bed;
}

/* A session of i and j that both have confirmed; its items are acknowledged. */
static void
session(struct sgs_bed *b)
{
	sgs_bed_session(b, 1, i, j);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 0, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 0, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 4, true), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, i, 3, true), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).items, 0);
}

/* ---- mailbox ---- */

START_TEST(test_ack)
{
	struct sgs_bed *b = start(_i);
	uint64_t n[10];

	ck_assert_int_eq(sgs_bed_ack(b, 99, 1, true), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_ack(b, j, 1, true), RC_NOT_FOUND);
	session(b);
	for (uint32_t ctr = 1; ctr <= 6; ctr++)
		ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr, 5, NULL), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, j, n, NITEMS(n)), 6);
	ck_assert(n[0] == 5 && n[5] == 10);
	ck_assert_int_eq(sgs_bed_ack(b, j, 7, false), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 7, false), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, j, n, NITEMS(n)), 5);
	ck_assert(n[1] == 6 && n[2] == 8);
	ck_assert_int_eq(sgs_bed_ack(b, j, 8, true), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, j, n, NITEMS(n)), 2);
	ck_assert(n[0] == 9 && n[1] == 10);
	ck_assert_int_eq(sgs_bed_ack(b, j, 0, true), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_ack(b, j, 11, true), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_ack(b, j, 11, false), RC_NOT_FOUND);
	ck_assert_uint_eq(sgs_bed_stats(b).items_acknowledged, 7 + 4);
	ck_assert_int_eq(sgs_bed_ack(b, j, 10, true), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 0);
	sgs_bed_free(b);
}
END_TEST

struct read {
	uint64_t first, last;
	size_t n, stop;
};

static bool
read_one(void *arg, const struct sgs_item *item)
{
	struct read *r = arg;

	r->first = r->n == 0 ? item->number : r->first;
	r->last = item->number;
	return ++r->n != r->stop;
}

static struct read
read_items(struct sgs_bed *b, uint64_t after, size_t max, uint64_t octets, size_t stop)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct read r = { .stop = stop };

	ck_assert_int_eq(sgs_item_list(v, j, after, max, octets, read_one, &r), RC_OK);
	ck_assert_int_eq(sgs_item_list(v, 99, after, max, octets, read_one, &r), RC_NOT_FOUND);
	sgs_view_close(v);
	return r;
}

START_TEST(test_list)
{
	struct sgs_bed *b = start(_i);
	struct read r;

	session(b);
	for (uint32_t ctr = 1; ctr <= 6; ctr++)
		ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr, 10, NULL), RC_OK);
	r = read_items(b, 0, 0, UINT64_MAX, 0);
	ck_assert(r.n == 6 && r.first == 5 && r.last == 10);
	r = read_items(b, 6, 2, UINT64_MAX, 0);
	ck_assert(r.n == 2 && r.first == 7 && r.last == 8);
	r = read_items(b, 6, 0, 30, 0);
	ck_assert(r.n == 3 && r.last == 9);
	r = read_items(b, 6, 0, 29, 0);
	ck_assert(r.n == 2);
	r = read_items(b, 6, 0, 0, 0);
	ck_assert(r.n == 1);
	r = read_items(b, 6, 0, UINT64_MAX, 3);
	ck_assert(r.n == 3);
	r = read_items(b, 10, 0, UINT64_MAX, 0);
	ck_assert(r.n == 0);

	/* Over: not shown, then gone. */
	atomic_fetch_add(&b->clock.now, b->conf.limits.item_ttl - 1);
	ck_assert_uint_eq(read_items(b, 0, 0, UINT64_MAX, 0).n, 6);
	atomic_fetch_add(&b->clock.now, 1);
	ck_assert_uint_eq(read_items(b, 0, 0, UINT64_MAX, 0).n, 0);
	sgs_bed_pass(b, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).items, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).items_expired, 6);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_mailbox_limits)
{
	struct sgs_bed *b = start(_i);
	uint32_t ctr;

	session(b);
	for (ctr = 1; ctr <= 10; ctr++)
		ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr, 10, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr, 10, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_ack(b, j, 5, false), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr++, 10, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 15, true), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr++, 500, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr++, 499, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr, 2, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, ctr++, 1, NULL), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 1000);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_limits_of_all)
{
	struct sgs_bed *b = &bed;
	uint64_t both[2];

	sgs_bed_make(b, _i);
	b->conf.limits.octets_max = 1500;
	b->conf.limits.items_max = 12;
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
	devices(b);
	session(b);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 1, 500, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, i, 2, 500, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 1, 499, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 2, 2, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 2, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 6, true), RC_OK);

	/* What is stored once counts once, but for each mailbox. */
	both[0] = i;
	both[1] = j;
	ck_assert_int_eq(sgs_bed_group(b, 1, k, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 1, 0, 500, NULL), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 1000);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 1, 1, 500, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 1, 2, 10, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_ack(b, i, 6, true), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 1, 2, 500, NULL), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 1500);
	ck_assert_uint_eq(sgs_bed_stats(b).blobs, 3);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 1, 3, 10, NULL), RC_NO_SPACE);

	/* Items of all: 4 until now. */
	ck_assert_int_eq(sgs_bed_ack(b, i, 7, true), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, 8, true), RC_OK);
	for (uint32_t n = 3; n < 11; n++)
		ck_assert_int_eq(sgs_bed_message(b, 1, i, n, 1, NULL), RC_OK);
	for (uint32_t n = 3; n < 7; n++)
		ck_assert_int_eq(sgs_bed_message(b, 1, j, n, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_message(b, 1, j, 7, 1, NULL), RC_NO_SPACE);
	sgs_bed_free(b);
}
END_TEST

/* All that is stored is over: how many entries of the index one step of the clock ends. */
static uint64_t
one_step(struct sgs_bed *b)
{
	struct table_key key = table_key(SGS_T_TOTALS);
	struct sgs_turn t = { .b = b->book, .now = CLOCK_NEVER };
	uint64_t before;
	bool more = false;

	ck_assert_int_eq(tables_begin(&b->book->store, &t.tx), RC_OK);
	ck_assert_int_eq(table_row_get(t.tx, &key, &t.totals, sizeof(t.totals)), RC_OK);
	before = t.totals.items + t.totals.sessions + t.totals.replays + t.totals.tokens;
	ck_assert_int_eq(sgs_expire(&t, &more), RC_OK);
	ck_assert(more);
	tables_abort(t.tx);
	return before - t.totals.items - t.totals.sessions - t.totals.replays - t.totals.tokens;
}

/* More at once than one step removes. */
START_TEST(test_many)
{
	struct sgs_bed *b = &bed;
	const uint32_t many = 3 * SGS_STEP + 5;

	sgs_bed_make(b, _i);
	b->conf.limits.items_device_max = 1000;
	b->conf.limits.items_max = 2000;
	sgs_bed_open(b);
	ck_assert_int_eq(sgs_bed_keys(b, SGS_SUITE, SGS_SERIAL), RC_OK);
	devices(b);
	session(b);
	b->quick = true;
	for (uint32_t n = 1; n <= many; n++)
		ck_assert_int_eq(sgs_bed_message(b, 1, i, n, 1, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, j, many + 3, true), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, j, NULL, 0), 1);
	ck_assert_int_eq(sgs_bed_ack(b, j, many + 4, true), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).items_acknowledged, 7 + many);
	for (uint32_t n = 1; n <= many; n++)
		ck_assert_int_eq(sgs_bed_message(b, 1, j, n, 1, NULL), RC_OK);
	ck_assert_uint_eq(one_step(b), SGS_STEP);
	sgs_bed_pass(b, b->conf.limits.item_ttl);
	ck_assert_uint_eq(sgs_bed_stats(b).items_expired, many);
	sgs_bed_free(b);
}
END_TEST

/* ---- groups ---- */

struct member {
	uint64_t device[8];
	uint32_t next[8];
	size_t n;
};

static bool
see_member(void *arg, uint64_t device, uint32_t next)
{
	struct member *m = arg;

	m->device[m->n] = device;
	m->next[m->n++] = next;
	return true;
}

static struct member
members(struct sgs_bed *b, unsigned gid)
{
	struct sgs_view *v = sgs_bed_view(b);
	struct member m = { .n = 0 };

	ck_assert_int_eq(sgs_member_list(v, sgs_sid(gid).v, see_member, &m), RC_OK);
	sgs_view_close(v);
	return m;
}

START_TEST(test_group_make)
{
	struct sgs_bed *b = start(_i);
	uint64_t all[SGS_MEMBERS_MAX + 1];
	struct sgs_group_new n = { .owner = i, .members = all, .n_members = 2 };
	struct sgs_group g;
	struct sgs_view *v;

	all[0] = j;
	all[1] = k;
	for (size_t m = 2; m < NITEMS(all); m++)
		all[m] = 1000 + m;
	ck_assert_int_eq(sgs_bed_group(b, 1, i, all, 0), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, &i, 1), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, all, 3), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group(b, 1, 99, all, 2), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, all, 4), RC_TOO_LARGE);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, all, NITEMS(all)), RC_TOO_LARGE);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, (uint64_t[]){ j, j }, 2), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, (uint64_t[]){ i, j, i }, 3), RC_BAD_REQUEST);
	n.purpose = slice_make(&bed, SGS_PURPOSE_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_group_make, &n), RC_TOO_LARGE);

	ck_assert_int_eq(sgs_bed_group(b, 1, i, all, 2), RC_OK);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_group_get(v, sgs_sid(1).v, &g), RC_OK);
	ck_assert(g.owner == i && g.epoch == 1 && !g.stale && g.n_members == 3);
	ck_assert(slice_is(g.purpose, "heating") && g.created == SGS_START);
	ck_assert(sgs_group_has(v, sgs_sid(1).v, i) && sgs_group_has(v, sgs_sid(1).v, k));
	ck_assert(!sgs_group_has(v, sgs_sid(2).v, i));
	sgs_view_close(v);
	ck_assert_uint_eq(members(b, 1).n, 3);

	/* The same again, and another one. */
	ck_assert_int_eq(sgs_bed_group(b, 1, i, (uint64_t[]){ k, i, j }, 3), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).groups, 1);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, all, 1), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_group(b, 1, j, (uint64_t[]){ i, k }, 2), RC_CONFLICT);
	memcpy(n.gid, sgs_sid(1).v, sizeof(n.gid));
	n.purpose = SLICE_LIT("cooling");
	ck_assert_int_eq(SGS_DO(b, sgs_group_make, &n), RC_CONFLICT);
	n.purpose = SLICE_LIT("heating");
	ck_assert_int_eq(SGS_DO(b, sgs_group_make, &n), RC_OK);
	ck_assert(n.again);

	/* Limits: of the owner, of all. */
	ck_assert_int_eq(sgs_bed_group(b, 2, i, all, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 3, i, all, 2), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_group(b, 3, j, &k, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 4, k, &i, 1), RC_NO_SPACE);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_group_change)
{
	struct sgs_bed *b = start(_i);
	uint64_t both[2] = { j, k };
	struct sgs_group g;
	struct member m;

	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, both, 2), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_change(b, 1, j, 2, both, 2), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 3, both, 2), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 1, both, 1), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, both, 0), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, (uint64_t[]){ j, 99 }, 2), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 1, both, 2), RC_OK);
	m = members(b, 1);
	ck_assert(m.n == 3 && m.device[0] == i && m.next[0] == 1 && m.next[1] == 0);

	/* A new epoch: other members, all begin at 0. */
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, both, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, both, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, both, 2), RC_CONFLICT);
	m = members(b, 1);
	ck_assert(m.n == 2 && m.device[1] == j && m.next[0] == 0);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, both, 1), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 1, 5, NULL), RC_PRECONDITION);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 2, 0, 5, NULL), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 2, 0, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_group_show(b, 1, &g), RC_OK);
	ck_assert(g.epoch == 2 && g.n_members == 2);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_group_leave)
{
	struct sgs_bed *b = start(_i);
	uint64_t both[2] = { j, k };
	struct sgs_group_leave l = { .by = j, .member = j };
	struct sgs_group_end e = { .by = j };
	struct sgs_group g;

	memcpy(l.gid, sgs_sid(1).v, sizeof(l.gid));
	memcpy(e.gid, l.gid, sizeof(e.gid));
	ck_assert_int_eq(sgs_bed_leave(b, 1, j, j), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_leave(b, 1, k, j), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_leave(b, 1, i, 99), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_leave(b, 1, i, i), RC_CONFLICT);
	l.to_owner = slice_make(&bed, SGS_MESSAGE_MAX + 1);
	ck_assert_int_eq(SGS_DO(b, sgs_group_leave, &l), RC_TOO_LARGE);
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_leave(b, 1, j, j), RC_OK);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, i), 1);
	ck_assert_uint_eq(sgs_bed_items(b, i, NULL, 0), 1);
	ck_assert_int_eq(sgs_bed_leave(b, 1, j, j), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group_show(b, 1, &g), RC_OK);
	ck_assert(g.stale && g.n_members == 2 && g.epoch == 1);

	/* Stale until the next epoch, which is not this one again. */
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 5, NULL), RC_PRECONDITION);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 1, both + 1, 1), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, both + 1, 1), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_change(b, 1, i, 2, both + 1, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 2, 0, 5, NULL), RC_OK);

	/* Put out by the owner, by the administrator; without a notice. */
	l.by = i;
	l.member = k;
	l.to_owner = SLICE_NONE;
	ck_assert_int_eq(SGS_DO(b, sgs_group_leave, &l), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, i, NULL, 0), 2);
	ck_assert_int_eq(SGS_DO(b, sgs_group_end, &e), RC_FORBIDDEN);
	e.by = 0;
	ck_assert_int_eq(SGS_DO(b, sgs_group_end, &e), RC_OK);
	ck_assert_int_eq(SGS_DO(b, sgs_group_end, &e), RC_NOT_FOUND);
	ck_assert_uint_eq(sgs_bed_stats(b).groups, 0);
	ck_assert_uint_eq(sgs_bed_items(b, i, NULL, 0), 2);
	ck_assert_int_eq(sgs_bed_group(b, 1, j, both + 1, 1), RC_OK);
	e.by = j;
	ck_assert_int_eq(SGS_DO(b, sgs_group_end, &e), RC_OK);
	sgs_bed_free(b);
}
END_TEST

START_TEST(test_group_messages)
{
	struct sgs_bed *b = start(_i);
	uint64_t both[2] = { j, k };
	bool again;

	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 5, NULL), RC_NOT_FOUND);
	ck_assert_int_eq(sgs_bed_group(b, 1, i, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, 99, 1, 0, 5, NULL), RC_FORBIDDEN);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 2, 0, 5, NULL), RC_PRECONDITION);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 1, 5, NULL), RC_CONFLICT);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, UINT32_MAX, 5, NULL), RC_PRECONDITION);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 0, NULL), RC_BAD_REQUEST);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 501, NULL), RC_TOO_LARGE);
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 100, &again), RC_OK);
	ck_assert(!again);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, j), 1);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, k), 1);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, i), 0);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, i, 1, 0, 100, &again), RC_OK);
	ck_assert(again);
	ck_assert_uint_eq(sgs_bed_stats(b).blobs, 1);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 100);
	ck_assert_uint_eq(sgs_bed_stats(b).items, 2);
	ck_assert_uint_eq(sgs_bed_stats(b).repeated, 1);
	ck_assert_int_eq(sgs_bed_ack(b, j, 1, false), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 100);
	ck_assert_int_eq(sgs_bed_ack(b, k, 1, false), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).octets, 0);
	ck_assert_uint_eq(sgs_bed_stats(b).blobs, 0);

	/* A member whose mailbox is full stops nobody else: it gets what comes when there is room. */
	for (uint32_t ctr = 1; ctr <= 10; ctr++)
		ck_assert_int_eq(sgs_bed_group_message(b, 1, j, 1, ctr - 1, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_ack(b, i, 10, true), RC_OK);
	sgs_bed_told_clear(b);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, j, 1, 10, 5, NULL), RC_OK);
	ck_assert_uint_eq(sgs_bed_stats(b).group_missed, 1);
	ck_assert_uint_eq(sgs_bed_told(b, SGS_TOLD_ITEM, k), 0);
	ck_assert_uint_eq(sgs_bed_items(b, i, NULL, 0), 1);
	ck_assert_uint_eq(sgs_bed_items(b, k, NULL, 0), 10);
	ck_assert_int_eq(sgs_bed_ack(b, k, 2, true), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, j, 1, 11, 5, NULL), RC_OK);
	ck_assert_uint_eq(sgs_bed_items(b, i, NULL, 0), 2);
	ck_assert_uint_eq(sgs_bed_items(b, k, NULL, 0), 10);
	ck_assert_uint_eq(sgs_bed_stats(b).group_missed, 1);
	/* All are full. */
	for (uint32_t ctr = 12; ctr < 20; ctr++)
		ck_assert_int_eq(sgs_bed_group_message(b, 1, j, 1, ctr, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, j, 1, 20, 5, NULL), RC_NO_SPACE);
	ck_assert_int_eq(sgs_bed_ack(b, i, 20, true), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, k, 1, 0, 5, NULL), RC_OK);
	ck_assert_int_eq(sgs_bed_leave(b, 1, i, k), RC_OK);
	ck_assert_int_eq(sgs_bed_group_message(b, 1, j, 1, 0, 5, &again), RC_OK);
	ck_assert(again);
	sgs_bed_free(b);
}
END_TEST

struct seen {
	unsigned gids[8];
	size_t n, stop;
};

static bool
see_group(void *arg, const struct sgs_group *g)
{
	struct seen *s = arg;

	s->gids[s->n++] = g->gid[3];
	return s->n != s->stop;
}

START_TEST(test_group_lists)
{
	struct sgs_bed *b = start(_i);
	uint64_t both[2] = { j, k };
	struct sgs_sid after = sgs_sid(1);
	struct seen s = { 0 };
	struct sgs_view *v;

	ck_assert_int_eq(sgs_bed_group(b, 1, i, both, 2), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 2, j, &i, 1), RC_OK);
	ck_assert_int_eq(sgs_bed_group(b, 3, k, &j, 1), RC_OK);
	v = sgs_bed_view(b);
	ck_assert_int_eq(sgs_group_list(v, 0, NULL, 0, see_group, &s), RC_OK);
	ck_assert(s.n == 3 && s.gids[0] == 1 && s.gids[2] == 3);
	s = (struct seen){ 0 };
	ck_assert_int_eq(sgs_group_list(v, k, after.v, 0, see_group, &s), RC_OK);
	ck_assert(s.n == 1 && s.gids[0] == 3);
	s = (struct seen){ 0 };
	ck_assert_int_eq(sgs_group_list(v, i, NULL, 1, see_group, &s), RC_OK);
	ck_assert(s.n == 1 && s.gids[0] == 1);
	s = (struct seen){ .stop = 2 };
	ck_assert_int_eq(sgs_group_list(v, j, NULL, 0, see_group, &s), RC_OK);
	ck_assert(s.n == 2 && s.gids[1] == 2);
	sgs_view_close(v);
	sgs_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs_mailbox");
	TCase *c = suite_case(s, "mailbox", NULL, NULL), *g = suite_case(s, "group", NULL, NULL);

	tcase_add_loop_test(c, test_ack, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_list, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_mailbox_limits, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_limits_of_all, 0, SGS_ENGINES);
	tcase_add_loop_test(c, test_many, 0, SGS_ENGINES);
	tcase_add_loop_test(g, test_group_make, 0, SGS_ENGINES);
	tcase_add_loop_test(g, test_group_change, 0, SGS_ENGINES);
	tcase_add_loop_test(g, test_group_leave, 0, SGS_ENGINES);
	tcase_add_loop_test(g, test_group_messages, 0, SGS_ENGINES);
	tcase_add_loop_test(g, test_group_lists, 0, SGS_ENGINES);
	return run_suite(s);
}
