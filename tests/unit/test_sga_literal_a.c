/* SPDX-License-Identifier: Apache-2.0 */
/* Phase A of the SGA as its paper has it, attacked, and libsga beside it: W3, W4, W5. */
#include "config.h"

#include "sga/octets.h"
#include "sga/phase.h"
#include "sga_attack_bed.h"

/* ---- W3 ---- */

/* Anybody encrypts to the gateway: i ends phase A with a key that j has never seen. */
START_TEST(acceptance_of_anybody)
{
	struct lit_a m = { .x = { 1, 2, 3 }, .cid = 3 };
	uint8_t a3[LIT_RSA];

	lit_a1_make(&lit.i, "device-j", 3, lit.a1);
	ck_assert(lit_a1_take(&lit.g, lit.a1, &lit.a2));
	m.from = lit.i.gateway;
	m.via = lit.j.id;
	m.to = lit.i.id;
	lit_seal(lit.g.package.e, &m, sizeof(m), a3);
	ck_assert(lit_a3_take(&lit.g, a3, &lit.a4));
	lit_a4_take(&lit.i, &lit.a4);
	/* What the gateway has made of it, and i too. */
	ck_assert_mem_eq(lit.i.kt_peer, lit.g.ktj, LIT_KEY);
}
END_TEST

START_TEST(invitation_of_anybody)
{
	struct lit_a m = { .x = { 1, 2, 3 }, .cid = 3 };
	uint8_t a1[LIT_RSA];

	m.from = lit.i.id;
	m.via = lit.i.gateway;
	m.to = lit.j.id;
	lit_seal(lit.g.package.e, &m, sizeof(m), a1);
	ck_assert(lit_a1_take(&lit.g, a1, &lit.a2));
	lit_a2_take(&lit.j, &lit.a2);
	ck_assert_mem_eq(&lit.j.peer, &lit.i.id, sizeof(lit.j.peer));
}
END_TEST

/* What is in A1 and A3 alike, but for the names' proof t, by somebody who has no kd. */
static void
forge(uint8_t type, const char *label, const struct sga_sid *sid, struct buf *to)
{
	static const uint8_t guess[32] = { 1, 2, 3 };
	const struct sga_package *p = sga_keys_package(sga.keys);
	struct sga_ids ids = { .i = *sga_device_id(sga.i), .g = p->id, .j = *sga_device_id(sga.j) };
	struct sga_header h = { .suite = sga.conf.suite, .type = type, .sid = *sid };
	struct sga_envelope e = { .dp = &p->dp, .label = label, .header = &h };
	struct sga_hash a2, hash;
	uint8_t octets[512];
	struct sga_writer w = sga_writer_of(octets, sizeof(octets));

	ck_assert_uint_eq(sga_hash(sent(RUN_A2), &a2), RC_OK);
	sga_write(&w, guess, sizeof(guess));
	sga_write_ids(&w, &ids);
	sga_write_be(&w, sga.conf.cid, 2);
	sga_write(&w, sid->v, sizeof(sid->v));
	if (type == SGA_A3)
		sga_write(&w, guess, SGA_NONCE_SIZE);
	sga_write_be(&w, RUN_NOW, 8);
	if (type == SGA_A3)
		sga_write(&w, a2.v, sizeof(a2.v));
	sga_write(&w, guess, sizeof(guess)); /* t */
	ck_assert(!w.full);
	buf_clear(to);
	ck_assert_uint_eq(sga_envelope_make(p->e, &e, sga_written(&w), NULL, to, &hash), RC_OK);
}

START_TEST(acceptance_of_anybody_refused)
{
	struct sga_a3 m;
	struct sga_header h;

	ck_assert_uint_eq(run_until(&run, "a2_take"), RC_OK);
	ck_assert_uint_eq(sga_header_read(sent(RUN_A2), &h), RC_OK);
	forge(SGA_A3, "A3", &h.sid, &run.sent[RUN_A3]);
	/* It is well made: it opens, and only the proof is not j's. */
	ck_assert_uint_eq(sga_a3_open(sga.keys, sent(RUN_A3), &m), RC_OK);
	ck_assert_uint_eq(run_step(&run, "a3_take"), RC_DENIED);
	buf_clear(&run.sent[RUN_A3]);
	ck_assert_uint_eq(run_step(&run, "a2_take"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "a3_make"), RC_OK);
	ck_assert_uint_eq(run_step(&run, "a3_take"), RC_OK);
}
END_TEST

START_TEST(invitation_of_anybody_refused)
{
	struct sga_sid sid = { { 1 } };
	struct sga_a1 m;

	forge(SGA_A1, "A1", &sid, &run.sent[RUN_A1]);
	ck_assert_uint_eq(sga_a1_open(sga.keys, sent(RUN_A1), &m), RC_OK);
	ck_assert_uint_eq(run_step(&run, "a1_take"), RC_DENIED);
}
END_TEST

/* ---- W4 ---- */

/* A whole session of what was recorded: the gateway takes it for two devices that are there. */
START_TEST(old_messages)
{
	struct lit_b6 to_i, to_j;

	lit_negotiate(&lit);
	lit_exchange(&lit);
	ck_assert(lit_a1_take(&lit.g, lit.a1, &lit.a2));
	ck_assert(lit_a3_take(&lit.g, lit.a3, &lit.a4));
	lit_b1_take(&lit.g, &lit.b1, &lit.b2);
	ck_assert(lit_b3_take(&lit.g, &lit.b3, &to_i, &to_j));
	ck_assert_mem_ne(to_i.s, lit.b6_i.s, LIT_N);
}
END_TEST

