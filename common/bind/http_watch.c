/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog: one thread per server that looks at every connection a few times a second. It
 * never writes to a connection; shutting a socket down wakes the serving thread, which does. It
 * also looks for new revocation lists and revoked keys.
 */
#include "config.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "bind/http_server.h"

#define LOG_PERIOD_US INT64_C(10000000)
#define LISTS_PERIOD_US INT64_C(1000000)
/* Rounds in which the serving thread has to see that a body is late. */
#define LATE_ROUNDS 8u

struct round {
	struct http_server *server;
	int64_t now;
};

/* A body below the minimum rate, counted from its begin. */
static bool
too_slow(const struct http_conn *c, const struct http_limits *limits, int64_t now)
{
	int64_t age = now - atomic_load(&c->since);

	if (limits->min_rate == 0 || age <= limits->rate_grace)
		return false;
	return atomic_load(&c->octets) * (uint64_t)CLOCK_SECOND <
	       (uint64_t)limits->min_rate * (uint64_t)age;
}

static void
cut_overdue(struct http_conn *c, const struct round *r)
{
	int state = atomic_load_explicit(&c->state, memory_order_acquire);

	if (r->now > atomic_load(&c->deadline) ||
	    (state == CONN_IDLE && atomic_load(&r->server->quiesced)))
		http_table_cut(&r->server->table, c, (enum conn_state)state);
}

/* A body that still drips is answered by the next drop; one that stalled, in the next round. */
static void
check_body(struct http_conn *c, const struct round *r)
{
	c->late_rounds = 0;
	if (r->now > atomic_load(&c->deadline) || too_slow(c, &r->server->limits, r->now))
		http_conn_move(c, CONN_BODY, CONN_LATE);
}

/*
 * End of file for the serving thread, which then finds the state (RFC 9110 section 15.5.9). It
 * never reads that when the library waits with a full buffer, as for the end of an overlong chunk
 * header: then only an error on the socket ends the connection.
 */
static void
wake_late(struct http_conn *c, const struct round *r)
{
	if (++c->late_rounds > LATE_ROUNDS)
		http_table_cut(&r->server->table, c, CONN_LATE);
	else
		shutdown(c->fd, SHUT_RD);
}

/* What a round does in each state; none: the state is not timed. */
static void (*const checks[CONN_STATES])(struct http_conn *c, const struct round *r) = {
	[CONN_IDLE] = cut_overdue, [CONN_HEADER] = cut_overdue,  [CONN_BODY] = check_body,
	[CONN_LATE] = wake_late,   [CONN_SENDING] = cut_overdue, [CONN_DRAIN] = cut_overdue,
};

static void
check(struct http_conn *c, void *arg)
{
	int state = atomic_load_explicit(&c->state, memory_order_acquire);

	if (checks[state] != NULL)
		checks[state](c, arg);
}

/* A session whose key was revoked while nobody asks anything on it. */
static void
cut_fallen(struct http_conn *c, void *arg)
{
	struct http_server *s = arg;
	const struct http_identity *id = &c->identity;

	if (http_conn_is(c, CONN_IDLE) && atomic_load_explicit(&id->proved, memory_order_acquire) &&
	    !s->psk.stands(s->psk.arg, slice_make(id->psk, id->psk_n)))
		http_table_cut(&s->table, c, CONN_IDLE);
}

static void
log_evictions(struct http_server *s, int64_t now, int64_t *last)
{
	if (now - *last < LOG_PERIOD_US ||
	    (atomic_load(&s->table.evicted) == 0 && atomic_load(&s->table.refused) == 0))
		return;
	*last = now;
	LOG_WARN(s->log, "connections_full", LOG_S("listener", s->listener.base_uri),
	         LOG_N("evicted", atomic_exchange(&s->table.evicted, 0)),
	         LOG_N("refused", atomic_exchange(&s->table.refused, 0)));
}

static void
log_unproved(struct http_server *s, int64_t now, int64_t *last)
{
	if (now - *last < LOG_PERIOD_US || atomic_load(&s->table.unproved) == 0)
		return;
	*last = now;
	LOG_WARN(s->log, "clients-unproved", LOG_S("listener", s->listener.base_uri),
	         LOG_N("connections", atomic_exchange(&s->table.unproved, 0)));
}

/* False when the watchdog has to end. */
static bool
wait_period(struct http_server *s)
{
	int64_t until = clock_monotonic() + s->period;
	struct timespec ts = { .tv_sec = until / CLOCK_SECOND,
		               .tv_nsec = (long)(until % CLOCK_SECOND) * 1000 };
	int rc = 0;
	bool stop;

	pthread_mutex_lock(&s->lock);
	while (!s->watch_stop && rc == 0)
		rc = pthread_cond_timedwait(&s->changed, &s->lock, &ts);
	stop = s->watch_stop;
	pthread_mutex_unlock(&s->lock);
	return !stop;
}

static void *
watch(void *arg)
{
	struct http_server *s = arg;
	int64_t last_log = atomic_load(&s->tick) - LOG_PERIOD_US;
	int64_t last_unproved = last_log;
	int64_t last_lists = atomic_load(&s->tick);

	while (wait_period(s)) {
		struct round r = { .server = s, .now = clock_monotonic() };

		atomic_store(&s->tick, r.now);
		http_table_each(&s->table, check, &r);
		log_evictions(s, r.now, &last_log);
		log_unproved(s, r.now, &last_unproved);
		if (r.now - last_lists >= LISTS_PERIOD_US) {
			last_lists = r.now;
			http_reload_lists(s);
			if (s->psk.stands != NULL)
				http_table_each(&s->table, cut_fallen, s);
		}
	}
	return NULL;
}

bool
http_watch_start(struct http_server *s)
{
	s->watching = pthread_create(&s->watchdog, NULL, watch, s) == 0;
	return s->watching;
}

void
http_watch_stop(struct http_server *s)
{
	if (!s->watching)
		return;
	pthread_mutex_lock(&s->lock);
	s->watch_stop = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->watchdog, NULL);
	s->watching = false;
}
