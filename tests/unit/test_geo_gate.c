/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard asks, the nodes that are watched, and reports that are read. */
#include "config.h"

#include "geo_bed.h"
#include "suite.h"

#include <stdio.h>

#define HOME "192.0.2.1"
#define AWAY "198.51.100.1"
#define POLICY(action)                                                                             \
	"{\"policy\":\"" action "\",\"circles\":[{\"lat\":0,\"lon\":0,\"radius\":1000}],"          \
	"\"attachments\":[{\"source\":\"192.0.2.0/24\"},{\"gateway\":\"g1\"}]}"
#define REPORTS "/m2m/scls/a/containers/location/contentInstances"

static bool own;

static enum geo_verdict
ask(const char *node, const char *issuer, const char *address, enum req_op op, const char *target)
{
	const struct node_id id = bed_id(node);
	struct peer peer = { .address = slice_of(address) };
	struct req_input in = { .op = op, .target = slice_of(target), .peer = &peer };
	struct geo_ask a = {
		.node = &id, .scl_id = SLICE_LIT("a"), .issuer = slice_of(issuer), .in = &in
	};

	return bed.gate.seen(bed.gate.arg, &a, &own);
}

static enum geo_verdict
from(const char *address)
{
	return ask(NODE_A, "", address, REQ_RETRIEVE, "/m2m");
}

/* ---- verdicts ---- */

START_TEST(who_is_not_watched_passes)
{
	ck_assert_int_eq(from(AWAY), GEO_PASS);
	(void)bed_put(NODE_B, POLICY("end"));
	ck_assert_int_eq(from(AWAY), GEO_PASS);
	ck_assert_uint_eq(bed_node(NODE_B)->state.alarm, 0);
}
END_TEST

START_TEST(warn_refuses_nothing)
{
	(void)bed_put(NODE_A, POLICY("warn"));
	ck_assert_int_eq(from(AWAY), GEO_PASS);
	ck_assert_uint_eq(bed_node(NODE_A)->state.alarm, GEO_ALARM_ADDRESS);
	ck_assert_str_eq(bed_node(NODE_A)->scl_id, "a");
}
END_TEST

START_TEST(restrict_lets_reports_through)
{
	(void)bed_put(NODE_A, POLICY("restrict"));
	ck_assert_int_eq(from(HOME), GEO_PASS);
	ck_assert_int_eq(from(AWAY), GEO_RESTRICTED);
	ck_assert(own);
	ck_assert_int_eq(ask(NODE_A, "", AWAY, REQ_CREATE, REPORTS "/?x=1"), GEO_PASS);
	ck_assert_int_eq(ask(NODE_A, "", AWAY, REQ_RETRIEVE, REPORTS), GEO_RESTRICTED);
	ck_assert_int_eq(ask(NODE_A, "", AWAY, REQ_CREATE, REPORTS "/x"), GEO_RESTRICTED);
	ck_assert_uint_eq(bed_count(GEO_COUNT_RESTRICTED), 3);
	ck_assert_int_eq(ask(NODE_B, "", AWAY, REQ_RETRIEVE, "/m2m"), GEO_PASS);
}
END_TEST

START_TEST(end_cuts_and_refuses)
{
	const struct node_id id = bed_id(NODE_A);

	(void)bed_put(NODE_A, POLICY("end"));
	ck_assert_int_eq(from(HOME), GEO_PASS);
	ck_assert(!bed.gate.cuts(bed.gate.arg, &id));
	ck_assert_int_eq(ask(NODE_A, "", AWAY, REQ_CREATE, REPORTS), GEO_ENDED);
	ck_assert(bed.gate.cuts(bed.gate.arg, &id));
	ck_assert_uint_eq(bed_count(GEO_COUNT_ENDED), 1);
}
END_TEST

/* An application of a gateway: the verdict is not about the gateway. */
START_TEST(what_a_gateway_asks_for_it)
{
	(void)bed_put(NODE_B, POLICY("restrict"));
	ck_assert_int_eq(
		ask(NODE_A, "http://x/m2m/applications/" NODE_B, HOME, REQ_RETRIEVE, "/m2m"),
		GEO_RESTRICTED);
	ck_assert(!own);
	ck_assert_str_eq(bed_node(NODE_B)->state.seen[GEO_BY_GATEWAY], "a");
	ck_assert_int_eq(ask(NODE_A, "http://x/m2m/applications/other", HOME, REQ_RETRIEVE, "/m2m"),
	                 GEO_PASS);
}
END_TEST

