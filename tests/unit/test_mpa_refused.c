/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever sits on the way: every message changed, cut, repeated, taken for another run or another step;
 * nothing of it is taken, and nothing changes: the right messages then end the run with the very key
 * that it would have had. OPENSCL_LONG=1 in the environment: every bit of every octet instead of one.
 */
#include "config.h"

#include "mpa_bed.h"

#include <stdlib.h>

static struct mpa_run r, other;

static void
setup(void)
{
	mpa_setup();
	mpa_run_init(&r);
	mpa_run_init(&other);
	mpa_dice_init(&other.dice_d, 0x66, "another");
	mpa_dice_init(&other.dice_ap, 0x77, "more");
}

static void
teardown(void)
{
	mpa_run_fini(&r);
	mpa_run_fini(&other);
	mpa_teardown();
}

/* The run goes on as if nothing had been. */
static void
ends_well(void)
{
	mpa_run_to(&r, 4, false);
	mpa_run_end(&r);
	expect_octets(r.at_d.key.v, KEY_BYTES, K_SESS);
}

static void
refused(unsigned message, struct slice octets, enum mpa_cause why)
{
	enum rc rc = give(&r, message, octets);

	ck_assert_str_eq(mpa_cause_text(cause), mpa_cause_text(why));
	ck_assert_int_eq(rc, mpa_cause_rc(why));
}

/* ---- octets ---- */

/* A1 is not authenticated when it comes: what it was changed to is seen by the device, in A2. */
static void
changed_a1(struct slice octets)
{
	struct mpa_run copy;

	mpa_run_init(&copy);
	if (give(&copy, 1, octets) == RC_OK) {
		ck_assert_int_eq(give(&r, 2, buf_view(&copy.a2)), RC_FORBIDDEN);
		ck_assert_int_eq(cause, MPA_SIGNED);
	}
	mpa_run_fini(&copy);
}

static void
changed(unsigned message, struct slice octets)
{
	if (message == 1)
		changed_a1(octets);
	else
		ck_assert_int_ne(give(&r, message, octets), RC_OK);
}

START_TEST(every_octet_of_every_message)
{
	const char *wanted = getenv("OPENSCL_LONG");
	bool all = wanted != NULL && wanted[0] == '1';
	unsigned message = (unsigned)_i;
	char copy[MPA_MESSAGE_MAX];
	struct slice right;

	mpa_run_to(&r, message, false);
	right = message_of(&r, message);
	memcpy(copy, right.p, right.n);
	for (size_t k = 0; k < right.n; k++)
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!all && bit != k % 8)
				continue;
			copy[k] = (char)(copy[k] ^ (1 << bit));
			changed(message, slice_make(copy, right.n));
			copy[k] = (char)(copy[k] ^ (1 << bit));
		}
	ends_well();
}
END_TEST

START_TEST(every_length)
{
	unsigned message = (unsigned)_i;
	struct slice right;
	char *exact;

	mpa_run_to(&r, message, false);
	right = message_of(&r, message);
	for (size_t n = 0; n < right.n; n++) {
		exact = malloc(n + 1);
		memcpy(exact, right.p, n);
		refused(message, slice_make(exact, n), MPA_FORM);
		free(exact);
	}
	exact = calloc(1, right.n + 1);
	memcpy(exact, right.p, right.n);
	refused(message, slice_make(exact, right.n + 1), MPA_FORM);
	exact[7] = (char)(exact[7] + 1);
	refused(message, slice_make(exact, right.n + 1), MPA_FORM);
	free(exact);
	ends_well();
}
END_TEST

/* ---- steps ---- */

START_TEST(a_message_in_the_place_of_another)
{
	struct mpa_run whole;

	mpa_run_init(&whole);
	mpa_run_to(&whole, 4, false);
	for (unsigned at = 1; at <= 4; at++) {
		mpa_run_to(&r, at, false);
		for (unsigned message = 1; message <= 4; message++)
			if (message != at)
				refused(at, message_of(&whole, message), MPA_FORM);
	}
	ends_well();
	mpa_run_fini(&whole);
}
END_TEST

START_TEST(a_message_again_or_too_early)
{
	struct mpa_run whole;

	mpa_run_init(&whole);
	mpa_run_to(&whole, 4, false);
	mpa_run_to(&r, 1, false);
	refused(4, message_of(&whole, 4), MPA_STATE);
	mpa_run_to(&r, 3, false);
	refused(2, buf_view(&r.a2), MPA_STATE);
	ends_well();
	refused(4, message_of(&r, 4), MPA_STATE);
	refused(3, buf_view(&r.a3), MPA_STATE);
	refused(2, buf_view(&r.a2), MPA_STATE);
	mpa_run_fini(&whole);
}
END_TEST

