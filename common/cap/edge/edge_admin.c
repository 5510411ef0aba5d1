/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of the grants by HTTP, on the listeners that serve admin. */
#include "config.h"

#include <stdio.h>

#include "cap/edge/edge_admin.h"
#include "codec/json_fields.h"
#include "core/scl.h"
#include "mas/admin.h"

#define GRANT ADMIN_PATH "grants/"
#define MEDIA_JSON "application/json"
#define FAILURES_SLOTS 1024u

/* ---- who calls ---- */

static bool
proves(const struct edge *e, const struct req_input *in, char actor[EDGE_ACTOR_MAX + 1])
{
	struct slice name = SLICE_NONE;

	if (in->peer != NULL && admin_has_role(in->peer))
		name = in->peer->subject.n > 0 ? in->peer->subject : SLICE_LIT("certificate");
	else if (e->tokens != NULL)
		name = tokens_find(e->tokens, tokens_bearer(in->authorization));
	snprintf(actor, EDGE_ACTOR_MAX + 1, "%.*s", (int)name.n, name.n == 0 ? "" : name.p);
	return name.p != NULL;
}

static void
log_call(const struct edge *e, const char *name, const char *actor, struct slice object, enum rc rc)
{
	LOG_INFO(e->log.log, "admin-call", LOG_Z("operation", name), LOG_Z("by", actor),
	         LOG_S("object", object),
	         LOG_Z("result", status_is_success(rc) ? "ok" : status_of(rc)->text));
}

enum rc
edge_call_refuse(const struct edge_call *c, enum rc rc, const char *reason)
{
	log_call(c->e, c->name, c->actor, c->change.app_id, rc);
	return endpoint_refuse(c->rq, rc, slice_of(reason));
}

enum rc
edge_call_authenticate(struct edge_call *c, const struct req_input *in)
{
	struct slice source = in->peer == NULL ? SLICE_NONE : in->peer->address;
	unsigned wait = 0;

	snprintf(c->actor, sizeof(c->actor), "?");
	if (!failures_allow(c->e->failures, SLICE_NONE, source, &wait)) {
		req_answer(c->rq)->retry_after = wait;
		return edge_call_refuse(c, RC_UNAVAILABLE, "OVERLOAD");
	}
	if (proves(c->e, in, c->actor)) {
		failures_clear(c->e->failures, SLICE_NONE, source);
		return RC_OK;
	}
	snprintf(c->actor, sizeof(c->actor), "?");
	if (failures_add(c->e->failures, SLICE_NONE, source))
		LOG_WARN(c->e->log.log, "admin-locked", LOG_S("source", source));
	return edge_call_refuse(c, RC_DENIED, "AUTH_FAILED");
}

/* ---- changes ---- */

static enum rc
apply(const struct edge_call *c)
{
	const struct edge_change *change = &c->change;
	enum rc rc = change->rc;

	if (rc == RC_OK && change->now.n > 0)
		rc = edge_table_put(c->e->table, change->app_id, buf_view(&change->now));
	/* Rather none than one that was to be another. */
	if (change->rc == RC_OK && (rc != RC_OK || change->now.n == 0))
		edge_table_drop(c->e->table, change->app_id);
	return rc;
}

static const char *
reason_of(enum rc rc)
{
	static const struct {
		enum rc rc;
		const char *reason;
	} reasons[] = {
		{ RC_NO_SPACE, "FULL" },
		{ RC_NOT_FOUND, "NOT_FOUND" },
		{ RC_CONFLICT, "WITHDRAWN" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].rc == rc)
			return reasons[i].reason;
	return "OVERLOAD";
}

