/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever has the keys of a message and says with them what it should not: a gateway, a peer, a
 * device that nobody knows, one that saw something else than the others. One outcome for all causes.
 */
#include "config.h"

#include "sga/octets.h"
#include "sga/server_own.h"
#include "sga/session_own.h"
#include "sga_flow.h"

/* ---- what the transcript binds ---- */

START_TEST(transcript_of_all)
{
	struct sga_hash dp = { { 1 } }, heard[SGA_HS] = { { { 0 } } }, th, other;

	ck_assert_int_eq(sga_transcript(2, &dp, heard, &th), RC_OK);
	ck_assert_int_eq(sga_transcript(1, &dp, heard, &other), RC_OK);
	ck_assert_mem_ne(&th, &other, sizeof(th));
	dp.v[31] ^= 1;
	ck_assert_int_eq(sga_transcript(2, &dp, heard, &other), RC_OK);
	ck_assert_mem_ne(&th, &other, sizeof(th));
	dp.v[31] ^= 1;
	for (unsigned i = 0; i < SGA_HS; i++) {
		heard[i].v[i] ^= 1;
		ck_assert_int_eq(sga_transcript(2, &dp, heard, &other), RC_OK);
		ck_assert_mem_ne(&th, &other, sizeof(th));
		heard[i].v[i] ^= 1;
	}
}
END_TEST

/* A device that saw another message, package, peer or cipher than G: B6 is not for it. */
START_TEST(view_of_one)
{
	const struct flow_conf conf = { 0 };
	struct flow f;
	struct sga_session *s;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_B3);
	s = _i % 2 == 0 ? f.si : f.sj;
	switch (_i / 2) {
	case SGA_HS:
		s->dp.v[0] ^= 1;
		break;
	case SGA_HS + 1:
		s->ids.i.v[0] ^= 1;
		break;
	case SGA_HS + 2:
		s->k_is.v[0] ^= 1;
		break;
	default:
		s->heard[_i / 2].v[0] ^= 1;
		break;
	}
	/* What B6 itself brings is not taken from the session. */
	if (_i % 2 == 0 ? _i / 2 == SGA_H_B2 || _i / 2 == SGA_H_B3 : _i / 2 == SGA_H_A4) {
		flow_run(&f, FLOW_DATA_J);
	} else if (_i % 2 == 0) {
		f.next = FLOW_B6_I;
		flow_refuses(&f, FLOW_B6_I, flow_octets(&f, FLOW_B6_I));
	} else {
		flow_refuses(&f, FLOW_B6_J, flow_octets(&f, FLOW_B6_J));
	}
	flow_fini(&f);
}
END_TEST

/* G, or who has its keys, tells j of a weaker cipher than i asked for: i does not agree. */
START_TEST(weaker_cipher)
{
	const struct flow_conf conf = { .cid = 4 };
	const struct key cookie = { { 9 } };
	const struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW };
	struct sga_a1 a1;
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_R2_J);
	flow_make(&f, FLOW_A1);
	ck_assert_int_eq(sga_a1_open(f.keys, flow_octets(&f, FLOW_A1), &a1), RC_OK);
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.at_i.kd), RC_OK);
	a1.cid = 1;
	/* It is what i said under t. */
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.at_i.kd), RC_DENIED);
	ck_assert_int_eq(sga_a2_make(f.keys, &a1, &f.at_i, &f.at_j, SGA_CIPHERS_KNOWN, FLOW_NOW,
	                             NULL, &f.sg, &f.message[FLOW_A2]),
	                 RC_OK);
	f.next = FLOW_A2;
	f.made = true;
	flow_run(&f, FLOW_A3);
	ck_assert_uint_eq(sga_session_cid(f.sj), 1);
	flow_refuses(&f, FLOW_A4, flow_octets(&f, FLOW_A4));
	flow_fini(&f);
}
END_TEST

