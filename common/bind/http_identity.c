/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_identity.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "bind/http_psk.h"
#include "bind/http_server.h"
#include "bind/http_tls.h"
#include "bind/http_trust.h"

struct http_certificate {
	gnutls_datum_t spki; /* DER */
	unsigned char fingerprint[PEER_FINGERPRINT];
	struct slice uris[HTTP_NAMES_MAX];
	struct slice dns_names[HTTP_NAMES_MAX];
	size_t n_uris;
	size_t n_dns_names;
	struct slice subject;
	size_t used;
	char text[HTTP_NAMES_BYTES]; /* what the slices view */
};

static void
certificate_free(struct http_certificate *k)
{
	if (k == NULL)
		return;
	gnutls_free(k->spki.data);
	free(k);
}

/* Zero octets and line breaks would change a name for whoever prints or compares it as text. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

/* Takes the name that was written to the free end of k->text. */
static bool
take_name(struct http_certificate *k, size_t n, struct slice *names, size_t *n_names)
{
	struct slice name = slice_make(k->text + k->used, n);

	if (!is_name(name))
		return true;
	if (*n_names == HTTP_NAMES_MAX)
		return false;
	names[(*n_names)++] = name;
	k->used += n;
	return true;
}

/* False when there are more names, or longer ones, than can be kept. */
static bool
take_names(struct http_certificate *k, gnutls_x509_crt_t crt)
{
	for (unsigned i = 0;; i++) {
		size_t n = sizeof(k->text) - k->used;
		int kind =
			gnutls_x509_crt_get_subject_alt_name(crt, i, k->text + k->used, &n, NULL);
		bool ok = true;

		if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return true;
		if (kind < 0)
			return false;
		if (kind == GNUTLS_SAN_URI)
			ok = take_name(k, n, k->uris, &k->n_uris);
		else if (kind == GNUTLS_SAN_DNSNAME)
			ok = take_name(k, n, k->dns_names, &k->n_dns_names);
		if (!ok)
			return false;
	}
}

static bool
take_subject(struct http_certificate *k, gnutls_x509_crt_t crt)
{
	size_t n = sizeof(k->text) - k->used;
	int rc = gnutls_x509_crt_get_dn(crt, k->text + k->used, &n);

	if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return true;
	if (rc != 0)
		return false;
	k->subject = slice_make(k->text + k->used, n);
	if (!is_name(k->subject))
		k->subject = SLICE_NONE;
	k->used += n;
	return true;
}

static bool
take_key(struct http_certificate *k, gnutls_x509_crt_t crt)
{
	gnutls_pubkey_t key;
	bool ok;

	if (gnutls_pubkey_init(&key) != 0)
		return false;
	ok = gnutls_pubkey_import_x509(key, crt, 0) == 0 &&
	     gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &k->spki) == 0 &&
	     gnutls_hash_fast(GNUTLS_DIG_SHA256, k->spki.data, k->spki.size, k->fingerprint) == 0;
	gnutls_pubkey_deinit(key);
	return ok;
}

/* The facts of a certificate in DER; NULL when they cannot be kept. */
static struct http_certificate *
certificate_new(const gnutls_datum_t *der)
{
	struct http_certificate *k = calloc(1, sizeof(*k));
	gnutls_x509_crt_t crt;
	bool ok;

	if (k == NULL || gnutls_x509_crt_init(&crt) != 0) {
		free(k);
		return NULL;
	}
	ok = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0 && take_names(k, crt) &&
	     take_subject(k, crt) && take_key(k, crt);
	gnutls_x509_crt_deinit(crt);
	if (ok)
		return k;
	certificate_free(k);
	return NULL;
}

/* What the server trusts now, counted, and which it is. */
static struct http_trust *
trust_of(struct http_server *s, unsigned *generation)
{
	struct http_trust *t;

	pthread_mutex_lock(&s->table.lock);
	t = http_trust_ref(s->trust);
	*generation = atomic_load(&s->trust_generation);
	pthread_mutex_unlock(&s->table.lock);
	return t;
}

/* Whether the client's chain is good by what the server trusts now. */
static bool
verify_chain(struct http_conn *c, const gnutls_datum_t *chain, unsigned n)
{
	struct http_trust *t = trust_of(c->server, &c->identity.generation);
	bool ok;

	ok = t != NULL && http_trust_verify(t, chain, n, &c->identity.check_at);
	http_trust_unref(t);
	return ok;
}

bool
http_identity_verify(struct http_conn *c)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(c->session, &n);

	certificate_free(c->identity.certificate);
	c->identity.certificate = NULL;
	if (chain == NULL || n == 0)
		return true;
	if (!verify_chain(c, chain, n))
		return false;
	c->identity.certificate = certificate_new(&chain[0]);
	return c->identity.certificate != NULL;
}

static const struct http_conn *
conn_of(const struct peer *peer)
{
	return (const void *)((const char *)peer - offsetof(struct http_conn, identity.peer));
}

