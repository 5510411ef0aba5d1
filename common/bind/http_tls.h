/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the HTTP server by GnuTLS; private to the HTTP binding. */
#ifndef BIND_HTTP_TLS_H
#define BIND_HTTP_TLS_H

#include "bind/http.h"

#include <microhttpd.h>
#include <sys/types.h>

struct gnutls_session_int;
struct http_conn;
struct http_tls;

#define HTTP_TLS_OPTIONS 3

#define HTTP_TLS_1_2 0x0303u
#define HTTP_TLS_1_3 0x0304u

/* The versions and suites of a listener, as GnuTLS names them; a constant. */
const char *http_tls_priorities(const struct http_conf *conf);

/* What makes a libmicrohttpd daemon speak TLS. */
void http_tls_options(const char *priorities, struct MHD_OptionItem options[HTTP_TLS_OPTIONS]);

/*
 * Loads certificate, key and (unless NULL) the names of the trust anchors that clients are asked
 * for a certificate of. NULL and a line in why when a file is unusable. The result is counted and never changes.
 */
struct http_tls *http_tls_load(const char *cert_file, const char *key_file, const char *ca_file,
                               char why[HTTP_WHY_MAX]);
/* The same with the pre-shared keys of the server (struct http_server, psk). */
struct http_tls *http_tls_psk(char why[HTTP_WHY_MAX]);
struct http_tls *http_tls_ref(struct http_tls *t);
void http_tls_unref(struct http_tls *t);

/*
 * Prepares the session of a new connection (c->session, c->tls); before its handshake. False when
 * GnuTLS refuses.
 */
bool http_tls_attach(struct http_conn *c, bool require_client_cert);

/* HTTP_TLS_1_2 or HTTP_TLS_1_3, as soon as that is agreed in the handshake; else 0. */
unsigned http_tls_version(struct gnutls_session_int *session);

/* Writes what the socket takes; <= 0 when nothing. Owner only. */
ssize_t http_tls_write(struct gnutls_session_int *session, struct slice text);

#endif
