/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server in front of a core that is faked: messages, limits of what they may cost, end. */
#include "config.h"

#include "bind/http.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "certs.h"
#include "http_fake.h"
#include "wire.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define HOST "Host: localhost\r\n"
#define FROM "From: http://example.org/m2m\r\n"
#define SHORT_MS 250u /* a time limit that a test waits for */

static struct certs certs; /* made by main before any test */

/* What a test works on. */
struct bed {
	struct scl core;
	struct http_server *server;
	struct http_conf conf;
	const struct wire_tls *tls; /* of its clients; NULL = clear */
	char why[HTTP_WHY_MAX];
};

static const struct wire_tls trusting = { .ca = certs.ca };

/* kind 0 is a clear server, 1 one with TLS. */
static void
bed_init(struct bed *b, int kind)
{
	memset(b, 0, sizeof(*b));
	b->conf = (struct http_conf){ .scl = &b->core, .address = "127.0.0.1", .serve = SERVE_MIA };
	if (kind == 0)
		return;
	b->conf.security = HTTP_CERTIFICATE;
	b->conf.cert_file = certs.server;
	b->conf.key_file = certs.key;
	b->tls = &trusting;
}

static void
bed_run(struct bed *b)
{
	fake_start(&b->core);
	ck_assert_msg(http_start(&b->conf, &b->server, b->why) == RC_OK, "%s", b->why);
}

static void
bed_end(struct bed *b)
{
	http_stop(b->server);
	ck_assert_uint_eq(atomic_load(&b->core.live), 0);
	fake_stop(&b->core);
}

static struct wire *
join(const struct bed *b)
{
	struct wire *w = wire_open(http_port(b->server), NULL, b->tls);

	ck_assert_ptr_nonnull(w);
	return w;
}

/* One request on a connection of its own; the status. */
static int
ask_once(const struct bed *b, const char *text)
{
	struct wire *w = join(b);
	int status = wire_ask(w, text, NULL, 0);

	wire_close(w);
	return status;
}

