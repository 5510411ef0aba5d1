/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries to contacts: one after the other. */
#include "config.h"

#include "cap/sgs/sgs_push_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX 4096u /* octets of an answer, which nobody reads */
#define MEDIA "application/octet-stream"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- targets ---- */

struct sgs_target **
sgs_target_find(struct sgs_push *p, uint64_t device)
{
	struct sgs_target **at = &p->lists[device % SGS_PUSH_LISTS];

	while (*at != NULL && (*at)->device != device)
		at = &(*at)->same;
	return at;
}

static void
clear(struct sgs_target *t)
{
	free(t->url);
	free(t->body);
	t->url = NULL;
	t->body = NULL;
	buf_fini(&t->ex.answer);
	buf_fini(&t->ex.answer_text);
	memset(&t->ex, 0, sizeof(t->ex));
}

void
sgs_target_end(struct sgs_target *t)
{
	struct sgs_target **at = sgs_target_find(t->p, t->device);

	*at = t->same;
	clear(t);
	free(t);
}

void
sgs_target_enqueue(struct sgs_target *t)
{
	struct sgs_push *p = t->p;

	t->state = QUEUED;
	t->next = NULL;
	*p->queue_end = t;
	p->queue_end = &t->next;
}

static struct sgs_target *
dequeue(struct sgs_push *p)
{
	struct sgs_target *t = p->queue;

	p->queue = t->next;
	if (p->queue == NULL)
		p->queue_end = &p->queue;
	return t;
}

/* ---- one delivery ---- */

static void
leave_place(struct sgs_target *t)
{
	t->p->active--;
	clear(t);
}

static void
wait_longer(struct sgs_target *t)
{
	const struct sga_conf *c = t->p->s->conf;
	int64_t delay = c->retry_first;

	for (unsigned i = 0; i < t->failures && delay < c->retry_max; i++)
		delay *= 2;
	t->failures++;
	t->state = WAITING;
	scl_post(t->p->s->scl, &t->task, delay < c->retry_max ? delay : c->retry_max);
}

/* The item is gone, or it is tried again: after others in either case. */
void
sgs_target_run(struct scl_task *task)
{
	struct sgs_target *t = OF(task, struct sgs_target, task);
	struct sgs_push *p = t->p;
	struct sgs *s = p->s;

	if (!sgs_enter(s))
		return;
	if (t->state == ACKNOWLEDGING) {
		leave_place(t);
		if (t->ack.op.rc == RC_OK || t->ack.op.rc == RC_NOT_FOUND) {
			t->failures = 0;
			sgs_target_enqueue(t);
		} else {
			wait_longer(t);
		}
	} else {
		sgs_target_enqueue(t);
	}
	sgs_push_run(p);
	sgs_leave(s);
}

/* On the thread of the book. */
static void
acknowledged(struct sgs_op *op)
{
	struct sgs_target *t = op->owner;
	struct sgs_push *p = t->p;

	(void)sgs_post(p->s, &t->task, 0);
	pthread_mutex_lock(&p->lock);
	p->acks--;
	pthread_cond_signal(&p->stored);
	pthread_mutex_unlock(&p->lock);
}

static void
acknowledge(struct sgs_target *t)
{
	struct sgs_push *p = t->p;

	sgs_guard_count(p->s->guard, SGS_N_PUSHED, 1);
	t->state = ACKNOWLEDGING;
	t->ack = (struct sgs_ack){ .op = { .done = acknowledged, .owner = t },
		                   .device = t->device,
		                   .item = t->item };
	pthread_mutex_lock(&p->lock);
	p->acks++;
	pthread_mutex_unlock(&p->lock);
	sgs_item_ack(p->s->book, &t->ack);
}

