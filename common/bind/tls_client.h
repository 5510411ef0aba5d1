/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sending sides of the bindings have in common of TLS and DTLS: how OpenSSL is told of a
 * credential before the handshake, and what is asked of the session when it stands. Private to the
 * bindings; one thread for each context.
 */
#ifndef BIND_TLS_CLIENT_H
#define BIND_TLS_CLIENT_H

#include "sec/credential.h"
#include "sec/secret.h"

#include <openssl/ssl.h>

/*
 * Sets a context up for c, which outlives it. A session is never taken up again: each one is proved
 * anew. False when OpenSSL cannot do it.
 *
 * With a pre-shared key no certificate is ever accepted: a mere lack of verification would let a
 * server with any certificate take the place of the one that knows the key.
 */
bool tls_client_set_up(SSL_CTX *ctx, const struct credential *c);

/* NULL when the session was made with c, and the peer has proved itself by it; else why not. */
const char *tls_client_check(const SSL *ssl, const struct credential *c);

/*
 * NULL when *out has the exporter value (RFC 5705) of the session, without a context; else why not.
 * Version 1.2 without extended master secret (RFC 7627) has none: the value would not be bound to
 * this session alone.
 */
const char *tls_client_export(SSL *ssl, const char *label, struct key *out);

/* True for an error of OpenSSL that is an alert of the peer about the key (RFC 8446, 6.2). */
bool tls_client_refused(unsigned long code);

#endif
