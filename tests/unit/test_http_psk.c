/* SPDX-License-Identifier: Apache-2.0 */
/* TLS with pre-shared keys at an HTTP server: versions, suites, identities, exporter. */
#include "config.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/peer.h"
#include "http_bed.h"
#include "psk_client.h"
#include "sec/secret.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER_KEY "1123456789abcdef0123456789abcdef"
#define ANSWER 8192
#define ASK_PEER "GET /peer HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"

/* Knows one identity for each version of TLS. */
struct keys {
	struct bed bed;
	struct psk_source source;
	_Atomic unsigned asked;
	_Atomic unsigned broken; /* asked for what is none */
};

static bool
find(void *arg, struct slice identity, unsigned version, struct key *out)
{
	struct keys *k = arg;
	const char *known = version == 0x0304 ? "mr3.known" : "mr2.known";

	atomic_fetch_add(&k->asked, 1);
	if (identity.n == 0 || identity.n > 64 || memchr(identity.p, '\0', identity.n) != NULL ||
	    (version != 0x0304 && version != 0x0303))
		atomic_fetch_add(&k->broken, 1);
	if (slice_is(identity, "none"))
		return false;
	memcpy(out->v, slice_is(identity, known) ? KEY : "unknown.unknown.unknown.unknown.", 32);
	return true;
}

static void
keys_init(struct keys *k)
{
	memset(k, 0, sizeof(*k));
	bed_init(&k->bed, 0);
	k->source = (struct psk_source){ .arg = k, .find = find };
	k->bed.conf.security = HTTP_PSK;
	k->bed.conf.psk = &k->source;
}

static void
keys_end(struct keys *k)
{
	ck_assert_uint_eq(atomic_load(&k->broken), 0);
	bed_end(&k->bed);
}

static struct psk_how
how(int version)
{
	return (struct psk_how){ .version = version,
		                 .identity = version == TLS1_3_VERSION ? SLICE_LIT("mr3.known")
		                                                       : SLICE_LIT("mr2.known"),
		                 .key = SLICE_LIT(KEY) };
}

/* The status of an answer over such a connection; 0 = there was none. */
static int
try(const struct keys *k, const struct psk_how *h, char answer[ANSWER])
{
	struct psk_client c;
	int status = 0;

	if (psk_client_open(&c, http_port(k->bed.server), h, FAKE_LABEL))
		status = psk_client_ask(&c, ASK_PEER, answer, ANSWER);
	psk_client_close(&c);
	return status;
}

enum { PLAIN = 1, NON_PFS = 2, NEW_ONLY = 4, ALWAYS = 7 };