static const struct {
	const char *step;
	enum run_message takes;
} takers[] = {
	{ "a3_take", RUN_A3 },     { "a4_take", RUN_A4 },   { "b1_take", RUN_B1 },
	{ "b2_take", RUN_B2 },     { "b3_take", RUN_B3 },   { "b6_take_i", RUN_B6_I },
	{ "b6_take_j", RUN_B6_J }, { "c_take_i", RUN_C_J }, { "c_take_j", RUN_C_I },
};

/* Each message of a session that is over, where the same one of the next is due; then the right one,
 * and that again. */
START_TEST(old_messages_refused)
{
	struct buf right;
	struct run next;
	enum rc rc;

	buf_init(&right, SGA_MESSAGE_MAX);
	ck_assert_uint_eq(run_until(&run, NULL), RC_OK);
	run_begin(&next, &sga);
	ck_assert_uint_eq(run_until(&next, takers[_i].step), RC_OK);
	put(&right, next.sent[takers[_i].takes].p, next.sent[takers[_i].takes].n);
	put(&next.sent[takers[_i].takes], run.sent[takers[_i].takes].p,
	    run.sent[takers[_i].takes].n);
	ck_assert_uint_eq(run_step(&next, takers[_i].step), RC_DENIED);
	put(&next.sent[takers[_i].takes], right.p, right.n);
	ck_assert_uint_eq(run_step(&next, takers[_i].step), RC_OK);
	rc = run_step(&next, takers[_i].step);
	ck_assert(rc == RC_CONFLICT || rc == RC_DENIED);
	run_end(&next);
	buf_fini(&right);
}
END_TEST

/* What begins a session is good for a while, and who keeps sessions takes a sid once. */
START_TEST(old_invitations_refused)
{
	ck_assert_uint_eq(run_until(&run, "a2_take"), RC_OK);
	run.now += SGA_TIME_WINDOW + 1;
	ck_assert_uint_eq(run_step(&run, "a2_take"), RC_DENIED);
	sga_server_session_free(run.g);
	run.g = NULL;
	buf_clear(&run.sent[RUN_A2]);
	ck_assert_uint_eq(run_step(&run, "a1_take"), RC_DENIED);
	run.now -= 1;
	ck_assert_uint_eq(run_step(&run, "a1_take"), RC_OK);
}
END_TEST

/* ---- W5 ---- */

/* Bits on the wire are bits of the text; and two texts of one key give away how they differ. */
START_TEST(bits_changed)
{
	struct lit_a first, second;
	uint8_t a1[LIT_RSA], kt[LIT_KEY];

	lit_a1_make(&lit.i, "device-j", 3, a1);
	memcpy(kt, lit.i.kt, LIT_KEY);
	ck_assert(lit_a1_take(&lit.g, a1, &first));
	lit_a1_make(&lit.i, "device-j", 3, a1);
	ck_assert(lit_a1_take(&lit.g, a1, &second));
	lit_xor(first.x, second.x, LIT_KEY);
	lit_xor(kt, lit.i.kt, LIT_KEY);
	ck_assert_mem_eq(first.x, kt, LIT_KEY);

	second.cid ^= 3 ^ 1;
	lit_a2_take(&lit.j, &second);
	ck_assert_uint_eq(lit.j.cid, 1);
}
END_TEST

START_TEST(bits_changed_refused)
{
	char *octets;
	size_t n;

	ck_assert_uint_eq(run_until(&run, "a2_take"), RC_OK);
	octets = run.sent[RUN_A2].p;
	n = run.sent[RUN_A2].n;
	for (size_t i = 0; i < n; i++) {
		octets[i] ^= 1;
		ck_assert_uint_ne(run_step(&run, "a2_take"), RC_OK);
		octets[i] ^= 1;
	}
	ck_assert_uint_eq(run_step(&run, "a2_take"), RC_OK);
}
END_TEST

/* The names are at the same place of two A2, and the ciphertext is not the same there. */
START_TEST(streams_differ)
{
	struct run other;
	size_t at = SGA_HEADER_SIZE + SGA_NONCE_SIZE + 32;

	ck_assert_uint_eq(run_until(&run, "a2_take"), RC_OK);
	run_begin(&other, &sga);
	ck_assert_uint_eq(run_until(&other, "a2_take"), RC_OK);
	ck_assert_mem_ne(run.sent[RUN_A2].p + at, other.sent[RUN_A2].p + at, 16);
	run_end(&other);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("the SGA of the paper: phase A");
	TCase *c = suite_case(s, "phase A", attack_setup, attack_teardown);

	tcase_add_test(c, acceptance_of_anybody);
	tcase_add_test(c, invitation_of_anybody);
	tcase_add_test(c, acceptance_of_anybody_refused);
	tcase_add_test(c, invitation_of_anybody_refused);
	tcase_add_test(c, old_messages);
	tcase_add_loop_test(c, old_messages_refused, 0, (int)(sizeof(takers) / sizeof(takers[0])));
	tcase_add_test(c, old_invitations_refused);
	tcase_add_test(c, bits_changed);
	tcase_add_test(c, bits_changed_refused);
	tcase_add_test(c, streams_differ);
	return run_suite(s);
}
