/* SPDX-License-Identifier: Apache-2.0 */
/* Stores and their messages by REST: who may what, and what comes of it. */
#include "config.h"

#include "px_rest_bed.h"

#include <stdio.h>

#include "cap/pxy/px_own.h"
#include "pre_flow.h"

/* ---- who ---- */

START_TEST(nobody_is_refused)
{
	struct asker nobody = asker_of(NULL), unproved = asker_of(OWNER);
	struct asker gateway = asker_plain(SERVE_PROXY);

	STATUS(402, &nobody, "GET", NULL, "/info");
	unproved.policy = NULL;
	STATUS(401, &unproved, "GET", NULL, "/info");
	STATUS(401, &gateway, "GET", NULL, "/info");
	gateway.from = OWNER;
	gateway.policy = owner.policy;
	STATUS(200, &gateway, "GET", NULL, "/info");
}
END_TEST

START_TEST(stores_are_their_owners)
{
	const char *s = make_store("{\"reserve\":10000,\"allow\":[\"claim:" FRIEND "\"]}");
	char id[17];

	snprintf(id, sizeof(id), "%s", s);
	STATUS(200, &owner, "GET", NULL, "/stores/%s", id);
	STATUS(200, &friend, "GET", NULL, "/stores/%s/monitor", id);
	STATUS(403, &other, "GET", NULL, "/stores/%s", id);
	STATUS(403, &other, "GET", NULL, "/stores/%s/monitor", id);
	STATUS(403, &other, "PUT", "{\"ttl\":60}", "/stores/%s", id);
	STATUS(403, &other, "POST", "{\"upto\":1}", "/stores/%s/release", id);
	STATUS(403, &other, "POST", "{\"sinks\":[]}", "/stores/%s/forwards", id);
	STATUS(403, &other, "POST", "x", "/stores/%s/messages", id);
	STATUS(403, &other, "DELETE", NULL, "/stores/%s", id);
	STATUS(404, &owner, "GET", NULL, "/stores/0123456789abcdef");
	STATUS(404, &owner, "GET", NULL, "/stores/x");
	STATUS(404, &owner, "GET", NULL, "/stores/%s/more", id);
	STATUS(404, &owner, "GET", NULL, "/forwards/%s", id);
	STATUS(405, &owner, "POST", "{}", "/stores/%s", id);
	STATUS(204, &friend, "DELETE", NULL, "/stores/%s", id);
	STATUS(404, &owner, "GET", NULL, "/stores/%s", id);
}
END_TEST

/* 405 says what there is. */
static void
allows(const char *method, const char *path, const char *methods)
{
	struct told t = call(&owner, method, "{}", "%s", path);

	ck_assert_int_eq(t.status, 405);
	ck_assert_str_eq(t.allow, methods);
	told_fini(&t);
}

START_TEST(methods)
{
	allows("DELETE", "", "GET");
	allows("PUT", "/stores", "POST");
	allows("POST", "/stores/0123456789abcdef", "GET, PUT, DELETE");
	allows("GET", "/forwards/0123456789abcdef/control", "PUT");
}
END_TEST

/* ---- stores ---- */

START_TEST(info_and_load)
{
	struct told t = call(&other, "GET", NULL, "%s", "");

	ck_assert_int_eq(t.status, 200);
	ck_assert_str_eq(told_text(&t, "capacity"), "1048576");
	ck_assert_str_eq(told_text(&t, "available"), "1048576");
	ck_assert_str_eq(told_text(&t, "largest"), "4096");
	ck_assert_ptr_null(strstr(t.body, "identity"));
	told_fini(&t);
	make_store("{\"reserve\":48576}");
	t = call(&other, "GET", NULL, "/info");
	ck_assert_str_eq(told_text(&t, "available"), "1000000");
	ck_assert_str_eq(told_text(&t, "reserved"), "48576");
	ck_assert_str_eq(told_text(&t, "stores"), "1");
	told_fini(&t);
	t = call(&other, "GET", NULL, "/load?window=3600");
	ck_assert_str_eq(told_text(&t, "requests"), "4");
	ck_assert_str_eq(told_text(&t, "window"), "3600");
	told_fini(&t);
	STATUS(400, &other, "GET", NULL, "/load?window=0");
	STATUS(400, &other, "GET", NULL, "/load?window=3601");
	STATUS(400, &other, "GET", NULL, "/load?window=x");
	STATUS(403, &other, "GET", NULL, "/counters");
	t = call(&owner, "GET", NULL, "/counters");
	ck_assert_str_eq(told_text(&t, "proxy_stored"), "0");
	told_fini(&t);
}
END_TEST

