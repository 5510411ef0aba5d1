/* SPDX-License-Identifier: Apache-2.0 */
/* port_coap without DTLS: messages, blocks, names, limits. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "coap_out_bed.h"

static struct coap_peer peer;
static struct port *port;

static void
set_up(void)
{
	coap_peer_start(&peer, NULL);
	port = coap_port_open(2000, 4, 2000);
}

static void
tear_down(void)
{
	port_coap.close(port);
	coap_peer_stop(&peer);
}

static void
get(struct coap_errand *e, const char *path)
{
	errand_get(e, peer.port, path);
	coap_run(port, e);
}

static void
expect_failure(const struct coap_errand *e, enum rc rc, bool unsent, const char *words)
{
	ck_assert_msg(e->ex.rc == rc, "%s: %d %s", e->url, (int)e->ex.rc, e->ex.failure);
	ck_assert_int_eq(e->ex.http_status, 0);
	ck_assert_int_eq(e->ex.unsent, unsent);
	ck_assert_uint_eq(e->ex.answer.n, 0);
	ck_assert_msg(strstr(e->ex.failure, words) != NULL, "%s", e->ex.failure);
}

START_TEST(test_answers)
{
	static const char *const paths[] = { "ok?a=b", "garbage", "echo", "mixed" };
	char location[64];
	struct coap_errand e;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(&e, paths[i]);
		expect_ok(&e);
		errand_fini(&e);
	}
	get(&e, "created");
	ck_assert_int_eq(e.ex.http_status, 201);
	snprintf(location, sizeof(location), "coap://127.0.0.1:%u/m2m/a%%20b", peer.port);
	ck_assert(slice_is(exchange_answer_header(&e.ex, "location"), location));
	errand_fini(&e);
	get(&e, "busy");
	ck_assert_int_eq(e.ex.http_status, 503);
	ck_assert(slice_is(exchange_answer_header(&e.ex, "retry-after"), "7"));
	errand_fini(&e);
	/* All on one socket. */
	ck_assert_uint_eq(atomic_load(&peer.n_sources), 1);
	/* And one that is sent again by done. */
	errand_get(&e, peer.port, "ok");
	e.again = port;
	port_coap.send(port, &e.ex);
	while (e.done < 2)
		port_turn(&port_coap, port, 1000);
	expect_ok(&e);
	errand_fini(&e);
}
END_TEST

START_TEST(test_request)
{
	struct coap_errand e;

	errand_to(&e, "coap", "127.0.0.1", peer.port, "POST", "ok/x%2Fy?n=1&m=%26");
	exchange_add_header(&e.ex, SLICE_LIT("From"), SLICE_LIT("http://a.example/b"));
	exchange_add_header(&e.ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/json"));
	e.ex.body = SLICE_LIT("{}");
	coap_run(port, &e);
	expect_ok(&e);
	pthread_mutex_lock(&peer.lock);
	ck_assert_msg(strncmp(peer.last,
	                      "2 11:ok 11:x/y 12:2 15:n=1 15:m=& "
	                      "15:RequestingEntity=http://a.example/b 292:",
	                      71) == 0,
	              "%s", peer.last);
	pthread_mutex_unlock(&peer.lock);
	errand_fini(&e);
	/* What CoAP cannot say is not sent. */
	errand_to(&e, "coap", "127.0.0.1", peer.port, "POST", "ok");
	exchange_add_header(&e.ex, SLICE_LIT("Content-Type"), SLICE_LIT("image/png"));
	e.ex.body = SLICE_LIT("{}");
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, true, "Content-Format");
	errand_fini(&e);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 1);
}
END_TEST

START_TEST(test_separate)
{
	struct coap_errand e;

	get(&e, "separate");
	ck_assert_int_eq(e.ex.http_status, 202);
	errand_fini(&e);
	get(&e, "early");
	ck_assert_int_eq(e.ex.http_status, 202);
	errand_fini(&e);
	/* The acknowledgement was lost: the response that comes again has another. */
	get(&e, "again");
	ck_assert_int_eq(e.ex.http_status, 202);
	ck_assert_uint_eq(e.done, 1);
	coap_turn_ms(port, 1000);
	ck_assert_uint_ge(atomic_load(&peer.n_acks), 4);
	ck_assert_uint_eq(atomic_load(&peer.n_resets), 0);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 3);
	errand_fini(&e);
	/* What may not be ignored is rejected. */
	get(&e, "critical");
	expect_failure(&e, RC_BAD_GATEWAY, false, "critical");
	coap_turn_ms(port, 200);
	ck_assert_uint_eq(atomic_load(&peer.n_resets), 1);
	errand_fini(&e);
}
END_TEST

