/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of this device, step by step: what may wait for a disk or a command is done on the worker,
 * what is sent and what takes time on the courier thread.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/rem/rem_child.h"
#include "cap/rem/rem_impl.h"
#include "cap/rem/rem_sign.h"
#include "cap/rem/rem_stage.h"

#define LOG_TEXT_MAX (1u << 20)
#define UPLOAD_ARENA (4u << 20)

struct rem_job {
	struct rem_work work; /* first */
	struct scl_task back; /* from the worker, or after a time */
	struct rem *r;
	struct rem_job *next;
	struct mgmt_order *order; /* NULL: nobody waits for it */
	struct rem_plan plan;
	unsigned at; /* step */
	bool working, waiting, sending;
	bool cancelled;
	enum rc rc;
	char why[REM_WHY_MAX];
	struct exchange ex;
	struct buf package, signature;
	struct buf text; /* log of a period, or what is sent */
	char signature_url[REM_URL_MAX + sizeof(REM_SIGN_SUFFIX)];
};

static void job_go_on(struct rem_job *j);

/* ---- on the worker ---- */

static enum rc
run_system_restart(struct rem_job *j)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
	};
	struct buf output;
	struct rem_child c = { .argv = j->r->conf.rem.reboot_command,
		               .env = env,
		               .timeout_ms = j->r->conf.rem.command_timeout_ms,
		               .cancel = -1,
		               .stop = rem_worker_stop_fd(j->r->worker),
		               .held = -1,
		               .output = &output };
	enum rem_child_end end;

	buf_init(&output, 4096);
	end = rem_child_run(&c);
	buf_fini(&output);
	return end == REM_CHILD_OK ? RC_OK : rem_fail(j->why, RC_BAD_GATEWAY, "the command failed");
}

static enum rc
stop_log(struct rem_job *j)
{
	enum rc rc = rem_log_stop(j->r->period, &j->text);

	if (rc == RC_CONFLICT)
		return rem_fail(j->why, rc, "no log was begun");
	return rc == RC_OK ? rc : rem_fail(j->why, rc, "the log cannot be read");
}

static enum rc
work_step(struct rem_job *j)
{
	struct rem_plan *p = &j->plan;
	struct rem_packages *set = j->r->packages[p->kind];
	uint64_t version;

	if (set != NULL)
		rem_package_expect(set, p->pinned ? p->digest : NULL);
	switch (p->steps[j->at]) {
	case REM_IDLE:
		return RC_OK;
	case REM_STORE:
		return rem_package_store(set, p->file, buf_view(&j->package),
		                         buf_view(&j->signature), j->why);
	case REM_CHECK:
		return rem_package_check(set, p->source, p->file, &version, j->why);
	case REM_INSTALL:
		return rem_package_install(set, p->name, p->source, p->file, j->why);
	case REM_REMOVE:
		return rem_package_do(set, p->name, REM_REMOVES, j->why);
	case REM_ACTIVATE:
		return rem_package_do(set, p->name, REM_ACTIVATES, j->why);
	case REM_DEACTIVATE:
		return rem_package_do(set, p->name, REM_DEACTIVATES, j->why);
	case REM_LOG_START:
		return rem_log_start(j->r->period, p->log) == RC_OK
		               ? RC_OK
		               : rem_fail(j->why, RC_FORBIDDEN, "there is no such log");
	case REM_LOG_STOP:
		return stop_log(j);
	case REM_RESTART_SYSTEM:
		return run_system_restart(j);
	default:
		return RC_INTERNAL;
	}
}

static void
work_run(struct rem_work *work, bool stopping)
{
	struct rem_job *j = (struct rem_job *)(void *)work;

	j->rc = stopping ? rem_fail(j->why, RC_UNAVAILABLE, "interrupted") : work_step(j);
	scl_post(j->r->scl, &j->back, 0);
}

/* ---- the end ---- */

static void
job_free(struct rem_job *j)
{
	struct rem_job **at = &j->r->jobs;
	struct rem *r = j->r;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	buf_fini(&j->package);
	buf_fini(&j->signature);
	buf_fini(&j->text);
	free(j);
	rem_release(r);
}

