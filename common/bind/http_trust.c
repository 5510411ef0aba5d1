/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_trust.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CHAIN_MAX 8u
#define OUTDATED ((unsigned)GNUTLS_CERT_INVALID | (unsigned)GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED)
#define KEY_BITS_MAX 16384u /* a longer one costs more than a handshake may */

struct http_trust {
	_Atomic unsigned refs;
	gnutls_datum_t ca; /* PEM */
	gnutls_x509_trust_list_t list;
	int64_t next_lists; /* seconds since 1970; when the first list ends, INT64_MAX = never */
};

/* The certificates themselves are the list's. */
struct anchors {
	gnutls_x509_crt_t *v;
	unsigned n;
};

/*
 * By the clock that the library verifies by: a finer one is ahead of it, and what ends just then
 * would be found good and past at once, and never be looked at again.
 */
static int64_t
seconds(void)
{
	return (int64_t)time(NULL);
}

static bool
fail(char why[HTTP_WHY_MAX], const char *what, const char *text)
{
	snprintf(why, HTTP_WHY_MAX, "%s: %s", what, text);
	return false;
}

static bool
read_file(const char *what, const char *file, gnutls_datum_t *out, char why[HTTP_WHY_MAX])
{
	int rc;

	errno = 0;
	rc = gnutls_load_file(file, out);
	if (rc >= 0)
		return true;
	snprintf(why, HTTP_WHY_MAX, "%s %.160s: %s", what, file,
	         errno != 0 ? strerror(errno) : gnutls_strerror(rc));
	return false;
}

/* Verified, then owned by the list when this is true. */
static bool
add_list(struct http_trust *t, const struct anchors *a, gnutls_x509_crl_t crl)
{
	time_t next = gnutls_x509_crl_get_next_update(crl);
	unsigned flags = GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), status;

	if (gnutls_x509_crl_verify(crl, a->v, a->n, flags, &status) < 0)
		return false;
	/* Its age is http_trust_verify's matter: it may grow old at any time. */
	if (status == OUTDATED)
		status = 0;
	if (status != 0 || gnutls_x509_trust_list_add_crls(t->list, &crl, 1, 0, 0) != 1)
		return false;
	if (next != (time_t)-1 && next < t->next_lists)
		t->next_lists = next;
	return true;
}

static bool
add_lists(struct http_trust *t, const struct anchors *a, const gnutls_datum_t *pem,
          char why[HTTP_WHY_MAX])
{
	gnutls_x509_crl_t *crls = NULL;
	unsigned n = 0, i = 0;
	int rc = gnutls_x509_crl_list_import2(&crls, &n, pem, GNUTLS_X509_FMT_PEM, 0);

	if (rc < 0)
		return fail(why, "crl", gnutls_strerror(rc));
	while (i < n && add_list(t, a, crls[i]))
		i++;
	for (unsigned k = i; k < n; k++)
		gnutls_x509_crl_deinit(crls[k]);
	gnutls_free(crls);
	return (n > 0 && i == n) || fail(why, "crl", "a list that no ca has signed");
}

static struct http_trust *
trust_new(void)
{
	struct http_trust *t = calloc(1, sizeof(*t));

	if (t == NULL || gnutls_x509_trust_list_init(&t->list, 0) != 0) {
		free(t);
		return NULL;
	}
	atomic_init(&t->refs, 1);
	t->next_lists = INT64_MAX;
	return t;
}

static bool
load_lists(struct http_trust *t, const struct anchors *a, const char *crl_file,
           char why[HTTP_WHY_MAX])
{
	gnutls_datum_t pem;
	bool ok;

	if (crl_file == NULL)
		return true;
	if (!read_file("crl", crl_file, &pem, why))
		return false;
	ok = add_lists(t, a, &pem, why);
	gnutls_free(pem.data);
	return ok;
}

/* t's anchors from its PEM text, and the lists. */
static bool
load(struct http_trust *t, const char *crl_file, char why[HTTP_WHY_MAX])
{
	struct anchors a = { .n = 0 };
	int rc = gnutls_x509_crt_list_import2(&a.v, &a.n, &t->ca, GNUTLS_X509_FMT_PEM, 0);
	bool ok;

	if (rc < 0)
		return fail(why, "ca", gnutls_strerror(rc));
	ok = gnutls_x509_trust_list_add_cas(t->list, a.v, a.n, 0) > 0 ||
	     fail(why, "ca", "no certificate");
	ok = ok && load_lists(t, &a, crl_file, why);
	gnutls_free(a.v);
	return ok;
}

