/* SPDX-License-Identifier: Apache-2.0 */
/* A device and its registration: the first, others, lost answers, refusals; without a clock. */
#include "config.h"

#include "sga/device_own.h"
#include "sga_flow.h"

static struct flow flow;
static struct buf first, second, answer;
static struct sga_id g;

static void
setup(void)
{
	const struct flow_conf conf = { .suite = SGA_SUITE_X };

	flow_init(&flow, &conf);
	g = flow_id(FLOW_G);
	buf_init(&first, SGA_MESSAGE_MAX);
	buf_init(&second, SGA_MESSAGE_MAX);
	buf_init(&answer, SGA_MESSAGE_MAX);
}

static void
teardown(void)
{
	flow_fini(&flow);
	buf_fini(&first);
	buf_fini(&second);
	buf_fini(&answer);
}

static void
acknowledge(const struct sga_r1 *r1, uint8_t status, uint64_t registrations)
{
	buf_clear(&answer);
	ck_assert_int_eq(sga_r2_make(r1, &g, status, registrations, &answer), RC_OK);
}

/* ---- what R1 says ---- */

START_TEST(request)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 5, 6, 7 };
	struct sga_r1 r1;

	ck_assert_int_eq(sga_r1_make(flow.i, NULL, FLOW_NOW, NULL, &first), RC_CONFLICT);
	ck_assert(!sga_device_pending(flow.i));
	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert(sga_device_pending(flow.i));
	ck_assert_uint_eq(sga_device_registered(flow.i), 0);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	ck_assert(sga_id_equal(&r1.id, sga_device_id(flow.i)));
	ck_assert_mem_eq(r1.token, token, sizeof(token));
	ck_assert(!r1.again);
	ck_assert(key_equal(&r1.kd, &flow.i->next));
	ck_assert_uint_eq(r1.cid0, flow.conf.cid0);
	ck_assert_uint_eq(r1.cids, SGA_CIPHERS_KNOWN);
	ck_assert_uint_eq(r1.time, FLOW_NOW);
	ck_assert(r1.signs);
	ck_assert_mem_eq(&r1.sign, &flow.sign_i, sizeof(r1.sign));
	/* In time, to either side; without a clock a token is enough. */
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW + 120, &r1), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW + 121, &r1), RC_DENIED);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW - 121, &r1), RC_DENIED);
	expect_zeros(&r1, sizeof(r1));
	ck_assert_int_eq(sga_r1_make(flow.j, token, 0, NULL, &second), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&second), FLOW_NOW, &r1), RC_OK);
}
END_TEST

/* A token of zeros is none. */
START_TEST(request_without_token)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 0 };
	struct sga_r1 r1;

	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_DENIED);
}
END_TEST

/* A cipher for A2 that the device itself does not have. */
START_TEST(request_of_nothing)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 5 };
	struct sga_r1 r1;

	flow.i->cids = 0x0004;
	flow.i->cid0 = 5;
	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_DENIED);
}
END_TEST

/* Another G of the same name, another suite, another generation. */
START_TEST(request_to_another)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 5 };
	struct sga_keys *next = flow_keys(SGA_SUITE_X, 0, 6, &flow.gateway);
	struct sga_keys *classic = flow_keys(SGA_SUITE_C, 0, 5, &flow.gateway);
	struct sga_r1 r1;

	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(next, buf_view(&first), FLOW_NOW, &r1), RC_DENIED);
	ck_assert_int_eq(sga_r1_open(classic, buf_view(&first), FLOW_NOW, &r1), RC_DENIED);
	sga_keys_free(next);
	sga_keys_free(classic);
}
END_TEST

/* ---- R2 ---- */

START_TEST(acknowledged)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 5 };
	struct key key, at_g;
	struct sga_r1 r1;
	uint8_t status = 9;

	ck_assert_int_eq(sga_device_request_key(flow.i, true, &key), RC_CONFLICT);
	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	/* Before the answer it can ask with the key to come. */
	ck_assert_int_eq(sga_device_request_key(flow.i, false, &key), RC_CONFLICT);
	ck_assert_int_eq(sga_device_request_key(flow.i, true, &key), RC_OK);
	ck_assert_int_eq(sga_tag_key(&r1.kd, &r1.id, &g, &at_g), RC_OK);
	ck_assert(key_equal(&key, &at_g));
	acknowledge(&r1, SGA_STATUS_OK, 3);
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_OK);
	ck_assert_uint_eq(status, SGA_STATUS_OK);
	ck_assert_uint_eq(sga_device_registered(flow.i), 3);
	ck_assert(!sga_device_pending(flow.i));
	ck_assert_int_eq(sga_device_request_key(flow.i, false, &key), RC_OK);
	ck_assert(key_equal(&key, &at_g));
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_CONFLICT);
}
END_TEST

