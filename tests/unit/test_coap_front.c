/* SPDX-License-Identifier: Apache-2.0 */
/* What stands before libcoap without DTLS: strangers, what may be sent to them, proofs, limits. */
#include "config.h"

#include "suite.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "front_bed.h"

#define SEND(octets) send_to(client, octets, sizeof(octets) - 1)

static void
setup(void)
{
	front_bed_start(false);
}

START_TEST(test_strangers)
{
	static const struct {
		const char *octets;
		size_t n;
		enum front_next next;
		const char *answer; /* 4 octets, or NULL */
	} rows[] = {
		{ "", 0, FRONT_NONE, NULL },
		{ "\x40\x01\x00", 3, FRONT_NONE, NULL },
		{ "\x40\x01\x00\x07", 4, FRONT_PASS, NULL }, /* CON GET */
		{ "\x50\x01\x00\x07", 4, FRONT_PASS, NULL }, /* NON GET */
		{ "\x44\x01\x00\x07" "abcd", 8, FRONT_PASS, NULL },
		{ "\x44\x01\x00\x07" "abc", 7, FRONT_NONE, "\x70\x00\x00\x07" },
		{ "\x80\x01\x00\x07", 4, FRONT_NONE, NULL }, /* version 2 */
		{ "\x00\x01\x00\x07", 4, FRONT_NONE, NULL },
		{ "\x49\x01\x12\x34" "123456789", 13, FRONT_NONE, "\x70\x00\x12\x34" },
		{ "\x59\x01\x12\x34" "123456789", 13, FRONT_NONE, NULL },
		{ "\x40\x00\xab\xcd", 4, FRONT_NONE, "\x70\x00\xab\xcd" }, /* ping */
		{ "\x50\x00\xab\xcd", 4, FRONT_NONE, NULL },
		{ "\x60\x00\xab\xcd", 4, FRONT_NONE, NULL }, /* ACK, RST */
		{ "\x70\x00\xab\xcd", 4, FRONT_NONE, NULL },
		{ "\x60\x45\xab\xcd", 4, FRONT_NONE, NULL },
		{ "\x40\x45\xab\xcd", 4, FRONT_NONE, "\x70\x00\xab\xcd" }, /* a response */
		{ "\x50\x45\xab\xcd", 4, FRONT_NONE, NULL },
		{ "\x40\x08\xab\xcd", 4, FRONT_NONE, "\x60\x85\xab\xcd" }, /* no method */
		{ "\x50\x1f\xab\xcd", 4, FRONT_NONE, "\x50\x85\xab\xcd" },
		{ "\x60\x1f\xab\xcd", 4, FRONT_NONE, NULL },
		{ "\x40\x07\xab\xcd", 4, FRONT_PASS, NULL }, /* iPATCH */
		{ "\x40\xe1\xab\xcd", 4, FRONT_NONE, "\x70\x00\xab\xcd" }, /* signalling */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char out[64];
		size_t n;

		send_to(client, rows[i].octets, rows[i].n);
		ck_assert_msg(turn() == rows[i].next, "row %zu", i);
		ck_assert_int_eq(turn(), FRONT_NONE);
		n = answer(client, out, sizeof(out));
		ck_assert_msg(n == (rows[i].answer == NULL ? 0 : 4u), "row %zu", i);
		ck_assert_msg(n == 0 || memcmp(out, rows[i].answer, 4) == 0, "row %zu", i);
	}
	ck_assert_uint_eq(front_counts(front)->passed, 4);
}
END_TEST

/* What libcoap would cut off never gets there. */
START_TEST(test_too_long)
{
	unsigned char m[FRONT_DATAGRAM_MAX + 1] = { 0x40, 1, 0, 9 }, out[8];
	const struct sockaddr *from;

	send_to(client, m, FRONT_DATAGRAM_MAX);
	ck_assert_int_eq(turn(), FRONT_PASS);
	ck_assert_uint_eq(front_datagram(front, &from).n, FRONT_DATAGRAM_MAX);
	ck_assert_int_eq(from->sa_family, AF_INET);
	send_to(client, m, sizeof(m));
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 4);
	m[0] = 0x50;
	send_to(client, m, sizeof(m));
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 0);
}
END_TEST

