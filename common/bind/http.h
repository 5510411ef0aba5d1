/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP binding, receiving side (TS 102 921 annex C): one server is one listening socket with
 * its serving threads. The sending side is port_http of core/port.h.
 *
 * What a client may cost is bounded: connections in all and per address, octets of a header, time
 * of a header, of a body, of an answer nobody reads. A connection without a complete header is
 * closed without an answer at its deadline, or earlier when a newcomer needs its place; a body that
 * comes too slowly is answered with 408.
 */
#ifndef BIND_HTTP_H
#define BIND_HTTP_H

#include "base/log.h"
#include "base/rc.h"
#include "bind/psk.h"
#include "core/req.h"

#define HTTP_WHY_MAX 256

struct http_server;

enum http_security {
	HTTP_CLEAR,
	HTTP_CERTIFICATE, /* TLS, the server shows a certificate */
	HTTP_PSK /* TLS with pre-shared keys of psk, never with a certificate */
};

/* All strings are needed during http_start alone, unless said otherwise; NULL or "" = absent. */
struct http_conf {
	struct scl *scl; /* lives longer than the server */
	struct log *log; /* the same; may be NULL */
	/*
	 * Numeric IPv4 or IPv6 (IPv6 sockets never take IPv4 connections), or unix: and an absolute
	 * path: then clear, without a port and without a limit per address. The socket is removed
	 * by http_quiesce.
	 */
	const char *address;
	unsigned port; /* 0 = any free one */
	unsigned unix_mode; /* permissions of the socket, 0 = 0660 */
	unsigned threads; /* 0 = 2 */
	unsigned serve; /* enum req_serve bits */
	const struct listener_policy *policy; /* the guard's; lives longer than the server; may be NULL */

	enum http_security security;
	const char *cert_file; /* PEM: certificate, then its chain */
	const char *key_file; /* PEM, not encrypted */
	const char *ca_file; /* PEM: asks for a client certificate, of these issuers only */
	bool require_client_cert; /* with ca_file: no certificate, no connection */
	/*
	 * PEM, with ca_file: revocation lists signed by issuers in it. Read again within about a
	 * second when the file changes. A list whose nextUpdate is past stands for nothing: until it
	 * is replaced every client certificate is refused.
	 */
	const char *crl_file;
	const struct psk_source *psk; /* HTTP_PSK: copied; its arg lives longer than the server */
	bool tls13_only;
	bool allow_non_pfs; /* HTTP_PSK: also TLS 1.2 without forward secrecy (RFC 5487) */

	unsigned max_connections; /* 0 = 4096 */
	unsigned max_connections_per_address; /* 0 = no limit; IPv6: per /64 */
	unsigned max_strangers_per_address; /* the same of those that have proved nothing, but from loopback */
	size_t header_max; /* octets a connection may hold for its header, 0 = 16384 */
	unsigned header_timeout_ms; /* from connect, or from the request line, 0 = 10000 */
	unsigned request_timeout_ms; /* from the complete header to the complete body, 0 = 60000 */
	unsigned min_rate; /* octets per second of a body on average, 0 = none */
	unsigned rate_grace_ms; /* age of a body before min_rate counts, 0 = 5000 */
	unsigned idle_timeout_ms; /* between two requests of a connection, 0 = 75000 */
};

/*
 * Starts serving. RC_OK and *server, or an error and a line about it in why. The caller has
 * blocked the signals that it does not want to see in other threads.
 */
enum rc http_start(const struct http_conf *conf, struct http_server **server,
                   char why[HTTP_WHY_MAX]);

/* The port that is listened on; 0 on a UNIX socket. Any thread. */
unsigned http_port(const struct http_server *s);

/* Where requests of this server come in; lives until http_stop. Any thread. */
const struct req_listener *http_listener(const struct http_server *s);

/*
 * Reads the certificate, key, trust anchors and revocation lists (of the file names of http_start,
 * which the server keeps) again. New connections use them; established ones keep theirs, but what
 * their clients have shown is verified again, by what is trusted now, at their next request. On
 * failure nothing changes and why says what is wrong. With pre-shared keys there is nothing to be
 * read. Any thread.
 */
enum rc http_reload_tls(struct http_server *s, char why[HTTP_WHY_MAX]);

/*
 * Accepts nothing more; the port is free for others when this returns. Requests that are under way
 * go on and their connections are closed after the answer, idle connections at once. Any thread.
 */
void http_quiesce(struct http_server *s);

/*
 * Quiesces, waits until the core has answered every submitted request (so the core must still run
 * or have ended them) and at most 2 s for the answers to be sent, ends the threads and frees s.
 * Requests that come in meanwhile are answered 503. NULL is fine.
 */
void http_stop(struct http_server *s);

#endif
