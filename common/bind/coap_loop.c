/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of a CoAP server: waits, lets libcoap read what has passed the front, and answers. */
#include "config.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/coap_observe.h"
#include "bind/coap_server.h"

#define EVENTS 4 /* its timer and its socket */
/* Datagrams of one turn: the core's answers and timers are not to wait for more. */
#define DATAGRAMS 64u
#define STOPPING_US INT64_C(10000)

/*
 * libcoap reads one datagram for an event of its socket. It would come again as long as there is
 * more; the front knows that without asking.
 */
static void
read_datagrams(struct coapd *s, struct epoll_event *readable)
{
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		if (front_next(s->front, s->now) != FRONT_PASS)
			return;
		if (!coapd_direct(s)) {
			coapd_session_arrives(s);
			coap_io_do_epoll(s->context, readable, 1);
			coapd_session_settle(s);
			coapd_watch_passed(s);
		}
		coapd_sessions_doomed(s);
	}
}

static void
run_library(struct coapd *s)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(coap_context_get_coap_fd(s->context), events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		/* An event without a pointer is that of the timer. */
		if (events[i].data.ptr == NULL)
			coap_io_do_epoll(s->context, &events[i], 1);
		else
			read_datagrams(s, &events[i]);
	}
}

static void
tick(struct coapd *s)
{
	if (s->now < s->tick_at)
		return;
	s->tick_at = s->now + COAPD_TICK_US;
	blocks_expire(s->blocks, s->now);
	coapd_seen_tick(s);
	cdtls_tick(s->dtls);
	coapd_sessions_tick(s);
}

static void
wait_events(struct coapd *s, int64_t until)
{
	struct pollfd fds[] = {
		{ .fd = coap_context_get_coap_fd(s->context), .events = POLLIN },
		{ .fd = s->wake, .events = POLLIN },
	};
	int64_t us = until - clock_monotonic();
	struct timespec ts;
	eventfd_t count;

	if (us < 0)
		us = 0;
	ts = (struct timespec){ .tv_sec = us / CLOCK_SECOND, .tv_nsec = us % CLOCK_SECOND * 1000 };
	if (ppoll(fds, 2, &ts, NULL) > 0 && fds[1].revents != 0) {
		eventfd_read(s->wake, &count);
		atomic_store(&s->woken, false);
	}
	s->now = clock_monotonic();
	if (fds[0].revents != 0)
		run_library(s);
}

/* What coapd_stop waits for. */
static void
tell_turn(struct coapd *s)
{
	atomic_store(&s->arriving, s->n_watches > 0 || coap_can_exit(s->context) == 0 ||
	                                   atomic_load(&s->answered) != NULL);
	atomic_fetch_add(&s->turns, 1);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void *
loop_run(void *arg)
{
	struct coapd *s = arg;

	s->now = clock_monotonic();
	while (!atomic_load(&s->loop_stop)) {
		int64_t until;

		coapd_answered(s);
		coapd_sessions_doomed(s);
		until = earlier(coapd_acks(s), coapd_observe_run(s));
		tick(s);
		until = earlier(until, s->tick_at);
		if (atomic_load(&s->stopping)) {
			tell_turn(s);
			until = earlier(until, s->now + STOPPING_US);
		}
		wait_events(s, until);
	}
	coapd_answered(s);
	return NULL;
}

bool
coapd_loop_start(struct coapd *s)
{
	s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->running = s->wake >= 0 && pthread_create(&s->thread, NULL, loop_run, s) == 0;
	return s->running;
}

void
coapd_wake(struct coapd *s)
{
	/* One write for a burst of answers. */
	if (!atomic_exchange(&s->woken, true))
		eventfd_write(s->wake, 1);
}

void
coapd_loop_stop(struct coapd *s)
{
	if (s->running) {
		atomic_store(&s->loop_stop, true);
		coapd_wake(s);
		pthread_join(s->thread, NULL);
	}
	if (s->wake >= 0)
		close(s->wake);
}
