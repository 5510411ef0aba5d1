/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/poller.h"

#include "base/ident.h"
#include "base/uri.h"
#include "cap/tunnelled.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The server ends a poll that brings nothing; one that nobody ends has lost its connection on the
 * way.
 */
#define POLL_TIMEOUT_MS 150000u
/* A poll that took this long was held: its end is no failure of the server. */
#define HELD_US (10 * CLOCK_SECOND)
/* Failed polls until the registration is begun anew. */
#define FAILURES_MAX 7u
/* Requests under way; further ones stay with the server until some of these are answered. */
#define WORKS_MAX 32u
/* A request is delivered again when its connection broke: those of late are known. */
#define KNOWN 128u
#define ID_MAX 128u
#define URI_MAX 1024u
#define ANSWER_MAX (32u << 20)
#define ARENA_MAX (64u << 20)

struct poller {
	struct poller_conf conf;
	struct exchange ex; /* the poll */
	struct scl_task again; /* the next one */
	int64_t begun; /* monotonic */
	char uri[URI_MAX]; /* where to poll, "" = nowhere */
	char polled[URI_MAX]; /* where the poll under way is */
	char via[320];
	unsigned failures;
	unsigned works; /* requests under way */
	bool polling;
	bool ended; /* poller_free was called */
	char known[KNOWN][ID_MAX];
	unsigned at; /* in known */
};

static void poll_next(struct poller *p, int64_t delay);

/* Everything that is under way has a say in when p goes. */
static void
release(struct poller *p)
{
	if (!p->ended || p->polling || p->works > 0)
		return;
	free(p);
}

/* ---- requests ---- */

/* False when it was taken before. */
static bool
is_new(struct poller *p, struct slice id)
{
	for (unsigned i = 0; i < KNOWN; i++)
		if (slice_is(id, p->known[i]))
			return false;
	if (!slice_copy(id, p->known[p->at], ID_MAX))
		return false;
	p->at = (p->at + 1) % KNOWN;
	return true;
}

static void
work_done(void *owner)
{
	struct poller *p = owner;

	p->works--;
	if (!p->polling && !p->ended)
		poll_next(p, 0);
	release(p);
}

/* Answers go where the polls go: a request cannot make this SCL speak to anybody else. */
static bool
same_server(const struct poller *p, struct slice uri)
{
	struct uri mine, theirs;

	return uri_parse(slice_of(p->polled), &mine) && uri_parse(uri, &theirs) &&
	       slice_eq(mine.scheme, theirs.scheme) && slice_eq(mine.authority, theirs.authority);
}

static void
take_request(struct poller *p, struct tunnelled *t)
{
	if (!same_server(p, tunnelled_reply_uri(t)) || !is_new(p, tunnelled_id(t))) {
		LOG_WARN(p->conf.log, "channel-request-dropped", LOG_S("id", tunnelled_id(t)),
		         LOG_S("reply", tunnelled_reply_uri(t)));
		tunnelled_free(t);
		return;
	}
	p->works++;
	tunnelled_run(t, slice_of(p->via), p->conf.release, work_done, p);
}

static void
take_message(struct poller *p)
{
	struct tunnelled *t;
	enum rc rc = tunnelled_new(p->conf.scl, p->conf.log, &p->ex, &t);

	if (rc == RC_OK)
		take_request(p, t);
	else
		LOG_WARN(p->conf.log, "channel-message-dropped",
		         LOG_Z("status", status_of(rc)->text), LOG_N("octets", p->ex.answer.n));
}

/* ---- polls ---- */

static void
lose(struct poller *p, const char *why)
{
	LOG_WARN(p->conf.log, "channel-lost", LOG_Z("uri", p->uri), LOG_Z("why", why));
	p->uri[0] = '\0';
	p->failures = 0;
	p->conf.lost(p->conf.owner);
}

/* Up to four times more by chance: the clients of one server that failed come back spread out. */
static int64_t
back_off(const struct poller *p)
{
	char random[IDENT_LEN + 1];
	int64_t v = 0;

	ident_random(random);
	for (size_t i = 1; i < 7; i++)
		v = v * 36 + (random[i] >= 'a' ? random[i] - 'a' + 10 : random[i] - '0');
	return p->conf.retry_us + p->conf.retry_us * 4 / 1000 * (v % 1000);
}

static void
poll_failed(struct poller *p)
{
	struct exchange *ex = &p->ex;
	int64_t took = clock_monotonic() - p->begun;

	if (ex->rc == RC_GATEWAY_TIMEOUT && took > HELD_US) {
		poll_next(p, 0);
		return;
	}
	p->failures++;
	LOG_INFO(p->conf.log, "poll-failed", LOG_N("http", ex->http_status),
	         LOG_Z("why", ex->failure), LOG_N("failures", p->failures));
	if (ex->rc == RC_OK && status_from_http(ex->http_status) == RC_NOT_FOUND)
		lose(p, "there is no such channel");
	else if (p->failures > FAILURES_MAX)
		lose(p, "too many failures");
	else
		poll_next(p, back_off(p));
}

/* A message, or none: 202; CoAP has one code for 202 and 204 (TS 102 921 annex D). */
static bool
is_answer(int status)
{
	return status == 200 || status == 202 || status == 204;
}

static void
poll_ended(struct poller *p)
{
	struct exchange *ex = &p->ex;

	/* The channel is another one by now. */
	if (strcmp(p->polled, p->uri) != 0) {
		poll_next(p, 0);
	} else if (ex->rc == RC_OK && is_answer(ex->http_status)) {
		p->failures = 0;
		poll_next(p, 0);
	} else {
		poll_failed(p);
	}
}

static void
poll_done(struct exchange *ex)
{
	struct poller *p = ex->owner;

	p->polling = false;
	if (!p->ended) {
		if (ex->rc == RC_OK && ex->http_status == 200)
			take_message(p);
		poll_ended(p);
	}
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	release(p);
}

static void
poll_run(struct scl_task *task)
{
	struct poller *p = (struct poller *)(void *)((char *)task - offsetof(struct poller, again));

	if (p->polling || p->uri[0] == '\0' || p->works >= WORKS_MAX)
		return;
	memcpy(p->polled, p->uri, sizeof(p->polled));
	p->polling = true;
	p->begun = clock_monotonic();
	p->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(p->polled),
		                   .timeout_ms = POLL_TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX,
		                   .done = poll_done,
		                   .owner = p };
	exchange_add_issuer(&p->ex, p->conf.scl, p->conf.release);
	exchange_add_header(&p->ex, SLICE_LIT("Accept"), SLICE_LIT("application/xml"));
	scl_send(p->conf.scl, &p->ex);
}

static void
poll_next(struct poller *p, int64_t delay)
{
	if (p->uri[0] != '\0')
		scl_post(p->conf.scl, &p->again, delay);
}

/* ---- life ---- */

struct poller *
poller_new(const struct poller_conf *conf)
{
	struct poller *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conf = *conf;
	p->again.run = poll_run;
	return p;
}

void
poller_poll(struct poller *p, struct slice uri, struct slice peer)
{
	if (slice_is(uri, p->uri))
		return;
	p->failures = 0;
	snprintf(p->via, sizeof(p->via), "1.1 %.*s", peer.n > 255 ? 255 : (int)peer.n, peer.p);
	if (!slice_copy(uri, p->uri, sizeof(p->uri))) {
		p->uri[0] = '\0';
		return;
	}
	poll_next(p, 0);
}

void
poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	p->ended = true;
	scl_cancel(p->conf.scl, &p->again);
	release(p);
}
