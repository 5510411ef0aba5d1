/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.2 of port_coap: sessions that this side begins. libcoap's own client tells nothing of the
 * session before the first message, takes no revocation lists, offers suites without forward
 * secrecy and leaves copies of keys behind; so the session is made with OpenSSL directly. Private
 * to the CoAP binding; one thread.
 */
#ifndef BIND_COAP_DTLS_OUT_H
#define BIND_COAP_DTLS_OUT_H

#include "sec/credential.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/socket.h>

/* The peer, and by what it is to be proved; all stay while the session is. */
struct dtls_out_conf {
	int fd; /* connected, does not block */
	const struct sockaddr *address; /* that it is connected to */
	const char *host; /* name or numeric address of the URI, which a certificate must have */
	const struct credential *credential;
};

enum dtls_out_step {
	DTLS_OUT_DONE, /* the session stands; or a record was read */
	DTLS_OUT_WAITS, /* for the peer */
	DTLS_OUT_CLOSED, /* by the peer */
	DTLS_OUT_FAILED /* why is said */
};

/* Why a session could not be made. */
struct dtls_out_failure {
	char text[112]; /* for the log */
	bool refused; /* the peer has said so, or has shown that it is another one */
	bool unreachable; /* nobody listens there */
};

/* NULL: *failure says why. dtls_out_free by the caller. */
SSL *dtls_out_new(const struct dtls_out_conf *conf, struct dtls_out_failure *failure);
/* Tells the peer of the end, when the session stands. NULL is fine. */
void dtls_out_free(SSL *ssl);
/* *heard becomes true with the first record of the peer, while the session is made. */
void dtls_out_listen(SSL *ssl, bool *heard);
/* Goes on with the handshake; also when its own timer is over. */
enum dtls_out_step dtls_out_handshake(SSL *ssl, struct dtls_out_failure *failure);
/* When dtls_out_handshake is to be called without a record, monotonic. */
int64_t dtls_out_due(SSL *ssl, int64_t now);
/* One record of at most size octets, *n of them. */
enum dtls_out_step dtls_out_read(SSL *ssl, void *to, size_t size, size_t *n);
/* False: the session is of no use any more. A record that the socket does not take is lost. */
bool dtls_out_write(SSL *ssl, const void *from, size_t n);

#endif
