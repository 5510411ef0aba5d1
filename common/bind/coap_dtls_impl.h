/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of DTLS share; private to them. */
#ifndef BIND_COAP_DTLS_IMPL_H
#define BIND_COAP_DTLS_IMPL_H

#include "bind/coap_dtls.h"
#include "bind/http_trust.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define CDTLS_VERSION 0x0303u /* DTLS 1.2 is TLS 1.2 */
#define CDTLS_CHAIN_MAX 8u

/* What a server shows and trusts; counted, never changed. */
struct cdtls_files {
	_Atomic unsigned refs;
	X509 *certificate;
	EVP_PKEY *key;
	STACK_OF(X509) *chain;
	STACK_OF(X509_NAME) *names; /* of the anchors; NULL: no client certificates */
	struct http_trust *trust; /* NULL: the same */
};

struct cdtls {
	struct log *log;
	char listener[96]; /* for the log */
	struct psk_source psk; /* find NULL: certificates */
	bool allow_non_pfs;
	bool require_client_cert;
	SSL_CTX *tls; /* libcoap's, counted */
	const struct front *front;
	struct cdtls_files *files; /* the server's thread; NULL with pre-shared keys */
	unsigned generation; /* of files */

	/* coap_dtls_files.c: any thread. */
	char *cert_file, *key_file, *ca_file, *crl_file; /* NULL: none */
	pthread_mutex_t reload; /* of reading files; before lock */
	struct stat crl_seen;
	bool crl_warned;
	pthread_mutex_t lock;
	struct cdtls_files *latest; /* what is to be used */
	pthread_cond_t ended;
	bool ends;
	bool watched; /* watcher runs */
	pthread_t watcher;
};

/* Of one handshake, and the session after it. */
struct cdtls_shake {
	struct cdtls *dtls;
	char psk[PSK_IDENTITY_MAX]; /* that a key was given for last */
	size_t psk_n;
	struct client_cert *certificate;
	int64_t check_at;
	unsigned generation;
};

/* ---- coap_dtls_files.c ---- */

/* Reads the files of conf, and watches the revocation lists. False and why; then cdtls_files_end. */
bool cdtls_files_begin(struct cdtls *d, const struct coapd_conf *conf, char why[COAPD_WHY_MAX]);
void cdtls_files_end(struct cdtls *d);

/* ---- coap_dtls_id.c ---- */

/* Where a struct cdtls_shake is kept in an SSL, and a struct cdtls in an SSL_CTX; -1: no memory. */
int cdtls_shake_index(void);
int cdtls_index(void);
/* The verdict on the chain that a client shows. */
int cdtls_verify(X509_STORE_CTX *store, void *arg);

#endif
