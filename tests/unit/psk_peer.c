/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "psk_peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	struct psk_peer *peer;
	SSL *ssl;
	int fd;
	struct psk_peer_seen session; /* the head of the last request is in it */
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "psk_peer: %s\n", what);
	exit(1);
}

/* An unknown identity has no key; called from within the handshake. */
static unsigned
on_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned key_max)
{
	struct client *c = SSL_get_app_data(ssl);
	const struct psk_peer_conf *conf = &c->peer->conf;

	for (size_t i = 0; i < conf->nkeys; i++)
		if (strcmp(conf->keys[i].identity, identity) == 0 && key_max >= KEY_BYTES) {
			snprintf(c->session.identity, sizeof(c->session.identity), "%s", identity);
			memcpy(key, conf->keys[i].key.v, KEY_BYTES);
			return KEY_BYTES;
		}
	return 0;
}

static void
note_session(struct client *c)
{
	const char *label = c->peer->conf.label;
	X509 *certificate = SSL_get0_peer_certificate(c->ssl);

	c->session.version = SSL_version(c->ssl) == TLS1_3_VERSION ? 13 : 12;
	if (certificate != NULL)
		X509_NAME_oneline(X509_get_subject_name(certificate), c->session.identity,
		                  sizeof(c->session.identity));
	if (label != NULL)
		must(SSL_export_keying_material(c->ssl, c->session.exported.v, KEY_BYTES, label,
		                                strlen(label), NULL, 0, 0) == 1,
		     "exporter");
	pthread_mutex_lock(&c->peer->lock);
	c->peer->n_handshakes++;
	pthread_mutex_unlock(&c->peer->lock);
}

static void
note_request(struct client *c)
{
	struct psk_peer *p = c->peer;

	pthread_mutex_lock(&p->lock);
	must(p->n_seen < PEER_SEEN_MAX, "too many requests");
	p->seen[p->n_seen++] = c->session;
	while (strstr(c->session.head, " /slow") != NULL && !p->released)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

/* Requests without a body. */
static void
serve(struct client *c)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
	char *head = c->session.head;
	size_t n = 0;
	int got;

	while ((got = SSL_read(c->ssl, head + n, (int)(PEER_HEAD_MAX - 1 - n))) > 0) {
		n += (size_t)got;
		head[n] = '\0';
		pthread_mutex_lock(&c->peer->lock);
		c->peer->n_octets += (size_t)got;
		pthread_mutex_unlock(&c->peer->lock);
		if (strstr(head, "\r\n\r\n") == NULL)
			continue;
		note_request(c);
		if (strstr(head, " /end") != NULL)
			return;
		n = 0;
		if (SSL_write(c->ssl, answer, (int)sizeof(answer) - 1) <= 0)
			return;
	}
}

static void *
client_run(void *arg)
{
	struct client *c = arg;

	c->ssl = SSL_new(c->peer->ctx);
	must(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1, "session");
	SSL_set_app_data(c->ssl, c);
	if (c->peer->conf.garbage != NULL) {
		const char *garbage = c->peer->conf.garbage;

		(void)!write(c->fd, garbage, strlen(garbage));
	} else if (c->peer->conf.silent) {
		(void)!recv(c->fd, c->session.head, sizeof(c->session.head), MSG_WAITALL);
	} else if (SSL_accept(c->ssl) == 1) {
		note_session(c);
		serve(c);
	}
	SSL_free(c->ssl);
	shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_lock(&c->peer->lock);
	c->peer->n_ended++;
	pthread_cond_broadcast(&c->peer->changed);
	pthread_mutex_unlock(&c->peer->lock);
	free(c);
	return NULL;
}

static void *
acceptor_run(void *arg)
{
	struct psk_peer *p = arg;
	int fd;

	while ((fd = accept(p->listen_fd, NULL, NULL)) >= 0) {
		struct client *c = calloc(1, sizeof(*c));

		pthread_mutex_lock(&p->lock);
		must(c != NULL && p->n_clients < PEER_CLIENTS_MAX, "too many connections");
		c->peer = p;
		c->fd = fd;
		c->session.connection = p->n_clients;
		p->fds[p->n_clients] = fd;
		must(pthread_create(&p->clients[p->n_clients++], NULL, client_run, c) == 0,
		     "thread");
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static void
set_certificate(SSL_CTX *ctx, const struct psk_peer_conf *conf)
{
	must(SSL_CTX_use_certificate_file(ctx, conf->certificate, SSL_FILETYPE_PEM) == 1 &&
	             SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) == 1,
	     "certificate");
	if (conf->client_ca == NULL)
		return;
	must(SSL_CTX_load_verify_locations(ctx, conf->client_ca, NULL) == 1, "client ca");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static SSL_CTX *
context_new(const struct psk_peer_conf *conf)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	must(ctx != NULL, "context");
	SSL_CTX_set_min_proto_version(ctx, conf->version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, conf->version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	if (conf->no_extended_master_secret)
		SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (conf->certificate != NULL) {
		set_certificate(ctx, conf);
		return ctx;
	}
	SSL_CTX_set_psk_server_callback(ctx, on_psk);
	must(SSL_CTX_set_cipher_list(ctx, conf->suites12 != NULL ? conf->suites12 : "PSK") == 1,
	     "suites");
	return ctx;
}

void
psk_peer_start(struct psk_peer *p, const struct psk_peer_conf *conf)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(p, 0, sizeof(*p));
	p->conf = *conf;
	p->ctx = context_new(conf);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(p->listen_fd >= 0 && bind(p->listen_fd, (struct sockaddr *)&a, len) == 0 &&
	             listen(p->listen_fd, 64) == 0 &&
	             getsockname(p->listen_fd, (struct sockaddr *)&a, &len) == 0,
	     "listen");
	p->port = ntohs(a.sin_port);
	must(pthread_create(&p->acceptor, NULL, acceptor_run, p) == 0, "thread");
}

void
psk_peer_stop(struct psk_peer *p)
{
	psk_peer_release(p);
	shutdown(p->listen_fd, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	close(p->listen_fd);
	for (unsigned i = 0; i < p->n_clients; i++) {
		shutdown(p->fds[i], SHUT_RDWR);
		pthread_join(p->clients[i], NULL);
		close(p->fds[i]);
	}
	SSL_CTX_free(p->ctx);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}

void
psk_peer_release(struct psk_peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->released = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

unsigned
psk_peer_seen(struct psk_peer *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->n_seen;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void
psk_peer_await_end(struct psk_peer *p, unsigned n)
{
	pthread_mutex_lock(&p->lock);
	while (p->n_clients < n || p->n_ended < p->n_clients)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}
