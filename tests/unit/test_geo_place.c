/* SPDX-License-Identifier: Apache-2.0 */
/* Points and circles on the Earth, policies and reports as documents. */
#include "config.h"

#include <stdio.h>

#include "cap/geo/geo_policy.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define DEGREE 1000000
#define AT(lat, lon) ((struct geo_point){ (lat)*DEGREE, (lon)*DEGREE })

/* ---- degrees ---- */

static const struct {
	const char *text;
	int limit;
	bool ok;
	int32_t v;
} degrees[] = {
	{ "0", 90, true, 0 },
	{ "-0", 90, true, 0 },
	{ "48.137154", 90, true, 48137154 },
	{ "-48.5", 90, true, -48500000 },
	{ "1.0000019", 90, true, 1000001 },
	{ "90", 90, true, 90000000 },
	{ "90.000000", 90, true, 90000000 },
	{ "-90", 90, true, -90000000 },
	{ "180", 180, true, 180000000 },
	{ "-180.0", 180, true, -180000000 },
	{ "90.000001", 90, false, 0 },
	{ "-90.000001", 90, false, 0 },
	{ "91", 90, false, 0 },
	{ "180.000001", 180, false, 0 },
	{ "99999999999999999999", 180, false, 0 },
	{ "1.00000000000000000000000000", 180, false, 0 },
	{ "", 90, false, 0 },
	{ "-", 90, false, 0 },
	{ ".5", 90, false, 0 },
	{ "5.", 90, false, 0 },
	{ "+5", 90, false, 0 },
	{ "1e1", 90, false, 0 },
	{ "1.5.2", 90, false, 0 },
	{ "--5", 90, false, 0 },
	{ "1.-5", 90, false, 0 },
	{ " 1", 90, false, 0 },
};

START_TEST(degrees_are_decimal)
{
	int32_t v = 0;

	ck_assert_msg(geo_degrees(slice_of(degrees[_i].text), degrees[_i].limit, &v) ==
	                      degrees[_i].ok,
	              "%s", degrees[_i].text);
	ck_assert_msg(v == degrees[_i].v, "%s is %d", degrees[_i].text, v);
}
END_TEST

/* ---- distances ---- */

static const struct {
	struct geo_point a, b;
	double metres, within;
} distances[] = {
	{ { 0, 0 }, { 0, 0 }, 0, 0.001 },
	/* A degree of a meridian, of the equator, of the 60th parallel. */
	{ { 0, 0 }, { DEGREE, 0 }, 111195, 1 },
	{ { 0, 0 }, { 0, DEGREE }, 111195, 1 },
	{ { 60 * DEGREE, 0 }, { 60 * DEGREE, DEGREE }, 55597, 3 },
	/* Munich to Berlin. */
	{ { 48137154, 11576124 }, { 52520008, 13404954 }, 504200, 500 },
	/* Over the antimeridian, which is two numbers. */
	{ { 0, 179500000 }, { 0, -179500000 }, 111195, 1 },
	{ { 10 * DEGREE, 180 * DEGREE }, { 10 * DEGREE, -180 * DEGREE }, 0, 0.001 },
	/* At a pole all meridians meet; over it. */
	{ { 90 * DEGREE, 0 }, { 90 * DEGREE, 120 * DEGREE }, 0, 0.001 },
	{ { -90 * DEGREE, -170 * DEGREE }, { -90 * DEGREE, 10 * DEGREE }, 0, 0.001 },
	{ { 89500000, 0 }, { 89500000, 180 * DEGREE }, 111195, 1 },
	/* The other side of the Earth. */
	{ { 0, 0 }, { 0, 180 * DEGREE }, 20015115, 2 },
	{ { 90 * DEGREE, 0 }, { -90 * DEGREE, 0 }, 20015115, 2 },
	{ { 45 * DEGREE, -90 * DEGREE }, { -45 * DEGREE, 90 * DEGREE }, 20015115, 2 },
};

START_TEST(distances_on_the_sphere)
{
	double d = geo_distance(&distances[_i].a, &distances[_i].b);
	double back = geo_distance(&distances[_i].b, &distances[_i].a);

	ck_assert_double_eq_tol(d, distances[_i].metres, distances[_i].within);
	ck_assert_double_eq_tol(back, d, 0.001);
}
END_TEST

