/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CoAP server that misbehaves on demand, by the first segment of the path:
 *
 *   ok answers; created answers with a location; busy with 5.03; separate acknowledges first, early
 *   answers without; again sends a separate response until it was acknowledged twice; silent never
 *   answers, slow acknowledges only; rst rejects; echo wants its Echo; big has a body of BIG octets
 *   in blocks of 64, changing has two of them; put takes blocks, small only small ones, lossy loses
 *   one; critical has an unknown option; garbage is no message; mixed answers with another token first.
 *
 * With keys it speaks DTLS. All messages but those of DTLS itself are noted.
 */
#ifndef UNIT_COAP_PEER_H
#define UNIT_COAP_PEER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sec/secret.h"

#define COAP_PEER_BIG 20000u
#define COAP_PEER_BODY_MAX 65536u
#define COAP_PEER_SESSIONS 64u

struct coap_peer_conf {
	unsigned drop; /* of the first datagrams, DTLS or not, none is seen */
	const char *psk_identity; /* NULL: no PSK */
	struct key psk_key;
	const char *certificate, *key; /* PEM files; NULL: none */
	const char *client_ca; /* a certificate of the client is required */
	const char *suites; /* NULL: those of OpenSSL */
	bool no_extended_master_secret;
	const char *label; /* of the exporter; NULL: none */
};

struct coap_peer_session;

struct coap_peer {
	struct coap_peer_conf conf;
	int fd;
	unsigned port;
	pthread_t thread;
	_Atomic bool stopping;
	_Atomic bool deaf; /* nothing is seen */
	_Atomic bool forget; /* all sessions, with the next datagram */
	SSL_CTX *ctx;
	struct coap_peer_session *sessions[COAP_PEER_SESSIONS];

	_Atomic unsigned n_datagrams;
	_Atomic unsigned n_requests; /* with a code, also repeated ones */
	_Atomic unsigned n_sources; /* addresses */
	_Atomic unsigned n_acks, n_resets; /* of the client */
	_Atomic unsigned n_handshakes, n_closed; /* DTLS */
	_Atomic unsigned n_most; /* requests to /slow without an answer */

	pthread_mutex_t lock; /* of what follows */
	char last[2048]; /* the last request: method, path?query, then options that are known */
	unsigned char body[COAP_PEER_BODY_MAX]; /* of the last that came in whole */
	size_t n_body;
	unsigned blocks; /* in which it came */
	struct key exported; /* of the last session */
};

void coap_peer_start(struct coap_peer *p, const struct coap_peer_conf *conf);
void coap_peer_stop(struct coap_peer *p);
/* Octet i of the body of /big. */
unsigned char coap_peer_octet(size_t i);

#endif