static bool
ends_with(struct slice s, const char *end)
{
	size_t n = strlen(end);

	return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

START_TEST(test_keep_alive)
{
	struct bed b;
	struct wire *w;
	char body[256];

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wire_ask(w, "GET /echo/%2Fx?a=%20&b=+ HTTP/1.1\r\n" HOST FROM "\r\n", body,
		                          sizeof(body)),
		                 200);
		ck_assert_str_eq(body,
		                 "RETRIEVE /echo/%2Fx?a=%20&b=+ from=http://example.org/m2m n=0 accept= "
		                 "known=1 peer= length=0\n");
		ck_assert_int_eq(wire_ask(w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		                          body, sizeof(body)),
		                 200);
		ck_assert_str_eq(body, "CREATE /echo from= n=5 accept= known=1 peer= length=5\nhello");
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
	ck_assert_int_eq(wire_ask(w, "GET http://gw1.example.org:8181/m2m/%41?x=%2B HTTP/1.1\r\n"
	                             "Host: gw1.example.org:8181\r\n\r\n",
	                          body, sizeof(body)),
	                 200);
	ck_assert_ptr_nonnull(strstr(body, "RETRIEVE http://gw1.example.org:8181/m2m/%41?x=%2B from="));
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
		ck_assert_msg(strncmp(body, rows[i].expected, strlen(rows[i].expected)) == 0, "%s", body);
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
	ck_assert(wire_puts(w, "GET /echo/1 HTTP/1.1\r\n" HOST "\r\n"
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

static void
check_field(const struct wire_reply *r, const char *name, const char *value)
{
	ck_assert_msg(slice_is(wire_field(r, name), value), "%s in %.*s", name, (int)r->head.n,
	              r->head.p);
}

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
		ck_assert(wire_puts(w, "POST /later HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
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
	ck_assert_int_eq(wire_ask(w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", NULL,
	                          0),
	                 413);
	wire_close(w);
	w = join(&b);
	ck_assert(wire_puts(w, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
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
		ck_assert_int_eq(wire_ask(w, "GET /stranger HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 402);
	ck_assert(wire_puts(w, "POST /stranger HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n"));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 402);
	check_field(&r, "Connection", "close");
	wire_forget(&r);
	wire_close(w);
	/* One that sends first and reads then. */
	w = join(&b);
	ck_assert(wire_puts(w, "POST /stranger HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n"));
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
	ck_assert_int_eq(wire_ask(w, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
	                             "Content-Length: 2\r\n\r\n",
	                          NULL, 0),
	                 100);
	ck_assert_int_eq(wire_ask(w, "ab", NULL, 0), 200);
	ck_assert_int_eq(wire_ask(w, "POST /stranger HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
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
	static const char text[] = "PUT /echo/a?b=c HTTP/1.1\r\nHost: localhost\r\nFrom: me\r\n"
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
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 400, 413 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "2\r\nab\r\n0\r\n\r\n",
		  400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, 501 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
		  "\r\n\r\n",
		  501, 501 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, 400 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400,
		  413 },
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
		ck_assert_msg(status >= rows[i].low && status <= rows[i].high, "%s: %d", rows[i].text,
		              status);
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
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "ACCEPT: a/b\r\nX-Other: 1\r\n"
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
			ck_assert(wire_puts(ws[i], i % 3 == 0 ? "GET /held HTTP/1.1\r\n" HOST "\r\n" :
			                                        "GET /echo HTTP/1.1\r\n" HOST "\r\n"));
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

/* Sends piece after piece until the server has closed or answered; the milliseconds that took. */
static int64_t
drip(struct wire *w, const char *piece, struct wire_reply *r)
{
	const struct timespec pause = { .tv_nsec = 30000000 };
	int64_t begin = clock_monotonic();

	while (!wire_readable(w) && wire_puts(w, piece))
		nanosleep(&pause, NULL);
	*r = wire_read(w, false);
	return (clock_monotonic() - begin) / 1000;
}

START_TEST(test_slow_header)
{
	static const struct {
		const char *begin; /* sent at once */
		const char *piece; /* dripped; empty: nothing more comes */
	} rows[] = {
		{ "", "" },
		{ "G", "" },
		{ "GET /", "x" },
		{ "GET /echo HTTP/1.1\r\n" HOST, "" },
		{ "GET /echo HTTP/1.1\r\n" HOST "X-A: ", "a" },
	};
	struct bed b;

	bed_init(&b, _i);
	b.conf.header_timeout_ms = SHORT_MS;
	bed_run(&b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct wire *w = join(&b);
		struct wire_reply r;
		int64_t ms;

		ck_assert(wire_puts(w, rows[i].begin));
		ms = drip(w, rows[i].piece, &r);
		ck_assert_int_eq(r.status, 0);
		ck_assert_uint_eq(r.head.n, 0);
		ck_assert_int_lt(ms, 10000);
		wire_forget(&r);
		wire_close(w);
	}
	ck_assert_uint_eq(atomic_load(&b.core.made), 0);
	bed_end(&b);
}
END_TEST

START_TEST(test_idle)
{
	struct bed b;
	struct wire *w;
	int64_t begin;

	bed_init(&b, _i);
	b.conf.idle_timeout_ms = SHORT_MS;
	bed_run(&b);
	w = join(&b);
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	begin = clock_monotonic();
	ck_assert(wire_closed(w));
	ck_assert_int_ge(clock_monotonic() - begin, (SHORT_MS - 50) * 1000);
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* 408 with its errorInfo, however the body fails to come (reference 4.4). */
START_TEST(test_slow_body)
{
	static const struct {
		const char *begin;
		const char *piece;
		unsigned request_ms, min_rate;
	} rows[] = {
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n", "", SHORT_MS, 0 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nab", "", SHORT_MS, 0 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n", "x", SHORT_MS, 0 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n", "x", 0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\nxyz", "", 0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "x", 0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: ", "x", 0,
		  1000 },
	};
	struct bed b;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct wire *w;
		struct wire_reply r;
		int64_t ms;

		bed_init(&b, _i);
		b.conf.header_timeout_ms = SHORT_MS;
		b.conf.request_timeout_ms = rows[i].request_ms;
		b.conf.min_rate = rows[i].min_rate;
		b.conf.rate_grace_ms = SHORT_MS;
		bed_run(&b);
		w = join(&b);
		ck_assert(wire_puts(w, rows[i].begin));
		ms = drip(w, rows[i].piece, &r);
		ck_assert_msg(r.status == 408, "%zu: %d", i, r.status);
		ck_assert(ends_with(buf_view(&r.body), "</errorInfo>"));
		check_field(&r, "Connection", "close");
		ck_assert_int_ge(ms, SHORT_MS - 50);
		ck_assert_int_lt(ms, 10000);
		wire_forget(&r);
		ck_assert(wire_closed(w));
		wire_close(w);
		bed_end(&b);
	}
}
END_TEST

/* Slow, but not slower than allowed. */
START_TEST(test_fair_body)
{
	const struct timespec pause = { .tv_nsec = 30000000 };
	static const char piece[1000];
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	b.conf.min_rate = 100;
	b.conf.rate_grace_ms = 100;
	b.conf.header_timeout_ms = SHORT_MS;
	bed_run(&b);
	w = join(&b);
	ck_assert(wire_puts(w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 30000\r\n\r\n"));
	for (int i = 0; i < 30; i++) {
		ck_assert(wire_send(w, slice_make(piece, sizeof(piece))));
		nanosleep(&pause, NULL);
	}
	ck_assert_int_eq(wire_ask(w, "", NULL, 0), 200);
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* A pending request is not timed; an answer that nobody reads is. */
START_TEST(test_processing_time)
{
	const struct timespec longer = { .tv_sec = 1 };
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	b.conf.header_timeout_ms = b.conf.request_timeout_ms = b.conf.idle_timeout_ms = SHORT_MS / 2;
	bed_run(&b);
	w = join(&b);
	ck_assert(wire_puts(w, "GET /held HTTP/1.1\r\n" HOST "\r\n"));
	fake_await_held(&b.core, 1);
	nanosleep(&longer, NULL);
	fake_release(&b.core);
	ck_assert_int_eq(wire_ask(w, "", NULL, 0), 200);
	wire_close(w);
	w = join(&b);
	ck_assert(wire_puts(w, "GET /big/60000000 HTTP/1.1\r\n" HOST "\r\n"));
	while (atomic_load(&b.core.made) < 2)
		sched_yield();
	fake_await_none(&b.core);
	wire_close(w);
	bed_end(&b);
}
END_TEST

static void
allow_files(rlim_t n)
{
	struct rlimit l;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
	if (l.rlim_cur < n) {
		l.rlim_cur = n;
		if (l.rlim_max < n)
			l.rlim_max = n;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
	}
}

/* 2000 idle connections fill the table many times over; another client is served all the while. */
START_TEST(test_idle_flood)
{
	enum { N = 2000 };
	static struct wire *idle[N];
	struct bed b;
	struct wire *w;

	allow_files(6000);
	bed_init(&b, 0);
	b.conf.max_connections = 100;
	bed_run(&b);
	for (int i = 0; i < N; i++) {
		idle[i] = join(&b);
		if (i % 3 == 0)
			wire_puts(idle[i], "GET / HTTP/1.1\r\nX-Drip: ");
		if (i % 50 == 0) {
			w = join(&b);
			ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
			wire_close(w);
		}
	}
	ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	/* The first went to make room for the last. */
	ck_assert(wire_closed(idle[0]));
	for (int i = 0; i < N; i++)
		wire_close(idle[i]);
	bed_end(&b);
}
END_TEST

/* One address uses its share up; connections of others stay. */
START_TEST(test_per_address)
{
	enum { N = 200 };
	struct wire *greedy[N];
	struct bed b;
	struct wire *w;

	allow_files(2000);
	bed_init(&b, 0);
	b.conf.max_connections = 100;
	b.conf.max_connections_per_address = 20;
	bed_run(&b);
	w = join(&b);
	for (int i = 0; i < N; i++) {
		greedy[i] = wire_open(http_port(b.server), "127.0.0.2", NULL);
		ck_assert_ptr_nonnull(greedy[i]);
	}
	/* Accepted in order, so the last one marks that the others were looked at. */
	ck_assert_int_eq(wire_ask(greedy[N - 1], "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	ck_assert(wire_closed(greedy[0]));
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	for (int i = 0; i < N; i++)
		wire_close(greedy[i]);
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* Busy connections are never sacrificed: a newcomer has to go. */
START_TEST(test_all_busy)
{
	enum { N = 10 };
	struct wire *busy[N];
	struct bed b;
	struct wire *w;

	bed_init(&b, 0);
	b.conf.max_connections = N;
	bed_run(&b);
	for (int i = 0; i < N; i++) {
		busy[i] = join(&b);
		ck_assert(wire_puts(busy[i], "GET /held HTTP/1.1\r\n" HOST "\r\n"));
	}
	fake_await_held(&b.core, N);
	w = join(&b);
	ck_assert(wire_closed(w));
	wire_close(w);
	fake_release(&b.core);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(wire_ask(busy[i], "", NULL, 0), 200);
	ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	for (int i = 0; i < N; i++)
		wire_close(busy[i]);
	bed_end(&b);
}
END_TEST

START_TEST(test_quiesce)
{
	struct bed b;
	struct wire *idle;
	struct wire *busy;
	struct wire_reply r;

	bed_init(&b, _i);
	bed_run(&b);
	idle = join(&b);
	ck_assert_int_eq(wire_ask(idle, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	busy = join(&b);
	ck_assert(wire_puts(busy, "GET /held HTTP/1.1\r\n" HOST "\r\n"));
	fake_await_held(&b.core, 1);
	http_quiesce(b.server);
	ck_assert_ptr_null(wire_open(http_port(b.server), NULL, NULL));
	ck_assert(wire_closed(idle));
	fake_release(&b.core);
	r = wire_read(busy, false);
	ck_assert_int_eq(r.status, 200);
	check_field(&r, "Connection", "close");
	wire_forget(&r);
	ck_assert(wire_closed(busy));
	wire_close(idle);
	wire_close(busy);
	bed_end(&b);
}
END_TEST

static void *
stop_run(void *arg)
{
	http_stop(arg);
	return NULL;
}

/* Stop waits for the core, and the answers still arrive. */
START_TEST(test_stop_pending)
{
	enum { N = 20 };
	struct wire *ws[N];
	struct bed b;
	pthread_t stopper;
	unsigned port;

	bed_init(&b, _i);
	bed_run(&b);
	port = http_port(b.server);
	for (int i = 0; i < N; i++) {
		ws[i] = join(&b);
		ck_assert(wire_puts(ws[i], "POST /held HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
	}
	fake_await_held(&b.core, N);
	ck_assert_int_eq(pthread_create(&stopper, NULL, stop_run, b.server), 0);
	for (struct wire *w; (w = wire_open(port, NULL, NULL)) != NULL;)
		wire_close(w);
	fake_release(&b.core);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(wire_ask(ws[i], "", NULL, 0), 200);
	pthread_join(stopper, NULL);
	for (int i = 0; i < N; i++)
		wire_close(ws[i]);
	b.server = NULL;
	bed_end(&b);
}
END_TEST

START_TEST(test_start_errors)
{
	struct bed b;
	struct http_server *second;

	bed_init(&b, 0);
	b.conf.address = "localhost";
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "numeric"));
	b.conf.address = "127.0.0.1";
	b.conf.port = 65536;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.port = 0;
	bed_run(&b);
	b.conf.port = http_port(b.server);
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "in use"));
	b.conf.port = 0;
	b.conf.security = HTTP_CERTIFICATE;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.cert_file = "/nonexistent/cert.pem";
	b.conf.key_file = certs.key;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "/nonexistent/cert.pem: No such file"));
	b.conf.cert_file = certs.key;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.cert_file = certs.server;
	b.conf.require_client_cert = true;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.ca_file = certs.key;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	bed_end(&b);
}
END_TEST

START_TEST(test_ipv6)
{
	struct bed b;
	char expected[64];

	bed_init(&b, 0);
	b.conf.address = "::1";
	fake_start(&b.core);
	if (http_start(&b.conf, &b.server, b.why) == RC_OK) {
		snprintf(expected, sizeof(expected), "http://[::1]:%u", http_port(b.server));
		ck_assert(slice_is(http_listener(b.server)->base_uri, expected));
	} else {
		/* A machine without IPv6 says so. */
		ck_assert_msg(strstr(b.why, "not supported") != NULL || strstr(b.why, "Cannot assign") != NULL,
		              "%s", b.why);
	}
	bed_end(&b);
}
END_TEST

START_TEST(test_client_certificate)
{
	const struct wire_tls known = { certs.ca, certs.client, certs.key };
	const struct wire_tls stranger = { certs.ca, certs.stranger, certs.key };
	struct bed b;
	struct wire *w;
	char body[256];

	bed_init(&b, 1);
	b.conf.ca_file = certs.ca;
	b.conf.require_client_cert = _i == 1;
	bed_run(&b);
	ck_assert(http_listener(b.server)->secure);
	w = wire_open(http_port(b.server), NULL, &known);
	ck_assert_ptr_nonnull(w);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", body, sizeof(body)), 200);
		ck_assert_ptr_nonnull(strstr(body, " peer=" CERTS_CLIENT_URI " "));
	}
	wire_close(w);
	/* TLS 1.3 tells the client of a refused certificate only after its own handshake. */
	w = wire_open(http_port(b.server), NULL, &stranger);
	ck_assert(w == NULL || wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0) == 0);
	wire_close(w);
	w = wire_open(http_port(b.server), NULL, &trusting);
	ck_assert_int_eq(w == NULL ? 0 :
	                             wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", body, sizeof(body)),
	                 _i == 1 ? 0 : 200);
	if (_i == 0)
		ck_assert_ptr_nonnull(strstr(body, " peer= "));
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_reload)
{
	struct certs own;
	struct wire_tls trust = { .ca = own.ca };
	struct bed b;
	struct wire *before;
	struct wire *after;

	certs_make(&own);
	bed_init(&b, 1);
	b.conf.cert_file = own.server;
	b.conf.key_file = own.key;
	b.tls = &trust;
	bed_run(&b);
	before = join(&b);
	ck_assert_int_eq(wire_serial(before), 2);
	certs_renew_server(&own);
	ck_assert_msg(http_reload_tls(b.server, b.why) == RC_OK, "%s", b.why);
	after = join(&b);
	ck_assert_int_eq(wire_serial(after), 77);
	ck_assert_int_eq(wire_ask(before, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	ck_assert_int_eq(wire_ask(after, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	wire_close(before);
	wire_close(after);
	/* What cannot be read changes nothing. */
	certs_remove(&own);
	ck_assert_int_ne(http_reload_tls(b.server, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, own.server));
	bed_end(&b);
}
END_TEST

/* A clear client at a TLS listener gets nothing and costs nothing. */
START_TEST(test_clear_at_tls)
{
	struct bed b;
	struct wire *w;

	bed_init(&b, 1);
	bed_run(&b);
	w = wire_open(http_port(b.server), NULL, NULL);
	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 0);
	wire_close(w);
	ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	bed_end(&b);
}
END_TEST

static Suite *
http_in_suite(void)
{
	/* Tried clear and by TLS. */
	const TTest *const both[] = {
		test_keep_alive,    test_absolute_form, test_pipelining,    test_answer_fields,
		test_bodiless,      test_chunked,       test_too_large,     test_stranger,
		test_continue,      test_split,         test_bad_requests,  test_header_limit,
		test_big_answer,    test_crowd,         test_overload,      test_pending_disconnect,
		test_slow_header,   test_idle,          test_slow_body,     test_fair_body,
		test_processing_time, test_quiesce,     test_stop_pending,  test_client_certificate,
	};
	const TTest *const once[] = {
		test_methods,   test_repeated_headers, test_all_at_once, test_idle_flood, test_per_address,
		test_all_busy,  test_start_errors,     test_ipv6,        test_reload,     test_clear_at_tls,
	};
	Suite *s = suite_create("http_in");
	TCase *tc = tcase_create("messages");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < NITEMS(both); i++)
		tcase_add_loop_test(tc, both[i], 0, 2);
	for (size_t i = 0; i < NITEMS(once); i++)
		tcase_add_test(tc, once[i]);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *r;
	int failed;

	certs_make(&certs);
	r = srunner_create(http_in_suite());
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	certs_remove(&certs);
	return failed == 0 ? 0 : 1;
}