START_TEST(what_a_gateway_announces)
{
	struct slice link = SLICE_LIT("http://g.example.org/m2m/applications/" NODE_A);

	(void)bed_put(NODE_A, POLICY("restrict"));
	ck_assert_int_eq(bed.gate.announced(bed.gate.arg, SLICE_LIT("g1"), link), GEO_PASS);
	ck_assert_int_eq(bed.gate.announced(bed.gate.arg, SLICE_LIT("g2"), link), GEO_RESTRICTED);
	ck_assert_uint_eq(bed_node(NODE_A)->state.alarm, GEO_ALARM_GATEWAY);
	ck_assert_int_eq(bed.gate.announced(bed.gate.arg, SLICE_LIT("g2"), SLICE_LIT("x")),
	                 GEO_PASS);
}
END_TEST

/* To be located as another is refused with the document that says so. */
START_TEST(whom_the_network_is_to_locate)
{
	const struct node_id id = bed_id(NODE_A), other = bed_id(NODE_B);

	(void)bed_put(NODE_A, "{\"policy\":\"restrict\",\"locTargetDevice\":\"tel:+1\"}");
	ck_assert_int_eq(bed.gate.located_as(&bed, &id, SLICE_LIT("tel:+1")), GEO_PASS);
	ck_assert_int_eq(bed.gate.located_as(&bed, &other, SLICE_LIT("tel:+2")), GEO_PASS);
	ck_assert_int_eq(bed.gate.located_as(&bed, &id, SLICE_LIT("tel:+2")), GEO_RESTRICTED);
	ck_assert_uint_eq(bed_count(GEO_COUNT_TARGET), 1);
	bed_turn();
	ck_assert(bed_sends("\"reasons\":[\"target\"]"));
	ck_assert_int_eq(bed.gate.located_as(&bed, &id, SLICE_LIT("tel:+1")), GEO_RESTRICTED);
}
END_TEST

/* ---- another policy ---- */

START_TEST(sessions_of_an_old_alarm_are_cut)
{
	const struct node_id id = bed_id(NODE_A);

	(void)bed_put(NODE_A, POLICY("warn"));
	(void)from(AWAY);
	ck_assert(!bed.gate.cuts(bed.gate.arg, &id));
	(void)bed_put(NODE_A, POLICY("end"));
	ck_assert(bed.gate.cuts(bed.gate.arg, &id));
	ck_assert_uint_eq(bed_count(GEO_COUNT_ATTACHMENT), 1);
}
END_TEST

START_TEST(what_is_known_is_judged_at_once)
{
	(void)bed_put(NODE_A, POLICY("warn"));
	(void)from(AWAY);
	(void)bed_put(NODE_A, "{\"policy\":\"warn\"}");
	ck_assert_uint_eq(bed_node(NODE_A)->state.alarm, 0);
	(void)bed_put(NODE_A, POLICY("end"));
	ck_assert_uint_eq(bed_node(NODE_A)->state.alarm, GEO_ALARM_ADDRESS);
	ck_assert_uint_eq(bed_count(GEO_COUNT_ATTACHMENT), 2);
	ck_assert_uint_eq(bed_count(GEO_COUNT_CLEARED), 1);
	ck_assert(bed_node(NODE_A)->dirty);
}
END_TEST

/* ---- reports ---- */

static void
write_report(void)
{
	struct req_input in = { .op = REQ_CREATE, .target = SLICE_LIT(REPORTS) };

	bed.gate.writes(bed.gate.arg, &in);
	bed_turn();
	if (bed_idle())
		bed_wait();
}

START_TEST(a_report_is_read_once)
{
	(void)bed_put(NODE_A, POLICY("warn"));
	(void)from(HOME);
	write_report();
	ck_assert(bed_asks("GET", REPORTS "/latest/content"));
	bed_answer_body("{\"lat\":0,\"lon\":0}", "\"1\"");
	bed_wait();
	bed_answer_body("{\"lat\":0,\"lon\":0}", "\"1\"");
	bed_wait();
	bed_answer(RC_NOT_FOUND);
	bed_wait();
	bed_answer_body("{\"lat\":5,\"lon\":0}", "\"2\"");
	ck_assert_uint_eq(bed_count(GEO_COUNT_REPORTS), 2);
	ck_assert_uint_eq(bed_node(NODE_A)->state.alarm, GEO_ALARM_AREA);
	ck_assert(bed_sends("\"by\":\"report\""));
	bed_answer(RC_CREATED);
	bed_wait();
	ck_assert_msg(bed_idle(), "four looks, no more");
}
END_TEST

START_TEST(what_is_no_report_is_counted)
{
	(void)bed_put(NODE_A, POLICY("warn"));
	(void)from(HOME);
	write_report();
	bed_answer_body("{}", "\"1\"");
	ck_assert_uint_eq(bed_count(GEO_COUNT_REPORTS_BAD), 1);
	ck_assert_uint_eq(bed_node(NODE_A)->state.alarm, 0);
}
END_TEST

