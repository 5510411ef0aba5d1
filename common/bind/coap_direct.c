/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of proved peers without DTLS, by far the most datagrams of a busy server, are taken here
 * and not given to libcoap: for each datagram that it reads it walks over all its sessions, sets its
 * timer and searches its resources.
 */
#include "config.h"

#include "bind/coap_server.h"

/* A request, by the header alone (RFC 7252 section 3); the front has seen to version and method. */
static bool
looks_like_request(struct slice datagram)
{
	const unsigned char *head = (const unsigned char *)datagram.p;

	return datagram.n >= COAPD_HEADER && (head[0] >> 4 & 3u) <= COAP_MESSAGE_NON &&
	       head[1] != COAP_EMPTY_CODE && head[1] >> 5 == 0;
}

bool
coapd_direct(struct coapd *s)
{
	const struct sockaddr *from;
	struct slice datagram = front_datagram(s->front, &from);
	struct coapd_session *se = s->dtls != NULL ? NULL : front_session(s->front);

	/* libcoap ends the sessions that it thinks are idle, unless they are held. */
	if (se == NULL || se->coap == NULL || !se->proved || !looks_like_request(datagram))
		return false;
	/* What is malformed, or for a proxy, it treats as the RFC wants. */
	if (coap_pdu_parse(COAP_PROTO_UDP, (const uint8_t *)datagram.p, datagram.n, s->arrived) ==
	            0 ||
	    !cmap_is_plain(s->arrived))
		return false;
	front_take(s->front);
	coapd_take(se, s->arrived, false);
	return true;
}