/* Three times what was sent, all together and with a ping of 4; Echo lifts it. */
START_TEST(test_allowance)
{
	unsigned char echo[FRONT_ECHO], wrong[FRONT_ECHO];
	struct front_peer *p;

	SEND("\x40\x01\x00\x07" "abcdef");
	ck_assert_int_eq(turn(), FRONT_PASS);
	p = join(client);
	ck_assert_ptr_nonnull(p);
	ck_assert(!front_proved(p, now));
	/* Nothing for what is nobody's request. */
	ck_assert_uint_eq(front_allowance(p, now), 0);
	front_came(front, p);
	ck_assert_uint_eq(front_allowance(p, now), 26);
	front_sent(p, 20);
	ck_assert_uint_eq(front_allowance(p, now), 6);
	front_sent(p, 11);
	ck_assert_uint_eq(front_allowance(p, now), 0);
	SEND("\x40\x01\x00\x08");
	ck_assert_int_eq(turn(), FRONT_PASS);
	front_came(front, p);
	ck_assert_uint_eq(front_allowance(p, now), 8);

	ck_assert_uint_eq(front_echo(front, p, echo, now), FRONT_ECHO);
	memcpy(wrong, echo, sizeof(wrong));
	wrong[FRONT_ECHO - 1] ^= 1;
	ck_assert(!front_take_echo(front, p, slice_make(wrong, FRONT_ECHO), now));
	ck_assert(!front_take_echo(front, p, slice_make(echo, FRONT_ECHO - 1), now));
	ck_assert(!front_take_echo(front, p, SLICE_NONE, now));
	ck_assert_uint_eq(front_allowance(p, now), 8);
	ck_assert(front_take_echo(front, p, slice_make(echo, FRONT_ECHO), now));
	ck_assert(front_proved(p, now));
	ck_assert_uint_eq(front_allowance(p, now), SIZE_MAX);
	ck_assert_uint_eq(front_echo(front, p, echo, now), 0);
	/* Not for ever. */
	now += 3600 * CLOCK_SECOND;
	ck_assert(!front_proved(p, now));
	front_leave(front, p);
}
END_TEST

/* A burst of requests pays for all its answers, whichever is first; not without end. */
START_TEST(test_allowance_adds_up)
{
	struct front_peer *p = NULL;

	for (unsigned i = 0; i < 32; i++) {
		SEND("\x40\x02\x00\x07" "abcdef");
		ck_assert_int_eq(turn(), FRONT_PASS);
		p = i == 0 ? join(client) : p;
		front_came(front, p);
	}
	ck_assert_uint_eq(front_allowance(p, now), 32 * 30 - 4);
	for (unsigned i = 0; i < 32; i++)
		front_sent(p, 29);
	ck_assert_uint_eq(front_allowance(p, now), 32 - 4);
	for (unsigned i = 0; i < 65536 / 30 + 1; i++)
		front_came(front, p);
	ck_assert_uint_eq(front_allowance(p, now), 65536 - 4);
	front_leave(front, p);
}
END_TEST

/* An Echo is of one source, and of a minute or two. */
START_TEST(test_echo_bound)
{
	int other = front_client("127.0.0.1");
	unsigned char echo[FRONT_ECHO];
	struct front_peer *p, *q;

	SEND("\x40\x01\x00\x07");
	ck_assert_int_eq(turn(), FRONT_PASS);
	p = join(client);
	send_to(other, "\x40\x01\x00\x07", 4);
	ck_assert_int_eq(turn(), FRONT_PASS);
	q = join(other);
	ck_assert_uint_eq(front_echo(front, p, echo, now), FRONT_ECHO);
	ck_assert(!front_take_echo(front, q, slice_make(echo, FRONT_ECHO), now));
	now += FRONT_ROLL_US;
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert(front_take_echo(front, p, slice_make(echo, FRONT_ECHO), now));
	now += FRONT_ROLL_US;
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert(!front_take_echo(front, p, slice_make(echo, FRONT_ECHO), now));
	/* After a rest neither secret is of before. */
	ck_assert_uint_eq(front_echo(front, q, echo, now), FRONT_ECHO);
	now += 10 * FRONT_ROLL_US;
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert(!front_take_echo(front, q, slice_make(echo, FRONT_ECHO), now));
	front_leave(front, p);
	front_leave(front, q);
	close(other);
}
END_TEST

static void
send_reset(const unsigned char ping[4], unsigned change)
{
	const unsigned char m[4] = { 0x70, 0, ping[2], (unsigned char)(ping[3] ^ change) };

	send_to(client, m, sizeof(m));
}

