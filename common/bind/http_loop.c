/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/http_server.h"
#include "bind/http_tls.h"

#define POLL_MS 1000
/* Runs without an event after which what the library calls ready is looked at once per ms. */
#define IDLE_RUNS 256u
/*
 * To resume connections the library walks through all suspended ones, of which there may be
 * thousands (long polls): so long per one of them it waits for more to resume.
 */
#define RESUME_NS_PER_SUSPENDED 1000
/* How often is looked whether answers have arrived: a client's host may take its time to say so. */
#define PROVE_US 20000
/*
 * What acknowledges may be a relay on the way, and lose what it has: a connection that is reset so
 * soon after its answer has not brought it.
 */
#define SETTLE_US (2 * CLOCK_SECOND)

/* What libmicrohttpd says in words; an operator needs one of its lines. */
static void
log_library(void *arg, const char *format, va_list ap)
{
	struct http_server *s = arg;
	char line[512];
	int n = vsnprintf(line, sizeof(line), format, ap);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	while (len > 0 && line[len - 1] == '\n')
		len--;
	if (strncmp(line, "Hit process or system resource limit", 36) == 0)
		LOG_WARN(s->log, "accept_failed", LOG_S("text", slice_make(line, len)));
	else
		LOG_DEBUG(s->log, "microhttpd", LOG_S("text", slice_make(line, len)));
}

/* Targets stay as they were sent. */
static size_t
no_unescape(void *arg, struct MHD_Connection *m, char *text)
{
	(void)arg;
	(void)m;
	return strlen(text);
}

static struct MHD_Daemon *
daemon_start(struct http_loop *l, int listen_fd, size_t header_max)
{
	struct http_server *s = l->server;
	/* Connections that were cut keep their place with libmicrohttpd until they are closed. */
	unsigned limit = s->table.max + s->table.max / 4 + 64;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[HTTP_TLS_OPTIONS] = { { MHD_OPTION_END, 0, NULL } };

	if (s->tls != NULL) {
		flags |= MHD_USE_TLS;
		http_tls_options(s->priorities, tls);
	}
	return MHD_start_daemon(
		flags, 0, NULL, NULL, http_request, s, MHD_OPTION_EXTERNAL_LOGGER, log_library, s,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, limit,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, header_max, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK,
		http_request_line, s, MHD_OPTION_NOTIFY_COMPLETED, http_request_end, s,
		MHD_OPTION_NOTIFY_CONNECTION, http_connection, l, MHD_OPTION_ARRAY, tls,
		MHD_OPTION_END);
}

