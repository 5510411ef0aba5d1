/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each session gets the credentials of its server here, not those of libmicrohttpd: they can then
 * be replaced while connections are open.
 */
#include "config.h"

#include "bind/http_tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "bind/http_identity.h"
#include "bind/http_psk.h"
#include "bind/http_server.h"

/* What all listeners have in common; an own order of preference. */
#define ANY_TLS "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define TLS_1_3 "SECURE128:-VERS-ALL:+VERS-TLS1.3"
#define COMMON                                                                                     \
	":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1"             \
	":+GROUP-X448:%SERVER_PRECEDENCE:%NO_TICKETS"
/* Ephemeral keys and authenticated encryption alone. */
#define CERTIFICATES                                                                               \
	":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"                                                         \
	":-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD"
/*
 * GnuTLS binds external keys with SHA-256 only, so no suite with SHA-384. The one CBC suite is for
 * TLS 1.2 clients without ChaCha20: there is no ECDHE-PSK with GCM.
 */
#define PSK_CIPHERS                                                                                \
	":-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:+AES-128-CBC:-MAC-ALL:+AEAD:+SHA256"
#define PSK ":-KX-ALL:+ECDHE-PSK" PSK_CIPHERS
/* http_psk.c leaves two suites of TLS 1.2 of what the plain exchange adds. */
#define PSK_OR_NON_PFS ":-KX-ALL:+ECDHE-PSK:+PSK" PSK_CIPHERS

struct http_tls {
	_Atomic unsigned refs;
	gnutls_certificate_credentials_t cred; /* or */
	gnutls_psk_server_credentials_t psk;
	bool asks_client;
};

/* Never used: each session gets credentials of its own. */
static int
no_certificate(gnutls_session_t session, const gnutls_datum_t *ca, int n_ca,
               const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **chain,
               unsigned *n_chain, gnutls_privkey_t *key)
{
	(void)session;
	(void)ca;
	(void)n_ca;
	(void)algorithms;
	(void)n_algorithms;
	(void)chain;
	(void)n_chain;
	(void)key;
	return -1;
}

const char *
http_tls_priorities(const struct http_conf *conf)
{
	if (conf->security != HTTP_PSK)
		return conf->tls13_only ? TLS_1_3 CERTIFICATES COMMON : ANY_TLS CERTIFICATES COMMON;
	if (conf->tls13_only)
		return TLS_1_3 PSK COMMON;
	return conf->allow_non_pfs ? ANY_TLS PSK_OR_NON_PFS COMMON : ANY_TLS PSK COMMON;
}

