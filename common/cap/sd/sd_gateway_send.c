/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles to the network, one at a time.
 *
 *   pick, courier -> build, pool -> send, courier -> judge (sd_gateway_answer.c)
 *     -> settle, the book -> the next one        or -> the same again after a while
 */
#include "config.h"

#include "cap/sd/sd_gateway_impl.h"

#include <stdlib.h>

#define TIMEOUT_MS 30000u
#define ANSWER_MAX (256u << 10) /* each reading of a bundle may be named */

/* ---- build ---- */

/* Signatures of single readings behind each other; RC_UNAVAILABLE. */
static enum rc
put_proofs(const struct gw_flight *f, size_t size, struct buf *b)
{
	for (size_t i = 0; i < f->n; i++)
		buf_add(b, f->readings[i]->proof, size);
	return b->failed ? RC_UNAVAILABLE : RC_OK;
}

static enum rc
put_aggregate(const struct gw_flight *f, struct buf *b)
{
	uint8_t one[SD_IDENTITY_SIZE];
	struct buf all;
	enum rc rc;

	buf_init(&all, SD_READINGS_MAX * GW_PROOF_MAX);
	rc = put_proofs(f, gw_proof_size(f->readings[0]->alg), &all);
	if (rc == RC_OK && f->bundle.alg == SD_BLS) {
		rc = sd_bls_aggregate(buf_view(&all), one);
		buf_add(b, one, SD_BLS_SIZE);
	} else if (rc == RC_OK) {
		memcpy(one, f->readings[0]->round, SD_ROUND_SIZE);
		rc = ibas_aggregate(buf_view(&all), one + SD_ROUND_SIZE);
		buf_add(b, one, sizeof(one));
	}
	buf_fini(&all);
	return rc == RC_OK && b->failed ? RC_UNAVAILABLE : rc;
}

static enum rc
write_bundle(struct gw_flight *f, const struct buf *signatures)
{
	struct sd_reading *readings = malloc(f->n * sizeof(*readings));
	enum rc rc;

	if (readings == NULL)
		return RC_UNAVAILABLE;
	for (size_t i = 0; i < f->n; i++) {
		const struct gw_reading *r = f->readings[i];

		readings[i] = (struct sd_reading){ .device = r->device->id,
			                           .seq = r->seq,
			                           .millis = r->millis,
			                           .payload = slice_make(r->payload, r->n) };
	}
	f->bundle.signatures = buf_view(signatures);
	buf_clear(&f->body);
	rc = sd_bundle_write(&f->bundle, readings, &f->body);
	f->bundle.signatures = SLICE_NONE;
	free(readings);
	return rc;
}

/* What is picked does not change until the bundle is answered. */
static void
build(struct pool_job *job)
{
	struct gw_flight *f = GW_OF(job, struct gw_flight, job);
	struct gw *gw = GW_OF(f, struct gw, flight);
	struct buf signatures;

	if (job->ending)
		return;
	buf_init(&signatures, SD_SIGNATURES_MAX);
	if (f->bundle.alg == SD_BLS || f->bundle.alg == SD_IDENTITY)
		f->built = put_aggregate(f, &signatures);
	else
		f->built = put_proofs(f, gw_proof_size(f->bundle.alg), &signatures);
	if (f->built == RC_OK)
		f->built = write_bundle(f, &signatures);
	buf_fini(&signatures);
	gw_post(gw, &f->built_task, 0);
}

/* ---- send ---- */

static void
answered(struct exchange *ex)
{
	struct gw *gw = ex->owner;
	bool running;

	pthread_mutex_lock(&gw->lock);
	running = gw->running;
	pthread_mutex_unlock(&gw->lock);
	/* After the end the book is closed: what the network has it says again. */
	if (running)
		gw_answered(gw);
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
}

static void
send(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;

	if (!nscl_url(gw->cap, "/smallData", f->url)) {
		gw_send_later(gw, 0);
		return;
	}
	f->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = slice_of(f->url),
		                   .body = buf_view(&f->body),
		                   .timeout_ms = TIMEOUT_MS,
		                   .answer_max = ANSWER_MAX,
		                   .done = answered,
		                   .owner = gw };
	(void)exchange_add_header(&f->ex, SLICE_LIT("Content-Type"), SLICE_LIT(SD_BUNDLE_TYPE));
	(void)exchange_add_header(&f->ex, SLICE_LIT("Accept"), SLICE_LIT(GW_JSON));
	(void)exchange_add_issuer(&f->ex, gw->scl, gw->cap->nscl_release);
	gw_count(gw, GW_COUNT_BUNDLES, 1);
	gw_count(gw, GW_COUNT_OCTETS, f->body.n);
	scl_send(gw->scl, &f->ex);
}

