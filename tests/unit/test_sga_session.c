/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, G and a session between them: every suite, group and cipher, refusals, states. */
#include "config.h"

#include "sga/session_own.h"
#include "sga_flow.h"

/* ---- the whole way ---- */

static const struct flow_conf ways[] = {
	{ .suite = SGA_SUITE_X, .reload = true },
	{ .suite = SGA_SUITE_C, .reload = true },
	{ .suite = SGA_SUITE_C, .group = SGA_GROUP_FFDHE2048 },
	{ .suite = SGA_SUITE_C, .group = SGA_GROUP_FFDHE4096 },
	{ .cid = 1, .cid0 = 2 },
	{ .cid = 2, .cid0 = 1 },
	{ .cid = 3, .cid0 = 10, .reload = true },
	{ .cid = 4, .cid0 = 9 },
	{ .cid = 5, .cid0 = 8 },
	{ .cid = 6, .cid0 = 7 },
	{ .cid = 7, .cid0 = 6 },
	{ .cid = 8, .cid0 = 5 },
	{ .cid = 9, .cid0 = 4 },
	{ .cid = 10, .cid0 = 3, .reload = true },
	{ .unsigned_i = true },
	{ .unsigned_j = true },
	{ .unsigned_i = true, .unsigned_j = true },
};

static void
expect_open(const struct sga_session *s, bool signs)
{
	static const uint8_t zeros[sizeof(s->heard)];
	struct sga_progress p;

	ck_assert_int_eq(sga_session_state(s), SGA_S_OPEN);
	sga_session_progress(s, &p);
	ck_assert_uint_eq(p.opened, FLOW_NOW);
	ck_assert_uint_eq(p.sealed, 2);
	ck_assert_uint_eq(p.taken, 2);
	ck_assert(p.confirmed);
	ck_assert(p.signed_by_peer == signs);
	/* Nothing that leads to K is left. */
	ck_assert_mem_eq(&s->power, zeros, sizeof(s->power));
	ck_assert_mem_eq(&s->k_is, zeros, sizeof(s->k_is));
	ck_assert_mem_eq(&s->kt_i, zeros, sizeof(s->kt_i));
	ck_assert_mem_eq(&s->kt_j, zeros, sizeof(s->kt_j));
	ck_assert_mem_eq(&s->hop.up, zeros, sizeof(s->hop.up));
	ck_assert_mem_eq(s->heard, zeros, sizeof(s->heard));
}

/* What G has at the end. */
static void
expect_done(const struct sga_server_session *s)
{
	ck_assert_int_eq(sga_server_session_state(s), SGA_G_DONE);
}

START_TEST(whole)
{
	static const char all[] = "hello from j at once"
				  "hello from i"
				  "hello from j";
	struct flow f;
	uint8_t at_i[40], at_j[40];

	flow_init(&f, &ways[_i]);
	flow_run(&f, FLOW_MESSAGES - 1);
	ck_assert(slice_is(buf_view(&f.plain), all));
	expect_open(f.si, !ways[_i].unsigned_j);
	expect_open(f.sj, !ways[_i].unsigned_i);
	expect_done(f.sg);
	ck_assert(sga_session_inviter(f.si) && !sga_session_inviter(f.sj));
	ck_assert(sga_id_equal(sga_session_peer(f.si), sga_device_id(f.j)));
	ck_assert(sga_id_equal(sga_session_peer(f.sj), sga_device_id(f.i)));
	ck_assert_uint_eq(sga_session_cid(f.sj), f.conf.cid);
	ck_assert(sga_sid_equal(sga_session_sid(f.si), sga_session_sid(f.sj)));
	ck_assert_int_eq(sga_session_export(f.si, SLICE_LIT("x"), at_i, sizeof(at_i)), RC_OK);
	ck_assert_int_eq(sga_session_export(f.sj, SLICE_LIT("x"), at_j, sizeof(at_j)), RC_OK);
	ck_assert_mem_eq(at_i, at_j, sizeof(at_i));
	ck_assert_int_eq(sga_session_export(f.sj, SLICE_LIT("y"), at_j, sizeof(at_j)), RC_OK);
	ck_assert_mem_ne(at_i, at_j, sizeof(at_i));
	flow_fini(&f);
}
END_TEST