/* The reset of a ping proves as much as it may; one that was guessed does not. */
START_TEST(test_ping)
{
	struct front_peer *p;
	unsigned char ping[8];

	SEND("\x40\x01\x00\x07");
	ck_assert_int_eq(turn(), FRONT_PASS);
	p = join(client);
	front_came(front, p);
	front_challenge(front, p, now);
	ck_assert_uint_eq(answer(client, ping, sizeof(ping)), 4);
	ck_assert_int_eq(ping[0], 0x40);
	ck_assert_int_eq(ping[1], 0);
	ck_assert_uint_eq(front_allowance(p, now), 8);
	/* One at a time. */
	front_challenge(front, p, now);
	ck_assert_uint_eq(answer(client, ping + 4, 4), 0);
	/* Others' resets are libcoap's. */
	send_reset(ping, 1);
	ck_assert_int_eq(turn(), FRONT_PASS);
	send_reset(ping, 0);
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(front_allowance(p, now), 65532);
	ck_assert(!front_proved(p, now));
	/* Only once. */
	front_sent(p, 65536);
	send_reset(ping, 0);
	ck_assert_int_eq(turn(), FRONT_PASS);
	ck_assert_uint_eq(front_allowance(p, now), 0);

	front_came(front, p);
	front_challenge(front, p, now);
	ck_assert_uint_eq(answer(client, ping, sizeof(ping)), 4);
	for (unsigned i = 1; i <= 3; i++) {
		send_reset(ping, i);
		ck_assert_int_eq(turn(), FRONT_PASS);
	}
	send_reset(ping, 0);
	ck_assert_int_eq(turn(), FRONT_PASS);
	ck_assert_uint_eq(front_allowance(p, now), 8);
	/* The next one not before the time of this one is over. */
	front_challenge(front, p, now);
	ck_assert_uint_eq(answer(client, ping, sizeof(ping)), 0);
	now += 5 * CLOCK_SECOND;
	front_challenge(front, p, now);
	ck_assert_uint_eq(answer(client, ping, sizeof(ping)), 4);
	now += 5 * CLOCK_SECOND;
	send_reset(ping, 0);
	ck_assert_int_eq(turn(), FRONT_PASS);
	front_leave(front, p);
}
END_TEST

/* An answer to a method that is none has the token, for those that are known too. */
START_TEST(test_method)
{
	unsigned char out[32];
	struct front_peer *p;

	SEND("\x48\x1f\x00\x07" "abcdefgh");
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 12);
	ck_assert_mem_eq(out, "\x68\x85\x00\x07" "abcdefgh", 12);
	SEND("\x40\x01\x00\x08");
	ck_assert_int_eq(turn(), FRONT_PASS);
	p = join(client);
	SEND("\x52\x1f\x00\x09" "ab" "\xff" "payload");
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 6);
	ck_assert_mem_eq(out, "\x52\x85\x00\x09" "ab", 6);
	front_leave(front, p);
}
END_TEST

static void
send_get(int fd)
{
	send_to(fd, "\x40\x01\x00\x07", 4);
	ck_assert_int_eq(turn(), FRONT_PASS);
}

static void
join_as(struct front_peer **p)
{
	*p = front_join(front, (const struct sockaddr *)&front->d.from, p, now);
	ck_assert_ptr_nonnull(*p);
}

/* An address that has as many as it may: the idlest gives its place up, the proved ones last. */
START_TEST(test_per_address)
{
	struct front_peer *peers[PER_ADDRESS], *last, *more[3];
	int fds[PER_ADDRESS], other = front_client("127.0.0.9");

	send_get(other);
	join_as(&last);
	for (size_t i = 0; i < PER_ADDRESS; i++) {
		fds[i] = front_client("127.0.0.1");
		send_get(fds[i]);
		join_as(&peers[i]);
		if (i < 5 || i == 7)
			front_hold(front, peers[i]);
	}
	ck_assert_ptr_null(ended);
	/* 5 is used, so that 6 is idler; then 5, then the newcomer itself. */
	send_get(fds[5]);
	send_get(client);
	ck_assert_ptr_null(peers[6]);
	join_as(&more[0]);
	send_get(fds[6]);
	ck_assert_ptr_null(peers[5]);
	join_as(&more[1]);
	send_get(fds[5]);
	ck_assert_ptr_null(more[0]);
	join_as(&more[2]);
	/* All are proved: the one that was used is not the idlest. */
	front_hold(front, more[1]);
	front_hold(front, more[2]);
	send_get(fds[0]);
	send_get(client);
	ck_assert_ptr_null(peers[1]);
	ck_assert_ptr_nonnull(peers[0]);
	ck_assert_ptr_nonnull(last);
	ck_assert_uint_eq(front_counts(front)->refused, 0);
	for (size_t i = 0; i < PER_ADDRESS; i++) {
		front_leave(front, peers[i]);
		close(fds[i]);
	}
	front_leave(front, more[1]);
	front_leave(front, more[2]);
	front_leave(front, last);
	close(other);
}
END_TEST

