/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys.h"

/* Those that the daemons take; forward secrecy with all of them. */
#define PSK_SUITES_1_3 "TLS_AES_128_GCM_SHA256"
#define PSK_SUITES_1_2 "ECDHE-PSK-CHACHA20-POLY1305"

struct link_tls {
	SSL_CTX *ctx;
};

/* A session that there never was stands for the key; NULL: no memory. */
static SSL_SESSION *
session_of(SSL *ssl, const struct psk *psk)
{
	static const unsigned char suite[] = { 0x13, 0x01 };
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
	SSL_SESSION *session = SSL_SESSION_new();

	if (cipher != NULL && session != NULL &&
	    SSL_SESSION_set1_master_key(session, psk->key, KEYS_BYTES) == 1 &&
	    SSL_SESSION_set_cipher(session, cipher) == 1 &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

static int
psk_1_3(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len, SSL_SESSION **session)
{
	const struct psk *psk = SSL_get_app_data(ssl);

	(void)md;
	*session = session_of(ssl, psk);
	*id = (const unsigned char *)psk->identity;
	*id_len = strlen(psk->identity);
	return *session != NULL;
}

static unsigned
psk_1_2(SSL *ssl, const char *hint, char *identity, unsigned identity_max, unsigned char *key,
    unsigned key_max)
{
	const struct psk *psk = SSL_get_app_data(ssl);
	size_t n = strlen(psk->identity);

	(void)hint;
	if (n >= identity_max || key_max < KEYS_BYTES)
		return 0;
	memcpy(identity, psk->identity, n + 1);
	memcpy(key, psk->key, KEYS_BYTES);
	return KEYS_BYTES;
}

static bool
use_psk(const struct link_tls *t)
{
	SSL_CTX_set_psk_use_session_callback(t->ctx, psk_1_3);
	SSL_CTX_set_psk_client_callback(t->ctx, psk_1_2);
	return SSL_CTX_set_ciphersuites(t->ctx, PSK_SUITES_1_3) == 1 &&
	    SSL_CTX_set_cipher_list(t->ctx, PSK_SUITES_1_2) == 1;
}

static bool
use_certificates(const struct link_tls *t, const struct link_conf *conf)
{
	if (conf->ca != NULL) {
		if (SSL_CTX_load_verify_file(t->ctx, conf->ca) != 1)
			return false;
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	}
	return conf->cert == NULL ||
	    (SSL_CTX_use_certificate_chain_file(t->ctx, conf->cert) == 1 &&
	    SSL_CTX_use_PrivateKey_file(t->ctx, conf->cert_key, SSL_FILETYPE_PEM) == 1);
}

static bool
use_version(const struct link_tls *t, enum link_version version)
{
	int low = version == LINK_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
	int high = version == LINK_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;

	return SSL_CTX_set_min_proto_version(t->ctx, low) == 1 &&
	    SSL_CTX_set_max_proto_version(t->ctx, high) == 1;
}

struct link_tls *
link_tls_new(const struct link_conf *conf)
{
	struct link_tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (t->ctx != NULL) {
		SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
	}
	if (t->ctx != NULL && use_version(t, conf->version) &&
	    (conf->psk ? use_psk(t) : use_certificates(t, conf)))
		return t;
	fputs("load: key or certificate of no use\n", stderr);
	ERR_print_errors_fp(stderr);
	link_tls_free(t);
	return NULL;
}

void
link_tls_free(struct link_tls *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

bool
link_open(struct link *l, int fd, const struct link_tls *tls, const struct psk *psk)
{
	*l = (struct link){ .fd = fd };
	if (tls == NULL)
		return true;
	/* OpenSSL cannot be told not to wait for one call. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
		return false;
	l->ssl = SSL_new(tls->ctx);
	if (l->ssl == NULL || SSL_set_fd(l->ssl, fd) != 1 ||
	    SSL_set_app_data(l->ssl, (void *)(uintptr_t)psk) != 1)
		return false;
	SSL_set_connect_state(l->ssl);
	return true;
}

/* What a call of OpenSSL that did nothing means. */
static ssize_t
nothing_done(struct link *l, int n)
{
	int error = SSL_get_error(l->ssl, n);

	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	l->failed = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
	errno = l->failed ? ECONNRESET : EAGAIN;
	return -1;
}

ssize_t
link_send(struct link *l, const void *data, size_t len)
{
	size_t done = 0;
	int n;

	if (l->ssl == NULL)
		return send(l->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	n = SSL_write_ex(l->ssl, data, len, &done);
	return n == 1 ? (ssize_t)done : nothing_done(l, n);
}

ssize_t
link_receive(struct link *l, void *data, size_t len)
{
	size_t done = 0;
	int n;

	if (l->ssl == NULL)
		return recv(l->fd, data, len, MSG_DONTWAIT);
	n = SSL_read_ex(l->ssl, data, len, &done);
	return n == 1 ? (ssize_t)done : nothing_done(l, n);
}

bool
link_is_opening(const struct link *l)
{
	return l->ssl != NULL && SSL_in_init(l->ssl);
}

bool
link_is_refused(const struct link *l)
{
	return l->failed && SSL_in_init(l->ssl);
}

bool
link_wants_room(const struct link *l)
{
	return l->ssl == NULL || SSL_want_write(l->ssl);
}

void
link_describe(const struct link *l, char *text, size_t size)
{
	const char *group;

	text[0] = '\0';
	if (l->ssl == NULL)
		return;
	group = SSL_group_to_name(l->ssl, (int)SSL_get_negotiated_group(l->ssl));
	snprintf(text, size, "%s %s %s", SSL_get_version(l->ssl), SSL_get_cipher_name(l->ssl),
	    group == NULL ? "-" : group);
}

void
link_close(struct link *l)
{
	if (l->ssl != NULL && !l->failed && !SSL_in_init(l->ssl))
		SSL_shutdown(l->ssl);
	SSL_free(l->ssl);
	ERR_clear_error();
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct link){ .fd = -1 };
}