void
http_tls_options(const char *priorities, struct MHD_OptionItem options[HTTP_TLS_OPTIONS])
{
	options[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
		                              (void *)(intptr_t)priorities };
	options[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
		                              (void *)(intptr_t)no_certificate };
	options[2] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

static bool
readable(const char *what, const char *file, char why[HTTP_WHY_MAX])
{
	FILE *f = fopen(file, "rb");

	if (f == NULL) {
		snprintf(why, HTTP_WHY_MAX, "%s %.160s: %s", what, file, strerror(errno));
		return false;
	}
	fclose(f);
	return true;
}

static enum rc
load_files(struct http_tls *t, const char *cert, const char *key, const char *ca,
           char why[HTTP_WHY_MAX])
{
	int n;

	if (!readable("certificate", cert, why) || !readable("key", key, why) ||
	    (ca != NULL && !readable("ca", ca, why)))
		return RC_NOT_FOUND;
	n = gnutls_certificate_set_x509_key_file2(t->cred, cert, key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (n < 0) {
		snprintf(why, HTTP_WHY_MAX, "certificate %.80s with key %.80s: %s", cert, key,
		         gnutls_strerror(n));
		return RC_BAD_REQUEST;
	}
	if (ca == NULL)
		return RC_OK;
	t->asks_client = true;
	n = gnutls_certificate_set_x509_trust_file(t->cred, ca, GNUTLS_X509_FMT_PEM);
	if (n > 0)
		return RC_OK;
	snprintf(why, HTTP_WHY_MAX, "ca %.160s: %s", ca,
	         n < 0 ? gnutls_strerror(n) : "no certificate");
	return RC_BAD_REQUEST;
}

struct http_tls *
http_tls_load(const char *cert_file, const char *key_file, const char *ca_file,
              char why[HTTP_WHY_MAX])
{
	struct http_tls *t = calloc(1, sizeof(*t));

	if (t == NULL || gnutls_certificate_allocate_credentials(&t->cred) != 0) {
		snprintf(why, HTTP_WHY_MAX, "no memory");
		free(t);
		return NULL;
	}
	atomic_init(&t->refs, 1);
	if (load_files(t, cert_file, key_file, ca_file, why) == RC_OK)
		return t;
	http_tls_unref(t);
	return NULL;
}

struct http_tls *
http_tls_psk(char why[HTTP_WHY_MAX])
{
	struct http_tls *t = calloc(1, sizeof(*t));

	if (t == NULL || http_psk_credentials(&t->psk) != 0) {
		snprintf(why, HTTP_WHY_MAX, "no memory");
		free(t);
		return NULL;
	}
	atomic_init(&t->refs, 1);
	return t;
}

struct http_tls *
http_tls_ref(struct http_tls *t)
{
	if (t != NULL)
		atomic_fetch_add(&t->refs, 1);
	return t;
}

void
http_tls_unref(struct http_tls *t)
{
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	if (t->cred != NULL)
		gnutls_certificate_free_credentials(t->cred);
	if (t->psk != NULL)
		gnutls_psk_free_server_credentials(t->psk);
	free(t);
}

/* The serving thread reads: the one place to answer a body that stalled while TLS still works. */
static ssize_t
pull(gnutls_transport_ptr_t arg, void *data, size_t n)
{
	struct http_conn *c = arg;

	if (http_conn_is(c, CONN_LATE)) {
		http_reply_early(c, RC_TIMEOUT, "the body came too slowly");
		return 0;
	}
	/*
	 * The peer's next words may be its farewell: what is written in answer to that is never
	 * acknowledged, so this is the last time to see that what came before has been.
	 */
	if (c->unproved != NULL && http_conn_acked(c))
		http_loop_prove(c, true);
	return recv(c->fd, data, n, 0);
}

static int
pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
	const struct http_conn *c = arg;

	return gnutls_system_recv_timeout((gnutls_transport_ptr_t)(intptr_t)c->fd, ms);
}

/* During the handshake; not 0 ends it. */
static int
verify_client(gnutls_session_t session)
{
	return http_identity_verify(gnutls_transport_get_ptr(session)) ? 0 : -1;
}

/* The client has shown what it had to, and that was taken. */
static int
finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
         const gnutls_datum_t *message)
{
	struct http_conn *c = gnutls_transport_get_ptr(session);

	(void)type;
	(void)when;
	(void)message;
	c->shaken = c->shaken || incoming != 0;
	return 0;
}

static bool
attach_certificate(struct http_conn *c, bool require_client_cert)
{
	gnutls_session_t s = c->session;

	if (gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c->tls->cred) != 0)
		return false;
	if (!c->tls->asks_client)
		return true;
	gnutls_certificate_server_set_request(s, require_client_cert ? GNUTLS_CERT_REQUIRE
	                                                             : GNUTLS_CERT_REQUEST);
	gnutls_session_set_verify_function(s, verify_client);
	gnutls_handshake_set_hook_function(s, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST,
	                                   finished);
	return true;
}

static bool
attach_psk(struct http_conn *c)
{
	gnutls_credentials_clear(c->session);
	if (gnutls_credentials_set(c->session, GNUTLS_CRD_PSK, c->tls->psk) != 0)
		return false;
	http_psk_attach(c->session);
	return true;
}

bool
http_tls_attach(struct http_conn *c, bool require_client_cert)
{
	gnutls_session_t s = c->session;

	if (!(c->tls->psk != NULL ? attach_psk(c) : attach_certificate(c, require_client_cert)))
		return false;
	gnutls_transport_set_ptr2(s, c, (gnutls_transport_ptr_t)(intptr_t)c->fd);
	gnutls_transport_set_pull_function(s, pull);
	gnutls_transport_set_pull_timeout_function(s, pull_timeout);
	return true;
}

unsigned
http_tls_version(struct gnutls_session_int *session)
{
	switch (gnutls_protocol_get_version(session)) {
	case GNUTLS_TLS1_3:
		return HTTP_TLS_1_3;
	case GNUTLS_TLS1_2:
		return HTTP_TLS_1_2;
	default:
		return 0;
	}
}

ssize_t
http_tls_write(struct gnutls_session_int *session, struct slice text)
{
	return gnutls_record_send(session, text.p, text.n);
}
