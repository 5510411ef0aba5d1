/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, what is asked, who waits. */
#include "config.h"

#include "cap/sgd/sgd_rest.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/sec.h"
#include "cap/sgd/sgd_rest_own.h"
#include "mas/mas_path.h"

#define BODY_MAX (SGD_DATA_MAX + 1u)

static const struct sgd_rest_op ops[] = {
	{ REQ_RETRIEVE, "status", sgd_rest_status, true },
	{ REQ_RETRIEVE, "counters", sgd_rest_counters, false },
	{ REQ_RETRIEVE, "peers", sgd_rest_peers, true },
	{ REQ_CREATE, "peers/*/messages", sgd_rest_send, false },
	{ REQ_RETRIEVE, "messages/*", sgd_rest_message, false },
	{ REQ_RETRIEVE, "inbox", sgd_rest_inbox, false },
	{ REQ_DELETE, "inbox/*", sgd_rest_inbox_del, false },
	{ REQ_RETRIEVE, "sessions", sgd_rest_sessions, true },
	{ REQ_DELETE, "sessions/*", sgd_rest_session_end, true },
	{ REQ_CREATE, "groups", sgd_rest_group_make, true },
	{ REQ_RETRIEVE, "groups", sgd_rest_groups, true },
	{ REQ_RETRIEVE, "groups/*", sgd_rest_group, true },
	{ REQ_UPDATE, "groups/*", sgd_rest_group_change, true },
	{ REQ_DELETE, "groups/*", sgd_rest_group_end, true },
	{ REQ_CREATE, "groups/*/messages", sgd_rest_group_send, true },
	{ REQ_DELETE, "groups/*/members/self", sgd_rest_group_leave, true },
	{ .path = NULL },
};

/* ---- which operation, for whom ---- */

static enum rc
find(struct sgd_call *c, struct slice path)
{
	struct slice id;
	enum rc rc = RC_NOT_FOUND;

	for (const struct sgd_rest_op *op = ops; op->path != NULL; op++) {
		if (!mas_path_is(op->path, path, &id))
			continue;
		rc = RC_NOT_ALLOWED;
		if (op->method == c->in->op && !c->in->head) {
			c->op = op;
			c->id = id;
			return RC_OK;
		}
	}
	return rc;
}

/* 405, with the methods that there are. */
static enum rc
refuse_method(struct sgd_call *c, struct slice path)
{
	static const char *const names[] = { [REQ_CREATE] = "POST",
		                             [REQ_RETRIEVE] = "GET",
		                             [REQ_UPDATE] = "PUT",
		                             [REQ_DELETE] = "DELETE" };
	struct slice allow = SLICE_LIT(""), id;

	for (const struct sgd_rest_op *op = ops; op->path != NULL && allow.p != NULL; op++)
		if (mas_path_is(op->path, path, &id))
			allow = arena_printf(c->arena, "%s%s%s", allow.p, allow.n > 0 ? ", " : "",
			                     names[op->method]);
	if (allow.p == NULL)
		return sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	return endpoint_not_allowed(c->rq, allow.p);
}

/* By the App-ID that is proved; where claims are taken, by that of the path that is claimed. */
static bool
is_application(const struct sgd_call *c, const struct endpoint_who *who, const char *app)
{
	const struct req_listener *at = endpoint_listener(c->rq);
	struct slice path;

	if (who->app_id.n > 0)
		return slice_is(who->app_id, app);
	if (at->policy != NULL && at->policy->proved)
		return false;
	path = arena_printf(c->arena, "/%s/applications/%s", c->d->all->base, app);
	return path.p != NULL && slice_eq(who->claimed, path);
}

static bool
may(const struct sgd_call *c, const struct endpoint_who *who)
{
	const char *const *apps = c->d->conf->device.applications;

	for (size_t i = 0; apps[i] != NULL; i++)
		if (is_application(c, who, apps[i]))
			return true;
	return apps[0] == NULL;
}

