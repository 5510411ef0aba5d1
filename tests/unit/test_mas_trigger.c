/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that wake a node: at the MAS of this process, and through that of another. */
#include "config.h"

#include "rest_bed.h"
#include "sec/derive.h"
#include "suite.h"

#define NOW (UINT64_C(1700000000))

static void
over(struct mas_trigger *t)
{
	bed_over(t->owner);
}

static enum rc
triggered(const struct mas *mas, struct mas_trigger *t)
{
	struct bed_call call = { .b = &w.mas };

	t->owner = &call;
	t->done = over;
	mas->ops->trigger(mas->self, t);
	bed_wait(&call);
	return t->outcome.rc;
}

static struct mas_trigger
asked(const char *scl_id)
{
	return (struct mas_trigger){ .scl_id = slice_of(scl_id),
		                     .reason = TRIGGER_REFRESH,
		                     .not_after = NOW + 600,
		                     .scheme = TRIGGER_HTTPS_PSK,
		                     .port = 8443,
		                     .host = SLICE_LIT("nscl.sp1.example") };
}

static bool
anywhere(void *arg, const struct trigger *t)
{
	(void)arg;
	(void)t;
	return true;
}

/* What the node with that Kmr says of a token of t. */
static enum trigger_fault
node_says(const struct mas_trigger *t, unsigned which, uint8_t octet, uint64_t last)
{
	struct key kmr = bed_key(octet), key;
	struct trigger_check check = { .node = &t->node, .last = last, .now = (int64_t)NOW,
		                       .leads_home = anywhere };
	struct trigger got;
	enum trigger_fault fault;

	ck_assert_int_eq(trigger_key(&kmr, &t->node, &key), RC_OK);
	check.verifier = trigger_verifier_new(&key);
	fault = trigger_look(slice_make(t->tokens[which].v, t->tokens[which].n), &check, &got);
	if (fault == TRIGGER_GOOD)
		ck_assert(got.counter == t->counter && got.reason == TRIGGER_REFRESH &&
		          got.port == 8443 && got.not_after == NOW + 600 &&
		          slice_is(got.host, "nscl.sp1.example"));
	trigger_verifier_free(check.verifier);
	return fault;
}

static void
counts_up(const struct mas *mas)
{
	struct mas_trigger t = asked("scl-1");
	struct node_id node = bed_node(1);
	uint64_t last = 0;

	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(triggered(mas, &t), RC_OK);
		ck_assert(node_id_eq(&t.node, &node));
		ck_assert_uint_eq(t.n_tokens, 1);
		ck_assert_uint_gt(t.counter, last);
		ck_assert_int_eq(node_says(&t, 0, 10, last), TRIGGER_GOOD);
		ck_assert_int_eq(node_says(&t, 0, 11, last), TRIGGER_FORGED);
		last = t.counter;
		ck_assert_int_eq(node_says(&t, 0, 10, last), TRIGGER_REPLAYED);
	}
	t.scl_id = SLICE_NONE;
	ck_assert_int_eq(triggered(mas, &t), RC_OK);
	ck_assert_int_eq(node_says(&t, 0, 10, last), TRIGGER_GOOD);
}

START_TEST(tokens)
{
	bed_issue(&w.mas, 1, 10);
	counts_up(&w.mas.mas);
	ck_assert_uint_eq(audited("trigger-refresh", "nscl"), 6);
	counts_up(&w.far);
	ck_assert_uint_eq(audited("trigger-refresh", "nscl1.example.net"), 6);
	ck_assert_uint_eq(mas_counted(mas_counters_of(w.mas.m), MAS_COUNT_TRIGGER_OK), 12);
}
END_TEST

/* A Kmr that the node may have got or not: one token by each. */
START_TEST(two_keys)
{
	struct mas_trigger t = asked("scl-1");

	bed_issue(&w.mas, 1, 10);
	(void)bed_connected(&w.mas, 1, 1);
	bed_issue(&w.mas, 1, 20);
	for (unsigned far = 0; far < 2; far++) {
		ck_assert_int_eq(triggered(far ? &w.far : &w.mas.mas, &t), RC_OK);
		ck_assert_uint_eq(t.n_tokens, 2);
		ck_assert_int_eq(node_says(&t, 0, 20, 0), TRIGGER_GOOD);
		ck_assert_int_eq(node_says(&t, 1, 10, 0), TRIGGER_GOOD);
	}
	/* Once the newer one is used, the older is retired. */
	(void)bed_connected(&w.mas, 1, 2);
	ck_assert_int_eq(triggered(&w.mas.mas, &t), RC_OK);
	ck_assert_uint_eq(t.n_tokens, 1);
	ck_assert_int_eq(node_says(&t, 0, 20, 0), TRIGGER_GOOD);
}
END_TEST

