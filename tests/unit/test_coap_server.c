/* SPDX-License-Identifier: Apache-2.0 */
/* The CoAP server in front of a core that is faked: messages, duplicates, limits, the end. */
#include "config.h"

#include "coap_bed.h"
#include "suite.h"

#include <stdio.h>
#include <time.h>

static struct bed b;
static struct client c;

static void
setup(void)
{
	bed_init(&b);
	b.conf.ack_delay_ms = 100;
	bed_run(&b);
	client_proved(&c, &b);
	atomic_store(&b.core.made, 0);
}

static void
teardown(void)
{
	client_close(&c);
	bed_end(&b);
}

static void
ask(struct client *who, enum msg_type type, unsigned code, unsigned mid, const char *path,
    const char *body)
{
	struct msg m;

	msg_begin(&m, type, code, mid, "tokn");
	msg_path(&m, path);
	if (body != NULL)
		msg_payload(&m, body, strlen(body));
	client_send(who, &m);
}

static void
check_body(const struct got *g, const char *begin)
{
	ck_assert_msg(slice_starts(g->payload, slice_of(begin)), "%.*s", (int)g->payload.n,
	              g->payload.p);
}

/* Until n requests were made; for those without an answer. */
static void
await_made(unsigned n)
{
	const struct timespec step = { .tv_nsec = 1000000 };

	for (int i = 0; i < WAIT_MS && atomic_load(&b.core.made) < n; i++)
		nanosleep(&step, NULL);
	ck_assert_uint_eq(atomic_load(&b.core.made), n);
}

/* ---- answers ---- */

START_TEST(test_piggy_back)
{
	struct got g;

	client_ask(&c, GET, "/echo/x", &g);
	ck_assert_uint_eq(g.code, 205);
	ck_assert_str_eq(g.token, "tokn");
	ck_assert_int_eq(got_uint(&g, OPT_FORMAT), 41);
	check_body(&g, "RETRIEVE /echo/x from= n=0");
	ask(&c, CON, POST, ++c.mid, "/later", "hello");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, ACK);
	ck_assert_uint_eq(g.mid, c.mid);
	ck_assert_uint_eq(g.code, 204);
	check_body(&g, "CREATE /later from= n=5");
	client_expect_silence(&c);
}
END_TEST

START_TEST(test_created)
{
	struct got g;

	client_ask(&c, POST, "/made", &g);
	ck_assert_uint_eq(g.code, 201);
	ck_assert_int_eq((int)got_option(&g, OPT_ETAG).n, 8);
	ck_assert(slice_is(got_option(&g, 8), "m2m"));
}
END_TEST

START_TEST(test_separate)
{
	struct got g;

	ask(&c, CON, POST, 7, "/held", "x");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, ACK);
	ck_assert_uint_eq(g.code, 0);
	ck_assert_uint_eq(g.mid, 7);
	fake_release(&b.core);
	client_get(&c, &g);
	ck_assert_int_eq(g.type, CON);
	ck_assert_uint_eq(g.code, 204);
	ck_assert_str_eq(g.token, "tokn");
	client_empty(&c, ACK, g.mid);
	client_expect_silence(&c);
}
END_TEST

START_TEST(test_non)
{
	struct got g;

	ask(&c, NON, POST, 7, "/later", "x");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, NON);
	ck_assert_uint_eq(g.code, 204);
	ck_assert_str_eq(g.token, "tokn");
	client_expect_silence(&c);
}
END_TEST

START_TEST(test_refused)
{
	struct got g;

	client_ask(&c, GET, "/stranger", &g);
	ck_assert_uint_eq(g.code, 401);
	check_body(&g, "<errorInfo>who are you");
	client_ask(&c, 5, "/echo", &g);
	check_body(&g, "OTHER /echo");
}
END_TEST

/* RFC 7967: success is not wanted, errors are. */
START_TEST(test_no_response)
{
	struct got g;
	struct msg m;

	for (unsigned i = 0; i < 2; i++) {
		msg_begin(&m, i == 0 ? CON : NON, POST, 20 + i, "tokn");
		msg_path(&m, "/later");
		msg_uint(&m, OPT_NO_RESPONSE, 2);
		client_send(&c, &m);
		if (i == 0) {
			client_get(&c, &g);
			ck_assert_int_eq(g.type, ACK);
			ck_assert_uint_eq(g.code, 0);
		}
		client_expect_silence(&c);
	}
	msg_begin(&m, CON, POST, 30, "tokn");
	msg_path(&m, "/stranger");
	msg_uint(&m, OPT_NO_RESPONSE, 2);
	client_send(&c, &m);
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 401);
}
END_TEST

