/* SPDX-License-Identifier: Apache-2.0 */
/* Observe (RFC 7641) with DTLS: what arrived is known by pings. The client is libcoap's. */
#include "config.h"

#include "certs.h"
#include "core_bed.h"
#include "suite.h"

#include <coap3/coap.h>
#include <stdio.h>

#include "base/clock.h"
#include "bind/coap.h"
#include "sec/secret.h"

#define CI BASE "/applications/a1/containers/c1/contentInstances"
#define IDENTITY "mc.test"
#define KEY "0123456789abcdef0123456789abcdef"
#define WAIT_US (20 * CLOCK_SECOND)

static struct core_bed b;
static struct coapd *server;
static struct coapd_conf conf;
static coap_context_t *context;
static coap_session_t *session;
/* Of the client. */
static unsigned answers, notes;
static char last[64]; /* payload */
static coap_pdu_type_t type;
static coap_response_t verdict;
static bool closed; /* by the server */
static struct certs certs;

static bool
find_key(void *arg, struct slice identity, unsigned tls_version, struct key *out)
{
	(void)arg;
	(void)identity;
	(void)tls_version;
	memcpy(out->v, KEY, KEY_BYTES);
	return true;
}

static coap_response_t
take(coap_session_t *s, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid)
{
	coap_opt_iterator_t it;
	const uint8_t *data;
	size_t n;

	(void)s;
	(void)sent;
	(void)mid;
	if (coap_pdu_get_code(received) == COAP_EMPTY_CODE)
		return COAP_RESPONSE_OK;
	last[0] = '\0';
	if (coap_get_data(received, &n, &data))
		snprintf(last, sizeof(last), "%.*s", (int)n, (const char *)data);
	type = coap_pdu_get_type(received);
	answers++;
	notes += type != COAP_MESSAGE_ACK &&
	         coap_check_option(received, COAP_OPTION_OBSERVE, &it) != NULL;
	return type == COAP_MESSAGE_ACK ? COAP_RESPONSE_OK : verdict;
}

static int
note_event(coap_session_t *s, const coap_event_t event)
{
	(void)s;
	closed = closed || event == COAP_EVENT_DTLS_CLOSED;
	return 0;
}

static void
join(void)
{
	coap_dtls_cpsk_t psk = { .version = COAP_DTLS_CPSK_SETUP_VERSION,
		                 .psk_info = { .identity = { strlen(IDENTITY),
		                                             (const uint8_t *)IDENTITY },
		                               .key = { strlen(KEY), (const uint8_t *)KEY } } };
	coap_dtls_pki_t pki = { .version = COAP_DTLS_PKI_SETUP_VERSION,
		                .pki_key = { .key_type = COAP_PKI_KEY_PEM,
		                             .key.pem = { .public_cert = certs.client,
		                                          .private_key = certs.key } } };
	coap_address_t to;

	coap_address_init(&to);
	to.addr.sin.sin_family = AF_INET;
	to.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.addr.sin.sin_port = htons((uint16_t)coapd_port(server));
	to.size = sizeof(to.addr.sin);
	context = coap_new_context(NULL);
	ck_assert_ptr_nonnull(context);
	coap_register_response_handler(context, take);
	coap_register_event_handler(context, note_event);
	session = conf.security == COAPD_PSK
	                  ? coap_new_client_session_psk2(context, NULL, &to, COAP_PROTO_DTLS, &psk)
	                  : coap_new_client_session_pki(context, NULL, &to, COAP_PROTO_DTLS, &pki);
	ck_assert_ptr_nonnull(session);
	answers = notes = 0;
	closed = false;
	verdict = COAP_RESPONSE_OK;
}

static void
leave(void)
{
	coap_session_release(session);
	coap_free_context(context);
	context = NULL;
}

static void
start(void)
{
	char why[COAPD_WHY_MAX];

	ck_assert_msg(coapd_start(&conf, &server, why) == RC_OK, "%s", why);
	join();
}

static void
post(const char *text)
{
	ck_assert_int_eq(core_post_text(&b, CI, text), 201);
}

static void
ready(void)
{
	static const struct psk_source source = { .find = find_key };

	core_init_alone(&b);
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	post("first");
	conf = (struct coapd_conf){ .scl = b.scl,
		                    .log = b.log,
		                    .address = "127.0.0.1",
		                    .serve = SERVE_MIA | SERVE_MID,
		                    .security = COAPD_PSK,
		                    .psk = &source };
}

static void
over(void)
{
	if (context != NULL)
		leave();
	coapd_stop(server);
	core_fini(&b);
}

static void
await(const char *text)
{
	int64_t until = clock_monotonic() + WAIT_US;

	while (strcmp(last, text) != 0 && clock_monotonic() < until)
		coap_io_process(context, 5);
	ck_assert_str_eq(last, text);
}

