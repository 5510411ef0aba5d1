/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/tls_client.h"

#include <openssl/err.h>
#include <stdint.h>
#include <string.h>

/*
 * Suites with a hash of 256 bits only: GnuTLS computes the binder of an external key with SHA-256.
 * No key exchange without Diffie-Hellman, which would not keep old traffic secret.
 */
#define PSK_SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define PSK_SUITES_12 "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256"

/* OpenSSL keeps only a pointer to what it shall not change. */
static void *
as_app_data(const struct credential *c)
{
	return (void *)(uintptr_t)c;
}

static const struct credential *
credential_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/*
 * Asked at each ClientHello for TLS 1.3, and again when the server has chosen TLS 1.2; once for
 * DTLS 1.2. The identity and the key are those of the version. 0: there is none.
 */
static unsigned
on_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_max, unsigned char *key,
       unsigned key_max)
{
	int version = SSL_version(ssl) == TLS1_3_VERSION ? 13 : 12;
	const struct credential_psk *psk = credential_for_version(credential_of(ssl), version);

	(void)hint;
	if (psk == NULL || strlen(psk->identity) >= identity_max || key_max < KEY_BYTES)
		return 0;
	strcpy(identity, psk->identity);
	memcpy(key, psk->key.v, KEY_BYTES);
	return KEY_BYTES;
}

/* Asked only for a certificate, and a peer that shows one does not know the key. */
static int
on_certificate(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

static bool
set_psk(SSL_CTX *ctx)
{
	SSL_CTX_set_psk_client_callback(ctx, on_psk);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
	return SSL_CTX_set_ciphersuites(ctx, PSK_SUITES_13) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, PSK_SUITES_12) == 1;
}

bool
tls_client_set_up(SSL_CTX *ctx, const struct credential *c)
{
	SSL_CTX_set_app_data(ctx, as_app_data(c));
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx,
	                    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	return credential_kind(c) != CREDENTIAL_PSK || set_psk(ctx);
}

/* The peer has shown that it knows the key, not something else. */
static bool
is_by_psk(const SSL *ssl)
{
	if (SSL_get0_peer_certificate(ssl) != NULL)
		return false;
	/* An external key counts as a session that is taken up again; there are no others here. */
	if (SSL_version(ssl) == TLS1_3_VERSION)
		return SSL_session_reused(ssl) == 1;
	return SSL_CIPHER_get_auth_nid(SSL_get_current_cipher(ssl)) == NID_auth_psk;
}

static bool
is_by_certificate(const SSL *ssl)
{
	return SSL_get0_peer_certificate(ssl) != NULL && SSL_get_verify_result(ssl) == X509_V_OK;
}

const char *
tls_client_check(const SSL *ssl, const struct credential *c)
{
	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return "no TLS session";
	if (credential_of(ssl) != c)
		return "a TLS session of another credential";
	if (credential_kind(c) == CREDENTIAL_PSK ? !is_by_psk(ssl) : !is_by_certificate(ssl))
		return "the peer has not proved itself";
	return NULL;
}

const char *
tls_client_export(SSL *ssl, const char *label, struct key *out)
{
	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return "no TLS session";
	if (SSL_version(ssl) != TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return "no extended master secret";
	if (SSL_export_keying_material(ssl, out->v, sizeof(out->v), label, strlen(label), NULL, 0,
	                               0) != 1)
		return "no value of the TLS exporter";
	return NULL;
}

bool
tls_client_refused(unsigned long code)
{
	static const int alerts[] = {
		SSL_AD_BAD_RECORD_MAC,       SSL_AD_DECRYPTION_FAILED, SSL_AD_HANDSHAKE_FAILURE,
		SSL_AD_DECRYPT_ERROR,        SSL_AD_ILLEGAL_PARAMETER, SSL_AD_ACCESS_DENIED,
		SSL_AD_UNKNOWN_PSK_IDENTITY,
	};

	if (ERR_GET_LIB(code) != ERR_LIB_SSL)
		return false;
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (ERR_GET_REASON(code) == SSL_AD_REASON_OFFSET + alerts[i])
			return true;
	return false;
}
