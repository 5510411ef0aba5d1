/* SPDX-License-Identifier: Apache-2.0 */
/* port_http against a server that misbehaves on demand. */
#include "config.h"

#include "core/port.h"

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENTS_MAX 64
#define REQUEST_MAX 65536u

/*
 * A server with one thread per connection. The path says what it does: /ok answers, /slow never
 * does, /cut ends in mid-body, /reset closes at once, /nonsense is not HTTP, /big sends 100000
 * octets, /endless a header without end, /moved redirects, /interim sends 100 first.
 */
struct peer {
	int listen_fd;
	unsigned port;
	pthread_t acceptor;
	pthread_t clients[CLIENTS_MAX];
	int fds[CLIENTS_MAX];
	_Atomic unsigned n_clients; /* connections so far */
	_Atomic unsigned n_requests;
	pthread_mutex_t lock;
	char last[REQUEST_MAX + 1]; /* the last request */
};

struct client {
	struct peer *peer;
	int fd;
};

static void
reply(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		text += sent;
		n -= (size_t)sent;
	}
}

static void
reply_many(int fd, const char *head, const char *line, unsigned times)
{
	reply(fd, head);
	for (unsigned i = 0; i < times; i++)
		reply(fd, line);
}

/* False when the connection ends after the request. */
static bool
behave(int fd, const char *request)
{
	if (strstr(request, "/reset") != NULL)
		return false;
	if (strstr(request, "/nonsense") != NULL) {
		reply(fd, "220 mail.example.org ESMTP\r\n");
		return false;
	}
	if (strstr(request, "/cut") != NULL) {
		reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
		return false;
	}
	if (strstr(request, "/endless") != NULL) {
		reply_many(fd, "HTTP/1.1 200 OK\r\n",
		           "X-Filler: 0123456789012345678901234567890123456789\r\n", 1000);
		return false;
	}
	if (strstr(request, "/big") != NULL)
		reply_many(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "0123456789",
		           10000);
	else if (strstr(request, "/moved") != NULL)
		reply(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
	else if (strstr(request, "/interim") != NULL)
		reply(fd, "HTTP/1.1 100 Continue\r\nX-Early: yes\r\n\r\n"
		          "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nX-Late: yes\r\n\r\n");
	else if (strstr(request, "/slow") == NULL)
		reply(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nETAG:\t\"1\" \r\n"
		          "X-Empty:\r\nContent-Length: 4\r\n\r\nbody");
	return true;
}

/* Length of the first request in the n octets at p, 0 when it is not complete. */
static size_t
request_length(char *p, size_t n)
{
	char *end;
	char *length;

	p[n] = '\0';
	end = strstr(p, "\r\n\r\n");
	if (end == NULL)
		return 0;
	length = strcasestr(p, "\r\nContent-Length: ");
	n -= (size_t)(end - p) + 4;
	if (length != NULL && length < end && strtoul(length + 18, NULL, 10) > n)
		return 0;
	return (size_t)(end - p) + 4 +
	       (length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0);
}

static void *
client_run(void *arg)
{
	struct client *c = arg;
	char *in = malloc(REQUEST_MAX + 1);
	size_t n = 0;
	ssize_t got;
	bool go_on = in != NULL;

	while (go_on && (got = recv(c->fd, in + n, REQUEST_MAX - n, 0)) > 0) {
		size_t length;

		n += (size_t)got;
		while (go_on && (length = request_length(in, n)) > 0) {
			pthread_mutex_lock(&c->peer->lock);
			memcpy(c->peer->last, in, length);
			c->peer->last[length] = '\0';
			pthread_mutex_unlock(&c->peer->lock);
			atomic_fetch_add(&c->peer->n_requests, 1);
			go_on = behave(c->fd, in);
			memmove(in, in + length, n - length);
			n -= length;
		}
	}
	shutdown(c->fd, SHUT_RDWR);
	free(in);
	free(c);
	return NULL;
}

static void *
acceptor_run(void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = accept(p->listen_fd, NULL, NULL)) >= 0) {
		struct client *c = malloc(sizeof(*c));
		unsigned i = atomic_load(&p->n_clients);

		if (c == NULL || i == CLIENTS_MAX)
			abort();
		*c = (struct client){ p, fd };
		p->fds[i] = fd;
		if (pthread_create(&p->clients[i], NULL, client_run, c) != 0)
			abort();
		atomic_fetch_add(&p->n_clients, 1);
	}
	return NULL;
}

