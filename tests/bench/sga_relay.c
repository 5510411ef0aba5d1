/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain alternative to an SGA server: pairs of devices whose TLS 1.3 (psk_dhe_ke) goes end to
 * end through a relay that copies octets, or, without one, to a gateway that ends it.
 *
 *   sga_relay relay|direct PAIRS SECONDS GROUP
 *
 * Each pair connects, makes a handshake, hears one octet of the other side, and closes, again and
 * again. All parties are threads of one process. One JSON object on standard output.
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sga_tls.h"

#define PAIRS_MAX 256
#define CHUNK 16384

/* A socket that listens, and where who is there connects to. */
struct port {
	int fd;
	uint16_t number;
};

static struct tls_pair tls;
static struct port server, relay;
static uint16_t first; /* where a client connects to */
static double until;
static atomic_ulong handshakes;
static atomic_bool over;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct port
listening(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	struct port p = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	if (p.fd < 0 || bind(p.fd, (struct sockaddr *)&at, n) != 0 ||
	    listen(p.fd, PAIRS_MAX) != 0 || getsockname(p.fd, (struct sockaddr *)&at, &n) != 0)
		die("listen");
	p.number = ntohs(at.sin_port);
	return p;
}

static void
at_once(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int
connected(uint16_t to)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_port = htons(to),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		die("connect");
	at_once(fd);
	return fd;
}

/* The next connection; -1: it is over. */
static int
accepted(const struct port *p)
{
	int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && !atomic_load(&over))
		die("accept");
	if (fd >= 0)
		at_once(fd);
	return fd;
}

static SSL *
tls_on(SSL_CTX *c, int fd)
{
	SSL *s = SSL_new(c);

	if (s == NULL || SSL_set_fd(s, fd) != 1)
		die("TLS");
	return s;
}

/* Device i. */
static void *
client(void *arg)
{
	(void)arg;
	while (seconds() < until) {
		int fd = connected(first);
		SSL *s = tls_on(tls.client, fd);
		char octet;

		if (SSL_connect(s) != 1 || SSL_read(s, &octet, 1) != 1)
			die("handshake");
		atomic_fetch_add(&handshakes, 1);
		SSL_free(s);
		close(fd);
	}
	return NULL;
}

/* Device j, or the gateway. */
static void *
serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accepted(&server)) >= 0) {
		SSL *s = tls_on(tls.server, fd);
		char octet = 1;

		if (SSL_accept(s) == 1 && SSL_write(s, &octet, 1) == 1)
			(void)SSL_read(s, &octet, 1); /* until the other closes */
		SSL_free(s);
		close(fd);
	}
	return NULL;
}

/* What one side has said, to the other; false at its end. */
static int
copy(int from, int to)
{
	char octets[CHUNK];
	ssize_t n = recv(from, octets, sizeof(octets), 0);

	return n > 0 && send(to, octets, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *
pass_on(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accepted(&relay)) >= 0) {
		int other = connected(server.number);
		struct pollfd ends[2] = { { .fd = fd, .events = POLLIN },
			                  { .fd = other, .events = POLLIN } };
		int going = 1;

		while (going && poll(ends, 2, -1) > 0) {
			if (ends[0].revents != 0)
				going = copy(fd, other);
			if (going && ends[1].revents != 0)
				going = copy(other, fd);
		}
		close(fd);
		close(other);
	}
	return NULL;
}

static void
start(pthread_t *threads, size_t n, void *(*run)(void *))
{
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, run, NULL) != 0)
			die("thread");
}

static void
stop(pthread_t *threads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static double
run(size_t pairs, double time, int with_relay)
{
	static pthread_t clients[PAIRS_MAX], servers[PAIRS_MAX], relays[PAIRS_MAX];
	double began;

	server = listening();
	relay = listening();
	first = with_relay ? relay.number : server.number;
	start(servers, pairs, serve);
	start(relays, pairs, pass_on);
	began = seconds();
	until = began + time;
	start(clients, pairs, client);
	stop(clients, pairs);
	time = seconds() - began;
	atomic_store(&over, 1);
	/* Who waits for a connection gets none any more. */
	shutdown(relay.fd, SHUT_RDWR);
	stop(relays, pairs);
	shutdown(server.fd, SHUT_RDWR);
	stop(servers, pairs);
	close(relay.fd);
	close(server.fd);
	return time;
}

int
main(int argc, char **argv)
{
	int with_relay = argc == 5 && strcmp(argv[1], "relay") == 0;
	size_t pairs = argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
	double took;

	if (pairs == 0 || pairs > PAIRS_MAX || !tls_pair_make(&tls, argv[4]))
		die("usage: sga_relay relay|direct PAIRS SECONDS GROUP");
	took = run(pairs, strtod(argv[3], NULL), with_relay);
	printf("{\"pairs\":%zu,\"handshakes\":%lu,\"seconds\":%.3f,\"per_second\":%.2f}\n", pairs,
	       atomic_load(&handshakes), took, (double)atomic_load(&handshakes) / took);
	tls_pair_free(&tls);
	return 0;
}