/* A cipher that is not in all sets is no cipher of the two. */
START_TEST(cipher_not_allowed)
{
	const struct flow_conf conf = { .cid = 4 };
	const struct key cookie = { { 9 } };
	const struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW };
	uint16_t without = (uint16_t)(SGA_CIPHERS_KNOWN & ~sga_cipher_bit(4));
	struct sga_server_session *s;
	struct sga_party i, j;
	struct sga_a1 a1;
	struct flow f;
	struct buf to;

	buf_init(&to, SGA_MESSAGE_MAX);
	flow_init(&f, &conf);
	flow_run(&f, FLOW_R2_J);
	flow_make(&f, FLOW_A1);
	i = f.at_i;
	j = f.at_j;
	ck_assert_int_eq(sga_a1_open(f.keys, flow_octets(&f, FLOW_A1), &a1), RC_OK);
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.at_i.kd), RC_OK);
	i.cids = _i == 0 ? without : i.cids;
	j.cids = _i == 1 ? without : j.cids;
	j.suite = _i == 3 ? SGA_SUITE_C : j.suite;
	ck_assert_int_eq(sga_a2_make(f.keys, &a1, &i, &j, _i == 2 ? without : SGA_CIPHERS_KNOWN,
	                             FLOW_NOW, NULL, &s, &to),
	                 RC_FORBIDDEN);
	ck_assert_ptr_null(s);
	ck_assert_uint_eq(to.n, 0);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* i and j believe in two packages of the same G: the session is not agreed on. */
START_TEST(another_package)
{
	const struct flow_conf conf = { 0 };
	struct sga_keys *next;
	struct sga_a3 a3;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	next = flow_keys(SGA_SUITE_X, 0, 6, &f.gateway);
	flow_run(&f, FLOW_A2);
	ck_assert_int_eq(
		sga_device_renew(f.j, sga_package_octets(sga_keys_package(next)), FLOW_NOW), RC_OK);
	flow_make(&f, FLOW_A3);
	ck_assert_int_eq(sga_a3_open(f.keys, flow_octets(&f, FLOW_A3), &a3), RC_DENIED);
	ck_assert_int_eq(sga_a3_open(next, flow_octets(&f, FLOW_A3), &a3), RC_OK);
	ck_assert_int_eq(sga_a3_take(f.sg, &a3, &f.at_i.kd, &f.at_j.kd, FLOW_NOW, &to), RC_DENIED);
	ck_assert_int_eq(sga_server_session_state(f.sg), SGA_G_INVITED);
	/* An older one is never taken back. */
	ck_assert_int_eq(
		sga_device_renew(f.j, sga_package_octets(sga_keys_package(f.keys)), FLOW_NOW),
		RC_CONFLICT);
	sga_keys_free(next);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* ---- one outcome ---- */

/* All that can be wrong about who invites. */
START_TEST(invitation_denied)
{
	const struct flow_conf conf = { 0 };
	const struct key cookie = { { 9 } }, other = { { 1, 2, 3 } };
	struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW };
	struct sga_a1 a1;
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_R2_J);
	flow_make(&f, FLOW_A1);
	ck_assert_int_eq(sga_a1_open(f.keys, flow_octets(&f, FLOW_A1), &a1), RC_OK);
	ck_assert_int_eq(sga_a1_check(&a1, &c, NULL), RC_DENIED);
	ck_assert_int_eq(sga_a1_check(&a1, &c, &other), RC_DENIED);
	for (int k = 0; k < 8; k++) {
		struct sga_a1 bad = a1;

		bad.header.flags ^= k == 0;
		bad.header.sid.v[0] ^= k == 1;
		bad.ids.j.v[0] ^= k == 2;
		bad.ids.i.v[0] ^= k == 3;
		bad.cid ^= k == 4;
		bad.time ^= k == 5;
		bad.masked.v[0] ^= k == 6;
		bad.t[0] ^= k == 7;
		ck_assert_int_eq(sga_a1_check(&bad, &c, &f.at_i.kd), RC_DENIED);
	}
	c.now = FLOW_NOW + SGA_TIME_WINDOW;
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.at_i.kd), RC_OK);
	c.now = FLOW_NOW + SGA_TIME_WINDOW + 1;
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.at_i.kd), RC_DENIED);
	c.now = FLOW_NOW - SGA_TIME_WINDOW - 1;
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.at_i.kd), RC_DENIED);
	flow_fini(&f);
}
END_TEST