static void
peer_start(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(p->listen_fd, 0);
	ck_assert_int_eq(bind(p->listen_fd, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(p->listen_fd, 64), 0);
	ck_assert_int_eq(getsockname(p->listen_fd, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&p->acceptor, NULL, acceptor_run, p), 0);
}

static void
peer_stop(struct peer *p)
{
	shutdown(p->listen_fd, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	close(p->listen_fd);
	for (unsigned i = 0; i < p->n_clients; i++) {
		shutdown(p->fds[i], SHUT_RDWR);
		pthread_join(p->clients[i], NULL);
		close(p->fds[i]);
	}
	pthread_mutex_destroy(&p->lock);
}

/* Copy of the last request, a string; until the next call. */
static const char *
last_request(struct peer *p)
{
	static char copy[REQUEST_MAX + 1];

	pthread_mutex_lock(&p->lock);
	memcpy(copy, p->last, sizeof(copy));
	pthread_mutex_unlock(&p->lock);
	return copy;
}

/* An exchange and what became of it. */
struct errand {
	struct exchange ex;
	char url[128];
	unsigned done;
	struct port *again; /* where done sends it once more */
};

static void
errand_done(struct exchange *ex)
{
	struct errand *e = ex->owner;

	e->done++;
	if (e->again != NULL) {
		struct port *p = e->again;

		e->again = NULL;
		port_http.send(p, ex);
		ck_assert_uint_eq(e->done, 1);
	}
}

static void
errand_init(struct errand *e, unsigned port, const char *path)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->url, sizeof(e->url), "http://127.0.0.1:%u%s", port, path);
	e->ex = (struct exchange){ .method = SLICE_LIT("GET"),
		                   .url = slice_of(e->url),
		                   .timeout_ms = 20000,
		                   .answer_max = 50000,
		                   .done = errand_done,
		                   .owner = e };
}

static void
errand_fini(struct errand *e)
{
	buf_fini(&e->ex.answer);
	buf_fini(&e->ex.answer_text);
}

static struct port *
port_open(unsigned max_exchanges, unsigned per_host)
{
	const struct port_conf conf = { .max_exchanges = max_exchanges,
		                        .max_connections_per_host = per_host,
		                        .connect_timeout_ms = 5000,
		                        .user_agent = "test/1" };
	struct port *p = NULL;

	ck_assert_int_eq(port_http.open(&conf, &p), RC_OK);
	return p;
}

static void
await(struct port *p, const struct errand *e, unsigned times)
{
	int64_t until = clock_monotonic() + 40 * CLOCK_SECOND;

	while (e->done < times && clock_monotonic() < until)
		port_http.poll(p, 1000);
	ck_assert_uint_eq(e->done, times);
}

static void
run(struct port *p, struct errand *e)
{
	unsigned before = e->done;

	port_http.send(p, &e->ex);
	ck_assert_uint_eq(e->done, before);
	await(p, e, before + 1);
}

static struct slice
answer_header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->n_answer_headers; i++)
		if (slice_is(ex->answer_headers[i].name, name))
			return ex->answer_headers[i].value;
	return SLICE_NONE;
}

START_TEST(test_answer)
{
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	peer_start(&peer);
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
	port_http.close(p);
	peer_stop(&peer);
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
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);
	char line[64];

	peer_start(&peer);
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
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

