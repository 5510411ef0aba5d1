/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: the key, records of members, epochs, notices, states. */
#include "config.h"

#include "sga/group_own.h"
#include "sga/hop.h"
#include "sga_flow.h"

#define MEMBERS 4

/* A group of alpha, beta, gamma, who sign, and delta, who does not; gamma owns it. */
static struct sga_keys *keys;
static struct sign_public gateway;
static struct sga_device *device[MEMBERS];
static struct sga_member member[MEMBERS];
static struct sga_team *team[MEMBERS];
static struct buf text, record, plain;
static struct flow_random known;

enum { ALPHA, BETA, GAMMA, DELTA };

static void
setup(void)
{
	static const char *const names[MEMBERS] = { FLOW_I, FLOW_J, "gamma.example", "delta" };

	flow_random_init(&known, "group");
	keys = flow_keys(SGA_SUITE_X, 0, 5, &gateway);
	for (uint8_t i = 0; i < MEMBERS; i++) {
		device[i] = flow_device(names[i], keys, &gateway, 3,
		                        i == DELTA ? 0 : (uint8_t)(0x11 + i));
		member[i] = (struct sga_member){ .id = flow_id(names[i]), .signs = i != DELTA };
		if (member[i].signs)
			sign_key_public(sga_device_sign_key(device[i]), &member[i].sign);
		team[i] = NULL;
	}
	buf_init(&text, SGA_MESSAGE_MAX);
	buf_init(&record, 2 * SGA_MESSAGE_MAX);
	buf_init(&plain, 2 * SGA_MESSAGE_MAX);
}

static void
teardown(void)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		sga_device_free(device[i]);
		sga_team_free(team[i]);
	}
	sga_keys_free(keys);
	buf_fini(&text);
	buf_fini(&record);
	buf_fini(&plain);
}

/* An epoch with the first count members of order; everyone of them takes it. */
static struct sga_sid
begin(uint32_t epoch, uint16_t cid, const struct sga_sid *gid, const unsigned *who, size_t count)
{
	struct sga_member members[MEMBERS];
	struct sga_team_conf conf = {
		.epoch = epoch, .cid = cid, .members = members, .count = count
	};
	struct sga_team *next;

	if (gid != NULL)
		conf.gid = *gid;
	for (size_t i = 0; i < count; i++)
		members[i] = member[who[i]];
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, &known.random, &next), RC_OK);
	sga_team_free(team[GAMMA]);
	team[GAMMA] = next;
	buf_clear(&text);
	ck_assert_int_eq(sga_team_key_write(next, &text), RC_OK);
	for (size_t i = 0; i < count; i++) {
		if (who[i] == GAMMA)
			continue;
		ck_assert_int_eq(sga_team_take(device[who[i]], buf_view(&text), &member[GAMMA].id,
		                               team[who[i]], &next),
		                 RC_OK);
		sga_team_free(team[who[i]]);
		team[who[i]] = next;
	}
	return *sga_team_id(team[GAMMA]);
}

static const unsigned all[] = { ALPHA, BETA, GAMMA, DELTA };

static void
say(unsigned who, const char *what)
{
	buf_clear(&record);
	ck_assert_int_eq(sga_team_seal(team[who], device[who], slice_of(what), &record), RC_OK);
}

static enum rc
hear(unsigned who, struct slice octets, struct sga_team_plain *out)
{
	struct buf secret[2], open[2];
	enum rc rc;

	for (int i = 0; i < 2; i++) {
		buf_init(&secret[i], SGA_GROUP_SECRET_MAX);
		buf_init(&open[i], SGA_GROUP_OPEN_MAX);
	}
	ck_assert_int_eq(sga_team_save(team[who], &secret[0], &open[0]), RC_OK);
	buf_clear(&plain);
	rc = sga_team_open(team[who], octets, out, &plain);
	ck_assert_int_eq(sga_team_save(team[who], &secret[1], &open[1]), RC_OK);
	/* What is refused changes nothing. */
	ck_assert(slice_eq(buf_view(&secret[0]), buf_view(&secret[1])) == (rc != RC_OK));
	ck_assert(slice_eq(buf_view(&open[0]), buf_view(&open[1])) == (rc != RC_OK));
	ck_assert(rc == RC_OK || plain.n == 0);
	for (int i = 0; i < 2; i++) {
		buf_fini(&secret[i]);
		buf_fini(&open[i]);
	}
	return rc;
}

