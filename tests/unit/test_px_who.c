/* SPDX-License-Identifier: Apache-2.0 */
/* Identities at the proxy: each has one spelling, and none that another has. */
#include "config.h"

#include "cap/pxy/px_who.h"
#include "suite.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct px_who who;
static struct slice issuer; /* DER */

/* Certificates with keys of their own. */
static struct slice issuers[2];

static struct slice
make_certificate(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	unsigned char *der = NULL;
	X509 *cert = X509_new();
	int n;

	ck_assert(key != NULL && cert != NULL);
	ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	ck_assert_int_gt(X509_sign(cert, key, NULL), 0);
	n = i2d_X509(cert, &der);
	ck_assert_int_gt(n, 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	return slice_make(der, (size_t)n);
}

static void
setup(void)
{
	for (size_t i = 0; i < NITEMS(issuers); i++)
		issuers[i] = make_certificate();
}

static void
teardown(void)
{
	for (size_t i = 0; i < NITEMS(issuers); i++)
		OPENSSL_free((void *)(uintptr_t)issuers[i].p);
}

static enum rc
certificate(const struct peer *peer, bool of_issuer, struct buf *out)
{
	(void)peer;
	if (!of_issuer || issuer.p == NULL)
		return RC_NOT_FOUND;
	buf_slice(out, issuer);
	return RC_OK;
}

/* A peer with that much; NULL: without. */
static struct peer
peer_of(struct slice *uris, size_t n_uris, struct slice *dns, const char *subject)
{
	return (struct peer){ .kind = PEER_CERTIFICATE,
		              .uris = uris,
		              .n_uris = n_uris,
		              .dns_names = dns,
		              .n_dns_names = dns != NULL,
		              .subject = subject == NULL ? SLICE_NONE : slice_of(subject),
		              .certificate = certificate };
}

static enum rc
of_peer(const struct peer *p)
{
	return px_who_text(&(struct endpoint_who){ .peer = p }, true, false, SLICE_NONE, &who);
}

START_TEST(names_of_this_provider)
{
	const struct endpoint_who scl = { .scl_id = SLICE_LIT("gscl-1"), .app_id = SLICE_LIT("a") };
	const struct endpoint_who app = { .app_id = SLICE_LIT("meter") };

	ck_assert_int_eq(px_who_text(&scl, false, false, SLICE_NONE, &who), RC_OK);
	ck_assert(slice_is(who.name, "scl:gscl-1"));
	ck_assert_int_eq(px_who_text(&app, false, true, SLICE_LIT("x"), &who), RC_OK);
	ck_assert_str_eq(who.text, "app:meter");
}
END_TEST

START_TEST(claims_only_where_they_are_taken)
{
	const struct endpoint_who nobody = { .claimed = SLICE_LIT("http://a.example") };
	struct slice claim = SLICE_LIT("http://a.example/m2m");

	ck_assert_int_eq(px_who_text(&nobody, false, false, claim, &who), RC_DENIED);
	ck_assert_int_eq(px_who_text(&nobody, false, true, SLICE_NONE, &who), RC_NO_ORIGINATOR);
	ck_assert_int_eq(px_who_text(&nobody, false, true, claim, &who), RC_OK);
	ck_assert_str_eq(who.text, "claim:http://a.example/m2m");
}
END_TEST

START_TEST(long_and_unsayable_names)
{
	static const char *const bad[] = { "a\"b", "a\\b", "a\nb", "\xc3\xa4", "" };
	char text[PX_NAME_MAX + 1];
	struct endpoint_who of = { .scl_id = slice_make(text, PX_NAME_MAX - 4) };

	memset(text, 'a', sizeof(text));
	ck_assert_int_eq(px_who_text(&of, false, false, SLICE_NONE, &who), RC_OK);
	ck_assert_uint_eq(who.name.n, PX_NAME_MAX);
	of.scl_id.n++;
	ck_assert_int_eq(px_who_text(&of, false, false, SLICE_NONE, &who), RC_DENIED);
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_int_eq(px_who_text(&(struct endpoint_who){ .peer = NULL }, false, true,
		                             slice_of(bad[i]), &who),
		                 bad[i][0] == '\0' ? RC_NO_ORIGINATOR : RC_DENIED);
}
END_TEST

/* URI before DNS name before subject; of another issuer another one; nobody without an issuer. */
START_TEST(certificates)
{
	struct slice uris[] = { SLICE_LIT("urn:gw:1"), SLICE_LIT("urn:gw:2") };
	struct slice dns = SLICE_LIT("gw.example");
	struct peer all = peer_of(uris, 2, &dns, "CN=gw"), named = peer_of(NULL, 0, &dns, "CN=gw");
	struct peer plain = peer_of(NULL, 0, NULL, "CN=g\"w%,O=\\2c\xff"), none;
	char first[17];

	issuer = issuers[0];
	ck_assert_int_eq(of_peer(&all), RC_OK);
	ck_assert(slice_starts(who.name, SLICE_LIT("cert:")));
	ck_assert_str_eq(who.text + 5 + 16, "/urn:gw:1");
	memcpy(first, who.text + 5, 16);
	ck_assert_int_eq(of_peer(&named), RC_OK);
	ck_assert_str_eq(who.text + 5 + 16, "/gw.example");
	ck_assert_int_eq(of_peer(&plain), RC_OK);
	ck_assert_str_eq(who.text + 5 + 16, "/CN=g%22w%25,O=%5C2c%FF");
	ck_assert_mem_eq(first, who.text + 5, 16);
	none = peer_of(NULL, 0, NULL, NULL);
	ck_assert_int_eq(of_peer(&none), RC_DENIED);
	issuer = issuers[1];
	ck_assert_int_eq(of_peer(&all), RC_OK);
	ck_assert_mem_ne(first, who.text + 5, 16);
	issuer = SLICE_LIT("no certificate");
	ck_assert_int_eq(of_peer(&all), RC_DENIED);
	issuer = SLICE_NONE;
	ck_assert_int_eq(of_peer(&all), RC_DENIED);
}
END_TEST

/* On a listener of this provider they say something else, if anything. */
START_TEST(certificates_only_where_others_come)
{
	struct slice uri = SLICE_LIT("urn:gw:1");
	struct peer p = peer_of(&uri, 1, NULL, "CN=gw");

	issuer = issuers[0];
	ck_assert_int_eq(
		px_who_text(&(struct endpoint_who){ .peer = &p }, false, false, SLICE_NONE, &who),
		RC_DENIED);
	p.kind = PEER_UNPROVED;
	ck_assert_int_eq(of_peer(&p), RC_DENIED);
}
END_TEST

static Suite *
who_suite(void)
{
	Suite *s = suite_create("px_who");
	TCase *c = suite_case(s, "names", setup, teardown);

	tcase_add_test(c, names_of_this_provider);
	tcase_add_test(c, claims_only_where_they_are_taken);
	tcase_add_test(c, long_and_unsayable_names);
	tcase_add_test(c, certificates);
	tcase_add_test(c, certificates_only_where_others_come);
	return s;
}

int
main(void)
{
	return run_suite(who_suite());
}
