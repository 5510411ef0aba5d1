/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an HTTP server: addresses, certificates of both sides, reload. */
#include "config.h"

#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/peer.h"
#include "http_bed.h"

START_TEST(test_start_errors)
{
	struct bed b;
	struct http_server *second;

	bed_init(&b, 0);
	b.conf.address = "localhost";
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "numeric"));
	b.conf.address = "127.0.0.1";
	b.conf.port = 65536;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.port = 0;
	bed_run(&b);
	b.conf.port = http_port(b.server);
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "in use"));
	b.conf.port = 0;
	b.conf.security = HTTP_CERTIFICATE;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.cert_file = "/nonexistent/cert.pem";
	b.conf.key_file = certs.key;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "/nonexistent/cert.pem: No such file"));
	b.conf.cert_file = certs.key;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.cert_file = certs.server;
	b.conf.require_client_cert = true;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	b.conf.ca_file = certs.key;
	ck_assert_int_ne(http_start(&b.conf, &second, b.why), RC_OK);
	bed_end(&b);
}
END_TEST

START_TEST(test_ipv6)
{
	struct bed b;
	char expected[64];

	bed_init(&b, 0);
	b.conf.address = "::1";
	fake_start(&b.core);
	if (http_start(&b.conf, &b.server, b.why) == RC_OK) {
		snprintf(expected, sizeof(expected), "http://[::1]:%u", http_port(b.server));
		ck_assert(slice_is(http_listener(b.server)->base_uri, expected));
	} else {
		/* A machine without IPv6 says so. */
		ck_assert_msg(strstr(b.why, "not supported") != NULL ||
		                      strstr(b.why, "Cannot assign") != NULL,
		              "%s", b.why);
	}
	bed_end(&b);
}
END_TEST

START_TEST(test_client_certificate)
{
	const struct wire_tls known = { .ca = certs.ca, .cert = certs.client, .key = certs.key };
	const struct wire_tls stranger = { .ca = certs.ca, .cert = certs.stranger, .key = certs.key };
	struct bed b;
	struct wire *w;
	char body[256];

	bed_init(&b, 1);
	b.conf.ca_file = certs.ca;
	b.conf.require_client_cert = _i == 1;
	bed_run(&b);
	ck_assert(http_listener(b.server)->secure);
	w = wire_open(http_port(b.server), NULL, &known);
	ck_assert_ptr_nonnull(w);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", body, sizeof(body)), 200);
		ck_assert_ptr_nonnull(strstr(body, " peer=" CERTS_CLIENT_URI " "));
	}
	wire_close(w);
	/* TLS 1.3 tells the client of a refused certificate only after its own handshake. */
	w = wire_open(http_port(b.server), NULL, &stranger);
	ck_assert(w == NULL || wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0) == 0);
	wire_close(w);
	w = wire_open(http_port(b.server), NULL, &trusting);
	ck_assert_int_eq(
		w == NULL ? 0
			  : wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", body, sizeof(body)),
		_i == 1 ? 0 : 200);
	if (_i == 0)
		ck_assert_ptr_nonnull(strstr(body, " peer= "));
	wire_close(w);
	bed_end(&b);
}
END_TEST

