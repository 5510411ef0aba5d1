/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/coap_dtls_out.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "bind/tls_client.h"

/* Keys that serve one session only; the suite of RFC 7252 section 9.1.3.3 last. */
#define CERTIFICATE_SUITES "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM:ECDHE+AESCCM8"
/* What every path carries (RFC 8200 section 5). */
#define LINK_MTU 1280

static void
say(struct dtls_out_failure *f, const char *text, const char *name)
{
	snprintf(f->text, sizeof(f->text), "%s%s%s", text, name == NULL ? "" : " ",
	         name == NULL ? "" : name);
}

/* ---- what is set up before ---- */

static bool
load_crl(SSL_CTX *ctx, const char *file)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	return lookup != NULL && X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) > 0 &&
	       X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

static bool
load_anchors(SSL_CTX *ctx, const char *file)
{
	return file == NULL ? SSL_CTX_set_default_verify_paths(ctx) == 1
	                    : SSL_CTX_load_verify_locations(ctx, file, NULL) == 1;
}

static bool
load_own(SSL_CTX *ctx, const struct credential_files *files)
{
	return SSL_CTX_use_certificate_chain_file(ctx, files->certificate) == 1 &&
	       SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) == 1;
}

static bool
set_files(SSL_CTX *ctx, const struct credential_files *files, struct dtls_out_failure *f)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_cipher_list(ctx, CERTIFICATE_SUITES) != 1)
		say(f, "no suites of DTLS", NULL);
	else if (!load_anchors(ctx, files->ca))
		say(f, "no trust anchors can be read from", files->ca);
	else if (files->crl != NULL && !load_crl(ctx, files->crl))
		say(f, "no revocation lists can be read from", files->crl);
	else if (files->certificate != NULL && !load_own(ctx, files))
		say(f, "no certificate that fits its key can be read from", files->certificate);
	else
		return true;
	return false;
}

static SSL_CTX *
context_new(const struct credential *c, struct dtls_out_failure *f)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
	bool set = ctx != NULL && SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	           tls_client_set_up(ctx, c);

	if (!set)
		say(f, "no DTLS", NULL);
	else if (credential_kind(c) == CREDENTIAL_PSK && credential_for_version(c, 12) == NULL)
		say(f, "the key is for TLS 1.3 alone", NULL);
	else if (credential_kind(c) == CREDENTIAL_PSK || set_files(ctx, credential_files(c), f))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
is_numeric(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Which peer it is to be (RFC 7252, 9.1.3.3), and for whom of several behind one address. */
static bool
set_host(SSL *ssl, const struct dtls_out_conf *conf)
{
	bool certificate = credential_kind(conf->credential) == CREDENTIAL_CERTIFICATE;

	if (is_numeric(conf->host))
		return !certificate ||
		       X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), conf->host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, conf->host) == 1 &&
	       (!certificate || SSL_set1_host(ssl, conf->host) == 1);
}

static BIO_ADDR *
bio_address(const struct sockaddr *a)
{
	BIO_ADDR *out = BIO_ADDR_new();
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	int made = 0;

	if (out != NULL && a->sa_family == AF_INET) {
		memcpy(&v4, a, sizeof(v4));
		made = BIO_ADDR_rawmake(out, AF_INET, &v4.sin_addr, sizeof(v4.sin_addr),
		                        v4.sin_port);
	} else if (out != NULL) {
		memcpy(&v6, a, sizeof(v6));
		made = BIO_ADDR_rawmake(out, AF_INET6, &v6.sin6_addr, sizeof(v6.sin6_addr),
		                        v6.sin6_port);
	}
	if (made == 1)
		return out;
	BIO_ADDR_free(out);
	return NULL;
}

static bool
set_socket(SSL *ssl, const struct dtls_out_conf *conf)
{
	BIO *bio = BIO_new_dgram(conf->fd, BIO_NOCLOSE);
	BIO_ADDR *address = bio_address(conf->address);
	bool set = bio != NULL && address != NULL;

	if (set) {
		/* Without it the peer would be whoever has sent last. */
		(void)BIO_ctrl_set_connected(bio, address);
		SSL_set_bio(ssl, bio, bio);
		SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
		set = DTLS_set_link_mtu(ssl, LINK_MTU) == 1;
	} else {
		BIO_free(bio);
	}
	BIO_ADDR_free(address);
	return set;
}

