/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_named.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"
#include "cap/pxy/px_source.h"
#include "cap/pxy/px_who.h"
#include "codec/json_fields.h"
#include "core/saf_relief.h"
#include "mas/mas_path.h"
#include "sec/hex.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define BODY_MAX 8192u
#define ANSWER_MAX (1u << 20)
#define MEDIA_JSON "application/json"

/* In the arena of its request. */
struct call {
	struct px_naming n; /* first: a naming is its call */
	struct px *px;
	struct req *rq;
	const struct op *op;
	struct slice name; /* of the sink */
	struct scl_task task;
	struct buf out;
};

struct op {
	enum req_op method;
	const char *path; /* below the root, with one '*' */
	/* Serving thread; false: the body is none. NULL: there is none to be read. */
	bool (*read)(struct call *c, struct slice body);
	void (*run)(struct call *c); /* courier thread; ends by finish */
};

struct px_named {
	struct px *px;
	char *paths[2];
	struct endpoint endpoints[2];
};

/* ---- the end of a call ---- */

static void
finish(struct call *c, enum rc rc)
{
	struct req *rq = c->rq;
	bool ok = status_is_success(rc) && !c->out.failed;

	if (!ok)
		rc = endpoint_refuse(rq, rc == RC_OK ? RC_UNAVAILABLE : rc, SLICE_NONE);
	else
		rc = endpoint_answer(rq, rc, MEDIA_JSON, buf_view(&c->out));
	buf_fini(&c->out);
	endpoint_finish(rq, rc);
}

static void
naming_done(struct px_naming *n)
{
	struct call *c = (struct call *)(void *)n;

	if (n->rc == RC_UNAVAILABLE)
		req_answer(c->rq)->retry_after = 1;
	finish(c, n->rc == RC_OK && c->op->method == REQ_DELETE ? RC_NO_CONTENT : n->rc);
}

/* ---- operations ---- */

static void
run_show(struct call *c)
{
	px_source_show(c->px->source, &c->out);
	finish(c, RC_OK);
}

static void
run_park(struct call *c)
{
	px_source_park(c->px->source);
	finish(c, RC_NO_CONTENT);
}

static void
run_name(struct call *c)
{
	px_source_name(c->px->source, &c->n);
}

static void
run_unname(struct call *c)
{
	px_source_unname(c->px->source, &c->n);
}

struct body {
	struct slice url, pk2, destination, from;
};

static const struct json_field body_fields[] = {
	JSON_FIELD(struct body, url, "url", JSON_TEXT, true),
	JSON_FIELD(struct body, pk2, "pk2", JSON_TEXT, true),
	JSON_FIELD(struct body, destination, "destination", JSON_TEXT, false),
	JSON_FIELD(struct body, from, "from", JSON_OBJECT, false),
};

struct point {
	int64_t stream, epoch, key_index;
};

static const struct json_field point_fields[] = {
	JSON_FIELD(struct point, stream, "stream", JSON_NUMBER, true),
	JSON_FIELD(struct point, epoch, "epoch", JSON_NUMBER, true),
	JSON_FIELD(struct point, key_index, "keyIndex", JSON_NUMBER, true),
};

static bool
read_point(struct px_naming *n, struct slice from)
{
	struct point p = { 0 };

	if (!json_read(from, point_fields, NITEMS(point_fields), &p) || p.stream < 0 ||
	    p.stream > UINT16_MAX || p.epoch < 0 || p.epoch > UINT32_MAX || p.key_index < 0 ||
	    p.key_index > UINT16_MAX)
		return false;
	n->from_point = true;
	n->stream = (uint16_t)p.stream;
	n->epoch = (uint32_t)p.epoch;
	n->key_index = (uint16_t)p.key_index;
	return true;
}

/* Checks the key (a few pairings' time): on the serving thread, for managers alone. */
static bool
read_sink(struct call *c, struct slice text)
{
	struct px_spool_sink *k = &c->n.sink;
	struct body b = { 0 };

	if (!json_read(text, body_fields, NITEMS(body_fields), &b) || !uri_is_transport(b.url) ||
	    !slice_copy(b.url, k->url, sizeof(k->url)) ||
	    !hex_decode(b.pk2, k->pk2, sizeof(k->pk2)) ||
	    afgh_public_second_check(slice_make(k->pk2, sizeof(k->pk2))) != RC_OK)
		return false;
	if (b.destination.n > 0) {
		k->destination = saf_relief_destination(b.destination);
		if (k->destination == 0)
			return false;
	}
	c->n.from_now = k->destination == 0;
	return b.from.n == 0 || read_point(&c->n, b.from);
}

static const struct op ops[] = {
	{ REQ_RETRIEVE, "source", NULL, run_show },
	{ REQ_CREATE, "source/park", NULL, run_park },
	{ REQ_UPDATE, "source/sinks/*", read_sink, run_name },
	{ REQ_DELETE, "source/sinks/*", NULL, run_unname },
};

