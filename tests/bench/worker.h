/* SPDX-License-Identifier: Apache-2.0 */
/* One thread of the load generator: keep-alive connections with one request in flight each. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include "hist.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORKER_TLS_MAX = 96 };

struct link_tls;	/* link.h */
struct psk;		/* keys.h */

/* Whose requests they are on some of the connections. */
struct sender {
	const struct psk *psk;	/* of its connections; NULL: none */
	char *rest;
	size_t rest_len;
};

/*
 * What all workers send. Constant while they run but for taken; owned by the caller and outlives
 * the workers. A request is method, a blank, one of the paths, then the rest of its sender (which
 * starts with the blank before HTTP/1.1 and ends with the body).
 */
struct plan {
	struct sockaddr_in server;
	const struct link_tls *tls;	/* NULL: clear */
	bool single;		/* a connection for each request */
	pthread_barrier_t done;	/* of all workers and their starter: nothing is in flight */
	pthread_barrier_t end;	/* the connections may be closed */
	const char *method;
	char *text;		/* what the paths point into */
	char **paths;
	size_t n_paths;
	size_t longest_path;
	struct sender *senders;	/* connections have them in turn */
	size_t n_senders;
	size_t longest_rest;
	uint64_t interval_ns;	/* between the starts of two requests of a connection; 0: at once */
	int expect;		/* status of a good answer; 0: that the handshake fails */
	uint64_t start_ns;	/* what starts earlier is warm-up and not counted */
	uint64_t stop_ns;	/* no request starts later */
	uint64_t limit;		/* number of requests, UINT64_MAX: only time ends the run */
	atomic_uint_least64_t taken;	/* requests started so far, picks the path */
};

struct worker {
	pthread_t thread;
	struct plan *plan;
	int n_conns;
	size_t first;		/* number of its first connection */
	bool failed;		/* gave up, the reason is on stderr */
	uint64_t errors;	/* answers with another status, broken answers and connections */
	int first_error;	/* status of the first wrong answer, -1: broken answer or connection */
	uint64_t answers;	/* good ones, also during warm-up */
	uint64_t reconnects;
	uint64_t last_ns;	/* when the last answer arrived */
	uint64_t body;		/* octets of the bodies of good answers */
	struct hist hist;	/* good answers */
	char tls[WORKER_TLS_MAX];	/* what the first connection has agreed */
};

/* Thread body, arg is the struct worker; returns NULL after plan's barriers. */
void *worker_run(void *arg);

#endif
