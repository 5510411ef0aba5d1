/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the HTTP server may cost in time and connections, and the end of the server. */
#include "config.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "bind/http_conn.h"
#include "http_bed.h"

/* A time limit that a test waits for; a client has to be faster where it is. */
#define SHORT_MS 750u

/*
 * Sends what it begins with, then piece after piece until the server has closed or answered; the
 * milliseconds since then.
 */
static int64_t
drip(struct wire *w, int64_t since, const char *begins, const char *piece, struct wire_reply *r)
{
	const struct timespec pause = { .tv_nsec = 30000000 };

	/* Who is late with the beginning finds it closed, too. */
	if (wire_puts(w, begins))
		while (!wire_readable(w) && wire_puts(w, piece))
			nanosleep(&pause, NULL);
	*r = wire_read(w, false);
	return (clock_monotonic() - since) / 1000;
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
		int64_t since = clock_monotonic(), ms;
		struct wire *w = join(&b);
		struct wire_reply r;

		ms = drip(w, since, rows[i].begin, rows[i].piece, &r);
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
	/* Before the request: the server may count from the answer before this thread has read it. */
	begin = clock_monotonic();
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	ck_assert(wire_closed(w));
	ck_assert_int_ge(clock_monotonic() - begin, (SHORT_MS - 50) * 1000);
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* 408 with its errorInfo, however the body fails to come (TS 102 921 annex C, status codes). */
START_TEST(test_slow_body)
{
	static const struct {
		const char *begin;
		const char *piece;
		unsigned request_ms, min_rate;
	} rows[] = {
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n", "", SHORT_MS, 0 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nab", "", SHORT_MS, 0 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n", "x", SHORT_MS,
		  0 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n", "x", 0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\nxyz", "", 0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n",
		  0, 1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "x", 0,
		  1000 },
		{ "POST /echo HTTP/1.1\r\n" HOST
		  "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: ",
		  "x", 0, 1000 },
	};
	struct bed b;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct wire *w;
		struct wire_reply r;
		int64_t since, ms;

		bed_init(&b, _i);
		b.conf.request_timeout_ms = rows[i].request_ms;
		b.conf.min_rate = rows[i].min_rate;
		b.conf.rate_grace_ms = SHORT_MS;
		bed_run(&b);
		/* Before the server can begin to count. */
		since = clock_monotonic();
		w = join(&b);
		ms = drip(w, since, rows[i].begin, rows[i].piece, &r);
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
	static const char head[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n";
	static char begins[sizeof(head) - 1 + 1000], piece[1000];
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	b.conf.min_rate = 100;
	b.conf.rate_grace_ms = 100;
	b.conf.header_timeout_ms = SHORT_MS;
	bed_run(&b);
	w = join(&b);
	/* With the first piece, which is enough for the rate however long the next one takes. */
	memcpy(begins, head, sizeof(head) - 1);
	ck_assert(wire_send(w, slice_make(begins, sizeof(begins))));
	for (int i = 1; i < 60; i++) {
		nanosleep(&pause, NULL);
		ck_assert(wire_send(w, slice_make(piece, sizeof(piece))));
	}
	ck_assert_int_eq(wire_ask(w, "", NULL, 0), 200);
	wire_close(w);
	bed_end(&b);
}
END_TEST

/* A pending request is not timed; an answer that nobody reads is. */
START_TEST(test_processing_time)
{
	const struct timespec longer = { .tv_sec = 3 };
	struct bed b;
	struct wire *w;

	bed_init(&b, _i);
	b.conf.header_timeout_ms = b.conf.request_timeout_ms = b.conf.idle_timeout_ms =
		2 * SHORT_MS;
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
			ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0),
			                 200);
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
	ck_assert_int_eq(wire_ask(greedy[N - 1], "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0),
	                 200);
	ck_assert(wire_closed(greedy[0]));
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	for (int i = 0; i < N; i++)
		wire_close(greedy[i]);
	wire_close(w);
	bed_end(&b);
}
END_TEST

