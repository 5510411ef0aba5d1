/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens on their way: a datagram of UDP, sent again with the same counter, for nobody answers one;
 * or a POST, sent again until it was delivered, as often. An SCL has named where to: that is looked
 * at for each of them.
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

/* Whether anything can be sent to x->address; *numeric: x->to is where. */
static bool
read_address(struct sending *x, bool *numeric)
{
	struct slice port;
	struct uri u;

	if (!uri_parse(slice_of(x->address), &u) || u.host.n == 0)
		return false;
	port = u.port;
	x->by_datagram = is_scheme(u.scheme, "udp");
	if (port.n == 0 && !x->by_datagram)
		port = is_scheme(u.scheme, "https") ? SLICE_LIT("443") : SLICE_LIT("80");
	*numeric = trigger_address(u.host, port, &x->to, &x->n_to);
	if (x->by_datagram)
		return *numeric && !slice_is(port, "0");
	return is_scheme(u.scheme, "http") || is_scheme(u.scheme, "https");
}

enum rc
sending_address(struct sending *x, const char **reason)
{
	char text[REACH_TEXT];
	bool numeric = false;

	*reason = "NO_ADDRESS";
	if (!read_address(x, &numeric))
		return RC_CONFLICT;
	*reason = "BAD_ADDRESS";
	if (numeric && !reach_ok(&x->s->reach, (const struct sockaddr *)&x->to, text))
		return RC_CONFLICT;
	return RC_OK;
}

/* ---- again ---- */

static void again_run(struct scl_task *task);

static bool
is_stopping(struct trigger_send *s)
{
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return stopping;
}

/* After the last one it is over. */
static void
wait_or_end(struct sending *x)
{
	struct trigger_send *s = x->s;

	if (x->turn == TRIGGER_REPEATS || is_stopping(s)) {
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

/* The next token of this turn that was not delivered yet; after the last one, the next turn. */
static void
post_next(struct sending *x)
{
	unsigned owed = 0;

	while (x->which < x->token.n_tokens && x->delivered[x->which])
		x->which++;
	if (x->which < x->token.n_tokens && (x->which == 0 || !is_stopping(x->s))) {
		post(x);
		return;
	}
	for (unsigned i = 0; i < x->token.n_tokens; i++)
		owed += !x->delivered[i];
	if (owed > 0)
		wait_or_end(x);
	else
		sending_end(x);
}

/* One of the addresses that its host has at this moment. */
static bool
address_ok(void *arg, const struct sockaddr *to)
{
	struct sending *x = arg;
	char text[REACH_TEXT];

	if (reach_ok(&x->s->reach, to, text)) {
		x->permitted = true;
		return true;
	}
	memcpy(x->barred, text, sizeof(text));
	return false;
}

static void
tell_failure(struct sending *x, const char *why)
{
	int64_t since_last;

	trigger_count(x->s, TRIGGER_COUNT_POSTS_FAILED);
	if (log_pace_due(&x->s->post_failed, &since_last))
		LOG_WARN(x->s->log, "trigger-post-failed", LOG_Z("scl", x->scl_id),
		         LOG_Z("to", x->address), LOG_N("status", x->ex.http_status),
		         LOG_Z("why", why), LOG_Z("barred", x->barred),
		         LOG_N("since_last", since_last));
}

static void
posted(struct exchange *ex)
{
	struct sending *x = ex->owner;
	bool delivered = ex->rc == RC_OK && ex->http_status >= 200 && ex->http_status < 300;
	bool barred = !delivered && !x->permitted && x->barred[0] != '\0';

	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	if (!delivered)
		tell_failure(x, barred ? "the host leads to an address that is not permitted"
		                       : ex->failure);
	if (barred) {
		trigger_count(x->s, TRIGGER_COUNT_REFUSED_BAD_ADDRESS);
		sending_end(x);
		return;
	}
	x->delivered[x->which++] = delivered;
	post_next(x);
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
		                   .address_ok = address_ok,
		                   .address_arg = x,
		                   .bare = true,
		                   .done = posted,
		                   .owner = x };
	x->permitted = false;
	x->barred[0] = '\0';
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
	if (x->by_datagram) {
		send_datagrams(x);
		return;
	}
	x->which = 0;
	post_next(x);
}
