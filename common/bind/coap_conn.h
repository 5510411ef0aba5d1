/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of port_coap: one socket to one peer, with DTLS or without, and the message layer of
 * what goes over it (RFC 7252 section 4). libcoap's client sessions are not used: in 4.3.1 they do
 * not acknowledge a separate response a second time, cannot take back a message, and do not say
 * when a request was acknowledged. Its messages are. Private to the CoAP binding; one thread.
 */
#ifndef BIND_COAP_CONN_H
#define BIND_COAP_CONN_H

#include "bind/coap_call.h"
#include "bind/coap_dtls_out.h"
#include "bind/coap_resolve.h"

#define CONN_ANSWERED_MAX 32u

enum conn_state {
	CONN_CONNECTING, /* the DTLS session is made */
	CONN_STANDS,
	CONN_PINGING, /* it was idle: is the peer still there? */
	CONN_FAILED /* calls and failure say the rest */
};

struct coapc_conn {
	struct coapc_conn *next; /* of its host */
	struct coapc_host *host;
	enum conn_state state;
	int fd;
	SSL *ssl; /* NULL: clear */
	const struct credential *credential; /* the host's; NULL: clear */
	size_t message_max;
	bool draining; /* takes no new calls */
	const struct coapc_call *made_for; /* that is not begun yet; compared, never followed */
	bool heard; /* something of the peer, be it of the handshake */
	bool doubted; /* repeated messages, and nothing was heard since: is the session still known? */
	struct dtls_out_failure failure;

	struct coapc_calls active; /* whose messages are under way */
	unsigned n_active;
	int64_t due; /* when the time of the handshake or the ping is over */
	int64_t timer; /* of its repetition */
	int64_t used; /* when it was made, or the last call left */
	int64_t heard_at;
	unsigned n_sent; /* datagrams so far, without those of DTLS itself */

	uint16_t mid;
	uint16_t ping;
	struct coapc_echo echo; /* the latest of the server: for the next message */
	/* Separate responses that were taken: they may come again. */
	uint16_t answered[CONN_ANSWERED_MAX];
	unsigned n_answered;
};

struct conn_conf {
	const struct resolve_address *address;
	const char *host;
	const struct credential *credential; /* NULL: clear */
	int64_t now;
	int64_t due; /* by when the session has to stand */
};

/* NULL: *failure says why. The session may not stand yet: coapc_conn_work. */
struct coapc_conn *coapc_conn_new(const struct conn_conf *conf, struct dtls_out_failure *failure);
/* Without calls. */
void coapc_conn_free(struct coapc_conn *c);

/*
 * Sends the first message of the call, which becomes one of the active. False: it cannot be
 * written, and the call is the caller's. A connection that cannot send has failed.
 */
bool coapc_conn_send(struct coapc_conn *c, struct coapc_call *call, int64_t now);
/* The call is none of the active any more. */
void coapc_conn_leave(struct coapc_conn *c, struct coapc_call *call, int64_t now);
/* Asks the peer whether it is there; the state is CONN_STANDS again when it is. */
void coapc_conn_ping(struct coapc_conn *c, int64_t now, int64_t due);

/* Takes what has come, after an event. Calls that have ended leave it for the list ended. */
void coapc_conn_read(struct coapc_conn *c, int64_t now, struct coapc_calls *ended);
/* The peer has lost the session. */
void coapc_conn_lose(struct coapc_conn *c);
/* Does what is due at now, likewise; when it is to be called next. */
int64_t coapc_conn_work(struct coapc_conn *c, int64_t now, struct coapc_calls *ended);
/*
 * True when so much was sent that message IDs would come again, which they may not while the peer
 * still knows them (RFC 7252 section 4.4): new calls go by another socket.
 */
bool coapc_conn_is_spent(const struct coapc_conn *c);
/*
 * It has failed: true when not even one message can have come to the peer, which is so for a single
 * one alone, after which nothing else was sent: of several nobody knows which was refused.
 */
bool coapc_conn_is_unsent(const struct coapc_conn *c);

#endif