static const struct {
	int version;
	const char *suites;
	unsigned served; /* by which kinds of listeners */
} suites[] = {
	{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", ALWAYS },
	{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256", ALWAYS },
	{ TLS1_2_VERSION, "ECDHE-PSK-CHACHA20-POLY1305", PLAIN | NON_PFS },
	{ TLS1_2_VERSION, "ECDHE-PSK-AES128-CBC-SHA256", PLAIN | NON_PFS },
	{ TLS1_2_VERSION, "PSK-AES128-GCM-SHA256", NON_PFS },
	{ TLS1_2_VERSION, "PSK-AES128-CBC-SHA256", NON_PFS },
	{ TLS1_2_VERSION, "PSK-CHACHA20-POLY1305", 0 },
	{ TLS1_2_VERSION, "PSK-AES256-GCM-SHA384", 0 },
	{ TLS1_2_VERSION, "PSK-AES256-CBC-SHA384", 0 },
	{ TLS1_2_VERSION, "PSK-AES128-CBC-SHA", 0 },
	{ TLS1_2_VERSION, "PSK-AES128-CCM", 0 },
	{ TLS1_2_VERSION, "PSK-AES128-CCM8", 0 },
	{ TLS1_2_VERSION, "PSK-NULL-SHA256", 0 },
	{ TLS1_2_VERSION, "ECDHE-PSK-AES256-CBC-SHA384", 0 },
	{ TLS1_2_VERSION, "ECDHE-PSK-AES128-CBC-SHA", 0 },
	{ TLS1_2_VERSION, "ECDHE-PSK-NULL-SHA256", 0 },
	{ TLS1_2_VERSION, "DHE-PSK-AES128-GCM-SHA256", 0 },
	{ TLS1_2_VERSION, "DHE-PSK-CHACHA20-POLY1305", 0 },
	{ TLS1_2_VERSION, "RSA-PSK-AES128-GCM-SHA256", 0 },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", 0 },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 0 },
	{ TLS1_1_VERSION, "ECDHE-PSK-AES128-CBC-SHA", 0 },
	{ TLS1_VERSION, "PSK-AES128-CBC-SHA", 0 },
};

static void
check_peer(const char *answer, int version)
{
	char expected[128];

	snprintf(expected, sizeof(expected),
	         "kind=%d\naddress=127.0.0.1\nloopback=1\nuid=0\npid=0\nversion=%x\n"
	         "psk=mr%d.known\nsubject=\n",
	         PEER_PSK, (unsigned)version, version == TLS1_3_VERSION ? 3 : 2);
	ck_assert_msg(strstr(answer, expected) != NULL, "%s", answer);
}

/* A listener of one of the three kinds. */
static void
keys_run(struct keys *k, int kind)
{
	keys_init(k);
	k->bed.conf.allow_non_pfs = kind == 1;
	k->bed.conf.tls13_only = kind == 2;
	bed_run(&k->bed);
}

static void
check_suites(int kind)
{
	char answer[ANSWER];
	struct keys k;

	keys_run(&k, kind);
	for (size_t i = 0; i < NITEMS(suites); i++) {
		struct psk_how h = how(suites[i].version);
		bool served = (suites[i].served & 1u << kind) != 0;

		h.suites = suites[i].suites;
		ck_assert_msg(try(&k, &h, answer) == (served ? 200 : 0), "%s", h.suites);
		if (served)
			check_peer(answer, h.version);
	}
	keys_end(&k);
}

START_TEST(test_suites)
{
	for (int kind = 0; kind < 3; kind++)
		check_suites(kind);
}
END_TEST

/* TLS 1.3 binds external keys with SHA-256 only; ChaCha20 is reached by a client of GnuTLS. */
static void
check_modes(int kind)
{
	static const struct {
		const char *priority;
		int status;
	} rows[] = {
		{ "+DHE-PSK:+ECDHE-PSK:-CIPHER-ALL:+AES-128-GCM", 200 },
		{ "+DHE-PSK:+ECDHE-PSK:-CIPHER-ALL:+CHACHA20-POLY1305", 200 },
		{ "+DHE-PSK:+ECDHE-PSK:-CIPHER-ALL:+AES-256-GCM", 0 },
		{ "+DHE-PSK:+ECDHE-PSK:-CIPHER-ALL:+AES-128-CCM", 0 },
		/* Both modes of RFC 8446 section 4.2.9, then the one without forward secrecy. */
		{ "+PSK:+DHE-PSK:+ECDHE-PSK:-CIPHER-ALL:+AES-128-GCM", 200 },
		{ "+PSK:-CIPHER-ALL:+AES-128-GCM", 0 },
	};
	char priority[128];
	struct keys k;

	keys_run(&k, kind);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const struct wire_tls tls = { .priority = priority,
			                      .identity = SLICE_LIT("mr3.known"),
			                      .psk = SLICE_LIT(KEY) };
		struct wire *w;
		int status = 0;

		snprintf(priority, sizeof(priority), "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:%s",
		         rows[i].priority);
		w = wire_open(http_port(k.bed.server), NULL, &tls);
		if (w != NULL)
			status = wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL, 0);
		ck_assert_msg(status == rows[i].status, "%s: %d", priority, status);
		wire_close(w);
	}
	keys_end(&k);
}

START_TEST(test_modes)
{
	for (int kind = 0; kind < 3; kind++)
		check_modes(kind);
}
END_TEST

/* With both modes offered the key exchange is made; OpenSSL says by which group. */
START_TEST(test_forward_secrecy)
{
	struct psk_how h = how(TLS1_3_VERSION);
	struct psk_client c;
	struct keys k;

	keys_init(&k);
	k.bed.conf.allow_non_pfs = true;
	bed_run(&k.bed);
	h.options = SSL_OP_ALLOW_NO_DHE_KEX;
	ck_assert(psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL));
	ck_assert_int_ne(SSL_get_negotiated_group(c.ssl), 0);
	ck_assert_int_ne(SSL_session_reused(c.ssl) == 1 &&
	                         SSL_SESSION_has_ticket(SSL_get_session(c.ssl)) == 1,
	                 1);
	psk_client_close(&c);
	keys_end(&k);
}
END_TEST

