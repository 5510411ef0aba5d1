/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between the socket of a server and libcoap: it looks at each datagram before libcoap
 * reads it, and throws away what may cost nothing. What it knows of a source is a struct front_peer:
 * whether its address is proved (RFC 9175, or the cookie of RFC 6347 section 4.2.1), how many octets
 * it may still get before that, how many sessions its address has.
 *
 * A datagram of an unproved source of clear CoAP is served; what goes back is at most three times
 * what came of it (RFC 9175 section 2.4), all of it together, retransmissions included: a separate
 * response to such a peer is sent as NON unless that is paid for. With DTLS a session exists only for
 * a proved address.
 *
 * Private to the CoAP binding; the server's thread. now is monotonic (clock_monotonic), in us.
 */
#ifndef BIND_COAP_FRONT_H
#define BIND_COAP_FRONT_H

#include "base/log.h"
#include "base/slice.h"
#include "bind/coap.h"

#include <stdint.h>
#include <sys/socket.h>

#define FRONT_ECHO 16u
#define FRONT_COOKIE 32u /* RFC 4347 has no longer ones */
#define FRONT_DATAGRAM_MAX 1472u /* what libcoap reads at most */

struct front;
struct front_peer;

struct front_conf {
	struct log *log; /* may be NULL */
	struct slice listener; /* its name in the log; lives as long as the front */
	bool dtls;
	unsigned max_sessions; /* as in struct coapd_conf, but none is 0 */
	unsigned max_sessions_per_address;
	unsigned max_handshakes;
	/*
	 * The session of arg is over: it is the idlest of an address that has as many as it may and
	 * wants another one; or, with DTLS, its handshake takes too long, or its peer has begun anew
	 * from the same address and port (RFC 6347 section 4.2.8) after that was proved again. It has
	 * left when this returns. With DTLS libcoap's is gone then, too: disconnected, and libcoap has
	 * been given a turn that reads nothing (coap_io_prepare_epoll).
	 */
	void (*end)(void *arg);
};

/* The address of a listener, numeric, with a port (0: any). */
struct front_name {
	struct sockaddr_storage name;
	socklen_t n;
};

/*
 * Makes name from an address and a port, and looks that nobody has it: libcoap would share it with
 * whoever has. A port of 0 becomes a free one. RC_BAD_REQUEST: no address; RC_CONFLICT: in use;
 * RC_DENIED: may not be bound.
 */
enum rc front_reserve(const char *address, unsigned port, struct front_name *name,
                      char why[COAPD_WHY_MAX]);

/* name is where libcoap's endpoint is bound already: its socket is found by it. NULL and why. */
struct front *front_new(const struct front_conf *conf, const struct front_name *name,
                        char why[COAPD_WHY_MAX]);
/* After the last session was left. NULL is allowed. */
void front_free(struct front *f);
/* libcoap's socket, for waiting; not to be closed. */
int front_fd(const struct front *f);

enum front_next {
	FRONT_NONE, /* nothing to be read */
	FRONT_PASS, /* one datagram is to be read */
	FRONT_YIELD /* thrown away enough for now: look after other work, then call again */
};

/*
 * Looks at the datagrams that wait, throws away and answers what never becomes libcoap's. After
 * FRONT_PASS exactly one is to be taken away, by libcoap, which reads it, or by front_take; the
 * order of the datagrams stays as it was.
 */
enum front_next front_next(struct front *f, int64_t now);

/* The datagram that passed last, and where it came from; valid until the next front_next. */
struct slice front_datagram(const struct front *f, const struct sockaddr **from);
/* Takes it away: libcoap does not get it. */
void front_take(struct front *f);
/* The arg of the session that it belongs to; NULL: of none, until front_join. */
void *front_session(const struct front *f);

/*
 * A session was made by libcoap, for the datagram that passed last (COAP_EVENT_SERVER_SESSION_NEW);
 * arg is the server's. NULL without memory (the session is to be given nothing).
 */
struct front_peer *front_join(struct front *f, const struct sockaddr *remote, void *arg,
                              int64_t now);
/* It is gone (COAP_EVENT_SERVER_SESSION_DEL); NULL is allowed. */
void front_leave(struct front *f, struct front_peer *p);
/* The DTLS handshake is over: no more counted as one under way. */
void front_established(struct front *f, struct front_peer *p);

/*
 * Whether the address is proved. The server then holds the session by coap_session_reference, and
 * tells libcoap front_unproved_max by coap_context_set_max_idle_sessions: spoofed sources push out
 * each other only. Asked after each datagram of the peer that passed; once held, a session stays so
 * until front_surplus gives it.
 */
bool front_proved(const struct front_peer *p, int64_t now);
/* The server has taken that reference; the peer is among those that front_surplus looks at. */
void front_hold(struct front *f, struct front_peer *p);
/* How many sessions of unproved peers there may be. */
unsigned front_unproved_max(const struct front *f);
/*
 * One whose reference is to be given up, and which is held no more from now on: nothing came from it
 * for idle_us, or it is the idlest of more than there may be. Its arg; NULL: there is none. Asked
 * until then, once a second and after front_hold.
 */
void *front_surplus(struct front *f, int64_t now, int64_t idle_us);

/*
 * Octets that may be sent now, of messages with their headers, and leave enough for front_challenge;
 * SIZE_MAX for one proved by Echo.
 */
size_t front_allowance(const struct front_peer *p, int64_t now);
/*
 * The datagram that passed last was a request that p answers itself: p may be sent three times as
 * much, beside what is left of those before. What libcoap alone has answered gives nothing.
 */
void front_came(const struct front *f, struct front_peer *p);
/* n octets were sent, or will be, each repetition of a CON counted; any peer. */
void front_sent(struct front_peer *p, size_t n);

/* An Echo option for the answer; its length, FRONT_ECHO, or 0: not needed. */
unsigned front_echo(const struct front *f, const struct front_peer *p,
                    unsigned char echo[FRONT_ECHO], int64_t now);
/* A request had that Echo option. True: p is proved by it; an option of others is ignored. */
bool front_take_echo(struct front *f, struct front_peer *p, struct slice echo, int64_t now);

/*
 * What p asked for is more than it may get now: proves the address of a peer that knows nothing of
 * Echo by a ping (an empty CON, RFC 7252 section 4.3) whose reset must have its message ID. It then
 * has an allowance of 64 KiB: an ID of 16 bits could be guessed, but for more than is gained by it.
 */
void front_challenge(struct front *f, struct front_peer *p, int64_t now);

/*
 * The cookie of RFC 6347 section 4.2.1 for the source of the datagram that passed last, and whether
 * one is. The front demands it, and the TLS library (coap_dtls) asks for the same again: there is one
 * HelloVerifyRequest only.
 */
bool front_cookie(const struct front *f, unsigned char cookie[FRONT_COOKIE]);
bool front_cookie_good(const struct front *f, struct slice cookie);

/* Of all datagrams, for the log and tests. */
struct front_counts {
	uint64_t passed;
	uint64_t dropped; /* malformed, no session of it, or */
	/*
	 * Over a limit, or of an unproved source while half of the socket's room is taken; logged
	 * every 10 s as sessions_full.
	 */
	uint64_t refused;
	uint64_t verified; /* ClientHellos answered with a HelloVerifyRequest */
};
const struct front_counts *front_counts(const struct front *f);

#endif