START_TEST(test_no_answer)
{
	struct coap_errand e;
	int64_t begin = clock_monotonic();

	get(&e, "rst");
	expect_failure(&e, RC_BAD_GATEWAY, false, "rejected");
	errand_fini(&e);
	errand_get(&e, peer.port, "silent");
	e.ex.timeout_ms = 300;
	coap_run(port, &e);
	expect_failure(&e, RC_GATEWAY_TIMEOUT, false, "in time");
	errand_fini(&e);
	/* Acknowledged: it is not sent again. */
	errand_get(&e, peer.port, "slow");
	e.ex.timeout_ms = 4000;
	begin = clock_monotonic();
	coap_run(port, &e);
	expect_failure(&e, RC_GATEWAY_TIMEOUT, false, "in time");
	ck_assert_int_ge(clock_monotonic() - begin, 4 * CLOCK_SECOND - 2000);
	ck_assert_uint_eq(atomic_load(&peer.n_most), 1);
	errand_fini(&e);
}
END_TEST

/* A late answer to what is over is rejected, and disturbs nobody. */
START_TEST(test_refused)
{
	struct coap_errand e;
	unsigned number = peer.port;

	coap_peer_stop(&peer);
	errand_get(&e, number, "ok");
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, true, "refused");
	errand_fini(&e);
	errand_to(&e, "coap", "no-such-name.invalid", number, "GET", "ok");
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, true, "not known");
	errand_fini(&e);
	errand_to(&e, "coap", "127.0.0.1", number, "BREW", "ok");
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, true, "method");
	errand_fini(&e);
	coap_peer_start(&peer, NULL);
}
END_TEST

/* The peer is gone after it has answered: what was sent may have come to it before. */
START_TEST(test_gone)
{
	struct coap_errand e, es[3];
	unsigned number = peer.port;

	get(&e, "ok");
	expect_ok(&e);
	errand_fini(&e);
	coap_peer_stop(&peer);
	for (unsigned i = 0; i < 3; i++) {
		errand_get(&es[i], number, "ok");
		port_coap.send(port, &es[i].ex);
	}
	/* Which of them was refused nobody knows. */
	for (unsigned i = 0; i < 3; i++) {
		coap_await(port, &es[i]);
		expect_failure(&es[i], RC_BAD_GATEWAY, false, "refused");
		errand_fini(&es[i]);
	}
	coap_peer_start(&peer, NULL);
	get(&e, "ok");
	expect_ok(&e);
	errand_fini(&e);
}
END_TEST

/* Turns the port until the server, this test, has its datagram. */
static void
serve_one(int fd, unsigned char *message, size_t size, struct sockaddr_in *from)
{
	int64_t until = clock_monotonic() + 10 * CLOCK_SECOND;
	socklen_t n = sizeof(*from);
	ssize_t got = -1;

	while (got < 0 && clock_monotonic() < until) {
		port_turn(&port_coap, port, 20);
		got = recvfrom(fd, message, size, MSG_DONTWAIT, (struct sockaddr *)from, &n);
	}
	ck_assert_int_ge(got, 4);
}

/* The peer has the request, and is gone before what it asks is answered: that alone is refused. */
START_TEST(test_gone_after_request)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const unsigned char ping[] = { 0x40, 0, 0x12, 0x34 };
	unsigned char message[1500];
	struct coap_errand e;

	for (unsigned acknowledges = 0; acknowledges < 2; acknowledges++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in at = own, from;
		socklen_t n = sizeof(at);

		ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
		ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
		errand_to(&e, "coap", "127.0.0.1", ntohs(at.sin_port), "POST", "ok");
		port_coap.send(port, &e.ex);
		serve_one(fd, message, sizeof(message), &from);
		message[0] = 0x60;
		message[1] = 0;
		if (acknowledges)
			sendto(fd, message, 4, 0, (struct sockaddr *)&from, sizeof(from));
		sendto(fd, ping, sizeof(ping), 0, (struct sockaddr *)&from, sizeof(from));
		close(fd);
		coap_await(port, &e);
		expect_failure(&e, RC_BAD_GATEWAY, false, "refused");
		errand_fini(&e);
	}
}
END_TEST

