/* SPDX-License-Identifier: Apache-2.0 */
/* The courier's steps at a device, one at a time, and what they have in common. */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include "codec/json_fields.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000u
#define ANSWER_MAX 65536u
#define TERMS_TIME (60 * CLOCK_SECOND) /* how long the gateway's word holds */

/* ---- jobs and exchanges ---- */

static void
job_done(struct tables_job *j, enum rc rc)
{
	struct dv *dv = DV_OF(j, struct dv, job);

	dv->job_rc = rc;
	dv_post(dv, &dv->job_task, 0);
}

static void
job_over(struct scl_task *task)
{
	struct dv *dv = DV_OF(task, struct dv, job_task);

	dv->busy = false;
	dv->after(dv);
}

void
dv_job(struct dv *dv, enum rc (*run)(struct tables_job *j, struct tables_tx *tx),
       void (*after)(struct dv *dv))
{
	pthread_mutex_lock(&dv->lock);
	if (dv->running) {
		dv->busy = true;
		dv->after = after;
		dv->job = (struct tables_job){ .run = run, .done = job_done };
		tables_work_submit(dv->work, &dv->job);
	}
	pthread_mutex_unlock(&dv->lock);
}

void
dv_send(struct dv *dv, const char *method, const char *accept, const char *type,
        void (*done)(struct exchange *ex))
{
	struct exchange *ex = &dv->ex;

	*ex = (struct exchange){ .method = slice_of(method),
		                 .url = slice_of(dv->url),
		                 .timeout_ms = TIMEOUT_MS,
		                 .answer_max = ANSWER_MAX,
		                 .done = done,
		                 .owner = dv };
	(void)exchange_add_header(ex, SLICE_LIT("Accept"), slice_of(accept));
	if (type != NULL) {
		ex->body = buf_view(&dv->body);
		(void)exchange_add_header(ex, SLICE_LIT("Content-Type"), slice_of(type));
	}
	/* At the gateway the session, or the signature, says who it is. */
	if (!slice_starts(ex->url, slice_of(dv->conf.gateway)))
		(void)exchange_add_issuer(ex, dv->scl, dv->cap->nscl_release);
	dv->busy = true;
	scl_send(dv->scl, ex);
}

void
dv_sent(struct dv *dv)
{
	buf_fini(&dv->ex.answer);
	buf_fini(&dv->ex.answer_text);
	dv->busy = false;
}

void
dv_later(struct dv *dv, const char *step, const char *why)
{
	int64_t delay = dv->conf.retry_first;

	for (unsigned i = 0; i < dv->failures && delay < dv->conf.retry_max; i++)
		delay *= 2;
	if (delay > dv->conf.retry_max)
		delay = dv->conf.retry_max;
	if (dv->failures++ == 0)
		LOG_WARN(dv->log, "smalldata-waits", LOG_Z("for", step), LOG_Z("why", why));
	atomic_fetch_add(&dv->retries, 1);
	dv->not_before = clock_monotonic() + delay;
	dv_post(dv, &dv->task, delay);
}

/* ---- keys ---- */

static enum rc
keys_run(struct tables_job *j, struct tables_tx *tx)
{
	return dv_book_keys(DV_OF(j, struct dv, job), tx);
}

static void
keys_done(struct dv *dv)
{
	enum rc rc = dv->job_rc;

	sign_key_free(dv->sign);
	dv->sign = NULL;
	if (rc == RC_OK)
		rc = sign_key_from_seed(dv->secrets->seed.v, &dv->sign);
	dv->has_keys = rc == RC_OK;
	if (rc == RC_OK)
		dv_next(dv);
	else
		dv_later(dv, "keys", status_of(rc)->text);
}

/* False: there is no node, or its keys are being read. */
static bool
has_keys(struct dv *dv)
{
	struct node_id node;

	if (!dv->sec->node(dv->sec->arg, &node, NULL)) {
		dv_later(dv, "credentials", "there is no root key");
		return false;
	}
	if (dv->has_keys && node_id_eq(&node, &dv->node))
		return true;
	dv->node = node;
	dv->has_keys = false;
	atomic_store(&dv->registered, false);
	dv_job(dv, keys_run, keys_done);
	return false;
}

/* ---- what the gateway prefers ---- */

struct told {
	struct slice algs;
	int64_t preferred;
};

static bool
read_told(struct dv *dv, struct slice answer)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct told, algs, "algs", JSON_LIST, true),
		JSON_FIELD(struct told, preferred, "preferred", JSON_NUMBER, true),
	};
	struct told t = { 0 };
	struct slice item;
	uint64_t v;
	int more;

	if (!json_pick(answer, fields, 2, &t) || t.preferred < SD_ALG_MIN ||
	    t.preferred > SD_ALG_MAX)
		return false;
	dv->algs = 0;
	while ((more = json_item(&t.algs, &item)) == 1)
		if (slice_number(item, SD_ALG_MAX, &v))
			dv->algs |= SD_ALG_BIT((unsigned)v);
	dv->preferred = (enum sd_alg)t.preferred;
	return more == 0;
}

static void
told(struct exchange *ex)
{
	struct dv *dv = ex->owner;
	bool good =
		ex->rc == RC_OK && ex->http_status == 200 && read_told(dv, buf_view(&ex->answer));

	if (good)
		dv->asked = clock_monotonic();
	dv_sent(dv);
	if (good)
		dv_next(dv);
	else
		dv_later(dv, "the gateway",
		         ex->rc != RC_OK ? ex->failure : "it tells no algorithms");
}

bool
dv_gateway_url(struct dv *dv, const char *rest)
{
	size_t length = strlen(dv->conf.gateway);
	int n;

	while (length > 0 && dv->conf.gateway[length - 1] == '/')
		length--;
	n = snprintf(dv->url, sizeof(dv->url), "%.*s/smallData%s", (int)length, dv->conf.gateway,
	             rest);
	return n > 0 && (size_t)n < sizeof(dv->url);
}

static void
ask(struct dv *dv)
{
	if (dv_gateway_url(dv, ""))
		dv_send(dv, "GET", DV_JSON, NULL, told);
	else
		dv_later(dv, "the gateway", "sd.gateway is too long");
}

/* ---- steps ---- */

void
dv_next(struct dv *dv)
{
	bool running, waits;

	pthread_mutex_lock(&dv->lock);
	running = dv->running;
	waits = dv->first != NULL;
	pthread_mutex_unlock(&dv->lock);
	if (!running || dv->busy || !has_keys(dv))
		return;
	if (!atomic_load(&dv->registered))
		dv_register(dv);
	else if (waits && (dv->asked == 0 || clock_monotonic() - dv->asked > TERMS_TIME))
		ask(dv);
	else if (waits)
		dv_forward(dv);
}

static void
run(struct scl_task *task)
{
	struct dv *dv = DV_OF(task, struct dv, task);
	int64_t delay = dv->not_before - clock_monotonic();

	if (delay > 0)
		dv_post(dv, task, delay);
	else
		dv_next(dv);
}

void
dv_run_init(struct dv *dv)
{
	dv->task.run = run;
	dv->job_task.run = job_over;
}
