/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_conn.h"

#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "base/clock.h"
#include "bind/http_server.h"

/* Connections looked at for one newcomer: bounds what a flood costs when all are busy. */
#define EVICT_SCAN 256u

/* tcpi_state, as the kernel numbers them (tcp(7)). */
enum { STATE_FIN_WAIT1 = 4, STATE_CLOSE = 7, STATE_LAST_ACK = 9, STATE_CLOSING = 11 };

/* Octets of an address that count: an IPv6 host chooses the lower half itself. */
#define PEER_KEY 8u

struct http_peer {
	struct http_peer *next; /* in its bucket */
	struct http_link conns;
	unsigned n, strangers;
	unsigned char key[PEER_KEY + 1]; /* family, address */
};

#define CONN_OF(link, member)                                                                      \
	((struct http_conn *)(void *)((char *)(link)-offsetof(struct http_conn, member)))

static void
link_init(struct http_link *head)
{
	head->next = head;
	head->prev = head;
}

static void
link_append(struct http_link *head, struct http_link *l)
{
	l->next = head;
	l->prev = head->prev;
	head->prev->next = l;
	head->prev = l;
}

static void
link_remove(struct http_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

bool
http_table_init(struct http_table *t, unsigned max, unsigned max_per_peer, unsigned max_strangers)
{
	unsigned buckets = 16;

	while (buckets < max && buckets < 65536)
		buckets *= 2;
	*t = (struct http_table){ .max = max,
		                  .max_per_peer = max_per_peer,
		                  .max_strangers = max_strangers,
		                  .mask = buckets - 1 };
	t->buckets = calloc(buckets, sizeof(*t->buckets));
	if (t->buckets == NULL)
		return false;
	if (getrandom(&t->seed, sizeof(t->seed), 0) != (ssize_t)sizeof(t->seed))
		t->seed = (uint64_t)clock_monotonic();
	link_init(&t->by_age);
	pthread_mutex_init(&t->lock, NULL);
	return true;
}

void
http_table_fini(struct http_table *t)
{
	if (t->buckets == NULL)
		return;
	free(t->buckets);
	pthread_mutex_destroy(&t->lock);
}

static void
peer_key(const struct sockaddr *from, unsigned char key[PEER_KEY + 1])
{
	memset(key, 0, PEER_KEY + 1);
	key[0] = (unsigned char)from->sa_family;
	if (from->sa_family == AF_INET)
		memcpy(key + 1, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	else if (from->sa_family == AF_INET6)
		memcpy(key + 1, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
		       PEER_KEY);
}

static struct http_peer **
peer_bucket(struct http_table *t, const unsigned char key[PEER_KEY + 1])
{
	uint64_t h = t->seed;

	for (unsigned i = 0; i <= PEER_KEY; i++)
		h = (h ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
	return &t->buckets[(h >> 32) & t->mask];
}

/* The peer of from, made when new; NULL without memory. */
static struct http_peer *
peer_get(struct http_table *t, const struct sockaddr *from)
{
	unsigned char key[PEER_KEY + 1];
	struct http_peer **bucket;
	struct http_peer *p;

	peer_key(from, key);
	bucket = peer_bucket(t, key);
	for (p = *bucket; p != NULL; p = p->next)
		if (memcmp(p->key, key, sizeof(key)) == 0)
			return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	memcpy(p->key, key, sizeof(key));
	link_init(&p->conns);
	p->next = *bucket;
	*bucket = p;
	return p;
}

static void
peer_drop_empty(struct http_table *t, struct http_peer *p)
{
	struct http_peer **at;

	if (p->n > 0)
		return;
	at = peer_bucket(t, p->key);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

static void
unlist(struct http_table *t, struct http_conn *c)
{
	if (!c->listed)
		return;
	c->listed = false;
	t->n--;
	link_remove(&c->by_age);
	link_remove(&c->by_peer);
	c->peer->n--;
	c->peer->strangers -= c->stranger;
	c->stranger = false;
	peer_drop_empty(t, c->peer);
	c->peer = NULL;
}

bool
http_table_cut(struct http_table *t, struct http_conn *c, enum conn_state from)
{
	int expected = (int)from;

	if (!atomic_compare_exchange_strong(&c->state, &expected, CONN_DEAD))
		return false;
	shutdown(c->fd, SHUT_RDWR);
	unlist(t, c);
	return true;
}

static bool
evictable(const struct http_conn *c)
{
	return http_conn_is(c, CONN_IDLE) || http_conn_is(c, CONN_HEADER);
}

static struct http_conn *
older(struct http_conn *a, struct http_conn *b)
{
	if (a == NULL)
		return b;
	return atomic_load(&b->since) < atomic_load(&a->since) ? b : a;
}

static bool
evict(struct http_table *t, struct http_conn *c)
{
	if (c == NULL || !(http_table_cut(t, c, CONN_IDLE) || http_table_cut(t, c, CONN_HEADER)))
		return false;
	atomic_fetch_add(&t->evicted, 1);
	return true;
}

/* Busy connections go to the end of the list, so the next search looks at others. */
static bool
evict_any(struct http_table *t)
{
	struct http_conn *victim = NULL;
	struct http_link *l = t->by_age.next;
	struct http_link *next;

	for (unsigned i = 0; i < EVICT_SCAN && i < t->n; i++, l = next) {
		struct http_conn *c = CONN_OF(l, by_age);

		next = l->next;
		if (evictable(c)) {
			victim = older(victim, c);
		} else {
			link_remove(l);
			link_append(&t->by_age, l);
		}
	}
	return evict(t, victim);
}

static bool
evict_of_peer(struct http_table *t, struct http_peer *p, bool strangers)
{
	struct http_conn *victim = NULL;
	unsigned i = 0;

	for (struct http_link *l = p->conns.next; l != &p->conns && i < EVICT_SCAN;
	     l = l->next, i++)
		if (evictable(CONN_OF(l, by_peer)) && (!strangers || CONN_OF(l, by_peer)->stranger))
			victim = older(victim, CONN_OF(l, by_peer));
	return evict(t, victim);
}

/* The caller made sure of a place for p's address and in all. */
static void
enlist(struct http_table *t, struct http_conn *c, struct http_peer *p)
{
	c->peer = p;
	c->listed = true;
	t->n++;
	p->n++;
	c->stranger = t->max_strangers > 0 && !c->identity.peer.loopback;
	p->strangers += c->stranger;
	link_append(&t->by_age, &c->by_age);
	link_append(&p->conns, &c->by_peer);
}

/* A place for one more of its address, which p->n counts already. */
static bool
place_at(struct http_table *t, const struct http_conn *c, struct http_peer *p)
{
	if (t->max_strangers > 0 && !c->identity.peer.loopback &&
	    p->strangers >= t->max_strangers && !evict_of_peer(t, p, true))
		return false;
	return t->max_per_peer == 0 || p->n <= t->max_per_peer || evict_of_peer(t, p, false);
}

void
http_table_know(struct http_table *t, struct http_conn *c)
{
	pthread_mutex_lock(&t->lock);
	if (c->listed) {
		c->peer->strangers -= c->stranger;
		c->stranger = false;
	}
	pthread_mutex_unlock(&t->lock);
}

bool
http_table_add(struct http_table *t, struct http_conn *c, const struct sockaddr *from)
{
	struct http_peer *p;
	bool room;

	pthread_mutex_lock(&t->lock);
	p = peer_get(t, from);
	room = p != NULL;
	if (room) {
		/* The victim may be the last one of p, which must not go with it. */
		p->n++;
		room = place_at(t, c, p) && (t->n < t->max || evict_any(t));
		p->n--;
		if (room)
			enlist(t, c, p);
		else
			peer_drop_empty(t, p);
	}
	pthread_mutex_unlock(&t->lock);
	if (!room)
		atomic_fetch_add(&t->refused, 1);
	return room;
}

void
http_table_remove(struct http_table *t, struct http_conn *c)
{
	pthread_mutex_lock(&t->lock);
	unlist(t, c);
	pthread_mutex_unlock(&t->lock);
}

void
http_table_each(struct http_table *t, void (*visit)(struct http_conn *c, void *arg), void *arg)
{
	struct http_link *next;

	pthread_mutex_lock(&t->lock);
	for (struct http_link *l = t->by_age.next; l != &t->by_age; l = next) {
		next = l->next;
		visit(CONN_OF(l, by_age), arg);
	}
	pthread_mutex_unlock(&t->lock);
}

bool
http_conn_alive(void *conn)
{
	const struct http_conn *c = conn;
	/* Sees the end of the stream also behind octets that nobody has read (an alert of TLS). */
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 0 || (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) == 0;
}

/*
 * After both sides have closed, the kernel's state is that after a reset; but then the end of the
 * stream, which has one number of the sequence and is no octet, was acknowledged.
 */
static bool
was_reset(const struct tcp_info *i)
{
	return i->tcpi_state == STATE_CLOSE &&
	       i->tcpi_bytes_acked <= i->tcpi_bytes_sent - i->tcpi_bytes_retrans;
}

/* The end of the stream is on its way to the peer. */
static bool
is_ending(const struct tcp_info *i)
{
	return i->tcpi_state == STATE_FIN_WAIT1 || i->tcpi_state == STATE_LAST_ACK ||
	       i->tcpi_state == STATE_CLOSING;
}

bool
http_conn_acked(const struct http_conn *c)
{
	struct tcp_info info;
	socklen_t n = sizeof(info);
	int unacked;

	memset(&info, 0, sizeof(info));
	if (ioctl(c->fd, SIOCOUTQ, &unacked) != 0)
		return false;
	/* A UNIX socket has nobody in between. */
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
		return unacked == 0;
	return unacked <= (is_ending(&info) ? 1 : 0) && !was_reset(&info);
}

bool
http_conn_is(const struct http_conn *c, enum conn_state s)
{
	return atomic_load_explicit(&c->state, memory_order_acquire) == (int)s;
}

void
http_conn_time(struct http_conn *c, int64_t limit_us)
{
	int64_t now = atomic_load_explicit(&c->server->tick, memory_order_relaxed);

	/* The tick may be a period old; a deadline comes late rather than early. */
	atomic_store_explicit(&c->since, now, memory_order_relaxed);
	atomic_store_explicit(&c->deadline, now + c->server->period + limit_us,
	                      memory_order_relaxed);
}

bool
http_conn_move(struct http_conn *c, enum conn_state from, enum conn_state to)
{
	int expected = (int)from;

	return atomic_compare_exchange_strong_explicit(&c->state, &expected, (int)to,
	                                               memory_order_acq_rel, memory_order_acquire);
}