/* The octets that were promised for identities of 16 octets, here shorter ones. */
START_TEST(sizes)
{
	static const struct {
		enum flow_message m;
		size_t x, c;
	} rows[] = {
		{ FLOW_A1, 213, 565 },   { FLOW_A2, 197, 197 },   { FLOW_A3, 261, 613 },
		{ FLOW_A4, 189, 189 },   { FLOW_B1, 168, 872 },   { FLOW_B3, 200, 904 },
		{ FLOW_B6_I, 168, 520 }, { FLOW_B6_J, 136, 488 },
	};
	const struct flow_conf conf = { .suite = (uint8_t)_i };
	size_t less = 3 * 16 - (sizeof(FLOW_I) + sizeof(FLOW_J) + sizeof(FLOW_G) - 3);
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_B6_J);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		size_t want = _i == SGA_SUITE_C ? rows[i].c : rows[i].x;

		if (rows[i].m <= FLOW_A4)
			want -= less;
		ck_assert_uint_eq(flow_octets(&f, rows[i].m).n, want);
	}
	flow_fini(&f);
}
END_TEST

/* The longest of everything. */
START_TEST(long_names)
{
	static const struct flow_conf conf = { .suite = SGA_SUITE_C, .group = SGA_GROUP_FFDHE4096 };
	char name[SGA_ID_MAX + 1];
	struct sga_device *d;
	struct flow f;

	memset(name, 'x', SGA_ID_MAX);
	name[SGA_ID_MAX] = '\0';
	flow_init(&f, &conf);
	d = flow_device(name, f.keys, &f.gateway, 8, 0x11);
	sga_device_free(f.i);
	f.i = d;
	name[0] = 'y';
	d = flow_device(name, f.keys, &f.gateway, 9, 0x22);
	sga_device_free(f.j);
	f.j = d;
	flow_run(&f, FLOW_DATA_J);
	flow_fini(&f);
}
END_TEST

/* ---- no ---- */

START_TEST(peer_refuses)
{
	const struct flow_conf conf = { .suite = (uint8_t)_i, .refuse = true };
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A4);
	ck_assert_int_eq(sga_session_state(f.si), SGA_S_CLOSED);
	ck_assert_int_eq(sga_session_state(f.sj), SGA_S_CLOSED);
	ck_assert_int_eq(sga_server_session_state(f.sg), SGA_G_CLOSED);
	ck_assert_int_eq(sga_b1_make(f.si, f.i, NULL, &to), RC_CONFLICT);
	ck_assert_int_eq(sga_server_refuse(f.sg, SGA_ROLE_I, &f.at_i.kd, &to), RC_CONFLICT);
	ck_assert_int_eq(sga_server_refuse(f.sg, SGA_ROLE_J, &f.at_j.kd, &to), RC_CONFLICT);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* G ends it after that message was taken; whom it can tell then. */
static const struct {
	enum flow_message after;
	bool i, j;
} ends[] = {
	{ FLOW_A1, true, false },  { FLOW_A2, true, false },  { FLOW_A3, false, true },
	{ FLOW_A4, true, true },   { FLOW_B1, true, false },  { FLOW_B2, true, true },
	{ FLOW_B3, false, false }, { FLOW_B6_J, true, true }, { FLOW_DATA_J, true, true },
};

static void
tell(struct flow *f, enum sga_role role, struct buf *to)
{
	const struct key *kd = role == SGA_ROLE_I ? &f->at_i.kd : &f->at_j.kd;

	buf_clear(to);
	ck_assert_int_eq(sga_server_refuse(f->sg, role, kd, to), RC_OK);
	ck_assert_int_eq(sga_server_session_state(f->sg), SGA_G_CLOSED);
}

/* i takes the end. */
static enum rc
hear(struct flow *f, enum flow_message after, struct slice end)
{
	return after < FLOW_A3 ? sga_a4_take(f->si, f->i, end) : sga_b6_take(f->si, end, FLOW_NOW);
}

