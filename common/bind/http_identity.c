/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_identity.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "bind/client_cert.h"
#include "bind/http_psk.h"
#include "bind/http_server.h"
#include "bind/http_tls.h"
#include "bind/http_trust.h"

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

	client_cert_free(c->identity.certificate);
	c->identity.certificate = NULL;
	if (chain == NULL || n == 0)
		return true;
	if (!verify_chain(c, chain, n))
		return false;
	c->identity.certificate = client_cert_new(&chain[0]);
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
	client_cert_free(c->identity.certificate);
	c->identity.certificate = NULL;
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
		client_cert_show(&id->peer, id->certificate);
	}
	id->known = id->peer.tls_version != 0;
	if (id->known && id->peer.kind != PEER_UNPROVED)
		http_table_know(&c->server->table, c);
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
