/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/json_fields.h"
#include "core/peer.h"

#define STATE_MAX 2048u

static const char *const counter_names[GW_COUNTS] = {
#define GW_COUNTER(name, text) text,
#include "cap/sd/sd_gateway_counters.def"
#undef GW_COUNTER
};

void
gw_count(struct gw *gw, enum gw_count which, uint64_t by)
{
	atomic_fetch_add_explicit(&gw->counters[which], by, memory_order_relaxed);
}

void
gw_post(struct gw *gw, struct scl_task *task, int64_t delay)
{
	pthread_mutex_lock(&gw->lock);
	if (gw->running)
		scl_post(gw->scl, task, delay);
	pthread_mutex_unlock(&gw->lock);
}

enum rc
gw_overload(struct gw *gw, struct req *rq, unsigned retry_after)
{
	gw_count(gw, GW_COUNT_OVERLOAD, 1);
	req_answer(rq)->retry_after = retry_after;
	return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
}

/* ---- its state, for whoever is on this machine ---- */

static enum rc
serve_state(void *arg, struct req *rq, const struct req_input *in)
{
	struct gw *gw = arg;
	struct endpoint_who who;
	struct buf b;
	unsigned pending;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (in->op != REQ_RETRIEVE)
		return endpoint_not_allowed(rq, "GET");
	if (in->peer == NULL || !in->peer->loopback)
		return endpoint_refuse(rq, RC_FORBIDDEN, SLICE_NONE);
	pthread_mutex_lock(&gw->lock);
	pending = gw->pending;
	pthread_mutex_unlock(&gw->lock);
	buf_init(&b, STATE_MAX);
	buf_char(&b, '{');
	json_put_number(&b, "pending", pending);
	json_put_number(&b, "kept", atomic_load(&gw->kept));
	json_put_open(&b, "counters", '{');
	for (unsigned i = 0; i < GW_COUNTS; i++)
		json_put_number(&b, counter_names[i], (int64_t)atomic_load(&gw->counters[i]));
	buf_puts(&b, "}}");
	rc = b.failed ? gw_overload(gw, rq, 1) : endpoint_answer(rq, RC_OK, GW_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

/* ---- life ---- */

static enum rc
add_one(struct gw *gw, struct endpoint *e, char path[GW_PATH_MAX], const char *rest,
        enum rc (*serve)(void *arg, struct req *rq, const struct req_input *in))
{
	struct slice base = scl_base_path(gw->scl);
	int n = snprintf(path, GW_PATH_MAX, "%.*s%s", (int)base.n, base.p, rest);

	if (n <= 0 || n >= GW_PATH_MAX)
		return RC_BAD_REQUEST;
	*e = (struct endpoint){ .path = path,
		                .serve = SERVE_DIA,
		                .body_max = SD_BUNDLE_MAX,
		                .serve_request = serve,
		                .arg = gw };
	return endpoint_add(gw->scl, e);
}

static enum rc
add_endpoints(struct gw *gw, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc = add_one(gw, &gw->data, gw->data_path, "/smallData", gw_data_serve);

	if (rc == RC_OK)
		rc = add_one(gw, &gw->round_endpoint, gw->round_path, "/smallData/round",
		             gw_round_serve);
	if (rc == RC_OK)
		rc = add_one(gw, &gw->state, gw->state_path, "/smallData/state", serve_state);
	if (rc != RC_OK)
		snprintf(why, CAPABILITY_WHY_MAX, "small data cannot be served: %s",
		         status_of(rc)->text);
	return rc;
}

static void
gw_free(struct gw *gw)
{
	gw_book_close(gw);
	gw_queue_free(gw);
	gw_devices_free(gw);
	sd_budget_free(gw->budget);
	buf_fini(&gw->flight.body);
	free(gw->flight.readings);
	pthread_mutex_destroy(&gw->lock);
	key_wipe(&gw->seed);
	free(gw);
}

static enum rc
open_all(struct gw *gw, char why[CAPABILITY_WHY_MAX])
{
	enum rc rc;

	gw->flight.readings = calloc(SD_READINGS_MAX, sizeof(struct gw_reading *));
	if (gw->flight.readings == NULL)
		return RC_UNAVAILABLE;
	rc = secret_random(gw->seed.v, sizeof(gw->seed.v));
	if (rc == RC_OK)
		rc = sd_budget_new(&gw->budget);
	if (rc == RC_OK)
		rc = gw_book_open(gw, why);
	return rc == RC_OK ? add_endpoints(gw, why) : rc;
}

static enum rc
gateway_attach(struct scl *scl, const struct capability_conf *conf, void **state,
               char why[CAPABILITY_WHY_MAX])
{
	struct gw *gw;
	enum rc rc;

	*state = NULL;
	if (!conf->sd.enabled)
		return RC_OK;
	gw = calloc(1, sizeof(*gw));
	if (gw == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&gw->lock, NULL);
	gw->scl = scl;
	gw->sec = conf->sec;
	gw->cap = conf;
	gw->clock = &clock_system;
	gw->log = conf->log;
	gw->conf = conf->sd;
	gw->last = &gw->first;
	gw->asked_last = &gw->asked_first;
	buf_init(&gw->flight.body, SD_BUNDLE_MAX);
	rc = open_all(gw, why);
	if (rc == RC_OK)
		*state = gw;
	else
		gw_free(gw);
	return rc;
}

static enum rc
gateway_start(struct scl *scl, const struct capability_conf *conf, void **state,
              char why[CAPABILITY_WHY_MAX])
{
	struct gw *gw = *state;
	enum rc rc;

	(void)scl;
	(void)conf;
	if (gw == NULL)
		return RC_OK;
	rc = sd_costs_measure(&gw->costs);
	if (rc == RC_OK)
		rc = pool_start(gw->conf.threads, &gw->pool);
	if (rc != RC_OK) {
		snprintf(why, CAPABILITY_WHY_MAX, "small data cannot be verified: %s",
		         status_of(rc)->text);
		return rc;
	}
	gw_keys_init(gw);
	gw_terms_init(gw);
	gw_send_init(gw);
	pthread_mutex_lock(&gw->lock);
	gw->running = true;
	scl_post(gw->scl, &gw->terms_task, 0);
	scl_post(gw->scl, &gw->send_task, 0);
	pthread_mutex_unlock(&gw->lock);
	return RC_OK;
}

/*
 * What the pool has goes to the book, what the book has is answered; the courier, which runs on,
 * finds nothing to do.
 */
static void
gateway_stop(void *state)
{
	struct gw *gw = state;

	if (gw == NULL)
		return;
	pthread_mutex_lock(&gw->lock);
	gw->running = false;
	pthread_mutex_unlock(&gw->lock);
	gw_keys_stop(gw);
	pool_stop(gw->pool);
	tables_work_stop(gw->work);
	gw->work = NULL;
}

static void
gateway_detach(void *state)
{
	if (state != NULL)
		gw_free(state);
}

const struct capability cap_sd_gateway = {
	.name = "sd-gateway",
	.attach = gateway_attach,
	.start = gateway_start,
	.stop = gateway_stop,
	.detach = gateway_detach,
};
