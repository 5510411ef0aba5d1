/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP server share; private to the HTTP binding. */
#ifndef BIND_HTTP_SERVER_H
#define BIND_HTTP_SERVER_H

#include "bind/http.h"
#include "bind/http_conn.h"
#include "bind/http_unix.h"

#include <microhttpd.h>
#include <sys/stat.h>

#define HTTP_LOOPS_MAX 256u
#define HTTP_DRAIN_US INT64_C(2000000)

/* The time limits in microseconds. */
struct http_limits {
	int64_t header;
	int64_t request;
	int64_t idle;
	int64_t rate_grace;
	unsigned min_rate; /* octets per second, 0 = none */
};

/*
 * One serving thread with a libmicrohttpd daemon of its own on the common listening socket. The
 * thread pool of libmicrohttpd 0.9.75 is not used: its epoll loop blocks when exactly 128 events
 * came at once, with all of them unserved until another one comes.
 */
struct http_loop {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	pthread_t thread;
	bool running;
	int epoll; /* the daemon's */
	int wake; /* eventfd */
	_Atomic bool woken; /* wake was written and not yet read */
	bool quiesced; /* the loop's own view */
	_Atomic(struct http_conn *) answered; /* by the core, latest first; not yet resumed */
	unsigned suspended; /* connections; the loop's own, as the next */
	int64_t resume_at; /* monotonic; not before */
	struct http_link unproved; /* connections; head */
	int64_t prove_at; /* monotonic; when they are looked at again */
	unsigned idle_runs; /* since the last event */
};

struct http_server {
	struct scl *scl;
	struct log *log;
	struct req_listener listener;
	struct http_limits limits;
	struct http_table table;
	unsigned port;
	int listen_fd; /* under lock; -1 once quiesced */
	struct http_unix path; /* under lock */
	char *base_uri;
	struct MHD_Response *overload; /* shared answer when there is no request to be had */

	/* TLS; tls and trust under the table's lock. */
	struct http_tls *tls; /* counted; NULL = clear */
	struct http_trust *trust; /* counted; NULL = asks for no client certificate */
	_Atomic unsigned trust_generation; /* counts changes of trust */
	const char *priorities;
	struct psk_source psk; /* find NULL = no pre-shared keys */
	char *cert_file;
	char *key_file;
	char *ca_file;
	char *crl_file;
	bool require_client_cert;
	pthread_mutex_t reload; /* held while files are read; of the next two */
	struct stat crl_seen; /* the file as it was when it was read last, or tried to be */
	bool crl_warned; /* that it is outdated */

	_Atomic int64_t tick; /* monotonic time of the last round of the watchdog, us */
	int64_t period; /* of the watchdog, us */
	pthread_t watchdog;
	bool watching;
	pthread_mutex_t lock; /* of the three below */
	pthread_cond_t changed;
	bool watch_stop;
	unsigned loops_open; /* loops that still accept */

	_Atomic bool quiesced; /* connections end with their answer */
	_Atomic bool stopping; /* nothing more is submitted */
	_Atomic bool loops_stop;
	_Atomic unsigned submitted; /* requests that the core has */

	unsigned n_loops;
	struct http_loop loops[];
};

/* http_in.c: the callbacks of libmicrohttpd for one request. */
void *http_request_line(void *arg, const char *target, struct MHD_Connection *m);
enum MHD_Result http_request(void *arg, struct MHD_Connection *m, const char *url,
                             const char *method, const char *version, const char *data, size_t *n,
                             void **state);
void http_request_end(void *arg, struct MHD_Connection *m, void **state,
                      enum MHD_RequestTerminationCode why);

/* http_open.c: the callback for the begin and the end of a connection; arg is the loop. */
void http_connection(void *arg, struct MHD_Connection *m, void **context,
                     enum MHD_ConnectionNotificationCode what);

/* http_loop.c */
bool http_loop_start(struct http_loop *l, struct http_server *s, size_t header_max);
/* Makes the loop look at its flags. Any thread. */
void http_loop_wake(struct http_loop *l);
/* c, whose loop this is, waits for the core. On the loop's thread. */
void http_loop_suspend(struct http_loop *l, struct http_conn *c);
/* The core has answered c: the loop goes on with it. Any thread. */
void http_loop_resume(struct http_loop *l, struct http_conn *c);
/* Waits for the thread, which was told to end, and closes the connections. */
void http_loop_stop(struct http_loop *l);

/*
 * c's request is at its end, its answer sent; what asks for it is told when that has arrived: the
 * peer asks again, closes in order, or lets the connection stand for a while; at the latest by
 * http_loop_prove. The loop's thread.
 */
void http_loop_sent(struct http_loop *l, struct http_conn *c);
/* It has arrived, or not: what is known of it by now counts. Does nothing when it is known. */
void http_loop_prove(struct http_conn *c, bool arrived);

/* http_reload.c: loads what the file names of s say, at the start. */
enum rc http_reload_first(struct http_server *s, char why[HTTP_WHY_MAX]);
/* Looks whether the revocation lists have changed, and loads them then. The watchdog's thread. */
void http_reload_lists(struct http_server *s);

/* http_watch.c */
bool http_watch_start(struct http_server *s);
void http_watch_stop(struct http_server *s);

/* http_reply.c: the answer of c's request, encoded. NULL without memory. Owner only. */
struct MHD_Response *http_reply(struct http_conn *c, int *status);
/* The answer for a request that the core has no room for; NULL without memory. */
struct MHD_Response *http_reply_overload(void);
/*
 * Makes the answer of c's request rc with text (unless rc is RC_OK: it has one), writes it to the
 * socket past libmicrohttpd, which has no way to answer before a body is complete, and leaves c in
 * CONN_DRAIN. c is CONN_ACTIVE or CONN_LATE. Owner only.
 */
void http_reply_early(struct http_conn *c, enum rc rc, const char *text);

#endif