/* Held ones go by time, and the idlest first when they are too many. */
START_TEST(test_surplus)
{
	struct front_peer *peers[13];
	int fds[13];

	for (size_t i = 0; i < 13; i++) {
		char address[32];

		snprintf(address, sizeof(address), "127.0.0.%zu", 2 + i);
		fds[i] = front_client(address);
		send_to(fds[i], "\x40\x01\x00\x07", 4);
		ck_assert_int_eq(turn(), FRONT_PASS);
		peers[i] = front_join(front, (const struct sockaddr *)&front->d.from, &fds[i], now);
		front_hold(front, peers[i]);
		front_hold(front, peers[i]);
	}
	ck_assert_uint_eq(front_unproved_max(front), 4);
	/* 12 of 16 may be held; the first one has just been used. */
	send_to(fds[0], "\x40\x01\x00\x08", 4);
	ck_assert_int_eq(turn(), FRONT_PASS);
	ck_assert_ptr_eq(front_surplus(front, now, CLOCK_SECOND), &fds[1]);
	ck_assert_ptr_null(front_surplus(front, now, CLOCK_SECOND));
	now += CLOCK_SECOND;
	for (size_t i = 2; i < 13; i++)
		ck_assert_ptr_eq(front_surplus(front, now, CLOCK_SECOND), &fds[i]);
	ck_assert_ptr_eq(front_surplus(front, now, CLOCK_SECOND), &fds[0]);
	ck_assert_ptr_null(front_surplus(front, now, CLOCK_SECOND));
	for (size_t i = 0; i < 13; i++) {
		front_leave(front, peers[i]);
		close(fds[i]);
	}
}
END_TEST

/* A flood does not keep the thread from its other work. */
START_TEST(test_yield)
{
	for (unsigned i = 0; i < 65; i++)
		SEND("\x70\x00\x00\x00");
	ck_assert_int_eq(turn(), FRONT_YIELD);
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(front_counts(front)->dropped, 65);
}
END_TEST

/* In a flood of strangers those that are known are served; strangers again when less waits. */
START_TEST(test_crowded)
{
	int known = front_client("127.0.0.2"), ponged = front_client("127.0.0.3");
	unsigned char echo[FRONT_ECHO];
	struct front_peer *p, *q;
	unsigned sent = 0;

	send_get(known);
	join_as(&p);
	ck_assert_uint_eq(front_echo(front, p, echo, now), FRONT_ECHO);
	ck_assert(front_take_echo(front, p, slice_make(echo, FRONT_ECHO), now));
	send_get(ponged);
	join_as(&q);
	q->ponged = true;
	send_to(known, "\x40\x01\x00\x08", 4);
	send_to(ponged, "\x40\x01\x00\x08", 4);
	for (; !front_socket_crowded(front_fd(front)) && sent < 100000; sent++)
		SEND("\x40\x01\x00\x07");
	ck_assert_uint_gt(sent, 100);
	SEND("\x40\x01\x00\x07");
	ck_assert_int_eq(turn(), FRONT_PASS);
	ck_assert_int_eq(turn(), FRONT_PASS);
	ck_assert_uint_eq(front_counts(front)->refused, 0);
	while (front_socket_crowded(front_fd(front)))
		turn();
	ck_assert_uint_gt(front_counts(front)->refused, 0);
	ck_assert_int_eq(turn(), FRONT_PASS);
	while (turn() != FRONT_NONE)
		;
	ck_assert(!front_socket_crowded(front_fd(front)));
	front_leave(front, p);
	front_leave(front, q);
	close(known);
	close(ponged);
}
END_TEST

START_TEST(test_reserve)
{
	struct front_name again;
	unsigned port = ntohs(((const struct sockaddr_in *)&front_at.name)->sin_port);

	/* libcoap would share it. */
	ck_assert_int_eq(front_reserve("0.0.0.0", port, &again, why), RC_CONFLICT);
	ck_assert_int_eq(front_reserve("127.0.0.1", port, &again, why), RC_CONFLICT);
	ck_assert_ptr_nonnull(strstr(why, "127.0.0.1 UDP port"));
	ck_assert_int_eq(front_reserve("localhost", 0, &again, why), RC_BAD_REQUEST);
	ck_assert_int_eq(front_reserve("127.0.0.1", 65536, &again, why), RC_BAD_REQUEST);
	ck_assert_int_eq(front_reserve("192.0.2.1", 0, &again, why), RC_BAD_REQUEST);
	/* A name that nothing is bound to has no front. */
	ck_assert_int_eq(front_reserve("127.0.0.1", 0, &again, why), RC_OK);
	ck_assert_ptr_null(front_new(&conf, &again, why));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_front");
	TCase *tc = suite_case(s, "clear", setup, front_bed_end);

	tcase_add_test(tc, test_strangers);
	tcase_add_test(tc, test_too_long);
	tcase_add_test(tc, test_allowance);
	tcase_add_test(tc, test_allowance_adds_up);
	tcase_add_test(tc, test_echo_bound);
	tcase_add_test(tc, test_ping);
	tcase_add_test(tc, test_method);
	tcase_add_test(tc, test_per_address);
	tcase_add_test(tc, test_surplus);
	tcase_add_test(tc, test_yield);
	tcase_add_test(tc, test_crowded);
	tcase_add_test(tc, test_reserve);
	return run_suite(s);
}