/* No Expect either for a body that libcurl finds large. */
START_TEST(test_large_request)
{
	static char body[50000];
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	memset(body, 'x', sizeof(body));
	peer_start(&peer);
	errand_init(&e, peer.port, "/ok");
	e.ex.method = SLICE_LIT("POST");
	e.ex.body = slice_make(body, sizeof(body));
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_ptr_null(strstr(last_request(&peer), "Expect"));
	ck_assert_ptr_nonnull(strstr(last_request(&peer), "\r\nContent-Length: 50000\r\n"));
	errand_fini(&e);
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

START_TEST(test_absolute_form)
{
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	peer_start(&peer);
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
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

/* The environment's proxy is not asked, and redirections are the sender's business. */
START_TEST(test_no_detour)
{
	struct peer peer;
	struct errand e;
	struct port *p;

	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	p = port_open(10, 2);
	peer_start(&peer);
	errand_init(&e, peer.port, "/moved");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_int_eq(e.ex.http_status, 302);
	ck_assert(slice_is(answer_header(&e.ex, "location"), "/ok"));
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 1);
	errand_fini(&e);
	port_http.close(p);
	peer_stop(&peer);
	unsetenv("http_proxy");
}
END_TEST

START_TEST(test_interim)
{
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	peer_start(&peer);
	errand_init(&e, peer.port, "/interim");
	run(p, &e);
	ck_assert_int_eq(e.ex.http_status, 201);
	ck_assert_ptr_null(answer_header(&e.ex, "x-early").p);
	ck_assert(slice_is(answer_header(&e.ex, "x-late"), "yes"));
	errand_fini(&e);
	port_http.close(p);
	peer_stop(&peer);
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
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	peer_start(&peer);
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
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

START_TEST(test_unsendable)
{
	static const char *const urls[] = { "ftp://127.0.0.1/x", "file:///etc/passwd", "http://",
		                            "http://127.0.0.1:1/\r\nX: y", "nothing" };
	struct errand e;
	struct port *p = port_open(10, 2);

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
	port_http.close(p);
}
END_TEST

START_TEST(test_refused)
{
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	peer_start(&peer);
	peer_stop(&peer);
	errand_init(&e, peer.port, "/ok");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_BAD_GATEWAY);
	ck_assert_int_ne(e.ex.failure[0], '\0');
	errand_fini(&e);
	port_http.close(p);
}
END_TEST

/* More exchanges than connections: they wait their turn, and those beyond the port's limit fail. */
START_TEST(test_limits)
{
	enum { N = 20, FULL = 3 };
	struct peer peer;
	struct errand es[N + FULL];
	struct port *p = port_open(N, 2);

	peer_start(&peer);
	for (int i = 0; i < N + FULL; i++) {
		errand_init(&es[i], peer.port, "/ok");
		port_http.send(p, &es[i].ex);
		ck_assert_uint_eq(es[i].done, 0);
	}
	for (int i = 0; i < N + FULL; i++) {
		await(p, &es[i], 1);
		ck_assert_int_eq(es[i].ex.rc, i < N ? RC_OK : RC_UNAVAILABLE);
		errand_fini(&es[i]);
	}
	ck_assert_uint_le(atomic_load(&peer.n_clients), 2);
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

/*
 * What ended while it waited for a connection leaves nothing behind for the exchange after it: the
 * library once kept a receive buffer that was smaller than it took it for.
 */
START_TEST(test_after_waiting)
{
	enum { N = 4 };
	struct peer peer;
	struct errand slow, es[N];
	struct port *p = port_open(N + 1, 1);

	peer_start(&peer);
	errand_init(&slow, peer.port, "/slow");
	slow.ex.timeout_ms = 600;
	port_http.send(p, &slow.ex);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/ok");
		es[i].ex.timeout_ms = 200;
		port_http.send(p, &es[i].ex);
	}
	for (int i = 0; i < N; i++) {
		await(p, &es[i], 1);
		ck_assert_int_eq(es[i].ex.rc, RC_GATEWAY_TIMEOUT);
		errand_fini(&es[i]);
	}
	await(p, &slow, 1);
	errand_fini(&slow);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/big");
		es[i].ex.answer_max = 200000;
		run(p, &es[i]);
		ck_assert_int_eq(es[i].ex.rc, RC_OK);
		ck_assert_uint_eq(es[i].ex.answer.n, 100000);
		errand_fini(&es[i]);
	}
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

/* However many wait for a host that does not answer, those for another one take turns at once. */
START_TEST(test_lines)
{
	enum { SLOW = 20, N = 8 };
	struct peer dead, peer;
	struct errand slow[SLOW], es[N];
	struct port *p = port_open(SLOW + N, 2);

	peer_start(&dead);
	peer_start(&peer);
	for (int i = 0; i < SLOW; i++) {
		errand_init(&slow[i], dead.port, "/slow");
		slow[i].ex.timeout_ms = i < 2 ? 4000 : 2000;
		port_http.send(p, &slow[i].ex);
	}
	port_http.poll(p, 0);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/ok");
		es[i].ex.timeout_ms = 30000;
		port_http.send(p, &es[i].ex);
	}
	for (int i = 0; i < N; i++) {
		await(p, &es[i], 1);
		ck_assert_int_eq(es[i].ex.rc, RC_OK);
		errand_fini(&es[i]);
	}
	for (int i = 0; i < SLOW; i++)
		ck_assert_uint_eq(slow[i].done, 0);
	for (int i = 0; i < SLOW; i++) {
		await(p, &slow[i], 1);
		ck_assert_int_eq(slow[i].ex.rc, RC_GATEWAY_TIMEOUT);
		ck_assert_int_eq(slow[i].ex.unsent, i >= 2);
		errand_fini(&slow[i]);
	}
	ck_assert_uint_le(atomic_load(&peer.n_clients), 2);
	ck_assert_uint_le(atomic_load(&dead.n_clients), 2);
	port_http.close(p);
	peer_stop(&peer);
	peer_stop(&dead);
}
END_TEST

