/* SPDX-License-Identifier: Apache-2.0 */
/* TLS with pre-shared keys; private to the HTTP binding. */
#ifndef BIND_HTTP_PSK_H
#define BIND_HTTP_PSK_H

#include "base/slice.h"

#include <gnutls/gnutls.h>

struct http_conn;

/*
 * Credentials that ask the psk_source of a connection's server; the connection is the receiving
 * transport pointer of the session. GNUTLS_E_SUCCESS or a code of GnuTLS.
 */
int http_psk_credentials(gnutls_psk_server_credentials_t *cred);

/* Prepares the session of a new connection. */
void http_psk_attach(gnutls_session_t session);

/*
 * The identity by which the handshake of c was completed. p is NULL when it was none, or is not
 * the one whose key was looked up. Lives as long as the connection. Owner only.
 */
struct slice http_psk_identity(const struct http_conn *c);

#endif
