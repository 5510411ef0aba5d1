/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phase B of the SGA as its paper has it, attacked, and libsga beside it: W8 to W10,
 * W14, W15, W18.
 *
 * Against libsga the attacker is given more than it can have: the hop keys of i, which need kd_i. So
 * it is seen that what stops it is not that layer alone.
 */
#include "config.h"

#include "sga/hop.h"
#include "sga/octets.h"
#include "sga/phase.h"
#include "sga_attack_bed.h"

/* ---- W8, W9, W10 ---- */

/* The peer reads what i has sealed for the gateway. */
START_TEST(peer_reads_b1)
{
	lit_negotiate(&lit);
	lit_request(&lit);
	lit_e(lit.j.kt_peer, &lit.b1, sizeof(lit.b1));
	ck_assert_mem_eq(lit.b1.n, lit.i.n, LIT_N);
	ck_assert_mem_eq(lit.b1.kis, lit.i.kis, LIT_N);
}
END_TEST

/* And then answers in the gateway's name; the key that i gets is the peer's. */
START_TEST(peer_makes_b6)
{
	static const uint8_t e[] = { 5 };
	uint8_t generator[LIT_N], k[LIT_N];
	struct lit_b6 b6;

	lit_negotiate(&lit);
	lit_request(&lit);
	lit_e(lit.j.kt_peer, &lit.b1, sizeof(lit.b1));
	ck_assert_int_eq(BN_bn2binpad(lit.g.g, generator, LIT_N), LIT_N);
	lit_power(&lit.g.package, generator, e, sizeof(e), b6.s);
	lit_f(lit.b1.kis, b6.mac, lit.i.id.v, (size_t)LIT_ID, lit.j.id.v, (size_t)LIT_ID,
	      lit.b1.kis, (size_t)LIT_N, b6.s, (size_t)LIT_N, NULL);
	ck_assert(lit_b6_take(&lit.i, &b6));
	lit_power(&lit.g.package, lit.b1.n, e, sizeof(e), k);
	ck_assert_mem_eq(lit.i.k, k, LIT_N);
}
END_TEST

/* It puts another N in place of that of i, under the mask that it cannot open. */
START_TEST(peer_changes_n)
{
	static const uint8_t n[LIT_N] = { [LIT_N - 1] = 9 }, r[] = { 3 };
	struct lit_b *b = &lit.b1;
	struct lit_b6 to_i, to_j;

	lit_negotiate(&lit);
	lit_request(&lit);
	lit_e(lit.j.kt_peer, b, sizeof(*b));
	lit_xor(b->masked, b->n, LIT_N);
	lit_xor(b->masked, n, LIT_N);
	memcpy(b->n, n, LIT_N);
	lit_power(&lit.g.package, n, r, sizeof(r), b->kis);
	lit_trapdoor(lit.g.f, r[0], b->f);
	lit_f(b->kis, b->mac, n, (size_t)LIT_N, NULL);
	lit_e(lit.j.kt_peer, b, sizeof(*b));
	lit_b1_take(&lit.g, b, &lit.b2);
	ck_assert(lit_b3_take(&lit.g, &lit.b3, &to_i, &to_j));
	ck_assert_mem_eq(lit.g.b1.n, n, LIT_N);
}
END_TEST

/* What the attacker works on. */
struct spoils {
	struct sga_hop hop; /* of i */
	struct sga_exchange x;
	struct sga_ids ids;
	struct sga_sid sid;
	struct sga_half half; /* B1 */
	uint8_t plain[1024];
	size_t n;
};

#define CIPHER cipher_find(sga.conf.cid)

/* kt_i, as the gateway has it. */
static struct key
kt_of_i(const struct sga_pair *who, struct sga_a1 *a1)
{
	struct key kt;

	ck_assert_uint_eq(sga_a1_open(sga.keys, sent(RUN_A1), a1), RC_OK);
	ck_assert_uint_eq(sga_kd_mask(&sga.i_at_g.kd, who, &a1->header.sid, SGA_A1, &kt), RC_OK);
	sga_xor(kt.v, a1->masked.v, kt.v, sizeof(kt.v));
	return kt;
}

