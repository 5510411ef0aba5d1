/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, what is asked, how it ends. */
#include "config.h"

#include "cap/pxy/px_rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cap/pxy/px_rest_own.h"
#include "mas/mas_path.h"

#define MEDIA_JSON "application/json"
#define BODY_MAX (256u << 10)
#define BATCH_EXTRA 4096u /* lengths, besides the units */
#define EVERY (PX_PROXY | PX_SINK | PX_SOURCE)

static const struct px_rest_op ops[] = {
	{ REQ_RETRIEVE, "info", PX_OF_NOTHING, EVERY, px_rest_info },
	{ REQ_RETRIEVE, "load", PX_OF_NOTHING, PX_PROXY, px_rest_load },
	{ REQ_RETRIEVE, "counters", PX_OF_NOTHING, EVERY, px_rest_counters },
	{ REQ_CREATE, "stores", PX_OF_NOTHING, PX_PROXY, px_rest_store_create },
	{ REQ_RETRIEVE, "stores/*", PX_OF_STORE, PX_PROXY, px_rest_store_get },
	{ REQ_UPDATE, "stores/*", PX_OF_STORE, PX_PROXY, px_rest_store_renew },
	{ REQ_DELETE, "stores/*", PX_OF_STORE, PX_PROXY, px_rest_store_delete },
	{ REQ_CREATE, "stores/*/messages", PX_OF_STORE, PX_PROXY, px_rest_messages },
	{ REQ_CREATE, "stores/*/release", PX_OF_STORE, PX_PROXY, px_rest_store_release },
	{ REQ_RETRIEVE, "stores/*/monitor", PX_OF_STORE, PX_PROXY, px_rest_monitor },
	{ REQ_CREATE, "stores/*/forwards", PX_OF_STORE, PX_PROXY, px_rest_forward_create },
	{ REQ_RETRIEVE, "forwards/*", PX_OF_FORWARD, PX_PROXY, px_rest_forward_get },
	{ REQ_DELETE, "forwards/*", PX_OF_FORWARD, PX_PROXY, px_rest_forward_delete },
	{ REQ_UPDATE, "forwards/*/control", PX_OF_FORWARD, PX_PROXY, px_rest_control },
	{ REQ_RETRIEVE, "forwards/*/monitor", PX_OF_FORWARD, PX_PROXY, px_rest_monitor },
	{ .path = NULL },
};
static const struct px_rest_op coap_op = { .roles = PX_PROXY, .serve = px_rest_coap };

/* Entered where requests come in: what stands before the rest of the target. */
struct entry {
	struct endpoint endpoint;
	struct px_rest *rest;
	const char *prefix, *suffix; /* around what endpoint_rest gives */
	char *path;
};

enum { ENTRY_MESSAGES, ENTRY_ROOT, ENTRY_BELOW, ENTRIES };

struct px_rest {
	struct px *px;
	struct entry entries[ENTRIES];
};

/* ---- the end of a call ---- */

static enum rc
end_call(struct px_call *c, enum rc rc)
{
	struct req *rq = c->rq;
	bool pending = c->pending;

	json_wipe(&c->out);
	px_json_wipe(&c->keys);
	if (c->grants != NULL)
		secret_wipe(c->grants, sizeof(*c->grants) * c->n_grants);
	secret_wipe(&c->u, sizeof(c->u));
	if (pending)
		endpoint_finish(rq, rc);
	return rc;
}

enum rc
px_call_refuse(struct px_call *c, enum rc rc, struct slice reason)
{
	px_count(c->px, PX_N_REFUSED, 1);
	return end_call(c, endpoint_refuse(c->rq, rc, reason));
}

enum rc
px_call_answer(struct px_call *c, enum rc rc)
{
	if (c->out.failed)
		return px_call_refuse(c, RC_UNAVAILABLE, SLICE_NONE);
	return end_call(c, endpoint_answer(c->rq, rc, MEDIA_JSON, buf_view(&c->out)));
}

enum rc
px_call_done(struct px_call *c, enum rc rc)
{
	return end_call(c, endpoint_answer(c->rq, rc, MEDIA_JSON, SLICE_NONE));
}

enum rc
px_call_fail(struct px_call *c, enum rc rc, const char *many)
{
	if (rc == RC_TOO_LARGE && many != NULL)
		return px_call_refuse(c, RC_FORBIDDEN, slice_of(many));
	if (rc == RC_UNAVAILABLE)
		req_answer(c->rq)->retry_after = 1;
	return px_call_refuse(c, rc, SLICE_NONE);
}

