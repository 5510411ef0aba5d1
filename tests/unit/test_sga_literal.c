/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGA as its paper has it, attacked: each attack succeeds there, and the same attack fails here,
 * against libsga. Registration is in this file, phases A and B in test_sga_literal_a.c and _b.c,
 * numbers and what comes after in test_sga_literal_c.c.
 *
 *   W1   here  the package is not authenticated
 *   W2   here  registration: not fresh, no proof, the answer not authenticated
 *   W3   A     public-key encryption proves nothing about who sends
 *   W4   A     no nonce, time or session: everything can be sent again
 *   W5   A     no integrity; one key stream for all messages of a key
 *   W6   -     a key encrypts a function of itself: outside of what ciphers promise, but no attack
 *              on AES-CTR is known. libsga derives every key for one use, and masks with another
 *   W7   here  guessing of weak keys by what is on the wire
 *   W8   B     the peer has the key that protects what is for the gateway alone
 *   W9   B     K_is is sent; who reads it speaks in the gateway's name
 *   W10  B     N is masked with a short key, without integrity
 *   W11  C     F_G: small r, deterministic, multiplicative
 *   W12  C     elements are not checked; g generates all of F_p*
 *   W13  C     an active gateway is in the middle
 *   W14  B     B6 says nothing of phase A
 *   W15  B     i has a key that j has not
 *   W16  C     messages without direction, number or integrity
 *   W17  here  the choice of ciphers can be rolled back. Not shown: that names are hidden in A1 and
 *              A3 alone, which libsga does not change, and the raw element as a cipher's key, which
 *              no attack on AES uses
 *   W18  B     B2 is not defined; the least that it can be says nothing of its session
 *
 * What libsga leaves to who keeps sessions (names that are taken, tokens and sids that are good
 * once) is tested there.
 */
#include "config.h"

#include "sga/hop.h"
#include "sga/kd.h"
#include "sga_attack_bed.h"

/* ---- W1 ---- */

/* Somebody puts its own key in the package, and reads the first message of every device. */
START_TEST(package_of_another)
{
	struct lit_gateway evil;
	struct lit_package forged;
	struct lit_device victim;
	struct lit_r1 m;
	uint8_t r1[LIT_RSA];

	lit_gateway_make(&evil);
	forged = lit.g.package;
	forged.e = evil.e;
	lit_device_make(&victim, "device-v", &forged);
	lit_r1_make(&victim, r1);
	lit_open(evil.e, r1, &m, sizeof(m));
	ck_assert_mem_eq(m.kd, victim.kd, LIT_KEY);
	lit_gateway_free(&evil);
}
END_TEST

START_TEST(package_of_another_refused)
{
	static const struct run_conf usual;
	struct run_world evil;
	struct sga_device_conf c = { .now = RUN_NOW, .cids = RUN_ALL_CIDS, .cid0 = 3 };
	struct sga_device *d;

	ck_assert_uint_eq(run_world_make(&evil, &usual), RC_OK);
	c.id = *sga_device_id(sga.i);
	c.package = sga_package_octets(sga_keys_package(evil.keys));
	c.gateway = sga.verify;
	ck_assert_uint_eq(sga_device_new(&c, &d), RC_DENIED);
	c.gateway = evil.verify; /* nothing else is wrong with it */
	ck_assert_uint_eq(sga_device_new(&c, &d), RC_OK);
	sga_device_free(d);
	run_world_free(&evil);
}
END_TEST

/* ---- W2 ---- */

/* Anybody takes a name that is in use; and an old message brings an old key back. */
START_TEST(registration_taken)
{
	struct lit_device evil, again = lit.i;
	struct lit_entry *e = lit_find(&lit.g, &lit.i.id);
	uint8_t old[LIT_RSA], r1[LIT_RSA];

	lit_r1_make(&lit.i, old);
	lit_device_make(&evil, "device-i", &lit.g.package);
	lit_r1_make(&evil, r1);
	ck_assert(lit_r1_take(&lit.g, r1));
	ck_assert_mem_eq(e->kd, evil.kd, LIT_KEY);

	memset(again.kd, 7, LIT_KEY);
	lit_r1_make(&again, r1);
	ck_assert(lit_r1_take(&lit.g, r1));
	ck_assert(lit_r1_take(&lit.g, old));
	ck_assert_mem_eq(e->kd, lit.i.kd, LIT_KEY);
}
END_TEST

