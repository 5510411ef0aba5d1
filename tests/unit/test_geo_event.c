/* SPDX-License-Identifier: Apache-2.0 */
/* Events of alarms on their way into the tree: their order, their end, and where they are told. */
#include "config.h"

#include "geo_bed.h"
#include "suite.h"

#include <stdio.h>

#define EVENTS_A "/m2m/scls/a/containers/securityEvents/contentInstances"
#define CONTAINERS_A "/m2m/scls/a/containers"

/* Node A has an scl, and is at these cells one after the other. */
static void
watch(void)
{
	geo_name(&bed, bed_put(NODE_A, WARN), SLICE_LIT("a"));
}

START_TEST(an_alarm_is_told)
{
	watch();
	bed_found(NODE_A, "c2");
	bed_turn();
	ck_assert(bed_asks("POST", EVENTS_A));
	ck_assert(bed_sends("\"event\":\"GEO_ALARM\",\"state\":\"raised\",\"nodeId\":\"" NODE_A
	                    "\",\"reasons\":[\"attachment\"],\"ways\":[\"cell\"]"));
	ck_assert(bed_sends("\"cell\":\"c2\",\"by\":\"network\""));
	ck_assert(bed_node(NODE_A)->untold);
	bed_answer(RC_CREATED);
	ck_assert(bed_idle() && !bed_node(NODE_A)->untold);
	ck_assert_uint_eq(bed_count(GEO_COUNT_EVENTS), 1);
	ck_assert_uint_eq(bed_count(GEO_COUNT_ATTACHMENT), 1);
}
END_TEST

START_TEST(nothing_overtakes)
{
	static const char *const cells[] = { "c2", "c1", "c3" };

	watch();
	for (int i = 0; i < 3; i++)
		bed_found(NODE_A, cells[i]);
	bed_turn();
	for (int i = 0; i < 3; i++) {
		char cell[32];

		(void)snprintf(cell, sizeof(cell), "\"cell\":\"%s\"", cells[i]);
		ck_assert_msg(bed_sends(cell), "%s", cell);
		bed_answer(RC_UNAVAILABLE);
		ck_assert(bed_idle());
		bed_wait();
		ck_assert_msg(bed_sends(cell), "%s again", cell);
		ck_assert(bed_node(NODE_A)->untold);
		bed_answer(RC_CREATED);
	}
	ck_assert(bed_idle() && !bed_node(NODE_A)->untold);
}
END_TEST

START_TEST(another_node_does_not_wait_for_it)
{
	watch();
	geo_name(&bed, bed_put(NODE_B, WARN), SLICE_LIT("b"));
	bed_found(NODE_A, "c2");
	bed_found(NODE_B, "c2");
	bed_turn();
	ck_assert(bed_asks("POST", EVENTS_A));
	bed_answer(RC_UNAVAILABLE);
	ck_assert(bed_sends(NODE_B));
	bed_answer(RC_CREATED);
	ck_assert(bed_idle());
}
END_TEST

START_TEST(its_container_is_made)
{
	watch();
	bed_found(NODE_A, "c2");
	bed_turn();
	bed_answer(RC_NOT_FOUND);
	ck_assert(bed_asks("POST", CONTAINERS_A));
	ck_assert(bed_sends("m2m:id=\"securityEvents\"") &&
	          bed_sends("<m2m:accessRightID>/m2m/accessRights/r</m2m:accessRightID>"));
	bed_answer(RC_CONFLICT);
	ck_assert(bed_asks("POST", EVENTS_A));
	/* Something else has that name: no endless asking. */
	bed_answer(RC_NOT_FOUND);
	ck_assert(bed_idle());
	bed_wait();
	ck_assert(bed_asks("POST", EVENTS_A));
}
END_TEST

/* Below its gateway's when there is no scl of its own, not when that is busy. */
START_TEST(an_scl_that_is_not_there)
{
	struct geo_node *n;

	watch();
	n = bed_node(NODE_A);
	(void)strcpy(n->state.seen[GEO_BY_GATEWAY], "g");
	bed_found(NODE_A, "c2");
	bed_turn();
	bed_answer(RC_UNAVAILABLE);
	bed_wait();
	ck_assert(bed_asks("POST", EVENTS_A));
	bed_answer(RC_NOT_FOUND);
	bed_answer(RC_NOT_FOUND);
	bed_wait();
	ck_assert(bed_asks("POST", "/m2m/scls/g/containers/securityEvents/contentInstances"));
	bed_answer(RC_NOT_FOUND);
	bed_answer(RC_NOT_FOUND);
	bed_wait();
	ck_assert(bed_asks("POST", EVENTS_A));
	bed_answer(RC_CREATED);
	ck_assert(bed_idle());
}
END_TEST