/* What is for another host is acknowledged at once. */
START_TEST(test_proxy)
{
	static const char uri[] = "http://gw.example.org/m2m?a=b";
	struct got g;
	struct msg m;

	msg_begin(&m, CON, GET, 40, "tokn");
	msg_option(&m, OPT_PROXY_URI, uri, strlen(uri));
	client_send(&c, &m);
	client_get(&c, &g);
	ck_assert_int_eq(g.type, ACK);
	ck_assert_uint_eq(g.code, 0);
	client_get(&c, &g);
	ck_assert_int_eq(g.type, CON);
	check_body(&g, "RETRIEVE http://gw.example.org/m2m?a=b from=");
	client_empty(&c, ACK, g.mid);
}
END_TEST

START_TEST(test_arrived)
{
	struct got g;

	ask(&c, CON, POST, 7, "/told", "x");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, ACK);
	ck_assert_uint_eq(g.code, 0);
	client_get(&c, &g);
	ck_assert_int_eq(g.type, CON);
	ck_assert_uint_eq(atomic_load(&b.core.arrived), 0);
	client_empty(&c, ACK, g.mid);
	fake_await_none(&b.core);
	ck_assert_uint_eq(atomic_load(&b.core.arrived), 1);
	ask(&c, NON, POST, 8, "/told", "x");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, CON);
	client_empty(&c, RST, g.mid);
	fake_await_none(&b.core);
	ck_assert_uint_eq(atomic_load(&b.core.arrived), 1);
	ck_assert_uint_eq(atomic_load(&b.core.lost), 1);
}
END_TEST

/* Who has paid for no repetition gets a NON, of which nobody knows; then he proves his address. */
START_TEST(test_arrived_unproved)
{
	struct client stranger;
	struct got g;

	client_open(&stranger, &b);
	ask(&stranger, NON, POST, 7, "/told", NULL);
	await_made(1);
	fake_await_none(&b.core);
	ck_assert_uint_eq(atomic_load(&b.core.lost), 1);
	while (client_read(&stranger, &g, SILENCE_MS)) {
		if (g.type == CON && g.code == 0)
			client_empty(&stranger, RST, g.mid);
		else
			ck_assert_int_eq(g.type, NON);
	}
	ask(&stranger, NON, POST, 8, "/told", NULL);
	client_get(&stranger, &g);
	ck_assert_int_eq(g.type, CON);
	ck_assert_uint_eq(g.code, 204);
	client_empty(&stranger, ACK, g.mid);
	fake_await_none(&b.core);
	ck_assert_uint_eq(atomic_load(&b.core.arrived), 1);
	client_close(&stranger);
}
END_TEST

/* ---- duplicates ---- */

START_TEST(test_duplicate_answered)
{
	struct got g, again;

	ask(&c, CON, POST, 7, "/made", "x");
	client_get(&c, &g);
	for (int i = 0; i < 3; i++) {
		ask(&c, CON, POST, 7, "/made", "x");
		client_get(&c, &again);
		ck_assert_uint_eq(g.n, again.n);
		ck_assert_mem_eq(g.octets, again.octets, g.n);
	}
	ck_assert_uint_eq(atomic_load(&b.core.made), 1);
	/* The same ID for something else: the client has begun anew. */
	ask(&c, CON, POST, 7, "/made", "y");
	client_get(&c, &again);
	ck_assert_uint_eq(atomic_load(&b.core.made), 2);
}
END_TEST

START_TEST(test_duplicate_under_way)
{
	struct got g;

	ask(&c, CON, POST, 7, "/held", "x");
	fake_await_held(&b.core, 1);
	ask(&c, CON, POST, 7, "/held", "x");
	/* One ACK, when it is due; another one for each repetition after it. */
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 0);
	client_expect_silence(&c);
	ask(&c, CON, POST, 7, "/held", "x");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, ACK);
	ck_assert_uint_eq(g.code, 0);
	fake_release(&b.core);
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 204);
	client_empty(&c, ACK, g.mid);
	/* libcoap repeats the answer itself, when it is lost. */
	ask(&c, CON, POST, 7, "/held", "x");
	client_get(&c, &g);
	ck_assert_int_eq(g.type, ACK);
	ck_assert_uint_eq(g.code, 0);
	ck_assert_uint_eq(atomic_load(&b.core.made), 1);
}
END_TEST

