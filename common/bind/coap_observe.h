/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observations of the sessions of a CoAP server (RFC 7641); private to the CoAP binding, the
 * server's thread.
 *
 * When the core says that an answer may have changed, the request is made anew with what it said
 * and judged anew; the client is told when code, ETag, format or body differ from what it was told
 * last. A client has one notification on its way (RFC 7641 section 4.5.1); what changes meanwhile
 * is told in its latest state.
 */
#ifndef BIND_COAP_OBSERVE_H
#define BIND_COAP_OBSERVE_H

#include "bind/coap_server.h"

/* False without memory. */
bool coapd_observers_init(struct coapd *s);
/* All sessions are gone. */
void coapd_observers_fini(struct coapd *s);

/*
 * A GET with Observe 0, admitted and with its whole input, before req_prepare: makes it an
 * observation if there is room for one; one of the session with the same token ends. head is that
 * of the request, in the arena of cr->rq. Afterwards coapd_observe_answer is called, and before
 * req_free, whatever becomes of the request and its session.
 */
void coapd_observe_ask(struct coapd_request *cr, const struct cmap_head *head);
/*
 * The request that asked has its answer, before it is sent: completes answer with its Observe, or
 * leaves it as it is when nothing came of it.
 */
void coapd_observe_answer(struct coapd_request *cr, struct cmap_answer *answer);
/* A GET with Observe 1: the observation with this token, if there is one, ends. */
void coapd_observe_cancel(struct coapd_session *se, const unsigned char *token, unsigned n);
/* The session is gone. */
void coapd_observe_gone(struct coapd_session *se);
/* A slice of the work, once a turn of the loop; when to call it next (INT64_MAX: when woken). */
int64_t coapd_observe_run(struct coapd *s);

#endif
