/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server in front of a core that is faked: what messages mean. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "http_bed.h"

START_TEST(test_keep_alive)
{
	struct bed b;
	struct wire *w;
	char body[256];

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wire_ask(w,
		                          "GET /echo/%2Fx?a=%20&b=+ HTTP/1.1\r\n" HOST FROM "\r\n",
		                          body, sizeof(body)),
		                 200);
		ck_assert_str_eq(
			body,
			"RETRIEVE /echo/%2Fx?a=%20&b=+ from=http://example.org/m2m n=0 accept= "
			"known=1 peer= length=0\n");
		ck_assert_int_eq(
			wire_ask(w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		                 body, sizeof(body)),
			200);
		ck_assert_str_eq(body,
		                 "CREATE /echo from= n=5 accept= known=1 peer= length=5\nhello");
	}
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_absolute_form)
{
	struct bed b;
	struct wire *w;
	char body[256];

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert_int_eq(wire_ask(w,
	                          "GET http://gw1.example.org:8181/m2m/%41?x=%2B HTTP/1.1\r\n"
	                          "Host: gw1.example.org:8181\r\n\r\n",
	                          body, sizeof(body)),
	                 200);
	ck_assert_ptr_nonnull(
		strstr(body, "RETRIEVE http://gw1.example.org:8181/m2m/%41?x=%2B from="));
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_methods)
{
	static const struct {
		const char *method;
		const char *expected;
	} rows[] = {
		{ "PUT", "UPDATE /echo from= n=0 accept= known=1" },
		{ "DELETE", "DELETE /echo from= n=0 accept= known=1" },
		{ "OPTIONS", "OTHER /echo from= n=0 accept= known=1" },
		{ "PATCH", "OTHER /echo from= n=0 accept= known=1" },
		{ "BREW", "OTHER /echo from= n=0 accept= known=0" },
		{ "get", "OTHER /echo from= n=0 accept= known=0" },
	};
	struct bed b;
	struct wire *w;
	char text[128];
	char body[256];

	bed_init(&b, 0);
	bed_run(&b);
	w = join(&b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		snprintf(text, sizeof(text), "%s /echo HTTP/1.1\r\n" HOST "\r\n", rows[i].method);
		ck_assert_int_eq(wire_ask(w, text, body, sizeof(body)), 200);
		ck_assert_msg(strncmp(body, rows[i].expected, strlen(rows[i].expected)) == 0, "%s",
		              body);
	}
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_pipelining)
{
	static const int expected[] = { 200, 200, 201, 200, 200 };
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert(wire_puts(w,
	                    "GET /echo/1 HTTP/1.1\r\n" HOST "\r\n"
	                    "POST /later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\ntwo"
	                    "GET /made HTTP/1.1\r\n" HOST "\r\n"
	                    "POST /at-once HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	                    "2\r\nfo\r\n2;x=y\r\nur\r\n0\r\n\r\n"
	                    "GET /echo/5 HTTP/1.1\r\n" HOST "\r\n"));
	for (size_t i = 0; i < NITEMS(expected); i++) {
		struct wire_reply r = wire_read(w, false);

		ck_assert_int_eq(r.status, expected[i]);
		if (i == 1)
			ck_assert(ends_with(buf_view(&r.body), "\ntwo"));
		if (i == 3)
			ck_assert(ends_with(buf_view(&r.body), " length=-1\nfour"));
		wire_forget(&r);
	}
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_answer_fields)
{
	struct bed b;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert(wire_puts(w, "POST /made HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 201);
	check_field(&r, "Content-Type", "application/xml");
	check_field(&r, "Location", "http://example.org/m2m/new");
	check_field(&r, "Content-Location", "/m2m/new");
	check_field(&r, "ETag", "\"2014-03-01T08:12:00.250000Z\"");
	check_field(&r, "Last-Modified", "Sat, 01 Mar 2014 08:12:00 GMT");
	check_field(&r, "Allow", "GET, PUT");
	check_field(&r, "Via", "1.1 nscl.example.org");
	check_field(&r, "Retry-After", "7");
	ck_assert_uint_gt(wire_field(&r, "Server").n, 0);
	ck_assert_uint_gt(wire_field(&r, "Date").n, 0);
	ck_assert_uint_gt(r.body.n, 0);
	wire_forget(&r);
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* Answers without a body leave the connection in step: the next one is read behind them. */
START_TEST(test_bodiless)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "HEAD /echo HTTP/1.1\r\n" HOST "\r\n", 200 },
		{ "DELETE /gone HTTP/1.1\r\n" HOST "\r\n", 204 },
		{ "GET /same HTTP/1.1\r\n" HOST "\r\n", 304 },
		{ "HEAD /stranger HTTP/1.1\r\n" HOST "\r\n", 402 },
	};
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct wire_reply r;

		ck_assert(wire_puts(w, rows[i].text));
		r = wire_read(w, true);
		ck_assert_int_eq(r.status, rows[i].status);
		if (rows[i].status == 204)
			ck_assert_ptr_null(wire_field(&r, "Content-Length").p);
		wire_forget(&r);
		ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	}
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* A body of n octets, chunked in pieces of 1000. */
static bool
send_chunked(struct wire *w, size_t n)
{
	static const char zeros[1000];

	for (; n > 0; n -= 1000)
		if (!wire_puts(w, "3e8\r\n") || !wire_send(w, slice_make(zeros, sizeof(zeros))) ||
		    !wire_puts(w, "\r\n"))
			return false;
	return wire_puts(w, "0\r\n\r\n");
}

