/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "serve.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, IDLE_SECONDS = 120, POLL_MS = 1000 };

struct loop {
	struct serve *serve;
	struct MHD_Daemon *daemon;
	int epoll;		/* of the daemon */
	int wake;		/* eventfd */
	pthread_t thread;
	bool running;
};

struct serve {
	atomic_bool stop;
	unsigned n;
	void (*stopping)(void *cls);
	void *cls;
	struct loop loops[SERVE_THREADS_MAX];
};

static void
stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void
serve_block_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void
serve_wait(void)
{
	sigset_t set;
	int sig;

	stop_signals(&set);
	sigwait(&set, &sig);
}

/* Milliseconds the daemon of the loop may be left alone. */
static int
loop_timeout(const struct loop *l)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(l->daemon, &ms) == MHD_YES && ms < POLL_MS)
		return (int)ms;
	return POLL_MS;
}

static void *
loop_run(void *arg)
{
	struct loop *l = arg;
	struct pollfd fds[] = {
		{ .fd = l->epoll, .events = POLLIN },
		{ .fd = l->wake, .events = POLLIN },
	};
	eventfd_t value;

	while (!atomic_load(&l->serve->stop)) {
		if (poll(fds, 2, loop_timeout(l)) > 0 && fds[1].revents != 0)
			eventfd_read(l->wake, &value);
		MHD_run(l->daemon);
	}
	return NULL;
}

static struct MHD_Daemon *
daemon_start(const struct serve_config *c, unsigned flags, int listener, unsigned pool)
{
	static const struct MHD_OptionItem none = { .option = MHD_OPTION_END };

	flags |= c->flags;
	return MHD_start_daemon(flags | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    NULL, NULL, c->handler, c->cls,
	    MHD_OPTION_LISTEN_SOCKET, listener,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
	    MHD_OPTION_NOTIFY_COMPLETED, c->completed, c->cls,
	    MHD_OPTION_ARRAY, c->options == NULL ? &none : c->options,
	    pool > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, pool, MHD_OPTION_END);
}

static bool
loop_start(struct serve *s, const struct serve_config *c, int listener)
{
	struct loop *l = &s->loops[s->n];
	const union MHD_DaemonInfo *info;

	l->serve = s;
	l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->daemon = daemon_start(c, 0, dup(listener), 1);
	if (l->wake < 0 || l->daemon == NULL)
		return false;
	s->n++;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	l->epoll = info->epoll_fd;
	l->running = pthread_create(&l->thread, NULL, loop_run, l) == 0;
	return l->running;
}

/* The pool is a loop whose thread is not ours. */
static bool
pool_start(struct serve *s, const struct serve_config *c, int listener)
{
	struct loop *l = &s->loops[0];

	l->wake = -1;
	l->daemon = daemon_start(c, MHD_USE_INTERNAL_POLLING_THREAD, dup(listener), c->threads);
	s->n = l->daemon != NULL;
	return l->daemon != NULL;
}

/* A non-blocking listener on 127.0.0.1; *port is 0 or the wanted one and becomes the real one. */
static int
listener_open(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t len = sizeof(address);
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, SOMAXCONN) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

static bool
all_start(struct serve *s, const struct serve_config *c, int listener)
{
	s->stopping = c->stopping;
	s->cls = c->cls;
	if (c->pool)
		return pool_start(s, c, listener);
	for (unsigned i = 0; i < c->threads; i++)
		if (!loop_start(s, c, listener))
			return false;
	return true;
}

struct serve *
serve_start(const struct serve_config *config)
{
	uint16_t port = config->port;
	int listener = listener_open(&port);
	struct serve *s = calloc(1, sizeof(*s));

	if (listener < 0 || s == NULL || !all_start(s, config, listener)) {
		fputs("cannot start the HTTP server\n", stderr);
		if (s != NULL)
			serve_stop(s);
		s = NULL;
	} else {
		printf("ready http=127.0.0.1:%u\n", (unsigned)port);
		fflush(stdout);
	}
	if (listener >= 0)
		close(listener);
	return s;
}

void
serve_wake(struct serve *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->loops[i].wake >= 0)
			eventfd_write(s->loops[i].wake, 1);
}

void
serve_stop(struct serve *s)
{
	atomic_store(&s->stop, true);
	serve_wake(s);
	for (unsigned i = 0; i < s->n; i++)
		if (s->loops[i].running)
			pthread_join(s->loops[i].thread, NULL);
	if (s->stopping != NULL)
		s->stopping(s->cls);
	for (unsigned i = 0; i < s->n; i++) {
		struct loop *l = &s->loops[i];

		MHD_stop_daemon(l->daemon);
		if (l->wake >= 0)
			close(l->wake);
	}
	free(s);
}
