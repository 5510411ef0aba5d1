/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events become contentInstances below the scl of their node, or of the gateway that the node comes
 * by; one call at a time, also for reports.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/geo/geo_impl.h"

#define CONTAINER "securityEvents"
#define INSTANCES_KEPT "100"
#define MEDIA_JSON "application/json"
#define TRIES_MAX 200u
#define WAIT_FIRST CLOCK_SECOND
#define WAIT_MAX (30 * CLOCK_SECOND)
#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum step { STEP_EVENT, STEP_CONTAINER };

void
geo_wake(struct geo *g, int64_t delay)
{
	if (g->running)
		scl_post(g->parts.scl, &g->task, delay);
}

static void answered(struct scl_call *call);

/* The scl that it is told below. */
static const char *
holder(const struct geo_event *e)
{
	bool gateway = e->gateway[0] != '\0' && (e->scl_id[0] == '\0' || e->elsewhere);

	return gateway ? e->gateway : e->scl_id;
}

static void
write_container(struct geo *g)
{
	const char *right = g->parts.conf->access_right;

	snprintf(g->body, sizeof(g->body),
	         "<m2m:container xmlns:m2m=\"http://uri.etsi.org/m2m\" m2m:id=\"" CONTAINER "\">"
	         "%s%s%s<m2m:maxNrOfInstances>" INSTANCES_KEPT
	         "</m2m:maxNrOfInstances></m2m:container>",
	         right[0] == '\0' ? "" : "<m2m:accessRightID>", right,
	         right[0] == '\0' ? "" : "</m2m:accessRightID>");
}

static void
send(struct geo *g, enum step step)
{
	const struct geo_event *e = g->sending;
	struct slice base = scl_base_path(g->parts.scl);

	write_container(g);
	g->step = step;
	g->busy = true;
	snprintf(g->path, sizeof(g->path), "%.*s/scls/%s/containers%s", (int)base.n, base.p,
	         holder(e), step == STEP_EVENT ? "/" CONTAINER "/contentInstances" : "");
	g->call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                     .target = slice_of(g->path),
		                     .body = step == STEP_EVENT ? slice_of(e->text)
		                                                : slice_of(g->body),
		                     .done = answered,
		                     .owner = g };
	if (step == STEP_EVENT)
		g->call.content_type = SLICE_LIT(MEDIA_JSON);
	scl_call(g->parts.scl, &g->call);
}

static void
told(struct geo *g, const struct geo_event *e)
{
	struct geo_node *n = geo_find(g, &e->id);

	mas_count(g->counters, GEO_COUNT_EVENTS, 1);
	if (n == NULL || n->missed || geo_waiting(g, &n->id) > 0)
		return;
	n->untold = false;
	n->dirty = true;
}

/* There is no such scl yet, or the tree is busy: where there is none, that of the gateway is next. */
static bool
again(struct geo *g, struct geo_event *e, enum rc rc)
{
	int64_t wait = WAIT_FIRST << (e->tries / 8 < 5 ? e->tries / 8 : 5);

	if (++e->tries >= TRIES_MAX) {
		geo_lose(g, &e->id, status_of(rc)->text);
		return false;
	}
	e->elsewhere = rc == RC_NOT_FOUND && !e->elsewhere;
	e->due = clock_monotonic() + (wait < WAIT_MAX ? wait : WAIT_MAX);
	geo_put_back(g, e);
	return true;
}

static void
answered(struct scl_call *call)
{
	struct geo *g = call->owner;
	struct geo_event *e = g->sending;
	enum rc rc = call->rc;
	bool container = g->step == STEP_CONTAINER;

	scl_call_end(call);
	g->busy = false;
	if (!container && rc == RC_NOT_FOUND && !g->made) {
		send(g, STEP_CONTAINER);
		return;
	}
	/* Once for each try: what else has that name conflicts for ever. */
	g->made = container && (rc == RC_CREATED || rc == RC_CONFLICT);
	if (g->made) {
		send(g, STEP_EVENT);
		return;
	}
	pthread_mutex_lock(&g->lock);
	g->sending = NULL;
	if (status_is_success(rc) && !container)
		told(g, e);
	else if (again(g, e, rc))
		e = NULL;
	geo_wake(g, 0);
	pthread_mutex_unlock(&g->lock);
	free(e);
}

/* With the lock. The next event that is due, for the scl that its node has by now. */
static struct geo_event *
take(struct geo *g, int64_t now, int64_t *next)
{
	struct geo_event *e = geo_take_due(g, now, next);
	const struct geo_node *n = e == NULL ? NULL : geo_find(g, &e->id);

	if (n != NULL && n->scl_id[0] != '\0')
		memcpy(e->scl_id, n->scl_id, sizeof(e->scl_id));
	return e;
}

void
geo_run(struct scl_task *task)
{
	struct geo *g = OF(task, struct geo, task);
	int64_t now = clock_monotonic(), next = INT64_MAX;
	bool look = false;

	pthread_mutex_lock(&g->lock);
	geo_tell_missed(g);
	geo_save_all(g);
	if (!g->busy && g->running) {
		g->sending = take(g, now, &next);
		look = g->sending == NULL && geo_look(g, now, &next);
		if (g->sending == NULL && !look && next != INT64_MAX)
			geo_wake(g, next - now);
	}
	pthread_mutex_unlock(&g->lock);
	if (g->sending != NULL && !g->busy)
		send(g, STEP_EVENT);
	else if (look)
		scl_call(g->parts.scl, &g->call);
}