/* Signatures that make no aggregate go by themselves; one that is none at all leaves. */
static void
take_apart(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;

	for (size_t i = 0; i < f->n; i++) {
		f->readings[i]->answered = f->n == 1;
		f->readings[i]->alone = true;
	}
	if (f->n == 1) {
		LOG_WARN(gw->log, "smalldata-no-signature",
		         LOG_N("number", (int64_t)f->readings[0]->seq));
		gw_count(gw, GW_COUNT_DROPPED, 1);
	}
	gw_send_settle(gw);
}

static void
built(struct scl_task *task)
{
	struct gw_flight *f = GW_OF(task, struct gw_flight, built_task);
	struct gw *gw = GW_OF(f, struct gw, flight);

	if (f->built == RC_OK)
		send(gw);
	else if (f->built == RC_BAD_REQUEST)
		take_apart(gw);
	else
		gw_send_later(gw, 0);
}

/* ---- pick ---- */

static void
note_payload(struct gw *gw)
{
	const struct gw_flight *f = &gw->flight;
	size_t octets = 0;

	for (size_t i = 0; i < f->n; i++)
		octets += f->readings[i]->n;
	if (f->n > 0)
		gw->mean_payload = octets / f->n;
}

static void
run(struct scl_task *task)
{
	struct gw *gw = GW_OF(task, struct gw, send_task);
	struct gw_flight *f = &gw->flight;
	int64_t now = clock_monotonic(), delay = f->not_before - now;

	if (f->busy)
		return;
	if (delay > 0) {
		gw_post(gw, task, delay);
		return;
	}
	pthread_mutex_lock(&gw->lock);
	if (gw->running && gw_queue_pick(gw, f, now, &delay) > 0) {
		f->busy = true;
		note_payload(gw);
		f->job.run = build;
		if (!gw->sec->node(gw->sec->arg, &f->bundle.gateway, NULL))
			f->bundle.gateway = (struct node_id){ 0 };
		pool_submit(gw->pool, POOL_OWN, &f->job);
	} else if (gw->running && delay != CLOCK_NEVER) {
		scl_post(gw->scl, task, delay);
	}
	pthread_mutex_unlock(&gw->lock);
}

/* ---- afterwards ---- */

void
gw_send_later(struct gw *gw, int64_t at_least)
{
	struct gw_flight *f = &gw->flight;
	int64_t delay = gw->conf.retry_first;

	for (unsigned i = 0; i < f->failures && delay < gw->conf.retry_max; i++)
		delay *= 2;
	if (delay > gw->conf.retry_max)
		delay = gw->conf.retry_max;
	if (delay < at_least)
		delay = at_least;
	f->failures++;
	f->not_before = clock_monotonic() + delay;
	f->busy = false;
	gw_count(gw, GW_COUNT_RETRIES, 1);
	gw_post(gw, &gw->send_task, delay);
}

static enum rc
settle_run(struct tables_job *j, struct tables_tx *tx)
{
	struct gw_flight *f = GW_OF(j, struct gw_flight, settle);
	struct gw *gw = GW_OF(f, struct gw, flight);
	enum rc rc = RC_OK;

	f->n_kept = 0;
	for (size_t i = 0; i < f->n && rc == RC_OK; i++) {
		if (!f->readings[i]->answered)
			continue;
		f->n_kept += gw_book_keeps(gw, f->readings[i]);
		rc = gw_book_settle(gw, tx, f->readings[i]);
	}
	return rc;
}

static void
settle_done(struct tables_job *j, enum rc rc)
{
	struct gw_flight *f = GW_OF(j, struct gw_flight, settle);
	struct gw *gw = GW_OF(f, struct gw, flight);

	f->settled = rc;
	if (rc == RC_OK)
		atomic_fetch_add(&gw->kept, (unsigned)f->n_kept);
	gw_post(gw, &f->settled_task, 0);
}

/* What could not be stored is sent again, and the network knows it then. */
static void
settled(struct scl_task *task)
{
	struct gw_flight *f = GW_OF(task, struct gw_flight, settled_task);
	struct gw *gw = GW_OF(f, struct gw, flight);

	if (f->settled != RC_OK) {
		for (size_t i = 0; i < f->n; i++)
			f->readings[i]->answered = false;
		gw_send_later(gw, 0);
		return;
	}
	pthread_mutex_lock(&gw->lock);
	gw_queue_sweep(gw);
	pthread_mutex_unlock(&gw->lock);
	f->failures = 0;
	f->not_before = 0;
	f->busy = false;
	gw_post(gw, &gw->send_task, 0);
}

void
gw_send_settle(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;

	pthread_mutex_lock(&gw->lock);
	if (gw->running) {
		f->settle = (struct tables_job){ .run = settle_run, .done = settle_done };
		tables_work_submit(gw->work, &f->settle);
	}
	pthread_mutex_unlock(&gw->lock);
}

void
gw_send_init(struct gw *gw)
{
	struct gw_flight *f = &gw->flight;

	gw->send_task.run = run;
	f->built_task.run = built;
	f->settled_task.run = settled;
	f->limit = SD_READINGS_MAX;
}
