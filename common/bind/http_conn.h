/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and their table; private to the HTTP binding.
 *
 * A connection belongs to the thread of its loop; the table is shared. The watchdog and a newcomer
 * without a place may only change the state by compare-and-swap and shut the socket down, which
 * wakes the owner. The table's lock is held while a foreign thread touches a connection and when
 * the owner takes it out, so that the socket is never one that was closed meanwhile.
 */
#ifndef BIND_HTTP_CONN_H
#define BIND_HTTP_CONN_H

#include "base/buf.h"
#include "base/log.h"
#include "bind/http_identity.h"
#include "core/req.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

struct MHD_Connection;
struct http_loop;
struct http_server;
struct http_tls;
struct gnutls_session_int;

enum conn_state {
	CONN_IDLE, /* waits for a request line */
	CONN_HEADER, /* has it, waits for the end of the header */
	CONN_ACTIVE, /* with the serving thread or the core: not timed */
	CONN_BODY, /* waits for octets of the body */
	CONN_LATE, /* the watchdog gave up waiting; its serving thread has to answer 408 */
	CONN_SENDING, /* the answer is on its way */
	CONN_DRAIN, /* answered early; what still comes is thrown away (RFC 9112 section 9.6) */
	CONN_DEAD, /* shut down, will be closed by its serving thread */
	CONN_STATES
};

struct http_link {
	struct http_link *next;
	struct http_link *prev;
};

struct http_peer;

struct http_conn {
	struct http_server *server;
	struct http_loop *loop;
	struct MHD_Connection *mhd;
	int fd;

	/* TLS; NULL on a clear connection. */
	struct gnutls_session_int *session;
	struct http_tls *tls; /* counted */
	struct http_identity identity;

	/* Written by the owner, read by the watchdog; state also changed by it. */
	_Atomic int state; /* enum conn_state */
	_Atomic int64_t since; /* when the wait began, us of the server's tick */
	_Atomic int64_t deadline; /* end of the wait, us */
	_Atomic uint64_t octets; /* of the body so far */
	unsigned late_rounds; /* of the watchdog in CONN_LATE; its own */

	/* The request under way; the owner's, between submit and done the core's. */
	struct req *rq;
	struct buf body; /* what rq's input.body views */
	char *target; /* request-target as sent; heap, kept between requests */
	size_t target_n;
	size_t target_cap;
	size_t drained; /* octets thrown away */
	bool shaken; /* the handshake of TLS is over, where a certificate is required */
	bool fresh; /* no request line yet: its header counts from the connect */
	bool begun; /* the header was looked at */
	bool has_body;
	bool answered; /* rq has its answer */
	struct http_conn *next_answered; /* in the list of the loop */
	/* The request before, whose answer may not have arrived yet; the owner's. */
	struct req *unproved;
	int64_t settled_at; /* monotonic: when an acknowledgement of it counts */
	struct http_link by_proof; /* in the list of the loop, while there is one */

	/* Under the table's lock. */
	struct http_link by_age;
	struct http_link by_peer;
	struct http_peer *peer;
	bool listed;
	bool stranger; /* counts as one of peer's */
};

struct http_table {
	pthread_mutex_t lock;
	struct http_link by_age; /* head; oldest connection first */
	unsigned n;
	unsigned max;
	unsigned max_per_peer; /* 0 = no limit */
	unsigned max_strangers; /* the same of connections that have proved nothing */
	struct http_peer **buckets;
	unsigned mask;
	uint64_t seed;
	_Atomic unsigned
		evicted; /* connections closed for want of places, until the log took note */
	_Atomic unsigned refused; /* newcomers for whom no place could be made */
	_Atomic unsigned unproved; /* that had to prove themselves, and were gone before they had */
};

/* False without memory. */
bool http_table_init(struct http_table *t, unsigned max, unsigned max_per_peer,
                     unsigned max_strangers);
/* All connections are gone. */
void http_table_fini(struct http_table *t);

/*
 * Gives c, whose identity has begun, a place; when there is none (in all, for its address, or for a
 * stranger there) the oldest connection without a complete header is cut to make one. False when none could be made: c is not in the table.
 */
bool http_table_add(struct http_table *t, struct http_conn *c, const struct sockaddr *from);
/*
 * c has proved who it is of: it is none of the strangers any more, which connections from loopback
 * never are. Owner only.
 */
void http_table_know(struct http_table *t, struct http_conn *c);
/* After this no other thread touches c. */
void http_table_remove(struct http_table *t, struct http_conn *c);
/* Calls visit for each connection under the lock; visit may cut it. */
void http_table_each(struct http_table *t, void (*visit)(struct http_conn *c, void *arg),
                     void *arg);
/*
 * Shuts c down if its state is still from and gives its place away. The table's lock is held.
 * False when the state had changed.
 */
bool http_table_cut(struct http_table *t, struct http_conn *c, enum conn_state from);

/*
 * Starts the clock of the state that is entered next: the watchdog acts when limit_us is over.
 * Owner only.
 */
void http_conn_time(struct http_conn *c, int64_t limit_us);
/* Changes the state if it is still from. */
bool http_conn_move(struct http_conn *c, enum conn_state from, enum conn_state to);
/*
 * False when the peer of a connection (a struct http_conn) has closed or reset it: libmicrohttpd
 * does not look while the core has the request. Any thread, from submit to done.
 */
bool http_conn_alive(void *conn);
/*
 * True when the peer's host, or a relay on the way to it, has acknowledged all that was sent, and
 * has not reset the connection. Owner only.
 */
bool http_conn_acked(const struct http_conn *c);
/* True when c is in state s. */
bool http_conn_is(const struct http_conn *c, enum conn_state s);

#endif
