/* SPDX-License-Identifier: Apache-2.0 */
/* The MAS: revocation and rotation, and verdicts on who comes with what is over. */
#include "config.h"

#include "mas/mas_impl.h"
#include "mas_case.h"

/* ---- revocation and rotation ---- */

START_TEST(test_revoke_connection)
{
	struct mas_bed *b = start(_i);
	struct mas_change revoke = { .kind = MAS_REVOKE_CONNECTION, .reason = "STOLEN",
		                     .actor = "admin" };
	struct mas_connection c;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	revoke.connection = c.id;
	revoke.node = bed_node(2);
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	ck_assert(!conn_ended(b, &c));
	revoke.node = c.node;
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(conn_ended(b, &c));
	ck_assert(bed_was_told(b, c.id, MAS_REVOKED));
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert_uint_eq(b->n_told, 1);
	revoke.connection = 99;
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	(void)bed_connected(b, 1, 1);
	bed_free(b);
}
END_TEST

START_TEST(test_revoke_kmr)
{
	struct mas_bed *b = start(_i);
	struct mas_change revoke = { .kind = MAS_REVOKE_KMR, .node = bed_node(1), .index = 1 };
	struct mas_connection c;
	unsigned cause;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(!has_psk(b, 1, 1));
	ck_assert(has_psk(b, 1, 2));
	ck_assert(bed_was_told(b, c.id, MAS_REVOKED));
	ck_assert(conn_ended(b, &c));
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_REVOKED);
	refuses(b, 1, 1, "AUTH_FAILED", REJECT_REVOKED);
	ck_assert_int_eq(bed_verdict(b, &revoke.node, 1, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_REVOKED + 100);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	revoke.index = 9;
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	(void)bed_connected(b, 1, 2);
	bed_free(b);
}
END_TEST

START_TEST(test_revoke_node)
{
	struct mas_bed *b = start(_i);
	struct mas_change revoke = { .kind = MAS_REVOKE_NODE, .node = bed_node(1) };
	struct mas_provision p = { .has_node = true, .node = bed_node(1) };
	struct mas_connection c;
	unsigned cause;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	ck_assert(!has_psk(b, 1, 1) && !has_psk(b, 1, 2));
	ck_assert(bed_was_told(b, c.id, MAS_REVOKED));
	ck_assert(bed_was_told(b, 0, MAS_REVOKED));
	ck_assert_int_eq(bed_change(b, &revoke), RC_OK);
	refuses(b, 1, 2, "AUTH_FAILED", REJECT_REVOKED);
	ck_assert_int_eq(bed_show(b, &p.node), RC_OK);
	ck_assert_str_eq(b->nodes[0].last_reason, "NODE_REVOKED");
	ck_assert_int_eq(bed_provision(b, &p), RC_FORBIDDEN);
	ck_assert_str_eq(p.outcome.reason, "AUTH_FAILED");
	ck_assert_int_eq(bed_verdict(b, &p.node, 3, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_REVOKED + 100);
	revoke.node = bed_node(7);
	ck_assert_int_eq(bed_change(b, &revoke), RC_NOT_FOUND);
	bed_free(b);
}
END_TEST

static bool
is_retired(struct mas_bed *b, void *arg)
{
	return kmr_state(b, *(uint8_t *)arg, 1) == MAS_KMR_RETIRED;
}

START_TEST(test_rotate)
{
	struct mas_bed *b = start(_i);
	struct mas_change rotate = { .kind = MAS_ROTATE, .node = bed_node(1),
		                     .deadline = BED_START + BED_DAY };
	struct mas_connection c;
	uint8_t node = 1;

	(void)bed_issue(b, 1, 10);
	c = bed_connected(b, 1, 1);
	ck_assert_int_eq(bed_change(b, &rotate), RC_OK);
	refuses(b, 1, 1, "SEC_REBOOTSTRAP", REJECT_EXPIRED);
	ck_assert_int_eq(kmr_state(b, 1, 1), MAS_KMR_ACTIVE);
	ck_assert(conn_lives(b, &c));
	bed_pass(b, BED_DAY);
	bed_until(b, is_retired, &node);
	ck_assert(has_psk(b, 1, 1));
	ck_assert_int_eq(bed_change(b, &rotate), RC_NOT_FOUND);
	(void)bed_issue(b, 1, 20);
	(void)bed_connected(b, 1, 2);
	/* Without a deadline: at once. */
	(void)bed_issue(b, 2, 30);
	rotate = (struct mas_change){ .kind = MAS_ROTATE, .node = bed_node(2) };
	ck_assert_int_eq(bed_change(b, &rotate), RC_OK);
	node = 2;
	bed_until(b, is_retired, &node);
	bed_free(b);
}
END_TEST

/* ---- verdicts and rejects ---- */

START_TEST(test_verdict)
{
	struct mas_bed *b = start(_i);
	struct node_id known = bed_node(1), stranger = bed_node(2);
	unsigned cause;

	(void)bed_issue(b, 1, 10);
	(void)bed_connected(b, 1, 1);
	(void)bed_issue(b, 1, 20);
	(void)bed_connected(b, 1, 2);
	ck_assert_int_eq(bed_verdict(b, &stranger, 1, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_UNKNOWN + 100);
	ck_assert_int_eq(bed_verdict(b, &known, 1, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_EXPIRED);
	ck_assert_int_eq(bed_verdict(b, &known, 2, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_ACCEPTED);
	ck_assert_int_eq(bed_verdict(b, &known, 3, &cause), RC_OK);
	ck_assert_uint_eq(cause, REJECT_UNKNOWN);
	bed_free(b);
}
END_TEST

START_TEST(test_reject)
{
	struct mas_bed *b = start(_i);
	struct node_id node = bed_node(1);
	uint8_t nonce[REJECT_NONCE_SIZE] = { 1, 2, 3 }, space[REJECT_MAX];
	struct sign_public pinned = bed_reject_public();
	struct reject_check check = { .pinned = &pinned, .node = &node, .nonce = nonce,
		                      .now = BED_START / CLOCK_SECOND };
	char text[REJECT_TEXT_MAX + 1];
	struct reject r;

	ck_assert(mas_reject(b->m, &node, nonce, REJECT_REVOKED, true, 30, text));
	ck_assert_int_eq(reject_verify_text(slice_of(text), &check, space, &r), RC_OK);
	ck_assert_int_eq(r.cause, REJECT_REVOKED);
	ck_assert(r.permanent);
	ck_assert_uint_eq(r.retry_after, 30);
	ck_assert(slice_is(r.sp_id, "sp1.example"));
	ck_assert(!mas_reject(b->m, &node, nonce, REJECT_CAUSES, true, 30, text));
	bed_close(b);
	b->conf.reject_key_file = NULL;
	b->conf.store.path = NULL;
	b->conf.engine = &store_memory;
	bed_open(b);
	ck_assert(!mas_reject(b->m, &node, nonce, REJECT_REVOKED, true, 30, text));
	ck_assert_str_eq(text, "");
	bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_revoke_connection, test_revoke_kmr, test_revoke_node, test_rotate,
		test_verdict, test_reject,
	};
	Suite *s = suite_create("mas revoke");
	TCase *c = suite_case(s, "engines", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, BED_ENGINES);
	return run_suite(s);
}
