/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/coap_hosts.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/tls_client.h"

#define PER_HOST_DEFAULT 8u
#define CONNECT_DEFAULT_MS 10000u
#define IDLE_CONNECTIONS 64u /* kept in all */
#define IDLE_MAX (120 * CLOCK_SECOND)
#define SWEEP_INTERVAL CLOCK_SECOND
/* The server may have lost the session of one that was silent for longer (DTLS does not tell). */
#define PING_AFTER (15 * CLOCK_SECOND)

struct coapc_host {
	struct coapc_host *next; /* of its bucket */
	struct coapc_host *next_dirty;
	bool dirty;
	unsigned port;
	const struct credential *credential; /* referenced; NULL: without DTLS */
	char name[RESOLVE_NAME_MAX + 1]; /* as it was given first */

	struct resolve_ask *ask;
	struct resolve_answer addresses;
	unsigned at; /* of addresses: in use */

	struct coapc_calls waiting;
	struct coapc_conn *conns; /* the first takes new calls, unless it drains */
	unsigned n_active;
};

static void
soil(struct coapc_hosts *hs, struct coapc_host *h)
{
	if (h->dirty)
		return;
	h->dirty = true;
	h->next_dirty = hs->dirty;
	hs->dirty = h;
}

static void
be_due(struct coapc_hosts *hs, int64_t due)
{
	if (due < hs->due)
		hs->due = due;
}

/* ---- ends ---- */

static void
end_waiting(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_call *call)
{
	call->ex->unsent = true;
	coapc_calls_remove(&h->waiting, call);
	coapc_calls_add(&hs->ended, call);
}

/* The outcome of a call for which there is no connection, or not any more. */
static void
fail_for(struct coapc_call *call, const struct dtls_out_failure *f, bool tls, enum rc rc)
{
	coapc_call_fail(call, rc, f->text);
	call->ex->tls_failed = tls;
	call->ex->tls_refused = tls && f->refused;
}

static void
fail_waiting(struct coapc_hosts *hs, struct coapc_host *h, const struct dtls_out_failure *f,
             bool tls, enum rc rc)
{
	while (h->waiting.first != NULL) {
		fail_for(h->waiting.first, f, tls, rc);
		end_waiting(hs, h, h->waiting.first);
	}
}

/* The host has no more than one connection at a time that takes calls; those before it drain. */
static bool
next_address(struct coapc_host *h)
{
	if (h->at + 1 >= h->addresses.n)
		return false;
	h->at++;
	return true;
}

/* It will be asked for again: it may have moved. */
static void
forget_addresses(struct coapc_host *h)
{
	h->addresses.n = 0;
	h->at = 0;
}

static void
unlink_conn(struct coapc_host *h, struct coapc_conn *c)
{
	struct coapc_conn **at = &h->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	coapc_conn_free(c);
}

/* Calls under way on a connection that has failed. again: what was not sent waits for another. */
static void
fail_active(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_conn *c, bool again,
            int64_t now)
{
	bool unsent = coapc_conn_is_unsent(c);

	while (c->active.first != NULL) {
		struct coapc_call *call = c->active.first;

		coapc_conn_leave(c, call, now);
		h->n_active--;
		if (unsent && again) {
			call->n_messages = 0;
			call->next = h->waiting.first;
			call->prev = NULL;
			*(call->next == NULL ? &h->waiting.last : &call->next->prev) = call;
			h->waiting.first = call;
			continue;
		}
		fail_for(call, &c->failure, false, RC_BAD_GATEWAY);
		call->ex->unsent = unsent;
		coapc_calls_add(&hs->ended, call);
	}
}

static void
end_failed(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_conn *c, int64_t now)
{
	/* A connection that never stood: its host is not there, or is another one. */
	bool never =
		c->ssl != NULL ? !SSL_is_init_finished(c->ssl) || c->failure.refused : !c->heard;
	bool again =
		never && !c->draining && (c->failure.unreachable || !c->heard) && next_address(h);
	bool tls = c->ssl != NULL && c->heard;
	/* Calls that leave it may have it drain: that is no other connection. */
	bool for_all = never && !again && !c->draining;

	fail_active(hs, h, c, again, now);
	if (for_all)
		fail_waiting(hs, h, &c->failure, tls,
		             c->failure.unreachable || tls ? RC_BAD_GATEWAY : RC_GATEWAY_TIMEOUT);
	if (!again)
		forget_addresses(h);
	unlink_conn(h, c);
}

