/* SPDX-License-Identifier: Apache-2.0 */
/* The socket of a server, which libcoap makes and does not tell of. */
#include "config.h"

#include "bind/coap_front_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Bursts are kept while the thread is busy; the system may give less. */
#define RECEIVE_BUFFER (1 << 20)

#define V4(ss) ((struct sockaddr_in *)(void *)(ss))
#define V6(ss) ((struct sockaddr_in6 *)(void *)(ss))
#define V4_CONST(ss) ((const struct sockaddr_in *)(const void *)(ss))
#define V6_CONST(ss) ((const struct sockaddr_in6 *)(const void *)(ss))

union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static bool
parse(const char *address, unsigned port, struct front_name *name)
{
	*name = (struct front_name){ .n = 0 };
	if (inet_pton(AF_INET, address, &V4(&name->name)->sin_addr) == 1) {
		V4(&name->name)->sin_family = AF_INET;
		V4(&name->name)->sin_port = htons((uint16_t)port);
		name->n = sizeof(struct sockaddr_in);
		return true;
	}
	if (inet_pton(AF_INET6, address, &V6(&name->name)->sin6_addr) != 1)
		return false;
	V6(&name->name)->sin6_family = AF_INET6;
	V6(&name->name)->sin6_port = htons((uint16_t)port);
	name->n = sizeof(struct sockaddr_in6);
	return true;
}

/* As libcoap will bind it, but for SO_REUSEADDR. Not 0: errno. */
static int
try_bind(int fd, struct front_name *name)
{
	const int off = 0;

	if (name->name.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&name->name, name->n) != 0)
		return -1;
	return getsockname(fd, (struct sockaddr *)&name->name, &name->n);
}

static enum rc
fail(const char *address, unsigned port, int error, char why[COAPD_WHY_MAX])
{
	snprintf(why, COAPD_WHY_MAX, "%.64s UDP port %u: %s", address, port, strerror(error));
	if (error == EADDRINUSE)
		return RC_CONFLICT;
	return error == EACCES || error == EPERM ? RC_DENIED : RC_BAD_REQUEST;
}

enum rc
front_reserve(const char *address, unsigned port, struct front_name *name, char why[COAPD_WHY_MAX])
{
	int fd, error;

	if (port > UINT16_MAX || !parse(address, port, name))
		return fail(address, port, EINVAL, why);
	fd = socket(name->name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = fd < 0 || try_bind(fd, name) != 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return error == 0 ? RC_OK : fail(address, port, error, why);
}

static bool
same_name(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return V4_CONST(a)->sin_port == V4_CONST(b)->sin_port &&
		       V4_CONST(a)->sin_addr.s_addr == V4_CONST(b)->sin_addr.s_addr;
	return V6_CONST(a)->sin6_port == V6_CONST(b)->sin6_port &&
	       memcmp(&V6_CONST(a)->sin6_addr, &V6_CONST(b)->sin6_addr, 16) == 0;
}

static bool
is_bound_to(int fd, const struct front_name *name)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss), size = sizeof(int);
	int type;

	memset(&ss, 0, sizeof(ss));
	return getsockname(fd, (struct sockaddr *)&ss, &n) == 0 && same_name(&ss, &name->name) &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

/* A child process has no use for it, and nobody else may be bound to the same name from now on. */
static void
keep(int fd)
{
	const int off = 0, buffer = RECEIVE_BUFFER;

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
}

int
front_socket_find(const struct front_name *name)
{
	struct rlimit rl;
	int max = 65536;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < (rlim_t)max)
		max = (int)rl.rlim_cur;
	for (int fd = 0; fd < max; fd++)
		if (is_bound_to(fd, name)) {
			keep(fd);
			return fd;
		}
	return -1;
}

/* Where a datagram came to: what answers it goes out from there. */
static void
read_control(struct msghdr *m, struct front_datagram *d)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			V6(&d->to)->sin6_family = AF_INET6;
			V6(&d->to)->sin6_addr = info.ipi6_addr;
			d->interface = (int)info.ipi6_ifindex;
			return;
		}
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			V4(&d->to)->sin_family = AF_INET;
			V4(&d->to)->sin_addr = info.ipi_addr;
		}
	}
}

bool
front_socket_peek(int fd, struct front_datagram *d)
{
	union control control;
	struct iovec iov = { d->octets, sizeof(d->octets) };
	struct msghdr m = {
		.msg_name = &d->from,
		.msg_namelen = sizeof(d->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return false;
	d->n = (size_t)n;
	d->to.ss_family = AF_UNSPEC;
	d->interface = 0;
	read_control(&m, d);
	return true;
}

bool
front_socket_crowded(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t n = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 &&
	       info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
}

void
front_socket_drop(int fd)
{
	char octet;

	(void)recv(fd, &octet, sizeof(octet), MSG_DONTWAIT);
}

static size_t
add_control(struct cmsghdr *c, int level, int type, const void *p, size_t n)
{
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), p, n);
	return CMSG_SPACE(n);
}

static size_t
write_control(struct cmsghdr *c, const struct front_datagram *d)
{
	if (d->to.ss_family == AF_INET) {
		struct in_pktinfo info = { .ipi_spec_dst = V4_CONST(&d->to)->sin_addr };

		return add_control(c, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
	if (d->to.ss_family == AF_INET6) {
		struct in6_pktinfo info = { V6_CONST(&d->to)->sin6_addr, (unsigned)d->interface };

		return add_control(c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	return 0;
}

void
front_socket_answer(int fd, const struct front_datagram *d, const void *p, size_t n)
{
	union control control;
	struct iovec iov = { .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct sockaddr_storage to = d->from;

	memset(&control, 0, sizeof(control));
	memcpy(&iov.iov_base, &p, sizeof(p));
	m.msg_name = &to;
	m.msg_namelen =
		to.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	m.msg_control = &control;
	m.msg_controllen = write_control(&control.align, d);
	if (m.msg_controllen == 0)
		m.msg_control = NULL;
	(void)sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}
