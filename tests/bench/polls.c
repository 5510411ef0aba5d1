/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many long polls from one thread. FILE has a channel per line: contact path, poll path,
 * requestingEntity. The standard input has a command per line, answered by a line of JSON:
 *   open     a connection per channel, with one request each that is answered at once
 *   park     a poll on each
 *   notify   a message to each channel; until all messages are acknowledged and all polls answered
 *   await    until all polls are answered
 * usage: polls PORT FILE
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ticks.h"

enum { SENDERS = 4096, HEAD_MAX = 1024, REQUEST_MAX = 1024, EVENTS = 512, WAIT_MS = 30000 };

#define NOTIFY                                                                                     \
	"<m2m:notify xmlns:m2m=\"http://uri.etsi.org/m2m\"><m2m:statusCode>STATUS_OK"              \
	"</m2m:statusCode><subscriptionReference>http://127.0.0.1/s</subscriptionReference>"       \
	"</m2m:notify>"

struct conn {
	int fd;
	bool waiting; /* for an answer */
	bool owed; /* the command waits for it */
	size_t head_len;
	size_t missing; /* octets of the body */
	int status;
	char head[HEAD_MAX];
};

struct channel {
	char *contact, *poll, *from;
	struct conn conn;
};

struct client {
	int port;
	int epoll;
	struct channel *channels;
	size_t n;
	struct conn senders[SENDERS];
	size_t n_senders; /* no more than messages */
	size_t next; /* channel that gets a message next */
	size_t owed; /* answers that the command waits for */
	size_t unexpected; /* answers with another status than the first */
	int status;
	uint64_t last_ns; /* of an answer to a poll */
};

