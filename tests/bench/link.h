/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of the load generator, clear or under TLS by OpenSSL. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct psk;	/* keys.h */

enum link_version { LINK_TLS_ANY, LINK_TLS_1_2, LINK_TLS_1_3 };

struct link_conf {
	enum link_version version;
	bool psk;		/* pre-shared keys, not certificates */
	const char *ca;		/* PEM file the server's certificate is checked with; NULL: not */
	const char *cert;	/* PEM file to show, with its key; NULL: none */
	const char *cert_key;
};

/* What all connections have in common. Constant after link_tls_new(); any thread. */
struct link_tls;

/* NULL after a line on stderr. conf is not used after the call. */
struct link_tls *link_tls_new(const struct link_conf *conf);
/* NULL is fine. */
void link_tls_free(struct link_tls *tls);

/* Caller's memory; all zero is not connected. */
struct link {
	struct ssl_st *ssl;	/* NULL: clear */
	bool failed;		/* OpenSSL is not asked any more */
	int fd;
};

/*
 * Takes over the connected socket fd, which link_close() closes also after a failure. tls NULL:
 * clear. The handshake, which is always a full one, is part of the first link_send(). psk: the key of this
 * connection, which outlives it; NULL with certificates.
 */
bool link_open(struct link *l, int fd, const struct link_tls *tls, const struct psk *psk);

/*
 * Octets sent or received; 0 from link_receive(): the end. -1 with errno EAGAIN: to be repeated
 * when the socket is ready, for the same octets. -1 with another errno: the link is good for
 * link_close() alone. Never wait.
 */
ssize_t link_send(struct link *l, const void *data, size_t len);
ssize_t link_receive(struct link *l, void *data, size_t len);

/* The handshake is not over, so there is nothing to receive. */
bool link_is_opening(const struct link *l);

/* It failed in the handshake. */
bool link_is_refused(const struct link *l);

/* After EAGAIN from link_send(): it waits for the socket to take more, not for the peer. */
bool link_wants_room(const struct link *l);

/* Version, suite and group that were agreed, "" when clear. */
void link_describe(const struct link *l, char *text, size_t size);

/* Says so to the peer when the link was used without an error. */
void link_close(struct link *l);

#endif
