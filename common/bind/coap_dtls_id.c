/* SPDX-License-Identifier: Apache-2.0 */
/* Who the other end of a session is, as its handshake has shown. */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bind/client_cert.h"
#include "bind/coap_dtls_impl.h"

#define LOOPBACK_NET 127u /* first octet of IPv4's */

/* ---- what OpenSSL keeps for us ---- */

static pthread_once_t indexes_once = PTHREAD_ONCE_INIT;
static int shake_index, context_index;

static void
free_shake(void *parent, void *p, CRYPTO_EX_DATA *data, int index, long number, void *arg)
{
	struct cdtls_shake *h = p;

	(void)parent;
	(void)data;
	(void)index;
	(void)number;
	(void)arg;
	if (h == NULL)
		return;
	client_cert_free(h->certificate);
	free(h);
}

static void
make_indexes(void)
{
	shake_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_shake);
	context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

int
cdtls_shake_index(void)
{
	pthread_once(&indexes_once, make_indexes);
	return shake_index;
}

int
cdtls_index(void)
{
	pthread_once(&indexes_once, make_indexes);
	return context_index;
}

/* ---- chains ---- */

/* Certificates in DER, the client's own first. */
struct chain {
	gnutls_datum_t v[CDTLS_CHAIN_MAX];
	unsigned n;
};

static void
chain_free(struct chain *c)
{
	for (unsigned i = 0; i < c->n; i++)
		OPENSSL_free(c->v[i].data);
	c->n = 0;
}

static bool
chain_add(struct chain *c, X509 *x)
{
	unsigned char *der = NULL;
	int n;

	if (c->n == CDTLS_CHAIN_MAX)
		return false;
	n = i2d_X509(x, &der);
	if (n <= 0)
		return false;
	c->v[c->n++] = (gnutls_datum_t){ der, (unsigned)n };
	return true;
}

/* others may have own again. False when it is longer than a chain may be; then it is empty. */
static bool
chain_make(struct chain *c, X509 *own, STACK_OF(X509) *others)
{
	bool ok;

	c->n = 0;
	ok = own != NULL && chain_add(c, own);
	for (int i = 0; ok && i < sk_X509_num(others); i++)
		if (sk_X509_value(others, i) != own)
			ok = chain_add(c, sk_X509_value(others, i));
	if (!ok)
		chain_free(c);
	return ok;
}

static bool
chain_of(struct chain *c, const SSL *tls)
{
	return chain_make(c, SSL_get0_peer_certificate(tls), SSL_get_peer_cert_chain(tls));
}

static bool
take_certificate(struct cdtls_shake *h, const struct chain *c)
{
	const struct cdtls *d = h->dtls;

	if (d->files == NULL || d->files->trust == NULL ||
	    !http_trust_verify(d->files->trust, c->v, c->n, &h->check_at))
		return false;
	client_cert_free(h->certificate);
	h->certificate = client_cert_new(&c->v[0]);
	h->generation = d->generation;
	return h->certificate != NULL;
}

int
cdtls_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *tls = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct cdtls_shake *h = tls == NULL ? NULL : SSL_get_ex_data(tls, cdtls_shake_index());
	struct chain c;
	bool ok = false;

	(void)arg;
	if (h != NULL &&
	    chain_make(&c, X509_STORE_CTX_get0_cert(store), X509_STORE_CTX_get0_untrusted(store))) {
		ok = take_certificate(h, &c);
		chain_free(&c);
	}
	X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return ok;
}

/* ---- the peer ---- */

static const struct cdtls_identity *
identity_of(const struct peer *peer)
{
	return (const void *)((const char *)peer - offsetof(struct cdtls_identity, peer));
}

/* NULL when the session has none any more. */
static SSL *
tls_of(const struct cdtls_identity *id)
{
	coap_tls_library_t library;

	if (id->dtls == NULL || id->session == NULL)
		return NULL;
	return coap_session_get_tls(id->session, &library);
}

static enum rc
export_key(const struct peer *peer, const char *label, void *out, size_t n)
{
	const struct cdtls_identity *id = identity_of(peer);
	SSL *tls = id->known ? tls_of(id) : NULL;

	if (tls == NULL || SSL_get_extms_support(tls) != 1)
		return RC_DENIED;
	if (SSL_export_keying_material(tls, out, n, label, strlen(label), NULL, 0, 0) != 1)
		return RC_INTERNAL;
	return RC_OK;
}

static enum rc
export_issuer(const struct cdtls *d, const struct chain *c, struct buf *out)
{
	gnutls_datum_t der = { .size = 0 };

	if (!http_trust_issuer(d->files->trust, c->v, c->n, &der))
		return RC_NOT_FOUND;
	buf_add(out, der.data, der.size);
	gnutls_free(der.data);
	return RC_OK;
}

