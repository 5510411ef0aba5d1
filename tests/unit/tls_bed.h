/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of port_http with psk_peer, for tests of its sessions. */
#ifndef TESTS_UNIT_TLS_BED_H
#define TESTS_UNIT_TLS_BED_H

#include "core/port.h"

#include "port_turn.h"
#include "psk_peer.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define LABEL "EXPORTER-ETSI-TC-M2M-Connection"
#define WITHIN (40 * CLOCK_SECOND)

#define KEYS 4

/* Of two identities, each with a key for TLS 1.3 and one for TLS 1.2. */
extern const struct psk_peer_key keys[KEYS];
extern struct psk_peer peer;

struct errand {
	struct exchange ex;
	char url[128];
	char header[80]; /* what connected adds */
	unsigned asked; /* connected was called */
	unsigned done;
};

struct credential_psk psk_of(const struct psk_peer_key *k);
/* Of keys[at] for TLS 1.3 and keys[at + 1] for TLS 1.2. */
struct credential *credential_at(size_t at);
/* To the peer; errand_init: by https, with credential c. */
void errand_url(struct errand *e, const char *scheme, const char *host, const char *path);
void errand_init(struct errand *e, const struct credential *c, const char *path);
void errand_fini(struct errand *e);
/* With the functions of struct port_conf; port_open: without. */
struct port *port_with(enum rc (*credential)(void *arg, struct slice url, struct credential **out),
                       void *arg);
struct port *port_open(void);
void await(struct port *p, const struct errand *e);
/* Sends, and waits until it is done. */
void run(struct port *p, struct errand *e);
void expect_answer(const struct errand *e);
/* The exchange ended for want of a session; errand_fini. */
void expect_no_session(struct errand *e);
/* Closes the port; the peer got nothing. */
void expect_silence(struct port *p);

#endif