static struct http_conn *
newcomer(struct http_table *t, const struct sockaddr_in *from, bool loopback)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	c->fd = -1;
	c->identity.peer.loopback = loopback;
	if (http_table_add(t, c, (const struct sockaddr *)(const void *)from))
		return c;
	free(c);
	return NULL;
}

static void
leave(struct http_table *t, struct http_conn *c)
{
	http_table_remove(t, c);
	free(c);
}

/* Who has proved who it is makes room for others at its address; strangers displace each other only. */
START_TEST(test_strangers)
{
	enum { N = 4 };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
	struct http_conn *known[2 * N], *strange[N], *near[2 * N], *c;
	struct http_table t;

	ck_assert(http_table_init(&t, 100, 50, N));
	for (unsigned i = 0; i < 2 * N; i++) {
		known[i] = newcomer(&t, &from, false);
		ck_assert_ptr_nonnull(known[i]);
		http_table_know(&t, known[i]);
		near[i] = newcomer(&t, &from, true);
		ck_assert_ptr_nonnull(near[i]);
	}
	for (unsigned i = 0; i < N; i++) {
		strange[i] = newcomer(&t, &from, false);
		ck_assert_ptr_nonnull(strange[i]);
		atomic_store(&strange[i]->since, (int64_t)i + 1);
	}
	ck_assert_uint_eq(t.n, 5 * N);
	/* One more: the oldest of them goes. */
	c = newcomer(&t, &from, false);
	ck_assert_ptr_nonnull(c);
	ck_assert(http_conn_is(strange[0], CONN_DEAD));
	for (unsigned i = 0; i < 2 * N; i++)
		ck_assert(!http_conn_is(known[i], CONN_DEAD) && !http_conn_is(near[i], CONN_DEAD));
	ck_assert_uint_eq(t.n, 5 * N);
	/* None of them can: it does not come in; at another address it does. */
	for (unsigned i = 1; i < N; i++)
		atomic_store(&strange[i]->state, CONN_ACTIVE);
	atomic_store(&c->state, CONN_ACTIVE);
	ck_assert_ptr_null(newcomer(&t, &from, false));
	from.sin_addr.s_addr = htonl(0xc0000202);
	leave(&t, newcomer(&t, &from, false));
	from.sin_addr.s_addr = htonl(0xc0000201);
	/* A place that is given back, by the end or by proof. */
	http_table_know(&t, c);
	leave(&t, newcomer(&t, &from, false));
	leave(&t, newcomer(&t, &from, false));
	for (unsigned i = 0; i < 2 * N; i++) {
		leave(&t, known[i]);
		leave(&t, near[i]);
	}
	for (unsigned i = 0; i < N; i++)
		leave(&t, strange[i]);
	leave(&t, c);
	ck_assert_uint_eq(t.n, 0);
	http_table_fini(&t);
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
	/*
	 * The library tells that an answer is over when it runs the next time, so all of them together
	 * may be busy for a moment. One after the other: whose turn was before is idle.
	 */
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(wire_ask(busy[i], "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0),
		                 200);
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

/* Stop waits for the core, longer than for clients, and the answers still arrive. */
START_TEST(test_stop_pending)
{
	const struct timespec longer = { .tv_sec = 2, .tv_nsec = 300000000 };
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
		ck_assert(wire_puts(ws[i],
		                    "POST /held HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
	}
	fake_await_held(&b.core, N);
	ck_assert_int_eq(pthread_create(&stopper, NULL, stop_run, b.server), 0);
	for (struct wire *w; (w = wire_open(port, NULL, NULL)) != NULL;)
		wire_close(w);
	if (_i == 0)
		nanosleep(&longer, NULL);
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

int
main(void)
{
	/* Clear and by TLS. */
	const TTest *const both[] = {
		test_slow_header,     test_idle,    test_slow_body,    test_fair_body,
		test_processing_time, test_quiesce, test_stop_pending,
	};
	const TTest *const once[] = {
		test_idle_flood,
		test_per_address,
		test_strangers,
		test_all_busy,
	};

	return bed_main("http_limits", both, NITEMS(both), once, NITEMS(once));
}
