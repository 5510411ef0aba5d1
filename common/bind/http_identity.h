/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection knows of its other end; private to the HTTP binding. All functions are the
 * owner's.
 */
#ifndef BIND_HTTP_IDENTITY_H
#define BIND_HTTP_IDENTITY_H

#include "bind/psk.h"
#include "core/peer.h"

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdint.h>

struct http_conn;
struct client_cert;

struct http_identity {
	struct peer peer;
	bool known; /* what the handshake has brought is in peer */
	char address[INET6_ADDRSTRLEN];
	char psk[PSK_IDENTITY_MAX]; /* that a key was given for last */
	size_t psk_n;
	_Atomic bool proved; /* psk is what the session stands on, and does not change any more */
	/* The verified certificate of the client; NULL = none. */
	struct client_cert *certificate;
	int64_t check_at; /* seconds since 1970; it is to be verified again */
	unsigned generation; /* of the trust it was verified by */
};

/* A new connection from there. */
void http_identity_begin(struct http_conn *c, const struct sockaddr *from);
void http_identity_end(struct http_conn *c);

/*
 * Verifies the certificates that the client of c has shown; in the handshake. False when they are
 * not to be trusted, or name more than can be kept.
 */
bool http_identity_verify(struct http_conn *c);

/*
 * A request came: true when c's peer is as it was proved, and still valid. Its facts are then
 * complete. False: nothing of this connection may be served.
 */
bool http_identity_current(struct http_conn *c);

#endif