/* What the gateway finds in an R1 that has no token. */
static struct sga_r1
without_token(struct sga_device *d, struct buf *r1)
{
	struct sga_r1 m;

	buf_clear(r1);
	ck_assert_uint_eq(sga_r1_make(d, NULL, RUN_NOW, NULL, r1), RC_OK);
	ck_assert_uint_eq(sga_r1_open(sga.keys, buf_view(r1), RUN_NOW, &m), RC_OK);
	ck_assert(m.again);
	return m;
}

START_TEST(registration_not_taken)
{
	const struct sga_id *g = &sga_keys_package(sga.keys)->id;
	struct sga_device *evil;
	struct sga_party at_evil;
	struct sga_r1 m;
	struct buf r1;

	buf_init(&r1, SGA_MESSAGE_MAX);
	/* It has the name, and some kd, but not the one that is registered. */
	ck_assert_uint_eq(run_device(&sga, RUN_ID_I, NULL, NULL, &evil, &at_evil), RC_OK);
	m = without_token(evil, &r1);
	ck_assert_uint_eq(sga_r1_again_ok(&m, g, &sga.i_at_g.kd), RC_DENIED);
	m = without_token(sga.i, &r1);
	ck_assert_uint_eq(sga_r1_again_ok(&m, g, &sga.i_at_g.kd), RC_OK);
	/* The same octets again: the kd that they prove is not in force any more. */
	ck_assert_uint_eq(sga_r1_again_ok(&m, g, &m.kd), RC_DENIED);
	/* And later they are out of time. */
	ck_assert_uint_eq(sga_r1_open(sga.keys, buf_view(&r1), RUN_NOW + SGA_TIME_WINDOW + 1, &m),
	                  RC_DENIED);
	sga_device_free(evil);
	buf_fini(&r1);
}
END_TEST

/* Nobody but the gateway acknowledges. */
START_TEST(acknowledgement_of_another_refused)
{
	const struct sga_id *g = &sga_keys_package(sga.keys)->id;
	struct sga_r1 m;
	struct buf r1, r2;
	uint8_t status;
	struct key right;

	buf_init(&r1, SGA_MESSAGE_MAX);
	buf_init(&r2, SGA_MESSAGE_MAX);
	m = without_token(sga.i, &r1);
	right = m.kd;
	m.kd.v[0] ^= 1;
	ck_assert_uint_eq(sga_r2_make(&m, g, SGA_STATUS_OK, 2, &r2), RC_OK);
	ck_assert_uint_eq(sga_r2_take(sga.i, buf_view(&r2), &status), RC_DENIED);
	m.kd = right;
	buf_clear(&r2);
	ck_assert_uint_eq(sga_r2_make(&m, g, SGA_STATUS_OK, 2, &r2), RC_OK);
	ck_assert_uint_eq(sga_r2_take(sga.i, buf_view(&r2), &status), RC_OK);
	buf_fini(&r1);
	buf_fini(&r2);
}
END_TEST

/* ---- W7 ---- */

#define PINS 1000

/* A key that is short and padded, as section 5 of the paper has it. */
static void
pin_of(unsigned number, uint8_t *kd, size_t n)
{
	char text[8];

	ck_assert_int_eq(snprintf(text, sizeof(text), "%03u", number), 3);
	memset(kd, 0, n);
	memcpy(kd, text, 3);
}

START_TEST(key_guessed)
{
	uint8_t r1[LIT_RSA], kd[LIT_KEY];
	unsigned found = PINS;

	pin_of(742, lit.j.kd, LIT_KEY);
	lit_r1_make(&lit.j, r1);
	ck_assert(lit_r1_take(&lit.g, r1));
	lit_a1_make(&lit.i, "device-j", 3, lit.a1);
	ck_assert(lit_a1_take(&lit.g, lit.a1, &lit.a2));
	for (unsigned i = 0; i < PINS; i++) {
		struct lit_a m = lit.a2;

		pin_of(i, kd, LIT_KEY);
		lit_e(kd, &m, sizeof(m));
		if (memcmp(&m.to, &lit.j.id, sizeof(m.to)) == 0)
			found = i;
	}
	ck_assert_uint_eq(found, 742);
}
END_TEST

