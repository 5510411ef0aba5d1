/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of port_http: the exporter, the choice of the credential, certificates, another server. */
#include "config.h"

#include "tls_bed.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs.h"
#include "suite.h"

/* ---- exporter ---- */

static bool
add_header(struct exchange *ex, struct exchange_header *more)
{
	struct errand *e = ex->owner;

	e->asked++;
	ck_assert_int_eq(ex->has_exported, ex->exporter_label != NULL);
	if (e->header[0] == '-')
		return false;
	if (e->header[0] == '\0')
		snprintf(e->header, sizeof(e->header), "%02x%02x%02x%02x", ex->exported.v[0],
		         ex->exported.v[1], ex->exported.v[30], ex->exported.v[31]);
	more->name = SLICE_LIT("X-Proof");
	more->value = slice_of(e->header);
	return true;
}

static unsigned
count(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part)) != NULL) {
		n++;
		text++;
	}
	return n;
}

static void
check_exporter(int version)
{
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	struct errand e;
	char line[96];

	psk_peer_start(&peer,
	               &(struct psk_peer_conf){
			       .keys = keys, .nkeys = 2, .version = version, .label = LABEL });
	for (unsigned i = 0; i < 6; i++) {
		bool with = i % 3 != 2;

		errand_init(&e, c, "/x");
		e.ex.headers[0] = (struct exchange_header){ SLICE_LIT("From"), SLICE_LIT("a") };
		e.ex.nheaders = 1;
		e.ex.exporter_label = with ? LABEL : NULL;
		e.ex.connected = with ? add_header : NULL;
		run(p, &e);
		expect_answer(&e);
		ck_assert_int_eq(e.ex.has_exported, with);
		ck_assert_uint_eq(e.asked, with);
		if (with)
			ck_assert_mem_eq(e.ex.exported.v, peer.seen[i].exported.v, KEY_BYTES);
		snprintf(line, sizeof(line), "\r\nX-Proof: %s\r\n", e.header);
		ck_assert_uint_eq(count(peer.seen[i].head, line), with);
		ck_assert_uint_eq(count(peer.seen[i].head, "X-Proof"), with);
		ck_assert_uint_eq(count(peer.seen[i].head, "\r\nFrom: a\r\n"), 1);
		/* A session of its own with the label; without, one that is there. */
		ck_assert_uint_eq(peer.n_clients, i + with - i / 3);
		if (with)
			ck_assert_uint_eq(peer.seen[i].connection, peer.n_clients - 1);
		errand_fini(&e);
	}
	port_http.close(p);
	credential_unref(c);
	psk_peer_stop(&peer);
}

START_TEST(test_exporter)
{
	check_exporter(13);
	check_exporter(12);
}
END_TEST

START_TEST(test_no_extended_master_secret)
{
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys,
	                                               .nkeys = 2,
	                                               .version = 12,
	                                               .no_extended_master_secret = true });
	errand_init(&e, c, "/x");
	e.ex.exporter_label = LABEL;
	e.ex.connected = add_header;
	run(p, &e);
	ck_assert_str_eq(e.ex.failure, "no extended master secret");
	ck_assert(!e.ex.has_exported);
	ck_assert_uint_eq(e.asked, 0);
	expect_no_session(&e);
	psk_peer_await_end(&peer, 1);
	ck_assert_uint_eq(peer.n_octets, 0);
	errand_init(&e, c, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	port_http.close(p);
	credential_unref(c);
	psk_peer_stop(&peer);
}
END_TEST

/* The sender does not go on, or what it adds cannot be written. */
START_TEST(test_not_connected)
{
	static const char *const rows[] = { "-", "a\r\nX-Evil: b" };
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = 2 });
	for (size_t i = 0; i < NITEMS(rows); i++) {
		errand_init(&e, c, "/x");
		snprintf(e.header, sizeof(e.header), "%s", rows[i]);
		e.ex.exporter_label = LABEL;
		e.ex.connected = add_header;
		run(p, &e);
		ck_assert_uint_eq(e.asked, 1);
		ck_assert_int_eq(e.ex.rc, RC_BAD_GATEWAY);
		ck_assert(e.ex.unsent);
		ck_assert(!e.ex.tls_failed);
		errand_fini(&e);
	}
	expect_silence(p);
	credential_unref(c);
	psk_peer_stop(&peer);
}
END_TEST

