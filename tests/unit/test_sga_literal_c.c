/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and messages of the SGA as its paper has them, attacked, and libsga beside it: W11 (F_G),
 * W12 (elements of the group), W16 (phase C), and W13 (an active gateway).
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/x509.h>

#include "sga_attack_bed.h"

/* ---- W11 ---- */

/* Who has F_G(r) tries every r; and who has F_G(r) has F_G(2 r). */
START_TEST(trapdoor_guessed)
{
	uint8_t f[LIT_RSA], kis[LIT_N], r[2] = { 0 };
	unsigned found = 0;

	lit_negotiate(&lit);
	lit_request(&lit);
	lit_e(lit.j.kt_peer, &lit.b1, sizeof(lit.b1));
	for (unsigned i = 1; i < 1u << LIT_R_BITS && found == 0; i++) {
		lit_trapdoor(lit.g.f, i, f);
		if (memcmp(f, lit.b1.f, LIT_RSA) == 0)
			found = i;
	}
	ck_assert_uint_ne(found, 0);
	r[0] = (uint8_t)(found >> 8);
	r[1] = (uint8_t)found;
	lit_power(&lit.g.package, lit.b1.n, r, sizeof(r), kis);
	ck_assert_mem_eq(kis, lit.i.kis, LIT_N);
}
END_TEST

/* out = in 2^e mod n, of an RSA key. */
static void
times_two(EVP_PKEY *key, const uint8_t *in, uint8_t *out, int n)
{
	BN_CTX *c = BN_CTX_new();
	BIGNUM *m = NULL, *e = NULL, *x = BN_bin2bn(in, n, NULL), *two = BN_new();

	ck_assert(c != NULL && x != NULL && two != NULL);
	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &m), 1);
	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e), 1);
	ck_assert_int_eq(BN_set_word(two, 2), 1);
	ck_assert_int_eq(BN_mod_exp(two, two, e, m, c), 1);
	ck_assert_int_eq(BN_mod_mul(x, x, two, m, c), 1);
	ck_assert_int_eq(BN_bn2binpad(x, out, n), n);
	BN_free(m);
	BN_free(e);
	BN_free(x);
	BN_free(two);
	BN_CTX_free(c);
}

START_TEST(trapdoor_multiplied)
{
	uint8_t f[LIT_RSA], twice[LIT_RSA], expected[LIT_RSA];

	lit_trapdoor(lit.g.f, 1234, f);
	times_two(lit.g.f, f, twice, LIT_RSA);
	lit_trapdoor(lit.g.f, 2 * 1234, expected);
	ck_assert_mem_eq(twice, expected, LIT_RSA);
}
END_TEST

/* Here the exponent is derived of what F holds: it is of full size, new each time, and unrelated. */
START_TEST(trapdoor_not_multiplied)
{
	const struct sga_suite *c = sga_suite_find(SGA_SUITE_C);
	struct sga_exponent first, second, product;
	uint8_t f[SGA_ENC_MAX], other[SGA_ENC_MAX];
	struct sga_private *key;
	const uint8_t *der;
	struct slice octets;
	EVP_PKEY *pk;

	ck_assert_uint_eq(sga_private_make(c, NULL, &key), RC_OK);
	octets = sga_public_octets(sga_private_public(key));
	der = (const uint8_t *)octets.p;
	pk = d2i_PUBKEY(NULL, &der, (long)octets.n);
	ck_assert_ptr_nonnull(pk);
	ck_assert_uint_eq(sga_trapdoor_make(sga_private_public(key), NULL, f, &first), RC_OK);
	ck_assert_uint_eq(sga_trapdoor_make(sga_private_public(key), NULL, other, &second), RC_OK);
	ck_assert_mem_ne(f, other, c->enc);
	ck_assert_uint_eq(first.n, SGA_EXPONENT_MAX);
	times_two(pk, f, other, (int)c->enc);
	ck_assert_uint_eq(sga_trapdoor_open(key, slice_make(other, c->enc), &product), RC_OK);
	/* Twice the number would have the same octets but for one bit to the left. */
	for (size_t i = 0; i + 1 < first.n; i++)
		first.v[i] = (uint8_t)(first.v[i] << 1 | first.v[i + 1] >> 7);
	ck_assert_mem_ne(product.v, first.v, first.n - 1u);
	EVP_PKEY_free(pk);
	sga_private_free(key);
}
END_TEST

/* ---- W12 ---- */

/* N tells whether its exponent is odd. */
START_TEST(exponent_leaks)
{
	BN_CTX *c = BN_CTX_new();
	bool seen[2] = { false, false };

	ck_assert_ptr_nonnull(c);
	lit_negotiate(&lit);
	while (!seen[0] || !seen[1]) {
		bool odd = false;
		BIGNUM *n;

		lit_b_make(&lit.i, &lit.b1);
		n = BN_bin2bn(lit.i.n, LIT_N, NULL);
		ck_assert_ptr_nonnull(n);
		odd = BN_kronecker(n, lit.g.p, c) == -1;
		ck_assert_int_eq(odd, lit.i.exponent[sizeof(lit.i.exponent) - 1] & 1);
		seen[odd] = true;
		BN_free(n);
	}
	BN_CTX_free(c);
}
END_TEST