/* More is reserved than a proxy that was started anew has. */
START_TEST(less_capacity)
{
	struct px_limits *limits = (struct px_limits *)(uintptr_t)px_book_limits(px->book);
	struct told t;

	make_store("{\"reserve\":8192}");
	limits->capacity = 8191;
	t = call(&other, "GET", NULL, "/info");
	ck_assert_str_eq(told_text(&t, "available"), "0");
	ck_assert_str_eq(told_text(&t, "reserved"), "8192");
	told_fini(&t);
	STATUS(507, &owner, "POST", "{\"reserve\":4096}", "/stores");
}
END_TEST

START_TEST(stores_have_limits)
{
	STATUS(400, &owner, "POST", "{\"reserve\":1}", "/stores");
	STATUS(403, &owner, "POST", "{\"reserve\":4096,\"class\":\"rigid\"}", "/stores");
	STATUS(400, &owner, "POST", "{\"reserve\":4096,\"transport\":\"udp\"}", "/stores");
	STATUS(507, &owner, "POST", "{\"reserve\":1048577}", "/stores");
	for (unsigned i = 0; i < 4; i++)
		make_store("{\"reserve\":4096}");
	STATUS(403, &owner, "POST", "{\"reserve\":4096}", "/stores");
	STATUS(201, &other, "POST", "{\"reserve\":4096}", "/stores");
	STATUS(507, &other, "POST", "{\"reserve\":1028097}", "/stores");
	STATUS(201, &other, "POST", "{\"reserve\":1028096}", "/stores");
}
END_TEST

START_TEST(a_request_that_comes_again)
{
	static const char body[] = "{\"request\":\"" REQUEST "\",\"reserve\":4096}";
	char first[17];

	snprintf(first, sizeof(first), "%s", make_store(body));
	ck_assert_str_eq(make_store(body), first);
	STATUS(409, &owner, "POST", "{\"request\":\"" REQUEST "\",\"reserve\":4097}", "/stores");
	STATUS(201, &other, "POST", "{\"request\":\"" REQUEST "\",\"reserve\":4097}", "/stores");
}
END_TEST

START_TEST(a_store_is_renewed)
{
	char id[17];
	struct told t;

	snprintf(id, sizeof(id), "%s", make_store("{\"reserve\":4096,\"ttl\":60}"));
	t = call(&owner, "PUT", "{\"ttl\":50000}", "/stores/%s", id);
	ck_assert_int_eq(t.status, 200);
	ck_assert_str_ne(told_text(&t, "expires"), "");
	told_fini(&t);
	STATUS(400, &owner, "PUT", "{\"ttl\":100001}", "/stores/%s", id);
	t = call(&owner, "GET", NULL, "/stores/%s", id);
	ck_assert_str_eq(told_text(&t, "ttl"), "50000");
	ck_assert_str_eq(told_text(&t, "owner"), "claim:" OWNER);
	told_fini(&t);
}
END_TEST

/* ---- messages ---- */

START_TEST(messages_are_numbered)
{
	char id[17];
	struct buf b;
	struct told t;

	snprintf(id, sizeof(id), "%s", make_store("{\"reserve\":100000}"));
	buf_init(&b, 1u << 20);
	put_section(&b, 0, 0, 3);
	t = put_units(&owner, id, &b);
	ck_assert_int_eq(t.status, 201);
	ck_assert_str_eq(t.body, "{\"first\":1,\"last\":4,\"stored\":4,\"duplicates\":0}");
	told_fini(&t);
	put_section(&b, 0, 3, 1);
	t = put_units(&owner, id, &b);
	ck_assert_str_eq(t.body, "{\"first\":5,\"last\":5,\"stored\":1,\"duplicates\":4}");
	told_fini(&t);
	t = call(&owner, "GET", NULL, "/stores/%s", id);
	ck_assert_ptr_nonnull(strstr(t.body, "\"marks\":[{\"stream\":1,\"epoch\":0,\"keyIndex\":0,"
	                                     "\"seq\":3,\"ended\":false}]"));
	ck_assert_ptr_nonnull(strstr(t.body, "\"source\":{\"url\":\"" UNIT_SOURCE "\"}"));
	told_fini(&t);
	ck_assert_int_eq(put_one_section(id, 0, 5, 1), 409);
	STATUS(204, &owner, "POST", "{\"upto\":2}", "/stores/%s/release", id);
	buf_fini(&b);
}
END_TEST