START_TEST(test_loss)
{
	struct coap_peer_conf conf = { .drop = 2 };
	struct coap_peer lossy;
	struct coap_errand e;
	int64_t begin = clock_monotonic();

	coap_peer_start(&lossy, &conf);
	errand_get(&e, lossy.port, "ok");
	coap_run(port, &e);
	expect_ok(&e);
	/* 2 to 3 seconds, then twice as long (RFC 7252 section 4.2). */
	ck_assert_int_ge(clock_monotonic() - begin, 6 * CLOCK_SECOND - 10000);
	ck_assert_uint_eq(atomic_load(&lossy.n_datagrams), 3);
	errand_fini(&e);
	coap_peer_stop(&lossy);
}
END_TEST

START_TEST(test_blocks_in)
{
	struct coap_errand e;

	get(&e, "big");
	ck_assert_msg(e.ex.rc == RC_OK, "%s", e.ex.failure);
	ck_assert_uint_eq(e.ex.answer.n, COAP_PEER_BIG);
	for (size_t i = 0; i < COAP_PEER_BIG; i++)
		ck_assert_uint_eq((unsigned char)e.ex.answer.p[i], coap_peer_octet(i));
	errand_fini(&e);
	/* Another representation in the middle: it begins again. */
	get(&e, "changing");
	ck_assert_msg(e.ex.rc == RC_OK, "%s", e.ex.failure);
	ck_assert_uint_eq(e.ex.answer.n, COAP_PEER_BIG);
	errand_fini(&e);
	errand_get(&e, peer.port, "big");
	e.ex.answer_max = COAP_PEER_BIG - 1;
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, false, "too large");
	errand_fini(&e);
}
END_TEST

START_TEST(test_blocks_out)
{
	static const struct {
		const char *path;
		size_t n;
		unsigned blocks;
	} rows[] = {
		{ "put", 0, 1 },      { "put", 512, 1 },   { "put", 1025, 2 },
		{ "put", 5000, 17 },  { "small", 100, 4 }, { "small", 5000, 157 },
		{ "lossy", 5000, 5 },
	};
	unsigned char body[5000];
	struct coap_errand e;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = coap_peer_octet(i);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		errand_to(&e, "coap", "127.0.0.1", peer.port, "PUT", rows[i].path);
		exchange_add_header(&e.ex, SLICE_LIT("Content-Type"), SLICE_LIT("application/xml"));
		e.ex.body = slice_make((const char *)body, rows[i].n);
		coap_run(port, &e);
		ck_assert_msg(e.ex.rc == RC_OK, "%s %zu: %s", rows[i].path, rows[i].n,
		              e.ex.failure);
		ck_assert_int_eq(e.ex.http_status, 204);
		pthread_mutex_lock(&peer.lock);
		ck_assert_uint_eq(peer.n_body, rows[i].n);
		ck_assert_int_eq(memcmp(peer.body, body, rows[i].n), 0);
		ck_assert_msg(peer.blocks == rows[i].blocks, "%s %zu: %u", rows[i].path, rows[i].n,
		              peer.blocks);
		pthread_mutex_unlock(&peer.lock);
		errand_fini(&e);
	}
}
END_TEST

/* Options that leave less room: smaller blocks, so that a message stays what every server takes. */
START_TEST(test_long_options)
{
	char path[256] = "put/", body[3000];
	struct coap_errand e;

	memset(path + 4, 'x', 200);
	memset(body, 'b', sizeof(body));
	errand_to(&e, "coap", "127.0.0.1", peer.port, "PUT", path);
	e.ex.body = slice_make(body, sizeof(body));
	exchange_add_header(&e.ex, SLICE_LIT("Content-Type"), SLICE_LIT("text/plain"));
	coap_run(port, &e);
	ck_assert_msg(e.ex.rc == RC_OK, "%s", e.ex.failure);
	pthread_mutex_lock(&peer.lock);
	ck_assert_uint_eq(peer.n_body, sizeof(body));
	/* One of 512, and what the server then asks for, 256. */
	ck_assert_uint_eq(peer.blocks, 11);
	pthread_mutex_unlock(&peer.lock);
	errand_fini(&e);
}
END_TEST