SSL *
dtls_out_new(const struct dtls_out_conf *conf, struct dtls_out_failure *failure)
{
	SSL_CTX *ctx;
	SSL *ssl;

	*failure = (struct dtls_out_failure){ .refused = false };
	ERR_clear_error();
	ctx = context_new(conf->credential, failure);
	if (ctx == NULL)
		return NULL;
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	if (ssl != NULL && set_socket(ssl, conf) && set_host(ssl, conf)) {
		SSL_set_connect_state(ssl);
		return ssl;
	}
	say(failure, "no DTLS session", NULL);
	SSL_free(ssl);
	return NULL;
}

void
dtls_out_free(SSL *ssl)
{
	ERR_clear_error();
	if (ssl != NULL && SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	SSL_free(ssl);
	ERR_clear_error();
}

static void
on_record(int written, int version, int type, const void *p, size_t n, SSL *ssl, void *arg)
{
	bool *heard = arg;

	(void)version;
	(void)type;
	(void)p;
	(void)n;
	(void)ssl;
	if (!written)
		*heard = true;
}

void
dtls_out_listen(SSL *ssl, bool *heard)
{
	SSL_set_msg_callback(ssl, on_record);
	SSL_set_msg_callback_arg(ssl, heard);
}

/* ---- the session ---- */

static bool
is_unreachable(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
}

static enum dtls_out_step
step_of(const SSL *ssl, int result, int error)
{
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_NONE:
		return DTLS_OUT_DONE;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return DTLS_OUT_WAITS;
	case SSL_ERROR_ZERO_RETURN:
		return DTLS_OUT_CLOSED;
	default:
		/* An interrupted call, or no room in the socket: the record counts as lost. */
		return error == EINTR || error == EAGAIN || error == ENOBUFS ? DTLS_OUT_WAITS
		                                                             : DTLS_OUT_FAILED;
	}
}

static void
explain(const SSL *ssl, int error, struct dtls_out_failure *f)
{
	unsigned long code = ERR_peek_error();
	long verified = SSL_get_verify_result(ssl);

	f->unreachable = code == 0 && is_unreachable(error);
	f->refused = verified != X509_V_OK || tls_client_refused(code);
	if (verified != X509_V_OK)
		say(f, "the server's certificate:", X509_verify_cert_error_string(verified));
	else if (code != 0)
		say(f, "DTLS:", ERR_reason_error_string(code));
	else
		say(f, "DTLS:", strerror(error));
}

enum dtls_out_step
dtls_out_handshake(SSL *ssl, struct dtls_out_failure *failure)
{
	enum dtls_out_step step;
	int result, error;

	*failure = (struct dtls_out_failure){ .refused = false };
	ERR_clear_error();
	errno = 0;
	/* Sends again what its timer says has been lost; nothing before its time is over. */
	result = DTLSv1_handle_timeout(ssl) < 0 ? -1 : SSL_do_handshake(ssl);
	error = errno;
	step = step_of(ssl, result, error);
	if (step == DTLS_OUT_FAILED)
		explain(ssl, error, failure);
	else if (step == DTLS_OUT_CLOSED)
		say(failure, "the peer has closed the DTLS session", NULL);
	ERR_clear_error();
	return step;
}

int64_t
dtls_out_due(SSL *ssl, int64_t now)
{
	struct timeval left;

	if (DTLSv1_get_timeout(ssl, &left) != 1)
		return INT64_MAX;
	return now + left.tv_sec * CLOCK_SECOND + left.tv_usec;
}

enum dtls_out_step
dtls_out_read(SSL *ssl, void *to, size_t size, size_t *n)
{
	enum dtls_out_step step;
	int result, error;

	*n = 0;
	ERR_clear_error();
	errno = 0;
	result = SSL_read_ex(ssl, to, size, n);
	error = errno;
	step = step_of(ssl, result, error);
	ERR_clear_error();
	return step;
}

bool
dtls_out_write(SSL *ssl, const void *from, size_t n)
{
	size_t written;
	int result, error;

	ERR_clear_error();
	errno = 0;
	result = SSL_write_ex(ssl, from, n, &written);
	error = errno;
	result = step_of(ssl, result, error) <= DTLS_OUT_WAITS;
	ERR_clear_error();
	return result;
}