START_TEST(bodies_that_are_refused)
{
	char id[17], target[128];
	struct buf b;

	snprintf(id, sizeof(id), "%s", make_store("{\"reserve\":100000}"));
	snprintf(target, sizeof(target), ROOT "/stores/%s/messages", id);
	ck_assert_int_eq(put_one_section(id, 0, 0, 1), 201);
	buf_init(&b, 1u << 20);
	unit_put(
		&(struct unit_of){ PRE_DATA, .stream = 1, .seq = 1, .source = "http://x.example/" },
		&b);
	ck_assert_int_eq(put_status(&owner, id, &b), 403);
	buf_clear(&b);
	unit_put(&(struct unit_of){ PRE_MM1, .stream = 1, .key_index = 1 }, &b);
	ck_assert_int_eq(put_status(&owner, id, &b), 400);
	buf_clear(&b);
	unit_put(&(struct unit_of){ PRE_DATA, .stream = 1, .seq = 1, .more = 4096 }, &b);
	ck_assert_int_eq(put_status(&owner, id, &b), 413);
	while (b.n <= 65536 + 4096)
		buf_char(&b, '\0');
	ck_assert_int_eq(put_status(&owner, id, &b), 413);
	STATUS(415, &owner, "POST", "{}", "/stores/%s/messages", id);
	buf_fini(&b);
}
END_TEST

static int
put_as(const char *id, const char *type, const char *encoding)
{
	char target[128];
	struct buf b;
	struct told t;
	int status;

	buf_init(&b, 1u << 20);
	put_section(&b, 0, 0, 1);
	snprintf(target, sizeof(target), ROOT "/stores/%s/messages", id);
	owner.encoding = encoding;
	t = ask_octets(&px_core, &owner, "POST", target, type, buf_view(&b));
	owner.encoding = NULL;
	status = t.status;
	told_fini(&t);
	buf_fini(&b);
	return status;
}

START_TEST(media_of_messages)
{
	char id[17];

	snprintf(id, sizeof(id), "%s", make_store("{\"reserve\":100000}"));
	ck_assert_int_eq(put_as(id, "application/octet-stream", "gzip"), 415);
	ck_assert_int_eq(put_as(id, "application/octet", NULL), 415);
	ck_assert_int_eq(put_as(id, "Application/Octet-Stream;x=y", NULL), 201);
	ck_assert_int_eq(put_as(id, "application/octet-stream", "identity"), 201);
}
END_TEST

/* Of two streams, so that repetitions are not only in front. */
START_TEST(octets_are_counted)
{
	char id[17], value[32];
	struct told t;
	struct buf b;
	size_t n;

	snprintf(id, sizeof(id), "%s", make_store("{\"reserve\":100000}"));
	ck_assert_int_eq(put_one_section(id, 0, 0, 2), 201);
	buf_init(&b, 1u << 20);
	unit_put_batch(&(struct unit_of){ PRE_MM2, .stream = 2 }, &b);
	put_section(&b, 0, 0, 2);
	ck_assert_int_eq(put_status(&owner, id, &b), 201);
	t = call(&owner, "GET", NULL, "/stores/%s/monitor", id);
	n = strtoul(told_text(&t, "octets"), NULL, 10);
	ck_assert_str_ne(told_text(&t, "rateIn"), "0");
	told_fini(&t);
	snprintf(value, sizeof(value), "%zu", n);
	t = call(&owner, "GET", NULL, "/counters");
	ck_assert_str_eq(told_text(&t, "proxy_stored"), "4");
	ck_assert_str_eq(told_text(&t, "proxy_duplicates"), "3");
	ck_assert_str_eq(told_text(&t, "proxy_stored_octets"), value);
	told_fini(&t);
	buf_fini(&b);
}
END_TEST