START_TEST(circles_at_poles_and_the_antimeridian)
{
	struct geo_circle pole = { AT(90, 0), 200000 }, fiji = { AT(-17, 179), 400000 };
	struct geo_circle all = { AT(0, 0), GEO_RADIUS_MAX };

	ck_assert(!geo_outside(&pole, &(struct geo_point){ 88500000, -135 * DEGREE }, 0));
	ck_assert(geo_outside(&pole, &AT(88, 0), 0));
	ck_assert(geo_outside(&pole, &AT(-90, 0), 0));
	ck_assert(!geo_outside(&fiji, &AT(-17, -179), 0));
	ck_assert(geo_outside(&fiji, &AT(-17, -176), 0));
	ck_assert(!geo_outside(&all, &AT(0, 180), 0));
}
END_TEST

START_TEST(what_is_not_known_exactly_may_be_within)
{
	struct geo_circle c = { AT(0, 0), 111000 };

	ck_assert(geo_outside(&c, &AT(1, 0), 0));
	ck_assert(geo_outside(&c, &AT(1, 0), 190));
	ck_assert(!geo_outside(&c, &AT(1, 0), 200));
}
END_TEST

/* ---- policies ---- */

static struct geo_policy
good(const char *json)
{
	struct geo_policy p;
	const char *why;

	ck_assert_msg(geo_policy_read(slice_of(json), &p, &why) == RC_OK, "%s: %s", json, why);
	return p;
}

static enum geo_judgement
judge(const struct geo_policy *p, enum geo_kind kind, const char *name)
{
	return geo_policy_judge(p, kind, slice_of(name), NULL);
}

START_TEST(a_policy_says_where)
{
	struct geo_policy p =
		good("{\"policy\":\"restrict\",\"attachments\":[{\"gateway\":\"g1\",\"lat\":1.5,"
	             "\"lon\":-2,\"radius\":100},{\"source\":\"192.0.2.0/25\"},"
	             "{\"source\":\"2001:db8::/33\"}],\"container\":\"/m2m/x\"}");
	const struct geo_attachment *a;

	ck_assert_int_eq(p.action, GEO_RESTRICT);
	ck_assert_int_eq(judge(&p, GEO_GATEWAY, "g1"), GEO_ALLOWED);
	ck_assert_int_eq(judge(&p, GEO_GATEWAY, "g2"), GEO_ELSEWHERE);
	ck_assert_int_eq(judge(&p, GEO_GATEWAY, "g"), GEO_ELSEWHERE);
	ck_assert_int_eq(judge(&p, GEO_SOURCE, "192.0.2.127"), GEO_ALLOWED);
	ck_assert_int_eq(judge(&p, GEO_SOURCE, "192.0.2.128"), GEO_ELSEWHERE);
	ck_assert_int_eq(judge(&p, GEO_SOURCE, "::ffff:192.0.2.1"), GEO_ALLOWED);
	ck_assert_int_eq(judge(&p, GEO_SOURCE, "2001:db8:7fff::1"), GEO_ALLOWED);
	ck_assert_int_eq(judge(&p, GEO_SOURCE, "2001:db8:8000::1"), GEO_ELSEWHERE);
	ck_assert_int_eq(judge(&p, GEO_SOURCE, ""), GEO_ELSEWHERE);
	ck_assert_int_eq(judge(&p, GEO_CELL, "1"), GEO_NEUTRAL);
	(void)geo_policy_judge(&p, GEO_GATEWAY, SLICE_LIT("g1"), &a);
	ck_assert(a->covers && a->area.radius == 100 && a->area.at.lat == 1500000);
}
END_TEST

static const char *const wrong[] = {
	"",
	"{}",
	"[]",
	"{\"policy\":\"WARN\"}",
	"{\"policy\":\"warn\",\"policy\":\"end\"}",
	"{\"policy\":\"warn\",\"x\":1}",
	"{\"policy\":\"warn\"} x",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":1,\"lon\":1}]}",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":1,\"lon\":1,\"radius\":0}]}",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":1,\"lon\":1,\"radius\":-1}]}",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":1,\"lon\":181,\"radius\":1}]}",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":1e1,\"lon\":1,\"radius\":1}]}",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":01,\"lon\":1,\"radius\":1}]}",
	"{\"policy\":\"warn\",\"circles\":[{\"lat\":\"1\",\"lon\":1,\"radius\":1}]}",
	"{\"policy\":\"warn\",\"circles\":[1]}",
	"{\"policy\":\"warn\",\"attachments\":[{}]}",
	"{\"policy\":\"warn\",\"attachments\":[{\"cell\":\"\"}]}",
	"{\"policy\":\"warn\",\"attachments\":[{\"cell\":\"a\",\"source\":\"::\"}]}",
	"{\"policy\":\"warn\",\"attachments\":[{\"source\":\"x\"}]}",
	"{\"policy\":\"warn\",\"attachments\":[{\"cell\":\"a\",\"lat\":1}]}",
	"{\"policy\":\"warn\",\"container\":\"\"}",
	"{\"policy\":\"warn\",\"container\":\"a/b\"}",
	"{\"policy\":\"warn\",\"container\":\"/a/\"}",
	"{\"policy\":\"warn\",\"locTargetDevice\":\"\"}",
};