/* ---- what members say ---- */

START_TEST(all_hear)
{
	struct sga_team_plain out;

	begin(1, (uint16_t)_i, NULL, all, NITEMS(all));
	for (unsigned from = 0; from < DELTA; from++)
		for (unsigned n = 0; n < 3; n++) {
			say(from, "good morning");
			/* Sent back it is nothing that another has said. */
			ck_assert_int_eq(hear(from, buf_view(&record), &out), RC_CONFLICT);
			for (unsigned who = 0; who < MEMBERS; who++) {
				if (who == from)
					continue;
				ck_assert_int_eq(hear(who, buf_view(&record), &out), RC_OK);
				ck_assert(slice_is(out.data, "good morning"));
				ck_assert(sga_id_equal(&out.sender->id, &member[from].id));
				ck_assert_uint_eq(out.ctr, n);
				ck_assert_uint_eq(out.missed, 0);
				ck_assert_int_eq(hear(who, buf_view(&record), &out), RC_CONFLICT);
			}
		}
	/* Who has no key that others know only listens. */
	ck_assert_int_eq(sga_team_seal(team[DELTA], device[DELTA], SLICE_LIT("x"), &record),
	                 RC_CONFLICT);
	ck_assert_uint_eq(sga_team_sealed(team[DELTA]), 0);
	ck_assert_uint_eq(sga_team_sealed(team[ALPHA]), 3);
}
END_TEST

START_TEST(numbers)
{
	struct sga_team_plain out;
	struct buf first;

	begin(1, 3, NULL, all, NITEMS(all));
	buf_init(&first, SGA_MESSAGE_MAX);
	say(ALPHA, "0");
	buf_slice(&first, buf_view(&record));
	for (unsigned n = 1; n < 4; n++)
		say(ALPHA, "later");
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_OK);
	ck_assert_uint_eq(out.ctr, 3);
	ck_assert_uint_eq(out.missed, 3);
	ck_assert_int_eq(hear(BETA, buf_view(&first), &out), RC_CONFLICT);
	team[ALPHA]->sealed = SGA_GROUP_RECORDS_MAX;
	ck_assert_int_eq(sga_team_seal(team[ALPHA], device[ALPHA], SLICE_LIT("x"), &first),
	                 RC_PRECONDITION);
	buf_fini(&first);
}
END_TEST

START_TEST(changed)
{
	struct sga_team_plain out;
	uint32_t epoch;
	struct sga_id sender;

	begin(1, 3, NULL, all, NITEMS(all));
	say(ALPHA, "good morning");
	for (size_t k = 0; k < record.n; k++)
		for (unsigned bit = 0; bit < 8; bit++) {
			record.p[k] = (char)(record.p[k] ^ (1 << bit));
			ck_assert_int_ne(hear(BETA, buf_view(&record), &out), RC_OK);
			record.p[k] = (char)(record.p[k] ^ (1 << bit));
		}
	for (size_t n = 0; n < record.n; n++)
		ck_assert_int_ne(hear(BETA, slice_head(buf_view(&record), n), &out), RC_OK);
	ck_assert_int_eq(sga_team_peek(buf_view(&record), &epoch, &sender), RC_OK);
	ck_assert_uint_eq(epoch, 1);
	ck_assert(sga_id_equal(&sender, &member[ALPHA].id));
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_OK);
}
END_TEST

