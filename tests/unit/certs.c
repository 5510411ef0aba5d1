/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "certs.h"

#include <gnutls/abstract.h>
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
	gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	must(gnutls_x509_crt_sign2(ca, ca, key, GNUTLS_DIG_SHA256, 0), "sign");
	return ca;
}

struct leaf {
	const char *file;
	const char *issuer;
	const char *purpose;
	unsigned char serial;
	unsigned n_uris; /* 1: CERTS_CLIENT_URI, more: CERTS_CLIENT_URI/0 ... */
	int seconds; /* that it is valid from now */
};

static void
add_uris(gnutls_x509_crt_t crt, unsigned n)
{
	char uri[128];

	for (unsigned i = 0; i < n; i++) {
		int len = snprintf(uri, sizeof(uri), n > 1 ? "%s/%u" : "%s", CERTS_CLIENT_URI, i);

		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, uri, (unsigned)len,
		                                          GNUTLS_FSAN_APPEND),
		     "uri");
	}
}

static void
leaf_make(const struct leaf *l, gnutls_x509_privkey_t key)
{
	gnutls_x509_crt_t ca = ca_new(l->issuer, key);
	gnutls_x509_crt_t crt = crt_new("leaf", l->serial, key);

	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + l->seconds);
	must(gnutls_x509_crt_set_key_purpose_oid(crt, l->purpose, 0), "purpose");
	add_uris(crt, l->n_uris);
	must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
	                                          GNUTLS_FSAN_APPEND),
	     "dns");
	must(gnutls_x509_crt_sign2(crt, ca, key, GNUTLS_DIG_SHA256, 0), "sign");
	crt_save(crt, l->file);
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
	snprintf(c->own, sizeof(c->own), "%s/own.pem", c->dir);
	snprintf(c->expired, sizeof(c->expired), "%s/expired.pem", c->dir);
	snprintf(c->many, sizeof(c->many), "%s/many.pem", c->dir);
	snprintf(c->key, sizeof(c->key), "%s/key.pem", c->dir);
	snprintf(c->crl, sizeof(c->crl), "%s/crl.pem", c->dir);
}

static void
make_leaves(const struct certs *c, gnutls_x509_privkey_t key)
{
	const char *client = GNUTLS_KP_TLS_WWW_CLIENT;
	const struct leaf leaves[] = {
		{ c->server, "test ca", GNUTLS_KP_TLS_WWW_SERVER, CERTS_SERVER, 0, 86400 },
		{ c->client, "test ca", client, CERTS_CLIENT, 1, 86400 },
		{ c->stranger, "other ca", client, CERTS_STRANGER, 1, 86400 },
		{ c->own, "leaf", client, CERTS_STRANGER, 1, 86400 },
		{ c->expired, "test ca", client, CERTS_EXPIRED, 1, -60 },
	};

	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		leaf_make(&leaves[i], key);
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
	make_leaves(c, key);
	gnutls_x509_privkey_deinit(key);
}

void
certs_renew_server(const struct certs *c)
{
	gnutls_x509_privkey_t key = key_load(c->key);

	leaf_make(&(struct leaf){ c->server, "test ca", GNUTLS_KP_TLS_WWW_SERVER, 77, 0, 86400 },
	          key);
	gnutls_x509_privkey_deinit(key);
}

void
certs_make_many(const struct certs *c, unsigned n, int seconds)
{
	gnutls_x509_privkey_t key = key_load(c->key);

	leaf_make(&(struct leaf){ c->many, "test ca", GNUTLS_KP_TLS_WWW_CLIENT, CERTS_MANY, n,
	                          seconds },
	          key);
	gnutls_x509_privkey_deinit(key);
}

void
certs_make_list(const struct certs *c, unsigned char serial, const char *issuer, int seconds)
{
	gnutls_x509_privkey_t key = key_load(c->key);
	gnutls_x509_crt_t ca = ca_new(issuer, key);
	char fresh[sizeof(c->crl) + 8];
	gnutls_x509_crl_t crl;
	gnutls_datum_t pem;

	must(gnutls_x509_crl_init(&crl), "crl");
	gnutls_x509_crl_set_version(crl, 2);
	gnutls_x509_crl_set_this_update(crl, time(NULL) - 3600);
	gnutls_x509_crl_set_next_update(crl, time(NULL) + seconds);
	if (serial != 0)
		must(gnutls_x509_crl_set_crt_serial(crl, &serial, 1, time(NULL) - 60), "revoke");
	must(gnutls_x509_crl_sign2(crl, ca, key, GNUTLS_DIG_SHA256, 0), "sign crl");
	must(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem), "export");
	/* Nobody sees half of it. */
	snprintf(fresh, sizeof(fresh), "%s.new", c->crl);
	save(fresh, pem);
	must(rename(fresh, c->crl), fresh);
	gnutls_x509_crl_deinit(crl);
	gnutls_x509_crt_deinit(ca);
	gnutls_x509_privkey_deinit(key);
}

void
certs_revoke(const struct certs *c, unsigned char serial)
{
	certs_make_list(c, serial, "test ca", 86400);
}

void
certs_key_info(const struct certs *c, gnutls_datum_t *der)
{
	gnutls_x509_privkey_t key = key_load(c->key);
	gnutls_privkey_t any;
	gnutls_pubkey_t pub;

	must(gnutls_privkey_init(&any), "key");
	must(gnutls_privkey_import_x509(any, key, 0), "key");
	must(gnutls_pubkey_init(&pub), "key");
	must(gnutls_pubkey_import_privkey(pub, any, 0, 0), "key");
	must(gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_DER, der), "key");
	gnutls_pubkey_deinit(pub);
	gnutls_privkey_deinit(any);
	gnutls_x509_privkey_deinit(key);
}

void
certs_remove(const struct certs *c)
{
	unlink(c->crl);
	unlink(c->ca);
	unlink(c->server);
	unlink(c->client);
	unlink(c->stranger);
	unlink(c->own);
	unlink(c->expired);
	unlink(c->many);
	unlink(c->key);
	rmdir(c->dir);
}
