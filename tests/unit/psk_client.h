/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS client with a pre-shared key by OpenSSL, for tests of servers. */
#ifndef TESTS_UNIT_PSK_CLIENT_H
#define TESTS_UNIT_PSK_CLIENT_H

#include "base/slice.h"

#include <openssl/ssl.h>

#define PSK_CLIENT_EXPORT 32

struct psk_how {
	int version; /* TLS1_2_VERSION ... the only one spoken */
	const char *suites; /* of that version, as OpenSSL names them; NULL = all with a PSK */
	struct slice identity; /* for TLS 1.2 without a zero octet, at most 255 */
	struct slice key; /* empty: no PSK is offered */
	unsigned long options; /* SSL_OP_* */
	SSL_SESSION *resume; /* NULL = a new session */
};

struct psk_client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	struct psk_how how;
	unsigned tickets; /* received */
	unsigned char export[PSK_CLIENT_EXPORT]; /* of label, after the handshake */
};

/* True when the handshake is completed, as far as a client can know. To be closed either way. */
bool psk_client_open(struct psk_client *c, unsigned port, const struct psk_how *how,
                     const char *label);
void psk_client_close(struct psk_client *c);
/*
 * Sends text and reads what comes until the server closes, or answer is full; it is
 * zero-terminated. The status of the answer, 0 when there is none.
 */
int psk_client_ask(struct psk_client *c, const char *text, char *answer, size_t size);

#endif