/* G says no: what was before remains. */
START_TEST(refused)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 5 };
	struct key key;
	struct sga_r1 r1;
	uint8_t status;

	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	acknowledge(&r1, (uint8_t)_i, 0);
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_OK);
	ck_assert_uint_eq(status, (unsigned)_i);
	ck_assert(!sga_device_pending(flow.i));
	ck_assert_uint_eq(sga_device_registered(flow.i), 0);
	ck_assert_int_eq(sga_device_request_key(flow.i, true, &key), RC_CONFLICT);
}
END_TEST

/* The answer to another R1 of the same device, and a count that goes back. */
START_TEST(not_the_answer)
{
	const uint8_t token[SGA_TOKEN_SIZE] = { 5 };
	struct sga_r1 r1;
	uint8_t status;

	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	ck_assert_int_eq(sga_r1_make(flow.i, token, FLOW_NOW, NULL, &second), RC_OK);
	acknowledge(&r1, SGA_STATUS_OK, 1);
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_DENIED);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&second), FLOW_NOW, &r1), RC_OK);
	acknowledge(&r1, SGA_STATUS_OK, 0);
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_DENIED);
	ck_assert(sga_device_pending(flow.i));
	acknowledge(&r1, SGA_STATUS_OK, 1);
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_OK);
}
END_TEST

/* ---- again ---- */