/* Recorded in one run, given in the other. */
START_TEST(messages_of_another_run)
{
	static const enum mpa_cause why[] = { MPA_FINE, MPA_FINE, MPA_SIGNED, MPA_SIGNED,
		                              MPA_CONFIRM };

	mpa_run_to(&other, 4, false);
	for (unsigned message = 2; message <= 4; message++) {
		mpa_run_to(&r, message, false);
		refused(message, message_of(&other, message), why[message]);
	}
	ends_well();
}
END_TEST

/* The same device has begun two runs at once, and each gets what the other was answered. */
START_TEST(runs_crossed)
{
	mpa_run_to(&r, 2, false);
	mpa_run_to(&other, 2, false);
	refused(2, buf_view(&other.a2), MPA_SIGNED);
	mpa_run_to(&r, 3, false);
	mpa_run_to(&other, 3, false);
	refused(3, buf_view(&other.a3), MPA_SIGNED);
	mpa_run_to(&r, 4, false);
	mpa_run_to(&other, 4, false);
	refused(4, message_of(&other, 4), MPA_CONFIRM);
	ends_well();
	mpa_run_end(&other);
}
END_TEST

/* ---- shares ---- */

START_TEST(the_own_share_again)
{
	char copy[MPA_A2_MAX];
	struct slice own, a2;

	mpa_run_to(&r, 2, false);
	own = buf_view(&r.a1);
	a2 = buf_view(&r.a2);
	memcpy(copy, a2.p, a2.n);
	memcpy(copy + 40, own.p + 40, MPA_SHARE_SIZE);
	refused(2, slice_make(copy, a2.n), MPA_REFLECTED);
	memcpy(copy, a2.p, a2.n);
	memcpy(copy + 8, own.p + 8, MPA_NONCE_SIZE);
	refused(2, slice_make(copy, a2.n), MPA_REFLECTED);
	refused(2, own, MPA_FORM);
	ends_well();
}
END_TEST

/* Also when somebody who may signs it: an access point that has no share of its own. */
static void
signed_a2(size_t at, const void *p, size_t n, char copy[MPA_A2_MAX])
{
	struct slice a1 = buf_view(&r.a1), a2 = buf_view(&r.a2), chain = octets_in(&w5);
	uint8_t chains[DIGEST_SIZE], rest[2 + DIGEST_SIZE] = "AP";
	struct slice parts[] = { a1, slice_make(copy, a2.n - SIGN_SIZE) };

	memcpy(copy, a2.p, a2.n);
	memcpy(copy + at, p, n);
	ck_assert_int_eq(digest_sha256(&chain, 1, chains), RC_OK);
	ck_assert_int_eq(digest_sha256(parts, 2, rest + 2), RC_OK);
	ck_assert_int_eq(sign_make_pair(keys[AP], SIGN_PROXY, slice_make(chains, sizeof(chains)),
	                                slice_make(rest, sizeof(rest)),
	                                (uint8_t *)copy + a2.n - SIGN_SIZE),
	                 RC_OK);
}

/* Of order 1, 2, 4 and 8 on the curve or its twist (RFC 7748, 6.1): the result is zero. */
static const char *const zeros[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
};

START_TEST(shares_that_give_zero)
{
	struct octets zero = octets_of(zeros[_i]);
	char copy[MPA_A2_MAX];
	struct slice own;

	mpa_run_to(&r, 2, false);
	signed_a2(40, zero.v, zero.n, copy);
	refused(2, slice_make(copy, r.a2.n), MPA_SHARE);
	own = buf_view(&r.a1);
	signed_a2(40, own.p + 40, MPA_SHARE_SIZE, copy);
	refused(2, slice_make(copy, r.a2.n), MPA_REFLECTED);
	/* The test can sign as the access point does. */
	signed_a2(8, r.a2.p + 8, 1, copy);
	ck_assert_mem_eq(copy, r.a2.p, r.a2.n);
	memcpy(copy, own.p, own.n);
	memcpy(copy + 40, zero.v, zero.n);
	refused(1, slice_make(copy, own.n), MPA_SHARE);
	ends_well();
}
END_TEST

/* ---- parties ---- */

