/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an HTTP server: addresses, certificates of both sides, reload. */
#include "config.h"

#include <stdio.h>

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
	const struct wire_tls known = { certs.ca, certs.client, certs.key };
	const struct wire_tls stranger = { certs.ca, certs.stranger, certs.key };
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
	/* With and without a required client certificate. */
	const TTest *const both[] = {
		test_client_certificate,
	};
	const TTest *const once[] = {
		test_start_errors,
		test_ipv6,
		test_reload,
		test_clear_at_tls,
	};

	return bed_main("http_tls", both, NITEMS(both), once, NITEMS(once));
}