/* To the octet. */
START_TEST(a_full_store)
{
	struct unit_of u = { PRE_DATA, .stream = 1, .more = 1000 };
	char id[17], body[64];
	struct buf mm, b;

	buf_init(&mm, 1u << 20);
	buf_init(&b, 1u << 20);
	unit_put(&(struct unit_of){ PRE_MM2, .stream = 1 }, &mm);
	for (u.seq = 0; u.seq < 4; u.seq++)
		unit_put_batch(&u, &b);
	snprintf(body, sizeof(body), "{\"reserve\":%zu}", mm.n + b.n - 4 * PRE_LENGTH_SIZE);
	snprintf(id, sizeof(id), "%s", make_store(body));
	ck_assert_int_eq(put_status(&owner, id, &mm), 201);
	u.seq = 4;
	u.more = 0;
	unit_put_batch(&u, &b);
	ck_assert_int_eq(put_status(&owner, id, &b), 507);
	buf_clear(&b);
	u.more = 1000;
	for (u.seq = 0; u.seq < 4; u.seq++)
		unit_put_batch(&u, &b);
	ck_assert_int_eq(put_status(&owner, id, &b), 201);
	buf_fini(&mm);
	buf_fini(&b);
}
END_TEST

/* Where the signature of the last management message lies. */
static size_t
forged_octet(const struct buf *batch)
{
	struct units u = units_of(batch);
	const struct pre_unit *last = units_find(&u, PRE_MM2, units_count(&u, PRE_MM2) - 1);

	return (size_t)(last->rest.p + last->rest.n - 1 - batch->p);
}

/* A section that a source has really made, of its last one a part of the signature is another. */
START_TEST(forged_management_messages)
{
	struct pre_stream_conf c = flow_stream_conf();
	struct pre_stream *s = flow_stream(&c);
	char id[17], body[256], sign[65];
	struct buf good, bad;

	hex_encode(flow_source.public.v, SIGN_PUBLIC_SIZE, sign);
	snprintf(body, sizeof(body),
	         "{\"reserve\":100000,\"source\":{\"url\":\"" FLOW_SOURCE "\",\"sign\":\"%s\"}}",
	         sign);
	snprintf(id, sizeof(id), "%s", make_store(body));
	buf_init(&good, 1u << 20);
	buf_init(&bad, 1u << 20);
	flow_send(s, 12, 2, &good);
	buf_slice(&bad, buf_view(&good));
	bad.p[forged_octet(&good)] ^= 1;
	ck_assert_int_eq(put_status(&owner, id, &bad), 400);
	/* Whose signatures are not asked for: it is another source. */
	ck_assert_int_eq(put_one_section(id, 0, 0, 1), 403);
	ck_assert_int_eq(put_status(&owner, id, &good), 201);
	pre_stream_free(s);
	buf_fini(&good);
	buf_fini(&bad);
}
END_TEST

static void
setup(void)
{
	pre_flow_setup();
	rest_setup();
}

static void
teardown(void)
{
	rest_teardown();
	pre_flow_teardown();
}

static Suite *
rest_suite(void)
{
	Suite *s = suite_create("px_rest");
	TCase *c = suite_case(s, "stores", setup, teardown);

	tcase_add_test(c, nobody_is_refused);
	tcase_add_test(c, stores_are_their_owners);
	tcase_add_test(c, methods);
	tcase_add_test(c, info_and_load);
	tcase_add_test(c, less_capacity);
	tcase_add_test(c, stores_have_limits);
	tcase_add_test(c, a_request_that_comes_again);
	tcase_add_test(c, a_store_is_renewed);
	c = suite_case(s, "messages", setup, teardown);
	tcase_add_test(c, messages_are_numbered);
	tcase_add_test(c, bodies_that_are_refused);
	tcase_add_test(c, media_of_messages);
	tcase_add_test(c, octets_are_counted);
	tcase_add_test(c, a_full_store);
	tcase_add_test(c, forged_management_messages);
	return s;
}

int
main(void)
{
	return run_pre_suite(rest_suite);
}