void
px_call_ended(struct px_op *op)
{
	struct px_call *c = op->owner;

	if (op->rc == RC_OK)
		px_call_done(c, RC_NO_CONTENT);
	else
		px_call_fail(c, op->rc, NULL);
}

/* ---- on the way ---- */

enum rc
px_call_pend(struct px_call *c, void (*begin)(struct req *rq))
{
	c->pending = true;
	return endpoint_pend(c->rq, begin, c);
}

void
px_call_to_pool(struct px_call *c, void (*run)(struct pool_job *job))
{
	struct px *px = c->px;

	c->job.run = run;
	if (!px_enter(px)) {
		px_call_fail(c, RC_UNAVAILABLE, NULL);
		return;
	}
	pool_submit(px->pool, POOL_FOREIGN, &c->job);
	px_leave(px);
}

void
px_call_location(struct px_call *c, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	req_answer(c->rq)->location =
		arena_printf(c->arena, "/%s/proxy/%s", c->px->all->base, text);
}

enum rc
px_call_request(struct px_call *c, const struct px_json_again *again, const char *what)
{
	enum rc rc = px_digest(c->px->book, slice_of(what), c->in->body, c->request.digest);

	memcpy(c->request.id, again->id, PX_REQUEST_BYTES);
	return rc == RC_OK ? rc : px_call_fail(c, rc, NULL);
}

enum rc
px_call_needs_safety(struct px_call *c)
{
	if (px_who_safe(c->rq, c->in))
		return RC_OK;
	return px_call_refuse(c, RC_FORBIDDEN, SLICE_LIT("keys need TLS"));
}

enum rc
px_call_takes_keys(struct px_call *c)
{
	if (c->keys.n_udp > 0 && c->px->udp == NULL)
		return px_call_refuse(c, RC_BAD_REQUEST, SLICE_LIT("no datagrams are sent here"));
	return c->keys.n + c->keys.n_udp > 0 ? px_call_needs_safety(c) : RC_OK;
}

/* ---- which operation, on what, with what right ---- */

static bool
is_at(const struct px_call *c, const struct px_rest_op *op, struct slice path, struct slice *id)
{
	return (op->roles & c->px->roles) != 0 && mas_path_is(op->path, path, id);
}

static enum rc
find(struct px_call *c, struct slice path)
{
	struct slice id;
	enum rc rc = RC_NOT_FOUND;

	for (const struct px_rest_op *op = ops; op->path != NULL; op++) {
		if (!is_at(c, op, path, &id))
			continue;
		if (id.p != NULL && !px_id_parse(id, &c->id))
			return RC_NOT_FOUND;
		rc = RC_NOT_ALLOWED;
		if (op->method == c->in->op && !c->in->head) {
			c->op = op;
			return RC_OK;
		}
	}
	return rc;
}

/* 405, with the methods that there are. */
static enum rc
refuse_method(struct px_call *c, struct slice path)
{
	static const char *const names[] = { [REQ_CREATE] = "POST",
		                             [REQ_RETRIEVE] = "GET",
		                             [REQ_UPDATE] = "PUT",
		                             [REQ_DELETE] = "DELETE" };
	struct slice allow = SLICE_LIT(""), id;

	for (const struct px_rest_op *op = ops; op->path != NULL && allow.p != NULL; op++)
		if (is_at(c, op, path, &id))
			allow = arena_printf(c->arena, "%s%s%s", allow.p, allow.n > 0 ? ", " : "",
			                     names[op->method]);
	if (allow.p == NULL)
		return endpoint_refuse(c->rq, RC_UNAVAILABLE, SLICE_NONE);
	return endpoint_not_allowed(c->rq, allow.p);
}

static enum rc
look_up(struct px_call *c)
{
	uint64_t store = c->id;
	enum rc rc = RC_OK;

	if (c->op->of == PX_OF_FORWARD) {
		rc = px_forward_get(c->view, c->id, &c->forward);
		store = c->forward.store;
	}
	if (rc == RC_OK)
		rc = px_store_get(c->view, store, &c->store);
	if (rc == RC_OK && !px_store_allows(&c->store, c->who.name))
		rc = RC_FORBIDDEN;
	return rc;
}

static enum rc
carry_out(struct px_call *c)
{
	enum rc rc = RC_OK;

	if (c->op->serve == px_rest_monitor)
		endpoint_watch(c->rq, px_watch_key(c->id));
	if (c->px->book != NULL)
		rc = px_view_open(c->px->book, &c->view);
	if (rc == RC_OK && c->op->of != PX_OF_NOTHING)
		rc = look_up(c);
	rc = rc == RC_OK ? c->op->serve(c) : px_call_fail(c, rc, NULL);
	/* A call that was handed over is somebody's only when this thread has returned. */
	px_view_close(c->view);
	c->view = NULL;
	return rc;
}

