/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "certs.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "certs: %s: %s\n", what, gnutls_strerror(rc));
	exit(1);
}

static void
save(const char *file, gnutls_datum_t pem)
{
	FILE *f = fopen(file, "wb");

	if (f == NULL || fwrite(pem.data, 1, pem.size, f) != pem.size || fclose(f) != 0) {
		perror(file);
		exit(1);
	}
	gnutls_free(pem.data);
}

static gnutls_x509_crt_t
crt_new(const char *name, unsigned char serial, gnutls_x509_privkey_t key)
{
	gnutls_x509_crt_t crt;

	must(gnutls_x509_crt_init(&crt), "init");
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, &serial, 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400);
	must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
	                                   (unsigned)strlen(name)),
	     "name");
	must(gnutls_x509_crt_set_key(crt, key), "key");
	return crt;
}

static void
crt_save(gnutls_x509_crt_t crt, const char *file)
{
	gnutls_datum_t pem;

	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "export");
	save(file, pem);
}

static gnutls_x509_privkey_t
key_load(const char *file)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t pem;

	must(gnutls_x509_privkey_init(&key), "key");
	must(gnutls_load_file(file, &pem), file);
	must(gnutls_x509_privkey_import(key, &pem, GNUTLS_X509_FMT_PEM), file);
	gnutls_free(pem.data);
	return key;
}

static void
key_make(const char *file)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t pem;

	must(gnutls_x509_privkey_init(&key), "key");
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
	                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	     "generate");
	must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "export");
	save(file, pem);
	gnutls_x509_privkey_deinit(key);
}

static gnutls_x509_crt_t
ca_new(const char *name, gnutls_x509_privkey_t key)
{
	gnutls_x509_crt_t ca = crt_new(name, 1, key);

	gnutls_x509_crt_set_ca_status(ca, 1);
	gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN);
	must(gnutls_x509_crt_sign2(ca, ca, key, GNUTLS_DIG_SHA256, 0), "sign");
	return ca;
}

static void
leaf_make(const char *file, const char *issuer, const char *purpose, unsigned char serial,
          const char *uri, gnutls_x509_privkey_t key)
{
	gnutls_x509_crt_t ca = ca_new(issuer, key);
	gnutls_x509_crt_t crt = crt_new("leaf", serial, key);

	must(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0), "purpose");
	if (uri != NULL)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, uri,
		                                          (unsigned)strlen(uri), GNUTLS_FSAN_SET),
		     "uri");
	must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
	                                          GNUTLS_FSAN_APPEND),
	     "dns");
	must(gnutls_x509_crt_sign2(crt, ca, key, GNUTLS_DIG_SHA256, 0), "sign");
	crt_save(crt, file);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_crt_deinit(ca);
}

static void
name_files(struct certs *c)
{
	snprintf(c->ca, sizeof(c->ca), "%s/ca.pem", c->dir);
	snprintf(c->server, sizeof(c->server), "%s/server.pem", c->dir);
	snprintf(c->client, sizeof(c->client), "%s/client.pem", c->dir);
	snprintf(c->stranger, sizeof(c->stranger), "%s/stranger.pem", c->dir);
	snprintf(c->key, sizeof(c->key), "%s/key.pem", c->dir);
}

void
certs_make(struct certs *c)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t ca;

	snprintf(c->dir, sizeof(c->dir), "/tmp/certs.XXXXXX");
	if (mkdtemp(c->dir) == NULL) {
		perror(c->dir);
		exit(1);
	}
	name_files(c);
	key_make(c->key);
	key = key_load(c->key);
	ca = ca_new("test ca", key);
	crt_save(ca, c->ca);
	gnutls_x509_crt_deinit(ca);
	leaf_make(c->server, "test ca", GNUTLS_KP_TLS_WWW_SERVER, 2, NULL, key);
	leaf_make(c->client, "test ca", GNUTLS_KP_TLS_WWW_CLIENT, 3, CERTS_CLIENT_URI, key);
	leaf_make(c->stranger, "other ca", GNUTLS_KP_TLS_WWW_CLIENT, 4, CERTS_CLIENT_URI, key);
	gnutls_x509_privkey_deinit(key);
}

void
certs_renew_server(const struct certs *c)
{
	gnutls_x509_privkey_t key = key_load(c->key);

	leaf_make(c->server, "test ca", GNUTLS_KP_TLS_WWW_SERVER, 77, NULL, key);
	gnutls_x509_privkey_deinit(key);
}

void
certs_remove(const struct certs *c)
{
	unlink(c->ca);
	unlink(c->server);
	unlink(c->client);
	unlink(c->stranger);
	unlink(c->key);
	rmdir(c->dir);
}
