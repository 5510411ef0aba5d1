/* SPDX-License-Identifier: Apache-2.0 */
/* The CoAP server with DTLS: what arrived, and peers that leave. The client is libcoap's. */
#include "config.h"

#include "coap_bed.h"
#include "suite.h"

#include <coap3/coap.h>
#include <dlfcn.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "sec/secret.h"

#define IDENTITY "mc.test"
#define KEY "0123456789abcdef0123456789abcdef"

static struct bed b;
static coap_context_t *context;
static coap_session_t *session;
static unsigned answers; /* that the client got */
static unsigned closed; /* sessions, by the server */
static coap_response_t verdict; /* what it says to them */
/* How many calls of the server fail, as without memory. */
static _Atomic unsigned listens_fail, sessions_fail;

static bool
fails(_Atomic unsigned *count)
{
	unsigned n = atomic_load(count);

	return n > 0 && atomic_compare_exchange_strong(count, &n, n - 1);
}

/* In place of OpenSSL's, for libcoap. */
int
DTLSv1_listen(SSL *tls, BIO_ADDR *client)
{
	int (*real)(SSL *, BIO_ADDR *);

	*(void **)&real = dlsym(RTLD_NEXT, "DTLSv1_listen");
	return fails(&listens_fail) ? -1 : real(tls, client);
}

SSL *
SSL_new(SSL_CTX *ctx)
{
	SSL *(*real)(SSL_CTX *);

	*(void **)&real = dlsym(RTLD_NEXT, "SSL_new");
	return fails(&sessions_fail) ? NULL : real(ctx);
}

static bool
find_key(void *arg, struct slice identity, unsigned tls_version, struct key *out)
{
	(void)arg;
	(void)identity;
	(void)tls_version;
	memcpy(out->v, KEY, sizeof(out->v));
	return true;
}

static coap_response_t
take_answer(coap_session_t *s, const coap_pdu_t *sent, const coap_pdu_t *received,
            const coap_mid_t mid)
{
	(void)s;
	(void)sent;
	(void)mid;
	if (coap_pdu_get_code(received) != COAP_EMPTY_CODE)
		answers++;
	return verdict;
}

static void
join(void)
{
	coap_dtls_cpsk_t psk = { .version = COAP_DTLS_CPSK_SETUP_VERSION,
		                 .psk_info = { .identity = { strlen(IDENTITY),
		                                             (const uint8_t *)IDENTITY },
		                               .key = { strlen(KEY), (const uint8_t *)KEY } } };
	coap_address_t to;

	coap_address_init(&to);
	to.addr.sin.sin_family = AF_INET;
	to.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.addr.sin.sin_port = htons((uint16_t)coapd_port(b.server));
	to.size = sizeof(to.addr.sin);
	context = coap_new_context(NULL);
	ck_assert_ptr_nonnull(context);
	coap_register_response_handler(context, take_answer);
	session = coap_new_client_session_psk2(context, NULL, &to, COAP_PROTO_DTLS, &psk);
	ck_assert_ptr_nonnull(session);
}

static void
leave(void)
{
	coap_session_release(session);
	coap_free_context(context);
	context = NULL;
}

static void
setup(void)
{
	static const struct psk_source source = { .find = find_key };

	bed_init(&b);
	b.conf.security = COAPD_PSK;
	b.conf.psk = &source;
	b.conf.ack_delay_ms = 50;
	bed_run(&b);
	answers = closed = 0;
	verdict = COAP_RESPONSE_OK;
	join();
}

static void
teardown(void)
{
	if (context != NULL)
		leave();
	bed_end(&b);
}

static void
ask(coap_pdu_code_t code, const char *path)
{
	coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, code, session);

	ck_assert_ptr_nonnull(pdu);
	coap_add_token(pdu, 2, (const uint8_t *)"tk");
	coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(path), (const uint8_t *)path);
	ck_assert_int_ne(coap_send(session, pdu), COAP_INVALID_MID);
}

/* Lets the client work until *counter is n. */
static void
await(const _Atomic unsigned *counter, unsigned n)
{
	int64_t until = clock_monotonic() + WAIT_MS * INT64_C(1000);

	while (atomic_load(counter) < n && clock_monotonic() < until)
		coap_io_process(context, 5);
	ck_assert_uint_eq(atomic_load(counter), n);
}

static void
await_answers(unsigned n)
{
	int64_t until = clock_monotonic() + WAIT_MS * INT64_C(1000);

	while (answers < n && clock_monotonic() < until)
		coap_io_process(context, 5);
	ck_assert_uint_eq(answers, n);
}