/* A member has GK, and so the keys of all others; it cannot sign for them. */
START_TEST(impersonation)
{
	struct sga_team_plain out;
	struct sga_team *mine;

	begin(1, 3, NULL, all, NITEMS(all));
	mine = team[BETA];
	/* Beta believes that it is alpha, and that its key is alpha's: all is right but the key. */
	sga_team_seat(mine, &member[ALPHA].id)->member.sign = member[BETA].sign;
	sga_device_free(device[ALPHA]);
	device[ALPHA] = flow_device(FLOW_I, keys, &gateway, 3, 0x11 + BETA);
	buf_clear(&record);
	ck_assert_int_eq(sga_team_seal(mine, device[ALPHA], SLICE_LIT("I am alpha"), &record),
	                 RC_OK);
	ck_assert_int_eq(hear(GAMMA, buf_view(&record), &out), RC_DENIED);
	ck_assert_int_eq(hear(DELTA, buf_view(&record), &out), RC_DENIED);
	/* Alpha itself would notice that it has another key now than the owner said. */
	ck_assert_int_eq(sga_team_seal(team[ALPHA], device[ALPHA], SLICE_LIT("x"), &record),
	                 RC_CONFLICT);
	/* Its own name it may use. */
	mine->sealed = 0;
	say(BETA, "I am beta");
	ck_assert_int_eq(hear(GAMMA, buf_view(&record), &out), RC_OK);
}
END_TEST

/* ---- epochs ---- */

START_TEST(who_is_gone)
{
	static const unsigned rest[] = { GAMMA, ALPHA };
	struct sga_team_plain out;
	struct sga_sid gid = begin(1, 3, NULL, all, NITEMS(all));
	struct buf old;

	buf_init(&old, SGA_MESSAGE_MAX);
	say(ALPHA, "to all");
	buf_slice(&old, buf_view(&record));
	begin(2, 3, &gid, rest, NITEMS(rest));
	/* The old epoch is over for those who went on. */
	ck_assert_int_eq(hear(GAMMA, buf_view(&old), &out), RC_PRECONDITION);
	say(BETA, "I am still here");
	ck_assert_int_eq(hear(GAMMA, buf_view(&record), &out), RC_PRECONDITION);
	/* And the new one is nothing for who is gone: not with the old key either. */
	say(ALPHA, "among us");
	ck_assert_int_eq(hear(GAMMA, buf_view(&record), &out), RC_OK);
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_PRECONDITION);
	team[BETA]->epoch = 2;
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_DENIED);
	/* Nor can it speak in it. */
	team[BETA]->sealed = 5;
	say(BETA, "let me in");
	ck_assert_int_eq(hear(GAMMA, buf_view(&record), &out), RC_DENIED);
	buf_fini(&old);
}
END_TEST

START_TEST(keys_taken)
{
	static const unsigned two[] = { GAMMA, ALPHA };
	struct sga_sid gid = begin(3, 3, NULL, all, NITEMS(all));
	struct sga_team *next;

	/* Not for who is no member, from who is none, from oneself. */
	begin(4, 3, &gid, two, NITEMS(two));
	ck_assert_int_eq(
		sga_team_take(device[BETA], buf_view(&text), &member[GAMMA].id, NULL, &next),
		RC_DENIED);
	ck_assert_int_eq(
		sga_team_take(device[ALPHA], buf_view(&text), &member[BETA].id, NULL, &next),
		RC_DENIED);
	ck_assert_int_eq(
		sga_team_take(device[ALPHA], buf_view(&text), &member[ALPHA].id, NULL, &next),
		RC_DENIED);
	/* Not again, and not from another member than the owner. */
	ck_assert_int_eq(sga_team_take(device[ALPHA], buf_view(&text), &member[GAMMA].id,
	                               team[ALPHA], &next),
	                 RC_CONFLICT);
	begin(5, 3, &gid, all, NITEMS(all));
	team[ALPHA]->epoch = 1;
	ck_assert_int_eq(
		sga_team_take(device[ALPHA], buf_view(&text), &member[BETA].id, team[ALPHA], &next),
		RC_DENIED);
	ck_assert_int_eq(sga_team_take(device[ALPHA], buf_view(&text), &member[GAMMA].id,
	                               team[ALPHA], &next),
	                 RC_OK);
	ck_assert_uint_eq(sga_team_epoch(next), 5);
	ck_assert_uint_eq(sga_team_cid(next), 3);
	ck_assert(sga_id_equal(sga_team_owner(next), &member[GAMMA].id));
	ck_assert_ptr_nonnull(sga_team_member_at(next, 3));
	ck_assert_ptr_null(sga_team_member_at(next, 4));
	sga_team_free(next);
	/* Of another group. */
	team[ALPHA]->gid.v[0] ^= 1;
	ck_assert_int_eq(sga_team_take(device[ALPHA], buf_view(&text), &member[GAMMA].id,
	                               team[ALPHA], &next),
	                 RC_DENIED);
}
END_TEST