START_TEST(what_is_no_policy)
{
	struct geo_policy p;
	const char *why = NULL;

	ck_assert_msg(geo_policy_read(slice_of(wrong[_i]), &p, &why) == RC_BAD_REQUEST, "%s",
	              wrong[_i]);
	ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(lists_have_an_end)
{
	static char text[GEO_POLICY_MAX * 2];
	struct geo_policy p;
	const char *why;

	for (unsigned n = GEO_CIRCLES_MAX; n <= GEO_CIRCLES_MAX + 1; n++) {
		size_t at = (size_t)sprintf(text, "{\"policy\":\"warn\",\"circles\":[");

		for (unsigned i = 0; i < n; i++)
			at += (size_t)sprintf(text + at, "%s{\"lat\":1,\"lon\":1,\"radius\":1}",
			                      i == 0 ? "" : ",");
		(void)sprintf(text + at, "]}");
		ck_assert_int_eq(geo_policy_read(slice_of(text), &p, &why),
		                 n == GEO_CIRCLES_MAX ? RC_OK : RC_BAD_REQUEST);
	}
}
END_TEST

/* ---- reports ---- */

static const struct {
	const char *json;
	bool ok;
} reports[] = {
	{ "{\"lat\":1,\"lon\":2}", true },
	{ "{\"lat\":-1.5,\"lon\":179.9,\"accuracy\":3,\"cell\":\"x\"}", true },
	{ "{\"cell\":\"x\"}", true },
	{ "{\"lat\":1}", false },
	{ "{\"lon\":1}", false },
	{ "{}", false },
	{ "{\"accuracy\":1}", false },
	{ "{\"cell\":\"\"}", false },
	{ "{\"lat\":1,\"lon\":2,\"accuracy\":-1}", false },
	{ "{\"lat\":1,\"lon\":2,\"more\":1}", false },
	{ "{\"lat\":91,\"lon\":2}", false },
	{ "{\"lat\":1,\"lon\":2}x", false },
	{ "", false },
};

START_TEST(what_is_a_report)
{
	struct geo_report r;

	ck_assert_msg(geo_report_read(slice_of(reports[_i].json), &r) == reports[_i].ok, "%s",
	              reports[_i].json);
}
END_TEST

/* Who claims to know nothing of its place is not everywhere. */
START_TEST(accuracy_has_an_end)
{
	struct geo_policy p = good("{\"policy\":\"warn\",\"circles\":[{\"lat\":0,\"lon\":0,"
	                           "\"radius\":1000},{\"lat\":5,\"lon\":0,\"radius\":1000}]}");
	struct geo_report r;

	ck_assert(geo_report_read(SLICE_LIT("{\"lat\":1,\"lon\":0,\"accuracy\":9000000000}"), &r));
	ck_assert(geo_policy_outside(&p, &r));
	ck_assert(
		geo_report_read(SLICE_LIT("{\"lat\":4.95,\"lon\":0,\"accuracy\":9000000000}"), &r));
	ck_assert(!geo_policy_outside(&p, &r));
	ck_assert(geo_report_read(SLICE_LIT("{\"lat\":5,\"lon\":0}"), &r));
	ck_assert(!geo_policy_outside(&p, &r));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("geo_place");
	TCase *c = suite_case(s, "place", NULL, NULL);

	tcase_add_loop_test(c, degrees_are_decimal, 0, NITEMS(degrees));
	tcase_add_loop_test(c, distances_on_the_sphere, 0, NITEMS(distances));
	tcase_add_test(c, circles_at_poles_and_the_antimeridian);
	tcase_add_test(c, what_is_not_known_exactly_may_be_within);
	c = suite_case(s, "policy", NULL, NULL);
	tcase_add_test(c, a_policy_says_where);
	tcase_add_loop_test(c, what_is_no_policy, 0, NITEMS(wrong));
	tcase_add_test(c, lists_have_an_end);
	tcase_add_loop_test(c, what_is_a_report, 0, NITEMS(reports));
	tcase_add_test(c, accuracy_has_an_end);
	return run_suite(s);
}
