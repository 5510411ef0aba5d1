/* SPDX-License-Identifier: Apache-2.0 */
/* Start and stop of an HTTP server, begin and end of its connections. */
#include "config.h"

#include "bind/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/http_server.h"
#include "bind/http_tls.h"
#include "bind/http_trust.h"

#define PERIOD_US INT64_C(250000)
#define STOP_GRACE_US INT64_C(2000000)
#define STOP_STEP_NS 2000000L
#define UNIX_MODE 0660u

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static enum rc __attribute__((format(printf, 3, 4)))
fail(char why[HTTP_WHY_MAX], enum rc rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, HTTP_WHY_MAX, format, ap);
	va_end(ap);
	return rc;
}

static bool
parse_address(const char *text, unsigned port, union address *a, socklen_t *len)
{
	memset(a, 0, sizeof(*a));
	if (port > 65535 || text == NULL)
		return false;
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		*len = sizeof(a->v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) != 1)
		return false;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)port);
	*len = sizeof(a->v6);
	return true;
}

/* Binds fd and notes the port; false with errno. */
static bool
bind_listener(struct http_server *s, int fd, union address *a, socklen_t len)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->any, len) != 0 || listen(fd, SOMAXCONN) != 0 ||
	    getsockname(fd, &a->any, &len) != 0)
		return false;
	s->port = ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
	return true;
}

static enum rc
open_unix(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	enum rc rc = http_unix_listen(&s->path, conf->address,
	                              conf->unix_mode == 0 ? UNIX_MODE : conf->unix_mode,
	                              &s->listen_fd, why);

	if (rc != RC_OK)
		return rc;
	/* Nobody else is at the other end of it. */
	s->base_uri = strdup("http://localhost");
	return s->base_uri == NULL ? fail(why, RC_UNAVAILABLE, "no memory") : RC_OK;
}

static enum rc
open_inet(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	const char *address = conf->address == NULL ? "" : conf->address;
	union address a;
	socklen_t len = 0;
	int n;

	if (!parse_address(address, conf->port, &a, &len))
		return fail(why, RC_BAD_REQUEST, "%.100s port %u: not a numeric address and a port",
		            address, conf->port);
	s->listen_fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0 || !bind_listener(s, s->listen_fd, &a, len))
		return fail(why, RC_UNAVAILABLE, "%.100s port %u: %s", address, conf->port,
		            strerror(errno));
	n = asprintf(&s->base_uri, a.any.sa_family == AF_INET6 ? "%s://[%s]:%u" : "%s://%s:%u",
	             conf->security == HTTP_CLEAR ? "http" : "https", address, s->port);
	if (n < 0) {
		s->base_uri = NULL;
		return fail(why, RC_UNAVAILABLE, "no memory");
	}
	return RC_OK;
}

static enum rc
open_listener(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	enum rc rc = http_unix_is(conf->address) ? open_unix(s, conf, why)
	                                         : open_inet(s, conf, why);

	if (rc != RC_OK)
		return rc;
	s->listener = (struct req_listener){ .serve = conf->serve,
		                             .policy = conf->policy,
		                             .secure = conf->security != HTTP_CLEAR,
		                             .base_uri = slice_of(s->base_uri),
		                             .alive = http_conn_alive };
	return RC_OK;
}

static char *
copy_name(const char *name)
{
	return name == NULL || name[0] == '\0' ? NULL : strdup(name);
}