START_TEST(keys_cut)
{
	struct sga_team *next;

	begin(1, 3, NULL, all, NITEMS(all));
	for (size_t n = 0; n < text.n; n++) {
		ck_assert_int_eq(sga_team_take(device[ALPHA], slice_head(buf_view(&text), n),
		                               &member[GAMMA].id, NULL, &next),
		                 RC_BAD_REQUEST);
		ck_assert_ptr_null(next);
	}
	buf_char(&text, '\0');
	ck_assert_int_eq(
		sga_team_take(device[ALPHA], buf_view(&text), &member[GAMMA].id, NULL, &next),
		RC_BAD_REQUEST);
}
END_TEST

START_TEST(members_refused)
{
	struct sga_member members[SGA_GROUP_MEMBERS_MAX + 1];
	struct sga_team_conf conf = { .epoch = 1, .cid = 3, .members = members, .count = 2 };
	struct sga_team *g;
	struct buf big;

	memset(members, 0, sizeof(members));
	members[0] = member[GAMMA];
	members[1] = member[ALPHA];
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_OK);
	sga_team_free(g);
	ck_assert_int_eq(sga_team_make(device[BETA], &conf, NULL, &g), RC_CONFLICT);
	members[1] = member[GAMMA];
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_CONFLICT);
	members[1] = (struct sga_member){ 0 };
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_CONFLICT);
	members[1] = member[ALPHA];
	conf.epoch = 0;
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_CONFLICT);
	conf.epoch = 1;
	conf.cid = 11;
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_CONFLICT);
	conf.cid = 3;
	for (unsigned i = 1; i <= SGA_GROUP_MEMBERS_MAX; i++) {
		char name[SGA_ID_MAX + 1];

		snprintf(name, sizeof(name), "%064u", i);
		members[i] = member[ALPHA];
		members[i].id = flow_id(name);
	}
	conf.count = SGA_GROUP_MEMBERS_MAX + 1;
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_CONFLICT);
	conf.count = SGA_GROUP_MEMBERS_MAX;
	ck_assert_int_eq(sga_team_make(device[GAMMA], &conf, NULL, &g), RC_OK);
	/* The largest group fits into one record. */
	buf_init(&big, SGA_DATA_MAX);
	ck_assert_int_eq(sga_team_key_write(g, &big), RC_OK);
	ck_assert_uint_le(big.n, SGA_GROUP_KEY_MAX);
	buf_fini(&big);
	sga_team_free(g);
}
END_TEST

/* ---- states ---- */