/* What waits when the port is closed ends as well, and what begins only then does not begin. */
START_TEST(test_close_waiting)
{
	enum { N = 5 };
	struct peer peer;
	struct errand es[N];
	struct port *p = port_open(N, 1);

	peer_start(&peer);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/slow");
		port_http.send(p, &es[i].ex);
	}
	port_http.poll(p, 0);
	port_http.close(p);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(es[i].done, 1);
		ck_assert_int_eq(es[i].ex.rc, RC_UNAVAILABLE);
		errand_fini(&es[i]);
	}
	peer_stop(&peer);
}
END_TEST

START_TEST(test_send_from_done)
{
	struct peer peer;
	struct errand e;
	struct port *p = port_open(10, 2);

	peer_start(&peer);
	errand_init(&e, peer.port, "/ok");
	e.again = p;
	port_http.send(p, &e.ex);
	await(p, &e, 2);
	ck_assert_int_eq(e.ex.rc, RC_OK);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 2);
	errand_fini(&e);
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

static void *
wake_run(void *arg)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	nanosleep(&pause, NULL);
	port_http.wakeup(arg);
	return NULL;
}

START_TEST(test_wakeup)
{
	struct port *p = port_open(10, 2);
	int64_t begin = clock_monotonic();
	pthread_t waker;

	ck_assert_int_eq(pthread_create(&waker, NULL, wake_run, p), 0);
	port_http.poll(p, 60000);
	ck_assert_int_lt(clock_monotonic() - begin, 30 * CLOCK_SECOND);
	pthread_join(waker, NULL);
	/* A wakeup that came before the poll is not lost. */
	port_http.wakeup(p);
	port_http.poll(p, 60000);
	ck_assert_int_lt(clock_monotonic() - begin, 30 * CLOCK_SECOND);
	/* And without one a poll waits no longer than it may. */
	begin = clock_monotonic();
	port_http.poll(p, 100);
	ck_assert_int_ge(clock_monotonic() - begin, 90000);
	port_http.close(p);
}
END_TEST

START_TEST(test_close)
{
	enum { N = 6 };
	struct peer peer;
	struct errand es[N];
	struct port *p = port_open(N - 1, 2);

	peer_start(&peer);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/slow");
		port_http.send(p, &es[i].ex);
	}
	/* One resends when it is told of the end, which must not keep the port alive. */
	es[0].again = p;
	while (atomic_load(&peer.n_requests) < 2)
		port_http.poll(p, 100);
	port_http.close(p);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(es[i].done, i == 0 ? 2 : 1);
		ck_assert_int_eq(es[i].ex.rc, RC_UNAVAILABLE);
		errand_fini(&es[i]);
	}
	peer_stop(&peer);
}
END_TEST

static Suite *
http_out_suite(void)
{
	const TTest *const tests[] = {
		test_answer,    test_request, test_large_request,  test_absolute_form,
		test_no_detour, test_interim, test_failures,       test_unsendable,
		test_refused,   test_limits,  test_after_waiting,  test_lines,
		test_wakeup,    test_close,   test_close_waiting,  test_send_from_done,
	};
	Suite *s = suite_create("http_out");
	TCase *tc = tcase_create("exchanges");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(http_out_suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
