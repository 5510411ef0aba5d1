/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a peer, from libcoap's session on until its last request is answered. */
#include "config.h"

#include "bind/coap_observe.h"
#include "bind/coap_server.h"

#include <stdlib.h>

/* libcoap frees the session of a handshake that fails at once, and says nothing: see below. */
static void
note_fresh(struct coapd_session *se)
{
	struct coapd *s = se->server;

	if (s->dtls == NULL)
		return;
	s->fresh = se;
	s->fresh_from = *coap_session_get_addr_remote(se->coap);
	s->fresh_interface = coap_session_get_ifindex(se->coap);
}

bool
coapd_session_begin(struct coapd *s, coap_session_t *coap)
{
	struct coapd_session *se = calloc(1, sizeof(*se));

	if (se == NULL)
		return false;
	se->front = front_join(s->front, &coap_session_get_addr_remote(coap)->addr.sa, se, s->now);
	if (se->front == NULL) {
		free(se);
		return false;
	}
	se->server = s;
	se->coap = coap;
	se->refs = 1;
	coapd_link_init(&se->seen);
	coapd_link_init(&se->observations);
	coapd_link_append(&s->sessions, &se->all);
	cdtls_begin(&se->identity, s->dtls, coap);
	coap_session_set_app_data(coap, se);
	/* A server may have several answers on their way (RFC 7252 section 4.7 limits clients). */
	coap_session_set_nstart(coap, (uint16_t)s->conf.max_requests_per_session);
	note_fresh(se);
	return true;
}

struct coapd_session *
coapd_session_of(coap_session_t *coap)
{
	struct coapd *s = coap_get_app_data(coap_session_get_context(coap));
	struct coapd_session *se = coap_session_get_app_data(coap);

	if (se != NULL || s->dtls != NULL || !coapd_session_begin(s, coap))
		return se;
	return coap_session_get_app_data(coap);
}

struct coapd_session *
coapd_session_ref(struct coapd_session *se)
{
	se->refs++;
	return se;
}

void
coapd_session_unref(struct coapd_session *se)
{
	if (--se->refs > 0)
		return;
	cdtls_end(&se->identity);
	free(se);
}

void
coapd_session_hold(struct coapd_session *se)
{
	if (se->holds++ == 0 && se->coap != NULL)
		coap_session_reference(se->coap);
}

void
coapd_session_release(struct coapd_session *se)
{
	if (--se->holds == 0 && se->coap != NULL)
		coap_session_release(se->coap);
}

/* Of what libcoap has of the session nothing is looked at. */
static void
part(struct coapd_session *se)
{
	if (se->server->fresh == se)
		se->server->fresh = NULL;
	atomic_store(&se->left, true);
	se->coap = NULL;
	coapd_observe_gone(se);
	coapd_watch_gone(se);
	coapd_partial_gone(se);
	coapd_seen_gone(se);
	blocks_forget(se->server->blocks, se);
	front_leave(se->server->front, se->front);
	se->front = NULL;
	se->identity.session = NULL;
	coapd_link_remove(&se->all);
}

void
coapd_session_gone(struct coapd_session *se)
{
	coap_session_t *coap;
	bool held;

	if (se == NULL || se->coap == NULL)
		return;
	coap = se->coap;
	held = se->holds > 0;
	part(se);
	coap_session_set_app_data(coap, NULL);
	if (held)
		coap_session_release(coap);
	coapd_session_unref(se);
}

/* One that could not begin its handshake, for lack of memory, does so now. */
void
coapd_session_arrives(struct coapd *s)
{
	struct coapd_session *se = s->dtls == NULL ? NULL : front_session(s->front);

	if (se != NULL && se->coap != NULL &&
	    coap_session_get_type(se->coap) == COAP_SESSION_TYPE_HELLO)
		note_fresh(se);
}

void
coapd_session_settle(struct coapd *s)
{
	struct coapd_session *se = s->fresh;

	s->fresh = NULL;
	if (se == NULL || se->coap == NULL ||
	    coap_session_get_by_peer(s->context, &s->fresh_from, s->fresh_interface) == se->coap)
		return;
	part(se);
	coapd_session_unref(se);
}

void
coapd_session_end(struct coapd_session *se)
{
	coap_session_t *coap = se->coap;

	if (coap == NULL)
		return;
	coapd_session_gone(se);
	coap_session_disconnected(coap, COAP_NACK_NOT_DELIVERABLE);
}

void
coapd_session_doom(struct coapd_session *se)
{
	se->doomed = true;
	se->server->has_doomed = true;
}

void
coapd_sessions_doomed(struct coapd *s)
{
	struct coapd_link *next;

	if (!s->has_doomed)
		return;
	s->has_doomed = false;
	for (struct coapd_link *at = s->sessions.next; at != &s->sessions; at = next) {
		struct coapd_session *se = COAPD_OF(at, struct coapd_session, all);

		next = at->next;
		if (se->doomed)
			coapd_session_end(se);
	}
}

/* Gives up what the front says there are too many of, or that nothing comes from. */
static void
let_go(struct coapd *s)
{
	int64_t idle = (int64_t)s->conf.idle_timeout_ms * 1000;
	struct coapd_session *se;

	while ((se = front_surplus(s->front, s->now, idle)) != NULL) {
		se->proved = false;
		coapd_session_release(se);
	}
}

/*
 * Held by us, the session of a proved address is none of those that libcoap ends for a newcomer:
 * who sends from addresses that are not his pushes out his like only.
 */
void
coapd_session_keep(struct coapd_session *se)
{
	struct coapd *s = se->server;

	if (se->proved || !front_proved(se->front, s->now))
		return;
	se->proved = true;
	coapd_session_hold(se);
	front_hold(s->front, se->front);
	let_go(s);
}

void
coapd_session_used(struct coapd_session *se)
{
	atomic_store(&se->left, false);
	front_came(se->server->front, se->front);
	coapd_session_keep(se);
}

void
coapd_sessions_tick(struct coapd *s)
{
	struct coapd_link *next;

	let_go(s);
	for (struct coapd_link *at = s->sessions.next; at != &s->sessions; at = next) {
		struct coapd_session *se = COAPD_OF(at, struct coapd_session, all);

		next = at->next;
		if (se->requests == 0 && !cdtls_stands(&se->identity))
			coapd_session_end(se);
	}
}
