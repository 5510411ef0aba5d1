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

#include "bind/http_server.h"

#define NAME_MAX_BYTES 1024u

struct http_tls {
	_Atomic unsigned refs;
	gnutls_certificate_credentials_t cred;
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

void
http_tls_options(struct MHD_OptionItem options[HTTP_TLS_OPTIONS])
{
	static const char priorities[] =
		"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

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
	gnutls_certificate_free_credentials(t->cred);
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
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		                          .data = (void *)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned status = 0;
	unsigned n = 0;

	if (gnutls_certificate_get_peers(session, &n) == NULL || n == 0)
		return 0;
	if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0)
		return -1;
	return status == 0 ? 0 : -1;
}

bool
http_tls_attach(struct http_conn *c, bool require_client_cert)
{
	gnutls_session_t s = c->session;

	if (gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c->tls->cred) != 0)
		return false;
	if (c->tls->asks_client) {
		gnutls_certificate_server_set_request(s, require_client_cert ? GNUTLS_CERT_REQUIRE
		                                                             : GNUTLS_CERT_REQUEST);
		gnutls_session_set_verify_function(s, verify_client);
	}
	gnutls_transport_set_ptr2(s, c, (gnutls_transport_ptr_t)(intptr_t)c->fd);
	gnutls_transport_set_pull_function(s, pull);
	gnutls_transport_set_pull_timeout_function(s, pull_timeout);
	return true;
}

/* The first alternative name of the wanted kind; false when there is none. */
static bool
alt_name(gnutls_x509_crt_t crt, gnutls_x509_subject_alt_name_t wanted, char *out, size_t *n)
{
	for (unsigned i = 0;; i++) {
		size_t size = NAME_MAX_BYTES;
		int kind = gnutls_x509_crt_get_subject_alt_name(crt, i, out, &size, NULL);

		if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return false;
		if (kind == (int)wanted) {
			*n = size;
			return true;
		}
	}
}

static void
name_of(gnutls_x509_crt_t crt, struct http_conn *c)
{
	char name[NAME_MAX_BYTES];
	size_t n = sizeof(name);

	if (!alt_name(crt, GNUTLS_SAN_URI, name, &n) &&
	    !alt_name(crt, GNUTLS_SAN_DNSNAME, name, &n)) {
		n = sizeof(name);
		if (gnutls_x509_crt_get_dn(crt, name, &n) != 0)
			return;
	}
	/* A zero inside would end the name early for whoever reads it as a string. */
	if (n > 0 && n < sizeof(name) && memchr(name, '\0', n) == NULL)
		c->identity = strndup(name, n);
}

struct slice
http_tls_identity(struct http_conn *c)
{
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t crt;
	unsigned n = 0;

	if (c->session == NULL || !c->tls->asks_client || c->identity != NULL)
		return slice_of(c->identity);
	chain = gnutls_certificate_get_peers(c->session, &n);
	if (chain == NULL || n == 0 || gnutls_x509_crt_init(&crt) != 0)
		return SLICE_NONE;
	if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0)
		name_of(crt, c);
	gnutls_x509_crt_deinit(crt);
	return slice_of(c->identity);
}

ssize_t
http_tls_write(struct gnutls_session_int *session, struct slice text)
{
	return gnutls_record_send(session, text.p, text.n);
}