/* ---- beginnings ---- */

/* False: there are none yet, or the calls have failed for want of them. */
static bool
find_addresses(struct coapc_hosts *hs, struct coapc_host *h)
{
	const struct dtls_out_failure full = { .text = "too many names are asked for" };

	if (h->addresses.n > 0)
		return true;
	if (h->ask != NULL)
		return false;
	h->at = 0;
	if (resolve_numeric(h->name, h->port, &h->addresses))
		return true;
	h->ask = resolve_begin(hs->resolver, h->name, h->port);
	if (h->ask == NULL)
		fail_waiting(hs, h, &full, false, RC_UNAVAILABLE);
	return false;
}

/* NULL, and *failure. There are addresses. */
static struct coapc_conn *
add_conn(struct coapc_hosts *hs, struct coapc_host *h, int64_t now,
         struct dtls_out_failure *failure)
{
	const struct conn_conf conf = { .address = &h->addresses.addresses[h->at],
		                        .host = h->name,
		                        .credential = h->credential,
		                        .now = now,
		                        .due = now + hs->connect_us };
	struct coapc_conn *c = coapc_conn_new(&conf, failure);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (c == NULL)
		return NULL;
	/* Without it what comes is found late, when a timer is over. */
	(void)epoll_ctl(hs->epoll, EPOLL_CTL_ADD, c->fd, &ev);
	if (h->conns != NULL)
		h->conns->draining = true;
	c->host = h;
	c->next = h->conns;
	h->conns = c;
	be_due(hs, c->state == CONN_CONNECTING && c->timer < c->due ? c->timer : c->due);
	if (c->state == CONN_FAILED)
		soil(hs, h);
	return c;
}

/* NULL: the call, which is the first in line, has failed, or waits for another address. */
static struct coapc_conn *
add_conn_for(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_call *call, int64_t now)
{
	struct dtls_out_failure failure = { .unreachable = false };
	struct coapc_conn *c = find_addresses(hs, h) ? add_conn(hs, h, now, &failure) : NULL;

	if (c != NULL) {
		c->made_for = call->own ? call : NULL;
	} else if (h->addresses.n > 0 && !(failure.unreachable && next_address(h))) {
		fail_for(call, &failure, h->credential != NULL && !failure.unreachable,
		         RC_BAD_GATEWAY);
		end_waiting(hs, h, call);
		forget_addresses(h);
	}
	return c;
}

/* The connection for the call that is first in line; NULL: none can be used now. */
static struct coapc_conn *
conn_for(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_call *call, int64_t now)
{
	struct coapc_conn *c = h->conns;
	bool usable = c != NULL && !c->draining && c->state != CONN_FAILED &&
	              !coapc_conn_is_spent(c) && (!call->own || c->made_for == call);

	if (!usable)
		c = add_conn_for(hs, h, call, now);
	if (c == NULL || c->state != CONN_STANDS)
		return NULL;
	if (c->ssl != NULL && c->n_active == 0 && now - c->heard_at > PING_AFTER) {
		coapc_conn_ping(c, now, now + hs->connect_us);
		be_due(hs, c->timer);
		return NULL;
	}
	/* One message finds out whether anybody is there (RFC 7252 section 4.7). */
	return !c->heard && c->n_active > 0 ? NULL : c;
}

/* What the sender wants of the session before anything is sent. NULL, or why it is not sent. */
static const char *
ask_sender(const struct coapc_conn *c, struct coapc_call *call, bool *tls)
{
	struct exchange *ex = call->ex;
	struct exchange_header more = { SLICE_NONE, SLICE_NONE };
	struct cmap_call where;
	const char *why = NULL;

	*tls = ex->exporter_label != NULL;
	if (ex->exporter_label != NULL)
		why = tls_client_export(c->ssl, ex->exporter_label, &ex->exported);
	if (why != NULL)
		return why;
	ex->has_exported = ex->exporter_label != NULL;
	*tls = false;
	if (ex->connected == NULL)
		return NULL;
	if (!ex->connected(ex, &more))
		return "the sender does not want this session";
	return more.name.n > 0 && coapc_call_prepare(call, &more, &where, &why) != RC_OK ? why
	                                                                                 : NULL;
}