START_TEST(an_access_point_without_its_right)
{
	struct mpa_warrant w = warrant_of(CN, AP, CN);
	struct mpa_octets chain;

	/* Another key than the warrant's. */
	r.ap_conf.key = keys[AP2];
	mpa_run_to(&r, 2, false);
	refused(2, buf_view(&r.a2), MPA_SIGNED);
	r.ap_conf.key = keys[AP];
	/* A right of S, of a device, of one that may be nothing. */
	w.delegator = w.on_behalf = publics[S];
	warrant_make(&w, 6, NULL, &chain);
	r.ap_conf.chain = octets_in(&chain);
	ck_assert_int_eq(give(&r, 1, buf_view(&r.a1)), RC_OK);
	refused(2, buf_view(&r.a2), MPA_ROOT);
	w = warrant_of(CN, AP, CN);
	w.rights = MPA_IS_DEVICE;
	warrant_make(&w, 6, NULL, &chain);
	ck_assert_int_eq(give(&r, 1, buf_view(&r.a1)), RC_OK);
	refused(2, buf_view(&r.a2), MPA_RIGHTS);
	r.ap_conf.chain = octets_in(&from_cn);
	ck_assert_int_eq(give(&r, 1, buf_view(&r.a1)), RC_OK);
	refused(2, buf_view(&r.a2), MPA_KIND);
	r.ap_conf.chain = SLICE_NONE;
	ck_assert_int_eq(give(&r, 1, buf_view(&r.a1)), RC_OK);
	refused(2, buf_view(&r.a2), MPA_LINKS);
	r.ap_conf.chain = octets_in(&w5);
	ck_assert_int_eq(give(&r, 1, buf_view(&r.a1)), RC_OK);
	ends_well();
}
END_TEST

START_TEST(another_access_point_than_is_wanted)
{
	r.d_conf.ap = SLICE_LIT("gscl-0103");
	mpa_run_to(&r, 2, false);
	refused(2, buf_view(&r.a2), MPA_NAME);
	other.d_conf.ap = SLICE_LIT(PLACE);
	mpa_run_to(&other, 4, false);
	mpa_run_end(&other);
}
END_TEST

/* A3 with other chains, signed by the device all the same: the access point's rule is tested. */
static void
with_chains(struct slice cn, struct slice s, enum mpa_party signer, enum mpa_cause why)
{
	struct mpa_run bad;

	mpa_run_init(&bad);
	mpa_run_to(&bad, 2, false);
	mpa_device_free(bad.d);
	buf_clear(&bad.a1);
	bad.d_conf.key = keys[signer];
	mpa_dice_init(&bad.dice_d, 0x44, "xD");
	bad.d_conf.from_cn = cn;
	bad.d_conf.from_s = s;
	ck_assert_int_eq(mpa_device_start(&bad.d_conf, &bad.d, &bad.a1), RC_OK);
	mpa_run_to(&bad, 3, false);
	ck_assert_int_eq(give(&bad, 3, buf_view(&bad.a3)), mpa_cause_rc(why));
	ck_assert_str_eq(mpa_cause_text(cause), mpa_cause_text(why));
	mpa_run_fini(&bad);
}

/* The chains of another device. */
static void
chains_of_d2(struct mpa_octets *cn, struct mpa_octets *s)
{
	struct mpa_warrant w = warrant_of(S, D2, CN);
	struct mpa_octets one;

	warrant_make(&w, 7, &w1, &one);
	chain_join(&w1, &one, cn);
	w = warrant_of(CN, D2, S);
	warrant_make(&w, 8, &w2, &one);
	chain_join(&w2, &one, s);
}

/* Another device of the same name. */
static void
chain_of_namesake(struct mpa_octets *s)
{
	struct mpa_warrant w = warrant_of(CN, D2, S);
	struct mpa_octets one;

	w.delegate_id = SLICE_LIT(DEVICE_ID);
	warrant_make(&w, 9, &w2, &one);
	chain_join(&w2, &one, s);
}

/* What a principal gives by itself, nobody between it and the device. */
static void
chain_alone(enum mpa_party by, struct mpa_octets *out)
{
	struct mpa_warrant w = warrant_of(by, D, by);

	warrant_make(&w, 10, NULL, out);
}

/* CN -> other server -> D. */
static void
chain_of_s2(struct mpa_octets *cn)
{
	struct mpa_warrant w = warrant_of(CN, S2, CN);
	struct mpa_octets first, last;

	warrant_make(&w, 11, NULL, &first);
	w = warrant_of(S2, D, CN);
	warrant_make(&w, 12, &first, &last);
	chain_join(&first, &last, cn);
}

/* Either party would let the device in without the other one. */
START_TEST(one_party_makes_both_chains)
{
	struct slice cn = octets_in(&from_cn), s = octets_in(&from_s);
	struct mpa_octets alone;

	chain_alone(S, &alone);
	with_chains(cn, octets_in(&alone), D, MPA_BOTH);
	chain_alone(CN, &alone);
	with_chains(octets_in(&alone), s, D, MPA_BOTH);
	/* Nor does another server speak for the one of the second chain. */
	chain_of_s2(&alone);
	with_chains(octets_in(&alone), s, D, MPA_BOTH);
}
END_TEST

