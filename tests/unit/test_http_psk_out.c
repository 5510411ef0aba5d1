/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of port_http with pre-shared keys: which sessions, and whose. */
#include "config.h"

#include "tls_bed.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "certs.h"

/* The keys that a server has which does not know the right ones. */
static const struct psk_peer_key wrong[] = {
	{ "mr3.01bcad980102030405060708090a0b0c.1", { { 9 } } },
	{ "mr2.01bcad980102030405060708090a0b0c.1", { { 9 } } },
};

/* ---- pre-shared keys ---- */

START_TEST(test_versions)
{
	static const int rows[] = { 13, 12, 0 };
	struct credential *c = credential_at(0);

	for (size_t i = 0; i < NITEMS(rows); i++) {
		int version = rows[i] == 0 ? 13 : rows[i];
		struct port *p = port_open();
		struct errand e;

		psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys,
		                                               .nkeys = NITEMS(keys),
		                                               .version = rows[i] });
		for (unsigned times = 0; times < 3; times++) {
			errand_init(&e, c, "/x");
			run(p, &e);
			expect_answer(&e);
			errand_fini(&e);
			ck_assert_str_eq(peer.seen[times].identity, keys[13 - version].identity);
			ck_assert_int_eq(peer.seen[times].version, version);
			ck_assert_uint_eq(peer.seen[times].connection, 0);
		}
		port_http.close(p);
		psk_peer_stop(&peer);
	}
	ck_assert(credential_sole(c));
	credential_unref(c);
}
END_TEST

/* What the server is, of which none may get a request of a client with a pre-shared key. */
START_TEST(test_false_servers)
{
	struct certs certs;
	struct credential *c = credential_at(0);

	certs_make(&certs);
	const struct psk_peer_conf rows[] = {
		{ .version = 13, .certificate = certs.server, .key = certs.key },
		{ .version = 12, .certificate = certs.server, .key = certs.key },
		{ .certificate = certs.server, .key = certs.key },
		{ .version = 13, .keys = wrong, .nkeys = NITEMS(wrong) },
		{ .version = 12, .keys = wrong, .nkeys = NITEMS(wrong) },
		{ .version = 13, .keys = &keys[2], .nkeys = 2 },
		{ .version = 12, .keys = &keys[2], .nkeys = 2 },
		{ .version = 12, .keys = keys, .nkeys = 2, .suites12 = "PSK-AES128-GCM-SHA256" },
		{ .version = 12,
		  .keys = keys,
		  .nkeys = 2,
		  .suites12 = "DHE-PSK-AES128-GCM-SHA256" },
	};
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct port *p = port_open();
		struct errand e;

		psk_peer_start(&peer, &rows[i]);
		errand_init(&e, c, "/secret");
		run(p, &e);
		expect_no_session(&e);
		ck_assert(e.ex.tls_refused);
		expect_silence(p);
		ck_assert_uint_eq(peer.n_handshakes, 0);
		psk_peer_stop(&peer);
	}
	credential_unref(c);
	certs_remove(&certs);
}
END_TEST

/* What is no TLS, and what never becomes any: no word about the key. */
START_TEST(test_nonsense)
{
	static const char *const rows[] = {
		"",
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
		"\x16\x03\x03\x40\x01\x02\x7f\xff\xff",
		"\x15\x03\x03\x01\x01\x02\x02\x28",
		"\x16\x03\x03\x01\x04\x02\x01\x01\x01\x03\x03",
	};
	struct credential *c = credential_at(0);
	struct port *p;
	struct errand e;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		p = port_open();
		psk_peer_start(&peer, &(struct psk_peer_conf){ .garbage = rows[i] });
		errand_init(&e, c, "/x");
		run(p, &e);
		expect_no_session(&e);
		ck_assert(!e.ex.tls_refused);
		expect_silence(p);
		psk_peer_stop(&peer);
	}
	p = port_open();
	psk_peer_start(&peer, &(struct psk_peer_conf){ .silent = true });
	errand_init(&e, c, "/x");
	e.ex.timeout_ms = 200;
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_GATEWAY_TIMEOUT);
	ck_assert(e.ex.unsent);
	errand_fini(&e);
	expect_silence(p);
	psk_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

