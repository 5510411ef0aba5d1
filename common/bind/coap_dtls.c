/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcoap makes its sessions of one SSL_CTX, of which it sets what its own interface knows. That
 * leaves out most of what is wanted here (which suites, whose cookies, revocation, no resumption),
 * and reads certificates from their files in each handshake. So it is told of pre-shared keys only,
 * for it to allow DTLS, and all else is set on its SSL_CTX, and on each SSL when its ClientHello is
 * there: libcoap makes the next one ahead.
 */
#include "config.h"

#include "bind/coap_dtls.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/client_cert.h"
#include "bind/coap_dtls_impl.h"
#include "sec/secret.h"

/*
 * As with HTTP; besides AES-CCM with 8 octets, which RFC 7252 sections 9.1.3.1 and 9.1.3.3 have
 * every node know: with pre-shared keys it has no forward secrecy.
 */
#define PSK "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256"
#define NON_PFS ":PSK-AES128-GCM-SHA256:PSK-AES128-CCM:PSK-AES128-CCM8"
#define CERTIFICATES                                                                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"                                \
	":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"                               \
	":ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"                               \
	":ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-CCM8"
#define GROUPS "X25519:P-256:P-384:P-521"
#define OPTIONS                                                                                    \
	(SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |                      \
	 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_COOKIE_EXCHANGE)
/* Octets of a datagram of the handshake: what RFC 7252 section 4.6 has pass everywhere. */
#define HANDSHAKE_MTU 1152

/* ---- in the handshake ---- */

static unsigned
find_key(SSL *tls, const char *identity, unsigned char *out, unsigned max)
{
	struct cdtls_shake *h = SSL_get_ex_data(tls, cdtls_shake_index());
	struct key k;
	bool ok;

	if (h == NULL || identity == NULL || max < KEY_BYTES)
		return 0;
	ok = psk_look_up(&h->dtls->psk, slice_of(identity), CDTLS_VERSION, h->psk, &h->psk_n, &k);
	if (ok)
		memcpy(out, k.v, KEY_BYTES);
	key_wipe(&k);
	return ok ? KEY_BYTES : 0;
}

static bool
set_certificates(const struct cdtls *d, SSL *tls)
{
	const struct cdtls_files *f = d->files;
	int mode = SSL_VERIFY_PEER | (d->require_client_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);

	if (SSL_use_cert_and_key(tls, f->certificate, f->key, f->chain, 1) != 1)
		return false;
	if (f->trust == NULL) {
		SSL_set_verify(tls, SSL_VERIFY_NONE, NULL);
		return true;
	}
	SSL_set_verify(tls, mode, NULL);
	SSL_set0_CA_list(tls, SSL_dup_CA_list(f->names));
	return true;
}

static struct cdtls_shake *
begin_shake(struct cdtls *d, SSL *tls)
{
	struct cdtls_shake *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->dtls = d;
	h->generation = d->generation;
	if (SSL_set_ex_data(tls, cdtls_shake_index(), h) == 1)
		return h;
	free(h);
	return NULL;
}

/* Called for the one ClientHello of a session. */
static int
client_hello(SSL *tls, int *alert, void *arg)
{
	struct cdtls *d = arg;

	*alert = SSL_AD_INTERNAL_ERROR;
	if (SSL_get_ex_data(tls, cdtls_shake_index()) != NULL || begin_shake(d, tls) == NULL)
		return SSL_CLIENT_HELLO_ERROR;
	SSL_set_options(tls, OPTIONS);
	SSL_set_mtu(tls, HANDSHAKE_MTU);
	if (SSL_set1_groups_list(tls, GROUPS) != 1)
		return SSL_CLIENT_HELLO_ERROR;
	if (d->psk.find != NULL)
		SSL_set_psk_server_callback(tls, find_key);
	else if (!set_certificates(d, tls))
		return SSL_CLIENT_HELLO_ERROR;
	return SSL_CLIENT_HELLO_SUCCESS;
}

static const struct front *
front_of(SSL *tls)
{
	const struct cdtls *d = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(tls), cdtls_index());

	return d == NULL ? NULL : d->front;
}

static int
make_cookie(SSL *tls, unsigned char *cookie, unsigned *n)
{
	const struct front *front = front_of(tls);

	*n = FRONT_COOKIE;
	return front != NULL && front_cookie(front, cookie);
}

static int
verify_cookie(SSL *tls, const unsigned char *cookie, unsigned n)
{
	const struct front *front = front_of(tls);

	return front != NULL && front_cookie_good(front, slice_make(cookie, n));
}