START_TEST(test_duplicate_non)
{
	struct got g;

	ask(&c, NON, DELETE, 7, "/later", NULL);
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 202);
	ask(&c, NON, DELETE, 7, "/later", NULL);
	client_expect_silence(&c);
	ck_assert_uint_eq(atomic_load(&b.core.made), 1);
}
END_TEST

/* What was carried out is not tried again, however it ended (RFC 7252 section 4.5). */
START_TEST(test_duplicate_failed)
{
	struct got g;

	for (int i = 0; i < 2; i++) {
		ask(&c, CON, POST, 7, "/failed", "x");
		client_get(&c, &g);
		ck_assert_uint_eq(g.code, 504);
	}
	ck_assert_uint_eq(atomic_load(&b.core.made), 1);
}
END_TEST

/* What only reads, and what was refused at once, may be executed again. */
START_TEST(test_duplicate_read)
{
	struct got g;

	for (unsigned i = 1; i < 3; i++) {
		ask(&c, CON, GET, 7, "/echo", NULL);
		client_get(&c, &g);
		ck_assert_uint_eq(g.code, 205);
		ck_assert_uint_eq(atomic_load(&b.core.made), i);
	}
	for (unsigned i = 3; i < 5; i++) {
		ask(&c, CON, POST, 8, "/stranger", NULL);
		client_get(&c, &g);
		ck_assert_uint_eq(atomic_load(&b.core.made), i);
	}
}
END_TEST

/* IDs are those of one peer. */
START_TEST(test_same_id_of_two)
{
	struct client other;
	struct got g;

	client_proved(&other, &b);
	atomic_store(&b.core.made, 0);
	ask(&c, CON, POST, 7, "/made", "x");
	client_get(&c, &g);
	ask(&other, CON, POST, 7, "/made", "x");
	client_get(&other, &g);
	ck_assert_uint_eq(atomic_load(&b.core.made), 2);
	client_close(&other);
}
END_TEST

/* ---- malformed ---- */

static void
send_octets(const char *octets, size_t n)
{
	struct msg m = { .n = n };

	memcpy(m.octets, octets, n);
	client_send(&c, &m);
}

/* Nothing of it reaches the core, and the next request is served. */
START_TEST(test_malformed)
{
	static const struct {
		const char *octets;
		size_t n;
		int type; /* of the answer, -1: none; RST may be left out for all but the empty CON */
	} rows[] = {
		{ "\x40", 1, -1 },
		{ "\x40\x01\x00", 3, -1 },
		{ "\x00\x01\x12\x34", 4, -1 }, /* version 0 */
		{ "\x80\x01\x12\x34", 4, -1 }, /* version 2 */
		{ "\x49\x01\x12\x34", 4, RST }, /* token of 9 */
		{ "\x44\x01\x12\x34\x01", 5, RST }, /* token cut off */
		{ "\x40\x01\x12\x34\xf0", 5, RST }, /* option 15 */
		{ "\x40\x01\x12\x34\xff", 5, RST }, /* payload of nothing */
		{ "\x60\x01\x12\x34", 4, -1 }, /* request in an ACK */
		{ "\x70\x01\x12\x34", 4, -1 }, /* in a RST */
		{ "\x60\x45\x12\x34", 4, -1 }, /* answer to nothing */
		{ "\x40\x45\x12\x34", 4, RST }, /* the same to be acknowledged */
		{ "\x40\x00\x12\x34", 4, RST }, /* ping */
	};
	struct got g;

	for (size_t i = 0; i < NITEMS(rows); i++) {
		send_octets(rows[i].octets, rows[i].n);
		if (client_read(&c, &g, SILENCE_MS)) {
			ck_assert_msg(rows[i].type == RST && g.type == RST, "row %zu", i);
			ck_assert_uint_eq(g.code, 0);
		} else {
			ck_assert_msg(i + 1 < NITEMS(rows), "no answer to a ping");
		}
	}
	ck_assert_uint_eq(atomic_load(&b.core.made), 0);
	client_ask(&c, GET, "/echo", &g);
	ck_assert_uint_eq(g.code, 205);
}
END_TEST

START_TEST(test_critical)
{
	struct got g;
	struct msg m;

	msg_begin(&m, CON, GET, 50, "tokn");
	msg_path(&m, "/echo");
	msg_option(&m, 2049, "x", 1);
	client_send(&c, &m);
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 402);
	msg_begin(&m, CON, GET, 51, "tokn");
	msg_path(&m, "/echo");
	msg_option(&m, 2050, "x", 1);
	client_send(&c, &m);
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 205);
}
END_TEST

