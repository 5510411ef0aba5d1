/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/http_pool.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define IDLE_CONNECTIONS 64L /* kept open without a credential, in all */
#define IDLE_CONNECTIONS_CREDENTIAL 4L /* for each; one credential is for one or few peers */
#define IDLE_MAX (120 * CLOCK_SECOND) /* libcurl uses no connection that was idle for longer */
#define SWEEP_INTERVAL CLOCK_SECOND
#define EVENTS_MAX 64 /* taken at once */

/* ---- what libcurl waits for ---- */

/* What an event tells: the pool's place, and the socket. */
static uint64_t
event_mark(unsigned slot, int fd)
{
	return (uint64_t)slot << 32 | (uint32_t)fd;
}

static uint32_t
events_of(int what)
{
	return (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
}

/*
 * Called by libcurl before it closes a socket, too. What cannot be watched for want of memory ends
 * with its timeout.
 */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watched)
{
	struct pool *pool = arg;
	struct epoll_event ev = { .events = events_of(what),
		                  .data.u64 = event_mark(pool->slot, fd) };
	int epoll = pool->all->epoll;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	} else if (epoll_ctl(epoll, watched == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev) ==
	                   0 &&
	           watched == NULL) {
		curl_multi_assign(pool->multi, fd, pool);
	}
	return 0;
}

/*
 * A process that this one starts must not have it: it would stay open, and be watched, when libcurl
 * has closed it.
 */
static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct exchange *ex = arg;

	(void)purpose;
	/* What the name has come out as, this very time: it may be another address than before. */
	if (ex->address_ok != NULL && !ex->address_ok(ex->address_arg, &a->addr))
		return CURL_SOCKET_BAD;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct pool *pool = arg;

	(void)multi;
	pool->timer =
		timeout_ms < 0 ? INT64_MAX : clock_monotonic() + timeout_ms * (CLOCK_SECOND / 1000);
	return 0;
}

/* What has begun of a millisecond counts. */
int
pools_wait_ms(const struct pools *ps, int max)
{
	int64_t next = ps->n > 1 ? ps->sweep : INT64_MAX, us;

	for (unsigned i = 0; i < ps->n; i++)
		if (ps->slots[i] != NULL && ps->slots[i]->timer < next)
			next = ps->slots[i]->timer;
	if (next == INT64_MAX)
		return max;
	us = next - clock_monotonic();
	if (us <= 0)
		return 0;
	return (us + 999) / 1000 < max ? (int)((us + 999) / 1000) : max;
}

static void
run_timers(const struct pools *ps)
{
	int64_t now = clock_monotonic();
	int running;

	for (unsigned i = 0; i < ps->n; i++) {
		struct pool *pool = ps->slots[i];

		if (pool == NULL || pool->timer > now)
			continue;
		/* Set again from within when there is a next one. */
		pool->timer = INT64_MAX;
		curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

static void
run_event(const struct pools *ps, const struct epoll_event *ev)
{
	unsigned slot = (unsigned)(ev->data.u64 >> 32);
	int running, what = 0;

	if (ev->events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (ev->events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (ev->events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(ps->slots[slot]->multi, (int)(uint32_t)ev->data.u64, what,
	                         &running);
}

/* No pool ends between the look and the last of its events. */
static void
run_events(const struct pools *ps)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(ps->epoll, events, EVENTS_MAX, 0);

	for (int i = 0; i < n; i++)
		run_event(ps, &events[i]);
}

/* ---- pools ---- */

static void
pool_end(struct pool *pool)
{
	struct pools *ps = pool->all;

	curl_multi_cleanup(pool->multi);
	credential_unref(pool->credential);
	ps->slots[pool->slot] = NULL;
	while (ps->n > 0 && ps->slots[ps->n - 1] == NULL)
		ps->n--;
	free(pool);
}

static void
set_up(struct pool *pool)
{
	CURLM *multi = pool->multi;

	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
	                  pool->credential == NULL ? IDLE_CONNECTIONS
	                                           : IDLE_CONNECTIONS_CREDENTIAL);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

static struct pool *
pool_new(struct pools *ps, unsigned slot, const struct credential *c)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL || (pool->multi = curl_multi_init()) == NULL) {
		free(pool);
		return NULL;
	}
	pool->all = ps;
	pool->slot = slot;
	pool->credential = c == NULL ? NULL : credential_ref(c);
	pool->timer = INT64_MAX;
	pool->used = clock_monotonic();
	set_up(pool);
	ps->slots[slot] = pool;
	if (slot >= ps->n)
		ps->n = slot + 1;
	return pool;
}

/* A free place, if need be by ending the pool idle for longest; POOLS_MAX: all are busy. */
static unsigned
make_room(struct pools *ps)
{
	struct pool *oldest = NULL;
	unsigned slot;

	for (slot = 0; slot < POOLS_MAX; slot++) {
		struct pool *pool = ps->slots[slot];

		if (pool == NULL)
			return slot;
		if (pool->credential != NULL && pool->n_active == 0 &&
		    (oldest == NULL || pool->used < oldest->used))
			oldest = pool;
	}
	if (oldest == NULL)
		return POOLS_MAX;
	slot = oldest->slot;
	pool_end(oldest);
	return slot;
}

struct pool *
pools_get(struct pools *ps, const struct credential *c)
{
	unsigned slot;

	for (unsigned i = 0; i < ps->n; i++)
		if (ps->slots[i] != NULL && ps->slots[i]->credential == c)
			return ps->slots[i];
	slot = make_room(ps);
	return slot == POOLS_MAX ? NULL : pool_new(ps, slot, c);
}

static void
sweep(struct pools *ps)
{
	int64_t now;

	if (ps->n <= 1)
		return;
	now = clock_monotonic();
	if (now < ps->sweep)
		return;
	ps->sweep = now + SWEEP_INTERVAL;
	for (unsigned i = 1; i < POOLS_MAX; i++) {
		struct pool *pool = ps->slots[i];

		if (pool != NULL && pool->n_active == 0 &&
		    (credential_sole(pool->credential) || now - pool->used > IDLE_MAX))
			pool_end(pool);
	}
}

bool
pools_open(struct pools *ps)
{
	*ps = (struct pools){ 0 };
	ps->epoll = epoll_create1(EPOLL_CLOEXEC);
	return ps->epoll >= 0 && pool_new(ps, 0, NULL) != NULL;
}

void
pools_close(struct pools *ps)
{
	for (unsigned i = 0; i < POOLS_MAX; i++)
		if (ps->slots[i] != NULL)
			pool_end(ps->slots[i]);
	if (ps->epoll >= 0)
		close(ps->epoll);
}

void
pools_work(struct pools *ps)
{
	run_events(ps);
	run_timers(ps);
	sweep(ps);
}

void
pool_hold(struct pool *pool)
{
	pool->n_active++;
}

void
pool_release(struct pool *pool)
{
	pool->n_active--;
	pool->used = clock_monotonic();
}

bool
pool_add(struct pool *pool, CURL *easy, const struct exchange *ex)
{
	if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, ex) != CURLE_OK ||
	    curl_multi_add_handle(pool->multi, easy) != CURLM_OK)
		return false;
	pool->n_active++;
	return true;
}

void
pool_remove(struct pool *pool, CURL *easy)
{
	curl_multi_remove_handle(pool->multi, easy);
	pool_release(pool);
}

CURL *
pool_ended(const struct pool *pool, CURLcode *result)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(pool->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE) {
			*result = m->data.result;
			return m->easy_handle;
		}
	return NULL;
}
