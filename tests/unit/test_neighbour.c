/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of local applications for an SCL at which this node has a session (core/neighbour.h). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/neighbour.h"
#include "core_bed.h"
#include "port_fake.h"

#define GW "https://gw.example.org:8443/m2m"
#define LOCAL "http://scl.example.org:8080" BASE "/applications/meter"

/* What was sent last. */
static struct {
	char url[256], method[8];
	bool named, absolute;
	unsigned n;
} sent;

static struct port_answer
record(void *arg, const struct exchange *ex)
{
	(void)arg;
	sent.n++;
	snprintf(sent.url, sizeof(sent.url), "%.*s", (int)ex->url.n, ex->url.p);
	snprintf(sent.method, sizeof(sent.method), "%.*s", (int)ex->method.n, ex->method.p);
	sent.absolute = ex->target.n > 0;
	sent.named = false;
	for (size_t i = 0; i < ex->nheaders; i++)
		sent.named = sent.named || slice_is(ex->headers[i].name, "From") ||
		             slice_is(ex->headers[i].name, "Authorization");
	return (struct port_answer){ .status = 200, .body = "<x/>" };
}

static void
begin(struct core_bed *b)
{
	core_init(b);
	b->conf.role = SCL_DSCL;
	port_fake_set(record, NULL);
	core_start(b);
	sent.n = 0;
}

static void
set(struct core_bed *b, const char *base, bool reachable, enum rc rc)
{
	ck_assert_int_eq(neighbour_set(b->scl, slice_of(base), reachable), rc);
}

START_TEST(test_way)
{
	struct core_bed b;

	begin(&b);
	set(&b, GW "/", true, RC_OK);
	ck_assert_int_eq(core_status(&b, "GET",
	                             "HTTPS://GW.example.org:8443/m2m/applications/a?x=1", LOCAL,
	                             NULL),
	                 200);
	ck_assert_str_eq(sent.url, "HTTPS://GW.example.org:8443/m2m/applications/a?x=1");
	ck_assert_str_eq(sent.method, "GET");
	/* The gateway knows the node alone, by its session. */
	ck_assert(!sent.named && !sent.absolute && sent.n == 1);
	ck_assert_int_eq(core_status(&b, "DELETE", GW "/applications/a", LOCAL, NULL), 200);
	ck_assert_str_eq(sent.method, "DELETE");
	core_fini(&b);
}
END_TEST

/* Its session is for its own applications, and for what is below the neighbour's base. */
START_TEST(test_others)
{
	static const struct {
		const char *target, *from;
	} rows[] = {
		{ GW "/applications/a", "http://nscl.example.org/m2m/applications/a" },
		{ GW "/applications/a", ADMIN },
		{ GW "x/applications/a", LOCAL },
		{ "https://gw.example.org:8444/m2m", LOCAL },
		{ "http://gw.example.org:8443/m2m", LOCAL },
	};
	struct core_bed b;

	begin(&b);
	set(&b, GW, true, RC_OK);
	for (size_t i = 0; i < NITEMS(rows); i++)
		ck_assert_int_ne(core_status(&b, "GET", rows[i].target, rows[i].from, NULL), 200);
	ck_assert_uint_eq(sent.n, 0);
	core_fini(&b);
}
END_TEST

/* Without a session nothing goes there, by no way. */
START_TEST(test_away)
{
	struct core_bed b;

	begin(&b);
	set(&b, GW, false, RC_OK);
	ck_assert_int_eq(core_status(&b, "GET", GW "/applications/a", LOCAL, NULL), 503);
	set(&b, GW, true, RC_OK);
	ck_assert_int_eq(core_status(&b, "GET", GW "/applications/a", LOCAL, NULL), 200);
	set(&b, GW, false, RC_OK);
	ck_assert_int_eq(core_status(&b, "GET", GW "/applications/a", LOCAL, NULL), 503);
	ck_assert_uint_eq(sent.n, 1);
	core_fini(&b);
}
END_TEST

START_TEST(test_bounds)
{
	char base[NEIGHBOUR_URI_MAX + 32];
	struct core_bed b;

	begin(&b);
	set(&b, "", true, RC_BAD_REQUEST);
	set(&b, "/m2m", true, RC_BAD_REQUEST);
	set(&b, "no uri", true, RC_BAD_REQUEST);
	memset(base, 'a', sizeof(base));
	memcpy(base, "https://gw.example.org/", 23);
	base[sizeof(base) - 1] = '\0';
	set(&b, base, true, RC_BAD_REQUEST);
	for (unsigned i = 0; i < NEIGHBOURS_MAX; i++) {
		snprintf(base, sizeof(base), "https://gw%u.example.org/m2m", i);
		set(&b, base, true, RC_OK);
		set(&b, base, true, RC_OK);
	}
	set(&b, GW, true, RC_NO_SPACE);
	core_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_way, test_others, test_away, test_bounds };

	return core_run_tests("neighbour", tests, NITEMS(tests), 60);
}