static void
refused(struct mas_trigger t, enum rc rc, const char *reason)
{
	ck_assert_int_eq(triggered(&w.mas.mas, &t), rc);
	ck_assert_str_eq(t.outcome.reason, reason);
	ck_assert_uint_eq(t.n_tokens, 0);
	/* What its server does not even read is a MAS that cannot be spoken to. */
	if (triggered(&w.far, &t) != RC_UNAVAILABLE || rc != RC_BAD_REQUEST)
		ck_assert_int_eq(t.outcome.rc, rc);
	ck_assert_uint_eq(t.n_tokens, 0);
}

START_TEST(refusals)
{
	struct mas_change kmr = { .kind = MAS_REVOKE_KMR, .node = bed_node(1), .actor = "t" };
	struct mas_change node = { .kind = MAS_REVOKE_NODE, .node = bed_node(1), .actor = "t" };
	struct mas_trigger t;

	bed_issue(&w.mas, 1, 10);
	refused(asked("scl-2"), RC_NOT_FOUND, "UNKNOWN_NODE");
	t = asked("scl-1");
	t.reason = 0;
	refused(t, RC_BAD_REQUEST, "BAD_PARAM");
	t = asked("scl-1");
	t.port = 0;
	refused(t, RC_BAD_REQUEST, "BAD_PARAM");
	t = asked("scl-1");
	t.not_after = NOW;
	refused(t, RC_BAD_REQUEST, "BAD_PARAM");
	t.not_after = NOW + MAS_TRIGGER_LIFETIME_MAX + 1;
	refused(t, RC_BAD_REQUEST, "BAD_PARAM");
	t = asked("scl-1");
	t.host = SLICE_LIT("a/b");
	refused(t, RC_BAD_REQUEST, "BAD_PARAM");
	ck_assert_int_eq(bed_change(&w.mas, &kmr), RC_OK);
	refused(asked("scl-1"), RC_CONFLICT, "NO_KEY");
	ck_assert_int_eq(bed_change(&w.mas, &node), RC_OK);
	refused(asked("scl-1"), RC_FORBIDDEN, "NODE_REVOKED");
}
END_TEST

/* No NSCL gets a token by another role. */
START_TEST(roles)
{
	struct asker msbf = asker_certified(SERVE_MAS, &msbf_uri, &dns);
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	static const char body[] = "{\"sclId\":\"scl-1\",\"reason\":1,\"notAfter\":1700000600,"
				   "\"scheme\":1,\"port\":1,\"host\":\"h\"}";
	static const char both[] = "{\"sclId\":\"scl-1\",\"nodeId\":\"01bcad98010203040506070809"
				   "0a0b0c\",\"reason\":1,\"notAfter\":1700000600,\"scheme\":1,"
				   "\"port\":1,\"host\":\"h\"}";

	bed_issue(&w.mas, 1, 10);
	ck_assert_int_eq(ask_status(&w.core, &msbf, "POST", "/mas/v1/trigger", body), 403);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/trigger", body), 200);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "POST", "/mas/v1/trigger", both), 400);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/trigger", NULL), 405);
}
END_TEST

/* What left is never made again: after a start, and with an older copy of the store as well. */
START_TEST(counters_are_kept)
{
	struct mas_bed b;
	struct bed_call call = { .b = &b };
	struct mas_trigger t = asked("scl-1");
	uint64_t last = 0;

	bed_make(&b, 1);
	bed_open(&b);
	bed_issue(&b, 1, 10);
	t.owner = &call;
	t.done = over;
	for (unsigned i = 0; i < 4; i++) {
		call.over = false;
		b.mas.ops->trigger(b.mas.self, &t);
		bed_wait(&call);
		ck_assert_int_eq(t.outcome.rc, RC_OK);
		ck_assert_uint_gt(t.counter, last);
		/* As many as seconds have passed since 1970 have never been given before. */
		ck_assert_uint_ge(t.counter, NOW);
		last = t.counter;
		bed_close(&b);
		bed_open(&b);
	}
	bed_free(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mas_trigger");
	TCase *c = suite_case(s, "tokens", rest_setup, rest_teardown);

	tcase_add_test(c, tokens);
	tcase_add_test(c, two_keys);
	tcase_add_test(c, refusals);
	tcase_add_test(c, roles);
	c = suite_case(s, "store", NULL, NULL);
	tcase_add_test(c, counters_are_kept);
	return run_suite(s);
}