/* True: A2 of the run opens with kd. */
static bool
opens(const struct key *kd)
{
	struct sga_pair who = { sga_device_id(sga.j), &sga_keys_package(sga.keys)->id };
	struct slice a2 = sent(RUN_A2);
	struct key k;
	struct sga_once o = { .cipher = cipher_find(sga.j_at_g.cid0),
		              .salt = slice_make(a2.p + SGA_HEADER_SIZE, SGA_NONCE_SIZE),
		              .ikm = slice_make(k.v, sizeof(k.v)),
		              .label = "A2" };
	uint8_t out[512];

	ck_assert_uint_lt(a2.n, sizeof(out));
	ck_assert_uint_eq(sga_kd_g2d(kd, &who, &k), RC_OK);
	return sga_once_open(&o, (const uint8_t *)a2.p,
	                     slice_from(a2, SGA_HEADER_SIZE + SGA_NONCE_SIZE), out) == RC_OK;
}

/* kd is drawn and never chosen: there is nothing to guess with. */
START_TEST(key_not_guessed)
{
	struct key kd;

	ck_assert_uint_eq(run_until(&run, "a2_take"), RC_OK);
	for (unsigned i = 0; i < PINS; i++) {
		pin_of(i, kd.v, sizeof(kd.v));
		ck_assert(!opens(&kd));
	}
	ck_assert(opens(&sga.j_at_g.kd));
}
END_TEST

/* ---- W17 ---- */

/* The first registration of a device that had one weak cipher then. */
START_TEST(ciphers_rolled_back)
{
	uint8_t old[LIT_RSA], r1[LIT_RSA], a1[LIT_RSA];

	lit.i.cids = 0x01;
	lit_r1_make(&lit.i, old);
	lit.i.cids = 0x07;
	lit_r1_make(&lit.i, r1);
	ck_assert(lit_r1_take(&lit.g, r1));
	lit_a1_make(&lit.i, "device-j", 3, a1);
	ck_assert(lit_a1_take(&lit.g, a1, &lit.a2));
	ck_assert(lit_r1_take(&lit.g, old));
	ck_assert(!lit_a1_take(&lit.g, a1, &lit.a2));
	lit_a1_make(&lit.i, "device-j", 1, a1);
	ck_assert(lit_a1_take(&lit.g, a1, &lit.a2));
}
END_TEST

/* An old R1 is refused above (W2); and an old package, which may have other ciphers, too. */
START_TEST(package_not_rolled_back)
{
	struct sga_keys_conf c = { .suite = SGA_SUITE_X,
		                   .ciphers = SGA_CIPHERS_MANDATORY,
		                   .serial = 2,
		                   .not_after = RUN_NOW + 1,
		                   .id = sga_keys_package(sga.keys)->id,
		                   .sign = sga.sign };
	struct slice old = sga_package_octets(sga_keys_package(sga.keys));
	struct sga_keys *next;

	ck_assert_uint_eq(sga_keys_make(&c, NULL, &next), RC_OK);
	ck_assert_uint_eq(sga_device_renew(sga.i, old, RUN_NOW), RC_OK);
	ck_assert_uint_eq(
		sga_device_renew(sga.i, sga_package_octets(sga_keys_package(next)), RUN_NOW),
		RC_OK);
	ck_assert_uint_eq(sga_device_renew(sga.i, old, RUN_NOW), RC_CONFLICT);
	sga_keys_free(next);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("the SGA of the paper: registration");
	TCase *c = suite_case(s, "registration", attack_setup, attack_teardown);

	tcase_add_test(c, package_of_another);
	tcase_add_test(c, package_of_another_refused);
	tcase_add_test(c, registration_taken);
	tcase_add_test(c, registration_not_taken);
	tcase_add_test(c, acknowledgement_of_another_refused);
	tcase_add_test(c, key_guessed);
	tcase_add_test(c, key_not_guessed);
	tcase_add_test(c, ciphers_rolled_back);
	tcase_add_test(c, package_not_rolled_back);
	return run_suite(s);
}