/* It is known by the time that its event is sent. */
START_TEST(an_scl_that_comes_later)
{
	(void)bed_put(NODE_A, WARN);
	bed_found(NODE_A, "c2");
	bed_found(NODE_A, "c1");
	bed_turn();
	bed_answer(RC_NOT_FOUND);
	bed_answer(RC_NOT_FOUND);
	geo_name(&bed, bed_node(NODE_A), SLICE_LIT("a"));
	bed_wait();
	ck_assert(bed_asks("POST", EVENTS_A) && bed_sends("raised"));
	bed_answer(RC_CREATED);
	ck_assert(bed_asks("POST", EVENTS_A) && bed_sends("cleared"));
	bed_answer(RC_CREATED);
}
END_TEST

START_TEST(of_too_many_the_sum_is_told)
{
	watch();
	for (unsigned i = 0; i < GEO_EVENTS_OF_NODE + 3; i++)
		bed_found(NODE_A, i % 2 == 0 ? "c2" : "c1");
	ck_assert_uint_eq(bed_count(GEO_COUNT_EVENTS_LOST), 3);
	bed_turn();
	for (unsigned i = 0; i < GEO_EVENTS_OF_NODE; i++) {
		ck_assert(bed_sends(i % 2 == 0 ? "raised" : "cleared") && !bed_sends("nscl"));
		bed_answer(RC_CREATED);
	}
	ck_assert(bed_sends("\"raised\"") && bed_sends("\"by\":\"nscl\""));
	bed_answer(RC_CREATED);
	ck_assert(bed_idle() && !bed_node(NODE_A)->untold && !bed.missed);
}
END_TEST

/* The places of all are taken: the next node is told of when there is room. */
START_TEST(all_together_have_an_end)
{
	struct node_id other = bed_id(NODE_B);
	unsigned taken = 0;

	watch();
	while (bed.n_events < GEO_EVENTS_MAX) {
		struct geo_event *e = calloc(1, sizeof(*e));

		ck_assert_ptr_nonnull(e);
		e->id = other;
		e->id.v[0] = (unsigned char)taken++;
		geo_put_back(&bed, e);
	}
	bed_found(NODE_A, "c2");
	ck_assert_uint_eq(bed.n_events, GEO_EVENTS_MAX);
	ck_assert_uint_eq(bed_count(GEO_COUNT_EVENTS_LOST), 1);
	bed_turn();
	bed_answer(RC_CREATED);
	for (unsigned i = 0; i < GEO_EVENTS_MAX && !bed_sends(NODE_A); i++)
		bed_answer(RC_CREATED);
	ck_assert(bed_sends("\"by\":\"nscl\""));
}
END_TEST

START_TEST(tries_have_an_end)
{
	unsigned tries = 0;

	watch();
	bed_found(NODE_A, "c2");
	bed_found(NODE_A, "c1");
	bed_turn();
	while (bed_sends("raised") && tries++ < 1000) {
		bed_answer(RC_UNAVAILABLE);
		if (bed_idle())
			bed_wait();
	}
	ck_assert_uint_eq(tries, 200);
	ck_assert_uint_eq(bed_count(GEO_COUNT_EVENTS_LOST), 1);
	ck_assert(bed_sends("cleared"));
}
END_TEST

/* What an earlier run had not told. */
START_TEST(how_things_are_is_told)
{
	watch();
	geo_miss(&bed, bed_node(NODE_A));
	geo_wake(&bed, 0);
	bed_turn();
	ck_assert(bed_sends("\"cleared\"") && bed_sends("\"reasons\":[]") && bed_sends("nscl"));
	bed_answer(RC_CREATED);
	ck_assert(bed_idle() && !bed_node(NODE_A)->untold);
}
END_TEST

/* Its watch is withdrawn while its events wait. */
START_TEST(a_node_that_is_no_more_watched)
{
	const struct node_id id = bed_id(NODE_A);

	watch();
	bed_found(NODE_A, "c2");
	bed_turn();
	ck_assert(geo_drop(&bed, &id) && !geo_drop(&bed, &id));
	bed_answer(RC_UNAVAILABLE);
	bed_wait();
	ck_assert(bed_asks("POST", EVENTS_A) && bed_sends("raised"));
	bed_answer(RC_CREATED);
	ck_assert(bed_idle());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("geo_event");
	TCase *c = suite_case(s, "events", bed_setup, bed_teardown);

	tcase_add_test(c, an_alarm_is_told);
	tcase_add_test(c, nothing_overtakes);
	tcase_add_test(c, another_node_does_not_wait_for_it);
	tcase_add_test(c, its_container_is_made);
	tcase_add_test(c, an_scl_that_is_not_there);
	tcase_add_test(c, an_scl_that_comes_later);
	tcase_add_test(c, of_too_many_the_sum_is_told);
	tcase_add_test(c, all_together_have_an_end);
	tcase_add_test(c, tries_have_an_end);
	tcase_add_test(c, how_things_are_is_told);
	tcase_add_test(c, a_node_that_is_no_more_watched);
	return run_suite(s);
}
