/* SPDX-License-Identifier: Apache-2.0 */
/* The SGA server as a whole: registration, sessions, records, who is let in, what managers see. */
#include "config.h"

#include <stdio.h>

#include "sec/hex.h"
#include "sga/tag.h"
#include "sgs_rest_bed.h"

/* ---- the package ---- */

START_TEST(test_package)
{
	struct answer a = sgs_ask("GET", "package", NULL, SLICE_NONE), b;
	struct how how = { .accept = JSON };

	ck_assert_int_eq(a.status, 200);
	ck_assert_str_eq(a.type, OCTETS);
	ck_assert_uint_eq(strlen(a.etag), 2 * SGA_HASH_SIZE + 2);
	how.if_none_match = a.etag;
	ck_assert_int_eq(sgs_status("GET", "package?suite=2", &how, SLICE_NONE), 304);
	how.if_none_match = "\"x\"";
	b = sgs_ask("GET", "package?suite=2", &how, SLICE_NONE);
	ck_assert_int_eq(b.status, 200);
	ck_assert_ptr_nonnull(strstr(b.p, "{\"message\":\"U0dBUAE"));
	ck_assert_int_eq(sgs_status("GET", "package?suite=1", NULL, SLICE_NONE), 404);
	class_is(SGA_CLASS_SYNTAX, "GET", "package?suite=x", NULL, SLICE_NONE);
	how.accept = "text/html";
	ck_assert_int_eq(sgs_status("GET", "package", &how, SLICE_NONE), 406);
	ck_assert_int_eq(sgs_status("DELETE", "package", NULL, SLICE_NONE), 405);
	ck_assert_int_eq(sgs_status("GET", "nothing", NULL, SLICE_NONE), 404);
	answer_fini(&a);
	answer_fini(&b);
}
END_TEST

/* ---- registration ---- */

