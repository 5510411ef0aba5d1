/* SPDX-License-Identifier: Apache-2.0 */
/* What the courier does for the thread of a device: it sends, and says with whom there is a connection. */
#include "config.h"

#include "cap/mpa/mpa_device_own.h"

#include <stdio.h>

#include "cap/gate.h"
#include "cap/sec_access.h"
#include "sec/psk_id.h"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define TIMEOUT_MS 30000u

static struct mpad *
owner(struct mpad_ask *a)
{
	return OF(a, struct mpad, ask);
}

static void
ask_over(struct mpad_ask *a)
{
	struct mpad *d = owner(a);

	pthread_mutex_lock(&d->lock);
	a->over = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void
task_run(struct scl_task *task)
{
	struct mpad_ask *a = OF(task, struct mpad_ask, task);

	a->run(a);
}

/*
 * False: it is to stop, and what was asked may still be under way: nothing else is asked then, and
 * all of it lives until the courier has ended.
 */
static bool
ask(struct mpad *d, void (*run)(struct mpad_ask *a))
{
	bool over;

	pthread_mutex_lock(&d->lock);
	if (!d->stopping) {
		d->ask.over = false;
		d->ask.run = run;
		d->ask.task.run = task_run;
		scl_post(d->scl, &d->ask.task, 0);
	}
	while (!d->ask.over && !d->stopping)
		pthread_cond_wait(&d->changed, &d->lock);
	over = !d->stopping;
	pthread_mutex_unlock(&d->lock);
	d->lost = !over;
	return over;
}

bool
mpad_sleep(struct mpad *d, int64_t until)
{
	struct timespec at = { .tv_sec = (time_t)(until / CLOCK_SECOND),
		               .tv_nsec = (long)(until % CLOCK_SECOND) * 1000L };
	bool go;

	pthread_mutex_lock(&d->lock);
	while (!d->stopping && clock_monotonic() < until)
		(void)pthread_cond_timedwait(&d->changed, &d->lock, &at);
	go = !d->stopping;
	pthread_mutex_unlock(&d->lock);
	return go;
}

bool
mpad_stopping(struct mpad *d)
{
	bool stopping;

	pthread_mutex_lock(&d->lock);
	stopping = d->stopping;
	pthread_mutex_unlock(&d->lock);
	return stopping;
}

/* ---- the NSCL ---- */

static bool
take_first(struct mpad *d, const char *const *nscls)
{
	struct sec_session s;

	for (; nscls != NULL && *nscls != NULL; nscls++) {
		enum rc rc = d->sec->session(d->sec->arg, slice_of(*nscls), &s);

		secret_wipe(&s, sizeof(s));
		if (rc != RC_OK || strlen(*nscls) > MPAD_URI_MAX)
			continue;
		snprintf(d->nscl, sizeof(d->nscl), "%s", *nscls);
		return true;
	}
	return false;
}

static void
find_run(struct mpad_ask *a)
{
	struct mpad *d = owner(a);

	d->nscl[0] = '\0';
	if (!take_first(d, d->cap->nscl) && d->gate != NULL)
		take_first(d, d->gate->nscls(d->gate->arg));
	ask_over(a);
}

void
mpad_find_nscl(struct mpad *d)
{
	if (!ask(d, find_run))
		d->nscl[0] = '\0';
}

/* ---- requests ---- */

static void
exchange_done(struct exchange *ex)
{
	ask_over(ex->owner);
}

static void
send_run(struct mpad_ask *a)
{
	struct mpad *d = owner(a);

	if (a->rq.issuer)
		exchange_add_issuer(&a->ex, d->scl, d->cap->nscl_release);
	scl_send(d->scl, &a->ex);
}

struct buf *
mpad_begin(struct mpad *d, const char *method, const char *base, const char *tail)
{
	struct mpad_request *rq = &d->request;
	size_t n = strlen(base);

	while (n > 0 && base[n - 1] == '/')
		n--;
	snprintf(rq->url, sizeof(rq->url), "%.*s%s", (int)n, base, tail);
	rq->method = method;
	rq->type = rq->if_none_match = NULL;
	rq->bare = rq->issuer = false;
	buf_clear(&rq->body);
	return &rq->body;
}

static void
end_exchange(struct mpad_ask *a)
{
	buf_fini(&a->ex.answer);
	buf_fini(&a->ex.answer_text);
}

/* The request becomes the courier's. */
static void
prepare(struct mpad *d)
{
	struct mpad_ask *a = &d->ask;
	struct buf spare = a->rq.body;

	end_exchange(a);
	a->rq = d->request;
	d->request.body = spare;
	a->ex = (struct exchange){ .method = slice_of(a->rq.method),
		                   .url = slice_of(a->rq.url),
		                   .body = buf_view(&a->rq.body),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = MPAD_DOC_MAX,
		                   .bare = a->rq.bare,
		                   .done = exchange_done,
		                   .owner = a };
	if (a->rq.type != NULL)
		exchange_add_header(&a->ex, SLICE_LIT("Content-Type"), slice_of(a->rq.type));
	if (a->rq.if_none_match != NULL)
		exchange_add_header(&a->ex, SLICE_LIT("If-None-Match"),
		                    slice_of(a->rq.if_none_match));
}

int
mpad_send(struct mpad *d)
{
	if (d->lost || d->request.body.failed)
		return MPAD_NO_ANSWER;
	prepare(d);
	if (!ask(d, send_run) || d->ask.ex.rc != RC_OK)
		return MPAD_NO_ANSWER;
	return d->ask.ex.http_status;
}

struct slice
mpad_answer(const struct mpad *d)
{
	return d->lost ? SLICE_NONE : buf_view(&d->ask.ex.answer);
}

struct slice
mpad_answer_tag(const struct mpad *d)
{
	return d->lost ? SLICE_NONE : exchange_answer_header(&d->ask.ex, "etag");
}

const char *
mpad_failure(const struct mpad *d)
{
	return d->lost ? "" : d->ask.ex.failure;
}

bool
mpad_tls_failed(const struct mpad *d)
{
	return !d->lost && d->ask.ex.tls_failed;
}

void
mpad_ask_init(struct mpad *d)
{
	buf_init(&d->request.body, MPA_A3_MAX);
	buf_init(&d->ask.rq.body, MPA_A3_MAX);
}

void
mpad_ask_free(struct mpad *d)
{
	end_exchange(&d->ask);
	buf_fini(&d->ask.rq.body);
	buf_fini(&d->request.body);
	credential_unref(d->ask.credential);
}

/* ---- the session ---- */

static void
use_run(struct mpad_ask *a)
{
	struct mpad *d = owner(a);

	struct slice gateway = slice_of(d->conf->gateway);

	a->rc = d->sec->credential_set(d->sec->arg, gateway, a->credential);
	if (a->rc == RC_OK)
		a->rc = neighbour_set(d->scl, gateway, a->credential != NULL);
	/* What is not told to be in use would not be taken away either. */
	if (a->rc != RC_OK)
		(void)d->sec->credential_set(d->sec->arg, gateway, NULL);
	ask_over(a);
}

static enum rc
psk_of(const struct mpa_session *s, enum psk_tls tls, struct credential_psk *out)
{
	struct psk_id id = { .kind = PSK_MP, .tls = tls };

	memcpy(id.th, s->th.v, sizeof(id.th));
	if (psk_id_format(&id, out->identity) == 0)
		return RC_INTERNAL;
	return mpa_session_psk(s, tls, &out->key);
}

static enum rc
credential_of(const struct mpa_session *s, struct credential **out)
{
	struct credential_psk tls13, tls12;
	enum rc rc = psk_of(s, PSK_TLS_1_3, &tls13);

	if (rc == RC_OK)
		rc = psk_of(s, PSK_TLS_1_2, &tls12);
	*out = rc == RC_OK ? credential_psk(&tls13, &tls12) : NULL;
	key_wipe(&tls13.key);
	key_wipe(&tls12.key);
	return rc == RC_OK && *out == NULL ? RC_UNAVAILABLE : rc;
}

enum rc
mpad_use(struct mpad *d, const struct mpa_session *s)
{
	enum rc rc;

	if (d->lost)
		return RC_UNAVAILABLE;
	credential_unref(d->ask.credential);
	d->ask.credential = NULL;
	rc = s == NULL ? RC_OK : credential_of(s, &d->ask.credential);
	if (rc != RC_OK)
		return rc;
	rc = ask(d, use_run) ? d->ask.rc : RC_UNAVAILABLE;
	d->in_use = rc == RC_OK && s != NULL;
	return rc;
}
