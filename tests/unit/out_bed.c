/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "out_bed.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

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
		/* First, for whoever has an answer may count. */
		atomic_fetch_add(&p->n_clients, 1);
		if (pthread_create(&p->clients[i], NULL, client_run, c) != 0)
			abort();
	}
	return NULL;
}

void
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

void
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

const char *
last_request(struct peer *p)
{
	static char copy[REQUEST_MAX + 1];

	pthread_mutex_lock(&p->lock);
	memcpy(copy, p->last, sizeof(copy));
	pthread_mutex_unlock(&p->lock);
	return copy;
}

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

void
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

void
errand_fini(struct errand *e)
{
	buf_fini(&e->ex.answer);
	buf_fini(&e->ex.answer_text);
}

struct port *
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

void
await(struct port *p, const struct errand *e, unsigned times)
{
	int64_t until = clock_monotonic() + 40 * CLOCK_SECOND;

	while (e->done < times && clock_monotonic() < until)
		port_turn(&port_http, p, 1000);
	ck_assert_uint_eq(e->done, times);
}

void
run(struct port *p, struct errand *e)
{
	unsigned before = e->done;

	port_http.send(p, &e->ex);
	ck_assert_uint_eq(e->done, before);
	await(p, e, before + 1);
}

struct slice
answer_header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->n_answer_headers; i++)
		if (slice_is(ex->answer_headers[i].name, name))
			return ex->answer_headers[i].value;
	return SLICE_NONE;
}
