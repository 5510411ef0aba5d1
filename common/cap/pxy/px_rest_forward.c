/* SPDX-License-Identifier: Apache-2.0 */
/* Forwards: made, looked at, deleted; what keys and sinks of bodies become. */
#include "config.h"

#include <stdio.h>

#include "cap/pxy/px_rest_own.h"
#include "pre/afgh.h"

_Static_assert(PX_RK_BYTES == AFGH_G2, "the book and the scheme have other keys");

#define MANY "too many sinks, keys or forwards"

/* ---- keys: each an element of the group, or it is refused before it is stored ---- */

static enum rc
check_key(const struct px_key *k)
{
	struct afgh_rk *rk;
	enum rc rc = afgh_rk_load(slice_make(k->rk, PX_RK_BYTES), &rk);

	afgh_rk_free(rk);
	return rc;
}

static void
check_run(struct pool_job *job)
{
	struct px_call *c = (struct px_call *)((char *)job - offsetof(struct px_call, job));
	enum rc rc = job->ending ? RC_UNAVAILABLE : RC_OK;

	for (unsigned i = 0; rc == RC_OK && i < PX_REST_VERIFIED && c->at < c->keys.n; i++)
		rc = check_key(&c->keys.v[c->at++]);
	if (rc == RC_BAD_REQUEST)
		px_call_refuse(c, rc, SLICE_LIT("rk is no re-encryption key"));
	else if (rc != RC_OK)
		px_call_fail(c, rc, NULL);
	else if (c->at < c->keys.n)
		px_call_to_pool(c, check_run);
	else
		c->then(c);
}

void
px_rest_check_keys(struct px_call *c, void (*then)(struct px_call *c))
{
	c->then = then;
	if (c->keys.n > 0)
		px_call_to_pool(c, check_run);
	else
		then(c);
}

/* ---- sinks ---- */

static const struct px_section *
copy_section(struct px_call *c, const struct px_json_point *p)
{
	struct px_section *s = p->by_section ? ARENA_NEW(c->arena, struct px_section) : NULL;

	if (s != NULL)
		*s = p->section;
	return s;
}

static bool
is_said(const struct px_json_point *p)
{
	return p->by_section || p->number != 0;
}

bool
px_rest_terms(struct px_call *c, const struct px_json_sink *s, const struct px_json_point *from,
              const struct px_json_point *to, struct px_sink_terms *out)
{
	const struct px_json_point *begin = is_said(&s->from) || from == NULL ? &s->from : from;
	const struct px_json_point *end = is_said(&s->to) || to == NULL ? &s->to : to;

	*out = (struct px_sink_terms){
		.url = s->url,
		.rate = s->rate != 0 ? s->rate : c->px->conf->store.rate,
		.compress = s->compress,
		.batch = s->batch,
		.start = begin->number,
		.until = end->number,
		.first = copy_section(c, begin),
		.last = copy_section(c, end),
		.keys = s->keys,
		.n_keys = s->n_keys,
		.udp_key = s->udp_key,
	};
	out->n_last = out->last != NULL;
	return (!begin->by_section || out->first != NULL) &&
	       (!end->by_section || out->last != NULL);
}

static bool
has_url_twice(const struct px_json_sink *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_eq(v[i].url, v[k].url))
				return true;
	return false;
}

/* ---- POST stores/{s}/forwards ---- */

static void
made(struct px_op *op)
{
	const struct px_forward_new *n = (const struct px_forward_new *)op;
	struct px_call *c = op->owner;
	char text[PX_ID_TEXT];

	if (op->rc != RC_OK) {
		px_call_fail(c, op->rc, MANY);
		return;
	}
	px_id_text(n->id, text);
	px_call_location(c, "forwards/%s", text);
	buf_char(&c->out, '{');
	json_put_text(&c->out, "id", slice_of(text));
	json_put_number(&c->out, "revision", 1);
	json_put_open(&c->out, "sinks", '[');
	for (size_t i = 0; i < n->n_sinks; i++) {
		json_put_open(&c->out, NULL, '{');
		json_put_text(&c->out, "url", n->sinks[i].url);
		json_put_number(&c->out, "lane", (int64_t)i + 1);
		buf_char(&c->out, '}');
	}
	buf_puts(&c->out, "]}");
	px_call_answer(c, RC_CREATED);
}

static void
make(struct px_call *c)
{
	px_forward_make(c->px->book, &c->u.forward);
}

static void
begin(struct req *rq)
{
	px_rest_check_keys(px_call_of(rq), make);
}

