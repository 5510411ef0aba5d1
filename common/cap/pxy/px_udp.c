/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cap/pxy/px_udp_own.h"

#define BURST 64 /* datagrams that are read before anything else is looked at */
#define POLL_MS 1000
#define SOCKET_OCTETS (1 << 20)

/* ---- the socket ---- */

/* An address of IPv4 as a socket of IPv6 has it. */
static struct px_udp_address
mapped(const struct px_udp_address *a)
{
	struct px_udp_address m = { .n = sizeof(m.a.in6) };
	uint8_t *octets = m.a.in6.sin6_addr.s6_addr;

	m.a.in6.sin6_family = AF_INET6;
	m.a.in6.sin6_port = a->a.in4.sin_port;
	octets[10] = octets[11] = 0xff;
	memcpy(octets + 12, &a->a.in4.sin_addr, 4);
	return m;
}

enum px_udp_sent
px_udp_send(struct px_udp *u, const struct px_udp_address *to, const uint8_t *p, size_t n)
{
	struct px_udp_address at = *to;

	if (u->family == AF_INET6 && at.a.any.sa_family == AF_INET)
		at = mapped(to);
	if (at.a.any.sa_family != u->family)
		return PX_UDP_IMPOSSIBLE;
	if (sendto(u->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL, &at.a.any, at.n) == (ssize_t)n)
		return PX_UDP_SENT;
	return errno == EMSGSIZE || errno == EINVAL || errno == EACCES ? PX_UDP_IMPOSSIBLE
	                                                               : PX_UDP_LOST;
}

static bool
bind_to(struct px_udp *u, const struct px_udp_address *a)
{
	const int size = SOCKET_OCTETS, off = 0;
	int failed;

	u->family = a->a.any.sa_family;
	u->fd = socket(u->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (u->fd < 0)
		return false;
	(void)setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (u->family == AF_INET6)
		(void)setsockopt(u->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(u->fd, &a->a.any, a->n) == 0)
		return true;
	failed = errno;
	close(u->fd);
	u->fd = -1;
	errno = failed;
	return false;
}

static struct px_udp_address
any_of(sa_family_t family, uint16_t port)
{
	struct px_udp_address a = { .n = family == AF_INET6 ? sizeof(a.a.in6) : sizeof(a.a.in4) };

	a.a.any.sa_family = family;
	if (family == AF_INET6)
		a.a.in6.sin6_port = htons(port);
	else
		a.a.in4.sin_port = htons(port);
	return a;
}

static enum rc
open_socket(struct px_udp *u, const struct px_udp_conf *conf)
{
	const char *text = conf->address == NULL ? "" : conf->address;
	struct px_udp_address v4 = any_of(AF_INET, conf->port), v6 = any_of(AF_INET6, conf->port);
	bool bound;

	if (text[0] == '\0')
		bound = bind_to(u, &v6) || (errno != EADDRINUSE && bind_to(u, &v4));
	else if (inet_pton(AF_INET, text, &v4.a.in4.sin_addr) == 1)
		bound = bind_to(u, &v4);
	else if (inet_pton(AF_INET6, text, &v6.a.in6.sin6_addr) == 1)
		bound = bind_to(u, &v6);
	else
		return RC_BAD_REQUEST;
	if (bound && getsockname(u->fd, &v6.a.any, &v6.n) == 0) {
		u->port = ntohs(u->family == AF_INET6 ? v6.a.in6.sin6_port
		                                      : ((struct sockaddr_in *)&v6.a)->sin_port);
		return RC_OK;
	}
	return errno == EADDRINUSE ? RC_CONFLICT : RC_UNAVAILABLE;
}

uint16_t
px_udp_port(const struct px_udp *u)
{
	return u->port;
}

/* ---- the thread ---- */

/* With the lock. */
static void
wake(struct px_udp *u)
{
	const uint64_t one = 1;

	(void)!write(u->wake, &one, sizeof(one));
}

static void
take_one(struct px_udp *u, size_t n, const struct px_udp_address *from)
{
	struct px_datagram d;

	if (!px_datagram_parse(slice_make((const char *)u->in, n), &d))
		return;
	if (d.type == PX_DATAGRAM_DATA)
		px_udp_take(u, &d, from);
	else
		px_udp_acked(u, &d);
}

static void
take_burst(struct px_udp *u)
{
	for (int i = 0; i < BURST; i++) {
		struct px_udp_address from = { .n = sizeof(from.a) };
		ssize_t n = recvfrom(u->fd, u->in, u->in_max, 0, &from.a.any, &from.n);

		if (n > 0 && from.n <= sizeof(from.a))
			take_one(u, (size_t)n, &from);
		else if (n < 0 && errno != EINTR)
			return;
	}
}

static struct px_udp_out *
reversed(struct px_udp_out *list)
{
	struct px_udp_out *out = NULL;

	while (list != NULL) {
		struct px_udp_out *next = list->next;

		list->next = out;
		out = list;
		list = next;
	}
	return out;
}

/* What others have left; false: the end. */
static bool
take_mail(struct px_udp *u)
{
	struct px_udp_out *given;
	struct px_udp_run *back;
	bool cancelled, stopping;

	pthread_mutex_lock(&u->lock);
	given = reversed(u->given);
	back = u->back;
	cancelled = u->cancelled;
	stopping = u->stopping;
	u->given = NULL;
	u->back = NULL;
	u->cancelled = false;
	u->stopped = stopping;
	pthread_mutex_unlock(&u->lock);
	while (given != NULL) {
		struct px_udp_out *next = given->next;

		px_udp_begin(u, given);
		given = next;
	}
	while (back != NULL && !stopping) {
		struct px_udp_run *next = back->next;

		px_udp_back(u, back);
		back = next;
	}
	if (cancelled || stopping)
		px_udp_end(u, stopping);
	return !stopping;
}

static int
poll_ms(int64_t next, int64_t now)
{
	int64_t ms = next == CLOCK_NEVER ? POLL_MS : (next - now + 999) / 1000;

	return ms < 0 ? 0 : ms > POLL_MS ? POLL_MS : (int)ms;
}

static void *
run(void *arg)
{
	struct px_udp *u = arg;
	struct pollfd fds[] = { { .fd = u->fd, .events = POLLIN },
		                { .fd = u->wake, .events = POLLIN } };
	uint64_t woken;

	while (take_mail(u)) {
		int64_t now = clock_monotonic(), next = px_udp_due(u, now);

		if (poll(fds, 2, poll_ms(next, now)) <= 0)
			continue;
		if (fds[1].revents != 0)
			(void)!read(u->wake, &woken, sizeof(woken));
		if (fds[0].revents != 0)
			take_burst(u);
	}
	return NULL;
}

/* ---- life ---- */

static bool
conf_ok(const struct px_udp_conf *c)
{
	return c->unit_max <= PX_DATAGRAM_UNIT_MAX && c->repeat >= 0 && c->repeat_max >= 0 &&
	       (c->taker.take == NULL || (c->taker.find != NULL && c->taker.ids_max > 0));
}

static void
set_conf(struct px_udp *u, const struct px_udp_conf *conf)
{
	u->conf = *conf;
	u->conf.address = NULL;
	if (u->conf.repeat == 0)
		u->conf.repeat = CLOCK_SECOND;
	if (u->conf.repeat_max == 0)
		u->conf.repeat_max = 8 * CLOCK_SECOND;
	if (u->conf.repeats == 0)
		u->conf.repeats = 6;
}

static void
free_all(struct px_udp *u)
{
	px_udp_forget_all(u);
	if (u->fd >= 0)
		close(u->fd);
	if (u->wake >= 0)
		close(u->wake);
	pthread_cond_destroy(&u->all_back);
	pthread_mutex_destroy(&u->lock);
	pthread_mutex_destroy(&u->ids_lock);
	free(u->in);
	free(u);
}

static enum rc
start(struct px_udp *u, const struct px_udp_conf *conf)
{
	enum rc rc = conf_ok(conf) ? RC_OK : RC_BAD_REQUEST;

	/* One octet more than any that is taken: what is longer is seen. */
	u->in_max = PX_DATAGRAM_HEAD + conf->unit_max + PX_DATAGRAM_TAG + 1;
	if (u->in_max <= PX_DATAGRAM_ACK)
		u->in_max = PX_DATAGRAM_ACK + 1;
	if (rc == RC_OK)
		rc = open_socket(u, conf);
	if (rc != RC_OK)
		return rc;
	u->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	u->in = malloc(u->in_max);
	if (u->wake < 0 || u->in == NULL || pthread_create(&u->thread, NULL, run, u) != 0)
		return RC_UNAVAILABLE;
	return RC_OK;
}

enum rc
px_udp_open(const struct px_udp_conf *conf, struct px_udp **out, char why[256])
{
	struct px_udp *u = calloc(1, sizeof(*u));
	enum rc rc;

	*out = NULL;
	if (u == NULL)
		return RC_UNAVAILABLE;
	set_conf(u, conf);
	u->fd = u->wake = -1;
	pthread_mutex_init(&u->ids_lock, NULL);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->all_back, NULL);
	rc = start(u, conf);
	if (rc == RC_OK) {
		*out = u;
		return RC_OK;
	}
	snprintf(why, 256, "UDP %.60s port %u: %s", conf->address == NULL ? "" : conf->address,
	         conf->port, rc == RC_CONFLICT ? "the port is taken" : status_of(rc)->text);
	free_all(u);
	return rc;
}

