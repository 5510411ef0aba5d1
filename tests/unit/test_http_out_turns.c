/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of port_http that wait their turn, what ends them, and when the port has work. */
#include "config.h"

#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "out_bed.h"

/* More exchanges than connections: they wait their turn, and those beyond the port's limit fail. */
START_TEST(test_limits)
{
	enum { N = 20, FULL = 3 };
	struct peer peer;
	struct errand es[N + FULL];
	struct port *p = port_open(N, 2);

	peer_start(&peer);
	for (int i = 0; i < N + FULL; i++) {
		errand_init(&es[i], peer.port, "/ok");
		port_http.send(p, &es[i].ex);
		ck_assert_uint_eq(es[i].done, 0);
	}
	for (int i = 0; i < N + FULL; i++) {
		await(p, &es[i], 1);
		ck_assert_int_eq(es[i].ex.rc, i < N ? RC_OK : RC_UNAVAILABLE);
		errand_fini(&es[i]);
	}
	ck_assert_uint_le(atomic_load(&peer.n_clients), 2);
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

/*
 * What ended while it waited for a connection leaves nothing behind for the exchange after it: the
 * library once kept a receive buffer that was smaller than it took it for.
 */
START_TEST(test_after_waiting)
{
	enum { N = 4 };
	struct peer peer;
	struct errand slow, es[N];
	struct port *p = port_open(N + 1, 1);

	peer_start(&peer);
	errand_init(&slow, peer.port, "/slow");
	port_http.send(p, &slow.ex);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/ok");
		es[i].ex.timeout_ms = 200;
		port_http.send(p, &es[i].ex);
	}
	for (int i = 0; i < N; i++) {
		await(p, &es[i], 1);
		ck_assert_int_eq(es[i].ex.rc, RC_GATEWAY_TIMEOUT);
		errand_fini(&es[i]);
	}
	while (atomic_load(&peer.n_requests) == 0)
		port_turn(&port_http, p, 100);
	shutdown(peer.fds[0], SHUT_RDWR);
	await(p, &slow, 1);
	ck_assert_int_eq(slow.ex.rc, RC_BAD_GATEWAY);
	errand_fini(&slow);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/big");
		es[i].ex.answer_max = 200000;
		run(p, &es[i]);
		ck_assert_int_eq(es[i].ex.rc, RC_OK);
		ck_assert_uint_eq(es[i].ex.answer.n, 100000);
		errand_fini(&es[i]);
	}
	port_http.close(p);
	peer_stop(&peer);
}
END_TEST

/* However many wait for a host that does not answer, those for another one take turns at once. */
START_TEST(test_lines)
{
	enum { SLOW = 20, N = 8 };
	struct peer dead, peer;
	struct errand slow[SLOW], es[N];
	struct port *p = port_open(SLOW + N, 2);

	peer_start(&dead);
	peer_start(&peer);
	for (int i = 0; i < SLOW; i++) {
		errand_init(&slow[i], dead.port, "/slow");
		slow[i].ex.timeout_ms = 60000;
		port_http.send(p, &slow[i].ex);
	}
	port_turn(&port_http, p, 0);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/ok");
		es[i].ex.timeout_ms = 30000;
		port_http.send(p, &es[i].ex);
	}
	for (int i = 0; i < N; i++) {
		await(p, &es[i], 1);
		ck_assert_int_eq(es[i].ex.rc, RC_OK);
		errand_fini(&es[i]);
	}
	for (int i = 0; i < SLOW; i++)
		ck_assert_uint_eq(slow[i].done, 0);
	ck_assert_uint_le(atomic_load(&peer.n_clients), 2);
	ck_assert_uint_le(atomic_load(&dead.n_clients), 2);
	port_http.close(p);
	for (int i = 0; i < SLOW; i++)
		errand_fini(&slow[i]);
	peer_stop(&peer);
	peer_stop(&dead);
}
END_TEST

