/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include <stdio.h>
#include <stdlib.h>

void
dv_post(struct dv *dv, struct scl_task *task, int64_t delay)
{
	pthread_mutex_lock(&dv->lock);
	if (dv->running)
		scl_post(dv->scl, task, delay);
	pthread_mutex_unlock(&dv->lock);
}

static void
dv_free(struct dv *dv)
{
	dv_book_close(dv);
	while (dv->first != NULL) {
		struct dv_reading *r = dv->first;

		dv->first = r->next;
		free(r);
	}
	sign_key_free(dv->sign);
	ibas_signer_free(dv->signer);
	secret_free(dv->secrets, sizeof(*dv->secrets));
	buf_fini(&dv->body);
	pthread_mutex_destroy(&dv->lock);
	free(dv);
}

static enum rc
open_all(struct dv *dv, char why[CAPABILITY_WHY_MAX])
{
	struct slice base = scl_base_path(dv->scl);
	enum rc rc;
	int n = snprintf(dv->path, DV_PATH_MAX, "%.*s/smallData", (int)base.n, base.p);

	if (n <= 0 || n >= DV_PATH_MAX)
		return RC_BAD_REQUEST;
	if (dv->conf.gateway == NULL || dv->conf.container == NULL) {
		snprintf(why, CAPABILITY_WHY_MAX,
		         "small data of a device needs sd.gateway and sd.container");
		return RC_BAD_REQUEST;
	}
	dv->secrets = secret_alloc(sizeof(*dv->secrets));
	if (dv->secrets == NULL)
		return RC_UNAVAILABLE;
	rc = dv_book_open(dv, why);
	if (rc != RC_OK)
		return rc;
	dv->endpoint = (struct endpoint){ .path = dv->path,
		                          .serve = SERVE_DIA,
		                          .body_max = SD_PAYLOAD_MAX,
		                          .serve_request = dv_serve,
		                          .arg = dv };
	return endpoint_add(dv->scl, &dv->endpoint);
}

static enum rc
device_attach(struct scl *scl, const struct capability_conf *conf, void **state,
              char why[CAPABILITY_WHY_MAX])
{
	struct dv *dv;
	enum rc rc;

	*state = NULL;
	if (!conf->sd.enabled)
		return RC_OK;
	dv = calloc(1, sizeof(*dv));
	if (dv == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&dv->lock, NULL);
	dv->scl = scl;
	dv->sec = conf->sec;
	dv->cap = conf;
	dv->clock = &clock_system;
	dv->log = conf->log;
	dv->conf = conf->sd;
	dv->last = &dv->first;
	dv->next_seq = 1;
	dv->limit = DV_BATCH;
	buf_init(&dv->body, SD_BUNDLE_MAX);
	rc = open_all(dv, why);
	if (rc == RC_OK) {
		*state = dv;
		return RC_OK;
	}
	if (why[0] == '\0')
		snprintf(why, CAPABILITY_WHY_MAX, "small data: %s", status_of(rc)->text);
	dv_free(dv);
	return rc;
}

static enum rc
device_start(struct scl *scl, const struct capability_conf *conf, void **state,
             char why[CAPABILITY_WHY_MAX])
{
	struct dv *dv = *state;

	(void)scl;
	(void)conf;
	(void)why;
	if (dv == NULL)
		return RC_OK;
	dv_run_init(dv);
	pthread_mutex_lock(&dv->lock);
	dv->running = true;
	scl_post(dv->scl, &dv->task, 0);
	pthread_mutex_unlock(&dv->lock);
	return RC_OK;
}

/* What waits for the book is answered; the courier, which runs on, finds nothing to do. */
static void
device_stop(void *state)
{
	struct dv *dv = state;

	if (dv == NULL)
		return;
	pthread_mutex_lock(&dv->lock);
	dv->running = false;
	pthread_mutex_unlock(&dv->lock);
	tables_work_stop(dv->work);
	dv->work = NULL;
}

static void
device_detach(void *state)
{
	if (state != NULL)
		dv_free(state);
}

const struct capability cap_sd_device = {
	.name = "sd-device",
	.attach = device_attach,
	.start = device_start,
	.stop = device_stop,
	.detach = device_detach,
};
