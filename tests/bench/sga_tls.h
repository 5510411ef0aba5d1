/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 with a pre-shared key and ephemeral Diffie-Hellman (psk_dhe_ke), AES-128-GCM. */
#ifndef BENCH_SGA_TLS_H
#define BENCH_SGA_TLS_H

#include <stdint.h>

#include <openssl/ssl.h>

struct tls_pair {
	SSL_CTX *client, *server;
};

/* Groups: "X25519", "ffdhe3072". False: the library does not do it. */
int tls_pair_make(struct tls_pair *p, const char *group);
void tls_pair_free(struct tls_pair *p);

/* One handshake over memory. */
struct tls_cost {
	uint64_t client_ns, server_ns; /* of processor time */
	unsigned long client_octets, server_octets; /* sent */
};

/* 0: it failed. */
int tls_handshake(const struct tls_pair *p, struct tls_cost *cost);

#endif
