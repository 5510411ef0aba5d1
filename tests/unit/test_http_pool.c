/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of port_http that come and go: a server that ends them anywhere, credentials that
 * are retired, a host with an address that refuses. The server never keeps silent: whatever ends
 * by its time was forgotten.
 */
#include "config.h"

#include "tls_bed.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

#define TWO_ADDRESSES "two-addresses.test"
#define AT_ONCE 12u
#define CREDENTIALS 3u

/* ---- a host with two addresses: nobody listens at the first ---- */

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct addrinfo *second;
	int failed;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name == NULL || strcmp(name, TWO_ADDRESSES) != 0)
		return real(name, service, hints, out);
	failed = real("127.0.0.1", service, hints, &second);
	if (failed == 0 && (failed = real("127.0.0.2", service, hints, out)) != 0)
		freeaddrinfo(second);
	if (failed == 0)
		(*out)->ai_next = second;
	return failed;
}

/* ---- a server that ends connections ---- */

struct chaos {
	SSL_CTX *ctx;
	int listen_fd;
	unsigned port;
	pthread_t acceptor;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	unsigned n_clients;
	unsigned seed;
};

static struct chaos chaos;

/* Below n. */
static unsigned
chance(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

struct visitor {
	int fd;
	unsigned seed;
	bool dies; /* within the handshake */
};

static unsigned
on_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned key_max)
{
	struct visitor *v = SSL_get_app_data(ssl);

	if (v->dies)
		shutdown(v->fd, SHUT_RDWR);
	for (size_t i = 0; i < NITEMS(keys); i++)
		if (strcmp(keys[i].identity, identity) == 0 && key_max >= KEY_BYTES) {
			memcpy(key, keys[i].key.v, KEY_BYTES);
			return KEY_BYTES;
		}
	return 0;
}

static bool
read_request(SSL *ssl)
{
	char head[2048];
	size_t n = 0;
	int got;

	while (n < sizeof(head) - 1 &&
	       (got = SSL_read(ssl, head + n, (int)(sizeof(head) - 1 - n))) > 0) {
		n += (size_t)got;
		head[n] = '\0';
		if (strstr(head, "\r\n\r\n") != NULL)
			return true;
	}
	return false;
}

static void
serve(struct visitor *v, SSL *ssl)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";

	while (chance(&v->seed, 12) > 0 && read_request(ssl) && chance(&v->seed, 12) > 0) {
		size_t n = sizeof(answer) - 1;
		bool part = chance(&v->seed, 12) == 0;

		if (SSL_write(ssl, answer, (int)(part ? 1 + chance(&v->seed, (unsigned)n - 1) : n)) <= 0 ||
		    part)
			return;
	}
	if (chance(&v->seed, 2) == 0)
		SSL_shutdown(ssl);
}

/* Reset, or ended. */
static void
hang_up(struct visitor *v)
{
	const struct linger at_once = { 1, 0 };

	if (chance(&v->seed, 2) == 0)
		setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(v->fd);
}

static void
receive(struct visitor *v)
{
	unsigned how = chance(&v->seed, 10);
	char some[300];
	SSL *ssl;

	if (how == 0)
		return;
	if (how == 1) {
		(void)!recv(v->fd, some, 1 + chance(&v->seed, sizeof(some)), 0);
		return;
	}
	v->dies = how == 2;
	ssl = SSL_new(chaos.ctx);
	if (ssl == NULL)
		return;
	SSL_set_fd(ssl, v->fd);
	SSL_set_app_data(ssl, v);
	if (SSL_accept(ssl) == 1)
		serve(v, ssl);
	SSL_free(ssl);
}

static void *
visitor_run(void *arg)
{
	struct visitor v = *(struct visitor *)arg;

	free(arg);
	receive(&v);
	hang_up(&v);
	pthread_mutex_lock(&chaos.lock);
	chaos.n_clients--;
	pthread_cond_signal(&chaos.changed);
	pthread_mutex_unlock(&chaos.lock);
	return NULL;
}

static void *
acceptor_run(void *arg)
{
	pthread_attr_t attr;
	pthread_t t;
	int fd;

	(void)arg;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while ((fd = accept(chaos.listen_fd, NULL, NULL)) >= 0) {
		struct visitor *v = calloc(1, sizeof(*v));

		if (v == NULL)
			abort();
		pthread_mutex_lock(&chaos.lock);
		chaos.n_clients++;
		*v = (struct visitor){ .fd = fd, .seed = chaos.seed++ * 7919u };
		pthread_mutex_unlock(&chaos.lock);
		if (pthread_create(&t, &attr, visitor_run, v) != 0)
			abort();
	}
	pthread_attr_destroy(&attr);
	return NULL;
}