static void
ask(const char *token, const char *path, bool observe)
{
	static const char query[] = "RequestingEntity=" ADMIN;
	static const uint8_t port[] = { 0x1f, 0x90 };
	coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);

	ck_assert_ptr_nonnull(pdu);
	coap_add_token(pdu, strlen(token), (const uint8_t *)token);
	coap_add_option(pdu, COAP_OPTION_URI_HOST, 15, (const uint8_t *)"scl.example.org");
	if (observe)
		coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL);
	coap_add_option(pdu, COAP_OPTION_URI_PORT, sizeof(port), port);
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		coap_add_option(pdu, COAP_OPTION_URI_PATH, n, (const uint8_t *)path);
		path += n;
	}
	coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(query), (const uint8_t *)query);
	ck_assert_int_ne(coap_send(session, pdu), COAP_INVALID_MID);
}

static void
observe(void)
{
	last[0] = '\0';
	ask("ob", CI "/latest/content", true);
	await("first");
	ck_assert_uint_eq(notes, 0);
}

START_TEST(test_notified)
{
	char text[16];

	start();
	observe();
	for (unsigned i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "v%u", i);
		post(text);
		await(text);
		ck_assert_int_eq(type, COAP_MESSAGE_CON);
		ck_assert_uint_eq(notes, i + 1);
	}
}
END_TEST

/* What changes while the client does not look: one notification on its way, then the latest. */
START_TEST(test_coalesced)
{
	start();
	observe();
	post("second");
	for (unsigned i = 0; i < 20; i++)
		post("others");
	post("last");
	await("last");
	ck_assert_uint_le(notes, 4);
}
END_TEST

START_TEST(test_non)
{
	conf.notify_non = true;
	start();
	observe();
	post("second");
	await("second");
	ck_assert_int_eq(type, COAP_MESSAGE_CON);
	post("third");
	await("third");
	ck_assert_int_eq(type, COAP_MESSAGE_NON);
}
END_TEST

START_TEST(test_reset)
{
	start();
	observe();
	verdict = COAP_RESPONSE_FAIL;
	post("second");
	await("second");
	/* The reset has come when a request that was sent after it is answered. */
	ask("x", CI "/oldest/content", false);
	await("first");
	post("third");
	ask("x", CI "/latest/content", false);
	await("third");
	ck_assert_uint_eq(notes, 1);
	ask("x", CI "/oldest/content", false);
	await("first");
	ck_assert_uint_eq(notes, 1);
}
END_TEST

/* It says goodbye, with a notification on its way; the server goes on. */
START_TEST(test_leaves)
{
	start();
	observe();
	post("second");
	leave();
	post("third");
	join();
	last[0] = '\0';
	ask("x", CI "/latest/content", false);
	await("third");
	ck_assert_uint_eq(answers, 1);
}
END_TEST

static void
start_with_certificates(void)
{
	certs_make(&certs);
	certs_revoke(&certs, 0);
	conf.security = COAPD_CERTIFICATE;
	conf.cert_file = certs.server;
	conf.key_file = certs.key;
	conf.ca_file = certs.ca;
	conf.crl_file = certs.crl;
	start();
	observe();
}

static void
turn_until_closed(void)
{
	for (unsigned i = 0; i < 20 && !closed; i++)
		coap_io_process(context, 5);
}

/* Who is no longer to be trusted is told nothing any more. */
START_TEST(test_revoked)
{
	int64_t until = clock_monotonic() + WAIT_US;

	start_with_certificates();
	post("second");
	await("second");
	certs_revoke(&certs, CERTS_CLIENT);
	/* Within seconds: until then there is something to be told of. */
	for (unsigned i = 0; !closed && clock_monotonic() < until; i++) {
		char text[16];

		snprintf(text, sizeof(text), "next%u", i);
		post(text);
		turn_until_closed();
	}
	ck_assert(closed);
	certs_remove(&certs);
}
END_TEST

/* And is answered nothing, either. */
START_TEST(test_asks_revoked)
{
	int64_t until = clock_monotonic() + WAIT_US;

	start_with_certificates();
	certs_revoke(&certs, CERTS_CLIENT);
	while (!closed && clock_monotonic() < until) {
		ask("as", CI "/latest/content", false);
		turn_until_closed();
	}
	ck_assert(closed);
	certs_remove(&certs);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_observe_dtls");
	TCase *c = suite_case(s, "coap_observe_dtls", ready, over);

	coap_set_log_level(0);
	tcase_add_test(c, test_notified);
	tcase_add_test(c, test_coalesced);
	tcase_add_test(c, test_non);
	tcase_add_test(c, test_reset);
	tcase_add_test(c, test_leaves);
	tcase_add_test(c, test_revoked);
	tcase_add_test(c, test_asks_revoked);
	return core_run(s);
}
