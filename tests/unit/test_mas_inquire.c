/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a node stands: at the MAS of this process, and at that of another. */
#include "config.h"

#include "rest_bed.h"
#include "suite.h"

static void
over(struct mas_inquire *q)
{
	bed_over(q->owner);
}

/* Also what was in the struct before says nothing. */
static bool
stands(const struct mas *mas, uint8_t node, bool before)
{
	struct bed_call call = { .b = &w.mas };
	struct mas_inquire q = {
		.node = bed_node(node), .stands = before, .owner = &call, .done = over
	};

	mas->ops->inquire(mas->self, &q);
	bed_wait(&call);
	ck_assert_int_eq(q.outcome.rc, RC_OK);
	return q.stands;
}

static void
expect(uint8_t node, bool want)
{
	ck_assert(stands(&w.mas.mas, node, !want) == want);
	ck_assert(stands(&w.far, node, !want) == want);
}

START_TEST(nodes)
{
	struct mas_change kmr = { .kind = MAS_REVOKE_KMR, .node = bed_node(1), .actor = "t" };
	struct mas_change node = { .kind = MAS_REVOKE_NODE, .node = bed_node(1), .actor = "t" };

	expect(1, false); /* unknown */
	bed_issue(&w.mas, 1, 10);
	bed_issue(&w.mas, 2, 20);
	expect(1, true);
	ck_assert_int_eq(bed_change(&w.mas, &kmr), RC_OK);
	expect(1, true); /* it may be bootstrapped again */
	ck_assert_int_eq(bed_change(&w.mas, &node), RC_OK);
	expect(1, false);
	expect(2, true);
}
END_TEST

START_TEST(refusals)
{
	static const char *const path = "/mas/v1/nodes/01bcad980102030405060708090a0b0c01/standing";
	struct asker nscl = asker_certified(SERVE_MAS, &nscl_uri, &dns);
	struct asker msbf = asker_certified(SERVE_MAS, &msbf_uri, &dns);
	struct asker gateway = asker_certified(SERVE_MAS, &gw_uri, &dns);

	ck_assert_int_eq(ask_status(&w.core, &msbf, "GET", path, NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &gateway, "GET", path, NULL), 403);
	ck_assert_int_eq(ask_status(&w.core, &nscl, "GET", "/mas/v1/nodes/01bc/standing", NULL),
	                 400);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mas_inquire");
	TCase *c = suite_case(s, "nodes", rest_setup, rest_teardown);

	tcase_add_test(c, nodes);
	tcase_add_test(c, refusals);
	return run_suite(s);
}
