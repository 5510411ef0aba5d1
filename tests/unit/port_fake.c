/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "port_fake.h"

#include <pthread.h>
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
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool woken;
	struct flight *flights; /* the courier thread's */
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
	pthread_condattr_t attr;

	(void)conf;
	if (p == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	*out = p;
	return RC_OK;
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

static int64_t
until_next(const struct port *p, int64_t now, int timeout_ms)
{
	int64_t due = now + (int64_t)timeout_ms * 1000;

	for (const struct flight *f = p->flights; f != NULL; f = f->next) {
		int64_t at = is_held(f) ? now + HELD_TICK : f->due;

		if (at < due)
			due = at;
	}
	return due;
}

static void
fake_poll(struct port *p, int timeout_ms)
{
	int64_t now = clock_monotonic(), due = until_next(p, now, timeout_ms);
	struct timespec ts = { .tv_sec = due / CLOCK_SECOND, .tv_nsec = due % CLOCK_SECOND * 1000 };

	pthread_mutex_lock(&p->lock);
	while (!p->woken && due > now)
		if (pthread_cond_timedwait(&p->wake, &p->lock, &ts) != 0)
			break;
	p->woken = false;
	pthread_mutex_unlock(&p->lock);
	now = clock_monotonic();
	while (land(p, now))
		;
}

static void
fake_wakeup(struct port *p)
{
	pthread_mutex_lock(&p->lock);
	p->woken = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
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
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}

static const char *const schemes[] = { "http", "https", NULL };

const struct port_ops port_fake = {
	.schemes = schemes,
	.open = fake_open,
	.close = fake_close,
	.send = fake_send,
	.poll = fake_poll,
	.wakeup = fake_wakeup,
};
