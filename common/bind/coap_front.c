/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each datagram before libcoap reads it. */
#include "config.h"

#include "bind/coap_front.h"

#include <stdio.h>
#include <stdlib.h>

#include "bind/coap_front_impl.h"

/* Datagrams that are thrown away in one go, while other work waits. */
#define DROPS_MAX 64u
/* Of the handshakes under way one address may have a quarter. */
#define HANDSHAKES_SHARE 4u

/* Of a message (RFC 7252 section 3). */
#define HEADER 4u
#define TOKEN_MAX 8u
enum type { CON, NON, ACK, RST };
#define METHOD_LAST 7u /* iPATCH; libcoap knows no more */
#define METHOD_NOT_ALLOWED 0x85u

/* Of a DTLS record. */
#define RECORD_HEADER 13u
#define RECORD_MAJOR 254u

#define LOG_PERIOD_US INT64_C(10000000)

#define PING_US INT64_C(5000000)
#define PING_WRONG_MAX 3u
#define PING_ALLOWANCE 65536u

/* What is to happen to a datagram. */
enum fate { PASS, DROP, FULL, RESET, REFUSE, VERIFY, FATES };

struct front *
front_new(const struct front_conf *conf, const struct front_name *name, char why[COAPD_WHY_MAX])
{
	struct front *f = calloc(1, sizeof(*f));

	if (f == NULL || !front_peers_init(&f->t) || !front_proof_init(&f->proof, 0)) {
		snprintf(why, COAPD_WHY_MAX, "no memory");
		free(f);
		return NULL;
	}
	f->conf = *conf;
	f->family = name->name.ss_family;
	f->fd = front_socket_find(name);
	if (f->fd >= 0)
		return f;
	snprintf(why, COAPD_WHY_MAX, "the socket of the listener is not found");
	front_free(f);
	return NULL;
}

void
front_free(struct front *f)
{
	if (f == NULL)
		return;
	front_proof_fini(&f->proof);
	front_peers_fini(&f->t);
	free(f);
}

int
front_fd(const struct front *f)
{
	return f->fd;
}

const struct front_counts *
front_counts(const struct front *f)
{
	return &f->counts;
}

struct slice
front_datagram(const struct front *f, const struct sockaddr **from)
{
	*from = (const struct sockaddr *)&f->d.from;
	return slice_make(f->d.octets, f->d.n);
}

void
front_take(struct front *f)
{
	front_socket_drop(f->fd);
}

void *
front_session(const struct front *f)
{
	const struct front_peer *p = front_peer_find(&f->t, &f->source);

	return p == NULL ? NULL : p->arg;
}

static bool
may_begin(const struct front *f)
{
	const struct front_site *site = front_site_find(&f->t, &f->source);

	if (f->t.peers.n >= (size_t)f->conf.max_sessions + front_unproved_max(f))
		return false;
	if (!f->conf.dtls)
		return true;
	return f->t.handshakes < f->conf.max_handshakes &&
	       (site == NULL || site->handshakes < 1 + f->conf.max_handshakes / HANDSHAKES_SHARE);
}

/*
 * Whether a session of the source can be added. The server and libcoap let the idlest of all go; of
 * those of the same address it goes here: else a few datagrams in its name would lock that out.
 */
static bool
make_room(struct front *f)
{
	const struct front_site *site = front_site_find(&f->t, &f->source);

	if (!may_begin(f))
		return false;
	if (site != NULL && site->peers >= f->conf.max_sessions_per_address)
		f->conf.end(front_peer_idlest(&f->t, &f->source)->arg);
	return true;
}

/* ---- clear ---- */

/* The reset of the ping that was sent: it is nobody else's. */
static bool
is_pong(struct front_peer *p, const unsigned char *m, size_t n, int64_t now)
{
	if ((m[0] >> 4 & 3) != RST || n != HEADER || now >= p->ping_until ||
	    p->ping_wrong >= PING_WRONG_MAX)
		return false;
	if ((unsigned)(m[2] << 8 | m[3]) != p->ping_mid) {
		p->ping_wrong++;
		return false;
	}
	p->ping_until = 0;
	p->ponged = true;
	p->allowance = PING_ALLOWANCE;
	return true;
}

