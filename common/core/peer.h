/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the other end of a connection has proved to be, and by what: what the transport knows of it,
 * before any policy. A binding fills it once for a connection; it lives as long as the connection.
 */
#ifndef CORE_PEER_H
#define CORE_PEER_H

#include "base/buf.h"
#include "base/rc.h"

#include <stddef.h>

enum peer_kind {
	PEER_UNPROVED, /* nobody in particular */
	PEER_CERTIFICATE, /* a certificate that was verified: issuer, validity, revocation, purpose */
	PEER_PSK, /* a TLS pre-shared key */
	PEER_UNIX /* a process on this host, by a UNIX socket */
};

#define PEER_FINGERPRINT 32

struct peer {
	enum peer_kind kind;
	struct slice address; /* numeric source address without a port; empty on a UNIX socket */
	bool loopback; /* the address is one, or the socket is a UNIX socket */

	/* PEER_PSK: the identity, as it was looked up; no zero octet in it. */
	struct slice psk_identity;

	/* PEER_CERTIFICATE: of the client's certificate. */
	const struct slice *uris; /* subjectAltName URIs in their order */
	size_t n_uris;
	const struct slice *dns_names; /* the same of DNS names */
	size_t n_dns_names;
	struct slice subject; /* distinguished name, RFC 4514 */
	struct slice spki; /* SubjectPublicKeyInfo, DER */
	unsigned char fingerprint[PEER_FINGERPRINT]; /* SHA-256 of spki */
	/*
	 * Appends the DER of the client's certificate, or of the one that has issued it in the chain that
	 * was verified. NULL, or RC_NOT_FOUND: it is not known; RC_NO_SPACE: it is longer than out may
	 * become. Serving thread of the connection, while a request of it is not submitted.
	 */
	enum rc (*certificate)(const struct peer *peer, bool issuer, struct buf *out);

	/* PEER_UNIX: SO_PEERCRED. */
	unsigned uid, pid;

	/* TLS of the connection; 0 = none. */
	unsigned tls_version; /* 0x0303, 0x0304 */
	/*
	 * Fills n octets of the TLS exporter without a context (RFC 5705, RFC 8446 7.5). RC_DENIED
	 * without TLS, or in TLS 1.2 without the extended master secret: the value would not identify
	 * the session. Serving thread of the connection, while a request of it is not submitted.
	 */
	enum rc (*exporter)(const struct peer *peer, const char *label, void *out, size_t n);
};

#endif
