/* SPDX-License-Identifier: Apache-2.0 */
/* Peers and their addresses, in two hash tables. */
#include "config.h"

#include "bind/coap_front_impl.h"

#include <stddef.h>
#include <stdlib.h>

#define PROVED_US INT64_C(600000000)
#define GROWTH 3u /* RFC 9175 section 2.4 */
#define ALLOWANCE_MAX 65536u
#define UNPROVED_MAX 256u

#define OF(type, k) ((struct type *)(void *)((char *)(k)-offsetof(struct type, keyed)))
#define PEER_BY_USE(l)                                                                             \
	((struct front_peer *)(void *)((char *)(l)-offsetof(struct front_peer, by_use)))
#define PEER_BY_SITE(l)                                                                            \
	((struct front_peer *)(void *)((char *)(l)-offsetof(struct front_peer, by_site)))

bool
front_peers_init(struct front_peers *t)
{
	*t = (struct front_peers){ .held = { &t->held, &t->held },
		                   .shaking = { &t->shaking, &t->shaking } };
	return secret_random(&t->seed, sizeof(t->seed)) == RC_OK;
}

void
front_peers_fini(struct front_peers *t)
{
	keyed_fini(&t->peers);
	keyed_fini(&t->sites);
}

bool
front_source_of(struct front_source *s, const struct sockaddr *from)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)from;

		memcpy(s->address, mapped, sizeof(mapped));
		memcpy(s->address + 12, &v4->sin_addr, 4);
		s->port = ntohs(v4->sin_port);
		return true;
	}
	if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)from;

		memcpy(s->address, &v6->sin6_addr, 16);
		s->port = ntohs(v6->sin6_port);
		return true;
	}
	return false;
}

static void
link_init(struct front_link *head)
{
	head->next = head->prev = head;
}

static void
link_append(struct front_link *head, struct front_link *l)
{
	*l = (struct front_link){ head, head->prev };
	head->prev->next = l;
	head->prev = l;
}

static void
link_remove(struct front_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static void
link_move(struct front_link *head, struct front_link *l)
{
	link_remove(l);
	link_append(head, l);
}

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* The octets of an address that its owner does not choose. */
static void
prefix_of(const struct front_source *s, uint64_t prefix[2])
{
	memcpy(prefix, s->address, 16);
	if (!IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)s->address))
		prefix[1] = 0;
}

static uint64_t
key_of(const struct front_peers *t, const uint64_t address[2], uint16_t port)
{
	return mix(mix(mix(t->seed, address[0]), address[1]), port);
}

static uint64_t
key_of_source(const struct front_peers *t, const struct front_source *s)
{
	uint64_t address[2];

	memcpy(address, s->address, 16);
	return key_of(t, address, s->port);
}

struct front_peer *
front_peer_find(const struct front_peers *t, const struct front_source *s)
{
	uint64_t key = key_of_source(t, s);
	struct keyed *k = NULL;

	while (t->peers.n > 0 && (k = keyed_find(&t->peers, key, k)) != NULL) {
		struct front_peer *p = OF(front_peer, k);

		if (p->source.port == s->port && memcmp(p->source.address, s->address, 16) == 0)
			return p;
	}
	return NULL;
}

struct front_site *
front_site_find(const struct front_peers *t, const struct front_source *s)
{
	struct keyed *k = NULL;
	uint64_t prefix[2];

	prefix_of(s, prefix);
	while (t->sites.n > 0 && (k = keyed_find(&t->sites, key_of(t, prefix, 0), k)) != NULL)
		if (memcmp(OF(front_site, k)->prefix, prefix, sizeof(prefix)) == 0)
			return OF(front_site, k);
	return NULL;
}

static struct front_site *
site_get(struct front_peers *t, const struct front_source *s)
{
	struct front_site *site = front_site_find(t, s);

	if (site != NULL)
		return site;
	site = calloc(1, sizeof(*site));
	if (site == NULL)
		return NULL;
	prefix_of(s, site->prefix);
	link_init(&site->held);
	link_init(&site->loose);
	if (keyed_add(&t->sites, &site->keyed, key_of(t, site->prefix, 0)))
		return site;
	free(site);
	return NULL;
}

static void
site_put(struct front_peers *t, struct front_site *site)
{
	if (site->peers > 0)
		return;
	keyed_remove(&t->sites, &site->keyed);
	free(site);
}

static bool
enter(struct front_peers *t, struct front_peer *p)
{
	p->site = site_get(t, &p->source);
	if (p->site == NULL)
		return false;
	if (keyed_add(&t->peers, &p->keyed, key_of_source(t, &p->source))) {
		p->site->peers++;
		link_append(&p->site->loose, &p->by_site);
		return true;
	}
	site_put(t, p->site);
	return false;
}