/* On the thread of the book: what is answered counts already. */
static void
changed(struct edge_change *change)
{
	struct edge_call *c = (struct edge_call *)(void *)change;
	struct req *rq = c->rq;
	enum rc rc = apply(c);

	if (rc != RC_OK) {
		endpoint_finish(rq, edge_call_refuse(c, rc, reason_of(rc)));
		return;
	}
	log_call(c->e, c->name, c->actor, change->app_id, rc);
	endpoint_finish(rq, endpoint_answer(rq, change->created ? RC_CREATED : RC_NO_CONTENT,
	                                    MEDIA_JSON, SLICE_NONE));
}

static void
begin(struct req *rq)
{
	struct edge_call *c = endpoint_state(rq);
	bool open;

	pthread_rwlock_rdlock(&c->e->lock);
	open = c->e->book != NULL;
	if (open)
		edge_book_change(c->e->book, &c->change);
	pthread_rwlock_unlock(&c->e->lock);
	if (!open)
		endpoint_finish(rq, edge_call_refuse(c, RC_UNAVAILABLE, "OVERLOAD"));
}

/* c is on the stack: what waits lives with its request, as the grant of EDGE_PUT already does. */
static enum rc
submit(const struct edge_call *c)
{
	struct arena *arena = req_arena(c->rq);
	struct edge_call *kept = ARENA_NEW(arena, struct edge_call);

	if (kept == NULL)
		return edge_call_refuse(c, RC_UNAVAILABLE, "OVERLOAD");
	*kept = *c;
	kept->change.done = changed;
	kept->change.app_id = arena_copy(arena, c->change.app_id);
	return kept->change.app_id.p == NULL ? edge_call_refuse(c, RC_UNAVAILABLE, "OVERLOAD")
	                                     : endpoint_pend(c->rq, begin, kept);
}

static void
look_copy(void *arg, const struct edge_grant *g, struct edge_rate *rate)
{
	(void)rate;
	edge_grant_write(g, arg);
}

/* ---- operations on one ---- */

/* As edge_grant_write has it, in the arena; p NULL: it is too long, or there is no memory. */
static struct slice
written(const struct edge_call *c, const struct edge_grant *g)
{
	struct slice json = SLICE_NONE;
	struct buf b;

	buf_init(&b, EDGE_GRANT_MAX);
	edge_grant_write(g, &b);
	if (!b.failed)
		json = arena_copy(req_arena(c->rq), buf_view(&b));
	buf_fini(&b);
	return json;
}

static enum rc
put_grant(struct edge_call *c, const struct req_input *in)
{
	struct slice type = in->content_type, essence = SLICE_NONE;
	struct edge_grant g;
	const char *why;

	slice_split(&type, ';', &essence);
	if (!slice_is(essence, MEDIA_JSON))
		return edge_call_refuse(c, RC_MEDIA_TYPE, "BAD_PARAM");
	if (edge_grant_read(in->body, &g, &why) != RC_OK)
		return edge_call_refuse(c, RC_BAD_REQUEST, why);
	if (g.state == EDGE_WITHDRAWN)
		return edge_call_refuse(c, RC_BAD_REQUEST, "state");
	c->change.kind = EDGE_PUT;
	c->change.json = written(c, &g);
	return c->change.json.p == NULL ? edge_call_refuse(c, RC_TOO_LARGE, "TOO_LARGE")
	                                : submit(c);
}

static enum rc
get_grant(struct edge_call *c, const struct req_input *in)
{
	struct buf b;
	enum rc rc = RC_NOT_FOUND;

	(void)in;
	buf_init(&b, EDGE_GRANT_MAX);
	if (edge_table_look(c->e->table, c->change.app_id, look_copy, &b))
		rc = b.failed ? RC_UNAVAILABLE : RC_OK;
	if (rc != RC_OK) {
		rc = edge_call_refuse(c, rc, reason_of(rc));
	} else {
		log_call(c->e, c->name, c->actor, c->change.app_id, rc);
		rc = endpoint_answer(c->rq, RC_OK, MEDIA_JSON, buf_view(&b));
	}
	buf_fini(&b);
	return rc;
}