struct http_trust *
http_trust_load(const char *ca_file, const char *crl_file, char why[HTTP_WHY_MAX])
{
	struct http_trust *t = trust_new();

	if (t == NULL) {
		fail(why, "ca", "no memory");
		return NULL;
	}
	if (read_file("ca", ca_file, &t->ca, why) && load(t, crl_file, why))
		return t;
	http_trust_unref(t);
	return NULL;
}

struct http_trust *
http_trust_renew(const struct http_trust *old, const char *crl_file, char why[HTTP_WHY_MAX])
{
	struct http_trust *t = trust_new();

	if (t != NULL)
		t->ca.data = gnutls_malloc(old->ca.size);
	if (t == NULL || t->ca.data == NULL) {
		fail(why, "crl", "no memory");
		http_trust_unref(t);
		return NULL;
	}
	memcpy(t->ca.data, old->ca.data, old->ca.size);
	t->ca.size = old->ca.size;
	if (load(t, crl_file, why))
		return t;
	http_trust_unref(t);
	return NULL;
}

struct http_trust *
http_trust_ref(struct http_trust *t)
{
	if (t != NULL)
		atomic_fetch_add(&t->refs, 1);
	return t;
}

void
http_trust_unref(struct http_trust *t)
{
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	gnutls_x509_trust_list_deinit(t->list, 1);
	gnutls_free(t->ca.data);
	free(t);
}

/* Imports the chain; the number that has to be freed. *ok: all of it, within the limits. */
static unsigned
import_chain(const gnutls_datum_t *chain, unsigned n, gnutls_x509_crt_t crts[CHAIN_MAX], bool *ok)
{
	unsigned i = 0, bits;

	*ok = n > 0 && n <= CHAIN_MAX;
	for (; *ok && i < n; i++) {
		*ok = gnutls_x509_crt_init(&crts[i]) == 0;
		if (!*ok)
			break;
		*ok = gnutls_x509_crt_import(crts[i], &chain[i], GNUTLS_X509_FMT_DER) == 0 &&
		      gnutls_x509_crt_get_pk_algorithm(crts[i], &bits) >= 0 && bits <= KEY_BITS_MAX;
	}
	return i;
}

static bool
verify_crts(const struct http_trust *t, gnutls_x509_crt_t *crts, unsigned n)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		                          .data = (void *)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned status = 0;

	return gnutls_x509_trust_list_verify_crt2(t->list, crts, n, &purpose, 1,
	                                          GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM),
	                                          &status, NULL) >= 0 &&
	       status == 0;
}

bool
http_trust_verify(const struct http_trust *t, const gnutls_datum_t *chain, unsigned n,
                  int64_t *until)
{
	gnutls_x509_crt_t crts[CHAIN_MAX];
	int64_t now = seconds();
	bool ok;
	unsigned made = import_chain(chain, n, crts, &ok);

	ok = ok && now < t->next_lists;
	*until = t->next_lists;
	/* The chain is as the client sent it: an end that is past was none of what counted. */
	for (unsigned i = 0; i < made; i++) {
		time_t end = ok ? gnutls_x509_crt_get_expiration_time(crts[i]) : -1;

		if (end >= now && end < *until)
			*until = end;
	}
	ok = ok && verify_crts(t, crts, n);
	for (unsigned i = 0; i < made; i++)
		gnutls_x509_crt_deinit(crts[i]);
	return ok;
}

static bool
export_anchor(const struct http_trust *t, gnutls_x509_crt_t crt, gnutls_datum_t *out)
{
	gnutls_x509_crt_t anchor;
	bool ok;

	if (gnutls_x509_trust_list_get_issuer(t->list, crt, &anchor, GNUTLS_TL_GET_COPY) < 0)
		return false;
	ok = gnutls_x509_crt_export2(anchor, GNUTLS_X509_FMT_DER, out) == 0;
	gnutls_x509_crt_deinit(anchor);
	return ok;
}

bool
http_trust_issuer(const struct http_trust *t, const gnutls_datum_t *chain, unsigned n,
                  gnutls_datum_t *out)
{
	gnutls_x509_crt_t crts[CHAIN_MAX];
	bool ok, found;
	unsigned made = import_chain(chain, n, crts, &ok);

	found = ok && export_anchor(t, crts[0], out);
	for (unsigned i = 1; ok && !found && i < made; i++)
		found = gnutls_x509_crt_check_issuer(crts[0], crts[i]) == 1 &&
		        gnutls_x509_crt_export2(crts[i], GNUTLS_X509_FMT_DER, out) == 0;
	for (unsigned i = 0; i < made; i++)
		gnutls_x509_crt_deinit(crts[i]);
	return found;
}

bool
http_trust_outdated(const struct http_trust *t)
{
	return seconds() >= t->next_lists;
}