static void
accept_no_more(struct http_loop *l)
{
	struct http_server *s = l->server;
	int fd = MHD_quiesce_daemon(l->daemon);

	l->quiesced = true;
	if (fd >= 0)
		close(fd);
	pthread_mutex_lock(&s->lock);
	s->loops_open--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* Microseconds until what is answered may be resumed, INT64_MAX when nothing is. */
static int64_t
resume_in(struct http_loop *l)
{
	int64_t us;

	if (atomic_load(&l->answered) == NULL)
		return INT64_MAX;
	us = l->resume_at - clock_monotonic();
	return us > 0 ? us : 0;
}

static void
resume_answered(struct http_loop *l)
{
	struct http_conn *c;

	if (resume_in(l) > 0)
		return;
	for (c = atomic_exchange(&l->answered, NULL); c != NULL;) {
		struct http_conn *next = c->next_answered;

		MHD_resume_connection(c->mhd);
		l->suspended--;
		c = next;
	}
	l->resume_at = clock_monotonic() + (int64_t)l->suspended * RESUME_NS_PER_SUSPENDED / 1000;
}

/* Microseconds until the answers that may not have arrived are looked at, INT64_MAX without any. */
static int64_t
prove_in(struct http_loop *l)
{
	int64_t us;

	if (l->unproved.next == &l->unproved)
		return INT64_MAX;
	us = l->prove_at - clock_monotonic();
	return us > 0 ? us : 0;
}

void
http_loop_prove(struct http_conn *c, bool arrived)
{
	if (c->unproved == NULL)
		return;
	if (arrived)
		req_sent(c->unproved);
	req_free(c->unproved);
	c->unproved = NULL;
	c->by_proof.prev->next = c->by_proof.next;
	c->by_proof.next->prev = c->by_proof.prev;
}

void
http_loop_sent(struct http_loop *l, struct http_conn *c)
{
	if (!req_asks_sent(c->rq)) {
		req_sent(c->rq);
		req_free(c->rq);
		return;
	}
	if (l->unproved.next == &l->unproved)
		l->prove_at = clock_monotonic() + PROVE_US;
	c->unproved = c->rq;
	c->settled_at = clock_monotonic() + SETTLE_US;
	c->by_proof = (struct http_link){ .next = &l->unproved, .prev = l->unproved.prev };
	c->by_proof.prev->next = &c->by_proof;
	l->unproved.prev = &c->by_proof;
}

static struct http_conn *
conn_of(struct http_link *by_proof)
{
	return (struct http_conn *)(void *)((char *)by_proof -
	                                    offsetof(struct http_conn, by_proof));
}

static void
prove(struct http_loop *l)
{
	struct http_link *next;
	int64_t now;

	if (prove_in(l) > 0)
		return;
	now = clock_monotonic();
	for (struct http_link *at = l->unproved.next; at != &l->unproved; at = next) {
		struct http_conn *c = conn_of(at);

		next = at->next;
		if (now >= c->settled_at && http_conn_acked(c))
			http_loop_prove(c, true);
	}
	l->prove_at = now + PROVE_US;
}

/*
 * A connection whose input buffer is full and whose end is not in sight (an overlong chunk header)
 * is ready all the time for the library; it must not cost a processor until its deadline.
 */
static void
wait_events(struct http_loop *l)
{
	struct pollfd fds[] = { { .fd = l->epoll, .events = POLLIN },
		                { .fd = l->wake, .events = POLLIN } };
	MHD_UNSIGNED_LONG_LONG ms;
	eventfd_t count;
	bool ready = MHD_get_timeout(l->daemon, &ms) == MHD_YES && ms == 0;
	int64_t us = ready ? 1000 : POLL_MS * 1000, resume = resume_in(l), proof = prove_in(l);
	struct timespec ts;
	int n;

	if (ready && ++l->idle_runs < IDLE_RUNS)
		return;
	if (us > resume)
		us = resume;
	if (us > proof)
		us = proof;
	ts = (struct timespec){ .tv_sec = us / CLOCK_SECOND, .tv_nsec = us % CLOCK_SECOND * 1000 };
	n = ppoll(fds, 2, &ts, NULL);
	if (n > 0 || !ready)
		l->idle_runs = 0;
	if (n > 0 && fds[1].revents != 0) {
		eventfd_read(l->wake, &count);
		atomic_store(&l->woken, false);
	}
}

static void *
loop_run(void *arg)
{
	struct http_loop *l = arg;
	struct http_server *s = l->server;

	while (!atomic_load(&s->loops_stop)) {
		wait_events(l);
		if (!l->quiesced && atomic_load(&s->quiesced))
			accept_no_more(l);
		resume_answered(l);
		prove(l);
		MHD_run(l->daemon);
	}
	l->resume_at = 0;
	resume_answered(l);
	return NULL;
}

bool
http_loop_start(struct http_loop *l, struct http_server *s, size_t header_max)
{
	int fd = dup(s->listen_fd);

	l->server = s;
	l->unproved.next = l->unproved.prev = &l->unproved;
	l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd >= 0 && l->wake >= 0)
		l->daemon = daemon_start(l, fd, header_max);
	if (l->daemon == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	l->epoll = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	l->running = pthread_create(&l->thread, NULL, loop_run, l) == 0;
	return l->running;
}

void
http_loop_wake(struct http_loop *l)
{
	/* One write for a burst of answers. */
	if (!atomic_exchange(&l->woken, true))
		eventfd_write(l->wake, 1);
}

void
http_loop_suspend(struct http_loop *l, struct http_conn *c)
{
	MHD_suspend_connection(c->mhd);
	l->suspended++;
}

void
http_loop_resume(struct http_loop *l, struct http_conn *c)
{
	struct http_conn *next = atomic_load(&l->answered);

	do
		c->next_answered = next;
	while (!atomic_compare_exchange_weak(&l->answered, &next, c));
	/* From here on c may be gone. When there were others, the loop knows when to look. */
	if (next == NULL)
		http_loop_wake(l);
}

void
http_loop_stop(struct http_loop *l)
{
	if (l->running)
		pthread_join(l->thread, NULL);
	if (l->daemon != NULL)
		MHD_stop_daemon(l->daemon);
	if (l->wake >= 0)
		close(l->wake);
}
