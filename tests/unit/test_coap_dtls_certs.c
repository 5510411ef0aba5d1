/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS of the CoAP server with certificates. */
#include "config.h"

#include "suite.h"

#include <unistd.h>

#include "cdtls_bed.h"
#include "certs.h"

static struct certs certs;

static void
setup(void)
{
	cdtls_bed_begin();
	certs_make(&certs);
	conf = (struct coapd_conf){ .security = COAPD_CERTIFICATE,
		                    .cert_file = certs.server,
		                    .key_file = certs.key };
}

static void
teardown(void)
{
	cdtls_bed_end();
	certs_remove(&certs);
}

START_TEST(test_certificate)
{
	struct client c = { .identity = NULL };
	X509 *shown;

	cdtls_bed_start();
	ck_assert(connects(&c));
	ck_assert_int_eq(ask(&c), 0x45);
	ck_assert_int_eq(identity.peer.kind, PEER_UNPROVED);
	check_exporter(&c);
	shown = SSL_get0_peer_certificate(c.tls);
	ck_assert_int_eq(ASN1_INTEGER_get(X509_get0_serialNumber(shown)), CERTS_SERVER);
	client_end(&c);
}
END_TEST

START_TEST(test_client_certificate)
{
	struct client c = { .certificate = certs.client };
	gnutls_datum_t spki;
	struct buf der;
	X509 *own;

	conf.ca_file = certs.ca;
	conf.require_client_cert = _i == 1;
	cdtls_bed_start();
	ck_assert(connects(&c));
	ck_assert_int_eq(ask(&c), 0x45);
	ck_assert_int_eq(identity.peer.kind, PEER_CERTIFICATE);
	ck_assert_uint_eq(identity.peer.n_uris, 1);
	ck_assert(slice_eq(identity.peer.uris[0], SLICE_LIT(CERTS_CLIENT_URI)));
	certs_key_info(&certs, &spki);
	ck_assert(slice_eq(identity.peer.spki, slice_make(spki.data, spki.size)));
	gnutls_free(spki.data);

	buf_init(&der, 65536);
	ck_assert_int_eq(identity.peer.certificate(&identity.peer, false, &der), RC_OK);
	own = d2i_X509(NULL, &(const unsigned char *){ (const unsigned char *)der.p }, (long)der.n);
	ck_assert_ptr_nonnull(own);
	ck_assert_int_eq(ASN1_INTEGER_get(X509_get0_serialNumber(own)), CERTS_CLIENT);
	X509_free(own);
	buf_fini(&der);
	buf_init(&der, 65536);
	ck_assert_int_eq(identity.peer.certificate(&identity.peer, true, &der), RC_OK);
	ck_assert_uint_gt(der.n, 0);
	buf_fini(&der);
	buf_init(&der, 16);
	ck_assert_int_eq(identity.peer.certificate(&identity.peer, false, &der), RC_NO_SPACE);
	buf_fini(&der);
	check_exporter(&c);

	/* Of a session that is gone there are the facts, and nothing else. */
	identity.session = NULL;
	ck_assert_int_eq(identity.peer.exporter(&identity.peer, LABEL, server_export, 32), RC_DENIED);
	ck_assert_int_eq(identity.peer.certificate(&identity.peer, false, &der), RC_NOT_FOUND);
	ck_assert(!cdtls_current(&identity));
	client_end(&c);
}
END_TEST

static const struct {
	size_t certificate; /* in struct certs; 0: none */
	bool require;
	bool serves;
} clients[] = {
	{ offsetof(struct certs, client), true, true },
	{ 0, false, true },
	{ 0, true, false },
	{ offsetof(struct certs, stranger), false, false },
	{ offsetof(struct certs, own), false, false },
	{ offsetof(struct certs, expired), false, false },
	/* Not for clients. */
	{ offsetof(struct certs, server), false, false },
};

