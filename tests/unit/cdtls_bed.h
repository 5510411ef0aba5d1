/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS of the CoAP server: libcoap with one endpoint, its front and cdtls, and OpenSSL as the
 * client; one thread turns both.
 */
#ifndef UNIT_CDTLS_BED_H
#define UNIT_CDTLS_BED_H

#include "bind/coap_dtls.h"

#include <openssl/ssl.h>

#include "base/clock.h"

#define LABEL "EXPORTER-test"
#define IDENTITY "mc2.1122334455667788"
#define WAIT_US (10 * CLOCK_SECOND)

extern struct coapd_conf conf; /* to be changed before cdtls_bed_start */
extern struct cdtls *dtls;
extern struct front *front;
extern char why[COAPD_WHY_MAX];

/* The one session that is looked at: the latest. */
extern struct cdtls_identity identity;
extern struct front_peer *peer;
extern unsigned begun; /* sessions */
extern enum rc exported; /* by the last request, with LABEL */
extern unsigned char server_export[32];

/* Of the keys: how many were asked for, and what is said of IDENTITY's. */
extern unsigned finds;
extern bool key_stands;

/* With pre-shared keys. */
void cdtls_bed_begin(void);
void cdtls_bed_end(void);
void cdtls_bed_start(void);
/* Before cdtls_bed_end, to see what outlives the server. */
void cdtls_bed_stop(void);
void cdtls_bed_turn(void);

struct client {
	int fd;
	SSL_CTX *ctx;
	SSL *tls;
	const char *identity;
	char key;
	const char *suites;
	const char *certificate; /* of the key conf.key_file */
	bool no_master; /* no extended master secret */
	bool failed;
};

void client_socket(struct client *c);
void client_tls(struct client *c);
void client_drop_tls(struct client *c);
void client_end(struct client *c);
/* True when the handshake is over; it may also fail, or nothing come for so long. */
bool shake(struct client *c, int64_t us);
/* All of that, from the socket on. */
bool connects(struct client *c);
/* A GET; the code of its answer, 0: none. */
int ask(struct client *c);
/* What both ends export is the same, once the session stands. */
void check_exporter(struct client *c);

#endif
