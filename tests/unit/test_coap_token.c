/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges whose token is given: what is sent, what waits, and which answers are taken. */
#include "config.h"

#include "coap_out_bed.h"
#include "coap_wire.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define CREATED (2 << 5 | 1)
#define CONTINUE (2 << 5 | 31)
#define OPT_REQUEST_TAG 292
#define TOKEN "\x80\x01\xff\x02"
#define OTHER "oth2"

/* The server is this test: a socket, and what came last. */
static struct port *port;
static int server;
static unsigned number;
static struct got in;
static struct sockaddr_in from;

static void
setup(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	port = coap_port_open(20, 8, 2000);
	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(server, (struct sockaddr *)&at, &n), 0);
	number = ntohs(at.sin_port);
}

static void
teardown(void)
{
	port_coap.close(port);
	if (server >= 0)
		close(server);
}

/* ---- the server ---- */

/* The header and the first Block1, Request-Tag of a datagram. */
static void
read_datagram(size_t n)
{
	in.n = n;
	in.type = (enum msg_type)(in.octets[0] >> 4 & 3);
	in.code = in.octets[1];
	in.mid = (unsigned)in.octets[2] << 8 | in.octets[3];
	memset(in.token, 0, sizeof(in.token));
	memcpy(in.token, in.octets + 4, in.octets[0] & 15);
}

static bool
receive(int ms)
{
	int64_t until = clock_monotonic() + ms * (CLOCK_SECOND / 1000);
	socklen_t n = sizeof(from);
	ssize_t got;

	do {
		port_turn(&port_coap, port, 10);
		got = recvfrom(server, in.octets, sizeof(in.octets), MSG_DONTWAIT,
		               (struct sockaddr *)&from, &n);
	} while (got < 0 && clock_monotonic() < until);
	if (got >= 4)
		read_datagram((size_t)got);
	return got >= 4;
}

static void
expect_request(const char *token)
{
	ck_assert(receive(WAIT_MS));
	ck_assert_uint_eq(in.code, POST);
	ck_assert_str_eq(in.token, token);
}

static void
send_to(const struct sockaddr_in *to, const struct msg *m)
{
	ck_assert_int_eq(
		sendto(server, m->octets, m->n, 0, (const struct sockaddr *)to, sizeof(*to)),
		(ssize_t)m->n);
}

static void
answer(const struct sockaddr_in *to, enum msg_type type, unsigned code, unsigned mid,
       const char *token, long block1)
{
	struct msg m;

	msg_begin(&m, type, code, mid, token);
	if (block1 >= 0)
		msg_uint(&m, OPT_BLOCK1, (unsigned long)block1);
	send_to(to, &m);
}

/* ---- the client ---- */

static void
begin(struct coap_errand *e, const char *token, const char *body, size_t n, unsigned timeout_ms)
{
	errand_to(e, "coap", "127.0.0.1", number, "POST", "inbox");
	exchange_add_header(&e->ex, SLICE_LIT("Content-Type"),
	                    SLICE_LIT("application/octet-stream"));
	e->ex.body = slice_make(body, n);
	e->ex.timeout_ms = timeout_ms;
	e->ex.has_coap_token = true;
	memcpy(e->ex.coap_token, token, 4);
	port_coap.send(port, &e->ex);
}

static void
expect_created(struct coap_errand *e)
{
	coap_await(port, e);
	ck_assert_msg(e->ex.rc == RC_OK, "%s", e->ex.failure);
	ck_assert_int_eq(e->ex.http_status, 201);
	errand_fini(e);
}

START_TEST(the_token_is_the_senders)
{
	struct coap_errand e;
	struct msg m;

	begin(&e, TOKEN, "unit", 4, 30000);
	expect_request(TOKEN);
	ck_assert_uint_eq(in.octets[0], 0x44);
	ck_assert_ptr_null(got_option(&in, OPT_REQUEST_TAG).p);
	/* Random ones go on as before. */
	answer(&from, ACK, CREATED, in.mid, TOKEN, -1);
	expect_created(&e);
	errand_to(&e, "coap", "127.0.0.1", number, "POST", "inbox");
	port_coap.send(port, &e.ex);
	ck_assert(receive(WAIT_MS));
	ck_assert_uint_eq(in.octets[0], 0x48);
	ck_assert_ptr_nonnull(got_option(&in, OPT_REQUEST_TAG).p);
	/* It may have zeros. */
	msg_begin(&m, ACK, CREATED, in.mid, "12345678");
	memcpy(m.octets + 4, in.octets + 4, 8);
	send_to(&from, &m);
	expect_created(&e);
}
END_TEST

