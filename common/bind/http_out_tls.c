/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_out_tls.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bind/tls_client.h"

/* Before the hexadecimal code of an error (ERR_error_string): libcurl keeps nothing else of it. */
#define CODE_MARK "error:"

/* OpenSSL keeps only a pointer to what it shall not change. */
static void *
as_app_data(const struct credential *c)
{
	return (void *)(uintptr_t)c;
}

/* libcurl has set up the context as it wants it; what is set here stands. */
static CURLcode
on_context(CURL *easy, void *context, void *arg)
{
	SSL_CTX *ctx = context;
	const struct credential *c = arg;

	(void)easy;
	/* libcurl writes the secrets of sessions into a file that the environment names. */
	SSL_CTX_set_keylog_callback(ctx, NULL);
	return tls_client_set_up(ctx, c) ? CURLE_OK : CURLE_SSL_CIPHER;
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

const char *
out_tls_check(CURL *easy, const struct credential *c)
{
	return tls_client_check(session_of(easy), c);
}

const char *
out_tls_export(CURL *easy, const char *label, struct key *out)
{
	return tls_client_export(session_of(easy), label, out);
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
	const char *at = result == CURLE_SSL_CONNECT_ERROR ? strstr(words, CODE_MARK) : NULL;
	unsigned long code = at == NULL ? 0 : strtoul(at + strlen(CODE_MARK), NULL, 16);

	return tls_client_refused(code) || result == CURLE_PEER_FAILED_VERIFICATION;
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
