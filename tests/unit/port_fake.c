/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "port_fake.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define PIECE 512u
/* What is held is looked at as often. */
#define HELD_TICK 2000

struct flight {
	struct exchange *ex;
	struct port_answer answer;
	int64_t due; /* monotonic */
	struct flight *next;
};

struct port {
	struct flight *flights;
	unsigned n;
};

static struct {
	port_script *script;
	void *arg;
	_Atomic unsigned most;
} fake;

void
port_fake_set(port_script *script, void *arg)
{
	fake.script = script;
	fake.arg = arg;
	atomic_store(&fake.most, 0);
}

unsigned
port_fake_most(void)
{
	return atomic_load(&fake.most);
}

static enum rc
fake_open(const struct port_conf *conf, struct port **out)
{
	struct port *p = calloc(1, sizeof(*p));

	(void)conf;
	*out = p;
	return p == NULL ? RC_UNAVAILABLE : RC_OK;
}

static void
put_header(struct exchange *ex, const char *name, const char *value)
{
	size_t at = ex->answer_text.n;

	buf_puts(&ex->answer_text, value);
	ex->answer_headers[ex->n_answer_headers++] =
		(struct exchange_header){ slice_of(name),
		                          slice_from(buf_view(&ex->answer_text), at) };
}

/* As it comes from a network. */
static void
put_body(struct exchange *ex, struct slice body)
{
	while (body.n > 0) {
		size_t n = body.n < PIECE ? body.n : PIECE;

		buf_add(&ex->answer, body.p, n);
		body = slice_from(body, n);
	}
}

static void
complete(struct exchange *ex, const struct port_answer *a)
{
	ex->http_status = a->status > 0 ? a->status : 0;
	ex->rc = a->status > 0                 ? RC_OK
	         : a->status == ANSWER_REFUSED ? RC_BAD_GATEWAY
	                                       : RC_GATEWAY_TIMEOUT;
	ex->unsent = a->status == ANSWER_REFUSED;
	snprintf(ex->failure, sizeof(ex->failure), "%s",
	         a->status > 0 ? "" : "as the test wants it");
	ex->tls_failed = a->tls_failed;
	ex->tls_refused = a->tls_refused;
	if (a->body != NULL)
		put_body(ex, slice_make(a->body, a->body_len > 0 ? a->body_len : strlen(a->body)));
	/* The views stay where they are. */
	(void)buf_reserve(&ex->answer_text, 2048);
	if (a->location != NULL)
		put_header(ex, "location", a->location);
	if (a->reject != NULL)
		put_header(ex, "x-m2m-reject", a->reject);
	if (a->retry_after != NULL)
		put_header(ex, "retry-after", a->retry_after);
	if (a->type != NULL)
		put_header(ex, "content-type", a->type);
	ex->done(ex);
}

static void
make_session(struct exchange *ex)
{
	struct exchange_header more = { SLICE_NONE, SLICE_NONE };

	if (ex->exporter_label == NULL)
		return;
	ex->has_exported = key_random(&ex->exported) == RC_OK;
	if (ex->connected != NULL && (!ex->connected(ex, &more) ||
	                              (more.name.n > 0 &&
	                               !exchange_add_header(ex, more.name, more.value))))
		abort();
}

static void
fake_send(struct port *p, struct exchange *ex)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	buf_init(&ex->answer, ex->answer_max);
	buf_init(&ex->answer_text, 4096);
	ex->n_answer_headers = 0;
	f->ex = ex;
	ex->tls_failed = ex->tls_refused = false;
	make_session(ex);
	f->answer = fake.script(fake.arg, ex);
	if (f->answer.status == ANSWER_NEVER)
		f->answer.delay = (int64_t)ex->timeout_ms * 1000;
	f->due = clock_monotonic() + f->answer.delay;
	f->next = p->flights;
	p->flights = f;
	if (++p->n > atomic_load(&fake.most))
		atomic_store(&fake.most, p->n);
}

static bool
is_held(const struct flight *f)
{
	return f->answer.held != NULL && atomic_load(f->answer.held);
}

/* Ends one that is due; false when there is none. */
static bool
land(struct port *p, int64_t now)
{
	for (struct flight **at = &p->flights; *at != NULL; at = &(*at)->next) {
		struct flight *f = *at;

		if (f->due > now || is_held(f))
			continue;
		*at = f->next;
		p->n--;
		complete(f->ex, &f->answer);
		free(f);
		return true;
	}
	return false;
}

static int
fake_wait_ms(const struct port *p, int max)
{
	int64_t now = clock_monotonic();

	for (const struct flight *f = p->flights; f != NULL; f = f->next) {
		int64_t ms = (is_held(f) ? HELD_TICK : f->due - now + 999) / 1000;

		if (ms < max)
			max = ms > 0 ? (int)ms : 0;
	}
	return max;
}

static void
fake_poll(struct port *p)
{
	int64_t now = clock_monotonic();

	while (land(p, now))
		;
}

static int
fake_fd(const struct port *p)
{
	(void)p;
	return -1;
}

static void
fake_close(struct port *p)
{
	while (p->flights != NULL) {
		struct flight *f = p->flights;

		p->flights = f->next;
		f->ex->rc = RC_UNAVAILABLE;
		f->ex->http_status = 0;
		snprintf(f->ex->failure, sizeof(f->ex->failure), "closed");
		f->ex->done(f->ex);
		free(f);
	}
	free(p);
}

static const char *const schemes[] = { "http", "https", "coap", "coaps", NULL };

const struct port_ops port_fake = {
	.schemes = schemes,
	.open = fake_open,
	.close = fake_close,
	.send = fake_send,
	.poll = fake_poll,
	.fd = fake_fd,
	.wait_ms = fake_wait_ms,
};