/* ---- start ---- */

/* Somewhere for a datagram to go; nobody reads it. */
static int
open_sink(coap_address_t *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (bind(fd, (struct sockaddr *)&in, n) != 0 ||
	                getsockname(fd, (struct sockaddr *)&in, &n) != 0)) {
		close(fd);
		return -1;
	}
	coap_address_init(a);
	a->size = n;
	a->addr.sin = in;
	return fd;
}

/* libcoap's SSL_CTX is to be had from a session alone: one of a client that never is. */
static SSL_CTX *
take_context(coap_context_t *ctx)
{
	coap_tls_library_t library;
	coap_session_t *session;
	SSL_CTX *tls = NULL;
	coap_address_t to;
	int sink = open_sink(&to);
	SSL *ssl;

	if (sink < 0)
		return NULL;
	session = coap_new_client_session(ctx, NULL, &to, COAP_PROTO_DTLS);
	ssl = session == NULL ? NULL : coap_session_get_tls(session, &library);
	if (ssl != NULL && library == COAP_TLS_LIBRARY_OPENSSL) {
		tls = SSL_get_SSL_CTX(ssl);
		SSL_CTX_up_ref(tls);
	}
	if (session != NULL)
		coap_session_release(session);
	close(sink);
	return tls;
}

static const char *
suites_of(const struct cdtls *d)
{
	if (d->psk.find == NULL)
		return CERTIFICATES;
	return d->allow_non_pfs ? PSK NON_PFS : PSK;
}

static bool
set_context(struct cdtls *d)
{
	if (cdtls_index() < 0 || cdtls_shake_index() < 0 ||
	    SSL_CTX_set_ex_data(d->tls, cdtls_index(), d) != 1 ||
	    SSL_CTX_set_cipher_list(d->tls, suites_of(d)) != 1)
		return false;
	SSL_CTX_set_options(d->tls, OPTIONS);
	SSL_CTX_set_session_cache_mode(d->tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_psk_server_callback(d->tls, NULL);
	SSL_CTX_set_cookie_generate_cb(d->tls, make_cookie);
	SSL_CTX_set_cookie_verify_cb(d->tls, verify_cookie);
	SSL_CTX_set_cert_verify_callback(d->tls, cdtls_verify, d);
	SSL_CTX_set_client_hello_cb(d->tls, client_hello, d);
	return true;
}

static bool
begin(struct cdtls *d, const struct coapd_conf *conf, coap_context_t *ctx, char why[COAPD_WHY_MAX])
{
	coap_dtls_spsk_t enable = { .version = COAP_DTLS_SPSK_SETUP_VERSION };

	if (conf->security == COAPD_PSK && (conf->psk == NULL || conf->psk->find == NULL)) {
		snprintf(why, COAPD_WHY_MAX, "nothing has pre-shared keys");
		return false;
	}
	if (conf->security == COAPD_PSK)
		d->psk = *conf->psk;
	else if (!cdtls_files_begin(d, conf, why))
		return false;
	snprintf(why, COAPD_WHY_MAX, "DTLS cannot be set up");
	if (coap_context_set_psk2(ctx, &enable) != 1)
		return false;
	d->tls = take_context(ctx);
	return d->tls != NULL && set_context(d);
}

struct cdtls *
cdtls_new(const struct coapd_conf *conf, coap_context_t *ctx, char why[COAPD_WHY_MAX])
{
	struct cdtls *d = calloc(1, sizeof(*d));

	if (d == NULL || !clock_cond_init(&d->ended)) {
		snprintf(why, COAPD_WHY_MAX, "no memory");
		free(d);
		return NULL;
	}
	pthread_mutex_init(&d->reload, NULL);
	pthread_mutex_init(&d->lock, NULL);
	d->log = conf->log;
	snprintf(d->listener, sizeof(d->listener), "coaps %.64s port %u", conf->address,
	         conf->port);
	d->allow_non_pfs = conf->allow_non_pfs;
	d->require_client_cert = conf->require_client_cert;
	if (begin(d, conf, ctx, why))
		return d;
	cdtls_free(d);
	return NULL;
}

void
cdtls_front(struct cdtls *d, const struct front *front)
{
	d->front = front;
}

void
cdtls_free(struct cdtls *d)
{
	if (d == NULL)
		return;
	cdtls_files_end(d);
	if (d->tls != NULL)
		SSL_CTX_set_ex_data(d->tls, cdtls_index(), NULL);
	SSL_CTX_free(d->tls);
	pthread_cond_destroy(&d->ended);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->reload);
	free(d);
}
