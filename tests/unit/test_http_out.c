/* SPDX-License-Identifier: Apache-2.0 */
/* port_http against a server that misbehaves on demand. */
#include "config.h"

#include <stdio.h>

#include "out_bed.h"

static struct peer peer;
static struct port *p;

static void
setup(void)
{
	peer_start(&peer);
	p = port_open(10, 2);
}

static void
setup_proxy(void)
{
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setup();
}

static void
teardown(void)
{
	port_http.close(p);
	peer_stop(&peer);
	unsetenv("http_proxy");
}

START_TEST(test_answer)
{
	struct errand e;

	errand_init(&e, peer.port, "/ok/./%41/../b?x=%20&y=+");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_int_eq(e.ex.http_status, 200);
	ck_assert(slice_is(buf_view(&e.ex.answer), "body"));
	ck_assert(slice_is(answer_header(&e.ex, "content-type"), "application/xml"));
	ck_assert(slice_is(answer_header(&e.ex, "etag"), "\"1\""));
	ck_assert_ptr_nonnull(answer_header(&e.ex, "x-empty").p);
	ck_assert_uint_eq(answer_header(&e.ex, "x-empty").n, 0);
	ck_assert_ptr_eq(strstr(last_request(&peer), "GET /ok/./%41/../b?x=%20&y=+ HTTP/1.1\r\n"),
	                 last_request(&peer));
	ck_assert_ptr_nonnull(strstr(last_request(&peer), "\r\nUser-Agent: test/1\r\n"));
	ck_assert_ptr_null(strstr(last_request(&peer), "Accept"));
	errand_fini(&e);
}
END_TEST

START_TEST(test_request)
{
	static const struct {
		const char *method;
		const char *body;
		const char *length; /* NULL: must not be there */
	} rows[] = {
		{ "POST", "<a/>", "\r\nContent-Length: 4\r\n" },
		{ "POST", "", "\r\nContent-Length: 0\r\n" },
		{ "PUT", "<b/>", "\r\nContent-Length: 4\r\n" },
		{ "PUT", "", "\r\nContent-Length: 0\r\n" },
		{ "DELETE", "", NULL },
		{ "GET", "", NULL },
	};
	struct errand e;
	char line[64];

	for (size_t i = 0; i < NITEMS(rows); i++) {
		errand_init(&e, peer.port, "/ok");
		e.ex.method = slice_of(rows[i].method);
		e.ex.body = slice_of(rows[i].body);
		e.ex.headers[0] =
			(struct exchange_header){ SLICE_LIT("From"), SLICE_LIT("http://a/m2m") };
		e.ex.headers[1] = (struct exchange_header){ SLICE_LIT("X-Nothing"), SLICE_NONE };
		e.ex.nheaders = 2;
		run(p, &e);
		ck_assert_int_eq(e.ex.rc, RC_OK);
		snprintf(line, sizeof(line), "%s /ok HTTP/1.1\r\n", rows[i].method);
		ck_assert_ptr_eq(strstr(last_request(&peer), line), last_request(&peer));
		ck_assert_ptr_nonnull(strstr(last_request(&peer), "\r\nFrom: http://a/m2m\r\n"));
		ck_assert_ptr_nonnull(strstr(last_request(&peer), "\r\nX-Nothing:\r\n"));
		ck_assert_ptr_null(strstr(last_request(&peer), "Expect"));
		ck_assert_ptr_null(strstr(last_request(&peer), "Content-Type"));
		if (rows[i].length != NULL)
			ck_assert_ptr_nonnull(strstr(last_request(&peer), rows[i].length));
		else
			ck_assert_ptr_null(strstr(last_request(&peer), "Content-Length"));
		if (rows[i].body[0] != '\0')
			ck_assert_ptr_nonnull(strstr(last_request(&peer), rows[i].body));
		errand_fini(&e);
	}
	/* One after the other on the same connection. */
	ck_assert_uint_eq(atomic_load(&peer.n_clients), 1);
}
END_TEST

/* No Expect either for a body that libcurl finds large. */
START_TEST(test_large_request)
{
	static char body[50000];
	struct errand e;

	memset(body, 'x', sizeof(body));
	errand_init(&e, peer.port, "/ok");
	e.ex.method = SLICE_LIT("POST");
	e.ex.body = slice_make(body, sizeof(body));
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_ptr_null(strstr(last_request(&peer), "Expect"));
	ck_assert_ptr_nonnull(strstr(last_request(&peer), "\r\nContent-Length: 50000\r\n"));
	errand_fini(&e);
}
END_TEST