/* Withdrawn first; once more, and nothing of it is left. */
static enum rc
delete_grant(struct edge_call *c, const struct req_input *in)
{
	(void)in;
	c->change.kind = EDGE_WITHDRAW;
	return submit(c);
}

static enum rc
set_state(struct edge_call *c, enum edge_state state)
{
	c->change.kind = EDGE_SET_STATE;
	c->change.state = state;
	return submit(c);
}

static enum rc
enable_grant(struct edge_call *c, const struct req_input *in)
{
	(void)in;
	return set_state(c, EDGE_ENABLED);
}

static enum rc
disable_grant(struct edge_call *c, const struct req_input *in)
{
	(void)in;
	return set_state(c, EDGE_DISABLED);
}

static const struct {
	enum req_op method;
	const char *tail; /* behind the App-ID */
	const char *name;
	enum rc (*run)(struct edge_call *c, const struct req_input *in);
} rows[] = {
	{ REQ_UPDATE, "", "grant-put", put_grant },
	{ REQ_RETRIEVE, "", "grant-get", get_grant },
	{ REQ_DELETE, "", "grant-delete", delete_grant },
	{ REQ_CREATE, "enable", "grant-enable", enable_grant },
	{ REQ_CREATE, "disable", "grant-disable", disable_grant },
};

/* Only what means itself in a URI: an App-ID is a segment of paths, as it is. */
static bool
is_app_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
		    memchr("-._~", c, 4) == NULL)
			return false;
	}
	return s.n > 0 && s.n <= EDGE_APP_MAX && !slice_is(s, ".") && !slice_is(s, "..");
}

static enum rc
serve_grant(void *arg, struct req *rq, const struct req_input *in)
{
	struct edge_call c = { .e = arg, .rq = rq, .name = "grant" };
	struct slice tail = endpoint_rest(rq), app_id = SLICE_NONE;
	bool path = false;
	enum rc rc;

	slice_split(&tail, '/', &app_id);
	if (is_app_id(app_id))
		c.change.app_id = app_id;
	rc = edge_call_authenticate(&c, in);
	if (rc != RC_OK)
		return rc;
	if (c.change.app_id.p == NULL)
		return edge_call_refuse(&c, RC_NOT_FOUND, "NOT_FOUND");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!slice_is(tail, rows[i].tail))
			continue;
		path = true;
		if (rows[i].method != in->op)
			continue;
		c.name = rows[i].name;
		return rows[i].run(&c, in);
	}
	return path ? edge_call_refuse(&c, RC_NOT_ALLOWED, "BAD_METHOD")
	            : edge_call_refuse(&c, RC_NOT_FOUND, "NOT_FOUND");
}

/* ---- life ---- */

enum rc
edge_admin_open(struct edge *e, char why[256])
{
	const struct failures_conf failures = { .clock = e->clock,
		                                .per_subject = FAILURES_PER_SUBJECT,
		                                .per_source = FAILURES_PER_SUBJECT,
		                                .window = FAILURES_WINDOW,
		                                .slots = FAILURES_SLOTS };
	enum rc rc = failures_new(&failures, &e->failures);

	if (rc == RC_OK && e->conf->admin_tokens != NULL)
		rc = tokens_read_one(e->conf->admin_tokens, "admin", &e->tokens, why);
	return rc;
}

enum rc
edge_admin_attach(struct edge *e)
{
	enum rc rc;

	e->grant = (struct endpoint){ .path = GRANT,
		                      .serve = SERVE_ADMIN,
		                      .internal = true,
		                      .body_max = EDGE_GRANT_MAX,
		                      .serve_request = serve_grant,
		                      .arg = e };
	rc = endpoint_add(e->scl, &e->grant);
	return rc == RC_OK ? edge_admin_list_attach(e) : rc;
}

void
edge_admin_close(struct edge *e)
{
	tokens_free(e->tokens);
	failures_free(e->failures);
}
