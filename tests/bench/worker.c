/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "reply.h"
#include "ticks.h"

enum {
	EVENTS = 256,
	RECV_SIZE = 65536
};

#define DRAIN_NS UINT64_C(30000000000)	/* how long answers are awaited after the last request */

struct conn {
	struct link link;
	const struct sender *sender;
	bool busy;
	bool awaits_room;	/* of the socket */
	size_t out_len;
	size_t out_sent;
	uint64_t start_ns;
	char *out;
	struct reply reply;
};

struct loop {
	struct worker *w;
	int epoll;
	int busy;
	struct conn *conns;
	char *in;
};

static size_t
request_max(const struct plan *p)
{
	return strlen(p->method) + 1 + p->longest_path + p->longest_rest;
}

static bool
fatal(struct loop *l, const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	l->w->failed = true;
	return false;
}

static int
socket_open(struct loop *l)
{
	const struct sockaddr_in *server = &l->w->plan->server;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof(*server)) != 0) {
		fatal(l, "connect");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static bool
conn_open(struct loop *l, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int fd = socket_open(l);

	c->awaits_room = false;
	if (fd < 0)
		return false;
	if (!link_open(&c->link, fd, l->w->plan->tls, c->sender->psk))
		return fatal(l, "TLS");
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		return fatal(l, "epoll_ctl");
	return true;
}

static bool
conn_reopen(struct loop *l, struct conn *c)
{
	link_close(&c->link);
	l->w->reconnects++;
	return conn_open(l, c);
}

static void
error_count(struct worker *w, int status)
{
	if (w->errors++ == 0)
		w->first_error = status;
}

static void
conn_await_room(struct loop *l, struct conn *c, bool yes)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (c->awaits_room == yes)
		return;
	c->awaits_room = yes;
	if (yes)
		ev.events |= EPOLLOUT;
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->link.fd, &ev);
}

/* Waits for room in the socket only when the request did not fit at once. */
static bool
conn_send(struct loop *l, struct conn *c)
{
	ssize_t n = 0;

	while (c->out_sent < c->out_len) {
		n = link_send(&c->link, c->out + c->out_sent, c->out_len - c->out_sent);
		if (n < 0)
			break;
		c->out_sent += (size_t)n;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	conn_await_room(l, c, c->out_sent < c->out_len && link_wants_room(&c->link));
	return true;
}

static size_t
request_write(const struct plan *p, const struct sender *s, uint64_t number, char *out)
{
	const char *path = p->paths[number % p->n_paths];
	size_t method_len = strlen(p->method);
	size_t path_len = strlen(path);

	memcpy(out, p->method, method_len);
	out[method_len] = ' ';
	memcpy(out + method_len + 1, path, path_len);
	memcpy(out + method_len + 1 + path_len, s->rest, s->rest_len);
	return method_len + 1 + path_len + s->rest_len;
}

static void
answer_count(struct worker *w, const struct conn *c, uint64_t now)
{
	if (c->reply.status != w->plan->expect) {
		error_count(w, c->reply.status);
		return;
	}
	if (w->answers++ == 0)
		link_describe(&c->link, w->tls, sizeof(w->tls));
	if (c->start_ns < w->plan->start_ns)
		return;
	hist_add(&w->hist, now - c->start_ns);
	w->body += c->reply.body;
	w->last_ns = now;
}

/* Counts the request in flight; that the handshake fails is what some plans expect. */
static bool
conn_lost(struct loop *l, struct conn *c)
{
	if (c->busy) {
		l->busy--;
		c->busy = false;
		if (link_is_refused(&c->link))
			answer_count(l->w, c, ticks_ns());
		else
			error_count(l->w, -1);
	}
	return conn_reopen(l, c);
}

/* False when the run is over, its limit is reached, or it is too early. */
static bool
request_begin(struct loop *l, struct conn *c, uint64_t now)
{
	struct plan *p = l->w->plan;
	uint64_t number;

	c->busy = false;
	c->out_len = c->out_sent = 0;
	if (now >= p->stop_ns || now < c->start_ns + p->interval_ns)
		return false;
	number = atomic_fetch_add_explicit(&p->taken, 1, memory_order_relaxed);
	if (number >= p->limit)
		return false;
	c->out_len = request_write(p, c->sender, number, c->out);
	reply_reset(&c->reply, strcmp(p->method, "HEAD") != 0);
	c->busy = true;
	l->busy++;
	c->start_ns = ticks_ns();
	return true;
}

/* Starts the next request if there is to be one; false when the run must be given up. */
static bool
conn_next(struct loop *l, struct conn *c, uint64_t now)
{
	while (request_begin(l, c, now)) {
		if (conn_send(l, c))
			return true;
		if (!conn_lost(l, c))
			return false;
		now = ticks_ns();
	}
	return true;
}

static bool
conn_broken(struct loop *l, struct conn *c)
{
	return conn_lost(l, c) && conn_next(l, c, ticks_ns());
}

static bool
conn_receive(struct loop *l, struct conn *c)
{
	ssize_t n = link_receive(&c->link, l->in, RECV_SIZE);
	uint64_t now;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0 || !c->busy || reply_feed(&c->reply, l->in, (size_t)n) == REPLY_BAD)
		return conn_broken(l, c);
	if (c->reply.state != REPLY_DONE)
		return true;
	now = ticks_ns();
	answer_count(l->w, c, now);
	l->busy--;
	if ((c->reply.close || l->w->plan->single) && !conn_reopen(l, c))
		return false;
	return conn_next(l, c, now);
}

