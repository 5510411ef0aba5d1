/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the front share; private to it. */
#ifndef BIND_COAP_FRONT_IMPL_H
#define BIND_COAP_FRONT_IMPL_H

#include "bind/coap_front.h"
#include "core/keyed.h"
#include "sec/secret.h"

#include <netinet/in.h>

/* How long a secret makes proofs; each is good while the next one is in use. */
#define FRONT_ROLL_US INT64_C(60000000)
/* From the ClientHello to the end of the handshake; when all places are taken. */
#define FRONT_SHAKE_US INT64_C(30000000)
#define FRONT_SHAKE_FULL_US INT64_C(5000000)
#define FRONT_RANDOM 32u /* of a ClientHello */
#define FRONT_PING 4u /* octets of a ping: an empty message */

/* A source, IPv4 as the mapped address of IPv6. */
struct front_source {
	unsigned char address[16];
	uint16_t port;
};

/* ---- proofs (coap_front_proof.c) ---- */

/* By what a source gets its own octets back: nobody else can make them. */
struct front_proof {
	struct key secrets[2]; /* of even and odd periods */
	int64_t period; /* the current one */
};

bool front_proof_init(struct front_proof *p, int64_t now);
void front_proof_fini(struct front_proof *p);
/* New secrets when their time has come; before the functions below. False: there is none. */
bool front_proof_roll(struct front_proof *p, int64_t now);
/* n octets (at least 8, at most 32) for source; use keeps those of different uses apart. */
bool front_proof_make(const struct front_proof *p, char use, const struct front_source *source,
                      unsigned char *out, size_t n);
/* Whether they are of this period or the one before. */
bool front_proof_good(const struct front_proof *p, char use, const struct front_source *source,
                      struct slice proof, size_t n);

/* ---- peers (coap_front_peer.c) ---- */

struct front_link {
	struct front_link *next;
	struct front_link *prev;
};

/* All peers of an address: IPv4, or the upper half of IPv6. */
struct front_site {
	struct keyed keyed;
	uint64_t prefix[2];
	unsigned peers;
	unsigned handshakes;
	/* Of its peers those that are held, and the others; idlest first. */
	struct front_link held;
	struct front_link loose;
};

struct front_peer {
	struct keyed keyed;
	struct front_source source;
	struct front_site *site;
	void *arg; /* the server's */
	/* While held: idlest first. While its handshake is under way: oldest first. */
	struct front_link by_use;
	struct front_link by_site; /* in a list of its site */
	bool held;
	bool shaking; /* DTLS: the handshake is under way; never while held */
	int64_t begun; /* of it */
	unsigned char random[FRONT_RANDOM]; /* DTLS: of its ClientHello */
	int64_t seen; /* monotonic, of the last datagram */
	int64_t proved_until; /* by DTLS, or Echo */
	size_t allowance; /* before that */
	bool ponged; /* has answered a ping */
	/* The ping under way: until when its reset is awaited, how many wrong ones came. */
	int64_t ping_until;
	unsigned ping_wrong;
	uint16_t ping_mid;
};

struct front_peers {
	struct keyed_table peers;
	struct keyed_table sites;
	uint64_t seed;
	struct front_link held;
	unsigned n_held;
	struct front_link shaking;
	unsigned handshakes;
};

bool front_peers_init(struct front_peers *t);
void front_peers_fini(struct front_peers *t);
bool front_source_of(struct front_source *s, const struct sockaddr *from);
struct front_peer *front_peer_find(const struct front_peers *t, const struct front_source *s);
/* The site of s, or NULL: it has no peers. */
struct front_site *front_site_find(const struct front_peers *t, const struct front_source *s);
/* The one whose handshake takes longest, and longer than us; NULL: none does. */
struct front_peer *front_peer_late(const struct front_peers *t, int64_t now, int64_t us);
/* The one of the site of s that can be spared most: idle for longest, of those not held first. */
struct front_peer *front_peer_idlest(const struct front_peers *t, const struct front_source *s);
/* A datagram of p is about to pass: it is the one that was used last. */
void front_peer_used(struct front_peers *t, struct front_peer *p, int64_t now);

/* ---- the socket (coap_front_socket.c) ---- */

/* The next datagram, which stays where it is. */
struct front_datagram {
	unsigned char octets[FRONT_DATAGRAM_MAX + 1];
	size_t n; /* its length: octets has FRONT_DATAGRAM_MAX + 1 of a longer one */
	struct sockaddr_storage from;
	struct sockaddr_storage to; /* the own address it came to, without a port */
	int interface;
};

/* The descriptor that is bound to name, or -1. */
int front_socket_find(const struct front_name *name);
/* False: none waits. */
bool front_socket_peek(int fd, struct front_datagram *d);
/* More than half of what may wait does: soon datagrams will be lost. */
bool front_socket_crowded(int fd);
/* Takes the one that was seen away. */
void front_socket_drop(int fd);
/* Answers d from the address that it came to; what does not go out is lost. */
void front_socket_answer(int fd, const struct front_datagram *d, const void *p, size_t n);

/* ---- DTLS (coap_front_hello.c) ---- */

/* What a datagram that begins with a ClientHello says. */
struct front_hello {
	const unsigned char *record; /* its header */
	const unsigned char *random;
	struct slice cookie;
};

/* True for the begin of a handshake: an unencrypted ClientHello, at least with its cookie. */
bool front_hello_read(struct slice datagram, struct front_hello *h);
#define FRONT_VERIFY_MAX 64u
/* A HelloVerifyRequest that answers h; its length. */
size_t front_hello_verify(const struct front_hello *h, const unsigned char cookie[FRONT_COOKIE],
                          unsigned char out[FRONT_VERIFY_MAX]);

/* ---- the front itself ---- */

struct front {
	struct front_conf conf;
	int fd;
	sa_family_t family; /* of the socket */
	struct front_proof proof;
	struct front_peers t;
	struct front_datagram d;
	struct front_source source; /* of d */
	struct front_hello hello; /* of d, when it begins a session */
	bool begins;
	struct front_counts counts;
	uint64_t logged; /* of counts.refused */
	int64_t log_at; /* not before */
};

#endif