START_TEST(test_clients)
{
	struct client c = { .identity = NULL };

	if (clients[_i].certificate != 0)
		c.certificate = (const char *)&certs + clients[_i].certificate;
	conf.ca_file = certs.ca;
	conf.require_client_cert = clients[_i].require;
	cdtls_bed_start();
	ck_assert_int_eq(connects(&c), clients[_i].serves);
	if (clients[_i].serves)
		ck_assert_int_eq(ask(&c), 0x45);
	else
		ck_assert(c.failed);
	client_end(&c);
}
END_TEST

/* Turns until the session is no longer served; the file is looked at once a second. */
static bool
falls(void)
{
	int64_t until = clock_monotonic() + WAIT_US;

	while (clock_monotonic() < until) {
		cdtls_bed_turn();
		cdtls_tick(dtls);
		if (!cdtls_current(&identity))
			return true;
	}
	return false;
}

/* A list ends sessions that stand, and keeps further ones from being made. */
START_TEST(test_revoked)
{
	struct client c = { .certificate = certs.client };

	certs_revoke(&certs, 0);
	conf.ca_file = certs.ca;
	conf.crl_file = certs.crl;
	cdtls_bed_start();
	ck_assert(connects(&c));
	ck_assert_int_eq(ask(&c), 0x45);
	certs_revoke(&certs, CERTS_CLIENT);
	ck_assert(falls());
	/* It does not come back. */
	ck_assert(!cdtls_current(&identity));
	client_end(&c);
	ck_assert(!connects(&c));
	ck_assert(c.failed);
	client_end(&c);
}
END_TEST

static long
serial_shown(void)
{
	struct client c = { .identity = NULL };
	long serial;

	ck_assert(connects(&c));
	serial = ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(c.tls)));
	client_end(&c);
	return serial;
}

START_TEST(test_reload)
{
	cdtls_bed_start();
	ck_assert_int_eq(serial_shown(), CERTS_SERVER);
	certs_renew_server(&certs);
	ck_assert_int_eq(serial_shown(), CERTS_SERVER);
	ck_assert_int_eq(cdtls_reload(dtls, why), RC_OK);
	cdtls_tick(dtls);
	ck_assert_int_ne(serial_shown(), CERTS_SERVER);
	/* What cannot be read changes nothing. */
	unlink(certs.server);
	ck_assert_int_eq(cdtls_reload(dtls, why), RC_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	cdtls_tick(dtls);
	ck_assert_int_ne(serial_shown(), CERTS_SERVER);
}
END_TEST

static void
check_unusable(const char *text)
{
	coap_context_t *ctx = coap_new_context(NULL);

	conf.address = "127.0.0.1";
	ck_assert_ptr_null(cdtls_new(&conf, ctx, why));
	ck_assert_msg(strstr(why, text) != NULL, "%s", why);
	coap_free_context(ctx);
}

START_TEST(test_unusable)
{
	struct coapd_conf good = conf;

	conf.cert_file = "/nonexistent/cert.pem";
	check_unusable("/nonexistent/cert.pem: No such file");
	conf = good;
	conf.cert_file = certs.key;
	check_unusable("certificate");
	conf = good;
	conf.key_file = certs.ca;
	check_unusable("key");
	conf = good;
	conf.key_file = NULL;
	check_unusable("certificate and key");
	conf = good;
	conf.ca_file = certs.key;
	check_unusable("ca");
	conf = (struct coapd_conf){ .security = COAPD_PSK };
	check_unusable("pre-shared keys");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_dtls_certs");
	TCase *tc = suite_case(s, "certificates", setup, teardown);

	tcase_add_test(tc, test_certificate);
	tcase_add_loop_test(tc, test_client_certificate, 0, 2);
	tcase_add_loop_test(tc, test_clients, 0, (int)(sizeof(clients) / sizeof(clients[0])));
	tcase_add_test(tc, test_revoked);
	tcase_add_test(tc, test_reload);
	tcase_add_test(tc, test_unusable);
	return run_suite(s);
}