static void
chaos_start(unsigned seed)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	chaos = (struct chaos){ .ctx = SSL_CTX_new(TLS_server_method()), .seed = seed };
	ck_assert_ptr_nonnull(chaos.ctx);
	SSL_CTX_set_psk_server_callback(chaos.ctx, on_psk);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(chaos.ctx, "PSK"), 1);
	pthread_mutex_init(&chaos.lock, NULL);
	pthread_cond_init(&chaos.changed, NULL);
	chaos.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(chaos.listen_fd, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(chaos.listen_fd, 64), 0);
	ck_assert_int_eq(getsockname(chaos.listen_fd, (struct sockaddr *)&a, &len), 0);
	peer.port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&chaos.acceptor, NULL, acceptor_run, NULL), 0);
}

/* The port is closed: there is nobody to talk to any more. */
static void
chaos_stop(void)
{
	shutdown(chaos.listen_fd, SHUT_RDWR);
	pthread_join(chaos.acceptor, NULL);
	close(chaos.listen_fd);
	pthread_mutex_lock(&chaos.lock);
	while (chaos.n_clients > 0)
		pthread_cond_wait(&chaos.changed, &chaos.lock);
	pthread_mutex_unlock(&chaos.lock);
	SSL_CTX_free(chaos.ctx);
}

/* ---- the client ---- */

static const char *const hosts[] = { "127.0.0.1", "localhost", TWO_ADDRESSES };

static bool
want_session(struct exchange *ex, struct exchange_header *more)
{
	(void)ex;
	(void)more;
	return true;
}

static void
begin(struct port *p, struct errand *e, const struct credential *c, unsigned *seed)
{
	errand_url(e, "https", hosts[chance(seed, NITEMS(hosts))], "/x");
	e->ex.credential = c;
	e->ex.timeout_ms = 8000;
	if (chance(seed, 4) == 0)
		e->ex.connected = want_session;
	port_http.send(p, &e->ex);
}

static void
expect_end(struct errand *e)
{
	ck_assert_uint_eq(e->done, 1);
	ck_assert_msg(e->ex.rc == RC_OK || e->ex.rc == RC_BAD_GATEWAY, "%s: %d: %s", e->url,
	              (int)e->ex.rc, e->ex.failure);
	errand_fini(e);
	e->done = 0;
}

static unsigned
exchanges_wanted(void)
{
	const char *text = getenv("POOL_EXCHANGES");

	return text == NULL ? 1500 : (unsigned)strtoul(text, NULL, 10);
}

START_TEST(test_chaos)
{
	static struct errand es[AT_ONCE];
	struct credential *c[CREDENTIALS];
	unsigned seed = 4711, begun = 0, ended = 0, answered = 0, n = exchanges_wanted();
	struct port *p = port_open();

	memset(es, 0, sizeof(es));
	chaos_start(1);
	for (size_t i = 0; i < CREDENTIALS; i++)
		c[i] = credential_at(i % 2 * 2);
	while (ended < n) {
		for (size_t i = 0; i < AT_ONCE; i++) {
			if (es[i].done > 0) {
				answered += es[i].ex.rc == RC_OK;
				expect_end(&es[i]);
				es[i].url[0] = '\0';
				ended++;
			}
			if (es[i].url[0] == '\0' && begun < n) {
				unsigned which = chance(&seed, CREDENTIALS);

				if (chance(&seed, 40) == 0) {
					credential_unref(c[which]);
					c[which] = credential_at(which % 2 * 2);
				}
				begin(p, &es[i], c[which], &seed);
				begun++;
			}
		}
		port_turn(&port_http, p, 1000);
	}
	ck_assert_uint_gt(answered, n / 3);
	port_http.close(p);
	chaos_stop();
	for (size_t i = 0; i < CREDENTIALS; i++) {
		ck_assert(credential_sole(c[i]));
		credential_unref(c[i]);
	}
}
END_TEST

/* Sockets that are connected to the peer, and how many of them a child would have. */
static unsigned
connections(unsigned *inherited)
{
	unsigned n = 0;

	*inherited = 0;
	for (int fd = 0; fd < 1024; fd++) {
		struct sockaddr_in a = { 0 };
		socklen_t len = sizeof(a);

		if (getpeername(fd, (struct sockaddr *)&a, &len) != 0 ||
		    a.sin_family != AF_INET || ntohs(a.sin_port) != peer.port)
			continue;
		n++;
		*inherited += (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
	}
	return n;
}

/* Processes that the daemon starts do not keep its connections. */
START_TEST(test_not_inherited)
{
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	unsigned inherited;
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = NITEMS(keys) });
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	ck_assert_uint_eq(connections(&inherited), 1);
	ck_assert_uint_eq(inherited, 0);
	port_http.close(p);
	psk_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

static Suite *
pool_suite(void)
{
	Suite *s = suite_create("http_pool");
	TCase *tc = tcase_create("pool");

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, test_not_inherited);
	tcase_add_test(tc, test_chaos);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return run_suite(pool_suite());
}
