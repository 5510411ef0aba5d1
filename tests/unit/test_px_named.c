/* SPDX-License-Identifier: Apache-2.0 */
/* What managers ask of a source, as requests: who may, what is refused, what becomes of it. */
#include "config.h"

#include <stdio.h>

#include "cap/sec/sec.h"
#include "endpoint_bed.h"
#include "pre_bed.h"
#include "source_bed.h"

#define ROOT "/m2m/proxy/source"

static const struct listener_policy claims = { .proved = false };
static struct asker manager, other;

static struct asker
asker_of(const char *from)
{
	struct asker a = asker_plain(SERVE_MIA | SERVE_MID);

	a.from = from;
	a.policy = &claims;
	return a;
}

static void
setup(void)
{
	source_make();
	source_up(true);
	source_begin(true);
	manager = asker_of(SOURCE_MANAGER);
	other = asker_of("http://other.example/m2m");
}

static void
teardown(void)
{
	source_free();
}

static int
status(const struct asker *who, const char *method, const char *tail, const char *body)
{
	char target[256];

	snprintf(target, sizeof(target), ROOT "%s", tail);
	return ask_status(&bed, who, method, target, body);
}

/* A sink at url with that key, and more members. */
static const char *
sink_text(const char *url, const uint8_t pk2[AFGH_G2], const char *more)
{
	static char text[1024];
	char hex[2 * AFGH_G2 + 1];

	hex_encode(pk2, AFGH_G2, hex);
	snprintf(text, sizeof(text), "{\"url\":\"%s\",\"pk2\":\"%s\"%s}", url, hex, more);
	return text;
}

static bool
is_shown(const char *what)
{
	struct told t = ask(&bed, &manager, "GET", ROOT, "application/json", NULL);
	bool is = strstr(t.body, what) != NULL;

	ck_assert_int_eq(t.status, 200);
	told_fini(&t);
	return is;
}

/* ---- who, and what there is ---- */

static const struct {
	const char *method, *tail;
	int status; /* of a manager */
} operations[] = {
	{ "GET", "", 200 },
	{ "POST", "/park", 204 },
	{ "DELETE", "/sinks/b", 404 },
	{ "PUT", "", 405 },
	{ "GET", "/park", 405 },
	{ "POST", "/sinks/b", 405 },
	{ "GET", "/sinks", 404 },
	{ "GET", "/sinks/b/c", 404 },
	{ "GET", "/other", 404 },
	{ "PUT", "/sinks/b", 400 },
	{ "DELETE", "/sinks/", 404 },
	{ "DELETE", "/sinks/a%2f", 404 },
	{ "DELETE", "/sinks/~", 404 },
};

START_TEST(for_managers_alone)
{
	const char *body = strcmp(operations[_i].method, "PUT") == 0 ? "{}" : NULL;
	struct asker nobody = asker_of(NULL);

	ck_assert_int_eq(status(&other, operations[_i].method, operations[_i].tail, body), 403);
	ck_assert_int_eq(status(&nobody, operations[_i].method, operations[_i].tail, body), 402);
	ck_assert_int_eq(status(&manager, operations[_i].method, operations[_i].tail, body),
	                 operations[_i].status);
}
END_TEST

/* ---- sinks ---- */

static const struct {
	const char *url, *more;
	int status;
} bodies[] = {
	{ SOURCE_EXTRA, "", 201 },
	{ SOURCE_EXTRA, ",\"destination\":\"" OTHER "\"", 201 },
	{ SOURCE_EXTRA, ",\"destination\":\"other\"", 400 },
	{ SOURCE_EXTRA, ",\"more\":1", 400 },
	{ "ftp://b.example/inbox", "", 400 },
	{ "/inbox", "", 400 },
	{ OTHER "/proxy/inbox", "", 409 },
	{ SOURCE_EXTRA, ",\"from\":{\"stream\":65536,\"epoch\":0,\"keyIndex\":0}", 400 },
	{ SOURCE_EXTRA, ",\"from\":{\"stream\":1,\"epoch\":-1,\"keyIndex\":0}", 400 },
	{ SOURCE_EXTRA, ",\"from\":{\"stream\":1,\"epoch\":0}", 400 },
};

