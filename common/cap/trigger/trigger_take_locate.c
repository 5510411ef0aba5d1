/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trigger asks where this node is: what its location container has last goes to the NSCL, as a
 * contentInstance of the container that is for it there (TS 102 690, location containers). All of it
 * on the courier thread.
 */
#include "config.h"

#include "cap/trigger/trigger_take.h"

#include <stdio.h>

#include "cap/gate.h"

#define OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define WAIT_FIRST CLOCK_SECOND
#define TRIES 7u /* the connection may have to be made first */
#define KEPT "10" /* instances */

static void answered(struct scl_call *call);

static void
over(struct trigger_locate *l, const char *why)
{
	LOG_WARN(l->t->log, "location-not-reported", LOG_Z("nscl", l->nscl), LOG_Z("why", why));
	l->busy = false;
}

static void
ask(struct trigger_locate *l, enum trigger_locate_step step, struct slice method, struct slice body)
{
	l->step = step;
	l->call = (struct scl_call){ .method = method,
		                     .target = slice_of(l->target),
		                     .body = body,
		                     .done = answered,
		                     .owner = l };
	if (step == TRIGGER_LOCATE_READ)
		l->call.accept = SLICE_LIT("*/*");
	else if (step == TRIGGER_LOCATE_REPORT)
		l->call.content_type = slice_of(l->type);
	scl_call(l->t->scl, &l->call);
}

static void
read_own(struct trigger_locate *l)
{
	snprintf(l->target, sizeof(l->target), "%s/contentInstances/latest/content",
	         l->t->cap->geo.source);
	ask(l, TRIGGER_LOCATE_READ, SLICE_LIT("GET"), SLICE_NONE);
}

static void
report(struct trigger_locate *l)
{
	snprintf(l->target, sizeof(l->target), "%s/scls/%s/containers/%s/contentInstances", l->nscl,
	         l->t->cap->scl_id, l->t->cap->geo.container);
	ask(l, TRIGGER_LOCATE_REPORT, SLICE_LIT("POST"), slice_make(l->body, l->n_body));
}

static void
make_container(struct trigger_locate *l)
{
	snprintf(l->target, sizeof(l->target), "%s/scls/%s/containers", l->nscl, l->t->cap->scl_id);
	snprintf(l->container, sizeof(l->container),
	         "<m2m:container xmlns:m2m=\"http://uri.etsi.org/m2m\" m2m:id=\"%s\">"
	         "<m2m:maxNrOfInstances>" KEPT "</m2m:maxNrOfInstances></m2m:container>",
	         l->t->cap->geo.container);
	ask(l, TRIGGER_LOCATE_CONTAINER, SLICE_LIT("POST"), slice_of(l->container));
}

/* Not now: it is not registered yet, or out of reach. */
static void
later(struct trigger_locate *l, enum rc rc)
{
	if (++l->tries == TRIES)
		over(l, status_of(rc)->text);
	else
		scl_post(l->t->scl, &l->task, WAIT_FIRST << (l->tries - 1));
}

static void
task_run(struct scl_task *task)
{
	report(OF(task, struct trigger_locate, task));
}

/* Keeps what is to be sent. */
static bool
keep(struct trigger_locate *l)
{
	const struct req_answer *a = l->call.answer;

	if (l->call.rc != RC_OK || a->body == NULL || a->body_len == 0 ||
	    a->body_len > TRIGGER_REPORT_MAX ||
	    !slice_copy(a->content_type, l->type, sizeof(l->type)))
		return false;
	memcpy(l->body, a->body, a->body_len);
	l->n_body = a->body_len;
	return true;
}

static void
answered(struct scl_call *call)
{
	struct trigger_locate *l = call->owner;
	enum rc rc = call->rc;
	bool kept = l->step == TRIGGER_LOCATE_READ && keep(l);

	scl_call_end(call);
	if (l->step == TRIGGER_LOCATE_READ && !kept)
		over(l, "there is nothing to report");
	else if (l->step == TRIGGER_LOCATE_READ)
		report(l);
	else if (l->step == TRIGGER_LOCATE_REPORT && status_is_success(rc)) {
		LOG_INFO(l->t->log, "location-reported", LOG_Z("nscl", l->nscl));
		l->busy = false;
	} else if (l->step == TRIGGER_LOCATE_REPORT && rc == RC_NOT_FOUND && !l->made)
		make_container(l);
	else {
		/* There is one now, or no scl to have it: the report tells. */
		l->made = l->step == TRIGGER_LOCATE_CONTAINER && status_is_success(rc);
		later(l, rc);
	}
}

/* Where it is asked from; else the first NSCL. */
static const char *
nscl_of(const struct trigger_take *t, const char *nscl)
{
	const char *const *known = t->cap->nscl;

	if (nscl[0] != '\0')
		return nscl;
	if (known != NULL && known[0] != NULL)
		return known[0];
	known = t->gate == NULL ? NULL : t->gate->nscls(t->gate->arg);
	return known == NULL || known[0] == NULL ? "" : known[0];
}

void
trigger_locate(struct trigger_take *t, const char *nscl)
{
	struct trigger_locate *l = &t->locate;

	if (t->cap->geo.source == NULL || l->busy)
		return;
	l->t = t;
	l->task.run = task_run;
	l->tries = 0;
	l->made = false;
	if (!slice_copy(slice_of(nscl_of(t, nscl)), l->nscl, sizeof(l->nscl)) ||
	    l->nscl[0] == '\0') {
		over(l, "there is no NSCL to report to");
		return;
	}
	l->busy = true;
	read_own(l);
}