START_TEST(the_same_token_waits)
{
	struct coap_errand first, same, other;
	struct sockaddr_in at;
	unsigned mid;

	begin(&first, TOKEN, "1", 1, 30000);
	expect_request(TOKEN);
	/* The peer is there: from now on several go at once. */
	answer(&from, ACK, 0, in.mid, "", -1);
	at = from;
	mid = in.mid;
	begin(&same, TOKEN, "2", 1, 30000);
	begin(&other, OTHER, "3", 1, 30000);
	expect_request(OTHER);
	answer(&from, ACK, CREATED, in.mid, OTHER, -1);
	expect_created(&other);
	ck_assert(!receive(SILENCE_MS));
	answer(&at, CON, CREATED, mid + 1000, TOKEN, -1);
	expect_created(&first);
	/* The acknowledgement of the answer comes first. */
	do
		ck_assert(receive(WAIT_MS));
	while (in.code == 0);
	ck_assert_str_eq(in.token, TOKEN);
	ck_assert_uint_eq(same.done, 0);
	ck_assert_uint_eq(from.sin_port, at.sin_port);
	answer(&from, ACK, CREATED, in.mid, TOKEN, -1);
	expect_created(&same);
}
END_TEST

/* What a message is answered when its time is over is no answer to the next one of that token. */
START_TEST(a_late_answer)
{
	struct coap_errand e;
	struct sockaddr_in before;
	unsigned mid;

	begin(&e, TOKEN, "1", 1, 300);
	expect_request(TOKEN);
	answer(&from, ACK, 0, in.mid, "", -1);
	before = from;
	mid = in.mid;
	coap_await(port, &e);
	ck_assert_int_eq(e.ex.rc, RC_GATEWAY_TIMEOUT);
	errand_fini(&e);
	begin(&e, TOKEN, "2", 1, 30000);
	expect_request(TOKEN);
	answer(&before, CON, CREATED, mid + 1000, TOKEN, -1);
	ck_assert(!receive(SILENCE_MS));
	ck_assert_uint_eq(e.done, 0);
	answer(&from, ACK, CREATED, in.mid, TOKEN, -1);
	expect_created(&e);
}
END_TEST

/* One token for all blocks: an answer that comes again is not that to the next block. */
START_TEST(blocks_have_one_token)
{
	static char body[2500];
	struct coap_errand e;
	struct sockaddr_in at;

	begin(&e, TOKEN, body, sizeof(body), 30000);
	expect_request(TOKEN);
	ck_assert_int_eq(got_uint(&in, OPT_BLOCK1), BLOCK(0, 1, 6));
	ck_assert_ptr_nonnull(got_option(&in, OPT_REQUEST_TAG).p);
	at = from;
	answer(&at, ACK, 0, in.mid, "", -1);
	answer(&at, CON, CONTINUE, 77, TOKEN, BLOCK(0, 1, 6));
	do
		ck_assert(receive(WAIT_MS));
	while (in.code == 0);
	ck_assert_int_eq(got_uint(&in, OPT_BLOCK1), BLOCK(1, 1, 6));
	ck_assert_str_eq(in.token, TOKEN);
	answer(&at, CON, CONTINUE, 77, TOKEN, BLOCK(0, 1, 6));
	answer(&at, NON, CONTINUE, 78, TOKEN, BLOCK(1, 1, 6));
	answer(&at, NON, CONTINUE, 78, TOKEN, BLOCK(1, 1, 6));
	do
		ck_assert(receive(WAIT_MS));
	while (in.code == 0);
	ck_assert_int_eq(got_uint(&in, OPT_BLOCK1), BLOCK(2, 0, 6));
	answer(&at, ACK, CREATED, in.mid, TOKEN, BLOCK(2, 0, 6));
	expect_created(&e);
}
END_TEST

/* Who is not there is not there for those that wait either: they are not tried one by one. */
START_TEST(nobody_is_there)
{
	struct coap_errand first, other;

	close(server);
	begin(&first, TOKEN, "1", 1, 30000);
	begin(&other, OTHER, "2", 1, 30000);
	coap_await(port, &first);
	ck_assert_uint_eq(other.done, 1);
	ck_assert_int_eq(first.ex.rc, RC_BAD_GATEWAY);
	ck_assert_int_eq(other.ex.rc, RC_BAD_GATEWAY);
	ck_assert(first.ex.unsent && other.ex.unsent);
	errand_fini(&first);
	errand_fini(&other);
	server = -1;
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_token");
	TCase *c = suite_case(s, "coap_token", setup, teardown);

	tcase_add_test(c, the_token_is_the_senders);
	tcase_add_test(c, the_same_token_waits);
	tcase_add_test(c, a_late_answer);
	tcase_add_test(c, blocks_have_one_token);
	tcase_add_test(c, nobody_is_there);
	return run_suite(s);
}