static void
let_go(struct front_peers *t, struct front_peer *p)
{
	if (!p->held)
		return;
	p->held = false;
	t->n_held--;
	link_remove(&p->by_use);
	link_move(&p->site->loose, &p->by_site);
}

static void
begin_handshake(struct front *f, struct front_peer *p, int64_t now)
{
	p->proved_until = INT64_MAX;
	p->shaking = true;
	p->begun = now;
	link_append(&f->t.shaking, &p->by_use);
	p->site->handshakes++;
	f->t.handshakes++;
	memcpy(p->random, f->hello.random, FRONT_RANDOM);
}

struct front_peer *
front_join(struct front *f, const struct sockaddr *remote, void *arg, int64_t now)
{
	struct front_peer *p = calloc(1, sizeof(*p));

	if (p == NULL || !front_source_of(&p->source, remote) || !enter(&f->t, p)) {
		free(p);
		return NULL;
	}
	p->arg = arg;
	p->seen = now;
	if (f->conf.dtls && f->begins)
		begin_handshake(f, p, now);
	return p;
}

void
front_established(struct front *f, struct front_peer *p)
{
	if (!p->shaking)
		return;
	p->shaking = false;
	link_remove(&p->by_use);
	p->site->handshakes--;
	f->t.handshakes--;
}

struct front_peer *
front_peer_late(const struct front_peers *t, int64_t now, int64_t us)
{
	const struct front_link *oldest = t->shaking.next;

	if (oldest == &t->shaking || now - PEER_BY_USE(oldest)->begun < us)
		return NULL;
	return PEER_BY_USE(oldest);
}

struct front_peer *
front_peer_idlest(const struct front_peers *t, const struct front_source *s)
{
	const struct front_site *site = front_site_find(t, s);

	if (site == NULL)
		return NULL;
	if (site->loose.next != &site->loose)
		return PEER_BY_SITE(site->loose.next);
	return site->held.next == &site->held ? NULL : PEER_BY_SITE(site->held.next);
}

void
front_leave(struct front *f, struct front_peer *p)
{
	if (p == NULL)
		return;
	front_established(f, p);
	let_go(&f->t, p);
	link_remove(&p->by_site);
	keyed_remove(&f->t.peers, &p->keyed);
	p->site->peers--;
	site_put(&f->t, p->site);
	free(p);
}

void
front_peer_used(struct front_peers *t, struct front_peer *p, int64_t now)
{
	p->seen = now;
	link_move(p->held ? &p->site->held : &p->site->loose, &p->by_site);
	if (p->held)
		link_move(&t->held, &p->by_use);
}

void
front_hold(struct front *f, struct front_peer *p)
{
	if (p->held || p->shaking)
		return;
	p->held = true;
	f->t.n_held++;
	link_append(&f->t.held, &p->by_use);
	link_move(&p->site->held, &p->by_site);
}

unsigned
front_unproved_max(const struct front *f)
{
	unsigned quarter = f->conf.max_sessions / 4;

	/* For each newcomer, and after each datagram, libcoap walks over all sessions. */
	if (quarter > UNPROVED_MAX)
		return UNPROVED_MAX;
	return quarter == 0 ? 1 : quarter;
}

void *
front_surplus(struct front *f, int64_t now, int64_t idle_us)
{
	struct front_peer *p = PEER_BY_USE(f->t.held.next);
	unsigned max = f->conf.max_sessions - front_unproved_max(f);

	if (f->t.n_held == 0 || (f->t.n_held <= max && now - p->seen < idle_us))
		return NULL;
	let_go(&f->t, p);
	return p->arg;
}

bool
front_proved(const struct front_peer *p, int64_t now)
{
	return now < p->proved_until;
}

size_t
front_allowance(const struct front_peer *p, int64_t now)
{
	size_t kept = now < p->ping_until ? 0 : FRONT_PING;

	if (front_proved(p, now))
		return SIZE_MAX;
	return p->allowance > kept ? p->allowance - kept : 0;
}

void
front_came(const struct front *f, struct front_peer *p)
{
	p->allowance += f->d.n * GROWTH;
	if (p->allowance > ALLOWANCE_MAX)
		p->allowance = ALLOWANCE_MAX;
}

void
front_sent(struct front_peer *p, size_t n)
{
	p->allowance -= n < p->allowance ? n : p->allowance;
}

unsigned
front_echo(const struct front *f, const struct front_peer *p, unsigned char echo[FRONT_ECHO],
           int64_t now)
{
	if (front_proved(p, now) || !front_proof_make(&f->proof, 'e', &p->source, echo, FRONT_ECHO))
		return 0;
	return FRONT_ECHO;
}

bool
front_take_echo(struct front *f, struct front_peer *p, struct slice echo, int64_t now)
{
	if (!front_proof_good(&f->proof, 'e', &p->source, echo, FRONT_ECHO))
		return false;
	if (p->proved_until < now + PROVED_US)
		p->proved_until = now + PROVED_US;
	return true;
}