START_TEST(kept)
{
	struct sga_team_plain out;
	struct buf secret, open;
	struct sga_team *again;

	begin(1, 3, NULL, all, NITEMS(all));
	say(ALPHA, "0");
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_OK);
	buf_init(&secret, SGA_GROUP_SECRET_MAX);
	buf_init(&open, SGA_GROUP_OPEN_MAX);
	ck_assert_int_eq(sga_team_save(team[BETA], &secret, &open), RC_OK);
	for (size_t k = 0; k < secret.n; k++) {
		secret.p[k] ^= 1;
		ck_assert_int_eq(sga_team_load(buf_view(&secret), buf_view(&open), &again),
		                 RC_BAD_REQUEST);
		secret.p[k] ^= 1;
		ck_assert_int_eq(
			sga_team_load(slice_head(buf_view(&secret), k), buf_view(&open), &again),
			RC_BAD_REQUEST);
	}
	for (size_t k = 0; k < open.n; k++) {
		open.p[k] ^= 1;
		ck_assert_int_eq(sga_team_load(buf_view(&secret), buf_view(&open), &again),
		                 RC_BAD_REQUEST);
		open.p[k] ^= 1;
		ck_assert_int_eq(
			sga_team_load(buf_view(&secret), slice_head(buf_view(&open), k), &again),
			RC_BAD_REQUEST);
	}
	ck_assert_int_eq(sga_team_load(buf_view(&secret), buf_view(&open), &again), RC_OK);
	sga_team_free(team[BETA]);
	team[BETA] = again;
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_CONFLICT);
	say(ALPHA, "1");
	ck_assert_int_eq(hear(BETA, buf_view(&record), &out), RC_OK);
	buf_fini(&secret);
	buf_fini(&open);
}
END_TEST

/* ---- notices ---- */

START_TEST(notice)
{
	const struct flow_conf conf = { 0 };
	struct sga_member members[2];
	struct sga_team_conf of = { .epoch = 7, .cid = 3, .members = members, .count = 2 };
	const struct sga_id g = flow_id(FLOW_G);
	struct sga_team *mine;
	struct sga_id left;
	struct flow f;

	members[0] = member[ALPHA];
	members[1] = member[BETA];
	flow_init(&f, &conf);
	flow_run(&f, FLOW_R2_J);
	ck_assert_int_eq(sga_team_make(f.i, &of, NULL, &mine), RC_OK);
	buf_clear(&record);
	ck_assert_int_eq(sga_notice_make(SGA_SUITE_X, sga_team_id(mine), 7, &member[BETA].id,
	                                 &f.at_i.kd, &member[ALPHA].id, &g, &record),
	                 RC_OK);
	for (size_t k = 0; k < record.n; k++) {
		record.p[k] ^= 1;
		ck_assert_int_ne(sga_notice_take(mine, f.i, buf_view(&record), &left), RC_OK);
		record.p[k] ^= 1;
		ck_assert_int_ne(
			sga_notice_take(mine, f.i, slice_head(buf_view(&record), k), &left), RC_OK);
	}
	ck_assert_int_eq(sga_notice_take(mine, f.j, buf_view(&record), &left), RC_DENIED);
	ck_assert_int_eq(sga_notice_take(mine, f.i, buf_view(&record), &left), RC_OK);
	ck_assert(sga_id_equal(&left, &member[BETA].id));
	left = g;
	mine->epoch = 8;
	ck_assert_int_eq(sga_notice_take(mine, f.i, buf_view(&record), &left), RC_EXPIRED);
	ck_assert(sga_id_equal(&left, &member[BETA].id));
	mine->epoch = 9;
	ck_assert_int_eq(sga_notice_take(mine, f.i, buf_view(&record), &left), RC_PRECONDITION);
	mine->epoch = 6;
	ck_assert_int_eq(sga_notice_take(mine, f.i, buf_view(&record), &left), RC_PRECONDITION);
	sga_team_free(mine);
	flow_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga group");
	TCase *c = suite_case(s, "records", setup, teardown);

	tcase_add_loop_test(c, all_hear, 1, 11);
	tcase_add_test(c, numbers);
	tcase_add_test(c, changed);
	tcase_add_test(c, impersonation);
	c = suite_case(s, "epochs", setup, teardown);
	tcase_add_test(c, who_is_gone);
	tcase_add_test(c, keys_taken);
	tcase_add_test(c, keys_cut);
	tcase_add_test(c, members_refused);
	c = suite_case(s, "states", setup, teardown);
	tcase_add_test(c, kept);
	tcase_add_test(c, notice);
	return run_suite(s);
}