static char long_identity[30000];

static const struct {
	struct slice identity;
	unsigned versions; /* 1: in TLS 1.3, 2: in TLS 1.2 */
	unsigned looked_up;
} strangers[] = {
	{ SLICE_INIT("mr3.unknown"), 3, 1 },  { SLICE_INIT("mr2.known"), 1, 1 },
	{ SLICE_INIT("mr3.known"), 2, 1 },    { SLICE_INIT("none"), 3, 1 },
	{ SLICE_INIT("mr3.knowN"), 3, 1 },    { { long_identity, 64 }, 3, 1 },
	{ { long_identity, 65 }, 3, 0 },      { { long_identity, 255 }, 3, 0 },
	{ { long_identity, 30000 }, 1, 0 },   { SLICE_INIT("mr3.known\0"), 1, 0 },
	{ SLICE_INIT("mr3.known\0x"), 1, 0 }, { SLICE_INIT("\0mr3.known"), 1, 0 },
	{ SLICE_INIT("mr3.known\n"), 3, 0 },  { SLICE_INIT("mr3.kn\303\266wn"), 3, 0 },
	{ SLICE_INIT("\177"), 3, 0 },         { SLICE_INIT(""), 1, 0 },
};

/* Whatever is not known fails where a wrong key does: after as many octets from the server. */
START_TEST(test_strangers)
{
	int version = _i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
	struct psk_how h = how(version);
	struct psk_client c;
	struct keys k;
	uint64_t octets;

	memset(long_identity, 'm', sizeof(long_identity));
	keys_init(&k);
	bed_run(&k.bed);
	h.key = SLICE_LIT(OTHER_KEY);
	ck_assert(!psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL));
	octets = BIO_number_read(SSL_get_rbio(c.ssl));
	psk_client_close(&c);
	h.key = SLICE_LIT(KEY);
	for (size_t i = 0; i < NITEMS(strangers); i++) {
		unsigned before = atomic_load(&k.asked);
		bool checked = strangers[i].identity.n <= 64;

		if ((strangers[i].versions & 1u << _i) == 0)
			continue;
		h.identity = strangers[i].identity;
		ck_assert_msg(!psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL), "%zu",
		              i);
		if (checked)
			ck_assert_uint_eq(BIO_number_read(SSL_get_rbio(c.ssl)), octets);
		psk_client_close(&c);
		ck_assert_uint_eq(atomic_load(&k.asked) - before, strangers[i].looked_up);
	}
	ck_assert_uint_eq(atomic_load(&k.bed.core.made), 0);
	h = how(version);
	ck_assert_int_eq(try(&k, &h, (char[ANSWER]){ 0 }), 200);
	keys_end(&k);
}
END_TEST

/* OpenSSL offers no identity with a zero octet in TLS 1.2, and no empty one at all. */
START_TEST(test_odd_identities)
{
	static const struct slice identities[] = {
		SLICE_INIT("mr2.known\0"),  SLICE_INIT("mr2.known\0x"), SLICE_INIT("mr3.known\0"),
		SLICE_INIT("mr3.known\0x"), SLICE_INIT("\0"),
	};
	struct keys k;

	keys_init(&k);
	bed_run(&k.bed);
	for (size_t i = 0; i < NITEMS(identities); i++) {
		const struct wire_tls tls = {
			.priority = _i == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"
			                    : "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK",
			.identity = identities[i],
			.psk = SLICE_LIT(KEY),
		};
		struct wire *w = wire_open(http_port(k.bed.server), NULL, &tls);

		ck_assert_msg(w == NULL || wire_ask(w, "GET /echo HTTP/1.1\r\n" HOST "\r\n", NULL,
		                                    0) == 0,
		              "%zu", i);
		wire_close(w);
	}
	ck_assert_uint_eq(atomic_load(&k.asked), 0);
	ck_assert_uint_eq(atomic_load(&k.bed.core.made), 0);
	keys_end(&k);
}
END_TEST

/* Without a key, with a certificate: nothing. */
START_TEST(test_no_key)
{
	struct psk_how h = { .version = _i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION,
		             .suites = _i == 0 ? NULL : "ALL:COMPLEMENTOFALL" };
	const struct wire_tls certificate = { .ca = certs.ca,
		                              .cert = certs.client,
		                              .key = certs.key };
	struct keys k;

	keys_init(&k);
	bed_run(&k.bed);
	ck_assert_int_eq(try(&k, &h, (char[ANSWER]){ 0 }), 0);
	ck_assert_ptr_null(wire_open(http_port(k.bed.server), NULL, &certificate));
	ck_assert_uint_eq(atomic_load(&k.asked), 0);
	keys_end(&k);
}
END_TEST

