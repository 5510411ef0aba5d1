/* SPDX-License-Identifier: Apache-2.0 */
/* What stands before libcoap with DTLS: cookies, and the handshakes that are under way. */
#include "config.h"

#include "suite.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "front_bed.h"

static void
setup(void)
{
	front_bed_start(true);
}

static in_port_t
port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t n = sizeof(in);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	return in.sin_port;
}

#define HELLO_MAX 200u

/* A ClientHello without extensions. */
static size_t
make_hello(unsigned char m[HELLO_MAX], unsigned char random, const unsigned char *cookie, size_t n)
{
	static const unsigned char suites[] = { 0, 2, 0xc0, 0xa8, 1, 0 };
	size_t body = 2 + 32 + 1 + 1 + n + sizeof(suites);

	memset(m, 0, HELLO_MAX);
	m[0] = 22;
	m[1] = 254;
	m[2] = 253;
	m[10] = 5; /* sequence number */
	m[12] = (unsigned char)(12 + body);
	m[13] = 1;
	m[16] = (unsigned char)body;
	m[24] = (unsigned char)body;
	m[25] = 254;
	m[26] = 253;
	memset(m + 27, random, 32);
	m[60] = (unsigned char)n;
	if (n > 0)
		memcpy(m + 61, cookie, n);
	memcpy(m + 61 + n, suites, sizeof(suites));
	return 25 + body;
}

/* A ClientHello, and the cookie that it is answered with. */
static void
get_cookie(int fd, unsigned char cookie[FRONT_COOKIE])
{
	unsigned char m[HELLO_MAX], out[128];

	send_to(fd, m, make_hello(m, 'r', NULL, 0));
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(answer(fd, out, sizeof(out)), 60);
	memcpy(cookie, out + 28, FRONT_COOKIE);
}

static enum front_next
say_hello(int fd, unsigned char random, const unsigned char *cookie)
{
	unsigned char m[HELLO_MAX];

	send_to(fd, m, make_hello(m, random, cookie, FRONT_COOKIE));
	return turn();
}

START_TEST(test_verify)
{
	static const unsigned char expected[28] = {
		22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 5, 0, 47, /* its sequence number */
		3,  0,   0,   35, 0, 0, 0, 0, 0, 0, 0, 35, 254, 255, 32,
	};
	unsigned char m[HELLO_MAX], out[128], cookie[FRONT_COOKIE];
	struct front_peer *p;

	send_to(client, m, make_hello(m, 'r', NULL, 0));
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 60);
	ck_assert_mem_eq(out, expected, 25);
	ck_assert_mem_eq(out + 25, expected + 25, 3);
	memcpy(cookie, out + 28, FRONT_COOKIE);
	cookie[0] ^= 1;
	ck_assert_int_eq(say_hello(client, 'r', cookie), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 60);
	cookie[0] ^= 1;
	ck_assert_int_eq(say_hello(client, 'r', cookie), FRONT_PASS);
	ck_assert(front_cookie_good(front, slice_make(cookie, FRONT_COOKIE)));
	p = join(client);
	ck_assert_uint_eq(front_allowance(p, now), SIZE_MAX);
	ck_assert_uint_eq(front_counts(front)->verified, 2);
	front_leave(front, p);
}
END_TEST

/* Nothing but a ClientHello of the address itself makes anything. */
START_TEST(test_dtls_strangers)
{
	int other = front_client_at("127.0.0.2", port_of(client));
	unsigned char m[HELLO_MAX], cookie[FRONT_COOKIE], out[128];
	size_t n = make_hello(m, 'r', NULL, 0);

	/* Cut off anywhere. */
	for (size_t i = 0; i < 61; i++) {
		send_to(client, m, i);
		ck_assert_int_eq(turn(), FRONT_NONE);
	}
	for (size_t i = 0; i < 26; i++) {
		/* Minor version, sequence numbers; a longer message is one in fragments. */
		static const unsigned char free_octets[] = { 2, 5, 6, 7, 8, 9, 10, 14, 15, 16 };

		if (memchr(free_octets, (int)i, sizeof(free_octets)) != NULL)
			continue;
		m[i] ^= 0xff;
		send_to(client, m, n);
		m[i] ^= 0xff;
		ck_assert_int_eq(turn(), FRONT_NONE);
	}
	/* A third message, or octets behind the only one. */
	m[18] = 3;
	send_to(client, m, n);
	ck_assert_int_eq(turn(), FRONT_NONE);
	m[18] = 0;
	m[12]++;
	send_to(client, m, n + 1);
	ck_assert_int_eq(turn(), FRONT_NONE);
	m[12]--;
	m[59] = 33; /* a session id beyond the standard */
	send_to(client, m, n);
	ck_assert_int_eq(turn(), FRONT_NONE);
	send_to(client, "\x17\xfe\xfd\0\1\0\0\0\0\0\0\0\0", 13);
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_uint_eq(front_counts(front)->verified, 0);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 0);
	/* The cookie of another address. */
	get_cookie(client, cookie);
	ck_assert_int_eq(say_hello(other, 'r', cookie), FRONT_NONE);
	close(other);
}
END_TEST