static enum rc
open_psk(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	if (conf->psk == NULL || conf->psk->find == NULL)
		return fail(why, RC_BAD_REQUEST, "a listener with pre-shared keys needs their source");
	s->psk = *conf->psk;
	s->tls = http_tls_psk(why);
	return s->tls == NULL ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
open_certificate(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	s->cert_file = copy_name(conf->cert_file);
	s->key_file = copy_name(conf->key_file);
	s->ca_file = copy_name(conf->ca_file);
	s->crl_file = copy_name(conf->crl_file);
	s->require_client_cert = conf->require_client_cert;
	if (s->cert_file == NULL || s->key_file == NULL)
		return fail(why, RC_BAD_REQUEST,
		            "a listener with TLS needs a certificate and a key");
	if (s->require_client_cert && s->ca_file == NULL)
		return fail(why, RC_BAD_REQUEST,
		            "client certificates need a ca to be verified with");
	if (s->crl_file != NULL && s->ca_file == NULL)
		return fail(why, RC_BAD_REQUEST, "revocation lists need a ca that signed them");
	return http_reload_first(s, why);
}

static enum rc
open_tls(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	if (conf->security == HTTP_CLEAR)
		return RC_OK;
	if (http_unix_is(conf->address))
		return fail(why, RC_BAD_REQUEST, "a UNIX socket is served without TLS");
	s->priorities = http_tls_priorities(conf);
	return conf->security == HTTP_PSK ? open_psk(s, conf, why) : open_certificate(s, conf, why);
}

static int64_t
limit_us(unsigned ms, unsigned standard_ms)
{
	return (int64_t)(ms == 0 ? standard_ms : ms) * 1000;
}

static void
set_limits(struct http_server *s, const struct http_conf *conf)
{
	struct http_limits *l = &s->limits;

	*l = (struct http_limits){
		.header = limit_us(conf->header_timeout_ms, 10000),
		.request = limit_us(conf->request_timeout_ms, 60000),
		.idle = limit_us(conf->idle_timeout_ms, 75000),
		.rate_grace = limit_us(conf->rate_grace_ms, 5000),
		.min_rate = conf->min_rate,
	};
	/* Short limits need a closer look; below 10 ms nobody means it. */
	s->period = PERIOD_US;
	if (s->period > l->header / 4)
		s->period = l->header / 4;
	if (s->period > l->request / 4)
		s->period = l->request / 4;
	if (s->period < 10000)
		s->period = 10000;
	atomic_store(&s->tick, clock_monotonic());
}

static bool
init_sync(struct http_server *s)
{
	if (!clock_cond_init(&s->changed))
		return false;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->reload, NULL);
	return true;
}

static struct http_server *
server_new(const struct http_conf *conf)
{
	unsigned n = conf->threads == 0 ? 2 : conf->threads;
	struct http_server *s;

	if (n > HTTP_LOOPS_MAX)
		n = HTTP_LOOPS_MAX;
	s = calloc(1, sizeof(*s) + n * sizeof(s->loops[0]));
	if (s == NULL || !init_sync(s)) {
		free(s);
		return NULL;
	}
	s->scl = conf->scl;
	s->log = conf->log;
	s->listen_fd = -1;
	s->n_loops = n;
	for (unsigned i = 0; i < n; i++)
		s->loops[i].wake = -1;
	set_limits(s, conf);
	return s;
}

static void
server_free(struct http_server *s)
{
	http_table_fini(&s->table);
	if (s->overload != NULL)
		MHD_destroy_response(s->overload);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	http_unix_remove(&s->path);
	http_tls_unref(s->tls);
	http_trust_unref(s->trust);
	pthread_mutex_destroy(&s->reload);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s->base_uri);
	free(s->cert_file);
	free(s->key_file);
	free(s->ca_file);
	free(s->crl_file);
	free(s);
}

static enum rc
run(struct http_server *s, const struct http_conf *conf, char why[HTTP_WHY_MAX])
{
	unsigned per_address = s->path.path == NULL ? conf->max_connections_per_address : 0;
	unsigned strangers = s->path.path == NULL ? conf->max_strangers_per_address : 0;

	if (!http_table_init(&s->table, conf->max_connections == 0 ? 4096 : conf->max_connections,
	                     per_address, strangers))
		return fail(why, RC_UNAVAILABLE, "no memory");
	s->overload = http_reply_overload();
	if (s->overload == NULL || !http_watch_start(s))
		return fail(why, RC_UNAVAILABLE, "no memory or thread");
	for (unsigned i = 0; i < s->n_loops; i++) {
		if (!http_loop_start(&s->loops[i], s,
		                     conf->header_max == 0 ? 16384 : conf->header_max))
			return fail(why, RC_UNAVAILABLE, "libmicrohttpd does not start");
		s->loops_open++;
	}
	return RC_OK;
}

enum rc
http_start(const struct http_conf *conf, struct http_server **server, char why[HTTP_WHY_MAX])
{
	struct http_server *s = server_new(conf);
	enum rc rc;

	if (s == NULL)
		return fail(why, RC_UNAVAILABLE, "no memory");
	rc = open_tls(s, conf, why);
	if (rc == RC_OK)
		rc = open_listener(s, conf, why);
	if (rc == RC_OK)
		rc = run(s, conf, why);
	if (rc == RC_OK) {
		*server = s;
		return RC_OK;
	}
	http_stop(s);
	return rc;
}