/* The target as it is below the root; of the root itself info. */
static struct slice
path_of(const struct px_call *c, const struct entry *e)
{
	struct slice rest = endpoint_rest(c->rq);

	if (e->prefix == NULL)
		return rest.n == 0 ? SLICE_LIT("info") : rest;
	return arena_printf(c->arena, "%s%.*s%s", e->prefix, (int)rest.n, rest.p, e->suffix);
}

static enum rc
serve_inside(struct px_call *c, const struct entry *e)
{
	struct slice path;
	enum rc rc;
	bool json;

	px_count(c->px, PX_N_REQUESTS, 1);
	px_count(c->px, PX_N_RECEIVED, c->in->body.n);
	if (!px_rest_wants_events(c->in)) {
		rc = endpoint_accept(c->rq, true, &json);
		if (rc != RC_OK)
			return rc;
	}
	rc = px_who_of(c->rq, c->in, &c->who);
	if (rc != RC_OK)
		return rc;
	if (endpoint_is_foreign(c->rq)) {
		c->op = &coap_op;
		return carry_out(c);
	}
	path = path_of(c, e);
	rc = find(c, path);
	if (rc == RC_NOT_ALLOWED)
		return refuse_method(c, path);
	return rc == RC_OK ? carry_out(c) : endpoint_refuse(c->rq, rc, SLICE_NONE);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	const struct entry *e = arg;
	struct px *px = e->rest->px;
	struct px_call *c = ARENA_NEW(req_arena(rq), struct px_call);
	enum rc rc;

	if (c == NULL || !px_enter(px)) {
		req_answer(rq)->retry_after = 1;
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	}
	*c = (struct px_call){ .px = px, .rq = rq, .in = in, .arena = req_arena(rq) };
	buf_init(&c->out, PX_REST_ANSWER_MAX);
	c->out.secret = true;
	rc = serve_inside(c, e);
	px_leave(px);
	return rc;
}

/* ---- life ---- */

static enum rc
enter(struct px_rest *r, unsigned which, const struct entry *as)
{
	struct entry *e = &r->entries[which];
	const char *below = which == ENTRY_ROOT ? "" : "/";

	*e = *as;
	e->rest = r;
	if (asprintf(&e->path, "/%s/proxy%s%s", r->px->all->base, below,
	             e->prefix == NULL ? "" : e->prefix) < 0) {
		e->path = NULL;
		return RC_UNAVAILABLE;
	}
	e->endpoint.path = e->path;
	e->endpoint.serve = SERVE_TREE | SERVE_PROXY;
	e->endpoint.serve_request = serve;
	e->endpoint.arg = e;
	return endpoint_add(r->px->scl, &e->endpoint);
}

static void
rest_free(struct px_rest *r)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		free(r->entries[i].path);
	free(r);
}

static enum rc
rest_attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	size_t batch = px->conf->store.batch_bytes + BATCH_EXTRA;
	bool proxy = (px->roles & PX_PROXY) != 0;
	const struct entry entries[] = {
		[ENTRY_MESSAGES] = { .endpoint = { .tail = "/messages",
		                                   .body_max = batch,
		                                   .internal = true,
		                                   .foreign = true },
		                     .prefix = "stores/",
		                     .suffix = "/messages" },
		[ENTRY_ROOT] = { .endpoint = { .body_max = BODY_MAX, .internal = !proxy } },
		[ENTRY_BELOW] = { .endpoint = { .body_max = BODY_MAX, .internal = true } },
	};
	struct px_rest *r = calloc(1, sizeof(*r));
	enum rc rc = RC_OK;

	(void)why;
	if (r == NULL)
		return RC_UNAVAILABLE;
	r->px = px;
	for (unsigned i = proxy ? ENTRY_MESSAGES : ENTRY_ROOT; rc == RC_OK && i < ENTRIES; i++)
		rc = enter(r, i, &entries[i]);
	if (rc == RC_OK)
		px->rest = r;
	else
		rest_free(r);
	return rc;
}

static void
rest_detach(struct px *px)
{
	rest_free(px->rest);
	px->rest = NULL;
}

const struct px_part px_part_rest = {
	.name = "REST",
	.roles = EVERY,
	.attach = rest_attach,
	.detach = rest_detach,
};
