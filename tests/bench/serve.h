/* SPDX-License-Identifier: Apache-2.0 */
/* What the servers of the benchmarks share: start, ready line, event loops, orderly stop. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

enum { SERVE_THREADS_MAX = 16 };

struct serve;

struct serve_config {
	uint16_t port;		/* 0: any free port */
	unsigned threads;	/* 1..SERVE_THREADS_MAX */
	/*
	 * false: one libmicrohttpd daemon and one thread of ours per loop on a common listening socket.
	 * true: the thread pool of libmicrohttpd. Its epoll loop (0.9.75) blocks when exactly 128 events
	 * came at once, so 128 busy connections per thread may stall it until another event comes.
	 */
	bool pool;
	unsigned flags;		/* further ones of libmicrohttpd */
	const struct MHD_OptionItem *options;	/* further ones, ends with MHD_OPTION_END; NULL: none */
	MHD_AccessHandlerCallback handler;
	MHD_RequestCompletedCallback completed;
	/* May be NULL; called by serve_stop() when the loops have ended, to resume what is suspended. */
	void (*stopping)(void *cls);
	void *cls;		/* for all callbacks */
};

/*
 * Blocks SIGTERM and SIGINT in this thread and in all it starts later. Call it before any other
 * thread exists.
 */
void serve_block_signals(void);

/*
 * Serves on 127.0.0.1 and prints `ready http=127.0.0.1:PORT`. Returns a server to be given to
 * serve_stop(), NULL after a message on stderr. config is not used after the call.
 */
struct serve *serve_start(const struct serve_config *config);

/* Call after resuming connections; one call for a burst is enough. Any thread. */
void serve_wake(struct serve *s);

/* Returns when SIGTERM or SIGINT has come. */
void serve_wait(void);

/* Ends the loops and frees s. After config's stopping no connection may be suspended any more. */
void serve_stop(struct serve *s);

#endif
