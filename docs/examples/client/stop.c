/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stop.h"

#include <err.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "client/when.h"

#define FDS_MAX	4

int
stop_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* An ignored signal never reaches a signalfd; shells ignore SIGINT in the background. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		errx(1, "cannot block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		err(1, "signalfd");
	return fd;
}

bool
stop_asked(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

bool
stop_wait(const int *fds, unsigned int count, int64_t deadline_ms)
{
	struct pollfd p[FDS_MAX];
	unsigned int n;
	int64_t left;

	for (n = 0; n < count && n < FDS_MAX; n++)
		p[n] = (struct pollfd){ .fd = fds[n], .events = POLLIN };
	do {
		left = deadline_ms - when_monotonic();
		if (left < 0)
			left = 0;
		if (left > INT_MAX)
			left = INT_MAX;
		if (poll(p, n, (int)left) > 0)
			return false;
	} while (when_monotonic() < deadline_ms);
	return true;
}