START_TEST(test_reload)
{
	struct certs own;
	struct wire_tls trust = { .ca = own.ca };
	struct bed b;
	struct wire *before;
	struct wire *after;

	certs_make(&own);
	bed_init(&b, 1);
	b.conf.cert_file = own.server;
	b.conf.key_file = own.key;
	b.tls = &trust;
	bed_run(&b);
	before = join(&b);
	ck_assert_int_eq(wire_serial(before), 2);
	certs_renew_server(&own);
	ck_assert_msg(http_reload_tls(b.server, b.why) == RC_OK, "%s", b.why);
	after = join(&b);
	ck_assert_int_eq(wire_serial(after), 77);
	ck_assert_int_eq(wire_ask(before, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	ck_assert_int_eq(wire_ask(after, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	wire_close(before);
	wire_close(after);
	/* What cannot be read changes nothing. */
	certs_remove(&own);
	ck_assert_int_ne(http_reload_tls(b.server, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, own.server));
	bed_end(&b);
}
END_TEST

/* Asks over a connection of its own; the status, 0 = no answer. */
static int
try(const struct bed *b, const char *cert, char *body, size_t size)
{
	const struct wire_tls tls = { .ca = certs.ca, .cert = cert, .key = certs.key };
	struct wire *w = wire_open(http_port(b->server), NULL, &tls);
	int status = 0;

	if (w != NULL)
		status = wire_ask(w, "GET /peer HTTP/1.1\r\n" HOST "\r\n", body, size);
	wire_close(w);
	return status;
}

static int
echo(struct wire *w)
{
	return wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0);
}

/* Asks again and again, over w or by cert, until the status is that one; false after 20 s. */
static bool
becomes(struct wire *w, const struct bed *b, const char *cert, int status)
{
	for (int i = 0; i < 400; i++) {
		if ((w != NULL ? echo(w) : try(b, cert, NULL, 0)) == status)
			return true;
		poll(NULL, 0, 50);
	}
	return false;
}

static void
bed_with_ca(struct bed *b, bool require, const char *crl)
{
	bed_init(b, 1);
	b->conf.ca_file = certs.ca;
	b->conf.crl_file = crl;
	b->conf.require_client_cert = require;
	bed_run(b);
}

START_TEST(test_bad_certificates)
{
	const char *const bad[] = { certs.stranger, certs.own, certs.expired, certs.server };
	struct bed b;

	bed_with_ca(&b, _i == 1, NULL);
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(try(&b, bad[i], NULL, 0) == 0, "%s", bad[i]);
	ck_assert_int_eq(try(&b, certs.client, NULL, 0), 200);
	ck_assert_int_eq(try(&b, NULL, NULL, 0), _i == 1 ? 0 : 200);
	ck_assert_uint_eq(atomic_load(&b.core.made), _i == 1 ? 1 : 2);
	bed_end(&b);
}
END_TEST

/* The facts of a certificate, and of none. */
START_TEST(test_peer)
{
	char body[8192], expected[512];
	gnutls_datum_t spki;
	struct bed b;
	int n;

	bed_with_ca(&b, false, NULL);
	ck_assert_int_eq(try(&b, certs.client, body, sizeof(body)), 200);
	snprintf(expected, sizeof(expected),
	         "kind=%d\naddress=127.0.0.1\nloopback=1\nuid=0\npid=0\nversion=304\npsk=\n"
	         "subject=CN=leaf\nuri=" CERTS_CLIENT_URI "\ndns=localhost\nspki=",
	         PEER_CERTIFICATE);
	ck_assert_ptr_nonnull(strstr(body, expected));
	certs_key_info(&certs, &spki);
	n = sprintf(expected, "\nspki=");
	for (unsigned i = 0; i < spki.size; i++)
		n += sprintf(expected + n, "%02x", spki.data[i]);
	sprintf(expected + n, "\nfingerprint=");
	ck_assert_ptr_nonnull(strstr(body, expected));
	gnutls_free(spki.data);
	ck_assert_int_eq(try(&b, NULL, body, sizeof(body)), 200);
	snprintf(expected, sizeof(expected), "kind=%d\naddress=127.0.0.1\n", PEER_UNPROVED);
	ck_assert_ptr_nonnull(strstr(body, expected));
	ck_assert_ptr_nonnull(strstr(body, "\nsubject=\nspki=\n"));
	bed_end(&b);
}
END_TEST

/* As many names as are kept, and one more. */
START_TEST(test_many_names)
{
	char body[8192];
	struct bed b;

	bed_with_ca(&b, true, NULL);
	certs_make_many(&certs, 16, 86400);
	ck_assert_int_eq(try(&b, certs.many, body, sizeof(body)), 200);
	ck_assert_ptr_nonnull(strstr(body, "\nuri=" CERTS_CLIENT_URI "/0\n"));
	ck_assert_ptr_nonnull(strstr(body, "\nuri=" CERTS_CLIENT_URI "/15\n"));
	certs_make_many(&certs, 17, 86400);
	ck_assert_int_eq(try(&b, certs.many, NULL, 0), 0);
	bed_end(&b);
}
END_TEST

/* A certificate ends on an open connection, too. */
START_TEST(test_expiry)
{
	const struct wire_tls tls = { .ca = certs.ca, .cert = certs.many, .key = certs.key };
	struct bed b;
	struct wire *w;

	bed_with_ca(&b, true, NULL);
	/* On a loaded machine the handshake alone may take longer than a short life. */
	for (int seconds = 3;; seconds *= 2) {
		certs_make_many(&certs, 1, seconds);
		w = wire_open(http_port(b.server), NULL, &tls);
		if (w != NULL && echo(w) == 200)
			break;
		ck_assert_int_lt(seconds, 12);
		wire_close(w);
	}
	ck_assert(becomes(w, &b, NULL, 0));
	wire_close(w);
	ck_assert_int_eq(try(&b, certs.many, NULL, 0), 0);
	bed_end(&b);
}
END_TEST

/* The list is replaced while the server runs: on open connections and for new ones. */
START_TEST(test_revocation)
{
	const struct wire_tls tls = { .ca = certs.ca, .cert = certs.client, .key = certs.key };
	struct bed b;
	struct wire *w, *none;

	certs_revoke(&certs, CERTS_MANY);
	certs_make_many(&certs, 1, 86400);
	bed_with_ca(&b, _i == 1, certs.crl);
	ck_assert_int_eq(try(&b, certs.client, NULL, 0), 200);
	ck_assert_int_eq(try(&b, certs.many, NULL, 0), 0);
	w = wire_open(http_port(b.server), NULL, &tls);
	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(echo(w), 200);
	none = _i == 1 ? NULL : join(&b);
	certs_revoke(&certs, CERTS_CLIENT);
	ck_assert(becomes(w, &b, NULL, 0));
	wire_close(w);
	ck_assert_int_eq(try(&b, certs.client, NULL, 0), 0);
	ck_assert_int_eq(try(&b, certs.many, NULL, 0), 200);
	/* What is unusable changes nothing. */
	certs_make_list(&certs, 0, "other ca", 3600);
	ck_assert_int_ne(http_reload_tls(b.server, b.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(b.why, "signed"));
	ck_assert_int_eq(try(&b, certs.client, NULL, 0), 0);
	certs_revoke(&certs, 0);
	ck_assert(becomes(NULL, &b, certs.client, 200));
	/* An outdated list stands for nothing. */
	certs_make_list(&certs, 0, "test ca", -60);
	ck_assert_int_eq(http_reload_tls(b.server, b.why), RC_OK);
	ck_assert_int_eq(try(&b, certs.client, NULL, 0), 0);
	if (none != NULL)
		ck_assert_int_eq(echo(none), 200);
	wire_close(none);
	bed_end(&b);
}
END_TEST

static void
check_refused(const struct bed *b, const char *why)
{
	struct http_server *server;
	char said[HTTP_WHY_MAX] = "";

	ck_assert_int_ne(http_start(&b->conf, &server, said), RC_OK);
	ck_assert_msg(strstr(said, why) != NULL, "%s", said);
}

START_TEST(test_list_errors)
{
	struct bed b;
	FILE *f;

	bed_init(&b, 1);
	b.conf.crl_file = certs.crl;
	check_refused(&b, "need a ca");
	b.conf.ca_file = certs.ca;
	b.conf.crl_file = "/nonexistent/crl.pem";
	check_refused(&b, "/nonexistent/crl.pem: No such file");
	b.conf.crl_file = certs.key;
	check_refused(&b, "crl");
	b.conf.crl_file = certs.crl;
	f = fopen(certs.crl, "w");
	ck_assert(f != NULL && fclose(f) == 0);
	check_refused(&b, "crl");
	certs_make_list(&certs, 0, "other ca", 3600);
	check_refused(&b, "signed");
	certs_revoke(&certs, 0);
	bed_run(&b);
	bed_end(&b);
}
END_TEST

/* What is older than TLS 1.2, or has no forward secrecy, or no authenticated encryption. */
START_TEST(test_old_suites)
{
	static const struct {
		const char *priority;
		bool served;
	} rows[] = {
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.0", false },
		{ "NORMAL:-SIGN-ALL:+SIGN-ECDSA-SHA1:-VERS-ALL:+VERS-TLS1.2", false },
	};
	struct bed b;

	bed_init(&b, 1);
	b.conf.tls13_only = _i == 1;
	bed_run(&b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct wire_tls tls = { .ca = certs.ca, .priority = rows[i].priority };
		struct wire *w = wire_open(http_port(b.server), NULL, &tls);

		ck_assert_msg((w != NULL) == (rows[i].served && (_i == 0 || i == 0)), "%s",
		              tls.priority);
		wire_close(w);
	}
	bed_end(&b);
}
END_TEST

static void
ask_unix(const char *path)
{
	char body[1024], expected[128];
	struct wire *w = wire_open_unix(path);

	ck_assert_ptr_nonnull(w);
	snprintf(expected, sizeof(expected),
	         "kind=%d\naddress=\nloopback=1\nuid=%u\npid=%u\nversion=0\n", PEER_UNIX,
	         (unsigned)getuid(), (unsigned)getpid());
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(wire_ask(w, "GET /peer HTTP/1.1\r\n" HOST "\r\n", body,
		                          sizeof(body)),
		                 200);
		ck_assert_ptr_nonnull(strstr(body, expected));
		ck_assert_ptr_nonnull(strstr(body, "\nexport=denied\n"));
	}
	ck_assert_int_eq(wire_ask(w, "GET /later HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	ck_assert_int_eq(wire_ask(w, "GET /big/3000000 HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 200);
	wire_close(w);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode;
}

/* A socket file that nobody listens on, as a crash leaves it. */
static void
leave_stale(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	close(fd);
}

START_TEST(test_unix)
{
	char address[128];
	const char *path = address + 5;
	struct wire *many[8];
	struct bed b;

	snprintf(address, sizeof(address), "unix:%s/socket", certs.dir);
	leave_stale(path);
	bed_init(&b, 0);
	b.conf.address = address;
	b.conf.max_connections_per_address = 2;
	bed_run(&b);
	ck_assert_uint_eq(http_port(b.server), 0);
	ck_assert(slice_is(http_listener(b.server)->base_uri, "http://localhost"));
	ck_assert(!http_listener(b.server)->secure);
	ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0660);
	ask_unix(path);
	for (size_t i = 0; i < NITEMS(many); i++)
		many[i] = wire_open_unix(path);
	for (size_t i = 0; i < NITEMS(many); i++) {
		ck_assert_ptr_nonnull(many[i]);
		ck_assert_int_eq(echo(many[i]), 200);
		wire_close(many[i]);
	}
	/* It is in use, and stays when another one fails to get it. */
	check_refused(&b, "in use");
	ask_unix(path);
	bed_end(&b);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(test_unix_errors)
{
	char file[128], longest[256] = "unix:/";
	struct bed b;

	bed_init(&b, 0);
	b.conf.address = "unix:relative";
	check_refused(&b, "absolute");
	memset(longest + 6, 'x', 108);
	b.conf.address = longest;
	check_refused(&b, "too long");
	/* What is no socket is never removed. */
	snprintf(file, sizeof(file), "unix:%s", certs.ca);
	b.conf.address = file;
	check_refused(&b, "in use");
	ck_assert_int_eq(access(certs.ca, F_OK), 0);
	b.conf.security = HTTP_CERTIFICATE;
	check_refused(&b, "without TLS");
	b.conf.security = HTTP_CLEAR;
	snprintf(file, sizeof(file), "unix:%s/socket", certs.dir);
	b.conf.unix_mode = 0622;
	bed_run(&b);
	ck_assert_uint_eq(mode_of(file + 5), S_IFSOCK | 0622);
	/* Its name may have become another's meanwhile. */
	ck_assert_int_eq(unlink(file + 5), 0);
	leave_stale(file + 5);
	bed_end(&b);
	ck_assert_int_eq(unlink(file + 5), 0);
}
END_TEST

/* The headers of the security procedures, each once, and those of an answer. */
START_TEST(test_security_headers)
{
	static const char *const once[] = { "X-M2M-Nonce", "X-M2M-Connection",
		                            "X-M2M-Device-Proof", "X-M2M-IVal-Sig", "X-M2M-SGA",
		                            "X-M2M-Priority", "X-M2M-Ind",
		                            "From", "Authorization" };
	char text[512];
	struct bed b;
	struct wire_reply r;
	struct wire *w;

	bed_init(&b, _i);
	bed_run(&b);
	w = join(&b);
	ck_assert(wire_puts(w, "GET /secured HTTP/1.1\r\n" HOST
	                       "X-M2M-Nonce: n\r\nx-m2m-connection: c\r\n"
	                       "X-M2M-DEVICE-PROOF: p\r\nX-M2M-IVal-Sig: s\r\n"
	                       "X-M2M-SGA: g\r\n\r\n"));
	r = wire_read(w, false);
	ck_assert_int_eq(r.status, 200);
	ck_assert(slice_is(buf_view(&r.body), "header=n\nheader=c\nheader=p\nheader=s\nheader=g\n"));
	check_field(&r, "X-M2M-Reject", "MRJ1 test");
	check_field(&r, "Cache-Control", "no-store");
	check_field(&r, "Connection", "close");
	wire_forget(&r);
	ck_assert(wire_closed(w));
	wire_close(w);
	for (size_t i = 0; i < NITEMS(once); i++) {
		snprintf(text, sizeof(text),
		         "GET /echo HTTP/1.1\r\n" HOST "%s: a\r\nAccept: a\r\n%s: a\r\n\r\n",
		         once[i], once[i]);
		ck_assert_msg(ask_once(&b, text) == 400, "%s", once[i]);
	}
	bed_end(&b);
}
END_TEST

/* A clear client at a TLS listener gets nothing and costs nothing. */
START_TEST(test_clear_at_tls)
{
	struct bed b;
	struct wire *w;

	bed_init(&b, 1);
	bed_run(&b);
	w = wire_open(http_port(b.server), NULL, NULL);
	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0), 0);
	wire_close(w);
	ck_assert_int_eq(ask_once(&b, "GET /echo HTTP/1.1\r\n" HOST "\r\n"), 200);
	bed_end(&b);
}
END_TEST

int
main(void)
{
	/* With and without a required client certificate, old versions, TLS. */
	const TTest *const both[] = {
		test_client_certificate, test_bad_certificates, test_revocation,
		test_old_suites,         test_security_headers,
	};
	const TTest *const once[] = {
		test_start_errors, test_ipv6,   test_reload, test_clear_at_tls, test_peer,
		test_many_names,   test_expiry, test_unix,   test_unix_errors,  test_list_errors,
	};

	return bed_main("http_tls", both, NITEMS(both), once, NITEMS(once));
}
