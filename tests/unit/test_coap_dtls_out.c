/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS of port_coap: keys, certificates, the exporter, sessions that end. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "certs.h"
#include "coap_out_bed.h"

#define LABEL "EXPORTER-ETSI-TC-M2M-Connection"
#define IDENTITY "mr2.01bcad980102030405060708090a0b0c.1"

static struct coap_peer peer;
static struct certs certs;
static struct key key = { { 1, 2, 3 } }, other = { { 4, 5, 6 } };

static void
make_certs(void)
{
	certs_make(&certs);
}

static void
remove_certs(void)
{
	certs_remove(&certs);
}

static struct coap_peer_conf
with_psk(void)
{
	return (struct coap_peer_conf){ .psk_identity = IDENTITY, .psk_key = key, .label = LABEL };
}

/* tls12 false: for TLS 1.3 alone. */
static struct credential *
credential(const struct key *k, bool tls12)
{
	struct credential_psk v13 = { .identity = "mr3.x.1", .key = other };
	struct credential_psk v12 = { .identity = IDENTITY, .key = *k };
	struct credential *c = credential_psk(&v13, tls12 ? &v12 : NULL);

	ck_assert_ptr_nonnull(c);
	return c;
}

static void
errand_with(struct coap_errand *e, const struct credential *c, const char *path)
{
	errand_to(e, "coaps", "127.0.0.1", peer.port, "GET", path);
	e->ex.credential = c;
}

static void
expect_no_session(struct coap_errand *e, bool refused)
{
	ck_assert_msg(e->ex.rc == RC_BAD_GATEWAY, "%d %s", (int)e->ex.rc, e->ex.failure);
	ck_assert(e->ex.unsent && e->ex.tls_failed);
	ck_assert_msg(e->ex.tls_refused == refused, "%s", e->ex.failure);
	ck_assert_int_gt((int)strlen(e->ex.failure), 5);
	ck_assert_ptr_null(strstr(e->ex.failure, IDENTITY));
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 0);
	errand_fini(e);
}

static bool
on_connected(struct exchange *ex, struct exchange_header *more)
{
	struct coap_errand *e = ex->owner;

	e->asked++;
	ck_assert_int_eq(ex->has_exported, ex->exporter_label != NULL);
	more->name = SLICE_LIT("X-M2M-Nonce");
	more->value = SLICE_LIT("0011");
	return !e->refuse;
}

START_TEST(test_psk)
{
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 5000);
	struct coap_errand e, es[10];

	coap_peer_start(&peer, &conf);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_ok(&e);
	errand_fini(&e);
	/* All on that session. */
	for (unsigned i = 0; i < 10; i++) {
		errand_with(&es[i], c, i % 2 == 0 ? "ok" : "separate");
		port_coap.send(p, &es[i].ex);
	}
	for (unsigned i = 0; i < 10; i++) {
		coap_await(p, &es[i]);
		ck_assert_int_eq(es[i].ex.rc, RC_OK);
		errand_fini(&es[i]);
	}
	errand_with(&e, c, "big");
	coap_run(p, &e);
	ck_assert_uint_eq(e.ex.answer.n, COAP_PEER_BIG);
	errand_fini(&e);
	ck_assert_uint_eq(atomic_load(&peer.n_handshakes), 1);
	/* The peer is told of the end. */
	port_coap.close(p);
	for (unsigned i = 0; i < 100 && atomic_load(&peer.n_closed) == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	ck_assert_uint_eq(atomic_load(&peer.n_closed), 1);
	coap_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

/* A server does not say that the key is wrong: what it cannot read it drops (RFC 6347). */
START_TEST(test_wrong_key)
{
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&other, true);
	struct port *p = coap_port_open(20, 4, 1500);
	struct coap_errand e;

	coap_peer_start(&peer, &conf);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	ck_assert(e.ex.tls_failed);
	expect_no_session(&e, e.ex.tls_refused);
	credential_unref(c);
	/* Nothing at all is heard: nobody may be there. */
	atomic_store(&peer.deaf, true);
	c = credential(&key, true);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_GATEWAY_TIMEOUT);
	ck_assert(e.ex.unsent && !e.ex.tls_failed);
	errand_fini(&e);
	credential_unref(c);
	port_coap.close(p);
	coap_peer_stop(&peer);
}
END_TEST

START_TEST(test_refused)
{
	static const char *const suites[] = { "PSK-AES128-CCM8:PSK-AES128-GCM-SHA256",
		                              "DHE-PSK-AES128-GCM-SHA256" };
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 5000);
	struct coap_errand e;

	/* Without forward secrecy there is no session. */
	for (unsigned i = 0; i < 2; i++) {
		conf.suites = suites[i];
		coap_peer_start(&peer, &conf);
		errand_with(&e, c, "ok");
		coap_run(p, &e);
		expect_no_session(&e, true);
		coap_peer_stop(&peer);
	}
	credential_unref(c);
	/* A key for TLS 1.3 alone. */
	conf.suites = NULL;
	coap_peer_start(&peer, &conf);
	c = credential(&key, false);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_no_session(&e, false);
	ck_assert_uint_eq(atomic_load(&peer.n_datagrams), 0);
	coap_peer_stop(&peer);
	credential_unref(c);
	/* A certificate is no proof of the key. */
	conf = (struct coap_peer_conf){ .certificate = certs.server, .key = certs.key };
	coap_peer_start(&peer, &conf);
	c = credential(&key, true);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_no_session(&e, true);
	coap_peer_stop(&peer);
	credential_unref(c);
	port_coap.close(p);
}
END_TEST