static bool
issuer_of(const struct http_conn *c, const gnutls_datum_t *chain, unsigned n, gnutls_datum_t *out)
{
	unsigned generation;
	struct http_trust *t = trust_of(c->server, &generation);
	bool ok = t != NULL && http_trust_issuer(t, chain, n, out);

	http_trust_unref(t);
	return ok;
}

static enum rc
export_certificate(const struct peer *peer, bool issuer, struct buf *out)
{
	const struct http_conn *c = conn_of(peer);
	gnutls_datum_t der = { .size = 0 };
	const gnutls_datum_t *chain;
	unsigned n = 0;

	if (peer->kind != PEER_CERTIFICATE)
		return RC_NOT_FOUND;
	chain = gnutls_certificate_get_peers(c->session, &n);
	if (chain == NULL || n == 0)
		return RC_NOT_FOUND;
	if (!issuer)
		buf_add(out, chain[0].data, chain[0].size);
	else if (issuer_of(c, chain, n, &der))
		buf_add(out, der.data, der.size);
	else
		return RC_NOT_FOUND;
	gnutls_free(der.data);
	return out->failed ? RC_NO_SPACE : RC_OK;
}

static enum rc
export_key(const struct peer *peer, const char *label, void *out, size_t n)
{
	const struct http_conn *c = conn_of(peer);

	if (c->session == NULL || !c->identity.known)
		return RC_DENIED;
	if (peer->tls_version < HTTP_TLS_1_3 &&
	    gnutls_session_ext_master_secret_status(c->session) == 0)
		return RC_DENIED;
	if (gnutls_prf_rfc5705(c->session, strlen(label), label, 0, NULL, n, out) != 0)
		return RC_INTERNAL;
	return RC_OK;
}

static void
begin_inet(struct http_identity *id, const struct sockaddr *from)
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;
	const void *address = &v4->sin_addr;

	if (from->sa_family == AF_INET6) {
		address = &v6->sin6_addr;
		id->peer.loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	} else if (from->sa_family == AF_INET) {
		id->peer.loopback = ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (inet_ntop(from->sa_family, address, id->address, sizeof(id->address)) != NULL)
		id->peer.address = slice_of(id->address);
}

static void
begin_unix(struct http_conn *c)
{
	struct peer *p = &c->identity.peer;
	struct ucred who;
	socklen_t n = sizeof(who);

	p->loopback = true;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return;
	p->kind = PEER_UNIX;
	p->uid = who.uid;
	p->pid = (unsigned)who.pid;
}

void
http_identity_begin(struct http_conn *c, const struct sockaddr *from)
{
	c->identity.peer.exporter = export_key;
	c->identity.peer.certificate = export_certificate;
	if (from->sa_family == AF_UNIX)
		begin_unix(c);
	else
		begin_inet(&c->identity, from);
}

void
http_identity_end(struct http_conn *c)
{
	certificate_free(c->identity.certificate);
	c->identity.certificate = NULL;
}

static void
show_certificate(struct peer *p, const struct http_certificate *k)
{
	p->kind = PEER_CERTIFICATE;
	p->uris = k->uris;
	p->n_uris = k->n_uris;
	p->dns_names = k->dns_names;
	p->n_dns_names = k->n_dns_names;
	p->subject = k->subject;
	p->spki = slice_make(k->spki.data, k->spki.size);
	memcpy(p->fingerprint, k->fingerprint, sizeof(p->fingerprint));
}

/* The handshake is over. */
static bool
complete(struct http_conn *c)
{
	struct http_identity *id = &c->identity;
	unsigned n = 0;

	id->peer.tls_version = http_tls_version(c->session);
	if (c->server->psk.find != NULL) {
		id->peer.psk_identity = http_psk_identity(c);
		if (id->peer.psk_identity.p == NULL)
			return false;
		id->peer.kind = PEER_PSK;
		atomic_store_explicit(&id->proved, true, memory_order_release);
	} else if (gnutls_certificate_get_peers(c->session, &n) != NULL && n > 0) {
		if (id->certificate == NULL)
			return false;
		show_certificate(&id->peer, id->certificate);
	}
	id->known = id->peer.tls_version != 0;
	return id->known;
}

/* Expiry and revocation end a certificate on an open connection, too. */
static bool
still_valid(struct http_conn *c)
{
	const struct http_identity *id = &c->identity;
	const gnutls_datum_t *chain;
	unsigned n = 0;

	if (clock_now(&clock_system) / CLOCK_SECOND < id->check_at &&
	    atomic_load_explicit(&c->server->trust_generation, memory_order_acquire) ==
	            id->generation)
		return true;
	chain = gnutls_certificate_get_peers(c->session, &n);
	return verify_chain(c, chain, n);
}

bool
http_identity_current(struct http_conn *c)
{
	if (c->session == NULL)
		return true;
	if (!c->identity.known && !complete(c))
		return false;
	return c->identity.peer.kind != PEER_CERTIFICATE || still_valid(c);
}