static enum rc
fill(struct px_call *c, const struct px_json_forward *j)
{
	struct px_sink_terms *terms = ARENA_ARRAY(c->arena, struct px_sink_terms, j->n_sinks);

	if (terms == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < j->n_sinks; i++)
		if (!px_rest_terms(c, &j->sinks[i], &j->from, &j->to, &terms[i]))
			return RC_UNAVAILABLE;
	c->u.forward = (struct px_forward_new){
		.op = { .done = made, .owner = c },
		.store = c->id,
		.request = j->request.given ? &c->request : NULL,
		.who = c->who.name,
		.sinks = terms,
		.n_sinks = j->n_sinks,
	};
	return RC_OK;
}

enum rc
px_rest_forward_create(struct px_call *c)
{
	struct px_json_forward j;
	const char *why = NULL;
	char what[32 + PX_ID_TEXT];
	enum rc rc = px_json_forward(c->in->body, c->arena, &j, &c->keys, &why);

	if (rc != RC_OK)
		return px_call_refuse(c, rc, slice_of(why));
	rc = px_call_takes_keys(c);
	if (rc != RC_OK)
		return rc;
	if (has_url_twice(j.sinks, j.n_sinks))
		return px_call_refuse(c, RC_CONFLICT, SLICE_LIT("two sinks have the same url"));
	snprintf(what, sizeof(what), "forward %016llx", (unsigned long long)c->id);
	rc = px_call_request(c, &j.request, what);
	if (rc != RC_OK)
		return rc;
	rc = fill(c, &j);
	return rc == RC_OK ? px_call_pend(c, begin) : px_call_fail(c, rc, NULL);
}

/* ---- GET, DELETE ---- */

struct listing {
	struct px_call *c;
	enum rc rc;
};

static bool
put_key(void *arg, const struct px_key_of *of)
{
	struct buf *b = arg;

	json_put_open(b, NULL, '{');
	json_put_number(b, "stream", of->stream);
	json_put_number(b, "epoch", of->epoch);
	buf_char(b, '}');
	return true;
}

static void
put_section(struct buf *b, const char *name, const struct px_section *s)
{
	json_put_open(b, name, '{');
	json_put_number(b, "stream", s->stream);
	json_put_number(b, "epoch", s->epoch);
	json_put_number(b, "keyIndex", s->key_index);
	buf_char(b, '}');
}

/* Those that have ended are only in the monitor. */
static bool
put_sink(void *arg, const struct px_sink *s)
{
	struct listing *l = arg;
	struct buf *b = &l->c->out;

	if (s->ended)
		return true;
	json_put_open(b, NULL, '{');
	json_put_text(b, "url", s->url);
	json_put_number(b, "lane", s->number);
	json_put_number(b, "rate", (int64_t)s->rate);
	json_put_number(b, "batch", s->batch);
	json_put_flag(b, "compress", s->compress);
	if (s->has_first)
		put_section(b, "from", &s->first);
	json_put_open(b, "to", '[');
	for (size_t i = 0; i < s->n_last; i++)
		put_section(b, NULL, &s->last[i]);
	buf_char(b, ']');
	if (s->until != UINT64_MAX)
		json_put_number(b, "until", (int64_t)s->until);
	json_put_open(b, "rk", '[');
	l->rc = px_key_list(l->c->view, s->forward, s->number, NULL, put_key, b);
	buf_puts(b, "]}");
	return l->rc == RC_OK;
}

const char *
px_rest_state_name(enum px_state s)
{
	static const char *const names[] = {
		[PX_RUNNING] = "running", [PX_PAUSED] = "paused", [PX_STOPPED] = "stopped"
	};

	return names[s];
}

enum rc
px_rest_forward_get(struct px_call *c)
{
	struct listing l = { .c = c };
	struct buf *b = &c->out;
	char text[PX_ID_TEXT];
	enum rc rc;

	buf_char(b, '{');
	px_id_text(c->id, text);
	json_put_text(b, "id", slice_of(text));
	px_id_text(c->forward.store, text);
	json_put_text(b, "store", slice_of(text));
	json_put_number(b, "revision", (int64_t)c->forward.version);
	json_put_text(b, "state", slice_of(px_rest_state_name(c->forward.state)));
	json_put_open(b, "sinks", '[');
	rc = px_sink_list(c->view, c->id, put_sink, &l);
	buf_puts(b, "]}");
	if (rc == RC_OK)
		rc = l.rc;
	return rc == RC_OK ? px_call_answer(c, RC_OK) : px_call_fail(c, rc, NULL);
}

static void
remove_begin(struct req *rq)
{
	struct px_call *c = px_call_of(rq);

	px_forward_remove(c->px->book, &c->u.end);
}

enum rc
px_rest_forward_delete(struct px_call *c)
{
	c->u.end = (struct px_forward_end){ .op = { .done = px_call_ended, .owner = c },
		                            .forward = c->id };
	return px_call_pend(c, remove_begin);
}