/* The call has its place. */
static void
begin_call(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_conn *c,
           struct coapc_call *call, int64_t now)
{
	bool tls = false;
	const char *why = call->own ? ask_sender(c, call, &tls) : NULL;

	if (why != NULL) {
		coapc_call_fail(call, RC_BAD_GATEWAY, why);
		call->ex->tls_failed = call->ex->tls_refused = tls;
		end_waiting(hs, h, call);
		return;
	}
	c->made_for = NULL;
	coapc_calls_remove(&h->waiting, call);
	if (!coapc_conn_send(c, call, now)) {
		call->ex->unsent = true;
		coapc_calls_add(&hs->ended, call);
		return;
	}
	h->n_active++;
	be_due(hs, call->timer);
	if (c->state == CONN_FAILED)
		soil(hs, h);
}

/* An answer says which of the messages it is for by the token alone. */
static bool
is_token_in_use(const struct coapc_host *h, const struct coapc_call *call)
{
	for (const struct coapc_conn *c = h->conns; c != NULL; c = c->next)
		for (const struct coapc_call *at = c->active.first; at != NULL; at = at->next)
			if (coapc_call_same_token(at, call))
				return true;
	return false;
}

/* The first in line, but those whose token is in use. */
static struct coapc_call *
next_waiting(const struct coapc_host *h)
{
	struct coapc_call *call = h->waiting.first;

	while (call != NULL && is_token_in_use(h, call))
		call = call->next;
	return call;
}

static void
advance(struct coapc_hosts *hs, struct coapc_host *h, int64_t now)
{
	struct coapc_call *call;

	while (h->n_active < hs->per_host && (call = next_waiting(h)) != NULL) {
		struct coapc_conn *c = conn_for(hs, h, call, now);

		if (c != NULL)
			begin_call(hs, h, c, call, now);
		else if (call == next_waiting(h) && (h->ask != NULL || h->conns != NULL))
			return;
	}
}

/* ---- hosts ---- */

static struct coapc_host **
bucket_of(struct coapc_hosts *hs, const struct coapc_peer *peer)
{
	unsigned hash = peer->port;

	for (size_t i = 0; i < peer->name.n; i++)
		hash = hash * 31 + ((unsigned char)peer->name.p[i] | 0x20u);
	return &hs->buckets[hash % HOSTS_BUCKETS];
}

static bool
is_peer(const struct coapc_host *h, const struct coapc_peer *peer)
{
	return h->port == peer->port && h->credential == peer->credential &&
	       strlen(h->name) == peer->name.n &&
	       strncasecmp(h->name, peer->name.p, peer->name.n) == 0;
}

static struct coapc_host *
host_get(struct coapc_hosts *hs, const struct coapc_peer *peer)
{
	struct coapc_host **bucket = bucket_of(hs, peer), *h;

	for (h = *bucket; h != NULL; h = h->next)
		if (is_peer(h, peer))
			return h;
	h = peer->name.n > RESOLVE_NAME_MAX ? NULL : calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	memcpy(h->name, peer->name.p, peer->name.n);
	h->port = peer->port;
	h->credential = peer->credential == NULL ? NULL : credential_ref(peer->credential);
	h->next = *bucket;
	*bucket = h;
	return h;
}

static void
host_free(struct coapc_hosts *hs, struct coapc_host *h)
{
	const struct coapc_peer peer = { slice_of(h->name), h->port, h->credential };
	struct coapc_host **at = bucket_of(hs, &peer);

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	if (h->ask != NULL)
		resolve_cancel(hs->resolver, h->ask);
	credential_unref(h->credential);
	free(h);
}

bool
coapc_hosts_enter(struct coapc_hosts *hs, const struct coapc_peer *peer, struct coapc_call *call)
{
	struct coapc_host *h = host_get(hs, peer);

	if (h == NULL)
		return false;
	call->host = h;
	coapc_calls_add(&h->waiting, call);
	be_due(hs, call->due);
	soil(hs, h);
	return true;
}

/* ---- what happens ---- */

/* Calls that have ended leave their places. */
static void
leave_places(struct coapc_hosts *hs, struct coapc_calls *ended)
{
	struct coapc_call *call;

	while ((call = ended->first) != NULL) {
		call->host->n_active--;
		soil(hs, call->host);
		coapc_calls_remove(ended, call);
		coapc_calls_add(&hs->ended, call);
	}
}