static void
die(const char *what)
{
	fprintf(stderr, "polls: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
must(void *p)
{
	if (p == NULL)
		die("memory");
	return p;
}

static void
raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void
conn_open(struct client *c, struct conn *to, uint64_t tag)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)c->port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };
	int one = 1;

	*to = (struct conn){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (to->fd < 0 || connect(to->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		die("connect");
	setsockopt(to->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fcntl(to->fd, F_SETFL, O_NONBLOCK) != 0 ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, to->fd, &ev) != 0)
		die("epoll");
}

static void
conn_ask(struct client *c, struct conn *to, const char *method, const char *path, const char *from,
         const char *body)
{
	char text[REQUEST_MAX + sizeof(NOTIFY)];
	int n = snprintf(text, sizeof(text),
	                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nFrom: %s\r\n"
	                 "Content-Type: application/xml\r\nContent-Length: %zu\r\n\r\n%s",
	                 method, path, c->port, from, strlen(body), body);

	if (n < 0 || (size_t)n >= sizeof(text) || send(to->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
	to->waiting = to->owed = true;
	to->head_len = 0;
	to->missing = 0;
	c->owed++;
}

/* Takes octets of an answer; true when it is complete. */
static bool
conn_feed(struct conn *c, const char *data, size_t n)
{
	size_t before = c->head_len, room = HEAD_MAX - 1 - before, kept = n < room ? n : room;
	const char *end, *length;

	if (c->missing == 0) {
		memcpy(c->head + before, data, kept);
		c->head_len += kept;
		c->head[c->head_len] = '\0';
		end = strstr(c->head, "\r\n\r\n");
		if (end == NULL)
			return false;
		c->status = atoi(c->head + 9);
		length = strstr(c->head, "Content-Length: ");
		c->missing = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
		n -= (size_t)(end + 4 - c->head) - before;
	}
	c->missing -= n < c->missing ? n : c->missing;
	return c->missing == 0;
}

static bool
sender_next(struct client *c, struct conn *sender)
{
	struct channel *ch;

	if (c->next >= c->n)
		return false;
	ch = &c->channels[c->next++];
	conn_ask(c, sender, "POST", ch->contact, "http://127.0.0.1/sender", NOTIFY);
	return true;
}

/* Nobody waits for its answer yet. */
static void
poll_held(struct client *c, struct channel *ch)
{
	conn_ask(c, &ch->conn, "POST", ch->poll, ch->from, "");
	ch->conn.owed = false;
	c->owed--;
}

static void
answered(struct client *c, struct conn *conn, struct channel *ch)
{
	conn->waiting = false;
	c->owed -= conn->owed;
	if (ch == NULL) {
		c->unexpected += conn->status != 200;
		sender_next(c, conn);
		return;
	}
	c->last_ns = ticks_ns();
	if (c->status == 0)
		c->status = conn->status;
	c->unexpected += conn->status != c->status;
}

static void
readable(struct client *c, uint64_t tag)
{
	struct channel *ch = tag >= c->n ? NULL : &c->channels[tag];
	struct conn *conn = ch == NULL ? &c->senders[tag - c->n] : &ch->conn;
	char data[4096];
	ssize_t n = recv(conn->fd, data, sizeof(data), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fprintf(stderr, "polls: the server closed connection %lu\n", (unsigned long)tag);
		exit(1);
	}
	if (conn->waiting && conn_feed(conn, data, (size_t)n))
		answered(c, conn, ch);
}

/* Until nothing is owed any more. */
static void
work(struct client *c)
{
	struct epoll_event events[EVENTS];

	while (c->owed > 0) {
		int n = epoll_wait(c->epoll, events, EVENTS, WAIT_MS);

		if (n == 0) {
			fprintf(stderr, "polls: %zu answers are missing\n", c->owed);
			exit(1);
		}
		for (int i = 0; i < n; i++)
			readable(c, events[i].data.u64);
	}
}

static void
run_open(struct client *c)
{
	for (size_t i = 0; i < c->n; i++) {
		conn_open(c, &c->channels[i].conn, i);
		conn_ask(c, &c->channels[i].conn, "GET", "/m2m", c->channels[i].from, "");
		if (c->owed >= 128)
			work(c);
	}
	work(c);
	for (size_t i = 0; i < c->n_senders; i++) {
		conn_open(c, &c->senders[i], c->n + i);
		conn_ask(c, &c->senders[i], "GET", "/m2m", "http://127.0.0.1/sender", "");
	}
	c->next = c->n;
	work(c);
}

static void
run_park(struct client *c)
{
	for (size_t i = 0; i < c->n; i++)
		poll_held(c, &c->channels[i]);
}

static void
owe_polls(struct client *c)
{
	c->status = 0;
	for (size_t i = 0; i < c->n; i++)
		c->channels[i].conn.owed = true;
	c->owed += c->n;
}

static void
run_notify(struct client *c)
{
	c->next = 0;
	owe_polls(c);
	for (size_t i = 0; i < c->n_senders; i++)
		sender_next(c, &c->senders[i]);
	work(c);
}

static void
run_await(struct client *c)
{
	owe_polls(c);
	work(c);
}

static const struct {
	const char *name;
	void (*run)(struct client *c);
} commands[] = {
	{ "open", run_open },
	{ "park", run_park },
	{ "notify", run_notify },
	{ "await", run_await },
};

static void
run(struct client *c, const char *name)
{
	uint64_t begin = ticks_ns();

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		c->unexpected = 0;
		c->last_ns = 0;
		commands[i].run(c);
		printf("{\"status\": %d, \"unexpected\": %zu, \"seconds\": %.6f, \"begin\": %.6f, "
		       "\"last\": %.6f}\n",
		       c->status, c->unexpected, (double)(ticks_ns() - begin) / 1e9,
		       (double)begin / 1e9, (double)c->last_ns / 1e9);
		fflush(stdout);
		return;
	}
	fprintf(stderr, "polls: no command %s\n", name);
	exit(2);
}

static void
read_channels(struct client *c, const char *path)
{
	FILE *in = fopen(path, "r");
	char contact[256], poll[256], from[256];
	size_t room = 0;

	if (in == NULL)
		die(path);
	while (fscanf(in, "%255s %255s %255s", contact, poll, from) == 3) {
		if (c->n == room) {
			room = room == 0 ? 1024 : room * 2;
			c->channels = must(realloc(c->channels, room * sizeof(*c->channels)));
		}
		c->channels[c->n++] = (struct channel){ .contact = must(strdup(contact)),
			                                .poll = must(strdup(poll)),
			                                .from = must(strdup(from)) };
	}
	fclose(in);
}

int
main(int argc, char **argv)
{
	static struct client c; /* too large for a stack */
	char line[64];

	c.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (argc != 3 || c.epoll < 0) {
		fprintf(stderr, "usage: polls PORT FILE\n");
		return 2;
	}
	raise_descriptors();
	c.port = atoi(argv[1]);
	read_channels(&c, argv[2]);
	c.n_senders = c.n < SENDERS ? c.n : SENDERS;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		run(&c, line);
	}
	for (size_t i = 0; i < c.n; i++) {
		free(c.channels[i].contact);
		free(c.channels[i].poll);
		free(c.channels[i].from);
		if (c.channels[i].conn.fd > 0)
			close(c.channels[i].conn.fd);
	}
	free(c.channels);
	close(c.epoll);
	return 0;
}
