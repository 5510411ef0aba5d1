/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made for one test run. */
#ifndef TESTS_UNIT_CERTS_H
#define TESTS_UNIT_CERTS_H

#include <gnutls/gnutls.h>

#define CERTS_NAME_MAX 64

/* Names of PEM files in a directory of the test's own. */
struct certs {
	char dir[CERTS_NAME_MAX];
	char ca[CERTS_NAME_MAX + 16];
	char server[CERTS_NAME_MAX + 16]; /* for localhost and 127.0.0.1 */
	char client[CERTS_NAME_MAX + 16]; /* URI CERTS_CLIENT_URI */
	char stranger[CERTS_NAME_MAX + 16]; /* a client certificate of another issuer */
	char own[CERTS_NAME_MAX + 16]; /* one that it has signed itself */
	char expired[CERTS_NAME_MAX + 16]; /* a client certificate, no longer valid */
	char many[CERTS_NAME_MAX + 16]; /* see certs_make_many */
	char key[CERTS_NAME_MAX + 16]; /* of all of them */
	char crl[CERTS_NAME_MAX + 16]; /* see certs_revoke */
};

/* Serial numbers. */
enum { CERTS_SERVER = 2, CERTS_CLIENT, CERTS_STRANGER, CERTS_EXPIRED, CERTS_MANY };

#define CERTS_CLIENT_URI "http://gw1.example.org/m2m"

/* Exits when the files cannot be made. */
void certs_make(struct certs *c);
/* Writes the server's certificate again, with another serial number. */
void certs_renew_server(const struct certs *c);
/* Writes the revocation list of the ca; serial 0: an empty one. The server's is 2, the client's 3. */
void certs_revoke(const struct certs *c, unsigned char serial);
/* The same by that issuer; the next list is due in so many seconds. */
void certs_make_list(const struct certs *c, unsigned char serial, const char *issuer, int seconds);
/* Writes the client certificate many: n URIs CERTS_CLIENT_URI/0, /1 ..., valid for so long. */
void certs_make_many(const struct certs *c, unsigned n, int seconds);
/* SubjectPublicKeyInfo of the key in DER; the caller gives data to gnutls_free. */
void certs_key_info(const struct certs *c, gnutls_datum_t *der);
void certs_remove(const struct certs *c);

#endif