START_TEST(test_registration)
{
	uint8_t token[SGA_TOKEN_SIZE], status;
	struct phone p, other;
	struct answer a, b;
	struct buf r1;

	buf_init(&r1, SGA_MESSAGE_MAX);
	phone_make(&p, "alice", 2);
	token_for("alice", token);
	ck_assert_int_eq(sga_r1_make(p.d, token, bed_now(), NULL, &r1), RC_OK);
	a = sgs_ask("POST", "devices", NULL, buf_view(&r1));
	ck_assert_int_eq(a.status, 201);
	ck_assert_str_eq(a.location, ROOT "/devices/alice");
	/* The answer was lost: the same again, and asked for with the new key. */
	b = sgs_ask("POST", "devices", NULL, buf_view(&r1));
	ck_assert_int_eq(b.status, 201);
	ck_assert(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
	answer_fini(&b);
	b = phone_ask(&p, "GET", "devices/alice", SLICE_NONE);
	ck_assert_int_eq(b.status, 200);
	ck_assert(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
	ck_assert_int_eq(sga_r2_take(p.d, slice_make(b.p, b.n), &status), RC_OK);
	ck_assert_int_eq(status, SGA_STATUS_OK);
	answer_fini(&a);
	answer_fini(&b);
	/* Once more, by the key that it has; and with the same token, by another. */
	buf_clear(&r1);
	ck_assert_int_eq(sga_r1_make(p.d, NULL, bed_now(), NULL, &r1), RC_OK);
	a = sgs_ask("POST", "devices", NULL, buf_view(&r1));
	ck_assert_int_eq(a.status, 201);
	ck_assert_int_eq(sga_r2_take(p.d, slice_make(a.p, a.n), &status), RC_OK);
	ck_assert_uint_eq(sga_device_registered(p.d), 2);
	answer_fini(&a);
	p.counter = 0;
	ck_assert_int_eq(phone_status(&p, "GET", "devices/alice", SLICE_NONE), 200);
	phone_make(&other, "alice", 2);
	buf_clear(&r1);
	ck_assert_int_eq(sga_r1_make(other.d, token, bed_now(), NULL, &r1), RC_OK);
	class_is(SGA_CLASS_REFUSED, "POST", "devices", NULL, buf_view(&r1));
	ck_assert_int_eq(sgs_status("POST", "tokens",
	                            &(struct how){ .from = MANAGER, .type = JSON },
	                            SLICE_LIT("{\"id\":\"alice\"}")),
	                 409);
	/* Not a message; not of this operation; of no type that there is. */
	class_is(SGA_CLASS_SYNTAX, "POST", "devices", NULL, SLICE_LIT("R1"));
	class_is(SGA_CLASS_SYNTAX, "POST", "negotiations", NULL, buf_view(&r1));
	ck_assert_int_eq(sgs_status("POST", "devices",
	                            &(struct how){ .type = "text/plain", .accept = OCTETS },
	                            buf_view(&r1)),
	                 415);
	phone_fini(&other);
	phone_fini(&p);
	buf_fini(&r1);
}
END_TEST

/* ---- a session ---- */

START_TEST(test_session)
{
	struct phone alice, bob, eve;
	char path[128];
	struct talk t;
	struct answer a;

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	phone_register(&eve, "eve", 2);
	talk_open(&t, &alice, &bob);
	snprintf(path, sizeof(path), "sessions/%s", t.sid);
	a = sgs_ask(
		"GET", path,
		&(struct how){ .accept = JSON, .tag = phone_tag(&bob, "GET", path, SLICE_NONE) },
		SLICE_NONE);
	ck_assert_int_eq(a.status, 200);
	ck_assert_ptr_nonnull(strstr(a.p, "\"initiator\":\"alice\",\"responder\":\"bob\""));
	ck_assert_ptr_nonnull(strstr(a.p, "\"state\":\"established\""));
	ck_assert_int_eq(number_in(&a, "nextFromInitiator"), 0);
	/* No record is over before it: sga.item_ttl is shorter than sga.session_time here. */
	ck_assert_int_gt(number_in(&a, "expires"), 0);
	ck_assert_int_le(number_in(&a, "expires"), (long long)bed_now() + 1800);
	answer_fini(&a);
	ck_assert_int_eq(phone_status(&eve, "GET", path, SLICE_NONE), 404);
	ck_assert_int_eq(talk_say(&t, &eve, true, ""), 404);
	talk_fini(&t);

	talk_open(&t, &alice, &bob);
	talk_confirm(&t, &alice, &bob);
	ck_assert_int_eq(talk_say(&t, &alice, true, "hello"), 201);
	talk_hears(&t, &bob, false, "hello");
	ck_assert_int_eq(talk_say(&t, &bob, false, "here"), 201);
	talk_hears(&t, &alice, true, "here");
	a = managed("GET", "sessions", NULL);
	ck_assert_ptr_nonnull(strstr(a.p, t.sid));
	answer_fini(&a);
	a = managed("GET", "stats", NULL);
	ck_assert_int_eq(number_in(&a, "established"), 2);
	ck_assert_int_eq(number_in(&a, "records"), 4);
	answer_fini(&a);
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
	phone_fini(&eve);
}
END_TEST

START_TEST(test_order)
{
	struct phone alice, bob;
	char path[128];
	struct talk t;
	struct buf first, second;
	struct answer a;

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	talk_open(&t, &alice, &bob);
	buf_init(&first, SGA_MESSAGE_MAX);
	buf_init(&second, SGA_MESSAGE_MAX);
	snprintf(path, sizeof(path), "sessions/%s/messages", t.sid);
	ck_assert_int_eq(sga_record_seal(t.i, alice.d, 0, SLICE_NONE, bed_now(), &first), RC_OK);
	ck_assert_int_eq(phone_status(&alice, "POST", path, buf_view(&first)), 201);
	/* Again: taken, and not there twice. */
	ck_assert_int_eq(phone_status(&alice, "POST", path, buf_view(&first)), 201);
	talk_hears(&t, &bob, false, "");
	/* What comes out of its order, or before both have confirmed. */
	buf_slice(&second, buf_view(&first));
	second.p[3] = 0;
	second.p[SGA_HEADER_SIZE - 1] = 1;
	a = phone_ask(&alice, "POST", path, buf_view(&second));
	ck_assert_int_eq(a.status, 409);
	ck_assert_ptr_nonnull(strstr(a.p, "confirm"));
	answer_fini(&a);
	ck_assert_int_eq(talk_say(&t, &bob, false, ""), 201);
	second.p[SGA_HEADER_SIZE - 1] = 2;
	a = phone_ask(&alice, "POST", path, buf_view(&second));
	ck_assert_int_eq(a.status, 409);
	ck_assert_ptr_nonnull(strstr(a.p, "order"));
	answer_fini(&a);
	/* Of another suite than the session. */
	second.p[1] = 1;
	a = phone_ask(&alice, "POST", path, buf_view(&second));
	answer_is_class(&a, SGA_CLASS_SYNTAX);
	answer_fini(&a);
	second.p[1] = 2;
	/* Of another session than the path says. */
	second.p[4] ^= 1;
	a = phone_ask(&alice, "POST", path, buf_view(&second));
	answer_is_class(&a, SGA_CLASS_SYNTAX);
	answer_fini(&a);
	buf_fini(&first);
	buf_fini(&second);
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

START_TEST(test_refusals)
{
	struct phone alice, bob, nobody;
	struct talk t;
	struct buf b, in;
	char path[128];

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	phone_make(&nobody, "nobody", 2);
	buf_init(&b, SGA_MESSAGE_MAX);
	buf_init(&in, SGA_MESSAGE_MAX);
	ck_assert_int_eq(talk_invite(&t, &alice, &nobody, bed_now()), 404);
	talk_fini(&t);
	/* Out of time; without a clock: a challenge, once. */
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now() - 1000), 403);
	talk_fini(&t);
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, 0), 401);
	talk_fini(&t);
	/* The peer does not want. */
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now()), 202);
	phone_take(&bob, &in);
	ck_assert_int_eq(sga_a2_take(bob.d, buf_view(&in), bed_now(), &t.j), RC_OK);
	ck_assert_int_eq(sga_a3_make(t.j, bob.d, false, bed_now(), NULL, &b), RC_OK);
	snprintf(path, sizeof(path), "negotiations/%s/acceptance", t.sid);
	ck_assert_int_eq(sgs_status("POST", path, NULL, buf_view(&b)), 200);
	class_is(SGA_CLASS_REFUSED, "POST", path, NULL, buf_view(&b));
	phone_take(&alice, &in);
	ck_assert_int_eq(sga_a4_take(t.i, alice.d, buf_view(&in)), RC_OK);
	ck_assert_int_eq(sga_session_state(t.i), SGA_S_CLOSED);
	talk_fini(&t);
	/* One party ends it: the other is told. */
	talk_open(&t, &alice, &bob);
	snprintf(path, sizeof(path), "sessions/%s", t.sid);
	ck_assert_int_eq(phone_status(&alice, "DELETE", path, SLICE_NONE), 204);
	ck_assert_int_eq(phone_status(&alice, "GET", path, SLICE_NONE), 404);
	phone_take(&bob, &in);
	ck_assert_int_eq(sga_b6_take(t.j, buf_view(&in), bed_now()), RC_OK);
	ck_assert_int_eq(sga_session_state(t.j), SGA_S_CLOSED);
	talk_fini(&t);
	buf_fini(&b);
	buf_fini(&in);
	phone_fini(&alice);
	phone_fini(&bob);
	phone_fini(&nobody);
}
END_TEST