static void
sent(struct exchange *ex)
{
	struct sgs_target *t = ex->owner;
	struct sgs *s = t->p->s;

	if (!sgs_enter(s))
		return;
	if (ex->rc == RC_OK && ex->http_status >= 200 && ex->http_status < 300) {
		acknowledge(t);
	} else {
		sgs_guard_count(s->guard, SGS_N_PUSH_FAILED, 1);
		LOG_DEBUG(s->log, "sga-push-failed", LOG_N("device", t->device),
		          LOG_N("status", ex->http_status), LOG_Z("why", ex->failure));
		leave_place(t);
		wait_longer(t);
		sgs_push_run(t->p);
	}
	sgs_leave(s);
}

static bool
is_coap(struct slice url)
{
	return slice_starts(url, SLICE_LIT("coap"));
}

/* Over CoAP there are no headers of that kind. */
static bool
set_url(struct sgs_target *t, struct slice url)
{
	int n;

	if (is_coap(url))
		n = asprintf(&t->url, "%.*s%sx-m2m-sga-item=%s", (int)url.n, url.p,
		             memchr(url.p, '?', url.n) == NULL ? "?" : "&", t->text);
	else
		n = asprintf(&t->url, "%.*s", (int)url.n, url.p);
	if (n < 0)
		t->url = NULL;
	return n >= 0;
}

struct taking {
	struct sgs_target *t;
	size_t n;
	bool failed;
};

static bool
take_item(void *arg, const struct sgs_item *i)
{
	struct taking *to = arg;

	to->t->item = i->number;
	to->n = i->octets.n;
	to->t->body = malloc(i->octets.n + 1);
	to->failed = to->t->body == NULL;
	if (!to->failed)
		memcpy(to->t->body, i->octets.p, i->octets.n);
	return false;
}

static void
fill_exchange(struct sgs_target *t, size_t n)
{
	t->ex = (struct exchange){
		.method = SLICE_LIT("POST"),
		.url = slice_of(t->url),
		.body = slice_make(t->body, n),
		.timeout_ms = t->p->s->conf->send_timeout_ms,
		.answer_max = ANSWER_MAX,
		.done = sent,
		.owner = t,
	};
	exchange_add_header(&t->ex, SLICE_LIT("Content-Type"), SLICE_LIT(MEDIA));
	if (!is_coap(t->ex.url))
		exchange_add_header(&t->ex, SLICE_LIT("X-M2M-SGA-Item"), slice_of(t->text));
	exchange_add_issuer(&t->ex, t->p->s->scl, 2);
}

/* RC_OK: t->ex is ready; RC_NOT_FOUND: there is nothing to be done, or no contact any more. */
static enum rc
prepare(struct sgs_target *t)
{
	struct taking to = { .t = t };
	struct sgs_device d;
	struct sgs_view *v;
	enum rc rc = sgs_view_open(t->p->s->book, &v);

	if (rc != RC_OK)
		return rc;
	rc = sgs_device_get(v, t->device, &d);
	if (rc == RC_OK && (d.contact.n == 0 || d.items == 0))
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = sgs_item_list(v, t->device, 0, 1, SGS_MESSAGE_MAX, take_item, &to);
	if (rc == RC_OK && t->body == NULL)
		rc = to.failed ? RC_UNAVAILABLE : RC_NOT_FOUND;
	snprintf(t->text, sizeof(t->text), "%" PRIu64, t->item);
	if (rc == RC_OK && !set_url(t, d.contact))
		rc = RC_UNAVAILABLE;
	sgs_view_close(v);
	if (rc == RC_OK)
		fill_exchange(t, to.n);
	return rc;
}

static void
begin(struct sgs_target *t)
{
	enum rc rc = prepare(t);

	if (rc == RC_OK) {
		t->p->active++;
		t->state = SENDING;
		scl_send(t->p->s->scl, &t->ex);
	} else if (rc == RC_NOT_FOUND) {
		sgs_target_end(t);
	} else {
		clear(t);
		wait_longer(t);
	}
}

void
sgs_push_run(struct sgs_push *p)
{
	while (p->queue != NULL && p->active < p->s->conf->server.push_places)
		begin(dequeue(p));
}
