/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of port_http, and a server that misbehaves on demand. */
#ifndef UNIT_OUT_BED_H
#define UNIT_OUT_BED_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/port.h"
#include "port_turn.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define CLIENTS_MAX 64
#define REQUEST_MAX 65536u

/*
 * A server with one thread per connection. The path says what it does: /ok answers, /slow never
 * does, /cut ends in mid-body, /reset closes at once, /nonsense is not HTTP, /big sends 100000
 * octets, /endless a header without end, /moved redirects, /interim sends 100 first.
 */
struct peer {
	int listen_fd;
	unsigned port;
	pthread_t acceptor;
	pthread_t clients[CLIENTS_MAX];
	int fds[CLIENTS_MAX];
	_Atomic unsigned n_clients; /* connections so far */
	_Atomic unsigned n_requests;
	pthread_mutex_t lock;
	char last[REQUEST_MAX + 1]; /* the last request */
};

void peer_start(struct peer *p);
void peer_stop(struct peer *p);
/* Copy of the last request, a string; until the next call. */
const char *last_request(struct peer *p);

/* An exchange and what became of it. */
struct errand {
	struct exchange ex;
	char url[128];
	unsigned done;
	struct port *again; /* where done sends it once more */
};

/* A GET of path at 127.0.0.1. */
void errand_init(struct errand *e, unsigned port, const char *path);
void errand_fini(struct errand *e);
struct port *port_open(unsigned max_exchanges, unsigned per_host);
/* Until it is done for that time. */
void await(struct port *p, const struct errand *e, unsigned times);
/* Sends it and awaits it. */
void run(struct port *p, struct errand *e);
/* SLICE_NONE: there is none. */
struct slice answer_header(const struct exchange *ex, const char *name);

#endif