/* An A1 that was refused for good is not taken when its reason is gone: its sender has given it up. */
START_TEST(test_refused_invitation)
{
	struct phone alice, nobody;
	struct sga_session *s;
	struct answer a;
	struct buf b;

	phone_register(&alice, "alice", 2);
	phone_make(&nobody, "nobody", 2);
	phone_fini(&nobody);
	buf_init(&b, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_a1_make(alice.d, &nobody.id, 3, bed_now(), NULL, &s, &b), RC_OK);
	ck_assert_int_eq(sgs_status("POST", "negotiations", NULL, buf_view(&b)), 404);
	phone_register(&nobody, "nobody", 2);
	class_is(SGA_CLASS_REFUSED, "POST", "negotiations", NULL, buf_view(&b));
	a = managed("GET", "stats", NULL);
	ck_assert_int_eq(number_in(&a, "halfOpen"), 0);
	ck_assert_int_eq(number_in(&a, "replays"), 1);
	answer_fini(&a);
	sga_session_free(s);
	buf_fini(&b);
	phone_fini(&alice);
	phone_fini(&nobody);
}
END_TEST

START_TEST(test_challenge)
{
	struct phone alice, bob;
	struct sga_session *s;
	struct answer a;
	struct buf b;

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	buf_init(&b, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_a1_make(alice.d, &bob.id, 3, 0, NULL, &s, &b), RC_OK);
	a = sgs_ask("POST", "negotiations", NULL, buf_view(&b));
	answer_is_class(&a, SGA_CLASS_CHALLENGE);
	buf_clear(&b);
	ck_assert_int_eq(sga_a1_again(s, alice.d, slice_make(a.p, a.n), NULL, &b), RC_OK);
	ck_assert_int_eq(sgs_status("POST", "negotiations", NULL, buf_view(&b)), 202);
	class_is(SGA_CLASS_REFUSED, "POST", "negotiations", NULL, buf_view(&b));
	answer_fini(&a);
	sga_session_free(s);
	buf_fini(&b);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

/* ---- X-M2M-SGA ---- */

START_TEST(test_tags)
{
	const char *path = "devices/alice/mailbox";
	struct phone alice, bob;
	char tag[SGA_TAG_TEXT + 1];
	struct answer a;

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	class_is(SGA_CLASS_REFUSED, "GET", path, NULL, SLICE_NONE);
	class_is(SGA_CLASS_SYNTAX, "GET", path, &(struct how){ .tag = "x" }, SLICE_NONE);
	snprintf(tag, sizeof(tag), "%s", phone_tag(&alice, "GET", path, SLICE_NONE));
	ck_assert_int_eq(sgs_status("GET", path, &(struct how){ .tag = tag }, SLICE_NONE), 200);
	class_is(SGA_CLASS_REFUSED, "GET", path, &(struct how){ .tag = tag }, SLICE_NONE);
	ck_assert_int_eq(phone_status(&bob, "GET", path, SLICE_NONE), 404);
	/* Guesses: the device is locked out until a manager lifts it, and seen. */
	for (int i = 0; i < 4; i++) {
		snprintf(tag, sizeof(tag), "%s", phone_tag(&alice, "GET", path, SLICE_NONE));
		tag[strlen(tag) - 1] = tag[strlen(tag) - 1] == '0' ? '1' : '0';
		class_is(SGA_CLASS_REFUSED, "GET", path, &(struct how){ .tag = tag }, SLICE_NONE);
	}
	a = phone_ask(&alice, "GET", path, SLICE_NONE);
	answer_is_class(&a, SGA_CLASS_LATER);
	ck_assert_uint_gt(a.retry_after, 0);
	answer_fini(&a);
	a = managed("GET", "lockouts", NULL);
	ck_assert_ptr_nonnull(strstr(a.p, "\"name\":\"alice\""));
	answer_fini(&a);
	a = managed("GET", "stats", NULL);
	ck_assert_int_eq(number_in(&a, "lockedOut"), 1);
	ck_assert_int_eq(number_in(&a, "refusedMac"), 4);
	ck_assert_int_eq(number_in(&a, "refusedCounter"), 1);
	answer_fini(&a);
	a = managed("DELETE", "lockouts/alice", NULL);
	answer_fini(&a);
	ck_assert_int_eq(phone_status(&alice, "GET", path, SLICE_NONE), 200);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

/* ---- managers ---- */

START_TEST(test_managers)
{
	static const char *const paths[] = { "devices", "sessions", "groups", "stats", "lockouts" };
	struct phone alice, bob;
	char path[96];
	struct talk t;
	struct answer a;
	struct buf in;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct how other = { .from = "http://x.example/", .accept = JSON };

		ck_assert_int_eq(sgs_status("GET", paths[i], &other, SLICE_NONE), 403);
		ck_assert_int_eq(sgs_status("GET", paths[i], NULL, SLICE_NONE), 403);
		a = managed("GET", paths[i], NULL);
		answer_fini(&a);
	}
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	a = managed("GET", "devices?max=1", NULL);
	ck_assert_ptr_nonnull(strstr(a.p, "\"id\":\"alice\""));
	ck_assert_ptr_null(strstr(a.p, "\"id\":\"bob\""));
	ck_assert_ptr_nonnull(strstr(a.p, "\"next\":\"1\""));
	answer_fini(&a);
	a = managed("GET", "devices?max=1&after=1", NULL);
	ck_assert_ptr_nonnull(strstr(a.p, "\"id\":\"bob\""));
	answer_fini(&a);
	/* Of two sessions, one after the other. */
	talk_open(&t, &alice, &bob);
	a = managed("GET", "sessions?max=1", NULL);
	ck_assert_ptr_nonnull(strstr(a.p, t.sid));
	ck_assert_ptr_nonnull(strstr(a.p, "\"next\":\""));
	snprintf(path, sizeof(path), "sessions?after=%.32s", strstr(a.p, "\"next\":\"") + 8);
	answer_fini(&a);
	a = managed("GET", path, NULL);
	ck_assert_str_eq(a.p, "{\"session\":[]}");
	answer_fini(&a);
	/* Who is revoked is not there any more, and its peers are told. */
	a = managed("DELETE", "devices/alice", NULL);
	ck_assert_int_eq(a.status, 204);
	answer_fini(&a);
	buf_init(&in, SGA_MESSAGE_MAX);
	phone_take(&bob, &in);
	ck_assert_int_eq(sga_b6_take(t.j, buf_view(&in), bed_now()), RC_OK);
	ck_assert_int_eq(sga_session_state(t.j), SGA_S_CLOSED);
	ck_assert_int_eq(phone_status(&alice, "GET", "devices/alice", SLICE_NONE), 403);
	buf_fini(&in);
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_package,   test_registration, test_session,
		                       test_order,     test_refusals,     test_refused_invitation,
		                       test_challenge, test_tags,         test_managers };
	Suite *s = suite_create("sgs rest");
	TCase *c = suite_case(s, "server", sgs_setup, sgs_teardown);

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	return run_suite(s);
}
