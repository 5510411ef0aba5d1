/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga_http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (1u << 20)
#define CHUNK 16384u

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

void
http_open(struct http *h, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || connect(h->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	(void)setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	h->requests = 0;
	buf_init(&h->out, ANSWER_MAX);
	buf_init(&h->in, ANSWER_MAX);
}

void
http_close(struct http *h)
{
	close(h->fd);
	buf_fini(&h->out);
	buf_fini(&h->in);
}

static void
say(struct http *h, const struct http_request *r)
{
	buf_clear(&h->out);
	buf_printf(&h->out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", r->method, r->target,
	           r->header);
	if (r->body.n > 0)
		buf_puts(&h->out, "Content-Type: application/octet-stream\r\n");
	buf_printf(&h->out, "Content-Length: %zu\r\n\r\n", r->body.n);
	buf_slice(&h->out, r->body);
	if (h->out.failed)
		die("request");
	for (size_t done = 0; done < h->out.n;) {
		ssize_t n = send(h->fd, h->out.p + done, h->out.n - done, MSG_NOSIGNAL);

		if (n <= 0)
			die("send");
		done += (size_t)n;
	}
}

/* More of the answer. */
static void
hear(struct http *h)
{
	char *to = buf_reserve(&h->in, CHUNK);
	ssize_t n = to == NULL ? -1 : recv(h->fd, to, CHUNK, 0);

	if (n <= 0)
		die("receive");
	h->in.n += (size_t)n;
}

/* Octets of the head with its empty line; 0: it is not whole yet. */
static size_t
head_of(const struct buf *b)
{
	const char *end = b->n < 4 ? NULL : memmem(b->p, b->n, "\r\n\r\n", 4);

	return end == NULL ? 0 : (size_t)(end - b->p) + 4;
}

/* Content-Length of a head that is whole; an answer without one has no body here. */
static size_t
length_of(const struct buf *b, size_t head)
{
	static const char name[] = "\r\ncontent-length:";

	for (size_t i = 0; i + sizeof(name) - 1 < head; i++)
		if (strncasecmp(b->p + i, name, sizeof(name) - 1) == 0)
			return strtoul(b->p + i + sizeof(name) - 1, NULL, 10);
	return 0;
}

int
http_ask(struct http *h, const struct http_request *r, struct slice *body)
{
	size_t head, n;

	say(h, r);
	h->requests++;
	buf_clear(&h->in);
	while ((head = head_of(&h->in)) == 0)
		hear(h);
	n = length_of(&h->in, head);
	while (h->in.n < head + n)
		hear(h);
	*body = slice_make(h->in.p + head, n);
	return (int)strtol(h->in.p + sizeof("HTTP/1.1"), NULL, 10);
}