START_TEST(a_node_that_is_dropped_while_its_report_is_read)
{
	const struct node_id id = bed_id(NODE_A);

	(void)bed_put(NODE_A, POLICY("warn"));
	(void)from(HOME);
	write_report();
	ck_assert(geo_drop(&bed, &id));
	bed_answer_body("{\"lat\":5,\"lon\":0}", "\"1\"");
	ck_assert_uint_eq(bed.n_looking, 0);
	ck_assert(bed_idle());
}
END_TEST

/* ---- the table ---- */

START_TEST(the_table_has_an_end)
{
	const struct node_id a = bed_id(NODE_A), c = bed_id("01000000000000000000000000000003");

	(void)bed_put(NODE_A, POLICY("warn"));
	(void)bed_put(NODE_B, POLICY("warn"));
	ck_assert_int_eq(geo_put(&bed, &c, strdup(WARN), strlen(WARN), ""), RC_NO_SPACE);
	ck_assert_int_eq(geo_put(&bed, &a, strdup("{}"), 2, ""), RC_BAD_REQUEST);
	ck_assert_int_eq(bed_node(NODE_A)->policy.action, GEO_WARN);
	ck_assert(geo_drop(&bed, &a));
	ck_assert_int_eq(geo_put(&bed, &c, strdup(WARN), strlen(WARN), ""), RC_OK);
	ck_assert_uint_eq(bed.n, 2);
}
END_TEST

/* By its name below the scl, when that is known, or by a path. */
START_TEST(where_reports_go)
{
	struct geo_node *n = bed_put(NODE_A, "{\"policy\":\"warn\",\"container\":\"gps\"}");

	ck_assert_str_eq(n->path, "");
	geo_name(&bed, n, SLICE_LIT("a"));
	ck_assert_ptr_eq(
		geo_find_path(&bed, SLICE_LIT("/m2m/scls/a/containers/gps/contentInstances")), n);
	geo_name(&bed, n, SLICE_LIT("b"));
	ck_assert_ptr_null(
		geo_find_path(&bed, SLICE_LIT("/m2m/scls/a/containers/gps/contentInstances")));
	(void)bed_put(NODE_A, "{\"policy\":\"warn\",\"container\":\"/m2m/x\"}");
	ck_assert_ptr_eq(geo_find_path(&bed, SLICE_LIT("/m2m/x/contentInstances")), n);
	ck_assert_ptr_null(
		geo_find_path(&bed, SLICE_LIT("/m2m/scls/b/containers/gps/contentInstances")));
}
END_TEST

START_TEST(a_state_comes_back)
{
	struct geo_node *a = bed_put(NODE_A, POLICY("warn")), *b = bed_put(NODE_B, POLICY("warn"));
	struct buf record;

	(void)from(AWAY);
	bed_found(NODE_A, "c7");
	buf_init(&record, 4096);
	ck_assert(geo_state_pack(a, &record));
	ck_assert(geo_state_unpack(&bed, b, buf_view(&record)));
	ck_assert_uint_eq(b->state.alarm, GEO_ALARM_ADDRESS);
	ck_assert(b->untold && b->state.since == a->state.since);
	ck_assert_str_eq(b->scl_id, "a");
	ck_assert_str_eq(b->state.seen[GEO_BY_ADDRESS], AWAY);
	ck_assert_str_eq(b->state.seen[GEO_BY_CELL], "c7");
	for (size_t n = 0; n < record.n; n++)
		ck_assert_msg(!geo_state_unpack(&bed, b, slice_make(buf_view(&record).p, n)), "%zu",
		              n);
	buf_char(&record, 'x');
	ck_assert(!geo_state_unpack(&bed, b, buf_view(&record)));
	buf_fini(&record);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("geo_gate");
	TCase *c = suite_case(s, "verdicts", bed_setup, bed_teardown);

	tcase_add_test(c, who_is_not_watched_passes);
	tcase_add_test(c, warn_refuses_nothing);
	tcase_add_test(c, restrict_lets_reports_through);
	tcase_add_test(c, end_cuts_and_refuses);
	tcase_add_test(c, what_a_gateway_asks_for_it);
	tcase_add_test(c, what_a_gateway_announces);
	tcase_add_test(c, whom_the_network_is_to_locate);
	c = suite_case(s, "another policy", bed_setup, bed_teardown);
	tcase_add_test(c, sessions_of_an_old_alarm_are_cut);
	tcase_add_test(c, what_is_known_is_judged_at_once);
	c = suite_case(s, "reports", bed_setup, bed_teardown);
	tcase_add_test(c, a_report_is_read_once);
	tcase_add_test(c, what_is_no_report_is_counted);
	tcase_add_test(c, a_node_that_is_dropped_while_its_report_is_read);
	c = suite_case(s, "table", bed_setup, bed_teardown);
	tcase_add_test(c, the_table_has_an_end);
	tcase_add_test(c, where_reports_go);
	tcase_add_test(c, a_state_comes_back);
	return run_suite(s);
}