START_TEST(gateway_refuses)
{
	const struct flow_conf conf = { .reload = true };
	struct flow f;
	struct buf to;

	buf_init(&to, SGA_MESSAGE_MAX);
	flow_init(&f, &conf);
	flow_run(&f, ends[_i].after);
	if (ends[_i].i) {
		tell(&f, SGA_ROLE_I, &to);
		ck_assert_int_eq(hear(&f, ends[_i].after, buf_view(&to)), RC_OK);
		ck_assert_int_eq(sga_session_state(f.si), SGA_S_CLOSED);
		/* Once. */
		ck_assert_int_eq(hear(&f, ends[_i].after, buf_view(&to)), RC_CONFLICT);
		ck_assert_int_eq(sga_server_refuse(f.sg, SGA_ROLE_I, &f.at_i.kd, &to), RC_CONFLICT);
	}
	if (ends[_i].j) {
		tell(&f, SGA_ROLE_J, &to);
		ck_assert_int_eq(sga_b6_take(f.sj, buf_view(&to), FLOW_NOW), RC_OK);
		ck_assert_int_eq(sga_session_state(f.sj), SGA_S_CLOSED);
	}
	if (ends[_i].after < FLOW_A3)
		ck_assert_int_eq(sga_server_refuse(f.sg, SGA_ROLE_J, &f.at_j.kd, &to), RC_CONFLICT);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* ---- a step that is not due ---- */

/* Everything that either party could make, and what it must not be. */
static void
expect_nothing_else(struct flow *f, int next)
{
	const struct sga_random *random = &f->random.random;
	struct buf before, after, to;

	buf_init(&to, SGA_MESSAGE_MAX);
	flow_state(f, &before);
	if (f->si != NULL && next != FLOW_B1)
		ck_assert_int_eq(sga_b1_make(f->si, f->i, random, &to), RC_CONFLICT);
	if (f->sj != NULL && next != FLOW_A3)
		ck_assert_int_eq(sga_a3_make(f->sj, f->j, true, FLOW_NOW, random, &to),
		                 RC_CONFLICT);
	if (f->sj != NULL && next != FLOW_B3)
		ck_assert_int_eq(sga_b3_make(f->sj, f->j, random, &to), RC_CONFLICT);
	if (f->si != NULL && next <= FLOW_B6_I)
		ck_assert_int_eq(sga_record_seal(f->si, f->i, 0, SLICE_NONE, FLOW_NOW, &to),
		                 RC_CONFLICT);
	ck_assert_uint_eq(to.n, 0);
	flow_state(f, &after);
	ck_assert(slice_eq(buf_view(&before), buf_view(&after)));
	buf_fini(&before);
	buf_fini(&after);
	buf_fini(&to);
}

START_TEST(out_of_turn)
{
	const struct flow_conf conf = { 0 };
	struct flow f;

	flow_init(&f, &conf);
	for (int m = 0; m < FLOW_MESSAGES; m++) {
		expect_nothing_else(&f, m);
		flow_run(&f, (enum flow_message)m);
	}
	expect_nothing_else(&f, FLOW_MESSAGES);
	flow_fini(&f);
}
END_TEST

/* A buffer that is full: nothing has happened, and the step is still due. */
START_TEST(no_room)
{
	static const enum flow_message made[] = { FLOW_R1_I,   FLOW_A1,     FLOW_A3,
		                                  FLOW_B1,     FLOW_B3,     FLOW_CONF_I,
		                                  FLOW_CONF_J, FLOW_DATA_I, FLOW_DATA_J };
	const struct flow_conf conf = { 0 };
	struct buf before, after, small;
	struct flow f;

	flow_init(&f, &conf);
	for (size_t i = 0; i < NITEMS(made); i++) {
		if (made[i] > 0)
			flow_run(&f, (enum flow_message)(made[i] - 1));
		flow_state(&f, &before);
		buf_init(&small, 10);
		if (made[i] == FLOW_A3)
			ck_assert_int_eq(sga_a3_make(f.sj, f.j, true, 1, NULL, &small),
			                 RC_NO_SPACE);
		if (made[i] == FLOW_B1)
			ck_assert_int_eq(sga_b1_make(f.si, f.i, NULL, &small), RC_NO_SPACE);
		if (made[i] == FLOW_B3)
			ck_assert_int_eq(sga_b3_make(f.sj, f.j, NULL, &small), RC_NO_SPACE);
		if (made[i] >= FLOW_CONF_I)
			ck_assert_int_eq(
				sga_record_seal(made[i] % 2 == FLOW_CONF_I % 2 ? f.si : f.sj, f.i,
			                        0, SLICE_NONE, 0, &small),
				RC_NO_SPACE);
		ck_assert_uint_eq(small.n, 0);
		flow_state(&f, &after);
		ck_assert(slice_eq(buf_view(&before), buf_view(&after)));
		buf_fini(&small);
		buf_fini(&before);
		buf_fini(&after);
	}
	flow_fini(&f);
}
END_TEST

/* ---- states that are none ---- */

#define MUTATE(type, at)                                                                           \
	do {                                                                                       \
		struct buf saved;                                                                  \
		struct type *again;                                                                \
                                                                                                   \
		if ((at) == NULL)                                                                  \
			break;                                                                     \
		buf_init(&saved, SGA_SESSION_SAVED_MAX);                                           \
		ck_assert_int_eq(type##_save(at, &saved), RC_OK);                                  \
		for (size_t k = 0; k < saved.n; k++) {                                             \
			saved.p[k] = (char)(saved.p[k] ^ (1 << k % 8));                            \
			ck_assert_int_eq(type##_load(buf_view(&saved), &again), RC_BAD_REQUEST);   \
			ck_assert_ptr_null(again);                                                 \
			saved.p[k] = (char)(saved.p[k] ^ (1 << k % 8));                            \
			ck_assert_int_eq(type##_load(slice_head(buf_view(&saved), k), &again),     \
			                 RC_BAD_REQUEST);                                          \
		}                                                                                  \
		ck_assert_int_eq(type##_load(buf_view(&saved), &again), RC_OK);                    \
		type##_free(again);                                                                \
		buf_fini(&saved);                                                                  \
	} while (0)

START_TEST(states_refused)
{
	const struct flow_conf conf = { 0 };
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, (enum flow_message)_i);
	MUTATE(sga_device, f.i);
	MUTATE(sga_session, f.si);
	MUTATE(sga_session, f.sj);
	MUTATE(sga_server_session, f.sg);
	flow_fini(&f);
}
END_TEST

/* The hash is right, what it is of is not. */
START_TEST(states_of_nothing)
{
	const struct flow_conf conf = { 0 };
	struct sga_session *again;
	struct flow f;
	struct buf saved;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_DATA_J);
	for (unsigned i = 0; i < 8; i++) {
		struct sga_session kept = *f.si;

		kept.state = i == 0 ? SGA_S_CLOSED + 1 : i == 1 ? SGA_S_INVITED : kept.state;
		kept.suite = i == 2 ? 3 : kept.suite;
		kept.group = i == 3 ? SGA_GROUP_FFDHE2048 : kept.group;
		kept.cid = i == 4 ? 11 : kept.cid;
		kept.out.ctr = i == 5 ? SGA_RECORDS_MAX + 1 : kept.out.ctr;
		kept.ids.j.n = i == 6 ? 0 : kept.ids.j.n;
		if (i == 6)
			memset(kept.ids.j.v, 0, sizeof(kept.ids.j.v));
		kept.confirmed = i != 7;
		buf_init(&saved, SGA_SESSION_SAVED_MAX);
		ck_assert_int_eq(sga_session_save(&kept, &saved), RC_OK);
		ck_assert_int_eq(sga_session_load(buf_view(&saved), &again), RC_BAD_REQUEST);
		buf_fini(&saved);
	}
	flow_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga session");
	TCase *c = suite_case(s, "way", NULL, NULL);

	tcase_add_loop_test(c, whole, 0, (int)NITEMS(ways));
	tcase_add_loop_test(c, sizes, SGA_SUITE_C, SGA_SUITE_X + 1);
	tcase_add_test(c, long_names);
	c = suite_case(s, "no", NULL, NULL);
	tcase_add_loop_test(c, peer_refuses, SGA_SUITE_C, SGA_SUITE_X + 1);
	tcase_add_loop_test(c, gateway_refuses, 0, (int)NITEMS(ends));
	c = suite_case(s, "turns", NULL, NULL);
	tcase_add_test(c, out_of_turn);
	tcase_add_test(c, no_room);
	c = suite_case(s, "states", NULL, NULL);
	tcase_add_loop_test(c, states_refused, FLOW_R1_I, FLOW_MESSAGES);
	tcase_add_test(c, states_of_nothing);
	return run_suite(s);
}