void
coapc_hosts_event(struct coapc_hosts *hs, struct coapc_conn *c, int64_t now)
{
	struct coapc_calls ended = { .first = NULL };

	coapc_conn_read(c, now, &ended);
	leave_places(hs, &ended);
	be_due(hs, coapc_conn_work(c, now, &ended));
	leave_places(hs, &ended);
	soil(hs, c->host);
}

void
coapc_hosts_resolved(struct coapc_hosts *hs)
{
	const struct dtls_out_failure unknown = { .text = "the name of the host is not known" };

	for (unsigned i = 0; i < HOSTS_BUCKETS; i++)
		for (struct coapc_host *h = hs->buckets[i]; h != NULL; h = h->next) {
			if (h->ask == NULL || !resolve_take(hs->resolver, h->ask, &h->addresses))
				continue;
			h->ask = NULL;
			h->at = 0;
			if (h->addresses.n == 0)
				fail_waiting(hs, h, &unknown, false, RC_BAD_GATEWAY);
			soil(hs, h);
		}
}

static void
end_late(struct coapc_hosts *hs, struct coapc_host *h, int64_t now)
{
	for (struct coapc_call *call = h->waiting.first, *after; call != NULL; call = after) {
		after = call->next;
		be_due(hs, call->due > now ? call->due : INT64_MAX);
		if (call->due > now)
			continue;
		coapc_call_fail(call, RC_GATEWAY_TIMEOUT,
		                h->ask != NULL ? "the name of the host was not resolved in time"
		                               : "no connection to the host was free");
		end_waiting(hs, h, call);
		soil(hs, h);
	}
}

static void
end_late_active(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_conn *c, int64_t now)
{
	for (struct coapc_call *call = c->active.first, *after; call != NULL; call = after) {
		after = call->next;
		be_due(hs, call->due > now ? call->due : INT64_MAX);
		if (call->due > now)
			continue;
		/* The server may have lost the session: the next call makes another one. */
		c->draining = c->draining || (c->ssl != NULL && !call->acknowledged);
		coapc_conn_leave(c, call, now);
		h->n_active--;
		coapc_call_fail(call, RC_GATEWAY_TIMEOUT, "no answer in time");
		coapc_calls_add(&hs->ended, call);
		soil(hs, h);
	}
}

/*
 * DTLS does not tell that a server was restarted: another session is begun. When that stands the
 * server is there, and has lost this one.
 */
static void
doubt(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_conn *c, int64_t now)
{
	const struct coapc_conn *other = h->conns;
	struct dtls_out_failure failure;

	c->draining = true;
	if (other == c && h->addresses.n > 0)
		(void)add_conn(hs, h, now, &failure);
	else if (other != c && other->state == CONN_STANDS && other->heard_at > c->heard_at)
		coapc_conn_lose(c);
	be_due(hs, now + SWEEP_INTERVAL);
}

static void
work_conn(struct coapc_hosts *hs, struct coapc_host *h, struct coapc_conn *c, int64_t now)
{
	struct coapc_calls ended = { .first = NULL };
	bool stood = c->state == CONN_STANDS;

	be_due(hs, coapc_conn_work(c, now, &ended));
	leave_places(hs, &ended);
	end_late_active(hs, h, c, now);
	if (c->doubted && c->ssl != NULL)
		doubt(hs, h, c, now);
	/* A repeated flight may be answered before it is left: the session stands, no event tells. */
	if (c->state == CONN_FAILED || (c->state == CONN_STANDS && !stood))
		soil(hs, h);
	if (c->n_active > 0 || c->state != CONN_STANDS)
		return;
	hs->n_idle++;
	if (now - c->used >= IDLE_MAX || (c->credential != NULL && credential_sole(c->credential)))
		c->draining = true;
	if (c->draining)
		soil(hs, h);
	be_due(hs, c->credential != NULL ? now + SWEEP_INTERVAL : c->used + IDLE_MAX);
}