/* ---- limits ---- */

START_TEST(test_requests_of_one)
{
	unsigned max = b.conf.max_requests_per_session == 0 ? 16 : b.conf.max_requests_per_session;
	struct client other;
	struct got g;

	for (unsigned i = 0; i < max; i++)
		ask(&c, NON, POST, 100 + i, "/held", "x");
	fake_await_held(&b.core, max);
	ask(&c, CON, POST, 200, "/echo", "x");
	client_get(&c, &g);
	ck_assert_uint_eq(g.mid, 200);
	ck_assert_uint_eq(g.code, 503);
	ck_assert_int_gt(got_uint(&g, OPT_MAX_AGE), 0);
	client_proved(&other, &b);
	client_ask(&other, POST, "/echo", &g);
	ck_assert_uint_eq(g.code, 204);
	client_close(&other);
	fake_release(&b.core);
	for (unsigned i = 0; i < max; i++)
		client_get(&c, &g);
	client_ask(&c, POST, "/echo", &g);
	ck_assert_uint_eq(g.code, 204);
}
END_TEST

/* Separate answers that nobody acknowledges are no more than requests may be under way. */
START_TEST(test_unacknowledged)
{
	static const char uri[] = "http://gw.example.org/m2m";
	unsigned mids[24], n = 0, refused = 0;
	struct got g;

	for (unsigned i = 0; i < NITEMS(mids); i++) {
		struct msg m;

		msg_begin(&m, CON, GET, 1000 + i, "tokn");
		msg_option(&m, OPT_PROXY_URI, uri, strlen(uri));
		client_send(&c, &m);
		client_get(&c, &g);
		ck_assert_int_eq(g.type, ACK);
		client_get(&c, &g);
		if (g.type == CON)
			mids[n++] = g.mid;
		else
			refused += g.code == 503;
	}
	ck_assert_uint_eq(n, 16);
	ck_assert_uint_eq(refused, NITEMS(mids) - n);
	ck_assert_uint_eq(atomic_load(&b.core.live), 0);
	for (unsigned i = 0; i < n; i++)
		client_empty(&c, ACK, mids[i]);
	client_ask(&c, GET, "/echo", &g);
	ck_assert_uint_eq(g.code, 205);
}
END_TEST

START_TEST(test_core_full)
{
	struct got g;

	b.core.max_live = 1;
	ask(&c, NON, POST, 100, "/held", "x");
	fake_await_held(&b.core, 1);
	client_ask(&c, GET, "/echo", &g);
	ck_assert_uint_eq(g.code, 503);
	fake_release(&b.core);
	client_get(&c, &g);
}
END_TEST

/* Of one address there may be so many: each newcomer is served, as is who had to go for it. */
START_TEST(test_many_peers)
{
	static struct client many[400];
	struct got g;

	for (size_t i = 0; i < NITEMS(many); i++) {
		client_open(&many[i], &b);
		ask(&many[i], CON, GET, 1, "/gone", NULL);
	}
	for (size_t i = 0; i < NITEMS(many); i++) {
		client_get(&many[i], &g);
		ck_assert_uint_eq(g.code / 100, 2);
	}
	/* Of these libcoap still has the sessions of some that we have no more. */
	for (size_t i = 160; i-- > 130;) {
		client_ask(&many[i], GET, "/gone", &g);
		ck_assert_uint_eq(g.code / 100, 2);
	}
	for (size_t i = 0; i < NITEMS(many); i++)
		client_close(&many[i]);
	client_ask(&c, GET, "/echo", &g);
	ck_assert_uint_eq(g.code, 205);
}
END_TEST

/* Who has not proved his address gets at most three times what he has sent (RFC 9175). */
START_TEST(test_unproved)
{
	struct client stranger;
	struct got g;

	client_open(&stranger, &b);
	for (unsigned i = 0; i < 5; i++) {
		ask(&stranger, CON, GET, 60 + i, "/big/5000", NULL);
		while (client_read(&stranger, &g, SILENCE_MS))
			ck_assert_uint_le(stranger.received, 3 * stranger.sent);
	}
	ck_assert_uint_gt(stranger.echo_n, 0);
	client_close(&stranger);
}
END_TEST