START_TEST(test_chunked)
{
	struct bed b;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	for (int i = 0; i < 2; i++) {
		ck_assert(wire_puts(w, "POST /later HTTP/1.1\r\n" HOST
		                       "Transfer-Encoding: chunked\r\n\r\n"));
		ck_assert(send_chunked(w, 65000));
		r = wire_read(w, false);
		ck_assert_int_eq(r.status, 200);
		ck_assert_uint_gt(r.body.n, 65000);
		wire_forget(&r);
	}
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* The answer is there before the body is, and a client that goes on sending still gets it. */
START_TEST(test_too_large)
{
	struct bed b;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert_int_eq(wire_ask(w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n",
	                          NULL, 0),
	                 413);
	wire_close(w);
	w = join(&b);
	ck_assert(
		wire_puts(w, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
	send_chunked(w, 400000);
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 413);
	ck_assert(ends_with(buf_view(&r.body), "</errorInfo>"));
	check_field(&r, "Connection", "close");
	wire_forget(&r);
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_stranger)
{
	static const char zeros[200000];
	struct bed b;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	/* Without a body the connection goes on. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(wire_ask(w, "GET /stranger HTTP/1.1\r\n" HOST "\r\n", NULL, 0),
		                 402);
	ck_assert(
		wire_puts(w, "POST /stranger HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n"));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 402);
	check_field(&r, "Connection", "close");
	wire_forget(&r);
	/* What it sends nevertheless is thrown away, so no reset spoils the answer. */
	for (size_t n = 0; n < sizeof(zeros); n += 20000)
		ck_assert(wire_send(w, slice_make(zeros, 20000)));
	ck_assert(wire_closed(w));
	wire_close(w);
	/* One that sends first and reads then. */
	w = join(&b);
	ck_assert(
		wire_puts(w, "POST /stranger HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n"));
	ck_assert(wire_send(w, slice_make(zeros, sizeof(zeros))));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 402);
	ck_assert(ends_with(buf_view(&r.body), "</errorInfo>"));
	wire_forget(&r);
	ck_assert(wire_closed(w));
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_continue)
{
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert_int_eq(wire_ask(w,
	                          "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
	                          "Content-Length: 2\r\n\r\n",
	                          NULL, 0),
	                 100);
	ck_assert_int_eq(wire_ask(w, "ab", NULL, 0), 200);
	ck_assert_int_eq(wire_ask(w,
	                          "POST /stranger HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
	                          "Content-Length: 2\r\n\r\n",
	                          NULL, 0),
	                 402);
	ck_assert(wire_closed(w));
	wire_close(w);
	ck_assert_int_eq(ask_once(&b, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
	                              "Content-Length: 999999\r\n\r\n"),
	                 413);
	bed_end(&b);
}
END_TEST

START_TEST(test_split)
{
	static const char text[] =
		"PUT /echo/a?b=c HTTP/1.1\r\nHost: localhost\r\nFrom: me\r\n"
		"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
	struct bed b;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		ck_assert(wire_send(w, slice_make(text, cut)));
		ck_assert(wire_puts(w, text + cut));
		r = wire_read(w, false);
		ck_assert_int_eq(r.status, 200);
		ck_assert(ends_with(buf_view(&r.body), "\nabcdefg"));
		wire_forget(&r);
	}
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		ck_assert(wire_send(w, slice_make(text + i, 1)));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 200);
	wire_forget(&r);
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_bad_requests)
{
	static const struct {
		const char *text;
		int low, high; /* of the status; 0: closed without an answer will do */
	} rows[] = {
		{ "GET\r\n\r\n", 0, 505 },
		{ "\x01\x02\x03\r\n\r\n", 0, 505 },
		{ "GET /echo HTTP/9.9\r\n" HOST "\r\n", 0, 505 },
		{ "GET /ec ho HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
		{ "GET /echo HTTP/1.1\r\n\r\n", 400, 400 },
		{ "GET /echo HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 0, 400 },
		{ "GET /echo HTTP/1.1\r\n" HOST HOST "\r\n", 400, 400 },
		{ "GET /echo HTTP/1.1\r\n" HOST FROM "from: b\r\n\r\n", 400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\nab", 400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nab", 400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
		  400, 413 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		  400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST
		  "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "2\r\nab\r\n0\r\n\r\n",
		  400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
		  501 },
		{ "POST /echo HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
		  "\r\n\r\n",
		  501, 501 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400,
		  400 },
		{ "POST /echo HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		  400, 413 },
	};
	struct bed b;

	bed_init(&b, _i);
	bed_run(&b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct wire *w = join(&b);
		int status;

		ck_assert(wire_puts(w, rows[i].text));
		wire_end(w);
		status = wire_ask(w, "", NULL, 0);
		ck_assert_msg(status >= rows[i].low && status <= rows[i].high, "%s: %d",
		              rows[i].text, status);
		wire_close(w);
		ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	}
	bed_end(&b);
}
END_TEST

START_TEST(test_repeated_headers)
{
	struct bed b;
	struct wire *w;
	char body[256];

	bed_init(&b, 0);
	bed_run(&b);
	w = join(&b);
	ck_assert_int_eq(wire_ask(w,
	                          "GET /echo HTTP/1.1\r\n" HOST "ACCEPT: a/b\r\nX-Other: 1\r\n"
	                          "accept: c/d;q=0.5\r\nX-Other: 2\r\n\r\n",
	                          body, sizeof(body)),
	                 200);
	ck_assert_ptr_nonnull(strstr(body, "accept=a/b, c/d;q=0.5 known"));
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_header_limit)
{
	struct bed b;
	struct wire *w;
	struct wire_reply r;
	char *text = malloc(40000);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 39999);
	text[39999] = '\0';
	bed_init(&b, _i);
	bed_run(&b);
	for (int in_target = 0; in_target < 2; in_target++) {
		w = join(&b);
		wire_puts(w, in_target ? "GET /" : "GET /echo HTTP/1.1\r\n" HOST "X-Long: ");
		wire_puts(w, text);
		wire_puts(w, in_target ? " HTTP/1.1\r\n" HOST "\r\n" : "\r\n\r\n");
		r = wire_read(w, false);
		ck_assert_msg(r.status == 0 || (r.status >= 400 && r.status < 500), "%d", r.status);
		wire_forget(&r);
		wire_close(w);
	}
	ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	free(text);
	bed_end(&b);
}
END_TEST

START_TEST(test_big_answer)
{
	struct bed b;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	for (int i = 0; i < 2; i++) {
		ck_assert(wire_puts(w, "GET /big/5000000 HTTP/1.1\r\n" HOST "\r\n"));
		r = wire_read(w, false);
		ck_assert_int_eq(r.status, 200);
		ck_assert_uint_eq(r.body.n, 5000000);
		wire_forget(&r);
	}
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_pending_disconnect)
{
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert(wire_puts(w, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
	fake_await_held(&b.core, 1);
	wire_close(w);
	ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	ck_assert_uint_ge(atomic_load(&b.core.live), 1);
	fake_release(&b.core);
	fake_await_none(&b.core);
	bed_end(&b);
}
END_TEST

START_TEST(test_overload)
{
	struct bed b;
	struct wire *held;
	struct wire *w;
	struct wire_reply r;

	bed_init(&b, _i);
	b.core.max_live = 1;
	bed_run(&b);
	held = join(&b);
	ck_assert(wire_puts(held, "GET /held HTTP/1.1\r\n" HOST "\r\n"));
	fake_await_held(&b.core, 1);
	w = join(&b);
	ck_assert(wire_puts(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n"));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 503);
	check_field(&r, "Retry-After", "1");
	ck_assert(ends_with(buf_view(&r.body), "errorInfo>"));
	wire_forget(&r);
	wire_close(w);
	fake_release(&b.core);
	ck_assert_int_eq(wire_ask(held, "", NULL, 0), 200);
	wire_close(held);
	bed_end(&b);
}
END_TEST

/* libmicrohttpd's own loop would leave 128 events that come at once unserved. */
START_TEST(test_all_at_once)
{
	enum { N = 300 };
	struct wire *ws[N];
	struct bed b;

	bed_init(&b, 0);
	b.conf.threads = 1;
	bed_run(&b);
	for (int i = 0; i < N; i++)
		ws[i] = join(&b);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < N; i++)
			ck_assert(wire_puts(ws[i], i % 3 == 0 ? "GET /held HTTP/1.1\r\n" HOST "\r\n"
			                                      : "GET /echo HTTP/1.1\r\n" HOST
			                                        "\r\n"));
		fake_await_held(&b.core, N / 3);
		fake_release(&b.core);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(wire_ask(ws[i], "", NULL, 0), 200);
	}
	for (int i = 0; i < N; i++)
		wire_close(ws[i]);
	bed_end(&b);
}
END_TEST

struct crowd {
	const struct bed *b;
	int failures;
};

static void *
crowd_run(void *arg)
{
	static const char *const texts[] = {
		"GET /echo HTTP/1.1\r\n" HOST "\r\n",
		"POST /later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
		"POST /at-once HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
		"GET /big/30000 HTTP/1.1\r\n" HOST "\r\n",
		"GET /later HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
	};
	struct crowd *c = arg;

	for (int i = 0; i < 20; i++) {
		struct wire *w = wire_open(http_port(c->b->server), NULL, c->b->tls);

		for (size_t k = 0; w != NULL && k < NITEMS(texts); k++)
			c->failures += wire_ask(w, texts[k], NULL, 0) != 200;
		c->failures += w == NULL;
		wire_close(w);
	}
	return NULL;
}

START_TEST(test_crowd)
{
	enum { N = 8 };
	pthread_t threads[N];
	struct crowd crowds[N];
	struct bed b;

	bed_init(&b, _i);
	b.conf.min_rate = 100;
	bed_run(&b);
	for (int i = 0; i < N; i++) {
		crowds[i] = (struct crowd){ .b = &b };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, crowd_run, &crowds[i]), 0);
	}
	for (int i = 0; i < N; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(crowds[i].failures, 0);
	}
	bed_end(&b);
}
END_TEST

int
main(void)
{
	/* Clear and by TLS. */
	const TTest *const both[] = {
		test_keep_alive, test_absolute_form, test_pipelining,   test_answer_fields,
		test_bodiless,   test_chunked,       test_too_large,    test_stranger,
		test_continue,   test_split,         test_bad_requests, test_header_limit,
		test_big_answer, test_crowd,         test_overload,     test_pending_disconnect,
	};
	const TTest *const once[] = {
		test_methods,
		test_repeated_headers,
		test_all_at_once,
	};

	return bed_main("http_in", both, NITEMS(both), once, NITEMS(once));
}
