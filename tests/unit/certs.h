/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made for one test run. */
#ifndef TESTS_UNIT_CERTS_H
#define TESTS_UNIT_CERTS_H

#define CERTS_NAME_MAX 64

/* Names of PEM files in a directory of the test's own. */
struct certs {
	char dir[CERTS_NAME_MAX];
	char ca[CERTS_NAME_MAX + 16];
	char server[CERTS_NAME_MAX + 16]; /* for localhost and 127.0.0.1 */
	char client[CERTS_NAME_MAX + 16]; /* URI CERTS_CLIENT_URI */
	char stranger[CERTS_NAME_MAX + 16]; /* a client certificate of another issuer */
	char key[CERTS_NAME_MAX + 16]; /* of all of them */
};

#define CERTS_CLIENT_URI "http://gw1.example.org/m2m"

/* Exits when the files cannot be made. */
void certs_make(struct certs *c);
/* Writes the server's certificate again, with another serial number. */
void certs_renew_server(const struct certs *c);
void certs_remove(const struct certs *c);

#endif