/* The acknowledgement that libcoap sends for a proxy is of what is paid for, too. */
START_TEST(test_proxy_unproved)
{
	static const char uri[] = "http://gw.example.org/m2m/a/path/that/is/long";
	struct got g;
	struct msg m;

	/* Of some length it shows. */
	for (size_t n = 8; n < strlen(uri); n++) {
		struct client stranger;

		client_open(&stranger, &b);
		msg_begin(&m, CON, GET, 40, "tokn");
		msg_option(&m, OPT_PROXY_URI, uri, n);
		client_send(&stranger, &m);
		while (client_read(&stranger, &g, 20))
			ck_assert_uint_le(stranger.received, 3 * stranger.sent);
		client_close(&stranger);
	}
}
END_TEST

/* ---- the end ---- */

START_TEST(test_quiesced)
{
	struct got g;

	ask(&c, CON, POST, 7, "/held", "x");
	fake_await_held(&b.core, 1);
	coapd_quiesce(b.server);
	ask(&c, CON, GET, 8, "/echo", NULL);
	do
		client_get(&c, &g);
	while (g.mid != 8);
	ck_assert_uint_eq(g.code, 503);
	fake_release(&b.core);
	do
		client_get(&c, &g);
	while (g.code == 0);
	ck_assert_uint_eq(g.code, 204);
	if (g.type == CON)
		client_empty(&c, ACK, g.mid);
}
END_TEST

static void *
stop(void *arg)
{
	coapd_stop(((struct bed *)arg)->server);
	return NULL;
}

/* The answer of what is under way is still sent. */
START_TEST(test_stop_under_way)
{
	pthread_t thread;
	struct got g;

	ask(&c, CON, POST, 7, "/held", "x");
	client_get(&c, &g);
	ck_assert_uint_eq(g.code, 0);
	pthread_create(&thread, NULL, stop, &b);
	client_expect_silence(&c);
	fake_release(&b.core);
	client_get(&c, &g);
	ck_assert_int_eq(g.type, CON);
	ck_assert_uint_eq(g.code, 204);
	client_empty(&c, ACK, g.mid);
	pthread_join(thread, NULL);
	b.server = NULL;
}
END_TEST

/* Nobody acknowledges: the end does not wait for ever, and the request is freed. */
START_TEST(test_stop_unheard)
{
	struct got g;

	ask(&c, CON, POST, 7, "/told", "x");
	client_get(&c, &g);
	client_get(&c, &g);
	ck_assert_int_eq(g.type, CON);
	coapd_stop(b.server);
	b.server = NULL;
	ck_assert_uint_eq(atomic_load(&b.core.lost), 1);
}
END_TEST

START_TEST(test_refused_start)
{
	struct coapd_conf conf = { .scl = &b.core,
		                   .address = "127.0.0.1",
		                   .port = coapd_port(b.server) };
	char why[COAPD_WHY_MAX] = "";
	struct coapd *second = NULL;

	ck_assert_int_ne(coapd_start(&conf, &second, why), RC_OK);
	ck_assert_str_ne(why, "");
	conf.address = "nowhere";
	ck_assert_int_ne(coapd_start(&conf, &second, why), RC_OK);
	conf.address = "";
	ck_assert_int_ne(coapd_start(&conf, &second, why), RC_OK);
	ck_assert_ptr_null(second);
	await_made(0);
}
END_TEST

int
main(void)
{
	const TTest *const answers[] = { test_piggy_back, test_created, test_separate,
		                         test_non,        test_refused, test_no_response,
		                         test_proxy,      test_arrived, test_arrived_unproved };
	const TTest *const others[] = { test_duplicate_answered, test_duplicate_under_way,
		                        test_duplicate_non,      test_duplicate_failed,
		                        test_duplicate_read,
		                        test_same_id_of_two,     test_malformed,
		                        test_critical,           test_requests_of_one,
		                        test_core_full,          test_many_peers,
		                        test_unproved,           test_quiesced,
		                        test_stop_under_way,     test_stop_unheard,
		                        test_refused_start,      test_unacknowledged,
		                        test_proxy_unproved };
	Suite *s = suite_create("coap_server");
	TCase *first = suite_case(s, "answers", setup, teardown);
	TCase *second = suite_case(s, "others", setup, teardown);

	for (size_t i = 0; i < NITEMS(answers); i++)
		tcase_add_test(first, answers[i]);
	for (size_t i = 0; i < NITEMS(others); i++)
		tcase_add_test(second, others[i]);
	return run_suite(s);
}
