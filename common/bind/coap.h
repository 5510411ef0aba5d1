/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CoAP binding, receiving side (TS 102 921 annex D, RFC 7252): one server is one UDP socket
 * with one serving thread, clear or with DTLS. The sending side is port_coap of core/port.h.
 *
 * What a peer may cost is bounded: sessions in all and per address, unfinished handshakes, octets
 * of unfinished blocks, observations; a source whose address is not proved (RFC 9175) never gets
 * more than three times what it has sent.
 */
#ifndef BIND_COAP_H
#define BIND_COAP_H

#include "base/log.h"
#include "base/rc.h"
#include "bind/psk.h"
#include "core/req.h"

#define COAPD_WHY_MAX 256

struct coapd;

enum coapd_security {
	COAPD_CLEAR,
	COAPD_CERTIFICATE, /* DTLS, the server shows a certificate */
	COAPD_PSK /* DTLS with pre-shared keys of psk */
};

/* All strings are needed during coapd_start alone; NULL or "" = absent. 0 = the default in brackets. */
struct coapd_conf {
	struct scl *scl; /* lives longer than the server */
	struct log *log; /* the same; may be NULL */
	const char *address; /* numeric IPv4 or IPv6 */
	unsigned port; /* 0 = any free one */
	unsigned serve; /* enum req_serve bits */
	const struct listener_policy *policy; /* the guard's; lives longer; may be NULL */

	enum coapd_security security;
	const char *cert_file; /* PEM: certificate, then its chain */
	const char *key_file; /* PEM, not encrypted */
	const char *ca_file; /* PEM: asks for a client certificate, of these issuers only */
	bool require_client_cert;
	const char *crl_file; /* PEM, with ca_file */
	const struct psk_source *psk; /* COAPD_PSK: copied; its arg lives longer */
	bool allow_non_pfs; /* COAPD_PSK: also suites without forward secrecy (RFC 7252 9.1.3.1) */

	unsigned max_sessions; /* peers known at a time [4096]; beyond, the idlest goes */
	unsigned max_sessions_per_address; /* [256]; IPv6: per /64 */
	unsigned max_handshakes; /* unfinished at a time [256] */
	unsigned max_observers; /* in all [4096]; beyond: an answer without Observe */
	unsigned max_observers_per_session; /* [64] */
	unsigned max_requests_per_session; /* under way [16]; beyond: 5.03 */
	size_t block_octets; /* of unfinished bodies and kept answers [16 MiB] */
	unsigned idle_timeout_ms; /* of a session without observers [300000] */
	unsigned ack_delay_ms; /* answers later than this are separate responses [1000] */
	bool notify_non; /* notifications as NON where RFC 7641 allows it */
};

enum rc coapd_start(const struct coapd_conf *conf, struct coapd **server, char why[COAPD_WHY_MAX]);
/* Any thread, as those below. */
unsigned coapd_port(const struct coapd *s);
const struct req_listener *coapd_listener(const struct coapd *s);
/* As http_reload_tls. */
enum rc coapd_reload_tls(struct coapd *s, char why[COAPD_WHY_MAX]);
/* Takes no new requests (5.03); those under way go on. */
void coapd_quiesce(struct coapd *s);
/* Quiesces, waits for submitted requests and at most 2 s for what is not acknowledged, ends. */
void coapd_stop(struct coapd *s);

#endif