/* Neither a credential nor an exporter goes with an URL without TLS. */
START_TEST(test_clear)
{
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = 2 });
	errand_url(&e, "http", "127.0.0.1", "/x");
	e.ex.credential = c;
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_BAD_GATEWAY);
	ck_assert(e.ex.unsent);
	errand_fini(&e);
	errand_url(&e, "http", "127.0.0.1", "/x");
	e.ex.exporter_label = LABEL;
	run(p, &e);
	expect_no_session(&e);
	expect_silence(p);
	credential_unref(c);
	psk_peer_stop(&peer);
}
END_TEST

/* ---- which credential ---- */

struct names {
	struct credential *c;
	enum rc rc;
	unsigned asked;
};

static enum rc
name_credential(void *arg, struct slice url, struct credential **out)
{
	struct names *n = arg;

	ck_assert(slice_starts(url, SLICE_LIT("https://")));
	n->asked++;
	if (n->rc == RC_OK && n->c != NULL)
		*out = credential_ref(n->c);
	return n->rc;
}

START_TEST(test_named)
{
	struct names names = { .c = credential_at(0) };
	struct port *p = port_with(name_credential, &names);
	struct credential *other = credential_at(2);
	struct errand e;

	psk_peer_start(&peer, &(struct psk_peer_conf){ .keys = keys, .nkeys = NITEMS(keys) });
	errand_init(&e, NULL, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	errand_init(&e, other, "/x");
	run(p, &e);
	expect_answer(&e);
	errand_fini(&e);
	ck_assert_uint_eq(names.asked, 1);
	ck_assert_str_eq(peer.seen[0].identity, keys[0].identity);
	ck_assert_str_eq(peer.seen[1].identity, keys[2].identity);
	names.rc = RC_UNAVAILABLE;
	errand_init(&e, NULL, "/x");
	run(p, &e);
	ck_assert_int_eq(e.ex.rc, RC_UNAVAILABLE);
	ck_assert(e.ex.unsent);
	errand_fini(&e);
	port_http.close(p);
	ck_assert(credential_sole(names.c));
	credential_unref(names.c);
	credential_unref(other);
	psk_peer_stop(&peer);
}
END_TEST

/* ---- certificates ---- */

static struct credential *
certificate_of(const char *ca, const char *crl, const char *certificate, const char *key)
{
	struct credential *c =
		credential_certificate(&(struct credential_files){ ca, crl, certificate, key });

	ck_assert_ptr_nonnull(c);
	return c;
}

START_TEST(test_certificates)
{
	struct certs certs;
	unsigned char serial;

	certs_make(&certs);
	const struct {
		const char *host, *ca, *crl, *certificate, *key;
		unsigned char revoked;
		const char *failure; /* NULL: it is answered; what is to be read in it */
	} rows[] = {
		{ "localhost", certs.ca, NULL, certs.client, certs.key, 0, NULL },
		{ "localhost", certs.ca, certs.crl, certs.client, certs.key, 0, NULL },
		{ "localhost", certs.ca, certs.crl, certs.client, certs.key, 77, NULL },
		{ "localhost", certs.ca, certs.crl, certs.client, certs.key, 2, "revoked" },
		{ "127.0.0.1", certs.ca, NULL, certs.client, certs.key, 0, "127.0.0.1" },
		{ "localhost", NULL, NULL, certs.client, certs.key, 0, "" },
		{ "localhost", certs.stranger, NULL, certs.client, certs.key, 0, "" },
		{ "localhost", "/none/ca", NULL, certs.client, certs.key, 0, "from /none/ca" },
		{ "localhost", certs.ca, "/none/crl", certs.client, certs.key, 0,
		  "from /none/crl" },
		{ "localhost", certs.ca, certs.key, certs.client, certs.key, 0, certs.key },
		{ "localhost", certs.ca, NULL, "/none/crt", certs.key, 0, "from /none/crt" },
		{ "localhost", certs.ca, NULL, certs.client, "/none/key", 0, certs.client },
	};
	psk_peer_start(&peer, &(struct psk_peer_conf){ .certificate = certs.server,
	                                               .key = certs.key,
	                                               .client_ca = certs.ca,
	                                               .label = LABEL });
	serial = 1;
	certs_revoke(&certs, 0);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct credential *c =
			certificate_of(rows[i].ca, rows[i].crl, rows[i].certificate, rows[i].key);
		struct port *p = port_open();
		unsigned before = psk_peer_seen(&peer);
		struct errand e;

		if (rows[i].revoked != serial)
			certs_revoke(&certs, serial = rows[i].revoked);
		errand_url(&e, "https", rows[i].host, "/x");
		e.ex.credential = c;
		e.ex.exporter_label = LABEL;
		run(p, &e);
		ck_assert_uint_eq(psk_peer_seen(&peer), before + (rows[i].failure == NULL));
		if (rows[i].failure == NULL) {
			expect_answer(&e);
			ck_assert_str_eq(peer.seen[before].identity, "/CN=leaf");
			ck_assert_mem_eq(e.ex.exported.v, peer.seen[before].exported.v, KEY_BYTES);
			errand_fini(&e);
		} else {
			ck_assert_msg(strstr(e.ex.failure, rows[i].failure) != NULL, "%zu: %s", i,
			              e.ex.failure);
			expect_no_session(&e);
		}
		port_http.close(p);
		credential_unref(c);
	}
	ck_assert_uint_eq(peer.n_seen, 3);
	psk_peer_stop(&peer);
	certs_remove(&certs);
}
END_TEST