START_TEST(test_absolute_form)
{
	struct errand e;

	errand_init(&e, peer.port, "/not-this");
	e.ex.target = SLICE_LIT("http://gw1.example.org:8181/m2m/ok?x=%2F");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_ptr_eq(strstr(last_request(&peer),
	                        "GET http://gw1.example.org:8181/m2m/ok?x=%2F HTTP/1.1\r\n"),
	                 last_request(&peer));
	ck_assert_ptr_nonnull(strstr(last_request(&peer), "\r\nHost: gw1.example.org:8181\r\n"));
	ck_assert_ptr_null(strstr(last_request(&peer), "127.0.0.1"));
	errand_fini(&e);
	/* A reused handle forgets the target. */
	errand_init(&e, peer.port, "/ok");
	run(p, &e);
	ck_assert_ptr_eq(strstr(last_request(&peer), "GET /ok HTTP/1.1\r\n"), last_request(&peer));
	errand_fini(&e);
}
END_TEST

/* The environment's proxy is not asked, and redirections are the sender's business. */
START_TEST(test_no_detour)
{
	struct errand e;

	errand_init(&e, peer.port, "/moved");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_int_eq(e.ex.http_status, 302);
	ck_assert(slice_is(answer_header(&e.ex, "location"), "/ok"));
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 1);
	errand_fini(&e);
}
END_TEST

START_TEST(test_interim)
{
	struct errand e;

	errand_init(&e, peer.port, "/interim");
	run(p, &e);
	ck_assert_int_eq(e.ex.http_status, 201);
	ck_assert_ptr_null(answer_header(&e.ex, "x-early").p);
	ck_assert(slice_is(answer_header(&e.ex, "x-late"), "yes"));
	errand_fini(&e);
}
END_TEST

START_TEST(test_failures)
{
	static const struct {
		const char *path;
		enum rc rc;
		unsigned timeout_ms;
	} rows[] = {
		{ "/reset", RC_BAD_GATEWAY, 20000 },   { "/nonsense", RC_BAD_GATEWAY, 20000 },
		{ "/cut", RC_BAD_GATEWAY, 20000 },     { "/big", RC_BAD_GATEWAY, 20000 },
		{ "/endless", RC_BAD_GATEWAY, 20000 }, { "/slow", RC_GATEWAY_TIMEOUT, 200 },
	};
	struct errand e;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		errand_init(&e, peer.port, rows[i].path);
		e.ex.timeout_ms = rows[i].timeout_ms;
		run(p, &e);
		ck_assert_msg(e.ex.rc == rows[i].rc, "%s: %d", rows[i].path, (int)e.ex.rc);
		ck_assert_int_eq(e.ex.http_status, 0);
		ck_assert_uint_eq(e.ex.answer.n, 0);
		ck_assert_uint_eq(e.ex.n_answer_headers, 0);
		ck_assert_int_ne(e.ex.failure[0], '\0');
		/* The same exchange again: nothing of the failure stays. */
		snprintf(e.url, sizeof(e.url), "http://127.0.0.1:%u/ok", peer.port);
		e.ex.url = slice_of(e.url);
		e.ex.timeout_ms = 20000;
		run(p, &e);
		ck_assert_int_eq(e.ex.rc, RC_OK);
		ck_assert_int_eq(e.ex.failure[0], '\0');
		ck_assert(slice_is(buf_view(&e.ex.answer), "body"));
		errand_fini(&e);
	}
}
END_TEST

START_TEST(test_unsendable)
{
	static const char *const urls[] = { "ftp://127.0.0.1/x", "file:///etc/passwd", "http://",
		                            "http://127.0.0.1:1/\r\nX: y", "nothing" };
	struct errand e;

	for (size_t i = 0; i < NITEMS(urls); i++) {
		errand_init(&e, 1, "/");
		e.ex.url = slice_of(urls[i]);
		run(p, &e);
		ck_assert_msg(e.ex.rc == RC_BAD_GATEWAY, "%s: %d", urls[i], (int)e.ex.rc);
		errand_fini(&e);
	}
	errand_init(&e, 1, "/");
	e.ex.headers[0] =
		(struct exchange_header){ SLICE_LIT("From"), SLICE_LIT("a\r\nX-Evil: b") };
	e.ex.nheaders = 1;
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_BAD_GATEWAY);
	errand_fini(&e);
}
END_TEST

START_TEST(test_refused)
{
	struct peer gone;
	struct errand e;

	peer_start(&gone);
	peer_stop(&gone);
	errand_init(&e, gone.port, "/ok");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_BAD_GATEWAY);
	ck_assert_int_ne(e.ex.failure[0], '\0');
	errand_fini(&e);
}
END_TEST

START_TEST(test_send_from_done)
{
	struct errand e;

	errand_init(&e, peer.port, "/ok");
	e.again = p;
	port_http.send(p, &e.ex);
	await(p, &e, 2);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 2);
	errand_fini(&e);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_answer,        test_request, test_large_request, test_absolute_form,
		test_interim,       test_failures, test_unsendable,   test_refused,
		test_send_from_done,
	};
	Suite *s = suite_create("http_out");
	TCase *c = suite_case(s, "exchanges", setup, teardown);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	c = suite_case(s, "proxy", setup_proxy, teardown);
	tcase_add_test(c, test_no_detour);
	return run_suite(s);
}