/* Whoever's turn did not come in time was not sent, and says so. */
START_TEST(test_timeouts_in_line)
{
	enum { SLOW = 20 };
	struct peer dead;
	struct errand slow[SLOW];
	struct port *p = port_open(SLOW, 2);

	peer_start(&dead);
	for (int i = 0; i < SLOW; i++) {
		errand_init(&slow[i], dead.port, "/slow");
		slow[i].ex.timeout_ms = i < 2 ? 4000 : 2000;
		port_http.send(p, &slow[i].ex);
	}
	for (int i = 0; i < SLOW; i++) {
		await(p, &slow[i], 1);
		ck_assert_int_eq(slow[i].ex.rc, RC_GATEWAY_TIMEOUT);
		ck_assert_int_eq(slow[i].ex.unsent, i >= 2);
		errand_fini(&slow[i]);
	}
	ck_assert_uint_le(atomic_load(&dead.n_clients), 2);
	port_http.close(p);
	peer_stop(&dead);
}
END_TEST

/* What waits when the port is closed ends as well, and what begins only then does not begin. */
START_TEST(test_close_waiting)
{
	enum { N = 5 };
	struct peer peer;
	struct errand es[N];
	struct port *p = port_open(N, 1);

	peer_start(&peer);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/slow");
		port_http.send(p, &es[i].ex);
	}
	port_turn(&port_http, p, 0);
	port_http.close(p);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(es[i].done, 1);
		ck_assert_int_eq(es[i].ex.rc, RC_UNAVAILABLE);
		errand_fini(&es[i]);
	}
	peer_stop(&peer);
}
END_TEST

START_TEST(test_waits)
{
	struct port *p = port_open(10, 2);
	struct peer peer;
	struct errand e;
	struct pollfd fd = { .fd = port_http.fd(p), .events = POLLIN };
	int64_t until = clock_monotonic() + 40 * CLOCK_SECOND;

	/* Without exchanges there is nothing to do, now or later. */
	ck_assert_int_eq(port_http.wait_ms(p, 60000), 60000);
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	peer_start(&peer);
	errand_init(&e, peer.port, "/slow");
	port_http.send(p, &e.ex);
	/* It is begun at once; then libcurl waits for the peer, which says nothing. */
	ck_assert_int_eq(port_http.wait_ms(p, 60000), 0);
	while ((atomic_load(&peer.n_requests) == 0 || port_http.wait_ms(p, 60000) < 1000) &&
	       clock_monotonic() < until)
		port_turn(&port_http, p, 20);
	ck_assert_int_ge(port_http.wait_ms(p, 60000), 1000);
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	/* An event makes the descriptor readable until the port has seen to it. */
	peer_stop(&peer);
	ck_assert_int_eq(poll(&fd, 1, 20000), 1);
	await(p, &e, 1);
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	errand_fini(&e);
	port_http.close(p);
}
END_TEST

START_TEST(test_close)
{
	enum { N = 6 };
	struct peer peer;
	struct errand es[N];
	struct port *p = port_open(N - 1, 2);

	peer_start(&peer);
	for (int i = 0; i < N; i++) {
		errand_init(&es[i], peer.port, "/slow");
		port_http.send(p, &es[i].ex);
	}
	/* One resends when it is told of the end, which must not keep the port alive. */
	es[0].again = p;
	while (atomic_load(&peer.n_requests) < 2)
		port_turn(&port_http, p, 100);
	port_http.close(p);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(es[i].done, i == 0 ? 2 : 1);
		ck_assert_int_eq(es[i].ex.rc, RC_UNAVAILABLE);
		errand_fini(&es[i]);
	}
	peer_stop(&peer);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_limits, test_after_waiting, test_lines, test_timeouts_in_line,
		test_waits, test_close_waiting, test_close,
	};
	Suite *s = suite_create("http_out_turns");
	TCase *c = suite_case(s, "turns", NULL, NULL);

	tcase_set_timeout(c, 120);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return run_suite(s);
}