static enum rc
serve_inside(struct sgd_call *c)
{
	struct slice path = endpoint_rest(c->rq);
	struct endpoint_who who;
	enum rc rc;
	bool json;

	rc = endpoint_accept(c->rq, true, &json);
	if (rc == RC_OK)
		rc = endpoint_identify(c->rq, &who);
	if (rc != RC_OK)
		return rc;
	if (!may(c, &who))
		return sgd_call_refuse(c, RC_FORBIDDEN, NULL);
	if (path.n == 0)
		path = SLICE_LIT("status");
	rc = find(c, path);
	if (rc == RC_NOT_ALLOWED)
		return refuse_method(c, path);
	if (rc != RC_OK)
		return sgd_call_refuse(c, rc, NULL);
	return c->op->errand ? sgd_call_pend(c, sgd_errand_begin) : c->op->serve(c);
}

static enum rc
serve(void *arg, struct req *rq, const struct req_input *in)
{
	const struct sgd_entry *e = arg;
	struct sgd_call *c = ARENA_NEW(req_arena(rq), struct sgd_call);
	enum rc rc;

	if (c == NULL || !sgd_enter(e->d)) {
		req_answer(rq)->retry_after = 1;
		return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_NONE);
	}
	*c = (struct sgd_call){ .d = e->d, .rq = rq, .in = in, .arena = req_arena(rq) };
	buf_init(&c->out, SGD_ANSWER_MAX);
	c->out.secret = true;
	rc = serve_inside(c);
	sgd_leave(e->d);
	return rc;
}

/* ---- life ---- */

static enum rc
enter(struct sgd_rest *r, unsigned which, const char *below)
{
	struct sgd_entry *e = &r->entries[which];

	e->d = r->d;
	if (asprintf(&e->path, "/%s/sga%s", r->d->all->base, below) < 0) {
		e->path = NULL;
		return RC_UNAVAILABLE;
	}
	e->endpoint = (struct endpoint){ .path = e->path,
		                         .serve = SERVE_DIA,
		                         .body_max = BODY_MAX,
		                         .internal = which == SGD_ENTRY_BELOW,
		                         .serve_request = serve,
		                         .arg = e };
	return endpoint_add(r->d->scl, &e->endpoint);
}

enum rc
sgd_rest_attach(struct sgd *d)
{
	struct sgd_rest *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (r == NULL)
		return RC_UNAVAILABLE;
	r->d = d;
	r->errands_end = &r->errands;
	r->errand_task.run = sgd_errands_run;
	r->hold_task.run = sgd_hold_run;
	pthread_mutex_init(&r->lock, NULL);
	d->rest = r;
	rc = enter(r, SGD_ENTRY_ROOT, "");
	return rc == RC_OK ? enter(r, SGD_ENTRY_BELOW, "/") : rc;
}

void
sgd_rest_start(struct sgd *d)
{
	scl_post(d->scl, &d->rest->hold_task, SGD_HOLD);
}

void
sgd_rest_stop(struct sgd *d)
{
	struct sgd_rest *r = d->rest;
	struct sgd_call *c;

	do {
		pthread_mutex_lock(&r->lock);
		r->stopped = true;
		r->errands = NULL;
		r->errands_end = &r->errands;
		c = r->calls;
		if (c != NULL)
			sgd_call_unlink(r, c);
		pthread_mutex_unlock(&r->lock);
		if (c != NULL)
			sgd_call_refuse(c, RC_UNAVAILABLE, NULL);
	} while (c != NULL);
}

void
sgd_rest_detach(struct sgd *d)
{
	if (d->rest == NULL)
		return;
	for (unsigned i = 0; i < SGD_ENTRIES; i++)
		free(d->rest->entries[i].path);
	pthread_mutex_destroy(&d->rest->lock);
	free(d->rest);
	d->rest = NULL;
}