START_TEST(test_handshakes)
{
	struct front_peer *peers[3];
	unsigned char cookie[FRONT_COOKIE];
	int fds[4];

	/* 1 + 8 / 4 of one address. */
	for (size_t i = 0; i < 4; i++) {
		fds[i] = front_client("127.0.0.1");
		get_cookie(fds[i], cookie);
		ck_assert_int_eq(say_hello(fds[i], 'r', cookie), i < 3 ? FRONT_PASS : FRONT_NONE);
		if (i < 3)
			peers[i] = join(fds[i]);
	}
	/* The last flight may be repeated, and finished. */
	send_to(fds[0], "\x16\xfe\xfd\0\1\0\0\0\0\0\0\0\0", 13);
	ck_assert_int_eq(turn(), FRONT_PASS);
	front_established(front, peers[1]);
	front_established(front, peers[1]);
	ck_assert_int_eq(say_hello(fds[3], 'r', cookie), FRONT_PASS);
	for (size_t i = 0; i < 3; i++)
		front_leave(front, peers[i]);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

/* When there is no place, the handshake that takes longest gives its own to a newcomer. */
START_TEST(test_displaced)
{
	struct front_peer *peers[HANDSHAKES + 1];
	unsigned char cookie[FRONT_COOKIE];
	int fds[HANDSHAKES + 1];

	for (size_t i = 0; i <= HANDSHAKES; i++) {
		char address[32];

		snprintf(address, sizeof(address), "127.0.1.%zu", 1 + i);
		fds[i] = front_client(address);
		get_cookie(fds[i], cookie);
		if (i == HANDSHAKES) {
			now += FRONT_SHAKE_FULL_US - 1;
			ck_assert_int_eq(say_hello(fds[i], 'r', cookie), FRONT_NONE);
			now++;
		}
		ck_assert_int_eq(say_hello(fds[i], 'r', cookie), FRONT_PASS);
		peers[i] = front_join(front, (const struct sockaddr *)&front->d.from, &peers[i], now);
	}
	/* The oldest alone had to go. */
	ck_assert_ptr_null(peers[0]);
	for (size_t i = 0; i <= HANDSHAKES; i++) {
		front_leave(front, peers[i]);
		close(fds[i]);
	}
}
END_TEST

/* One that never ends its handshake gives its place up. */
START_TEST(test_late)
{
	struct front_peer *p, *q;
	unsigned char cookie[FRONT_COOKIE];
	int other = front_client("127.0.0.1");

	get_cookie(client, cookie);
	ck_assert_int_eq(say_hello(client, 'r', cookie), FRONT_PASS);
	p = front_join(front, (const struct sockaddr *)&front->d.from, &p, now);
	now += FRONT_SHAKE_US / 2;
	get_cookie(other, cookie);
	ck_assert_int_eq(say_hello(other, 'r', cookie), FRONT_PASS);
	q = front_join(front, (const struct sockaddr *)&front->d.from, &q, now);
	now += FRONT_SHAKE_US / 2 - 1;
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_ptr_null(ended);
	now++;
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_ptr_nonnull(ended);
	ck_assert_ptr_null(p);
	ck_assert_ptr_nonnull(q);
	ck_assert_uint_eq(front->t.handshakes, 1);
	/* What has ended in time stays. */
	front_established(front, q);
	front_hold(front, q);
	now += FRONT_SHAKE_US;
	ck_assert_int_eq(turn(), FRONT_NONE);
	ck_assert_ptr_nonnull(q);
	front_leave(front, q);
	close(other);
}
END_TEST

/* A peer that has lost its session begins anew; nobody else ends it. */
START_TEST(test_renew)
{
	unsigned char cookie[FRONT_COOKIE], out[128];
	struct front_peer *p;

	get_cookie(client, cookie);
	ck_assert_int_eq(say_hello(client, 'r', cookie), FRONT_PASS);
	p = front_join(front, (const struct sockaddr *)&front->d.from, &p, now);
	front_established(front, p);
	/* The same one again was lost on its way. */
	ck_assert_int_eq(say_hello(client, 'r', cookie), FRONT_PASS);
	ck_assert_ptr_null(ended);
	/* Without the cookie it is asked for. */
	cookie[3] ^= 4;
	ck_assert_int_eq(say_hello(client, 's', cookie), FRONT_NONE);
	ck_assert_uint_eq(answer(client, out, sizeof(out)), 60);
	ck_assert_ptr_null(ended);
	cookie[3] ^= 4;
	ck_assert_int_eq(say_hello(client, 's', cookie), FRONT_PASS);
	ck_assert_ptr_nonnull(ended);
	ck_assert_ptr_null(p);
	p = join(client);
	ck_assert(p->shaking);
	front_leave(front, p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_front_dtls");
	TCase *tc = suite_case(s, "dtls", setup, front_bed_end);

	tcase_add_test(tc, test_verify);
	tcase_add_test(tc, test_dtls_strangers);
	tcase_add_test(tc, test_handshakes);
	tcase_add_test(tc, test_displaced);
	tcase_add_test(tc, test_late);
	tcase_add_test(tc, test_renew);
	return run_suite(s);
}
