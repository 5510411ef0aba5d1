/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a server whose fate is watched. */
#include "config.h"

#include "bind/coap_server.h"

#include <netinet/in.h>

#define HEADER 4u /* octets of an empty message (RFC 7252 section 3) */
#define TYPE_ACK 2u
#define TYPE_RST 3u

static struct coapd_link *
bucket_of(struct coapd_link *buckets, coap_mid_t mid)
{
	return &buckets[(unsigned)mid % COAPD_WATCH_BUCKETS];
}

/*
 * With DTLS a ping shares the fate of the messages before it while libcoap sends one CON at a time;
 * else several may be on their way.
 */
static void
set_nstart(struct coapd_session *se)
{
	bool one = se->server->dtls != NULL && se->watched > 0;

	if (se->coap != NULL)
		coap_session_set_nstart(
			se->coap, one ? 1 : (uint16_t)se->server->conf.max_requests_per_session);
}

void
coapd_watch(struct coapd_session *se, struct coapd_watch *w, bool confirmable)
{
	struct coapd *s = se->server;

	w->session = se;
	w->confirmable = confirmable;
	w->ping = COAP_INVALID_MID;
	coapd_link_append(bucket_of(s->watches, w->mid), &w->by_mid);
	s->n_watches++;
	se->watched++;
	if (s->dtls == NULL || !confirmable)
		return;
	set_nstart(se);
	w->ping = coap_session_send_ping(se->coap);
	if (w->ping != COAP_INVALID_MID)
		coapd_link_append(bucket_of(s->pings, w->ping), &w->by_ping);
}

void
coapd_unwatch(struct coapd_watch *w)
{
	struct coapd_session *se = w->session;

	if (se == NULL)
		return;
	w->session = NULL;
	coapd_link_remove(&w->by_mid);
	coapd_link_remove(&w->by_ping);
	se->server->n_watches--;
	se->watched--;
	set_nstart(se);
}

static void
finish(struct coapd_watch *w, bool arrived)
{
	coapd_unwatch(w);
	w->done(w, arrived);
}

static struct coapd_watch *
first_of(const struct coapd_link *bucket, const struct coapd_session *se)
{
	for (struct coapd_link *at = bucket->next; at != bucket; at = at->next) {
		struct coapd_watch *w = COAPD_OF(at, struct coapd_watch, by_mid);

		if (w->session == se)
			return w;
	}
	return NULL;
}

void
coapd_watch_gone(struct coapd_session *se)
{
	struct coapd *s = se->server;

	for (unsigned i = 0; i < COAPD_WATCH_BUCKETS && se->watched > 0; i++) {
		struct coapd_watch *w;

		while ((w = first_of(&s->watches[i], se)) != NULL)
			finish(w, false);
	}
}

static bool
is_from(const struct coapd_session *se, const struct sockaddr *from)
{
	coap_address_t a;

	coap_address_init(&a);
	a.size = from->sa_family == AF_INET ? sizeof(a.addr.sin) : sizeof(a.addr.sin6);
	memcpy(&a.addr, from, a.size);
	return coap_address_equals(coap_session_get_addr_remote(se->coap), &a) != 0;
}

static struct coapd_watch *
find(struct coapd *s, coap_mid_t mid, const struct sockaddr *from)
{
	struct coapd_link *bucket = bucket_of(s->watches, mid);

	for (struct coapd_link *at = bucket->next; at != bucket; at = at->next) {
		struct coapd_watch *w = COAPD_OF(at, struct coapd_watch, by_mid);

		if (w->mid == mid && is_from(w->session, from))
			return w;
	}
	return NULL;
}

void
coapd_watch_passed(struct coapd *s)
{
	const struct sockaddr *from;
	const unsigned char *head;
	struct slice datagram;
	struct coapd_watch *w;
	unsigned type;

	if (s->n_watches == 0 || s->dtls != NULL)
		return;
	datagram = front_datagram(s->front, &from);
	if (datagram.n < HEADER)
		return;
	head = (const unsigned char *)datagram.p;
	type = head[0] >> 4 & 3u;
	if (head[0] >> 6 != 1 || (type != TYPE_ACK && type != TYPE_RST))
		return;
	w = find(s, head[2] << 8 | head[3], from);
	if (w != NULL && (w->confirmable || type == TYPE_RST))
		finish(w, type == TYPE_ACK);
}

static struct coapd_watch *
find_ping(struct coapd *s, const struct coapd_session *se, coap_mid_t mid)
{
	struct coapd_link *bucket = bucket_of(s->pings, mid);

	for (struct coapd_link *at = bucket->next; at != bucket; at = at->next) {
		struct coapd_watch *w = COAPD_OF(at, struct coapd_watch, by_ping);

		if (w->session == se && w->ping == mid)
			return w;
	}
	return NULL;
}

void
coapd_watch_nack(coap_session_t *coap, const coap_pdu_t *sent, coap_nack_reason_t reason,
                 coap_mid_t mid)
{
	struct coapd_session *se = coap_session_get_app_data(coap);
	struct coapd_watch *w;

	/* After an ICMP message libcoap goes on. */
	if (se == NULL || reason == COAP_NACK_ICMP_ISSUE)
		return;
	if (coap_pdu_get_code(sent) == COAP_EMPTY_CODE) {
		w = find_ping(se->server, se, mid);
		if (w != NULL)
			finish(w, reason == COAP_NACK_RST);
		return;
	}
	if (reason != COAP_NACK_RST)
		atomic_store(&se->left, true);
	w = find(se->server, mid, &coap_session_get_addr_remote(coap)->addr.sa);
	if (w != NULL)
		finish(w, false);
}