/* The hop between i and the gateway, made with kd: of i, or what somebody else has. */
static void
hop_of(const struct key *kd, struct spoils *s)
{
	const struct sga_package *p = sga_keys_package(sga.keys);
	struct sga_pair who = { sga_device_id(sga.i), &p->id };
	struct sga_hash a1, a4;
	struct key kt, k_hop;
	struct sga_a1 m;
	struct sga_hop_terms t = { .cipher = CIPHER,
		                   .first = &a1,
		                   .second = &a4,
		                   .kt = &kt,
		                   .k_hop = &k_hop,
		                   .label = "B i" };

	memset(s, 0, sizeof(*s));
	kt = kt_of_i(&who, &m);
	s->ids = m.ids;
	s->sid = m.header.sid;
	s->x = (struct sga_exchange){ p->suite, p->group, &s->sid, &s->ids };
	ck_assert_uint_eq(sga_hash(sent(RUN_A1), &a1), RC_OK);
	ck_assert_uint_eq(sga_hash(sent(RUN_A4), &a4), RC_OK);
	ck_assert_uint_eq(sga_kd_hop(kd, &who, &k_hop), RC_OK);
	ck_assert_uint_eq(sga_hop_make(&t, &s->hop), RC_OK);
}

/* B1 opened: N F m1 m2. */
static enum rc
read_b1(struct spoils *s)
{
	struct sga_reader r;
	enum rc rc = sga_way_open(&s->hop.up, CIPHER, sent(RUN_B1), s->plain, &s->n);

	if (rc != RC_OK)
		return rc;
	r = sga_reader_of(slice_make(s->plain, s->n));
	sga_read_to(&r, s->half.n, s->x.group->element);
	sga_read_to(&r, s->half.f, s->x.suite->enc);
	sga_read_to(&r, s->half.m1, SGA_HASH_SIZE);
	sga_read_to(&r, s->half.m2, SGA_HASH_SIZE);
	ck_assert(sga_reader_done(&r));
	return RC_OK;
}

/* A message of the hop with that text, in place of what was sent. */
static void
seal_again(struct spoils *s, struct sga_way *way, uint8_t type, struct slice plain,
           enum run_message m)
{
	struct sga_header h = { .suite = sga.conf.suite, .type = type, .sid = s->sid };

	way->ctr = 0;
	buf_clear(&run.sent[m]);
	ck_assert_uint_eq(sga_way_seal(way, CIPHER, &h, plain, &run.sent[m], NULL), RC_OK);
}

START_TEST(peer_reads_b1_not)
{
	struct spoils s;

	ck_assert_uint_eq(run_until(&run, "b1_take"), RC_OK);
	/* kt_i is the peer's too; k_hop is not. */
	hop_of(&sga.j_at_g.kd, &s);
	ck_assert_uint_eq(read_b1(&s), RC_DENIED);
	hop_of(&sga.i_at_g.kd, &s);
	ck_assert_uint_eq(read_b1(&s), RC_OK);
}
END_TEST

/* K_is, as the gateway computes it: it has the trapdoor. */
static struct key
k_is_of(const struct spoils *s)
{
	uint8_t power[SGA_ELEMENT_MAX];
	struct sga_exponent r;
	struct key k;

	ck_assert_uint_eq(sga_trapdoor_open(sga_keys_f(sga.keys), sga_half_f(&s->x, &s->half), &r),
	                  RC_OK);
	ck_assert_uint_eq(sga_group_power(s->x.group, sga_half_n(&s->x, &s->half), &r, power),
	                  RC_OK);
	ck_assert_uint_eq(sga_half_key(&s->x, &s->half, power, &k), RC_OK);
	return k;
}

/* A B6 for i with an S of somebody's own, and a MAC under k. */
static void
forge_b6(struct spoils *s, const struct key *k)
{
	static const enum run_message hashed[SGA_HS] = { RUN_A1, RUN_A2, RUN_A3, RUN_A4,
		                                         RUN_B1, RUN_B2, RUN_B3 };
	struct sga_hash heard[SGA_HS], th;
	uint8_t octets[1024], element[SGA_ELEMENT_MAX], mac[SGA_HASH_SIZE];
	struct sga_writer w = sga_writer_of(octets, sizeof(octets));
	struct sga_exponent e;

	for (size_t i = 0; i < SGA_HS; i++)
		ck_assert_uint_eq(sga_hash(sent(hashed[i]), &heard[i]), RC_OK);
	ck_assert_uint_eq(
		sga_transcript(sga.conf.suite, &sga_keys_package(sga.keys)->dp, heard, &th), RC_OK);
	ck_assert_uint_eq(sga_group_exponent(s->x.group, NULL, &e), RC_OK);
	ck_assert_uint_eq(sga_group_base_power(s->x.group, &e, element), RC_OK);
	ck_assert_uint_eq(sga_b6_mac(&s->x, k, element, &th, mac), RC_OK);
	sga_write(&w, element, s->x.group->element);
	sga_write(&w, heard[SGA_H_B2].v, SGA_HASH_SIZE);
	sga_write(&w, heard[SGA_H_B3].v, SGA_HASH_SIZE);
	sga_write(&w, mac, sizeof(mac));
	ck_assert(!w.full);
	seal_again(s, &s->hop.down, SGA_B6, sga_written(&w), RUN_B6_I);
}

