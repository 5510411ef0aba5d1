/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS of a CoAP server by libcoap's OpenSSL, and who a peer has proved to be; private to the CoAP
 * binding. All functions are those of the server's thread unless they say otherwise.
 */
#ifndef BIND_COAP_DTLS_H
#define BIND_COAP_DTLS_H

#include "bind/coap.h"
#include "bind/coap_front.h"
#include "core/peer.h"

#include <netinet/in.h>
#include <stdint.h>

#include <coap3/coap.h>

struct cdtls; /* of a server */
struct client_cert;

/*
 * What is known of the other end of one session, clear or DTLS; a member of the server's session.
 * peer may be given to the core from cdtls_begin on; it stays where it is until cdtls_end.
 */
struct cdtls_identity {
	struct peer peer;
	struct cdtls *dtls; /* NULL: clear */
	coap_session_t *session; /* NULL: gone, set by the server */
	bool known; /* what the handshake has brought is in peer */
	char address[INET6_ADDRSTRLEN];
	char psk[PSK_IDENTITY_MAX];
	struct client_cert *certificate; /* verified; NULL = none */
	int64_t check_at; /* seconds since 1970; it is to be verified again */
	unsigned generation; /* of the trust it was verified by */
};

/*
 * Makes ctx speak DTLS 1.2, before coap_new_endpoint: COAPD_CERTIFICATE with the files, COAPD_PSK with
 * conf->psk. conf is needed during the call alone, its log and what psk.arg is longer. NULL and why.
 */
struct cdtls *cdtls_new(const struct coapd_conf *conf, coap_context_t *ctx,
                        char why[COAPD_WHY_MAX]);
/* Before the first datagram is read: whose cookies are good. */
void cdtls_front(struct cdtls *d, const struct front *front);
/* After coap_free_context. NULL is allowed. */
void cdtls_free(struct cdtls *d);

/*
 * Reads the files again, as http_reload_tls; any thread. They are in use from the next cdtls_tick on.
 * A file of revocation lists is also read when it has changed, within about a second.
 */
enum rc cdtls_reload(struct cdtls *d, char why[COAPD_WHY_MAX]);
/* Once a second: takes what was loaded meanwhile into use. NULL is allowed. */
void cdtls_tick(struct cdtls *d);

/* A new session (COAP_EVENT_SERVER_SESSION_NEW). d is NULL for a clear one. */
void cdtls_begin(struct cdtls_identity *id, struct cdtls *d, coap_session_t *session);
/* Before the session is gone. */
void cdtls_end(struct cdtls_identity *id);
/*
 * A request came: true when the peer is as it was proved, and still valid; its facts are complete.
 * False: nothing of this session may be served, and it is to be ended. Clear sessions: true.
 */
bool cdtls_current(struct cdtls_identity *id);
/*
 * Asked about once a second for each session: false when nothing will be served on it any more (its
 * key was revoked): it is to be ended when no request is under way.
 */
bool cdtls_stands(const struct cdtls_identity *id);

#endif