/* All that can be wrong about who accepts. */
START_TEST(acceptance_denied)
{
	const struct flow_conf conf = { .refuse = _i == 1 };
	const struct key other = { { 1, 2, 3 } };
	struct sga_a3 a3;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A2);
	flow_make(&f, FLOW_A3);
	ck_assert_int_eq(sga_a3_open(f.keys, flow_octets(&f, FLOW_A3), &a3), RC_OK);
	for (int k = 0; k < 11; k++) {
		struct sga_a3 bad = a3;

		bad.header.flags ^= k == 0 ? SGA_FLAG_REFUSED : 0;
		bad.header.sid.v[0] ^= k == 1;
		bad.ids.j.v[0] ^= k == 2;
		bad.ids.i.v[0] ^= k == 3;
		bad.cid ^= k == 4;
		bad.time ^= k == 5;
		bad.masked.v[0] ^= k == 6;
		bad.t[0] ^= k == 7;
		bad.n[0] ^= k == 8;
		bad.a2.v[0] ^= k == 9;
		bad.dp.v[0] ^= k == 10;
		ck_assert_int_eq(sga_a3_take(f.sg, &bad, &f.at_i.kd, &f.at_j.kd, FLOW_NOW, &to),
		                 RC_DENIED);
	}
	ck_assert_int_eq(sga_a3_take(f.sg, &a3, &f.at_i.kd, &other, FLOW_NOW, &to), RC_DENIED);
	ck_assert_int_eq(sga_a3_take(f.sg, &a3, &f.at_i.kd, NULL, FLOW_NOW, &to), RC_DENIED);
	ck_assert_int_eq(sga_a3_take(f.sg, &a3, NULL, &f.at_j.kd, FLOW_NOW, &to), RC_DENIED);
	ck_assert_int_eq(sga_a3_take(f.sg, &a3, &f.at_i.kd, &f.at_j.kd, FLOW_NOW + 121, &to),
	                 RC_DENIED);
	ck_assert_uint_eq(to.n, 0);
	flow_deliver(&f, FLOW_A3);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* A device that nobody knows is not the one whose kd is what G computes with in its place. */
START_TEST(nobody)
{
	const struct flow_conf conf = { 0 };
	const struct key cookie = { { 9 } };
	const struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW };
	const struct sga_id g = flow_id(FLOW_G);
	struct sga_a1 a1;
	struct sga_a3 a3;
	struct sga_r1 r1;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A2);
	f.i->kd = f.j->kd = (struct key){ { 0 } };
	flow_make(&f, FLOW_A3);
	ck_assert_int_eq(sga_a3_open(f.keys, flow_octets(&f, FLOW_A3), &a3), RC_OK);
	ck_assert_int_eq(sga_a3_take(f.sg, &a3, &f.at_i.kd, NULL, FLOW_NOW, &to), RC_DENIED);
	sga_session_free(f.si);
	ck_assert_int_eq(sga_a1_make(f.i, sga_device_id(f.j), 3, FLOW_NOW, NULL, &f.si, &to),
	                 RC_OK);
	ck_assert_int_eq(sga_a1_open(f.keys, buf_view(&to), &a1), RC_OK);
	ck_assert_int_eq(sga_a1_check(&a1, &c, &f.i->kd), RC_OK);
	ck_assert_int_eq(sga_a1_check(&a1, &c, NULL), RC_DENIED);
	buf_clear(&to);
	ck_assert_int_eq(sga_r1_make(f.i, NULL, FLOW_NOW, NULL, &to), RC_OK);
	ck_assert_int_eq(sga_r1_open(f.keys, buf_view(&to), FLOW_NOW, &r1), RC_OK);
	ck_assert_int_eq(sga_r1_again_ok(&r1, &g, &f.i->kd), RC_OK);
	ck_assert_int_eq(sga_r1_again_ok(&r1, &g, NULL), RC_DENIED);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* i says its A1 a third time: what it says is right, but a second time is the last. */
START_TEST(third_time)
{
	const struct flow_conf conf = { 0 };
	const struct sga_header h = { .suite = SGA_SUITE_X, .type = SGA_A1, .ctr = (uint32_t)_i };
	struct sga_header header = h;
	struct sga_envelope e = { .label = "A1", .header = &header };
	const struct sga_package *p;
	struct sga_seal_context c;
	struct sga_hash hash;
	struct slice octets;
	uint8_t body[512];
	struct sga_a1 a1;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_R2_J);
	flow_make(&f, FLOW_A1);
	p = sga_keys_package(f.keys);
	octets = flow_octets(&f, FLOW_A1);
	header.sid = *sga_session_sid(f.si);
	c = (struct sga_seal_context){ &p->dp, "A1", (const uint8_t *)octets.p };
	ck_assert_int_eq(
		sga_open(sga_keys_e(f.keys), &c, slice_from(octets, SGA_HEADER_SIZE), body), RC_OK);
	e.dp = &p->dp;
	ck_assert_int_eq(
		sga_envelope_make(p->e, &e,
	                          slice_make(body, octets.n - SGA_HEADER_SIZE - p->suite->overhead),
	                          NULL, &to, &hash),
		RC_OK);
	ck_assert_int_eq(sga_a1_open(f.keys, buf_view(&to), &a1), _i <= 1 ? RC_OK : RC_DENIED);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* j answers another A2 than the one of this session. */
