/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "coap_wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- messages ---- */

void
msg_begin(struct msg *m, enum msg_type type, unsigned code, unsigned mid, const char *token)
{
	size_t n = strlen(token);

	m->octets[0] = (unsigned char)(1u << 6 | (unsigned)type << 4 | (unsigned)n);
	m->octets[1] = (unsigned char)code;
	m->octets[2] = (unsigned char)(mid >> 8);
	m->octets[3] = (unsigned char)mid;
	memcpy(m->octets + 4, token, n);
	m->n = 4 + n;
	m->last = 0;
}

/* The nibble of v, and its extension. */
static unsigned
extended(size_t v, unsigned char *more, size_t *n)
{
	*n = v < 13 ? 0 : v < 269 ? 1 : 2;
	if (*n == 1)
		more[0] = (unsigned char)(v - 13);
	if (*n == 2) {
		more[0] = (unsigned char)((v - 269) >> 8);
		more[1] = (unsigned char)(v - 269);
	}
	return *n == 0 ? (unsigned)v : *n == 1 ? 13 : 14;
}

void
msg_option(struct msg *m, unsigned number, const void *value, size_t n)
{
	unsigned char delta[2], length[2];
	size_t nd, nl;
	unsigned d = extended(number - m->last, delta, &nd), l = extended(n, length, &nl);

	ck_assert_uint_le(m->n + 5 + n, sizeof(m->octets));
	m->octets[m->n++] = (unsigned char)(d << 4 | l);
	memcpy(m->octets + m->n, delta, nd);
	m->n += nd;
	memcpy(m->octets + m->n, length, nl);
	m->n += nl;
	if (n > 0)
		memcpy(m->octets + m->n, value, n);
	m->n += n;
	m->last = number;
}

void
msg_uint(struct msg *m, unsigned number, unsigned long v)
{
	unsigned char value[4];
	size_t n = 0;

	for (unsigned shift = 24; shift < 32; shift -= 8)
		if (n > 0 || v >> shift != 0)
			value[n++] = (unsigned char)(v >> shift);
	msg_option(m, number, value, n);
}

void
msg_path(struct msg *m, const char *path)
{
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		msg_option(m, OPT_PATH, path, n);
		path += n;
	}
}

void
msg_payload(struct msg *m, const void *p, size_t n)
{
	m->octets[m->n++] = 0xff;
	memcpy(m->octets + m->n, p, n);
	m->n += n;
}

static bool
next_option(const struct got *g, size_t *at, unsigned *number, struct slice *value)
{
	const unsigned char *o = g->octets;
	size_t v[2];

	if (*at >= g->n || o[*at] == 0xff)
		return false;
	v[0] = o[*at] >> 4;
	v[1] = o[*at] & 15u;
	(*at)++;
	for (int i = 0; i < 2; i++) {
		if (v[i] == 13) {
			v[i] = 13u + o[(*at)++];
		} else if (v[i] == 14) {
			v[i] = 269u + ((size_t)o[*at] << 8 | o[*at + 1]);
			*at += 2;
		}
	}
	*number += (unsigned)v[0];
	*value = slice_make((const char *)o + *at, v[1]);
	*at += v[1];
	ck_assert_uint_le(*at, g->n);
	return true;
}

struct slice
got_option(const struct got *g, unsigned number)
{
	size_t at = 4 + (g->octets[0] & 15u);
	unsigned n = 0;
	struct slice value;

	while (next_option(g, &at, &n, &value))
		if (n == number)
			return value;
	return SLICE_NONE;
}

long
got_uint(const struct got *g, unsigned number)
{
	struct slice value = got_option(g, number);
	long v = 0;

	if (value.p == NULL)
		return -1;
	for (size_t i = 0; i < value.n; i++)
		v = v << 8 | (unsigned char)value.p[i];
	return v;
}

static void
parse(struct got *g)
{
	size_t token = g->octets[0] & 15u, at = 4 + token;
	unsigned number = 0;
	struct slice value;

	ck_assert_uint_ge(g->n, 4);
	ck_assert_uint_eq(g->octets[0] >> 6, 1);
	ck_assert_uint_le(token, 8);
	g->type = (enum msg_type)(g->octets[0] >> 4 & 3u);
	g->code = (g->octets[1] >> 5) * 100u + (g->octets[1] & 31u);
	g->mid = (unsigned)g->octets[2] << 8 | g->octets[3];
	memcpy(g->token, g->octets + 4, token);
	g->token[token] = '\0';
	while (next_option(g, &at, &number, &value))
		;
	g->payload = SLICE_NONE;
	if (at < g->n)
		g->payload = slice_make((const char *)g->octets + at + 1, g->n - at - 1);
}

/* ---- clients ---- */

void
client_join(struct client *c, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert_int_eq(connect(c->fd, (const struct sockaddr *)&to, sizeof(to)), 0);
}

void
client_close(struct client *c)
{
	close(c->fd);
}

void
client_send(struct client *c, const struct msg *m)
{
	ck_assert_int_eq(send(c->fd, m->octets, m->n, 0), (ssize_t)m->n);
	c->sent += m->n;
}

bool
client_read(struct client *c, struct got *g, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	struct slice echo;
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return false;
	n = recv(c->fd, g->octets, sizeof(g->octets), 0);
	ck_assert_int_gt(n, 0);
	g->n = (size_t)n;
	c->received += g->n;
	parse(g);
	echo = got_option(g, OPT_ECHO);
	if (echo.p != NULL) {
		memcpy(c->echo, echo.p, echo.n);
		c->echo_n = echo.n;
	}
	return true;
}

/* A ping is answered as RFC 7252 section 4.3 has it. */
void
client_get(struct client *c, struct got *g)
{
	ck_assert_msg(client_read(c, g, WAIT_MS), "nothing came");
	while (g->type == CON && g->code == 0) {
		client_empty(c, RST, g->mid);
		ck_assert_msg(client_read(c, g, WAIT_MS), "nothing came");
	}
}

void
client_expect_silence(struct client *c)
{
	struct got g;

	ck_assert_msg(!client_read(c, &g, SILENCE_MS), "type %d code %u", (int)g.type, g.code);
}

void
client_empty(struct client *c, enum msg_type type, unsigned mid)
{
	struct msg m;

	msg_begin(&m, type, 0, mid, "");
	client_send(c, &m);
}

void
client_ask(struct client *c, unsigned code, const char *path, struct got *g)
{
	struct msg m;

	msg_begin(&m, CON, code, ++c->mid, "tokn");
	msg_path(&m, path);
	client_send(c, &m);
	client_get(c, g);
	ck_assert_int_eq(g->type, ACK);
	ck_assert_uint_eq(g->mid, c->mid);
}