unsigned
http_port(const struct http_server *s)
{
	return s->port;
}

const struct req_listener *
http_listener(const struct http_server *s)
{
	return &s->listener;
}

static void
wake_all(struct http_server *s)
{
	for (unsigned i = 0; i < s->n_loops; i++)
		if (s->loops[i].running)
			http_loop_wake(&s->loops[i]);
}

void
http_quiesce(struct http_server *s)
{
	atomic_store(&s->quiesced, true);
	wake_all(s);
	pthread_mutex_lock(&s->lock);
	while (s->loops_open > 0)
		pthread_cond_wait(&s->changed, &s->lock);
	/* The name goes while the socket is still there, so it is nobody else's. */
	http_unix_remove(&s->path);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	s->listen_fd = -1;
	pthread_mutex_unlock(&s->lock);
}

static void
count_busy(struct http_conn *c, void *arg)
{
	unsigned *busy = arg;

	if (http_conn_is(c, CONN_ACTIVE) || http_conn_is(c, CONN_SENDING))
		(*busy)++;
}

/* Answers that the core gave and that are not sent yet. */
static bool
is_sending(struct http_server *s)
{
	unsigned busy = 0;

	http_table_each(&s->table, count_busy, &busy);
	return busy > 0;
}

/* Polled: request_done must not touch the server after its count, so it cannot signal. */
static void
wait_answers(struct http_server *s)
{
	const struct timespec step = { .tv_nsec = STOP_STEP_NS };
	int64_t until;

	while (atomic_load(&s->submitted) > 0)
		nanosleep(&step, NULL);
	until = clock_monotonic() + STOP_GRACE_US;
	while (clock_monotonic() < until && is_sending(s))
		nanosleep(&step, NULL);
}

void
http_stop(struct http_server *s)
{
	if (s == NULL)
		return;
	atomic_store(&s->stopping, true);
	http_quiesce(s);
	if (s->table.buckets != NULL)
		wait_answers(s);
	atomic_store(&s->loops_stop, true);
	wake_all(s);
	for (unsigned i = 0; i < s->n_loops; i++)
		http_loop_stop(&s->loops[i]);
	http_watch_stop(s);
	server_free(s);
}

/* False when c may not stay. */
static bool
conn_enter(struct http_conn *c)
{
	struct http_server *s = c->server;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	unsigned unheard_ms = (unsigned)(s->limits.request / 1000);

	const struct sockaddr *from =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

	c->fd = info->connect_fd;
	http_identity_begin(c, from);
	/* A peer that acknowledges nothing for as long as it may take to ask has left. */
	setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
	if (s->listener.secure) {
		c->session = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)
		                     ->tls_session;
		pthread_mutex_lock(&s->table.lock);
		c->tls = http_tls_ref(s->tls);
		pthread_mutex_unlock(&s->table.lock);
		if (!http_tls_attach(c, s->require_client_cert))
			return false;
	}
	c->fresh = true;
	http_conn_time(c, s->limits.header);
	return http_table_add(&s->table, c, from);
}

static void
conn_begin(struct http_loop *l, struct MHD_Connection *m, void **context)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	*context = c;
	if (c == NULL) {
		shutdown(MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
		         SHUT_RDWR);
		return;
	}
	c->server = l->server;
	c->loop = l;
	c->mhd = m;
	if (!conn_enter(c)) {
		atomic_store(&c->state, CONN_DEAD);
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void
conn_end(struct http_conn *c)
{
	if (c->server->require_client_cert && !c->shaken)
		atomic_fetch_add(&c->server->table.unproved, 1);
	http_loop_prove(c, c->unproved != NULL && http_conn_acked(c));
	http_table_remove(&c->server->table, c);
	http_tls_unref(c->tls);
	buf_fini(&c->body);
	http_identity_end(c);
	free(c->target);
	free(c);
}

void
http_connection(void *arg, struct MHD_Connection *m, void **context,
                enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		conn_begin(arg, m, context);
	else if (*context != NULL)
		conn_end(*context);
}