START_TEST(another_invitation)
{
	const struct flow_conf conf = { 0 };
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_A2);
	f.sj->heard[SGA_H_A2].v[0] ^= 1;
	flow_make(&f, FLOW_A3);
	flow_refuses(&f, FLOW_A3, flow_octets(&f, FLOW_A3));
	flow_fini(&f);
}
END_TEST

/* ---- a gateway that says what it should not ---- */

START_TEST(wrong_a2)
{
	const struct flow_conf conf = { 0 };
	struct sga_session *s;
	struct sga_server_session *sg;
	struct sga_a1 a1;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A1);
	ck_assert_int_eq(sga_a2_take(f.j, flow_octets(&f, FLOW_A2), FLOW_NOW + 121, &s), RC_DENIED);
	ck_assert_int_eq(sga_a2_take(f.j, flow_octets(&f, FLOW_A2), FLOW_NOW - 121, &s), RC_DENIED);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(sga_a2_take(f.j, flow_octets(&f, FLOW_A2), 0, &s), RC_OK);
	sga_session_free(s);
	/* Of names and ciphers that are not j's. */
	for (int k = 0; k < 4; k++) {
		ck_assert_int_eq(sga_a1_open(f.keys, flow_octets(&f, FLOW_A1), &a1), RC_OK);
		a1.ids.j.v[0] ^= k == 1;
		a1.ids.g.v[0] ^= k == 2;
		a1.ids.i = k == 3 ? a1.ids.j : a1.ids.i;
		buf_clear(&to);
		f.j->cids = k == 0 ? 0x0010 : SGA_CIPHERS_KNOWN;
		/* G computes with the names of the invitation; j with its own. */
		ck_assert_int_eq(sga_a2_make(f.keys, &a1, &f.at_i, &f.at_j, SGA_CIPHERS_KNOWN,
		                             FLOW_NOW, NULL, &sg, &to),
		                 RC_OK);
		ck_assert_int_eq(sga_a2_take(f.j, buf_view(&to), FLOW_NOW, &s), RC_DENIED);
		sga_server_session_free(sg);
	}
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

START_TEST(wrong_a4)
{
	const struct flow_conf conf = { 0 };
	const struct key none = { { 0 } }, some = { { 1 } };
	struct sga_server_session bad;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A2);
	for (int k = 0; k < 5; k++) {
		bad = *f.sg;
		bad.ids.i.v[0] ^= k == 2;
		bad.ids.j.v[0] ^= k == 3;
		bad.kt_i.v[0] ^= k == 4;
		buf_clear(&to);
		ck_assert_int_eq(
			sga_server_a4(&bad, &f.at_i.kd, k == 1, k == 0 ? &none : &some, &to),
			RC_OK);
		flow_refuses(&f, FLOW_A4, buf_view(&to));
	}
	flow_run(&f, FLOW_DATA_J);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* B2 as G makes it, but for one of its members: names, cipher, length. */