/* ---- a call ---- */

static void
on_courier(struct scl_task *task)
{
	struct call *c = (struct call *)(void *)((char *)task - offsetof(struct call, task));
	struct px *px = c->px;

	/* What is handed in within the gate is answered before the source has stopped. */
	if (!px_enter(px)) {
		finish(c, RC_UNAVAILABLE);
		return;
	}
	c->op->run(c);
	px_leave(px);
}

static void
begin(struct req *rq)
{
	struct call *c = endpoint_state(rq);

	c->task.run = on_courier;
	if (!px_post(c->px, &c->task, 0))
		finish(c, RC_UNAVAILABLE);
}

/* Letters, digits, '-', '_' and '.': it stands in a path. */
static bool
name_ok(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char ch = name.p[i];

		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		      (ch >= '0' && ch <= '9') || strchr("-_.", ch) != NULL))
			return false;
	}
	return name.n > 0 && name.n <= PX_SPOOL_NAME;
}

static enum rc
find(struct call *c, enum req_op method, bool head, struct slice path)
{
	enum rc rc = RC_NOT_FOUND;

	for (size_t i = 0; i < NITEMS(ops); i++) {
		if (!mas_path_is(ops[i].path, path, &c->name))
			continue;
		if (c->name.p != NULL && !name_ok(c->name))
			return RC_NOT_FOUND;
		rc = RC_NOT_ALLOWED;
		if (ops[i].method == method && !head) {
			c->op = &ops[i];
			return RC_OK;
		}
	}
	return rc;
}

static enum rc
serve_inside(struct call *c, struct req *rq, const struct req_input *in)
{
	struct slice path =
		arena_printf(req_arena(rq), "source%s%.*s", endpoint_rest(rq).n > 0 ? "/" : "",
	                     (int)endpoint_rest(rq).n, endpoint_rest(rq).p);
	struct px_who who;
	bool json;
	enum rc rc = endpoint_accept(rq, true, &json);

	if (rc != RC_OK)
		return rc;
	rc = px_who_of(rq, in, &who);
	if (rc != RC_OK)
		return rc;
	if (!px_is_manager(c->px, who.name))
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_NONE);
	rc = find(c, in->op, in->head, path);
	if (rc == RC_NOT_ALLOWED)
		return endpoint_not_allowed(rq, "GET, PUT, DELETE, POST");
	if (rc == RC_OK && c->op->read != NULL && !c->op->read(c, in->body))
		rc = RC_BAD_REQUEST;
	if (rc != RC_OK)
		return endpoint_refuse(rq, rc, SLICE_NONE);
	(void)slice_copy(c->name, c->n.sink.name, sizeof(c->n.sink.name));
	return endpoint_pend(rq, begin, c);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct px_named *named = arg;
	struct call *c = ARENA_NEW(req_arena(rq), struct call);
	enum rc rc;

	if (c == NULL || !px_enter(named->px)) {
		req_answer(rq)->retry_after = 1;
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	}
	*c = (struct call){ .px = named->px, .rq = rq, .n.done = naming_done };
	buf_init(&c->out, ANSWER_MAX);
	rc = serve_inside(c, rq, in);
	px_leave(named->px);
	return rc;
}

/* ---- life ---- */

static void
named_free(struct px_named *n)
{
	for (size_t i = 0; i < NITEMS(n->paths); i++)
		free(n->paths[i]);
	free(n);
}

static enum rc
attach(struct px *px, char why[CAPABILITY_WHY_MAX])
{
	struct px_named *n = calloc(1, sizeof(*n));
	enum rc rc = n == NULL ? RC_UNAVAILABLE : RC_OK;

	(void)why;
	for (size_t i = 0; rc == RC_OK && i < NITEMS(n->paths); i++) {
		if (asprintf(&n->paths[i], "/%s/proxy/source%s", px->all->base, i == 0 ? "" : "/") <
		    0) {
			n->paths[i] = NULL;
			rc = RC_UNAVAILABLE;
			break;
		}
		n->px = px;
		n->endpoints[i] = (struct endpoint){ .path = n->paths[i],
			                             .serve = SERVE_TREE,
			                             .body_max = BODY_MAX,
			                             .internal = true,
			                             .serve_request = serve,
			                             .arg = n };
		rc = endpoint_add(px->scl, &n->endpoints[i]);
	}
	if (rc == RC_OK)
		px->named = n;
	else if (n != NULL)
		named_free(n);
	return rc;
}

static void
detach(struct px *px)
{
	named_free(px->named);
	px->named = NULL;
}

const struct px_part px_part_named = {
	.name = "managers of the source",
	.roles = PX_SOURCE,
	.attach = attach,
	.detach = detach,
};
