/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port_http of core/port.h by libcurl's multi interface. Easy handles are kept and reused; libcurl
 * keeps the connections. No proxy is ever used: a request through another SCL is sent to that SCL
 * with an absolute-form target (TS 102 921 annex C).
 */
#include "config.h"

#include "core/port.h"

#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "bind/http_hosts.h"
#include "bind/http_pool.h"
#include "bind/http_transfer.h"

#define SPARE_MAX 32u /* easy handles kept */

struct port {
	struct pools pools;
	struct hosts *hosts;
	struct transfer active; /* head of a ring */
	struct transfer *spare; /* list by next */
	unsigned n_spare;
	unsigned n_exchanges; /* under way or waiting for a place at their host */
	struct exchanges_owed failed; /* those that ended in send */
	bool closing;
	struct port_conf conf; /* strings are own copies */
};

/* done is owed; poll calls it. */
static void
fail_later(struct port *p, struct exchange *ex, enum rc rc, const char *text)
{
	exchange_fail(ex, rc, text);
	exchanges_owe(&p->failed, ex);
}

/* A spare or new one; NULL without memory. */
static struct transfer *
transfer_get(struct port *p)
{
	struct transfer *t = p->spare;

	if (t != NULL) {
		p->spare = t->next;
		p->n_spare--;
		return t;
	}
	return transfer_new();
}

static void
transfer_put(struct port *p, struct transfer *t)
{
	if (p->n_spare >= SPARE_MAX) {
		transfer_free(t);
		return;
	}
	transfer_clear(t);
	t->next = p->spare;
	p->spare = t;
	p->n_spare++;
}

static void
transfer_start(struct port *p, struct transfer *t)
{
	t->next = &p->active;
	t->prev = p->active.prev;
	p->active.prev->next = t;
	p->active.prev = t;
}

/* The exchange of t has not been sent; done is owed. */
static void
give_up(struct port *p, struct transfer *t, enum rc rc, const char *text)
{
	struct exchange *ex = t->ex;

	p->n_exchanges--;
	transfer_put(p, t);
	ex->unsent = true;
	fail_later(p, ex, rc, text);
}

/* What has waited has its place. Those behind it follow as long as it cannot be started. */
static void
start_waiting(struct port *p, struct transfer *t)
{
	while (t != NULL) {
		struct transfer *failed = t;

		if (t->due != INT64_MAX)
			transfer_set_timeout(t, t->due - clock_monotonic());
		pool_release(t->pool);
		if (pool_add(t->pool, t->easy, t->ex)) {
			transfer_start(p, t);
			return;
		}
		t = hosts_leave(p->hosts, t);
		give_up(p, failed, RC_UNAVAILABLE, "no memory");
	}
}

/* Those that have waited for too long; all at INT64_MAX. */
static void
end_waiting(struct port *p, int64_t now, enum rc rc, const char *text)
{
	struct transfer *t;

	if (hosts_due(p->hosts) > now)
		return;
	while ((t = hosts_give_up(p->hosts, now)) != NULL) {
		pool_release(t->pool);
		give_up(p, t, rc, text);
	}
}

/* Takes t out of the machinery; its exchange is the caller's again. */
static struct exchange *
transfer_end(struct port *p, struct transfer *t)
{
	struct exchange *ex = t->ex;

	pool_remove(t->pool, t->easy);
	t->prev->next = t->next;
	t->next->prev = t->prev;
	p->n_exchanges--;
	start_waiting(p, hosts_leave(p->hosts, t));
	return ex;
}

/* Hands finished exchanges back. What done sends may end an idle pool. */
static void
collect(struct port *p)
{
	for (unsigned i = 0; i < p->pools.n; i++) {
		CURLcode result;
		CURL *easy;

		while (p->pools.slots[i] != NULL &&
		       (easy = pool_ended(p->pools.slots[i], &result)) != NULL) {
			struct transfer *t = NULL;
			struct exchange *ex;

			curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
			transfer_judge(t, result);
			ex = transfer_end(p, t);
			transfer_put(p, t);
			ex->done(ex);
		}
	}
}

/* ---- the port ---- */

/* Of a port that may have failed to open; NULL likewise. */
static void
port_free(struct port *p)
{
	if (p != NULL) {
		pools_close(&p->pools);
		hosts_free(p->hosts);
		port_conf_free(&p->conf);
	}
	free(p);
	curl_global_cleanup();
}

