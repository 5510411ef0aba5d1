/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/client_cert.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>

struct client_cert {
	gnutls_datum_t spki; /* DER */
	unsigned char fingerprint[PEER_FINGERPRINT];
	struct slice uris[CLIENT_CERT_NAMES_MAX];
	struct slice dns_names[CLIENT_CERT_NAMES_MAX];
	size_t n_uris;
	size_t n_dns_names;
	struct slice subject;
	size_t used;
	char text[CLIENT_CERT_NAMES_BYTES]; /* what the slices view */
};

void
client_cert_free(struct client_cert *k)
{
	if (k == NULL)
		return;
	gnutls_free(k->spki.data);
	free(k);
}

/* Zero octets and line breaks would change a name for whoever prints or compares it as text. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

/* Takes the name that was written to the free end of k->text. */
static bool
take_name(struct client_cert *k, size_t n, struct slice *names, size_t *n_names)
{
	struct slice name = slice_make(k->text + k->used, n);

	if (!is_name(name))
		return true;
	if (*n_names == CLIENT_CERT_NAMES_MAX)
		return false;
	names[(*n_names)++] = name;
	k->used += n;
	return true;
}

/* False when there are more names, or longer ones, than can be kept. */
static bool
take_names(struct client_cert *k, gnutls_x509_crt_t crt)
{
	for (unsigned i = 0;; i++) {
		size_t n = sizeof(k->text) - k->used;
		int kind =
			gnutls_x509_crt_get_subject_alt_name(crt, i, k->text + k->used, &n, NULL);
		bool ok = true;

		if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return true;
		if (kind < 0)
			return false;
		if (kind == GNUTLS_SAN_URI)
			ok = take_name(k, n, k->uris, &k->n_uris);
		else if (kind == GNUTLS_SAN_DNSNAME)
			ok = take_name(k, n, k->dns_names, &k->n_dns_names);
		if (!ok)
			return false;
	}
}

static bool
take_subject(struct client_cert *k, gnutls_x509_crt_t crt)
{
	size_t n = sizeof(k->text) - k->used;
	int rc = gnutls_x509_crt_get_dn(crt, k->text + k->used, &n);

	if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return true;
	if (rc != 0)
		return false;
	k->subject = slice_make(k->text + k->used, n);
	if (!is_name(k->subject))
		k->subject = SLICE_NONE;
	k->used += n;
	return true;
}

static bool
take_key(struct client_cert *k, gnutls_x509_crt_t crt)
{
	gnutls_pubkey_t key;
	bool ok;

	if (gnutls_pubkey_init(&key) != 0)
		return false;
	ok = gnutls_pubkey_import_x509(key, crt, 0) == 0 &&
	     gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &k->spki) == 0 &&
	     gnutls_hash_fast(GNUTLS_DIG_SHA256, k->spki.data, k->spki.size, k->fingerprint) == 0;
	gnutls_pubkey_deinit(key);
	return ok;
}

struct client_cert *
client_cert_new(const gnutls_datum_t *der)
{
	struct client_cert *k = calloc(1, sizeof(*k));
	gnutls_x509_crt_t crt;
	bool ok;

	if (k == NULL || gnutls_x509_crt_init(&crt) != 0) {
		free(k);
		return NULL;
	}
	ok = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0 && take_names(k, crt) &&
	     take_subject(k, crt) && take_key(k, crt);
	gnutls_x509_crt_deinit(crt);
	if (ok)
		return k;
	client_cert_free(k);
	return NULL;
}

void
client_cert_show(struct peer *p, const struct client_cert *k)
{
	p->kind = PEER_CERTIFICATE;
	p->uris = k->uris;
	p->n_uris = k->n_uris;
	p->dns_names = k->dns_names;
	p->n_dns_names = k->n_dns_names;
	p->subject = k->subject;
	p->spki = slice_make(k->spki.data, k->spki.size);
	memcpy(p->fingerprint, k->fingerprint, sizeof(p->fingerprint));
}
