/* SPDX-License-Identifier: Apache-2.0 */
/* A request from its beginning to its end, and what it needs while it lives. */
#include "config.h"

#include "core/endpoint.h"
#include "core/observe.h"
#include "core/scl_impl.h"
#include "sec/secret.h"

#include <stdarg.h>
#include <stdlib.h>

/* What an answer of a few headers needs. */
#define PARKED_ARENA 1024u

enum rc
req_fail(struct req *rq, enum rc rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	rq->message = arena_vprintf(rq->arena, fmt, ap);
	va_end(ap);
	rq->rc = rc;
	return rc;
}

/* A request with an arena and nothing else; both of ended ones where there are some. */
static struct req *
memory_take(struct scl *scl)
{
	struct arena *a = NULL;
	struct req *rq = NULL;

	pthread_mutex_lock(&scl->arenas_lock);
	if (scl->narenas > 0)
		a = scl->arenas[--scl->narenas];
	if (scl->nspares > 0)
		rq = scl->spares[--scl->nspares];
	pthread_mutex_unlock(&scl->arenas_lock);
	if (a == NULL)
		a = arena_new(scl->conf.arena_max);
	if (rq == NULL)
		rq = malloc(sizeof(*rq));
	if (a == NULL || rq == NULL) {
		arena_free(a);
		free(rq);
		return NULL;
	}
	*rq = (struct req){ .arena = a };
	return rq;
}

/* For the next ones, or to where they came from. Either may be NULL. */
static void
memory_give(struct scl *scl, struct arena *a, struct req *rq)
{
	if (a != NULL)
		arena_reset(a);
	pthread_mutex_lock(&scl->arenas_lock);
	if (a != NULL && scl->narenas < ARENAS_KEPT) {
		scl->arenas[scl->narenas++] = a;
		a = NULL;
	}
	if (rq != NULL && scl->nspares < ARENAS_KEPT) {
		scl->spares[scl->nspares++] = rq;
		rq = NULL;
	}
	pthread_mutex_unlock(&scl->arenas_lock);
	arena_free(a);
	free(rq);
}

static struct req *
req_alloc(struct scl *scl, const struct req_listener *listener)
{
	const struct scl_conf *conf = scl_conf(scl);
	struct req *rq = memory_take(scl);

	if (rq == NULL)
		return NULL;
	rq->scl = scl;
	rq->conf = conf;
	rq->listener = listener;
	rq->out_codec = &codec_xml;
	rq->number = atomic_fetch_add_explicit(&scl->next_number, 1, memory_order_relaxed);
	return rq;
}

struct req *
req_new(struct scl *scl, const struct req_listener *listener)
{
	struct req *rq;

	if (!atomic_load(&scl->admitting))
		return NULL;
	if (atomic_fetch_add(&scl->requests, 1) >= scl_conf(scl)->pending_max ||
	    (rq = req_alloc(scl, listener)) == NULL) {
		atomic_fetch_sub(&scl->requests, 1);
		return NULL;
	}
	rq->counted = true;
	return rq;
}

struct req *
req_new_local(struct scl *scl, enum req_op op, struct slice target, struct slice from)
{
	static const struct req_listener none = { 0 };
	struct req *rq = req_alloc(scl, &none);

	if (rq == NULL)
		return NULL;
	rq->local = true;
	rq->own = from.n == 0;
	rq->in.op = op;
	rq->in.known_method = true;
	rq->in.target = arena_copy(rq->arena, target);
	/* Another SCL is told the absolute URI, which exists from scl_start on. */
	rq->in.from = !rq->own                  ? arena_copy(rq->arena, from)
	              : scl->own.base_uri.n > 0 ? scl->own.base_uri
	                                        : scl->base_path;
	return rq;
}

void
req_free(struct req *rq)
{
	if (rq == NULL)
		return;
	if (rq->sent != NULL)
		rq->sent(rq, rq->whole);
	if (rq->observer_new)
		observer_end(rq->observer);
	if (rq->counted)
		atomic_fetch_sub(&rq->scl->requests, 1);
	/* What endpoints take and give has keys in it. */
	if (rq->endpoint != NULL) {
		secret_wipe(rq->out.body, rq->out.body == NULL ? 0 : rq->out.body_len);
		arena_wipe(rq->arena);
	}
	free(rq->out.body);
	decision_release(rq->decision);
	decision_release(rq->old_decision);
	if (rq->parked) {
		atomic_fetch_sub(&rq->scl->parked, 1);
		arena_free(rq->arena);
	}
	memory_give(rq->scl, rq->parked ? NULL : rq->arena, rq);
}

bool
req_asks_sent(const struct req *rq)
{
	return rq->sent != NULL;
}

void
req_sent(struct req *rq)
{
	rq->whole = true;
}

enum rc
req_park(struct req *rq)
{
	struct arena *small = arena_new(PARKED_ARENA);

	if (small == NULL)
		return RC_UNAVAILABLE;
	memory_give(rq->scl, rq->arena, NULL);
	rq->arena = small;
	rq->parked = true;
	atomic_fetch_add(&rq->scl->parked, 1);
	rq->in = (struct req_input){ .op = rq->in.op,
		                     .head = rq->in.head,
		                     .known_method = true,
		                     .peer = rq->in.peer,
		                     .connection_id = rq->in.connection_id,
		                     .was_sealed = rq->in.was_sealed,
		                     .seal_seq = rq->in.seal_seq };
	rq->uri = (struct uri){ 0 };
	rq->who = (struct originator){ 0 };
	rq->filter = (struct filter){ 0 };
	rq->target = (struct target){ 0 };
	rq->doc = NULL;
	rq->message = SLICE_NONE;
	decision_release(rq->decision);
	decision_release(rq->old_decision);
	rq->decision = rq->old_decision = NULL;
	if (rq->counted)
		atomic_fetch_sub(&rq->scl->requests, 1);
	rq->counted = false;
	return RC_OK;
}

struct arena *
req_arena(struct req *rq)
{
	return rq->arena;
}

struct req_input *
req_input(struct req *rq)
{
	return &rq->in;
}

struct req_answer *
req_answer(struct req *rq)
{
	return &rq->out;
}

size_t
req_body_max(const struct req *rq)
{
	size_t max = rq->endpoint != NULL ? rq->endpoint->body_max : rq->conf->body_max;

	return rq->in.body_max != 0 && rq->in.body_max < max ? rq->in.body_max : max;
}

void
req_refuse(struct req *rq, enum rc rc, const char *text)
{
	rq->rc = rc;
	rq->answer = ANSWER_NONE;
	rq->message = slice_of(text);
}