START_TEST(test_exporter)
{
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 5000);
	struct coap_errand e;

	coap_peer_start(&peer, &conf);
	for (unsigned i = 1; i <= 2; i++) {
		errand_with(&e, c, "ok");
		e.ex.exporter_label = LABEL;
		e.ex.connected = on_connected;
		coap_run(p, &e);
		expect_ok(&e);
		ck_assert_uint_eq(e.asked, 1);
		ck_assert(e.ex.has_exported);
		ck_assert_uint_eq(e.ex.nheaders, 0);
		pthread_mutex_lock(&peer.lock);
		ck_assert(key_equal(&e.ex.exported, &peer.exported));
		ck_assert_ptr_nonnull(strstr(peer.last, "15:x-m2m-nonce=0011"));
		pthread_mutex_unlock(&peer.lock);
		/* Each has a session of its own. */
		ck_assert_uint_eq(atomic_load(&peer.n_handshakes), i);
		errand_fini(&e);
	}
	/* Those after it may use it. */
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_ok(&e);
	errand_fini(&e);
	ck_assert_uint_eq(atomic_load(&peer.n_handshakes), 2);
	errand_with(&e, c, "ok");
	e.ex.connected = on_connected;
	e.refuse = true;
	coap_run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_BAD_GATEWAY);
	ck_assert(e.ex.unsent && !e.ex.tls_failed);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 3);
	errand_fini(&e);
	coap_peer_stop(&peer);
	/* It would not be bound to the session. */
	conf.no_extended_master_secret = true;
	coap_peer_start(&peer, &conf);
	errand_with(&e, c, "ok");
	e.ex.exporter_label = LABEL;
	coap_run(p, &e);
	ck_assert(!e.ex.has_exported);
	ck_assert_ptr_nonnull(strstr(e.ex.failure, "extended master secret"));
	expect_no_session(&e, true);
	coap_peer_stop(&peer);
	port_coap.close(p);
	credential_unref(c);
}
END_TEST

static struct credential *
of_files(const char *ca, const char *certificate, const char *crl)
{
	const struct credential_files files = {
		.ca = ca,
		.crl = crl,
		.certificate = certificate,
		.key = certificate == NULL ? NULL : certs.key,
	};

	return credential_certificate(&files);
}

START_TEST(test_certificates)
{
	const struct {
		const char *ca, *own, *crl, *host;
		unsigned char revoked;
		bool fine, refused;
		const char *words;
	} rows[] = {
		{ certs.ca, certs.client, NULL, "localhost", 0, true, false, NULL },
		{ certs.ca, certs.client, certs.crl, "localhost", CERTS_CLIENT, true, false, NULL },
		{ certs.ca, certs.client, certs.crl, "localhost", CERTS_SERVER, false, true,
		  "revoked" },
		{ certs.own, certs.client, NULL, "localhost", 0, false, true, "certificate" },
		{ certs.ca, certs.client, NULL, "127.0.0.1", 0, false, true, "mismatch" },
		{ certs.ca, certs.client, NULL, "other.example", 0, false, true, "mismatch" },
		{ NULL, certs.client, NULL, "localhost", 0, false, true, "certificate" },
		{ certs.ca, NULL, NULL, "localhost", 0, false, true, "" },
		{ "/nowhere", certs.client, NULL, "localhost", 0, false, false, "/nowhere" },
		{ certs.ca, "/nowhere", NULL, "localhost", 0, false, false, "/nowhere" },
		{ certs.ca, certs.client, "/nowhere", "localhost", 0, false, false, "/nowhere" },
	};
	struct coap_peer_conf conf = { .certificate = certs.server,
		                       .key = certs.key,
		                       .client_ca = certs.ca };
	struct port *p = coap_port_open(20, 4, 15000);
	struct coap_errand e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct credential *c = of_files(rows[i].ca, rows[i].own, rows[i].crl);

		certs_revoke(&certs, rows[i].revoked);
		coap_peer_start(&peer, &conf);
		errand_to(&e, "coaps", rows[i].host, peer.port, "GET", "ok");
		e.ex.credential = c;
		coap_run(p, &e);
		if (rows[i].fine) {
			expect_ok(&e);
			errand_fini(&e);
		} else {
			ck_assert_msg(strstr(e.ex.failure, rows[i].words) != NULL, "%zu %s", i,
			              e.ex.failure);
			expect_no_session(&e, rows[i].refused);
		}
		coap_peer_stop(&peer);
		credential_unref(c);
	}
	port_coap.close(p);
}
END_TEST