/* What an order has changed is told at once. */
static void
job_end(struct rem_job *j)
{
	bool success = j->rc == RC_OK && !j->cancelled;
	const char *text = j->cancelled ? "cancelled" : success ? "done" : j->why;
	const struct mgmt_item item = { success ? "result" : "error", slice_of(text) };
	struct rem *r = j->r;

	if (j->order != NULL)
		mgmt_order_end(j->order, success, &item, 1);
	if (!r->leaving)
		rem_objects_look(r->objects);
	job_free(j);
}

/* ---- sending ---- */

static void
fetched(struct exchange *ex, struct rem_job *j, struct buf *to)
{
	bool ok = ex->rc == RC_OK && ex->http_status == 200;

	buf_fini(to);
	*to = ex->answer;
	buf_init(&ex->answer, 0);
	buf_fini(&ex->answer_text);
	j->rc = ok ? RC_OK : RC_BAD_GATEWAY;
	if (ex->rc != RC_OK)
		snprintf(j->why, sizeof(j->why), "%.120s cannot be fetched: %.40s", j->plan.url,
		         ex->failure);
	else if (!ok)
		snprintf(j->why, sizeof(j->why), "%.120s cannot be fetched: %d", j->plan.url,
		         ex->http_status);
}

static void
send_to(struct rem_job *j, struct slice method, struct slice url, size_t answer_max,
        void (*done)(struct exchange *ex))
{
	j->sending = true;
	j->ex = (struct exchange){ .method = method,
		                   .url = url,
		                   .answer_max = answer_max,
		                   .timeout_ms = j->r->conf.rem.download_timeout_ms,
		                   .done = done,
		                   .owner = j };
	if (slice_is(method, "PUT")) {
		j->ex.body = buf_view(&j->text);
		exchange_add_header(&j->ex, SLICE_LIT("Content-Type"),
		                    SLICE_LIT("text/plain; charset=utf-8"));
	}
	scl_send(j->r->scl, &j->ex);
}

static void
step_done(struct rem_job *j)
{
	if (j->rc == RC_OK)
		j->at++;
	job_go_on(j);
}

static void
signature_fetched(struct exchange *ex)
{
	struct rem_job *j = ex->owner;

	j->sending = false;
	fetched(ex, j, &j->signature);
	step_done(j);
}

static void
package_fetched(struct exchange *ex)
{
	struct rem_job *j = ex->owner;

	fetched(ex, j, &j->package);
	if (j->rc == RC_OK && !j->cancelled) {
		snprintf(j->signature_url, sizeof(j->signature_url), "%s" REM_SIGN_SUFFIX,
		         j->plan.url);
		send_to(j, SLICE_LIT("GET"), slice_of(j->signature_url), REM_SIGNATURE_FILE + 1,
		        signature_fetched);
		return;
	}
	j->sending = false;
	step_done(j);
}

static void
uploaded(struct exchange *ex)
{
	struct rem_job *j = ex->owner;
	struct buf ignored;

	buf_init(&ignored, 0);
	j->sending = false;
	if (ex->rc == RC_OK && ex->http_status >= 200 && ex->http_status < 300)
		ex->http_status = 200;
	fetched(ex, j, &ignored);
	buf_fini(&ignored);
	step_done(j);
}

/* The log of the last period, as the resource has it. */
static enum rc
take_log(struct rem_job *j)
{
	struct arena *a = arena_new(UPLOAD_ARENA);
	const struct val *vals = NULL, *data;
	enum rc rc = RC_NOT_FOUND;

	if (a != NULL && mgmt_own_values(j->r->scl, a, "performanceLog", &vals) == RC_OK &&
	    (data = val_get(vals, A_LOG_DATA)) != NULL && data->first != NULL &&
	    data->first->any != NULL) {
		buf_slice(&j->text, data->first->any->text);
		rc = RC_OK;
	}
	arena_free(a);
	return rc == RC_OK ? rc : rem_fail(j->why, rc, "there is no log of a period");
}

/* ---- steps on the courier thread ---- */