static enum rc
http_open(const struct port_conf *conf, struct port **port)
{
	struct port *p;

	/* Thread-safe and counted since libcurl 7.84. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return RC_UNAVAILABLE;
	p = calloc(1, sizeof(*p));
	if (p == NULL || !pools_open(&p->pools) ||
	    (p->hosts = hosts_new(conf->max_connections_per_host)) == NULL) {
		port_free(p);
		return RC_UNAVAILABLE;
	}
	port_conf_copy(&p->conf, conf);
	p->active.next = p->active.prev = &p->active;
	exchanges_owed_init(&p->failed);
	*port = p;
	return RC_OK;
}

static void
http_close(struct port *p)
{
	if (p == NULL)
		return;
	p->closing = true;
	end_waiting(p, INT64_MAX, RC_UNAVAILABLE, "the port is closed");
	while (p->active.next != &p->active) {
		struct transfer *t = p->active.next;
		struct exchange *ex = transfer_end(p, t);

		transfer_put(p, t);
		exchange_fail(ex, RC_UNAVAILABLE, "the port is closed");
		ex->done(ex);
	}
	while (exchanges_deliver(&p->failed))
		continue;
	while (p->spare != NULL) {
		struct transfer *t = p->spare;

		p->spare = t->next;
		transfer_free(t);
	}
	port_free(p);
}

/* Under way, or in line for it; false without memory. */
static bool
take_place(struct port *p, struct transfer *t)
{
	enum place place = hosts_enter(p->hosts, t);

	if (place == PLACE_AWAITED) {
		pool_hold(t->pool);
		return true;
	}
	if (place == PLACE_NONE)
		return false;
	if (pool_add(t->pool, t->easy, t->ex)) {
		transfer_start(p, t);
		return true;
	}
	/* Had anybody waited, the place would not have been free. */
	(void)hosts_leave(p->hosts, t);
	return false;
}

/* Takes over ex when it returns true; else rc and text say why not. */
static bool
start(struct port *p, struct exchange *ex, const struct credential *c, enum rc *rc,
      const char **text)
{
	struct pool *pool = pools_get(&p->pools, c);
	struct transfer *t = pool == NULL ? NULL : transfer_get(p);

	*rc = RC_UNAVAILABLE;
	*text = pool == NULL ? "too many credentials are in use" : "no memory";
	if (t == NULL)
		return false;
	t->pool = pool;
	t->due = ex->timeout_ms == 0 ? INT64_MAX
	                             : clock_monotonic() + ex->timeout_ms * (CLOCK_SECOND / 1000);
	if (!transfer_prepare(t, &p->conf, ex, c)) {
		*rc = RC_BAD_GATEWAY;
		*text = "the request cannot be written";
	} else if (take_place(p, t)) {
		p->n_exchanges++;
		return true;
	}
	transfer_put(p, t);
	return false;
}

static bool
is_https(struct slice url)
{
	return url.n > 8 && strncasecmp(url.p, "https://", 8) == 0;
}

/* *named is the caller's; NULL: the files of conf. */
static enum rc
find_credential(const struct port *p, const struct exchange *ex, struct credential **named)
{
	*named = NULL;
	if (p->conf.credential == NULL || ex->credential != NULL || !is_https(ex->url))
		return RC_OK;
	return p->conf.credential(p->conf.credential_arg, ex->url, named);
}

/* The port has room. */
static void
send_by_credential(struct port *p, struct exchange *ex)
{
	struct credential *named;
	const char *text = "there is no credential for the peer";
	enum rc rc = find_credential(p, ex, &named);
	bool started = false;

	if (rc == RC_OK && ex->credential != NULL && !is_https(ex->url)) {
		rc = RC_BAD_GATEWAY;
		text = "there is a credential, but no TLS";
	} else if (rc == RC_OK) {
		started = start(p, ex, named != NULL ? named : ex->credential, &rc, &text);
	}
	if (!started) {
		ex->unsent = true;
		fail_later(p, ex, rc, text);
	}
	credential_unref(named);
}

static void
http_send(struct port *p, struct exchange *ex)
{
	exchange_begin(ex, TRANSFER_HEADER_MAX);
	if (p->closing || (p->conf.max_exchanges > 0 && p->n_exchanges >= p->conf.max_exchanges))
		fail_later(p, ex, RC_UNAVAILABLE,
		           p->closing ? "the port is closed" : "the port is full");
	else
		send_by_credential(p, ex);
}

static void
http_poll(struct port *p)
{
	exchanges_deliver(&p->failed);
	end_waiting(p, clock_monotonic(), RC_GATEWAY_TIMEOUT, "no connection to the host was free");
	pools_work(&p->pools);
	collect(p);
	exchanges_deliver(&p->failed);
}

static int
http_fd(const struct port *p)
{
	return p->pools.epoll;
}

/* Until the time of one that waits may be over, or libcurl has something to do. */
static int
http_wait_ms(const struct port *p, int max)
{
	int64_t due = hosts_due(p->hosts), ms;

	if (p->failed.first != NULL)
		return 0;
	if (due != INT64_MAX) {
		ms = (due - clock_monotonic()) / (CLOCK_SECOND / 1000) + 1;
		if (ms <= 0)
			return 0;
		max = ms < max ? (int)ms : max;
	}
	return pools_wait_ms(&p->pools, max);
}

static const char *const schemes[] = { "http", "https", NULL };

const struct port_ops port_http = {
	.schemes = schemes,
	.open = http_open,
	.close = http_close,
	.send = http_send,
	.poll = http_poll,
	.fd = http_fd,
	.wait_ms = http_wait_ms,
};