/* Who looks into the environment of the service does not get the secrets of its sessions. */
START_TEST(test_no_key_log)
{
	struct credential *c = credential_at(0);
	char name[] = "/tmp/keylog.XXXXXX";
	int fd = mkstemp(name);
	struct port *p;
	struct errand e;

	ck_assert_int_ge(fd, 0);
	setenv("SSLKEYLOGFILE", name, 1);
	p = port_open();
	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = 2 });
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	port_http.close(p);
	unsetenv("SSLKEYLOGFILE");
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	unlink(name);
	psk_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

/* A connection that died meanwhile is replaced by one with the same credential. */
START_TEST(test_connection_lost)
{
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = 2 });
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	pthread_mutex_lock(&peer.lock);
	shutdown(peer.fds[0], SHUT_RDWR);
	pthread_mutex_unlock(&peer.lock);
	psk_peer_await_end(&peer, 1);
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	ck_assert_uint_eq(peer.n_clients, 2);
	ck_assert_str_eq(peer.seen[1].identity, keys[0].identity);
	port_http.close(p);
	psk_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

START_TEST(test_one_version)
{
	struct credential_psk tls13 = psk_of(&keys[0]), none = { .identity = "" };
	struct credential *c = credential_psk(&tls13, NULL);
	struct port *p = port_open();
	struct errand e;

	ck_assert_ptr_null(credential_psk(&none, NULL));
	ck_assert_ptr_null(credential_psk(&tls13, &none));
	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = 2, .version = 12 });
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_no_session(&e);
	expect_silence(p);
	psk_peer_stop(&peer);
	p = port_open();
	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = 2 });
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	port_http.close(p);
	psk_peer_stop(&peer);
	credential_unref(c);
}
END_TEST

/* The path of a request tells whose it is. */
static void
expect_own_sessions(void)
{
	pthread_mutex_lock(&peer.lock);
	for (unsigned i = 0; i < peer.n_seen; i++) {
		const struct psk_peer_seen *s = &peer.seen[i];

		ck_assert_str_eq(s->identity,
		                 keys[strstr(s->head, "mine=2") != NULL ? 2 : 0].identity);
	}
	pthread_mutex_unlock(&peer.lock);
}

/* Two credentials of one peer in turn and at the same time, while the one is retired. */
START_TEST(test_pools)
{
	enum { N = 60 };
	struct credential *c[2] = { credential_at(0), credential_at(2) };
	struct port *p = port_open();
	struct errand es[N], slow;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = NITEMS(keys) });
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], c[i % 2], i % 2 == 0 ? "/x?mine=0" : "/x?mine=2");
		if (i < N / 2)
			run(p, &es[i]);
		else
			port_http.send(p, &es[i].ex);
	}
	errand_init(&slow, c[0], "/slow?mine=0");
	port_http.send(p, &slow.ex);
	/* Retired while it is in use: what is under way ends well. */
	credential_unref(c[0]);
	for (int i = N / 2; i < N; i++) {
		await(p, &es[i]);
		expect_answer(&es[i]);
	}
	psk_peer_release(&peer);
	await(p, &slow);
	expect_answer(&slow);
	ck_assert_uint_eq(psk_peer_seen(&peer), N + 1);
	expect_own_sessions();
	ck_assert_uint_le(peer.n_clients, 4);
	port_http.close(p);
	ck_assert(credential_sole(c[1]));
	credential_unref(c[1]);
	psk_peer_stop(&peer);
	for (int i = 0; i < N; i++)
		errand_fini(&es[i]);
	errand_fini(&slow);
}
END_TEST

static unsigned
ended(void)
{
	unsigned n;

	pthread_mutex_lock(&peer.lock);
	n = peer.n_ended;
	pthread_mutex_unlock(&peer.lock);
	return n;
}

