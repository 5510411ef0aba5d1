/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service connection of a node with one NSCL (TS 102 690 clause 8, by TLS-PSK): session A under
 * Kmr gives Kmc, session B under Kmc carries mId. It is renewed before it ends, and what is under
 * way on the old one finishes there. What nobody has signed has no permanent effect. Courier thread.
 */
#ifndef CAP_SEC_CONNECTOR_H
#define CAP_SEC_CONNECTOR_H

#include "base/slice.h"
#include "core/port.h"

struct connector;
struct sec;

/*
 * For the NSCL with that sclBase URI (https, coaps). NULL: no memory, or not such a URI. Also before the
 * courier runs.
 */
struct connector *connector_new(struct sec *n, const char *base);
/* Finds the connection that is kept of an earlier process. Before the courier runs. */
void connector_restore(struct connector *c);
/* After the courier has ended. */
void connector_free(struct connector *c);
/* Begins to look after a connection that was kept. */
void connector_begin(struct connector *c);

/* True when url leads to its NSCL by its TLS, or DTLS. */
bool connector_is_for(const struct connector *c, struct slice url);
/*
 * The NSCL is also reached at that URI without TLS, on the same host: requests there are tagged when
 * the connection allows that. False: another host, or no room.
 */
bool connector_add_clear(struct connector *c, const char *uri);
bool connector_is_clear(const struct connector *c, struct slice url);

/* Somebody wants it: true when it stands, otherwise it is being made from now on. */
bool connector_want(struct connector *c);
/* It is made anew as soon as that is possible, whatever its time. */
void connector_renew(struct connector *c);
/* It was needed and is over by one of the clocks: it is looked after now. */
void connector_look(struct connector *c);
/* An end of what it waits for: a root was stored, a measurement taken. */
void connector_go_on(struct connector *c);
/* There is no root any more: the connection is over. */
void connector_drop(struct connector *c);
/* Referenced; NULL: there is no connection. */
struct credential *connector_credential(const struct connector *c);
/* Its ConnectionId, 0: none. */
uint64_t connector_id(const struct connector *c);

/* How an exchange by connection id has ended. */
enum connector_news {
	CONNECTOR_GOOD, /* the NSCL has answered */
	CONNECTOR_REFUSED, /* it says that the connection is over */
	CONNECTOR_NO_KEY, /* it has refused Kmc in the handshake, or is another one */
	CONNECTOR_CUT, /* the handshake was cut off: by the network, or by one that does not know Kmc */
	/* An answer without TLS says that it is over. It goes on; the next one is made, but not often. */
	CONNECTOR_DOUBTED
};
void connector_hear(struct connector *c, uint64_t id, enum connector_news news);

#endif