START_TEST(again)
{
	struct key old, key;
	struct sga_r1 r1;
	uint8_t status;

	flow_run(&flow, FLOW_R2_I);
	old = flow.at_i.kd;
	/* With other ciphers; those of before count until G has answered. */
	ck_assert_int_eq(sga_device_set_ciphers(flow.i, 0x0004, 3), RC_OK);
	ck_assert_uint_eq(flow.i->cid0_now, flow.conf.cid0);
	ck_assert_int_eq(sga_r1_make(flow.i, NULL, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	ck_assert(r1.again);
	ck_assert_uint_eq(r1.cids, 0x0004);
	ck_assert_int_eq(sga_r1_again_ok(&r1, &g, &old), RC_OK);
	ck_assert_int_eq(sga_r1_again_ok(&r1, &g, NULL), RC_DENIED);
	ck_assert_int_eq(sga_r1_again_ok(&r1, &g, &r1.kd), RC_DENIED);
	ck_assert_int_eq(sga_device_request_key(flow.i, false, &key), RC_OK);
	ck_assert_int_eq(sga_device_set_ciphers(flow.i, 0x0014, 5), RC_OK);
	acknowledge(&r1, SGA_STATUS_OK, 2);
	ck_assert_int_eq(sga_r2_take(flow.i, buf_view(&answer), &status), RC_OK);
	ck_assert(key_equal(&flow.i->kd, &r1.kd));
	ck_assert_uint_eq(flow.i->cid0_now, 3);
	/* A recording of it is worth nothing: the kd that it proves is not in force any more. */
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	ck_assert_int_eq(sga_r1_again_ok(&r1, &g, &flow.i->kd), RC_DENIED);
}
END_TEST

/* What the proof covers; a first registration has none. */
START_TEST(again_of_all)
{
	struct sga_r1 r1, bad;
	struct key old;

	flow_run(&flow, FLOW_R2_I);
	old = flow.at_i.kd;
	ck_assert_int_eq(sga_r1_make(flow.i, NULL, FLOW_NOW, NULL, &first), RC_OK);
	ck_assert_int_eq(sga_r1_open(flow.keys, buf_view(&first), FLOW_NOW, &r1), RC_OK);
	for (int i = 0; i < 7; i++) {
		bad = r1;
		bad.header.suite ^= i == 0;
		bad.id.v[0] ^= i == 1;
		bad.kd.v[31] ^= i == 2;
		bad.n[0] ^= i == 3;
		bad.time ^= i == 4;
		bad.proof[0] ^= i == 5;
		bad.again = i != 6;
		ck_assert_int_eq(sga_r1_again_ok(&bad, &g, &old), RC_DENIED);
	}
}
END_TEST

/* ---- devices that are none ---- */

START_TEST(devices_refused)
{
	struct sga_device_conf conf = {
		.id = flow_id("d"),
		.package = sga_package_octets(sga_keys_package(flow.keys)),
		.gateway = flow.gateway,
		.g = SLICE_LIT(FLOW_G),
		.now = FLOW_NOW,
		.cids = 0x0004,
		.cid0 = 3,
	};
	struct sga_device_conf bad;
	struct sga_device *d;

	ck_assert_int_eq(sga_device_new(&conf, &d), RC_OK);
	ck_assert_int_eq(sga_device_set_ciphers(d, 0x0004, 4), RC_CONFLICT);
	ck_assert_int_eq(sga_device_set_ciphers(d, 0x0004, 0), RC_CONFLICT);
	sga_device_free(d);
	bad = conf;
	bad.cid0 = 4;
	ck_assert_int_eq(sga_device_new(&bad, &d), RC_CONFLICT);
	bad = conf;
	bad.id = g;
	ck_assert_int_eq(sga_device_new(&bad, &d), RC_CONFLICT);
	bad.id = (struct sga_id){ 0 };
	ck_assert_int_eq(sga_device_new(&bad, &d), RC_CONFLICT);
	bad = conf;
	bad.gateway = flow.sign_i;
	ck_assert_int_eq(sga_device_new(&bad, &d), RC_DENIED);
	ck_assert_ptr_null(d);
	bad = conf;
	bad.g = SLICE_LIT("another");
	ck_assert_int_eq(sga_device_new(&bad, &d), RC_DENIED);
	bad = conf;
	bad.now = UINT64_C(2000000001);
	ck_assert_int_eq(sga_device_new(&bad, &d), RC_EXPIRED);
}
END_TEST

START_TEST(packages)
{
	struct sga_keys *next = flow_keys(SGA_SUITE_X, 0, 6, &flow.gateway);
	struct sga_keys *classic = flow_keys(SGA_SUITE_C, 0, 7, &flow.gateway);
	struct slice old = sga_package_octets(sga_keys_package(flow.keys));

	ck_assert_int_eq(sga_device_renew(flow.i, old, FLOW_NOW), RC_OK);
	ck_assert_int_eq(
		sga_device_renew(flow.i, sga_package_octets(sga_keys_package(classic)), FLOW_NOW),
		RC_CONFLICT);
	ck_assert_int_eq(
		sga_device_renew(flow.i, sga_package_octets(sga_keys_package(next)), FLOW_NOW),
		RC_OK);
	ck_assert_uint_eq(sga_device_package(flow.i)->serial, 6);
	ck_assert_int_eq(sga_device_renew(flow.i, old, FLOW_NOW), RC_CONFLICT);
	ck_assert_uint_eq(sga_device_package(flow.i)->serial, 6);
	sga_keys_free(next);
	sga_keys_free(classic);
}
END_TEST

/* ---- without a clock ---- */

START_TEST(challenged)
{
	const struct key cookie = { { 4 } };
	struct sga_challenger c = { &cookie, SLICE_LIT(FLOW_PEER), FLOW_NOW }, other = c;
	uint8_t challenge[SGA_CHALLENGE_SIZE], error[SGA_ERROR_SIZE];
	struct slice e = slice_make(error, sizeof(error));
	struct sga_a1 a1;

	flow_run(&flow, FLOW_R2_J);
	ck_assert_int_eq(sga_a1_make(flow.i, sga_device_id(flow.j), 3, 0, NULL, &flow.si, &first),
	                 RC_OK);
	ck_assert_int_eq(sga_a1_open(flow.keys, buf_view(&first), &a1), RC_OK);
	ck_assert_int_eq(sga_a1_check(&a1, &c, NULL), RC_DENIED);
	ck_assert_int_eq(sga_a1_check(&a1, &c, &flow.at_i.kd), RC_PRECONDITION);
	ck_assert_int_eq(sga_challenge_make(&c, &a1.header.sid, challenge), RC_OK);
	/* No other error, and not that of another session, makes it say it again. */
	sga_error_make(buf_view(&first), SGA_CLASS_REFUSED, NULL, error);
	ck_assert_int_eq(sga_a1_again(flow.si, flow.i, e, NULL, &second), RC_BAD_REQUEST);
	sga_error_make(buf_view(&first), SGA_CLASS_CHALLENGE, challenge, error);
	error[4] ^= 1;
	ck_assert_int_eq(sga_a1_again(flow.si, flow.i, e, NULL, &second), RC_DENIED);
	error[4] ^= 1;
	ck_assert_int_eq(sga_a1_again(flow.si, flow.i, e, NULL, &second), RC_OK);
	ck_assert_int_eq(sga_a1_again(flow.si, flow.i, e, NULL, &answer), RC_CONFLICT);
	ck_assert_int_eq(sga_a1_open(flow.keys, buf_view(&second), &a1), RC_OK);
	ck_assert_uint_eq(a1.header.ctr, 1);
	/* In that minute and the next, from that address, with that cookie. */
	ck_assert_int_eq(sga_a1_check(&a1, &c, &flow.at_i.kd), RC_OK);
	other.now = c.now + 60;
	ck_assert_int_eq(sga_a1_check(&a1, &other, &flow.at_i.kd), RC_OK);
	other.now = c.now + 120;
	ck_assert_int_eq(sga_a1_check(&a1, &other, &flow.at_i.kd), RC_DENIED);
	other = c;
	other.peer = SLICE_LIT("192.0.2.2");
	ck_assert_int_eq(sga_a1_check(&a1, &other, &flow.at_i.kd), RC_DENIED);
	other = c;
	other.cookie = &flow.at_i.kd;
	ck_assert_int_eq(sga_a1_check(&a1, &other, &flow.at_i.kd), RC_DENIED);
	/* And the session is that of the second A1. */
	ck_assert_int_eq(sga_a2_make(flow.keys, &a1, &flow.at_i, &flow.at_j, SGA_CIPHERS_KNOWN,
	                             FLOW_NOW, NULL, &flow.sg, &flow.message[FLOW_A2]),
	                 RC_OK);
	flow.next = FLOW_A2;
	flow.made = true;
	flow_run(&flow, FLOW_DATA_J);
}
END_TEST

START_TEST(invitations_refused)
{
	const struct sga_id nobody = { 0 };

	ck_assert_int_eq(sga_a1_make(flow.i, sga_device_id(flow.j), 3, 1, NULL, &flow.si, &first),
	                 RC_CONFLICT);
	flow_run(&flow, FLOW_R2_J);
	ck_assert_int_eq(sga_a1_make(flow.i, sga_device_id(flow.i), 3, 1, NULL, &flow.si, &first),
	                 RC_CONFLICT);
	ck_assert_int_eq(sga_a1_make(flow.i, &g, 3, 1, NULL, &flow.si, &first), RC_CONFLICT);
	ck_assert_int_eq(sga_a1_make(flow.i, &nobody, 3, 1, NULL, &flow.si, &first), RC_CONFLICT);
	ck_assert_int_eq(sga_a1_make(flow.i, sga_device_id(flow.j), 0, 1, NULL, &flow.si, &first),
	                 RC_CONFLICT);
	ck_assert_int_eq(sga_a1_make(flow.i, sga_device_id(flow.j), 11, 1, NULL, &flow.si, &first),
	                 RC_CONFLICT);
	ck_assert_uint_eq(first.n, 0);
	ck_assert_ptr_null(flow.si);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga register");
	TCase *c = suite_case(s, "first", setup, teardown);

	tcase_add_test(c, request);
	tcase_add_test(c, request_without_token);
	tcase_add_test(c, request_of_nothing);
	tcase_add_test(c, request_to_another);
	tcase_add_test(c, acknowledged);
	tcase_add_loop_test(c, refused, SGA_STATUS_TAKEN, SGA_STATUS_CIPHER + 1);
	tcase_add_test(c, not_the_answer);
	c = suite_case(s, "again", setup, teardown);
	tcase_add_test(c, again);
	tcase_add_test(c, again_of_all);
	c = suite_case(s, "devices", setup, teardown);
	tcase_add_test(c, devices_refused);
	tcase_add_test(c, packages);
	c = suite_case(s, "invitations", setup, teardown);
	tcase_add_test(c, challenged);
	tcase_add_test(c, invitations_refused);
	return run_suite(s);
}