/* K_is is not in B1: even who has the hop cannot make B6. */
START_TEST(peer_makes_b6_not)
{
	struct key guess = { { 1 } }, k_is;
	struct spoils s;

	ck_assert_uint_eq(run_until(&run, "b6_take_i"), RC_OK);
	hop_of(&sga.i_at_g.kd, &s);
	ck_assert_uint_eq(read_b1(&s), RC_OK);
	k_is = k_is_of(&s);
	for (size_t i = 0; i + sizeof(k_is.v) <= s.n; i++) {
		ck_assert_mem_ne(s.plain + i, k_is.v, sizeof(k_is.v));
		memcpy(guess.v, s.plain + i, sizeof(guess.v));
		forge_b6(&s, &guess);
		ck_assert_uint_eq(run_step(&run, "b6_take_i"), RC_DENIED);
	}
	/* Nothing else was wrong with it. */
	forge_b6(&s, &k_is);
	ck_assert_uint_eq(run_step(&run, "b6_take_i"), RC_OK);
}
END_TEST

/* A half of the attacker's own in B1: right in itself, with or without the m1 that needs kd_i. */
static void
replace_b1(struct spoils *s, const struct key *k_auth)
{
	const struct sga_package *p = sga_keys_package(sga.keys);
	uint8_t octets[2048], power[SGA_ELEMENT_MAX];
	struct sga_writer w = sga_writer_of(octets, sizeof(octets));
	struct sga_exponent e, r;
	struct key k;

	ck_assert_uint_eq(sga_group_exponent(s->x.group, NULL, &e), RC_OK);
	ck_assert_uint_eq(sga_group_base_power(s->x.group, &e, s->half.n), RC_OK);
	ck_assert_uint_eq(sga_trapdoor_make(p->f, NULL, s->half.f, &r), RC_OK);
	ck_assert_uint_eq(sga_group_power(s->x.group, sga_half_n(&s->x, &s->half), &r, power),
	                  RC_OK);
	ck_assert_uint_eq(sga_half_key(&s->x, &s->half, power, &k), RC_OK);
	ck_assert_uint_eq(
		sga_half_macs(&s->x, SGA_SIDE_I, &s->half, k_auth, &k, s->half.m1, s->half.m2),
		RC_OK);
	sga_write_slice(&w, sga_half_n(&s->x, &s->half));
	sga_write_slice(&w, sga_half_f(&s->x, &s->half));
	sga_write(&w, s->half.m1, SGA_HASH_SIZE);
	sga_write(&w, s->half.m2, SGA_HASH_SIZE);
	ck_assert(!w.full);
	seal_again(s, &s->hop.up, SGA_B1, sga_written(&w), RUN_B1);
}

START_TEST(peer_changes_n_not)
{
	struct sga_pair who = { sga_device_id(sga.i), &sga_keys_package(sga.keys)->id };
	enum rc expected = _i == 0 ? RC_FORBIDDEN : RC_OK;
	struct key k_auth = { { 1 } };
	struct spoils s;

	if (expected == RC_OK) /* with the key all of it would be right */
		ck_assert_uint_eq(sga_kd_auth(&sga.i_at_g.kd, &who, &k_auth), RC_OK);
	ck_assert_uint_eq(run_until(&run, "b1_take"), RC_OK);
	hop_of(&sga.i_at_g.kd, &s);
	replace_b1(&s, &k_auth);
	ck_assert_uint_eq(run_step(&run, "b1_take"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "b2_take"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "b3_make"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "b3_take"), expected);
}
END_TEST

/* ---- W14 ---- */

/* i has another key kt_j than j, and B6 is as good as ever. */
START_TEST(phase_a_not_in_b6)
{
	lit_negotiate(&lit);
	lit.a4.x[0] ^= 1;
	lit_a4_take(&lit.i, &lit.a4);
	lit_exchange(&lit);
	ck_assert_mem_ne(lit.i.kt_peer, lit.j.kt, LIT_KEY);
	ck_assert_mem_eq(lit.i.k, lit.j.k, LIT_N);
}
END_TEST