static void
hex(const unsigned char *octets, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", octets[i]);
}

START_TEST(test_exporter)
{
	struct psk_how h = how(_i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
	char answer[ANSWER], expected[2 * PSK_CLIENT_EXPORT + 16] = "\nexport=";
	struct psk_client c;
	struct keys k;

	keys_init(&k);
	bed_run(&k.bed);
	ck_assert(psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL));
	hex(c.export, sizeof(c.export), expected + strlen(expected));
	ck_assert_int_eq(psk_client_ask(&c, ASK_PEER, answer, sizeof(answer)), 200);
	ck_assert_ptr_nonnull(strstr(answer, expected));
	psk_client_close(&c);
	/* The value of a session that another one may share (RFC 7627) is not given. */
	h.options = SSL_OP_NO_EXTENDED_MASTER_SECRET;
	ck_assert_int_eq(try(&k, &h, answer), 200);
	ck_assert_int_eq(strstr(answer, "\nexport=denied\n") != NULL, _i == 1);
	keys_end(&k);
}
END_TEST

/* No ticket is given; an offered session is not resumed; no early data. */
START_TEST(test_no_resumption)
{
	struct psk_how h = how(_i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
	char answer[ANSWER];
	struct psk_client c;
	SSL_SESSION *s;
	struct keys k;

	keys_init(&k);
	bed_run(&k.bed);
	ck_assert(psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL));
	ck_assert_int_eq(psk_client_ask(&c, ASK_PEER, answer, sizeof(answer)), 200);
	ck_assert_uint_eq(c.tickets, 0);
	s = SSL_get1_session(c.ssl);
	ck_assert_uint_eq(SSL_SESSION_get_max_early_data(s), 0);
	psk_client_close(&c);
	if (_i == 1) {
		h.resume = s;
		ck_assert(psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL));
		ck_assert_int_eq(SSL_session_reused(c.ssl), 0);
		psk_client_close(&c);
	}
	SSL_SESSION_free(s);
	keys_end(&k);
}
END_TEST

START_TEST(test_no_renegotiation)
{
	struct psk_how h = how(TLS1_2_VERSION);
	char answer[ANSWER];
	struct psk_client c;
	struct keys k;

	keys_init(&k);
	bed_run(&k.bed);
	ck_assert(psk_client_open(&c, http_port(k.bed.server), &h, FAKE_LABEL));
	ck_assert_int_eq(SSL_get_secure_renegotiation_support(c.ssl), 1);
	ck_assert_int_eq(SSL_renegotiate(c.ssl), 1);
	SSL_do_handshake(c.ssl);
	SSL_do_handshake(c.ssl);
	psk_client_ask(&c, ASK_PEER, answer, sizeof(answer));
	ck_assert_uint_eq(atomic_load(&k.asked), 1);
	psk_client_close(&c);
	keys_end(&k);
}
END_TEST

START_TEST(test_start_errors)
{
	struct http_server *server;
	struct keys k;

	keys_init(&k);
	k.bed.conf.psk = NULL;
	ck_assert_int_ne(http_start(&k.bed.conf, &server, k.bed.why), RC_OK);
	ck_assert_ptr_nonnull(strstr(k.bed.why, "source"));
	k.bed.conf.psk = &k.source;
	bed_run(&k.bed);
	ck_assert(http_listener(k.bed.server)->secure);
	ck_assert(slice_starts(http_listener(k.bed.server)->base_uri, SLICE_LIT("https://")));
	ck_assert_int_eq(http_reload_tls(k.bed.server, k.bed.why), RC_OK);
	keys_end(&k);
}
END_TEST

int
main(void)
{
	/* In TLS 1.3 and 1.2. */
	const TTest *const both[] = {
		test_strangers, test_odd_identities, test_no_key, test_exporter, test_no_resumption,
	};
	const TTest *const once[] = {
		test_suites,           test_modes,        test_forward_secrecy,
		test_no_renegotiation, test_start_errors,
	};

	return bed_main("http_psk", both, NITEMS(both), once, NITEMS(once));
}