/* The files of the port's configuration, for what has no credential. */
START_TEST(test_conf)
{
	const struct port_conf conf = { .ca_file = certs.ca,
		                        .cert_file = certs.client,
		                        .key_file = certs.key };
	struct coap_peer_conf server = { .certificate = certs.server,
		                         .key = certs.key,
		                         .client_ca = certs.ca };
	struct port *p;
	struct coap_errand e;

	ck_assert_int_eq(port_coap.open(&conf, &p), RC_OK);
	coap_peer_start(&peer, &server);
	errand_to(&e, "coaps", "localhost", peer.port, "GET", "ok");
	coap_run(p, &e);
	expect_ok(&e);
	errand_fini(&e);
	coap_peer_stop(&peer);
	port_coap.close(p);
}
END_TEST

/* Another key is another session, and what nobody uses any more ends. */
START_TEST(test_credentials)
{
	struct coap_peer_conf conf = with_psk();
	struct credential *a = credential(&key, true), *b = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 5000);
	struct coap_errand e;

	coap_peer_start(&peer, &conf);
	for (unsigned i = 0; i < 4; i++) {
		errand_with(&e, i % 2 == 0 ? a : b, "ok");
		coap_run(p, &e);
		expect_ok(&e);
		errand_fini(&e);
	}
	ck_assert_uint_eq(atomic_load(&peer.n_handshakes), 2);
	ck_assert_uint_eq(atomic_load(&peer.n_closed), 0);
	credential_unref(a);
	coap_turn_ms(p, 1500);
	ck_assert_uint_eq(atomic_load(&peer.n_closed), 1);
	credential_unref(b);
	coap_turn_ms(p, 1500);
	ck_assert_uint_eq(atomic_load(&peer.n_closed), 2);
	port_coap.close(p);
	coap_peer_stop(&peer);
}
END_TEST

/* The server was restarted: it knows nothing of the session, and says nothing. */
START_TEST(test_forgotten)
{
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 5000);
	struct coap_errand e, stuck;
	int64_t begin;

	coap_peer_start(&peer, &conf);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_ok(&e);
	errand_fini(&e);
	atomic_store(&peer.forget, true);
	begin = clock_monotonic();
	errand_with(&stuck, c, "ok");
	port_coap.send(p, &stuck.ex);
	/* Three messages are for nothing; then another session stands. */
	coap_await(p, &stuck);
	ck_assert_int_lt(clock_monotonic() - begin, 13 * CLOCK_SECOND);
	ck_assert_int_eq(stuck.ex.rc, RC_BAD_GATEWAY);
	ck_assert(!stuck.ex.unsent && !stuck.ex.tls_failed);
	ck_assert_ptr_nonnull(strstr(stuck.ex.failure, "lost"));
	errand_fini(&stuck);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_ok(&e);
	errand_fini(&e);
	ck_assert_uint_eq(atomic_load(&peer.n_handshakes), 2);
	port_coap.close(p);
	coap_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

/* After a while the peer is asked whether it has the session, before anything is sent by it. */
START_TEST(test_idle)
{
	static struct coap_peer forgetful;
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 3000);
	struct coap_errand e;

	coap_peer_start(&peer, &conf);
	coap_peer_start(&forgetful, &conf);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 2) {
			atomic_store(&forgetful.forget, true);
			coap_turn_ms(p, 15500);
		}
		errand_to(&e, "coaps", "127.0.0.1", i % 2 == 0 ? peer.port : forgetful.port, "GET",
		          "ok");
		e.ex.credential = c;
		coap_run(p, &e);
		expect_ok(&e);
		errand_fini(&e);
	}
	ck_assert_uint_eq(atomic_load(&peer.n_handshakes), 1);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 2);
	ck_assert_uint_eq(atomic_load(&forgetful.n_handshakes), 2);
	ck_assert_uint_eq(atomic_load(&forgetful.n_requests), 2);
	port_coap.close(p);
	coap_peer_stop(&peer);
	coap_peer_stop(&forgetful);
	credential_unref(c);
}
END_TEST

/* The first datagrams are lost: the handshake is repeated. */
START_TEST(test_loss)
{
	struct coap_peer_conf conf = with_psk();
	struct credential *c = credential(&key, true);
	struct port *p = coap_port_open(20, 4, 8000);
	struct coap_errand e;

	conf.drop = 2;
	coap_peer_start(&peer, &conf);
	errand_with(&e, c, "ok");
	coap_run(p, &e);
	expect_ok(&e);
	errand_fini(&e);
	port_coap.close(p);
	coap_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_dtls_out");
	TCase *c = suite_case(s, "sessions", NULL, NULL);

	tcase_add_unchecked_fixture(c, make_certs, remove_certs);
	tcase_add_test(c, test_psk);
	tcase_add_test(c, test_wrong_key);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_exporter);
	tcase_add_test(c, test_certificates);
	tcase_add_test(c, test_conf);
	tcase_add_test(c, test_credentials);
	tcase_add_test(c, test_forgotten);
	tcase_add_test(c, test_idle);
	tcase_add_test(c, test_loss);
	return run_suite(s);
}