START_TEST(test_name)
{
	struct coap_errand e;

	/* ::1 may come first: then nobody is there. */
	errand_to(&e, "coap", "LocalHost", peer.port, "GET", "ok");
	coap_run(port, &e);
	expect_ok(&e);
	pthread_mutex_lock(&peer.lock);
	ck_assert_str_eq(peer.last, "1 3:localhost 11:ok");
	pthread_mutex_unlock(&peer.lock);
	errand_fini(&e);
	/* Nobody is at the first of two addresses. */
	errand_to(&e, "coap", "two.example", peer.port, "GET", "ok");
	coap_run(port, &e);
	expect_ok(&e);
	errand_fini(&e);
}
END_TEST

/* A name that nobody resolves holds up nobody else, not even the end of the port. */
START_TEST(test_slow_name)
{
	struct port *p = coap_port_open(20, 4, 2000);
	struct coap_errand slow[4], e;

	atomic_store(&names_held, true);
	for (unsigned i = 0; i < 4; i++) {
		errand_to(&slow[i], "coap", "slow.example", peer.port + (i == 3), "GET", "ok");
		slow[i].ex.timeout_ms = i == 1 ? 300 : 30000;
		port_coap.send(i == 3 ? p : port, &slow[i].ex);
	}
	port_coap.poll(p);
	get(&e, "ok");
	expect_ok(&e);
	errand_fini(&e);
	coap_await(port, &slow[1]);
	expect_failure(&slow[1], RC_GATEWAY_TIMEOUT, true, "not resolved in time");
	ck_assert_uint_eq(slow[0].done + slow[2].done, 0);
	while (atomic_load(&n_names_held) < 2)
		coap_turn_ms(port, 10);
	port_coap.close(p);
	ck_assert_int_eq(slow[3].ex.rc, RC_UNAVAILABLE);
	atomic_store(&names_held, false);
	coap_await(port, &slow[0]);
	coap_await(port, &slow[2]);
	expect_ok(&slow[0]);
	expect_ok(&slow[2]);
	for (unsigned i = 0; i < 4; i++)
		errand_fini(&slow[i]);
	/* One look-up each. */
	ck_assert_uint_eq(atomic_load(&n_names_held), 2);
}
END_TEST

/* More than may be under way: they wait their turn, and those beyond the port's limit fail. */
START_TEST(test_limits)
{
	enum { N = 20, FULL = 3 };
	struct port *p = coap_port_open(N, 4, 2000);
	struct coap_errand es[N + FULL];

	errand_get(&es[0], peer.port, "ok");
	coap_run(p, &es[0]);
	errand_fini(&es[0]);
	for (unsigned i = 0; i < N + FULL; i++) {
		errand_get(&es[i], peer.port, "slow");
		es[i].ex.timeout_ms = i < 4 ? 2500 : 1500;
		port_coap.send(p, &es[i].ex);
	}
	coap_turn_ms(p, 1000);
	ck_assert_uint_eq(atomic_load(&peer.n_most), 4);
	for (unsigned i = 0; i < N + FULL; i++) {
		coap_await(p, &es[i]);
		ck_assert_int_eq(es[i].ex.rc, i < N ? RC_GATEWAY_TIMEOUT : RC_UNAVAILABLE);
		ck_assert_int_eq(es[i].ex.unsent, i >= 4);
		errand_fini(&es[i]);
	}
	port_coap.close(p);
}
END_TEST

/* Until the peer was heard, one message asks whether it is there. */
START_TEST(test_first)
{
	struct coap_errand es[4];

	atomic_store(&peer.deaf, true);
	for (unsigned i = 0; i < 4; i++) {
		errand_get(&es[i], peer.port, "ok");
		es[i].ex.timeout_ms = i == 0 ? 1500 : 500;
		port_coap.send(port, &es[i].ex);
	}
	for (unsigned i = 0; i < 4; i++) {
		coap_await(port, &es[i]);
		expect_failure(&es[i], RC_GATEWAY_TIMEOUT, i > 0, "");
		errand_fini(&es[i]);
	}
}
END_TEST