/* A message of nobody in particular: only a request makes a session. */
static enum fate
judge_stranger(struct front *f, const unsigned char *m, size_t n)
{
	unsigned type = m[0] >> 4 & 3, class = m[1] >> 5;
	bool request = m[1] != 0 && class == 0 && n >= HEADER + (m[0] & 15u);

	if (type != CON && (type != NON || !request))
		return DROP;
	if (!request)
		return RESET;
	return make_room(f) ? PASS : FULL;
}

/*
 * A request by a method that nobody knows (RFC 7252 section 5.8): libcoap would say that there is no
 * such resource, in more octets than it may cost.
 */
static bool
is_unknown_method(const unsigned char *m, size_t n)
{
	return m[1] > METHOD_LAST && m[1] >> 5 == 0 && (m[0] >> 4 & 3) <= NON &&
	       n >= HEADER + (m[0] & 15u);
}

/* Malformed messages are ignored or rejected (RFC 7252 sections 3, 4.2 and 4.3). */
static enum fate
judge_clear(struct front *f, struct front_peer *p, int64_t now)
{
	const unsigned char *m = f->d.octets;

	if (f->d.n < HEADER || m[0] >> 6 != 1)
		return DROP;
	if (f->d.n > FRONT_DATAGRAM_MAX || (m[0] & 15u) > TOKEN_MAX)
		return (m[0] >> 4 & 3) == CON ? RESET : DROP;
	if (is_unknown_method(m, f->d.n))
		return REFUSE;
	if (p != NULL && is_pong(p, m, f->d.n, now))
		return DROP;
	/* Thrown away, a flood is over faster than it comes: the datagrams of others get in. */
	if ((p == NULL || !(p->ponged || front_proved(p, now))) && front_socket_crowded(f->fd))
		return FULL;
	return p == NULL ? judge_stranger(f, m, f->d.n) : PASS;
}

/* ---- DTLS ---- */

bool
front_cookie(const struct front *f, unsigned char cookie[FRONT_COOKIE])
{
	return front_proof_make(&f->proof, 'c', &f->source, cookie, FRONT_COOKIE);
}

bool
front_cookie_good(const struct front *f, struct slice cookie)
{
	return front_proof_good(&f->proof, 'c', &f->source, cookie, FRONT_COOKIE);
}

/*
 * Ends the handshake that takes longest, and longer than us: libcoap forgets those alone that it still
 * has something to say to.
 */
static void
end_late(struct front *f, int64_t now, int64_t us)
{
	struct front_peer *p = front_peer_late(&f->t, now, us);

	if (p == NULL)
		return;
	front_established(f, p);
	f->conf.end(p->arg);
}

static enum fate
judge_hello(struct front *f, struct front_peer *p, int64_t now)
{
	if (!front_cookie_good(f, f->hello.cookie))
		return VERIFY;
	/* A repetition: the answer was lost. */
	if (p != NULL && memcmp(p->random, f->hello.random, FRONT_RANDOM) == 0)
		return PASS;
	if (p != NULL)
		f->conf.end(p->arg);
	if (front_peer_find(&f->t, &f->source) != NULL)
		return DROP;
	if (f->t.handshakes >= f->conf.max_handshakes)
		end_late(f, now, FRONT_SHAKE_FULL_US);
	if (!make_room(f))
		return FULL;
	f->begins = true;
	return PASS;
}

static enum fate
judge_dtls(struct front *f, struct front_peer *p, int64_t now)
{
	const unsigned char *r = f->d.octets;

	if (f->d.n < RECORD_HEADER || f->d.n > FRONT_DATAGRAM_MAX || r[1] != RECORD_MAJOR)
		return DROP;
	if (front_hello_read(slice_make(r, f->d.n), &f->hello))
		return judge_hello(f, p, now);
	return p == NULL ? DROP : PASS;
}

static void
send_verify(struct front *f)
{
	unsigned char cookie[FRONT_COOKIE], out[FRONT_VERIFY_MAX];

	if (!front_cookie(f, cookie))
		return;
	f->counts.verified++;
	front_socket_answer(f->fd, &f->d, out, front_hello_verify(&f->hello, cookie, out));
}