START_TEST(phase_a_in_b6)
{
	struct spoils s;
	struct key k_is;

	ck_assert_uint_eq(run_until(&run, "b6_take_i"), RC_OK);
	hop_of(&sga.i_at_g.kd, &s);
	ck_assert_uint_eq(read_b1(&s), RC_OK);
	k_is = k_is_of(&s);
	/* Even with K_is: a MAC over another history is none. */
	run.sent[RUN_A3].p[SGA_HEADER_SIZE] ^= 1;
	forge_b6(&s, &k_is);
	ck_assert_uint_eq(run_step(&run, "b6_take_i"), RC_DENIED);
	run.sent[RUN_A3].p[SGA_HEADER_SIZE] ^= 1;
	forge_b6(&s, &k_is);
	ck_assert_uint_eq(run_step(&run, "b6_take_i"), RC_OK);
}
END_TEST

/* ---- W15, W18 ---- */

/* B6 never comes to j; i uses a key that nobody else has. */
START_TEST(key_of_one)
{
	char text[] = "nobody reads this";

	lit_negotiate(&lit);
	lit_request(&lit);
	ck_assert(lit_b3_take(&lit.g, &lit.b3, &lit.b6_i, &lit.b6_j));
	ck_assert(lit_b6_take(&lit.i, &lit.b6_i));
	lit_message(&lit.i, text, sizeof(text));
	ck_assert(lit.i.done && !lit.j.done);
}
END_TEST

START_TEST(key_of_one_not_used)
{
	struct sga_progress now;
	struct buf b;

	buf_init(&b, SGA_MESSAGE_MAX);
	ck_assert_uint_eq(run_until(&run, "b6_take_j"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "c_make_i"), RC_OK);
	ck_assert_uint_eq(sga_record_seal(run.i, sga.i, 0, SLICE_LIT("text"), RUN_NOW, &b),
	                  RC_CONFLICT);
	sga_session_progress(run.i, &now);
	ck_assert(!now.confirmed);
	ck_assert_uint_eq(run_step(&run, "b6_take_j"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "c_make_j"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "c_take_i"), RC_OK);
	ck_assert_uint_eq(sga_record_seal(run.i, sga.i, 0, SLICE_LIT("text"), RUN_NOW, &b), RC_OK);
	buf_fini(&b);
}
END_TEST

/* Two sessions under the same keys: B2 of one is that of the other, octet by octet. */
START_TEST(request_of_any_session)
{
	struct lit_b2 first;

	lit_negotiate(&lit);
	lit_exchange(&lit);
	first = lit.b2;
	lit_exchange(&lit);
	ck_assert_mem_eq(&first, &lit.b2, sizeof(first));
}
END_TEST

START_TEST(request_of_one_session)
{
	struct run other;

	ck_assert_uint_eq(run_until(&run, "b2_take"), RC_OK);
	run_begin(&other, &sga);
	ck_assert_uint_eq(run_until(&other, "b2_take"), RC_OK);
	/* Behind the header, which has the session in it. */
	ck_assert_mem_ne(other.sent[RUN_B2].p + SGA_HEADER_SIZE,
	                 run.sent[RUN_B2].p + SGA_HEADER_SIZE, 16);
	put(&run.sent[RUN_B2], other.sent[RUN_B2].p, other.sent[RUN_B2].n);
	ck_assert_uint_eq(run_step(&run, "b2_take"), RC_DENIED);
	run_end(&other);
}
END_TEST

static void
add_exchange(TCase *c)
{
	tcase_add_test(c, peer_reads_b1);
	tcase_add_test(c, peer_reads_b1_not);
	tcase_add_test(c, peer_makes_b6);
	tcase_add_test(c, peer_makes_b6_not);
	tcase_add_test(c, peer_changes_n);
	tcase_add_loop_test(c, peer_changes_n_not, 0, 2);
	tcase_add_test(c, phase_a_not_in_b6);
	tcase_add_test(c, phase_a_in_b6);
	tcase_add_test(c, key_of_one);
	tcase_add_test(c, key_of_one_not_used);
	tcase_add_test(c, request_of_any_session);
	tcase_add_test(c, request_of_one_session);
}

int
main(void)
{
	Suite *s = suite_create("the SGA of the paper: phase B");

	add_exchange(suite_case(s, "phase B", attack_setup, attack_teardown));
	return run_suite(s);
}