void
px_udp_stop(struct px_udp *u)
{
	pthread_mutex_lock(&u->lock);
	u->stopping = true;
	wake(u);
	pthread_mutex_unlock(&u->lock);
	pthread_join(u->thread, NULL);
}

void
px_udp_free(struct px_udp *u)
{
	if (u == NULL)
		return;
	pthread_mutex_lock(&u->lock);
	while (u->runs_out > 0)
		pthread_cond_wait(&u->all_back, &u->lock);
	pthread_mutex_unlock(&u->lock);
	free_all(u);
}

/* ---- what others leave ---- */

void
px_udp_run_out(struct px_udp *u)
{
	pthread_mutex_lock(&u->lock);
	u->runs_out++;
	pthread_mutex_unlock(&u->lock);
}

void
px_udp_taken(struct px_udp *u, struct px_udp_run *r)
{
	pthread_mutex_lock(&u->lock);
	r->next = u->back;
	u->back = r;
	if (--u->runs_out == 0)
		pthread_cond_broadcast(&u->all_back);
	wake(u);
	pthread_mutex_unlock(&u->lock);
}

void
px_udp_give(struct px_udp *u, struct px_udp_out *o)
{
	bool stopped;

	o->cancelled = false;
	o->datagram = NULL;
	o->tries = 0;
	o->acks = (struct key){ { 0 } };
	pthread_mutex_lock(&u->lock);
	stopped = u->stopped;
	if (!stopped) {
		o->next = u->given;
		u->given = o;
		wake(u);
	}
	pthread_mutex_unlock(&u->lock);
	if (!stopped)
		return;
	secret_wipe(o->key, sizeof(o->key));
	o->rc = RC_UNAVAILABLE;
	o->done(o);
}

void
px_udp_cancel(struct px_udp *u, struct px_udp_out *o)
{
	pthread_mutex_lock(&u->lock);
	o->cancelled = true;
	u->cancelled = true;
	wake(u);
	pthread_mutex_unlock(&u->lock);
}
