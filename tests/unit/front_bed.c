/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "front_bed.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

#define MAX_SESSIONS 16u

struct front_conf conf;
struct front_name front_at;
struct front *front;
int client;
char why[COAPD_WHY_MAX];
int64_t now;
struct front_peer *ended;

static struct sockaddr_in at; /* of the server */
static int server;

static void
end(void *arg)
{
	struct front_peer **p = arg;

	ended = *p;
	front_leave(front, *p);
	*p = NULL;
}

int
front_client_at(const char *address, in_port_t port)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = port };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, address, &from.sin_addr);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

int
front_client(const char *address)
{
	return front_client_at(address, 0);
}

/* As libcoap binds: shared. */
static void
bind_server(void)
{
	const int on = 1;

	server = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(server, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	ck_assert_int_eq(bind(server, (struct sockaddr *)&front_at.name, front_at.n), 0);
}

void
front_bed_start(bool dtls)
{
	ck_assert_int_eq(front_reserve("0.0.0.0", 0, &front_at, why), RC_OK);
	bind_server();
	memcpy(&at, &front_at.name, sizeof(at));
	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	conf = (struct front_conf){ .dtls = dtls, .max_sessions = MAX_SESSIONS,
		.max_sessions_per_address = PER_ADDRESS, .max_handshakes = HANDSHAKES, .end = end };
	front = front_new(&conf, &front_at, why);
	ck_assert_ptr_nonnull(front);
	ck_assert_int_eq(front_fd(front), server);
	client = front_client("127.0.0.1");
	now = CLOCK_SECOND;
}

void
front_bed_end(void)
{
	front_free(front);
	close(server);
	close(client);
}

void
send_to(int fd, const void *p, size_t n)
{
	ck_assert_int_eq(send(fd, p, n, 0), (ssize_t)n);
}

enum front_next
turn(void)
{
	enum front_next next = front_next(front, now);
	char octets[2048];

	if (next == FRONT_PASS)
		ck_assert_int_gt(recv(server, octets, sizeof(octets), MSG_DONTWAIT), 0);
	return next;
}

size_t
answer(int fd, unsigned char *out, size_t max)
{
	ssize_t n = recv(fd, out, max, MSG_DONTWAIT);

	return n < 0 ? 0 : (size_t)n;
}

struct front_peer *
join(int fd)
{
	struct sockaddr_storage from;
	socklen_t n = sizeof(from);

	getsockname(fd, (struct sockaddr *)&from, &n);
	return front_join(front, (struct sockaddr *)&from, &client, now);
}
