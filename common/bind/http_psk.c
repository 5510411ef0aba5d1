/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_psk.h"

#include "bind/http_server.h"
#include "bind/http_tls.h"
#include "sec/secret.h"

/* Of a ServerHello: version and random, then the length of the session id, the id, the suite. */
#define HELLO_SESSION_AT 34u

/* TLS 1.2 suites without forward secrecy that may be admitted (RFC 5487). */
#define SUITE_PSK_AES_128_GCM_SHA256 0x00a8u
#define SUITE_PSK_AES_128_CBC_SHA256 0x00aeu

/* GnuTLS frees the key. */
static int
find_key(gnutls_session_t session, const gnutls_datum_t *name, gnutls_datum_t *key)
{
	struct http_conn *c = gnutls_transport_get_ptr(session);
	struct key k;
	bool found = psk_look_up(&c->server->psk, slice_make(name->data, name->size),
	                         http_tls_version(session), c->identity.psk, &c->identity.psk_n, &k);

	key->data = found ? gnutls_malloc(KEY_BYTES) : NULL;
	key->size = KEY_BYTES;
	if (key->data != NULL)
		memcpy(key->data, k.v, KEY_BYTES);
	key_wipe(&k);
	return key->data == NULL ? -1 : 0;
}

int
http_psk_credentials(gnutls_psk_server_credentials_t *cred)
{
	int rc = gnutls_psk_allocate_server_credentials(cred);

	if (rc == GNUTLS_E_SUCCESS)
		gnutls_psk_set_server_credentials_function2(*cred, find_key);
	return rc;
}

static unsigned
suite_of(const gnutls_datum_t *hello)
{
	size_t at = HELLO_SESSION_AT;

	if (hello->size <= at)
		return 0;
	at += 1u + hello->data[at];
	return hello->size < at + 2 ? 0 : (unsigned)hello->data[at] << 8 | hello->data[at + 1];
}

/*
 * Priorities name key exchanges and ciphers, not their pairs: with plain PSK for two suites of
 * TLS 1.2 they also admit it in TLS 1.3 (psk_ke), and with ChaCha20. Not 0 ends the handshake.
 */
static int
check_hello(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
            const gnutls_datum_t *hello)
{
	unsigned suite;

	(void)type;
	(void)when;
	if (incoming != 0 || gnutls_kx_get(session) != GNUTLS_KX_PSK)
		return 0;
	suite = suite_of(hello);
	if (suite == SUITE_PSK_AES_128_GCM_SHA256 || suite == SUITE_PSK_AES_128_CBC_SHA256)
		return 0;
	return GNUTLS_E_NO_CIPHER_SUITES;
}

void
http_psk_attach(gnutls_session_t session)
{
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_SERVER_HELLO, GNUTLS_HOOK_PRE,
	                                   check_hello);
}

struct slice
http_psk_identity(const struct http_conn *c)
{
	struct slice seen = slice_make(c->identity.psk, c->identity.psk_n);
	gnutls_datum_t used;

	if (gnutls_auth_get_type(c->session) != GNUTLS_CRD_PSK ||
	    gnutls_psk_server_get_username2(c->session, &used) != 0 || seen.n == 0 ||
	    !slice_eq(seen, slice_make(used.data, used.size)))
		return SLICE_NONE;
	return seen;
}