static enum rc
export_certificate(const struct peer *peer, bool issuer, struct buf *out)
{
	const struct cdtls_identity *id = identity_of(peer);
	SSL *tls = tls_of(id);
	enum rc rc = RC_OK;
	struct chain c;

	if (peer->kind != PEER_CERTIFICATE || tls == NULL || !chain_of(&c, tls))
		return RC_NOT_FOUND;
	if (!issuer)
		buf_add(out, c.v[0].data, c.v[0].size);
	else if (id->dtls->files->trust == NULL)
		rc = RC_NOT_FOUND;
	else
		rc = export_issuer(id->dtls, &c, out);
	chain_free(&c);
	return rc == RC_OK && out->failed ? RC_NO_SPACE : rc;
}

static void
set_address(struct cdtls_identity *id, const struct sockaddr *from)
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;
	const void *address = &v4->sin_addr;
	int family = from->sa_family;

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		family = AF_INET;
		address = &v6->sin6_addr.s6_addr[12];
	} else if (family == AF_INET6) {
		address = &v6->sin6_addr;
	}
	id->peer.loopback = family == AF_INET ? *(const unsigned char *)address == LOOPBACK_NET
	                                      : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	if (inet_ntop(family, address, id->address, sizeof(id->address)) != NULL)
		id->peer.address = slice_of(id->address);
}

void
cdtls_begin(struct cdtls_identity *id, struct cdtls *d, coap_session_t *session)
{
	*id = (struct cdtls_identity){ .dtls = d, .session = session };
	id->peer.exporter = export_key;
	id->peer.certificate = export_certificate;
	set_address(id, &coap_session_get_addr_remote(session)->addr.sa);
}

void
cdtls_end(struct cdtls_identity *id)
{
	client_cert_free(id->certificate);
	id->certificate = NULL;
}

static void
take_psk(struct cdtls_identity *id, const struct cdtls_shake *h)
{
	memcpy(id->psk, h->psk, h->psk_n);
	id->peer.psk_identity = slice_make(id->psk, h->psk_n);
	id->peer.kind = PEER_PSK;
}

/* The handshake is over. */
static bool
complete(struct cdtls_identity *id, SSL *tls)
{
	struct cdtls_shake *h = SSL_get_ex_data(tls, cdtls_shake_index());

	if (h == NULL || !SSL_is_init_finished(tls) || SSL_version(tls) != DTLS1_2_VERSION)
		return false;
	if (id->dtls->psk.find != NULL) {
		if (h->psk_n == 0)
			return false;
		take_psk(id, h);
	} else if (SSL_get0_peer_certificate(tls) != NULL) {
		if (h->certificate == NULL)
			return false;
		id->certificate = h->certificate;
		h->certificate = NULL;
		id->check_at = h->check_at;
		id->generation = h->generation;
		client_cert_show(&id->peer, id->certificate);
	}
	id->peer.tls_version = CDTLS_VERSION;
	id->known = true;
	return true;
}

/* Expiry and revocation end a certificate in an open session, too. */
static bool
still_valid(struct cdtls_identity *id, const SSL *tls)
{
	const struct cdtls *d = id->dtls;
	struct chain c;
	bool ok;

	if (clock_now(&clock_system) / CLOCK_SECOND < id->check_at &&
	    id->generation == d->generation)
		return true;
	if (d->files->trust == NULL || !chain_of(&c, tls))
		return false;
	ok = http_trust_verify(d->files->trust, c.v, c.n, &id->check_at);
	chain_free(&c);
	id->generation = d->generation;
	if (!ok)
		id->check_at = 0;
	return ok;
}

bool
cdtls_current(struct cdtls_identity *id)
{
	SSL *tls;

	if (id->dtls == NULL)
		return true;
	tls = tls_of(id);
	if (tls == NULL || (!id->known && !complete(id, tls)))
		return false;
	return id->peer.kind != PEER_CERTIFICATE || still_valid(id, tls);
}

bool
cdtls_stands(const struct cdtls_identity *id)
{
	const struct psk_source *psk;
	const struct cdtls_shake *h;
	SSL *tls;

	if (id->dtls == NULL || id->dtls->psk.stands == NULL)
		return true;
	psk = &id->dtls->psk;
	tls = tls_of(id);
	h = tls == NULL || !SSL_is_init_finished(tls) ? NULL
	                                              : SSL_get_ex_data(tls, cdtls_shake_index());
	return h == NULL || h->psk_n == 0 || psk->stands(psk->arg, slice_make(h->psk, h->psk_n));
}
