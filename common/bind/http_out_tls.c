/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_out_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Suites with a hash of 256 bits only: GnuTLS computes the binder of an external key with SHA-256.
 * No key exchange without Diffie-Hellman, which would not keep old traffic secret.
 */
#define PSK_SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define PSK_SUITES_12 "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256"
/* Before the hexadecimal code of an error (ERR_error_string): libcurl keeps nothing else of it. */
#define CODE_MARK "error:"

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
 * Asked at each ClientHello for TLS 1.3, and again when the server has chosen TLS 1.2: the identity
 * and the key are those of the version. 0: there is none.
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

/*
 * libcurl has set up the context as it wants it; what is set here stands. A session is never taken
 * up again: each one is proved anew.
 */
static CURLcode
on_context(CURL *easy, void *context, void *arg)
{
	SSL_CTX *ctx = context;
	const struct credential *c = arg;

	(void)easy;
	SSL_CTX_set_app_data(ctx, as_app_data(c));
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* libcurl writes the secrets of sessions into a file that the environment names. */
	SSL_CTX_set_keylog_callback(ctx, NULL);
	SSL_CTX_set_options(ctx,
	                    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	if (credential_kind(c) == CREDENTIAL_PSK && !set_psk(ctx))
		return CURLE_SSL_CIPHER;
	return CURLE_OK;
}

static bool
prepare_psk(CURL *easy, const struct credential *c)
{
	long version = credential_for_version(c, 12) == NULL ? (long)CURL_SSLVERSION_TLSv1_3
	                                                     : (long)CURL_SSLVERSION_TLSv1_2;

	/* on_context makes up for the two: libcurl's checks fail when there is no certificate. */
	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION, version) == CURLE_OK;
}

static bool
set_file(CURL *easy, CURLoption option, const char *name)
{
	return name == NULL || curl_easy_setopt(easy, option, name) == CURLE_OK;
}

static bool
prepare_certificate(CURL *easy, const struct credential_files *files)
{
	if (files->ca != NULL && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK)
		return false;
	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
	               CURLE_OK &&
	       set_file(easy, CURLOPT_CAINFO, files->ca) &&
	       set_file(easy, CURLOPT_CRLFILE, files->crl) &&
	       set_file(easy, CURLOPT_SSLCERT, files->certificate) &&
	       set_file(easy, CURLOPT_SSLKEY, files->key);
}

bool
out_tls_prepare(CURL *easy, const struct credential *c)
{
	bool done = credential_kind(c) == CREDENTIAL_PSK
	                    ? prepare_psk(easy, c)
	                    : prepare_certificate(easy, credential_files(c));

	return done && curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, as_app_data(c)) == CURLE_OK;
}

/* ---- the session ---- */

/* NULL: none, or one that is not OpenSSL's. */
static SSL *
session_of(CURL *easy)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == NULL ||
	    info->backend != CURLSSLBACKEND_OPENSSL)
		return NULL;
	return info->internals;
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
out_tls_check(CURL *easy, const struct credential *c)
{
	const SSL *ssl = session_of(easy);

	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return "no TLS session";
	if (credential_of(ssl) != c)
		return "a TLS session of another credential";
	if (credential_kind(c) == CREDENTIAL_PSK ? !is_by_psk(ssl) : !is_by_certificate(ssl))
		return "the peer has not proved itself";
	return NULL;
}

const char *
out_tls_export(CURL *easy, const char *label, struct key *out)
{
	SSL *ssl = session_of(easy);

	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return "no TLS session";
	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return "no extended master secret";
	if (SSL_export_keying_material(ssl, out->v, sizeof(out->v), label, strlen(label), NULL, 0,
	                               0) != 1)
		return "no value of the TLS exporter";
	return NULL;
}

bool
out_tls_failed(CURLcode result)
{
	static const CURLcode codes[] = {
		CURLE_SSL_CONNECT_ERROR,     CURLE_PEER_FAILED_VERIFICATION,
		CURLE_SSL_CERTPROBLEM,       CURLE_SSL_CIPHER,
		CURLE_SSL_CACERT_BADFILE,    CURLE_SSL_CRL_BADFILE,
		CURLE_SSL_ISSUER_ERROR,      CURLE_SSL_CLIENTCERT,
		CURLE_SSL_INVALIDCERTSTATUS,
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == result)
			return true;
	return false;
}

bool
out_tls_refused(CURLcode result, const char *words)
{
	static const int alerts[] = {
		SSL_AD_BAD_RECORD_MAC, SSL_AD_DECRYPTION_FAILED,     SSL_AD_HANDSHAKE_FAILURE,
		SSL_AD_DECRYPT_ERROR,  SSL_AD_ILLEGAL_PARAMETER,     SSL_AD_ACCESS_DENIED,
		SSL_AD_UNKNOWN_PSK_IDENTITY,
	};
	const char *at = result == CURLE_SSL_CONNECT_ERROR ? strstr(words, CODE_MARK) : NULL;
	unsigned long code = at == NULL ? 0 : strtoul(at + strlen(CODE_MARK), NULL, 16);

	if (ERR_GET_LIB(code) == ERR_LIB_SSL)
		for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
			if (ERR_GET_REASON(code) == SSL_AD_REASON_OFFSET + alerts[i])
				return true;
	return result == CURLE_PEER_FAILED_VERIFICATION;
}

const char *
out_tls_file(CURLcode result, const struct credential *c, const char **name)
{
	const struct credential_files *files = credential_files(c);
	const struct {
		CURLcode result;
		const char *name;
		const char *text;
	} rows[] = {
		{ CURLE_SSL_CACERT_BADFILE, files->ca, "no trust anchors can be read from" },
		{ CURLE_SSL_CRL_BADFILE, files->crl, "no revocation lists can be read from" },
		{ CURLE_SSL_CERTPROBLEM, files->certificate,
		  "no certificate that fits its key can be read from" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].result == result && rows[i].name != NULL) {
			*name = rows[i].name;
			return rows[i].text;
		}
	return NULL;
}