START_TEST(test_many)
{
	enum { N = 1000 };
	static struct coap_errand es[N];
	static const char *const paths[] = { "ok", "early", "again", "created" };
	int64_t begin = clock_monotonic();

	for (unsigned i = 0; i < N; i++) {
		errand_get(&es[i], peer.port, paths[i % 2]);
		port_coap.send(port, &es[i].ex);
	}
	for (unsigned i = 0; i < N; i++) {
		coap_await(port, &es[i]);
		ck_assert_int_eq(es[i].ex.rc, RC_OK);
		errand_fini(&es[i]);
	}
	printf("many: %d exchanges, %lld us each\n", N, (long long)(clock_monotonic() - begin) / N);
	ck_assert_uint_eq(atomic_load(&peer.n_sources), 1);
}
END_TEST

/* A message ID does not come again to a peer that may still know it (RFC 7252 section 4.4). */
START_TEST(test_ids)
{
	enum { AT_ONCE = 1000, ROUNDS = 34 };
	static struct coap_errand es[AT_ONCE];

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned k = 0; k < AT_ONCE; k++) {
			errand_get(&es[k], peer.port, "ok");
			port_coap.send(port, &es[k].ex);
		}
		for (unsigned k = 0; k < AT_ONCE; k++) {
			coap_await(port, &es[k]);
			expect_ok(&es[k]);
			errand_fini(&es[k]);
		}
	}
	ck_assert_uint_eq(atomic_load(&peer.n_sources), 2);
}
END_TEST

static unsigned n_closed;

static void
closed_done(struct exchange *ex)
{
	struct port **p = ex->owner;

	ck_assert_int_eq(ex->rc, RC_UNAVAILABLE);
	/* What is sent now fails likewise. */
	if (n_closed++ == 0)
		port_coap.send(*p, ex);
}

START_TEST(test_close)
{
	struct port *p = coap_port_open(100, 2, 2000);
	struct coap_errand es[8];

	for (unsigned i = 0; i < 8; i++) {
		errand_to(&es[i], "coap", i < 6 ? "127.0.0.1" : "no-such-name.invalid", peer.port,
		          "GET", "slow");
		es[i].ex.done = closed_done;
		es[i].ex.owner = &p;
		port_coap.send(p, &es[i].ex);
	}
	port_coap.poll(p);
	n_closed = 0;
	port_coap.close(p);
	ck_assert_uint_eq(n_closed, 9);
	for (unsigned i = 0; i < 8; i++)
		errand_fini(&es[i]);
}
END_TEST

/* No credential is for what has no DTLS, and no exporter either. */
START_TEST(test_no_dtls)
{
	const struct credential_files files = { .ca = NULL };
	struct credential *c = credential_certificate(&files);
	struct coap_errand e;

	errand_get(&e, peer.port, "ok");
	e.ex.credential = c;
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, true, "no DTLS");
	errand_fini(&e);
	errand_get(&e, peer.port, "ok");
	e.ex.exporter_label = "EXPORTER-x";
	coap_run(port, &e);
	expect_failure(&e, RC_BAD_GATEWAY, true, "no TLS session");
	ck_assert(e.ex.tls_failed);
	errand_fini(&e);
	credential_unref(c);
	ck_assert_uint_eq(atomic_load(&peer.n_requests), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_out");
	TCase *c = suite_case(s, "messages", set_up, tear_down);

	tcase_add_test(c, test_answers);
	tcase_add_test(c, test_request);
	tcase_add_test(c, test_separate);
	tcase_add_test(c, test_no_answer);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_gone);
	tcase_add_test(c, test_gone_after_request);
	tcase_add_test(c, test_loss);
	tcase_add_test(c, test_name);
	tcase_add_test(c, test_slow_name);
	tcase_add_test(c, test_no_dtls);
	c = suite_case(s, "blocks", set_up, tear_down);
	tcase_add_test(c, test_blocks_in);
	tcase_add_test(c, test_blocks_out);
	tcase_add_test(c, test_long_options);
	c = suite_case(s, "bounds", set_up, tear_down);
	tcase_add_test(c, test_limits);
	tcase_add_test(c, test_first);
	tcase_add_test(c, test_many);
	tcase_add_test(c, test_ids);
	tcase_add_test(c, test_close);
	return run_suite(s);
}