START_TEST(test_ask)
{
	ask(COAP_REQUEST_CODE_GET, "peer");
	await_answers(1);
	ask(COAP_REQUEST_CODE_POST, "held");
	await(&b.core.made, 2);
	fake_await_held(&b.core, 1);
	fake_release(&b.core);
	await_answers(2);
}
END_TEST

/* libcoap does not tell of acknowledgements that come by DTLS: a ping that follows shows them. */
START_TEST(test_arrived)
{
	for (unsigned i = 1; i < 4; i++) {
		ask(COAP_REQUEST_CODE_POST, "told");
		await(&b.core.arrived, i);
		ck_assert_uint_eq(answers, i);
	}
	ck_assert_uint_eq(atomic_load(&b.core.lost), 0);
}
END_TEST

/* The answer is lost once: the ping must not overtake it. */
START_TEST(test_arrived_late)
{
	ask(COAP_REQUEST_CODE_GET, "echo");
	await_answers(1);
	/* Of the datagrams from now on: request, ACK, answer. */
	ck_assert_int_eq(coap_debug_set_packet_loss("3"), 1);
	ask(COAP_REQUEST_CODE_POST, "told");
	await(&b.core.arrived, 1);
	ck_assert_uint_eq(answers, 2);
	coap_debug_set_packet_loss("0%");
}
END_TEST

START_TEST(test_refused)
{
	verdict = COAP_RESPONSE_FAIL;
	ask(COAP_REQUEST_CODE_POST, "told");
	await(&b.core.lost, 1);
	ck_assert_uint_eq(atomic_load(&b.core.arrived), 0);
}
END_TEST

/* The client says goodbye: its request ends in the core, and nothing is sent. */
START_TEST(test_leaves)
{
	ask(COAP_REQUEST_CODE_POST, "held");
	await(&b.core.made, 1);
	fake_await_held(&b.core, 1);
	leave();
	join();
	ask(COAP_REQUEST_CODE_GET, "echo");
	await_answers(1);
	fake_release(&b.core);
	fake_await_none(&b.core);
	ask(COAP_REQUEST_CODE_GET, "echo");
	await_answers(2);
}
END_TEST

static int
note_close(coap_session_t *s, const coap_event_t event)
{
	(void)s;
	closed += event == COAP_EVENT_DTLS_CLOSED;
	return 0;
}

/* The core wants no more of this connection: it ends after the answer. */
START_TEST(test_closes)
{
	int64_t until = clock_monotonic() + WAIT_MS * INT64_C(1000);

	coap_register_event_handler(context, note_close);
	ask(COAP_REQUEST_CODE_GET, "echo");
	await_answers(1);
	ck_assert_uint_eq(closed, 0);
	ask(COAP_REQUEST_CODE_GET, "secured");
	await_answers(2);
	while (closed == 0 && clock_monotonic() < until)
		coap_io_process(context, 5);
	ck_assert_uint_eq(closed, 1);
}
END_TEST

/* It says goodbye before its answer has arrived. */
START_TEST(test_leaves_unheard)
{
	ask(COAP_REQUEST_CODE_GET, "echo");
	await_answers(1);
	ask(COAP_REQUEST_CODE_POST, "told");
	await(&b.core.made, 2);
	leave();
	fake_await_none(&b.core);
	ck_assert_uint_eq(atomic_load(&b.core.lost), 1);
}
END_TEST

/*
 * libcoap frees the session without a word, when it begins and, after a ClientHello that came to
 * nothing, when that is repeated: it is forgotten, and the next ClientHello begins anew.
 */
START_TEST(test_no_memory)
{
	atomic_store(&listens_fail, (unsigned)_i);
	atomic_store(&sessions_fail, 1);
	ask(COAP_REQUEST_CODE_GET, "echo");
	await_answers(1);
	ck_assert_uint_eq(atomic_load(&listens_fail), 0);
	ck_assert_uint_eq(atomic_load(&sessions_fail), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_server_dtls");
	TCase *tc = suite_case(s, "dtls", setup, teardown);

	coap_set_log_level(0);
	tcase_add_test(tc, test_ask);
	tcase_add_test(tc, test_arrived);
	tcase_add_test(tc, test_arrived_late);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_closes);
	tcase_add_test(tc, test_leaves);
	tcase_add_test(tc, test_leaves_unheard);
	tc = suite_case(s, "memory", setup, teardown);
	tcase_add_loop_test(tc, test_no_memory, 0, 2);
	return run_suite(s);
}
