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

/* What makes a libmicrohttpd daemon speak TLS (1.2 and later, own order of preference). */
void http_tls_options(struct MHD_OptionItem options[HTTP_TLS_OPTIONS]);

/*
 * Loads certificate, key and (unless NULL) trust anchors. NULL and a line in why when a file is
 * unusable. The result is counted and never changes.
 */
struct http_tls *http_tls_load(const char *cert_file, const char *key_file, const char *ca_file,
                               char why[HTTP_WHY_MAX]);
struct http_tls *http_tls_ref(struct http_tls *t);
void http_tls_unref(struct http_tls *t);

/*
 * Prepares the session of a new connection (c->session, c->tls); before its handshake. False when
 * GnuTLS refuses.
 */
bool http_tls_attach(struct http_conn *c, bool require_client_cert);

/*
 * Who the verified client certificate names: its first URI, else its first DNS name, else its
 * subject. p is NULL without one. Lives as long as the connection. Owner only.
 */
struct slice http_tls_identity(struct http_conn *c);

/* Writes what the socket takes; <= 0 when nothing. Owner only. */
ssize_t http_tls_write(struct gnutls_session_int *session, struct slice text);

#endif
