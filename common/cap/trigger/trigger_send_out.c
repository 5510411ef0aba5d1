/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens on their way: a datagram of UDP, sent again with the same counter, for nobody answers one;
 * or a POST, sent again until it was delivered.
 */
#include "config.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/uri.h"
#include "cap/trigger/trigger_address.h"
#include "cap/trigger/trigger_send.h"

#define POST_TIMEOUT_MS 10000u
#define POST_ANSWER_MAX 4096u
#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- sockets ---- */

void
trigger_sockets_open(struct trigger_send *s)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < 2; i++)
		s->sockets[i] = socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void
trigger_sockets_close(struct trigger_send *s)
{
	for (size_t i = 0; i < 2; i++)
		if (s->sockets[i] >= 0)
			close(s->sockets[i]);
}

/* ---- addresses ---- */

static bool
is_scheme(struct slice scheme, const char *name)
{
	return scheme.n == strlen(name) && strncasecmp(scheme.p, name, scheme.n) == 0;
}

bool
sending_address(struct sending *x)
{
	struct uri u;

	if (!uri_parse(slice_of(x->address), &u) || u.host.n == 0)
		return false;
	x->by_datagram = is_scheme(u.scheme, "udp");
	if (x->by_datagram)
		return !slice_is(u.port, "0") && trigger_address(u.host, u.port, &x->to, &x->n_to);
	return is_scheme(u.scheme, "http") || is_scheme(u.scheme, "https");
}

/* ---- again ---- */

static void again_run(struct scl_task *task);

/* After the last one it is over. */
static void
wait_or_end(struct sending *x)
{
	struct trigger_send *s = x->s;
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	if (stopping || x->turn == TRIGGER_REPEATS) {
		sending_end(x);
		return;
	}
	x->task.run = again_run;
	x->waiting = true;
	scl_post(s->scl, &x->task, s->conf.retry << x->turn);
	x->turn++;
}

/* ---- datagrams ---- */

/* One that does not leave is as one that is lost. */
static void
send_datagrams(struct sending *x)
{
	const struct trigger_send *s = x->s;
	int fd = s->sockets[x->to.ss_family == AF_INET6];

	for (unsigned i = 0; i < x->token.n_tokens && fd >= 0; i++) {
		(void)sendto(fd, x->token.tokens[i].v, x->token.tokens[i].n,
		             MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&x->to, x->n_to);
		trigger_count(x->s, TRIGGER_COUNT_DATAGRAMS);
	}
	wait_or_end(x);
}

/* ---- posts ---- */

static void post(struct sending *x);

static void
posted(struct exchange *ex)
{
	struct sending *x = ex->owner;
	bool delivered = ex->rc == RC_OK && ex->http_status >= 200 && ex->http_status < 300;

	if (!delivered) {
		LOG_WARN(x->s->log, "trigger-post-failed", LOG_Z("scl", x->scl_id),
		         LOG_Z("to", x->address), LOG_N("status", ex->http_status),
		         LOG_Z("why", ex->failure));
		trigger_count(x->s, TRIGGER_COUNT_POSTS_FAILED);
	}
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	if (!delivered)
		wait_or_end(x);
	else if (++x->which < x->token.n_tokens)
		post(x);
	else
		sending_end(x);
}

/* By certificates, or in clear: the node has no service connection, maybe. */
static void
post(struct sending *x)
{
	x->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(x->address),
		                   .body = slice_make(x->token.tokens[x->which].v,
		                                      x->token.tokens[x->which].n),
		                   .timeout_ms = POST_TIMEOUT_MS,
		                   .answer_max = POST_ANSWER_MAX,
		                   .bare = true,
		                   .done = posted,
		                   .owner = x };
	if (uri_is_secure(x->ex.url))
		x->ex.credential = x->s->credential;
	(void)exchange_add_header(&x->ex, SLICE_LIT("Content-Type"),
	                          SLICE_LIT("application/octet-stream"));
	trigger_count(x->s, TRIGGER_COUNT_POSTS);
	scl_send(x->s->scl, &x->ex);
}

static void
again_run(struct scl_task *task)
{
	struct sending *x = OF(task, struct sending, task);

	x->waiting = false;
	sending_go(x);
}

void
sending_go(struct sending *x)
{
	if (x->by_datagram)
		send_datagrams(x);
	else
		post(x);
}