/* What is left to be sent goes first: a handshake is part of that, whatever it waits for. */
static bool
conn_event(struct loop *l, struct conn *c, uint32_t events)
{
	if (c->out_sent < c->out_len && !conn_send(l, c))
		return conn_broken(l, c);
	if (c->busy && link_is_opening(&c->link))
		return true;
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		return conn_receive(l, c);
	return true;
}

static bool
loop_start(struct loop *l)
{
	struct worker *w = l->w;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->conns = calloc((size_t)w->n_conns, sizeof(*l->conns));
	l->in = malloc(RECV_SIZE);
	if (l->epoll < 0 || l->conns == NULL || l->in == NULL)
		return fatal(l, "start");
	for (int i = 0; i < w->n_conns; i++)
		l->conns[i].link.fd = -1;
	for (int i = 0; i < w->n_conns; i++)
		l->conns[i].sender = &w->plan->senders[(w->first + (size_t)i) % w->plan->n_senders];
	for (int i = 0; i < w->n_conns; i++) {
		l->conns[i].out = malloc(request_max(w->plan));
		if (l->conns[i].out == NULL)
			return fatal(l, "start");
		if (!conn_open(l, &l->conns[i]) || !conn_next(l, &l->conns[i], ticks_ns()))
			return false;
	}
	return true;
}

/* Starts what has become due; false when the run must be given up. */
static bool
loop_pace(struct loop *l)
{
	uint64_t now = ticks_ns();

	for (int i = 0; i < l->w->n_conns; i++)
		if (!l->conns[i].busy && !conn_next(l, &l->conns[i], now))
			return false;
	return true;
}

static bool
loop_goes_on(const struct loop *l)
{
	const struct plan *p = l->w->plan;
	uint64_t now = ticks_ns();

	if (p->interval_ns > 0 && now < p->stop_ns)
		return true;
	return l->busy > 0 && (p->stop_ns == UINT64_MAX || now < p->stop_ns + DRAIN_NS);
}

static void
loop_run(struct loop *l)
{
	struct epoll_event events[EVENTS];
	bool paced = l->w->plan->interval_ns > 0;

	while (loop_goes_on(l)) {
		int n = epoll_wait(l->epoll, events, EVENTS, paced ? 1 : 1000);

		for (int i = 0; i < n; i++)
			if (!conn_event(l, events[i].data.ptr, events[i].events))
				return;
		if (paced && !loop_pace(l))
			return;
	}
	for (; l->busy > 0; l->busy--)
		error_count(l->w, -1);
}

static void
loop_end(struct loop *l)
{
	for (int i = 0; l->conns != NULL && i < l->w->n_conns; i++) {
		link_close(&l->conns[i].link);
		free(l->conns[i].out);
	}
	free(l->conns);
	free(l->in);
	if (l->epoll >= 0)
		close(l->epoll);
}

void *
worker_run(void *arg)
{
	struct loop l = { .w = arg, .epoll = -1 };

	if (loop_start(&l))
		loop_run(&l);
	pthread_barrier_wait(&l.w->plan->done);
	pthread_barrier_wait(&l.w->plan->end);
	loop_end(&l);
	return NULL;
}