/* Each credential has the host's limit of its own: the one does not wait for the other. */
START_TEST(test_limits)
{
	enum { N = 12, AT_ONCE = 4 };
	struct credential *c[2] = { credential_at(0), credential_at(2) };
	int64_t until = clock_monotonic() + WITHIN;
	struct port *p = port_open();
	struct errand es[N];

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = NITEMS(keys) });
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], c[i % 2], i % 2 == 0 ? "/slow?mine=0" : "/slow?mine=2");
		port_http.send(p, &es[i].ex);
	}
	while (psk_peer_seen(&peer) < AT_ONCE)
		port_turn(&port_http, p, 10);
	for (int i = 0; i < 10; i++)
		port_turn(&port_http, p, 20);
	ck_assert_uint_eq(psk_peer_seen(&peer), AT_ONCE);
	/* Retired while an exchange waits for its turn: it is still sent, as what it was given. */
	credential_unref(c[0]);
	credential_unref(c[1]);
	psk_peer_release(&peer);
	for (int i = 0; i < N; i++) {
		await(p, &es[i]);
		expect_answer(&es[i]);
		errand_fini(&es[i]);
	}
	expect_own_sessions();
	while (ended() < peer.n_clients && clock_monotonic() < until)
		port_turn(&port_http, p, 100);
	ck_assert_uint_eq(ended(), peer.n_clients);
	port_http.close(p);
	psk_peer_stop(&peer);
}
END_TEST

/* The connections of a retired credential are ended; those of another one stay. */
START_TEST(test_retired)
{
	struct credential *c[2] = { credential_at(0), credential_at(2) };
	int64_t until = clock_monotonic() + WITHIN;
	struct port *p = port_open();
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = NITEMS(keys) });
	for (int i = 0; i < 2; i++) {
		errand_init(&e, c[i], "/x");
		run(p, &e);
		expect_answer(&e);
		errand_fini(&e);
	}
	credential_unref(c[0]);
	while (ended() == 0 && clock_monotonic() < until)
		port_turn(&port_http, p, 100);
	ck_assert_uint_eq(ended(), 1);
	errand_init(&e, c[1], "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	ck_assert_uint_eq(peer.seen[2].connection, peer.seen[1].connection);
	credential_unref(c[1]);
	port_http.close(p);
	psk_peer_stop(&peer);
}
END_TEST

/* More credentials than there are pools: idle ones make room, busy ones do not. */
START_TEST(test_many_credentials)
{
	enum { N = 100, POOLS = 64 };
	struct credential *c[N];
	struct port *p = port_open();
	static struct errand es[N];

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = NITEMS(keys) });
	for (int i = 0; i < N; i++) {
		c[i] = credential_at(0);
		errand_init(&es[i], c[i], "/x");
		run(p, &es[i]);
		expect_answer(&es[i]);
		errand_fini(&es[i]);
	}
	ck_assert_uint_eq(peer.n_clients, N);
	while (ended() < N - POOLS)
		port_turn(&port_http, p, 10);
	for (int i = 0; i <= POOLS; i++) {
		errand_init(&es[i], c[i], "/slow");
		port_http.send(p, &es[i].ex);
	}
	await(p, &es[POOLS]);
	ck_assert_int_eq(es[POOLS].ex.rc, RC_UNAVAILABLE);
	ck_assert(es[POOLS].ex.unsent);
	ck_assert_str_eq(es[POOLS].ex.failure, "too many credentials are in use");
	psk_peer_release(&peer);
	for (int i = 0; i < POOLS; i++) {
		await(p, &es[i]);
		expect_answer(&es[i]);
		errand_fini(&es[i]);
	}
	/* And then there is room again. */
	run(p, &es[POOLS]);
	expect_answer(&es[POOLS]);
	errand_fini(&es[POOLS]);
	port_http.close(p);
	for (int i = 0; i < N; i++) {
		ck_assert(credential_sole(c[i]));
		credential_unref(c[i]);
	}
	psk_peer_stop(&peer);
}
END_TEST

static Suite *
psk_out_suite(void)
{
	const TTest *const tests[] = { test_versions,        test_false_servers,   test_nonsense,
		                       test_no_key_log,      test_connection_lost, test_one_version,
		                       test_pools,           test_limits,          test_retired,
		                       test_many_credentials };
	Suite *s = suite_create("http_psk_out");
	TCase *tc = tcase_create("sessions");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *r;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	r = srunner_create(psk_out_suite());
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