START_TEST(sinks_as_they_are_named)
{
	const char *text = sink_text(bodies[_i].url, source.sinks[2].pk2, bodies[_i].more);

	ck_assert_int_eq(status(&manager, "PUT", "/sinks/b", text), bodies[_i].status);
	ck_assert_int_eq(is_shown("\"name\":\"b\""), bodies[_i].status == 201);
	ck_assert_int_eq(is_shown("\"standsIn\":true"),
	                 bodies[_i].status == 201 && bodies[_i].more[0] != '\0');
}
END_TEST

START_TEST(named_and_removed)
{
	uint8_t none[AFGH_G2] = { 0x80 };
	const char *text;

	ck_assert_int_eq(status(&manager, "PUT", "/sinks/b", sink_text(SOURCE_EXTRA, none, "")),
	                 400);
	text = sink_text(SOURCE_EXTRA, source.sinks[2].pk2, "");
	ck_assert_int_eq(status(&manager, "PUT", "/sinks/b", text), 201);
	ck_assert_int_eq(status(&manager, "PUT", "/sinks/b", text), 200);
	ck_assert_int_eq(status(&manager, "PUT", "/sinks/c", text), 409);
	ck_assert_int_eq(status(&manager, "PUT", "/sinks/uplink", text), 409);
	text = sink_text(SOURCE_STANDIN, source.sinks[2].pk2, "");
	ck_assert_int_eq(status(&manager, "PUT", "/sinks/b", text), 200);
	ck_assert(is_shown(SOURCE_STANDIN) && !is_shown(SOURCE_EXTRA));
	ck_assert_int_eq(status(&manager, "DELETE", "/sinks/b", NULL), 204);
	ck_assert(!is_shown("\"name\":\"b\""));
	ck_assert_int_eq(status(&manager, "DELETE", "/sinks/b", NULL), 404);
	ck_assert_int_eq(status(&manager, "DELETE", "/sinks/uplink", NULL), 204);
}
END_TEST

START_TEST(no_more_than_there_may_be)
{
	char tail[32], url[64];

	for (unsigned i = 0; i <= 16; i++) {
		snprintf(tail, sizeof(tail), "/sinks/s%u", i);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/inbox", 9000 + i);
		ck_assert_int_eq(
			status(&manager, "PUT", tail, sink_text(url, source.sinks[2].pk2, "")),
			i < 16 ? 201 : 507);
	}
}
END_TEST

START_TEST(named_ones_are_kept)
{
	ck_assert_int_eq(status(&manager, "PUT", "/sinks/b",
	                        sink_text(SOURCE_EXTRA, source.sinks[2].pk2, "")),
	                 201);
	source_end();
	source_begin(false);
	ck_assert(is_shown("\"name\":\"b\""));
}
END_TEST

START_TEST(not_when_it_has_stopped)
{
	px_stop(source.px);
	ck_assert_int_eq(status(&manager, "GET", "", NULL), 503);
	ck_assert_int_eq(status(&manager, "POST", "/park", NULL), 503);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("px_named");
	TCase *c = suite_case(s, "managers", setup, teardown);

	tcase_add_loop_test(c, for_managers_alone, 0, (int)NITEMS(operations));
	tcase_add_loop_test(c, sinks_as_they_are_named, 0, (int)NITEMS(bodies));
	tcase_add_test(c, named_and_removed);
	tcase_add_test(c, no_more_than_there_may_be);
	tcase_add_test(c, named_ones_are_kept);
	tcase_add_test(c, not_when_it_has_stopped);
	return s;
}

int
main(void)
{
	return run_pre_suite(suite);
}