/* True when the step is over at once. */
static bool
step_here(struct rem_job *j)
{
	const struct capability_rem *c = &j->r->conf.rem;

	switch (j->plan.steps[j->at]) {
	case REM_WAIT:
		j->waiting = true;
		scl_post(j->r->scl, &j->back, j->plan.wait);
		return false;
	case REM_FETCH:
		send_to(j, SLICE_LIT("GET"), slice_of(j->plan.url), c->package_max + 1,
		        package_fetched);
		return false;
	case REM_UPLOAD:
		j->rc = take_log(j);
		if (j->rc != RC_OK)
			return true;
		send_to(j, SLICE_LIT("PUT"), slice_of(j->plan.url), LOG_TEXT_MAX, uploaded);
		return false;
	case REM_INFORM:
		if (j->r->push != NULL)
			rem_push_all(j->r->push);
		return true;
	default:
		j->rc = rem_fail(j->why, RC_INTERNAL, "the daemon cannot be restarted");
		return true;
	}
}

/* The order stays: it has succeeded when the daemon is there again. */
static void
restart(struct rem_job *j, bool reset)
{
	const struct capability_rem *c = &j->r->conf.rem;

	j->rc = c->restart(c->restart_arg, reset);
	if (j->rc != RC_OK) {
		rem_fail(j->why, j->rc, "the daemon cannot be restarted");
		job_end(j);
	}
}

static bool
is_work(enum rem_step step)
{
	return step == REM_IDLE || (step >= REM_STORE && step <= REM_RESTART_SYSTEM);
}

static void
submit(struct rem_job *j)
{
	j->working = !j->r->leaving && rem_worker_submit(j->r->worker, &j->work);
	if (j->working)
		return;
	j->rc = rem_fail(j->why, RC_UNAVAILABLE, "too much is to be done already");
	job_end(j);
}

static void
job_go_on(struct rem_job *j)
{
	unsigned total = 0;

	while (j->plan.steps[total] != REM_END)
		total++;
	if (j->rc != RC_OK || j->cancelled || j->r->leaving || j->at >= total) {
		job_end(j);
		return;
	}
	if (j->order != NULL)
		mgmt_order_progress(j->order, (int)(100 * j->at / total));
	if (j->plan.steps[j->at] == REM_RESTART || j->plan.steps[j->at] == REM_RESET)
		restart(j, j->plan.steps[j->at] == REM_RESET);
	else if (is_work(j->plan.steps[j->at]))
		submit(j);
	else if (step_here(j))
		step_done(j);
}

/* The log that was collected is a value of a resource from now on. */
static void
keep_log(struct rem_job *j)
{
	if (j->rc == RC_OK && j->plan.steps[j->at] == REM_LOG_STOP)
		rem_objects_set_log(j->r->objects, &j->text);
}

static void
back_run(struct scl_task *task)
{
	struct rem_job *j =
		(struct rem_job *)(void *)((char *)task - offsetof(struct rem_job, back));

	if (j->working)
		keep_log(j);
	j->working = j->waiting = false;
	step_done(j);
}

/* ---- from outside ---- */

void
rem_job_start(const struct mgmt_adaptor *self, struct mgmt_order *order)
{
	struct rem *r = self->owner;
	struct rem_job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		mgmt_order_end(order, false,
		               &(struct mgmt_item){ "error", SLICE_LIT("out of memory") }, 1);
		return;
	}
	j->work.run = work_run;
	j->back.run = back_run;
	j->r = r;
	j->order = order;
	order->owner = j;
	buf_init(&j->package, 0);
	buf_init(&j->signature, 0);
	buf_init(&j->text, LOG_TEXT_MAX);
	j->next = r->jobs;
	r->jobs = j;
	rem_hold(r);
	if (!rem_plan_make(r, order, &j->plan, j->why))
		j->rc = RC_FORBIDDEN;
	job_go_on(j);
}

/* What is being sent is let go when it comes back. */
void
rem_job_cancel(const struct mgmt_adaptor *self, struct mgmt_order *order)
{
	struct rem *r = self->owner;
	struct rem_job *j = order->owner;

	j->cancelled = true;
	if (j->waiting) {
		scl_cancel(r->scl, &j->back);
		job_end(j);
	} else if (j->working && rem_worker_cancel(r->worker, &j->work)) {
		job_end(j);
	}
}

void
rem_jobs_detach(struct rem *r)
{
	struct rem_job *next;

	for (struct rem_job *j = r->jobs; j != NULL; j = next) {
		next = j->next;
		j->order = NULL;
		if (j->working || j->sending)
			continue;
		if (j->waiting)
			scl_cancel(r->scl, &j->back);
		job_end(j);
	}
}