START_TEST(wrong_b2)
{
	const struct flow_conf conf = { 0 };
	struct sga_header h = { .suite = SGA_SUITE_X, .type = SGA_B2 };
	uint8_t body[SGA_IDS_MAX + 64];
	struct sga_writer w = sga_writer_of(body, sizeof(body));
	struct sga_ids ids;
	struct flow f;
	struct sga_way down;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A4);
	h.sid = *sga_session_sid(f.si);
	down = f.sg->hop_j.down;
	ids = f.sg->ids;
	if (_i >= 1 && _i <= 3)
		(_i == 1 ? &ids.i : _i == 2 ? &ids.g : &ids.j)->v[0] = 'x';
	sga_write_ids(&w, &ids);
	sga_write_be(&w, f.sg->cid + (_i == 4 ? 1u : 0u), 2);
	sga_write(&w, f.sg->heard[SGA_H_A1].v, SGA_HASH_SIZE);
	sga_write_be(&w, 0, _i == 5 ? 1 : 0);
	ck_assert_int_eq(
		sga_way_seal(&down, sga_server_cipher(f.sg), &h, sga_written(&w), &to, NULL),
		RC_OK);
	if (_i == 0)
		ck_assert_int_eq(sga_b2_take(f.sj, buf_view(&to)), RC_OK);
	else
		flow_refuses(&f, FLOW_B2, buf_view(&to));
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* An end says nothing but that. */
START_TEST(wrong_end)
{
	const struct flow_conf conf = { 0 };
	struct sga_header h = { .suite = SGA_SUITE_X, .type = SGA_B6, .flags = SGA_FLAG_REFUSED };
	struct sga_way down;
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A4);
	h.sid = *sga_session_sid(f.si);
	down = f.sg->hop_i.down;
	ck_assert_int_eq(
		sga_way_seal(&down, sga_server_cipher(f.sg), &h, SLICE_LIT("x"), &to, NULL), RC_OK);
	flow_refuses(&f, FLOW_B6_I, buf_view(&to));
	flow_run(&f, FLOW_DATA_J);
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* A message of a hop whose number is not the next one, by who has the key. */
START_TEST(number_of_a_hop)
{
	const struct flow_conf conf = { 0 };
	struct flow f;
	struct buf to;

	flow_init(&f, &conf);
	buf_init(&to, SGA_MESSAGE_MAX);
	flow_run(&f, FLOW_A4);
	f.sg->hop_i.down.ctr = 1;
	ck_assert_int_eq(sga_server_refuse(f.sg, SGA_ROLE_I, NULL, &to), RC_OK);
	flow_refuses(&f, FLOW_B6_I, buf_view(&to));
	buf_fini(&to);
	flow_fini(&f);
}
END_TEST

/* The halves of both are wrong in one octet of the plaintext: the same end for both devices. */
START_TEST(halves_denied)
{
	const struct flow_conf conf = { .suite = _i < 4 ? SGA_SUITE_X : SGA_SUITE_C };
	struct flow f;

	flow_init(&f, &conf);
	flow_run(&f, FLOW_B1);
	/* i (or j) computes with another k_auth than G: m1 is wrong, all else right; or m2. */
	f.at_i.kd.v[0] ^= _i % 4 == 0;
	f.at_j.kd.v[0] ^= _i % 4 == 1;
	f.sg->half.m2[0] ^= _i % 4 == 2;
	flow_run(&f, FLOW_B2);
	/* And j has heard another B2. */
	f.sj->heard[SGA_H_B2].v[0] ^= _i % 4 == 3;
	flow_make(&f, FLOW_B3);
	ck_assert_int_eq(flow_take(&f, FLOW_B3, flow_octets(&f, FLOW_B3)), RC_FORBIDDEN);
	ck_assert_int_eq(sga_server_session_state(f.sg), SGA_G_CLOSED);
	ck_assert_uint_eq(flow_octets(&f, FLOW_B6_I).n, SGA_HEADER_SIZE + 16);
	ck_assert_uint_eq(flow_octets(&f, FLOW_B6_J).n, SGA_HEADER_SIZE + 16);
	flow_deliver(&f, FLOW_B6_I);
	flow_deliver(&f, FLOW_B6_J);
	ck_assert_int_eq(sga_session_state(f.si), SGA_S_CLOSED);
	ck_assert_int_eq(sga_session_state(f.sj), SGA_S_CLOSED);
	flow_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga cheat");
	TCase *c = suite_case(s, "binding", NULL, NULL);

	tcase_add_test(c, transcript_of_all);
	tcase_add_loop_test(c, view_of_one, 0, 2 * (SGA_HS + 3));
	tcase_add_test(c, weaker_cipher);
	tcase_add_loop_test(c, cipher_not_allowed, 0, 4);
	tcase_add_test(c, another_package);
	c = suite_case(s, "one outcome", NULL, NULL);
	tcase_add_test(c, invitation_denied);
	tcase_add_loop_test(c, acceptance_denied, 0, 2);
	tcase_add_test(c, nobody);
	tcase_add_loop_test(c, third_time, 0, 3);
	tcase_add_test(c, another_invitation);
	tcase_add_loop_test(c, halves_denied, 0, 8);
	c = suite_case(s, "gateway", NULL, NULL);
	tcase_add_test(c, wrong_a2);
	tcase_add_test(c, wrong_a4);
	tcase_add_loop_test(c, wrong_b2, 0, 6);
	tcase_add_test(c, wrong_end);
	tcase_add_test(c, number_of_a_hop);
	return run_suite(s);
}