static void
send_reset(struct front *f)
{
	const unsigned char out[HEADER] = { 1 << 6 | RST << 4, 0, f->d.octets[2], f->d.octets[3] };

	front_socket_answer(f->fd, &f->d, out, sizeof(out));
}

/* 4.05 with the token of the request; to a NON it has the message ID of that, once more. */
static void
send_refusal(struct front *f)
{
	unsigned char out[HEADER + TOKEN_MAX];
	size_t n = HEADER + (f->d.octets[0] & 15u);

	memcpy(out, f->d.octets, n);
	if ((out[0] >> 4 & 3) == CON)
		out[0] |= ACK << 4;
	out[1] = METHOD_NOT_ALLOWED;
	front_socket_answer(f->fd, &f->d, out, n);
}

static void
drop(struct front *f)
{
	f->counts.dropped++;
}

static void
refuse(struct front *f)
{
	f->counts.refused++;
}

static void
log_refused(struct front *f, int64_t now)
{
	if (f->counts.refused == f->logged || now < f->log_at)
		return;
	LOG_WARN(f->conf.log, "sessions_full", LOG_S("listener", f->conf.listener),
	         LOG_N("refused", f->counts.refused - f->logged));
	f->logged = f->counts.refused;
	f->log_at = now + LOG_PERIOD_US;
}

/* What is done beside throwing it away. */
static void (*const deeds[FATES])(struct front *f) = {
	[DROP] = drop,           [FULL] = refuse,        [RESET] = send_reset,
	[REFUSE] = send_refusal, [VERIFY] = send_verify,
};

/* ---- both ---- */

static enum fate
judge(struct front *f, int64_t now)
{
	struct front_peer *p;
	enum fate fate;

	f->begins = false;
	if (!front_source_of(&f->source, (const struct sockaddr *)&f->d.from) ||
	    f->source.port == 0)
		return DROP;
	p = front_peer_find(&f->t, &f->source);
	fate = f->conf.dtls ? judge_dtls(f, p, now) : judge_clear(f, p, now);
	if (fate == PASS && p != NULL && !f->begins)
		front_peer_used(&f->t, p, now);
	return fate;
}

enum front_next
front_next(struct front *f, int64_t now)
{
	if (!front_proof_roll(&f->proof, now))
		return FRONT_NONE;
	log_refused(f, now);
	end_late(f, now, FRONT_SHAKE_US);
	for (unsigned i = 0; i < DROPS_MAX; i++) {
		enum fate fate;

		if (!front_socket_peek(f->fd, &f->d))
			return FRONT_NONE;
		fate = judge(f, now);
		if (fate == PASS) {
			f->counts.passed++;
			return FRONT_PASS;
		}
		deeds[fate](f);
		front_socket_drop(f->fd);
	}
	return FRONT_YIELD;
}

/* ---- proof by a ping ---- */

static void
address_of(const struct front *f, const struct front_peer *p, struct front_datagram *d)
{
	struct sockaddr_in *v4 = (void *)&d->from;
	struct sockaddr_in6 *v6 = (void *)&d->from;

	if (f->family == AF_INET) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(p->source.port);
		memcpy(&v4->sin_addr, p->source.address + 12, 4);
		return;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(p->source.port);
	memcpy(&v6->sin6_addr, p->source.address, 16);
}

void
front_challenge(struct front *f, struct front_peer *p, int64_t now)
{
	unsigned char out[FRONT_PING] = { 1 << 6 | CON << 4 };
	struct front_datagram d = { .n = 0 };

	if (front_proved(p, now) || now < p->ping_until || p->allowance < FRONT_PING ||
	    secret_random(out + 2, 2) != RC_OK)
		return;
	p->ping_mid = (uint16_t)(out[2] << 8 | out[3]);
	p->ping_wrong = 0;
	p->ping_until = now + PING_US;
	address_of(f, p, &d);
	front_socket_answer(f->fd, &d, out, sizeof(out));
	front_sent(p, FRONT_PING);
}
