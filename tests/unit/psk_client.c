/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "psk_client.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 30

static const unsigned char tls13_aes_128_gcm[] = { 0x13, 0x01 };

/* For TLS 1.3: takes an identity of any octets. */
static int
use_session(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *n, SSL_SESSION **session)
{
	const struct psk_client *c = SSL_get_app_data(ssl);
	SSL_SESSION *s = SSL_SESSION_new();

	(void)md;
	if (s == NULL ||
	    SSL_SESSION_set1_master_key(s, (const unsigned char *)c->how.key.p, c->how.key.n) !=
	            1 ||
	    SSL_SESSION_set_cipher(s, SSL_CIPHER_find(ssl, tls13_aes_128_gcm)) != 1 ||
	    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION) != 1) {
		SSL_SESSION_free(s);
		return 0;
	}
	*id = (const unsigned char *)c->how.identity.p;
	*n = c->how.identity.n;
	*session = s;
	return 1;
}

static unsigned
client_key(SSL *ssl, const char *hint, char *identity, unsigned max_identity, unsigned char *key,
           unsigned max_key)
{
	const struct psk_client *c = SSL_get_app_data(ssl);

	(void)hint;
	if (c->how.identity.n >= max_identity || c->how.key.n > max_key)
		return 0;
	memcpy(identity, c->how.identity.p, c->how.identity.n);
	identity[c->how.identity.n] = '\0';
	memcpy(key, c->how.key.p, c->how.key.n);
	return (unsigned)c->how.key.n;
}

static int
count_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct psk_client *c = SSL_get_app_data(ssl);

	c->tickets += SSL_SESSION_has_ticket(session) == 1;
	return 0;
}

static bool
set_up(struct psk_client *c)
{
	const struct psk_how *how = &c->how;
	bool tls13 = how->version == TLS1_3_VERSION;

	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL)
		return false;
	/* Old versions and suites are to be offered as well. */
	SSL_CTX_set_security_level(c->ctx, 0);
	SSL_CTX_set_min_proto_version(c->ctx, how->version);
	SSL_CTX_set_max_proto_version(c->ctx, how->version);
	SSL_CTX_set_options(c->ctx, how->options);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(c->ctx, count_ticket);
	if (how->key.n > 0 && tls13)
		SSL_CTX_set_psk_use_session_callback(c->ctx, use_session);
	else if (how->key.n > 0)
		SSL_CTX_set_psk_client_callback(c->ctx, client_key);
	if (tls13)
		return SSL_CTX_set_ciphersuites(c->ctx, how->suites != NULL
		                                                ? how->suites
		                                                : "TLS_AES_128_GCM_SHA256") == 1;
	return SSL_CTX_set_cipher_list(c->ctx, how->suites != NULL ? how->suites : "PSK") == 1;
}

static bool
dial(struct psk_client *c, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_S };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

bool
psk_client_open(struct psk_client *c, unsigned port, const struct psk_how *how, const char *label)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->how = *how;
	signal(SIGPIPE, SIG_IGN);
	if (!set_up(c) || !dial(c, port))
		return false;
	c->ssl = SSL_new(c->ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		return false;
	SSL_set_app_data(c->ssl, c);
	if (how->resume != NULL)
		SSL_set_session(c->ssl, how->resume);
	return SSL_connect(c->ssl) == 1 &&
	       SSL_export_keying_material(c->ssl, c->export, sizeof(c->export), label,
	                                  strlen(label), NULL, 0, 0) == 1;
}

void
psk_client_close(struct psk_client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
}

int
psk_client_ask(struct psk_client *c, const char *text, char *answer, size_t size)
{
	size_t got = 0;
	int n, status = 0;

	answer[0] = '\0';
	if (SSL_write(c->ssl, text, (int)strlen(text)) <= 0)
		return 0;
	while (got + 1 < size && (n = SSL_read(c->ssl, answer + got, (int)(size - got - 1))) > 0)
		got += (size_t)n;
	answer[got] = '\0';
	if (got > 12 && memcmp(answer, "HTTP/1.1 ", 9) == 0)
		status = (int)strtol(answer + 9, NULL, 10);
	return status;
}