/* A list that changes is asked at the next connection; there is no old session to take up again. */
START_TEST(test_revoked_later)
{
	struct certs certs;
	struct port *p = port_open();
	struct credential *c;
	struct errand e;

	certs_make(&certs);
	certs_revoke(&certs, 0);
	c = certificate_of(certs.ca, certs.crl, NULL, NULL);
	psk_peer_start(&peer,
	               &(struct psk_peer_conf){ .certificate = certs.server, .key = certs.key });
	errand_url(&e, "https", "localhost", "/end");
	e.ex.credential = c;
	run(p, &e);
	ck_assert_uint_eq(psk_peer_seen(&peer), 1);
	errand_fini(&e);
	certs_revoke(&certs, 2);
	errand_url(&e, "https", "localhost", "/x");
	e.ex.credential = c;
	run(p, &e);
	expect_no_session(&e);
	ck_assert_uint_eq(psk_peer_seen(&peer), 1);
	port_http.close(p);
	credential_unref(c);
	psk_peer_stop(&peer);
	certs_remove(&certs);
}
END_TEST

/* ---- another implementation of the server ---- */

static FILE *
start_openssl(const char *version, const struct psk_peer_key *k, pid_t *pid)
{
	char key[2 * KEY_BYTES + 1];
	int out[2];

	for (size_t i = 0; i < KEY_BYTES; i++)
		snprintf(key + 2 * i, 3, "%02x", k->key.v[i]);
	ck_assert_int_eq(pipe(out), 0);
	*pid = fork();
	ck_assert_int_ge(*pid, 0);
	if (*pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execlp("openssl", "openssl", "s_server", "-nocert", "-psk", key, "-psk_identity",
		       k->identity, "-accept", "127.0.0.1:0", version, "-www", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	return fdopen(out[0], "r");
}

static void
check_openssl(const char *version, const struct psk_peer_key *k, const char *protocol)
{
	struct credential *c = credential_at(0);
	struct port *p = port_open();
	char line[256] = "";
	struct errand e;
	pid_t pid;
	FILE *f = start_openssl(version, k, &pid);

	while (strncmp(line, "ACCEPT 127.0.0.1:", 17) != 0)
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	peer.port = (unsigned)strtoul(line + 17, NULL, 10);
	errand_init(&e, c, "/");
	e.ex.exporter_label = LABEL;
	run(p, &e);
	ck_assert_msg(e.ex.rc == RC_OK, "%s", e.ex.failure);
	ck_assert(e.ex.has_exported);
	buf_char(&e.ex.answer, '\0');
	ck_assert_ptr_nonnull(strstr(e.ex.answer.p, protocol));
	errand_fini(&e);
	port_http.close(p);
	credential_unref(c);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	fclose(f);
}

START_TEST(test_openssl)
{
	check_openssl("-tls1_3", &keys[0], "TLSv1.3");
	check_openssl("-tls1_2", &keys[1], "TLSv1.2");
}
END_TEST

static Suite *
tls_out_suite(void)
{
	const TTest *const tests[] = { test_exporter,      test_no_extended_master_secret,
		                       test_not_connected, test_clear,
		                       test_named,         test_certificates,
		                       test_revoked_later, test_openssl };
	Suite *s = suite_create("http_tls_out");
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
	signal(SIGPIPE, SIG_IGN);
	return run_suite(tls_out_suite());
}