/* More are idle than are kept: the one that is for longest ends. */
static void
end_idlest(struct coapc_hosts *hs)
{
	struct coapc_conn *idlest = NULL;

	for (unsigned i = 0; i < HOSTS_BUCKETS; i++)
		for (struct coapc_host *h = hs->buckets[i]; h != NULL; h = h->next)
			for (struct coapc_conn *c = h->conns; c != NULL; c = c->next)
				if (c->n_active == 0 && c->state == CONN_STANDS && !c->draining &&
				    (idlest == NULL || c->used < idlest->used))
					idlest = c;
	if (idlest == NULL)
		return;
	idlest->draining = true;
	soil(hs, idlest->host);
}

void
coapc_hosts_work(struct coapc_hosts *hs, int64_t now)
{
	if (now < hs->due)
		return;
	hs->due = INT64_MAX;
	hs->n_idle = 0;
	for (unsigned i = 0; i < HOSTS_BUCKETS; i++)
		for (struct coapc_host *h = hs->buckets[i]; h != NULL; h = h->next) {
			end_late(hs, h, now);
			for (struct coapc_conn *c = h->conns; c != NULL; c = c->next)
				work_conn(hs, h, c, now);
		}
	for (; hs->n_idle > IDLE_CONNECTIONS; hs->n_idle--)
		end_idlest(hs);
}

/* One connection that is of no use; false: there is none. */
static bool
end_one(struct coapc_hosts *hs, struct coapc_host *h, int64_t now)
{
	for (struct coapc_conn *c = h->conns; c != NULL; c = c->next) {
		if (c->state == CONN_FAILED)
			end_failed(hs, h, c, now);
		else if (c->draining && c->n_active == 0)
			unlink_conn(h, c);
		else
			continue;
		return true;
	}
	return false;
}

static void
tidy_host(struct coapc_hosts *hs, struct coapc_host *h, int64_t now)
{
	while (end_one(hs, h, now))
		continue;
	/* What fails at once makes room for another try. */
	do
		advance(hs, h, now);
	while (end_one(hs, h, now));
	for (const struct coapc_conn *c = h->conns; c != NULL; c = c->next)
		if (c->n_active == 0)
			be_due(hs, now + SWEEP_INTERVAL);
}

void
coapc_hosts_tidy(struct coapc_hosts *hs, int64_t now)
{
	struct coapc_host *h;

	while ((h = hs->dirty) != NULL) {
		hs->dirty = h->next_dirty;
		tidy_host(hs, h, now);
		h->dirty = false;
		if (h->conns == NULL && h->waiting.first == NULL && h->ask == NULL)
			host_free(hs, h);
	}
}

bool
coapc_hosts_open(struct coapc_hosts *hs, unsigned per_host, unsigned connect_ms)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	*hs = (struct coapc_hosts){ .due = INT64_MAX };
	hs->per_host = per_host > 0 ? per_host : PER_HOST_DEFAULT;
	hs->connect_us =
		(int64_t)(connect_ms > 0 ? connect_ms : CONNECT_DEFAULT_MS) * (CLOCK_SECOND / 1000);
	hs->epoll = epoll_create1(EPOLL_CLOEXEC);
	hs->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (hs->epoll < 0 || hs->wake < 0 ||
	    epoll_ctl(hs->epoll, EPOLL_CTL_ADD, hs->wake, &ev) != 0)
		return false;
	hs->resolver = resolver_new(hs->wake);
	return hs->resolver != NULL;
}

static void
close_host(struct coapc_hosts *hs, struct coapc_host *h)
{
	const struct dtls_out_failure closed = { .text = "the port is closed" };
	struct coapc_conn *c;

	fail_waiting(hs, h, &closed, false, RC_UNAVAILABLE);
	while ((c = h->conns) != NULL) {
		while (c->active.first != NULL) {
			struct coapc_call *call = c->active.first;

			coapc_conn_leave(c, call, 0);
			coapc_call_fail(call, RC_UNAVAILABLE, closed.text);
			coapc_calls_add(&hs->ended, call);
		}
		unlink_conn(h, c);
	}
	host_free(hs, h);
}

void
coapc_hosts_close(struct coapc_hosts *hs)
{
	for (unsigned i = 0; i < HOSTS_BUCKETS; i++)
		while (hs->buckets[i] != NULL)
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): host_free takes it out */
			close_host(hs, hs->buckets[i]);
	hs->dirty = NULL;
	resolver_free(hs->resolver);
	if (hs->wake >= 0)
		close(hs->wake);
	if (hs->epoll >= 0)
		close(hs->epoll);
}
