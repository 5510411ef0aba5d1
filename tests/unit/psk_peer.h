/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS server on OpenSSL, with pre-shared keys or a certificate, that notes which session each
 * request came on. /slow is answered when psk_peer_release was called, /end ends the connection,
 * all else is answered with 200 at once.
 */
#ifndef TESTS_UNIT_PSK_PEER_H
#define TESTS_UNIT_PSK_PEER_H

#include "sec/secret.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PEER_CLIENTS_MAX 512u
#define PEER_SEEN_MAX 1024u
#define PEER_HEAD_MAX 2048u

struct psk_peer_key {
	const char *identity;
	struct key key;
};

struct psk_peer_conf {
	const struct psk_peer_key *keys;
	size_t nkeys;
	int version; /* 12 or 13; 0: both */
	const char *suites12; /* NULL: those of OpenSSL for pre-shared keys */
	bool no_extended_master_secret;
	const char *garbage; /* sent in place of TLS */
	bool silent; /* says nothing at all */
	const char *certificate, *key; /* PEM files; with them there are no pre-shared keys */
	const char *client_ca; /* asks for a certificate of the client */
	const char *label; /* of the exporter value that is noted; NULL: none */
};

/* A request, and the session that it came on. */
struct psk_peer_seen {
	unsigned connection; /* from 0 */
	char identity[256]; /* of the key; the client certificate's subject; or empty */
	int version; /* 12 or 13 */
	struct key exported;
	char head[PEER_HEAD_MAX];
};

struct psk_peer {
	struct psk_peer_conf conf;
	SSL_CTX *ctx;
	int listen_fd;
	unsigned port;
	pthread_t acceptor;
	pthread_t clients[PEER_CLIENTS_MAX];
	int fds[PEER_CLIENTS_MAX];
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool released;
	unsigned n_clients;
	unsigned n_handshakes; /* made */
	unsigned n_ended; /* connections */
	size_t n_octets; /* of application data that were received */
	unsigned n_seen;
	struct psk_peer_seen seen[PEER_SEEN_MAX];
};

/* Exits when it cannot be started. The texts of conf stay until psk_peer_stop. */
void psk_peer_start(struct psk_peer *p, const struct psk_peer_conf *conf);
void psk_peer_stop(struct psk_peer *p);
/* Answers /slow, from now on at once. */
void psk_peer_release(struct psk_peer *p);
unsigned psk_peer_seen(struct psk_peer *p);
/* Waits until all of at least n connections have ended. */
void psk_peer_await_end(struct psk_peer *p, unsigned n);

#endif