/* N = 1 is taken: then S is 1, and the key that i gets is 1. */
START_TEST(element_of_order_one)
{
	static const uint8_t one[LIT_N] = { [LIT_N - 1] = 1 };
	struct lit_b *b = &lit.b3;

	lit_negotiate(&lit);
	lit_request(&lit);
	memset(b, 0, sizeof(*b));
	memcpy(b->n, one, LIT_N);
	memcpy(b->kis, one, LIT_N);
	memcpy(b->masked, one, LIT_N);
	lit_xor(b->masked, lit.j.kd, LIT_KEY);
	lit_e(lit.j.kd, b->masked, LIT_N);
	lit_trapdoor(lit.g.f, 3, b->f);
	lit_f(one, b->mac, one, (size_t)LIT_N, NULL);
	lit_e(lit.j.kt, b, sizeof(*b));
	ck_assert(lit_b3_take(&lit.g, b, &lit.b6_i, &lit.b6_j));
	ck_assert(lit_b6_take(&lit.i, &lit.b6_i));
	ck_assert_mem_eq(lit.i.k, one, LIT_N);
}
END_TEST

static const uint16_t groups[] = { SGA_GROUP_X25519, SGA_GROUP_FFDHE2048, SGA_GROUP_FFDHE3072,
	                           SGA_GROUP_FFDHE4096 };

/* Refused as an element, and as the base of a power. */
static void
expect_refused(const struct sga_group *g, const uint8_t *element)
{
	uint8_t power[SGA_ELEMENT_MAX];
	struct sga_exponent e;

	ck_assert_uint_eq(sga_group_exponent(g, NULL, &e), RC_OK);
	ck_assert(!sga_group_check(g, slice_make(element, g->element)));
	ck_assert_uint_eq(sga_group_power(g, slice_make(element, g->element), &e, power),
	                  RC_BAD_REQUEST);
}

/* 0 and 1; in X25519 both are points of low order, whichever end the 1 is at. */
START_TEST(element_of_order_one_refused)
{
	const struct sga_group *g = sga_group_find(groups[_i]);
	uint8_t element[SGA_ELEMENT_MAX] = { 0 };
	size_t end = g->id == SGA_GROUP_X25519 ? 0 : g->element - 1u;

	expect_refused(g, element);
	element[end] = 1;
	expect_refused(g, element);
	element[end] = g->id == SGA_GROUP_X25519 ? 9 : 4; /* the base; 2 squared */
	ck_assert(sga_group_check(g, slice_make(element, g->element)));
}
END_TEST

/* Every power is a square, whatever the exponent: nothing leaks. */
START_TEST(exponent_does_not_leak)
{
	const struct sga_group *g = sga_group_find(SGA_GROUP_FFDHE2048);
	uint8_t element[SGA_ELEMENT_MAX];
	struct sga_exponent e;

	ck_assert_uint_eq(sga_group_exponent(g, NULL, &e), RC_OK);
	for (unsigned bit = 0; bit < 2; bit++) {
		e.v[e.n - 1u] ^= 1;
		ck_assert_uint_eq(sga_group_base_power(g, &e, element), RC_OK);
		ck_assert(sga_group_check(g, slice_make(element, g->element)));
	}
}
END_TEST

/* ---- W16 ---- */

/* What i has sent comes back to i, twice, as if it were of j. */
START_TEST(message_reflected)
{
	char text[] = "open the door", wire[sizeof(text)];

	lit_negotiate(&lit);
	lit_exchange(&lit);
	memcpy(wire, text, sizeof(text));
	lit_message(&lit.i, wire, sizeof(wire));
	for (int i = 0; i < 2; i++) {
		char got[sizeof(wire)];

		memcpy(got, wire, sizeof(wire));
		lit_message(&lit.i, got, sizeof(got));
		ck_assert_str_eq(got, text);
	}
}
END_TEST

/* And who knows the text makes another of it. */
START_TEST(message_changed)
{
	char wire[] = "open the door", mask[] = "open the door", wanted[] = "shut the door";

	lit_negotiate(&lit);
	lit_exchange(&lit);
	lit_message(&lit.i, wire, sizeof(wire));
	lit_xor((uint8_t *)mask, (const uint8_t *)wanted, sizeof(mask));
	lit_xor((uint8_t *)wire, (const uint8_t *)mask, sizeof(wire));
	lit_message(&lit.j, wire, sizeof(wire));
	ck_assert_str_eq(wire, wanted);
}
END_TEST

static enum rc
open_at(struct sga_session *s, struct slice record)
{
	struct sga_trust nobody = { 0 };
	struct sga_plain plain;
	struct buf b;
	enum rc rc;

	buf_init(&b, SGA_MESSAGE_MAX);
	rc = sga_record_open(s, &nobody, record, &plain, &b);
	buf_fini(&b);
	return rc;
}