/* Who may certify devices is no operator of access points. */
START_TEST(an_access_point_of_the_server)
{
	struct mpa_warrant w = warrant_of(S, AP, CN);
	struct mpa_octets below, chain;

	warrant_make(&w, 13, &w1, &below);
	chain_join(&w1, &below, &chain);
	r.ap_conf.chain = octets_in(&chain);
	mpa_run_to(&r, 2, false);
	refused(2, buf_view(&r.a2), MPA_RIGHTS);
}
END_TEST

START_TEST(both_chains)
{
	struct slice cn = octets_in(&from_cn), s = octets_in(&from_s);
	struct mpa_octets cn2, s2;

	chains_of_d2(&cn2, &s2);
	with_chains(cn, s, D, MPA_FINE);
	with_chains(cn, cn, D, MPA_ROOT);
	with_chains(s, s, D, MPA_ROOT);
	with_chains(s, cn, D, MPA_ROOT);
	/* Mixed from two devices, whoever of them signs. */
	with_chains(cn, octets_in(&s2), D, MPA_BOTH);
	with_chains(octets_in(&cn2), s, D, MPA_BOTH);
	with_chains(octets_in(&cn2), s, D2, MPA_BOTH);
	chain_of_namesake(&cn2);
	with_chains(cn, octets_in(&cn2), D, MPA_BOTH);
	chains_of_d2(&cn2, &s2);
	/* All of another device, and not its key. */
	with_chains(octets_in(&cn2), octets_in(&s2), D, MPA_NAME);
	with_chains(octets_in(&cn2), octets_in(&s2), D2, MPA_NAME);
	with_chains(cn, s, D2, MPA_SIGNED);
	with_chains(octets_in(&w1), s, D, MPA_KIND);
	with_chains(cn, octets_in(&w2), D, MPA_KIND);
	with_chains(octets_in(&w3), s, D, MPA_ROOT);
}
END_TEST

/* The principal of both is the same: an operator that has itself among its servers. */
START_TEST(one_principal_twice)
{
	struct mpa_anchor both[2] = { { publics[S], SLICE_NONE }, { publics[CN], SLICE_NONE } };

	r.ap_conf.anchors.servers = both;
	r.d_conf.from_s = octets_in(&from_cn);
	mpa_run_to(&r, 3, false);
	refused(3, buf_view(&r.a3), MPA_BOTH);
}
END_TEST

START_TEST(a_name_that_is_none)
{
	char copy[MPA_A1_MAX];

	mpa_run_to(&r, 1, false);
	memcpy(copy, r.a1.p, r.a1.n);
	copy[r.a1.n - 1] = ' ';
	refused(1, slice_make(copy, r.a1.n), MPA_FORM);
	ends_well();
}
END_TEST

/* A3 that names no chain at all, in each of the two places; the lengths are right. */
START_TEST(an_empty_chain)
{
	char copy[MPA_A3_MAX];
	struct slice a3;
	size_t n;

	mpa_run_to(&r, 3, false);
	a3 = buf_view(&r.a3);
	memcpy(copy, a3.p, a3.n);
	n = 10 + from_cn.n + 2 + SIGN_SIZE;
	memset(copy + 10 + from_cn.n, 0, 2 + SIGN_SIZE);
	copy[6] = (char)(n >> 8);
	copy[7] = (char)n;
	refused(3, slice_make(copy, n), MPA_BOTH);
	memcpy(copy, a3.p, 8);
	memset(copy + 8, 0, 2);
	n = 8 + 2 + 2 + from_s.n + SIGN_SIZE;
	memcpy(copy + 10, a3.p + 10 + from_cn.n, a3.n - 10 - from_cn.n);
	copy[6] = (char)(n >> 8);
	copy[7] = (char)n;
	refused(3, slice_make(copy, n), MPA_BOTH);
	ends_well();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mpa_refused");
	TCase *c = suite_case(s, "refused", setup, teardown);

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, every_octet_of_every_message, 1, 5);
	tcase_add_loop_test(c, every_length, 1, 5);
	tcase_add_test(c, a_message_in_the_place_of_another);
	tcase_add_test(c, a_message_again_or_too_early);
	tcase_add_test(c, messages_of_another_run);
	tcase_add_test(c, runs_crossed);
	tcase_add_test(c, the_own_share_again);
	tcase_add_loop_test(c, shares_that_give_zero, 0, (int)NITEMS(zeros));
	tcase_add_test(c, an_access_point_without_its_right);
	tcase_add_test(c, another_access_point_than_is_wanted);
	tcase_add_test(c, both_chains);
	tcase_add_test(c, one_party_makes_both_chains);
	tcase_add_test(c, an_access_point_of_the_server);
	tcase_add_test(c, one_principal_twice);
	tcase_add_test(c, a_name_that_is_none);
	tcase_add_test(c, an_empty_chain);
	return run_suite(s);
}
