/* SPDX-License-Identifier: Apache-2.0 */
/* What applications report: numbered, and answered when it is durable. */
#include "config.h"

#include "cap/sd/sd_device_impl.h"

#include <stdlib.h>

#include "codec/json_fields.h"

/* One that is being stored. */
struct putting {
	struct dv *dv;
	struct req *rq;
	struct dv_reading *reading;
	struct tables_job job;
};

static enum rc
overload(struct req *rq)
{
	req_answer(rq)->retry_after = 1;
	return endpoint_refuse(rq, RC_UNAVAILABLE, SLICE_LIT("OVERLOAD"));
}

static enum rc
run(struct tables_job *j, struct tables_tx *tx)
{
	return dv_book_put(tx, DV_OF(j, struct putting, job)->reading);
}

static enum rc
answer(struct putting *p, uint64_t seq, enum rc rc)
{
	struct buf b;

	if (rc == RC_NO_SPACE)
		return endpoint_refuse(p->rq, rc, SLICE_LIT("FULL"));
	buf_init(&b, 64);
	buf_char(&b, '{');
	json_put_number(&b, "seq", (int64_t)seq);
	buf_char(&b, '}');
	rc = rc == RC_OK && !b.failed ? endpoint_answer(p->rq, RC_ACCEPTED, DV_JSON, buf_view(&b))
	                              : overload(p->rq);
	buf_fini(&b);
	return rc;
}

static void
done(struct tables_job *j, enum rc rc)
{
	struct putting *p = DV_OF(j, struct putting, job);
	struct dv *dv = p->dv;
	const uint64_t seq = p->reading->seq;
	struct req *rq = p->rq;

	pthread_mutex_lock(&dv->lock);
	if (rc == RC_OK) {
		*dv->last = p->reading;
		dv->last = &p->reading->next;
		if (dv->running)
			scl_post(dv->scl, &dv->task, 0);
	} else {
		dv->pending--;
	}
	pthread_mutex_unlock(&dv->lock);
	if (rc != RC_OK)
		free(p->reading);
	rc = answer(p, seq, rc);
	free(p);
	endpoint_finish(rq, rc);
}

/* Numbers grow as jobs are submitted, so that the queue is in their order. */
static void
begin(struct req *rq)
{
	struct putting *p = endpoint_state(rq);
	struct dv *dv = p->dv;
	bool taken;

	pthread_mutex_lock(&dv->lock);
	taken = dv->running && dv->ready && dv->pending < dv->conf.queue_max;
	if (taken) {
		dv->pending++;
		p->reading->seq = dv->next_seq++;
		p->job = (struct tables_job){ .run = run, .done = done };
		tables_work_submit(dv->work, &p->job);
	}
	pthread_mutex_unlock(&dv->lock);
	if (taken)
		return;
	free(p->reading);
	free(p);
	endpoint_finish(rq, overload(rq));
}

static enum rc
take(struct dv *dv, struct req *rq, struct slice payload)
{
	struct putting *p = calloc(1, sizeof(*p));
	struct dv_reading *r = calloc(1, sizeof(*r) + payload.n);

	if (p == NULL || r == NULL) {
		free(p);
		free(r);
		return overload(rq);
	}
	r->millis = (uint64_t)(clock_now(dv->clock) / 1000);
	r->n = payload.n;
	memcpy(r->payload, payload.p, payload.n);
	*p = (struct putting){ .dv = dv, .rq = rq, .reading = r };
	return endpoint_pend(rq, begin, p);
}

static enum rc
tell(struct dv *dv, struct req *rq)
{
	unsigned pending;
	struct buf b;
	enum rc rc;

	pthread_mutex_lock(&dv->lock);
	pending = dv->pending;
	pthread_mutex_unlock(&dv->lock);
	buf_init(&b, 512);
	buf_char(&b, '{');
	json_put_number(&b, "pending", pending);
	json_put_flag(&b, "registered", atomic_load(&dv->registered));
	json_put_number(&b, "alg", atomic_load(&dv->alg));
	json_put_number(&b, "sent", (int64_t)atomic_load(&dv->sent));
	json_put_number(&b, "rejected", (int64_t)atomic_load(&dv->rejected));
	json_put_number(&b, "retries", (int64_t)atomic_load(&dv->retries));
	buf_char(&b, '}');
	rc = b.failed ? overload(rq) : endpoint_answer(rq, RC_OK, DV_JSON, buf_view(&b));
	buf_fini(&b);
	return rc;
}

enum rc
dv_serve(void *arg, struct req *rq, const struct req_input *in)
{
	struct dv *dv = arg;
	struct endpoint_who who;
	enum rc rc = endpoint_identify(rq, &who);

	if (rc != RC_OK)
		return rc;
	if (in->op == REQ_RETRIEVE)
		return tell(dv, rq);
	if (in->op != REQ_CREATE)
		return endpoint_not_allowed(rq, "GET, POST");
	if (in->body.n == 0)
		return endpoint_refuse(rq, RC_BAD_REQUEST, SLICE_LIT("BAD_PARAM"));
	if (in->body.n > SD_PAYLOAD_MAX)
		return endpoint_refuse(rq, RC_TOO_LARGE, SLICE_NONE);
	return take(dv, rq, in->body);
}