START_TEST(message_not_reflected)
{
	struct buf first, second;

	buf_init(&first, SGA_MESSAGE_MAX);
	buf_init(&second, SGA_MESSAGE_MAX);
	ck_assert_uint_eq(run_until(&run, NULL), RC_OK);
	ck_assert_uint_eq(sga_record_seal(run.i, sga.i, 0, SLICE_LIT("one"), RUN_NOW, &first),
	                  RC_OK);
	ck_assert_uint_eq(sga_record_seal(run.i, sga.i, 0, SLICE_LIT("two"), RUN_NOW, &second),
	                  RC_OK);
	ck_assert_uint_eq(open_at(run.i, buf_view(&first)), RC_DENIED);
	ck_assert_uint_eq(open_at(run.j, buf_view(&second)), RC_CONFLICT);
	for (size_t i = 0; i < first.n; i++) {
		first.p[i] ^= 1;
		ck_assert_uint_ne(open_at(run.j, buf_view(&first)), RC_OK);
		first.p[i] ^= 1;
	}
	ck_assert_uint_eq(open_at(run.j, buf_view(&first)), RC_OK);
	ck_assert_uint_eq(open_at(run.j, buf_view(&first)), RC_CONFLICT);
	ck_assert_uint_eq(open_at(run.j, buf_view(&second)), RC_OK);
	buf_fini(&first);
	buf_fini(&second);
}
END_TEST

/* ---- W13 ---- */

/* The gateway puts the same power of its own into both, and has both keys. */
START_TEST(gateway_between)
{
	static const uint8_t e[] = { 7 };
	uint8_t generator[LIT_N], k[LIT_N];
	struct lit_b6 b6;

	lit_negotiate(&lit);
	lit_exchange(&lit);
	ck_assert_int_eq(BN_bn2binpad(lit.g.g, generator, LIT_N), LIT_N);
	lit_power(&lit.g.package, generator, e, sizeof(e), b6.s);
	lit_f(lit.g.b1.kis, b6.mac, lit.i.id.v, (size_t)LIT_ID, lit.j.id.v, (size_t)LIT_ID,
	      lit.g.b1.kis, (size_t)LIT_N, b6.s, (size_t)LIT_N, NULL);
	ck_assert(lit_b6_take(&lit.i, &b6));
	lit_power(&lit.g.package, lit.g.b1.n, e, sizeof(e), k);
	ck_assert_mem_eq(lit.i.k, k, LIT_N);
}
END_TEST

/*
 * It registers a device of its own under the peer's name. Without signatures nobody sees that; with
 * the key of the peer, from somewhere else than the gateway, i does.
 */
START_TEST(gateway_between_seen)
{
	static const uint8_t seed_evil[SIGN_SEED_SIZE] = { 1 }, seed[SIGN_SEED_SIZE] = { 2 };
	struct sign_public real;
	struct sga_trust trust = { .peer = &real, .required = true }, none = { 0 };
	struct run_world between = sga;
	struct sga_plain plain;
	struct sign_key *key;
	struct buf b;

	buf_init(&b, SGA_MESSAGE_MAX);
	ck_assert_uint_eq(sign_key_from_seed(seed, &key), RC_OK);
	sign_key_public(key, &real);
	ck_assert_uint_eq(run_device(&sga, RUN_ID_J, seed_evil, NULL, &between.j, &between.j_at_g),
	                  RC_OK);
	run.world = &between;
	ck_assert_uint_eq(run_until(&run, "c_take_i"), RC_OK);
	ck_assert_uint_eq(sga_record_open(run.i, &trust, sent(RUN_C_J), &plain, &b), RC_DENIED);
	ck_assert_uint_eq(sga_record_open(run.i, &none, sent(RUN_C_J), &plain, &b), RC_OK);
	sga_device_free(between.j);
	sign_key_free(key);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("the SGA of the paper: numbers, phase C");
	TCase *c = suite_case(s, "numbers", attack_setup, attack_teardown);

	tcase_set_timeout(c, 600); /* an RSA key of 3072 bits is made, under whatever watches */
	tcase_add_test(c, trapdoor_guessed);
	tcase_add_test(c, trapdoor_multiplied);
	tcase_add_test(c, trapdoor_not_multiplied);
	tcase_add_test(c, exponent_leaks);
	tcase_add_test(c, exponent_does_not_leak);
	tcase_add_test(c, element_of_order_one);
	tcase_add_loop_test(c, element_of_order_one_refused, 0,
	                    (int)(sizeof(groups) / sizeof(groups[0])));
	c = suite_case(s, "phase C", attack_setup, attack_teardown);
	tcase_add_test(c, message_reflected);
	tcase_add_test(c, message_changed);
	tcase_add_test(c, message_not_reflected);
	c = suite_case(s, "gateway", attack_setup, attack_teardown);
	tcase_add_test(c, gateway_between);
	tcase_add_test(c, gateway_between_seen);
	return run_suite(s);
}
